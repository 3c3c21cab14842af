//! CBR: the integral of the rate, exactly, over any interval.

use duet_sim::net::{Datagram, Host};
use duet_sim::traffic::{Cbr, CbrConfig, Traffic, UdpSink};
use duet_sim::{LinkConfig, NodeId, Packet, QueueConfig, Rate, Time, World};
use proptest::prelude::*;

use crate::{Point, address, millis};

/// What a host sends until `end` if it is woken at its deadlines.
fn run(host: &mut impl Host, end: Time) -> Vec<(Time, Datagram)> {
    let mut sent = Vec::new();
    while let Some(at) = host.deadline().filter(|at| *at < end) {
        host.wake(at);
        while let Some(datagram) = host.transmit(at) {
            sent.push((at, datagram));
        }
    }
    sent
}

fn cbr(config: CbrConfig) -> Cbr {
    Cbr::new(config, address("10.0.0.1:9"), address("10.0.0.2:9"))
}

#[test]
fn packets_have_1500_bytes_on_the_wire_over_either_version_of_ip() {
    // Fails if the payload is reckoned with IPv4's header for both.
    for (from, to) in [("10.0.0.1:9", "10.0.0.2:9"), ("[fd00::1]:9", "[fd00::2]:9")] {
        let config = CbrConfig::constant(Rate::new(1_000_000).unwrap());
        let mut cbr = Cbr::new(config, address(from), address(to));
        let sent = run(&mut cbr, Time::from_millis(100));
        assert!(sent.iter().all(|(_, d)| d.size() == 1_500));
        // 12 000 bits at 1 Mb/s are 12 ms: 0, 12, … 96.
        assert_eq!(sent.len(), 9);
        assert_eq!(sent[8].0, Time::from_millis(96));
        assert_eq!(cbr.stats().bytes, 9 * 1_500);
    }
}

#[test]
fn what_is_left_of_a_schedule_is_what_the_test_case_wants() {
    // RFC 8867 §5.1 with a physical link of 4 Mb/s: 4 − Y · r for ratios 1.0, 2.5, 0.6, 1.0 of 1 Mb/s.
    let seconds = [0u64, 40, 60, 80, 100];
    let rates = [3_000_000, 1_500_000, 3_400_000, 3_000_000];
    let schedule = seconds.iter().zip(rates);
    let config = CbrConfig {
        rates: schedule
            .map(|(s, rate)| (Time::from_millis(s * 1_000), Rate::new(rate)))
            .collect(),
        stop: Some(Time::from_millis(100_000)),
        ..CbrConfig::default()
    };
    let mut cbr = cbr(config);
    let sent = run(&mut cbr, Time::MAX);
    for (n, rate) in rates.iter().enumerate() {
        let (from, to) = (seconds[n] * 1_000, seconds[n + 1] * 1_000);
        let inside = |at: Time| at >= Time::from_millis(from) && at < Time::from_millis(to);
        let count = sent.iter().filter(|(at, _)| inside(*at)).count() as u64;
        assert!((count * 12_000).abs_diff(rate * (to - from) / 1_000) <= 12_000);
    }
    // 3 · 40 + 1.5 · 20 + 3.4 · 20 + 3 · 20 = 278 Mb, and the packet at the start.
    assert_eq!(sent.len() as u64, 278_000_000u64.div_ceil(12_000));
}

#[test]
fn a_rate_of_nothing_sends_nothing_and_owes_nothing() {
    // RFC 8867 §5.2: 4 − 4 = 0. Fails if silence is skipped without moving the credit's instant on: a burst follows.
    let config = CbrConfig {
        rates: vec![
            (Time::from_millis(0), None),
            (Time::from_millis(25_000), Rate::new(2_000_000)),
        ],
        ..CbrConfig::default()
    };
    let sent = run(&mut cbr(config), Time::from_millis(25_100));
    let times: Vec<u64> = sent.iter().map(|(at, _)| at.as_micros()).collect();
    let expected: Vec<u64> = (0..17).map(|n| 25_000_000 + n * 6_000).collect();
    assert_eq!(times, expected);
}

#[test]
fn a_sink_counts_what_a_bottleneck_lets_through() {
    let config = CbrConfig {
        stop: Some(Time::from_millis(10_000)),
        ..CbrConfig::constant(Rate::new(2_000_000).unwrap())
    };
    let (from, to) = (address("10.0.0.1:9"), address("10.0.0.2:9"));
    let link = LinkConfig {
        rate: Rate::new(1_000_000),
        queue: QueueConfig::bytes(15_000),
        delay: millis(50),
        ..LinkConfig::default()
    };
    let mut world = World::pair(
        1,
        Point::new(vec![(from, Cbr::new(config, from, to).into())], NodeId::B),
        Point::new(vec![(to, UdpSink::new().into())], NodeId::A),
        link,
    );
    world.run_until(Time::from_millis(11_000));
    let Traffic::UdpSink(sink) = &world.node(NodeId::B).hosts[0].1 else {
        panic!("no sink");
    };
    let (first, last) = sink.stats().span.unwrap();
    assert_eq!(first, Time::from_millis(62));
    // Back to back from the first to the last.
    assert_eq!(
        last.since(first),
        millis(12) * (sink.stats().packets as u32 - 1)
    );
    assert_eq!(sink.stats().bytes, sink.stats().packets * 1_500);
    assert_eq!(sink.stats().bins.total(), sink.stats().bytes);
    // 833 leave while it sends, and the ten that wait at the end.
    assert!(
        (842..=844).contains(&sink.stats().packets),
        "{}",
        sink.stats().packets
    );
}

proptest! {
    /// Every packet leaves in the first nanosecond at which the integral has reached its number, computed here packet
    /// by packet from the schedule. Fails if the rest of a division is dropped at a change of rate.
    #[test]
    fn every_packet_leaves_when_the_integral_says(
        changes in prop::collection::vec((1u64..3_000_000_000, 0u64..40_000_000), 1..6),
        size in 30u32..2_000,
        start in 0u64..4_000_000_000,
    ) {
        let mut at = 0;
        let mut rates = Vec::new();
        for (gap, rate) in changes {
            rates.push((Time(at), Rate::new(rate)));
            at += gap;
        }
        let config = CbrConfig { rates: rates.clone(), packet_size: size, start: Time(start), stop: None };
        let end = start + 2_000_000_000;
        let sent = run(&mut cbr(config), Time(end));

        // The integral up to `t`, in bits times 10⁹.
        let integral = |t: u64| -> u128 {
            (0..rates.len()).map(|n| {
                let from = rates[n].0.as_nanos().max(start);
                let to = rates.get(n + 1).map_or(u64::MAX, |next| next.0.as_nanos()).min(t);
                let rate = rates[n].1.map_or(0, |rate| rate.bits_per_second());
                u128::from(to.saturating_sub(from)) * u128::from(rate)
            }).sum()
        };
        let packet = u128::from(size) * 8_000_000_000;
        for (n, (at, _)) in sent.iter().enumerate() {
            let due = packet * n as u128;
            prop_assert!(integral(at.as_nanos()) >= due);
            prop_assert!(n == 0 || integral(at.as_nanos() - 1) < due);
        }
        // None is missing.
        let silent = sent.is_empty() && integral(end) == 0;
        prop_assert!(silent || integral(end - 1) < packet * sent.len() as u128);
    }
}
