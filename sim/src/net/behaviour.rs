//! What NATs and firewalls remember of a peer, and for how long.

use std::net::{Ipv4Addr, SocketAddr};

use crate::net::names::named;

named! {
    /// How much of the peer's endpoint a mapping or a filter looks at (RFC 4787 §4.1 and §5).
    pub enum Behaviour {
        /// Nothing: the mapping is the same for all peers; the filter lets in anyone.
        EndpointIndependent = "endpoint-independent",
        /// The address: one mapping for each peer address; the filter lets in addresses that were sent to.
        AddressDependent = "address-dependent",
        /// Address and port: one mapping for each peer endpoint; the filter lets in endpoints that were sent to.
        AddressAndPortDependent = "address-and-port-dependent",
    }
}

/// Stands for what is not looked at.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Behaviour {
    /// What is looked at of a peer, the rest zero.
    pub(crate) fn mask(self, peer: SocketAddr) -> SocketAddr {
        match self {
            Behaviour::EndpointIndependent => ANY,
            Behaviour::AddressDependent => SocketAddr::new(peer.ip(), 0),
            Behaviour::AddressAndPortDependent => SocketAddr::new(peer.ip(), peer.port()),
        }
    }
}

named! {
    /// Which packets start the timer again (RFC 4787 §4.3).
    pub enum Refresh {
        /// Those from inside.
        Outbound = "outbound",
        /// Those from outside.
        Inbound = "inbound",
        /// All.
        Both = "both",
    }
}

impl Refresh {
    /// Whether a packet from inside (`outbound`) or from outside refreshes.
    pub(crate) fn covers(self, outbound: bool) -> bool {
        match self {
            Refresh::Outbound => outbound,
            Refresh::Inbound => !outbound,
            Refresh::Both => true,
        }
    }
}
