//! `duet report`: `report.html` again, from `report.json` and what lies beside it.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, cannot_write, say};
use crate::report::{Extras, Report, render};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  duet report target/demo")]
pub(crate) struct Arguments {
    /// The folder that `duet simulate --report` wrote
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = arguments.folder.join("report.json");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("cannot read {}: {error}", path.display()))
            .help("`duet simulate SCENARIO --report DIR` writes one")
            .usage()
    })?;
    let report: Report = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let out = arguments.folder.join("report.html");
    std::fs::write(&out, render(&report, &Extras::load(&arguments.folder)))
        .map_err(|error| cannot_write(&out, &error))?;
    say(out.display())
}
