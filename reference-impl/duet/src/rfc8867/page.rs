//! The report: the table, and plots for each case and controller.

use std::collections::BTreeMap;

use super::bands::Judgement;
use super::campaign::{Campaign, Outcome};
use super::measure::METRICS;
use super::series::Series as Data;
use super::table::{Row, figure, totals};
use crate::report::text::count;
use crate::report::{
    Block, Cdf, Cell, Chart, Colour, Curve, Events, Level, Lines, Mark, Page, Plot, Scale, Section,
    Series, Style, Table, Tile, Tone,
};

/// A campaign's report; `command` is what a shell takes to make it again.
pub fn page(campaign: &Campaign, outcomes: &[Outcome], rows: &[Row], command: &str) -> Page {
    let mut page = Page::new("Congestion control on RFC 8867");
    page.kind = "Duet, report of a campaign".into();
    page.lead = "The test cases of RFC 8867 with the metrics of RFC 8868 and the synthetic video of RFC 8593. Every flow is \
                 a real media hop on a real QUIC connection; only the network and the encoder are models."
        .into();
    let names: Vec<&str> = campaign
        .controllers
        .iter()
        .map(|entry| entry.name)
        .collect();
    let seeds: Vec<String> = campaign.seeds.iter().map(u64::to_string).collect();
    page = page
        .fact("Controllers", names.join(", "))
        .fact("Seeds", seeds.join(", "))
        .fact("Virtual time", format!("{} s", count(campaign.seconds())))
        .code("The same again", command)
        .section(verdicts(campaign, rows));
    let mut cases: Vec<(&str, Vec<String>)> = Vec::new();
    for run in &campaign.runs {
        match cases.last_mut().filter(|(case, _)| *case == run.case) {
            Some((_, ids)) => ids.push(run.id()),
            None => cases.push((&run.case, vec![run.id()])),
        }
    }
    for (case, ids) in cases {
        page = page.section(section(campaign, outcomes, rows, case, &ids));
    }
    page
}

fn verdicts(campaign: &Campaign, rows: &[Row]) -> Section {
    let how = "How many of its bands each controller passes. The bands are our own, for conversational media, each with \
               its reason in sim/scenarios/rfc8867/bands.toml; the RFC has none. † marks where bands are not counted \
               because the controller lacks what they are about: priority in 6.1, ECN in 6.2. Figures are medians over the seeds.";
    let tiles = totals(rows).into_iter().map(|(name, passed, of)| {
        let entry = campaign.controllers.iter().find(|entry| entry.name == name);
        Tile {
            value: format!("{passed} of {of}"),
            note: entry.map_or(String::new(), |entry| entry.about.into()),
            name,
            ..Tile::default()
        }
    });
    let tiles = tiles.collect();
    let names = campaign
        .controllers
        .iter()
        .map(|entry| entry.name.to_owned());
    let mut table = Table {
        columns: std::iter::once("Case".to_owned()).chain(names).collect(),
        numbers: true,
        ..Table::default()
    };
    for run in &campaign.runs {
        let id = run.id();
        let mut cells = vec![plain(format!("{id}: {}", run.title))];
        for entry in &campaign.controllers {
            let row = rows
                .iter()
                .find(|row| row.id == id && row.controller == entry.name);
            cells.push(row.map_or_else(Cell::default, |row| {
                let (passed, of) = row.passed();
                let mark = if row.lacks.is_some() { " †" } else { "" };
                Cell {
                    text: format!("{passed}/{of}{mark}"),
                    tone: if passed == of { Tone::Good } else { Tone::Bad },
                }
            }));
        }
        table.rows.push(cells);
    }
    Section::new("bands", "Bands", how)
        .block(Block::Tiles(tiles))
        .table(table)
}

fn plain(text: String) -> Cell {
    Cell {
        text,
        tone: Tone::Plain,
    }
}

fn section(
    campaign: &Campaign,
    outcomes: &[Outcome],
    rows: &[Row],
    case: &str,
    ids: &[String],
) -> Section {
    let title = campaign.runs.iter().find(|run| run.case == case);
    let title = title.map_or(String::new(), |run| format!("{case} {}", run.title));
    let title = match case {
        "6.2" => "6.2 The cases of section 5 with ECN".to_owned(),
        "fq-codel" => "The cases of section 5 with FQ-CoDel".to_owned(),
        "pie" => "The cases of section 5 with PIE".to_owned(),
        _ => title,
    };
    let anchor = format!("case-{}", case.replace('.', "-"));
    let mut section = Section::new(&anchor, title, "");
    for id in ids {
        section = section
            .heading(id.as_str(), "")
            .table(figures(campaign, rows, id));
        let mut of_case = outcomes.iter().filter(|outcome| {
            let own = match outcome.variant.as_str() {
                "" => outcome.case.clone(),
                variant => format!("{}/{variant}", outcome.case),
            };
            own == *id && outcome.series.is_some()
        });
        let drawn: Vec<(&str, &Data)> = of_case
            .by_ref()
            .filter_map(|outcome| Some((outcome.controller.as_str(), outcome.series.as_ref()?)))
            .collect();
        for (controller, data) in &drawn {
            section = section
                .chart(rates(id, controller, data))
                .chart(queue(id, controller, data));
        }
        if !drawn.is_empty() {
            section = section.chart(losses(id, &drawn)).chart(delays(id, &drawn));
        }
    }
    section
}

/// Every metric of one variant: a column for each controller.
fn figures(campaign: &Campaign, rows: &[Row], id: &str) -> Table {
    let of_id: BTreeMap<&str, &Row> = rows
        .iter()
        .filter(|row| row.id == id)
        .map(|row| (row.controller.as_str(), row))
        .collect();
    let names: Vec<&str> = campaign
        .controllers
        .iter()
        .map(|entry| entry.name)
        .collect();
    let mut columns = vec!["Metric".to_owned(), "Band".to_owned()];
    columns.extend(names.iter().map(|name| (*name).to_owned()));
    let mut table = Table {
        columns,
        numbers: true,
        folded: Some("Figures".into()),
        ..Table::default()
    };
    for metric in METRICS {
        let known = |row: &&Row| row.measures.contains_key(metric.name);
        if !of_id.values().any(known) {
            continue;
        }
        let unit = match metric.unit {
            "1" => String::new(),
            unit => format!(", {unit}"),
        };
        let band = of_id.values().find_map(|row| row.verdict(metric.name));
        let band = band.map_or(String::new(), |band| match (band.min, band.max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("\u{2265} {min}"),
            (None, Some(max)) => format!("\u{2264} {max}"),
            (None, None) => String::new(),
        });
        let mut cells = vec![plain(format!("{}{unit}", metric.name)), plain(band)];
        for name in &names {
            let row = of_id.get(name);
            let value = row.and_then(|row| row.measures.get(metric.name));
            let verdict = row.and_then(|row| row.verdict(metric.name));
            let text = value.map_or(String::new(), |value| figure(*value, 2));
            cells.push(match verdict.map(|verdict| verdict.judgement) {
                None => plain(text),
                Some(Judgement::Pass) => Cell {
                    text,
                    tone: Tone::Good,
                },
                Some(Judgement::Fail) => Cell {
                    text,
                    tone: Tone::Bad,
                },
                Some(Judgement::NotApplicable) => Cell {
                    text: format!("{text} (n/a)"),
                    tone: Tone::Faint,
                },
            });
        }
        table.rows.push(cells);
    }
    table
}

fn chart(id: &str, kind: &str, controller: &str, title: String, plot: Plot) -> Chart {
    let name: String = format!("{id}-{controller}-{kind}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    Chart::new(name, title, "", plot)
}

fn time(data: &Data) -> Scale {
    Scale::new("Time", "s").from(0.0).to(data.duration)
}

fn rates(id: &str, controller: &str, data: &Data) -> Chart {
    let mut lines = Lines::new(time(data), Scale::new("Rate", "b/s").from(0.0));
    for (name, steps) in &data.capacity {
        let last = steps.last().map(|(_, rate)| (data.duration, *rate));
        let points = steps.iter().copied().chain(last);
        let name = match data.capacity.len() {
            1 => "capacity".to_owned(),
            _ => format!("capacity {name}"),
        };
        let series = Series::new(name, Style::Steps, points);
        lines.series.push(series.colour(Colour::Capacity));
    }
    for (index, (name, values)) in data.flows.iter().enumerate() {
        let series = Series::line(name.as_str(), Data::over_time(values));
        lines
            .series
            .push(series.colour(Colour::Number(index as u8)));
    }
    if let Some(tcp) = &data.tcp {
        let series = Series::line("TCP", Data::over_time(tcp));
        lines.series.push(series.colour(Colour::Soft));
    }
    if !data.trips.is_empty() {
        lines.events.push(Events {
            name: "circuit breaker".into(),
            mark: Mark::Cross,
            colour: Colour::Missing,
            at: data.trips.clone(),
        });
    }
    let title = format!("{controller}: received per half second");
    chart(id, "rate", controller, title, Plot::Lines(lines))
}

fn queue(id: &str, controller: &str, data: &Data) -> Chart {
    let mut lines = Lines::new(time(data), Scale::new("Queueing delay", "ms").from(0.0));
    for (index, (name, values)) in data.queues.iter().enumerate() {
        let middle = Data::over_time(values).map(|(at, (middle, ..))| (at, middle));
        let spread = Data::over_time(values).filter(|(_, value)| value.0.is_finite());
        let spread = spread.map(|(at, (_, low, high))| (at, low, high));
        let series = Series::line(name.as_str(), middle).spread(spread);
        lines
            .series
            .push(series.colour(Colour::Number(index as u8)));
    }
    lines.levels.push(Level {
        name: "80 ms".into(),
        at: 80.0,
    });
    let title = format!("{controller}: queue, median and range per half second");
    chart(id, "queue", controller, title, Plot::Lines(lines))
}

fn losses(id: &str, drawn: &[(&str, &Data)]) -> Chart {
    let scale = time(drawn[0].1);
    let mut lines = Lines::new(scale, Scale::new("Media packets lost", "%").from(0.0));
    for (index, (controller, data)) in drawn.iter().enumerate() {
        let series = Series::line(*controller, Data::over_time(&data.loss));
        lines
            .series
            .push(series.colour(Colour::Number(index as u8)));
    }
    let title = "Loss, by when packets left".to_owned();
    chart(id, "loss", "all", title, Plot::Lines(lines))
}

fn delays(id: &str, drawn: &[(&str, &Data)]) -> Chart {
    let mut cdf = Cdf {
        x: Scale::new("Packet delay", "ms").from(0.0),
        ..Cdf::default()
    };
    for (index, (controller, data)) in drawn.iter().enumerate() {
        let values = data.delays.iter().map(|(value, _)| *value);
        let curve = Curve::new(*controller, values);
        cdf.curves.push(curve.colour(Colour::Number(index as u8)));
    }
    let title = "Delay of packets, from the sender to the receiver".to_owned();
    chart(id, "delay", "all", title, Plot::Cdf(cdf))
}
