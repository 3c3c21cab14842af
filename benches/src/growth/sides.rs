//! What a peer can make many of beside rooms and text: transfers, what a resumed link is sent, entries for the service,
//! streams of media.

use duet_protocol::code::Code;
use duet_protocol::id::{RequestId, SessionId, StreamNumber, TransferId};
use duet_protocol::io::{ConnId, Purpose};
use duet_protocol::media::write_header;
use duet_protocol::message::Wire as _;
use duet_protocol::message::channel::DataTo;
use duet_protocol::message::media::{Attach, Subscribe};
use duet_protocol::message::service::{Link, Permissions};
use duet_protocol::message::session::{Ack, Resume};
use duet_protocol::message::transfer::{Offer, TransferEnd};
use duet_protocol::service::{LinkConfig, ServiceToken};
use duet_protocol::wire::{Address, Opaque, Params, Secret, Text};

use super::Case;
use super::cases::{publish, room, text};
use super::world::World;

pub(super) const ALL: [Case; 4] = [
    Case {
        name: "transfers of others",
        sizes: [12, 48, 192],
        units: |_| 16,
        pass: transfers,
    },
    Case {
        name: "frames that a RESUME brings again",
        sizes: [60, 240, 960],
        units: |size| size,
        pass: resumes,
    },
    Case {
        name: "entries the service has not confirmed",
        sizes: [64, 256, 1_024],
        units: |_| 64,
        pass: entries,
    },
    Case {
        name: "streams, for each packet of one",
        sizes: [2, 8, 32],
        units: |_| 64,
        pass: packets,
    },
];

const P: Params<'static> = Params::NONE;

/// So many offers are open; others offer and give up, again and again.
fn transfers(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let mut number = 0_u64;
    let mut offer = move |world: &mut World, from: ConnId, to: SessionId| {
        number += 1;
        let mut id = [7; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let transfer = TransferId(id);
        let offer = Offer {
            to: Address::Session(to),
            request: RequestId(number as u32),
            transfer,
            size: 1 << 20,
            name: Text::cut("film.mp4"),
            content_type: Text::cut("video/mp4"),
            params: P,
        };
        world.say(from, offer.encode());
        transfer
    };
    for _ in 0..size {
        let ((from, _), (_, to)) = (world.online(), world.online());
        offer(&mut world, from, to);
        world.acknowledge_all();
    }
    // A pair for each unit, so that nobody offers more often than it may, and no time has to pass.
    let pairs: Vec<_> = (0..16).map(|_| (world.online(), world.online())).collect();
    Box::new(move || {
        for ((from, _), (receiver, to)) in pairs.iter().copied() {
            let transfer = offer(&mut world, from, to);
            let end = TransferEnd {
                transfer,
                code: Code::ABORTED,
                params: P,
            };
            world.say(from, end.encode());
            world.acknowledge(from, 0);
            world.acknowledge(receiver, 0);
        }
    })
}

/// So many frames wait; a new link is sent them all.
fn resumes(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let (mut conn, session) = world.online();
    let token = world.token;
    for _ in 0..size.div_ceil(240) {
        // Each message waits for its result, of which a session may have 256 waiting.
        let (sender, _) = world.online();
        for at in 0..size.min(240) as u32 {
            world.say(sender, text(Address::Session(session), at + 1));
        }
    }
    world.token = token;
    Box::new(move || {
        world.disconnect(conn);
        world.pass(1);
        conn = world.connect();
        world.hello(conn);
        let resume = Resume {
            session,
            resume_token: world.token,
            received: 0,
            device: Text::cut("bench"),
            params: P,
        };
        let before = world.sequenced.get(&conn).copied().unwrap_or_default();
        world.say(conn, resume.encode());
        let sent = world.sequenced.get(&conn).copied().unwrap_or_default() - before;
        // CONTACTS is one of them.
        assert_eq!(sent, size as u64 + 1, "all of them come again");
    })
}

/// A service that is behind by so many entries, and confirms one for each that comes.
fn entries(size: usize) -> Box<dyn FnMut()> {
    const TOKEN: &[u8] = b"token";
    let mut world = World::with(|config| {
        config.link = Some(LinkConfig {
            tokens: vec![ServiceToken::new(TOKEN, Permissions::ALL)],
            asks: Permissions::CALL,
        });
    });
    let service = world.connect_for(Purpose::Service);
    world.hello(service);
    let link = Link {
        name: Text::cut("bench"),
        token: Secret::new(TOKEN).unwrap_or_default(),
        permissions: Permissions::ALL,
        last_epoch: 0,
        last_number: 0,
        params: P,
    };
    world.say(service, link.encode());
    // Each login is an entry.
    let mut sender = world.online().0;
    for _ in 1..size {
        sender = world.online().0;
    }
    assert!(world.entry >= size as u64, "{} entries", world.entry);
    let mut number = 0;
    Box::new(move || {
        for _ in 0..64 {
            number += 1;
            let data = DataTo {
                to: Address::Service,
                request: RequestId(number),
                data: Opaque::new(b"data").unwrap_or_default(),
                params: P,
            };
            world.say(sender, data.encode());
            let received = world.entry - size as u64;
            world.say(
                service,
                Ack {
                    received,
                    params: P,
                }
                .encode(),
            );
            world.acknowledge(sender, 0);
        }
    })
}

/// A member receives so many streams, and the packets of one of them.
fn packets(size: usize) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let all = room(&mut world, 6);
    let id = world.room;
    for at in 0..size {
        let (publisher, session) = all[at / 8];
        let number = (at % 8) as u8;
        world.say(publisher, publish(id, number, 10 + u32::from(number)));
        let subscribe = Subscribe {
            request: RequestId(100 + at as u32),
            room: id,
            session,
            stream: StreamNumber(number),
            params: P,
        };
        world.say(all[5].0, subscribe.encode());
        world.acknowledge_all();
    }
    let mut attach = |conn: ConnId| {
        let token = world.tickets[&conn];
        let media = world.connect_for(Purpose::Media);
        world.say(media, Attach { token, params: P }.encode());
        media
    };
    let (publisher, subscriber) = (all[0].0, all[5].0);
    let (media, _) = (attach(publisher), attach(subscriber));
    let flow = world.flows[&publisher][0];
    let mut number = 0_u16;
    Box::new(move || {
        let before = world.datagrams;
        for _ in 0..64 {
            number = number.wrapping_add(1);
            world.pass(20);
            let mut packet = Vec::new();
            write_header(flow, number, &mut packet);
            packet.extend([0x80, 96]);
            packet.extend(number.to_be_bytes());
            packet.resize(packet.len() + 168, 7);
            world.datagram(media, packet.into());
        }
        assert!(world.datagrams > before, "packets are passed on");
    })
}
