//! `duet service`: a business service of its own, linked to a server.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use duet_protocol::code::Code;
use duet_protocol::message::service::{Kind, Permissions, Standing};
use duet_protocol::seed::Seed;
use duet_protocol::service::client::{Config, Event, Incident, Service as Core};
use duet_protocol::service::{Decision, Question};
use duet_protocol::time::Instant;
use duet_quic::{Driver, Identity, Loop, Pumped, UdpSocket};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::connect::{Known, PATIENCE, Watch, socket_towards};
use super::signals::terminated;
use super::{Failure, plain, runtime, say, seed, tokens};
use crate::accounts::Accounts;
use crate::assign::Assigner;
use crate::contacts::Lists;
use crate::deciding::Deciding;
use crate::policy::{Course, Policy, Sort};
use crate::service::Service;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet service --fingerprint HEX --token-file token --guests
  duet service --server duet.example:4434 --ca ca.pem --token-file token --accounts users.toml --lists lists
  duet service --fingerprint HEX --token-file token --guests --deny-login mallory --deny-room attic --json
  duet service --fingerprint HEX --token-file token --guests --standby
                                         takes over when the active one is gone
  duet service --fingerprint HEX --token-file token --guests --assign
                                         gives rooms to those who ask by data: {\"meet\":\"bob\"}")]
pub(crate) struct Arguments {
    /// The server's address for services
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4434")]
    server: String,
    #[command(flatten)]
    known: Known,
    /// The file whose first line is the token
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// The certificate to show to a server that asks for one, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The name of this process among those that stand in for each other; "standby" with --standby, otherwise "service"
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Wait for one's turn while another is active, instead of ending
    #[arg(long)]
    standby: bool,
    /// Let guests in
    #[arg(long)]
    guests: bool,
    /// The file of accounts (see `duet account`)
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// The folder where the accounts' lists are kept; without it they last as long as this process
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// Refuse logins by this name
    #[arg(long, value_name = "NAME")]
    deny_login: Vec<String>,
    /// Let nobody enter the room of this name
    #[arg(long, value_name = "NAME")]
    deny_room: Vec<String>,
    /// Refuse calls
    #[arg(long)]
    no_calls: bool,
    /// Leave such questions to their deadline, to see what becomes of them
    #[arg(long, value_name = "SORT")]
    ignore: Vec<Sort>,
    /// Give a room to every two of whom one asks so, by data to the service: {"meet":"NAME"}
    #[arg(long)]
    assign: bool,
    /// The interval of heartbeats, in milliseconds; a link is dead after four without a sign
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1_000..=60_000))]
    heartbeat: u32,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let accounts = match &arguments.accounts {
        Some(path) => Accounts::load(path).map_err(|error| {
            Failure::new(error.to_string())
                .help("`duet account NAME --file FILE` makes such a file")
        })?,
        None => Accounts::default(),
    };
    let lists = match &arguments.lists {
        Some(folder) => Lists::open(folder).map_err(|why| {
            Failure::new(why).help("repair the file, or choose another folder with --lists")
        })?,
        None => Lists::in_memory(),
    };
    let service = Service::new(accounts, arguments.guests).with_lists(lists);
    let runtime = runtime()?;
    // Sockets belong to the runtime that they are opened in.
    let inside = runtime.enter();
    let linking = Linking::open(arguments)?;
    drop(inside);
    runtime.block_on(linking.run(service))
}

struct Linking<'a> {
    arguments: &'a Arguments,
    policy: Policy,
    net: Loop<Core, UdpSocket>,
    failure: Arc<Mutex<Option<String>>>,
    assigner: Option<Assigner>,
    /// Whether it was ever linked.
    linked: bool,
}

impl<'a> Linking<'a> {
    fn open(arguments: &'a Arguments) -> Result<Self, Failure> {
        let settings = arguments.known.settings(&arguments.server)?;
        let token = tokens::load(&arguments.token_file)?.swap_remove(0).token;
        let identity = match (&arguments.cert, &arguments.key) {
            (Some(cert), Some(key)) => Some(
                Identity::load(cert, key)
                    .map_err(|error| Failure::new(error.to_string()).usage())?,
            ),
            _ => None,
        };
        let name = match (&arguments.name, arguments.standby) {
            (Some(name), _) if name.is_empty() || name.len() > 64 => {
                return Err(Failure::new("a name has 1 to 64 bytes").usage());
            }
            (Some(name), _) => name,
            (None, true) => "standby",
            (None, false) => "service",
        };
        let config = Config {
            heartbeat_ms: arguments.heartbeat,
            ..Config::new(name, token)
        };
        let core = Core::new(Arc::new(config), Seed(seed()?), Instant::EPOCH);
        let (server, epoch) = (settings.server, duet_quic::now());
        let mut driver = Driver::client_as(identity.as_ref(), settings, core, seed()?, epoch)
            .map_err(|error| Failure::new(error.to_string()))?;
        let failure = Arc::new(Mutex::new(None));
        driver.observe(Box::new(Watch {
            failure: failure.clone(),
            tracer: None,
        }));
        Ok(Self {
            arguments,
            policy: Policy {
                denied_logins: arguments.deny_login.clone(),
                denied_rooms: arguments.deny_room.clone(),
                no_calls: arguments.no_calls,
                silent: arguments.ignore.clone(),
            },
            net: Loop::new(driver, socket_towards(server)?),
            failure,
            assigner: arguments.assign.then(Assigner::default),
            linked: false,
        })
    }

    async fn run(mut self, service: Service) -> Result<(), Failure> {
        let (answers, mut answered) = mpsc::unbounded_channel::<(u64, Decision)>();
        let deciding = Deciding::new(service, answers);
        let mut terminated = terminated()?;
        let patience = tokio::time::Instant::now() + PATIENCE;
        self.net.command(Core::start);
        loop {
            let unlinked = !self.linked;
            let pumped = self
                .net
                .pump_until(async {
                    tokio::select! {
                        biased;
                        () = terminated.recv() => Interruption::Stop,
                        Some((question, decision)) = answered.recv() => Interruption::Answer(question, decision),
                        () = tokio::time::sleep_until(patience), if unlinked => Interruption::Patience,
                    }
                })
                .await
                .map_err(|error| Failure::new(format!("the socket failed: {error}")))?;
            match pumped {
                Pumped::Moved => {}
                Pumped::Interrupted(Interruption::Answer(question, decision)) => {
                    self.answer(question, decision)?;
                }
                Pumped::Interrupted(Interruption::Patience) => return Err(self.no_server()),
                Pumped::Interrupted(Interruption::Stop) => return self.leave().await,
            }
            while let Some(event) = self.net.driver_mut().poll_event() {
                if let Event::Question {
                    question,
                    deadline,
                    what,
                } = &event
                {
                    self.tell(&event)?;
                    let until =
                        self.net.driver().epoch() + Duration::from_micros(deadline.as_micros());
                    let decision = match self.policy.course(what) {
                        Course::Answer(decision) => Some(decision),
                        Course::Ask => deciding.decide(*question, what.clone(), until),
                        Course::Silence => None,
                    };
                    if let Some(decision) = decision {
                        self.answer(*question, decision)?;
                    }
                    continue;
                }
                if let Err(failure) = self.event(&event) {
                    // The server is told why the link ends, if it is this side that ends it.
                    self.drain().await;
                    return Err(failure);
                }
            }
        }
    }

    /// Answers, if the question is still open: its time may be over, or the link lost.
    fn answer(&mut self, question: u64, decision: Decision) -> Result<(), Failure> {
        let said = match &decision {
            Decision::Allow => "yes".to_owned(),
            Decision::User { user, .. } => format!("user {user}"),
            Decision::Deny(code) => code.to_string(),
        };
        let answered = self
            .net
            .command(|core, now| core.answer(now, question, decision));
        match answered {
            Ok(()) => self.print(
                "answered",
                json!({ "question": question, "answer": said }),
                &format!("question {question}: {said}"),
            ),
            Err(_) => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        self.tell(event)?;
        let now = self.net.now();
        if let Some(assigner) = &mut self.assigner {
            self.net
                .driver_mut()
                .command(now, |core, now| assigner.event(now, event, core));
        }
        match event {
            Event::Linked { standing, .. } => {
                let again = std::mem::replace(&mut self.linked, true);
                if *standing == Standing::Standby && !self.arguments.standby {
                    let why = match again {
                        true => "another service has taken over",
                        false => "another service is the active one",
                    };
                    return Err(Failure::new(why).help("give --standby to wait for one's turn"));
                }
                Ok(())
            }
            Event::Down {
                reason,
                returning: false,
            } => Err(match reason.code {
                Code::BAD_CREDENTIALS => Failure::new("the server does not take this token")
                    .help("it has to be a line of the file that `duet serve --service-token-file` was given"),
                Code::DISPLACED => Failure::new("another service of the same name has linked")
                    .help("give each process a name of its own with --name"),
                code => Failure::new(format!("the server ended the link: {code}")),
            }),
            // A server that takes services says so of those who come by the door of the clients, too.
            Event::Down { reason, .. } if reason.code == Code::FORBIDDEN && !self.linked => {
                Err(Failure::new(format!("{} takes no services", self.arguments.server)).help(
                    "services have an address of their own: that of `duet serve --service-listen`",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Takes its leave, and waits until the server has it.
    async fn leave(mut self) -> Result<(), Failure> {
        self.net.command(Core::stop);
        self.drain().await;
        self.print("stopped", json!({}), "")
    }

    /// Waits until what was said last has arrived, and the connection is gone.
    async fn drain(&mut self) {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(1_500);
        while self.net.driver().connections() > 0 {
            match self
                .net
                .pump_until(tokio::time::sleep_until(deadline))
                .await
            {
                Ok(Pumped::Moved) => {}
                Ok(Pumped::Interrupted(())) | Err(_) => break,
            }
        }
    }

    fn no_server(&self) -> Failure {
        let why = self.failure.lock().ok().and_then(|why| why.clone());
        let server = &self.arguments.server;
        match why {
            Some(why) => Failure::new(format!("cannot link to {server}: {why}")),
            None => Failure::new(format!(
                "no answer from {server} within {} s",
                PATIENCE.as_secs()
            )),
        }
        .help("is that what `duet serve --service-listen` listens on, and is that its fingerprint?")
    }

    fn print(&self, event: &str, mut fields: Value, text: &str) -> Result<(), Failure> {
        if self.arguments.json {
            fields["event"] = event.into();
            return say(fields);
        }
        match text {
            "" => say(event),
            text => say(format!("{event}: {}", plain(text))),
        }
    }

    fn tell(&self, event: &Event) -> Result<(), Failure> {
        let (name, fields, text) = match event {
            Event::Linked {
                standing,
                permissions,
            } => {
                let standing = match standing {
                    Standing::Active => "active",
                    Standing::Standby => "standby",
                };
                let may = allowed(*permissions);
                let text = format!("{standing}; may {}", may.join(", "));
                ("linked", json!({ "standing": standing, "may": may }), text)
            }
            Event::Activated { epoch } => (
                "activated",
                json!({ "epoch": epoch.to_string() }),
                format!("epoch {epoch}"),
            ),
            Event::Question { question, what, .. } => {
                let (sort, about) = asked(what);
                let fields = json!({ "question": question, "sort": sort, "about": about });
                ("question", fields, format!("{question}: {sort} {about}"))
            }
            Event::Happened(incident) => happened(incident),
            Event::Snapshot(state) => {
                let counts = [
                    ("sessions", state.sessions.len()),
                    ("rooms", state.rooms.len()),
                    ("members", state.members.len()),
                    ("calls", state.calls.len()),
                ];
                let text = counts
                    .map(|(what, count)| format!("{count} {what}"))
                    .join(", ");
                let fields: serde_json::Map<String, Value> = counts
                    .into_iter()
                    .map(|(what, count)| (what.to_owned(), count.into()))
                    .collect();
                ("snapshot", fields.into(), text)
            }
            Event::Addressed { user, data, .. } => {
                let text = String::from_utf8_lossy(data).into_owned();
                let fields = json!({ "user": user.to_string(), "data": text });
                ("data", fields, format!("from {user}: {text}"))
            }
            Event::RoomCreated { request, room } => (
                "room_created",
                json!({ "request": request.0, "room": room.to_string() }),
                format!("command {}: room {room}", request.0),
            ),
            Event::Ticket {
                request,
                room,
                user,
                ..
            } => (
                "ticket",
                json!({ "request": request.0, "room": room.to_string(), "user": user.to_string() }),
                format!("command {}: for user {user}, room {room}", request.0),
            ),
            Event::Done { request, code } => (
                "done",
                json!({ "request": request.0, "code": code.to_string() }),
                format!("command {}: {code}", request.0),
            ),
            Event::Down { reason, returning } => (
                "down",
                json!({ "code": reason.code.to_string(), "returning": returning }),
                match returning {
                    true => format!("{}; trying again", reason.code),
                    false => reason.code.to_string(),
                },
            ),
        };
        self.print(name, fields, &text)
    }
}

fn allowed(permissions: Permissions) -> Vec<&'static str> {
    let held = tokens::NAMES
        .iter()
        .filter(|(_, one)| permissions.has(*one));
    held.map(|(name, _)| *name).collect()
}

/// The sort of a question, and what it is about; never a credential.
fn asked(question: &Question) -> (&'static str, String) {
    match question {
        Question::Login { name, .. } => ("login", name.clone()),
        Question::Lookup { name, .. } => ("lookup", name.clone()),
        Question::Join { user, room, name } => {
            ("join", format!("user {user}, room {name:?} {room}"))
        }
        Question::Call { caller, callee, .. } => ("call", format!("{caller} to {callee}")),
        Question::Contact { user, entry } => (
            "contact",
            format!("of {user}: {} {:?}", entry.user, entry.relation),
        ),
    }
}

fn happened(incident: &Incident) -> (&'static str, Value, String) {
    let Incident {
        user,
        peer,
        session,
        room,
        call,
        code,
        name,
        ..
    } = incident;
    let member = json!({ "user": user.to_string(), "session": session.to_string(), "room": room.to_string() });
    let in_room = format!("user {user}, room {room}");
    let mut of_call =
        json!({ "call": call.to_string(), "caller": user.to_string(), "callee": peer.to_string() });
    let between = format!("{call}: {user} to {peer}");
    let of_session = json!({ "user": user.to_string(), "session": session.to_string() });
    match incident.kind {
        Kind::SessionBegan => (
            "session_began",
            json!({ "user": user.to_string(), "session": session.to_string(), "name": name }),
            format!("{name:?}, user {user}"),
        ),
        Kind::SessionSuspended => ("session_suspended", of_session, format!("user {user}")),
        Kind::SessionResumed => ("session_resumed", of_session, format!("user {user}")),
        Kind::SessionEnded => (
            "session_ended",
            json!({ "user": user.to_string(), "session": session.to_string(), "code": code.to_string() }),
            format!("user {user}: {code}"),
        ),
        Kind::RoomOpened => (
            "room_opened",
            json!({ "room": room.to_string(), "name": name }),
            format!("{name:?} {room}"),
        ),
        Kind::RoomClosed => (
            "room_closed",
            json!({ "room": room.to_string(), "code": code.to_string() }),
            format!("{room}: {code}"),
        ),
        Kind::MemberIn => ("member_in", member, in_room),
        Kind::MemberOut => ("member_out", member, in_room),
        Kind::CallBegan => ("call_began", of_call, between),
        Kind::CallConnected => ("call_connected", of_call, between),
        Kind::CallEnded => {
            of_call["code"] = code.to_string().into();
            of_call["length_ms"] = incident.length_ms.into();
            ("call_ended", of_call, format!("{between}: {code}"))
        }
    }
}

enum Interruption {
    Answer(u64, Decision),
    Patience,
    Stop,
}
