//! `duet chat`: a line typed is a text sent.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::time::Duration;

use clap::Args;
use duet_protocol::client::{Client, Event};
use duet_protocol::code::Code;
use duet_protocol::id::RequestId;
use duet_protocol::wire::Address;
use duet_quic::Pumped;
use serde_json::json;
use tokio::sync::mpsc;

use super::connect::{Connected, Connection, PATIENCE};
use super::signals::terminated;
use super::{Failure, plain, runtime, say};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet chat --to bob --as alice --fingerprint HEX
  duet chat --room lobby --as alice --ca cert.pem
  echo hello | duet chat --to bob --as alice --ca cert.pem --json")]
pub(crate) struct Arguments {
    /// Send to this user
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "room",
        conflicts_with = "room"
    )]
    to: Option<String>,
    /// Enter this room, and send to it
    #[arg(long, value_name = "NAME")]
    room: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = runtime()?;
    // Sockets belong to the runtime that they are opened in.
    let inside = runtime.enter();
    let connected = arguments.connection.open()?;
    drop(inside);
    let chat = Chat {
        arguments,
        connected,
        to: None,
        waiting: BTreeMap::new(),
        asked: None,
        undelivered: 0,
    };
    runtime.block_on(chat.run())
}

struct Chat<'a> {
    arguments: &'a Arguments,
    connected: Connected,
    /// Where texts go, once it is known.
    to: Option<Address>,
    /// Texts without a result.
    waiting: BTreeMap<RequestId, String>,
    /// LOOKUP or JOIN.
    asked: Option<RequestId>,
    /// Texts that did not get where they should.
    undelivered: usize,
}

impl Chat<'_> {
    async fn run(mut self) -> Result<(), Failure> {
        let result = self.talk().await;
        // However it ended: a session that nobody is behind would be found, and called.
        let left = self.leave().await;
        result.and(left)
    }

    async fn talk(&mut self) -> Result<(), Failure> {
        let (lines, mut typed) = mpsc::channel::<String>(64);
        // Standard input blocks: it has a thread of its own, which ends with the process.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
                // What is no UTF-8 shows as that, and the lines after it are not lost.
                let line = String::from_utf8_lossy(&line);
                let line = line.strip_suffix('\r').unwrap_or(&line).to_owned();
                if lines.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        let credentials = self.connected.credentials.clone();
        self.connected
            .net
            .command(|core, now| core.login(now, credentials))
            .map_err(|error| Failure::new(error.to_string()).usage())?;
        let patience = tokio::time::Instant::now() + PATIENCE;
        let mut at_end = false;
        let mut terminated = terminated()?;
        loop {
            let reading = self.to.is_some() && !at_end;
            let known = self.to.is_some() || self.asked.is_some();
            let pumped = self
                .connected
                .net
                .pump_until(async {
                    tokio::select! {
                        () = terminated.recv() => Interruption::Stop,
                        line = typed.recv(), if reading => line.map_or(Interruption::End, Interruption::Line),
                        () = tokio::time::sleep_until(patience), if !known => Interruption::Patience,
                    }
                })
                .await
                .map_err(|error| Failure::new(format!("the socket failed: {error}")))?;
            match pumped {
                Pumped::Moved => {}
                Pumped::Interrupted(Interruption::Line(line)) => self.send(line)?,
                Pumped::Interrupted(Interruption::End) => at_end = true,
                Pumped::Interrupted(Interruption::Stop) => return Ok(()),
                Pumped::Interrupted(Interruption::Patience) => {
                    return Err(self.arguments.connection.no_server(&self.connected));
                }
            }
            while let Some(event) = self.connected.net.driver_mut().poll_event() {
                self.event(event)?;
            }
            if at_end && self.waiting.is_empty() {
                break;
            }
        }
        match self.undelivered {
            0 => Ok(()),
            1 => Err(Failure::new("one text was not delivered")),
            more => Err(Failure::new(format!("{more} texts were not delivered"))),
        }
    }

    async fn leave(mut self) -> Result<(), Failure> {
        let net = &mut self.connected.net;
        net.command(Client::logout);
        let deadline = tokio::time::Instant::now() + Duration::from_millis(1_500);
        while net.driver().connections() > 0 {
            match net.pump_until(tokio::time::sleep_until(deadline)).await {
                Ok(Pumped::Moved) => {}
                Ok(Pumped::Interrupted(())) | Err(_) => break,
            }
        }
        self.arguments.connection.write_trace(&self.connected)
    }

    fn send(&mut self, line: String) -> Result<(), Failure> {
        let Some(to) = self.to else { return Ok(()) };
        match self
            .connected
            .net
            .command(|core, now| core.text(now, to, &line))
        {
            Ok(request) => {
                self.waiting.insert(request, line);
            }
            Err(error) => {
                self.undelivered += 1;
                eprintln!("not sent: {error}");
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event) -> Result<(), Failure> {
        let net = &mut self.connected.net;
        let answer = match event {
            // After a new login the core goes back into the room by itself.
            Event::LoggedIn { name, .. } if self.to.is_some() && self.arguments.room.is_some() => {
                return self.tell("logged_in", &name);
            }
            Event::LoggedIn { name, .. } => {
                let asked = match (&self.arguments.to, &self.arguments.room) {
                    (Some(to), _) => net.command(|core, now| core.lookup(now, to)),
                    (_, room) => {
                        let room = room.clone().unwrap_or_default();
                        net.command(|core, now| core.join(now, &room, b""))
                    }
                };
                self.asked = Some(asked.map_err(|error| Failure::new(error.to_string()))?);
                return self.tell("logged_in", &name);
            }
            // A server that puts the first login off is not waited for.
            Event::LoggedOut { reason, returning }
                if !returning || self.asked.is_none() && reason.code != Code::DEAD_LINK =>
            {
                return Err(Failure::new(format!(
                    "the server ended the session: {}",
                    reason.code
                )));
            }
            Event::Found { user, name, .. } => {
                self.to = Some(Address::User(user));
                return self.tell("found", &name);
            }
            Event::Joined { room, members, .. } => {
                self.to = Some(Address::Room(room));
                let names: Vec<_> = members.into_iter().map(|member| member.name).collect();
                return self.tell("joined", &names.join(", "));
            }
            Event::Member { change, member, .. } => {
                return self.tell("member", &format!("{} {change:?}", member.name));
            }
            Event::Text { user, text, .. } => {
                return match self.arguments.connection.json {
                    true => say(json!({ "event": "text", "from": user.to_string(), "text": text })),
                    false => say(format!("<{user}> {}", plain(&text))),
                };
            }
            Event::TransferOffered {
                user_name,
                offering,
                ..
            } => {
                let (name, how) = (
                    offering.name,
                    "`duet receive` takes files, if it runs before",
                );
                return self.tell("offered", &format!("{name} from {user_name}; {how}"));
            }
            Event::Suspended => {
                return self.tell("suspended", "the link is lost; trying again");
            }
            Event::Resumed => {
                return self.tell("resumed", "");
            }
            Event::Answer { request, code, .. } => (request, code),
            _ => return Ok(()),
        };
        let (request, code) = answer;
        if self.asked == Some(request) && code != Code::DELIVERED {
            let whom = self.arguments.to.as_ref().or(self.arguments.room.as_ref());
            let whom = whom.cloned().unwrap_or_default();
            return Err(Failure::new(format!("{whom:?}: {code}"))
                .help("a user must have an account or be logged in; a room must let you in"));
        }
        if let Some(text) = self.waiting.remove(&request) {
            self.undelivered += usize::from(code != Code::DELIVERED);
            self.tell(&code.to_string(), &text)?;
        }
        Ok(())
    }

    fn tell(&self, event: &str, detail: &str) -> Result<(), Failure> {
        match self.arguments.connection.json {
            true => say(json!({ "event": event, "detail": detail })),
            false => say(format!("{event}: {}", plain(detail))),
        }
    }
}

enum Interruption {
    Line(String),
    End,
    Stop,
    Patience,
}
