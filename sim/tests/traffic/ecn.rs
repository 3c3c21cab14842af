//! ECN: agreed on, marked by the network, answered once per window.

use std::collections::VecDeque;

use duet_sim::net::{Datagram, Ecn, Host, Segment};
use duet_sim::traffic::{TcpConfig, TcpSender, TcpSink, TcpSinkConfig};
use duet_sim::{NodeId, Time};

use crate::{Path, millis, segment, sender_address, sink_address};

/// Both ends over 50 ms each way, with every data segment of these numbers marked; returns all that was sent.
fn run(ecn: (bool, bool), marks: &[u64], end: Time) -> (TcpSender, TcpSink, Vec<Datagram>) {
    let config = TcpConfig {
        ecn: ecn.0,
        ..TcpConfig::default()
    };
    let sink = TcpSinkConfig {
        ecn: ecn.1,
        ack_every: 1,
        ..TcpSinkConfig::default()
    };
    let mut sender = TcpSender::new(config, sender_address(0), sink_address());
    let mut sink = TcpSink::new(sink);
    let mut flying: VecDeque<(Time, bool, Datagram)> = VecDeque::new();
    let mut sent = Vec::new();
    let mut count = 0;
    loop {
        let next = flying.front().map(|(at, ..)| *at);
        let timers = [sender.deadline(), sink.deadline(), next];
        let now = timers.into_iter().flatten().min().unwrap();
        if now > end {
            return (sender, sink, sent);
        }
        while flying.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, to_sink, datagram) = flying.pop_front().unwrap();
            if to_sink {
                sink.receive(now, datagram);
            } else {
                sender.receive(now, datagram);
            }
        }
        sender.wake(now);
        sink.wake(now);
        while let Some(mut datagram) = sender.transmit(now) {
            sent.push(datagram.clone());
            if segment(&datagram).length > 0 {
                if marks.contains(&count) && datagram.ecn.is_capable() {
                    datagram.ecn = Ecn::Ce;
                }
                count += 1;
            }
            flying.push_back((now.after(millis(50)), true, datagram));
        }
        while let Some(datagram) = sink.transmit(now) {
            sent.push(datagram.clone());
            flying.push_back((now.after(millis(50)), false, datagram));
        }
    }
}

/// Fails if each mark reduces the window, or if CWR is not sent (the echo never ends, and the window goes on falling).
#[test]
fn the_marks_of_a_window_reduce_it_once() {
    let (sender, sink, sent) = run((true, true), &[30, 31, 35, 40], Time::from_millis(1_000));
    assert_eq!(sink.stats().marked, 4);
    let of = sender.stats();
    assert_eq!(
        (of.mark_reductions, of.retransmissions, of.fast_recoveries),
        (1, 0, 0)
    );
    let data = sent.iter().filter(|d| segment(d).length > 0);
    let reduced = data.clone().filter(|d| segment(d).has(Segment::CWR));
    assert_eq!(reduced.count(), 1);
    assert!(data.clone().all(|d| d.ecn == Ecn::Ect0));
    assert!(
        sent.iter()
            .filter(|d| segment(d).length == 0)
            .all(|d| d.ecn == Ecn::NotEct)
    );
    // The echo lasts from the mark to CWR, a round trip.
    let echoes = sent
        .iter()
        .filter(|d| segment(d).flags == Segment::ACK | Segment::ECE);
    assert!((2..80).contains(&echoes.count()));
    let threshold = of.windows.values().last().unwrap().1.threshold;
    assert!(threshold < 40 * 1_448, "{threshold}");
}

#[test]
fn later_windows_reduce_again() {
    let (sender, _, _) = run((true, true), &[30, 300, 1_000], Time::from_millis(5_000));
    assert_eq!(sender.stats().mark_reductions, 3);
}

/// Fails if either end is taken for willing.
#[test]
fn without_agreement_nothing_is_capable() {
    for ecn in [(false, false), (true, false), (false, true)] {
        let (sender, sink, sent) = run(ecn, &[30], Time::from_millis(1_000));
        assert!(sent.iter().all(|d| d.ecn == Ecn::NotEct), "{ecn:?}");
        let mut says = sent.iter().map(segment);
        let says = says.find(|s| s.has(Segment::SYN | Segment::ACK));
        assert!(!says.unwrap().has(Segment::ECE), "{ecn:?}");
        assert_eq!(
            (sink.stats().marked, sender.stats().mark_reductions),
            (0, 0)
        );
    }
}

#[test]
fn what_is_sent_again_is_not_capable() {
    let mut path = Path::ideal(millis(100));
    path.sink.ecn = true;
    let config = TcpConfig {
        ecn: true,
        ..TcpConfig::default()
    };
    let mut world = path.world(&[config]);
    world.node_mut(NodeId::A).lose = crate::numbers(&[25]);
    world.node_mut(NodeId::A).records = true;
    world.run_until(Time::from_millis(1_000));
    let sent = world.node(NodeId::A).sent.iter().map(|(_, d)| d);
    let copies: Vec<Ecn> = sent
        .filter(|d| segment(d).sequence == 1 + 25 * 1_448)
        .map(|d| d.ecn)
        .collect();
    assert_eq!(copies, [Ecn::Ect0, Ecn::NotEct]);
}
