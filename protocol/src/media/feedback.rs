//! What arrived, as the receiver of a flow reports it (RFC 8888), and how its sender reads the times in the report.

use alloc::vec::Vec;

use super::control::{Block, Ecn, Report};
use crate::id::FlowId;
use crate::time::Instant;

/// How many sequence numbers, up to the highest that arrived, a report covers.
const WINDOW: u64 = 64;
/// How many in a row far behind mean that the sender has begun to count anew.
const RESTART: u8 = 16;

/// What a datagram was to a [`Recorder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noted {
    /// The next one in order.
    Next,
    /// Further ahead: the ones between are missing.
    Gap,
    /// One that had been missing.
    Filled,
    /// One that had arrived.
    Duplicate,
    /// So far behind that nobody remembers whether it had arrived.
    Old,
}

/// The arrivals on one flow: remembers the last 64 sequence numbers, whatever the peer sends.
///
/// Each report repeats the recent past, so that a lost report costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recorder {
    /// When each of the last 64 arrived, at the index `sequence % 64`.
    arrivals: [Option<Instant>; WINDOW as usize],
    /// The low and the high bits of their ECN fields, at the same index.
    ecn: [u64; 2],
    /// The first and the highest sequence number, extended to 64 bits.
    span: Option<(u64, u64)>,
    unique: u64,
    /// What was missing before the last restart.
    missing_before: u64,
    old_in_a_row: u8,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            arrivals: [None; WINDOW as usize],
            ecn: [0; 2],
            span: None,
            unique: 0,
            missing_before: 0,
            old_in_a_row: 0,
        }
    }
}

impl Recorder {
    /// Notes that `hop_seq` arrived at `at`, in an IP packet with this ECN field. A jump, however far, costs at most 64
    /// steps.
    pub fn note(&mut self, hop_seq: u16, at: Instant, ecn: Ecn) -> Noted {
        let Some((first, highest)) = self.span else {
            let sequence = u64::from(hop_seq).saturating_add(1 << 16);
            self.span = Some((sequence, sequence));
            self.unique = 1;
            self.set(sequence, Some((at, ecn)));
            return Noted::Next;
        };
        let ahead = i64::from(hop_seq.wrapping_sub(highest as u16).cast_signed());
        let sequence = highest.saturating_add_signed(ahead);
        if sequence.saturating_add(WINDOW) <= highest {
            self.old_in_a_row = self.old_in_a_row.saturating_add(1);
            if self.old_in_a_row < RESTART {
                return Noted::Old;
            }
            *self = Self {
                missing_before: self.missing(),
                ..Self::default()
            };
            return self.note(hop_seq, at, ecn);
        }
        self.old_in_a_row = 0;
        if sequence <= highest {
            if self.get(sequence).is_some() {
                return Noted::Duplicate;
            }
            self.span = Some((first.min(sequence), highest));
            self.unique = self.unique.saturating_add(1);
            self.set(sequence, Some((at, ecn)));
            return Noted::Filled;
        }
        let next = highest.saturating_add(1);
        for skipped in next.max(sequence.saturating_sub(WINDOW))..sequence {
            self.set(skipped, None);
        }
        self.span = Some((first, sequence));
        self.unique = self.unique.saturating_add(1);
        self.set(sequence, Some((at, ecn)));
        if sequence == next {
            Noted::Next
        } else {
            Noted::Gap
        }
    }

    /// How many sequence numbers were skipped and have not arrived.
    pub fn missing(&self) -> u64 {
        let Some((first, highest)) = self.span else {
            return self.missing_before;
        };
        let all = highest.saturating_sub(first).saturating_add(1);
        all.saturating_sub(self.unique)
            .saturating_add(self.missing_before)
    }

    /// Appends the block on this flow to a report made `now`; nothing where nothing arrived.
    pub fn append_block(&self, flow: FlowId, now: Instant, out: &mut Vec<u8>) {
        let Some((first, highest)) = self.span else {
            return;
        };
        let begin = first.max(highest.saturating_sub(WINDOW.saturating_sub(1)));
        let mut reports = [Report::MISSING; WINDOW as usize];
        let mut count = 0_usize;
        for (report, sequence) in reports.iter_mut().zip(begin..=highest) {
            if let Some(at) = self.get(sequence) {
                *report = Report::received(self.ecn_bits(sequence), now.since(at));
            }
            count = count.saturating_add(1);
        }
        Block::append(
            out,
            flow,
            begin as u16,
            reports.get(..count).unwrap_or_default(),
        );
    }

    fn get(&self, sequence: u64) -> Option<Instant> {
        self.arrivals
            .get((sequence % WINDOW) as usize)
            .copied()
            .flatten()
    }

    fn set(&mut self, sequence: u64, arrival: Option<(Instant, Ecn)>) {
        let index = sequence % WINDOW;
        if let Some(slot) = self.arrivals.get_mut(index as usize) {
            *slot = arrival.map(|(at, _)| at);
        }
        let bits = arrival.map_or(0, |(_, ecn)| ecn.bits());
        for (place, half) in self.ecn.iter_mut().enumerate() {
            let bit = u64::from(bits >> place & 1);
            *half = *half & !(1 << index) | bit << index;
        }
    }

    fn ecn_bits(&self, sequence: u64) -> u8 {
        let index = sequence % WINDOW;
        let [low, high] = self.ecn.map(|half| (half >> index & 1) as u8);
        high << 1 | low
    }
}

/// The timestamp of a report made `now`: units of 1/65536 s, modulo 2³².
pub const fn report_timestamp(now: Instant) -> u32 {
    (now.as_micros() as u128)
        .saturating_mul(4_096)
        .wrapping_div(62_500) as u32
}

/// The reporter's clock, from the timestamps of its reports: extended beyond 32 bits, on an epoch of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PeerClock {
    last: Option<u64>,
}

impl PeerClock {
    /// The instant of a timestamp on the reporter's clock; only spans between such instants mean anything.
    pub fn read(&mut self, timestamp: u32) -> Instant {
        let extended = match self.last {
            None => u64::from(timestamp).saturating_add(1 << 32),
            Some(last) => {
                let ahead = timestamp.wrapping_sub(last as u32).cast_signed();
                last.saturating_add_signed(ahead.into())
            }
        };
        self.last = Some(self.last.map_or(extended, |last| last.max(extended)));
        Instant::from_micros(extended.saturating_mul(15_625) / 1_024)
    }
}
