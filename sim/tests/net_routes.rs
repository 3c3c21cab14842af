//! How datagrams find their way between hosts, routers and boxes.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use duet_sim::net::{Content, Datagram, Ecn, Host, Nat, NatConfig, Network, Ports, address_of};
use duet_sim::{LinkConfig, NodeId, Record, Time};

/// Sends what it is given, keeps what it gets, and answers it if it is asked to.
#[derive(Default)]
struct Person {
    outbox: VecDeque<Datagram>,
    heard: Vec<(Time, SocketAddr)>,
    answers: bool,
}

impl Host for Person {
    fn deadline(&self) -> Option<Time> {
        None
    }
    fn wake(&mut self, _now: Time) {}
    fn receive(&mut self, now: Time, datagram: Datagram) {
        self.heard.push((now, datagram.source));
        if self.answers {
            self.outbox.push_back(Datagram {
                source: datagram.destination,
                destination: datagram.source,
                ..datagram
            });
        }
    }
    fn transmit(&mut self, _now: Time) -> Option<Datagram> {
        self.outbox.pop_front()
    }
}

fn answering() -> Person {
    Person {
        answers: true,
        ..Person::default()
    }
}

/// A datagram from whatever address the sender has.
fn to(node: NodeId) -> Datagram {
    Datagram {
        source: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7)),
        destination: SocketAddr::new(address_of(node), 7),
        ecn: Ecn::NotEct,
        class: "word",
        content: Content::Empty(100),
    }
}

fn join<H: Host>(net: &mut Network<H>, a: NodeId, b: NodeId) {
    let config = LinkConfig {
        delay: Duration::from_millis(10),
        ..LinkConfig::default()
    };
    net.connect(a, b, config.clone());
    net.connect(b, a, config);
}

fn say(net: &mut Network<Person>, from: NodeId, to_node: NodeId) {
    net.host_mut(from).outbox.push_back(to(to_node));
    let end = net.world().now().after(Duration::from_secs(1));
    net.world_mut().run_until(end);
}

fn drops(net: &Network<Person>) -> Vec<(String, &'static str)> {
    let log = net.world().log();
    let dropped = log.records().iter().filter_map(|record| match record {
        Record::Dropped { by, dropped, .. } => Some((log.box_name(*by).to_owned(), dropped.cause)),
        _ => None,
    });
    dropped.collect()
}

#[test]
fn routers_pass_on_and_hosts_do_not() {
    let mut net = Network::new(1);
    let a = net.add_host("a", Person::default());
    let left = net.add_router("left");
    let right = net.add_router("right");
    let b = net.add_host("b", answering());
    let beyond = net.add_host("beyond", Person::default());
    for (one, other) in [(a, left), (left, right), (right, b), (b, beyond)] {
        join(&mut net, one, other);
    }
    net.reroute();
    say(&mut net, a, b);
    assert_eq!(
        net.host(b).heard,
        [(Time::from_millis(30), SocketAddr::new(address_of(a), 7))]
    );
    assert_eq!(
        net.host(a).heard,
        [(Time::from_millis(60), SocketAddr::new(address_of(b), 7))]
    );
    // The only way to `beyond` leads through a host.
    say(&mut net, a, beyond);
    assert!(net.host(beyond).heard.is_empty());
    assert_eq!(drops(&net), [("left".to_owned(), "no-route")]);
}

#[test]
fn the_way_with_the_fewest_hops_is_taken() {
    let mut net = Network::new(1);
    let a = net.add_host("a", Person::default());
    let routers: Vec<NodeId> = (0..4).map(|n| net.add_router(&format!("r{n}"))).collect();
    let b = net.add_host("b", Person::default());
    for (one, other) in [
        (a, routers[0]),
        (routers[0], routers[1]),
        (routers[1], routers[2]),
        (routers[2], routers[3]),
        (routers[0], routers[3]),
        (routers[3], b),
    ] {
        join(&mut net, one, other);
    }
    net.reroute();
    say(&mut net, a, b);
    assert_eq!(net.host(b).heard[0].0, Time::from_millis(30));
}

#[test]
fn behind_a_nat_one_is_reached_by_answers_only() {
    let mut net = Network::new(1);
    let inside = net.add_host("inside", Person::default());
    let external = Ipv4Addr::new(192, 0, 2, 1);
    let core = NodeId(2);
    let nat = Nat::new(NatConfig::default(), 1, "home", vec![external]);
    let home = net.add_nat("home", nat, core);
    assert_eq!(net.add_router("core"), core);
    let server = net.add_host("server", answering());
    for (one, other) in [(inside, home), (home, core), (core, server)] {
        join(&mut net, one, other);
    }
    net.reroute();
    say(&mut net, inside, server);
    assert_eq!(net.host(server).heard[0].1.ip(), external);
    assert_eq!(net.host(inside).heard.len(), 1, "the answer found back");
    // Its own address means nothing outside.
    say(&mut net, server, inside);
    assert_eq!(net.host(inside).heard.len(), 1);
    assert_eq!(drops(&net), [("core".to_owned(), "no-route")]);
}

#[test]
fn a_new_address_is_reached_and_the_old_one_no_longer() {
    let mut net = Network::new(1);
    let a = net.add_host("a", Person::default());
    let core = net.add_router("core");
    let b = net.add_host("b", Person::default());
    join(&mut net, a, core);
    join(&mut net, core, b);
    net.reroute();
    // Under way when the address changes, it ends at a host that no longer has it.
    net.host_mut(b).outbox.push_back(to(a));
    net.world_mut().run_until(Time::from_millis(15));
    let address = net.readdress(a);
    net.world_mut().run_until(Time::from_millis(100));
    assert_eq!(drops(&net), [("a".to_owned(), "wrong-address")]);
    say(&mut net, a, b);
    assert_eq!(net.host(b).heard[0].1.ip(), address);
    say(&mut net, b, a);
    assert!(net.host(a).heard.is_empty());
    let mut datagram = to(a);
    datagram.destination.set_ip(address);
    net.host_mut(b).outbox.push_back(datagram);
    let end = net.world().now().after(Duration::from_secs(1));
    net.world_mut().run_until(end);
    assert_eq!(net.host(a).heard.len(), 1);
}

#[test]
fn a_host_with_two_uplinks_uses_the_one_that_it_chose() {
    let mut net = Network::new(1);
    let phone = net.add_host("phone", Person::default());
    let wifi = net.add_router("wifi");
    let cell = net.add_router("cell");
    let core = net.add_router("core");
    let server = net.add_host("server", answering());
    for (one, other) in [
        (phone, wifi),
        (wifi, core),
        (phone, cell),
        (cell, core),
        (core, server),
    ] {
        join(&mut net, one, other);
    }
    net.set_uplink(phone, wifi);
    say(&mut net, phone, server);
    net.set_uplink(phone, cell);
    say(&mut net, phone, server);
    assert_eq!(net.host(phone).heard.len(), 2);
    let carried = |link: &str| net.world().log().counts().any(|(name, ..)| name == link);
    for link in ["phone>wifi", "wifi>phone", "phone>cell", "cell>phone"] {
        assert!(carried(link), "{link}");
    }
    let (_, _, count) = net
        .world()
        .log()
        .counts()
        .find(|(name, ..)| *name == "wifi>phone")
        .unwrap();
    assert_eq!(count.offered, 1, "the second answer came by the other way");
}

#[test]
fn ports_share_an_address() {
    let mut ports = Ports::new();
    ports.insert(7..=7, answering());
    ports.insert(9..=12, Person::default());
    let mut net = Network::new(1);
    let a = net.add_host("a", Ports::new());
    let b = net.add_host("b", ports);
    join(&mut net, a, b);
    net.reroute();
    net.host_mut(a).insert(7..=7, Person::default());
    net.host_mut(a).at_mut(7).unwrap().outbox.extend([
        to(b),
        Datagram {
            destination: SocketAddr::new(address_of(b), 8),
            ..to(b)
        },
    ]);
    net.world_mut().run_until(Time::from_millis(100));
    assert_eq!(net.host(b).at(7).unwrap().heard.len(), 1);
    assert!(
        net.host(b).at(9).unwrap().heard.is_empty(),
        "nobody is at port 8"
    );
    assert_eq!(net.host(a).at(7).unwrap().heard.len(), 1);
    assert!(net.host(b).at(12).is_some() && net.host(b).at(13).is_none());
}
