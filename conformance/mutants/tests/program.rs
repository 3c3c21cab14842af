//! The program `duet-mutant` under the suite's own selftest.

use std::process::Command;

use duet_conformance::selftest::{Foundry as _, Program, selftest};
use duet_conformance::{Options, Suite};
use tokio::sync::watch;

const PROGRAM: &str = env!("CARGO_BIN_EXE_duet-mutant");

#[tokio::test]
async fn the_selftest_finds_every_server_through_the_program() {
    let program = Program::new(PROGRAM.into());
    let listing = program.list().await.expect("a list");
    let suite = match Suite::embedded() {
        Ok(suite) => suite,
        Err(errors) => panic!("{errors:#?}"),
    };
    let options = Options {
        jobs: 64,
        slack: 2,
        ..Options::default()
    };
    let (_never, interrupted) = watch::channel(false);
    let rows = selftest(program, suite, options, interrupted).await;
    let rows = rows.expect("servers that start");
    assert_eq!(rows.len(), 1 + listing.mutants.len() + listing.nulls.len());
    let wrong: Vec<_> = rows.iter().filter(|row| !row.good).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_unknown_mutant_is_one_line() {
    let output = Command::new(PROGRAM)
        .arg("nobody")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        text.trim_end(),
        "duet-mutant: no mutant is called \"nobody\"; see `duet-mutant list`"
    );
}
