//! How the models of a link are written.

use toml::{Table, Value};

use super::error::ScenarioError;
use super::format::{Chance, Format, Instant, Maybe, Span, bytes, required};
use super::section::Field;
use crate::link::{Discipline, Jitter, JitterModel, Limit, Loss, Outage, QueueConfig};

/// Random loss: a probability, or a table.
pub(super) struct LossModel;

impl Format for LossModel {
    type Value = Loss;

    fn read(&self, field: Field<'_>) -> Result<Loss, ScenarioError> {
        if matches!(field.text(), Ok("none")) {
            return Ok(Loss::None);
        }
        if !field.is_section() {
            return Ok(Loss::Independent(Chance.read(field)?));
        }
        let section = field.section()?;
        section.only(&["enter", "leave", "good", "bad"])?;
        let probability = |key| required(section, key, &Chance);
        Ok(Loss::GilbertElliott {
            enter: probability("enter")?,
            leave: probability("leave")?,
            good: probability("good")?,
            bad: probability("bad")?,
        })
    }

    fn write(&self, value: &Loss) -> Value {
        match value {
            Loss::None => "none".into(),
            Loss::Independent(probability) => Chance.write(probability),
            Loss::GilbertElliott {
                enter,
                leave,
                good,
                bad,
            } => {
                let keys = [
                    ("enter", enter),
                    ("leave", leave),
                    ("good", good),
                    ("bad", bad),
                ];
                let table = keys.map(|(key, value)| (key.to_owned(), Chance.write(value)));
                Table::from_iter(table).into()
            }
            other => unwritten(other),
        }
    }
}

/// A drop-tail queue of so many bytes, or `"none"` for one without limit.
pub(super) struct QueueSize;

impl Format for QueueSize {
    type Value = QueueConfig;

    fn read(&self, field: Field<'_>) -> Result<QueueConfig, ScenarioError> {
        Maybe(bytes("64 kB")).read(field).map(QueueConfig::from)
    }

    fn write(&self, value: &QueueConfig) -> Value {
        match (&value.discipline, value.limit) {
            (Discipline::DropTail, Limit::None) => Maybe(bytes::<u64>("64 kB")).write(&None),
            (Discipline::DropTail, Limit::Bytes(limit)) => bytes("64 kB").write(&limit),
            _ => unwritten(value),
        }
    }
}

/// The most that jitter adds, uniformly.
pub(super) struct JitterBound;

impl Format for JitterBound {
    type Value = Jitter;

    fn read(&self, field: Field<'_>) -> Result<Jitter, ScenarioError> {
        let max = Span("5 ms").read(field)?;
        Ok(match max.is_zero() {
            true => Jitter::default(),
            false => Jitter::uniform(max),
        })
    }

    fn write(&self, value: &Jitter) -> Value {
        match &value.model {
            JitterModel::Uniform(max) if *value == Jitter::uniform(*max) => Span("5 ms").write(max),
            JitterModel::None if *value == Jitter::default() => {
                Span("5 ms").write(&core::time::Duration::ZERO)
            }
            _ => unwritten(value),
        }
    }
}

/// A value for which files have no words: shown, and refused when it is read.
fn unwritten(value: &impl core::fmt::Debug) -> Value {
    format!("{value:?}").into()
}

/// An interval in which a link is down.
pub(super) struct Interval;

impl Format for Interval {
    type Value = Outage;

    fn read(&self, field: Field<'_>) -> Result<Outage, ScenarioError> {
        let ends: Vec<Field<'_>> = field.elements()?.collect();
        let [from, to] = ends.as_slice() else {
            let error = field.error("an outage is a pair: when it begins and when it ends");
            return Err(error.with_help("such as [\"5 s\", \"15 s\"]"));
        };
        let (from, to) = (Instant.read(*from)?, Instant.read(*to)?);
        if from >= to {
            return Err(field.error("an outage must end after it begins"));
        }
        Ok(Outage::drop(from, to))
    }

    fn write(&self, value: &Outage) -> Value {
        vec![Instant.write(&value.from), Instant.write(&value.to)].into()
    }
}
