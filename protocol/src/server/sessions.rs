//! Sessions at the server: what runs on one, and what follows from it.

use core::time::Duration;

use crate::code::Code;
use crate::error::Violation;
use crate::id::SessionId;
use crate::io::ConnId;
use crate::message::session::Retry;
use crate::session::server::{Context, Onward, Session};
use crate::time::Instant;

use super::envelope::Owner;
use super::{Conn, Event, Server, timers};

/// How a session stands once something has run on it; looking it up again would cost as much as what ran.
struct Standing {
    conn: Option<ConnId>,
    over: Option<Code>,
    /// Its next deadline.
    until: Option<Instant>,
}

impl Standing {
    fn of(session: &Session) -> Self {
        Self {
            conn: session.conn(),
            over: session.over(),
            until: session.deadline().map(|deadline| deadline.at),
        }
    }
}

impl Server {
    /// Hands a session the frames that have come whole on its connection.
    pub(super) fn session_frames(&mut self, id: SessionId, conn: ConnId) {
        let (Some(Conn::Session { framer, .. }), Some(session)) =
            (self.conns.get_mut(&conn), self.sessions.get_mut(&id))
        else {
            return;
        };
        if session.conn() != Some(conn) {
            return;
        }
        let mut cx = Context {
            now: self.now,
            unix_micros: self.unix_epoch.saturating_add(self.now.as_micros()),
            outbox: &mut self.outbox,
            writes: &mut self.writes,
            streams: &mut self.streams,
        };
        let onward = session.frames(framer, &mut cx);
        let standing = Standing::of(session);
        self.follow(id, onward, standing);
    }

    /// Runs something on a session, and follows what it leads to.
    pub(super) fn with_session(
        &mut self,
        id: SessionId,
        run: impl FnOnce(&mut Session, &mut Context<'_>) -> Result<Onward, Violation>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let mut cx = Context {
            now: self.now,
            unix_micros: self.unix_epoch.saturating_add(self.now.as_micros()),
            outbox: &mut self.outbox,
            writes: &mut self.writes,
            streams: &mut self.streams,
        };
        let onward = run(session, &mut cx);
        let standing = Standing::of(session);
        self.follow(id, onward, standing);
    }

    /// What a session's doing leads to: its next deadline, the end of its link, its own end.
    fn follow(&mut self, id: SessionId, onward: Result<Onward, Violation>, standing: Standing) {
        let Standing { conn, over, until } = standing;
        self.timers
            .set(timers::Key::Owner(Owner::Session(id)), until);
        match (onward, over, conn) {
            (Err(violation), _, Some(conn)) => self.breach(conn, violation),
            (Ok(Onward::Goodbye), ..) => {
                //= SES-015
                self.end_session(id, Code::LOGOUT, Retry::Never, Duration::ZERO);
            }
            (Ok(Onward::Dead), _, Some(conn)) => {
                self.close(conn, Code::DEAD_LINK);
                self.lose_link(id);
            }
            (_, Some(code), _) => {
                let retry = match code {
                    //= SES-022
                    Code::REPLACED | Code::KICKED => Retry::Never,
                    _ => Retry::Now,
                };
                self.end_session(id, code, retry, Duration::ZERO);
            }
            _ => {}
        }
    }

    pub(super) fn lose_link(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.suspend(self.now, self.config.resume_window, &mut self.outbox);
        let deadline = session.deadline();
        self.timers.set(
            timers::Key::Owner(Owner::Session(id)),
            deadline.map(|d| d.at),
        );
        self.event(Event::Suspended { session: id });
    }

    /// A session is over: its link is told, everyone who knows it is told, its media side is gone.
    pub(super) fn end_session(&mut self, id: SessionId, code: Code, retry: Retry, after: Duration) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        self.timers
            .set(timers::Key::Owner(Owner::Session(id)), None);
        self.flush_writes();
        // Its connection may be what ended it: one that is gone is not closed again.
        let conn = session.conn().filter(|conn| self.conns.contains_key(conn));
        match conn {
            Some(conn) if code == Code::LOGOUT => self.close(conn, code),
            Some(conn) => self.dismiss(conn, code, retry, after),
            None => {}
        }
        session.end(code, &mut self.outbox);
        self.event(Event::SessionEnded { session: id, code });
    }
}
