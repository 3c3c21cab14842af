//! What happened in a case, in order: for the report of a failure and for traces.

use duet_protocol::io::Cause;
use duet_protocol::time::Instant;
use duet_protocol::trace as event;
use duet_protocol::wire::Frame;
use duet_sim::Trace;
use duet_sim::trace::{Clock, Header, VantagePoint};
use serde_json::{Map, json};

use duet_quic::frames as render;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) line: String,
    pub(crate) what: Happened,
}

#[derive(Clone, Debug)]
pub(crate) enum Happened {
    Connecting,
    Connected,
    Sent(Frame),
    /// Bytes that were sent and are no whole frames.
    SentRaw(Vec<u8>),
    Received(Frame),
    Garbled(String),
    SentFin,
    ReceivedFin,
    /// Bytes of a stream that the server opened.
    ReceivedPayload(Vec<u8>),
    SentReset,
    ReceivedReset,
    SentDatagram(Vec<u8>),
    ReceivedDatagram(Vec<u8>),
    Closing(String),
    Closed(Cause),
    Verdict {
        check: String,
        requirement: String,
        pass: bool,
    },
}

/// Why a connection is gone, in words.
pub(crate) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Peer(code) => format!("the server closed the connection with {code}"),
        Cause::TimedOut => "the connection timed out without a close".to_owned(),
        Cause::Failed(why) => format!("the transport failed: {why}"),
        Cause::Local => "the harness closed the connection".to_owned(),
    }
}

impl Entry {
    /// One line: `   12.345 ms  alice  → PING{token=1}`.
    pub(crate) fn line(&self) -> String {
        let what = match &self.what {
            Happened::Connecting => "connects".to_owned(),
            Happened::Connected => "is connected".to_owned(),
            Happened::Sent(frame) => format!("→ {}", render::frame(frame)),
            Happened::SentRaw(bytes) => format!("→ {} bytes {}", bytes.len(), short(bytes)),
            Happened::Received(frame) => format!("← {}", render::frame(frame)),
            Happened::Garbled(why) => format!("← bytes that are no frames: {why}"),
            Happened::SentFin => "→ end of stream".to_owned(),
            Happened::ReceivedFin => "← end of stream".to_owned(),
            Happened::ReceivedPayload(bytes) => {
                format!("← {} bytes {} of a stream", bytes.len(), short(bytes))
            }
            Happened::SentReset => "→ reset of a stream".to_owned(),
            Happened::ReceivedReset => "← reset of a stream".to_owned(),
            Happened::SentDatagram(bytes) => format!("→ datagram {}", short(bytes)),
            Happened::ReceivedDatagram(bytes) => format!("← datagram {}", short(bytes)),
            Happened::Closing(code) => format!("closes with {code}"),
            Happened::Closed(why) => cause(why),
            Happened::Verdict {
                check,
                requirement,
                pass,
            } => {
                let verdict = if *pass { "holds" } else { "FAILS" };
                format!("check {check} [{requirement}] {verdict}")
            }
        };
        let at = self.at.as_micros();
        format!(
            "{:>6}.{:03} ms  {:<12} {what}",
            at / 1_000,
            at % 1_000,
            self.line
        )
    }

    fn data(&self) -> (&'static str, serde_json::Value) {
        match &self.what {
            Happened::Connecting => (event::CONNECTION, json!({ "state": "connecting" })),
            Happened::Connected => (event::CONNECTION, json!({ "state": "established" })),
            Happened::Sent(frame) => (event::FRAME_SENT, render::json(frame)),
            Happened::SentRaw(bytes) => (event::BYTES_SENT, raw(bytes)),
            Happened::Received(frame) => (event::FRAME_RECEIVED, render::json(frame)),
            Happened::Garbled(why) => (event::BYTES_RECEIVED, json!({ "error": why })),
            Happened::SentFin => (event::STREAM, json!({ "state": "fin_sent" })),
            Happened::ReceivedFin => (event::STREAM, json!({ "state": "fin_received" })),
            Happened::ReceivedPayload(bytes) => (event::BYTES_RECEIVED, raw(bytes)),
            Happened::SentReset => (event::STREAM, json!({ "state": "reset_sent" })),
            Happened::ReceivedReset => (event::STREAM, json!({ "state": "reset_received" })),
            Happened::SentDatagram(bytes) => (event::DATAGRAM_SENT, raw(bytes)),
            Happened::ReceivedDatagram(bytes) => (event::DATAGRAM_RECEIVED, raw(bytes)),
            Happened::Closing(code) => (
                event::CONNECTION,
                json!({ "state": "closing", "code": code }),
            ),
            Happened::Closed(why) => {
                let data = match why {
                    Cause::Peer(code) => {
                        json!({ "state": "closed", "by": "peer", "code": code.to_string() })
                    }
                    Cause::Local => json!({ "state": "closed", "by": "local" }),
                    Cause::TimedOut => json!({ "state": "closed", "by": "idle" }),
                    Cause::Failed(why) => {
                        json!({ "state": "closed", "by": "transport", "error": why })
                    }
                };
                (event::CONNECTION, data)
            }
            Happened::Verdict {
                check,
                requirement,
                pass,
            } => (
                event::VERDICT,
                json!({ "check": check, "requirement": requirement, "pass": pass }),
            ),
        }
    }
}

fn raw(bytes: &[u8]) -> serde_json::Value {
    json!({ "raw": { "length": bytes.len(), "data": render::hex(bytes) } })
}

fn short(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=24 => render::hex(bytes),
        _ => format!("{}…", render::hex(&bytes[..24])),
    }
}

/// A case's log as a `.sqlog` file.
pub(crate) fn trace(case: &str, seed: u64, entries: &[Entry]) -> Vec<u8> {
    let mut duet = Map::new();
    duet.insert("suite".to_owned(), env!("CARGO_PKG_VERSION").into());
    // As text: a number of I-JSON ends at 2⁵³.
    duet.insert("seed".to_owned(), seed.to_string().into());
    let mut trace = Trace::new(Header {
        title: case.to_owned(),
        vantage_point: VantagePoint {
            name: "harness".to_owned(),
            kind: "client".to_owned(),
        },
        event_schemas: vec![render::TRACE_SCHEMA.to_owned()],
        clock: Clock::Monotonic,
        duet,
    });
    for entry in entries {
        let (name, data) = entry.data();
        trace.event(entry.at.as_micros(), name, Some(&entry.line), &data);
    }
    trace.to_bytes()
}
