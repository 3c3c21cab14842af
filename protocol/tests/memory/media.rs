//! Media sides of sessions, and peers that send much and confirm nothing.

use bytes::Bytes;
use duet_protocol::id::{FlowId, RequestId, RoomId, SessionId, StreamNumber};
use duet_protocol::io::{ConnId, Input, Purpose};
use duet_protocol::limits::{MAX_DATAGRAM, MAX_KEPT_PACKETS, MAX_RTP};
use duet_protocol::media::{Block, Control, Demand, Demands, Ecn, Feedback, Report, write_header};
use duet_protocol::message::Wire as _;
use duet_protocol::message::media::{Attach, Codec, Description, Kind, Publish, Subscribe};
use duet_protocol::message::room::Join;
use duet_protocol::wire::{Opaque, Params, Text};

use super::draw::Draw;
use super::host::Host;

/// Streams that each of the two publishes.
const STREAMS: u8 = 8;
/// A packet that is kept, with what says what it is.
const KEPT: usize = MAX_DATAGRAM + 256;
/// What two sessions may cost that publish and receive as many streams each: see SES-030.
const MAY: usize = 2 * (2 * STREAMS as usize + 4) * MAX_KEPT_PACKETS * KEPT;

/// Two members of a room that publish to each other, and their media connections.
fn two_in_a_room(what: &'static str) -> (Host, [(ConnId, ConnId); 2]) {
    let mut host = Host::new(what);
    host.more = MAY;
    let both: [(ConnId, SessionId); 2] = [host.online(), host.online()];
    for (conn, _) in both {
        let join = Join {
            request: RequestId(1),
            room: RoomId::NONE,
            name: Text::cut("stage"),
            secret: Opaque::default(),
            params: Params::NONE,
        };
        host.say(conn, join.encode());
    }
    let room = host.room;
    for (conn, _) in both {
        for stream in 1..=STREAMS {
            let publish = Publish {
                request: RequestId(u32::from(stream) + 1),
                room,
                description: Description {
                    stream: StreamNumber(stream),
                    kind: Kind::Video,
                    codec: Codec::H264,
                    payload_type: 96,
                    clock_rate: 90_000,
                    ssrc: 1,
                    max_bitrate: 0,
                    useful_ms: u16::MAX,
                    config: Opaque::default(),
                },
                params: Params::NONE,
            };
            host.say(conn, publish.encode());
        }
    }
    for at in [0, 1] {
        for stream in 1..=STREAMS {
            let subscribe = Subscribe {
                request: RequestId(u32::from(stream) + 20),
                room,
                session: both[1 - at].1,
                stream: StreamNumber(stream),
                params: Params::NONE,
            };
            host.say(both[at].0, subscribe.encode());
        }
    }
    let linked = both.map(|(conn, _)| {
        assert_eq!(host.flows[&conn].len(), 2 * usize::from(STREAMS));
        let token = host.tickets[&conn];
        let media = host.connect(Purpose::Media);
        let params = Params::NONE;
        host.say(media, Attach { token, params }.encode());
        (conn, media)
    });
    assert_eq!(host.core.census().media, 2);
    (host, linked)
}

fn send(host: &mut Host, conn: ConnId, bytes: Vec<u8>) {
    let (bytes, at, ecn) = (Bytes::from(bytes), host.now, Ecn::Ce);
    host.input(Input::Datagram {
        conn,
        bytes,
        at,
        ecn,
    });
}

/// Both publish as fast as they can, with gaps between the packets, and neither ever sends feedback.
pub(super) fn packets_that_nobody_acknowledges() {
    let (mut host, both) = two_in_a_room("packets without feedback");
    let mut number = 0_u16;
    for round in 0..6_000_u32 {
        for (conn, media) in both {
            // The first half of the flows are those that it publishes.
            let at = round as usize % usize::from(STREAMS);
            let flow = host.flows[&conn][at];
            number = number.wrapping_add(if round % 50 == 0 { 300 } else { 1 });
            let mut packet = Vec::new();
            write_header(flow, number, &mut packet);
            packet.extend([0x80, 96]);
            packet.extend((round as u16).to_be_bytes());
            packet.resize(packet.len() + MAX_RTP - 4, 7);
            send(&mut host, media, packet);
        }
        if round % 8 == 0 {
            host.pass(1);
        }
    }
    assert!(host.peak > 1 << 20, "only {} bytes", host.peak);
    host.end();
}

/// Payload, feedback, demands and what is none of these, with flows that there are and flows that there are not.
pub(super) fn datagrams_of_every_kind() {
    let (mut host, both) = two_in_a_room("datagrams of every kind");
    let mut state = 1_u64;
    for round in 0..20_000 {
        let bytes: [u8; 64] = core::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        let mut draw = Draw::new(&bytes);
        let (conn, media) = both[round % 2];
        let known = &host.flows[&conn];
        let flow = match draw.byte() % 8 {
            0 => FlowId(draw.byte().into()),
            _ => *draw.one(known).expect("flows"),
        };
        let mut packet = Vec::new();
        match draw.byte() % 5 {
            0 => {
                let mut entries = Vec::new();
                for flow in known {
                    let (on, rate) = (
                        !draw.byte().is_multiple_of(4),
                        u32::from_be_bytes(draw.array()),
                    );
                    let flow = *flow;
                    Demand { flow, on, rate }.append(&mut entries);
                }
                Control::Demand(Demands::new(&entries)).write(&mut packet);
            }
            1 => Control::KeyframeRequest { flow }.write(&mut packet),
            2 => {
                let mut blocks = Vec::new();
                let reports: [Report; 64] = core::array::from_fn(|_| Report(draw.byte().into()));
                let from = u16::from_be_bytes(draw.array());
                Block::append(&mut blocks, flow, from, &reports);
                let timestamp = u32::from_be_bytes(draw.array());
                Control::Feedback(Feedback::new(&blocks, timestamp)).write(&mut packet);
            }
            _ => {
                write_header(flow, u16::from_be_bytes(draw.array()), &mut packet);
                packet.extend(draw.bytes(48));
            }
        }
        send(&mut host, media, packet);
        if round % 16 == 0 {
            host.pass(5);
        }
    }
    host.end();
}
