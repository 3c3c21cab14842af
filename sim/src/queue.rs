//! The event queue.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::time::Time;

/// Events in order of (time, class, sequence).
///
/// Stable: events of one class at one instant leave in the order in which they came. A lower class goes first.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    heap: BinaryHeap<Entry<E>>,
    sequence: u64,
}

impl<E> EventQueue<E> {
    /// An empty queue.
    pub fn new() -> EventQueue<E> {
        EventQueue {
            heap: BinaryHeap::new(),
            sequence: 0,
        }
    }

    /// Adds an event that happens at `at`.
    pub fn push(&mut self, at: Time, class: u8, event: E) {
        let key = (at, class, self.sequence);
        self.sequence += 1;
        self.heap.push(Entry { key, event });
    }

    /// When the first event happens.
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.key.0)
    }

    /// Takes the first event.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        self.heap.pop().map(|entry| (entry.key.0, entry.event))
    }

    /// Takes the first event if it happens at `now` or before.
    pub fn pop_due(&mut self, now: Time) -> Option<(Time, E)> {
        self.next_at().filter(|at| *at <= now)?;
        self.pop()
    }

    /// The number of events that wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether no event waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<E> Default for EventQueue<E> {
    fn default() -> EventQueue<E> {
        EventQueue::new()
    }
}

#[derive(Clone, Debug)]
struct Entry<E> {
    key: (Time, u8, u64),
    event: E,
}

// The heap gives its greatest entry first, so the order of the keys is reversed.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Entry<E>) -> Ordering {
        other.key.cmp(&self.key)
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Entry<E>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Entry<E>) -> bool {
        self.key == other.key
    }
}

impl<E> Eq for Entry<E> {}
