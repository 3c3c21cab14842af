//! What `duet send` and `duet receive` share: progress, and the end of a session.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use duet_protocol::client::Client;
use duet_quic::{Loop, Pumped, UdpSocket};
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Failure, say};

/// From when on a person wants to know how far it is.
const PATIENT: Duration = Duration::from_secs(2);

/// How often that is said where there is no terminal to draw on.
const EACH: Duration = Duration::from_secs(1);
const EACH_LOGGED: Duration = Duration::from_secs(10);

/// How far a transfer has come, for a person or a program.
pub(super) struct Progress {
    name: String,
    size: u64,
    json: bool,
    begun: Instant,
    told: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(name: &str, size: u64, json: bool) -> Self {
        Self {
            name: name.to_owned(),
            size,
            json,
            begun: Instant::now(),
            told: None,
            bar: None,
        }
    }

    /// It has come to this byte.
    pub(super) fn at(&mut self, bytes: u64) -> Result<(), Failure> {
        let now = Instant::now();
        if now.duration_since(self.begun) < PATIENT && !self.json {
            return Ok(());
        }
        if !self.json && std::io::stderr().is_terminal() {
            let (size, name) = (self.size, &self.name);
            let bar = self.bar.get_or_insert_with(|| bar(name, size, bytes));
            bar.set_position(bytes);
            return Ok(());
        }
        let each = if self.json { EACH } else { EACH_LOGGED };
        let since = self.told.unwrap_or(self.begun);
        if now.duration_since(since) < each && (self.told.is_some() || self.json) {
            return Ok(());
        }
        self.told = Some(now);
        match self.json {
            true => say(json!({ "event": "progress", "bytes": bytes, "size": self.size })),
            false => {
                let percent = bytes.saturating_mul(100).checked_div(self.size);
                let (name, of) = (&self.name, BinaryBytes(self.size));
                eprintln!("{name}: {} % of {of}", percent.unwrap_or(100));
                Ok(())
            }
        }
    }

    /// It is over: what was drawn goes.
    pub(super) fn done(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(name: &str, size: u64, bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(size).with_message(name.to_owned());
    let style =
        "{msg} {wide_bar} {percent} % of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    // What was there before says nothing about the rate.
    bar.set_position(bytes);
    bar.reset_eta();
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done();
    }
}

/// GOODBYE, and time for it to arrive.
pub(super) async fn leave(net: &mut Loop<Client, UdpSocket>) {
    net.command(Client::logout);
    let deadline = tokio::time::Instant::now() + Duration::from_millis(1_500);
    while net.driver().connections() > 0 {
        match net.pump_until(tokio::time::sleep_until(deadline)).await {
            Ok(Pumped::Moved) => {}
            Ok(Pumped::Interrupted(())) | Err(_) => break,
        }
    }
}
