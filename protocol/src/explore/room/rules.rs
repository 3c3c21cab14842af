//! What must hold of named rooms, how far it is searched, and what is found where it is broken.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use duet_sim::explore::{Explorer, Faults, Property};

use super::party::{Asked, Link, Party};
use super::{NAME, Order, Rooms, State};
use crate::code::Code;
use crate::explore::call::{ALICE, BOB, CAROL};
use crate::explore::planted::{Planted, says};
use crate::explore::search;
use crate::id::RoomId;
use crate::room::server::Room;

type Checked = Result<(), String>;

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn up(state: &State) -> impl Iterator<Item = &Party> {
    state.parties.iter().filter(|one| one.link == Link::Up)
}

pub(super) fn of(model: &Rooms) -> Vec<Property<Rooms>> {
    let mut rules = vec![
        Property::always(
            "nobody sees a frame that contradicts what came before",
            &["ROOM-001", "ROOM-005", "ROOM-011", "SES-016"],
            |_, state: &State| state.flaw.map_or(Ok(()), |flaw| Err(flaw.into())),
        ),
        Property::always("no two rooms have one name", &["ROOM-010"], |_, s| alike(s)),
        Property::quiescent(
            "every request is answered, but for those that a moderator has to answer",
            &["ROOM-001", "ROOM-003", "ROOM-016", "ROOM-019"],
            |_, s| answered(s),
        ),
        Property::quiescent(
            "what members see is what the room is",
            &["ROOM-002", "ROOM-005", "ROOM-009", "ROOM-018"],
            |_, s| views(s),
        ),
        Property::quiescent(
            "sessions, rooms and names agree",
            &["ROOM-004", "ROOM-029"],
            |_, s| agreement(s),
        ),
        Property::quiescent(
            "who was banned is not inside",
            &["ROOM-026", "ROOM-027"],
            banned,
        ),
        Property::always_possible("all can be over", &["ROOM-003"], |_, s: &State| {
            s.cluster.is_at_rest() && s.cluster.rooms().count() == 0
        }),
        Property::sometimes("several are in one room", |_, s: &State| {
            s.cluster
                .rooms()
                .any(|(_, room)| room.members().count() > 1)
        }),
    ];
    let gives =
        |model: &Rooms, wanted: Order| model.orders.iter().any(|(_, order)| *order == wanted);
    if gives(model, Order::Lobby) {
        rules.push(Property::sometimes("someone waits", |_, s: &State| {
            s.cluster
                .rooms()
                .any(|(_, room)| room.waiting().count() > 0)
        }));
    }
    if model
        .orders
        .iter()
        .any(|(_, order)| matches!(order, Order::Ban(_)))
    {
        rules.push(Property::sometimes("someone is banned", |_, s: &State| {
            s.parties
                .iter()
                .any(|one| one.codes.contains(&Code::BANNED))
        }));
    }
    if gives(model, Order::Lock) {
        rules.push(Property::sometimes(
            "someone is locked out",
            |_, s: &State| {
                s.parties
                    .iter()
                    .any(|one| one.codes.contains(&Code::ROOM_LOCKED))
            },
        ));
    }
    rules
}

fn alike(state: &State) -> Checked {
    let mut names = BTreeSet::new();
    let named = state.cluster.rooms().map(|(_, room)| room.name());
    let twice = named
        .filter(|name| !name.is_empty())
        .any(|name| !names.insert(name));
    ensure(!twice, || format!("two rooms are called {NAME}"))
}

fn answered(state: &State) -> Checked {
    for one in up(state) {
        for (request, asked) in &one.pending {
            let waits = |room: &RoomId| {
                let room = state.cluster.room(*room);
                room.is_some_and(|room| room.waiting().any(|session| session == one.session))
            };
            let held = *asked == Asked::Join
                && one
                    .waiting
                    .iter()
                    .any(|(room, waiting)| waiting == request && waits(room));
            ensure(held, || {
                format!("{asked:?} of user {} has no answer", one.user.0)
            })?;
        }
    }
    Ok(())
}

fn views(state: &State) -> Checked {
    for one in up(state) {
        for (id, view) in &one.views {
            let shown = state.cluster.room(*id).map(Room::shown).unwrap_or_default();
            let seen = view.members.iter();
            let seen: BTreeMap<_, _> = seen
                .map(|(session, info)| (*session, (info.user, info.presence, info.role)))
                .collect();
            ensure(seen == shown, || {
                format!("user {} sees {seen:?}, inside are {shown:?}", one.user.0)
            })?;
        }
        for (id, room) in state.cluster.rooms() {
            let inside = room.members().any(|session| session == one.session);
            ensure(!inside || one.views.contains_key(id), || {
                format!("user {} is inside and does not know it", one.user.0)
            })?;
        }
    }
    Ok(())
}

fn agreement(state: &State) -> Checked {
    let cluster = &state.cluster;
    for (id, room) in cluster.rooms() {
        for session in room.members() {
            let knows = cluster
                .session(session)
                .map(|session| session.rooms().any(|own| own == *id));
            ensure(knows == Some(true), || {
                "a member's session is over, or elsewhere".into()
            })?;
        }
        for session in room.waiting() {
            ensure(cluster.session(session).is_some(), || {
                "a session that is over waits".into()
            })?;
        }
        let named = cluster
            .directory()
            .into_iter()
            .flat_map(|names| names.named());
        let named = named
            .filter(|(name, known)| *name == room.name() && known == id)
            .count();
        ensure(named == 1, || "a room's name is not its own".into())?;
    }
    for (_, id) in cluster
        .directory()
        .into_iter()
        .flat_map(|names| names.named())
    {
        ensure(cluster.room(id).is_some(), || {
            "a name outlives its room".into()
        })?;
    }
    for one in up(state) {
        let Some(session) = cluster.session(one.session) else {
            continue;
        };
        for room in session.rooms() {
            let inside = cluster.room(room);
            let inside = inside.is_some_and(|room| room.members().any(|own| own == one.session));
            ensure(inside, || "a session keeps a room that it is not in".into())?;
        }
    }
    Ok(())
}

fn banned(model: &Rooms, state: &State) -> Checked {
    for (order, (client, what)) in (0..).zip(&model.orders) {
        let Order::Ban(user) = what else { continue };
        let by = &state.parties[usize::from(*client)];
        // The room that it was put out of lives for as long as who did that has not left it.
        for id in by
            .views
            .keys()
            .filter(|_| by.done.contains(&order) && by.joins == 1)
        {
            let shown = state.cluster.room(*id).map(Room::shown).unwrap_or_default();
            let inside = shown.values().any(|(inside, ..)| inside == user);
            ensure(!inside, || format!("user {} is inside", user.0))?;
        }
    }
    Ok(())
}

/// Two on two shards, who ask for one room, and leave it, and ask again.
fn two() -> Rooms {
    Rooms {
        clients: vec![("alice", ALICE, 0), ("bob", BOB, 1)],
        joins: 2,
        orders: Vec::new(),
        denies: false,
        faults: Faults::NONE,
        shards: 2,
        planted: None,
    }
}

fn three() -> Rooms {
    Rooms {
        clients: vec![("alice", ALICE, 0), ("bob", BOB, 1), ("carol", CAROL, 0)],
        joins: 1,
        ..two()
    }
}

#[test]
fn room_010_two_who_ask_for_one_room_by_its_name() {
    let model = Rooms {
        denies: true,
        ..two()
    };
    let report = search("rooms of two", &model, 30_000);
    report.check_exhaustive().expect("holds");
}

#[test]
fn room_010_three_who_ask_for_one_room_by_its_name() {
    let report = search("rooms of three", &three(), 25_000);
    report.check_exhaustive().expect("holds");
}

#[test]
fn room_021_a_lobby_that_is_closed_and_opened() {
    let orders = vec![(0, Order::Lobby), (0, Order::Open), (0, Order::Ban(BOB))];
    let faults = Faults {
        timeouts: 1,
        ..Faults::NONE
    };
    let model = Rooms {
        orders,
        faults,
        ..two()
    };
    let report = search("a lobby", &model, 30_000);
    report.check().expect("holds");
}

#[test]
fn room_027_bans_locks_and_the_end_of_a_room() {
    let orders = vec![(0, Order::Ban(BOB)), (0, Order::Lock), (1, Order::Close)];
    let report = search("orders", &Rooms { orders, ..two() }, 30_000);
    report.check().expect("holds");
}

#[test]
fn room_009_sessions_that_are_lost_and_resumed_in_rooms() {
    let faults = Faults {
        crashes: 1,
        ..Faults::NONE
    };
    let model = Rooms {
        orders: vec![(0, Order::Lobby)],
        faults,
        ..two()
    };
    let report = search("rooms and lost sessions", &model, 30_000);
    report.check().expect("holds");
}

#[test]
fn room_010_two_on_other_shards_than_whoever_knows_the_names() {
    let model = Rooms {
        clients: vec![("alice", ALICE, 1), ("bob", BOB, 2)],
        shards: 3,
        ..two()
    };
    let report = search("rooms over three shards", &model, 30_000);
    report.check().expect("holds");
}

/// What the shortest run looks like that breaks this rule, once this is planted; without it, nothing is broken as far.
fn found(model: Rooms, planted: Planted, rule: &str) -> String {
    let planted_in = Rooms {
        planted: Some(planted),
        ..model.clone()
    };
    let report = Explorer::new(&planted_in).states(60_000).breadth_first();
    let found = report.counterexample(rule);
    let found = found.unwrap_or_else(|| panic!("{planted:?} was not found: {report}"));
    let steps = found.path.actions.len() as u32;
    let sound = Explorer::new(&model).depth(steps).breadth_first();
    assert_eq!(sound.counterexamples, Vec::new(), "without {planted:?}");
    let (ascii, mermaid) = (found.ascii(), found.mermaid());
    std::println!("{ascii}\n{mermaid}");
    assert!(mermaid.starts_with("sequenceDiagram\n"));
    ascii
}

#[test]
fn room_010_a_name_that_is_not_kept_is_given_twice() {
    let shown = found(two(), Planted::NameNotKept, "no two rooms have one name");
    says(&shown, &["JOIN", "JOIN", "two rooms are called lobby"]);
}

#[test]
fn room_001_who_comes_to_a_room_that_is_over_is_never_answered() {
    let rule = "every request is answered, but for those that a moderator has to answer";
    let shown = found(two(), Planted::LatecomerForgotten, rule);
    says(&shown, &["JOIN", "LEAVE", "Join of user 2 has no answer"]);
}

#[test]
fn room_027_a_ban_that_is_not_noted_lets_the_banned_in() {
    let model = Rooms {
        orders: vec![(0, Order::Ban(BOB))],
        ..two()
    };
    let shown = found(model, Planted::BanForgotten, "who was banned is not inside");
    says(&shown, &["KICK user 2", "JOIN", "user 2 is inside"]);
}

#[test]
fn room_004_a_session_that_ends_and_leaves_no_room_stays_inside() {
    let faults = Faults {
        crashes: 1,
        ..Faults::NONE
    };
    let model = Rooms { faults, ..two() };
    let shown = found(
        model,
        Planted::StaysInside,
        "sessions, rooms and names agree",
    );
    says(&shown, &["JOIN", "GOODBYE", "a member's session is over"]);
}
