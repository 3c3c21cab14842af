//! The `[[medium]]` tables: what links share, one at a time.

use core::time::Duration;

use toml::Value;

use super::error::ScenarioError;
use super::format::{Format, Maybe, NonZero, Span, Whole, Word, keys, wait};
use super::roster::Roster;
use super::section::{Field, Section};
use crate::link::{Arbitration, MediumConfig};

/// A shared half-duplex medium: whichever direction of its links sends, all others wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediumSpec {
    /// Its name, by which links say that they are on it.
    pub name: String,
    /// How its turns go.
    pub config: MediumConfig,
}

keys! {
    /// The keys of [`MediumConfig`].
    medium: MediumConfig {
        overhead = wait("200 us");
        max_packets = NonZero(Whole::NEW);
        max_airtime = Limit;
        arbitration = Word {
            names: &["round-robin", "fifo"],
            all: &[Arbitration::RoundRobin, Arbitration::Fifo],
        };
    }
}

/// A span, or `"none"` for no limit.
struct Limit;

impl Format for Limit {
    type Value = Duration;

    fn read(&self, field: Field<'_>) -> Result<Duration, ScenarioError> {
        let span = Maybe(NonZero(Span("4 ms"))).read(field)?;
        Ok(span.unwrap_or(Duration::MAX))
    }

    fn write(&self, value: &Duration) -> Value {
        Maybe(Span("")).write(&(*value != Duration::MAX).then_some(*value))
    }
}

/// Reads all `[[medium]]`s.
pub(super) fn parse(
    root: &Section<'_>,
    roster: &mut Roster,
) -> Result<Vec<MediumSpec>, ScenarioError> {
    let mut media = Vec::new();
    for section in root.tables("medium")? {
        section.only(&[&["name"], medium::KEYS].concat())?;
        let field = section.required("name")?;
        let name = field.text()?.to_owned();
        roster.take(field, &name, "medium")?;
        roster.count(field, 1)?;
        let mut config = MediumConfig::default();
        medium::read(section, &mut config)?;
        media.push(MediumSpec { name, config });
    }
    Ok(media)
}

/// The index of the medium that a link names.
pub(super) fn named(field: Field<'_>, media: &[MediumSpec]) -> Result<usize, ScenarioError> {
    let name = field.text()?;
    media
        .iter()
        .position(|medium| medium.name == name)
        .ok_or_else(|| {
            let error = field.error(format!("there is no medium `{name}`"));
            let names: Vec<&str> = media.iter().map(|medium| medium.name.as_str()).collect();
            match names.is_empty() {
                true => error.with_help("a medium is a `[[medium]]` table"),
                false => error.suggesting(name, &names),
            }
        })
}

/// What the table says beside the name.
pub(super) fn write(spec: &MediumSpec) -> Vec<(&'static str, Value)> {
    medium::write(&spec.config, &MediumConfig::default())
}
