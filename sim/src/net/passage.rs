//! What a box between two networks does with a datagram.

use crate::net::datagram::Datagram;
use crate::net::names::named;

named! {
    /// A side of a NAT or a firewall.
    pub enum Side {
        /// The network that the box protects or hides.
        Inside = "inside",
        /// The rest of the world.
        Outside = "outside",
    }
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Side {
        match self {
            Side::Inside => Side::Outside,
            Side::Outside => Side::Inside,
        }
    }
}

/// The fate of a datagram that came to a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It goes on.
    Forward {
        /// The side on which it leaves; with hairpinning the one from which it came.
        side: Side,
        /// The datagram, its addresses translated.
        datagram: Datagram,
    },
    /// It waits for the first fragment of its packet.
    Wait,
    /// It ends here.
    Drop {
        /// Why.
        cause: Refusal,
    },
}

impl Passage {
    /// Why it was dropped; `None` if it was not.
    pub const fn refusal(&self) -> Option<Refusal> {
        match self {
            Passage::Forward { .. } | Passage::Wait => None,
            Passage::Drop { cause } => Some(*cause),
        }
    }

    /// What goes on, and on which side; `None` if nothing does.
    pub fn forwarded(self) -> Option<(Side, Datagram)> {
        match self {
            Passage::Forward { side, datagram } => Some((side, datagram)),
            Passage::Wait | Passage::Drop { .. } => None,
        }
    }
}

named! {
    /// Why a NAT or a firewall dropped a datagram; its name is the cause in the event log.
    pub enum Refusal {
        /// No mapping has the external endpoint to which it is addressed.
        NatNoMapping = "nat-no-mapping",
        /// The mapping is there, and its filter does not let this sender in.
        NatFiltered = "nat-filtered",
        /// No port is left of the address that the host has to use.
        NatPortsExhausted = "nat-ports-exhausted",
        /// The table holds as many mappings as it may.
        NatFull = "nat-full",
        /// The host inside has as many mappings as one host may.
        NatHostFull = "nat-host-full",
        /// From inside to an external endpoint of the NAT itself, which does not hairpin.
        NatHairpin = "nat-hairpin",
        /// From outside to an address that the NAT does not have, or no longer has.
        NatAddress = "nat-address",
        /// The address of the peer outside is one of the network inside, and the NAT cannot tell them apart.
        NatConflict = "nat-conflict",
        /// The NAT is rebooting.
        NatDown = "nat-down",
        /// Larger than what the network outside carries, and not to be fragmented.
        NatTooBig = "nat-too-big",
        /// A fragment that the NAT does not take, or that no first fragment came for.
        NatFragment = "nat-fragment",
        /// An ICMP message that the NAT does not pass: no query, answer or error, or one that is damaged.
        NatIcmp = "nat-icmp",
        /// An IP packet that the NAT cannot read.
        NatMalformed = "nat-malformed",
        /// UDP is blocked.
        FirewallUdp = "firewall-udp",
        /// The port outside is not an open one.
        FirewallPort = "firewall-port",
        /// The packet is too large.
        FirewallSize = "firewall-size",
        /// From outside, and nobody inside asked for it.
        FirewallUnsolicited = "firewall-unsolicited",
        /// The table holds as many flows as it may.
        FirewallFull = "firewall-full",
        /// One of the first packets of its flow.
        FirewallFirst = "firewall-first",
        /// The flow has lasted as long as a flow may.
        FirewallTime = "firewall-time",
        /// The flow has carried as many bytes as a flow may.
        FirewallBytes = "firewall-bytes",
        /// The flow has carried as many packets as a flow may.
        FirewallPackets = "firewall-packets",
        /// An ICMP message that is no query, and is about nothing that was let through, or is damaged.
        FirewallIcmp = "firewall-icmp",
        /// A fragment that no first fragment came for.
        FirewallFragment = "firewall-fragment",
        /// An IP packet that the firewall cannot read.
        FirewallMalformed = "firewall-malformed",
    }
}
