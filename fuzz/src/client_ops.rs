//! The client's core under a script: what its application commands, and a server that says anything, in frames of every
//! kind, cut and broken ones, datagrams, losses, time. Held after each step: only live connections are named, each
//! output is a frame that a server admits, the deadline lies ahead, and what waits for the server stays within bounds.
//! In the end it logs out, and is silent.
//!
//! An input is a sequence of `op u8 · arguments`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::client::{
    Ban, Client, Config, Credentials, Event, Offering, RoomChange, StreamDescription,
};
use duet_protocol::code::Code;
use duet_protocol::id::{CallId, RoomId, SessionId, StreamNumber, TransferId, UserId};
use duet_protocol::io::{
    Capabilities, Carried, Cause, ConnId, Core, Input, Output, Purpose, StreamId,
};
use duet_protocol::limits;
use duet_protocol::message::directory::{Availability, Relation};
use duet_protocol::message::media::{Codec, Kind};
use duet_protocol::message::room::{Options, Role};
use duet_protocol::message::{Media, admit, schemas};
use duet_protocol::seed::Seed;
use duet_protocol::time::Instant;
use duet_protocol::wire::{Address, Flags, Framer, Sender};

use crate::datagrams::ecn_of;
use crate::draw::Draw;
use crate::wording::{self, Pool};

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
    connected: bool,
    /// By stream, what it sends.
    framers: BTreeMap<StreamId, Framer>,
}

struct World {
    core: Client,
    now: Instant,
    peers: BTreeMap<ConnId, Peer>,
    /// Frames for resume that the client has sent in this session, as the server should count them.
    sequenced: u64,
    rooms: Vec<RoomId>,
    calls: Vec<CallId>,
    sessions: Vec<SessionId>,
    /// Streams whose payload is being carried.
    splices: Vec<(ConnId, StreamId)>,
    pool: Pool,
    buffer: Vec<u8>,
}

impl World {
    fn new(options: u8) -> Self {
        let now = Instant::from_micros(1_000_000);
        let config = Config {
            reserved_frames: options & 1 != 0,
            ..Config::default()
        };
        let mut world = Self {
            core: Client::new(Arc::new(config), Seed([options; 32]), now),
            now,
            peers: BTreeMap::new(),
            sequenced: 0,
            rooms: Vec::new(),
            calls: Vec::new(),
            sessions: vec![SessionId([7; 16])],
            splices: Vec::new(),
            pool: Pool::default(),
            buffer: Vec::new(),
        };
        let guest = Credentials::Guest("fuzz".to_owned());
        world.core.login(now, guest).expect("a short name");
        world.settle();
        world
    }

    fn step(&mut self, draw: &mut Draw<'_>) {
        match draw.below(16) {
            0 => self.connect(),
            1 => self.named(draw, &["WELCOME", "AUTHENTICATED"]),
            2 => self.named(draw, &["WELCOME", "RESUMED"]),
            3..=6 => {
                if let Some(conn) = self.any(draw) {
                    let frame = wording::frame(draw, &mut self.pool, Sender::Server);
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
            9 => {
                // It has got everything, or nearly.
                let received = self.sequenced.saturating_sub(draw.below(3) as u64);
                let params = duet_protocol::wire::Params::NONE;
                let ack = duet_protocol::message::session::Ack { received, params };
                let frame = duet_protocol::message::Wire::encode(&ack);
                if let Some(conn) = self.any(draw) {
                    self.say(conn, &frame);
                }
            }
            10 => {
                if let Some(conn) = self.any(draw) {
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
            }
            11 => {
                let millis = [1, 25, 200, 1_000, 3_000, 5_000, 20_000, 60_000];
                let millis = draw.one(&millis).copied().unwrap_or(1);
                self.now = self.now.after(Duration::from_millis(millis));
                self.input(Input::Wake);
            }
            12 => {
                if let Some(deadline) = self.core.deadline() {
                    self.now = self.now.max(deadline.at);
                    self.input(Input::Wake);
                }
            }
            13 => {
                if let Some(conn) = self.any(draw) {
                    self.lose(conn, draw.below(5));
                }
            }
            14 => self.carry(draw),
            _ => self.command(draw),
        }
    }

    /// A stream of the server's begins, or one that carries a payload fares somehow.
    fn carry(&mut self, draw: &mut Draw<'_>) {
        if draw.byte() & 1 == 0 {
            let bulk = schemas()
                .find(|schema| schema.name == "BULK")
                .expect("BULK");
            let frame = wording::frame_of(bulk, draw, &mut self.pool);
            let id = StreamId {
                by_peer: true,
                index: u32::from(draw.byte() % 4),
            };
            if let Some(conn) = self.any(draw) {
                let (bytes, fin) = (Bytes::from(frame), draw.byte() & 7 == 0);
                self.input(Input::Stream {
                    conn,
                    id,
                    bytes,
                    fin,
                });
            }
        } else if let Some((conn, id)) = draw.one(&self.splices).copied() {
            let (at, carried) = (u64::from(draw.byte()) << 12, wording::carried(draw.byte()));
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

    fn any(&self, draw: &mut Draw<'_>) -> Option<ConnId> {
        let up = self.peers.iter().filter(|(_, peer)| peer.connected);
        let up: Vec<_> = up.map(|(conn, _)| *conn).collect();
        draw.one(&up).copied()
    }

    /// Every connection that is asked for comes about.
    fn connect(&mut self) {
        let wanted = self.peers.iter_mut().filter(|(_, peer)| !peer.connected);
        let wanted: Vec<_> = wanted
            .map(|(conn, peer)| {
                peer.connected = true;
                (*conn, peer.purpose)
            })
            .collect();
        let capabilities = Capabilities {
            shared_media: false,
            unreliable_datagrams: true,
        };
        for (conn, purpose) in wanted {
            self.input(Input::Connected {
                conn,
                purpose,
                capabilities,
            });
        }
    }

    /// Frames of these names on the newest connection.
    fn named(&mut self, draw: &mut Draw<'_>, names: &[&str]) {
        self.connect();
        for name in names {
            let Some(schema) = schemas().find(|schema| schema.name == *name) else {
                continue;
            };
            let frame = match *name {
                "WELCOME" => welcome(draw),
                _ => wording::frame_of(schema, draw, &mut self.pool),
            };
            let control = self.peers.iter().rev();
            let control = control.filter(|(_, peer)| peer.purpose == Purpose::Control);
            let Some(conn) = control.map(|(conn, _)| *conn).next() else {
                return;
            };
            self.say(conn, &frame);
        }
    }

    fn lose(&mut self, conn: ConnId, how: usize) {
        let id = StreamId::FIRST_OF_CLIENT;
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
                    2 => Cause::Peer(Code::IDLE),
                    3 => Cause::TimedOut,
                    _ => Cause::Failed(String::new()),
                };
                self.input(Input::Closed { conn, cause });
            }
        }
    }

    fn command(&mut self, draw: &mut Draw<'_>) {
        let now = self.now;
        let room = draw.one(&self.rooms).copied().unwrap_or(RoomId([9; 16]));
        let call = draw.one(&self.calls).copied().unwrap_or(CallId([9; 16]));
        let peer = draw
            .one(&self.sessions)
            .copied()
            .unwrap_or(SessionId([7; 16]));
        let (user, to) = (UserId(draw.below(6) as u64), Address::Room(room));
        let stream = StreamNumber(draw.below(4) as u8);
        let transfers: Vec<_> = self.core.transfers().map(|(id, ..)| id).collect();
        let transfer = draw.one(&transfers).copied().unwrap_or(TransferId([9; 16]));
        let core = &mut self.core;
        // An error changes nothing, and is not of interest here.
        match draw.below(30) {
            0 => core.logout(now),
            1 => drop(core.login(now, Credentials::Guest("again".to_owned()))),
            2 => drop(core.lookup(now, "bob")),
            3 => drop(core.set_contact(now, user, Relation::Contact, "friend")),
            4 => drop(core.set_presence(now, Availability::Online, "here")),
            5 => drop(core.text(now, to, "hello")),
            6 => drop(core.data(now, Address::User(user), &[0; 600])),
            7 => drop(core.read(now, Address::User(user), to, 1)),
            8 | 9 => {
                let streams = vec![description(stream), description(StreamNumber(9))];
                let _ = core.invite(now, user, Media::ALL, limits::RING, streams);
            }
            10 | 11 => drop(core.accept(now, call, Media::ALL, vec![description(stream)])),
            12 => drop(core.hang_up(now, call)),
            13 => drop(core.join(now, "room", b"")),
            14 => drop(core.join_room(now, room, b"")),
            15 => drop(core.leave(now, room)),
            16 => drop(core.create(now, "room", b"", 4, Options::NONE)),
            17 => drop(core.set_room(now, room, RoomChange::default())),
            18 => drop(core.admit(now, room, peer, true)),
            19 => drop(core.moderate(now, room, user, Role::Moderator)),
            20 => drop(core.kick(now, room, user, Ban::ForLife)),
            21 => drop(core.publish(now, room, description(stream))),
            22 => drop(core.subscribe(now, room, peer, stream)),
            23 => drop(core.unpublish(now, room, stream)),
            24 => drop(core.unsubscribe(now, room, peer, stream)),
            25 => {
                let offering = Offering {
                    size: u64::from(draw.byte()) << 12,
                    name: "film".to_owned(),
                    content_type: String::new(),
                };
                let _ = core.offer(now, Address::User(user), &offering);
            }
            26 => drop(core.receive(now, transfer, u64::from(draw.byte()) << 12)),
            27 => drop(core.decline(now, transfer, Code::DECLINED)),
            28 => drop(core.cancel_transfer(now, transfer)),
            _ => {
                let rtp = Bytes::from(vec![0x80; 24]);
                let _ = core.send_media(now, stream, rtp);
                core.request_keyframe(now, peer, stream);
            }
        }
        self.settle();
    }

    fn say(&mut self, conn: ConnId, bytes: &[u8]) {
        self.input(Input::Stream {
            conn,
            id: StreamId::FIRST_OF_CLIENT,
            bytes: Bytes::copy_from_slice(bytes),
            fin: false,
        });
    }

    fn input(&mut self, input: Input) {
        let frames = match &input {
            Input::Stream { bytes, .. } => bytes.len() / 8 + 1,
            _ => 1,
        };
        self.core.handle(self.now, input);
        let peers = &self.peers;
        self.splices.retain(|(conn, _)| peers.contains_key(conn));
        let count = self.drain();
        let bound = 16 * frames + 2 * limits::MAX_UNACKNOWLEDGED + 4 * limits::MAX_REQUESTS;
        assert!(count <= bound, "{count} outputs of {frames} frames");
        self.settle();
    }

    fn settle(&mut self) {
        self.drain();
        self.core.handle(self.now, Input::Wake);
        self.drain();
        let late = self.core.deadline().filter(|next| next.at <= self.now);
        assert_eq!(late, None, "it would be woken for ever");
        assert!(self.peers.len() <= 2, "a control and a media connection");
        assert!(self.core.rooms().count() <= limits::MAX_REQUESTS);
        assert!(self.core.calls().count() <= 2);
        assert!(self.core.contacts().count() <= limits::MAX_CONTACTS);
    }

    fn drain(&mut self) -> usize {
        let mut count = 0;
        while let Some(output) = self.core.poll_output() {
            count += 1;
            match output {
                Output::Connect { conn, purpose, .. } => {
                    let peer = Peer {
                        purpose,
                        connected: false,
                        framers: BTreeMap::new(),
                    };
                    assert!(self.peers.insert(conn, peer).is_none(), "{conn:?} twice");
                }
                Output::Open { conn, .. } => {
                    let up = self.peers.get(&conn).is_some_and(|peer| peer.connected);
                    assert!(up, "a stream on {conn:?}");
                }
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
                Output::Allow { conn, .. } => {
                    assert!(self.peers.contains_key(&conn), "{conn:?} is gone");
                }
                Output::Close { conn, .. } => {
                    assert!(self.peers.remove(&conn).is_some(), "{conn:?} closed twice");
                    let cause = Cause::Local;
                    self.core.handle(self.now, Input::Closed { conn, cause });
                }
                Output::Event(event) => self.told(&event),
                other => panic!("no server: {other:?}"),
            }
        }
        while let Some(conn) = self.core.next_datagram(&mut self.buffer) {
            assert!(self.buffer.len() <= limits::MAX_DATAGRAM);
            let peer = self.peers.get(&conn).map(|peer| peer.purpose);
            assert_eq!(peer, Some(Purpose::Media), "a datagram for {conn:?}");
        }
        count
    }

    fn told(&mut self, event: &Event) {
        match event {
            Event::LoggedIn { .. } => self.sequenced = 0,
            Event::Joined { room, .. } => self.rooms.push(*room),
            Event::Incoming { call, .. } | Event::Ringing { call } => self.calls.push(*call),
            Event::StreamOpened { room, session, .. } => {
                self.rooms.push(*room);
                self.sessions.push(*session);
            }
            _ => {}
        }
        let calls = self.core.calls();
        self.calls.extend(calls.map(|(call, _)| call));
        self.rooms.dedup();
        self.calls.dedup();
    }

    /// A server would admit every frame.
    fn heard(&mut self, conn: ConnId, id: StreamId, bytes: Bytes) {
        let peer = self.peers.get_mut(&conn).filter(|peer| peer.connected);
        let peer = peer.unwrap_or_else(|| panic!("a write for {conn:?}, which is not there"));
        let framer = peer.framers.entry(id);
        let framer = framer.or_insert_with(|| Framer::new(limits::MAX_FRAME as u32));
        framer.push(bytes);
        while let Some(frame) = framer.next_frame().expect("frames") {
            if frame.header.flags.has(Flags::SEQUENCED) {
                self.sequenced += 1;
            }
            match admit(&frame, Sender::Client) {
                Ok(Some(message)) => self.pool.note(&message.values()),
                Ok(None) => {}
                Err(violation) => panic!("{violation:?}: {frame:?}"),
            }
        }
        assert!(!framer.is_mid_frame(), "half a frame for {conn:?}");
    }

    /// It logs out, its connections go, and it wants nothing more.
    fn end(mut self) {
        self.core.logout(self.now);
        self.settle();
        while let Some((conn, _)) = self.peers.pop_first() {
            let cause = Cause::TimedOut;
            self.input(Input::Closed { conn, cause });
        }
        for _ in 0..1_000 {
            let Some(deadline) = self.core.deadline() else {
                break;
            };
            self.now = self.now.max(deadline.at);
            self.input(Input::Wake);
        }
        assert_eq!(self.core.deadline(), None, "it is logged out");
        assert!(self.peers.is_empty(), "it connects, logged out");
        assert_eq!(self.core.calls().count() + self.core.rooms().count(), 0);
    }
}

fn welcome(draw: &mut Draw<'_>) -> Vec<u8> {
    use duet_protocol::message::Wire as _;
    use duet_protocol::wire::{Params, Text, Within};
    let welcome = duet_protocol::message::session::Welcome {
        version: 1,
        heartbeat_ms: Within::clamp(5_000),
        dead_after_ms: Within::clamp(20_000),
        resume_window_ms: Within::clamp(30_000),
        max_frame: Within::clamp(u32::from(draw.byte()) << 8),
        max_unacknowledged: Within::clamp(u32::from(draw.byte()) << 2),
        max_rooms: draw.byte(),
        agent: Text::default(),
        params: Params::NONE,
    };
    welcome.encode().to_vec()
}

fn description(stream: StreamNumber) -> StreamDescription {
    StreamDescription {
        stream,
        kind: Kind::Audio,
        codec: Codec::Opus,
        payload_type: 96,
        clock_rate: 48_000,
        ssrc: 1,
        max_bitrate: 64_000,
        useful_ms: 200,
        config: Vec::new(),
    }
}
