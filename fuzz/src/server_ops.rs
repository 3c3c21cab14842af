//! The server's core under a script of up to eight connections: logins, frames of every kind, cut and broken ones,
//! datagrams, decisions, losses, time. Held after each step: only live connections are named, each output is a frame
//! that a client admits, the deadline lies ahead, the census is within bounds. In the end everybody goes, time passes,
//! and nothing is left.
//!
//! An input is a sequence of `op u8 · arguments`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::id::UserId;
use duet_protocol::io::{
    Capabilities, Carried, Cause, ConnId, Core, Input, Output, Purpose, StreamId,
};
use duet_protocol::limits;
use duet_protocol::media::Ecn;
use duet_protocol::message::service::{Link, Permissions};
use duet_protocol::message::session::{Ack, Authenticate, Hello, Method};
use duet_protocol::message::{Wire as _, admit, schemas};
use duet_protocol::seed::Seed;
use duet_protocol::server::{Census, Config, Server};
use duet_protocol::service::{Decide, Decision, LinkConfig, Question, ServiceToken};
use duet_protocol::time::Instant;
use duet_protocol::wire::{Flags, Framer, Params, Secret, Sender, Text, Within};

use crate::datagrams::ecn_of;
use crate::draw::Draw;
use crate::wording::{self, Pool};

/// What lets a service link.
const TOKEN: &[u8] = b"token";
/// Connections at once.
const MOST: usize = 8;

/// Plays a script.
pub fn run(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut world = World::new(draw.byte());
    while !draw.is_empty() {
        world.step(&mut draw);
    }
    world.end();
}

struct Peer {
    purpose: Purpose,
    /// By stream, what it is sent.
    framers: BTreeMap<StreamId, Framer>,
    /// Frames for resume that it was sent.
    sequenced: u64,
}

struct World {
    core: Server,
    now: Instant,
    /// Whether the service allows everything at once; otherwise the script decides.
    lenient: bool,
    next: u64,
    peers: BTreeMap<ConnId, Peer>,
    questions: VecDeque<Decide>,
    /// Streams whose payload is being carried.
    splices: Vec<(ConnId, StreamId)>,
    pool: Pool,
    buffer: Vec<u8>,
}

impl World {
    fn new(options: u8) -> Self {
        let now = Instant::from_micros(1_000_000);
        let link = LinkConfig {
            tokens: vec![ServiceToken::new(TOKEN, Permissions::ALL)],
            asks: match options & 8 {
                0 => Permissions::CALL,
                _ => Permissions::ALL,
            },
        };
        let config = Config {
            reserved_frames: options & 2 != 0,
            link: (options & 4 != 0).then_some(link),
            ..Config::default()
        };
        Self {
            core: Server::new(Arc::new(config), Seed([options; 32]), now),
            now,
            lenient: options & 1 == 0,
            next: 0,
            peers: BTreeMap::new(),
            questions: VecDeque::new(),
            splices: Vec::new(),
            pool: Pool::default(),
            buffer: Vec::new(),
        }
    }

    fn step(&mut self, draw: &mut Draw<'_>) {
        match draw.below(16) {
            0 => self.login(draw),
            1 => drop(self.connect(Purpose::Control)),
            2 => self.attach(draw),
            3..=6 => {
                if let Some(conn) = self.any(draw) {
                    let frame = wording::frame(draw, &mut self.pool, Sender::Client);
                    self.say(conn, &frame);
                }
            }
            7 => {
                if let Some(conn) = self.any(draw) {
                    let frame = wording::frame(draw, &mut self.pool, Sender::Either);
                    let (first, rest) = frame.split_at(draw.below(frame.len()));
                    self.say(conn, first);
                    if draw.byte() & 1 == 0 {
                        self.say(conn, rest);
                    }
                }
            }
            8 => {
                if let Some(conn) = self.any(draw) {
                    let count = draw.below(40);
                    self.say(conn, draw.bytes(count));
                }
            }
            9 => self.acknowledge(draw),
            10 => self.datagram(draw),
            11 => self.decide(draw),
            12 => {
                let millis = [1, 25, 200, 1_000, 3_000, 5_000, 20_000, 60_000];
                let millis = draw.one(&millis).copied().unwrap_or(1);
                self.now = self.now.after(Duration::from_millis(millis));
                self.input(Input::Wake);
            }
            13 => {
                if let Some(deadline) = self.core.deadline() {
                    self.now = self.now.max(deadline.at);
                    self.input(Input::Wake);
                }
            }
            14 => {
                if let Some(conn) = self.any(draw) {
                    self.lose(conn, draw.below(6));
                }
            }
            _ => self.odd(draw),
        }
    }

    fn any(&self, draw: &mut Draw<'_>) -> Option<ConnId> {
        let all: Vec<_> = self.peers.keys().copied().collect();
        draw.one(&all).copied()
    }

    fn connect(&mut self, purpose: Purpose) -> Option<ConnId> {
        if self.peers.len() >= MOST {
            return None;
        }
        self.next += 1;
        let conn = ConnId(self.next);
        let peer = Peer {
            purpose,
            framers: BTreeMap::new(),
            sequenced: 0,
        };
        self.peers.insert(conn, peer);
        let capabilities = Capabilities {
            shared_media: false,
            unreliable_datagrams: true,
        };
        self.input(Input::Connected {
            conn,
            purpose,
            capabilities,
        });
        Some(conn)
    }

    fn login(&mut self, draw: &mut Draw<'_>) {
        let Some(conn) = self.connect(Purpose::Control) else {
            return;
        };
        let name = ["alice", "bob", "carol", "dora"];
        let device = ["phone", "desk"];
        let authenticate = Authenticate {
            method: Method::Password,
            name: Text::cut(draw.one(&name).copied().unwrap_or("")),
            credential: Secret::default(),
            device: Text::cut(draw.one(&device).copied().unwrap_or("")),
            params: Params::NONE,
        };
        self.say(conn, &[hello(), authenticate.encode()].concat());
    }

    /// A media connection that shows one of the tokens that have been given.
    fn attach(&mut self, draw: &mut Draw<'_>) {
        let Some(conn) = self.connect(Purpose::Media) else {
            return;
        };
        if let Some(schema) = schemas().find(|schema| schema.name == "ATTACH") {
            let frame = wording::frame_of(schema, draw, &mut self.pool);
            self.say(conn, &frame);
        }
    }

    /// A service links, with the right token or another.
    fn link(&mut self, draw: &mut Draw<'_>) {
        let Some(conn) = self.connect(Purpose::Service) else {
            return;
        };
        let link = Link {
            name: Text::cut("fuzz"),
            token: Secret::new(TOKEN).unwrap_or_default(),
            permissions: Permissions::ALL,
            last_epoch: 0,
            last_number: draw.byte().into(),
            params: Params::NONE,
        };
        self.say(conn, &hello());
        self.say(conn, &link.encode());
    }

    /// A linked service says something.
    fn serve(&mut self, draw: &mut Draw<'_>) {
        let services = self.peers.iter();
        let services = services.filter(|(_, peer)| peer.purpose == Purpose::Service);
        let services: Vec<_> = services.map(|(conn, _)| *conn).collect();
        if let Some(conn) = draw.one(&services).copied() {
            let frame = wording::service_frame(draw, &mut self.pool);
            self.say(conn, &frame);
        }
    }

    fn acknowledge(&mut self, draw: &mut Draw<'_>) {
        let Some(conn) = self.any(draw) else { return };
        if let Some(peer) = self.peers.get(&conn) {
            let received = peer.sequenced.saturating_sub(draw.below(3) as u64);
            let params = Params::NONE;
            let ack = Ack { received, params }.encode();
            self.say(conn, &ack);
        }
    }

    fn datagram(&mut self, draw: &mut Draw<'_>) {
        let Some(conn) = self.any(draw) else { return };
        let mut bytes = vec![draw.below(12) as u8];
        let count = draw.below(40);
        bytes.extend_from_slice(draw.bytes(count));
        let ecn = ecn_of(&bytes);
        let (bytes, at) = (Bytes::from(bytes), self.now);
        self.input(Input::Datagram {
            conn,
            bytes,
            at,
            ecn,
        });
    }

    fn decide(&mut self, draw: &mut Draw<'_>) {
        let Some(decide) = self.questions.pop_front() else {
            return;
        };
        let decision = match draw.below(4) {
            0 => Decision::Deny(Code::BANNED),
            1 => Decision::Allow,
            2 => Decision::User {
                user: UserId(draw.below(6) as u64),
                name: "x".repeat(100),
                contacts: Vec::new(),
            },
            _ => granted(&decide.question),
        };
        let id = decide.id;
        self.input(Input::Decision { id, decision });
        if draw.byte() & 1 == 1 {
            self.input(Input::Decision {
                id,
                decision: Decision::Allow,
            });
        }
    }

    fn lose(&mut self, conn: ConnId, how: usize) {
        let id = StreamId::FIRST_OF_PEER;
        match how {
            0 => self.input(Input::Reset { conn, id }),
            1 => self.input(Input::Stream {
                conn,
                id,
                bytes: Bytes::new(),
                fin: true,
            }),
            how => {
                self.peers.remove(&conn);
                let cause = match how {
                    2 => Cause::Peer(Code::LOGOUT),
                    3 => Cause::Peer(Code::NONE),
                    4 => Cause::TimedOut,
                    _ => Cause::Failed(String::new()),
                };
                self.input(Input::Closed { conn, cause });
            }
        }
    }

    /// What a driver says from time to time, and what it should not.
    fn odd(&mut self, draw: &mut Draw<'_>) {
        let conn = match draw.byte() & 1 {
            0 => self.any(draw).unwrap_or(ConnId(0)),
            _ => ConnId(u64::from(draw.byte())),
        };
        match draw.below(8) {
            0 => self.input(Input::Path {
                conn,
                rtt: Duration::from_millis(u64::from(draw.byte())),
                max_datagram: 1_160,
            }),
            1 => self.input(Input::WallClock {
                unix_micros: u64::from_be_bytes(draw.array()),
            }),
            2 => self.input(Input::Stream {
                conn,
                id: StreamId {
                    by_peer: draw.byte() & 1 == 1,
                    index: draw.byte().into(),
                },
                bytes: Bytes::from_static(&[0]),
                fin: false,
            }),
            3 => {
                // The first frame of a transfer's stream, and perhaps what no driver would hand on.
                let bulk = schemas()
                    .find(|schema| schema.name == "BULK")
                    .expect("BULK");
                let frame = wording::frame_of(bulk, draw, &mut self.pool);
                let id = StreamId {
                    by_peer: true,
                    index: 1 + u32::from(draw.byte() % 4),
                };
                let (bytes, fin) = (Bytes::from(frame), draw.byte() & 7 == 0);
                if self.peers.contains_key(&conn) {
                    self.input(Input::Stream {
                        conn,
                        id,
                        bytes,
                        fin,
                    });
                }
            }
            5 => self.link(draw),
            6 => self.serve(draw),
            4 => {
                if let Some((conn, id)) = draw.one(&self.splices).copied() {
                    let (at, carried) =
                        (u64::from(draw.byte()) << 12, wording::carried(draw.byte()));
                    if !matches!(carried, Carried::Moving) {
                        self.splices.retain(|own| *own != (conn, id));
                    }
                    self.input(Input::Spliced {
                        conn,
                        id,
                        at,
                        carried,
                    });
                }
            }
            _ => {
                let at = Instant::from_micros(u64::from_be_bytes(draw.array()) >> 1);
                let at = at.min(self.now);
                let (bytes, ecn) = (Bytes::from_static(&[1, 0, 0, 0x80]), Ecn::Ce);
                self.input(Input::Datagram {
                    conn,
                    bytes,
                    at,
                    ecn,
                });
            }
        }
    }

    fn say(&mut self, conn: ConnId, bytes: &[u8]) {
        self.input(Input::Stream {
            conn,
            id: StreamId::FIRST_OF_PEER,
            bytes: Bytes::copy_from_slice(bytes),
            fin: false,
        });
    }

    /// One input, what comes of it, and what must hold then.
    fn input(&mut self, input: Input) {
        // Frames at most, the eight bytes of a header each, and what one of them costs at most here: a link that is
        // taken up again is sent all that waits.
        let frames = match &input {
            Input::Stream { bytes, .. } => bytes.len() / 8 + 1,
            _ => 1,
        };
        self.core.handle(self.now, input);
        let peers = &self.peers;
        self.splices.retain(|(conn, _)| peers.contains_key(conn));
        let mut count = self.drain();
        let bound = 64 * frames + 2 * MOST * (limits::MAX_UNACKNOWLEDGED + 64);
        assert!(count <= bound, "{count} outputs of {frames} frames");
        // Whatever was due has been done: to ask again changes nothing.
        self.core.handle(self.now, Input::Wake);
        count = self.drain();
        assert!(count <= bound, "{count} outputs of time alone");
        let late = self.core.deadline().filter(|next| next.at <= self.now);
        assert_eq!(late, None, "it would be woken for ever");
        let census = self.core.census();
        let of = |purpose| {
            let peers = self.peers.values();
            peers.filter(|peer| peer.purpose == purpose).count()
        };
        let doors = of(Purpose::Control) + of(Purpose::Service);
        assert!(census.doors <= doors, "{census:?}");
        assert!(census.media <= of(Purpose::Media), "{census:?}");
        assert!(census.sessions as u64 <= self.next, "{census:?}");
        assert!(census.calls <= census.sessions + 1, "{census:?}");
    }

    fn drain(&mut self) -> usize {
        let mut count = 0;
        while let Some(output) = self.core.poll_output() {
            count += 1;
            match output {
                Output::Write {
                    conn, id, bytes, ..
                } => self.heard(conn, id, bytes),
                Output::Splice { conn, id, .. } => {
                    assert!(self.peers.contains_key(&conn), "{conn:?} is gone");
                    assert!(!self.splices.contains(&(conn, id)), "{id:?} twice");
                    self.splices.push((conn, id));
                }
                Output::Stop { conn, id, .. } | Output::Reset { conn, id, .. } => {
                    assert!(self.peers.contains_key(&conn), "{conn:?} is gone");
                    self.splices.retain(|own| *own != (conn, id));
                }
                Output::Open { conn, id } => {
                    assert!(self.peers.contains_key(&conn), "{conn:?} is gone");
                    assert!(!id.by_peer, "a stream of its own");
                }
                Output::Allow { conn, .. } => {
                    assert!(self.peers.contains_key(&conn), "{conn:?} is gone");
                }
                Output::Close { conn, .. } => {
                    assert!(self.peers.remove(&conn).is_some(), "{conn:?} closed twice");
                    let cause = Cause::Local;
                    self.core.handle(self.now, Input::Closed { conn, cause });
                }
                Output::Decide(decide) if self.lenient => {
                    let decision = granted(&decide.question);
                    let id = decide.id;
                    self.core.handle(self.now, Input::Decision { id, decision });
                }
                Output::Decide(decide) => self.questions.push_back(decide),
                Output::Event(_) => {}
                other => panic!("one shard, and a server: {other:?}"),
            }
        }
        while let Some(conn) = self.core.next_datagram(&mut self.buffer) {
            assert!(self.buffer.len() <= limits::MAX_DATAGRAM);
            let peer = self.peers.get(&conn).map(|peer| peer.purpose);
            assert_eq!(peer, Some(Purpose::Media), "a datagram for {conn:?}");
        }
        count
    }

    /// A client would admit every frame.
    fn heard(&mut self, conn: ConnId, id: StreamId, bytes: Bytes) {
        let peer = self.peers.get_mut(&conn);
        let peer = peer.unwrap_or_else(|| panic!("a write for {conn:?}, which is gone"));
        let framer = peer.framers.entry(id);
        let framer = framer.or_insert_with(|| Framer::new(limits::MAX_FRAME as u32));
        framer.push(bytes);
        while let Some(frame) = framer.next_frame().expect("frames") {
            if frame.header.flags.has(Flags::SEQUENCED) {
                peer.sequenced += 1;
            }
            match admit(&frame, Sender::Server) {
                Ok(Some(message)) if peer.purpose == Purpose::Service => {
                    self.pool.note_of_service(&message.values());
                }
                Ok(Some(message)) => self.pool.note(&message.values()),
                Ok(None) => {}
                Err(violation) => panic!("{violation:?}: {frame:?}"),
            }
        }
        assert!(!framer.is_mid_frame(), "half a frame for {conn:?}");
    }

    /// Everybody goes, and all time passes.
    fn end(mut self) {
        self.lenient = true;
        for decide in core::mem::take(&mut self.questions) {
            let decision = Decision::Deny(Code::BANNED);
            self.input(Input::Decision {
                id: decide.id,
                decision,
            });
        }
        while let Some((conn, _)) = self.peers.pop_first() {
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
        assert_eq!(self.core.deadline(), None, "nobody is left to wait for");
        assert_eq!(self.core.census(), Census::default());
    }
}

fn hello() -> Bytes {
    Hello {
        min_version: 1,
        max_version: 1,
        heartbeat_ms: Within::clamp(5_000),
        agent: Text::cut("fuzz"),
        params: Params::NONE,
    }
    .encode()
}

/// What a kind service says.
fn granted(question: &Question) -> Decision {
    match question {
        Question::Login { name, .. } | Question::Lookup { name, .. } => Decision::User {
            user: UserId(
                name.bytes()
                    .next()
                    .map_or(9, |first| u64::from(first % 8) + 1),
            ),
            name: name.clone(),
            contacts: Vec::new(),
        },
        Question::Join { .. } | Question::Contact { .. } | Question::Call { .. } => Decision::Allow,
    }
}
