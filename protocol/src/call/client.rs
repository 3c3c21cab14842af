//! A call as a client keeps it: at most one, since a user is in at most one.

use alloc::vec::Vec;

use crate::id::{CallId, RoomId, SessionId, UserId};
use crate::message::Media;
use crate::message::media::Kind;
use crate::table::table;

use crate::client::StreamDescription;

table! {
    /// A call, as a client sees it
    "call-client" begins Calling;
    phases {
        /// INVITE was sent
        Calling,
        /// INVITE came; RINGING was sent
        Incoming,
        /// ACCEPT was sent
        Accepting,
        /// START came; the room is being entered
        Joining,
        /// In the room
        Active,
        /// Over
        Ended,
    }
    events {
        /// The application accepts
        LocalAccept,
        /// The application declines, cancels or hangs up
        LocalEnd,
        /// RINGING came
        PeerRinging,
        /// START came
        PeerStart,
        /// CONFIRM came
        PeerConfirm,
        /// END came
        PeerEnd,
        /// REFUSED came
        PeerRefused,
        /// The room was entered
        Entered,
        /// The room could not be entered, or is left
        RoomLost,
    }
    "CALL-003": Incoming, LocalAccept => go(Accepting);
    "CALL-003": Calling | Accepting | Joining | Active | Ended, LocalAccept => misuse(WrongState);
    "CALL-007": Calling | Incoming | Accepting | Joining | Active, LocalEnd => go(Ended);
    "CALL-007": Ended, LocalEnd => misuse(NoSuchCall);
    "CALL-002": Calling, PeerRinging => go(Calling);
    "CALL-002": Incoming | Accepting | Joining | Active | Ended, PeerRinging => ignore;
    "CALL-006": Calling | Accepting, PeerStart => go(Joining);
    "CALL-015": Incoming | Joining | Active, PeerStart => breach(UnsolicitedStart);
    "CALL-015": Ended, PeerStart => ignore;
    "CALL-029": Joining, PeerConfirm => go(Joining);
    "CALL-029": Active, PeerConfirm => go(Active);
    "CALL-029": Calling | Incoming | Accepting, PeerConfirm => breach(UnexpectedFrame);
    "CALL-029": Ended, PeerConfirm => ignore;
    "CALL-007": Calling | Incoming | Accepting | Joining | Active, PeerEnd => go(Ended);
    "CALL-007": Ended, PeerEnd => ignore;
    "CALL-008": Calling | Accepting, PeerRefused => go(Ended);
    "CALL-008": Incoming | Joining | Active | Ended, PeerRefused => ignore;
    "CALL-006": Joining, Entered => go(Active);
    "CALL-006": Calling | Incoming | Accepting | Active | Ended, Entered => ignore;
    "CALL-019": Joining | Active, RoomLost => go(Ended);
    "CALL-019": Calling | Incoming | Accepting | Ended, RoomLost => ignore;
}

/// A call that this client is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) phase: Phase,
    pub(crate) peer: UserId,
    pub(crate) is_caller: bool,
    /// Offered; from ACCEPT or START on, consented to.
    pub(crate) media: Media,
    pub(crate) streams: Vec<StreamDescription>,
    pub(crate) room: Option<RoomId>,
    pub(crate) peer_session: Option<SessionId>,
}

impl Call {
    pub(crate) const fn new(
        id: CallId,
        phase: Phase,
        peer: UserId,
        is_caller: bool,
        media: Media,
        streams: Vec<StreamDescription>,
    ) -> Self {
        Self {
            id,
            phase,
            peer,
            is_caller,
            media,
            streams,
            room: None,
            peer_session: None,
        }
    }

    /// Whether this side consented to sending such media.
    pub(crate) const fn sends(&self, kind: Kind) -> bool {
        self.media.has(match (kind, self.is_caller) {
            (Kind::Audio, true) => Media::CALLER_AUDIO,
            (Kind::Video, true) => Media::CALLER_VIDEO,
            (Kind::Audio, false) => Media::CALLEE_AUDIO,
            (Kind::Video, false) => Media::CALLEE_VIDEO,
        })
    }
}
