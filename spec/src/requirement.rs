//! Requirements, and the registry that holds them: read from the chapters, or embedded into a program.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::chapters;
use crate::error::SpecError;
use crate::id::{Id, Level};

/// One normative sentence of the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Its id, never reused.
    pub id: Id,
    /// Its force.
    pub level: Level,
    /// The sentence, without its id; after a colon, the list or block that completes it.
    pub text: String,
    /// The chapter, relative to the workspace's root.
    pub file: String,
    /// The line of the chapter, where the chapter was read.
    pub line: Option<usize>,
    /// Why no line enforces it and no test shows it, where the chapter says so.
    pub untestable: Option<String>,
}

impl Requirement {
    /// Where it stands: `spec/chapters/06-call.md:40`.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, {})\n  {}",
            self.id,
            self.level,
            self.place(),
            self.text
        )
    }
}

/// Every requirement, in order of chapter and place.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    requirements: Vec<Requirement>,
}

impl Registry {
    /// Reads the chapters under a workspace's root; [`SpecError::Failed`] where their ids are not in order.
    pub fn load(root: &Path) -> Result<Self, SpecError> {
        let chapters = chapters::read(root)?;
        if chapters.failures.is_empty() {
            Ok(Self {
                requirements: chapters.requirements,
            })
        } else {
            Err(SpecError::Failed(chapters.failures))
        }
    }

    /// The requirement with this id.
    pub fn find(&self, id: &str) -> Option<&Requirement> {
        self.requirements
            .iter()
            .find(|requirement| requirement.id.as_str() == id)
    }

    /// Every requirement.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.iter()
    }
}

/// One line of `spec/requirements.json`.
#[derive(Deserialize)]
struct Entry {
    id: Id,
    level: Level,
    text: String,
    chapter: String,
    untestable: Option<String>,
}

/// The registry as it was when this crate was built, from `spec/requirements.json`: for programs that run without the chapters.
pub fn embedded() -> Result<Registry, SpecError> {
    let entries: Vec<Entry> = serde_json::from_str(include_str!("../requirements.json"))?;
    let requirements = entries
        .into_iter()
        .map(
            |Entry {
                 id,
                 level,
                 text,
                 chapter,
                 untestable,
             }| Requirement {
                id,
                level,
                text,
                file: format!("{}/{chapter}", chapters::CHAPTERS),
                line: None,
                untestable,
            },
        )
        .collect();
    Ok(Registry { requirements })
}

/// What `spec/requirements.json` must hold: one requirement a line.
pub(crate) fn to_json(requirements: &[Requirement]) -> String {
    let lines: Vec<String> = requirements
        .iter()
        .map(|r| {
            let chapter = r.file.strip_prefix(chapters::CHAPTERS).unwrap_or(&r.file).trim_start_matches('/');
            let mut entry = serde_json::json!({ "id": r.id, "level": r.level, "text": r.text, "chapter": chapter });
            if let Some(reason) = &r.untestable {
                entry["untestable"] = reason.as_str().into();
            }
            format!("  {entry}")
        })
        .collect();
    if lines.is_empty() {
        "[]\n".to_owned()
    } else {
        format!("[\n{}\n]\n", lines.join(",\n"))
    }
}
