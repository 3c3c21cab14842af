//! Equal seeds give equal bytes: every datagram, QUIC's and TLS's secrets included, in one process and in two.
//! `determinism.rs` says the same of times and sizes, which need no feature.

mod common;

use std::process::Command;
use std::time::Duration;

use common::*;
use duet_protocol::io::{ConnId, Purpose};
use duet_quic::{
    ClientSettings, Driver, Identity, MediaControl, Secrets, ServerSettings, SettingsError,
    SimEndpoint, Simulation, address_of,
};
use duet_sim::net::{Content, Datagram};
use duet_sim::{Jitter, LinkConfig, Node, NodeId, QueueConfig, Rate, Time, World};
use ring::digest::{Context, SHA256};

/// An endpoint whose packets are noted, in full.
struct Noted {
    endpoint: SimEndpoint<TestCore>,
    own: u8,
    sent: Vec<u8>,
    packets: usize,
}

impl Noted {
    fn new(own: u8, driver: Driver<TestCore>) -> Self {
        Self {
            endpoint: SimEndpoint::new(driver),
            own,
            sent: Vec::new(),
            packets: 0,
        }
    }
}

impl Node for Noted {
    type Packet = Datagram;

    fn deadline(&self) -> Option<Time> {
        self.endpoint.deadline()
    }

    fn wake(&mut self, now: Time) {
        self.endpoint.wake(now);
    }

    fn receive(&mut self, now: Time, from: NodeId, packet: Datagram) {
        self.endpoint.receive(now, from, packet);
    }

    fn transmit(&mut self, now: Time) -> Option<(NodeId, Datagram)> {
        let (to, packet) = self.endpoint.transmit(now)?;
        let Content::Bytes(bytes) = &packet.content else {
            panic!("QUIC sends bytes");
        };
        self.sent.extend(now.as_nanos().to_le_bytes());
        self.sent.push(self.own);
        self.sent.extend((bytes.len() as u64).to_le_bytes());
        self.sent.extend(bytes);
        self.packets += 1;
        Some((to, packet))
    }
}

/// What a run leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    /// SHA-256 over (time, direction, length, bytes) of every datagram sent.
    bytes: String,
    secrets: String,
}

/// A control connection with a bulky stream and a media connection, over a narrow, lossy, jittery link. Both begin
/// with a Retry, whose token is encrypted and holds a nonce.
fn run(world: u64, simulation: Simulation) -> Run {
    run_under(MediaControl::Core, world, simulation)
}

/// The same under another controller of media, with so much of it that the controller has work.
fn run_under(control: MediaControl, world: u64, simulation: Simulation) -> Run {
    let datagrams = match control {
        MediaControl::Core => 1,
        _ => 16,
    };
    let link = LinkConfig {
        rate: Rate::new(5_000_000),
        queue: QueueConfig::bytes(60_000),
        jitter: Jitter::uniform(Duration::from_millis(5)),
        ..link(1)
    };
    let secrets = Secrets::new();
    let simulation = simulation.keep_secrets(&secrets);
    let settings = ServerSettings {
        handshakes_before_retry: 0,
        ..ServerSettings::new(identity())
    };
    let core = TestCore::echoing();
    let server =
        Driver::simulated_server(simulation.clone(), settings, core, seed(world, 0), epoch());
    let core = TestCore::default();
    let client = Driver::simulated_client(
        simulation,
        None,
        client_settings(),
        core,
        seed(world, 1),
        epoch(),
    );
    let mut server = server.expect("usable settings");
    let mut client = client.expect("usable settings");
    server.media_control(control);
    client.media_control(control);
    let (server, client) = (Noted::new(0, server), Noted::new(1, client));
    let mut net = World::pair(world, server, client, link);

    let (control, media) = (ConnId(0), ConnId(1));
    command(&mut net, |core| {
        core.connect(control, Purpose::Control);
        core.connect(media, Purpose::Media);
    });
    let both = |net: &mut World<Noted>| {
        let client = net.node(CLIENT).endpoint.driver.core();
        client.connected.len() < 2
    };
    assert!(net.run_while(both, Time::from_millis(5_000)), "connected");
    command(&mut net, |core| {
        let id = core.open(control);
        core.write(control, id, pattern(300_000), true);
    });
    for round in 0..300 {
        command(&mut net, |core| {
            for _ in 0..datagrams {
                core.datagram(media, &vec![0; 160 + 13 * (round % 70)]);
            }
        });
        let next = net.now().after(Duration::from_millis(20));
        net.run_until(next);
    }
    let server = &net.node(SERVER).endpoint.driver;
    assert!(server.statistics().retried >= 2, "Retry was not tried");

    let mut context = Context::new(&SHA256);
    let mut packets = 0;
    for node in [SERVER, CLIENT] {
        context.update(&net.node(node).sent);
        packets += net.node(node).packets;
    }
    assert!(packets > 1_000, "{packets} packets only");
    Run {
        bytes: hex(context.finish().as_ref()),
        secrets: secrets.text(),
    }
}

fn client_settings() -> ClientSettings {
    ClientSettings {
        server: address_of(SERVER),
        server_name: SERVER_NAME.to_owned(),
        trust: trust(),
    }
}

fn command(net: &mut World<Noted>, command: impl FnOnce(&mut TestCore)) {
    let now = net.now();
    let client = &mut net.node_mut(CLIENT).endpoint;
    client.command(now, |core, _| command(core));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn deterministic() -> Simulation {
    Simulation::new().deterministic_bytes()
}

#[test]
fn two_runs_in_one_process_are_equal_and_other_seeds_differ() {
    let first = run(1, deterministic());
    assert_eq!(first, run(1, deterministic()));
    assert_ne!(first.bytes, run(2, deterministic()).bytes);
}

/// The runs above would be equal without the mode if nothing in them were secret.
#[test]
fn without_the_mode_two_runs_differ() {
    let (first, second) = (run(1, Simulation::new()), run(1, Simulation::new()));
    assert_ne!(first.bytes, second.bytes);
    assert_ne!(first.secrets, second.secrets);
}

/// Not a test of its own: what the other process does.
#[test]
fn the_other_process() {
    if let Some(mode) = std::env::var_os("DUET_QUIC_OTHER_PROCESS") {
        let control = |control| run_under(control, 1, deterministic());
        let run = match mode.to_str() {
            Some("usual") => run(1, Simulation::new()),
            Some("newreno") => control(MediaControl::NewReno),
            Some("cubic") => control(MediaControl::Cubic),
            Some("bbr") => control(MediaControl::Bbr),
            _ => control(MediaControl::Core),
        };
        println!("hash={}", run.bytes);
    }
}

fn in_another_process(mode: &str) -> String {
    let this = std::env::current_exe().expect("a path");
    let output = Command::new(this)
        .args(["--exact", "the_other_process", "--nocapture"])
        .env("DUET_QUIC_OTHER_PROCESS", mode)
        .output()
        .expect("started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text
        .split_once("hash=")
        .unwrap_or_else(|| panic!("no hash in {text}"));
    rest.split_whitespace().next().expect("a hash").to_owned()
}

#[test]
fn two_processes_are_equal_and_without_the_mode_they_differ() {
    let here = run(1, deterministic()).bytes;
    assert_eq!(in_another_process("deterministic"), here);
    let here = run(1, Simulation::new()).bytes;
    assert_ne!(in_another_process("usual"), here);
}

/// BBR chooses with randomness of its own where a cycle of gains begins. That moves only the rate of its pacing, which
/// quinn-proto does not read: it paces by the window.
#[test]
fn two_processes_are_equal_under_every_controller() {
    let all = [
        ("newreno", MediaControl::NewReno),
        ("cubic", MediaControl::Cubic),
        ("bbr", MediaControl::Bbr),
    ];
    let hashes = all.map(|(name, control)| {
        let here = run_under(control, 1, deterministic()).bytes;
        for _ in 0..3 {
            assert_eq!(in_another_process(name), here, "{name}");
        }
        here
    });
    let [newreno, cubic, bbr] = hashes;
    assert!(
        newreno != cubic && cubic != bbr && bbr != newreno,
        "they govern"
    );
}

/// Both ends know a session's secrets, and each is kept once: five for each of two connections.
#[test]
fn secrets_are_kept_for_those_who_capture() {
    let secrets = run(1, deterministic()).secrets;
    for label in [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
    ] {
        let lines = secrets.lines().filter(|line| {
            let mut words = line.split(' ');
            words.next() == Some(label) && words.next().is_some_and(|random| random.len() == 64)
        });
        assert_eq!(lines.count(), 2, "{label} in {secrets}");
    }
}

/// A signature by ECDSA holds a nonce of the system's: the mode would promise what it does not keep.
#[test]
fn keys_whose_signatures_are_random_are_refused() {
    let ecdsa = || Identity::ecdsa_p256_dev(&[SERVER_NAME]).expect("a good name");
    let server = |simulation| {
        let settings = ServerSettings::new(ecdsa());
        Driver::simulated_server(simulation, settings, TestCore::default(), [0; 32], epoch()).err()
    };
    let refused = server(deterministic());
    assert!(matches!(refused, Some(SettingsError::RandomSignatures)));
    assert!(server(Simulation::new()).is_none());

    let ecdsa = Identity::ecdsa_p256_client("service.example").expect("a good name");
    let (settings, core) = (client_settings(), TestCore::default());
    let client = Driver::simulated_client(
        deterministic(),
        Some(&ecdsa),
        settings,
        core,
        [0; 32],
        epoch(),
    );
    assert!(matches!(
        client.err(),
        Some(SettingsError::RandomSignatures)
    ));
}
