//! The page of many runs of one scenario.

use std::collections::{BTreeMap, BTreeSet};

use super::comparison::comparisons;
use super::model::*;
use super::text::count;
use super::variants::{Metric, Runs, Samples, Variant};
use crate::simulate::RunLine;

/// Most metrics that get a chart; the table has all.
const MOST_CHARTS: usize = 24;

/// The page of some runs of one scenario; `command` repeats them.
pub fn page(title: &str, lead: &str, command: &str, lines: &[RunLine]) -> Page {
    let failed = lines.iter().filter(|run| !run.ok).count();
    let mut page = Page::new(title).code("Again", command);
    page.kind = "Duet, report of many runs".into();
    page.lead = lead.into();
    let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
    let tiles = vec![
        Tile {
            first: true,
            ..Tile::new(count(lines.len() as u64), "runs", "")
        },
        Tile {
            tone,
            ..Tile::new(
                count(failed as u64),
                "of them with something that did not hold",
                "",
            )
        },
    ];
    let mut overview = Section::new("overview", "Overview", "").block(Block::Tiles(tiles));
    if failed > 0 {
        overview = overview.table(failures(lines));
    }
    page = page.section(overview);
    let names: Vec<String> = names(lines)
        .into_iter()
        .filter(|name| varies(lines, name))
        .collect();
    let left = names.len().saturating_sub(MOST_CHARTS);
    let mut metrics = collect(lines, &names[..names.len() - left]).metrics_section();
    if left > 0 {
        let text = format!(
            "{} further metrics are in the table only.",
            count(left as u64)
        );
        metrics = metrics.block(Block::Text(text));
    }
    if names.is_empty() {
        let text = "Nothing that is measured differs between these runs.";
        metrics = metrics.block(Block::Text(text.into()));
    }
    let all = names_of_all(lines, names);
    page.section(metrics)
        .section(collect(lines, &all).figures())
}

/// The runs of one variant in two sets.
pub struct Matched<'r> {
    /// What it is called, where there are several; else empty.
    pub name: String,
    /// Its runs in the first set.
    pub a: Vec<&'r RunLine>,
    /// Its runs in the second.
    pub b: Vec<&'r RunLine>,
}

/// The page of a comparison of two sets of runs, variant by variant, in pairs where both have the same seeds.
pub fn comparison_page(a: &str, b: &str, variants: &[Matched<'_>]) -> Page {
    let all = variants.iter().flat_map(|one| one.a.iter().chain(&one.b));
    let all: Vec<RunLine> = all.map(|run| (*run).clone()).collect();
    let known = names(&all);
    let metrics: Vec<Metric> = known.iter().map(|name| metric(name)).collect();
    let pairs = variants.iter().map(|one| {
        let variant = |set: &str, lines: &[&RunLine]| {
            let mut sorted = lines.to_vec();
            sorted.sort_by_key(|run| run.seed);
            let name = match one.name.is_empty() {
                true => set.to_owned(),
                false => format!("{set}, {}", one.name),
            };
            let mut variant = variant(&name, &sorted, &known);
            // What a run is known by in both sets.
            variant.runs = sorted.iter().map(|run| run.seed.to_string()).collect();
            variant
        };
        (variant(a, &one.a), variant(b, &one.b))
    });
    let pairs: Vec<_> = pairs.collect();
    let mut page = Page::new(format!("{a} and {b}"));
    page.sections = comparisons(&metrics, &pairs);
    page.kind = "Duet, comparison of runs".into();
    page
}

/// The metrics of links that say most, before the others.
const OF_LINKS: &[&str] = &[
    "loss",
    "queue.delay.p95",
    "rate",
    "delay.p95",
    "utilisation",
];

/// The names of the metrics: what people see first, links last, and of these one metric after the other, each of all links.
fn names(lines: &[RunLine]) -> Vec<String> {
    let names: BTreeSet<&String> = lines.iter().flat_map(|run| run.metrics.keys()).collect();
    let mut names: Vec<String> = names.into_iter().cloned().collect();
    names.sort_by_cached_key(|name| {
        let metric = name
            .rsplit_once('>')
            .and_then(|(_, rest)| rest.split_once('.'));
        metric.map(|(_, metric)| {
            let place = OF_LINKS.iter().position(|known| *known == metric);
            (place.unwrap_or(OF_LINKS.len()), metric.to_owned())
        })
    });
    names
}

/// First these, then the others.
fn names_of_all(lines: &[RunLine], mut first: Vec<String>) -> Vec<String> {
    for name in names(lines) {
        if !first.contains(&name) {
            first.push(name);
        }
    }
    first
}

fn varies(lines: &[RunLine], metric: &str) -> bool {
    let mut values = lines.iter().filter_map(|run| run.metrics.get(metric));
    match values.next() {
        Some(first) => values.any(|value| value != first),
        None => false,
    }
}

/// The runs by their parameters, with these metrics.
fn collect(lines: &[RunLine], names: &[String]) -> Runs {
    let mut groups: Vec<(&BTreeMap<String, String>, Vec<&RunLine>)> = Vec::new();
    for run in lines {
        match groups
            .iter_mut()
            .find(|(known, _)| **known == run.parameters)
        {
            Some((_, group)) => group.push(run),
            None => groups.push((&run.parameters, vec![run])),
        }
    }
    let one = |(parameters, group): &(&BTreeMap<String, String>, Vec<&RunLine>)| {
        let pairs = parameters
            .iter()
            .map(|(name, value)| format!("{name} {value}"));
        let name = match parameters.is_empty() {
            true => "all runs".to_owned(),
            false => pairs.collect::<Vec<_>>().join(", "),
        };
        let mut variant = variant(&name, group, names);
        let pairs = parameters.iter();
        variant.parameters = pairs
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        variant
    };
    Runs {
        metrics: names.iter().map(|name| metric(name)).collect(),
        variants: groups.iter().map(one).collect(),
    }
}

fn variant(name: &str, runs: &[&RunLine], names: &[String]) -> Variant {
    let values = |name: &String| {
        let (_, times) = unit(name);
        let value = |run: &&RunLine| {
            run.metrics
                .get(name)
                .map_or(f64::NAN, |value| value * times)
        };
        Samples(runs.iter().map(value).collect())
    };
    Variant {
        name: name.into(),
        parameters: Vec::new(),
        runs: runs.iter().map(|run| run.seed.to_string()).collect(),
        values: names.iter().map(values).collect(),
    }
}

/// Whether one of a metric's words is among these.
fn has(name: &str, words: &[&str]) -> bool {
    name.rsplit('.').any(|part| words.contains(&part))
}

/// The unit in which people read a metric of this name, and what its value is to be multiplied by for that.
fn unit(name: &str) -> (&'static str, f64) {
    match () {
        () if has(name, &["rate", "capacity", "goodput"]) => ("b/s", 1.0),
        () if has(name, &["bytes"]) => ("B", 1.0),
        () if has(name, &["psnr"]) => ("dB", 1.0),
        () if has(name, &["delay"]) => ("ms", 1e3),
        () if has(name, &["duration"]) => ("s", 1.0),
        () if has(name, &["loss", "utilisation", "shown", "on_time"]) => ("%", 100.0),
        () => ("", 1.0),
    }
}

/// What a metric of this name measures: its last words tell.
fn metric(name: &str) -> Metric {
    let better = match () {
        () if has(name, &["shown", "on_time", "psnr", "goodput"]) => Some(Better::High),
        () if has(name, &["delay", "loss", "breaches"]) => Some(Better::Low),
        () => None,
    };
    Metric {
        name: name.into(),
        label: name.into(),
        unit: unit(name).0.into(),
        better,
    }
}

fn failures(runs: &[RunLine]) -> Table {
    let mut table = Table::text(["Seed", "What did not hold", "Again"]);
    for run in runs.iter().filter(|run| !run.ok) {
        let faults: Vec<&str> = run.faults().collect();
        table.row([
            Cell::from(run.seed.to_string()),
            Cell::new(faults.join("; "), Tone::Bad),
            Cell::from(run.replay.as_str()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seed: u64, parameters: &[(&str, &str)], metrics: &[(&str, f64)]) -> RunLine {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        RunLine {
            seed,
            ok: seed != 3,
            parameters: parameters.iter().map(owned).collect(),
            metrics: metrics
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
            unmet: if seed == 3 {
                vec!["too late".into()]
            } else {
                vec![]
            },
            ..RunLine::default()
        }
    }

    #[test]
    fn distributions_do_not_depend_on_the_order_of_the_runs() {
        let lines = |order: &[u64]| -> Vec<RunLine> {
            let one = |seed: &u64| line(*seed, &[], &[("bob.video.delay.p95", *seed as f64 * 0.1)]);
            order.iter().map(one).collect()
        };
        let drawn = |order: &[u64]| {
            let page = page("t", "", "", &lines(order));
            page.charts().cloned().collect::<Vec<_>>()
        };
        let charts = drawn(&[1, 2, 3, 4, 5]);
        assert_eq!(charts, drawn(&[4, 1, 5, 3, 2]));
        let [
            Chart {
                plot: Plot::Cdf(cdf),
                ..
            },
        ] = &charts[..]
        else {
            panic!("one distribution: {charts:?}")
        };
        assert!(cdf.curves[0].values.is_sorted());
        assert_eq!((cdf.x.unit.as_str(), cdf.curves[0].of), ("ms", 5));
        assert!((cdf.curves[0].values[0] - 100.0).abs() < 1e-9);
    }

    #[test]
    fn sweeps_are_drawn_over_their_parameters_and_failures_are_named() {
        let mut lines = Vec::new();
        for loss in ["0 %", "5 %"] {
            for delay in ["10 ms", "100 ms", "300 ms"] {
                for seed in 1..=4 {
                    let value = seed as f64 + loss.len() as f64 * delay.len() as f64;
                    lines.push(line(
                        seed,
                        &[("delay", delay), ("loss", loss)],
                        &[("x", value), ("same", 1.0)],
                    ));
                }
            }
        }
        let page = page("t", "", "duet simulate", &lines);
        let charts: Vec<&Chart> = page.charts().collect();
        let [
            Chart {
                plot: Plot::Heat(heat),
                ..
            },
            Chart {
                plot: Plot::Cdf(cdf),
                ..
            },
        ] = charts[..]
        else {
            panic!("a heat map, and what few variants allow besides: {charts:?}")
        };
        assert_eq!((heat.rows.1.len(), heat.columns.1.len()), (3, 2));
        assert_eq!(cdf.curves.len(), 6);
        let html = crate::report::html(&page);
        assert!(html.contains("too late") && html.contains(">same<"));
    }

    #[test]
    fn comparisons_pair_what_ran_the_same() {
        let lines = |more: f64, seeds: &[u64]| -> Vec<RunLine> {
            let one = |seed: &u64| line(*seed, &[], &[("bob.video.on_time", *seed as f64 + more)]);
            seeds.iter().map(one).collect()
        };
        let seeds: Vec<u64> = (1..=10).collect();
        let mut backwards = seeds.clone();
        backwards.reverse();
        let told = |b: &[RunLine]| {
            let a = lines(0.0, &seeds);
            let variant = Matched {
                name: String::new(),
                a: a.iter().collect(),
                b: b.iter().collect(),
            };
            let page = comparison_page("a", "b", &[variant]);
            crate::report::html(&page)
        };
        let html = told(&lines(0.25, &backwards));
        assert!(
            html.contains("▲ better") && html.contains("Wilcoxon"),
            "{html}"
        );
        let others: Vec<u64> = (2..=11).collect();
        assert!(told(&lines(0.25, &others)).contains("Mann–Whitney"));
    }
}
