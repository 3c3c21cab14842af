//! UDP or TCP.

use crate::net::datagram::{Content, Datagram};

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
        match datagram.content {
            Content::Bytes(_) | Content::Empty(_) => Protocol::Udp,
            Content::Tcp(_) => Protocol::Tcp,
        }
    }
}
