//! A service in virtual time: its own core, and a policy that answers what it is asked.

use std::collections::VecDeque;
use std::sync::Arc;

use duet_protocol::io::{Cause, ConnId, Core, Input, Output, StreamId};
use duet_protocol::message::service::Permissions;
use duet_protocol::seed::Seed;
use duet_protocol::service::client::{Config, Event, Service};
use duet_protocol::service::{Decide, DecisionId, LinkConfig, ServiceToken};
use duet_protocol::time::Instant;
use duet_sim::{LinkConfig as Road, NodeId, Stream};

use crate::support::{Host, Net, Policy, SERVER, Wire, capabilities, cut, lenient};

/// The token of these tests, which allows everything.
pub(crate) const TOKEN: &[u8] = b"a token of no value";
/// One that allows nothing but to decide.
pub(crate) const DECIDES: &[u8] = b"another token";

pub(crate) struct ServiceHost {
    pub(crate) core: Service,
    pub(crate) events: Vec<(Instant, Event)>,
    /// How it answers; a question that it gives `None` for stays open.
    pub(crate) policy: Policy,
    conn: Option<ConnId>,
    cuts: Stream,
    out: VecDeque<Wire>,
    /// A killed process: it says nothing and hears nothing.
    pub(crate) dead: bool,
}

/// Everything is decided by a linked service.
pub(crate) fn linked() -> LinkConfig {
    let decisions = Permissions::LOGIN
        .with(Permissions::DIRECTORY)
        .with(Permissions::JOIN)
        .with(Permissions::CALL);
    LinkConfig {
        tokens: vec![
            ServiceToken::new(DECIDES, decisions),
            ServiceToken::new(TOKEN, Permissions::ALL),
        ],
        asks: decisions,
    }
}

impl ServiceHost {
    pub(crate) fn drain(&mut self, now: Instant) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect { conn, purpose, .. } => {
                    self.conn = Some(conn);
                    self.out.push_back(Wire::Connect { conn, purpose });
                }
                Output::Open { .. } => {}
                Output::Splice { .. }
                | Output::Stop { .. }
                | Output::Reset { .. }
                | Output::Allow { .. } => panic!("a service has one stream"),
                Output::Write {
                    conn,
                    id,
                    bytes,
                    fin,
                } => self.out.push_back(Wire::Stream {
                    conn,
                    id,
                    bytes,
                    fin,
                }),
                Output::Close { conn, code } => {
                    self.conn = None;
                    self.out.push_back(Wire::Close { conn, code });
                }
                Output::Envelope { .. } | Output::Handover { .. } => panic!("no server"),
                Output::Decide(_) => panic!("a service asks nobody"),
                Output::Event(event) => {
                    if let Event::Question {
                        question,
                        deadline,
                        what,
                    } = &event
                    {
                        let decide = Decide {
                            id: DecisionId(*question),
                            deadline: *deadline,
                            question: what.clone(),
                        };
                        if let Some(decision) = (self.policy)(&decide) {
                            self.core
                                .answer(now, *question, decision)
                                .expect("in time and fitting");
                        }
                    }
                    self.events.push((now, event));
                }
            }
        }
    }

    pub(crate) fn receive(&mut self, now: Instant, packet: Wire) {
        let id = StreamId::FIRST_OF_CLIENT;
        match packet {
            Wire::Accepted { conn, purpose } if self.conn == Some(conn) => {
                let capabilities = capabilities();
                self.core.handle(
                    now,
                    Input::Connected {
                        conn,
                        purpose,
                        capabilities,
                    },
                );
            }
            Wire::Stream { conn, bytes, .. } if self.conn == Some(conn) => {
                for bytes in cut(&mut self.cuts, bytes) {
                    let fin = false;
                    self.core.handle(
                        now,
                        Input::Stream {
                            conn,
                            id,
                            bytes,
                            fin,
                        },
                    );
                }
            }
            Wire::Close { conn, code } if self.conn == Some(conn) => {
                self.conn = None;
                let cause = Cause::Peer(code);
                self.core.handle(now, Input::Closed { conn, cause });
            }
            _ => {}
        }
        self.drain(now);
    }

    pub(crate) fn transmit(&mut self) -> Option<(NodeId, Wire)> {
        self.out.pop_front().map(|packet| (SERVER, packet))
    }

    /// The data of the events that `read` picks.
    pub(crate) fn all<R>(&self, read: impl Fn(&Event) -> Option<R>) -> Vec<R> {
        self.events
            .iter()
            .filter_map(|(_, event)| read(event))
            .collect()
    }
}

impl Net {
    /// A service with the token that allows everything, started now.
    pub(crate) fn service(&mut self, name: &str) -> NodeId {
        self.service_with(name, |config| config, lenient())
    }

    pub(crate) fn service_with(
        &mut self,
        name: &str,
        config: impl FnOnce(Config) -> Config,
        policy: Policy,
    ) -> NodeId {
        let config = config(Config::new(name, TOKEN));
        let mut seeds = Stream::new(7, name);
        let now = self.now();
        let core = Service::new(Arc::new(config), Seed(seeds.bytes32()), now);
        let host = ServiceHost {
            core,
            events: Vec::new(),
            policy,
            conn: None,
            cuts: Stream::new(7, &format!("{name} cuts")),
            out: VecDeque::new(),
            dead: false,
        };
        let id = self.world.add_node(name, Host::Service(Box::new(host)));
        let road = Road {
            delay: self.delay,
            ..Road::default()
        };
        self.world.connect(id, SERVER, road.clone());
        self.world.connect(SERVER, id, road);
        self.serve(id, |core, now| core.start(now));
        self.run_ms(200);
        id
    }

    pub(crate) fn service_host(&self, id: NodeId) -> &ServiceHost {
        match self.world.node(id) {
            Host::Service(host) => host,
            _ => unreachable!("services are services"),
        }
    }

    pub(crate) fn service_host_mut(&mut self, id: NodeId) -> &mut ServiceHost {
        match self.world.node_mut(id) {
            Host::Service(host) => host,
            _ => unreachable!("services are services"),
        }
    }

    /// Runs a command on a service's core, now.
    pub(crate) fn serve<R>(
        &mut self,
        id: NodeId,
        run: impl FnOnce(&mut Service, Instant) -> R,
    ) -> R {
        let now = self.now();
        let host = self.service_host_mut(id);
        let result = run(&mut host.core, now);
        host.drain(now);
        self.world.flush();
        result
    }

    /// Cuts a service off, or lets it on again.
    pub(crate) fn service_down(&mut self, id: NodeId, down: bool) {
        self.world.set_down(id, SERVER, down);
        self.world.set_down(SERVER, id, down);
    }

    /// The process dies: what it sent is on its way, nothing more comes, and the transport closes.
    pub(crate) fn kill_service(&mut self, id: NodeId) {
        let host = self.service_host_mut(id);
        host.dead = true;
        if let Some(conn) = host.conn.take() {
            let code = duet_protocol::code::Code::NONE;
            host.out.push_back(Wire::Close { conn, code });
        }
        self.world.flush();
    }
}
