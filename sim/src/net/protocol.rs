//! UDP, TCP or ICMP.

use crate::net::datagram::{Content, Datagram};
use crate::net::ip;

/// The protocol above IP. What is none of these counts as TCP at port 0, as do all later fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// ICMP queries of IPv4, with their identifier as the port of who asks (RFC 5508 §3).
    Icmp,
}

impl Protocol {
    pub(crate) fn of(datagram: &Datagram) -> Protocol {
        match &datagram.content {
            Content::Packet(packet) if ip::is_icmp(packet) => Protocol::Icmp,
            _ if datagram.is_udp() => Protocol::Udp,
            _ => Protocol::Tcp,
        }
    }
}
