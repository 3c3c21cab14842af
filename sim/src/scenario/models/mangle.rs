//! Reordering, duplication, corruption, ECN.

use toml::Value;

use super::{is_none, sparse};
use crate::link::{Corrupt, Corruption, Duplicate, EcnMangle, Reorder};
use crate::probability::Probability;
use crate::scenario::error::ScenarioError;
use crate::scenario::format::{Chance, Flag, Format, NonZero, Whole, Word, keys, wait};
use crate::scenario::section::{Field, Section};

keys! {
    /// The keys of [`Reorder`].
    reorder: Reorder {
        probability = Chance;
        every = NonZero(Whole::NEW);
        extra = NonZero(wait("20 ms"));
    }
}

keys! {
    /// The keys of [`Duplicate`].
    duplicate: Duplicate {
        probability = Chance;
        delay = wait("1 ms");
    }
}

keys! {
    /// The keys of [`Corrupt`].
    corrupt: Corrupt {
        probability = Chance;
        corruption = Word {
            names: &["bit-flip", "truncate", "garbage"],
            all: &[Corruption::BitFlip, Corruption::Truncate, Corruption::Garbage],
        };
    }
}

keys! {
    /// The keys of [`EcnMangle`].
    ecn: EcnMangle {
        mark = Chance;
        bleach = Chance;
        ect1_to_ect0 = Flag;
    }
}

/// `"none"`, or a table.
fn unless_none<T: Default>(
    field: Field<'_>,
    known: &[&str],
    read: fn(Section<'_>, &mut T) -> Result<(), ScenarioError>,
) -> Result<T, ScenarioError> {
    let mut value = T::default();
    if is_none(&field) {
        return Ok(value);
    }
    let section = field.section()?;
    section.only(known)?;
    read(section, &mut value)?;
    Ok(value)
}

fn none_or(keys: Vec<(&'static str, Value)>) -> Value {
    match keys.is_empty() {
        true => "none".into(),
        false => sparse(keys),
    }
}

/// Packets that fall behind: `{ probability = "1 %", extra = "20 ms" }`, `{ every = 100, extra = "20 ms" }`.
pub(in crate::scenario) struct Reordering;

impl Format for Reordering {
    type Value = Reorder;

    fn read(&self, field: Field<'_>) -> Result<Reorder, ScenarioError> {
        let value: Reorder = unless_none(field, reorder::KEYS, reorder::read)?;
        let happens = value.every > 0 || value.probability != Probability::NEVER;
        if happens && value.extra.is_zero() {
            let error = field.error("how much later do they arrive?");
            return Err(error.with_help("say `extra = \"20 ms\"`"));
        }
        Ok(value)
    }

    fn write(&self, value: &Reorder) -> Value {
        none_or(reorder::write(value, &Reorder::default()))
    }
}

/// Packets that arrive twice: `{ probability = "1 %", delay = "1 ms" }`.
pub(in crate::scenario) struct Duplicating;

impl Format for Duplicating {
    type Value = Duplicate;

    fn read(&self, field: Field<'_>) -> Result<Duplicate, ScenarioError> {
        unless_none(field, duplicate::KEYS, duplicate::read)
    }

    fn write(&self, value: &Duplicate) -> Value {
        none_or(duplicate::write(value, &Duplicate::default()))
    }
}

/// Packets that arrive damaged: `{ probability = "1 %", corruption = "truncate" }`.
pub(in crate::scenario) struct Corrupting;

impl Format for Corrupting {
    type Value = Corrupt;

    fn read(&self, field: Field<'_>) -> Result<Corrupt, ScenarioError> {
        unless_none(field, corrupt::KEYS, corrupt::read)
    }

    fn write(&self, value: &Corrupt) -> Value {
        none_or(corrupt::write(value, &Corrupt::default()))
    }
}

/// What happens to the ECN field: `{ mark = "1 %" }`, `{ bleach = "100 %" }`, `{ ect1_to_ect0 = true }`.
pub(in crate::scenario) struct Ecn;

impl Format for Ecn {
    type Value = EcnMangle;

    fn read(&self, field: Field<'_>) -> Result<EcnMangle, ScenarioError> {
        unless_none(field, ecn::KEYS, ecn::read)
    }

    fn write(&self, value: &EcnMangle) -> Value {
        none_or(ecn::write(value, &EcnMangle::default()))
    }
}
