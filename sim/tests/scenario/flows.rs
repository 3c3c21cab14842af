//! `[[flow]]`.

use duet_sim::{FlowKind, Time};

use super::{complaint, with};

#[test]
fn a_flow_with_all_its_keys() {
    let scenario = with(
        r#"
[[flow]]
name = "audio"
kind = "media"
from = "alice"
to = "bob"
start = "1 s"
stop = "99 s"
controller = "gcc"
priority = 2
[[flow]]
kind = "cbr"
from = "phone"
to = "server"
"#,
    );
    let audio = &scenario.flows[0];
    assert_eq!(
        (audio.name.as_str(), audio.kind, audio.from, audio.to),
        ("audio", FlowKind::Media, 0, 1)
    );
    assert_eq!(
        (audio.start, audio.stop),
        (Time::from_millis(1_000), Some(Time::from_millis(99_000)))
    );
    assert_eq!(audio.settings["controller"].as_str(), Some("gcc"));
    assert_eq!(audio.settings.len(), 2);
    let rest: Vec<_> = scenario.flows[1..]
        .iter()
        .map(|flow| (flow.name.as_str(), flow.from))
        .collect();
    assert_eq!(rest, [("cbr-2-1", 4), ("cbr-2-2", 5), ("cbr-2-3", 6)]);
    assert_eq!(
        (scenario.flows[1].start, scenario.flows[1].stop),
        (Time::ZERO, None)
    );
    let error = scenario.error_in(audio.place, &["priority"], "no such priority", None);
    assert_eq!(super::brief(&error), "no such priority @ `2`");
}

#[test]
fn every_kind_is_read() {
    for kind in FlowKind::ALL {
        let scenario = with(&format!(
            "[[flow]]\nkind = \"{kind}\"\nfrom = \"alice\"\nto = \"bob\""
        ));
        assert_eq!(scenario.flows[0].kind, kind);
        assert_eq!(scenario.flows[0].name, format!("{kind}-1"));
    }
}

#[test]
fn what_is_wrong_with_flows() {
    let flow = |keys: &str| complaint(&format!("[[flow]]\n{keys}"));
    assert_eq!(
        flow("kind = \"tpc\"\nfrom = \"alice\"\nto = \"bob\""),
        "there is no kind of flow `tpc` @ `\"tpc\"` ? did you mean `tcp`?"
    );
    assert_eq!(
        flow("from = \"alice\"\nto = \"bob\""),
        "the key `kind` is missing @ `[[flow]]`"
    );
    assert_eq!(
        flow("kind = \"tcp\"\nfrom = \"alice\"\nto = \"home\""),
        "a flow begins and ends at the edge, and `home` is a nat @ `\"home\"`"
    );
    assert_eq!(
        flow("kind = \"tcp\"\nfrom = \"alice\"\nto = \"alice\""),
        "a flow must not lead from a node to itself @ `\"alice\"`"
    );
    assert_eq!(
        flow("kind = \"tcp\"\nfrom = \"alice\"\nto = \"bob\"\nstart = \"5 s\"\nstop = \"5 s\""),
        "a flow must stop after it starts @ `\"5 s\"`"
    );
    assert_eq!(
        flow("kind = \"tcp\"\nfrom = \"alice\"\nto = \"bob\"\nname = \"bob\""),
        "there is a node `bob` already @ `\"bob\"`"
    );
    let twice = "kind = \"tcp\"\nfrom = \"alice\"\nto = \"bob\"\nname = \"x\"\n";
    assert_eq!(
        flow(&format!("{twice}[[flow]]\n{twice}")),
        "there is a flow `x` already @ `\"x\"`"
    );
}
