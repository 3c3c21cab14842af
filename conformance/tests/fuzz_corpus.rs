//! Every file of the corpus of cases, through the very function that is fuzzed.

#![allow(unreachable_pub, reason = "what is fuzzed is a crate of its own there")]

#[path = "../../fuzz/src/cases.rs"]
mod cases;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

#[test]
fn the_corpus_of_cases() {
    replay::replay("cases", cases::run);
}
