//! How far an exploration goes, and why it ends.

use core::fmt;

/// How far an exploration goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Steps from an initial state.
    pub depth: Option<u32>,
    /// Distinct states; never more than 2³² − 1.
    pub states: Option<u64>,
    /// Bytes, as estimated from sizes of types and [`Model::heap_bytes`](super::Model::heap_bytes).
    pub memory: Option<u64>,
}

impl Bounds {
    pub(super) fn max_states(&self) -> u64 {
        // The last number stands for "no parent".
        let most = u64::from(u32::MAX - 1);
        self.states.map_or(most, |states| states.min(most))
    }
}

/// Two gibibytes, and nothing else.
impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            depth: None,
            states: None,
            memory: Some(2 << 30),
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.depth {
            Some(depth) => write!(f, "depth {depth}")?,
            None => f.write_str("any depth")?,
        }
        match self.states {
            Some(states) => write!(f, ", {states} states")?,
            None => f.write_str(", any number of states")?,
        }
        match self.memory {
            Some(memory) => write!(f, ", {} MiB", memory >> 20),
            None => f.write_str(", any amount of memory"),
        }
    }
}

/// Why an exploration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every state within the model's limits was searched.
    Exhausted,
    /// Something is broken, and the search was not told to go on.
    Counterexample,
    /// States at the greatest depth have successors that were not searched.
    Depth,
    /// The number of states reached its bound.
    States,
    /// The estimate of memory reached its bound.
    Memory,
    /// The progress callback said so.
    Cancelled,
    /// All random walks were taken; they never exhaust anything.
    Sampled,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stopped::Exhausted => "exhausted",
            Stopped::Counterexample => "stopped at a counterexample",
            Stopped::Depth => "NOT exhausted: stopped by the bound on depth",
            Stopped::States => "NOT exhausted: stopped by the bound on states",
            Stopped::Memory => "NOT exhausted: stopped by the bound on memory",
            Stopped::Cancelled => "NOT exhausted: cancelled",
            Stopped::Sampled => "a sample: nothing is exhausted",
        })
    }
}

/// How far an exploration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Distinct states so far.
    pub states: u64,
    /// Transitions so far.
    pub transitions: u64,
    /// The present depth; of a random walk, the greatest so far.
    pub depth: u32,
    /// States that wait to be searched; of random walks, walks still to be taken.
    pub waiting: u64,
    /// Bytes in use, estimated.
    pub memory: u64,
}
