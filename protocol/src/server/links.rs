//! Services at the server: what comes on their connections, and what the service machine makes of it.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::code::Code;
use crate::error::Violation;
use crate::id::SessionId;
use crate::io::{ConnId, Output};
use crate::limits;
use crate::message::session::{Ping, Pong, Retry};
use crate::message::{Message, Wire, admit};
use crate::service::link::{Link, Step, sender_of};
use crate::service::server::{Act, Context, Services};
use crate::session::Beat;
use crate::wire::{Params, reserved_frame};

use super::delivery;
use super::envelope::{Letter, Owner};
use super::shard::{Handover, Moving};
use super::{Conn, Server, timers};

impl Server {
    /// A service connects, where this server takes any. The shard that keeps the service takes it over.
    pub(super) fn service_connected(&mut self, conn: ConnId) {
        if self.config.link.is_none() {
            return self.close(conn, Code::FORBIDDEN);
        }
        let to = self.placement.home(Owner::Service);
        if to != self.placement.own() {
            let handover = Handover(Moving::Service);
            return self
                .outputs
                .push_back(Output::Handover { conn, to, handover });
        }
        let link = Link::new(self.now);
        let at = link.deadline().at;
        self.timers.set(timers::Key::Conn(conn), Some(at));
        self.conns.insert(conn, Conn::Link(link));
    }

    pub(super) fn link_stream(&mut self, conn: ConnId, bytes: Bytes) {
        if let Some(Conn::Link(link)) = self.conns.get_mut(&conn) {
            link.framer.push(bytes);
        }
        loop {
            let Some(Conn::Link(link)) = self.conns.get_mut(&conn) else {
                return;
            };
            if let Some(heartbeat) = &mut link.heartbeat {
                heartbeat.heard(self.now);
            }
            let frame = match link.framer.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => return self.breach(conn, error.into()),
            };
            let is_active = self.services.as_ref().is_some_and(|s| s.is_active(conn));
            let (config, random) = (&self.config, &mut self.random);
            let outcome = match link.frame(conn, &frame, is_active, config, random) {
                Ok(Step::Stay) => Ok(()),
                Ok(Step::Reply(bytes)) => {
                    self.write(conn, bytes);
                    if self.config.reserved_frames && self.random.below(2) == 0 {
                        let frame = reserved_frame(&mut self.random, false);
                        self.write(conn, frame);
                    }
                    Ok(())
                }
                Ok(Step::Pong(token)) => {
                    let params = Params::NONE;
                    self.link_write(conn, Pong { token, params }.encode());
                    Ok(())
                }
                Ok(Step::Link { linker }) => {
                    link.linked(self.now);
                    match self.with_services(|services, cx| services.link(linker, cx)) {
                        Some(Err(code)) => {
                            let after = limits::DECISION;
                            return self.dismiss(conn, code, Retry::After, after);
                        }
                        Some(Ok(())) | None => Ok(()),
                    }
                }
                Ok(Step::BadToken) => {
                    //= SVC-003
                    let code = Code::BAD_CREDENTIALS;
                    return self.dismiss(conn, code, Retry::Never, Duration::ZERO);
                }
                Ok(Step::Confirm(number)) => self
                    .with_services(|services, cx| services.confirm(number, cx))
                    .unwrap_or(Ok(())),
                Ok(Step::Act) => match admit(&frame, sender_of(frame.header.kind)) {
                    Ok(Some(Message::Service(message))) => self
                        .with_services(|services, cx| services.act(conn, &frame.body, &message, cx))
                        .unwrap_or(Ok(())),
                    Ok(_) => Ok(()),
                    Err(violation) => Err(violation),
                },
                Ok(Step::Leave) => {
                    self.close(conn, Code::LOGOUT);
                    return self.link_gone(conn);
                }
                Err(violation) => Err(violation),
            };
            if let Err(violation) = outcome {
                return self.breach(conn, violation);
            }
        }
        self.refresh_link(conn);
    }

    /// Runs something on the service machine, and does what it wants done.
    pub(super) fn with_services<R>(
        &mut self,
        run: impl FnOnce(&mut Services, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let services = self.services.as_mut()?;
        let mut acts = Vec::new();
        let mut cx = Context {
            now: self.now,
            unix_micros: self.unix_epoch.saturating_add(self.now.as_micros()),
            out: &mut self.outbox,
            acts: &mut acts,
        };
        let result = run(services, &mut cx);
        let deadline = services.deadline();
        self.timers.set(
            timers::Key::Owner(Owner::Service),
            deadline.map(|deadline| deadline.at),
        );
        for act in acts {
            match act {
                Act::Write(conn, bytes) => self.link_write(conn, bytes),
                Act::Close(conn, code, retry) => self.dismiss(conn, code, retry, Duration::ZERO),
            }
        }
        Some(result)
    }

    fn link_write(&mut self, conn: ConnId, bytes: Bytes) {
        if let Some(Conn::Link(link)) = self.conns.get_mut(&conn) {
            if let Some(heartbeat) = &mut link.heartbeat {
                heartbeat.sent(self.now);
            }
            self.write(conn, bytes);
        }
    }

    fn refresh_link(&mut self, conn: ConnId) {
        if let Some(Conn::Link(link)) = self.conns.get(&conn) {
            let at = link.deadline().at;
            self.timers.set(timers::Key::Conn(conn), Some(at));
        }
    }

    /// A link's connection is gone, or given up.
    pub(super) fn link_gone(&mut self, conn: ConnId) {
        self.with_services(|services, cx| services.gone(conn, cx));
    }

    /// A link broke a rule: it is closed, and another service takes over.
    pub(super) fn link_breach(&mut self, conn: ConnId, violation: Violation) {
        let retry = match violation {
            Violation::Fenced => Retry::Now,
            _ => Retry::Never,
        };
        self.dismiss(conn, violation.code(), retry, Duration::ZERO);
        self.link_gone(conn);
    }

    pub(super) fn wake_link(&mut self, conn: ConnId) {
        let Some(Conn::Link(link)) = self.conns.get(&conn) else {
            return;
        };
        match &link.heartbeat {
            None => self.dismiss(conn, Code::LOGIN_TIMEOUT, Retry::Now, Duration::ZERO),
            Some(heartbeat) => match heartbeat.due(self.now) {
                Some(Beat::Dead) => {
                    self.close(conn, Code::DEAD_LINK);
                    self.link_gone(conn);
                }
                Some(Beat::Ping) => {
                    let (token, params) = (self.now.as_micros(), Params::NONE);
                    self.link_write(conn, Ping { token, params }.encode());
                    self.refresh_link(conn);
                }
                None => self.refresh_link(conn),
            },
        }
    }

    /// The service ends a session.
    pub(super) fn end_by_service(&mut self, id: SessionId, code: Code, errand: Option<u64>) {
        self.end_session(id, code, Retry::Never, Duration::ZERO);
        if let Some(errand) = errand {
            let from = Owner::Session(id);
            self.outbox.errand_done(from, errand, Code::DELIVERED);
        }
    }

    pub(super) fn deliver_to_service(&mut self, from: Owner, letter: Letter) {
        if self.services.is_none() {
            return delivery::bounce(from, Owner::Service, letter, &mut self.outbox);
        }
        self.with_services(|services, cx| services.receive(from, letter, cx));
    }
}
