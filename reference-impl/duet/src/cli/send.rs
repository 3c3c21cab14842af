//! `duet send`: a file to a user.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use duet_protocol::client::{Event, Offering};
use duet_protocol::code::Code;
use duet_protocol::id::{RequestId, TransferId};
use duet_protocol::wire::Address;
use duet_quic::Pumped;
use indicatif::BinaryBytes;
use serde_json::json;

use super::connect::{Connected, Connection, PATIENCE};
use super::files::{Progress, leave};
use super::signals::terminated;
use super::{Failure, plain, runtime, say};

/// What to do about a transfer that broke off.
const AGAIN: &str = "send it again: what has arrived is not sent twice";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet send report.pdf --to bob --as alice --fingerprint HEX
  duet send video.mp4 --to bob --as alice --ca cert.pem --json

The other side takes it with `duet receive`. What broke off goes on where it was, once it is sent again.")]
pub(crate) struct Arguments {
    /// The file to send
    file: PathBuf,
    /// Send it to this user
    #[arg(long, value_name = "NAME")]
    to: String,
    /// Offer it under this name instead of its own
    #[arg(long = "name", value_name = "NAME")]
    offered_as: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (file, offering) = open(arguments)?;
    let runtime = runtime()?;
    // Sockets belong to the runtime that they are opened in.
    let inside = runtime.enter();
    let connected = arguments.connection.open_as("send")?;
    drop(inside);
    let sending = Sending {
        arguments,
        connected,
        file: Some(file),
        progress: Progress::new(&offering.name, offering.size, arguments.connection.json),
        offering,
        logged_in: false,
        asked: None,
        offered: None,
        at: 0,
    };
    runtime.block_on(sending.run())
}

fn open(arguments: &Arguments) -> Result<(File, Offering), Failure> {
    let path = &arguments.file;
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::new(format!("cannot read {}: {why}", path.display())).usage()
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let metadata = file.metadata().map_err(|error| wrong(&error))?;
    if !metadata.is_file() {
        return Err(wrong(&"it is no file").help("pack a folder into an archive first"));
    }
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let name = arguments
        .offered_as
        .clone()
        .unwrap_or_else(|| own.into_owned());
    if name.is_empty() || name.len() > 255 {
        let why = format!("{name:?} is no name for a file: it has 1 to 255 bytes");
        return Err(Failure::new(why).help("give another with --name").usage());
    }
    let offering = Offering {
        size: metadata.len(),
        name,
        content_type: String::new(),
    };
    Ok((file, offering))
}

struct Sending<'a> {
    arguments: &'a Arguments,
    connected: Connected,
    /// Until it is offered.
    file: Option<File>,
    offering: Offering,
    progress: Progress,
    logged_in: bool,
    /// LOOKUP.
    asked: Option<RequestId>,
    /// OFFER.
    offered: Option<(TransferId, RequestId)>,
    /// How much the receiver has.
    at: u64,
}

enum Interruption {
    Stop,
    Patience,
}

impl Sending<'_> {
    async fn run(mut self) -> Result<(), Failure> {
        let mut terminated = terminated()?;
        let credentials = self.connected.credentials.clone();
        self.connected
            .net
            .command(|core, now| core.login(now, credentials))
            .map_err(|error| Failure::new(error.to_string()).usage())?;
        let patience = tokio::time::Instant::now() + PATIENCE;
        let outcome = loop {
            let logged_in = self.logged_in;
            let pumped = self
                .connected
                .net
                .pump_until(async {
                    tokio::select! {
                        () = terminated.recv() => Interruption::Stop,
                        () = tokio::time::sleep_until(patience), if !logged_in => Interruption::Patience,
                    }
                })
                .await
                .map_err(|error| Failure::new(format!("the socket failed: {error}")))?;
            match pumped {
                Pumped::Moved => {}
                Pumped::Interrupted(Interruption::Stop) => break Err(self.stopped()),
                Pumped::Interrupted(Interruption::Patience) => {
                    return Err(self.arguments.connection.no_server(&self.connected));
                }
            }
            match self.events() {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        self.progress.done();
        leave(&mut self.connected.net).await;
        self.arguments.connection.write_trace(&self.connected)?;
        outcome
    }

    /// The person has had enough.
    fn stopped(&mut self) -> Failure {
        if let Some((transfer, _)) = self.offered {
            // It may just be over: then there is nothing to give up.
            let _ = self
                .connected
                .net
                .command(|core, now| core.cancel_transfer(now, transfer));
        }
        let (at, of) = (BinaryBytes(self.at), BinaryBytes(self.offering.size));
        Failure::new(format!("stopped after {at} of {of}")).help(AGAIN)
    }

    /// Takes what has happened; true once the file has arrived.
    fn events(&mut self) -> Result<bool, Failure> {
        while let Some(event) = self.connected.net.driver_mut().poll_event() {
            if self.event(event)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn event(&mut self, event: Event) -> Result<bool, Failure> {
        let to = &self.arguments.to;
        match event {
            Event::LoggedIn { name, .. } => {
                self.logged_in = true;
                let net = &mut self.connected.net;
                let asked = net.command(|core, now| core.lookup(now, to));
                self.asked = Some(asked.map_err(|error| Failure::new(error.to_string()))?);
                self.tell("logged_in", &name)?;
            }
            Event::LoggedOut {
                reason,
                returning: false,
            } => {
                let why = format!("the server ended the session: {}", reason.code);
                return Err(Failure::new(why));
            }
            Event::Suspended => self.tell("suspended", "the link is lost; trying again")?,
            Event::Resumed => self.tell("resumed", "")?,
            Event::Found { user, .. } => {
                let (net, offering) = (&mut self.connected.net, &self.offering);
                let to = Address::User(user);
                let offered = net
                    .command(|core, now| core.offer(now, to, offering))
                    .map_err(|error| Failure::new(error.to_string()))?;
                if let Some(file) = self.file.take() {
                    net.driver_mut().send_from(offered.0, file);
                }
                self.offered = Some(offered);
            }
            Event::Answer { request, code, .. } => self.answered(request, code)?,
            Event::TransferStarted { at, .. } => {
                self.at = self.at.max(at);
                let (size, name) = (self.offering.size, self.offering.name.clone());
                self.progress = Progress::new(&name, size, self.arguments.connection.json);
                match (self.arguments.connection.json, at) {
                    (true, _) => say(json!({ "event": "started", "at": at, "size": size }))?,
                    (false, 0) => self.tell("started", &BinaryBytes(size).to_string())?,
                    (false, at) => {
                        let (at, of) = (BinaryBytes(at), BinaryBytes(size));
                        self.tell("started", &format!("from {at} of {of}"))?;
                    }
                }
            }
            Event::TransferProgress { at, .. } => {
                self.at = self.at.max(at);
                self.progress.at(at)?;
            }
            Event::TransferEnded { transfer, reason } => {
                self.progress.done();
                let failed = self.connected.net.driver_mut().release(transfer);
                if reason.code != Code::DELIVERED {
                    return Err(self.ended(reason.code, failed));
                }
                let detail = format!("{} to {to}", self.offering.name);
                self.tell("delivered", &detail)?;
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    fn answered(&self, request: RequestId, code: Code) -> Result<(), Failure> {
        let to = &self.arguments.to;
        if self.asked == Some(request) && code != Code::DELIVERED {
            return Err(Failure::new(format!("{to:?}: {code}"))
                .help("a user must have an account or be logged in: `duet receive --as NAME`"));
        }
        if self.offered.is_none_or(|(_, offer)| offer != request) {
            return Ok(());
        }
        let size = BinaryBytes(self.offering.size);
        Err(match code {
            Code::DELIVERED => {
                return self.tell("offered", &format!("waiting for {to} to take it"));
            }
            Code::TOO_LARGE => Failure::new(format!("this server takes no file of {size}")),
            Code::UNREACHABLE => Failure::new(format!("{to} is not there to take it"))
                .help("they log in with `duet receive --as NAME`"),
            code => Failure::new(format!("the offer was refused: {code}")),
        })
    }

    /// Why it did not arrive.
    fn ended(&self, code: Code, failed: Option<std::io::Error>) -> Failure {
        let (to, path) = (&self.arguments.to, self.arguments.file.display());
        if let Some(error) = failed {
            return match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    Failure::new(format!("{path} became shorter while it was sent"))
                }
                _ => Failure::new(format!("cannot read {path}: {error}")),
            }
            .help(AGAIN);
        }
        match code {
            Code::DECLINED | Code::FORBIDDEN | Code::TOO_MANY | Code::TOO_LARGE => {
                Failure::new(format!("{to} declined it: {code}"))
            }
            Code::OFFER_TIMEOUT => Failure::new(format!("{to} did not take it in time")),
            Code::UNREACHABLE => Failure::new(format!("{to} is gone"))
                .help("they log in with `duet receive --as NAME`"),
            Code::DIGEST_MISMATCH => Failure::new(format!(
                "what {to} has is not what was sent: the file was changed meanwhile, or {to} had another one of this name"
            ))
            .help("send it again"),
            Code::ABORTED => Failure::new(format!("{to} gave it up")).help(AGAIN),
            code => Failure::new(format!("it ended with {code}")).help(AGAIN),
        }
    }

    fn tell(&self, event: &str, detail: &str) -> Result<(), Failure> {
        match (self.arguments.connection.json, detail.is_empty()) {
            (true, _) => say(json!({ "event": event, "detail": detail })),
            (false, true) => say(event),
            (false, false) => say(format!("{event}: {}", plain(detail))),
        }
    }
}
