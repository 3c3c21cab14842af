//! Media connections: their tickets, the media side of each session, and where a datagram goes.

use bytes::Bytes;

use crate::code::Code;
use crate::error::Violation;
use crate::id::{FlowId, SessionId};
use crate::io::{ConnId, Output};
use crate::media::Ecn;
use crate::message::media::{Attached, Message as MediaMessage};
use crate::message::{Message, Wire, admit};
use crate::time::Instant;
use crate::wire::{Params, Sender};

use super::envelope::{Letter, Owner, StreamKey};
use super::relay::Packet;
use super::shard::{Handover, Moving};
use super::{Conn, Server, timers};

impl Server {
    pub(super) fn attach_media(&mut self, conn: ConnId) {
        let token = loop {
            let Some(Conn::MediaDoor { framer }) = self.conns.get_mut(&conn) else {
                return;
            };
            let frame = match framer.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => return self.breach(conn, error.into()),
            };
            let rest = framer.is_mid_frame();
            match admit(&frame, Sender::Client) {
                Ok(Some(Message::Media(MediaMessage::Attach(m)))) if !rest => break m.token,
                // A frame to skip, before ATTACH.
                Ok(None) => {}
                Ok(Some(_)) => return self.breach(conn, Violation::UnexpectedFrame),
                Err(violation) => return self.breach(conn, violation),
            }
        };
        let home = self.placement.home_of_ticket(&token);
        if home == self.placement.own() {
            return self.attach_here(conn, &token);
        }
        self.conns.remove(&conn);
        self.timers.set(timers::Key::Conn(conn), None);
        let handover = Handover(Moving::Attach(token));
        self.outputs.push_back(Output::Handover {
            conn,
            to: home,
            handover,
        });
    }

    /// Binds a media connection to the session that its ticket was given to.
    pub(super) fn attach_here(&mut self, conn: ConnId, token: &[u8; 32]) {
        let (now, good) = (self.now, self.tickets.redeem(token, self.now));
        let Some((session, relay)) = good.and_then(|id| Some((id, self.relays.get_mut(&id)?)))
        else {
            return self.close(conn, Code::BAD_TICKET);
        };
        //= MEDIA-019
        let replaced = relay.attach(conn, now, &mut self.outbox);
        self.conns.insert(conn, Conn::Media(session));
        self.timers.set(timers::Key::Conn(conn), None);
        if let Some(old) = replaced {
            self.close(old, Code::DISPLACED);
        }
        self.write(
            conn,
            Attached {
                code: Code::NONE,
                params: Params::NONE,
            }
            .encode(),
        );
        self.refresh_relay(session);
    }

    pub(super) fn lose_media(&mut self, session: SessionId) {
        if let Some(relay) = self.relays.get_mut(&session) {
            relay.detach(&mut self.outbox);
        }
        self.refresh_relay(session);
    }

    /// Lets a media side send what is due, and notes its next deadline.
    pub(super) fn refresh_relay(&mut self, session: SessionId) {
        let Some(relay) = self.relays.get_mut(&session) else {
            return;
        };
        let idle = relay.wake(self.now);
        let (conn, at) = (relay.conn, relay.deadline().map(|deadline| deadline.at));
        self.timers
            .set(timers::Key::Owner(Owner::Relay(session)), at);
        match conn {
            Some(conn) if idle => {
                // Nobody misses it: no call waits for its return.
                if let Some(relay) = self.relays.get_mut(&session) {
                    relay.conn = None;
                }
                self.timers
                    .set(timers::Key::Owner(Owner::Relay(session)), None);
                self.close(conn, Code::IDLE);
            }
            Some(_) => {
                self.ready.insert(session);
            }
            None => {}
        }
    }

    pub(super) fn datagram(&mut self, conn: ConnId, bytes: &Bytes, arrived: (Instant, Ecn)) {
        //= MEDIA-017
        let Some(Conn::Media(session)) = self.conns.get(&conn) else {
            return;
        };
        let session = *session;
        let Some(relay) = self.relays.get_mut(&session) else {
            return;
        };
        match relay.datagram(self.now, arrived, bytes) {
            Packet::Forward { to, payload } => {
                for (subscriber, flow) in to {
                    let payload = payload.clone();
                    if self.placement.is_here(Owner::Relay(subscriber)) {
                        self.forward(subscriber, flow, payload);
                    } else {
                        let letter = Letter::Packet { flow, payload };
                        let (me, to) = (Owner::Relay(session), Owner::Relay(subscriber));
                        self.outbox.send(me, to, letter);
                    }
                }
            }
            Packet::Keyframe { publisher, stream } => {
                if self.placement.is_here(Owner::Relay(publisher)) {
                    self.keyframe(publisher, stream);
                } else {
                    let letter = Letter::Keyframe { stream };
                    let (me, to) = (Owner::Relay(session), Owner::Relay(publisher));
                    self.outbox.send(me, to, letter);
                }
            }
            Packet::Nothing => {}
        }
        self.refresh_relay(session);
    }

    /// Sends a packet on to a subscriber of this shard.
    pub(super) fn forward(&mut self, subscriber: SessionId, flow: FlowId, payload: Bytes) {
        if let Some(relay) = self.relays.get_mut(&subscriber)
            && relay.conn.is_some()
        {
            relay.hop.send(self.now, flow, payload);
            self.refresh_relay(subscriber);
        }
    }

    /// Passes a subscriber's wish for a keyframe on to a publisher of this shard.
    pub(super) fn keyframe(&mut self, publisher: SessionId, stream: StreamKey) {
        if let Some(relay) = self.relays.get_mut(&publisher) {
            relay.request_keyframe(stream, self.now);
            self.refresh_relay(publisher);
        }
    }
}
