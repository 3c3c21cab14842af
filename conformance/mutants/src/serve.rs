//! Serving a mutant over QUIC: guests may log in, every room and call is allowed, nobody has an account.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use duet_protocol::code::Code;
use duet_protocol::id::UserId;
use duet_protocol::io::{ConnId, Core, Deadline, Input, Output};
use duet_protocol::message::service::Permissions;
use duet_protocol::seed::Seed;
use duet_protocol::server::{Config, Server};
use duet_protocol::service::{Decision, LinkConfig, Proof, Question, ServiceToken};
use duet_protocol::time::Instant;
use duet_quic::{Driver, Identity, Loop, Pumped, ServerSettings, ServiceDoor, UdpSocket};
use tokio::sync::oneshot;

use crate::mutant::Mutant;
use crate::null::Null;

/// Users are numbered from here.
const FIRST_GUEST: u64 = 0x1_0000;

/// One core or the other.
pub(crate) enum Served {
    Mutant(Box<Mutant>),
    Null(Null),
}

impl Core for Served {
    type Event = ();

    fn handle(&mut self, now: Instant, input: Input) {
        match self {
            Self::Mutant(core) => core.handle(now, input),
            Self::Null(core) => core.handle(now, input),
        }
    }

    fn poll_output(&mut self) -> Option<Output<()>> {
        match self {
            Self::Mutant(core) => core.poll_output(),
            Self::Null(core) => core.poll_output(),
        }
    }

    fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::Mutant(core) => core.deadline(),
            Self::Null(core) => core.deadline(),
        }
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        match self {
            Self::Mutant(core) => core.next_datagram(buffer),
            Self::Null(core) => core.next_datagram(buffer),
        }
    }
}

/// The core of this name: a mutant, a null, or `none`, the unbroken reference.
fn core(name: &str, seed: [u8; 32], config: Config) -> Result<Served, String> {
    if let Some(null) = Null::find(name) {
        return Ok(Served::Null(null));
    }
    let row = crate::find(name);
    if row.is_none() && name != "none" {
        return Err(format!(
            "no mutant is called {name:?}; see `duet-mutant list`"
        ));
    }
    let server = Server::new(Arc::new(config), Seed(seed), Instant::EPOCH);
    Ok(Served::Mutant(Box::new(Mutant::new(server, row))))
}

fn decide(question: &Question, guests: &mut u64) -> Decision {
    match question {
        Question::Login {
            method: Proof::Guest,
            name,
        } => {
            *guests += 1;
            let (user, name) = (UserId(FIRST_GUEST + *guests), name.clone());
            Decision::User {
                user,
                name,
                contacts: Vec::new(),
            }
        }
        Question::Login { .. } => Decision::Deny(Code::BAD_CREDENTIALS),
        Question::Lookup { .. } => Decision::Deny(Code::NOT_FOUND),
        Question::Join { .. } | Question::Call { .. } | Question::Contact { .. } => Decision::Allow,
    }
}

/// Two servers that are about to run: one that decides by itself, and one that asks a linked service everything.
pub struct Ready {
    net: Loop<Served, UdpSocket>,
    asking: Loop<Served, UdpSocket>,
    /// Where the first listens.
    pub address: SocketAddr,
    /// Where the second takes its clients.
    pub clients: SocketAddr,
    /// Where it takes its services.
    pub services: SocketAddr,
    /// Their certificate, in PEM.
    pub certificate: String,
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Ready {
    /// Binds the server of this name, twice; the second where the system chooses, with this token for its services.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Why it cannot be bound.
    pub fn bind(name: &str, listen: SocketAddr, token: &str) -> Result<Self, String> {
        let names = ["localhost", "127.0.0.1", "::1"];
        let identity = Identity::ecdsa_p256_dev(&names).map_err(told)?;
        let certificate = identity.certificate_pem().to_owned();
        // The digits of a fresh certificate are as good a seed as any: nothing here is worth guessing.
        let seed = identity.fingerprint().0;
        let core = |config| core(name, seed, config);
        let socket = |address| UdpSocket::bind(address).map_err(told);
        let epoch = std::time::Instant::now();

        let own = core(Config::default())?;
        let driver = Driver::server(ServerSettings::new(identity.clone()), own, seed, epoch);
        let net = Loop::new(driver.map_err(told)?, socket(listen)?);
        let address = net.local_addr().map_err(told)?;

        let link = LinkConfig {
            tokens: vec![ServiceToken::new(token.as_bytes(), Permissions::ALL)],
            asks: Permissions::ALL,
        };
        let asking = core(Config {
            link: Some(link),
            ..Config::default()
        })?;
        let settings = ServerSettings {
            services: Some(ServiceDoor::default()),
            ..ServerSettings::new(identity)
        };
        let driver = Driver::server(settings, asking, seed, epoch).map_err(told)?;
        let any = SocketAddr::new(listen.ip(), 0);
        let asking = Loop::new(driver, socket(any)?).with_services(socket(any)?);
        let clients = asking.local_addr().map_err(told)?;
        let services = asking.services_addr().map_err(told)?;
        Ok(Self {
            net,
            asking,
            address,
            clients,
            services: services.unwrap_or(clients),
            certificate,
        })
    }

    /// Serves until that is done.
    ///
    /// # Errors
    ///
    /// Why a socket is beyond use.
    pub async fn serve(mut self, until: impl Future<Output = ()>) -> Result<(), String> {
        let mut until = std::pin::pin!(until);
        let mut guests = 0;
        loop {
            let pumped = tokio::select! {
                pumped = self.net.pump_until(&mut until) => pumped,
                pumped = self.asking.pump() => pumped.map(|()| Pumped::Moved),
            };
            if let Pumped::Interrupted(()) = pumped.map_err(told)? {
                return Ok(());
            }
            for net in [&mut self.net, &mut self.asking] {
                while let Some(asked) = net.driver_mut().poll_decide() {
                    let now = net.now();
                    let decision = decide(&asked.question, &mut guests);
                    net.driver_mut().decide(now, asked.id, decision);
                }
                while net.driver_mut().poll_event().is_some() {}
            }
        }
    }
}

/// A server in a thread of its own; it ends with this.
#[derive(Debug)]
pub struct Running {
    /// Where the one that decides by itself listens.
    pub address: SocketAddr,
    /// Where the one that asks a linked service takes its clients.
    pub clients: SocketAddr,
    /// Where it takes its services.
    pub services: SocketAddr,
    /// Their certificate, in PEM.
    pub certificate: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// Starts the server of this name, twice as [`Ready::bind`] does, in a thread.
///
/// # Errors
///
/// Why it cannot be started.
pub fn start(name: &str, listen: SocketAddr, token: &str) -> Result<Running, String> {
    let (stop, stopped) = oneshot::channel::<()>();
    let (told, hears) = mpsc::channel();
    let (name, token) = (name.to_owned(), token.to_owned());
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            match Ready::bind(&name, listen, &token) {
                Ok(ready) => {
                    let addresses = [ready.address, ready.clients, ready.services];
                    let _ = told.send(Ok((addresses, ready.certificate.clone())));
                    let done = async { drop(stopped.await) };
                    if let Err(error) = ready.serve(done).await {
                        eprintln!("duet-mutant {name}: {error}");
                    }
                }
                Err(error) => drop(told.send(Err(error))),
            }
        });
    });
    let ([address, clients, services], certificate) =
        hears.recv().map_err(|error| error.to_string())??;
    Ok(Running {
        address,
        clients,
        services,
        certificate,
        stop: Some(stop),
        thread: Some(thread),
    })
}
