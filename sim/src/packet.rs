//! What travels over links.

use crate::link::Corruption;
use crate::random::Stream;

/// A packet, of which the simulator sees the size, the class and the ECN field, and never the content.
pub trait Packet: Clone {
    /// Bytes that the packet takes on the link, its headers included.
    fn size(&self) -> usize;

    /// The kind under which the log counts the packet: one word, such as `"media"`.
    fn class(&self) -> &'static str;

    /// Whether the packet is a piece of an in-order, lossless byte stream beneath.
    ///
    /// For tests that run without a real transport. Such packets are neither lost nor dropped from a queue, wait out
    /// an outage, and never overtake each other. They take time and room on the link like any other.
    fn reliable(&self) -> bool {
        false
    }

    /// What the packets of one flow share and those of another rarely do: a hash of addresses, ports and protocol, by
    /// which fair queues tell flows apart.
    fn flow(&self) -> u64 {
        0
    }

    /// Its ECN field.
    fn ecn(&self) -> Ecn {
        Ecn::NotEct
    }

    /// Rewrites its ECN field.
    fn set_ecn(&mut self, _ecn: Ecn) {}

    /// Damages its content, as the draws say ([`Corruption::apply`] does it to bytes); a packet without content stays as
    /// it is.
    fn corrupt(&mut self, _corruption: Corruption, _draws: &mut Stream) {}
}

/// A packet on the heap, which is moved for the price of a pointer.
impl<P: Packet> Packet for Box<P> {
    fn size(&self) -> usize {
        P::size(self)
    }

    fn class(&self) -> &'static str {
        P::class(self)
    }

    fn reliable(&self) -> bool {
        P::reliable(self)
    }

    fn flow(&self) -> u64 {
        P::flow(self)
    }

    fn ecn(&self) -> Ecn {
        P::ecn(self)
    }

    fn set_ecn(&mut self, ecn: Ecn) {
        P::set_ecn(self, ecn);
    }

    fn corrupt(&mut self, corruption: Corruption, draws: &mut Stream) {
        P::corrupt(self, corruption, draws);
    }
}

/// The ECN field of an IP header (RFC 3168 §5, RFC 9331 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecn {
    /// `00`: the sender does not take marks.
    #[default]
    NotEct,
    /// `10`: ECT(0), the classic capable transport.
    Ect0,
    /// `01`: ECT(1), a capable transport of the L4S kind.
    Ect1,
    /// `11`: congestion was experienced.
    Ce,
}

impl Ecn {
    /// The name that the log uses: `not-ect`, `ect0`, `ect1`, `ce`.
    pub const fn name(self) -> &'static str {
        match self {
            Ecn::NotEct => "not-ect",
            Ecn::Ect0 => "ect0",
            Ecn::Ect1 => "ect1",
            Ecn::Ce => "ce",
        }
    }

    /// Whether a queue may mark the packet instead of dropping it.
    pub const fn is_capable(self) -> bool {
        !matches!(self, Ecn::NotEct)
    }
}
