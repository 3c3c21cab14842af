//! Media tickets: 256 bits, stored hashed, bound to a session, good once and for ten seconds.

use alloc::collections::{BTreeMap, VecDeque};

use crate::id::{CallId, RequestId, RoomId, SessionId};
use crate::limits;
use crate::message::media::MediaTicket;
use crate::seed::Random;
use crate::time::Instant;
use crate::wire::{Params, Text};

use super::envelope::Scope;
use super::hash;
use super::shard::Placement;

/// Every ticket that is neither used nor forgotten. A session holds a few; its oldest give way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tickets {
    by_hash: BTreeMap<[u8; 32], (SessionId, Instant)>,
    by_session: BTreeMap<SessionId, VecDeque<[u8; 32]>>,
}

impl Tickets {
    /// A new ticket, as the frame that carries it.
    pub(crate) fn issue(
        &mut self,
        session: SessionId,
        scope: Scope,
        request: Option<RequestId>,
        now: Instant,
        placement: Placement,
        random: &mut Random,
    ) -> MediaTicket<'static> {
        let token = placement.draw_ticket(random);
        let own = self.by_session.entry(session).or_default();
        if own.len() >= limits::MAX_TICKETS
            && let Some(oldest) = own.pop_front()
        {
            self.by_hash.remove(&oldest);
        }
        own.push_back(hash(&token));
        self.by_hash
            .insert(hash(&token), (session, now.after(limits::TICKET)));
        let (call, room) = match scope {
            Scope::Call(call) => (call, RoomId::NONE),
            Scope::Room(room) => (CallId::NONE, room),
        };
        let expires_in_ms = limits::TICKET.as_millis() as u32;
        let endpoint = Text::default();
        MediaTicket {
            request: request.unwrap_or(RequestId(0)),
            call,
            room,
            token,
            expires_in_ms,
            endpoint,
            params: Params::NONE,
        }
    }

    /// Uses a ticket up; the session that it admits, if it was good.
    pub(crate) fn redeem(&mut self, token: &[u8; 32], now: Instant) -> Option<SessionId> {
        //= MEDIA-013
        let hash = hash(token);
        let (session, expires) = self.by_hash.remove(&hash)?;
        if let Some(own) = self.by_session.get_mut(&session) {
            own.retain(|other| *other != hash);
        }
        (expires > now).then_some(session)
    }

    /// The session is over.
    pub(crate) fn forget(&mut self, session: SessionId) {
        for hash in self.by_session.remove(&session).unwrap_or_default() {
            self.by_hash.remove(&hash);
        }
    }
}
