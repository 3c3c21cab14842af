//! What was sent on a flow, what became of it, and what of it is sent again.
//!
//! Every transmission has a `hop_seq` of its own, repairs included, so the loss of a repair shows as a gap like any
//! other, and each transmission is repaired at most once.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::bucket::Bucket;
use super::control::Block;
use super::controller::PacketReport;
use crate::limits::MAX_KEPT_PACKETS;
use crate::time::Instant;

/// The least time for which a transmission's fate is awaited: the longest queues that RFC 8868 §4.3 knows hold two seconds,
/// and the report needs its time as well. A shorter wait would take a path with a long queue for a dead one.
const MIN_KEPT: Duration = Duration::from_secs(3);
/// The least time between a repair and the repair of that.
const MIN_AGAIN: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    InFlight,
    Arrived,
    Lost,
}

/// One transmission.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sent {
    /// Empty once it cannot be of use here.
    payload: Bytes,
    bytes: usize,
    at: Instant,
    /// When the packet was first sent; the same as `at` unless this is a repair.
    first: Instant,
    fate: Fate,
}

/// A packet to be sent again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repair {
    /// The packet.
    pub payload: Bytes,
    /// When it was first sent.
    pub first_sent: Instant,
}

/// What a sender knows of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OutStats {
    /// Transmissions, repairs included.
    pub sent: u64,
    /// Transmissions that were repairs.
    pub repaired: u64,
    /// Bytes of payload, repairs included.
    pub bytes: u64,
    /// Transmissions that the peer reported as received.
    pub acknowledged: u64,
    /// Transmissions that the peer reported as missing.
    pub lost: u64,
    /// Of those, what it reported as received later.
    pub late: u64,
    /// Of the lost, what was not repaired: too late, or over the budget for repair.
    pub given_up: u64,
    /// Packets that waited here until they were of no use.
    pub expired: u64,
    /// Packets that came while the flow was not wanted, or too large.
    pub refused: u64,
}

/// The sender's end of one flow: numbers transmissions, keeps their packets for as long as
/// these are of use, and remembers at most 512.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutFlow {
    useful: Duration,
    /// The next transmission, extended to 64 bits.
    next: u64,
    /// The transmissions up to `next`.
    sent: VecDeque<Sent>,
    /// The first transmission whose packet may still be held.
    held: u64,
    in_flight: usize,
    /// Bounds repairs to the flow's own bit rate, whatever the peer reports.
    budget: Option<Bucket>,
    /// What is known of it.
    pub stats: OutStats,
}

impl OutFlow {
    /// A flow whose packets are of use for so long after they were first sent. Repairs take at most `max_bitrate` bits
    /// a second (0: no limit), with bursts of a second's worth.
    pub fn new(now: Instant, useful: Duration, max_bitrate: u32) -> Self {
        let rate = u64::from(max_bitrate);
        let budget = (rate > 0).then(|| Bucket::new(now, rate, (rate / 8) as usize));
        Self {
            useful,
            next: 1 << 16,
            sent: VecDeque::new(),
            held: 1 << 16,
            in_flight: 0,
            budget,
            stats: OutStats::default(),
        }
    }

    /// How long a packet is of use after it was first sent.
    pub const fn useful(&self) -> Duration {
        self.useful
    }

    /// Bytes whose fate is unknown.
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many transmissions are remembered.
    pub fn kept(&self) -> usize {
        self.sent.len()
    }

    /// Notes a transmission and gives its `hop_seq`; `first_sent` makes it a repair.
    pub fn record(&mut self, now: Instant, payload: Bytes, first_sent: Option<Instant>) -> u16 {
        //= MEDIA-029
        let bytes = payload.len();
        let hop_seq = self.next as u16;
        self.next = self.next.saturating_add(1);
        self.in_flight = self.in_flight.saturating_add(bytes);
        self.stats.sent = self.stats.sent.saturating_add(1);
        self.stats.repaired = self
            .stats
            .repaired
            .saturating_add(first_sent.is_some().into());
        self.stats.bytes = self.stats.bytes.saturating_add(bytes as u64);
        let first = first_sent.unwrap_or(now);
        self.sent.push_back(Sent {
            payload,
            bytes,
            at: now,
            first,
            fate: Fate::InFlight,
        });
        self.age(now);
        hop_seq
    }

    /// Forgets packets that are of no use any more, and transmissions whose fate does not matter any more.
    pub fn age(&mut self, now: Instant) {
        let keep = self.useful.max(MIN_KEPT);
        while let Some(oldest) = self.sent.front() {
            if self.sent.len() <= MAX_KEPT_PACKETS && now.since(oldest.at) <= keep {
                break;
            }
            if oldest.fate == Fate::InFlight {
                self.in_flight = self.in_flight.saturating_sub(oldest.bytes);
            }
            self.sent.pop_front();
        }
        let first = self.next.saturating_sub(self.sent.len() as u64);
        self.held = self.held.max(first);
        while let Some(sent) = self.sent.get_mut(self.held.saturating_sub(first) as usize) {
            if now.since(sent.at) <= self.useful {
                break;
            }
            sent.payload = Bytes::new();
            self.held = self.held.saturating_add(1);
        }
    }

    /// When [`OutFlow::age`] has something to do.
    pub fn ages_at(&self) -> Option<Instant> {
        let oldest = self.sent.front()?;
        Some(
            oldest
                .at
                .after(self.useful.max(MIN_KEPT))
                .after(Duration::from_micros(1)),
        )
    }

    /// Forgets everything in flight; the numbering goes on.
    pub fn forget(&mut self) {
        self.sent.clear();
        self.in_flight = 0;
    }

    /// Takes the peer's report, made at `reported_at` on its clock. Appends what is settled by it to `reports`, and to
    /// `repairs`, if there is such a list, what can still arrive in time. Sequence numbers that were never sent, or are
    /// forgotten, are skipped.
    pub fn on_block(
        &mut self,
        now: Instant,
        rtt: Duration,
        block: &Block<'_>,
        reported_at: Instant,
        reports: &mut Vec<PacketReport>,
        mut repairs: Option<&mut Vec<Repair>>,
    ) {
        let numbered = || {
            block
                .reports()
                .enumerate()
                .map(|(index, report)| (block.begin_seq.wrapping_add(index as u16), report))
        };
        let highest = numbered()
            .filter(|(_, report)| report.is_received())
            .filter_map(|(hop_seq, _)| self.index(hop_seq))
            .max();
        for (hop_seq, report) in numbered() {
            let Some(index) = self.index(hop_seq) else {
                continue;
            };
            let Some(sent) = self.sent.get_mut(index) else {
                continue;
            };
            let overtaken = highest.is_some_and(|highest| highest > index);
            let fate = match (sent.fate, report.is_received()) {
                (Fate::InFlight | Fate::Lost, true) => Fate::Arrived,
                (Fate::InFlight, false) if overtaken => Fate::Lost,
                _ => continue,
            };
            // The fate of a repair is not known before a round trip has passed, whatever the report says.
            let again = rtt
                .saturating_mul(3)
                .checked_div(4)
                .unwrap_or_default()
                .max(MIN_AGAIN);
            let is_repair = sent.first < sent.at;
            if fate == Fate::Lost && is_repair && now.since(sent.at) < again {
                continue;
            }
            let before = core::mem::replace(&mut sent.fate, fate);
            let payload = core::mem::take(&mut sent.payload);
            if before == Fate::Lost {
                self.stats.late = self.stats.late.saturating_add(1);
                continue;
            }
            self.in_flight = self.in_flight.saturating_sub(sent.bytes);
            reports.push(PacketReport {
                sent_at: sent.at,
                bytes: sent.bytes,
                received: fate == Fate::Arrived,
                arrived: report.age().map(|age| reported_at.before(age)),
                ce: report.is_ce(),
            });
            if fate == Fate::Arrived {
                self.stats.acknowledged = self.stats.acknowledged.saturating_add(1);
                continue;
            }
            self.stats.lost = self.stats.lost.saturating_add(1);
            let Some(repairs) = repairs.as_mut() else {
                continue;
            };
            let half = rtt.checked_div(2).unwrap_or_default();
            let in_time = now.after(half) < sent.first.after(self.useful);
            //= MEDIA-030
            let affordable = in_time
                && self
                    .budget
                    .as_mut()
                    .is_none_or(|budget| budget.take(now, payload.len()));
            if affordable {
                repairs.push(Repair {
                    payload,
                    first_sent: sent.first,
                });
            } else {
                self.stats.given_up = self.stats.given_up.saturating_add(1);
            }
        }
    }

    /// Where a transmission lies in `sent`, if it is still there.
    fn index(&self, hop_seq: u16) -> Option<usize> {
        let behind = u64::from((self.next as u16).wrapping_sub(hop_seq));
        self.sent
            .len()
            .checked_sub(usize::try_from(behind).ok()?)
            .filter(|_| behind > 0)
    }
}
