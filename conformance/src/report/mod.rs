//! Reports: lines for people, JSON for programs, traces for tools.

mod console;
mod json;

use std::fs;
use std::io;
use std::path::Path;

pub use console::{case_line, failure, summary};
pub use json::json;

use crate::run::{Report, trace};

/// Writes one `.sqlog` a case.
///
/// # Errors
///
/// As the system reports them.
pub fn write_traces(dir: &Path, report: &Report) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for case in &report.cases {
        let bytes = trace(&case.id, report.seed, &case.log);
        fs::write(dir.join(format!("{}.sqlog", case.id)), bytes)?;
    }
    Ok(())
}
