//! What an exploration found, and how far it went.

use core::fmt;

use super::bounds::{Bounds, Stopped};
use super::counterexample::{Counterexample, Path};

/// Maxima over all states that were seen, by name, in the order of first mention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    maxima: Vec<(&'static str, u64)>,
}

impl Gauges {
    /// Reports a value; the greatest is kept.
    pub fn record(&mut self, name: &'static str, value: u64) {
        match self.maxima.iter_mut().find(|(other, _)| *other == name) {
            Some((_, maximum)) => *maximum = value.max(*maximum),
            None => self.maxima.push((name, value)),
        }
    }

    /// The greatest value that was reported under this name.
    pub fn maximum(&self, name: &str) -> Option<u64> {
        let mut all = self.maxima.iter();
        all.find(|(other, _)| *other == name)
            .map(|(_, maximum)| *maximum)
    }
}

/// Whether a *sometimes* property was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness<A> {
    /// What the property says.
    pub property: &'static str,
    /// A run that reaches it; breadth-first: no shorter one does.
    pub path: Option<Path<A>>,
}

/// What an exploration found. Equal models and bounds give equal reports, byte for byte when printed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report<A> {
    /// How it searched: "breadth-first", or "100 random walks of up to 50 steps, seed 1".
    pub method: String,
    /// The bounds that it had.
    pub bounds: Bounds,
    /// The bounds of the model, in its words.
    pub limits: Vec<String>,
    /// Why it ended.
    pub stopped: Stopped,
    /// Distinct states.
    pub states: u64,
    /// Actions taken.
    pub transitions: u64,
    /// Transitions that led to a state seen before.
    pub duplicates: u64,
    /// The length of the longest path that was taken.
    pub depth: u32,
    /// States in which nothing more has to happen.
    pub quiescent: u64,
    /// States outside [`Model::within`](super::Model::within).
    pub pruned: u64,
    /// States that were found and not searched from.
    pub open: u64,
    /// How often each kind of action was taken, in alphabetical order; a kind that must be taken and never was has zero.
    pub actions: Vec<(&'static str, u64)>,
    /// Greatest lengths of queues and the like.
    pub gauges: Gauges,
    /// The names of what was looked at and not found broken.
    pub checked: Vec<&'static str>,
    /// Whether there are properties that only quiescent states can break.
    pub wants_quiescence: bool,
    /// What should be reached.
    pub witnesses: Vec<Witness<A>>,
    /// What is broken, at most once for each property; the shortest first.
    pub counterexamples: Vec<Counterexample<A>>,
}

impl<A: fmt::Debug> Report<A> {
    /// Whether every state within the model's limits was searched.
    pub fn is_exhausted(&self) -> bool {
        self.stopped == Stopped::Exhausted
    }

    /// The *sometimes* properties that were not reached.
    pub fn unreached(&self) -> impl Iterator<Item = &'static str> {
        let unreached = self.witnesses.iter().filter(|w| w.path.is_none());
        unreached.map(|witness| witness.property)
    }

    /// Why the absence of a counterexample says less than it seems: one line each.
    ///
    /// None where the search stopped at a counterexample: then it is not suspicious, only unfinished.
    pub fn suspicions(&self) -> Vec<String> {
        if self.stopped == Stopped::Counterexample {
            return Vec::new();
        }
        let unreached = self.unreached();
        let mut lines: Vec<String> = unreached.map(|w| format!("never reached: {w}")).collect();
        let untaken = self.actions.iter().filter(|(_, count)| *count == 0);
        lines.extend(untaken.map(|(kind, _)| format!("never taken: {kind}")));
        if self.wants_quiescence && self.quiescent == 0 {
            lines.push(
                "no state is quiescent, so what must hold at rest was never looked at".into(),
            );
        }
        lines
    }

    /// Whether nothing is broken and nothing is suspicious; says nothing of exhaustion.
    ///
    /// # Errors
    ///
    /// The whole report as text.
    pub fn check(&self) -> Result<(), String> {
        match self.counterexamples.is_empty() && self.suspicions().is_empty() {
            true => Ok(()),
            false => Err(self.to_string()),
        }
    }

    /// Whether nothing is broken, nothing is suspicious, and every state was searched.
    ///
    /// # Errors
    ///
    /// The whole report as text.
    pub fn check_exhaustive(&self) -> Result<(), String> {
        self.check()?;
        match self.is_exhausted() {
            true => Ok(()),
            false => Err(self.to_string()),
        }
    }

    /// The counterexample to the property of this name.
    pub fn counterexample(&self, property: &str) -> Option<&Counterexample<A>> {
        let mut all = self.counterexamples.iter();
        all.find(|counterexample| counterexample.property == property)
    }
}

impl<A: fmt::Debug> fmt::Display for Report<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; {}", self.method, self.stopped)?;
        writeln!(f, "bounds: {}", self.bounds)?;
        for limit in &self.limits {
            writeln!(f, "limit: {limit}")?;
        }
        writeln!(
            f,
            "{} states, {} transitions, {} of them to states seen before; depth {}; {} quiescent, {} pruned, {} open",
            self.states,
            self.transitions,
            self.duplicates,
            self.depth,
            self.quiescent,
            self.pruned,
            self.open
        )?;
        if self.states > 1 {
            // n²/2¹²⁹, rounded up to a power of two.
            let exponent = 129 - 2 * (64 - (self.states - 1).leading_zeros());
            writeln!(
                f,
                "a state overlooked: with probability below 2^-{exponent}"
            )?;
        }
        for (kind, count) in &self.actions {
            writeln!(f, "action {kind}: {count}")?;
        }
        for (name, maximum) in &self.gauges.maxima {
            writeln!(f, "greatest {name}: {maximum}")?;
        }
        for witness in &self.witnesses {
            if let Some(path) = &witness.path {
                let steps = path.actions.len();
                writeln!(f, "reached after {steps} steps: {}", witness.property)?;
            }
        }
        let holds = match self.is_exhausted() {
            true => "holds",
            false => "not seen broken",
        };
        for name in &self.checked {
            writeln!(f, "{holds}: {name}")?;
        }
        for suspicion in self.suspicions() {
            writeln!(f, "SUSPICIOUS: {suspicion}")?;
        }
        for counterexample in &self.counterexamples {
            write!(f, "\n{counterexample}")?;
        }
        Ok(())
    }
}
