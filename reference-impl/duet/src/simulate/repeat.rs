//! A run compared with its repetition.

use std::fmt;
use std::time::Duration;

use duet_sim::Scenario;

use super::{Options, Outcome, SimulateError, run};

/// Lines before the first difference that are shown.
const CONTEXT: usize = 5;

/// The first event in which two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// In what: `the event log`, `alice.sqlog`, `the captured packets`.
    pub place: String,
    /// The number of the event there, from 0.
    pub index: usize,
    /// The events before it, which are the same.
    pub before: Vec<String>,
    /// The event in the first run; none where that has ended.
    pub first: Option<String>,
    /// The event in the second.
    pub second: Option<String>,
}

/// Why there is no [`Outcome`] of two runs.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    /// There is none of one.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// They differ.
    #[error("{0}")]
    Divergence(Box<Divergence>),
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, index, .. } = self;
        write!(
            f,
            "two runs with one seed differ in {place}, at event {index}"
        )?;
        for line in &self.before {
            write!(f, "\n         {line}")?;
        }
        for (name, line) in [("first ", &self.first), ("second", &self.second)] {
            let line = line.as_deref().unwrap_or("(it has ended)");
            write!(f, "\n  {name} {line}")?;
        }
        Ok(())
    }
}

/// Runs a scenario twice; what came of the first run, if the second was the same: event by event, and, where they were
/// asked for, frame by frame. With `deterministic_bytes` and `capture`, byte by byte.
///
/// # Errors
///
/// [`RepeatError`]: the scenario cannot be run, or its runs differ.
pub fn repeat(
    scenario: &Scenario,
    options: &Options<'_>,
    mut progress: impl FnMut(Duration),
) -> Result<Outcome, RepeatError> {
    let first = run(scenario, options, &mut progress)?;
    let second = run(scenario, options, &mut progress)?;
    #[cfg(feature = "deterministic")]
    let bytes = options.deterministic_bytes;
    #[cfg(not(feature = "deterministic"))]
    let bytes = false;
    match difference(&first, &second, bytes) {
        None => Ok(first),
        Some(found) => Err(RepeatError::Divergence(Box::new(found))),
    }
}

/// The first difference between two runs; `bytes` says whether that of captured packets counts.
pub fn difference(first: &Outcome, second: &Outcome, bytes: bool) -> Option<Divergence> {
    if let Some((index, one, other)) = first.log.first_difference(&second.log) {
        let before = index.saturating_sub(CONTEXT);
        return Some(Divergence {
            place: "the event log".to_owned(),
            index,
            before: first
                .log
                .lines()
                .skip(before)
                .take(index - before)
                .collect(),
            first: one,
            second: other,
        });
    }
    for ((name, one), (_, other)) in first.traces.iter().zip(&second.traces) {
        let lines = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(bytes);
            text.lines()
                .map(|line| line.replace('\u{1e}', ""))
                .collect()
        };
        if one != other {
            return in_lines(name, &lines(one), &lines(other));
        }
    }
    let told = |outcome: &Outcome| -> Vec<String> {
        let breaches = outcome.breaches.iter().map(ToString::to_string);
        let verdicts = outcome
            .verdicts
            .iter()
            .map(|verdict| verdict.message.clone());
        breaches.chain(verdicts).collect()
    };
    if let Some(found) = in_lines("what was judged", &told(first), &told(second)) {
        return Some(found);
    }
    if !bytes {
        return None;
    }
    let packets = |outcome: &Outcome| -> Vec<String> {
        let captured = outcome.captured.iter();
        captured
            .map(|one| {
                let link = outcome.log.link_name(one.link);
                let (at, number) = (one.at.as_nanos(), one.number);
                format!("{at} {link} {number} {:?}", one.packet)
            })
            .collect()
    };
    in_lines("the captured packets", &packets(first), &packets(second))
}

fn in_lines(place: &str, one: &[String], other: &[String]) -> Option<Divergence> {
    let most = one.len().max(other.len());
    let index = (0..most).find(|index| one.get(*index) != other.get(*index))?;
    Some(Divergence {
        place: place.to_owned(),
        index,
        before: one[index.saturating_sub(CONTEXT)..index].to_vec(),
        first: one.get(index).cloned(),
        second: other.get(index).cloned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENARIO: &str = r#"
        name = "two"
        duration = "3 s"
        [[node]]
        name = "server"
        role = "server"
        [[node]]
        name = "alice"
        role = "client"
        [[link]]
        from = "alice"
        to = "server"
        delay = "10 ms"
        loss = "20 %"
        "#;

    fn scenario() -> Scenario {
        Scenario::parse(SCENARIO, "two.toml").expect("a scenario")
    }

    #[test]
    fn a_run_is_like_its_repetition() {
        let outcome = repeat(&scenario(), &Options::new(1), |_| {});
        assert!(outcome.is_ok(), "{:?}", outcome.err());
    }

    #[test]
    fn the_first_event_that_differs_is_named() {
        let one = run(&scenario(), &Options::new(1), |_| {}).expect("a run");
        let other = run(&scenario(), &Options::new(2), |_| {}).expect("a run");
        let found = difference(&one, &other, false).expect("other losses");
        let lines: Vec<String> = one.log.lines().collect();
        assert_eq!(found.place, "the event log");
        assert_eq!(found.first.as_ref(), lines.get(found.index));
        assert_eq!(
            found.before,
            lines[found.index.saturating_sub(5)..found.index]
        );
        assert_eq!(found.second, other.log.lines().nth(found.index));
        assert!(
            found
                .to_string()
                .contains("differ in the event log, at event")
        );
    }

    #[test]
    fn a_run_that_goes_on_differs_from_one_that_has_ended() {
        let mut longer = scenario();
        longer.duration = Duration::from_secs(9);
        let one = run(&scenario(), &Options::new(1), |_| {}).expect("a run");
        let other = run(&longer, &Options::new(1), |_| {}).expect("a run");
        let found = difference(&one, &other, false).expect("a longer log");
        assert_eq!(found.index, one.log.records().len());
        assert!(found.first.is_none() && found.second.is_some());
        assert!(
            found.to_string().contains("first  (it has ended)"),
            "{found}"
        );
    }
}
