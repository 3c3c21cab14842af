//! Rooms: who may enter, who is inside, who moderates.

mod orders;

use std::collections::{BTreeMap, BTreeSet};

use duet_protocol::code::Code;

use super::World;
use super::client::{Asked, Wish};
use crate::reference::op::{Name, Person, Run};
use crate::reference::seen::{Change, Channel, Member, Room, Seen, Session};

const EMPTY_ROOM: u64 = 120_000;
const LOBBY: u64 = 120_000;
const TICKET: u64 = 600_000;
const TEN_SECONDS: u64 = 10_000;

/// What one bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secret {
    None,
    Word,
    /// The so-many-th ticket that was drawn.
    Ticket(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inside {
    session: Session,
    suspended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiter {
    session: Session,
    asked: Asked,
    until: u64,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chamber {
    name: Name,
    /// Which one of that name it is, once anybody has heard of it.
    number: Option<u32>,
    secret: Secret,
    capacity: u8,
    run: Run,
    /// Until when someone must have entered.
    reserved: Option<u64>,
    /// Whether who enters first becomes its moderator.
    orphan: bool,
    moderators: BTreeSet<Person>,
    bans: BTreeMap<Person, Option<u64>>,
    /// For whom, and until when.
    tickets: BTreeMap<u32, (Person, u64)>,
    /// Those who have been here longest come first.
    members: Vec<Inside>,
    /// In the order in which they came.
    lobby: Vec<Waiter>,
    streams: BTreeSet<(Session, u8)>,
    /// Subscriber, publisher, stream.
    subscribed: BTreeSet<(Session, Session, u8)>,
    pub(super) posts: u64,
}

impl Chamber {
    fn new(name: Name, secret: Secret) -> Self {
        Self {
            name,
            number: None,
            secret,
            capacity: 100,
            run: Run {
                lobby: false,
                locked: false,
            },
            reserved: None,
            orphan: true,
            moderators: BTreeSet::new(),
            bans: BTreeMap::new(),
            tickets: BTreeMap::new(),
            members: Vec::new(),
            lobby: Vec::new(),
            streams: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            posts: 0,
        }
    }

    fn is(&self, room: Room) -> bool {
        (self.name, self.number) == (room.0, Some(room.1))
    }

    pub(super) fn has(&self, session: Session) -> bool {
        self.members.iter().any(|one| one.session == session)
    }

    pub(super) fn others(&self, than: Session) -> Vec<Session> {
        let all = self.members.iter().map(|one| one.session);
        all.filter(|session| *session != than).collect()
    }

    pub(super) fn until(&self) -> Option<u64> {
        self.lobby
            .iter()
            .map(|waiter| waiter.until)
            .chain(self.reserved)
            .min()
    }

    fn is_moderator(&self, session: Session) -> bool {
        self.moderators.contains(&session.0.owner())
    }

    fn is_moderated(&self) -> bool {
        self.members
            .iter()
            .any(|one| self.is_moderator(one.session))
    }

    fn is_full(&self) -> bool {
        self.members.len() >= self.capacity.into()
    }

    fn is_banned(&self, person: Person, now: u64) -> bool {
        let until = self.bans.get(&person);
        until.is_some_and(|until| until.is_none_or(|until| until > now))
    }

    fn member(&self, one: &Inside) -> Member {
        Member {
            session: one.session,
            user: one.session.0.owner(),
            suspended: one.suspended,
            moderator: self.is_moderator(one.session),
        }
    }

    fn snapshot(&self) -> Vec<Member> {
        let mut all: Vec<Member> = self.members.iter().map(|one| self.member(one)).collect();
        all.sort();
        all
    }
}

impl World {
    pub(super) fn chamber(&mut self, room: Room) -> Option<&mut Chamber> {
        self.chambers.iter_mut().find(|one| one.is(room))
    }

    pub(super) fn members_of(&self, room: Room) -> Vec<Member> {
        let found = self.chambers.iter().find(|one| one.is(room));
        found.map(Chamber::snapshot).unwrap_or_default()
    }

    /// The room at this place; it is heard of by whoever is told of it.
    fn heard_of(&mut self, at: usize) -> Room {
        let Chamber { name, number, .. } = &mut self.chambers[at];
        let heard = &mut self.heard[name.0];
        let number = *number.get_or_insert_with(|| {
            *heard += 1;
            *heard
        });
        (*name, number)
    }

    fn tell_members(&mut self, at: usize, seen: Seen, except: Option<Session>) {
        let room = self.heard_of(at);
        for one in self.chambers[at].members.clone() {
            if Some(one.session) != except {
                self.tell(one.session, Channel::Room(room), seen.clone());
            }
        }
    }

    /// Tells of a change to a member; who enters or leaves is not told of itself.
    fn change(&mut self, at: usize, session: Session, change: Change) {
        let chamber = &self.chambers[at];
        let Some(one) = chamber.members.iter().find(|one| one.session == session) else {
            return;
        };
        let member = chamber.member(one);
        let except = matches!(change, Change::Join | Change::Leave(_)).then_some(session);
        self.tell_members(at, Seen::Member { change, member }, except);
    }

    /// Tells the moderators inside that someone waits, or no longer.
    fn knock(&mut self, at: usize, session: Session, waiting: bool) {
        let room = self.heard_of(at);
        let chamber = &self.chambers[at];
        let here = chamber.members.iter().map(|one| one.session);
        let moderators: Vec<Session> = here.filter(|one| chamber.is_moderator(*one)).collect();
        for moderator in moderators {
            let user = session.0.owner();
            let seen = Seen::Knock {
                session,
                user,
                waiting,
            };
            self.tell(moderator, Channel::Room(room), seen);
        }
    }

    /// Tells one who has entered as a moderator, or become one, who waits.
    fn tell_knocks(&mut self, at: usize, to: Session) {
        let room = self.heard_of(at);
        if !self.chambers[at].is_moderator(to) {
            return;
        }
        for Waiter { session, .. } in self.chambers[at].lobby.clone() {
            let (user, waiting) = (session.0.owner(), true);
            let seen = Seen::Knock {
                session,
                user,
                waiting,
            };
            self.tell(to, Channel::Room(room), seen);
        }
    }

    pub(super) fn join(&mut self, session: Session, asked: Asked, wish: &Wish) {
        let (now, person) = (self.now, session.0.owner());
        let is_meant = |closed: &Room| match wish.room {
            Some(room) => room == *closed,
            None => wish.name == closed.0,
        };
        if self.closed.iter().any(is_meant) {
            return self.outcome(session, asked, Code::ROOM_CLOSED);
        }
        let found = match wish.room {
            Some(room) => self.chambers.iter().position(|one| one.is(room)),
            None if wish.name == Name(2) => None,
            None => {
                let live = self.chambers.iter().position(|one| one.name == wish.name);
                Some(live.unwrap_or_else(|| {
                    self.chambers.push(Chamber::new(wish.name, wish.secret));
                    self.chambers.len() - 1
                }))
            }
        };
        let Some(at) = found else {
            return self.outcome(session, asked, Code::NO_SUCH_ROOM);
        };
        let chamber = &mut self.chambers[at];
        let ticket = match wish.secret {
            Secret::Ticket(number) => {
                let own = chamber
                    .tickets
                    .get(&number)
                    .filter(|(whose, _)| *whose == person);
                let good = own.is_some_and(|(_, until)| *until > now);
                good.then_some(number)
            }
            Secret::None | Secret::Word => None,
        };
        let expected = ticket.is_some() || chamber.moderators.contains(&person);
        let refusal = if chamber.has(session) {
            Some(Code::ALREADY_IN_ROOM)
        } else if ticket.is_none() && wish.secret != chamber.secret {
            Some(Code::BAD_SECRET)
        } else if chamber.lobby.iter().any(|waiter| waiter.session == session) {
            Some(Code::ALREADY_WAITING)
        } else if chamber.is_banned(person, now) {
            Some(Code::BANNED)
        } else if chamber.run.locked && !expected {
            Some(Code::ROOM_LOCKED)
        } else if chamber.is_full() {
            Some(Code::ROOM_FULL)
        } else if !self.joins {
            Some(Code::FORBIDDEN)
        } else {
            None
        };
        let chamber = &mut self.chambers[at];
        // Who is refused for another reason than a ban may use its ticket again.
        if let Some(ticket) = ticket
            && refusal.is_none_or(|code| code == Code::BANNED)
        {
            chamber.tickets.remove(&ticket);
        }
        if let Some(code) = refusal {
            self.outcome(session, asked, code);
            return self.end_if_empty(at);
        }
        if chamber.run.lobby && !expected {
            let until = now + LOBBY;
            let waiter = Waiter {
                session,
                asked,
                until,
            };
            chamber.lobby.push(waiter);
            let room = self.heard_of(at);
            self.answer(session, asked, Seen::Waiting(room));
            return self.knock(at, session, true);
        }
        self.enter(at, session, asked);
    }

    fn enter(&mut self, at: usize, session: Session, asked: Asked) {
        let room = self.heard_of(at);
        let chamber = &mut self.chambers[at];
        if core::mem::take(&mut chamber.orphan) {
            chamber.moderators.insert(session.0.owner());
        }
        chamber.reserved = None;
        let suspended = false;
        chamber.members.push(Inside { session, suspended });
        self.change(at, session, Change::Join);
        let chamber = &self.chambers[at];
        let request = match asked {
            Asked::By(tag) => Some(tag),
            Asked::Itself(_) => None,
        };
        let joined = Seen::Joined {
            room,
            request,
            capacity: chamber.capacity,
            run: chamber.run,
            members: chamber.snapshot(),
        };
        self.answer(session, asked, joined);
        for (of, stream) in self.chambers[at].streams.clone() {
            let open = true;
            let seen = Seen::Stream { of, stream, open };
            self.tell(session, Channel::Streams(room), seen);
        }
        self.tell_knocks(at, session);
        // It may have lost its link while it waited.
        if self.sessions[&session].away.is_some() {
            self.let_in.push((room, session));
        }
    }

    pub(super) fn show_let_in(&mut self) {
        for (room, session) in core::mem::take(&mut self.let_in) {
            if let Some(at) = self.chambers.iter().position(|one| one.is(room)) {
                self.shows_at(at, session, true);
            }
        }
    }

    fn shows_at(&mut self, at: usize, session: Session, suspended: bool) {
        let members = &mut self.chambers[at].members;
        let Some(one) = members.iter_mut().find(|one| one.session == session) else {
            return;
        };
        if one.suspended != suspended {
            one.suspended = suspended;
            let change = match suspended {
                true => Change::Suspend,
                false => Change::Resume,
            };
            self.change(at, session, change);
        }
    }

    /// A session has lost its link, or has it again.
    pub(super) fn shows_in_rooms(&mut self, session: Session, suspended: bool) {
        for at in 0..self.chambers.len() {
            self.shows_at(at, session, suspended);
        }
    }

    fn stream(&mut self, at: usize, of: Session, stream: u8, open: bool) {
        let room = self.heard_of(at);
        for session in self.chambers[at].others(of) {
            let seen = Seen::Stream { of, stream, open };
            self.tell(session, Channel::Streams(room), seen);
        }
        if !open {
            let subscribed = &mut self.chambers[at].subscribed;
            subscribed.retain(|(_, by, number)| (*by, *number) != (of, stream));
        }
    }

    /// A session is out of a room: the others learn why, and so does it where it is told.
    fn put_out(&mut self, at: usize, session: Session, code: Code, told: bool) -> bool {
        if !self.chambers[at].has(session) {
            return false;
        }
        for (of, stream) in self.chambers[at].streams.clone() {
            if of == session {
                self.chambers[at].streams.remove(&(of, stream));
                self.stream(at, of, stream, false);
            }
        }
        self.change(at, session, Change::Leave(code));
        let room = self.heard_of(at);
        let chamber = &mut self.chambers[at];
        chamber.subscribed.retain(|(by, ..)| *by != session);
        chamber.members.retain(|one| one.session != session);
        if told {
            self.tell(session, Channel::Room(room), Seen::Left(code));
        }
        self.succeed(at, session.0.owner());
        true
    }

    /// Where a room's last moderator has left, the longest-standing member follows.
    fn succeed(&mut self, at: usize, left: Person) {
        let chamber = &self.chambers[at];
        if chamber.is_moderated() || !chamber.moderators.contains(&left) {
            return;
        }
        // The first of those that are alike.
        let heir = chamber.members.iter().min_by_key(|one| one.suspended);
        if let Some(person) = heir.map(|one| one.session.0.owner()) {
            self.promote(at, person);
        }
    }

    fn promote(&mut self, at: usize, person: Person) {
        self.chambers[at].moderators.insert(person);
        self.update(at, person);
        for session in self.inside_of(at, person) {
            self.tell_knocks(at, session);
        }
    }

    fn update(&mut self, at: usize, person: Person) {
        for session in self.inside_of(at, person) {
            self.change(at, session, Change::Update);
        }
    }

    /// A user's sessions in a room.
    fn inside_of(&self, at: usize, person: Person) -> Vec<Session> {
        let own = self.sessions_of(person).into_iter();
        own.filter(|session| self.chambers[at].has(*session))
            .collect()
    }

    fn end_if_empty(&mut self, at: usize) {
        let chamber = &self.chambers[at];
        let lingers = chamber.orphan && self.chance.lingers;
        if chamber.members.is_empty() && chamber.reserved.is_none() && !lingers {
            self.close(at, Code::ROOM_CLOSED);
        }
    }

    pub(super) fn end_empty_rooms(&mut self) {
        for at in (0..self.chambers.len()).rev() {
            self.end_if_empty(at);
        }
    }

    fn close(&mut self, at: usize, code: Code) {
        let chamber = self.chambers.remove(at);
        let room = (chamber.name, chamber.number.unwrap_or(0));
        for one in chamber.members {
            self.tell(one.session, Channel::Room(room), Seen::Left(code));
        }
        for waiter in chamber.lobby {
            self.outcome(waiter.session, waiter.asked, code);
        }
    }

    /// One who waits will not enter, for this reason.
    fn turn_away(&mut self, at: usize, session: Session, code: Code) -> bool {
        let lobby = &mut self.chambers[at].lobby;
        let Some(place) = lobby.iter().position(|waiter| waiter.session == session) else {
            return false;
        };
        let waiter = lobby.remove(place);
        self.knock(at, session, false);
        self.outcome(session, waiter.asked, code);
        true
    }

    fn let_in(&mut self, at: usize, session: Session) {
        let lobby = &mut self.chambers[at].lobby;
        if let Some(place) = lobby.iter().position(|waiter| waiter.session == session) {
            let waiter = lobby.remove(place);
            self.knock(at, session, false);
            self.enter(at, session, waiter.asked);
        }
    }

    pub(super) fn leave(&mut self, session: Session, asked: Asked, room: Room) {
        let Some(at) = self.chambers.iter().position(|one| one.is(room)) else {
            return self.outcome(session, asked, Code::NOT_IN_ROOM);
        };
        let withdrew = self.turn_away(at, session, Code::WITHDRAWN);
        let left = self.put_out(at, session, Code::LEFT, false);
        let code = match withdrew || left {
            true => Code::DELIVERED,
            false => Code::NOT_IN_ROOM,
        };
        self.outcome(session, asked, code);
        self.end_if_empty(at);
    }

    /// A session that is over is out of all rooms and lobbies.
    pub(super) fn leaves_rooms(&mut self, session: Session) {
        for at in (0..self.chambers.len()).rev() {
            let withdrew = self.turn_away(at, session, Code::WITHDRAWN);
            let left = self.put_out(at, session, Code::SESSION_ENDED, false);
            if withdrew || left {
                self.end_if_empty(at);
            }
        }
    }

    pub(super) fn expire_rooms(&mut self) {
        let now = self.now;
        for at in (0..self.chambers.len()).rev() {
            if self.chambers[at].reserved.is_some_and(|until| until <= now) {
                self.close(at, Code::ROOM_CLOSED);
                continue;
            }
            for waiter in self.chambers[at].lobby.clone() {
                if waiter.until <= now {
                    self.turn_away(at, waiter.session, Code::LOBBY_TIMEOUT);
                }
            }
        }
    }
}
