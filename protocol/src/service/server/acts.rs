//! What the active service does: it answers questions, and commands. Each command ends in one DONE.

use alloc::string::String;

use bytes::Bytes;

use super::{Command, Context, Services};
use crate::channel::{Parcel, Receipt, Tally, payload_of_data};
use crate::code::Code;
use crate::error::Violation;
use crate::id::{RequestId, RoomId, SessionId, UserId};
use crate::io::ConnId;
use crate::limits;
use crate::message::Wire;
use crate::message::service::{Done, Message, Permissions, VerdictUser};
use crate::room::server::{Asker, Creation, Governed, Order, Verb};
use crate::server::envelope::{Letter, Owner};
use crate::service::{Contact, Decision};
use crate::wire::{Address, Params, Secret, Text};

/// What a command gave, beside its code.
#[derive(Clone, Copy)]
pub(super) struct Gave<'a> {
    pub(super) room: RoomId,
    pub(super) ticket: &'a [u8],
}

impl Gave<'_> {
    pub(super) const NOTHING: Self = Self {
        room: RoomId::NONE,
        ticket: &[],
    };
}

impl Services {
    /// A frame with which a service acts.
    pub(crate) fn act(
        &mut self,
        conn: ConnId,
        body: &Bytes,
        message: &Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        let (epoch, request, need) = match message {
            Message::Verdict(m) => (m.epoch, None, Permissions::NONE),
            Message::VerdictUser(m) => (m.epoch, None, Permissions::NONE),
            Message::Push(m) => (m.epoch, Some(m.request), Permissions::DATA),
            Message::RoomCreate(m) => (m.epoch, Some(m.request), Permissions::ROOMS),
            Message::RoomTicket(m) => (m.epoch, Some(m.request), Permissions::ROOMS),
            Message::RoomClose(m) => (m.epoch, Some(m.request), Permissions::ROOMS),
            Message::RoomKick(m) => (m.epoch, Some(m.request), Permissions::ROOMS),
            Message::SessionEnd(m) => (m.epoch, Some(m.request), Permissions::KICK),
            Message::CallEnd(m) => (m.epoch, Some(m.request), Permissions::KICK),
            _ => return Err(Violation::UnexpectedFrame),
        };
        let active = self.active.as_mut().filter(|a| a.linker.conn == conn);
        //= SVC-007
        let active = active
            .filter(|_| epoch == self.epoch)
            .ok_or(Violation::Fenced)?;
        let Some(request) = request else {
            return self.verdict(message, cx);
        };
        //= SVC-040
        if active.next_request.is_some_and(|next| next != request) || request == RequestId(0) {
            return Err(Violation::OutOfOrder);
        }
        active.next_request = Some(RequestId(request.0.wrapping_add(1)));
        let allowed = active.linker.permissions.has(need);
        if let Some((_, taken)) = self.epochs.back_mut() {
            *taken = request.0;
        }
        let bytes = match message {
            Message::Push(push) => push.data.as_bytes().len(),
            _ => 0,
        };
        let serial = self.next_serial();
        //= SVC-045
        let full = self.commands.len() >= limits::MAX_COMMANDS
            || self.pushed_bytes.saturating_add(bytes) > limits::MAX_PUSHED_BYTES;
        self.pushed_bytes = self.pushed_bytes.saturating_add(bytes);
        let command = Command {
            epoch,
            request,
            bytes,
            tally: Tally::default(),
        };
        self.commands.insert(serial, command);
        if !allowed {
            //= SVC-008
            self.done(serial, Code::FORBIDDEN, Gave::NOTHING, cx);
        } else if full {
            self.done(serial, Code::TOO_MANY, Gave::NOTHING, cx);
        } else {
            self.run(serial, body, message, cx);
        }
        Ok(())
    }

    /// A number for a command that no other one bears which is not done. It has 32 bits, so that it can stand where a
    /// client's request does.
    fn next_serial(&mut self) -> u64 {
        loop {
            self.serials = self.serials.wrapping_add(1);
            let serial = u64::from(self.serials);
            if !self.commands.contains_key(&serial) {
                return serial;
            }
        }
    }

    /// Hands a command to the machine that it is for.
    fn run(&mut self, errand: u64, body: &Bytes, message: &Message<'_>, cx: &mut Context<'_>) {
        let by = Asker {
            reply_to: Owner::Service,
            request: RequestId(errand as u32),
            user: None,
        };
        let order = |room, verb| (Owner::Room(room), Letter::Order(Order { by, verb }));
        let (owner, letter) = match message {
            //= SVC-048
            Message::RoomCreate(create) => {
                let creation = Creation {
                    name: String::from(create.name.as_str()),
                    secret: create.secret.as_bytes().to_vec(),
                    capacity: create.capacity.value() as usize,
                    options: create.options,
                    governed: Governed::ByService,
                };
                let asker = by;
                (Owner::Directory, Letter::Create { asker, creation })
            }
            //= SVC-049
            Message::RoomTicket(ticket) => {
                let user = ticket.user;
                order(ticket.room, Verb::Grant { user })
            }
            //= SVC-050
            Message::RoomKick(kick) => {
                let (user, ban_ms) = (kick.user, kick.ban_ms);
                order(kick.room, Verb::Kick { user, ban_ms })
            }
            //= SVC-051
            Message::RoomClose(close) => {
                let code = reason(close.code, Code::ROOM_CLOSED);
                order(close.room, Verb::Close { code })
            }
            Message::Push(push) => {
                let owner = match push.to {
                    Address::User(user) => Owner::User(user),
                    Address::Session(session) => Owner::Session(session),
                    Address::Room(room) => Owner::Room(room),
                    Address::Service => {
                        return self.done(errand, Code::UNREACHABLE, Gave::NOTHING, cx);
                    }
                };
                let parcel = Parcel {
                    to: push.to,
                    user: UserId(0),
                    session: SessionId::NONE,
                    time: cx.unix_micros,
                    payload: payload_of_data(body, push.data.as_bytes()),
                };
                let receipt = Receipt::of_service(push.request, errand);
                //= SVC-042
                let only = None;
                (
                    owner,
                    Letter::Parcel {
                        parcel,
                        receipt,
                        only,
                    },
                )
            }
            Message::SessionEnd(end) => {
                let code = reason(end.code, Code::KICKED);
                //= SVC-043
                match end.session.is_some() {
                    true => (
                        Owner::Session(end.session),
                        Letter::Remove {
                            code,
                            errand: Some(errand),
                        },
                    ),
                    false => (Owner::User(end.user), Letter::RemoveAll { code, errand }),
                }
            }
            Message::CallEnd(end) => {
                let code = reason(end.code, Code::VETOED);
                //= SVC-044
                (Owner::Call(end.call), Letter::EndCall { code, errand })
            }
            _ => return,
        };
        cx.out.send(Owner::Service, owner, letter);
    }

    /// A command is done.
    pub(super) fn done(&mut self, serial: u64, code: Code, gave: Gave<'_>, cx: &mut Context<'_>) {
        let Some(command) = self.commands.remove(&serial) else {
            return;
        };
        self.pushed_bytes = self.pushed_bytes.saturating_sub(command.bytes);
        //= SVC-041
        let done = Done {
            number: self.log.next(),
            epoch: command.epoch,
            request: command.request,
            code,
            room: gave.room,
            ticket: Secret::new(gave.ticket).unwrap_or_default(),
            params: Params::NONE,
        };
        //= SVC-049
        let need = match gave.ticket {
            [] => Permissions::NONE,
            _ => Permissions::ROOMS,
        };
        self.entry(need, done.encode(), cx);
    }

    fn verdict(&mut self, message: &Message<'_>, cx: &mut Context<'_>) -> Result<(), Violation> {
        let (question, decision) = match message {
            Message::Verdict(m) if m.code == Code::NONE => (m.question, Decision::Allow),
            Message::Verdict(m) => (m.question, Decision::Deny(m.code)),
            //= SVC-012
            Message::VerdictUser(m) if names_nobody(m) => return Err(Violation::BadVerdict),
            Message::VerdictUser(m) => {
                let name = String::from(Text::<64>::cut(m.name.as_str()).as_str());
                let contacts = m.contacts.iter().map(|entry| Contact::of(&entry)).collect();
                let user = m.user;
                (
                    m.question,
                    Decision::User {
                        user,
                        name,
                        contacts,
                    },
                )
            }
            _ => return Err(Violation::UnexpectedFrame),
        };
        if question == 0 || question > self.asked {
            return Err(Violation::BadVerdict);
        }
        //= SVC-013
        let Some(open) = self.open.get(&question) else {
            return Ok(());
        };
        if open.put_in != self.epoch || !open.question.is_answered_by(&decision) {
            return Err(Violation::BadVerdict);
        }
        if let Some(open) = self.open.remove(&question)
            && open.deadline > cx.now
        {
            let letter = Letter::Decided {
                id: open.id,
                decision,
            };
            cx.out.send(Owner::Service, open.asker, letter);
        }
        Ok(())
    }
}

/// Whether a verdict, or its list, is about user 0.
fn names_nobody(verdict: &VerdictUser<'_>) -> bool {
    let nobody = UserId(0);
    verdict.user == nobody || verdict.contacts.iter().any(|entry| entry.user == nobody)
}

/// The code that a service gave, where it is one that ends something.
const fn reason(given: Code, otherwise: Code) -> Code {
    match given {
        Code::NONE | Code::LOGOUT => otherwise,
        given => given,
    }
}
