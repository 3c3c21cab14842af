//! Scenario files, table by table: what is read, and what is said about faults.

mod capacity;
mod expectations;
mod faults;
mod flows;
mod limits;
mod matrix;
mod middleboxes;
mod network;
mod page;
mod presets;
mod removal;
mod round_trip;
mod running;
mod sense;
mod stages;
mod steps;

use duet_sim::Scenario;

/// A network of everything, before what a test adds to it.
const BASE: &str = r#"name = "base"
duration = "60 s"

[[node]]
name = "alice"
role = "client"
[[node]]
name = "bob"
role = "client"
[[node]]
name = "server"
role = "server"
[[node]]
name = "home"
role = "nat"
[[node]]
name = "phone"
role = "host"
count = 3

[[link]]
name = "uplink"
from = "alice"
to = "home"
[[link]]
from = "home"
to = "server"
delay = "5 ms"
[[link]]
from = "bob"
to = "server"
to_only = true
[[link]]
name = "access"
from = "phone"
to = "server"
delay = "5 ms"
"#;

/// [`BASE`] with more tables, read.
fn with(more: &str) -> Scenario {
    let text = format!("{BASE}{more}\n");
    Scenario::parse(&text, "good.toml").unwrap_or_else(|error| panic!("{error}"))
}

/// What is said about [`BASE`] with more tables: the message, the place that is underlined, and the advice.
fn complaint(more: &str) -> String {
    let text = format!("{BASE}{more}\n");
    match Scenario::parse(&text, "bad.toml") {
        Ok(_) => panic!("accepted: {more}"),
        Err(error) => brief(&error),
    }
}

/// An error in short: ``message @ `what is underlined` ? advice ; note``.
fn brief(error: &duet_sim::ScenarioError) -> String {
    let skipped = error.source_line.chars().skip(error.column - 1);
    let place: String = skipped.take(error.width).collect();
    let help = error.help.iter().map(|help| format!(" ? {help}"));
    let note = error.note.iter().map(|note| format!(" ; {note}"));
    let rest: String = help.chain(note).collect();
    format!("{} @ `{place}`{rest}", error.message)
}
