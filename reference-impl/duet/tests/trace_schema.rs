//! Real traces against `spec/trace.schema.json`: every record of a simulated call is valid, and a record in which one
//! thing is broken is not.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use duet::simulate::{Options, run};
use duet::study;
use duet_sim::{Scenario, trace};
use jsonschema::Validator;
use serde_json::{Value, json};

const FIRST_CALL: &str = include_str!("../../../sim/scenarios/first-call.toml");

fn validator() -> Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/trace.schema.json");
    let text = std::fs::read_to_string(path).expect("the schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("a schema");
    jsonschema::draft202012::new(&schema).expect("a schema")
}

fn records() -> Vec<Value> {
    let mut scenario = Scenario::parse(FIRST_CALL, "first-call.toml").expect("the scenario");
    study::set_length(&mut scenario, Duration::from_secs(2));
    let outcome = run(&scenario, &Options::new(1), |_| {}).expect("a run");
    let traces = outcome.traces.iter();
    traces
        .flat_map(|(_, bytes)| trace::read(bytes).expect("qlog"))
        .collect()
}

/// The first record of which this holds.
fn first(records: &[Value], wanted: impl Fn(&Value) -> bool) -> Value {
    records
        .iter()
        .find(|record| wanted(record))
        .expect("such a record")
        .clone()
}

#[test]
fn a_simulated_call_is_valid_and_what_is_broken_in_it_is_not() {
    let (validator, records) = (validator(), records());
    let mut names = BTreeSet::new();
    for record in &records {
        if let Err(error) = validator.validate(record) {
            panic!("{error} at {}: {record}", error.instance_path);
        }
        names.extend(record["name"].as_str().map(str::to_owned));
        names.extend(record["data"]["type"].as_str().map(str::to_owned));
    }
    for name in [
        "duet:connection",
        "duet:datagram_sent",
        "INVITE",
        "START",
        "END",
        "JOINED",
    ] {
        assert!(names.contains(name), "{name} is not in the traces");
    }

    let invite = || first(&records, |record| record["data"]["type"] == "INVITE");
    let header = || first(&records, |record| record["file_schema"].is_string());
    let breaking: [(&str, Value, &str, Value); 8] = [
        ("an unknown event", invite(), "/name", json!("duet:guess")),
        ("a time before the run", invite(), "/time", json!(-1)),
        (
            "an unknown message",
            invite(),
            "/data/type",
            json!("INVITED"),
        ),
        (
            "the fields of another message",
            invite(),
            "/data/type",
            json!("END"),
        ),
        (
            "a number over its limit",
            invite(),
            "/data/fields/ring_for_ms",
            json!(120_001),
        ),
        (
            "an id that is cut off",
            invite(),
            "/data/fields/call",
            json!("00ff"),
        ),
        (
            "an unknown bit",
            invite(),
            "/data/fields/media",
            json!("[smell]"),
        ),
        (
            "another clock",
            header(),
            "/trace/common_fields/reference_time/clock_type",
            json!("sun"),
        ),
    ];
    for (label, mut record, at, value) in breaking {
        assert!(validator.is_valid(&record), "{label}: before");
        *record
            .pointer_mut(at)
            .unwrap_or_else(|| panic!("{label}: no {at}")) = value;
        assert!(!validator.is_valid(&record), "{label}: {record}");
    }
    let mut extra = invite();
    extra["data"]["fields"]["mood"] = json!("good");
    assert!(!validator.is_valid(&extra), "a field that nobody declares");
    let mut fewer = invite();
    if let Some(fields) = fewer["data"]["fields"].as_object_mut() {
        fields.shift_remove("peer");
    }
    assert!(!validator.is_valid(&fewer), "a field that is missing");
}
