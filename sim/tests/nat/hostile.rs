//! Packets that nobody means well with: whatever comes, a box does not panic, changes no packet's size, and keeps no more
//! than it may.

use bytes::BytesMut;
use duet_sim::net::{Behaviour, Datagram, Firewall, FirewallConfig, Nat, NatConfig, Passage, Side};
use duet_sim::{Packet as _, Time};
use proptest::prelude::*;

use crate::packets::{ICMP, TCP, UDP, fragments, icmp, packet, query};

const INSIDE: &str = "10.0.0.2:5000";
const OUTSIDE: &str = "198.51.100.1:443";
const EXTERNAL: &str = "192.0.2.1";

/// A right packet of one kind or another, of ends that meet.
fn right() -> impl Strategy<Value = BytesMut> {
    let ends = prop::sample::select(vec![
        (INSIDE, OUTSIDE),
        (OUTSIDE, "192.0.2.1:5000"),
        (INSIDE, "192.0.2.1:5000"),
        (OUTSIDE, INSIDE),
    ]);
    let protocol = prop::sample::select(vec![UDP, TCP, ICMP, 47]);
    (ends, protocol, 0usize..3_000, 0u8..16, 0u16..4, 0usize..8).prop_map(
        |((from, to), protocol, size, kind, id, pick)| {
            let payload = vec![kind; size];
            let plain = packet(from, to, protocol, 0, &payload);
            let ip = |end: &str| end.split(':').next().unwrap().to_owned();
            let (source, destination) = (ip(from), ip(to));
            match pick {
                0..3 => plain,
                3 => query(&source, &destination, kind, id, &payload),
                4 => icmp("203.0.113.7", &source, [3, 3], [0; 4], &plain),
                5 => icmp(&destination, EXTERNAL, [11, 0], [0; 4], &plain[..28]),
                _ => {
                    let mut parts = fragments(&plain, id, 64);
                    parts.swap_remove(usize::from(kind) % parts.len())
                }
            }
        },
    )
}

/// One that had something written over it.
fn hostile() -> impl Strategy<Value = BytesMut> {
    let damage = prop::collection::vec((0usize..80, any::<u8>()), 0..6);
    let cut = prop::option::weighted(0.2, 0usize..100);
    let noise = prop::collection::vec(any::<u8>(), 0..120);
    prop_oneof![
        9 => (right(), damage, cut).prop_map(|(mut packet, damage, cut)| {
            for (at, byte) in damage {
                if let Some(place) = packet.get_mut(at) {
                    *place = byte;
                }
            }
            packet.truncate(cut.unwrap_or(usize::MAX));
            packet
        }),
        1 => noise.prop_map(|mut noise| {
            if let Some(first) = noise.first_mut() {
                *first = 0x45;
            }
            BytesMut::from(noise.as_slice())
        }),
    ]
}

/// A packet as it comes, or damaged on the way after its headers were read.
fn datagram(packet: BytesMut, late: &BytesMut) -> Option<Datagram> {
    let mut datagram = Datagram::of_packet(packet)?;
    if late.len().is_multiple_of(5) {
        datagram.content = duet_sim::net::Content::Packet(late.clone());
    }
    Some(datagram)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_nat_bears_every_packet(
        packets in prop::collection::vec((hostile(), hostile(), any::<bool>(), 0u64..20_000), 1..60),
        filtering in prop::sample::select(Behaviour::ALL),
        mtu in prop::option::of(0usize..2_000),
    ) {
        let config = NatConfig {
            filtering,
            mtu,
            ..NatConfig::preset("home").unwrap()
        };
        let mut nat = Nat::new(config, 1, "nat", vec![[192, 0, 2, 1].into()]);
        let mut now = Time::ZERO;
        let (mut came, mut went, mut lost) = (0, 0, 0);
        for (packet, late, outside, pause) in packets {
            now = now.after(std::time::Duration::from_millis(pause));
            let Some(datagram) = datagram(packet, &late) else {
                continue;
            };
            came += 1;
            let size = datagram.size();
            let side = if outside { Side::Outside } else { Side::Inside };
            let passage = nat.pass(now, side, datagram);
            lost += usize::from(passage.refusal().is_some());
            if let Some((_, sent)) = passage.forwarded() {
                went += 1;
                let sent_size = sent.size();
                prop_assert!(sent_size == size || mtu.is_some());
                prop_assert_eq!(sent.into_packet().map(|packet| packet.len()), Some(sent_size));
            }
            while let Some((_, sent)) = nat.take_leaving() {
                went += 1;
                let sent_size = sent.size();
                prop_assert_eq!(sent.into_packet().map(|packet| packet.len()), Some(sent_size));
            }
            while nat.take_lost().is_some() {
                lost += 1;
            }
        }
        if mtu.is_none() {
            let waiting = came - (went + lost);
            prop_assert!(waiting <= 64, "{} are neither here nor there", waiting);
        }
    }

    /// Nor does one translate a damaged error for anybody: what passes has a right checksum.
    #[test]
    fn a_firewall_bears_every_packet(
        packets in prop::collection::vec((hostile(), hostile(), any::<bool>()), 1..60),
        stateful in any::<bool>(),
    ) {
        let config = match stateful {
            true => FirewallConfig::preset("stateful").unwrap(),
            false => FirewallConfig::default(),
        };
        let mut wall = Firewall::new(config);
        for (packet, late, outside) in packets {
            let Some(datagram) = datagram(packet, &late) else {
                continue;
            };
            let before = datagram.clone();
            let side = if outside { Side::Outside } else { Side::Inside };
            if let Passage::Forward { datagram, .. } = wall.pass(Time::ZERO, side, datagram) {
                prop_assert_eq!(datagram, before);
            }
            while wall.take_leaving().is_some() || wall.take_lost().is_some() {}
        }
    }
}
