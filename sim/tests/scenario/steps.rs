//! `[[step]]`.

use duet_sim::{Scenario, Time};

use super::{brief, complaint, with};

const STEPS: &str = r#"
[[step]]
at = "2 s"
who = "alice"
do = "call"
to = "bob"
media = { video = true }
[[step]]
at = "1 s"
who = ["server", "phone"]
do = "login"
apart = "10 ms"
[[step]]
at = "2 s"
who = "bob"
do = "answer"
"#;

#[test]
fn steps_are_in_the_order_of_time() {
    let scenario = with(STEPS);
    let steps: Vec<_> = scenario
        .steps
        .iter()
        .map(|step| {
            (
                step.at.as_nanos() / 1_000_000,
                scenario.node_name(step.who),
                step.action.as_str(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            (1_000, "server", "login"),
            (1_010, "phone-1", "login"),
            (1_020, "phone-2", "login"),
            (1_030, "phone-3", "login"),
            (2_000, "alice", "call"),
            (2_000, "bob", "answer"),
        ]
    );
    let call = &scenario.steps[4];
    assert_eq!(call.at, Time::from_millis(2_000));
    assert_eq!(call.args["to"].as_str(), Some("bob"));
    assert_eq!(call.args.len(), 2);
    assert!(scenario.steps[0].args.is_empty());
}

#[test]
fn those_who_know_the_actions_point_into_their_step() {
    let scenario = with(STEPS);
    let place = scenario.steps[4].place;
    let error = scenario.error_in(place, &["media", "video"], "no camera", None);
    assert_eq!(brief(&error), "no camera @ `true`");
    let error = scenario.error_in(place, &["to"], "unknown key `to`", Some(&["too"]));
    assert_eq!(
        brief(&error),
        "unknown key `to` @ `to` ? did you mean `too`?"
    );
    let error = scenario.error_in(scenario.steps[1].place, &["do"], "no such action", None);
    assert_eq!(brief(&error), "no such action @ `\"login\"`");
}

/// The place is that of the file, also where tables before it do not apply.
#[test]
fn places_survive_when() {
    let text = format!(
        "{}[matrix]\nx = [1, 2]\n{}",
        super::BASE,
        STEPS.replacen("do = \"call\"", "do = \"call\"\nwhen = { x = 2 }", 1)
    );
    let scenario = Scenario::parse(&text, "when.toml").unwrap();
    let last = scenario.steps.last().unwrap();
    assert_eq!((scenario.steps.len(), last.action.as_str()), (5, "answer"));
    let error = scenario.error_in(last.place, &["do"], "no", None);
    assert_eq!(brief(&error), "no @ `\"answer\"`");
    assert!(
        !scenario.expand()[1].scenario.steps[4]
            .args
            .contains_key("when")
    );
}

#[test]
fn what_is_wrong_with_steps() {
    let step = |keys: &str| complaint(&format!("[[step]]\n{keys}"));
    assert_eq!(
        step("who = \"bob\"\ndo = \"x\""),
        "the key `at` is missing @ `[[step]]`"
    );
    assert_eq!(
        step("at = \"1 s\"\ndo = \"x\""),
        "the key `who` is missing @ `[[step]]`"
    );
    assert_eq!(
        step("at = \"1 s\"\nwho = \"bob\""),
        "the key `do` is missing @ `[[step]]`"
    );
    assert_eq!(
        step("at = \"1 s\"\nwho = \"bbo\"\ndo = \"x\""),
        "there is no node `bbo` @ `\"bbo\"` ? did you mean `bob`?"
    );
    assert_eq!(
        step("at = \"1 s\"\nwho = \"bob\"\ndo = \"x\"\napart = \"1 s\""),
        "`apart` is for steps of more than one node @ `apart`"
    );
}
