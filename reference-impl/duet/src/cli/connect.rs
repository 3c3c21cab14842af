//! Connecting to a server: where it is, how it is known, who one is.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use duet_protocol::client::{Client, Config, Credentials};
use duet_protocol::io::{Cause, Input};
use duet_protocol::seed::Seed;
use duet_protocol::time::Instant;
use duet_quic::{ClientSettings, Driver, Fingerprint, Loop, Observer, Seen, Trust, UdpSocket};

use super::{Failure, seed};
use crate::trace::Tracer;

/// How long a person waits for a server before being told that there is none; longer than a server waits for its service.
pub(crate) const PATIENCE: Duration = Duration::from_secs(7);

/// How the server is known.
#[derive(Debug, Args)]
pub(crate) struct Known {
    /// The SHA-256 fingerprint of the server's certificate, as the server prints it
    #[arg(long, value_name = "HEX", conflicts_with = "ca")]
    fingerprint: Option<Fingerprint>,
    /// A PEM file with the certificates to trust
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Known {
    /// What a driver has to know of a server at this address.
    pub(crate) fn settings(&self, server: &str) -> Result<ClientSettings, Failure> {
        let server_name = match server.rsplit_once(':') {
            Some((host, _)) => host.trim_matches(['[', ']']).to_owned(),
            None => server.to_owned(),
        };
        Ok(ClientSettings {
            server: address(server)?,
            server_name,
            trust: self.trust()?,
        })
    }

    fn trust(&self) -> Result<Trust, Failure> {
        match (&self.fingerprint, &self.ca) {
            (Some(fingerprint), _) => Ok(Trust::Fingerprint(*fingerprint)),
            (None, Some(path)) => std::fs::read(path).map(Trust::Roots).map_err(|error| {
                Failure::new(format!("cannot read {}: {error}", path.display()))
                    .help("--ca wants a PEM file with the certificates to trust")
                    .usage()
            }),
            (None, None) => Err(Failure::new("how is the server known?")
                .help("give --fingerprint HEX, as the server prints it, or --ca FILE")
                .usage()),
        }
    }
}

fn address(server: &str) -> Result<SocketAddr, Failure> {
    let wrong = |why: &str| {
        Failure::new(format!("{server:?} is no address of a server: {why}"))
            .help("give host and port, for example --server 127.0.0.1:4433")
    };
    let mut addresses = server
        .to_socket_addrs()
        .map_err(|error| wrong(&error.to_string()).usage())?;
    addresses
        .next()
        .ok_or_else(|| wrong("no address has that name"))
}

/// A socket from which that address can be reached.
pub(crate) fn socket_towards(server: SocketAddr) -> Result<UdpSocket, Failure> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
    };
    UdpSocket::bind(any).map_err(|error| Failure::new(error.to_string()))
}

/// Where the server is, how it is known, and who one is.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4433")]
    pub(crate) server: String,
    #[command(flatten)]
    known: Known,
    /// The name to log in with
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: String,
    /// Log in with the password on the first line of this file, instead of as a guest
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Write a trace of what crosses the protocol's seam (qlog JSON-SEQ)
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// A client on a socket, and what is known of why it could not connect.
pub(crate) struct Connected {
    pub(crate) net: Loop<Client, UdpSocket>,
    pub(crate) credentials: Credentials,
    failure: Arc<Mutex<Option<String>>>,
    tracer: Option<Tracer>,
}

/// Notes why connections failed, and passes everything on to a tracer if there is one.
pub(crate) struct Watch {
    pub(crate) failure: Arc<Mutex<Option<String>>>,
    pub(crate) tracer: Option<Tracer>,
}

impl Observer for Watch {
    fn input(&mut self, now: Instant, input: &Input) {
        if let Input::Closed {
            cause: Cause::Failed(text),
            ..
        } = input
            && let Ok(mut failure) = self.failure.lock()
        {
            *failure = Some(text.clone());
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.input(now, input);
        }
    }

    fn output(&mut self, now: Instant, output: Seen<'_>) {
        if let Some(tracer) = &mut self.tracer {
            tracer.output(now, output);
        }
    }
}

impl Connection {
    fn credentials(&self) -> Result<Credentials, Failure> {
        let Some(path) = &self.password_file else {
            return Ok(Credentials::Guest(self.name.clone()));
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("cannot read {}: {error}", path.display())).usage()
        })?;
        let password = text.lines().next().unwrap_or_default().to_owned();
        Ok(Credentials::Password {
            name: self.name.clone(),
            password,
        })
    }

    /// A client that has not said anything yet.
    pub(crate) fn open(&self) -> Result<Connected, Failure> {
        self.open_as("cli")
    }

    /// The same, as another device of the user, which does not take the place of the first.
    pub(crate) fn open_as(&self, device: &str) -> Result<Connected, Failure> {
        let (settings, credentials) = (self.known.settings(&self.server)?, self.credentials()?);
        let device = format!("{}-{device}", self.name);
        let config = Arc::new(Config {
            device,
            ..Config::default()
        });
        let core = Client::new(config, Seed(seed()?), Instant::EPOCH);
        let server = settings.server;
        let epoch = duet_quic::now();
        let mut driver = Driver::client(settings, core, seed()?, epoch)
            .map_err(|error| Failure::new(error.to_string()))?;
        let tracer = self
            .trace
            .as_ref()
            .map(|_| Tracer::new("live call", &self.name, "client", false, None));
        let failure = Arc::new(Mutex::new(None));
        driver.observe(Box::new(Watch {
            failure: failure.clone(),
            tracer: tracer.clone(),
        }));
        let socket = socket_towards(server)?;
        Ok(Connected {
            net: Loop::new(driver, socket),
            credentials,
            failure,
            tracer,
        })
    }

    /// The failure of not having been able to log in within [`PATIENCE`].
    pub(crate) fn no_server(&self, connected: &Connected) -> Failure {
        let why = connected.failure.lock().ok().and_then(|why| why.clone());
        match why {
            Some(why) => Failure::new(format!("cannot connect to {}: {why}", self.server)),
            None => Failure::new(format!(
                "no answer from {} within {} s",
                self.server,
                PATIENCE.as_secs()
            )),
        }
        .help(
            "is a server running there, and is that its fingerprint? `duet serve --dev` starts one",
        )
    }

    /// Writes the trace, if one was asked for.
    pub(crate) fn write_trace(&self, connected: &Connected) -> Result<(), Failure> {
        match (&self.trace, &connected.tracer) {
            (Some(path), Some(tracer)) => std::fs::write(path, tracer.to_bytes())
                .map_err(|error| super::cannot_write(path, &error)),
            _ => Ok(()),
        }
    }
}
