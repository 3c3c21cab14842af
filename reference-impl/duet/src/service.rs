//! The embedded business service: it answers what the core asks, over the same path as an external one will.

use std::sync::atomic::{AtomicU64, Ordering};

use duet_protocol::code::Code;
use duet_protocol::id::UserId;
use duet_protocol::service::{Decision, Proof, Question};

use crate::accounts::Accounts;

/// What the embedded service knows and allows.
#[derive(Debug, Default)]
pub struct Service {
    accounts: Accounts,
    guests: bool,
    guests_seen: AtomicU64,
}

impl Service {
    /// A service with these accounts; guests as it is told.
    pub fn new(accounts: Accounts, guests: bool) -> Self {
        Self {
            accounts,
            guests,
            guests_seen: AtomicU64::new(0),
        }
    }

    /// A guest's user id: above every account's.
    fn guest(&self) -> UserId {
        UserId((1 << 32) + 1 + self.guests_seen.fetch_add(1, Ordering::Relaxed))
    }

    /// Answers one question. A password takes some tens of milliseconds: call it off the network's thread.
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
                    contacts: Vec::new(),
                },
                None => Decision::Deny(Code::BAD_CREDENTIALS),
            },
            Question::Login { .. } => Decision::Deny(Code::BAD_CREDENTIALS),
            Question::Lookup { name, .. } => match self.accounts.find(name) {
                Some(user) => Decision::User {
                    user,
                    name: name.clone(),
                    contacts: Vec::new(),
                },
                None => Decision::Deny(Code::NOT_FOUND),
            },
            Question::Join { .. } | Question::Call { .. } | Question::Contact { .. } => {
                Decision::Allow
            }
        }
    }
}
