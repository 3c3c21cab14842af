//! Outages, by configuration and by command.

mod common;

use std::time::Duration;

use common::Alone;
use duet_sim::{Cause, Fate, LinkConfig, Outage, Rate, Time};

const DOWN: Fate = Fate::Lost { cause: Cause::Down };

fn with_outages(outages: &[(u64, u64)]) -> Alone {
    let outages = outages
        .iter()
        .map(|(from, to)| Outage::drop(Time::from_millis(*from), Time::from_millis(*to)))
        .collect();
    Alone::new(
        LinkConfig {
            outages,
            ..LinkConfig::default()
        },
        1,
        "a>b",
    )
}

fn delivered(at: Time) -> Fate {
    Fate::Delivered { at }
}

#[test]
fn an_outage_covers_its_beginning_and_not_its_end() {
    let mut link = with_outages(&[(10, 20)]);
    for (nanos, lost) in [
        (9_999_999, false),
        (10_000_000, true),
        (19_999_999, true),
        (20_000_000, false),
    ] {
        let now = Time::from_nanos(nanos);
        let expected = if lost { DOWN } else { delivered(now) };
        assert_eq!(link.offer(now, 1, false), expected);
    }
}

#[test]
fn what_is_under_way_when_the_link_goes_down_still_arrives() {
    let config = LinkConfig {
        delay: Duration::from_millis(80),
        outages: vec![Outage::drop(
            Time::from_millis(10),
            Time::from_millis(1_000),
        )],
        ..LinkConfig::default()
    };
    let mut link = Alone::new(config, 1, "a>b");
    assert_eq!(
        link.offer(Time::from_millis(9), 1, false),
        delivered(Time::from_millis(89))
    );
}

#[test]
fn reliable_packets_wait_for_the_end_and_leave_in_order() {
    let config = LinkConfig {
        rate: Rate::new(8_000_000),
        outages: vec![Outage::drop(Time::ZERO, Time::from_millis(100))],
        ..LinkConfig::default()
    };
    let mut link = Alone::new(config, 1, "a>b");
    assert_eq!(
        link.offer(Time::from_millis(1), 1_000, true),
        delivered(Time::from_millis(101))
    );
    assert_eq!(link.offer(Time::from_millis(50), 1_000, false), DOWN);
    assert_eq!(
        link.offer(Time::from_millis(99), 1_000, true),
        delivered(Time::from_millis(102))
    );
    assert_eq!(
        link.offer(Time::from_millis(100), 1_000, false),
        delivered(Time::from_millis(103))
    );
}

/// Given out of order, overlapping, adjoining, and empty: together they are down from 10 to 40 and from 50 to 60.
#[test]
fn outages_that_touch_are_one() {
    let mut link = with_outages(&[(50, 60), (30, 40), (10, 25), (20, 30), (45, 45), (48, 47)]);
    assert_eq!(
        link.offer(Time::from_millis(12), 1, true),
        delivered(Time::from_millis(40))
    );
    assert_eq!(
        link.offer(Time::from_millis(45), 1, false),
        delivered(Time::from_millis(45))
    );
    assert_eq!(
        link.offer(Time::from_millis(47), 1, false),
        delivered(Time::from_millis(47))
    );
    assert_eq!(
        link.offer(Time::from_millis(59), 1, true),
        delivered(Time::from_millis(60))
    );
}

#[test]
fn a_link_that_was_taken_down_drops_until_it_is_brought_up() {
    let mut link = with_outages(&[]);
    link.set_down(true);
    assert_eq!(link.offer(Time::ZERO, 1, false), DOWN);
    assert_eq!(link.course(Time::ZERO, 1, true), None, "it waits");
    link.set_down(false);
    assert_eq!(link.offer(Time::ZERO, 1, false), delivered(Time::ZERO));
}
