//! What runs on the hosts.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use duet_protocol::client::{Client, Config, Credentials, Event};
use duet_protocol::id::{CallId, RoomId};
use duet_protocol::message::Media;
use duet_protocol::seed::Seed;
use duet_protocol::server;
use duet_protocol::time::Instant;
use duet_protocol::wire::Address;
use duet_quic::{
    CertError, ClientSettings, Driver, Fingerprint, Identity, Loop, ServerSettings,
    SimulatedSocket, Trust,
};
use duet_sim::{Stream, Time};

use super::course::{self, SERVER};
use super::witness::{Witness, now};
use crate::accounts::Accounts;
use crate::invariants::Act;
use crate::script::{Kind, Op, To};
use crate::service::Service;
use crate::serving::{Seeds, Serving};

/// The name that the server's certificate is for.
const NAME: &str = "duet.test";

/// The server's port.
const PORT: u16 = 4433;

/// How long a callee is rung.
const RING: Duration = Duration::from_secs(30);

/// What the server's host has on its disk.
pub(super) struct Disk {
    /// Of its certificate.
    pub(super) key: [u8; 32],
    pub(super) accounts: Accounts,
}

impl Disk {
    fn identity(&self) -> Result<Identity, CertError> {
        Identity::ed25519(self.key, &[NAME])
    }

    pub(super) fn fingerprint(&self) -> Result<Fingerprint, CertError> {
        self.identity().map(|identity| identity.fingerprint())
    }
}

/// The wall clock of the run.
fn wall_clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + turmoil::since_epoch().unwrap_or_default()
}

/// The server, as `duet serve` runs it, until it is killed. `seeds` are those of this process.
pub(super) async fn server(
    disk: Rc<Disk>,
    mut seeds: Stream,
    witness: Rc<RefCell<Witness>>,
) -> turmoil::Result {
    let service = Service::new(disk.accounts.clone(), true);
    let seeds = Seeds {
        core: seeds.bytes32(),
        quic: seeds.bytes32(),
    };
    let mut serving = Serving::new(
        server::Config::default(),
        ServerSettings::new(disk.identity()?),
        service,
        seeds,
        SimulatedSocket::bind(PORT).await?,
        wall_clock(),
    )?;
    let tell = |event: &server::Event| {
        let mut witness = witness.borrow_mut();
        witness.note(now(), format_args!("{SERVER} tells {event:?}"));
    };
    serving.until(pending::<()>(), tell).await?;
    Ok(())
}

/// What a client does, and when.
pub(super) type Agenda = Rc<RefCell<VecDeque<(Time, Op)>>>;

/// A client of a process.
pub(super) struct Application {
    who: usize,
    client: course::Client,
    net: Loop<Client, SimulatedSocket>,
    witness: Rc<RefCell<Witness>>,
    rooms: BTreeMap<String, RoomId>,
    call: Option<CallId>,
}

impl Application {
    /// One that has done nothing yet.
    pub(super) async fn new(
        (who, client): (usize, course::Client),
        server: Fingerprint,
        mut seeds: Stream,
        witness: Rc<RefCell<Witness>>,
    ) -> turmoil::Result<Self> {
        let config = Config {
            device: client.name.clone(),
            ..Config::default()
        };
        let core = Client::new(Arc::new(config), Seed(seeds.bytes32()), Instant::EPOCH);
        let settings = ClientSettings {
            server: SocketAddr::new(turmoil::lookup(SERVER), PORT),
            server_name: NAME.to_owned(),
            trust: Trust::Fingerprint(server),
        };
        let driver = Driver::client(settings, core, seeds.bytes32(), duet_quic::now())?;
        let socket = SimulatedSocket::bind(0).await?;
        Ok(Self {
            who,
            client,
            net: Loop::at(driver, socket, wall_clock()),
            witness,
            rooms: BTreeMap::new(),
            call: None,
        })
    }

    /// Does what is to be done, each thing in its time, until it is killed. What was before its time is not done.
    pub(super) async fn run(mut self, agenda: Agenda) -> turmoil::Result {
        let started = now();
        agenda.borrow_mut().retain(|(at, _)| *at >= started);
        loop {
            let next = agenda.borrow().front().map(|(at, _)| at.since(now()));
            self.net
                .pump_until(async {
                    match next {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => pending().await,
                    }
                })
                .await?;
            self.listen();
            while let Some((_, action)) = due(&agenda) {
                self.act(action);
                self.listen();
            }
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.net.driver_mut().poll_event() {
            self.witness.borrow_mut().told(self.who, &event);
            match event {
                Event::Joined { room, name, .. } => {
                    self.rooms.insert(name, room);
                }
                Event::Incoming { call, media, .. } if self.call.is_none() => {
                    let accepted = self
                        .net
                        .command(|core, now| core.accept(now, call, media, Vec::new()));
                    if accepted.is_ok() {
                        self.call = Some(call);
                        self.did(Act::Accept { call });
                    }
                }
                Event::Ended { call, .. } if self.call == Some(call) => self.call = None,
                _ => {}
            }
        }
    }

    fn did(&self, act: Act<'_>) {
        self.witness.borrow_mut().did(now(), self.who, act);
    }

    /// Does something, if it can be done at present.
    fn act(&mut self, action: Op) {
        match action {
            Op::LogIn => {
                let name = self.client.name.clone();
                let credentials = match self.client.password.clone() {
                    Some(password) => Credentials::Password { name, password },
                    None => Credentials::Guest(name),
                };
                if self
                    .net
                    .command(|core, now| core.login(now, credentials))
                    .is_ok()
                {
                    self.did(Act::LogIn);
                }
            }
            Op::LogOut => {
                self.did(Act::LogOut);
                self.net.command(Client::logout);
            }
            Op::Join(name) => {
                let asked = self.net.command(|core, now| core.join(now, &name, b""));
                if let Ok(request) = asked {
                    let name = &name;
                    self.did(Act::Join { request, name });
                }
            }
            Op::Leave(name) => {
                let Some(room) = self.rooms.remove(&name) else {
                    return;
                };
                let asked = self.net.command(|core, now| core.leave(now, room));
                if let Ok(request) = asked {
                    self.did(Act::Leave { request, room });
                }
            }
            Op::Send(kind, to, size) => self.send(kind, &to, size),
            Op::Call(whom, _) => {
                let Some((user, _)) = self.witness.borrow().known(whom) else {
                    return;
                };
                let media = Media::CALLER_AUDIO.with(Media::CALLEE_AUDIO);
                let called = self
                    .net
                    .command(|core, now| core.invite(now, user, media, RING, Vec::new()));
                if let Ok(call) = called {
                    self.call = Some(call);
                    self.did(Act::Invite { call });
                }
            }
            Op::HangUp => {
                if let Some(call) = self.call {
                    // Where the call has just ended there is nothing left to end.
                    let _ = self.net.command(|core, now| core.hang_up(now, call));
                }
            }
        }
    }

    fn send(&mut self, kind: Kind, to: &To, size: usize) {
        let to = match to {
            To::User(whom) => self
                .witness
                .borrow()
                .known(*whom)
                .map(|(user, _)| Address::User(user)),
            To::Session(whom) => self
                .witness
                .borrow()
                .known(*whom)
                .map(|(_, session)| Address::Session(session)),
            To::Room(name) => self.rooms.get(name).map(|room| Address::Room(*room)),
        };
        let Some(to) = to else { return };
        let body = self.witness.borrow_mut().body(self.who, size);
        let sent = self.net.command(|core, now| match kind {
            Kind::Text => core.text(now, to, &body),
            Kind::Data => core.data(now, to, body.as_bytes()),
        });
        if let Ok(request) = sent {
            let body = body.as_bytes();
            self.did(Act::Send { request, to, body });
        }
    }
}

/// The next thing to do, if its time has come.
fn due(agenda: &Agenda) -> Option<(Time, Op)> {
    let mut agenda = agenda.borrow_mut();
    match agenda.front() {
        Some((at, _)) if *at <= now() => agenda.pop_front(),
        _ => None,
    }
}
