//! NATs and firewalls in a world: renumbering, double NAT, hairpinning at the carrier, UDP blocked.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use duet_sim::net::{
    Content, Datagram, Ecn, Firewall, FirewallConfig, Host, Nat, NatConfig, Network, address_of,
};
use duet_sim::{LinkConfig, NodeId, Time};

const PORT: u16 = 5000;

/// Sends what it is told to, and sends requests back as answers.
#[derive(Debug, Default)]
struct Peer {
    outbox: VecDeque<(&'static str, SocketAddr)>,
    heard: Vec<(&'static str, SocketAddr)>,
}

impl Host for Peer {
    fn deadline(&self) -> Option<Time> {
        None
    }

    fn wake(&mut self, _now: Time) {}

    fn receive(&mut self, _now: Time, datagram: Datagram) {
        self.heard.push((datagram.class, datagram.source));
        if datagram.class == "request" {
            self.outbox.push_back(("answer", datagram.source));
        }
    }

    fn transmit(&mut self, _now: Time) -> Option<Datagram> {
        let (class, destination) = self.outbox.pop_front()?;
        Some(Datagram {
            source: (Ipv4Addr::UNSPECIFIED, PORT).into(),
            destination,
            ecn: Ecn::NotEct,
            class,
            content: Content::Empty(40),
        })
    }
}

struct Stage {
    network: Network<Peer>,
    internet: NodeId,
    server: NodeId,
}

impl Stage {
    /// A server at the internet.
    fn new() -> Stage {
        let mut network = Network::new(1);
        let internet = network.add_router("internet");
        let server = network.add_host("server", Peer::default());
        let mut stage = Stage {
            network,
            internet,
            server,
        };
        stage.join(server, internet);
        stage
    }

    fn join(&mut self, a: NodeId, b: NodeId) {
        let link = LinkConfig {
            delay: Duration::from_millis(10),
            ..LinkConfig::default()
        };
        self.network.connect(a, b, link.clone());
        self.network.connect(b, a, link);
        self.network.reroute();
    }

    fn nat(&mut self, name: &str, preset: &str, external: [u8; 4], outside: NodeId) -> NodeId {
        let config = NatConfig::preset(preset).unwrap();
        let nat = Nat::new(config, 1, name, vec![external.into()]);
        let nat = self.network.add_nat(name, nat, outside);
        self.join(nat, outside);
        nat
    }

    fn host(&mut self, name: &str, behind: NodeId) -> NodeId {
        let host = self.network.add_host(name, Peer::default());
        self.join(host, behind);
        host
    }

    fn send(&mut self, host: NodeId, class: &'static str, to: SocketAddr) {
        self.network.host_mut(host).outbox.push_back((class, to));
        let end = self.network.world().now().after(Duration::from_secs(1));
        self.network.world_mut().run_until(end);
    }

    /// Sends a request to the server; gives from where it came, if it did.
    fn ask(&mut self, host: NodeId) -> Option<SocketAddr> {
        let before = self.network.host(self.server).heard.len();
        let server = SocketAddr::new(address_of(self.server), PORT);
        self.send(host, "request", server);
        let heard = self.network.host(self.server).heard.get(before);
        heard.map(|(_, source)| *source)
    }

    /// What a host has heard since it was last asked.
    fn heard(&mut self, host: NodeId) -> Vec<(&'static str, SocketAddr)> {
        std::mem::take(&mut self.network.host_mut(host).heard)
    }

    fn answer(&self) -> (&'static str, SocketAddr) {
        ("answer", SocketAddr::new(address_of(self.server), PORT))
    }

    fn log(self) -> String {
        self.network.into_world().finish().text()
    }
}

/// Two private networks with the same provider: the server sees one address of the carrier, and answers find back
/// through both boxes.
#[test]
fn a_call_goes_out_through_two_nats() {
    let mut stage = Stage::new();
    let carrier = stage.nat("carrier", "carrier", [192, 0, 2, 1], stage.internet);
    let home = stage.nat("home", "home", [100, 64, 0, 7], carrier);
    let alice = stage.host("alice", home);
    let seen = stage.ask(alice).unwrap();
    assert_eq!(seen.ip(), Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(stage.heard(alice), [stage.answer()]);
    // A stranger passes the carrier, who lets in anyone, and not the box at home.
    let mallory = stage.host("mallory", stage.internet);
    stage.send(mallory, "knock", seen);
    assert_eq!(stage.heard(alice), []);
    let log = stage.log();
    assert_eq!(log.matches("nat-filtered").count(), 1, "{log}");
}

/// Neighbours who know only each other's external endpoints meet at the carrier, whose hairpin carries both ways.
#[test]
fn two_subscribers_of_a_carrier_meet_there() {
    let mut stage = Stage::new();
    let carrier = stage.nat("carrier", "carrier", [192, 0, 2, 1], stage.internet);
    let homes = [7, 8].map(|last| {
        let name = format!("home{last}");
        stage.nat(&name, "home", [100, 64, 0, last], carrier)
    });
    let [alice, bob] =
        [("alice", homes[0]), ("bob", homes[1])].map(|(name, home)| stage.host(name, home));
    let external = [alice, bob].map(|host| stage.ask(host).unwrap());
    stage.heard(alice);
    stage.heard(bob);
    stage.send(alice, "request", external[1]);
    assert_eq!(stage.heard(bob), [], "Bob's box has not let Alice in yet");
    stage.send(bob, "request", external[0]);
    assert_eq!(stage.heard(alice), [("request", external[1])]);
    assert_eq!(stage.heard(bob), [("answer", external[0])]);
    stage.send(alice, "request", external[1]);
    assert_eq!(stage.heard(bob), [("request", external[0])]);
}

/// The box gets another address in the middle of a conversation. What the server sends to the old one is lost; as soon
/// as the client sends, the server sees it at the new one.
#[test]
fn renumbering_loses_what_is_sent_to_the_old_address() {
    let mut stage = Stage::new();
    let nat = stage.nat("home", "home", [192, 0, 2, 1], stage.internet);
    let alice = stage.host("alice", nat);
    let old = stage.ask(alice).unwrap();
    stage.heard(alice);
    let new = Ipv4Addr::new(192, 0, 2, 99);
    stage.network.renumber(nat, vec![new]);
    let server = stage.server;
    stage.send(server, "news", old);
    assert_eq!(stage.heard(alice), []);
    let now = stage.ask(alice).unwrap();
    assert_eq!(now.ip(), new);
    assert_eq!(stage.heard(alice), [stage.answer()]);
    stage.send(server, "news", now);
    assert_eq!(stage.heard(alice).len(), 1);
}

/// The box forgets, and says nothing. From the outside it looks as if the client had gone; from inside, a packet makes
/// a new mapping, at another port.
#[test]
fn a_flush_moves_a_client_to_another_port() {
    let mut stage = Stage::new();
    let nat = stage.nat("nat", "rfc4787", [192, 0, 2, 1], stage.internet);
    let alice = stage.host("alice", nat);
    let old = stage.ask(alice).unwrap();
    stage.heard(alice);
    stage.network.nat_mut(nat).flush();
    let server = stage.server;
    stage.send(server, "news", old);
    assert_eq!(stage.heard(alice), []);
    let now = stage.ask(alice).unwrap();
    assert_eq!(now.ip(), old.ip());
    assert_ne!(now.port(), old.port());
    let log = stage.log();
    assert_eq!(log.matches("nat-no-mapping").count(), 1, "{log}");
}

/// Nothing gets out, and the log says why; with the wall away it does.
#[test]
fn udp_is_blocked() {
    let asked = |preset: Option<&str>| {
        let mut stage = Stage::new();
        let config = preset.map_or_else(FirewallConfig::default, |name| {
            FirewallConfig::preset(name).unwrap()
        });
        let wall = Firewall::new(config);
        let internet = stage.internet;
        let wall = stage.network.add_firewall("wall", wall, internet);
        stage.join(wall, internet);
        let alice = stage.host("alice", wall);
        let asked = stage.ask(alice).is_some();
        let log = stage.log();
        (
            asked,
            ["firewall-udp", "firewall-port"].map(|cause| log.matches(cause).count()),
        )
    };
    assert_eq!(asked(None), (true, [0, 0]));
    assert_eq!(asked(Some("stateful")), (true, [0, 0]));
    assert_eq!(asked(Some("udp-blocked")), (false, [1, 0]));
    assert_eq!(asked(Some("only-443")), (false, [0, 1]));
}

/// Two hosts in one private network speak to each other by their private addresses: the box between them carries that
/// as a switch would, translates nothing, lets everything through, and sends nothing outside.
#[test]
fn what_is_local_stays_local() {
    let mut stage = Stage::new();
    let internet = stage.internet;
    let nat = stage.nat("home", "home", [192, 0, 2, 1], internet);
    let blocking = FirewallConfig::preset("udp-blocked").unwrap();
    let wall = stage
        .network
        .add_firewall("wall", Firewall::new(blocking), internet);
    stage.join(wall, internet);
    for (behind, [alice, bob]) in [(nat, ["a", "b"]), (wall, ["c", "d"])] {
        let [alice, bob] = [alice, bob].map(|name| stage.host(name, behind));
        let [to_alice, to_bob] = [alice, bob].map(|host| SocketAddr::new(address_of(host), PORT));
        stage.send(alice, "request", to_bob);
        assert_eq!(stage.heard(bob), [("request", to_alice)]);
        assert_eq!(stage.heard(alice), [("answer", to_bob)]);
    }
    assert_eq!(stage.network.nat_mut(nat).mappings(), 0);
    let log = stage.log();
    assert!(!log.contains("internet"), "{log}");
}
