//! Every file of the fuzz targets' corpora, through the very functions that are fuzzed. A crash that was found becomes
//! a file there.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../../fuzz/src/frames.rs"]
#[allow(
    unreachable_pub,
    reason = "it is a crate of its own where it is fuzzed"
)]
mod frames;

use std::path::Path;

#[test]
fn the_corpus_of_frames() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/frames");
    let mut files: Vec<_> = std::fs::read_dir(&corpus)
        .unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 41, "only {} files", files.len());
    for file in files {
        // A panic's message says what broke; this line says in which file.
        println!("{}", file.display());
        frames::run(&std::fs::read(file).unwrap());
    }
}
