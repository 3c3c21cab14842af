//! One-to-one calls. A random call id is on every frame; END says why a call is over, REFUSED why a request was not
//! granted. The end-to-end block is carried byte for byte.

use crate::code::Code;
use crate::id::{CallId, RoomId, UserId};
use crate::wire::{Opaque, Text, Within};

bits! {
    /// Which media flow in which direction
    Media {
        /// Audio from the caller
        CALLER_AUDIO = 0x01,
        /// Video from the caller
        CALLER_VIDEO = 0x02,
        /// Audio from the callee
        CALLEE_AUDIO = 0x04,
        /// Video from the callee
        CALLEE_VIDEO = 0x08,
    }
}

messages! {
    Call:
    /// Calls a user; the server passes it on to each of the callee's sessions
    0x0601 INVITE Invite ["CALL-001"] Either (SEQUENCED) {
        /// The call, drawn by the caller
        call: CallId,
        /// The other party: the callee, and where the server passes it on, the caller
        peer: UserId,
        /// The media offered
        media: Media,
        /// How long it may ring, in milliseconds
        ring_for_ms: Within<10_000, 120_000>,
        /// The caller's name as others see it; set by the server
        name: Text<'a, 64>,
        /// End to end, forwarded byte for byte
        end_to_end: Opaque<'a, 1024>,
    }
    /// The callee's device rings; the server passes the first one on to the caller
    0x0602 RINGING Ringing ["CALL-002"] Either (SEQUENCED) {
        /// The call
        call: CallId,
        /// End to end, forwarded byte for byte
        end_to_end: Opaque<'a, 1024>,
    }
    /// The callee accepts
    0x0603 ACCEPT Accept ["CALL-003"] Client (SEQUENCED) {
        /// The call
        call: CallId,
        /// The media consented to, no more than was offered
        media: Media,
        /// End to end, forwarded byte for byte
        end_to_end: Opaque<'a, 1024>,
    }
    /// The callee declines
    0x0604 REJECT Reject ["CALL-004"] Client (SEQUENCED) {
        /// The call
        call: CallId,
    }
    /// The caller gives up before an answer
    0x0605 CANCEL Cancel ["CALL-005"] Client (SEQUENCED) {
        /// The call
        call: CallId,
    }
    /// Both sides enter the call's room
    0x0606 START Start ["CALL-006"] Server (SEQUENCED) {
        /// The call
        call: CallId,
        /// The room reserved for it
        room: RoomId,
        /// This side's ticket for the room
        ticket: [u8; 32],
        /// The media consented to
        media: Media,
        /// The other side's session
        peer: crate::id::SessionId,
        /// To the caller: the end-to-end block of ACCEPT
        end_to_end: Opaque<'a, 1024>,
    }
    /// Ends the call, or says that it ended
    0x0607 END End ["CALL-007"] Either (SEQUENCED) {
        /// The call
        call: CallId,
        /// Why
        code: Code,
    }
    /// A call request was not granted; no call changed
    0x0608 REFUSED Refused ["CALL-008"] Server (SEQUENCED) {
        /// The call that was named
        call: CallId,
        /// Why
        code: Code,
        /// With `glare`: the call that rings already; otherwise all zero
        existing: CallId,
    }
    /// The caller's last word to the device that accepted; the server passes it on
    0x0609 CONFIRM Confirm ["CALL-029"] Either (SEQUENCED) {
        /// The call
        call: CallId,
        /// End to end, forwarded byte for byte
        end_to_end: Opaque<'a, 1024>,
    }
}
