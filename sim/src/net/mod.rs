//! IP on top of nodes and links: datagrams with addresses, hosts at the edge, boxes between.
//!
//! Everything here is a [`Node`](crate::Node) of a [`World`](crate::World) whose packet is a [`Datagram`]. A [`Host`]
//! knows addresses and never nodes. A [`Nat`] or a [`Firewall`] stands between two networks and is told the side from
//! which a datagram comes. A [`Network`] holds them all, and the routes between them.

mod behaviour;
mod build;
mod datagram;
mod expiry;
mod faults;
mod firewall;
mod gate;
mod host;
mod ip;
mod names;
mod nat;
mod network;
mod passage;
mod ports;
mod protocol;
mod station;

pub use crate::packet::Ecn;
pub use behaviour::{Behaviour, Refresh};
pub use datagram::{Content, Datagram, Segment};
pub use faults::{Faults, ProgramFault};
pub use firewall::{Firewall, FirewallConfig};
pub use gate::Gate;
pub use host::Host;
pub use ip::endpoints;
pub use names::UnknownName;
pub use nat::{
    Allocation, Fragment, FragmentPolicy, Hairpin, Icmp, IcmpKind, IcmpPolicy, Nat, NatConfig,
    Pooling, Quoted,
};
pub use network::{Network, address_of};
pub use passage::{Passage, Refusal, Side};
pub use ports::Ports;
pub use protocol::Protocol;
pub use station::{Element, Routes, Station};
