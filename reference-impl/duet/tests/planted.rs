//! A defect planted in the simulated server, as a person finds it: the swarm meets it, `shrink` makes it small, and what is
//! written of it tells the story. What the server sends again after a resume is counted, and the messages among it are gone
//! (`simulate/planted.rs`).

mod common;

use std::process::Output;

use duet::failure::{Failure, failures};
use duet::invariants::{Invariant, Phase};
use duet::simulate::{Options, run};
use duet_sim::Scenario;
use serde_json::Value;

use common::{Folder, duet, text};

/// Among so many made-up scenarios there is one that meets it.
const SEEDS: &str = "1..200";

fn json(bytes: &[u8]) -> Vec<Value> {
    let text = text(bytes);
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// How a scenario fails, with the defect or without it.
fn fails(scenario: &Scenario, planted: bool) -> Vec<Failure> {
    let options = Options {
        planted,
        ..Options::new(scenario.seed)
    };
    let outcome = run(scenario, &options, |_| {}).expect("it runs");
    let found = failures(scenario, &outcome);
    found.into_iter().map(|found| found.failure).collect()
}

/// A block's options: code and content. RFC draft-ietf-opsawg-pcapng §3.5.
fn options(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut all = Vec::new();
    while let [a, b, c, d, rest @ ..] = bytes {
        let (code, len) = (
            u16::from_le_bytes([*a, *b]),
            usize::from(u16::from_le_bytes([*c, *d])),
        );
        if code == 0 {
            break;
        }
        all.push((code, rest[..len].to_vec()));
        bytes = &rest[len.next_multiple_of(4)..];
    }
    all
}

fn comments(bytes: &[u8]) -> Vec<String> {
    let comments = options(bytes).into_iter().filter(|(code, _)| *code == 1);
    comments
        .map(|(_, text)| String::from_utf8_lossy(&text).into())
        .collect()
}

/// What a capture has in it.
#[derive(Debug, Default)]
struct Capture {
    /// What is said of the whole.
    comments: Vec<String>,
    /// The link type of each interface.
    links: Vec<u16>,
    /// Each packet's interface and comments.
    packets: Vec<(usize, Vec<String>)>,
    secrets: usize,
}

/// Reads a capture block by block; nothing of the writer's is used.
fn capture(bytes: &[u8]) -> Capture {
    let word = |at: usize| {
        let word = bytes[at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(word)
    };
    let mut capture = Capture::default();
    let mut at = 0;
    while at < bytes.len() {
        let (kind, len) = (word(at), word(at + 4) as usize);
        assert_eq!(
            word(at + len - 4) as usize,
            len,
            "a block ends as it begins"
        );
        let body = &bytes[at + 8..at + len - 4];
        match kind {
            0x0a0d_0d0a => {
                assert_eq!(word(at + 8), 0x1a2b_3c4d);
                capture.comments = comments(&body[16..]);
            }
            1 => capture.links.push(u16::from_le_bytes([body[0], body[1]])),
            6 => {
                let interface = word(at + 8) as usize;
                let captured = (word(at + 20) as usize).next_multiple_of(4);
                let comments = comments(&body[20 + captured..]);
                capture.packets.push((interface, comments));
            }
            0xa => capture.secrets += 1,
            _ => {}
        }
        at += len;
    }
    capture
}

fn swarm(folder: &Folder) -> Output {
    let out = folder.file("found");
    let mut command = duet();
    command.args(["simulate", "swarm", "--seeds", SEEDS, "--json", "--out"]);
    command.arg(out).output().expect("it runs")
}

#[test]
fn the_swarm_finds_it_and_it_is_made_small() {
    let folder = Folder::new("planted");
    let swarm = swarm(&folder);
    assert_eq!(swarm.status.code(), Some(1), "{}", text(&swarm.stderr));
    let lines = json(&swarm.stdout);
    assert_eq!(lines.len(), 200);
    let failed: Vec<&Value> = lines.iter().filter(|line| line["ok"] == false).collect();
    let lost = |line: &Value| {
        let failures = line["failures"].as_array().expect("a list");
        failures.iter().all(|one| {
            let name = one["failure"].as_str().unwrap_or_default();
            name.starts_with("message.result of ") && name.ends_with(" as it ran, delivered")
        })
    };
    assert!(!failed.is_empty(), "nothing was found");
    assert!(failed.iter().all(|line| lost(line)), "{failed:#?}");
    let first = failed[0]["scenario"].as_str().expect("a file");
    assert!(
        text(&swarm.stderr).contains(&format!("duet simulate shrink {first}")),
        "{}",
        text(&swarm.stderr)
    );

    let small = folder.file("small.toml");
    let shrink = duet()
        .args(["simulate", "shrink", first, "--json", "--out", &small])
        .output()
        .expect("it runs");
    assert_eq!(shrink.status.code(), Some(0), "{}", text(&shrink.stderr));
    let told = &json(&shrink.stdout)[0];
    let (before, after) = (&told["before"], &told["after"]);
    assert_eq!(told["exhausted"], false);
    assert!(before["steps"].as_u64() > after["steps"].as_u64(), "{told}");
    // The sender, the receiver whose link is lost, the fault that takes it, the message.
    assert_eq!(after["clients"], 2, "{told}");
    let faults = after["faults"].as_u64().unwrap_or(9) + after["drops"].as_u64().unwrap_or(9);
    assert_eq!((faults, &after["steps"]), (1, &Value::from(1)), "{told}");
    assert_eq!(
        (&after["flows"], &after["others"]),
        (&Value::from(0), &Value::from(0))
    );

    let written = std::fs::read_to_string(&small).expect("the scenario");
    let scenario = Scenario::parse(&written, "small.toml").expect("a scenario");
    let with = fails(&scenario, true);
    let [
        Failure::Breach {
            invariant: Invariant::MessageResult,
            phase: Phase::Running,
            way: "delivered",
            who,
        },
    ] = &with[..]
    else {
        panic!("{with:?}");
    };
    assert_eq!(told["failure"], with[0].to_string());
    assert!(
        written.contains(&format!("It failed: {}.", with[0])),
        "{written}"
    );
    assert_eq!(fails(&scenario, false), [], "without the defect");

    let diagram = std::fs::read_to_string(small.replace(".toml", ".txt")).expect("the diagram");
    let lines: Vec<&str> = diagram.lines().collect();
    assert!(
        lines[0].contains("server") && lines[0].contains(who.as_str()),
        "{diagram}"
    );
    let place = |part: &str| lines.iter().position(|line| line.contains(part));
    let story = [" TEXT request ", "<---- ", " RESUMED ", "nobody has it"].map(|part| match part {
        "<---- " => place(" RESUME "),
        part => place(part).or_else(|| place(&part.replace("TEXT", "DATA"))),
    });
    assert!(
        story.iter().all(Option::is_some) && story.is_sorted(),
        "{story:?}\n{diagram}"
    );

    let capture = capture(&std::fs::read(small.replace(".toml", ".pcapng")).expect("packets"));
    // LINKTYPE_WIRESHARK_UPPER_PDU is 252: what was said, without QUIC around it.
    let upper: Vec<bool> = capture.links.iter().map(|link| *link == 252).collect();
    let upper = &upper[..];
    let of = |wanted: bool| {
        let packets = capture.packets.iter();
        packets.filter(move |(interface, _)| upper[*interface] == wanted)
    };
    let (pdus, datagrams) = (of(true).count(), of(false).count());
    assert!(pdus > 10 && datagrams > pdus, "{pdus} of {datagrams}");
    let said: Vec<&String> = of(true).flat_map(|(_, comments)| comments).collect();
    let fault = scenario.faults[0].kind.as_str();
    let dropped = said.iter().any(|comment| comment.contains("dropped"));
    assert!(dropped || fault != "partition", "{said:#?}");
    let named = told["text"].as_str().unwrap_or("?");
    assert!(
        capture.comments[0].contains(named),
        "{:?}",
        capture.comments
    );
    assert!(capture.secrets > 0);
    let page = std::fs::read_to_string(small.replace(".toml", ".html")).expect("the page");
    assert!(page.contains("<html"));
}

/// The lot of a swarm's seed is the same each time, and so is what it is made into.
#[test]
fn what_is_made_small_twice_is_the_same() {
    let scenario = Scenario::parse(SMALL, "small.toml").expect("a scenario");
    let trial = |scenario: &Scenario| duet::shrink::Trial::of(scenario);
    let shrunk = || {
        let mut run = trial;
        let shrunk = duet::shrink::shrink(&scenario, "", 200, &mut run, &mut |_| {});
        let shrunk = shrunk.expect("it fails");
        (shrunk.scenario.to_toml(), shrunk.runs)
    };
    let (once, again) = (shrunk(), shrunk());
    assert_eq!(once, again);
    assert!(once.0.len() < scenario.to_toml().len());
}

const SMALL: &str = r#"
name = "lost"
duration = "60 s"
[[node]]
name = "server"
role = "server"
[[node]]
name = "alice"
role = "client"
[[node]]
name = "bob"
role = "client"
[[link]]
from = "alice"
to = "server"
loss = "2 %"
[[link]]
from = "bob"
to = "server"
delay = "31 ms"
[[fault]]
kind = "outage"
at = "2 s"
for = "25 s"
link = "bob<>server"
[[step]]
at = "3 s"
who = "alice"
do = "send"
to = "bob"
[[step]]
at = "4 s"
who = "bob"
do = "join"
room = "hall"
"#;
