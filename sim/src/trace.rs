//! Traces in qlog's streaming form, `.sqlog`: one file per vantage point.
//!
//! The schema is that of draft-ietf-quic-qlog-main-schema: a header record and then one record per event, as JSON text
//! sequences (RFC 7464): each record is 0x1E, JSON, line feed.

use serde_json::{Map, Value, json};
use thiserror::Error;

/// The byte that begins a record (RFC 7464 §2.2).
const RECORD_SEPARATOR: u8 = 0x1e;

/// What a trace's header says about the whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// What was traced, for people.
    pub title: String,
    /// Who saw the events.
    pub vantage_point: VantagePoint,
    /// URIs of the event schemas in use.
    pub event_schemas: Vec<String>,
    /// What the times count.
    pub clock: Clock,
    /// Whatever else the writer wants to say, as `common_fields.duet`; left out if empty.
    pub duet: Map<String, Value>,
}

/// Who saw a trace's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VantagePoint {
    /// Its name, such as `"alice"`.
    pub name: String,
    /// Its kind in qlog's terms: `"client"`, `"server"`, `"network"` or `"unknown"`.
    pub kind: String,
}

/// The clock of a trace. Its epoch is always unknown: times count from the run's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The simulator's time.
    Virtual,
    /// The machine's clock that never goes back.
    Monotonic,
}

/// A trace that is being written.
///
/// Rendering is deterministic: equal calls give equal bytes. Keys stand in the order in which they were inserted.
#[derive(Clone, Debug)]
pub struct Trace {
    bytes: Vec<u8>,
}

impl Trace {
    /// A trace of its header alone.
    pub fn new(header: Header) -> Trace {
        let clock = match header.clock {
            Clock::Virtual => "virtual",
            Clock::Monotonic => "monotonic",
        };
        let mut common = Map::new();
        common.insert(
            "reference_time".to_owned(),
            json!({ "clock_type": clock, "epoch": "unknown" }),
        );
        if !header.duet.is_empty() {
            common.insert("duet".to_owned(), Value::Object(header.duet));
        }
        let record = json!({
            "file_schema": "urn:ietf:params:qlog:file:sequential",
            "serialization_format": "application/qlog+json-seq",
            "title": header.title,
            "trace": {
                "vantage_point": {
                    "name": header.vantage_point.name,
                    "type": header.vantage_point.kind,
                },
                "event_schemas": header.event_schemas,
                "common_fields": common,
            },
        });
        let mut trace = Trace { bytes: Vec::new() };
        trace.record(&record.to_string());
        trace
    }

    /// Adds an event.
    ///
    /// `micros` is in microseconds since the run began, written as qlog wants it, in milliseconds with three decimals:
    /// 12 345 becomes `12.345`. `group` says which connection, call or stream the event belongs to.
    pub fn event(&mut self, micros: u64, name: &str, group: Option<&str>, data: &Value) {
        // Assembled as text, because a float could not hold every microsecond.
        let (millis, rest) = (micros / 1_000, micros % 1_000);
        let group = group.map_or(String::new(), |group| {
            format!(",\"group_id\":{}", Value::from(group))
        });
        let name = Value::from(name);
        self.record(&format!(
            "{{\"time\":{millis}.{rest:03},\"name\":{name}{group},\"data\":{data}}}"
        ));
    }

    /// The trace so far, as the bytes of a `.sqlog` file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    fn record(&mut self, json: &str) {
        self.bytes.push(RECORD_SEPARATOR);
        self.bytes.extend_from_slice(json.as_bytes());
        self.bytes.push(b'\n');
    }
}

/// Why a trace cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct TraceError {
    /// The line at fault, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Reads the records of a trace, the header first: JSON text sequences, or plain JSON Lines.
///
/// # Errors
///
/// [`TraceError`] for the first record that is not exactly one JSON value, also if the file was cut within it.
pub fn read(bytes: &[u8]) -> Result<Vec<Value>, TraceError> {
    // A control character cannot stand inside JSON, so it always separates.
    let separator = if bytes.contains(&RECORD_SEPARATOR) {
        RECORD_SEPARATOR
    } else {
        b'\n'
    };
    let mut records = Vec::new();
    let mut line = 1;
    for record in bytes.split(|byte| *byte == separator) {
        if !record.trim_ascii().is_empty() {
            let value = serde_json::from_slice(record).map_err(|error| TraceError {
                line: line + error.line().saturating_sub(1),
                message: message(&error),
            })?;
            records.push(value);
        }
        line += record.iter().filter(|byte| **byte == b'\n').count();
        line += usize::from(separator == b'\n');
    }
    Ok(records)
}

/// The parser's message without its place, which counts from the record and would mislead.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}
