//! A room as a member keeps it: the snapshot, and the deltas that follow it without a gap.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::id::{RoomId, SessionId, UserId};
use crate::limits;
use crate::message::room::{Change, Delta, Joined, Member, Options, Presence, Role, RoomDelta};

/// A member, as the application sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemberInfo {
    /// Its session.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
    /// What its link is like.
    pub presence: Presence,
    /// What it may do.
    pub role: Role,
    /// The name it is shown by.
    pub name: String,
}

impl From<&Member<'_>> for MemberInfo {
    fn from(member: &Member<'_>) -> Self {
        let (session, user, presence) = (member.session, member.user, member.presence);
        Self {
            session,
            user,
            presence,
            role: member.role,
            name: member.name.as_str().to_string(),
        }
    }
}

/// How a room is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoomSettings {
    /// Most members that it admits.
    pub capacity: u8,
    /// How it is entered.
    pub options: Options,
    /// Most streams that may be published in it at once.
    pub max_streams: u16,
}

impl From<&Joined<'_>> for RoomSettings {
    fn from(joined: &Joined<'_>) -> Self {
        Self {
            capacity: joined.capacity.value().min(u8::MAX.into()) as u8,
            options: joined.options,
            max_streams: joined.max_streams,
        }
    }
}

/// A room that the client is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    epoch: u64,
    number: u64,
    settings: RoomSettings,
    pub(crate) members: BTreeMap<SessionId, MemberInfo>,
    /// How it was asked for, so that it can be entered again after a lost session.
    pub(crate) wish: Wish,
}

/// How a room was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wish {
    /// The room; all zero where it was asked for by name.
    pub(crate) room: RoomId,
    pub(crate) name: String,
    pub(crate) secret: Vec<u8>,
    /// A call's room is entered once, with its ticket; it is not entered again.
    pub(crate) for_call: bool,
    /// Whether the client enters it by itself, in the place of a session that was lost.
    pub(crate) again: bool,
}

impl View {
    pub(crate) fn new(joined: &Joined<'_>, wish: Wish) -> Self {
        let members = joined
            .members
            .iter()
            .map(|member| (member.session, MemberInfo::from(&member)));
        Self {
            epoch: joined.epoch,
            number: joined.number,
            settings: RoomSettings::from(joined),
            members: members.collect(),
            wish,
        }
    }

    /// Counts a change, of members or of settings; false where one is missing before it.
    fn count(&mut self, epoch: u64, number: u64) -> bool {
        //= ROOM-011
        let follows = epoch == self.epoch && number == self.number.saturating_add(1);
        if follows {
            self.number = number;
        }
        follows
    }

    /// Takes new settings; none where a change is missing before them.
    pub(crate) fn set(&mut self, delta: &RoomDelta<'_>) -> Option<RoomSettings> {
        if !self.count(delta.epoch, delta.number) {
            return None;
        }
        self.settings.capacity = delta.capacity.value().min(u8::MAX.into()) as u8;
        self.settings.options = delta.options;
        Some(self.settings)
    }

    /// Applies a delta; false where one is missing before it, or where there would be more members than a room has.
    pub(crate) fn apply(&mut self, delta: &Delta<'_>) -> bool {
        if !self.count(delta.epoch, delta.number) {
            return false;
        }
        let session = delta.member.session;
        match delta.change {
            Change::Leave => {
                self.members.remove(&session);
            }
            Change::Join | Change::Suspend | Change::Resume | Change::Update => {
                let is_new = !self.members.contains_key(&session);
                //= SES-032
                if is_new && self.members.len() >= limits::MAX_MEMBERS {
                    return false;
                }
                self.members
                    .insert(session, MemberInfo::from(&delta.member));
            }
        }
        true
    }
}
