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
        for covered in self.covered() {
            let binding = covered.requirement.level.is_binding();
            totals.requirements += 1;
            totals.binding += usize::from(binding);
            totals.binding_covered += usize::from(binding && covered.is_covered());
            totals.enforced += usize::from(!covered.enforced().is_empty());
            totals.tested += usize::from(!covered.tests().is_empty());
            totals.checked += usize::from(!covered.checks().is_empty());
            totals.mutated += usize::from(!covered.mutants().is_empty());
            totals.untestable += usize::from(covered.requirement.untestable.is_some());
            totals.exceptions += usize::from(!covered.exceptions().is_empty());
        }
        totals
    }

    /// The coverage as a table of text.
    pub fn to_table(&self) -> String {
        let mut out = format!(
            "{:<12} {:<15} {:>4} {:>5} {:>6} {:>7}\n",
            "ID", "LEVEL", "CODE", "TESTS", "CHECKS", "MUTANTS"
        );
        for covered in self.covered() {
            let requirement = covered.requirement;
            let note = if requirement.untestable.is_some() {
                "  untestable"
            } else if !covered.exceptions().is_empty() {
                "  exception"
            } else if requirement.level.is_binding() && !covered.is_covered() {
                "  OPEN"
            } else {
                ""
            };
            let _ = writeln!(
                out,
                "{:<12} {:<15} {:>4} {:>5} {:>6} {:>7}{note}",
                requirement.id,
                requirement.level,
                covered.enforced().len(),
                covered.tests().len(),
                covered.checks().len(),
                covered.mutants().len(),
            );
        }
        let t = self.totals();
        let _ = writeln!(
            out,
            "requirements {} · binding {}, covered {} · enforced {} · tested {} · checked {} · with a mutant {} · untestable {} · exceptions {}",
            t.requirements,
            t.binding,
            t.binding_covered,
            t.enforced,
            t.tested,
            t.checked,
            t.mutated,
            t.untestable,
            t.exceptions,
        );
        out
    }

    /// The coverage as JSON.
    pub fn to_json(&self) -> Value {
        let places =
            |citations: Vec<&Citation>| citations.iter().map(|c| c.place()).collect::<Vec<_>>();
        let requirements: Vec<Value> = self
            .covered()
            .iter()
            .map(|covered| {
                json!({
                    "id": covered.requirement.id,
                    "level": covered.requirement.level,
                    "place": covered.requirement.place(),
                    "covered": covered.is_covered(),
                    "enforced": places(covered.enforced()),
                    "tests": places(covered.tests()),
                    "checks": places(covered.checks()),
                    "mutants": places(covered.mutants()),
                    "exceptions": places(covered.exceptions()),
                    "untestable": covered.requirement.untestable,
                })
            })
            .collect();
        let t = self.totals();
        json!({
            "requirements": requirements,
            "totals": {
                "requirements": t.requirements, "binding": t.binding, "binding_covered": t.binding_covered,
                "enforced": t.enforced, "tested": t.tested, "checked": t.checked, "mutated": t.mutated,
                "untestable": t.untestable, "exceptions": t.exceptions,
            },
        })
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
