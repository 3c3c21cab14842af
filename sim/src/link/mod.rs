//! One direction of a link: a fixed pipeline of stages.
//!
//! ```text
//! offer → outage → mtu → loss → policer → queue (drop-tail, drop-head, CoDel, FQ-CoDel, RED, PIE)
//!       → serialiser (rate, schedule, trace, on/off, shared medium) → outage (burst) → air loss → propagation → jitter
//!       → reorder → ECN → corrupt → duplicate → arrival
//! ```
//!
//! A link holds the packets that wait in it and is driven by events: it is offered packets, is woken at the deadline
//! that it advertises (a departure, the end of an outage), and emits each packet once its fate is certain. Each stage
//! has a random stream of its own, labelled with the link's name and the stage's, and packet *n* of those offered always
//! sees the draws of number *n*, whatever the other stages do with it or with others. What happens in time rather than
//! per packet (bursts of loss, on and off, spikes) is drawn once for all times. So removing one fault moves no other
//! draw.

mod alternation;
mod config;
mod jitter;
mod journey;
mod loss;
mod mangle;
mod medium;
mod opportunities;
mod outage;
mod pipeline;
mod policer;
mod queue;
mod rate;
mod serialiser;

pub use alternation::Sojourn;
pub use config::{DelayStep, LinkConfig};
pub use jitter::{Jitter, JitterModel, Spikes};
pub use journey::{Cause, Fate, Journey};
pub use loss::{Bitmap, BitmapError, Classes, Loss};
pub use mangle::{Corrupt, Corruption, Duplicate, EcnMangle, Reorder};
pub use medium::{Arbitration, Medium, MediumConfig};
pub use opportunities::{Opportunities, OpportunitiesError};
pub use outage::{Outage, OutageMode};
pub use pipeline::{Emitted, Link};
pub use policer::Policer;
pub use queue::{CoDel, Discipline, FqCoDel, Limit, Pie, QueueConfig, RateOf, Red};
pub use rate::{OnOff, Rate, RateStep};
