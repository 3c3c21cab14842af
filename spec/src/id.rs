//! A requirement's name and its force: `CALL-012`, MUST.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A requirement's id: an area in capitals and a number of three digits, `CALL-012`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

impl Id {
    /// Reads an id; `None` where the text is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (area, number) = text.split_once('-')?;
        let area_fits = area.len() >= 2
            && area.starts_with(|c: char| c.is_ascii_uppercase())
            && area
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        let number_fits = number.len() == 3 && number.chars().all(|c| c.is_ascii_digit());
        (area_fits && number_fits).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the hyphen.
    pub fn area(&self) -> &str {
        self.0.split_once('-').map_or("", |(area, _)| area)
    }

    /// The id that a test's name begins with: `call_012_glare` names CALL-012.
    pub(crate) fn of_test(name: &str) -> Option<Self> {
        let mut parts = name.splitn(3, '_');
        Self::parse(&format!(
            "{}-{}",
            parts.next()?.to_ascii_uppercase(),
            parts.next()?
        ))
    }

    /// The ids that a text mentions.
    pub(crate) fn mentioned(text: &str) -> impl Iterator<Item = Self> + '_ {
        text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
            .filter_map(Self::parse)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no requirement id such as CALL-012"))
    }
}

/// The force of a requirement: the key word of RFC 2119 that it uses first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
pub struct Level(&'static str);

/// The key words; a longer one before the one that it begins or ends with.
const KEY_WORDS: [&str; 11] = [
    "MUST NOT",
    "MUST",
    "SHALL NOT",
    "SHALL",
    "SHOULD NOT",
    "SHOULD",
    "NOT RECOMMENDED",
    "RECOMMENDED",
    "REQUIRED",
    "MAY",
    "OPTIONAL",
];

impl Level {
    /// Reads a key word.
    pub fn parse(text: &str) -> Option<Self> {
        KEY_WORDS.into_iter().find(|word| *word == text).map(Self)
    }

    /// The key word.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether conformance is lost without it: such a requirement needs an enforcing line and a test.
    pub fn is_binding(self) -> bool {
        ["MUST", "MUST NOT", "SHALL", "SHALL NOT", "REQUIRED"].contains(&self.0)
    }

    /// The first key word of a sentence; `MUST-like` and `MAY_FAIL` are none.
    pub(crate) fn first_in(sentence: &str) -> Option<Self> {
        let joins = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        KEY_WORDS
            .into_iter()
            .filter_map(|word| {
                let (at, _) = sentence.match_indices(word).find(|(at, _)| {
                    !sentence[..*at].ends_with(joins)
                        && !sentence[at + word.len()..].starts_with(joins)
                })?;
                Some((at, word))
            })
            // At the same place the longer key word comes first in the list, and `min_by_key` keeps the first.
            .min_by_key(|(at, _)| *at)
            .map(|(_, word)| Self(word))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl From<Level> for &'static str {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no key word of RFC 2119")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_an_area_and_three_digits() {
        assert_eq!(
            Id::parse("CALL-012").map(|id| id.area().to_owned()),
            Some("CALL".to_owned())
        );
        for wrong in [
            "CALL-12",
            "CALL-0123",
            "call-012",
            "C-012",
            "CALL012",
            "2CALL-012",
            "CALL-01a",
            "",
        ] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Id::of_test("call_012_glare"), Id::parse("CALL-012"));
        assert_eq!(Id::of_test("call_012"), Id::parse("CALL-012"));
        assert_eq!(Id::of_test("call_twelve"), None);
        let ids: Vec<_> = Id::mentioned("see CALL-012's, (SES-001) and X-CALL-013").collect();
        assert_eq!(
            ids.iter().map(Id::as_str).collect::<Vec<_>>(),
            ["CALL-012", "SES-001"]
        );
    }

    #[test]
    fn the_level_is_the_first_key_word() {
        let level = |text| Level::first_in(text).map(Level::as_str);
        assert_eq!(level("It MAY wait but MUST NOT block"), Some("MAY"));
        assert_eq!(level("It MUST NOT block"), Some("MUST NOT"));
        assert_eq!(level("It is NOT RECOMMENDED"), Some("NOT RECOMMENDED"));
        assert_eq!(level("It **SHOULD** wait"), Some("SHOULD"));
        assert_eq!(level("It must wait; MUST-like, MAYBE, MAY_FAIL"), None);
    }
}
