//! Scenario files: a network, and what is to happen in it, in TOML.
//!
//! | table | what it says |
//! |---|---|
//! | top | `name`, `description`, `seed` (`1` or `"1..200"`), `duration` |
//! | `[matrix]` | parameters and their values; `"$name"` anywhere else is replaced |
//! | `[[node]]` | who takes part ([`NodeSpec`]) |
//! | `[[link]]` | what connects them ([`LinkSpec`]) |
//! | `[[medium]]` | what links share, as on Wi-Fi ([`MediumSpec`]) |
//! | `[[flow]]` | cross traffic and media ([`FlowSpec`]) |
//! | `[[fault]]` | what goes wrong ([`Fault`]) |
//! | `[[step]]` | who does what ([`Step`]) |
//! | `[[expect]]` | what must hold ([`Expectation`]) |
//! | `[script]`, `[media]` | handed up unread |
//!
//! Each table of an array may say when it applies: `when = { owd = "50 ms" }`. The actions of steps and the keys of
//! media are for those above; [`Scenario::error_at`] and [`Scenario::error_in`] let them point into the file just as
//! well. Every fault, down to a misspelt key, is an error with its place.

mod capacity;
mod change;
mod course;
mod dimension;
mod error;
mod expect;
mod expression;
mod fault;
mod files;
mod flow;
mod format;
mod judge;
mod link;
mod locate;
mod matrix;
mod medium;
mod middlebox;
mod models;
mod needs;
mod node;
mod place;
mod preset;
mod remove;
mod resolve;
mod roster;
mod section;
mod seeds;
mod sense;
mod source;
mod step;
mod suggest;
mod traffic;
mod variant;
mod write;

use core::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

pub use capacity::{Capacity, CapacityStep};
pub use change::LinkChange;
pub(crate) use course::Way;
pub use dimension::Measurable;
pub use error::ScenarioError;
pub use expect::{Check, Expectation, Subject, Window};
pub use expression::{Bound, BoundError, Unit};
pub use fault::{Fault, FaultKind};
pub use flow::{FlowKind, FlowSpec};
pub use judge::{Metrics, Outcome, Verdict};
pub use link::{LinkRef, LinkSpec};
pub use medium::MediumSpec;
pub use middlebox::{FirewallSpec, NatSpec};
pub use needs::{Need, Needed};
pub use node::{NodeSpec, Role};
pub use place::Place;
pub use preset::LinkPreset;
pub use seeds::{Seeds, SeedsError};
pub use step::Step;
pub use variant::Variant;

use matrix::Assignment;
use section::{Field, Section};
use source::Source;
use variant::Origin;

use crate::units::parse_duration;

/// Of a run: whoever means more means another unit.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3_600);

const KEYS: &[&str] = &[
    "name",
    "description",
    "seed",
    "duration",
    "matrix",
    "node",
    "medium",
    "link",
    "flow",
    "fault",
    "step",
    "script",
    "media",
    "expect",
];

/// Most nodes, links and so on over all combinations of a matrix, since each of them is checked.
const MAX_PARTS: usize = 1_000_000;

/// A scenario, read and checked.
///
/// One that has a matrix shows its first combination; [`Scenario::expand`] gives all.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is about; empty if the file does not say.
    pub description: String,
    /// The seed of all that is random in it; 1 if the file does not say, the first if it says several.
    pub seed: u64,
    /// How long it runs, in virtual time.
    pub duration: Duration,
    /// The nodes, in the order of the file.
    pub nodes: Vec<NodeSpec>,
    /// What links share, in the order of the file.
    pub mediums: Vec<MediumSpec>,
    /// The links, in the order of the file.
    pub links: Vec<LinkSpec>,
    /// Cross traffic and media, in the order of the file.
    pub flows: Vec<FlowSpec>,
    /// What goes wrong, in the order of the file.
    pub faults: Vec<Fault>,
    /// What the nodes do, in the order of time.
    pub steps: Vec<Step>,
    /// What the nodes do, as one table; unchecked.
    pub script: toml::Table,
    /// What they send; unchecked.
    pub media: toml::Table,
    /// What must hold, in the order of the file.
    pub expect: Vec<Expectation>,
    origin: Origin,
}

impl Scenario {
    /// A scenario without anything in it, for those who make them up.
    pub fn new(name: &str, duration: Duration) -> Scenario {
        Scenario {
            name: name.to_owned(),
            description: String::new(),
            seed: 1,
            duration,
            nodes: Vec::new(),
            mediums: Vec::new(),
            links: Vec::new(),
            flows: Vec::new(),
            faults: Vec::new(),
            steps: Vec::new(),
            script: toml::Table::new(),
            media: toml::Table::new(),
            expect: Vec::new(),
            origin: Origin::default(),
        }
    }

    /// Reads a scenario that names no other files. `file_name` appears in errors only.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] for the first fault found, in any combination of the matrix: no TOML, an unknown or missing
    /// key, a wrong type or unit, or a network that makes no sense.
    pub fn parse(text: &str, file_name: &str) -> Result<Scenario, ScenarioError> {
        Scenario::parse_with(text, file_name, &mut |_| {
            Err("no other files are read here".to_owned())
        })
    }

    /// [`Scenario::parse`], with other files: `open` is given the name of each as the scenario writes it, which is
    /// relative to the scenario's own, and gives what stands in it, or why it cannot.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] as there, and at the name of a file that cannot be read or makes no sense.
    pub fn parse_with(
        text: &str,
        file_name: &str,
        open: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Scenario, ScenarioError> {
        let mut source = Source::new(file_name, text);
        let unread = source.clone();
        let table = toml(&unread)?;
        let table = table.get_ref();
        let matrix = matrix::parse(table, &source)?;
        source.files = files::read(&source, table, &matrix, open)?;
        let (mut scenario, mut parts) = read(&source, table, &matrix)?;
        let mut later = matrix.next();
        scenario.origin.resolved = later.is_none();
        while let Some(assignment) = later {
            parts += read(&source, table, &assignment)?.1;
            if parts > MAX_PARTS {
                let message =
                    format!("more than {MAX_PARTS} nodes, links and so on in all combinations");
                return Err(scenario.error_at(&["matrix"], message, None));
            }
            later = assignment.next();
        }
        resolve::check_use(table, &source, &matrix)?;
        Ok(scenario)
    }

    /// The index of a node in [`Scenario::nodes`].
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// The name of a node, by its index; empty if there is none.
    pub fn node_name(&self, index: usize) -> &str {
        self.nodes.get(index).map_or("", |node| &node.name)
    }

    /// The name of a link, or of a direction of one, as files write it: its own, `a<>b` or `a>b`.
    pub fn link_name(&self, link: LinkRef) -> String {
        let known = self.links.iter().find(|known| known.reference() == link);
        if let Some(name) = known.and_then(|link| link.name.clone()) {
            return name;
        }
        let arrow = if link.both { "<>" } else { ">" };
        let (from, to) = (self.node_name(link.from), self.node_name(link.to));
        format!("{from}{arrow}{to}")
    }
}

/// Reads the file with its parameters at these values. Also says how many nodes, links and so on it has.
fn read(
    source: &Source,
    table: &DeTable<'_>,
    assignment: &Assignment,
) -> Result<(Scenario, usize), ScenarioError> {
    let source = &source.assigned(assignment.clone());
    let table = resolve::resolve(table, source)?;
    let root = Section::new(source, &table, 0..0);
    root.only(KEYS)?;

    let name = root.required("name")?.text()?.to_owned();
    let description = match root.optional("description") {
        Some(field) => field.text()?.to_owned(),
        None => String::new(),
    };
    let seeds = match root.optional("seed") {
        Some(field) => seeds(field)?,
        None => Seeds::one(1),
    };
    let duration = duration(root.required("duration")?)?;
    let (mut nodes, mut roster) = node::parse(&root)?;
    let mediums = medium::parse(&root, &mut roster)?;
    let links = link::parse(&root, &mediums, &mut roster)?;
    node::parse_middleboxes(&root, &links, &mut nodes, &roster)?;
    let flows = flow::parse(&root, &nodes, &mut roster)?;
    let faults = fault::parse(&root, &nodes, &mut roster)?;
    let steps = step::parse(&root, &mut roster)?;
    let expect = expect::parse(&root, &flows, &mut roster)?;
    let opaque = |key| match root.optional(key) {
        Some(field) => field.opaque(),
        None => Ok(toml::Table::new()),
    };
    let scenario = Scenario {
        name,
        description,
        seed: seeds.first(),
        duration,
        nodes,
        mediums,
        links,
        flows,
        faults,
        steps,
        script: opaque("script")?,
        media: opaque("media")?,
        expect,
        origin: Origin {
            source: source.clone(),
            seeds,
            resolved: true,
        },
    };
    scenario.make_sense()?;
    Ok((scenario, roster.parts()))
}

fn toml(source: &Source) -> Result<Spanned<DeTable<'_>>, ScenarioError> {
    DeTable::parse(&source.text).map_err(|error| {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        source.error(error.span().unwrap_or(0..0), message)
    })
}

fn duration(field: Field<'_>) -> Result<Duration, ScenarioError> {
    let duration = field.quantity("20 s", parse_duration)?;
    if duration.is_zero() {
        return Err(field.error("`duration` must not be zero"));
    }
    if duration > LONGEST {
        return Err(field.error("`duration` must not be longer than 30 days"));
    }
    Ok(duration)
}

fn seeds(field: Field<'_>) -> Result<Seeds, ScenarioError> {
    match field.text() {
        Ok(text) => text
            .parse()
            .map_err(|error: SeedsError| field.error(error.to_string())),
        Err(_) => field.integer().map(Seeds::one),
    }
}
