//! How the models of a link's stages are written.

mod delay;
mod loss;
mod mangle;
mod queue;
mod rate;

pub(super) use delay::{DelaySteps, Jittering};
pub(super) use loss::{Losing, Numbers, packets};
pub(super) use mangle::{Corrupting, Duplicating, Ecn, Reordering};
pub(super) use queue::{Policing, Queueing};
pub(super) use rate::{Interval, MODE, Opportune, RateSteps, Rates, Switching};

use toml::{Table, Value};

use super::section::Field;

/// Whether the value is the word for what is absent.
fn is_none(field: &Field<'_>) -> bool {
    matches!(field.text(), Ok("none"))
}

/// A table of these keys.
fn table<const N: usize>(keys: [(&str, Value); N]) -> Value {
    Value::Table(Table::from_iter(
        keys.map(|(key, value)| (key.to_owned(), value)),
    ))
}

/// A table of keys, of which some are left out.
fn sparse(keys: Vec<(&'static str, Value)>) -> Value {
    Value::Table(
        keys.into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}
