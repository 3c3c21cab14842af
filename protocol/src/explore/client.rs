//! What a client has sent and seen, which is what it may hold the server to.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};

use bytes::Bytes;

use crate::code::Code;
use crate::id::{CallId, RequestId, RoomId, SessionId, UserId};
use crate::limits;
use crate::message::session::Message as SessionMessage;
use crate::message::{Media, Message, admit, call, media, room, schema};
use crate::wire::{Frame, Framer, Sender};

/// What is offered with each INVITE: the caller has no camera.
pub(super) const OFFERED: Media = Media::CALLER_AUDIO
    .with(Media::CALLEE_AUDIO)
    .with(Media::CALLEE_VIDEO);

/// What a callee without a camera accepts.
pub(super) const NARROW: Media = Media::CALLER_AUDIO.with(Media::CALLEE_AUDIO);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Link {
    Up,
    Down,
    /// The session is over.
    Gone,
}

/// A client: one session.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) session: SessionId,
    pub(super) user: UserId,
    pub(super) link: Link,
    pub(super) calls: BTreeMap<CallId, Seen>,
    /// What it answered without having been called, as no client should; `None` where it declined.
    pub(super) guessed: BTreeMap<CallId, Option<Media>>,
    /// Requests without an answer.
    pub(super) pending: BTreeSet<RequestId>,
    requests: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Course {
    Open,
    /// The client gave it up by this verb; nothing says that it was heard, unless it was refused.
    GivenUp,
    /// The client did what none should, and may be wrong about it.
    Unsure,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Entry {
    Never,
    Asked(RequestId),
    Inside,
    Refused(Code),
    Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Started {
    pub(super) room: RoomId,
    pub(super) ticket: [u8; 32],
    pub(super) media: Media,
    pub(super) peer: SessionId,
}

/// A call as a client sees it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    /// Whether this client called.
    pub(super) calls: bool,
    pub(super) course: Course,
    pub(super) rang: bool,
    pub(super) cancelled: bool,
    pub(super) accepted: Option<Media>,
    pub(super) started: Option<Started>,
    pub(super) entry: Entry,
    pub(super) been_inside: bool,
    pub(super) sound: bool,
    pub(super) pictures: bool,
    /// The code of END or of the REFUSED that ended it.
    pub(super) code: Option<Code>,
    pub(super) existing: CallId,
    /// The client did something about it that no client should.
    pub(super) wrong: bool,
}

impl Seen {
    pub(super) const fn new(calls: bool) -> Self {
        Self {
            calls,
            course: Course::Open,
            rang: false,
            cancelled: false,
            accepted: None,
            started: None,
            entry: Entry::Never,
            been_inside: false,
            sound: false,
            pictures: false,
            code: None,
            existing: CallId::NONE,
            wrong: false,
        }
    }

    fn over(&mut self, code: Code) {
        self.course = Course::Over;
        self.code = Some(code);
    }
}

impl Client {
    pub(super) const fn new(session: SessionId, user: UserId) -> Self {
        Self {
            session,
            user,
            link: Link::Up,
            calls: BTreeMap::new(),
            guessed: BTreeMap::new(),
            pending: BTreeSet::new(),
            requests: 0,
        }
    }

    pub(super) fn request(&mut self) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.pending.insert(request);
        request
    }

    /// Takes a frame; the server's mistake, if it is one.
    pub(super) fn receive(&mut self, bytes: &Bytes) -> Result<(), &'static str> {
        let frame = frame(bytes);
        let message = admit(&frame, Sender::Server);
        match message.expect("a server's frame").expect("a known one") {
            Message::Call(message) => self.call_frame(message),
            Message::Room(message) => self.room_frame(&message),
            Message::Session(SessionMessage::Outcome(outcome)) => {
                self.answered(outcome.request)?;
                let asked = Entry::Asked(outcome.request);
                let seen = self.calls.values_mut().find(|seen| seen.entry == asked);
                if let Some(seen) = seen {
                    seen.entry = Entry::Refused(outcome.code);
                }
                Ok(())
            }
            Message::Media(media::Message::Published(published)) => {
                self.answered(published.request)
            }
            _ => Ok(()),
        }
    }

    /// What it accepted of a call.
    pub(super) fn accepted(&self, call: CallId) -> Option<Media> {
        let seen = self.calls.get(&call).and_then(|seen| seen.accepted);
        seen.or_else(|| self.guessed.get(&call).copied().flatten())
    }

    fn answered(&mut self, request: RequestId) -> Result<(), &'static str> {
        match self.pending.remove(&request) {
            true => Ok(()),
            false => Err("a request is answered twice, or was never made"),
        }
    }

    fn room_frame(&mut self, message: &room::Message<'_>) -> Result<(), &'static str> {
        match message {
            room::Message::Joined(joined) => {
                self.answered(joined.request)?;
                let asked = Entry::Asked(joined.request);
                let seen = self.calls.values_mut().find(|seen| seen.entry == asked);
                let Some(seen) = seen else {
                    return Err("JOINED the room of no call that it has");
                };
                if seen.been_inside {
                    return Err("a ticket admits twice");
                }
                seen.entry = Entry::Inside;
                seen.been_inside = true;
            }
            room::Message::Left(left) => {
                let in_room = |seen: &&mut Seen| seen.started.is_some_and(|s| s.room == left.room);
                if let Some(seen) = self.calls.values_mut().find(in_room) {
                    seen.entry = Entry::Left;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn call_frame(&mut self, message: call::Message<'_>) -> Result<(), &'static str> {
        match message {
            call::Message::Invite(invite) => {
                let mut seen = Seen::new(false);
                if let Some(guess) = self.guessed.remove(&invite.call) {
                    seen.accepted = guess;
                    seen.wrong = true;
                    if guess.is_none() {
                        seen.course = Course::GivenUp;
                    }
                }
                let before = self.calls.insert(invite.call, seen);
                match before {
                    Some(_) => return Err("INVITE comes twice"),
                    None => return Ok(()),
                }
            }
            call::Message::Refused(refused) => {
                self.refused(refused.call, refused.code, refused.existing);
                return Ok(());
            }
            _ => {}
        }
        let id = match &message {
            call::Message::Start(start) => start.call,
            call::Message::End(end) => end.call,
            call::Message::Ringing(ringing) => ringing.call,
            _ => return Err("a frame that no server sends"),
        };
        let Some(seen) = self.calls.get_mut(&id) else {
            return Err("a frame of a call that it has no part in");
        };
        match message {
            call::Message::Start(_) if !seen.calls && seen.accepted.is_none() => {
                return Err("START without its consent");
            }
            call::Message::Start(_) if seen.started.is_some() => return Err("START comes twice"),
            call::Message::Start(_) if seen.course == Course::Over => {
                return Err("START after the end");
            }
            call::Message::Start(start) => {
                seen.started = Some(Started {
                    room: start.room,
                    ticket: start.ticket,
                    media: start.media,
                    peer: start.peer,
                });
            }
            call::Message::Ringing(_) if !seen.calls => return Err("RINGING to the callee"),
            call::Message::End(_) if seen.course == Course::Over => {
                return Err("END after the end");
            }
            call::Message::End(end) => seen.over(end.code),
            _ => {}
        }
        Ok(())
    }

    fn refused(&mut self, id: CallId, code: Code, existing: CallId) {
        self.guessed.remove(&id);
        let Some(seen) = self.calls.get_mut(&id) else {
            return;
        };
        match code {
            Code::ALREADY_ANSWERED if seen.course == Course::GivenUp => {
                // After a mistake of its own, a client cannot tell which of its requests this answers.
                seen.course = match seen.wrong {
                    true => Course::Unsure,
                    false => Course::Open,
                };
            }
            // About something else than the call's beginning; the call is as it was.
            Code::ALREADY_ANSWERED
            | Code::NOT_CALLEE
            | Code::NOT_CALLER
            | Code::WIDER_MEDIA
            | Code::ID_IN_USE => {}
            _ if seen.course == Course::Over => {}
            code => {
                seen.over(code);
                seen.existing = existing;
            }
        }
    }
}

pub(super) fn frame(bytes: &Bytes) -> Frame {
    let mut framer = Framer::new(limits::MAX_FRAME as u32);
    framer.push(bytes.clone());
    let frame = framer.next_frame().expect("a frame");
    frame.expect("a whole one")
}

/// What a frame is called in a diagram: its message, and the code that it bears.
pub(super) fn name(bytes: &Bytes) -> String {
    let frame = frame(bytes);
    let name = schema(frame.header.kind).map_or("?", |schema| schema.name);
    let code = match Message::decode(frame.header.kind, &frame.body) {
        Some(Ok(Message::Call(call::Message::End(end)))) => Some(end.code),
        Some(Ok(Message::Call(call::Message::Refused(refused)))) => Some(refused.code),
        Some(Ok(Message::Session(SessionMessage::Outcome(outcome)))) => Some(outcome.code),
        Some(Ok(Message::Room(room::Message::Left(left)))) => Some(left.code),
        _ => None,
    };
    match code {
        Some(code) => format!("{name}({code})"),
        None => name.to_string(),
    }
}
