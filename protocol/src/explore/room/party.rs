//! A client that asks for a room: what it waits for, and the rooms that it takes itself to be in.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;

use super::NAME;
use crate::code::Code;
pub(super) use crate::explore::client::Link;
use crate::explore::client::frame;
use crate::id::{RequestId, RoomId, SessionId, UserId};
use crate::message::room::Knocking;
use crate::message::session::Message as SessionMessage;
use crate::message::{Message, admit, room};
use crate::room::client::{View, Wish};
use crate::wire::Sender;

/// What a request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Join,
    Leave(RoomId),
    /// The so-many-th of the model's orders.
    Order(u8),
    Plain,
}

/// A client: one session.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Party {
    pub(super) session: SessionId,
    pub(super) user: UserId,
    pub(super) link: Link,
    pub(super) joins: u8,
    pub(super) pending: BTreeMap<RequestId, Asked>,
    /// JOINs that a moderator has to answer.
    pub(super) waiting: BTreeMap<RoomId, RequestId>,
    pub(super) views: BTreeMap<RoomId, View>,
    pub(super) knocks: BTreeSet<(RoomId, SessionId)>,
    /// The orders that were carried out.
    pub(super) done: BTreeSet<u8>,
    /// What it was refused, and put out, with.
    pub(super) codes: BTreeSet<Code>,
    requests: u32,
}

impl Party {
    pub(super) const fn new(session: SessionId, user: UserId) -> Self {
        Self {
            session,
            user,
            link: Link::Up,
            joins: 0,
            pending: BTreeMap::new(),
            waiting: BTreeMap::new(),
            views: BTreeMap::new(),
            knocks: BTreeSet::new(),
            done: BTreeSet::new(),
            codes: BTreeSet::new(),
            requests: 0,
        }
    }

    pub(super) fn request(&mut self, asked: Asked) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.pending.insert(request, asked);
        request
    }

    /// Whether it asks for the room already, or is in it.
    pub(super) fn is_busy(&self) -> bool {
        !self.views.is_empty() || self.pending.values().any(|asked| *asked == Asked::Join)
    }

    /// The rooms that it is in, or waits for, and can leave.
    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomId> {
        let leaving = |room: &RoomId| {
            self.pending
                .values()
                .any(|asked| *asked == Asked::Leave(*room))
        };
        let all = self.views.keys().chain(self.waiting.keys()).copied();
        all.filter(move |room| !leaving(room))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The session is over, and with it all that hung on it.
    pub(super) fn over(&mut self) {
        self.link = Link::Gone;
        self.pending.clear();
        self.waiting.clear();
        self.views.clear();
        self.knocks.clear();
    }

    fn answered(&mut self, request: RequestId) -> Result<Asked, &'static str> {
        self.waiting.retain(|_, waits| *waits != request);
        let asked = self.pending.remove(&request);
        asked.ok_or("a request is answered twice, or was never made")
    }

    /// Takes a frame; the server's mistake, if it is one.
    pub(super) fn receive(&mut self, bytes: &Bytes) -> Result<(), &'static str> {
        let frame = frame(bytes);
        let message = admit(&frame, Sender::Server);
        match message.expect("a server's frame").expect("a known one") {
            Message::Room(message) => self.room_frame(&message),
            Message::Session(SessionMessage::Outcome(outcome)) => {
                let asked = self.answered(outcome.request)?;
                match asked {
                    Asked::Leave(room) => drop(self.views.remove(&room)),
                    Asked::Order(order) if outcome.code == Code::DELIVERED => {
                        self.done.insert(order);
                    }
                    Asked::Join => drop(self.codes.insert(outcome.code)),
                    Asked::Order(_) | Asked::Plain => {}
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn room_frame(&mut self, message: &room::Message<'_>) -> Result<(), &'static str> {
        match message {
            room::Message::Joined(joined) => {
                self.answered(joined.request)?;
                let wish = Wish {
                    room: RoomId::NONE,
                    name: NAME.to_string(),
                    secret: Vec::new(),
                    for_call: false,
                    again: false,
                };
                match self.views.insert(joined.room, View::new(joined, wish)) {
                    Some(_) => Err("JOINED a room that it is in"),
                    None => Ok(()),
                }
            }
            room::Message::Delta(delta) => {
                let follows = self
                    .views
                    .get_mut(&delta.room)
                    .map(|view| view.apply(delta));
                match follows {
                    Some(false) => Err("a change is missing before this one"),
                    Some(true) | None => Ok(()),
                }
            }
            room::Message::RoomDelta(delta) => match self.views.get_mut(&delta.room) {
                Some(view) => view
                    .set(delta)
                    .map(drop)
                    .ok_or("a change is missing before this one"),
                None => Ok(()),
            },
            room::Message::Left(left) => {
                self.views.remove(&left.room);
                self.knocks.retain(|(room, _)| *room != left.room);
                self.codes.insert(left.code);
                Ok(())
            }
            room::Message::Waiting(waiting) => {
                self.waiting.insert(waiting.room, waiting.request);
                Ok(())
            }
            room::Message::Knock(knock) => {
                let key = (knock.room, knock.session);
                match knock.state {
                    Knocking::Waiting => self.knocks.insert(key),
                    Knocking::Gone => self.knocks.remove(&key),
                };
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
