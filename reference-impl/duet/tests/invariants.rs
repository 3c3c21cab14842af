//! Each invariant is seen to hold of a small story, and to be broken by the same story with one thing in it changed.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use duet::invariants::{Act, Breach, Invariant, Invariants, SETTLE};
use duet_protocol::client::{Event, MemberInfo, RoomSettings};
use duet_protocol::code::Code;
use duet_protocol::error::{EndReason, Initiator};
use duet_protocol::id::{CallId, RequestId, RoomId, SessionId, UserId};
use duet_protocol::message::Media;
use duet_protocol::message::room::{Change, Options, Presence, Role};
use duet_protocol::wire::Address;
use duet_sim::Time;

const ALICE: usize = 0;
const BOB: usize = 1;

const ROOM: RoomId = RoomId([9; 16]);
const CALL: CallId = CallId([7; 16]);

/// What happens to one of them.
#[derive(Clone, Debug)]
enum Happens {
    LogsIn,
    Joins(u32),
    Sends(u32, Address, &'static str),
    Invites(CallId),
    Accepts(CallId),
    Dies,
    Told(Event),
}

use Happens::{Accepts, Dies, Invites, Joins, LogsIn, Sends, Told};

type Story = Vec<(usize, Happens)>;

fn session(who: usize) -> SessionId {
    SessionId([who as u8 + 1; 16])
}

fn user(who: usize) -> UserId {
    UserId(who as u64 + 1)
}

fn logged_in(who: usize) -> Happens {
    Told(Event::LoggedIn {
        user: user(who),
        session: session(who),
        name: "someone".into(),
    })
}

fn logged_out() -> Happens {
    Told(Event::LoggedOut {
        reason: EndReason {
            code: Code::RESUME_REFUSED,
            by: Initiator::Peer,
        },
        returning: true,
    })
}

fn answer(request: u32, code: Code, number: u64) -> Happens {
    Told(Event::Answer {
        request: RequestId(request),
        code,
        number,
    })
}

fn text(from: usize, to: Address, number: u64, text: &str) -> Happens {
    Told(Event::Text {
        to,
        user: user(from),
        session: session(from),
        number,
        time: 0,
        mention: None,
        text: text.into(),
    })
}

fn member(who: usize) -> MemberInfo {
    MemberInfo {
        session: session(who),
        user: user(who),
        presence: Presence::Here,
        role: Role::Member,
        name: "someone".into(),
    }
}

fn joined(request: u32, members: &[usize]) -> Happens {
    Told(Event::Joined {
        request: RequestId(request),
        room: ROOM,
        name: "lobby".into(),
        settings: RoomSettings {
            capacity: 100,
            options: Options::NONE,
            max_streams: 8,
        },
        members: members.iter().map(|who| member(*who)).collect(),
    })
}

fn change(change: Change, who: usize) -> Happens {
    let presence = match change {
        Change::Suspend => Presence::Suspended,
        _ => Presence::Here,
    };
    Told(Event::Member {
        room: ROOM,
        change,
        code: Code::NONE,
        member: MemberInfo {
            presence,
            ..member(who)
        },
    })
}

fn incoming(call: CallId) -> Happens {
    Told(Event::Incoming {
        call,
        peer: user(ALICE),
        name: "alice".into(),
        media: Media::ALL,
    })
}

fn started(call: CallId, peer: usize) -> Happens {
    Told(Event::Started {
        call,
        peer: user(peer),
        media: Media::ALL,
    })
}

fn ended(call: CallId) -> Happens {
    Told(Event::Ended {
        call,
        reason: EndReason {
            code: Code::HANGUP,
            by: Initiator::Peer,
        },
        existing: None,
    })
}

/// Both log in, enter a room, write to each other, and talk.
fn story() -> Story {
    let (room, bob) = (Address::Room(ROOM), Address::User(user(BOB)));
    vec![
        (ALICE, LogsIn),
        (ALICE, logged_in(ALICE)),
        (BOB, LogsIn),
        (BOB, logged_in(BOB)),
        (ALICE, Joins(1)),
        (ALICE, joined(1, &[ALICE])),
        (BOB, Joins(1)),
        (BOB, joined(1, &[ALICE, BOB])),
        (ALICE, change(Change::Join, BOB)),
        (ALICE, Sends(2, room, "one")),
        (ALICE, Sends(3, room, "two")),
        (BOB, text(ALICE, room, 1, "one")),
        (BOB, text(ALICE, room, 2, "two")),
        (ALICE, answer(2, Code::DELIVERED, 1)),
        (ALICE, answer(3, Code::DELIVERED, 2)),
        (ALICE, Sends(4, bob, "three")),
        (BOB, text(ALICE, bob, 1, "three")),
        (ALICE, answer(4, Code::DELIVERED, 1)),
        (BOB, Told(Event::Suspended)),
        (ALICE, change(Change::Suspend, BOB)),
        (BOB, Told(Event::Resumed)),
        (ALICE, change(Change::Resume, BOB)),
        (ALICE, Invites(CALL)),
        (BOB, incoming(CALL)),
        (BOB, Accepts(CALL)),
        (ALICE, started(CALL, BOB)),
        (BOB, started(CALL, ALICE)),
        (ALICE, ended(CALL)),
        (BOB, ended(CALL)),
    ]
}

fn watch(story: &Story) -> Invariants {
    let mut invariants = Invariants::new(["alice", "bob"]);
    for (millis, (who, happens)) in (0..).zip(story) {
        let (now, who) = (Time::from_millis(millis), *who);
        match happens {
            LogsIn => invariants.did(now, who, Act::LogIn),
            Joins(request) => {
                let (request, name) = (RequestId(*request), "lobby");
                invariants.did(now, who, Act::Join { request, name });
            }
            Sends(request, to, body) => {
                let (request, to, body) = (RequestId(*request), *to, body.as_bytes());
                invariants.did(now, who, Act::Send { request, to, body });
            }
            Invites(call) => invariants.did(now, who, Act::Invite { call: *call }),
            Accepts(call) => invariants.did(now, who, Act::Accept { call: *call }),
            Dies => invariants.did(now, who, Act::Die),
            Told(event) => invariants.told(now, who, event),
        }
    }
    invariants
}

fn judge(story: &Story) -> Vec<Breach> {
    let end = Time::from_millis(story.len() as u64).after(SETTLE + Duration::from_secs(1));
    watch(story).finish(end)
}

/// The place of what happens to somebody, the first that is so.
fn place(story: &Story, who: usize, happens: &Happens) -> usize {
    let like = format!("{happens:?}");
    let mut all = story.iter();
    all.position(|(whom, one)| *whom == who && format!("{one:?}") == like)
        .expect("it is part of the story")
}

/// The story without something.
fn without(who: usize, happens: &Happens) -> Story {
    let mut story = story();
    let at = place(&story, who, happens);
    story.remove(at);
    story
}

/// The story with something right after something.
fn after(who: usize, happens: &Happens, more: Happens) -> Story {
    let mut story = story();
    let at = place(&story, who, happens);
    story.insert(at + 1, (who, more));
    story
}

/// The story with something in the place of something.
fn instead(who: usize, happens: &Happens, other: Happens) -> Story {
    let mut story = story();
    let at = place(&story, who, happens);
    story[at] = (who, other);
    story
}

#[test]
fn a_sound_story_breaks_nothing() {
    assert_eq!(judge(&story()), []);
    let tally = watch(&story()).tally();
    assert_eq!((tally.logins, tally.suspended, tally.resumed), (2, 1, 1));
    assert_eq!((tally.sent, tally.received, tally.delivered), (3, 3, 3));
    assert_eq!((tally.calls_started, tally.calls_ended), (2, 2));
}

/// What is broken, by one change of the story; every invariant is there.
fn broken() -> Vec<(Invariant, &'static str, Story)> {
    use Invariant as I;
    let (room, bob) = (Address::Room(ROOM), Address::User(user(BOB)));
    let other = CallId([8; 16]);
    vec![
        (
            I::SessionOrder,
            "logged in twice",
            after(BOB, &logged_in(BOB), logged_in(BOB)),
        ),
        (
            I::SessionOrder,
            "resumed without need",
            after(BOB, &Told(Event::Resumed), Told(Event::Resumed)),
        ),
        (
            I::Answered,
            "never answered",
            without(ALICE, &answer(4, Code::DELIVERED, 1)),
        ),
        (
            I::Answered,
            "answered twice",
            after(
                ALICE,
                &answer(4, Code::DELIVERED, 1),
                answer(4, Code::DELIVERED, 1),
            ),
        ),
        (
            I::Answered,
            "not even when the session ends",
            instead(ALICE, &answer(4, Code::DELIVERED, 1), logged_out()),
        ),
        (
            I::Return,
            "logged out",
            after(BOB, &ended(CALL), logged_out()),
        ),
        (
            I::Return,
            "suspended",
            after(BOB, &ended(CALL), Told(Event::Suspended)),
        ),
        (
            I::MessageIntact,
            "another text",
            instead(
                BOB,
                &text(ALICE, bob, 1, "three"),
                text(ALICE, bob, 1, "thr3e"),
            ),
        ),
        (
            I::MessageIntact,
            "another author",
            instead(
                BOB,
                &text(ALICE, bob, 1, "three"),
                text(BOB, bob, 1, "three"),
            ),
        ),
        (
            I::MessageIntact,
            "another address",
            instead(
                BOB,
                &text(ALICE, bob, 1, "three"),
                text(ALICE, room, 1, "three"),
            ),
        ),
        (
            I::MessageIntact,
            "another receiver",
            after(ALICE, &Sends(4, bob, "three"), text(ALICE, bob, 1, "three")),
        ),
        (
            I::MessageOnce,
            "twice",
            after(
                BOB,
                &text(ALICE, bob, 1, "three"),
                text(ALICE, bob, 1, "three"),
            ),
        ),
        (I::MessageOrder, "the second first", {
            let mut story = story();
            let at = place(&story, BOB, &text(ALICE, room, 1, "one"));
            story.swap(at, at + 1);
            story
        }),
        (
            I::MessageResult,
            "delivered to nobody",
            without(BOB, &text(ALICE, bob, 1, "three")),
        ),
        (
            I::MessageResult,
            "refused, and there",
            instead(
                ALICE,
                &answer(4, Code::DELIVERED, 1),
                answer(4, Code::UNREACHABLE, 1),
            ),
        ),
        (I::MessageResult, "refused, and there later", {
            let mut story = instead(
                ALICE,
                &answer(4, Code::DELIVERED, 1),
                answer(4, Code::UNREACHABLE, 1),
            );
            let at = place(&story, ALICE, &answer(4, Code::UNREACHABLE, 1));
            story.swap(at, at - 1);
            story
        }),
        (
            I::MessageNumber,
            "another number in the result",
            instead(
                ALICE,
                &answer(4, Code::DELIVERED, 1),
                answer(4, Code::DELIVERED, 2),
            ),
        ),
        (
            I::RoomChanges,
            "the same member once more",
            after(ALICE, &change(Change::Join, BOB), change(Change::Join, BOB)),
        ),
        (
            I::RoomChanges,
            "not in the room that it enters",
            instead(BOB, &joined(1, &[ALICE, BOB]), joined(1, &[ALICE])),
        ),
        (
            I::RoomAgreement,
            "a member is missing",
            after(
                ALICE,
                &change(Change::Resume, BOB),
                change(Change::Leave, BOB),
            ),
        ),
        (
            I::RoomAgreement,
            "a member stays suspended",
            without(ALICE, &change(Change::Resume, BOB)),
        ),
        (
            I::CallConsent,
            "nobody has accepted",
            without(BOB, &Accepts(CALL)),
        ),
        (
            I::CallConsent,
            "it never rang",
            after(ALICE, &ended(CALL), started(other, BOB)),
        ),
        (I::CallAlone, "a second call", {
            let mut story = story();
            let at = place(&story, ALICE, &ended(CALL));
            let second = [
                (ALICE, Invites(other)),
                (BOB, incoming(other)),
                (BOB, Accepts(other)),
                (ALICE, started(other, BOB)),
                (ALICE, ended(other)),
                (BOB, ended(other)),
            ];
            story.splice(at..at, second);
            story
        }),
        (I::CallEnd, "for one side only", without(BOB, &ended(CALL))),
        (I::CallEnd, "twice", after(BOB, &ended(CALL), ended(CALL))),
        (I::CallEnd, "it rings for good", {
            let mut story = story();
            story.push((ALICE, Invites(other)));
            story
        }),
        (
            I::CallEnd,
            "not with its session",
            instead(BOB, &ended(CALL), logged_out()),
        ),
    ]
}

#[test]
fn each_invariant_is_broken_by_one_change() {
    for (invariant, what, story) in broken() {
        let breaches = judge(&story);
        let found = breaches.iter().any(|breach| breach.invariant == invariant);
        assert!(found, "{invariant:?}, {what}: {breaches:#?}");
    }
    let named: BTreeSet<Invariant> = broken().into_iter().map(|(one, ..)| one).collect();
    let all: BTreeSet<Invariant> = Invariant::ALL.iter().map(|(one, _)| *one).collect();
    assert_eq!(named, all);
}

/// What differs in its cause differs in its way, its phase or its client, so that the search for the smallest run that
/// fails so does not end at another failure.
#[test]
fn breaches_of_one_invariant_are_told_apart() {
    let mut seen = BTreeSet::new();
    for (invariant, what, story) in broken() {
        let breaches = judge(&story);
        let own = breaches.iter().filter(|one| one.invariant == invariant);
        let own = own.map(|one| (one.phase.to_string(), one.way, one.who.clone()));
        let own: BTreeSet<_> = own.collect();
        let is_new = seen.insert((invariant, own.clone()));
        assert!(is_new, "{invariant:?}, {what}: {own:?}");
    }
}

/// A client that is killed owes nothing, and is owed nothing.
#[test]
fn a_killed_client_is_not_judged() {
    let mut story = story();
    let at = place(
        &story,
        BOB,
        &text(ALICE, Address::User(user(BOB)), 1, "three"),
    );
    story.truncate(at);
    story.push((BOB, Dies));
    story.push((ALICE, answer(4, Code::UNDETERMINED, 0)));
    story.push((ALICE, change(Change::Suspend, BOB)));
    story.push((ALICE, change(Change::Leave, BOB)));
    assert_eq!(judge(&story), []);
}

/// Whoever asks to enter a room that it is in is refused, and stays there. The swarm asked so often: it was counted as
/// gone, and the others as wrong who still saw it.
#[test]
fn whoever_joins_again_is_still_inside() {
    let mut story = story();
    let at = place(&story, BOB, &Joins(1));
    story.insert(at, (ALICE, Joins(9)));
    story.insert(at + 1, (ALICE, answer(9, Code::ALREADY_IN_ROOM, 0)));
    assert_eq!(judge(&story), []);
}

/// What must happen in the end is not asked for before there was time for it.
#[test]
fn nothing_is_asked_for_too_early() {
    let story = without(ALICE, &answer(4, Code::DELIVERED, 1));
    let end = Time::from_millis(story.len() as u64);
    assert_eq!(watch(&story).finish(end), []);
}

/// One who comes back too late has not come back in time.
#[test]
fn a_late_return_is_a_breach() {
    let mut invariants = Invariants::new(["alice"]);
    let second = |second: u64| Time::from_millis(1_000 * second);
    invariants.did(second(0), ALICE, Act::LogIn);
    invariants.healed(second(10));
    let Told(event) = logged_in(ALICE) else {
        unreachable!("it is told that it is logged in");
    };
    invariants.told(second(41), ALICE, &event);
    let breaches = invariants.finish(second(100));
    assert_eq!(breaches.len(), 1);
    assert_eq!(
        breaches[0].to_string(),
        "100000 ms, alice: session.return: it came back 31s after the last fault"
    );
}

/// A link that loses packets for ever may kill a connection long after the last fault; then it counts from there.
#[test]
fn a_return_from_a_later_loss_counts_from_the_loss() {
    let second = |second: u64| Time::from_millis(1_000 * second);
    let late = |back: Option<u64>| -> Vec<String> {
        let mut invariants = Invariants::new(["alice"]);
        let Told(event) = logged_in(ALICE) else {
            unreachable!("it is told that it is logged in");
        };
        invariants.did(second(0), ALICE, Act::LogIn);
        invariants.told(second(1), ALICE, &event);
        invariants.healed(second(10));
        invariants.told(second(60), ALICE, &Event::Suspended);
        if let Some(back) = back {
            invariants.told(second(back), ALICE, &Event::Resumed);
        }
        let breaches = invariants.finish(second(100));
        breaches.iter().map(ToString::to_string).collect()
    };
    assert_eq!(late(Some(69)), Vec::<String>::new());
    assert_eq!(
        late(Some(71)),
        ["100000 ms, alice: session.return: it came back 11s after it lost its link"]
    );
    assert_eq!(
        late(None),
        ["100000 ms, alice: session.return: it is still suspended"]
    );
}

/// Names are what scenarios are written with.
#[test]
fn an_invariant_is_found_by_its_name() {
    for (invariant, meaning) in Invariant::ALL {
        assert_eq!(Invariant::named(invariant.name()), Some(*invariant));
        assert!(!meaning.is_empty());
    }
    assert_eq!(Invariant::named("message"), None);
}

#[test]
fn data_is_judged_as_text_is() {
    let mut story = story();
    let room = Address::Room(ROOM);
    story.push((ALICE, Sends(9, room, "data")));
    let data = Told(Event::Data {
        to: room,
        user: user(ALICE),
        session: session(ALICE),
        number: 3,
        time: 0,
        data: Bytes::from_static(b"data"),
    });
    story.push((BOB, data.clone()));
    story.push((ALICE, answer(9, Code::DELIVERED, 3)));
    assert_eq!(judge(&story), []);
    story.push((BOB, data));
    assert_eq!(judge(&story)[0].invariant, Invariant::MessageOnce);
}
