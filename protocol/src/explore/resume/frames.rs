//! What a model reads from frames in flight.

use alloc::format;
use alloc::string::String;

use bytes::Bytes;

use super::world::Item;
use crate::id::{RequestId, SessionId};
use crate::message::session::Message as SessionMessage;
use crate::message::{Message, Wire, admit, channel};
use crate::server::envelope::Letter;
use crate::wire::{Frame, Framer, Sender};

/// The one frame of a write.
fn frame(bytes: &Bytes) -> Option<Frame> {
    let mut framer = Framer::new(1 << 14);
    framer.push(bytes.clone());
    framer.next_frame().ok().flatten()
}

/// Runs something on the message of a frame.
fn read<T>(bytes: &Bytes, from: Sender, run: impl FnOnce(&Message<'_>) -> Option<T>) -> Option<T> {
    let frame = frame(bytes)?;
    let message = admit(&frame, from).ok().flatten()?;
    run(&message)
}

fn kind(bytes: &Bytes) -> u16 {
    bytes
        .first_chunk::<2>()
        .map_or(0, |kind| u16::from_be_bytes(*kind))
}

/// The token that AUTHENTICATED or RESUMED brings; AUTHENTICATED says of which session.
pub(super) fn token_given(bytes: &Bytes) -> Option<(Option<SessionId>, [u8; 32])> {
    if ![0x0104, 0x0106].contains(&kind(bytes)) {
        return None;
    }
    read(bytes, Sender::Server, |message| match message {
        Message::Session(SessionMessage::Authenticated(m)) => {
            Some((Some(m.session), m.resume_token))
        }
        Message::Session(SessionMessage::Resumed(m)) => Some((None, m.resume_token)),
        _ => None,
    })
}

/// The token of a RESUME.
pub(super) fn token_used(bytes: &Bytes) -> Option<[u8; 32]> {
    if kind(bytes) != 0x0105 {
        return None;
    }
    read(bytes, Sender::Client, |message| match message {
        Message::Session(SessionMessage::Resume(m)) => Some(m.resume_token),
        _ => None,
    })
}

/// The request that a RESULT answers.
pub(super) fn result_of(bytes: &Bytes) -> Option<RequestId> {
    if kind(bytes) != 0x010b {
        return None;
    }
    read(bytes, Sender::Server, |message| match message {
        Message::Session(SessionMessage::Outcome(m)) => Some(m.request),
        _ => None,
    })
}

pub(super) fn is_ack(bytes: &Bytes) -> bool {
    kind(bytes) == 0x0107
}

pub(super) fn is_sequenced(item: &Item) -> bool {
    match item {
        Item::Frame(bytes) => {
            frame(bytes).is_some_and(|frame| crate::message::is_sequenced(&frame.header))
        }
        Item::Close(_) => false,
    }
}

/// RESUMED whose count is one too high: the first of the frames that are missing is not sent again.
pub(super) fn one_off(bytes: Bytes) -> Bytes {
    let tampered = match kind(&bytes) {
        0x0106 => read(&bytes, Sender::Server, |message| match message {
            Message::Session(SessionMessage::Resumed(m)) => {
                let mut m = m.clone();
                m.received = m.received.saturating_add(1);
                Some(m.encode())
            }
            _ => None,
        }),
        _ => None,
    };
    tampered.unwrap_or(bytes)
}

/// A frame as a diagram shows it.
pub(super) fn label(item: &Item) -> String {
    let bytes = match item {
        Item::Frame(bytes) => bytes,
        Item::Close(code) => return format!("(closed: {code:?})"),
    };
    let known = [Sender::Client, Sender::Server]
        .into_iter()
        .find_map(|from| {
            read(bytes, from, |message| {
                Some(match message {
                    Message::Session(SessionMessage::Authenticate(_)) => "AUTHENTICATE".into(),
                    Message::Session(SessionMessage::Authenticated(_)) => "AUTHENTICATED".into(),
                    Message::Session(SessionMessage::Resume(m)) => format!("RESUME {}", m.received),
                    Message::Session(SessionMessage::Resumed(m)) => {
                        format!("RESUMED {}", m.received)
                    }
                    Message::Session(SessionMessage::Ack(m)) => format!("ACK {}", m.received),
                    Message::Session(SessionMessage::Outcome(m)) => {
                        format!("RESULT {} {:?}", m.request.0, m.code)
                    }
                    Message::Session(SessionMessage::Goodbye(m)) => format!("GOODBYE {:?}", m.code),
                    Message::Channel(channel::Message::TextTo(m)) => {
                        format!("TEXT {}", m.text.as_str())
                    }
                    Message::Channel(channel::Message::TextFrom(m)) => {
                        format!("TEXT_FROM {}", m.text.as_str())
                    }
                    _ => return None,
                })
            })
        });
    known.unwrap_or_else(|| {
        let name = crate::message::schema(kind(bytes)).map(|schema| schema.name);
        name.unwrap_or("?").into()
    })
}

/// A letter's name.
pub(super) fn letter(letter: &Letter) -> String {
    let whole = format!("{letter:?}");
    let name = whole.split([' ', '(']).next();
    name.unwrap_or_default().into()
}
