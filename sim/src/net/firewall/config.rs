//! What a firewall lets through.

use core::ops::RangeInclusive;
use core::time::Duration;

use crate::net::behaviour::{Behaviour, Refresh};

/// The parameters of a [`Firewall`](super::Firewall). The default lets everything through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallConfig {
    /// Who outside may send in, once somebody inside has sent out; `None` is anyone at any time.
    pub filtering: Option<Behaviour>,
    /// How long a flow, and a permission, last without refresh.
    pub timeout: Duration,
    /// The same for TCP.
    pub tcp_timeout: Duration,
    /// The same for ICMP queries (RFC 5508 REQ-2, as NATs have it).
    pub icmp_timeout: Duration,
    /// Which packets refresh.
    pub refresh: Refresh,
    /// Most flows at a time.
    pub max_flows: usize,
    /// Whether UDP is dropped, all of it.
    pub block_udp: bool,
    /// The ports outside from and to which packets may go: destination ports of what is sent out, source ports of
    /// what comes in; ICMP queries have port 0. `None` is all.
    pub ports: Option<Vec<RangeInclusive<u16>>>,
    /// Largest packet in bytes, with IP header.
    pub max_size: Option<usize>,
    /// How many packets are dropped at the beginning of each flow.
    pub drop_first: u64,
    /// How long a flow may last, from its first packet on.
    pub flow_time: Option<Duration>,
    /// How many bytes a flow may carry, both ways together, IP headers counted.
    pub flow_bytes: Option<u64>,
    /// How many packets a flow may carry, both ways together.
    pub flow_packets: Option<u64>,
}

impl Default for FirewallConfig {
    fn default() -> FirewallConfig {
        FirewallConfig {
            filtering: None,
            timeout: Duration::from_secs(300),
            tcp_timeout: Duration::from_secs(2 * 3600 + 4 * 60),
            icmp_timeout: Duration::from_secs(60),
            refresh: Refresh::Both,
            max_flows: 65_536,
            block_udp: false,
            ports: None,
            max_size: None,
            drop_first: 0,
            flow_time: None,
            flow_bytes: None,
            flow_packets: None,
        }
    }
}

impl FirewallConfig {
    /// The presets, by name, with the origin of each.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        (
            "stateful",
            "filters for one peer each, as most devices have them (common knowledge); 2 min for UDP and 2 h 4 min for TCP, RFC 6092 §3.2.3 and §3.3.1",
        ),
        (
            "udp-blocked",
            "a firewall of an enterprise that lets web and mail out by TCP; common knowledge, no source",
        ),
        (
            "only-443",
            "a guest network that lets out port 443, by TCP and by UDP; common knowledge, no source",
        ),
    ];

    /// The preset of this name.
    pub fn preset(name: &str) -> Option<FirewallConfig> {
        let stateful = FirewallConfig {
            filtering: Some(Behaviour::AddressAndPortDependent),
            timeout: Duration::from_secs(120),
            ..FirewallConfig::default()
        };
        Some(match name {
            "stateful" => stateful,
            "udp-blocked" => FirewallConfig {
                block_udp: true,
                ..stateful
            },
            "only-443" => FirewallConfig {
                ports: Some(vec![443..=443]),
                ..stateful
            },
            _ => return None,
        })
    }

    pub(super) fn opens(&self, port: u16) -> bool {
        let Some(ranges) = &self.ports else {
            return true;
        };
        ranges.iter().any(|range| range.contains(&port))
    }
}
