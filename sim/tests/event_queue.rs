//! The event queue against a model: a list, sorted stably.

use duet_sim::{EventQueue, Time};
use proptest::prelude::*;

#[test]
fn events_of_one_instant_leave_by_class_and_then_in_the_order_they_came() {
    let mut queue = EventQueue::new();
    let at = Time::from_millis(1);
    queue.push(at, 1, "third");
    queue.push(at, 1, "fourth");
    queue.push(at, 0, "second");
    queue.push(Time::ZERO, 9, "first");
    let order: Vec<_> = std::iter::from_fn(|| queue.pop())
        .map(|(_, event)| event)
        .collect();
    assert_eq!(order, ["first", "second", "third", "fourth"]);
}

#[test]
fn only_what_is_due_is_taken() {
    let mut queue = EventQueue::new();
    queue.push(Time::from_millis(2), 0, ());
    assert_eq!(queue.pop_due(Time::from_millis(1)), None);
    assert_eq!(queue.len(), 1);
    assert_eq!(
        queue.pop_due(Time::from_millis(2)),
        Some((Time::from_millis(2), ()))
    );
    assert!(queue.is_empty());
}

proptest! {
    #[test]
    fn the_order_is_that_of_a_stable_sort_whatever_lanes_there_are(
        operations in prop::collection::vec(prop::option::of((0u64..8, 0u8..3, 0usize..3)), 0..200),
    ) {
        let mut queue = EventQueue::new();
        let lanes = [queue.add_lane(), queue.add_lane()];
        let mut model: Vec<(Time, u8, usize)> = Vec::new();
        for (n, operation) in operations.into_iter().enumerate() {
            match operation {
                Some((at, class, way)) => {
                    match lanes.get(way) {
                        Some(lane) => queue.push_in(*lane, Time(at), class, n),
                        None => queue.push(Time(at), class, n),
                    }
                    model.push((Time(at), class, n));
                    model.sort_by_key(|(at, class, _)| (*at, *class));
                }
                None => {
                    let expected = (!model.is_empty()).then(|| model.remove(0));
                    prop_assert_eq!(queue.pop(), expected.map(|(at, _, n)| (at, n)));
                }
            }
            prop_assert_eq!(queue.next_at(), model.first().map(|(at, ..)| *at));
            prop_assert_eq!(queue.len(), model.len());
        }
    }
}
