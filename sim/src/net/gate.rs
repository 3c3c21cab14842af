//! Where packets of the real world come in and go out.

use std::collections::VecDeque;

use crate::net::datagram::Datagram;
use crate::net::host::Host;
use crate::time::Time;

/// A host that is a door: what is put in enters the network here, and what arrives waits, with its instant, to be taken.
///
/// Whoever has sockets, or devices, or a file of packets moves a world to the present, puts in what has come and takes
/// what has arrived.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    entering: VecDeque<Datagram>,
    arrived: VecDeque<(Time, Datagram)>,
}

impl Gate {
    /// A gate at which nothing waits.
    pub fn new() -> Gate {
        Gate::default()
    }

    /// Puts in a datagram; it enters the network at the world's present instant, before time moves. A source without
    /// an address has the station's.
    pub fn put(&mut self, datagram: Datagram) {
        self.entering.push_back(datagram);
    }

    /// The next that has arrived, and when; in the order of arrival.
    pub fn take(&mut self) -> Option<(Time, Datagram)> {
        self.arrived.pop_front()
    }
}

impl Host for Gate {
    fn deadline(&self) -> Option<Time> {
        None
    }

    fn wake(&mut self, _now: Time) {}

    fn receive(&mut self, now: Time, datagram: Datagram) {
        self.arrived.push_back((now, datagram));
    }

    fn transmit(&mut self, _now: Time) -> Option<Datagram> {
        self.entering.pop_front()
    }
}
