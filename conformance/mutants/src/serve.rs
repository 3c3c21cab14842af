//! Serving a mutant over QUIC: guests may log in, every room and call is allowed, nobody has an account.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use duet_protocol::code::Code;
use duet_protocol::id::UserId;
use duet_protocol::io::{ConnId, Core, Deadline, Input, Output};
use duet_protocol::seed::Seed;
use duet_protocol::server::{Config, Server};
use duet_protocol::service::{Decision, Proof, Question};
use duet_protocol::time::Instant;
use duet_quic::{Driver, Identity, Loop, Pumped, ServerSettings, UdpSocket};
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
fn core(name: &str, seed: [u8; 32]) -> Result<Served, String> {
    if let Some(null) = Null::find(name) {
        return Ok(Served::Null(null));
    }
    let row = crate::find(name);
    if row.is_none() && name != "none" {
        return Err(format!(
            "no mutant is called {name:?}; see `duet-mutant list`"
        ));
    }
    let server = Server::new(Arc::new(Config::default()), Seed(seed), Instant::EPOCH);
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

/// A server that is about to run.
pub struct Ready {
    net: Loop<Served, UdpSocket>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate, in PEM.
    pub certificate: String,
}

impl Ready {
    /// Binds the server of this name. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Why it cannot be bound.
    pub fn bind(name: &str, listen: SocketAddr) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let names = ["localhost", "127.0.0.1", "::1"];
        let identity = Identity::ecdsa_p256_dev(&names).map_err(|error| told(&error))?;
        let certificate = identity.certificate_pem().to_owned();
        // The digits of a fresh certificate are as good a seed as any: nothing here is worth guessing.
        let seed = identity.fingerprint().0;
        let core = core(name, seed)?;
        let settings = ServerSettings::new(identity);
        let driver = Driver::server(settings, core, seed, std::time::Instant::now())
            .map_err(|error| told(&error))?;
        let socket = UdpSocket::bind(listen).map_err(|error| told(&error))?;
        let net = Loop::new(driver, socket);
        let address = net.local_addr().map_err(|error| told(&error))?;
        Ok(Self {
            net,
            address,
            certificate,
        })
    }

    /// Serves until that is done.
    ///
    /// # Errors
    ///
    /// Why the socket is beyond use.
    pub async fn serve(mut self, until: impl Future<Output = ()>) -> Result<(), String> {
        let mut until = std::pin::pin!(until);
        let mut guests = 0;
        loop {
            let pumped = self
                .net
                .pump_until(&mut until)
                .await
                .map_err(|error| error.to_string())?;
            if let Pumped::Interrupted(()) = pumped {
                return Ok(());
            }
            while let Some(asked) = self.net.driver_mut().poll_decide() {
                let now = self.net.now();
                let decision = decide(&asked.question, &mut guests);
                self.net.driver_mut().decide(now, asked.id, decision);
            }
            while self.net.driver_mut().poll_event().is_some() {}
        }
    }
}

/// A server in a thread of its own; it ends with this.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate, in PEM.
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

/// Starts the server of this name in a thread.
///
/// # Errors
///
/// Why it cannot be started.
pub fn start(name: &str, listen: SocketAddr) -> Result<Running, String> {
    let (stop, stopped) = oneshot::channel::<()>();
    let (told, hears) = mpsc::channel();
    let name = name.to_owned();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            match Ready::bind(&name, listen) {
                Ok(ready) => {
                    let _ = told.send(Ok((ready.address, ready.certificate.clone())));
                    let done = async { drop(stopped.await) };
                    if let Err(error) = ready.serve(done).await {
                        eprintln!("duet-mutant {name}: {error}");
                    }
                }
                Err(error) => drop(told.send(Err(error))),
            }
        });
    });
    let (address, certificate) = hears.recv().map_err(|error| error.to_string())??;
    Ok(Running {
        address,
        certificate,
        stop: Some(stop),
        thread: Some(thread),
    })
}
