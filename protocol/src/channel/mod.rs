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
use crate::message::channel::{DataFrom, ReceiptFrom, TextFrom};
use crate::server::envelope::Owner;
use crate::wire::{Address, Opaque, Params, Text};

/// What is carried.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Payload {
    /// Text, and the user whom it mentions; 0 for nobody.
    Text(Bytes, UserId),
    Data(Bytes),
    /// What was sent to this address has been read up to this number.
    Read(Address, u64),
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
    /// Whether it counts among what its receiver was sent.
    pub(crate) const fn is_numbered(&self) -> bool {
        matches!(self.payload, Payload::Text(..) | Payload::Data(_))
    }

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
            //= CHAN-012
            Payload::Text(text, mention) => {
                let (mention, text) = (*mention, text);
                let text = core::str::from_utf8(text).unwrap_or_default();
                let text = Text::cut(text);
                TextFrom {
                    to,
                    user,
                    session,
                    number,
                    time,
                    mention,
                    text,
                    params: Params::NONE,
                }
                .encode()
            }
            //= CHAN-014
            Payload::Read(conversation, number) => ReceiptFrom {
                to,
                user,
                session,
                conversation: *conversation,
                number: *number,
                params: Params::NONE,
            }
            .encode(),
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

impl Receipt {
    /// For a command of the service; its number in the service machine is the serial.
    pub(crate) const fn of_service(request: RequestId, serial: u64) -> Self {
        Self {
            session: SessionId::NONE,
            request,
            serial,
        }
    }

    /// The machine that waits for the outcome.
    pub(crate) fn owner(&self) -> Owner {
        match self.is_service() {
            true => Owner::Service,
            false => Owner::Session(self.session),
        }
    }

    /// Whether the service is the sender, who needs no room to write to it.
    pub(crate) fn is_service(&self) -> bool {
        !self.session.is_some()
    }
}

/// How the outcomes of a parcel's receivers become one result.
///
/// What the owner expects, and what the receivers say, come from different owners and so in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tally {
    expected: Option<Expected>,
    heard: usize,
    delivered: usize,
    last: Code,
}

/// What the owner of an address says of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Expected {
    /// How many receivers there are.
    pub(crate) count: usize,
    /// Whether every receiver counts (a room), or the first (a user).
    pub(crate) each: bool,
    /// How the owner numbered the parcel; 0 where it did not.
    pub(crate) number: u64,
}

impl Expected {
    /// Nobody gets it: one outcome is to come, and it is the result.
    pub(crate) const NOBODY: Self = Self {
        count: 1,
        each: false,
        number: 0,
    };
}

impl Tally {
    /// The owner has numbered the parcel and passed it on; the result, if it is known by now.
    pub(crate) fn expect(&mut self, expected: Expected) -> Option<(Code, u64)> {
        self.expected = Some(expected);
        self.result()
    }

    /// Takes one receiver's outcome; the result and the parcel's number, once there is one.
    pub(crate) fn count(&mut self, code: Code) -> Option<(Code, u64)> {
        self.heard = self.heard.saturating_add(1);
        if code == Code::DELIVERED {
            self.delivered = self.delivered.saturating_add(1);
        }
        self.last = code;
        self.result()
    }

    fn result(&self) -> Option<(Code, u64)> {
        let expected = self.expected?;
        //= CHAN-006
        if self.delivered > 0 && !expected.each {
            return Some((Code::DELIVERED, expected.number));
        }
        if self.heard < expected.count {
            return None;
        }
        //= CHAN-008
        Some(if self.delivered > 0 {
            (Code::DELIVERED, expected.number)
        } else {
            (self.last, expected.number)
        })
    }
}

/// A copy of what a message carries, for those who keep it.
pub(crate) fn payload_of_text(text: &str, mention: UserId) -> Payload {
    Payload::Text(Bytes::from(text.to_string().into_bytes()), mention)
}

/// The same for data.
pub(crate) fn payload_of_data(body: &Bytes, data: &[u8]) -> Payload {
    Payload::Data(slice_of_data(body, data))
}

/// Data as a slice of the frame that brought it, where it can be one.
pub(crate) fn slice_of_data(body: &Bytes, data: &[u8]) -> Bytes {
    let inside = body.as_ptr_range().contains(&data.as_ptr()) || data.is_empty();
    if inside && !data.is_empty() {
        body.slice_ref(data)
    } else {
        Bytes::from(Vec::from(data))
    }
}
