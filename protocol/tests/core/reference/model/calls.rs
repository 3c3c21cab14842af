//! Calls: one a person, with what both sides consented to.

use duet_protocol::code::Code;
use duet_protocol::error::Initiator;

use super::World;
use crate::reference::op::{Device, Person};
use crate::reference::seen::{Call, Channel, Seen, Session};

const RING: u64 = 30_000;
const JOIN: u64 = 10_000;
const SUSPENDED: u64 = 20_000;

/// The numbers of a call's streams.
pub(in crate::reference) const SOUND: u8 = 11;
pub(in crate::reference) const PICTURES: u8 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Ringing {
        until: u64,
    },
    /// Answered; which of the two sides have come.
    Joining {
        until: u64,
        inside: (bool, bool),
    },
    Active,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Calling {
    call: Call,
    caller: Session,
    callee: Person,
    /// The session that accepted.
    answered: Option<Session>,
    rung: Vec<Session>,
    ringing_told: bool,
    /// Whether the caller's pictures are offered, and the callee's consented to.
    pictures: (bool, bool),
    phase: Phase,
}

impl Calling {
    fn sides(&self) -> impl Iterator<Item = Session> {
        [Some(self.caller), self.answered].into_iter().flatten()
    }

    fn peer_of(&self, person: Person) -> Option<Person> {
        match self.caller.0.owner() {
            caller if caller == person => Some(self.callee),
            caller if self.callee == person => Some(caller),
            _ => None,
        }
    }
}

fn ended(code: Code, glare: Option<Call>) -> Seen {
    let by = Initiator::Peer;
    Seen::Ended { code, by, glare }
}

impl World {
    pub(super) fn call_until(&self, call: &Calling) -> Option<u64> {
        let phase = match call.phase {
            Phase::Ringing { until } | Phase::Joining { until, .. } => Some(until),
            Phase::Active => None,
        };
        let away = call
            .sides()
            .filter_map(|side| Some(self.sessions.get(&side)?.away? + SUSPENDED));
        away.chain(phase).min()
    }

    fn place(&self, call: Call) -> Option<usize> {
        self.calls.iter().position(|one| one.call == call)
    }

    pub(super) fn invite(&mut self, caller: Session, call: Call, callee: Person, pictures: bool) {
        let own = caller.0.owner();
        let refusal = match callee == own {
            true => Some((Code::SELF_CALL, None)),
            // The one with the lower id is looked at first.
            false => {
                let first = self.hinders(own.min(callee), own, callee);
                first.or_else(|| self.hinders(own.max(callee), own, callee))
            }
        };
        let refusal = refusal.or((!self.invites).then_some((Code::VETOED, None)));
        let asked = Calling {
            call,
            caller,
            callee,
            answered: None,
            rung: Vec::new(),
            ringing_told: false,
            pictures: (pictures, pictures),
            phase: Phase::Ringing {
                until: self.now + RING,
            },
        };
        if let Some((code, glare)) = refusal {
            if self.chance.lingers {
                self.refused.push(asked);
            }
            return self.tell(caller, Channel::Call(call), ended(code, glare));
        }
        let rung = self.sessions_of(callee);
        let asked = Calling {
            rung: rung.clone(),
            ..asked
        };
        self.calls.push(asked);
        for session in rung {
            let peer = own;
            self.tell(
                session,
                Channel::Call(call),
                Seen::Incoming { peer, pictures },
            );
        }
    }

    /// Why one of the two cannot be in this call.
    fn hinders(
        &self,
        person: Person,
        caller: Person,
        callee: Person,
    ) -> Option<(Code, Option<Call>)> {
        let is_caller = person == caller;
        if !is_caller && (self.sessions_of(person).is_empty() || self.blocks(person, caller)) {
            return Some((Code::UNREACHABLE, None));
        }
        let mut all = self.calls.iter().chain(&self.refused);
        let held = all.find(|one| one.peer_of(person).is_some())?;
        let crosses = held.caller.0.owner() == callee && held.callee == caller;
        Some(match (is_caller, &held.phase) {
            (_, Phase::Ringing { .. }) if crosses => (Code::GLARE, Some(held.call)),
            (true, _) => (Code::CALLER_BUSY, None),
            (false, _) => (Code::BUSY, None),
        })
    }

    /// A device of the callee lets its user know.
    pub(super) fn rings(&mut self, session: Session, call: Call) {
        let Some(at) = self.place(call) else { return };
        let one = &mut self.calls[at];
        let first = one.rung.contains(&session) && !one.ringing_told;
        if first && matches!(one.phase, Phase::Ringing { .. }) {
            one.ringing_told = true;
            let caller = one.caller;
            self.tell(caller, Channel::Call(call), Seen::Ringing);
        }
    }

    pub(super) fn accept(&mut self, session: Session, call: Call, pictures: bool) {
        let found = self.place(call);
        let rung = found.filter(|at| self.calls[*at].rung.contains(&session));
        let Some(at) = rung else {
            return self.tell(session, Channel::Call(call), ended(Code::NOT_IN_CALL, None));
        };
        let until = self.now + JOIN;
        let inside = (false, false);
        let one = &mut self.calls[at];
        one.phase = Phase::Joining { until, inside };
        one.answered = Some(session);
        let offered = one.pictures.0;
        one.pictures = (offered && pictures, offered && pictures);
        let (caller, callee, consented) = (one.caller, one.callee, one.pictures);
        for other in core::mem::take(&mut one.rung) {
            if other != session {
                self.tell(
                    other,
                    Channel::Call(call),
                    ended(Code::ANSWERED_ELSEWHERE, None),
                );
            }
        }
        // The caller last: where it has given up by now, it ends the call at once.
        for (side, peer) in [(session, caller.0.owner()), (caller, callee)] {
            let pictures = consented;
            self.tell(side, Channel::Call(call), Seen::Started { peer, pictures });
        }
    }

    /// A side whose core has START enters the call's room.
    pub(super) fn enters(&mut self, device: Device, call: Call) {
        let Some(at) = self.place(call) else { return };
        let one = &mut self.calls[at];
        let Phase::Joining { inside, .. } = &mut one.phase else {
            return;
        };
        match one.caller.0 == device {
            true => inside.0 = true,
            false => inside.1 = true,
        }
        let (true, true, Some(callee)) = (inside.0, inside.1, one.answered) else {
            return;
        };
        one.phase = Phase::Active;
        let (caller, (from_caller, from_callee)) = (one.caller, one.pictures);
        for (to, of, pictures) in [(callee, caller, from_caller), (caller, callee, from_callee)] {
            for stream in [Some(SOUND), pictures.then_some(PICTURES)]
                .into_iter()
                .flatten()
            {
                let open = true;
                self.tell(to, Channel::CallStreams, Seen::Stream { of, stream, open });
            }
        }
    }

    /// The call is over: everyone in it but `except` is told.
    fn finish(&mut self, at: usize, code: Code, except: Option<Session>) {
        let one = self.calls.remove(at);
        for session in one.sides().chain(one.rung.iter().copied()) {
            if Some(session) != except {
                self.tell(session, Channel::Call(one.call), ended(code, None));
            }
        }
    }

    pub(super) fn reject(&mut self, session: Session, call: Call) {
        if let Some(at) = self
            .place(call)
            .filter(|at| self.calls[*at].rung.contains(&session))
        {
            self.finish(at, Code::REJECTED, Some(session));
        }
    }

    pub(super) fn cancel(&mut self, session: Session, call: Call) {
        if let Some(at) = self.place(call)
            && matches!(self.calls[at].phase, Phase::Ringing { .. })
        {
            self.finish(at, Code::CANCELLED, Some(session));
        }
    }

    pub(super) fn hang_up(&mut self, session: Session, call: Call) {
        let Some(at) = self.place(call) else { return };
        let one = &self.calls[at];
        let code = match one.phase {
            _ if !one
                .sides()
                .chain(one.rung.iter().copied())
                .any(|part| part == session) =>
            {
                return;
            }
            Phase::Ringing { .. } if one.caller == session => Code::CANCELLED,
            Phase::Ringing { .. } => Code::REJECTED,
            Phase::Joining { .. } | Phase::Active => Code::HANGUP,
        };
        self.finish(at, code, Some(session));
    }

    /// A session that is over takes its part in a call with it.
    pub(super) fn leaves_calls(&mut self, session: Session, code: Code) {
        for at in (0..self.calls.len()).rev() {
            let one = &mut self.calls[at];
            if one.sides().any(|side| side == session) {
                let code = match code {
                    Code::LOGOUT => Code::HANGUP,
                    _ => Code::LOST,
                };
                self.finish(at, code, Some(session));
            } else if one.rung.contains(&session) {
                one.rung.retain(|other| *other != session);
                if one.rung.is_empty() {
                    self.finish(at, Code::UNREACHABLE, None);
                }
            }
        }
    }

    pub(super) fn expire_calls(&mut self) {
        for at in (0..self.calls.len()).rev() {
            let one = &self.calls[at];
            if self.call_until(one).is_none_or(|until| until > self.now) {
                continue;
            }
            let code = match one.phase {
                Phase::Ringing { until } if until <= self.now => Code::RING_TIMEOUT,
                Phase::Joining { until, .. } if until <= self.now => Code::JOIN_TIMEOUT,
                _ => Code::LOST,
            };
            self.finish(at, code, None);
        }
    }
}
