//! The server's core, and clients that mean it ill.

use bytes::Bytes;
use duet_protocol::id::{CallId, RequestId, RoomId, StreamNumber, UserId};
use duet_protocol::io::Purpose;
use duet_protocol::limits::{self};
use duet_protocol::message::call::Invite;
use duet_protocol::message::channel::DataTo;
use duet_protocol::message::directory::{ContactEntry, ContactSet, Lookup, Relation};
use duet_protocol::message::media::{Codec, Description, Kind, Publish, Subscribe};
use duet_protocol::message::room::{Create, Join, Leave, Options};
use duet_protocol::message::{Media, Wire as _, schemas};
use duet_protocol::wire::{Address, Opaque, Params, Sender, Text, Within};

use super::draw::Draw;
use super::host::Host;
use super::wording::{self, Pool};

fn header(kind: u16, length: u32) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes
}

/// A large frame that never ends, byte by byte, each byte a slice of a large buffer.
pub(super) fn half_frames_at_the_door() {
    let mut host = Host::new("half frames at the door");
    for purpose in [Purpose::Control, Purpose::Media] {
        for _ in 0..40 {
            let conn = host.connect(purpose);
            let mut frame = header(0x0101, limits::MAX_FRAME as u32);
            frame.resize(limits::MAX_FRAME, 1);
            for byte in frame {
                let mut large = vec![byte; 2_048];
                large.truncate(2_048);
                host.say(conn, Bytes::from(large).slice(..1));
            }
        }
        if purpose == Purpose::Media {
            // Not in the census, and as much as a door.
            break;
        }
        host.pass(limits::LOGIN.as_millis() as u64);
        assert_eq!(host.core.census().doors, 0);
    }
    host.end();
}

/// Each request is refused, each refusal waits to be acknowledged.
pub(super) fn many_small_requests_without_an_acknowledgement() {
    let mut host = Host::new("small requests without an acknowledgement");
    (host.acknowledges, host.heavy) = (false, 1);
    for _ in 0..4 {
        let (conn, _) = host.online();
        for number in 0..3_000 {
            host.say(conn, leave(number).encode());
        }
        assert!(!host.conns.contains_key(&conn), "it is behind, and out");
    }
    host.end();
}

fn leave(number: u32) -> Leave<'static> {
    Leave {
        request: RequestId(number),
        room: RoomId([3; 16]),
        params: Params::NONE,
    }
}

/// Receivers that keep quiet, and many senders.
pub(super) fn large_data_for_those_who_do_not_acknowledge() {
    let mut host = Host::new("large data, not acknowledged");
    (host.acknowledges, host.heavy) = (false, 4);
    let receivers: Vec<_> = (0..4).map(|_| host.online()).collect();
    let senders: Vec<_> = (0..20).map(|_| host.online()).collect();
    let mut number = 0;
    for length in [16_000, 1, 16_000] {
        for (conn, _) in &senders {
            for (_, to) in (0..5).flat_map(|_| &receivers) {
                number += 1;
                let data = vec![7; length];
                let data = DataTo {
                    to: Address::Session(*to),
                    request: RequestId(number),
                    data: Opaque::new(&data).unwrap(),
                    params: Params::NONE,
                };
                host.say(*conn, data.encode());
            }
        }
    }
    let tried = 3 * limits::MAX_UNACKNOWLEDGED_BYTES;
    assert!(host.peak > tried, "only {} bytes", host.peak);
    host.end();
}

/// LOOKUP, CONTACT_SET, JOIN by name, with the longest of names, and no answer.
pub(super) fn questions_that_the_service_leaves_open() {
    let mut host = Host::new("open questions");
    host.heavy = 0;
    let peers: Vec<_> = (0..20).map(|_| host.online()).collect();
    host.decides = false;
    let long = "n".repeat(64);
    for (at, (conn, _)) in peers.iter().enumerate() {
        for number in 0..400 {
            let request = RequestId(number);
            let name = Text::cut(&long);
            let params = Params::NONE;
            let frame = match number % 3 {
                0 => Lookup {
                    request,
                    name,
                    params,
                }
                .encode(),
                1 => ContactSet {
                    request,
                    entry: ContactEntry {
                        user: UserId(u64::from(number) + 1_000),
                        relation: Relation::Contact,
                        name,
                    },
                    params,
                }
                .encode(),
                _ => {
                    let own = format!("{at} {number} {long}");
                    Join {
                        request,
                        room: RoomId::NONE,
                        name: Text::cut(&own),
                        secret: Opaque::new(&[1; 64]).unwrap(),
                        params,
                    }
                    .encode()
                }
            };
            host.say(*conn, frame);
        }
    }
    host.end();
}

/// A hundred members, every stream that there may be, everyone subscribed to as many as it may be, and then all the
/// members' lists full.
pub(super) fn a_room_as_full_as_can_be() {
    let mut host = Host::new("a full room");
    host.heavy = 0;
    let long = "n".repeat(64);
    let (first, _) = host.online();
    let create = Create {
        request: RequestId(1),
        name: Text::cut(&long),
        secret: Opaque::default(),
        capacity: Within::clamp(limits::MAX_MEMBERS as u32),
        options: Options::NONE,
        params: Params::NONE,
    };
    host.say(first, create.encode());
    let join = Join {
        request: RequestId(2),
        room: RoomId::NONE,
        name: Text::cut(&long),
        secret: Opaque::default(),
        params: Params::NONE,
    };
    let mut members = vec![first];
    let mut sessions = vec![host.session];
    for _ in 1..limits::MAX_MEMBERS {
        let (conn, session) = host.online();
        members.push(conn);
        sessions.push(session);
    }
    for conn in &members {
        host.say(*conn, join.encode());
    }
    assert_eq!(host.core.census().rooms, 1);
    let room = host.room;
    for (at, conn) in members.iter().enumerate().take(8) {
        for stream in 0..8 {
            let publish = Publish {
                request: RequestId(10 + stream),
                room,
                description: Description {
                    stream: StreamNumber(stream as u8),
                    kind: Kind::Video,
                    codec: Codec::H264,
                    payload_type: 96,
                    clock_rate: 90_000,
                    ssrc: at as u32,
                    max_bitrate: 0,
                    useful_ms: 1_000,
                    config: Opaque::new(&[1; 256]).unwrap(),
                },
                params: Params::NONE,
            };
            host.say(*conn, publish.encode());
        }
    }
    for conn in &members {
        for number in 0..40 {
            let subscribe = Subscribe {
                request: RequestId(100 + number),
                room,
                session: sessions[number as usize / 8],
                stream: StreamNumber((number % 8) as u8),
                params: Params::NONE,
            };
            host.say(*conn, subscribe.encode());
        }
    }
    host.end();
}

/// INVITE and CANCEL with the largest blocks, as fast as it may.
pub(super) fn calls_one_after_the_other() {
    let mut host = Host::new("calls");
    host.heavy = 0;
    let peers: Vec<_> = (0..8).map(|_| host.online()).collect();
    for number in 0..4_000_u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number + 1).to_be_bytes());
        let (conn, _) = peers[number as usize % peers.len()];
        let invite = Invite {
            call: CallId(id),
            peer: UserId((number + 1) % 8 + 1),
            media: Media::ALL,
            ring_for_ms: Within::clamp(120_000),
            name: Text::default(),
            end_to_end: Opaque::new(&[1; 1_024]).unwrap(),
            params: Params::NONE,
        };
        host.say(conn, invite.encode());
        host.pass(5);
    }
    assert!(host.conns.len() >= 8, "nobody broke a rule");
    host.end();
}

/// Whatever kinds there are, with ids that mean something and ids that do not.
pub(super) fn frames_of_every_kind() {
    let mut host = Host::new("frames of every kind");
    let mut pool = Pool::default();
    let mut state = 1_u64;
    let mut conns: Vec<_> = (0..6).map(|_| host.online().0).collect();
    for number in 0..6_000 {
        let bytes: [u8; 96] = core::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        let mut draw = Draw::new(&bytes);
        let frame = wording::frame(&mut draw, &mut pool, Sender::Client);
        let at = number % conns.len();
        if !host.conns.contains_key(&conns[at]) {
            conns[at] = host.online().0;
        }
        host.acknowledges = number % 3 > 0;
        host.say(conns[at], Bytes::from(frame));
        host.pass(20);
    }
    assert!(schemas().count() > 20);
    host.end();
}
