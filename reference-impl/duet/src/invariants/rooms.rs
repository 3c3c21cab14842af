//! Who is in a room: what each member is told, and whether they agree in the end.

use std::collections::BTreeMap;

use duet_protocol::client::{Event, MemberInfo};
use duet_protocol::id::{RequestId, RoomId, SessionId};
use duet_protocol::message::room::{Change, Presence};
use duet_sim::Time;

use super::{Act, Book, Invariant, SETTLE};

/// A room as a member was told of it.
#[derive(Clone, Debug)]
struct View {
    name: String,
    members: BTreeMap<SessionId, Presence>,
}

/// The rooms of each client.
#[derive(Debug)]
pub(super) struct Rooms {
    views: Vec<BTreeMap<RoomId, View>>,
    /// The rooms that it wants to be in, by name.
    wishes: Vec<BTreeMap<String, Time>>,
    joining: BTreeMap<(usize, RequestId), String>,
}

impl Rooms {
    pub(super) fn new(count: usize) -> Self {
        Self {
            views: vec![BTreeMap::new(); count],
            wishes: vec![BTreeMap::new(); count],
            joining: BTreeMap::new(),
        }
    }

    pub(super) fn did(&mut self, who: usize, act: Act<'_>) {
        match act {
            Act::Join { request, name } => {
                self.joining.insert((who, request), name.to_owned());
            }
            Act::Leave { room, .. } => self.leave(who, room),
            Act::Die | Act::LogOut => {
                self.views[who].clear();
                self.wishes[who].clear();
                self.joining.retain(|(by, _), _| *by != who);
            }
            _ => {}
        }
    }

    /// It no longer wants to be there.
    fn leave(&mut self, who: usize, room: RoomId) {
        if let Some(view) = self.views[who].remove(&room) {
            self.wishes[who].remove(&view.name);
        }
    }

    pub(super) fn told(&mut self, book: &mut Book, now: Time, who: usize, event: &Event) {
        match event {
            Event::Joined {
                request,
                room,
                name,
                members,
                ..
            } => {
                self.joining.remove(&(who, *request));
                self.wishes[who].entry(name.clone()).or_insert(now);
                let members: BTreeMap<SessionId, Presence> = members
                    .iter()
                    .map(|member| (member.session, member.presence))
                    .collect();
                let own = book.parties[who].session;
                if own.is_none_or(|(own, _)| !members.contains_key(&own)) {
                    let text = format!("it entered {name:?}, and is no member");
                    book.breach_by(Invariant::RoomChanges, "not itself", who, now, text);
                }
                let name = name.clone();
                self.views[who].insert(*room, View { name, members });
            }
            Event::Answer { request, .. } => {
                // One that is let in is told so otherwise. Refused or not, whoever was inside before still is.
                self.joining.remove(&(who, *request));
            }
            Event::Member {
                room,
                change,
                member,
                ..
            } => {
                if let Err((way, text)) = self.change(who, *room, *change, member) {
                    book.breach_by(Invariant::RoomChanges, way, who, now, text);
                }
            }
            Event::Left { room, .. } => self.leave(who, *room),
            Event::LoggedOut { returning, .. } => {
                self.views[who].clear();
                if !returning {
                    self.wishes[who].clear();
                }
            }
            _ => {}
        }
    }

    fn change(
        &mut self,
        who: usize,
        room: RoomId,
        change: Change,
        member: &MemberInfo,
    ) -> Result<(), (&'static str, String)> {
        let MemberInfo {
            session,
            presence,
            name,
            ..
        } = member;
        let Some(view) = self.views[who].get_mut(&room) else {
            let text = format!("{change:?} of {name:?} in a room that it is not in");
            return Err(("elsewhere", text));
        };
        let before = view.members.get(session).copied();
        let follows = match change {
            Change::Join => before.is_none(),
            Change::Leave | Change::Update => before.is_some(),
            Change::Suspend => before == Some(Presence::Here),
            Change::Resume => before == Some(Presence::Suspended),
        };
        match change {
            Change::Leave => view.members.remove(session),
            _ => view.members.insert(*session, *presence),
        };
        match follows {
            true => Ok(()),
            false => {
                let text = format!(
                    "{change:?} of {name:?} in {:?}, who was {before:?}",
                    view.name
                );
                Err(("out of turn", text))
            }
        }
    }

    pub(super) fn finish(&mut self, book: &mut Book, now: Time, healed: Time) {
        if now < healed.after(SETTLE) {
            return;
        }
        // Who is in a room of that name, and in which.
        let mut inside: BTreeMap<&str, Vec<(usize, Option<RoomId>)>> = BTreeMap::new();
        for (who, wishes) in self.wishes.iter().enumerate() {
            // Whoever is not logged in is in no room, and that is said elsewhere.
            if book.parties[who].online.is_none() {
                continue;
            }
            for name in wishes.keys() {
                let mut views = self.views[who].iter();
                let room = views.find(|(_, view)| view.name == *name);
                let room = room.map(|(room, _)| *room);
                inside.entry(name).or_default().push((who, room));
            }
        }
        for (name, members) in inside {
            let sessions: BTreeMap<SessionId, Presence> = members
                .iter()
                .filter_map(|(who, _)| book.parties[*who].session)
                .map(|(session, _)| (session, Presence::Here))
                .collect();
            let first = members.iter().find_map(|(_, room)| *room);
            for (who, room) in &members {
                let view = room.and_then(|room| self.views[*who].get(&room));
                let (way, text) = match view {
                    None => ("outside", format!("it is not in {name:?} again")),
                    Some(_) if *room != first => {
                        ("elsewhere", format!("it is in another {name:?}"))
                    }
                    Some(view) if view.members != sessions => {
                        let missing = sessions.keys().any(|one| !view.members.contains_key(one));
                        let way = if missing { "missing" } else { "too many" };
                        (way, different(book, name, &view.members, &sessions))
                    }
                    Some(_) => continue,
                };
                book.breach_by(Invariant::RoomAgreement, way, *who, now, text);
            }
        }
    }
}

/// What is wrong with a member's picture of a room.
fn different(
    book: &Book,
    name: &str,
    seen: &BTreeMap<SessionId, Presence>,
    real: &BTreeMap<SessionId, Presence>,
) -> String {
    let who = |session: &SessionId| match book.owner(*session) {
        Some(party) => book.parties[party].name.clone(),
        None => format!("session {session}, which is over,"),
    };
    let missing = real
        .keys()
        .filter(|session| !seen.contains_key(session))
        .map(|session| format!("{} is missing", who(session)));
    let wrong = seen
        .iter()
        .filter(|(session, presence)| real.get(session) != Some(presence))
        .map(|(session, presence)| format!("{} is {presence:?}", who(session)));
    let all: Vec<String> = missing.chain(wrong).collect();
    format!("in its {name:?}, {}", all.join("; "))
}
