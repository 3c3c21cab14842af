//! Rates that change, traces, transmitters that pause, and a medium that is shared.

mod drive;

use std::time::Duration;

use drive::{Cell, arrival, drive, is_lost, steady, unit};
use duet_sim::link::{
    Arbitration, MediumConfig, OnOff, Opportunities, OpportunitiesError, RateStep, Sojourn,
};
use duet_sim::{
    Fate, Journey, Link, LinkConfig, Node, NodeId, Outage, OutageMode, QueueConfig, Rate, Record,
    Stream, Time, World,
};
use proptest::prelude::*;

const MILLI: u64 = 1_000_000;

fn step(micros: u64, bits: u64) -> RateStep {
    RateStep {
        at: Time::from_micros(micros),
        rate: Rate::new(bits),
    }
}

fn rated(bits: u64, rates: Vec<RateStep>) -> LinkConfig {
    LinkConfig {
        rate: Rate::new(bits),
        rates,
        ..LinkConfig::default()
    }
}

fn departures(config: &LinkConfig, offers: impl IntoIterator<Item = (u64, Cell)>) -> Vec<u64> {
    let run = drive(config, 1, offers);
    run.journeys.iter().map(|j| j.left.as_nanos()).collect()
}

// ---- Schedules

#[test]
fn a_change_within_a_packet_retimes_the_bits_that_are_left() {
    // A byte a microsecond; from 500 µs on two.
    let config = rated(8_000_000, vec![step(500, 4_000_000)]);
    assert_eq!(departures(&config, [(0, Cell::new(1_000))]), [1_500_000]);
    // Twice the rate, then none for a while.
    let config = rated(
        8_000_000,
        vec![step(500, 16_000_000), step(600, 0), step(700, 8_000_000)],
    );
    assert_eq!(departures(&config, [(0, Cell::new(1_000))]), [1_000_000]);
}

/// Thirds of a nanosecond survive changes of the rate: 1 byte at 3 b/s is 8/3 s.
#[test]
fn fractions_survive_a_change() {
    let config = rated(3, vec![step(4_000_000, 6)]);
    // 12 bits at 3 b/s take 4 s, the other 12 at 6 b/s take 2 s.
    let left = departures(&config, steady(3, 0, Cell::new(1)));
    assert_eq!(left, [2_666_666_667, 4_666_666_667, 6_000_000_000]);
}

#[test]
fn a_command_does_what_a_schedule_does() {
    let mut link = Link::new(rated(8_000_000, vec![]), 1, "a>b");
    for _ in 0..3 {
        link.offer(Time::ZERO, Cell::new(1_000));
    }
    link.set_rate(Time::from_micros(1_500), Rate::new(4_000_000));
    assert_eq!(link.deadline(), Some(Time::from_micros(2_500)));
    link.set_outage(Time::from_micros(2_000), Some(OutageMode::Hold));
    assert_eq!(link.deadline(), None);
    link.set_outage(Time::from_micros(9_000), None);
    assert_eq!(link.deadline(), Some(Time::from_micros(9_500)));
    link.wake(Time::from_micros(20_000));
    let left: Vec<u64> = std::iter::from_fn(|| link.poll())
        .map(|e| e.journey.left.as_micros())
        .collect();
    assert_eq!(left, [1_000, 9_500, 11_500]);
}

/// Steps of a rate in b/s from nanoseconds on.
fn any_rates() -> impl Strategy<Value = (u64, Vec<(u64, u64)>)> {
    let rate = prop_oneof![1 => Just(0u64), 9 => 1_000u64..50_000_000];
    let steps = prop::collection::vec((0u64..200 * MILLI, rate), 0..8);
    (1_000u64..50_000_000, steps)
}

proptest! {
    /// Departures against an integral of the rate that is kept as an exact sum, nanosecond by nanosecond of change.
    #[test]
    fn what_departs_is_the_integral_of_the_rate(
        (first, mut steps) in any_rates(),
        last in 1_000u64..50_000_000,
        sizes in prop::collection::vec((0u64..4 * MILLI, 0usize..2_000), 1..100),
    ) {
        steps.sort_by_key(|(at, _)| *at);
        steps.push((300 * MILLI, last)); // so that it goes on
        let rates = steps.iter().map(|(at, bits)| RateStep {
            at: Time::from_nanos(*at),
            rate: Rate::new(*bits),
        });
        let config = rated(first, rates.collect());
        let mut now = 0;
        let offers: Vec<(u64, Cell)> = sizes
            .into_iter()
            .map(|(gap, size)| {
                now += gap;
                (now, Cell::new(size))
            })
            .collect();
        // Bits times a thousand million that could be sent until `t`.
        let integral = |t: u64| {
            let mut sum = 0u128;
            let mut rate = first;
            let mut from = 0;
            for (at, next) in &steps {
                let until = (*at).min(t);
                sum += u128::from(until.saturating_sub(from)) * u128::from(rate);
                from = from.max(until);
                rate = *next;
            }
            sum + u128::from(t.saturating_sub(from)) * u128::from(rate)
        };
        let run = drive(&config, 1, offers);
        let mut done = 0u128; // on the scale of the integral
        for journey in &run.journeys {
            // Work begins when the packet is there and the one before it is out, and ends when all its bits are.
            done = done.max(integral(journey.offered.as_nanos())) + u128::from(journey.size) * 8_000_000_000;
            let left = journey.left.as_nanos();
            prop_assert!(integral(left) >= done, "it left early");
            prop_assert!(
                left == journey.offered.as_nanos() || left == 0 || integral(left - 1) < done || journey.size == 0,
                "it left late"
            );
        }
    }
}

/// ρ = 0.6: the mean wait of M/D/1 is ρ / (2 (1 − ρ)) service times.
#[test]
fn poisson_arrivals_wait_as_long_as_the_formula_says() {
    let config = rated(8_000_000, vec![]);
    for (seed, load) in [(1u64, 0.3), (2, 0.6), (3, 0.8)] {
        let mut draws = Stream::new(seed, "poisson");
        let mut now = 0.0;
        let offers = (0..1_000_000).map(|_| {
            now += -unit(draws.next_u64()).ln() * 1e6 / load;
            (now as u64, Cell::new(1_000))
        });
        let run = drive(&config, 1, offers);
        let waits = run
            .journeys
            .iter()
            .map(|j| j.started.since(j.offered).as_nanos() as f64);
        let mean = waits.sum::<f64>() / 1e6 / 1e6;
        let expected = load / (2.0 * (1.0 - load));
        assert!(
            (mean / expected - 1.0).abs() < 0.02,
            "{mean} ms, not {expected} ms at {load}"
        );
    }
}

// ---- Traces

fn traced(trace: Opportunities) -> LinkConfig {
    LinkConfig {
        trace: Some(trace),
        ..LinkConfig::default()
    }
}

/// Twelve opportunities in ten milliseconds, over and over.
const TRACE: &str = "0\n1\n1\n1\n2\n4\n4\n7\n7\n8\n9\n10\n";

#[test]
fn a_saturated_trace_carries_all_its_opportunities() {
    let trace = Opportunities::parse(TRACE).unwrap();
    assert_eq!(
        (trace.count(), trace.period()),
        (12, Duration::from_millis(10))
    );
    assert_eq!(trace.mean_rate().bits_per_second(), 12 * 1_500 * 8 * 100);
    for size in [100, 1_500, 999, 4_321] {
        let config = traced(trace.clone());
        // More than a second's worth, all at once.
        let count = 1_800_000 / size as u64 + 100;
        let run = drive(&config, 1, steady(count, 0, Cell::new(size)));
        let second = run
            .journeys
            .iter()
            .filter(|j| j.left <= Time::from_millis(1_000));
        let bytes: u64 = second.map(|j| j.size).sum();
        // The opportunity at zero is one more; the last packet may be partly sent.
        assert!(
            (1_801_500 - bytes) < size as u64,
            "{bytes} bytes of {size} each"
        );
    }
}

#[test]
fn packets_share_opportunities_and_what_nobody_uses_is_lost() {
    let trace = Opportunities::new(&[2, 2, 5, 10]).unwrap();
    let millis = |offers: Vec<(u64, usize)>| -> Vec<u64> {
        let offers = offers
            .into_iter()
            .map(|(at, size)| (at * MILLI, Cell::new(size)));
        let left = departures(&traced(trace.clone()), offers);
        left.into_iter().map(|left| left / MILLI).collect()
    };
    // 500 and 500 and 500 share one; 700 more take part of the second.
    assert_eq!(
        millis(vec![(0, 500), (0, 500), (0, 500), (0, 700)]),
        [2, 2, 2, 2]
    );
    // 2000 takes one and a third; the rest of the second is there for 1000, not for 1001.
    assert_eq!(millis(vec![(0, 2_000), (0, 1_000)]), [2, 2]);
    assert_eq!(millis(vec![(0, 2_000), (0, 1_001)]), [2, 5]);
    // What comes at the instant may use what is left of it; what comes later may not.
    assert_eq!(millis(vec![(0, 2_000), (2, 1_000)]), [2, 2]);
    assert_eq!(millis(vec![(0, 100), (3, 100)]), [2, 5]);
    // It goes on over the end of the trace: 10, then 12, 12, 15, 20.
    assert_eq!(
        millis(vec![(6, 1_500), (6, 1_500), (6, 1_500), (6, 1_500)]),
        [10, 12, 12, 15]
    );
    assert_eq!(millis(vec![(1_001, 1)]), [1_002]);
    // A large packet takes several: 5, 10, 12.
    assert_eq!(millis(vec![(3, 4_500)]), [12]);
}

#[test]
fn a_trace_may_rest_in_an_outage_and_off_times() {
    let mut config = traced(Opportunities::new(&[1]).unwrap());
    config.outages = vec![Outage {
        from: Time::from_micros(2_500),
        to: Time::from_micros(5_500),
        mode: OutageMode::Hold,
    }];
    let left = departures(&config, steady(4, 0, Cell::new(1_500)));
    assert_eq!(left, [MILLI, 2 * MILLI, 6 * MILLI, 7 * MILLI]);

    let mut link = Link::new(traced(Opportunities::new(&[1]).unwrap()), 1, "a>b");
    link.offer(Time::ZERO, Cell::new(4_000));
    link.set_outage(Time::from_micros(1_500), Some(OutageMode::Hold));
    assert_eq!(link.deadline(), None);
    link.set_outage(Time::from_micros(8_500), None);
    assert_eq!(link.deadline(), Some(Time::from_millis(10)));
}

#[test]
fn a_bad_trace_says_which_line_is_wrong() {
    let error = |text: &str| Opportunities::parse(text).unwrap_err();
    assert_eq!(error(""), OpportunitiesError::Empty);
    assert_eq!(error("# nothing\n\n"), OpportunitiesError::Empty);
    assert_eq!(error("0\n0\n"), OpportunitiesError::NoPeriod);
    assert_eq!(
        error("# Mb/s\n1\n2.5\n").to_string(),
        "line 3: \"2.5\" is no whole number of milliseconds"
    );
    assert_eq!(
        error("1\n\n7\n6\n").to_string(),
        "line 4: 6 ms comes after 7 ms; times must not decrease"
    );
    assert!(matches!(
        error("99999999999999999999\n"),
        OpportunitiesError::NoNumber { line: 1, .. }
    ));
    assert!(matches!(
        error("18446744073709551615\n"),
        OpportunitiesError::NoNumber { line: 1, .. }
    ));
}

// ---- On and off

#[test]
fn a_transmitter_pauses_while_it_is_off() {
    let config = LinkConfig {
        on_off: Some(OnOff {
            on: Sojourn::Fixed(Duration::from_millis(3)),
            off: Sojourn::Fixed(Duration::from_millis(7)),
        }),
        ..rated(8_000_000, vec![])
    };
    let left = departures(&config, steady(4, 0, Cell::new(2_000)));
    assert_eq!(left.map_millis(), [2, 11, 13, 22]);

    // Without a rate, what comes in an off time leaves at its end.
    let config = LinkConfig {
        rate: None,
        ..config
    };
    let left = departures(
        &config,
        [
            (MILLI, Cell::new(9)),
            (4 * MILLI, Cell::new(9)),
            (8 * MILLI, Cell::new(9)),
        ],
    );
    assert_eq!(left.map_millis(), [1, 10, 10]);
}

trait Millis {
    fn map_millis(self) -> Vec<u64>;
}

impl Millis for Vec<u64> {
    fn map_millis(self) -> Vec<u64> {
        self.into_iter().map(|nanos| nanos / MILLI).collect()
    }
}

/// On for a mean of 30 ms and off for one of 10 ms: three quarters of the rate, on average.
#[test]
fn random_on_and_off_have_their_shares() {
    let config = LinkConfig {
        on_off: Some(OnOff {
            on: Sojourn::Exponential(Duration::from_millis(30)),
            off: Sojourn::Exponential(Duration::from_millis(10)),
        }),
        ..rated(8_000_000, vec![])
    };
    for seed in 1..=3 {
        let run = drive(&config, seed, steady(300_000, 0, Cell::new(1_000)));
        let last = run.journeys.last().unwrap().left.as_millis_f64();
        let share = 300_000.0 / last;
        // Some 10 000 cycles: the share's standard error is about √2 · 0.75 · 0.25 / 100.
        assert!((share - 0.75).abs() < 4.0 * 0.00265, "{share}");
    }
}

#[test]
fn when_a_transmitter_is_off_does_not_depend_on_what_is_sent() {
    let config = LinkConfig {
        on_off: Some(OnOff {
            on: Sojourn::Exponential(Duration::from_millis(30)),
            off: Sojourn::Exponential(Duration::from_millis(10)),
        }),
        ..LinkConfig::default()
    };
    let delays = |gap: u64| -> Vec<u64> {
        let run = drive(
            &config,
            1,
            steady(20_000 * MILLI / gap, gap, Cell::new(100)),
        );
        let at_seconds = run
            .journeys
            .iter()
            .filter(|j| j.offered.as_nanos() % (8 * MILLI) == 0);
        at_seconds
            .map(|j| j.left.since(j.offered).as_nanos() as u64)
            .collect()
    };
    let often = delays(MILLI);
    assert_eq!(often, delays(8 * MILLI));
    assert!(often.iter().any(|delay| *delay > 0));
}

// ---- A shared medium

/// Sends cells as its schedule says.
struct Station {
    schedule: std::collections::VecDeque<(Time, NodeId, Cell)>,
    received: Vec<Time>,
}

impl Station {
    fn new(to: NodeId, cells: impl IntoIterator<Item = (u64, Cell)>) -> Station {
        let schedule = cells
            .into_iter()
            .map(|(at, cell)| (Time::from_nanos(at), to, cell));
        Station {
            schedule: schedule.collect(),
            received: Vec::new(),
        }
    }
}

impl Node for Station {
    type Packet = Cell;

    fn deadline(&self) -> Option<Time> {
        self.schedule.front().map(|(at, ..)| *at)
    }

    fn wake(&mut self, _now: Time) {}

    fn receive(&mut self, now: Time, _from: NodeId, _packet: Cell) {
        self.received.push(now);
    }

    fn transmit(&mut self, now: Time) -> Option<(NodeId, Cell)> {
        let due = self.schedule.front().is_some_and(|(at, ..)| *at <= now);
        due.then(|| self.schedule.pop_front())
            .flatten()
            .map(|(_, to, cell)| (to, cell))
    }
}

/// Two stations that share a medium of 8 Mb/s, and the courses of their packets: those of a, those of b.
fn shared(
    medium: MediumConfig,
    a: impl IntoIterator<Item = (u64, Cell)>,
    b: impl IntoIterator<Item = (u64, Cell)>,
    until: Time,
) -> [Vec<Journey>; 2] {
    let link = LinkConfig {
        queue: QueueConfig::bytes(10_000_000),
        ..rated(8_000_000, vec![])
    };
    let mut world = World::pair(
        1,
        Station::new(NodeId::B, a),
        Station::new(NodeId::A, b),
        link,
    );
    world.share(&[(NodeId::A, NodeId::B), (NodeId::B, NodeId::A)], medium);
    world.run_until(until);
    let log = world.finish();
    let of = |name: &str| {
        let records = log.records().iter().filter_map(|record| match record {
            Record::Packet { link, journey } if log.link_name(*link) == name => Some(*journey),
            _ => None,
        });
        records.collect()
    };
    [of("a>b"), of("b>a")]
}

#[test]
fn one_sends_at_a_time_and_pays_for_it() {
    let medium = MediumConfig {
        overhead: Duration::from_micros(200),
        ..MediumConfig::default()
    };
    let cell = Cell::new(1_000);
    let second = Time::from_millis(1_000);
    let [a, b] = shared(
        medium,
        steady(1_200, 0, cell.clone()),
        steady(1_200, 0, cell),
        second,
    );
    let mut all: Vec<&Journey> = a.iter().chain(&b).collect();
    all.sort_by_key(|j| j.left);
    for pair in all.windows(2) {
        assert!(pair[1].started.as_nanos() >= pair[0].left.as_nanos() + 200_000);
    }
    // 1 ms and 0.2 ms each: 833 in a second, half of them each way, in turn.
    assert_eq!((a.len(), b.len()), (417, 416));
    // Alone, one has the medium for itself.
    let medium = MediumConfig {
        overhead: Duration::from_micros(200),
        ..MediumConfig::default()
    };
    let [a, _] = shared(medium, steady(1_200, 0, Cell::new(1_000)), [], second);
    assert_eq!(a.len(), 833);
}

#[test]
fn packets_that_are_sent_together_pay_once_and_depart_together() {
    let medium = MediumConfig {
        overhead: Duration::from_micros(200),
        max_packets: 8,
        ..MediumConfig::default()
    };
    let second = Time::from_millis(1_000);
    let [a, b] = shared(
        medium.clone(),
        steady(1_200, 0, Cell::new(1_000)),
        [],
        second,
    );
    // 8.2 ms for eight.
    assert_eq!(a.len(), 121 * 8);
    assert_eq!(b.len(), 0);
    for together in a.chunks(8) {
        assert!(
            together
                .iter()
                .all(|j| (j.started, j.left) == (together[0].started, together[0].left))
        );
        assert_eq!(
            together[0].left.since(together[0].started),
            Duration::from_millis(8)
        );
    }
    let brief = MediumConfig {
        max_airtime: Duration::from_micros(2_500),
        ..medium
    };
    let [a, _] = shared(brief, steady(1_200, 0, Cell::new(1_000)), [], second);
    // The third begins before 2.5 ms are over: three in 3.2 ms.
    assert_eq!(a.len(), 312 * 3);
}

#[test]
fn turns_go_round_or_to_the_oldest() {
    let order = |arbitration| {
        let medium = MediumConfig {
            arbitration,
            ..MediumConfig::default()
        };
        // a has three at once and b comes a little later.
        let [a, b] = shared(
            medium,
            steady(3, 0, Cell::new(1_000)),
            [(500_000, Cell::new(1_000))],
            Time::from_millis(100),
        );
        (a.map(), b.map())
    };
    assert_eq!(order(Arbitration::RoundRobin), (vec![1, 3, 4], vec![2]));
    assert_eq!(order(Arbitration::Fifo), (vec![1, 2, 3], vec![4]));
}

trait Departures {
    fn map(self) -> Vec<u64>;
}

impl Departures for Vec<Journey> {
    fn map(self) -> Vec<u64> {
        self.iter().map(|j| j.left.as_nanos() / MILLI).collect()
    }
}

#[test]
fn a_station_that_is_stopped_leaves_the_medium_to_others() {
    let link = rated(8_000_000, vec![]);
    let held = LinkConfig {
        outages: vec![Outage {
            from: Time::ZERO,
            to: Time::from_millis(50),
            mode: OutageMode::Hold,
        }],
        ..link.clone()
    };
    let mut world = World::new(1);
    let a = world.add_node("a", Station::new(NodeId::B, steady(2, 0, Cell::new(1_000))));
    let b = world.add_node(
        "b",
        Station::new(NodeId::A, steady(2, MILLI, Cell::new(1_000))),
    );
    world.connect(a, b, held);
    world.connect(b, a, link);
    world.share(&[(a, b), (b, a)], MediumConfig::default());
    world.run_until(Time::from_millis(200));
    assert_eq!(world.node(a).received, [1, 2].map(Time::from_millis));
    assert_eq!(world.node(b).received, [51, 52].map(Time::from_millis));
}

// ---- Outages that keep packets

fn outage(mode: OutageMode) -> LinkConfig {
    LinkConfig {
        outages: vec![Outage {
            from: Time::from_micros(2_500),
            to: Time::from_millis(20),
            mode,
        }],
        queue: QueueConfig::bytes(4_000),
        delay: Duration::from_millis(5),
        ..rated(8_000_000, vec![])
    }
}

fn arrivals(run: &drive::Run) -> Vec<Option<f64>> {
    let mut journeys = run.journeys.clone();
    journeys.sort_by_key(|j| j.number);
    journeys
        .iter()
        .map(|j| arrival(j).map(Time::as_millis_f64))
        .collect()
}

/// Six packets at a millisecond's distance, each of which takes one; the link is down from 2.5 to 20 ms.
#[test]
fn an_outage_drops_holds_or_releases_at_once() {
    let run = |mode| drive(&outage(mode), 1, steady(8, MILLI, Cell::new(1_000)));
    // The third is under way when it begins, and arrives.
    let drop = run(OutageMode::Drop);
    assert_eq!(
        arrivals(&drop)[..4],
        [Some(6.0), Some(7.0), Some(8.0), None]
    );
    assert!(drop.journeys.iter().filter(|j| is_lost(j)).count() == 5);
    // The third is held with half of its bits sent; the queue's limit holds, so that the last two are dropped.
    let hold = run(OutageMode::Hold);
    assert_eq!(
        arrivals(&hold),
        [
            Some(6.0),
            Some(7.0),
            Some(25.5),
            Some(26.5),
            Some(27.5),
            Some(28.5),
            None,
            None
        ]
    );
    assert_eq!(hold.lost(duet_sim::Cause::QueueFull), [6, 7]);
    // All that leaves meanwhile is released at 20 ms; nothing is dropped.
    let burst = run(OutageMode::Burst);
    assert_eq!(arrivals(&burst)[..2], [Some(6.0), Some(7.0)]);
    assert!(arrivals(&burst)[2..].iter().all(|at| *at == Some(25.0)));
}

#[test]
fn commands_begin_and_end_outages_of_every_kind() {
    let mut link = Link::new(rated(8_000_000, vec![]), 1, "a>b");
    link.set_outage(Time::ZERO, Some(OutageMode::Burst));
    link.offer(Time::ZERO, Cell::new(1_000));
    link.offer(Time::ZERO, Cell::new(1_000));
    link.wake(Time::from_millis(10));
    assert!(link.poll().is_none());
    assert_eq!((link.backlog(), link.inside()), (0, 2));
    link.set_outage(Time::from_millis(15), Some(OutageMode::Drop));
    let at = Time::from_millis(15);
    let released: Vec<Fate> = std::iter::from_fn(|| link.poll())
        .map(|e| e.journey.fate)
        .collect();
    assert_eq!(released, [Fate::Delivered { at }; 2]);
    link.offer(Time::from_millis(16), Cell::new(1_000));
    let cause = duet_sim::Cause::Down;
    assert_eq!(link.poll().unwrap().journey.fate, Fate::Lost { cause });
}

/// A link without a rate passes its queue by where nothing can wait; in an outage something can.
#[test]
fn a_link_without_a_rate_keeps_what_an_outage_keeps() {
    let (from, to) = (Time::from_millis(1), Time::from_millis(5));
    for mode in [OutageMode::Hold, OutageMode::Burst] {
        let configured = LinkConfig {
            outages: vec![Outage { from, to, mode }],
            ..LinkConfig::default()
        };
        for config in [LinkConfig::default(), configured] {
            let commanded = config.outages.is_empty();
            let mut link = Link::new(config, 1, "a>b");
            if commanded {
                link.set_outage(from, Some(mode));
            }
            for millis in 2..4 {
                link.offer(Time::from_millis(millis), Cell::new(1_000));
            }
            assert!(link.poll().is_none(), "{mode} lets packets through");
            assert_eq!(link.inside(), 2);
            if commanded {
                link.set_outage(to, None);
            }
            link.wake(to);
            link.offer(Time::from_millis(6), Cell::new(1_000));
            let arrivals: Vec<Fate> = std::iter::from_fn(|| link.poll())
                .map(|e| e.journey.fate)
                .collect();
            let at = |millis| Fate::Delivered {
                at: Time::from_millis(millis),
            };
            assert_eq!(arrivals, [at(5), at(5), at(6)], "{mode}");
        }
    }
}
