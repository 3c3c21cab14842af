//! Codes, limits, timers and violations, each as one table.

use std::time::Duration;

use duet_protocol::code::Code;
use duet_protocol::error::{DecodeError, Violation};
use duet_protocol::limits::{LIMITS, TIMERS};

use super::{grouped, markdown};

/// Every code.
pub(super) fn codes() -> String {
    let rows = Code::ALL.iter().map(|row| {
        vec![
            format!("0x{:04x}", row.code.0),
            format!("`{}`", row.name.to_lowercase()),
            row.meaning.to_owned(),
        ]
    });
    markdown(&["Code", "Name", "Meaning"], rows)
}

/// Every limit.
pub(super) fn limits() -> String {
    let rows = LIMITS.iter().map(|row| {
        vec![
            format!("`{}`", row.name),
            grouped(row.value),
            row.doc.to_owned(),
        ]
    });
    markdown(&["Limit", "Value", "Meaning"], rows)
}

/// Every timer.
pub(super) fn timers() -> String {
    let rows = TIMERS.iter().map(|row| {
        vec![
            format!("`{}`", row.name),
            span(row.span),
            row.range.map_or(String::new(), |(least, most)| {
                format!("{} to {}", span(least), span(most))
            }),
            row.requirement.to_owned(),
            row.doc.to_owned(),
        ]
    });
    markdown(
        &["Timer", "Length", "Range", "Requirement", "Meaning"],
        rows,
    )
}

/// A length of time: `10 s`, `4.5 s`, `25 ms`.
fn span(span: Duration) -> String {
    match span.as_millis() {
        millis if millis < 1_000 => format!("{millis} ms"),
        _ => format!("{} s", span.as_secs_f64()),
    }
}

/// Every violation.
pub(super) fn violations() -> String {
    let rows = Violation::ALL.iter().map(|(violation, code, requirement)| {
        vec![
            format!("{violation:?}"),
            format!("0x{:04x} `{code}`", code.0),
            (*requirement).to_owned(),
        ]
    });
    markdown(&["Violation", "Code", "Requirement"], rows)
}

/// Why bytes cannot be read.
pub(super) fn errors() -> String {
    let rows = DecodeError::ALL
        .iter()
        .map(|(error, meaning, requirement)| {
            let code = Violation::from(*error).code();
            vec![
                format!("{error:?}"),
                format!("0x{:04x} `{code}`", code.0),
                (*requirement).to_owned(),
                (*meaning).to_owned(),
            ]
        });
    markdown(&["Error", "Code", "Requirement", "Meaning"], rows)
}
