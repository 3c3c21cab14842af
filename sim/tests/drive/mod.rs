//! One link direction by itself, with a schedule of packets.
#![allow(dead_code, reason = "every test file uses its own part")]

use duet_sim::link::Corruption;
use duet_sim::verify::Verifier;
use duet_sim::{Cause, Ecn, EventLog, Fate, Journey, Link, LinkConfig, Packet, Stream, Time};

/// A packet with everything that stages look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) size: usize,
    pub(crate) flow: u64,
    pub(crate) ecn: Ecn,
    pub(crate) class: &'static str,
    pub(crate) reliable: bool,
    pub(crate) payload: Vec<u8>,
}

impl Cell {
    pub(crate) fn new(size: usize) -> Cell {
        Cell {
            size,
            flow: 0,
            ecn: Ecn::NotEct,
            class: "data",
            reliable: false,
            payload: Vec::new(),
        }
    }

    pub(crate) fn flow(self, flow: u64) -> Cell {
        Cell { flow, ..self }
    }

    pub(crate) fn ecn(self, ecn: Ecn) -> Cell {
        Cell { ecn, ..self }
    }

    pub(crate) fn class(self, class: &'static str) -> Cell {
        Cell { class, ..self }
    }

    pub(crate) fn reliable(self) -> Cell {
        Cell {
            reliable: true,
            ..self
        }
    }
}

impl Packet for Cell {
    fn size(&self) -> usize {
        self.size
    }

    fn class(&self) -> &'static str {
        self.class
    }

    fn reliable(&self) -> bool {
        self.reliable
    }

    fn flow(&self) -> u64 {
        self.flow
    }

    fn ecn(&self) -> Ecn {
        self.ecn
    }

    fn set_ecn(&mut self, ecn: Ecn) {
        self.ecn = ecn;
    }

    fn corrupt(&mut self, corruption: Corruption, draws: &mut Stream) {
        let left = corruption.apply(&mut self.payload, draws);
        self.payload.truncate(left);
    }
}

/// What a link did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// The courses of all packets, in the order in which they became certain.
    pub(crate) journeys: Vec<Journey>,
    /// What arrived, with when, in the order in which it was sent; copies among it.
    pub(crate) arrived: Vec<(Time, Cell)>,
    /// The most bytes in the queue, the packet being sent included, after any offer.
    pub(crate) most_bytes: u64,
}

impl Run {
    /// The course of one packet.
    pub(crate) fn journey(&self, number: u64) -> &Journey {
        let mut found = self
            .journeys
            .iter()
            .filter(|j| j.number == number && !j.copy);
        found.next().expect("a packet that was offered")
    }

    /// The numbers of the packets that were lost for a cause, sorted.
    pub(crate) fn lost(&self, cause: Cause) -> Vec<u64> {
        let lost = self
            .journeys
            .iter()
            .filter(|j| j.fate == Fate::Lost { cause });
        let mut numbers: Vec<u64> = lost.map(|j| j.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The share of packets that were lost.
    pub(crate) fn loss(&self) -> f64 {
        let lost = self
            .journeys
            .iter()
            .filter(|j| !j.copy && is_lost(j))
            .count();
        lost as f64 / self.journeys.iter().filter(|j| !j.copy).count() as f64
    }

    /// When packet `number` arrived.
    pub(crate) fn arrival(&self, number: u64) -> Option<Time> {
        arrival(self.journey(number))
    }
}

pub(crate) fn is_lost(journey: &Journey) -> bool {
    matches!(journey.fate, Fate::Lost { .. })
}

pub(crate) fn arrival(journey: &Journey) -> Option<Time> {
    match journey.fate {
        Fate::Delivered { at } => Some(at),
        Fate::Lost { .. } => None,
    }
}

/// Runs of more packets are not verified: it takes memory.
const VERIFIED: u64 = 500_000;

/// Asserts that a run's log passes the independent verifier.
fn verify(config: &LinkConfig, run: &Run) {
    let mut log = EventLog::new();
    let link = log.add_link("a>b");
    for journey in &run.journeys {
        log.packet(link, *journey);
    }
    let breaches = Verifier::new().link("a>b", config).check(&log);
    let shown: Vec<String> = breaches.iter().take(10).map(ToString::to_string).collect();
    assert!(
        breaches.is_empty(),
        "{} breaches: {shown:#?}",
        breaches.len()
    );
}

/// Offers packets at their nanoseconds, lets all happen that follows, and asserts what holds of every link:
/// conservation, packet by packet.
pub(crate) fn drive(
    config: &LinkConfig,
    seed: u64,
    offers: impl IntoIterator<Item = (u64, Cell)>,
) -> Run {
    let mut link = Link::new(config.clone(), seed, "a>b");
    let mut run = Run::default();
    let mut offered = 0;
    let take = |link: &mut Link<Cell>, run: &mut Run| {
        while let Some(emitted) = link.poll() {
            if let (Fate::Delivered { at }, Some(cell)) = (emitted.journey.fate, emitted.packet) {
                run.arrived.push((at, cell));
            }
            run.journeys.push(emitted.journey);
        }
    };
    for (at, cell) in offers {
        let at = Time::from_nanos(at);
        while let Some(due) = link.deadline().filter(|due| *due <= at) {
            link.wake(due);
            take(&mut link, &mut run);
        }
        link.offer(at, cell);
        offered += 1;
        take(&mut link, &mut run);
        run.most_bytes = run.most_bytes.max(link.backlog());
    }
    while let Some(due) = link.deadline() {
        link.wake(due);
        take(&mut link, &mut run);
    }
    assert_eq!(link.inside(), 0, "something waits for ever");
    assert_eq!((link.backlog(), link.backlog_packets()), (0, 0));
    let mut numbers: Vec<u64> = run
        .journeys
        .iter()
        .filter(|j| !j.copy)
        .map(|j| j.number)
        .collect();
    numbers.sort_unstable();
    assert!(
        numbers.into_iter().eq(0..offered),
        "every packet has one fate"
    );
    if offered <= VERIFIED {
        verify(config, &run);
    }
    run
}

/// Packets of one kind at one distance.
pub(crate) fn steady(count: u64, gap: u64, cell: Cell) -> impl Iterator<Item = (u64, Cell)> {
    (0..count).map(move |n| (n * gap, cell.clone()))
}

/// A number in (0, 1).
pub(crate) fn unit(draw: u64) -> f64 {
    ((draw >> 12) as f64 + 0.5) / 2f64.powi(52)
}

/// Asserts that `share` is within four standard errors of `expected`.
pub(crate) fn assert_near(share: f64, expected: f64, error: f64, what: &str) {
    assert!(
        (share - expected).abs() <= 4.0 * error,
        "{what}: {share}, not {expected} ± {}",
        4.0 * error
    );
}
