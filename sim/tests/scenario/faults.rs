//! `[[fault]]`.

use std::time::Duration;

use duet_sim::{FaultKind, LinkChange, LinkRef, OutageMode, Rate, Time};

use super::{complaint, with};

fn kinds(faults: &str) -> Vec<FaultKind> {
    with(faults)
        .faults
        .into_iter()
        .map(|fault| fault.kind)
        .collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn ids_times_and_places() {
    let scenario = with(
        r#"
[[fault]]
id = "f"
kind = "crash"
at = "12 s"
node = ["server", "phone-2"]
restart_after = "1 s"
[[fault]]
kind = "crash"
at = "13 s"
node = "phone"
"#,
    );
    let faults: Vec<_> = scenario
        .faults
        .iter()
        .map(|fault| (fault.id.as_str(), fault.at, fault.kind.clone()))
        .collect();
    let crash = |node, restart_after| FaultKind::Crash {
        node,
        restart_after,
    };
    let at = Time::from_millis;
    assert_eq!(
        faults,
        [
            ("f-1", at(12_000), crash(2, Some(SECOND))),
            ("f-2", at(12_000), crash(5, Some(SECOND))),
            ("fault-2-1", at(13_000), crash(4, None)),
            ("fault-2-2", at(13_000), crash(5, None)),
            ("fault-2-3", at(13_000), crash(6, None)),
        ]
    );
    let error = scenario.error_in(scenario.faults[3].place, &["node"], "cannot crash", None);
    assert_eq!(super::brief(&error), "cannot crash @ `\"phone\"`");
}

#[test]
fn partitions() {
    let kinds = kinds(
        r#"
[[fault]]
kind = "partition"
at = "1 s"
for = "1 s"
between = ["alice", ["server", "phone"]]
[[fault]]
kind = "partition"
at = "1 s"
from = "alice"
to = "bob"
"#,
    );
    let both = FaultKind::Partition {
        from: vec![0],
        to: vec![2, 4, 5, 6],
        both: true,
        lasts: Some(SECOND),
    };
    let one_way = FaultKind::Partition {
        from: vec![0],
        to: vec![1],
        both: false,
        lasts: None,
    };
    assert_eq!(kinds, [both, one_way]);
}

#[test]
fn faults_of_links() {
    let kinds = kinds(
        r#"
[[fault]]
kind = "outage"
at = "1 s"
for = "1 s"
link = "uplink"
mode = "hold"
[[fault]]
kind = "link"
at = "1 s"
link = "home<>server"
set = { rate = "1 Mb/s", delay = "3 ms" }
[[fault]]
kind = "drop"
link = "server>phone"
packets = [3, 17]
"#,
    );
    let link = |from, to, both| LinkRef { from, to, both };
    let drop = |to| FaultKind::Drop {
        link: link(2, to, false),
        packets: vec![3, 17],
    };
    // A rate takes the place of opportunities, if there are any.
    let set = LinkChange {
        rate: Some(Rate::new(1_000_000)),
        trace: Some(None),
        delay: Some(Duration::from_millis(3)),
        ..LinkChange::default()
    };
    let expected = [
        FaultKind::Outage {
            link: link(0, 3, true),
            lasts: Some(SECOND),
            mode: OutageMode::Hold,
        },
        FaultKind::Link {
            link: link(3, 2, true),
            set,
            lasts: None,
        },
        drop(4),
        drop(5),
        drop(6),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn faults_of_nodes() {
    let kinds = kinds(
        r#"
[[fault]]
kind = "handover"
at = "30 s"
node = "alice"
outage = "400 ms"
mode = "burst"
new_address = true
set = { delay = "80 ms" }
[[fault]]
kind = "handover"
at = "30 s"
node = "bob"
outage = "0 ms"
[[fault]]
kind = "nat-flush"
at = "1 s"
node = "home"
[[fault]]
kind = "nat-renumber"
at = "1 s"
node = "home"
"#,
    );
    let expected = [
        FaultKind::Handover {
            node: 0,
            outage: Duration::from_millis(400),
            mode: OutageMode::Burst,
            new_address: true,
            set: LinkChange {
                delay: Some(Duration::from_millis(80)),
                ..LinkChange::default()
            },
        },
        FaultKind::Handover {
            node: 1,
            outage: Duration::ZERO,
            mode: OutageMode::Drop,
            new_address: false,
            set: LinkChange::default(),
        },
        FaultKind::NatFlush { node: 3 },
        FaultKind::NatRenumber { node: 3 },
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn what_is_wrong_with_faults() {
    let bad = [
        (
            "kind = \"partiton\"",
            "there is no kind of fault `partiton` @ `\"partiton\"` ? did you mean `partition`?",
        ),
        ("at = \"1 s\"", "the key `kind` is missing @ `[[fault]]`"),
        (
            "kind = \"crash\"\nnode = \"alice\"",
            "the key `at` is missing @ `[[fault]]`",
        ),
        (
            "kind = \"crash\"\nat = \"1 s\"\nnode = \"alcie\"",
            "there is no node `alcie` @ `\"alcie\"` ? did you mean `alice`?",
        ),
        (
            "kind = \"crash\"\nat = \"1 s\"\nnode = []",
            "`node` needs a node @ `[]`",
        ),
        (
            "kind = \"crash\"\nat = \"1 s\"\nnode = [\"alice\", \"alice\"]",
            "`alice` is named twice @ `\"alice\"`",
        ),
        (
            "kind = \"crash\"\nat = \"1 s\"\nnode = \"alice\"\nlink = \"uplink\"",
            "unknown key `link` @ `link` ? did you mean `kind`?",
        ),
        (
            "kind = \"crash\"\nat = \"1 s\"\nnode = \"alice\"\nrestart_after = \"0 s\"",
            "`restart_after` must not be zero @ `\"0 s\"`",
        ),
        (
            "kind = \"partition\"\nat = \"1 s\"",
            "a partition needs `between`, or `from` and `to` for one direction @ `[[fault]]`",
        ),
        (
            "kind = \"partition\"\nat = \"1 s\"\nbetween = [\"alice\"]",
            "a partition is between two sides @ `[\"alice\"]` ? such as [\"alice\", \"server\"]",
        ),
        (
            "kind = \"partition\"\nat = \"1 s\"\nbetween = [\"alice\", \"bob\"]\nto = \"bob\"",
            "`to` and `between` exclude each other @ `to`",
        ),
        (
            "kind = \"partition\"\nat = \"1 s\"\nbetween = [\"phone\", \"phone-3\"]",
            "`phone-3` is on both sides @ `\"phone-3\"`",
        ),
        (
            "kind = \"outage\"\nat = \"1 s\"\nfor = \"0 s\"\nlink = \"uplink\"",
            "`for` must not be zero @ `\"0 s\"`",
        ),
        (
            "kind = \"outage\"\nat = \"1 s\"\nlink = \"upling\"",
            "there is no link `upling` @ `\"upling\"` ? did you mean `uplink`?",
        ),
        (
            "kind = \"outage\"\nat = \"1 s\"\nlink = \"alice>bob\"",
            "there is no link from `alice` to `bob` @ `\"alice>bob\"`",
        ),
        (
            "kind = \"outage\"\nat = \"1 s\"\nlink = \"bob<>server\"",
            "there is no link from `server` to `bob` @ `\"bob<>server\"`",
        ),
        (
            "kind = \"outage\"\nat = \"1 s\"\nlink = \"bob>sever\"",
            "there is no node `sever` @ `\"bob>sever\"` ? did you mean `server`?",
        ),
        (
            "kind = \"link\"\nat = \"1 s\"\nlink = \"uplink\"\nset = {}",
            "`set` changes nothing @ `{}`",
        ),
        (
            "kind = \"link\"\nat = \"1 s\"\nlink = \"uplink\"\nset = { rat = \"1 Mb/s\" }",
            "unknown key `rat` @ `rat` ? did you mean `rate`?",
        ),
        (
            "kind = \"drop\"\nlink = \"uplink\"\npackets = [3, 3]",
            "packets are named in ascending order, each once @ `3`",
        ),
        (
            "kind = \"drop\"\nlink = \"uplink\"\npackets = [-3]",
            "`packets` must not be negative @ `-3`",
        ),
        (
            "kind = \"drop\"\nlink = \"uplink\"\nat = \"1 s\"\npackets = []",
            "unknown key `at` @ `at` ? known here: id, kind, link, packets",
        ),
        (
            "kind = \"nat-flush\"\nat = \"1 s\"\nnode = \"alice\"",
            "`alice` is a client, and only a nat has mappings @ `\"alice\"`",
        ),
        (
            "kind = \"nat-flush\"\nat = \"1 s\"\nnode = \"phone\"",
            "`phone` is 3 nodes @ `\"phone\"` ? name one of them, such as `phone-1`",
        ),
        (
            "kind = \"crash\"\nat = \"1 s\"\nnode = \"bob\"\nid = \"x\"\n[[fault]]\nkind = \"crash\"\nat = \"1 s\"\nnode = \"bob\"\nid = \"x\"",
            "there is a fault `x` already @ `\"x\"`",
        ),
    ];
    for (fault, expected) in bad {
        assert_eq!(
            complaint(&format!("[[fault]]\n{fault}")),
            expected,
            "{fault}"
        );
    }
}
