//! How values are written in files: each format reads them, with a place for what is wrong, and writes them back.

use core::fmt;
use core::marker::PhantomData;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::time::Duration;

use toml::Value;
use toml::de::DeValue;

use super::error::ScenarioError;
use super::section::{Field, Section};
use crate::link::Rate;
use crate::probability::Probability;
use crate::time::Time;
use crate::units::{
    Decimal, UnitError, parse_duration, parse_rate, parse_size, show_duration, show_size,
};

/// A way to write values of a type. What is written is read as the same value.
pub(super) trait Format {
    type Value;

    fn read(&self, field: Field<'_>) -> Result<Self::Value, ScenarioError>;

    fn write(&self, value: &Self::Value) -> Value;
}

/// A span of time; the example is shown to those who write something else.
pub(super) struct Span(pub(super) &'static str);

impl Format for Span {
    type Value = Duration;

    fn read(&self, field: Field<'_>) -> Result<Duration, ScenarioError> {
        field.quantity(self.0, parse_duration)
    }

    fn write(&self, value: &Duration) -> Value {
        show_duration(*value).into()
    }
}

/// What must not be zero.
pub(super) struct NonZero<F>(pub(super) F);

impl<F: Format<Value: Default + PartialEq>> Format for NonZero<F> {
    type Value = F::Value;

    fn read(&self, field: Field<'_>) -> Result<F::Value, ScenarioError> {
        let value = self.0.read(field)?;
        match value == F::Value::default() {
            true => Err(field.error(format!("`{}` must not be zero", field.key()))),
            false => Ok(value),
        }
    }

    fn write(&self, value: &F::Value) -> Value {
        self.0.write(value)
    }
}

/// What must lie within bounds, both included; those who leave them are told.
pub(super) struct Within<F: Format>(pub(super) F, pub(super) F::Value, pub(super) F::Value);

impl<F: Format<Value: PartialOrd>> Format for Within<F> {
    type Value = F::Value;

    fn read(&self, field: Field<'_>) -> Result<F::Value, ScenarioError> {
        let Within(format, least, most) = self;
        let value = format.read(field)?;
        let bound = match () {
            () if value < *least => ("at least", least),
            () if value > *most => ("at most", most),
            () => return Ok(value),
        };
        let shown = match format.write(bound.1) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Err(field.error(format!("`{}` must be {} {shown}", field.key(), bound.0)))
    }

    fn write(&self, value: &F::Value) -> Value {
        self.0.write(value)
    }
}

/// The longest delay, and whatever else a packet may have to wait for.
const LONG: Duration = Duration::from_secs(3_600);

/// A span of time that a packet may have to wait for: an hour at most, so that what waits does not outlive the run that
/// it is in and the sums of such spans stay exact.
pub(super) const fn wait(example: &'static str) -> Within<Span> {
    Within(Span(example), Duration::ZERO, LONG)
}

/// A span of time that is drawn or repeated over and over, so that it must not be too short.
pub(super) const fn spell(example: &'static str, least: Duration) -> Within<NonZero<Span>> {
    Within(NonZero(Span(example)), least, Duration::MAX)
}

/// An instant of the run.
pub(super) struct Instant;

impl Format for Instant {
    type Value = Time;

    fn read(&self, field: Field<'_>) -> Result<Time, ScenarioError> {
        field.instant("5 s")
    }

    fn write(&self, value: &Time) -> Value {
        show_duration(value.since(Time::ZERO)).into()
    }
}

/// The highest rate: at more, a small packet takes less than the nanosecond that the simulator resolves.
const FASTEST: u64 = 1_000_000_000_000;

/// A rate.
pub(super) struct BitRate;

impl Format for BitRate {
    type Value = Rate;

    fn read(&self, field: Field<'_>) -> Result<Rate, ScenarioError> {
        let rate = field.quantity("2 Mb/s", parse_rate)?;
        match rate.bits_per_second() > FASTEST {
            true => Err(field.error(format!("`{}` must be at most 1000 Gb/s", field.key()))),
            false => Ok(rate),
        }
    }

    fn write(&self, value: &Rate) -> Value {
        value.to_string().into()
    }
}

/// A number of bytes, of some type.
pub(super) struct Bytes<T>(&'static str, PhantomData<T>);

/// A number of bytes; the example is shown to those who write something else.
pub(super) const fn bytes<T>(example: &'static str) -> Bytes<T> {
    Bytes(example, PhantomData)
}

impl<T: Copy + TryFrom<u64> + TryInto<u64>> Format for Bytes<T> {
    type Value = T;

    fn read(&self, field: Field<'_>) -> Result<T, ScenarioError> {
        let bytes = field.quantity(self.0, parse_size)?;
        T::try_from(bytes).map_err(|_| field.error(format!("`{}` is too large", field.key())))
    }

    fn write(&self, value: &T) -> Value {
        show_size((*value).try_into().unwrap_or(u64::MAX)).into()
    }
}

/// A probability.
pub(super) struct Chance;

impl Format for Chance {
    type Value = Probability;

    fn read(&self, field: Field<'_>) -> Result<Probability, ScenarioError> {
        field.quantity("2.5 %", str::parse)
    }

    fn write(&self, value: &Probability) -> Value {
        value.exact().into()
    }
}

/// True or false.
pub(super) struct Flag;

impl Format for Flag {
    type Value = bool;

    fn read(&self, field: Field<'_>) -> Result<bool, ScenarioError> {
        field.flag()
    }

    fn write(&self, value: &bool) -> Value {
        (*value).into()
    }
}

/// A whole number of some type.
pub(super) struct Whole<T>(PhantomData<T>);

impl<T> Whole<T> {
    pub(super) const NEW: Whole<T> = Whole(PhantomData);
}

impl<T: Copy + TryFrom<u64> + TryInto<i64>> Format for Whole<T> {
    type Value = T;

    fn read(&self, field: Field<'_>) -> Result<T, ScenarioError> {
        let too_large = || field.error(format!("`{}` is too large", field.key()));
        let number = field.integer()?;
        // What is written back is a number of TOML, which has 63 bits.
        i64::try_from(number).map_err(|_| too_large())?;
        T::try_from(number).map_err(|_| too_large())
    }

    fn write(&self, value: &T) -> Value {
        (*value).try_into().unwrap_or(i64::MAX).into()
    }
}

/// A number with three decimals at most, as its thousandths; the example is shown to those who write something else.
pub(super) struct Thousandths(pub(super) &'static str);

impl Format for Thousandths {
    type Value = u32;

    fn read(&self, field: Field<'_>) -> Result<u32, ScenarioError> {
        if let DeValue::String(_) = field.value() {
            return Err(field.mistyped(&format!("a number such as {}", self.0)));
        }
        field.quantity(self.0, |text| {
            let (number, unit) = Decimal::split(text)?;
            match unit {
                "" => u32::try_from(number.times(1_000)?).map_err(|_| UnitError::TooLarge),
                unit => Err(UnitError::NoNumber(unit.to_owned())),
            }
        })
    }

    fn write(&self, value: &u32) -> Value {
        (f64::from(*value) / 1_000.0).into()
    }
}

/// One of a few words.
pub(super) struct Word<T: 'static> {
    /// All words there are.
    pub(super) names: &'static [&'static str],
    pub(super) all: &'static [T],
}

impl<T: Copy + fmt::Display> Format for Word<T> {
    type Value = T;

    fn read(&self, field: Field<'_>) -> Result<T, ScenarioError> {
        let words: Vec<(&str, T)> = self
            .names
            .iter()
            .copied()
            .zip(self.all.iter().copied())
            .collect();
        field.choice(&words, &format!("`{}`", field.key()))
    }

    fn write(&self, value: &T) -> Value {
        value.to_string().into()
    }
}

/// What may be absent: `"none"`.
pub(super) struct Maybe<F>(pub(super) F);

impl<F: Format> Format for Maybe<F> {
    type Value = Option<F::Value>;

    fn read(&self, field: Field<'_>) -> Result<Self::Value, ScenarioError> {
        match field.value() {
            DeValue::String(text) if text == "none" => Ok(None),
            _ => self.0.read(field).map(Some),
        }
    }

    fn write(&self, value: &Self::Value) -> Value {
        match value {
            Some(value) => self.0.write(value),
            None => "none".into(),
        }
    }
}

/// An array.
pub(super) struct List<F>(pub(super) F);

impl<F: Format> Format for List<F> {
    type Value = Vec<F::Value>;

    fn read(&self, field: Field<'_>) -> Result<Self::Value, ScenarioError> {
        field
            .elements()?
            .map(|element| self.0.read(element))
            .collect()
    }

    fn write(&self, value: &Self::Value) -> Value {
        value
            .iter()
            .map(|value| self.0.write(value))
            .collect::<Vec<_>>()
            .into()
    }
}

/// A port, or the first and the last of several: `443`, `"1024..65535"`.
pub(super) struct Ports;

impl Format for Ports {
    type Value = RangeInclusive<u16>;

    fn read(&self, field: Field<'_>) -> Result<RangeInclusive<u16>, ScenarioError> {
        let wrong = || {
            let error = field.error(format!(
                "`{}` must be a port or a range of ports",
                field.key()
            ));
            error.with_help("such as 443 or \"1024..65535\"")
        };
        let number = |text: &str| u16::from_str(text.trim()).map_err(|_| wrong());
        let text = match field.value() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::String(text) => text,
            _ => return Err(wrong()),
        };
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        match first <= last {
            true => Ok(first..=last),
            false => Err(field.error("the last port is before the first")),
        }
    }

    fn write(&self, value: &RangeInclusive<u16>) -> Value {
        match (value.start(), value.end()) {
            (first, last) if first == last => i64::from(*first).into(),
            (first, last) => format!("{first}..{last}").into(),
        }
    }
}

/// Reads a key if it is there.
pub(super) fn optional<F: Format>(
    section: Section<'_>,
    key: &str,
    format: &F,
) -> Result<Option<F::Value>, ScenarioError> {
    section
        .optional(key)
        .map(|field| format.read(field))
        .transpose()
}

/// Reads a key that must be there.
pub(super) fn required<F: Format>(
    section: Section<'_>,
    key: &str,
    format: &F,
) -> Result<F::Value, ScenarioError> {
    format.read(section.required(key)?)
}

/// Declares the keys of a configuration: each field with its format. What is not written keeps its value.
macro_rules! keys {
    ($(#[$doc:meta])* $module:ident: $config:ty { $($field:ident = $format:expr;)* }) => {
        $(#[$doc])*
        pub(super) mod $module {
            #[allow(unused_imports, reason = "formats are named by those who declare keys")]
            use super::*;

            /// All of them.
            pub(in crate::scenario) const KEYS: &[&str] = &[$(stringify!($field)),*];

            /// Sets what the table says.
            pub(in crate::scenario) fn read(
                section: Section<'_>,
                config: &mut $config,
            ) -> Result<(), ScenarioError> {
                $(
                    if let Some(field) = section.optional(stringify!($field)) {
                        config.$field = $format.read(field)?;
                    }
                )*
                Ok(())
            }

            /// What differs from `base`; of none, everything.
            pub(in crate::scenario) fn write<'a>(
                config: &$config,
                base: impl Into<Option<&'a $config>>,
            ) -> Vec<(&'static str, toml::Value)> {
                let base = base.into();
                let mut keys = Vec::new();
                $(
                    if base.is_none_or(|base| config.$field != base.$field) {
                        keys.push((stringify!($field), $format.write(&config.$field)));
                    }
                )*
                keys
            }
        }
    };
}

pub(super) use keys;
