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

use crate::driver::{Datagram, Driver};
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
    socket: S,
    received: Vec<Received>,
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

impl<C: Core, S: Socket> Loop<C, S> {
    /// A loop; tells the driver the wall clock.
    pub fn new(driver: Driver<C>, socket: S) -> Self {
        let mut this = Self {
            driver,
            socket,
            received: Vec::new(),
            outbox: VecDeque::new(),
            contents: Vec::new(),
            blocked: false,
        };
        this.tell_wall_clock();
        this
    }

    /// The driver's time, now.
    pub fn now(&self) -> Instant {
        let elapsed = self.driver.epoch().elapsed();
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
        let unix = SystemTime::now()
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
        self.socket.local_addr()
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
        let writable = async {
            match self.blocked {
                true => self.socket.writable().await,
                false => std::future::pending().await,
            }
        };
        let pumped = tokio::select! {
            biased;
            answer = interruption => Pumped::Interrupted(answer),
            readable = self.socket.readable() => { readable?; Pumped::Moved }
            writable = writable => { writable?; Pumped::Moved }
            () = deadline => Pumped::Moved,
        };
        self.receive()?;
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

    fn receive(&mut self) -> io::Result<()> {
        for _ in 0..RECEIVES_PER_PUMP {
            match self.socket.recv_batch(&mut self.received) {
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
                self.driver.receive(at, datagram);
            }
        }
        Ok(())
    }

    /// Sends what waits and what the driver has, until either is out or the socket is full.
    fn send(&mut self) -> io::Result<()> {
        let now = self.now();
        loop {
            self.collect(now);
            if self.outbox.is_empty() {
                self.blocked = false;
                return Ok(());
            }
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
        }
    }

    fn collect(&mut self, now: Instant) {
        while self.contents.len() < MAX_OUTBOX {
            let start = self.contents.len();
            let Some((remote, ecn)) = self.driver.transmit_into(now, &mut self.contents) else {
                return;
            };
            self.outbox.push_back(Waiting {
                remote,
                ecn,
                range: start..self.contents.len(),
            });
        }
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
