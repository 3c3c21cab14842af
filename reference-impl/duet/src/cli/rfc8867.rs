//! `duet simulate rfc8867`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use duet_sim::Seeds;
use indicatif::{ProgressBar, ProgressStyle};

use super::report::{write_page, write_plots};
use super::{Failure, cannot_write, ready_folder, say};
use crate::flows::controllers::{self, Entry};
use crate::flows::model;
use crate::report::Page;
use crate::rfc8867::bands::{self, Band, Judgement};
use crate::rfc8867::campaign::{Campaign, Outcome};
use crate::rfc8867::cases;
use crate::rfc8867::measure::METRICS;
use crate::rfc8867::page::page;
use crate::rfc8867::plan::Run;
use crate::rfc8867::table::{LEGEND, Row, rows, text, totals};
use crate::shell::{self, quoted};

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Video {
    Statistical,
    Trace,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet simulate rfc8867                                       everything that there is
  duet simulate rfc8867 --controller cubic --case 5.1         one controller, one case
  duet simulate rfc8867 --case 5 --seeds 1..5 --report DIR    a family of cases, five seeds, plots
  duet simulate rfc8867 --controller fixed --check fixed      exit code 1 if fixed misses a band
  duet simulate rfc8867 --list                                cases, controllers, metrics

Everything is 8,390 virtual seconds a controller, of which 2,280 are the cases of section 5 once more
with ECN, 1,285 the first variant of each with FQ-CoDel, and 1,285 with PIE. The cases are the
scenario files of sim/scenarios/rfc8867; what is good enough, and why: bands.toml there; what was
decided where the RFC leaves room: README.md there.")]
pub(crate) struct Arguments {
    /// A controller; several if given several times. All if none is
    #[arg(long, value_name = "NAME")]
    controller: Vec<String>,
    /// A case (5.1), a family (5), or a variant (5.1/rate-50ms); several if given several times. All if none is
    #[arg(long, value_name = "CASE")]
    case: Vec<String>,
    /// Seeds: one, or the first and the last. The table shows medians, plots the first
    #[arg(long, value_name = "FIRST..LAST", default_value = "1")]
    seeds: Seeds,
    /// So many runs at a time [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Where the sizes of pictures come from: RFC 8593's statistical model, or a recording of our own encoder
    #[arg(long, value_enum, default_value = "statistical")]
    video: Video,
    /// Bands from this file instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    bands: Option<PathBuf>,
    /// Exit with 1 if this controller, which must be among those that run, misses a band
    #[arg(long, value_name = "NAME")]
    check: Option<String>,
    /// Print one JSON object a run, with every metric
    #[arg(long)]
    json: bool,
    /// Write report.html, report.json and runs.jsonl to this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write each plot to this folder, as an SVG file of its own
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Print cases, controllers and metrics, and run nothing
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.list {
        return list();
    }
    let mut runs = runs(&arguments.case)?;
    for run in &mut runs {
        run.video = match arguments.video {
            Video::Statistical => model::Video::Statistical,
            Video::Trace => model::Video::Trace,
        };
    }
    let campaign = Campaign {
        runs,
        controllers: entries(&arguments.controller)?,
        seeds: arguments.seeds.iter().collect(),
        bands: bands(arguments.bands.as_deref())?,
        jobs: match arguments.jobs {
            Some(jobs) => jobs.get(),
            None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        },
        keep_series: arguments.report.is_some() || arguments.svg.is_some(),
    };
    if let Some(name) = &arguments.check
        && campaign.controllers.iter().all(|entry| entry.name != name)
    {
        let message = format!("--check {name}: that controller does not run");
        return Err(Failure::new(message).usage());
    }
    for folder in arguments.report.iter().chain(&arguments.svg) {
        ready_folder(folder)?;
    }
    let outcomes = go(&campaign)?;
    let judge = |id: &str, controller: &str, measures: &_| {
        let run = campaign.runs.iter().find(|run| run.id() == id);
        let mut entries = campaign.controllers.iter();
        let entry = entries.find(|entry| entry.name == controller);
        run.zip(entry).map_or(Vec::new(), |(run, entry)| {
            bands::judge(&campaign.bands, run, entry, measures)
        })
    };
    let rows = rows(&outcomes, judge);
    if campaign.keep_series {
        let page = page(&campaign, &outcomes, &rows, &command(arguments));
        if let Some(folder) = &arguments.report {
            write(folder, &page, &outcomes)?;
        }
        if let Some(folder) = &arguments.svg {
            write_plots(folder, &page)?;
        }
    }
    if arguments.json {
        outcomes
            .iter()
            .try_for_each(|outcome| say(line(outcome)?))?;
    } else {
        let title = |id: &str| {
            let run = campaign.runs.iter().find(|run| run.id() == id);
            run.map_or(String::new(), |run| run.title.clone())
        };
        say(text(&rows, title))?;
        say(LEGEND)?;
        for (name, passed, of) in totals(&rows) {
            say(format!("  {name:<8} {passed} of {of} bands"))?;
        }
        if let Some(folder) = &arguments.report {
            say(format!(
                "  report in {}",
                folder.join("report.html").display()
            ))?;
        }
    }
    check(arguments.check.as_deref(), &rows)
}

/// What a shell takes to run the same again.
fn command(arguments: &Arguments) -> String {
    let mut words = vec!["duet simulate rfc8867".to_owned()];
    words.extend(
        arguments
            .controller
            .iter()
            .map(|name| format!("--controller {}", quoted(name))),
    );
    words.extend(
        arguments
            .case
            .iter()
            .map(|case| format!("--case {}", quoted(case))),
    );
    words.push(format!("--seeds {}", arguments.seeds));
    if let Video::Trace = arguments.video {
        words.push("--video trace".into());
    }
    if let Some(path) = &arguments.bands {
        words.push(format!("--bands {}", shell::path(path)));
    }
    words.join(" ")
}

fn go(campaign: &Campaign) -> Result<Vec<Outcome>, Failure> {
    let bar = ProgressBar::new(campaign.seconds());
    let template = "{bar:30} {msg}, {elapsed} of about {duration}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let count = campaign.runs.len() * campaign.controllers.len() * campaign.seeds.len();
    let ended = AtomicU64::new(0);
    let outcomes = campaign.go(|progress| {
        bar.inc(progress.seconds);
        if progress.ended {
            let ended = ended.fetch_add(1, Ordering::Relaxed) + 1;
            bar.set_message(format!("{ended} of {count} runs"));
        }
    });
    bar.finish_and_clear();
    outcomes.map_err(|error| Failure::new(error.to_string()))
}

fn runs(wanted: &[String]) -> Result<Vec<Run>, Failure> {
    let all = cases::all();
    if let Some(unknown) = wanted
        .iter()
        .find(|case| all.iter().all(|run| !run.is_meant(case)))
    {
        return Err(Failure::new(format!("there is no case {unknown}"))
            .help("`duet simulate rfc8867 --list` names them")
            .usage());
    }
    let meant = |run: &Run| wanted.is_empty() || wanted.iter().any(|case| run.is_meant(case));
    Ok(all.into_iter().filter(meant).collect())
}

fn entries(wanted: &[String]) -> Result<Vec<Entry>, Failure> {
    if wanted.is_empty() {
        return Ok(controllers::all());
    }
    let entry = |name: &String| {
        let names: Vec<&str> = controllers::all().iter().map(|entry| entry.name).collect();
        controllers::named(name).ok_or_else(|| {
            let failure = Failure::new(format!("there is no controller {name}"));
            let help = match name.as_str() {
                "gcc" => "build with `--features gcc` to have it".to_owned(),
                _ => format!("there are {}", names.join(", ")),
            };
            failure.help(help).usage()
        })
    };
    wanted.iter().map(entry).collect()
}

fn bands(path: Option<&Path>) -> Result<Vec<Band>, Failure> {
    let text = match path {
        None => bands::FILE.to_owned(),
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("cannot read {}: {error}", path.display())).usage()
        })?,
    };
    bands::parse(&text).map_err(|error| {
        let name = path.map_or("bands.toml".into(), |path| path.display().to_string());
        Failure::new(format!("{name}: {error}")).usage()
    })
}

fn line(outcome: &Outcome) -> Result<String, Failure> {
    serde_json::to_string(outcome).map_err(|error| Failure::new(format!("the outcome: {error}")))
}

fn write(folder: &Path, page: &Page, outcomes: &[Outcome]) -> Result<(), Failure> {
    write_page(folder, page)?;
    let lines: Result<Vec<String>, Failure> = outcomes.iter().map(line).collect();
    let path = folder.join("runs.jsonl");
    std::fs::write(&path, lines?.join("\n") + "\n").map_err(|error| cannot_write(&path, &error))
}

fn check(name: Option<&str>, rows: &[Row]) -> Result<(), Failure> {
    let Some(name) = name else { return Ok(()) };
    let checked = rows.iter().filter(|row| row.controller == name);
    let missed = checked.flat_map(|row| {
        let failing = row
            .verdicts
            .iter()
            .filter(|verdict| verdict.judgement == Judgement::Fail);
        failing.map(|verdict| format!("{} {}", row.id, verdict.metric))
    });
    let missed: Vec<String> = missed.collect();
    match missed.as_slice() {
        [] => Ok(()),
        some => {
            let message = format!("{name} misses {}: {}", some.len(), some.join(", "));
            Err(Failure::new(message))
        }
    }
}

fn list() -> Result<(), Failure> {
    say("Cases")?;
    for run in cases::all() {
        say(format!(
            "  {:<24} {:>4} s  {}",
            run.id(),
            run.duration,
            run.title
        ))?;
    }
    say("\nControllers")?;
    for entry in controllers::all() {
        say(format!("  {:<12} {}", entry.name, entry.about))?;
    }
    say("\nMetrics")?;
    for metric in METRICS {
        say(format!(
            "  {:<18} {:<6} {}",
            metric.name, metric.unit, metric.about
        ))?;
    }
    Ok(())
}
