//! What a peer can make many of.

use std::hint::black_box;

use bytes::Bytes;
use duet_protocol::id::{RequestId, RoomId, SessionId, StreamNumber, UserId};
use duet_protocol::io::ConnId;
use duet_protocol::message::channel::{DataTo, TextTo};
use duet_protocol::message::media::{Codec, Description, Kind, Publish, Subscribe, Unpublish};
use duet_protocol::message::room::{Join, Joined, Member, Options, Presence, Role};
use duet_protocol::message::session::Ping;
use duet_protocol::message::{Message, Wire as _};
use duet_protocol::wire::{Address, Framer, List, Opaque, Params, Text, Within};

use super::Case;
use super::world::World;

pub(super) const ALL: [Case; 11] = [
    Case {
        name: "frames in a chunk",
        sizes: [64, 256, 1_024],
        units: |size| size,
        pass: frames,
    },
    Case {
        name: "bytes, one at a time",
        sizes: [1_000, 4_000, 16_000],
        units: |size| size,
        pass: single_bytes,
    },
    Case {
        name: "parameters of a frame",
        sizes: [16, 64, 256],
        units: |size| size,
        pass: parameters,
    },
    Case {
        name: "entries of a list",
        sizes: [6, 24, 96],
        units: |size| size,
        pass: entries,
    },
    Case {
        name: "connections before login",
        sizes: [60, 240, 960],
        units: |_| 64,
        pass: doors,
    },
    Case {
        name: "sessions, and their timers",
        sizes: [64, 256, 1_024],
        units: |_| 64,
        pass: sessions,
    },
    Case {
        name: "requests without a result",
        sizes: [15, 60, 240],
        units: |_| 64,
        pass: requests,
    },
    Case {
        name: "frames not acknowledged",
        sizes: [15, 60, 240],
        units: |_| 64,
        pass: unacknowledged,
    },
    Case {
        name: "members, for each copy of a text",
        sizes: [6, 24, 96],
        units: |size| 4 * (size - 1),
        pass: members,
    },
    Case {
        name: "subscriptions in a room",
        sizes: [2, 8, 32],
        units: |_| 4,
        pass: subscriptions,
    },
    Case {
        name: "streams in a room",
        sizes: [3, 12, 48],
        units: |_| 4,
        pass: streams,
    },
];

pub(super) fn text(to: Address, request: u32) -> Bytes {
    TextTo {
        to,
        request: RequestId(request),
        mention: UserId(0),
        text: Text::cut("some text, of a usual length"),
        params: Params::NONE,
    }
    .encode()
}

fn frames(size: usize) -> Box<dyn FnMut()> {
    let frames = (0..size).map(|at| text(Address::Service, at as u32));
    let chunk = Bytes::from(frames.collect::<Vec<_>>().concat());
    Box::new(move || {
        let mut framer = Framer::new(16_384);
        framer.push(chunk.clone());
        while let Ok(Some(frame)) = framer.next_frame() {
            let _ = black_box(Message::decode(frame.header.kind, &frame.body));
        }
    })
}

fn single_bytes(size: usize) -> Box<dyn FnMut()> {
    let data = vec![1; size];
    let frame = DataTo {
        to: Address::Service,
        request: RequestId(1),
        data: Opaque::new(&data).unwrap_or_default(),
        params: Params::NONE,
    }
    .encode();
    Box::new(move || {
        let mut framer = Framer::new(16_384);
        for at in 0..frame.len() {
            framer.push(frame.slice(at..at + 1));
            let _ = black_box(framer.next_frame());
        }
    })
}

fn parameters(size: usize) -> Box<dyn FnMut()> {
    let mut params = Vec::new();
    for id in 0..size {
        Params::append(&mut params, 2 * id as u16 + 1, b"value");
    }
    let ping = Ping {
        token: 1,
        params: Params::from_encoded(&params).unwrap_or_default(),
    };
    let frame = ping.encode();
    Box::new(move || {
        let _ = black_box(Ping::decode(&frame[8..]));
    })
}

fn entries(size: usize) -> Box<dyn FnMut()> {
    let members: Vec<_> = (0..size)
        .map(|at| Member {
            session: SessionId([at as u8; 16]),
            user: UserId(at as u64),
            presence: Presence::Here,
            role: Role::Member,
            name: Text::cut("a name of usual length"),
        })
        .collect();
    let joined = Joined {
        request: RequestId(1),
        room: RoomId([1; 16]),
        epoch: 1,
        number: 1,
        name: Text::cut(""),
        capacity: Within::clamp(100),
        options: Options::NONE,
        max_streams: 64,
        members: List::new(&members).unwrap_or_default(),
        params: Params::NONE,
    };
    let frame = joined.encode();
    Box::new(move || {
        if let Ok(joined) = Joined::decode(&frame[8..]) {
            joined.members.iter().for_each(|member| {
                black_box(member);
            });
        }
    })
}

fn doors(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    for _ in 0..size {
        world.connect();
    }
    Box::new(move || {
        for _ in 0..64 {
            let conn = world.connect();
            world.disconnect(conn);
        }
    })
}

fn sessions(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let conns: Vec<_> = (0..size).map(|_| world.online().0).collect();
    let ping = Ping {
        token: 1,
        params: Params::NONE,
    }
    .encode();
    Box::new(move || {
        for at in 0..64 {
            // Not a whole microsecond later: nobody's heartbeat is due.
            world.say(conns[at * 13 % conns.len()], ping.clone());
        }
    })
}

fn requests(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let (conn, _) = world.online();
    let (_, quiet) = world.online();
    for at in 0..size {
        world.say(conn, text(Address::Session(quiet), 1_000 + at as u32));
    }
    let nobody = text(Address::User(UserId(77)), 1);
    Box::new(move || {
        for _ in 0..64 {
            world.say(conn, nobody.clone());
            world.acknowledge(conn, 0);
        }
    })
}

fn unacknowledged(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let (sender, _) = world.online();
    let (receiver, to) = world.online();
    let mut number = 0;
    let mut send = move |world: &mut World| {
        number += 1;
        world.say(sender, text(Address::Session(to), number));
        world.acknowledge(sender, 0);
    };
    for _ in 0..size {
        send(&mut world);
    }
    Box::new(move || {
        for _ in 0..64 {
            send(&mut world);
            world.acknowledge(receiver, size as u64);
        }
    })
}

pub(super) fn room(world: &mut World, members: usize) -> Vec<(ConnId, SessionId)> {
    let join = Join {
        request: RequestId(1),
        room: RoomId::NONE,
        name: Text::cut("room"),
        secret: Opaque::default(),
        params: Params::NONE,
    }
    .encode();
    let all: Vec<_> = (0..members).map(|_| world.online()).collect();
    for (conn, _) in &all {
        world.say(*conn, join.clone());
        world.acknowledge_all();
    }
    all
}

fn members(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let (conn, _) = room(&mut world, size)[0];
    let to = Address::Room(world.room);
    let mut number = 1;
    Box::new(move || {
        for _ in 0..4 {
            number += 1;
            world.say(conn, text(to, number));
            world.acknowledge_all();
        }
    })
}

pub(super) fn publish(room: RoomId, stream: u8, request: u32) -> Bytes {
    Publish {
        request: RequestId(request),
        room,
        description: Description {
            stream: StreamNumber(stream),
            kind: Kind::Audio,
            codec: Codec::Opus,
            payload_type: 96,
            clock_rate: 48_000,
            ssrc: 1,
            max_bitrate: 64_000,
            useful_ms: 200,
            config: Opaque::default(),
        },
        params: Params::NONE,
    }
    .encode()
}

/// A stream comes and goes in a room of forty, of whom each is subscribed to so many others.
fn subscriptions(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let all = room(&mut world, 40);
    let id = world.room;
    for (conn, _) in &all[1..5] {
        for stream in 0..8 {
            world.say(*conn, publish(id, stream, 10 + u32::from(stream)));
            world.acknowledge_all();
        }
    }
    for (conn, _) in &all[5..] {
        for at in 0..size {
            let subscribe = Subscribe {
                request: RequestId(30 + at as u32),
                room: id,
                session: all[1 + at / 8].1,
                stream: StreamNumber((at % 8) as u8),
                params: Params::NONE,
            };
            world.say(*conn, subscribe.encode());
            world.acknowledge_all();
        }
    }
    comes_and_goes(world, all[0].0)
}

/// The same in a room of twelve with so many streams.
fn streams(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let all = room(&mut world, 12);
    for at in 0..size {
        let (conn, _) = all[1 + at / 8];
        let frame = publish(world.room, (at % 8) as u8, 10 + at as u32);
        world.say(conn, frame);
        world.acknowledge_all();
    }
    comes_and_goes(world, all[0].0)
}

fn comes_and_goes(mut world: World, conn: ConnId) -> Box<dyn FnMut()> {
    let room = world.room;
    let mut number = 1_000;
    Box::new(move || {
        for _ in 0..4 {
            number += 2;
            // As often as a session may ask for such things.
            world.pass(120);
            world.say(conn, publish(room, 200, number));
            let unpublish = Unpublish {
                request: RequestId(number + 1),
                room,
                stream: StreamNumber(200),
                params: Params::NONE,
            };
            world.say(conn, unpublish.encode());
            world.acknowledge_all();
        }
    })
}
