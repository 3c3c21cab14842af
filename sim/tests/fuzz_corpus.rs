//! Every file of the corpora of the files that the simulator reads, through the very functions that are fuzzed.

#![allow(
    unreachable_pub,
    missing_docs,
    reason = "what is fuzzed is a crate of its own there"
)]

#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/scenarios.rs"]
mod scenarios;
#[path = "../../fuzz/src/traces.rs"]
mod traces;

#[test]
fn the_corpus_of_traces() {
    replay::replay("traces", traces::run);
}

#[test]
fn the_corpus_of_scenarios() {
    replay::replay("scenarios", scenarios::run);
}

#[test]
fn every_scenario_of_ours_cut_anywhere() {
    let text = include_str!("../scenarios/first-call.toml");
    for end in (0..text.len()).step_by(7) {
        scenarios::run(&text.as_bytes()[..end]);
    }
}
