//! Who else uses the network, at random, until everything is healed.

use std::time::Duration;

use duet_sim::traffic::{CbrConfig, OnOffConfig, PoissonConfig, TcpConfig, TcpSinkConfig};
use duet_sim::{FlowKind, FlowSpec, Place, Rate, Role, Scenario, Stream, Time};

use super::weights::one_of;

/// Most flows.
const FLOWS: u64 = 3;

/// Adds flows from clients to the server: those pass whatever lies between them. In two runs of three there are none.
pub(super) fn add(scenario: &mut Scenario, seed: u64, until: Time) {
    let mut stream = Stream::new(seed, "swarm/traffic");
    let nodes = scenario.nodes.iter().enumerate();
    let clients: Vec<usize> = nodes
        .filter(|(_, node)| node.role == Role::Client)
        .map(|(index, _)| index)
        .collect();
    let Some(to) = scenario.node("server") else {
        return;
    };
    let any = stream.below(3) == 0;
    let count = 1 + stream.below(FLOWS);
    for _ in 0..if any { count } else { 0 } {
        let millis = (until.as_micros() / 1_000).max(2);
        let start = stream.below(millis - 1);
        let lasts = 1 + stream.below(6_000);
        let rate = one_of(&mut stream, &[50_000, 400_000, 1_500_000]);
        let kind = match stream.below(4) {
            0 => FlowKind::Cbr(CbrConfig {
                rates: vec![(Time::ZERO, rate.and_then(Rate::new))],
                packet_size: 1_000,
                ..CbrConfig::default()
            }),
            1 => FlowKind::Poisson(PoissonConfig {
                mean_gap: Duration::from_millis(250),
                ..PoissonConfig::default()
            }),
            2 => FlowKind::Tcp(
                TcpConfig {
                    bytes: Some(200_000),
                    ..TcpConfig::default()
                },
                TcpSinkConfig::default(),
            ),
            _ => FlowKind::TcpOnOff(
                OnOffConfig {
                    mean_idle: Duration::from_secs(1),
                    ..OnOffConfig::default()
                },
                TcpSinkConfig::default(),
            ),
        };
        let Some(from) = one_of(&mut stream, &clients) else {
            return;
        };
        scenario.flows.push(FlowSpec {
            name: format!("{kind}-{}", scenario.flows.len() + 1),
            kind,
            from,
            to,
            start: Time::from_millis(start),
            stop: Some(Time::from_millis((start + lasts).min(millis))),
            place: Place::default(),
        });
    }
}
