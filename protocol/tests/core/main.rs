//! The core through its public API, one file per chapter of the specification.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod bad_input;
mod bulk;
mod call;
mod channel;
mod client_limits;
mod cluster;
mod media;
mod moderation;
mod people;
mod reference;
mod regressions;
mod room;
mod service;
mod service_host;
mod service_rooms;
mod session;
mod support;
mod transfers;
mod wire;
