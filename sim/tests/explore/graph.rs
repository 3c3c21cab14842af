//! A model that is any small directed graph, for answers that can be worked out in another way.

use duet_sim::explore::{Model, Property};

#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    /// By node: its successors.
    pub(crate) edges: Vec<Vec<usize>>,
    pub(crate) bad: Vec<usize>,
    pub(crate) goals: Vec<usize>,
}

impl Graph {
    /// A line of this many nodes.
    pub(crate) fn line(nodes: usize) -> Graph {
        Graph {
            edges: (1..nodes).map(|n| vec![n]).chain([vec![]]).collect(),
            ..Graph::default()
        }
    }

    /// The distance of each node from node zero, by relaxing every edge as often as there are nodes.
    pub(crate) fn distances(&self) -> Vec<Option<usize>> {
        let mut distances = vec![None; self.edges.len()];
        distances[0] = Some(0);
        for _ in 0..self.edges.len() {
            for (from, successors) in self.edges.iter().enumerate() {
                for to in successors {
                    let through = distances[from].map(|distance| distance + 1);
                    if through.is_some() && distances[*to].is_none_or(|d| through < Some(d)) {
                        distances[*to] = through;
                    }
                }
            }
        }
        distances
    }

    /// By pair: whether a way leads from the one to the other, by Warshall's algorithm.
    pub(crate) fn closure(&self) -> Vec<Vec<bool>> {
        let n = self.edges.len();
        let mut ways: Vec<Vec<bool>> = (0..n)
            .map(|from| {
                (0..n)
                    .map(|to| from == to || self.edges[from].contains(&to))
                    .collect()
            })
            .collect();
        for by in 0..n {
            for from in 0..n {
                for to in 0..n {
                    ways[from][to] |= ways[from][by] && ways[by][to];
                }
            }
        }
        ways
    }
}

impl Model for Graph {
    type State = usize;
    type Action = usize;

    fn initial_states(&self) -> Vec<usize> {
        vec![0]
    }
    fn actions(&self, state: &usize, actions: &mut Vec<usize>) {
        actions.extend(&self.edges[*state]);
    }
    fn apply(&self, state: &mut usize, action: &usize) {
        *state = *action;
    }
    fn kind(&self, _action: &usize) -> &'static str {
        "edge"
    }
    fn properties(&self) -> Vec<Property<Graph>> {
        vec![
            Property::always("no bad node", &[], |graph: &Graph, state: &usize| {
                !graph.bad.contains(state)
            }),
            Property::always_possible("a goal", &[], |graph: &Graph, state: &usize| {
                graph.goals.is_empty() || graph.goals.contains(state)
            }),
        ]
    }
}
