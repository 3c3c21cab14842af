//! Charts as SVG: within a page, where its style sheet gives the colours, or as files of their own.
//!
//! There is no library behind it and no script in it. What is drawn is bounded, however much data there is: lines to
//! the plot's columns, marks to places of their own, rows and cells to what can be read.
//!
//! | to look for | look in |
//! |---|---|
//! | text, paths, files | [`canvas`] |
//! | what an axis spans, ticks, prefixes | [`axis`] |
//! | legend, grid, lines to compare with | [`frame`] |
//! | one kind of plot | [`lines`], [`cdf`], [`spread`], [`heat`], [`sequence`], [`ladder`] |

mod axis;
mod canvas;
mod cdf;
mod frame;
mod heat;
mod ladder;
mod lines;
mod sequence;
mod spread;

pub(super) use axis::round_step;
pub(super) use canvas::STYLE;

use canvas::Canvas;

use super::model::{Chart, Plot};

/// What was drawn.
struct Drawing {
    canvas: Canvas,
    height: f64,
    /// The content in words, for who cannot see it.
    label: String,
}

fn draw(chart: &Chart) -> Drawing {
    match &chart.plot {
        Plot::Lines(lines) => lines::draw(lines, chart.wide),
        Plot::Cdf(cdf) => cdf::draw(cdf, chart.wide),
        Plot::Spread(spread) => spread::draw(spread, chart.wide),
        Plot::Heat(heat) => heat::draw(heat, chart.wide),
        Plot::Sequence(sequence) => sequence::draw(sequence),
        Plot::Ladder(ladder) => ladder::draw(ladder),
    }
}

/// The chart as part of a page.
pub(super) fn inline(chart: &Chart) -> String {
    match &chart.plot {
        // Cut in strips that follow one another without a seam, so that on paper no arrow falls between two sheets.
        Plot::Sequence(sequence) => sequence::strips(sequence),
        Plot::Ladder(ladder) => ladder::strips(ladder),
        _ => {
            let drawing = draw(chart);
            drawing
                .canvas
                .inline("plot", drawing.height, &drawing.label)
        }
    }
}

/// The chart as an SVG file: with title and style, in the colours of light.
pub fn svg(chart: &Chart) -> String {
    let drawing = draw(chart);
    drawing
        .canvas
        .file(drawing.height, &chart.title, &chart.caption, &drawing.label)
}
