//! Directory and presence: names are looked up at the edge, everything else goes by id; who is a contact of whom, who
//! is blocked, and who is there.

use crate::id::{RequestId, UserId};
use crate::wire::{List, Text};

choice! {
    /// What one user has made of another
    Relation {
        /// Nothing: not on the list
        None = 0,
        /// A contact
        Contact = 1,
        /// Blocked
        Blocked = 2,
    }
}

choice! {
    /// Whether a user is there, the less available first
    Availability {
        /// Not there, or does not want to be seen
        Offline = 0,
        /// There, and does not want to be disturbed; nothing is held back for that
        DoNotDisturb = 1,
        /// There, but not at the device
        Away = 2,
        /// There
        Online = 3,
    }
}

record! {
    /// An entry of a user's list
    ContactEntry {
        /// The other user
        user: UserId,
        /// What it is to this user
        relation: Relation,
        /// What this user calls it; may be empty
        name: Text<'a, 64>,
    }
}

messages! {
    Directory:
    /// Asks for the user with a name
    0x0201 LOOKUP Lookup ["DIR-001"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The name
        name: Text<'a, 64>,
    }
    /// Answers LOOKUP
    0x0202 FOUND Found ["DIR-002"] Server (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The user of that name
        user: UserId,
        /// The name others see
        name: Text<'a, 64>,
    }
    /// Puts a user on one's list, or off it
    0x0203 CONTACT_SET ContactSet ["DIR-010"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// What the entry is to be; with `None` it is removed
        entry: ContactEntry<'a>,
    }
    /// One's list as it is when the session begins
    0x0204 CONTACTS Contacts ["DIR-012"] Server (SEQUENCED) {
        /// Every entry, in order of user; none of them is `None`
        entries: List<'a, ContactEntry<'a>, 200>,
    }
    /// Tells of a change of one's list
    0x0205 CONTACT Contact ["DIR-013"] Server (SEQUENCED) {
        /// The entry as it is now; with `None` it is gone
        entry: ContactEntry<'a>,
    }
    /// Says whether one is there, for this session
    0x0206 PRESENCE_SET PresenceSet ["DIR-020"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// Whether
        availability: Availability,
        /// What one wants to say of it; may be empty
        text: Text<'a, 128>,
    }
    /// Tells whether a contact, or one's own user, is there
    0x0207 PRESENCE Presence ["DIR-021"] Server (SEQUENCED) {
        /// Who
        user: UserId,
        /// Whether
        availability: Availability,
        /// What the user wants to say of it; may be empty
        text: Text<'a, 128>,
        /// Since when, as far as this receiver may know: microseconds since 1970-01-01 UTC
        since: u64,
    }
}
