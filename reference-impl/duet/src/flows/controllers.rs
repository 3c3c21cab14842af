//! Who governs a media flow: one table, by name.
//!
//! Every controller stands at the same place, inside the real [`Hop`](duet_protocol::media::Hop) on a real QUIC
//! connection, and is told the same feedback; they differ in who decides.
//!
//! - A [`Controller`] of the media plane (`fixed`, `gcc`, Duet's own): QUIC's window is only a cap, and losses do not
//!   move it. Video gets the controller's target less the audio.
//! - A congestion controller of QUIC (`newreno`, `cubic`, `bbr`), as quinn-proto has it: QUIC's window and pacer hold the
//!   packets back, and the hop learns what QUIC allows through [`Allowance`]. The target is what the window stands for,
//!   window / smoothed round trip (for BBR, whose window is twice what it lets be sent in a round trip,
//!   window / 2 / least round trip), less a tenth for the headers of hop and QUIC, which the window counts. The hop paces at twice that and lets four packets more than the window be on
//!   their way, so that what waits, waits in the hop, where it expires, and yet QUIC does not run dry.
//!
//! # A controller that comes later
//!
//! It is one row of [`all`], an [`Entry`]: its name, what it is, what it heeds, and how it is made. `--controller`, the table,
//! the report and the tests find it by that row. What makes it is a function from a flow's weight to a
//! [`ControllerFactory`], which makes one controller for each hop, and one more after each new connection. The controller
//! implements [`Controller`]:
//!
//! | method | what it must do |
//! |---|---|
//! | `on_sent` | note, if it wants to, that a datagram left; `now` is virtual time, as everywhere |
//! | `on_feedback` | take the fates of transmissions, every 25 ms or so: when each was sent, its bytes, whether and when it arrived (on the receiver's clock, so that only differences count), and whether it bore a mark (`ce`). Reports are flow after flow, video and audio, each in the order of sending |
//! | `on_path_change` | begin anew |
//! | `target_bitrate` | what video and audio together should produce, in b/s; it is asked at each step, so it must be cheap |
//! | `pacing_rate`, `window` | how fast packets leave the hop, and how many bytes may be unreported |
//!
//! - It must do the same on the same calls: no clock, no randomness of its own, no floats of the platform's library.
//! - **ECN** (RFC 8867 §6.2): with `ecn` in its row its packets are sent as ECT(0), and the receiver's reports tell the ECN
//!   field of each (RFC 8888 §3.1), which arrives as `ce`. Without it they are sent as not capable, and queues that mark drop
//!   instead.
//! - **Priority** (§6.1): with `priority` in its row, the weight that its function is given must count: at one bottleneck,
//!   shares in proportion to the weights. Without it, what judges that is not applicable, neither passed nor missed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duet_protocol::media::{Controller, ControllerFactory, FixedRate, PacketReport};
use duet_protocol::time::Instant;
use duet_quic::MediaControl;

/// The rate of `fixed`, audio included: the reference capacity of most cases.
const FIXED: u64 = 1_000_000;

/// Who decides.
#[derive(Clone)]
pub enum Governor {
    /// The media plane. The function is given the flow's weight.
    Media(fn(u32) -> ControllerFactory),
    /// QUIC.
    Quic(MediaControl),
}

/// What a case may be about that not every controller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Skill {
    /// Heeding marks (RFC 8867 §6.2).
    Ecn,
    /// Sharing by weights (RFC 8867 §6.1).
    Priority,
}

impl Skill {
    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ecn => "ECN",
            Self::Priority => "priority",
        }
    }
}

/// A row of the table.
#[derive(Clone)]
pub struct Entry {
    /// What `--controller` calls it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Who decides.
    pub governor: Governor,
    /// Whether it heeds ECN-CE marks.
    pub ecn: bool,
    /// Whether it heeds priorities.
    pub priority: bool,
}

impl Entry {
    /// Whether it has a skill.
    pub const fn has(&self, skill: Skill) -> bool {
        match skill {
            Skill::Ecn => self.ecn,
            Skill::Priority => self.priority,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every controller that there is.
pub fn all() -> Vec<Entry> {
    let quic = |name, about, controller, ecn| Entry {
        name,
        about,
        governor: Governor::Quic(controller),
        ecn,
        priority: false,
    };
    vec![
        Entry {
            name: "fixed",
            about: "1 Mb/s, whatever happens",
            governor: Governor::Media(|_| FixedRate::factory(FIXED)),
            ecn: false,
            priority: false,
        },
        quic(
            "newreno",
            "QUIC's NewReno (RFC 9002)",
            MediaControl::NewReno,
            true,
        ),
        quic(
            "cubic",
            "QUIC's CUBIC (RFC 9438)",
            MediaControl::Cubic,
            true,
        ),
        // quinn-proto's BBR takes no notice of what is not a loss.
        quic("bbr", "quinn-proto's BBR", MediaControl::Bbr, false),
        #[cfg(feature = "gcc")]
        Entry {
            name: "gcc",
            about: "Google Congestion Control of the crate rtc-interceptor",
            governor: Governor::Media(|_| super::gcc::Gcc::factory()),
            ecn: false,
            priority: false,
        },
    ]
}

/// The controller of this name.
pub fn named(name: &str) -> Option<Entry> {
    all().into_iter().find(|entry| entry.name == name)
}

/// What QUIC allows at present, told by the host before each step and read by the hop.
#[derive(Debug, Default)]
pub struct Allowance {
    window: AtomicU64,
    rate: AtomicU64,
}

impl Allowance {
    /// Tells the congestion window in bytes, and the rate that it stands for in bits a second.
    pub fn tell(&self, window: u64, rate: u64) {
        self.window.store(window, Ordering::Relaxed);
        self.rate.store(rate, Ordering::Relaxed);
    }

    fn window(&self) -> u64 {
        self.window.load(Ordering::Relaxed)
    }

    /// 0 before anything is known.
    fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }
}

/// The hop's view of a connection that QUIC governs.
#[derive(Debug)]
pub struct QuicGoverned(pub Arc<Allowance>);

/// Bytes that may be on their way beyond QUIC's window, since the hop learns of an arrival a report later than QUIC does.
/// More would wait behind the pacer, where nothing expires, and be forgotten before its report comes.
const SLACK: u64 = 4 * 1_200;

impl Controller for QuicGoverned {
    fn on_sent(&mut self, _now: Instant, _bytes: usize) {}

    fn on_feedback(&mut self, _now: Instant, _reports: &[PacketReport], _rtt: Duration) {}

    fn target_bitrate(&self) -> u64 {
        self.0.rate() / 10 * 9
    }

    fn pacing_rate(&self) -> u64 {
        // Never so low that the audio waits.
        self.0.rate().saturating_mul(2).max(100_000)
    }

    fn window(&self) -> usize {
        usize::try_from(self.0.window() + SLACK).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_each_is_there_once() {
        let names: Vec<&str> = all().iter().map(|entry| entry.name).collect();
        assert!(names.starts_with(&["fixed", "newreno", "cubic", "bbr"]));
        assert_eq!(cfg!(feature = "gcc"), names.contains(&"gcc"));
        for name in &names {
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1);
            assert_eq!(named(name).map(|entry| entry.name), Some(*name));
        }
        assert!(named("nobody").is_none());
    }

    #[test]
    fn the_hop_follows_what_quic_allows() {
        let allowance = Arc::new(Allowance::default());
        let governed = QuicGoverned(allowance.clone());
        assert_eq!(governed.target_bitrate(), 0);
        allowance.tell(12_500, 1_000_000);
        assert_eq!(governed.target_bitrate(), 900_000);
        assert_eq!(governed.pacing_rate(), 2_000_000);
        assert_eq!(governed.window(), 12_500 + 4_800);
    }
}
