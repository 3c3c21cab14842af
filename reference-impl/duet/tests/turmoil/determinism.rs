//! Equal courses give equal runs, in one process and in another.

use std::process::Command;

use duet::faults::{Course, Fault, SERVER};
use duet::script::Op;

use crate::support::{chatter, gathered, settled};

const MARK: &str = "the log:";

/// Something of everything.
fn course() -> Course {
    let mut course = gathered(&["alice", "bob", "carol"]);
    chatter(&mut course, 1_000, 40_000, 500);
    course.does(2_000, 0, Op::Call(1, None));
    course.fault(5_000, Fault::Crash(SERVER.into()));
    course.fault(6_000, Fault::Restart(SERVER.into()));
    course.fault(30_000, Fault::Hold("carol".into()));
    course.fault(33_000, Fault::Release("carol".into()));
    course.fault(35_000, Fault::Cut("bob".into(), SERVER.into()));
    course.fault(60_000, Fault::Mend("bob".into(), SERVER.into()));
    course
}

/// What the other process does.
#[test]
#[ignore = "another test runs it, in a process of its own"]
fn prints_its_log() {
    println!("{MARK}\n{}", settled(&mut course()).log);
}

#[test]
fn runs_of_one_seed_are_equal_in_two_processes() {
    let here = settled(&mut course());
    let itself = std::env::current_exe().expect("a test is a program");
    let mut other = Command::new(itself);
    other.args([
        "determinism::prints_its_log",
        "--exact",
        "--ignored",
        "--nocapture",
    ]);
    let output = other.output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, printed) = printed.split_once(&format!("{MARK}\n")).expect("the log");
    assert!(here.log.lines().count() > 500);
    for (number, (here, there)) in here.log.lines().zip(printed.lines()).enumerate() {
        assert_eq!(here, there, "line {number}");
    }
    assert!(printed.starts_with(&here.log));
}

/// So that the comparison means something.
#[test]
fn runs_of_other_seeds_differ() {
    let mut other = course();
    other.seed = 2;
    assert!(settled(&mut course()).log != settled(&mut other).log);
}
