//! NATs as one meets them.

use core::time::Duration;

use super::config::{Allocation, Hairpin, NatConfig};
use crate::net::behaviour::Behaviour;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl NatConfig {
    /// The presets, by name, with the origin of each.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        (
            "rfc4787",
            "every MUST and RECOMMENDED of RFC 4787, with its 5 min (REQ-5c); TCP as in RFC 5382 REQ-5",
        ),
        (
            "home",
            "a Linux router: ports kept while free, else a port for each peer; 30 s before an answer, 120 s after, 120 h \
             for TCP, 30 s for ICMP (kernel documentation, nf_conntrack-sysctl); no hairpinning, 16 384 mappings: common knowledge",
        ),
        (
            "open",
            "\"full cone\" (RFC 3489 §5), what game consoles call open; 2 min, the least that RFC 4787 REQ-5 allows",
        ),
        (
            "symmetric",
            "\"symmetric\" (RFC 3489 §5), as an enterprise's firewall; 2 min for UDP, 1 h and 10 min for TCP, 2 s for ICMP \
             (defaults of Cisco ASA)",
        ),
        (
            "carrier",
            "RFC 6888: as RFC 4787, filtering endpoint-independent, addresses paired, mappings of a subscriber limited; \
             the limit of 2 048 is common knowledge",
        ),
        (
            "mobile",
            "a mobile operator's: a port for each peer, 30 s for UDP, 30 min for TCP; common knowledge, operators differ",
        ),
    ];

    /// The preset of this name.
    pub fn preset(name: &str) -> Option<NatConfig> {
        let strict = (
            Behaviour::AddressAndPortDependent,
            Behaviour::AddressAndPortDependent,
        );
        let (mapping, filtering) = strict;
        let standard = NatConfig::default();
        Some(match name {
            "rfc4787" => standard,
            "home" => NatConfig {
                filtering,
                secondary: Some(strict),
                hairpin: Hairpin::Off,
                allocation: Allocation::Preserve,
                parity: false,
                timeout: seconds(120),
                unanswered: Some(seconds(30)),
                tcp_timeout: seconds(432_000),
                tcp_transitory: seconds(120),
                icmp_timeout: seconds(30),
                max_mappings: 16_384,
                ..standard
            },
            "open" => NatConfig {
                filtering: Behaviour::EndpointIndependent,
                allocation: Allocation::Preserve,
                timeout: seconds(120),
                ..standard
            },
            "symmetric" => NatConfig {
                mapping,
                filtering,
                hairpin: Hairpin::Off,
                parity: false,
                ports: 1_024..=u16::MAX,
                timeout: seconds(120),
                tcp_timeout: seconds(3_600),
                tcp_transitory: seconds(600),
                icmp_timeout: seconds(2),
                ..standard
            },
            "carrier" => NatConfig {
                filtering: Behaviour::EndpointIndependent,
                ports: 1_024..=u16::MAX,
                max_per_host: Some(2_048),
                max_mappings: 1 << 20,
                ..standard
            },
            "mobile" => NatConfig {
                mapping,
                filtering,
                hairpin: Hairpin::Off,
                parity: false,
                ports: 1_024..=u16::MAX,
                timeout: seconds(30),
                tcp_timeout: seconds(1_800),
                ..standard
            },
            _ => return None,
        })
    }
}
