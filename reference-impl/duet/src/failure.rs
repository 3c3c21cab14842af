//! How a run fails, so that two failures can be told to be the same.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use duet_sim::{Outcome as Verdict, Scenario, Time};

use crate::invariants::{Invariant, Phase};
use crate::simulate::{Options, Outcome, SimulateError, run};

/// What is the same of two failures that have one cause: never a time or a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// An invariant did not hold for this client.
    Breach {
        /// Which.
        invariant: Invariant,
        /// When that was seen: what is told wrongly is not what never comes.
        phase: Phase,
        /// In which way, where there are several: late is not never.
        way: &'static str,
        /// The client's name.
        who: String,
    },
    /// An expectation was not met.
    Unmet {
        /// What it says ([`Scenario::expected`]): of two of one metric, which.
        what: String,
        /// In which way: too little is not too much, and neither is what nobody could measure.
        how: Verdict,
    },
    /// The event log says what cannot have happened.
    Impossible {
        /// The rule that it breaks.
        rule: String,
    },
    /// The program gave up.
    Panic {
        /// What it said, without its numbers.
        text: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breach {
                invariant,
                phase,
                way,
                who,
            } => {
                write!(f, "{} of {who} {phase}", invariant.name())?;
                match way.is_empty() {
                    true => Ok(()),
                    false => write!(f, ", {way}"),
                }
            }
            Self::Unmet { what, how } => {
                let how = match how {
                    Verdict::Held => "held",
                    Verdict::Below => "less",
                    Verdict::Above => "more",
                    Verdict::Broken => "broken",
                    Verdict::NotRun => "not measured",
                };
                write!(f, "expectation {what}: {how}")
            }
            Self::Impossible { rule } => write!(f, "impossible log: {rule}"),
            Self::Panic { text } => write!(f, "panic: {text}"),
        }
    }
}

/// A failure in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How it fails.
    pub failure: Failure,
    /// When that was noticed, if at a time.
    pub at: Option<Time>,
    /// What happened, for a person.
    pub text: String,
}

/// What a scenario expects at this index, as [`Failure::Unmet`] has it.
fn expected(scenario: &Scenario, index: usize) -> String {
    let one = scenario.expect.get(index);
    one.map_or_else(String::new, |one| scenario.expected(&one.check))
}

/// The expectations of a scenario of which a failure is none: they may go.
pub fn others(scenario: &Scenario, failure: &Failure) -> Vec<usize> {
    let all = 0..scenario.expect.len();
    all.filter(|index| match failure {
        Failure::Unmet { what, .. } => expected(scenario, *index) != *what,
        _ => true,
    })
    .collect()
}

/// How a run failed, in the order in which it was noticed; nothing where all was well.
pub fn failures(scenario: &Scenario, outcome: &Outcome) -> Vec<Found> {
    let mut breaches: Vec<_> = outcome.breaches.iter().collect();
    breaches.sort_by_key(|breach| breach.at);
    let breaches = breaches.into_iter().map(|breach| Found {
        failure: Failure::Breach {
            invariant: breach.invariant,
            phase: breach.phase,
            way: breach.way,
            who: breach.who.clone(),
        },
        at: Some(breach.at),
        text: breach.to_string(),
    });
    let verdicts = outcome.verdicts.iter().enumerate();
    // An invariant that was broken is a breach, which knows who saw it and in which way.
    let unmet =
        verdicts.filter(|(_, verdict)| !matches!(verdict.outcome, Verdict::Held | Verdict::Broken));
    let unmet = unmet.map(|(index, verdict)| Found {
        failure: Failure::Unmet {
            what: expected(scenario, index),
            how: verdict.outcome,
        },
        at: None,
        text: verdict.message.clone(),
    });
    let impossible = outcome.impossible.iter().map(|breach| Found {
        failure: Failure::Impossible {
            rule: breach.rule.to_string(),
        },
        at: None,
        text: breach.to_string(),
    });
    breaches.chain(unmet).chain(impossible).collect()
}

/// Runs a scenario with its seed, synthetic media and no traces. A panic is a failure like others; the outcome is then
/// none.
///
/// # Errors
///
/// [`SimulateError`]: the scenario cannot be run.
pub fn attempt(scenario: &Scenario) -> Result<(Option<Outcome>, Vec<Found>), SimulateError> {
    let options = Options {
        traces: false,
        ..Options::new(scenario.seed)
    };
    // Nothing is shared with what was unwound.
    match catch_unwind(AssertUnwindSafe(|| run(scenario, &options, |_| {}))) {
        Ok(outcome) => {
            let outcome = outcome?;
            let found = failures(scenario, &outcome);
            Ok((Some(outcome), found))
        }
        Err(payload) => {
            let said = payload.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| payload.downcast_ref::<&str>().copied());
            let said = said.unwrap_or("without a word");
            let text = said.chars().filter(|c| !c.is_ascii_digit()).take(200);
            let found = Found {
                failure: Failure::Panic {
                    text: text.collect(),
                },
                at: None,
                text: format!("panic: {said}"),
            };
            Ok((None, vec![found]))
        }
    }
}
