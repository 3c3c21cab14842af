//! The queue, and the policer before it.

use core::time::Duration;

use toml::Value;

use super::{sparse, table};
use crate::link::{CoDel, Discipline, FqCoDel, Limit, Pie, Policer, QueueConfig, RateOf, Red};
use crate::scenario::error::ScenarioError;
use crate::scenario::format::{
    BitRate, Chance, Flag, Format, NonZero, Span, Thousandths, Whole, Within, Word, bytes, keys,
    optional, required,
};
use crate::scenario::section::{Field, Section};
use crate::units::{UnitError, parse_duration, parse_size};

/// A queue:
///
/// - `"none"`: it has no limit
/// - `"64 kB"`, `"100 packets"`, `"300 ms"`: drop-tail
/// - `{ kind = "codel", limit = "1 MB", target = "5 ms" }`, and so on
pub(in crate::scenario) struct Queueing;

const KINDS: &[&str] = &["drop-tail", "drop-head", "codel", "fq-codel", "red", "pie"];

const RATE_OF: Word<RateOf> = Word {
    names: &["reference", "physical", "current"],
    all: &[RateOf::Reference, RateOf::Physical, RateOf::Current],
};

/// Most queues over which flows are spread, as in Linux; each takes memory from the beginning.
const MOST_FLOWS: u32 = 65_536;

/// Fewest bytes that a flow sends in its turn, as in Linux: with fewer, most of the work is to give turns.
const LEAST_QUANTUM: u32 = 256;

/// The average of RED moves by 2^−`weight`, and is kept in 2^−20 of a byte: by more it does not move at all.
const MOST_WEIGHT: u32 = 32;

keys! {
    /// The keys of [`CoDel`].
    codel: CoDel {
        target = NonZero(Span("5 ms"));
        interval = NonZero(Span("100 ms"));
        mtu = NonZero(bytes("1500 B"));
        ecn = Flag;
    }
}

keys! {
    /// The keys of [`FqCoDel`] beside those of its CoDel.
    fq_codel: FqCoDel {
        flows = Within(NonZero(Whole::NEW), 1, MOST_FLOWS);
        quantum = Within(NonZero(bytes("1514 B")), LEAST_QUANTUM, u32::MAX);
        packets = NonZero(Whole::NEW);
    }
}

keys! {
    /// The keys of [`Red`].
    red: Red {
        min = bytes("7500 B");
        max = NonZero(bytes("22500 B"));
        max_probability = Chance;
        weight = Within(Whole::NEW, 0, MOST_WEIGHT);
        gentle = Flag;
        ecn = Flag;
        mean_packet = NonZero(bytes("1000 B"));
    }
}

keys! {
    /// The keys of [`Pie`].
    pie: Pie {
        target = NonZero(Span("15 ms"));
        update = NonZero(Span("15 ms"));
        max_burst = Span("150 ms");
        alpha = NonZero(Thousandths("0.125"));
        beta = Thousandths("1.25");
        mean_packet = NonZero(bytes("1000 B"));
        derandomize = Flag;
        ecn = Flag;
        ecn_below = Chance;
    }
}

impl Format for Queueing {
    type Value = QueueConfig;

    fn read(&self, field: Field<'_>) -> Result<QueueConfig, ScenarioError> {
        if !field.is_section() {
            let limit = limit(field, RateOf::Reference)?;
            let discipline = Discipline::DropTail;
            return Ok(QueueConfig { limit, discipline });
        }
        let section = field.section()?;
        let kinds: Vec<(&str, &str)> = KINDS.iter().map(|kind| (*kind, *kind)).collect();
        let kind = match section.optional("kind") {
            Some(field) => field.choice(&kinds, "kind of queue")?,
            None => "drop-tail",
        };
        let discipline = discipline(kind, section)?;
        let of = optional(section, "of", &RATE_OF)?;
        let limit = match section.optional("limit") {
            Some(field) => limit(field, of.unwrap_or_default())?,
            None => Limit::None,
        };
        match (of, limit, section.optional("of")) {
            (Some(_), Limit::None | Limit::Bytes(_) | Limit::Packets(_), Some(field)) => {
                Err(field.key_error("`of` is for a limit that is a span of time"))
            }
            _ => Ok(QueueConfig { limit, discipline }),
        }
    }

    fn write(&self, value: &QueueConfig) -> Value {
        let (limit, of) = match value.limit {
            Limit::None => ("none".into(), RateOf::Reference),
            Limit::Bytes(limit) => (bytes("").write(&limit), RateOf::Reference),
            Limit::Packets(limit) => (format!("{limit} packets").into(), RateOf::Reference),
            Limit::Span { span, of } => (Span("").write(&span), of),
        };
        if value.discipline == Discipline::DropTail && of == RateOf::Reference {
            return limit;
        }
        let mut keys = vec![
            ("kind", value.discipline.to_string().into()),
            ("limit", limit),
        ];
        if of != RateOf::Reference {
            keys.push(("of", RATE_OF.write(&of)));
        }
        keys.extend(match &value.discipline {
            Discipline::DropTail | Discipline::DropHead => Vec::new(),
            Discipline::CoDel(config) => codel::write(config, &CoDel::default()),
            Discipline::FqCoDel(config) => {
                let standard = FqCoDel::default();
                let inner = codel::write(&config.codel, &standard.codel);
                [fq_codel::write(config, &standard), inner].concat()
            }
            Discipline::Red(config) => red::write(config, &Red::default()),
            Discipline::Pie(config) => pie::write(config, &Pie::default()),
        });
        sparse(keys)
    }
}

fn discipline(kind: &str, section: Section<'_>) -> Result<Discipline, ScenarioError> {
    const OWN: &[&str] = &["kind", "limit", "of"];
    Ok(match kind {
        "codel" => {
            section.only(&[OWN, codel::KEYS].concat())?;
            let mut config = CoDel::default();
            codel::read(section, &mut config)?;
            Discipline::CoDel(config)
        }
        "fq-codel" => {
            section.only(&[OWN, codel::KEYS, fq_codel::KEYS].concat())?;
            let mut config = FqCoDel::default();
            fq_codel::read(section, &mut config)?;
            codel::read(section, &mut config.codel)?;
            Discipline::FqCoDel(config)
        }
        "red" => {
            section.only(&[OWN, red::KEYS].concat())?;
            let mut config = Red::default();
            red::read(section, &mut config)?;
            if config.min >= config.max {
                return Err(section.error("`min` must be below `max`"));
            }
            Discipline::Red(config)
        }
        "pie" => {
            section.only(&[OWN, pie::KEYS].concat())?;
            let mut config = Pie::default();
            pie::read(section, &mut config)?;
            // From there on its probability rises by itself.
            match section.optional("target") {
                Some(field) if config.target >= Duration::from_millis(250) => {
                    let error = field.error("`target` of `pie` must be less than 250 ms");
                    return Err(error.with_help("such as \"15 ms\""));
                }
                _ => Discipline::Pie(config),
            }
        }
        kind => {
            section.only(OWN)?;
            match kind {
                "drop-head" => Discipline::DropHead,
                _ => Discipline::DropTail,
            }
        }
    })
}

/// How much a queue holds: bytes, packets, or the time that it takes to empty.
fn limit(field: Field<'_>, of: RateOf) -> Result<Limit, ScenarioError> {
    if super::is_none(&field) {
        return Ok(Limit::None);
    }
    let limit = match packets(field) {
        Some(packets) => Limit::Packets(packets),
        None => field.quantity("64 kB", |text| bytes_or_span(text, of))?,
    };
    let zero = matches!(
        limit,
        Limit::Bytes(0)
            | Limit::Packets(0)
            | Limit::Span {
                span: Duration::ZERO,
                ..
            }
    );
    match zero {
        true => Err(field.error(format!("`{}` must not be zero", field.key()))),
        false => Ok(limit),
    }
}

/// The number of `"100 packets"`.
fn packets(field: Field<'_>) -> Option<u64> {
    let text = field.text().ok()?;
    let number = text
        .strip_suffix("packets")
        .or(text.strip_suffix("packet"))?;
    number.trim().parse().ok()
}

fn bytes_or_span(text: &str, of: RateOf) -> Result<Limit, UnitError> {
    use UnitError::{NoUnit, UnknownUnit};
    match (parse_size(text), parse_duration(text)) {
        (Ok(size), _) => Ok(Limit::Bytes(size)),
        (_, Ok(span)) => Ok(Limit::Span { span, of }),
        (
            Err(UnknownUnit { unit, expected }),
            Err(UnknownUnit {
                expected: spans, ..
            }),
        ) => {
            let expected = format!("{expected}, {spans}, packets");
            Err(UnknownUnit { unit, expected })
        }
        (Err(NoUnit(sizes)), Err(NoUnit(spans))) => {
            Err(NoUnit(format!("{sizes}, {spans}, packets")))
        }
        (Err(UnknownUnit { .. }), Err(error)) | (Err(error), _) => Err(error),
    }
}

/// A policer: `{ rate = "0.6 Mb/s", burst = "15 kB" }`.
pub(in crate::scenario) struct Policing;

impl Format for Policing {
    type Value = Policer;

    fn read(&self, field: Field<'_>) -> Result<Policer, ScenarioError> {
        let section = field.section()?;
        section.only(&["rate", "burst"])?;
        Ok(Policer {
            rate: required(section, "rate", &BitRate)?,
            burst: required(section, "burst", &NonZero(bytes("15 kB")))?,
        })
    }

    fn write(&self, value: &Policer) -> Value {
        table([
            ("rate", BitRate.write(&value.rate)),
            ("burst", bytes("").write(&value.burst)),
        ])
    }
}
