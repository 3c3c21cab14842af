//! The client's core, and a server that means it ill.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::client::{Client, Config, Credentials};
use duet_protocol::code::Code;
use duet_protocol::id::{CallId, RoomId, SessionId, UserId};
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::limits::{self, SESSION_MEMORY};
use duet_protocol::message::call::{End, Invite};
use duet_protocol::message::directory::{Contact, ContactEntry, Relation};
use duet_protocol::message::media::{Codec, Description, Kind, State, Stream};
use duet_protocol::message::room::{Change, Delta, Joined, Member, Options, Presence, Role};
use duet_protocol::message::session::{Authenticated, Welcome};
use duet_protocol::message::{Media, Wire as _};
use duet_protocol::seed::Seed;
use duet_protocol::time::Instant;
use duet_protocol::wire::{List, Opaque, Params, Sender, Text, Within};

use super::draw::Draw;
use super::wording::{self, Pool};
use super::{SLACK, live};

struct Victim {
    core: Client,
    now: Instant,
    base: usize,
    conn: Option<ConnId>,
    /// With what it was closed.
    closed: Option<Code>,
    pool: Pool,
    peak: usize,
    what: &'static str,
}

impl Victim {
    fn new(what: &'static str) -> Self {
        let (base, now) = (live(), Instant::from_micros(1));
        let mut victim = Self {
            core: Client::new(Arc::new(Config::default()), Seed([1; 32]), now),
            now,
            base,
            conn: None,
            closed: None,
            pool: Pool::default(),
            peak: 0,
            what,
        };
        victim.login();
        victim
    }

    fn login(&mut self) {
        let name = Credentials::Guest("victim".to_owned());
        self.core.login(self.now, name).expect("a short name");
        self.drain();
        let conn = self.conn.expect("it connects");
        let capabilities = Capabilities {
            shared_media: false,
            unreliable_datagrams: true,
        };
        self.core.handle(
            self.now,
            Input::Connected {
                conn,
                purpose: Purpose::Control,
                capabilities,
            },
        );
        let welcome = Welcome {
            version: 1,
            heartbeat_ms: Within::clamp(60_000),
            dead_after_ms: Within::clamp(180_000),
            resume_window_ms: Within::clamp(0),
            max_frame: Within::clamp(16_384),
            max_unacknowledged: Within::clamp(65_536),
            max_rooms: 255,
            agent: Text::default(),
            params: Params::NONE,
        };
        let authenticated = Authenticated {
            user: UserId(1),
            session: SessionId([1; 16]),
            resume_token: [1; 32],
            name: Text::cut("victim"),
            params: Params::NONE,
        };
        self.say(welcome.encode());
        self.say(authenticated.encode());
        assert!(self.closed.is_none());
    }

    /// Something the server says; false once the client has had enough.
    fn say(&mut self, bytes: Bytes) -> bool {
        let Some(conn) = self.conn else { return false };
        let id = StreamId::FIRST_OF_CLIENT;
        let fin = false;
        let input = Input::Stream {
            conn,
            id,
            bytes,
            fin,
        };
        self.core.handle(self.now, input);
        self.drain();
        let is = live().saturating_sub(self.base);
        self.peak = self.peak.max(is);
        let may = SESSION_MEMORY + SLACK / 4;
        assert!(is <= may, "{}: {is} bytes of {may}", self.what);
        self.conn.is_some()
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect {
                    conn,
                    purpose: Purpose::Control,
                    ..
                } => {
                    self.conn = Some(conn);
                }
                Output::Close { conn, code } => {
                    if self.conn == Some(conn) {
                        self.conn = None;
                        self.closed = Some(code);
                    }
                    let cause = Cause::Local;
                    self.core.handle(self.now, Input::Closed { conn, cause });
                }
                Output::Write { bytes, .. } => {
                    let kind = u16::from_be_bytes([bytes[0], bytes[1]]);
                    if let Some(Ok(message)) =
                        duet_protocol::message::Message::decode(kind, &bytes[8..])
                    {
                        self.pool.note(&message.values());
                    }
                }
                _ => {}
            }
        }
    }

    fn end(mut self) {
        println!("{}: at most {} bytes", self.what, self.peak);
        self.core.logout(self.now);
        self.drain();
        self.pool = Pool::default();
        let left = live().saturating_sub(self.base);
        assert!(left <= SLACK / 4, "{}: {left} bytes stay", self.what);
        drop(self.core);
        let left = live().saturating_sub(self.base);
        assert!(left <= 4_096, "{}: {left} bytes leak", self.what);
    }
}

fn number(number: u32) -> [u8; 16] {
    let mut id = [1; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    id
}

/// Each INVITE makes it say RINGING, which nobody acknowledges.
pub(super) fn invites_that_ring() {
    let mut victim = Victim::new("invites that ring");
    let mut said = 0;
    for at in 0..10_000 {
        let (call, params) = (CallId(number(at)), Params::NONE);
        let invite = Invite {
            call,
            peer: UserId(2),
            media: Media::ALL,
            ring_for_ms: Within::clamp(30_000),
            name: Text::cut("caller"),
            end_to_end: Opaque::new(&[1; 1_024]).unwrap(),
            params,
        };
        let code = Code::CANCELLED;
        let end = End { call, code, params };
        if !victim.say(invite.encode()) || !victim.say(end.encode()) {
            break;
        }
        said += 1;
    }
    //= SES-032
    assert_eq!(victim.closed, Some(Code::BACKLOG), "after {said}");
    assert!(said > limits::MAX_UNACKNOWLEDGED, "and not before");
    victim.end();
}

/// A room whose members only come.
pub(super) fn members_without_end() {
    let mut victim = Victim::new("members without end");
    let room = RoomId([2; 16]);
    let request = victim.core.join(victim.now, "room", b"").expect("one room");
    victim.drain();
    let joined = Joined {
        request,
        room,
        epoch: 1,
        number: 0,
        name: Text::cut("room"),
        capacity: Within::clamp(100),
        options: Options::NONE,
        max_streams: 64,
        members: List::new(&[]).unwrap(),
        params: Params::NONE,
    };
    assert!(victim.say(joined.encode()));
    let name = "n".repeat(64);
    let mut came = 0;
    for at in 0..10_000 {
        let delta = Delta {
            room,
            epoch: 1,
            number: u64::from(at) + 1,
            change: Change::Join,
            code: Code::NONE,
            member: Member {
                session: SessionId(number(at)),
                user: UserId(u64::from(at) + 2),
                presence: Presence::Here,
                role: Role::Member,
                name: Text::cut(&name),
            },
            params: Params::NONE,
        };
        if !victim.say(delta.encode()) {
            break;
        }
        came += 1;
    }
    //= SES-032
    assert_eq!(victim.closed, Some(Code::UNEXPECTED_FRAME));
    assert_eq!(came, limits::MAX_MEMBERS);
    victim.end();
}

/// A list that only grows, and streams that nobody closes, in a room that nobody is in.
pub(super) fn contacts_and_streams_without_end() {
    let mut victim = Victim::new("streams and contacts without end");
    for at in 0..10_000 {
        let stream = Stream {
            room: RoomId([2; 16]),
            session: SessionId(number(at)),
            state: State::Open,
            description: Description {
                stream: duet_protocol::id::StreamNumber(0),
                kind: Kind::Audio,
                codec: Codec::Opus,
                payload_type: 96,
                clock_rate: 48_000,
                ssrc: at,
                max_bitrate: 64_000,
                useful_ms: 200,
                config: Opaque::new(&[1; 256]).unwrap(),
            },
            params: Params::NONE,
        };
        assert!(victim.say(stream.encode()), "it takes no notice");
    }
    let name = "n".repeat(64);
    let mut came = 0;
    for at in 0..10_000 {
        let contact = Contact {
            entry: ContactEntry {
                user: UserId(at + 2),
                relation: Relation::Contact,
                name: Text::cut(&name),
            },
            params: Params::NONE,
        };
        if !victim.say(contact.encode()) {
            break;
        }
        came += 1;
    }
    //= SES-032
    assert_eq!(victim.closed, Some(Code::UNEXPECTED_FRAME));
    assert_eq!(came, limits::MAX_CONTACTS);
    victim.end();
}

/// Whatever kinds there are, while the application does a few things.
pub(super) fn frames_of_every_kind() {
    let mut victim = Victim::new("frames of every kind");
    let mut state = 1_u64;
    for at in 0..20_000 {
        if victim.conn.is_none() {
            victim.closed = None;
            victim.core.logout(victim.now);
            victim.login();
        }
        let now = victim.now;
        match at % 50 {
            0 => drop(victim.core.join(now, "room", b"")),
            20 => drop(victim.core.lookup(now, "bob")),
            40 => drop(
                victim
                    .core
                    .invite(now, UserId(2), Media::ALL, limits::RING, Vec::new()),
            ),
            _ => {}
        }
        victim.drain();
        let bytes: [u8; 96] = core::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        let mut draw = Draw::new(&bytes);
        let frame = wording::frame(&mut draw, &mut victim.pool, Sender::Server);
        victim.say(Bytes::from(frame));
        victim.now = victim.now.after(Duration::from_millis(10));
    }
    victim.end();
}
