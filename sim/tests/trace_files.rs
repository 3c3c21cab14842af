//! qlog traces: exact bytes, and reading them back.

use duet_sim::trace::{Clock, Header, Trace, TraceError, VantagePoint, read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn header() -> Header {
    let mut duet = Map::new();
    duet.insert("seed".to_owned(), json!(7));
    Header {
        title: "first-call".to_owned(),
        vantage_point: VantagePoint {
            name: "alice".to_owned(),
            kind: "client".to_owned(),
        },
        event_schemas: vec!["urn:example:events".to_owned()],
        clock: Clock::Virtual,
        duet,
    }
}

#[test]
fn a_trace_has_exactly_these_bytes() {
    let mut trace = Trace::new(header());
    trace.event(
        12_345,
        "example:sent",
        Some("call \"1\""),
        &json!({ "z": 1, "a": [true, null] }),
    );
    trace.event(7, "example:idle", None, &json!({}));
    assert_eq!(
        String::from_utf8(trace.to_bytes()).unwrap(),
        concat!(
            "\u{1e}{\"file_schema\":\"urn:ietf:params:qlog:file:sequential\",",
            "\"serialization_format\":\"application/qlog+json-seq\",\"title\":\"first-call\",",
            "\"trace\":{\"vantage_point\":{\"name\":\"alice\",\"type\":\"client\"},",
            "\"event_schemas\":[\"urn:example:events\"],\"common_fields\":{",
            "\"reference_time\":{\"clock_type\":\"virtual\",\"epoch\":\"unknown\"},\"duet\":{\"seed\":7}}}}\n",
            "\u{1e}{\"time\":12.345,\"name\":\"example:sent\",\"group_id\":\"call \\\"1\\\"\",",
            "\"data\":{\"z\":1,\"a\":[true,null]}}\n",
            "\u{1e}{\"time\":0.007,\"name\":\"example:idle\",\"data\":{}}\n",
        )
    );
}

#[test]
fn an_empty_free_object_is_left_out_and_the_clock_is_named() {
    let header = Header {
        clock: Clock::Monotonic,
        duet: Map::new(),
        ..header()
    };
    let records = read(&Trace::new(header).to_bytes()).unwrap();
    let common = &records[0]["trace"]["common_fields"];
    assert_eq!(
        *common,
        json!({ "reference_time": { "clock_type": "monotonic", "epoch": "unknown" } })
    );
}

/// 2⁵³ µs and one: a float of milliseconds could not tell the two apart.
#[test]
fn no_microsecond_is_lost_in_long_runs() {
    let mut trace = Trace::new(header());
    trace.event((1 << 53) + 1, "example:late", None, &Value::Null);
    let text = String::from_utf8(trace.to_bytes()).unwrap();
    assert!(text.contains("\"time\":9007199254740.993,"), "{text}");
}

#[test]
fn json_lines_are_read_too() {
    let lines = b"{\"a\":1}\n\n  {\"a\":2}\r\n{\"a\":3}";
    assert_eq!(
        read(lines).unwrap(),
        [json!({"a": 1}), json!({"a": 2}), json!({"a": 3})]
    );
    assert_eq!(read(b"").unwrap(), Vec::<Value>::new());
}

#[test]
fn records_may_span_lines_in_a_sequence() {
    assert_eq!(
        read(b"\x1e{\n\"a\":\n1}\n\x1e2\n").unwrap(),
        [json!({"a": 1}), json!(2)]
    );
}

#[test]
fn an_error_names_its_line() {
    let error = |bytes: &[u8]| read(bytes).unwrap_err();
    assert_eq!(
        error(b"{}\n\n{\"a\" 1}\n{}\n"),
        TraceError {
            line: 3,
            message: "expected `:`".to_owned()
        }
    );
    assert_eq!(error(b"\x1e{}\n\x1e{\n\"a\":}\n\x1e{}\n").line, 3);
    assert_eq!(
        error(b"\x1e{}\n\x1e{\"a\":").to_string(),
        "line 2: EOF while parsing a value"
    );
    assert_eq!(error(b"{} {}\n").to_string(), "line 1: trailing characters");
    assert_eq!(error(b"{}\n\xff\n").line, 2);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}|[\\x00-\\x1f]{1,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,5}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        events in prop::collection::vec((any::<u32>(), ".{0,12}", prop::option::of(".{0,6}"), any_json()), 0..8),
    ) {
        let mut trace = Trace::new(header());
        for (micros, name, group, data) in &events {
            trace.event(u64::from(*micros), name, group.as_deref(), data);
        }
        let bytes = trace.to_bytes();
        let records = read(&bytes).unwrap();
        prop_assert_eq!(records.len(), events.len() + 1);
        prop_assert_eq!(&records[0]["trace"]["vantage_point"]["name"], "alice");
        for (record, (micros, name, group, data)) in records[1..].iter().zip(&events) {
            prop_assert_eq!(record["time"].as_f64(), Some(f64::from(*micros) / 1_000.0));
            prop_assert_eq!(record["name"].as_str(), Some(name.as_str()));
            prop_assert_eq!(record.get("group_id").and_then(Value::as_str), group.as_deref());
            prop_assert_eq!(&record["data"], data);
        }
        // The same records as JSON Lines read the same.
        let lines: Vec<u8> = bytes.into_iter().filter(|byte| *byte != 0x1e).collect();
        prop_assert_eq!(read(&lines).unwrap(), records);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = read(&bytes);
    }
}
