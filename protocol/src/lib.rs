//! The Duet protocol's core: every message and every state machine, for client, server and service, without I/O.
//!
//! A driver feeds a [`client::Client`], a [`server::Server`] or a [`service::client::Service`] with [`io::Input`]s and does what its [`io::Output`]s
//! ask. The core never reads a clock, never draws on the system's randomness, never blocks: time, seed and decisions
//! come in like everything else. So the same code runs over sockets, in a simulator, and in a test.
//!
//! | to look for | look in |
//! |---|---|
//! | the bytes of a frame, fields and their limits | [`wire`] |
//! | what messages there are | [`message`] |
//! | login, resume, heartbeat | [`session`] |
//! | rooms · text and data · calls · transfers | `room` · `channel` · [`call`] · [`transfer`] |
//! | contacts, blocking, presence | [`people`] |
//! | repair, pacing, playout | [`media`] |
//! | what the business layer is asked | [`service`] |
//! | which event is legal when | [`table`], and the tables in [`session`], [`call`] and [`transfer`] |
//! | codes, limits, timers | [`code`], [`limits`] |
//! | what a trace can say | [`trace`] |
//!
//! Three programs show it at work: `examples/client.rs`, a client over any byte transport; `examples/server.rs`, a
//! server in a loop; `examples/call_flow`, two clients, a server and a business service that assigns them a room, over
//! a network in memory. The crate needs `core` and `alloc` only; `bare/` holds it to that.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod call;
mod channel;
pub mod client;
pub mod code;
pub mod error;
#[cfg(test)]
mod explore;
pub mod id;
pub mod io;
pub mod limits;
pub mod media;
pub mod message;
pub mod people;
mod room;
pub mod seed;
pub mod server;
pub mod service;
pub mod session;
pub mod table;
pub mod time;
pub mod trace;
pub mod transfer;
pub mod wire;
