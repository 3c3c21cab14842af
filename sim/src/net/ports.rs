//! Several hosts at one address.

use core::ops::RangeInclusive;
use std::collections::BTreeMap;

use crate::net::datagram::Datagram;
use crate::net::host::Host;
use crate::time::Time;

/// Hosts that share an address, each with ports of its own: what arrives goes to the one whose port it names, what comes
/// for any other port is ignored. They transmit in the order of their ports.
#[derive(Clone, Debug)]
pub struct Ports<H> {
    /// By the first port of each; with the last.
    hosts: BTreeMap<u16, (u16, H)>,
}

impl<H> Default for Ports<H> {
    fn default() -> Ports<H> {
        Ports {
            hosts: BTreeMap::new(),
        }
    }
}

impl<H> Ports<H> {
    /// No host yet.
    pub fn new() -> Ports<H> {
        Ports::default()
    }

    /// Adds a host that has these ports.
    ///
    /// # Panics
    ///
    /// If one of them is another's.
    pub fn insert(&mut self, ports: RangeInclusive<u16>, host: H) {
        let (first, last) = (*ports.start(), *ports.end());
        let taken = self.hosts.range(..=last).next_back();
        assert!(
            taken.is_none_or(|(_, (end, _))| *end < first),
            "two hosts at a port from {first} to {last}"
        );
        self.hosts.insert(first, (last, host));
    }

    /// The host that has a port.
    pub fn at(&self, port: u16) -> Option<&H> {
        let (_, (last, host)) = self.hosts.range(..=port).next_back()?;
        (port <= *last).then_some(host)
    }

    /// The host that has a port, to give it commands.
    pub fn at_mut(&mut self, port: u16) -> Option<&mut H> {
        let (_, (last, host)) = self.hosts.range_mut(..=port).next_back()?;
        (port <= *last).then_some(host)
    }

    /// All of them, with the first port of each, in the order of their ports.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &H)> {
        self.hosts.iter().map(|(port, (_, host))| (*port, host))
    }

    fn hosts(&self) -> impl Iterator<Item = &H> {
        self.hosts.values().map(|(_, host)| host)
    }

    fn hosts_mut(&mut self) -> impl Iterator<Item = &mut H> {
        self.hosts.values_mut().map(|(_, host)| host)
    }
}

impl<H: Host> Host for Ports<H> {
    fn deadline(&self) -> Option<Time> {
        self.hosts().filter_map(Host::deadline).min()
    }

    fn wake(&mut self, now: Time) {
        for host in self.hosts_mut() {
            if host.deadline().is_some_and(|at| at <= now) {
                host.wake(now);
            }
        }
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        if let Some(host) = self.at_mut(datagram.destination.port()) {
            host.receive(now, datagram);
        }
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        self.hosts_mut().find_map(|host| host.transmit(now))
    }
}

impl<H: Host + ?Sized> Host for Box<H> {
    fn deadline(&self) -> Option<Time> {
        (**self).deadline()
    }

    fn wake(&mut self, now: Time) {
        (**self).wake(now);
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        (**self).receive(now, datagram);
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        (**self).transmit(now)
    }
}
