//! An axis: what it spans, where its ticks are, how they are labelled.

use crate::report::model::Scale;
use crate::report::text::{fixed, prefix};

/// What an axis spans, in units of the data.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub from: f64,
    pub to: f64,
    step: f64,
    /// What a value is divided by before it is shown.
    divisor: f64,
    /// What it measures, and in which unit.
    pub title: String,
}

impl Axis {
    /// An axis for values between these two, with about so many ticks at round numbers. A scale's own bounds come on
    /// top; `rounded` moves both ends outward to a tick.
    pub(super) fn new(scale: &Scale, ends: (f64, f64), ticks: f64, rounded: bool) -> Self {
        let bound = |own: Option<f64>, value: f64, pick: fn(f64, f64) -> f64| {
            let own = own.filter(|own| own.is_finite());
            let value = if value.is_finite() {
                value
            } else {
                own.unwrap_or(0.0)
            };
            own.map_or(value, |own| pick(own, value)).clamp(-1e15, 1e15)
        };
        let mut from = bound(scale.from, ends.0, f64::min);
        let mut to = bound(scale.to, ends.1, f64::max);
        let least = from.abs().max(to.abs()).max(1e-9) * 1e-6;
        if to - from < least {
            // One value alone stands in the middle, or above zero where the axis begins there.
            let room = if from == 0.0 { 1.0 } else { from.abs() * 0.1 };
            to = from.max(to) + room;
            if scale.from.is_none() && from != 0.0 {
                from -= room;
            }
        }
        let (divisor, unit) = prefix(&scale.unit, from.abs().max(to.abs()));
        let step = round_step((to - from) / divisor / ticks.max(1.0)) * divisor;
        if rounded {
            from = (from / step + 1e-9).floor() * step;
            to = (to / step - 1e-9).ceil() * step;
        }
        let title = match (scale.label.is_empty(), unit.is_empty()) {
            (_, true) => scale.label.clone(),
            (true, false) => unit,
            (false, false) => format!("{}, {unit}", scale.label),
        };
        Self {
            from,
            to,
            step,
            divisor,
            title,
        }
    }

    /// Where a value is, from 0 at the beginning to 1 at the end.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }

    /// The ticks with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let first = (self.from / self.step - 1e-9).ceil();
        let count = ((self.to / self.step + 1e-9).floor() - first).clamp(0.0, 50.0) as u32;
        (0..=count)
            .map(|index| (first + f64::from(index)) * self.step)
            .map(|value| (value, self.label(value)))
            .collect()
    }

    fn label(&self, value: f64) -> String {
        let decimals = (-(self.step / self.divisor * 1.000_001).log10().floor()).clamp(0.0, 6.0);
        fixed(value / self.divisor, decimals as usize)
    }

    /// A value of the data in the axis' unit, a digit finer than its ticks.
    pub(super) fn value(&self, value: f64) -> String {
        let decimals =
            (1.0 - (self.step / self.divisor * 1.000_001).log10().floor()).clamp(0.0, 6.0);
        fixed(value / self.divisor, decimals as usize)
    }
}

/// The next of 1, 2, 5, 10, 20 … that is not less.
pub(in crate::report) fn round_step(least: f64) -> f64 {
    if !least.is_finite() || least <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| least <= factor * power * 1.000_001);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale, ends: (f64, f64)) -> Vec<String> {
        let ticks = Axis::new(scale, ends, 5.0, true).ticks();
        ticks.into_iter().map(|tick| tick.1).collect()
    }

    #[test]
    fn steps_are_round() {
        let steps = [0.9, 1.0, 1.1, 3.0, 6.0, 37.0, f64::NAN, 0.0].map(round_step);
        assert_eq!(steps, [1.0, 1.0, 2.0, 5.0, 10.0, 50.0, 1.0, 1.0]);
    }

    #[test]
    fn ticks_are_round_in_the_unit_that_is_shown() {
        let rate = Scale::new("Rate", "b/s").from(0.0);
        assert_eq!(
            labels(&rate, (3e5, 2.3e6)),
            ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
        );
        assert_eq!(
            Axis::new(&rate, (0.0, 2.3e6), 5.0, true).title,
            "Rate, Mb/s"
        );
        let plain = Scale::new("Delay", "ms");
        assert_eq!(labels(&plain, (12.0, 47.0)), ["10", "20", "30", "40", "50"]);
        assert_eq!(
            labels(&plain, (0.1, 0.3)),
            ["0.10", "0.15", "0.20", "0.25", "0.30"]
        );
        assert_eq!(
            labels(&plain, (-1.0, 1.0)),
            ["−1.0", "−0.5", "0.0", "0.5", "1.0"]
        );
    }

    #[test]
    fn an_axis_of_nonsense_has_ticks() {
        for ends in [
            (f64::NAN, f64::NAN),
            (0.0, f64::INFINITY),
            (5.0, 5.0),
            (0.0, 0.0),
            (3.0, -1e300),
            (0.0, 1e300),
            (-1e300, 1e300),
        ] {
            for scale in [
                Scale::default(),
                Scale::new("a", "b/s").from(f64::NAN).to(3.0),
            ] {
                let axis = Axis::new(&scale, ends, 5.0, true);
                let ticks = axis.ticks();
                assert!((1..60).contains(&ticks.len()), "{ends:?}: {ticks:?}");
                assert!(ticks.iter().all(|tick| tick.0.is_finite()), "{ends:?}");
                assert!(axis.share(axis.to) == 1.0, "{ends:?}: {axis:?}");
            }
        }
    }
}
