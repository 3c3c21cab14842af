//! Lines for people.

use std::fmt::Write as _;

use duet_spec::Registry;

use crate::run::{CaseReport, Outcome, Report, Verdict};

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "open",
        Verdict::Broken => "ERROR",
    }
}

/// A case in one line.
pub fn case_line(case: &CaseReport) -> String {
    let kind = if case.negative { "-" } else { "+" };
    let millis = case.took.as_millis();
    format!(
        "{:<5} {kind} {:<38} {:>5} ms  {}",
        word(case.verdict),
        case.id,
        millis,
        case.title
    )
}

/// What went wrong in a case: the requirements, what was expected, what came, everything that happened, and how to
/// see it again.
pub fn failure(case: &CaseReport, registry: &Registry, again: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "── {} · {}", case.id, case.title);
    for check in case
        .checks
        .iter()
        .filter(|check| check.outcome != Outcome::Pass)
    {
        let how = match check.outcome {
            Outcome::Fail => "does not hold",
            Outcome::NotReached | Outcome::Pass => "was not reached",
        };
        let _ = writeln!(
            out,
            "   check     {} [{}] {how}",
            check.name, check.requirement
        );
        if let Some(requirement) = registry.find(check.requirement.as_str()) {
            let _ = writeln!(
                out,
                "             {} “{}”",
                requirement.level, requirement.text
            );
        }
    }
    if let Some((place, step)) = &case.step {
        let _ = writeln!(out, "   step      {place}\n             {step}");
    }
    if let Some(fault) = &case.fault {
        let _ = writeln!(out, "   expected  {}", fault.expected);
        let _ = writeln!(out, "   came      {}", fault.came);
    }
    for entry in &case.log {
        let _ = writeln!(out, "   {}", entry.line());
    }
    let _ = writeln!(out, "   again     {again}");
    out
}

/// The run in a few lines.
pub fn summary(report: &Report) -> String {
    let checks = || report.cases.iter().flat_map(|case| &case.checks);
    let held = checks()
        .filter(|check| check.outcome == Outcome::Pass)
        .count();
    let mut out = format!(
        "{} cases: {} pass, {} fail",
        report.chosen,
        report.count(Verdict::Pass),
        report.count(Verdict::Fail),
    );
    let broken = report.count(Verdict::Broken);
    if broken > 0 {
        let _ = write!(out, ", {broken} could not be run");
    }
    let open = report.count(Verdict::Inconclusive) + report.chosen - report.cases.len();
    if open > 0 {
        let _ = write!(out, ", {open} not run to the end");
    }
    let _ = write!(
        out,
        " · {held} of {} checks hold · {:.1} s · seed {}",
        checks().count(),
        report.took.as_secs_f64(),
        report.seed,
    );
    out
}
