//! What repair is worth: the same scenario over several seeds, with repair and without.

use std::time::Duration;

use duet_sim::Scenario;

use crate::report::{ON_TIME_MS, Report, StudyRow};
use crate::simulate::{Options, SimulateError, run};

/// Runs the scenario with synthetic media and a call of `length`, twice for each seed.
///
/// # Errors
///
/// [`SimulateError`]: the scenario asks for what cannot be.
pub fn repair(
    scenario: &Scenario,
    length: Duration,
    seeds: impl IntoIterator<Item = u64>,
    mut progress: impl FnMut(u64),
) -> Result<Vec<StudyRow>, SimulateError> {
    let mut rows = Vec::new();
    for seed in seeds {
        progress(seed);
        let share = |repair: bool| {
            let mut scenario = scenario.clone();
            set_length(&mut scenario, length);
            scenario.media.insert("repair".into(), repair.into());
            let report = run(&scenario, &Options::new(seed), |_| {})?.report;
            let pictures = report
                .sides
                .iter()
                .map(|side| side.pictures.len() as u64)
                .sum();
            Ok::<_, SimulateError>((worst(&report), pictures))
        };
        let (with, pictures) = share(true)?;
        let (without, _) = share(false)?;
        rows.push(StudyRow {
            seed,
            pictures,
            with,
            without,
        });
    }
    Ok(rows)
}

/// Lets a scenario's call last so long, and the run two seconds more.
pub fn set_length(scenario: &mut Scenario, length: Duration) {
    scenario.duration = length + Duration::from_secs(2);
    if let Some(call) = scenario
        .script
        .get_mut("call")
        .and_then(toml::Value::as_table_mut)
    {
        call.insert("length".into(), format!("{} ms", length.as_millis()).into());
    }
}

/// The share of pictures whole in time, on the side where it is smaller.
fn worst(report: &Report) -> f64 {
    report
        .sides
        .iter()
        .map(|side| side.on_time(ON_TIME_MS))
        .fold(1.0, f64::min)
}
