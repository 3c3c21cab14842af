//! Whole packets in a world: pings, errors and fragments through one NAT, two NATs, and a firewall.

use std::net::IpAddr;
use std::time::Duration;

use bytes::BytesMut;
use duet_sim::net::{
    Datagram, Firewall, FirewallConfig, Gate, Nat, NatConfig, Network, address_of, endpoints,
};
use duet_sim::{LinkConfig, NodeId};

use crate::packets::{UDP, assert_right, fragments, icmp, packet, query, reassembled};

/// A client and a server, and boxes in a row between them.
struct Stage {
    network: Network<Gate>,
    client: NodeId,
    server: NodeId,
    last: NodeId,
}

impl Stage {
    fn new() -> Stage {
        let mut network = Network::new(1);
        let internet = network.add_router("internet");
        let server = network.add_host("server", Gate::new());
        let client = network.add_host("client", Gate::new());
        let mut stage = Stage {
            network,
            client,
            server,
            last: internet,
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

    /// A NAT behind what is there.
    fn nat(mut self, name: &str, config: NatConfig, external: [u8; 4]) -> Stage {
        let nat = Nat::new(config, 1, name, vec![external.into()]);
        let node = self.network.add_nat(name, nat, self.last);
        self.join(node, self.last);
        self.last = node;
        self
    }

    fn firewall(mut self) -> Stage {
        let config = FirewallConfig::preset("stateful").unwrap();
        let node = self
            .network
            .add_firewall("wall", Firewall::new(config), self.last);
        self.join(node, self.last);
        self.last = node;
        self
    }

    /// With the client behind the last.
    fn ready(mut self) -> Stage {
        self.join(self.client, self.last);
        self
    }

    /// Puts packets in at a host, and gives those that arrive at another within a second.
    fn carry(&mut self, from: NodeId, to: NodeId, packets: Vec<BytesMut>) -> Vec<BytesMut> {
        let gate = self.network.host_mut(from);
        for packet in packets {
            gate.put(Datagram::of_packet(packet).unwrap());
        }
        let end = self.network.world().now().after(Duration::from_secs(1));
        self.network.world_mut().run_until(end);
        let gate = self.network.host_mut(to);
        let arrived = std::iter::from_fn(|| gate.take());
        arrived
            .map(|(_, datagram)| datagram.into_packet().unwrap())
            .collect()
    }

    fn ip(&self, node: NodeId) -> String {
        address_of(node).to_string()
    }

    fn log(self) -> String {
        self.network.into_world().finish().text()
    }
}

fn preset(name: &str) -> NatConfig {
    NatConfig::preset(name).unwrap()
}

/// Behind one NAT, behind two, behind two and a firewall.
fn stages() -> Vec<Stage> {
    let one = || Stage::new().nat("home", preset("home"), [192, 0, 2, 1]);
    let two = || {
        let carrier = Stage::new().nat("carrier", preset("carrier"), [192, 0, 2, 1]);
        carrier.nat("home", preset("home"), [100, 64, 0, 7])
    };
    vec![one().ready(), two().ready(), two().firewall().ready()]
}

fn only(packets: Vec<BytesMut>) -> BytesMut {
    let [packet] = <[BytesMut; 1]>::try_from(packets).expect("one packet");
    packet
}

/// From the one that the boxes have outside.
fn assert_from_nat(packet: &[u8]) {
    let external = IpAddr::from([192, 0, 2, 1]);
    assert_eq!(endpoints(packet).unwrap().0.ip(), external);
}

#[test]
fn a_ping_gets_its_answer() {
    for mut stage in stages() {
        let (client, server) = (stage.client, stage.server);
        let (own, there) = (stage.ip(client), stage.ip(server));
        let ping = query(&own, &there, 8, 4_711, b"how far is it?");
        let seen = only(stage.carry(client, server, vec![ping]));
        assert_right(&seen);
        assert_from_nat(&seen);
        let id = u16::from_be_bytes([seen[24], seen[25]]);
        let pong = query(&there, "192.0.2.1", 0, id, b"how far is it?");
        let heard = only(stage.carry(server, client, vec![pong]));
        assert_eq!(heard, query(&there, &own, 0, 4_711, b"how far is it?"));
    }
}

/// The server has no such port: the client hears of the packet that it sent itself, as if there were nothing between.
#[test]
fn an_error_finds_back() {
    for mut stage in stages() {
        let (client, server) = (stage.client, stage.server);
        let (own, there) = (stage.ip(client), stage.ip(server));
        let sent = packet(
            &format!("{own}:5000"),
            &format!("{there}:7"),
            UDP,
            0,
            b"anybody?",
        );
        let seen = only(stage.carry(client, server, vec![sent.clone()]));
        assert_right(&seen);
        assert_from_nat(&seen);
        let told = icmp(&there, "192.0.2.1", [3, 3], [0; 4], &seen);
        let heard = only(stage.carry(server, client, vec![told]));
        assert_eq!(heard, icmp(&there, &own, [3, 3], [0; 4], &sent));
    }
}

/// A datagram of eight fragments comes whole both ways, in order and out of it.
#[test]
fn fragments_come_whole() {
    for mut stage in stages() {
        let (client, server) = (stage.client, stage.server);
        let (own, there) = (stage.ip(client), stage.ip(server));
        let payload: Vec<u8> = (0..11_000).map(|byte| byte as u8).collect();
        let (own, there) = (format!("{own}:5000"), format!("{there}:7"));
        let sent = packet(&own, &there, UDP, 0, &payload);
        let parts = fragments(&sent, 9, 1_480);
        assert_eq!(parts.len(), 8);
        let seen = reassembled(&stage.carry(client, server, parts));
        assert_right(&seen);
        assert_from_nat(&seen);
        assert_eq!(seen[28..], payload);
        let (external, _) = endpoints(&seen).unwrap();
        let back = packet(&there, &external.to_string(), UDP, 0, &payload);
        let parts = fragments(&back, 10, 1_480).into_iter().rev().collect();
        let heard = reassembled(&stage.carry(server, client, parts));
        assert_right(&heard);
        assert_eq!(endpoints(&heard).unwrap().1.to_string(), own);
        assert_eq!(heard[28..], payload);
    }
}

/// What does not fit through the carrier's line is told by the carrier, through the box at home.
#[test]
fn a_path_mtu_is_discovered_through_two_nats() {
    let carrier = NatConfig {
        mtu: Some(1_300),
        ..preset("carrier")
    };
    let stage = Stage::new().nat("carrier", carrier, [192, 0, 2, 1]);
    let mut stage = stage.nat("home", preset("home"), [100, 64, 0, 7]).ready();
    let (client, server) = (stage.client, stage.server);
    let (own, there) = (stage.ip(client), stage.ip(server));
    let of = |size| {
        packet(
            &format!("{own}:5000"),
            &format!("{there}:7"),
            UDP,
            0,
            &vec![1; size],
        )
    };
    let sent = of(1_400);
    let told = only(stage.carry(client, client, vec![sent.clone()]));
    assert_right(&told);
    let expected = icmp("192.0.2.1", &own, [3, 4], [0, 0, 5, 20], &sent[..548]);
    assert_eq!(told[12..], expected[12..], "but for TTL and the like");
    let fits = only(stage.carry(client, server, vec![of(1_300 - 28)]));
    assert_eq!(fits.len(), 1_300);
    let log = stage.log();
    assert_eq!(log.matches("nat-too-big").count(), 1, "{log}");
}

/// Fragments that wait in vain are in the log.
#[test]
fn what_is_given_up_is_logged() {
    let mut stage = Stage::new()
        .nat("home", preset("home"), [192, 0, 2, 1])
        .ready();
    let (client, server) = (stage.client, stage.server);
    let (own, there) = (stage.ip(client), stage.ip(server));
    let sent = packet(
        &format!("{own}:5000"),
        &format!("{there}:7"),
        UDP,
        0,
        &[1; 2_000],
    );
    for id in 0..70 {
        let part = fragments(&sent, id, 1_480).remove(1);
        assert!(stage.carry(client, server, vec![part]).is_empty());
    }
    // A second each: of 70, one waits for 30 s at most.
    let log = stage.log();
    assert_eq!(log.matches("nat-fragment").count(), 40, "{log}");
}
