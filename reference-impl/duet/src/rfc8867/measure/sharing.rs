//! How steady flows are, and how they share a bottleneck with each other and with TCP.

use super::{BIN, FlowSeries, Measures, STATIC, View, greater, is_on, seconds};
use crate::rfc8867::statistics::{
    Bins, Summary, convergence, fairness_ratio, jain, mean, smooth, swings,
};

/// How long a rate must stay where it returned to, in seconds.
const HOLD: f64 = 2.0;

impl View<'_> {
    pub(super) fn steadiness(&self, out: &mut Measures) {
        let duration = self.duration;
        let (mut worst, mut swung, mut minutes) = (None, 0, 0.0);
        for (flow, plan) in self.record.flows.iter().zip(&self.record.run.flows) {
            let second = FlowSeries::new(flow, 1.0, duration).media;
            let half = FlowSeries::new(flow, 0.5, duration).media;
            for window in self.static_windows().filter(|window| is_on(plan, *window)) {
                let summary = Summary::of(&second.rates_within(window.0, window.1));
                let ratio = if summary.mean > 0.0 {
                    summary.std / summary.mean
                } else {
                    f64::INFINITY
                };
                worst = greater(worst, Some(ratio));
                let (low, high) = (summary.mean * 0.75, summary.mean * 1.25);
                swung += swings(&half.rates_within(window.0, window.1), low, high);
                minutes += (window.1 - window.0) / 60.0;
            }
        }
        if let Some(worst) = worst {
            out.insert("oscillation", worst);
            out.insert("swings", swung as f64 / minutes);
        }
    }

    pub(super) fn fairness(&self, out: &mut Measures) {
        let mut ratios: [Vec<f64>; 3] = Default::default();
        let mut indices = Vec::new();
        for narrow in self.narrow().filter(|narrow| narrow.flows.len() > 1) {
            for window in self.static_windows() {
                let flows = self.on(&narrow, window);
                if flows.len() < 2 {
                    continue;
                }
                for (ratios, over) in ratios.iter_mut().zip([1.0, 5.0, 20.0]) {
                    let length = window.1 - window.0;
                    let count = (length / over).floor().max(1.0);
                    let over = over.min(length);
                    for part in 0..count as u32 {
                        let from = window.0 + f64::from(part) * over;
                        let sum = |index: &usize| {
                            let bits = self.series[*index].media.sum_within(from, from + over);
                            bits / f64::from(self.record.run.flows[*index].priority)
                        };
                        let shares: Vec<f64> = flows.iter().map(sum).collect();
                        ratios.push(fairness_ratio(&shares));
                        if over > 5.0 {
                            indices.push(jain(&shares));
                        }
                    }
                }
            }
        }
        if ratios[0].is_empty() {
            return;
        }
        out.insert("ratio_1s", Summary::of(&ratios[0]).p50);
        out.insert("ratio_5s", Summary::of(&ratios[1]).p50);
        out.insert("ratio_20s", Summary::of(&ratios[2]).max);
        out.insert("jain_20s", indices.iter().copied().fold(1.0, f64::min));
        self.priorities(out);
    }

    fn priorities(&self, out: &mut Measures) {
        let flows = &self.record.run.flows;
        let Some(first) = flows.iter().position(|flow| flow.priority > 1) else {
            return;
        };
        let (mut preferred, mut others) = (0.0, Vec::new());
        for window in self.static_windows() {
            if !flows.iter().all(|flow| is_on(flow, window)) {
                continue;
            }
            for (index, series) in self.series.iter().enumerate() {
                let bits = series.media.sum_within(window.0, window.1);
                if index == first {
                    preferred += bits;
                } else {
                    others.push(bits);
                }
            }
        }
        let others = mean(&others);
        if others > 0.0 {
            out.insert("priority_ratio", preferred / others);
        }
    }

    pub(super) fn resumption(&self, out: &mut Measures) {
        let flows = &self.record.run.flows;
        let Some(paused) = flows.iter().find(|flow| flow.on.len() > 1) else {
            return;
        };
        let (pause, resume) = (f64::from(paused.on[0].1), f64::from(paused.on[1].0));
        let mut worst = 0.0_f64;
        for (series, flow) in self.series.iter().zip(flows) {
            let before = (pause - pause * STATIC, pause);
            let share = mean(&series.media.rates_within(before.0, before.1));
            // Five seconds smooth what the content makes of single ones.
            let rates = smooth(&series.media.rates(), (5.0 / BIN) as usize);
            let end = flow.on.last().map_or(resume, |on| f64::from(on.1));
            let found = convergence(&rates, BIN, (resume, end), (share * 0.8, share * 1.2), HOLD);
            worst = worst.max(found.unwrap_or(f64::INFINITY));
        }
        out.insert("resume", worst);
    }

    pub(super) fn tcp(&self, out: &mut Measures) {
        let Some(tcp) = &self.record.tcp else { return };
        let flows = &self.record.run.flows;
        let from = flows.iter().map(|flow| flow.on[0].0).max().unwrap_or(0);
        let span = (f64::from(from) + 5.0, self.duration - 1.0);
        let events = tcp.delivered.iter();
        let events = events.map(|(at, bytes)| (seconds(*at), f64::from(*bytes) * 8.0));
        let rates = Bins::new(1.0, self.duration, events).rates_within(span.0, span.1);
        let rate = Summary::of(&rates);
        out.insert("tcp_rate", rate.mean / 1e3);
        if rate.mean > 0.0 {
            out.insert("tcp_variation", rate.std / rate.mean);
        }
        if let Some(narrow) = self.record.run.narrow.first() {
            out.insert("tcp_share", rate.mean / narrow.capacity_at(span.0));
        }
        out.insert(
            "tcp_loss",
            tcp.retransmitted as f64 * 100.0 / tcp.sent.max(1) as f64,
        );
    }
}
