//! Rooms: what an application does in them, and what the server tells of them.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::error::{EndReason, Initiator, UsageError, Violation};
use crate::id::{RequestId, RoomId, SessionId, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::room::{
    self, Admit, Close, Create, Grant, Join, Kick, Knocking, Leave, Moderate, Options, Role,
    SetRoom, Setting, Unban, Verdict,
};
use crate::room::client::{MemberInfo, RoomSettings, View, Wish};
use crate::time::Instant;
use crate::wire::{Opaque, Params, Text, Within};

use super::{Asked, Client, Event};

/// For how long someone who is kicked is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ban {
    /// Not at all.
    No,
    /// For this time, at most 49 days.
    For(Duration),
    /// For as long as the room lives.
    ForLife,
}

/// The longest time that KICK can name; the number after it means for life.
const LONGEST: u128 = 0xffff_fffe;

impl Ban {
    pub(crate) fn millis(self) -> u32 {
        match self {
            Self::No => 0,
            Self::For(span) => span.as_millis().clamp(1, LONGEST) as u32,
            Self::ForLife => u32::MAX,
        }
    }
}

/// What is to change about a room; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomChange<'a> {
    /// The secret, at most 64 bytes; empty for a room without.
    pub secret: Option<&'a [u8]>,
    /// The capacity, 2 to 100.
    pub capacity: Option<u8>,
    /// The options.
    pub options: Option<Options>,
}

impl Client {
    /// Creates a room, of which this user is the moderator; the answer is [`Event::Created`] or [`Event::Answer`].
    /// It ends after a while if nobody enters it.
    pub fn create(
        &mut self,
        now: Instant,
        name: &str,
        secret: &[u8],
        capacity: u8,
        options: Options,
    ) -> Result<RequestId, UsageError> {
        let name = Text::new(name).ok_or(UsageError::TooLarge)?;
        let secret = Opaque::new(secret).ok_or(UsageError::TooLarge)?;
        let capacity = Within::new(capacity.into()).ok_or(UsageError::TooLarge)?;
        self.ask(now, 192, |request| {
            Create {
                request,
                name,
                secret,
                capacity,
                options,
                params: Params::NONE,
            }
            .encode()
        })
    }

    /// Enters a room by name; the answer is [`Event::Joined`] or [`Event::Answer`], and where a moderator has to let
    /// this side in, before that [`Event::Waiting`].
    pub fn join(
        &mut self,
        now: Instant,
        name: &str,
        secret: &[u8],
    ) -> Result<RequestId, UsageError> {
        self.enter(now, RoomId::NONE, name, secret)
    }

    /// The same by id; `secret` may be this user's ticket.
    pub fn join_room(
        &mut self,
        now: Instant,
        room: RoomId,
        secret: &[u8],
    ) -> Result<RequestId, UsageError> {
        self.enter(now, room, "", secret)
    }

    fn enter(
        &mut self,
        now: Instant,
        room: RoomId,
        name: &str,
        secret: &[u8],
    ) -> Result<RequestId, UsageError> {
        let wish = Wish {
            room,
            name: name.to_string(),
            secret: secret.to_vec(),
            for_call: false,
            again: false,
        };
        let (name, secret) = (Text::new(name), Opaque::new(secret));
        let (Some(name), Some(secret)) = (name, secret) else {
            return Err(UsageError::TooLarge);
        };
        let joining = |asked: &&Asked| matches!(asked, Asked::Join(_));
        let joining = self.requests.values().filter(joining).count();
        let own = |view: &&View| !view.wish.for_call;
        let rooms = self.rooms.values().filter(own).count();
        //= SES-031
        if rooms.saturating_add(joining) >= self.announced.max_rooms {
            return Err(UsageError::TooMany);
        }
        let request = self.request(now, Asked::Join(wish), 256)?;
        self.send(
            Join {
                request,
                room,
                name,
                secret,
                params: Params::NONE,
            }
            .encode(),
        );
        self.settle();
        Ok(request)
    }

    /// Leaves a room, or gives up waiting to be let in.
    pub fn leave(&mut self, now: Instant, room: RoomId) -> Result<RequestId, UsageError> {
        if !self.rooms.contains_key(&room) && !self.waiting.contains_key(&room) {
            return Err(UsageError::NotInRoom);
        }
        let request = self.request(now, Asked::Leave(room), 64)?;
        self.forget_room(room);
        self.send(
            Leave {
                request,
                room,
                params: Params::NONE,
            }
            .encode(),
        );
        self.settle();
        Ok(request)
    }

    /// Changes how a room is run; for moderators, as what follows.
    pub fn set_room(
        &mut self,
        now: Instant,
        room: RoomId,
        change: RoomChange<'_>,
    ) -> Result<RequestId, UsageError> {
        let RoomChange {
            secret,
            capacity,
            options,
        } = change;
        let settings = [
            secret.map(|_| Setting::SECRET),
            capacity.map(|_| Setting::CAPACITY),
            options.map(|_| Setting::OPTIONS),
        ];
        let set = settings
            .into_iter()
            .flatten()
            .fold(Setting::NONE, Setting::with);
        let secret = Opaque::new(secret.unwrap_or_default()).ok_or(UsageError::TooLarge)?;
        let most = limits::MAX_MEMBERS as u32;
        let capacity = Within::new(capacity.map_or(most, u32::from)).ok_or(UsageError::TooLarge)?;
        let options = options.unwrap_or_default();
        self.ask(now, 128, |request| {
            SetRoom {
                request,
                room,
                set,
                secret,
                capacity,
                options,
                params: Params::NONE,
            }
            .encode()
        })
    }

    /// Lets someone in who waits, or not.
    pub fn admit(
        &mut self,
        now: Instant,
        room: RoomId,
        session: SessionId,
        admit: bool,
    ) -> Result<RequestId, UsageError> {
        let verdict = match admit {
            true => Verdict::Admit,
            false => Verdict::Refuse,
        };
        self.ask(now, 64, |request| {
            Admit {
                request,
                room,
                session,
                verdict,
                params: Params::NONE,
            }
            .encode()
        })
    }

    /// Gives a user in the room a role.
    pub fn moderate(
        &mut self,
        now: Instant,
        room: RoomId,
        user: UserId,
        role: Role,
    ) -> Result<RequestId, UsageError> {
        self.ask(now, 64, |request| {
            Moderate {
                request,
                room,
                user,
                role,
                params: Params::NONE,
            }
            .encode()
        })
    }

    /// Puts a user out of a room, and may keep it out.
    pub fn kick(
        &mut self,
        now: Instant,
        room: RoomId,
        user: UserId,
        ban: Ban,
    ) -> Result<RequestId, UsageError> {
        self.ask(now, 64, |request| {
            Kick {
                request,
                room,
                user,
                ban_ms: ban.millis(),
                params: Params::NONE,
            }
            .encode()
        })
    }

    /// Lets a banned user enter again.
    pub fn unban(
        &mut self,
        now: Instant,
        room: RoomId,
        user: UserId,
    ) -> Result<RequestId, UsageError> {
        self.ask(now, 64, |request| {
            Unban {
                request,
                room,
                user,
                params: Params::NONE,
            }
            .encode()
        })
    }

    /// Closes a room: everyone is out.
    pub fn close_room(&mut self, now: Instant, room: RoomId) -> Result<RequestId, UsageError> {
        self.ask(now, 64, |request| {
            Close {
                request,
                room,
                params: Params::NONE,
            }
            .encode()
        })
    }

    /// Asks for a ticket with which a user may enter once, past secret, lock and lobby; the answer is
    /// [`Event::Granted`] or [`Event::Answer`]. Passing it on is the application's.
    pub fn grant(
        &mut self,
        now: Instant,
        room: RoomId,
        user: UserId,
    ) -> Result<RequestId, UsageError> {
        self.ask(now, 64, |request| {
            Grant {
                request,
                room,
                user,
                params: Params::NONE,
            }
            .encode()
        })
    }

    /// Sends a request of about `size` bytes whose outcome is all that matters.
    fn ask(
        &mut self,
        now: Instant,
        size: usize,
        frame: impl FnOnce(RequestId) -> Bytes,
    ) -> Result<RequestId, UsageError> {
        let request = self.request(now, Asked::Plain, size)?;
        self.send(frame(request));
        self.settle();
        Ok(request)
    }

    /// Enters again the rooms that a lost session was in.
    pub(super) fn rejoin(&mut self) {
        let rooms = core::mem::take(&mut self.rooms).into_values();
        let wishes = rooms.map(|view| view.wish).filter(|wish| !wish.for_call);
        let wishes: Vec<Wish> = core::mem::take(&mut self.reentry)
            .into_iter()
            .chain(wishes)
            .collect();
        for mut wish in wishes {
            wish.again = true;
            let request = self.number(Asked::Join(wish.clone()));
            let (name, secret) = (Text::cut(&wish.name), Opaque::new(&wish.secret));
            let secret = secret.unwrap_or_default();
            let join = room::Join {
                request,
                room: wish.room,
                name,
                secret,
                params: Params::NONE,
            };
            self.send(join.encode());
        }
    }

    pub(super) fn room_frame(&mut self, message: &room::Message<'_>) -> Result<(), Violation> {
        match message {
            room::Message::Joined(joined) => {
                let request = joined.request;
                let Some(Asked::Join(wish)) = self.requests.remove(&request) else {
                    return Err(Violation::UnexpectedFrame);
                };
                self.waiting.retain(|_, waits| *waits != request);
                let view = View::new(joined, wish);
                let (room, for_call) = (joined.room, view.wish.for_call);
                let members: Vec<MemberInfo> = view.members.values().cloned().collect();
                self.rooms.insert(room, view);
                if for_call {
                    self.entered_call_room(room);
                } else {
                    self.events.push_back(Event::Joined {
                        request,
                        room,
                        name: joined.name.as_str().to_string(),
                        settings: RoomSettings::from(joined),
                        members,
                    });
                }
            }
            room::Message::Delta(delta) => {
                let room = delta.room;
                let Some(view) = self.rooms.get_mut(&room) else {
                    return Ok(());
                };
                if !view.apply(delta) {
                    return Err(Violation::UnexpectedFrame);
                }
                if !view.wish.for_call {
                    let (change, code) = (delta.change, delta.code);
                    let member = MemberInfo::from(&delta.member);
                    self.events.push_back(Event::Member {
                        room,
                        change,
                        code,
                        member,
                    });
                }
            }
            room::Message::Left(left) => {
                let (room, code) = (left.room, left.code);
                let Some(view) = self.forget_room(room) else {
                    return Ok(());
                };
                if !view.wish.for_call {
                    self.events.push_back(Event::Left { room, code });
                } else if let Some(call) = self.call_of_room(room).map(|call| call.id) {
                    // END comes before; this is the safety net where it did not.
                    self.end_call(call, EndReason::new(code, Initiator::Peer), None);
                }
            }
            room::Message::RoomDelta(delta) => {
                let room = delta.room;
                let Some(view) = self.rooms.get_mut(&room) else {
                    return Ok(());
                };
                let settings = view.set(delta).ok_or(Violation::UnexpectedFrame)?;
                self.events.push_back(Event::RoomSet { room, settings });
            }
            room::Message::Waiting(waiting) => {
                let (request, room) = (waiting.request, waiting.room);
                if !matches!(self.requests.get(&request), Some(Asked::Join(_))) {
                    return Err(Violation::UnexpectedFrame);
                }
                // A JOIN waits for one room.
                self.waiting.retain(|_, waits| *waits != request);
                self.waiting.insert(room, request);
                self.events.push_back(Event::Waiting { request, room });
            }
            room::Message::Knock(knock) => {
                if self.rooms.contains_key(&knock.room) {
                    self.events.push_back(Event::Knock {
                        room: knock.room,
                        session: knock.session,
                        user: knock.user,
                        name: knock.name.as_str().to_string(),
                        waiting: knock.state == Knocking::Waiting,
                    });
                }
            }
            room::Message::Created(created) => {
                let (request, room) = (created.request, created.room);
                self.answered(request)?;
                self.events.push_back(Event::Created { request, room });
            }
            room::Message::Granted(granted) => {
                let request = granted.request;
                self.answered(request)?;
                self.events.push_back(Event::Granted {
                    request,
                    room: granted.room,
                    ticket: granted.ticket,
                    expires_in: Duration::from_millis(granted.expires_in_ms.into()),
                });
            }
            // What only a client says; `admit` lets none of it through.
            _ => return Err(Violation::UnexpectedFrame),
        }
        Ok(())
    }

    /// Takes the answer to a request that has been asked.
    fn answered(&mut self, request: RequestId) -> Result<(), Violation> {
        match self.requests.remove(&request) {
            Some(_) => Ok(()),
            None => Err(Violation::UnexpectedFrame),
        }
    }
}
