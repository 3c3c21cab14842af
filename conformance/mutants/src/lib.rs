//! The reference server, broken on purpose: each mutant breaks one requirement, at the seam of the core, so that the
//! protocol's own code has no switch for it. The conformance suite must kill every one.
//!
//! | to look for | look in |
//! |---|---|
//! | which mutants there are, what each breaks | [`catalogue`] |
//! | how a mutant alters what goes in and out | [`mutant`] |
//! | servers that do nothing right | [`null`] |
//! | serving one over QUIC | [`serve`](mod@serve) |
//! | the reference's service, to be judged | [`service`] |

pub mod catalogue;
mod frames;
pub mod mutant;
pub mod null;
pub mod serve;
pub mod service;
mod twist;

pub use catalogue::{MUTANTS, NULLS, Row, find};
pub use serve::{Running, start};
