//! Shards: the cores that together are a server, and which of them owns what.
//!
//! Each user, room and call has one owner shard, found from its id; a session stays where it logged in, and its id
//! says where that is. Envelopes from one shard to another keep their order; between different pairs of shards there
//! is none.

use alloc::boxed::Box;

use crate::id::SessionId;
use crate::seed::Random;
use crate::session::door::{Attempt, Door};

use super::envelope::Owner;

/// One of the cores that together are a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// A connection on its way to the shard of its session, with all that came on it so far.
pub struct Handover(pub(super) Moving);

/// What the connection wants there.
pub(super) enum Moving {
    /// It resumes a session.
    Resume(Box<(Door, Attempt)>),
    /// It is a media connection, and this is its ticket.
    Attach([u8; 32]),
    /// It is a service's, on which nothing has come yet.
    Service,
}

/// Its secrets are not shown.
impl core::fmt::Debug for Handover {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match &self.0 {
            Moving::Resume(_) => "Handover(Resume)",
            Moving::Attach(_) => "Handover(Attach)",
            Moving::Service => "Handover(Service)",
        })
    }
}

/// Which shard this is, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Placement {
    own: u16,
    count: u16,
}

impl Placement {
    /// Shard `own` of `count`; at least one, and `own` below it.
    pub(crate) fn new(own: ShardId, count: u16) -> Self {
        let count = count.max(1);
        debug_assert!(own.0 < count, "shard {} of {count}", own.0);
        Self { own: own.0, count }
    }

    pub(crate) const fn own(&self) -> ShardId {
        ShardId(self.own)
    }

    /// The shard that owns a machine.
    pub(crate) fn home(&self, owner: Owner) -> ShardId {
        let of_id = |id: [u8; 16]| spread(&id);
        let spread = match owner {
            Owner::Session(id) | Owner::Relay(id) => of_id(id.0),
            Owner::Room(id) => of_id(id.0),
            Owner::Call(id) => of_id(id.0),
            Owner::Transfer(id) => of_id(id.0),
            Owner::User(id) => id.0,
            Owner::Directory | Owner::Service => 0,
            Owner::Shard(shard) => return ShardId(shard),
        };
        self.of(spread)
    }

    fn of(&self, spread: u64) -> ShardId {
        ShardId(spread.checked_rem(self.count.into()).unwrap_or(0) as u16)
    }

    /// The shard of the session that a media ticket was given to.
    pub(crate) fn home_of_ticket(&self, token: &[u8; 32]) -> ShardId {
        self.of(spread(token))
    }

    pub(crate) fn is_here(&self, owner: Owner) -> bool {
        self.home(owner) == self.own()
    }

    /// A new session's id: random, but for what makes this shard its home.
    pub(crate) fn draw_session(&self, random: &mut Random) -> SessionId {
        loop {
            let id = SessionId(random.id());
            // One of `count` draws fits; the rest of the id stays random.
            if self.is_here(Owner::Session(id)) {
                return id;
            }
        }
    }

    /// A new media ticket's token, which says in the same way where its session is.
    pub(crate) fn draw_ticket(&self, random: &mut Random) -> [u8; 32] {
        loop {
            let token = random.token();
            if self.home_of_ticket(&token) == self.own() {
                return token;
            }
        }
    }
}

fn spread(id: &[u8]) -> u64 {
    id.first_chunk::<2>()
        .map_or(0, |head| u16::from_be_bytes(*head).into())
}

#[cfg(test)]
mod tests {
    use super::{Placement, ShardId};
    use crate::seed::{Random, Seed};
    use crate::server::envelope::Owner;

    #[test]
    fn a_session_is_at_home_where_it_was_drawn() {
        let mut random = Random::new(Seed([7; 32]));
        for own in 0..3 {
            let here = Placement::new(ShardId(own), 3);
            let id = here.draw_session(&mut random);
            for other in 0..3 {
                let there = Placement::new(ShardId(other), 3);
                assert_eq!(there.home(Owner::Session(id)), ShardId(own));
            }
        }
    }
}
