//! What travels over links.

/// A packet, of which the simulator sees the size and the class and never the content.
pub trait Packet {
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
}
