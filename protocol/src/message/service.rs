//! The service link: a business service decides, is told what happens, and commands. Both sides' frames; those of the
//! service that act bear its epoch.

use super::Media;
use super::directory::ContactEntry;
use super::room::Options;
use super::session::Method;
use crate::code::Code;
use crate::id::{CallId, RequestId, RoomId, SessionId, UserId};
use crate::wire::{Address, List, Opaque, Secret, Text, Within};

bits! {
    /// What a service may do, and what it is asked
    Permissions {
        /// Is asked about logins
        LOGIN = 0x01,
        /// Is asked who is called by a name, and about changes of contact lists
        DIRECTORY = 0x02,
        /// Is asked who may enter a room
        JOIN = 0x04,
        /// Is asked whether a call may take place
        CALL = 0x08,
        /// Gets the data that is addressed to the service, and sends data
        DATA = 0x10,
        /// Creates and closes rooms, gives tickets, removes members
        ROOMS = 0x20,
        /// Ends sessions and calls
        KICK = 0x40,
        /// Is told what happens
        EVENTS = 0x80,
    }
}

choice! {
    /// What a linked service is
    Standing {
        /// The active one
        Active = 1,
        /// One that waits for its turn
        Standby = 2,
    }
}

choice! {
    /// How a service that becomes active learns what it missed
    Resync {
        /// What it has not got comes again
        Replay = 1,
        /// A snapshot comes first
        Snapshot = 2,
    }
}

choice! {
    /// What happened
    Kind {
        /// A session began
        SessionBegan = 1,
        /// A session lost its link and waits for another
        SessionSuspended = 2,
        /// A session has a link again
        SessionResumed = 3,
        /// A session is over
        SessionEnded = 4,
        /// A room is there
        RoomOpened = 5,
        /// A room is gone
        RoomClosed = 6,
        /// A session entered a room
        MemberIn = 7,
        /// A session left a room
        MemberOut = 8,
        /// A call was asked for
        CallBegan = 9,
        /// Both sides of a call are in its room
        CallConnected = 10,
        /// A call is over
        CallEnded = 11,
    }
}

choice! {
    /// Whether a snapshot goes on
    More {
        /// This is its last part
        Last = 0,
        /// Another part follows
        More = 1,
    }
}

record! {
    /// A session that is there
    SessionEntry {
        /// The session
        session: SessionId,
        /// Its user
        user: UserId,
        /// 1 while it waits for its link, otherwise 0
        suspended: u8,
        /// The name others see
        name: Text<'a, 64>,
    }
}

record! {
    /// A room that is there
    RoomEntry {
        /// The room
        room: RoomId,
        /// Its name; empty for the room of a call
        name: Text<'a, 64>,
    }
}

record! {
    /// A session in a room
    MemberEntry plain {
        /// The room
        room: RoomId,
        /// The session
        session: SessionId,
        /// Its user
        user: UserId,
    }
}

record! {
    /// A call that is not over
    CallEntry plain {
        /// The call
        call: CallId,
        /// Who called
        caller: UserId,
        /// Who was called
        callee: UserId,
        /// 1 once both sides are in its room, otherwise 0
        connected: u8,
    }
}

messages! {
    Service:
    /// Links a service, after WELCOME
    0x0801 LINK Link ["SVC-002"] Service () {
        /// The name of this process among those that stand in for each other
        name: Text<'a, 64>,
        /// The token that its permissions hang on
        token: Secret<'a, 1024>,
        /// What it wishes to do
        permissions: Permissions,
        /// The epoch in which it was active last; 0 where never
        last_epoch: u64,
        /// The number of the last entry that it took
        last_number: u64,
    }
    /// The service is linked
    0x0802 LINKED Linked ["SVC-003"] Server () {
        /// Whether it is the active one
        standing: Standing,
        /// What it may do: what it wished and its token allows
        permissions: Permissions,
    }
    /// The service is the active one from now on
    0x0803 ACTIVATED Activated ["SVC-005"] Server () {
        /// The epoch that begins
        epoch: u64,
        /// How it learns what it missed
        resync: Resync,
        /// Entries go on after this number, once the snapshot is over where there is one
        number: u64,
        /// The number of the last command that the server took in its `last_epoch`, 0 for none; all ones where the
        /// server does not know
        taken: u64,
    }
    /// Asks about a login
    0x0804 DECIDE_LOGIN DecideLogin ["SVC-010"] Server () {
        /// The question
        question: u64,
        /// For how long an answer counts, in milliseconds
        within_ms: u32,
        /// How the person proves who it is
        method: Method,
        /// The name given; may be empty for a guest
        name: Text<'a, 64>,
        /// The password or the token; empty for a guest
        credential: Secret<'a, 1024>,
    }
    /// Asks who is called by a name
    0x0805 DECIDE_LOOKUP DecideLookup ["SVC-010"] Server () {
        /// The question
        question: u64,
        /// For how long an answer counts, in milliseconds
        within_ms: u32,
        /// Who asks
        user: UserId,
        /// The name
        name: Text<'a, 64>,
    }
    /// Asks whether a user may enter a room
    0x0806 DECIDE_JOIN DecideJoin ["SVC-010"] Server () {
        /// The question
        question: u64,
        /// For how long an answer counts, in milliseconds
        within_ms: u32,
        /// Who
        user: UserId,
        /// Which room
        room: RoomId,
        /// The room's name, where it has one
        name: Text<'a, 64>,
    }
    /// Asks whether a call may take place
    0x0807 DECIDE_CALL DecideCall ["SVC-010"] Server () {
        /// The question
        question: u64,
        /// For how long an answer counts, in milliseconds
        within_ms: u32,
        /// Which call
        call: CallId,
        /// Who calls
        caller: UserId,
        /// Who is called
        callee: UserId,
        /// The media offered
        media: Media,
    }
    /// Asks whether this may be an entry of a user's list
    0x0808 DECIDE_CONTACT DecideContact ["SVC-010"] Server () {
        /// The question
        question: u64,
        /// For how long an answer counts, in milliseconds
        within_ms: u32,
        /// Whose list
        user: UserId,
        /// The entry as it is to be; with `None` it is to be removed
        entry: ContactEntry<'a>,
    }
    /// Answers a question with yes or no
    0x0810 VERDICT Verdict ["SVC-011"] Service () {
        /// The epoch of the one who answers
        epoch: u64,
        /// The question
        question: u64,
        /// `none` is yes; anything else is no, and why
        code: Code,
    }
    /// Answers a question with a user
    0x0811 VERDICT_USER VerdictUser ["SVC-011"] Service () {
        /// The epoch of the one who answers
        epoch: u64,
        /// The question
        question: u64,
        /// Who it is; not 0
        user: UserId,
        /// The name others see
        name: Text<'a, 64>,
        /// The user's list: for a login all of it; for a look-up the entry for the one who asks, if there is one
        contacts: List<'a, ContactEntry<'a>, 200>,
    }
    /// Tells of something that happened
    0x0820 EVENT Happened ["SVC-020"] Server () {
        /// Its number in the one order of entries
        number: u64,
        /// When: microseconds since 1970-01-01 UTC
        time: u64,
        /// What
        kind: Kind,
        /// Of sessions and members: the user. Of calls: the caller
        user: UserId,
        /// Of calls: the callee
        peer: UserId,
        /// Of sessions and members: the session
        session: SessionId,
        /// Of rooms and members: the room
        room: RoomId,
        /// Of calls: the call
        call: CallId,
        /// Where something ended: why
        code: Code,
        /// Of a call that ended: how long both sides were in it, in milliseconds
        length_ms: u32,
        /// Of a session that began: the name others see. Of a room that opened: its name
        name: Text<'a, 64>,
    }
    /// Part of what is there at one moment
    0x0821 SNAPSHOT Snapshot ["SVC-024"] Server () {
        /// The number of the last entry that it includes
        number: u64,
        /// Counts the parts, from 0
        part: u32,
        /// Whether it goes on
        more: More,
        /// Sessions
        sessions: List<'a, SessionEntry<'a>, 64>,
        /// Rooms
        rooms: List<'a, RoomEntry<'a>, 64>,
        /// Who is in which room
        members: List<'a, MemberEntry, 64>,
        /// Calls
        calls: List<'a, CallEntry, 64>,
    }
    /// Brings data that a client sent to the service
    0x0822 ADDRESSED Addressed ["SVC-030"] Server () {
        /// Its number in the one order of entries
        number: u64,
        /// When the server took it: microseconds since 1970-01-01 UTC
        time: u64,
        /// The sender
        user: UserId,
        /// The sender's session
        session: SessionId,
        /// The data
        data: Opaque<'a, 16_000>,
    }
    /// Says what became of a command
    0x0823 DONE Done ["SVC-041"] Server () {
        /// Its number in the one order of entries
        number: u64,
        /// The epoch in which the command was sent
        epoch: u64,
        /// The command
        request: RequestId,
        /// What became of it
        code: Code,
        /// Of ROOM_CREATE: the room; otherwise all zero
        room: RoomId,
        /// Of ROOM_TICKET: the ticket; otherwise empty
        ticket: Secret<'a, 64>,
    }
    /// Sends data, as the service
    0x0830 PUSH Push ["SVC-042"] Service () {
        /// The epoch of the one who commands
        epoch: u64,
        /// The command
        request: RequestId,
        /// Whom it is for: a user, a session or a room
        to: Address,
        /// The data
        data: Opaque<'a, 15_900>,
    }
    /// Creates a room
    0x0831 ROOM_CREATE RoomCreate ["SVC-048"] Service () {
        /// The epoch of the one who commands
        epoch: u64,
        /// The command
        request: RequestId,
        /// Its name, which no other room has; empty for a room that is known by its id alone
        name: Text<'a, 64>,
        /// Its secret; empty for a room without
        secret: Secret<'a, 64>,
        /// Most members that it admits
        capacity: Within<2, 100>,
        /// How it is run
        options: Options,
    }
    /// Asks for a ticket with which a user may enter a room
    0x0832 ROOM_TICKET RoomTicket ["SVC-049"] Service () {
        /// The epoch of the one who commands
        epoch: u64,
        /// The command
        request: RequestId,
        /// The room
        room: RoomId,
        /// The user
        user: UserId,
    }
    /// Closes a room
    0x0833 ROOM_CLOSE RoomClose ["SVC-051"] Service () {
        /// The epoch of the one who commands
        epoch: u64,
        /// The command
        request: RequestId,
        /// The room
        room: RoomId,
        /// Why, as those inside are told
        code: Code,
    }
    /// Puts a user out of a room
    0x0834 ROOM_KICK RoomKick ["SVC-050"] Service () {
        /// The epoch of the one who commands
        epoch: u64,
        /// The command
        request: RequestId,
        /// The room
        room: RoomId,
        /// The user
        user: UserId,
        /// For how many milliseconds it is kept out; 0 not at all, 4,294,967,295 as long as the room lives
        ban_ms: u32,
    }
    /// Ends a session, or all of a user's
    0x0835 SESSION_END SessionEnd ["SVC-043"] Service () {
        /// The epoch of the one who commands
        epoch: u64,
        /// The command
        request: RequestId,
        /// Which; all zero for each that `user` has
        session: SessionId,
        /// Whose, where `session` is all zero
        user: UserId,
        /// Why, as its client is told
        code: Code,
    }
    /// Ends a call
    0x0836 CALL_END CallEnd ["SVC-044"] Service () {
        /// The epoch of the one who commands
        epoch: u64,
        /// The command
        request: RequestId,
        /// Which
        call: CallId,
        /// Why, as both sides are told
        code: Code,
    }
}
