//! The transmitter: rates, opportunities, on and off, outages.

use core::time::Duration;

use toml::Value;

use super::table;
use crate::link::{OnOff, Opportunities, Outage, OutageMode, Rate, RateStep, Sojourn};
use crate::scenario::error::ScenarioError;
use crate::scenario::format::{BitRate, Format, Instant, List, Span, Whole, Word, required, spell};
use crate::scenario::section::Field;
use crate::time::Time;

/// The pairs of an array, each with an instant first, in the order of time. `kind` is what the second one is.
pub(in crate::scenario) fn steps<T>(
    field: Field<'_>,
    kind: &str,
    example: &str,
    read: impl Fn(Field<'_>) -> Result<T, ScenarioError>,
) -> Result<Vec<(Time, T)>, ScenarioError> {
    let mut steps: Vec<(Time, T)> = Vec::new();
    for step in field.elements()? {
        let parts: Vec<Field<'_>> = match step.is_list() {
            true => step.elements()?.collect(),
            false => Vec::new(),
        };
        let [at, value] = parts.as_slice() else {
            let message = format!("a step of a schedule is a pair: from when on, and {kind}");
            return Err(step.error(message).with_help(format!("such as {example}")));
        };
        let at = Instant.read(*at)?;
        if steps.last().is_some_and(|(before, _)| *before >= at) {
            return Err(step.error("a schedule goes forward in time"));
        }
        steps.push((at, read(*value)?));
    }
    Ok(steps)
}

/// A rate, or `"stop"`.
fn rate(field: Field<'_>) -> Result<Option<Rate>, ScenarioError> {
    match field.text() {
        Ok("stop") => Ok(None),
        _ => BitRate.read(field).map(Some),
    }
}

fn write_rate(rate: &Option<Rate>) -> Value {
    match rate {
        Some(rate) => BitRate.write(rate),
        None => "stop".into(),
    }
}

/// Rates from instants on: `[["0 s", "1 Mb/s"], ["40 s", "stop"]]`.
pub(in crate::scenario) struct Rates;

impl Format for Rates {
    type Value = Vec<(Time, Option<Rate>)>;

    fn read(&self, field: Field<'_>) -> Result<Self::Value, ScenarioError> {
        steps(field, "the rate", "[\"40 s\", \"2.5 Mb/s\"]", rate)
    }

    fn write(&self, value: &Self::Value) -> Value {
        let steps = value
            .iter()
            .map(|(at, rate)| vec![Instant.write(at), write_rate(rate)]);
        Value::Array(steps.map(Value::Array).collect())
    }
}

/// How a link's rate changes.
pub(in crate::scenario) struct RateSteps;

impl Format for RateSteps {
    type Value = Vec<RateStep>;

    fn read(&self, field: Field<'_>) -> Result<Vec<RateStep>, ScenarioError> {
        let steps = Rates.read(field)?.into_iter();
        Ok(steps.map(|(at, rate)| RateStep { at, rate }).collect())
    }

    fn write(&self, value: &Vec<RateStep>) -> Value {
        Rates.write(&value.iter().map(|step| (step.at, step.rate)).collect())
    }
}

/// Delivery opportunities: a file in mahimahi's format, or its milliseconds.
pub(in crate::scenario) struct Opportune;

impl Format for Opportune {
    type Value = Opportunities;

    fn read(&self, field: Field<'_>) -> Result<Opportunities, ScenarioError> {
        if !field.is_list() {
            let text = field.file()?;
            let trace = Opportunities::parse(text);
            return trace.map_err(|error| {
                field.error(format!("`{}`: {error}", field.text().unwrap_or_default()))
            });
        }
        let millis = List(Whole::NEW).read(field)?;
        Opportunities::new(&millis).map_err(|error| field.error(error.to_string()))
    }

    fn write(&self, value: &Opportunities) -> Value {
        List(Whole::NEW).write(&value.millis().collect())
    }
}

/// How long something lasts each time: `"1 s"`, or on average `{ mean = "1 s" }`.
struct Stay;

impl Format for Stay {
    type Value = Sojourn;

    fn read(&self, field: Field<'_>) -> Result<Sojourn, ScenarioError> {
        let span = spell("1 s", Duration::from_micros(1));
        if !field.is_section() {
            return span.read(field).map(Sojourn::Fixed);
        }
        let section = field.section()?;
        section.only(&["mean"])?;
        required(section, "mean", &span).map(Sojourn::Exponential)
    }

    fn write(&self, value: &Sojourn) -> Value {
        match value {
            Sojourn::Fixed(span) => Span("").write(span),
            Sojourn::Exponential(mean) => table([("mean", Span("").write(mean))]),
        }
    }
}

/// A transmitter that works on and off: `{ on = "1 s", off = { mean = "200 ms" } }`.
pub(in crate::scenario) struct Switching;

impl Format for Switching {
    type Value = OnOff;

    fn read(&self, field: Field<'_>) -> Result<OnOff, ScenarioError> {
        let section = field.section()?;
        section.only(&["on", "off"])?;
        Ok(OnOff {
            on: required(section, "on", &Stay)?,
            off: required(section, "off", &Stay)?,
        })
    }

    fn write(&self, value: &OnOff) -> Value {
        table([
            ("on", Stay.write(&value.on)),
            ("off", Stay.write(&value.off)),
        ])
    }
}

/// What a link that is down does with packets.
pub(in crate::scenario) const MODE: Word<OutageMode> = Word {
    names: &["drop", "hold", "burst"],
    all: &[OutageMode::Drop, OutageMode::Hold, OutageMode::Burst],
};

/// An interval in which a link is down: `["5 s", "15 s"]`, `["5 s", "15 s", "hold"]`.
pub(in crate::scenario) struct Interval;

impl Format for Interval {
    type Value = Outage;

    fn read(&self, field: Field<'_>) -> Result<Outage, ScenarioError> {
        let parts: Vec<Field<'_>> = field.elements()?.collect();
        let (from, to, mode) = match parts.as_slice() {
            [from, to] => (from, to, OutageMode::Drop),
            [from, to, mode] => (from, to, MODE.read(*mode)?),
            _ => {
                let error = field.error("an outage is a pair: when it begins and when it ends");
                return Err(error.with_help("such as [\"5 s\", \"15 s\"]"));
            }
        };
        let (from, to) = (Instant.read(*from)?, Instant.read(*to)?);
        if from >= to {
            return Err(field.error("an outage must end after it begins"));
        }
        Ok(Outage { from, to, mode })
    }

    fn write(&self, value: &Outage) -> Value {
        let mut parts = vec![Instant.write(&value.from), Instant.write(&value.to)];
        if value.mode != OutageMode::Drop {
            parts.push(MODE.write(&value.mode));
        }
        parts.into()
    }
}
