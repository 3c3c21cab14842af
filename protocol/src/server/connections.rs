//! Connections: what each is, from its first byte to its end. A breach is charged to the connection that it came on.

use core::time::Duration;

use bytes::Bytes;

use crate::code::Code;
use crate::error::Violation;
use crate::io::{Cause, ConnId, Output, Purpose, StreamId};
use crate::limits;
use crate::message::Wire;
use crate::message::session::{Goodbye, Retry};
use crate::session::door::Door;
use crate::session::server::Session;
use crate::wire::{Framer, Params, Text};

use super::{Conn, Event, Server, timers};

impl Server {
    pub(super) fn connected(&mut self, conn: ConnId, purpose: Purpose) {
        if self.timers.doors() >= limits::MAX_DOORS {
            return self.close(conn, Code::TOO_MANY);
        }
        let state = match purpose {
            Purpose::Service => return self.service_connected(conn),
            Purpose::Control => {
                let door = Door::new(self.now);
                self.timers
                    .set(timers::Key::Conn(conn), Some(door.deadline().at));
                Conn::Door(door)
            }
            Purpose::Media => {
                self.timers.set(
                    timers::Key::Conn(conn),
                    Some(self.now.after(limits::ATTACH)),
                );
                Conn::MediaDoor {
                    framer: Framer::new(limits::MAX_FRAME as u32),
                }
            }
        };
        self.conns.insert(conn, state);
    }

    /// Closes a connection; whatever it was, nothing more of it is heard.
    pub(super) fn close(&mut self, conn: ConnId, code: Code) {
        self.flush_writes();
        self.timers.set(timers::Key::Conn(conn), None);
        self.transfers.forget_conn(conn);
        self.conns.insert(conn, Conn::Closing);
        self.outputs.push_back(Output::Close { conn, code });
    }

    /// GOODBYE, then the end of the connection.
    pub(super) fn dismiss(&mut self, conn: ConnId, code: Code, retry: Retry, after: Duration) {
        let goodbye = Goodbye {
            code,
            retry,
            after_ms: after.as_millis() as u32,
            text: Text::default(),
            params: Params::NONE,
        };
        self.write(conn, goodbye.encode());
        self.close(conn, code);
    }

    /// A peer broke a rule on a control connection: its session ends, nobody else's does.
    pub(super) fn breach(&mut self, conn: ConnId, violation: Violation) {
        let session = match self.conns.get(&conn) {
            Some(Conn::Session { session, .. } | Conn::Media(session)) => Some(*session),
            Some(Conn::Door(_) | Conn::MediaDoor { .. } | Conn::Link(_)) => None,
            // Already given up: nothing more is charged to it.
            Some(Conn::Closing) | None => return,
        };
        self.event(Event::Violation {
            conn,
            session,
            violation,
        });
        match self.conns.get(&conn) {
            Some(Conn::Session { session, .. }) => {
                let session = *session;
                self.end_session(session, violation.code(), Retry::Never, Duration::ZERO);
            }
            Some(Conn::Door(_)) => {
                self.dismiss(conn, violation.code(), Retry::Never, Duration::ZERO);
            }
            Some(Conn::Media(session)) => {
                let session = *session;
                self.lose_media(session);
                self.close(conn, violation.code());
            }
            Some(Conn::MediaDoor { .. }) => self.close(conn, violation.code()),
            Some(Conn::Link(_)) => self.link_breach(conn, violation),
            Some(Conn::Closing) | None => {}
        }
    }

    pub(super) fn stream(&mut self, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        if id != StreamId::FIRST_OF_PEER {
            //= WIRE-009
            return match self.conns.get(&conn) {
                Some(Conn::Closing) | None => {}
                Some(Conn::Session { session, .. }) => {
                    let session = *session;
                    self.other_stream(session, conn, id, bytes, fin);
                }
                Some(_) => self.breach(conn, Violation::UnexpectedStream),
            };
        }
        match self.conns.get_mut(&conn) {
            Some(Conn::Door(door)) => {
                door.framer.push(bytes);
                self.door_frames(conn);
            }
            Some(Conn::Session { session, framer }) => {
                let session = *session;
                framer.push(bytes);
                self.session_frames(session, conn);
            }
            Some(Conn::MediaDoor { framer }) => {
                framer.push(bytes);
                self.attach_media(conn);
            }
            Some(Conn::Link(_)) => self.link_stream(conn, bytes),
            //= MEDIA-016
            Some(Conn::Media(_)) if !bytes.is_empty() => {
                self.breach(conn, Violation::UnexpectedStream);
            }
            Some(Conn::Media(_) | Conn::Closing) | None => {}
        }
        if fin
            && matches!(
                self.conns.get(&conn),
                Some(Conn::Door(_) | Conn::Session { .. } | Conn::Link(_))
            )
        {
            //= WIRE-008
            self.breach(conn, Violation::StreamEnded);
        }
    }

    pub(super) fn closed(&mut self, conn: ConnId, cause: &Cause) {
        self.timers.set(timers::Key::Conn(conn), None);
        self.transfers.forget_conn(conn);
        match self.conns.remove(&conn) {
            Some(Conn::Session { session: id, .. })
                if self.sessions.get(&id).and_then(Session::conn) == Some(conn) =>
            {
                match cause {
                    Cause::Peer(Code::LOGOUT) => {
                        self.end_session(id, Code::LOGOUT, Retry::Never, Duration::ZERO);
                    }
                    _ => self.lose_link(id),
                }
            }
            Some(Conn::Media(session))
                if self.relays.get(&session).and_then(|relay| relay.conn) == Some(conn) =>
            {
                self.lose_media(session);
            }
            Some(Conn::Link(_)) => self.link_gone(conn),
            _ => {}
        }
    }
}
