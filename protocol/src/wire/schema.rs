//! What messages look like, as data: the spec's tables, generic encoders, dissectors and dictionaries come from it.

use super::header::Flags;

/// What a field looks like on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One byte.
    U8,
    /// Two bytes, network order.
    U16,
    /// Four bytes, network order.
    U32,
    /// Eight bytes, network order.
    U64,
    /// A user id: eight bytes.
    User,
    /// A [`crate::code::Code`]: two bytes.
    Code,
    /// So many bytes.
    Fixed {
        /// How many.
        len: usize,
    },
    /// UTF-8 after a length of two bytes.
    Text {
        /// The most bytes.
        max: usize,
    },
    /// Bytes after a length of two bytes.
    Opaque {
        /// The most bytes.
        max: usize,
    },
    /// Four bytes, both bounds included.
    Within {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// One byte, one of these.
    Choice(&'static [(&'static str, u8)]),
    /// One byte of flags.
    Bits(&'static [(&'static str, u8)]),
    /// A tag and sixteen bytes.
    Address,
    /// Entries after a count of two bytes.
    List {
        /// Each entry.
        of: &'static Shape,
        /// The most entries.
        max: usize,
    },
    /// Fields one after the other.
    Record(&'static [FieldSchema]),
    /// Optional parameters up to the end of the body.
    Params,
}

impl Shape {
    /// The fewest bytes that it takes; all that it takes, where its length is fixed.
    pub const fn min_len(&self) -> usize {
        match self {
            Self::U8 | Self::Choice(_) | Self::Bits(_) => 1,
            Self::U16
            | Self::Code
            | Self::Text { .. }
            | Self::Opaque { .. }
            | Self::List { .. } => 2,
            Self::U32 | Self::Within { .. } => 4,
            Self::U64 | Self::User => 8,
            Self::Fixed { len } => *len,
            Self::Address => 17,
            Self::Record(fields) => min_len(fields),
            Self::Params => 0,
        }
    }
}

/// The fewest bytes that these fields take together.
pub const fn min_len(mut fields: &[FieldSchema]) -> usize {
    let mut sum = 0_usize;
    while let [first, rest @ ..] = fields {
        sum = sum.saturating_add(first.shape.min_len());
        fields = rest;
    }
    sum
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSchema {
    /// Its name, the same everywhere.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// What it looks like.
    pub shape: Shape,
}

/// Who may send a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Clients only.
    Client,
    /// Servers only; on the service link, to services.
    Server,
    /// Services only, on the service link.
    Service,
    /// Clients and servers, and on the service link both sides.
    Either,
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct MessageSchema {
    /// Its number.
    pub kind: u16,
    /// Its name.
    pub name: &'static str,
    /// The requirement that defines it.
    pub requirement: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Who may send it.
    pub sender: Sender,
    /// The flags that it must carry.
    pub flags: Flags,
    /// Its fields; the optional parameters after them are not listed.
    pub fields: &'static [FieldSchema],
}
