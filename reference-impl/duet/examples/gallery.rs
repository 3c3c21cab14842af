//! One of every chart, with data out of thin air: to look at after a change of the report's style.
//!
//! `cargo run -p duet --example gallery -- DIR` writes `report.html`, `report.json` and the charts as SVG files.

use std::path::PathBuf;

use duet::report::comparison::comparisons;
use duet::report::variants::{Metric, Runs, Samples, Variant};
use duet::report::{
    Arrow, Better, Chart, Colour, Events, Ladder, Level, Lines, Mark, Note, Page, Plot, Scale,
    Section, Series, Span, Style, files, html,
};
use duet_sim::Stream;

/// A number from 0 to 1.
fn share(stream: &mut Stream) -> f64 {
    stream.below(1_000_000) as f64 / 1e6
}

/// A bell around 0, of standard deviation 1.
fn bell(stream: &mut Stream) -> f64 {
    (0..12).map(|_| share(stream)).sum::<f64>() - 6.0
}

fn metrics() -> Vec<Metric> {
    let metric = |name: &str, label: &str, unit: &str, better| Metric {
        name: name.into(),
        label: label.into(),
        unit: unit.into(),
        better: Some(better),
    };
    vec![
        metric("on_time", "Pictures whole in time", "%", Better::High),
        metric(
            "delay_p95",
            "95th percentile of the delay",
            "ms",
            Better::Low,
        ),
        metric("rate", "Mean rate of the media", "b/s", Better::High),
    ]
}

fn variant(parameters: &[(&str, String)], seeds: u64, bad: f64, stream: &mut Stream) -> Variant {
    let names: Vec<&str> = parameters.iter().map(|(_, value)| value.as_str()).collect();
    let mut values = vec![Samples::default(), Samples::default(), Samples::default()];
    for _ in 0..seeds {
        let luck = bell(stream) * 0.25 + 1.0;
        values[0]
            .0
            .push((100.0 - bad * luck.abs() * 2.0).min(100.0));
        values[1]
            .0
            .push(120.0 + 18.0 * bad * luck.abs() + bell(stream).abs() * 6.0);
        values[2].0.push((2.4e6 - bad * 1.4e5 * luck).max(1e5));
    }
    Variant {
        name: names.join(", "),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).into(), value.clone()))
            .collect(),
        runs: (1..=seeds).map(|seed| seed.to_string()).collect(),
        values,
    }
}

fn over_time(stream: &mut Stream) -> Section {
    let mut section = Section::new(
        "time",
        "Over time",
        "A capacity that changes, three flows, an outage.",
    );
    let capacity = [
        (0.0, 1e6),
        (40.0, 2.5e6),
        (60.0, 6e5),
        (80.0, 1e6),
        (100.0, 1e6),
    ];
    for (id, wide) in [("rate", false), ("rate-wide", true)] {
        let mut lines = Lines::new(
            Scale::new("Time", "s").from(0.0).to(100.0),
            Scale::new("Rate", "b/s").from(0.0),
        );
        lines
            .series
            .push(Series::new("capacity", Style::Area, capacity).colour(Colour::Capacity));
        for (name, part) in [
            ("video of alice", 0.5),
            ("video of bob", 0.3),
            ("TCP, long", 0.17),
        ] {
            let mut rate: f64 = 1.5e5;
            let points: Vec<(f64, f64)> = (0..500)
                .map(|n| {
                    let at = f64::from(n) / 5.0;
                    let now = capacity
                        .iter()
                        .rev()
                        .find(|(from, _)| *from <= at)
                        .map_or(1e6, |c| c.1)
                        * part;
                    rate += (now - rate) * 0.06;
                    let down = (30.0..33.0).contains(&at);
                    (
                        at,
                        if down {
                            0.0
                        } else {
                            rate * (1.0 + 0.06 * bell(stream))
                        },
                    )
                })
                .collect();
            lines.series.push(Series::line(name, points));
        }
        lines.spans.push(Span {
            name: "link down".into(),
            from: 30.0,
            to: 33.0,
        });
        lines.uprights.push(Level::new("2.5 Mb/s", 40.0));
        lines.uprights.push(Level::new("0.6 Mb/s", 60.0));
        let chart = Chart::new(id, "Rate and capacity", "Per 200 ms.", Plot::Lines(lines));
        section = section.chart(if wide { chart.wide() } else { chart });
    }
    let mut queue = Lines::new(
        Scale::new("Time", "s").from(0.0).to(100.0),
        Scale::new("Delay", "ms").from(0.0),
    );
    let waits: Vec<(f64, f64)> = (0..500)
        .map(|n| (f64::from(n) / 5.0, 30.0 + 12.0 * bell(stream).abs()))
        .collect();
    let band = waits.iter().map(|(at, wait)| (*at, wait * 0.6, wait * 1.7));
    queue
        .series
        .push(Series::line("median", waits.iter().copied()).spread(band));
    section = section.chart(Chart::new(
        "queue",
        "Delay in the queue",
        "Median, least and greatest.",
        Plot::Lines(queue),
    ));
    let mut fates = Lines::new(
        Scale::new("Time", "s").from(0.0).to(60.0),
        Scale::new("Pictures", "").from(0.0),
    );
    let mut bins = vec![[0.0; 4]; 60];
    for bin in &mut bins {
        for kind in bin.iter_mut().take(3) {
            *kind = (share(stream) * 4.0).floor();
        }
        bin[3] = 30.0 - bin[..3].iter().sum::<f64>();
    }
    for (kind, (name, colour)) in [
        ("not shown", Colour::Missing),
        ("damaged", Colour::Damaged),
        ("late", Colour::Late),
        ("whole in time", Colour::Good),
    ]
    .into_iter()
    .enumerate()
    {
        let points = bins
            .iter()
            .enumerate()
            .map(|(at, bin)| (at as f64, bin[kind]));
        fates
            .series
            .push(Series::new(name, Style::Bars { width: 1.0 }, points).colour(colour));
    }
    fates.events.push(Events {
        name: "freezes".into(),
        mark: Mark::Diamond,
        colour: Colour::Damaged,
        at: vec![3.2, 17.0, 17.4, 44.0],
    });
    section = section.chart(Chart::new(
        "fates",
        "What became of the pictures",
        "Per second.",
        Plot::Lines(fates),
    ));
    let mut delays = Lines::new(
        Scale::new("Time", "s").from(0.0).to(60.0),
        Scale::new("Delay", "ms").from(0.0),
    );
    let point = |at: f64, stream: &mut Stream| (at, 190.0 + 25.0 * bell(stream).abs());
    let good: Vec<(f64, f64)> = (0..1_800)
        .map(|n| point(f64::from(n) / 30.0, stream))
        .collect();
    let late: Vec<(f64, f64)> = (0..40)
        .map(|n| (f64::from(n) * 1.4, 260.0 + 60.0 * share(stream)))
        .collect();
    delays
        .series
        .push(Series::new("whole in time", Style::Marks(Mark::Dot), good).colour(Colour::Good));
    delays
        .series
        .push(Series::new("whole, but late", Style::Marks(Mark::Ring), late).colour(Colour::Late));
    delays.levels.push(Level::new("250 ms", 250.0));
    delays.events.push(Events {
        name: "not shown".into(),
        mark: Mark::Cross,
        colour: Colour::Missing,
        at: (0..25).map(|n| f64::from(n) * 2.3).collect(),
    });
    section.chart(Chart::new(
        "delays",
        "From capture to screen",
        "Each dot is a picture.",
        Plot::Lines(delays),
    ))
}

fn ladder(stream: &mut Stream) -> Section {
    let mut ladder = Ladder {
        lanes: vec!["alice".into(), "server".into(), "bob".into()],
        ..Ladder::default()
    };
    for n in 0..26 {
        let at_ms = f64::from(n) * 4.8 + share(stream) + if n > 17 { 2_400.0 } else { 0.0 };
        let lost = (share(stream) < 0.15).then(|| "random-loss".to_owned());
        let (from, to) = [(0, 1), (1, 2), (0, 1), (2, 1)][n as usize % 4];
        ladder.packets.push(Arrow {
            at_ms,
            from,
            to,
            name: if n % 3 == 0 { "media" } else { "quic-short" }.into(),
            detail: format!("{} B", 100 + stream.below(1_100)),
            arrives_ms: lost.is_none().then(|| at_ms + 15.0 + 8.0 * share(stream)),
            lost,
        });
    }
    ladder.notes.push(Note {
        at_ms: 44.0,
        lane: 2,
        text: "bob's decoder asks for a keyframe".into(),
    });
    let how = "Time goes downward, to scale where there is room. A cross ends what was lost.";
    Section::new("ladder", "Packets", how).chart(Chart::new("ladder", "", "", Plot::Ladder(ladder)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or(PathBuf::from("target/gallery"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let mut stream = Stream::new(1, "gallery");
    let stream = &mut stream;
    let over_seeds = Runs {
        metrics: metrics(),
        variants: vec![variant(&[("", "one".into())], 60, 2.0, stream)],
    };
    let over_loss = Runs {
        metrics: metrics(),
        variants: [0.0, 1.0, 2.5, 5.0, 10.0, 20.0]
            .map(|loss| variant(&[("Loss", format!("{loss} %"))], 40, loss / 2.0, stream))
            .into(),
    };
    let mut grid = Vec::new();
    for loss in [0.0, 1.0, 2.5, 5.0, 10.0, 20.0] {
        for delay in [5, 20, 50, 100, 150, 300] {
            let bad = loss / 2.0 + f64::from(delay) / 60.0;
            let parameters = [
                ("Loss", format!("{loss} %")),
                ("One-way delay", format!("{delay} ms")),
            ];
            grid.push(variant(&parameters, 12, bad, stream));
        }
    }
    let grid = Runs {
        metrics: metrics(),
        variants: grid,
    };
    let names = ["fixed rate", "NewReno", "CUBIC", "BBR", "GCC"];
    let controllers = Runs {
        metrics: metrics(),
        variants: names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                variant(
                    &[("Controller", (*name).into())],
                    40,
                    6.0 - n as f64,
                    stream,
                )
            })
            .collect(),
    };
    let named = |runs: &Runs, id: &str, title: &str| {
        let mut sections = runs.sections();
        for section in &mut sections {
            section.id = format!("{id}-{}", section.id);
            section.title = format!("{title}: {}", section.title.to_lowercase());
        }
        sections
    };
    let mut page = Page::new("gallery")
        .fact("Seed", "1")
        .fact("Data", "out of thin air")
        .code("The same again", "cargo run -p duet --example gallery")
        .section(over_time(stream))
        .section(ladder(stream));
    page.kind = "Duet, report".into();
    page.lead = "One of every chart.".into();
    page.sections
        .extend(named(&over_seeds, "seeds", "Over seeds"));
    page.sections
        .extend(named(&over_loss, "loss", "One parameter"));
    page.sections.extend(named(&grid, "grid", "Two parameters"));
    page.sections
        .extend(named(&controllers, "controllers", "Variants"));
    let [_, newreno, cubic, ..] = &controllers.variants[..] else {
        return Ok(());
    };
    let pair = (newreno.clone(), cubic.clone());
    page.sections.extend(comparisons(&metrics(), &[pair]));
    std::fs::write(folder.join("report.html"), html(&page))?;
    std::fs::write(folder.join("report.json"), serde_json::to_string(&page)?)?;
    for (name, content) in files(&page) {
        std::fs::write(folder.join(name), content)?;
    }
    Ok(())
}
