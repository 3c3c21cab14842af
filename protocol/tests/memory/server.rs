//! The server's core, and clients that mean it ill.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::id::{CallId, RequestId, RoomId, SessionId, StreamNumber, UserId};
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::limits::{self, DOOR_MEMORY, ROOM_MEMORY, SESSION_MEMORY};
use duet_protocol::message::call::Invite;
use duet_protocol::message::channel::DataTo;
use duet_protocol::message::directory::{ContactEntry, ContactSet, Lookup, Relation};
use duet_protocol::message::media::{Codec, Description, Kind, Publish, Subscribe};
use duet_protocol::message::room::{Create, Join, Leave, Message as Room, Options};
use duet_protocol::message::session::{Ack, Authenticate, Hello, Method};
use duet_protocol::message::{Media, Message, Wire as _, schemas};
use duet_protocol::seed::Seed;
use duet_protocol::server::{Census, Config, Event, Server};
use duet_protocol::service::{Decision, Question};
use duet_protocol::time::Instant;
use duet_protocol::wire::{
    Address, Flags, HEADER_LEN, Opaque, Params, Secret, Sender, Text, Within,
};

use super::draw::Draw;
use super::wording::{self, Pool};
use super::{SLACK, live};

/// What a session costs that does nothing much.
const LIGHT: usize = SESSION_MEMORY / 32;

struct Host {
    core: Server,
    now: Instant,
    base: usize,
    next: u64,
    /// How many frames for resume each connection was sent.
    conns: BTreeMap<ConnId, u64>,
    /// Whether everything is acknowledged at once.
    acknowledges: bool,
    /// Whether the service answers.
    decides: bool,
    session: SessionId,
    /// The room that somebody entered last.
    room: RoomId,
    peak: usize,
    /// How many of the sessions may cost all that one may; the others hardly anything.
    heavy: usize,
    what: &'static str,
}

impl Host {
    fn new(what: &'static str) -> Self {
        let (base, now) = (live(), Instant::from_micros(1));
        let config = Config {
            reserved_frames: false,
            ..Config::default()
        };
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
            peak: 0,
            heavy: usize::MAX,
            what,
        }
    }

    fn connect(&mut self, purpose: Purpose) -> ConnId {
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
    fn online(&mut self) -> (ConnId, SessionId) {
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

    fn say(&mut self, conn: ConnId, bytes: Bytes) {
        self.input(Input::Stream {
            conn,
            id: StreamId::FIRST_OF_PEER,
            bytes,
            fin: false,
        });
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        self.input(Input::Wake);
    }

    /// One input, and what lives then against what may.
    fn input(&mut self, input: Input) {
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
            + SLACK;
        let is = live().saturating_sub(self.base);
        self.peak = self.peak.max(is);
        assert!(is <= may, "{}: {is} bytes of {may}, {census:?}", self.what);
    }

    fn drain(&mut self) {
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
    }

    fn heard(&mut self, conn: ConnId, mut bytes: &[u8]) {
        while let Some((&[area, kind, flags, _, _, _, high, low], rest)) =
            bytes.split_first_chunk::<HEADER_LEN>()
        {
            if let Some(count) = self.conns.get_mut(&conn)
                && Flags(flags).has(Flags::SEQUENCED)
            {
                *count = ((*count >> 1) + 1) << 1 | 1;
            }
            let (body, after) = rest.split_at(usize::from(u16::from_be_bytes([high, low])));
            if let Some(Ok(Message::Room(Room::Joined(joined)))) =
                Message::decode(u16::from_be_bytes([area, kind]), body)
            {
                self.room = joined.room;
            }
            bytes = after;
        }
    }

    /// Everybody is gone, and so is what they cost.
    fn end(mut self) {
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
        assert!(left <= SLACK, "{}: {left} bytes stay", self.what);
        drop(self.core);
        let left = live().saturating_sub(self.base);
        assert!(left <= 4_096, "{}: {left} bytes leak", self.what);
    }
}

fn header(kind: u16, length: u32) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes
}

/// A large frame that never ends, byte by byte, each byte a slice of a large buffer.
pub(super) fn half_frames_at_the_door() {
    let mut host = Host::new("half frames at the door");
    for purpose in [Purpose::Control, Purpose::Media] {
        for _ in 0..40 {
            let conn = host.connect(purpose);
            let mut frame = header(0x0101, limits::MAX_FRAME as u32);
            frame.resize(limits::MAX_FRAME, 1);
            for byte in frame {
                let mut large = vec![byte; 2_048];
                large.truncate(2_048);
                host.say(conn, Bytes::from(large).slice(..1));
            }
        }
        if purpose == Purpose::Media {
            // Not in the census, and as much as a door.
            break;
        }
        host.pass(limits::LOGIN.as_millis() as u64);
        assert_eq!(host.core.census().doors, 0);
    }
    host.end();
}

/// Each request is refused, each refusal waits to be acknowledged.
pub(super) fn many_small_requests_without_an_acknowledgement() {
    let mut host = Host::new("small requests without an acknowledgement");
    (host.acknowledges, host.heavy) = (false, 1);
    for _ in 0..4 {
        let (conn, _) = host.online();
        for number in 0..3_000 {
            host.say(conn, leave(number).encode());
        }
        assert!(!host.conns.contains_key(&conn), "it is behind, and out");
    }
    host.end();
}

fn leave(number: u32) -> Leave<'static> {
    Leave {
        request: RequestId(number),
        room: RoomId([3; 16]),
        params: Params::NONE,
    }
}

/// Receivers that keep quiet, and many senders.
pub(super) fn large_data_for_those_who_do_not_acknowledge() {
    let mut host = Host::new("large data, not acknowledged");
    (host.acknowledges, host.heavy) = (false, 4);
    let receivers: Vec<_> = (0..4).map(|_| host.online()).collect();
    let senders: Vec<_> = (0..20).map(|_| host.online()).collect();
    let mut number = 0;
    for length in [16_000, 1, 16_000] {
        for (conn, _) in &senders {
            for (_, to) in (0..5).flat_map(|_| &receivers) {
                number += 1;
                let data = vec![7; length];
                let data = DataTo {
                    to: Address::Session(*to),
                    request: RequestId(number),
                    data: Opaque::new(&data).unwrap(),
                    params: Params::NONE,
                };
                host.say(*conn, data.encode());
            }
        }
    }
    let tried = 3 * limits::MAX_UNACKNOWLEDGED_BYTES;
    assert!(host.peak > tried, "only {} bytes", host.peak);
    host.end();
}

/// LOOKUP, CONTACT_SET, JOIN by name, with the longest of names, and no answer.
pub(super) fn questions_that_the_service_leaves_open() {
    let mut host = Host::new("open questions");
    host.heavy = 0;
    let peers: Vec<_> = (0..20).map(|_| host.online()).collect();
    host.decides = false;
    let long = "n".repeat(64);
    for (at, (conn, _)) in peers.iter().enumerate() {
        for number in 0..400 {
            let request = RequestId(number);
            let name = Text::cut(&long);
            let params = Params::NONE;
            let frame = match number % 3 {
                0 => Lookup {
                    request,
                    name,
                    params,
                }
                .encode(),
                1 => ContactSet {
                    request,
                    entry: ContactEntry {
                        user: UserId(u64::from(number) + 1_000),
                        relation: Relation::Contact,
                        name,
                    },
                    params,
                }
                .encode(),
                _ => {
                    let own = format!("{at} {number} {long}");
                    Join {
                        request,
                        room: RoomId::NONE,
                        name: Text::cut(&own),
                        secret: Opaque::new(&[1; 64]).unwrap(),
                        params,
                    }
                    .encode()
                }
            };
            host.say(*conn, frame);
        }
    }
    host.end();
}

/// A hundred members, every stream that there may be, everyone subscribed to as many as it may be, and then all the
/// members' lists full.
pub(super) fn a_room_as_full_as_can_be() {
    let mut host = Host::new("a full room");
    host.heavy = 0;
    let long = "n".repeat(64);
    let (first, _) = host.online();
    let create = Create {
        request: RequestId(1),
        name: Text::cut(&long),
        secret: Opaque::default(),
        capacity: Within::clamp(limits::MAX_MEMBERS as u32),
        options: Options::NONE,
        params: Params::NONE,
    };
    host.say(first, create.encode());
    let join = Join {
        request: RequestId(2),
        room: RoomId::NONE,
        name: Text::cut(&long),
        secret: Opaque::default(),
        params: Params::NONE,
    };
    let mut members = vec![first];
    let mut sessions = vec![host.session];
    for _ in 1..limits::MAX_MEMBERS {
        let (conn, session) = host.online();
        members.push(conn);
        sessions.push(session);
    }
    for conn in &members {
        host.say(*conn, join.encode());
    }
    assert_eq!(host.core.census().rooms, 1);
    let room = host.room;
    for (at, conn) in members.iter().enumerate().take(8) {
        for stream in 0..8 {
            let publish = Publish {
                request: RequestId(10 + stream),
                room,
                description: Description {
                    stream: StreamNumber(stream as u8),
                    kind: Kind::Video,
                    codec: Codec::H264,
                    payload_type: 96,
                    clock_rate: 90_000,
                    ssrc: at as u32,
                    max_bitrate: 0,
                    useful_ms: 1_000,
                    config: Opaque::new(&[1; 256]).unwrap(),
                },
                params: Params::NONE,
            };
            host.say(*conn, publish.encode());
        }
    }
    for conn in &members {
        for number in 0..40 {
            let subscribe = Subscribe {
                request: RequestId(100 + number),
                room,
                session: sessions[number as usize / 8],
                stream: StreamNumber((number % 8) as u8),
                params: Params::NONE,
            };
            host.say(*conn, subscribe.encode());
        }
    }
    host.end();
}

/// INVITE and CANCEL with the largest blocks, as fast as it may.
pub(super) fn calls_one_after_the_other() {
    let mut host = Host::new("calls");
    host.heavy = 0;
    let peers: Vec<_> = (0..8).map(|_| host.online()).collect();
    for number in 0..4_000_u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number + 1).to_be_bytes());
        let (conn, _) = peers[number as usize % peers.len()];
        let invite = Invite {
            call: CallId(id),
            peer: UserId((number + 1) % 8 + 1),
            media: Media::ALL,
            ring_for_ms: Within::clamp(120_000),
            name: Text::default(),
            end_to_end: Opaque::new(&[1; 1_024]).unwrap(),
            params: Params::NONE,
        };
        host.say(conn, invite.encode());
        host.pass(5);
    }
    assert!(host.conns.len() >= 8, "nobody broke a rule");
    host.end();
}

/// Whatever kinds there are, with ids that mean something and ids that do not.
pub(super) fn frames_of_every_kind() {
    let mut host = Host::new("frames of every kind");
    let mut pool = Pool::default();
    let mut state = 1_u64;
    let mut conns: Vec<_> = (0..6).map(|_| host.online().0).collect();
    for number in 0..6_000 {
        let bytes: [u8; 96] = core::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        let mut draw = Draw::new(&bytes);
        let frame = wording::frame(&mut draw, &mut pool, Sender::Client);
        let at = number % conns.len();
        if !host.conns.contains_key(&conns[at]) {
            conns[at] = host.online().0;
        }
        host.acknowledges = number % 3 > 0;
        host.say(conns[at], Bytes::from(frame));
        host.pass(20);
    }
    assert!(schemas().count() > 20);
    host.end();
}
