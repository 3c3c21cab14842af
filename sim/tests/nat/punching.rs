//! UDP hole punching between two clients behind NATs, in a world: all 81 pairs of NATs against what theory says.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use duet_sim::net::{
    Allocation, Behaviour, Content, Datagram, Ecn, Host, Nat, NatConfig, Network, address_of,
};
use duet_sim::{LinkConfig, NodeId, Time};

use Behaviour::{AddressAndPortDependent, AddressDependent, EndpointIndependent};

/// The port that clients and server use.
const PORT: u16 = 5000;

/// How many times a client checks its peer.
const CHECKS: u8 = 5;

/// A client, and the server that tells it its address: says hello, answers checks to wherever they come from.
#[derive(Debug, Default)]
struct Client {
    outbox: VecDeque<(&'static str, SocketAddr)>,
    /// Whom to check, how often still, and when next.
    peer: Option<(SocketAddr, u8, Time)>,
    /// What came, from whom.
    heard: Vec<(&'static str, SocketAddr)>,
}

impl Client {
    /// Whether a check of its own was answered.
    fn is_answered(&self) -> bool {
        self.heard.iter().any(|(class, _)| *class == "answer")
    }
}

impl Host for Client {
    fn deadline(&self) -> Option<Time> {
        let (_, left, at) = self.peer?;
        (left > 0).then_some(at)
    }

    fn wake(&mut self, now: Time) {
        if let Some((peer, left, at)) = &mut self.peer {
            self.outbox.push_back(("check", *peer));
            *left -= 1;
            *at = now.after(Duration::from_millis(100));
        }
    }

    fn receive(&mut self, _now: Time, datagram: Datagram) {
        self.heard.push((datagram.class, datagram.source));
        if datagram.class == "check" {
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

/// A mapping and a filtering.
type Kind = (Behaviour, Behaviour);

/// Lets two clients behind NATs of these kinds, with random ports, do as [`punch_with`] says.
fn punch(kinds: [Kind; 2]) -> (bool, String) {
    punch_with(Allocation::Random, kinds)
}

/// Lets two clients behind NATs of these kinds learn their addresses from a server and check each other at once; says
/// whether any check was answered, and gives the log.
fn punch_with(allocation: Allocation, kinds: [Kind; 2]) -> (bool, String) {
    let mut network = Network::new(1);
    let link = LinkConfig {
        delay: Duration::from_millis(10),
        ..LinkConfig::default()
    };
    let join = |network: &mut Network<Client>, a: NodeId, b: NodeId| {
        network.connect(a, b, link.clone());
        network.connect(b, a, link.clone());
    };
    let internet = network.add_router("internet");
    let server = network.add_host("server", Client::default());
    join(&mut network, server, internet);
    let clients = [0, 1].map(|index| {
        let (mapping, filtering) = kinds[index];
        let config = NatConfig {
            mapping,
            filtering,
            allocation,
            ..NatConfig::default()
        };
        let name = ["alice", "bob"][index];
        let external = Ipv4Addr::new(192, 0, 2, 1 + index as u8);
        let box_name = format!("nat-{name}");
        let nat = Nat::new(config, 1, &box_name, vec![external]);
        let nat = network.add_nat(&box_name, nat, internet);
        let client = network.add_host(name, Client::default());
        join(&mut network, nat, internet);
        join(&mut network, client, nat);
        client
    });
    network.reroute();

    for client in clients {
        let server = SocketAddr::new(address_of(server), PORT);
        let client = network.host_mut(client);
        client.outbox.push_back(("hello", server));
    }
    let met = Time::from_millis(500);
    network.world_mut().run_until(met);
    let reflexive = network.host(server).heard.clone();
    assert_eq!(reflexive.len(), 2);
    for (index, client) in clients.into_iter().enumerate() {
        let (_, peer) = reflexive[1 - index];
        network.host_mut(client).peer = Some((peer, CHECKS, met));
    }
    network.world_mut().run_until(Time::from_millis(2_000));
    let answered = clients.map(|client| network.host(client).is_answered());
    (
        answered.contains(&true),
        network.into_world().finish().text(),
    )
}

/// What theory says. Each client knows the endpoint from which the other spoke to the server, and has sent to it.
fn theory([a, b]: [Kind; 2]) -> bool {
    let works = |from: Kind, to: Kind| check_arrives(from, to) && answer_arrives(from, to);
    works(a, b) || works(b, a)
}

/// Whether a check passes the NAT of its receiver, where it comes to the endpoint made for the server.
///
/// With endpoint-independent mapping the receiver has sent its own checks from that endpoint, so that its filter knows
/// the address of the sender; it knows the very port if the sender's mapping is endpoint-independent too. With any
/// other mapping, that endpoint has never sent to anyone but the server.
fn check_arrives(from: Kind, to: Kind) -> bool {
    let (from_mapping, _) = from;
    match to {
        (_, EndpointIndependent) => true,
        (mapping, AddressDependent) => mapping == EndpointIndependent,
        (mapping, AddressAndPortDependent) => {
            mapping == EndpointIndependent && from_mapping == EndpointIndependent
        }
    }
}

/// Whether the answer passes the NAT of the one who checked. It comes to the endpoint from which the check was sent,
/// from the right address; from the right port, if the one who answers has the same endpoint for all.
fn answer_arrives(from: Kind, to: Kind) -> bool {
    let ((_, filtering), (mapping, _)) = (from, to);
    filtering != AddressAndPortDependent || mapping == EndpointIndependent
}

fn kinds() -> impl Iterator<Item = Kind> {
    let filterings = |mapping| {
        Behaviour::ALL
            .iter()
            .map(move |filtering| (mapping, *filtering))
    };
    Behaviour::ALL.iter().copied().flat_map(filterings)
}

#[test]
fn every_pair_of_nats_does_as_theory_says() {
    let mut worked = 0;
    for a in kinds() {
        for b in kinds() {
            let (works, log) = punch([a, b]);
            assert_eq!(works, theory([a, b]), "{a:?} with {b:?}:\n{log}");
            worked += u32::from(works);
        }
    }
    assert_eq!(worked, 45);
}

/// The cases that everybody knows, by their names in RFC 3489 §5: theory itself is held against them.
#[test]
fn the_known_cases_are_as_known() {
    let full_cone = (EndpointIndependent, EndpointIndependent);
    let restricted = (EndpointIndependent, AddressDependent);
    let port_restricted = (EndpointIndependent, AddressAndPortDependent);
    let symmetric = (AddressAndPortDependent, AddressAndPortDependent);
    for (a, b, expected) in [
        (full_cone, full_cone, true),
        (full_cone, symmetric, true),
        (restricted, restricted, true),
        (restricted, port_restricted, true),
        (restricted, symmetric, true),
        (port_restricted, port_restricted, true),
        (port_restricted, symmetric, false),
        (symmetric, symmetric, false),
    ] {
        assert_eq!(punch([a, b]).0, expected, "{a:?} with {b:?}");
        assert_eq!(punch([b, a]).0, expected, "{b:?} with {a:?}");
    }
}

/// A NAT that has a mapping for each peer, all of them with the port of the host, is no worse to punch than one that has
/// one mapping for all, as long as no two hosts want the same port. So are many Linux routers.
#[test]
fn mappings_with_the_same_port_are_as_good_as_one() {
    let one = |(_, filtering)| (EndpointIndependent, filtering);
    for a in kinds() {
        for b in kinds() {
            let (works, log) = punch_with(Allocation::PreserveOverload, [a, b]);
            assert_eq!(works, theory([one(a), one(b)]), "{a:?} with {b:?}:\n{log}");
        }
    }
}

#[test]
fn the_same_world_has_the_same_log() {
    let kinds = [
        (AddressDependent, AddressDependent),
        (EndpointIndependent, AddressDependent),
    ];
    assert_eq!(punch(kinds), punch(kinds));
}
