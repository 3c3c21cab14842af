//! Chapter "Rooms".

use std::sync::Arc;
use std::time::Duration;

use duet_protocol::client::{Client, Config, Credentials, Event};
use duet_protocol::code::Code;
use duet_protocol::id::{RequestId, RoomId, SessionId, UserId};
use duet_protocol::io::{Capabilities, ConnId, Core, Input, Output, StreamId};
use duet_protocol::message::room::{
    Change, Delta, Join, Joined, Member, Options, Presence, Role, RoomDelta,
};
use duet_protocol::message::{Message, Wire, session};
use duet_protocol::seed::Seed;
use duet_protocol::service::{Decision, Question};
use duet_protocol::time::Instant;
use duet_protocol::wire::{Address, List, Opaque, Params, Text, Within};

use crate::support::{Net, lenient};

pub(crate) fn join(net: &mut Net, index: usize, name: &str, secret: &[u8]) -> Result<RoomId, Code> {
    let request = net.command(index, |core, now| core.join(now, name, secret).unwrap());
    net.run_ms(150);
    let events = net.events(index);
    let answer = events.into_iter().find_map(|event| match event {
        Event::Joined {
            request: r, room, ..
        } if *r == request => Some(Ok(*room)),
        Event::Answer {
            request: r, code, ..
        } if *r == request => Some(Err(*code)),
        _ => None,
    });
    answer.expect("an answer within 150 ms")
}

#[test]
//= ROOM-001, ROOM-003, ROOM-005
fn room_002_the_snapshot_holds_everyone_and_deltas_follow_it() {
    let mut net = Net::new(1, &["alice", "bob", "carol"]);
    net.login();
    let room = join(&mut net, 0, "lobby", b"").unwrap();
    assert_eq!(join(&mut net, 1, "lobby", b""), Ok(room));
    assert_eq!(join(&mut net, 2, "lobby", b""), Ok(room));
    let members = net.events(2).into_iter().find_map(|event| match event {
        Event::Joined { members, .. } => Some(members.len()),
        _ => None,
    });
    assert_eq!(members, Some(3));
    net.command(1, |core, now| core.leave(now, room).unwrap());
    net.run_ms(100);
    let changes: Vec<_> = net
        .events(0)
        .into_iter()
        .filter_map(|event| match event {
            Event::Member {
                change,
                code,
                member,
                ..
            } => Some((*change, *code, member.name.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        changes,
        [
            (Change::Join, Code::NONE, "bob"),
            (Change::Join, Code::NONE, "carol"),
            (Change::Leave, Code::LEFT, "bob"),
        ]
    );
    for index in [0, 2] {
        net.command(index, |core, now| core.leave(now, room).unwrap());
    }
    net.run_ms(100);
    assert_eq!(net.server().core.census().rooms, 0, "an empty room stayed");
}

#[test]
fn room_008_a_secret_keeps_others_out() {
    let mut net = Net::new(2, &["alice", "bob"]);
    net.login();
    let room = join(&mut net, 0, "den", b"sesame").unwrap();
    assert_eq!(join(&mut net, 1, "den", b""), Err(Code::BAD_SECRET));
    assert_eq!(join(&mut net, 1, "den", b"sesame"), Ok(room));
}

#[test]
fn room_007_the_service_decides_and_silence_is_a_refusal() {
    let mut net = Net::new(3, &["alice"]);
    net.login();
    let mut allow = lenient();
    net.server_mut().policy = Box::new(move |decide| match &decide.question {
        Question::Join { name, .. } if name == "vip" => Some(Decision::Deny(Code::FORBIDDEN)),
        Question::Join { name, .. } if name == "void" => None,
        _ => allow(decide),
    });
    assert_eq!(join(&mut net, 0, "vip", b""), Err(Code::FORBIDDEN));
    let request = net.command(0, |core, now| core.join(now, "void", b"").unwrap());
    net.run(Duration::from_secs(6));
    let refused = Event::Answer {
        number: 0,
        request,
        code: Code::SERVICE_UNAVAILABLE,
    };
    assert!(net.events(0).contains(&&refused));
    assert_eq!(net.server().core.census().rooms, 0);
}

#[test]
fn room_009_a_lost_link_shows_as_suspended_and_not_as_left() {
    let mut net = Net::new(4, &["alice", "bob"]);
    net.login();
    join(&mut net, 0, "lobby", b"").unwrap();
    join(&mut net, 1, "lobby", b"").unwrap();
    net.forget_events();
    net.set_down(1, true);
    net.run(Duration::from_secs(21));
    net.set_down(1, false);
    net.run(Duration::from_secs(8));
    let changes: Vec<_> = net
        .events(0)
        .into_iter()
        .filter_map(|event| match event {
            Event::Member { change, .. } => Some(*change),
            _ => None,
        })
        .collect();
    assert_eq!(changes, [Change::Suspend, Change::Resume]);
}

#[test]
fn room_004_a_session_that_ends_leaves_its_rooms() {
    let mut net = Net::new(5, &["alice", "bob"]);
    net.login();
    join(&mut net, 0, "lobby", b"").unwrap();
    join(&mut net, 1, "lobby", b"").unwrap();
    net.command(1, |core, now| core.logout(now));
    net.run_ms(100);
    let left = net.events(0).into_iter().any(|event| {
        matches!(
            event,
            Event::Member {
                change: Change::Leave,
                code: Code::SESSION_ENDED,
                ..
            }
        )
    });
    assert!(left);
}

#[test]
//= CHAN-008
fn chan_009_text_to_a_room_reaches_the_others_and_only_members_may_send() {
    let mut net = Net::new(6, &["alice", "bob", "carol"]);
    net.login();
    let room = join(&mut net, 0, "lobby", b"").unwrap();
    join(&mut net, 1, "lobby", b"").unwrap();
    let to = Address::Room(room);
    net.command(0, |core, now| core.text(now, to, "hi all").unwrap());
    let stranger = net.command(2, |core, now| core.text(now, to, "hi").unwrap());
    net.run_ms(200);
    let texts = |index| {
        net.events(index)
            .into_iter()
            .filter(|e| matches!(e, Event::Text { .. }))
            .count()
    };
    assert_eq!((texts(0), texts(1), texts(2)), (0, 1, 0));
    let refused = Event::Answer {
        number: 0,
        request: stranger,
        code: Code::NOT_IN_ROOM,
    };
    assert!(net.events(2).contains(&&refused));
    assert!(net.events(0).iter().any(|e| matches!(
        e,
        Event::Answer {
            code: Code::DELIVERED,
            ..
        }
    )));
}

#[test]
fn room_006_there_are_only_so_many_rooms_for_a_session() {
    let mut net = Net::new(7, &["alice"]);
    net.login();
    for name in ["a", "b", "c", "d"] {
        join(&mut net, 0, name, b"").unwrap();
    }
    let refused = net.command(0, |core, now| core.join(now, "e", b""));
    assert_eq!(refused, Err(duet_protocol::error::UsageError::TooMany));
}

#[test]
fn room_010_where_none_may_be_created_an_unknown_room_is_refused() {
    let mut net = Net::with(
        8,
        &["alice"],
        duet_sim::LinkConfig::default(),
        |server| server.rooms = duet_protocol::server::Rooms::Explicit,
        |_| {},
    );
    net.login();
    assert_eq!(join(&mut net, 0, "anything", b""), Err(Code::NO_SUCH_ROOM));
    let raw = net.raw_online("bob");
    let (request, room, params) = (RequestId(1), RoomId([9; 16]), Params::NONE);
    let (name, secret) = (Text::default(), Opaque::default());
    net.say(
        raw,
        Join {
            request,
            room,
            name,
            secret,
            params,
        }
        .encode(),
    );
    let code = net.raw_host(raw).last(|message| match message {
        Message::Session(session::Message::Outcome(outcome)) => Some(outcome.code),
        _ => None,
    });
    assert_eq!(code, Some(Code::NO_SUCH_ROOM));
}

/// What a client last knew of the members' roles, by name; moderators only.
pub(crate) fn moderators(net: &Net, index: usize) -> Vec<String> {
    let mut roles = std::collections::BTreeMap::new();
    for event in net.events(index) {
        match event {
            Event::Joined { members, .. } => {
                roles.extend(members.iter().map(|m| (m.name.clone(), m.role)));
            }
            Event::Member {
                change: Change::Leave,
                member,
                ..
            } => {
                roles.remove(&member.name);
            }
            Event::Member { member, .. } => {
                roles.insert(member.name.clone(), member.role);
            }
            _ => {}
        }
    }
    roles.retain(|_, role| *role == Role::Moderator);
    roles.into_keys().collect()
}

#[test]
//= ROOM-012
fn room_013_the_first_inside_is_moderator_and_the_longest_standing_member_follows() {
    let mut net = Net::new(9, &["alice", "bob", "carol"]);
    net.login();
    let room = join(&mut net, 0, "lobby", b"").unwrap();
    // Ids are drawn: that carol enters before bob shows that time decides, not the order of ids or of names.
    join(&mut net, 2, "lobby", b"").unwrap();
    join(&mut net, 1, "lobby", b"").unwrap();
    assert_eq!(moderators(&net, 1), ["alice"]);
    net.command(0, |core, now| core.leave(now, room).unwrap());
    net.run_ms(100);
    assert_eq!(moderators(&net, 1), ["carol"]);
    // The role is the user's while the room lives: alice has it still, and nobody loses it by that.
    join(&mut net, 0, "lobby", b"").unwrap();
    assert_eq!(moderators(&net, 1), ["alice", "carol"]);
    assert_eq!(moderators(&net, 0), ["alice", "carol"]);
}

#[test]
fn room_013_a_suspended_member_does_not_follow_before_one_that_is_there() {
    let mut net = Net::new(10, &["alice", "bob", "carol"]);
    net.login();
    let room = join(&mut net, 0, "lobby", b"").unwrap();
    join(&mut net, 1, "lobby", b"").unwrap();
    join(&mut net, 2, "lobby", b"").unwrap();
    net.set_down(1, true);
    net.run(Duration::from_secs(21));
    net.command(0, |core, now| core.leave(now, room).unwrap());
    net.run_ms(100);
    assert_eq!(moderators(&net, 2), ["carol"]);
}

/// A client, and what its server, played by the test, says to it.
struct Scripted {
    core: Client,
    conn: ConnId,
}

impl Scripted {
    /// A client that is logged in.
    fn online() -> Self {
        let mut core = Client::new(Arc::new(Config::default()), Seed([1; 32]), Instant::EPOCH);
        core.login(Instant::EPOCH, Credentials::Guest("alice".into()))
            .unwrap();
        let Some(Output::Connect { conn, purpose, .. }) = core.poll_output() else {
            panic!("a client connects")
        };
        let capabilities = Capabilities {
            shared_media: false,
            unreliable_datagrams: true,
        };
        let mut this = Self { core, conn };
        this.core.handle(
            Instant::EPOCH,
            Input::Connected {
                conn,
                purpose,
                capabilities,
            },
        );
        let welcome = session::Welcome {
            version: 1,
            heartbeat_ms: Within::clamp(5_000),
            dead_after_ms: Within::clamp(20_000),
            resume_window_ms: Within::clamp(30_000),
            max_frame: Within::clamp(16_384),
            max_unacknowledged: Within::clamp(1_024),
            max_rooms: 4,
            agent: Text::default(),
            params: Params::NONE,
        };
        this.say(&welcome);
        let authenticated = session::Authenticated {
            user: UserId(1),
            session: SessionId([1; 16]),
            resume_token: [0; 32],
            name: Text::cut("alice"),
            params: Params::NONE,
        };
        this.say(&authenticated);
        this
    }

    fn say<'a>(&mut self, message: &impl Wire<'a>) {
        let (conn, id, bytes) = (self.conn, StreamId::FIRST_OF_CLIENT, message.encode());
        self.core.handle(
            Instant::EPOCH,
            Input::Stream {
                conn,
                id,
                bytes,
                fin: false,
            },
        );
    }

    /// The code with which the client has closed its connection, if it has.
    fn closed(&mut self) -> Option<Code> {
        std::iter::from_fn(|| self.core.poll_output()).find_map(|output| match output {
            Output::Close { code, .. } => Some(code),
            _ => None,
        })
    }
}

#[test]
fn room_011_a_gap_in_the_deltas_ends_the_session() {
    let gap = Some(Code::UNEXPECTED_FRAME);
    // Changes of members and of settings share their numbers: ROOM is told first, then MEMBER.
    for (first, number, closed) in [(1, 2, None), (1, 3, gap), (1, 1, gap), (2, 3, gap)] {
        let mut scripted = Scripted::online();
        let request = scripted.core.join(Instant::EPOCH, "lobby", b"").unwrap();
        let (room, epoch, params) = (RoomId([3; 16]), 7, Params::NONE);
        let member = Member {
            role: Role::Member,
            session: SessionId([1; 16]),
            user: UserId(1),
            presence: Presence::Here,
            name: Text::cut("alice"),
        };
        let members = [member.clone()];
        let members = List::new(&members).unwrap();
        scripted.say(&Joined {
            name: Text::default(),
            capacity: Within::clamp(100),
            options: Options::NONE,
            max_streams: 64,
            request,
            room,
            epoch,
            number: 0,
            members,
            params,
        });
        scripted.say(&RoomDelta {
            room,
            epoch,
            number: first,
            capacity: Within::clamp(50),
            options: Options::LOBBY,
            params,
        });
        let (change, code) = (Change::Join, Code::NONE);
        let member = Member {
            session: SessionId([2; 16]),
            ..member
        };
        scripted.say(&Delta {
            room,
            epoch,
            number,
            change,
            code,
            member,
            params,
        });
        assert_eq!(scripted.closed(), closed, "deltas {first} and {number}");
    }
}
