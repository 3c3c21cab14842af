//! Interleaved rounds: each case runs a few passes in each round, so that whatever else the machine does meets all of
//! them, and a ratio is taken within a round.

use std::time::Instant;

use crate::allocations;

/// One thing that is measured: a pass over every message of `S`.
pub(crate) struct Case<S> {
    /// Its name.
    pub(crate) name: &'static str,
    /// What a reader of the table should know.
    pub(crate) note: &'static str,
    /// A pass.
    pub(crate) pass: fn(&mut S),
}

/// What came out for one case.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) note: &'static str,
    /// The median over all rounds, for one operation.
    pub(crate) nanos: f64,
    /// The median over all rounds of its time over the baseline's in that round.
    pub(crate) ratio: f64,
    /// Allocations an operation.
    pub(crate) allocations: f64,
    /// Instructions an operation, where they were counted.
    pub(crate) instructions: Option<f64>,
}

const ROUNDS: usize = 301;
const PASSES: usize = 12;

/// Measures all cases side by side; `operations` is how many one pass has, `baseline` what ratios are of.
pub(crate) fn run<S>(
    cases: &[Case<S>],
    baseline: &str,
    operations: usize,
    set: &mut S,
) -> Vec<Figure> {
    let base = cases
        .iter()
        .position(|case| case.name == baseline)
        .unwrap_or_default();
    let mut times = vec![Vec::with_capacity(ROUNDS); cases.len()];
    for round in 0..ROUNDS {
        for turn in 0..cases.len() {
            // Each case comes after each other one in turn.
            let at = (turn + round) % cases.len();
            let began = Instant::now();
            (0..PASSES).for_each(|_| (cases[at].pass)(set));
            let nanos = began.elapsed().as_nanos() as f64;
            times[at].push(nanos / (PASSES * operations) as f64);
        }
    }
    let figure = |(at, case): (usize, &Case<S>)| Figure {
        name: case.name,
        note: case.note,
        nanos: median(times[at].clone()),
        ratio: median(
            times[at]
                .iter()
                .zip(&times[base])
                .map(|(own, base)| own / base)
                .collect(),
        ),
        allocations: allocations::during(|| (case.pass)(set)) as f64 / operations as f64,
        instructions: None,
    };
    cases.iter().enumerate().map(figure).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
