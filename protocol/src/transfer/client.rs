//! A transfer as a client keeps it, at its sender and at its receiver.

use crate::id::{TransferId, UserId};
use crate::io::StreamId;
use crate::table::table;
use crate::time::Instant;

table! {
    /// A transfer, as a client sees it
    "transfer-client" begins Offering;
    phases {
        /// OFFER was sent, or the stream was lost: SEND is awaited
        Offering,
        /// SEND came, and the stream carries the payload
        Sending,
        /// All was sent, DIGEST too: the verdict is awaited
        Sent,
        /// OFFERED came
        Incoming,
        /// RECEIVE was sent: the stream is awaited
        Asking,
        /// The stream carries the payload
        Receiving,
        /// All is here: the digest is awaited
        Checking,
        /// VERIFIED was sent
        Verified,
        /// Over
        Ended,
    }
    events {
        /// The application accepts
        LocalReceive,
        /// The application declines
        LocalDecline,
        /// The application gives it up
        LocalCancel,
        /// SEND came
        PeerSend,
        /// BULK came, from the offset that was asked for
        PeerStream,
        /// DIGEST came
        PeerDigest,
        /// PROGRESS came
        PeerProgress,
        /// TRANSFER_END came
        PeerEnd,
        /// All bytes have moved
        Complete,
        /// All bytes have moved, and the digest was here before them
        CompleteAndDigest,
        /// The stream is gone before its end
        StreamLost,
        /// The session has another link
        Relinked,
    }
    "XFER-005": Incoming, LocalReceive => go(Asking);
    "XFER-005": Offering | Sending | Sent | Asking | Receiving | Checking | Verified | Ended, LocalReceive => misuse(WrongState);
    "XFER-006": Incoming, LocalDecline => go(Ended);
    "XFER-006": Offering | Sending | Sent | Asking | Receiving | Checking | Verified | Ended, LocalDecline => misuse(WrongState);
    "XFER-020": Offering | Sending | Sent | Incoming | Asking | Receiving | Checking | Verified, LocalCancel => go(Ended);
    "XFER-020": Ended, LocalCancel => misuse(NoSuchTransfer);
    "XFER-010": Offering | Sending | Sent, PeerSend => go(Sending);
    "XFER-010": Incoming | Asking | Receiving | Checking | Verified, PeerSend => breach(UnexpectedFrame);
    "XFER-010": Ended, PeerSend => ignore;
    "XFER-012": Asking, PeerStream => go(Receiving);
    "XFER-012": Offering | Sending | Sent | Incoming, PeerStream => breach(UnexpectedStream);
    "XFER-012": Receiving | Checking | Verified | Ended, PeerStream => ignore;
    "XFER-018": Asking, PeerDigest => go(Asking);
    "XFER-018": Receiving, PeerDigest => go(Receiving);
    "XFER-019": Checking, PeerDigest => go(Verified);
    "XFER-018": Offering | Sending | Sent | Incoming, PeerDigest => breach(UnexpectedFrame);
    "XFER-018": Verified | Ended, PeerDigest => ignore;
    "XFER-017": Sending, PeerProgress => go(Sending);
    "XFER-017": Sent, PeerProgress => go(Sent);
    "XFER-017": Offering | Ended, PeerProgress => ignore;
    "XFER-017": Incoming | Asking | Receiving | Checking | Verified, PeerProgress => breach(UnexpectedFrame);
    "XFER-020": Offering | Sending | Sent | Incoming | Asking | Receiving | Checking | Verified, PeerEnd => go(Ended);
    "XFER-020": Ended, PeerEnd => ignore;
    "XFER-018": Sending, Complete | CompleteAndDigest => go(Sent);
    "XFER-019": Receiving, Complete => go(Checking);
    "XFER-019": Receiving, CompleteAndDigest => go(Verified);
    "XFER-018": Offering | Sent | Incoming | Asking | Checking | Verified | Ended, Complete | CompleteAndDigest => ignore;
    "XFER-013": Sending | Sent, StreamLost => go(Offering);
    "XFER-014": Receiving, StreamLost => go(Asking);
    "XFER-013": Offering | Incoming | Asking | Checking | Verified | Ended, StreamLost => ignore;
    "XFER-014": Asking | Receiving | Checking, Relinked => go(Asking);
    "XFER-013": Offering | Incoming | Verified | Ended, Relinked => ignore;
    "XFER-013": Sending, Relinked => go(Offering);
    "XFER-013": Sent, Relinked => go(Sent);
}

/// A transfer that this client has a part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) id: TransferId,
    pub(crate) phase: Phase,
    pub(crate) is_sender: bool,
    /// The other user, where it is known.
    pub(crate) peer: Option<UserId>,
    pub(crate) size: u64,
    /// How far the payload has come: what this side has sent, or has.
    pub(crate) at: u64,
    pub(crate) attempt: u32,
    pub(crate) stream: Option<StreamId>,
    /// Of all that is here.
    pub(crate) own_digest: [u8; 32],
    /// As the sender says.
    pub(crate) digest: Option<[u8; 32]>,
    /// When PROGRESS was last sent.
    pub(crate) told: Option<Instant>,
}

impl Transfer {
    pub(crate) const fn new(id: TransferId, phase: Phase, is_sender: bool, size: u64) -> Self {
        Self {
            id,
            phase,
            is_sender,
            peer: None,
            size,
            at: 0,
            attempt: 0,
            stream: None,
            own_digest: [0; 32],
            digest: None,
            told: None,
        }
    }
}
