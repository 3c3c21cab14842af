//! What a client's application is told, and what it says about its streams.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::grade::MediaGrade;
use crate::code::Code;
use crate::error::EndReason;
use crate::id::{CallId, RequestId, RoomId, SessionId, StreamNumber, TransferId, UserId};
use crate::message::Media;
use crate::message::directory::Availability;
use crate::message::media::{Codec, Description, Kind};
use crate::message::room::Change;
use crate::people::client::ContactInfo;
use crate::room::client::{MemberInfo, RoomSettings};
use crate::wire::{Address, Opaque};

use super::transfers::Offering;

/// A stream and how to receive it; see [`Description`] for the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamDescription {
    /// The publisher's number for it.
    pub stream: StreamNumber,
    /// What it carries.
    pub kind: Kind,
    /// How it is coded.
    pub codec: Codec,
    /// RTP payload type.
    pub payload_type: u8,
    /// RTP clock rate, in hertz.
    pub clock_rate: u32,
    /// RTP synchronisation source.
    pub ssrc: u32,
    /// The most that it takes, in bits a second.
    pub max_bitrate: u32,
    /// How long a packet is of use, in milliseconds.
    pub useful_ms: u16,
    /// The codec's configuration, at most 256 bytes.
    pub config: Vec<u8>,
}

impl StreamDescription {
    pub(crate) fn wire(&self) -> Description<'_> {
        Description {
            stream: self.stream,
            kind: self.kind,
            codec: self.codec,
            payload_type: self.payload_type,
            clock_rate: self.clock_rate,
            ssrc: self.ssrc,
            max_bitrate: self.max_bitrate,
            useful_ms: self.useful_ms,
            config: Opaque::new(&self.config).unwrap_or_default(),
        }
    }
}

impl From<&Description<'_>> for StreamDescription {
    fn from(d: &Description<'_>) -> Self {
        Self {
            stream: d.stream,
            kind: d.kind,
            codec: d.codec,
            payload_type: d.payload_type,
            clock_rate: d.clock_rate,
            ssrc: d.ssrc,
            max_bitrate: d.max_bitrate,
            useful_ms: d.useful_ms,
            config: d.config.as_bytes().to_vec(),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Logged in, with a new session.
    LoggedIn {
        /// This user.
        user: UserId,
        /// This session.
        session: SessionId,
        /// The name others see.
        name: String,
    },
    /// The link is lost; the core reconnects.
    Suspended,
    /// The link is back, and nothing was lost.
    Resumed,
    /// The session is over.
    LoggedOut {
        /// Why.
        reason: EndReason,
        /// Whether the core logs in again by itself.
        returning: bool,
    },
    /// A request's outcome. What the core asks for by itself, such as the streams of a call and the way back into a room
    /// after a new login, has outcomes too, under numbers that the application was never given.
    Answer {
        /// The request.
        request: RequestId,
        /// [`Code::DELIVERED`] where it was done; otherwise why not.
        code: Code,
        /// Text or data that was numbered: its number among what its receiver was sent; otherwise 0.
        number: u64,
    },
    /// LOOKUP found someone.
    Found {
        /// The request.
        request: RequestId,
        /// Who.
        user: UserId,
        /// The name others see.
        name: String,
    },
    /// One's list, at the beginning of a session; what was told of it before is void. Everyone on it counts as offline
    /// until [`Event::Presence`] says otherwise.
    Contacts {
        /// Every entry.
        entries: Vec<ContactInfo>,
    },
    /// An entry of one's list changed, by this session or another.
    Contact {
        /// The entry as it is now; with [`Relation::None`](crate::message::directory::Relation::None) it is gone.
        entry: ContactInfo,
    },
    /// What a contact, or one's own user, shows of itself has changed.
    Presence {
        /// Who.
        user: UserId,
        /// Whether it is there. One's own is the most available that one's sessions have stated.
        availability: Availability,
        /// What it wants to say of that.
        text: String,
        /// Since when: microseconds since 1970-01-01 UTC.
        since: u64,
    },
    /// Entered a room.
    Joined {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// Its name; empty for one without.
        name: String,
        /// How it is run.
        settings: RoomSettings,
        /// Everyone in it, oneself included.
        members: Vec<MemberInfo>,
    },
    /// A room was created; it is not thereby entered.
    Created {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
    },
    /// A moderator has to let this side in; the answer to the JOIN is still to come.
    Waiting {
        /// The request of the JOIN.
        request: RequestId,
        /// The room.
        room: RoomId,
    },
    /// To a moderator: someone waits to be let in, or no longer.
    Knock {
        /// The room.
        room: RoomId,
        /// Its session.
        session: SessionId,
        /// Its user.
        user: UserId,
        /// The name others see.
        name: String,
        /// Whether it still waits.
        waiting: bool,
    },
    /// A ticket for someone, to be passed on.
    Granted {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// What the user gives as secret, once.
        ticket: [u8; 32],
        /// How long it is good for.
        expires_in: Duration,
    },
    /// A room is run in another way.
    RoomSet {
        /// The room.
        room: RoomId,
        /// How, from now on.
        settings: RoomSettings,
    },
    /// A member of a room changed.
    Member {
        /// The room.
        room: RoomId,
        /// How.
        change: Change,
        /// Why, where it left.
        code: Code,
        /// The member.
        member: MemberInfo,
    },
    /// Out of a room without having asked for it.
    Left {
        /// The room.
        room: RoomId,
        /// Why.
        code: Code,
    },
    /// Text came.
    Text {
        /// As the sender addressed it.
        to: Address,
        /// The sender.
        user: UserId,
        /// The sender's session.
        session: SessionId,
        /// Counts what this user, or the room, was sent.
        number: u64,
        /// When the server took it: microseconds since 1970-01-01 UTC.
        time: u64,
        /// The user whom it mentions.
        mention: Option<UserId>,
        /// The text.
        text: String,
    },
    /// Someone has read what this user wrote.
    Receipt {
        /// Where it wrote it to.
        conversation: Address,
        /// Up to which number, as in [`Event::Answer`].
        number: u64,
        /// The reader.
        user: UserId,
        /// The reader's session.
        session: SessionId,
    },
    /// Data came.
    Data {
        /// As the sender addressed it.
        to: Address,
        /// The sender.
        user: UserId,
        /// The sender's session.
        session: SessionId,
        /// Counts what this user, or the room, was sent.
        number: u64,
        /// When the server took it: microseconds since 1970-01-01 UTC.
        time: u64,
        /// The data.
        data: Bytes,
    },
    /// Someone calls. Nothing is opened before [`super::Client::accept`].
    Incoming {
        /// The call.
        call: CallId,
        /// The caller.
        peer: UserId,
        /// The caller's name.
        name: String,
        /// What is offered.
        media: Media,
    },
    /// The callee's device rings.
    Ringing {
        /// The call.
        call: CallId,
    },
    /// Both sides consented: devices may open.
    Started {
        /// The call.
        call: CallId,
        /// The other side.
        peer: UserId,
        /// The media consented to.
        media: Media,
    },
    /// The caller's CONFIRM came, at the device that accepted.
    Confirmed {
        /// The call.
        call: CallId,
        /// The caller's end-to-end block, at most 1,024 bytes.
        end_to_end: Bytes,
    },
    /// A call is over, or was not granted.
    Ended {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
        /// With `glare`: the call that rings already.
        existing: Option<CallId>,
    },
    /// Someone offers a transfer: [`super::Client::receive`] or [`super::Client::decline`] it.
    TransferOffered {
        /// The transfer.
        transfer: TransferId,
        /// The sender.
        user: UserId,
        /// The sender's session.
        session: SessionId,
        /// The sender's name.
        user_name: String,
        /// What is offered; the name is the sender's word, and no path.
        offering: Offering,
    },
    /// The payload of a transfer begins to pass, or goes on after a loss.
    TransferStarted {
        /// The transfer.
        transfer: TransferId,
        /// From this byte.
        at: u64,
    },
    /// How much of a transfer the receiver has.
    TransferProgress {
        /// The transfer.
        transfer: TransferId,
        /// Bytes.
        at: u64,
    },
    /// A transfer is over.
    TransferEnded {
        /// The transfer.
        transfer: TransferId,
        /// Why: [`Code::DELIVERED`] where the receiver has all of it, and the digests agree.
        reason: EndReason,
    },
    /// A stream is there; in a call it is subscribed to without asking.
    StreamOpened {
        /// The room.
        room: RoomId,
        /// The publisher.
        session: SessionId,
        /// The stream.
        description: StreamDescription,
    },
    /// A stream is gone.
    StreamClosed {
        /// The room.
        room: RoomId,
        /// The publisher.
        session: SessionId,
        /// The stream.
        stream: StreamNumber,
    },
    /// A packet's turn to be played has come. Packets of a stream come in order, each once.
    Media {
        /// The publisher.
        session: SessionId,
        /// The stream.
        stream: StreamNumber,
        /// The RTP packet.
        rtp: Bytes,
        /// How many packets before it are lost for good.
        lost_before: u16,
    },
    /// How well another member's media goes, as it says itself.
    PeerStats {
        /// The room.
        room: RoomId,
        /// The member.
        session: SessionId,
        /// How well.
        stats: MediaGrade,
    },
    /// A receiver of one's own stream needs a keyframe.
    KeyframeWanted {
        /// The stream.
        stream: StreamNumber,
    },
    /// Whether anybody receives one's own stream; where nobody does, nothing is sent.
    Wanted {
        /// The stream.
        stream: StreamNumber,
        /// Whether.
        wanted: bool,
    },
    /// The circuit breaker stopped this side's media (RFC 8083), until the media connection is made anew.
    MediaStopped,
    /// The media connection is bound, or lost.
    MediaLink {
        /// Whether it is there.
        up: bool,
    },
}
