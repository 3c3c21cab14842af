//! Rooms as a session sees them: what its client asks of them, and what they tell it.

use alloc::string::{String, ToString};

use crate::code::Code;
use crate::error::Violation;
use crate::id::{RequestId, RoomId};
use crate::limits;
use crate::message::room::{self, Created, Granted, Setting};
use crate::message::{Wire, media};
use crate::room::server::{Asker, Creation, Entry, Governed, Order, Settings, Verb};
use crate::server::envelope::{Letter, Owner};
use crate::wire::Params;

use super::{Context, Pending, Session};

impl Session {
    pub(super) fn room_frame(
        &mut self,
        message: room::Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        match message {
            room::Message::Join(join) => {
                if !self.begin(join.request, Pending::Join, cx)?
                    || !self.may_announce(join.request, cx)
                {
                    return Ok(());
                }
                //= ROOM-006
                let joining = self
                    .requests
                    .values()
                    .filter(|pending| matches!(pending, Pending::Join | Pending::Waiting(_)));
                let own = self
                    .rooms
                    .iter()
                    .filter(|room| Some(**room) != self.call_room);
                let for_call = self.call_room == Some(join.room);
                let rooms = own.count().saturating_add(joining.count());
                if !for_call && rooms > limits::MAX_ROOMS {
                    self.outcome(join.request, Code::TOO_MANY, cx);
                    return Ok(());
                }
                let entry = Entry {
                    session: self.id,
                    user: self.who.user,
                    name: self.who.name.clone(),
                    request: join.request,
                    room_name: match join.room.is_some() {
                        true => String::new(),
                        false => join.name.as_str().to_string(),
                    },
                    secret: join.secret.as_bytes().to_vec(),
                };
                let to = if join.room.is_some() {
                    Owner::Room(join.room)
                } else {
                    Owner::Directory
                };
                cx.outbox.send(self.me(), to, Letter::Enter(entry));
            }
            room::Message::Leave(leave)
                if self.begin(leave.request, Pending::Answer, cx)?
                    && self.may_announce(leave.request, cx) =>
            {
                let (session, request) = (self.id, Some(leave.request));
                let letter = Letter::Leave {
                    session,
                    request,
                    code: Code::LEFT,
                };
                cx.outbox.send(self.me(), Owner::Room(leave.room), letter);
            }
            room::Message::Create(create) => self.create(&create, cx)?,
            message => {
                if let Some((request, room, verb)) = order_of(message)
                    && self.begin(request, Pending::Answer, cx)?
                    && self.may_announce(request, cx)
                {
                    let by = self.asker(request);
                    let letter = Letter::Order(Order { by, verb });
                    cx.outbox.send(self.me(), Owner::Room(room), letter);
                }
            }
        }
        Ok(())
    }

    const fn asker(&self, request: RequestId) -> Asker {
        Asker {
            reply_to: Owner::Session(self.id),
            request,
            user: Some(self.who.user),
        }
    }

    fn create(&mut self, create: &room::Create<'_>, cx: &mut Context<'_>) -> Result<(), Violation> {
        let request = create.request;
        if self.begin(request, Pending::Answer, cx)? && self.may_announce(request, cx) {
            let creation = Creation {
                name: create.name.as_str().to_string(),
                secret: create.secret.as_bytes().to_vec(),
                capacity: create.capacity.value() as usize,
                options: create.options,
                governed: Governed::By(self.who.user),
            };
            let asker = self.asker(request);
            let letter = Letter::Create { asker, creation };
            cx.outbox.send(self.me(), Owner::Directory, letter);
        }
        Ok(())
    }

    /// A room was created for this client.
    pub(super) fn created(&mut self, request: RequestId, room: RoomId, cx: &mut Context<'_>) {
        self.answered(request);
        let created = Created {
            request,
            room,
            params: Params::NONE,
        };
        self.send(created.encode(), cx);
    }

    /// A ticket was drawn for this client to pass on.
    pub(super) fn granted(
        &mut self,
        request: RequestId,
        room: RoomId,
        ticket: [u8; 32],
        cx: &mut Context<'_>,
    ) {
        self.answered(request);
        let granted = Granted {
            request,
            room,
            ticket,
            expires_in_ms: limits::ROOM_TICKET.as_millis() as u32,
            params: Params::NONE,
        };
        self.send(granted.encode(), cx);
    }

    /// A moderator has to let the session in; the JOIN is not answered yet.
    pub(super) fn wait(&mut self, room: RoomId, request: RequestId, cx: &mut Context<'_>) {
        if let Some(pending) = self.requests.get_mut(&request) {
            *pending = Pending::Waiting(room);
        }
        let waiting = room::Waiting {
            request,
            room,
            params: Params::NONE,
        };
        self.send(waiting.encode(), cx);
    }

    /// How the client's media goes, for the others in the room.
    pub(super) fn stats_frame(&mut self, stats: media::Stats<'_>, cx: &mut Context<'_>) {
        let (room, session) = (stats.room, self.id);
        //= MEDIA-038
        if !self.rooms.contains(&room) {
            return;
        }
        let last = self.reported.get(&room);
        if last.is_some_and(|last| cx.now.since(*last) < limits::STATS_EACH) {
            return;
        }
        self.reported.insert(room, cx.now);
        let stats = media::Stats {
            session,
            params: Params::NONE,
            ..stats
        };
        let frame = stats.encode();
        let letter = Letter::Report { session, frame };
        cx.outbox.send(self.me(), Owner::Room(room), letter);
    }
}

/// What a frame asks of a room that only a moderator may ask.
fn order_of(message: room::Message<'_>) -> Option<(RequestId, RoomId, Verb)> {
    Some(match message {
        room::Message::SetRoom(m) => {
            let settings = Settings {
                secret: (m.set.has(Setting::SECRET)).then(|| m.secret.as_bytes().to_vec()),
                capacity: (m.set.has(Setting::CAPACITY)).then(|| m.capacity.value() as usize),
                options: m.set.has(Setting::OPTIONS).then_some(m.options),
            };
            (m.request, m.room, Verb::Set(settings))
        }
        room::Message::Admit(m) => {
            let (session, verdict) = (m.session, m.verdict);
            (m.request, m.room, Verb::Admit { session, verdict })
        }
        room::Message::Moderate(m) => {
            let (user, role) = (m.user, m.role);
            (m.request, m.room, Verb::Moderate { user, role })
        }
        room::Message::Kick(m) => {
            let (user, ban_ms) = (m.user, m.ban_ms);
            (m.request, m.room, Verb::Kick { user, ban_ms })
        }
        room::Message::Unban(m) => (m.request, m.room, Verb::Unban { user: m.user }),
        room::Message::Close(m) => (
            m.request,
            m.room,
            Verb::Close {
                code: Code::ROOM_CLOSED,
            },
        ),
        room::Message::Grant(m) => (m.request, m.room, Verb::Grant { user: m.user }),
        _ => return None,
    })
}
