//! A call's page: what its data says, section by section.

use super::charts;
use super::figures::{Figures, on_the_way};
use super::{
    Extras, ON_TIME_MS, Report, Side, StillReport, checks, flows, network, tables, verdicts,
};
use crate::report::model::*;
use crate::report::text::{UNKNOWN, count, duration, fixed, percent, quantity, seconds};

/// A call's page. The same report gives the same page.
pub fn page(report: &Report, extras: &Extras) -> Page {
    let mut page = Page::new(report.scenario.as_str());
    page.kind = "Duet, report of a run".into();
    page.lead.clone_from(&report.description);
    let known = |text: &str| {
        if text.is_empty() {
            UNKNOWN.to_owned()
        } else {
            text.to_owned()
        }
    };
    if let Some(verdict) = checks::verdict(report) {
        page = page.fact("Outcome", verdict);
    }
    page = page
        .fact("Seed", report.seed.to_string())
        .fact("Media", known(&report.media))
        .fact("Virtual time", seconds(report.duration_ms, 1))
        .code("SHA-256 of the event log", known(&report.log_hash));
    if !report.command.is_empty() {
        page = page.code("The same run again", report.command.as_str());
    }
    page.sections.extend(checks::section(report));
    if !report.sides.is_empty() {
        page.sections.push(key_figures(report));
        page.sections.push(stills(report));
        page.sections.push(charts::pictures(report));
        page.sections.extend(charts::repair(report));
    }
    page.sections.extend(flows::section(report));
    page.sections.push(network::section(report));
    if !report.study.is_empty() {
        page.sections.push(tables::study(&report.study));
    }
    if !report.signalling.is_empty() {
        page.sections.push(signalling(report));
    }
    if !extras.live.is_empty() {
        let how = "What the two programs said of a call between them over sockets, in real time.";
        let section = Section::new("live", "The same call over sockets", how);
        page.sections
            .push(section.table(tables::objects(&extras.live)));
    }
    if let Some(conformance) = &extras.conformance {
        page.sections.push(verdicts::section(conformance));
    }
    page
}

fn key_figures(report: &Report) -> Section {
    let section = Section::new("figures", "Key figures", "");
    let cards = report.sides.iter().map(|side| {
        let recording = side.recording.as_ref().map(|recording| {
            let (pictures, length) = (count(recording.pictures), duration(recording.duration_ms));
            format!(
                "Recording: {}, {pictures} pictures, {length}.",
                recording.path
            )
        });
        Card {
            title: side.name.clone(),
            aside: format!("sees {}", side.peer),
            failure: side
                .failure
                .as_ref()
                .map(|text| format!("Media broke down: {text}")),
            tiles: tiles(report, side),
            note: recording.unwrap_or_default(),
            ..Card::default()
        }
    });
    section.block(Block::Cards(cards.collect()))
}

fn tiles(report: &Report, side: &Side) -> Vec<Tile> {
    let figures = Figures::of(side, &report.links);
    let of = |number: usize, of: usize| percent((of > 0).then(|| number as f64 / of as f64), 1);
    let within = format!("of the pictures whole within {} ms", fixed(ON_TIME_MS, 0));
    let mut shown = of(figures.shown, figures.sent);
    if figures.damaged > 0 {
        shown += &format!("; {} damaged", count(figures.damaged as u64));
    }
    if figures.cut_off > 0 {
        shown += &format!(
            "; {} on their way at the end",
            count(figures.cut_off as u64)
        );
    }
    let compared = if figures.mean_psnr_db.is_some() {
        "against the original"
    } else {
        "not compared"
    };
    let way = on_the_way(side, &report.links);
    let way: Vec<String> = way
        .iter()
        .map(|link| format!("{} {}", link.shown_name(), percent(link.share_lost(), 1)))
        .collect();
    let hop = &side.peer_hop;
    let again = if hop.sent == 0 {
        Tile::new(UNKNOWN, "packets sent again", "not counted")
    } else {
        let note = format!(
            "by {} to the server, of {}; the server’s own are not counted",
            side.peer,
            count(hop.sent)
        );
        Tile::new(count(hop.repaired), "packets sent again", note)
    };
    let smooth = &figures.smoothness;
    let frozen = match smooth.freezes.len() {
        0 => "no picture stood too long".to_owned(),
        _ => format!(
            "{} in all, {} the longest",
            duration(smooth.total_ms()),
            duration(smooth.longest_ms())
        ),
    };
    let (sent, played) = side.blocks;
    vec![
        Tile {
            first: true,
            ..Tile::new(
                percent(figures.on_time, 1),
                within,
                "from capture to screen",
            )
        },
        Tile::new(
            count(figures.sent as u64),
            "pictures sent",
            format!("by {}", side.peer),
        ),
        Tile::new(count(figures.shown as u64), "pictures shown", shown),
        Tile::new(
            quantity(figures.median_ms, 0, "ms"),
            "median delay",
            "from capture to screen",
        ),
        Tile::new(
            quantity(figures.p95_ms, 0, "ms"),
            "95th percentile",
            format!("of the delay; 99th: {}", quantity(figures.p99_ms, 0, "ms")),
        ),
        Tile::new(count(smooth.freezes.len() as u64), "freezes", frozen),
        Tile::new(
            quantity(smooth.harmonic_fps, 1, "/s"),
            "pictures shown",
            "harmonic mean",
        ),
        Tile::new(
            quantity(figures.mean_psnr_db, 1, "dB"),
            "mean PSNR",
            compared,
        ),
        Tile::new(
            percent(figures.loss, 1),
            "lost on the links",
            way.join(", "),
        ),
        again,
        Tile::new(
            count(played),
            "sound blocks",
            format!("played, of {} sent", count(sent)),
        ),
        Tile::new(
            side.reason.as_deref().unwrap_or(UNKNOWN),
            "end reason",
            ended(side),
        ),
    ]
}

fn ended(side: &Side) -> String {
    match (side.started_ms, side.ended_ms) {
        (Some(from), Some(until)) => format!("after {}", duration(until - from)),
        (None, Some(_)) => "the call never started".into(),
        (Some(_), None) => "the call was still going on".into(),
        (None, None) => "there was no call".into(),
    }
}

fn stills(report: &Report) -> Section {
    let section = Section::new("stills", "Sent and seen", "");
    if report.sides.iter().all(|side| side.stills.is_empty()) {
        let why = match report.media.as_str() {
            "synthetic" => "No pictures were kept: synthetic media has none.",
            _ => "No pictures were kept.",
        };
        return section.block(Block::Text(why.into()));
    }
    let sides = report.sides.iter().filter(|side| !side.stills.is_empty());
    let cards = sides.map(|side| Card {
        title: side.name.clone(),
        aside: format!("sees {}", side.peer),
        pairs: side.stills.iter().map(|still| pair(side, still)).collect(),
        ..Card::default()
    });
    section.block(Block::Cards(cards.collect()))
}

/// A picture as captured beside the same as shown.
fn pair(side: &Side, still: &StillReport) -> Pair {
    let mut title = format!("Picture {}", still.number);
    let mut pictures = side.pictures.iter();
    if let Some(picture) = pictures.find(|picture| picture.number == still.number) {
        title += &format!(", captured at {}", seconds(picture.captured_ms, 2));
        title += &format!("; PSNR {}", quantity(picture.psnr(), 1, "dB"));
        title += &match picture.delay() {
            Some(delay) => format!(", on screen after {}", quantity(Some(delay), 0, "ms")),
            None => ", not shown".into(),
        };
        if picture.delay().is_some() && !picture.intact {
            title += ", damaged";
        }
    }
    Pair {
        title,
        pictures: [
            (still.captured.clone(), format!("sent by {}", side.peer)),
            (still.shown.clone(), format!("seen by {}", side.name)),
        ],
    }
}

fn signalling(report: &Report) -> Section {
    let how = "Times are those at which a client sent a message or received it. Colour and dot tell who sent it. The \
               height measures no time; arrows of the same millisecond stand side by side.";
    let section = Section::new("signalling", "Signalling", how);
    let sequence = Sequence {
        lanes: report.lanes.clone(),
        arrows: report.signalling.clone(),
    };
    section.chart(Chart::new("signalling", "", "", Plot::Sequence(sequence)))
}
