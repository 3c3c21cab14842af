//! The library of `duet-spec`, the tool that holds Duet's specification, code and tests together.
//!
//! [`Registry`] knows the requirements: read from the chapters, or [`embedded`]. [`check`] holds a workspace against the rules,
//! [`lock`] acknowledges wording, [`render`] writes what comes from the code, [`Survey`] tells what covers a requirement.
//!
//! | what | where |
//! | --- | --- |
//! | chapter → blocks → sentences → requirements | `markdown`, `sentence`, `chapters` |
//! | ids in Rust and in conformance cases | `rust`, `citations` |
//! | the rules | `check`, `lock` |
//! | what is generated | `render`, `vectors` |

mod chapters;
mod check;
mod citations;
mod coverage;
mod error;
mod id;
mod lock;
mod markdown;
mod render;
mod requirement;
mod rust;
mod sentence;
mod tree;
mod vectors;

pub use check::{check, inspect};
pub use citations::{Citation, Use};
pub use coverage::{Covered, Survey, Totals};
pub use error::{Failure, SpecError};
pub use id::{Id, Level};
pub use lock::{Locked, lock};
pub use render::{render, render_check};
pub use requirement::{Registry, Requirement, embedded};
pub use tree::find_root;
