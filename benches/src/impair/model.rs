//! What the model says of packets that came in at the instants at which they did.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use duet::impair::{Ends, Impairment};
use duet_sim::net::{Content, Datagram, Ecn, address_of};
use duet_sim::{Scenario, Time};

/// When packets came in, and what becomes of them.
pub(crate) struct Modelled {
    /// When each was offered to the link, by its number.
    pub(crate) offered: Vec<Time>,
    /// When each arrives, by its number; who is not in it is lost.
    pub(crate) arrives: BTreeMap<u32, Time>,
}

/// Plays the arrivals that an event log has to the scenario's network, in virtual time.
pub(crate) fn play(scenario: &Scenario, log: &str, size: usize) -> Result<Modelled, String> {
    let offered = offered(log)?;
    let ends = Ends::of(scenario, &[], None).map_err(|error| error.to_string())?;
    let mut network =
        Impairment::new(scenario, scenario.seed, &ends).map_err(|error| error.to_string())?;
    let [client, server] = [ends.clients[0], ends.server];
    for (number, at) in (0u32..).zip(&offered) {
        network.advance(*at);
        let mut payload = vec![0; size];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        let datagram = Datagram {
            source: SocketAddr::new(address_of(client), 7),
            destination: SocketAddr::new(address_of(server), 7),
            ecn: Ecn::NotEct,
            class: "udp",
            content: Content::Bytes(payload.as_slice().into()),
        };
        network.put(client, datagram);
    }
    let last = offered.last().copied().unwrap_or(Time::ZERO);
    network.advance(last.after(Duration::from_secs(3_600)));
    let mut arrives = BTreeMap::new();
    while let Some((at, datagram)) = network.take(server) {
        let Content::Bytes(payload) = &datagram.content else {
            return Err("the model made something else of a packet".to_owned());
        };
        let number = payload.first_chunk().copied().map(u32::from_be_bytes);
        arrives.insert(number.ok_or("a packet was cut off")?, at);
    }
    Ok(Modelled { offered, arrives })
}

/// When each packet was offered to the only link there, by its number.
fn offered(log: &str) -> Result<Vec<Time>, String> {
    let mut offered = BTreeMap::new();
    for line in log.lines() {
        let columns: Vec<&str> = line.split(' ').collect();
        let [_, "a>b", number, _, _, at, ..] = columns[..] else {
            continue;
        };
        let integer = |text: &str| text.parse::<u64>().map_err(|_| format!("{line}: no log"));
        offered.insert(integer(number)?, Time::from_nanos(integer(at)?));
    }
    let whole = offered.keys().copied().eq(0..offered.len() as u64);
    match whole {
        true => Ok(offered.into_values().collect()),
        false => Err("the log does not have all packets".to_owned()),
    }
}
