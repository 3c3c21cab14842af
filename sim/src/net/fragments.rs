//! What a box remembers of fragments: where the first of a packet went, and those that came before it.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use crate::net::datagram::Datagram;
use crate::net::ip::Piece;
use crate::net::passage::{Refusal, Side};
use crate::packet::Packet as _;
use crate::time::Time;

/// How long the fragments of a packet are remembered, as in Linux (`net.ipv4.ipfrag_time`).
const MEMORY: Duration = Duration::from_secs(30);

/// Most fragments that wait for the first of their packet, and most bytes of them; past either, those that have waited
/// longest are lost.
const MAX_HELD: usize = 64;
const MAX_HELD_BYTES: usize = 256 << 10;

/// Most packets whose first fragment is remembered.
const MAX_KNOWN: usize = 1_024;

/// What the fragments of one packet have in common (RFC 791 §3.2), with the side from which they come: addresses,
/// protocol, identification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    side: Side,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    id: u16,
}

impl Key {
    pub(super) fn of(side: Side, datagram: &Datagram, piece: Piece) -> Key {
        Key {
            side,
            source: datagram.source.ip(),
            destination: datagram.destination.ip(),
            protocol: piece.protocol,
            id: piece.id,
        }
    }
}

/// The memory; `W` is where a packet's fragments go.
#[derive(Clone, Debug)]
pub(super) struct Fragments<W> {
    /// Packets whose first fragment has come.
    known: BTreeMap<Key, (Time, Result<W, Refusal>)>,
    /// When to forget them, in that order; of what came again the first time is no longer true.
    order: VecDeque<(Time, Key)>,
    /// Fragments whose first has not come, in the order of arrival.
    held: VecDeque<(Time, Key, Datagram)>,
    held_bytes: usize,
}

impl<W: Copy> Fragments<W> {
    pub(super) fn new() -> Fragments<W> {
        Fragments {
            known: BTreeMap::new(),
            order: VecDeque::new(),
            held: VecDeque::new(),
            held_bytes: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Fragments::new();
    }

    /// Forgets what is too old, and gives those that have waited in vain.
    pub(super) fn expire(&mut self, now: Time) -> Vec<Datagram> {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget();
        }
        let mut lost = Vec::new();
        while self.held.front().is_some_and(|(until, ..)| *until <= now) {
            lost.extend(self.give_up());
        }
        lost
    }

    /// Where the fragments of a packet go, if its first has come.
    pub(super) fn way(&self, key: &Key) -> Option<Result<W, Refusal>> {
        self.known.get(key).map(|(_, way)| *way)
    }

    /// Keeps a fragment until the first of its packet comes, and gives those for which there is no more room.
    pub(super) fn hold(&mut self, now: Time, key: Key, datagram: Datagram) -> Vec<Datagram> {
        self.held_bytes += datagram.size();
        self.held.push_back((now.after(MEMORY), key, datagram));
        let mut lost = Vec::new();
        while self.held.len() > MAX_HELD || self.held_bytes > MAX_HELD_BYTES {
            lost.extend(self.give_up());
        }
        lost
    }

    /// Remembers the way of a packet, and gives the fragments that waited for it.
    pub(super) fn learn(&mut self, now: Time, key: Key, way: Result<W, Refusal>) -> Vec<Datagram> {
        while self.order.len() >= MAX_KNOWN {
            self.forget();
        }
        let until = now.after(MEMORY);
        self.known.insert(key, (until, way));
        self.order.push_back((until, key));
        if self.held.is_empty() {
            return Vec::new();
        }
        let held = core::mem::take(&mut self.held);
        let (ready, held): (VecDeque<_>, VecDeque<_>) =
            held.into_iter().partition(|(_, other, _)| *other == key);
        self.held = held;
        let ready = ready.into_iter().map(|(_, _, datagram)| datagram);
        ready
            .inspect(|datagram| self.held_bytes -= datagram.size())
            .collect()
    }

    fn forget(&mut self) {
        let Some((until, key)) = self.order.pop_front() else {
            return;
        };
        if self.known.get(&key).is_some_and(|(at, _)| *at == until) {
            self.known.remove(&key);
        }
    }

    fn give_up(&mut self) -> Option<Datagram> {
        let (_, _, datagram) = self.held.pop_front()?;
        self.held_bytes -= datagram.size();
        Some(datagram)
    }
}
