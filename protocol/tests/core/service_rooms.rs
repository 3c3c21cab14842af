//! Chapter "Service link": a service assigns rooms, gives tickets, removes members and closes.

use duet_protocol::client::{Ban, Event as ClientEvent};
use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::{RequestId, RoomId, UserId};
use duet_protocol::message::room::{Change, Options};
use duet_protocol::message::service::{Kind, RoomCreate, RoomTicket};
use duet_protocol::message::{Message, Wire};
use duet_protocol::server::Rooms;
use duet_protocol::service::client::{Event, NewRoom, Service, Ticket};
use duet_protocol::time::Instant;
use duet_protocol::wire::{Address, Params, Secret, Text, Within};
use duet_sim::{LinkConfig as Road, NodeId};

use crate::service_host::{DECIDES, TOKEN, linked};
use crate::support::Net;

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);

/// A server on which only the service creates rooms, an active service, and clients that are logged in.
fn assigned(seed: u64, names: &[&str]) -> (Net, NodeId) {
    let config = |config: &mut duet_protocol::server::Config| {
        config.link = Some(linked());
        config.rooms = Rooms::Service;
    };
    let mut net = Net::with(seed, names, Road::default(), config, |_| {});
    let service = net.service("a");
    net.login();
    (net, service)
}

/// What the service was told of a command that it gave just now.
fn ask(
    net: &mut Net,
    service: NodeId,
    command: impl FnOnce(&mut Service, Instant) -> Result<RequestId, UsageError>,
) -> Event {
    let request = net.serve(service, |core, now| command(core, now).unwrap());
    net.run_ms(150);
    let told = net.service_host(service).all(|event| match event {
        Event::Done { request: r, .. }
        | Event::RoomCreated { request: r, .. }
        | Event::Ticket { request: r, .. }
            if *r == request =>
        {
            Some(event.clone())
        }
        _ => None,
    });
    assert_eq!(told.len(), 1, "one DONE for each command");
    told.into_iter().next().unwrap()
}

/// The code of a command that gives nothing else.
fn code(
    net: &mut Net,
    service: NodeId,
    command: impl FnOnce(&mut Service, Instant) -> Result<RequestId, UsageError>,
) -> Code {
    match ask(net, service, command) {
        Event::Done { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

fn create(net: &mut Net, service: NodeId, wish: NewRoom) -> Result<RoomId, Code> {
    match ask(net, service, |core, now| core.create_room(now, wish)) {
        Event::RoomCreated { room, .. } => Ok(room),
        Event::Done { code, .. } => Err(code),
        other => panic!("{other:?}"),
    }
}

fn ticket(net: &mut Net, service: NodeId, room: RoomId, user: UserId) -> Vec<u8> {
    match ask(net, service, |core, now| core.ticket(now, room, user)) {
        Event::Ticket {
            room: r,
            user: u,
            ticket: Ticket(ticket),
            ..
        } => {
            assert_eq!((r, u, ticket.len()), (room, user, 32));
            ticket
        }
        other => panic!("{other:?}"),
    }
}

/// What became of a JOIN.
fn enter(net: &mut Net, index: usize, room: RoomId, secret: &[u8]) -> Code {
    let request = net.command(index, |core, now| {
        core.join_room(now, room, secret).unwrap()
    });
    net.run_ms(150);
    let outcome = net.events(index).into_iter().find_map(|event| match event {
        ClientEvent::Answer {
            request: r, code, ..
        } if *r == request => Some(*code),
        ClientEvent::Joined { request: r, .. } if *r == request => Some(Code::DELIVERED),
        _ => None,
    });
    outcome.expect("an answer within 150 ms")
}

/// Why a client was put out, each time.
fn put_out(net: &Net, index: usize) -> Vec<Code> {
    let events = net.events(index).into_iter();
    let left = events.filter_map(|event| match event {
        ClientEvent::Left { code, .. } => Some(*code),
        _ => None,
    });
    left.collect()
}

fn open() -> NewRoom {
    NewRoom {
        options: Options::NONE,
        ..NewRoom::default()
    }
}

#[test]
//= SVC-049
//= ROOM-031
fn svc_048_a_service_assigns_a_room_to_two_who_asked_by_data_and_the_room_ends_with_them() {
    for seed in 0..3 {
        let (mut net, service) = assigned(seed, &["alice", "bob", "carol"]);
        net.command(0, |core, now| {
            core.data(now, Address::Service, b"I want to talk to bob")
                .unwrap()
        });
        net.run_ms(150);
        let asked = net.service_host(service).all(|event| match event {
            Event::Addressed { user, .. } => Some(*user),
            _ => None,
        });
        assert_eq!(asked, [ALICE]);
        let pair = NewRoom {
            capacity: 2,
            ..NewRoom::default()
        };
        let room = create(&mut net, service, pair).unwrap();
        for (index, user) in [(0, ALICE), (1, BOB)] {
            let pass = ticket(&mut net, service, room, user);
            net.serve(service, |core, now| {
                core.push(now, Address::User(user), pass)
            })
            .unwrap();
            net.run_ms(100);
            let got = net.events(index).into_iter().find_map(|event| match event {
                ClientEvent::Data { data, .. } => Some(data.clone()),
                _ => None,
            });
            let pass = got.expect("the ticket was pushed");
            assert_eq!(enter(&mut net, 2, room, &pass), Code::BAD_SECRET);
            assert_eq!(enter(&mut net, index, room, &pass), Code::DELIVERED);
            assert_eq!(enter(&mut net, 2, room, &pass), Code::BAD_SECRET);
        }
        assert_eq!(enter(&mut net, 2, room, b""), Code::ROOM_LOCKED);
        assert_eq!(
            crate::room::moderators(&net, 1),
            [""; 0],
            "not even the first moderates"
        );
        for index in [0, 1] {
            net.command(index, |core, now| core.leave(now, room).unwrap());
            net.run_ms(100);
        }
        assert!(net.events(1).into_iter().any(|event| matches!(
            event,
            ClientEvent::Member { change: Change::Leave, member, .. } if member.user == ALICE
        )));
        let closed = net.happened(service).into_iter();
        let closed: Vec<RoomId> = closed
            .filter(|event| event.kind == Kind::RoomClosed)
            .map(|event| event.room)
            .collect();
        assert_eq!(closed, [room], "seed {seed}");
    }
}

#[test]
fn svc_048_a_room_has_the_name_secret_capacity_and_options_that_were_asked_for() {
    for seed in 3..6 {
        let (mut net, service) = assigned(seed, &["alice", "bob", "carol"]);
        let hall = NewRoom {
            name: "hall".into(),
            secret: b"sesame".to_vec(),
            capacity: 2,
            options: Options::NONE,
        };
        let room = create(&mut net, service, hall.clone()).unwrap();
        let taken = Err(Code::NAME_TAKEN);
        assert_eq!(create(&mut net, service, hall), taken);
        assert_eq!(
            crate::room::join(&mut net, 0, "hall", b""),
            Err(Code::BAD_SECRET)
        );
        assert_eq!(
            crate::room::join(&mut net, 0, "hall", b"sesame"),
            Ok(room),
            "it has its name on every shard"
        );
        assert_eq!(enter(&mut net, 1, room, b"sesame"), Code::DELIVERED);
        assert_eq!(enter(&mut net, 2, room, b"sesame"), Code::ROOM_FULL);
        // More rooms than a user may have.
        for _ in 0..20 {
            create(&mut net, service, open()).expect("the service may");
        }
        // Nobody enters them.
        net.run_ms(116_500);
        assert_eq!(net.server().core.census().rooms, 21);
        net.run_ms(5_000);
        assert_eq!(net.server().core.census().rooms, 1, "the inhabited one");
    }
}

#[test]
fn svc_048_the_core_refuses_what_no_room_can_be() {
    let (mut net, service) = assigned(6, &[]);
    let long = "x".repeat(65);
    for wish in [
        NewRoom {
            name: long.clone(),
            ..open()
        },
        NewRoom {
            secret: long.into_bytes(),
            ..open()
        },
        NewRoom {
            capacity: 1,
            ..open()
        },
        NewRoom {
            capacity: 101,
            ..open()
        },
    ] {
        let refused = net.serve(service, |core, now| core.create_room(now, wish));
        assert_eq!(refused, Err(UsageError::TooLarge));
    }
    assert!(create(&mut net, service, open()).is_ok());
}

#[test]
fn svc_049_a_ticket_admits_once_and_a_room_has_so_many() {
    for seed in 7..10 {
        let (mut net, service) = assigned(seed, &["alice", "bob"]);
        let room = create(&mut net, service, NewRoom::default()).unwrap();
        let pass = ticket(&mut net, service, room, ALICE);
        assert_eq!(enter(&mut net, 0, room, &pass), Code::DELIVERED);
        net.command(0, |core, now| core.leave(now, room).unwrap());
        net.run_ms(100);
        // Everyone has left, so that this room is over; another one, whose tickets run out of number.
        let room = create(&mut net, service, NewRoom::default()).unwrap();
        let pass = ticket(&mut net, service, room, BOB);
        for _ in 1..100 {
            net.serve(service, |core, now| core.ticket(now, room, ALICE))
                .unwrap();
        }
        let full = code(&mut net, service, |core, now| core.ticket(now, room, ALICE));
        assert_eq!(full, Code::TOO_MANY);
        assert_eq!(enter(&mut net, 1, room, &pass), Code::DELIVERED);
        assert_eq!(
            enter(&mut net, 1, room, &pass),
            Code::ALREADY_IN_ROOM,
            "once"
        );
    }
}

#[test]
fn svc_049_a_ticket_is_not_replayed_to_a_service_that_gives_none() {
    let (mut net, service) = assigned(12, &[]);
    let room = create(&mut net, service, NewRoom::default()).unwrap();
    ticket(&mut net, service, room, ALICE);
    let raw = net.raw_service("b", TOKEN);
    net.kill_service(service);
    net.run_ms(150);
    let epoch = net.epoch(raw);
    let ask = RoomTicket {
        epoch,
        request: RequestId(1),
        room,
        user: ALICE,
        params: Params::NONE,
    };
    net.say(raw, ask.encode());
    assert_eq!(net.dones(raw), [(RequestId(1), Code::DELIVERED)]);
    let last = *net.numbers(raw).last().unwrap();
    for (token, seen) in [(TOKEN, 1), (DECIDES, 0)] {
        net.say_last(raw, bytes::Bytes::new());
        let heir = net.raw_service_at("c", token, (epoch, last - 1));
        net.run_ms(150);
        assert_eq!(net.dones(heir).len(), seen, "of those that bear a ticket");
        net.say_last(heir, bytes::Bytes::new());
    }
}

#[test]
fn svc_050_a_service_puts_a_user_out_and_keeps_it_out() {
    for seed in 13..16 {
        let (mut net, service) = assigned(seed, &["alice", "bob"]);
        let room = create(&mut net, service, open()).unwrap();
        for index in [0, 1] {
            assert_eq!(enter(&mut net, index, room, b""), Code::DELIVERED);
        }
        let kick = |net: &mut Net, user, ban| {
            code(net, service, |core, now| core.kick(now, room, user, ban))
        };
        assert_eq!(kick(&mut net, ALICE, Ban::No), Code::DELIVERED);
        assert_eq!(put_out(&net, 0), [Code::KICKED]);
        assert_eq!(kick(&mut net, ALICE, Ban::No), Code::NO_SUCH_MEMBER);
        assert_eq!(enter(&mut net, 0, room, b""), Code::DELIVERED);
        assert_eq!(kick(&mut net, ALICE, Ban::ForLife), Code::DELIVERED);
        assert_eq!(put_out(&net, 0), [Code::KICKED, Code::BANNED]);
        let pass = ticket(&mut net, service, room, ALICE);
        assert_eq!(enter(&mut net, 0, room, &pass), Code::BANNED);
        assert_eq!(put_out(&net, 1), [], "bob stays");
    }
}

#[test]
fn svc_051_a_service_closes_a_room_and_says_why() {
    for seed in 16..19 {
        let (mut net, service) = assigned(seed, &["alice", "bob"]);
        let said = [
            (Code::NONE, Code::ROOM_CLOSED),
            (Code::LOGOUT, Code::ROOM_CLOSED),
            (Code::TOO_MANY, Code::TOO_MANY),
        ];
        for (given, _) in said {
            let room = create(&mut net, service, open()).unwrap();
            for index in [0, 1] {
                assert_eq!(enter(&mut net, index, room, b""), Code::DELIVERED);
            }
            let close = |core: &mut Service, now| core.close_room(now, room, given);
            assert_eq!(code(&mut net, service, close), Code::DELIVERED);
            assert_eq!(enter(&mut net, 0, room, b""), Code::NO_SUCH_ROOM);
        }
        for index in [0, 1] {
            assert_eq!(put_out(&net, index), said.map(|(_, told)| told));
        }
        assert_eq!(net.server().core.census().rooms, 0);
    }
}

#[test]
fn svc_052_there_is_nothing_to_do_in_a_room_that_is_not_there_or_is_a_calls() {
    for seed in 19..22 {
        let (mut net, service) = assigned(seed, &["alice", "bob"]);
        crate::call::talk(&mut net);
        net.run_ms(500);
        let calls = net.client(0).core.rooms().next().expect("the call's room");
        for room in [calls, RoomId([9; 16])] {
            let none = Code::NO_SUCH_ROOM;
            let close = |core: &mut Service, now| core.close_room(now, room, Code::NONE);
            assert_eq!(code(&mut net, service, close), none);
            let kick = |core: &mut Service, now| core.kick(now, room, ALICE, Ban::No);
            assert_eq!(code(&mut net, service, kick), none);
            let ticket = |core: &mut Service, now| core.ticket(now, room, ALICE);
            assert_eq!(code(&mut net, service, ticket), none);
        }
        assert_eq!(net.client(0).core.calls().count(), 1, "the call went on");
    }
}

fn room_create(epoch: u64, request: u32) -> bytes::Bytes {
    RoomCreate {
        epoch,
        request: RequestId(request),
        name: Text::default(),
        secret: Secret::default(),
        capacity: Within::clamp(2),
        options: Options::NONE,
        params: Params::NONE,
    }
    .encode()
}

#[test]
fn svc_008_a_service_without_the_permission_for_rooms_has_no_say_in_them() {
    let mut net = crate::service::net(23, &[]);
    let raw = net.raw_service("a", DECIDES);
    let epoch = net.epoch(raw);
    net.say(raw, room_create(epoch, 1));
    assert_eq!(net.dones(raw), [(RequestId(1), Code::FORBIDDEN)]);
    assert_eq!(net.server().core.census().rooms, 0);
}

#[test]
fn svc_041_two_services_whose_commands_bear_one_number_are_told_of_their_own() {
    // The first is gone before its room is there; the second takes over at once, and counts from the same number.
    for seed in 24..36 {
        let mut net = crate::service::net(seed, &[]);
        let a = net.raw_service("a", TOKEN);
        let b = net.raw_service("b", TOKEN);
        let first = net.epoch(a);
        net.say(a, room_create(first, 1));
        net.say_last(a, bytes::Bytes::new());
        net.run_ms(1);
        net.run_ms(200);
        let epoch = net.epoch(b);
        net.say(b, room_create(epoch, 1));
        net.run_ms(200);
        let rooms: Vec<(u64, RoomId)> = net
            .raw_host(b)
            .heard
            .iter()
            .filter_map(
                |frame| match Message::decode(frame.header.kind, &frame.body) {
                    Some(Ok(Message::Service(duet_protocol::message::service::Message::Done(
                        done,
                    )))) => Some((done.epoch, done.room)),
                    _ => None,
                },
            )
            .collect();
        let own: Vec<_> = rooms.iter().filter(|(e, _)| *e == epoch).collect();
        assert_eq!(own.len(), 1, "seed {seed}: {rooms:?}");
        assert_eq!(net.server().core.census().rooms, 2);
    }
}

#[test]
fn svc_046_a_room_is_created_once_however_often_the_link_is_lost() {
    for seed in 36..42 {
        let (mut net, service) = assigned(seed, &[]);
        let mut dice = duet_sim::Stream::new(seed, "dice");
        for _ in 0..4 {
            net.serve(service, |core, now| core.create_room(now, open()))
                .unwrap();
            net.run_ms(dice.below(60));
            net.service_down(service, true);
            net.run_ms(21_000);
            net.service_down(service, false);
            net.run_ms(6_000);
        }
        let told = net.service_host(service).all(|event| match event {
            Event::RoomCreated { room, .. } => Some(*room),
            _ => None,
        });
        let opened: Vec<RoomId> = net
            .happened(service)
            .into_iter()
            .filter(|event| event.kind == Kind::RoomOpened)
            .map(|event| event.room)
            .collect();
        assert_eq!(told, opened, "seed {seed}");
        assert_eq!(told.len(), 4);
    }
}
