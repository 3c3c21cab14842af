//! What happens to a NAT, and NATs in a row.

use std::net::Ipv4Addr;
use std::time::Duration;

use duet_sim::Time;
use duet_sim::net::{Allocation, Nat, NatConfig, Refusal, Side};

use crate::bench::{ALICE, BOB, Bench, PEER, addresses, at, udp};

/// Peers see the host come from another port, without the host having done anything; where ports are preserved they see
/// nothing but a filter that is closed until the host sends again.
#[test]
fn a_flush_forgets_every_mapping() {
    let flushed = |allocation| {
        let mut bench = Bench::new(&NatConfig {
            allocation,
            ..NatConfig::default()
        });
        let before = bench.out(ALICE, PEER).unwrap();
        bench.nat.flush();
        assert_eq!(bench.nat.mappings(), 0);
        assert_eq!(bench.back(PEER, before), Err(Refusal::NatNoMapping));
        let after = bench.out(ALICE, PEER).unwrap();
        assert_eq!(bench.back(PEER, after), Ok(at(ALICE)));
        before == after
    };
    for allocation in Allocation::ALL {
        let preserves = matches!(
            allocation,
            Allocation::Preserve | Allocation::PreserveOverload
        );
        assert_eq!(flushed(*allocation), preserves, "{allocation}");
    }
}

/// The provider gives another address: what is sent to the old one is lost, and the host comes from the new one.
#[test]
fn renumbering_changes_the_address() {
    let mut bench = Bench::new(&NatConfig::default());
    let before = bench.out(ALICE, PEER).unwrap();
    let new = Ipv4Addr::new(192, 0, 2, 99);
    bench.nat.renumber(vec![new]);
    assert_eq!(bench.nat.external(), [new]);
    assert_eq!(bench.back(PEER, before), Err(Refusal::NatAddress));
    let after = bench.out(ALICE, PEER).unwrap();
    assert_eq!(after.ip(), new);
    assert_eq!(bench.back(PEER, after), Ok(at(ALICE)));
}

/// One more address is no harm to mappings of those that stay.
#[test]
fn renumbering_keeps_what_stays() {
    let mut bench = Bench::with_addresses(&NatConfig::default(), 1);
    let before = bench.out(ALICE, PEER).unwrap();
    bench.nat.renumber(addresses(2));
    assert_eq!(bench.back(PEER, before), Ok(at(ALICE)));
    assert_eq!(bench.out(ALICE, PEER), Ok(before));
}

/// For as long as it takes nothing passes, either way; then everything begins anew.
#[test]
fn a_reboot_takes_time_and_forgets() {
    let mut bench = Bench::new(&NatConfig {
        allocation: Allocation::Sequential,
        ..NatConfig::default()
    });
    let before = bench.out(ALICE, PEER).unwrap();
    bench.nat.reboot(bench.now, Duration::from_secs(30));
    assert_eq!(bench.out(ALICE, PEER), Err(Refusal::NatDown));
    bench.wait(Duration::from_secs(30) - Duration::from_nanos(1));
    assert_eq!(bench.back(PEER, before), Err(Refusal::NatDown));
    bench.wait(Duration::from_nanos(1));
    assert_eq!(bench.back(PEER, before), Err(Refusal::NatNoMapping));
    assert_eq!(
        bench.out(ALICE, PEER),
        Ok(before),
        "it counts from the start"
    );
}

/// At home and at the provider: two boxes, the outside of one being the inside of the other.
#[test]
fn a_double_nat_is_two_boxes() {
    let home_address = Ipv4Addr::new(100, 64, 0, 7);
    let home = NatConfig::preset("home").unwrap();
    let mut home = Nat::new(home, 1, "home", vec![home_address]);
    let carrier = NatConfig::preset("carrier").unwrap();
    let mut carrier = Nat::new(carrier, 1, "carrier", addresses(2));
    let sent = udp(at(ALICE), at(PEER));
    let (_, sent) = home
        .pass(Time::ZERO, Side::Inside, sent)
        .forwarded()
        .unwrap();
    assert_eq!(sent.source, (home_address, 5000).into());
    let passage = carrier.pass(Time::ZERO, Side::Inside, sent);
    let (_, sent) = passage.forwarded().unwrap();
    assert!(
        carrier
            .external()
            .iter()
            .any(|own| sent.source.ip() == *own)
    );

    let answer = |peer: &str| udp(at(peer), sent.source);
    let mut back = |peer| {
        let passage = carrier.pass(Time::ZERO, Side::Outside, answer(peer));
        let (_, datagram) = passage.forwarded().unwrap();
        home.pass(Time::ZERO, Side::Outside, datagram)
    };
    let (side, heard) = back(PEER).forwarded().unwrap();
    assert_eq!((side, heard.destination), (Side::Inside, at(ALICE)));
    // The carrier lets in anyone, the box at home does not: the strictest filter of the path counts.
    assert_eq!(back("203.0.113.9:9").refusal(), Some(Refusal::NatFiltered));
}

/// Two hosts behind one carrier's NAT, each behind a box of its own: what they send to each other's external endpoint
/// turns round at the carrier.
#[test]
fn a_carrier_hairpins_between_its_subscribers() {
    let open = NatConfig::preset("open").unwrap();
    let mut homes = [7, 8].map(|last| {
        let address = Ipv4Addr::new(100, 64, 0, last);
        Nat::new(open.clone(), 1, "home", vec![address])
    });
    let carrier = NatConfig::preset("carrier").unwrap();
    let mut carrier = Nat::new(carrier, 1, "carrier", addresses(1));
    let externals = [(0, ALICE), (1, BOB)].map(|(home, host): (usize, _)| {
        let sent = udp(at(host), at(PEER));
        let passage = homes[home].pass(Time::ZERO, Side::Inside, sent);
        let (_, sent) = passage.forwarded().unwrap();
        let passage = carrier.pass(Time::ZERO, Side::Inside, sent);
        passage.forwarded().unwrap().1.source
    });
    let sent = udp(at(ALICE), externals[1]);
    let passage = homes[0].pass(Time::ZERO, Side::Inside, sent);
    let (_, sent) = passage.forwarded().unwrap();
    let passage = carrier.pass(Time::ZERO, Side::Inside, sent);
    let (side, sent) = passage.forwarded().unwrap();
    assert_eq!((side, sent.source), (Side::Inside, externals[0]));
    let passage = homes[1].pass(Time::ZERO, Side::Outside, sent);
    let (_, heard) = passage.forwarded().unwrap();
    assert_eq!(heard.destination, at(BOB));
}

/// A box without an address has none to give.
#[test]
fn without_an_external_address_nothing_goes_out() {
    let mut bench = Bench::new(&NatConfig::default());
    bench.nat.renumber(Vec::new());
    assert_eq!(bench.out(ALICE, PEER), Err(Refusal::NatPortsExhausted));
}

/// IPv6 has addresses enough; both ways it passes as it is.
#[test]
fn ipv6_is_not_translated() {
    let mut bench = Bench::new(&NatConfig::default());
    let datagram = udp(at("[2001:db8::1]:5000"), at("[2001:db8:1::1]:443"));
    for side in [Side::Inside, Side::Outside] {
        let passage = bench.nat.pass(bench.now, side, datagram.clone());
        assert_eq!(
            passage.forwarded(),
            Some((side.opposite(), datagram.clone()))
        );
    }
    assert_eq!(bench.nat.mappings(), 0);
}
