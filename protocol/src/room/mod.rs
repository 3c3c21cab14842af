//! Rooms: who is in, what they publish, and who asked for it.

pub(crate) mod client;
pub(crate) mod server;
