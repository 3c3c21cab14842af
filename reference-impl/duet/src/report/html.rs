//! One self-contained HTML file.

use super::{Extras, Report};

/// Renders a report.
pub fn render(report: &Report, _extras: &Extras) -> String {
    format!("<!doctype html><title>{}</title>", report.scenario)
}
