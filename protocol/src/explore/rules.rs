//! What must hold of calls, and how far it is searched.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use duet_sim::explore::{Faults, Property};

use super::call::{ALICE, BOB, CAROL, Calls, State};
use super::client::{Client, Course, Entry, Link, OFFERED, Seen};
use super::search;
use crate::call::server::{Call, Phase};
use crate::code::Code;
use crate::id::{CallId, SessionId};
use crate::message::Media;
use crate::message::media::Kind;

type Checked = Result<(), String>;

/// Holds all of a collection against a condition; the first that breaks it is the reason.
fn all<T>(items: impl IntoIterator<Item = T>, check: impl Fn(T) -> Checked) -> Checked {
    items.into_iter().try_for_each(check)
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn client(state: &State, session: SessionId) -> Option<&Client> {
    state.clients.iter().find(|one| one.session == session)
}

/// Everything that a client sees, with whose it is.
fn sights(state: &State) -> impl Iterator<Item = (&Client, CallId, &Seen)> {
    let clients = state.clients.iter();
    clients.flat_map(|client| {
        client
            .calls
            .iter()
            .map(move |(id, seen)| (client, *id, seen))
    })
}

pub(super) fn of(model: &Calls) -> Vec<Property<Calls>> {
    let mut rules = vec![
        Property::always(
            "nobody sees a frame that contradicts what it did",
            &["CALL-003", "CALL-009", "CALL-001"],
            |_, state: &State| state.flaw.map_or(Ok(()), |flaw| Err(flaw.into())),
        ),
        Property::always(
            "a person is in one call",
            &["CALL-020", "CALL-010"],
            |_, s| one_call(s),
        ),
        Property::always("a call's room is its own", &["CALL-018"], |_, s| {
            own_room(s)
        }),
        Property::always(
            "START has the consent of both, and the same media",
            &["CALL-003", "CALL-006", "CALL-024"],
            |_, s| consent(s),
        ),
        Property::always(
            "in a call's room are its two sides, with what both consented to",
            &["CALL-018", "MEDIA-012"],
            |_, s| inside(s),
        ),
        Property::always(
            "of two crossing calls one rings on",
            &["CALL-021"],
            |_, s| glare(s),
        ),
        Property::quiescent(
            "users, sessions, rooms and calls agree, and nothing is left over",
            &["CALL-010", "CALL-019", "ROOM-004"],
            |_, s| agreement(s),
        ),
        Property::quiescent(
            "every request is answered, and every client knows which calls it is in",
            &["CALL-007", "CALL-008", "CALL-025", "SES-016"],
            |_, s| told(s),
        ),
        Property::quiescent(
            "the ticket of START opens the room",
            &["CALL-018"],
            |_, s| opens(s),
        ),
        Property::always_possible("all can be over", &["CALL-007"], |_, s: &State| {
            s.cluster.is_at_rest() && s.cluster.calls().count() == 0
        }),
        Property::sometimes("a call is accepted", |_, s: &State| {
            sights(s).any(|(_, _, seen)| seen.started.is_some())
        }),
    ];
    if model.rooms {
        rules.push(Property::sometimes("a call is active", |_, s: &State| {
            s.cluster
                .calls()
                .any(|(_, call)| call.phase() == Phase::Active)
        }));
    }
    let crossing = model.invites.iter().any(|(by, to)| {
        let (_, from, _) = model.clients[usize::from(*by)];
        model
            .invites
            .iter()
            .any(|(other, callee)| *callee == from && model.clients[usize::from(*other)].1 == *to)
    });
    if crossing {
        rules.push(Property::sometimes("two calls cross", |_, s: &State| {
            sights(s).any(|(_, _, seen)| seen.code == Some(Code::GLARE))
        }));
    }
    if model.invites.len() > 1 {
        rules.push(Property::sometimes("a callee is busy", |_, s: &State| {
            sights(s).any(|(_, _, seen)| seen.code == Some(Code::BUSY))
        }));
    }
    let twice = |user| model.clients.iter().filter(|one| one.1 == user).count() > 1;
    if model.invites.iter().any(|(_, callee)| twice(*callee)) {
        rules.push(Property::sometimes(
            "another device answers",
            |_, s: &State| {
                sights(s).any(|(_, _, seen)| seen.code == Some(Code::ANSWERED_ELSEWHERE))
            },
        ));
    }
    rules
}

fn is_reserved(call: &Call) -> bool {
    !matches!(call.phase(), Phase::Reserving | Phase::Ended)
}

fn one_call(state: &State) -> Checked {
    let mut taken = BTreeSet::new();
    let calls = state.cluster.calls().filter(|(_, call)| is_reserved(call));
    all(
        calls
            .flat_map(|(_, call)| call.users())
            .map(|user| taken.insert(user).then_some(()).ok_or(user)),
        |one| one.map_err(|user| format!("user {} is in two", user.0)),
    )
}

fn own_room(state: &State) -> Checked {
    let mut rooms = BTreeSet::new();
    let of_calls = state.cluster.calls().filter_map(|(_, call)| call.room());
    let twice = of_calls.map(|room| rooms.insert(room)).any(|new| !new);
    ensure(!twice, || "two calls have one room".into())
}

fn consent(state: &State) -> Checked {
    all(sights(state), |(who, id, seen)| {
        let Some(started) = seen.started else {
            return Ok(());
        };
        let callee = if seen.calls {
            started.peer
        } else {
            who.session
        };
        let accepted = client(state, callee).and_then(|callee| callee.accepted(id));
        ensure(accepted == Some(started.media), || {
            format!("START says {:?}, accepted is {accepted:?}", started.media)
        })?;
        ensure(started.media.and(OFFERED) == started.media, || {
            "more than offered".into()
        })?;
        all(
            sights(state).filter(|(_, other, _)| *other == id),
            |(_, _, other)| {
                let same = other.started.is_none_or(|other| other.room == started.room);
                ensure(same, || "the sides are sent to two rooms".into())
            },
        )
    })
}

fn inside(state: &State) -> Checked {
    all(state.cluster.rooms(), |(id, room)| {
        let Some(call) = room.call() else {
            return Ok(());
        };
        let side = |session| {
            let seen = client(state, session)?.calls.get(&call)?;
            let started = seen.started.filter(|started| started.room == *id)?;
            Some((seen.calls, started.media))
        };
        all(room.members(), |session| {
            ensure(side(session).is_some(), || format!("{session:?} is inside"))
        })?;
        ensure(room.members().count() <= 2, || {
            "more than two are inside".into()
        })?;
        all(room.published(), |(session, kind)| {
            let consented = side(session).is_some_and(|(calls, media)| {
                media.has(match (calls, kind) {
                    (true, Kind::Audio) => Media::CALLER_AUDIO,
                    (true, Kind::Video) => Media::CALLER_VIDEO,
                    (false, Kind::Audio) => Media::CALLEE_AUDIO,
                    (false, Kind::Video) => Media::CALLEE_VIDEO,
                })
            });
            ensure(consented, || format!("{kind:?} flows without consent"))
        })
    })
}

fn glare(state: &State) -> Checked {
    let refused = |(_, id, seen): (&Client, CallId, &Seen)| {
        (seen.code == Some(Code::GLARE)).then_some((id, seen.existing))
    };
    all(sights(state).filter_map(refused), |(id, existing)| {
        let both = sights(state)
            .filter_map(refused)
            .any(|other| other == (existing, id));
        ensure(!both, || "each was refused for the other".into())
    })
}

fn agreement(state: &State) -> Checked {
    let cluster = &state.cluster;
    all(cluster.users(), |(id, user)| match user.reserved_for() {
        None => Ok(()),
        Some(call) => {
            let held = cluster
                .call(call)
                .is_some_and(|call| call.users().contains(id));
            ensure(held, || {
                format!("user {} is reserved for a call that is over", id.0)
            })
        }
    })?;
    all(cluster.calls(), |(id, call)| {
        all(call.users(), |user| {
            let held = cluster
                .users()
                .any(|(u, one)| *u == user && one.reserved_for() == Some(*id));
            ensure(held, || {
                format!("user {} is in a call and not reserved", user.0)
            })
        })?;
        let sides = [Some(call.caller()), call.callee()];
        all(sides.into_iter().flatten(), |side| {
            ensure(cluster.session(side).is_some(), || {
                "a call outlives its side".into()
            })
        })
    })?;
    all(cluster.rooms(), |(id, room)| {
        let lives = room.call().and_then(|call| cluster.call(call));
        ensure(lives.is_some_and(|call| call.room() == Some(*id)), || {
            "a room outlives its call".into()
        })
    })?;
    all(&state.clients, |client| {
        let Some(session) = cluster.session(client.session) else {
            return Ok(());
        };
        all(session.calls(), |call| {
            let part = cluster
                .call(call)
                .is_some_and(|call| call.has_part(client.session));
            ensure(part, || {
                "a session keeps a call that it has no part in".into()
            })
        })?;
        all(session.rooms(), |room| {
            let mut rooms = cluster.rooms();
            let inside =
                rooms.any(|(id, one)| *id == room && one.members().any(|m| m == client.session));
            ensure(inside, || "a session keeps a room that it is not in".into())
        })?;
        ensure(session.waiting() == 0, || {
            "a session waits for an answer".into()
        })
    })
}

fn told(state: &State) -> Checked {
    let up = |client: &&Client| client.link == Link::Up;
    all(state.clients.iter().filter(up), |client| {
        ensure(client.pending.is_empty(), || {
            "a request has no answer".into()
        })?;
        all(&client.calls, |(id, seen)| {
            let call = state.cluster.call(*id);
            let part = call.is_some_and(|call| call.has_part(client.session));
            match seen.course {
                Course::Open => ensure(part, || {
                    format!("nobody told {:?} of the end", client.session)
                }),
                Course::GivenUp => ensure(!part, || "what a client gave up goes on".into()),
                Course::Unsure => Ok(()),
                Course::Over if seen.wrong => Ok(()),
                Course::Over => ensure(!part, || {
                    "a client takes a call for over that is not".into()
                }),
            }
        })
    })?;
    all(state.cluster.calls(), |(id, call)| {
        all(state.clients.iter().filter(up), |client| {
            let knows = client.calls.contains_key(id);
            ensure(knows || !call.has_part(client.session), || {
                "a device was not rung".into()
            })
        })
    })
}

fn opens(state: &State) -> Checked {
    all(sights(state), |(_, id, seen)| match seen.entry {
        Entry::Refused(code) if !seen.been_inside => {
            let lives = state.cluster.call(id).is_some();
            ensure(!lives, || {
                format!("JOIN was answered {code}, and the call goes on")
            })
        }
        _ => Ok(()),
    })
}

/// Two people on two shards, each of whom may call the other.
pub(super) fn two() -> Calls {
    Calls {
        clients: vec![("alice", ALICE, 0), ("bob", BOB, 1)],
        invites: vec![(0, BOB), (1, ALICE)],
        rooms: false,
        again: false,
        wrongs: 0,
        faults: Faults::NONE,
        shards: 2,
        homes: vec![(0, 0), (0, 1), (1, 0), (1, 1)],
        planted: None,
    }
}

/// One call between two, with everything that may happen to it.
pub(super) fn one() -> Calls {
    Calls {
        invites: vec![(0, BOB)],
        rooms: true,
        ..two()
    }
}

#[test]
fn call_021_two_who_call_each_other() {
    let report = search("crossing calls", &two(), 200_000);
    report.check_exhaustive().expect("holds");
}

#[test]
fn call_018_one_call_its_room_and_its_media() {
    let report = search("one call", &one(), 30_000);
    report.check().expect("holds");
}

#[test]
fn call_018_a_ticket_that_is_tried_again() {
    let report = search(
        "tickets",
        &Calls {
            again: true,
            ..one()
        },
        30_000,
    );
    report.check().expect("holds");
}

#[test]
fn call_018_one_call_on_three_shards() {
    let model = Calls {
        clients: vec![("alice", ALICE, 0), ("bob", BOB, 1)],
        shards: 3,
        homes: vec![(0, 2), (1, 2), (2, 0)],
        ..one()
    };
    let report = search("three shards", &model, 30_000);
    report.check().expect("holds");
}

#[test]
fn call_019_one_call_and_a_session_that_is_lost() {
    let faults = Faults {
        crashes: 1,
        timeouts: 1,
        ..Faults::NONE
    };
    let report = search("lost sessions", &Calls { faults, ..one() }, 30_000);
    report.check().expect("holds");
}

#[test]
fn call_009_one_call_and_what_no_client_should_ask() {
    let report = search(
        "illegal requests",
        &Calls {
            wrongs: 1,
            rooms: false,
            ..one()
        },
        30_000,
    );
    report.check().expect("holds");
}

#[test]
fn call_025_two_devices_on_two_shards() {
    let model = Calls {
        clients: vec![("alice", ALICE, 0), ("phone", BOB, 0), ("tablet", BOB, 1)],
        rooms: false,
        ..one()
    };
    let report = search("two devices", &model, 40_000);
    report.check_exhaustive().expect("holds");
}

#[test]
fn call_020_three_people() {
    let model = Calls {
        clients: vec![("alice", ALICE, 0), ("bob", BOB, 1), ("carol", CAROL, 0)],
        invites: vec![(0, BOB), (2, BOB), (1, ALICE)],
        ..two()
    };
    let report = search("three people", &model, 30_000);
    report.check().expect("holds");
}
