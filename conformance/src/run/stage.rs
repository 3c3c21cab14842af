//! One running case: its connections, what came on them, and what its names stand for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::io::{Cause, ConnId, Purpose};
use duet_protocol::message;
use duet_protocol::time::Instant;
use duet_protocol::wire::{Flags, Frame, FrameHeader, Value, encode_dynamic, is_ignorable};
use duet_quic::{ClientSettings, Driver, Identity, Loop, ServerSettings, Trust, UdpSocket};
use duet_sim::Stream;
use tokio::sync::watch;

use super::core::{Heard, What, WireCore};
use super::log::{Entry, Happened, cause};
use super::payload::{Arrived, Ended};
use crate::case::expr::{Bindings, Expr};
use crate::case::step::{FrameSpec, Wanted};
use duet_quic::frames as render;

/// Where the server is and how it is known.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The name that its certificate has to be valid for.
    pub name: String,
    /// Its certificate, or the root of it, in PEM.
    pub ca: Vec<u8>,
    /// The server for cases that play a service, if there is one.
    pub service: Option<ServiceTarget>,
}

/// A server of which the harness plays the service: known as the other one, but one that asks its linked service
/// everything, and that nobody else uses meanwhile.
#[derive(Clone, Debug)]
pub struct ServiceTarget {
    /// Where its clients connect.
    pub clients: SocketAddr,
    /// Where its services do.
    pub services: SocketAddr,
    /// A token that allows everything.
    pub token: Vec<u8>,
}

/// A step that did not go as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub came: String,
}

/// Why a case stops.
#[derive(Debug)]
pub(crate) enum Stop {
    Fault(Fault),
    Interrupted,
    /// The harness cannot go on: its own fault, or the system's.
    Broken(String),
}

pub(crate) fn fault<T>(expected: impl Into<String>, came: impl Into<String>) -> Result<T, Stop> {
    let (expected, came) = (expected.into(), came.into());
    Err(Stop::Fault(Fault { expected, came }))
}

#[derive(Clone, Debug)]
pub(crate) enum State {
    Connecting,
    Open,
    Closed(Cause),
}

/// A connection by its name in the case.
pub(crate) struct Line {
    pub(crate) conn: ConnId,
    pub(crate) state: State,
    pub(crate) queue: VecDeque<(Instant, Frame)>,
    pub(crate) datagrams: VecDeque<Bytes>,
    /// Streams that the server opened, and that no step has taken yet.
    pub(crate) streams: BTreeMap<u32, Arrived>,
    /// Whether the case lets such streams lie.
    pub(crate) any_streams: bool,
    pub(crate) garbled: Option<String>,
    /// Whether a session is on it.
    pub(crate) online: bool,
    /// Whether the case has ended this side's stream.
    pub(crate) finished: bool,
    /// Whether the case wants it closed.
    pub(crate) close_wanted: bool,
}

impl Line {
    /// A connection that is coming about.
    fn of(conn: ConnId) -> Self {
        Self {
            conn,
            state: State::Connecting,
            queue: VecDeque::new(),
            datagrams: VecDeque::new(),
            streams: BTreeMap::new(),
            any_streams: false,
            garbled: None,
            online: false,
            finished: false,
            close_wanted: false,
        }
    }
}

/// One running case.
pub(crate) struct Stage {
    pub(crate) net: Loop<WireCore, UdpSocket>,
    pub(crate) lines: BTreeMap<String, Line>,
    names: BTreeMap<ConnId, String>,
    /// The actors that are services, and where those connect.
    services: BTreeSet<String>,
    services_at: String,
    /// Who is to connect to the harness, where that plays the server.
    awaited: Option<String>,
    pub(crate) bound: Bindings,
    pub(crate) permitted: Vec<Wanted>,
    pub(crate) log: Vec<Entry>,
    pub(crate) random: Stream,
    pub(crate) slack: u32,
    interrupted: watch::Receiver<bool>,
}

/// Kinds that may come at any time without being asked for.
pub(crate) fn is_ambient(kind: u16) -> bool {
    let name = message::schema(kind).map(|schema| schema.name);
    is_ignorable(kind)
        || matches!(
            name,
            Some("ACK" | "PING" | "PONG" | "MEDIA_TICKET" | "CONTACTS")
        )
}

impl Stage {
    pub(crate) fn new(
        target: &Target,
        services: BTreeSet<String>,
        mut random: Stream,
        slack: u32,
        interrupted: watch::Receiver<bool>,
    ) -> Result<Self, Stop> {
        let mut bound = Bindings::new();
        let (server, services_at) = match &target.service {
            Some(service) if !services.is_empty() => {
                let token = Value::Bytes(service.token.clone());
                bound.insert("service.token".to_owned(), token);
                (service.clients, service.services.to_string())
            }
            _ => (target.address, String::new()),
        };
        let settings = ClientSettings {
            server,
            server_name: target.name.clone(),
            trust: Trust::Roots(target.ca.clone()),
        };
        let broken = |error: &dyn std::fmt::Display| Stop::Broken(error.to_string());
        let epoch = std::time::Instant::now();
        let mut driver = Driver::client(settings, WireCore::default(), random.bytes32(), epoch)
            .map_err(|error| broken(&error))?;
        driver.give_whole_streams();
        let any: SocketAddr = match server.is_ipv4() {
            true => ([0, 0, 0, 0], 0).into(),
            false => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).map_err(|error| broken(&error))?;
        Ok(Self {
            services,
            services_at,
            bound,
            ..Self::empty(Loop::new(driver, socket), random, slack, interrupted)
        })
    }

    /// A stage on which the harness plays the server.
    pub(crate) fn serving(
        identity: Identity,
        token: &str,
        mut random: Stream,
        slack: u32,
        interrupted: watch::Receiver<bool>,
    ) -> Result<Self, Stop> {
        let broken = |error: &dyn std::fmt::Display| Stop::Broken(error.to_string());
        let (settings, epoch) = (ServerSettings::new(identity), std::time::Instant::now());
        let mut driver = Driver::server(settings, WireCore::default(), random.bytes32(), epoch)
            .map_err(|error| broken(&error))?;
        driver.give_whole_streams();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = UdpSocket::bind(any).map_err(|error| broken(&error))?;
        let mut stage = Self::empty(Loop::new(driver, socket), random, slack, interrupted);
        let token = Value::Bytes(token.as_bytes().to_vec());
        stage.bound.insert("service.token".to_owned(), token);
        Ok(stage)
    }

    fn empty(
        net: Loop<WireCore, UdpSocket>,
        random: Stream,
        slack: u32,
        interrupted: watch::Receiver<bool>,
    ) -> Self {
        Self {
            net,
            lines: BTreeMap::new(),
            names: BTreeMap::new(),
            services: BTreeSet::new(),
            services_at: String::new(),
            awaited: None,
            bound: Bindings::new(),
            permitted: Vec::new(),
            log: Vec::new(),
            random,
            slack,
            interrupted,
        }
    }

    /// Waits until the one that is judged has connected.
    pub(crate) async fn accept(&mut self, name: &str, within: Duration) -> Result<(), Stop> {
        self.awaited = Some(name.to_owned());
        let until = self.deadline(within);
        while !self.lines.contains_key(name) {
            if !self.pump(until).await? {
                let expected = format!("{name} connects");
                return fault(expected, "no connection came about in time");
            }
        }
        Ok(())
    }

    pub(crate) fn note(&mut self, line: &str, what: Happened) {
        let at = self.net.now();
        self.log.push(Entry {
            at,
            line: line.to_owned(),
            what,
        });
    }

    pub(crate) fn line(&self, name: &str) -> Result<&Line, Stop> {
        match self.lines.get(name) {
            Some(line) => Ok(line),
            None => fault(format!("a connection {name}"), "the case has not opened it"),
        }
    }

    pub(crate) fn line_mut(&mut self, name: &str) -> Result<&mut Line, Stop> {
        match self.lines.get_mut(name) {
            Some(line) => Ok(line),
            None => fault(format!("a connection {name}"), "the case has not opened it"),
        }
    }

    /// Takes what the core has heard.
    pub(crate) fn absorb(&mut self) {
        while let Some(Heard { at, conn, what }) = self.net.driver_mut().poll_event() {
            if let What::Connected = what
                && !self.names.contains_key(&conn)
                && let Some(name) = self.awaited.take()
            {
                self.lines.insert(name.clone(), Line::of(conn));
                self.names.insert(conn, name);
            }
            let Some(name) = self.names.get(&conn).cloned() else {
                continue;
            };
            // A connection that another has taken the name of is not of interest any more, but its end is.
            let line = self.lines.get_mut(&name).filter(|line| line.conn == conn);
            let happened = match what {
                What::Connected => {
                    if let Some(line) = line {
                        line.state = State::Open;
                    }
                    Happened::Connected
                }
                What::Frame(frame) => {
                    if let Some(line) = line {
                        let schema = message::schema(frame.header.kind);
                        line.online |= matches!(schema, Some(s) if s.name == "AUTHENTICATED" || s.name == "RESUMED");
                        line.queue.push_back((at, frame.clone()));
                    }
                    Happened::Received(frame)
                }
                What::Sent(frame) => Happened::Sent(frame),
                What::Garbled(error) => {
                    if let Some(line) = line {
                        line.garbled = Some(error.to_string());
                    }
                    Happened::Garbled(error.to_string())
                }
                What::Finished => Happened::ReceivedFin,
                What::Payload { stream, bytes, fin } => {
                    if let Some(line) = line {
                        let arrived = line.streams.entry(stream).or_default();
                        arrived.bytes.extend_from_slice(&bytes);
                        arrived.ended = fin.then_some(Ended::Fin);
                    }
                    Happened::ReceivedPayload(bytes.to_vec())
                }
                What::PayloadReset { stream } => {
                    if let Some(line) = line {
                        line.streams.entry(stream).or_default().ended = Some(Ended::Reset);
                    }
                    Happened::ReceivedReset
                }
                What::Datagram(bytes) => {
                    if let Some(line) = line {
                        line.datagrams.push_back(bytes.clone());
                    }
                    Happened::ReceivedDatagram(bytes.to_vec())
                }
                What::Closed(cause) => {
                    if let Some(line) = line {
                        line.state = State::Closed(cause.clone());
                        line.online = false;
                    }
                    Happened::Closed(cause)
                }
            };
            self.log.push(Entry {
                at,
                line: name,
                what: happened,
            });
        }
    }

    pub(crate) fn deadline(&self, within: Duration) -> std::time::Instant {
        std::time::Instant::now() + within * self.slack
    }

    /// Waits for anything to happen, at most until then; false where nothing did.
    pub(crate) async fn pump(&mut self, until: std::time::Instant) -> Result<bool, Stop> {
        let Self {
            net, interrupted, ..
        } = self;
        let enough = async {
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => false,
                _ = interrupted.wait_for(|yes| *yes) => true,
            }
        };
        let pumped = net.pump_until(enough).await;
        let pumped = pumped.map_err(|error| Stop::Broken(format!("the socket failed: {error}")))?;
        self.absorb();
        match pumped {
            duet_quic::Pumped::Interrupted(true) => Err(Stop::Interrupted),
            duet_quic::Pumped::Interrupted(false) => Ok(false),
            duet_quic::Pumped::Moved => Ok(true),
        }
    }

    /// Opens a connection and waits until it is there, or is refused.
    pub(crate) async fn connect(
        &mut self,
        name: &str,
        purpose: Purpose,
        counts: (u64, u64),
        within: Duration,
    ) -> Result<(), Stop> {
        self.note(name, Happened::Connecting);
        let (purpose, endpoint) = match self.services.contains(name) {
            true => (Purpose::Service, self.services_at.clone()),
            false => (purpose, String::new()),
        };
        let conn = self
            .net
            .command(|core, _| core.connect(purpose, endpoint, counts));
        self.names.insert(conn, name.to_owned());
        self.lines.insert(name.to_owned(), Line::of(conn));
        let until = self.deadline(within);
        loop {
            self.absorb();
            match &self.line(name)?.state {
                State::Open => return Ok(()),
                State::Closed(why) => {
                    return fault(format!("{name} is connected"), cause(why));
                }
                State::Connecting => {}
            }
            if !self.pump(until).await? {
                let expected = format!("{name} is connected");
                return fault(expected, "no connection came about in time");
            }
        }
    }

    /// A value of the case, or the fault of the case that has not bound it.
    pub(crate) fn value(&mut self, expr: &Expr) -> Result<Value, Stop> {
        self.refresh();
        match expr.value(&self.bound) {
            Ok(value) => Ok(value),
            Err(name) => fault(
                format!("${name} stands for something"),
                "nothing has bound it",
            ),
        }
    }

    /// The counts of the actors' sessions, as they are now.
    pub(crate) fn refresh(&mut self) {
        let core = self.net.driver().core();
        for (name, line) in &self.lines {
            if !matches!(line.state, State::Closed(_)) {
                let (received, sent) = core.counts(line.conn);
                self.bound
                    .insert(format!("{name}.received"), Value::Number(received));
                self.bound
                    .insert(format!("{name}.sent"), Value::Number(sent));
            }
        }
    }

    /// A frame's bytes.
    pub(crate) fn encode(&mut self, spec: &FrameSpec) -> Result<Vec<u8>, Stop> {
        let mut body = Vec::new();
        for (field, expr) in &spec.fields {
            if let Expr::Raw(bytes) = expr {
                body.extend_from_slice(bytes);
                continue;
            }
            let value = self.value(expr)?;
            let values = [(field.name.to_owned(), value)];
            let schema = std::slice::from_ref(*field);
            if let Err(name) = encode_dynamic(schema, &values, &mut body) {
                return fault(
                    format!("a value for `{name}`"),
                    "it stands for something that does not fit",
                );
            }
        }
        for (id, value) in &spec.params {
            body.extend_from_slice(&id.to_be_bytes());
            body.extend_from_slice(&(value.len() as u16).to_be_bytes());
            body.extend_from_slice(value);
        }
        body.extend_from_slice(&spec.tail);
        let mut bytes = Vec::with_capacity(body.len() + 8);
        FrameHeader {
            kind: spec.kind,
            flags: spec.flags,
            reserved: spec.reserved,
            length: spec.length.unwrap_or(body.len() as u32),
        }
        .write(&mut bytes);
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// Sends one whole frame.
    pub(crate) fn send(&mut self, name: &str, spec: &FrameSpec) -> Result<(), Stop> {
        let bytes = self.encode(spec)?;
        let conn = self.line(name)?.conn;
        let frame = Frame {
            header: FrameHeader {
                kind: spec.kind,
                flags: spec.flags,
                reserved: spec.reserved,
                length: (bytes.len() - 8) as u32,
            },
            body: Bytes::copy_from_slice(&bytes[8..]),
        };
        let whole = spec.length.is_none();
        if let Some((_, claimed)) = spec
            .fields
            .iter()
            .find(|(field, _)| field.name == "received")
            && message::schema(spec.kind).is_some_and(|schema| schema.name == "RESUME")
            && let Value::Number(received) = self.value(claimed)?
        {
            self.net.command(|core, _| core.claim(conn, received));
        }
        self.note(
            name,
            if whole {
                Happened::Sent(frame)
            } else {
                Happened::SentRaw(bytes.clone())
            },
        );
        self.write(conn, 0, bytes, false);
        self.count(conn, spec.flags);
        Ok(())
    }

    pub(crate) fn count(&mut self, conn: ConnId, flags: Flags) {
        self.net.command(|core, _| core.count(conn, flags));
    }

    pub(crate) fn write(&mut self, conn: ConnId, stream: u32, bytes: Vec<u8>, fin: bool) {
        self.net
            .command(|core, _| core.write(conn, stream, Bytes::from(bytes), fin));
    }

    pub(crate) fn close(&mut self, name: &str, code: Code) -> Result<(), Stop> {
        let line = self.line_mut(name)?;
        line.close_wanted = true;
        let conn = line.conn;
        self.note(name, Happened::Closing(code.to_string()));
        self.net.command(|core, _| core.close(conn, code));
        Ok(())
    }

    /// What is wrong with a line, so that nothing more can be expected of it.
    pub(crate) fn trouble(&self, name: &str) -> Option<String> {
        let line = self.lines.get(name)?;
        match (&line.garbled, &line.state) {
            (Some(why), _) => Some(format!("the server sent bytes that are no frames: {why}")),
            (None, State::Closed(why)) => Some(cause(why)),
            _ => None,
        }
    }

    /// Whether a frame is one that an earlier step permits.
    pub(crate) fn is_permitted(&self, line: &str, frame: &Frame) -> bool {
        let mut new = Bindings::new();
        self.permitted
            .iter()
            .filter(|wanted| wanted.line == line)
            .any(|wanted| self.fits(wanted, frame, &mut new))
    }

    /// Whether a frame is the one that is wanted.
    pub(crate) fn fits(&self, wanted: &Wanted, frame: &Frame, new: &mut Bindings) -> bool {
        if frame.header.kind != wanted.schema.kind {
            return false;
        }
        let Ok((schema, values)) = render::decode(frame) else {
            return false;
        };
        frame.header.flags.known() == schema.flags
            && wanted.fields.iter().all(|(field, matcher)| {
                let value = values.iter().find(|(name, _)| name == field.name);
                value.is_some_and(|(_, value)| matcher.fits(value, &self.bound, new))
            })
    }

    /// Draws a number below 2³¹.
    pub(crate) fn draw(&mut self) -> u64 {
        self.random.below(1 << 31)
    }

    /// Draws bytes.
    pub(crate) fn draw_bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.random.next_u64() as u8).collect()
    }
}
