//! Work for what a peer sends does not grow with what there is already: the same unit of work beside ×1, ×4 and ×16 of
//! everything that a peer can make many of, in instructions. The logarithm of an ordered map is allowed, a walk is not.

mod cases;
mod client;
mod sides;
mod world;

use std::process::ExitCode;

use crate::instructions;
use crate::report::{self, Outcome};

/// What a unit may cost beside ×16, of what it costs beside ×1.
const AT_MOST: f64 = 1.5;

/// Something that a peer can make many of.
struct Case {
    name: &'static str,
    /// How many of it: ×1, ×4, ×16.
    sizes: [usize; 3],
    /// What one pass does in units, at a size.
    units: fn(usize) -> usize,
    /// Makes that many, and gives a pass.
    pass: fn(usize) -> Box<dyn FnMut()>,
}

fn all() -> impl Iterator<Item = &'static Case> {
    cases::ALL.iter().chain(&sides::ALL).chain(&client::ALL)
}

/// Counts every case at every size; with `check` the exit code says whether all is within bounds.
pub(crate) fn bench(check: bool) -> ExitCode {
    let mut outcomes = Vec::new();
    println!(
        "{:34} {:>11} {:>11} {:>11}",
        "instructions a unit, beside", "×1", "×4", "×16"
    );
    for case in all() {
        let counted: Option<Vec<f64>> = case
            .sizes
            .iter()
            .map(|size| {
                let name = format!("{}/{size}", case.name);
                instructions::count("growth", &name, (case.units)(*size))
            })
            .collect();
        let Some([one, four, sixteen]) = counted.as_deref().and_then(|all| all.first_chunk())
        else {
            eprintln!(
                "error: {}: valgrind is missing, or the case fails",
                case.name
            );
            return ExitCode::FAILURE;
        };
        println!("{:34} {one:>11.1} {four:>11.1} {sixteen:>11.1}", case.name);
        outcomes.push(Outcome {
            case: case.name.to_owned(),
            what: "instructions a unit beside ×16, of those beside ×1".to_owned(),
            at_most: AT_MOST,
            is: sixteen / one,
        });
    }
    println!();
    report::print_goals(&outcomes);
    match check && !outcomes.iter().all(Outcome::is_reached) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

/// One case at one size, so many passes: what runs under callgrind.
pub(crate) fn run_only(name: &str, passes: &str) -> ExitCode {
    let found = name.rsplit_once('/').and_then(|(case, size)| {
        let case = all().find(|one| one.name == case)?;
        Some((case, size.parse().ok()?))
    });
    let (Some((case, size)), Ok(passes)) = (found, passes.parse::<usize>()) else {
        return ExitCode::from(2);
    };
    let mut pass = (case.pass)(size);
    (0..passes).for_each(|_| pass());
    ExitCode::SUCCESS
}
