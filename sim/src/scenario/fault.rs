//! The `[[fault]]` tables: what goes wrong, and when.

use core::time::Duration;
use std::collections::BTreeSet;

use super::change::{LinkChange, PROPERTIES};
use super::error::ScenarioError;
use super::format::{Instant, NonZero, Span, optional, required};
use super::link::LinkRef;
use super::models::{MODE, packets};
use super::node::{NodeSpec, Role};
use super::place::Place;
use super::roster::Roster;
use super::section::{Field, Section};
use crate::link::OutageMode;
use crate::time::Time;

/// A fault of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Its name, unique among faults; `fault-1` and so on, by its place among them, if the file gives none.
    pub id: String,
    /// When it happens; zero for what has no time of its own ([`FaultKind::Drop`]).
    pub at: Time,
    /// What happens.
    pub kind: FaultKind,
    /// Where it stands in the file.
    pub place: Place,
}

/// What goes wrong. Nodes are indices into [`Scenario::nodes`](super::Scenario::nodes); what `lasts` for `None` lasts
/// until the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing passes from some nodes to some others.
    Partition {
        /// Those on one side.
        from: Vec<usize>,
        /// Those on the other.
        to: Vec<usize>,
        /// Whether nothing passes back either.
        both: bool,
        /// For how long.
        lasts: Option<Duration>,
    },
    /// A link is down.
    Outage {
        /// Which.
        link: LinkRef,
        /// For how long.
        lasts: Option<Duration>,
        /// What it does with packets meanwhile.
        mode: OutageMode,
    },
    /// What runs on a node is gone without a word.
    Crash {
        /// Which.
        node: usize,
        /// How long it takes until it runs again, if it does.
        restart_after: Option<Duration>,
    },
    /// A node comes to another network: all its links are down for a while, and then others.
    Handover {
        /// Which.
        node: usize,
        /// How long it is without any.
        outage: Duration,
        /// What the links do with packets meanwhile.
        mode: OutageMode,
        /// Whether it has a new address afterwards.
        new_address: bool,
        /// What its links are like afterwards, where that differs.
        set: LinkChange,
    },
    /// A NAT forgets all its mappings.
    NatFlush {
        /// Which.
        node: usize,
    },
    /// A NAT forgets all its mappings and gets another address.
    NatRenumber {
        /// Which.
        node: usize,
    },
    /// A link is another for a while.
    Link {
        /// Which.
        link: LinkRef,
        /// What is different.
        set: LinkChange,
        /// For how long.
        lasts: Option<Duration>,
    },
    /// A link loses just these packets.
    Drop {
        /// Which direction of which.
        link: LinkRef,
        /// The packets' numbers, counted from 0 on each direction; ascending.
        packets: Vec<u64>,
    },
}

impl FaultKind {
    /// The name that files use.
    pub const fn as_str(&self) -> &'static str {
        match self {
            FaultKind::Partition { .. } => "partition",
            FaultKind::Outage { .. } => "outage",
            FaultKind::Crash { .. } => "crash",
            FaultKind::Handover { .. } => "handover",
            FaultKind::NatFlush { .. } => "nat-flush",
            FaultKind::NatRenumber { .. } => "nat-renumber",
            FaultKind::Link { .. } => "link",
            FaultKind::Drop { .. } => "drop",
        }
    }

    /// The link that it is a fault of, if it is one of a link.
    pub const fn link(&self) -> Option<LinkRef> {
        match self {
            FaultKind::Outage { link, .. }
            | FaultKind::Link { link, .. }
            | FaultKind::Drop { link, .. } => Some(*link),
            _ => None,
        }
    }
}

/// The kinds, with their keys beside `id` and `kind`.
const KINDS: &[(&str, &[&str])] = &[
    ("partition", &["at", "for", "between", "from", "to"]),
    ("outage", &["at", "for", "link", "mode"]),
    ("crash", &["at", "node", "restart_after"]),
    (
        "handover",
        &["at", "node", "outage", "mode", "new_address", "set"],
    ),
    ("nat-flush", &["at", "node"]),
    ("nat-renumber", &["at", "node"]),
    ("link", &["at", "for", "link", "set"]),
    ("drop", &["link", "packets"]),
];

/// Reads all `[[fault]]`s.
pub(super) fn parse(
    root: &Section<'_>,
    nodes: &[NodeSpec],
    roster: &mut Roster,
) -> Result<Vec<Fault>, ScenarioError> {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for section in root.tables("fault")? {
        let field = section.required("kind")?;
        let words: Vec<_> = KINDS
            .iter()
            .map(|(kind, keys)| (*kind, (*kind, *keys)))
            .collect();
        let (kind, keys) = field.choice(&words, "kind of fault")?;
        section.only(&[&["id", "kind"], keys].concat())?;
        let at = match keys.contains(&"at") {
            true => required(section, "at", &Instant)?,
            false => Time::ZERO,
        };
        let named = section.optional("id");
        let id = match named {
            Some(field) => field.text()?.to_owned(),
            None => format!("fault-{}", section.place().number()),
        };
        let kinds = kinds(kind, section, nodes, roster)?;
        roster.count(field, kinds.len())?;
        let many = kinds.len() > 1;
        for (number, kind) in kinds.into_iter().enumerate() {
            let id = match many {
                true => format!("{id}-{}", number + 1),
                false => id.clone(),
            };
            if !ids.insert(id.clone()) {
                let message = format!("there is a fault `{id}` already");
                return Err(named.unwrap_or(field).error(message));
            }
            let place = section.place();
            faults.push(Fault {
                id,
                at,
                kind,
                place,
            });
        }
    }
    Ok(faults)
}

/// One fault, or one for each of the nodes or links that a name stands for.
fn kinds(
    kind: &str,
    section: Section<'_>,
    nodes: &[NodeSpec],
    roster: &Roster,
) -> Result<Vec<FaultKind>, ScenarioError> {
    let span = |key| optional(section, key, &NonZero(Span("3 s")));
    let mode = || optional(section, "mode", &MODE).map(Option::unwrap_or_default);
    let links = || roster.links(section.required("link")?);
    let each = || roster.each(section.required("node")?);
    Ok(match kind {
        "partition" => vec![partition(section, roster)?],
        "outage" => {
            let (lasts, mode) = (span("for")?, mode()?);
            let links = links()?.into_iter();
            links
                .map(|link| FaultKind::Outage { link, lasts, mode })
                .collect()
        }
        "crash" => {
            let restart_after = span("restart_after")?;
            let crash = |node| FaultKind::Crash {
                node,
                restart_after,
            };
            each()?.into_iter().map(crash).collect()
        }
        "handover" => {
            let outage = required(section, "outage", &Span("400 ms"))?;
            let new_address = match section.optional("new_address") {
                Some(field) => field.flag()?,
                None => false,
            };
            let set = match section.optional("set") {
                Some(field) => change(field)?,
                None => LinkChange::default(),
            };
            let mode = mode()?;
            let handover = |node| FaultKind::Handover {
                node,
                outage,
                mode,
                new_address,
                set: set.clone(),
            };
            each()?.into_iter().map(handover).collect()
        }
        "nat-flush" => vec![FaultKind::NatFlush {
            node: nat(section, nodes, roster)?,
        }],
        "nat-renumber" => vec![FaultKind::NatRenumber {
            node: nat(section, nodes, roster)?,
        }],
        "link" => {
            let (set, lasts) = (change(section.required("set")?)?, span("for")?);
            let link = |link| FaultKind::Link {
                link,
                set: set.clone(),
                lasts,
            };
            links()?.into_iter().map(link).collect()
        }
        _ => {
            let packets = packets(section.required("packets")?)?;
            let drop = |link| FaultKind::Drop {
                link,
                packets: packets.clone(),
            };
            links()?.into_iter().map(drop).collect()
        }
    })
}

fn partition(section: Section<'_>, roster: &Roster) -> Result<FaultKind, ScenarioError> {
    let lasts = optional(section, "for", &NonZero(Span("3 s")))?;
    let (from, to, both) = match section.optional("between") {
        Some(field) => {
            for key in ["from", "to"] {
                if let Some(field) = section.optional(key) {
                    let message = format!("`{key}` and `between` exclude each other");
                    return Err(field.key_error(message));
                }
            }
            let sides: Vec<Field<'_>> = field.elements()?.collect();
            let [from, to] = sides.as_slice() else {
                let error = field.error("a partition is between two sides");
                return Err(error.with_help("such as [\"alice\", \"server\"]"));
            };
            (*from, *to, true)
        }
        None => {
            let from = section.optional("from");
            let missing = "a partition needs `between`, or `from` and `to` for one direction";
            let from = from.ok_or_else(|| section.error(missing))?;
            (from, section.required("to")?, false)
        }
    };
    let (ones, others) = (roster.each(from)?, roster.each(to)?);
    if let Some(node) = others.iter().find(|node| ones.contains(node)) {
        let message = format!("`{}` is on both sides", roster.name(*node));
        return Err(to.error(message));
    }
    Ok(FaultKind::Partition {
        from: ones,
        to: others,
        both,
        lasts,
    })
}

fn nat(section: Section<'_>, nodes: &[NodeSpec], roster: &Roster) -> Result<usize, ScenarioError> {
    let field = section.required("node")?;
    let index = roster.one(field)?;
    match nodes.get(index) {
        Some(node) if node.role != Role::Nat => {
            let message = format!(
                "`{}` is a {}, and only a nat has mappings",
                node.name, node.role
            );
            Err(field.error(message))
        }
        _ => Ok(index),
    }
}

fn change(field: Field<'_>) -> Result<LinkChange, ScenarioError> {
    let section = field.section()?;
    section.only(PROPERTIES)?;
    let change = LinkChange::parse(section)?;
    if change == LinkChange::default() {
        return Err(field.error(format!("`{}` changes nothing", field.key())));
    }
    Ok(change)
}
