//! How a call ends: a side that leaves or is lost, time that is up, and what everybody is told.

use crate::code::Code;
use crate::id::SessionId;
use crate::message::Wire;
use crate::message::call::End;
use crate::server::envelope::{Letter, Outbox, Owner};
use crate::service::mirror::Told;
use crate::time::{Instant, earlier};
use crate::wire::Params;

use super::{Call, Happening, Phase};

/// How a side's link and media are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Health {
    pub(super) inside: bool,
    /// When the call gives the side up because its link is gone.
    pub(super) link_until: Option<Instant>,
    /// When the call gives the side up because its media connection is gone.
    pub(super) media_until: Option<Instant>,
}

impl Health {
    pub(super) fn until(&self) -> Option<Instant> {
        earlier(self.link_until, self.media_until)
    }
}

impl Call {
    pub(super) fn health(&mut self, session: SessionId) -> Option<&mut Health> {
        if session == self.caller {
            Some(&mut self.caller_health)
        } else if Some(session) == self.callee {
            Some(&mut self.callee_health)
        } else {
            None
        }
    }

    pub(super) fn party_out(&mut self, session: SessionId, code: Code, out: &mut Outbox) {
        let is_side = session == self.caller || Some(session) == self.callee;
        if !is_side {
            self.rung.retain(|other| *other != session);
            if self.phase == Phase::Ringing && self.rung.is_empty() {
                self.side_out(Code::UNREACHABLE, None, out);
            }
            return;
        }
        //= CALL-019
        let code = match code {
            Code::LEFT | Code::LOGOUT => Code::HANGUP,
            _ => Code::LOST,
        };
        self.side_out(code, Some(session), out);
    }

    pub(super) fn side_out(&mut self, code: Code, except: Option<SessionId>, out: &mut Outbox) {
        if self.judge(Happening::SideOut, None, out).is_some() {
            self.finish(code, except, out);
        }
    }

    pub(crate) fn wake(&mut self, now: Instant, out: &mut Outbox) {
        if self.phase_until.is_some_and(|deadline| deadline.at <= now) {
            if self.judge(Happening::RingTimeout, None, out).is_some() {
                return self.finish(Code::RING_TIMEOUT, None, out);
            }
            if self.judge(Happening::JoinTimeout, None, out).is_some() {
                return self.finish(Code::JOIN_TIMEOUT, None, out);
            }
            self.phase_until = None;
        }
        for health in [self.caller_health, self.callee_health] {
            if health.until().is_some_and(|at| at <= now)
                && self.judge(Happening::SideLost, None, out).is_some()
            {
                return self.finish(Code::LOST, None, out);
            }
        }
    }

    /// Ends the call: everyone in it but `except` is told, the users are released, the room is emptied.
    pub(super) fn finish(&mut self, code: Code, except: Option<SessionId>, out: &mut Outbox) {
        let me = self.me();
        self.phase = Phase::Ended;
        self.ended_with = Some(code);
        self.phase_until = None;
        self.starts.clear();
        let call = self.id;
        out.tell(me, Told::CallEnded { call, code });
        let sides = core::iter::once(self.caller)
            .chain(self.callee)
            .chain(self.rung.drain(..));
        for session in sides {
            if Some(session) != except {
                let end = End {
                    call: self.id,
                    code,
                    params: Params::NONE,
                };
                out.frame(me, session, end.encode());
            }
            out.send(
                me,
                Owner::Session(session),
                Letter::CallOver { call: self.id },
            );
        }
        for user in self.reserved.drain(..) {
            out.send(me, Owner::User(user), Letter::Release { call: self.id });
        }
        if let Some(room) = self.room.take() {
            out.send(me, Owner::Room(room), Letter::CloseRoom { code });
        }
    }
}
