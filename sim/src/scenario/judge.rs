//! Whether a run did what its scenario expects.

use super::Scenario;
use super::expect::{Check, Subject, Window};
use super::expression::{Bound, Unit};
use super::suggest::nearest;

/// What was measured in a run.
pub trait Metrics {
    /// The value of a metric in seconds, bits per second, bytes, a fraction or a plain number; `None` if it was not
    /// measured.
    fn value(&self, metric: &str, of: Subject, window: Window) -> Option<f64>;

    /// What a metric's value is given in, so that people can be told.
    fn unit(&self, metric: &str) -> Unit {
        let _ = metric;
        Unit::Plain
    }

    /// Names of metrics and invariants that there are, for suggestions.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether an invariant held, or how it was broken; `None` if nobody looked.
    fn invariant(&self, name: &str) -> Option<Result<(), String>> {
        let _ = name;
        None
    }
}

/// How an expectation came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It held.
    Held,
    /// The value is less than the least.
    Below,
    /// The value is more than the most.
    Above,
    /// The invariant was broken.
    Broken,
    /// It was not checked, which is a failure.
    NotRun,
}

/// What became of an expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether it held.
    pub outcome: Outcome,
    /// The value found, where there is one.
    pub value: Option<f64>,
    /// One line that says what was found and what was expected.
    pub message: String,
}

impl Verdict {
    /// Whether all is well.
    pub fn held(&self) -> bool {
        self.outcome == Outcome::Held
    }

    fn new(outcome: Outcome, value: Option<f64>, message: String) -> Verdict {
        Verdict {
            outcome,
            value,
            message,
        }
    }
}

impl Scenario {
    /// Judges a run: one verdict for each of [`Scenario::expect`], in that order.
    pub fn judge(&self, metrics: &dyn Metrics) -> Vec<Verdict> {
        let checks = self.expect.iter();
        checks
            .map(|expectation| self.verdict(&expectation.check, metrics))
            .collect()
    }

    fn verdict(&self, check: &Check, metrics: &dyn Metrics) -> Verdict {
        let (metric, of, window, min, max) = match check {
            Check::Invariant { name } => return invariant(name, metrics),
            Check::Metric {
                metric,
                of,
                window,
                min,
                max,
            } => (metric, *of, *window, min, max),
        };
        let what = format!("{metric}{}{}", self.describe(of), describe(window));
        let Some(value) = metrics
            .value(metric, of, window)
            .filter(|value| !value.is_nan())
        else {
            return not_run(&what, metric, metrics);
        };
        let sides = [(min, "less than", true), (max, "more than", false)];
        let unit = match metrics.unit(metric) {
            Unit::Plain => {
                let mut units = sides
                    .iter()
                    .filter_map(|(bound, ..)| bound.as_ref())
                    .map(Bound::unit);
                units.find(|unit| *unit != Unit::Plain).unwrap_or_default()
            }
            unit => unit,
        };
        let found = format!("{what} is {}", unit.show(value));
        let mut within = Vec::new();
        for (bound, beyond, least) in sides {
            let Some(bound) = bound else { continue };
            let limit = match bound.value(&|name| metrics.value(name, of, window)) {
                Ok(limit) if limit.is_finite() => limit,
                Ok(_) => {
                    let message = format!("{found}, and `{bound}` has no value");
                    return Verdict::new(Outcome::NotRun, Some(value), message);
                }
                Err(name) => {
                    return not_run(
                        &format!("{name}{}{}", self.describe(of), describe(window)),
                        name,
                        metrics,
                    );
                }
            };
            let shown = match bound.is_computed() {
                true => format!("{} ({bound})", unit.show(limit)),
                false => unit.show(limit),
            };
            let broken = if least { value < limit } else { value > limit };
            if broken {
                let message = format!("{found}, {beyond} {shown}");
                let outcome = if least {
                    Outcome::Below
                } else {
                    Outcome::Above
                };
                return Verdict::new(outcome, Some(value), message);
            }
            within.push(format!(
                "{} {shown}",
                if least { "at least" } else { "at most" }
            ));
        }
        let message = format!("{found}, {}", within.join(" and "));
        Verdict::new(Outcome::Held, Some(value), message)
    }

    /// An expectation in words, the same wherever it stands: `loss of a>b from 16 s to 39 s, at most 6 %`.
    pub fn expected(&self, check: &Check) -> String {
        match check {
            Check::Invariant { name } => name.clone(),
            Check::Metric {
                metric,
                of,
                window,
                min,
                max,
            } => {
                let mut text = format!("{metric}{}{}", self.describe(*of), describe(*window));
                let min = min.as_ref().map(|bound| ("at least", bound));
                let max = max.as_ref().map(|bound| ("at most", bound));
                for (side, bound) in min.into_iter().chain(max) {
                    text.push_str(&format!(", {side} {bound}"));
                }
                text
            }
        }
    }

    /// ` of bob`.
    fn describe(&self, of: Subject) -> String {
        match self.subject(of) {
            Some(name) => format!(" of {name}"),
            None => String::new(),
        }
    }

    /// The name of a subject, as files write it; `None` for the run itself.
    pub fn subject(&self, of: Subject) -> Option<String> {
        match of {
            Subject::Run => None,
            Subject::Node(index) => Some(self.node_name(index).to_owned()),
            Subject::Flow(index) => {
                let flow = self.flows.get(index);
                Some(flow.map_or_else(String::new, |flow| flow.name.clone()))
            }
            Subject::Link(link) => Some(self.link_name(link)),
        }
    }
}

fn describe(window: Window) -> String {
    match window {
        Window::Whole => String::new(),
        Window::Static => " while nothing changes".to_owned(),
        Window::Span(from, to) => {
            let show = |time: crate::time::Time| Unit::Seconds.show(time.as_nanos() as f64 / 1e9);
            format!(" from {} to {}", show(from), show(to))
        }
    }
}

fn invariant(name: &str, metrics: &dyn Metrics) -> Verdict {
    match metrics.invariant(name) {
        Some(Ok(())) => Verdict::new(Outcome::Held, None, format!("{name} held")),
        Some(Err(how)) => Verdict::new(Outcome::Broken, None, format!("{name} was broken: {how}")),
        None => not_run(name, name, metrics),
    }
}

/// A failure: what was to be checked was not.
fn not_run(what: &str, name: &str, metrics: &dyn Metrics) -> Verdict {
    let names = metrics.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = match nearest(name, &names) {
        Some(known) if known != name => format!("{what} was not measured: did you mean `{known}`?"),
        _ => format!("{what} was not measured"),
    };
    Verdict::new(Outcome::NotRun, None, message)
}
