//! Whether what is expected can fail: bounds have the unit of what they bound, name metrics that there are, and have a
//! value; windows lie within the run.

use super::Scenario;
use super::error::ScenarioError;
use super::expect::{Check, Expectation, Subject, Window};
use super::expression::{Bound, Term, Unit};
use super::suggest::nearest;
use crate::time::Time;

/// What can be measured of a run, as far as that is known before it.
pub trait Measurable {
    /// What a metric of a subject is given in; none if the subject has no such metric.
    fn unit(&self, metric: &str, of: Subject) -> Option<Unit>;

    /// What a subject is, such as "a link", and the metrics that it has.
    fn metrics(&self, of: Subject) -> (&'static str, Vec<&'static str>);

    /// Whether a metric that there is can be of a part of the run.
    fn has_windows(&self, metric: &str, of: Subject) -> bool {
        let _ = (metric, of);
        true
    }
}

/// What an expression comes to before metrics have values.
#[derive(Clone, Copy)]
struct Value {
    /// What it measures; none of numbers without a unit.
    unit: Option<Unit>,
    /// What it is, where no metric is in it.
    constant: Option<f64>,
}

impl Scenario {
    /// Refuses what is expected if it could not fail, or could not be judged whatever comes of the run: metrics that
    /// there are not, bounds of another unit, windows outside the run.
    ///
    /// A number without a unit bounds what is counted; it may be 0 for everything, and from 0 to 1 for a share.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] at the first that is wrong.
    pub fn check_expectations(&self, known: &dyn Measurable) -> Result<(), ScenarioError> {
        let mut all = self.expect.iter();
        all.try_for_each(|expectation| self.check_expectation(expectation, known))
    }

    fn check_expectation(
        &self,
        expectation: &Expectation,
        known: &dyn Measurable,
    ) -> Result<(), ScenarioError> {
        let Check::Metric {
            metric,
            of,
            window,
            min,
            max,
        } = &expectation.check
        else {
            return Ok(());
        };
        let wrong = |key: &str, message: String| {
            Err(self.error_in(expectation.place, &[key], message, None))
        };
        let absent = |key: &str, name: &str| {
            let (whose, names) = known.metrics(*of);
            let message = format!(
                "{whose} has no metric `{name}`; there is {}",
                names.join(", ")
            );
            let error = self.error_in(expectation.place, &[key], message, None);
            Err(match nearest(name, &names) {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => error,
            })
        };
        let Some(unit) = known.unit(metric, *of) else {
            return absent("metric", metric);
        };
        if *window != Window::Whole && !known.has_windows(metric, *of) {
            let message = format!("`{metric}` is of the whole run, and has no window");
            return wrong("window", message);
        }
        if let Window::Span(from, to) = window {
            let end = Time::ZERO.after(self.duration);
            let show = |time: Time| Unit::Seconds.show(time.as_nanos() as f64 / 1e9);
            for (name, at, is_past) in [("begins", from, *from >= end), ("ends", to, *to > end)] {
                if is_past {
                    let (at, end) = (show(*at), show(end));
                    let message = format!("the window {name} at {at}, and the run ends at {end}");
                    return wrong("window", message);
                }
            }
        }
        let mut constants = Vec::new();
        for (key, bound) in [("min", min), ("max", max)] {
            let Some(bound) = bound else { continue };
            let value = match Value::of(bound.root(), &|name| known.unit(name, *of)) {
                Ok(value) => value,
                Err(Wrong::Metric(name)) => return absent(key, name),
                Err(Wrong::Other(message)) => return wrong(key, message),
            };
            if let Err((message, help)) = value.bounds(metric, unit, bound) {
                let error = self.error_in(expectation.place, &[key], message, None);
                return Err(error.with_help(help));
            }
            constants.extend(value.constant);
        }
        match (min, max, constants[..].as_ref()) {
            (Some(min), Some(max), [least, most]) if least > most => {
                let message = format!("nothing is at least {min} and at most {max}");
                wrong("min", message)
            }
            _ => Ok(()),
        }
    }
}

/// What is wrong with an expression.
enum Wrong<'t> {
    /// There is no such metric.
    Metric(&'t str),
    /// Anything else, in words.
    Other(String),
}

impl Value {
    /// Of an expression, by the units of metrics.
    fn of<'t>(term: &'t Term, metric: &dyn Fn(&str) -> Option<Unit>) -> Result<Value, Wrong<'t>> {
        match term {
            Term::Number(value, unit) => Ok(Value {
                unit: (*unit != Unit::Plain).then_some(*unit),
                constant: Some(*value),
            }),
            Term::Metric(name) => Ok(Value {
                unit: Some(metric(name).ok_or(Wrong::Metric(name))?),
                constant: None,
            }),
            Term::Operation(operator, terms) => {
                let (a, b) = (Value::of(&terms.0, metric)?, Value::of(&terms.1, metric)?);
                if *operator == '/' && b.constant == Some(0.0) {
                    return Err(Wrong::Other("this divides by zero".to_owned()));
                }
                let unit = match operator {
                    '+' | '-' => a.and(b),
                    '*' => a.times(b),
                    _ => a.over(b),
                };
                let Some(unit) = unit else {
                    let (a, b) = (a.name(), b.name());
                    let message =
                        format!("{a} and {b} are joined by `{operator}`, which has no meaning");
                    return Err(Wrong::Other(message));
                };
                let constant = a.constant.zip(b.constant).map(|(a, b)| match operator {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                });
                Ok(Value { unit, constant })
            }
        }
    }

    /// The unit of a sum; a number counts, or is a share where it meets one.
    fn and(self, other: Value) -> Option<Option<Unit>> {
        match (self.unit, other.unit) {
            (a, b) if a == b => Some(a),
            (None, unit) if self.constant == Some(0.0) => Some(unit),
            (unit, None) if other.constant == Some(0.0) => Some(unit),
            (None, unit @ Some(Unit::Plain | Unit::Fraction)) => Some(unit),
            (unit @ Some(Unit::Plain | Unit::Fraction), None) => Some(unit),
            _ => None,
        }
    }

    /// The unit of a product; one factor at most has a dimension.
    fn times(self, other: Value) -> Option<Option<Unit>> {
        match (self.unit, other.unit) {
            (None, unit) | (unit, None) => Some(unit),
            (Some(Unit::Fraction), unit) | (unit, Some(Unit::Fraction)) => Some(unit),
            (Some(Unit::Plain), unit) | (unit, Some(Unit::Plain)) => Some(unit),
            _ => None,
        }
    }

    /// The unit of a quotient; of two alike it is a share.
    fn over(self, other: Value) -> Option<Option<Unit>> {
        match (self.unit, other.unit) {
            (unit, None) => Some(unit),
            (a, b) if a == b => Some(Some(Unit::Fraction)),
            (unit, Some(Unit::Fraction | Unit::Plain)) => Some(unit),
            _ => None,
        }
    }

    /// Whether it can be compared with a metric of this unit; an error says what is wrong, and what to do.
    fn bounds(self, metric: &str, unit: Unit, bound: &Bound) -> Result<(), (String, String)> {
        if let Some(constant) = self.constant {
            if !constant.is_finite() {
                let help = "a bound is a number".to_owned();
                return Err((format!("`{bound}` has no value"), help));
            }
            let is_share = unit == Unit::Fraction && (0.0..=1.0).contains(&constant);
            if self.unit.is_none() && (constant == 0.0 || is_share) {
                return Ok(());
            }
        }
        let fits = match (self.unit, unit) {
            (None, Unit::Plain) => true,
            (None, Unit::Fraction) => self.constant.is_none(),
            (own, unit) => own == Some(unit),
        };
        match fits {
            true => Ok(()),
            false => {
                let (of, own) = (name(Some(unit)), self.name());
                let help = match unit {
                    Unit::Plain => "write a number",
                    Unit::Seconds => "write it with its unit, such as \"80 ms\"",
                    Unit::BitsPerSecond => "write it with its unit, such as \"2 Mb/s\"",
                    Unit::Bytes => "write it with its unit, such as \"64 kB\"",
                    Unit::Fraction => "write it as \"5 %\" or 0.05",
                };
                Err((
                    format!("`{metric}` is {of}, and this is {own}"),
                    help.into(),
                ))
            }
        }
    }

    fn name(self) -> &'static str {
        name(self.unit)
    }
}

/// What a unit is the unit of.
fn name(unit: Option<Unit>) -> &'static str {
    match unit {
        None => "a number without a unit",
        Some(Unit::Plain) => "a plain number",
        Some(Unit::Seconds) => "a time",
        Some(Unit::BitsPerSecond) => "a rate",
        Some(Unit::Bytes) => "a size",
        Some(Unit::Fraction) => "a share",
    }
}
