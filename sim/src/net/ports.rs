//! Several hosts at one address.

use std::collections::BTreeMap;

use crate::net::datagram::Datagram;
use crate::net::host::Host;
use crate::time::Time;

/// Hosts that share an address, each with a port of its own: what arrives goes to the one whose port it names, what
/// comes for any other port is ignored. They transmit in the order of their ports.
#[derive(Clone, Debug)]
pub struct Ports<H> {
    hosts: BTreeMap<u16, H>,
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

    /// Adds a host at a port; gives back the one that was there.
    pub fn insert(&mut self, port: u16, host: H) -> Option<H> {
        self.hosts.insert(port, host)
    }

    /// The host at a port.
    pub fn at(&self, port: u16) -> Option<&H> {
        self.hosts.get(&port)
    }

    /// The host at a port, to give it commands.
    pub fn at_mut(&mut self, port: u16) -> Option<&mut H> {
        self.hosts.get_mut(&port)
    }

    /// All of them, in the order of their ports.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &H)> {
        self.hosts.iter().map(|(port, host)| (*port, host))
    }

    /// A port from 49152 on (RFC 6335 §6) at which there is no host.
    pub fn free(&self) -> u16 {
        let taken = |port: &u16| self.hosts.contains_key(port);
        (49_152..=u16::MAX)
            .find(|port| !taken(port))
            .unwrap_or(u16::MAX)
    }
}

impl<H: Host> Host for Ports<H> {
    fn deadline(&self) -> Option<Time> {
        self.hosts.values().filter_map(Host::deadline).min()
    }

    fn wake(&mut self, now: Time) {
        for host in self.hosts.values_mut() {
            if host.deadline().is_some_and(|at| at <= now) {
                host.wake(now);
            }
        }
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        if let Some(host) = self.hosts.get_mut(&datagram.destination.port()) {
            host.receive(now, datagram);
        }
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        self.hosts.values_mut().find_map(|host| host.transmit(now))
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
