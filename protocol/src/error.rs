//! Four kinds of error, never mixed: bytes that cannot be read, a peer that broke a rule, a caller's mistake, and why
//! something ended. Bugs are none of them.

use core::fmt::{self, Write as _};

use crate::code::Code;

macro_rules! decode_errors {
    ($($(#[doc = $meaning:literal])+ $name:ident [$requirement:literal];)+) => {
        /// Why bytes cannot be read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DecodeError {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl DecodeError {
            /// Every one: itself, what it means, the requirement.
            pub const ALL: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$name, concat!($($meaning),+), $requirement),)+];

            /// The requirement of the specification.
            pub const fn requirement(self) -> &'static str {
                match self { $(Self::$name => $requirement,)+ }
            }
        }

        impl fmt::Display for DecodeError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let meaning = match self { $(Self::$name => concat!($($meaning),+).trim(),)+ };
                // As part of a sentence.
                let mut rest = meaning.chars();
                rest.next().map_or(Ok(()), |first| f.write_char(first.to_ascii_lowercase()))?;
                f.write_str(rest.as_str())
            }
        }
    };
}

decode_errors! {
    /// Fewer bytes than the layout needs
    Truncated ["WIRE-004"];
    /// Bytes after the end of the layout
    Trailing ["WIRE-004"];
    /// A length or a count over its limit
    TooLong ["WIRE-004"];
    /// Text that is not UTF-8
    NotUtf8 ["WIRE-004"];
    /// A number that the field does not allow
    BadValue ["WIRE-004"];
    /// An address with an unknown tag or padding that is not zero
    BadAddress ["WIRE-007"];
    /// Parameters that do not ascend by id
    BadParams ["WIRE-010"];
    /// A frame over the limit
    FrameTooLarge ["WIRE-003"];
}

impl core::error::Error for DecodeError {}

impl nom::error::ParseError<&[u8]> for DecodeError {
    fn from_error_kind(_: &[u8], _: nom::error::ErrorKind) -> Self {
        Self::Truncated
    }

    fn append(_: &[u8], _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

macro_rules! violations {
    ($($(#[doc = $meaning:literal])+ $name:ident => $code:ident [$requirement:literal];)+) => {
        /// A rule that the peer broke; it ends the session or the connection that it was broken on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Violation {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Violation {
            /// Every violation: itself, the code on the wire, the requirement.
            pub const ALL: &'static [(Self, Code, &'static str)] =
                &[$((Self::$name, Code::$code, $requirement),)+];

            /// The code on the wire.
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)+ }
            }

            /// The requirement of the specification.
            pub const fn requirement(self) -> &'static str {
                match self { $(Self::$name => $requirement,)+ }
            }
        }
    };
}

violations! {
    /// A body breaks its layout or a limit
    Malformed => MALFORMED ["WIRE-004"];
    /// A frame's length is over the announced limit
    FrameTooLarge => FRAME_TOO_LARGE ["WIRE-003"];
    /// An unknown kind in the critical range
    UnknownCritical => UNKNOWN_CRITICAL ["WIRE-006"];
    /// A flag that does not fit the kind
    WrongFlags => WRONG_FLAGS ["WIRE-005"];
    /// A frame that is not allowed from this side, or not now
    UnexpectedFrame => UNEXPECTED_FRAME ["SES-002"];
    /// No version in common
    UnsupportedVersion => UNSUPPORTED_VERSION ["SES-004"];
    /// An acknowledgement of frames that were never sent
    BadAck => BAD_ACK ["SES-013"];
    /// The control stream ended without GOODBYE
    StreamEnded => STREAM_ENDED ["WIRE-008"];
    /// A stream that nothing announced
    UnexpectedStream => UNEXPECTED_STREAM ["WIRE-009"];
    /// A START for a call that this client neither invited nor accepted
    UnsolicitedStart => UNSOLICITED_START ["CALL-015"];
    /// A START with more media than was offered
    WiderMedia => WIDER_MEDIA ["CALL-015"];
    /// A request's number that is still in use
    RequestInUse => REQUEST_IN_USE ["SES-017"];
    /// A service that is not the active one acts
    Fenced => FENCED ["SVC-007"];
    /// A verdict to a question that was not asked, or one that does not fit it
    BadVerdict => BAD_VERDICT ["SVC-012"];
    /// A command whose number does not follow the last
    OutOfOrder => OUT_OF_ORDER ["SVC-040"];
    /// A server that makes its client say more than it takes from it
    Overdrawn => BACKLOG ["SES-032"];
}

impl From<DecodeError> for Violation {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::FrameTooLarge => Self::FrameTooLarge,
            _ => Self::Malformed,
        }
    }
}

/// A mistake of the program that embeds the core; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageError {
    /// The client has not logged in, or was told to log out.
    NotLoggedIn,
    /// No such call, or it is over.
    NoSuchCall,
    /// A call is in progress; end it first.
    CallInProgress,
    /// Not in that room.
    NotInRoom,
    /// No such stream.
    NoSuchStream,
    /// The call is not in a state in which that can be done.
    WrongState,
    /// Text, data, name or packet over its limit.
    TooLarge,
    /// More media than was offered.
    WiderMedia,
    /// Too much waits to be acknowledged; try again once results have come in.
    Backlogged,
    /// Too many rooms, streams or requests at once.
    TooMany,
    /// The stream's number is in use.
    StreamInUse,
    /// This service is not the active one.
    NotActive,
    /// No such question, or its time is over.
    NoSuchQuestion,
    /// No such transfer, or it is over.
    NoSuchTransfer,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLoggedIn => "not logged in",
            Self::NoSuchCall => "no such call",
            Self::CallInProgress => "a call is in progress",
            Self::NotInRoom => "not in that room",
            Self::NoSuchStream => "no such stream",
            Self::WrongState => "the call is not in a state for that",
            Self::TooLarge => "over the size limit",
            Self::WiderMedia => "more media than was offered",
            Self::Backlogged => "too much waits to be acknowledged",
            Self::TooMany => "too many at once",
            Self::StreamInUse => "the stream's number is in use",
            Self::NotActive => "this service is not the active one",
            Self::NoSuchQuestion => "no such question, or its time is over",
            Self::NoSuchTransfer => "no such transfer",
        })
    }
}

impl core::error::Error for UsageError {}

/// Who brought an end about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Initiator {
    /// This side.
    Local,
    /// The peer, by a frame or by closing.
    Peer,
    /// The network, or a timer.
    Network,
}

/// Why something ended; only ever part of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndReason {
    /// The code, as on the wire.
    pub code: Code,
    /// Who brought it about.
    pub by: Initiator,
}

impl EndReason {
    pub(crate) const fn new(code: Code, by: Initiator) -> Self {
        Self { code, by }
    }
}
