//! What is wrong with a scenario file, and where.

use core::fmt;
use std::sync::Arc;

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
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, if that is known.
    pub help: Option<Box<str>>,
    /// Under which values of the matrix it is wrong, where that matters.
    pub note: Option<Box<str>>,
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
        if let Some(help) = &self.help {
            write!(f, " {help}")?;
        }
        match &self.note {
            Some(note) => write!(f, "\n{gutter} = note: {note}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ScenarioError {}

impl ScenarioError {
    /// The same error with advice.
    pub(super) fn with_help(self, help: impl Into<String>) -> ScenarioError {
        let help = Some(help.into().into_boxed_str());
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
