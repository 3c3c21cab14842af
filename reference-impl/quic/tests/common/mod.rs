//! A tiny core that echoes, and a world of two or more endpoints around it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses its own part"
)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::io::{Cause, ConnId, Core, Deadline, Input, Output, Purpose, StreamId, Timer};
use duet_protocol::media::Ecn;
use duet_protocol::time::Instant;
use duet_quic::{ClientSettings, Driver, Identity, ServerSettings, SimEndpoint, Trust, address_of};
use duet_sim::{LinkConfig, Loss, NodeId, Probability, Time, World};

pub const SERVER: NodeId = NodeId(0);
pub const CLIENT: NodeId = NodeId(1);
pub const SERVER_NAME: &str = "server.example";

/// Records what it is told; echoes streams and datagrams if it is asked to.
#[derive(Default)]
pub struct TestCore {
    pub echo: bool,
    pub connected: BTreeMap<ConnId, Purpose>,
    pub closed: BTreeMap<ConnId, (Instant, Cause)>,
    pub streams: BTreeMap<(ConnId, StreamId), Vec<u8>>,
    pub finished: Vec<(ConnId, StreamId)>,
    pub reset: Vec<(ConnId, StreamId)>,
    pub datagrams: Vec<(ConnId, Bytes, Instant, Ecn)>,
    pub paths: Vec<(Instant, ConnId, Duration, u16)>,
    pub wall_clock: Option<u64>,
    pub wakes: Vec<Instant>,
    pub alarm: Option<Instant>,
    pub backlog: VecDeque<(ConnId, Vec<u8>)>,
    /// Where a core that is asked to close answers the first byte with a close.
    pub close_on_data: Option<Code>,
    outputs: VecDeque<Output<String>>,
    opened: BTreeMap<ConnId, u32>,
}

impl TestCore {
    pub fn echoing() -> Self {
        Self {
            echo: true,
            ..Self::default()
        }
    }

    pub fn connect(&mut self, conn: ConnId, purpose: Purpose) {
        self.connect_to(conn, purpose, "");
    }

    pub fn connect_to(&mut self, conn: ConnId, purpose: Purpose, endpoint: &str) {
        let endpoint = endpoint.to_owned();
        self.outputs.push_back(Output::Connect {
            conn,
            purpose,
            endpoint,
        });
    }

    pub fn open(&mut self, conn: ConnId) -> StreamId {
        let next = self.opened.entry(conn).or_default();
        let id = StreamId {
            by_peer: false,
            index: *next,
        };
        *next += 1;
        self.outputs.push_back(Output::Open { conn, id });
        id
    }

    pub fn write(&mut self, conn: ConnId, id: StreamId, bytes: impl Into<Bytes>, fin: bool) {
        let bytes = bytes.into();
        self.outputs.push_back(Output::Write {
            conn,
            id,
            bytes,
            fin,
        });
    }

    pub fn close(&mut self, conn: ConnId, code: Code) {
        self.outputs.push_back(Output::Close { conn, code });
    }

    pub fn datagram(&mut self, conn: ConnId, bytes: &[u8]) {
        self.backlog.push_back((conn, bytes.to_vec()));
    }

    pub fn received(&self, conn: ConnId, id: StreamId) -> &[u8] {
        self.streams.get(&(conn, id)).map_or(&[], Vec::as_slice)
    }

    pub fn cause(&self, conn: ConnId) -> Option<&Cause> {
        self.closed.get(&conn).map(|(_, cause)| cause)
    }
}

impl Core for TestCore {
    type Event = String;

    fn handle(&mut self, now: Instant, input: Input) {
        let gone = |conn: &ConnId| self.closed.contains_key(conn);
        match input {
            Input::Connected { conn, purpose, .. } => {
                assert_eq!(self.connected.insert(conn, purpose), None, "twice");
                self.outputs
                    .push_back(Output::Event(format!("connected {}", conn.0)));
            }
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            } => {
                assert!(!gone(&conn), "a stream input after Closed");
                self.streams
                    .entry((conn, id))
                    .or_default()
                    .extend_from_slice(&bytes);
                if fin {
                    self.finished.push((conn, id));
                }
                if self.echo && id.by_peer {
                    self.write(conn, id, bytes, fin);
                }
                if let Some(code) = self.close_on_data.take() {
                    self.close(conn, code);
                }
            }
            Input::Reset { conn, id } => self.reset.push((conn, id)),
            Input::Datagram {
                conn,
                bytes,
                at,
                ecn,
            } => {
                assert!(at <= now, "a stamp from the future");
                if self.echo {
                    self.datagram(conn, &bytes);
                }
                self.datagrams.push((conn, bytes, at, ecn));
            }
            Input::Path {
                conn,
                rtt,
                max_datagram,
            } => {
                assert!(self.connected.contains_key(&conn) && !gone(&conn));
                self.paths.push((now, conn, rtt, max_datagram));
            }
            Input::Closed { conn, cause } => {
                assert_eq!(self.closed.insert(conn, (now, cause)), None, "twice");
            }
            Input::Spliced { .. } | Input::Decision { .. } => {}
            Input::WallClock { unix_micros } => self.wall_clock = Some(unix_micros),
            Input::Envelope(_) | Input::Handover { .. } | Input::Wake => {
                self.wakes.push(now);
                self.alarm = self.alarm.filter(|&at| at > now);
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output<String>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        self.alarm.map(|at| Deadline {
            at,
            timer: Timer::Heartbeat,
        })
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        let (conn, bytes) = self.backlog.pop_front()?;
        buffer.clear();
        buffer.extend_from_slice(&bytes);
        Some(conn)
    }
}

pub type Net = World<SimEndpoint<TestCore>>;

pub fn identity() -> Identity {
    Identity::ed25519([7; 32], &[SERVER_NAME]).expect("a good name")
}

pub fn trust() -> Trust {
    Trust::Fingerprint(identity().fingerprint())
}

pub fn seed(world: u64, node: u8) -> [u8; 32] {
    let mut seed = [node; 32];
    seed[..8].copy_from_slice(&world.to_le_bytes());
    seed
}

pub fn server(world: u64, settings: ServerSettings, core: TestCore) -> SimEndpoint<TestCore> {
    let driver = Driver::server(settings, core, seed(world, 0), epoch());
    SimEndpoint::new(driver.expect("usable settings"))
}

pub fn client(world: u64, node: u8, trust: Trust, core: TestCore) -> SimEndpoint<TestCore> {
    let settings = ClientSettings {
        server: address_of(SERVER),
        server_name: SERVER_NAME.to_owned(),
        trust,
    };
    let driver = Driver::client(settings, core, seed(world, node), epoch());
    SimEndpoint::new(driver.expect("usable settings"))
}

/// Any one instant: the tests compute with it and never ask for it again.
pub fn epoch() -> std::time::Instant {
    static EPOCH: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    *EPOCH.get_or_init(std::time::Instant::now)
}

/// 20 ms each way, and independent losses in per cent.
pub fn link(loss: u32) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(20),
        loss: Loss::Independent(percent(loss)),
        ..LinkConfig::default()
    }
}

pub fn percent(loss: u32) -> Probability {
    format!("{loss} %").parse().expect("a probability")
}

/// A server that echoes and a client that records.
pub fn pair(world: u64, link: LinkConfig) -> Net {
    let server = server(world, ServerSettings::new(identity()), TestCore::echoing());
    let client = client(world, 1, trust(), TestCore::default());
    World::pair(world, server, client, link)
}

/// Asks a client to connect and waits until both sides are.
pub fn establish(net: &mut Net, node: NodeId, conn: ConnId, purpose: Purpose) {
    command(net, node, |core| core.connect(conn, purpose));
    let limit = net.now().after(Duration::from_secs(5));
    let connected = |net: &mut Net| {
        let client = net.node(node).driver.core();
        !client.connected.contains_key(&conn)
    };
    assert!(
        net.run_while(connected, limit),
        "not connected: {:?}",
        net.node(node).driver.core().closed
    );
    settle(net, Duration::from_millis(200));
}

pub fn settle(net: &mut Net, span: Duration) {
    let until = net.now().after(span);
    net.run_until(until);
}

pub fn command<R>(net: &mut Net, node: NodeId, command: impl FnOnce(&mut TestCore) -> R) -> R {
    let now = net.now();
    net.node_mut(node).command(now, |core, _| command(core))
}

pub fn core(net: &Net, node: NodeId) -> &TestCore {
    net.node(node).driver.core()
}

/// Runs until a condition on the network holds.
#[track_caller]
pub fn until(net: &mut Net, span: Duration, mut condition: impl FnMut(&Net) -> bool) {
    let limit = net.now().after(span);
    assert!(
        net.run_while(|net| !condition(net), limit),
        "waited in vain until {}",
        net.now()
    );
}

pub fn instant(now: Time) -> Instant {
    Instant::from_micros(now.as_micros())
}

/// Bytes whose order shows.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}
