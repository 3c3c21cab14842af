//! What was expected of a run, and what became of that.

use super::{Check, Report};
use crate::report::model::*;

/// Of all checks, how many held, in a few words; nothing was expected of a run without any.
pub(super) fn verdict(report: &Report) -> Option<String> {
    let all = report.checks.len();
    let held = report
        .checks
        .iter()
        .filter(|check| check.held == Some(true));
    match (held.count(), all) {
        (_, 0) => None,
        (held, all) if held == all => Some(format!("as expected ({all} of {all})")),
        (held, all) => Some(format!("{} of {all} expectations failed", all - held)),
    }
}

/// The checks, those first that failed.
pub(super) fn section(report: &Report) -> Option<Section> {
    if report.checks.is_empty() {
        return None;
    }
    let how = "What the scenario expects of its runs, and what failed of all that must hold of every run.";
    let mut table = Table::text(["", "Expectation"]);
    let word = |check: &Check| match check.held {
        Some(true) => Cell::new("held", Tone::Good),
        Some(false) => Cell::new("failed", Tone::Bad),
        None => Cell::new("not measured", Tone::Bad),
    };
    let (good, bad): (Vec<&Check>, Vec<&Check>) = report
        .checks
        .iter()
        .partition(|check| check.held == Some(true));
    for check in bad.into_iter().chain(good) {
        table.row([word(check), check.text.clone().into()]);
    }
    Some(Section::new("checks", "Expectations", how).table(table))
}
