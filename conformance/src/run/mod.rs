//! Running cases against a server, or against a service.

mod act;
mod core;
mod expect;
mod log;
mod payload;
mod play;
mod runner;
mod serving;
mod stage;

pub use play::{CaseReport, CheckReport, Outcome, Verdict};
pub use runner::{Options, Progress, Report, reachable, run};
pub use serving::{Invitation, Launch, Process, Program, judge_service};
pub use stage::{Fault, ServiceTarget, Target};

pub(crate) use log::trace;
