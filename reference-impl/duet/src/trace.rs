//! Traces: what crosses the seam of one core, as qlog JSON-SEQ, one file a vantage point.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use duet_protocol::id::FlowId;
use duet_protocol::io::{Cause, ConnId, Input, StreamId};
use duet_protocol::media::{Control, Datagram};
use duet_protocol::message::schema;
use duet_protocol::time::Instant;
use duet_protocol::trace as event;
use duet_protocol::wire::Framer;
use duet_quic::{Observer, Seen, frames};
use duet_sim::trace::{Clock, Header, Trace, VantagePoint};
use serde_json::{Map, Value as Json, json};

/// A frame that crossed the seam, for sequence diagrams.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Crossing {
    /// Microseconds since the run began.
    pub at_us: u64,
    /// Whether this side sent it.
    pub sent: bool,
    /// The message's name.
    pub name: &'static str,
    /// Its most telling fields, for people.
    pub detail: String,
}

/// What one vantage point has seen so far; shared with whoever writes it down.
pub struct Log {
    trace: Trace,
    framers: BTreeMap<(ConnId, StreamId, bool), Framer>,
    /// Frames of the signalling, in order.
    pub crossings: Vec<Crossing>,
}

/// Watches a driver.
#[derive(Clone)]
pub struct Tracer(Arc<Mutex<Log>>);

impl Tracer {
    /// A tracer of this vantage point: its name, `client` or `server`, and whether time is virtual.
    pub fn new(title: &str, name: &str, kind: &str, virtual_time: bool, seed: Option<u64>) -> Self {
        let mut duet = Map::new();
        duet.insert(
            "implementation".into(),
            json!(concat!("duet ", env!("CARGO_PKG_VERSION"))),
        );
        if let Some(seed) = seed {
            duet.insert("seed".into(), json!(seed.to_string()));
        }
        let trace = Trace::new(Header {
            title: title.into(),
            vantage_point: VantagePoint {
                name: name.into(),
                kind: kind.into(),
            },
            event_schemas: vec![frames::TRACE_SCHEMA.into()],
            clock: if virtual_time {
                Clock::Virtual
            } else {
                Clock::Monotonic
            },
            duet,
        });
        Self(Arc::new(Mutex::new(Log {
            trace,
            framers: BTreeMap::new(),
            crossings: Vec::new(),
        })))
    }

    /// Looks at what was seen.
    pub fn with<R>(&self, look: impl FnOnce(&Log) -> R) -> R {
        match self.0.lock() {
            Ok(log) => look(&log),
            Err(poisoned) => look(&poisoned.into_inner()),
        }
    }

    /// The trace so far.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.with(|log| log.trace.to_bytes())
    }

    fn log(&self, write: impl FnOnce(&mut Log)) {
        match self.0.lock() {
            Ok(mut log) => write(&mut log),
            Err(poisoned) => write(&mut poisoned.into_inner()),
        }
    }
}

impl Log {
    fn event(&mut self, now: Instant, name: &str, conn: ConnId, data: &Json) {
        self.trace
            .event(now.as_micros(), name, Some(&conn.0.to_string()), data);
    }

    fn stream(
        &mut self,
        now: Instant,
        sent: bool,
        conn: ConnId,
        id: StreamId,
        bytes: &Bytes,
        fin: bool,
    ) {
        let key = (conn, id, sent);
        let framer = self
            .framers
            .entry(key)
            .or_insert_with(|| Framer::new(u32::MAX));
        framer.push(bytes.clone());
        let mut whole = Vec::new();
        while let Ok(Some(frame)) = framer.next_frame() {
            whole.push(frame);
        }
        let verb = if sent {
            event::FRAME_SENT
        } else {
            event::FRAME_RECEIVED
        };
        for frame in whole {
            let data = frames::json(&frame);
            let known = schema(frame.header.kind);
            self.crossings.push(Crossing {
                at_us: now.as_micros(),
                sent,
                name: known.map_or("UNKNOWN", |known| known.name),
                detail: detail(&data["fields"]),
            });
            self.event(now, verb, conn, &data);
        }
        if fin {
            let data = json!({ "state": if sent { "fin_sent" } else { "fin_received" } });
            self.event(now, event::STREAM, conn, &data);
        }
    }

    fn datagram(&mut self, now: Instant, sent: bool, conn: ConnId, bytes: &[u8]) {
        let verb = if sent {
            event::DATAGRAM_SENT
        } else {
            event::DATAGRAM_RECEIVED
        };
        let data = match Datagram::read(bytes) {
            Ok(Datagram::Media {
                flow: FlowId(flow),
                hop_seq,
                payload,
            }) => {
                json!({ "flow": flow, "hop_seq": hop_seq, "len": payload.len() })
            }
            Ok(Datagram::Control(control)) => {
                let control = match control {
                    Control::Feedback(_) => "FEEDBACK",
                    Control::Demand(_) => "DEMAND",
                    Control::KeyframeRequest { .. } => "KEYFRAME_REQUEST",
                    Control::Sync { .. } => "SYNC",
                    Control::Unknown { .. } => "UNKNOWN",
                };
                json!({ "flow": 0, "control": control, "len": bytes.len() })
            }
            Err(error) => json!({ "error": error.to_string(), "len": bytes.len() }),
        };
        self.event(now, verb, conn, &data);
    }
}

/// What of a frame a person wants to see at a glance.
fn detail(fields: &Json) -> String {
    let telling = ["code", "name", "change", "request", "flow"];
    let parts = telling.into_iter().filter_map(|key| {
        let value = fields.get(key)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (!text.is_empty() && text != "none").then(|| format!("{key} {text}"))
    });
    parts.collect::<Vec<_>>().join(", ")
}

impl Observer for Tracer {
    fn input(&mut self, now: Instant, input: &Input) {
        self.log(|log| match input {
            Input::Connected { conn, purpose, .. } => {
                let data = json!({ "state": "established", "purpose": format!("{purpose:?}") });
                log.event(now, event::CONNECTION, *conn, &data);
            }
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            } => log.stream(now, false, *conn, *id, bytes, *fin),
            Input::Datagram { conn, bytes, .. } => log.datagram(now, false, *conn, bytes),
            Input::Closed { conn, cause } => {
                let data = match cause {
                    Cause::Peer(code) => {
                        json!({ "state": "closed", "by": "peer", "code": code.to_string() })
                    }
                    Cause::Local => json!({ "state": "closed", "by": "local" }),
                    Cause::TimedOut => json!({ "state": "closed", "by": "idle" }),
                    Cause::Failed(why) => {
                        json!({ "state": "closed", "by": "transport", "error": why })
                    }
                };
                log.event(now, event::CONNECTION, *conn, &data);
            }
            Input::Reset { .. }
            | Input::Spliced { .. }
            | Input::Path { .. }
            | Input::Decision { .. }
            | Input::WallClock { .. }
            | Input::Envelope(_)
            | Input::Handover { .. }
            | Input::Wake => {}
        });
    }

    fn output(&mut self, now: Instant, output: Seen<'_>) {
        self.log(|log| match output {
            Seen::Write {
                conn,
                id,
                bytes,
                fin,
            } => log.stream(now, true, conn, id, bytes, fin),
            Seen::Datagram { conn, bytes } => log.datagram(now, true, conn, bytes),
            Seen::Close { conn, code } => {
                let data = json!({ "state": "closing", "code": code.to_string() });
                log.event(now, event::CONNECTION, conn, &data);
            }
            Seen::Connect { conn, purpose, .. } => {
                let data = json!({ "state": "connecting", "purpose": format!("{purpose:?}") });
                log.event(now, event::CONNECTION, conn, &data);
            }
            Seen::Open { .. }
            | Seen::Splice { .. }
            | Seen::Stop { .. }
            | Seen::Reset { .. }
            | Seen::Allow { .. }
            | Seen::Decide(_)
            | Seen::Shard(_)
            | Seen::Event => {}
        });
    }
}
