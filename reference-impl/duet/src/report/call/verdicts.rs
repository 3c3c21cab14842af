//! A conformance report, read with tolerance: its summary, and each case with its verdict.

use serde_json::Value;

use super::tables::{objects, scalar};
use crate::report::model::*;
use crate::report::text::count;

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

/// The section.
pub(super) fn section(report: &Value) -> Section {
    let list = LISTS.iter().find_map(|key| report.get(key)?.as_array());
    let mut cases: Vec<Case> = list
        .or(report.as_array())
        .into_iter()
        .flatten()
        .map(Case::read)
        .collect();
    let mut section = Section::new("conformance", "Conformance", "");
    if !cases.is_empty() {
        let tiles = [
            (Grade::Passed, Tone::Good, "passed"),
            (Grade::Failed, Tone::Bad, "failed"),
            (Grade::Unclear, Tone::Unclear, "neither"),
        ];
        let tiles = tiles.map(|(grade, tone, name)| {
            let number = cases.iter().filter(|case| case.grade == grade).count() as u64;
            Tile {
                tone: if number > 0 { tone } else { Tone::Faint },
                ..Tile::new(count(number), name, "")
            }
        });
        section = section.block(Block::Tiles(tiles.into()));
    }
    match report.get("summary") {
        Some(summary @ Value::Object(fields)) if !fields.is_empty() => {
            section = section.table(objects(std::slice::from_ref(summary)));
        }
        Some(Value::String(text)) => section = section.block(Block::Text(text.clone())),
        _ if cases.is_empty() => {
            let text = "This report has no summary and no cases that can be read.";
            section = section.block(Block::Text(text.into()));
        }
        _ => {}
    }
    if !cases.is_empty() {
        // What went wrong comes first.
        cases.sort_by_key(|case| case.grade);
        section = section.table(table(&cases));
    }
    section
}

fn table(cases: &[Case]) -> Table {
    let mut table = Table::text(["Case", "Verdict", "Requirements", "Note"]);
    table.folded = Some(format!("All {} cases", count(cases.len() as u64)));
    table.open = cases.iter().any(|case| case.grade == Grade::Failed);
    for case in cases {
        let (tone, sign) = match case.grade {
            Grade::Passed => (Tone::Good, "✓"),
            Grade::Failed => (Tone::Bad, "✗"),
            Grade::Unclear => (Tone::Unclear, "○"),
        };
        table.row([
            Cell::from(case.name.as_str()),
            Cell::new(format!("{sign} {}", case.verdict), tone),
            Cell::from(case.requirements.as_str()),
            Cell::from(case.note.as_str()),
        ]);
    }
    table
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
            assert!(!section(&value).blocks.is_empty(), "{value}");
        }
    }

    #[test]
    fn failures_come_first_and_are_counted() {
        let page = Page::new("").section(section(&json!({
            "summary": { "passed": 1, "failed": 1 },
            "cases": [
                { "case": "CALL-001/rings", "result": "pass", "reqs": ["CALL-001", "CALL-002"] },
                { "case": "CALL-003/ends", "result": "fail", "actual": "<silence>" },
                { "name": "skipped", "status": "undeclared" },
            ],
        })));
        let html = crate::report::html(&page);
        let place = |text: &str| {
            html.find(text)
                .unwrap_or_else(|| panic!("{text} in {html}"))
        };
        assert!(place("CALL-003/ends") < place("skipped"));
        assert!(place("skipped") < place("CALL-001/rings"));
        assert!(html.contains("CALL-001, CALL-002") && html.contains("&lt;silence&gt;"));
    }
}
