//! What stands at the edge of a network.

use crate::net::datagram::Datagram;
use crate::time::Time;

/// A participant that knows IP addresses and no nodes.
///
/// As deterministic as a [`Node`](crate::Node), and it changes only when it is called: its deadline is read again after
/// each call, and after a call it is asked for what it transmits until it has no more.
pub trait Host {
    /// When it next wants to be woken, if ever. One that has passed means at once.
    fn deadline(&self) -> Option<Time>;

    /// Its deadline has come.
    fn wake(&mut self, now: Time);

    /// A datagram arrives.
    fn receive(&mut self, now: Time, datagram: Datagram);

    /// The next datagram that it wants to send; `None` if there is nothing now.
    fn transmit(&mut self, now: Time) -> Option<Datagram>;
}
