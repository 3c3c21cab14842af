//! A user: its sessions, the one call that it may be in, and its people. Whatever is addressed to a user, or to one of
//! its sessions, passes here, so that what it has blocked does not.

#[cfg(test)]
mod inspect;

use alloc::string::String;
use alloc::vec::Vec;

use crate::channel::Expected;
use crate::code::Code;
use crate::id::{CallId, SessionId, UserId};
use crate::limits;
use crate::people::server::{People, Surroundings};
use crate::server::Duplicates;
use crate::server::envelope::{Letter, Outbox, Owner};
use crate::time::Instant;
use crate::transfer;

/// A user with at least one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct User {
    id: UserId,
    policy: Duplicates,
    /// In the order in which they came.
    sessions: Vec<Device>,
    call: Option<Reservation>,
    delivered: u64,
    people: People,
}

/// A session, and the device that it was begun from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Device {
    session: SessionId,
    name: String,
    /// When the connection began on which it logged in.
    opened: Instant,
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
    pub(crate) const fn new(id: UserId, policy: Duplicates) -> Self {
        Self {
            id,
            policy,
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

    fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().map(|device| device.session)
    }

    /// Takes a session in, or not, by the policy, and says which; those whose place it takes are told to end.
    fn attach(
        &mut self,
        session: SessionId,
        device: String,
        opened: Instant,
        out: &mut Outbox,
    ) -> bool {
        let me = Owner::User(self.id);
        //= SES-027
        let same = |other: &Device| !device.is_empty() && other.name == device;
        let others = self.sessions.iter().filter(|other| !same(other)).count();
        //= SES-029
        let late = self
            .sessions
            .iter()
            .any(|other| same(other) && opened < other.opened);
        let refused = late
            || match self.policy {
                //= SES-022
                Duplicates::FirstWins => others > 0,
                Duplicates::NewestWins => false,
                Duplicates::Several => others >= limits::MAX_SESSIONS,
            };
        if refused {
            let code = Code::ALREADY_LOGGED_IN;
            out.send(me, Owner::Session(session), Letter::NotAdmitted { code });
            return false;
        }
        let newest = self.policy == Duplicates::NewestWins;
        self.sessions.retain(|other| {
            let replaced = newest || same(other);
            if replaced {
                let code = Code::REPLACED;
                out.send(
                    me,
                    Owner::Session(other.session),
                    Letter::EndSession { code },
                );
            }
            !replaced
        });
        self.sessions.push(Device {
            session,
            name: device,
            opened,
        });
        out.send(me, Owner::Session(session), Letter::Admitted);
        true
    }

    pub(crate) fn receive(&mut self, from: Owner, letter: Letter, cx: &mut Surroundings<'_>) {
        let me = Owner::User(self.id);
        let out = &mut *cx.out;
        match letter {
            Letter::Attach {
                session,
                device,
                opened,
                contacts,
            } => {
                if self.attach(session, device, opened, out) {
                    self.people.attach(session, contacts, cx);
                }
            }
            Letter::Detach { session } => {
                self.sessions.retain(|other| other.session != session);
                self.people.detach(session, cx);
            }
            Letter::Parcel {
                parcel,
                receipt,
                only,
            } => {
                let at = receipt.owner();
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
                self.delivered = self.delivered.saturating_add(parcel.is_numbered().into());
                let expected = Expected {
                    count: self.sessions.len(),
                    each: false,
                    number: self.delivered,
                };
                out.send(me, at, Letter::Expect { receipt, expected });
                let frame = parcel.frame(self.delivered);
                for session in self.sessions() {
                    let parcel = Letter::ParcelFrame {
                        frame: frame.clone(),
                        receipt,
                    };
                    out.send(me, Owner::Session(session), parcel);
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
            Letter::Ring { call } => {
                let sessions = self.sessions().collect();
                out.send(me, Owner::Call(call), Letter::Rung { sessions });
            }
            Letter::RemoveAll { code, errand } => {
                let errand_code = match self.sessions.is_empty() {
                    true => Code::NO_SUCH_SESSION,
                    false => Code::DELIVERED,
                };
                for session in self.sessions() {
                    let letter = Letter::Remove { code, errand: None };
                    out.send(me, Owner::Session(session), letter);
                }
                out.errand_done(me, errand, errand_code);
            }
            Letter::Transfer(transfer::Letter::Bring {
                transfer,
                sender: user,
                from: sender,
                only,
                frame,
            }) => {
                //= DIR-016
                let is_blocked = self.people.blocks(user);
                let wanted = |session: &SessionId| {
                    !is_blocked && *session != sender && only.is_none_or(|only| only == *session)
                };
                let sessions: Vec<SessionId> = self.sessions().filter(wanted).collect();
                for session in &sessions {
                    let tell = transfer::Tell::Offered {
                        frame: frame.clone(),
                    };
                    let letter = Letter::Transfer(transfer::Letter::Tell { transfer, tell });
                    out.send(me, Owner::Session(*session), letter);
                }
                //= XFER-002
                let letter = transfer::Letter::Reached { transfer, sessions };
                out.send(me, Owner::Transfer(transfer), Letter::Transfer(letter));
            }
            letter => self.people.receive(letter, cx),
        }
    }
}
