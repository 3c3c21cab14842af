//! A run as a sequence diagram.

use duet_sim::explore::Diagram;
use duet_sim::{Cause, Fate, Record, Role, Scenario};

use crate::failure::Found;
use crate::simulate::Outcome;

/// Messages before the failure that are drawn.
const MOST: usize = 300;

/// What is no further apart stands under one time.
const TOGETHER_MS: f64 = 500.0;

enum Row {
    Message { from: u8, to: u8, label: String },
    Lost { from: u8, to: u8, label: String },
    Note { text: String },
}

/// Who said what to whom, what was done to the network, the packets that were lost by number, and how it failed. Of a
/// run with traces.
pub fn drawing(scenario: &Scenario, outcome: &Outcome, failure: &Found) -> Diagram {
    let nodes = scenario.nodes.iter().enumerate();
    let lanes: Vec<usize> = nodes
        .filter(|(_, node)| matches!(node.role, Role::Client | Role::Server))
        .map(|(index, _)| index)
        .collect();
    let lane = |node: usize| {
        let lane = lanes.iter().position(|own| *own == node)?;
        u8::try_from(lane).ok()
    };
    let ends = |link: &str| {
        let (from, to) = link.split_once('>')?;
        Some((lane(scenario.node(from)?)?, lane(scenario.node(to)?)?))
    };
    let until = failure.at.map_or(f64::INFINITY, |at| at.as_millis_f64());
    let mut rows: Vec<(f64, Row)> = Vec::new();
    for arrow in &outcome.report.signalling {
        if let (Some(from), Some(to)) = (lane(arrow.from), lane(arrow.to)) {
            let label = match arrow.detail.is_empty() {
                true => arrow.name.clone(),
                false => format!("{} {}", arrow.name, arrow.detail),
            };
            rows.push((arrow.at_ms, Row::Message { from, to, label }));
        }
    }
    for record in outcome.log.records() {
        match record {
            Record::Packet { link, journey } => {
                if journey.fate
                    != (Fate::Lost {
                        cause: Cause::ListedLoss,
                    })
                {
                    continue;
                }
                let (name, number) = (outcome.log.link_name(*link), journey.number);
                let row = match ends(name) {
                    Some((from, to)) => Row::Lost {
                        from,
                        to,
                        label: format!("datagram {number}"),
                    },
                    None => Row::Note {
                        text: format!("{name} loses its datagram {number}"),
                    },
                };
                rows.push((journey.left.as_millis_f64(), row));
            }
            Record::Note { at, text } => {
                let text = text.to_string();
                rows.push((at.as_millis_f64(), Row::Note { text }));
            }
            Record::Dropped { .. } => {}
        }
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows.retain(|(at, _)| *at <= until);
    let names = lanes.iter().map(|node| scenario.node_name(*node));
    let mut diagram = Diagram::new(names);
    let mut told: Option<f64> = None;
    for (at, row) in rows.split_off(rows.len().saturating_sub(MOST)) {
        if told.is_none_or(|told| at - told > TOGETHER_MS) {
            diagram.across(format!("{:.1} s", at / 1_000.0));
            told = Some(at);
        }
        match row {
            Row::Message { from, to, label } => diagram.arrow(from, to, label),
            Row::Lost { from, to, label } => diagram.lost(from, to, label),
            Row::Note { text } => diagram.across(text),
        }
    }
    diagram.across(failure.text.clone());
    diagram
}
