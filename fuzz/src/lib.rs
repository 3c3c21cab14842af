//! What the fuzz targets run. Each function is also run by an ordinary test over the target's corpus, on any toolchain,
//! in the crate whose input it is: `tests/fuzz_corpus.rs` of `protocol`, `sim` and `conformance`.

pub mod client_ops;
pub mod datagrams;
pub mod draw;
pub mod frames;
pub mod messages;
pub mod rtp;
pub mod scenarios;
pub mod server_ops;
pub mod traces;
pub mod wording;

#[cfg(feature = "conformance")]
pub mod cases;
