//! The loop: a driver on a socket, under tokio.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use duet_protocol::io::Core;
use duet_protocol::time::Instant;
use quinn_proto::EcnCodepoint;
use tracing::debug;

use crate::driver::{Datagram, Door, Driver, Heading};
use crate::socket::{Packet, Received, Socket};

/// Receive calls before what they caused is sent: a flood must not keep the answers back.
const RECEIVES_PER_PUMP: usize = 8;

/// Bytes of packets that wait for the socket; past that, packets are no longer taken from the driver.
const MAX_OUTBOX: usize = 1 << 20;

/// A driver on a socket.
///
/// The caller's loop is: [`Loop::pump`], then drain events and decisions of [`Loop::driver`], give commands, and pump
/// again. What commands cause is sent by the next pump.
pub struct Loop<C: Core, S> {
    driver: Driver<C>,
    clients: Port<S>,
    /// A second socket, for services.
    services: Option<Port<S>>,
    received: Vec<Received>,
}

/// A socket, and what waits for it.
struct Port<S> {
    socket: S,
    /// Packets that wait to be sent, as ranges of one buffer.
    outbox: VecDeque<Waiting>,
    contents: Vec<u8>,
    blocked: bool,
}

struct Waiting {
    remote: SocketAddr,
    ecn: Option<EcnCodepoint>,
    range: Range<usize>,
}

/// Why a pump has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped<T> {
    /// The network or a deadline had something for the driver.
    Moved,
    /// The caller's own future is done, with this.
    Interrupted(T),
}

/// The present, by the clock that the loop waits by: tokio's, which tests may pause and simulations govern. An
/// [epoch](Driver::epoch) that a loop is to count from is read here.
pub fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

impl<C: Core, S: Socket> Loop<C, S> {
    /// A loop; tells the driver the system's wall clock.
    ///
    /// # Panics
    ///
    /// As [`Loop::at`].
    pub fn new(driver: Driver<C>, socket: S) -> Self {
        Self::at(driver, socket, SystemTime::now())
    }

    /// A loop for which it is this time by the wall clock.
    ///
    /// # Panics
    ///
    /// If the driver was made for a simulation: its secrets may be known.
    pub fn at(driver: Driver<C>, socket: S, wall_clock: SystemTime) -> Self {
        assert!(
            !driver.is_simulated(),
            "a driver that was made with a `Simulation` does not go on a socket"
        );
        let mut this = Self {
            driver,
            clients: Port::new(socket),
            services: None,
            received: Vec::new(),
        };
        this.set_wall_clock(wall_clock);
        this
    }

    /// The same, with a second socket for services: [`Door::Services`].
    #[must_use]
    pub fn with_services(self, socket: S) -> Self {
        let services = Some(Port::new(socket));
        Self { services, ..self }
    }

    /// The driver's time, now.
    pub fn now(&self) -> Instant {
        let elapsed = now().saturating_duration_since(self.driver.epoch());
        Instant::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
    }

    /// The driver.
    pub fn driver(&self) -> &Driver<C> {
        &self.driver
    }

    /// The driver, for events, decisions and commands; give them [`Loop::now`].
    pub fn driver_mut(&mut self) -> &mut Driver<C> {
        &mut self.driver
    }

    /// Gives the core a command, now.
    pub fn command<R>(&mut self, command: impl FnOnce(&mut C, Instant) -> R) -> R {
        let now = self.now();
        self.driver.command(now, command)
    }

    /// Tells the driver the system's wall clock; again after each step of that clock.
    pub fn tell_wall_clock(&mut self) {
        self.set_wall_clock(SystemTime::now());
    }

    fn set_wall_clock(&mut self, wall_clock: SystemTime) {
        let unix = wall_clock
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let now = self.now();
        let micros = u64::try_from(unix.as_micros()).unwrap_or(u64::MAX);
        self.driver.wall_clock(now, micros);
    }

    /// The address of the socket.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.clients.socket.local_addr()
    }

    /// The address of the services' socket, where there is one.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    pub fn services_addr(&self) -> io::Result<Option<SocketAddr>> {
        let services = self.services.as_ref();
        services.map(|port| port.socket.local_addr()).transpose()
    }

    /// Sends what there is, waits for the network or a deadline, and lets the driver have it. Dropping the future
    /// loses nothing.
    ///
    /// # Errors
    ///
    /// If the socket is beyond use. What the network reports about single peers is not an error.
    pub async fn pump(&mut self) -> io::Result<()> {
        self.pump_until(std::future::pending::<()>()).await?;
        Ok(())
    }

    /// As [`Loop::pump`], but returns also when the caller's future is done: a channel, a notification, a signal.
    ///
    /// # Errors
    ///
    /// As [`Loop::pump`].
    pub async fn pump_until<T>(
        &mut self,
        interruption: impl Future<Output = T>,
    ) -> io::Result<Pumped<T>> {
        self.send()?;
        let due = self.driver.deadline().map(|(at, _)| self.system_time(at));
        let deadline = pin!(async {
            match due {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        });
        let services = async {
            match &self.services {
                Some(port) => port.ready().await,
                None => std::future::pending().await,
            }
        };
        let pumped = tokio::select! {
            biased;
            answer = interruption => Pumped::Interrupted(answer),
            ready = self.clients.ready() => { ready?; Pumped::Moved }
            ready = services => { ready?; Pumped::Moved }
            () = deadline => Pumped::Moved,
        };
        self.receive(Door::Clients)?;
        self.receive(Door::Services)?;
        let now = self.now();
        if self.driver.deadline().is_some_and(|(at, _)| at <= now) {
            self.driver.wake(now);
        }
        self.send()?;
        Ok(pumped)
    }

    fn system_time(&self, at: Instant) -> std::time::Instant {
        self.driver.epoch() + Duration::from_micros(at.as_micros())
    }

    fn receive(&mut self, door: Door) -> io::Result<()> {
        for _ in 0..RECEIVES_PER_PUMP {
            let port = match (door, &mut self.services) {
                (Door::Clients, _) => &mut self.clients,
                (Door::Services, Some(port)) => port,
                (Door::Services, None) => return Ok(()),
            };
            match port.socket.recv_batch(&mut self.received) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if passing(&error) => {
                    debug!(%error, "receive");
                    continue;
                }
                Err(error) => return Err(error),
            }
            // One time stamp a batch: the packets of one were all there when the call returned.
            let at = self.now();
            for Received { remote, bytes, ecn } in self.received.drain(..) {
                let datagram = Datagram {
                    remote,
                    bytes,
                    ecn,
                    at,
                };
                self.driver.receive_by(at, door, datagram);
            }
        }
        Ok(())
    }

    /// Sends what waits and what the driver has, until either is out or a socket is full.
    fn send(&mut self) -> io::Result<()> {
        let now = self.now();
        loop {
            let full = self.collect(now);
            self.clients.send()?;
            if let Some(services) = &mut self.services {
                services.send()?;
            }
            if !full || self.clients.blocked {
                return Ok(());
            }
        }
    }

    /// Takes packets from the driver; whether it may have more.
    fn collect(&mut self, now: Instant) -> bool {
        while self.clients.contents.len() < MAX_OUTBOX {
            let start = self.clients.contents.len();
            let Some(heading) = self.driver.transmit_into(now, &mut self.clients.contents) else {
                return false;
            };
            match (heading.door, &mut self.services) {
                (Door::Services, Some(services)) => {
                    let packet = self.clients.contents.get(start..).unwrap_or_default();
                    // Past the bound it is lost, as on any full link: the clients need not wait for the services.
                    if services.contents.len() < MAX_OUTBOX {
                        let from = services.contents.len();
                        services.contents.extend_from_slice(packet);
                        services.push(heading, from);
                    }
                    self.clients.contents.truncate(start);
                }
                _ => self.clients.push(heading, start),
            }
        }
        true
    }
}

impl<S: Socket> Port<S> {
    fn new(socket: S) -> Self {
        Self {
            socket,
            outbox: VecDeque::new(),
            contents: Vec::new(),
            blocked: false,
        }
    }

    /// Waits until there may be something to receive, or room for what waits.
    async fn ready(&self) -> io::Result<()> {
        if !self.blocked {
            return self.socket.readable().await;
        }
        tokio::select! {
            biased;
            readable = self.socket.readable() => readable,
            writable = self.socket.writable() => writable,
        }
    }

    /// The bytes from there to the end are a packet.
    fn push(&mut self, heading: Heading, start: usize) {
        self.outbox.push_back(Waiting {
            remote: heading.remote,
            ecn: heading.ecn,
            range: start..self.contents.len(),
        });
    }

    /// Sends what waits, until it is out or the socket is full.
    fn send(&mut self) -> io::Result<()> {
        self.blocked = false;
        self.outbox
            .make_contiguous()
            .sort_by_key(|waiting| waiting.ecn.map(|ecn| ecn as u8));
        while !self.outbox.is_empty() {
            let packets: Vec<Packet<'_>> = self
                .outbox
                .iter()
                .map(|waiting| Packet {
                    remote: waiting.remote,
                    bytes: self.contents.get(waiting.range.clone()).unwrap_or_default(),
                    ecn: waiting.ecn,
                })
                .collect();
            match self.socket.send_batch(&packets) {
                Ok(sent) => drop(self.outbox.drain(..sent.max(1).min(packets.len()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(());
                }
                Err(error) if passing(&error) => {
                    // About the first packet, or an earlier one to its peer: QUIC sends again what matters.
                    debug!(%error, "send");
                    self.outbox.pop_front();
                }
                Err(error) => return Err(error),
            }
        }
        self.contents.clear();
        Ok(())
    }
}

/// Whether an error says something about a peer, a packet or the moment, and nothing about the socket.
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    !matches!(
        error.kind(),
        Kind::NotConnected | Kind::Unsupported | Kind::BrokenPipe
    ) && error.raw_os_error() != Some(BAD_DESCRIPTOR)
}

/// EBADF, on every system that has file descriptors.
const BAD_DESCRIPTOR: i32 = 9;
