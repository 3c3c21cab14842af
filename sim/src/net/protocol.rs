//! UDP or TCP.

use crate::net::datagram::Datagram;

/// The protocol above IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Protocol {
    pub(crate) fn of(datagram: &Datagram) -> Protocol {
        match datagram.is_udp() {
            true => Protocol::Udp,
            false => Protocol::Tcp,
        }
    }
}
