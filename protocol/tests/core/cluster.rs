//! A server of several shards behind the seam of one: envelopes between two shards take a while, in order; between
//! different pairs they overtake each other. A connection comes to whichever shard, as it does in a data centre.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use duet_protocol::io::{ConnId, Core, Deadline, Input, Output, Timer};
use duet_protocol::seed::Seed;
use duet_protocol::server::{Census, Config, Envelope, Event, Server, ShardId};
use duet_protocol::time::Instant;
use duet_sim::Stream;

/// How long an envelope may take, at most, in microseconds.
const SLOWEST: u64 = 3_000;

/// A seed of a world whose server is one shard, for what is about one.
pub(crate) const ONE_SHARD: u64 = 9_999;

/// Of how many shards the server of a test consists: one to three by the test's seed, or `DUET_SHARDS`.
pub(crate) fn shards(seed: u64) -> u16 {
    match std::env::var("DUET_SHARDS") {
        Ok(count) if seed != ONE_SHARD => count.parse().expect("DUET_SHARDS is a number"),
        _ => 1 + (seed % 3) as u16,
    }
}

pub(crate) struct Cluster {
    shards: Vec<Server>,
    homes: BTreeMap<ConnId, usize>,
    delays: Stream,
    /// By arrival and number; what was sent from one shard to another arrives in order.
    crossing: BTreeMap<(Instant, u64), (usize, Box<Envelope>)>,
    last: BTreeMap<(usize, usize), Instant>,
    crossed: u64,
    now: Instant,
    outputs: VecDeque<Output<Event>>,
}

impl Cluster {
    pub(crate) fn new(config: &Arc<Config>, seed: u64, shards: u16) -> Self {
        let mut seeds = Stream::new(seed, "shards");
        let shard = |own| {
            let seed = Seed(seeds.bytes32());
            Server::shard(config.clone(), seed, Instant::EPOCH, ShardId(own), shards)
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            homes: BTreeMap::new(),
            delays: Stream::new(seed, "backplane"),
            crossing: BTreeMap::new(),
            last: BTreeMap::new(),
            crossed: 0,
            now: Instant::EPOCH,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn census(&self) -> Census {
        let mut sum = Census::default();
        for census in self.shards.iter().map(Server::census) {
            sum.doors += census.doors;
            sum.sessions += census.sessions;
            sum.users += census.users;
            sum.rooms += census.rooms;
            sum.calls += census.calls;
            sum.transfers += census.transfers;
            sum.media += census.media;
        }
        sum
    }

    pub(crate) fn stop(&mut self, now: Instant, back_in: Duration) {
        for shard in 0..self.shards.len() {
            self.shards[shard].stop(now, back_in);
        }
        self.settle(now);
    }

    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// What `hops` envelopes may take between shards.
    pub(crate) fn slack(&self, hops: u64) -> Duration {
        match self.shards.len() {
            1 => Duration::ZERO,
            _ => Duration::from_micros(hops * SLOWEST),
        }
    }

    /// How many envelopes have crossed from one shard to another.
    pub(crate) fn crossed(&self) -> u64 {
        self.crossed
    }

    fn home(&mut self, conn: ConnId) -> usize {
        let spread = self.shards.len() as u64;
        let delays = &mut self.delays;
        *self
            .homes
            .entry(conn)
            .or_insert_with(|| delays.below(spread) as usize)
    }

    fn settle(&mut self, now: Instant) {
        self.now = now;
        let mut shard = 0;
        while shard < self.shards.len() {
            match self.shards[shard].poll_output() {
                None => shard += 1,
                Some(Output::Envelope { to, envelope }) => {
                    self.crossed += 1;
                    let pair = (shard, usize::from(to.0));
                    assert_ne!(pair.0, pair.1, "an envelope to itself");
                    let wait = Duration::from_micros(self.delays.below(SLOWEST));
                    let last = self.last.entry(pair).or_insert(now);
                    *last = now.after(wait).max(*last);
                    self.crossing
                        .insert((*last, self.crossed), (pair.1, envelope));
                }
                Some(Output::Handover { conn, to, handover }) => {
                    let to = usize::from(to.0);
                    self.homes.insert(conn, to);
                    self.shards[to].handle(now, Input::Handover { conn, handover });
                    shard = 0;
                }
                Some(output) => self.outputs.push_back(output),
            }
        }
    }

    fn arrivals(&mut self, now: Instant) {
        while let Some(entry) = self.crossing.first_entry()
            && entry.key().0 <= now
        {
            let (to, envelope) = entry.remove();
            self.shards[to].handle(now, Input::Envelope(envelope));
            self.settle(now);
        }
    }
}

impl Core for Cluster {
    type Event = Event;

    fn handle(&mut self, now: Instant, input: Input) {
        self.arrivals(now);
        match &input {
            Input::Connected { conn, .. }
            | Input::Stream { conn, .. }
            | Input::Reset { conn, .. }
            | Input::Spliced { conn, .. }
            | Input::Datagram { conn, .. }
            | Input::Path { conn, .. }
            | Input::Closed { conn, .. } => {
                let (closed, conn) = (matches!(input, Input::Closed { .. }), *conn);
                let home = self.home(conn);
                self.shards[home].handle(now, input);
                if closed {
                    self.homes.remove(&conn);
                }
            }
            Input::Decision { id, .. } => {
                // The shard that asks is part of the number.
                let home = usize::try_from(id.0 >> 48).expect("small");
                self.shards[home].handle(now, input);
            }
            Input::WallClock { unix_micros } => {
                for shard in &mut self.shards {
                    let unix_micros = *unix_micros;
                    shard.handle(now, Input::WallClock { unix_micros });
                }
            }
            Input::Wake => {
                for shard in &mut self.shards {
                    shard.handle(now, Input::Wake);
                }
            }
            Input::Envelope(_) | Input::Handover { .. } => unreachable!("these stay inside"),
        }
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        let crossing = self.crossing.keys().next().map(|(at, _)| Deadline {
            at: *at,
            timer: Timer::Expiry,
        });
        let shards = self.shards.iter().filter_map(Server::deadline);
        shards.chain(crossing).min()
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        self.shards
            .iter_mut()
            .find_map(|shard| shard.next_datagram(buffer))
    }
}
