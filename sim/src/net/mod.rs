//! IP on top of nodes and links: datagrams with addresses, hosts at the edge, boxes between.
//!
//! Everything here is a [`Node`](crate::Node) of a [`World`](crate::World) whose packet is a [`Datagram`]. A [`Host`]
//! knows addresses and never nodes.

mod datagram;
mod host;

pub use crate::packet::Ecn;
pub use datagram::{Content, Datagram, Segment};
pub use host::Host;
