//! A page of a report as data: what every producer fills, what `report.json` holds, and what is drawn.
//!
//! A page has sections, a section has blocks, and a block is text, a table, key figures or a chart. Nothing in here says
//! how it looks: colours are named by what they mean or by their number. A page that was read back from `report.json`
//! gives the same bytes of HTML as the one that was written.
//!
//! ```
//! use duet::report::{Chart, Lines, Page, Plot, Scale, Section, Series, html};
//!
//! let mut rate = Lines::new(Scale::new("Time", "s"), Scale::new("Rate", "b/s").from(0.0));
//! rate.series.push(Series::line("sent", [(0.0, 1.0e6), (0.2, 1.2e6), (0.4, 0.9e6)]));
//! let chart = Chart::new("rate", "Rate", "Per 200 ms.", Plot::Lines(rate));
//! let page = Page::new("a run").section(Section::new("rates", "Rates", "").chart(chart));
//! assert!(html(&page).contains("<svg"));
//! ```

use serde::{Deserialize, Serialize};

use super::number;

/// The version of a page's form in `report.json`.
pub const PAGE_VERSION: u32 = 1;

/// A whole report.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Page {
    /// [`PAGE_VERSION`].
    pub page: u32,
    /// What kind of report it is, in a few words above the title.
    pub kind: String,
    /// The title.
    pub title: String,
    /// A sentence or two beneath it.
    pub lead: String,
    /// What identifies the run: seed, hash, the command that repeats it.
    pub facts: Vec<Fact>,
    /// The content.
    pub sections: Vec<Section>,
}

/// A name and a value.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Whether the value is for machines: a hash, a command. It gets a line of its own.
    pub code: bool,
}

/// A part of a page under one heading.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Section {
    /// The place to link to; letters, digits and hyphens.
    pub id: String,
    /// The heading.
    pub title: String,
    /// What a reader must know to read it; may be empty.
    pub how: String,
    /// The content.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A heading within the section, and what a reader must know to read what follows; may be empty.
    Heading {
        /// The heading.
        title: String,
        /// The explanation.
        how: String,
    },
    /// A paragraph; what stands in place of a chart that has no data.
    Text(String),
    /// Key figures side by side.
    Tiles(Vec<Tile>),
    /// Boxes side by side, one a party or variant.
    Cards(Vec<Card>),
    /// A chart. Charts that follow one another stand side by side where there is room.
    Chart(Box<Chart>),
    /// A table.
    Table(Table),
}

/// A key figure.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Tile {
    /// The figure, with its unit.
    pub value: String,
    /// What it is.
    pub name: String,
    /// A remark; may be empty.
    pub note: String,
    /// Whether it is the one to look at first.
    pub first: bool,
    /// How it is to be taken.
    pub tone: Tone,
}

/// How a value is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// Neither, or not judged.
    Unclear,
    /// Of no interest.
    Faint,
}

/// A box.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Card {
    /// Its title.
    pub title: String,
    /// What follows the title in small type; may be empty.
    pub aside: String,
    /// What went wrong, if anything did.
    pub failure: Option<String>,
    /// Key figures.
    pub tiles: Vec<Tile>,
    /// Pictures, each as captured and as shown.
    pub pairs: Vec<Pair>,
    /// A last line; may be empty.
    pub note: String,
}

/// Two pictures side by side.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Pair {
    /// What both are.
    pub title: String,
    /// JPEG in base64, and what it shows; empty where there is none.
    pub pictures: [(String, String); 2],
}

/// A table. The first column names the rows.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Table {
    /// The heads of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Whether all columns but the first hold numbers.
    pub numbers: bool,
    /// Where it is long: what stands in its place until it is opened.
    pub folded: Option<String>,
    /// Whether a folded table is open at first.
    pub open: bool,
}

/// A table's cell.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// How it is to be taken.
    #[serde(skip_serializing_if = "Tone::is_plain")]
    pub tone: Tone,
}

/// A drawing with its title.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Chart {
    /// Its name in a file system: letters, digits and hyphens.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What the title does not say; may be empty.
    pub caption: String,
    /// Whether it takes the whole width.
    #[serde(default)]
    pub wide: bool,
    /// What is drawn.
    pub plot: Plot,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Plot {
    /// Values over time or over a parameter.
    Lines(Lines),
    /// Distributions of samples.
    Cdf(Cdf),
    /// Samples of several variants, one a row.
    Spread(Spread),
    /// A value for each pair of two parameters.
    Heat(Heat),
    /// Who sent what to whom, in order; the height measures no time.
    Sequence(Sequence),
    /// Packets on their way, time downward and to scale.
    Ladder(Ladder),
}

/// What an axis measures.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Scale {
    /// What it is: "Delay".
    pub label: String,
    /// Its unit; "b/s" and "B" get a prefix as needed.
    pub unit: String,
    /// Where it begins at the latest; else it begins near the least value.
    pub from: Option<f64>,
    /// Where it ends at the earliest; else it ends near the greatest value.
    pub to: Option<f64>,
}

/// Values over time or over a parameter.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Lines {
    /// To the right.
    pub x: Scale,
    /// Upward.
    pub y: Scale,
    /// What is drawn, from back to front.
    pub series: Vec<Series>,
    /// Stretches of x that are marked from top to bottom: outages, pauses.
    pub spans: Vec<Span>,
    /// Values of y to compare with.
    pub levels: Vec<Level>,
    /// Values of x to compare with, or at which something happened.
    pub uprights: Vec<Level>,
    /// Events without a value, in a band above the plot.
    pub events: Vec<Events>,
}

/// Points that belong together. A point that is not finite is a gap.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// In which colour.
    pub colour: Colour,
    /// (x, y), x not decreasing. At most [`MOST_POINTS`] of them if they came by a constructor.
    #[serde(with = "number::pairs")]
    pub points: Vec<(f64, f64)>,
    /// (x, least, greatest): a band around it.
    #[serde(with = "number::triples", skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<(f64, f64, f64)>,
}

/// Points that a series keeps.
pub const MOST_POINTS: usize = 4_000;

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// From point to point.
    #[default]
    Line,
    /// From point to point, with a dot at each: for few points.
    Dots,
    /// Each value holds until the next.
    Steps,
    /// As [`Style::Steps`], filled down to the axis.
    Area,
    /// A bar from each x to x + width, stacked upon the bars of the series before.
    Bars {
        /// The width, in units of x.
        width: f64,
    },
    /// Each point by itself.
    Marks(Mark),
}

/// A mark at a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A filled dot.
    #[default]
    Dot,
    /// A ring.
    Ring,
    /// A filled diamond.
    Diamond,
    /// A cross.
    Cross,
}

/// A colour, by its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// The next one that its neighbours have not; from the ninth on they repeat, with other dashes.
    #[default]
    Auto,
    /// Number so and so of the palette, so that a thing has one colour in all charts.
    Number(u8),
    /// What there would be: capacity.
    Capacity,
    /// As it should be.
    Good,
    /// Too late.
    Late,
    /// Damaged.
    Damaged,
    /// Lost, missing.
    Missing,
    /// Of less weight.
    Soft,
}

/// A stretch of x.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Span {
    /// What it is; spans of the same name are explained once.
    pub name: String,
    /// Its beginning.
    #[serde(with = "number::one")]
    pub from: f64,
    /// Its end.
    #[serde(with = "number::one")]
    pub to: f64,
}

/// A value to compare with.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Level {
    /// What stands beside it; may be empty.
    pub name: String,
    /// Where it is.
    #[serde(with = "number::one")]
    pub at: f64,
}

/// Events of one kind, without a value.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Events {
    /// What they are.
    pub name: String,
    /// How each is drawn.
    pub mark: Mark,
    /// In which colour.
    pub colour: Colour,
    /// Their places on the x axis.
    #[serde(with = "number::list")]
    pub at: Vec<f64>,
}

/// Distributions: the share of samples that are not greater.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Cdf {
    /// What the samples measure.
    pub x: Scale,
    /// One a variant.
    pub curves: Vec<Curve>,
    /// Values to compare with.
    pub uprights: Vec<Level>,
}

/// One distribution.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// In which colour.
    pub colour: Colour,
    /// The samples, sorted; thinned to [`MOST_POINTS`] quantiles if they came by a constructor.
    #[serde(with = "number::list")]
    pub values: Vec<f64>,
    /// How many samples there were in all, those without a value included: the curve ends at their share.
    pub of: u64,
    /// Of these, those with a value.
    pub known: u64,
}

/// Samples of several variants, one a row: each sample, the middle half, the median.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Spread {
    /// What the samples measure.
    pub x: Scale,
    /// One a variant.
    pub rows: Vec<SpreadRow>,
    /// Values to compare with.
    pub uprights: Vec<Level>,
    /// Which end of the axis is the better one.
    pub better: Option<Better>,
}

/// The samples of one variant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct SpreadRow {
    /// Its name.
    pub name: String,
    /// In which colour; [`Colour::Auto`] is the same for all rows.
    pub colour: Colour,
    /// The samples.
    #[serde(with = "number::list")]
    pub values: Vec<f64>,
}

/// Which values are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Greater ones.
    High,
    /// Smaller ones.
    Low,
}

/// A value for each pair of two parameters.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Heat {
    /// What is measured: label and unit; `from` and `to` fix the ends of the colours.
    pub value: Scale,
    /// The parameter that goes downward, and its values.
    pub rows: (String, Vec<String>),
    /// The parameter that goes to the right, and its values.
    pub columns: (String, Vec<String>),
    /// The value of each row and column; NaN where there is none.
    #[serde(with = "number::list")]
    pub values: Vec<f64>,
    /// What is told of each on hovering, such as its interval; may be empty.
    pub notes: Vec<String>,
    /// Which values are better; decides which end is orange and which is blue.
    pub better: Option<Better>,
}

/// Who sent what to whom, in order.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Sequence {
    /// The lanes, from left to right.
    pub lanes: Vec<String>,
    /// The arrows, in order of time.
    pub arrows: Vec<Arrow>,
}

/// One message, or one packet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Arrow {
    /// When it was sent (in a sequence: when the client sent it, or had it), in milliseconds.
    #[serde(with = "number::one")]
    pub at_ms: f64,
    /// From this lane …
    pub from: usize,
    /// … to this one.
    pub to: usize,
    /// The message's name.
    pub name: String,
    /// Its most telling fields.
    pub detail: String,
    /// When it arrived, in milliseconds; of a ladder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrives_ms: Option<f64>,
    /// Why it never arrived, if it did not; of a ladder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

/// Packets on their way.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Ladder {
    /// The nodes, from left to right, as the packets pass them.
    pub lanes: Vec<String>,
    /// The packets, each over one link, in the order in which they were offered.
    pub packets: Vec<Arrow>,
    /// What happened beside the packets.
    pub notes: Vec<Note>,
}

/// Something that happened beside the packets.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Note {
    /// When, in milliseconds.
    #[serde(with = "number::one")]
    pub at_ms: f64,
    /// In which lane.
    pub lane: usize,
    /// What.
    pub text: String,
}
