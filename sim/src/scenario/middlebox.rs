//! NATs and firewalls: the keys of their nodes.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use toml::Value;

use super::error::ScenarioError;
use super::format::{
    Flag, Format, List, Maybe, NonZero, Ports, Span, Whole, Word, bytes, keys, required,
};
use super::roster::Roster;
use super::section::{Field, Section};
use crate::net::{
    Allocation, Behaviour, FirewallConfig, FragmentPolicy, Hairpin, IcmpPolicy, NatConfig, Pooling,
    Refresh,
};

/// A node that translates addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatSpec {
    /// How.
    pub config: NatConfig,
    /// The index, in [`Scenario::nodes`](super::Scenario::nodes), of the neighbour outside. All others are inside.
    pub outside: usize,
    /// How many external addresses it has; at least one.
    pub addresses: u16,
}

/// A node that forwards what its rules allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallSpec {
    /// The rules.
    pub config: FirewallConfig,
    /// The index of the neighbour outside. All others are inside.
    pub outside: usize,
}

impl NatConfig {
    /// Every key that the node of a NAT may have, with its value here in TOML.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        texts(nat::write(self, None))
    }
}

impl FirewallConfig {
    /// Every key that the node of a firewall may have, with its value here in TOML.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        texts(firewall::write(self, None))
    }
}

fn texts(keys: Vec<(&'static str, Value)>) -> Vec<(&'static str, String)> {
    let keys = keys.into_iter();
    keys.map(|(key, value)| (key, value.to_string())).collect()
}

/// Keys of a NAT and of a firewall that are not of their configuration.
const NAT_KEYS: &[&str] = &["preset", "outside", "addresses"];
const FIREWALL_KEYS: &[&str] = &["preset", "outside"];

const BEHAVIOUR: Word<Behaviour> = Word {
    names: Behaviour::NAMES,
    all: Behaviour::ALL,
};

const REFRESH: Word<Refresh> = Word {
    names: Refresh::NAMES,
    all: Refresh::ALL,
};

keys! {
    /// The keys of [`NatConfig`].
    nat: NatConfig {
        mapping = BEHAVIOUR;
        filtering = BEHAVIOUR;
        secondary = Maybe(Secondary);
        hairpin = Word { names: Hairpin::NAMES, all: Hairpin::ALL };
        allocation = Word { names: Allocation::NAMES, all: Allocation::ALL };
        ports = Ports;
        parity = Flag;
        port_class = Flag;
        pooling = Word { names: Pooling::NAMES, all: Pooling::ALL };
        timeout = NonZero(Span("30 s"));
        unanswered = Maybe(NonZero(Span("30 s")));
        port_timeouts = PortTimeouts;
        refresh = REFRESH;
        tcp_timeout = NonZero(Span("2 h"));
        tcp_transitory = NonZero(Span("4 min"));
        icmp_timeout = NonZero(Span("1 min"));
        max_mappings = Whole::NEW;
        max_per_host = Maybe(Whole::NEW);
        max_peers = Whole::NEW;
        inside = Maybe(Network);
        alg = Flag;
        icmp = Word { names: IcmpPolicy::NAMES, all: IcmpPolicy::ALL };
        mtu = Maybe(bytes("1280 B"));
        fragments = Word { names: FragmentPolicy::NAMES, all: FragmentPolicy::ALL };
    }
}

keys! {
    /// The keys of [`FirewallConfig`].
    firewall: FirewallConfig {
        filtering = Maybe(BEHAVIOUR);
        timeout = NonZero(Span("30 s"));
        tcp_timeout = NonZero(Span("2 h"));
        icmp_timeout = NonZero(Span("1 min"));
        refresh = REFRESH;
        max_flows = Whole::NEW;
        block_udp = Flag;
        ports = Maybe(List(Ports));
        max_size = Maybe(bytes("1280 B"));
        drop_first = Whole::NEW;
        flow_time = Maybe(Span("10 s"));
        flow_bytes = Maybe(bytes("1 MB"));
        flow_packets = Maybe(Whole::NEW);
    }
}

/// Mapping and filtering, both.
struct Secondary;

impl Format for Secondary {
    type Value = (Behaviour, Behaviour);

    fn read(&self, field: Field<'_>) -> Result<Self::Value, ScenarioError> {
        let section = field.section()?;
        section.only(&["mapping", "filtering"])?;
        let mapping = required(section, "mapping", &BEHAVIOUR)?;
        Ok((mapping, required(section, "filtering", &BEHAVIOUR)?))
    }

    fn write(&self, value: &Self::Value) -> Value {
        let mut table = toml::Table::new();
        table.insert("mapping".to_owned(), BEHAVIOUR.write(&value.0));
        table.insert("filtering".to_owned(), BEHAVIOUR.write(&value.1));
        table.into()
    }
}

/// Spans by port: `{ 53 = "10 s" }`.
struct PortTimeouts;

impl Format for PortTimeouts {
    type Value = BTreeMap<u16, Duration>;

    fn read(&self, field: Field<'_>) -> Result<Self::Value, ScenarioError> {
        let mut timeouts = BTreeMap::new();
        for field in field.section()?.fields() {
            let Ok(port) = field.key().parse() else {
                let error = field.key_error(format!("`{}` is no port", field.key()));
                return Err(error.with_help("such as { 53 = \"10 s\" }"));
            };
            timeouts.insert(port, NonZero(Span("10 s")).read(field)?);
        }
        Ok(timeouts)
    }

    fn write(&self, value: &Self::Value) -> Value {
        let timeouts = value.iter();
        let table: toml::Table = timeouts
            .map(|(port, timeout)| (port.to_string(), NonZero(Span("10 s")).write(timeout)))
            .collect();
        table.into()
    }
}

/// An IPv4 network: `"10.0.0.0/8"`.
struct Network;

impl Format for Network {
    type Value = (Ipv4Addr, u8);

    fn read(&self, field: Field<'_>) -> Result<Self::Value, ScenarioError> {
        let text = field.text()?;
        let network = text.split_once('/').and_then(|(address, length)| {
            let length = length.parse().ok().filter(|length| *length <= 32)?;
            Some((address.parse().ok()?, length))
        });
        network.ok_or_else(|| {
            let error = field.error(format!("`{text}` is no IPv4 network"));
            error.with_help("such as \"10.0.0.0/8\"")
        })
    }

    fn write(&self, value: &Self::Value) -> Value {
        format!("{}/{}", value.0, value.1).into()
    }
}

/// The keys that a node of some role has beside those of every node.
pub(super) fn keys_of(role: &str) -> Vec<&'static str> {
    match role {
        "nat" => [NAT_KEYS, nat::KEYS].concat(),
        "firewall" => [FIREWALL_KEYS, firewall::KEYS].concat(),
        _ => Vec::new(),
    }
}

/// Reads the configuration of a NAT, and how many addresses it has.
pub(super) fn read_nat(section: Section<'_>) -> Result<(NatConfig, u16), ScenarioError> {
    let mut config = preset(section, NatConfig::PRESETS, NatConfig::preset)?;
    nat::read(section, &mut config)?;
    let addresses = match section.optional("addresses") {
        Some(field) => match Whole::NEW.read(field)? {
            0 => return Err(field.error("`addresses` must not be zero")),
            addresses => addresses,
        },
        None => 1,
    };
    Ok((config, addresses))
}

/// Reads the configuration of a firewall.
pub(super) fn read_firewall(section: Section<'_>) -> Result<FirewallConfig, ScenarioError> {
    let mut config = preset(section, FirewallConfig::PRESETS, FirewallConfig::preset)?;
    firewall::read(section, &mut config)?;
    Ok(config)
}

/// What a NAT's node says beside its name and role.
pub(super) fn write_nat(spec: &NatSpec) -> Vec<(&'static str, Value)> {
    let mut keys = nat::write(&spec.config, &NatConfig::default());
    if spec.addresses != 1 {
        keys.push(("addresses", Whole::NEW.write(&spec.addresses)));
    }
    keys
}

/// What a firewall's node says beside its name and role.
pub(super) fn write_firewall(spec: &FirewallSpec) -> Vec<(&'static str, Value)> {
    firewall::write(&spec.config, &FirewallConfig::default())
}

fn preset<C: Default>(
    section: Section<'_>,
    presets: &[(&str, &str)],
    find: fn(&str) -> Option<C>,
) -> Result<C, ScenarioError> {
    let Some(field) = section.optional("preset") else {
        return Ok(C::default());
    };
    let name = field.text()?;
    find(name).ok_or_else(|| {
        let names: Vec<&str> = presets.iter().map(|(name, _)| *name).collect();
        field
            .error(format!("there is no preset `{name}`"))
            .suggesting(name, &names)
    })
}

/// The neighbour outside: the one that `outside` names, or that of the only link that begins at the node.
pub(super) fn outside(
    section: Section<'_>,
    node: usize,
    neighbours: &Neighbours,
    roster: &Roster,
) -> Result<usize, ScenarioError> {
    let name = roster.name(node);
    match section.optional("outside") {
        Some(field) => {
            let outside = roster.one(field)?;
            let (there, back) = (
                roster.connects(node, outside),
                roster.connects(outside, node),
            );
            if !there && !back {
                let message = format!(
                    "there is no link between `{name}` and `{}`",
                    roster.name(outside)
                );
                return Err(field.error(message));
            }
            Ok(outside)
        }
        None => match neighbours.begun_at(node) {
            [outside] => Ok(*outside),
            links => {
                let message = format!(
                    "which neighbour is outside is not clear: {} links begin at `{name}`",
                    links.len()
                );
                Err(section.error(message).with_help("say `outside = \"…\"`"))
            }
        },
    }
}

/// Where the links lead that begin at each node.
pub(super) struct Neighbours(BTreeMap<usize, Vec<usize>>);

impl Neighbours {
    pub(super) fn new(links: &[super::LinkSpec]) -> Neighbours {
        let mut neighbours: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for link in links {
            neighbours.entry(link.from).or_default().push(link.to);
        }
        Neighbours(neighbours)
    }

    fn begun_at(&self, node: usize) -> &[usize] {
        self.0.get(&node).map_or(&[], Vec::as_slice)
    }
}
