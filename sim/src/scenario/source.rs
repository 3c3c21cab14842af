//! The text of a file, for pointing into it.

use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::ScenarioError;
use super::matrix::Assignment;

/// A file's name and text, and the values that its parameters have while it is read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) file: Arc<str>,
    pub(super) text: Arc<str>,
    pub(super) assignment: Assignment,
    /// Other files that it names, or why they cannot be read.
    pub(super) files: Files,
}

/// Files by name: what stands in them, or why that cannot be read.
pub(super) type Files = Arc<BTreeMap<String, Result<Arc<str>, String>>>;

impl Source {
    pub(super) fn new(file: &str, text: &str) -> Source {
        Source {
            file: file.into(),
            text: text.into(),
            assignment: Assignment::default(),
            files: Files::default(),
        }
    }

    /// The same file with its parameters at these values.
    pub(super) fn assigned(&self, assignment: Assignment) -> Source {
        Source {
            assignment,
            ..self.clone()
        }
    }

    /// An error about the bytes of `span`, of which the part on the first line is underlined.
    ///
    /// It names the parameters' values if there are parameters in that part, or if these are not the first values.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ScenarioError {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |at| start + at);
        let marked = &self.text[start..end.min(line_end)];
        let depends = marked.contains('$') || !self.assignment.is_first();
        ScenarioError {
            file: self.file.clone(),
            line: self.text[..line_start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            message: message.into(),
            help: None,
            note: self
                .assignment
                .describe()
                .filter(|_| depends)
                .map(String::into_boxed_str),
            source_line: self.text[line_start..line_end]
                .trim_end_matches('\r')
                .to_owned(),
            width: marked.trim_end().chars().count().max(1),
        }
    }

    /// What stands in the file at `span`.
    pub(super) fn slice(&self, span: Range<usize>) -> &str {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        &self.text[start..end]
    }

    /// The nearest place at or before `at` where a character begins.
    fn boundary(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        (0..=at)
            .rev()
            .find(|at| self.text.is_char_boundary(*at))
            .unwrap_or(0)
    }
}
