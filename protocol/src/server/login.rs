//! From the door to a session: login, which the service decides, and resume.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use crate::code::Code;
use crate::id::{SessionId, UserId};
use crate::io::{ConnId, Output};
use crate::limits;
use crate::message::Wire;
use crate::message::session::{Authenticated, Resumed, Retry};
use crate::service::Decision;
use crate::session::door::{Attempt, Door, Step};
use crate::session::server::{Identity, Onward, Session};
use crate::time::Instant;
use crate::wire::{Framer, Params, Text, reserved_frame};

use super::envelope::{Letter, Owner};
use super::relay::Relay;
use super::shard::{Handover, Moving};
use super::{Asker, Conn, Event, Server, hash, timers};

/// A login that the user has still to take in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Arriving {
    conn: ConnId,
    user: UserId,
    name: String,
}

impl Server {
    pub(super) fn door_frames(&mut self, conn: ConnId) {
        loop {
            let Some(Conn::Door(door)) = self.conns.get_mut(&conn) else {
                return;
            };
            let step = match door.framer.next_frame() {
                Ok(Some(frame)) => door.frame(&frame, &self.config, &mut self.random),
                Ok(None) => return,
                Err(error) => Err(error.into()),
            };
            match step {
                Ok(Step::Stay) => {}
                Ok(Step::Reply(bytes)) => {
                    self.write(conn, bytes);
                    //= WIRE-011
                    if self.config.reserved_frames && self.random.below(2) == 0 {
                        let frame = reserved_frame(&mut self.random, false);
                        self.write(conn, frame);
                    }
                }
                Ok(Step::Ask(question)) => {
                    let id = self.outbox.next_decision();
                    self.ask(id, Asker::Door(conn), question);
                }
                Ok(Step::Resume(attempt)) => self.resume(conn, attempt),
                Ok(Step::Leave) => return self.close(conn, Code::LOGOUT),
                Err(violation) => return self.breach(conn, violation),
            }
        }
    }

    pub(super) fn login_decided(&mut self, conn: ConnId, decision: Decision) {
        if !matches!(self.conns.get(&conn), Some(Conn::Door(_))) {
            return;
        }
        let (user, name, contacts) = match decision {
            Decision::User {
                user,
                name,
                contacts,
            } if user != UserId(0) => (user, name, contacts),
            Decision::Deny(code) => {
                self.event(Event::LoginRefused { code });
                let retry = match code {
                    Code::SERVICE_UNAVAILABLE => Retry::After,
                    _ => Retry::Never,
                };
                //= SES-018
                return self.dismiss(conn, code, retry, limits::DECISION);
            }
            Decision::Allow | Decision::User { .. } => {
                return self.dismiss(conn, Code::INTERNAL, Retry::Never, Duration::ZERO);
            }
        };
        let waiting = self.sessions.len().saturating_add(self.arriving.len());
        if waiting >= limits::MAX_SERVER_SESSIONS {
            return self.dismiss(conn, Code::TOO_MANY, Retry::After, limits::RESUME_WINDOW);
        }
        let Some(Conn::Door(door)) = self.conns.get(&conn) else {
            return;
        };
        let session = self.placement.draw_session(&mut self.random);
        let (device, opened) = (door.device.clone(), door.opened);
        self.arriving.insert(session, Arriving { conn, user, name });
        let attach = Letter::Attach {
            session,
            device,
            opened,
            contacts,
        };
        self.outbox
            .send(Owner::Session(session), Owner::User(user), attach);
    }

    /// The user has said whether it takes the session in.
    pub(super) fn arrived(&mut self, id: SessionId, letter: &Letter) {
        let Some(Arriving { conn, user, name }) = self.arriving.remove(&id) else {
            return;
        };
        if let Letter::NotAdmitted { code } = *letter {
            self.event(Event::LoginRefused { code });
            if let Some(Conn::Door(_)) = self.conns.get(&conn) {
                self.dismiss(conn, code, Retry::Never, Duration::ZERO);
            }
            return;
        }
        let Some(Conn::Door(_)) = self.conns.get(&conn) else {
            // The client went away in the meantime.
            let detach = Letter::Detach { session: id };
            return self
                .outbox
                .send(Owner::Session(id), Owner::User(user), detach);
        };
        let resume_token = self.random.token();
        let framer = Framer::new(limits::MAX_FRAME as u32);
        let session = Conn::Session {
            session: id,
            framer,
        };
        let Some(Conn::Door(door)) = self.conns.insert(conn, session) else {
            return;
        };
        let name = String::from(Text::<64>::cut(&name).as_str());
        let Door {
            framer,
            heartbeat_ms,
            device,
            opened,
            ..
        } = door;
        let token = hash(&resume_token);
        let who = Identity {
            user,
            name: name.clone(),
            device,
        };
        let session = Session::new(id, who, token, heartbeat_ms, self.now);
        self.sessions.insert(id, session);
        self.relays
            .insert(id, Relay::new(id, self.config.media.clone(), self.now));
        let named = Letter::Named {
            user,
            session: id,
            name: name.clone(),
        };
        self.outbox
            .send(Owner::Session(id), Owner::Directory, named);
        let welcome = Authenticated {
            user,
            session: id,
            resume_token,
            name: Text::cut(&name),
            params: Params::NONE,
        };
        self.write(conn, welcome.encode());
        self.timers.set(timers::Key::Conn(conn), None);
        self.event(Event::LoggedIn {
            user,
            session: id,
            name,
        });
        self.attach_session(id, conn, opened, framer);
    }

    /// RESUME: here where the session's home is, otherwise the connection moves there.
    fn resume(&mut self, conn: ConnId, attempt: Attempt) {
        let home = self.placement.home(Owner::Session(attempt.session));
        if home == self.placement.own() {
            return self.resume_here(conn, &attempt);
        }
        let Some(Conn::Door(door)) = self.conns.remove(&conn) else {
            return;
        };
        self.timers.set(timers::Key::Conn(conn), None);
        self.flush_writes();
        let handover = Handover(Moving::Resume(Box::new((door, attempt))));
        self.outputs.push_back(Output::Handover {
            conn,
            to: home,
            handover,
        });
    }

    /// A connection that came to another shard, but is of a session of this one.
    pub(super) fn taken_over(&mut self, conn: ConnId, handover: Handover) {
        match handover.0 {
            Moving::Resume(moving) => {
                let (door, attempt) = *moving;
                self.timers
                    .set(timers::Key::Conn(conn), Some(door.deadline().at));
                self.conns.insert(conn, Conn::Door(door));
                self.resume_here(conn, &attempt);
            }
            Moving::Attach(token) => {
                let framer = Framer::new(limits::MAX_FRAME as u32);
                self.conns.insert(conn, Conn::MediaDoor { framer });
                self.attach_here(conn, &token);
            }
            Moving::Service => self.service_connected(conn),
        }
    }

    fn resume_here(&mut self, conn: ConnId, attempt: &Attempt) {
        let (id, received) = (attempt.session, attempt.received);
        //= SES-007
        //= SES-026
        //= SES-028
        let Some(Conn::Door(Door { opened, .. })) = self.conns.get(&conn) else {
            return;
        };
        let used = hash(&attempt.token);
        let good = self.sessions.get(&id).is_some_and(|session| {
            session.knows(&used) && session.device() == attempt.device && !session.outlived(*opened)
        });
        if !good {
            // The client may log in afresh, on a new connection.
            return self.dismiss(conn, Code::RESUME_REFUSED, Retry::Now, Duration::ZERO);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let old = session.conn();
        if let Err(violation) = session.acknowledge(received, &mut self.outbox) {
            return self.breach(conn, violation);
        }
        let resume_token = self.random.token();
        session.rotate(used, hash(&resume_token));
        let received = session.received();
        let framer = Framer::new(limits::MAX_FRAME as u32);
        let here = Conn::Session {
            session: id,
            framer,
        };
        let Some(Conn::Door(door)) = self.conns.insert(conn, here) else {
            return;
        };
        self.timers.set(timers::Key::Conn(conn), None);
        if let Some(old) = old {
            //= SES-019
            self.dismiss(old, Code::DISPLACED, Retry::Never, Duration::ZERO);
        }
        self.write(
            conn,
            Resumed {
                resume_token,
                received,
                params: Params::NONE,
            }
            .encode(),
        );
        self.event(Event::Resumed { session: id });
        self.attach_session(id, conn, door.opened, door.framer);
    }

    /// Puts a connection beneath a session, with what has come on it already.
    fn attach_session(&mut self, id: SessionId, conn: ConnId, opened: Instant, came: Framer) {
        if let Some(Conn::Session { framer, .. }) = self.conns.get_mut(&conn) {
            *framer = came;
        }
        self.with_session(id, |session, cx| {
            session.attach(conn, opened, cx);
            Ok(Onward::Stay)
        });
        self.allow_streams(conn);
        if self.config.reserved_frames && self.random.below(2) == 0 {
            let frame = reserved_frame(&mut self.random, true);
            self.outbox.frame(Owner::Directory, id, frame);
        }
        self.session_frames(id, conn);
    }
}
