//! The independent verifier: it passes what links do, whatever they are told to do, and finds every kind of damage.

mod drive;

use std::collections::VecDeque;
use std::time::Duration;

use drive::Cell;
use duet_sim::link::{
    Arbitration, Bitmap, Classes, CoDel, Corrupt, DelayStep, Discipline, Duplicate, EcnMangle,
    FqCoDel, JitterModel, Limit, MediumConfig, OnOff, Opportunities, Pie, Policer, RateOf,
    RateStep, Red, Reorder, Sojourn, Spikes,
};
use duet_sim::verify::{Breach, Rule, Verifier};
use duet_sim::{
    Ecn, EventLog, Jitter, LinkConfig, Loss, Node, NodeId, Outage, OutageMode, Probability,
    QueueConfig, Rate, Stream, Time, World,
};
use proptest::prelude::*;

const MILLI: u64 = 1_000_000;

/// Sends cells when its schedule says.
struct Source(VecDeque<(Time, NodeId, Cell)>);

impl Source {
    /// `count` packets of several flows, sizes, classes and ECN fields, at random distances of some mean.
    fn random(to: NodeId, seed: u64, count: u64, gap: u64, reliable: bool) -> Source {
        let mut draws = Stream::new(seed, "source");
        let mut now = 0;
        let cells = (0..count).map(|_| {
            now += draws.below(2 * gap + 1);
            let kind = draws.below(8);
            let mut cell = Cell::new(draws.below(1_500) as usize)
                .flow(draws.below(5))
                .class(["audio", "video"][draws.below(2) as usize])
                .ecn([Ecn::NotEct, Ecn::Ect0, Ecn::Ect1][draws.below(3) as usize]);
            if kind == 0 && reliable {
                cell = cell.reliable();
            }
            (Time::from_nanos(now), to, cell)
        });
        Source(cells.collect())
    }
}

impl Node for Source {
    type Packet = Cell;

    fn deadline(&self) -> Option<Time> {
        self.0.front().map(|(at, ..)| *at)
    }

    fn wake(&mut self, _now: Time) {}

    fn receive(&mut self, _now: Time, _from: NodeId, _packet: Cell) {}

    fn transmit(&mut self, now: Time) -> Option<(NodeId, Cell)> {
        let due = self.0.front().is_some_and(|(at, ..)| *at <= now);
        due.then(|| self.0.pop_front())
            .flatten()
            .map(|(_, to, cell)| (to, cell))
    }
}

/// A world with one link each way, `a>b` and `b>a`, of one kind.
fn world(seed: u64, link: &LinkConfig, gap: u64, reliable: bool) -> World<Source> {
    let a = Source::random(NodeId::B, seed, 300, gap, reliable);
    let b = Source::random(NodeId::A, seed + 1, 300, gap, reliable);
    World::pair(seed, a, b, link.clone())
}

fn verifier(world: &World<Source>) -> Verifier {
    let links = world.links();
    links.fold(Verifier::new(), |verifier, (name, config)| {
        verifier.link(name, config)
    })
}

fn show(breaches: &[Breach]) -> String {
    let lines: Vec<String> = breaches.iter().take(5).map(ToString::to_string).collect();
    lines.join("\n")
}

/// The records and the text say the same.
fn check(verifier: &Verifier, log: &EventLog) -> Result<(), TestCaseError> {
    let breaches = verifier.check(log);
    prop_assert!(breaches.is_empty(), "{}", show(&breaches));
    prop_assert_eq!(verifier.check_text(&log.text()), breaches);
    Ok(())
}

// ---- Everything that a link can be told to do

fn probability() -> impl Strategy<Value = Probability> + Clone {
    prop_oneof![
        Just(Probability::NEVER),
        (0u32..300_000).prop_map(Probability::from_ppm),
        Just(Probability::ALWAYS),
    ]
}

fn seldom() -> impl Strategy<Value = Probability> + Clone {
    (0u32..200_000).prop_map(Probability::from_ppm)
}

fn rate() -> impl Strategy<Value = Rate> {
    (50_000u64..100_000_000).prop_map(|bits| Rate::new(bits).unwrap())
}

fn millis(most: u64) -> impl Strategy<Value = Duration> + Clone {
    (0..most * MILLI).prop_map(Duration::from_nanos)
}

fn instant() -> impl Strategy<Value = Time> + Clone {
    (0..400 * MILLI).prop_map(Time::from_nanos)
}

fn loss() -> impl Strategy<Value = Loss> {
    let plain = prop_oneof![
        4 => Just(Loss::None),
        1 => probability().prop_map(Loss::Independent),
        1 => [probability(), probability(), probability(), probability()].prop_map(
            |[enter, leave, good, bad]| Loss::GilbertElliott { enter, leave, good, bad }
        ),
        1 => (millis(50), millis(20), probability(), probability()).prop_map(
            |(good_for, bad_for, good, bad)| Loss::GilbertElliottTime { good_for, bad_for, good, bad }
        ),
        1 => prop::collection::btree_set(0u64..300, 0..20).prop_map(Loss::List),
        1 => "[01]{1,20}".prop_map(|bits| Loss::Bitmap(bits.parse::<Bitmap>().unwrap())),
    ];
    (plain, prop::bool::weighted(0.2)).prop_map(|(model, only)| match only {
        true => Loss::Only {
            classes: Classes(vec!["aud*".to_owned()]),
            model: Box::new(model),
        },
        false => model,
    })
}

fn limit() -> impl Strategy<Value = Limit> {
    let of = prop_oneof![
        Just(RateOf::Reference),
        Just(RateOf::Physical),
        Just(RateOf::Current)
    ];
    prop_oneof![
        Just(Limit::None),
        (0u64..40_000).prop_map(Limit::Bytes),
        (0u64..40).prop_map(Limit::Packets),
        (millis(100), of).prop_map(|(span, of)| Limit::Span { span, of }),
    ]
}

fn discipline() -> impl Strategy<Value = Discipline> {
    let codel = CoDel {
        interval: Duration::from_millis(20),
        ..CoDel::default()
    };
    let fq = FqCoDel {
        codel: codel.clone(),
        flows: 3,
        packets: 50,
        ..FqCoDel::default()
    };
    let red = Red {
        min: 3_000,
        max: 9_000,
        weight: 3,
        ..Red::default()
    };
    let pie = Pie {
        target: Duration::from_millis(2),
        update: Duration::from_millis(1),
        max_burst: Duration::from_millis(5),
        alpha: 20_000,
        ..Pie::default()
    };
    prop_oneof![
        Just(Discipline::DropTail),
        Just(Discipline::DropHead),
        Just(Discipline::CoDel(codel)),
        Just(Discipline::FqCoDel(fq)),
        Just(Discipline::Red(red)),
        Just(Discipline::Pie(pie)),
        Just(Discipline::Pie(Pie::default())),
    ]
}

fn outage() -> impl Strategy<Value = Outage> {
    let mode = prop_oneof![
        Just(OutageMode::Drop),
        Just(OutageMode::Hold),
        Just(OutageMode::Burst)
    ];
    (instant(), 0..100 * MILLI, mode).prop_map(|(from, lasts, mode)| Outage {
        from,
        to: from.after(Duration::from_nanos(lasts)),
        mode,
    })
}

fn sojourn() -> impl Strategy<Value = Sojourn> {
    prop_oneof![
        millis(30).prop_map(|span| Sojourn::Fixed(span + Duration::from_micros(50))),
        millis(30).prop_map(|mean| Sojourn::Exponential(mean + Duration::from_micros(50))),
    ]
}

fn jitter() -> impl Strategy<Value = Jitter> {
    let model = prop_oneof![
        2 => Just(JitterModel::None),
        1 => millis(10).prop_map(JitterModel::Uniform),
        1 => Just(Jitter::rfc8868().model),
        1 => millis(5).prop_map(|scale| JitterModel::Pareto {
            scale,
            shape_milli: 2_000,
            cap: Duration::from_millis(100),
        }),
    ];
    let spikes = prop::option::of((millis(100), millis(40)));
    (model, any::<bool>(), prop::option::of(rate()), spikes).prop_map(
        |(model, reorders, spacing, spikes)| Jitter {
            model,
            reorders,
            spacing,
            spikes: spikes.map(|(every, height)| Spikes { every, height }),
        },
    )
}

prop_compose! {
    /// How fast it sends: not at all limited, at a rate with changes, or by a trace; on and off besides.
    fn sending()(
        rate in prop::option::of(rate()),
        steps in prop::collection::vec((instant(), prop::option::weighted(0.8, rate())), 0..4),
        last in self::rate(),
        reference in prop::option::of(self::rate()),
        trace in prop::option::weighted(0.2, prop::collection::vec(0u64..20, 1..30)),
        on_off in prop::option::weighted(0.2, (sojourn(), sojourn())),
    ) -> LinkConfig {
        let mut rates: Vec<RateStep> =
            steps.into_iter().map(|(at, rate)| RateStep { at, rate }).collect();
        if !rates.is_empty() {
            rates.push(RateStep { at: Time::from_millis(400), rate: Some(last) });
        }
        let trace = trace.map(|mut millis| {
            millis.sort_unstable();
            millis.push(20);
            Opportunities::new(&millis).unwrap()
        });
        let on_off = on_off.map(|(on, off)| OnOff { on, off });
        LinkConfig { rate, rates, reference, trace, on_off, ..LinkConfig::default() }
    }
}

prop_compose! {
    fn any_link()(
        sending in sending(),
        outages in prop::collection::vec(outage(), 0..4),
        mtu in prop::option::weighted(0.2, 1_000u64..1_600),
        loss in loss(),
        policer in prop::option::weighted(0.2, (rate(), 0u64..30_000)),
        (limit, discipline) in (limit(), discipline()),
        air_loss in self::loss(),
        (delay, delays) in (millis(50), prop::collection::vec((instant(), millis(50)), 0..3)),
        jitter in jitter(),
        (behind, every, extra) in (prop_oneof![Just(Probability::NEVER), seldom()], 0u64..9, millis(9)),
        (twice, later) in (prop_oneof![Just(Probability::NEVER), seldom()], millis(9)),
        (damaged, mark, bleach) in (seldom(), seldom(), seldom()),
    ) -> LinkConfig {
        LinkConfig {
            outages,
            mtu,
            loss,
            policer: policer.map(|(rate, burst)| Policer { rate, burst }),
            queue: QueueConfig { limit, discipline },
            air_loss,
            delay,
            delays: delays.into_iter().map(|(at, delay)| DelayStep { at, delay }).collect(),
            jitter,
            reorder: Reorder { probability: behind, every: every.saturating_sub(5), extra },
            duplicate: Duplicate { probability: twice, delay: later },
            corrupt: Corrupt { probability: damaged, ..Corrupt::default() },
            ecn: EcnMangle { mark, bleach, ect1_to_ect0: false },
            ..sending
        }
    }
}

/// A command to a link, and when it is given.
#[derive(Clone, Debug)]
enum Command {
    Outage(Option<OutageMode>),
    Rate(Option<Rate>),
    Delay(Duration),
}

fn command() -> impl Strategy<Value = (Time, Command)> {
    let outage = prop_oneof![
        Just(None),
        Just(Some(OutageMode::Drop)),
        Just(Some(OutageMode::Hold)),
        Just(Some(OutageMode::Burst)),
    ];
    let command = prop_oneof![
        2 => outage.prop_map(Command::Outage),
        1 => prop::option::weighted(0.9, rate()).prop_map(Command::Rate),
        1 => millis(50).prop_map(Command::Delay),
    ];
    // Multiples of a millisecond, so that some fall together with other things.
    ((0u64..400).prop_map(Time::from_millis), command)
}

proptest! {
    #[test]
    fn whatever_links_are_told_to_do_their_logs_pass(
        link in any_link(),
        seed in any::<u32>(),
        gap in 10_000u64..3_000_000,
        reliable in any::<bool>(),
        mut commands in prop::collection::vec(command(), 0..6),
    ) {
        let mut world = world(seed.into(), &link, gap, reliable);
        commands.sort_by_key(|(at, _)| *at);
        for (at, command) in commands {
            world.run_until(at);
            let (from, to) = (NodeId::A, NodeId::B);
            match command {
                Command::Outage(outage) => world.set_outage(from, to, outage),
                Command::Rate(rate) => world.set_rate(from, to, rate),
                Command::Delay(delay) => world.set_delay(from, to, delay),
            }
        }
        world.run_until(Time::from_millis(20_000));
        let verifier = verifier(&world);
        check(&verifier, &world.finish())?;
    }

    /// One link becomes another, with packets inside; some changes fall together with others, and with packets.
    #[test]
    fn links_that_become_others_pass(
        first in any_link(),
        others in prop::collection::vec((0u64..400, any_link(), any::<bool>()), 1..4),
        outages in prop::collection::vec(command(), 0..4),
        seed in any::<u32>(),
        gap in 10_000u64..3_000_000,
        (reliable, shared) in (any::<bool>(), any::<bool>()),
    ) {
        let mut world = world(seed.into(), &first, gap, reliable);
        let (from, to) = (NodeId::A, NodeId::B);
        let medium = MediumConfig::default();
        if shared {
            world.share(&[(from, to), (to, from)], medium.clone());
        }
        let mut verifier = verifier(&world);
        if shared {
            verifier = verifier.medium(&["a>b", "b>a"], &medium);
        }
        let mut changes: Vec<(Time, Result<LinkConfig, Option<OutageMode>>)> = Vec::new();
        let mut last = first;
        for (millis, mut other, in_part) in others {
            if in_part {
                // Only some of it changes; the rest goes on in its state.
                other = LinkConfig { loss: other.loss, delay: other.delay, policer: other.policer, ..last };
            }
            last = other.clone();
            changes.push((Time::from_millis(millis), Ok(other)));
        }
        for (at, command) in outages {
            if let Command::Outage(outage) = command {
                changes.push((at, Err(outage)));
            }
        }
        changes.sort_by_key(|(at, _)| *at);
        for (at, change) in changes {
            world.run_until(at);
            match change {
                Err(outage) => world.set_outage(from, to, outage),
                Ok(config) => {
                    verifier = verifier.change("a>b", at, &config);
                    world.change_link(from, to, "is now another", |link, now| {
                        link.reconfigure(now, config);
                    });
                }
            }
        }
        world.run_until(Time::from_millis(20_000));
        check(&verifier, &world.finish())?;
    }

    #[test]
    fn logs_of_shared_media_pass(
        sending in sending(),
        (limit, discipline) in (limit(), discipline()),
        overhead in millis(2),
        (max_packets, max_airtime) in (1u32..10, millis(10)),
        fifo in any::<bool>(),
        seed in any::<u32>(),
        gap in 10_000u64..3_000_000,
    ) {
        let link = LinkConfig { queue: QueueConfig { limit, discipline }, ..sending };
        let medium = MediumConfig {
            overhead,
            max_packets,
            max_airtime,
            arbitration: if fifo { Arbitration::Fifo } else { Arbitration::RoundRobin },
        };
        let mut world = world(seed.into(), &link, gap, false);
        world.share(&[(NodeId::A, NodeId::B), (NodeId::B, NodeId::A)], medium.clone());
        world.run_until(Time::from_millis(20_000));
        let verifier = verifier(&world).medium(&["a>b", "b>a"], &medium);
        check(&verifier, &world.finish())?;
    }
}

// ---- Damage, one kind for each rule

fn narrow() -> LinkConfig {
    LinkConfig {
        rate: Rate::new(8_000_000),
        queue: QueueConfig::bytes(3_000),
        delay: Duration::from_millis(5),
        loss: Loss::List([2].into()),
        ..LinkConfig::default()
    }
}

/// Six packets: 0, 1, 3 and 5 arrive, 2 is lost by its list, 4 finds no room. Times in microseconds.
const GOOD: &str = "\
    20 a>b 2 data 1000 20 20 lost listed-loss\n\
    50 a>b 4 data 1000 50 50 lost queue-full\n\
    1000 a>b 0 data 1000 0 0 delivered 6000\n\
    2000 a>b 1 data 1000 10 1000 delivered 7000\n\
    3000 a>b 3 data 1000 30 2000 delivered 8000\n\
    4000 a>b 5 data 1000 2500 3000 delivered 9000\n";

fn rules(verifier: &Verifier, log: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = verifier
        .check_text(log)
        .iter()
        .map(|breach| breach.rule)
        .collect();
    rules.dedup();
    rules
}

/// The good log with one line in place of another, and what the verifier says.
fn damaged(line: &str, by: &str) -> Vec<Rule> {
    let good = nanos(GOOD);
    let (line, by) = (nanos(line), nanos(by));
    assert!(good.contains(&line), "{line}");
    rules(
        &Verifier::new().link("a>b", &narrow()),
        &good.replace(&line, &by),
    )
}

/// Microseconds to nanoseconds, in the columns that are times.
fn nanos(log: &str) -> String {
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let scaled = words.iter().enumerate().map(|(at, word)| {
            let time = [0, 5, 6].contains(&at) || (at == 8 && words[7] == "delivered");
            match word.parse::<u64>() {
                Ok(micros) if time => (micros * 1_000).to_string(),
                _ => (*word).to_owned(),
            }
        });
        scaled.collect::<Vec<_>>().join(" ") + "\n"
    };
    log.lines().map(line).collect()
}

#[test]
fn the_undamaged_log_passes() {
    assert_eq!(
        rules(&Verifier::new().link("a>b", &narrow()), &nanos(GOOD)),
        []
    );
}

#[test]
fn a_line_that_cannot_be_read_is_found() {
    let line = "2000 a>b 1 data 1000 10 1000 delivered 7000\n";
    let found = damaged(line, "2000 a>b 1 data 1000 10 1000 vanished 7000\n");
    assert!(found.contains(&Rule::Malformed), "{found:?}");
    let breach = Verifier::new().check_text("5 # a note\n7 @home x 9 dropped nat\nx\n");
    assert_eq!(show(&breach), "line 3: malformed: an empty line");
}

#[test]
fn a_packet_that_was_never_offered_is_found() {
    let line = "4000 a>b 5 data 1000 2500 3000 delivered 9000\n";
    // Over a link that does not exist.
    assert_eq!(
        damaged(line, "4000 b>a 5 data 1000 2500 3000 delivered 9000\n"),
        [Rule::Created]
    );
    // Behind the last one, in the place of another.
    let more = format!("{line}5000 a>b 7 data 1000 3500 4000 delivered 10000\n");
    assert_eq!(damaged(line, &more), [Rule::Missing]);
    // Before its predecessors.
    let found = damaged(line, "4000 a>b 5 data 1000 25 3000 delivered 9000\n");
    assert!(found.contains(&Rule::Created), "{found:?}");
}

#[test]
fn a_packet_with_two_fates_is_found() {
    let line = "20 a>b 2 data 1000 20 20 lost listed-loss\n";
    assert_eq!(damaged(line, &line.repeat(2)), [Rule::Twice]);
    // A copy that is not marked.
    let line = "4000 a>b 5 data 1000 2500 3000 delivered 9000\n";
    assert!(damaged(line, &line.repeat(2)).contains(&Rule::Twice));
}

#[test]
fn copies_are_allowed_where_they_are_marked_and_configured() {
    let config = LinkConfig {
        duplicate: Duplicate {
            probability: "1 %".parse().unwrap(),
            delay: Duration::from_millis(1),
        },
        ..narrow()
    };
    let verifier = Verifier::new().link("a>b", &config);
    let copy = |at| {
        nanos(&format!(
            "{GOOD}4000 a>b 5 data 1000 2500 3000 delivered {at} copy\n"
        ))
    };
    assert_eq!(rules(&verifier, &copy(10_000)), []);
    assert_eq!(rules(&verifier, &copy(10_001)), [Rule::Created]);
    assert_eq!(
        rules(&Verifier::new().link("a>b", &narrow()), &copy(9_000)),
        [Rule::Cause]
    );
    let twice = copy(10_000) + copy(10_000).lines().last().unwrap();
    assert_eq!(rules(&verifier, &twice), [Rule::Twice]);
    let orphan = nanos(&format!(
        "{GOOD}4000 a>b 9 data 1000 2500 3000 delivered 10000 copy\n"
    ));
    assert_eq!(rules(&verifier, &orphan), [Rule::Created]);
}

#[test]
fn a_packet_that_vanished_is_found() {
    assert_eq!(
        damaged("20 a>b 2 data 1000 20 20 lost listed-loss\n", ""),
        [Rule::Missing]
    );
}

#[test]
fn a_packet_that_is_early_is_found() {
    let line = "1000 a>b 0 data 1000 0 0 delivered 6000\n";
    assert_eq!(
        damaged(line, "1000 a>b 0 data 1000 0 0 delivered 5999\n"),
        [Rule::Early]
    );
    // Sent before it was offered.
    let line = "4000 a>b 5 data 1000 2500 3000 delivered 9000\n";
    assert_eq!(
        damaged(line, "4000 a>b 5 data 1000 3001 3000 delivered 9000\n"),
        [Rule::Early]
    );
}

#[test]
fn a_packet_that_is_late_is_found() {
    let last = "4000 a>b 5 data 1000 2500 3000 delivered 9000\n";
    let late = "4000 a>b 5 data 1000 2500 3000 delivered 9001\n";
    assert_eq!(damaged(last, late), [Rule::Late]);
    // What may vary is added up: a draw, a spell in which all stalls, and how far it falls behind.
    let (millis, micros) = (Duration::from_millis, Duration::from_micros);
    let uniform = Jitter::uniform(micros(300));
    let spikes = Some(Spikes {
        every: millis(50),
        height: micros(20),
    });
    let reorder = Reorder {
        every: 3,
        extra: micros(7),
        ..Reorder::default()
    };
    let normal = |fold| Jitter {
        model: JitterModel::Normal {
            std: micros(10),
            n_std: 3,
            fold,
        },
        ..Jitter::default()
    };
    let table = Jitter {
        model: JitterModel::Table([micros(5), micros(44), micros(2)].into()),
        ..Jitter::default()
    };
    let with = |jitter: Jitter| LinkConfig { jitter, ..narrow() };
    for (config, most) in [
        (with(uniform.clone()), 300),
        (with(normal(true)), 30),
        (with(normal(false)), 60),
        (with(table), 44),
        (
            with(Jitter {
                spikes,
                ..uniform.clone()
            }),
            320,
        ),
        (
            LinkConfig {
                reorder: reorder.clone(),
                ..narrow()
            },
            7,
        ),
        (
            LinkConfig {
                reorder,
                ..with(Jitter { spikes, ..uniform })
            },
            327,
        ),
    ] {
        let verifier = Verifier::new().link("a>b", &config);
        let log = |micros: u64| {
            let by = format!(
                "4000 a>b 5 data 1000 2500 3000 delivered {}\n",
                9_000 + micros
            );
            nanos(&GOOD.replace("    ", "")).replace(&nanos(last), &nanos(&by))
        };
        assert_eq!(rules(&verifier, &log(most)), [], "{config:?}");
        assert_eq!(rules(&verifier, &log(most + 1)), [Rule::Late], "{config:?}");
    }
    // One that was late holds up those behind it, each by its own bits at the spacing, and no longer.
    let spaced = |bits| {
        with(Jitter {
            spacing: Rate::new(bits),
            ..Jitter::uniform(millis(2))
        })
    };
    let late = nanos(
        "1000 a>b 0 data 1000 0 0 delivered 8000\n\
         2000 a>b 1 data 1000 10 1000 delivered 9001\n",
    );
    let verifier = |bits| Verifier::new().link("a>b", &spaced(bits));
    assert_eq!(rules(&verifier(8_000_000), &late), [Rule::Late]);
    assert_eq!(rules(&verifier(7_000_000), &late), []);
    // Delays that change, and outages that release at their end.
    let kept = LinkConfig {
        outages: vec![Outage {
            from: Time::from_micros(3_500),
            to: Time::from_micros(6_000),
            mode: OutageMode::Burst,
        }],
        delays: vec![DelayStep {
            at: Time::from_micros(5_000),
            delay: millis(9),
        }],
        ..narrow()
    };
    let verifier = Verifier::new().link("a>b", &kept);
    for (arrives, expected) in [
        (15_000, vec![]),
        (15_001, vec![Rule::Late]),
        (14_999, vec![Rule::Early]),
    ] {
        let by = format!("4000 a>b 5 data 1000 2500 3000 delivered {arrives}\n");
        let log = nanos(GOOD).replace(&nanos(last), &nanos(&by));
        assert_eq!(rules(&verifier, &log), expected, "{arrives}");
    }
    let slower = nanos(GOOD).replace("9000000", "9500000");
    let commanded = format!("3500000 # a>b delay 5500000 ns\n{slower}");
    let plain = Verifier::new().link("a>b", &narrow());
    assert_eq!(rules(&plain, &commanded), []);
    assert_eq!(rules(&plain, &slower), [Rule::Late]);
}

#[test]
fn a_transmitter_that_rests_while_packets_wait_is_found() {
    let verifier = Verifier::new().link("a>b", &narrow());
    // Packet 1 waits, and is sent a millisecond later than it could be; so does all that is behind it.
    let rests = nanos(
        "1000 a>b 0 data 1000 0 0 delivered 6000\n\
         3000 a>b 1 data 1000 10 2000 delivered 8000\n",
    );
    assert_eq!(rules(&verifier, &rests), [Rule::Late]);
    assert_eq!(rules(&verifier, &rests.replace(" 10000 ", " 2000000 ")), []);
    // A nanosecond is enough, and the first one need not have waited.
    let slow = nanos("1001 a>b 0 data 1000 0 1 delivered 6001\n");
    assert_eq!(rules(&verifier, &slow), [Rule::Late]);
    assert_eq!(
        rules(&verifier, "1000001 a>b 0 data 1000 0 1 delivered 6000001\n"),
        [Rule::Late]
    );
    // It pauses in the midst of one.
    let pauses = nanos("1500 a>b 0 data 1000 0 0 delivered 6500\n");
    assert_eq!(rules(&verifier, &pauses), [Rule::Late]);
    // There is a reason: an outage that holds, a lower rate, none at all.
    let down = "100000 # a>b down hold\n600000 # a>b up\n";
    assert_eq!(rules(&verifier, &format!("{down}{pauses}")), []);
    let configured = LinkConfig {
        outages: vec![Outage {
            from: Time::from_micros(100),
            to: Time::from_micros(600),
            mode: OutageMode::Hold,
        }],
        ..narrow()
    };
    let held = Verifier::new().link("a>b", &configured);
    assert_eq!(rules(&held, &pauses), []);
    assert_eq!(
        rules(&held, &nanos("1501 a>b 0 data 1000 0 0 delivered 6501\n")),
        [Rule::Late]
    );
    let slowed = format!("500000 # a>b rate 4 Mb/s\n{pauses}");
    assert_eq!(rules(&verifier, &slowed), []);
    let stepped = LinkConfig {
        rates: vec![
            RateStep {
                at: Time::from_micros(500),
                rate: None,
            },
            RateStep {
                at: Time::from_micros(1_000),
                rate: Rate::new(8_000_000),
            },
        ],
        ..narrow()
    };
    assert_eq!(rules(&Verifier::new().link("a>b", &stepped), &pauses), []);
    // Without a rate nothing waits but in outages.
    let free = LinkConfig {
        rate: None,
        ..configured
    };
    let verifier = Verifier::new().link("a>b", &free);
    assert_eq!(
        rules(
            &verifier,
            &nanos("600 a>b 0 data 1000 200 600 delivered 5600\n")
        ),
        []
    );
    assert_eq!(
        rules(
            &verifier,
            &nanos("601 a>b 0 data 1000 200 601 delivered 5601\n")
        ),
        [Rule::Late]
    );
    // Opportunities at 1, 2, 3 ms and so on, each of 1500 bytes: a packet of 1000 takes one, and one of 1000 that waits
    // with it the rest of that and some of the next.
    let traced = LinkConfig {
        trace: Opportunities::new(&[1]).ok(),
        delay: Duration::from_millis(5),
        ..LinkConfig::default()
    };
    let verifier = Verifier::new().link("a>b", &traced);
    let first = nanos("1000 a>b 0 data 1000 0 1000 delivered 6000\n");
    let log = |second: &str| format!("{first}{}", nanos(second));
    assert_eq!(
        rules(
            &verifier,
            &log("2000 a>b 1 data 1000 0 1000 delivered 7000\n")
        ),
        []
    );
    assert_eq!(
        rules(
            &verifier,
            &log("2000 a>b 1 data 1000 1000 1000 delivered 7000\n")
        ),
        []
    );
    assert_eq!(
        rules(
            &verifier,
            &log("3000 a>b 1 data 1000 0 2000 delivered 8000\n")
        ),
        [Rule::Late]
    );
    assert_eq!(
        rules(
            &verifier,
            &log("3000 a>b 1 data 1000 1500 3000 delivered 8000\n")
        ),
        [Rule::Late]
    );
}

#[test]
fn a_packet_that_is_too_fast_is_found() {
    let line = "3000 a>b 3 data 1000 30 2000 delivered 8000\n";
    assert_eq!(
        damaged(line, "2999 a>b 3 data 1000 30 2000 delivered 7999\n"),
        [Rule::TooFast]
    );
    assert_eq!(
        damaged(line, "3000 a>b 3 data 1001 30 2000 delivered 8000\n")[0],
        Rule::TooFast
    );
    // While another is being sent.
    let line = "4000 a>b 5 data 1000 2500 3000 delivered 9000\n";
    assert_eq!(
        damaged(line, "4000 a>b 5 data 1000 2500 2900 delivered 9000\n"),
        [Rule::TooFast]
    );
}

#[test]
fn a_queue_that_holds_too_much_is_found() {
    let line = "4000 a>b 5 data 1000 2500 3000 delivered 9000\n";
    assert_eq!(
        damaged(line, "4000 a>b 5 data 1000 999 3000 delivered 9000\n"),
        [Rule::Overfull]
    );
    // The mistake that this is about: bytes that have left still count as waiting.
    assert_eq!(
        damaged(line, "2500 a>b 5 data 1000 2500 2500 lost queue-full\n"),
        [Rule::Overfull]
    );
}

#[test]
fn packets_out_of_order_are_found() {
    let line = "3000 a>b 3 data 1000 30 2000 delivered 8000\n";
    assert_eq!(
        damaged(line, "3000 a>b 3 data 1000 30 2000 delivered 9001\n"),
        [Rule::Late, Rule::Order]
    );
    let exchanged = nanos(GOOD)
        .replace("b 1 data", "b X data")
        .replace("b 3 data", "b 1 data");
    let exchanged = exchanged.replace("b X data", "b 3 data");
    let verifier = Verifier::new().link("a>b", &narrow());
    assert!(rules(&verifier, &exchanged).contains(&Rule::Order));
    let loose = LinkConfig {
        jitter: Jitter {
            reorders: true,
            ..Jitter::uniform(Duration::from_micros(1_001))
        },
        ..narrow()
    };
    let verifier = Verifier::new().link("a>b", &loose);
    let line = nanos("3000 a>b 3 data 1000 30 2000 delivered 8000\n");
    let late = nanos("3000 a>b 3 data 1000 30 2000 delivered 9001\n");
    assert_eq!(rules(&verifier, &nanos(GOOD).replace(&line, &late)), []);
}

#[test]
fn causes_that_the_link_does_not_have_are_found() {
    let line = "50 a>b 4 data 1000 50 50 lost queue-full\n";
    for cause in [
        "random-loss",
        "burst-loss",
        "listed-loss",
        "too-big",
        "policed",
        "queue-early",
        "air-loss",
        "air-burst-loss",
        "air-listed-loss",
        "down",
    ] {
        let found = damaged(line, &format!("50 a>b 4 data 1000 50 50 lost {cause}\n"));
        assert!(found.contains(&Rule::Cause), "{cause}: {found:?}");
    }
    // What is listed is lost, for that.
    let line = "20 a>b 2 data 1000 20 20 lost listed-loss\n";
    assert!(damaged(line, "20 a>b 2 data 1000 20 20 lost queue-full\n").contains(&Rule::Cause));
    let line = "1000 a>b 0 data 1000 0 0 delivered 6000\n";
    assert_eq!(
        damaged(line, "1000 a>b 0 data 1000 0 0 delivered 6000 damaged\n"),
        [Rule::Cause]
    );
    assert_eq!(
        damaged(
            "50 a>b 4 data 1000 50 50 lost queue-full\n",
            "50 a>b 4 data 1000 50 50 lost queue-full reliable\n"
        ),
        [Rule::Cause]
    );
}

/// PIE drops nothing while two usual packets wait or fewer, nor before its burst allowance can have been used up.
#[test]
fn an_early_drop_by_pie_that_cannot_be_is_found() {
    let config = LinkConfig {
        rate: Rate::new(8_000_000),
        queue: QueueConfig {
            limit: Limit::None,
            discipline: Discipline::Pie(Pie::default()),
        },
        ..LinkConfig::default()
    };
    let verifier = Verifier::new().link("a>b", &config);
    // One is being sent, some wait, and the last of those that come is dropped.
    let log = |at: u64, waiting: u64| {
        let last = waiting + 1;
        let dropped = format!("{at} a>b {last} data 1000 {at} {at} lost queue-early\n");
        let sent = (0..last).map(|n| {
            // The first began a moment before, or it would count as waiting.
            let offered = if n == 0 { at - 1 } else { at };
            let (begun, left) = (at - 1 + n * 1_000, at + 999 + n * 1_000);
            format!("{left} a>b {n} data 1000 {offered} {begun} delivered {left}\n")
        });
        nanos(&(dropped + &sent.collect::<String>()))
    };
    let breaches = rules;
    let rules = |at, waiting| breaches(&verifier, &log(at, waiting));
    assert_eq!(rules(200_000, 3), []);
    assert_eq!(rules(200_000, 2), [Rule::Cause]);
    assert_eq!(rules(135_000, 3), []);
    assert_eq!(rules(134_999, 3), [Rule::Cause]);
    // Another discipline may drop it later.
    let codel = LinkConfig {
        queue: QueueConfig {
            limit: Limit::None,
            discipline: Discipline::CoDel(CoDel::default()),
        },
        ..config
    };
    let verifier = verifier.change("a>b", Time::from_micros(10_001), &codel);
    let log = |lost: u64| {
        nanos(&format!(
            "10000 a>b 0 data 9000 1000 1000 delivered 10000\n\
             {lost} a>b 1 data 1000 1001 {lost} lost queue-early\n\
             11000 a>b 2 data 1000 10000 10000 delivered 11000\n"
        ))
    };
    let found = |lost| breaches(&verifier, &log(lost));
    assert_eq!(found(10_500), []);
    assert_eq!(found(1_001), [Rule::Cause]);
}

#[test]
fn an_outage_a_policer_and_an_mtu_hold_both_ways() {
    let config = LinkConfig {
        outages: vec![Outage::drop(Time::from_micros(10), Time::from_micros(20))],
        mtu: Some(1_000),
        policer: Rate::new(8_000_000).map(|rate| Policer { rate, burst: 1_500 }),
        ..LinkConfig::default()
    };
    let verifier = Verifier::new().link("a>b", &config);
    let check = |log: &str| rules(&verifier, &nanos(log));
    let pass =
        |n: u64, at: u64, size: u64| format!("{at} a>b {n} data {size} {at} {at} delivered {at}\n");
    let lost = |n: u64, at: u64, size: u64, cause: &str| {
        format!("{at} a>b {n} data {size} {at} {at} lost {cause}\n")
    };
    assert_eq!(
        check(&(pass(0, 9, 1) + &lost(1, 10, 1, "down") + &pass(2, 20, 1))),
        []
    );
    assert_eq!(check(&pass(0, 10, 1)), [Rule::Cause]);
    assert_eq!(check(&lost(0, 20, 1, "down")), [Rule::Cause]);
    assert_eq!(check(&lost(0, 30, 1_001, "too-big")), []);
    assert_eq!(check(&lost(0, 30, 1_000, "too-big")), [Rule::Cause]);
    assert_eq!(check(&pass(0, 30, 1_001)), [Rule::Cause]);
    // A byte a microsecond: 500 are left at 30 µs, and 600 at 130.
    assert_eq!(
        check(&(pass(0, 30, 1_000) + &lost(1, 30, 501, "policed") + &pass(2, 130, 600))),
        []
    );
    assert_eq!(
        check(&(pass(0, 30, 1_000) + &pass(1, 30, 501))),
        [Rule::Cause]
    );
    assert_eq!(
        check(&(pass(0, 30, 1_000) + &lost(1, 30, 500, "policed"))),
        [Rule::Cause]
    );
}

#[test]
fn two_that_send_at_once_on_a_medium_are_found() {
    let link = LinkConfig {
        rate: Rate::new(8_000_000),
        ..LinkConfig::default()
    };
    let medium = MediumConfig {
        overhead: Duration::from_micros(100),
        max_packets: 2,
        ..MediumConfig::default()
    };
    let verifier = Verifier::new().link("a>b", &link).link("b>a", &link);
    let verifier = verifier.medium(&["a>b", "b>a"], &medium);
    let log = |begin: u64, together: u64| {
        let end = begin + 1_000 * together;
        let of = |n| format!("{end} b>a {n} data 1000 0 {begin} delivered {end}\n");
        let theirs: String = (0..together).map(of).collect();
        nanos(&format!(
            "1100 a>b 0 data 1000 0 100 delivered 1100\n{theirs}"
        ))
    };
    assert_eq!(rules(&verifier, &log(1_200, 2)), []);
    assert_eq!(rules(&verifier, &log(1_199, 2)), [Rule::TooFast]);
    assert_eq!(rules(&verifier, &log(1_200, 3)), [Rule::TooFast]);
    // Nobody rests while anyone waits, before his turn or in it.
    assert_eq!(rules(&verifier, &log(1_201, 2)), [Rule::Late]);
    let slow = log(1_200, 2).replace("3200000", "3200003");
    assert_eq!(rules(&verifier, &slow), [Rule::Late]);
    let came_later = log(1_201, 2).replace(" data 1000 0 1201000", " data 1000 1101000 1201000");
    assert_eq!(rules(&verifier, &came_later), []);
}

/// Two changes at one instant: in between, all that waits may leave at once.
#[test]
fn a_link_that_is_another_for_no_time_is_so_for_that_time() {
    let with = |rate| LinkConfig {
        rate: Rate::new(rate),
        ..LinkConfig::default()
    };
    let at = Time::from_micros(500);
    let verifier = |between| {
        let verifier = Verifier::new().link("a>b", &with(8_000_000));
        let verifier = verifier.change("a>b", at, &with(between));
        verifier.change("a>b", at, &with(8_000))
    };
    let log = nanos("500 a>b 0 data 1000 0 0 delivered 500\n");
    assert_eq!(rules(&verifier(0), &log), []);
    assert_eq!(rules(&verifier(9_000_000), &log), [Rule::TooFast]);
}

#[test]
fn a_command_that_is_not_understood_ends_the_checks_that_depend_on_it() {
    let line = nanos("1000 a>b 0 data 1000 0 0 delivered 6000\n");
    let early = nanos("1000 a>b 0 data 1000 0 0 delivered 5999\n");
    let verifier = Verifier::new().link("a>b", &narrow());
    let damaged = nanos(GOOD).replace(&line, &early);
    assert_eq!(
        rules(&verifier, &format!("0 # a>b goes to the moon\n{damaged}")),
        []
    );
    assert_eq!(
        rules(&verifier, &format!("0 # a>bc goes to the moon\n{damaged}")),
        [Rule::Early]
    );
    let slower = format!("0 # a>b delay 6000000 ns\n{}", nanos(GOOD));
    assert_eq!(rules(&verifier, &slower), [Rule::Early]);
    let slower = format!("0 # a>b rate 4 Mb/s\n{}", nanos(GOOD));
    assert_eq!(rules(&verifier, &slower), [Rule::TooFast]);
}
