//! What can go wrong: a failure is something that the tree gets wrong; an error is why it could not be looked at.

use std::fmt;
use std::path::{Path, PathBuf};

/// Something in the tree that is wrong: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// The file, relative to the root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Failure {
    pub(crate) fn new(
        file: &str,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            line,
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {} — {}",
            self.file, self.line, self.what, self.remedy
        )
    }
}

/// Why the tool could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// A file cannot be read or written.
    #[error("{path}: {source} — check the path, or give the workspace with --root")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The directory is no workspace of Duet.
    #[error(
        "{0}: no directory spec/chapters here or above — run inside the workspace, or give it with --root"
    )]
    NoWorkspace(PathBuf),
    /// An id that no chapter has.
    #[error("{0}: {1} — `duet-spec coverage` lists all ids")]
    UnknownId(String, &'static str),
    /// `spec/requirements.json` does not parse.
    #[error("spec/requirements.json: {0} — regenerate it with `duet-spec lock`")]
    BadJson(#[from] serde_json::Error),
    /// The chapters are wrong in a way that stops what was asked for.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Failed(Vec<Failure>),
}

impl SpecError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
