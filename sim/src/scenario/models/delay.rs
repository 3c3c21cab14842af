//! Delay that changes, and jitter.

use core::time::Duration;

use toml::Value;

use super::rate::steps;
use super::{is_none, sparse};
use crate::link::{DelayStep, Jitter, JitterModel, Spikes};
use crate::scenario::error::ScenarioError;
use crate::scenario::format::{
    BitRate, Flag, Format, Instant, List, Maybe, NonZero, Span, Thousandths, Whole, Within, keys,
    optional, required, spell, wait,
};
use crate::scenario::section::{Field, Section};

/// How a link's delay changes: `[["10 s", "80 ms"]]`.
pub(in crate::scenario) struct DelaySteps;

impl Format for DelaySteps {
    type Value = Vec<DelayStep>;

    fn read(&self, field: Field<'_>) -> Result<Vec<DelayStep>, ScenarioError> {
        let span = |field: Field<'_>| wait("80 ms").read(field);
        let steps = steps(field, "the delay", "[\"40 s\", \"80 ms\"]", span)?.into_iter();
        Ok(steps.map(|(at, delay)| DelayStep { at, delay }).collect())
    }

    fn write(&self, value: &Vec<DelayStep>) -> Value {
        let steps = value.iter();
        let steps = steps.map(|step| vec![Instant.write(&step.at), Span("").write(&step.delay)]);
        Value::Array(steps.map(Value::Array).collect())
    }
}

/// Jitter:
///
/// - `"none"`, `"5 ms"`: uniform from zero to that
/// - `{ kind = "normal", std = "5 ms", n_std = 3, fold = true }`: RFC 8868's
/// - `{ kind = "pareto", scale = "1 ms", shape = 2.5, cap = "200 ms" }`
/// - `{ kind = "table", delays = ["0 ms", "1 ms", "20 ms"] }`
/// - with any of them `reorders`, `spacing`, `spikes`
pub(in crate::scenario) struct Jittering;

/// Most deviations of the normal distribution that are kept; no draw comes to more than nine.
const MOST_STD: u32 = 9;

const KINDS: &[&str] = &["none", "uniform", "normal", "pareto", "table"];

keys! {
    /// The keys that every kind has.
    common: Jitter {
        reorders = Flag;
        spacing = Maybe(BitRate);
        spikes = Maybe(Spiking);
    }
}

impl Format for Jittering {
    type Value = Jitter;

    fn read(&self, field: Field<'_>) -> Result<Jitter, ScenarioError> {
        if is_none(&field) {
            return Ok(Jitter::default());
        }
        if !field.is_section() {
            let max = wait("5 ms").read(field)?;
            return Ok(match max {
                Duration::ZERO => Jitter::default(),
                max => Jitter::uniform(max),
            });
        }
        let section = field.section()?;
        let kinds: Vec<(&str, &str)> = KINDS.iter().map(|kind| (*kind, *kind)).collect();
        let kind = section.required("kind")?.choice(&kinds, "kind of jitter")?;
        let mut jitter = Jitter {
            model: model(kind, section)?,
            ..Jitter::default()
        };
        common::read(section, &mut jitter)?;
        Ok(jitter)
    }

    fn write(&self, value: &Jitter) -> Value {
        let common = common::write(value, &Jitter::default());
        let mut keys: Vec<(&str, Value)> = match &value.model {
            JitterModel::None if common.is_empty() => return "none".into(),
            JitterModel::Uniform(max) if common.is_empty() && !max.is_zero() => {
                return Span("").write(max);
            }
            JitterModel::None => vec![("kind", "none".into())],
            JitterModel::Uniform(max) => {
                vec![("kind", "uniform".into()), ("max", Span("").write(max))]
            }
            JitterModel::Normal { std, n_std, fold } => vec![
                ("kind", "normal".into()),
                ("std", Span("").write(std)),
                ("n_std", Whole::NEW.write(n_std)),
                ("fold", Flag.write(fold)),
            ],
            JitterModel::Pareto {
                scale,
                shape_milli,
                cap,
            } => vec![
                ("kind", "pareto".into()),
                ("scale", Span("").write(scale)),
                ("shape", Thousandths("").write(shape_milli)),
                ("cap", Span("").write(cap)),
            ],
            JitterModel::Table(delays) => {
                vec![
                    ("kind", "table".into()),
                    ("delays", List(Span("")).write(&delays.to_vec())),
                ]
            }
        };
        keys.extend(common);
        sparse(keys)
    }
}

fn model(kind: &str, section: Section<'_>) -> Result<JitterModel, ScenarioError> {
    let only = |keys: &[&str]| section.only(&[&["kind"], keys, common::KEYS].concat());
    Ok(match kind {
        "uniform" => {
            only(&["max"])?;
            JitterModel::Uniform(required(section, "max", &wait("5 ms"))?)
        }
        "normal" => {
            only(&["std", "n_std", "fold"])?;
            JitterModel::Normal {
                std: required(section, "std", &wait("5 ms"))?,
                n_std: optional(section, "n_std", &Within(Whole::NEW, 0, MOST_STD))?.unwrap_or(3),
                fold: optional(section, "fold", &Flag)?.unwrap_or(true),
            }
        }
        "pareto" => {
            only(&["scale", "shape", "cap"])?;
            JitterModel::Pareto {
                scale: required(section, "scale", &wait("1 ms"))?,
                shape_milli: required(section, "shape", &NonZero(Thousandths("2.5")))?,
                cap: required(section, "cap", &wait("200 ms"))?,
            }
        }
        "table" => {
            only(&["delays"])?;
            let delays = required(section, "delays", &List(wait("1 ms")))?;
            JitterModel::Table(delays.into())
        }
        _ => {
            only(&[])?;
            JitterModel::None
        }
    })
}

/// Spells in which nothing gets through: `{ every = "10 s", height = "300 ms" }`.
struct Spiking;

impl Format for Spiking {
    type Value = Spikes;

    fn read(&self, field: Field<'_>) -> Result<Spikes, ScenarioError> {
        let section = field.section()?;
        section.only(&["every", "height"])?;
        Ok(Spikes {
            every: required(section, "every", &spell("10 s", Duration::from_millis(1)))?,
            height: required(section, "height", &NonZero(wait("300 ms")))?,
        })
    }

    fn write(&self, value: &Spikes) -> Value {
        sparse(vec![
            ("every", Span("").write(&value.every)),
            ("height", Span("").write(&value.height)),
        ])
    }
}
