//! The program from outside: exit codes, one-line errors, help, listings.

mod common;

use std::process::{Command, Output};

use common::{Scratch, start};

fn conformance(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_duet-conformance"))
        .args(arguments)
        .env("COLUMNS", "100")
        .output()
        .expect("the program runs")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn one_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn a_server_that_cannot_be_reached_is_the_environments_fault() {
    let (target, running) = start("none");
    let scratch = Scratch::new("unreachable");
    let ca = scratch.file("ca.pem", &String::from_utf8_lossy(&target.ca));
    // Nobody listens there any more.
    let address = target.address.to_string();
    drop(running);
    let output = conformance(&[
        "run",
        "--server",
        &address,
        "--ca",
        &ca.display().to_string(),
    ]);
    assert_eq!(code(&output), Some(3));
    let line = one_line(&output);
    assert!(
        line.contains("no server can be reached at") && line.contains(&address),
        "{line}"
    );
}

#[test]
fn a_server_with_another_certificate_is_not_judged() {
    let (target, _running) = start("none");
    let (other, _other) = start("none");
    let scratch = Scratch::new("certificate");
    let ca = scratch.file("ca.pem", &String::from_utf8_lossy(&other.ca));
    let address = target.address.to_string();
    let output = conformance(&[
        "run",
        "--server",
        &address,
        "--ca",
        &ca.display().to_string(),
    ]);
    assert_eq!(code(&output), Some(3));
    one_line(&output);
}

#[test]
fn bad_arguments_are_usage_errors() {
    let scratch = Scratch::new("usage");
    let ca = scratch.file("ca.pem", "").display().to_string();
    for arguments in [
        &["run"][..],
        &["run", "--server", "127.0.0.1:1", "--ca", "/nowhere/ca.pem"],
        &["run", "--server", "nonsense", "--ca", &ca],
        &["run", "--server", "127.0.0.1:1", "--ca", &ca, "--jobs", "0"],
        &[
            "run",
            "--server",
            "127.0.0.1:1",
            "--ca",
            &ca,
            "--accounts",
            "/nowhere/accounts.toml",
        ],
        &["explain", "CALL-999"],
        &["list", "--cases", "/nowhere"],
        &["selftest", "--mutants", "/nowhere/duet-mutant"],
        &["dance"],
    ] {
        assert_eq!(code(&conformance(arguments)), Some(2), "{arguments:?}");
    }
    one_line(&conformance(&["explain", "CALL-999"]));
}

#[test]
fn where_nothing_ran_nothing_is_said_to_conform() {
    let (target, _running) = start("none");
    let scratch = Scratch::new("nothing");
    let ca = scratch
        .file("ca.pem", &String::from_utf8_lossy(&target.ca))
        .display()
        .to_string();
    let address = target.address.to_string();
    let output = conformance(&[
        "run", "--server", &address, "--ca", &ca, "--case", "nothing*",
    ]);
    assert_eq!(code(&output), Some(4));
    assert!(one_line(&output).contains("nothing ran"));
}

#[test]
fn a_run_says_what_failed_and_how_to_see_it_again() {
    let (target, _running) = start("glare-is-busy");
    let scratch = Scratch::new("failure");
    let ca = scratch
        .file("ca.pem", &String::from_utf8_lossy(&target.ca))
        .display()
        .to_string();
    let report = scratch.0.join("report.json").display().to_string();
    let traces = scratch.0.join("traces").display().to_string();
    let address = target.address.to_string();
    let output = conformance(&[
        "run", "--server", &address, "--ca", &ca, "--case", "invite*", "--seed", "5", "--json",
        &report, "--traces", &traces,
    ]);
    assert_eq!(code(&output), Some(1), "{output:?}");
    let text = stdout(&output);
    for part in [
        "FAIL  - invite-glare",
        "check     refused [CALL-021] does not hold",
        "came      REFUSED{",
        "differs in code",
        "→ INVITE{",
        "--case invite-glare --seed 5",
        "1 fail",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let report = std::fs::read(&report).expect("the report is written");
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["version"], 1);
    assert_eq!(report["conforms"], false);
    assert_eq!(report["summary"]["fail"], 1);
    let trace = std::fs::read(scratch.0.join("traces/invite-glare.sqlog")).expect("a trace");
    let records = duet_sim::trace::read(&trace).expect("JSON text sequences");
    let failed = records
        .iter()
        .any(|r| r["name"] == "duet:verdict" && r["data"]["pass"] == false);
    assert!(failed, "the trace bears the verdict");
}

#[test]
fn a_server_that_conforms_is_told_so() {
    let (target, _running) = start("none");
    let scratch = Scratch::new("pass");
    let ca = scratch
        .file("ca.pem", &String::from_utf8_lossy(&target.ca))
        .display()
        .to_string();
    let address = target.address.to_string();
    let output = conformance(&[
        "run", "--server", &address, "--ca", &ca, "--case", "ping", "--case", "lookup*",
    ]);
    assert_eq!(code(&output), Some(0), "{output:?}");
    assert!(stdout(&output).contains("pass  + ping"));
}

#[test]
fn listings_and_explanations() {
    let output = conformance(&["list", "--json"]);
    assert_eq!(code(&output), Some(0));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(list["version"], 1);
    assert!(
        list["cases"]
            .as_array()
            .is_some_and(|cases| cases.len() >= 44)
    );
    let explained = stdout(&conformance(&["explain", "CALL-012"]));
    assert!(
        explained.contains("accept-by-caller/refused"),
        "{explained}"
    );
    let explained = stdout(&conformance(&["explain", "accept-by-caller"]));
    assert!(
        explained.contains("its positive twin is accept") && explained.contains("steps = ["),
        "{explained}"
    );
    let help = stdout(&conformance(&["--help"]));
    assert!(
        help.contains("Examples:") && help.contains("Exit codes:"),
        "{help}"
    );
}

#[cfg(unix)]
#[test]
fn an_interruption_ends_the_run_cleanly() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::Stdio;

    // Nothing is ever said, so that every case waits.
    let (target, _running) = start("null-silent");
    let scratch = Scratch::new("interruption");
    let ca = scratch
        .file("ca.pem", &String::from_utf8_lossy(&target.ca))
        .display()
        .to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_duet-conformance"))
        .args([
            "run",
            "--server",
            &target.address.to_string(),
            "--ca",
            &ca,
            "--slack",
            "20",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut first = String::new();
    out.read_line(&mut first)
        .expect("the first line, once the server was reached");
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("the summary");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(4), "{rest}");
    assert!(rest.contains("not run to the end"), "{rest}");
}

#[test]
fn cases_that_play_a_service_are_left_out_where_there_is_none_and_that_is_said() {
    let (target, _running) = start("none");
    let scratch = Scratch::new("services");
    let ca = scratch.file("ca.pem", &String::from_utf8_lossy(&target.ca));
    let (ca, address) = (ca.display().to_string(), target.address.to_string());
    let run = |more: &[&str]| {
        let to = [
            "run",
            "--server",
            &address,
            "--ca",
            &ca,
            "--server-name",
            "localhost",
        ];
        conformance(&[&to[..], more].concat())
    };
    let nothing = run(&["--case", "svc-push"]);
    assert_eq!(code(&nothing), Some(4));
    assert!(one_line(&nothing).contains("1 cases play a service: give --service"));
    let some = run(&["--case", "svc-push", "--case", "ping"]);
    assert_eq!(code(&some), Some(0));
    assert!(stdout(&some).contains("1 cases that play a service are left out"));

    let service = target.service.expect("a server that asks its service");
    let token = scratch.file("token", "a-token-of-the-tests\n");
    let token = token.display().to_string();
    let (services, clients) = (service.services.to_string(), service.clients.to_string());
    let played = run(&[
        "--case",
        "svc-push",
        "--service",
        &services,
        "--service-server",
        &clients,
        "--service-token-file",
        &token,
    ]);
    assert_eq!(code(&played), Some(0), "{}", stdout(&played));
    let half = run(&["--service", &services]);
    assert_eq!(code(&half), Some(2));
}
