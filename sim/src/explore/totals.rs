//! What a search counts.

use core::fmt::Debug;

use super::bounds::{Bounds, Stopped};
use super::checker::{Checker, Finding};
use super::counterexample::{Counterexample, Path};
use super::model::Model;
use super::property::Condition;
use super::report::{Gauges, Report, Witness};

/// Counts on the way to a [`Report`].
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) transitions: u64,
    pub(super) duplicates: u64,
    pub(super) depth: u32,
    pub(super) quiescent: u64,
    pub(super) pruned: u64,
    pub(super) open: u64,
    pub(super) gauges: Gauges,
    /// Whether the *always possible* properties were looked at, which happens last.
    pub(super) judged_reachability: bool,
    kinds: Vec<(&'static str, u64)>,
}

impl Totals {
    /// Counts an action that is taken.
    pub(super) fn count(&mut self, kind: &'static str) {
        self.transitions += 1;
        match self.kinds.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind, 1)),
        }
    }

    /// The report, from what was found and the path to each finding.
    pub(super) fn report<M: Model>(
        mut self,
        checker: &Checker<'_, M>,
        method: String,
        bounds: Bounds,
        stopped: Stopped,
        states: usize,
        findings: Vec<(Finding, Path<M::Action>)>,
    ) -> Report<M::Action>
    where
        M::Action: Clone + Eq + Debug,
    {
        let model = checker.model;
        for kind in model.kinds() {
            if !self.kinds.iter().any(|(other, _)| *other == kind) {
                self.kinds.push((kind, 0));
            }
        }
        self.kinds.sort_unstable();

        let mut witnesses: Vec<Witness<M::Action>> = Vec::new();
        let mut checked = Vec::new();
        for (rule, property) in checker.properties().iter().enumerate() {
            let looked_at = self.judged_reachability
                || !matches!(property.condition, Condition::AlwaysPossible(_));
            if checker.is_sometimes(rule) {
                witnesses.push(Witness {
                    property: property.name,
                    path: None,
                });
            } else if !checker.is_settled(rule) && looked_at {
                checked.push(property.name);
            }
        }
        let mut counterexamples = Vec::new();
        for (finding, path) in findings {
            let name = checker.name(finding.rule);
            match finding.broken {
                Some(reason) => counterexamples.push(Counterexample {
                    property: name,
                    requirements: checker.requirements(finding.rule),
                    reason,
                    diagram: path.diagram(model),
                    path,
                }),
                None => {
                    let mut all = witnesses.iter_mut();
                    if let Some(witness) = all.find(|witness| witness.property == name) {
                        witness.path = Some(path);
                    }
                }
            }
        }
        counterexamples.sort_by_key(|found: &Counterexample<M::Action>| found.path.actions.len());
        let mut properties = checker.properties().iter();
        Report {
            method,
            bounds,
            limits: model.limits(),
            stopped,
            states: states as u64,
            transitions: self.transitions,
            duplicates: self.duplicates,
            depth: self.depth,
            quiescent: self.quiescent,
            pruned: self.pruned,
            open: self.open,
            actions: self.kinds,
            gauges: self.gauges,
            checked,
            wants_quiescence: properties.any(|p| matches!(p.condition, Condition::Quiescent(_))),
            witnesses,
            counterexamples,
        }
    }
}
