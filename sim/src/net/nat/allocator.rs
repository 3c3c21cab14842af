//! Which external endpoint a new mapping gets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::config::{Allocation, NatConfig, Pooling};
use super::port_set::{Candidates, PortSet};
use crate::net::protocol::Protocol;
use crate::random::Stream;

/// The first port that is not well known (RFC 6335 §6).
const FIRST_UNPRIVILEGED: u16 = 1_024;

/// The ports of all external addresses.
#[derive(Clone, Debug)]
pub(super) struct Allocator {
    taken: BTreeMap<(Protocol, Ipv4Addr), Ports>,
    /// One draw for each new mapping, whether or not it decides.
    port_draws: Stream,
    pool_draws: Stream,
    /// What pairs hosts inside with addresses; indexed, never drawn from.
    pairs: Stream,
}

#[derive(Clone, Debug)]
struct Ports {
    taken: PortSet,
    /// Where sequential allocation goes on.
    next: u16,
}

impl Allocator {
    pub(super) fn new(seed: u64, name: &str) -> Allocator {
        let stream = |purpose| Stream::new(seed, &format!("{name}/nat-{purpose}"));
        Allocator {
            taken: BTreeMap::new(),
            port_draws: stream("ports"),
            pool_draws: stream("pool"),
            pairs: stream("pairs"),
        }
    }

    /// Takes an external endpoint for `inside`, whose neighbour (the other port of an even-odd pair) has that of
    /// `neighbour`. `None` if there is none.
    pub(super) fn take(
        &mut self,
        config: &NatConfig,
        pool: &[Ipv4Addr],
        protocol: Protocol,
        inside: SocketAddr,
        neighbour: Option<SocketAddr>,
    ) -> Option<SocketAddr> {
        let draw = self.port_draws.next_u64();
        let mut addresses = self.addresses(config, pool, inside.ip());
        let mut beside = None;
        if config.allocation == Allocation::Contiguous
            && let Some(neighbour) = neighbour
        {
            beside = Some(neighbour.port() ^ 1);
            addresses.retain(|address| neighbour.ip() == *address);
            addresses.extend(self.addresses(config, pool, inside.ip()));
        }
        for address in addresses {
            let ports = self
                .taken
                .entry((protocol, address))
                .or_insert_with(|| Ports {
                    taken: PortSet::new(),
                    next: *config.ports.start(),
                });
            let beside = beside.filter(|_| neighbour.is_some_and(|other| other.ip() == address));
            let choose = |candidates: &Candidates| {
                ports.choose(config.allocation, candidates, inside.port(), beside, draw)
            };
            if let Some(port) = preferences(config, inside.port()).iter().find_map(choose) {
                ports.taken.insert(port);
                ports.next = port.wrapping_add(1);
                return Some(SocketAddr::from((address, port)));
            }
        }
        None
    }

    /// Gives an external endpoint back.
    pub(super) fn release(&mut self, protocol: Protocol, external: SocketAddr) {
        if let IpAddr::V4(address) = external.ip()
            && let Some(ports) = self.taken.get_mut(&(protocol, address))
        {
            ports.taken.remove(external.port());
        }
    }

    /// Forgets where sequential allocation stood, as after a reboot.
    pub(super) fn reset(&mut self) {
        self.taken.clear();
    }

    /// Forgets addresses that are no longer there.
    pub(super) fn retain(&mut self, pool: &[Ipv4Addr]) {
        self.taken.retain(|(_, address), _| pool.contains(address));
    }

    /// The external addresses that a host may get, the preferred one first.
    fn addresses(
        &mut self,
        config: &NatConfig,
        pool: &[Ipv4Addr],
        inside: IpAddr,
    ) -> Vec<Ipv4Addr> {
        let count = pool.len() as u64;
        let start = self.pool_draws.below(count) as usize;
        match (config.pooling, inside) {
            (Pooling::Paired, IpAddr::V4(host)) if count > 0 => {
                let index = self.pairs.at(u64::from(host.to_bits())) % count;
                vec![pool[index as usize]]
            }
            _ => (0..pool.len())
                .map(|step| pool[(start + step) % pool.len()])
                .collect(),
        }
    }
}

impl Ports {
    fn choose(
        &self,
        allocation: Allocation,
        candidates: &Candidates,
        inside: u16,
        beside: Option<u16>,
        draw: u64,
    ) -> Option<u16> {
        let taken = &self.taken;
        let in_range = candidates.range.contains(&inside);
        match allocation {
            Allocation::Preserve => taken.next_free(candidates, inside),
            Allocation::PreserveOverload if in_range => Some(inside),
            Allocation::PreserveOverload => taken.next_free(candidates, inside),
            Allocation::Sequential => taken.next_free(candidates, self.next),
            Allocation::Random => {
                let count = taken.count_free(candidates);
                let index = (u128::from(draw) * u128::from(count)) >> 64;
                taken.nth_free(candidates, index as u64)
            }
            Allocation::Contiguous => beside
                .filter(|port| candidates.range.contains(port) && !taken.contains(*port))
                .or_else(|| {
                    let even = taken.next_free_pair(&candidates.any_parity(), self.next);
                    even.map(|even| even | (inside & 1))
                })
                .or_else(|| taken.next_free(candidates, self.next)),
        }
    }
}

impl Candidates {
    fn any_parity(&self) -> Candidates {
        Candidates {
            range: self.range.clone(),
            parity_of: None,
        }
    }
}

/// Where to look for a port, the best place first: neither class nor parity is worth failing for.
fn preferences(config: &NatConfig, inside: u16) -> Vec<Candidates> {
    let (first, last) = ((*config.ports.start()).max(1), *config.ports.end());
    let class = if inside < FIRST_UNPRIVILEGED {
        first..=last.min(FIRST_UNPRIVILEGED - 1)
    } else {
        first.max(FIRST_UNPRIVILEGED)..=last
    };
    let mut places = Vec::with_capacity(4);
    let class = config.port_class.then_some(class);
    for range in class.into_iter().chain([first..=last]) {
        if config.parity {
            places.push(Candidates {
                range: range.clone(),
                parity_of: Some(inside),
            });
        }
        places.push(Candidates {
            range,
            parity_of: None,
        });
    }
    places
}
