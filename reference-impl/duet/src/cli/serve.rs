//! `duet serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use duet_protocol::code::Code;
use duet_protocol::people::DirectoryPolicy;
use duet_protocol::seed::Seed;
use duet_protocol::server::{Config, Duplicates, Event, Server};
use duet_protocol::service::{Decision, DecisionId, Proof, Question};
use duet_protocol::time::Instant;
use duet_quic::{Driver, Identity, Loop, Pumped, ServerSettings, UdpSocket};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use super::{Failure, runtime, say, seed};
use crate::accounts::Accounts;
use crate::contacts::Lists;
use crate::service::Service;

/// Passwords that are hashed at once: each takes a core and 19 MiB for some tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;
/// Passwords that may wait to be hashed; what comes beyond is refused at once.
const MAX_WAITING_HASHES: usize = 64;
/// How long a stopping server waits for its last frames to arrive.
const STOP: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet serve --dev                                     guests welcome, a certificate for this run
  duet serve --accounts users.toml --cert c.pem --key k.pem --listen 0.0.0.0:4433")]
pub(crate) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4433")]
    listen: SocketAddr,
    /// For trying out: guests are welcome, and a certificate is made for this run
    #[arg(long)]
    dev: bool,
    /// Let guests in
    #[arg(long)]
    guests: bool,
    /// The file of accounts (see `duet account`)
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// What becomes of a login of a user that is logged in on another device
    #[arg(long, value_name = "POLICY", default_value = "several")]
    duplicates: Policy,
    /// The folder where the accounts' lists are kept; without it they last as long as this process
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// Who is found by name
    #[arg(long, value_name = "POLICY", default_value = "open")]
    directory: Directory,
    /// The certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Write the certificate here, for clients' --ca
    #[arg(long, value_name = "FILE")]
    cert_out: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// [`Duplicates`], as the command line names it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    /// The second login is refused
    First,
    /// The session that is there ends
    Newest,
    /// Both stay, up to eight
    Several,
}

impl From<Policy> for Duplicates {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::First => Self::FirstWins,
            Policy::Newest => Self::NewestWins,
            Policy::Several => Self::Several,
        }
    }
}

/// [`DirectoryPolicy`], as the command line names it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Directory {
    /// Everyone, but not by those whom they blocked
    Open,
    /// Who has the asker as a contact
    Contacts,
    /// Nobody
    Closed,
}

impl From<Directory> for DirectoryPolicy {
    fn from(policy: Directory) -> Self {
        match policy {
            Directory::Open => Self::Open,
            Directory::Contacts => Self::Contacts,
            Directory::Closed => Self::Closed,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let accounts = match &arguments.accounts {
        Some(path) => Accounts::load(path).map_err(|error| {
            Failure::new(error.to_string())
                .help("`duet account NAME --file FILE` makes such a file")
        })?,
        None => Accounts::default(),
    };
    let identity = match (&arguments.cert, &arguments.key) {
        (Some(cert), Some(key)) => Identity::load(cert, key),
        _ if arguments.dev => {
            let host = arguments.listen.ip().to_string();
            Identity::ecdsa_p256_dev(&["localhost", "127.0.0.1", &host])
        }
        _ => {
            return Err(Failure::new("a server needs a certificate")
                .help("give --cert FILE --key FILE, or --dev to have one made for this run")
                .usage());
        }
    }
    .map_err(|error| Failure::new(error.to_string()))?;
    if let Some(path) = &arguments.cert_out {
        std::fs::write(path, identity.certificate_pem())
            .map_err(|error| super::cannot_write(path, &error))?;
    }
    let lists = match &arguments.lists {
        Some(folder) => Lists::open(folder).map_err(|why| {
            Failure::new(why).help("repair the file, or choose another folder with --lists")
        })?,
        None => Lists::in_memory(),
    };
    let guests = arguments.dev || arguments.guests;
    let service = Service::new(accounts, guests).with_lists(lists);
    runtime()?.block_on(serve(arguments, identity, service))
}

async fn serve(arguments: &Arguments, identity: Identity, service: Service) -> Result<(), Failure> {
    let fingerprint = identity.fingerprint();
    let config = Config {
        duplicates: arguments.duplicates.into(),
        directory: arguments.directory.into(),
        ..Config::default()
    };
    let core = Server::new(Arc::new(config), Seed(seed()?), Instant::EPOCH);
    let epoch = std::time::Instant::now();
    let driver = Driver::server(ServerSettings::new(identity), core, seed()?, epoch)
        .map_err(|error| Failure::new(error.to_string()))?;
    let socket = UdpSocket::bind(arguments.listen).map_err(|error| {
        Failure::new(error.to_string()).help(
            "stop what listens there, or choose another address with --listen, port 0 for any",
        )
    })?;
    let mut net = Loop::new(driver, socket);
    let address = net
        .local_addr()
        .map_err(|error| Failure::new(error.to_string()))?;
    greet(arguments, address, &fingerprint.to_string())?;

    let service = Arc::new(service);
    let hashing = Arc::new(Semaphore::new(HASHES_AT_ONCE));
    let (answers, mut answered) = mpsc::unbounded_channel::<(DecisionId, Decision)>();
    let mut terminated = terminated()?;
    loop {
        let pumped = net
            .pump_until(async {
                tokio::select! {
                    answer = answered.recv() => answer,
                    () = terminated.recv() => None,
                }
            })
            .await
            .map_err(|error| Failure::new(format!("the socket failed: {error}")))?;
        match pumped {
            Pumped::Moved => {}
            Pumped::Interrupted(Some((id, decision))) => {
                let now = net.now();
                net.driver_mut().decide(now, id, decision);
            }
            Pumped::Interrupted(None) => return stop(net, arguments.json).await,
        }
        while let Some(decide) = net.driver_mut().poll_decide() {
            let (id, deadline, question) = (decide.id, decide.deadline, decide.question);
            if matches!(question, Question::Contact { .. }) {
                // The core asks for one change of a user's list at a time, so that they stay in order.
                let (service, answers) = (service.clone(), answers.clone());
                tokio::task::spawn_blocking(move || {
                    // The loop may have ended: then nobody waits for the answer.
                    let _ = answers.send((id, service.decide(&question)));
                });
                continue;
            }
            if !matches!(
                question,
                Question::Login {
                    method: Proof::Password(_),
                    ..
                }
            ) {
                let (now, decision) = (net.now(), service.decide(&question));
                net.driver_mut().decide(now, id, decision);
                continue;
            }
            if Arc::strong_count(&hashing) > MAX_WAITING_HASHES {
                let now = net.now();
                let decision = Decision::Deny(Code::SERVICE_UNAVAILABLE);
                net.driver_mut().decide(now, id, decision);
                continue;
            }
            let (service, hashing, answers) = (service.clone(), hashing.clone(), answers.clone());
            let epoch = net.driver().epoch();
            tokio::spawn(async move {
                let Ok(_permit) = hashing.acquire().await else {
                    return;
                };
                // The core has answered for it by now.
                if epoch.elapsed() >= Duration::from_micros(deadline.as_micros()) {
                    return;
                }
                let decision = tokio::task::spawn_blocking(move || service.decide(&question)).await;
                if let Ok(decision) = decision {
                    // The loop may have ended: then nobody waits for the answer.
                    let _ = answers.send((id, decision));
                }
            });
        }
        while let Some(event) = net.driver_mut().poll_event() {
            tell(&event, arguments.json);
        }
    }
}

/// SIGINT and SIGTERM.
struct Terminated {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

fn terminated() -> Result<Terminated, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())
            .map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
        Ok(Terminated { terminate })
    }
    #[cfg(not(unix))]
    Ok(Terminated {})
}

impl Terminated {
    async fn recv(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Tells every session that the server stops, and waits until they have it.
async fn stop(mut net: Loop<Server, UdpSocket>, json: bool) -> Result<(), Failure> {
    net.command(|core, now| core.stop(now, Duration::from_secs(2)));
    let deadline = tokio::time::Instant::now() + STOP;
    while net.driver().connections() > 0 {
        match net.pump_until(tokio::time::sleep_until(deadline)).await {
            Ok(Pumped::Moved) => {}
            Ok(Pumped::Interrupted(())) | Err(_) => break,
        }
        while let Some(event) = net.driver_mut().poll_event() {
            tell(&event, json);
        }
    }
    match json {
        true => say(json!({ "event": "stopped" })),
        false => say("stopped"),
    }
}

/// What was typed to start this program, to be typed again.
fn own_name() -> String {
    std::env::args().next().unwrap_or_else(|| "duet".into())
}

fn greet(arguments: &Arguments, address: SocketAddr, fingerprint: &str) -> Result<(), Failure> {
    if arguments.json {
        say(json!({
            "event": "serving", "address": address.to_string(), "fingerprint": fingerprint,
        }))?;
    } else {
        say(format!("serving on {address}"))?;
        say(format!("certificate fingerprint (SHA-256): {fingerprint}"))?;
        if arguments.dev {
            let duet = own_name();
            let media = if cfg!(feature = "media") {
                ""
            } else {
                " --media synthetic"
            };
            let to = format!("--server {address} --fingerprint {fingerprint}{media}");
            say(format!(
                "\nin a second terminal:\n  {duet} answer --as bob {to}"
            ))?;
            say(format!("in a third:\n  {duet} call bob --as alice {to}"))?;
            say("\nCtrl-C stops the server")?;
        }
    }
    std::io::stdout()
        .flush()
        .map_err(|error| Failure::new(error.to_string()))
}

fn tell(event: &Event, json: bool) {
    let (name, detail) = match event {
        Event::LoggedIn { name, session, .. } => {
            ("logged_in", format!("{name:?} as session {session}"))
        }
        Event::LoginRefused { code } => ("login_refused", code.to_string()),
        Event::Suspended { session } => ("suspended", format!("session {session}")),
        Event::Resumed { session } => ("resumed", format!("session {session}")),
        Event::SessionEnded { session, code } => {
            ("session_ended", format!("session {session}: {code}"))
        }
        Event::Violation {
            conn, violation, ..
        } => {
            let requirement = violation.requirement();
            (
                "violation",
                format!(
                    "connection {}: {} [{requirement}]",
                    conn.0,
                    violation.code()
                ),
            )
        }
        Event::CallBegan { call } => ("call_began", format!("call {call}")),
        Event::CallEnded { call, code } => ("call_ended", format!("call {call}: {code}")),
        Event::TransferBegan { transfer, size } => (
            "transfer_began",
            format!("transfer {transfer} of {size} bytes"),
        ),
        Event::TransferEnded { transfer, code } => {
            ("transfer_ended", format!("transfer {transfer}: {code}"))
        }
    };
    // A server whose log cannot be written serves on.
    let _ = match json {
        true => say(json!({ "event": name, "detail": detail })),
        false => say(format!("{name}: {detail}")),
    };
}
