//! PIE against the pseudo-code of RFC 8033, and what it is for.

mod drive;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use drive::{Cell, Run, drive, is_lost, steady, unit};
use duet_sim::link::{Discipline, Limit, Pie, RateStep};
use duet_sim::{
    Cause, Ecn, Fate, LinkConfig, Outage, OutageMode, Probability, QueueConfig, Rate, Stream, Time,
};

const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLI;

/// A link on which a byte takes a microsecond.
fn link(limit: Limit, pie: Pie) -> LinkConfig {
    let discipline = Discipline::Pie(pie);
    LinkConfig {
        rate: Rate::new(8_000_000),
        queue: QueueConfig { limit, discipline },
        ..LinkConfig::default()
    }
}

// ---- The pseudo-code

/// RFC 8033, Appendix A, transcribed with floats in seconds, and with the lines that Appendix B has for ECN (§5.1),
/// derandomization (§5.4) and the cap (§5.5). Its timer steps every update by itself.
struct Published {
    pie: Pie,
    queue: VecDeque<u64>,
    bytes: u64,
    timer: u64,
    drop_prob: f64,
    accu_prob: f64,
    burst_allowance: f64,
    current_qdelay: u64,
    qdelay_old: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Enqueue,
    Mark,
    Drop,
}

impl Published {
    fn new(pie: &Pie) -> Published {
        Published {
            pie: pie.clone(),
            queue: VecDeque::new(),
            bytes: 0,
            timer: pie.update.as_nanos() as u64,
            drop_prob: 0.0,
            accu_prob: 0.0,
            burst_allowance: pie.max_burst.as_secs_f64(),
            current_qdelay: 0,
            qdelay_old: 0,
        }
    }

    /// Whether a latency is below QDELAY_REF/2.
    fn low(&self, qdelay: u64) -> bool {
        qdelay < self.pie.target.as_nanos() as u64 / 2
    }

    /// Lets the timer expire up to `now`, that instant included.
    fn wait(&mut self, now: u64) {
        while self.timer <= now {
            self.calculate_drop_prob();
            self.timer += self.pie.update.as_nanos() as u64;
        }
    }

    fn enque(&mut self, now: u64, size: u64, ecn: bool, random: f64) -> Verdict {
        self.wait(now);
        if self.drop_prob == 0.0 && self.low(self.current_qdelay) && self.low(self.qdelay_old) {
            self.burst_allowance = self.pie.max_burst.as_secs_f64();
        }
        let mut verdict = Verdict::Enqueue;
        if self.burst_allowance < 1e-12 && self.drop_early(random) {
            self.accu_prob = 0.0;
            let marks = ecn && self.pie.ecn && self.drop_prob < self.pie.ecn_below.as_f64();
            verdict = if marks { Verdict::Mark } else { Verdict::Drop };
        }
        if verdict != Verdict::Drop {
            self.queue.push_back(now);
            self.bytes += size;
        }
        verdict
    }

    fn drop_early(&mut self, random: f64) -> bool {
        if (self.low(self.qdelay_old) && self.drop_prob < 0.2)
            || self.bytes <= 2 * self.pie.mean_packet
        {
            return false;
        }
        if self.pie.derandomize {
            if self.drop_prob == 0.0 {
                self.accu_prob = 0.0;
            }
            self.accu_prob += self.drop_prob;
            if self.accu_prob < 0.85 {
                return false;
            }
            if self.accu_prob >= 8.5 {
                return true;
            }
        }
        random < self.drop_prob
    }

    fn deque(&mut self, now: u64, size: u64) {
        self.wait(now);
        let timestamp = self.queue.pop_front().expect("something is sent");
        self.bytes -= size;
        self.current_qdelay = if self.queue.is_empty() {
            0
        } else {
            now - timestamp
        };
    }

    fn calculate_drop_prob(&mut self) {
        // The products are exact, so that nothing is lost where they cancel out.
        let since = |from: u64| self.current_qdelay as f64 - from as f64;
        let alpha = f64::from(self.pie.alpha) * since(self.pie.target.as_nanos() as u64);
        let beta = f64::from(self.pie.beta) * since(self.qdelay_old);
        let mut p = (alpha + beta) / 1e12;
        if self.drop_prob < 0.000_001 {
            p /= 2048.0;
        } else if self.drop_prob < 0.000_01 {
            p /= 512.0;
        } else if self.drop_prob < 0.000_1 {
            p /= 128.0;
        } else if self.drop_prob < 0.001 {
            p /= 32.0;
        } else if self.drop_prob < 0.01 {
            p /= 8.0;
        } else if self.drop_prob < 0.1 {
            p /= 2.0;
        }
        if self.drop_prob >= 0.1 && p > 0.02 {
            p = 0.02;
        }
        // Not in the appendices, but in Linux.
        if self.current_qdelay > 250 * MILLI {
            p += 0.02;
        }
        self.drop_prob += p;
        if self.low(self.current_qdelay) && self.low(self.qdelay_old) {
            self.drop_prob *= 0.98;
        }
        self.drop_prob = self.drop_prob.clamp(0.0, 1.0);
        self.qdelay_old = self.current_qdelay;
        let update = self.pie.update.as_secs_f64();
        self.burst_allowance = (self.burst_allowance - update).max(0.0);
    }
}

/// What happened to a link's queue: packets that came, and packets that left it, in order.
enum Event {
    Offer(u64),
    Start(u64),
}

/// Replays a run's arrivals and departures through the pseudo-code, and asserts that it decides as the run did about
/// every packet. The result is how many were dropped early and how many marked.
fn assert_published(
    config: &LinkConfig,
    seed: u64,
    offers: &[(u64, Cell)],
    run: &Run,
) -> (usize, usize) {
    let Discipline::Pie(pie) = &config.queue.discipline else {
        panic!("not PIE");
    };
    let draws = Stream::new(seed, "a>b/pie");
    let mut events = Vec::new();
    let mut journeys: Vec<_> = run.journeys.iter().collect();
    journeys.sort_by_key(|journey| journey.number);
    for journey in &journeys {
        let (number, offered) = (journey.number, journey.offered.as_nanos());
        events.push(((offered, 1, number, 0), Event::Offer(number)));
        if !is_lost(journey) {
            // What leaves at the instant of another's arrival has left by then; but nobody leaves before it came.
            let started = journey.started.as_nanos();
            let key = match started == offered {
                true => (started, 1, number, 1),
                false => (started, 0, number, 0),
            };
            events.push((key, Event::Start(number)));
        }
    }
    events.sort_by_key(|(key, _)| *key);
    let mut published = Published::new(pie);
    let (mut dropped, mut marked) = (0, 0);
    for ((at, ..), event) in events {
        match event {
            Event::Start(number) => published.deque(at, journeys[number as usize].size),
            Event::Offer(number) => {
                let journey = journeys[number as usize];
                let capable = offers[number as usize].1.ecn == Ecn::Ect0;
                let full = Fate::Lost {
                    cause: Cause::QueueFull,
                };
                if journey.fate == full {
                    published.wait(at);
                    published.accu_prob = 0.0;
                    continue;
                }
                let random = draws.at(number) as f64 / 2f64.powi(64);
                let expected = published.enque(at, journey.size, capable, random);
                let actual = match (is_lost(journey), journey.ecn) {
                    (true, _) => Verdict::Drop,
                    (false, Ecn::Ce) => Verdict::Mark,
                    (false, _) => Verdict::Enqueue,
                };
                let p = published.drop_prob;
                assert_eq!(actual, expected, "packet {number} at {at}, where p is {p}");
                dropped += usize::from(actual == Verdict::Drop);
                marked += usize::from(actual == Verdict::Mark);
            }
        }
    }
    (dropped, marked)
}

/// Packets of 100 to 1500 bytes at exponential distances, every third with ECT(0): so many bytes per second on average,
/// now and then three times as many, in between next to none, and once nothing at all for some minutes.
fn waves(seed: u64, count: u64, bytes_per_second: f64) -> Vec<(u64, Cell)> {
    let mut draws = Stream::new(seed, "waves");
    let mut now = 0.0;
    let offer = |n: u64| {
        let size = 100 + draws.below(1_401) as usize;
        let load = match (n / 400) % 4 {
            0 | 1 => 1.0,
            2 => 3.0,
            _ => 0.1,
        };
        now += -unit(draws.next_u64()).ln() * 800.0 / (bytes_per_second * load) * 1e9;
        if n == count / 2 {
            now += 200e9;
        }
        let ecn = if n.is_multiple_of(3) {
            Ecn::Ect0
        } else {
            Ecn::NotEct
        };
        (now as u64, Cell::new(size).ecn(ecn))
    };
    (0..count).map(offer).collect()
}

#[test]
fn pie_decides_as_the_published_algorithm_does() {
    let plain = Pie {
        derandomize: false,
        ..Pie::default()
    };
    let other = Pie {
        target: Duration::from_millis(40),
        update: Duration::from_millis(7),
        max_burst: Duration::from_millis(30),
        alpha: 300,
        beta: 2_500,
        mean_packet: 700,
        ecn_below: Probability::from_ppm(30_000),
        ..Pie::default()
    };
    for (pie, limit) in [
        (Pie::default(), Limit::None),
        (plain, Limit::None),
        (other, Limit::None),
        (Pie::default(), Limit::Bytes(90_000)),
    ] {
        let (mut drops, mut marks, mut full) = (0, 0, 0);
        for (seed, load) in [(1, 1.1e6), (2, 1.2e6), (3, 1.5e6), (4, 3e6)] {
            let config = link(limit, pie.clone());
            let offers = waves(seed, 8_000, load);
            let run = drive(&config, seed, offers.clone());
            let (dropped, marked) = assert_published(&config, seed, &offers, &run);
            drops += dropped;
            full += run.lost(Cause::QueueFull).len();
            marks += marked;
        }
        assert!(drops > 20 && marks > 1, "{pie:?}: {drops}, {marks}");
        assert_eq!(full > 200, limit != Limit::None, "{full}");
    }
}

/// The transmitter stands still while packets wait, so that many updates with the same delay are due at once: of a
/// little more than the target, of a little less, and of far more than 250 ms.
#[test]
fn pie_decides_as_published_after_standing_still() {
    for (gap, stop) in [(1_050_000, 400), (990_000, 300), (500_000, 2_000)] {
        let mut config = link(Limit::None, Pie::default());
        let stops = [(stop, stop + 9_000), (stop + 12_000, stop + 12_200)];
        config.outages = Vec::from(stops.map(|(from, to)| Outage {
            from: Time::from_millis(from),
            to: Time::from_millis(to),
            mode: OutageMode::Hold,
        }));
        // Nothing comes during the first, but for one packet near its end.
        let mut offers: Vec<(u64, Cell)> =
            steady(stop * MILLI / gap, gap, Cell::new(1_020)).collect();
        let resumes = (stop + 8_900) * MILLI;
        offers.push((resumes, Cell::new(1_000)));
        offers.extend((1..6_000).map(|n| (resumes + n * 900_000, Cell::new(1_000))));
        let run = drive(&config, 5, offers.clone());
        let (dropped, _) = assert_published(&config, 5, &offers, &run);
        assert!(dropped > 100, "{gap}: {dropped}");
    }
}

/// The rate halves and comes back: the delay follows, and so does the probability.
#[test]
fn pie_decides_as_published_where_the_rate_changes() {
    let mut config = link(Limit::None, Pie::default());
    config.rates = vec![
        RateStep {
            at: Time::from_millis(2_000),
            rate: Rate::new(4_000_000),
        },
        RateStep {
            at: Time::from_millis(5_000),
            rate: None,
        },
        RateStep {
            at: Time::from_millis(5_300),
            rate: Rate::new(8_000_000),
        },
    ];
    let offers = waves(9, 12_000, 0.8e6);
    let run = drive(&config, 2, offers.clone());
    let (dropped, _) = assert_published(&config, 2, &offers, &run);
    assert!(dropped > 50, "{dropped}");
}

// ---- What it is for

/// When packets were dropped early.
fn early(run: &Run) -> Vec<u64> {
    let cause = Cause::QueueEarly;
    let lost = run
        .journeys
        .iter()
        .filter(|j| j.fate == Fate::Lost { cause });
    lost.map(|j| j.offered.as_nanos()).collect()
}

/// Twice what the link carries, without end: the allowance of 150 ms is used up with the tenth update, and by then the
/// probability has risen.
#[test]
fn a_burst_passes_and_an_overload_does_not() {
    let config = link(Limit::None, Pie::default());
    let burst = |at: u64| (0..120).map(move |n| (at + n * 500_000, Cell::new(1_000)));
    // 60 ms of burst leave 60 ms of queue; another comes when it is over.
    let run = drive(&config, 1, burst(0).chain(burst(400 * MILLI)));
    assert!(early(&run).is_empty());

    let drops = early(&drive(&config, 1, steady(2_000, 500_000, Cell::new(1_000))));
    let (first, count) = (drops[0], drops.len());
    assert!((150 * MILLI..300 * MILLI).contains(&first), "{first}");
    assert!(count > 100, "{count}");

    let generous = Pie {
        max_burst: Duration::from_millis(600),
        ..Pie::default()
    };
    let later = early(&drive(
        &link(Limit::None, generous),
        1,
        steady(2_000, 500_000, Cell::new(1_000)),
    ));
    assert!(later[0] >= 600 * MILLI, "{}", later[0]);
}

/// Senders that heed nothing send half as much again as the link carries. A third must go: marks come first, and drops
/// from a tenth on.
#[test]
fn marks_come_first_and_drops_above_a_tenth() {
    let offers = || steady(60_000, 666_667, Cell::new(1_000).ecn(Ecn::Ect0));
    let numbers = |run: &Run, wanted: &dyn Fn(&duet_sim::Journey) -> bool| -> BTreeSet<u64> {
        let journeys = run.journeys.iter().filter(|j| wanted(j));
        journeys.map(|j| j.number).collect()
    };
    let marked = |run: &Run| numbers(run, &|j| j.ecn == Ecn::Ce);
    let run = drive(&link(Limit::None, Pie::default()), 1, offers());
    let (marks, drops) = (marked(&run), numbers(&run, &is_lost));
    assert!(marks.len() > 2, "{}", marks.len());
    // The probability rises but once through what lies below a tenth.
    assert!(marks.last() < drops.first());
    // In the last third the rest is what the link carries, and a packet waits some 15 ms.
    let late = drops.iter().filter(|n| **n >= 40_000).count() as f64 / 20_000.0;
    assert!((0.32..0.35).contains(&late), "{late}");
    let waits = run
        .journeys
        .iter()
        .filter(|j| !is_lost(j) && j.number >= 40_000);
    let waits: Vec<f64> = waits
        .map(|j| j.started.since(j.offered).as_secs_f64() * 1e3)
        .collect();
    let mean = waits.iter().sum::<f64>() / waits.len() as f64;
    assert!((10.0..20.0).contains(&mean), "{mean} ms");

    let all = Pie {
        ecn_below: Probability::ALWAYS,
        ..Pie::default()
    };
    let run = drive(&link(Limit::None, all), 1, offers());
    assert!(numbers(&run, &is_lost).is_empty() && marked(&run).len() > 5_000);

    let deaf = Pie {
        ecn: false,
        ..Pie::default()
    };
    let run = drive(&link(Limit::None, deaf), 1, offers());
    assert!(marked(&run).is_empty() && !numbers(&run, &is_lost).is_empty());
}

/// After an overload has raised the probability, a burst that follows at once is dropped from, and one after ten seconds
/// is not. Nor does it take long to find out that a century has passed.
#[test]
fn an_idle_time_lets_it_forget() {
    let config = link(Limit::None, Pie::default());
    let overload = || steady(6_000, 500_000, Cell::new(1_000));
    let after = |idle: u64| {
        let begins = 3 * SECOND + idle;
        let burst = (0..120).map(move |n| (begins + n * 500_000, Cell::new(1_000)));
        let drops = early(&drive(&config, 1, overload().chain(burst)));
        drops.into_iter().filter(|at| *at >= begins).count()
    };
    assert!(after(100 * MILLI) > 10);
    assert_eq!(after(10 * SECOND), 0);
    assert_eq!(after(100 * 365 * 86_400 * SECOND), 0);
}

/// One that waits alone is not dropped, whatever the delay: 1000 bytes at 8 kb/s take a second.
#[test]
fn nothing_is_dropped_while_two_packets_wait() {
    let mut config = link(Limit::None, Pie::default());
    config.rate = Rate::new(8_000);
    let mut offers: Vec<(u64, Cell)> = (0..8).map(|_| (0, Cell::new(1_000))).collect();
    offers.extend((1..200).map(|n| (n * SECOND + 1, Cell::new(1_000))));
    let run = drive(&config, 1, offers);
    let most = run
        .journeys
        .iter()
        .filter(|j| j.number > 100 && !is_lost(j));
    let most = most.map(|j| j.started.since(j.offered)).max();
    assert!(!early(&run).is_empty());
    assert!(most < Some(Duration::from_millis(3_000)), "{most:?}");
    // It is not empty either: what comes when two wait or fewer is let in.
    assert!(
        run.journeys
            .iter()
            .filter(|j| j.number > 100 && is_lost(j))
            .count()
            < 10
    );
}

#[test]
fn packets_that_may_not_be_dropped_are_not() {
    let config = link(Limit::None, Pie::default());
    let offers = steady(4_000, 500_000, Cell::new(1_000).reliable());
    let run = drive(&config, 1, offers);
    assert!(early(&run).is_empty());
}
