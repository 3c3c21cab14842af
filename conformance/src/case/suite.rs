//! The suite: the cases that were built in, or those of a directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use duet_spec::Registry;

use super::tree::Place;
use super::{Case, Fragment, LoadError};

/// Every case, with its file's text.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/cases.rs"));

/// Cases, in order of their ids.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    cases: Vec<Case>,
}

impl Suite {
    /// The cases that were built in.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them.
    pub fn embedded() -> Result<Self, Vec<LoadError>> {
        Self::read(EMBEDDED.iter().map(|(file, text)| (*file, *text)))
    }

    /// The cases of a directory, and the fragments in its folder `fragments`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, unreadable files included.
    pub fn load(dir: &Path) -> Result<Self, Vec<LoadError>> {
        let mut files = Vec::new();
        for dir in [dir.join("fragments"), dir.to_owned()] {
            let entries = match fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(_) if dir.ends_with("fragments") => continue,
                Err(error) => return Err(vec![unreadable(&dir, &error)]),
            };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path
                    .extension()
                    .is_some_and(|extension| extension == "toml")
                {
                    match fs::read_to_string(&path) {
                        Ok(text) => files.push((path.display().to_string(), text)),
                        Err(error) => return Err(vec![unreadable(&path, &error)]),
                    }
                }
            }
        }
        files.sort();
        Self::read(
            files
                .iter()
                .map(|(file, text)| (file.as_str(), text.as_str())),
        )
    }

    /// Reads files: those in a folder `fragments` are fragments, the others are cases.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them.
    pub fn read<'a>(
        files: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<Self, Vec<LoadError>> {
        let (mut errors, mut fragments, mut cases) = (Vec::new(), BTreeMap::new(), Vec::new());
        let is_fragment = |file: &str| file.split('/').rev().nth(1) == Some("fragments");
        for (file, text) in files.clone().filter(|(file, _)| is_fragment(file)) {
            match Fragment::read(file, text) {
                Ok((name, fragment)) => drop(fragments.insert(name, fragment)),
                Err(error) => errors.push(error),
            }
        }
        for (file, text) in files.filter(|(file, _)| !is_fragment(file)) {
            match Case::read(file, text, &fragments) {
                Ok(case) => cases.push(case),
                Err(error) => errors.push(error),
            }
        }
        cases.sort_by(|a: &Case, b| a.id.cmp(&b.id));
        let suite = Self { cases };
        suite.check_twins(&mut errors);
        if errors.is_empty() {
            Ok(suite)
        } else {
            Err(errors)
        }
    }

    fn check_twins(&self, errors: &mut Vec<LoadError>) {
        for case in &self.cases {
            let Some(twin) = &case.twin else { continue };
            let message = match self.find(twin) {
                None if errors.is_empty() => format!("twin `{twin}` is no case of this suite"),
                Some(other) if other.is_negative() => format!("twin `{twin}` is a negative case"),
                _ => continue,
            };
            let line = case.text.lines().position(|line| line.starts_with("twin"));
            let place = Place {
                file: case.file.as_str().into(),
                line: line.map_or(1, |line| line + 1),
            };
            errors.push(LoadError { place, message });
        }
    }

    /// Requirements that cases name and the specification does not have; none where it is empty.
    pub fn unknown_requirements(&self, registry: &Registry) -> Vec<String> {
        if registry.iter().next().is_none() {
            return Vec::new();
        }
        let mut unknown = Vec::new();
        for case in &self.cases {
            for id in case.requirements.iter().chain(case.checks.values()) {
                if registry.find(id.as_str()).is_none() {
                    unknown.push(format!("{}: {id}", case.file));
                }
            }
        }
        unknown
    }

    /// Every case.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The case with this id.
    pub fn find(&self, id: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }

    /// The cases that are chosen.
    #[must_use]
    pub fn filter(&self, chosen: impl Fn(&Case) -> bool) -> Self {
        let cases = self.cases.iter().filter(|case| chosen(case)).cloned();
        Self {
            cases: cases.collect(),
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> LoadError {
    LoadError {
        place: Place {
            file: path.display().to_string().into(),
            line: 1,
        },
        message: error.to_string(),
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, rest)) => match name.strip_prefix(before) {
            Some(tail) => (0..=tail.len())
                .filter(|at| tail.is_char_boundary(*at))
                .any(|at| fits(rest, &tail[at..])),
            None => false,
        },
    }
}
