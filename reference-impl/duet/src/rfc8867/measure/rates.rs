//! How much is sent and received, and how soon it follows the capacity.

use duet_sim::Time;

use super::{BIN, FlowSeries, Measures, SHORTEST, View, seconds};
use crate::rfc8867::statistics::{Bins, convergence, mean, smooth};

/// How long a rate must stay where it converged to, in seconds.
const HOLD: f64 = 2.0;

impl View<'_> {
    pub(super) fn rates(&self, out: &mut Measures) {
        let (mut media, mut least, mut sent, mut targets) = (0.0, f64::INFINITY, 0.0, 0.0);
        let mut on = 0.0;
        for ((flow, series), plan) in self
            .record
            .flows
            .iter()
            .zip(&self.series)
            .zip(&self.record.run.flows)
        {
            for (from, until) in plan.on.iter().map(|on| (f64::from(on.0), f64::from(on.1))) {
                let length = until - from;
                on += length;
                media += series.media.sum_within(from, until);
                sent += series.sent.sum_within(from, until);
                let rates = series.media.rates_within(from + 5.0, until);
                let five = (5.0 / BIN) as usize;
                let means = rates.windows(five).map(mean);
                least = means.fold(least, f64::min);
                let within = |(at, _): &&(Time, u64)| (from..until).contains(&seconds(*at));
                let told = flow.sender.targets.iter().filter(within);
                let told: Vec<f64> = told.map(|(_, target)| *target as f64).collect();
                targets += mean(&told) * length;
            }
        }
        let on = on.max(1.0);
        out.insert("media_rate", media / on / 1e3);
        out.insert("sent_rate", sent / on / 1e3);
        out.insert("target_mean", targets / on / 1e3);
        if least.is_finite() {
            out.insert("media_min", least / 1e3);
        }
    }

    pub(super) fn utilisation(&self, out: &mut Measures) {
        // Beside TCP, what media should have is another question.
        if self.record.run.tcp {
            return;
        }
        let (mut used, mut sent, mut available, mut worst) = (0.0, 0.0, 0.0, f64::INFINITY);
        for narrow in self.narrow() {
            for window in self.static_windows() {
                let flows = self.on(&narrow, window);
                if flows.is_empty() {
                    continue;
                }
                let sum = |bins: fn(&FlowSeries) -> &Bins| -> f64 {
                    let flows = flows.iter().map(|index| bins(&self.series[*index]));
                    flows.map(|bins| bins.sum_within(window.0, window.1)).sum()
                };
                let bits = sum(|series| &series.received);
                sent += sum(|series| &series.sent);
                // The bins that lie wholly within, as the sum has it.
                let length =
                    ((window.1 / BIN + 1e-9).floor() - (window.0 / BIN - 1e-9).ceil()) * BIN;
                let most = Self::available(&narrow, flows.len(), window.0) * length;
                used += bits;
                available += most;
                worst = worst.min(bits / most);
            }
        }
        if available > 0.0 {
            out.insert("utilisation", used / available);
            out.insert("utilisation_worst", worst);
            out.insert("utilisation_sent", sent / available);
        }
    }

    pub(super) fn convergence(&self, out: &mut Measures) {
        if self.record.run.tcp {
            return;
        }
        let second = (1.0 / BIN) as usize;
        let mut worst = |name, value: Option<f64>| {
            let value = value.unwrap_or(f64::INFINITY);
            let entry = out.entry(name).or_insert(0.0_f64);
            *entry = entry.max(value);
        };
        let mut start_counted = false;
        for narrow in self.narrow() {
            let total = |bins: fn(&FlowSeries) -> &Bins| -> Vec<f64> {
                let mut total: Vec<f64> = Vec::new();
                for index in &narrow.flows {
                    let rates = bins(&self.series[*index]).rates();
                    total.resize(rates.len(), 0.0);
                    total.iter_mut().zip(rates).for_each(|(t, rate)| *t += rate);
                }
                smooth(&total, second)
            };
            let (sent, received) = (total(|s| &s.sent), total(|s| &s.received));
            for (index, span) in self.intervals.iter().enumerate() {
                let flows = self.on(&narrow, *span).len();
                if flows == 0 || span.1 - span.0 < SHORTEST {
                    continue;
                }
                let now = Self::available(&narrow, flows, span.0);
                let before = index
                    .checked_sub(1)
                    .and_then(|index| self.intervals.get(index));
                let before = before.map(|b| {
                    (
                        Self::available(&narrow, flows, b.0),
                        self.on(&narrow, *b).len(),
                    )
                });
                // 10 % above: what a frame more or less makes of a second. Who falls silent has not converged.
                let down = || convergence(&sent, BIN, *span, (now * 0.1, now * 1.1), HOLD);
                let up = || convergence(&received, BIN, *span, (now * 0.7, f64::INFINITY), HOLD);
                match before {
                    Some((before, _)) if now < before * 0.99 => worst("converge_down", down()),
                    Some((before, was_on)) if was_on == flows && now > before * 1.01 => {
                        worst("converge_up", up());
                    }
                    None if !start_counted => {
                        start_counted = true;
                        worst("converge_start", up());
                    }
                    _ => {}
                }
            }
        }
    }
}
