//! States from which a goal is out of reach.

use super::model::Model;
use super::property::{Condition, Property};
use super::visited::Node;

/// The edges of the graph and the goals of the *always possible* properties; holds nothing where there is none.
#[derive(Debug, Default)]
pub(super) struct Reachability {
    goals: Vec<Goal>,
    edges: Vec<(Node, Node)>,
    /// Nodes whose successors were not all searched: they may reach anything.
    open: Vec<Node>,
    nodes: usize,
}

#[derive(Debug)]
struct Goal {
    rule: usize,
    reached: Vec<Node>,
}

impl Reachability {
    pub(super) fn new<M: Model>(properties: &[Property<M>]) -> Reachability {
        let goals = properties
            .iter()
            .enumerate()
            .filter(|(_, property)| matches!(property.condition, Condition::AlwaysPossible(_)));
        Reachability {
            goals: goals
                .map(|(rule, _)| Goal {
                    rule,
                    reached: Vec::new(),
                })
                .collect(),
            ..Reachability::default()
        }
    }

    /// Notes a new state; they come in the order of their nodes.
    pub(super) fn node<M: Model>(
        &mut self,
        model: &M,
        properties: &[Property<M>],
        state: &M::State,
    ) {
        let node = self.nodes as Node;
        self.nodes += 1;
        for goal in &mut self.goals {
            if let Condition::AlwaysPossible(is_goal) = &properties[goal.rule].condition
                && is_goal(model, state)
            {
                goal.reached.push(node);
            }
        }
    }

    pub(super) fn edge(&mut self, from: Node, to: Node) {
        if !self.goals.is_empty() {
            self.edges.push((from, to));
        }
    }

    /// Notes that not all that follows a node was searched, or will be.
    pub(super) fn leave_open(&mut self, node: Node) {
        if !self.goals.is_empty() {
            self.open.push(node);
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        let nodes: usize = self.goals.iter().map(|goal| goal.reached.capacity()).sum();
        ((nodes + self.open.capacity()) * size_of::<Node>()
            + self.edges.capacity() * size_of::<(Node, Node)>()) as u64
    }

    /// For each property that some state breaks, its position and the first such state. To be asked once, at the end.
    pub(super) fn stuck(&mut self) -> Vec<(usize, Node)> {
        if self.goals.is_empty() {
            return Vec::new();
        }
        // Backwards: the edges that enter node n are those from starts[n] on, up to starts[n + 1].
        self.edges.sort_unstable_by_key(|(from, to)| (*to, *from));
        let mut starts = vec![0; self.nodes + 1];
        for (_, to) in &self.edges {
            starts[*to as usize + 1] += 1;
        }
        for n in 0..self.nodes {
            starts[n + 1] += starts[n];
        }
        let stuck = self.goals.iter().filter_map(|goal| {
            let mut reaches = vec![false; self.nodes];
            let mut waiting: Vec<Node> = goal.reached.iter().chain(&self.open).copied().collect();
            while let Some(node) = waiting.pop() {
                let node = node as usize;
                if !reaches[node] {
                    reaches[node] = true;
                    let entering = &self.edges[starts[node]..starts[node + 1]];
                    waiting.extend(entering.iter().map(|(from, _)| *from));
                }
            }
            let first = reaches.iter().position(|reaches| !reaches)?;
            Some((goal.rule, first as Node))
        });
        stuck.collect()
    }
}
