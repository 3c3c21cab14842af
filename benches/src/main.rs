//! Benchmarks with the peers beside them: one process, interleaved rounds, ratios.
//!
//! ```text
//! duet-bench growth [--check]
//! duet-bench sim | impair [--check] [--json]
//! duet-bench [codec] [--check] [--json] [--instructions] [--save]
//!
//! --check          exit with 1 where a goal or the committed baseline is missed: by instructions; without valgrind
//!                  the goals by times, twice in a row, and no baseline
//! --save           write the instructions to the baseline, benches/baseline.txt
//! --json           figures for programs
//! --instructions   instructions an operation as well, by callgrind; needs valgrind
//! ```

mod allocations;
mod baseline;
mod codec;
mod goals;
mod growth;
mod impair;
mod instructions;
mod measure;
mod profile;
mod report;
mod sim;

use std::process::ExitCode;

const USAGE: &str = "usage: duet-bench growth [--check]\n       duet-bench sim | impair [--check] [--json]\n       duet-bench [codec] [--check] [--json] [--instructions] [--save]";

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Without a name it is the only benchmark that there is.
    let (name, options) = match &arguments[..] {
        [name, options @ ..] if !name.starts_with("--") => (*name, options),
        options => ("codec", options),
    };
    let known = ["--check", "--json", "--instructions", "--save"];
    match (name, options) {
        // What `--instructions` runs under callgrind.
        ("codec", ["--only", case, passes]) => codec::run_only(case, passes),
        ("growth", ["--only", case, passes]) => growth::run_only(case, passes),
        ("sim", ["--only", case, passes]) => sim::run_only(case, passes),
        ("growth", []) => growth::bench(false),
        ("growth", ["--check"]) => growth::bench(true),
        ("sim" | "impair", options)
            if options
                .iter()
                .all(|option| ["--check", "--json"].contains(option)) =>
        {
            let bench = if name == "sim" {
                sim::bench
            } else {
                impair::bench
            };
            bench(options.contains(&"--check"), options.contains(&"--json"))
        }
        ("codec", options) if options.iter().all(|option| known.contains(option)) => {
            let is_set = |option| options.contains(&option);
            codec::bench(&codec::Options {
                check: is_set("--check"),
                json: is_set("--json"),
                instructions: is_set("--instructions"),
                save: is_set("--save"),
            })
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
