//! Smaller scenarios that fail in the same way.
//!
//! What is taken away, or made simpler, stays so if the run still fails in the same way ([`Failure`]): delta debugging
//! (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28, 2002), on a network. It works
//! because every draw of a run is a function of the seed, of where it is made and of its number: what is taken away
//! moves no other. In the end nothing is left to chance: what was lost at random is a list of packets.
//!
//! | for | look in |
//! |---|---|
//! | faults, flows, steps, expectations, nodes | `parts.rs` |
//! | links and middleboxes that do nothing of their own | `links.rs` |
//! | losses by number in place of losses at random | `losses.rs` |
//! | when things happen, and for how long | `times.rs` |
//! | the run as a sequence diagram | `drawing.rs` |

mod drawing;
mod links;
mod losses;
mod parts;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use duet_sim::{Cause, Fate, FaultKind, Record, Role, Scenario};

use crate::failure::{Failure, Found, attempt};
use crate::simulate::SimulateError;

pub use drawing::drawing;

/// Runs that are made at most, unless told otherwise.
pub const BUDGET: u64 = 1_500;

/// Seeds that are tried in turn where something is taken away and losses are still drawn: with fewer packets, others are
/// hit.
const SEEDS: [u64; 3] = [1, 2, 3];

/// What a run showed.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// How it failed.
    pub found: Vec<Found>,
    /// The packets that links lost at random or by a pattern, by direction.
    pub lost: BTreeMap<(usize, usize), BTreeSet<u64>>,
}

impl Trial {
    /// Runs a scenario.
    ///
    /// # Errors
    ///
    /// [`SimulateError`]: it cannot be run.
    pub fn of(scenario: &Scenario) -> Result<Self, SimulateError> {
        let (outcome, found) = attempt(scenario)?;
        let mut lost: BTreeMap<(usize, usize), BTreeSet<u64>> = BTreeMap::new();
        let Some(outcome) = outcome else {
            return Ok(Self { found, lost });
        };
        let links = scenario.links.iter().flat_map(|link| link.directions());
        let ways: BTreeMap<String, (usize, usize)> = links
            .map(|(from, to, _)| {
                let (a, b) = (scenario.node_name(from), scenario.node_name(to));
                (format!("{a}>{b}"), (from, to))
            })
            .collect();
        for record in outcome.log.records() {
            if let Record::Packet { link, journey } = record
                && let Fate::Lost { cause } = journey.fate
                && is_drawn(cause)
                && let Some(way) = ways.get(outcome.log.link_name(*link))
            {
                lost.entry(*way).or_default().insert(journey.number);
            }
        }
        Ok(Self { found, lost })
    }
}

/// Whether a loss was drawn, or named by a list.
fn is_drawn(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::RandomLoss
            | Cause::BurstLoss
            | Cause::ListedLoss
            | Cause::AirLoss
            | Cause::AirBurstLoss
            | Cause::AirListedLoss
    )
}

/// How much there is in a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Clients.
    pub clients: usize,
    /// Services, hosts, routers, NATs and firewalls.
    pub others: usize,
    /// Flows.
    pub flows: usize,
    /// Faults that are no lists of packets.
    pub faults: usize,
    /// Packets that are lost by number.
    pub drops: usize,
    /// Steps.
    pub steps: usize,
}

impl Size {
    /// Of this scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let nodes = scenario.nodes.iter();
        let count = |role: Role| nodes.clone().filter(|node| node.role == role).count();
        let clients = count(Role::Client);
        let drops = scenario
            .faults
            .iter()
            .filter_map(|fault| match &fault.kind {
                FaultKind::Drop { packets, .. } => Some(packets.len()),
                _ => None,
            });
        Self {
            clients,
            others: scenario
                .nodes
                .len()
                .saturating_sub(clients + count(Role::Server)),
            flows: scenario.flows.len(),
            faults: scenario.faults.len() - drops.clone().count(),
            drops: drops.sum(),
            steps: scenario.steps.len(),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            clients,
            others,
            flows,
            faults,
            drops,
            steps,
        } = self;
        write!(
            f,
            "{clients} clients, {others} other nodes, {flows} flows, {faults} faults, {drops} packets dropped, {steps} steps"
        )
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Runs so far.
    pub runs: u64,
    /// Runs at most.
    pub budget: u64,
    /// What the smallest scenario has that fails.
    pub size: Size,
}

/// A scenario of which nothing can be taken away any more.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The scenario.
    pub scenario: Scenario,
    /// How it fails: as the one that it was made of.
    pub failure: Failure,
    /// When, and what is said of it.
    pub found: Found,
    /// Runs that were made.
    pub runs: u64,
    /// Whether it ended because no more runs were allowed.
    pub exhausted: bool,
}

/// Why nothing was made smaller.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// It cannot be run.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// It does not fail.
    #[error("the run does not fail: there is nothing to look for")]
    Passes,
    /// It fails otherwise than was asked for.
    #[error("the run does not fail by {wanted:?}; it fails by: {}", list(.found))]
    Otherwise {
        /// What was asked for.
        wanted: String,
        /// How it fails.
        found: Vec<Failure>,
    },
}

fn list(failures: &[Failure]) -> String {
    let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
    all.join(", ")
}

/// Makes scenarios smaller, one change at a time.
struct Shrinker<'r> {
    run: &'r mut dyn FnMut(&Scenario) -> Result<Trial, SimulateError>,
    progress: &'r mut dyn FnMut(&Progress),
    failure: Failure,
    best: Scenario,
    found: Found,
    trial: Trial,
    /// Clients that had no way to the server from the beginning.
    stranded: BTreeSet<String>,
    /// What was tried, as files.
    tried: BTreeSet<String>,
    runs: u64,
    budget: u64,
}

/// Makes a scenario smaller that fails, in at most `budget` runs. Of several failures, the first whose name contains
/// `wanted`. Equal arguments give equal results, if `run` does ([`Trial::of`]).
///
/// # Errors
///
/// [`ShrinkError`]: there is no such failure, or no run.
pub fn shrink(
    scenario: &Scenario,
    wanted: &str,
    budget: u64,
    run: &mut dyn FnMut(&Scenario) -> Result<Trial, SimulateError>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Shrunk, ShrinkError> {
    let trial = run(scenario)?;
    let mut all = trial.found.iter();
    let found = all.find(|found| found.failure.to_string().contains(wanted));
    let Some(found) = found.cloned() else {
        return Err(match trial.found.is_empty() {
            true => ShrinkError::Passes,
            false => ShrinkError::Otherwise {
                wanted: wanted.to_owned(),
                found: trial.found.iter().map(|one| one.failure.clone()).collect(),
            },
        });
    };
    let mut shrinker = Shrinker {
        run,
        progress,
        failure: found.failure.clone(),
        best: scenario.clone(),
        found,
        stranded: links::stranded(scenario),
        tried: BTreeSet::from([scenario.to_toml()]),
        trial,
        runs: 1,
        budget,
    };
    shrinker.until_the_end();
    let Shrinker {
        best,
        failure,
        found,
        runs,
        ..
    } = shrinker;
    Ok(Shrunk {
        scenario: best,
        failure,
        found,
        runs,
        exhausted: runs >= budget,
    })
}

impl Shrinker<'_> {
    fn until_the_end(&mut self) {
        loop {
            let mut changed = times::cut(self);
            changed |= parts::remove(self);
            changed |= links::bypass(self);
            changed |= links::simplify(self);
            changed |= losses::by_number(self);
            changed |= times::round(self);
            if !changed || self.is_spent() {
                return;
            }
        }
    }

    fn is_spent(&self) -> bool {
        self.runs >= self.budget
    }

    /// Keeps a candidate if it fails in the same way; says whether it does. One that could not be written down is none,
    /// nor is one in which a client has lost its way to the server.
    fn keep(&mut self, candidate: Scenario) -> bool {
        if self.is_spent() || !links::stranded(&candidate).is_subset(&self.stranded) {
            return false;
        }
        let text = candidate.to_toml();
        if !self.tried.insert(text.clone()) {
            return false;
        }
        let Ok(candidate) = Scenario::parse(&text, "candidate") else {
            return false;
        };
        self.runs += 1;
        let trial = (self.run)(&candidate).unwrap_or_default();
        let mut all = trial.found.iter();
        let same = all.find(|found| found.failure == self.failure).cloned();
        if let Some(found) = same {
            (self.best, self.found, self.trial) = (candidate, found, trial);
            self.tell();
            return true;
        }
        self.tell();
        false
    }

    /// The same, with other luck if need be.
    fn keep_by_luck(&mut self, candidate: &Scenario) -> bool {
        if self.keep(candidate.clone()) {
            return true;
        }
        losses::are_drawn(candidate)
            && SEEDS.into_iter().any(|seed| {
                let mut other = candidate.clone();
                other.seed = seed;
                self.keep(other)
            })
    }

    fn tell(&mut self) {
        (self.progress)(&Progress {
            runs: self.runs,
            budget: self.budget,
            size: Size::of(&self.best),
        });
    }

    /// Takes away as much as can go of what `count` counts: all, then halves, quarters and so on to single ones.
    fn reduce(
        &mut self,
        count: impl Fn(&Scenario) -> usize,
        remove: impl Fn(&mut Scenario, usize),
    ) -> bool {
        let mut changed = false;
        let mut chunk = count(&self.best);
        while chunk > 0 && !self.is_spent() {
            // From the end: what comes later is more often beside the point, and moves no number of what comes before.
            let mut end = count(&self.best);
            while end > 0 {
                let start = end.saturating_sub(chunk);
                let mut candidate = self.best.clone();
                for index in (start..end).rev() {
                    remove(&mut candidate, index);
                }
                changed |= self.keep_by_luck(&candidate);
                end = start.min(count(&self.best));
            }
            chunk /= 2;
        }
        changed
    }
}
