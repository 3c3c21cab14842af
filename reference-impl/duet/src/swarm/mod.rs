//! Scenarios at random: networks, faults and steps that nobody would think of, each fixed by a seed.
//!
//! A scenario is made whole before it runs, so that it can be written down and taken apart ([`crate::shrink`]). What must
//! never happen is judged all along; then everything is healed, and what must happen in the end has the time that it
//! needs ([`SETTLE`]).
//!
//! | for | look in |
//! |---|---|
//! | random subsets with wildly different weights | `weights.rs` |
//! | nodes and links | `topology.rs` |
//! | what goes wrong | `faults.rs` |
//! | what applications do | `steps.rs` |
//! | cross traffic | `traffic.rs` |

mod faults;
mod steps;
mod topology;
mod traffic;
mod weights;

use std::time::Duration;

use duet_sim::{Scenario, Stream, Time};

use crate::invariants::SETTLE;

use weights::one_of;

/// By when everything is healed, in milliseconds: soon, and late enough for sessions to be given up and begun anew.
const HEALED: &[u64] = &[3_000, 12_000, 35_000, 90_000];

/// Beyond what anything may need to settle.
const LEISURE: Duration = Duration::from_secs(2);

/// The scenario of a seed: the same for the same version of this program.
pub fn scenario(seed: u64) -> Scenario {
    let mut stream = Stream::new(seed, "swarm");
    let most = one_of(&mut stream, HEALED).unwrap_or(1_000);
    let healed = Time::from_millis(most / 2 + stream.below(most / 2));
    let mut scenario = Scenario::new(&format!("swarm-{seed}"), SETTLE);
    scenario.seed = seed;
    scenario.description = format!("Made up by `duet simulate swarm --seeds {seed}`.");
    topology::build(&mut scenario, seed);
    faults::add(&mut scenario, seed, healed);
    let last = steps::add(&mut scenario, seed, healed);
    traffic::add(&mut scenario, seed, healed);
    let span = last.max(healed).since(Time::ZERO) + SETTLE + LEISURE;
    // Whole seconds read better.
    scenario.duration = Duration::from_secs(span.as_secs() + 1);
    scenario
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use duet_sim::net::Faults;

    use super::*;

    #[test]
    fn what_is_made_up_is_read_back_from_its_file() {
        for seed in 0..300 {
            let made = scenario(seed);
            let text = made.to_toml();
            let read = Scenario::parse(&text, "swarm.toml");
            let read = read.unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(
                read == made,
                "seed {seed} is read differently:\n{text}\n{}",
                read.to_toml()
            );
        }
    }

    #[test]
    fn all_faults_end_while_there_is_time_to_settle() {
        let (mut faults, mut actions) = (BTreeSet::new(), BTreeSet::new());
        for seed in 0..300 {
            let made = scenario(seed);
            let end = Time::ZERO.after(made.duration);
            let healed = Faults::of(&made).last_at();
            assert!(
                healed.after(SETTLE) < end,
                "seed {seed}: {healed:?} of {end:?}"
            );
            let last = made.steps.iter().map(|step| step.at).max();
            assert!(last.is_some_and(|at| at.after(SETTLE) < end), "seed {seed}");
            faults.extend(made.faults.iter().map(|fault| fault.kind.as_str()));
            actions.extend(made.steps.iter().map(|step| step.action.clone()));
        }
        assert_eq!(faults.len(), 8, "{faults:?}");
        assert_eq!(actions.len(), 8, "{actions:?}");
    }
}
