//! What a link can carry over time: by its schedule, and by what faults make of it.

use duet_sim::{Capacity, Scenario};

/// The steps of the direction from `s` to `r`: seconds, bits per second, whether it is out.
fn steps(link: &str, faults: &str) -> Vec<(f64, Option<u64>, bool)> {
    let text = format!(
        r#"
name = "two"
duration = "60 s"
[[node]]
name = "s"
role = "host"
[[node]]
name = "r"
role = "host"
[[link]]
name = "l"
from = "s"
to = "r"
{link}
{faults}"#
    );
    let scenario = Scenario::parse(&text, "two.toml").unwrap_or_else(|error| panic!("{error}"));
    let steps = scenario.capacity(0, 1).into_iter().map(|step| {
        let rate = step.capacity.bits_per_second();
        (step.at.as_nanos() as f64 / 1e9, rate, step.is_out)
    });
    steps.collect()
}

const M: Option<u64> = Some(1_000_000);

#[test]
fn a_link_without_a_rate_has_no_limit() {
    assert_eq!(steps("", ""), [(0.0, None, false)]);
}

#[test]
fn schedules_may_stop() {
    let link = "schedule = [[\"0 s\", \"1 Mb/s\"], [\"20 s\", \"stop\"], [\"30 s\", \"1 Mb/s\"]]";
    let expected = [(0.0, M, false), (20.0, Some(0), false), (30.0, M, false)];
    assert_eq!(steps(link, ""), expected);
}

#[test]
fn outages_of_links_and_faults_carry_nothing() {
    let link = "rate = \"1 Mb/s\"\noutages = [[\"10 s\", \"30 s\"]]";
    let fault = "[[fault]]\nkind = \"outage\"\nat = \"20 s\"\nfor = \"20 s\"\nlink = \"l\"\nmode = \"hold\"\n";
    let expected = [
        (0.0, M, false),
        (10.0, Some(0), true),
        (20.0, Some(0), true),
        (30.0, Some(0), true),
        (40.0, M, false),
    ];
    assert_eq!(steps(link, fault), expected);
}

/// What leaves it is kept back, and is not less.
#[test]
fn a_burst_outage_takes_no_capacity() {
    let link = "rate = \"1 Mb/s\"\noutages = [[\"10 s\", \"30 s\", \"burst\"]]";
    let expected = [(0.0, M, false), (10.0, M, true), (30.0, M, false)];
    assert_eq!(steps(link, ""), expected);
}

/// A rate that a fault sets holds until the schedule has another, or the fault is over.
#[test]
fn faults_set_the_rate_and_undo_it() {
    let fault = |lasts: &str| {
        format!(
            "[[fault]]\nkind = \"link\"\nat = \"10 s\"\n{lasts}link = \"l\"\nset = {{ rate = \"4 Mb/s\" }}\n"
        )
    };
    let four = Some(4_000_000);
    assert_eq!(
        steps("rate = \"1 Mb/s\"", &fault("")),
        [(0.0, M, false), (10.0, four, false)]
    );
    assert_eq!(
        steps("rate = \"1 Mb/s\"", &fault("for = \"5 s\"\n")),
        [(0.0, M, false), (10.0, four, false), (15.0, M, false)]
    );
    let scheduled =
        "schedule = [[\"0 s\", \"2 Mb/s\"], [\"5 s\", \"3 Mb/s\"], [\"20 s\", \"1 Mb/s\"]]";
    assert_eq!(
        steps(scheduled, &fault("")),
        [
            (0.0, Some(2_000_000), false),
            (5.0, Some(3_000_000), false),
            (10.0, four, false),
            (20.0, M, false),
        ]
    );
}

#[test]
fn a_handover_takes_the_link_down_and_makes_it_another() {
    let fault = "[[fault]]\nkind = \"handover\"\nat = \"10 s\"\nnode = \"s\"\noutage = \"400 ms\"\nset = { rate = \"1 Mb/s\" }\n";
    let expected = [
        (0.0, Some(8_000_000), false),
        (10.0, Some(0), true),
        (10.4, M, false),
    ];
    assert_eq!(steps("rate = \"8 Mb/s\"", fault), expected);
}

#[test]
fn on_and_off_in_turn_is_known_where_it_is_not_drawn() {
    let fixed = "rate = \"1 Mb/s\"\non_off = { on = \"20 s\", off = \"5 s\" }";
    let expected = [
        (0.0, M, false),
        (20.0, Some(0), false),
        (25.0, M, false),
        (45.0, Some(0), false),
        (50.0, M, false),
    ];
    assert_eq!(steps(fixed, ""), expected);
    let drawn = "rate = \"1 Mb/s\"\non_off = { on = \"20 s\", off = { mean = \"5 s\" } }";
    assert_eq!(steps(drawn, ""), [(0.0, None, false)]);
}

#[test]
fn a_direction_that_there_is_not_has_no_capacity() {
    let text = "name = \"x\"\nduration = \"1 s\"\n[[node]]\nname = \"a\"\nrole = \"host\"\n";
    let scenario = Scenario::parse(text, "x.toml").unwrap_or_else(|error| panic!("{error}"));
    assert!(scenario.capacity(0, 1).is_empty());
    assert_eq!(Capacity::Unlimited.bits_per_second(), None);
}

/// More turns than are told one by one are not told as if the first went on.
#[test]
fn what_turns_too_often_is_unknown() {
    let link = |span: &str| {
        let on_off = format!("on_off = {{ on = \"{span}\", off = \"{span}\" }}");
        steps(&format!("rate = \"1 Mb/s\"\n{on_off}"), "")
    };
    assert_eq!(link("100 us"), [(0.0, None, false)]);
    let slow = link("20 s");
    assert_eq!(slow[..2], [(0.0, M, false), (20.0, Some(0), false)]);
}
