//! What hosts, routers, NATs and firewalls drop: it came there, and they have a reason.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::row::{self, Dropped};
use super::{Breaches, Rule};
use crate::net::{FirewallConfig, NatConfig};
use crate::time::Time;

/// What stands between links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Station {
    /// An end, and when others are cut off from it: from each first instant to each second one.
    Host {
        /// These spans, which may overlap.
        cut_off: Vec<(Time, Time)>,
    },
    /// Passes on.
    Router,
    /// Translates.
    Nat(NatConfig),
    /// Passes on what its rules allow.
    Firewall(FirewallConfig),
}

impl Station {
    /// Whether it may drop a packet of this size for this cause at this instant.
    fn may(&self, cause: &str, at: u64, size: u64) -> bool {
        if cause == "no-route" {
            return true;
        }
        match self {
            Station::Host { cut_off } => match cause {
                "wrong-address" => true,
                "partition" => cut_off
                    .iter()
                    .any(|(from, to)| from.as_nanos() <= at && at <= to.as_nanos()),
                _ => false,
            },
            Station::Router => false,
            Station::Nat(nat) => match cause {
                "nat-no-mapping"
                | "nat-filtered"
                | "nat-ports-exhausted"
                | "nat-full"
                | "nat-hairpin"
                | "nat-address"
                | "nat-conflict"
                | "nat-down"
                | "nat-fragment"
                | "nat-icmp"
                | "nat-malformed" => true,
                "nat-host-full" => nat.max_per_host.is_some(),
                "nat-too-big" => nat.mtu.is_some_and(|mtu| size > mtu as u64),
                _ => false,
            },
            Station::Firewall(wall) => match cause {
                "firewall-full" | "firewall-icmp" | "firewall-fragment" | "firewall-malformed" => {
                    true
                }
                "firewall-unsolicited" => wall.filtering.is_some(),
                "firewall-udp" => wall.block_udp,
                "firewall-port" => wall.ports.is_some(),
                "firewall-size" => wall.max_size.is_some_and(|most| size > most as u64),
                "firewall-first" => wall.drop_first > 0,
                "firewall-time" => wall.flow_time.is_some(),
                "firewall-bytes" => wall.flow_bytes.is_some(),
                "firewall-packets" => wall.flow_packets.is_some(),
                _ => false,
            },
        }
    }

    /// Whether what it drops for this cause came by a link at that instant, and not from itself.
    fn came(&self, cause: &str) -> bool {
        match self {
            Station::Host { .. } => cause == "wrong-address",
            _ => true,
        }
    }
}

/// Packets that came to a node at an instant, of one class, of one size, whole or damaged: in this order, so that
/// damaged ones of one class are next to each other, the smallest first.
type Kind<'l> = (&'l str, u64, &'l str, bool, u64);

/// How many of a kind arrived, until it is known what became of them; none is not listed.
#[derive(Debug, Default)]
struct Arrivals<'l>(BTreeMap<Kind<'l>, u64>);

impl<'l> Arrivals<'l> {
    fn add(&mut self, kind: Kind<'l>) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Takes one that can have become what was dropped; false if there is none.
    ///
    /// A whole one of its size, which can be no other; else the smallest damaged one that is no smaller, as it fits the
    /// fewest others. So no drop goes without because another took what it need not have.
    fn take(&mut self, drop: &Dropped<'l>) -> bool {
        let kind = |damaged, size| (drop.by, drop.at, drop.class, damaged, size);
        let whole = kind(false, drop.size);
        if self.take_kind(whole) {
            return true;
        }
        let damaged = kind(true, drop.size)..=kind(true, u64::MAX);
        let smallest = self.0.range(damaged).next().map(|(kind, _)| *kind);
        smallest.is_some_and(|kind| self.take_kind(kind))
    }

    fn take_kind(&mut self, kind: Kind<'l>) -> bool {
        let Entry::Occupied(mut count) = self.0.entry(kind) else {
            return false;
        };
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
        true
    }
}

pub(super) fn check<'l>(
    stations: &BTreeMap<String, Station>,
    dropped: &[Dropped<'l>],
    links: &BTreeMap<&'l str, Vec<row::Entry<'l>>>,
    breaches: &mut Breaches,
) {
    let wanted: BTreeSet<(&str, u64)> = dropped.iter().map(|drop| (drop.by, drop.at)).collect();
    if wanted.is_empty() {
        return;
    }
    let mut arrivals = Arrivals::default();
    for (link, entries) in links {
        let Some((_, to)) = link.split_once('>') else {
            continue;
        };
        if wanted.range((to, 0)..=(to, u64::MAX)).next().is_none() {
            continue;
        }
        for entry in entries {
            if let Ok(at) = entry.end
                && wanted.contains(&(to, at))
            {
                arrivals.add((to, at, entry.class, entry.damaged, entry.size));
            }
        }
    }
    for drop in dropped {
        let Dropped {
            by, class, cause, ..
        } = drop;
        let Some(station) = stations.get(*by) else {
            breaches.add(drop.line, Rule::Created, format!("there is no node {by}"));
            continue;
        };
        if !station.may(cause, drop.at, drop.size) {
            let what = format!("{by} cannot drop a packet for {cause}");
            breaches.add(drop.line, Rule::Cause, what);
            continue;
        }
        if station.came(cause) && !arrivals.take(drop) {
            let what = format!(
                "{by} drops a {class} of {} bytes that did not arrive",
                drop.size
            );
            breaches.add(drop.line, Rule::Created, what);
        }
    }
}
