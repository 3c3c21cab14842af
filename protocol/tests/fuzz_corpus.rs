//! Every file of the corpora of what a peer says, through the very functions that are fuzzed, and as much random input
//! as a test may take. A crash that was found becomes a file there.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may fail; what is fuzzed is a crate of its own there"
)]

#[path = "../../fuzz/src/client_ops.rs"]
mod client_ops;
#[path = "../../fuzz/src/datagrams.rs"]
mod datagrams;
#[path = "../../fuzz/src/draw.rs"]
mod draw;
#[path = "../../fuzz/src/frames.rs"]
mod frames;
#[path = "../../fuzz/src/messages.rs"]
mod messages;
#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/rtp.rs"]
mod rtp;
#[path = "../../fuzz/src/server_ops.rs"]
mod server_ops;
#[path = "../../fuzz/src/wording.rs"]
mod wording;

use duet_protocol::message::schemas;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn the_corpus_of_frames() {
    replay::replay("frames", frames::run);
}

#[test]
fn the_corpus_of_messages() {
    replay::replay("messages", messages::run);
}

#[test]
fn the_corpus_of_datagrams() {
    replay::replay("datagrams", datagrams::run);
}

#[test]
fn the_corpus_of_rtp() {
    replay::replay("rtp", rtp::run);
}

#[test]
fn the_corpus_of_server_ops() {
    replay::replay("server_ops", server_ops::run);
}

#[test]
fn the_corpus_of_client_ops() {
    replay::replay("client_ops", client_ops::run);
}

/// A well-formed body of each kind, every beginning of it, every byte of it changed, and what lies beyond its end: the
/// quick reader, the one with every case in view and the one that only knows the schema agree on all of them.
#[test]
fn the_readers_agree_on_every_kind_and_every_cut() {
    let mut pool = wording::Pool::default();
    for schema in schemas() {
        for choice in [0, 1, 17, 3, 255] {
            let choices = [choice; 600];
            let mut draw = draw::Draw::new(&choices);
            let frame = wording::frame_of(schema, &mut draw, &mut pool);
            let body = &frame[8..];
            let mut input = schema.kind.to_be_bytes().to_vec();
            input.extend_from_slice(body);
            messages::run(&input);
            for at in 0..body.len().min(200) {
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut broken = body.to_vec();
                    broken[at] = byte;
                    frames::body(schema.kind, &broken);
                }
            }
            for more in [
                &[0][..],
                &[0; 4],
                &[0, 7, 0, 0],
                &[0, 7, 0, 1, 9],
                &[0, 7, 0, 0, 0, 7, 0, 0],
            ] {
                frames::body(schema.kind, &[body, more].concat());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Random choices make a body of each kind; random bytes then replace some of it.
    #[test]
    fn the_readers_agree_on_random_bodies(
        which in any::<prop::sample::Index>(),
        choices in vec(any::<u8>(), 0..64),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let all: Vec<_> = schemas().collect();
        let schema = which.get(&all);
        let mut draw = draw::Draw::new(&choices);
        let frame = wording::frame_of(schema, &mut draw, &mut wording::Pool::default());
        let mut body = frame[8..].to_vec();
        frames::body(schema.kind, &body);
        for (at, byte) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        frames::body(schema.kind, &body);
        body.truncate(cut.index(body.len() + 1));
        frames::body(schema.kind, &body);
    }

    #[test]
    fn no_script_breaks_the_server(script in vec(any::<u8>(), 0..400)) {
        server_ops::run(&script);
    }

    #[test]
    fn no_script_breaks_the_client(script in vec(any::<u8>(), 0..400)) {
        client_ops::run(&script);
    }

    #[test]
    fn no_packet_breaks_a_hop(script in vec(any::<u8>(), 0..400)) {
        rtp::run(&script);
    }

    #[test]
    fn no_datagram_breaks_its_reader(datagram in vec(any::<u8>(), 0..80)) {
        datagrams::run(&datagram);
    }
}
