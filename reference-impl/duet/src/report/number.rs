//! Numbers in `report.json`: JSON has none for what is not finite, so that it is `null` there and NaN here.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number that may be missing.
#[derive(Clone, Copy)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let finite = Some(self.0).filter(|number| number.is_finite());
        // Whole numbers without ".0": half of most series.
        match finite {
            Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                to.serialize_i64(number as i64)
            }
            other => other.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN)))
    }
}

/// `#[serde(with)]` for a list of numbers.
pub(super) mod list {
    use super::*;

    pub(in crate::report) fn serialize<S: Serializer>(
        values: &[f64],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(|value| Number(*value)))
    }

    pub(in crate::report) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Number>::deserialize(from)?;
        Ok(values.into_iter().map(|value| value.0).collect())
    }
}

/// `#[serde(with)]` for a list of tuples of so many numbers.
macro_rules! tuples {
    ($name:ident, $tuple:ty, $numbers:ty, ($($part:ident),+)) => {
        pub(super) mod $name {
            use super::*;

            pub(in crate::report) fn serialize<S: Serializer>(
                values: &[$tuple],
                to: S,
            ) -> Result<S::Ok, S::Error> {
                to.collect_seq(values.iter().map(|($($part),+)| ($(Number(*$part)),+)))
            }

            pub(in crate::report) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<Vec<$tuple>, D::Error> {
                let values = Vec::<$numbers>::deserialize(from)?;
                Ok(values.into_iter().map(|($($part),+)| ($($part.0),+)).collect())
            }
        }
    };
}

tuples!(pairs, (f64, f64), (Number, Number), (x, y));
tuples!(
    triples,
    (f64, f64, f64),
    (Number, Number, Number),
    (x, low, high)
);

/// `#[serde(with)]` for one number.
pub(super) mod one {
    use super::*;

    pub(in crate::report) fn serialize<S: Serializer>(
        value: &f64,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        Number(*value).serialize(to)
    }

    pub(in crate::report) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<f64, D::Error> {
        Ok(Number::deserialize(from)?.0)
    }
}
