//! Media connections: their tickets, the media side of each session, and where a datagram goes.

use bytes::Bytes;

use crate::code::Code;
use crate::error::Violation;
use crate::id::SessionId;
use crate::io::ConnId;
use crate::message::media::{Attached, Message as MediaMessage};
use crate::message::{Message, Wire, admit};
use crate::time::Instant;
use crate::wire::{Params, Sender};

use super::envelope::Owner;
use super::relay::Packet;
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
        let (now, good) = (self.now, self.tickets.redeem(&token, self.now));
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

    pub(super) fn datagram(&mut self, conn: ConnId, bytes: &Bytes, at: Instant) {
        //= MEDIA-017
        let Some(Conn::Media(session)) = self.conns.get(&conn) else {
            return;
        };
        let session = *session;
        let Some(relay) = self.relays.get_mut(&session) else {
            return;
        };
        match relay.datagram(self.now, at, bytes) {
            Packet::Forward { to, payload } => {
                for (subscriber, flow) in to {
                    if let Some(other) = self.relays.get_mut(&subscriber)
                        && other.conn.is_some()
                    {
                        other.hop.send(self.now, flow, payload.clone());
                        self.refresh_relay(subscriber);
                    }
                }
            }
            Packet::Keyframe { publisher, stream } => {
                if let Some(other) = self.relays.get_mut(&publisher) {
                    other.request_keyframe(stream, self.now);
                    self.refresh_relay(publisher);
                }
            }
            Packet::Nothing => {}
        }
        self.refresh_relay(session);
    }
}
