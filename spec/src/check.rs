//! Holds spec, code and tests together: every rule that can be broken, and where it is.

use std::path::Path;

use duet_protocol::limits::TIMERS;

use crate::chapters::CHAPTERS;
use crate::coverage::{Covered, Survey};
use crate::error::{Failure, SpecError};
use crate::id::Id;
use crate::{lock, render};

/// Everything that is wrong with a workspace, sorted by place; nothing where it passes.
pub fn check(root: &Path) -> Result<Vec<Failure>, SpecError> {
    inspect(root, &Survey::read(root)?)
}

/// The same, of a workspace that was read.
pub fn inspect(root: &Path, survey: &Survey) -> Result<Vec<Failure>, SpecError> {
    let mut failures = survey.chapters.failures.clone();
    failures.extend_from_slice(&survey.lock_failures);
    failures.extend_from_slice(&survey.citations.failures);
    failures.append(&mut lock::verify(
        root,
        &survey.chapters.requirements,
        &survey.locked,
    )?);
    failures.append(&mut render::stale(root, &survey.chapters)?);
    if survey.chapters.requirements.is_empty() {
        let remedy = "write chapters whose sentences carry ids such as [CALL-012]";
        failures.push(Failure::new(
            CHAPTERS,
            1,
            "no requirement in any chapter",
            remedy,
        ));
    }
    for covered in survey.covered() {
        uncovered(&covered, &mut failures);
    }
    unknown(survey, &mut failures);
    timers(root, survey, &mut failures);
    failures.sort();
    failures.dedup();
    Ok(failures)
}

/// Every timer belongs to a requirement that there is, where the code is the reference's.
fn timers(root: &Path, survey: &Survey, failures: &mut Vec<Failure>) {
    let file = "protocol/src/limits.rs";
    if !root.join(file).exists() {
        return;
    }
    let there = |id: &str| {
        survey
            .chapters
            .requirements
            .iter()
            .any(|r| r.id.as_str() == id)
    };
    for timer in TIMERS.iter().filter(|timer| !there(timer.requirement)) {
        failures.push(Failure::new(
            file,
            1,
            format!(
                "the timer {} names {}, which no chapter makes",
                timer.name, timer.requirement
            ),
            "name the requirement that says when it runs",
        ));
    }
}

/// A binding requirement needs a line and a test; an exempt one must not have both.
fn uncovered(covered: &Covered<'_>, failures: &mut Vec<Failure>) {
    let requirement = covered.requirement;
    let id = &requirement.id;
    let mut fail = |what: String, remedy: String| {
        failures.push(Failure::new(
            &requirement.file,
            requirement.line.unwrap_or(1),
            what,
            remedy,
        ));
    };
    if requirement.untestable.is_some() {
        if covered.is_shown() {
            fail(
                format!("{id} is marked untestable, but is enforced and tested"),
                format!(
                    "write [{id}] without the reason; `duet-spec explain {id}` lists the places"
                ),
            );
        }
        return;
    }
    if !requirement.level.is_binding() || !covered.exceptions().is_empty() {
        return;
    }
    if covered.enforced().is_empty() {
        fail(
            format!("{id} ({}) has no enforcing line", requirement.level),
            format!(
                "put `//= {id}` above the line that enforces it, or mark it [{id} untestable: reason] where none can"
            ),
        );
    }
    if !covered.is_tested() {
        let name = id.as_str().to_lowercase().replace('-', "_");
        fail(
            format!(
                "{id} ({}) has no test and no conformance check",
                requirement.level
            ),
            format!("write a test named `{name}_…`, or put `//= {id}` into one"),
        );
    }
}

/// Ids that are cited but that no chapter has; in running text only those of known areas, since `SHA-256` is none.
fn unknown(survey: &Survey, failures: &mut Vec<Failure>) {
    let exists = |id: &Id| {
        survey
            .chapters
            .requirements
            .iter()
            .any(|requirement| requirement.id == *id)
    };
    let judge = |id: &Id, file: &str, line: usize| {
        let what = match survey.locked.get(id) {
            Some(entry) if entry.retired => format!("{id} is retired"),
            _ => format!("unknown id {id}"),
        };
        Failure::new(
            file,
            line,
            what,
            "cite an id that a chapter has; `duet-spec coverage` lists them",
        )
    };
    for citation in &survey.citations.all {
        if !exists(&citation.id) {
            failures.push(judge(&citation.id, &citation.file, citation.line));
        }
    }
    for chapter in &survey.chapters.files {
        for (id, line) in &chapter.mentions {
            let known_area = survey
                .chapters
                .requirements
                .iter()
                .any(|known| known.id.area() == id.area());
            // A sentence that failed for another reason has told of its own id already.
            let told = survey
                .chapters
                .failures
                .iter()
                .any(|f| f.file == chapter.file && f.what.contains(id.as_str()));
            if known_area && !exists(id) && !told {
                failures.push(judge(id, &chapter.file, *line));
            }
        }
    }
}
