//! Where ids are cited: by lines that enforce them, by tests, by conformance checks, by mutants.

use std::collections::BTreeSet;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::error::{Failure, SpecError};
use crate::id::Id;
use crate::rust::{self, Spot, Token};
use crate::tree;

/// What a citation is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// The line below enforces it, or the declaration does.
    Enforces,
    /// The code departs from it, for this reason.
    Exception(String),
    /// A test shows it; its name, where the name says so.
    Test(Option<String>),
    /// A conformance case checks it.
    Check,
    /// A mutant breaks it.
    Mutant,
    /// Named where citations count for nothing.
    Mention,
}

/// One place that cites a requirement.
#[derive(Clone, Debug)]
pub struct Citation {
    /// The requirement.
    pub id: Id,
    /// What the citation is good for.
    pub used: Use,
    /// The file, relative to the root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl Citation {
    /// `protocol/src/call/server.rs:40`, and the test's name where there is one.
    pub fn place(&self) -> String {
        match &self.used {
            Use::Test(Some(name)) => format!("{}:{} {name}", self.file, self.line),
            _ => format!("{}:{}", self.file, self.line),
        }
    }
}

/// Every citation of a tree, and what cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Citations {
    pub(crate) all: Vec<Citation>,
    pub(crate) failures: Vec<Failure>,
}

/// What kind of code a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Enforcing,
    Tests,
    Mutants,
    Other,
}

fn role(file: &str) -> Role {
    let parts: Vec<&str> = file.split('/').collect();
    match parts.as_slice() {
        _ if parts.contains(&"tests") => Role::Tests,
        ["protocol", "src", ..] | ["reference-impl", _, "src", ..] => Role::Enforcing,
        ["conformance", "mutants", "src", ..] => Role::Mutants,
        _ => Role::Other,
    }
}

/// Reads every citation under `root`. A test's name counts only where its area is one of `areas`: `rfc_822_…` is just a name.
pub(crate) fn read(root: &Path, areas: &BTreeSet<&str>) -> Result<Citations, SpecError> {
    let mut citations = Citations::default();
    let mut sources = Vec::new();
    for file in tree::files(root, "", ".rs")? {
        let spots = rust::tokens(&tree::read(root, &file)?);
        sources.push((file, spots));
    }
    let mut test_modules = Vec::new();
    for (file, spots) in &sources {
        let (dir, name) = file.rsplit_once('/').unwrap_or(("", file));
        let base = match name {
            "lib.rs" | "main.rs" | "mod.rs" => dir.to_owned(),
            _ => file.trim_end_matches(".rs").to_owned(),
        };
        test_modules.extend(rust::test_modules(spots).map(|module| format!("{base}/{module}")));
    }
    for (file, spots) in &sources {
        let beneath = |module: &String| {
            file.strip_prefix(module.as_str())
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        let role = if test_modules.iter().any(beneath) {
            Role::Tests
        } else {
            role(file)
        };
        Source {
            file,
            spots,
            role,
            areas,
            out: &mut citations,
        }
        .read();
    }
    for file in tree::files(root, "conformance/cases", ".toml")? {
        let text = tree::read(root, &file)?;
        read_case(&file, &text, &mut citations);
    }
    Ok(citations)
}

/// One file of Rust.
struct Source<'a> {
    file: &'a str,
    spots: &'a [Spot],
    role: Role,
    areas: &'a BTreeSet<&'a str>,
    out: &'a mut Citations,
}

impl Source<'_> {
    fn read(&mut self) {
        let spots = self.spots;
        // Per open bracket: whether it is that of a macro's declaration, `messages! { … }`.
        let mut open = Vec::new();
        let (mut at, mut is_test, mut is_ignored) = (0, false, false);
        while let Some(spot) = spots.get(at) {
            if let Some((after, path, _)) = rust::attribute(spots, at) {
                is_test |= path.last() == Some(&"test");
                is_ignored |= path == ["ignore"];
                at = after;
                continue;
            }
            match &spot.token {
                Token::Comment(comment) => {
                    if let Some(cited) = comment
                        .strip_prefix('=')
                        .filter(|rest| !rest.starts_with('='))
                    {
                        self.comment(at, cited.trim());
                    }
                }
                Token::Text(text) => {
                    let declared = match (
                        at.checked_sub(1).and_then(|i| spots.get(i)),
                        spots.get(at + 1),
                    ) {
                        (Some(before), Some(after)) => {
                            (before.is('[') && after.is(']')) || after.is(':')
                        }
                        _ => false,
                    };
                    let used = match self.role {
                        Role::Mutants => Some(Use::Mutant),
                        Role::Enforcing if declared && !spot.test && open.contains(&true) => {
                            Some(Use::Enforces)
                        }
                        _ => None,
                    };
                    if let (Some(used), Some(id)) = (used, Id::parse(text)) {
                        self.cite(id, used, spot.line);
                    }
                }
                Token::Word(word) if word == "fn" => {
                    if let Some(name) = spots
                        .get(at + 1)
                        .and_then(Spot::word)
                        .filter(|_| is_test && !is_ignored)
                    {
                        let id = Id::of_test(name).filter(|id| self.areas.contains(id.area()));
                        if let Some(id) = id {
                            self.cite(id, Use::Test(Some(name.to_owned())), spot.line);
                        }
                    }
                }
                Token::Sign('{' | '(' | '[') => {
                    let declares = spot.is('{')
                        && at >= 2
                        && spots[at - 1].is('!')
                        && spots[at - 2].word().is_some();
                    open.push(declares);
                }
                Token::Sign('}' | ')' | ']') => {
                    open.pop();
                }
                _ => {}
            }
            if matches!(spot.token, Token::Sign('{' | '}' | ';')) {
                (is_test, is_ignored) = (false, false);
            }
            at += 1;
        }
    }

    fn cite(&mut self, id: Id, used: Use, line: usize) {
        self.out.all.push(Citation {
            id,
            used,
            file: self.file.to_owned(),
            line,
        });
    }

    fn fail(&mut self, line: usize, what: impl Into<String>, remedy: &str) {
        self.out
            .failures
            .push(Failure::new(self.file, line, what, remedy));
    }

    /// Reads `CALL-012, CALL-013` or `CALL-012 exception: reason`.
    fn comment(&mut self, at: usize, cited: &str) {
        let spot = &self.spots[at];
        let (names, reason) = match cited.split_once(" exception:") {
            Some((names, reason)) => (names, Some(reason.trim())),
            None => (cited, None),
        };
        let ids: Option<Vec<Id>> = names
            .split(',')
            .map(|name| Id::parse(name.trim()))
            .collect();
        let form =
            "write `//= CALL-012`, `//= CALL-012, CALL-013` or `//= CALL-012 exception: reason`";
        let Some(ids) = ids.filter(|_| reason != Some("")) else {
            return self.fail(
                spot.line,
                format!("cannot read the citation `//= {cited}`"),
                form,
            );
        };
        let in_test = self.role == Role::Tests || spot.test;
        let used = match (self.role, reason) {
            (_, Some(_)) if in_test => {
                let remedy = "put it above the code that departs from the requirement";
                return self.fail(spot.line, "an exception in a test", remedy);
            }
            _ if in_test => Use::Test(None),
            (Role::Enforcing, Some(reason)) => Use::Exception(reason.to_owned()),
            (Role::Enforcing, None) => Use::Enforces,
            _ => Use::Mention,
        };
        let beside_code = at
            .checked_sub(1)
            .is_some_and(|before| self.spots[before].line == spot.line);
        let next = self.spots[at..]
            .iter()
            .find(|spot| !matches!(spot.token, Token::Comment(_)));
        if used == Use::Enforces && !beside_code && next.is_none_or(|next| next.is('}')) {
            let remedy = "move the citation above the line that enforces the requirement";
            self.fail(
                spot.line,
                format!("`//= {cited}` has no line of code below it"),
                remedy,
            );
            return;
        }
        for id in ids {
            self.cite(id, used.clone(), spot.line);
        }
    }
}

/// Reads a conformance case: every string under `requirement`, `requirements` or in `checks` is an id.
fn read_case(file: &str, text: &str, out: &mut Citations) {
    let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let before = out.all.len() + out.failures.len();
    match DeTable::parse(text) {
        Ok(table) => read_table(
            table.get_ref(),
            false,
            &mut |offset, cited| match Id::parse(cited) {
                Some(id) => {
                    let line = line_of(offset);
                    out.all.push(Citation {
                        id,
                        used: Use::Check,
                        file: file.to_owned(),
                        line,
                    });
                }
                None => out.failures.push(Failure::new(
                    file,
                    line_of(offset),
                    format!("`{cited}` is no requirement id"),
                    "write an id such as CALL-012",
                )),
            },
        ),
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(span.start));
            out.failures.push(Failure::new(
                file,
                line,
                format!("not TOML: {}", error.message()),
                "mend the file",
            ));
        }
    }
    if out.all.len() + out.failures.len() == before {
        let remedy = "name what the case checks: `checks = { name = \"CALL-012\" }`";
        out.failures.push(Failure::new(
            file,
            1,
            "a case without a requirement",
            remedy,
        ));
    }
}

fn read_table(table: &DeTable<'_>, cites: bool, found: &mut impl FnMut(usize, &str)) {
    for (key, value) in table {
        let names = matches!(key.get_ref().as_ref(), "requirement" | "requirements");
        let checks = key.get_ref() == "checks";
        read_value(
            value.get_ref(),
            value.span().start,
            names || checks || cites,
            checks,
            found,
        );
    }
}

fn read_value(
    value: &DeValue<'_>,
    at: usize,
    cites: bool,
    checks: bool,
    found: &mut impl FnMut(usize, &str),
) {
    match value {
        DeValue::String(text) if cites => found(at, text),
        DeValue::Array(items) => {
            for item in items {
                read_value(item.get_ref(), item.span().start, cites, checks, found);
            }
        }
        DeValue::Table(table) => read_table(table, checks, found),
        _ => {}
    }
}
