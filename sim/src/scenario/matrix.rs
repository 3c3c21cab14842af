//! `[matrix]`: parameters, and the values that each of them takes in turn.
//!
//! ```toml
//! [matrix]
//! owd = ["50 ms", "100 ms"]
//! loss = "0 %..20 % step 5 %"      # a range: 0 %, 5 %, 10 %, 15 %, 20 %
//! ```
//!
//! The scenario stands for every combination, the last parameter changing fastest. A sweep is a matrix with a range.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::error::ScenarioError;
use super::section::{Field, Section};
use super::source::Source;
use crate::units::{Decimal, UnitError};

/// Most combinations that a matrix may have.
const MAX_COMBINATIONS: usize = 4_096;

/// Most values of one parameter.
const MAX_VALUES: usize = 1_024;

/// A parameter.
#[derive(Debug)]
struct Axis {
    name: String,
    choices: Vec<Choice>,
}

/// One value of a parameter.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// As it reads inside a string.
    pub(super) text: String,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// The element of the parameter's array with this index.
    Written(usize),
    /// A string, computed from a range.
    Text,
    /// A number, computed from a range.
    Number,
}

/// One value for each parameter.
#[derive(Clone, Debug, Default)]
pub(super) struct Assignment {
    axes: Arc<[Axis]>,
    picks: Vec<usize>,
}

impl Assignment {
    /// Reads `[matrix]`: the first value of each parameter.
    pub(super) fn parse(
        section: Section<'_>,
        source: &Source,
    ) -> Result<Assignment, ScenarioError> {
        let mut axes = Vec::new();
        let mut combinations: usize = 1;
        for field in section.fields() {
            let name = field.key();
            let simple = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.starts_with(starts_name) || !name.chars().all(simple) {
                let message = "a parameter's name is made of letters, digits and `_`";
                return Err(field.key_error(message));
            }
            let choices = choices(field, source)?;
            combinations = combinations.saturating_mul(choices.len());
            if combinations > MAX_COMBINATIONS {
                let message = format!("more than {MAX_COMBINATIONS} combinations");
                return Err(field.error(message));
            }
            let name = name.to_owned();
            axes.push(Axis { name, choices });
        }
        Ok(Assignment {
            picks: vec![0; axes.len()],
            axes: axes.into(),
        })
    }

    /// The next combination, if there is one.
    pub(super) fn next(&self) -> Option<Assignment> {
        let mut next = self.clone();
        for (axis, pick) in self.axes.iter().zip(&mut next.picks).rev() {
            if *pick + 1 < axis.choices.len() {
                *pick += 1;
                return Some(next);
            }
            *pick = 0;
        }
        None
    }

    pub(super) fn is_first(&self) -> bool {
        self.picks.iter().all(|pick| *pick == 0)
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&Choice> {
        self.chosen()
            .find(|(known, _)| *known == name)
            .map(|(_, choice)| choice)
    }

    /// All values that a parameter takes.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let axis = self.axes.iter().find(|axis| axis.name == name);
        let choices = axis.into_iter().flat_map(|axis| &axis.choices);
        choices.map(|choice| choice.text.as_str()).collect()
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.axes.iter().map(|axis| axis.name.as_str()).collect()
    }

    /// Names and values, as they are written.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let pairs = self.chosen();
        pairs
            .map(|(name, choice)| (name.to_owned(), choice.text.clone()))
            .collect()
    }

    /// `with owd = 50 ms, loss = 0 %`, if there are parameters.
    pub(super) fn describe(&self) -> Option<String> {
        let pairs: Vec<String> = self
            .chosen()
            .map(|(name, choice)| format!("{name} = {}", choice.text))
            .collect();
        (!pairs.is_empty()).then(|| format!("with {}", pairs.join(", ")))
    }

    fn chosen(&self) -> impl Iterator<Item = (&str, &Choice)> {
        let axes = self.axes.iter().zip(&self.picks);
        axes.filter_map(|(axis, pick)| Some((axis.name.as_str(), axis.choices.get(*pick)?)))
    }
}

/// Whether a parameter's name may begin with it.
pub(super) fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn choices(field: Field<'_>, source: &Source) -> Result<Vec<Choice>, ScenarioError> {
    if let DeValue::String(text) = field.value() {
        return range(text).map_err(|problem| {
            let error = field.error(format!("`{}`: {problem}", field.key()));
            error.with_help("such as [\"50 ms\", \"100 ms\"] or \"0 %..20 % step 5 %\"")
        });
    }
    let mut choices: Vec<Choice> = Vec::new();
    for (index, element) in field.elements()?.enumerate() {
        let text = match element.value() {
            DeValue::String(text) => text.to_string(),
            _ => source.slice(element.span()).to_owned(),
        };
        if choices.iter().any(|choice| choice.text == text) {
            return Err(element.error(format!("`{}` has this value already", field.key())));
        }
        let content = Content::Written(index);
        choices.push(Choice { text, content });
    }
    match choices.len() {
        0 => Err(field.error(format!("`{}` needs a value", field.key()))),
        1..=MAX_VALUES => Ok(choices),
        _ => Err(field.error(format!("more than {MAX_VALUES} values"))),
    }
}

/// Reads `"0 %..20 % step 5 %"`. The unit may be left out where another number has it, and the step where it is 1.
fn range(text: &str) -> Result<Vec<Choice>, String> {
    let Some((first, rest)) = text.split_once("..") else {
        return Err("must be an array of values, or a range".to_owned());
    };
    let (last, step) = rest.split_once("step").unwrap_or((rest, "1"));
    let split = |text: &str| -> Result<(Decimal, String), String> {
        let (number, unit) = Decimal::split(text).map_err(|error: UnitError| error.to_string())?;
        Ok((number, unit.to_owned()))
    };
    let parts = [split(first)?, split(last)?, split(step)?];
    let units = parts.clone().map(|(_, unit)| unit);
    let unit = units.iter().find(|unit| !unit.is_empty());
    let unit = unit.map_or("", String::as_str);
    if let Some(other) = units
        .iter()
        .find(|other| !other.is_empty() && *other != unit)
    {
        return Err(format!(
            "a range has one unit, not both `{unit}` and `{other}`"
        ));
    }
    // All three as whole numbers of the finest step that any of them has.
    let one = parts
        .iter()
        .map(|(number, _)| number.one())
        .max()
        .unwrap_or(1);
    let whole = |number: Decimal| number.digits().checked_mul(one / number.one());
    let [Some(first), Some(last), Some(step)] = parts.map(|(number, _)| whole(number)) else {
        return Err(UnitError::TooFine.to_string());
    };
    if step == 0 {
        return Err("the step must not be zero".to_owned());
    }
    if last < first {
        return Err("a range must not end before it begins".to_owned());
    }
    if (last - first) / step >= MAX_VALUES as u128 {
        return Err(format!("more than {MAX_VALUES} values"));
    }
    let steps = 0..=(last - first) / step;
    Ok(steps
        .map(|number| choice(first + number * step, one, unit))
        .collect())
}

/// The value `digits / one`, a number if it has no unit.
fn choice(digits: u128, one: u128, unit: &str) -> Choice {
    let decimals = one.ilog10() as usize;
    let mut text = (digits / one).to_string();
    if decimals > 0 {
        let fraction = format!("{:0decimals$}", digits % one);
        let fraction = fraction.trim_end_matches('0');
        if !fraction.is_empty() {
            text = format!("{text}.{fraction}");
        }
    }
    if unit.is_empty() {
        let content = Content::Number;
        return Choice { text, content };
    }
    Choice {
        text: format!("{text} {unit}"),
        content: Content::Text,
    }
}

/// The `[matrix]` of a file, if it has one.
pub(super) fn parse(table: &DeTable<'_>, source: &Source) -> Result<Assignment, ScenarioError> {
    let root = Section::new(source, table, 0..0);
    match root.optional("matrix") {
        Some(field) => Assignment::parse(field.section()?, source),
        None => Ok(Assignment::default()),
    }
}
