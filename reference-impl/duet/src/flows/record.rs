//! What a media flow leaves behind, before anything is computed of it.

use std::collections::BTreeMap;
use std::time::Duration;

use duet_sim::Time;

use super::host::FlowHost;
use super::peers::SenderRecord;

/// What left so shortly before the end of a run may be on its way, and is not counted as lost.
pub const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// A UDP datagram at a host: when, and its bytes with the IP and UDP headers.
pub type Wire = (Time, u32);

/// A picture of a media flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it was captured.
    pub captured: Time,
    /// When the last of its packets arrived, if all did.
    pub whole: Option<Time>,
}

/// A media flow.
#[derive(Clone, Debug, Default)]
pub struct FlowRecord {
    /// What the sender remembers.
    pub sender: SenderRecord,
    /// Packets that arrived: their numbers, and when.
    pub arrivals: Vec<(u32, Time)>,
    /// Datagrams that the sender sent.
    pub sent: Vec<Wire>,
    /// Datagrams that the receiver received.
    pub received: Vec<Wire>,
    /// Datagrams that the receiver sent: feedback and acknowledgements.
    pub feedback: Vec<Wire>,
    /// Of those received, the ones with a mark (ECN-CE).
    pub marked: u64,
}

impl FlowRecord {
    /// What the two ends of a flow have by now.
    pub fn of(sender: &FlowHost, receiver: &FlowHost) -> Self {
        Self {
            sender: sender.end().sent().cloned().unwrap_or_default(),
            arrivals: receiver.end().arrivals().to_vec(),
            sent: sender.sent().to_vec(),
            received: receiver.received().to_vec(),
            feedback: receiver.sent().to_vec(),
            marked: receiver.marked(),
        }
    }

    /// When each of the sender's packets first arrived, in the order of their numbers.
    pub fn arrived(&self) -> Vec<Option<Time>> {
        let mut arrived = vec![None; self.sender.packets.len()];
        for (number, at) in &self.arrivals {
            if let Some(slot) = arrived.get_mut(*number as usize) {
                *slot = slot.or(Some(*at));
            }
        }
        arrived
    }

    /// The pictures, in order, given when packets [arrived](Self::arrived).
    pub fn frames(&self, arrived: &[Option<Time>]) -> Vec<Frame> {
        let mut frames: BTreeMap<u32, Frame> = BTreeMap::new();
        for (packet, arrived) in self.sender.packets.iter().zip(arrived) {
            if packet.audio {
                continue;
            }
            let first = Frame {
                captured: packet.captured,
                whole: Some(Time::ZERO),
            };
            let frame = frames.entry(packet.frame).or_insert(first);
            frame.whole = frame.whole.and_then(|last| arrived.map(|at| at.max(last)));
        }
        frames.into_values().collect()
    }
}
