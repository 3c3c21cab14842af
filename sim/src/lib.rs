//! A deterministic network simulator.
//!
//! Virtual time, links that lose and delay, and nodes that are state machines: one thread, integer nanoseconds, no
//! clock, no socket. The same seed gives the same run, byte for byte, in every process. It knows nothing of any
//! protocol: a [`Node`] is whatever takes packets and instants and gives packets and a deadline.
//!
//! - [`World`] holds nodes and links and moves time, only to arrivals and to deadlines that nodes advertise.
//! - [`Link`] is one direction: loss, policer, queue, rate, delay, jitter and what else befalls packets, each stage with
//!   a random [`Stream`] of its own; [`link`] has the parts.
//! - [`verify`] checks a log against what its links were to do.
//! - [`EventLog`] has one line per packet, counts, and a hash that stands for the run.
//! - [`Scenario`] reads a network from a TOML file and explains what is wrong with it.
//! - [`traffic`] is what shares a bottleneck with what is studied: CBR, bursts, TCP.
//! - [`trace`] writes and reads qlog, [`pcapng`] writes captures for Wireshark.
//! - [`explore`] searches all states of a model, where a run shows one path.
//!
//! Two nodes; one greets, the other answers:
//!
//! ```
//! use duet_sim::{LinkConfig, Node, NodeId, Packet, Time, World};
//! use std::time::Duration;
//!
//! #[derive(Clone)]
//! struct Greeting(&'static str);
//!
//! impl Packet for Greeting {
//!     fn size(&self) -> usize {
//!         self.0.len()
//!     }
//!     fn class(&self) -> &'static str {
//!         "greeting"
//!     }
//! }
//!
//! /// Sends one greeting at its time, and answers the first that it gets.
//! struct Person {
//!     greets_at: Option<Time>,
//!     next: Option<(NodeId, Greeting)>,
//!     heard: Vec<(Time, &'static str)>,
//! }
//!
//! impl Person {
//!     fn new(greets_at: Option<Time>) -> Person {
//!         Person { greets_at, next: None, heard: Vec::new() }
//!     }
//! }
//!
//! impl Node for Person {
//!     type Packet = Greeting;
//!
//!     fn deadline(&self) -> Option<Time> {
//!         self.greets_at
//!     }
//!     fn wake(&mut self, _now: Time) {
//!         self.greets_at = None;
//!         self.next = Some((NodeId::B, Greeting("hello")));
//!     }
//!     fn receive(&mut self, now: Time, from: NodeId, packet: Greeting) {
//!         self.heard.push((now, packet.0));
//!         if packet.0 == "hello" {
//!             self.next = Some((from, Greeting("good day")));
//!         }
//!     }
//!     fn transmit(&mut self, _now: Time) -> Option<(NodeId, Greeting)> {
//!         self.next.take()
//!     }
//! }
//!
//! let link = LinkConfig { delay: Duration::from_millis(15), ..LinkConfig::default() };
//! let alice = Person::new(Some(Time::from_millis(500)));
//! let bob = Person::new(None);
//! let mut world = World::pair(1, alice, bob, link);
//! world.run_until(Time::from_millis(1_000));
//!
//! assert_eq!(world.node(NodeId::A).heard, [(Time::from_millis(530), "good day")]);
//! assert_eq!(
//!     world.finish().text(),
//!     "500000000 a>b 0 greeting 5 500000000 500000000 delivered 515000000\n\
//!      515000000 b>a 0 greeting 8 515000000 515000000 delivered 530000000\n"
//! );
//! ```

pub mod explore;
pub mod link;
mod log;
pub mod net;
mod node;
mod packet;
pub mod pcapng;
mod probability;
mod queue;
mod random;
mod scenario;
mod time;
pub mod trace;
pub mod traffic;
pub mod units;
pub mod verify;
mod world;

pub use link::{
    Cause, Emitted, Fate, Jitter, Journey, Link, LinkConfig, Loss, Outage, OutageMode, QueueConfig,
    Rate,
};
pub use log::{Count, Dropped, EventLog, LinkId, Record};
pub use node::{Node, NodeId};
pub use packet::{Ecn, Packet};
pub use probability::Probability;
pub use queue::{EventQueue, Lane};
pub use random::Stream;
pub use scenario::{
    Bound, BoundError, Capacity, CapacityStep, Check, Expectation, Fault, FaultKind, FirewallSpec,
    FlowKind, FlowSpec, LinkChange, LinkPreset, LinkRef, LinkSpec, Measurable, MediumSpec, Metrics,
    NatSpec, Need, Needed, NodeSpec, Outcome, Place, Role, Scenario, ScenarioError, Seeds,
    SeedsError, Step, Subject, Unit, Variant, Verdict, Window,
};
pub use time::Time;
pub use trace::{Trace, TraceError};
pub use units::UnitError;
pub use world::{Captured, World};
