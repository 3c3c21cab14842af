//! One message through the whole of the server's core: two sessions, DATA from one to the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::id::{RequestId, SessionId, UserId};
use duet_protocol::io::{Capabilities, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::message::Wire as _;
use duet_protocol::message::channel::DataTo;
use duet_protocol::message::session::{Ack, Authenticate, Hello, Method};
use duet_protocol::seed::Seed;
use duet_protocol::server::{Config, Server};
use duet_protocol::service::Decision;
use duet_protocol::time::Instant;
use duet_protocol::wire::{Address, Flags, HEADER_LEN, Opaque, Params, Secret, Text, Within};

use super::COUNT;
use crate::instructions;
use crate::measure::Figure;

pub(super) const ROW: &str = "duet server core";

const SENDER: ConnId = ConnId(1);
const RECEIVER: ConnId = ConnId(2);

pub(super) struct World {
    core: Server,
    now: Instant,
    /// Frames for resume that each connection was sent.
    sequenced: [u64; 2],
    frames: Vec<Bytes>,
    /// The last session that logged in.
    session: SessionId,
}

impl World {
    pub(super) fn new() -> Self {
        let config = Config {
            reserved_frames: false,
            ..Config::default()
        };
        let now = Instant::from_micros(0);
        let mut world = Self {
            core: Server::new(Arc::new(config), Seed([7; 32]), now),
            now,
            sequenced: [0; 2],
            frames: Vec::new(),
            session: SessionId::NONE,
        };
        world.login(SENDER);
        world.login(RECEIVER);
        assert!(world.session.is_some(), "both are logged in");
        let frame = |number: usize| {
            let data: Vec<u8> = (0..200).map(|at| (at * 7 + number) as u8).collect();
            DataTo {
                to: Address::Session(world.session),
                request: RequestId(number as u32),
                data: Opaque::new(&data).unwrap_or_default(),
                params: Params::NONE,
            }
            .encode()
        };
        world.frames = (1..=COUNT).map(frame).collect();
        world
    }

    fn input(&mut self, input: Input) {
        self.now = self.now.after(Duration::from_millis(50));
        self.core.handle(self.now, input);
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Write { conn, bytes, .. } => self.heard(conn, &bytes),
                Output::Decide(decide) => {
                    let user = self.core.census().sessions as u64 + 1;
                    let decision = Decision::User {
                        user: UserId(user),
                        name: format!("user {user}"),
                        contacts: Default::default(),
                    };
                    let id = decide.id;
                    self.core.handle(self.now, Input::Decision { id, decision });
                }
                Output::Event(duet_protocol::server::Event::LoggedIn { session, .. }) => {
                    self.session = session
                }
                Output::Event(_) | Output::Allow { .. } => {}
                other => unreachable!("nothing goes wrong: {other:?}"),
            }
        }
    }

    fn heard(&mut self, conn: ConnId, mut bytes: &[u8]) {
        while let Some((&[_, _, flags, _, _, _, high, low], rest)) =
            bytes.split_first_chunk::<HEADER_LEN>()
        {
            if let Some(count) = self.sequenced.get_mut(conn.0 as usize - 1)
                && Flags(flags).has(Flags::SEQUENCED)
            {
                *count += 1;
            }
            bytes = &rest[usize::from(u16::from_be_bytes([high, low]))..];
        }
    }

    fn stream(&mut self, conn: ConnId, bytes: Bytes) {
        self.input(Input::Stream {
            conn,
            id: StreamId::FIRST_OF_PEER,
            bytes,
            fin: false,
        });
    }

    fn login(&mut self, conn: ConnId) {
        self.input(Input::Connected {
            conn,
            purpose: Purpose::Control,
            capabilities: Capabilities {
                shared_media: false,
                unreliable_datagrams: true,
            },
        });
        let hello = Hello {
            min_version: 1,
            max_version: 1,
            heartbeat_ms: Within::clamp(60_000),
            agent: Text::cut("bench"),
            params: Params::NONE,
        };
        self.stream(conn, hello.encode());
        let authenticate = Authenticate {
            method: Method::Guest,
            name: Text::cut("guest"),
            credential: Secret::default(),
            device: Text::cut("bench"),
            params: Params::NONE,
        };
        self.stream(conn, authenticate.encode());
    }

    fn acknowledge(&mut self, conn: ConnId) {
        let received = self.sequenced[conn.0 as usize - 1];
        let params = Params::NONE;
        self.stream(conn, Ack { received, params }.encode());
    }

    /// All messages once.
    pub(super) fn pass(&mut self) {
        let before = self.sequenced;
        for at in 0..self.frames.len() {
            self.stream(SENDER, self.frames[at].clone());
            self.acknowledge(RECEIVER);
            self.acknowledge(SENDER);
        }
        let all = self.frames.len() as u64;
        assert_eq!(
            self.sequenced,
            before.map(|count| count + all),
            "each message and each result arrives"
        );
    }
}

/// The phases in the order in which a message meets them. What stands for what is the source file.
const PHASES: [(&str, &str, &str); 8] = [
    (
        "duet server core: framer",
        "wire/framer.rs wire/header.rs",
        "a frame out of the stream",
    ),
    (
        "duet server core: decode",
        "message/ wire/",
        "admission and fields",
    ),
    (
        "duet server core: acknowledge",
        "session/sequence.rs",
        "what waits for acknowledgement, and its trimming",
    ),
    (
        "duet server core: session",
        "session/ channel/",
        "legality, requests, results",
    ),
    (
        "duet server core: timers",
        "server/timers.rs time.rs",
        "deadlines",
    ),
    (
        "duet server core: route",
        "server/ room/ call/ id.rs",
        "owners, envelopes, outputs",
    ),
    ("duet server core: encode", "wire/sink.rs", "frames out"),
    ("duet server core: rest", "", "any other source of the core"),
];

fn phase(function: &str, file: &str) -> Option<&'static str> {
    let name = |at: usize| PHASES.get(at).map(|(name, ..)| *name);
    let Some((_, source)) = file.split_once("protocol/src/") else {
        return function.contains("duet_bench").then_some("driver");
    };
    if function.contains("encode") || source == "wire/sink.rs" {
        return name(6);
    }
    let is_in =
        |(_, sources, _): &&(&str, &str, &str)| sources.split(' ').any(|of| source.starts_with(of));
    PHASES.iter().find(is_in).map(|(name, ..)| *name)
}

/// Where the instructions of one message go; the last is the sum. Without valgrind nothing.
pub(super) fn phases() -> Vec<Figure> {
    let Some((more, fewer, operations)) = instructions::profiles("codec", ROW, COUNT) else {
        return Vec::new();
    };
    let mut costs: BTreeMap<&str, f64> = more.phases(&fewer, phase);
    costs.remove("driver");
    let figure = |name, note, sum: f64| Figure {
        name,
        note,
        nanos: 0.0,
        ratio: 0.0,
        allocations: 0.0,
        instructions: Some(sum / operations as f64),
    };
    let all: f64 = costs.values().sum();
    let part = |(name, _, note): &(&'static str, &str, &'static str)| {
        figure(name, note, costs.get(name).copied().unwrap_or_default())
    };
    let parts = PHASES.iter().map(part);
    parts
        .chain([figure(
            "duet server core: all",
            "without what this bench does",
            all,
        )])
        .collect()
}
