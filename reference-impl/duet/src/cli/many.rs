//! `duet simulate` over many seeds and parameters.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use duet_sim::Scenario;
use indicatif::{ProgressBar, ProgressStyle};

use super::report::{write_page, write_plots};
use super::simulate::{RunArguments, clean_up_on_ctrl_c, heed_ctrl_c, replay};
use super::talk::Media;
use super::{Failure, cannot_write, say};
use crate::report::runs;
use crate::shell;
use crate::simulate::{RunLine, in_parallel, processors, run_line};

/// Metrics that are printed at most.
const MOST_LINES: usize = 40;

/// Failures that are printed in full; the others are counted.
const MOST_FAILURES: usize = 10;

pub(crate) fn run(
    path: &Path,
    variants: &[Scenario],
    arguments: &RunArguments,
) -> Result<(), Failure> {
    // Where there is a report to come, it is of what was run until then.
    let reports = arguments.report.is_some() || arguments.svg.is_some();
    let stopped = match reports {
        true => heed_ctrl_c(),
        false => {
            clean_up_on_ctrl_c(None);
            Arc::default()
        }
    };
    let media = arguments.media.unwrap_or(Media::Synthetic);
    let bar = ProgressBar::new(variants.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} runs {msg} {eta}") {
        bar.set_style(style);
    }
    bar.tick();
    let jobs = arguments.jobs.unwrap_or_else(processors);
    let mut failed = 0;
    let mut wrong = None;
    let work = |scenario: &Scenario| {
        let mut line = run_line(scenario, media.into());
        line.replay = replay(path, scenario, media, arguments);
        line
    };
    let lines = in_parallel(jobs, variants, work, |_, line: &RunLine| {
        bar.inc(1);
        if !line.ok {
            failed += 1;
            bar.set_message(format!("({failed} failed)"));
        }
        if arguments.json {
            let told = serde_json::to_string(line)
                .map_err(|error| Failure::new(format!("the result: {error}")))
                .and_then(say);
            if let Err(failure) = told {
                wrong = Some(failure);
                return false;
            }
        }
        !stopped.load(Ordering::Relaxed)
    });
    bar.finish_and_clear();
    if let Some(failure) = wrong {
        return Err(failure);
    }
    let first = variants.first();
    let (name, lead) = first.map_or(("", ""), |one| (&*one.name, &*one.description));
    if !arguments.json {
        summary(name, &lines)?;
    }
    let page = || {
        // Not all that a shell hands on is UTF-8.
        let words = std::env::args_os().skip(1);
        let words = words.map(|word| shell::quoted(&word.to_string_lossy()));
        let command: Vec<String> = core::iter::once("duet".to_owned()).chain(words).collect();
        let command = command.join(" ");
        runs::page(name, lead, &command, &lines)
    };
    if let Some(folder) = &arguments.report {
        write(folder, &lines, &page())?;
        if !arguments.json {
            say(format!(
                "  report in {}",
                folder.join("report.html").display()
            ))?;
        }
    }
    if let Some(folder) = &arguments.svg {
        write_plots(folder, &page())?;
    }
    if stopped.load(Ordering::Relaxed) && lines.len() < variants.len() {
        let text = format!("stopped after {} of {} runs", lines.len(), variants.len());
        return Err(Failure::new(text).interrupted());
    }
    verdict(&lines)
}

fn write(folder: &Path, lines: &[RunLine], page: &crate::report::Page) -> Result<(), Failure> {
    let mut all = String::new();
    for line in lines {
        let line = serde_json::to_string(line)
            .map_err(|error| Failure::new(format!("the result: {error}")))?;
        all.push_str(&line);
        all.push('\n');
    }
    let path = folder.join("runs.jsonl");
    std::fs::write(&path, &all).map_err(|error| cannot_write(&path, &error))?;
    write_page(folder, page)
}

/// A few lines for people: how many runs, and the medians of what differs between them.
fn summary(name: &str, lines: &[RunLine]) -> Result<(), Failure> {
    let failed = lines.iter().filter(|line| !line.ok).count();
    say(format!("{name}: {} runs, {failed} failed", lines.len()))?;
    let mut metrics: Vec<&String> = lines.iter().flat_map(|line| line.metrics.keys()).collect();
    metrics.sort();
    metrics.dedup();
    let all = metrics.len();
    if all > MOST_LINES {
        // Links have many; what people see comes first.
        metrics.retain(|metric| !metric.contains('>'));
        metrics.truncate(MOST_LINES);
    }
    let shown = metrics.len();
    for metric in metrics {
        let values = lines.iter().filter_map(|line| line.metrics.get(metric));
        let values: Vec<f64> = values.copied().collect();
        let (low, high) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(*v), high.max(*v))
            });
        if low < high
            && let Some(median) = crate::report::stats::median(&values)
        {
            say(format!(
                "  {metric:<40} {median:>14.6}   from {low:.6} to {high:.6}"
            ))?;
        }
    }
    match all - shown {
        0 => Ok(()),
        more => say(format!(
            "  and {more} metrics of links: with --json, or in a --report"
        )),
    }
}

/// The failure that names what did not hold, and how to run it again.
fn verdict(lines: &[RunLine]) -> Result<(), Failure> {
    let failed: Vec<&RunLine> = lines.iter().filter(|line| !line.ok).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let mut text = format!("{} of {} runs failed", failed.len(), lines.len());
    for line in failed.iter().take(MOST_FAILURES) {
        for fault in line.faults() {
            text.push_str(&format!("\n       seed {}: {fault}", line.seed));
        }
        text.push_str(&format!("\n         again: {}", line.replay));
    }
    if failed.len() > MOST_FAILURES {
        text.push_str(&format!(
            "\n       and {} more",
            failed.len() - MOST_FAILURES
        ));
    }
    Err(Failure::new(text))
}
