//! `duet serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use duet_protocol::limits;
use duet_protocol::message::service::Permissions;
use duet_protocol::people::DirectoryPolicy;
use duet_protocol::server::{Config, Duplicates, Event, Server};
use duet_protocol::service::{LinkConfig, ServiceToken};
use duet_quic::{Identity, Loop, ServerSettings, ServiceDoor, UdpSocket};
use serde_json::json;

use super::signals::terminated;
use super::{Failure, runtime, say, seed, tokens};
use crate::accounts::Accounts;
use crate::contacts::Lists;
use crate::service::Service;
use crate::serving::{Seeds, Serving};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet serve --dev                                     guests welcome, a certificate for this run
  duet serve --accounts users.toml --cert c.pem --key k.pem --listen 0.0.0.0:4433
  duet serve --dev --service-listen 127.0.0.1:4434 --service-token-file token
                                                       whatever there is to decide, a service does

A token has 16 bytes or more; `head -c 32 /dev/urandom | base64 > token` makes a good one.")]
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
    /// The largest file that users may send to each other, in mebibytes
    #[arg(long, value_name = "MIB", default_value_t = limits::MAX_TRANSFER_MIB as u64)]
    max_file: u64,
    /// How fast a file may be sent, in bytes a second; 0 is no limit
    #[arg(long, value_name = "BYTES", default_value_t = limits::TRANSFER_RATE as u32)]
    file_rate: u32,
    /// The certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Write the certificate here, for clients' --ca
    #[arg(long, value_name = "FILE")]
    cert_out: Option<PathBuf>,
    /// Where services link; without it this server asks nobody but itself
    #[arg(long, value_name = "ADDR:PORT", requires = "service_token_file")]
    service_listen: Option<SocketAddr>,
    /// The tokens of services, one a line: the token, and after it what it allows, where that is not everything
    #[arg(long, value_name = "FILE", requires = "service_listen")]
    service_token_file: Option<PathBuf>,
    /// What a linked service is asked; the rest this server decides by itself
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "login,directory,join,call",
        requires = "service_listen"
    )]
    service_asks: Vec<Ask>,
    /// Certificates to one of which a service has to show a chain, PEM; without it the token alone counts
    #[arg(long, value_name = "FILE", requires = "service_listen")]
    service_ca: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// A question of the server, as the command line names it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ask {
    /// May this person log in, and who is it?
    Login,
    /// Who is called this? May this be an entry of a list?
    Directory,
    /// May this user enter this room?
    Join,
    /// May this call take place?
    Call,
}

impl Ask {
    const fn permission(self) -> Permissions {
        match self {
            Self::Login => Permissions::LOGIN,
            Self::Directory => Permissions::DIRECTORY,
            Self::Join => Permissions::JOIN,
            Self::Call => Permissions::CALL,
        }
    }
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
    let (link, door) = services(arguments)?;
    if !guests && arguments.accounts.is_none() && link.is_none() {
        eprintln!(
            "warning: nobody can log in; --guests, --accounts FILE or --service-listen ADDR lets somebody"
        );
    }
    let config = Config {
        duplicates: arguments.duplicates.into(),
        directory: arguments.directory.into(),
        link,
        max_transfer: arguments.max_file.saturating_mul(1 << 20),
        transfer_rate: arguments.file_rate,
        ..Config::default()
    };
    let settings = ServerSettings {
        services: door,
        ..ServerSettings::new(identity)
    };
    runtime()?.block_on(serve(arguments, config, settings, service))
}

/// How services link, where any may.
fn services(arguments: &Arguments) -> Result<(Option<LinkConfig>, Option<ServiceDoor>), Failure> {
    let Some(path) = &arguments.service_token_file else {
        return Ok((None, None));
    };
    let asks = arguments.service_asks.iter();
    let asks = asks.fold(Permissions::NONE, |all, ask| all.with(ask.permission()));
    let tokens = tokens::load(path)?
        .iter()
        .map(|known| ServiceToken::new(&known.token, known.permissions))
        .collect();
    let roots = match &arguments.service_ca {
        Some(path) => Some(std::fs::read(path).map_err(|error| {
            Failure::new(format!("cannot read {}: {error}", path.display()))
                .help("--service-ca wants a PEM file with the certificates to trust")
                .usage()
        })?),
        None => None,
    };
    Ok((
        Some(LinkConfig { tokens, asks }),
        Some(ServiceDoor { roots }),
    ))
}

fn bind(address: SocketAddr, flag: &str) -> Result<UdpSocket, Failure> {
    UdpSocket::bind(address).map_err(|error| {
        Failure::new(error.to_string()).help(format!(
            "stop what listens there, or choose another address with {flag}, port 0 for any",
        ))
    })
}

async fn serve(
    arguments: &Arguments,
    config: Config,
    settings: ServerSettings,
    service: Service,
) -> Result<(), Failure> {
    let fingerprint = settings.identity.fingerprint();
    let seeds = Seeds {
        core: seed()?,
        quic: seed()?,
    };
    let (socket, wall_clock) = (bind(arguments.listen, "--listen")?, SystemTime::now());
    let mut serving = Serving::new(config, settings, service, seeds, socket, wall_clock)
        .map_err(|error| Failure::new(error.to_string()))?;
    if let Some(address) = arguments.service_listen {
        serving = serving.with_services(bind(address, "--service-listen")?);
    }
    // Whoever reads the greeting may end it at once.
    let mut terminated = terminated()?;
    greet(arguments, serving.net(), &fingerprint.to_string())?;

    let json = arguments.json;
    let served = serving.until(terminated.recv(), |event| tell(event, json));
    served
        .await
        .map_err(|error| Failure::new(format!("the socket failed: {error}")))?;
    serving.stop(|event| tell(event, json)).await;
    match json {
        true => say(json!({ "event": "stopped" })),
        false => say("stopped"),
    }
}

/// What was typed to start this program, to be typed again.
fn own_name() -> String {
    std::env::args().next().unwrap_or_else(|| "duet".into())
}

fn greet(
    arguments: &Arguments,
    net: &Loop<Server, UdpSocket>,
    fingerprint: &str,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(error.to_string());
    let address = net.local_addr().map_err(failed)?;
    let services = net.services_addr().map_err(failed)?;
    if arguments.json {
        say(json!({
            "event": "serving", "address": address.to_string(), "fingerprint": fingerprint,
            "services": services.map(|address| address.to_string()),
        }))?;
    } else {
        say(format!("serving on {address}"))?;
        say(format!("certificate fingerprint (SHA-256): {fingerprint}"))?;
        if let Some(services) = services {
            say(format!("services link on {services}"))?;
            say(format!(
                "  {} service --server {services} --fingerprint {fingerprint} --token-file {} --guests",
                own_name(),
                arguments
                    .service_token_file
                    .as_deref()
                    .unwrap_or("FILE".as_ref())
                    .display()
            ))?;
        }
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
