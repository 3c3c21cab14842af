//! Explores the alternating-bit protocol and prints what it finds, and how fast.
//!
//! `cargo run --release -p duet-sim --example explore -- [values] [capacity] [reorders]`

use std::io::Write as _;
use std::ops::ControlFlow;
use std::time::Instant;

use duet_sim::explore::{Explorer, Faults};

#[allow(dead_code)]
#[path = "../tests/explore/alternating_bit.rs"]
mod alternating_bit;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse().ok());
    let mut number = |or| numbers.next().flatten().unwrap_or(or);
    let model = alternating_bit::AlternatingBit {
        values: number(8),
        capacity: number(6),
        faults: Faults {
            drops: Faults::UNLIMITED,
            duplicates: Faults::UNLIMITED,
            reorders: number(0),
            ..Faults::NONE
        },
    };
    let begin = Instant::now();
    let mut err = std::io::stderr();
    let mut shown = 0;
    let report = Explorer::new(&model)
        .on_progress(|progress| {
            if begin.elapsed().as_secs() > shown {
                shown += 1;
                let _ = write!(
                    err,
                    "\r{} states, depth {}, {} waiting, {} MiB ",
                    progress.states,
                    progress.depth,
                    progress.waiting,
                    progress.memory >> 20
                );
            }
            ControlFlow::Continue(())
        })
        .breadth_first();
    let seconds = begin.elapsed().as_secs_f64();
    print!("\n{report}");
    println!(
        "{seconds:.2} s: {:.0} states and {:.0} transitions a second",
        report.states as f64 / seconds,
        report.transitions as f64 / seconds
    );
}
