//! What sessions, users and transfers write to each other.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::code::Code;
use crate::id::{RequestId, SessionId, TransferId, UserId};
use crate::wire::Address;

/// A letter about one transfer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Letter {
    /// To a transfer: OFFER.
    Offer {
        transfer: TransferId,
        session: SessionId,
        proposal: Proposal,
    },
    /// To a transfer: what a session that has a part in it says.
    Ask {
        transfer: TransferId,
        session: SessionId,
        ask: Ask,
    },
    /// To a transfer, from the receiving user: these sessions are being offered it.
    Reached {
        transfer: TransferId,
        sessions: Vec<SessionId>,
    },
    /// To a user, or to the one session that is addressed, which hands it to its user: OFFERED for the user's
    /// sessions, or for one, and never for the one that offers.
    Bring {
        transfer: TransferId,
        sender: UserId,
        from: SessionId,
        only: Option<SessionId>,
        frame: Bytes,
    },
    /// To a session.
    Tell { transfer: TransferId, tell: Tell },
}

/// What OFFER asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Proposal {
    pub(crate) request: RequestId,
    pub(crate) to: Address,
    pub(crate) user: UserId,
    pub(crate) user_name: String,
    pub(crate) size: u64,
    pub(crate) name: String,
    pub(crate) content_type: String,
}

/// What a session says to a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// RECEIVE.
    Receive { offset: u64 },
    /// DECLINE.
    Decline { code: Code },
    /// PROGRESS.
    Progress { received: u64 },
    /// DIGEST.
    Digest { sha256: [u8; 32] },
    /// VERIFIED.
    Verified { code: Code },
    /// TRANSFER_END, or a stream that a side broke.
    Abort,
    /// BULK came on the sender's stream.
    Opened { attempt: u32 },
    /// Bytes have moved.
    Moved { attempt: u32 },
    /// The sender's stream ended where it should.
    AllIn { attempt: u32 },
    /// The sender's stream ended elsewhere.
    WrongSize { attempt: u32 },
}

/// What a transfer says to a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tell {
    /// The answer to OFFER.
    Answer { request: RequestId, code: Code },
    /// OFFERED.
    Offered { frame: Bytes },
    /// SEND, and then take the stream in.
    Send {
        attempt: u32,
        offset: u64,
        size: u64,
        rate: u32,
    },
    /// Open the receiver's stream.
    Open {
        attempt: u32,
        offset: u64,
        size: u64,
    },
    /// Break the stream off, and wait.
    Halt,
    /// PROGRESS or DIGEST of the other side.
    Frame { frame: Bytes },
    /// It is over.
    Over { code: Code },
}
