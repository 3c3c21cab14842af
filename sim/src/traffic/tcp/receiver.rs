//! The receiving end of one connection.

use crate::net::{Ecn, Segment};
use crate::time::Time;
use crate::traffic::TcpSinkConfig;
use crate::traffic::tcp::ranges::Ranges;

/// Most blocks of a SACK option beside timestamps (RFC 2018 §3).
const MOST_BLOCKS: usize = 3;

/// What has arrived, and what to say of it.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    /// The first number that is missing (RCV.NXT).
    expected: u64,
    /// What has arrived above it.
    above: Ranges,
    /// A number in each of the blocks of `above` that changed last, newest first.
    recent: Vec<u64>,
    /// What arrived twice and is to be told (RFC 2883).
    twice: Option<(u64, u64)>,
    /// The number after the FIN, once it is known.
    fin: Option<u64>,
    /// The timestamp to echo (TS.Recent), and the last acknowledgement sent (RFC 7323 §4.3).
    echo: u64,
    last_acknowledged: u64,
    /// Segments that no acknowledgement has left for, and when one is due at the latest.
    unanswered: u32,
    due: Option<Time>,
    /// Whether the sender agreed to ECN, and whether a mark waits for CWR.
    ecn: bool,
    marked: bool,
}

/// What a segment did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// Bytes of payload that are newly in order.
    pub(super) delivered: u64,
    /// Whether nothing in it was new.
    pub(super) duplicate: bool,
    /// Whether an acknowledgement is to leave at once.
    pub(super) answer: bool,
}

impl Receiver {
    /// A connection that begins with this SYN.
    pub(super) fn new(syn: &Segment, config: &TcpSinkConfig) -> Receiver {
        let asks = Segment::ECE | Segment::CWR;
        Receiver {
            expected: syn.end(),
            above: Ranges::default(),
            recent: Vec::new(),
            twice: None,
            fin: None,
            echo: syn.timestamps.0,
            last_acknowledged: syn.end(),
            unanswered: 0,
            due: None,
            ecn: config.ecn && syn.has(asks),
            marked: false,
        }
    }

    /// The first number that is missing.
    pub(super) fn expected(&self) -> u64 {
        self.expected
    }

    /// Whether all has arrived, the FIN included.
    pub(super) fn is_complete(&self) -> bool {
        self.fin == Some(self.expected)
    }

    /// When an acknowledgement is due at the latest.
    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    /// The answer to a SYN.
    pub(super) fn syn_ack(&mut self, now: Time, syn: &Segment, config: &TcpSinkConfig) -> Segment {
        self.echo = self.echo.max(syn.timestamps.0);
        let ecn = if self.ecn { Segment::ECE } else { 0 };
        Segment {
            acknowledged: self.expected,
            window: config.window,
            timestamps: (now.as_nanos(), syn.timestamps.0),
            flags: Segment::SYN | Segment::ACK | ecn,
            ..Segment::default()
        }
    }

    /// Takes in a segment with payload or FIN.
    pub(super) fn receive(
        &mut self,
        now: Time,
        segment: &Segment,
        ecn: Ecn,
        config: &TcpSinkConfig,
    ) -> Received {
        if segment.has(Segment::CWR) {
            self.marked = false;
        }
        self.marked |= self.ecn && ecn == Ecn::Ce;
        if segment.sequence <= self.last_acknowledged {
            self.echo = self.echo.max(segment.timestamps.0);
        }
        let (start, end) = (segment.sequence, segment.end());
        let fin = segment.has(Segment::FIN);
        if fin {
            self.fin = Some(end);
        }
        let before = self.expected;
        let had_holes = !self.above.is_empty();
        let new = self.above.insert(start.max(self.expected), end);
        if let Some((_, reached)) = self.above.range_of(self.expected) {
            self.expected = reached;
            self.above.remove_below(reached);
        } else if new > 0 {
            self.recent.insert(0, start);
        }
        let duplicate = new == 0;
        if duplicate {
            self.twice = Some((start, end));
            // A report of what lies in a block is followed by that block.
            self.recent.insert(0, start);
        }
        let end_passed = self
            .fin
            .is_some_and(|fin| before < fin && fin <= self.expected);
        self.unanswered += 1;
        if self.due.is_none() {
            self.due = Some(now.after(config.ack_delay));
        }
        Received {
            delivered: self.expected - before - u64::from(end_passed),
            duplicate,
            // At once: what is out of order, twice, fills a hole, or is the last (RFC 5681 §4.2).
            answer: duplicate
                || had_holes
                || self.expected == before
                || fin
                || self.unanswered >= config.ack_every,
        }
    }

    /// The acknowledgement of all that has arrived.
    pub(super) fn acknowledgement(&mut self, now: Time, config: &TcpSinkConfig) -> Segment {
        self.unanswered = 0;
        self.due = None;
        self.last_acknowledged = self.expected;
        let marked = if self.marked { Segment::ECE } else { 0 };
        Segment {
            sequence: 1,
            acknowledged: self.expected,
            window: config.window,
            sacks: self.blocks(),
            timestamps: (now.as_nanos(), self.echo),
            flags: Segment::ACK | marked,
            ..Segment::default()
        }
    }

    /// The blocks of the SACK option: what came twice, then what changed last (RFC 2018 §4, RFC 2883 §4).
    fn blocks(&mut self) -> Vec<(u64, u64)> {
        let mut blocks: Vec<(u64, u64)> = self.twice.take().into_iter().collect();
        if self.above.is_empty() {
            self.recent.clear();
            return blocks;
        }
        let first = blocks.len();
        let above = &self.above;
        self.recent.retain(|number| match above.range_of(*number) {
            Some(block) if !blocks[first..].contains(&block) && blocks.len() < MOST_BLOCKS => {
                blocks.push(block);
                true
            }
            _ => false,
        });
        blocks
    }
}
