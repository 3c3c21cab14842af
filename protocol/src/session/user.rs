//! A user: its sessions, the one call that it may be in, and its people. Whatever is addressed to a user, or to one of
//! its sessions, passes here, so that what it has blocked does not.

use alloc::vec::Vec;

use crate::channel::Expected;
use crate::code::Code;
use crate::id::{CallId, SessionId, UserId};
use crate::people::server::{People, Surroundings};
use crate::server::envelope::{Letter, Owner};

/// A user with at least one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct User {
    id: UserId,
    sessions: Vec<SessionId>,
    call: Option<Reservation>,
    delivered: u64,
    people: People,
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
            people: People::new(id),
        }
    }

    /// Whether nothing is left to own.
    pub(crate) fn is_over(&self) -> bool {
        self.sessions.is_empty() && self.call.is_none() && !self.people.is_waiting()
    }

    pub(crate) fn sessions(&self) -> &[SessionId] {
        &self.sessions
    }

    pub(crate) fn receive(&mut self, from: Owner, letter: Letter, cx: &mut Surroundings<'_>) {
        let me = Owner::User(self.id);
        let out = &mut *cx.out;
        match letter {
            Letter::Attach { session, contacts } => {
                if !self.sessions.contains(&session) {
                    self.sessions.push(session);
                }
                self.people.attach(session, contacts, cx);
            }
            Letter::Detach { session } => {
                self.sessions.retain(|other| *other != session);
                self.people.detach(session, cx);
            }
            Letter::Parcel {
                parcel,
                receipt,
                only,
            } => {
                let at = Owner::Session(receipt.session);
                //= CHAN-005, DIR-016
                if self.sessions.is_empty() || self.people.blocks(parcel.user) {
                    return out.undeliverable(me, receipt, Code::UNREACHABLE);
                }
                if let Some(session) = only {
                    let letter = Letter::Parcel {
                        parcel,
                        receipt,
                        only,
                    };
                    return out.send(me, Owner::Session(session), letter);
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
                //= DIR-016
                let is_blocked = !as_caller && self.people.blocks(peer);
                let answer = match self.call {
                    _ if self.sessions.is_empty() || is_blocked => {
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
            letter => self.people.receive(letter, cx),
        }
    }
}
