//! Text and data: routed by the address at the front of the body, forwarded without being looked into.

use crate::id::{RequestId, SessionId, UserId};
use crate::wire::{Address, Opaque, Text};

messages! {
    Channel:
    /// Text to a user, a session or a room
    0x0401 TEXT TextTo ["CHAN-001"] Client (SEQUENCED ROUTED) {
        /// Whom it is for
        to: Address,
        /// The request
        request: RequestId,
        /// The user whom it mentions; 0 for nobody
        mention: UserId,
        /// The text
        text: Text<'a, 8000>,
    }
    /// Opaque data to a user, a session, a room or the service
    0x0402 DATA DataTo ["CHAN-002"] Client (SEQUENCED ROUTED) {
        /// Whom it is for
        to: Address,
        /// The request
        request: RequestId,
        /// The data
        data: Opaque<'a, 16_000>,
    }
    /// Brings text to its receiver
    0x0403 TEXT_FROM TextFrom ["CHAN-003"] Server (SEQUENCED ROUTED) {
        /// As the sender addressed it
        to: Address,
        /// The sender
        user: UserId,
        /// The sender's session
        session: SessionId,
        /// Counts what this user or this room was sent
        number: u64,
        /// When the server took it: microseconds since 1970-01-01 UTC
        time: u64,
        /// The user whom it mentions, as the sender gave it; 0 for nobody
        mention: UserId,
        /// The text
        text: Text<'a, 8000>,
    }
    /// Brings data to its receiver
    0x0404 DATA_FROM DataFrom ["CHAN-003"] Server (SEQUENCED ROUTED) {
        /// As the sender addressed it
        to: Address,
        /// The sender
        user: UserId,
        /// The sender's session
        session: SessionId,
        /// Counts what this user or this room was sent
        number: u64,
        /// When the server took it: microseconds since 1970-01-01 UTC
        time: u64,
        /// The data
        data: Opaque<'a, 16_000>,
    }
    /// Says that what an author wrote has been read
    0x0405 RECEIPT ReceiptTo ["CHAN-014"] Client (SEQUENCED ROUTED) {
        /// The author: its session or its user
        to: Address,
        /// The `to` of the TEXT_FROM or DATA_FROM that brought it
        conversation: Address,
        /// The number up to which it has been read
        number: u64,
    }
    /// Brings RECEIPT to the author
    0x0406 RECEIPT_FROM ReceiptFrom ["CHAN-014"] Server (SEQUENCED ROUTED) {
        /// As the reader addressed it
        to: Address,
        /// The reader
        user: UserId,
        /// The reader's session
        session: SessionId,
        /// What the author wrote to
        conversation: Address,
        /// The number up to which it has been read, as in the author's RESULT
        number: u64,
    }
}
