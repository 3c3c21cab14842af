//! What the path does to packets: waiting, loss, delay, and what feedback costs.

use duet_sim::Time;

use super::{Measures, View, greater, seconds};
use crate::flows::record::{FlowRecord, Frame, ON_ITS_WAY};
use crate::rfc8867::statistics::Summary;

/// After a decrease, for how many seconds loss counts as its consequence.
const AFTERMATH: f64 = 2.0;

impl View<'_> {
    pub(super) fn queues(&self, out: &mut Measures) {
        let windows: Vec<(f64, f64)> = self.static_windows().collect();
        for narrow in self.narrow() {
            let (mut steady, mut all) = (Vec::new(), Vec::new());
            for wait in narrow.link.waits.iter().filter(|wait| wait.media) {
                let Some(waited) = wait.waited else { continue };
                let millis = waited.as_secs_f64() * 1e3;
                let at = seconds(wait.offered);
                all.push(millis);
                if windows
                    .iter()
                    .any(|window| (window.0..window.1).contains(&at))
                {
                    steady.push(millis);
                }
            }
            let (steady, all) = (Summary::of(&steady), Summary::of(&all));
            for (name, value) in [
                ("queue_p50", steady.p50),
                ("queue_p95", steady.p95),
                ("queue_p99_all", all.p99),
            ] {
                let entry = out.entry(name).or_insert(0.0);
                *entry = entry.max(value);
            }
        }
    }

    /// Until when what left has arrived by the end, or never will.
    fn certain(&self) -> f64 {
        self.duration - ON_ITS_WAY.as_secs_f64()
    }

    /// The share of a flow's media packets lost, in per cent, of those that left within a span and had time to arrive.
    fn lost(&self, flows: &[usize], spans: &[(f64, f64)]) -> Option<f64> {
        let (mut sent, mut lost) = (0_u64, 0_u64);
        for index in flows {
            let packets = &self.record.flows[*index].sender.packets;
            for (packet, arrived) in packets.iter().zip(&self.arrived[*index]) {
                let Some(left) = packet.left.map(seconds) else {
                    continue;
                };
                let counts = left < self.certain();
                if counts && spans.iter().any(|span| (span.0..span.1).contains(&left)) {
                    sent += 1;
                    lost += u64::from(arrived.is_none());
                }
            }
        }
        (sent > 0).then(|| lost as f64 * 100.0 / sent as f64)
    }

    pub(super) fn losses(&self, out: &mut Measures) {
        let every: Vec<usize> = (0..self.record.flows.len()).collect();
        let windows: Vec<(f64, f64)> = self.static_windows().collect();
        let mut put = |name, value: Option<f64>| {
            if let Some(value) = value {
                out.insert(name, value);
            }
        };
        put("loss", self.lost(&every, &[(0.0, self.duration)]));
        put("loss_static", self.lost(&every, &windows));
        let mut worst = None;
        for narrow in self.narrow() {
            for pair in narrow
                .plan
                .capacity
                .windows(2)
                .filter(|pair| pair[1].1 < pair[0].1)
            {
                let at = f64::from(pair[1].0);
                let lost = self.lost(&narrow.flows, &[(at, at + AFTERMATH)]);
                worst = greater(worst, lost);
            }
        }
        put("loss_decrease", worst);
        let packets = self
            .record
            .flows
            .iter()
            .flat_map(|flow| &flow.sender.packets);
        let due = packets.filter(|packet| seconds(packet.captured) < self.certain());
        let (mut all, mut kept) = (0_u64, 0_u64);
        for packet in due {
            all += 1;
            kept += u64::from(packet.left.is_none());
        }
        put(
            "expired",
            (all > 0).then(|| kept as f64 * 100.0 / all as f64),
        );
    }

    pub(super) fn delays(&self, out: &mut Measures) {
        let (mut packets, mut frames) = (Vec::new(), Vec::new());
        let (mut whole, mut all) = (0_u64, 0_u64);
        for (flow, arrived) in self.record.flows.iter().zip(&self.arrived) {
            for (packet, arrived) in flow.sender.packets.iter().zip(arrived) {
                if let (Some(left), Some(at)) = (packet.left, arrived) {
                    packets.push(at.since(left).as_secs_f64() * 1e3);
                }
            }
            let counts = |frame: &Frame| seconds(frame.captured) < self.certain();
            for frame in flow.frames(arrived).into_iter().filter(counts) {
                all += 1;
                if let Some(last) = frame.whole {
                    whole += 1;
                    frames.push(last.since(frame.captured).as_secs_f64() * 1e3);
                }
            }
        }
        let (packets, frames) = (Summary::of(&packets), Summary::of(&frames));
        for (name, value) in [
            ("packet_delay_p50", packets.p50),
            ("packet_delay_p95", packets.p95),
            ("packet_delay_p99", packets.p99),
            ("frame_delay_p50", frames.p50),
            ("frame_delay_p95", frames.p95),
            ("frame_delay_p99", frames.p99),
            ("frames_whole", whole as f64 * 100.0 / all.max(1) as f64),
        ] {
            out.insert(name, value);
        }
    }

    pub(super) fn overhead(&self, out: &mut Measures) {
        let sum = |wire: fn(&FlowRecord) -> &[(Time, u32)]| -> f64 {
            let flows = self.record.flows.iter();
            flows
                .flat_map(wire)
                .map(|(_, bytes)| f64::from(*bytes))
                .sum()
        };
        let (back, there) = (sum(|flow| &flow.feedback), sum(|flow| &flow.sent));
        out.insert("feedback", back * 100.0 / there.max(1.0));
        let on = self.record.run.flows.iter().flat_map(|flow| &flow.on);
        let on: u32 = on.map(|on| on.1 - on.0).sum();
        out.insert("feedback_rate", back * 8.0 / 1e3 / f64::from(on.max(1)));
        let received: usize = self
            .record
            .flows
            .iter()
            .map(|flow| flow.received.len())
            .sum();
        let marked: u64 = self.record.flows.iter().map(|flow| flow.marked).sum();
        out.insert("marked", marked as f64 * 100.0 / received.max(1) as f64);
        let trips: usize = self
            .record
            .flows
            .iter()
            .map(|flow| flow.sender.trips.len())
            .sum();
        out.insert("trips", trips as f64);
    }
}
