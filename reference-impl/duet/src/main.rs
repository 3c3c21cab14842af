//! `duet`: the reference server, client and scenario runner.

use std::process::ExitCode;

fn main() -> ExitCode {
    duet::cli::main()
}
