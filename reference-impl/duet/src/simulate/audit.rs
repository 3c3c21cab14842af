//! The independent verifier, over every run's event log.

use duet_sim::verify::{Breach, Verifier};
use duet_sim::{EventLog, Scenario};

/// What in the log of a scenario's run cannot have happened.
pub(crate) fn check(scenario: &Scenario, log: &EventLog) -> Vec<Breach> {
    #[cfg(test)]
    let log = &tests::planted(log);
    Verifier::of(scenario).check(log)
}

/// What to tell of it: the first, how many there are, whose fault it is, and what to do. `None` where all is well.
pub(crate) fn tell(breaches: &[Breach]) -> Option<String> {
    let (first, more) = breaches.split_first()?;
    let more = match more.len() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    Some(format!(
        "the event log says what cannot have happened: {first}{more}; that is a defect of the simulator, not of what ran \
         in it, and the figures of this run are not to be trusted: please report it with the scenario and the seed"
    ))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::time::Duration;

    use duet_sim::{Fate, Record, Time};

    use super::*;
    use crate::failure::{Failure, failures};
    use crate::simulate::{Options, RunLine, run};

    thread_local! {
        /// Whether a wrong record is planted in the logs of this thread's runs.
        static PLANT: Cell<bool> = const { Cell::new(false) };
    }

    /// The log, in which packet 100 of the first link that has one arrives before it is sent.
    pub(super) fn planted(log: &EventLog) -> EventLog {
        let mut planted = EventLog::new();
        let mut ids = BTreeMap::new();
        let mut left = PLANT.get();
        for record in log.records() {
            match record {
                Record::Packet { link, journey } => {
                    let name = log.link_name(*link);
                    let id = *ids.entry(name).or_insert_with(|| planted.add_link(name));
                    let mut journey = *journey;
                    if left && journey.number == 100 {
                        journey.fate = Fate::Delivered { at: Time::ZERO };
                        left = false;
                    }
                    planted.packet(id, journey);
                }
                Record::Note { at, text } => planted.note(*at, text),
                Record::Dropped { .. } => {}
            }
        }
        planted
    }

    const FILE: &str = include_str!("../../../../sim/scenarios/first-call.toml");

    #[test]
    fn a_record_that_cannot_be_fails_the_run() {
        let mut scenario = Scenario::parse(FILE, "first-call.toml").expect("a scenario");
        crate::study::set_length(&mut scenario, Duration::from_secs(2));
        let outcome = || run(&scenario, &Options::new(7), |_| {}).expect("a run");
        let good = outcome();
        assert_eq!(good.impossible, []);
        assert_eq!(RunLine::new(&scenario, &good).failure, None);
        PLANT.set(true);
        let bad = outcome();
        let found = failures(&scenario, &bad);
        let impossible = |failure: &Failure| matches!(failure, Failure::Impossible { .. });
        assert!(found.iter().any(|found| impossible(&found.failure)));
        let line = RunLine::new(&scenario, &bad);
        assert!(!line.ok && line.faults().count() > 0);
        let told = line.failure.expect("a failure");
        for words in [
            "early",
            ">",
            " 100 arrives at 0",
            "a defect of the simulator",
        ] {
            assert!(told.contains(words), "{words} in {told}");
        }
    }
}
