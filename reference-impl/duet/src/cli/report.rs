//! `duet report`: `report.html` again, from `report.json` and what lies beside it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, cannot_write, say};
use crate::report::{Page, Stored, files, html};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  duet report target/demo
  duet report target/demo --svg target/plots")]
pub(crate) struct Arguments {
    /// The folder that `duet simulate --report` wrote
    folder: PathBuf,
    /// Write each plot to this folder as well, as an SVG file of its own
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = arguments.folder.join("report.json");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("cannot read {}: {error}", path.display()))
            .help("`duet simulate SCENARIO --report DIR` writes one")
            .usage()
    })?;
    let stored = Stored::parse(&text)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let page = stored.page(&arguments.folder);
    if let Some(folder) = &arguments.svg {
        write_plots(folder, &page)?;
    }
    let out = arguments.folder.join("report.html");
    std::fs::write(&out, html(&page)).map_err(|error| cannot_write(&out, &error))?;
    say(out.display())
}

/// A page as report.html and report.json in this folder.
pub(crate) fn write_page(folder: &Path, page: &Page) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    let json = serde_json::to_string(page)
        .map_err(|error| Failure::new(format!("the report: {error}")))?;
    for (name, text) in [("report.json", json), ("report.html", html(page))] {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| cannot_write(&path, &error))?;
    }
    Ok(())
}

/// Each chart as an SVG file of its own.
pub(crate) fn write_plots(folder: &Path, page: &Page) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    for (name, content) in files(page) {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|error| cannot_write(&path, &error))?;
    }
    Ok(())
}
