//! Breadth-first search.

use std::collections::VecDeque;

use super::bounds::{Progress, Stopped};
use super::checker::{Checker, Finding};
use super::counterexample::Path;
use super::explorer::Explorer;
use super::guard::guard;
use super::model::Model;
use super::report::Report;
use super::stuck::Reachability;
use super::symmetry;
use super::totals::Totals;
use super::visited::{Node, Origin, Seen, Visited, identity};

/// All states in the order of their distance from the initial ones.
///
/// States wait in the queue in the order of their nodes, so the node of the state at its head is the number of states
/// taken from it so far.
pub(super) struct BreadthFirst<'a, M: Model> {
    explorer: Explorer<'a, M>,
    checker: Checker<'a, M>,
    visited: Visited,
    queue: VecDeque<M::State>,
    /// Bytes that the states in the queue own on the heap.
    heap: u64,
    reachability: Reachability,
    totals: Totals,
    found: Vec<Found<M::Action>>,
}

/// A finding at a node, or at an action taken there.
struct Found<A> {
    finding: Finding,
    node: Node,
    action: Option<A>,
}

/// The search ends before its time.
struct Stop(Stopped);

impl<'a, M: Model> BreadthFirst<'a, M> {
    pub(super) fn new(explorer: Explorer<'a, M>) -> BreadthFirst<'a, M> {
        let checker = Checker::new(explorer.model);
        BreadthFirst {
            visited: Visited::default(),
            queue: VecDeque::new(),
            heap: 0,
            reachability: Reachability::new(checker.properties()),
            totals: Totals::default(),
            found: Vec::new(),
            explorer,
            checker,
        }
    }

    pub(super) fn run(mut self) -> Report<M::Action> {
        let mut stopped = match self.search() {
            Ok(()) if self.totals.open > 0 => Stopped::Depth,
            Ok(()) => Stopped::Exhausted,
            Err(Stop(stopped)) => stopped,
        };
        if stopped != Stopped::Counterexample {
            self.totals.judged_reachability = true;
            let stuck = self.reachability.stuck();
            for (rule, node) in stuck {
                self.checker
                    .find(rule, Some("out of reach from here".into()));
                let stops = self.keep(node, None).is_err();
                if stops && stopped == Stopped::Exhausted {
                    stopped = Stopped::Counterexample;
                }
            }
        }
        let model = self.checker.model;
        let findings = self
            .found
            .into_iter()
            .map(|found| {
                let Path {
                    initial,
                    mut actions,
                } = self.visited.path(model, found.node);
                actions.extend(found.action);
                (found.finding, Path { initial, actions })
            })
            .collect();
        self.totals.report(
            &self.checker,
            "breadth-first".into(),
            self.explorer.bounds,
            stopped,
            self.visited.len(),
            findings,
        )
    }

    fn search(&mut self) -> Result<(), Stop> {
        let initial = self.checker.model.initial_states();
        assert!(!initial.is_empty(), "a model has an initial state");
        for (position, state) in initial.into_iter().enumerate() {
            self.add(state, Origin::initial(position))?;
        }
        // Duplicates are counted among transitions.
        self.totals.duplicates = 0;
        let mut node: Node = 0;
        let mut depth = 0;
        // The node at which the next depth begins.
        let mut next_depth = self.visited.len();
        let mut enabled = Vec::new();
        while let Some(state) = self.queue.pop_front() {
            if node as usize == next_depth {
                depth += 1;
                next_depth = self.visited.len();
            }
            self.heap -= self.checker.model.heap_bytes(&state) as u64;
            let expanded = self.expand(node, &state, depth, &mut enabled);
            if expanded.is_err() {
                (node..self.visited.len() as Node)
                    .for_each(|node| self.reachability.leave_open(node));
                self.totals.open += 1 + self.queue.len() as u64;
            }
            expanded?;
            node += 1;
        }
        Ok(())
    }

    fn expand(
        &mut self,
        node: Node,
        state: &M::State,
        depth: u32,
        enabled: &mut Vec<M::Action>,
    ) -> Result<(), Stop> {
        let model = self.checker.model;
        enabled.clear();
        let asked = guard(|| {
            if !model.within(state) {
                return None;
            }
            model.actions(state, enabled);
            Some(model.is_quiescent(state, enabled))
        });
        match asked {
            Ok(Some(false)) => {}
            Ok(Some(true)) => {
                self.totals.quiescent += 1;
                self.checker.quiescent(state);
                self.keep(node, None)?;
            }
            Ok(None) => {
                self.totals.pruned += 1;
                self.reachability.leave_open(node);
                return Ok(());
            }
            Err(message) => {
                self.checker.panicked(message);
                return self.keep(node, None);
            }
        }
        if self.explorer.bounds.depth == Some(depth) {
            if !enabled.is_empty() {
                self.totals.open += 1;
                self.reachability.leave_open(node);
            }
            return Ok(());
        }
        if self.explorer.audit {
            match guard(|| symmetry::audit(model, self.checker.properties(), state, enabled)) {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => self.checker.asymmetric(reason),
                Err(message) => self.checker.panicked(message),
            }
            self.keep(node, None)?;
        }
        for (position, action) in enabled.iter().enumerate() {
            self.totals.count(model.kind(action));
            let mut next = state.clone();
            if let Err(message) = guard(|| model.apply(&mut next, action)) {
                self.checker.panicked(message);
                self.keep(node, Some(action))?;
                continue;
            }
            self.checker.step(state, action, &next);
            self.keep(node, Some(action))?;
            self.totals.depth = self.totals.depth.max(depth + 1);
            let target = self.add(next, Origin::step(node, position))?;
            self.reachability.edge(node, target);
            self.continues(depth)?;
        }
        Ok(())
    }

    /// Adds a state to those that wait, if it is new.
    fn add(&mut self, state: M::State, origin: Origin) -> Result<Node, Stop> {
        let model = self.checker.model;
        // A canonical form that panics is found here; the state itself then stands for it, so that it has a path.
        let key = guard(|| identity(model, &state)).unwrap_or_else(|message| {
            self.checker.panicked(message);
            super::fingerprint(&state)
        });
        let most = self.explorer.bounds.max_states();
        match self.visited.add(key, origin, most) {
            Seen::Before(node) => {
                self.totals.duplicates += 1;
                Ok(node)
            }
            Seen::Full => Err(Stop(Stopped::States)),
            Seen::New(node) => {
                let noted = guard(|| {
                    let properties = self.checker.properties();
                    self.reachability.node(model, properties, &state);
                    model.measure(&state, &mut self.totals.gauges);
                });
                if let Err(message) = noted {
                    self.checker.panicked(message);
                }
                self.checker.state(&state);
                self.heap += model.heap_bytes(&state) as u64;
                self.queue.push_back(state);
                self.keep(node, None)?;
                let most = self.explorer.bounds.memory;
                match most.is_some_and(|most| self.memory() > most) {
                    true => Err(Stop(Stopped::Memory)),
                    false => Ok(node),
                }
            }
        }
    }

    /// Keeps what the checker found, with the place where it did.
    fn keep(&mut self, node: Node, action: Option<&M::Action>) -> Result<(), Stop> {
        let mut stops = false;
        for finding in self.checker.take() {
            stops |= finding.broken.is_some();
            self.found.push(Found {
                finding,
                node,
                action: action.cloned(),
            });
        }
        match stops && !self.explorer.keep_going {
            true => Err(Stop(Stopped::Counterexample)),
            false => Ok(()),
        }
    }

    fn continues(&mut self, depth: u32) -> Result<(), Stop> {
        if !self.explorer.is_due(self.totals.transitions) {
            return Ok(());
        }
        let progress = Progress {
            states: self.visited.len() as u64,
            transitions: self.totals.transitions,
            depth,
            waiting: self.queue.len() as u64,
            memory: self.memory(),
        };
        match self.explorer.goes_on(&progress) {
            true => Ok(()),
            false => Err(Stop(Stopped::Cancelled)),
        }
    }

    fn memory(&self) -> u64 {
        let queue = self.queue.capacity() as u64 * size_of::<M::State>() as u64;
        self.visited.bytes() + queue + self.heap + self.reachability.bytes()
    }
}
