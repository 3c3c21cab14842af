//! Intervals in which a link is down.

use crate::time::Time;

/// An interval `[from, to)` in which a link carries nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outage {
    /// The first instant at which the link is down.
    pub from: Time,
    /// The first instant at which it is up again.
    pub to: Time,
}

/// When outages end: sorted, overlapping and adjoining ones merged, empty ones left out.
#[derive(Clone, Debug)]
pub(super) struct Outages(Vec<Outage>);

impl Outages {
    pub(super) fn new(mut outages: Vec<Outage>) -> Outages {
        outages.retain(|outage| outage.from < outage.to);
        outages.sort();
        let mut merged: Vec<Outage> = Vec::new();
        for outage in outages {
            match merged.last_mut() {
                Some(last) if outage.from <= last.to => last.to = last.to.max(outage.to),
                _ => merged.push(outage),
            }
        }
        Outages(merged)
    }

    /// When the outage that covers `now` ends, if one does.
    pub(super) fn end(&self, now: Time) -> Option<Time> {
        let next = self.0.partition_point(|outage| outage.to <= now);
        let outage = self.0.get(next)?;
        (outage.from <= now).then_some(outage.to)
    }
}
