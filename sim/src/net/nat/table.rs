//! All mappings of a NAT, found from either side.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::allocator::Allocator;
use super::config::{Allocation, NatConfig};
use super::mapping::{Mapping, Sign};
use crate::net::behaviour::Behaviour;
use crate::net::expiry::Expiry;
use crate::net::passage::Refusal;
use crate::net::protocol::Protocol;
use crate::time::Time;

/// A mapping's number; later ones are larger.
type Id = u64;

#[derive(Clone, Debug)]
pub(super) struct Table {
    mappings: BTreeMap<Id, Mapping>,
    next: Id,
    /// By internal endpoint and what mapping looks at of the peer.
    by_inside: BTreeMap<(Protocol, SocketAddr, SocketAddr), Id>,
    /// By external endpoint, in the order of creation; more than one if ports are overloaded.
    by_external: BTreeMap<(Protocol, SocketAddr), Vec<Id>>,
    /// Mappings of each host inside.
    hosts: BTreeMap<IpAddr, usize>,
    expiry: Expiry<Id>,
    allocator: Allocator,
}

impl Table {
    pub(super) fn new(seed: u64, name: &str) -> Table {
        Table {
            mappings: BTreeMap::new(),
            next: 0,
            by_inside: BTreeMap::new(),
            by_external: BTreeMap::new(),
            hosts: BTreeMap::new(),
            expiry: Expiry::new(),
            allocator: Allocator::new(seed, name),
        }
    }

    /// Mappings made so far, those that are gone included.
    pub(super) const fn made(&self) -> u64 {
        self.next
    }

    pub(super) fn len(&self) -> usize {
        self.mappings.len()
    }

    /// Removes what has expired; all that is left is alive.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some(id) = self.expiry.pop_due(now) {
            let Some(mapping) = self.mappings.get_mut(&id) else {
                continue;
            };
            if mapping.until > now {
                mapping.prune(now);
                mapping.queued = mapping.until;
                self.expiry.push(mapping.until, id);
            } else {
                self.remove(id);
            }
        }
    }

    /// The mapping that a packet from inside uses, if there is one.
    pub(super) fn outbound(
        &self,
        config: &NatConfig,
        protocol: Protocol,
        inside: SocketAddr,
        peer: SocketAddr,
    ) -> Option<Id> {
        let secondary = config.secondary.map(|(mapping, _)| mapping);
        let mut behaviours = core::iter::once(config.mapping).chain(secondary);
        behaviours.find_map(|behaviour| {
            let key = (protocol, inside, behaviour.mask(peer));
            self.by_inside.get(&key).copied()
        })
    }

    /// The mapping that a packet from a peer outside uses.
    ///
    /// Where mappings share an external endpoint, the one that knows the peer gets the packet, else one that admits it;
    /// the youngest of several.
    pub(super) fn inbound(
        &self,
        now: Time,
        protocol: Protocol,
        external: SocketAddr,
        peer: SocketAddr,
    ) -> Result<Id, Refusal> {
        let ids = self.by_external.get(&(protocol, external));
        let ids = ids.ok_or(Refusal::NatNoMapping)?;
        let find = |fits: &dyn Fn(&Mapping) -> bool| {
            let mut youngest_first = ids.iter().rev();
            youngest_first.find(|id| self.mappings.get(id).is_some_and(fits))
        };
        find(&|mapping| mapping.knows(now, peer))
            .or_else(|| find(&|mapping| mapping.admits(now, peer)))
            .copied()
            .ok_or(Refusal::NatFiltered)
    }

    /// Makes the mapping for a packet from inside. It must be touched at once.
    pub(super) fn create(
        &mut self,
        config: &NatConfig,
        pool: &[Ipv4Addr],
        protocol: Protocol,
        inside: SocketAddr,
        peer: SocketAddr,
    ) -> Result<Id, Refusal> {
        let held = self.hosts.get(&inside.ip()).copied().unwrap_or(0);
        if config.max_per_host.is_some_and(|most| held >= most) {
            return Err(Refusal::NatHostFull);
        }
        if self.mappings.len() >= config.max_mappings {
            return Err(Refusal::NatFull);
        }
        let neighbour = self.neighbour(protocol, inside);
        let external = self
            .allocator
            .take(config, pool, protocol, inside, neighbour)
            .ok_or(Refusal::NatPortsExhausted)?;
        let (mapping, filtering) = match config.secondary {
            Some(secondary) if external.port() != inside.port() => secondary,
            _ => (config.mapping, config.filtering),
        };
        let towards = mapping.mask(peer);
        let id = self.next;
        self.next += 1;
        self.by_inside.insert((protocol, inside, towards), id);
        let sharing = self.by_external.entry((protocol, external)).or_default();
        debug_assert!(sharing.is_empty() || config.allocation == Allocation::PreserveOverload);
        sharing.push(id);
        *self.hosts.entry(inside.ip()).or_default() += 1;
        let mapping = Mapping::new(protocol, inside, external, towards, filtering);
        self.expiry.push(mapping.queued, id);
        self.mappings.insert(id, mapping);
        Ok(id)
    }

    /// A packet passes through a mapping; gives its internal and external endpoints.
    pub(super) fn touch(
        &mut self,
        config: &NatConfig,
        now: Time,
        id: Id,
        peer: SocketAddr,
        sign: Sign,
    ) -> Option<(SocketAddr, SocketAddr)> {
        let mapping = self.mappings.get_mut(&id)?;
        mapping.touch(config, now, peer, sign);
        if mapping.until < mapping.queued || mapping.queued <= now {
            self.expiry.remove(mapping.queued, id);
            mapping.queued = mapping.until;
            self.expiry.push(mapping.queued, id);
        }
        Some((mapping.inside, mapping.external))
    }

    /// The internal and external endpoints of a mapping.
    pub(super) fn endpoints(&self, id: Id) -> Option<(SocketAddr, SocketAddr)> {
        let mapping = self.mappings.get(&id)?;
        Some((mapping.inside, mapping.external))
    }

    pub(super) fn remove(&mut self, id: Id) {
        let Some(mapping) = self.mappings.remove(&id) else {
            return;
        };
        self.expiry.remove(mapping.queued, id);
        let key = (mapping.protocol, mapping.inside, mapping.towards);
        self.by_inside.remove(&key);
        let external = (mapping.protocol, mapping.external);
        if let Some(sharing) = self.by_external.get_mut(&external) {
            sharing.retain(|other| *other != id);
            if sharing.is_empty() {
                self.by_external.remove(&external);
                self.allocator.release(mapping.protocol, mapping.external);
            }
        }
        let host = mapping.inside.ip();
        if let Some(held) = self.hosts.get_mut(&host) {
            *held -= 1;
            if *held == 0 {
                self.hosts.remove(&host);
            }
        }
    }

    /// Removes all mappings.
    pub(super) fn clear(&mut self) {
        self.remove_if(|_| true);
    }

    /// Removes all mappings of external addresses that are not in the pool.
    pub(super) fn retain(&mut self, pool: &[Ipv4Addr]) {
        let is_there = |external: IpAddr| pool.iter().any(|address| external == *address);
        self.remove_if(|mapping| !is_there(mapping.external.ip()));
        self.allocator.retain(pool);
    }

    fn remove_if(&mut self, fits: impl Fn(&Mapping) -> bool) {
        let mappings = self.mappings.iter().filter(|(_, mapping)| fits(mapping));
        let ids: Vec<Id> = mappings.map(|(id, _)| *id).collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// Forgets where sequential allocation stood; the table must be empty.
    pub(super) fn reset(&mut self) {
        self.allocator.reset();
    }

    /// The external endpoint of the other port of the pair to which an internal port belongs.
    fn neighbour(&self, protocol: Protocol, inside: SocketAddr) -> Option<SocketAddr> {
        let other = SocketAddr::new(inside.ip(), inside.port() ^ 1);
        let any = Behaviour::EndpointIndependent.mask(other);
        let mut mappings = self.by_inside.range((protocol, other, any)..);
        let ((found, endpoint, _), id) = mappings.next()?;
        let fits = *found == protocol && *endpoint == other;
        let mapping = self.mappings.get(id).filter(|_| fits)?;
        Some(mapping.external)
    }
}
