//! Signs of life: a PING where nothing else was sent for an interval, and a verdict where nothing was heard for long.

use core::time::Duration;

use crate::io::{Deadline, Timer};
use crate::time::Instant;

/// The heartbeat of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Heartbeat {
    interval: Duration,
    dead_after: Duration,
    sent: Instant,
    heard: Instant,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Send a PING.
    Ping,
    /// The link counts as dead.
    Dead,
}

impl Heartbeat {
    pub(crate) const fn new(now: Instant, interval: Duration, dead_after: Duration) -> Self {
        Self {
            interval,
            dead_after,
            sent: now,
            heard: now,
        }
    }

    pub(crate) const fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    pub(crate) fn deadline(&self) -> Deadline {
        let ping = Deadline::new(self.sent.after(self.interval), Timer::Heartbeat);
        ping.min(Deadline::new(
            self.heard.after(self.dead_after),
            Timer::Dead,
        ))
    }

    pub(crate) fn due(&self, now: Instant) -> Option<Beat> {
        //= SES-014
        if now.since(self.heard) >= self.dead_after {
            Some(Beat::Dead)
        } else if now.since(self.sent) >= self.interval {
            Some(Beat::Ping)
        } else {
            None
        }
    }
}
