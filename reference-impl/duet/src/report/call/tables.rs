//! Tables: the links of the simulation, and the summaries of live calls, whatever keys they have.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ON_TIME_MS, Report, StudyRow};
use crate::report::text::{UNKNOWN, count, esc, fixed, percent, put, quantity};

/// The links: what was offered, what was lost and why.
pub(super) fn links(report: &Report) -> String {
    let mut out = String::new();
    if report.links.is_empty() {
        out.push_str("<p class=\"empty\">No link was recorded.</p>");
        return out;
    }
    let causes: BTreeSet<&str> = report
        .links
        .iter()
        .flat_map(|link| link.lost.keys())
        .map(String::as_str)
        .collect();
    out.push_str("<div class=\"wide\"><table class=\"numbers\"><thead><tr><th>Link</th><th>Packets offered</th>");
    out.push_str("<th>Bytes</th><th>Mean rate</th>");
    for cause in &causes {
        put!(
            out,
            "<th>Lost: {}</th>",
            esc(&cause.replace(['-', '_'], " "))
        );
    }
    out.push_str("<th>Lost in all</th><th>Share</th></tr></thead><tbody>");
    for link in &report.links {
        let rate = link.bytes as f64 * 8.0 / report.duration_ms;
        put!(out, "<tr><th>{}</th>", esc(&link.name.replace('>', " → ")));
        put!(
            out,
            "<td>{}</td><td>{}</td>",
            count(link.offered),
            count(link.bytes)
        );
        put!(out, "<td>{}</td>", quantity(Some(rate), 0, "kb/s"));
        for cause in &causes {
            put!(
                out,
                "<td>{}</td>",
                count(link.lost.get(*cause).copied().unwrap_or(0))
            );
        }
        put!(out, "<td>{}</td>", count(link.lost_in_all()));
        put!(out, "<td>{}</td></tr>", percent(link.share_lost(), 2));
    }
    out.push_str("</tbody></table></div>");
    out
}

/// With repair and without, seed by seed.
pub(super) fn study(rows: &[StudyRow]) -> String {
    let mut out = String::new();
    put!(
        out,
        "<p class=\"how\">The same network and synthetic media, seed by seed: the share of pictures whole within {} ms of \
         capture, on the side where it is smaller.</p>",
        fixed(ON_TIME_MS, 0)
    );
    out.push_str("<div class=\"wide\"><table class=\"numbers\"><thead><tr><th>Seed</th><th>Pictures sent</th>");
    out.push_str("<th>With repair</th><th>Without</th><th>Points</th></tr></thead><tbody>");
    for row in rows {
        put!(
            out,
            "<tr><th>{}</th><td>{}</td>",
            row.seed,
            count(row.pictures)
        );
        put!(out, "<td>{}</td>", percent(Some(row.with), 1));
        put!(out, "<td>{}</td>", percent(Some(row.without), 1));
        put!(
            out,
            "<td>{}</td></tr>",
            fixed((row.with - row.without) * 100.0, 1)
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

/// Objects side by side: a row a key, in the order in which keys first come; what is nested is flattened.
pub(super) fn objects(objects: &[Value]) -> String {
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
    let mut out = String::from("<div class=\"wide\"><table class=\"facts\">");
    if flat.len() > 1 || flat.iter().flatten().any(|(key, _)| key == "name") {
        out.push_str("<thead><tr><td></td>");
        for (index, fields) in flat.iter().enumerate() {
            let name = find(fields, "name").unwrap_or_else(|| (index + 1).to_string());
            put!(out, "<th>{}</th>", esc(&name));
        }
        out.push_str("</tr></thead>");
    }
    out.push_str("<tbody>");
    for key in rows {
        put!(out, "<tr><th>{}</th>", esc(&heading(key)));
        for fields in &flat {
            put!(
                out,
                "<td>{}</td>",
                esc(&find(fields, key).unwrap_or_else(|| UNKNOWN.into()))
            );
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
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
