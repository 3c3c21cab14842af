//! A whole scenario twice: every byte on every link is the same, what QUIC has encrypted included.

mod common;

use duet::simulate::{Options, Outcome, difference, repeat, run};
use duet_sim::Scenario;
use duet_sim::net::Content;

use common::{Folder, duet, text};

/// A call, a message, a lost link, a NAT with another address: streams, datagrams, resumption, migration.
const SCENARIO: &str = r#"
name = "twice"
duration = "45 s"
seed = 5
[[node]]
name = "server"
role = "server"
[[node]]
name = "home"
role = "nat"
outside = "server"
[[node]]
name = "alice"
role = "client"
[[node]]
name = "bob"
role = "client"
[[link]]
from = "home"
to = "server"
delay = "20 ms"
jitter = "3 ms"
loss = "1 %"
[[link]]
from = "alice"
to = "home"
[[link]]
from = "bob"
to = "server"
loss = "2 %"
duplicate = { probability = "1 %", delay = "5 ms" }
corrupt = { probability = "0.5 %", corruption = "bit-flip" }
[[step]]
at = "1 s"
who = "alice"
do = "call"
to = "bob"
length = "3 s"
[[step]]
at = "8 s"
who = "bob"
do = "send"
to = "alice"
size = "900 B"
[[fault]]
at = "9 s"
kind = "nat-renumber"
node = "home"
[[fault]]
at = "11 s"
for = "22 s"
kind = "outage"
link = "bob<>server"
"#;

fn scenario() -> Scenario {
    Scenario::parse(SCENARIO, "twice.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn options(deterministic_bytes: bool) -> Options<'static> {
    Options {
        capture: true,
        deterministic_bytes,
        ..Options::new(5)
    }
}

/// The bytes of UDP datagrams, and how many there are.
fn bytes(outcome: &Outcome) -> (Vec<u8>, usize) {
    let mut all = Vec::new();
    for captured in &outcome.captured {
        if let Content::Bytes(bytes) = &captured.packet.content {
            all.extend_from_slice(bytes);
        }
    }
    (all, outcome.captured.len())
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let first =
        repeat(&scenario(), &options(true), |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let second = run(&scenario(), &options(true), |_| {}).expect("a run");
    let ((one, packets), (other, _)) = (bytes(&first), bytes(&second));
    assert!(one == other, "the bytes differ");
    assert_eq!(first.secrets.text(), second.secrets.text());
    assert!(
        packets > 1_000 && one.len() > 200_000,
        "{packets} packets, {} bytes",
        one.len()
    );
    let tally = first.tally;
    assert!(
        tally.calls_started == 2 && tally.resumed > 0 && tally.received == 1,
        "{tally:?}"
    );
}

/// Without what the feature does, only sizes and times are the same: the comparison of bytes can fail, and names where.
#[test]
fn what_tls_draws_by_itself_differs_in_the_first_packet() {
    let [one, other] = [(), ()].map(|()| run(&scenario(), &options(false), |_| {}).expect("a run"));
    assert_eq!(difference(&one, &other, false), None);
    let found = difference(&one, &other, true).expect("other randomness");
    assert_eq!(
        (found.place.as_str(), found.index),
        ("the captured packets", 0)
    );
    assert!(found.first != found.second);
}

#[test]
fn the_command_compares_bytes() {
    let folder = Folder::new("equal-bytes");
    let file = folder.file("twice.toml");
    std::fs::write(&file, SCENARIO).expect("written");
    let output = duet()
        .args(["simulate", &file, "--twice", "--media", "synthetic"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("the same twice, byte by byte: "), "{told}");
}
