//! State machines: their tables in Markdown, their diagrams in Mermaid.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use duet_protocol::table::{TABLES, Table};

use super::markdown;

/// The names of all state machines.
pub(super) fn names() -> Vec<&'static str> {
    TABLES.iter().map(|table| table.name).collect()
}

/// The state machine of this name.
pub(super) fn find(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// The rows as they are declared: in these phases, on these events, this happens.
pub(super) fn table(table: &Table) -> String {
    let rows = table.rows.iter().map(|row| {
        let then = match row.verdict {
            "go" => format!("→ {}", row.with),
            "refuse" => format!("refuse `{}`", row.with.to_lowercase()),
            verdict => format!("{verdict} {}", row.with),
        };
        vec![
            row.phases.join(", "),
            row.events.join(", "),
            then,
            row.requirement.to_owned(),
        ]
    });
    let rows = markdown(&["In", "On", "Then", "Requirement"], rows);
    let named = |heads: &[&str], all: &[(&str, &str)]| {
        let rows = all
            .iter()
            .map(|(name, doc)| vec![(*name).to_owned(), doc.trim().to_owned()]);
        markdown(heads, rows)
    };
    let phases = named(&["Phase", "Meaning"], table.phases);
    let events = named(&["Event", "What happened"], table.events);
    format!(
        "{}. It begins in {}.\n\n{phases}\n{events}\n{rows}",
        table.doc.trim().trim_end_matches('.'),
        table.begin
    )
}

/// The legal transitions; a phase that nothing leaves is an end.
pub(super) fn diagram(table: &Table) -> String {
    // From, to, events: in order of declaration.
    let mut arrows: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for row in table.rows.iter().filter(|row| row.verdict == "go") {
        for phase in row.phases {
            match arrows
                .iter_mut()
                .find(|(from, to, _)| from == phase && *to == row.with)
            {
                Some((.., events)) => events.extend(row.events),
                None => arrows.push((phase, row.with, row.events.to_vec())),
            }
        }
    }
    let mut out = format!("```mermaid\nstateDiagram-v2\n    [*] --> {}\n", table.begin);
    for (from, to, events) in &arrows {
        let _ = writeln!(out, "    {from} --> {to}: {}", events.join(", "));
    }
    let phases: BTreeSet<&str> = table
        .rows
        .iter()
        .flat_map(|row| row.phases)
        .copied()
        .collect();
    for phase in phases {
        if !arrows
            .iter()
            .any(|(from, to, _)| *from == phase && *to != phase)
        {
            let _ = writeln!(out, "    {phase} --> [*]");
        }
    }
    out + "```\n"
}
