//! The server's core with what it costs beside it: after every input, what lives against what may.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::id::{FlowId, RoomId, SessionId, UserId};
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::limits::{DOOR_MEMORY, ROOM_MEMORY, SESSION_MEMORY};
use duet_protocol::message::media::Message as MediaFrame;
use duet_protocol::message::room::Message as Room;
use duet_protocol::message::service::Message as Service;
use duet_protocol::message::session::{Ack, Authenticate, Hello, Method};
use duet_protocol::message::{Message, Wire as _};
use duet_protocol::seed::Seed;
use duet_protocol::server::{Census, Config, Event, Server};
use duet_protocol::service::{Decision, Question};
use duet_protocol::time::Instant;
use duet_protocol::wire::{Flags, HEADER_LEN, Params, Secret, Text, Within};

use super::{SLACK, live};

/// What a session costs that does nothing much.
const LIGHT: usize = SESSION_MEMORY / 32;

pub(super) struct Host {
    pub(super) core: Server,
    pub(super) now: Instant,
    pub(super) base: usize,
    pub(super) next: u64,
    /// How many frames for resume each connection was sent.
    pub(super) conns: BTreeMap<ConnId, u64>,
    /// Whether everything is acknowledged at once.
    pub(super) acknowledges: bool,
    /// Whether the service answers.
    pub(super) decides: bool,
    pub(super) session: SessionId,
    /// The room that somebody entered last.
    pub(super) room: RoomId,
    /// The newest media ticket of each connection, and the flows that it was granted, in order.
    pub(super) tickets: BTreeMap<ConnId, [u8; 32]>,
    pub(super) flows: BTreeMap<ConnId, Vec<FlowId>>,
    /// Beside sessions and rooms: what media and a linked service may cost.
    pub(super) more: usize,
    /// What stays when everybody is gone: the entries for a service that may link again.
    pub(super) kept: usize,
    /// The epoch of the service that is active.
    pub(super) epoch: u64,
    pub(super) peak: usize,
    /// How many of the sessions may cost all that one may; the others hardly anything.
    pub(super) heavy: usize,
    pub(super) what: &'static str,
}

impl Host {
    pub(super) fn new(what: &'static str) -> Self {
        Self::with(what, |_| {})
    }

    pub(super) fn with(what: &'static str, change: impl FnOnce(&mut Config)) -> Self {
        let (base, now) = (live(), Instant::from_micros(1));
        let mut config = Config {
            reserved_frames: false,
            ..Config::default()
        };
        change(&mut config);
        Self {
            core: Server::new(Arc::new(config), Seed([1; 32]), now),
            now,
            base,
            next: 0,
            conns: BTreeMap::new(),
            acknowledges: true,
            decides: true,
            session: SessionId::NONE,
            room: RoomId::NONE,
            tickets: BTreeMap::new(),
            flows: BTreeMap::new(),
            more: 0,
            kept: 0,
            epoch: 0,
            peak: 0,
            heavy: usize::MAX,
            what,
        }
    }

    pub(super) fn connect(&mut self, purpose: Purpose) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next);
        self.conns.insert(conn, 0);
        let capabilities = Capabilities {
            shared_media: false,
            unreliable_datagrams: true,
        };
        self.input(Input::Connected {
            conn,
            purpose,
            capabilities,
        });
        conn
    }

    /// A guest, whose user is as many as there have been connections.
    pub(super) fn online(&mut self) -> (ConnId, SessionId) {
        let conn = self.connect(Purpose::Control);
        let hello = Hello {
            min_version: 1,
            max_version: 1,
            heartbeat_ms: Within::clamp(60_000),
            agent: Text::cut(""),
            params: Params::NONE,
        };
        let name = "n".repeat(64);
        let login = Authenticate {
            method: Method::Guest,
            name: Text::cut(&name),
            credential: Secret::default(),
            device: Text::cut(&name),
            params: Params::NONE,
        };
        self.say(conn, hello.encode());
        self.say(conn, login.encode());
        assert!(self.session.is_some(), "{} is logged in", self.next);
        (conn, self.session)
    }

    pub(super) fn say(&mut self, conn: ConnId, bytes: Bytes) {
        self.input(Input::Stream {
            conn,
            id: StreamId::FIRST_OF_PEER,
            bytes,
            fin: false,
        });
    }

    pub(super) fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        self.input(Input::Wake);
    }

    /// One input, and what lives then against what may.
    pub(super) fn input(&mut self, input: Input) {
        self.core.handle(self.now, input);
        loop {
            self.drain();
            let owed: Vec<_> = match self.acknowledges {
                true => self.conns.iter().filter(|(_, count)| **count > 0).collect(),
                false => Vec::new(),
            };
            let owed: Vec<_> = owed.into_iter().map(|(conn, all)| (*conn, *all)).collect();
            let acknowledged: Vec<_> = owed.iter().filter(|(_, all)| all % 2 == 1).collect();
            // The lowest bit says that there is something new.
            for (conn, all) in &acknowledged {
                let received = *all >> 1;
                let params = Params::NONE;
                let bytes = Ack { received, params }.encode();
                self.conns.insert(*conn, received << 1);
                self.core.handle(
                    self.now,
                    Input::Stream {
                        conn: *conn,
                        id: StreamId::FIRST_OF_PEER,
                        bytes,
                        fin: false,
                    },
                );
            }
            if acknowledged.is_empty() {
                break;
            }
        }
        let census = self.core.census();
        let may = DOOR_MEMORY * census.doors
            + SESSION_MEMORY * census.sessions.min(self.heavy)
            + LIGHT * census.sessions.saturating_sub(self.heavy)
            + ROOM_MEMORY * census.rooms
            + self.more
            + SLACK;
        let is = live().saturating_sub(self.base);
        self.peak = self.peak.max(is);
        assert!(is <= may, "{}: {is} bytes of {may}, {census:?}", self.what);
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Write { conn, bytes, .. } => self.heard(conn, &bytes),
                Output::Close { conn, .. } => {
                    self.conns.remove(&conn);
                    let cause = Cause::Local;
                    self.core.handle(self.now, Input::Closed { conn, cause });
                }
                Output::Decide(decide) if self.decides => {
                    let decision = match &decide.question {
                        Question::Login { name, .. } => Decision::User {
                            user: UserId(self.next),
                            name: name.clone(),
                            contacts: Vec::new(),
                        },
                        _ => Decision::Allow,
                    };
                    let id = decide.id;
                    self.core.handle(self.now, Input::Decision { id, decision });
                }
                Output::Event(Event::LoggedIn { session, .. }) => self.session = session,
                _ => {}
            }
        }
        let mut datagram = Vec::new();
        while self.core.next_datagram(&mut datagram).is_some() {}
    }

    pub(super) fn heard(&mut self, conn: ConnId, mut bytes: &[u8]) {
        while let Some((&[area, kind, flags, _, _, _, high, low], rest)) =
            bytes.split_first_chunk::<HEADER_LEN>()
        {
            if let Some(count) = self.conns.get_mut(&conn)
                && Flags(flags).has(Flags::SEQUENCED)
            {
                *count = ((*count >> 1) + 1) << 1 | 1;
            }
            let (body, after) = rest.split_at(usize::from(u16::from_be_bytes([high, low])));
            match Message::decode(u16::from_be_bytes([area, kind]), body) {
                Some(Ok(Message::Room(Room::Joined(joined)))) => self.room = joined.room,
                Some(Ok(Message::Media(MediaFrame::MediaTicket(ticket)))) => {
                    self.tickets.insert(conn, ticket.token);
                }
                Some(Ok(Message::Media(MediaFrame::Published(published)))) => {
                    self.flows.entry(conn).or_default().push(published.flow);
                }
                Some(Ok(Message::Media(MediaFrame::Subscribed(subscribed)))) => {
                    self.flows.entry(conn).or_default().push(subscribed.flow);
                }
                Some(Ok(Message::Service(Service::Activated(activated)))) => {
                    self.epoch = activated.epoch;
                }
                _ => {}
            }
            bytes = after;
        }
    }

    /// Everybody is gone, and so is what they cost.
    pub(super) fn end(mut self) {
        println!("{}: at most {} bytes", self.what, self.peak);
        self.decides = true;
        while let Some((conn, _)) = self.conns.pop_first() {
            let cause = Cause::TimedOut;
            self.input(Input::Closed { conn, cause });
        }
        for _ in 0..10_000 {
            let Some(deadline) = self.core.deadline() else {
                break;
            };
            self.now = self.now.max(deadline.at);
            self.input(Input::Wake);
        }
        assert_eq!(self.core.census(), Census::default(), "{}", self.what);
        let left = live().saturating_sub(self.base);
        let stays = SLACK + self.kept;
        assert!(left <= stays, "{}: {left} bytes stay", self.what);
        self.flows.clear();
        self.tickets.clear();
        drop(self.core);
        let left = live().saturating_sub(self.base);
        assert!(left <= 4_096, "{}: {left} bytes leak", self.what);
    }
}
