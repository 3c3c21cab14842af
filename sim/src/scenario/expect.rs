//! The `[[expect]]` tables: what must hold of a run.
//!
//! ```toml
//! [[expect]]
//! metric = "rate"
//! of = "alice>server"             # a node, a flow, a link; of the whole run without
//! window = ["16 s", "39 s"]       # or "static"; the whole run without
//! min = "0.70*capacity"
//!
//! [[expect]]
//! invariant = "room.total_order"
//! ```

use toml::de::DeValue;

use super::error::ScenarioError;
use super::expression::{Bound, BoundError};
use super::flow::FlowSpec;
use super::link::LinkRef;
use super::place::Place;
use super::roster::Roster;
use super::section::{Field, Section};
use crate::time::Time;

/// Something that must hold of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// What.
    pub check: Check,
    /// Where it stands in the file.
    pub place: Place,
}

/// What is checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// A measured value lies within bounds.
    Metric {
        /// What is measured, such as `"queue.delay.p95"`.
        metric: String,
        /// Of what.
        of: Subject,
        /// When.
        window: Window,
        /// At least so much.
        min: Option<Bound>,
        /// At most so much.
        max: Option<Bound>,
    },
    /// Something never stops being true.
    Invariant {
        /// What, such as `"room.total_order"`.
        name: String,
    },
}

/// What a metric is of. Numbers are indices into the scenario's nodes and flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The whole run.
    Run,
    /// A node.
    Node(usize),
    /// A flow.
    Flow(usize),
    /// A link or one direction of it.
    Link(LinkRef),
}

/// When a metric is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The whole run.
    Whole,
    /// Whenever nothing has changed for a while: of each interval between two steps of
    /// [`Scenario::capacity`](super::Scenario::capacity), the last part. Which part is for those to say who measure.
    Static,
    /// From one instant up to another.
    Span(Time, Time),
}

/// Reads all `[[expect]]`s.
pub(super) fn parse(
    root: &Section<'_>,
    flows: &[FlowSpec],
    roster: &mut Roster,
) -> Result<Vec<Expectation>, ScenarioError> {
    let mut expectations = Vec::new();
    for section in root.tables("expect")? {
        let place = section.place();
        if let Some(invariant) = section.optional("invariant") {
            section.only(&["invariant"])?;
            roster.count(invariant, 1)?;
            let name = metric_name(invariant)?.to_owned();
            let check = Check::Invariant { name };
            expectations.push(Expectation { check, place });
            continue;
        }
        section.only(&["metric", "of", "window", "min", "max", "invariant"])?;
        let Some(metric) = section.optional("metric") else {
            return Err(section.error("an expectation needs a `metric` or an `invariant`"));
        };
        let bound = |key| section.optional(key).map(bound).transpose();
        let (min, max) = (bound("min")?, bound("max")?);
        if min.is_none() && max.is_none() {
            return Err(section.error("an expectation needs a `min` or a `max`"));
        }
        let window = match section.optional("window") {
            Some(field) => window(field)?,
            None => Window::Whole,
        };
        let subjects = match section.optional("of") {
            Some(field) => subjects(field, flows, roster)?,
            None => vec![Subject::Run],
        };
        roster.count(metric, subjects.len())?;
        let metric = metric_name(metric)?;
        for of in subjects {
            let check = Check::Metric {
                metric: metric.to_owned(),
                of,
                window,
                min: min.clone(),
                max: max.clone(),
            };
            expectations.push(Expectation { check, place });
        }
    }
    Ok(expectations)
}

/// The name of a metric or an invariant.
fn metric_name<'s>(field: Field<'s>) -> Result<&'s str, ScenarioError> {
    let name = field.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(fits) {
        true => Ok(name),
        false => Err(field.error("the name of a metric is made of letters, digits, `.` and `_`")),
    }
}

fn subjects(
    field: Field<'_>,
    flows: &[FlowSpec],
    roster: &Roster,
) -> Result<Vec<Subject>, ScenarioError> {
    let text = field.text()?;
    if let Some(index) = flows.iter().position(|flow| flow.name == text) {
        return Ok(vec![Subject::Flow(index)]);
    }
    if roster.has_node(text) {
        let nodes = roster.group(field)?.into_iter();
        return Ok(nodes.map(Subject::Node).collect());
    }
    if text.contains('>') || roster.has_link(text) {
        let links = roster.links(field)?.into_iter();
        return Ok(links.map(Subject::Link).collect());
    }
    let mut known = roster.known();
    known.extend(flows.iter().map(|flow| flow.name.as_str()));
    let error = field.error(format!("there is no node, flow or link `{text}`"));
    Err(error.suggesting(text, &known))
}

fn window(field: Field<'_>) -> Result<Window, ScenarioError> {
    if !field.is_list() {
        return field.choice(
            &[("static", Window::Static), ("whole", Window::Whole)],
            "window",
        );
    }
    let ends: Vec<Field<'_>> = field.elements()?.collect();
    let [from, to] = ends.as_slice() else {
        let error = field.error("a window is a pair: when it begins and when it ends");
        return Err(error.with_help("such as [\"16 s\", \"39 s\"]"));
    };
    let (from, to) = (from.instant("16 s")?, to.instant("39 s")?);
    if from >= to {
        return Err(field.error("a window must end after it begins"));
    }
    Ok(Window::Span(from, to))
}

fn bound(field: Field<'_>) -> Result<Bound, ScenarioError> {
    let text = match field.value() {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return Err(field.mistyped("a number, or a string such as \"0.70*capacity\"")),
    };
    text.parse()
        .map_err(|error: BoundError| field.error_within(error.at, error.len, error.message))
}
