//! The service's own core: it links, comes back, catches up, and turns questions, events and data into events of its
//! own. What it is told to do it does once, over any number of links.

mod command;
mod commands;
mod event;
mod frames;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

pub use command::{NewRoom, Ticket};
pub use event::{Event, Incident, SessionInfo, State};

use crate::code::Code;
use crate::error::{EndReason, Initiator, Violation};
use crate::id::RequestId;
use crate::io::{Cause, ConnId, Core, Deadline, Input, Output, Purpose, StreamId, Timer};
use crate::limits;
use crate::message::Wire;
use crate::message::service::{Permissions, Standing};
use crate::message::session::{Ack, Goodbye, Hello, Ping, Retry};
use crate::seed::{Random, Seed};
use crate::session::client::Backoff;
use crate::session::door::VERSION;
use crate::session::{Beat, Heartbeat};
use crate::table::table;
use crate::time::{Instant, earlier};
use crate::wire::{Framer, Params, Text, Within, reserved_param};
use command::Pending;

table! {
    /// The link, as the service sees it
    "link-service" begins Greeting;
    phases {
        /// HELLO was sent
        Greeting,
        /// LINK was sent
        Linking,
        /// Linked; not the active one, or not yet
        Standby,
        /// Active, and waiting for the rest of a snapshot
        CatchingUp,
        /// Active
        Active,
    }
    events {
        /// WELCOME
        Welcome,
        /// LINKED
        Linked,
        /// ACTIVATED with `replay`
        Replay,
        /// ACTIVATED with `snapshot`
        Activated,
        /// SNAPSHOT that goes on
        Part,
        /// SNAPSHOT that does not
        LastPart,
        /// EVENT, ADDRESSED or DONE
        Entry,
        /// One of the questions
        Question,
        /// PING or PONG
        Heartbeat,
        /// GOODBYE
        Goodbye,
        /// Any other frame
        Other,
    }
    "SVC-002": Greeting, Welcome => go(Linking);
    "SVC-002": Linking | Standby | CatchingUp | Active, Welcome => breach(UnexpectedFrame);
    "SVC-003": Linking, Linked => go(Standby);
    "SVC-003": Greeting | Standby | CatchingUp | Active, Linked => breach(UnexpectedFrame);
    "SVC-005": Standby, Replay => go(Active);
    "SVC-005": Standby, Activated => go(CatchingUp);
    "SVC-005": Greeting | Linking | CatchingUp | Active, Replay | Activated => breach(UnexpectedFrame);
    "SVC-024": CatchingUp, Part => go(CatchingUp);
    "SVC-024": CatchingUp, LastPart => go(Active);
    "SVC-024": Greeting | Linking | Standby | Active, Part | LastPart => breach(UnexpectedFrame);
    "SVC-021": Active, Entry => go(Active);
    "SVC-021": Greeting | Linking | Standby | CatchingUp, Entry => breach(UnexpectedFrame);
    "SVC-010": Active, Question => go(Active);
    "SVC-010": Greeting | Linking | Standby | CatchingUp, Question => breach(UnexpectedFrame);
    "SVC-002": Greeting | Linking, Heartbeat => ignore;
    "SVC-002": Standby, Heartbeat => go(Standby);
    "SVC-002": CatchingUp, Heartbeat => go(CatchingUp);
    "SVC-002": Active, Heartbeat => go(Active);
    "SVC-002": Greeting | Linking | Standby | CatchingUp | Active, Goodbye => go(Greeting);
    "SVC-002": Greeting | Linking | Standby | CatchingUp | Active, Other => breach(UnexpectedFrame);
}

/// What an embedder may set.
#[derive(Clone)]
pub struct Config {
    /// Name and version, for the server's log; at most 64 bytes.
    pub agent: String,
    /// The name of this process among those that stand in for each other; at most 64 bytes.
    pub name: String,
    /// The token that its permissions hang on; at most 1,024 bytes.
    pub token: Vec<u8>,
    /// What it wishes to do.
    pub permissions: Permissions,
    /// The interval of heartbeats that is wished for, in milliseconds.
    pub heartbeat_ms: u32,
    /// Whether reserved parameters are sent at random.
    pub reserved_frames: bool,
}

impl Config {
    /// A service of this name with this token, which wishes every permission.
    pub fn new(name: impl Into<String>, token: impl Into<Vec<u8>>) -> Self {
        Self {
            agent: String::from(concat!("duet ", env!("CARGO_PKG_VERSION"))),
            name: name.into(),
            token: token.into(),
            permissions: Permissions::ALL,
            heartbeat_ms: limits::HEARTBEAT.as_millis() as u32,
            reserved_frames: true,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({:?}, …, {:?})", self.name, self.permissions)
    }
}

#[derive(Debug)]
enum Link {
    /// None, and none wanted.
    Idle,
    /// None; another attempt at that time.
    Waiting { until: Instant },
    /// Being established.
    Connecting { conn: ConnId },
    /// There.
    Up(Up),
}

#[derive(Debug)]
struct Up {
    conn: ConnId,
    framer: Framer,
    phase: Phase,
    heartbeat: Heartbeat,
}

/// A service's core.
pub struct Service {
    config: Arc<Config>,
    random: Random,
    now: Instant,
    link: Link,
    backoff: Backoff,
    next_conn: u64,
    /// What it was told to be last; `None` before that.
    standing: Option<Standing>,
    /// The epoch in which it was active last, and the last entry that it took.
    epoch: u64,
    number: u64,
    owes_ack: bool,
    /// The snapshot so far.
    snapshot: Option<State>,
    /// Questions that may be answered: until when, and whether with a user.
    questions: BTreeMap<u64, (Instant, super::Question)>,
    next_request: u32,
    pending: BTreeMap<RequestId, Pending>,
    pushed_bytes: usize,
    outputs: VecDeque<Output<Event>>,
}

impl Service {
    /// A service's core; `now` is the first instant that it will see. It connects once it is started.
    pub fn new(config: Arc<Config>, seed: Seed, now: Instant) -> Self {
        Self {
            config,
            random: Random::new(seed),
            now,
            link: Link::Idle,
            backoff: Backoff::default(),
            next_conn: 0,
            standing: None,
            epoch: 0,
            number: 0,
            owes_ack: false,
            snapshot: None,
            questions: BTreeMap::new(),
            next_request: 0,
            pending: BTreeMap::new(),
            pushed_bytes: 0,
            outputs: VecDeque::new(),
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// The connection of a link on which this service is active.
    fn active(&self) -> Option<ConnId> {
        match &self.link {
            Link::Up(up) if matches!(up.phase, Phase::CatchingUp | Phase::Active) => Some(up.conn),
            _ => None,
        }
    }

    fn write(&mut self, conn: ConnId, bytes: Bytes) {
        if let Link::Up(up) = &mut self.link {
            up.heartbeat.sent(self.now);
        }
        let (id, fin) = (StreamId::FIRST_OF_CLIENT, false);
        self.outputs.push_back(Output::Write {
            conn,
            id,
            bytes,
            fin,
        });
    }

    fn connect(&mut self) {
        self.next_conn = self.next_conn.saturating_add(1);
        let conn = ConnId(self.next_conn);
        self.link = Link::Connecting { conn };
        let (purpose, endpoint) = (Purpose::Service, String::new());
        self.outputs.push_back(Output::Connect {
            conn,
            purpose,
            endpoint,
        });
    }

    fn connected(&mut self, conn: ConnId) {
        if !matches!(self.link, Link::Connecting { conn: own } if own == conn) {
            return;
        }
        let interval = Duration::from_millis(self.config.heartbeat_ms.into());
        self.link = Link::Up(Up {
            conn,
            framer: Framer::new(limits::MAX_FRAME as u32),
            phase: Phase::Greeting,
            heartbeat: Heartbeat::new(self.now, interval, interval.saturating_mul(4)),
        });
        let id = StreamId::FIRST_OF_CLIENT;
        self.outputs.push_back(Output::Open { conn, id });
        let reserved = match self.config.reserved_frames {
            true => reserved_param(&mut self.random),
            false => Vec::new(),
        };
        let hello = Hello {
            min_version: VERSION,
            max_version: VERSION,
            heartbeat_ms: Within::clamp(self.config.heartbeat_ms),
            agent: Text::cut(&self.config.agent),
            params: Params::from_encoded(&reserved).unwrap_or_default(),
        };
        self.write(conn, hello.encode());
    }

    /// The server broke a rule: this side closes the link, and does not come back by itself.
    fn breach(&mut self, conn: ConnId, violation: Violation) {
        let code = violation.code();
        self.say_goodbye(conn, code);
        self.down(EndReason::new(code, Initiator::Local), None);
    }

    fn say_goodbye(&mut self, conn: ConnId, code: Code) {
        let goodbye = Goodbye {
            code,
            retry: Retry::Never,
            after_ms: 0,
            text: Text::default(),
            params: Params::NONE,
        };
        self.write(conn, goodbye.encode());
        self.outputs.push_back(Output::Close { conn, code });
    }

    /// The link is gone; another attempt comes after `wait`, or none.
    fn down(&mut self, reason: EndReason, wait: Option<Duration>) {
        self.link = match wait {
            Some(wait) => Link::Waiting {
                until: self.now.after(wait),
            },
            None => Link::Idle,
        };
        self.questions.clear();
        self.snapshot = None;
        self.owes_ack = false;
        let returning = wait.is_some();
        if !returning {
            self.give_up_commands();
        }
        self.event(Event::Down { reason, returning });
    }

    fn lost(&mut self, reason: EndReason) {
        let draw = self.random.u64();
        let wait = self.backoff.next(draw);
        self.down(reason, Some(wait));
    }

    fn closed(&mut self, conn: ConnId, cause: &Cause) {
        let own = match &self.link {
            Link::Connecting { conn: own } => *own == conn,
            Link::Up(up) => up.conn == conn,
            Link::Idle | Link::Waiting { .. } => false,
        };
        if own {
            let code = match cause {
                Cause::Peer(code) => *code,
                _ => Code::DEAD_LINK,
            };
            self.lost(EndReason::new(code, Initiator::Network));
        }
    }

    fn wake(&mut self) {
        if let Link::Waiting { until } = self.link
            && until <= self.now
        {
            self.connect();
        }
        let now = self.now;
        //= SVC-013
        self.questions.retain(|_, (until, _)| *until > now);
        let Link::Up(up) = &self.link else { return };
        let conn = up.conn;
        match up.heartbeat.due(self.now) {
            Some(Beat::Dead) => {
                let code = Code::DEAD_LINK;
                self.outputs.push_back(Output::Close { conn, code });
                self.lost(EndReason::new(code, Initiator::Network));
            }
            Some(Beat::Ping) => {
                let (token, params) = (self.now.as_micros(), Params::NONE);
                self.write(conn, Ping { token, params }.encode());
            }
            None => {}
        }
    }

    fn flush_ack(&mut self) {
        if let Some(conn) = self.active()
            && core::mem::take(&mut self.owes_ack)
        {
            //= SVC-031
            let (received, params) = (self.number, Params::NONE);
            self.write(conn, Ack { received, params }.encode());
        }
    }
}

impl Core for Service {
    type Event = Event;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Connected {
                conn,
                purpose: Purpose::Service,
                ..
            } => self.connected(conn),
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            } => self.stream(conn, id, bytes, fin),
            Input::Reset { conn, .. } | Input::Closed { conn, .. } => {
                let cause = match input {
                    Input::Closed { cause, .. } => cause,
                    _ => Cause::Peer(Code::STREAM_ENDED),
                };
                self.closed(conn, &cause);
            }
            _ => {}
        }
        self.wake();
        self.flush_ack();
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        let link = match &self.link {
            Link::Waiting { until } => Some(Deadline::new(*until, Timer::Reconnect)),
            Link::Up(up) => Some(up.heartbeat.deadline()),
            Link::Idle | Link::Connecting { .. } => None,
        };
        let question = self.questions.values().map(|(until, _)| *until).min();
        earlier(
            link,
            question.map(|until| Deadline::new(until, Timer::Decision)),
        )
    }

    fn next_datagram(&mut self, _: &mut Vec<u8>) -> Option<ConnId> {
        None
    }
}
