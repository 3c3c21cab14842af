//! The receiver's end of one flow: what arrived, what is reported, what is asked for.

use core::time::Duration;

use super::bucket::Bucket;
use super::control::Ecn;
use super::feedback::{Noted, Recorder};
use crate::time::Instant;

/// How often an unwanted flow is said to be unwanted while nothing of it arrives.
const SAY_OFF: u8 = 5;
/// Arrivals after which a report is due early: half of what it covers.
const MANY: u32 = 32;
/// What a sender may burst at the least, in bytes.
const MIN_BURST: usize = 65_536;

/// What a receiver knows of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct InStats {
    /// Datagrams that arrived, all of them.
    pub received: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Those that had arrived before, and were dropped.
    pub duplicates: u64,
    /// Those so far behind that nobody remembers whether they had arrived.
    pub old: u64,
    /// Transmissions skipped that have not arrived; a repair is another transmission.
    pub missing: u64,
    /// Those over the flow's bit rate, which were dropped.
    pub over_rate: u64,
}

/// What the sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wish {
    pub(crate) on: bool,
    pub(crate) rate: u32,
    /// How often an "off" is still repeated.
    left: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct InFlow {
    pub(crate) recorder: Recorder,
    wish: Option<Wish>,
    /// Reports that are still to be made of what arrived: two after a gap, in case that the first is lost.
    owed: u8,
    unreported: u32,
    police: Option<Bucket>,
    keyframe_asked: Option<Instant>,
    stats: InStats,
}

/// What became of an arrival.
pub(crate) struct Arrival {
    /// Whether its payload goes on.
    pub(crate) deliver: bool,
    /// Whether a report is due early.
    pub(crate) urgent: bool,
}

impl InFlow {
    /// A flow that may take twice `max_bitrate`, repairs included (0: no limit).
    pub(crate) fn new(now: Instant, max_bitrate: u32) -> Self {
        let rate = u64::from(max_bitrate).saturating_mul(2);
        let burst = (rate / 8) as usize;
        Self {
            recorder: Recorder::default(),
            wish: None,
            owed: 0,
            unreported: 0,
            police: (rate > 0).then(|| Bucket::new(now, rate, burst.max(MIN_BURST))),
            keyframe_asked: None,
            stats: InStats::default(),
        }
    }

    pub(crate) fn arrived(
        &mut self,
        now: Instant,
        at: Instant,
        (hop_seq, ecn): (u16, Ecn),
        bytes: usize,
    ) -> Arrival {
        //= MEDIA-042
        let noted = self.recorder.note(hop_seq, at, ecn);
        let stats = &mut self.stats;
        stats.received = stats.received.saturating_add(1);
        stats.bytes = stats.bytes.saturating_add(bytes as u64);
        match noted {
            Noted::Duplicate => stats.duplicates = stats.duplicates.saturating_add(1),
            Noted::Old => stats.old = stats.old.saturating_add(1),
            Noted::Gap => self.owed = 2,
            Noted::Next | Noted::Filled => self.owed = self.owed.max(1),
        }
        self.unreported = self.unreported.saturating_add(1);
        //= MEDIA-031
        let within = self
            .police
            .as_mut()
            .is_none_or(|police| police.take(now, bytes));
        if !within {
            self.stats.over_rate = self.stats.over_rate.saturating_add(1);
        }
        Arrival {
            deliver: within && noted != Noted::Duplicate,
            urgent: noted == Noted::Gap || self.unreported >= MANY,
        }
    }

    /// Whether a report is owed; asking counts as making it.
    pub(crate) fn report(&mut self) -> bool {
        let owed = self.owed > 0;
        self.owed = self.owed.saturating_sub(1);
        self.unreported = 0;
        owed
    }

    pub(crate) const fn owes(&self) -> bool {
        self.owed > 0
    }

    /// Sets what the sender is told; says whether that is new.
    pub(crate) fn wish(&mut self, on: bool, rate: u32) -> bool {
        let is_new = self
            .wish
            .is_none_or(|wish| wish.on != on || wish.rate != rate);
        if is_new {
            self.wish = Some(Wish {
                on,
                rate,
                left: SAY_OFF,
            });
        }
        is_new
    }

    /// What to tell the sender now, if anything; asking counts as telling. An "off" is repeated a few times, and again
    /// whenever something of the flow arrives nevertheless.
    pub(crate) fn tell(&mut self) -> Option<Wish> {
        let wish = self.wish.as_mut().filter(|wish| wish.on || wish.left > 0)?;
        wish.left = wish.left.saturating_sub(1);
        Some(*wish)
    }

    pub(crate) fn has_to_tell(&self) -> bool {
        self.wish.is_some_and(|wish| wish.on || wish.left > 0)
    }

    /// Something arrived of a flow; whether its sender has to be told again that nobody wants it.
    pub(crate) fn remind(&mut self) -> bool {
        match self.wish.as_mut() {
            Some(wish) if !wish.on => {
                wish.left = wish.left.max(1);
                true
            }
            _ => false,
        }
    }

    /// Starts over what may have been lost with a connection.
    pub(crate) fn reconnected(&mut self) {
        self.keyframe_asked = None;
        if let Some(wish) = self.wish.as_mut() {
            wish.left = SAY_OFF;
        }
    }

    /// Whether a keyframe may be asked for: once in `interval`.
    pub(crate) fn ask_keyframe(&mut self, now: Instant, interval: Duration) -> bool {
        once_in(&mut self.keyframe_asked, now, interval)
    }

    pub(crate) fn stats(&self) -> InStats {
        InStats {
            missing: self.recorder.missing(),
            ..self.stats
        }
    }
}

/// Whether something may happen again, at most once in `interval`.
pub(crate) fn once_in(last: &mut Option<Instant>, now: Instant, interval: Duration) -> bool {
    let may = last.is_none_or(|last| now >= last.after(interval));
    if may {
        *last = Some(now);
    }
    may
}
