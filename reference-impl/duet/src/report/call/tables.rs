//! Tables: the links of the simulation, and the summaries of live calls, whatever keys they have.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ON_TIME_MS, Report, StudyRow};
use crate::report::model::*;
use crate::report::text::{UNKNOWN, count, fixed, percent, quantity};

/// The links: what was offered, what was lost and why.
pub(super) fn links(section: Section, report: &Report) -> Section {
    if report.links.is_empty() {
        return section.block(Block::Text("No link was recorded.".into()));
    }
    let causes: BTreeSet<&str> = report
        .links
        .iter()
        .flat_map(|link| link.lost.keys())
        .map(String::as_str)
        .collect();
    let names = causes
        .iter()
        .map(|cause| format!("Lost: {}", cause.replace(['-', '_'], " ")));
    let columns = ["Link", "Packets offered", "Bytes", "Mean rate"].map(str::to_owned);
    let sums = ["Lost in all", "Share"].map(str::to_owned);
    let mut table = Table::numbers(columns.into_iter().chain(names).chain(sums));
    for link in &report.links {
        let rate = link.bytes as f64 * 8.0 / report.duration_ms;
        let mut row = vec![
            link.shown_name(),
            count(link.offered),
            count(link.bytes),
            quantity(Some(rate), 0, "kb/s"),
        ];
        row.extend(
            causes
                .iter()
                .map(|cause| count(link.lost.get(*cause).copied().unwrap_or(0))),
        );
        row.push(count(link.lost_in_all()));
        row.push(percent(link.share_lost(), 2));
        table.row(row);
    }
    section.table(table)
}

/// With repair and without, seed by seed.
pub(super) fn study(rows: &[StudyRow]) -> Section {
    let how = format!(
        "The same network and synthetic media, seed by seed: the share of pictures whole within {} ms of capture, on the \
         side where it is smaller.",
        fixed(ON_TIME_MS, 0)
    );
    let mut table = Table::numbers(["Seed", "Pictures sent", "With repair", "Without", "Points"]);
    for row in rows {
        table.row([
            row.seed.to_string(),
            count(row.pictures),
            percent(Some(row.with), 1),
            percent(Some(row.without), 1),
            fixed((row.with - row.without) * 100.0, 1),
        ]);
    }
    Section::new("repair", "What repair is worth", how).table(table)
}

/// Objects side by side: a row a key, in the order in which keys first come; what is nested is flattened.
pub(super) fn objects(objects: &[Value]) -> Table {
    let flat: Vec<Vec<(String, String)>> = objects
        .iter()
        .map(|object| {
            let mut fields = Vec::new();
            flatten(object, String::new(), 0, &mut fields);
            fields
        })
        .collect();
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in flat.iter().flatten() {
        if key != "name" && !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    // What one object has not, and another has with fields in it, needs no row of its own.
    let within = |key: &str, other: &str| {
        other
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(" · "))
    };
    let blank = |key: &str| {
        flat.iter()
            .flatten()
            .all(|(name, value)| name != key || value == UNKNOWN)
    };
    let rows = keys
        .iter()
        .filter(|key| !(blank(key) && keys.iter().any(|other| within(key, other))));
    let find = |fields: &[(String, String)], key: &str| {
        fields
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.clone())
    };
    let mut heads = vec![String::new()];
    if flat.len() > 1 || flat.iter().flatten().any(|(key, _)| key == "name") {
        let name = |(index, fields): (usize, &Vec<(String, String)>)| {
            find(fields, "name").unwrap_or_else(|| (index + 1).to_string())
        };
        heads.extend(flat.iter().enumerate().map(name));
    }
    let mut table = Table::text(heads);
    for key in rows {
        let values = flat
            .iter()
            .map(|fields| find(fields, key).unwrap_or_else(|| UNKNOWN.into()));
        table.row(std::iter::once(heading(key)).chain(values));
    }
    table
}

/// A key for people: a unit at its end in brackets.
fn heading(key: &str) -> String {
    let unit = ["ms", "us", "s", "db", "bytes"]
        .into_iter()
        .find_map(|unit| {
            let name = key.strip_suffix(unit)?.strip_suffix('_')?;
            Some(format!(
                "{name} ({})",
                unit.replace("db", "dB").replace("us", "µs")
            ))
        });
    unit.unwrap_or_else(|| key.into()).replace('_', " ")
}

/// The fields of a value and of what is in it, each with its path.
fn flatten(value: &Value, path: String, depth: usize, fields: &mut Vec<(String, String)>) {
    /// What lies deeper is shown as JSON.
    const DEEPEST: usize = 4;
    match value {
        Value::Object(inner) if depth < DEEPEST && !inner.is_empty() => {
            for (key, value) in inner {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path} · {key}")
                };
                flatten(value, path, depth + 1, fields);
            }
        }
        _ => {
            let key = if path.is_empty() {
                "value".into()
            } else {
                path
            };
            fields.push((key, scalar(value)));
        }
    }
}

/// A value in one line.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::Null => UNKNOWN.into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => count(whole),
            (None, Some(float)) if float.fract() == 0.0 => fixed(float, 0),
            (None, Some(float)) => fixed(float, 3)
                .trim_end_matches('0')
                .trim_end_matches('.')
                .into(),
            (None, None) => UNKNOWN.into(),
        },
        Value::Array(values) if values.is_empty() => UNKNOWN.into(),
        Value::Array(values)
            if values.len() <= 12 && values.iter().all(|value| !value.is_object()) =>
        {
            values.iter().map(scalar).collect::<Vec<_>>().join(", ")
        }
        Value::Array(values) => format!("{} entries", values.len()),
        Value::Object(_) => value.to_string(),
    }
}
