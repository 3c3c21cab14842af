//! The same input gives the same bytes: twice in one process, and in another one.

#![cfg(feature = "gstreamer")]

mod common;

use std::process::Command;

use common::{encode, encode_audio, hash};
use duet_media::{AudioConfig, AudioReceiver, VideoConfig, VideoReceiver};

/// Asks a child of the test below for one line with its hash.
const ASKED: &str = "DUET_MEDIA_HASH_ONLY";

/// Hash of all packets and of everything that is decoded from them.
fn run() -> u64 {
    let video = VideoConfig::default();
    let audio = AudioConfig::default();
    let packets = encode(&video, 60).concat();
    let (sound, specific) = encode_audio(&audio, 60);
    let mut receiver = VideoReceiver::new(&video).expect("a decoder");
    let mut listener = AudioReceiver::new(&audio, &specific).expect("a decoder");
    let pictures: Vec<_> = packets
        .iter()
        .flat_map(|packet| receiver.push(packet).expect("no failure"))
        .map(|frame| frame.i420)
        .collect();
    let samples: Vec<_> = sound
        .iter()
        .flat_map(|packet| listener.push(packet).expect("no failure"))
        .map(|sound| sound.samples)
        .collect();
    assert_eq!((pictures.len(), samples.len()), (60, 59));
    hash(&(packets, sound, specific, pictures, samples))
}

#[test]
fn two_runs_and_two_processes_agree() {
    let here = run();
    if std::env::var_os(ASKED).is_some() {
        println!("hash={here:016x}");
        return;
    }
    assert_eq!(run(), here, "two runs in one process");
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "two_runs_and_two_processes_agree", "--nocapture"])
        .env(ASKED, "1")
        .output()
        .expect("a second process");
    let output = String::from_utf8_lossy(&child.stdout);
    let there = output.split("hash=").nth(1).and_then(|rest| rest.get(..16));
    assert_eq!(there, Some(format!("{here:016x}").as_str()), "{output}");
}

#[test]
fn another_stream_has_another_hash() {
    let one = encode(
        &VideoConfig {
            width: 160,
            height: 96,
            ..VideoConfig::default()
        },
        5,
    );
    let other = encode(
        &VideoConfig {
            width: 160,
            height: 96,
            ssrc: 1,
            ..VideoConfig::default()
        },
        5,
    );
    assert_ne!(hash(&one), hash(&other));
}
