//! `[[node]]` and `[[link]]`: roles, numbered nodes, directions that differ, names.

use std::time::Duration;

use duet_sim::{LinkRef, QueueConfig, Rate, Role, Scenario};

use super::{complaint, with};

#[test]
fn numbered_nodes_each_have_their_link() {
    let scenario = with("");
    let phones: Vec<_> = (1..=3)
        .map(|n| scenario.node(&format!("phone-{n}")).unwrap())
        .collect();
    assert_eq!(phones, [4, 5, 6]);
    assert!(
        phones
            .iter()
            .all(|phone| scenario.nodes[*phone].role == Role::Host)
    );
    assert_eq!(scenario.node("phone"), None);
    let access: Vec<_> = scenario
        .links
        .iter()
        .filter_map(|link| Some((link.name.as_deref()?, link.from, link.to)))
        .collect();
    assert_eq!(
        access,
        [
            ("uplink", 0, 3),
            ("access-1", 4, 2),
            ("access-2", 5, 2),
            ("access-3", 6, 2)
        ]
    );
}

#[test]
fn every_role_is_read_and_told_from_others() {
    for role in Role::ALL {
        let link = "[[link]]\nfrom = \"x\"\nto = \"server\"";
        let scenario = with(&format!(
            "{link}\n[[node]]\nname = \"x\"\nrole = \"{role}\""
        ));
        assert_eq!(scenario.nodes.last().unwrap().role, role);
    }
    let edges: Vec<_> = Role::ALL.iter().filter(|role| role.is_edge()).collect();
    assert_eq!(
        edges,
        [&Role::Client, &Role::Server, &Role::Service, &Role::Host]
    );
}

#[test]
fn the_way_back_differs_where_it_says_so() {
    let scenario = with(
        r#"
[[link]]
from = "alice"
to = "bob"
rate = "1 Mb/s"
queue = "10 kB"
delay = "20 ms"
loss = "1 %"
back = { rate = "16 Mb/s", loss = "none" }
[[link]]
from = "alice"
to = "server"
rate = "1 Mb/s"
back = { rate = "none" }
"#,
    );
    let link = &scenario.links[scenario.links.len() - 2];
    let back = link.back.as_ref().unwrap();
    assert_eq!(link.config.rate, Rate::new(1_000_000));
    assert_eq!(back.rate, Rate::new(16_000_000));
    assert_eq!(
        (&back.queue, back.delay),
        (&QueueConfig::bytes(10_000), Duration::from_millis(20))
    );
    assert_eq!(back.loss, duet_sim::Loss::None);
    assert_eq!(
        scenario.links.last().unwrap().back.as_ref().unwrap().rate,
        None
    );
}

#[test]
fn links_have_names() {
    let scenario = with("");
    let name = |from, to, both| scenario.link_name(LinkRef { from, to, both });
    assert_eq!(name(0, 3, true), "uplink");
    assert_eq!(name(0, 3, false), "alice>home");
    assert_eq!(name(3, 2, true), "home<>server");
    assert_eq!(name(1, 2, false), "bob>server");
}

#[test]
fn what_is_wrong_with_nodes() {
    let node = |keys: &str| complaint(&format!("[[node]]\nname = \"x\"\n{keys}"));
    assert_eq!(
        node("role = \"sever\""),
        "there is no role `sever` @ `\"sever\"` ? did you mean `server`?"
    );
    assert_eq!(
        node("role = \"host\"\ncount = 0"),
        "`count` must not be zero @ `0`"
    );
    assert_eq!(
        node("role = \"host\"\ncount = 10001"),
        "more than 10000 nodes @ `10001`"
    );
    assert_eq!(
        node("role = \"host\"\nconut = 1"),
        "unknown key `conut` @ `conut` ? did you mean `count`?"
    );
    assert_eq!(
        complaint("[[node]]\nname = \"phone-2\"\nrole = \"host\""),
        "there is a node `phone-2` already @ `\"phone-2\"`"
    );
    assert_eq!(
        complaint("[[node]]\nname = \"phone\"\nrole = \"host\""),
        "there is a node `phone` already @ `\"phone\"`"
    );
    let table = "name = \"x\"\nduration = \"1 s\"\n[node]\nname = \"a\"\n";
    let error = Scenario::parse(table, "x.toml").unwrap_err();
    assert_eq!(
        super::brief(&error),
        "`node` is an array of tables @ `node` ? write `[[node]]`"
    );
}

#[test]
fn what_is_wrong_with_links() {
    let link = |keys: &str| complaint(&format!("[[link]]\n{keys}"));
    assert_eq!(
        link("from = \"alice\"\nto = \"bob\"\nto_only = true\nback = {}"),
        "`back` is of the direction that `to_only` takes away @ `back`"
    );
    assert_eq!(
        link("from = \"alice\"\nto = \"bob\"\nback = { dely = \"1 s\" }"),
        "unknown key `dely` @ `dely` ? did you mean `delay`?"
    );
    assert_eq!(
        link("from = \"alice\"\nto = \"bob\"\nback = { queue = \"1 kB\" }"),
        "`queue` without `rate` has no effect: nothing ever waits @ `\"1 kB\"`"
    );
    assert_eq!(
        link("from = \"alice\"\nto = \"bob\"\nname = \"uplink\""),
        "there is a link `uplink` already @ `\"uplink\"`"
    );
    assert_eq!(
        link("from = \"alice\"\nto = \"bob\"\nname = \"bob\""),
        "there is a node `bob` already @ `\"bob\"`"
    );
    assert_eq!(
        link("from = \"phone-2\"\nto = \"server\""),
        "there is a link from `phone-2` to `server` already @ `\"phone-2\"` ? a link has both directions unless `to_only = true`"
    );
    assert_eq!(
        link("from = \"phone\"\nto = \"phone\""),
        "both ends are numbered: 3 and 3 nodes @ `\"phone\"` ? one end of a link is one node"
    );
    assert_eq!(
        link("from = \"phone\"\nto = \"phone-2\""),
        "a link must not lead from a node to itself @ `\"phone-2\"`"
    );
}
