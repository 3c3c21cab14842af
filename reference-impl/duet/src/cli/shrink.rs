//! `duet simulate shrink`.

use std::path::{Path, PathBuf};

use clap::Args;
use duet_sim::Scenario;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::simulate::{capture, read, title};
use super::swarm::quietly;
use super::{Failure, cannot_write, ready_file, say};
use crate::failure::failures;
use crate::report::{Extras, html, page};
use crate::shell;
use crate::shrink::{BUDGET, Progress, ShrinkError, Shrunk, Size, Trial, drawing, shrink};
use crate::simulate::{Options, SimulateError, run as run_scenario};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet simulate shrink swarm-failures/17.toml
  duet simulate shrink swarm-failures/17.toml --failure message.once --out sim/scenarios/regressions/twice.toml

What is in sim/scenarios/regressions/ is run by the tests. Beside the scenario lie the run as a sequence diagram (.txt), as a
page (.html) and as a capture for Wireshark (.pcapng).")]
pub(crate) struct Arguments {
    /// A scenario's file that fails
    scenario: PathBuf,
    /// Of several failures, the first whose name contains this
    #[arg(long, value_name = "NAME", default_value = "")]
    failure: String,
    /// Where the smaller scenario goes [default: beside the first, with `-shrunk` in its name]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Runs at most
    #[arg(long, value_name = "RUNS", default_value_t = BUDGET)]
    budget: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.scenario;
    let scenario = read(path)?.expand().swap_remove(0).scenario;
    let out = arguments.out.clone().unwrap_or_else(|| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!("{stem}-shrunk.toml"))
    });
    ready_file(&out)?;
    let bar = ProgressBar::new(arguments.budget);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} runs, {msg}") {
        bar.set_style(style);
    }
    bar.set_message(Size::of(&scenario).to_string());
    let mut progress = |at: &Progress| {
        bar.set_position(at.runs);
        bar.set_message(at.size.to_string());
    };
    let shrunk = quietly(|| {
        let (wanted, budget) = (&arguments.failure, arguments.budget);
        shrink(&scenario, wanted, budget, &mut Trial::of, &mut progress)
    });
    bar.finish_and_clear();
    let shrunk = shrunk.map_err(|error| match error {
        ShrinkError::Simulate(SimulateError::Scenario(error)) => {
            super::simulate::wrong_scenario(&error)
        }
        error => Failure::new(error.to_string()),
    })?;
    let beside = write(path, &out, &shrunk)?;
    tell(arguments, &scenario, &out, &shrunk, &beside)
}

/// The scenario, with what it is for above it; its run as a diagram, a page and a capture, which are named.
fn write(from: &Path, out: &Path, shrunk: &Shrunk) -> Result<Vec<PathBuf>, Failure> {
    let Shrunk {
        scenario,
        failure,
        found,
        ..
    } = shrunk;
    let put = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|error| cannot_write(path, &error))
    };
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let told = found.text.replace('\n', " ");
    let head = format!(
        "# Made of {name} by `duet simulate shrink`. It failed: {failure}.\n#\n#   {told}\n\n"
    );
    put(out, &(head + &scenario.to_toml()))?;
    let options = Options {
        capture: true,
        ..Options::new(scenario.seed)
    };
    // One that ends in a panic has no more to show.
    let outcome = quietly(|| {
        let run = || run_scenario(scenario, &options, |_| {});
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
    });
    let Ok(outcome) = outcome else {
        return Ok(Vec::new());
    };
    let outcome = outcome.map_err(|error| Failure::new(error.to_string()))?;
    let all = failures(scenario, &outcome);
    let found = all.iter().find(|one| one.failure == *failure);
    let found = found.ok_or_else(|| {
        Failure::new("the smaller scenario does not fail again: the run is not deterministic")
            .help("`duet simulate FILE --twice` names the first event that differs")
    })?;
    let beside = ["txt", "html", "pcapng"].map(|kind| out.with_extension(kind));
    let [diagram, page_file, packets] = &beside;
    put(diagram, &drawing(scenario, &outcome, found).ascii())?;
    let page = page(&outcome.report, &Extras::default());
    put(page_file, &html(&page))?;
    let comment = format!("{}. {failure}: {}", title(scenario), found.text);
    capture(packets, &comment, &outcome)?;
    Ok(beside.into())
}

fn tell(
    arguments: &Arguments,
    before: &Scenario,
    out: &Path,
    shrunk: &Shrunk,
    beside: &[PathBuf],
) -> Result<(), Failure> {
    let Shrunk {
        scenario,
        failure,
        found,
        runs,
        exhausted,
    } = shrunk;
    let replay = format!("duet simulate {} --media synthetic", shell::path(out));
    if arguments.json {
        let size = |scenario: &Scenario| {
            let size = Size::of(scenario);
            json!({
                "clients": size.clients, "others": size.others, "flows": size.flows,
                "faults": size.faults, "drops": size.drops, "steps": size.steps,
                "duration_ms": scenario.duration.as_millis() as u64,
            })
        };
        return say(json!({
            "failure": failure.to_string(), "text": found.text,
            "at_ms": found.at.map(|at| at.as_micros() / 1_000),
            "runs": runs, "exhausted": exhausted,
            "before": size(before), "after": size(scenario),
            "scenario": out.display().to_string(),
            "beside": beside.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "replay": replay,
        }));
    }
    say(format!("{failure}: {}", found.text))?;
    say(format!(
        "  before: {}, {:?}",
        Size::of(before),
        before.duration
    ))?;
    say(format!(
        "  after:  {}, {:?}",
        Size::of(scenario),
        scenario.duration
    ))?;
    if *exhausted {
        say(format!(
            "  all {runs} runs are used up: more may go with a larger --budget"
        ))?;
    } else {
        say(format!("  nothing more can go; {runs} runs"))?;
    }
    say(format!("  written: {}", out.display()))?;
    for path in beside {
        say(format!("           {}", path.display()))?;
    }
    say(format!("  again: {replay}"))
}
