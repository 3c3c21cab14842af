//! What every connection needs after anything happened to it: its events routed, its timer set, its packets built.

use duet_protocol::io::Core;
use duet_protocol::time::Instant;
use quinn_proto::{ConnectionHandle, Endpoint};

use super::{Driver, Heading, Role, std_time};
use crate::connection::{Conn, Occasion};
use crate::controller::Mode;

impl<C: Core> Driver<C> {
    /// Something happened on a connection: QUIC's events become inputs, and its timers and packets are seen to.
    pub(super) fn attend(&mut self, now: Instant, occasion: Occasion, handle: usize) {
        let quic_now = self.quic_time(now);
        let Some(conn) = self.conns.get_mut(&handle) else {
            return;
        };
        let was_handshaking = conn.is_handshaking();
        conn.poll(now, occasion, &mut self.inputs);
        conn.give_up(now, quic_now, &mut self.inputs);
        conn.finish_close(now, quic_now, &mut self.inputs);
        let drained = route(&mut self.endpoint, handle, conn);
        if was_handshaking && !conn.is_handshaking() && matches!(self.role, Role::Server { .. }) {
            self.handshakes -= 1;
        }
        if conn.is_gone() {
            let id = conn.id;
            self.handles.remove(&id);
            self.lose_payload(id);
        }
        if !drained {
            self.touched(handle);
        } else if let Some(conn) = self.conns.remove(&handle)
            && let Some(at) = conn.timeout
        {
            self.timers.remove(&(at, handle));
        }
    }

    /// A connection may have packets to send, other deadlines than before, and payload that can move.
    pub(super) fn touched(&mut self, handle: usize) {
        self.set_timer(handle);
        self.stir_payload(handle);
        if let Some(conn) = self.conns.get_mut(&handle)
            && !conn.queued
        {
            conn.queued = true;
            // Media goes first: on a connection of its own it competes with bulk only here.
            match conn.mode() {
                Mode::Media => self.sendable.push_front(handle),
                Mode::Cubic => self.sendable.push_back(handle),
            }
        }
    }

    fn stir_payload(&mut self, handle: usize) {
        if let Some(conn) = self.conns.get_mut(&handle) {
            for id in conn.stirred() {
                self.splices.stir((conn.id, id));
            }
        }
    }

    pub(super) fn set_timer(&mut self, handle: usize) {
        let epoch = self.epoch;
        let Some(conn) = self.conns.get_mut(&handle) else {
            return;
        };
        let end = conn.ends_at().map(|until| std_time(epoch, until));
        let timeout = [conn.quic_timeout(), end].into_iter().flatten().min();
        if timeout == conn.timeout {
            return;
        }
        if let Some(at) = std::mem::replace(&mut conn.timeout, timeout) {
            self.timers.remove(&(at, handle));
        }
        if let Some(at) = timeout {
            self.timers.insert((at, handle));
        }
    }

    /// Builds the next packet in `self.packet`.
    pub(super) fn build(&mut self, now: Instant) -> Option<Heading> {
        if let Some(response) = self.responses.pop_front() {
            self.packet.clear();
            self.packet.extend_from_slice(&response.bytes);
            return Some(Heading {
                door: response.door,
                remote: response.remote,
                ecn: response.ecn,
            });
        }
        let quic_now = self.quic_time(now);
        while let Some(&handle) = self.sendable.front() {
            if let Some(conn) = self.conns.get_mut(&handle) {
                self.packet.clear();
                let transmit = conn.quic.poll_transmit(quic_now, 1, &mut self.packet);
                if let Some(transmit) = transmit {
                    return Some(Heading {
                        door: conn.door,
                        remote: transmit.destination,
                        ecn: transmit.ecn,
                    });
                }
                conn.queued = false;
                conn.sent_all();
                self.sendable.pop_front();
                self.sent(now, handle);
            } else {
                self.sendable.pop_front();
            }
        }
        None
    }

    /// A connection has sent what it could: its timers have moved, and its queue of datagrams may have room.
    pub(super) fn sent(&mut self, now: Instant, handle: usize) {
        let Some(conn) = self.conns.get_mut(&handle) else {
            return;
        };
        conn.poll(now, Occasion::time(now), &mut self.inputs);
        route(&mut self.endpoint, handle, conn);
        if conn.is_gone() {
            let id = conn.id;
            self.lose_payload(id);
        }
        self.set_timer(handle);
        self.stir_payload(handle);
        self.settle(now);
    }
}

/// Carries a connection's events to its endpoint and the answers back, and says whether QUIC is done with it.
fn route(endpoint: &mut Endpoint, handle: usize, conn: &mut Conn) -> bool {
    let mut drained = false;
    while let Some(event) = conn.quic.poll_endpoint_events() {
        drained |= event.is_drained();
        if let Some(event) = endpoint.handle_event(ConnectionHandle(handle), event) {
            conn.quic.handle_event(event);
        }
    }
    drained
}
