//! How well this side's media goes, in one number per direction, from time to time.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::id::{FlowId, RoomId, SessionId};
use crate::limits;
use crate::media::HopStats;
use crate::message::Wire;
use crate::message::media::Stats;
use crate::session::client as link;
use crate::time::Instant;
use crate::wire::{Params, Within};

use super::{Client, Link};

/// How well a member's media goes between it and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaGrade {
    /// How well it sends: 0 unknown, 1 bad, 2 poor, 3 fair, 4 good, 5 excellent.
    pub sending: u8,
    /// How well it receives, on the same scale.
    pub receiving: u8,
    /// The round trip, in milliseconds.
    pub rtt_ms: u16,
    /// Of a thousand packets, how many do not arrive, in the worse direction and before repair.
    pub lost_permille: u16,
}

impl From<&Stats<'_>> for MediaGrade {
    fn from(stats: &Stats<'_>) -> Self {
        Self {
            sending: stats.sending.value() as u8,
            receiving: stats.receiving.value() as u8,
            rtt_ms: stats.rtt_ms,
            lost_permille: stats.lost_permille,
        }
    }
}

/// The most packets lost, of a thousand, and the longest round trip, in milliseconds, of each grade from 5 down to 2.
const THRESHOLDS: [(u16, u16, u8); 4] =
    [(10, 150, 5), (30, 300, 4), (100, 500, 3), (200, 1_000, 2)];

//= MEDIA-040
fn grade(lost_permille: Option<u16>, rtt_ms: u16) -> u8 {
    let Some(lost) = lost_permille else {
        return 0;
    };
    THRESHOLDS
        .iter()
        .find(|(most, longest, _)| lost <= *most && rtt_ms <= *longest)
        .map_or(1, |(_, _, grade)| *grade)
}

/// Of so many that did and did not arrive, how many of a thousand did not; none of none.
fn permille(arrived: u64, lost: u64) -> Option<u16> {
    let all = arrived.saturating_add(lost);
    lost.saturating_mul(1_000)
        .checked_div(all)
        .map(|permille| permille.min(1_000) as u16)
}

/// What was counted of a flow: arrived, lost.
type Counts = BTreeMap<FlowId, (u64, u64)>;

/// Grades what happened since the last time.
#[derive(Debug, Default)]
pub(super) struct Grader {
    last: Option<Instant>,
    sent: Counts,
    received: Counts,
}

/// What was added to the counts, over all flows; `seen` is brought up to date.
fn added(now: impl Iterator<Item = (FlowId, (u64, u64))>, seen: &mut Counts) -> (u64, u64) {
    let now: Counts = now.collect();
    let sum = now.iter().fold((0_u64, 0_u64), |sum, (flow, counts)| {
        let before = seen.get(flow).copied().unwrap_or_default();
        (
            sum.0.saturating_add(counts.0.saturating_sub(before.0)),
            sum.1.saturating_add(counts.1.saturating_sub(before.1)),
        )
    });
    *seen = now;
    sum
}

impl Grader {
    /// When the next grade is due.
    pub(super) fn due(&self, flows: bool) -> Option<Instant> {
        self.last
            .filter(|_| flows)
            .map(|last| last.after(limits::STATS))
    }

    /// A grade, where one is due; the first one a whole interval after media could flow.
    fn grade(
        &mut self,
        now: Instant,
        flows: bool,
        stats: impl FnOnce() -> (HopStats, Duration),
    ) -> Option<MediaGrade> {
        if !flows {
            self.last = None;
            return None;
        }
        let last = *self.last.get_or_insert(now);
        if now.since(last) < limits::STATS {
            return None;
        }
        self.last = Some(now);
        let (stats, rtt) = stats();
        let outgoing = stats.outgoing.iter().map(|(flow, one)| {
            let lost = one.lost.saturating_sub(one.late);
            (*flow, (one.acknowledged, lost))
        });
        let (arrived, lost) = added(outgoing, &mut self.sent);
        let sending = permille(arrived, lost);
        let incoming = stats.incoming.iter();
        let incoming = incoming.map(|(flow, one)| (*flow, (one.received, one.missing)));
        let (arrived, lost) = added(incoming, &mut self.received);
        let receiving = permille(arrived, lost);
        let rtt_ms = rtt.as_millis().min(u16::MAX.into()) as u16;
        //= MEDIA-039
        sending.or(receiving)?;
        Some(MediaGrade {
            sending: grade(sending, rtt_ms),
            receiving: grade(receiving, rtt_ms),
            rtt_ms,
            lost_permille: sending.max(receiving).unwrap_or(0),
        })
    }
}

impl Client {
    /// Tells the rooms in which media flows how well it does, where that is due.
    pub(super) fn report_media(&mut self) {
        let (now, flows) = (self.now, self.media.flows());
        let hop = &self.media.hop;
        let due = self
            .media
            .grader
            .grade(now, flows, || (hop.stats(), hop.rtt()));
        let (Some(grade), Link::Up(up)) = (due, &self.link) else {
            return;
        };
        if up.phase != link::Phase::Online {
            return;
        }
        let conn = up.conn;
        let rooms = &self.rooms;
        self.media.rooms.retain(|room| rooms.contains_key(room));
        let told: alloc::vec::Vec<RoomId> = self.media.rooms.iter().copied().collect();
        for room in told {
            let stats = Stats {
                room,
                session: SessionId::NONE,
                sending: Within::clamp(grade.sending.into()),
                receiving: Within::clamp(grade.receiving.into()),
                rtt_ms: grade.rtt_ms,
                lost_permille: grade.lost_permille,
                params: Params::NONE,
            };
            self.write(conn, stats.encode());
        }
    }
}
