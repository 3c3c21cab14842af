//! Messages in flight.

use std::collections::BTreeSet;

use duet_sim::explore::{Faults, Flight, Network, Transit, fingerprint};
use proptest::prelude::*;

const ANY: Faults = Faults {
    drops: Faults::UNLIMITED,
    duplicates: Faults::UNLIMITED,
    reorders: Faults::UNLIMITED,
    ..Faults::NONE
};

fn transits(network: &Network<u8>, faults: &Faults) -> Vec<Transit> {
    let mut all = Vec::new();
    network.transits(faults, |transit| all.push(transit));
    all
}

fn at(index: u8) -> Flight {
    let (from, to) = (0, 1);
    Flight { from, to, index }
}

/// Every order in which the messages can arrive.
fn arrivals(network: &Network<u8>, faults: Faults) -> BTreeSet<Vec<u8>> {
    if network.is_empty() {
        return BTreeSet::from([vec![]]);
    }
    let mut orders = BTreeSet::new();
    for transit in transits(network, &faults) {
        let (mut network, mut faults) = (network.clone(), faults);
        let arrived = network.apply(transit, &mut faults);
        for rest in arrivals(&network, faults) {
            let first = arrived.iter().map(|arrived| arrived.message);
            orders.insert(first.chain(rest).collect());
        }
    }
    orders
}

fn sent(mut network: Network<u8>, messages: &[u8]) -> Network<u8> {
    messages
        .iter()
        .for_each(|message| network.send(0, 1, *message));
    network
}

#[test]
fn the_budget_bounds_the_orders_of_arrival() {
    let fifo = sent(Network::fifo(), &[1, 2, 3]);
    let orders = |faults| arrivals(&fifo, faults).len();
    assert_eq!(orders(Faults::NONE), 1);
    // One overtakes: 213, 312, 132.
    assert_eq!(
        orders(Faults {
            reorders: 1,
            ..Faults::NONE
        }),
        4
    );
    assert_eq!(
        orders(Faults {
            reorders: 2,
            ..Faults::NONE
        }),
        6
    );
    // One is missing.
    assert_eq!(
        orders(Faults {
            drops: 1,
            ..Faults::NONE
        }),
        4
    );
    assert_eq!(
        orders(Faults {
            drops: 3,
            ..Faults::NONE
        }),
        8
    );
    // One comes twice.
    assert_eq!(
        orders(Faults {
            duplicates: 1,
            ..Faults::NONE
        }),
        4
    );
    let unordered = sent(Network::unordered(), &[1, 2, 3]);
    assert_eq!(arrivals(&unordered, Faults::NONE).len(), 6);
}

#[test]
fn what_has_the_same_effect_is_offered_once() {
    let fifo = sent(Network::fifo(), &[5, 5, 6, 6]);
    assert_eq!(transits(&fifo, &Faults::NONE), [Transit::Deliver(at(0))]);
    assert_eq!(
        transits(&fifo, &ANY),
        [
            Transit::Deliver(at(0)),
            Transit::Drop(at(0)),
            Transit::Duplicate(at(0)),
            Transit::Drop(at(2)),
            Transit::Duplicate(at(2)),
            Transit::Reorder(at(2)),
        ]
    );
    let unordered = sent(Network::unordered(), &[5, 6, 5]);
    let deliveries = transits(&unordered, &Faults::NONE);
    assert_eq!(deliveries.len(), 2);
}

#[test]
fn a_full_link_takes_no_copy() {
    let network = sent(Network::fifo().with_capacity(2), &[1]);
    assert!(!network.is_full(0, 1));
    let network = sent(network, &[2]);
    assert!(network.is_full(0, 1) && !network.is_full(1, 0));
    let kinds: Vec<_> = transits(&network, &ANY).iter().map(|t| t.kind()).collect();
    assert_eq!(kinds, ["deliver", "drop", "drop", "reorder"]);
}

#[test]
#[should_panic(expected = "the link 0>1 holds 1 messages already")]
fn sending_past_the_capacity_panics() {
    sent(Network::fifo().with_capacity(1), &[1, 2]);
}

#[test]
fn a_broken_connection_loses_both_directions_and_a_crash_loses_all_of_them() {
    let mut network = Network::fifo();
    for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 0), (2, 3)] {
        network.send(from, to, 9u8);
    }
    let mut severed = network.clone();
    severed.sever(1, 0);
    let links = |network: &Network<u8>| -> Vec<_> {
        network
            .flights()
            .map(|(flight, _)| (flight.from, flight.to))
            .collect()
    };
    assert_eq!(links(&severed), [(1, 2), (2, 0), (2, 3)]);
    network.isolate(2);
    assert_eq!(links(&network), [(0, 1), (1, 0)]);
}

proptest! {
    #[test]
    fn an_unordered_network_forgets_the_order_of_sending(
        messages in prop::collection::vec((0u8..3, 0u8..3, 0u8..4), 0..8),
        seed in any::<u64>(),
    ) {
        let send = |messages: &[(u8, u8, u8)]| {
            let mut network = Network::unordered();
            messages.iter().for_each(|(from, to, message)| network.send(*from, *to, *message));
            network
        };
        let mut shuffled = messages.clone();
        let mut draws = duet_sim::Stream::new(seed, "shuffle");
        for n in (1..shuffled.len()).rev() {
            shuffled.swap(n, draws.below(n as u64 + 1) as usize);
        }
        let (one, other) = (send(&messages), send(&shuffled));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(fingerprint(&one), fingerprint(&other));
        prop_assert_eq!(one.len(), messages.len());
        // Renaming there and back is nothing, in whatever order the new names are.
        let there = one.map(|from, to, message| (2 - from, 2 - to, 3 - message));
        let back = there.map(|from, to, message| (2 - from, 2 - to, 3 - message));
        prop_assert_eq!(back, one);
    }

    #[test]
    fn a_fifo_with_any_number_of_reorders_is_an_unordered_network(
        messages in prop::collection::vec(0u8..4, 0..5),
    ) {
        let unlimited = Faults { reorders: 4, ..Faults::NONE };
        let fifo = arrivals(&sent(Network::fifo(), &messages), unlimited);
        let unordered = arrivals(&sent(Network::unordered(), &messages), Faults::NONE);
        prop_assert_eq!(fifo, unordered);
    }
}
