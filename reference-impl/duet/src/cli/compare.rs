//! `duet simulate compare`: what differs between two sets of runs beyond noise.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::report::write_page;
use super::{Failure, say};
use crate::report::runs::comparison_page;
use crate::report::stats::{Comparison, compare, compare_pairs, holm};
use crate::simulate::RunLine;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet simulate FILE --seeds 1..50 --json > before.jsonl
  duet simulate FILE --seeds 1..50 --json > after.jsonl
  duet simulate compare before.jsonl after.jsonl

Runs with equal seeds and parameters are compared pair by pair (Wilcoxon's signed ranks), others as two samples
(ranks); p is corrected for the number of metrics (Holm). With fewer than six pairs nothing is beyond noise.")]
pub(crate) struct Arguments {
    /// What `duet simulate --json` printed, or a folder that `--report` wrote
    a: PathBuf,
    /// The same of the other runs
    b: PathBuf,
    /// Show all metrics, and not only those that differ
    #[arg(long)]
    all: bool,
    /// Exit with code 1 if anything differs beyond noise
    #[arg(long)]
    check: bool,
    /// Write report.html and report.json, with all metrics and the distributions of those that differ, to this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print one JSON object for each metric
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (a, b) = (read(&arguments.a)?, read(&arguments.b)?);
    let mut rows = comparisons(&a, &b);
    holm(rows.iter_mut().map(|(_, comparison)| comparison));
    rows.sort_by(|(_, one), (_, other)| one.adjusted.total_cmp(&other.adjusted));
    let differing = rows.iter().filter(|(_, row)| row.beyond_noise()).count();
    if let Some(folder) = &arguments.report {
        let name = |path: &Path| path.display().to_string();
        let (first, second) = (name(&arguments.a), name(&arguments.b));
        write_page(folder, &comparison_page((&first, &a), (&second, &b)))?;
    }
    if arguments.json {
        for (metric, row) in &rows {
            say(json!({
                "metric": metric, "a": row.medians.0, "b": row.medians.1, "shift": row.shift,
                "interval": [row.interval.0, row.interval.1], "delta": row.delta, "p": row.adjusted,
                "paired": row.paired, "samples": [row.samples.0, row.samples.1],
                "beyond_noise": row.beyond_noise(),
            }))?;
        }
    } else {
        say(format!(
            "{} and {}: {} and {} runs, {} metrics, {differing} differ beyond noise",
            arguments.a.display(),
            arguments.b.display(),
            a.len(),
            b.len(),
            rows.len()
        ))?;
        let shown = |row: &Comparison| arguments.all || row.beyond_noise();
        if rows.iter().any(|(_, row)| shown(row)) {
            say(format!(
                "{:<36} {:>12} {:>12} {:>12}  {:<27} {:>6} {:>8}",
                "metric", "A", "B", "B − A", "95 % interval", "δ", "p"
            ))?;
        }
        for (metric, row) in rows.iter().filter(|(_, row)| shown(row)) {
            let interval = format!("{} to {}", short(row.interval.0), short(row.interval.1));
            say(format!(
                "{metric:<36} {:>12} {:>12} {:>12}  {interval:<27} {:>6.2} {:>8.4}{}",
                short(row.medians.0),
                short(row.medians.1),
                short(row.shift),
                row.delta,
                row.adjusted,
                if row.beyond_noise() { " *" } else { "" },
            ))?;
        }
    }
    match arguments.check && differing > 0 {
        true => Err(Failure::new(format!(
            "{differing} metrics differ beyond noise"
        ))),
        false => Ok(()),
    }
}

/// What one run is known by in both sets.
type Key = (u64, BTreeMap<String, String>);

fn comparisons(a: &[RunLine], b: &[RunLine]) -> Vec<(String, Comparison)> {
    let key = |run: &RunLine| -> Key { (run.seed, run.parameters.clone()) };
    let keys = |runs: &[RunLine]| runs.iter().map(key).collect::<BTreeSet<Key>>();
    let paired = keys(a) == keys(b);
    let metrics = a.iter().chain(b).flat_map(|run| run.metrics.keys());
    let metrics: BTreeSet<&String> = metrics.collect();
    let mut rows = Vec::new();
    for metric in metrics {
        let values = |runs: &[RunLine]| -> BTreeMap<Key, f64> {
            let value = |run: &RunLine| run.metrics.get(metric).copied().unwrap_or(f64::NAN);
            runs.iter().map(|run| (key(run), value(run))).collect()
        };
        let (a, b) = (values(a), values(b));
        let (a, b): (Vec<f64>, Vec<f64>) = (a.into_values().collect(), b.into_values().collect());
        let comparison = match paired {
            true => compare_pairs(&a, &b),
            false => compare(&a, &b),
        };
        if let Some(comparison) = comparison {
            rows.push((metric.clone(), comparison));
        }
    }
    rows
}

fn read(path: &Path) -> Result<Vec<RunLine>, Failure> {
    let file = match path.is_dir() {
        true => path.join("runs.jsonl"),
        false => path.to_owned(),
    };
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Failure::new(format!("cannot read {}: {error}", file.display()))
            .help("`duet simulate FILE --seeds 1..50 --json` prints what is compared here")
            .usage()
    })?;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let run: RunLine = serde_json::from_str(line).map_err(|error| {
            Failure::new(format!("{}:{}: {error}", file.display(), number + 1))
                .help("a line for each run, as `duet simulate --json` prints them")
                .usage()
        })?;
        lines.push(run);
    }
    if lines.is_empty() {
        return Err(Failure::new(format!("{} has no runs", file.display())).usage());
    }
    Ok(lines)
}

/// Four digits that count.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    match digits {
        ..=0 => format!("{value:.0}"),
        digits => format!("{value:.*}", digits.min(9) as usize),
    }
}
