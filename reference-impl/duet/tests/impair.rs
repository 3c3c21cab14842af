//! `duet impair` between real sockets on loopback: what the model loses is lost, and nothing else.
//!
//! No test asserts how long anything takes, or waits for a time: each sends, and receives just what the model says
//! will arrive. A socket's timeout only ends a test that hangs.

#![cfg(unix)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};

use duet_sim::Time;
use serde_json::Value;

use common::impaired::{
    HANGS, Impaired, columns, lost, model, network, number, numbered, receive, survivors,
};
use common::{Folder, assert_failure, duet, text};

/// The proxy, and the socket behind it.
struct Proxied {
    impaired: Impaired,
    address: SocketAddr,
    target: UdpSocket,
}

impl Proxied {
    fn start(name: &str, scenario: &str, more: &[&str]) -> Proxied {
        let target = socket();
        let to = target.local_addr().expect("its address").to_string();
        let addresses = ["--listen", "127.0.0.1:0", "--to", &to];
        let impaired = Impaired::start(name, scenario, &[&addresses, more].concat());
        let address = impaired.told["address"].as_str().expect("an address");
        Proxied {
            address: address.parse().expect("an address"),
            impaired,
            target,
        }
    }

    /// A peer's socket.
    fn peer(&self) -> UdpSocket {
        let peer = socket();
        peer.connect(self.address).expect("an address");
        peer
    }

    /// Ctrl-C; what it says then, and the log.
    fn stop(self) -> (Value, String) {
        self.impaired.stop()
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(HANGS)).expect("a timeout");
    socket
}

#[test]
fn the_models_packets_are_lost_and_no_others() {
    const PACKETS: u32 = 400;
    const LOT: u32 = 50;
    for (name, loss) in [
        ("iid", "loss = \"10 %\""),
        (
            "bursts",
            "loss = { enter = \"5 %\", leave = \"30 %\", good = \"0 %\", bad = \"100 %\" }",
        ),
    ] {
        let scenario = network(&format!("delay = \"2 ms\"\n{loss}"));
        let expected = survivors(&scenario, PACKETS);
        assert!(expected.len() < PACKETS as usize);
        let missing: BTreeSet<u32> = (0..PACKETS)
            .filter(|sent| !expected.contains(sent))
            .collect();
        // Twice, since the same seed is to give the same.
        for run in ["one", "two"] {
            let proxied = Proxied::start(&format!("{name}-{run}"), &scenario, &[]);
            let peer = proxied.peer();
            let mut packet = [0; 200];
            // Lot by lot: the kernel keeps fewer than 300 such packets for a socket, and drops the rest.
            for lot in (0..PACKETS)
                .step_by(LOT as usize)
                .map(|first| first..first + LOT)
            {
                for sent in lot.clone() {
                    peer.send(&numbered(sent)).expect("a packet sent");
                }
                for expected in expected.iter().filter(|sent| lot.contains(*sent)) {
                    let size = receive(&proxied.target, &mut packet).0;
                    assert_eq!((size, number(&packet)), (100, *expected), "{name}");
                }
            }
            let (summary, log) = proxied.stop();
            assert_eq!(lost(&log, "a>b"), missing, "{name}");
            let link = &summary["links"][0];
            assert_eq!(link["link"], "a>b");
            assert_eq!(link["offered"], PACKETS);
            assert_eq!(link["delivered"], expected.len());
            assert_eq!(summary["sent"], expected.len());
        }
    }
}

#[test]
fn answers_come_back_to_whom_they_are_for() {
    let proxied = Proxied::start("answers", &network("delay = \"1 ms\""), &[]);
    let peers = [proxied.peer(), proxied.peer(), proxied.peer()];
    let mut packet = [0; 200];
    let mut seen = BTreeSet::new();
    for (index, peer) in peers.iter().enumerate() {
        peer.send(&numbered(index as u32)).expect("a packet sent");
        let (size, source) = receive(&proxied.target, &mut packet);
        assert_eq!(number(&packet[..size]), index as u32);
        // Each of them is somebody else to the target.
        assert!(seen.insert(source));
        proxied
            .target
            .send_to(&numbered(100 + index as u32), source)
            .expect("an answer sent");
    }
    for (index, peer) in peers.iter().enumerate() {
        let size = receive(peer, &mut packet).0;
        assert_eq!(number(&packet[..size]), 100 + index as u32);
    }
    let (summary, _) = proxied.stop();
    assert_eq!(
        (&summary["sent"], &summary["refused"]),
        (&6.into(), &0.into())
    );
}

#[test]
fn those_who_connect_are_spread_over_the_clients() {
    let scenario = "
        name = \"n\"
        duration = \"1 s\"
        [[node]]
        name = \"client\"
        role = \"client\"
        count = 2
        [[node]]
        name = \"server\"
        role = \"server\"
        [[link]]
        from = \"client\"
        to = \"server\"";
    let proxied = Proxied::start("spread", scenario, &[]);
    let (one, other) = (proxied.peer(), proxied.peer());
    let mut packet = [0; 200];
    for peer in [&one, &other, &one] {
        peer.send(&numbered(0)).expect("a packet sent");
        receive(&proxied.target, &mut packet);
    }
    let (summary, _) = proxied.stop();
    let links = summary["links"].as_array().expect("links").iter();
    let offered: Vec<_> = links
        .map(|link| (&link["link"], &link["offered"]))
        .collect();
    let expected = [("client-1>server", 2), ("client-2>server", 1)];
    let expected = expected.map(|(link, offered)| (Value::from(link), Value::from(offered)));
    assert_eq!(
        offered,
        expected.each_ref().map(|(link, offered)| (link, offered))
    );
}

#[test]
fn copies_and_damage_are_seen() {
    let scenario = network("duplicate = { probability = \"100 %\" }");
    let proxied = Proxied::start("copies", &scenario, &[]);
    let peer = proxied.peer();
    let mut packet = [0; 200];
    peer.send(&numbered(5)).expect("a packet sent");
    for _ in 0..2 {
        let size = receive(&proxied.target, &mut packet).0;
        assert_eq!((size, number(&packet)), (100, 5));
    }
    proxied.stop();

    let scenario = network("corrupt = { probability = \"100 %\" }");
    let proxied = Proxied::start("damage", &scenario, &[]);
    let peer = proxied.peer();
    peer.send(&numbered(5)).expect("a packet sent");
    let size = receive(&proxied.target, &mut packet).0;
    assert_ne!(packet[..size], numbered(5));
    proxied.stop();
}

#[test]
fn a_nat_that_is_renumbered_gives_the_target_a_new_peer() {
    let scenario = "
        name = \"n\"
        duration = \"1 s\"
        [[node]]
        name = \"a\"
        role = \"client\"
        [[node]]
        name = \"home\"
        role = \"nat\"
        outside = \"b\"
        [[node]]
        name = \"b\"
        role = \"server\"
        [[link]]
        from = \"a\"
        to = \"home\"
        [[link]]
        from = \"home\"
        to = \"b\"
        [[fault]]
        kind = \"nat-renumber\"
        node = \"home\"
        at = \"300 ms\"";
    let proxied = Proxied::start("nat", scenario, &[]);
    let peer = proxied.peer();
    let mut packet = [0; 200];
    let mut sources = BTreeSet::new();
    // The network's own time ends it.
    while sources.len() < 2 {
        peer.send(&numbered(0)).expect("a packet sent");
        let (_, source) = receive(&proxied.target, &mut packet);
        sources.insert(source);
        proxied
            .target
            .send_to(&numbered(1), source)
            .expect("an answer sent");
        // An answer that meets the renumbering on its way is lost, and the next is asked for at once.
        if sources.len() < 2 {
            peer.set_nonblocking(true).expect("a socket");
            let _ = peer.recv(&mut packet);
            peer.set_nonblocking(false).expect("a socket");
        }
    }
    let size = receive(&peer, &mut packet).0;
    assert_eq!(number(&packet[..size]), 1);
    let (_, log) = proxied.stop();
    assert!(log.contains("# home is now "), "{log}");
}

#[test]
fn a_queue_that_is_full_drops_what_comes_too_fast() {
    // A packet of 128 bytes takes 17 minutes to send, and a second one waits. The other client's link is perfect: what
    // its peer sends after them says when they have all been taken in.
    let scenario = "
        name = \"n\"
        duration = \"1 s\"
        [[node]]
        name = \"slow\"
        role = \"client\"
        [[node]]
        name = \"fast\"
        role = \"client\"
        [[node]]
        name = \"b\"
        role = \"server\"
        [[link]]
        from = \"slow\"
        to = \"b\"
        rate = \"1 b/s\"
        queue = \"256 B\"
        [[link]]
        from = \"fast\"
        to = \"b\"";
    let proxied = Proxied::start("queue", scenario, &[]);
    let (slow, fast) = (proxied.peer(), proxied.peer());
    for sent in 0..5 {
        slow.send(&numbered(sent)).expect("a packet sent");
    }
    fast.send(&numbered(99)).expect("a packet sent");
    let mut packet = [0; 200];
    let size = receive(&proxied.target, &mut packet).0;
    assert_eq!(number(&packet[..size]), 99);
    let (summary, log) = proxied.stop();
    assert_eq!(lost(&log, "slow>b"), BTreeSet::from([2, 3, 4]), "{log}");
    assert_eq!(summary["sent"], 1);
}

#[test]
fn the_model_says_the_same_of_packets_that_come_at_the_same_instants() {
    // Everything that time decides: a queue of four packets at two packets a millisecond, and jitter that reorders.
    let scenario = network(
        "rate = \"2048 kb/s\"\nqueue = \"512 B\"\nloss = \"5 %\"\ndelay = \"1 ms\"\n\
         jitter = { kind = \"uniform\", max = \"3 ms\", reorders = true }\n\
         duplicate = { probability = \"10 %\" }",
    );
    let proxied = Proxied::start("instants", &scenario, &[]);
    let peer = proxied.peer();
    let mut packet = [0; 200];
    for lot in 0..60 {
        for sent in 0..10 {
            peer.send(&numbered(10 * lot + sent))
                .expect("a packet sent");
        }
        // One is always to come: of this lot, or of those that keep it out of the queue.
        receive(&proxied.target, &mut packet);
    }
    let (_, log) = proxied.stop();
    // When each came in, as far as the log knows it: of what was under way at the end it says nothing.
    let offered: BTreeMap<u64, u64> = columns(&log, "a>b")
        .map(|line| (integer(line[2]), integer(line[5])))
        .collect();
    let known = (0..).map_while(|number| Some(Time::from_nanos(*offered.get(&number)?)));
    let known: Vec<Time> = known.collect();
    assert!(known.len() >= 100, "{log}");
    let (_, modelled) = model(&scenario, &known);
    let ours = columns(&log, "a>b").filter(|line| integer(line[2]) < known.len() as u64);
    let mut theirs = columns(&modelled, "a>b");
    for line in ours {
        assert_eq!(Some(line), theirs.next());
    }
}

fn integer(column: &str) -> u64 {
    column.parse().expect("a number")
}

/// The program with a scenario, until it ends by itself.
fn refused(scenario: &str, more: &[&str]) -> std::process::Output {
    let folder = Folder::new(&format!("impair-refused-{}", more.len()));
    let path = folder.file("scenario.toml");
    std::fs::write(&path, scenario).expect("a scenario");
    let mut command = duet();
    command.args([
        "impair",
        &path,
        "--listen",
        "127.0.0.1:0",
        "--to",
        "127.0.0.1:9",
    ]);
    command.args(more).output().expect("an end")
}

#[test]
fn what_needs_the_simulators_programs_is_refused_with_its_place() {
    let base = network("delay = \"1 ms\"");
    for (more, says) in [
        (
            "[[fault]]\nkind = \"crash\"\nnode = \"b\"\nat = \"500 ms\"",
            "a crash is of a program",
        ),
        (
            "[[flow]]\nkind = \"media\"\nfrom = \"a\"\nto = \"b\"",
            "a media flow's would be taken for such",
        ),
        (
            "[[step]]\nat = \"500 ms\"\nwho = \"a\"\ndo = \"login\"",
            "--network-only leaves out what they do",
        ),
        ("[script]\ncall = 1", "--network-only leaves out the script"),
        (
            "[[expect]]\nmetric = \"x\"\nmax = 1",
            "expectations are judged by `duet simulate`",
        ),
    ] {
        let output = refused(&format!("{base}{more}\n"), &[]);
        assert_failure(&output, 2, says);
        let told = text(&output.stderr);
        assert!(told.contains("scenario.toml:1"), "{told} names no place");
    }
}

#[test]
fn what_programs_do_can_be_left_out() {
    let base = network("delay = \"1 ms\"");
    let scenario = format!("{base}[[step]]\nat = \"500 ms\"\nwho = \"a\"\ndo = \"login\"\n");
    let proxied = Proxied::start("left-out", &scenario, &["--network-only"]);
    proxied.stop();
    // But not what goes wrong.
    let crash = format!("{base}[[fault]]\nkind = \"crash\"\nnode = \"b\"\nat = \"500 ms\"\n");
    assert_failure(
        &refused(&crash, &["--network-only"]),
        2,
        "a crash is of a program",
    );
}

#[test]
fn wrong_ends_and_variants_are_said_to_be() {
    let base = network("delay = \"1 ms\"");
    for (more, says) in [
        (&["--client", "c"], "the scenario has no node `c`"),
        (&["--client", "b"], "`b` is at both ends"),
        (&["--variant", "2"], "there is no variant 2"),
        (&["--seed", "no"], "invalid value 'no' for '--seed"),
    ] {
        assert_failure(&refused(&base, more), 2, says);
    }
    let without = base.replace("role = \"server\"", "role = \"host\"");
    assert_failure(
        &refused(&without, &[]),
        2,
        "does not say which node is the server",
    );
    let matrix = format!("{base}[matrix]\nd = [\"1 ms\", \"2 ms\"]\n")
        .replace("delay = \"1 ms\"", "delay = \"$d\"");
    assert_failure(&refused(&matrix, &[]), 2, "it has 2 combinations");
}

#[test]
fn an_address_that_is_taken_is_said_to_be() {
    let (folder, taken) = (Folder::new("impair-taken"), socket());
    let path = folder.file("scenario.toml");
    std::fs::write(&path, network("")).expect("a scenario");
    let listen = taken.local_addr().expect("an address").to_string();
    let mut command = duet();
    command.args(["impair", &path, "--listen", &listen, "--to", "127.0.0.1:9"]);
    let output = command.output().expect("an end");
    assert_failure(&output, 1, "is in use");
}
