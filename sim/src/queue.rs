//! The event queue.

use core::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

use crate::time::Time;

/// Events in order of (time, class, sequence).
///
/// Stable: events of one class at one instant leave in the order in which they came. A lower class goes first.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    /// Events, and the first of each lane that is not empty.
    heap: BinaryHeap<Entry<E>>,
    lanes: Vec<VecDeque<(Key, E)>>,
    sequence: u64,
    len: usize,
}

/// A lane of an [`EventQueue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane(usize);

/// Time, class, sequence.
type Key = (Time, u8, u64);

impl<E> EventQueue<E> {
    /// An empty queue.
    pub fn new() -> EventQueue<E> {
        EventQueue {
            heap: BinaryHeap::new(),
            lanes: Vec::new(),
            sequence: 0,
            len: 0,
        }
    }

    /// Adds a lane, for events that mostly come in their order, such as arrivals over one link. It changes nothing
    /// but the cost: however many wait in a lane, the heap has only the first of them.
    pub fn add_lane(&mut self) -> Lane {
        self.lanes.push(VecDeque::new());
        Lane(self.lanes.len() - 1)
    }

    /// Adds an event that happens at `at`.
    pub fn push(&mut self, at: Time, class: u8, event: E) {
        let key = self.key(at, class);
        let what = What::Event(event);
        self.heap.push(Entry { key, what });
    }

    /// The same, in a lane; one that is out of order there is none the worse for it.
    pub fn push_in(&mut self, lane: Lane, at: Time, class: u8, event: E) {
        let key = self.key(at, class);
        let waiting = &mut self.lanes[lane.0];
        match waiting.back() {
            Some((last, _)) if *last > key => {
                let what = What::Event(event);
                self.heap.push(Entry { key, what });
            }
            Some(_) => waiting.push_back((key, event)),
            None => {
                waiting.push_back((key, event));
                let what = What::First(lane);
                self.heap.push(Entry { key, what });
            }
        }
    }

    fn key(&mut self, at: Time, class: u8) -> Key {
        let key = (at, class, self.sequence);
        self.sequence += 1;
        self.len += 1;
        key
    }

    /// When the first event happens.
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.key.0)
    }

    /// Takes the first event.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        self.pop_due(Time::MAX)
    }

    /// Takes the first event if it happens at `now` or before.
    pub fn pop_due(&mut self, now: Time) -> Option<(Time, E)> {
        let mut top = self.heap.peek_mut()?;
        let at = top.key.0;
        if at > now {
            return None;
        }
        self.len -= 1;
        if let What::First(lane) = top.what
            && let Some((_, event)) = self.lanes[lane.0].pop_front()
        {
            match self.lanes[lane.0].front() {
                Some((next, _)) => top.key = *next,
                None => {
                    PeekMut::pop(top);
                }
            }
            return Some((at, event));
        }
        match PeekMut::pop(top).what {
            What::Event(event) => Some((at, event)),
            What::First(_) => None, // a lane that is in the heap is not empty
        }
    }

    /// The number of events that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no event waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<E> Default for EventQueue<E> {
    fn default() -> EventQueue<E> {
        EventQueue::new()
    }
}

#[derive(Clone, Debug)]
struct Entry<E> {
    key: Key,
    what: What<E>,
}

#[derive(Clone, Debug)]
enum What<E> {
    Event(E),
    /// The first of a lane.
    First(Lane),
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
