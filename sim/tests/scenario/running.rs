//! What a file says is what its network does: shared media, outages that overlap.

use std::collections::VecDeque;
use std::net::SocketAddr;

use duet_sim::net::{Content, Datagram, Ecn, Faults, Host, Network, address_of};
use duet_sim::verify::{Rule, Verifier};
use duet_sim::{EventLog, NodeId, Scenario, Time};

/// Sends what it is given, and notes when something comes.
#[derive(Default)]
struct Person {
    outbox: VecDeque<Datagram>,
    heard: Vec<u64>,
}

impl Host for Person {
    fn deadline(&self) -> Option<Time> {
        None
    }
    fn wake(&mut self, _now: Time) {}
    fn receive(&mut self, now: Time, _datagram: Datagram) {
        self.heard.push(now.as_nanos() / 1_000_000);
    }
    fn transmit(&mut self, _now: Time) -> Option<Datagram> {
        self.outbox.pop_front()
    }
}

/// Runs a scenario in which nodes 0 and 1 each send 1000 bytes to node 2 at these milliseconds, and says at which they
/// arrive.
fn arrivals(more: &str, sends: &[u64]) -> Vec<u64> {
    let (_, network) = network(more, sends);
    network.host(NodeId(2)).heard.clone()
}

/// The same, and gives the scenario and the event log.
fn run(more: &str, sends: &[u64]) -> (Scenario, EventLog) {
    let (scenario, network) = network(more, sends);
    (scenario, network.into_world().finish())
}

fn network(more: &str, sends: &[u64]) -> (Scenario, Network<Person>) {
    let nodes =
        ["a", "b", "c"].map(|name| format!("[[node]]\nname = \"{name}\"\nrole = \"host\"\n"));
    let text = format!(
        "name = \"run\"\nduration = \"10 s\"\n{}{more}",
        nodes.concat()
    );
    let scenario = Scenario::parse(&text, "run.toml").unwrap_or_else(|error| panic!("{error}"));
    let host = |_| Ok::<_, ()>(Person::default());
    let mut network = Network::of(&scenario, 1, host).unwrap();
    let mut faults = Faults::of(&scenario);
    for millis in 0..10_000 {
        network.world_mut().run_until(Time::from_millis(millis));
        let programs = faults.apply(&mut network);
        assert!(programs.is_empty());
        if sends.contains(&millis) {
            for from in [NodeId(0), NodeId(1)] {
                let datagram = Datagram {
                    source: SocketAddr::new(address_of(from), 7),
                    destination: SocketAddr::new(address_of(NodeId(2)), 7),
                    ecn: Ecn::NotEct,
                    class: "word",
                    content: Content::Empty(972),
                };
                network.host_mut(from).outbox.push_back(datagram);
            }
        }
    }
    (scenario, network)
}

const LINKS: &str = "[[link]]\nfrom = \"a\"\nto = \"c\"\nrate = \"1 Mb/s\"\nmedium = \"air\"\n[[link]]\nfrom = \"b\"\nto = \"c\"\nrate = \"1 Mb/s\"\n";

#[test]
fn those_on_one_medium_send_one_after_the_other() {
    let air = "[[medium]]\nname = \"air\"\noverhead = \"1 ms\"\n";
    let shared = format!("{air}{LINKS}medium = \"air\"\n");
    assert_eq!(arrivals(&shared, &[0]), [9, 18]);
    // The other one is not on it.
    let alone = format!("{air}{LINKS}");
    assert_eq!(arrivals(&alone, &[0]), [8, 9]);
}

/// The outage that began last decides; when it ends and another goes on, that one does.
#[test]
fn outages_that_overlap() {
    let links = LINKS.replace("medium = \"air\"\n", "");
    let faults = "[[fault]]\nkind = \"outage\"\nat = \"1 s\"\nfor = \"4 s\"\nlink = \"a>c\"\nmode = \"hold\"\n\
        [[fault]]\nkind = \"outage\"\nat = \"2 s\"\nfor = \"1 s\"\nlink = \"a>c\"\n";
    let sends = [500, 1_500, 2_500, 3_500, 5_500];
    let own = |arrivals: Vec<u64>| {
        // Those of the other link arrive after 8 ms each.
        let mut rest = arrivals;
        for sent in sends {
            let index = rest.iter().position(|at| *at == sent + 8);
            rest.remove(index.unwrap_or_else(|| panic!("{sent} of {rest:?}")));
        }
        rest
    };
    // Of 1500 it is held until 2000, when dropping begins, which lets go on what waits; of 2500 it is dropped; of 3500
    // it is held until 5000, since the first outage still goes on.
    let arrivals = own(arrivals(&format!("{links}{faults}"), &sends));
    assert_eq!(arrivals, [508, 2_008, 5_008, 5_508]);
}

/// One link, with what the file says of it and of its faults; a packet at each of these milliseconds.
fn over_one(link: &str, faults: &str, sends: &[u64]) -> Vec<u64> {
    let away = "[[link]]\nfrom = \"b\"\nto = \"a\"\n";
    let link = format!("{away}[[link]]\nfrom = \"a\"\nto = \"c\"\n{link}\n");
    arrivals(&format!("{link}{faults}"), sends)
}

fn fault(at: &str, rest: &str) -> String {
    format!("[[fault]]\nkind = \"link\"\nlink = \"a>c\"\nat = \"{at}\"\n{rest}\n")
}

/// What a fault does not name goes on: rates that were to come, and those that a rate of its own stood in for.
#[test]
fn a_schedule_goes_on_through_a_fault() {
    let schedule =
        "schedule = [[\"0 s\", \"1 Mb/s\"], [\"2 s\", \"500 kb/s\"], [\"4 s\", \"2 Mb/s\"]]";
    let sends = [500, 1_500, 2_500, 4_500];
    let further = fault("1 s", "set = { delay = \"20 ms\" }");
    let each = |millis: [u64; 4]| {
        let pairs = sends.iter().zip(millis);
        pairs.map(|(at, more)| at + more).collect::<Vec<_>>()
    };
    assert_eq!(over_one(schedule, &further, &sends), each([8, 28, 36, 24]));
    // A rate holds until the schedule says another; where it is taken back, what the schedule says by then does.
    let slow = fault("1 s", "set = { rate = \"100 kb/s\" }");
    assert_eq!(over_one(schedule, &slow, &sends), each([8, 80, 16, 4]));
    let for_long = fault(
        "1 s",
        "for = \"2 s\"\nset = { rate = \"100 kb/s\", schedule = [] }",
    );
    assert_eq!(over_one(schedule, &for_long, &sends), each([8, 80, 80, 4]));
}

/// What one fault sets is not undone by the end of another, and what began last decides while it lasts.
#[test]
fn changes_that_overlap() {
    let first = fault("1 s", "for = \"2 s\"\nset = { delay = \"100 ms\" }");
    let second = fault("2 s", "for = \"2 s\"\nset = { delay = \"200 ms\" }");
    let within = fault("5 s", "for = \"3 s\"\nset = { delay = \"300 ms\" }");
    let inner = fault("6 s", "for = \"1 s\"\nset = { delay = \"400 ms\" }");
    let faults = format!("{first}{second}{within}{inner}");
    let sends = [500, 1_500, 2_500, 3_500, 4_500, 5_500, 6_500, 7_500, 8_500];
    let expected = [510, 1_600, 2_700, 3_700, 4_510, 5_800, 6_900, 7_800, 8_510];
    assert_eq!(over_one("delay = \"10 ms\"", &faults, &sends), expected);
    // A handover is for good: a fault that was there before it ends and leaves it.
    let moved = "[[fault]]\nkind = \"handover\"\nat = \"2 s\"\noutage = \"0 s\"\nnode = \"a\"\nset = { delay = \"50 ms\" }\n";
    let faults = format!("{first}{moved}");
    let sends = [1_500, 2_500, 3_500];
    assert_eq!(
        over_one("delay = \"10 ms\"", &faults, &sends),
        [1_600, 2_550, 3_550]
    );
}

#[test]
fn opportunities_and_pauses_go_on_through_a_fault() {
    // Every 10 ms, at 3 ms.
    let trace = "opportunities = [3, 10]\n";
    let delayed = fault("1 s", "set = { delay = \"1 ms\" }");
    assert_eq!(over_one(trace, &delayed, &[500, 1_501]), [500, 1_504]);
    // A rate in their place, and back.
    let rated = fault("1 s", "for = \"1 s\"\nset = { rate = \"1 Mb/s\" }");
    assert_eq!(
        over_one(trace, &rated, &[501, 1_501, 2_501]),
        [503, 1_509, 2_503]
    );
    let pauses = "rate = \"1 Mb/s\"\non_off = { on = \"100 ms\", off = \"100 ms\" }";
    assert_eq!(over_one(pauses, &delayed, &[501, 1_301]), [608, 1_409]);
    let steady = fault("1 s", "for = \"1 s\"\nset = { on_off = \"none\" }");
    assert_eq!(
        over_one(pauses, &steady, &[501, 1_301, 2_301]),
        [608, 1_309, 2_408]
    );
}

/// The queue becomes another with what waits in it; a fault that says nothing of it leaves it alone.
#[test]
fn a_fault_may_change_the_discipline() {
    let slow = "rate = \"100 kb/s\"\nqueue = { limit = \"3 kB\", kind = \"drop-head\" }";
    // Each takes 80 ms; three fit.
    let sends = [1_000, 1_001, 1_002, 1_003, 1_004];
    let kept = fault("500 ms", "set = { delay = \"1 ms\" }");
    let numbers = |arrivals: Vec<u64>| arrivals.len();
    assert_eq!(over_one(slow, &kept, &sends), [1_081, 1_161, 1_241]);
    let wider = fault("1001500 us", "set = { queue = { limit = \"9 kB\" } }");
    assert_eq!(numbers(over_one(slow, &wider, &sends)), 5);
}

/// Packets that a fault says are lost are lost whatever other faults do to the link.
#[test]
fn listed_packets_are_lost_after_a_change() {
    let faults = "[[fault]]\nkind = \"drop\"\nlink = \"a>c\"\npackets = [1]\n";
    let faults = format!("{faults}{}", fault("1 s", "set = { delay = \"1 ms\" }"));
    assert_eq!(over_one("", &faults, &[500, 1_500, 2_500]), [500, 2_501]);
}

/// The verifier reads from the scenario what its faults do to links, and finds it in the log.
#[test]
fn the_log_of_a_scenario_with_every_fault_of_links_passes() {
    let faults = [
        fault("1 s", "for = \"2 s\"\nset = { rate = \"100 kb/s\", loss = \"20 %\" }"),
        fault("4 s", "set = { queue = { limit = \"2 kB\", kind = \"codel\" } }"),
        fault("6 s", "set = { queue = { limit = \"2 kB\", kind = \"pie\", target = \"5 ms\" } }"),
        "[[fault]]\nkind = \"drop\"\nlink = \"a>c\"\npackets = [1, 3]\n".to_owned(),
        "[[fault]]\nkind = \"handover\"\nnode = \"a\"\nat = \"5 s\"\noutage = \"300 ms\"\nnew_address = true\n\
         set = { delay = \"30 ms\", mtu = \"900 B\" }\n"
            .to_owned(),
        "[[fault]]\nkind = \"outage\"\nat = \"2500 ms\"\nfor = \"1 s\"\nlink = \"a>c\"\nmode = \"hold\"\n".to_owned(),
    ];
    let sends: Vec<u64> = (0..600).map(|n| n * 15).collect();
    let air = "[[medium]]\nname = \"air\"\noverhead = \"1 ms\"\n";
    let links = LINKS.replace(
        "rate = \"1 Mb/s\"\n[[",
        "rate = \"1 Mb/s\"\nmedium = \"air\"\n[[",
    );
    let (scenario, log) = run(&format!("{air}{links}{}", faults.concat()), &sends);
    let breaches = Verifier::of(&scenario).check(&log);
    assert_eq!(breaches, []);
    // One that does not know of the faults finds what cannot be, until the link is another.
    let mut innocent = scenario.clone();
    innocent.faults.clear();
    let breaches = Verifier::of(&innocent).check(&log);
    let rules: Vec<Rule> = breaches.iter().map(|breach| breach.rule).collect();
    assert_eq!(rules, [Rule::Cause, Rule::Cause]);
}
