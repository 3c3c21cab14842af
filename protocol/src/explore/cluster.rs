//! Shards of real machines, and the envelopes between them.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use duet_sim::explore::{Faults, Network, Transit};

use super::planted::Planted;
use crate::call::server::{Call, Surroundings};
use crate::code::Code;
use crate::error::Violation;
use crate::id::{CallId, FlowId, RoomId, SessionId, UserId};
use crate::io::ConnId;
use crate::limits;
use crate::message::Wire;
use crate::message::media::Published;
use crate::people::server::Surroundings as PeopleSurroundings;
use crate::room::server::{Room, Surroundings as RoomSurroundings};
use crate::seed::{Random, Seed};
use crate::server::delivery;
use crate::server::directory::Directory;
use crate::server::envelope::{Envelope, Letter, Outbox, Owner};
use crate::server::shard::{Placement, ShardId};
use crate::server::{Config, Duplicates};
use crate::service::{Decision, DecisionId};
use crate::session::server::{Context, Identity, Onward, Session};
use crate::session::user::User;
use crate::time::Instant;
use crate::wire::{Framer, Params};

/// The moment at which all happens.
pub(super) const NOW: Instant = Instant::from_micros(3_600_000_000);

/// The machines of one shard.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Shard {
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) calls: BTreeMap<CallId, Call>,
    /// Calls that are over.
    pub(super) ended: BTreeSet<CallId>,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    /// Who waits for the service.
    pub(super) asked: Vec<(DecisionId, Owner)>,
}

/// A server of several shards.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Cluster {
    pub(super) shards: Vec<Arc<Shard>>,
    pub(super) network: Network<Envelope>,
    /// Who knows the names of rooms, on the first shard; where it is a matter.
    names: Option<Names>,
    /// What ids are drawn from, beside the id of the machine that draws.
    salt: u8,
}

/// The directory, and how many rooms it has opened: each draws its id from a number of its own.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Names {
    directory: Directory,
    opened: u8,
}

impl Names {
    fn random(opened: u8, salt: u8) -> Random {
        let mut id = [0xd1; 16];
        id[0] = opened;
        random(id, salt)
    }
}

/// What one step does beyond the cluster.
pub(super) struct Step {
    pub(super) planted: Option<Planted>,
    /// Frames for the clients, in order.
    pub(super) frames: VecDeque<(SessionId, Bytes)>,
    /// What ended.
    pub(super) over: Vec<(SessionId, Code)>,
}

impl Step {
    pub(super) const fn new(planted: Option<Planted>) -> Self {
        Self {
            planted,
            frames: VecDeque::new(),
            over: Vec::new(),
        }
    }
}

/// The shard of a machine, of so many.
fn home_of(owner: Owner, shards: usize) -> usize {
    let any = Placement::new(ShardId(0), shards as u16);
    any.home(owner).0.into()
}

/// What the machine of this id draws from: the same at every moment, so that ids do not tell the order of events.
fn random(id: [u8; 16], salt: u8) -> Random {
    let mut seed = [salt; 32];
    seed[..16].copy_from_slice(&id);
    Random::new(Seed(seed))
}

impl Cluster {
    /// An empty server that draws ids from `salt`.
    pub(super) fn new(shards: usize, salt: u8) -> Self {
        Self {
            shards: (0..shards).map(|_| Arc::default()).collect(),
            network: Network::fifo(),
            names: None,
            salt,
        }
    }

    /// The same with a directory, whose first room is at home on this shard.
    pub(super) fn with_names(shards: usize, first: usize) -> Self {
        let fits = |salt: &u8| {
            let room = RoomId(Names::random(0, *salt).id());
            home_of(Owner::Room(room), shards) == first
        };
        let salt = (0..=u8::MAX).find(fits).expect("one of 256 fits");
        Self {
            names: Some(Names::default()),
            ..Self::new(shards, salt)
        }
    }

    pub(super) fn directory(&self) -> Option<&Directory> {
        self.names.as_ref().map(|names| &names.directory)
    }

    pub(super) fn room(&self, id: RoomId) -> Option<&Room> {
        self.shards[self.home(Owner::Room(id))].rooms.get(&id)
    }

    /// The first salt for which the rooms of all these calls are at home on a shard of so many.
    pub(super) fn salt(calls: &[CallId], shard: usize, shards: usize) -> u8 {
        let fits = |salt: &u8| {
            calls.iter().all(|call| {
                let room = RoomId(random(call.0, *salt).id());
                home_of(Owner::Room(room), shards) == shard
            })
        };
        (0..=u8::MAX).find(fits).expect("one of 256 fits")
    }

    /// The shard of a machine.
    pub(super) fn home(&self, owner: Owner) -> usize {
        home_of(owner, self.shards.len())
    }

    fn shard(&mut self, shard: usize) -> &mut Shard {
        Arc::make_mut(&mut self.shards[shard])
    }

    pub(super) fn session(&self, id: SessionId) -> Option<&Session> {
        self.shards[self.home(Owner::Session(id))].sessions.get(&id)
    }

    pub(super) fn users(&self) -> impl Iterator<Item = (&UserId, &User)> {
        self.shards.iter().flat_map(|shard| &shard.users)
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = (&CallId, &Call)> {
        self.shards.iter().flat_map(|shard| &shard.calls)
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = (&RoomId, &Room)> {
        self.shards.iter().flat_map(|shard| &shard.rooms)
    }

    pub(super) fn call(&self, id: CallId) -> Option<&Call> {
        self.shards[self.home(Owner::Call(id))].calls.get(&id)
    }

    /// Whether nothing is on its way and nothing is being decided.
    pub(super) fn is_at_rest(&self) -> bool {
        self.network.is_empty() && self.shards.iter().all(|shard| shard.asked.is_empty())
    }

    /// A session that is logged in, on a link of its own, before anything else happens.
    pub(super) fn log_in(&mut self, id: SessionId, user: UserId, device: &str) {
        let who = Identity {
            user,
            name: device.to_string(),
            device: device.to_string(),
        };
        let (session, device) = (id, device.to_string());
        let letter = Letter::Attach {
            session,
            device,
            opened: NOW,
            contacts: Vec::new(),
        };
        let mut step = Step::new(None);
        let to = Owner::User(user);
        let envelope = Envelope {
            from: Owner::Session(id),
            to,
            letter,
        };
        self.take(self.home(to), envelope, &mut step);
        let mut faults = Faults::NONE;
        loop {
            let mut next = None;
            self.network
                .transits(&faults, |transit| next = Some(transit));
            let Some(transit) = next else { break };
            self.transit(transit, &mut faults, &mut step);
        }
        // Not before: the server takes Admitted for a session that is still at its door.
        let session = Session::new(id, who, [0; 32], 5_000, NOW);
        let at = self.home(Owner::Session(id));
        self.shard(at).sessions.insert(id, session);
        self.resume(id, &mut step);
    }

    /// Something that happens at a shard, and all that follows from it there.
    fn at(
        &mut self,
        shard: usize,
        step: &mut Step,
        run: impl FnOnce(&mut Self, &mut Outbox, &mut Step),
    ) {
        let asked = self.shards[shard].asked.iter().map(|(id, _)| id.0).max();
        let mut out = Outbox::asking_from(asked.unwrap_or(0));
        run(self, &mut out, step);
        loop {
            while let Some((id, owner, _)) = out.questions.pop_front() {
                self.shard(shard).asked.push((id, owner));
            }
            let Some(envelope) = out.envelopes.pop_front() else {
                break;
            };
            let envelope = match step.planted {
                Some(planted) => planted.twist(envelope, self, &mut out),
                None => Some(envelope),
            };
            let Some(envelope) = envelope else { continue };
            // Names are no matter of calls.
            if envelope.to == Owner::Directory && self.names.is_none() {
                continue;
            }
            let to = self.home(envelope.to);
            if to == shard {
                self.deliver(shard, envelope, &mut out, step);
            } else {
                self.network.send(shard as u8, to as u8, envelope);
            }
        }
    }

    fn take(&mut self, shard: usize, envelope: Envelope, step: &mut Step) {
        self.at(shard, step, |cluster, out, step| {
            cluster.deliver(shard, envelope, out, step);
        });
    }

    fn deliver(&mut self, shard: usize, envelope: Envelope, out: &mut Outbox, step: &mut Step) {
        let Envelope { from, to, letter } = envelope;
        let salt = self.salt;
        match to {
            Owner::Session(id) if self.shards[shard].sessions.contains_key(&id) => {
                self.with_session(id, out, step, |session, cx| {
                    session.receive(from, letter, cx);
                    Ok(Onward::Stay)
                });
            }
            Owner::User(id) => {
                let users = &mut self.shard(shard).users;
                let mut cx = PeopleSurroundings {
                    now: NOW,
                    unix_micros: 0,
                    out,
                };
                delivery::to_user(users, Duplicates::Several, from, id, letter, &mut cx);
            }
            Owner::Room(id) => {
                let rooms = &mut self.shard(shard).rooms;
                let random = &mut random(id.0, salt);
                let now = NOW;
                let mut cx = RoomSurroundings { now, random, out };
                delivery::to_room(rooms, from, id, letter, &mut cx);
                if rooms.get(&id).is_some_and(Room::is_over) {
                    rooms.remove(&id);
                }
            }
            Owner::Call(id) => {
                let Shard { calls, ended, .. } = self.shard(shard);
                let random = &mut random(id.0, salt);
                let now = NOW;
                let mut cx = Surroundings { now, random, out };
                delivery::to_call(calls, ended, id, letter, &mut cx);
                self.forget(shard, id);
            }
            Owner::Directory => {
                let Some(Names { directory, opened }) = &mut self.names else {
                    return;
                };
                let config = Config::default();
                let random = &mut Names::random(*opened, salt);
                let before = out.envelopes.len();
                directory.receive(from, letter, &config, random, out);
                let sent = out.envelopes.iter().skip(before);
                let opens = |one: &Envelope| matches!(one.letter, Letter::OpenRoom { .. });
                *opened += sent.filter(|one| opens(one)).count() as u8;
            }
            Owner::Relay(id) if self.shards[shard].sessions.contains_key(&id) => {
                media_side(id, letter, out);
            }
            _ => {
                delivery::bounce(from, to, letter, out);
            }
        }
    }

    /// Keeps only the id of a call that is over.
    fn forget(&mut self, shard: usize, id: CallId) {
        let shard = self.shard(shard);
        let over = |call: &Call| call.ended_with().is_some();
        if shard.calls.get(&id).is_some_and(over) {
            shard.calls.remove(&id);
            shard.ended.insert(id);
        }
    }

    fn with_session(
        &mut self,
        id: SessionId,
        out: &mut Outbox,
        step: &mut Step,
        run: impl FnOnce(&mut Session, &mut Context<'_>) -> Result<Onward, Violation>,
    ) {
        let shard = self.shard(self.home(Owner::Session(id)));
        let Some(session) = shard.sessions.get_mut(&id) else {
            return;
        };
        let (mut writes, mut streams) = (VecDeque::new(), VecDeque::new());
        let mut cx = Context {
            now: NOW,
            unix_micros: 0,
            outbox: out,
            writes: &mut writes,
            streams: &mut streams,
        };
        let onward = run(session, &mut cx).expect("what clients send here is well-formed");
        if !session.is_suspended() {
            session.acknowledge_all(out);
        }
        session.canonical(NOW);
        let over = match onward {
            Onward::Goodbye => Some(Code::LOGOUT),
            Onward::Stay | Onward::Dead => session.over(),
        };
        step.frames
            .extend(writes.into_iter().map(|(_, frame)| (id, frame)));
        if let Some(code) = over
            && let Some(mut session) = shard.sessions.remove(&id)
        {
            session.end(code, out);
            step.over.push((id, code));
        }
    }

    /// An envelope between the shards arrives.
    pub(super) fn transit(&mut self, transit: Transit, faults: &mut Faults, step: &mut Step) {
        if let Some(arrived) = self.network.apply(transit, faults) {
            self.take(arrived.to.into(), arrived.message, step);
        }
    }

    /// Frames of a client.
    pub(super) fn frame(&mut self, id: SessionId, bytes: Bytes, step: &mut Step) {
        self.at(self.home(Owner::Session(id)), step, |cluster, out, step| {
            cluster.with_session(id, out, step, |session, cx| {
                let mut framer = Framer::new(limits::MAX_FRAME as u32);
                framer.push(bytes);
                session.frames(&mut framer, cx)
            });
        });
    }

    pub(super) fn suspend(&mut self, id: SessionId, step: &mut Step) {
        self.at(self.home(Owner::Session(id)), step, |cluster, out, step| {
            cluster.with_session(id, out, step, |session, cx| {
                session.suspend(NOW, limits::RESUME_WINDOW, cx.outbox);
                Ok(Onward::Stay)
            });
        });
    }

    pub(super) fn resume(&mut self, id: SessionId, step: &mut Step) {
        self.at(self.home(Owner::Session(id)), step, |cluster, out, step| {
            cluster.with_session(id, out, step, |session, cx| {
                session.attach(ConnId(1), NOW, cx);
                Ok(Onward::Stay)
            });
        });
    }

    /// A suspended session has waited for long enough.
    pub(super) fn expire(&mut self, id: SessionId, step: &mut Step) {
        self.at(self.home(Owner::Session(id)), step, |cluster, out, step| {
            cluster.with_session(id, out, step, |session, cx| {
                let now = session.deadline().map_or(NOW, |deadline| deadline.at);
                let mut late = Context {
                    now,
                    unix_micros: 0,
                    outbox: cx.outbox,
                    writes: cx.writes,
                    streams: cx.streams,
                };
                Ok(session.wake(&mut late))
            });
        });
    }

    /// The nearest of a call's timers fires.
    pub(super) fn wake_call(&mut self, id: CallId, step: &mut Step) {
        let shard = self.home(Owner::Call(id));
        self.at(shard, step, |cluster, out, _| {
            if let Some(call) = cluster.shard(shard).calls.get_mut(&id)
                && let Some(deadline) = call.deadline()
            {
                call.wake(deadline.at, out);
            }
            cluster.forget(shard, id);
        });
    }

    /// The nearest of a room's timers fires.
    pub(super) fn wake_room(&mut self, id: RoomId, step: &mut Step) {
        let shard = self.home(Owner::Room(id));
        self.at(shard, step, |cluster, out, _| {
            let rooms = &mut cluster.shard(shard).rooms;
            if let Some(room) = rooms.get_mut(&id)
                && let Some(deadline) = room.deadline()
            {
                room.wake(deadline, out);
            }
            if rooms.get(&id).is_some_and(Room::is_over) {
                rooms.remove(&id);
            }
        });
    }

    /// The service answers the question at this place.
    pub(super) fn decide(&mut self, shard: usize, place: usize, yes: bool, step: &mut Step) {
        let (id, owner) = self.shard(shard).asked.remove(place);
        let decision = match yes {
            true => Decision::Allow,
            false => Decision::Deny(Code::VETOED),
        };
        let envelope = Envelope {
            from: Owner::Directory,
            to: owner,
            letter: Letter::Decided { id, decision },
        };
        self.take(shard, envelope, step);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // Shards are shared between states; this is what a step copies.
        1_500 + self.network.heap_bytes()
    }
}

/// The media side of a session, as far as it answers: it opens what it is told to.
fn media_side(session: SessionId, letter: Letter, out: &mut Outbox) {
    if let Letter::OpenIn {
        request, stream, ..
    } = letter
    {
        let frame = Published {
            request,
            flow: FlowId(1),
            params: Params::NONE,
        };
        let letter = Letter::Answer {
            request,
            frame: frame.encode(),
        };
        out.send(Owner::Relay(session), Owner::Session(session), letter);
        let opened = Letter::Opened {
            session,
            stream: stream.stream,
            request,
        };
        out.send(Owner::Relay(session), Owner::Room(stream.room), opened);
    }
}

/// What a letter is called in a diagram.
pub(super) fn label(envelope: &Envelope) -> String {
    let text = format!("{:?}", envelope.letter);
    let name: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
    match &envelope.letter {
        Letter::Send { frame } => super::client::name(frame),
        _ => name,
    }
}
