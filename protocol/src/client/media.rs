//! The client's media side: its media connection, what it publishes, what it receives.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::event::{Event, StreamDescription};
use super::grade::Grader;
use crate::id::{CallId, FlowId, RoomId, SessionId, StreamNumber};
use crate::io::{ConnId, Deadline, Timer};
use crate::media::{Ecn, Hop, HopConfig, HopEvent, Playout, Received};
use crate::message::media::Kind;
use crate::time::{Instant, earlier};
use crate::wire::Framer;

/// What a media connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) call: CallId,
    pub(crate) room: RoomId,
}

/// The media connection.
#[derive(Debug)]
pub(crate) enum MediaLink {
    None,
    /// Being established, or ATTACH was sent.
    Opening {
        conn: ConnId,
        token: [u8; 32],
        framer: Framer,
    },
    Up {
        conn: ConnId,
    },
    /// Lost; another ticket is asked for at that time.
    Lost {
        ask_at: Instant,
    },
}

/// A stream that this client receives.
#[derive(Debug)]
struct Incoming {
    session: SessionId,
    stream: StreamNumber,
    playout: Playout,
}

/// Everything about media of one client.
#[derive(Debug)]
pub(crate) struct MediaSide {
    pub(crate) link: MediaLink,
    pub(crate) scope: Option<Scope>,
    pub(crate) hop: Hop,
    delay: Duration,
    /// The rooms in which something is published or subscribed to.
    pub(crate) rooms: BTreeSet<RoomId>,
    /// How well it goes, told from time to time.
    pub(super) grader: Grader,
    /// What is published, and in which room.
    published: BTreeMap<StreamNumber, (RoomId, FlowId)>,
    incoming: BTreeMap<FlowId, Incoming>,
}

/// From the loss of a media connection until another ticket is asked for.
const REATTACH: Duration = Duration::from_millis(200);

impl MediaSide {
    pub(crate) fn new(config: HopConfig, delay: Duration, now: Instant) -> Self {
        Self {
            link: MediaLink::None,
            scope: None,
            hop: Hop::new(now, config),
            delay,
            rooms: BTreeSet::new(),
            grader: Grader::default(),
            published: BTreeMap::new(),
            incoming: BTreeMap::new(),
        }
    }

    pub(crate) const fn conn(&self) -> Option<ConnId> {
        match self.link {
            MediaLink::Opening { conn, .. } | MediaLink::Up { conn } => Some(conn),
            MediaLink::None | MediaLink::Lost { .. } => None,
        }
    }

    pub(crate) const fn is_up(&self) -> bool {
        matches!(self.link, MediaLink::Up { .. })
    }

    /// Whether anything needs a media connection.
    pub(crate) fn is_needed(&self) -> bool {
        self.scope.is_some()
    }

    pub(crate) fn lost(&mut self, now: Instant) {
        self.link = match self.is_needed() {
            true => MediaLink::Lost {
                ask_at: now.after(REATTACH),
            },
            false => MediaLink::None,
        };
    }

    /// Whether anything is published or subscribed to.
    pub(crate) fn has_flows(&self) -> bool {
        !self.published.is_empty() || !self.incoming.is_empty()
    }

    /// Whether media can flow now.
    pub(super) fn flows(&self) -> bool {
        self.is_up() && self.has_flows()
    }

    /// Something needs the connection: if it was closed for being idle, another ticket is asked for.
    pub(crate) fn wanted(&mut self, now: Instant) {
        if let (MediaLink::None, true) = (&self.link, self.is_needed()) {
            self.link = MediaLink::Lost { ask_at: now };
        }
    }

    /// Nothing of the room or call is left.
    pub(crate) fn clear(&mut self) {
        self.scope = None;
        self.rooms.clear();
        for (_, flow) in core::mem::take(&mut self.published).into_values() {
            self.hop.close_out(flow);
        }
        for flow in core::mem::take(&mut self.incoming).into_keys() {
            self.hop.close_in(flow);
        }
        if let MediaLink::Lost { .. } = self.link {
            self.link = MediaLink::None;
        }
    }

    /// This side is in a room no longer: what it published there is closed.
    pub(crate) fn leave(&mut self, room: RoomId) {
        let gone = self
            .published
            .extract_if(.., |_, (within, _)| *within == room);
        for (_, (_, flow)) in gone {
            self.hop.close_out(flow);
        }
        self.rooms.remove(&room);
        let of_room = |scope: Scope| scope.room == room && !scope.call.is_some();
        if self.scope.is_some_and(of_room) {
            self.rescope();
        }
    }

    /// What the connection was for is over: from now on it is for another room with media, if there is one.
    pub(crate) fn rescope(&mut self) {
        let call = CallId::NONE;
        self.scope = self.rooms.first().map(|room| Scope { call, room: *room });
        if let (MediaLink::Lost { .. }, None) = (&self.link, self.scope) {
            self.link = MediaLink::None;
        }
    }

    pub(crate) fn publish(
        &mut self,
        now: Instant,
        room: RoomId,
        description: &StreamDescription,
        flow: FlowId,
    ) {
        let useful = Duration::from_millis(description.useful_ms.into());
        let audio = description.kind == Kind::Audio;
        self.hop
            .open_out(now, flow, audio, useful, description.max_bitrate);
        self.published.insert(description.stream, (room, flow));
    }

    pub(crate) fn unpublish(&mut self, stream: StreamNumber) {
        if let Some((_, flow)) = self.published.remove(&stream) {
            self.hop.close_out(flow);
        }
    }

    pub(crate) fn flow_of(&self, stream: StreamNumber) -> Option<FlowId> {
        self.published.get(&stream).map(|(_, flow)| *flow)
    }

    fn stream_of(&self, flow: FlowId) -> Option<StreamNumber> {
        self.published
            .iter()
            .find(|(_, (_, own))| *own == flow)
            .map(|(stream, _)| *stream)
    }

    pub(crate) fn subscribe(
        &mut self,
        now: Instant,
        session: SessionId,
        description: &StreamDescription,
        flow: FlowId,
    ) {
        self.hop.open_in(now, flow, description.max_bitrate);
        let playout = Playout::new(description.clock_rate, self.delay);
        self.incoming.insert(
            flow,
            Incoming {
                session,
                stream: description.stream,
                playout,
            },
        );
    }

    pub(crate) fn unsubscribe(&mut self, session: SessionId, stream: StreamNumber) {
        let key = (session, stream);
        let flows = self
            .incoming
            .iter()
            .filter(|(_, one)| (one.session, one.stream) == key);
        for flow in flows.map(|(flow, _)| *flow).collect::<Vec<_>>() {
            self.incoming.remove(&flow);
            self.hop.close_in(flow);
        }
    }

    pub(crate) fn request_keyframe(
        &mut self,
        now: Instant,
        session: SessionId,
        stream: StreamNumber,
    ) {
        let key = (session, stream);
        let flow = self
            .incoming
            .iter()
            .find(|(_, one)| (one.session, one.stream) == key);
        if let Some((flow, _)) = flow {
            self.hop.request_keyframe(now, *flow);
        }
    }

    pub(crate) fn datagram(
        &mut self,
        now: Instant,
        (at, ecn): (Instant, Ecn),
        bytes: &Bytes,
        events: &mut VecDeque<Event>,
    ) {
        match self.hop.receive(now, (at, ecn), bytes) {
            Received::Payload { flow, payload } => {
                if let Some(incoming) = self.incoming.get_mut(&flow) {
                    incoming.playout.insert(at, payload);
                }
            }
            Received::KeyframeRequest { flow } => {
                if let Some(stream) = self.stream_of(flow) {
                    events.push_back(Event::KeyframeWanted { stream });
                }
            }
            _ => {}
        }
    }

    /// Sends and plays what is due.
    pub(crate) fn handle(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        if self.is_up() {
            self.hop.handle(now);
        }
        while let Some(event) = self.hop.poll_event() {
            match event {
                HopEvent::Demand(demand) => {
                    if let Some(stream) = self.stream_of(demand.flow) {
                        events.push_back(Event::Wanted {
                            stream,
                            wanted: demand.on,
                        });
                    }
                }
                HopEvent::Tripped(_) => events.push_back(Event::MediaStopped),
            }
        }
        for incoming in self.incoming.values_mut() {
            while let Some(played) = incoming.playout.pop_due(now) {
                events.push_back(Event::Media {
                    session: incoming.session,
                    stream: incoming.stream,
                    rtp: played.rtp,
                    lost_before: played.lost_before,
                });
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let hop = if self.is_up() {
            self.hop.deadline()
        } else {
            None
        };
        let ask = match self.link {
            MediaLink::Lost { ask_at } => Some(Deadline::new(ask_at, Timer::Reconnect)),
            _ => None,
        };
        let playouts = self
            .incoming
            .values()
            .filter_map(|one| one.playout.deadline())
            .min();
        let grade = self.grader.due(self.flows());
        let grade = grade.map(|at| Deadline::new(at, Timer::Feedback));
        earlier(earlier(earlier(hop, ask), playouts), grade)
    }
}
