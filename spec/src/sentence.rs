//! Sentences and their ids: `The callee MUST answer [CALL-012].`, `[CALL-012] The callee MUST answer.`

use crate::id::{Id, Level};
use crate::markdown::Block;

/// An id in square brackets.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) line: usize,
    pub(crate) read: MarkRead,
}

/// What stands in the brackets.
#[derive(Clone, Debug)]
pub(crate) enum MarkRead {
    /// An id, and why it is exempt from enforcement and tests, if it is.
    Id(Id, Option<String>),
    /// An id, and something that cannot be read.
    Odd(String),
}

/// One sentence of a block.
#[derive(Clone, Debug)]
pub(crate) struct Sentence {
    /// Its words, without ids, one space between them.
    pub(crate) text: String,
    /// Its first key word, unless it only explains key words.
    pub(crate) level: Option<Level>,
    pub(crate) line: usize,
    /// The ids at its beginning or end.
    pub(crate) marks: Vec<Mark>,
    /// The ids amid its words.
    pub(crate) amid: Vec<Mark>,
}

/// Stands for a character inside a code span, where nothing is searched for.
const HIDDEN: char = '\u{1}';
/// Stands for a character of a mark.
const MARKED: char = '\u{2}';

/// Cuts a block into sentences, and gives each its ids.
pub(crate) fn sentences(block: &Block) -> Vec<Sentence> {
    let mut mask = hide_code(&block.chars);
    let marks = take_marks(block, &mut mask);
    let mut out: Vec<Sentence> = Vec::new();
    for (from, to) in cuts(&mask) {
        let words = |range: std::ops::Range<usize>| {
            mask[range]
                .iter()
                .any(|c| c.is_alphanumeric() || *c == HIDDEN)
        };
        let shown: String = mask[from..to].iter().filter(|c| **c != MARKED).collect();
        let level = if explains_key_words(&block.chars[from..to]) {
            None
        } else {
            Level::first_in(&shown)
        };
        let line = block.lines.get(from).copied().unwrap_or(1);
        let text = wording(&block.chars[from..to], &mask[from..to]);
        let mut sentence = Sentence {
            text,
            level,
            line,
            marks: Vec::new(),
            amid: Vec::new(),
        };
        for (start, end, mark) in marks
            .iter()
            .filter(|(start, ..)| (from..to).contains(start))
        {
            let leading = !words(from..*start);
            // An id between two sentences belongs to the first of them where that one lacks it.
            let owed = out
                .last_mut()
                .filter(|last| last.level.is_some() && last.marks.is_empty());
            match owed {
                Some(last) if leading => last.marks.push(mark.clone()),
                _ if leading || !words(*end..to) => sentence.marks.push(mark.clone()),
                _ => sentence.amid.push(mark.clone()),
            }
        }
        let bare = !words(from..to);
        match out.last_mut() {
            // Nothing but ids, after the last full stop.
            Some(last) if bare => last.marks.append(&mut sentence.marks),
            _ if bare && sentence.marks.is_empty() => {}
            _ => out.push(sentence),
        }
    }
    out
}

/// The text with what stands in code spans hidden, so that it neither ends a sentence nor is a key word.
fn hide_code(chars: &[char]) -> Vec<char> {
    let mut mask = chars.to_vec();
    let run = |at: usize| chars[at..].iter().take_while(|c| **c == '`').count();
    let mut at = 0;
    while at < chars.len() {
        let ticks = run(at);
        if ticks == 0 {
            at += 1;
            continue;
        }
        let from = at + ticks;
        let mut to = from;
        while to < chars.len() && run(to) != ticks {
            to += run(to).max(1);
        }
        if to < chars.len() {
            mask[at..to + ticks].fill(HIDDEN);
            at = to + ticks;
        } else {
            at = from;
        }
    }
    mask
}

/// Finds the marks, and masks them; a link's text in brackets is none.
fn take_marks(block: &Block, mask: &mut [char]) -> Vec<(usize, usize, Mark)> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(start) = mask[at..]
        .iter()
        .position(|c| *c == '[')
        .map(|found| at + found)
    {
        at = start + 1;
        let Some(end) = mask[start..]
            .iter()
            .position(|c| *c == ']')
            .map(|found| start + found + 1)
        else {
            break;
        };
        let inner: String = block.chars[start + 1..end - 1].iter().collect();
        let (id, rest) = inner.split_once(' ').unwrap_or((&inner, ""));
        let Some(id) = Id::parse(id).filter(|_| mask.get(end) != Some(&'(')) else {
            continue;
        };
        let read = match rest.strip_prefix("untestable:").map(str::trim) {
            Some(reason) if !reason.is_empty() => MarkRead::Id(id, Some(reason.to_owned())),
            None if rest.is_empty() => MarkRead::Id(id, None),
            _ => MarkRead::Odd(inner),
        };
        mask[start..end].fill(MARKED);
        marks.push((
            start,
            end,
            Mark {
                line: block.lines[start],
                read,
            },
        ));
        at = end;
    }
    marks
}

/// The places where sentences begin and end.
fn cuts(mask: &[char]) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let mut from = 0;
    for at in 0..mask.len() {
        if !matches!(mask[at], '.' | '!' | '?') || at < from {
            continue;
        }
        let closers = mask[at + 1..]
            .iter()
            .take_while(|c| ")]\"'”’*_.!?".contains(**c))
            .count();
        let end = at + 1 + closers;
        let next = mask[end..].iter().find(|c| **c != ' ');
        let apart = matches!(mask.get(end), None | Some(&' ' | &MARKED));
        if apart && !is_abbreviation(&mask[from..=at], next) {
            cuts.push((from, end));
            from = end + usize::from(mask.get(end) == Some(&' '));
        }
    }
    if from < mask.len() {
        cuts.push((from, mask.len()));
    }
    cuts
}

/// Whether the full stop at the end belongs to an abbreviation; `etc.` ends a sentence where a capital follows.
fn is_abbreviation(up_to: &[char], next: Option<&char>) -> bool {
    let back = up_to
        .iter()
        .rev()
        .take_while(|c| **c != ' ' && !"([\"*_—".contains(**c));
    let word: String = back
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect::<String>()
        .to_lowercase();
    match word.as_str() {
        "e.g." | "i.e." | "cf." | "vs." | "viz." | "resp." | "approx." | "ca." | "incl."
        | "fig." | "sec." | "al." => true,
        "etc." | "no." => next.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit()),
        _ => false,
    }
}

/// The boilerplate of RFC 2119 and RFC 8174.
fn explains_key_words(chars: &[char]) -> bool {
    let text = chars.iter().collect::<String>().to_lowercase();
    (text.contains("key words") || text.contains("keywords"))
        && (text.contains("2119") || text.contains("bcp 14"))
}

/// A sentence without its marks, with one space between words.
fn wording(chars: &[char], mask: &[char]) -> String {
    let kept: String = chars
        .iter()
        .zip(mask)
        .filter(|(_, m)| **m != MARKED)
        .map(|(c, _)| *c)
        .collect();
    // `**[CALL-012]**` leaves its asterisks behind, `… wait [CALL-012].` a space.
    let mut text = kept
        .replace("****", "")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for stop in ['.', '!', '?', ':', ';'] {
        if let Some(head) = text.strip_suffix(&format!(" {stop}")) {
            text = format!("{head}{stop}");
        }
    }
    text
}
