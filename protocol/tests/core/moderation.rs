//! Chapter "Rooms": creating, moderators, the lobby and tickets.

use std::time::Duration;

use duet_protocol::client::{Ban, Client, Event, RoomChange};
use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::{RequestId, RoomId, SessionId, UserId};
use duet_protocol::message::room::{Change, Options, Role};
use duet_protocol::server::Rooms;
use duet_protocol::service::{Decision, Question};
use duet_protocol::time::Instant;
use duet_sim::LinkConfig;

use crate::room::{join, moderators};
use crate::support::{Net, account, lenient};

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);
const CAROL: UserId = UserId(3);

/// What became of a request, if that is known by now.
fn outcome(net: &Net, index: usize, request: RequestId) -> Option<Code> {
    net.events(index).into_iter().find_map(|event| match event {
        Event::Answer {
            request: r, code, ..
        } if *r == request => Some(*code),
        Event::Joined { request: r, .. } if *r == request => Some(Code::DELIVERED),
        _ => None,
    })
}

/// Runs a command and gives its answer.
fn ask(
    net: &mut Net,
    index: usize,
    command: impl FnOnce(&mut Client, Instant) -> Result<RequestId, UsageError>,
) -> Code {
    let request = net.command(index, |core, now| command(core, now).unwrap());
    net.run_ms(150);
    outcome(net, index, request).expect("an answer within 150 ms")
}

fn create(net: &mut Net, index: usize, name: &str, options: Options) -> Result<RoomId, Code> {
    let request = net.command(index, |core, now| {
        core.create(now, name, b"", 100, options).unwrap()
    });
    net.run_ms(100);
    let created = net.events(index).into_iter().find_map(|event| match event {
        Event::Created { request: r, room } if *r == request => Some(*room),
        _ => None,
    });
    created.ok_or_else(|| outcome(net, index, request).expect("an answer within 100 ms"))
}

/// Has a client ask to enter a room that has a lobby.
fn knock(net: &mut Net, index: usize, room: RoomId) -> RequestId {
    let request = net.command(index, |core, now| core.join_room(now, room, b"").unwrap());
    net.run_ms(100);
    let waiting = Event::Waiting { request, room };
    assert!(net.events(index).contains(&&waiting), "nobody has it wait");
    request
}

/// Who waits to be let in, as a moderator's client was told.
fn waiting(net: &Net, index: usize) -> Vec<SessionId> {
    let mut all = Vec::new();
    for event in net.events(index) {
        match event {
            Event::Knock {
                session,
                waiting: true,
                ..
            } => all.push(*session),
            Event::Knock {
                session,
                waiting: false,
                ..
            } => all.retain(|other| other != session),
            _ => {}
        }
    }
    all
}

/// How someone left a room, as another member was told.
fn left(net: &Net, index: usize, user: UserId) -> Vec<Code> {
    net.events(index)
        .into_iter()
        .filter_map(|event| match event {
            Event::Member {
                change: Change::Leave,
                code,
                member,
                ..
            } if member.user == user => Some(*code),
            _ => None,
        })
        .collect()
}

/// Why a client was put out.
fn put_out(net: &Net, index: usize) -> Vec<Code> {
    net.events(index)
        .into_iter()
        .filter_map(|event| match event {
            Event::Left { code, .. } => Some(*code),
            _ => None,
        })
        .collect()
}

fn grant(net: &mut Net, index: usize, room: RoomId, user: UserId) -> [u8; 32] {
    let request = net.command(index, |core, now| core.grant(now, room, user).unwrap());
    net.run_ms(100);
    let granted = net.events(index).into_iter().find_map(|event| match event {
        Event::Granted {
            request: r, ticket, ..
        } if *r == request => Some(*ticket),
        _ => None,
    });
    granted.expect("a ticket within 100 ms")
}

fn by_policy(seed: u64, names: &[&str], rooms: Rooms) -> Net {
    let mut net = Net::with(
        seed,
        names,
        LinkConfig::default(),
        |server| server.rooms = rooms,
        |_| {},
    );
    net.login();
    net
}

#[test]
//= ROOM-010
fn room_014_the_policy_says_who_creates_rooms() {
    for rooms in [Rooms::OnJoin, Rooms::Explicit, Rooms::Service] {
        let mut net = by_policy(1, &["alice", "bob"], rooms);
        let by_join = match rooms {
            Rooms::OnJoin => None,
            _ => Some(Code::NO_SUCH_ROOM),
        };
        assert_eq!(join(&mut net, 0, "den", b"").err(), by_join, "{rooms:?}");
        let by_create = match rooms {
            Rooms::Service => Some(Code::CREATION_DENIED),
            _ => None,
        };
        let created = create(&mut net, 0, "hall", Options::NONE);
        assert_eq!(created.err(), by_create, "{rooms:?}");
        if let Ok(room) = created {
            assert_eq!(join(&mut net, 1, "hall", b""), Ok(room));
        }
    }
}

#[test]
fn room_014_a_name_is_one_rooms_and_free_once_that_room_is_over() {
    let mut net = by_policy(2, &["alice", "bob"], Rooms::OnJoin);
    let room = create(&mut net, 0, "hall", Options::NONE).unwrap();
    let taken = Err(Code::NAME_TAKEN);
    assert_eq!(create(&mut net, 1, "hall", Options::NONE), taken);
    // A room without a name has none that another could take.
    create(&mut net, 0, "", Options::NONE).unwrap();
    create(&mut net, 1, "", Options::NONE).unwrap();
    let code = ask(&mut net, 0, |core, now| core.close_room(now, room));
    assert_eq!(code, Code::DELIVERED);
    let second = create(&mut net, 1, "hall", Options::NONE).unwrap();
    assert_ne!(second, room, "two rooms were alike");
}

#[test]
fn room_014_a_user_has_only_so_many_rooms_at_once() {
    let mut net = by_policy(3, &["alice", "bob"], Rooms::Explicit);
    let rooms: Vec<_> = (0..16)
        .map(|_| create(&mut net, 0, "", Options::NONE).unwrap())
        .collect();
    let refused = Err(Code::TOO_MANY);
    assert_eq!(create(&mut net, 0, "", Options::NONE), refused);
    create(&mut net, 1, "", Options::NONE).expect("the bound is each user's own");
    ask(&mut net, 0, |core, now| core.close_room(now, rooms[3]));
    create(&mut net, 0, "", Options::NONE).expect("one of them is over");
}

#[test]
fn room_015_the_creator_is_moderator_and_an_empty_room_ends() {
    let mut net = by_policy(4, &["alice", "bob"], Rooms::Explicit);
    let room = create(&mut net, 0, "hall", Options::NONE).unwrap();
    assert_eq!(net.client(0).core.rooms().count(), 0, "it is not inside");
    // Who enters first is not made a moderator: there is one.
    join(&mut net, 1, "hall", b"").unwrap();
    assert_eq!(moderators(&net, 1), [""; 0]);
    join(&mut net, 0, "hall", b"").unwrap();
    assert_eq!(moderators(&net, 1), ["alice"]);
    let lonely = create(&mut net, 0, "attic", Options::NONE).unwrap();
    net.run(Duration::from_secs(119));
    assert_eq!(net.server().core.census().rooms, 2, "it ended too early");
    net.run(Duration::from_secs(2));
    assert_eq!(net.server().core.census().rooms, 1);
    let request = net.command(1, |core, now| core.join_room(now, lonely, b"").unwrap());
    net.run_ms(100);
    assert_eq!(outcome(&net, 1, request), Some(Code::NO_SUCH_ROOM));
    let code = ask(&mut net, 0, |core, now| core.close_room(now, room));
    assert_eq!(code, Code::DELIVERED, "the inhabited room went on");
}

/// Every request that is a moderator's.
fn orders(net: &mut Net, index: usize, room: RoomId) -> [Code; 7] {
    let session = net.session(1).unwrap();
    let open = RoomChange {
        options: Some(Options::NONE),
        ..RoomChange::default()
    };
    [
        ask(net, index, |core, now| core.set_room(now, room, open)),
        ask(net, index, |core, now| core.admit(now, room, session, true)),
        ask(net, index, |core, now| {
            core.moderate(now, room, CAROL, Role::Moderator)
        }),
        ask(net, index, |core, now| {
            core.kick(now, room, ALICE, Ban::ForLife)
        }),
        ask(net, index, |core, now| core.unban(now, room, ALICE)),
        ask(net, index, |core, now| core.close_room(now, room)),
        ask(net, index, |core, now| core.grant(now, room, CAROL)),
    ]
}

#[test]
fn room_016_only_a_moderator_may_and_nobody_learns_whether_the_room_exists() {
    let mut net = by_policy(5, &["alice", "bob", "carol"], Rooms::OnJoin);
    let room = join(&mut net, 0, "den", b"").unwrap();
    join(&mut net, 1, "den", b"").unwrap();
    // A member, a stranger, and anyone about a room that does not exist.
    let refused = [Code::NOT_MODERATOR; 7];
    assert_eq!(orders(&mut net, 1, room), refused);
    assert_eq!(orders(&mut net, 2, room), refused);
    assert_eq!(orders(&mut net, 2, RoomId([9; 16])), refused);
    assert_eq!(net.server().core.census().rooms, 1);
    // The moderator may, also from outside.
    net.command(0, |core, now| core.leave(now, room).unwrap());
    net.run_ms(100);
    let code = ask(&mut net, 0, |core, now| core.kick(now, room, BOB, Ban::No));
    assert_eq!(code, Code::DELIVERED);
}

#[test]
fn room_016_a_calls_room_has_no_moderator() {
    let mut net = by_policy(6, &["alice", "bob", "carol"], Rooms::OnJoin);
    crate::call::talk(&mut net);
    net.run_ms(500);
    let room = net.client(0).core.rooms().next().expect("the call's room");
    assert_eq!(orders(&mut net, 0, room), [Code::NOT_MODERATOR; 7]);
    assert_eq!(net.client(0).core.calls().count(), 1, "the call went on");
}

#[test]
//= ROOM-018
fn room_017_settings_change_one_by_one_and_everyone_is_told() {
    let mut net = by_policy(7, &["alice", "bob", "carol"], Rooms::OnJoin);
    let room = join(&mut net, 0, "den", b"sesame").unwrap();
    join(&mut net, 1, "den", b"sesame").unwrap();
    let set = |net: &mut Net, change| ask(net, 0, |core, now| core.set_room(now, room, change));
    let capacity = RoomChange {
        capacity: Some(2),
        ..RoomChange::default()
    };
    assert_eq!(set(&mut net, capacity), Code::DELIVERED);
    assert_eq!(join(&mut net, 2, "den", b"sesame"), Err(Code::ROOM_FULL));
    let wider = RoomChange {
        capacity: Some(3),
        secret: Some(b"abracadabra"),
        ..RoomChange::default()
    };
    assert_eq!(set(&mut net, wider), Code::DELIVERED);
    assert_eq!(join(&mut net, 2, "den", b"sesame"), Err(Code::BAD_SECRET));
    let locked = RoomChange {
        options: Some(Options::LOCKED),
        ..RoomChange::default()
    };
    assert_eq!(set(&mut net, locked), Code::DELIVERED);
    assert_eq!(
        join(&mut net, 2, "den", b"abracadabra"),
        Err(Code::ROOM_LOCKED)
    );
    // A new secret is nobody's business, and what did not change is not told.
    let nothing = RoomChange {
        secret: Some(b"open"),
        capacity: Some(3),
        options: Some(Options::LOCKED),
    };
    assert_eq!(set(&mut net, nothing), Code::DELIVERED);
    for index in [0, 1] {
        let told: Vec<_> = net
            .events(index)
            .into_iter()
            .filter_map(|event| match event {
                Event::RoomSet { settings, .. } => Some((settings.capacity, settings.options)),
                _ => None,
            })
            .collect();
        let expected = [(2, Options::NONE), (3, Options::NONE), (3, Options::LOCKED)];
        assert_eq!(told, expected);
    }
    // The deltas of members and of settings are one sequence: a gap would have ended a session.
    net.command(1, |core, now| core.leave(now, room).unwrap());
    net.run_ms(100);
    assert_eq!(left(&net, 0, BOB), [Code::LEFT]);
}

#[test]
//= ROOM-032
fn room_031_a_lock_stops_neither_a_moderator_nor_a_ticket() {
    let mut net = by_policy(8, &["alice", "bob", "carol"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOCKED).unwrap();
    assert_eq!(join(&mut net, 1, "den", b""), Err(Code::ROOM_LOCKED));
    assert_eq!(join(&mut net, 0, "den", b""), Ok(room));
    let ticket = grant(&mut net, 0, room, BOB);
    let code = ask(&mut net, 1, |core, now| core.join_room(now, room, &ticket));
    assert_eq!(code, Code::DELIVERED);
}

#[test]
//= ROOM-020, ROOM-021
fn room_019_who_knocks_waits_until_a_moderator_has_judged() {
    let mut net = by_policy(9, &["alice", "bob", "carol"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    join(&mut net, 0, "den", b"").expect("the moderator does not wait");
    let (bob, carol) = (net.session(1).unwrap(), net.session(2).unwrap());
    let (of_bob, of_carol) = (knock(&mut net, 1, room), knock(&mut net, 2, room));
    assert_eq!(waiting(&net, 0), [bob, carol]);
    let again = ask(&mut net, 1, |core, now| core.join_room(now, room, b""));
    assert_eq!(again, Code::ALREADY_WAITING);
    assert_eq!(outcome(&net, 1, of_bob), None);
    let admit = |core: &mut Client, now| core.admit(now, room, bob, true);
    assert_eq!(ask(&mut net, 0, admit), Code::DELIVERED);
    assert_eq!(outcome(&net, 1, of_bob), Some(Code::DELIVERED));
    let refuse = |core: &mut Client, now| core.admit(now, room, carol, false);
    assert_eq!(ask(&mut net, 0, refuse), Code::DELIVERED);
    assert_eq!(outcome(&net, 2, of_carol), Some(Code::NOT_ADMITTED));
    assert_eq!(waiting(&net, 0), [SessionId::NONE; 0]);
    // The verdict comes twice, or late.
    assert_eq!(ask(&mut net, 0, admit), Code::NOT_WAITING);
    assert_eq!(ask(&mut net, 0, refuse), Code::NOT_WAITING);
    assert!(
        !net.events(1)
            .iter()
            .any(|e| matches!(e, Event::Knock { .. })),
        "a member that is no moderator was told who knocks"
    );
}

#[test]
fn room_020_a_moderator_that_comes_later_is_told_of_all_who_wait() {
    let mut net = by_policy(10, &["alice", "bob", "carol"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    knock(&mut net, 2, room);
    let carol = net.session(2).unwrap();
    assert_eq!(waiting(&net, 0), [SessionId::NONE; 0], "it is not inside");
    join(&mut net, 0, "den", b"").unwrap();
    assert_eq!(waiting(&net, 0), [carol]);
    let ticket = grant(&mut net, 0, room, BOB);
    ask(&mut net, 1, |core, now| core.join_room(now, room, &ticket));
    let appoint = |core: &mut Client, now| core.moderate(now, room, BOB, Role::Moderator);
    assert_eq!(ask(&mut net, 0, appoint), Code::DELIVERED);
    assert_eq!(waiting(&net, 1), [carol]);
}

#[test]
fn room_022_nobody_waits_for_ever() {
    let mut net = by_policy(11, &["alice", "bob"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    join(&mut net, 0, "den", b"").unwrap();
    let request = knock(&mut net, 1, room);
    net.run(Duration::from_secs(119));
    assert_eq!(outcome(&net, 1, request), None);
    net.run(Duration::from_secs(2));
    assert_eq!(outcome(&net, 1, request), Some(Code::LOBBY_TIMEOUT));
    assert_eq!(waiting(&net, 0), [SessionId::NONE; 0]);
    let bob = net.session(1).unwrap();
    let late = ask(&mut net, 0, |core, now| core.admit(now, room, bob, true));
    assert_eq!(late, Code::NOT_WAITING);
}

#[test]
fn room_023_a_knock_is_withdrawn_by_leave_and_by_the_sessions_end_and_not_by_a_lost_link() {
    let mut net = by_policy(12, &["alice", "bob", "carol"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    join(&mut net, 0, "den", b"").unwrap();
    let request = knock(&mut net, 1, room);
    let code = ask(&mut net, 1, |core, now| core.leave(now, room));
    assert_eq!(code, Code::DELIVERED);
    assert_eq!(outcome(&net, 1, request), Some(Code::WITHDRAWN));
    assert_eq!(waiting(&net, 0), [SessionId::NONE; 0]);
    // A lost link: it goes on waiting, is let in as one that is suspended, and is inside when it is back.
    let request = knock(&mut net, 1, room);
    let bob = net.session(1).unwrap();
    net.set_down(1, true);
    net.run(Duration::from_secs(21));
    assert_eq!(waiting(&net, 0), [bob]);
    let code = ask(&mut net, 0, |core, now| core.admit(now, room, bob, true));
    assert_eq!(code, Code::DELIVERED);
    net.set_down(1, false);
    net.run(Duration::from_secs(8));
    assert_eq!(outcome(&net, 1, request), Some(Code::DELIVERED));
    let changes: Vec<_> = net
        .events(0)
        .into_iter()
        .filter_map(|event| match event {
            Event::Member { change, member, .. } if member.user == BOB => Some(*change),
            _ => None,
        })
        .collect();
    assert_eq!(changes, [Change::Join, Change::Suspend, Change::Resume]);
    // A session that ends.
    knock(&mut net, 2, room);
    net.command(2, |core, now| core.logout(now));
    net.run_ms(100);
    assert_eq!(waiting(&net, 0), [SessionId::NONE; 0]);
}

#[test]
fn room_023_a_verdict_and_a_withdrawal_may_cross() {
    // Both are on their way at once; whichever is first at the room decides, and nobody is left half inside.
    let done = Some(Code::DELIVERED);
    let (in_and_out, withdrawn) = (
        (done, done, done),
        (Some(Code::NOT_WAITING), Some(Code::WITHDRAWN), done),
    );
    let mut seen = Vec::new();
    for (first, gap) in [(0, 40), (0, 2), (0, 0), (1, 0), (1, 2), (1, 40)] {
        let mut net = by_policy(13, &["alice", "bob"], Rooms::Explicit);
        let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
        join(&mut net, 0, "den", b"").unwrap();
        let joining = knock(&mut net, 1, room);
        let bob = net.session(1).unwrap();
        let (mut admitting, mut leaving) = (None, None);
        for step in 0..2 {
            if step == first {
                let admit = net.command(0, |core, now| core.admit(now, room, bob, true));
                admitting = admit.ok();
            } else {
                leaving = net.command(1, |core, now| core.leave(now, room)).ok();
            }
            net.run_ms(gap);
        }
        net.run_ms(200);
        let told = (
            outcome(&net, 0, admitting.unwrap()),
            outcome(&net, 1, joining),
            outcome(&net, 1, leaving.unwrap()),
        );
        assert!([in_and_out, withdrawn].contains(&told), "{told:?}");
        assert_eq!(net.client(1).core.rooms().count(), 0);
        assert_eq!(waiting(&net, 0), [SessionId::NONE; 0]);
        seen.push(told);
    }
    assert_eq!(seen.first(), Some(&in_and_out));
    assert_eq!(seen.last(), Some(&withdrawn));
}

#[test]
fn room_024_only_so_many_wait() {
    let names: Vec<String> = (0..34).map(|n| format!("guest {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut net = by_policy(14, &names, Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    for index in 1..=32 {
        knock(&mut net, index, room);
    }
    let code = ask(&mut net, 33, |core, now| core.join_room(now, room, b""));
    assert_eq!(code, Code::LOBBY_FULL);
}

#[test]
fn room_021_several_are_admitted_at_once_and_the_room_holds_its_capacity() {
    let mut net = by_policy(15, &["alice", "bob", "carol"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    join(&mut net, 0, "den", b"").unwrap();
    let (_, of_carol) = (knock(&mut net, 1, room), knock(&mut net, 2, room));
    let two = RoomChange {
        capacity: Some(2),
        ..RoomChange::default()
    };
    ask(&mut net, 0, |core, now| core.set_room(now, room, two));
    let sessions = [1, 2].map(|index| net.session(index).unwrap());
    let verdicts = sessions
        .map(|session| net.command(0, |core, now| core.admit(now, room, session, true).unwrap()));
    net.run_ms(200);
    let told = verdicts.map(|request| outcome(&net, 0, request));
    assert_eq!(told, [Some(Code::DELIVERED), Some(Code::ROOM_FULL)]);
    assert_eq!(outcome(&net, 2, of_carol), None, "it waits for a place");
    net.command(1, |core, now| core.leave(now, room).unwrap());
    net.run_ms(100);
    let code = ask(&mut net, 0, |core, now| {
        core.admit(now, room, sessions[1], true)
    });
    assert_eq!(code, Code::DELIVERED);
}

#[test]
fn room_017_without_a_lobby_those_who_wait_enter_in_their_order() {
    let mut net = by_policy(16, &["alice", "bob", "carol"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    join(&mut net, 0, "den", b"").unwrap();
    // Carol first: ids are drawn, and must not decide.
    let (of_carol, of_bob) = (knock(&mut net, 2, room), knock(&mut net, 1, room));
    let open = RoomChange {
        capacity: Some(2),
        options: Some(Options::NONE),
        ..RoomChange::default()
    };
    ask(&mut net, 0, |core, now| core.set_room(now, room, open));
    assert_eq!(outcome(&net, 2, of_carol), Some(Code::DELIVERED));
    assert_eq!(outcome(&net, 1, of_bob), Some(Code::ROOM_FULL));
}

#[test]
fn room_025_roles_are_given_and_taken_and_the_last_moderator_stays() {
    let mut net = by_policy(17, &["alice", "bob", "carol"], Rooms::OnJoin);
    let room = join(&mut net, 0, "den", b"").unwrap();
    join(&mut net, 1, "den", b"").unwrap();
    let role = |net: &mut Net, by, user, role| {
        ask(net, by, |core, now| core.moderate(now, room, user, role))
    };
    let absent = role(&mut net, 0, CAROL, Role::Moderator);
    assert_eq!(absent, Code::NO_SUCH_MEMBER);
    let last = role(&mut net, 0, ALICE, Role::Member);
    assert_eq!(last, Code::LAST_MODERATOR);
    assert_eq!(moderators(&net, 1), ["alice"]);
    assert_eq!(role(&mut net, 0, BOB, Role::Moderator), Code::DELIVERED);
    assert_eq!(moderators(&net, 0), ["alice", "bob"]);
    assert_eq!(role(&mut net, 1, ALICE, Role::Member), Code::DELIVERED);
    assert_eq!(moderators(&net, 0), ["bob"]);
    let no_more = role(&mut net, 0, BOB, Role::Member);
    assert_eq!(no_more, Code::NOT_MODERATOR);
    // To give what one has, or to take what one has not, is done at once, and nobody is told.
    net.forget_events();
    assert_eq!(role(&mut net, 1, BOB, Role::Moderator), Code::DELIVERED);
    assert_eq!(role(&mut net, 1, ALICE, Role::Member), Code::DELIVERED);
    assert!(
        !net.events(0)
            .iter()
            .any(|e| matches!(e, Event::Member { .. }))
    );
}

#[test]
fn room_026_who_is_kicked_is_out_with_every_session_and_without_its_role() {
    let mut net = by_policy(18, &["alice", "bob", "bob", "carol"], Rooms::OnJoin);
    let room = join(&mut net, 0, "den", b"").unwrap();
    for index in 1..4 {
        join(&mut net, index, "den", b"").unwrap();
    }
    let own = ask(&mut net, 0, |core, now| {
        core.kick(now, room, ALICE, Ban::No)
    });
    assert_eq!(own, Code::KICK_SELF);
    ask(&mut net, 0, |core, now| {
        core.moderate(now, room, BOB, Role::Moderator)
    });
    let code = ask(&mut net, 0, |core, now| core.kick(now, room, BOB, Ban::No));
    assert_eq!(code, Code::DELIVERED);
    assert_eq!(left(&net, 3, BOB), [Code::KICKED; 2]);
    assert_eq!(
        (put_out(&net, 1), put_out(&net, 2)),
        (vec![Code::KICKED], vec![Code::KICKED])
    );
    let again = ask(&mut net, 0, |core, now| core.kick(now, room, BOB, Ban::No));
    assert_eq!(again, Code::NO_SUCH_MEMBER);
    // It may come back, as a member.
    join(&mut net, 1, "den", b"").unwrap();
    let code = ask(&mut net, 1, |core, now| {
        core.kick(now, room, CAROL, Ban::No)
    });
    assert_eq!(code, Code::NOT_MODERATOR);
}

#[test]
fn room_026_a_moderator_may_kick_the_only_other_one_and_a_knocker() {
    let mut net = by_policy(19, &["alice", "bob", "carol"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    let ticket = grant(&mut net, 0, room, BOB);
    ask(&mut net, 1, |core, now| core.join_room(now, room, &ticket));
    let request = knock(&mut net, 2, room);
    // Alice is moderator from outside; bob is the one inside, and carol knocks.
    let appoint = |core: &mut Client, now| core.moderate(now, room, BOB, Role::Moderator);
    assert_eq!(ask(&mut net, 0, appoint), Code::DELIVERED);
    let kick = |core: &mut Client, now| core.kick(now, room, CAROL, Ban::No);
    assert_eq!(ask(&mut net, 1, kick), Code::DELIVERED);
    assert_eq!(outcome(&net, 2, request), Some(Code::KICKED));
    assert_eq!(waiting(&net, 1), [SessionId::NONE; 0]);
}

#[test]
//= ROOM-028
fn room_027_a_ban_holds_for_its_time_however_one_comes() {
    let mut net = by_policy(20, &["alice", "bob", "carol"], Rooms::OnJoin);
    let room = join(&mut net, 0, "den", b"").unwrap();
    join(&mut net, 1, "den", b"").unwrap();
    let ticket = grant(&mut net, 0, room, BOB);
    let ban = Ban::For(Duration::from_secs(30));
    let code = ask(&mut net, 0, |core, now| core.kick(now, room, BOB, ban));
    assert_eq!(code, Code::DELIVERED);
    assert_eq!(
        (put_out(&net, 1), left(&net, 0, BOB)),
        (vec![Code::BANNED], vec![Code::BANNED])
    );
    let by_id = |secret: &[u8]| {
        let secret = secret.to_vec();
        move |core: &mut Client, now| core.join_room(now, room, &secret)
    };
    assert_eq!(join(&mut net, 1, "den", b""), Err(Code::BANNED));
    assert_eq!(ask(&mut net, 1, by_id(b"")), Code::BANNED);
    // The ticket went with the ban.
    assert_eq!(ask(&mut net, 1, by_id(&ticket)), Code::BAD_SECRET);
    let ticket = grant(&mut net, 0, room, BOB);
    assert_eq!(ask(&mut net, 1, by_id(&ticket)), Code::BANNED);
    net.run(Duration::from_secs(30));
    assert_eq!(ask(&mut net, 1, by_id(b"")), Code::DELIVERED, "it is over");
    // For life, in advance, and lifted.
    let code = ask(&mut net, 0, |core, now| {
        core.kick(now, room, CAROL, Ban::ForLife)
    });
    assert_eq!(code, Code::DELIVERED);
    net.run(Duration::from_secs(3_600));
    assert_eq!(join(&mut net, 2, "den", b""), Err(Code::BANNED));
    let unban = |core: &mut Client, now| core.unban(now, room, CAROL);
    assert_eq!(ask(&mut net, 0, unban), Code::DELIVERED);
    assert_eq!(ask(&mut net, 0, unban), Code::NOT_BANNED);
    assert_eq!(join(&mut net, 2, "den", b""), Ok(room));
}

#[test]
fn room_027_a_ban_that_comes_while_the_service_is_asked_holds() {
    let mut net = by_policy(21, &["alice", "bob"], Rooms::OnJoin);
    let room = join(&mut net, 0, "den", b"").unwrap();
    let asked = std::rc::Rc::new(std::cell::Cell::new(None));
    let (noted, mut allow) = (asked.clone(), lenient());
    net.server_mut().policy = Box::new(move |decide| match &decide.question {
        Question::Join { .. } => {
            noted.set(Some(decide.id));
            None
        }
        _ => allow(decide),
    });
    let request = net.command(1, |core, now| core.join(now, "den", b"").unwrap());
    net.run_ms(100);
    ask(&mut net, 0, |core, now| {
        core.kick(now, room, BOB, Ban::ForLife)
    });
    let id = asked.get().expect("a question");
    net.server_command(|core, now| {
        use duet_protocol::io::{Core as _, Input};
        let decision = Decision::Allow;
        core.handle(now, Input::Decision { id, decision });
    });
    net.run_ms(100);
    assert_eq!(outcome(&net, 1, request), Some(Code::BANNED));
}

#[test]
fn room_027_only_so_many_are_banned() {
    let mut net = by_policy(22, &["alice", "bob"], Rooms::OnJoin);
    let room = join(&mut net, 0, "den", b"").unwrap();
    join(&mut net, 1, "den", b"").unwrap();
    for user in 100..200 {
        let ban = Ban::For(Duration::from_secs(60));
        let code = ask(&mut net, 0, |core, now| {
            core.kick(now, room, UserId(user), ban)
        });
        assert_eq!(code, Code::DELIVERED);
    }
    let one_more = |core: &mut Client, now| core.kick(now, room, BOB, Ban::ForLife);
    assert_eq!(ask(&mut net, 0, one_more), Code::TOO_MANY);
    assert_eq!(
        put_out(&net, 1),
        [Code::NONE; 0],
        "it was put out all the same"
    );
    net.run(Duration::from_secs(61));
    assert_eq!(
        ask(&mut net, 0, one_more),
        Code::DELIVERED,
        "those are over"
    );
}

#[test]
//= ROOM-004
fn room_029_a_closed_room_is_empty_of_members_and_of_those_who_wait() {
    let mut net = by_policy(23, &["alice", "bob", "carol"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::NONE).unwrap();
    join(&mut net, 0, "den", b"").unwrap();
    join(&mut net, 1, "den", b"").unwrap();
    let lobby = RoomChange {
        options: Some(Options::LOBBY),
        ..RoomChange::default()
    };
    ask(&mut net, 0, |core, now| core.set_room(now, room, lobby));
    let request = knock(&mut net, 2, room);
    let code = ask(&mut net, 0, |core, now| core.close_room(now, room));
    assert_eq!(code, Code::DELIVERED);
    assert_eq!(
        (put_out(&net, 0), put_out(&net, 1)),
        (vec![Code::ROOM_CLOSED], vec![Code::ROOM_CLOSED])
    );
    assert_eq!(outcome(&net, 2, request), Some(Code::ROOM_CLOSED));
    assert_eq!(net.server().core.census().rooms, 0);
}

#[test]
fn room_023_when_the_last_member_leaves_nobody_waits_for_nobody() {
    let mut net = by_policy(24, &["alice", "bob"], Rooms::Explicit);
    let room = create(&mut net, 0, "den", Options::LOBBY).unwrap();
    join(&mut net, 0, "den", b"").unwrap();
    let request = knock(&mut net, 1, room);
    net.command(0, |core, now| core.leave(now, room).unwrap());
    net.run_ms(100);
    assert_eq!(outcome(&net, 1, request), Some(Code::ROOM_CLOSED));
    assert_eq!(net.server().core.census().rooms, 0);
}

#[test]
fn room_010_who_asked_for_a_name_gets_the_room_that_has_it() {
    // Bob is still being decided about when the last member leaves: the room is over, and its name is another room's.
    let mut net = by_policy(25, &["alice", "bob"], Rooms::OnJoin);
    let room = join(&mut net, 0, "den", b"").unwrap();
    let asked = std::rc::Rc::new(std::cell::Cell::new(None));
    let (noted, mut allow) = (asked.clone(), lenient());
    net.server_mut().policy = Box::new(move |decide| match &decide.question {
        Question::Join { .. } if noted.get().is_none() => {
            noted.set(Some(decide.id));
            None
        }
        _ => allow(decide),
    });
    net.command(1, |core, now| core.join(now, "den", b"").unwrap());
    net.run_ms(100);
    net.command(0, |core, now| core.leave(now, room).unwrap());
    net.run_ms(200);
    assert!(asked.get().is_some(), "nobody asked");
    let second = net.client(1).core.rooms().next().expect("bob is in a room");
    assert_ne!(second, room);
    assert_eq!(moderators(&net, 1), ["bob"]);
}

#[test]
//= ROOM-030
fn room_031_a_ticket_admits_its_user_once() {
    let mut net = by_policy(26, &["alice", "bob", "carol", "bob"], Rooms::Explicit);
    let request = net.command(0, |core, now| {
        core.create(now, "den", b"sesame", 2, Options::LOBBY)
            .unwrap()
    });
    net.run_ms(100);
    let created = net.events(0).into_iter().find_map(|event| match event {
        Event::Created { request: r, room } if *r == request => Some(*room),
        _ => None,
    });
    let room = created.unwrap();
    let ticket = grant(&mut net, 0, room, BOB);
    let enter = |core: &mut Client, now| core.join_room(now, room, &ticket);
    assert_eq!(
        ask(&mut net, 2, enter),
        Code::BAD_SECRET,
        "it is not carol's"
    );
    assert_eq!(
        ask(&mut net, 1, enter),
        Code::DELIVERED,
        "past secret and lobby"
    );
    assert_eq!(ask(&mut net, 3, enter), Code::BAD_SECRET, "it was used");
    // One that was refused for want of a place is not used up.
    let ticket = grant(&mut net, 0, room, CAROL);
    let enter = |core: &mut Client, now| core.join_room(now, room, &ticket);
    join(&mut net, 0, "den", b"sesame").unwrap();
    assert_eq!(ask(&mut net, 2, enter), Code::ROOM_FULL);
    net.command(1, |core, now| core.leave(now, room).unwrap());
    net.run_ms(100);
    assert_eq!(ask(&mut net, 2, enter), Code::DELIVERED);
}

#[test]
fn room_030_tickets_expire_and_are_so_many() {
    let mut net = by_policy(27, &["alice", "bob"], Rooms::Explicit);
    let request = net.command(0, |core, now| {
        core.create(now, "den", b"sesame", 100, Options::NONE)
            .unwrap()
    });
    net.run_ms(100);
    let room = join(&mut net, 0, "den", b"sesame").unwrap();
    assert_eq!(outcome(&net, 0, request), None);
    let ticket = grant(&mut net, 0, room, BOB);
    for _ in 0..99 {
        grant(&mut net, 0, room, BOB);
    }
    let code = ask(&mut net, 0, |core, now| core.grant(now, room, BOB));
    assert_eq!(code, Code::TOO_MANY);
    net.run(Duration::from_secs(600));
    let late = ask(&mut net, 1, |core, now| core.join_room(now, room, &ticket));
    assert_eq!(late, Code::BAD_SECRET);
    let ticket = grant(&mut net, 0, room, BOB);
    let code = ask(&mut net, 1, |core, now| core.join_room(now, room, &ticket));
    assert_eq!(code, Code::DELIVERED);
    assert_eq!(account("bob"), Some(BOB));
}
