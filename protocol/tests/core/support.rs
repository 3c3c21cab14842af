//! Clients and a server in virtual time, over a transport that is nothing but the seam: reliable streams that are cut
//! at random places, datagrams that may be lost. Time moves only to arrivals and to deadlines that a core advertised.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::cluster::{Cluster, shards};
use super::service_host::ServiceHost;
use crate::bulk::{Bulk, mirrored};
use bytes::Bytes;
use duet_protocol::client::{self, Client, Credentials};
use duet_protocol::code::Code;
use duet_protocol::id::{SessionId, UserId};
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::media;
use duet_protocol::message::session::{Ack, Authenticate, Hello, Method};
use duet_protocol::message::{Message, Wire as _};
use duet_protocol::seed::Seed;
use duet_protocol::server;
use duet_protocol::service::{Decide, Decision, Proof, Question};
use duet_protocol::time::Instant;
use duet_protocol::wire::{Flags, Frame, Framer, Params, Secret, Text, Within};
use duet_sim::{Ecn, LinkConfig, Node, NodeId, Packet, Stream, Time, World};

pub(crate) const SERVER: NodeId = NodeId(0);

/// What crosses a link. `conn` is the client's number for the connection.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    Connect {
        conn: ConnId,
        purpose: Purpose,
    },
    Accepted {
        conn: ConnId,
        purpose: Purpose,
    },
    /// `id` as the client sees it.
    Stream {
        conn: ConnId,
        id: StreamId,
        bytes: Bytes,
        fin: bool,
    },
    /// The peer abandons its direction of a stream.
    Reset {
        conn: ConnId,
        id: StreamId,
    },
    /// The peer wants no more of a stream.
    Stop {
        conn: ConnId,
        id: StreamId,
    },
    Datagram {
        conn: ConnId,
        bytes: Bytes,
        ecn: Ecn,
    },
    Close {
        conn: ConnId,
        code: Code,
    },
}

impl Wire {
    /// A datagram in a packet that asks for marks, as QUIC's packets do.
    fn datagram(conn: ConnId, bytes: Bytes) -> Self {
        let ecn = Ecn::Ect0;
        Self::Datagram { conn, bytes, ecn }
    }
}

/// The ECN field of a packet of the simulator, as a core is told it.
fn seen(ecn: Ecn) -> media::Ecn {
    match ecn {
        Ecn::NotEct => media::Ecn::NotEct,
        Ecn::Ect0 => media::Ecn::Ect0,
        Ecn::Ect1 => media::Ecn::Ect1,
        Ecn::Ce => media::Ecn::Ce,
    }
}

impl Packet for Wire {
    fn size(&self) -> usize {
        match self {
            Self::Connect { .. }
            | Self::Accepted { .. }
            | Self::Reset { .. }
            | Self::Stop { .. }
            | Self::Close { .. } => 40,
            Self::Stream { bytes, .. } | Self::Datagram { bytes, .. } => bytes.len() + 40,
        }
    }

    fn class(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Accepted { .. } => "accepted",
            Self::Stream { .. } => "stream",
            Self::Reset { .. } => "reset",
            Self::Stop { .. } => "stop",
            Self::Datagram { .. } => "datagram",
            Self::Close { .. } => "close",
        }
    }

    fn reliable(&self) -> bool {
        !matches!(self, Self::Datagram { .. })
    }

    fn ecn(&self) -> Ecn {
        match self {
            Self::Datagram { ecn, .. } => *ecn,
            _ => Ecn::NotEct,
        }
    }

    fn set_ecn(&mut self, marked: Ecn) {
        if let Self::Datagram { ecn, .. } = self {
            *ecn = marked;
        }
    }
}

/// How the service answers; a test may change it.
pub(crate) type Policy = Box<dyn FnMut(&Decide) -> Option<Decision>>;

/// One node of the world.
pub(crate) enum Host {
    Client(Box<ClientHost>),
    Raw(Box<RawHost>),
    Service(Box<ServiceHost>),
    Server(Box<ServerHost>),
}

pub(crate) struct ClientHost {
    pub(crate) core: Client,
    pub(crate) events: Vec<(Instant, client::Event)>,
    purposes: BTreeMap<ConnId, Purpose>,
    pub(crate) bulk: Bulk,
    cuts: Stream,
    pub(crate) out: VecDeque<Wire>,
    rtt: Duration,
    /// A killed process: it says nothing and hears nothing.
    pub(crate) dead: bool,
}

/// A peer that says what a test makes it say, right or wrong.
pub(crate) struct RawHost {
    pub(crate) conn: ConnId,
    pub(crate) framer: Framer,
    /// What the server said, frame by frame.
    pub(crate) heard: Vec<Frame>,
    /// What it said on other streams than the first, and which of those it ended, reset or stopped.
    pub(crate) streams: BTreeMap<StreamId, Vec<u8>>,
    pub(crate) broken: Vec<StreamId>,
    /// The code with which it closed the connection.
    pub(crate) closed: Option<Code>,
    out: VecDeque<Wire>,
}

impl RawHost {
    fn receive(&mut self, packet: Wire) {
        match packet {
            Wire::Stream {
                conn, id, bytes, ..
            } if conn == self.conn && id == StreamId::FIRST_OF_CLIENT => {
                self.framer.push(bytes);
                while let Some(frame) = self.framer.next_frame().expect("whole frames") {
                    if frame.header.flags.has(Flags::SEQUENCED) {
                        let received = self.sequenced() + 1;
                        self.out.push_back(Wire::Stream {
                            conn,
                            id,
                            bytes: Ack {
                                received,
                                params: Params::NONE,
                            }
                            .encode(),
                            fin: false,
                        });
                    }
                    self.heard.push(frame);
                }
            }
            Wire::Stream {
                conn, id, bytes, ..
            } if conn == self.conn => {
                self.streams
                    .entry(id)
                    .or_default()
                    .extend_from_slice(&bytes);
            }
            Wire::Reset { conn, id } | Wire::Stop { conn, id } if conn == self.conn => {
                self.broken.push(id);
            }
            Wire::Close { conn, code } if conn == self.conn => self.closed = Some(code),
            _ => {}
        }
    }

    fn sequenced(&self) -> u64 {
        let sequenced = self
            .heard
            .iter()
            .filter(|frame| frame.header.flags.has(Flags::SEQUENCED));
        sequenced.count() as u64
    }

    /// The last message of a type that was heard, if any, looked at by `read`.
    pub(crate) fn last<R>(&self, read: impl Fn(&Message<'_>) -> Option<R>) -> Option<R> {
        self.heard.iter().rev().find_map(|frame| {
            let message = Message::decode(frame.header.kind, &frame.body)?.expect("well-formed");
            read(&message)
        })
    }
}

pub(crate) struct ServerHost {
    pub(crate) core: Cluster,
    pub(crate) events: Vec<(Instant, server::Event)>,
    pub(crate) policy: Policy,
    conns: BTreeMap<(NodeId, ConnId), ConnId>,
    pub(crate) names: BTreeMap<ConnId, (NodeId, ConnId)>,
    next: u64,
    pub(crate) bulk: Bulk,
    cuts: Stream,
    pub(crate) out: VecDeque<(NodeId, Wire)>,
    rtt: Duration,
}

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    shared_media: false,
    unreliable_datagrams: true,
};

pub(crate) const fn capabilities() -> Capabilities {
    CAPABILITIES
}

pub(crate) fn instant(time: Time) -> Instant {
    Instant::from_micros(time.as_micros())
}

fn time(at: Instant) -> Time {
    Time::from_micros(at.as_micros())
}

/// Cuts a stream's bytes at random places, as a transport may.
pub(crate) fn cut(cuts: &mut Stream, mut bytes: Bytes) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while bytes.len() > 1 && cuts.below(3) == 0 {
        let at = 1 + cuts.below(bytes.len() as u64 - 1) as usize;
        pieces.push(bytes.split_to(at));
    }
    pieces.push(bytes);
    pieces
}

impl ClientHost {
    pub(crate) fn drain(&mut self, now: Instant) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect { conn, purpose, .. } => {
                    self.purposes.insert(conn, purpose);
                    self.out.push_back(Wire::Connect { conn, purpose });
                }
                Output::Open { .. } | Output::Allow { .. } => {}
                Output::Write {
                    conn,
                    id,
                    bytes,
                    fin,
                } => {
                    self.out.push_back(Wire::Stream {
                        conn,
                        id,
                        bytes,
                        fin,
                    });
                }
                Output::Splice { conn, id, splice } => self.splice(now, conn, id, splice),
                Output::Stop { conn, id, .. } => {
                    self.bulk.streams.remove(&(conn, id));
                    self.out.push_back(Wire::Stop { conn, id });
                }
                Output::Reset { conn, id, .. } => {
                    self.bulk.streams.remove(&(conn, id));
                    self.out.push_back(Wire::Reset { conn, id });
                }
                Output::Close { conn, code } => {
                    self.purposes.remove(&conn);
                    self.bulk.forget(conn);
                    self.out.push_back(Wire::Close { conn, code });
                }
                Output::Decide(_) => panic!("a client asked for a decision"),
                Output::Envelope { .. } | Output::Handover { .. } => panic!("no server"),
                Output::Event(event) => self.events.push((now, event)),
            }
        }
        let mut buffer = Vec::new();
        while let Some(conn) = self.core.next_datagram(&mut buffer) {
            assert!(
                buffer.len() <= 1_120,
                "a datagram of {} bytes",
                buffer.len()
            );
            let bytes = Bytes::copy_from_slice(&buffer);
            self.out.push_back(Wire::datagram(conn, bytes));
        }
    }

    fn receive(&mut self, now: Instant, packet: Wire) {
        match packet {
            Wire::Accepted { conn, purpose } if self.purposes.contains_key(&conn) => {
                let capabilities = CAPABILITIES;
                self.core.handle(
                    now,
                    Input::Connected {
                        conn,
                        purpose,
                        capabilities,
                    },
                );
                let (rtt, max_datagram) = (self.rtt, 1_160);
                self.core.handle(
                    now,
                    Input::Path {
                        conn,
                        rtt,
                        max_datagram,
                    },
                );
            }
            Wire::Stream {
                conn,
                id,
                bytes,
                fin,
            } if self.purposes.contains_key(&conn) && id != StreamId::FIRST_OF_CLIENT => {
                self.other_stream(now, conn, id, bytes, fin);
            }
            Wire::Reset { conn, id } | Wire::Stop { conn, id }
                if self.purposes.contains_key(&conn) =>
            {
                self.broken(now, conn, id);
            }
            Wire::Stream {
                conn,
                id,
                bytes,
                fin,
            } if self.purposes.contains_key(&conn) => {
                for bytes in cut(&mut self.cuts, bytes) {
                    self.core.handle(
                        now,
                        Input::Stream {
                            conn,
                            id,
                            bytes,
                            fin: false,
                        },
                    );
                }
                if fin {
                    let bytes = Bytes::new();
                    self.core.handle(
                        now,
                        Input::Stream {
                            conn,
                            id,
                            bytes,
                            fin,
                        },
                    );
                }
            }
            Wire::Datagram { conn, bytes, ecn } if self.purposes.contains_key(&conn) => {
                self.core.handle(
                    now,
                    Input::Datagram {
                        conn,
                        bytes,
                        at: now,
                        ecn: seen(ecn),
                    },
                );
            }
            Wire::Close { conn, code } if self.purposes.remove(&conn).is_some() => {
                self.lose_streams(now, conn);
                self.core.handle(
                    now,
                    Input::Closed {
                        conn,
                        cause: Cause::Peer(code),
                    },
                );
            }
            _ => {}
        }
        self.drain(now);
    }
}

impl ServerHost {
    pub(crate) fn drain(&mut self, now: Instant) {
        loop {
            let Some(output) = self.core.poll_output() else {
                break;
            };
            match output {
                Output::Connect { .. } => panic!("a server connects nowhere"),
                Output::Open { .. } => {}
                Output::Envelope { .. } | Output::Handover { .. } => panic!("these stay inside"),
                Output::Write {
                    conn,
                    id,
                    bytes,
                    fin,
                } => self.wire(conn, |conn| Wire::Stream {
                    conn,
                    id: mirrored(id),
                    bytes,
                    fin,
                }),
                Output::Allow { .. } => {}
                Output::Splice { conn, id, splice } => self.splice(now, conn, id, splice),
                Output::Stop { conn, id, .. } => {
                    self.bulk.streams.remove(&(conn, id));
                    let id = mirrored(id);
                    self.wire(conn, |conn| Wire::Stop { conn, id });
                }
                Output::Reset { conn, id, .. } => {
                    self.bulk.streams.remove(&(conn, id));
                    let id = mirrored(id);
                    self.wire(conn, |conn| Wire::Reset { conn, id });
                }
                Output::Close { conn, code } => {
                    if let Some((to, name)) = self.names.remove(&conn) {
                        self.conns.remove(&(to, name));
                        self.bulk.forget(conn);
                        self.out.push_back((to, Wire::Close { conn: name, code }));
                        // As a transport does, once it has closed.
                        self.core.handle(
                            now,
                            Input::Closed {
                                conn,
                                cause: Cause::Local,
                            },
                        );
                    }
                }
                Output::Decide(decide) => {
                    if let Some(decision) = (self.policy)(&decide) {
                        self.core.handle(
                            now,
                            Input::Decision {
                                id: decide.id,
                                decision,
                            },
                        );
                    }
                }
                Output::Event(event) => self.events.push((now, event)),
            }
        }
        let mut buffer = Vec::new();
        while let Some(conn) = self.core.next_datagram(&mut buffer) {
            if let Some((to, conn)) = self.names.get(&conn) {
                let bytes = Bytes::copy_from_slice(&buffer);
                self.out.push_back((*to, Wire::datagram(*conn, bytes)));
            }
        }
    }

    fn receive(&mut self, now: Instant, from: NodeId, packet: Wire) {
        match packet {
            Wire::Connect {
                conn: name,
                purpose,
            } => {
                self.next += 1;
                let conn = ConnId(self.next);
                self.conns.insert((from, name), conn);
                self.names.insert(conn, (from, name));
                self.out.push_back((
                    from,
                    Wire::Accepted {
                        conn: name,
                        purpose,
                    },
                ));
                let capabilities = CAPABILITIES;
                self.core.handle(
                    now,
                    Input::Connected {
                        conn,
                        purpose,
                        capabilities,
                    },
                );
                let (rtt, max_datagram) = (self.rtt, 1_160);
                self.core.handle(
                    now,
                    Input::Path {
                        conn,
                        rtt,
                        max_datagram,
                    },
                );
            }
            Wire::Stream {
                conn,
                id,
                bytes,
                fin,
            } if id != StreamId::FIRST_OF_CLIENT => {
                if let Some(conn) = self.conns.get(&(from, conn)).copied() {
                    self.other_stream(now, conn, mirrored(id), bytes, fin);
                }
            }
            Wire::Reset { conn, id } | Wire::Stop { conn, id } => {
                if let Some(conn) = self.conns.get(&(from, conn)).copied() {
                    self.broken(now, conn, mirrored(id));
                }
            }
            Wire::Stream {
                conn, bytes, fin, ..
            } => {
                let id = StreamId::FIRST_OF_PEER;
                for bytes in cut(&mut self.cuts, bytes) {
                    if let Some(conn) = self.conns.get(&(from, conn)) {
                        let input = Input::Stream {
                            conn: *conn,
                            id,
                            bytes,
                            fin: false,
                        };
                        self.core.handle(now, input);
                        self.drain(now);
                    }
                }
                if let Some(conn) = self.conns.get(&(from, conn)).filter(|_| fin) {
                    let bytes = Bytes::new();
                    self.core.handle(
                        now,
                        Input::Stream {
                            conn: *conn,
                            id,
                            bytes,
                            fin,
                        },
                    );
                }
            }
            Wire::Datagram { conn, bytes, ecn } => {
                if let Some(conn) = self.conns.get(&(from, conn)) {
                    self.core.handle(
                        now,
                        Input::Datagram {
                            conn: *conn,
                            bytes,
                            at: now,
                            ecn: seen(ecn),
                        },
                    );
                }
            }
            Wire::Close { conn, code } => {
                if let Some(conn) = self.conns.remove(&(from, conn)) {
                    self.names.remove(&conn);
                    self.lose_streams(now, conn);
                    self.core.handle(
                        now,
                        Input::Closed {
                            conn,
                            cause: Cause::Peer(code),
                        },
                    );
                }
            }
            Wire::Accepted { .. } => {}
        }
        self.drain(now);
    }
}

impl Node for Host {
    type Packet = Wire;

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Client(client) if client.dead => None,
            Self::Client(client) => {
                let core = client.core.deadline().map(|deadline| deadline.at);
                [core, client.bulk.deadline()].into_iter().flatten().min()
            }
            Self::Raw(_) => None,
            Self::Service(service) if service.dead => None,
            Self::Service(service) => service.core.deadline().map(|deadline| deadline.at),
            Self::Server(server) => server.core.deadline().map(|deadline| deadline.at),
        }
        .map(time)
    }

    fn wake(&mut self, now: Time) {
        let now = instant(now);
        match self {
            Self::Client(client) => {
                client.core.handle(now, Input::Wake);
                client.drain(now);
                client.pour(now);
            }
            Self::Raw(_) => {}
            Self::Service(service) => {
                service.core.handle(now, Input::Wake);
                service.drain(now);
            }
            Self::Server(server) => {
                server.core.handle(now, Input::Wake);
                server.drain(now);
            }
        }
    }

    fn receive(&mut self, now: Time, from: NodeId, packet: Wire) {
        match self {
            Self::Client(client) if client.dead => {}
            Self::Client(client) => client.receive(instant(now), packet),
            Self::Raw(raw) => raw.receive(packet),
            Self::Service(service) if service.dead => {}
            Self::Service(service) => service.receive(instant(now), packet),
            Self::Server(server) => server.receive(instant(now), from, packet),
        }
    }

    fn transmit(&mut self, _now: Time) -> Option<(NodeId, Wire)> {
        match self {
            Self::Client(client) if client.dead => None,
            Self::Client(client) => client.out.pop_front().map(|packet| (SERVER, packet)),
            Self::Raw(raw) => raw.out.pop_front().map(|packet| (SERVER, packet)),
            Self::Service(service) => service.transmit(),
            Self::Server(server) => server.out.pop_front(),
        }
    }
}

/// The service of these tests: guests are let in by any name, accounts by the password `secret`.
pub(crate) fn lenient() -> Policy {
    let mut guests = 0x1_0000;
    Box::new(move |decide| {
        Some(match &decide.question {
            Question::Login {
                method: Proof::Guest,
                name,
            } => {
                guests += 1;
                Decision::User {
                    user: UserId(guests),
                    name: name.clone(),
                    contacts: Vec::new(),
                }
            }
            Question::Login {
                method: Proof::Password(password),
                name,
            } => match (password.as_slice(), account(name)) {
                (b"secret", Some(user)) => Decision::User {
                    user,
                    name: name.clone(),
                    contacts: Vec::new(),
                },
                _ => Decision::Deny(Code::BAD_CREDENTIALS),
            },
            Question::Login { .. } => Decision::Deny(Code::BAD_CREDENTIALS),
            Question::Lookup { name, .. } => match account(name) {
                Some(user) => Decision::User {
                    user,
                    name: name.clone(),
                    contacts: Vec::new(),
                },
                None => Decision::Deny(Code::NOT_FOUND),
            },
            Question::Join { .. } | Question::Call { .. } | Question::Contact { .. } => {
                Decision::Allow
            }
        })
    })
}

/// Accounts `alice`, `bob`, `carol` are 1, 2, 3.
pub(crate) fn account(name: &str) -> Option<UserId> {
    ["alice", "bob", "carol"]
        .iter()
        .position(|known| *known == name)
        .map(|at| UserId(at as u64 + 1))
}

pub(crate) fn hello() -> Hello<'static> {
    Hello {
        min_version: 1,
        max_version: 1,
        heartbeat_ms: Within::clamp(5_000),
        agent: Text::cut("raw"),
        params: Params::NONE,
    }
}

pub(crate) fn authenticate(name: &str) -> Authenticate<'_> {
    let method = if account(name).is_some() {
        Method::Password
    } else {
        Method::Guest
    };
    let credential = Secret::new(b"secret").expect("short");
    let (name, device) = (Text::cut(name), Text::cut("raw"));
    Authenticate {
        method,
        name,
        credential,
        device,
        params: Params::NONE,
    }
}

/// The world of a test, and its clients in the order in which they were named.
pub(crate) struct Net {
    pub(crate) world: World<Host>,
    pub(crate) clients: Vec<NodeId>,
    pub(crate) delay: Duration,
}

impl Net {
    /// A server, and clients of these account names, each 15 ms away.
    pub(crate) fn new(seed: u64, names: &[&str]) -> Self {
        Self::with(seed, names, LinkConfig::default(), |_| {}, |_| {})
    }

    pub(crate) fn with(
        seed: u64,
        names: &[&str],
        link: LinkConfig,
        server: impl FnOnce(&mut server::Config),
        client: impl Fn(&mut client::Config),
    ) -> Self {
        let delay = Duration::from_millis(15);
        let link = LinkConfig { delay, ..link };
        let mut seeds = Stream::new(seed, "cores");
        let mut world = World::new(seed);
        let mut config = server::Config::default();
        server(&mut config);
        let host = ServerHost {
            core: Cluster::new(&Arc::new(config), seed, shards(seed)),
            events: Vec::new(),
            policy: lenient(),
            conns: BTreeMap::new(),
            names: BTreeMap::new(),
            next: 0,
            bulk: Bulk::default(),
            cuts: Stream::new(seed, "server cuts"),
            out: VecDeque::new(),
            rtt: delay * 2,
        };
        assert_eq!(
            world.add_node("server", Host::Server(Box::new(host))),
            SERVER
        );
        let mut clients = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let mut config = client::Config {
                device: format!("{name}-{index}"),
                ..Default::default()
            };
            client(&mut config);
            let mut core = Client::new(Arc::new(config), Seed(seeds.bytes32()), Instant::EPOCH);
            core.login(Instant::EPOCH, Self::credentials(name))
                .expect("a name of at most 64 bytes");
            let mut host = ClientHost {
                core,
                events: Vec::new(),
                purposes: BTreeMap::new(),
                bulk: Bulk::default(),
                cuts: Stream::new(seed, &format!("cuts {index}")),
                out: VecDeque::new(),
                rtt: delay * 2,
                dead: false,
            };
            host.drain(Instant::EPOCH);
            let id = world.add_node(&format!("{name}-{index}"), Host::Client(Box::new(host)));
            world.connect(id, SERVER, link.clone());
            world.connect(SERVER, id, link.clone());
            clients.push(id);
        }
        Self {
            world,
            clients,
            delay,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        instant(self.world.now())
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let until = self.world.now().after(span);
        self.world.run_until(until);
    }

    pub(crate) fn run_ms(&mut self, millis: u64) {
        self.run(Duration::from_millis(millis));
    }

    /// Runs until something holds; fails where it does not within `limit`.
    pub(crate) fn until(
        &mut self,
        limit: Duration,
        what: &str,
        mut holds: impl FnMut(&Self) -> bool,
    ) {
        let end = self.world.now().after(limit);
        loop {
            if holds(self) {
                return;
            }
            match self.world.step() {
                Some(now) if now <= end => {}
                _ => panic!("{what}: not within {limit:?}, at {}", self.world.now()),
            }
        }
    }

    pub(crate) fn client(&self, index: usize) -> &ClientHost {
        match self.world.node(self.clients[index]) {
            Host::Client(client) => client,
            _ => unreachable!("clients are clients"),
        }
    }

    pub(crate) fn client_mut(&mut self, index: usize) -> &mut ClientHost {
        match self.world.node_mut(self.clients[index]) {
            Host::Client(client) => client,
            _ => unreachable!("clients are clients"),
        }
    }

    pub(crate) fn server(&self) -> &ServerHost {
        match self.world.node(SERVER) {
            Host::Server(server) => server,
            _ => unreachable!("node 0 is the server"),
        }
    }

    pub(crate) fn server_mut(&mut self) -> &mut ServerHost {
        match self.world.node_mut(SERVER) {
            Host::Server(server) => server,
            _ => unreachable!("node 0 is the server"),
        }
    }

    /// Runs a command on a client's core, now.
    pub(crate) fn command<R>(
        &mut self,
        index: usize,
        run: impl FnOnce(&mut Client, Instant) -> R,
    ) -> R {
        let now = self.now();
        let client = self.client_mut(index);
        let result = run(&mut client.core, now);
        client.drain(now);
        self.world.flush();
        result
    }

    /// Runs something on the server's core, now.
    pub(crate) fn server_command(&mut self, run: impl FnOnce(&mut Cluster, Instant)) {
        let now = self.now();
        let server = self.server_mut();
        run(&mut server.core, now);
        server.drain(now);
        self.world.flush();
    }

    /// A raw peer, connected for this purpose and 15 ms away.
    pub(crate) fn raw(&mut self, purpose: Purpose) -> NodeId {
        let conn = ConnId(1);
        let out = VecDeque::from([Wire::Connect { conn, purpose }]);
        let framer = Framer::new(16_384);
        let raw = RawHost {
            conn,
            framer,
            heard: Vec::new(),
            streams: BTreeMap::new(),
            broken: Vec::new(),
            closed: None,
            out,
        };
        let name = format!("raw-{}", self.world.log().lines().count());
        let id = self.world.add_node(&name, Host::Raw(Box::new(raw)));
        let link = LinkConfig {
            delay: self.delay,
            ..LinkConfig::default()
        };
        self.world.connect(id, SERVER, link.clone());
        self.world.connect(SERVER, id, link);
        self.run_ms(50);
        id
    }

    pub(crate) fn raw_host(&self, id: NodeId) -> &RawHost {
        match self.world.node(id) {
            Host::Raw(raw) => raw,
            _ => unreachable!("raw peers are raw"),
        }
    }

    /// Lets a raw peer send bytes on its first stream, and waits for what comes of it.
    pub(crate) fn say(&mut self, id: NodeId, bytes: impl Into<Bytes>) {
        self.put(id, StreamId::FIRST_OF_CLIENT, bytes.into(), false);
    }

    /// The same, and the end of the stream.
    pub(crate) fn say_last(&mut self, id: NodeId, bytes: impl Into<Bytes>) {
        self.put(id, StreamId::FIRST_OF_CLIENT, bytes.into(), true);
    }

    /// The same on any stream.
    pub(crate) fn put(&mut self, id: NodeId, stream: StreamId, bytes: Bytes, fin: bool) {
        if let Host::Raw(raw) = self.world.node_mut(id) {
            raw.out.push_back(Wire::Stream {
                conn: raw.conn,
                id: stream,
                bytes,
                fin,
            });
        }
        self.world.flush();
        self.run_ms(100);
    }

    /// Lets a raw peer send bytes, and waits for nothing.
    pub(crate) fn say_later(&mut self, id: NodeId, bytes: impl Into<Bytes>) {
        if let Host::Raw(raw) = self.world.node_mut(id) {
            raw.out.push_back(Wire::Stream {
                conn: raw.conn,
                id: StreamId::FIRST_OF_CLIENT,
                bytes: bytes.into(),
                fin: false,
            });
        }
        self.world.flush();
    }

    /// Lets a raw peer send a datagram.
    pub(crate) fn throw(&mut self, id: NodeId, bytes: impl Into<Bytes>) {
        if let Host::Raw(raw) = self.world.node_mut(id) {
            raw.out.push_back(Wire::datagram(raw.conn, bytes.into()));
        }
        self.world.flush();
        self.run_ms(50);
    }

    /// A raw peer that has greeted.
    pub(crate) fn raw_greeted(&mut self) -> NodeId {
        let id = self.raw(Purpose::Control);
        self.say(id, hello().encode());
        id
    }

    /// A raw peer that is logged in.
    pub(crate) fn raw_online(&mut self, name: &str) -> NodeId {
        let id = self.raw_greeted();
        self.say(id, authenticate(name).encode());
        assert_eq!(self.raw_host(id).closed, None);
        id
    }

    /// Runs until every client is logged in.
    pub(crate) fn login(&mut self) {
        self.until(Duration::from_secs(2), "login", |net| {
            (0..net.clients.len()).all(|index| net.session(index).is_some())
        });
        self.run_ms(50);
    }

    pub(crate) fn session(&self, index: usize) -> Option<SessionId> {
        self.client(index)
            .events
            .iter()
            .rev()
            .find_map(|(_, event)| match event {
                client::Event::LoggedIn { session, .. } => Some(*session),
                _ => None,
            })
    }

    /// The events of a client that a test is about.
    pub(crate) fn events(&self, index: usize) -> Vec<&client::Event> {
        self.client(index)
            .events
            .iter()
            .map(|(_, event)| event)
            .collect()
    }

    /// When a client first had such an event.
    pub(crate) fn when(
        &self,
        index: usize,
        like: impl Fn(&client::Event) -> bool,
    ) -> Option<Instant> {
        self.client(index)
            .events
            .iter()
            .find(|(_, event)| like(event))
            .map(|(at, _)| *at)
    }

    /// Every connection of a client breaks: both sides learn of it now, and what is on its way is lost.
    pub(crate) fn break_links(&mut self, index: usize) {
        let (now, id) = (self.now(), self.clients[index]);
        let server = self.server_mut();
        let own = server.conns.iter().filter(|((node, _), _)| *node == id);
        for (name, conn) in own.map(|(name, conn)| (*name, *conn)).collect::<Vec<_>>() {
            server.conns.remove(&name);
            server.names.remove(&conn);
            server.lose_streams(now, conn);
            let cause = Cause::TimedOut;
            server.core.handle(now, Input::Closed { conn, cause });
            server.drain(now);
        }
        let client = self.client_mut(index);
        for conn in core::mem::take(&mut client.purposes).into_keys() {
            client.lose_streams(now, conn);
            let cause = Cause::TimedOut;
            client.core.handle(now, Input::Closed { conn, cause });
        }
        client.drain(now);
        self.world.flush();
    }

    /// A client's process is another from now on, which knows nothing and has not logged in.
    pub(crate) fn replace(&mut self, index: usize, seed: u64) {
        let (now, id) = (self.now(), self.clients[index]);
        let name = self.world.name(id).to_string();
        let config = client::Config {
            device: name.clone(),
            ..Default::default()
        };
        let mut seeds = Stream::new(seed, &format!("replacement of {name}"));
        let host = self.client_mut(index);
        host.core = Client::new(Arc::new(config), Seed(seeds.bytes32()), now);
        host.events.clear();
        host.out.clear();
        host.purposes.clear();
        host.bulk = Bulk::default();
        host.dead = false;
    }

    /// How an account logs in, or a guest.
    pub(crate) fn credentials(name: &str) -> Credentials {
        match account(name) {
            Some(_) => Credentials::Password {
                name: name.into(),
                password: "secret".into(),
            },
            None => Credentials::Guest(name.into()),
        }
    }

    pub(crate) fn forget_events(&mut self) {
        for index in 0..self.clients.len() {
            self.client_mut(index).events.clear();
        }
    }

    /// Cuts a client off, or lets it on again.
    pub(crate) fn set_down(&mut self, index: usize, down: bool) {
        let id = self.clients[index];
        self.world.set_down(id, SERVER, down);
        self.world.set_down(SERVER, id, down);
    }
}

/// Runs a scenario twice and holds the two event logs against each other; gives the first.
pub(crate) fn twice(seed: u64, scenario: impl Fn(u64) -> Net) -> Net {
    let (first, second) = (scenario(seed), scenario(seed));
    assert_eq!(
        first.world.log().hash(),
        second.world.log().hash(),
        "seed {seed}: two runs of the same seed differ"
    );
    first
}
