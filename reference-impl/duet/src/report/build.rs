//! Short ways to make the parts of a page.

use super::model::*;
use super::stats::quantile;
use super::thin;

impl Tone {
    pub(super) fn is_plain(&self) -> bool {
        *self == Tone::Plain
    }
}

impl Page {
    /// A page with nothing but a title.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            page: PAGE_VERSION,
            title: title.into(),
            ..Self::default()
        }
    }

    /// What identifies the run.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.facts.push(Fact {
            name: name.into(),
            value,
            code: false,
        });
        self
    }

    /// As [`Page::fact`], for a hash or a command.
    #[must_use]
    pub fn code(mut self, name: &str, value: impl Into<String>) -> Self {
        self.facts.push(Fact {
            name: name.into(),
            value: value.into(),
            code: true,
        });
        self
    }

    /// One more section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// All charts, in order.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        blocks.filter_map(|block| match block {
            Block::Chart(chart) => Some(&**chart),
            _ => None,
        })
    }
}

impl Section {
    /// A section without content.
    pub fn new(id: &str, title: impl Into<String>, how: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            how: how.into(),
            blocks: Vec::new(),
        }
    }

    /// One more block.
    #[must_use]
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// One more chart.
    #[must_use]
    pub fn chart(self, chart: Chart) -> Self {
        self.block(Block::Chart(Box::new(chart)))
    }

    /// One more table.
    #[must_use]
    pub fn table(self, table: Table) -> Self {
        self.block(Block::Table(table))
    }

    /// A heading within the section.
    #[must_use]
    pub fn heading(self, title: impl Into<String>, how: impl Into<String>) -> Self {
        self.block(Block::Heading {
            title: title.into(),
            how: how.into(),
        })
    }
}

impl Chart {
    /// A chart that takes half of the width.
    pub fn new(
        id: impl Into<String>,
        title: impl Into<String>,
        caption: impl Into<String>,
        plot: Plot,
    ) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            caption: caption.into(),
            wide: false,
            plot,
        }
    }

    /// The same over the whole width.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }
}

impl Scale {
    /// What an axis measures, and in which unit.
    pub fn new(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            unit: unit.into(),
            from: None,
            to: None,
        }
    }

    /// Begins here at the latest.
    #[must_use]
    pub fn from(mut self, from: f64) -> Self {
        self.from = Some(from);
        self
    }

    /// Ends here at the earliest.
    #[must_use]
    pub fn to(mut self, to: f64) -> Self {
        self.to = Some(to);
        self
    }
}

impl Lines {
    /// Axes without content.
    pub fn new(x: Scale, y: Scale) -> Self {
        Self {
            x,
            y,
            ..Self::default()
        }
    }
}

impl Series {
    /// A series in this style. Where there are more than [`MOST_POINTS`], the least and the greatest of neighbours stay.
    pub fn new(
        name: impl Into<String>,
        style: Style,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points: Vec<(f64, f64)> = points
            .into_iter()
            .map(|(x, y)| (short(x), short(y)))
            .collect();
        Self {
            name: name.into(),
            style,
            colour: Colour::Auto,
            points: thin::points(points, MOST_POINTS),
            spread: Vec::new(),
        }
    }

    /// A line from point to point.
    pub fn line(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::new(name, Style::Line, points)
    }

    /// The same in this colour.
    #[must_use]
    pub fn colour(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }

    /// The same with a band around it: (x, least, greatest).
    #[must_use]
    pub fn spread(mut self, spread: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        self.spread = spread
            .into_iter()
            .map(|(x, low, high)| (short(x), short(low), short(high)))
            .collect();
        self
    }
}

impl Curve {
    /// The distribution of these samples; those that are not finite count, but have no value.
    pub fn new(name: impl Into<String>, samples: impl IntoIterator<Item = f64>) -> Self {
        let mut of = 0;
        let mut values = Vec::new();
        for value in samples {
            of += 1;
            if value.is_finite() {
                values.push(short(value));
            }
        }
        values.sort_by(f64::total_cmp);
        Self {
            name: name.into(),
            colour: Colour::Auto,
            known: values.len() as u64,
            values: thin::quantiles(values, MOST_POINTS),
            of,
        }
    }

    /// The same in this colour.
    #[must_use]
    pub fn colour(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }

    /// The share of samples that have a value.
    pub fn share_known(&self) -> f64 {
        if self.of == 0 {
            return 1.0;
        }
        self.known.min(self.of) as f64 / self.of as f64
    }

    /// The value that this share of all samples does not exceed; `None` where that is one without a value.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        quantile(&self.values, share / self.share_known())
    }
}

impl SpreadRow {
    /// The samples of a variant.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        Self {
            name: name.into(),
            colour: Colour::Auto,
            values: values.into_iter().map(short).collect(),
        }
    }
}

impl Level {
    /// A value to compare with.
    pub fn new(name: impl Into<String>, at: f64) -> Self {
        Self {
            name: name.into(),
            at,
        }
    }
}

impl Tile {
    /// A key figure.
    pub fn new(value: impl Into<String>, name: impl Into<String>, note: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            name: name.into(),
            note: note.into(),
            ..Self::default()
        }
    }
}

impl Table {
    /// A table of numbers without rows: all columns but the first are flush right.
    pub fn numbers<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self {
            numbers: true,
            ..Self::text(columns)
        }
    }

    /// A table of text without rows.
    pub fn text<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// One more row.
    pub fn row<T: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl Cell {
    /// A cell with a tone.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// A number with seven significant digits: finer than any drawing, and short in a file.
fn short(number: f64) -> f64 {
    if !number.is_finite() || number == 0.0 {
        return number;
    }
    format!("{number:.6e}").parse().unwrap_or(number)
}
