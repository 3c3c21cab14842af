//! What kind of NAT it is.

use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::net::behaviour::{Behaviour, Refresh};
use crate::net::names::named;

named! {
    /// What becomes of a packet from inside to an external endpoint of the same NAT (RFC 4787 §6).
    pub enum Hairpin {
        /// It is dropped.
        Off = "off",
        /// It comes back with the sender's external endpoint as its source (REQ-9a).
        External = "external",
        /// It comes back with the sender's internal endpoint as its source.
        Internal = "internal",
    }
}

named! {
    /// How a new mapping gets its external port (RFC 4787 §4.2).
    pub enum Allocation {
        /// The port inside if it is free, else the next one that is.
        Preserve = "preserve",
        /// The port inside, whoever has it already: two hosts may share an external endpoint ("port overloading").
        PreserveOverload = "preserve-overload",
        /// The one after the last.
        Sequential = "sequential",
        /// Any that is free, each as likely as another.
        Random = "random",
        /// One whose neighbour is free too and kept in mind for the neighbour of the port inside, for RTP and RTCP
        /// (RFC 4787 §4.2.3).
        Contiguous = "contiguous",
    }
}

named! {
    /// Which of several external addresses a mapping gets (RFC 4787 §4.1).
    pub enum Pooling {
        /// All mappings of one host inside have the same.
        Paired = "paired",
        /// Any.
        Arbitrary = "arbitrary",
    }
}

named! {
    /// What becomes of ICMP errors about translated packets (RFC 4787 §9).
    pub enum IcmpPolicy {
        /// They are translated and passed on, whoever sent them.
        Translate = "translate",
        /// They are dropped.
        Drop = "drop",
        /// They are passed on and end the mapping, against REQ-12.
        Terminate = "terminate",
    }
}

named! {
    /// Which fragments are taken (RFC 4787 §11).
    pub enum FragmentPolicy {
        /// In any order.
        OutOfOrder = "out-of-order",
        /// Those that come after the first of their packet.
        InOrder = "in-order",
        /// None.
        Drop = "drop",
    }
}

/// The parameters of a [`Nat`](super::Nat).
///
/// The default meets every requirement and recommendation of RFC 4787, and is what no device that one can buy is like;
/// see [`NatConfig::preset`] for those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// Which packets of an internal endpoint share an external endpoint.
    pub mapping: Behaviour,
    /// Who may send to an external endpoint.
    pub filtering: Behaviour,
    /// Mapping and filtering of what could not keep its port ("secondary behaviour", forbidden by REQ-11); `None` is
    /// the same as of the others.
    pub secondary: Option<(Behaviour, Behaviour)>,
    /// What it does with packets to itself.
    pub hairpin: Hairpin,
    /// How it chooses ports.
    pub allocation: Allocation,
    /// The external ports that it may use, and identifiers of ICMP queries. Port 0 is never used.
    pub ports: RangeInclusive<u16>,
    /// Whether even ports get even ones, and odd ports odd ones, as long as there are any (REQ-4).
    pub parity: bool,
    /// Whether ports below 1024 get ports below 1024, and others get others, as long as there are any (REQ-3a).
    pub port_class: bool,
    /// How it chooses among its external addresses.
    pub pooling: Pooling,
    /// How long a UDP mapping, and the permission of a peer, last without refresh.
    pub timeout: Duration,
    /// The same for a peer that has not answered yet; `None` is no difference.
    pub unanswered: Option<Duration>,
    /// The same for peers with certain ports (REQ-5a), such as 53.
    pub port_timeouts: BTreeMap<u16, Duration>,
    /// Which packets refresh.
    pub refresh: Refresh,
    /// How long an established TCP connection lasts without refresh (RFC 5382 REQ-5).
    pub tcp_timeout: Duration,
    /// The same for one that is opening or closing.
    pub tcp_transitory: Duration,
    /// How long the mapping of an ICMP query lasts without refresh (RFC 5508 REQ-2).
    pub icmp_timeout: Duration,
    /// Most mappings at a time, of all protocols together.
    pub max_mappings: usize,
    /// Most mappings of one host inside (RFC 6888 REQ-4); `None` is no limit but the other.
    pub max_per_host: Option<usize>,
    /// Most peers that a mapping remembers; past it, the one that expires first is forgotten.
    pub max_peers: usize,
    /// The network inside, if the NAT takes all packets to addresses of it for its own, wherever they go: first
    /// address and prefix length (against REQ-7).
    pub inside: Option<(Ipv4Addr, u8)>,
    /// Whether addresses within payloads are translated too: an ALG of the simplest kind (against REQ-10).
    pub alg: bool,
    /// What it does with ICMP errors.
    pub icmp: IcmpPolicy,
    /// Largest packet, in bytes with IP header, that goes outside; `None` is no limit. Models' packets are as if marked
    /// "don't fragment", as RFC 9000 §14 wants it; whole packets that are not marked so go in fragments, and the sender
    /// of one that is gets an ICMP error.
    pub mtu: Option<usize>,
    /// What it does with fragments.
    pub fragments: FragmentPolicy,
}

impl Default for NatConfig {
    fn default() -> NatConfig {
        NatConfig {
            mapping: Behaviour::EndpointIndependent,
            filtering: Behaviour::AddressDependent,
            secondary: None,
            hairpin: Hairpin::External,
            allocation: Allocation::Random,
            ports: 1..=u16::MAX,
            parity: true,
            port_class: true,
            pooling: Pooling::Paired,
            timeout: Duration::from_secs(300),
            unanswered: None,
            port_timeouts: BTreeMap::new(),
            refresh: Refresh::Both,
            tcp_timeout: Duration::from_secs(2 * 3600 + 4 * 60),
            tcp_transitory: Duration::from_secs(4 * 60),
            icmp_timeout: Duration::from_secs(60),
            max_mappings: 65_536,
            max_per_host: None,
            max_peers: 1_024,
            inside: None,
            alg: false,
            icmp: IcmpPolicy::Translate,
            mtu: None,
            fragments: FragmentPolicy::OutOfOrder,
        }
    }
}

impl NatConfig {
    /// How long a UDP mapping lasts after a packet to or from `port` of a peer that has `answered` or not.
    pub(super) fn udp_lifetime(&self, port: u16, answered: bool) -> Duration {
        let special = self.port_timeouts.get(&port).copied();
        let unanswered = self.unanswered.filter(|_| !answered);
        special.or(unanswered).unwrap_or(self.timeout)
    }

    /// Whether the NAT takes an address for one of the network inside.
    pub(super) fn is_inside(&self, address: Ipv4Addr) -> bool {
        self.inside.is_some_and(|(network, length)| {
            let host = 32 - u32::from(length.min(32));
            let prefix = |address: Ipv4Addr| u64::from(address.to_bits()) >> host;
            prefix(network) == prefix(address)
        })
    }
}
