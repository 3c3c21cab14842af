//! Codes: why something was refused, failed or ended. One number space for RESULT, REFUSED, END, GOODBYE and the
//! closing of a connection, so that a reason has one number wherever it appears.

use core::fmt;

/// A code on the wire: 16 bits, open, so that an unknown one survives.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

/// One row of the table of codes.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// The number on the wire.
    pub code: Code,
    /// The name, the same in spec, traces and reports.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $number:literal $name:ident;)+) => {
        impl Code {
            $($(#[doc = $meaning])+ pub const $name: Self = Self($number);)+

            /// Every code of this revision, in order of number.
            pub const ALL: &'static [CodeRow] = &[$(CodeRow {
                code: Self($number),
                name: stringify!($name),
                meaning: concat!($($meaning),+),
            }),+];

            /// The code's name, if this revision has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Nothing to report
    0x0000 NONE;

    /// The user logged out
    0x0100 LOGOUT;
    /// A frame's body breaks its layout or a limit
    0x0101 MALFORMED;
    /// A frame's length is over the announced limit
    0x0102 FRAME_TOO_LARGE;
    /// A kind in the critical range that this side does not know
    0x0103 UNKNOWN_CRITICAL;
    /// A known frame that is not allowed from this side, or not now
    0x0104 UNEXPECTED_FRAME;
    /// A frame whose SEQUENCED or ROUTED flag does not fit its kind
    0x0105 WRONG_FLAGS;
    /// No protocol version in common
    0x0106 UNSUPPORTED_VERSION;
    /// Unknown name or wrong credential: which of them is not said
    0x0107 BAD_CREDENTIALS;
    /// The service that decides is down or late
    0x0108 SERVICE_UNAVAILABLE;
    /// The session is unknown, over, or the token is wrong
    0x0109 RESUME_REFUSED;
    /// The same user logged in elsewhere, and the policy lets the newest win
    0x010a REPLACED;
    /// The user is logged in, and the policy lets the first win
    0x010b ALREADY_LOGGED_IN;
    /// The receiver's queue is full
    0x010c BACKLOG;
    /// Nothing was heard for too long
    0x010d DEAD_LINK;
    /// No login within the time for it
    0x010e LOGIN_TIMEOUT;
    /// The server stops
    0x010f STOPPING;
    /// An acknowledgement of frames that were never sent
    0x0110 BAD_ACK;
    /// Too many requests
    0x0111 RATE_LIMITED;
    /// A defect of the side that says so
    0x0112 INTERNAL;
    /// The control stream ended without GOODBYE, or in the middle of a frame
    0x0113 STREAM_ENDED;
    /// A stream that nothing announced
    0x0114 UNEXPECTED_STREAM;
    /// The service, or the user from elsewhere, ended the session; of a room: a moderator put the user out
    0x0115 KICKED;
    /// The link was given up for a newer one of the same session
    0x0116 DISPLACED;

    /// It was done; for a message: the receiving core has it
    0x0200 DELIVERED;
    /// Unknown, offline, or not to be reached by this user: which of them is not said
    0x0201 UNREACHABLE;
    /// The service or the receiver refuses it
    0x0202 FORBIDDEN;
    /// Its fate is unknown: the link or the server was lost before it was confirmed
    0x0203 UNDETERMINED;
    /// No such name, or not for this user to look up
    0x0204 NOT_FOUND;
    /// No such room, and the policy creates none
    0x0205 NO_SUCH_ROOM;
    /// The room is full
    0x0206 ROOM_FULL;
    /// The room wants another secret or ticket
    0x0207 BAD_SECRET;
    /// The session is in that room
    0x0208 ALREADY_IN_ROOM;
    /// The session is not in that room
    0x0209 NOT_IN_ROOM;
    /// A limit on how many is reached
    0x020a TOO_MANY;
    /// No such stream
    0x020b NO_SUCH_STREAM;
    /// The stream is published, or subscribed to
    0x020c STREAM_EXISTS;
    /// Media that was not consented to
    0x020d NOT_CONSENTED;
    /// The request's number is still in use
    0x020e REQUEST_IN_USE;
    /// The room was closed
    0x020f ROOM_CLOSED;
    /// The member left by itself
    0x0210 LEFT;
    /// The member's session ended
    0x0211 SESSION_ENDED;
    /// The room has as many streams as it admits
    0x0212 STREAMS_FULL;
    /// Another room has that name
    0x0213 NAME_TAKEN;
    /// The policy lets no client create a room
    0x0214 CREATION_DENIED;
    /// Only a moderator of the room may do that, or there is no such room: which of them is not said
    0x0215 NOT_MODERATOR;
    /// The user is not in the room
    0x0216 NO_SUCH_MEMBER;
    /// The room would be left without a moderator
    0x0217 LAST_MODERATOR;
    /// A moderator keeps the user out of the room
    0x0218 BANNED;
    /// A moderator does not kick itself: it leaves
    0x0219 KICK_SELF;
    /// As many wait to be let in as may
    0x021a LOBBY_FULL;
    /// No moderator let the session in within the time for it
    0x021b LOBBY_TIMEOUT;
    /// A moderator did not let the session in
    0x021c NOT_ADMITTED;
    /// The session does not wait to be let in, or no longer
    0x021d NOT_WAITING;
    /// The session gave up before it was in
    0x021e WITHDRAWN;
    /// The session waits to be let in already
    0x021f ALREADY_WAITING;
    /// The user is not banned
    0x0220 NOT_BANNED;
    /// Only moderators and who bears a ticket may enter now
    0x0221 ROOM_LOCKED;

    /// Oneself is neither a contact nor blocked
    0x0280 OWN_USER;
    /// The list of contacts is full
    0x0281 CONTACTS_FULL;

    /// A side hung up
    0x0300 HANGUP;
    /// The callee declined
    0x0301 REJECTED;
    /// The caller gave up
    0x0302 CANCELLED;
    /// Nobody answered in time
    0x0303 RING_TIMEOUT;
    /// The callee is in a call
    0x0304 BUSY;
    /// The caller is in a call
    0x0305 CALLER_BUSY;
    /// The callee is calling the caller: answer that call instead
    0x0306 GLARE;
    /// A side was lost and did not come back
    0x0307 LOST;
    /// A side did not enter the call's room in time
    0x0308 JOIN_TIMEOUT;
    /// Another device of the callee answered
    0x0309 ANSWERED_ELSEWHERE;
    /// The service does not allow the call
    0x030a VETOED;
    /// No such call, or this session has no part in it
    0x030b NOT_IN_CALL;
    /// Only the callee may do that
    0x030c NOT_CALLEE;
    /// Only the caller may do that
    0x030d NOT_CALLER;
    /// The call's id is live or remembered
    0x030e ID_IN_USE;
    /// More media than was offered
    0x030f WIDER_MEDIA;
    /// A call to oneself
    0x0310 SELF_CALL;
    /// The call was answered
    0x0311 ALREADY_ANSWERED;
    /// A START for a call that this client neither invited nor accepted
    0x0312 UNSOLICITED_START;
    /// The call has not been answered
    0x0313 NOT_ANSWERED;
    /// The call was confirmed
    0x0314 ALREADY_CONFIRMED;

    /// A media ticket that is unknown, used, expired, or not this server's
    0x0400 BAD_TICKET;
    /// No ATTACH within the time for it
    0x0401 ATTACH_TIMEOUT;
    /// Unused for its idle time
    0x0402 IDLE;
    /// The circuit breaker stopped the sender (RFC 8083)
    0x0403 CIRCUIT_BROKEN;

    /// No such transfer, or this session has no part in it
    0x0500 NOT_IN_TRANSFER;
    /// The receiver declined the transfer
    0x0501 DECLINED;
    /// A side gave the transfer up
    0x0502 ABORTED;
    /// The payload is larger than the server or the receiver takes
    0x0503 TOO_LARGE;
    /// An offset beyond the payload's end
    0x0504 BAD_OFFSET;
    /// More or fewer bytes came than were offered
    0x0505 WRONG_SIZE;
    /// What arrived is not what was sent
    0x0506 DIGEST_MISMATCH;
    /// No progress for too long, or the stream was not opened in time
    0x0507 STALLED;
    /// Nobody answered the offer in time
    0x0508 OFFER_TIMEOUT;

    /// Another service is the active one by now
    0x0800 FENCED;
    /// A verdict to a question that was not asked, or one that does not fit it
    0x0801 BAD_VERDICT;
    /// A command whose number does not follow the last
    0x0802 OUT_OF_ORDER;
    /// No such session, or the user has none
    0x0803 NO_SUCH_SESSION;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => name
                .chars()
                .try_for_each(|c| write!(f, "{}", c.to_ascii_lowercase())),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
