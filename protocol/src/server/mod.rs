//! The server's core: sessions, users, rooms, calls and media, glued by envelopes.

mod config;
mod connections;
pub(crate) mod delivery;
pub(crate) mod directory;
pub(crate) mod envelope;
mod event;
#[cfg(test)]
mod explored;
mod links;
mod login;
mod media;
mod relay;
mod router;
mod sessions;
pub(crate) mod shard;
mod tickets;
mod timers;
mod transfers;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use config::{Config, Duplicates, Rooms};
pub use envelope::Envelope;
pub use event::{Census, Event};
pub use shard::{Handover, ShardId};

use crate::call::server::Call;
use crate::code::Code;
use crate::id::{CallId, RoomId, SessionId, UserId};
use crate::io::{ConnId, Core, Deadline, Input, Output, StreamId};
use crate::limits;
use crate::message::session::Retry;
use crate::room::server::Room;
use crate::seed::{Random, Seed};
use crate::service::link::Link;
use crate::service::mirror::Told;
use crate::service::server::Services;
use crate::service::{Decide, Decision, DecisionId};
use crate::session::door::Door;
use crate::session::server::Session;
use crate::session::user::User;
use crate::time::Instant;
use crate::wire::Framer;

use directory::Directory;
use envelope::{Letter, Outbox, Owner};
use login::Arriving;
use relay::Relay;
use shard::Placement;
use tickets::Tickets;
use timers::Timers;
use transfers::Transfers;

/// What a connection is.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Conn {
    Door(Door),
    Session {
        session: SessionId,
        framer: Framer,
    },
    /// A media connection that has not attached.
    MediaDoor {
        framer: Framer,
    },
    Media(SessionId),
    /// A service's connection.
    Link(Link),
    /// Closed by us; what still comes in is ignored.
    Closing,
}

/// A server's core.
pub struct Server {
    config: Arc<Config>,
    placement: Placement,
    random: Random,
    now: Instant,
    /// Wall-clock microseconds at the driver's epoch.
    unix_epoch: u64,
    conns: BTreeMap<ConnId, Conn>,
    /// Logins that the service has granted and that the user has still to take in.
    arriving: BTreeMap<SessionId, Arriving>,
    sessions: BTreeMap<SessionId, Session>,
    users: BTreeMap<UserId, User>,
    rooms: BTreeMap<RoomId, Room>,
    calls: BTreeMap<CallId, Call>,
    transfers: Transfers,
    relays: BTreeMap<SessionId, Relay>,
    directory: Directory,
    /// What knows the linked services, where any may link.
    services: Option<Services>,
    tickets: Tickets,
    /// Ended calls whose ids are still refused.
    remembered: VecDeque<(Instant, CallId)>,
    remembered_ids: BTreeSet<CallId>,
    /// Who waits for a decision: a door, or a machine.
    asked: BTreeMap<DecisionId, (Instant, Asker)>,
    timers: Timers,
    outbox: Outbox,
    writes: VecDeque<(ConnId, Bytes)>,
    /// What becomes of other streams than control streams.
    streams: VecDeque<Output<Event>>,
    outputs: VecDeque<Output<Event>>,
    /// Sessions whose media side may have datagrams to pop.
    ready: BTreeSet<SessionId>,
}

#[derive(Clone, Copy, Debug)]
enum Asker {
    Door(ConnId),
    Machine(Owner),
}

pub(crate) fn hash(token: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl Server {
    /// A server's core; `now` is the first instant that it will see.
    pub fn new(config: Arc<Config>, seed: Seed, now: Instant) -> Self {
        Self::shard(config, seed, now, ShardId(0), 1)
    }

    /// One of `count` cores that together are a server; each has a seed of its own, and all the same configuration.
    ///
    /// Any of them takes connections. Users, rooms and calls are owned by the shard that their ids name, sessions by
    /// the one that they logged in at; a media connection must come to the shard of its session.
    pub fn shard(
        config: Arc<Config>,
        seed: Seed,
        now: Instant,
        shard: ShardId,
        count: u16,
    ) -> Self {
        let placement = Placement::new(shard, count);
        let mut random = Random::new(seed);
        let mut outbox = Outbox::of(shard);
        outbox.tells = config.link.is_some();
        let services = (outbox.tells && placement.is_here(Owner::Service))
            .then(|| Services::new(random.below(1 << 31) as u32));
        Self {
            config,
            placement,
            random,
            now,
            unix_epoch: 0,
            conns: BTreeMap::new(),
            arriving: BTreeMap::new(),
            sessions: BTreeMap::new(),
            users: BTreeMap::new(),
            rooms: BTreeMap::new(),
            calls: BTreeMap::new(),
            transfers: Transfers::default(),
            relays: BTreeMap::new(),
            directory: Directory::default(),
            services,
            tickets: Tickets::default(),
            remembered: VecDeque::new(),
            remembered_ids: BTreeSet::new(),
            asked: BTreeMap::new(),
            timers: Timers::default(),
            outbox,
            writes: VecDeque::new(),
            streams: VecDeque::new(),
            outputs: VecDeque::new(),
            ready: BTreeSet::new(),
        }
    }

    /// How much the core holds.
    pub fn census(&self) -> Census {
        Census {
            doors: self
                .conns
                .values()
                .filter(|conn| matches!(conn, Conn::Door(_)))
                .count(),
            sessions: self.sessions.len(),
            users: self.users.len(),
            rooms: self.rooms.len(),
            calls: self.calls.len(),
            transfers: self.transfers.census(),
            media: self
                .conns
                .values()
                .filter(|conn| matches!(conn, Conn::Media(_)))
                .count(),
        }
    }

    /// The server stops: every session is told so, and told to come back after `back_in`.
    pub fn stop(&mut self, now: Instant, back_in: Duration) {
        self.now = self.now.max(now);
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.end_session(id, Code::STOPPING, Retry::After, back_in);
        }
        self.settle();
    }

    fn event(&mut self, event: Event) {
        if let Some((session, told)) = told(&event) {
            self.outbox.tell(Owner::Session(session), told);
        }
        self.outputs.push_back(Output::Event(event));
    }

    fn write(&mut self, conn: ConnId, bytes: Bytes) {
        self.writes.push_back((conn, bytes));
    }

    fn flush_writes(&mut self) {
        while let Some((conn, bytes)) = self.writes.pop_front() {
            let id = StreamId::FIRST_OF_PEER;
            self.outputs.push_back(Output::Write {
                conn,
                id,
                bytes,
                fin: false,
            });
        }
        self.outputs.append(&mut self.streams);
    }

    fn ask(&mut self, id: DecisionId, asker: Asker, question: crate::service::Question) {
        let deadline = self.now.after(limits::DECISION);
        self.asked.insert(id, (deadline, asker));
        self.timers.set(timers::Key::Decision(id), Some(deadline));
        //= SVC-010
        let linked = self.config.link.as_ref();
        if linked.is_some_and(|link| link.asks.has(question.permission())) {
            let letter = Letter::Question {
                id,
                deadline,
                question,
            };
            return self
                .outbox
                .send(Owner::Shard(self.placement.own().0), Owner::Service, letter);
        }
        self.outputs.push_back(Output::Decide(Decide {
            id,
            deadline,
            question,
        }));
    }

    fn decided(&mut self, id: DecisionId, decision: Decision) {
        let Some((_, asker)) = self.asked.remove(&id) else {
            return;
        };
        self.timers.set(timers::Key::Decision(id), None);
        match asker {
            Asker::Machine(owner) => {
                self.outbox
                    .send(Owner::Directory, owner, Letter::Decided { id, decision });
            }
            Asker::Door(conn) => self.login_decided(conn, decision),
        }
    }

    fn wake(&mut self) {
        while let Some(key) = self.timers.pop_due(self.now) {
            match key {
                timers::Key::Owner(Owner::Session(id)) => {
                    self.with_session(id, |session, cx| Ok(session.wake(cx)));
                }
                timers::Key::Owner(Owner::Call(id)) => {
                    if let Some(call) = self.calls.get_mut(&id) {
                        call.wake(self.now, &mut self.outbox);
                    }
                    self.refresh_call(id);
                }
                timers::Key::Owner(Owner::Room(id)) => {
                    if let Some(room) = self.rooms.get_mut(&id) {
                        room.wake(self.now, &mut self.outbox);
                    }
                    self.refresh_room(id);
                }
                timers::Key::Owner(Owner::Transfer(id)) => self.wake_transfer(id),
                timers::Key::Owner(Owner::Relay(session)) => self.refresh_relay(session),
                timers::Key::Owner(Owner::Service) => {
                    self.with_services(Services::wake);
                }
                timers::Key::Owner(_) => {}
                timers::Key::Decision(id) => {
                    //= SES-018
                    self.decided(id, Decision::Deny(Code::SERVICE_UNAVAILABLE));
                }
                timers::Key::Conn(conn) => match self.conns.get(&conn) {
                    Some(Conn::Door(_)) => {
                        //= SES-021
                        self.dismiss(conn, Code::LOGIN_TIMEOUT, Retry::Now, Duration::ZERO);
                    }
                    //= MEDIA-018
                    Some(Conn::MediaDoor { .. }) => self.close(conn, Code::ATTACH_TIMEOUT),
                    Some(Conn::Link(_)) => self.wake_link(conn),
                    _ => {}
                },
            }
        }
        while self
            .remembered
            .front()
            .is_some_and(|(until, _)| *until <= self.now)
        {
            self.forget_oldest_call();
        }
        self.transfers.forget_until(self.now);
    }

    /// The oldest of the ended calls may be used again as an id.
    fn forget_oldest_call(&mut self) {
        if let Some((_, call)) = self.remembered.pop_front() {
            self.remembered_ids.remove(&call);
        }
    }
}

/// What the service is told of an event.
fn told(event: &Event) -> Option<(SessionId, Told)> {
    Some(match event {
        Event::LoggedIn {
            user,
            session,
            name,
        } => {
            let (user, name) = (*user, name.clone());
            let session = *session;
            let told = Told::SessionBegan {
                session,
                user,
                name,
            };
            (session, told)
        }
        Event::Suspended { session } => {
            let session = *session;
            (session, Told::SessionSuspended { session })
        }
        Event::Resumed { session } => {
            let session = *session;
            (session, Told::SessionResumed { session })
        }
        Event::SessionEnded { session, code } => {
            let (session, code) = (*session, *code);
            (session, Told::SessionEnded { session, code })
        }
        _ => return None,
    })
}

impl Core for Server {
    type Event = Event;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        router::give_back(&mut self.outputs);
        match input {
            Input::Connected { conn, purpose, .. } => self.connected(conn, purpose),
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            } => self.stream(conn, id, bytes, fin),
            Input::Reset { conn, id } => self.reset(conn, id),
            Input::Spliced {
                conn, id, carried, ..
            } => self.carried(conn, id, carried),
            Input::Datagram {
                conn,
                bytes,
                at,
                ecn,
            } => self.datagram(conn, &bytes, (at, ecn)),
            Input::Path { conn, rtt, .. } => {
                if let Some(Conn::Media(session)) = self.conns.get(&conn)
                    && let Some(relay) = self.relays.get_mut(session)
                {
                    relay.hop.set_rtt(rtt);
                }
            }
            Input::Closed { conn, cause } => self.closed(conn, &cause),
            Input::Decision { id, decision } => self.decided(id, decision),
            Input::WallClock { unix_micros } => {
                self.unix_epoch = unix_micros.saturating_sub(self.now.as_micros());
            }
            Input::Envelope(envelope) => self.outbox.envelopes.push_back(*envelope),
            Input::Handover { conn, handover } => self.taken_over(conn, handover),
            Input::Wake => {}
        }
        self.wake();
        self.settle();
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        self.timers.next()
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        while let Some(session) = self.ready.first() {
            if let Some(relay) = self.relays.get_mut(session)
                && let Some(conn) = relay.conn
                && relay.hop.next_datagram(buffer)
            {
                return Some(conn);
            }
            self.ready.pop_first();
        }
        None
    }
}
