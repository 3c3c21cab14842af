//! What a client asks of a call, and how a call says no.

use alloc::string::{String, ToString};

use bytes::Bytes;

use crate::code::Code;
use crate::id::{CallId, SessionId, UserId};
use crate::message::call::{Message, Refused};
use crate::message::{Media, Wire};
use crate::wire::{Opaque, Params};

/// What a client asks of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) session: SessionId,
    pub(crate) user: UserId,
    pub(crate) verb: Verb,
}

/// The request itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Invite {
        name: String,
        callee: UserId,
        media: Media,
        ring_for_ms: u32,
        end_to_end: Bytes,
    },
    Ringing {
        end_to_end: Bytes,
    },
    Accept {
        media: Media,
        end_to_end: Bytes,
    },
    Reject,
    Cancel,
    Confirm {
        end_to_end: Bytes,
    },
    End,
}

impl Request {
    /// What a frame of a client asks, and of which call.
    pub(crate) fn of(
        message: Message<'_>,
        session: SessionId,
        user: UserId,
        name: &str,
    ) -> (CallId, Option<Self>) {
        let copy = |block: Opaque<'_, 1024>| Bytes::copy_from_slice(block.as_bytes());
        let (call, verb) = match message {
            Message::Invite(m) => {
                let (callee, media, ring_for_ms) = (m.peer, m.media, m.ring_for_ms.value());
                let (name, end_to_end) = (name.to_string(), copy(m.end_to_end));
                (
                    m.call,
                    Some(Verb::Invite {
                        name,
                        callee,
                        media,
                        ring_for_ms,
                        end_to_end,
                    }),
                )
            }
            Message::Ringing(m) => (
                m.call,
                Some(Verb::Ringing {
                    end_to_end: copy(m.end_to_end),
                }),
            ),
            Message::Accept(m) => (
                m.call,
                Some(Verb::Accept {
                    media: m.media,
                    end_to_end: copy(m.end_to_end),
                }),
            ),
            Message::Confirm(m) => (
                m.call,
                Some(Verb::Confirm {
                    end_to_end: copy(m.end_to_end),
                }),
            ),
            Message::Reject(m) => (m.call, Some(Verb::Reject)),
            Message::Cancel(m) => (m.call, Some(Verb::Cancel)),
            Message::End(m) => (m.call, Some(Verb::End)),
            Message::Start(m) => (m.call, None),
            Message::Refused(m) => (m.call, None),
        };
        (
            call,
            verb.map(|verb| Self {
                session,
                user,
                verb,
            }),
        )
    }
}

/// A refusal, as the frame for whoever asked.
pub(crate) fn refused(call: CallId, code: Code, existing: CallId) -> Bytes {
    Refused {
        call,
        code,
        existing,
        params: Params::NONE,
    }
    .encode()
}
