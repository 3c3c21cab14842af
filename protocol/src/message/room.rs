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
}
