//! Envelopes: the only way in which sessions, users, rooms, calls and media reach each other.
//!
//! Each machine has one owner shard. What stays on a shard is delivered within one `handle`, what crosses leaves by
//! [`Output::Envelope`](crate::io::Output::Envelope) and comes a while later; nothing in a machine knows which.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::call::server::Request as CallRequest;
use crate::channel::{Expected, Parcel, Receipt};
use crate::code::Code;
use crate::id::{CallId, FlowId, RequestId, RoomId, SessionId, StreamNumber, TransferId, UserId};
use crate::message::Media;
use crate::message::directory::Availability;
use crate::message::media::Kind;
use crate::people::DirectoryPolicy;
use crate::people::server::Status;
use crate::room::server::{Asker, Creation, Entry, Order, Publication};
use crate::service::mirror::Told;
use crate::service::{Contact, Decision, DecisionId, Question};
use crate::time::Instant;
use crate::transfer;

use super::shard::ShardId;

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    Session(SessionId),
    User(UserId),
    Room(RoomId),
    Call(CallId),
    Transfer(TransferId),
    /// The media side of a session.
    Relay(SessionId),
    /// Names of users and rooms.
    Directory,
    /// The business service, where one may link.
    Service,
    /// A shard itself: whoever asked the service something there.
    Shard(u16),
}

/// What a media ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    Room(RoomId),
    Call(CallId),
}

/// What one machine tells another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Letter {
    // To a user.
    Attach {
        session: SessionId,
        device: String,
        /// When the connection began on which it logs in.
        opened: Instant,
        /// The user's list, as the service gave it at this login.
        contacts: Vec<Contact>,
    },
    Detach {
        session: SessionId,
    },
    Reserve {
        call: CallId,
        peer: UserId,
        as_caller: bool,
    },
    Answered {
        call: CallId,
    },
    Release {
        call: CallId,
    },
    Ring {
        call: CallId,
    },

    SetContact {
        session: SessionId,
        request: RequestId,
        entry: Contact,
    },
    SetPresence {
        session: SessionId,
        request: RequestId,
        availability: Availability,
        text: String,
    },
    /// From one user to another, where the sender has the receiver as a contact; or for the last time.
    Presence {
        user: UserId,
        status: Status,
        /// Whether the receiver's own is wanted in return.
        reply: bool,
    },
    /// From the directory: answer this LOOKUP, where the policy lets the asker find this user.
    Seek(Seek),

    // To a user, a room or a session.
    Parcel {
        parcel: Parcel,
        receipt: Receipt,
        /// The one session that it is for. A session passes what is addressed to it to its user, and takes it from
        /// there: so no address gets past a block.
        only: Option<SessionId>,
    },

    // To a session.
    /// The user has taken the session in.
    Admitted,
    NotAdmitted {
        code: Code,
    },
    EndSession {
        code: Code,
    },
    ParcelFrame {
        frame: Bytes,
        receipt: Receipt,
    },
    Send {
        frame: Bytes,
    },
    /// PRESENCE: of what is held back for a session, only the newest about a user is kept.
    PresenceFrame {
        about: UserId,
        frame: Bytes,
    },
    /// CONTACT; where the user is no contact any more, what was held back about it is void.
    ContactFrame {
        about: UserId,
        is_contact: bool,
        frame: Bytes,
    },
    Outcome {
        request: RequestId,
        code: Code,
    },
    /// A room was created, and can be entered.
    RoomCreated {
        request: RequestId,
        room: RoomId,
    },
    /// A ticket for a room.
    Granted {
        request: RequestId,
        room: RoomId,
        ticket: [u8; 32],
    },
    /// A moderator has to let the session in.
    Waiting {
        room: RoomId,
        request: RequestId,
    },
    /// A frame that is not sequenced: it is written where there is a link, and otherwise dropped.
    Aside {
        frame: Bytes,
    },
    Answer {
        request: RequestId,
        frame: Bytes,
    },
    Invited {
        call: CallId,
        invite: Bytes,
    },
    CallOpen {
        call: CallId,
    },
    CallRoom {
        room: RoomId,
    },
    CallOver {
        call: CallId,
    },
    Entered {
        room: RoomId,
    },
    RoomOver {
        room: RoomId,
        code: Code,
    },
    /// From the owner of an address: how many will say what became of the parcel.
    Expect {
        receipt: Receipt,
        expected: Expected,
    },
    Receipted {
        receipt: Receipt,
        code: Code,
    },

    // To the directory.
    Named {
        user: UserId,
        session: SessionId,
        name: String,
    },
    Unnamed {
        session: SessionId,
    },
    Find {
        request: RequestId,
        user: UserId,
        name: String,
    },
    /// From a user: this LOOKUP does not find it.
    Hidden(Seek),
    /// From a user that went while this LOOKUP was on its way: the service has its list.
    Absent(Seek),
    RoomGone {
        room: RoomId,
        name: String,
    },

    /// To create a room; the room answers, or the directory where there is none to be.
    Create {
        asker: Asker,
        creation: Creation,
    },

    // To the directory, where the room is asked for by name, and to a room.
    Enter(Entry),

    // To a room.
    Leave {
        session: SessionId,
        request: Option<RequestId>,
        code: Code,
    },
    Suspended {
        session: SessionId,
    },
    Resumed {
        session: SessionId,
    },
    OpenRoom {
        creation: Creation,
        /// Who is told that it is there, where it was created by request.
        asker: Option<Asker>,
    },
    Order(Order),
    /// How a member's media goes, as the frame that tells the others.
    Report {
        session: SessionId,
        frame: Bytes,
    },
    OpenForCall {
        call: CallId,
        admitted: Vec<Admission>,
    },
    CloseRoom {
        code: Code,
    },
    Publish {
        session: SessionId,
        request: RequestId,
        publication: Publication,
    },
    Unpublish {
        session: SessionId,
        request: RequestId,
        stream: StreamNumber,
    },
    Subscribe {
        session: SessionId,
        request: RequestId,
        publisher: SessionId,
        stream: StreamNumber,
    },
    Unsubscribe {
        session: SessionId,
        request: RequestId,
        publisher: SessionId,
        stream: StreamNumber,
    },

    // To a call, by way of the session.
    MediaLost {
        session: SessionId,
    },
    MediaBack {
        session: SessionId,
    },

    // To a call.
    Call(CallRequest),
    RoomOpened,
    Reserved {
        user: UserId,
    },
    NotReserved {
        code: Code,
        existing: CallId,
    },
    Rung {
        sessions: Vec<SessionId>,
    },
    Decided {
        id: DecisionId,
        decision: Decision,
    },
    PartyIn {
        session: SessionId,
    },
    PartyOut {
        session: SessionId,
        code: Code,
    },

    // To the service.
    Question {
        id: DecisionId,
        deadline: Instant,
        question: Question,
    },
    Told(Told),
    /// A command was carried out, or not.
    ErrandDone {
        errand: u64,
        code: Code,
    },

    // From the service, to a session, a user and a call.
    Remove {
        code: Code,
        errand: Option<u64>,
    },
    RemoveAll {
        code: Code,
        errand: u64,
    },
    EndCall {
        code: Code,
        errand: u64,
    },
    // To a transfer, and from it to users and sessions.
    Transfer(transfer::Letter),

    // To the media side of a session.
    Ticket {
        scope: Scope,
        request: Option<RequestId>,
    },
    OpenIn {
        request: RequestId,
        stream: StreamKey,
        audio: bool,
        useful_ms: u16,
        max_bitrate: u32,
    },
    /// The answer to the room: the stream may be subscribed to.
    Opened {
        session: SessionId,
        stream: StreamNumber,
        request: RequestId,
    },
    CloseIn {
        stream: StreamKey,
    },
    OpenOut {
        request: RequestId,
        publisher: SessionId,
        stream: StreamKey,
    },
    CloseOut {
        publisher: SessionId,
        stream: StreamKey,
    },
    /// From the subscriber's media side to the publisher's: forward this stream to that flow.
    Forward {
        stream: StreamKey,
        to: SessionId,
        flow: FlowId,
        request: RequestId,
    },
    /// The publisher's answer: what the stream is like, so that the subscriber's side can open its flow.
    Forwarding {
        flow: FlowId,
        audio: bool,
        useful_ms: u16,
        max_bitrate: u32,
        request: RequestId,
    },
    NotForwarding {
        flow: FlowId,
        request: RequestId,
    },
    StopForward {
        stream: StreamKey,
        to: SessionId,
    },
    SessionOver,
    /// A media packet for a subscriber on another shard; it may be lost.
    Packet {
        flow: FlowId,
        payload: Bytes,
    },
    /// A subscriber's wish for a keyframe, for a publisher on another shard; it may be lost.
    Keyframe {
        stream: StreamKey,
    },
}

/// A LOOKUP that found somebody online: whether the asker may know is that user's to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seek {
    pub(crate) session: SessionId,
    pub(crate) request: RequestId,
    pub(crate) asker: UserId,
    pub(crate) name: String,
    pub(crate) found: UserId,
    pub(crate) policy: DirectoryPolicy,
}

/// A stream of a session: numbers are the publisher's, and may be the same in two rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamKey {
    pub(crate) room: RoomId,
    pub(crate) stream: StreamNumber,
}

/// Who may enter a call's room: with this ticket, as this session, to publish this media.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Admission {
    pub(crate) session: SessionId,
    pub(crate) ticket: [u8; 32],
    /// Whether the ticket has been used.
    pub(crate) entered: bool,
    pub(crate) audio: bool,
    pub(crate) video: bool,
}

impl Admission {
    pub(crate) fn of(session: SessionId, ticket: [u8; 32], media: Media, is_caller: bool) -> Self {
        let (audio, video) = if is_caller {
            (Media::CALLER_AUDIO, Media::CALLER_VIDEO)
        } else {
            (Media::CALLEE_AUDIO, Media::CALLEE_VIDEO)
        };
        Self {
            session,
            ticket,
            entered: false,
            audio: media.has(audio),
            video: media.has(video),
        }
    }

    pub(crate) const fn consents_to(&self, kind: Kind) -> bool {
        match kind {
            Kind::Audio => self.audio,
            Kind::Video => self.video,
        }
    }
}

/// A letter with its two ends, for the shard that owns the machine at the second.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Envelope {
    pub(crate) from: Owner,
    pub(crate) to: Owner,
    pub(crate) letter: Letter,
}

impl Envelope {
    /// Whether the envelope may be lost on its way: it carries media.
    pub const fn is_media(&self) -> bool {
        matches!(self.letter, Letter::Packet { .. } | Letter::Keyframe { .. })
    }
}

/// Who writes to whom; a letter may hold a secret, and is not shown.
impl core::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Envelope({:?} → {:?})", self.from, self.to)
    }
}

/// Where a machine puts what it wants sent, asked, or written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) envelopes: VecDeque<Envelope>,
    pub(crate) questions: VecDeque<(DecisionId, Owner, Question)>,
    asked: u64,
    /// Whether there is a service machine that wants to hear what happens.
    pub(crate) tells: bool,
}

impl Outbox {
    /// An outbox whose decisions no other shard's are like.
    pub(crate) fn of(shard: ShardId) -> Self {
        Self {
            asked: u64::from(shard.0) << 48,
            ..Self::default()
        }
    }

    /// An outbox whose decisions are numbered from `asked` on.
    #[cfg(test)]
    pub(crate) fn asking_from(asked: u64) -> Self {
        Self {
            asked,
            ..Self::default()
        }
    }

    pub(crate) fn send(&mut self, from: Owner, to: Owner, letter: Letter) {
        self.envelopes.push_back(Envelope { from, to, letter });
    }

    /// A sequenced frame for a session.
    pub(crate) fn frame(&mut self, from: Owner, to: SessionId, frame: Bytes) {
        self.send(from, Owner::Session(to), Letter::Send { frame });
    }

    /// A parcel reaches nobody.
    pub(crate) fn undeliverable(&mut self, from: Owner, receipt: Receipt, code: Code) {
        let (to, expected) = (receipt.owner(), Expected::NOBODY);
        self.send(from, to, Letter::Expect { receipt, expected });
        self.send(from, to, Letter::Receipted { receipt, code });
    }

    /// The answer to a session's request.
    pub(crate) fn outcome(&mut self, from: Owner, to: SessionId, request: RequestId, code: Code) {
        self.send(from, Owner::Session(to), Letter::Outcome { request, code });
    }

    /// Tells the service machine what happened.
    pub(crate) fn tell(&mut self, from: Owner, told: Told) {
        if self.tells {
            self.send(from, Owner::Service, Letter::Told(told));
        }
    }

    /// Says what became of a command of the service.
    pub(crate) fn errand_done(&mut self, from: Owner, errand: u64, code: Code) {
        self.send(from, Owner::Service, Letter::ErrandDone { errand, code });
    }

    /// Asks the service; the answer comes as [`Letter::Decided`] with the same id.
    pub(crate) fn ask(&mut self, from: Owner, question: Question) -> DecisionId {
        let id = self.next_decision();
        self.questions.push_back((id, from, question));
        id
    }

    pub(crate) fn next_decision(&mut self) -> DecisionId {
        self.asked = self.asked.saturating_add(1);
        DecisionId(self.asked)
    }
}
