//! Transfers over QUIC, between whole clients and a whole server: payload goes from source to sink and never through a
//! core.

mod common;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{SERVER, SERVER_NAME, epoch, identity, link, seed, trust};
use duet_protocol::client::{self, Client, Credentials, Event, Offering};
use duet_protocol::code::Code;
use duet_protocol::id::{TransferId, UserId};
use duet_protocol::io::{Carried, Input, StreamId};
use duet_protocol::seed::Seed;
use duet_protocol::server::{self, Server};
use duet_protocol::service::{Decision, Question};
use duet_protocol::time::Instant;
use duet_protocol::wire::Address;
use duet_quic::{
    ClientSettings, Driver, Loop, Observer, Seen, ServerSettings, SimEndpoint, Sink, Source,
    UdpSocket, address_of,
};
use duet_sim::net::Datagram;
use duet_sim::{LinkConfig, Node, NodeId, Rate, Time, World};

const ALICE: NodeId = NodeId(1);
const BOB: NodeId = NodeId(2);

/// A node of the world.
#[expect(clippy::large_enum_variant, reason = "three of them")]
enum Party {
    Server(SimEndpoint<Server>),
    Client(SimEndpoint<Client>, Vec<Event>),
}

impl Party {
    /// Events are kept, questions are answered.
    fn settle(&mut self, now: Time) {
        match self {
            Self::Server(server) => {
                while let Some(decide) = server.driver.poll_decide() {
                    let now = Instant::from_micros(now.as_micros());
                    server
                        .driver
                        .decide(now, decide.id, decision(&decide.question));
                }
                while server.driver.poll_event().is_some() {}
            }
            Self::Client(client, events) => {
                events.extend(std::iter::from_fn(|| client.driver.poll_event()));
            }
        }
    }
}

/// Guests are known by the first byte of their names.
fn decision(question: &Question) -> Decision {
    match question {
        Question::Login { name, .. } | Question::Lookup { name, .. } => Decision::User {
            user: user(name),
            name: name.clone(),
            contacts: Vec::new(),
        },
        _ => Decision::Allow,
    }
}

fn user(name: &str) -> UserId {
    UserId(name.bytes().next().unwrap_or(0).into())
}

impl Node for Party {
    type Packet = Datagram;

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Server(server) => server.deadline(),
            Self::Client(client, _) => client.deadline(),
        }
    }

    fn wake(&mut self, now: Time) {
        match self {
            Self::Server(server) => server.wake(now),
            Self::Client(client, _) => client.wake(now),
        }
        self.settle(now);
    }

    fn receive(&mut self, now: Time, from: NodeId, packet: Datagram) {
        match self {
            Self::Server(server) => server.receive(now, from, packet),
            Self::Client(client, _) => client.receive(now, from, packet),
        }
        self.settle(now);
    }

    fn transmit(&mut self, now: Time) -> Option<(NodeId, Datagram)> {
        let packet = match self {
            Self::Server(server) => server.transmit(now),
            Self::Client(client, _) => client.transmit(now),
        };
        self.settle(now);
        packet
    }
}

/// What the core of a client or a server got of other streams than the first, in bytes; and what it lost, in order.
#[derive(Clone, Default)]
struct Others(Arc<AtomicU64>, Arc<Mutex<Vec<Lost>>>);

/// What a core hears of a lost connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    PayloadAt(u64),
    Connection,
}

impl Observer for Others {
    fn input(&mut self, _: Instant, input: &Input) {
        let lost = match input {
            Input::Spliced {
                at,
                carried: Carried::Lost,
                ..
            } => Some(Lost::PayloadAt(*at)),
            Input::Closed { .. } => Some(Lost::Connection),
            _ => None,
        };
        self.1.lock().expect("no panic").extend(lost);
        if let Input::Stream { id, bytes, .. } = input
            && *id != StreamId::FIRST_OF_CLIENT
            && *id != StreamId::FIRST_OF_PEER
        {
            self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
    }

    fn output(&mut self, _: Instant, _: Seen<'_>) {}
}

/// A source that counts what was read of it, and fails where it is told to.
struct Counted {
    bytes: Bytes,
    read: Arc<AtomicU64>,
    broken_at: u64,
}

impl Source for Counted {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if at >= self.broken_at {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.bytes.read_at(at, buffer)?;
        self.read.fetch_max(at + count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A sink that takes no more than it is allowed to.
#[derive(Clone, Default)]
struct Gate {
    bytes: Arc<Mutex<Vec<u8>>>,
    most: Arc<AtomicU64>,
}

impl Gate {
    fn open() -> Self {
        let gate = Self::default();
        gate.allow(u64::MAX);
        gate
    }

    fn holding(bytes: &[u8]) -> Self {
        let gate = Self::open();
        gate.bytes.lock().expect("no panic").extend(bytes);
        gate
    }

    fn allow(&self, most: u64) {
        self.most.store(most, Ordering::Relaxed);
    }

    fn len(&self) -> u64 {
        self.bytes.lock().expect("no panic").len() as u64
    }
}

impl Sink for Gate {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.most.load(Ordering::Relaxed).saturating_sub(self.len());
        let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match count {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => {
                self.bytes.lock().expect("no panic").extend(&bytes[..count]);
                Ok(count)
            }
        }
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let held = Bytes::from(self.bytes.lock().expect("no panic").clone());
        held.clone().read_at(at, buffer)
    }
}

/// A server, and Alice and Bob, who are logged in.
struct Net {
    world: World<Party>,
    /// What the three cores got of other streams than the first.
    others: Others,
}

impl Net {
    fn new(world_seed: u64, config: server::Config, link: LinkConfig) -> Self {
        let others = Others::default();
        let mut world = World::new(world_seed);
        world.add_node("server", server(world_seed, config, &others));
        for node in [ALICE, BOB] {
            let client = client(world_seed, node.0 as u8, address_of(SERVER), &others);
            let endpoint = SimEndpoint::new(client);
            world.add_node(name(node), Party::Client(endpoint, Vec::new()));
            world.connect(node, SERVER, link.clone());
            world.connect(SERVER, node, link.clone());
        }
        let mut this = Self { world, others };
        for node in [ALICE, BOB] {
            let credentials = Credentials::Guest(name(node).to_owned());
            let login = this.command(node, |core, now| core.login(now, credentials));
            login.expect("a name of a usual length");
        }
        this.until(Duration::from_secs(5), |net| {
            [ALICE, BOB].iter().all(|&node| {
                let mut events = net.events(node).iter();
                events.any(|event| matches!(event, Event::LoggedIn { .. }))
            })
        });
        this
    }

    fn usual(world_seed: u64) -> Self {
        Self::new(world_seed, server::Config::default(), link(0))
    }

    fn client_mut(&mut self, node: NodeId) -> &mut SimEndpoint<Client> {
        match self.world.node_mut(node) {
            Party::Client(client, _) => client,
            Party::Server(_) => panic!("the server is no client"),
        }
    }

    fn server(&self) -> &Driver<Server> {
        match self.world.node(SERVER) {
            Party::Server(server) => &server.driver,
            Party::Client(..) => panic!("a client is no server"),
        }
    }

    fn events(&self, node: NodeId) -> &[Event] {
        match self.world.node(node) {
            Party::Client(_, events) => events,
            Party::Server(_) => panic!("the server is no client"),
        }
    }

    fn command<R>(&mut self, node: NodeId, command: impl FnOnce(&mut Client, Instant) -> R) -> R {
        let now = self.world.now();
        let answer = self.client_mut(node).command(now, command);
        self.world.node_mut(node).settle(now);
        answer
    }

    fn run(&mut self, span: Duration) {
        let end = self.world.now().after(span);
        self.world.run_until(end);
    }

    #[track_caller]
    fn until(&mut self, span: Duration, condition: impl Fn(&Self) -> bool) {
        let limit = self.world.now().after(span);
        while !condition(self) {
            assert!(self.world.now() < limit, "waited in vain");
            self.run(Duration::from_millis(5));
        }
    }

    /// Alice offers bytes to Bob.
    fn offer(&mut self, size: usize, source: impl Source + 'static) -> TransferId {
        let offering = offering(size);
        let to = Address::User(user("bob"));
        let offered = self.command(ALICE, |core, now| core.offer(now, to, &offering));
        let (transfer, _) = offered.expect("an offer");
        self.client_mut(ALICE).driver.send_from(transfer, source);
        self.run(Duration::from_millis(200));
        transfer
    }

    fn take(&mut self, transfer: TransferId, sink: &Gate) {
        let at = sink.len();
        self.client_mut(BOB)
            .driver
            .receive_into(transfer, sink.clone());
        let taken = self.command(BOB, |core, now| core.receive(now, transfer, at));
        taken.expect("an offer to take");
    }

    fn ended(&self, node: NodeId) -> Option<Code> {
        ended(self.events(node))
    }

    #[track_caller]
    fn until_over(&mut self, span: Duration) {
        self.until(span, |net| {
            net.ended(ALICE).is_some() && net.ended(BOB).is_some()
        });
        assert_eq!(self.server().pipes(), 0, "a pipe was left behind");
    }

    /// Both sides know why it ended, and no payload went through a core.
    #[track_caller]
    fn over(&mut self, code: Code) {
        self.until_over(Duration::from_secs(60));
        assert_eq!([self.ended(ALICE), self.ended(BOB)], [Some(code); 2]);
        let others = self.others.0.load(Ordering::Relaxed);
        assert!(others <= 200, "{others} bytes of other streams in cores");
    }

    fn set_down(&mut self, node: NodeId, down: bool) {
        self.world.set_down(node, SERVER, down);
        self.world.set_down(SERVER, node, down);
    }
}

fn name(node: NodeId) -> &'static str {
    match node {
        ALICE => "alice",
        _ => "bob",
    }
}

fn offering(size: usize) -> Offering {
    Offering {
        size: size as u64,
        name: "notes.txt".into(),
        content_type: "text/plain".into(),
    }
}

fn server(world: u64, config: server::Config, others: &Others) -> Party {
    let core = Server::new(Arc::new(config), Seed(seed(world, 9)), Instant::EPOCH);
    let settings = ServerSettings::new(identity());
    let driver = Driver::server(settings, core, seed(world, 0), epoch());
    let mut driver = driver.expect("usable settings");
    driver.observe(Box::new(others.clone()));
    Party::Server(SimEndpoint::new(driver))
}

fn client(world: u64, node: u8, server: std::net::SocketAddr, others: &Others) -> Driver<Client> {
    let config = Arc::new(client::Config::default());
    let core = Client::new(config, Seed(seed(world, node + 10)), Instant::EPOCH);
    let settings = ClientSettings {
        server,
        server_name: SERVER_NAME.to_owned(),
        trust: trust(),
    };
    let driver = Driver::client(settings, core, seed(world, node), epoch());
    let mut driver = driver.expect("usable settings");
    driver.observe(Box::new(others.clone()));
    driver
}

fn ended(events: &[Event]) -> Option<Code> {
    events.iter().find_map(|event| match event {
        Event::TransferEnded { reason, .. } => Some(reason.code),
        _ => None,
    })
}

fn payload(size: usize) -> Bytes {
    (0..size).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn same(sink: &Gate, payload: &Bytes) -> bool {
    sink.bytes.lock().expect("no panic")[..] == payload[..]
}

#[test]
fn xfer_027_payload_goes_from_source_to_sink_over_a_lossy_path() {
    let mut net = Net::new(1, server::Config::default(), link(2));
    let (bytes, sink) = (payload(1_500_000), Gate::open());
    let transfer = net.offer(bytes.len(), bytes.clone());
    net.take(transfer, &sink);
    net.over(Code::DELIVERED);
    assert!(same(&sink, &bytes), "other bytes");
    for node in [ALICE, BOB] {
        let progress = net.events(node).iter().filter_map(|event| match event {
            Event::TransferProgress { at, .. } => Some(*at),
            _ => None,
        });
        let progress: Vec<_> = progress.collect();
        assert!(progress.is_sorted() && progress.len() >= 2, "{progress:?}");
    }
}

#[test]
fn xfer_027_nothing_is_a_payload_too() {
    let mut net = Net::usual(2);
    let sink = Gate::open();
    let transfer = net.offer(0, Bytes::new());
    net.take(transfer, &sink);
    net.over(Code::DELIVERED);
    assert_eq!(sink.len(), 0);
}

#[test]
fn xfer_028_a_slow_receiver_slows_the_sender_down() {
    let mut net = Net::usual(3);
    let (bytes, sink) = (payload(8_000_000), Gate::default());
    sink.allow(100_000);
    let read = Arc::new(AtomicU64::new(0));
    let source = Counted {
        bytes: bytes.clone(),
        read: read.clone(),
        broken_at: u64::MAX,
    };
    let transfer = net.offer(bytes.len(), source);
    net.take(transfer, &sink);
    net.run(Duration::from_secs(20));
    assert_eq!(sink.len(), 100_000);
    // The windows of two streams, the pipe, and a turn of each loop.
    let ahead = read.load(Ordering::Relaxed) - 100_000;
    assert!(ahead <= 700_000, "the sender is {ahead} bytes ahead");
    let peak = net.server().statistics().pipe_peak;
    assert!((1..=64 << 10).contains(&peak), "{peak} bytes in a pipe");

    sink.allow(u64::MAX);
    net.over(Code::DELIVERED);
    assert!(same(&sink, &bytes), "other bytes");
}

#[test]
fn xfer_010_the_rate_that_the_operator_allows_is_kept() {
    let config = server::Config {
        transfer_rate: 500_000,
        ..server::Config::default()
    };
    let mut net = Net::new(4, config, link(0));
    let (bytes, sink) = (payload(3_000_000), Gate::open());
    let transfer = net.offer(bytes.len(), bytes.clone());
    let begun = net.world.now();
    net.take(transfer, &sink);
    net.over(Code::DELIVERED);
    // Virtual time: six seconds at the rate, less what may pass at once.
    let took = net.world.now().since(begun);
    let range = Duration::from_millis(5_700)..Duration::from_millis(6_500);
    assert!(range.contains(&took), "{took:?}");
}

/// A transfer whose link to one side is gone for a while in its middle.
fn interrupted(world: u64, side: NodeId, gone: Duration) {
    let mut net = Net::usual(world);
    let (bytes, sink) = (payload(4_000_000), Gate::open());
    let transfer = net.offer(bytes.len(), bytes.clone());
    net.take(transfer, &sink);
    net.until(Duration::from_secs(20), |_| sink.len() > 1_000_000);
    assert!(sink.len() < 3_900_000, "too fast to be interrupted");
    net.set_down(side, true);
    net.run(gone);
    net.set_down(side, false);
    net.over(Code::DELIVERED);
    assert!(same(&sink, &bytes), "other bytes");
    let starts: Vec<_> = net
        .events(BOB)
        .iter()
        .filter_map(|event| match event {
            Event::TransferStarted { at, .. } => Some(*at),
            _ => None,
        })
        .collect();
    assert!(starts.len() == 2 && starts[0] == 0, "{starts:?}");
    assert!(starts[1] >= 1_000_000, "sent again from {}", starts[1]);
}

#[test]
fn xfer_014_it_goes_on_where_the_receivers_link_was_lost() {
    interrupted(5, BOB, Duration::from_secs(25));
}

#[test]
fn xfer_014_it_goes_on_where_the_senders_link_was_lost() {
    interrupted(6, ALICE, Duration::from_secs(25));
}

#[test]
fn xfer_015_a_core_hears_where_its_payload_was_lost_before_it_hears_that_the_link_is() {
    let mut net = Net::usual(17);
    let (bytes, sink) = (payload(4_000_000), Gate::open());
    let transfer = net.offer(bytes.len(), bytes);
    net.take(transfer, &sink);
    net.until(Duration::from_secs(20), |_| sink.len() > 1_000_000);
    // Another process in the server's place: QUIC knows none of its connections, and says so.
    let another = server(17, server::Config::default(), &net.others);
    *net.world.node_mut(SERVER) = another;
    net.over(Code::LOST);
    let lost = net.others.1.lock().expect("no panic").clone();
    let [
        Lost::PayloadAt(_),
        Lost::Connection,
        Lost::PayloadAt(_),
        Lost::Connection,
    ] = lost[..4]
    else {
        panic!("{lost:?}");
    };
    assert!(lost[..4].contains(&Lost::PayloadAt(sink.len())), "{lost:?}");
}

#[test]
fn xfer_015_a_new_offer_is_taken_from_what_an_earlier_one_left() {
    let mut net = Net::usual(7);
    let bytes = payload(2_000_000);
    let sink = Gate::holding(&bytes[..1_234_567]);
    let transfer = net.offer(bytes.len(), bytes.clone());
    net.take(transfer, &sink);
    net.over(Code::DELIVERED);
    assert!(same(&sink, &bytes), "other bytes");
}

#[test]
fn xfer_019_what_was_there_before_counts_in_the_digest() {
    let mut net = Net::usual(8);
    let bytes = payload(300_000);
    let mut other = bytes[..100_000].to_vec();
    other[50_000] ^= 1;
    let transfer = net.offer(bytes.len(), bytes);
    net.take(transfer, &Gate::holding(&other));
    net.over(Code::DIGEST_MISMATCH);
}

#[test]
fn xfer_020_either_side_gives_it_up_in_its_middle() {
    for (world, node) in [(9, ALICE), (10, BOB)] {
        let mut net = Net::usual(world);
        let (bytes, sink) = (payload(4_000_000), Gate::open());
        let transfer = net.offer(bytes.len(), bytes);
        net.take(transfer, &sink);
        net.until(Duration::from_secs(20), |_| sink.len() > 500_000);
        let given_up = net.command(node, |core, now| core.cancel_transfer(now, transfer));
        given_up.expect("a transfer");
        net.over(Code::ABORTED);
        let had = sink.len();
        net.run(Duration::from_secs(5));
        assert_eq!(sink.len(), had, "bytes came after the end");
    }
}

#[test]
fn xfer_020_a_source_that_fails_ends_it_and_says_why() {
    let mut net = Net::usual(11);
    let (bytes, sink) = (payload(2_000_000), Gate::open());
    let source = Counted {
        bytes: bytes.clone(),
        read: Arc::default(),
        broken_at: 1_000_000,
    };
    let transfer = net.offer(bytes.len(), source);
    net.take(transfer, &sink);
    net.over(Code::ABORTED);
    let why = net.client_mut(ALICE).driver.release(transfer);
    assert_eq!(
        why.map(|error| error.kind()),
        Some(io::ErrorKind::InvalidData)
    );
    assert!(net.client_mut(BOB).driver.release(transfer).is_none());
}

#[test]
fn xfer_020_a_payload_that_ends_before_its_size_ends_it() {
    let mut net = Net::usual(12);
    let transfer = net.offer(2_000_000, payload(1_999_999));
    net.take(transfer, &Gate::open());
    net.over(Code::ABORTED);
    let why = net.client_mut(ALICE).driver.release(transfer);
    assert_eq!(
        why.map(|error| error.kind()),
        Some(io::ErrorKind::UnexpectedEof)
    );
}

#[test]
fn xfer_006_a_receiver_declines() {
    let mut net = Net::usual(13);
    let transfer = net.offer(1_000, payload(1_000));
    let declined = net.command(BOB, |core, now| {
        core.decline(now, transfer, Code::FORBIDDEN)
    });
    declined.expect("an offer");
    net.over(Code::FORBIDDEN);
}

#[test]
fn xfer_025_a_server_refuses_what_it_does_not_allow() {
    let config = server::Config {
        max_transfer: 999,
        ..server::Config::default()
    };
    let mut net = Net::new(14, config, link(0));
    net.offer(1_000, payload(1_000));
    let refused = net
        .events(ALICE)
        .iter()
        .any(|event| matches!(event, Event::Answer { code, .. } if *code == Code::TOO_LARGE));
    assert!(refused, "{:?}", net.events(ALICE));
    let offered = net.events(BOB).iter();
    assert!(
        !offered
            .clone()
            .any(|event| matches!(event, Event::TransferOffered { .. }))
    );
}

#[test]
fn three_transfers_at_once_and_a_text_that_does_not_wait_for_them() {
    // A bottleneck with a queue: the rest of the path is idle.
    let narrow = LinkConfig {
        rate: Rate::new(8_000_000),
        ..link(0)
    };
    let mut net = Net::new(15, server::Config::default(), narrow);
    let sinks = [(); 3].map(|()| Gate::open());
    let bytes = payload(2_000_000);
    for sink in &sinks {
        let transfer = net.offer(bytes.len(), bytes.clone());
        net.take(transfer, sink);
    }
    net.until(Duration::from_secs(5), |_| {
        sinks.iter().all(|sink| sink.len() > 100_000)
    });
    let to = Address::User(user("bob"));
    let said = net.command(ALICE, |core, now| core.text(now, to, "hello"));
    let request = said.expect("sent");
    net.until(Duration::from_secs(2), |net| {
        net.events(ALICE).iter().any(|event| {
            matches!(event, Event::Answer { request: answered, code, .. }
                if *answered == request && *code == Code::DELIVERED)
        })
    });
    assert!(
        sinks.iter().all(|sink| sink.len() < 2_000_000),
        "the text came after the transfers"
    );
    net.until(Duration::from_secs(30), |net| {
        let ends = net.events(BOB).iter();
        ends.filter(|event| matches!(event, Event::TransferEnded { .. }))
            .count()
            == 3
    });
    assert!(sinks.iter().all(|sink| same(sink, &bytes)), "other bytes");
}

/// Over sockets, on the loopback interface.
#[tokio::test]
async fn xfer_019_64_mib_arrive_with_their_digest_and_the_server_holds_little_of_them() {
    const SIZE: usize = 64 << 20;
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = || UdpSocket::bind(any).expect("a socket");
    let config = server::Config {
        transfer_rate: 0,
        ..server::Config::default()
    };
    let others = Others::default();
    let Party::Server(endpoint) = server(16, config, &others) else {
        panic!("a server was asked for");
    };
    let mut server = Loop::new(endpoint.driver, socket());
    let address = server.local_addr().expect("bound");
    let [mut alice, mut bob] =
        [1, 2].map(|node| Loop::new(client(16, node, address, &others), socket()));
    for (net, name) in [(&mut alice, "alice"), (&mut bob, "bob")] {
        let credentials = Credentials::Guest(name.to_owned());
        net.command(|core, now| core.login(now, credentials))
            .expect("a name");
    }
    let (bytes, sink) = (payload(SIZE), Gate::open());
    let mut ends = [None, None];
    let all = async {
        let mut logged_in = 0;
        while ends.contains(&None) {
            let pumped = tokio::select! {
                pumped = server.pump() => pumped,
                pumped = alice.pump() => pumped,
                pumped = bob.pump() => pumped,
            };
            pumped.expect("a sound socket");
            while let Some(decide) = server.driver_mut().poll_decide() {
                let (now, decision) = (server.now(), decision(&decide.question));
                server.driver_mut().decide(now, decide.id, decision);
            }
            for (index, net) in [&mut alice, &mut bob].into_iter().enumerate() {
                while let Some(event) = net.driver_mut().poll_event() {
                    match event {
                        Event::LoggedIn { .. } => logged_in += 1,
                        Event::TransferOffered { transfer, .. } => {
                            net.driver_mut().receive_into(transfer, sink.clone());
                            net.command(|core, now| core.receive(now, transfer, 0))
                                .expect("an offer");
                        }
                        Event::TransferEnded { reason, .. } => ends[index] = Some(reason.code),
                        _ => {}
                    }
                }
            }
            if logged_in == 2 {
                logged_in = 0;
                let to = Address::User(user("bob"));
                let offering = offering(SIZE);
                let offered = alice.command(|core, now| core.offer(now, to, &offering));
                let (transfer, _) = offered.expect("an offer");
                alice.driver_mut().send_from(transfer, bytes.clone());
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(120), all).await;
    assert!(waited.is_ok(), "waited in vain; {} bytes came", sink.len());
    assert_eq!(ends, [Some(Code::DELIVERED); 2]);
    assert!(same(&sink, &bytes), "other bytes");
    let peak = server.driver().statistics().pipe_peak;
    assert!((1..=64 << 10).contains(&peak), "{peak} bytes in a pipe");
    assert!(others.0.load(Ordering::Relaxed) <= 200);
}
