//! The `[[step]]` tables: who does what, and when.
//!
//! ```toml
//! [[step]]
//! at = "0.5 s"
//! who = "alice"
//! do = "call"
//! to = "bob"           # whatever else the action needs
//! ```

use core::time::Duration;

use super::error::ScenarioError;
use super::format::{Instant, required};
use super::place::Place;
use super::roster::Roster;
use super::section::Section;
use crate::time::Time;
use crate::units::parse_duration;

const KEYS: &[&str] = &["at", "who", "do", "apart"];

/// Something that a node does at a time. What there is to do is known to whoever runs the scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: Time,
    /// The index, in [`Scenario::nodes`](super::Scenario::nodes), of the node that does it.
    pub who: usize,
    /// What it does: `"login"`, `"join"`, `"call"` …; unchecked.
    pub action: String,
    /// The other keys of its table; unchecked.
    pub args: toml::Table,
    /// Where it stands in the file, for [`Scenario::error_in`](super::Scenario::error_in).
    pub place: Place,
}

/// Reads all `[[step]]`s: in the order of time, those of one instant in the order of the file.
pub(super) fn parse(root: &Section<'_>, roster: &mut Roster) -> Result<Vec<Step>, ScenarioError> {
    let mut steps = Vec::new();
    for section in root.tables("step")? {
        let at = required(section, "at", &Instant)?;
        let field = section.required("who")?;
        let who = roster.each(field)?;
        roster.count(field, who.len())?;
        let action = section.required("do")?.text()?;
        let apart = match section.optional("apart") {
            Some(field) if who.len() == 1 => {
                return Err(field.key_error("`apart` is for steps of more than one node"));
            }
            Some(field) => field.quantity("10 ms", parse_duration)?,
            None => Duration::ZERO,
        };
        let args = section.rest(KEYS)?;
        let mut at = at;
        for who in who {
            steps.push(Step {
                at,
                who,
                action: action.to_owned(),
                args: args.clone(),
                place: section.place(),
            });
            at = at.after(apart);
        }
    }
    steps.sort_by_key(|step| step.at);
    Ok(steps)
}
