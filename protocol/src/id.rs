//! Ids are binary and fixed in size, so that a server routes by peeking; names are text, looked up at the edge.

use core::cmp::Ordering;
use core::fmt;

macro_rules! wide_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        // Aligned, so that it is copied and compared as two registers, not as sixteen bytes.
        #[repr(align(8))]
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// All zero: "none", where a field is always present.
            pub const NONE: Self = Self([0; 16]);

            /// Whether this names something.
            pub fn is_some(&self) -> bool {
                self.0 != [0; 16]
            }
        }

        impl Ord for $name {
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
            }
        }

        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )+};
}

wide_ids! {
    /// A room: 128 random bits, drawn by the server.
    RoomId,
    /// A session: 128 random bits, drawn by the server; it outlives the links beneath it.
    SessionId,
    /// A call: 128 random bits, drawn by the caller.
    CallId,
    /// A transfer: 128 random bits, drawn by its sender.
    TransferId,
}

/// A user: 64 bits, given by whoever keeps the accounts; zero is nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({self})")
    }
}

/// A request of a client, numbered by it; its answer carries the number back. Unique among those still unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// A publisher's stream (camera, microphone, screen …), numbered by the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamNumber(pub u8);

/// A flow of media datagrams, given by the server, scoped to one connection and one direction; flow 0 is media control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u32);

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
