//! The client's core: intents, one session over any number of links, rooms, one call, media.

mod commands;
mod event;
#[cfg(test)]
mod explored;
mod frames;
mod grade;
mod links;
mod media;
mod rooms;
mod transfers;

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

pub use crate::people::client::ContactInfo;
pub use crate::room::client::{MemberInfo, RoomSettings};
pub use event::{Event, StreamDescription};
pub use grade::MediaGrade;
pub use rooms::{Ban, RoomChange};
pub use transfers::Offering;

use crate::call::client::Call;
use crate::code::Code;
use crate::error::{EndReason, UsageError};
use crate::id::{CallId, RequestId, RoomId, SessionId, StreamNumber, TransferId};
use crate::io::{Cause, ConnId, Core, Deadline, Input, Output, Purpose, StreamId, Timer};
use crate::limits;
use crate::media::HopConfig;
use crate::message::Wire;
use crate::message::media::{Publish, Subscribe, TicketRequest};
use crate::message::session::{Ack, Ping};
use crate::people::client::People;
use crate::room::client::{View, Wish};
use crate::seed::{Random, Seed};
use crate::session::client::{Announced, Backoff, Link, Session};
use crate::session::{Beat, client as link};
use crate::time::{Instant, earlier};
use crate::wire::Params;
use media::{MediaLink, MediaSide};
use transfers::Transfers;

/// What an embedder may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name and version, for the server's log; at most 64 bytes.
    pub agent: String,
    /// The device's name, the same at every login; at most 64 bytes.
    pub device: String,
    /// The interval of heartbeats that is wished for, in milliseconds.
    pub heartbeat_ms: u32,
    /// Whether frames of reserved kinds are sent at random.
    pub reserved_frames: bool,
    /// From the earliest arrival of a packet until it is played.
    pub playout_delay: Duration,
    /// How media is sent.
    pub media: HopConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            agent: String::from(concat!("duet ", env!("CARGO_PKG_VERSION"))),
            device: String::new(),
            heartbeat_ms: limits::HEARTBEAT.as_millis() as u32,
            reserved_frames: true,
            playout_delay: Duration::from_millis(200),
            media: HopConfig::default(),
        }
    }
}

/// How to log in.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// As a guest who would like this name; at most 64 bytes.
    Guest(String),
    /// With an account.
    Password {
        /// The account's name; at most 64 bytes.
        name: String,
        /// Its password; at most 1,024 bytes.
        password: String,
    },
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Guest(name) => write!(f, "Guest({name:?})"),
            Self::Password { name, .. } => write!(f, "Password({name:?}, …)"),
        }
    }
}

/// Given-up calls that are remembered.
const GIVEN_UP: usize = 16;

/// What a request that waits for its answer was.
#[derive(Clone, Debug)]
enum Asked {
    /// Text, data, LOOKUP, what moderators do: only the outcome matters.
    Plain,
    Leave(RoomId),
    /// JOIN; for a call's room where it says so.
    Join(Wish),
    Publish(RoomId, StreamDescription),
    Subscribe(SessionId, StreamDescription),
    Offer(TransferId),
    Ticket,
    /// PRESENCE_SET in a new session: the application did not ask for it this time.
    Presence,
}

/// A client's core.
pub struct Client {
    config: Arc<Config>,
    random: Random,
    now: Instant,
    credentials: Option<Credentials>,
    link: Link,
    backoff: Backoff,
    announced: Announced,
    next_conn: u64,
    next_request: u32,
    session: Option<Session>,
    requests: BTreeMap<RequestId, Asked>,
    rooms: BTreeMap<RoomId, View>,
    /// Rooms that it was about to enter again when the session was lost once more.
    reentry: Vec<Wish>,
    people: People,
    /// Rooms that a moderator has to let it into, and the JOIN that waits.
    waiting: BTreeMap<RoomId, RequestId>,
    /// Streams of others, as STREAM announced them.
    streams: BTreeMap<(SessionId, StreamNumber), (RoomId, StreamDescription)>,
    /// One; two for as long as a call that crosses another has not been refused yet.
    calls: BTreeMap<CallId, Call>,
    /// Calls that this side gave up a moment ago: an answer to them may still be on its way.
    given_up: VecDeque<CallId>,
    transfers: Transfers,
    media: MediaSide,
    outputs: VecDeque<Output<Event>>,
    events: VecDeque<Event>,
}

impl Client {
    /// A client's core; `now` is the first instant that it will see.
    pub fn new(config: Arc<Config>, seed: Seed, now: Instant) -> Self {
        let media = MediaSide::new(config.media.clone(), config.playout_delay, now);
        Self {
            config,
            random: Random::new(seed),
            now,
            credentials: None,
            link: Link::Idle,
            backoff: Backoff::default(),
            announced: Announced::default(),
            next_conn: 0,
            next_request: 0,
            session: None,
            requests: BTreeMap::new(),
            rooms: BTreeMap::new(),
            reentry: Vec::new(),
            people: People::default(),
            waiting: BTreeMap::new(),
            streams: BTreeMap::new(),
            calls: BTreeMap::new(),
            given_up: VecDeque::new(),
            transfers: Transfers::default(),
            media,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    fn begin(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Whether a sequenced frame of about `size` bytes may be sent now.
    fn ready(&mut self, now: Instant, size: usize) -> Result<(), UsageError> {
        let session = self.session.as_ref().ok_or(UsageError::NotLoggedIn)?;
        //= SES-031
        if size > self.announced.max_frame {
            return Err(UsageError::TooLarge);
        }
        let most = self.announced.max_unacknowledged;
        if !session.sequence.has_room_for(size, most) {
            return Err(UsageError::Backlogged);
        }
        self.begin(now);
        Ok(())
    }

    fn request(
        &mut self,
        now: Instant,
        asked: Asked,
        size: usize,
    ) -> Result<RequestId, UsageError> {
        self.may_request(now, size)?;
        Ok(self.number(asked))
    }

    /// Whether a request of about `size` bytes may be sent now.
    fn may_request(&mut self, now: Instant, size: usize) -> Result<(), UsageError> {
        if self.requests.len() >= limits::MAX_REQUESTS {
            return Err(UsageError::Backlogged);
        }
        self.ready(now, size)
    }

    /// Whether the server lets more wait than it may. What an application asks is held to the limits as it asks; beyond
    /// that a server can make a client say some things by itself, and this is where it ends.
    pub(super) fn is_overdrawn(&self) -> bool {
        let waits = |session: &Session| session.sequence.waiting();
        let unacknowledged = self.session.as_ref().map_or(0, waits);
        let spare = limits::MAX_UNASKED;
        unacknowledged > limits::MAX_UNACKNOWLEDGED.saturating_add(spare)
            || self.requests.len() > limits::MAX_REQUESTS.saturating_add(spare)
    }

    /// It is in this room no longer.
    pub(super) fn forget_room(&mut self, room: RoomId) -> Option<View> {
        // Nobody tells who has left which streams have closed since.
        let gone = self
            .streams
            .extract_if(.., |_, (within, _)| *within == room);
        for ((session, stream), _) in gone {
            self.media.unsubscribe(session, stream);
        }
        //= MEDIA-004
        self.media.leave(room);
        self.rooms.remove(&room)
    }

    fn number(&mut self, asked: Asked) -> RequestId {
        loop {
            self.next_request = self.next_request.wrapping_add(1);
            let request = RequestId(self.next_request);
            if let Entry::Vacant(slot) = self.requests.entry(request) {
                slot.insert(asked);
                return request;
            }
        }
    }

    /// Sends a sequenced frame, now or once there is a link.
    fn send(&mut self, frame: Bytes) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.sequence.push(frame.clone());
        if let Link::Up(up) = &self.link
            && up.phase == link::Phase::Online
        {
            let conn = up.conn;
            self.write(conn, frame);
        }
    }

    fn write(&mut self, conn: ConnId, bytes: Bytes) {
        if let Link::Up(up) = &mut self.link
            && up.conn == conn
        {
            up.heartbeat.sent(self.now);
        }
        let id = StreamId::FIRST_OF_CLIENT;
        self.outputs.push_back(Output::Write {
            conn,
            id,
            bytes,
            fin: false,
        });
    }

    fn end_call(&mut self, call: CallId, reason: EndReason, existing: Option<CallId>) {
        let Some(ended) = self.calls.remove(&call) else {
            return;
        };
        if let Some(room) = ended.room {
            self.forget_room(room);
        }
        if self.media.scope.is_some_and(|scope| scope.call == call) {
            self.media.rescope();
        }
        self.events.push_back(Event::Ended {
            call,
            reason,
            existing,
        });
    }

    fn ask_to_publish(&mut self, room: RoomId, description: StreamDescription) -> RequestId {
        self.media.rooms.insert(room);
        let request = self.number(Asked::Publish(room, description.clone()));
        let publish = Publish {
            request,
            room,
            description: description.wire(),
            params: Params::NONE,
        };
        self.send(publish.encode());
        request
    }

    fn ask_to_subscribe(
        &mut self,
        room: RoomId,
        session: SessionId,
        description: StreamDescription,
    ) -> RequestId {
        self.media.rooms.insert(room);
        let stream = description.stream;
        let request = self.number(Asked::Subscribe(session, description));
        self.send(
            Subscribe {
                request,
                room,
                session,
                stream,
                params: Params::NONE,
            }
            .encode(),
        );
        request
    }

    fn wake(&mut self) {
        if let Link::Waiting { until } = self.link
            && until <= self.now
        {
            self.connect();
        }
        if let Link::Up(up) = &self.link {
            let conn = up.conn;
            match up.heartbeat.due(self.now) {
                Some(Beat::Dead) => {
                    self.outputs.push_back(Output::Close {
                        conn,
                        code: Code::DEAD_LINK,
                    });
                    self.lose_link(Some(Duration::ZERO));
                }
                Some(Beat::Ping) => {
                    let token = self.now.as_micros();
                    self.write(
                        conn,
                        Ping {
                            token,
                            params: Params::NONE,
                        }
                        .encode(),
                    );
                }
                None => {}
            }
        }
        if let (MediaLink::Lost { ask_at }, Some(scope)) = (&self.media.link, self.media.scope)
            && *ask_at <= self.now
        {
            if self.session.is_some() {
                let request = self.number(Asked::Ticket);
                let (call, room) = (scope.call, scope.room);
                self.send(
                    TicketRequest {
                        request,
                        call,
                        room,
                        params: Params::NONE,
                    }
                    .encode(),
                );
            }
            self.media.link = MediaLink::None;
        }
    }

    /// Everything that follows, within the call that caused it.
    fn settle(&mut self) {
        self.wake();
        self.media.handle(self.now, &mut self.events);
        self.report_media();
        if let (Link::Up(up), Some(session)) = (&self.link, &mut self.session)
            && up.phase == link::Phase::Online
            && let Some(received) = session.sequence.take_ack()
        {
            let conn = up.conn;
            self.write(
                conn,
                Ack {
                    received,
                    params: Params::NONE,
                }
                .encode(),
            );
        }
        self.outputs
            .extend(self.events.drain(..).map(Output::Event));
    }
}

impl Core for Client {
    type Event = Event;

    fn handle(&mut self, now: Instant, input: Input) {
        self.begin(now);
        match input {
            Input::Connected {
                conn,
                purpose: Purpose::Control,
                ..
            } => self.control_connected(conn),
            Input::Connected {
                conn,
                purpose: Purpose::Media,
                ..
            } => self.media_connected(conn),
            Input::Connected {
                purpose: Purpose::Service,
                ..
            } => {}
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            } => self.stream(conn, id, bytes, fin),
            Input::Spliced {
                conn,
                id,
                at,
                carried,
            } => self.carried(conn, id, at, carried),
            Input::Reset { id, .. } if id.by_peer => self.other_reset(id),
            Input::Reset { conn, .. } => {
                let code = Code::STREAM_ENDED;
                self.outputs.push_back(Output::Close { conn, code });
                self.closed(conn, &Cause::Failed(String::new()));
            }
            Input::Datagram {
                conn,
                bytes,
                at,
                ecn,
            } => {
                if matches!(self.media.link, MediaLink::Up { conn: own } if own == conn) {
                    self.media
                        .datagram(self.now, (at, ecn), &bytes, &mut self.events);
                }
            }
            Input::Path { conn, rtt, .. } => {
                if self.media.conn() == Some(conn) {
                    self.media.hop.set_rtt(rtt);
                }
            }
            Input::Closed { conn, cause } => self.closed(conn, &cause),
            Input::Decision { .. }
            | Input::WallClock { .. }
            | Input::Envelope(_)
            | Input::Handover { .. }
            | Input::Wake => {}
        }
        self.settle();
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        let link = match &self.link {
            Link::Idle | Link::Connecting { .. } => None,
            Link::Waiting { until } => Some(Deadline::new(*until, Timer::Reconnect)),
            Link::Up(up) => Some(up.heartbeat.deadline()),
        };
        earlier(link, self.media.deadline())
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        let MediaLink::Up { conn } = self.media.link else {
            return None;
        };
        self.media.hop.next_datagram(buffer).then_some(conn)
    }
}
