//! What stands at the ends of links.

use crate::log::Dropped;
use crate::packet::Packet;
use crate::time::Time;

/// A node's index in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

impl NodeId {
    /// The first node of a world, as in [`World::pair`](crate::World::pair).
    pub const A: NodeId = NodeId(0);

    /// The second node of a world, as in [`World::pair`](crate::World::pair).
    pub const B: NodeId = NodeId(1);
}

/// A participant: state that is handed packets and instants, and asked for packets and its next deadline.
///
/// A node must be deterministic: no clock of its own, no randomness but from a seed, no iteration in hash order. It
/// changes only when it is called: the world asks for its deadline, and for what it transmits, after it has received, was
/// woken, or was borrowed by [`World::node_mut`](crate::World::node_mut), and at no other time.
pub trait Node {
    /// What it sends and receives.
    type Packet: Packet;

    /// When it next wants to be woken, if ever. Time stops there, and only there and at arrivals.
    ///
    /// A deadline that has passed means at once. A woken node must advertise a later one, or none.
    fn deadline(&self) -> Option<Time>;

    /// Its deadline has come.
    fn wake(&mut self, now: Time);

    /// A packet arrives.
    fn receive(&mut self, now: Time, from: NodeId, packet: Self::Packet);

    /// The next packet that it wants to send, and to whom; `None` if there is nothing now.
    fn transmit(&mut self, now: Time) -> Option<(NodeId, Self::Packet)>;

    /// The next packet that it was to pass on and dropped, for the log.
    fn dropped(&mut self) -> Option<Dropped> {
        None
    }
}
