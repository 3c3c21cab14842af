//! Duet over QUIC: a sans-IO binding on quinn-proto, and the thin socket loop around it.
//!
//! What is shipped is what is simulated. [`Driver`] carries a [`Core`](duet_protocol::io::Core) over QUIC and does no
//! I/O: UDP datagrams and time go in, UDP datagrams and one deadline come out. A simulated world runs it as a
//! [`SimEndpoint`]; a process runs the same type inside a [`Loop`], over a [`Socket`].
//!
//! ```text
//!   application      events, decisions, commands
//!        │
//!      Core          duet-protocol: every message and state machine
//!        │           Input / Output, next_datagram
//!      Driver        this crate: streams, closing, media queue, path reports, quinn-proto
//!        │           receive / wake / transmit / deadline
//!   Loop + Socket    tokio: recvmmsg, sendmmsg, or turmoil     or     SimEndpoint in a duet_sim::World
//! ```
//!
//! | Looking for | Look in |
//! |---|---|
//! | what becomes of an `Output`, how an `Input` comes about | `driver/` |
//! | payload of transfers: sources, sinks, pipes, rates | `bulk/`, `driver/splices.rs`, `connection/bulk.rs` |
//! | one connection: streams, graceful close, path reports | `connection.rs` |
//! | windows, timeouts, limits | `transport.rs` |
//! | the switch from CUBIC to the media plane's own controller, or to another | `controller/` |
//! | certificates, fingerprints, whom a client trusts | `cert.rs`, `trust.rs`, `tls.rs` |
//! | what the seed determines | `seeded.rs`; with TLS, `deterministic.rs` |
//! | what only a simulated endpoint may be told | `simulation.rs` |
//! | seeing everything that crosses the seam | `trace.rs` |
//! | the same for a simulated run's capture | `inside.rs` |
//! | frames for people and for traces | `frames.rs` |
//! | sockets and the loop | `socket.rs`, `net.rs` |
//! | the loop under turmoil's clock and network (feature `turmoil`) | `simulated_socket.rs` |
//! | the simulator | `node.rs` |
//!
//! Equal seeds, inputs and instants give equal sequences of (time, size): connection ids, packet numbers, tokens and
//! reset keys come from the seed, and no clock is read. The bytes differ, because TLS draws its own randomness. Tests
//! that compare bytes enable the feature `deterministic`, which is off by default and without which the code is not
//! there, and ask for [`Simulation::deterministic_bytes`](crate::Simulation), which the constructors of shipped
//! endpoints do not take.

mod bulk;
mod cause;
mod cert;
mod connection;
mod controller;
#[cfg(feature = "deterministic")]
mod deterministic;
mod driver;
pub mod frames;
mod inside;
mod net;
mod node;
mod seeded;
mod settings;
#[cfg(feature = "turmoil")]
mod simulated_socket;
mod simulation;
mod socket;
mod tls;
mod trace;
mod transport;
mod trust;

pub use bytes::BytesMut;
pub use quinn_proto::EcnCodepoint;

pub use crate::bulk::{Sink, Source};
pub use crate::cert::{CertError, Fingerprint, FingerprintError, Identity};
pub use crate::controller::{MediaControl, Mode};
pub use crate::driver::{Datagram, Door, Driver, Heading, Statistics, Transmit};
pub use crate::inside::Inside;
pub use crate::net::{Loop, Pumped, now};
pub use crate::node::{SERVICE_PORT, SimEndpoint, address_of};
pub use crate::settings::{ClientSettings, ServerSettings, ServiceDoor, SettingsError};
#[cfg(feature = "turmoil")]
pub use crate::simulated_socket::SimulatedSocket;
pub use crate::simulation::{Secrets, Simulation};
pub use crate::socket::{BindError, Packet, Received, Socket, UdpSocket};
pub use crate::trace::{Observer, Seen};
pub use crate::trust::Trust;
