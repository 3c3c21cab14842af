//! What a scenario needs of whoever runs it, so that a driver that lacks something can say so before it begins.

use core::fmt;
use std::collections::BTreeSet;

use super::change::LinkChange;
use super::error::ScenarioError;
use super::node::Role;
use super::place::Place;
use super::{FaultKind, Scenario};
use crate::link::LinkConfig;

/// Something that a network, or what goes wrong in it, needs a driver for. Names are those that files use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// A node of this role.
    Role(Role),
    /// A link with this property, other than a perfect link has it: `rate`, `queue`, `delay`, `loss` …
    Link(&'static str),
    /// A link whose directions are not alike, or that has but one.
    Asymmetry,
    /// A flow of this kind.
    Flow(&'static str),
    /// A fault of this kind.
    Fault(&'static str),
    /// Somebody who reads this table, which the simulator hands up: `media` or `script`.
    Table(&'static str),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Role(role) => write!(f, "node of role `{role}`"),
            Need::Link(property) => write!(f, "`{property}` of links"),
            Need::Asymmetry => f.write_str("link whose directions differ"),
            Need::Flow(kind) => write!(f, "flow of kind `{kind}`"),
            Need::Fault(kind) => write!(f, "fault of kind `{kind}`"),
            Need::Table(name) => write!(f, "use for `[{name}]`"),
        }
    }
}

/// A [`Need`], with the place in the file that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// What is needed.
    pub need: Need,
    /// What needs it, as the file calls it: a node, a link, a flow, a fault.
    pub by: String,
    place: Place,
    path: Vec<&'static str>,
}

impl Scenario {
    /// What this scenario needs: nodes first, then links, flows, faults and opaque tables, each in the order of the file.
    /// What it needs several times is there several times. Steps and expectations are not looked at: what a node can do,
    /// and what is measured, is for those to say who run it.
    pub fn needs(&self) -> Vec<Needed> {
        let mut needs = Vec::new();
        for node in &self.nodes {
            needs.push(Needed {
                need: Need::Role(node.role),
                by: format!("`{}`", node.name),
                place: Place::default(),
                path: vec!["node"],
            });
        }
        for link in &self.links {
            let by = format!("`{}`", self.link_name(link.reference()));
            let needed = |need, path| Needed {
                need,
                by: by.clone(),
                place: link.place,
                path,
            };
            let forth = properties(&link.config);
            needs.extend(forth.iter().map(|key| needed(Need::Link(key), vec![*key])));
            match &link.back {
                None => needs.push(needed(Need::Asymmetry, vec!["to_only"])),
                Some(back) => {
                    let own = properties(back);
                    let own = own.iter().filter(|key| !forth.contains(*key));
                    needs.extend(own.map(|key| needed(Need::Link(key), vec!["back", *key])));
                    if *back != link.config {
                        needs.push(needed(Need::Asymmetry, vec!["back"]));
                    }
                }
            }
        }
        for flow in &self.flows {
            needs.push(Needed {
                need: Need::Flow(flow.kind.as_str()),
                by: format!("`{}`", flow.name),
                place: flow.place,
                path: vec!["kind"],
            });
        }
        for fault in &self.faults {
            let needed = |need, path| Needed {
                need,
                by: format!("`{}`", fault.id),
                place: fault.place,
                path,
            };
            needs.push(needed(Need::Fault(fault.kind.as_str()), vec!["kind"]));
            if let FaultKind::Link { set, .. } | FaultKind::Handover { set, .. } = &fault.kind {
                let set = set.named();
                needs.extend(set.map(|key| needed(Need::Link(key), vec!["set", key])));
            }
        }
        for (name, table) in [("media", &self.media), ("script", &self.script)] {
            if !table.is_empty() {
                needs.push(Needed {
                    need: Need::Table(name),
                    by: format!("`{}`", self.name),
                    place: Place::default(),
                    path: vec![name],
                });
            }
        }
        needs
    }

    /// Refuses this scenario to a driver that does not offer all that it needs. `driver` is a name for people.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] for the first need that is not met, at its place.
    pub fn admit(&self, driver: &str, offers: &BTreeSet<Need>) -> Result<(), ScenarioError> {
        let lacking = |needed: &Needed| !offers.contains(&needed.need);
        match self.needs().into_iter().find(lacking) {
            None => Ok(()),
            Some(Needed {
                need,
                by,
                place,
                path,
            }) => {
                let message = format!("{driver} has no {need}, and {by} needs it");
                Err(self.error_in(place, &path, message, None))
            }
        }
    }
}

/// The properties in which a link direction is not perfect.
fn properties(config: &LinkConfig) -> Vec<&'static str> {
    LinkChange::between(&LinkConfig::default(), config)
        .named()
        .collect()
}
