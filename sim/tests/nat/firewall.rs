//! Firewalls.

use std::time::Duration;

use duet_sim::Time;
use duet_sim::net::{
    Behaviour, Content, Datagram, Firewall, FirewallConfig, Refresh, Refusal, Side,
};

use crate::bench::{ALICE, OTHER, PEER, PEER_PORT, at, tcp, udp};

struct Wall {
    firewall: Firewall,
    now: Time,
}

impl Wall {
    fn new(config: FirewallConfig) -> Wall {
        Wall {
            firewall: Firewall::new(config),
            now: Time::ZERO,
        }
    }

    fn wait_seconds(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    fn pass(&mut self, side: Side, datagram: Datagram) -> Option<Refusal> {
        let passage = self.firewall.pass(self.now, side, datagram.clone());
        let cause = passage.refusal();
        if cause.is_none() {
            assert_eq!(passage.forwarded(), Some((side.opposite(), datagram)));
        }
        cause
    }

    fn out(&mut self, peer: &str) -> Option<Refusal> {
        self.pass(Side::Inside, udp(at(ALICE), at(peer)))
    }

    fn back(&mut self, peer: &str) -> Option<Refusal> {
        self.pass(Side::Outside, udp(at(peer), at(ALICE)))
    }
}

fn stateful(filtering: Behaviour) -> FirewallConfig {
    FirewallConfig {
        filtering: Some(filtering),
        ..FirewallConfig::default()
    }
}

#[test]
fn the_default_lets_everything_through() {
    let mut wall = Wall::new(FirewallConfig::default());
    assert_eq!(wall.back(PEER), None);
    assert_eq!(wall.out(OTHER), None);
}

#[test]
fn a_stateful_one_lets_in_what_was_asked_for() {
    let admitted = |filtering| {
        let mut wall = Wall::new(stateful(filtering));
        assert_eq!(wall.back(PEER), Some(Refusal::FirewallUnsolicited));
        assert_eq!(wall.out(PEER), None);
        [PEER, PEER_PORT, OTHER].map(|peer| wall.back(peer).is_none())
    };
    assert_eq!(admitted(Behaviour::EndpointIndependent), [true, true, true]);
    assert_eq!(admitted(Behaviour::AddressDependent), [true, true, false]);
    assert_eq!(
        admitted(Behaviour::AddressAndPortDependent),
        [true, false, false]
    );
}

#[test]
fn permissions_are_for_one_endpoint_and_one_protocol() {
    let mut wall = Wall::new(stateful(Behaviour::EndpointIndependent));
    wall.out(PEER);
    let unsolicited = Some(Refusal::FirewallUnsolicited);
    let other_port = udp(at(PEER), at("10.0.0.2:5001"));
    assert_eq!(wall.pass(Side::Outside, other_port), unsolicited);
    let other_protocol = tcp(at(PEER), at(ALICE), 0);
    assert_eq!(wall.pass(Side::Outside, other_protocol), unsolicited);
}

#[test]
fn ipv6_is_filtered_like_ipv4() {
    let mut wall = Wall::new(FirewallConfig::preset("stateful").unwrap());
    let inside = at("[2001:db8::1]:5000");
    let outside = at("[2001:db8:1::1]:443");
    let unsolicited = Some(Refusal::FirewallUnsolicited);
    assert_eq!(wall.pass(Side::Outside, udp(outside, inside)), unsolicited);
    assert_eq!(wall.pass(Side::Inside, udp(inside, outside)), None);
    assert_eq!(wall.pass(Side::Outside, udp(outside, inside)), None);
}

/// An idle timeout that is shorter than the application's keep-alive cuts it off; with TCP it takes longer.
#[test]
fn what_is_idle_is_forgotten() {
    let config = FirewallConfig {
        timeout: Duration::from_secs(20),
        ..stateful(Behaviour::AddressAndPortDependent)
    };
    let mut wall = Wall::new(config);
    wall.out(PEER);
    wall.pass(Side::Inside, tcp(at(ALICE), at(PEER), 0));
    for _ in 0..3 {
        wall.wait_seconds(19);
        assert_eq!(wall.back(PEER), None);
    }
    wall.wait_seconds(20);
    assert_eq!(wall.back(PEER), Some(Refusal::FirewallUnsolicited));
    assert_eq!(wall.firewall.flows(), 1);
    assert_eq!(wall.pass(Side::Outside, tcp(at(PEER), at(ALICE), 0)), None);
}

#[test]
fn refresh_is_by_the_packets_that_count() {
    let alive = |refresh, side| {
        let mut wall = Wall::new(FirewallConfig {
            refresh,
            ..stateful(Behaviour::AddressDependent)
        });
        wall.out(PEER);
        wall.wait_seconds(200);
        match side {
            Side::Inside => wall.out(PEER),
            Side::Outside => wall.back(PEER),
        };
        wall.wait_seconds(200);
        wall.back(PEER).is_none()
    };
    for side in Side::ALL {
        assert!(alive(Refresh::Both, *side));
        assert_eq!(alive(Refresh::Outbound, *side), *side == Side::Inside);
        assert_eq!(alive(Refresh::Inbound, *side), *side == Side::Outside);
    }
}

#[test]
fn udp_is_blocked_both_ways_and_tcp_is_not() {
    let mut wall = Wall::new(FirewallConfig::preset("udp-blocked").unwrap());
    assert_eq!(wall.out(PEER), Some(Refusal::FirewallUdp));
    assert_eq!(wall.back(PEER), Some(Refusal::FirewallUdp));
    assert_eq!(wall.pass(Side::Inside, tcp(at(ALICE), at(PEER), 0)), None);
    assert_eq!(wall.pass(Side::Outside, tcp(at(PEER), at(ALICE), 0)), None);
}

#[test]
fn only_one_port_is_open() {
    let mut wall = Wall::new(FirewallConfig::preset("only-443").unwrap());
    assert_eq!(wall.out(PEER), None);
    assert_eq!(wall.back(PEER), None);
    assert_eq!(wall.out(PEER_PORT), Some(Refusal::FirewallPort));
    assert_eq!(wall.back(PEER_PORT), Some(Refusal::FirewallPort));
    let segment = tcp(at(ALICE), at(PEER_PORT), 0);
    assert_eq!(
        wall.pass(Side::Inside, segment),
        Some(Refusal::FirewallPort)
    );
    let mut wall = Wall::new(FirewallConfig {
        ports: Some(vec![80..=80, 440..=450]),
        ..FirewallConfig::default()
    });
    assert_eq!(wall.out(PEER_PORT), None);
    assert_eq!(wall.out("198.51.100.1:80"), None);
    assert_eq!(wall.out("198.51.100.1:81"), Some(Refusal::FirewallPort));
}

/// The size is that of the IP packet: 20 and 8 bytes more than the payload.
#[test]
fn large_packets_are_dropped() {
    let mut wall = Wall::new(FirewallConfig {
        max_size: Some(1_200),
        ..FirewallConfig::default()
    });
    let mut pass = |payload| {
        let datagram = Datagram {
            content: Content::Empty(payload),
            ..udp(at(ALICE), at(PEER))
        };
        wall.pass(Side::Inside, datagram)
    };
    assert_eq!(pass(1_200 - 28), None);
    assert_eq!(pass(1_201 - 28), Some(Refusal::FirewallSize));
}

/// The first flight of each flow is lost, and so is that of a flow that was forgotten.
#[test]
fn the_first_packets_of_a_flow_are_dropped() {
    let mut wall = Wall::new(FirewallConfig {
        drop_first: 2,
        ..FirewallConfig::default()
    });
    let first = Some(Refusal::FirewallFirst);
    assert_eq!([(); 3].map(|()| wall.out(PEER)), [first, first, None]);
    assert_eq!(wall.back(PEER), None);
    assert_eq!([(); 3].map(|()| wall.back(OTHER)), [first, first, None]);
    wall.wait_seconds(300);
    assert_eq!(wall.out(PEER), first);
}

/// From a moment on nothing more passes; trying does not help, waiting for the flow to be forgotten does.
#[test]
fn a_flow_is_cut_after_a_time() {
    let mut wall = Wall::new(FirewallConfig {
        flow_time: Some(Duration::from_secs(60)),
        ..FirewallConfig::default()
    });
    assert_eq!(wall.out(PEER), None);
    wall.wait_seconds(59);
    assert_eq!(wall.back(PEER), None);
    wall.wait_seconds(1);
    assert_eq!(wall.out(OTHER), None, "another flow has its own time");
    for _ in 0..10 {
        assert_eq!(wall.out(PEER), Some(Refusal::FirewallTime));
        assert_eq!(wall.back(PEER), Some(Refusal::FirewallTime));
        wall.wait_seconds(100);
    }
    wall.wait_seconds(300);
    assert_eq!(wall.out(PEER), None);
}

#[test]
fn a_flow_is_cut_after_bytes_or_packets() {
    let passed = |config| {
        let mut wall = Wall::new(config);
        let mut causes = (0..10).map(|n| {
            if n % 2 == 0 {
                wall.out(PEER)
            } else {
                wall.back(PEER)
            }
        });
        let passed = causes.by_ref().take_while(Option::is_none).count();
        let rest: Vec<_> = causes.flatten().collect();
        assert_eq!(rest.len(), 9 - passed, "cut is cut");
        (passed, rest[0])
    };
    let config = FirewallConfig {
        flow_packets: Some(4),
        ..FirewallConfig::default()
    };
    assert_eq!(passed(config), (4, Refusal::FirewallPackets));
    let config = FirewallConfig {
        flow_bytes: Some(3 * 128 + 127),
        ..FirewallConfig::default()
    };
    assert_eq!(passed(config), (3, Refusal::FirewallBytes));
}

/// A packet that does not fit into what is left cuts the flow, also for smaller ones.
#[test]
fn a_smaller_packet_does_not_slip_through_a_cut() {
    let mut wall = Wall::new(FirewallConfig {
        flow_bytes: Some(200),
        ..FirewallConfig::default()
    });
    let mut pass = |payload| {
        let datagram = Datagram {
            content: Content::Empty(payload),
            ..udp(at(ALICE), at(PEER))
        };
        wall.pass(Side::Inside, datagram)
    };
    assert_eq!(pass(100), None);
    assert_eq!(pass(100), Some(Refusal::FirewallBytes));
    assert_eq!(pass(1), Some(Refusal::FirewallBytes));
}

/// Strangers cannot fill the table of a stateful firewall, and what is in it goes on when it is full.
#[test]
fn memory_is_bounded() {
    let mut wall = Wall::new(FirewallConfig {
        max_flows: 3,
        ..stateful(Behaviour::AddressAndPortDependent)
    });
    for port in 1..=100 {
        let stranger = format!("203.0.113.1:{port}");
        assert_eq!(wall.back(&stranger), Some(Refusal::FirewallUnsolicited));
    }
    assert_eq!(wall.firewall.flows(), 0);
    let peer = |port| format!("198.51.100.1:{port}");
    for port in 1..=3 {
        assert_eq!(wall.out(&peer(port)), None);
    }
    assert_eq!(wall.out(&peer(4)), Some(Refusal::FirewallFull));
    assert_eq!(wall.back(&peer(1)), None);
    assert_eq!(wall.firewall.flows(), 3);
    wall.firewall.flush();
    assert_eq!(wall.back(&peer(1)), Some(Refusal::FirewallUnsolicited));
    assert_eq!(wall.out(&peer(4)), None);
}
