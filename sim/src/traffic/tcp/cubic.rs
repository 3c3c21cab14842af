//! CUBIC (RFC 9438), in integers.
//!
//! Windows are bytes and times are microseconds. C is 0.4 and β is 0.7. The cubic function needs one cube root per
//! congestion event, which is taken in integers, so no float takes part.

use core::time::Duration;

use crate::time::Time;

/// Cubic microseconds in a cubic second.
const CUBE: i128 = 1_000_000_000_000_000_000;

/// α of the Reno-friendly region: 3 · (1 − β) / (1 + β) (§4.3).
const ALPHA: (u128, u128) = (9, 17);

/// The state between two congestion events.
#[derive(Clone, Debug, Default)]
pub(super) struct Cubic {
    fast_convergence: bool,
    /// W_max, the window before the last reduction, lowered by fast convergence.
    max: u64,
    /// cwnd_prior, the same without fast convergence.
    prior: u64,
    epoch: Option<Epoch>,
    /// Whether the next epoch begins at the plateau, as after a timeout (§4.8) and where no loss came before (§4.10).
    from_plateau: bool,
    /// Rest of the division of the last growth, in bytes times the window.
    rest: u128,
}

/// One stage of congestion avoidance.
#[derive(Clone, Debug)]
struct Epoch {
    start: Time,
    last_ack: Time,
    /// W_max as it was at the beginning.
    plateau: u64,
    /// Microseconds to the plateau.
    k: u64,
    /// W_est, Reno's window, with the rest of its division in bytes times the window.
    reno: u64,
    reno_rest: u128,
}

impl Cubic {
    pub(super) fn new(fast_convergence: bool) -> Cubic {
        Cubic {
            fast_convergence,
            from_plateau: true,
            ..Cubic::default()
        }
    }

    /// The window after `acked` more bytes were acknowledged (§4.2 to §4.5).
    pub(super) fn grow(
        &mut self,
        now: Time,
        window: u64,
        acked: u64,
        segment: u64,
        rtt: Duration,
    ) -> u64 {
        if self.epoch.is_none() {
            self.begin(now, window, segment);
        }
        let Some(epoch) = &mut self.epoch else {
            return window;
        };
        epoch.last_ack = now;
        let wide = u128::from;

        // Reno's window: α segments per window, a whole one once it has caught up with the window before the loss.
        let alpha = if epoch.reno >= self.prior {
            (1, 1)
        } else {
            ALPHA
        };
        let divisor = wide(window) * alpha.1;
        let work = wide(acked) * wide(segment) * alpha.0 + epoch.reno_rest;
        epoch.reno += (work / divisor) as u64;
        epoch.reno_rest = work % divisor;

        let elapsed = now.since(epoch.start);
        if epoch.at(elapsed, segment) < epoch.reno {
            return window.max(epoch.reno);
        }
        let most = window + window / 2;
        let target = epoch.at(elapsed + rtt, segment).clamp(window, most);
        let work = wide(target - window) * wide(acked) + self.rest;
        self.rest = work % wide(window);
        window + (work / wide(window)) as u64
    }

    /// An acknowledgement came while the window was not the limit: that time does not count (§4.2).
    pub(super) fn hold(&mut self, now: Time) {
        if let Some(epoch) = &mut self.epoch {
            let idle = now.since(epoch.last_ack);
            epoch.start = epoch.start.after(idle);
            epoch.last_ack = now;
        }
    }

    /// The slow-start threshold after a congestion event, and fast convergence (§4.6, §4.7).
    pub(super) fn reduce(&mut self, window: u64, flight: u64) -> u64 {
        self.prior = window;
        self.max = if self.fast_convergence && window < self.max {
            window * 17 / 20
        } else {
            window
        };
        self.epoch = None;
        self.rest = 0;
        self.from_plateau = false;
        flight * 7 / 10
    }

    /// The timer has expired; the next epoch begins at the plateau (§4.8).
    pub(super) fn time_out(&mut self) {
        self.epoch = None;
        self.from_plateau = true;
    }

    fn begin(&mut self, now: Time, window: u64, segment: u64) {
        if core::mem::take(&mut self.from_plateau) || self.max <= window {
            self.max = window;
            self.epoch = Some(Epoch::new(now, window, window, 0));
            return;
        }
        // K = ∛((W_max − cwnd) / C), windows in segments.
        let missing = u128::from(self.max - window);
        let cube = missing * 10 * CUBE as u128 / (4 * u128::from(segment));
        self.epoch = Some(Epoch::new(now, window, self.max, cube_root(cube)));
    }
}

impl Epoch {
    fn new(now: Time, window: u64, plateau: u64, k: u64) -> Epoch {
        Epoch {
            start: now,
            last_ack: now,
            plateau,
            k,
            reno: window,
            reno_rest: 0,
        }
    }

    /// W_cubic: C · (t − K)³ + W_max (figure 1), in bytes, not below zero.
    fn at(&self, elapsed: Duration, segment: u64) -> u64 {
        // Beyond 100 000 seconds from the plateau the window is out of any range.
        let most = 100_000_000_000;
        let t = i128::try_from(elapsed.as_micros()).unwrap_or(most);
        let distance = (t - i128::from(self.k)).clamp(-most, most);
        // (10¹¹)³ · 4 leaves no room for the segment, so a part of the divisor goes first.
        let cube = distance.pow(3) / 1_000_000;
        let growth = cube * 4 * i128::from(segment) / (10 * (CUBE / 1_000_000));
        let window = (i128::from(self.plateau) + growth).max(0);
        u64::try_from(window)
            .unwrap_or(u64::MAX / 4)
            .min(u64::MAX / 4)
    }
}

/// The greatest integer whose cube is at most `n`, bit by bit.
fn cube_root(n: u128) -> u64 {
    let mut root = 0u64;
    for bit in (0..42).rev() {
        let candidate = root | 1 << bit;
        if u128::from(candidate).pow(3) <= n {
            root = candidate;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cube_root;

    proptest! {
        #[test]
        fn cube_roots_are_exact(n in 0u128..(1 << 125)) {
            let root = u128::from(cube_root(n));
            prop_assert!(root.pow(3) <= n && (root + 1).pow(3) > n);
        }
    }
}
