//! IP on top of nodes and links: datagrams with addresses, hosts at the edge, boxes between.
//!
//! Everything here is a [`Node`](crate::Node) of a [`World`](crate::World) whose packet is a [`Datagram`]. A [`Host`]
//! knows addresses and never nodes. A [`Nat`] or a [`Firewall`] stands between two networks and is told the side from
//! which a datagram comes. A [`Network`] holds them all, and the routes between them.
//!
//! Of whole IPv4 packets ([`Content::Packet`]) boxes know ICMP and fragments. What is not there: nodes count no hops,
//! so that nothing exceeds its time in the network (errors that say so are translated where they come in), only NATs
//! tell that a packet is too big, and no router or NAT answers a ping to itself. IPv6 is carried as it is: its
//! fragments and its ICMP are to a firewall a flow between two addresses.

mod behaviour;
mod build;
mod datagram;
mod expiry;
mod faults;
mod firewall;
mod fragments;
mod gate;
mod host;
mod icmp;
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
pub use icmp::{Icmp, IcmpKind, Quoted};
pub use ip::endpoints;
pub use names::UnknownName;
pub use nat::{Allocation, FragmentPolicy, Hairpin, IcmpPolicy, Nat, NatConfig, Pooling};
pub use network::{Network, address_of};
pub use passage::{Passage, Refusal, Side};
pub use ports::Ports;
pub use protocol::Protocol;
pub use station::{Element, Routes, Station};
