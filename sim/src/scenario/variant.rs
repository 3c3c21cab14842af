//! A scenario for each combination of its parameters and each seed.

use super::matrix::Assignment;
use super::seeds::Seeds;
use super::source::Source;
use super::{Scenario, read, toml};

/// A scenario with all its parameters decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The parameters and their values, as the file writes them, in its order.
    pub parameters: Vec<(String, String)>,
    /// What to run, with its seed.
    pub scenario: Scenario,
}

/// Where a scenario comes from. No part of what it says: all origins are equal.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) source: Source,
    pub(super) seeds: Seeds,
    /// Whether it is one combination of several, or the only one.
    pub(super) resolved: bool,
}

impl Default for Origin {
    fn default() -> Origin {
        Origin {
            source: Source::new("", ""),
            seeds: Seeds::one(1),
            resolved: true,
        }
    }
}

impl PartialEq for Origin {
    fn eq(&self, _: &Origin) -> bool {
        true
    }
}

impl Scenario {
    /// The seeds that the file asks for.
    pub fn seeds(&self) -> &Seeds {
        &self.origin.seeds
    }

    /// The values of the matrix's parameters in this scenario, in the order of the file.
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.origin.source.assignment.pairs()
    }

    /// Every combination of the matrix with every seed of the file; the seed changes fastest.
    ///
    /// They are what the file says: change the variants, not the scenario before. A scenario without a matrix, or one
    /// variant of another, gives itself.
    pub fn expand(&self) -> Vec<Variant> {
        self.expand_over(self.seeds())
    }

    /// [`Scenario::expand`] over other seeds than the file's.
    pub fn expand_over(&self, seeds: &Seeds) -> Vec<Variant> {
        let combinations = match self.origin.resolved {
            true => vec![self.clone()],
            false => self.combinations(),
        };
        let mut variants = Vec::new();
        for scenario in combinations {
            let parameters = scenario.parameters();
            for seed in seeds.iter() {
                let mut scenario = scenario.clone();
                scenario.seed = seed;
                scenario.origin.seeds = Seeds::one(seed);
                let parameters = parameters.clone();
                variants.push(Variant {
                    parameters,
                    scenario,
                });
            }
        }
        variants
    }

    fn combinations(&self) -> Vec<Scenario> {
        let source = &self.origin.source;
        let Ok(table) = toml(source) else {
            debug_assert!(false, "a file that was read is TOML");
            return Vec::new();
        };
        let first = Some(source.assignment.clone());
        let assignments = core::iter::successors(first, Assignment::next);
        let read = assignments.map(|assignment| read(source, table.get_ref(), &assignment));
        let read = read.inspect(|read| debug_assert!(read.is_ok(), "was checked when it was read"));
        read.filter_map(Result::ok)
            .map(|(scenario, _)| scenario)
            .collect()
    }
}
