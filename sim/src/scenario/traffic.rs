//! The keys of cross traffic.

use core::ops::RangeInclusive;

use toml::Value;

use super::error::ScenarioError;
use super::format::{BitRate, Flag, Format, Maybe, NonZero, Span, Whole, Word, bytes, keys};
use super::models::Rates;
use super::section::{Field, Section};
use crate::time::Time;
use crate::traffic::{
    BurstSizes, CbrConfig, Congestion, OnOffConfig, PoissonConfig, TcpConfig, TcpSinkConfig,
};

keys! {
    /// The keys of [`CbrConfig`] but for the rate.
    cbr: CbrConfig {
        packet_size = NonZero(bytes("1500 B"));
    }
}

keys! {
    /// The keys of [`PoissonConfig`].
    poisson: PoissonConfig {
        mean_gap = NonZero(Span("100 ms"));
        mean_packets = NonZero(Whole::NEW);
        sizes = Word {
            names: &["fixed", "geometric"],
            all: &[BurstSizes::Fixed, BurstSizes::Geometric],
        };
        packet_size = NonZero(bytes("1500 B"));
    }
}

keys! {
    /// The keys of [`TcpConfig`], but for the file.
    tcp: TcpConfig {
        congestion = Word {
            names: &["newreno", "cubic"],
            all: &[Congestion::NewReno, Congestion::Cubic],
        };
        segment = NonZero(bytes("1448 B"));
        initial_window = NonZero(Whole::NEW);
        slow_start_limit = NonZero(Whole::NEW);
        fast_convergence = Flag;
        ecn = Flag;
        rto_min = NonZero(Span("200 ms"));
        rto_max = NonZero(Span("60 s"));
        rto_slack = Span("200 ms");
    }
}

keys! {
    /// The file of a long connection.
    file: TcpConfig {
        bytes = Maybe(NonZero(bytes("10 MB")));
    }
}

keys! {
    /// The keys of [`OnOffConfig`] beside those of its connections.
    on_off: OnOffConfig {
        file = Sizes;
        mean_idle = NonZero(Span("10 s"));
        starts_on = Flag;
        connections_per_burst = NonZero(Whole::NEW);
    }
}

keys! {
    /// The keys of [`TcpSinkConfig`].
    sink: TcpSinkConfig {
        window = NonZero(bytes("4 MB"));
        ack_every = NonZero(Whole::NEW);
        ack_delay = Span("40 ms");
        ecn = Flag;
    }
}

/// A size, or the least and the largest of several: `"40 kB"`, `["30 kB", "50 kB"]`.
struct Sizes;

impl Format for Sizes {
    type Value = RangeInclusive<u64>;

    fn read(&self, field: Field<'_>) -> Result<RangeInclusive<u64>, ScenarioError> {
        let size = NonZero(bytes("40 kB"));
        if !field.is_list() {
            let size = size.read(field)?;
            return Ok(size..=size);
        }
        let ends: Vec<Field<'_>> = field.elements()?.collect();
        let [least, largest] = ends.as_slice() else {
            let error = field.error("sizes are a pair: the least and the largest");
            return Err(error.with_help("such as [\"30 kB\", \"50 kB\"]"));
        };
        let (least, largest) = (size.read(*least)?, size.read(*largest)?);
        match least <= largest {
            true => Ok(least..=largest),
            false => Err(field.error("the largest size is below the least")),
        }
    }

    fn write(&self, value: &RangeInclusive<u64>) -> Value {
        let size = bytes("40 kB");
        match (value.start(), value.end()) {
            (least, largest) if least == largest => size.write(least),
            (least, largest) => vec![size.write(least), size.write(largest)].into(),
        }
    }
}

/// What is written of a kind: its keys and their values.
type Keys = Vec<(&'static str, Value)>;

pub(super) fn read_cbr(section: Section<'_>, own: &[&str]) -> Result<CbrConfig, ScenarioError> {
    section.only(&[own, &["rate", "schedule"], cbr::KEYS].concat())?;
    let mut config = CbrConfig::default();
    cbr::read(section, &mut config)?;
    config.rates = match (section.optional("rate"), section.optional("schedule")) {
        (Some(_), Some(schedule)) => {
            return Err(schedule.key_error("`rate` and `schedule` exclude each other"));
        }
        (Some(rate), None) => vec![(Time::ZERO, Some(BitRate.read(rate)?))],
        (None, Some(schedule)) => match Rates.read(schedule)? {
            steps if steps.is_empty() => return Err(schedule.error("`schedule` needs a step")),
            steps => steps,
        },
        (None, None) => return Err(section.error("this flow needs a `rate` or a `schedule`")),
    };
    Ok(config)
}

pub(super) fn write_cbr(config: &CbrConfig) -> Keys {
    let mut keys = cbr::write(config, &CbrConfig::default());
    keys.push(match config.rates.as_slice() {
        [(Time::ZERO, Some(rate))] => ("rate", BitRate.write(rate)),
        _ => ("schedule", Rates.write(&config.rates)),
    });
    keys
}

pub(super) fn read_poisson(
    section: Section<'_>,
    own: &[&str],
) -> Result<PoissonConfig, ScenarioError> {
    section.only(&[own, poisson::KEYS].concat())?;
    let mut config = PoissonConfig::default();
    poisson::read(section, &mut config)?;
    Ok(config)
}

pub(super) fn write_poisson(config: &PoissonConfig) -> Keys {
    poisson::write(config, &PoissonConfig::default())
}

pub(super) fn read_tcp(
    section: Section<'_>,
    own: &[&str],
) -> Result<(TcpConfig, TcpSinkConfig), ScenarioError> {
    section.only(&[own, &["receiver"], tcp::KEYS, file::KEYS].concat())?;
    let mut config = TcpConfig::default();
    tcp::read(section, &mut config)?;
    file::read(section, &mut config)?;
    Ok((config, receiver(section)?))
}

pub(super) fn write_tcp(config: &TcpConfig, receiver: &TcpSinkConfig) -> Keys {
    let standard = TcpConfig::default();
    let keys = [
        tcp::write(config, &standard),
        file::write(config, &standard),
    ];
    [keys.concat(), write_receiver(receiver)].concat()
}

pub(super) fn read_on_off(
    section: Section<'_>,
    own: &[&str],
) -> Result<(OnOffConfig, TcpSinkConfig), ScenarioError> {
    section.only(&[own, &["receiver"], tcp::KEYS, on_off::KEYS].concat())?;
    let mut config = OnOffConfig::default();
    on_off::read(section, &mut config)?;
    tcp::read(section, &mut config.tcp)?;
    Ok((config, receiver(section)?))
}

pub(super) fn write_on_off(config: &OnOffConfig, receiver: &TcpSinkConfig) -> Keys {
    let standard = OnOffConfig::default();
    let keys = [
        on_off::write(config, &standard),
        tcp::write(&config.tcp, &standard.tcp),
    ];
    [keys.concat(), write_receiver(receiver)].concat()
}

fn receiver(section: Section<'_>) -> Result<TcpSinkConfig, ScenarioError> {
    let mut config = TcpSinkConfig::default();
    if let Some(field) = section.optional("receiver") {
        let section = field.section()?;
        section.only(sink::KEYS)?;
        sink::read(section, &mut config)?;
    }
    Ok(config)
}

fn write_receiver(config: &TcpSinkConfig) -> Keys {
    let keys = sink::write(config, &TcpSinkConfig::default());
    if keys.is_empty() {
        return Keys::new();
    }
    let table = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
    vec![("receiver", Value::Table(table.collect()))]
}
