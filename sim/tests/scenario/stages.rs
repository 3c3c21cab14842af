//! The keys of a link's stages: every form of each, and what is wrong with them.

use std::time::Duration;

use duet_sim::link::{
    Classes, CoDel, Corrupt, Corruption, DelayStep, Discipline, Duplicate, EcnMangle, FqCoDel,
    Jitter, JitterModel, Limit, LinkConfig, Loss, OnOff, Opportunities, Outage, OutageMode, Pie,
    Policer, QueueConfig, Rate, RateOf, RateStep, Red, Reorder, Sojourn, Spikes,
};
use duet_sim::{Probability, Scenario, Time};

use super::{brief, complaint, with};

fn link(keys: &str) -> String {
    format!("[[link]]\nfrom = \"alice\"\nto = \"bob\"\n{keys}")
}

/// What a link with these keys does, seen to be written and read again as it is.
fn config(keys: &str) -> LinkConfig {
    let scenario = with(&link(keys));
    let text = scenario.to_toml();
    let again =
        Scenario::parse(&text, "written.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(again, scenario, "{text}");
    scenario.links.last().unwrap().config.clone()
}

fn wrong(keys: &str) -> String {
    complaint(&link(keys))
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn rate(bits: u64) -> Rate {
    Rate::new(bits).unwrap()
}

fn percent(percent: u32) -> Probability {
    Probability::from_ppm(percent * 10_000)
}

#[test]
fn loss() {
    let loss = |value: &str| {
        let config = config(&format!("loss = {value}\nair_loss = {value}"));
        assert_eq!(config.loss, config.air_loss);
        config.loss
    };
    assert_eq!(loss("\"none\""), Loss::None);
    assert_eq!(loss("\"2 %\""), Loss::Independent(percent(2)));
    let packets = Loss::GilbertElliott {
        enter: percent(1),
        leave: percent(25),
        good: Probability::NEVER,
        bad: Probability::ALWAYS,
    };
    assert_eq!(loss("{ enter = \"1 %\", leave = \"25 %\" }"), packets);
    let time = Loss::GilbertElliottTime {
        good_for: ms(4_000),
        bad_for: ms(80),
        good: percent(1),
        bad: percent(50),
    };
    assert_eq!(
        loss("{ good_for = \"4 s\", bad_for = \"80 ms\", good = \"1 %\", bad = \"50 %\" }"),
        time
    );
    assert_eq!(
        loss("{ share = \"2 %\", burst = \"80 ms\" }"),
        Loss::bursts(percent(2), ms(80))
    );
    assert_eq!(loss("{ packets = [1, 17] }"), Loss::List([1, 17].into()));
    assert_eq!(
        loss("{ bitmap = \"00 1\" }"),
        Loss::Bitmap("001".parse().unwrap())
    );
    let only = Loss::Only {
        classes: Classes(vec!["quic-*".into(), "$".into()]),
        model: Box::new(Loss::Only {
            classes: Classes(vec!["a".into()]),
            model: Box::new(packets),
        }),
    };
    let text = "{ only = [\"quic-*\", \"$$\"], model = { only = [\"a\"], model = { enter = \"1 %\", leave = \"25 %\" } } }";
    assert_eq!(loss(text), only);
}

#[test]
fn what_is_wrong_with_loss() {
    let wrong = |value: &str| wrong(&format!("loss = {value}"));
    assert_eq!(
        wrong("\"101 %\"").split(" @").next(),
        Some(
            "`loss`: a probability is at most 100 % (a number without `%` is a fraction, at most 1)"
        )
    );
    assert_eq!(
        wrong("{}"),
        "which kind of loss is this? @ `{}` ? such as { enter = \"1 %\", leave = \"25 %\" }"
    );
    assert_eq!(
        wrong("{ entre = \"1 %\" }"),
        "unknown key `entre` @ `entre` ? did you mean `enter`?"
    );
    assert_eq!(
        wrong("{ enter = \"1 %\" }"),
        "the key `leave` is missing @ `{ enter = \"1 %\" }`"
    );
    assert_eq!(
        wrong("{ share = \"1 %\", burst = \"0 s\" }"),
        "`burst` must not be zero @ `\"0 s\"`"
    );
    assert_eq!(
        wrong("{ share = \"1 %\", leave = \"1 %\" }"),
        "unknown key `leave` @ `leave` ? known here: share, burst"
    );
    assert_eq!(
        wrong("{ packets = [2, 1] }"),
        "packets are named in ascending order, each once @ `1`"
    );
    assert_eq!(
        wrong("{ bitmap = \"012\" }"),
        "line 1: '2' is neither `0` (passes) nor `1` (is lost) @ `\"012\"`"
    );
    assert_eq!(
        wrong("{ bitmap = \"\" }"),
        "a loss pattern needs at least one `0` or `1` @ `\"\"`"
    );
    assert_eq!(
        wrong("{ only = [\"a\"] }"),
        "the key `model` is missing @ `{ only = [\"a\"] }`"
    );
}

#[test]
fn queues() {
    let queue = |value: &str| config(&format!("rate = \"1 Mb/s\"\nqueue = {value}")).queue;
    let with = |limit, discipline| QueueConfig { limit, discipline };
    let span = |of| Limit::Span { span: ms(300), of };
    assert_eq!(queue("\"none\""), QueueConfig::default());
    assert_eq!(queue("\"64 kB\""), QueueConfig::bytes(64_000));
    assert_eq!(queue("\"300 ms\""), QueueConfig::span(ms(300)));
    assert_eq!(
        queue("\"100 packets\""),
        with(Limit::Packets(100), Discipline::DropTail)
    );
    assert_eq!(
        queue("\"1 packet\""),
        with(Limit::Packets(1), Discipline::DropTail)
    );
    assert_eq!(queue("{ limit = \"64 kB\" }"), QueueConfig::bytes(64_000));
    assert_eq!(
        queue("{ limit = \"300 ms\", of = \"physical\" }"),
        with(span(RateOf::Physical), Discipline::DropTail)
    );
    assert_eq!(
        queue("{ kind = \"drop-head\", limit = \"300 ms\", of = \"current\" }"),
        with(span(RateOf::Current), Discipline::DropHead)
    );
    assert_eq!(
        queue("{ kind = \"codel\" }"),
        with(Limit::None, Discipline::CoDel(CoDel::default()))
    );
    let codel = CoDel {
        target: ms(10),
        interval: ms(50),
        mtu: 1_280,
        ecn: false,
    };
    let keys = "target = \"10 ms\", interval = \"50 ms\", mtu = \"1280 B\", ecn = false";
    assert_eq!(
        queue(&format!("{{ kind = \"codel\", limit = \"1 MB\", {keys} }}")),
        with(Limit::Bytes(1_000_000), Discipline::CoDel(codel.clone()))
    );
    let fq_codel = FqCoDel {
        codel,
        flows: 7,
        quantum: 300,
        packets: 50,
    };
    assert_eq!(
        queue(&format!(
            "{{ kind = \"fq-codel\", flows = 7, quantum = \"300 B\", packets = 50, {keys} }}"
        )),
        with(Limit::None, Discipline::FqCoDel(fq_codel))
    );
    let red = Red {
        min: 1_000,
        max: 2_000,
        max_probability: percent(5),
        weight: 3,
        gentle: false,
        ecn: false,
        mean_packet: 500,
    };
    let keys = "min = \"1 kB\", max = \"2 kB\", max_probability = \"5 %\", weight = 3, gentle = false, ecn = false, mean_packet = \"500 B\"";
    assert_eq!(
        queue(&format!(
            "{{ kind = \"red\", limit = \"10 packets\", {keys} }}"
        )),
        with(Limit::Packets(10), Discipline::Red(red))
    );
    assert_eq!(
        queue("{ kind = \"pie\" }"),
        with(Limit::None, Discipline::Pie(Pie::default()))
    );
    let pie = Pie {
        target: ms(20),
        update: ms(30),
        max_burst: Duration::ZERO,
        alpha: 250,
        beta: 2_500,
        mean_packet: 500,
        derandomize: false,
        ecn: false,
        ecn_below: percent(5),
    };
    let keys = "target = \"20 ms\", update = \"30 ms\", max_burst = \"0 s\", alpha = 0.25, beta = 2.5, mean_packet = \"500 B\", derandomize = false, ecn = false, ecn_below = \"5 %\"";
    assert_eq!(
        queue(&format!("{{ kind = \"pie\", limit = \"1 MB\", {keys} }}")),
        with(Limit::Bytes(1_000_000), Discipline::Pie(pie))
    );
}

#[test]
fn what_is_wrong_with_queues() {
    let wrong = |value: &str| wrong(&format!("rate = \"1 Mb/s\"\nqueue = {value}"));
    assert_eq!(
        wrong("\"64 kb\""),
        "`queue`: unknown unit \"kb\": use B, kB, MB, KiB, MiB, ns, us, µs, ms, s, min, h, packets @ `\"64 kb\"` ? such as \"64 kB\""
    );
    assert_eq!(
        wrong("64"),
        "`queue`: a unit is missing: use B, kB, MB, KiB, MiB, ns, us, µs, ms, s, min, h, packets @ `64` ? such as \"64 kB\""
    );
    assert_eq!(
        wrong("\"x packets\"").split(" @").next(),
        Some("`queue`: \"x packets\" does not begin with a number")
    );
    assert_eq!(
        wrong("\"0.5 ns\"").split(" @").next(),
        Some("`queue`: is finer than the simulator resolves")
    );
    assert_eq!(
        wrong("\"0 packets\""),
        "`queue` must not be zero @ `\"0 packets\"`"
    );
    assert_eq!(wrong("\"0 ms\""), "`queue` must not be zero @ `\"0 ms\"`");
    assert_eq!(
        wrong("{ kind = \"codle\" }"),
        "there is no kind of queue `codle` @ `\"codle\"` ? did you mean `codel`?"
    );
    assert_eq!(
        wrong("{ kind = \"codel\", flows = 3 }").split(" @").next(),
        Some("unknown key `flows`")
    );
    assert_eq!(
        wrong("{ limit = \"1 kB\", of = \"current\" }"),
        "`of` is for a limit that is a span of time @ `of`"
    );
    assert_eq!(
        wrong("{ kind = \"red\", min = \"9 kB\", max = \"9 kB\" }")
            .split(" @")
            .next(),
        Some("`min` must be below `max`")
    );
    assert_eq!(
        wrong("{ kind = \"pie\", target = \"250 ms\" }"),
        "`target` of `pie` must be less than 250 ms @ `\"250 ms\"` ? such as \"15 ms\""
    );
    assert_eq!(
        wrong("{ kind = \"pie\", update = \"0 ms\" }"),
        "`update` must not be zero @ `\"0 ms\"`"
    );
    assert_eq!(
        wrong("{ kind = \"pie\", alpha = 0 }"),
        "`alpha` must not be zero @ `0`"
    );
    assert_eq!(
        wrong("{ kind = \"pie\", beta = 1.2345 }"),
        "`beta`: is finer than the simulator resolves @ `1.2345` ? such as \"1.25\""
    );
    assert_eq!(
        wrong("{ kind = \"pie\", interval = \"100 ms\" }")
            .split(" @")
            .next(),
        Some("unknown key `interval`")
    );
    assert_eq!(
        super::complaint(&link(
            "on_off = { on = \"1 s\", off = \"1 s\" }\nqueue = \"300 ms\""
        )),
        "a queue of so much time needs a rate to measure it by @ `\"300 ms\"` ? say `reference = \"1 Mb/s\"`"
    );
}

#[test]
fn whatever_makes_packets_wait_makes_sense_of_a_queue() {
    let bytes = QueueConfig::bytes(1_000);
    for waits in [
        "rate = \"1 Mb/s\"",
        "schedule = [[\"1 s\", \"1 Mb/s\"]]",
        "opportunities = [1]",
        "on_off = { on = \"1 s\", off = \"1 s\" }",
        "outages = [[\"1 s\", \"2 s\", \"hold\"]]",
    ] {
        assert_eq!(
            config(&format!("queue = \"1 kB\"\n{waits}")).queue,
            bytes,
            "{waits}"
        );
    }
    let refused = "`queue` without `rate` has no effect: nothing ever waits @ `\"1 kB\"`";
    assert_eq!(
        wrong("queue = \"1 kB\"\noutages = [[\"1 s\", \"2 s\", \"burst\"]]"),
        refused
    );
    let shared = format!(
        "[[medium]]\nname = \"air\"\n{}",
        link("queue = \"1 kB\"\nmedium = \"air\"")
    );
    assert_eq!(with(&shared).links.last().unwrap().config.queue, bytes);
}

#[test]
fn rates_that_change() {
    let at = Time::from_millis;
    let step = |millis, bits| RateStep {
        at: at(millis),
        rate: Rate::new(bits),
    };
    let schedule = config(
        "schedule = [[\"0 s\", \"1 Mb/s\"], [\"40 s\", \"2.5 Mb/s\"], [\"60 s\", \"stop\"]]",
    );
    assert_eq!(schedule.rate, Some(rate(1_000_000)));
    assert_eq!(schedule.rates, [step(40_000, 2_500_000), step(60_000, 0)]);
    let split =
        config("rate = \"1 Mb/s\"\nschedule = [[\"40 s\", \"2.5 Mb/s\"], [\"60 s\", \"stop\"]]");
    assert_eq!(split, schedule);
    let stopped = config("schedule = [[\"0 s\", \"stop\"], [\"1 s\", \"1 Mb/s\"]]");
    assert_eq!((stopped.rate, stopped.rates.len()), (None, 2));
    // A preset's rate, and a transmitter that is stopped from the beginning.
    let stopped =
        config("preset = \"adsl\"\nschedule = [[\"0 s\", \"stop\"], [\"1 s\", \"1 Mb/s\"]]");
    assert_eq!(
        (stopped.rate, stopped.rates.len()),
        (Some(rate(384_000)), 2)
    );
    let reference = config("rate = \"1 Mb/s\"\nreference = \"2 Mb/s\"");
    assert_eq!(reference.reference, Some(rate(2_000_000)));
    let opportunities = config("opportunities = [0, 1, 1, 3]").trace;
    assert_eq!(
        opportunities,
        Some(Opportunities::new(&[0, 1, 1, 3]).unwrap())
    );
    // Opportunities take the place of a rate that changes, and the other way round.
    let replaced =
        "schedule = [[\"0 s\", \"1 Mb/s\"], [\"1 s\", \"2 Mb/s\"]]\nback = { opportunities = [1] }";
    let back = with(&link(replaced)).links.pop().unwrap().back.unwrap();
    assert_eq!(
        (back.rate, back.rates.len(), back.trace.is_some()),
        (None, 0, true)
    );
    let back = with(&link("opportunities = [1]\nback = { rate = \"1 Mb/s\" }"))
        .links
        .pop()
        .unwrap()
        .back
        .unwrap();
    assert_eq!((back.rate, back.trace), (Some(rate(1_000_000)), None));
    let on_off = config("on_off = { on = \"1 s\", off = { mean = \"200 ms\" } }").on_off;
    let expected = OnOff {
        on: Sojourn::Fixed(ms(1_000)),
        off: Sojourn::Exponential(ms(200)),
    };
    assert_eq!(on_off, Some(expected));
}

#[test]
fn what_is_wrong_with_rates_that_change() {
    assert_eq!(
        wrong("rate = \"1 Mb/s\"\nschedule = [[\"0 s\", \"1 Mb/s\"]]"),
        "the rate at 0 s is what `rate` says @ `[[\"0 s\", \"1 Mb/s\"]]`"
    );
    assert_eq!(
        wrong("schedule = [[\"1 s\", \"1 Mb/s\"], [\"1 s\", \"2 Mb/s\"]]"),
        "a schedule goes forward in time @ `[\"1 s\", \"2 Mb/s\"]`"
    );
    assert_eq!(
        wrong("schedule = [\"1 s\"]"),
        "a step of a schedule is a pair: from when on, and the rate @ `\"1 s\"` ? such as [\"40 s\", \"2.5 Mb/s\"]"
    );
    assert_eq!(
        wrong("rate = \"1 Mb/s\"\nopportunities = [1]"),
        "`opportunities` and a rate exclude each other @ `opportunities`"
    );
    assert_eq!(
        wrong("schedule = [[\"1 s\", \"1 Mb/s\"]]\nopportunities = [1]"),
        "`opportunities` and a rate exclude each other @ `opportunities`"
    );
    assert_eq!(
        wrong("opportunities = [0]"),
        "the last line is the trace's period and must be above 0 ms @ `[0]`"
    );
    assert_eq!(
        wrong("opportunities = []"),
        "a trace needs at least one delivery opportunity @ `[]`"
    );
    assert_eq!(
        wrong("on_off = { on = \"1 s\" }"),
        "the key `off` is missing @ `{ on = \"1 s\" }`"
    );
    assert_eq!(
        wrong("on_off = { on = \"0 s\", off = \"1 s\" }"),
        "`on` must not be zero @ `\"0 s\"`"
    );
}

#[test]
fn files_are_read_by_whoever_can() {
    let text = format!(
        "{}[matrix]\ntrace = [\"a\", \"b\"]\n{}\n[[step]]\nat = \"1 s\"\nwho = \"bob\"\ndo = \"x\"\nopportunities = \"unread\"\n",
        super::BASE,
        link("opportunities = \"$trace.trace\"\nloss = { bitmap_file = \"losses\" }")
    );
    let mut asked = Vec::new();
    let mut open = |name: &str| {
        asked.push(name.to_owned());
        match name {
            "a.trace" => Ok("# a comment\n1\n2\n".to_owned()),
            "b.trace" => Ok("5\n".to_owned()),
            "losses" => Ok("01\n".to_owned()),
            _ => Err("there is none".to_owned()),
        }
    };
    let scenario = Scenario::parse_with(&text, "t.toml", &mut open).unwrap();
    asked.sort();
    assert_eq!(asked, ["a.trace", "b.trace", "losses"]);
    let variants = scenario.expand();
    let traces: Vec<_> = variants
        .iter()
        .map(|variant| {
            let config = &variant.scenario.links.last().unwrap().config;
            assert_eq!(config.loss, Loss::Bitmap("01".parse().unwrap()));
            config.trace.as_ref().unwrap().millis().collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(traces, [vec![1, 2], vec![5]]);
    // What is written needs no other file.
    let written = Scenario::parse(&variants[0].scenario.to_toml(), "w.toml").unwrap();
    assert_eq!(written, variants[0].scenario);

    let said = |open: &mut dyn FnMut(&str) -> Result<String, String>| {
        brief(&Scenario::parse_with(&text, "t.toml", open).unwrap_err())
    };
    assert_eq!(
        said(&mut |_| Err("no such file".to_owned())),
        "cannot read `losses`: no such file @ `\"losses\"`"
    );
    assert_eq!(
        said(&mut |name| Ok(if name == "losses" { "1" } else { "3\n2\n" }.to_owned())),
        "`a.trace`: line 2: 2 ms comes after 3 ms; times must not decrease @ `\"$trace.trace\"` ; with trace = a"
    );
    assert_eq!(
        said(&mut |_| Ok("x".to_owned())),
        "`losses`: line 1: 'x' is neither `0` (passes) nor `1` (is lost) @ `\"losses\"`"
    );
    let none = format!("{}{}", super::BASE, link("opportunities = \"none\""));
    let unasked = Scenario::parse_with(&none, "t.toml", &mut |name| panic!("{name} is no file"));
    assert_eq!(unasked.unwrap().links.last().unwrap().config.trace, None);
    assert_eq!(
        wrong("opportunities = \"x.trace\""),
        "cannot read `x.trace`: no other files are read here @ `\"x.trace\"`"
    );
}

#[test]
fn delay_and_jitter() {
    let steps = config("delay = \"10 ms\"\ndelay_schedule = [[\"1 s\", \"80 ms\"]]");
    let step = DelayStep {
        at: Time::from_millis(1_000),
        delay: ms(80),
    };
    assert_eq!((steps.delay, steps.delays), (ms(10), vec![step]));

    let jitter = |value: &str| config(&format!("jitter = {value}")).jitter;
    let model = |model| Jitter {
        model,
        ..Jitter::default()
    };
    assert_eq!(jitter("\"none\""), Jitter::default());
    assert_eq!(jitter("\"0 ms\""), Jitter::default());
    assert_eq!(jitter("\"5 ms\""), Jitter::uniform(ms(5)));
    assert_eq!(
        jitter("{ kind = \"uniform\", max = \"5 ms\" }"),
        Jitter::uniform(ms(5))
    );
    assert_eq!(
        jitter("{ kind = \"uniform\", max = \"0 ms\" }"),
        Jitter::uniform(ms(0))
    );
    assert_eq!(
        jitter("{ kind = \"normal\", std = \"5 ms\" }"),
        Jitter::rfc8868()
    );
    let normal = JitterModel::Normal {
        std: ms(2),
        n_std: 4,
        fold: false,
    };
    assert_eq!(
        jitter("{ kind = \"normal\", std = \"2 ms\", n_std = 4, fold = false }"),
        model(normal)
    );
    let pareto = JitterModel::Pareto {
        scale: ms(1),
        shape_milli: 2_500,
        cap: ms(200),
    };
    assert_eq!(
        jitter("{ kind = \"pareto\", scale = \"1 ms\", shape = 2.5, cap = \"200 ms\" }"),
        model(pareto)
    );
    let table = JitterModel::Table(vec![ms(0), ms(20)].into());
    assert_eq!(
        jitter("{ kind = \"table\", delays = [\"0 s\", \"20 ms\"] }"),
        model(table)
    );
    let all = Jitter {
        model: JitterModel::None,
        reorders: true,
        spacing: Some(rate(1_000_000)),
        spikes: Some(Spikes {
            every: ms(10_000),
            height: ms(300),
        }),
    };
    assert_eq!(
        jitter(
            "{ kind = \"none\", reorders = true, spacing = \"1 Mb/s\", spikes = { every = \"10 s\", height = \"300 ms\" } }"
        ),
        all
    );
}

#[test]
fn what_is_wrong_with_delay_and_jitter() {
    let wrong = |value: &str| wrong(&format!("jitter = {value}"));
    assert_eq!(
        wrong("{ kind = \"gaussian\" }"),
        "there is no kind of jitter `gaussian` @ `\"gaussian\"` ? known here: none, uniform, normal, pareto, table"
    );
    assert_eq!(
        wrong("{ max = \"5 ms\" }"),
        "the key `kind` is missing @ `{ max = \"5 ms\" }`"
    );
    assert_eq!(
        wrong("{ kind = \"normal\", max = \"5 ms\" }")
            .split(" @")
            .next(),
        Some("unknown key `max`")
    );
    let pareto = |shape: &str| {
        wrong(&format!(
            "{{ kind = \"pareto\", scale = \"1 ms\", shape = {shape}, cap = \"2 s\" }}"
        ))
    };
    assert_eq!(
        pareto("\"2.5\""),
        "`shape` must be a number such as 2.5, not a string @ `\"2.5\"`"
    );
    assert_eq!(
        pareto("2.0005"),
        "`shape`: is finer than the simulator resolves @ `2.0005` ? such as \"2.5\""
    );
    assert_eq!(pareto("0"), "`shape` must not be zero @ `0`");
    assert_eq!(
        wrong("{ kind = \"none\", spikes = { every = \"1 s\" } }"),
        "the key `height` is missing @ `{ every = \"1 s\" }`"
    );
    assert_eq!(
        super::complaint(&link("delay_schedule = [[\"1 s\"]]")),
        "a step of a schedule is a pair: from when on, and the delay @ `[\"1 s\"]` ? such as [\"40 s\", \"80 ms\"]"
    );
}

#[test]
fn everything_else_that_happens_to_packets() {
    let all = config(
        r#"
mtu = "1280 B"
drop = [0, 17]
policer = { rate = "0.6 Mb/s", burst = "15 kB" }
reorder = { probability = "1 %", every = 100, extra = "20 ms" }
duplicate = { probability = "1 %", delay = "1 ms" }
corrupt = { probability = "1 %", corruption = "garbage" }
ecn = { mark = "1 %", bleach = "2 %", ect1_to_ect0 = true }
outages = [["1 s", "2 s"], ["3 s", "4 s", "hold"], ["5 s", "6 s", "burst"]]
"#,
    );
    let outage = |from, mode| Outage {
        from: Time::from_millis(from),
        to: Time::from_millis(from + 1_000),
        mode,
    };
    let expected = LinkConfig {
        mtu: Some(1_280),
        drop: [0, 17].into(),
        policer: Some(Policer {
            rate: rate(600_000),
            burst: 15_000,
        }),
        reorder: Reorder {
            probability: percent(1),
            every: 100,
            extra: ms(20),
        },
        duplicate: Duplicate {
            probability: percent(1),
            delay: ms(1),
        },
        corrupt: Corrupt {
            probability: percent(1),
            corruption: Corruption::Garbage,
        },
        ecn: EcnMangle {
            mark: percent(1),
            bleach: percent(2),
            ect1_to_ect0: true,
        },
        outages: vec![
            outage(1_000, OutageMode::Drop),
            outage(3_000, OutageMode::Hold),
            outage(5_000, OutageMode::Burst),
        ],
        ..LinkConfig::default()
    };
    assert_eq!(all, expected);
    let none = config(
        "mtu = \"none\"\npolicer = \"none\"\nreorder = \"none\"\nduplicate = \"none\"\ncorrupt = \"none\"\necn = \"none\"",
    );
    assert_eq!(none, LinkConfig::default());
}

#[test]
fn what_is_wrong_with_everything_else() {
    assert_eq!(wrong("mtu = \"0 B\""), "`mtu` must not be zero @ `\"0 B\"`");
    assert_eq!(
        wrong("policer = { rate = \"1 Mb/s\" }"),
        "the key `burst` is missing @ `{ rate = \"1 Mb/s\" }`"
    );
    assert_eq!(
        wrong("reorder = { every = 3 }"),
        "how much later do they arrive? @ `{ every = 3 }` ? say `extra = \"20 ms\"`"
    );
    assert_eq!(
        wrong("corrupt = { corruption = \"bitflip\" }"),
        "there is no `corruption` `bitflip` @ `\"bitflip\"` ? did you mean `bit-flip`?"
    );
    assert_eq!(
        wrong("duplicate = \"1 %\""),
        "`duplicate` must be a table, not a string @ `\"1 %\"`"
    );
    assert_eq!(
        wrong("ecn = { blech = \"1 %\" }"),
        "unknown key `blech` @ `blech` ? did you mean `bleach`?"
    );
    assert_eq!(
        wrong("outages = [[\"1 s\", \"2 s\", \"hodl\"]]"),
        "there is no `outages` `hodl` @ `\"hodl\"` ? did you mean `hold`?"
    );
}
