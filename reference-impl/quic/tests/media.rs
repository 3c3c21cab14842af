//! The media connection: who governs it, and what its short queue does to a core with much to send.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::*;
use duet_protocol::io::{ConnId, Purpose};
use duet_protocol::media::Ecn;
use duet_protocol::time::Instant;
use duet_quic::{Mode, ServerSettings};
use duet_sim::link::EcnMangle;
use duet_sim::{Fate, LinkConfig, NodeId, Record, World};

const CONTROL: ConnId = ConnId(0);
const MEDIA: ConnId = ConnId(1);

#[test]
fn the_alpn_switches_the_controller_on_both_sides() {
    let mut net = pair(1, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    establish(&mut net, CLIENT, MEDIA, Purpose::Media);
    for (node, control, media) in [(CLIENT, CONTROL, MEDIA), (SERVER, ConnId(0), ConnId(1))] {
        let driver = &net.node(node).driver;
        assert_eq!(driver.mode(control), Some(Mode::Cubic));
        assert_eq!(driver.mode(media), Some(Mode::Media));
    }
}

/// 1.3 Mb/s of datagrams from the server for ten seconds over a lossy link; how many of them leave in time.
fn share_sent(world: u64, purpose: Purpose) -> f64 {
    let mut net = pair(world, link(0));
    establish(&mut net, CLIENT, MEDIA, purpose);
    let rounds = 1_500;
    for round in 0..rounds {
        command(&mut net, SERVER, |core| {
            core.datagram(ConnId(0), &[3; 1_100])
        });
        settle(&mut net, Duration::from_micros(6_667));
        // Every fifth is lost.
        net.set_down(SERVER, CLIENT, round % 5 == 4);
    }
    let waiting = core(&net, SERVER).backlog.len() as u64;
    let dropped = net.node(SERVER).driver.statistics().datagrams_dropped;
    1.0 - (waiting + dropped) as f64 / f64::from(rounds)
}

#[test]
fn losses_do_not_throttle_media_while_cubic_gives_way() {
    let media = share_sent(2, Purpose::Media);
    assert!(media > 0.99, "only {media:.2} of the media left");
    let cubic = share_sent(2, Purpose::Control);
    assert!(cubic < 0.9, "the loss did not bite: {cubic:.2} left");
}

#[test]
fn a_core_that_always_has_more_loses_nothing_to_the_queue_of_two() {
    for purpose in [Purpose::Media, Purpose::Control] {
        let mut net = pair(3, link(0));
        establish(&mut net, CLIENT, MEDIA, purpose);
        let count = 2_000_u32;
        command(&mut net, CLIENT, |core| {
            for n in 0..count {
                let mut bytes = vec![0; 1_100];
                bytes[..4].copy_from_slice(&n.to_be_bytes());
                core.datagram(MEDIA, &bytes);
            }
        });
        if purpose == Purpose::Control {
            let left = core(&net, CLIENT).backlog.len();
            assert!(
                left > 1_000,
                "CUBIC let everything out at once: {left} left"
            );
        }
        settle(&mut net, Duration::from_secs(20));
        let server = core(&net, SERVER);
        let numbers: Vec<u32> = server
            .datagrams
            .iter()
            .map(|(_, bytes, ..)| u32::from_be_bytes(bytes[..4].try_into().expect("four bytes")))
            .collect();
        assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "{purpose:?}");
        assert_eq!(net.node(CLIENT).driver.statistics().datagrams_dropped, 0);
    }
}

/// Two clients of one server; the link to the first dies. Its datagrams, under CUBIC, soon fill the window and the
/// queue: the second's go on, after a short wait.
#[test]
fn one_stuck_connection_does_not_stop_the_others() {
    let (first, second) = (NodeId(1), NodeId(2));
    let mut net = World::new(4);
    net.add_node(
        "server",
        server(4, ServerSettings::new(identity()), TestCore::default()),
    );
    for (id, name) in [(1, "first"), (2, "second")] {
        let node = net.add_node(name, client(4, id, trust(), TestCore::default()));
        net.connect(SERVER, node, link(0));
        net.connect(node, SERVER, link(0));
    }
    establish(&mut net, first, ConnId(0), Purpose::Control);
    establish(&mut net, second, ConnId(0), Purpose::Media);
    net.set_down(SERVER, first, true);
    let rounds = 200;
    for _ in 0..rounds {
        command(&mut net, SERVER, |core| {
            core.datagram(ConnId(0), &[0; 1_100]);
            core.datagram(ConnId(1), &[1; 1_100]);
        });
        settle(&mut net, Duration::from_millis(10));
    }
    settle(&mut net, Duration::from_secs(1));
    let arrived = &core(&net, second).datagrams;
    assert_eq!(arrived.len(), rounds, "the second lost datagrams");
    let gaps = arrived.windows(2).map(|pair| pair[1].2.since(pair[0].2));
    let longest = gaps.max().expect("two datagrams");
    assert!(
        longest <= Duration::from_millis(300),
        "held up for {longest:?}"
    );
    assert!(core(&net, SERVER).backlog.is_empty());
    let dropped = net.node(SERVER).driver.statistics().datagrams_dropped;
    assert!(
        dropped > 50,
        "the stuck one's datagrams went somewhere: {dropped}"
    );
}

/// When packets arrived at the other end of a link, and with which ECN field.
fn fields_by_arrival(net: &Net, link: &str) -> BTreeMap<Instant, Ecn> {
    let log = net.log();
    let arrived = log.records().iter().filter_map(|record| match record {
        Record::Packet { link: id, journey } if log.link_name(*id) == link => {
            let Fate::Delivered { at } = journey.fate else {
                return None;
            };
            let ecn = match journey.ecn {
                duet_sim::Ecn::NotEct => Ecn::NotEct,
                duet_sim::Ecn::Ect1 => Ecn::Ect1,
                duet_sim::Ecn::Ect0 => Ecn::Ect0,
                duet_sim::Ecn::Ce => Ecn::Ce,
            };
            Some((instant(at), ecn))
        }
        _ => None,
    });
    arrived.collect()
}

/// Two datagrams share a packet, and the path marks three packets in ten: the core is told of each datagram with the
/// field of its own packet, both of one and never that of the packet before.
#[test]
fn media_042_datagrams_bear_the_ecn_field_of_their_packet() {
    let ecn = EcnMangle {
        mark: percent(30),
        ..EcnMangle::default()
    };
    let mut net = pair(6, LinkConfig { ecn, ..link(0) });
    establish(&mut net, CLIENT, MEDIA, Purpose::Media);
    for round in 0..200_u8 {
        command(&mut net, CLIENT, |core| {
            core.datagram(MEDIA, &[round; 500]);
            core.datagram(MEDIA, &[round; 500]);
        });
        settle(&mut net, Duration::from_millis(7));
    }
    settle(&mut net, Duration::from_millis(200));
    for (node, link) in [(SERVER, "b>a"), (CLIENT, "a>b")] {
        let arrived = fields_by_arrival(&net, link);
        let told = &core(&net, node).datagrams;
        assert_eq!(told.len(), 400);
        for pair in told.chunks(2) {
            assert_eq!(pair[0].2, pair[1].2, "both came in one packet");
        }
        let marked = told.iter().filter(|(.., ecn)| *ecn == Ecn::Ce).count();
        assert!((80..160).contains(&marked), "{marked} of 400");
        for (_, _, at, ecn) in told {
            assert_eq!(arrived.get(at), Some(ecn), "at {at:?} on {link}");
        }
    }
}

#[test]
fn datagrams_for_a_connection_that_is_gone_vanish() {
    let mut net = pair(5, link(0));
    establish(&mut net, CLIENT, MEDIA, Purpose::Media);
    command(&mut net, CLIENT, |core| {
        core.datagram(ConnId(77), b"nobody");
        core.datagram(MEDIA, &[0; 1_300]);
        core.datagram(MEDIA, b"somebody");
    });
    settle(&mut net, Duration::from_millis(100));
    assert_eq!(
        core(&net, SERVER).datagrams.len(),
        1,
        "too large, or to nobody"
    );
    assert_eq!(net.node(CLIENT).driver.statistics().datagrams_dropped, 2);
}

#[test]
fn media_goes_before_what_another_connection_has_to_send() {
    let mut net = pair(35, link(0));
    establish(&mut net, CLIENT, ConnId(0), Purpose::Control);
    establish(&mut net, CLIENT, ConnId(1), Purpose::Media);
    command(&mut net, SERVER, |core| {
        let id = core.open(ConnId(0));
        core.write(ConnId(0), id, pattern(100_000), false);
        core.datagram(ConnId(1), &[7; 100]);
    });
    let now = instant(net.now());
    let first = net.node_mut(SERVER).driver.transmit(now);
    let second = net.node_mut(SERVER).driver.transmit(now);
    let sizes = [first, second].map(|packet| packet.map_or(0, |packet| packet.bytes.len()));
    // Media is short here, bulk fills its packets.
    assert!(sizes[0] < 300 && sizes[1] == 1_200, "{sizes:?}");
}
