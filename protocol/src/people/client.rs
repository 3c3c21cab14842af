//! A user's people as its client keeps them: the list, and what each contact shows of itself.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::id::UserId;
use crate::limits;
use crate::message::directory::{Availability, ContactEntry, Contacts, Presence, Relation};

/// An entry of one's list, as the application sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactInfo {
    /// The other user.
    pub user: UserId,
    /// What it is to this user.
    pub relation: Relation,
    /// What this user calls it; may be empty.
    pub name: String,
    /// Whether it is there. Who does not have this user as a contact always looks offline.
    pub availability: Availability,
    /// What it wants to say of that.
    pub text: String,
    /// Since when: microseconds since 1970-01-01 UTC; 0 where that is not known.
    pub since: u64,
}

impl ContactInfo {
    fn offline(entry: &ContactEntry<'_>) -> Self {
        Self {
            user: entry.user,
            relation: entry.relation,
            name: entry.name.as_str().to_string(),
            availability: Availability::Offline,
            text: String::new(),
            since: 0,
        }
    }
}

/// What the client holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct People {
    me: Option<UserId>,
    pub(crate) list: BTreeMap<UserId, ContactInfo>,
    /// The presence that the application states; stated again in a new session.
    pub(crate) wish: Option<(Availability, String)>,
}

impl People {
    /// A new session: what an earlier one told is void.
    pub(crate) fn began(&mut self, me: UserId) {
        self.me = Some(me);
        self.list.clear();
    }

    /// CONTACTS: the whole list; nobody on it is known to be there.
    pub(crate) fn replace(&mut self, contacts: &Contacts<'_>) -> Vec<ContactInfo> {
        //= DIR-014
        self.list = contacts
            .entries
            .iter()
            .map(|entry| (entry.user, ContactInfo::offline(&entry)))
            .collect();
        self.list.values().cloned().collect()
    }

    /// CONTACT: one entry as it is now; none where the list would be longer than it can be.
    pub(crate) fn change(&mut self, entry: &ContactEntry<'_>) -> Option<ContactInfo> {
        let is_new = !self.list.contains_key(&entry.user);
        if is_new && entry.relation != Relation::None && self.list.len() >= limits::MAX_CONTACTS {
            return None;
        }
        let mut info = ContactInfo::offline(entry);
        match entry.relation {
            Relation::None => {
                self.list.remove(&entry.user);
            }
            Relation::Contact | Relation::Blocked => {
                if let Some(old) = self.list.get(&entry.user)
                    && old.relation == entry.relation
                {
                    let name = core::mem::take(&mut info.name);
                    info = ContactInfo {
                        name,
                        ..old.clone()
                    };
                }
                self.list.insert(entry.user, info.clone());
            }
        }
        Some(info)
    }

    /// PRESENCE; false where it is about somebody who is no contact.
    pub(crate) fn hear(&mut self, presence: &Presence<'_>) -> bool {
        if self.me == Some(presence.user) {
            return true;
        }
        //= DIR-014
        let Some(info) = self
            .list
            .get_mut(&presence.user)
            .filter(|info| info.relation == Relation::Contact)
        else {
            return false;
        };
        info.availability = presence.availability;
        info.text = presence.text.as_str().to_string();
        info.since = presence.since;
        true
    }
}
