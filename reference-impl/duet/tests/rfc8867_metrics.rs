//! The metrics of RFC 8868 on series made by hand, whose answers are known.

use std::time::Duration;

use duet::flows::peers::{SenderRecord, Sent};
use duet::flows::record::FlowRecord;
use duet::rfc8867::cases;
use duet::rfc8867::measure::{Measures, measure};
use duet::rfc8867::plan::Run;
use duet::rfc8867::record::{LinkRecord, Record, TcpRecord, Wait};
use duet_sim::Time;

fn case(id: &str) -> Run {
    let found = cases::all().into_iter().find(|run| run.id() == id);
    found.unwrap_or_else(|| panic!("no case {id}"))
}

/// Packets of 1,000 bytes of RTP and 1,000 on the wire, so that rates are round.
const PACKET: u32 = 1_000;

/// One stretch of a flow: until when, at how many kb/s, and which share in per cent arrives.
type Stretch = (f64, u64, u64);

/// A flow from `start` on, each packet arriving `delay` after it left; every packet is a picture of its own.
fn flow(start: f64, delay: Duration, stretches: &[Stretch]) -> FlowRecord {
    let mut flow = FlowRecord::default();
    let mut at = start;
    let mut arrived = 0;
    for (until, rate, share) in stretches {
        while at < *until {
            let number = flow.sender.packets.len() as u32;
            let left = Time::from_nanos((at * 1e9) as u64);
            flow.sender.packets.push(Sent {
                audio: false,
                frame: number,
                bytes: PACKET,
                captured: left,
                left: Some(left),
            });
            flow.sent.push((left, PACKET));
            arrived += share;
            if arrived >= 100 {
                arrived -= 100;
                flow.arrivals.push((number, left.after(delay)));
                flow.received.push((left.after(delay), PACKET));
            }
            at += f64::from(PACKET) * 8.0 / (*rate as f64 * 1e3);
        }
    }
    flow
}

fn record(id: &str, flows: Vec<FlowRecord>) -> Record {
    let run = case(id);
    Record {
        run,
        seed: 1,
        controller: "hand".into(),
        flows,
        links: vec![LinkRecord::default()],
        tcp: None,
        log_hash: String::new(),
    }
}

fn near(measures: &Measures, name: &str, expected: f64, tolerance: f64) {
    let value = measures.get(name);
    let value = *value.unwrap_or_else(|| panic!("{name} was not measured"));
    assert!(
        (value - expected).abs() <= tolerance,
        "{name} is {value}, not {expected}"
    );
}

#[test]
fn a_flow_that_follows_the_capacity_of_5_1() {
    let stretches: &[Stretch] = &[
        (5.0, 150, 100),
        (50.0, 900, 100),
        (60.0, 1_800, 100),
        (62.0, 1_800, 30),
        (86.0, 500, 100),
        (99.0, 900, 100),
    ];
    let delay = Duration::from_millis(80);
    let measures = measure(&record("5.1/rate-50ms", vec![flow(0.0, delay, stretches)]));
    // From 0 to 5 s it has 150 kb/s, then nine tenths; a mean over one second needs most of a second.
    near(&measures, "converge_start", 5.8, 0.4);
    // 2.5 Mb/s from 40 s on, of which the sources can give 1.64: 70 % of that is passed soon after 50 s.
    near(&measures, "converge_up", 10.6, 0.6);
    // 0.6 Mb/s from 60 s on, heeded at 62 s.
    near(&measures, "converge_down", 2.8, 0.4);
    near(&measures, "loss_decrease", 70.0, 0.5);
    near(&measures, "loss_static", 0.0, 0.0);
    // The window from 68 to 80 s: 500 of 600 kb/s.
    near(&measures, "utilisation_worst", 0.833, 0.01);
    // The window from 48 to 60 s: 2 s at half the rate of the 10 s that follow, √(5/36) · 0.9 over 1.65.
    near(&measures, "oscillation", 0.203, 0.015);
    near(&measures, "packet_delay_p95", 80.0, 0.01);
    near(&measures, "frame_delay_p50", 80.0, 0.01);
    near(&measures, "media_min", 490.0, 15.0);
    assert!(
        !measures.contains_key("jain_20s"),
        "one flow shares with nobody"
    );
    assert!(!measures.contains_key("tcp_share"));
}

#[test]
fn what_never_converges_is_infinite() {
    let stretches: &[Stretch] = &[(99.0, 400, 100)];
    let measures = measure(&record(
        "5.1/rate-50ms",
        vec![flow(0.0, Duration::ZERO, stretches)],
    ));
    for name in ["converge_start", "converge_up"] {
        assert_eq!(measures[name], f64::INFINITY, "{name}");
    }
    near(&measures, "converge_down", 0.0, 0.2);
    near(&measures, "oscillation", 0.0, 0.01);
}

#[test]
fn three_flows_share_unequally() {
    let delay = Duration::from_millis(50);
    let flows = vec![
        flow(0.0, delay, &[(119.0, 1_500, 100)]),
        flow(20.0, delay, &[(119.0, 1_000, 100)]),
        flow(40.0, delay, &[(119.0, 500, 100)]),
    ];
    let measures = measure(&record("5.4", flows));
    near(&measures, "ratio_20s", 3.0, 0.05);
    // (1.5 + 1 + 0.5)² / (3 · (2.25 + 1 + 0.25)).
    near(&measures, "jain_20s", 9.0 / 10.5, 0.005);
    near(&measures, "ratio_1s", 3.0, 0.1);
    // 3 of 3.5 Mb/s: before 65 s, 25 s after the last start, nothing counts as settled.
    near(&measures, "utilisation", 0.857, 0.003);
    // By their weights, 2 : 1 : 1, the first has less than twice the mean of the others.
    let flows = vec![
        flow(0.0, delay, &[(119.0, 1_500, 100)]),
        flow(20.0, delay, &[(119.0, 1_000, 100)]),
        flow(40.0, delay, &[(119.0, 500, 100)]),
    ];
    near(&measure(&record("6.1", flows)), "priority_ratio", 2.0, 0.02);
}

#[test]
fn a_pause_and_the_way_back() {
    let delay = Duration::from_millis(50);
    let mut paused = flow(0.0, delay, &[(40.0, 1_000, 100)]);
    let back = flow(60.0, delay, &[(67.0, 300, 100), (119.0, 950, 100)]);
    let shift = paused.sender.packets.len() as u32;
    paused.sender.packets.extend(back.sender.packets);
    paused.sent.extend(back.sent);
    paused.received.extend(back.received);
    let later = back
        .arrivals
        .iter()
        .map(|(number, at)| (number + shift, *at));
    paused.arrivals.extend(later);
    let other = || flow(0.0, delay, &[(119.0, 1_000, 100)]);
    let measures = measure(&record("5.8", vec![other(), paused, other()]));
    // A mean over five seconds is within a fifth of 1 Mb/s some four seconds after the rate is back.
    near(&measures, "resume", 10.6, 1.0);
}

#[test]
fn queues_count_media_in_static_windows() {
    let mut record = record(
        "5.6/queue-300ms-newreno",
        vec![flow(5.0, Duration::ZERO, &[(119.0, 500, 100)])],
    );
    let wait = |second: u64, millis: u64, media: bool| Wait {
        offered: Time::from_millis(second * 1_000),
        waited: Some(Duration::from_millis(millis)),
        media,
    };
    // 1 % of the static window (from 50 s on) waits 300 ms, TCP's packets wait longer, and the start does not count.
    record.links[0].waits = (0..119)
        .map(|second| wait(second, if second == 100 { 300 } else { 20 }, true))
        .chain((0..119).map(|second| wait(second, 500, false)))
        .chain((6..20).map(|second| wait(second, 400, true)))
        .collect();
    let goodput = (0..1_190).map(|tenth| (Time::from_millis(tenth * 100), 12_500));
    record.tcp = Some(TcpRecord {
        delivered: goodput.collect(),
        retransmitted: 10,
        sent: 1_000,
    });
    let measures = measure(&record);
    near(&measures, "queue_p50", 20.0, 0.0);
    near(&measures, "queue_p95", 20.0, 0.0);
    near(&measures, "queue_p99_all", 400.0, 0.0);
    near(&measures, "tcp_rate", 1_000.0, 0.1);
    near(&measures, "tcp_share", 0.5, 0.001);
    near(&measures, "tcp_variation", 0.0, 0.001);
    near(&measures, "tcp_loss", 1.0, 0.0);
    assert!(
        !measures.contains_key("utilisation"),
        "beside TCP, another question"
    );
}

#[test]
fn what_never_left_is_not_lost_on_the_way() {
    let mut record = record(
        "loss/1%",
        vec![flow(0.0, Duration::ZERO, &[(59.0, 1_000, 90)])],
    );
    let packets = &mut record.flows[0].sender.packets;
    for number in 0..100 {
        packets.push(Sent {
            audio: false,
            frame: 1_000_000 + number,
            bytes: PACKET,
            captured: Time::from_millis(30_000),
            left: None,
        });
    }
    record.flows[0].sender = SenderRecord {
        trips: vec![(Time::from_millis(5), None)],
        ..record.flows[0].sender.clone()
    };
    record.flows[0].feedback = vec![(Time::ZERO, 36_875)];
    let measures = measure(&record);
    near(&measures, "loss", 10.0, 0.1);
    near(&measures, "expired", 1.4, 0.1);
    near(&measures, "trips", 1.0, 0.0);
    near(&measures, "feedback", 0.5, 0.01);
    // 59 s · 125 packets, a tenth lost, and 100 that never left.
    near(&measures, "frames_whole", 88.8, 0.3);
}
