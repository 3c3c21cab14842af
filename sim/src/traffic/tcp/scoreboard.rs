//! What is under way, what has arrived, and what to send next (RFC 6675).

use crate::traffic::tcp::ranges::Ranges;

/// Segments above a hole from which on it counts as lost (DupThresh).
const THRESHOLD: u64 = 3;

/// The sender's view of the receiver.
#[derive(Clone, Debug)]
pub(super) struct Scoreboard {
    segment: u64,
    /// The first number that is not acknowledged (HighACK + 1).
    acknowledged: u64,
    /// The first that was never sent (HighData + 1).
    next: u64,
    /// All holes below this were sent again in this recovery (HighRxt + 1).
    resent: u64,
    /// Above `acknowledged`.
    sacked: Ranges,
    /// Below this, what has not arrived is lost.
    lost: u64,
    /// Below this, the timer has declared lost what has not arrived.
    timed_out: u64,
    /// Bytes thought to be under way.
    pipe: u64,
    /// Whether this recovery may still send its last segment again without evidence of loss (RescueRxt).
    may_rescue: bool,
}

/// What is sent again, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// A hole; counts as under way once more.
    Hole(u64, u64),
    /// The end of what was sent, to provoke an acknowledgement; does not count (§4, rule 4).
    Rescue(u64, u64),
}

impl Scoreboard {
    /// Everything below `first` is acknowledged.
    pub(super) fn new(first: u64, segment: u64) -> Scoreboard {
        Scoreboard {
            segment,
            acknowledged: first,
            next: first,
            resent: first,
            sacked: Ranges::default(),
            lost: first,
            timed_out: first,
            pipe: 0,
            may_rescue: false,
        }
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn pipe(&self) -> u64 {
        self.pipe
    }

    /// All that is not acknowledged, whatever became of it (FlightSize).
    pub(super) fn flight(&self) -> u64 {
        self.next - self.acknowledged
    }

    /// Takes in an acknowledgement; says how many bytes are newly acknowledged and newly known to have arrived above.
    pub(super) fn acknowledge(&mut self, acknowledged: u64, sacks: &[(u64, u64)]) -> (u64, u64) {
        let acked = acknowledged.saturating_sub(self.acknowledged);
        self.acknowledged += acked;
        let mut sacked = 0;
        for &(start, end) in sacks {
            sacked += self
                .sacked
                .insert(start.max(self.acknowledged), end.min(self.next));
        }
        if acked > 0 {
            self.sacked.remove_below(self.acknowledged);
            self.resent = self.resent.max(self.acknowledged);
        }
        (acked, sacked)
    }

    /// Whether the first byte not acknowledged is lost.
    pub(super) fn first_is_lost(&self) -> bool {
        self.lost > self.acknowledged
    }

    /// Decides again what is lost (IsLost) and what is under way (SetPipe).
    ///
    /// What is lost is lost up to a bound, since what has more above it than another has at least as much. After a
    /// timeout only what was under way then is lost, until all of it is acknowledged.
    pub(super) fn settle(&mut self) {
        let first = self.acknowledged;
        self.lost = if self.timed_out > first {
            self.timed_out
        } else {
            self.bound_of_loss().max(first)
        };
        let under_way = |from: u64, to: u64| {
            if self.sacked.is_empty() {
                return to - from;
            }
            (to - from) - self.sacked.below(to)
        };
        self.pipe = (self.flight() - self.sacked.total()) - under_way(first, self.lost)
            + under_way(first, self.resent);
    }

    /// The start of the range that has enough above it.
    fn bound_of_loss(&self) -> u64 {
        let mut ranges = 0;
        let mut bytes = 0;
        for (start, end) in self.sacked.iter().rev() {
            ranges += 1;
            bytes += end - start;
            if ranges >= THRESHOLD || bytes > (THRESHOLD - 1) * self.segment {
                return *start;
            }
        }
        0
    }

    /// Fast recovery begins: no hole has been sent again.
    pub(super) fn begin_recovery(&mut self) {
        self.resent = self.acknowledged;
        self.may_rescue = true;
    }

    /// The timer has expired: all that has not arrived is lost, and what was sent again is too.
    pub(super) fn time_out(&mut self) {
        self.resent = self.acknowledged;
        self.timed_out = self.next;
        self.may_rescue = false;
    }

    /// The first hole that is lost and was not sent again (NextSeg, rule 1).
    pub(super) fn lost_hole(&self) -> Option<Again> {
        self.hole_below(self.lost)
    }

    /// The first hole that was not sent again, lost or not, with anything above it (rule 3), or else the end of what was
    /// sent, once per recovery (rule 4).
    pub(super) fn speculative(&self) -> Option<Again> {
        if let Some(top) = self.sacked.end()
            && let Some(hole) = self.hole_below(top)
        {
            return Some(hole);
        }
        let last = self.next.saturating_sub(self.segment).max(self.resent);
        let tail = self.sacked.end().map_or(last, |top| last.max(top));
        (self.may_rescue && tail < self.next).then_some(Again::Rescue(tail, self.next))
    }

    /// The first byte not acknowledged, as the first that recovery sends.
    pub(super) fn first_hole(&self) -> Option<(u64, u64)> {
        self.sacked.first_gap(self.acknowledged, self.next)
    }

    fn hole_below(&self, limit: u64) -> Option<Again> {
        let (start, end) = self.sacked.first_gap(self.resent, limit)?;
        Some(Again::Hole(start, end))
    }

    /// New numbers leave.
    pub(super) fn sent(&mut self, count: u64) {
        self.next += count;
        self.pipe += count;
    }

    /// A hole leaves again, from `start` on.
    pub(super) fn sent_again(&mut self, start: u64, end: u64) {
        debug_assert!(start >= self.resent, "holes are sent in order");
        self.resent = end;
        self.pipe += end - start;
    }

    /// The last segment leaves again.
    pub(super) fn rescued(&mut self) {
        self.may_rescue = false;
    }
}
