//! What a server can make many of at a client.

use std::sync::Arc;

use bytes::Bytes;
use duet_protocol::client::{Client, Config, Credentials};
use duet_protocol::id::{RequestId, RoomId, SessionId, UserId};
use duet_protocol::io::{Capabilities, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::message::Wire as _;
use duet_protocol::message::directory::{
    Availability, ContactEntry, Contacts, Presence as PresenceFrame, Relation,
};
use duet_protocol::message::room::{Change, Delta, Joined, Member, Options, Presence, Role};
use duet_protocol::message::session::{Authenticated, Welcome};
use duet_protocol::seed::Seed;
use duet_protocol::time::Instant;
use duet_protocol::wire::{List, Params, Text, Within};

use super::Case;

pub(super) const ALL: [Case; 2] = [
    Case {
        name: "contacts of a client",
        sizes: [12, 48, 192],
        units: |_| 64,
        pass: contacts,
    },
    Case {
        name: "members of a client's room",
        sizes: [6, 24, 96],
        units: |_| 64,
        pass: members,
    },
];

const P: Params<'static> = Params::NONE;
const NOW: Instant = Instant::from_micros(1);

/// A client that is logged in.
struct World {
    core: Client,
    conn: ConnId,
}

impl World {
    fn new() -> Self {
        let config = Config {
            reserved_frames: false,
            ..Config::default()
        };
        let mut core = Client::new(Arc::new(config), Seed([1; 32]), NOW);
        let guest = Credentials::Guest("bench".to_owned());
        core.login(NOW, guest).expect("a short name");
        let mut conn = None;
        while let Some(output) = core.poll_output() {
            if let Output::Connect { conn: own, .. } = output {
                conn = Some(own);
            }
        }
        let conn = conn.expect("a connection");
        core.handle(
            NOW,
            Input::Connected {
                conn,
                purpose: Purpose::Control,
                capabilities: Capabilities {
                    shared_media: false,
                    unreliable_datagrams: true,
                },
            },
        );
        let mut world = Self { core, conn };
        let welcome = Welcome {
            version: 1,
            heartbeat_ms: Within::clamp(60_000),
            dead_after_ms: Within::clamp(180_000),
            resume_window_ms: Within::clamp(30_000),
            max_frame: Within::clamp(16_384),
            max_unacknowledged: Within::clamp(1_024),
            max_rooms: 4,
            agent: Text::cut("bench"),
            params: P,
        };
        let authenticated = Authenticated {
            user: UserId(1),
            session: SessionId([1; 16]),
            resume_token: [1; 32],
            name: Text::cut("bench"),
            params: P,
        };
        world.hear(welcome.encode());
        world.hear(authenticated.encode());
        world
    }

    fn hear(&mut self, bytes: Bytes) {
        let input = Input::Stream {
            conn: self.conn,
            id: StreamId::FIRST_OF_CLIENT,
            bytes,
            fin: false,
        };
        self.core.handle(NOW, input);
        while let Some(output) = self.core.poll_output() {
            assert!(!matches!(output, Output::Close { .. }), "it goes on");
        }
    }
}

/// One contact comes and goes.
fn contacts(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let entries: Vec<_> = (0..size)
        .map(|at| ContactEntry {
            user: UserId(at as u64 + 2),
            relation: Relation::Contact,
            name: Text::cut("a friend"),
        })
        .collect();
    let list = Contacts {
        entries: List::new(&entries).unwrap_or_default(),
        params: P,
    };
    world.hear(list.encode());
    assert_eq!(world.core.contacts().count(), size);
    let states = [Availability::Online, Availability::Offline].map(|availability| {
        PresenceFrame {
            user: UserId(2),
            availability,
            text: Text::cut(""),
            since: 0,
            params: P,
        }
        .encode()
    });
    Box::new(move || {
        for at in 0..64 {
            world.hear(states[at % 2].clone());
        }
    })
}

fn member(at: usize) -> Member<'static> {
    Member {
        session: SessionId([at as u8 + 1; 16]),
        user: UserId(at as u64 + 1),
        presence: Presence::Here,
        role: Role::Member,
        name: Text::cut("a member"),
    }
}

/// One more member comes and goes.
fn members(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let request = world.core.join(NOW, "room", b"").expect("logged in");
    let inside: Vec<_> = (0..size).map(member).collect();
    let room = RoomId([1; 16]);
    let joined = Joined {
        request: RequestId(request.0),
        room,
        epoch: 1,
        number: 1,
        name: Text::cut("room"),
        capacity: Within::clamp(100),
        options: Options::NONE,
        max_streams: 64,
        members: List::new(&inside).unwrap_or_default(),
        params: P,
    };
    world.hear(joined.encode());
    assert_eq!(world.core.rooms().count(), 1);
    let mut number = 1;
    Box::new(move || {
        for at in 0..64 {
            number += 1;
            let delta = Delta {
                room,
                epoch: 1,
                number,
                change: [Change::Join, Change::Leave][at % 2],
                code: duet_protocol::code::Code::NONE,
                member: member(size),
                params: P,
            };
            world.hear(delta.encode());
        }
    })
}
