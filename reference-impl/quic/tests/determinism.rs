//! Equal seeds give equal sequences of (time, size, class, fate), in one process and in two.

mod common;

use std::process::Command;
use std::time::Duration;

use common::*;
use duet_protocol::io::{ConnId, Purpose};
use duet_sim::{Jitter, LinkConfig, QueueConfig, Rate};

/// A control connection with a bulky stream and a media connection, over a narrow, lossy, jittery link.
fn run(world: u64) -> String {
    let link = LinkConfig {
        rate: Rate::new(5_000_000),
        queue: QueueConfig::bytes(60_000),
        jitter: Jitter::uniform(Duration::from_millis(5)),
        ..link(1)
    };
    let mut net = pair(world, link);
    let (control, media) = (ConnId(0), ConnId(1));
    establish(&mut net, CLIENT, control, Purpose::Control);
    establish(&mut net, CLIENT, media, Purpose::Media);
    command(&mut net, CLIENT, |core| {
        let id = core.open(control);
        core.write(control, id, pattern(300_000), true);
    });
    for round in 0..300 {
        command(&mut net, CLIENT, |core| {
            core.datagram(media, &vec![0; 160 + 13 * (round % 70)]);
        });
        settle(&mut net, Duration::from_millis(20));
    }
    let packets: u64 = net.log().counts().map(|(_, _, count)| count.offered).sum();
    assert!(packets > 1_000, "{packets} packets only");
    net.log().hash().to_string()
}

#[test]
fn two_runs_in_one_process_are_equal_and_other_seeds_differ() {
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// Not a test of its own: what the other process does.
#[test]
fn the_other_process() {
    if std::env::var_os("DUET_QUIC_OTHER_PROCESS").is_some() {
        println!("hash={}", run(1));
    }
}

#[test]
fn two_processes_are_equal() {
    let this = std::env::current_exe().expect("a path");
    let output = Command::new(this)
        .args(["--exact", "the_other_process", "--nocapture"])
        .env("DUET_QUIC_OTHER_PROCESS", "1")
        .output()
        .expect("started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text
        .split_once("hash=")
        .unwrap_or_else(|| panic!("no hash in {text}"));
    let hash = rest.split_whitespace().next().expect("a hash");
    assert_eq!(hash, run(1));
}
