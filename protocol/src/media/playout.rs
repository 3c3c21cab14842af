//! The playout buffer: each packet's turn comes a constant delay after its media time, on the sender's fastest path.
//!
//! A packet of media time `m` that arrives at `a` has the offset `a − m`; the least offset of the last 10 to 20 s is
//! that of a packet that met no queue and needed no repair, and follows the drift between the two clocks. A packet is
//! due at that offset + `m` + delay, in order of sequence numbers; what is missing by then is skipped.

use alloc::collections::BTreeMap;
use core::time::Duration;

use bytes::Bytes;

use super::rtp::RtpHeader;
use crate::io::{Deadline, Timer};
use crate::time::Instant;

/// Packets that are held at most.
const MAX_HELD: usize = 2_048;
/// A step in sequence numbers beyond which a packet is taken for one of another stream (RFC 3550 A.1's MAX_DROPOUT).
const MAX_STEP: u64 = 3_000;
/// A step in the offset beyond which a packet is taken for one of another stream, in microseconds.
const MAX_SHIFT: u64 = 10_000_000;
/// How long a minimum of the offset is remembered at the least.
const WINDOW: Duration = Duration::from_secs(10);

/// What became of a packet that was inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inserted {
    /// It waits for its turn.
    Held,
    /// It waits for its turn, as the first of a stream: what was held of the one before is gone.
    Restarted,
    /// It is there, or was played.
    Duplicate,
    /// Its turn has passed: something after it was played.
    Late,
    /// Its source, number or time are far off; a second one in a row that goes on from it starts over.
    Suspect,
    /// It is not RTP.
    Malformed,
}

/// A packet whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Played {
    /// The packet.
    pub rtp: Bytes,
    /// How many packets before it are missing.
    pub lost_before: u16,
    /// When its turn came: a constant delay after its media time.
    pub due: Instant,
}

/// What a playout buffer has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PlayoutStats {
    /// Packets played.
    pub played: u64,
    /// Packets that were missing when their turn came.
    pub lost: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets dropped for another reason: malformed, suspect, over the bound, or of a stream that was restarted.
    pub dropped: u64,
    /// How often a stream began anew.
    pub restarts: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    /// In units of the clock rate, since the stream's first packet.
    media_time: i64,
    rtp: Bytes,
}

/// The least offset, in microseconds, of the window before and of this one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Offset {
    before: i64,
    current: i64,
    since: Instant,
}

impl Offset {
    fn least(&self) -> i64 {
        self.before.min(self.current)
    }

    fn note(&mut self, at: Instant, offset: i64) {
        if at >= self.since.after(WINDOW) {
            *self = Self {
                before: self.current,
                current: offset,
                since: at,
            };
        }
        self.current = self.current.min(offset);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stream {
    ssrc: u32,
    /// The highest sequence number, extended to 64 bits, and its RTP timestamp, as it came and extended.
    highest: u64,
    timestamp: u32,
    media_time: i64,
    offset: Offset,
    /// The sequence number after the last one played, and which of the 128 before it were played, the last lowest.
    next: Option<u64>,
    played: u128,
}

/// The playout buffer of one RTP stream; holds 2,048 packets at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Playout {
    clock_rate: u32,
    delay: Duration,
    stream: Option<Stream>,
    held: BTreeMap<u64, Held>,
    /// What a suspect packet has to be followed by: source and sequence number.
    suspect: Option<(u32, u16)>,
    stats: PlayoutStats,
}

impl Playout {
    /// A buffer for a stream of this RTP clock rate, in hertz, that plays `delay` after the media time.
    pub const fn new(clock_rate: u32, delay: Duration) -> Self {
        let stats = PlayoutStats {
            played: 0,
            lost: 0,
            duplicates: 0,
            late: 0,
            dropped: 0,
            restarts: 0,
        };
        Self {
            clock_rate,
            delay,
            stream: None,
            held: BTreeMap::new(),
            suspect: None,
            stats,
        }
    }

    /// Takes a packet that arrived at `at`.
    pub fn insert(&mut self, at: Instant, rtp: Bytes) -> Inserted {
        let inserted = self.try_insert(at, rtp);
        let stats = &mut self.stats;
        let counter = match inserted {
            Inserted::Held => return inserted,
            Inserted::Restarted => &mut stats.restarts,
            Inserted::Duplicate => &mut stats.duplicates,
            Inserted::Late => &mut stats.late,
            Inserted::Suspect | Inserted::Malformed => &mut stats.dropped,
        };
        *counter = counter.saturating_add(1);
        inserted
    }

    fn try_insert(&mut self, at: Instant, rtp: Bytes) -> Inserted {
        let Ok(header) = RtpHeader::parse(&rtp) else {
            return Inserted::Malformed;
        };
        let (ssrc, number, timestamp) = (header.ssrc(), header.sequence(), header.timestamp());
        let Some(stream) = self.stream.as_mut() else {
            return self.start(at, ssrc, number, timestamp, rtp);
        };
        let ahead = number.wrapping_sub(stream.highest as u16).cast_signed();
        let later = timestamp.wrapping_sub(stream.timestamp).cast_signed();
        let sequence = stream.highest.saturating_add_signed(ahead.into());
        let media_time = stream.media_time.saturating_add(later.into());
        let offset = at
            .as_micros()
            .cast_signed()
            .saturating_sub(micros(media_time, self.clock_rate));
        if stream.ssrc != ssrc
            || u64::from(ahead.unsigned_abs()) > MAX_STEP
            || offset.abs_diff(stream.offset.least()) > MAX_SHIFT
        {
            if self.suspect == Some((ssrc, number)) {
                return self.start(at, ssrc, number, timestamp, rtp);
            }
            self.suspect = Some((ssrc, number.wrapping_add(1)));
            return Inserted::Suspect;
        }
        self.suspect = None;
        //= MEDIA-034
        if let Some(passed) = stream.next.filter(|next| sequence < *next) {
            let back = passed.saturating_sub(sequence).saturating_sub(1);
            let bit = u32::try_from(back)
                .ok()
                .and_then(|back| stream.played.checked_shr(back));
            let was_played = bit.is_some_and(|bits| bits & 1 == 1);
            return if was_played {
                Inserted::Duplicate
            } else {
                Inserted::Late
            };
        }
        if self.held.contains_key(&sequence) {
            return Inserted::Duplicate;
        }
        stream.offset.note(at, offset);
        if sequence > stream.highest {
            (stream.highest, stream.timestamp) = (sequence, timestamp);
            stream.media_time = media_time;
        }
        self.held.insert(sequence, Held { media_time, rtp });
        if self.held.len() > MAX_HELD
            && let Some((sequence, _)) = self.held.pop_first()
        {
            self.stats.dropped = self.stats.dropped.saturating_add(1);
            self.pass(sequence, false);
        }
        Inserted::Held
    }

    /// The next packet whose turn has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<Played> {
        let due = self.due().filter(|due| *due <= now)?;
        let (sequence, held) = self.held.pop_first()?;
        let lost = self.pass(sequence, true);
        self.stats.played = self.stats.played.saturating_add(1);
        self.stats.lost = self.stats.lost.saturating_add(lost);
        let lost_before = u16::try_from(lost).unwrap_or(u16::MAX);
        Some(Played {
            rtp: held.rtp,
            lost_before,
            due,
        })
    }

    /// When the next turn comes.
    pub fn deadline(&self) -> Option<Deadline> {
        Some(Deadline::new(self.due()?, Timer::Playout))
    }

    /// How many packets are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// What was counted.
    pub const fn stats(&self) -> PlayoutStats {
        self.stats
    }

    fn due(&self) -> Option<Instant> {
        let stream = self.stream.as_ref()?;
        let (_, held) = self.held.first_key_value()?;
        let media = micros(held.media_time, self.clock_rate);
        let due = u64::try_from(stream.offset.least().saturating_add(media)).unwrap_or(0);
        Some(Instant::from_micros(due).after(self.delay))
    }

    fn start(
        &mut self,
        at: Instant,
        ssrc: u32,
        number: u16,
        timestamp: u32,
        rtp: Bytes,
    ) -> Inserted {
        let restarted = self.stream.is_some();
        self.stats.dropped = self.stats.dropped.saturating_add(self.held.len() as u64);
        self.held.clear();
        self.suspect = None;
        // Far enough from zero that what was sent before it may still come.
        let sequence = u64::from(number).saturating_add(1 << 16);
        let offset = at.as_micros().cast_signed();
        self.stream = Some(Stream {
            ssrc,
            highest: sequence,
            timestamp,
            media_time: 0,
            offset: Offset {
                before: offset,
                current: offset,
                since: at,
            },
            next: None,
            played: 0,
        });
        self.held.insert(sequence, Held { media_time: 0, rtp });
        if restarted {
            Inserted::Restarted
        } else {
            Inserted::Held
        }
    }

    /// The turn of everything up to `sequence` has passed; gives how many before it are missing.
    fn pass(&mut self, sequence: u64, played: bool) -> u64 {
        let Some(stream) = self.stream.as_mut() else {
            return 0;
        };
        let after = sequence.saturating_add(1);
        let missing = stream.next.map_or(0, |next| sequence.saturating_sub(next));
        let step = stream.next.map_or(1, |next| after.saturating_sub(next));
        let shifted = u32::try_from(step)
            .ok()
            .and_then(|step| stream.played.checked_shl(step));
        stream.played = shifted.unwrap_or(0) | u128::from(played);
        stream.next = Some(after);
        missing
    }
}

/// A media time in microseconds.
fn micros(media_time: i64, clock_rate: u32) -> i64 {
    let micros = i128::from(media_time).saturating_mul(1_000_000);
    let micros = micros.checked_div(clock_rate.into()).unwrap_or(0);
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}
