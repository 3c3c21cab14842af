//! Rooms: a snapshot with an epoch, then deltas numbered from it, so that a gap is noticed.

use crate::code::Code;
use crate::id::{RequestId, RoomId, SessionId, UserId};
use crate::wire::{List, Opaque, Text, Within};

choice! {
    /// What happened to a member
    Change {
        /// Entered
        Join = 1,
        /// Left, for the reason given
        Leave = 2,
        /// Its link is lost; it may come back
        Suspend = 3,
        /// Its link is back
        Resume = 4,
        /// Something that others see of it changed
        Update = 5,
    }
}

choice! {
    /// What a member's link is like
    Presence {
        /// Connected
        Here = 1,
        /// Suspended
        Suspended = 2,
    }
}

choice! {
    /// What a member may do
    Role {
        /// What every member may
        Member = 1,
        /// Whatever this chapter keeps for moderators
        Moderator = 2,
    }
}

bits! {
    /// How a room is run
    Options {
        /// Whoever is neither moderator nor bears a ticket knocks, and a moderator lets it in
        LOBBY = 0x01,
        /// Only moderators and who bears a ticket may enter
        LOCKED = 0x02,
    }
}

bits! {
    /// Which settings SET_ROOM changes; the others stay, whatever their fields hold
    Setting {
        /// The secret
        SECRET = 0x01,
        /// The capacity
        CAPACITY = 0x02,
        /// The options
        OPTIONS = 0x04,
    }
}

choice! {
    /// Whether someone still waits to be let in
    Knocking {
        /// It waits
        Waiting = 1,
        /// It was let in or refused, withdrew, or waited too long
        Gone = 2,
    }
}

choice! {
    /// What becomes of one who waits
    Verdict {
        /// It stays outside
        Refuse = 0,
        /// It enters
        Admit = 1,
    }
}

record! {
    /// A member of a room
    Member {
        /// Its session
        session: SessionId,
        /// Its user
        user: UserId,
        /// What its link is like
        presence: Presence,
        /// What it may do
        role: Role,
        /// The name others see
        name: Text<'a, 64>,
    }
}

messages! {
    Room:
    /// Enters a room
    0x0301 JOIN Join ["ROOM-001"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room; all zero where it is asked for by name
        room: RoomId,
        /// The room's name, where `room` is all zero
        name: Text<'a, 64>,
        /// The room's secret or this user's ticket; empty without
        secret: Opaque<'a, 64>,
    }
    /// Answers JOIN with the room as it is
    0x0302 JOINED Joined ["ROOM-002"] Server (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// Drawn anew whenever the room's history starts anew
        epoch: u64,
        /// The number that the next delta follows
        number: u64,
        /// The room's name; empty for one without
        name: Text<'a, 64>,
        /// Most members that the room admits
        capacity: Within<2, 100>,
        /// How it is run
        options: Options,
        /// Most streams that may be published in it at once
        max_streams: u16,
        /// Everyone in the room, the one who enters included
        members: List<'a, Member<'a>, 100>,
    }
    /// Leaves a room
    0x0303 LEAVE Leave ["ROOM-003"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
    }
    /// Tells a member that it is no longer in the room, where it did not ask to leave
    0x0304 LEFT Left ["ROOM-004"] Server (SEQUENCED) {
        /// The room
        room: RoomId,
        /// Why
        code: Code,
    }
    /// Tells the members of a change
    0x0305 MEMBER Delta ["ROOM-005"] Server (SEQUENCED) {
        /// The room
        room: RoomId,
        /// The epoch of the snapshot that it follows
        epoch: u64,
        /// One more than the last
        number: u64,
        /// What happened
        change: Change,
        /// Why, where someone left
        code: Code,
        /// The member as it is now
        member: Member<'a>,
    }
    /// Creates a room; the user becomes its moderator, and is not thereby inside
    0x0306 CREATE Create ["ROOM-014"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// Its name, which no other room has; empty for a room that is known by its id alone
        name: Text<'a, 64>,
        /// Its secret; empty for a room without
        secret: Opaque<'a, 64>,
        /// Most members that it admits
        capacity: Within<2, 100>,
        /// How it is run
        options: Options,
    }
    /// Answers CREATE
    0x0307 CREATED Created ["ROOM-014"] Server (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
    }
    /// Changes how a room is run
    0x0308 SET_ROOM SetRoom ["ROOM-017"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// Which of the settings that follow are meant
        set: Setting,
        /// Its secret from now on
        secret: Opaque<'a, 64>,
        /// Most members that it admits from now on
        capacity: Within<2, 100>,
        /// How it is run from now on
        options: Options,
    }
    /// Tells the members that the room is run in another way
    0x0309 ROOM RoomDelta ["ROOM-018"] Server (SEQUENCED) {
        /// The room
        room: RoomId,
        /// The epoch of the snapshot that it follows
        epoch: u64,
        /// One more than the last, of MEMBER or of ROOM
        number: u64,
        /// Most members that it admits
        capacity: Within<2, 100>,
        /// How it is run
        options: Options,
    }
    /// A moderator has to let this session in: the answer to its JOIN is still to come
    0x030a WAITING Waiting ["ROOM-019"] Server (SEQUENCED) {
        /// The request of JOIN
        request: RequestId,
        /// The room
        room: RoomId,
    }
    /// Tells the moderators who waits to be let in
    0x030b KNOCK Knock ["ROOM-020"] Server (SEQUENCED) {
        /// The room
        room: RoomId,
        /// The session that waits
        session: SessionId,
        /// Its user
        user: UserId,
        /// Whether it still waits
        state: Knocking,
        /// The name others see
        name: Text<'a, 64>,
    }
    /// Lets someone in who waits, or not
    0x030c ADMIT Admit ["ROOM-021"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The session that waits
        session: SessionId,
        /// What becomes of it
        verdict: Verdict,
    }
    /// Gives a user a role
    0x030d MODERATE Moderate ["ROOM-025"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The user
        user: UserId,
        /// What it may do from now on
        role: Role,
    }
    /// Puts a user out of a room
    0x030e KICK Kick ["ROOM-026"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The user
        user: UserId,
        /// For how many milliseconds it is kept out; 0 not at all, 4,294,967,295 as long as the room lives
        ban_ms: u32,
    }
    /// Lets a banned user enter again
    0x030f UNBAN Unban ["ROOM-028"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The user
        user: UserId,
    }
    /// Closes a room
    0x0310 CLOSE Close ["ROOM-029"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
    }
    /// Asks for a ticket with which a user may enter
    0x0311 GRANT Grant ["ROOM-030"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The user
        user: UserId,
    }
    /// Answers GRANT
    0x0312 GRANTED Granted ["ROOM-030"] Server (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// What the user gives as the secret of its JOIN, once
        ticket: [u8; 32],
        /// How long it is good for, in milliseconds
        expires_in_ms: u32,
    }
}
