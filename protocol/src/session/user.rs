//! A user: its sessions, and the one call that it may be in.

use alloc::vec::Vec;

use crate::channel::Expected;
use crate::code::Code;
use crate::id::{CallId, SessionId, UserId};
use crate::server::envelope::{Letter, Outbox, Owner};

/// A user with at least one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct User {
    id: UserId,
    sessions: Vec<SessionId>,
    call: Option<Reservation>,
    delivered: u64,
}

/// The call that a user is in, whatever its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Reservation {
    call: CallId,
    peer: UserId,
    as_caller: bool,
    answered: bool,
}

impl User {
    pub(crate) const fn new(id: UserId) -> Self {
        Self {
            id,
            sessions: Vec::new(),
            call: None,
            delivered: 0,
        }
    }

    /// Whether nothing is left to own.
    pub(crate) const fn is_over(&self) -> bool {
        self.sessions.is_empty() && self.call.is_none()
    }

    pub(crate) fn sessions(&self) -> &[SessionId] {
        &self.sessions
    }

    pub(crate) fn receive(&mut self, from: Owner, letter: Letter, out: &mut Outbox) {
        let me = Owner::User(self.id);
        match letter {
            Letter::Attach { session } => {
                if !self.sessions.contains(&session) {
                    self.sessions.push(session);
                }
            }
            Letter::Detach { session } => self.sessions.retain(|other| *other != session),
            Letter::Parcel { parcel, receipt } => {
                let at = Owner::Session(receipt.session);
                //= CHAN-005
                if self.sessions.is_empty() {
                    return out.undeliverable(me, receipt, Code::UNREACHABLE);
                }
                self.delivered = self.delivered.saturating_add(1);
                let expected = Expected {
                    count: self.sessions.len(),
                    each: false,
                    number: self.delivered,
                };
                out.send(me, at, Letter::Expect { receipt, expected });
                let frame = parcel.frame(self.delivered);
                for session in &self.sessions {
                    let parcel = Letter::ParcelFrame {
                        frame: frame.clone(),
                        receipt,
                    };
                    out.send(me, Owner::Session(*session), parcel);
                }
            }
            Letter::Reserve {
                call,
                peer,
                as_caller,
            } => {
                let answer = match self.call {
                    _ if self.sessions.is_empty() => {
                        let code = Code::UNREACHABLE;
                        Letter::NotReserved {
                            code,
                            existing: CallId::NONE,
                        }
                    }
                    Some(held) if held.call != call => {
                        //= CALL-021
                        let crossing =
                            held.peer == peer && held.as_caller != as_caller && !held.answered;
                        let (code, existing) = match (crossing, as_caller) {
                            (true, _) => (Code::GLARE, held.call),
                            //= CALL-020
                            (false, true) => (Code::CALLER_BUSY, CallId::NONE),
                            (false, false) => (Code::BUSY, CallId::NONE),
                        };
                        Letter::NotReserved { code, existing }
                    }
                    _ => {
                        self.call = Some(Reservation {
                            call,
                            peer,
                            as_caller,
                            answered: false,
                        });
                        Letter::Reserved { user: self.id }
                    }
                };
                out.send(me, from, answer);
            }
            Letter::Answered { call } => {
                if let Some(held) = self.call.as_mut().filter(|held| held.call == call) {
                    held.answered = true;
                }
            }
            Letter::Release { call } => {
                if self.call.is_some_and(|held| held.call == call) {
                    self.call = None;
                }
            }
            Letter::Ring { call, invite } => {
                for session in &self.sessions {
                    let letter = Letter::Invited {
                        call,
                        invite: invite.clone(),
                    };
                    out.send(me, Owner::Session(*session), letter);
                }
                out.send(
                    me,
                    from,
                    Letter::Rung {
                        sessions: self.sessions.clone(),
                    },
                );
            }
            _ => debug_assert!(false, "not for a user: {letter:?}"),
        }
    }
}
