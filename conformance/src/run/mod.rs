//! Running cases against a server.

mod act;
mod core;
mod expect;
mod log;
mod payload;
mod play;
mod runner;
mod stage;

pub use play::{CaseReport, CheckReport, Outcome, Verdict};
pub use runner::{Options, Progress, Report, reachable, run};
pub use stage::{Fault, ServiceTarget, Target};

pub(crate) use log::trace;
