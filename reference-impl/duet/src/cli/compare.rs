//! `duet simulate compare`: what differs between two sets of runs beyond noise.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::report::write_page;
use super::{Failure, ready_folder, say};
use crate::report::runs::{Matched, comparison_page};
use crate::report::stats::{Comparison, compare, compare_pairs, holm};
use crate::simulate::RunLine;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet simulate FILE --seeds 1..50 --json > before.jsonl
  duet simulate FILE --seeds 1..50 --json > after.jsonl
  duet simulate compare before.jsonl after.jsonl

Runs of one scenario with one set of parameters are compared with those of the same in the other set; what only one of
them has is named. Where both have the same seeds they are compared pair by pair (Wilcoxon's signed ranks), else as two
samples (ranks); p is corrected for the number of comparisons (Holm). With fewer than six pairs nothing is beyond noise.")]
pub(crate) struct Arguments {
    /// What `duet simulate --json` printed, or a folder that `--report` wrote
    a: PathBuf,
    /// The same of the other runs
    b: PathBuf,
    /// Match runs by their parameters alone, whatever their scenarios are called
    #[arg(long)]
    across: bool,
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
    if let Some(folder) = &arguments.report {
        ready_folder(folder)?;
    }
    let name = |path: &Path| path.display().to_string();
    let (first, second) = (name(&arguments.a), name(&arguments.b));
    let (variants, alone) = matched(&a, &b, arguments.across);
    if variants.is_empty() {
        return Err(unmatched(&first, &a, &second, &b));
    }
    let mut rows: Vec<(&Matched<'_>, String, Comparison)> = Vec::new();
    for variant in &variants {
        let compared = comparisons(variant).into_iter();
        rows.extend(compared.map(|(metric, comparison)| (variant, metric, comparison)));
    }
    holm(rows.iter_mut().map(|(.., comparison)| comparison));
    rows.sort_by(|(.., one), (.., other)| one.adjusted.total_cmp(&other.adjusted));
    let differing = rows.iter().filter(|(.., row)| row.beyond_noise()).count();
    if let Some(folder) = &arguments.report {
        write_page(folder, &comparison_page(&first, &second, &variants))?;
    }
    for (path, name, runs) in &alone {
        eprintln!("only in {path}: {name}, {runs} runs");
    }
    if arguments.json {
        for (variant, metric, row) in &rows {
            let run = variant.a.first();
            say(json!({
                "scenario": run.map(|run| &run.scenario),
                "parameters": run.map(|run| &run.parameters),
                "metric": metric, "a": row.medians.0, "b": row.medians.1, "shift": row.shift,
                "interval": [row.interval.0, row.interval.1], "delta": row.delta, "p": row.adjusted,
                "paired": row.paired, "samples": [row.samples.0, row.samples.1],
                "beyond_noise": row.beyond_noise(),
            }))?;
        }
    } else {
        let runs = |side: fn(&Matched<'_>) -> usize| variants.iter().map(side).sum::<usize>();
        let kinds = match variants.len() {
            1 => String::new(),
            count => format!("{count} variants, "),
        };
        say(format!(
            "{first} and {second}: {kinds}{} and {} runs, {} comparisons, {differing} differ beyond noise",
            runs(|one| one.a.len()),
            runs(|one| one.b.len()),
            rows.len()
        ))?;
        let shown = |row: &Comparison| arguments.all || row.beyond_noise();
        for variant in &variants {
            let own = |row: &&(&Matched<'_>, String, Comparison)| {
                std::ptr::eq(row.0, variant) && shown(&row.2)
            };
            let own: Vec<_> = rows.iter().filter(own).collect();
            if own.is_empty() {
                continue;
            }
            if !variant.name.is_empty() {
                say(&variant.name)?;
            }
            say(format!(
                "{:<36} {:>12} {:>12} {:>12}  {:<27} {:>6} {:>8}",
                "metric", "A", "B", "B − A", "95 % interval", "δ", "p"
            ))?;
            for (_, metric, row) in own {
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
    }
    match arguments.check && differing > 0 {
        true => Err(Failure::new(format!(
            "{differing} metrics differ beyond noise"
        ))),
        false => Ok(()),
    }
}

/// What a variant is known by in both sets: its scenario and its parameters.
type Key<'r> = (&'r str, &'r BTreeMap<String, String>);

/// The runs of a set by their variants; of all scenarios as if they were one, if names do not matter.
fn variants(runs: &[RunLine], across: bool) -> BTreeMap<Key<'_>, Vec<&RunLine>> {
    let mut variants: BTreeMap<Key<'_>, Vec<&RunLine>> = BTreeMap::new();
    for run in runs {
        let name = if across { "" } else { &*run.scenario };
        variants
            .entry((name, &run.parameters))
            .or_default()
            .push(run);
    }
    variants
}

/// A variant for people.
fn describe((name, parameters): Key<'_>) -> String {
    let values = parameters
        .iter()
        .map(|(name, value)| format!("{name} = {value}"));
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    let parts: Vec<String> = name.into_iter().chain(values).collect();
    parts.join(", ")
}

/// A variant that only one of the sets has: whose, which, and how many runs.
type Alone = (&'static str, String, usize);

fn matched<'r>(a: &'r [RunLine], b: &'r [RunLine], across: bool) -> (Vec<Matched<'r>>, Vec<Alone>) {
    let (a, mut b) = (variants(a, across), variants(b, across));
    let (mut both, mut alone) = (Vec::new(), Vec::new());
    for (key, runs) in a {
        match b.remove(&key) {
            Some(others) => both.push(Matched {
                name: describe(key),
                a: runs,
                b: others,
            }),
            None => alone.push(("A", describe(key), runs.len())),
        }
    }
    alone.extend(
        b.into_iter()
            .map(|(key, runs)| ("B", describe(key), runs.len())),
    );
    if let ([one], []) = (&mut both[..], &alone[..]) {
        one.name.clear();
    }
    (both, alone)
}

/// Why nothing is compared.
fn unmatched(first: &str, a: &[RunLine], second: &str, b: &[RunLine]) -> Failure {
    let names = |runs: &[RunLine]| {
        let variants = variants(runs, false).into_keys();
        let mut names: Vec<String> = variants.take(4).map(describe).collect();
        if names.len() > 3 {
            names[3] = "and others".to_owned();
        }
        names.join("; ")
    };
    let (a, b) = (names(a), names(b));
    Failure::new(format!(
        "the two sets have no variant in common\n       {first}: {a}\n       {second}: {b}"
    ))
    .help("--across matches them by their parameters alone, whatever the scenarios are called")
    .usage()
}

fn comparisons(variant: &Matched<'_>) -> Vec<(String, Comparison)> {
    let seeds = |runs: &[&RunLine]| runs.iter().map(|run| run.seed).collect::<BTreeSet<u64>>();
    let paired = seeds(&variant.a) == seeds(&variant.b);
    let all = variant.a.iter().chain(&variant.b);
    let metrics: BTreeSet<&String> = all.flat_map(|run| run.metrics.keys()).collect();
    let mut rows = Vec::new();
    for metric in metrics {
        let values = |runs: &[&RunLine]| -> Vec<f64> {
            let value = |run: &RunLine| run.metrics.get(metric).copied().unwrap_or(f64::NAN);
            let by_seed: BTreeMap<u64, f64> =
                runs.iter().map(|run| (run.seed, value(run))).collect();
            by_seed.into_values().collect()
        };
        let (a, b) = (values(&variant.a), values(&variant.b));
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
