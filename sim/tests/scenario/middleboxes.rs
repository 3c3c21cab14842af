//! Nodes that are NATs or firewalls.

use std::time::Duration;

use duet_sim::net::{
    Allocation, Behaviour, FirewallConfig, FragmentPolicy, Hairpin, IcmpPolicy, NatConfig, Pooling,
    Refresh,
};

use super::{complaint, with};

/// A NAT with these keys, between alice and the server.
fn nat(keys: &str) -> String {
    format!(
        "[[node]]\nname = \"box\"\nrole = \"nat\"\n{keys}\n[[link]]\nfrom = \"alice\"\nto = \"box\"\n[[link]]\nfrom = \"box\"\nto = \"server\"\n"
    )
}

fn firewall(keys: &str) -> String {
    nat(keys).replace("\"nat\"", "\"firewall\"")
}

fn nat_config(keys: &str) -> NatConfig {
    let scenario = with(&nat(keys));
    scenario
        .nodes
        .last()
        .unwrap()
        .nat
        .as_ref()
        .unwrap()
        .config
        .clone()
}

#[test]
fn a_nat_begins_with_a_preset_and_its_keys_come_after() {
    assert_eq!(nat_config(""), NatConfig::default());
    for (name, _) in NatConfig::PRESETS {
        assert_eq!(
            Some(nat_config(&format!("preset = \"{name}\""))),
            NatConfig::preset(name)
        );
    }
    let home = nat_config("timeout = \"30 s\"\npreset = \"home\"");
    let expected = NatConfig {
        timeout: Duration::from_secs(30),
        ..NatConfig::preset("home").unwrap()
    };
    assert_eq!(home, expected);
}

#[test]
fn every_key_of_a_nat() {
    let all = r#"
mapping = "address-dependent"
filtering = "endpoint-independent"
secondary = { mapping = "endpoint-independent", filtering = "address-dependent" }
hairpin = "internal"
allocation = "sequential"
ports = "1024..2047"
parity = false
port_class = false
pooling = "arbitrary"
timeout = "30 s"
unanswered = "10 s"
port_timeouts = { 53 = "5 s", 443 = "20 s" }
refresh = "outbound"
tcp_timeout = "1 h"
tcp_transitory = "1 min"
icmp_timeout = "20 s"
max_mappings = 100
max_per_host = 10
max_peers = 3
inside = "10.1.0.0/16"
alg = true
icmp = "drop"
mtu = "1280 B"
fragments = "in-order"
"#;
    let seconds = Duration::from_secs;
    let expected = NatConfig {
        mapping: Behaviour::AddressDependent,
        filtering: Behaviour::EndpointIndependent,
        secondary: Some((Behaviour::EndpointIndependent, Behaviour::AddressDependent)),
        hairpin: Hairpin::Internal,
        allocation: Allocation::Sequential,
        ports: 1_024..=2_047,
        parity: false,
        port_class: false,
        pooling: Pooling::Arbitrary,
        timeout: seconds(30),
        unanswered: Some(seconds(10)),
        port_timeouts: [(53, seconds(5)), (443, seconds(20))].into(),
        refresh: Refresh::Outbound,
        tcp_timeout: seconds(3_600),
        tcp_transitory: seconds(60),
        icmp_timeout: seconds(20),
        max_mappings: 100,
        max_per_host: Some(10),
        max_peers: 3,
        inside: Some(([10, 1, 0, 0].into(), 16)),
        alg: true,
        icmp: IcmpPolicy::Drop,
        mtu: Some(1_280),
        fragments: FragmentPolicy::InOrder,
    };
    assert_eq!(nat_config(all), expected);
    let off = "preset = \"home\"\nsecondary = \"none\"\nunanswered = \"none\"";
    assert_eq!(
        (nat_config(off).secondary, nat_config(off).unanswered),
        (None, None)
    );
}

#[test]
fn every_key_of_a_firewall() {
    let config = |keys: &str| {
        with(&firewall(keys))
            .nodes
            .last()
            .unwrap()
            .firewall
            .as_ref()
            .unwrap()
            .config
            .clone()
    };
    assert_eq!(config(""), FirewallConfig::default());
    for (name, _) in FirewallConfig::PRESETS {
        assert_eq!(
            Some(config(&format!("preset = \"{name}\""))),
            FirewallConfig::preset(name)
        );
    }
    let all = r#"
filtering = "address-dependent"
timeout = "30 s"
tcp_timeout = "1 h"
icmp_timeout = "20 s"
refresh = "both"
max_flows = 7
block_udp = true
ports = [443, "1000..2000"]
max_size = "1200 B"
drop_first = 2
flow_time = "5 s"
flow_bytes = "1 MB"
flow_packets = 9
"#;
    let expected = FirewallConfig {
        filtering: Some(Behaviour::AddressDependent),
        timeout: Duration::from_secs(30),
        tcp_timeout: Duration::from_secs(3_600),
        icmp_timeout: Duration::from_secs(20),
        refresh: Refresh::Both,
        max_flows: 7,
        block_udp: true,
        ports: Some(vec![443..=443, 1_000..=2_000]),
        max_size: Some(1_200),
        drop_first: 2,
        flow_time: Some(Duration::from_secs(5)),
        flow_bytes: Some(1_000_000),
        flow_packets: Some(9),
    };
    assert_eq!(config(all), expected);
}

#[test]
fn outside_is_where_the_only_link_leads_that_begins_there() {
    let scenario = with(&nat("addresses = 3"));
    let spec = scenario.nodes.last().unwrap().nat.as_ref().unwrap();
    assert_eq!((spec.outside, spec.addresses), (2, 3));
    let scenario = with(&nat("outside = \"alice\""));
    assert_eq!(scenario.nodes.last().unwrap().outside(), Some(0));
    assert_eq!(scenario.nodes[3].nat.as_ref().unwrap().addresses, 1);
    let two = format!("{}[[link]]\nfrom = \"box\"\nto = \"bob\"", nat(""));
    assert_eq!(
        complaint(&two),
        "which neighbour is outside is not clear: 2 links begin at `box` @ `[[node]]` ? say `outside = \"…\"`"
    );
}

#[test]
fn numbered_nats_each_have_their_configuration() {
    let scenario = with(
        "[[node]]\nname = \"cpe\"\nrole = \"nat\"\ncount = 2\npreset = \"home\"\n[[link]]\nfrom = \"cpe\"\nto = \"home\"",
    );
    let configs: Vec<_> = scenario.nodes[7..]
        .iter()
        .map(|node| (node.name.as_str(), node.outside()))
        .collect();
    assert_eq!(configs, [("cpe-1", Some(3)), ("cpe-2", Some(3))]);
    assert_eq!(scenario.nodes[7].nat, scenario.nodes[8].nat);
}

#[test]
fn what_is_wrong_with_middleboxes() {
    let nat = |keys: &str| complaint(&nat(keys));
    let firewall = |keys: &str| complaint(&firewall(keys));
    assert_eq!(
        nat("preset = \"hme\""),
        "there is no preset `hme` @ `\"hme\"` ? did you mean `home`?"
    );
    assert_eq!(
        nat("mapping = \"adress-dependent\""),
        "there is no `mapping` `adress-dependent` @ `\"adress-dependent\"` ? did you mean `address-dependent`?"
    );
    assert_eq!(
        nat("hairpn = \"off\""),
        "unknown key `hairpn` @ `hairpn` ? did you mean `hairpin`?"
    );
    assert_eq!(
        nat("timeout = \"0 s\""),
        "`timeout` must not be zero @ `\"0 s\"`"
    );
    assert_eq!(
        nat("ports = \"1..x\""),
        "`ports` must be a port or a range of ports @ `\"1..x\"` ? such as 443 or \"1024..65535\""
    );
    assert_eq!(
        nat("ports = \"2..1\""),
        "the last port is before the first @ `\"2..1\"`"
    );
    assert_eq!(
        nat("ports = true"),
        "`ports` must be a port or a range of ports @ `true` ? such as 443 or \"1024..65535\""
    );
    assert_eq!(
        nat("port_timeouts = { x = \"1 s\" }"),
        "`x` is no port @ `x` ? such as { 53 = \"10 s\" }"
    );
    assert_eq!(
        nat("inside = \"10.0.0.0/33\""),
        "`10.0.0.0/33` is no IPv4 network @ `\"10.0.0.0/33\"` ? such as \"10.0.0.0/8\""
    );
    assert_eq!(
        nat("secondary = { mapping = \"endpoint-independent\" }"),
        "the key `filtering` is missing @ `{ mapping = \"endpoint-independent\" }`"
    );
    assert_eq!(nat("addresses = 0"), "`addresses` must not be zero @ `0`");
    assert_eq!(
        nat("addresses = 65536"),
        "`addresses` is too large @ `65536`"
    );
    assert_eq!(
        nat("max_peers = 9223372036854775808"),
        "`max_peers` is too large @ `9223372036854775808`"
    );
    assert_eq!(
        nat("outside = \"bob\""),
        "there is no link between `box` and `bob` @ `\"bob\"`"
    );
    assert_eq!(
        nat("block_udp = true").split(" @").next(),
        Some("unknown key `block_udp`")
    );
    assert_eq!(
        firewall("mapping = true").split(" @").next(),
        Some("unknown key `mapping`")
    );
    assert_eq!(
        firewall("ports = 443"),
        "`ports` must be an array, not a number @ `443`"
    );
    assert_eq!(
        complaint("[[node]]\nname = \"x\"\nrole = \"host\"\npreset = \"home\""),
        "unknown key `preset` @ `preset` ? known here: name, role, count"
    );
}
