//! Transfers: what is offered, accepted, sent from where, and how it ended. The payload goes on a stream of its own,
//! behind BULK, and no frame carries any of it.

use crate::code::Code;
use crate::id::{RequestId, SessionId, TransferId, UserId};
use crate::wire::{Address, Text};

messages! {
    Transfer:
    /// Offers a transfer to a user or a session
    0x0501 OFFER Offer ["XFER-001"] Client (SEQUENCED ROUTED) {
        /// Whom it is for
        to: Address,
        /// The request
        request: RequestId,
        /// The transfer: random, drawn by the sender
        transfer: TransferId,
        /// Bytes of the payload
        size: u64,
        /// A name for it, such as a file's, without a path
        name: Text<'a, 255>,
        /// Its media type (RFC 6838); empty where the sender does not say
        content_type: Text<'a, 128>,
    }
    /// Brings an offer to a device of its receiver
    0x0502 OFFERED Offered ["XFER-002"] Server (SEQUENCED ROUTED) {
        /// As the sender addressed it
        to: Address,
        /// The transfer
        transfer: TransferId,
        /// The sender
        user: UserId,
        /// The sender's session
        session: SessionId,
        /// The sender's name
        user_name: Text<'a, 64>,
        /// Bytes of the payload
        size: u64,
        /// A name for it, as the sender gave it: a receiver takes no path from it
        name: Text<'a, 255>,
        /// Its media type, as the sender gave it
        content_type: Text<'a, 128>,
    }
    /// Accepts an offer, or goes on after a loss, from this offset
    0x0503 RECEIVE Receive ["XFER-005"] Client (SEQUENCED) {
        /// The transfer
        transfer: TransferId,
        /// Bytes that the receiver has already
        offset: u64,
    }
    /// Declines an offer
    0x0504 DECLINE Decline ["XFER-006"] Client (SEQUENCED) {
        /// The transfer
        transfer: TransferId,
        /// Why
        code: Code,
    }
    /// Tells the sender to open the transfer's stream now
    0x0505 SEND Send ["XFER-010"] Server (SEQUENCED) {
        /// The transfer
        transfer: TransferId,
        /// Counts the streams that this transfer was given, from 1
        attempt: u32,
        /// The first byte to send
        offset: u64,
        /// At most so many bytes a second; 0 is as many as the transport takes
        rate: u32,
    }
    /// How much the receiver has
    0x0506 PROGRESS Progress ["XFER-017"] Either (SEQUENCED) {
        /// The transfer
        transfer: TransferId,
        /// Bytes, those before the offset included
        received: u64,
    }
    /// The digest of the whole payload, once the sender has sent the last byte
    0x0507 DIGEST Digest ["XFER-018"] Either (SEQUENCED) {
        /// The transfer
        transfer: TransferId,
        /// SHA-256 of all its bytes, those before the offset included
        sha256: [u8; 32],
    }
    /// Whether what the receiver has is what the sender sent
    0x0508 VERIFIED Verified ["XFER-019"] Client (SEQUENCED) {
        /// The transfer
        transfer: TransferId,
        /// `delivered`, or `digest_mismatch`
        code: Code,
    }
    /// The transfer is over; from a client: it gives the transfer up
    0x0509 TRANSFER_END TransferEnd ["XFER-020"] Either (SEQUENCED) {
        /// The transfer
        transfer: TransferId,
        /// Why
        code: Code,
    }
    /// Begins a transfer's stream; the payload follows it, to the end of the stream
    0x050a BULK Bulk ["XFER-011"] Either () {
        /// The transfer
        transfer: TransferId,
        /// As SEND says
        attempt: u32,
        /// The payload's first byte on this stream
        offset: u64,
    }
}
