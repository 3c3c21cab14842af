//! `duet call` and `duet answer`: a party in a loop over a socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use duet_protocol::code::Code;
use duet_protocol::time::Instant;
use duet_quic::Pumped;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::connect::{Connected, Connection, PATIENCE};
use super::signals::{Terminated, terminated};
use super::{Failure, plain, runtime, say};
use crate::party::{Notice, Party, Record, Role};
use crate::simulate::MediaMode;
use crate::studio::synthetic::SyntheticStudio;
use crate::studio::{Format, Studio};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Media {
    /// Real H.264 and AAC
    Gstreamer,
    /// Packets of the codecs' shape
    Synthetic,
}

impl From<Media> for MediaMode {
    fn from(media: Media) -> Self {
        match media {
            Media::Gstreamer => Self::Gstreamer,
            Media::Synthetic => Self::Synthetic,
        }
    }
}

#[derive(Debug, Args)]
struct Devices {
    /// Real codecs, or packets of their shape
    #[arg(long, value_enum, default_value = "gstreamer")]
    media: Media,
    /// Send this media file instead of the test picture
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Record the other side to this MP4 file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write a summary of the call to this JSON file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet call bob --as alice --fingerprint HEX
  duet call bob --as alice --ca cert.pem --length 20 --input talk.mp4 --output bob.mp4")]
pub(crate) struct CallArguments {
    /// Whom to call
    callee: String,
    /// Hang up after so many seconds
    #[arg(long, value_name = "SECONDS")]
    length: Option<f64>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    devices: Devices,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet answer --as bob --fingerprint HEX
  duet answer --as bob --ca cert.pem --once --output alice.mp4")]
pub(crate) struct AnswerArguments {
    /// End after the first call
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    devices: Devices,
}

pub(crate) fn call(arguments: &CallArguments) -> Result<(), Failure> {
    let length = match arguments.length {
        None => None,
        Some(seconds) => Some(Duration::try_from_secs_f64(seconds).map_err(|_| {
            Failure::new(format!("--length {seconds}: this is a number of seconds")).usage()
        })?),
    };
    let role = Role::Caller {
        callee: arguments.callee.clone(),
        at: Instant::EPOCH,
        length,
    };
    let ready = Arc::new(Notify::new());
    let studio = studio(&arguments.devices, 0, &ready)?;
    let runtime = runtime()?;
    // Sockets belong to the runtime that they are opened in.
    let inside = runtime.enter();
    let connected = arguments.connection.open()?;
    drop(inside);
    let party = Party::new(role, connected.credentials.clone(), Format::new(0), studio);
    let talk = Talk {
        connection: &arguments.connection,
        devices: &arguments.devices,
        connected,
        ready,
        logged_in: false,
    };
    runtime.block_on(talk.run(party, None))
}

pub(crate) fn answer(arguments: &AnswerArguments) -> Result<(), Failure> {
    let ready = Arc::new(Notify::new());
    let another = || studio(&arguments.devices, 1, &ready);
    let first = another()?;
    let runtime = runtime()?;
    // Sockets belong to the runtime that they are opened in.
    let inside = runtime.enter();
    let connected = arguments.connection.open()?;
    drop(inside);
    let credentials = connected.credentials.clone();
    let party = |studio| Party::new(Role::Answerer, credentials.clone(), Format::new(1), studio);
    let next = || another().map(&party);
    let talk = Talk {
        connection: &arguments.connection,
        devices: &arguments.devices,
        connected,
        ready: ready.clone(),
        logged_in: false,
    };
    let next: Option<&dyn Fn() -> Result<Party, Failure>> =
        if arguments.once { None } else { Some(&next) };
    runtime.block_on(talk.run(party(first), next))
}

#[cfg(feature = "media")]
fn studio(devices: &Devices, variant: u8, ready: &Arc<Notify>) -> Result<Box<dyn Studio>, Failure> {
    use crate::studio::gstreamer::{GstStudio, Options};
    use crate::studio::threaded::Threaded;
    let format = Format::new(variant);
    match devices.media {
        Media::Synthetic => Ok(Box::new(SyntheticStudio::new(format))),
        Media::Gstreamer => {
            let (input, output) = (devices.input.clone(), devices.output.clone());
            let studio = GstStudio::new(
                format,
                Options {
                    input,
                    output,
                    compare: false,
                },
            )
            .map_err(|error| Failure::new(error.to_string()))?;
            Ok(Box::new(Threaded::new(studio, ready.clone())))
        }
    }
}

#[cfg(not(feature = "media"))]
fn studio(devices: &Devices, variant: u8, _: &Arc<Notify>) -> Result<Box<dyn Studio>, Failure> {
    match devices.media {
        Media::Synthetic => Ok(Box::new(SyntheticStudio::new(Format::new(variant)))),
        Media::Gstreamer => Err(Failure::new("this `duet` was built without GStreamer")
            .help("build it with `--features media`, or say --media synthetic")),
    }
}

/// A party on a socket.
struct Talk<'a> {
    connection: &'a Connection,
    devices: &'a Devices,
    connected: Connected,
    ready: Arc<Notify>,
    logged_in: bool,
}

impl Talk<'_> {
    async fn run(
        mut self,
        mut party: Party,
        next: Option<&dyn Fn() -> Result<Party, Failure>>,
    ) -> Result<(), Failure> {
        let mut terminated = terminated()?;
        loop {
            let result = self.one(&mut party, &mut terminated).await;
            let record = party.finish();
            self.summarise(&record)?;
            let failed = record.footage.failure.clone().map(Failure::new);
            let interrupted = match (result, failed) {
                (Ok(interrupted), None) => interrupted,
                // A session that nobody is behind would be called.
                (Err(failure), _) | (_, Some(failure)) => {
                    let _ = self.leave().await;
                    return Err(failure);
                }
            };
            match (next, interrupted) {
                (Some(next), false) => party = next()?,
                (None, false) => return self.verdict(&record).and(self.leave().await),
                (_, true) => return self.leave().await,
            }
        }
    }

    /// One call, from waiting for it to its end; true where the person stopped it.
    async fn one(
        &mut self,
        party: &mut Party,
        terminated: &mut Terminated,
    ) -> Result<bool, Failure> {
        let now = self.connected.net.now();
        party.start(self.connected.net.driver_mut(), now);
        let patience = tokio::time::Instant::now() + PATIENCE;
        let mut interrupted = false;
        while !party.is_over() {
            let net = &mut self.connected.net;
            let epoch = net.driver().epoch();
            let due = party
                .deadline()
                .map(|at| epoch + Duration::from_micros(at.as_micros()));
            let (ready, logged_in) = (self.ready.clone(), self.logged_in);
            let pumped = net
                .pump_until(async {
                    tokio::select! {
                        () = terminated.recv() => Some(true),
                        () = ready.notified() => None,
                        () = sleep_until(due) => None,
                        () = tokio::time::sleep_until(patience), if !logged_in => Some(false),
                    }
                })
                .await
                .map_err(|error| Failure::new(format!("the socket failed: {error}")))?;
            let now = self.connected.net.now();
            match pumped {
                Pumped::Interrupted(Some(false)) => {
                    return Err(self.connection.no_server(&self.connected));
                }
                Pumped::Interrupted(Some(true)) => {
                    interrupted = true;
                    if !party.in_call() {
                        break;
                    }
                    party.hang_up(self.connected.net.driver_mut(), now);
                }
                Pumped::Interrupted(None) | Pumped::Moved => {}
            }
            party.advance(self.connected.net.driver_mut(), now);
            while let Some(notice) = party.notice() {
                self.tell(&notice)?;
            }
        }
        Ok(interrupted)
    }

    fn tell(&mut self, notice: &Notice) -> Result<(), Failure> {
        let (event, detail) = match notice {
            Notice::LoggedIn(name) => {
                self.logged_in = true;
                ("logged_in", format!("as {name:?}"))
            }
            Notice::Offline { reason, returning } => {
                if !returning || !self.logged_in && reason.code != Code::DEAD_LINK {
                    let failure =
                        Failure::new(format!("the server ended the session: {}", reason.code));
                    return Err(match reason.code {
                        Code::BAD_CREDENTIALS => {
                            failure.help("is that the name, and does the server let guests in?")
                        }
                        _ => failure,
                    });
                }
                if !self.logged_in {
                    return Err(self.connection.no_server(&self.connected));
                }
                ("offline", format!("{}; trying again", reason.code))
            }
            Notice::Suspended(true) => ("suspended", "the link is lost; trying again".into()),
            Notice::Suspended(false) => ("resumed", String::new()),
            Notice::NoSuchUser(name) => {
                return Err(Failure::new(format!("nobody is called {name:?}"))
                    .help("they must have an account, or be logged in: `duet answer --as NAME`"));
            }
            Notice::Calling(name) => ("calling", name.clone()),
            Notice::Ringing => ("ringing", String::new()),
            Notice::Incoming(name) => ("incoming", format!("from {name:?}")),
            Notice::Started => ("started", "Ctrl-C hangs up".into()),
            Notice::FirstPicture => ("first_picture", String::new()),
            Notice::Ended(reason) => ("ended", reason.code.to_string()),
            Notice::MediaFailed(text) => ("media_failed", text.clone()),
        };
        match (self.connection.json, detail.is_empty()) {
            (true, _) => say(json!({ "event": event, "detail": detail })),
            (false, true) => say(event),
            (false, false) => say(format!("{event}: {}", plain(&detail))),
        }
    }

    /// Whether the call was one.
    fn verdict(&self, record: &Record) -> Result<(), Failure> {
        let reason = record.ended.map(|(_, reason)| reason.code);
        match (record.started, reason) {
            (Some(_), Some(Code::HANGUP)) => Ok(()),
            (_, Some(code)) => Err(Failure::new(format!("the call ended with {code}"))),
            (_, None) => Ok(()),
        }
    }

    /// GOODBYE, and time for it to arrive.
    async fn leave(&mut self) -> Result<(), Failure> {
        let net = &mut self.connected.net;
        net.command(|core, now| core.logout(now));
        let deadline = tokio::time::Instant::now() + Duration::from_millis(1_500);
        while net.driver().connections() > 0 {
            match net.pump_until(tokio::time::sleep_until(deadline)).await {
                Ok(Pumped::Moved) => {}
                Ok(Pumped::Interrupted(())) | Err(_) => break,
            }
        }
        self.connection.write_trace(&self.connected)
    }

    fn summarise(&self, record: &Record) -> Result<(), Failure> {
        let Some(path) = &self.devices.summary else {
            return Ok(());
        };
        let text = format!("{:#}\n", summary(&self.connection.name, record));
        std::fs::write(path, text).map_err(|error| super::cannot_write(path, &error))
    }
}

async fn sleep_until(due: Option<std::time::Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn summary(name: &str, record: &Record) -> Value {
    let (started, ended) = (record.started, record.ended);
    let length = started
        .zip(ended)
        .map(|(from, (to, _))| to.since(from).as_secs_f64());
    let first = started.zip(record.footage.shown.first());
    let hop = crate::report::Hop::from(&record.hop);
    json!({
        "name": name,
        "duration_s": length,
        "reason": ended.map(|(_, reason)| reason.code.to_string()),
        "pictures_sent": record.captured.iter().filter(|captured| captured.sent).count(),
        "pictures_shown": record.footage.shown.len(),
        "pictures_damaged": record.footage.shown.iter().filter(|shown| !shown.intact).count(),
        "first_picture_ms": first.map(|(from, shown)| shown.at.since(from).as_millis() as u64),
        "sound_blocks_sent": record.blocks_sent,
        "sound_blocks_played": record.footage.blocks,
        "packets": serde_json::to_value(hop).unwrap_or_default(),
        "recording": record.footage.recording.as_ref().map(|(path, pictures, duration)| json!({
            "path": path, "pictures": pictures, "duration_s": duration.as_secs_f64(),
        })),
    })
}
