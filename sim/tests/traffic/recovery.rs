//! Losses one by one: what is repaired without the timer, and what the timer does.

use std::time::Duration;

use duet_sim::net::{Content, Datagram, Ecn, Host, Segment};
use duet_sim::traffic::{Congestion, TcpConfig, TcpStats};
use duet_sim::{NodeId, Packet, Time, World};

use crate::{Path, Point, millis, numbers, segment, sender_address, sink_address};

fn file(segments: u64) -> TcpConfig {
    TcpConfig {
        bytes: Some(segments * 1_448),
        ..TcpConfig::default()
    }
}

/// A run over 100 ms without limit, with these data segments lost, retransmissions counted in.
fn run(config: TcpConfig, lost: &[u64]) -> World<Point> {
    let mut world = Path::ideal(millis(100)).world(&[config]);
    world.node_mut(NodeId::A).lose = numbers(lost);
    world.node_mut(NodeId::A).records = true;
    world.node_mut(NodeId::B).records = true;
    world.run_until(Time::from_millis(600_000));
    world
}

fn stats(world: &World<Point>) -> &TcpStats {
    world.node(NodeId::A).sender(0).stats()
}

/// Fails if new data waits for the cumulative acknowledgement: the last losses of the file have too few duplicates.
#[test]
fn one_loss_is_repaired_in_a_round_trip_without_the_timer() {
    for congestion in [Congestion::NewReno, Congestion::Cubic] {
        for lost in [0, 5, 12, 40] {
            let config = TcpConfig {
                congestion,
                ..file(100)
            };
            let world = run(config, &[lost]);
            let of = stats(&world);
            assert_eq!((of.timeouts, of.fast_recoveries), (0, 1), "{lost}");
            assert_eq!((of.retransmissions, of.retransmitted), (1, 1_448));
            assert_eq!(of.acknowledged, 100 * 1_448);
            assert_eq!(world.node(NodeId::B).sink().stats().duplicates, 0);
            let copies = world.node(NodeId::A).sent.iter();
            let times: Vec<Time> = copies
                .filter(|(_, d)| segment(d).sequence == 1 + lost * 1_448)
                .map(|(at, _)| *at)
                .collect();
            assert_eq!(times.len(), 2);
            assert!(times[1].since(times[0]) <= millis(200));
        }
    }
}

/// Limited transmit (RFC 3042, RFC 6675 §5 step 3): the first two duplicates each let a new segment leave. Fails if
/// new data waits for the cumulative acknowledgement.
#[test]
fn the_first_duplicates_let_new_segments_leave() {
    let config = TcpConfig {
        initial_window: 3,
        ..file(20)
    };
    // The first of three is lost; two duplicates alone would leave it to the timer.
    let world = run(config, &[0]);
    assert_eq!(
        (stats(&world).timeouts, stats(&world).fast_recoveries),
        (0, 1)
    );
    let sent = &world.node(NodeId::A).sent;
    let at_200 = sent.iter().filter(|(at, _)| *at == Time::from_millis(200));
    let numbers: Vec<u64> = at_200.map(|(_, d)| segment(d).sequence / 1_448).collect();
    assert_eq!(numbers, [3, 4]);
}

/// A burst out of one window is one congestion event, repaired hole by hole. Fails if each hole reduces the window, if
/// only the first hole is sent again, or if what has two segments above it and a third in its range is not lost.
#[test]
fn a_burst_of_losses_is_one_event() {
    for lost in [
        [20, 21, 22, 23, 24],
        [12, 15, 18, 21, 24],
        [10, 11, 20, 21, 24],
    ] {
        let world = run(file(200), &lost);
        let of = stats(&world);
        assert_eq!((of.timeouts, of.fast_recoveries), (0, 1), "{lost:?}");
        assert_eq!(of.retransmissions, 5);
        assert_eq!(of.acknowledged, 200 * 1_448);
        assert_eq!(world.node(NodeId::B).sink().stats().duplicates, 0);
    }
}

/// The last segment's loss gives no duplicates, so the timer repairs it, doubling each time (RFC 6298 §5.5) up to a
/// minute. Fails without back-off.
#[test]
fn a_lost_tail_waits_for_the_timer_which_backs_off() {
    let lost: Vec<u64> = (9..20).collect();
    let world = run(file(10), &lost);
    let of = stats(&world);
    assert_eq!((of.timeouts, of.fast_recoveries), (11, 0));
    assert_eq!((of.retransmissions, of.acknowledged), (11, 14_480));
    let sent = world.node(NodeId::A).sent.iter();
    let times: Vec<Time> = sent
        .filter(|(_, d)| segment(d).sequence == 1 + 9 * 1_448)
        .map(|(at, _)| *at)
        .collect();
    let gaps: Vec<Duration> = times.windows(2).map(|w| w[1].since(w[0])).collect();
    // The first runs from the last acknowledgement, a round trip after the segment; then 300 ms, doubled.
    let base = gaps[1] / 2;
    assert!(base >= millis(300) && base < millis(350), "{base:?}");
    let expected: Vec<Duration> = (1..11)
        .map(|n| (base * (1 << n)).min(Duration::from_secs(60)))
        .collect();
    assert_eq!(gaps[1..], expected);
    assert_eq!(gaps[10], Duration::from_secs(60));
}

/// The retransmission leaves at the third duplicate, though more is under way than the halved window allows
/// (RFC 6675 §5 step 4.3). Fails if it waits for the pipe.
#[test]
fn the_first_retransmission_does_not_wait() {
    let path = Path::bottleneck(10_000_000, 1 << 20, millis(100));
    let mut world = path.world(&[file(400)]);
    for id in [NodeId::A, NodeId::B] {
        world.node_mut(id).records = true;
    }
    world.node_mut(NodeId::A).lose = numbers(&[200]);
    world.run_until(Time::from_millis(20_000));
    let acks = &world.node(NodeId::B).sent;
    let third = acks
        .iter()
        .filter(|(_, d)| !segment(d).sacks.is_empty())
        .nth(2);
    let arrival = third.unwrap().0.after(millis(50));
    let copies = world.node(NodeId::A).sent.iter();
    let again = copies
        .filter(|(_, d)| segment(d).sequence == 1 + 200 * 1_448)
        .nth(1);
    assert_eq!(again.unwrap().0, arrival);
}

/// After the timer the sender begins with one segment, sends again what is missing and nothing else.
///
/// Fails if what the receiver has told of is forgotten (duplicates at the sink), or if the window stays.
#[test]
fn after_the_timer_only_what_is_missing_is_sent_again() {
    // Of the second window of 15 six are lost, with all that fast recovery sends of them again.
    let missing = [10, 12, 14, 16, 18, 20];
    let mut world = Path::ideal(millis(100)).world(&[file(60)]);
    world.node_mut(NodeId::A).lose = Box::new(move |at, d| {
        let number = segment(d).sequence / 1_448;
        segment(d).length > 0 && missing.contains(&number) && at < Time::from_millis(450)
    });
    world.run_until(Time::from_millis(60_000));
    let of = stats(&world);
    assert_eq!((of.timeouts, of.fast_recoveries), (1, 1));
    assert_eq!((of.acknowledged, of.retransmissions), (60 * 1_448, 12));
    assert_eq!(world.node(NodeId::B).sink().stats().duplicates, 0);
    assert_eq!(of.duplicates_reported, 0);
    let small = of.windows.values().iter().any(|(_, w)| w.window == 1_448);
    assert!(small, "the window was never one segment");
}

/// Copies of an acknowledgement that the network made say nothing new (RFC 6675 §2). Fails if they count as duplicates.
#[test]
fn copies_of_an_acknowledgement_are_no_loss() {
    let mut world = Path::ideal(millis(100)).world(&[file(40)]);
    world.run_until(Time::from_millis(250));
    let mut sender = world.node(NodeId::A).sender(0).clone();
    let copy = |acknowledged, sacks: &[(u64, u64)]| Datagram {
        source: sink_address(),
        destination: sender_address(0),
        ecn: Ecn::NotEct,
        class: "tcp-ack",
        content: Content::Tcp(Segment {
            sequence: 1,
            acknowledged,
            window: 1 << 20,
            sacks: sacks.to_vec(),
            flags: Segment::ACK,
            ..Segment::default()
        }),
    };
    let known = 10 * 1_448 + 1;
    assert_eq!(sender.stats().acknowledged + 1, known);
    for _ in 0..5 {
        sender.receive(Time::from_millis(251), copy(known, &[]));
        sender.receive(Time::from_millis(251), copy(known, &[(1, 1_449)]));
    }
    assert_eq!(sender.stats().fast_recoveries, 0);
    // Three that tell of something are a loss.
    for n in 11..14 {
        let block = (n * 1_448 + 1, n * 1_448 + 1_449);
        sender.receive(Time::from_millis(252), copy(known, &[block]));
    }
    assert_eq!(sender.stats().fast_recoveries, 1);
}

/// Acknowledgements are cumulative: half of them lost costs no retransmission. Fails if the timer is not restarted by
/// those that come.
#[test]
fn lost_acknowledgements_cost_nothing_but_growth() {
    let mut world = Path::ideal(millis(100)).world(&[file(2_000)]);
    let mut n = 0;
    world.node_mut(NodeId::B).lose = Box::new(move |_, d| {
        n += 1;
        n % 2 == 0 && segment(d).acknowledged < 1_900 * 1_448
    });
    world.run_until(Time::from_millis(60_000));
    let of = stats(&world);
    assert_eq!(of.acknowledged, 2_000 * 1_448);
    assert_eq!(
        (of.retransmissions, of.timeouts, of.fast_recoveries),
        (0, 0, 0)
    );
}

/// The delayed acknowledgement of RFC 1122: 40 ms for a segment that stays alone; at once for the second, for what is
/// out of order and for the last.
#[test]
fn a_lone_segment_is_acknowledged_after_40_ms() {
    let config = TcpConfig {
        initial_window: 1,
        ..file(7)
    };
    let world = run(config, &[]);
    let acks = world.node(NodeId::B).sent.iter().map(|(at, d)| (*at, d));
    let times: Vec<(u64, u64)> = acks
        .filter(|(_, d)| !segment(d).has(Segment::SYN))
        .map(|(at, d)| (at.as_micros() / 1_000, segment(d).acknowledged / 1_448))
        .collect();
    // The first is alone; then two at a time; the last has the FIN.
    assert_eq!(times, [(190, 1), (290, 3), (390, 5), (430, 6), (490, 7)]);
}

/// SACK blocks: the newest first, then those before it, three at most (RFC 2018 §4); what comes twice is told
/// (RFC 2883 §4).
#[test]
fn blocks_are_newest_first_and_copies_are_told() {
    let world = run(
        TcpConfig {
            initial_window: 12,
            ..file(12)
        },
        &[1, 3, 5, 7, 9],
    );
    let acks = world.node(NodeId::B).sent.iter().map(|(_, d)| segment(d));
    let blocks: Vec<Vec<(u64, u64)>> = acks
        .take_while(|s| s.acknowledged < 2 * 1_448)
        .filter(|s| !s.sacks.is_empty())
        .map(|s| {
            s.sacks
                .iter()
                .map(|(a, b)| (a / 1_448, b / 1_448))
                .collect()
        })
        .collect();
    assert_eq!(
        blocks,
        [
            vec![(2, 3)],
            vec![(4, 5), (2, 3)],
            vec![(6, 7), (4, 5), (2, 3)],
            vec![(8, 9), (6, 7), (4, 5)],
            vec![(10, 11), (8, 9), (6, 7)],
            vec![(10, 12), (8, 9), (6, 7)],
        ]
    );
    assert_eq!(stats(&world).timeouts, 0);

    // Acknowledgements of a whole flight lost: the timer sends the first again, and the sink says that it had it.
    let mut world = Path::ideal(millis(100)).world(&[file(10)]);
    world.node_mut(NodeId::B).lose =
        Box::new(|at, d| at < Time::from_millis(400) && !segment(d).has(Segment::SYN));
    world.node_mut(NodeId::B).records = true;
    world.run_until(Time::from_millis(5_000));
    assert_eq!(stats(&world).duplicates_reported, 1);
    assert_eq!(stats(&world).retransmissions, 1);
    let told = world
        .node(NodeId::B)
        .sent
        .iter()
        .rfind(|(_, d)| !segment(d).sacks.is_empty());
    let (_, told) = told.unwrap();
    assert_eq!(segment(told).sacks, [(1, 1_449)]);
    assert_eq!(told.size(), 64);
}
