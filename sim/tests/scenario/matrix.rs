//! `[matrix]`, `$name`, `when`, seeds.

use duet_sim::{Scenario, Seeds};

use super::{brief, complaint};

const TWO: &str = r#"
name = "two-$owd"
description = "$$owd is $owd, and costs $5; $mechanism"
seed = "3..4"
duration = "20 s"

[matrix]
owd = ["50 ms", "100 ms"]
mechanism = ["link", "udp"]
rates = ["2 Mb/s"]

[[node]]
name = "a"
role = "host"
[[node]]
name = "b"
role = "host"

[[link]]
from = "a"
to = "b"
rate = "$rates"
delay = "$owd"

[[fault]]
kind = "outage"
at = "1 s"
link = "a>b"
when = { mechanism = "udp", owd = ["100 ms"] }
"#;

#[test]
fn every_combination_with_every_seed() {
    let scenario = Scenario::parse(TWO, "two.toml").unwrap();
    assert_eq!(
        (scenario.seed, scenario.seeds().to_string()),
        (3, "3..4".into())
    );
    let variants = scenario.expand();
    let seen: Vec<_> = variants
        .iter()
        .map(|variant| {
            let values: Vec<_> = variant
                .parameters
                .iter()
                .map(|(_, value)| value.as_str())
                .collect();
            let scenario = &variant.scenario;
            let delay = scenario.links[0].config.delay.as_millis();
            (
                values[0],
                values[1],
                scenario.seed,
                delay,
                scenario.faults.len(),
            )
        })
        .collect();
    let expected = [
        ("50 ms", "link", 3, 50, 0),
        ("50 ms", "link", 4, 50, 0),
        ("50 ms", "udp", 3, 50, 0),
        ("50 ms", "udp", 4, 50, 0),
        ("100 ms", "link", 3, 100, 0),
        ("100 ms", "link", 4, 100, 0),
        ("100 ms", "udp", 3, 100, 1),
        ("100 ms", "udp", 4, 100, 1),
    ];
    assert_eq!(seen, expected);
    assert_eq!(variants[7].scenario.name, "two-100 ms");
    assert_eq!(
        variants[7].scenario.description,
        "$owd is 100 ms, and costs $5; udp"
    );
    let names: Vec<_> = variants[0]
        .parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["owd", "mechanism", "rates"]);
}

#[test]
fn a_scenario_without_a_matrix_and_a_variant_give_themselves() {
    let scenario = Scenario::parse(TWO, "two.toml").unwrap();
    let mut last = scenario.expand().pop().unwrap().scenario;
    last.name = "changed".into();
    let again = last.expand();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].scenario, last);
    assert_eq!(again[0].parameters[1], ("mechanism".into(), "udp".into()));
    let seeds: Vec<u64> = last
        .expand_over(&"7..9".parse().unwrap())
        .iter()
        .map(|v| v.scenario.seed)
        .collect();
    assert_eq!(seeds, [7, 8, 9]);
}

#[test]
fn one_of_several_values_is_enough() {
    let text = TWO.replace(
        "mechanism = \"udp\", owd = [\"100 ms\"]",
        "owd = [\"50 ms\", \"100 ms\"]",
    );
    let variants = Scenario::parse(&text, "two.toml").unwrap().expand();
    assert!(
        variants
            .iter()
            .all(|variant| variant.scenario.faults.len() == 1)
    );
}

/// A file whose matrix has one parameter, `x`, which is the count of nodes, or goes into the description.
fn values(of: &str, used: &str) -> Result<Vec<Scenario>, String> {
    let text = format!(
        "name = \"n\"\nduration = \"1 s\"\n{used}\n[[node]]\nname = \"a\"\nrole = \"host\"\ncount = 2\n[matrix]\nx = {of}\n"
    );
    let scenario = Scenario::parse(&text, "x.toml").map_err(|error| brief(&error))?;
    Ok(scenario
        .expand()
        .into_iter()
        .map(|variant| variant.scenario)
        .collect())
}

fn described(of: &str) -> Result<Vec<String>, String> {
    let scenarios = values(of, "description = \"$x\"")?;
    Ok(scenarios
        .into_iter()
        .map(|scenario| scenario.description)
        .collect())
}

#[test]
fn ranges_are_exact() {
    assert_eq!(
        described("\"0 %..20 % step 5 %\"").unwrap(),
        ["0 %", "5 %", "10 %", "15 %", "20 %"]
    );
    assert_eq!(
        described("\"0..0.3 Mb/s step 0.1\"").unwrap(),
        ["0 Mb/s", "0.1 Mb/s", "0.2 Mb/s", "0.3 Mb/s"]
    );
    assert_eq!(
        described("\"5 ms..12 ms step 3 ms\"").unwrap(),
        ["5 ms", "8 ms", "11 ms"]
    );
    assert_eq!(described("\"7 s..7 s\"").unwrap(), ["7 s"]);
    assert_eq!(described("\"1 s..3 s\"").unwrap(), ["1 s", "2 s", "3 s"]);
}

#[test]
fn a_whole_string_becomes_the_value_with_its_type() {
    let text = r#"
name = "n"
duration = "1 s"
[matrix]
n = "1..3"
lossy = [{ enter = "1 %", leave = "50 %", good = "0 %", bad = "100 %" }]
one_way = [true]
[[node]]
name = "a"
role = "host"
count = "$n"
[[node]]
name = "b"
role = "host"
[[link]]
from = "a"
to = "b"
loss = "$lossy"
to_only = "$one_way"
"#;
    let variants = Scenario::parse(text, "n.toml").unwrap().expand();
    let counts: Vec<_> = variants
        .iter()
        .map(|v| (v.scenario.nodes.len(), v.scenario.links.len()))
        .collect();
    assert_eq!(counts, [(2, 1), (3, 2), (4, 3)]);
    assert_eq!(variants[0].parameters[2], ("one_way".into(), "true".into()));

    let text = text.replace("0 %\", bad", "0 %\", bda");
    let error = Scenario::parse(&text, "n.toml").unwrap_err();
    assert_eq!((error.line, error.column), (6, 57), "{error}");
    assert_eq!(
        brief(&error),
        "unknown key `bda` @ `bda` ? did you mean `bad`?"
    );
}

#[test]
fn a_fault_of_a_later_combination_says_which() {
    let text = TWO
        .replace("\"100 ms\"]\nmech", "\"100 mss\"]\nmech")
        .replace("owd = [\"100 ms\"]", "owd = \"50 ms\"");
    let error = Scenario::parse(&text, "two.toml").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"error: `delay`: unknown unit "mss": use ns, us, µs, ms, s, min, h
  --> two.toml:23:9
   |
23 | delay = "$owd"
   |         ^^^^^^ such as "15 ms"
   = note: with owd = 100 mss, mechanism = link, rates = 2 Mb/s"#
    );
}

#[test]
fn a_fault_that_has_to_do_with_no_parameter_has_no_note() {
    let text = TWO.replace("to = \"b\"", "to = \"c\"");
    let error = Scenario::parse(&text, "two.toml").unwrap_err();
    assert_eq!(
        brief(&error),
        "there is no node `c` @ `\"c\"` ? did you mean `a`?"
    );
}

#[test]
fn what_is_wrong_with_a_matrix() {
    let bad = [
        ("3", "`x` must be an array, not a number @ `3`"),
        ("[]", "`x` needs a value @ `[]`"),
        ("[1, 1]", "`x` has this value already @ `1`"),
        (
            "\"1\"",
            "`x`: must be an array of values, or a range @ `\"1\"` ? such as [\"50 ms\", \"100 ms\"] or \"0 %..20 % step 5 %\"",
        ),
        (
            "\"1 s..2 ms\"",
            "`x`: a range has one unit, not both `s` and `ms` @ `\"1 s..2 ms\"` ? such as [\"50 ms\", \"100 ms\"] or \"0 %..20 % step 5 %\"",
        ),
        (
            "\"2..1\"",
            "`x`: a range must not end before it begins @ `\"2..1\"` ? such as [\"50 ms\", \"100 ms\"] or \"0 %..20 % step 5 %\"",
        ),
        (
            "\"1..2 step 0\"",
            "`x`: the step must not be zero @ `\"1..2 step 0\"` ? such as [\"50 ms\", \"100 ms\"] or \"0 %..20 % step 5 %\"",
        ),
        (
            "\"1..9999\"",
            "`x`: more than 1024 values @ `\"1..9999\"` ? such as [\"50 ms\", \"100 ms\"] or \"0 %..20 % step 5 %\"",
        ),
        (
            "\"1..x\"",
            "`x`: \"x\" does not begin with a number @ `\"1..x\"` ? such as [\"50 ms\", \"100 ms\"] or \"0 %..20 % step 5 %\"",
        ),
    ];
    for (of, expected) in bad {
        assert_eq!(described(of).unwrap_err(), expected, "{of}");
    }
    let use_of = |used| values("[[1], [2]]", used).unwrap_err();
    assert_eq!(
        use_of("description = \"is $x\""),
        "`$x` is an array or a table, which fits no text @ `$x` ; with x = [1]"
    );
    assert_eq!(
        use_of("description = \"is $y\""),
        "there is no parameter `y` in `[matrix]` @ `$y` ? did you mean `x`? ; with x = [1]"
    );
    assert_eq!(
        complaint("[script]\nwho = \"$who\""),
        "there is no parameter `who` in `[matrix]` @ `$who` ? write `$$` for a dollar sign"
    );
    assert_eq!(
        complaint("[matrix]\n\"a-b\" = [1]"),
        "a parameter's name is made of letters, digits and `_` @ `\"a-b\"`"
    );
    assert_eq!(
        complaint("[matrix]\na = \"1..100\"\nb = \"1..100\""),
        "more than 4096 combinations @ `\"1..100\"`"
    );
}

#[test]
fn what_is_wrong_with_when() {
    let when = |when| TWO.replace("{ mechanism = \"udp\", owd = [\"100 ms\"] }", when);
    let said = |text: &str| brief(&Scenario::parse(text, "two.toml").unwrap_err());
    assert_eq!(
        said(&when("{ mechanims = \"udp\" }")),
        "there is no parameter `mechanims` in `[matrix]` @ `mechanims` ? did you mean `mechanism`?"
    );
    assert_eq!(
        said(&when("{ mechanism = \"tcp\" }")),
        "`mechanism` is never `tcp` @ `\"tcp\"` ? known here: link, udp"
    );
    assert_eq!(
        said(&when("3")),
        "`when` must be a table, not a number @ `3`"
    );
    assert!(
        said(&TWO.replace("rate =", "back = { when = {} }\nrate ="))
            .starts_with("unknown key `when` @ `when`"),
    );
}

#[test]
fn seeds() {
    let text = |seed: &str| {
        format!(
            "seed = {seed}\nname = \"n\"\nduration = \"1 s\"\n[[node]]\nname = \"a\"\nrole = \"host\"\n"
        )
    };
    let said = |seed| brief(&Scenario::parse(&text(seed), "s.toml").unwrap_err());
    let numbers = "seeds are whole numbers: one, or the first and the last, such as `1..200`";
    assert_eq!(said("\"1..x\""), format!("{numbers} @ `\"1..x\"`"));
    assert_eq!(said("\"\""), format!("{numbers} @ `\"\"`"));
    assert_eq!(
        said("\"2..1\""),
        "the last seed is before the first @ `\"2..1\"`"
    );
    assert_eq!(
        said("\"0..100000\""),
        "more than 100000 seeds @ `\"0..100000\"`"
    );
    let last = Scenario::parse(&text("18446744073709551615"), "s.toml").unwrap();
    assert_eq!(last.seed, u64::MAX);
    assert_eq!(last.seeds(), &Seeds::one(u64::MAX));
    assert_eq!(
        "1..3".parse::<Seeds>().unwrap().iter().collect::<Vec<_>>(),
        [1, 2, 3]
    );
}
