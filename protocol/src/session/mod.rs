//! Sessions: greeting, login, resume, heartbeat, goodbye, and the users that they belong to.

pub mod client;
pub mod server;

pub(crate) mod door;
mod heartbeat;
mod rate;
mod sequence;
pub(crate) mod user;

pub(crate) use heartbeat::{Beat, Heartbeat};
pub(crate) use rate::Rate;
pub(crate) use sequence::Sequence;
