//! Media signalling: what is published and subscribed to, tickets, and ATTACH on the media connection.

use crate::code::Code;
use crate::id::{CallId, FlowId, RequestId, RoomId, SessionId, StreamNumber};
use crate::wire::{Opaque, Text, Within};

choice! {
    /// What a stream carries
    Kind {
        /// Sound
        Audio = 1,
        /// Pictures
        Video = 2,
    }
}

choice! {
    /// How it is coded
    Codec {
        /// H.264 in RTP, packetization-mode 1 (RFC 6184)
        H264 = 1,
        /// AAC-LC in RTP, AAC-hbr, one access unit a packet (RFC 3640)
        AacLc = 2,
        /// Opus in RTP (RFC 7587)
        Opus = 3,
    }
}

choice! {
    /// Whether a stream is there
    State {
        /// Published
        Open = 1,
        /// No longer published
        Closed = 2,
    }
}

record! {
    /// A stream and how to receive it
    Description {
        /// The publisher's number for it
        stream: StreamNumber,
        /// What it carries
        kind: Kind,
        /// How it is coded
        codec: Codec,
        /// RTP payload type
        payload_type: u8,
        /// RTP clock rate, in hertz
        clock_rate: u32,
        /// RTP synchronisation source
        ssrc: u32,
        /// The most that it takes, in bits a second, RTP headers included
        max_bitrate: u32,
        /// How long after it was sent a packet is still of use, in milliseconds
        useful_ms: u16,
        /// The codec's configuration, as it stands in SDP's fmtp or the AudioSpecificConfig
        config: Opaque<'a, 256>,
    }
}

messages! {
    Media:
    /// Offers a stream to a room
    0x0701 PUBLISH Publish ["MEDIA-001"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The stream
        description: Description<'a>,
    }
    /// Answers PUBLISH with the flow that the stream's datagrams bear towards the server
    0x0702 PUBLISHED Published ["MEDIA-002"] Server (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The flow
        flow: FlowId,
    }
    /// Takes a stream back
    0x0703 UNPUBLISH Unpublish ["MEDIA-003"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The stream
        stream: StreamNumber,
    }
    /// Tells the members of a room of a stream; for one who enters, once for each that is there
    0x0704 STREAM Stream ["MEDIA-004"] Server (SEQUENCED) {
        /// The room
        room: RoomId,
        /// The publisher's session
        session: SessionId,
        /// Whether it is there
        state: State,
        /// The stream
        description: Description<'a>,
    }
    /// Asks for a stream
    0x0705 SUBSCRIBE Subscribe ["MEDIA-005"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The publisher's session
        session: SessionId,
        /// The stream
        stream: StreamNumber,
    }
    /// Answers SUBSCRIBE with the flow that the stream's datagrams bear from the server
    0x0706 SUBSCRIBED Subscribed ["MEDIA-006"] Server (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The flow
        flow: FlowId,
    }
    /// Stops receiving a stream
    0x0707 UNSUBSCRIBE Unsubscribe ["MEDIA-007"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The room
        room: RoomId,
        /// The publisher's session
        session: SessionId,
        /// The stream
        stream: StreamNumber,
    }
    /// Admits one media connection; after JOINED, after RINGING to both sides, and on request
    0x0708 MEDIA_TICKET MediaTicket ["MEDIA-008"] Server (SEQUENCED) {
        /// The request that it answers; 0 where it was not asked for
        request: RequestId,
        /// The call that it is for; all zero for a room
        call: CallId,
        /// The room that it is for; all zero for a call
        room: RoomId,
        /// The secret, for one use
        token: [u8; 32],
        /// How long it is good for, in milliseconds
        expires_in_ms: u32,
        /// Where to connect; empty for the address of the control connection
        endpoint: Text<'a, 256>,
    }
    /// Asks for another ticket
    0x0709 TICKET TicketRequest ["MEDIA-009"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The call; all zero for a room
        call: CallId,
        /// The room; all zero for a call
        room: RoomId,
    }
    /// Binds a media connection to the session; the first frame on its first stream
    0x070a ATTACH Attach ["MEDIA-010"] Client () {
        /// The secret of MEDIA_TICKET
        token: [u8; 32],
    }
    /// The media connection is bound
    0x070b ATTACHED Attached ["MEDIA-011"] Server () {
        /// Always `none`
        code: Code,
    }
    /// How well a member's media goes; the server passes it on to the others in the room
    0x070c STATS Stats ["MEDIA-038"] Either () {
        /// The room
        room: RoomId,
        /// Whose; set by the server
        session: SessionId,
        /// How well it sends: 0 unknown, 1 bad … 5 excellent
        sending: Within<0, 5>,
        /// How well it receives: 0 unknown, 1 bad … 5 excellent
        receiving: Within<0, 5>,
        /// Its round trip to the server, in milliseconds
        rtt_ms: u16,
        /// Of a thousand packets, how many do not arrive, in the worse direction and before repair
        lost_permille: u16,
    }
}
