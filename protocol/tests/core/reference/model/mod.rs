//! What people see, by the rules that they were promised, and nothing of how it is done: no frames, no envelopes, no
//! shards. Everything happens at once and in one order; where the cores may choose another, the model is run in each.

mod calls;
mod client;
mod people;
mod rooms;
mod sessions;

use std::collections::BTreeMap;

use duet_protocol::code::Code;
use duet_protocol::server::Duplicates;

use super::op::{DEVICES, Device, Mood, Op, Person, Step};
use super::seen::{Channel, Member, Room, Seen, Session, Tag, Told};
use calls::Calling;
pub(super) use calls::{PICTURES, SOUND};
use client::{Ask, Asked, Client, GivenUp, News, Request};
pub(super) use people::Entry;
use people::{Account, Parcel};
use rooms::Chamber;
use sessions::Live;

/// Milliseconds that a step takes, and of which every wait is a multiple: no time of the protocol ends within 600 ms of
/// a multiple of it, so what runs out does so between two steps, however long a frame took.
pub(super) const STEP: u64 = 2_650;

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct World {
    now: u64,
    policy: Duplicates,
    joins: bool,
    invites: bool,
    contacts: bool,
    clients: Vec<Client>,
    sessions: BTreeMap<Session, Live>,
    accounts: BTreeMap<Person, Account>,
    chambers: Vec<Chamber>,
    /// How many rooms of each name anybody has heard of.
    heard: [u32; 3],
    drawn: u32,
    /// The ticket that was granted last for a room of each name.
    tickets: [Option<u32>; 3],
    calls: Vec<Calling>,
    /// Calls of this step that were refused, where they linger.
    refused: Vec<Calling>,
    /// Rooms that were closed in it.
    closed: Vec<Room>,
    parcels: Vec<Parcel>,
    /// Sessions without a link that were let into a room: it learns of that once it has done what it is at.
    let_in: Vec<(Room, Session)>,
    chance: Chance,
    told: Told,
}

/// What nobody promises, and so may be one way or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Chance {
    /// Whether several sessions of a user are gone through from the last one.
    reversed: bool,
    detour: Detour,
    /// Of two things at once, whether what the first one asked for and was not granted stands in the way of the other:
    /// its reservations, or the room that was opened for it; or a room that was about to let someone in was closed.
    lingers: bool,
}

/// When, of all that a device had to keep back while it had no link, that comes to a room which has a longer way: by
/// whoever knows the names, or to the publisher of a stream and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Detour {
    #[default]
    InOrder,
    First,
    Last,
}

impl Chance {
    fn all(step: &Step) -> Vec<Self> {
        let detours = match step.op {
            Op::Mend(_) => &[Detour::InOrder, Detour::First, Detour::Last][..],
            _ => &[Detour::InOrder],
        };
        let lingers: &[bool] = if step.with.is_some() {
            &[false, true]
        } else {
            &[false]
        };
        let mut all = Vec::new();
        for reversed in [false, true] {
            for detour in detours.iter().copied() {
                all.extend(lingers.iter().map(|lingers| Self {
                    reversed,
                    detour,
                    lingers: *lingers,
                }));
            }
        }
        all
    }
}

/// What the server, or a link, does next.
#[derive(Clone, Debug)]
enum Act {
    Serve(Request),
    Breaks(Device),
    Returns(Device),
}

impl World {
    pub(super) fn new(policy: Duplicates) -> Self {
        Self {
            now: 0,
            policy,
            joins: true,
            invites: true,
            contacts: true,
            clients: vec![Client::default(); DEVICES.len()],
            sessions: BTreeMap::new(),
            accounts: BTreeMap::new(),
            chambers: Vec::new(),
            heard: [0; 3],
            drawn: 0,
            tickets: [None; 3],
            calls: Vec::new(),
            refused: Vec::new(),
            closed: Vec::new(),
            parcels: Vec::new(),
            let_in: Vec::new(),
            chance: Chance::default(),
            told: Told::new(),
        }
    }

    /// Everything that may come of a step: what is then, and what everyone was told meanwhile.
    pub(super) fn step(&self, number: usize, step: &Step) -> Vec<(Self, Told)> {
        let until = self.now + u64::from(step.length()) * STEP;
        let mut outcomes: Vec<(Self, Told)> = Vec::new();
        for chance in Chance::all(step) {
            let mut first = self.clone();
            first.chance = chance;
            for order in orders(&first.begin(number, step)) {
                let mut world = first.clone();
                for act in order {
                    match act {
                        Act::Serve(request) => world.serve(request),
                        Act::Breaks(device) => world.lose_link(device),
                        Act::Returns(device) => world.regain_link(device),
                    }
                }
                world.chance.lingers = false;
                world.refused.clear();
                world.closed.clear();
                world.end_empty_rooms();
                world.advance(until);
                world.chance = Chance::default();
                let mut told = core::mem::take(&mut world.told);
                super::seen::normalise(&mut told);
                let outcome = (world, told);
                if !outcomes.contains(&outcome) {
                    outcomes.push(outcome);
                }
            }
        }
        outcomes
    }

    /// What applications do in a step, and what is to follow from it.
    fn begin(&mut self, number: usize, step: &Step) -> Vec<Act> {
        let mut acts = Vec::new();
        for (which, op) in (0..).zip(step.ops()) {
            if let Some(request) = self.issue(op, (number, which)) {
                acts.push(Act::Serve(request));
            }
        }
        if let Some((device, _)) = step.blip
            && self.is_up(device)
        {
            acts.extend([Act::Breaks(device), Act::Returns(device)]);
        }
        acts
    }

    fn client(&mut self, device: Device) -> &mut Client {
        &mut self.clients[device.0]
    }

    /// Whether a device has a session, and a link beneath it.
    fn is_up(&self, device: Device) -> bool {
        let client = &self.clients[device.0];
        let session = client.session.filter(|_| !client.cut);
        session.is_some_and(|session| self.is_here(session))
    }

    /// What a device's application does: what its core says to it at once, and what it sends.
    fn issue(&mut self, op: Op, tag: Tag) -> Option<Request> {
        match op {
            Op::Wait(_) => return None,
            Op::Service {
                joins,
                calls,
                contacts,
            } => {
                (self.joins, self.invites, self.contacts) = (joins, calls, contacts);
                return None;
            }
            Op::Cut(device) => {
                self.cut(device);
                return None;
            }
            Op::Mend(device) => {
                self.mend(device);
                return None;
            }
            Op::Restart(device) => {
                self.restart(device);
                return None;
            }
            Op::LogOut(device) => return self.log_out(device, tag),
            _ => {}
        }
        let device = op.actor()?;
        if let Op::Join { name, .. } = op
            && self.clients[device.0].kept_back.contains(&name)
        {
            return None;
        }
        if let Op::LogIn(_) = op {
            let client = self.client(device);
            client.wants = true;
            // With a session this changes nothing; without a link it waits for one.
            let begins = client.session.is_none() && !client.cut;
            return begins.then_some(Request {
                device,
                session: (device, 0),
                asked: Asked::By(tag),
                ask: Ask::Op(op),
            });
        }
        if let Op::Show { mood, .. } = op {
            // Said in this session and in those that follow.
            self.client(device).mood = Some(mood);
            self.client(device).session?;
        }
        let Some(ask) = self.ask(device, op, tag) else {
            if !matches!(op, Op::Accept { .. } | Op::HangUp(_)) {
                self.say(device, Channel::Request(tag), Seen::Misuse);
            }
            return None;
        };
        let is_request = !matches!(
            ask,
            Ask::Invite(..) | Ask::Accept(..) | Ask::Reject(_) | Ask::Cancel(_) | Ask::End(_)
        );
        let client = self.client(device);
        if is_request {
            client.unanswered.insert(tag);
        }
        Some(Request {
            device,
            session: client.session?,
            asked: Asked::By(tag),
            ask,
        })
    }

    /// What a client has sent reaches the server, or waits for a link.
    fn serve(&mut self, request: Request) {
        let Request {
            device,
            session,
            asked,
            ref ask,
        } = request;
        match ask {
            Ask::Op(Op::LogIn(_)) => return self.attempt(device),
            Ask::Op(Op::LogOut(_)) => return self.end(session, Code::LOGOUT),
            _ => {}
        }
        if self.clients[device.0].session != Some(session) {
            return;
        }
        if !self.is_here(session) {
            self.client(device).outbox.push_back(request);
            return;
        }
        match ask.clone() {
            Ask::Join(wish) => self.join(session, asked, &wish),
            Ask::Leave(room) => self.leave(session, asked, room),
            Ask::Room(op, meant) => self.order(session, asked, op, meant),
            Ask::Write(to, data) => self.write(session, asked, to, data),
            Ask::Show(mood) => self.show(session, asked, mood),
            Ask::Op(op) => self.people(session, asked, op),
            Ask::Invite(call, whom, pictures) => self.invite(session, call, whom, pictures),
            Ask::Rings(call) => self.rings(session, call),
            Ask::Accept(call, pictures) => self.accept(session, call, pictures),
            Ask::Reject(call) => self.reject(session, call),
            Ask::Cancel(call) => self.cancel(session, call),
            Ask::End(call) => self.hang_up(session, call),
        }
        self.show_let_in();
        self.settle_parcels();
    }

    /// What a device's core asks for by itself.
    fn by_itself(&mut self, device: Device, ask: Ask) {
        let client = self.client(device);
        client.own += 1;
        let asked = Asked::Itself(client.own);
        if let Ask::Join(wish) = &ask {
            client.joins.insert(asked, wish.clone());
        }
        if let Some(session) = client.session {
            self.serve(Request {
                device,
                session,
                asked,
                ask,
            });
        }
    }

    /// Tells a session something; one that is away is told later.
    fn tell(&mut self, session: Session, channel: Channel, seen: Seen) {
        self.send(
            session,
            News {
                channel,
                asked: None,
                seen,
            },
        );
    }

    /// The answer to a request.
    fn answer(&mut self, session: Session, asked: Asked, seen: Seen) {
        let (channel, seen) = match (asked, seen) {
            (_, seen @ Seen::Joined { room, .. }) => (Channel::Room(room), seen),
            (Asked::By(tag), seen) => (Channel::Request(tag), seen),
            (Asked::Itself(_), seen) => (Channel::OwnRequests, seen),
        };
        self.send(
            session,
            News {
                channel,
                asked: Some(asked),
                seen,
            },
        );
    }

    fn outcome(&mut self, session: Session, asked: Asked, code: Code) {
        self.answer(session, asked, Seen::Answer(code, 0));
    }

    fn send(&mut self, session: Session, news: News) {
        let Some(live) = self.sessions.get_mut(&session) else {
            return;
        };
        if live.away.is_some() {
            live.held.push_back(news);
        } else if self.clients[session.0.0].session == Some(session) {
            self.hear(session.0, news);
        }
    }

    fn say(&mut self, device: Device, channel: Channel, seen: Seen) {
        self.told.entry((device, channel)).or_default().push(seen);
    }

    /// A core tells its application something, where it concerns it still, and does what it does by itself.
    fn hear(&mut self, device: Device, news: News) {
        let News {
            channel,
            asked,
            seen,
        } = news;
        let client = &mut self.clients[device.0];
        if let Some(asked) = asked {
            client.answered(asked, &seen);
        }
        let concerns = match channel {
            Channel::Room(room) => client.hears_of_room(room, &seen),
            Channel::Streams(room) => client.hears_of_stream(room, &seen),
            Channel::Call(call) => match client.hears_of_call(call, &seen) {
                Ok(concerns) => concerns,
                Err(GivenUp) => return self.by_itself(device, Ask::End(call)),
            },
            // What it asks by itself is nobody's business, unless it concerns a room that its application is in.
            Channel::OwnRequests => !matches!(
                seen,
                Seen::Answer(Code::DELIVERED | Code::NOT_IN_ROOM | Code::UNDETERMINED, _)
            ),
            _ => true,
        };
        if !concerns {
            return;
        }
        let (rings, starts) = (
            matches!(seen, Seen::Incoming { .. }),
            matches!(seen, Seen::Started { .. }),
        );
        self.say(device, channel, seen);
        if let Channel::Call(call) = channel {
            if rings {
                self.by_itself(device, Ask::Rings(call));
            }
            if starts {
                self.enters(device, call);
            }
        }
    }

    /// Time passes, and whatever has a time happens at it.
    fn advance(&mut self, until: u64) {
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.now = at;
            self.expire_sessions();
            self.expire_calls();
            self.expire_rooms();
            self.settle_parcels();
        }
        self.now = until;
    }

    fn next(&self) -> Option<u64> {
        let sessions = self.sessions.values().filter_map(Live::until);
        let rooms = self.chambers.iter().filter_map(Chamber::until);
        let calls = self.calls.iter().filter_map(|call| self.call_until(call));
        sessions.chain(rooms).chain(calls).min()
    }

    /// The list that a device should have before it, if it has a session and a link.
    pub(super) fn list(&self, device: Device) -> Option<Vec<Entry>> {
        self.is_up(device).then(|| self.list_of(device.owner()))
    }

    /// What a device should know of how its own user shows.
    pub(super) fn own_mood(&self, device: Device) -> Option<(Mood, Option<Device>)> {
        self.is_up(device).then(|| self.mood(device.owner()))
    }

    /// The rooms that a device should know it is in, and who else is.
    pub(super) fn rooms(&self, device: Device) -> Option<BTreeMap<Room, Vec<Member>>> {
        if !self.is_up(device) {
            return None;
        }
        let rooms = self.clients[device.0].rooms.keys();
        Some(rooms.map(|room| (*room, self.members_of(*room))).collect())
    }
}

/// Every order of these, in which a link returns after it broke.
fn orders(acts: &[Act]) -> Vec<Vec<Act>> {
    let Some(count) = acts.len().checked_sub(1) else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for first in 0..=count {
        let mut rest = acts.to_vec();
        let act = rest.remove(first);
        if matches!(act, Act::Returns(_)) && rest.iter().any(|act| matches!(act, Act::Breaks(_))) {
            continue;
        }
        for mut order in orders(&rest) {
            order.insert(0, act.clone());
            all.push(order);
        }
    }
    all
}
