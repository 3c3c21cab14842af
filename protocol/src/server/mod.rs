//! The server's core: sessions, users, rooms, calls and media, glued by envelopes.

pub(crate) mod directory;
pub(crate) mod envelope;
mod relay;
mod router;
mod tickets;
mod timers;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::call::server::Call;
use crate::code::Code;
use crate::error::Violation;
use crate::id::{CallId, RoomId, SessionId, UserId};
use crate::io::{Cause, ConnId, Core, Deadline, Input, Output, Purpose, StreamId};
use crate::limits;
use crate::media::HopConfig;
use crate::message::media::{Attached, Message as MediaMessage};
use crate::message::session::{Authenticated, Goodbye, Resumed, Retry};
use crate::message::{Message, Wire, admit};
use crate::room::server::Room;
use crate::seed::{Random, Seed};
use crate::service::{Decide, Decision, DecisionId};
use crate::session::door::{Door, Step};
use crate::session::server::{Context, Onward, Session};
use crate::session::user::User;
use crate::time::Instant;
use crate::wire::{Framer, Params, Sender, Text, reserved_frame};

use directory::Directory;
use envelope::{Letter, Outbox, Owner};
use relay::{Packet, Relay};
use tickets::Tickets;
use timers::Timers;

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name and version, for the peers' logs; at most 64 bytes.
    pub agent: String,
    /// The longest interval of heartbeats, in milliseconds.
    pub heartbeat_ms: u32,
    /// How long a session waits for its link to come back.
    pub resume_window: Duration,
    /// Whether a JOIN by a name that no room has creates one.
    pub create_rooms: bool,
    /// Whether frames of reserved kinds are sent at random.
    pub reserved_frames: bool,
    /// How media is forwarded.
    pub media: HopConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            agent: String::from(concat!("duet ", env!("CARGO_PKG_VERSION"))),
            heartbeat_ms: limits::HEARTBEAT.as_millis() as u32,
            resume_window: limits::RESUME_WINDOW,
            create_rooms: true,
            reserved_frames: true,
            media: HopConfig {
                demand_needed: false,
                max_queue: Some(limits::RELAY_QUEUE),
                ..HopConfig::default()
            },
        }
    }
}

/// What an operator's logs are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session began.
    LoggedIn {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionId,
        /// The name others see.
        name: String,
    },
    /// A login was refused.
    LoginRefused {
        /// Why.
        code: Code,
    },
    /// A session lost its link and waits for another.
    Suspended {
        /// Which.
        session: SessionId,
    },
    /// A session has a link again.
    Resumed {
        /// Which.
        session: SessionId,
    },
    /// A session is over.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Why.
        code: Code,
    },
    /// A peer broke a rule.
    Violation {
        /// On which connection.
        conn: ConnId,
        /// Whose session, if it had one.
        session: Option<SessionId>,
        /// Which rule.
        violation: Violation,
    },
    /// A call began to ring, or to be set up.
    CallBegan {
        /// Which.
        call: CallId,
    },
    /// A call is over.
    CallEnded {
        /// Which.
        call: CallId,
        /// Why.
        code: Code,
    },
}

/// How much the core holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Connections that have not logged in.
    pub doors: usize,
    /// Sessions, suspended ones included.
    pub sessions: usize,
    /// Users with a session.
    pub users: usize,
    /// Rooms.
    pub rooms: usize,
    /// Calls that are not over.
    pub calls: usize,
    /// Media connections.
    pub media: usize,
}

/// What a connection is.
enum Conn {
    Door(Door),
    Session(SessionId),
    /// A media connection that has not attached.
    MediaDoor {
        framer: Framer,
    },
    Media(SessionId),
    /// Closed by us; what still comes in is ignored.
    Closing,
}

/// A server's core.
pub struct Server {
    config: Arc<Config>,
    random: Random,
    now: Instant,
    /// Wall-clock microseconds at the driver's epoch.
    unix_epoch: u64,
    conns: BTreeMap<ConnId, Conn>,
    sessions: BTreeMap<SessionId, Session>,
    users: BTreeMap<UserId, User>,
    rooms: BTreeMap<RoomId, Room>,
    calls: BTreeMap<CallId, Call>,
    relays: BTreeMap<SessionId, Relay>,
    directory: Directory,
    tickets: Tickets,
    /// Ended calls whose ids are still refused.
    remembered: VecDeque<(Instant, CallId)>,
    remembered_ids: BTreeSet<CallId>,
    /// Who waits for a decision: a door, or a machine.
    asked: BTreeMap<DecisionId, (Instant, Asker)>,
    timers: Timers,
    outbox: Outbox,
    writes: VecDeque<(ConnId, Bytes)>,
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
        Self {
            config,
            random: Random::new(seed),
            now,
            unix_epoch: 0,
            conns: BTreeMap::new(),
            sessions: BTreeMap::new(),
            users: BTreeMap::new(),
            rooms: BTreeMap::new(),
            calls: BTreeMap::new(),
            relays: BTreeMap::new(),
            directory: Directory::default(),
            tickets: Tickets::default(),
            remembered: VecDeque::new(),
            remembered_ids: BTreeSet::new(),
            asked: BTreeMap::new(),
            timers: Timers::default(),
            outbox: Outbox::default(),
            writes: VecDeque::new(),
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
    }

    fn connected(&mut self, conn: ConnId, purpose: Purpose) {
        let doors = self
            .conns
            .values()
            .filter(|c| matches!(c, Conn::Door(_) | Conn::MediaDoor { .. }));
        if doors.count() >= limits::MAX_DOORS {
            return self.close(conn, Code::TOO_MANY);
        }
        let state = match purpose {
            Purpose::Control => {
                let door = Door::new(self.now);
                self.timers
                    .set(timers::Key::Conn(conn), Some(door.deadline().at));
                Conn::Door(door)
            }
            Purpose::Media => {
                self.timers.set(
                    timers::Key::Conn(conn),
                    Some(self.now.after(limits::ATTACH)),
                );
                Conn::MediaDoor {
                    framer: Framer::new(limits::MAX_FRAME as u32),
                }
            }
        };
        self.conns.insert(conn, state);
    }

    /// Closes a connection; whatever it was, nothing more of it is heard.
    fn close(&mut self, conn: ConnId, code: Code) {
        self.flush_writes();
        self.timers.set(timers::Key::Conn(conn), None);
        self.conns.insert(conn, Conn::Closing);
        self.outputs.push_back(Output::Close { conn, code });
    }

    /// GOODBYE, then the end of the connection.
    fn dismiss(&mut self, conn: ConnId, code: Code, retry: Retry, after: Duration) {
        let goodbye = Goodbye {
            code,
            retry,
            after_ms: after.as_millis() as u32,
            text: Text::default(),
            params: Params::NONE,
        };
        self.write(conn, goodbye.encode());
        self.close(conn, code);
    }

    /// A peer broke a rule on a control connection: its session ends, nobody else's does.
    fn breach(&mut self, conn: ConnId, violation: Violation) {
        let session = match self.conns.get(&conn) {
            Some(Conn::Session(session) | Conn::Media(session)) => Some(*session),
            Some(Conn::Door(_) | Conn::MediaDoor { .. }) => None,
            // Already given up: nothing more is charged to it.
            Some(Conn::Closing) | None => return,
        };
        self.event(Event::Violation {
            conn,
            session,
            violation,
        });
        match self.conns.get(&conn) {
            Some(Conn::Session(session)) => {
                let session = *session;
                self.end_session(session, violation.code(), Retry::Never, Duration::ZERO);
            }
            Some(Conn::Door(_)) => {
                self.dismiss(conn, violation.code(), Retry::Never, Duration::ZERO);
            }
            Some(Conn::Media(session)) => {
                let session = *session;
                self.lose_media(session);
                self.close(conn, violation.code());
            }
            Some(Conn::MediaDoor { .. }) => self.close(conn, violation.code()),
            Some(Conn::Closing) | None => {}
        }
    }

    fn stream(&mut self, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        if id != StreamId::FIRST_OF_PEER {
            //= WIRE-009
            return match self.conns.get(&conn) {
                Some(Conn::Closing) | None => {}
                Some(_) => self.breach(conn, Violation::UnexpectedStream),
            };
        }
        match self.conns.get_mut(&conn) {
            Some(Conn::Door(door)) => {
                door.framer.push(bytes);
                self.door_frames(conn);
            }
            Some(Conn::Session(session)) => {
                let session = *session;
                self.session_stream(session, conn, bytes);
            }
            Some(Conn::MediaDoor { framer }) => {
                framer.push(bytes);
                self.attach_media(conn);
            }
            //= MEDIA-016
            Some(Conn::Media(_)) if !bytes.is_empty() => {
                self.breach(conn, Violation::UnexpectedStream);
            }
            Some(Conn::Media(_) | Conn::Closing) | None => {}
        }
        if fin
            && matches!(
                self.conns.get(&conn),
                Some(Conn::Door(_) | Conn::Session(_))
            )
        {
            //= WIRE-008
            self.breach(conn, Violation::StreamEnded);
        }
    }

    fn door_frames(&mut self, conn: ConnId) {
        loop {
            let Some(Conn::Door(door)) = self.conns.get_mut(&conn) else {
                return;
            };
            let step = match door.framer.next_frame() {
                Ok(Some(frame)) => door.frame(&frame, &self.config, &mut self.random),
                Ok(None) => return,
                Err(error) => Err(error.into()),
            };
            match step {
                Ok(Step::Stay) => {}
                Ok(Step::Reply(bytes)) => {
                    self.write(conn, bytes);
                    //= WIRE-011
                    if self.config.reserved_frames && self.random.below(2) == 0 {
                        let frame = reserved_frame(&mut self.random, false);
                        self.write(conn, frame);
                    }
                }
                Ok(Step::Ask(question)) => {
                    let id = self.outbox.next_decision();
                    self.ask(id, Asker::Door(conn), question);
                }
                Ok(Step::Resume {
                    session,
                    token,
                    received,
                }) => {
                    self.resume(conn, session, &token, received);
                }
                Ok(Step::Leave) => return self.close(conn, Code::LOGOUT),
                Err(violation) => return self.breach(conn, violation),
            }
        }
    }

    fn ask(&mut self, id: DecisionId, asker: Asker, question: crate::service::Question) {
        let deadline = self.now.after(limits::DECISION);
        self.asked.insert(id, (deadline, asker));
        self.timers.set(timers::Key::Decision(id), Some(deadline));
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

    fn login_decided(&mut self, conn: ConnId, decision: Decision) {
        if !matches!(self.conns.get(&conn), Some(Conn::Door(_))) {
            return;
        }
        let (user, name) = match decision {
            Decision::User { user, name } if user != UserId(0) => (user, name),
            Decision::Deny(code) => {
                self.event(Event::LoginRefused { code });
                let retry = match code {
                    Code::SERVICE_UNAVAILABLE => Retry::After,
                    _ => Retry::Never,
                };
                //= SES-018
                return self.dismiss(conn, code, retry, limits::DECISION);
            }
            Decision::Allow | Decision::User { .. } => {
                return self.dismiss(conn, Code::INTERNAL, Retry::Never, Duration::ZERO);
            }
        };
        let known = self
            .users
            .get(&user)
            .map_or(0, |user| user.sessions().len());
        if self.sessions.len() >= limits::MAX_SERVER_SESSIONS {
            return self.dismiss(conn, Code::TOO_MANY, Retry::After, limits::RESUME_WINDOW);
        }
        //= SES-022
        if known >= limits::MAX_SESSIONS {
            return self.dismiss(conn, Code::ALREADY_LOGGED_IN, Retry::Never, Duration::ZERO);
        }
        let id = SessionId(self.random.id());
        let resume_token = self.random.token();
        let Some(Conn::Door(door)) = self.conns.insert(conn, Conn::Session(id)) else {
            return;
        };
        let name = String::from(Text::<64>::cut(&name).as_str());
        let heartbeat_ms = door.heartbeat_ms;
        let session = Session::new(
            id,
            user,
            name.clone(),
            hash(&resume_token),
            heartbeat_ms,
            self.now,
        );
        self.sessions.insert(id, session);
        self.users.entry(user).or_insert_with(|| User::new(user));
        self.relays
            .insert(id, Relay::new(id, self.config.media.clone(), self.now));
        let me = Owner::Session(id);
        self.outbox
            .send(me, Owner::User(user), Letter::Attach { session: id });
        let named = Letter::Named {
            user,
            session: id,
            name: name.clone(),
        };
        self.outbox.send(me, Owner::Directory, named);
        let welcome = Authenticated {
            user,
            session: id,
            resume_token,
            name: Text::cut(&name),
            params: Params::NONE,
        };
        self.write(conn, welcome.encode());
        self.timers.set(timers::Key::Conn(conn), None);
        self.event(Event::LoggedIn {
            user,
            session: id,
            name,
        });
        self.attach_session(id, conn, door.framer);
    }

    fn resume(&mut self, conn: ConnId, id: SessionId, token: &[u8; 32], received: u64) {
        //= SES-007
        let used = hash(token);
        let good = self
            .sessions
            .get(&id)
            .is_some_and(|session| session.knows(&used));
        if !good {
            // The client may log in afresh, on a new connection.
            return self.dismiss(conn, Code::RESUME_REFUSED, Retry::Now, Duration::ZERO);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let old = session.conn();
        if let Err(violation) = session.acknowledge(received, &mut self.outbox) {
            return self.breach(conn, violation);
        }
        let resume_token = self.random.token();
        session.rotate(used, hash(&resume_token));
        let received = session.received();
        let Some(Conn::Door(door)) = self.conns.insert(conn, Conn::Session(id)) else {
            return;
        };
        self.timers.set(timers::Key::Conn(conn), None);
        if let Some(old) = old {
            //= SES-019
            self.dismiss(old, Code::DISPLACED, Retry::Never, Duration::ZERO);
        }
        self.write(
            conn,
            Resumed {
                resume_token,
                received,
                params: Params::NONE,
            }
            .encode(),
        );
        self.event(Event::Resumed { session: id });
        self.attach_session(id, conn, door.framer);
    }

    fn attach_session(&mut self, id: SessionId, conn: ConnId, framer: Framer) {
        self.with_session(id, |session, cx| {
            session.attach(conn, framer, cx);
            Ok(Onward::Stay)
        });
        if self.config.reserved_frames && self.random.below(2) == 0 {
            let frame = reserved_frame(&mut self.random, true);
            self.outbox.frame(Owner::Directory, id, frame);
        }
        self.with_session(id, |session, cx| session.frames(cx));
    }

    fn session_stream(&mut self, id: SessionId, conn: ConnId, bytes: Bytes) {
        if self.sessions.get(&id).and_then(Session::conn) == Some(conn) {
            self.with_session(id, |session, cx| session.stream(bytes, cx));
        }
    }

    /// Runs something on a session, and follows what it leads to.
    fn with_session(
        &mut self,
        id: SessionId,
        run: impl FnOnce(&mut Session, &mut Context<'_>) -> Result<Onward, Violation>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let mut cx = Context {
            now: self.now,
            unix_micros: self.unix_epoch.saturating_add(self.now.as_micros()),
            outbox: &mut self.outbox,
            writes: &mut self.writes,
        };
        let onward = run(session, &mut cx);
        let (conn, over) = (session.conn(), session.over());
        let deadline = session.deadline();
        self.timers.set(
            timers::Key::Owner(Owner::Session(id)),
            deadline.map(|d| d.at),
        );
        match (onward, over, conn) {
            (Err(violation), _, Some(conn)) => self.breach(conn, violation),
            (Ok(Onward::Goodbye), ..) => {
                //= SES-015
                self.end_session(id, Code::LOGOUT, Retry::Never, Duration::ZERO);
            }
            (Ok(Onward::Dead), _, Some(conn)) => {
                self.close(conn, Code::DEAD_LINK);
                self.lose_link(id);
            }
            (_, Some(code), _) => self.end_session(id, code, Retry::Now, Duration::ZERO),
            _ => {}
        }
    }

    fn lose_link(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.suspend(self.now, self.config.resume_window, &mut self.outbox);
        let deadline = session.deadline();
        self.timers.set(
            timers::Key::Owner(Owner::Session(id)),
            deadline.map(|d| d.at),
        );
        self.event(Event::Suspended { session: id });
    }

    /// A session is over: its link is told, everyone who knows it is told, its media side is gone.
    fn end_session(&mut self, id: SessionId, code: Code, retry: Retry, after: Duration) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        self.timers
            .set(timers::Key::Owner(Owner::Session(id)), None);
        self.flush_writes();
        match session.conn() {
            Some(conn) if code == Code::LOGOUT => self.close(conn, code),
            Some(conn) => self.dismiss(conn, code, retry, after),
            None => {}
        }
        session.end(code, &mut self.outbox);
        self.event(Event::SessionEnded { session: id, code });
    }

    fn attach_media(&mut self, conn: ConnId) {
        let token = loop {
            let Some(Conn::MediaDoor { framer }) = self.conns.get_mut(&conn) else {
                return;
            };
            let frame = match framer.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => return self.breach(conn, error.into()),
            };
            let rest = framer.is_mid_frame();
            match admit(&frame, Sender::Client) {
                Ok(Some(Message::Media(MediaMessage::Attach(m)))) if !rest => break m.token,
                // A frame to skip, before ATTACH.
                Ok(None) => {}
                Ok(Some(_)) => return self.breach(conn, Violation::UnexpectedFrame),
                Err(violation) => return self.breach(conn, violation),
            }
        };
        let (now, good) = (self.now, self.tickets.redeem(&token, self.now));
        let Some((session, relay)) = good.and_then(|id| Some((id, self.relays.get_mut(&id)?)))
        else {
            return self.close(conn, Code::BAD_TICKET);
        };
        //= MEDIA-019
        let replaced = relay.attach(conn, now, &mut self.outbox);
        self.conns.insert(conn, Conn::Media(session));
        self.timers.set(timers::Key::Conn(conn), None);
        if let Some(old) = replaced {
            self.close(old, Code::DISPLACED);
        }
        self.write(
            conn,
            Attached {
                code: Code::NONE,
                params: Params::NONE,
            }
            .encode(),
        );
        self.refresh_relay(session);
    }

    fn lose_media(&mut self, session: SessionId) {
        if let Some(relay) = self.relays.get_mut(&session) {
            relay.detach(&mut self.outbox);
        }
        self.refresh_relay(session);
    }

    /// Lets a media side send what is due, and notes its next deadline.
    fn refresh_relay(&mut self, session: SessionId) {
        let Some(relay) = self.relays.get_mut(&session) else {
            return;
        };
        let idle = relay.wake(self.now);
        let (conn, at) = (relay.conn, relay.deadline().map(|deadline| deadline.at));
        self.timers
            .set(timers::Key::Owner(Owner::Relay(session)), at);
        match conn {
            Some(conn) if idle => {
                // Nobody misses it: no call waits for its return.
                if let Some(relay) = self.relays.get_mut(&session) {
                    relay.conn = None;
                }
                self.timers
                    .set(timers::Key::Owner(Owner::Relay(session)), None);
                self.close(conn, Code::IDLE);
            }
            Some(_) => {
                self.ready.insert(session);
            }
            None => {}
        }
    }

    fn datagram(&mut self, conn: ConnId, bytes: &Bytes, at: Instant) {
        //= MEDIA-017
        let Some(Conn::Media(session)) = self.conns.get(&conn) else {
            return;
        };
        let session = *session;
        let Some(relay) = self.relays.get_mut(&session) else {
            return;
        };
        match relay.datagram(self.now, at, bytes) {
            Packet::Forward { to, payload } => {
                for (subscriber, flow) in to {
                    if let Some(other) = self.relays.get_mut(&subscriber)
                        && other.conn.is_some()
                    {
                        other.hop.send(self.now, flow, payload.clone());
                        self.refresh_relay(subscriber);
                    }
                }
            }
            Packet::Keyframe { publisher, stream } => {
                if let Some(other) = self.relays.get_mut(&publisher) {
                    other.request_keyframe(stream, self.now);
                    self.refresh_relay(publisher);
                }
            }
            Packet::Nothing => {}
        }
        self.refresh_relay(session);
    }

    fn closed(&mut self, conn: ConnId, cause: &Cause) {
        self.timers.set(timers::Key::Conn(conn), None);
        match self.conns.remove(&conn) {
            Some(Conn::Session(id))
                if self.sessions.get(&id).and_then(Session::conn) == Some(conn) =>
            {
                match cause {
                    Cause::Peer(Code::LOGOUT) => {
                        self.end_session(id, Code::LOGOUT, Retry::Never, Duration::ZERO);
                    }
                    _ => self.lose_link(id),
                }
            }
            Some(Conn::Media(session))
                if self.relays.get(&session).and_then(|relay| relay.conn) == Some(conn) =>
            {
                self.lose_media(session);
            }
            _ => {}
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
                timers::Key::Owner(Owner::Relay(session)) => self.refresh_relay(session),
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
    }

    /// The oldest of the ended calls may be used again as an id.
    fn forget_oldest_call(&mut self) {
        if let Some((_, call)) = self.remembered.pop_front() {
            self.remembered_ids.remove(&call);
        }
    }
}

impl Core for Server {
    type Event = Event;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Connected { conn, purpose, .. } => self.connected(conn, purpose),
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            } => self.stream(conn, id, bytes, fin),
            Input::Reset { conn, .. } => self.breach(conn, Violation::StreamEnded),
            Input::Datagram { conn, bytes, at } => self.datagram(conn, &bytes, at),
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
