//! The metrics that there are: their names, their units, and what of them a scenario may expect.

use duet_sim::{Check, FlowKind, Measurable, Role, Scenario, ScenarioError, Subject, Unit};

use super::flow;
use crate::invariants::{Invariant, Tally};

/// The metrics of a run, of a client in a call, of a link.
pub(super) const RUN: &[&str] = &["breaches"];
pub(super) const NODE: &[&str] = &[
    "video.sent",
    "video.shown",
    "video.on_time",
    "video.delay.mean",
    "video.delay.p50",
    "video.delay.p95",
    "video.delay.p99",
    "video.delay.max",
    "video.psnr",
    "audio.shown",
    "call.duration",
];
pub(super) const LINK: &[&str] = &[
    "packets",
    "rate",
    "loss",
    "capacity",
    "utilisation",
    "queue.delay.mean",
    "queue.delay.p50",
    "queue.delay.p95",
    "queue.delay.p99",
    "queue.delay.max",
    "delay.mean",
    "delay.p50",
    "delay.p95",
    "delay.p99",
    "delay.max",
];

/// The metrics of a NAT and of a firewall: what they refused by the causes of event logs, `nat-filtered` as
/// `refused.filtered`.
pub(super) const NAT: &[&str] = &[
    "mappings",
    "refused",
    "refused.no_mapping",
    "refused.filtered",
    "refused.ports_exhausted",
    "refused.full",
    "refused.host_full",
    "refused.hairpin",
    "refused.address",
    "refused.conflict",
    "refused.down",
    "refused.too_big",
    "refused.fragment",
    "refused.icmp",
    "refused.malformed",
];
pub(super) const FIREWALL: &[&str] = &[
    "refused",
    "refused.udp",
    "refused.port",
    "refused.size",
    "refused.unsolicited",
    "refused.full",
    "refused.first",
    "refused.time",
    "refused.bytes",
    "refused.packets",
    "refused.icmp",
    "refused.fragment",
    "refused.malformed",
];

/// The metrics of a NAT, or else of a firewall.
pub(super) const fn metrics_of_box(is_nat: bool) -> &'static [&'static str] {
    if is_nat { NAT } else { FIREWALL }
}

/// Whether a cause of the event log is the one that a metric names.
pub(super) fn is_cause(known: &str, name: &str) -> bool {
    let cause = known.split_once('-').map_or(known, |(_, cause)| cause);
    cause.len() == name.len()
        && cause
            .bytes()
            .zip(name.bytes())
            .all(|(a, b)| a == b || (a, b) == (b'-', b'_'))
}

/// Points at an expectation of what is measured of no run.
///
/// # Errors
///
/// [`ScenarioError`] says what there is.
pub(super) fn known(scenario: &Scenario) -> Result<(), ScenarioError> {
    for expectation in &scenario.expect {
        if let Check::Invariant { name } = &expectation.check
            && Invariant::named(name).is_none()
        {
            let all = Invariant::ALL.iter().map(|(one, _)| one.name());
            let all: Vec<&str> = all.collect();
            let message = format!(
                "no invariant is called `{name}`; there is {}",
                all.join(", ")
            );
            return Err(scenario.error_in(expectation.place, &["invariant"], message, None));
        }
    }
    scenario.check_expectations(&Known(scenario))
}

/// What is measured of a scenario's runs.
struct Known<'s>(&'s Scenario);

impl Measurable for Known<'_> {
    fn unit(&self, metric: &str, of: Subject) -> Option<Unit> {
        let (_, all) = self.metrics(of);
        all.contains(&metric).then(|| unit(metric))
    }

    fn metrics(&self, of: Subject) -> (&'static str, Vec<&'static str>) {
        match of {
            Subject::Run => ("a run", [RUN, &counts(), LINK].concat()),
            Subject::Node(node) => match self.0.nodes.get(node).map(|node| node.role) {
                Some(Role::Nat) => ("a NAT", NAT.to_vec()),
                Some(Role::Firewall) => ("a firewall", FIREWALL.to_vec()),
                _ => ("a client in a call", NODE.to_vec()),
            },
            Subject::Flow(flow) => match self.0.flows.get(flow).map(|flow| &flow.kind) {
                Some(kind @ FlowKind::Media(_)) => {
                    ("a media flow", flow::metrics_of(kind).to_vec())
                }
                Some(kind) => ("cross traffic", flow::metrics_of(kind).to_vec()),
                None => ("a flow", Vec::new()),
            },
            Subject::Link(_) => ("a link", LINK.to_vec()),
        }
    }

    fn has_windows(&self, metric: &str, of: Subject) -> bool {
        match of {
            Subject::Run => !RUN.contains(&metric) && !counts().contains(&metric),
            Subject::Node(_) => !["audio.shown", "call.duration", "mappings"].contains(&metric),
            Subject::Flow(flow) => match self.0.flows.get(flow).map(|flow| &flow.kind) {
                Some(FlowKind::Media(_)) => true,
                _ => !flow::WHOLE.contains(&metric),
            },
            Subject::Link(_) => true,
        }
    }
}

/// What is counted of applications.
pub(super) fn counts() -> Vec<&'static str> {
    Tally::ALL.iter().map(|(name, _)| *name).collect()
}

/// What a metric is given in, whatever it is of.
pub(super) fn unit(metric: &str) -> Unit {
    match metric {
        "rate" | "capacity" | "goodput" | "target" => Unit::BitsPerSecond,
        "loss" | "utilisation" | "video.shown" | "video.on_time" | "audio.shown"
        | "frames.whole" | "expired" | "retransmitted" | "marked" => Unit::Fraction,
        "bytes" => Unit::Bytes,
        "call.duration" | "rtt" => Unit::Seconds,
        metric if metric.starts_with("completion.") => Unit::Seconds,
        metric if metric.contains("delay") => Unit::Seconds,
        _ => Unit::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duet_sim::net::Refusal;

    /// Every cause of the event log has its metric, and no metric is without one.
    #[test]
    fn boxes_have_a_metric_for_each_cause() {
        let named = |metrics: &[&'static str]| {
            let names = metrics
                .iter()
                .filter_map(|metric| metric.strip_prefix("refused."));
            names.collect::<Vec<&str>>()
        };
        for (begins, metrics) in [("nat-", named(NAT)), ("firewall-", named(FIREWALL))] {
            let causes = Refusal::NAMES
                .iter()
                .filter(|name| name.starts_with(begins));
            let causes: Vec<&str> = causes.copied().collect();
            assert_eq!(causes.len(), metrics.len());
            for (cause, metric) in causes.iter().zip(metrics) {
                assert!(is_cause(cause, metric), "{cause}: {metric}");
            }
        }
    }
}
