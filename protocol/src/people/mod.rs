//! People: who may be found by name, who is whose contact, who is blocked, and who is there.
//!
//! The list of a user is the service's to keep; the user's machine holds it while one of the user's sessions is there.
//! A user's presence is told to those contacts that have the user as a contact, too: the sender's list decides who is
//! told, the receiver's list who is heard. So there are no lists of watchers that could disagree.

pub mod client;
pub(crate) mod server;

use crate::message::directory::Relation;

/// Who is found by LOOKUP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirectoryPolicy {
    /// Everyone, but not by those whom they blocked.
    #[default]
    Open,
    /// Those who have the asker as a contact.
    Contacts,
    /// Nobody.
    Closed,
}

impl DirectoryPolicy {
    /// Whether someone is found by an asker who is this to them.
    pub(crate) const fn finds(self, relation: Relation) -> bool {
        //= DIR-004
        match self {
            Self::Open => !matches!(relation, Relation::Blocked),
            Self::Contacts => matches!(relation, Relation::Contact),
            Self::Closed => false,
        }
    }
}
