//! The embedded business service: it answers what the core asks, over the same path as an external one will.

use std::sync::atomic::{AtomicU64, Ordering};

use duet_protocol::code::Code;
use duet_protocol::id::UserId;
use duet_protocol::service::{Contact, Decision, Proof, Question};

use crate::accounts::Accounts;
use crate::contacts::Lists;

/// What the embedded service knows and allows.
#[derive(Debug, Default)]
pub struct Service {
    accounts: Accounts,
    lists: Lists,
    guests: bool,
    guests_seen: AtomicU64,
}

impl Service {
    /// A service with these accounts; guests as it is told.
    pub fn new(accounts: Accounts, guests: bool) -> Self {
        Self {
            accounts,
            lists: Lists::in_memory(),
            guests,
            guests_seen: AtomicU64::new(0),
        }
    }

    /// The same, with lists that are kept elsewhere than in memory.
    #[must_use]
    pub fn with_lists(self, lists: Lists) -> Self {
        Self { lists, ..self }
    }

    /// A guest's user id: above every account's.
    fn guest(&self) -> UserId {
        UserId((1 << 32) + 1 + self.guests_seen.fetch_add(1, Ordering::Relaxed))
    }

    /// Keeps a change of a list. A guest's ends with its user id, so nothing is kept of it.
    fn keep(&self, user: UserId, entry: &Contact) -> Decision {
        if user.0 > u64::from(u32::MAX) {
            return Decision::Allow;
        }
        match self.lists.set(user, entry.clone()) {
            Ok(()) => Decision::Allow,
            Err(_) => Decision::Deny(Code::SERVICE_UNAVAILABLE),
        }
    }

    /// Answers one question. A password takes some tens of milliseconds, and a change of a list a write to the disk:
    /// call it off the network's thread.
    pub fn decide(&self, question: &Question) -> Decision {
        match question {
            Question::Login {
                method: Proof::Guest,
                name,
            } if self.guests => {
                if self.accounts.find(name).is_some() {
                    return Decision::Deny(Code::BAD_CREDENTIALS);
                }
                let user = self.guest();
                let name = if name.is_empty() {
                    format!("guest-{user}")
                } else {
                    name.clone()
                };
                Decision::User {
                    user,
                    name,
                    contacts: Vec::new(),
                }
            }
            Question::Login {
                method: Proof::Password(password),
                name,
            } => match self.accounts.verify(name, password) {
                Some(user) => Decision::User {
                    user,
                    name: name.clone(),
                    contacts: self.lists.of(user),
                },
                None => Decision::Deny(Code::BAD_CREDENTIALS),
            },
            Question::Login { .. } => Decision::Deny(Code::BAD_CREDENTIALS),
            Question::Lookup { user: asker, name } => match self.accounts.find(name) {
                Some(user) => Decision::User {
                    user,
                    name: name.clone(),
                    contacts: self.lists.entry(user, *asker).into_iter().collect(),
                },
                None => Decision::Deny(Code::NOT_FOUND),
            },
            Question::Contact { user, entry } => self.keep(*user, entry),
            Question::Join { .. } | Question::Call { .. } => Decision::Allow,
        }
    }
}
