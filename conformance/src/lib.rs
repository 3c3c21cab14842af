//! The library of `duet-conformance`, which judges any Duet server against the specification.
//!
//! A case is a trace with holes: a TOML file with requirements, checks, actors and steps. The harness plays every actor
//! at the level of frames, over the QUIC driver but with a core of its own, and says of each check whether it holds.
//!
//! | to look for | look in |
//! |---|---|
//! | what a case may say, and errors in one | [`case`] |
//! | how a step is carried out, what may come at any time | [`run`] |
//! | console, JSON, traces | [`report`] |
//! | the proof that the suite can fail | [`selftest`] |

pub mod case;
pub mod report;
pub mod run;
pub mod selftest;

pub use case::{Case, LoadError, Suite};
pub use run::{Options, Report, ServiceTarget, Target};
