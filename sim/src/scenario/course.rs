//! What a direction of a link is like over time: what the scenario says of it, and what faults make of that.

use std::collections::BTreeMap;

use super::change::LinkChange;
use super::{FaultKind, Scenario};
use crate::link::LinkConfig;
use crate::time::Time;

/// A direction of a link: the nodes that it leads from and to.
pub(crate) type Way = (usize, usize);

/// A change, from when it holds, and until when, if it ends.
struct Spell<'s> {
    from: Time,
    to: Option<Time>,
    set: &'s LinkChange,
}

impl Spell<'_> {
    fn holds(&self, at: Time) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

impl Scenario {
    /// The configurations of each direction of each link: the first at zero, with the packets that faults have it drop,
    /// and one more from each instant at which a fault begins or ends to change it.
    ///
    /// Changes that hold at once are made in the order in which they began, those that began at once in the order of the
    /// file; where one of them ends the others stay.
    pub(crate) fn courses(&self) -> BTreeMap<Way, Vec<(Time, LinkConfig)>> {
        let ways = self.links.iter().flat_map(|link| link.directions());
        let course = |(from, to, config)| ((from, to), self.course((from, to), config));
        ways.map(course).collect()
    }

    /// The course of one direction, of which the scenario says this.
    pub(super) fn course(&self, way: Way, config: &LinkConfig) -> Vec<(Time, LinkConfig)> {
        let mut base = config.clone();
        for fault in &self.faults {
            if let FaultKind::Drop { link, packets } = &fault.kind
                && link.directions().any(|own| own == way)
            {
                base.drop.extend(packets);
            }
        }
        let spells = self.spells(way);
        let edges = spells.iter().flat_map(|spell| [Some(spell.from), spell.to]);
        let mut edges: Vec<Time> = edges.flatten().collect();
        edges.sort_unstable();
        edges.dedup();
        let mut course = vec![(Time::ZERO, base.clone())];
        for at in edges {
            let mut config = base.clone();
            for spell in spells.iter().filter(|spell| spell.holds(at)) {
                spell.set.apply_at(spell.from, &mut config);
            }
            course.push((at, config));
        }
        course
    }

    /// The changes of a direction, in the order in which they begin.
    fn spells(&self, way: Way) -> Vec<Spell<'_>> {
        let mut spells = Vec::new();
        for fault in &self.faults {
            match &fault.kind {
                FaultKind::Link { link, set, lasts } if link.directions().any(|own| own == way) => {
                    spells.push(Spell {
                        from: fault.at,
                        to: lasts.map(|lasts| fault.at.after(lasts)),
                        set,
                    });
                }
                FaultKind::Handover {
                    node, outage, set, ..
                } if (way.0 == *node || way.1 == *node) && *set != LinkChange::default() => {
                    spells.push(Spell {
                        from: fault.at.after(*outage),
                        to: None,
                        set,
                    });
                }
                _ => {}
            }
        }
        spells.sort_by_key(|spell| spell.from);
        spells
    }
}
