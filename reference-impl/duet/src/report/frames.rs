//! How smoothly pictures follow one another: freezes and rates, as the W3C's "Identifiers for WebRTC's Statistics API"
//! defines them.

/// Pictures whose durations are averaged.
const WINDOW: usize = 30;

/// A picture that stood too long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Freeze {
    /// Since when, in milliseconds.
    pub from_ms: f64,
    /// Until the next picture, in milliseconds.
    pub to_ms: f64,
}

/// What is told of pictures that were shown at these times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Smoothness {
    /// Freezes, in order (`freezeCount`, `totalFreezesDuration`).
    pub freezes: Vec<Freeze>,
    /// Pictures per second such that long durations weigh more: Σ d ⁄ Σ d² of the durations d.
    pub harmonic_fps: Option<f64>,
}

impl Smoothness {
    /// Of pictures shown at these times, in milliseconds.
    ///
    /// A freeze is a duration of at least max(3·a, a + 150 ms), where a is the mean of the last 30 durations before it.
    pub fn of(mut shown_ms: Vec<f64>) -> Self {
        shown_ms.retain(|at| at.is_finite());
        shown_ms.sort_by(f64::total_cmp);
        let mut durations: Vec<f64> = Vec::new();
        let mut freezes = Vec::new();
        for pair in shown_ms.windows(2) {
            let duration = pair[1] - pair[0];
            let last = &durations[durations.len().saturating_sub(WINDOW)..];
            if !last.is_empty() {
                let mean = last.iter().sum::<f64>() / last.len() as f64;
                if duration >= (3.0 * mean).max(mean + 150.0) {
                    freezes.push(Freeze {
                        from_ms: pair[0],
                        to_ms: pair[1],
                    });
                }
            }
            durations.push(duration);
        }
        let sum: f64 = durations.iter().sum();
        let squares: f64 = durations.iter().map(|duration| duration * duration).sum();
        Self {
            freezes,
            harmonic_fps: (squares > 0.0).then(|| sum * 1_000.0 / squares),
        }
    }

    /// All freezes together, in milliseconds.
    pub fn total_ms(&self) -> f64 {
        self.freezes
            .iter()
            .map(|freeze| freeze.to_ms - freeze.from_ms)
            .sum()
    }

    /// The longest freeze, in milliseconds.
    pub fn longest_ms(&self) -> f64 {
        let lengths = self
            .freezes
            .iter()
            .map(|freeze| freeze.to_ms - freeze.from_ms);
        lengths.fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures every 40 ms, and after `at` of them a pause of `pause`.
    fn with_pause(at: usize, pause: f64) -> Smoothness {
        let times = (0..100).map(|n| n as f64 * 40.0 + if n > at { pause - 40.0 } else { 0.0 });
        Smoothness::of(times.collect())
    }

    #[test]
    fn a_freeze_is_three_durations_and_150_ms() {
        // max(120, 190): 190 ms it is.
        assert!(with_pause(50, 189.9).freezes.is_empty());
        let frozen = with_pause(50, 190.0);
        assert_eq!(
            frozen.freezes,
            [Freeze {
                from_ms: 2_000.0,
                to_ms: 2_190.0
            }]
        );
        assert_eq!((frozen.total_ms(), frozen.longest_ms()), (190.0, 190.0));
        // Slow pictures, one in 100 ms: max(300, 250).
        let slow = |pause: f64| {
            Smoothness::of(vec![0.0, 100.0, 200.0, 200.0 + pause])
                .freezes
                .len()
        };
        assert_eq!((slow(299.0), slow(300.0)), (0, 1));
    }

    #[test]
    fn the_harmonic_rate_falls_with_a_freeze() {
        let even = with_pause(50, 40.0).harmonic_fps.expect("a rate");
        assert!((even - 25.0).abs() < 1e-9, "{even}");
        assert!(with_pause(50, 1_000.0).harmonic_fps.expect("a rate") < 20.0);
    }

    #[test]
    fn too_few_pictures_say_nothing() {
        for times in [vec![], vec![1.0], vec![1.0, 5_000.0], vec![f64::NAN; 3]] {
            assert!(Smoothness::of(times).freezes.is_empty());
        }
        assert_eq!(Smoothness::of(vec![3.0, 3.0]).harmonic_fps, None);
    }
}
