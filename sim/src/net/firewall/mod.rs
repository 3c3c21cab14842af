//! Firewalls: boxes that let through, or do not, and translate nothing.
//!
//! A [`Firewall`] works on IPv4 and IPv6, UDP and TCP. A flow is what goes between one endpoint inside and one outside
//! by one protocol, both ways; it ends, and is forgotten, when its timer does.

mod config;

use std::collections::BTreeMap;
use std::net::SocketAddr;

pub use config::FirewallConfig;

use crate::net::datagram::Datagram;
use crate::net::expiry::Expiry;
use crate::net::passage::{Passage, Refusal, Side};
use crate::net::protocol::Protocol;
use crate::packet::Packet as _;
use crate::time::Time;

/// Protocol, endpoint inside, endpoint outside; of permissions, what the filter looks at of the latter.
type Key = (Protocol, SocketAddr, SocketAddr);

/// A firewall.
#[derive(Clone, Debug)]
pub struct Firewall {
    config: FirewallConfig,
    flows: Timed<Flow>,
    /// Who may send in.
    permissions: Timed<()>,
}

/// What has gone through, and what was dropped before it.
#[derive(Clone, Copy, Debug)]
struct Flow {
    since: Time,
    offered: u64,
    bytes: u64,
    packets: u64,
}

/// Entries that end unless they are refreshed.
#[derive(Clone, Debug)]
struct Timed<V> {
    entries: BTreeMap<Key, (Time, V)>,
    expiry: Expiry<Key>,
}

impl<V> Timed<V> {
    fn new() -> Timed<V> {
        Timed {
            entries: BTreeMap::new(),
            expiry: Expiry::new(),
        }
    }

    /// Removes what has expired; all that is left is alive.
    fn expire(&mut self, now: Time) {
        while let Some(key) = self.expiry.pop_due(now) {
            match self.entries.get(&key) {
                Some((until, _)) if *until > now => self.expiry.push(*until, key),
                _ => drop(self.entries.remove(&key)),
            }
        }
    }

    fn insert(&mut self, until: Time, key: Key, value: V) {
        self.entries.insert(key, (until, value));
        self.expiry.push(until, key);
    }

    fn refresh(&mut self, until: Time, key: Key) {
        if let Some((old, _)) = self.entries.get_mut(&key) {
            *old = until.max(*old);
        }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.expiry.clear();
    }
}

impl Firewall {
    /// A firewall that has seen nothing yet.
    pub fn new(config: FirewallConfig) -> Firewall {
        Firewall {
            config,
            flows: Timed::new(),
            permissions: Timed::new(),
        }
    }

    /// What it does with a datagram that comes from `side`. `now` never goes back.
    pub fn pass(&mut self, now: Time, side: Side, datagram: Datagram) -> Passage {
        match self.refusal(now, side, &datagram) {
            Some(cause) => Passage::Drop { cause },
            None => Passage::Forward {
                side: side.opposite(),
                datagram,
            },
        }
    }

    fn refusal(&mut self, now: Time, side: Side, datagram: &Datagram) -> Option<Refusal> {
        self.flows.expire(now);
        self.permissions.expire(now);
        let config = &self.config;
        let protocol = Protocol::of(datagram);
        let size = datagram.size();
        let (inside, outside) = match side {
            Side::Inside => (datagram.source, datagram.destination),
            Side::Outside => (datagram.destination, datagram.source),
        };
        if config.block_udp && protocol == Protocol::Udp {
            return Some(Refusal::FirewallUdp);
        }
        if !config.opens(outside.port()) {
            return Some(Refusal::FirewallPort);
        }
        if config.max_size.is_some_and(|most| size > most) {
            return Some(Refusal::FirewallSize);
        }
        let until = now.after(match protocol {
            Protocol::Udp => config.timeout,
            Protocol::Tcp => config.tcp_timeout,
        });
        let refreshes = config.refresh.covers(side == Side::Inside);
        if let Some(filtering) = config.filtering {
            let key = (protocol, inside, filtering.mask(outside));
            let permitted = self.permissions.entries.contains_key(&key);
            if !permitted && side == Side::Outside {
                return Some(Refusal::FirewallUnsolicited);
            }
            if permitted && refreshes {
                self.permissions.refresh(until, key);
            } else if !permitted {
                if self.permissions.entries.len() >= config.max_flows {
                    return Some(Refusal::FirewallFull);
                }
                self.permissions.insert(until, key, ());
            }
        }
        let key = (protocol, inside, outside);
        if !self.flows.entries.contains_key(&key) {
            if self.flows.entries.len() >= config.max_flows {
                return Some(Refusal::FirewallFull);
            }
            self.flows.insert(until, key, Flow::new(now));
        } else if refreshes {
            self.flows.refresh(until, key);
        }
        let (_, flow) = self.flows.entries.get_mut(&key)?;
        flow.refusal(config, now, size as u64)
    }

    /// Forgets all flows and permissions.
    pub fn flush(&mut self) {
        self.flows.clear();
        self.permissions.clear();
    }

    /// The parameters.
    pub fn config(&self) -> &FirewallConfig {
        &self.config
    }

    /// How many flows are in memory: those alive at the last datagram.
    pub fn flows(&self) -> usize {
        self.flows.entries.len()
    }
}

impl Flow {
    fn new(since: Time) -> Flow {
        Flow {
            since,
            offered: 0,
            bytes: 0,
            packets: 0,
        }
    }

    /// Counts a packet, and says whether it is one too many.
    fn refusal(&mut self, config: &FirewallConfig, now: Time, size: u64) -> Option<Refusal> {
        self.offered = self.offered.saturating_add(1);
        if self.offered <= config.drop_first {
            return Some(Refusal::FirewallFirst);
        }
        if config
            .flow_time
            .is_some_and(|most| now.since(self.since) >= most)
        {
            return Some(Refusal::FirewallTime);
        }
        let bytes = self.bytes.saturating_add(size);
        if config.flow_bytes.is_some_and(|most| bytes > most) {
            // Cut for good: a smaller packet does not slip through after a larger one.
            self.bytes = u64::MAX;
            return Some(Refusal::FirewallBytes);
        }
        if config.flow_packets.is_some_and(|most| self.packets >= most) {
            return Some(Refusal::FirewallPackets);
        }
        self.bytes = bytes;
        self.packets += 1;
        None
    }
}
