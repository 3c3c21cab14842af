//! What never happens and what never ends: it was accepted, and then nothing came of it, or the run ended in a panic.

use duet_sim::Scenario;
use duet_sim::units::same;

use super::{BASE, brief, complaint, with};

const HINT: &str = "what hosts and NATs have behind them is not passed on";

#[test]
fn a_flow_needs_a_way() {
    let flow = |kind: &str, from: &str, to: &str| {
        format!("[[flow]]\nkind = \"{kind}\"\nfrom = \"{from}\"\nto = \"{to}\"")
    };
    // The server is an end, and passes nothing on.
    assert_eq!(
        complaint(&flow("poisson", "alice", "bob")),
        format!("no way leads from `alice` to `bob` @ `\"bob\"` ? {HINT}")
    );
    // Alice is behind a NAT.
    assert_eq!(
        complaint(&flow("media", "server", "alice")),
        format!("no way leads from `server` to `alice` @ `\"alice\"` ? {HINT}")
    );
    // The link has one direction, which is enough for what wants no answer.
    with(&flow("poisson", "bob", "server"));
    assert_eq!(
        complaint(&flow("tcp", "bob", "server")),
        format!("no way leads back from `server` to `bob` @ `\"server\"` ? {HINT}")
    );
    // Through the NAT, answers come back.
    with(&flow("tcp", "alice", "server"));
}

#[test]
fn tcp_needs_something_that_takes_time() {
    let nodes =
        "[[node]]\nname = \"x\"\nrole = \"host\"\n[[node]]\nname = \"y\"\nrole = \"host\"\n";
    let flow =
        "[[flow]]\nname = \"bulk\"\nkind = \"tcp\"\nfrom = \"x\"\nto = \"y\"\nstart = \"5 s\"\n";
    let net = |link: &str, more: &str| {
        format!("{nodes}{flow}[[link]]\nname = \"l\"\nfrom = \"x\"\nto = \"y\"\n{link}\n{more}")
    };
    let endless = "`bulk` is TCP, and nothing on its way takes time: it would send without end at one instant @ `\"x\"` \
                   ? give this link a `rate` or a `delay`";
    for link in [
        "",
        "jitter = \"5 ms\"",
        "on_off = { on = \"1 s\", off = \"1 s\" }",
        "schedule = [[\"6 s\", \"1 Mb/s\"]]",
        "delay = \"1 ms\"\ndelay_schedule = [[\"6 s\", \"0 s\"]]",
    ] {
        assert_eq!(complaint(&net(link, "")), endless, "{link}");
    }
    for link in [
        "rate = \"1 Mb/s\"",
        "opportunities = [1]",
        "schedule = [[\"5 s\", \"1 Mb/s\"]]",
        "back = { delay = \"1 ns\" }",
        "delay_schedule = [[\"5 s\", \"1 ms\"]]",
        "delay = \"0 s\"\nback = { rate = \"1 Mb/s\" }",
    ] {
        with(&net(link, ""));
    }
    let fault = |set: &str| {
        format!("[[fault]]\nkind = \"link\"\nat = \"8 s\"\nlink = \"l\"\nset = {{ {set} }}")
    };
    assert_eq!(
        complaint(&net("delay = \"1 ms\"", &fault("delay = \"0 s\""))),
        endless
    );
    let both = "delay = \"1 ms\"\nrate = \"1 Mb/s\"";
    with(&net(both, &fault("delay = \"0 s\"")));
    let twice = format!("{}\n{}", fault("delay = \"0 s\""), fault("rate = \"none\""));
    assert_eq!(complaint(&net(both, &twice)), endless);
    // On a shared medium, turns may take time.
    let air = |overhead: &str| {
        let medium = format!("[[medium]]\nname = \"air\"\noverhead = \"{overhead}\"");
        net("medium = \"air\"", &medium)
    };
    with(&air("1 us"));
    assert_eq!(complaint(&air("0 s")), endless);
}

#[test]
fn nothing_begins_after_the_end() {
    let late = |what: &str, place: &str| {
        format!("{what} begins at the end of the run or after it @ `\"{place}\"` ? it ends at 60 s")
    };
    assert_eq!(
        complaint(
            "[[flow]]\nkind = \"poisson\"\nfrom = \"alice\"\nto = \"server\"\nstart = \"60 s\""
        ),
        late("`poisson-1`", "60 s")
    );
    assert_eq!(
        complaint("[[fault]]\nkind = \"crash\"\nat = \"100 s\"\nnode = \"bob\""),
        late("`fault-1`", "100 s")
    );
    assert_eq!(
        complaint("[[step]]\nat = \"1 min\"\nwho = \"bob\"\ndo = \"join\""),
        late("`join` of `bob`", "1 min")
    );
    assert_eq!(
        complaint("[[step]]\nat = \"1 s\"\nwho = \"phone\"\ndo = \"join\"\napart = \"30 s\""),
        late("`join` of `phone-3`", "30 s")
    );
    // What begins in time may last longer, and packets that are lost by number have no time.
    with(
        "[[fault]]\nkind = \"outage\"\nlink = \"uplink\"\nat = \"59.999 s\"\nfor = \"1 h\"\n\
         [[fault]]\nkind = \"drop\"\nlink = \"uplink\"\npackets = [1]\n\
         [[flow]]\nkind = \"poisson\"\nfrom = \"alice\"\nto = \"server\"\nstart = \"59 s\"\nstop = \"99 s\"",
    );
}

#[test]
fn a_parameter_has_a_use() {
    let matrix = |more: &str| format!("{BASE}{more}\n[matrix]\nowd = [\"1 ms\", \"2 ms\"]");
    let unused = |more: &str| brief(&Scenario::parse(&matrix(more), "t.toml").unwrap_err());
    let said = "nothing uses `owd` @ `owd` ? write \"$owd\" where its values belong";
    let step = |more: &str| format!("[[step]]\nat = \"1 s\"\nwho = \"bob\"\ndo = \"join\"\n{more}");
    assert_eq!(unused(""), said);
    assert_eq!(unused(&step("room = \"$$owd\"")), said);
    for more in [
        "room = \"a$owd\"",
        "when = { owd = \"1 ms\" }",
        "rooms = [[\"$$$owd\"]]",
    ] {
        Scenario::parse(&matrix(&step(more)), "t.toml").unwrap_or_else(|error| panic!("{error}"));
    }
}

/// `5%` is `5 %`, for those who choose among combinations and for `when`.
#[test]
fn values_are_compared_and_not_their_spelling() {
    for (a, b, expected) in [
        ("5%", "5 %", true),
        ("5 %", "5.0%", true),
        ("1 s", "1000ms", true),
        ("2 Mb/s", "2000 kb/s", true),
        ("64 kB", "64000 B", true),
        ("udp", "udp", true),
        ("2", "2.0", true),
        ("2 kB", "2 s", false),
        ("5 %", "50 %", false),
        ("5 x", "5x", true),
        ("5", "5 %", false),
        ("udp", "tcp", false),
    ] {
        assert_eq!(same(a, b), expected, "{a} and {b}");
        assert_eq!(same(b, a), expected, "{b} and {a}");
    }
    let text = format!(
        "{BASE}[[step]]\nat = \"1 s\"\nwho = \"bob\"\ndo = \"join\"\nwhen = {{ loss = \"5%\" }}\n\
         [matrix]\nloss = [\"0 %\", \"5 %\"]"
    );
    let scenario = Scenario::parse(&text, "t.toml").unwrap();
    let steps: Vec<usize> = scenario
        .expand()
        .iter()
        .map(|variant| variant.scenario.steps.len())
        .collect();
    assert_eq!(steps, [0, 1]);
}
