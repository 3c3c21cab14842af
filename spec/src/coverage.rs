//! Per requirement: what enforces it, tests it, checks it, breaks it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::chapters::{self, Chapters};
use crate::citations::{self, Citation, Citations, Use};
use crate::error::{Failure, SpecError};
use crate::id::Id;
use crate::lock::{self, Entries};
use crate::requirement::Requirement;

/// Everything that is known of a workspace: chapters, citations, lock file.
pub struct Survey {
    pub(crate) chapters: Chapters,
    pub(crate) citations: Citations,
    pub(crate) locked: Entries,
    pub(crate) lock_failures: Vec<Failure>,
}

/// One requirement and the places that cite it.
pub struct Covered<'a> {
    /// The requirement.
    pub requirement: &'a Requirement,
    /// Every citation of it.
    pub citations: Vec<&'a Citation>,
}

impl<'a> Covered<'a> {
    fn places(&self, fits: impl Fn(&Use) -> bool) -> Vec<&'a Citation> {
        self.citations
            .iter()
            .copied()
            .filter(|citation| fits(&citation.used))
            .collect()
    }

    /// The lines and declarations that enforce it.
    pub fn enforced(&self) -> Vec<&'a Citation> {
        self.places(|used| *used == Use::Enforces)
    }

    /// The tests that show it.
    pub fn tests(&self) -> Vec<&'a Citation> {
        self.places(|used| matches!(used, Use::Test(_)))
    }

    /// The conformance cases that check it.
    pub fn checks(&self) -> Vec<&'a Citation> {
        self.places(|used| *used == Use::Check)
    }

    /// The mutants that break it.
    pub fn mutants(&self) -> Vec<&'a Citation> {
        self.places(|used| *used == Use::Mutant)
    }

    /// The places that declare a departure from it.
    pub fn exceptions(&self) -> Vec<&'a Citation> {
        self.places(|used| matches!(used, Use::Exception(_)))
    }

    /// Whether a test or a conformance check shows it.
    pub fn is_tested(&self) -> bool {
        self.citations
            .iter()
            .any(|citation| matches!(citation.used, Use::Test(_) | Use::Check))
    }

    /// What it lacks of an enforcing line, a test, a conformance check and a mutant; nothing where it is exempt.
    pub fn lacking(&self) -> Vec<&'static str> {
        if self.requirement.untestable.is_some() || !self.exceptions().is_empty() {
            return Vec::new();
        }
        let places = [
            ("an enforcing line", self.enforced()),
            ("a test", self.tests()),
            ("a conformance check", self.checks()),
            ("a mutant", self.mutants()),
        ];
        let lacking = places.into_iter().filter(|(_, places)| places.is_empty());
        lacking.map(|(what, _)| what).collect()
    }

    fn note(&self) -> Option<&'static str> {
        if self.requirement.untestable.is_some() {
            Some("untestable")
        } else if !self.exceptions().is_empty() {
            Some("exception")
        } else if self.requirement.level.is_binding() && !self.is_covered() {
            Some("OPEN")
        } else {
            None
        }
    }

    /// Whether it is both enforced and tested.
    pub fn is_shown(&self) -> bool {
        !self.enforced().is_empty() && self.is_tested()
    }

    /// Whether it is shown to hold, or declared exempt.
    pub fn is_covered(&self) -> bool {
        self.is_shown() || self.requirement.untestable.is_some() || !self.exceptions().is_empty()
    }
}

/// Numbers over all requirements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requirements.
    pub requirements: usize,
    /// Those whose level is binding.
    pub binding: usize,
    /// Binding ones that are enforced and tested, or exempt.
    pub binding_covered: usize,
    /// Those with an enforcing line.
    pub enforced: usize,
    /// Those with a test.
    pub tested: usize,
    /// Those with a conformance check.
    pub checked: usize,
    /// Those with a mutant.
    pub mutated: usize,
    /// Those that their chapter marks untestable.
    pub untestable: usize,
    /// Those that the code departs from, and says so.
    pub exceptions: usize,
}

impl Totals {
    fn add(&mut self, covered: &Covered<'_>) {
        let binding = covered.requirement.level.is_binding();
        self.requirements += 1;
        self.binding += usize::from(binding);
        self.binding_covered += usize::from(binding && covered.is_covered());
        self.enforced += usize::from(!covered.enforced().is_empty());
        self.tested += usize::from(!covered.tests().is_empty());
        self.checked += usize::from(!covered.checks().is_empty());
        self.mutated += usize::from(!covered.mutants().is_empty());
        self.untestable += usize::from(covered.requirement.untestable.is_some());
        self.exceptions += usize::from(!covered.exceptions().is_empty());
    }

    fn to_line(self) -> String {
        format!(
            "requirements {} · binding {}, covered {} · enforced {} · tested {} · checked {} · with a mutant {} · untestable {} · exceptions {}",
            self.requirements,
            self.binding,
            self.binding_covered,
            self.enforced,
            self.tested,
            self.checked,
            self.mutated,
            self.untestable,
            self.exceptions,
        )
    }

    fn to_json(self) -> Value {
        json!({
            "requirements": self.requirements, "binding": self.binding, "binding_covered": self.binding_covered,
            "enforced": self.enforced, "tested": self.tested, "checked": self.checked, "mutated": self.mutated,
            "untestable": self.untestable, "exceptions": self.exceptions,
        })
    }
}

impl Survey {
    /// Reads a workspace.
    pub fn read(root: &Path) -> Result<Self, SpecError> {
        let chapters = chapters::read(root)?;
        let mut lock_failures = Vec::new();
        let locked = lock::read(root, &mut lock_failures)?;
        let ids = chapters
            .requirements
            .iter()
            .map(|requirement| &requirement.id)
            .chain(locked.keys());
        let areas: BTreeSet<&str> = ids.map(Id::area).collect();
        let citations = citations::read(root, &areas)?;
        Ok(Self {
            chapters,
            citations,
            locked,
            lock_failures,
        })
    }

    /// Every requirement with its citations, in order of chapter and place.
    pub fn covered(&self) -> Vec<Covered<'_>> {
        let cites = |requirement: &Requirement| {
            self.citations
                .all
                .iter()
                .filter(|citation| citation.id == requirement.id)
                .collect()
        };
        self.chapters
            .requirements
            .iter()
            .map(|requirement| Covered {
                requirement,
                citations: cites(requirement),
            })
            .collect()
    }

    /// The numbers.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.covered()
            .iter()
            .for_each(|covered| totals.add(covered));
        totals
    }

    /// The numbers of each chapter that has a requirement, in order.
    pub fn chapter_totals(&self) -> Vec<(String, Totals)> {
        let mut chapters: Vec<(String, Totals)> = Vec::new();
        for covered in self.covered() {
            let file = &covered.requirement.file;
            if chapters.last().is_none_or(|(last, _)| last != file) {
                chapters.push((file.clone(), Totals::default()));
            }
            if let Some((_, totals)) = chapters.last_mut() {
                totals.add(&covered);
            }
        }
        chapters
    }

    /// The binding requirements that are neither shown to hold nor exempt.
    pub fn open(&self) -> usize {
        let totals = self.totals();
        totals.binding - totals.binding_covered
    }

    /// The coverage as text: each requirement with its places, or with `missing` only those that lack an enforcing
    /// line, a test, a check or a mutant, with what they lack; then the numbers of each chapter and of all.
    pub fn to_text(&self, missing: bool) -> String {
        let mut out = String::new();
        for covered in self.covered() {
            let lacking = covered.lacking();
            if missing && lacking.is_empty() {
                continue;
            }
            let _ = write!(
                out,
                "{} {}",
                covered.requirement.id, covered.requirement.level
            );
            if let Some(note) = covered.note() {
                let _ = write!(out, "  {note}");
            }
            if missing {
                let _ = write!(out, "  lacks {}", lacking.join(", "));
            }
            out.push('\n');
            for (title, places) in [
                ("enforced", covered.enforced()),
                ("test", covered.tests()),
                ("check", covered.checks()),
                ("mutant", covered.mutants()),
            ] {
                for place in places.iter().filter(|_| !missing) {
                    let _ = writeln!(out, "    {title:<9} {}", place.place());
                }
            }
        }
        for (chapter, totals) in self.chapter_totals() {
            let _ = writeln!(out, "{chapter}: {}", totals.to_line());
        }
        let _ = writeln!(out, "all: {}", self.totals().to_line());
        out
    }

    /// The coverage as JSON: the same, with places.
    pub fn to_json(&self, missing: bool) -> Value {
        let places =
            |citations: Vec<&Citation>| citations.iter().map(|c| c.place()).collect::<Vec<_>>();
        let requirements: Vec<Value> = self
            .covered()
            .iter()
            .filter(|covered| !missing || !covered.lacking().is_empty())
            .map(|covered| {
                json!({
                    "id": covered.requirement.id,
                    "level": covered.requirement.level,
                    "place": covered.requirement.place(),
                    "covered": covered.is_covered(),
                    "lacking": covered.lacking(),
                    "enforced": places(covered.enforced()),
                    "tests": places(covered.tests()),
                    "checks": places(covered.checks()),
                    "mutants": places(covered.mutants()),
                    "exceptions": places(covered.exceptions()),
                    "untestable": covered.requirement.untestable,
                })
            })
            .collect();
        let chapters: serde_json::Map<_, _> = self
            .chapter_totals()
            .into_iter()
            .map(|(chapter, totals)| (chapter, totals.to_json()))
            .collect();
        json!({ "requirements": requirements, "chapters": chapters, "totals": self.totals().to_json() })
    }

    /// A requirement's text and its places; ids are read in either case.
    pub fn explain(&self, id: &str) -> Result<String, SpecError> {
        let unknown = |why| SpecError::UnknownId(id.to_owned(), why);
        let wanted = Id::parse(&id.to_ascii_uppercase())
            .ok_or_else(|| unknown("an id looks like CALL-012"))?;
        let all = self.covered();
        let Some(covered) = all.iter().find(|covered| covered.requirement.id == wanted) else {
            let retired = self.locked.get(&wanted).is_some_and(|entry| entry.retired);
            return Err(unknown(if retired {
                "this requirement is retired"
            } else {
                "no chapter has this id"
            }));
        };
        let mut out = format!("{}\n", covered.requirement);
        if let Some(reason) = &covered.requirement.untestable {
            let _ = writeln!(out, "\n  untestable: {reason}");
        }
        for citation in covered.exceptions() {
            if let Use::Exception(reason) = &citation.used {
                let _ = writeln!(out, "\n  exception: {reason}\n    {}", citation.place());
            }
        }
        for (title, citations) in [
            ("enforced by", covered.enforced()),
            ("tests", covered.tests()),
            ("conformance checks", covered.checks()),
            ("mutants", covered.mutants()),
            ("mentioned by", covered.places(|used| *used == Use::Mention)),
        ] {
            if !citations.is_empty() {
                let _ = writeln!(out, "\n  {title}:");
            }
            for citation in citations {
                let _ = writeln!(out, "    {}", citation.place());
            }
        }
        Ok(out)
    }
}
