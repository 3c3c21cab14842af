//! What runs on the nodes of a simulated network.

use std::rc::Rc;

use duet_protocol::client::Client;
use duet_protocol::service;
use duet_quic::{SERVICE_PORT, SimEndpoint};
use duet_sim::Time;
use duet_sim::net::{Datagram, Host, Ports};

use super::actor::Actor;
use super::{ServerCore, instant};
use crate::flows::FlowEnd;
use crate::party::Record;
use crate::script::Op;
use crate::service::Service;

/// The port of every program.
pub(super) const PORT: u16 = 4433;

/// A node at the edge: a program of Duet's, if one runs there, and ends of flows.
pub(super) struct Site {
    pub(super) program: Program,
    pub(super) traffic: Ports<FlowEnd>,
    /// The port of the program.
    pub(super) port: u16,
}

/// A program of Duet's.
pub(super) enum Program {
    /// None: only flows end here.
    None,
    /// A client with its application.
    Client(Box<ClientHost>),
    /// The server with its embedded service.
    Server(Box<ServerHost>),
    /// A business service, linked to the server.
    Service(Box<ServiceHost>),
    /// A killed process: it hears nothing and says nothing; what it had done is kept.
    /// Beside it, what its application had left to do.
    Killed(Vec<Record>, Vec<(Time, Op)>),
}

pub(super) struct ClientHost {
    pub(super) endpoint: SimEndpoint<Client>,
    pub(super) actor: Actor,
}

pub(super) struct ServerHost {
    pub(super) endpoint: SimEndpoint<ServerCore>,
    /// Decides what no linked service is asked.
    pub(super) service: Rc<Service>,
}

pub(super) struct ServiceHost {
    pub(super) endpoint: SimEndpoint<service::client::Service>,
    /// What it knows outlives its process, as a database does.
    pub(super) service: Rc<Service>,
    /// Whether it has begun to link.
    pub(super) started: bool,
}

impl ServiceHost {
    fn advance(&mut self, now: Time) {
        let driver = &mut self.endpoint.driver;
        if !std::mem::replace(&mut self.started, true) {
            driver.command(instant(now), |core, now| core.start(now));
        }
        while let Some(event) = driver.poll_event() {
            if let service::client::Event::Question { question, what, .. } = event {
                let decision = self.service.decide(&what);
                // It may be too late.
                let _ = driver.command(instant(now), |core, now| {
                    core.answer(now, question, decision)
                });
            }
        }
    }
}

impl ServerHost {
    fn advance(&mut self, now: Time) {
        let driver = &mut self.endpoint.driver;
        while let Some(decide) = driver.poll_decide() {
            let decision = self.service.decide(&decide.question);
            driver.decide(instant(now), decide.id, decision);
        }
        while driver.poll_event().is_some() {}
    }
}

impl ClientHost {
    fn advance(&mut self, now: Time) {
        self.actor.advance(&mut self.endpoint.driver, now);
    }
}

impl Host for Program {
    fn deadline(&self) -> Option<Time> {
        match self {
            Self::None | Self::Killed(..) => None,
            Self::Server(host) => Host::deadline(&host.endpoint),
            Self::Service(host) if !host.started => Some(Time::ZERO),
            Self::Service(host) => Host::deadline(&host.endpoint),
            Self::Client(host) => {
                let endpoint = Host::deadline(&host.endpoint);
                endpoint.into_iter().chain(host.actor.deadline()).min()
            }
        }
    }

    fn wake(&mut self, now: Time) {
        match self {
            Self::None | Self::Killed(..) => {}
            Self::Server(host) => {
                Host::wake(&mut host.endpoint, now);
                host.advance(now);
            }
            Self::Service(host) => {
                Host::wake(&mut host.endpoint, now);
                host.advance(now);
            }
            Self::Client(host) => {
                Host::wake(&mut host.endpoint, now);
                host.advance(now);
            }
        }
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        match self {
            Self::None | Self::Killed(..) => {}
            Self::Server(host) => {
                Host::receive(&mut host.endpoint, now, datagram);
                host.advance(now);
            }
            Self::Service(host) => {
                Host::receive(&mut host.endpoint, now, datagram);
                host.advance(now);
            }
            Self::Client(host) => {
                Host::receive(&mut host.endpoint, now, datagram);
                host.advance(now);
            }
        }
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        match self {
            Self::None | Self::Killed(..) => None,
            Self::Server(host) => Host::transmit(&mut host.endpoint, now),
            Self::Service(host) => Host::transmit(&mut host.endpoint, now),
            Self::Client(host) => Host::transmit(&mut host.endpoint, now),
        }
    }
}

impl Host for Site {
    fn deadline(&self) -> Option<Time> {
        let program = self.program.deadline();
        program.into_iter().chain(self.traffic.deadline()).min()
    }

    fn wake(&mut self, now: Time) {
        if self.program.deadline().is_some_and(|at| at <= now) {
            self.program.wake(now);
        }
        self.traffic.wake(now);
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        if [self.port, SERVICE_PORT].contains(&datagram.destination.port()) {
            self.program.receive(now, datagram);
        } else {
            self.traffic.receive(now, datagram);
        }
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        let program = self.program.transmit(now);
        program.or_else(|| self.traffic.transmit(now))
    }
}
