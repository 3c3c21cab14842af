//! ICMP messages that are of no flow, and may be about one.

use super::Firewall;
use crate::net::datagram::Datagram;
use crate::net::icmp::Icmp;
use crate::net::passage::{Refusal, Side};
use crate::packet::Packet as _;

impl Firewall {
    /// An ICMP message other than a query or a reply. Where there is a filter, an error passes if it is about a packet
    /// that somebody has permission for, and other messages do not. It refreshes nothing and counts for no flow.
    pub(super) fn pass_related(&self, side: Side, datagram: &Datagram) -> Result<(), Refusal> {
        let config = &self.config;
        if config.max_size.is_some_and(|most| datagram.size() > most) {
            return Err(Refusal::FirewallSize);
        }
        if config.filtering.is_none() && config.ports.is_none() {
            return Ok(());
        }
        let quoted = Icmp::of_packet(datagram)
            .ok_or(Refusal::FirewallIcmp)?
            .quoted;
        let (inside, outside) = match side {
            Side::Inside => (quoted.destination, quoted.source),
            Side::Outside => (quoted.source, quoted.destination),
        };
        if !config.opens(outside.port()) {
            return Err(Refusal::FirewallPort);
        }
        let permitted = config.filtering.is_none_or(|filtering| {
            let key = (quoted.protocol, inside, filtering.mask(outside));
            self.permissions.entries.contains_key(&key)
        });
        match permitted {
            true => Ok(()),
            false => Err(Refusal::FirewallIcmp),
        }
    }
}
