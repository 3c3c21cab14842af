//! The media side of a session: its media connection, and its flows in both directions.
//!
//! Signalling reaches it by envelopes, like every machine. Media packets do not: a packet goes from the publisher's
//! side to each subscriber's side by one look-up, since it needs no answer and may be lost.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::code::Code;
use crate::id::{FlowId, RequestId, SessionId};
use crate::io::{ConnId, Deadline, Timer};
use crate::limits;
use crate::media::{Ecn, Hop, HopConfig, Received};
use crate::message::Wire;
use crate::message::media::{Published, Subscribed};
use crate::time::{Instant, earlier};
use crate::wire::Params;

use super::envelope::{Letter, Outbox, Owner, StreamKey};

/// A stream that the session publishes.
#[derive(Debug)]
struct Incoming {
    flow: FlowId,
    audio: bool,
    useful_ms: u16,
    max_bitrate: u32,
    to: Vec<(SessionId, FlowId)>,
}

/// The media side of one session.
pub(crate) struct Relay {
    session: SessionId,
    pub(crate) conn: Option<ConnId>,
    pub(crate) hop: Hop,
    streams: BTreeMap<StreamKey, Incoming>,
    flows_in: BTreeMap<FlowId, StreamKey>,
    flows_out: BTreeMap<FlowId, (SessionId, StreamKey)>,
    next_flow: u32,
    used: Instant,
}

/// What a datagram leads to.
pub(crate) enum Packet {
    /// Forward this to these sessions' flows.
    Forward {
        to: Vec<(SessionId, FlowId)>,
        payload: Bytes,
    },
    /// Ask this publisher for a keyframe.
    Keyframe {
        publisher: SessionId,
        stream: StreamKey,
    },
    /// Nothing.
    Nothing,
}

impl Relay {
    pub(crate) fn new(session: SessionId, config: HopConfig, now: Instant) -> Self {
        Self {
            session,
            conn: None,
            hop: Hop::new(now, config),
            streams: BTreeMap::new(),
            flows_in: BTreeMap::new(),
            flows_out: BTreeMap::new(),
            next_flow: 0,
            used: now,
        }
    }

    fn me(&self) -> Owner {
        Owner::Relay(self.session)
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let hop = self.conn.and_then(|_| self.hop.deadline());
        let idle = self
            .conn
            .map(|_| Deadline::new(self.used.after(limits::MEDIA_IDLE), Timer::Attach));
        earlier(hop, idle)
    }

    /// Time has passed; true where the connection has been idle for too long.
    pub(crate) fn wake(&mut self, now: Instant) -> bool {
        if self.conn.is_some() {
            self.hop.handle(now);
        }
        if !self.streams.is_empty() || !self.flows_out.is_empty() {
            self.used = now;
        }
        //= MEDIA-015
        self.conn.is_some() && now.since(self.used) >= limits::MEDIA_IDLE
    }

    /// A media connection was attached; the one that it replaces is returned.
    pub(crate) fn attach(
        &mut self,
        conn: ConnId,
        now: Instant,
        out: &mut Outbox,
    ) -> Option<ConnId> {
        self.used = now;
        self.hop.reconnected(now);
        out.send(
            self.me(),
            Owner::Session(self.session),
            Letter::MediaBack {
                session: self.session,
            },
        );
        self.conn.replace(conn)
    }

    /// The media connection is gone.
    pub(crate) fn detach(&mut self, out: &mut Outbox) {
        self.conn = None;
        out.send(
            self.me(),
            Owner::Session(self.session),
            Letter::MediaLost {
                session: self.session,
            },
        );
    }

    fn draw_flow(&mut self) -> FlowId {
        self.next_flow = self.next_flow.saturating_add(1);
        FlowId(self.next_flow)
    }

    pub(crate) fn receive(&mut self, from: Owner, letter: Letter, now: Instant, out: &mut Outbox) {
        match letter {
            Letter::OpenIn {
                request,
                stream,
                audio,
                useful_ms,
                max_bitrate,
            } => {
                let flow = self.draw_flow();
                self.hop.open_in(now, flow, max_bitrate);
                self.flows_in.insert(flow, stream);
                let to = Vec::new();
                self.streams.insert(
                    stream,
                    Incoming {
                        flow,
                        audio,
                        useful_ms,
                        max_bitrate,
                        to,
                    },
                );
                let published = Published {
                    request,
                    flow,
                    params: Params::NONE,
                };
                self.answer(request, published.encode(), out);
                let opened = Letter::Opened {
                    session: self.session,
                    stream: stream.stream,
                    request,
                };
                out.send(self.me(), from, opened);
            }
            Letter::CloseIn { stream } => {
                if let Some(incoming) = self.streams.remove(&stream) {
                    self.flows_in.remove(&incoming.flow);
                    self.hop.close_in(incoming.flow);
                }
            }
            Letter::OpenOut {
                request,
                publisher,
                stream,
            } => {
                let flow = self.draw_flow();
                self.flows_out.insert(flow, (publisher, stream));
                let forward = Letter::Forward {
                    stream,
                    to: self.session,
                    flow,
                    request,
                };
                out.send(self.me(), Owner::Relay(publisher), forward);
            }
            Letter::Forward {
                stream,
                to,
                flow,
                request,
            } => {
                let Some(incoming) = self.streams.get_mut(&stream) else {
                    return out.send(self.me(), from, Letter::NotForwarding { flow, request });
                };
                incoming.to.push((to, flow));
                let (audio, useful_ms) = (incoming.audio, incoming.useful_ms);
                let max_bitrate = incoming.max_bitrate;
                let letter = Letter::Forwarding {
                    flow,
                    audio,
                    useful_ms,
                    max_bitrate,
                    request,
                };
                //= MEDIA-014
                self.hop.demand(now, incoming.flow, true, 0);
                out.send(self.me(), from, letter);
            }
            Letter::Forwarding {
                flow,
                audio,
                useful_ms,
                max_bitrate,
                request,
            } => {
                // Given up in the meantime.
                if !self.flows_out.contains_key(&flow) {
                    let (to, code) = (Owner::Session(self.session), Code::NO_SUCH_STREAM);
                    return out.send(self.me(), to, Letter::Outcome { request, code });
                }
                let useful = Duration::from_millis(useful_ms.into());
                self.hop.open_out(now, flow, audio, useful, max_bitrate);
                let subscribed = Subscribed {
                    request,
                    flow,
                    params: Params::NONE,
                };
                self.answer(request, subscribed.encode(), out);
            }
            Letter::NotForwarding { flow, request } => {
                self.flows_out.remove(&flow);
                let to = Owner::Session(self.session);
                out.send(
                    self.me(),
                    to,
                    Letter::Outcome {
                        request,
                        code: Code::NO_SUCH_STREAM,
                    },
                );
            }
            Letter::CloseOut { publisher, stream } => {
                let key = (publisher, stream);
                let flows = self.flows_out.iter().filter(|(_, source)| **source == key);
                let flows: Vec<FlowId> = flows.map(|(flow, _)| *flow).collect();
                for flow in flows {
                    self.flows_out.remove(&flow);
                    self.hop.close_out(flow);
                }
                let stop = Letter::StopForward {
                    stream,
                    to: self.session,
                };
                out.send(self.me(), Owner::Relay(publisher), stop);
            }
            Letter::StopForward { stream, to } => {
                if let Some(incoming) = self.streams.get_mut(&stream) {
                    incoming.to.retain(|(session, _)| *session != to);
                    if incoming.to.is_empty() {
                        self.hop.demand(now, incoming.flow, false, 0);
                    }
                }
            }
            _ => debug_assert!(false, "not for a media side: {letter:?}"),
        }
    }

    fn answer(&self, request: RequestId, frame: Bytes, out: &mut Outbox) {
        out.send(
            self.me(),
            Owner::Session(self.session),
            Letter::Answer { request, frame },
        );
    }

    /// A datagram of the session's media connection: when the socket had it, and its ECN field.
    pub(crate) fn datagram(
        &mut self,
        now: Instant,
        arrived: (Instant, Ecn),
        bytes: &Bytes,
    ) -> Packet {
        match self.hop.receive(now, arrived, bytes) {
            Received::Payload { flow, payload } => {
                let incoming = self
                    .flows_in
                    .get(&flow)
                    .and_then(|stream| self.streams.get(stream));
                match incoming {
                    //= MEDIA-036
                    Some(incoming) => Packet::Forward {
                        to: incoming.to.clone(),
                        payload,
                    },
                    None => Packet::Nothing,
                }
            }
            Received::KeyframeRequest { flow } => match self.flows_out.get(&flow) {
                Some((publisher, stream)) => Packet::Keyframe {
                    publisher: *publisher,
                    stream: *stream,
                },
                None => Packet::Nothing,
            },
            _ => Packet::Nothing,
        }
    }

    /// Passes a subscriber's wish for a keyframe on to the publisher, whose side this is.
    pub(crate) fn request_keyframe(&mut self, stream: StreamKey, now: Instant) {
        if let Some(incoming) = self.streams.get(&stream) {
            self.hop.request_keyframe(now, incoming.flow);
        }
    }
}
