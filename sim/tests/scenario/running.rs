//! What a file says is what its network does: shared media, outages that overlap.

use std::collections::VecDeque;
use std::net::SocketAddr;

use duet_sim::net::{Content, Datagram, Ecn, Faults, Host, Network, address_of};
use duet_sim::{NodeId, Scenario, Time};

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
    network.host(NodeId(2)).heard.clone()
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
