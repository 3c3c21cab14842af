//! Decisions: what the business layer is asked, each with a deadline, answered through the same seam as all else.

pub mod client;
pub mod link;
mod log;
pub(crate) mod mirror;
pub(crate) mod server;
mod token;

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

pub use token::{LinkConfig, ServiceToken};

use crate::code::Code;
use crate::id::{CallId, RoomId, UserId};
use crate::message::directory::{ContactEntry, Relation};
use crate::message::service::{
    DecideCall, DecideContact, DecideJoin, DecideLogin, DecideLookup, Permissions,
};
use crate::message::session::Method;
use crate::message::{Media, Wire};
use crate::time::Instant;
use crate::wire::{Params, Secret, Text};

/// A question to the service; unique for the life of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(pub u64);

/// A question, and until when an answer counts; no answer by then is a refusal with SERVICE_UNAVAILABLE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decide {
    /// Which question.
    pub id: DecisionId,
    /// Until when an answer counts.
    pub deadline: Instant,
    /// What is asked.
    pub question: Question,
}

/// What the service decides.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// May this person log in, and who is it?
    Login {
        /// How the person proves it.
        method: Proof,
        /// The name given; may be empty for a guest.
        name: String,
    },
    /// Who is called this? Asked where nobody online is, or nobody whom the asker may find; the answer is
    /// [`Decision::User`], with that user's entry for the asker if it has one, or a refusal.
    Lookup {
        /// Who asks.
        user: UserId,
        /// The name.
        name: String,
    },
    /// May this user enter this room?
    Join {
        /// Who.
        user: UserId,
        /// Which room.
        room: RoomId,
        /// The room's name; empty where it was asked for by id.
        name: String,
    },
    /// May this be an entry of this user's list? [`Decision::Allow`] says that it is kept, and given back at the next
    /// login.
    Contact {
        /// Whose list.
        user: UserId,
        /// The entry as it is to be; with [`Relation::None`] it is to be removed.
        entry: Contact,
    },
    /// May this call take place?
    Call {
        /// Which call.
        call: CallId,
        /// Who calls.
        caller: UserId,
        /// Who is called.
        callee: UserId,
        /// What media it offers.
        media: Media,
    },
}

impl Question {
    /// What a linked service has to be permitted, to be asked this.
    pub const fn permission(&self) -> Permissions {
        match self {
            Self::Login { .. } => Permissions::LOGIN,
            Self::Lookup { .. } | Self::Contact { .. } => Permissions::DIRECTORY,
            Self::Join { .. } => Permissions::JOIN,
            Self::Call { .. } => Permissions::CALL,
        }
    }

    /// Whether a decision is an answer to this question.
    pub fn is_answered_by(&self, decision: &Decision) -> bool {
        match (self, decision) {
            (_, Decision::Deny(_)) => true,
            (Self::Login { .. } | Self::Lookup { .. }, Decision::User { user, contacts, .. }) => {
                user.0 != 0 && contacts.iter().all(|entry| entry.user.0 != 0)
            }
            (Self::Join { .. } | Self::Call { .. } | Self::Contact { .. }, Decision::Allow) => true,
            (Self::Login { .. } | Self::Lookup { .. }, Decision::Allow)
            | (
                Self::Join { .. } | Self::Call { .. } | Self::Contact { .. },
                Decision::User { .. },
            ) => false,
        }
    }

    /// The frame that puts it to a linked service.
    pub(crate) fn frame(&self, question: u64, within_ms: u32) -> Bytes {
        let params = Params::NONE;
        match self {
            Self::Login { method, name } => {
                let (method, credential): (_, &[u8]) = match method {
                    Proof::Guest => (Method::Guest, &[]),
                    Proof::Password(password) => (Method::Password, password),
                    Proof::Token(token) => (Method::Token, token),
                };
                DecideLogin {
                    question,
                    within_ms,
                    method,
                    name: Text::cut(name),
                    credential: Secret::new(credential).unwrap_or_default(),
                    params,
                }
                .encode()
            }
            Self::Lookup { user, name } => DecideLookup {
                question,
                within_ms,
                user: *user,
                name: Text::cut(name),
                params,
            }
            .encode(),
            Self::Join { user, room, name } => DecideJoin {
                question,
                within_ms,
                user: *user,
                room: *room,
                name: Text::cut(name),
                params,
            }
            .encode(),
            Self::Contact { user, entry } => DecideContact {
                question,
                within_ms,
                user: *user,
                entry: entry.wire(),
                params,
            }
            .encode(),
            Self::Call {
                call,
                caller,
                callee,
                media,
            } => DecideCall {
                question,
                within_ms,
                call: *call,
                caller: *caller,
                callee: *callee,
                media: *media,
                params,
            }
            .encode(),
        }
    }
}

/// How a person proves who it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Not at all.
    Guest,
    /// By a password.
    Password(Vec<u8>),
    /// By a signed token.
    Token(Vec<u8>),
}

/// The service's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Yes. For a login this needs [`Decision::User`] instead.
    Allow,
    /// Yes: this user, shown to others by this name.
    User {
        /// Who it is.
        user: UserId,
        /// The name others see, at most 64 bytes; a longer one is cut.
        name: String,
        /// The user's list, at most [`MAX_CONTACTS`](crate::limits::MAX_CONTACTS) entries: whole for a login; for a
        /// lookup, the asker's entry is enough.
        contacts: Vec<Contact>,
    },
    /// No, and why.
    Deny(Code),
}

/// An entry of a user's list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contact {
    /// The other user.
    pub user: UserId,
    /// What it is to the one whose list this is.
    pub relation: Relation,
    /// What the one whose list this is calls it, at most 64 bytes; may be empty.
    pub name: String,
}

impl Contact {
    pub(crate) fn of(entry: &ContactEntry<'_>) -> Self {
        Self {
            user: entry.user,
            relation: entry.relation,
            name: String::from(entry.name.as_str()),
        }
    }

    pub(crate) fn wire(&self) -> ContactEntry<'_> {
        ContactEntry {
            user: self.user,
            relation: self.relation,
            name: Text::cut(&self.name),
        }
    }
}

impl core::fmt::Debug for Proof {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Guest => "Guest",
            Self::Password(_) => "Password(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

impl core::fmt::Debug for Question {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Login { method, name } => write!(f, "Login({method:?}, {name:?})"),
            Self::Lookup { user, name } => write!(f, "Lookup({user:?}, {name:?})"),
            Self::Join { user, room, name } => write!(f, "Join({user:?}, {room:?}, {name:?})"),
            Self::Contact { user, entry } => write!(f, "Contact({user:?}, {entry:?})"),
            Self::Call {
                call,
                caller,
                callee,
                media,
            } => {
                write!(f, "Call({call:?}, {caller:?}, {callee:?}, {media:?})")
            }
        }
    }
}
