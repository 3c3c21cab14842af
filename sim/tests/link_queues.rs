//! The queue disciplines against what their authors published.

mod drive;

use std::collections::VecDeque;
use std::time::Duration;

use drive::{Cell, arrival, assert_near, drive, is_lost, steady, unit};
use duet_sim::link::{CoDel, Discipline, FqCoDel, Limit, RateOf, RateStep, Red};
use duet_sim::{
    Cause, Ecn, LinkConfig, Outage, OutageMode, Probability, QueueConfig, Rate, Stream, Time,
};

const MILLI: u64 = 1_000_000;

/// A link on which a byte takes a microsecond.
fn link(limit: Limit, discipline: Discipline) -> LinkConfig {
    LinkConfig {
        rate: Rate::new(8_000_000),
        queue: QueueConfig { limit, discipline },
        ..LinkConfig::default()
    }
}

/// Packets of 100 to 1500 bytes at exponential distances: so many bytes per second on average, now and then three
/// times as many, and in between next to none.
fn waves(seed: u64, count: u64, bytes_per_second: f64) -> Vec<(u64, Cell)> {
    let mut draws = Stream::new(seed, "waves");
    let mut now = 0.0;
    (0..count)
        .map(|n| {
            let size = 100 + draws.below(1_401) as usize;
            let load = match (n / 400) % 4 {
                0 | 1 => 1.0,
                2 => 3.0,
                _ => 0.1,
            };
            let mean = 800.0 / (bytes_per_second * load) * 1e9;
            now += -unit(draws.next_u64()).ln() * mean;
            (now as u64, Cell::new(size))
        })
        .collect()
}

// ---- Drop-tail, drop-head

#[test]
fn drop_tail_counts_packets() {
    let config = link(Limit::Packets(3), Discipline::DropTail);
    let run = drive(&config, 1, steady(6, 0, Cell::new(1_000)));
    // One is being sent and two wait.
    assert_eq!(run.lost(Cause::QueueFull), [3, 4, 5]);
}

#[test]
fn drop_head_keeps_the_newest_but_never_the_one_being_sent() {
    let config = link(Limit::Bytes(3_000), Discipline::DropHead);
    let run = drive(&config, 1, steady(6, 0, Cell::new(1_000)));
    assert_eq!(run.lost(Cause::QueueFull), [1, 2, 3]);
    assert_eq!(run.arrival(5), Some(Time::from_millis(3)));
    assert_eq!(run.most_bytes, 3_000);

    // One that could not fit an empty queue pushes nobody out.
    let offers = [
        (0, Cell::new(1_000)),
        (0, Cell::new(1_000)),
        (0, Cell::new(2_500)),
    ];
    let run = drive(&config, 1, offers);
    assert_eq!(run.lost(Cause::QueueFull), [2]);
}

#[test]
fn reliable_packets_are_never_pushed_out() {
    let config = link(Limit::Bytes(2_000), Discipline::DropHead);
    let offers = [
        (0, Cell::new(1_000)),
        (0, Cell::new(1_000).reliable()),
        (0, Cell::new(1_000)),
    ];
    let run = drive(&config, 1, offers);
    assert_eq!(run.lost(Cause::QueueFull), [2]);
}

/// 300 ms at 1 Mb/s are 37 500 bytes; RFC 8867's link may meanwhile have 2.5 Mb/s.
#[test]
fn a_limit_in_time_is_measured_in_the_rate_that_was_named() {
    let mut config = LinkConfig {
        rate: Rate::new(1_000_000),
        rates: vec![RateStep {
            at: Time::from_millis(40),
            rate: Rate::new(2_500_000),
        }],
        queue: QueueConfig::span(Duration::from_millis(300)),
        ..LinkConfig::default()
    };
    // The most that is held of a burst at the beginning and of one after the change, in units of 500 bytes.
    let held = |config: &LinkConfig, at: u64| {
        let run = drive(config, 1, (0..400).map(|_| (at * MILLI, Cell::new(500))));
        run.most_bytes
    };
    let mut limits = |of, reference: Option<u64>| {
        config.queue.limit = Limit::Span {
            span: Duration::from_millis(300),
            of,
        };
        config.reference = reference.and_then(Rate::new);
        (held(&config, 0), held(&config, 50))
    };
    assert_eq!(limits(RateOf::Reference, None), (37_500, 37_500));
    assert_eq!(limits(RateOf::Reference, Some(2_000_000)), (75_000, 75_000));
    assert_eq!(limits(RateOf::Physical, None), (93_500, 93_500)); // of 93 750
    assert_eq!(limits(RateOf::Current, None), (37_500, 93_500));
}

// ---- CoDel

/// RFC 8289 §5, transcribed with floats in seconds, as it stands there.
struct Published {
    queue: VecDeque<(f64, u64, u64)>,
    bytes: u64,
    first_above_time: f64,
    drop_next: f64,
    count: u32,
    lastcount: u32,
    dropping: bool,
    dropped: Vec<u64>,
}

const TARGET: f64 = 0.005;
const INTERVAL: f64 = 0.1;
const MTU: u64 = 1_500;

impl Published {
    fn new() -> Published {
        Published {
            queue: VecDeque::new(),
            bytes: 0,
            first_above_time: 0.0,
            drop_next: 0.0,
            count: 0,
            lastcount: 0,
            dropping: false,
            dropped: Vec::new(),
        }
    }

    fn control_law(t: f64, count: u32) -> f64 {
        t + INTERVAL / f64::from(count).sqrt()
    }

    fn dodequeue(&mut self, now: f64) -> (Option<(f64, u64, u64)>, bool) {
        let mut ok_to_drop = false;
        let p = self.queue.pop_front();
        match p {
            None => self.first_above_time = 0.0,
            Some((tstamp, size, _)) => {
                self.bytes -= size;
                let sojourn_time = now - tstamp;
                // The packets here come at whole nanoseconds: a tenth of one absorbs what floats lose.
                if sojourn_time < TARGET - 1e-10 || self.bytes <= MTU {
                    self.first_above_time = 0.0;
                } else if self.first_above_time == 0.0 {
                    self.first_above_time = now + INTERVAL;
                } else if now >= self.first_above_time - 1e-10 {
                    ok_to_drop = true;
                }
            }
        }
        (p, ok_to_drop)
    }

    fn dequeue(&mut self, now: f64) -> Option<(f64, u64, u64)> {
        let (mut p, mut ok_to_drop) = self.dodequeue(now);
        if self.dropping {
            if !ok_to_drop {
                self.dropping = false;
            }
            while now >= self.drop_next && self.dropping {
                self.dropped.extend(p.map(|p| p.2));
                self.count += 1;
                (p, ok_to_drop) = self.dodequeue(now);
                if !ok_to_drop {
                    self.dropping = false;
                } else {
                    self.drop_next = Published::control_law(self.drop_next, self.count);
                }
            }
        } else if ok_to_drop {
            self.dropped.extend(p.map(|p| p.2));
            (p, _) = self.dodequeue(now);
            self.dropping = true;
            let delta = self.count - self.lastcount;
            self.count = 1;
            if delta > 1 && now - self.drop_next < 16.0 * INTERVAL {
                self.count = delta;
            }
            self.drop_next = Published::control_law(now, self.count);
            self.lastcount = self.count;
        }
        p
    }
}

/// The same packets over 8 Mb/s with the published algorithm: when which packet has left, and which were dropped.
fn published(offers: &[(u64, Cell)]) -> (Vec<(u64, u64)>, Vec<u64>) {
    let mut queue = Published::new();
    let mut left = Vec::new();
    let mut free_at = 0;
    let mut busy = false;
    let mut send = |queue: &mut Published, now: u64, busy: &mut bool, free_at: &mut u64| {
        let next = queue.dequeue(now as f64 / 1e9);
        *busy = next.is_some();
        if let Some((_, size, number)) = next {
            *free_at = now + size * 1_000;
            left.push((number, *free_at));
        }
    };
    for (number, (at, cell)) in offers.iter().enumerate() {
        while busy && free_at <= *at {
            let now = free_at;
            send(&mut queue, now, &mut busy, &mut free_at);
        }
        queue
            .queue
            .push_back((*at as f64 / 1e9, cell.size as u64, number as u64));
        queue.bytes += cell.size as u64;
        if !busy {
            send(&mut queue, *at, &mut busy, &mut free_at);
        }
    }
    while busy {
        let now = free_at;
        send(&mut queue, now, &mut busy, &mut free_at);
    }
    queue.dropped.sort_unstable();
    (left, queue.dropped)
}

#[test]
fn codel_drops_what_the_published_algorithm_drops_when_it_does() {
    let config = link(Limit::None, Discipline::CoDel(CoDel::default()));
    for (seed, load) in [(1, 0.9e6), (2, 1.05e6), (3, 1.5e6), (4, 3e6)] {
        let offers = waves(seed, 8_000, load);
        let run = drive(&config, 1, offers.clone());
        let (left, dropped) = published(&offers);
        assert!(dropped.len() > 20, "seed {seed}: {} drops", dropped.len());
        assert_eq!(run.lost(Cause::QueueEarly), dropped, "seed {seed}");
        let delivered = run.journeys.iter().filter(|j| !is_lost(j));
        let delivered: Vec<_> = delivered.map(|j| (j.number, j.left.as_nanos())).collect();
        assert_eq!(delivered, left, "seed {seed}");
    }
}

/// By hand: from time zero on, 2000-byte packets come every millisecond and leave every other one. Packets wait 5 ms or
/// more from the dequeue at 10 ms on, so the first drop comes with the one at 110 ms; the next 100 ms later, and then
/// 100/√2 ms. Dequeues are at even milliseconds.
#[test]
fn codel_drops_at_the_instants_of_its_control_law() {
    let config = link(Limit::None, Discipline::CoDel(CoDel::default()));
    let run = drive(&config, 1, steady(330, MILLI, Cell::new(2_000)));
    let drops = run
        .journeys
        .iter()
        .filter(|j| is_lost(j) && j.left < Time::from_millis(400));
    let at: Vec<u64> = drops.map(|j| j.left.as_nanos() / MILLI).collect();
    assert_eq!(at, [110, 210, 282, 340, 390]);
}

#[test]
fn codel_marks_those_who_take_marks_and_drops_the_others() {
    let config = link(Limit::None, Discipline::CoDel(CoDel::default()));
    let offers = waves(3, 8_000, 1.5e6);
    let capable = |n: usize| n.is_multiple_of(2);
    let mixed = offers.iter().cloned().enumerate().map(|(n, (at, cell))| {
        let ecn = if capable(n) { Ecn::Ect0 } else { Ecn::NotEct };
        (at, cell.ecn(ecn))
    });
    let run = drive(&config, 1, mixed);
    let dropped = run.lost(Cause::QueueEarly);
    let marked = run.journeys.iter().filter(|j| j.ecn == Ecn::Ce);
    let marked: Vec<u64> = marked.map(|j| j.number).collect();
    assert!(dropped.len() > 20 && marked.len() > 20);
    assert!(dropped.iter().all(|n| !capable(*n as usize)));
    assert!(marked.iter().all(|n| capable(*n as usize)));
    assert!(run.arrived.iter().all(|(_, cell)| cell.ecn != Ecn::Ect1));

    let deaf = CoDel {
        ecn: false,
        ..CoDel::default()
    };
    let all = offers
        .into_iter()
        .map(|(at, cell)| (at, cell.ecn(Ecn::Ect0)));
    let run = drive(&link(Limit::None, Discipline::CoDel(deaf)), 1, all);
    assert!(run.journeys.iter().all(|j| j.ecn == Ecn::Ect0));
    assert!(!run.lost(Cause::QueueEarly).is_empty());
}

#[test]
fn codel_has_a_limit_besides() {
    let config = link(Limit::Bytes(5_000), Discipline::CoDel(CoDel::default()));
    let run = drive(&config, 1, steady(10, 0, Cell::new(1_000)));
    assert_eq!(run.lost(Cause::QueueFull), [5, 6, 7, 8, 9]);
}

// ---- FQ-CoDel

fn fq_codel() -> Discipline {
    Discipline::FqCoDel(FqCoDel::default())
}

/// Three flows send at 1, 2 and 5 times a third of the rate: each gets a third, to within a quantum and a packet, of
/// any stretch in which all have something waiting.
#[test]
fn fq_codel_shares_the_rate_equally_whatever_flows_send() {
    let config = link(Limit::None, fq_codel());
    let mut offers = Vec::new();
    for (flow, gap) in [(1u64, 2_400_000), (2, 1_200_000), (3, 480_000)] {
        // A little more than a third, so that all have a backlog.
        let count = 4_000 * MILLI / gap;
        let size = [0, 900, 1_000, 1_100][flow as usize];
        offers.extend(steady(count, gap / 2, Cell::new(size).flow(flow)));
    }
    offers.sort_by_key(|(at, _)| *at);
    let flows: Vec<u64> = offers.iter().map(|(_, cell)| cell.flow).collect();
    let run = drive(&config, 1, offers);
    for from in [500, 800, 1_100] {
        let mut bytes = [0u64; 4];
        for journey in run.journeys.iter().filter(|j| !is_lost(j)) {
            let left = journey.left.as_nanos() / MILLI;
            if (from..from + 300).contains(&left) {
                bytes[flows[journey.number as usize] as usize] += journey.size;
            }
        }
        for flow in 1..=3 {
            assert!(
                bytes[flow].abs_diff(100_000) <= 2 * (1_514 + 1_100),
                "{bytes:?}"
            );
        }
    }
}

/// A flow that sends 100 bytes now and then finds at most the packet that is being sent before it, though others have
/// hundreds of packets waiting; in a FIFO it waits behind them all.
#[test]
fn fq_codel_lets_a_sparse_flow_go_first() {
    let offers = || {
        let bulk = (0..8).flat_map(|flow| steady(150, 4 * MILLI, Cell::new(1_000).flow(flow)));
        let sparse = (1..25).map(|n| (n * 41 * MILLI + 7, Cell::new(100).flow(99).class("sparse")));
        let mut offers: Vec<_> = bulk.chain(sparse).collect();
        offers.sort_by_key(|(at, _)| *at);
        offers
    };
    let slowest = |discipline| {
        let run = drive(&link(Limit::None, discipline), 1, offers());
        let sparse = run.journeys.iter().filter(|j| j.class == "sparse");
        let waits = sparse.map(|j| arrival(j).expect("never dropped").since(j.offered));
        waits.max().unwrap()
    };
    assert!(slowest(fq_codel()) <= Duration::from_micros(1_100));
    assert!(slowest(Discipline::DropTail) > Duration::from_millis(100));
}

#[test]
fn fq_codel_drops_from_the_flow_that_has_most() {
    let fq = FqCoDel {
        packets: 200,
        ..FqCoDel::default()
    };
    let config = link(Limit::None, Discipline::FqCoDel(fq));
    let hog = (0..400).map(|n| (n * 1_000, Cell::new(1_000).flow(1)));
    let thin = (0..50).map(|n| (n * 8_000 + 1, Cell::new(1_000).flow(2).class("thin")));
    let mut offers: Vec<_> = hog.chain(thin).collect();
    offers.sort_by_key(|(at, _)| *at);
    let run = drive(&config, 1, offers);
    let full = run
        .journeys
        .iter()
        .filter(|j| j.left < Time::from_millis(1) && is_lost(j));
    let full: Vec<_> = full.map(|j| (j.class, j.fate)).collect();
    let cause = Cause::QueueFull;
    assert!(
        full.len() >= 200
            && full
                .iter()
                .all(|of| *of == ("data", duet_sim::Fate::Lost { cause }))
    );
    // From its head: the ones that are left are its newest.
    let lost = run.lost(Cause::QueueFull);
    assert!(lost.iter().all(|n| *n < 440));
}

#[test]
fn fq_codel_keeps_a_limit_in_bytes() {
    let config = link(Limit::Bytes(20_000), fq_codel());
    let offers = steady(200, 300_000, Cell::new(1_000)).map(|(at, cell)| (at, cell.flow(at % 7)));
    let run = drive(&config, 1, offers);
    assert!(
        run.most_bytes <= 20_000 && run.most_bytes > 18_000,
        "{}",
        run.most_bytes
    );
    assert!(!run.lost(Cause::QueueFull).is_empty());
}

/// With two queues, two flows share one or not, as the seed says: the hash is seeded.
#[test]
fn fq_codel_hashes_by_the_seed() {
    let fq = FqCoDel {
        flows: 2,
        ..FqCoDel::default()
    };
    let config = link(Limit::None, Discipline::FqCoDel(fq));
    let together = |seed| {
        let offers = (0..10).map(|n| (0, Cell::new(1_514).flow(n / 5)));
        let run = drive(&config, seed, offers);
        let order: Vec<u64> = run.journeys.iter().map(|j| j.number).collect();
        order == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    };
    let shared = (0..200).filter(|seed| together(*seed)).count();
    assert!((70..=130).contains(&shared), "{shared} of 200");
}

// ---- RED

/// A queue is filled to a size and held there; packets of no bytes probe it. With a weight of zero the average is the
/// queue itself. A gap between drops is longer than k packets with probability 1 − k·p, so that gaps are uniform and their
/// mean is the sum of that.
#[test]
fn red_drops_with_the_probability_of_its_curve() {
    let red = Red {
        min: 10_000,
        max: 30_000,
        max_probability: Probability::from_ppm(100_000),
        weight: 0,
        ..Red::default()
    };
    let mut config = link(Limit::None, Discipline::Red(red.clone()));
    config.outages = vec![Outage {
        from: Time::ZERO,
        to: Time::from_millis(10),
        mode: OutageMode::Hold,
    }];
    let share = |config: &LinkConfig, held: usize| {
        // The first is being sent.
        let filling = (0..held / 500 + 1).map(|_| (0, Cell::new(500).reliable()));
        let probes = (0..100_000).map(|n| (1 + n, Cell::new(0).class("probe")));
        let run = drive(config, 1, filling.chain(probes));
        run.lost(Cause::QueueEarly).len() as f64 / 100_000.0
    };
    for (held, p) in [
        (9_500, 0.0),
        (10_000, 0.0),
        (12_000, 0.01),
        (20_000, 0.05),
        (29_500, 0.0975),
        (30_000, 0.1),
        (45_000, 0.55),
        (60_000, 1.0),
    ] {
        let longer = (0..)
            .map(|k| 1.0 - f64::from(k) * p)
            .take_while(|longer| *longer > 1e-9);
        let expected = match p {
            0.0 => 0.0,
            _ => 1.0 / longer.sum::<f64>(),
        };
        let error = (expected * (1.0 - expected) / 100_000f64).sqrt() + 1e-5;
        assert_near(
            share(&config, held),
            expected,
            error,
            &format!("at {held} bytes"),
        );
    }
    let harsh = Red {
        gentle: false,
        ..red
    };
    config.queue.discipline = Discipline::Red(harsh);
    assert_eq!(share(&config, 30_000), 1.0);
}

#[test]
fn red_marks_early_and_drops_above_all_thresholds() {
    let red = Red {
        min: 2_000,
        max: 10_000,
        weight: 2,
        ..Red::default()
    };
    let config = link(Limit::None, Discipline::Red(red));
    let run = drive(
        &config,
        1,
        steady(170, 900_000, Cell::new(1_000).ecn(Ecn::Ect0)),
    );
    assert!(run.journeys.iter().filter(|j| j.ecn == Ecn::Ce).count() > 5);
    assert!(run.lost(Cause::QueueEarly).is_empty());
    let burst = drive(&config, 1, steady(200, 0, Cell::new(1_000).ecn(Ecn::Ect0)));
    assert!(!burst.lost(Cause::QueueEarly).is_empty());
}

// ---- All

#[test]
fn removing_a_queue_moves_no_draw_of_another_stage() {
    let lossy = |discipline, limit| LinkConfig {
        loss: duet_sim::Loss::Independent(Probability::from_ppm(50_000)),
        air_loss: duet_sim::Loss::Independent(Probability::from_ppm(50_000)),
        ..link(limit, discipline)
    };
    let offers = waves(7, 4_000, 1.2e6);
    let plain = drive(&lossy(Discipline::DropTail, Limit::None), 1, offers.clone());
    for (name, limit) in [
        ("drop-tail", Limit::Bytes(10_000)),
        ("drop-head", Limit::Packets(10)),
        ("codel", Limit::None),
        ("fq-codel", Limit::None),
        ("red", Limit::Bytes(40_000)),
        ("pie", Limit::None),
    ] {
        let discipline: Discipline = name.parse().unwrap();
        assert_eq!(discipline.to_string(), name);
        let run = drive(&lossy(discipline, limit), 1, offers.clone());
        assert_eq!(
            run.lost(Cause::RandomLoss),
            plain.lost(Cause::RandomLoss),
            "{name}"
        );
        let dropped = [Cause::QueueFull, Cause::QueueEarly]
            .map(|cause| run.lost(cause))
            .concat();
        assert!(!dropped.is_empty(), "{name}");
        let expected = plain
            .lost(Cause::AirLoss)
            .into_iter()
            .filter(|n| !dropped.contains(n));
        assert!(expected.eq(run.lost(Cause::AirLoss)), "{name}");
    }
}
