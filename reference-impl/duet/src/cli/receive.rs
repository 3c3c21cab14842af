//! `duet receive`: files from other users, into a folder.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use clap::Args;
use duet_protocol::client::{Event, Offering};
use duet_protocol::code::Code;
use duet_protocol::id::TransferId;
use duet_quic::Pumped;
use indicatif::BinaryBytes;
use serde_json::json;

use super::connect::{Connected, Connection, PATIENCE};
use super::files::{Progress, leave};
use super::signals::terminated;
use super::{Failure, cannot_write, plain, runtime, say};
use crate::inbox::{Inbox, Partial};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet receive --as bob --fingerprint HEX
  duet receive --as bob --ca cert.pem --into inbox --from alice --max-mib 100 --once

No file is overwritten: a second `a.txt` becomes `a (2).txt`. What breaks off stays as `a.txt.SIZE.part`, and goes on
from there when the same is sent again.")]
pub(crate) struct Arguments {
    /// The folder for the files
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
    /// Take files of this user only
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Take no file of more mebibytes
    #[arg(long, value_name = "MIB")]
    max_mib: Option<u64>,
    /// End after the first file
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let inbox = Inbox::open(&arguments.into).map_err(|error| {
        Failure::new(format!("cannot use {}: {error}", arguments.into.display()))
            .help("make the folder first, or choose another with --into")
            .usage()
    })?;
    let runtime = runtime()?;
    // Sockets belong to the runtime that they are opened in.
    let inside = runtime.enter();
    let connected = arguments.connection.open_as("receive")?;
    drop(inside);
    let receiving = Receiving {
        arguments,
        connected,
        inbox,
        logged_in: false,
        coming: BTreeMap::new(),
    };
    runtime.block_on(receiving.run())
}

struct Receiving<'a> {
    arguments: &'a Arguments,
    connected: Connected,
    inbox: Inbox,
    logged_in: bool,
    coming: BTreeMap<TransferId, Coming>,
}

/// A file that is being received.
struct Coming {
    partial: Partial,
    name: String,
    from: String,
    size: u64,
    progress: Progress,
}

enum Interruption {
    Stop,
    Patience,
}

impl Receiving<'_> {
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
                Pumped::Interrupted(Interruption::Stop) => break self.stopped(),
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
        leave(&mut self.connected.net).await;
        self.arguments.connection.write_trace(&self.connected)?;
        outcome
    }

    /// The person has had enough: what is there of files is kept.
    fn stopped(&mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        for (transfer, coming) in std::mem::take(&mut self.coming) {
            let net = &mut self.connected.net;
            // It may just be over: then there is nothing to give up.
            let _ = net.command(|core, now| core.cancel_transfer(now, transfer));
            net.driver_mut().release(transfer);
            let what = format!("stopped in the middle of {:?}", coming.name);
            outcome = Err(kept(coming, what));
        }
        outcome
    }

    /// Takes what has happened; true once it is enough.
    fn events(&mut self) -> Result<bool, Failure> {
        while let Some(event) = self.connected.net.driver_mut().poll_event() {
            match self.event(event) {
                Ok(done) if done && self.arguments.once => return Ok(true),
                Ok(_) => {}
                Err(failure) if self.arguments.once || !self.logged_in => return Err(failure),
                // One file that failed is no reason to take no other.
                Err(failure) => failure.print(),
            }
        }
        Ok(false)
    }

    /// True where a file has arrived.
    fn event(&mut self, event: Event) -> Result<bool, Failure> {
        match event {
            Event::LoggedIn { name, .. } => {
                self.logged_in = true;
                self.tell("logged_in", &name)?;
            }
            Event::LoggedOut {
                reason,
                returning: false,
            } => {
                self.logged_in = false;
                let why = format!("the server ended the session: {}", reason.code);
                return Err(Failure::new(why));
            }
            Event::Suspended => self.tell("suspended", "the link is lost; trying again")?,
            Event::Resumed => self.tell("resumed", "")?,
            Event::TransferOffered {
                transfer,
                user_name,
                offering,
                ..
            } => self.offered(transfer, &user_name, &offering)?,
            Event::TransferProgress { transfer, at } => {
                if let Some(coming) = self.coming.get_mut(&transfer) {
                    coming.progress.at(at)?;
                }
            }
            Event::TransferEnded { transfer, reason } => {
                let failed = self.connected.net.driver_mut().release(transfer);
                if let Some(coming) = self.coming.remove(&transfer) {
                    self.ended(coming, reason.code, failed)?;
                    return Ok(true);
                }
            }
            _ => {}
        }
        Ok(false)
    }

    fn offered(
        &mut self,
        transfer: TransferId,
        from: &str,
        offering: &Offering,
    ) -> Result<(), Failure> {
        let (name, size) = (&offering.name, offering.size);
        match self.arguments.connection.json {
            true => say(json!({ "event": "offered", "from": from, "name": name, "size": size }))?,
            false => {
                let (name, from, of) = (plain(name), plain(from), BinaryBytes(size));
                say(format!("offered: {name:?}, {of}, from {from}"))?;
            }
        }
        let most = self
            .arguments
            .max_mib
            .map(|mib| mib.saturating_mul(1 << 20));
        let code = if self
            .arguments
            .from
            .as_ref()
            .is_some_and(|only| only != from)
        {
            Code::FORBIDDEN
        } else if most.is_some_and(|most| size > most) {
            Code::TOO_LARGE
        } else {
            match self.take(transfer, from, offering) {
                Ok(()) => return Ok(()),
                Err((code, failure)) => {
                    self.decline(transfer, code)?;
                    return Err(failure);
                }
            }
        };
        self.decline(transfer, code)
    }

    fn decline(&mut self, transfer: TransferId, code: Code) -> Result<(), Failure> {
        let net = &mut self.connected.net;
        // The offer may be over by now.
        let _ = net.command(|core, now| core.decline(now, transfer, code));
        self.tell("declined", &code.to_string())
    }

    /// Accepts an offer, from what is there of the file.
    fn take(
        &mut self,
        transfer: TransferId,
        from: &str,
        offering: &Offering,
    ) -> Result<(), (Code, Failure)> {
        let (name, size) = (offering.name.clone(), offering.size);
        let partial = self
            .inbox
            .partial(&name, size)
            .map_err(|error| match error.kind() {
                ErrorKind::ResourceBusy => {
                    let why = format!("{name:?} is being received already");
                    (Code::TOO_MANY, Failure::new(why))
                }
                _ => (Code::DECLINED, cannot_write(&self.arguments.into, &error)),
            })?;
        let opened = partial.held().and_then(|held| Ok((held, partial.sink()?)));
        let (held, sink) = match opened {
            Ok(opened) => opened,
            Err(error) => return Err((Code::DECLINED, cannot_write(partial.path(), &error))),
        };
        let net = &mut self.connected.net;
        net.driver_mut().receive_into(transfer, sink);
        if let Err(error) = net.command(|core, now| core.receive(now, transfer, held)) {
            net.driver_mut().release(transfer);
            // Nothing has come; an empty file goes.
            let _ = partial.keep();
            return Err((Code::TOO_MANY, Failure::new(error.to_string())));
        }
        let told = match (self.arguments.connection.json, held) {
            (true, _) => say(json!({ "event": "started", "at": held, "size": size })),
            (false, 0) => Ok(()),
            (false, held) => self.tell("started", &format!("from {}", BinaryBytes(held))),
        };
        let coming = Coming {
            partial,
            progress: Progress::new(&plain(&name), size, self.arguments.connection.json),
            name: plain(&name),
            from: plain(from),
            size,
        };
        self.coming.insert(transfer, coming);
        told.map_err(|failure| (Code::DECLINED, failure))
    }

    fn ended(
        &self,
        mut coming: Coming,
        code: Code,
        failed: Option<std::io::Error>,
    ) -> Result<(), Failure> {
        coming.progress.done();
        let from = &coming.from;
        if code == Code::DELIVERED {
            let (size, path) = (coming.size, coming.partial.path().to_owned());
            let target = coming.partial.finish();
            let target = target.map_err(|error| cannot_write(&path, &error))?;
            return match self.arguments.connection.json {
                true => say(json!({
                    "event": "received", "path": target, "size": size, "from": from,
                })),
                false => say(format!("received: {}", target.display())),
            };
        }
        if code == Code::DIGEST_MISMATCH {
            let path = coming.partial.path().to_owned();
            coming
                .partial
                .discard()
                .map_err(|error| cannot_write(&path, &error))?;
            let why = format!(
                "what came of {:?} is not what {from} has; it is thrown away",
                coming.name
            );
            return Err(Failure::new(why).help("have it sent again, from the beginning"));
        }
        if let Some(error) = failed {
            let failure = cannot_write(coming.partial.path(), &error);
            return match coming.partial.keep() {
                Ok(_) => Err(failure),
                Err(error) => Err(failure.help(error.to_string())),
            };
        }
        let what = format!("{:?} from {from} ended with {code}", coming.name);
        Err(kept(coming, what))
    }

    fn tell(&self, event: &str, detail: &str) -> Result<(), Failure> {
        match (self.arguments.connection.json, detail.is_empty()) {
            (true, _) => say(json!({ "event": event, "detail": detail })),
            (false, true) => say(event),
            (false, false) => say(format!("{event}: {}", plain(detail))),
        }
    }
}

/// The failure of a file that is not whole, and where its beginning is.
fn kept(coming: Coming, what: String) -> Failure {
    let path = coming.partial.path().to_owned();
    match coming.partial.keep() {
        Ok(0) => Failure::new(what),
        Ok(held) => {
            let (at, of) = (BinaryBytes(held), BinaryBytes(coming.size));
            let path = path.display();
            Failure::new(format!("{what}, after {at} of {of}"))
                .help(format!("have it sent again: it goes on from {path}"))
        }
        Err(error) => cannot_write(&path, &error),
    }
}
