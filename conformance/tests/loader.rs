//! Cases that cannot be: every error names the file, the line and what would be right.

use duet_conformance::Suite;

const GOOD: &str = r#"id = "good"
title = "A PING is answered"
requirements = ["SES-014"]
checks = { pong = "SES-014" }
actors = ["alice", "bob"]
steps = [
  { as = "alice", send = "PING", fields = { token = 1 } },
  { as = "alice", expect = "PONG", fields = { token = 1 }, check = "pong" },
]
"#;

const NEGATIVE: &str = r#"id = "bad"
title = "A PING too long is refused"
requirements = ["WIRE-004"]
checks = { closed = "WIRE-004" }
twin = "good"
actors = ["alice", "bob"]
steps = [
  { as = "alice", send = "PING", tail = "00" },
  { as = "alice", expect_close = "malformed", check = "closed" },
  { probe = "bob" },
]
"#;

fn load(files: &[(&str, &str)]) -> Result<Suite, Vec<String>> {
    let files: Vec<(String, &str)> = files
        .iter()
        .map(|(name, text)| (format!("cases/{name}.toml"), *text))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (n.as_str(), *t)).collect();
    Suite::read(files.iter().copied())
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// The error of a good case in which one thing was replaced.
fn error(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let errors = load(&[("good", &GOOD.replace(from, to))]).expect_err("an error");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].clone()
}

#[test]
fn good_cases_load() {
    let suite = load(&[("good", GOOD), ("bad", NEGATIVE)]).expect("two good cases");
    assert_eq!(suite.cases().len(), 2);
    assert!(
        suite
            .find("bad")
            .is_some_and(duet_conformance::Case::is_negative)
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (from, to, place, says) in [
        (
            "fields = { token = 1 } }",
            "feilds = { token = 1 } }",
            7,
            "unknown key `feilds`",
        ),
        (
            "actors =",
            "actress = 1\nactors =",
            5,
            "unknown key `actress`",
        ),
        (
            "send = \"PING\"",
            "send = \"PONK\"",
            7,
            "unknown message `PONK`",
        ),
        (
            "expect = \"PONG\", fields = { token = 1 }",
            "expect = \"HELLO\"",
            8,
            "HELLO is never sent by a server",
        ),
        (
            "fields = { token = 1 }, check",
            "fields = { tokens = 1 }, check",
            8,
            "unknown field `tokens`",
        ),
        (
            "[\"SES-014\"]",
            "[\"SES-14\"]",
            3,
            "`SES-14` is no requirement id",
        ),
        (
            "pong = \"SES-014\"",
            "pong = \"ses-014\"",
            4,
            "`ses-014` is no requirement id",
        ),
        (
            "check = \"pong\"",
            "check = \"ping\"",
            8,
            "check `ping` is not declared",
        ),
        (", check = \"pong\"", "", 1, "no step emits check `pong`"),
        (
            "{ as = \"alice\", send",
            "{ as = \"carol\", send",
            7,
            "unknown actor `carol`",
        ),
        (
            "id = \"good\"",
            "id = \"other\"",
            1,
            "the id must be the file's name",
        ),
        (
            "token = 1 } }",
            "token = \"seven\" } }",
            7,
            "does not fit this field",
        ),
        ("checks = {", "checks = ", 4, "not TOML"),
        (
            "send = \"PING\", ",
            "use = \"nothing\", ",
            7,
            "unknown fragment `nothing`",
        ),
        (
            "as = \"alice\", send = \"PING\", fields = { token = 1 }",
            "wait = \"soon\"",
            7,
            "no span of time",
        ),
        (
            "as = \"alice\", send = \"PING\", ",
            "as = \"alice\", send = \"PING\", expect = \"PONG\", ",
            7,
            "exactly one of",
        ),
    ] {
        let error = error(from, to);
        let at = format!("cases/good.toml:{place}: ");
        assert!(
            error.starts_with(&at) && error.contains(says),
            "{to}: {error}"
        );
        assert!(!error.contains('\n'), "one line: {error}");
    }
}

#[test]
fn a_negative_case_needs_its_twin() {
    let errors = load(&[("bad", NEGATIVE)]).expect_err("no twin");
    assert_eq!(
        errors,
        ["cases/bad.toml:5: twin `good` is no case of this suite"]
    );
    let other = NEGATIVE
        .replace("\"bad\"", "\"worse\"")
        .replace("\"good\"", "\"bad\"");
    let errors = load(&[("good", GOOD), ("bad", NEGATIVE), ("worse", &other)]);
    assert_eq!(
        errors.expect_err("a twin that is negative"),
        ["cases/worse.toml:5: twin `bad` is a negative case"]
    );
}

#[test]
fn a_negative_case_asserts_a_code_and_ends_with_a_probe_of_another_actor() {
    let broken = [
        ("  { probe = \"bob\" },\n", "", "ends with a probe"),
        ("probe = \"bob\"", "probe = \"alice\"", "of another actor"),
        (
            "expect_close = \"malformed\"",
            "expect = \"PONG\"",
            "asserts a code",
        ),
    ];
    for (from, to, says) in broken {
        let errors = load(&[("good", GOOD), ("bad", &NEGATIVE.replace(from, to))]);
        let errors = errors.expect_err(says);
        assert!(errors[0].contains(says), "{errors:?}");
    }
}

#[test]
fn every_file_is_looked_at_before_anything_is_said() {
    let other = GOOD.replace("\"good\"", "\"more\"").replace("PING", "PONK");
    let errors = load(&[("good", &GOOD.replace("PING", "PONK")), ("more", &other)]);
    assert_eq!(errors.expect_err("both").len(), 2);
}
