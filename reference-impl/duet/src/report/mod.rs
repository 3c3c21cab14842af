//! What a run leaves behind: `report.json`, and the same as one HTML file.
//!
//! | to look for | look in |
//! |---|---|
//! | what a call leaves behind, and its page | [`call`] |
//! | colours, type, print | `style.css` |
//! | axes, marks, lines | [`svg`] |
//! | how text and numbers are written | [`text`] |

mod call;
mod svg;
mod text;

pub use call::{
    Arrow, Extras, Hop, LinkReport, ON_TIME_MS, Picture, RecordingReport, Report, Side,
    StillReport, StudyRow, VERSION, arrows, render,
};
