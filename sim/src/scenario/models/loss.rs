//! Loss: a probability, or a table.

use core::time::Duration;
use std::collections::BTreeSet;

use toml::Value;

use super::{is_none, table};
use crate::link::{Classes, Loss};
use crate::probability::Probability;
use crate::scenario::error::ScenarioError;
use crate::scenario::format::{Chance, Format, List, Span, Whole, optional, required, spell};
use crate::scenario::section::{Field, Section};

/// Loss:
///
/// - `"none"`, `"2.5 %"`
/// - `{ enter = "1 %", leave = "25 %" }`: Gilbert–Elliott per packet; `good` and `bad` are the losses in its states
/// - `{ good_for = "4 s", bad_for = "80 ms" }`: Gilbert–Elliott in time
/// - `{ share = "2 %", burst = "80 ms" }`: bursts of that mean length, which take that share of the time
/// - `{ packets = [1, 17] }`, `{ bitmap = "0010" }`, `{ bitmap_file = "losses.txt" }`
/// - `{ only = ["quic-short"], model = "5 %" }`
pub(in crate::scenario) struct Losing;

/// The shortest time in a state.
const SHORTEST: Duration = Duration::from_micros(1);

/// The forms of a table, each with the key that tells it from others, and the keys that it may have.
const FORMS: &[(&str, &[&str])] = &[
    ("enter", &["enter", "leave", "good", "bad"]),
    ("good_for", &["good_for", "bad_for", "good", "bad"]),
    ("share", &["share", "burst"]),
    ("packets", &["packets"]),
    ("bitmap", &["bitmap"]),
    ("bitmap_file", &["bitmap_file"]),
    ("only", &["only", "model"]),
];

impl Format for Losing {
    type Value = Loss;

    fn read(&self, field: Field<'_>) -> Result<Loss, ScenarioError> {
        if is_none(&field) {
            return Ok(Loss::None);
        }
        if !field.is_section() {
            return Ok(Loss::Independent(Chance.read(field)?));
        }
        let section = field.section()?;
        let form = FORMS
            .iter()
            .find(|(key, _)| section.optional(key).is_some());
        let Some((form, keys)) = form else {
            let known: Vec<&str> = FORMS
                .iter()
                .flat_map(|(_, keys)| keys.iter().copied())
                .collect();
            section.only(&known)?;
            let error = section.error("which kind of loss is this?");
            return Err(error.with_help("such as { enter = \"1 %\", leave = \"25 %\" }"));
        };
        section.only(keys)?;
        read(form, section)
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
            } => table([
                ("enter", Chance.write(enter)),
                ("leave", Chance.write(leave)),
                ("good", Chance.write(good)),
                ("bad", Chance.write(bad)),
            ]),
            Loss::GilbertElliottTime {
                good_for,
                bad_for,
                good,
                bad,
            } => table([
                ("good_for", Span("").write(good_for)),
                ("bad_for", Span("").write(bad_for)),
                ("good", Chance.write(good)),
                ("bad", Chance.write(bad)),
            ]),
            Loss::List(packets) => table([("packets", Numbers.write(packets))]),
            Loss::Bitmap(bitmap) => table([("bitmap", bitmap.to_string().into())]),
            Loss::Only { classes, model } => {
                let only = classes.0.iter().map(|class| class.replace('$', "$$"));
                table([
                    ("only", only.map(Value::from).collect::<Vec<_>>().into()),
                    ("model", self.write(model)),
                ])
            }
        }
    }
}

fn read(form: &str, section: Section<'_>) -> Result<Loss, ScenarioError> {
    let state = |key, otherwise| {
        let read = optional(section, key, &Chance);
        read.map(|read: Option<Probability>| read.unwrap_or(otherwise))
    };
    let (never, always) = (Probability::NEVER, Probability::ALWAYS);
    Ok(match form {
        "enter" => Loss::GilbertElliott {
            enter: required(section, "enter", &Chance)?,
            leave: required(section, "leave", &Chance)?,
            good: state("good", never)?,
            bad: state("bad", always)?,
        },
        "good_for" => Loss::GilbertElliottTime {
            good_for: required(section, "good_for", &spell("4 s", SHORTEST))?,
            bad_for: required(section, "bad_for", &spell("80 ms", SHORTEST))?,
            good: state("good", never)?,
            bad: state("bad", always)?,
        },
        "share" => {
            let share = required(section, "share", &Chance)?;
            Loss::bursts(
                share,
                required(section, "burst", &spell("80 ms", SHORTEST))?,
            )
        }
        "packets" => Loss::List(required(section, "packets", &Numbers)?),
        "bitmap" => {
            let field = section.required("bitmap")?;
            bitmap(field, field.text()?, "")?
        }
        "bitmap_file" => {
            let field = section.required("bitmap_file")?;
            bitmap(field, field.file()?, &format!("`{}`: ", field.text()?))?
        }
        _ => {
            let names = section.required("only")?.elements()?;
            let names = names.map(|name| name.text().map(str::to_owned));
            Loss::Only {
                classes: Classes(names.collect::<Result<_, _>>()?),
                model: Box::new(Losing.read(section.required("model")?)?),
            }
        }
    })
}

/// Packets by their numbers: `[1, 17]`.
pub(in crate::scenario) struct Numbers;

impl Format for Numbers {
    type Value = BTreeSet<u64>;

    fn read(&self, field: Field<'_>) -> Result<BTreeSet<u64>, ScenarioError> {
        Ok(packets(field)?.into_iter().collect())
    }

    fn write(&self, value: &BTreeSet<u64>) -> Value {
        List(Whole::NEW).write(&value.iter().copied().collect())
    }
}

/// Numbers of packets, ascending.
pub(in crate::scenario) fn packets(field: Field<'_>) -> Result<Vec<u64>, ScenarioError> {
    let mut packets = BTreeSet::new();
    for element in field.elements()? {
        let number = Whole::NEW.read(element)?;
        if packets.last().is_some_and(|last| *last >= number) {
            return Err(element.error("packets are named in ascending order, each once"));
        }
        packets.insert(number);
    }
    Ok(packets.into_iter().collect())
}

fn bitmap(field: Field<'_>, text: &str, whose: &str) -> Result<Loss, ScenarioError> {
    let bitmap = text
        .parse()
        .map_err(|error| field.error(format!("{whose}{error}")))?;
    Ok(Loss::Bitmap(bitmap))
}
