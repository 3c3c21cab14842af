//! The report as JSON, version 1.

use serde_json::{Value, json};

use crate::run::{CaseReport, Outcome, Report, Target, Verdict};

const VERSION: u32 = 1;

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Broken => "harness-error",
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::NotReached => "not-reached",
    }
}

/// The report of a run.
pub fn json(report: &Report, target: &Target) -> Value {
    json!({
        "version": VERSION,
        "suite": env!("CARGO_PKG_VERSION"),
        "server": target.address.to_string(),
        // As text: a number of I-JSON ends at 2⁵³.
        "seed": report.seed.to_string(),
        "took_ms": report.took.as_millis() as u64,
        "conforms": report.conforms(),
        "summary": {
            "chosen": report.chosen,
            "ran": report.cases.len(),
            "pass": report.count(Verdict::Pass),
            "fail": report.count(Verdict::Fail),
            "inconclusive": report.count(Verdict::Inconclusive),
            "harness-error": report.count(Verdict::Broken),
        },
        "cases": report.cases.iter().map(case).collect::<Vec<_>>(),
    })
}

fn case(case: &CaseReport) -> Value {
    let checks: Vec<Value> = case
        .checks
        .iter()
        .map(|check| {
            json!({
                "name": check.name,
                "requirement": check.requirement.as_str(),
                "result": outcome(check.outcome),
            })
        })
        .collect();
    let fault = case.fault.as_ref().map(|fault| {
        json!({
            "expected": fault.expected,
            "came": fault.came,
            "place": case.step.as_ref().map(|(place, _)| place.to_string()),
            "step": case.step.as_ref().map(|(_, step)| step),
            "events": case.log.iter().map(|entry| entry.line()).collect::<Vec<_>>(),
        })
    });
    json!({
        "id": case.id,
        "title": case.title,
        "negative": case.negative,
        "result": verdict(case.verdict),
        "took_ms": case.took.as_millis() as u64,
        "checks": checks,
        "failure": fault,
    })
}
