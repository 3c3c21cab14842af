//! A transmitter computes no further ahead than anybody can see.
//!
//! At one bit a second, on for a microsecond and off for one, a packet takes milliards of pieces; a trace with one
//! opportunity a millisecond has milliards of them in an outage of months. Such links once computed all of that at the
//! first packet, so that a run of a second did not end.

mod drive;

use drive::Cell;
use duet_sim::link::{MediumConfig, OnOff, Opportunities, RateStep, Sojourn};
use duet_sim::{
    Fate, Link, LinkConfig, Node, NodeId, Outage, OutageMode, Rate, Record, Time, World,
};
use std::time::Duration;

const MICRO: Duration = Duration::from_micros(1);

fn fixed(on: Duration, off: Duration) -> Option<OnOff> {
    let (on, off) = (Sojourn::Fixed(on), Sojourn::Fixed(off));
    Some(OnOff { on, off })
}

fn at_random(mean: Duration) -> Option<OnOff> {
    let (on, off) = (Sojourn::Exponential(mean), Sojourn::Exponential(mean));
    Some(OnOff { on, off })
}

fn outage(seconds: u64) -> Vec<Outage> {
    vec![Outage {
        from: Time::from_millis(1),
        to: Time::from_millis(seconds * 1_000),
        mode: OutageMode::Hold,
    }]
}

/// What has departed by 20 ms of three packets that are offered at zero, two milliseconds and ten, woken only when the
/// link asks for it.
fn departures(config: LinkConfig) -> Vec<u64> {
    let mut link = Link::new(config, 1, "a>b");
    let end = Time::from_millis(20);
    let mut left = Vec::new();
    let mut offers = vec![10, 2, 0];
    loop {
        let offer = offers.last().copied().map(Time::from_millis);
        let next = link.deadline().into_iter().chain(offer).min();
        let Some(next) = next.filter(|next| *next <= end) else {
            return left;
        };
        if offer == Some(next) {
            offers.pop();
            link.offer(next, Cell::new(1_000));
        }
        link.wake(next);
        left.extend(core::iter::from_fn(|| link.poll()).map(|e| e.journey.left.as_nanos()));
    }
}

#[test]
fn a_packet_that_outlasts_every_run_is_no_work_at_its_beginning() {
    let trace = || Opportunities::new(&[1]).ok();
    let years = Duration::from_secs(100_000_000);
    let slow = LinkConfig {
        rate: Some(Rate::MIN),
        ..LinkConfig::default()
    };
    let traced = LinkConfig {
        trace: trace(),
        ..LinkConfig::default()
    };
    let stopped = RateStep {
        at: Time::from_millis(1),
        rate: None,
    };
    for config in [
        LinkConfig {
            on_off: fixed(MICRO, MICRO),
            ..slow.clone()
        },
        LinkConfig {
            on_off: at_random(MICRO),
            ..slow.clone()
        },
        LinkConfig {
            on_off: at_random(MICRO),
            outages: outage(10_000_000),
            ..slow.clone()
        },
        LinkConfig {
            on_off: at_random(MICRO),
            rates: vec![stopped],
            ..slow
        },
    ] {
        assert_eq!(departures(config), [0; 0]);
    }
    let mut held = traced.clone();
    held.outages = outage(10_000_000_000);
    assert_eq!(
        departures(held.clone()),
        [0; 0],
        "the first opportunity is in the outage"
    );
    held.on_off = at_random(MICRO);
    assert_eq!(departures(held), [0; 0]);
    let on_off = fixed(MICRO, years);
    assert_eq!(departures(LinkConfig { on_off, ..traced }), [0; 0]);
}

/// A byte a microsecond, on every other microsecond: the thousandth microsecond in which it is on ends at 1.999 ms.
#[test]
fn what_is_computed_in_parts_is_exact() {
    let config = LinkConfig {
        rate: Rate::new(8_000_000),
        on_off: fixed(MICRO, MICRO),
        ..LinkConfig::default()
    };
    assert_eq!(
        departures(config.clone()),
        [1_999_000, 3_999_000, 11_999_000]
    );
    // Nothing of it changes by being looked at, in the middle of it or by a change to what was.
    let mut link = Link::new(config, 1, "a>b");
    link.offer(Time::ZERO, Cell::new(4_000));
    for micros in [1, 700, 1_023, 1_024, 1_025, 3_000, 5_000] {
        link.set_rate(Time::from_micros(micros), Rate::new(8_000_000));
    }
    link.wake(Time::from_millis(10));
    let journey = link.poll().expect("it has departed").journey;
    assert_eq!(
        (journey.started, journey.left.as_nanos()),
        (Time::ZERO, 7_999_000)
    );
    // Two thousand opportunities, all of them while it is on: one at the beginning and one in the middle of each 2 ms.
    let config = LinkConfig {
        trace: Opportunities::new(&[1]).ok(),
        on_off: fixed(Duration::from_micros(1_500), Duration::from_micros(500)),
        ..LinkConfig::default()
    };
    let mut link = Link::new(config, 1, "a>b");
    link.offer(Time::ZERO, Cell::new(3_000_000));
    link.wake(Time::from_millis(10_000));
    let journey = link.poll().expect("it has departed").journey;
    assert_eq!(journey.left, Time::from_millis(2_000));
}

#[derive(Debug)]
struct Sender(Vec<Cell>);

impl Node for Sender {
    type Packet = Cell;

    fn deadline(&self) -> Option<Time> {
        None
    }

    fn wake(&mut self, _: Time) {}

    fn receive(&mut self, _: Time, _: NodeId, _: Cell) {}

    fn transmit(&mut self, _: Time) -> Option<(NodeId, Cell)> {
        Some((NodeId::B, self.0.pop()?))
    }
}

/// On a shared medium nobody else gets a turn in the midst of a packet of many parts.
#[test]
fn the_medium_is_taken_until_the_end() {
    let slow = LinkConfig {
        rate: Rate::new(8_000_000),
        on_off: fixed(MICRO, MICRO),
        ..LinkConfig::default()
    };
    let mut world = World::new(1);
    let a = world.add_node("a", Sender(vec![Cell::new(2_000)]));
    let b = world.add_node("b", Sender(vec![]));
    let c = world.add_node("c", Sender(vec![Cell::new(1_000); 2]));
    world.connect(a, b, slow.clone());
    world.connect(c, b, slow);
    world.share(&[(a, b), (c, b)], MediumConfig::default());
    world.run_until(Time::from_millis(20));
    let courses: Vec<(u64, u64)> = world
        .log()
        .records()
        .iter()
        .filter_map(|record| match record {
            Record::Packet { journey, .. } => Some(journey),
            _ => None,
        })
        .inspect(|journey| assert!(matches!(journey.fate, Fate::Delivered { .. })))
        .map(|journey| (journey.started.as_micros(), journey.left.as_micros()))
        .collect();
    assert_eq!(courses, [(0, 3_999), (4_000, 5_999), (6_000, 7_999)]);
}
