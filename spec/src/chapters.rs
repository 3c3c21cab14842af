//! The chapters: which requirements they make, and what is wrong with how they make them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Failure, SpecError};
use crate::id::Id;
use crate::markdown::{self, Block, Generated, Kind};
use crate::requirement::Requirement;
use crate::sentence::{MarkRead, Sentence, sentences};
use crate::tree;

/// Where chapters live.
pub(crate) const CHAPTERS: &str = "spec/chapters";

/// One file.
#[derive(Debug)]
pub(crate) struct Chapter {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) generated: Vec<Generated>,
    /// Ids named in running text, with their lines.
    pub(crate) mentions: Vec<(Id, usize)>,
}

/// All chapters, in order of their names.
#[derive(Debug, Default)]
pub(crate) struct Chapters {
    pub(crate) files: Vec<Chapter>,
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) failures: Vec<Failure>,
}

/// Reads every chapter under `root`.
pub(crate) fn read(root: &Path) -> Result<Chapters, SpecError> {
    let mut chapters = Chapters::default();
    for file in tree::files(root, CHAPTERS, ".md")? {
        let text = tree::read(root, &file)?;
        let document = markdown::parse(&file, &text, &mut chapters.failures);
        collect(
            &file,
            &document.blocks,
            &mut chapters.requirements,
            &mut chapters.failures,
        );
        let running = document
            .blocks
            .iter()
            .filter(|block| block.kind != Kind::Code);
        let mentions = running
            .flat_map(|block| {
                block.lines.chunk_by(|a, b| a == b).scan(0, |at, line| {
                    let text: String = block.chars[*at..*at + line.len()].iter().collect();
                    *at += line.len();
                    Some(
                        Id::mentioned(&text)
                            .map(|id| (id, line[0]))
                            .collect::<Vec<_>>(),
                    )
                })
            })
            .flatten()
            .collect();
        chapters.files.push(Chapter {
            file,
            text,
            generated: document.generated,
            mentions,
        });
    }
    let mut places: BTreeMap<&Id, String> = BTreeMap::new();
    for requirement in &chapters.requirements {
        if let Some(first) = places.get(&requirement.id) {
            chapters.failures.push(Failure::new(
                &requirement.file,
                requirement.line.unwrap_or(1),
                format!(
                    "{} is also the id of the sentence at {first}",
                    requirement.id
                ),
                "give the newer sentence an id that was never used",
            ));
        } else {
            places.insert(&requirement.id, requirement.place());
        }
    }
    Ok(chapters)
}

/// Finds the requirements of one chapter.
fn collect(file: &str, blocks: &[Block], out: &mut Vec<Requirement>, failures: &mut Vec<Failure>) {
    // The requirement whose sentence ended with a colon: the list, table or code that follows is part of it.
    let mut unfinished: Option<usize> = None;
    for block in blocks {
        let found = if matches!(block.kind, Kind::Code | Kind::Generated) {
            Vec::new()
        } else {
            sentences(block)
        };
        let before = out.len();
        for sentence in &found {
            if let Some(requirement) = judge(file, sentence, failures) {
                out.push(requirement);
            }
        }
        if out.len() > before {
            let colon = found
                .last()
                .is_some_and(|last| last.level.is_some() && last.text.ends_with(':'));
            unfinished = colon.then(|| out.len() - 1);
            continue;
        }
        match (block.kind, unfinished.and_then(|index| out.get_mut(index))) {
            (Kind::Item | Kind::Cell | Kind::Code, Some(requirement)) => {
                requirement.text += " • ";
                requirement.text += &block
                    .text()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ");
            }
            _ => unfinished = None,
        }
    }
}

/// The requirement that a sentence makes.
fn judge(file: &str, sentence: &Sentence, failures: &mut Vec<Failure>) -> Option<Requirement> {
    let mut fail =
        |line, what: String, remedy: &str| failures.push(Failure::new(file, line, what, remedy));
    let mut ids = Vec::new();
    for mark in &sentence.marks {
        match &mark.read {
            MarkRead::Id(id, untestable) => ids.push((id, untestable)),
            MarkRead::Odd(text) => {
                let remedy = "write [CALL-012], or [CALL-012 untestable: reason]";
                fail(mark.line, format!("cannot read [{text}]"), remedy);
                return None;
            }
        }
    }
    for mark in &sentence.amid {
        let inner = match &mark.read {
            MarkRead::Id(id, _) => id.as_str(),
            MarkRead::Odd(text) => text,
        };
        let remedy = "move it to the beginning or the end; other requirements are mentioned without brackets";
        fail(mark.line, format!("[{inner}] amid a sentence"), remedy);
    }
    let shown = excerpt(&sentence.text);
    match (sentence.level, ids.as_slice()) {
        (Some(level), [(id, untestable)]) => Some(Requirement {
            id: (*id).clone(),
            level,
            text: sentence.text.clone(),
            file: file.to_owned(),
            line: Some(sentence.line),
            untestable: (*untestable).clone(),
        }),
        (Some(level), []) => {
            let remedy =
                "give the sentence an id of its own, such as [CALL-012], at its beginning or end";
            fail(
                sentence.line,
                format!("{level} without an id: “{shown}”"),
                remedy,
            );
            None
        }
        (Some(_), [(first, _), (second, _), ..]) => {
            let remedy = "leave one id, or make two sentences";
            fail(
                sentence.line,
                format!("{first} and {second} on one sentence: “{shown}”"),
                remedy,
            );
            None
        }
        (None, [(id, _), ..]) => {
            let remedy = "write MUST, SHOULD or MAY in capitals, or remove the id";
            fail(
                sentence.line,
                format!("{id} is on a sentence without a key word: “{shown}”"),
                remedy,
            );
            None
        }
        (None, []) => None,
    }
}

/// The beginning of a sentence, for messages.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
