//! The keys of cross traffic.

use core::ops::RangeInclusive;
use core::time::Duration;

use toml::Value;

use super::error::ScenarioError;
use super::format::{
    BitRate, Bytes, Flag, Format, Maybe, NonZero, Span, Whole, Within, Word, bytes, keys, spell,
    wait,
};
use super::models::Rates;
use super::section::{Field, Section};
use crate::link::Rate;
use crate::time::Time;
use crate::traffic::{
    BurstSizes, CbrConfig, Congestion, OnOffConfig, PoissonConfig, TcpConfig, TcpSinkConfig,
};

/// Bytes of a packet with the headers of IPv4 and UDP: from those alone to the most that IP can say.
const SIZE: Within<NonZero<Bytes<u32>>> = Within(NonZero(bytes("1500 B")), 28, 65_535);

/// Bytes of a file: up to a terabyte.
const FILE: Within<NonZero<Bytes<u64>>> = Within(NonZero(bytes("40 kB")), 1, 1_000_000_000_000);

/// Most packets that a flow sends at one instant, on average.
const MOST_AT_ONCE: u32 = 10_000;

/// Most packets that a flow sends in a second, on average.
const MOST_A_SECOND: u128 = 1_000_000;

/// Fewest bytes in a segment, as in Linux, and most: a packet's less the headers of IPv4 and TCP.
const LEAST_SEGMENT: u32 = 48;
const MOST_SEGMENT: u32 = 65_495;

/// Most bytes that a receiver can say that it has room for (RFC 7323 §2.3).
const MOST_WINDOW: u64 = 1 << 30;

/// Most segments that fit in it.
const MOST_SEGMENTS: u64 = 100_000;

/// Most connections that begin at once.
const MOST_CONNECTIONS: u16 = 1_000;

/// The least that the longest timeout may be: it ends the doubling, so that a connection over a link that is down
/// sends at that distance.
const LEAST_RTO_MAX: Duration = Duration::from_millis(100);

keys! {
    /// The keys of [`CbrConfig`] but for the rate.
    cbr: CbrConfig {
        packet_size = SIZE;
    }
}

keys! {
    /// The keys of [`PoissonConfig`].
    poisson: PoissonConfig {
        mean_gap = spell("100 ms", Duration::from_micros(1));
        mean_packets = Within(NonZero(Whole::NEW), 1, MOST_AT_ONCE);
        sizes = Word {
            names: &["fixed", "geometric"],
            all: &[BurstSizes::Fixed, BurstSizes::Geometric],
        };
        packet_size = SIZE;
    }
}

keys! {
    /// The keys of [`TcpConfig`], but for the file.
    tcp: TcpConfig {
        congestion = Word {
            names: &["newreno", "cubic"],
            all: &[Congestion::NewReno, Congestion::Cubic],
        };
        segment = Within(NonZero(bytes("1448 B")), LEAST_SEGMENT, MOST_SEGMENT);
        initial_window = Within(NonZero(Whole::NEW), 1, MOST_AT_ONCE);
        slow_start_limit = Within(NonZero(Whole::NEW), 1, MOST_AT_ONCE);
        fast_convergence = Flag;
        ecn = Flag;
        rto_min = NonZero(Span("200 ms"));
        rto_max = Within(NonZero(Span("60 s")), LEAST_RTO_MAX, Duration::MAX);
        rto_slack = wait("200 ms");
    }
}

keys! {
    /// The file of a long connection.
    file: TcpConfig {
        bytes = Maybe(FILE);
    }
}

keys! {
    /// The keys of [`OnOffConfig`] beside those of its connections.
    on_off: OnOffConfig {
        file = Sizes;
        mean_idle = NonZero(Span("10 s"));
        starts_on = Flag;
        connections_per_burst = Within(NonZero(Whole::NEW), 1, MOST_CONNECTIONS);
    }
}

keys! {
    /// The keys of [`TcpSinkConfig`].
    sink: TcpSinkConfig {
        window = Within(NonZero(bytes("4 MB")), 1, MOST_WINDOW);
        ack_every = NonZero(Whole::NEW);
        ack_delay = wait("40 ms");
        ecn = Flag;
    }
}

/// A size, or the least and the largest of several: `"40 kB"`, `["30 kB", "50 kB"]`.
struct Sizes;

impl Format for Sizes {
    type Value = RangeInclusive<u64>;

    fn read(&self, field: Field<'_>) -> Result<RangeInclusive<u64>, ScenarioError> {
        let size = FILE;
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
        let size = FILE;
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
    let rates = config.rates.iter().filter_map(|(_, rate)| *rate);
    let most = rates.max().map_or(0, Rate::bits_per_second);
    let size = u128::from(config.packet_size);
    if u128::from(most) > MOST_A_SECOND * size * 8 {
        return Err(too_many(section, &["rate", "schedule"]));
    }
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
    if u128::from(config.mean_packets) * 1_000_000_000 > MOST_A_SECOND * config.mean_gap.as_nanos()
    {
        return Err(too_many(section, &["mean_gap", "mean_packets"]));
    }
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
    let receiver = receiver(section)?;
    fits(section, &config, &receiver)?;
    Ok((config, receiver))
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
    let receiver = receiver(section)?;
    fits(section, &config.tcp, &receiver)?;
    Ok((config, receiver))
}

pub(super) fn write_on_off(config: &OnOffConfig, receiver: &TcpSinkConfig) -> Keys {
    let standard = OnOffConfig::default();
    let keys = [
        on_off::write(config, &standard),
        tcp::write(&config.tcp, &standard.tcp),
    ];
    [keys.concat(), write_receiver(receiver)].concat()
}

/// An error about a flow that sends too often, at the first of these keys that it has.
fn too_many(section: Section<'_>, keys: &[&str]) -> ScenarioError {
    let message = format!("more than {MOST_A_SECOND} packets in a second");
    match keys.iter().find_map(|key| section.optional(key)) {
        Some(field) => field.error(message),
        None => section.error(message),
    }
}

/// Refuses what makes no sense of both ends together.
fn fits(
    section: Section<'_>,
    sender: &TcpConfig,
    receiver: &TcpSinkConfig,
) -> Result<(), ScenarioError> {
    if sender.rto_min > sender.rto_max {
        let field = section.optional("rto_min").or(section.optional("rto_max"));
        let message = "`rto_min` must not be above `rto_max`";
        return Err(field.map_or_else(|| section.error(message), |field| field.error(message)));
    }
    if receiver.window > MOST_SEGMENTS.saturating_mul(sender.segment.into()) {
        let field = section.optional("receiver").or(section.optional("segment"));
        let message = format!("the receiver's `window` is more than {MOST_SEGMENTS} segments");
        return Err(field.map_or_else(|| section.error(&*message), |field| field.error(&*message)));
    }
    Ok(())
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
