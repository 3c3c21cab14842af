//! Chapter "Wire format": frames, bodies, limits, what is skipped and what is not.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use duet_protocol::client::{self, Client, Credentials};
use duet_protocol::code::Code;
use duet_protocol::error::DecodeError;
use duet_protocol::id::{RequestId, RoomId, SessionId, UserId};
use duet_protocol::io::{Capabilities, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::message::channel::{self, TextTo};
use duet_protocol::message::session::{self, Authenticated, Ping, Welcome};
use duet_protocol::message::{Message, Wire as _, schema, schemas};
use duet_protocol::seed::Seed;
use duet_protocol::time::Instant;
use duet_protocol::wire::{
    Address, FieldSchema, Flags, Frame, FrameHeader, Framer, HEADER_LEN, MessageSchema, Params,
    Sender, Shape, Text, Value, Within, decode_dynamic, is_ignorable, is_reserved_kind,
};
use duet_sim::NodeId;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::{Net, account, authenticate, hello};

#[path = "../../../fuzz/src/frames.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is a crate of its own where it is fuzzed"
)]
mod frames;
#[path = "../../../spec/src/vectors/samples.rs"]
#[allow(dead_code, reason = "each user needs its own part of this")]
pub(crate) mod samples;

const LIMIT: u32 = 16_384;

/// The bytes of a frame, whatever its header says.
fn bytes_of(header: FrameHeader, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    header.write(&mut out);
    out.extend(body);
    out
}

pub(crate) fn frame(kind: u16, flags: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u32;
    let (flags, reserved) = (Flags(flags), 0);
    bytes_of(
        FrameHeader {
            kind,
            flags,
            reserved,
            length,
        },
        body,
    )
}

// Random values, from the schema alone.

fn any_value(shape: &'static Shape) -> BoxedStrategy<Value> {
    let number = |numbers: BoxedStrategy<u64>| numbers.prop_map(Value::Number).boxed();
    match *shape {
        Shape::U8 => number(any::<u8>().prop_map(u64::from).boxed()),
        Shape::U16 | Shape::Code => number(any::<u16>().prop_map(u64::from).boxed()),
        Shape::U32 => number(any::<u32>().prop_map(u64::from).boxed()),
        Shape::U64 | Shape::User => number(any::<u64>().boxed()),
        Shape::Fixed { len } => vec(any::<u8>(), len).prop_map(Value::Bytes).boxed(),
        Shape::Text { max } => {
            let short = vec(any::<char>(), 0..=(max / 4).min(40));
            let short = short.prop_map(|chars| chars.into_iter().collect());
            prop_oneof![9 => short, 1 => Just(samples::text(max))]
                .prop_map(Value::Text)
                .boxed()
        }
        Shape::Opaque { max } => prop_oneof![9 => 0..=max.min(200), 1 => Just(max)]
            .prop_flat_map(|len| vec(any::<u8>(), len))
            .prop_map(Value::Bytes)
            .boxed(),
        Shape::Within { min, max } => number((min..=max).prop_map(u64::from).boxed()),
        Shape::Choice(choices) => {
            let numbers: Vec<u64> = choices.iter().map(|(_, n)| u64::from(*n)).collect();
            number(select(numbers).boxed())
        }
        Shape::Bits(bits) => {
            let known = bits.iter().fold(0, |all, (_, bit)| all | bit);
            number(any::<u8>().prop_map(move |n| u64::from(n & known)).boxed())
        }
        Shape::Address => prop_oneof![
            any::<u64>().prop_map(|id| Address::User(UserId(id))),
            any::<[u8; 16]>().prop_map(|id| Address::Session(SessionId(id))),
            any::<[u8; 16]>().prop_map(|id| Address::Room(RoomId(id))),
            Just(Address::Service),
        ]
        .prop_map(Value::Address)
        .boxed(),
        Shape::List { of, max } => vec(any_value(of), 0..=max.min(6))
            .prop_map(Value::List)
            .boxed(),
        Shape::Record(fields) => any_record(fields).prop_map(Value::Record).boxed(),
        Shape::Params => unreachable!("parameters are no field"),
    }
}

fn any_record(fields: &'static [FieldSchema]) -> BoxedStrategy<Vec<(String, Value)>> {
    fields
        .iter()
        .map(|field| (Just(field.name.to_owned()), any_value(&field.shape)))
        .collect::<Vec<_>>()
        .boxed()
}

/// A message and a good body of it, with parameters or without.
fn any_body() -> impl Strategy<Value = (&'static MessageSchema, Vec<u8>)> {
    let params = btree_map(any::<u16>(), vec(any::<u8>(), 0..12), 0..4);
    (select(schemas().collect::<Vec<_>>()), params).prop_flat_map(|(schema, params)| {
        any_record(schema.fields).prop_map(move |mut values| {
            let params = params.clone().into_iter().collect();
            values.push(("params".to_owned(), Value::Params(params)));
            (schema, samples::body(schema.fields, &values))
        })
    })
}

#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        any::<Index>().prop_map(Damage::Cut),
    ]
}

fn damaged(mut body: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
    for damage in damage {
        let len = body.len();
        if len == 0 {
            break;
        }
        match damage {
            Damage::Set(at, byte) => body[at.index(len)] = *byte,
            Damage::Flip(at, bit) => body[at.index(len)] ^= 1 << bit,
            Damage::Insert(at, byte) => body.insert(at.index(len), *byte),
            Damage::Remove(at) => drop(body.remove(at.index(len))),
            Damage::Cut(at) => body.truncate(at.index(len)),
        }
    }
    body
}

/// Any frame at all: known kinds and unknown ones, any flags, any reserved byte.
fn any_frame() -> impl Strategy<Value = Frame> {
    let body = prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 0..3_000)];
    (any::<u16>(), any::<u8>(), any::<u8>(), body).prop_map(|(kind, flags, reserved, body)| Frame {
        header: FrameHeader {
            kind,
            flags: Flags(flags),
            reserved,
            length: body.len() as u32,
        },
        body: body.into(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// However a stream is cut, and whenever frames are taken out, they are the frames that were put in, header bits
    /// without a meaning included; a body that arrived in one piece is a slice of that piece.
    #[test]
    fn wire_001_frames_come_out_as_they_went_in_wherever_the_stream_is_cut(
        expected in vec(any_frame(), 0..8),
        cuts in vec(any::<Index>(), 0..20),
        lazy in vec(any::<bool>(), 21),
    ) {
        let mut stream = Vec::new();
        let mut ends = Vec::new();
        for frame in &expected {
            stream.extend(bytes_of(frame.header, &frame.body));
            ends.push(stream.len());
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.push(stream.len());
        cuts.sort_unstable();
        let (mut framer, mut found, mut start) = (Framer::new(LIMIT), Vec::new(), 0);
        let mut pieces = Vec::new();
        for (cut, lazy) in cuts.iter().zip(lazy.iter().chain(std::iter::repeat(&false))) {
            let piece = Bytes::copy_from_slice(&stream[start..*cut]);
            framer.push(piece.clone());
            pieces.push((start, piece));
            start = *cut;
            while let Some(frame) = if *lazy { None } else { framer.next_frame().unwrap() } {
                found.push(frame);
            }
        }
        while let Some(frame) = framer.next_frame().unwrap() {
            found.push(frame);
        }
        prop_assert_eq!(&found, &expected);
        prop_assert!(!framer.is_mid_frame());
        for (frame, end) in found.iter().zip(ends) {
            let from = end - frame.body.len() - HEADER_LEN;
            let whole = pieces.iter().find(|(at, piece)| *at <= from && end <= at + piece.len());
            if let Some((at, piece)) = whole && !frame.body.is_empty() {
                let place = &piece[from - at + HEADER_LEN..end - at];
                prop_assert_eq!(frame.body.as_ptr(), place.as_ptr(), "a body was copied");
            }
        }
    }

    #[test]
    fn wire_004_decode_then_encode_gives_the_same_bytes((schema, body) in any_body()) {
        prop_assert!(Message::decode(schema.kind, &body).unwrap().is_ok(), "{}", schema.name);
        frames::body(schema.kind, &body);
    }

    #[test]
    fn wire_004_both_readers_say_the_same_of_a_damaged_body(
        (schema, body) in any_body(),
        damage in vec(any_damage(), 1..4),
    ) {
        frames::body(schema.kind, &damaged(body, &damage));
    }

    #[test]
    fn wire_004_both_readers_say_the_same_of_any_bytes(
        schema in select(schemas().collect::<Vec<_>>()),
        body in vec(prop_oneof![Just(0_u8), 0_u8..5, any::<u8>()], 0..160),
    ) {
        frames::body(schema.kind, &body);
    }

    /// A body without parameters that is cut anywhere is too short, and says so.
    #[test]
    fn wire_004_every_part_of_a_body_is_needed(
        (schema, values) in select(schemas().collect::<Vec<_>>())
            .prop_flat_map(|schema| (Just(schema), any_record(schema.fields))),
        at in any::<Index>(),
    ) {
        let body = samples::body(schema.fields, &values);
        let cut = &body[..at.index(body.len())];
        prop_assert_eq!(Message::decode(schema.kind, cut).unwrap(), Err(DecodeError::Truncated));
    }

    /// What follows the last field is parameters, or an error.
    #[test]
    fn wire_010_what_follows_the_fields_is_parameters_with_ascending_ids(
        schema in select(schemas().collect::<Vec<_>>()),
        params in vec((any::<u16>(), vec(any::<u8>(), 0..5)), 1..4),
        garbage in vec(any::<u8>(), 0..4),
    ) {
        let mut body = samples::good(schema.fields, samples::Size::Typical);
        for (id, value) in &params {
            body.put_u16(*id);
            body.put_u16(value.len() as u16);
            body.extend(value);
        }
        let ascend = params.is_sorted_by(|(a, _), (b, _)| a < b);
        body.extend(&garbage);
        let expected = match (ascend, garbage.is_empty()) {
            (true, true) => None,
            (true, false) => Some(DecodeError::Truncated),
            (false, _) => Some(DecodeError::BadParams),
        };
        prop_assert_eq!(Message::decode(schema.kind, &body).unwrap().err(), expected);
        prop_assert_eq!(decode_dynamic(schema.fields, &body).err(), expected);
    }
}

#[test]
fn wire_004_every_limit_holds_to_the_byte() {
    let mut limits = 0;
    for schema in schemas() {
        let least = samples::values(schema.fields, samples::Size::Least);
        for (label, values) in [("least".to_owned(), least)]
            .into_iter()
            .chain(samples::most(schema.fields))
        {
            let body = samples::body(schema.fields, &values);
            assert!(body.len() <= LIMIT as usize, "{} does not fit", schema.name);
            let read = Message::decode(schema.kind, &body).unwrap();
            assert!(read.is_ok(), "{}: {label}: {read:?}", schema.name);
            frames::body(schema.kind, &body);
        }
        for broken in samples::broken(schema) {
            let read = Message::decode(schema.kind, &broken.body).unwrap();
            assert_eq!(read, Err(broken.error), "{}: {}", schema.name, broken.label);
            frames::body(schema.kind, &broken.body);
            limits += usize::from(broken.error == DecodeError::TooLong);
        }
    }
    assert!(limits >= 20, "only {limits} limits");
}

#[test]
fn wire_004_no_byte_may_be_left_over() {
    for schema in schemas() {
        let body = samples::good(schema.fields, samples::Size::Typical);
        for garbage in [&[0][..], &[0, 0], &[0, 0, 0], &[0xff; 3], &[0, 1, 0, 1]] {
            let body = [&body, garbage].concat();
            let read = Message::decode(schema.kind, &body).unwrap();
            assert_eq!(read, Err(DecodeError::Truncated), "{}", schema.name);
        }
    }
}

#[test]
fn wire_003_a_length_over_the_limit_is_refused_before_its_body_comes() {
    let header = |length| FrameHeader {
        kind: 0x0401,
        flags: Flags(3),
        reserved: 0,
        length,
    };
    for (length, expected) in [
        (LIMIT, Ok(None)),
        (LIMIT + 1, Err(DecodeError::FrameTooLarge)),
        (u32::MAX, Err(DecodeError::FrameTooLarge)),
    ] {
        let mut framer = Framer::new(LIMIT);
        let bytes = Bytes::from(bytes_of(header(length), &[]));
        framer.push(bytes.slice(..7));
        assert_eq!(framer.next_frame(), Ok(None), "a header of 7 bytes");
        framer.push(bytes.slice(7..));
        assert_eq!(framer.next_frame(), expected, "length {length}");
    }
}

// The same rules as a server's peers see them.

/// A raw peer that is logged in, at a server that sends no reserved frames.
fn online(seed: u64) -> (Net, NodeId) {
    let mut net = Net::with(
        seed,
        &[],
        Default::default(),
        |c| c.reserved_frames = false,
        |_| {},
    );
    let peer = net.raw_online("mallory");
    (net, peer)
}

/// The code with which a server closes a logged-in peer that says this; `None` where it stays and is served.
fn closes(seed: u64, bytes: &[u8]) -> Option<Code> {
    let (mut net, peer) = online(seed);
    net.say(peer, bytes.to_vec());
    let closed = net.raw_host(peer).closed;
    if closed.is_none() {
        assert!(is_served(&mut net, peer), "it stays and is not served");
    } else {
        let told = net.raw_host(peer).last(|message| match message {
            Message::Session(session::Message::Goodbye(goodbye)) => Some(goodbye.code),
            _ => None,
        });
        assert_eq!(told, closed, "wire_015: GOODBYE and the close differ");
    }
    closed
}

fn is_served(net: &mut Net, peer: NodeId) -> bool {
    let (token, params) = (0x5eed, Params::NONE);
    net.say(peer, Ping { token, params }.encode());
    net.raw_host(peer).last(|message| match message {
        Message::Session(session::Message::Pong(pong)) => Some(pong.token),
        _ => None,
    }) == Some(token)
}

/// How many sequenced frames the server says it has received.
fn acknowledged(net: &Net, peer: NodeId) -> Option<u64> {
    net.raw_host(peer).last(|message| match message {
        Message::Session(session::Message::Ack(ack)) => Some(ack.received),
        _ => None,
    })
}

fn text_to<'a>(to: Address, text: &'a str, params: Params<'a>) -> TextTo<'a> {
    TextTo {
        mention: duet_protocol::id::UserId(7),
        to,
        request: RequestId(7),
        text: Text::cut(text),
        params,
    }
}

#[test]
fn wire_001_the_example_of_the_chapter() {
    let params = Params::from_encoded(&[0x12, 0xaa, 0, 1, 0xff]).unwrap();
    let frame = text_to(Address::User(UserId(42)), "hi", params).encode();
    #[rustfmt::skip]
    let written = [
        0x04, 0x01, 0x03, 0x00, 0x00, 0x00, 0x00, 0x26,
        0x01, 0, 0, 0, 0, 0, 0, 0, 0x2a, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0x07,
        0, 0, 0, 0, 0, 0, 0, 0x07,
        0, 0x02, 0x68, 0x69,
        0x12, 0xaa, 0, 0x01, 0xff,
    ];
    assert_eq!(frame[..], written);
}

#[test]
fn wire_002_flags_without_a_meaning_and_the_reserved_byte_are_ignored() {
    let (mut net, peer) = online(1);
    let (token, params) = (9, Params::NONE);
    let mut ping = Ping { token, params }.encode().to_vec();
    (ping[2], ping[3]) = (0xfc, 0xff);
    net.say(peer, ping);
    assert_eq!(net.raw_host(peer).closed, None);
    assert!(is_served(&mut net, peer));
}

#[test]
fn wire_003_a_server_closes_at_the_header_of_a_frame_that_is_too_large() {
    let header = frame(0x80aa, 0, &[]);
    let long = |length: u32| [&header[..4], &length.to_be_bytes()].concat();
    assert_eq!(closes(2, &long(LIMIT + 1)), Some(Code::FRAME_TOO_LARGE));
    assert_eq!(closes(3, &long(u32::MAX)), Some(Code::FRAME_TOO_LARGE));
    assert_eq!(closes(4, &frame(0x80aa, 0, &[7; LIMIT as usize])), None);
}

#[test]
fn wire_004_a_server_answers_malformed_whatever_the_message() {
    for schema in
        schemas().filter(|schema| matches!(schema.sender, Sender::Client | Sender::Either))
    {
        let broken = samples::broken(schema);
        let broken = &broken[broken.len() - 1];
        let code = closes(5, &samples::frame(schema, &broken.body));
        assert_eq!(
            code,
            Some(Code::MALFORMED),
            "{}: {}",
            schema.name,
            broken.label
        );
    }
}

#[test]
fn wire_005_the_flags_are_those_of_the_kind() {
    for schema in
        schemas().filter(|schema| matches!(schema.sender, Sender::Client | Sender::Either))
    {
        let body = samples::good(schema.fields, samples::Size::Typical);
        for flags in (0..4).filter(|flags| *flags != schema.flags.0) {
            let code = closes(6, &frame(schema.kind, flags, &body));
            assert_eq!(
                code,
                Some(Code::WRONG_FLAGS),
                "{} with {flags}",
                schema.name
            );
        }
    }
}

#[test]
fn wire_006_an_unknown_kind_is_skipped_if_it_is_ignorable_and_ends_the_session_if_it_is_critical() {
    for kind in [0x8000, 0x8401, 0x80aa, 0xffaa, 0xffff] {
        assert!(is_ignorable(kind));
        assert_eq!(closes(7, &frame(kind, 0, b"whatever")), None, "{kind:#x}");
    }
    for kind in [0x0000, 0x0100, 0x010c, 0x0500, 0x08ff, 0x7faa, 0x7fff] {
        assert!(schema(kind).is_none() && !is_ignorable(kind));
        let code = closes(8, &frame(kind, 0, b"whatever"));
        assert_eq!(code, Some(Code::UNKNOWN_CRITICAL), "{kind:#x}");
    }
}

#[test]
fn wire_006_a_skipped_frame_counts_where_it_is_sequenced() {
    let (mut net, peer) = online(9);
    net.say(peer, frame(0x9000, 0, b"not counted"));
    assert_eq!(acknowledged(&net, peer), None);
    net.say(peer, frame(0x9000, 1, b"counted"));
    assert_eq!(acknowledged(&net, peer), Some(1));
}

#[test]
fn wire_007_a_bad_address_is_malformed() {
    let schema = schema(0x0401).unwrap();
    let bad = samples::broken(schema);
    let bad: Vec<_> = bad
        .iter()
        .filter(|broken| broken.error == DecodeError::BadAddress)
        .collect();
    assert_eq!(bad.len(), 4);
    for broken in bad {
        assert_eq!(Address::peek(&broken.body), Err(DecodeError::BadAddress));
        let code = closes(10, &samples::frame(schema, &broken.body));
        assert_eq!(code, Some(Code::MALFORMED), "{}", broken.label);
    }
    for (_, address) in samples::addresses() {
        let (text, params) = (text_to(address, "x", Params::NONE), Params::NONE);
        assert_eq!(text.params, params);
        assert_eq!(Address::peek(&text.encode()[HEADER_LEN..]), Ok(address));
    }
}

#[test]
fn wire_008_a_stream_that_ends_ends_the_session() {
    let whole = frame(0x80aa, 0, b"skipped");
    for (seed, last) in [
        (11, &[][..]),
        (12, &whole),
        (13, &whole[..5]),
        (14, &whole[..10]),
    ] {
        let (mut net, peer) = online(seed);
        net.say_last(peer, last.to_vec());
        assert_eq!(net.raw_host(peer).closed, Some(Code::STREAM_ENDED));
        assert_eq!(net.server().core.census().sessions, 0);
    }
}

#[test]
fn wire_008_a_stream_that_is_reset_ends_the_session() {
    let (mut net, peer) = online(15);
    let (conn, id) = (ConnId(1), StreamId::FIRST_OF_PEER);
    net.server_command(|core, now| core.handle(now, Input::Reset { conn, id }));
    net.run_ms(50);
    assert_eq!(net.raw_host(peer).closed, Some(Code::STREAM_ENDED));
}

#[test]
fn wire_009_a_stream_that_carries_no_transfer_ends_the_session() {
    let second = |by_peer, index| StreamId { by_peer, index };
    let ping = frame(0x0108, 0, &[0; 8]);
    for (seed, id, bytes, fin) in [
        (16, second(true, 1), &ping[..], false),
        (17, second(true, 9), &ping[..], false),
        (18, second(true, 1), &ping[..5], true),
        (19, second(true, 1), &[], true),
        (20, second(false, 0), b"?", false),
    ] {
        let (mut net, peer) = online(seed);
        net.server_command(|core, now| {
            let (conn, bytes) = (ConnId(1), Bytes::copy_from_slice(bytes));
            core.handle(
                now,
                Input::Stream {
                    conn,
                    id,
                    bytes,
                    fin,
                },
            );
        });
        net.run_ms(50);
        assert_eq!(net.raw_host(peer).closed, Some(Code::UNEXPECTED_STREAM));
    }
}

#[test]
fn wire_010_parameters_that_do_not_ascend_are_malformed() {
    let ping = |params: &[u8]| frame(0x0108, 0, &[&[0; 8], params].concat());
    let equal = [0x12, 0xaa, 0, 0, 0x12, 0xaa, 0, 0];
    let descending = [0x12, 0xaa, 0, 0, 0x12, 0xa9, 0, 0];
    let ascending = [0x12, 0xa9, 0, 0, 0x12, 0xaa, 0, 0];
    assert_eq!(closes(19, &ping(&equal)), Some(Code::MALFORMED));
    assert_eq!(closes(20, &ping(&descending)), Some(Code::MALFORMED));
    assert_eq!(closes(21, &ping(&ascending)), None);
}

#[test]
fn wire_012_unknown_parameters_are_ignored_and_not_passed_on() {
    let mut net = Net::new(22, &[]);
    let (alice, bob) = (net.raw_online("alice"), net.raw_online("bob"));
    let params = Params::from_encoded(&[0x12, 0xaa, 0, 1, 0xff]).unwrap();
    let to = Address::User(account("bob").unwrap());
    net.say(alice, text_to(to, "hi", params).encode());
    let got = net.raw_host(bob).last(|message| match message {
        Message::Channel(channel::Message::TextFrom(text)) => {
            Some((text.text.as_str().to_owned(), text.params == Params::NONE))
        }
        _ => None,
    });
    assert_eq!(got, Some(("hi".to_owned(), true)));
}

#[test]
fn wire_011_a_server_sends_reserved_frames_now_and_then() {
    let mut counts = Vec::new();
    for seed in 0..24 {
        let mut net = Net::new(seed, &[]);
        let peer = net.raw_online("mallory");
        let heard = &net.raw_host(peer).heard;
        let reserved: Vec<_> = heard
            .iter()
            .filter(|frame| is_reserved_kind(frame.header.kind))
            .map(|frame| frame.header.flags.has(Flags::SEQUENCED))
            .collect();
        assert!(heard.iter().all(|frame| frame.header.reserved == 0));
        counts.push(reserved);
    }
    let sort = |sort: &[bool]| counts.iter().filter(|found| *found == sort).count();
    let (none, link, session, both) = (
        sort(&[]),
        sort(&[false]),
        sort(&[true]),
        sort(&[false, true]),
    );
    assert!(
        none > 0 && link > 0 && session > 0 && both > 0,
        "{counts:?}"
    );
    assert_eq!(none + link + session + both, 24, "{counts:?}");
}

/// The frames that a client has written by the time it is logged in.
fn written_by_client(seed: u8, reserved_frames: bool) -> Vec<Frame> {
    let config = client::Config {
        reserved_frames,
        ..client::Config::default()
    };
    let mut client = Client::new(Arc::new(config), Seed([seed; 32]), Instant::EPOCH);
    let guest = Credentials::Guest("mallory".into());
    client.login(Instant::EPOCH, guest).unwrap();
    let (conn, purpose) = (ConnId(1), Purpose::Control);
    let capabilities = Capabilities {
        shared_media: false,
        unreliable_datagrams: true,
    };
    let params = Params::NONE;
    let welcome = Welcome {
        version: 1,
        heartbeat_ms: Within::clamp(5_000),
        dead_after_ms: Within::clamp(20_000),
        resume_window_ms: Within::clamp(30_000),
        max_frame: Within::clamp(LIMIT),
        max_unacknowledged: Within::clamp(1_024),
        max_rooms: 4,
        agent: Text::default(),
        params,
    };
    let authenticated = Authenticated {
        user: UserId(1),
        session: SessionId([1; 16]),
        resume_token: [2; 32],
        name: Text::cut("mallory"),
        params,
    };
    let stream = |bytes| Input::Stream {
        conn,
        id: StreamId::FIRST_OF_CLIENT,
        bytes,
        fin: false,
    };
    let connected = Input::Connected {
        conn,
        purpose,
        capabilities,
    };
    for input in [
        connected,
        stream(welcome.encode()),
        stream(authenticated.encode()),
    ] {
        client.handle(Instant::EPOCH.after(Duration::from_millis(1)), input);
    }
    let mut framer = Framer::new(LIMIT);
    while let Some(output) = client.poll_output() {
        if let Output::Write { bytes, .. } = output {
            framer.push(bytes);
        }
    }
    std::iter::from_fn(|| framer.next_frame().unwrap()).collect()
}

#[test]
fn wire_011_a_client_sends_reserved_frames_now_and_then() {
    let reserved = |seed, on| {
        let frames = written_by_client(seed, on);
        assert_eq!(frames[0].header.kind, hello().encode()[1] as u16 | 0x0100);
        assert_eq!(
            frames[1].header.kind,
            authenticate("x").encode()[1] as u16 | 0x0100
        );
        let reserved: Vec<_> = frames
            .into_iter()
            .filter(|frame| is_reserved_kind(frame.header.kind))
            .collect();
        assert!(
            reserved
                .iter()
                .all(|frame| frame.header.flags == Flags::SEQUENCED)
        );
        assert!(reserved.iter().all(|frame| frame.body.len() < 32));
        reserved.len()
    };
    let sent: usize = (0..24).map(|seed| reserved(seed, true)).sum();
    assert!((4..20).contains(&sent), "{sent} of 24");
    assert_eq!((0..24).map(|seed| reserved(seed, false)).sum::<usize>(), 0);
}
