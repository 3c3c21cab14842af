//! What the fuzz targets run. Each function is also run by an ordinary test over the target's corpus
//! (`protocol/tests/fuzz_corpus.rs`), on any toolchain.

pub mod frames;
