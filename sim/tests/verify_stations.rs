//! What nodes drop, in logs: it came there, at that instant, and there is a reason.

use duet_sim::link::Corrupt;
use duet_sim::net::{FirewallConfig, NatConfig};
use duet_sim::verify::{Rule, Station, Verifier};
use duet_sim::{LinkConfig, Probability, Time};

/// A host, a router, a NAT and a firewall in a row.
fn verifier() -> Verifier {
    let link = LinkConfig::default();
    let links = ["host>router", "router>nat", "nat>wall", "wall>nat", "x>nat"];
    let verifier = links
        .into_iter()
        .fold(Verifier::new(), |verifier, name| verifier.link(name, &link));
    let wall = FirewallConfig {
        max_size: Some(1_000),
        ..FirewallConfig::default()
    };
    let cut_off = vec![(Time::from_nanos(100), Time::from_nanos(200))];
    verifier
        .station("host", Station::Host { cut_off })
        .station("router", Station::Router)
        .station("nat", Station::Nat(NatConfig::default()))
        .station("wall", Station::Firewall(wall))
}

fn rules(log: &str) -> Vec<Rule> {
    let breaches = verifier().check_text(log);
    breaches.iter().map(|breach| breach.rule).collect()
}

#[test]
fn a_drop_needs_a_node() {
    let came = "5 router>nat 0 data 1200 5 5 delivered 5\n";
    assert_eq!(
        rules(&format!("{came}5 @nat data 1200 dropped nat-filtered\n")),
        []
    );
    assert_eq!(
        rules(&format!("{came}5 @gnat data 1200 dropped nat-filtered\n")),
        [Rule::Created]
    );
    // Who was told of no node knows of none.
    let verifier = Verifier::new().link("router>nat", &LinkConfig::default());
    let log = format!("{came}5 @gnat data 1200 dropped nat-filtered\n");
    assert_eq!(verifier.check_text(&log), []);
    assert_eq!(
        rules("5 @nat data 1200 lost nat-filtered\n"),
        [Rule::Malformed]
    );
}

#[test]
fn a_drop_needs_a_packet_that_came() {
    let came = "5 router>nat 0 data 1200 5 5 delivered 5\n";
    let drop = "5 @nat data 1200 dropped nat-filtered\n";
    for (log, expected) in [
        (format!("{came}{drop}"), vec![]),
        (drop.to_owned(), vec![Rule::Created]),
        (format!("{came}{drop}{drop}"), vec![Rule::Created]),
        (
            format!("{came}5 @nat data 1199 dropped nat-filtered\n"),
            vec![Rule::Created],
        ),
        (
            format!("{came}5 @nat date 1200 dropped nat-filtered\n"),
            vec![Rule::Created],
        ),
        (
            format!("{came}6 @nat data 1200 dropped nat-filtered\n"),
            vec![Rule::Created],
        ),
        (
            format!("{came}5 @router data 1200 dropped no-route\n"),
            vec![Rule::Created],
        ),
        // From both sides at once.
        (
            format!("{came}5 wall>nat 0 data 1200 5 5 delivered 5\n{drop}{drop}"),
            vec![],
        ),
        // It never arrived.
        (
            "5 router>nat 0 data 1200 5 5 lost down\n5 @nat data 1200 dropped nat-filtered\n"
                .to_owned(),
            vec![Rule::Created, Rule::Cause],
        ),
    ] {
        let mut found = rules(&log);
        found.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(found, expected, "{log}");
    }
    // What was cut off on the way is smaller. (That this link damages nothing is another matter.)
    let cut =
        "5 router>nat 0 data 1200 5 5 delivered 5 damaged\n5 @nat data 700 dropped nat-filtered\n";
    assert_eq!(rules(cut), [Rule::Cause]);
    // What a host does not send came from nowhere.
    assert_eq!(rules("150 @host data 1200 dropped partition\n"), []);
    assert_eq!(
        rules("150 @host data 1200 dropped wrong-address\n"),
        [Rule::Created]
    );
}

/// As when a firewall refuses a burst that came in one instant.
#[test]
fn many_drops_at_one_instant_need_as_many_packets_that_came() {
    const MANY: u64 = 1_000;
    let sizes = [100, 1_200];
    // Half from each side, of two classes and two sizes in turns; and what comes at another instant is of no use.
    let came: String = (0..MANY)
        .flat_map(|number| {
            let size = sizes[number as usize / 2 % 2];
            let class = ["data", "audio"][number as usize % 2];
            ["router>nat", "wall>nat"]
                .map(|link| format!("5 {link} {number} {class} {size} 5 5 delivered 5\n"))
        })
        .chain([format!("6 router>nat {MANY} data 100 6 6 delivered 6\n")])
        .collect();
    let drop = |class: &str, size: u64| format!("5 @nat {class} {size} dropped nat-filtered\n");
    // Not in the order in which they came.
    let kinds = ["audio", "data"].map(|class| sizes.map(|size| (class, size)));
    let drops: String = kinds
        .as_flattened()
        .iter()
        .map(|(class, size)| drop(class, *size).repeat(MANY as usize / 2))
        .collect();
    let all = format!("{came}{drops}");
    assert_eq!(rules(&all), []);
    for (class, size) in kinds.into_iter().flatten() {
        let breaches = verifier().check_text(&format!("{all}{}", drop(class, size)));
        let shown: Vec<String> = breaches.iter().map(ToString::to_string).collect();
        let last = all.lines().count() + 1;
        let expected = format!(
            "line {last}: created: nat drops a {class} of {size} bytes that did not arrive"
        );
        assert_eq!(shown, [expected]);
    }
    // As many as came, one of them of another class or size.
    let (first, rest) = drops.split_once('\n').expect("there are many");
    assert_eq!(first, drop("audio", 100).trim_end());
    for other in [
        drop("data", 100),
        drop("audio", 1_200),
        drop("video", 100),
        drop("audio", 99),
        drop("audio", 101),
    ] {
        assert_eq!(
            rules(&format!("{came}{rest}{other}")),
            [Rule::Created],
            "{other}"
        );
    }
}

/// The one that was dropped first took the first damaged packet that was large enough, and a larger one found none.
#[test]
fn a_drop_takes_no_larger_damaged_packet_than_it_needs() {
    let config = LinkConfig {
        corrupt: Corrupt {
            probability: Probability::ALWAYS,
            ..Corrupt::default()
        },
        ..LinkConfig::default()
    };
    let verifier = Verifier::new()
        .link("a>nat", &config)
        .station("nat", Station::Nat(NatConfig::default()));
    let log = |sizes: &[u64]| {
        let drops = sizes
            .iter()
            .map(|size| format!("5 @nat data {size} dropped nat-malformed\n"));
        let came = [(0, 1_200, " damaged"), (1, 700, " damaged"), (2, 700, "")];
        let came = came.map(|(number, size, flag)| {
            format!("5 a>nat {number} data {size} 5 5 delivered 5{flag}\n")
        });
        came.into_iter().chain(drops).collect::<String>()
    };
    for sizes in [
        [700, 700, 1_200],
        [700, 1_200, 700],
        [700, 600, 1_200],
        [1_200, 600, 700],
        [600, 1_000, 700],
        [600, 600, 700],
    ] {
        assert_eq!(verifier.check_text(&log(&sizes)), [], "{sizes:?}");
    }
    for sizes in [[700, 1_000, 1_200], [600, 600, 600], [700, 700, 1_201]] {
        let breaches = verifier.check_text(&log(&sizes));
        let found: Vec<(usize, Rule)> = breaches
            .iter()
            .map(|breach| (breach.line, breach.rule))
            .collect();
        assert_eq!(found, [(6, Rule::Created)], "{sizes:?}");
    }
}

#[test]
fn a_drop_needs_a_cause_that_the_node_has() {
    let log = |to: &str, cause: &str, size: u64| {
        let from = if to == "nat" { "router" } else { "nat" };
        format!(
            "150 {from}>{to} 0 data {size} 150 150 delivered 150\n150 @{to} data {size} dropped {cause}\n"
        )
    };
    for (to, cause, size, expected) in [
        ("nat", "nat-full", 100, vec![]),
        ("nat", "no-route", 100, vec![]),
        ("nat", "firewall-udp", 100, vec![Rule::Cause]),
        ("nat", "nat-host-full", 100, vec![Rule::Cause]),
        ("nat", "nat-too-big", 1_500, vec![Rule::Cause]),
        ("nat", "boredom", 100, vec![Rule::Cause]),
        ("wall", "firewall-size", 1_001, vec![]),
        ("wall", "firewall-size", 1_000, vec![Rule::Cause]),
        ("wall", "firewall-udp", 100, vec![Rule::Cause]),
        ("wall", "firewall-unsolicited", 100, vec![Rule::Cause]),
        ("wall", "nat-full", 100, vec![Rule::Cause]),
    ] {
        assert_eq!(rules(&log(to, cause, size)), expected, "{to} {cause}");
    }
    let host = |at: u64| format!("{at} @host data 100 dropped partition\n");
    for (at, expected) in [
        (99, vec![Rule::Cause]),
        (100, vec![]),
        (200, vec![]),
        (201, vec![Rule::Cause]),
    ] {
        assert_eq!(rules(&host(at)), expected, "{at}");
    }
}
