//! What an explorer needs of a client's core: copies, equality, and timers that fire when the model says so.

use alloc::collections::VecDeque;
use alloc::format;
use core::hash::{Hash, Hasher};

use super::media::MediaSide;
use super::{Client, Link, Session, link};
use crate::io::{ConnId, Core, Input};
use crate::seed::{Random, Seed};
use crate::time::Instant;

impl Client {
    /// A copy at `now`, which draws from `seed` on; of a client that is in no room and no call.
    pub(crate) fn fork(&self, seed: [u8; 32], now: Instant) -> Self {
        assert!(self.rooms.is_empty() && self.calls.is_empty() && self.streams.is_empty());
        assert!(self.outputs.is_empty() && self.media.conn().is_none());
        Self {
            config: self.config.clone(),
            random: Random::new(Seed(seed)),
            now,
            credentials: self.credentials.clone(),
            link: self.link.clone(),
            backoff: self.backoff,
            announced: self.announced,
            next_conn: self.next_conn,
            next_request: self.next_request,
            session: self.session.clone(),
            requests: self.requests.clone(),
            rooms: self.rooms.clone(),
            reentry: self.reentry.clone(),
            people: self.people.clone(),
            waiting: self.waiting.clone(),
            streams: self.streams.clone(),
            calls: self.calls.clone(),
            given_up: self.given_up.clone(),
            transfers: Default::default(),
            media: MediaSide::new(self.config.media.clone(), self.config.playout_delay, now),
            outputs: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// All that decides what the client does next where no time passes.
    pub(crate) fn hash_state<H: Hasher>(&self, hasher: &mut H) {
        match &self.link {
            Link::Idle => 0_u8.hash(hasher),
            Link::Waiting { .. } => 1_u8.hash(hasher),
            Link::Connecting { conn } => (2_u8, conn).hash(hasher),
            Link::Up(up) => (3_u8, up.conn, &up.framer, up.phase).hash(hasher),
        }
        self.credentials.is_some().hash(hasher);
        self.next_conn.hash(hasher);
        self.next_request.hash(hasher);
        self.announced.hash(hasher);
        self.session.hash(hasher);
        for request in self.requests.keys() {
            request.hash(hasher);
        }
        format!("{:?}", self.people).hash(hasher);
    }

    pub(crate) const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The connection that it listens on.
    pub(crate) const fn conn(&self) -> Option<ConnId> {
        match &self.link {
            Link::Up(up) => Some(up.conn),
            Link::Connecting { conn } => Some(*conn),
            Link::Idle | Link::Waiting { .. } => None,
        }
    }

    pub(crate) fn is_online(&self) -> bool {
        matches!(&self.link, Link::Up(up) if up.phase == link::Phase::Online)
    }

    pub(crate) const fn is_waiting(&self) -> bool {
        matches!(self.link, Link::Waiting { .. })
    }

    pub(crate) fn unanswered(&self) -> usize {
        self.requests.len()
    }

    /// The wait before the next attempt is over.
    pub(crate) fn reconnect(&mut self, now: Instant) {
        if let Link::Waiting { until } = &mut self.link {
            *until = now;
        }
        self.handle(now, Input::Wake);
    }

    /// The link has said nothing for very long.
    pub(crate) fn fall_silent(&mut self, now: Instant) {
        if let Link::Up(up) = &mut self.link {
            up.heartbeat.heard(Instant::EPOCH);
        }
        self.handle(now, Input::Wake);
    }

    /// A mistake: a frame without SEQUENCED is counted.
    pub(crate) const fn count_one_more(&mut self) {
        if let Some(session) = &mut self.session {
            session.sequence.receive();
        }
    }
}
