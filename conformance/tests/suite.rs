//! The suite judged: the reference passes it, every mutant is killed for the right reason, doing nothing scores zero.

mod common;

use std::collections::BTreeSet;

use common::{Threads, options, start, suite, uninterrupted};
use duet_conformance::report::{failure, json, write_traces};
use duet_conformance::run::{Invitation, Launch, Verdict, judge_service, run};
use duet_conformance::selftest::selftest;
use duet_mutants::MUTANTS;
use duet_mutants::service::RunningService;
use duet_protocol::message;
use duet_protocol::wire::{MessageSchema, Sender};

#[tokio::test]
async fn the_reference_passes_every_case() {
    let (target, _running) = start("none");
    let report = run(&suite(), &target, &options(), uninterrupted(), |_| {}).await;
    let registry = duet_spec::embedded().expect("requirements that can be read");
    let failures: Vec<_> = report
        .cases
        .iter()
        .filter(|case| case.verdict != Verdict::Pass)
        .map(|case| failure(case, &registry, "cargo test"))
        .collect();
    assert!(report.conforms(), "{}", failures.join("\n"));
    let json = json(&report, &target);
    assert_eq!(json["version"], 1);
    assert_eq!(json["summary"]["pass"], report.chosen);
    let scratch = common::Scratch::new("traces");
    write_traces(&scratch.0, &report).expect("traces are written");
    let trace = std::fs::read(scratch.0.join("invite.sqlog")).expect("one trace a case");
    let records = duet_sim::trace::read(&trace).expect("JSON text sequences");
    let invites = records
        .iter()
        .filter(|record| record["data"]["type"] == "INVITE");
    assert_eq!(invites.count(), 2, "sent by the one, received by the other");
}

#[tokio::test]
async fn mutants_are_killed_for_the_right_reason_and_doing_nothing_scores_zero() {
    let rows = selftest(Threads, suite(), options(), uninterrupted()).await;
    let rows = rows.expect("servers that start");
    let wrong: Vec<_> = rows.iter().filter(|row| !row.good).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(rows.len(), 1 + MUTANTS.len() + duet_mutants::NULLS.len());
}

#[test]
fn mutants_name_checks_that_are_bound_to_what_they_break() {
    let suite = suite();
    for row in MUTANTS {
        for check in row.checks {
            let (case, name) = check.split_once('/').expect("case/check");
            let case = suite
                .find(case)
                .unwrap_or_else(|| panic!("{check}: no such case"));
            let bound = case.checks.get(name).map(|id| id.as_str());
            assert_eq!(bound, Some(row.requirement), "{check} of {}", row.name);
        }
    }
    let names: BTreeSet<_> = MUTANTS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), MUTANTS.len(), "a name twice");
    let broken: BTreeSet<_> = MUTANTS.iter().map(|row| row.breaks).collect();
    assert_eq!(broken.len(), MUTANTS.len(), "the same mutant twice");
}

/// By area, or by the cases that notice.
#[test]
fn every_family_has_three_mutants_at_least() {
    let by_area = |area: &str| {
        let of = |requirement: &str| requirement.starts_with(area);
        MUTANTS.iter().filter(|row| of(row.requirement)).count()
    };
    let by_case = |name: &str| {
        let of = |check: &&str| check.starts_with(name);
        MUTANTS
            .iter()
            .filter(|row| row.checks.iter().any(&of))
            .count()
    };
    for area in ["SES-", "ROOM-", "XFER-", "CALL-", "SVC-"] {
        assert!(by_area(area) >= 3, "{area}: {}", by_area(area));
    }
    for name in ["text", "data", "presence"] {
        assert!(by_case(name) >= 3, "{name}: {}", by_case(name));
    }
}

/// The reference's service, in a thread.
struct Reference;

impl Launch for Reference {
    type Running = RunningService;

    fn launch(&self, invitation: &Invitation) -> Result<RunningService, String> {
        let (ca, token) = (invitation.ca.clone(), invitation.token.clone());
        Ok(duet_mutants::service::start(invitation.server, ca, token))
    }
}

#[tokio::test]
async fn the_references_service_passes_every_case_that_judges_one() {
    let report = judge_service(&suite(), &Reference, &options(), uninterrupted(), |_| {}).await;
    let registry = duet_spec::embedded().expect("requirements that can be read");
    let failures: Vec<_> = report
        .cases
        .iter()
        .filter(|case| case.verdict != Verdict::Pass)
        .map(|case| failure(case, &registry, "cargo test"))
        .collect();
    assert!(report.conforms(), "{}", failures.join("\n"));
    assert!(report.chosen >= 21);
}

/// A service that never comes.
struct Nobody;

impl Launch for Nobody {
    type Running = ();

    fn launch(&self, _: &Invitation) -> Result<(), String> {
        Err("nobody is there".to_owned())
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_started_passes_nothing() {
    let report = judge_service(&suite(), &Nobody, &options(), uninterrupted(), |_| {}).await;
    assert_eq!(report.count(Verdict::Broken), report.chosen);
    assert!(!report.conforms());
}

#[test]
fn every_message_that_a_service_can_be_sent_has_a_negative_and_a_positive_case() {
    let suite = suite().filter(|case| case.judges_service());
    let to_service = |schema: &&MessageSchema| {
        schema.sender == Sender::Server && schema.kind >> 8 == 0x08 || schema.name == "WELCOME"
    };
    for schema in message::schemas().filter(to_service) {
        let sent = format!("send = \"{}\"", schema.name);
        for negative in [false, true] {
            let mut cases = suite.cases().iter();
            // What a fragment sends, every case sends that uses it.
            let some = cases.any(|case| {
                case.is_negative() == negative
                    && (case.text.contains(&sent)
                        || !negative
                            && matches!(schema.name, "ACTIVATED" | "SNAPSHOT")
                            && case.text.contains("service-active"))
            });
            assert!(
                some,
                "{}: no case that is negative: {negative}",
                schema.name
            );
        }
    }
}

#[test]
fn every_message_that_a_server_can_be_sent_has_a_negative_and_a_positive_case() {
    let suite = suite().filter(|case| !case.judges_service());
    // ATTACH is what `open_media` sends.
    let says = |text: &str, name: &str| {
        text.contains(&format!("\"{name}\"")) || (name == "ATTACH" && text.contains("open_media"))
    };
    let to_server = |schema: &&MessageSchema| schema.sender != Sender::Server;
    for schema in message::schemas().filter(to_server) {
        for negative in [false, true] {
            let some = suite
                .cases()
                .iter()
                .any(|case| case.is_negative() == negative && says(&case.text, schema.name));
            assert!(
                some,
                "{}: no case that is negative: {negative}",
                schema.name
            );
        }
    }
    let negative = suite
        .cases()
        .iter()
        .filter(|case| case.is_negative())
        .count();
    assert!(suite.cases().len() >= 44 && negative >= 22);
}

#[test]
fn every_requirement_that_a_case_names_is_in_the_specification() {
    let registry = duet_spec::embedded().expect("requirements that can be read");
    assert_eq!(
        suite().unknown_requirements(&registry),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_seed_draws_the_same_ids_again() {
    let (target, _running) = start("none");
    let only = suite().filter(|case| case.id == "invite");
    let mut calls = Vec::new();
    for _ in 0..2 {
        let report = run(&only, &target, &options(), uninterrupted(), |_| {}).await;
        let scratch = common::Scratch::new("seed");
        write_traces(&scratch.0, &report).expect("traces are written");
        let trace = std::fs::read(scratch.0.join("invite.sqlog")).expect("one trace a case");
        let records = duet_sim::trace::read(&trace).expect("JSON text sequences");
        let invite = records
            .into_iter()
            .find(|record| record["data"]["type"] == "INVITE");
        calls.push(invite.expect("an INVITE")["data"]["fields"]["call"].clone());
    }
    assert_eq!(calls[0], calls[1]);
    assert!(calls[0].is_string());
}
