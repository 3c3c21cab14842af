//! Payload on its way between streams and pipes, sources and sinks: whose turn it is, and what the core is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

use duet_protocol::id::TransferId;
use duet_protocol::io::{Carried, ConnId, Core, Direction, Input, Splice, StreamId};
use duet_protocol::time::Instant;
use tracing::debug;

use super::end::{End, Turn};
use super::{Driver, Role};
use crate::bulk::{Inbound, Outbound, Pipe, Sink, Source};

/// Turns before the network is looked after again.
const TURNS: usize = 16;

/// How often the core is told that bytes move: after so many, or with the first that move after so long.
const TOLD_EACH: u64 = 256 << 10;
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// Pipes that were filled and left by their sender before a receiver's stream has come; it may never come.
const MAX_ORPHANS: usize = 64;

/// A stream with payload.
pub(super) type Key = (ConnId, StreamId);
/// A transfer's pipe is another one for each attempt.
type PipeKey = (TransferId, u32);

/// All payload that a driver carries.
#[derive(Default)]
pub(super) struct Splices {
    ends: BTreeMap<Key, End>,
    /// Those that may have something to do now, in turn.
    ready: VecDeque<Key>,
    queued: BTreeSet<Key>,
    /// Those that wait for time to pass.
    later: BTreeSet<(Instant, Key)>,
    /// When the driver is to be woken for those that are ready.
    due: Option<Instant>,
    pipes: BTreeMap<PipeKey, Joint>,
    orphans: VecDeque<PipeKey>,
    /// The most bytes that a pipe has held.
    pub(super) pipe_peak: usize,
    sources: BTreeMap<TransferId, Outbound>,
    sinks: BTreeMap<TransferId, Inbound>,
    buffer: Vec<u8>,
}

/// A pipe, and the streams that end at it.
#[derive(Default)]
struct Joint {
    pipe: Pipe,
    inward: Option<Key>,
    outward: Option<Key>,
    /// Whether the receiver's stream has ever come.
    taken: bool,
}

impl Splices {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let later = self.later.first().map(|&(at, _)| at);
        [self.due, later].into_iter().flatten().min()
    }

    /// Time has passed.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.later.first()
            && at <= now
        {
            self.later.pop_first();
            self.stir(key);
        }
    }

    /// There may be something to do for a stream.
    pub(super) fn stir(&mut self, key: Key) {
        if self.ends.contains_key(&key) && self.queued.insert(key) {
            self.ready.push_back(key);
        }
    }

    fn next(&mut self) -> Option<Key> {
        let key = self.ready.pop_front()?;
        self.queued.remove(&key);
        Some(key)
    }

    fn add(&mut self, now: Instant, key: Key, splice: Splice, piped: bool) {
        if piped {
            let name = (splice.transfer, splice.attempt);
            self.orphans.retain(|orphan| *orphan != name);
            let joint = self.pipes.entry(name).or_default();
            match splice.direction {
                Direction::In => joint.inward = Some(key),
                Direction::Out => (joint.outward, joint.taken) = (Some(key), true),
            }
        }
        self.ends.insert(key, End::new(splice, now));
        self.stir(key);
    }

    /// A stream carries no more; gives the position that it came to.
    fn remove(&mut self, key: Key) -> Option<u64> {
        let end = self.ends.remove(&key)?;
        if let Some(at) = end.until {
            self.later.remove(&(at, key));
        }
        let name = (end.splice.transfer, end.splice.attempt);
        if let Some(joint) = self.pipes.get_mut(&name) {
            match end.splice.direction {
                Direction::In => joint.inward = None,
                Direction::Out => joint.outward = None,
            }
            if joint.inward.is_none() && joint.outward.is_none() {
                match joint.taken || joint.pipe.is_empty() {
                    true => drop(self.pipes.remove(&name)),
                    false => self.leave(name),
                }
            }
        }
        Some(end.at)
    }

    /// A pipe that waits for the receiver's stream.
    fn leave(&mut self, name: PipeKey) {
        self.orphans.push_back(name);
        if self.orphans.len() > MAX_ORPHANS
            && let Some(oldest) = self.orphans.pop_front()
        {
            self.pipes.remove(&oldest);
        }
    }

    fn of_conn(&self, conn: ConnId) -> Vec<Key> {
        let first = StreamId {
            by_peer: false,
            index: 0,
        };
        let from = self.ends.range((conn, first)..);
        let of_it = from.take_while(|(key, _)| key.0 == conn);
        of_it.map(|(&key, _)| key).collect()
    }

    /// What is at the other end of a pipe has something to do.
    fn stir_other(&mut self, splice: &Splice) {
        let name = (splice.transfer, splice.attempt);
        let other = self.pipes.get(&name).and_then(|joint| {
            self.pipe_peak = self.pipe_peak.max(joint.pipe.len());
            match splice.direction {
                Direction::In => joint.outward,
                Direction::Out => joint.inward,
            }
        });
        if let Some(key) = other {
            self.stir(key);
        }
    }
}

impl<C: Core> Driver<C> {
    /// Gives a transfer that this client offers its payload.
    pub fn send_from(&mut self, transfer: TransferId, source: impl Source + 'static) {
        let source = Outbound::new(Box::new(source));
        self.splices.sources.insert(transfer, source);
    }

    /// Says where the payload of a transfer goes, before this client accepts it. The sink holds as many bytes as it is
    /// accepted from.
    pub fn receive_into(&mut self, transfer: TransferId, sink: impl Sink + 'static) {
        let sink = Inbound::new(Box::new(sink));
        self.splices.sinks.insert(transfer, sink);
    }

    /// Drops the source or the sink of a transfer that is over, and says why it failed, if it did.
    pub fn release(&mut self, transfer: TransferId) -> Option<io::Error> {
        let source = self.splices.sources.remove(&transfer);
        let sink = self.splices.sinks.remove(&transfer);
        let failed = source.and_then(|source| source.failure);
        failed.or_else(|| sink.and_then(|sink| sink.failure))
    }

    /// How many pipes there are between senders' streams and receivers'.
    pub fn pipes(&self) -> usize {
        self.splices.pipes.len()
    }

    /// Payload moves, turn by turn.
    pub(super) fn carry_payload(&mut self, now: Instant) {
        self.splices.due = None;
        for _ in 0..TURNS {
            let Some(key) = self.splices.next() else {
                return;
            };
            self.take_turn(now, key);
        }
        self.splices.due = Some(now).filter(|_| !self.splices.ready.is_empty());
    }

    fn take_turn(&mut self, now: Instant, key: Key) {
        let handle = self.handles.get(&key.0).copied();
        let conn = handle.and_then(|handle| self.conns.get_mut(&handle));
        let (Some(handle), Some(conn)) = (handle, conn) else {
            self.splices.remove(key);
            return;
        };
        let Splices {
            ends,
            pipes,
            sources,
            sinks,
            buffer,
            ..
        } = &mut self.splices;
        let Some(end) = ends.get_mut(&key) else {
            return;
        };
        let (splice, before) = (end.splice, end.at);
        let (transfer, id) = (splice.transfer, key.1);
        let turn = match (pipes.get_mut(&(transfer, splice.attempt)), splice.direction) {
            (Some(joint), Direction::In) => end.fill_pipe(now, conn, id, &mut joint.pipe),
            (Some(joint), Direction::Out) => end.drain_pipe(conn, id, &mut joint.pipe),
            (None, Direction::In) => match sinks.get_mut(&transfer) {
                Some(sink) => end.fill_sink(now, conn, id, sink, buffer),
                None => Turn::Over(Carried::Failed),
            },
            (None, Direction::Out) => match sources.get_mut(&transfer) {
                Some(source) => end.drain_source(now, conn, id, source, buffer),
                None => Turn::Over(Carried::Failed),
            },
        };
        let at = end.at;
        let (told, since) = end.told;
        let due = at - told >= TOLD_EACH || now.since(since) >= TOLD_AFTER;
        if at != before && due && !matches!(turn, Turn::Over(_)) {
            end.told = (at, now);
            self.inputs.push_back(spliced(key, at, Carried::Moving));
        }
        if at != before {
            self.splices.stir_other(&splice);
        }
        match turn {
            Turn::More => self.splices.stir(key),
            Turn::Wait => {}
            Turn::Until(again) => {
                if let Some(end) = self.splices.ends.get_mut(&key) {
                    let before = end.until.replace(again);
                    self.splices.later.extend(Some((again, key)));
                    if let Some(before) = before.filter(|before| *before != again) {
                        self.splices.later.remove(&(before, key));
                    }
                }
            }
            Turn::Over(carried) => {
                match carried {
                    Carried::WrongSize | Carried::Failed => conn.break_off(id, splice.direction),
                    _ => conn.end_payload(id, splice.direction),
                }
                self.splices.remove(key);
                self.splices.stir_other(&splice);
                self.inputs.push_back(spliced(key, at, carried));
            }
        }
        self.touched(handle);
    }

    /// The core has read, or written, a stream's first frame: payload follows.
    pub(super) fn splice(&mut self, now: Instant, key: Key, splice: Splice) {
        let (name, id) = key;
        let server = matches!(self.role, Role::Server { .. });
        let mut there = None;
        self.with(name, |conn| {
            there = conn
                .is_open()
                .then(|| conn.carry_payload(id, splice.direction));
        });
        match there {
            Some(true) => self.splices.add(now, key, splice, server),
            // The peer has stopped the stream before.
            Some(false) => {
                self.inputs
                    .push_back(spliced(key, splice.from, Carried::Broken));
            }
            None => debug!(?key, "payload for a connection that is gone"),
        }
    }

    /// The core gives a stream's payload up.
    pub(super) fn unsplice(&mut self, key: Key, direction: Direction) {
        let end = self.splices.ends.get(&key);
        if end.is_some_and(|end| end.splice.direction == direction) {
            self.splices.remove(key);
        }
    }

    /// The core closes a connection: its payload is no longer worth waiting for.
    pub(super) fn drop_payload(&mut self, conn: ConnId) {
        for key in self.splices.of_conn(conn) {
            let direction = self.splices.ends.get(&key).map(|end| end.splice.direction);
            self.splices.remove(key);
            if let Some(direction) = direction {
                self.with(conn, |conn| conn.break_off(key.1, direction));
            }
        }
    }

    /// A connection is lost: the core hears what its payload came to before it hears that.
    pub(super) fn lose_payload(&mut self, conn: ConnId) {
        let keys = self.splices.of_conn(conn);
        if keys.is_empty() {
            return;
        }
        let closed = self.inputs.pop_back();
        debug_assert!(matches!(closed, Some(Input::Closed { .. })));
        for key in keys {
            if let Some(at) = self.splices.remove(key) {
                self.inputs.push_back(spliced(key, at, Carried::Lost));
            }
        }
        self.inputs.extend(closed);
    }
}

fn spliced((conn, id): Key, at: u64, carried: Carried) -> Input {
    Input::Spliced {
        conn,
        id,
        at,
        carried,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::EPOCH;

    fn splice(transfer: u8, direction: Direction) -> Splice {
        Splice {
            transfer: TransferId([transfer; 16]),
            attempt: 1,
            direction,
            from: 0,
            to: 10,
            rate: 0,
        }
    }

    fn key(conn: u64) -> Key {
        let index = 1;
        let by_peer = true;
        (ConnId(conn), StreamId { by_peer, index })
    }

    /// A sender's stream has come and gone, with bytes that no receiver's stream has taken.
    fn left(splices: &mut Splices, transfer: u8) {
        let sender = key(u64::from(transfer));
        let inward = splice(transfer, Direction::In);
        splices.add(NOW, sender, inward, true);
        let name = (inward.transfer, inward.attempt);
        splices.pipes.entry(name).or_default().pipe.push(b"left");
        splices.remove(sender);
    }

    #[test]
    fn what_a_sender_has_left_waits_for_the_receivers_stream() {
        let mut splices = Splices::default();
        left(&mut splices, 1);
        assert_eq!((splices.pipes.len(), splices.orphans.len()), (1, 1));
        let outward = splice(1, Direction::Out);
        splices.add(NOW, key(500), outward, true);
        assert!(splices.orphans.is_empty());
        let name = (outward.transfer, outward.attempt);
        assert_eq!(splices.pipes[&name].pipe.front(), b"left");
        splices.remove(key(500));
        assert!(splices.pipes.is_empty());
    }

    #[test]
    fn what_nobody_comes_for_is_bounded() {
        let mut splices = Splices::default();
        for transfer in 0..=200 {
            left(&mut splices, transfer);
        }
        assert_eq!(splices.pipes.len(), MAX_ORPHANS);
        assert_eq!(splices.orphans.len(), MAX_ORPHANS);
        assert!(splices.pipes.contains_key(&(TransferId([200; 16]), 1)));
    }

    #[test]
    fn a_receiver_that_goes_first_leaves_nothing() {
        let mut splices = Splices::default();
        splices.add(NOW, key(1), splice(1, Direction::In), true);
        splices.add(NOW, key(2), splice(1, Direction::Out), true);
        let joint = splices.pipes.values_mut().next().expect("a pipe");
        joint.pipe.push(b"left");
        splices.remove(key(2));
        assert_eq!(splices.pipes.len(), 1);
        splices.remove(key(1));
        assert!(splices.pipes.is_empty() && splices.orphans.is_empty());
    }
}
