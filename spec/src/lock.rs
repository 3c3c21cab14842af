//! The lock file: which wording was acknowledged, and which ids are retired. `ID LEVEL 16-HEX-DIGITS [retired]`, sorted by id.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::chapters;
use crate::error::{Failure, SpecError};
use crate::id::{Id, Level};
use crate::requirement::{Requirement, to_json};
use crate::tree;

/// The lock file.
pub(crate) const LOCK: &str = "spec/requirements.lock";
/// The requirements as data; `embedded` reads it.
pub(crate) const JSON: &str = "spec/requirements.json";

/// One line of the lock file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) level: Level,
    pub(crate) digest: String,
    pub(crate) retired: bool,
    pub(crate) line: usize,
}

pub(crate) type Entries = BTreeMap<Id, Entry>;

/// What `lock` did.
#[derive(Debug, Default)]
pub struct Locked {
    /// One line for each id that is new, changed, retired or restored.
    pub changes: Vec<String>,
    /// How many requirements are locked.
    pub total: usize,
}

/// Sixteen hex digits of the SHA-256 of a requirement's text.
fn digest(requirement: &Requirement) -> String {
    Sha256::digest(requirement.text.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Reads the lock file; a missing one is empty.
pub(crate) fn read(root: &Path, failures: &mut Vec<Failure>) -> Result<Entries, SpecError> {
    let mut entries = Entries::new();
    let text = tree::read_if_there(root, LOCK)?.unwrap_or_default();
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        let entry = parse(raw, line);
        let mut fail =
            |what: String, remedy: &str| failures.push(Failure::new(LOCK, line, what, remedy));
        match entry {
            Some((id, _)) if entries.contains_key(&id) => {
                fail(format!("{id} is listed twice"), "remove one line")
            }
            Some((id, entry)) => drop(entries.insert(id, entry)),
            None => fail(
                format!("cannot read `{raw}`"),
                "restore the line from the history; `duet-spec lock` writes it",
            ),
        }
    }
    Ok(entries)
}

fn parse(raw: &str, line: usize) -> Option<(Id, Entry)> {
    let (rest, retired) = match raw.strip_suffix(" retired") {
        Some(rest) => (rest, true),
        None => (raw, false),
    };
    let (id, rest) = rest.split_once(' ')?;
    let (level, digest) = rest.rsplit_once(' ')?;
    let is_digest = digest.len() == 16 && digest.chars().all(|c| c.is_ascii_hexdigit());
    let (id, level) = (Id::parse(id)?, Level::parse(level)?);
    is_digest.then(|| {
        (
            id,
            Entry {
                level,
                digest: digest.to_owned(),
                retired,
                line,
            },
        )
    })
}

/// Holds the chapters against the lock file and `requirements.json`.
pub(crate) fn verify(
    root: &Path,
    requirements: &[Requirement],
    entries: &Entries,
) -> Result<Vec<Failure>, SpecError> {
    let mut failures = Vec::new();
    for requirement in requirements {
        let id = &requirement.id;
        let line = requirement.line.unwrap_or(1);
        let mut fail = |what: String, remedy: &str| {
            failures.push(Failure::new(&requirement.file, line, what, remedy))
        };
        match entries.get(id) {
            None => fail(
                format!("{id} is not in {LOCK}"),
                "acknowledge it with `duet-spec lock`",
            ),
            Some(entry) if entry.digest != digest(requirement) && entry.retired => {
                fail(
                    format!("{id} is retired, and ids are never reused"),
                    "give the sentence a new id",
                );
            }
            Some(entry)
                if entry.digest != digest(requirement) || entry.level != requirement.level =>
            {
                fail(
                    format!("the wording of {id} changed since it was locked"),
                    "see that code and tests still fit, then acknowledge it with `duet-spec lock`",
                )
            }
            Some(entry) if entry.retired => {
                fail(
                    format!("{id} is retired in {LOCK}"),
                    "restore it with `duet-spec lock`, or remove the sentence",
                );
            }
            Some(_) => {}
        }
    }
    for (id, entry) in entries.iter().filter(|(_, entry)| !entry.retired) {
        if !requirements.iter().any(|requirement| requirement.id == *id) {
            failures.push(Failure::new(
                LOCK,
                entry.line,
                format!("{id} is locked, but no chapter has it"),
                "restore its sentence, or retire it with `duet-spec lock`",
            ));
        }
    }
    if tree::read_if_there(root, JSON)?.as_deref() != Some(&to_json(requirements)) {
        failures.push(Failure::new(
            JSON,
            1,
            "out of date with the chapters",
            "run `duet-spec lock`",
        ));
    }
    Ok(failures)
}

/// Acknowledges the wording of every requirement: rewrites the lock file and `requirements.json`.
pub fn lock(root: &Path) -> Result<Locked, SpecError> {
    let mut chapters = chapters::read(root)?;
    let old = read(root, &mut chapters.failures)?;
    let mut new = Entries::new();
    let mut locked = Locked {
        total: chapters.requirements.len(),
        ..Locked::default()
    };
    for requirement in &chapters.requirements {
        let id = requirement.id.clone();
        let entry = Entry {
            level: requirement.level,
            digest: digest(requirement),
            retired: false,
            line: 0,
        };
        let change = match old.get(&id) {
            None => Some("new"),
            Some(before) if before.retired && before.digest != entry.digest => {
                chapters.failures.push(Failure::new(
                    &requirement.file,
                    requirement.line.unwrap_or(1),
                    format!("{id} is retired, and ids are never reused"),
                    "give the sentence a new id",
                ));
                None
            }
            Some(before) if before.retired => Some("restored"),
            Some(before) if before.digest != entry.digest || before.level != entry.level => {
                Some("changed")
            }
            Some(_) => None,
        };
        locked
            .changes
            .extend(change.map(|change| format!("{id} {change}")));
        new.insert(id, entry);
    }
    if !chapters.failures.is_empty() {
        return Err(SpecError::Failed(chapters.failures));
    }
    for (id, entry) in old {
        if new.contains_key(&id) {
            continue;
        }
        if !entry.retired {
            locked.changes.push(format!("{id} retired"));
        }
        new.insert(
            id,
            Entry {
                retired: true,
                ..entry
            },
        );
    }
    let line = |(id, entry): (&Id, &Entry)| {
        let retired = if entry.retired { " retired" } else { "" };
        format!("{id} {} {}{retired}\n", entry.level, entry.digest)
    };
    tree::write(root, LOCK, new.iter().map(line).collect::<String>())?;
    tree::write(root, JSON, to_json(&chapters.requirements))?;
    Ok(locked)
}
