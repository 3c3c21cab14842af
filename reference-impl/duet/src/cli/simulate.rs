//! `duet simulate`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use duet_sim::{Scenario, ScenarioError};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::report::write_plots;
use super::talk::Media;
use super::{Failure, cannot_write, runtime, say};
use crate::report::{Extras, ON_TIME_MS, html, page};
use crate::simulate::{Options, Outcome, SimulateError, run as run_scenario};
use crate::study;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet simulate sim/scenarios/first-call.toml
  duet simulate sim/scenarios/first-call.toml --seed 7 --media synthetic --json
  duet simulate sim/scenarios/first-call.toml --report target/report")]
pub(crate) struct Arguments {
    /// The scenario's file
    scenario: PathBuf,
    /// Instead of the scenario's seed
    #[arg(long)]
    seed: Option<u64>,
    /// Real codecs, or packets of their shape
    #[arg(long, value_enum, default_value = "gstreamer")]
    media: Media,
    /// Write report.html, report.json, the traces, the event log and the callee's recording to this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write each plot to this folder, as an SVG file of its own
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Let the call last so long instead, for a quick look
    #[arg(long, value_name = "SECONDS")]
    length: Option<u64>,
    /// Find out as well what repair is worth here: synthetic media, calls of 60 s, seeds 1 to 5, with it and without
    #[arg(long)]
    repair_study: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.scenario;
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read {}: {error}", path.display()))
            .help("sim/scenarios/ holds some to begin with")
            .usage()
    })?;
    let mut scenario = Scenario::parse(&text, &path.display().to_string())
        .map_err(|error| wrong_scenario(&error))?;
    if let Some(seconds) = arguments.length {
        study::set_length(&mut scenario, Duration::from_secs(seconds));
    }
    let seed = arguments.seed.unwrap_or(scenario.seed);
    if let Some(folder) = &arguments.report {
        std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    }
    let recording = arguments
        .report
        .as_ref()
        .map(|folder| folder.join("callee.mp4"));
    clean_up_on_ctrl_c(recording.clone());
    let bar = ProgressBar::new(scenario.duration.as_millis() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg} {elapsed}") {
        bar.set_style(style);
    }
    let progress = |at: Duration| {
        bar.set_position(at.as_millis() as u64);
        bar.set_message(format!("{:.1} s of virtual time", at.as_secs_f64()));
    };
    let options = Options {
        media: arguments.media.into(),
        recording: recording.as_deref(),
        ..Options::new(seed)
    };
    let mut outcome =
        run_scenario(&scenario, &options, progress).map_err(|error| match &error {
            SimulateError::Scenario(error) => wrong_scenario(error),
            SimulateError::Setup(_) => Failure::new(error.to_string()),
        })?;
    bar.finish_and_clear();
    if let Some(seconds) = arguments.length {
        outcome.report.options = format!("--length {seconds}");
    }
    if arguments.repair_study {
        let bar = ProgressBar::new_spinner();
        let note = |seed| {
            bar.set_message(format!("what repair is worth: seed {seed} of 5"));
            bar.tick();
        };
        let length = Duration::from_secs(60);
        outcome.report.study = study::repair(&scenario, length, 1..=5, note)
            .map_err(|error| Failure::new(error.to_string()))?;
        bar.finish_and_clear();
    }
    if let Some(folder) = &arguments.report {
        write(folder, &outcome)?;
    }
    if let Some(folder) = &arguments.svg {
        write_plots(folder, &page(&outcome.report, &Extras::default()))?;
    }
    tell(arguments, &outcome)?;
    match outcome
        .report
        .sides
        .iter()
        .find_map(|side| side.failure.as_ref())
    {
        Some(failure) => Err(Failure::new(failure.clone())),
        None => Ok(()),
    }
}

/// Ctrl-C leaves no half of a recording behind. A run has no other loop that would hear of it.
fn clean_up_on_ctrl_c(recording: Option<PathBuf>) {
    std::thread::spawn(move || {
        let Ok(runtime) = runtime() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            if let Some(path) = recording {
                // There may be none yet.
                let _ = std::fs::remove_file(path);
            }
            eprintln!("stopped");
            std::process::exit(130);
        }
    });
}

/// The error shows the place itself; it begins as every error of this program does.
fn wrong_scenario(error: &ScenarioError) -> Failure {
    let text = error.to_string();
    Failure::new(text.strip_prefix("error: ").unwrap_or(&text)).usage()
}

fn write(folder: &Path, outcome: &Outcome) -> Result<(), Failure> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| cannot_write(&path, &error))
    };
    let report = serde_json::to_string_pretty(&outcome.report)
        .map_err(|error| Failure::new(format!("the report: {error}")))?;
    put("report.json", report.as_bytes())?;
    put(
        "report.html",
        html(&page(&outcome.report, &Extras::load(folder))).as_bytes(),
    )?;
    put("events.log", outcome.log.text().as_bytes())?;
    outcome
        .traces
        .iter()
        .try_for_each(|(name, trace)| put(name, trace))
}

fn tell(arguments: &Arguments, outcome: &Outcome) -> Result<(), Failure> {
    let report = &outcome.report;
    if arguments.json {
        let sides = report.sides.iter().map(|side| {
            json!({
                "name": side.name,
                "pictures": side.pictures.len(),
                "on_time": side.on_time(ON_TIME_MS),
                "reason": side.reason,
            })
        });
        let sides: Vec<_> = sides.collect();
        return say(json!({
            "scenario": report.scenario, "seed": report.seed, "media": report.media,
            "log_hash": report.log_hash, "sides": sides, "study": report.study,
        }));
    }
    say(format!(
        "{} (seed {}, {} media): {}",
        report.scenario, report.seed, report.media, report.description
    ))?;
    for side in &report.sides {
        say(format!(
            "  {} saw {:.1} % of {}'s {} pictures whole within {} ms of capture; {} packets repaired; ended: {}",
            side.name,
            100.0 * side.on_time(ON_TIME_MS),
            side.peer,
            side.pictures.len(),
            ON_TIME_MS,
            side.hop.repaired,
            side.reason.as_deref().unwrap_or("not yet"),
        ))?;
    }
    for row in &report.study {
        say(format!(
            "  seed {}: {:.1} % whole in time with repair, {:.1} % without",
            row.seed,
            100.0 * row.with,
            100.0 * row.without
        ))?;
    }
    say(format!("  event log {}", report.log_hash))?;
    if let Some(folder) = &arguments.report {
        say(format!(
            "  report in {}",
            folder.join("report.html").display()
        ))?;
    }
    Ok(())
}
