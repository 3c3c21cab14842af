//! What runs leave behind: `report.json`, and the same as one HTML file or as drawings.
//!
//! Every producer fills a [`Page`], or data of its own that becomes one: a call's [`Report`] does. [`html`] renders a page
//! as one self-contained file, [`files`] its charts alone.
//!
//! | to look for | look in |
//! |---|---|
//! | what a page consists of; short ways to make it | [`model`], `build` |
//! | a page as HTML: structure; colours and print | `html`; `page.css`, `draw/chart.css` |
//! | charts as SVG | `draw` |
//! | rates, waiting and loss of links over time | [`traffic`] |
//! | freezes, rates of pictures | [`frames`] |
//! | the page of many runs | [`runs`] |
//! | over seeds, over parameters | [`variants`] |
//! | what differs between two sets of runs | [`comparison`] |
//! | figures that stand for many samples, comparisons | [`stats`] |
//! | a call's data, and its page | `call` |
//! | long series made short | `thin` |
//! | how text and numbers are written | `text`; in JSON: `number` |

mod build;
mod call;
pub mod comparison;
mod draw;
pub mod frames;
mod html;
pub mod model;
mod number;
pub mod runs;
pub mod stats;
pub(crate) mod text;
mod thin;
pub mod traffic;
pub mod variants;

use std::path::Path;

pub use call::{
    Check, Extras, FlowReport, Hop, HopSample, LinkReport, ON_TIME_MS, Picture, RecordingReport,
    Report, Side, StillReport, StudyRow, VERSION, arrows, page,
};
pub use draw::svg;
pub use html::{files, html};
pub use model::{
    Arrow, Better, Block, Card, Cdf, Cell, Chart, Colour, Curve, Events, Heat, Ladder, Level,
    Lines, Mark, Note, Page, Pair, Plot, Scale, Section, Sequence, Series, Span, Spread, SpreadRow,
    Style, Table, Tile, Tone,
};
pub use traffic::timelines;

/// What a report's folder holds.
#[derive(Clone, Debug)]
pub enum Stored {
    /// A call.
    Call(Box<Report>),
    /// A page.
    Page(Page),
}

impl Stored {
    /// Reads the text of a `report.json`: a call's, or a page.
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        if value.get("page").is_some() {
            serde_json::from_value(value).map(Self::Page)
        } else {
            serde_json::from_value(value).map(|report| Self::Call(Box::new(report)))
        }
    }

    /// The page that it is. `folder` may hold more that belongs to a call.
    pub fn page(&self, folder: &Path) -> Page {
        match self {
            Self::Call(report) => page(report, &Extras::load(folder)),
            Self::Page(page) => page.clone(),
        }
    }
}
