//! The report of many runs: distributions over seeds, and how parameters move them.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{
    Block, Cdf, Cell, Chart, Curve, Fact, Heat, Page, Plot, Scale, Section, Spread, SpreadRow,
    Table, Tile, Tone,
};
use super::stats::{median, median_interval, quantile};
use crate::simulate::RunLine;

/// Most metrics that get a chart; the table has all.
const MOST_CHARTS: usize = 24;

/// The page of some runs of one scenario.
pub fn page(title: &str, lead: &str, command: &str, runs: &[RunLine]) -> Page {
    let failed = runs.iter().filter(|run| !run.ok).count();
    let mut page = Page::new(title);
    page.kind = "many runs".into();
    page.lead = lead.into();
    page.facts = vec![Fact {
        name: "Again".into(),
        value: command.into(),
        code: true,
    }];
    let tiles = vec![
        Tile {
            value: runs.len().to_string(),
            name: "runs".into(),
            first: true,
            ..Tile::default()
        },
        Tile {
            value: failed.to_string(),
            name: "of them with something that did not hold".into(),
            tone: if failed == 0 { Tone::Good } else { Tone::Bad },
            ..Tile::default()
        },
    ];
    let mut overview = Section::new("overview", "Overview", "");
    overview.blocks.push(Block::Tiles(tiles));
    if failed > 0 {
        overview.blocks.push(Block::Table(failures(runs)));
    }
    page = page.section(overview);
    let groups = groups(runs);
    let metrics = metrics(runs);
    let moving: Vec<&String> = metrics
        .iter()
        .filter(|metric| varies(runs, metric))
        .collect();
    let how = "The share of runs with at most the value on the horizontal axis.";
    let mut section = Section::new("distributions", "Distributions over runs", how);
    for metric in moving.iter().take(MOST_CHARTS) {
        section = section.chart(distribution(metric, &groups));
    }
    if moving.len() > MOST_CHARTS {
        let text = format!(
            "{} further metrics are in the table only.",
            moving.len() - MOST_CHARTS
        );
        section.blocks.push(Block::Text(text));
    }
    page = page.section(section);
    if let Some(section) = sweep(runs, &moving) {
        page = page.section(section);
    }
    let how = "Medians with their 95 % intervals where there are enough runs, and the range.";
    let mut section = Section::new("numbers", "Numbers", how);
    section
        .blocks
        .push(Block::Table(numbers(&metrics, &groups)));
    page.section(section)
}

/// The runs of each combination of parameters.
type Groups<'r> = Vec<(String, Vec<&'r RunLine>)>;

fn groups(runs: &[RunLine]) -> Groups<'_> {
    let mut groups: Groups<'_> = Vec::new();
    for run in runs {
        let pairs = run.parameters.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let name = match pairs.is_empty() {
            true => "all runs".to_owned(),
            false => pairs.join(", "),
        };
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(run),
            None => groups.push((name, vec![run])),
        }
    }
    groups
}

fn metrics(runs: &[RunLine]) -> BTreeSet<String> {
    let names = runs.iter().flat_map(|run| run.metrics.keys());
    names.cloned().collect()
}

fn varies(runs: &[RunLine], metric: &str) -> bool {
    let mut values = runs.iter().filter_map(|run| run.metrics.get(metric));
    match values.next() {
        Some(first) => values.any(|value| value != first),
        None => false,
    }
}

fn values(group: &[&RunLine], metric: &str) -> Vec<f64> {
    let values = group.iter().filter_map(|run| run.metrics.get(metric));
    values.copied().collect()
}

fn scale(metric: &str) -> Scale {
    let last = metric.rsplit('.').next().unwrap_or(metric);
    let unit = match last {
        "rate" | "capacity" | "goodput" => "b/s",
        "bytes" => "B",
        _ if metric.contains("delay") || last == "duration" => "s",
        _ => "",
    };
    Scale::new(metric, unit)
}

fn distribution(metric: &str, groups: &Groups<'_>) -> Chart {
    let id = format!("cdf-{}", slug(metric));
    let plot = match groups.len() {
        // More curves than that nobody tells apart.
        0..=6 => Plot::Cdf(Cdf {
            x: scale(metric),
            curves: groups
                .iter()
                .map(|(name, group)| Curve {
                    name: name.clone(),
                    of: group.len() as u64,
                    known: values(group, metric).len() as u64,
                    values: values(group, metric),
                    ..Curve::default()
                })
                .collect(),
            uprights: Vec::new(),
        }),
        _ => Plot::Spread(Spread {
            x: scale(metric),
            rows: groups
                .iter()
                .map(|(name, group)| SpreadRow {
                    name: name.clone(),
                    values: values(group, metric),
                    ..SpreadRow::default()
                })
                .collect(),
            ..Spread::default()
        }),
    };
    Chart::new(&id, metric, "", plot)
}

/// Heat maps of the medians over the two parameters that have several values; none where there are not two.
fn sweep(runs: &[RunLine], metrics: &[&String]) -> Option<Section> {
    let mut known: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
    for run in runs {
        for (name, value) in &run.parameters {
            let all = known.entry(name).or_default();
            if !all.contains(&value) {
                all.push(value);
            }
        }
    }
    known.retain(|_, values| values.len() > 1);
    let mut several = known.into_iter();
    let ((row, rows), (column, columns)) = (several.next()?, several.next()?);
    let how = "The median over all runs with these two parameters.";
    let mut section = Section::new("sweep", "Over the parameters", how);
    for metric in metrics.iter().take(MOST_CHARTS) {
        let mut cells = Vec::new();
        for one in &rows {
            for other in &columns {
                let inside = runs.iter().filter(|run| {
                    run.parameters.get(row) == Some(one)
                        && run.parameters.get(column) == Some(other)
                });
                let group: Vec<&RunLine> = inside.collect();
                cells.push(median(&values(&group, metric)).unwrap_or(f64::NAN));
            }
        }
        let owned = |values: &[&String]| values.iter().map(|value| (*value).clone()).collect();
        let heat = Heat {
            value: scale(metric),
            rows: (row.clone(), owned(&rows)),
            columns: (column.clone(), owned(&columns)),
            values: cells,
            ..Heat::default()
        };
        let id = format!("heat-{}", slug(metric));
        section = section.chart(Chart::new(&id, metric.as_str(), "", Plot::Heat(heat)));
    }
    Some(section)
}

fn failures(runs: &[RunLine]) -> Table {
    let failed = runs.iter().filter(|run| !run.ok);
    let rows = failed.map(|run| {
        let faults: Vec<&str> = run.faults().collect();
        vec![
            cell(&run.seed.to_string(), Tone::Plain),
            cell(&faults.join("; "), Tone::Bad),
            cell(&run.replay, Tone::Plain),
        ]
    });
    Table {
        columns: ["Seed", "What did not hold", "Again"]
            .map(str::to_owned)
            .into(),
        rows: rows.collect(),
        ..Table::default()
    }
}

fn numbers(metrics: &BTreeSet<String>, groups: &Groups<'_>) -> Table {
    let mut rows = Vec::new();
    for metric in metrics {
        for (name, group) in groups {
            let mut all = values(group, metric);
            all.sort_by(f64::total_cmp);
            let Some(middle) = median(&all) else { continue };
            let interval = match median_interval(&all) {
                Some((low, high)) => format!("{} to {}", short(low), short(high)),
                None => String::new(),
            };
            let range = match (quantile(&all, 0.0), quantile(&all, 1.0)) {
                (Some(low), Some(high)) => format!("{} to {}", short(low), short(high)),
                _ => String::new(),
            };
            let texts = [metric.clone(), name.clone(), short(middle), interval, range];
            rows.push(texts.iter().map(|text| cell(text, Tone::Plain)).collect());
        }
    }
    Table {
        columns: ["Metric", "Runs", "Median", "95 % interval", "Range"]
            .map(str::to_owned)
            .into(),
        rows,
        numbers: true,
        folded: Some("All metrics".into()),
        open: true,
    }
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

fn cell(text: &str, tone: Tone) -> Cell {
    let text = text.to_owned();
    Cell { text, tone }
}

fn slug(text: &str) -> String {
    let letters = text.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
        _ => '-',
    });
    letters.collect()
}
