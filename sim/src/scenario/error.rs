//! What is wrong with a scenario file, and where.

use core::fmt;
use core::ops::Range;

/// A fault in a scenario file. Displays like a compiler's, with the line and a caret under the place:
///
/// ```text
/// error: unknown key `dealy`
///  --> first-call.toml:14:1
///    |
/// 14 | dealy = "15 ms"
///    | ^^^^^ did you mean `delay`?
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
    /// The line itself.
    pub source_line: String,
    /// How many characters are at fault; at least one.
    pub width: usize,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        // Tabs are kept, so that the caret stands right however wide they are shown.
        let indent: String = self
            .source_line
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let caret = "^".repeat(self.width);
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{gutter}--> {}:{}:{}", self.file, self.line, self.column)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {}", self.source_line)?;
        write!(f, "{gutter} | {indent}{caret}")?;
        match &self.help {
            Some(help) => write!(f, " {help}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ScenarioError {}

/// A file's name and text, for pointing into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: String,
}

impl Source {
    /// An error about the bytes of `span`, of which the part on the first line is underlined.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ScenarioError {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |at| start + at);
        let marked = &self.text[start..end.min(line_end)];
        ScenarioError {
            file: self.file.clone(),
            line: self.text[..line_start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            message: message.into(),
            help: None,
            source_line: self.text[line_start..line_end]
                .trim_end_matches('\r')
                .to_owned(),
            width: marked.trim_end().chars().count().max(1),
        }
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

impl ScenarioError {
    /// The same error with advice.
    pub(super) fn with_help(self, help: impl Into<String>) -> ScenarioError {
        let help = Some(help.into());
        ScenarioError { help, ..self }
    }

    /// The same error, with "did you mean …?" if any candidate is close to `word`.
    pub(super) fn suggesting(self, word: &str, candidates: &[&str]) -> ScenarioError {
        match super::suggest::nearest(word, candidates) {
            Some(nearest) => self.with_help(format!("did you mean `{nearest}`?")),
            None if candidates.is_empty() => self,
            None => self.with_help(format!("known here: {}", candidates.join(", "))),
        }
    }
}
