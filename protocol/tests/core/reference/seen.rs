//! What an application is told, in words that the model shares with the cores: no ids that are drawn, no times.

use std::collections::BTreeMap;

use duet_protocol::code::Code;
use duet_protocol::error::Initiator;

use super::op::{Device, Name, Person, Run};

/// A session: the so-many-th of a device.
pub(super) type Session = (Device, u32);

/// A room: the so-many-th that anybody heard of under that name.
pub(super) type Room = (Name, u32);

/// A call: the so-many-th that a device made.
pub(super) type Call = (Device, u32);

/// Which request an answer is to: the step, and which of its two operations.
pub(super) type Tag = (usize, u8);

/// A member of a room, as another sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) session: Session,
    pub(super) user: Person,
    pub(super) suspended: bool,
    pub(super) moderator: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    Join,
    Leave(Code),
    Suspend,
    Resume,
    Update,
}

/// Where a message was sent to, as its receivers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Address {
    Person(Person),
    Session(Session),
    Room(Room),
}

/// Something that an application is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    LoggedIn(Session),
    Suspended,
    Resumed,
    LoggedOut {
        code: Code,
        returning: bool,
    },
    /// The core refused the command, and nothing changed.
    Misuse,
    Answer(Code, u64),
    Found(Person),
    Created(Room),
    Waiting(Room),
    Granted(Room),
    Joined {
        room: Room,
        /// The request, where it was this application's and not the core's own.
        request: Option<Tag>,
        capacity: u8,
        run: Run,
        members: Vec<Member>,
    },
    Member {
        change: Change,
        member: Member,
    },
    RoomSet {
        capacity: u8,
        run: Run,
    },
    Knock {
        session: Session,
        user: Person,
        waiting: bool,
    },
    Left(Code),
    Message {
        from: Session,
        user: Person,
        number: u64,
        /// The step in which it was written, and whether it is data.
        body: (Tag, bool),
    },
    Incoming {
        peer: Person,
        pictures: bool,
    },
    Ringing,
    Started {
        peer: Person,
        /// Whether the caller's, and the callee's, pictures were consented to; sound always is.
        pictures: (bool, bool),
    },
    Ended {
        code: Code,
        by: Initiator,
        glare: Option<Call>,
    },
    Stream {
        of: Session,
        stream: u8,
        open: bool,
    },
}

/// What is told in one order. Between two of these there is none: they come from different machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    Session,
    Request(Tag),
    /// What the core asked for by itself, and did not get.
    OwnRequests,
    Room(Room),
    /// Streams in a room.
    Streams(Room),
    Talk(Address),
    Call(Call),
    /// Streams in the room of whichever call this is.
    CallStreams,
}

/// What all devices are told in a step.
pub(super) type Told = BTreeMap<(Device, Channel), Vec<Seen>>;

/// Puts in one order what may come in any.
pub(super) fn normalise(told: &mut Told) {
    let closed: Vec<(Device, Room)> = told
        .iter()
        .filter_map(|((device, channel), seen)| match channel {
            Channel::Room(room) if seen.iter().any(|one| matches!(one, Seen::Left(_))) => {
                Some((*device, *room))
            }
            _ => None,
        })
        .collect();
    for ((device, channel), seen) in told.iter_mut() {
        match channel {
            // Who is put out learns of some streams that they are closed, and of others not.
            Channel::Streams(room) if closed.contains(&(*device, *room)) => {
                seen.retain(|one| matches!(one, Seen::Stream { open: true, .. }));
                sort_runs(seen, |_| true);
            }
            Channel::Streams(_) => sort_runs(seen, |_| true),
            Channel::CallStreams | Channel::OwnRequests => sort_runs(seen, |_| true),
            // Everyone who waits is told in one go, in any order.
            Channel::Room(_) => {
                sort_runs(seen, |one| matches!(one, Seen::Knock { waiting: true, .. }))
            }
            _ => {}
        }
    }
    told.retain(|_, seen| !seen.is_empty());
}

fn sort_runs(seen: &mut [Seen], is_loose: impl Fn(&Seen) -> bool) {
    for run in seen.chunk_by_mut(|one, next| is_loose(one) && is_loose(next)) {
        if run.len() > 1 {
            run.sort();
        }
    }
}

/// What was seen, in few words, by which a test can tell that what matters has happened.
pub(super) fn sight(seen: &Seen) -> String {
    match seen {
        Seen::Answer(code, _) => format!("answer {code}"),
        Seen::Ended { code, .. } => format!("ended {code}"),
        Seen::LoggedOut { code, .. } => format!("logged out {code}"),
        Seen::Left(code) => format!("left {code}"),
        Seen::Member { change, .. } => format!("member {change:?}"),
        seen => {
            let text = format!("{seen:?}");
            text.split([' ', '('])
                .next()
                .unwrap_or_default()
                .to_string()
        }
    }
}
