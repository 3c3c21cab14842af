//! Values of a link's properties, as files write them. What may be absent is `"none"`.

use core::time::Duration;

use super::error::ScenarioError;
use super::section::Field;
use crate::link::{Loss, Outage, Rate};
use crate::time::Time;
use crate::units::{parse_duration, parse_rate, parse_size};

fn is_none(field: &Field<'_>) -> bool {
    matches!(field.text(), Ok("none"))
}

pub(super) fn rate(field: Field<'_>) -> Result<Option<Rate>, ScenarioError> {
    if is_none(&field) {
        return Ok(None);
    }
    field.quantity("2 Mb/s", parse_rate).map(Some)
}

pub(super) fn queue(field: Field<'_>) -> Result<Option<u64>, ScenarioError> {
    if is_none(&field) {
        return Ok(None);
    }
    field.quantity("64 kB", parse_size).map(Some)
}

pub(super) fn delay(field: Field<'_>) -> Result<Duration, ScenarioError> {
    field.quantity("15 ms", parse_duration)
}

pub(super) fn jitter(field: Field<'_>) -> Result<Duration, ScenarioError> {
    field.quantity("5 ms", parse_duration)
}

pub(super) fn loss(field: Field<'_>) -> Result<Loss, ScenarioError> {
    if is_none(&field) {
        return Ok(Loss::None);
    }
    if !field.is_section() {
        return Ok(Loss::Independent(field.quantity("2.5 %", str::parse)?));
    }
    let section = field.section()?;
    section.only(&["enter", "leave", "good", "bad"])?;
    let probability = |key| section.required(key)?.quantity("2.5 %", str::parse);
    Ok(Loss::GilbertElliott {
        enter: probability("enter")?,
        leave: probability("leave")?,
        good: probability("good")?,
        bad: probability("bad")?,
    })
}

pub(super) fn outages(field: Field<'_>) -> Result<Vec<Outage>, ScenarioError> {
    field.elements()?.map(outage).collect()
}

fn outage(field: Field<'_>) -> Result<Outage, ScenarioError> {
    let ends: Vec<Field<'_>> = field.elements()?.collect();
    let [from, to] = ends.as_slice() else {
        let error = field.error("an outage is a pair: when it begins and when it ends");
        return Err(error.with_help("such as [\"5 s\", \"15 s\"]"));
    };
    let (from, to) = (from.instant("5 s")?, to.instant("5 s")?);
    if from >= to {
        return Err(field.error("an outage must end after it begins"));
    }
    Ok(Outage { from, to })
}

/// An instant of the run.
pub(super) fn instant(field: Field<'_>) -> Result<Time, ScenarioError> {
    field.instant("5 s")
}

/// A span that is not zero.
pub(super) fn span(field: Field<'_>) -> Result<Duration, ScenarioError> {
    let span = field.quantity("3 s", parse_duration)?;
    if span.is_zero() {
        return Err(field.error(format!("`{}` must not be zero", field.key())));
    }
    Ok(span)
}
