//! Text and data between users, rooms and sessions: parcels, receipts, and when a message counts as delivered.
//!
//! A parcel goes to its owner (user, room or session), is numbered there, and from there to each receiving session.
//! A session that acknowledges it, or ends before it could, says so with the receipt; the sender's session counts.

use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::code::Code;
use crate::id::{RequestId, SessionId, UserId};
use crate::message::Wire;
use crate::message::channel::{DataFrom, TextFrom};
use crate::wire::{Address, Opaque, Params, Text};

/// What is carried.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Payload {
    Text(Bytes),
    Data(Bytes),
}

/// A message on its way to whom it is addressed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Parcel {
    pub(crate) to: Address,
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    /// Microseconds since 1970-01-01 UTC.
    pub(crate) time: u64,
    pub(crate) payload: Payload,
}

impl Parcel {
    /// The frame that brings it to a receiver.
    pub(crate) fn frame(&self, number: u64) -> Bytes {
        let Self {
            to,
            user,
            session,
            time,
            ref payload,
        } = *self;
        match payload {
            Payload::Text(text) => {
                let text = core::str::from_utf8(text).unwrap_or_default();
                let text = Text::cut(text);
                TextFrom {
                    to,
                    user,
                    session,
                    number,
                    time,
                    text,
                    params: Params::NONE,
                }
                .encode()
            }
            Payload::Data(data) => {
                let data = Opaque::new(data).unwrap_or_default();
                DataFrom {
                    to,
                    user,
                    session,
                    number,
                    time,
                    data,
                    params: Params::NONE,
                }
                .encode()
            }
        }
    }
}

/// Who is told what became of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Receipt {
    pub(crate) session: SessionId,
    pub(crate) request: RequestId,
    /// Tells it from an earlier parcel of the same request number, some of whose receivers are late.
    pub(crate) serial: u64,
}

/// How the outcomes of a parcel's receivers become one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tally {
    waiting: usize,
    delivered: usize,
    /// Whether every receiver counts (a room), or the first (a user).
    each: bool,
}

impl Tally {
    /// Until the owner has said how many receivers there are.
    pub(crate) const fn open() -> Self {
        Self {
            waiting: usize::MAX,
            delivered: 0,
            each: false,
        }
    }

    pub(crate) const fn expect(&mut self, count: usize, each: bool) {
        self.waiting = count;
        self.each = each;
    }

    /// Takes one receiver's outcome; the result, once there is one.
    pub(crate) fn count(&mut self, code: Code) -> Option<Code> {
        self.waiting = self.waiting.saturating_sub(1);
        if code == Code::DELIVERED {
            self.delivered = self.delivered.saturating_add(1);
            //= CHAN-006
            if !self.each {
                return Some(Code::DELIVERED);
            }
        }
        if self.waiting > 0 {
            return None;
        }
        //= CHAN-008
        Some(if self.delivered > 0 {
            Code::DELIVERED
        } else {
            code
        })
    }
}

/// A copy of what a message carries, for those who keep it.
pub(crate) fn payload_of_text(text: &str) -> Payload {
    Payload::Text(Bytes::from(text.to_string().into_bytes()))
}

/// The same for data: a slice of the frame where it can be one.
pub(crate) fn payload_of_data(body: &Bytes, data: &[u8]) -> Payload {
    let inside = body.as_ptr_range().contains(&data.as_ptr()) || data.is_empty();
    Payload::Data(if inside && !data.is_empty() {
        body.slice_ref(data)
    } else {
        Bytes::from(Vec::from(data))
    })
}
