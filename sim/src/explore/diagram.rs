//! Sequence diagrams: what a step looks like, as Mermaid and as plain text.

use core::fmt::Write as _;

/// A sequence diagram: participants from left to right, steps from top to bottom.
///
/// ```
/// use duet_sim::explore::Diagram;
///
/// let mut diagram = Diagram::new(["alice", "server", "bob"]);
/// diagram.arrow(0, 1, "INVITE");
/// diagram.lost(1, 2, "INVITE");
/// diagram.note(1, "the ring timer fires");
/// assert_eq!(
///     diagram.ascii(),
///     "  alice     server       bob\n\
///      \x20   |          |          |\n\
///      \x20   |- INVITE >|          |\n\
///      \x20   |          |- INVITE x|   lost\n\
///      \x20   |          *          |   the ring timer fires\n\
///      \x20   |          |          |\n"
/// );
/// assert_eq!(diagram.mermaid().lines().nth(5), Some("    p1-xp2: INVITE (lost)"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagram {
    participants: Vec<String>,
    rows: Vec<Row>,
    /// The number of the step that is being drawn; zero outside any.
    step: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    step: usize,
    mark: Mark,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Arrow { from: usize, to: usize, lost: bool },
    Note { at: usize },
    Across,
}

impl Diagram {
    /// A diagram without steps.
    pub fn new<T: Into<String>>(participants: impl IntoIterator<Item = T>) -> Diagram {
        Diagram {
            participants: participants.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
            step: 0,
        }
    }

    /// A message that arrives; from a participant to itself it is a note.
    pub fn arrow(&mut self, from: u8, to: u8, label: impl Into<String>) {
        self.message(from, to, label.into(), false);
    }

    /// A message that is lost on its way.
    pub fn lost(&mut self, from: u8, to: u8, label: impl Into<String>) {
        self.message(from, to, label.into(), true);
    }

    /// Something that happens at one participant.
    pub fn note(&mut self, at: u8, text: impl Into<String>) {
        self.row(Mark::Note { at: at.into() }, text.into());
    }

    /// Something that concerns all.
    pub fn across(&mut self, text: impl Into<String>) {
        self.row(Mark::Across, text.into());
    }

    /// Begins a step, numbered from one; its first row bears the number.
    pub(super) fn begin_step(&mut self, step: usize) {
        self.step = step;
    }

    /// Whether the step that was begun last has a row.
    pub(super) fn has_drawn(&self) -> bool {
        self.rows.last().is_some_and(|row| row.step == self.step)
    }

    fn message(&mut self, from: u8, to: u8, label: String, lost: bool) {
        let (from, to) = (usize::from(from), usize::from(to));
        match (from == to, lost) {
            (false, _) => self.row(Mark::Arrow { from, to, lost }, label),
            (true, false) => self.row(Mark::Note { at: from }, label),
            (true, true) => self.row(Mark::Note { at: from }, label + " (lost)"),
        }
    }

    fn row(&mut self, mark: Mark, text: String) {
        // A participant without a name still gets a lifeline, so that no mark can lie outside.
        let last = match mark {
            Mark::Arrow { from, to, .. } => Some(from.max(to)),
            Mark::Note { at } => Some(at),
            Mark::Across => None,
        };
        while last.is_some_and(|last| last >= self.participants.len()) {
            self.participants.push(self.participants.len().to_string());
        }
        self.rows.push(Row {
            step: self.step,
            mark,
            text,
        });
    }

    /// The diagram as a Mermaid `sequenceDiagram`, ending in a line feed.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("sequenceDiagram\n");
        for (n, name) in self.participants.iter().enumerate() {
            let _ = writeln!(out, "    participant p{n} as {}", escape(name));
        }
        let mut numbered = 0;
        for row in &self.rows {
            let number = match row.step == numbered {
                true => String::new(),
                false => format!("{}. ", row.step),
            };
            numbered = row.step;
            let text = number + &escape(&row.text);
            let _ = match row.mark {
                Mark::Arrow { from, to, lost } => match lost {
                    false => writeln!(out, "    p{from}->>p{to}: {text}"),
                    true => writeln!(out, "    p{from}-xp{to}: {text} (lost)"),
                },
                Mark::Note { at } => writeln!(out, "    Note over p{at}: {text}"),
                Mark::Across => match self.participants.len() {
                    0 => writeln!(out, "    %% {text}"),
                    1 => writeln!(out, "    Note over p0: {text}"),
                    n => writeln!(out, "    Note over p0,p{}: {text}", n - 1),
                },
            };
        }
        out
    }

    /// The diagram as plain text, each line ending in a line feed: one row a step, notes in the right margin.
    ///
    /// Only ASCII, as far as names and labels are.
    pub fn ascii(&self) -> String {
        let last = self.rows.iter().map(|row| row.step).max().unwrap_or(0);
        let margin = match last {
            0 => 0,
            _ => last.to_string().len() + 2,
        };
        let columns = self.columns(margin);
        let width = columns.last().map_or(margin, |last| last + 1);
        let mut lifelines = vec![' '; width];
        for column in &columns {
            lifelines[*column] = '|';
        }

        let mut out = String::new();
        self.write_names(&columns, &mut out);
        write_line(&lifelines, "", &mut out);
        let mut numbered = 0;
        for row in &self.rows {
            let mut line = lifelines.clone();
            if row.step != numbered {
                numbered = row.step;
                let number = row.step.to_string();
                put(&mut line, margin - 2 - number.len(), &number);
            }
            let remark = match row.mark {
                Mark::Arrow { from, to, lost } => {
                    write_arrow(&mut line, columns[from], columns[to], lost, &row.text);
                    if lost { "lost" } else { "" }
                }
                Mark::Note { at } => {
                    line[columns[at]] = '*';
                    &row.text
                }
                Mark::Across => {
                    for column in &columns {
                        line[*column] = '*';
                    }
                    &row.text
                }
            };
            write_line(&line, remark, &mut out);
        }
        write_line(&lifelines, "", &mut out);
        out
    }

    /// Where the lifelines stand: far enough apart for names and labels.
    fn columns(&self, margin: usize) -> Vec<usize> {
        let widths: Vec<usize> = self.participants.iter().map(|p| width(p)).collect();
        // Distances between neighbours. A name is centred on its column, two spaces from the next.
        let mut gaps: Vec<usize> = widths
            .windows(2)
            .map(|pair| pair[0].div_ceil(2) + pair[1] / 2 + 2)
            .collect();
        let mut arrows: Vec<(usize, usize, usize)> = self
            .rows
            .iter()
            .filter_map(|row| match row.mark {
                // "- label >" between the two lifelines.
                Mark::Arrow { from, to, .. } => {
                    Some((from.min(to), from.max(to), width(&row.text) + 5))
                }
                _ => None,
            })
            .collect();
        arrows.sort_by_key(|(low, high, _)| high - low);
        for (low, high, need) in arrows {
            let have: usize = gaps[low..high].iter().sum();
            gaps[high - 1] += need.saturating_sub(have);
        }
        let first = margin + widths.first().map_or(0, |width| width / 2) + 2;
        let mut columns: Vec<usize> = self.participants.iter().take(1).map(|_| first).collect();
        for gap in gaps {
            columns.push(columns.last().map_or(first, |column| column + gap));
        }
        columns
    }

    fn write_names(&self, columns: &[usize], out: &mut String) {
        let mut at = 0;
        for (name, column) in self.participants.iter().zip(columns) {
            let begin = column - width(name) / 2;
            let _ = write!(out, "{:1$}{name}", "", begin - at);
            at = begin + width(name);
        }
        out.push('\n');
    }
}

fn write_arrow(line: &mut [char], from: usize, to: usize, lost: bool, label: &str) {
    let (low, high) = (from.min(to), from.max(to));
    line[low + 1..high].fill('-');
    let (at, head) = match from < to {
        true => (high - 1, '>'),
        false => (low + 1, '<'),
    };
    line[at] = if lost { 'x' } else { head };
    let label = format!(" {label} ");
    put(line, low + 1 + (high - low - 1 - width(&label)) / 2, &label);
}

fn put(line: &mut [char], at: usize, text: &str) {
    for (place, character) in line[at..].iter_mut().zip(text.chars()) {
        *place = character;
    }
}

fn write_line(line: &[char], remark: &str, out: &mut String) {
    let mut text: String = line.iter().collect();
    if !remark.is_empty() {
        text.push_str("   ");
        text.push_str(&remark.replace('\n', "; "));
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A text in which Mermaid finds no syntax.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, character| {
        match character {
            '#' => out.push_str("#35;"),
            ';' => out.push_str("#59;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '%' => out.push_str("#37;"),
            '\n' => out.push_str("<br/>"),
            _ => out.push(character),
        }
        out
    })
}
