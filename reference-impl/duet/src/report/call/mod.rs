//! What a call leaves behind, and its page.

mod charts;
mod checks;
mod figures;
mod flows;
mod network;
mod page;
mod tables;
mod verdicts;

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use duet_protocol::media::HopStats;
use serde::{Deserialize, Serialize};

use crate::party::Record;
use crate::trace::Tracer;

use super::model::Arrow;
use super::number;
use super::traffic::Timeline;

pub use flows::FlowReport;
pub use page::page;

/// Within so many milliseconds of its capture a picture counts as shown in time.
pub const ON_TIME_MS: f64 = 250.0;

/// The version of `report.json`.
pub const VERSION: u32 = 1;

/// A simulated run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// Its description.
    pub description: String,
    /// What a shell takes to do the run again, from where it was done; empty where nobody knows.
    #[serde(default)]
    pub command: String,
    /// What was expected of the run, what must hold of every run, and what became of that.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The seed; the same seed gives the same run.
    pub seed: u64,
    /// `gstreamer` or `synthetic`.
    pub media: String,
    /// Virtual time, in milliseconds.
    pub duration_ms: f64,
    /// SHA-256 of the event log, in hex.
    pub log_hash: String,
    /// Each link direction.
    pub links: Vec<LinkReport>,
    /// Each flow of the scenario.
    #[serde(default)]
    pub flows: Vec<FlowReport>,
    /// Each party, in the order of the scenario.
    pub sides: Vec<Side>,
    /// Signalling as the server saw it, in order.
    pub signalling: Vec<Arrow>,
    /// The names of the vantage points, for the sequence diagram.
    pub lanes: Vec<String>,
    /// What repair is worth in this scenario, if it was asked.
    #[serde(default)]
    pub study: Vec<StudyRow>,
}

/// Something that was expected.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Check {
    /// Whether it held; none if it was not measured.
    pub held: Option<bool>,
    /// What was expected, and what was found.
    pub text: String,
}

/// One seed of the question what repair is worth.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct StudyRow {
    /// The seed.
    pub seed: u64,
    /// Pictures sent to both sides together, with repair.
    pub pictures: u64,
    /// The share whole within [`ON_TIME_MS`] of capture, on the worse side, with repair.
    pub with: f64,
    /// The same without.
    pub without: f64,
}

/// One link direction.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct LinkReport {
    /// `from>to`.
    pub name: String,
    /// Packets offered.
    pub offered: u64,
    /// Their bytes, UDP and IP headers included.
    pub bytes: u64,
    /// Packets lost, by cause.
    pub lost: BTreeMap<String, u64>,
    /// The same over time.
    #[serde(default)]
    pub timeline: Option<Timeline>,
}

/// One party.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Who sent what it saw.
    pub peer: String,
    /// Pictures that the peer sent, in order.
    pub pictures: Vec<Picture>,
    /// Blocks of sound that the peer sent, and that were played.
    pub blocks: (u64, u64),
    /// What this side's media connection did: what it sent is on its way to the server.
    pub hop: Hop,
    /// What the peer's media connection did: what this side saw comes from there.
    #[serde(default)]
    pub peer_hop: Hop,
    /// When the call started and ended, in milliseconds.
    pub started_ms: Option<f64>,
    /// When the call ended, in milliseconds.
    pub ended_ms: Option<f64>,
    /// Why, as this side learned it.
    pub reason: Option<String>,
    /// A few pictures.
    pub stills: Vec<StillReport>,
    /// The recording.
    pub recording: Option<RecordingReport>,
    /// What broke down, if anything did.
    pub failure: Option<String>,
    /// Gaps in the sound: when the block after it was played, in milliseconds, and how many blocks were missing.
    #[serde(default)]
    pub gaps: Vec<(f64, u16)>,
    /// The media connection's counts during the call.
    #[serde(default)]
    pub repair: Vec<HopSample>,
}

/// A media connection's counts at some time.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct HopSample {
    /// The time, in milliseconds.
    #[serde(with = "number::one")]
    pub at_ms: f64,
    /// The counts until then.
    #[serde(flatten)]
    pub hop: Hop,
}

/// A picture that was sent to a side.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Picture {
    /// Its number.
    pub number: u64,
    /// When it was captured, in milliseconds since the run began.
    pub captured_ms: f64,
    /// From capture to screen, in milliseconds; `None` where it was not shown.
    pub delay_ms: Option<f64>,
    /// Whether it was free of damage.
    pub intact: bool,
    /// Luma PSNR against what was captured, in dB.
    pub psnr_db: Option<f64>,
}

/// Counts of a media connection, all flows together.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Hop {
    /// Packets sent, repairs included.
    pub sent: u64,
    /// Packets sent again.
    pub repaired: u64,
    /// Packets that the other end reported missing.
    pub lost: u64,
    /// Of the lost, what was not sent again: too late, or over the budget for repair.
    #[serde(default)]
    pub given_up: u64,
    /// Packets that came in.
    pub received: u64,
    /// Packets that came in and were known.
    pub duplicates: u64,
}

/// A picture as captured and as shown: JPEG in base64.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct StillReport {
    /// Its number.
    pub number: u64,
    /// As captured.
    pub captured: String,
    /// As shown.
    pub shown: String,
}

/// A recording.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct RecordingReport {
    /// The file.
    pub path: String,
    /// Pictures in it.
    pub pictures: u64,
    /// Its length, in milliseconds.
    pub duration_ms: f64,
}

impl From<&HopStats> for Hop {
    fn from(stats: &HopStats) -> Self {
        let mut hop = Self::default();
        for (_, out) in &stats.outgoing {
            hop.sent += out.sent;
            hop.repaired += out.repaired;
            hop.lost += out.lost;
            hop.given_up += out.given_up;
        }
        for (_, into) in &stats.incoming {
            hop.received += into.received;
            hop.duplicates += into.duplicates;
        }
        hop
    }
}

fn millis(at: duet_protocol::time::Instant) -> f64 {
    at.as_micros() as f64 / 1_000.0
}

impl Side {
    /// What `own` saw of what `peer` sent.
    pub fn new(name: &str, own: &Record, peer_name: &str, peer: &Record) -> Self {
        let shown: BTreeMap<u64, _> = own
            .footage
            .shown
            .iter()
            .map(|shown| (shown.number, shown))
            .collect();
        let pictures = peer
            .captured
            .iter()
            .filter(|captured| captured.sent)
            .map(|captured| {
                let shown = shown.get(&captured.number);
                Picture {
                    number: captured.number,
                    captured_ms: millis(captured.at),
                    delay_ms: shown
                        .map(|shown| shown.at.since(captured.at).as_micros() as f64 / 1_000.0),
                    intact: shown.is_some_and(|shown| shown.intact),
                    psnr_db: shown.and_then(|shown| shown.psnr),
                }
            });
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        Self {
            name: name.into(),
            peer: peer_name.into(),
            pictures: pictures.collect(),
            blocks: (peer.blocks_sent, own.footage.blocks),
            hop: Hop::from(&own.hop),
            peer_hop: Hop::from(&peer.hop),
            started_ms: own.started.map(millis),
            ended_ms: own.ended.map(|(at, _)| millis(at)),
            reason: own.ended.map(|(_, reason)| reason.code.to_string()),
            stills: own
                .footage
                .stills
                .iter()
                .map(|still| StillReport {
                    number: still.number,
                    captured: encode(&still.captured),
                    shown: encode(&still.shown),
                })
                .collect(),
            recording: own
                .footage
                .recording
                .as_ref()
                .map(|(path, pictures, duration)| {
                    // Only the name: a report says the same wherever it is written.
                    let path = path.file_name().unwrap_or(path.as_os_str());
                    RecordingReport {
                        path: path.to_string_lossy().into_owned(),
                        pictures: *pictures,
                        duration_ms: duration.as_secs_f64() * 1_000.0,
                    }
                }),
            failure: own.footage.failure.clone(),
            gaps: own
                .footage
                .gaps
                .iter()
                .map(|gap| (millis(gap.at), gap.missing))
                .collect(),
            repair: own
                .hops
                .iter()
                .map(|(at, hop)| HopSample {
                    at_ms: millis(*at),
                    hop: hop.clone(),
                })
                .collect(),
        }
    }

    /// The instant from which on a picture may have been captured too late to be shown: [`ON_TIME_MS`] before the end of
    /// the call; before the last capture, of a call that had not ended.
    fn cut_off_ms(&self) -> f64 {
        let captures = self.pictures.iter().map(|picture| picture.captured_ms);
        let last = || captures.fold(f64::NEG_INFINITY, f64::max);
        self.ended_ms.unwrap_or_else(last) - ON_TIME_MS
    }

    /// Of the pictures sent to this side, those that can be judged: without those that the end of the call cut off on
    /// their way.
    pub fn judged(&self) -> impl Iterator<Item = &Picture> + Clone {
        let late = self.cut_off_ms();
        let pictures = self.pictures.iter();
        pictures.filter(move |picture| picture.delay_ms.is_some() || picture.captured_ms < late)
    }

    /// Of the pictures that can be judged, the share shown free of damage within `within_ms` of capture.
    pub fn on_time(&self, within_ms: f64) -> f64 {
        let good = self.judged().filter(|picture| {
            picture.intact && picture.delay_ms.is_some_and(|delay| delay <= within_ms)
        });
        good.count() as f64 / self.judged().count().max(1) as f64
    }
}

/// The signalling between named vantage points, as the clients saw it: what each sent, and what each was sent.
pub fn arrows(server: usize, clients: &[(usize, &Tracer)]) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for (lane, tracer) in clients {
        tracer.with(|log| {
            for crossing in &log.crossings {
                if matches!(crossing.name, "ACK" | "PING" | "PONG" | "UNKNOWN") {
                    continue;
                }
                let (from, to) = if crossing.sent {
                    (*lane, server)
                } else {
                    (server, *lane)
                };
                arrows.push(Arrow {
                    at_ms: crossing.at_us as f64 / 1_000.0,
                    from,
                    to,
                    name: crossing.name.into(),
                    detail: crossing.detail.clone(),
                    ..Arrow::default()
                });
            }
        });
    }
    arrows.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
    arrows
}

/// What lies in a report's folder beside `report.json`: a live call's own summary, and a conformance report.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// `live-*.json`: what `duet call` and `duet answer` wrote.
    pub live: Vec<serde_json::Value>,
    /// `conformance.json`.
    pub conformance: Option<serde_json::Value>,
}

impl Extras {
    /// Reads what is there.
    pub fn load(folder: &Path) -> Self {
        let read = |name: &str| {
            let text = std::fs::read_to_string(folder.join(name)).ok()?;
            serde_json::from_str(&text).ok()
        };
        let live = ["live-caller.json", "live-callee.json"]
            .into_iter()
            .filter_map(read);
        Self {
            live: live.collect(),
            conformance: read("conformance.json"),
        }
    }
}
