//! A conformance report, read with tolerance: its summary, and each case with its verdict.

use serde_json::Value;

use super::tables::{objects, scalar};
use crate::report::text::{count, esc, put};

/// How a verdict counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Failed,
    Unclear,
    Passed,
}

/// A case, as far as it can be read.
struct Case {
    name: String,
    grade: Grade,
    verdict: String,
    requirements: String,
    note: String,
}

const NAMES: &[&str] = &["case", "name", "id", "title", "check"];
const VERDICTS: &[&str] = &["verdict", "result", "status", "outcome", "passed", "ok"];
const REQUIREMENTS: &[&str] = &["reqs", "requirements", "requirement"];
const NOTES: &[&str] = &[
    "message", "detail", "details", "reason", "error", "note", "actual",
];
const LISTS: &[&str] = &["cases", "results", "checks", "tests"];

/// The section's content.
pub(super) fn render(report: &Value) -> String {
    let list = LISTS.iter().find_map(|key| report.get(key)?.as_array());
    let mut cases: Vec<Case> = list
        .or(report.as_array())
        .into_iter()
        .flatten()
        .map(Case::read)
        .collect();
    let mut out = String::new();
    let tally = |grade: Grade| cases.iter().filter(|case| case.grade == grade).count() as u64;
    if !cases.is_empty() {
        let (passed, failed, unclear) = (
            tally(Grade::Passed),
            tally(Grade::Failed),
            tally(Grade::Unclear),
        );
        out.push_str("<div class=\"tiles\">");
        for (class, name, number) in [
            ("passed", "passed", passed),
            ("failed", "failed", failed),
            ("unclear", "neither", unclear),
        ] {
            let class = if number > 0 { class } else { "none" };
            put!(
                out,
                "<div class=\"tile {class}\"><b>{}</b><span>{name}</span></div>",
                count(number)
            );
        }
        out.push_str("</div>");
    }
    match report.get("summary") {
        Some(summary @ Value::Object(fields)) if !fields.is_empty() => {
            out.push_str(&objects(std::slice::from_ref(summary)));
        }
        Some(Value::String(text)) => put!(out, "<p>{}</p>", esc(text)),
        _ if cases.is_empty() => {
            out.push_str(
                "<p class=\"empty\">This report has no summary and no cases that can be read.</p>",
            );
        }
        _ => {}
    }
    if !cases.is_empty() {
        // What went wrong comes first.
        cases.sort_by_key(|case| case.grade);
        table(&mut out, &cases);
    }
    out
}

fn table(out: &mut String, cases: &[Case]) {
    let open = if cases.iter().any(|case| case.grade == Grade::Failed) {
        " open"
    } else {
        ""
    };
    let number = count(cases.len() as u64);
    put!(
        out,
        "<details{open}><summary>All {number} cases</summary><div class=\"wide\"><table class=\"cases\">"
    );
    out.push_str("<thead><tr><th>Case</th><th>Verdict</th><th>Requirements</th><th>Note</th></tr></thead><tbody>");
    for case in cases {
        let (class, sign) = match case.grade {
            Grade::Passed => ("passed", "✓"),
            Grade::Failed => ("failed", "✗"),
            Grade::Unclear => ("unclear", "○"),
        };
        let (name, verdict) = (esc(&case.name), esc(&case.verdict));
        put!(
            out,
            "<tr><th>{name}</th><td class=\"{class}\">{sign} {verdict}</td>"
        );
        put!(
            out,
            "<td>{}</td><td>{}</td></tr>",
            esc(&case.requirements),
            esc(&case.note)
        );
    }
    out.push_str("</tbody></table></div></details>");
}

impl Case {
    fn read(value: &Value) -> Self {
        let first = |keys: &[&str]| {
            let mut found = keys.iter().filter_map(|key| value.get(key));
            found.find(|value| !value.is_null())
        };
        let text = |keys: &[&str]| first(keys).map(scalar).unwrap_or_default();
        let (grade, verdict) = match first(VERDICTS) {
            Some(Value::Bool(true)) => (Grade::Passed, "pass".into()),
            Some(Value::Bool(false)) => (Grade::Failed, "fail".into()),
            Some(value) => {
                let word = scalar(value);
                (grade(&word), word)
            }
            None => (Grade::Unclear, "unknown".into()),
        };
        let name = if value.is_object() {
            text(NAMES)
        } else {
            scalar(value)
        };
        Self {
            name,
            grade,
            verdict,
            requirements: text(REQUIREMENTS),
            note: text(NOTES),
        }
    }
}

fn grade(word: &str) -> Grade {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "pass" | "passed" | "ok" | "success" => Grade::Passed,
        // A case that was never judged must not look as if it had been.
        "fail" | "failed" | "not-reached" | "not_reached" | "notreached" | "error"
        | "harness-error" => Grade::Failed,
        _ => Grade::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn any_json_renders() {
        let odd = [
            json!(null),
            json!(3),
            json!("text"),
            json!([]),
            json!([1, null, {}]),
            json!({}),
            json!({ "cases": 4, "summary": [] }),
            json!({ "cases": [null, "x", { "verdict": {} }] }),
        ];
        for value in odd {
            assert!(!render(&value).is_empty(), "{value}");
        }
    }

    #[test]
    fn failures_come_first_and_are_counted() {
        let html = render(&json!({
            "summary": { "passed": 1, "failed": 1 },
            "cases": [
                { "case": "CALL-001/rings", "result": "pass", "reqs": ["CALL-001", "CALL-002"] },
                { "case": "CALL-003/ends", "result": "fail", "actual": "<silence>" },
                { "name": "skipped", "status": "undeclared" },
            ],
        }));
        let place = |text: &str| {
            html.find(text)
                .unwrap_or_else(|| panic!("{text} in {html}"))
        };
        assert!(place("CALL-003/ends") < place("skipped"));
        assert!(place("skipped") < place("CALL-001/rings"));
        assert!(html.contains("CALL-001, CALL-002") && html.contains("&lt;silence&gt;"));
    }
}
