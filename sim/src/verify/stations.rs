//! What hosts, routers, NATs and firewalls drop: it came there, and they have a reason.

use std::collections::BTreeMap;

use super::row::{Dropped, Entry};
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

/// A packet that arrived, until it is known what became of it: its class, its size, and whether it may have lost some.
type Arrival<'l> = (&'l str, u64, bool);

pub(super) fn check(
    stations: &BTreeMap<String, Station>,
    dropped: &[Dropped<'_>],
    links: &BTreeMap<&str, Vec<Entry<'_>>>,
    breaches: &mut Breaches,
) {
    let mut wanted: BTreeMap<(&str, u64), Vec<Arrival<'_>>> = BTreeMap::new();
    for drop in dropped {
        wanted.entry((drop.by, drop.at)).or_default();
    }
    if wanted.is_empty() {
        return;
    }
    for (link, entries) in links {
        let Some((_, to)) = link.split_once('>') else {
            continue;
        };
        if wanted.range((to, 0)..=(to, u64::MAX)).next().is_none() {
            continue;
        }
        for entry in entries {
            if let Ok(at) = entry.end
                && let Some(arrivals) = wanted.get_mut(&(to, at))
            {
                arrivals.push((entry.class, entry.size, entry.damaged));
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
        let here = wanted.get_mut(&(*by, drop.at));
        if let (true, Some(here)) = (station.came(cause), here) {
            // The undamaged first: they can be no other.
            here.sort_by_key(|(.., damaged)| *damaged);
            let fits = |(of, size, damaged): &Arrival<'_>| {
                of == class && (*size == drop.size || (*damaged && *size > drop.size))
            };
            match here.iter().position(fits) {
                Some(index) => {
                    here.remove(index);
                }
                None => {
                    let what = format!(
                        "{by} drops a {class} of {} bytes that did not arrive",
                        drop.size
                    );
                    breaches.add(drop.line, Rule::Created, what);
                }
            }
        }
    }
}
