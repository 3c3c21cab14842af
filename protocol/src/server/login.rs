//! From the door to a session: login, which the service decides, and resume.

use alloc::string::String;
use core::time::Duration;

use crate::code::Code;
use crate::id::{SessionId, UserId};
use crate::io::ConnId;
use crate::limits;
use crate::message::Wire;
use crate::message::session::{Authenticated, Resumed, Retry};
use crate::service::Decision;
use crate::session::door::Step;
use crate::session::server::{Onward, Session};
use crate::session::user::User;
use crate::wire::{Framer, Params, Text, reserved_frame};

use super::envelope::{Letter, Owner};
use super::relay::Relay;
use super::{Asker, Conn, Event, Server, hash, timers};

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
                Ok(Step::Resume {
                    session,
                    token,
                    received,
                }) => {
                    self.resume(conn, session, &token, received);
                }
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
        let known = self
            .users
            .get(&user)
            .map_or(0, |user| user.sessions().len());
        if self.sessions.len() >= limits::MAX_SERVER_SESSIONS {
            return self.dismiss(conn, Code::TOO_MANY, Retry::After, limits::RESUME_WINDOW);
        }
        //= SES-022
        if known >= limits::MAX_SESSIONS {
            return self.dismiss(conn, Code::ALREADY_LOGGED_IN, Retry::Never, Duration::ZERO);
        }
        let id = SessionId(self.random.id());
        let resume_token = self.random.token();
        let Some(Conn::Door(door)) = self.conns.insert(conn, Conn::Session(id)) else {
            return;
        };
        let name = String::from(Text::<64>::cut(&name).as_str());
        let heartbeat_ms = door.heartbeat_ms;
        let session = Session::new(
            id,
            user,
            name.clone(),
            hash(&resume_token),
            heartbeat_ms,
            self.now,
        );
        self.sessions.insert(id, session);
        self.users.entry(user).or_insert_with(|| User::new(user));
        self.relays
            .insert(id, Relay::new(id, self.config.media.clone(), self.now));
        let me = Owner::Session(id);
        let attach = Letter::Attach {
            session: id,
            contacts,
        };
        self.outbox.send(me, Owner::User(user), attach);
        let named = Letter::Named {
            user,
            session: id,
            name: name.clone(),
        };
        self.outbox.send(me, Owner::Directory, named);
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
        self.attach_session(id, conn, door.framer);
    }

    pub(super) fn resume(&mut self, conn: ConnId, id: SessionId, token: &[u8; 32], received: u64) {
        //= SES-007
        let used = hash(token);
        let good = self
            .sessions
            .get(&id)
            .is_some_and(|session| session.knows(&used));
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
        let Some(Conn::Door(door)) = self.conns.insert(conn, Conn::Session(id)) else {
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
        self.attach_session(id, conn, door.framer);
    }

    pub(super) fn attach_session(&mut self, id: SessionId, conn: ConnId, framer: Framer) {
        self.with_session(id, |session, cx| {
            session.attach(conn, framer, cx);
            Ok(Onward::Stay)
        });
        if self.config.reserved_frames && self.random.below(2) == 0 {
            let frame = reserved_frame(&mut self.random, true);
            self.outbox.frame(Owner::Directory, id, frame);
        }
        self.with_session(id, |session, cx| session.frames(cx));
    }
}
