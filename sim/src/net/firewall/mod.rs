//! Firewalls: boxes that let through, or do not, and translate nothing.
//!
//! A [`Firewall`] works on IPv4 and IPv6, UDP, TCP and ICMP queries. A flow is what goes between one endpoint inside and
//! one outside by one protocol, both ways; it ends, and is forgotten, when its timer does.
//!
//! As a stateful firewall does it, ICMP errors about a flow pass with it, and fragments where the first of their packet
//! passed. Those that come before the first are held, a bounded number of them for 30 s. Of IPv6, whose fragments and
//! ICMP are not looked into, all that is neither UDP nor TCP is one flow between two addresses.

mod config;
mod fragment;
mod related;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

pub use config::FirewallConfig;

use crate::net::datagram::Datagram;
use crate::net::expiry::Expiry;
use crate::net::fragments::Fragments;
use crate::net::ip::{Message, Shape};
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
    /// The flows of packets that come in fragments.
    fragments: Fragments<Key>,
    /// What leaves besides, because of the last datagram.
    leaving: VecDeque<(Side, Datagram)>,
    /// What is given up besides.
    lost: VecDeque<(Datagram, Refusal)>,
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
            fragments: Fragments::new(),
            leaving: VecDeque::new(),
            lost: VecDeque::new(),
        }
    }

    /// What it does with a datagram that comes from `side`. `now` never goes back.
    ///
    /// More may come of it: ask [`Firewall::take_leaving`] and [`Firewall::take_lost`] before the next.
    pub fn pass(&mut self, now: Time, side: Side, datagram: Datagram) -> Passage {
        self.leaving.clear();
        self.lost.clear();
        self.flows.expire(now);
        self.permissions.expire(now);
        let Some(Shape { piece, message }) = Shape::of(&datagram) else {
            return Passage::Drop {
                cause: Refusal::FirewallMalformed,
            };
        };
        if let Some(piece) = piece {
            return self.pass_fragment(now, side, datagram, (piece, message));
        }
        let passed = match message {
            Message::Error | Message::Other => self.pass_related(side, &datagram),
            _ => self.pass_flow(now, side, &datagram, message).map(|_| ()),
        };
        match passed {
            Err(cause) => Passage::Drop { cause },
            Ok(()) => Passage::Forward {
                side: side.opposite(),
                datagram,
            },
        }
    }

    /// The next that leaves besides, because of the last datagram: fragments that waited for it.
    pub fn take_leaving(&mut self) -> Option<(Side, Datagram)> {
        self.leaving.pop_front()
    }

    /// The next fragment that has waited in vain, and why.
    pub fn take_lost(&mut self) -> Option<(Datagram, Refusal)> {
        self.lost.pop_front()
    }

    /// A datagram of a flow, which it gives.
    fn pass_flow(
        &mut self,
        now: Time,
        side: Side,
        datagram: &Datagram,
        message: Message,
    ) -> Result<Key, Refusal> {
        let config = &self.config;
        let protocol = Protocol::of(datagram);
        let size = datagram.size();
        let (inside, outside) = match side {
            Side::Inside => (datagram.source, datagram.destination),
            Side::Outside => (datagram.destination, datagram.source),
        };
        if config.block_udp && protocol == Protocol::Udp {
            return Err(Refusal::FirewallUdp);
        }
        if !config.opens(outside.port()) {
            return Err(Refusal::FirewallPort);
        }
        if config.max_size.is_some_and(|most| size > most) {
            return Err(Refusal::FirewallSize);
        }
        let until = now.after(match protocol {
            Protocol::Udp => config.timeout,
            Protocol::Tcp => config.tcp_timeout,
            Protocol::Icmp => config.icmp_timeout,
        });
        let refreshes = config.refresh.covers(side == Side::Inside);
        if let Some(filtering) = config.filtering {
            let key = (protocol, inside, filtering.mask(outside));
            let permitted = self.permissions.entries.contains_key(&key);
            if !permitted && side == Side::Outside {
                return Err(Refusal::FirewallUnsolicited);
            }
            if !permitted && message == Message::Reply {
                return Err(Refusal::FirewallIcmp);
            }
            if permitted && refreshes {
                self.permissions.refresh(until, key);
            } else if !permitted {
                if self.permissions.entries.len() >= config.max_flows {
                    return Err(Refusal::FirewallFull);
                }
                self.permissions.insert(until, key, ());
            }
        }
        let key = (protocol, inside, outside);
        if !self.flows.entries.contains_key(&key) {
            if self.flows.entries.len() >= config.max_flows {
                return Err(Refusal::FirewallFull);
            }
            self.flows.insert(until, key, Flow::new(now));
        } else if refreshes {
            self.flows.refresh(until, key);
        }
        self.count(now, key, size)?;
        Ok(key)
    }

    /// Counts a packet of a flow.
    fn count(&mut self, now: Time, key: Key, size: usize) -> Result<(), Refusal> {
        let Some((_, flow)) = self.flows.entries.get_mut(&key) else {
            return Ok(());
        };
        match flow.refusal(&self.config, now, size as u64) {
            Some(cause) => Err(cause),
            None => Ok(()),
        }
    }

    /// Forgets all flows and permissions.
    pub fn flush(&mut self) {
        self.flows.clear();
        self.permissions.clear();
        self.fragments.clear();
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
