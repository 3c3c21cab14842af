//! The server's core, with as many peers as a case wants; who acknowledges what is the case's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::id::{FlowId, RoomId, SessionId, UserId};
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::media::Ecn;
use duet_protocol::message::media::Message as Media;
use duet_protocol::message::room::Message as Room;
use duet_protocol::message::service::Message as Service;
use duet_protocol::message::session::{Ack, Authenticate, Hello, Message as Session, Method};
use duet_protocol::message::{Message, Wire as _};
use duet_protocol::seed::Seed;
use duet_protocol::server::{Config, Event, Server};
use duet_protocol::service::{Decision, Question};
use duet_protocol::time::Instant;
use duet_protocol::wire::{Flags, HEADER_LEN, Params, Secret, Text, Within};

pub(super) struct World {
    core: Server,
    now: Instant,
    next: u64,
    /// Frames for resume that each connection was sent.
    pub(super) sequenced: BTreeMap<ConnId, u64>,
    session: SessionId,
    /// What resumes the session that logged in, or resumed, last.
    pub(super) token: [u8; 32],
    /// The newest media ticket of each connection, and the flows that it was granted.
    pub(super) tickets: BTreeMap<ConnId, [u8; 32]>,
    pub(super) flows: BTreeMap<ConnId, Vec<FlowId>>,
    /// The number of the newest entry for the service.
    pub(super) entry: u64,
    /// Datagrams that were sent to anybody.
    pub(super) datagrams: usize,
    buffer: Vec<u8>,
    /// The room that somebody entered last.
    pub(super) room: RoomId,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            reserved_frames: false,
            ..Config::default()
        };
        change(&mut config);
        let now = Instant::from_micros(1);
        Self {
            core: Server::new(Arc::new(config), Seed([7; 32]), now),
            now,
            next: 0,
            sequenced: BTreeMap::new(),
            session: SessionId::NONE,
            token: [0; 32],
            tickets: BTreeMap::new(),
            flows: BTreeMap::new(),
            entry: 0,
            datagrams: 0,
            buffer: Vec::new(),
            room: RoomId::NONE,
        }
    }

    pub(super) fn connect(&mut self) -> ConnId {
        self.connect_for(Purpose::Control)
    }

    pub(super) fn connect_for(&mut self, purpose: Purpose) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next);
        self.input(Input::Connected {
            conn,
            purpose,
            capabilities: Capabilities {
                shared_media: false,
                unreliable_datagrams: true,
            },
        });
        conn
    }

    pub(super) fn disconnect(&mut self, conn: ConnId) {
        let cause = Cause::TimedOut;
        self.input(Input::Closed { conn, cause });
    }

    /// A guest; its user is the number of its connection.
    pub(super) fn online(&mut self) -> (ConnId, SessionId) {
        let conn = self.connect();
        self.hello(conn);
        let authenticate = Authenticate {
            method: Method::Guest,
            name: Text::cut("guest"),
            credential: Secret::default(),
            device: Text::cut("bench"),
            params: Params::NONE,
        };
        self.say(conn, authenticate.encode());
        (conn, self.session)
    }

    pub(super) fn hello(&mut self, conn: ConnId) {
        let hello = Hello {
            min_version: 1,
            max_version: 1,
            heartbeat_ms: Within::clamp(60_000),
            agent: Text::cut("bench"),
            params: Params::NONE,
        };
        self.say(conn, hello.encode());
    }

    pub(super) fn datagram(&mut self, conn: ConnId, bytes: Bytes) {
        let (at, ecn) = (self.now, Ecn::Ect0);
        self.input(Input::Datagram {
            conn,
            bytes,
            at,
            ecn,
        });
    }

    pub(super) fn say(&mut self, conn: ConnId, bytes: Bytes) {
        self.input(Input::Stream {
            conn,
            id: StreamId::FIRST_OF_PEER,
            bytes,
            fin: false,
        });
    }

    /// It has got everything but the last few.
    pub(super) fn acknowledge(&mut self, conn: ConnId, but: u64) {
        let sent = self.sequenced.get(&conn).copied().unwrap_or_default();
        let received = sent.saturating_sub(but);
        let params = Params::NONE;
        self.say(conn, Ack { received, params }.encode());
    }

    pub(super) fn acknowledge_all(&mut self) {
        for conn in self.sequenced.keys().copied().collect::<Vec<_>>() {
            self.acknowledge(conn, 0);
        }
    }

    pub(super) fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
    }

    fn input(&mut self, input: Input) {
        self.core.handle(self.now, input);
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Write { conn, bytes, .. } => self.heard(conn, &bytes),
                Output::Decide(decide) => {
                    let decision = match decide.question {
                        Question::Login { name, .. } => Decision::User {
                            user: UserId(self.next),
                            name,
                            contacts: Vec::new(),
                        },
                        _ => Decision::Allow,
                    };
                    let id = decide.id;
                    self.core.handle(self.now, Input::Decision { id, decision });
                }
                Output::Event(Event::LoggedIn { session, .. }) => self.session = session,
                Output::Event(_) | Output::Allow { .. } => {}
                Output::Close { conn, .. } => {
                    let cause = Cause::Local;
                    self.core.handle(self.now, Input::Closed { conn, cause });
                }
                other => unreachable!("nothing goes wrong: {other:?}"),
            }
        }
        while self.core.next_datagram(&mut self.buffer).is_some() {
            self.datagrams += 1;
        }
    }

    fn heard(&mut self, conn: ConnId, mut bytes: &[u8]) {
        while let Some((&[area, kind, flags, _, _, _, high, low], rest)) =
            bytes.split_first_chunk::<HEADER_LEN>()
        {
            if Flags(flags).has(Flags::SEQUENCED) {
                *self.sequenced.entry(conn).or_default() += 1;
            }
            let (body, after) = rest.split_at(usize::from(u16::from_be_bytes([high, low])));
            // Not what every frame has to bear: ACK, RESULT, TEXT_FROM and their like are not looked into.
            let tells = matches!((area, kind), (1, 4 | 6) | (3 | 7 | 8, _));
            let message = tells.then(|| Message::decode(u16::from_be_bytes([area, kind]), body));
            match message.flatten() {
                Some(Ok(Message::Room(Room::Joined(joined)))) => self.room = joined.room,
                Some(Ok(Message::Session(Session::Authenticated(m)))) => {
                    self.token = m.resume_token;
                }
                Some(Ok(Message::Session(Session::Resumed(m)))) => self.token = m.resume_token,
                Some(Ok(Message::Media(Media::MediaTicket(m)))) => {
                    self.tickets.insert(conn, m.token);
                }
                Some(Ok(Message::Media(Media::Published(m)))) => {
                    self.flows.entry(conn).or_default().push(m.flow);
                }
                Some(Ok(Message::Service(Service::Happened(m)))) => self.entry = m.number,
                Some(Ok(Message::Service(Service::Addressed(m)))) => self.entry = m.number,
                _ => {}
            }
            bytes = after;
        }
    }
}
