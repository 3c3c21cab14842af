//! `duet simulate swarm`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use duet_sim::Seeds;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Failure, cannot_write, say};
use crate::failure::{Found, attempt};
use crate::invariants::Tally;
use crate::shell;
use crate::simulate::{in_parallel, processors};
use crate::swarm;

/// Failures that are printed in full; the others are counted.
const MOST_FAILURES: usize = 10;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet simulate swarm --seeds 1..1000 --out target/swarm
  duet simulate swarm --seeds 17 --json

Each seed is a network, faults and steps of its own; invariants are judged all along, and once more after everything is
healed. Exit code 1 where one did not hold: the scenario is then in DIR, to be run again or made smaller.")]
pub(crate) struct Arguments {
    /// Which scenarios
    #[arg(long, value_name = "FIRST..LAST", default_value = "1..50")]
    seeds: Seeds,
    /// So many at a time [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Where scenarios are written that fail
    #[arg(long, value_name = "DIR", default_value = "swarm-failures")]
    out: PathBuf,
    /// Print one JSON object for each run
    #[arg(long)]
    json: bool,
}

/// What came of a seed.
struct Line {
    seed: u64,
    log_hash: String,
    tally: Tally,
    skipped: usize,
    found: Vec<Found>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let seeds: Vec<u64> = arguments.seeds.iter().collect();
    let bar = ProgressBar::new(seeds.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} runs {msg} {eta}") {
        bar.set_style(style);
    }
    bar.tick();
    let mut failed = 0;
    let mut wrong = None;
    let jobs = arguments.jobs.unwrap_or_else(processors);
    let lines = quietly(|| {
        in_parallel(jobs, &seeds, one, |_, line| {
            bar.inc(1);
            let told = line.as_ref().map_err(|text| Failure::new(text.clone()));
            let told = told.and_then(|line| {
                if !line.found.is_empty() {
                    failed += 1;
                    bar.set_message(format!("({failed} failed)"));
                    write(&arguments.out, line.seed)?;
                }
                match arguments.json {
                    true => say(in_json(line, &arguments.out)),
                    false => Ok(()),
                }
            });
            wrong = told.err();
            wrong.is_none()
        })
    });
    bar.finish_and_clear();
    if let Some(failure) = wrong {
        return Err(failure);
    }
    let lines: Vec<Line> = lines.into_iter().flatten().collect();
    if !arguments.json {
        summary(&lines)?;
    }
    verdict(&lines, &arguments.out)
}

/// Without what a panic prints: it is a result like others.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = work();
    std::panic::set_hook(before);
    result
}

fn one(seed: &u64) -> Result<Line, String> {
    let scenario = swarm::scenario(*seed);
    let (outcome, found) =
        attempt(&scenario).map_err(|error| format!("the scenario of seed {seed}: {error}"))?;
    Ok(Line {
        seed: *seed,
        log_hash: outcome
            .as_ref()
            .map(|one| one.log.hash())
            .unwrap_or_default(),
        tally: outcome.as_ref().map(|one| one.tally).unwrap_or_default(),
        skipped: outcome.map_or(0, |one| one.skipped.len()),
        found,
    })
}

fn file(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("{seed}.toml"))
}

fn write(folder: &Path, seed: u64) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    let path = file(folder, seed);
    let text = swarm::scenario(seed).to_toml();
    std::fs::write(&path, text).map_err(|error| cannot_write(&path, &error))
}

fn replay(path: &Path) -> String {
    format!("duet simulate {} --media synthetic", shell::path(path))
}

fn in_json(line: &Line, folder: &Path) -> serde_json::Value {
    let found = line.found.iter().map(|found| {
        json!({
            "failure": found.failure.to_string(),
            "at_ms": found.at.map(|at| at.as_micros() / 1_000),
            "text": found.text,
        })
    });
    let tally = Tally::ALL.iter();
    let tally = tally.map(|(name, _)| ((*name).to_owned(), json!(line.tally.named(name))));
    let mut value = json!({
        "seed": line.seed,
        "ok": line.found.is_empty(),
        "log_hash": line.log_hash,
        "failures": found.collect::<Vec<_>>(),
        "tally": serde_json::Map::from_iter(tally),
        "skipped": line.skipped,
    });
    if !line.found.is_empty() {
        let path = file(folder, line.seed);
        value["scenario"] = json!(path.display().to_string());
        value["replay"] = json!(replay(&path));
    }
    value
}

/// How much was done: runs in which nothing happens break nothing.
fn summary(lines: &[Line]) -> Result<(), Failure> {
    let failed = lines.iter().filter(|line| !line.found.is_empty()).count();
    say(format!("{} runs, {failed} failed", lines.len()))?;
    for (name, meaning) in Tally::ALL {
        let all = lines.iter().filter_map(|line| line.tally.named(name));
        say(format!("  {:>8}  {}", all.sum::<usize>(), meaning.trim()))?;
    }
    let skipped: usize = lines.iter().map(|line| line.skipped).sum();
    say(format!(
        "  {skipped:>8}  Steps that could not be done when they were due"
    ))
}

fn verdict(lines: &[Line], folder: &Path) -> Result<(), Failure> {
    let failed: Vec<&Line> = lines.iter().filter(|line| !line.found.is_empty()).collect();
    let Some(first) = failed.first() else {
        return Ok(());
    };
    let mut text = format!("{} of {} runs failed", failed.len(), lines.len());
    for line in failed.iter().take(MOST_FAILURES) {
        for found in &line.found {
            text.push_str(&format!("\n       seed {}: {}", line.seed, found.text));
        }
        text.push_str(&format!(
            "\n         again: {}",
            replay(&file(folder, line.seed))
        ));
    }
    if failed.len() > MOST_FAILURES {
        let more = failed.len() - MOST_FAILURES;
        text.push_str(&format!("\n       and {more} more"));
    }
    let path = file(folder, first.seed);
    Err(Failure::new(text).help(format!("duet simulate shrink {}", shell::path(&path))))
}
