//! Markdown as far as requirements need it: blocks of running text, and the generated blocks between their markers.

use crate::error::Failure;

/// What a block of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A paragraph or a heading.
    Prose,
    /// An item of a list.
    Item,
    /// A cell of a table.
    Cell,
    /// A fenced block of code: never searched for requirements.
    Code,
    /// A generated block: never searched, and its text is left out.
    Generated,
}

/// A block of text, its lines joined by spaces; each character knows its line.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) chars: Vec<char>,
    pub(crate) lines: Vec<usize>,
}

impl Block {
    fn new(kind: Kind, text: &str, line: usize) -> Self {
        let mut block = Self {
            kind,
            chars: Vec::new(),
            lines: Vec::new(),
        };
        block.push(text, line);
        block
    }

    fn push(&mut self, text: &str, line: usize) {
        if !self.chars.is_empty() {
            self.chars.push(' ');
            self.lines.push(line);
        }
        self.chars.extend(text.chars());
        self.lines.resize(self.chars.len(), line);
    }

    pub(crate) fn text(&self) -> String {
        self.chars.iter().collect()
    }
}

/// A generated block: the lines of its two markers, from 1, and what it is to hold.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    pub(crate) what: String,
    pub(crate) open: usize,
    pub(crate) close: usize,
}

/// A chapter, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) blocks: Vec<Block>,
    pub(crate) generated: Vec<Generated>,
}

/// The line that ends a generated block.
pub(crate) const GENERATED_END: &str = "<!-- /generated -->";

/// What the parser is inside of, and the line where that began.
enum Inside {
    Fence(String),
    Generated(String),
    Comment,
}

/// Takes a chapter apart.
pub(crate) fn parse(file: &str, text: &str, failures: &mut Vec<Failure>) -> Document {
    let mut document = Document::default();
    let mut inside: Option<(Inside, usize)> = None;
    // Whether the next line of text belongs to the last block.
    let mut open = false;
    for (index, raw) in text.lines().enumerate() {
        let number = index + 1;
        let line = raw.trim_start_matches([' ', '\t', '>']).trim_end();
        if let Some((what, since)) = &inside {
            let over = match what {
                Inside::Fence(fence) => {
                    let over = line.starts_with(fence.as_str())
                        && line.chars().all(|c| fence.starts_with(c));
                    if let (false, Some(block)) = (over, document.blocks.last_mut()) {
                        block.push(line, number);
                    }
                    over
                }
                Inside::Generated(what) => {
                    let over = line == GENERATED_END;
                    if over {
                        let (what, open) = (what.clone(), *since);
                        document.generated.push(Generated {
                            what,
                            open,
                            close: number,
                        });
                    }
                    over
                }
                Inside::Comment => line.contains("-->"),
            };
            if over {
                inside = None;
            }
            continue;
        }
        let item = after_list_mark(line);
        let blocks = &mut document.blocks;
        if line.is_empty() || line.chars().all(|c| "-=* ".contains(c)) {
            open = false;
        } else if let Some(fence) = fence(line) {
            blocks.push(Block::new(Kind::Code, "", number));
            inside = Some((Inside::Fence(fence), number));
            open = false;
        } else if line == GENERATED_END {
            failures.push(Failure::new(
                file,
                number,
                "the end of a generated block that nothing begins",
                "write `<!-- generated: … -->` above it, or remove it",
            ));
        } else if let Some(what) = line
            .strip_prefix("<!-- generated:")
            .and_then(|l| l.strip_suffix("-->"))
        {
            blocks.push(Block::new(Kind::Generated, "", number));
            inside = Some((Inside::Generated(what.trim().to_owned()), number));
            open = false;
        } else if line.starts_with("<!--") {
            if !line.contains("-->") {
                inside = Some((Inside::Comment, number));
            }
        } else if line.starts_with('#') {
            blocks.push(Block::new(
                Kind::Prose,
                line.trim_start_matches('#').trim(),
                number,
            ));
            open = false;
        } else if line.starts_with('|') {
            for cell in cells(line) {
                blocks.push(Block::new(Kind::Cell, &cell, number));
            }
            open = false;
        } else if let Some(text) = item {
            blocks.push(Block::new(Kind::Item, text, number));
            open = true;
        } else if let (true, Some(block)) = (open, blocks.last_mut()) {
            block.push(line, number);
        } else {
            blocks.push(Block::new(Kind::Prose, line, number));
            open = true;
        }
    }
    if let Some((what, since)) = inside {
        let (what, end) = match what {
            Inside::Fence(fence) => ("a block of code", fence),
            Inside::Generated(_) => ("a generated block", GENERATED_END.to_owned()),
            Inside::Comment => ("a comment", "-->".to_owned()),
        };
        failures.push(Failure::new(
            file,
            since,
            format!("{what} without an end"),
            format!("close it with `{end}`"),
        ));
    }
    document
}

/// The fence that a line opens.
fn fence(line: &str) -> Option<String> {
    let mark = line.chars().next().filter(|c| *c == '`' || *c == '~')?;
    let fence: String = line.chars().take_while(|c| *c == mark).collect();
    // A code span may begin a line of text: then the same run comes again.
    (fence.len() >= 3 && !line[fence.len()..].contains(mark)).then_some(fence)
}

/// The text of a list's item.
fn after_list_mark(line: &str) -> Option<&str> {
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let rest = match digits {
        0 => line.strip_prefix(['-', '*', '+'])?,
        _ => line[digits..].strip_prefix(['.', ')'])?,
    };
    rest.strip_prefix(' ').map(str::trim)
}

/// The cells of a table's row; `\|` is no border.
fn cells(row: &str) -> Vec<String> {
    let masked = row.replace("\\|", "\u{0}");
    masked
        .trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().replace('\u{0}', "|"))
        .collect()
}
