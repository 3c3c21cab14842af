//! The codec beside prost, protobuf's usual implementation in Rust: the same message of six fields, 256 of them in
//! turn, so that no branch is learnt by heart.
//!
//! Reading gives every field by value to `black_box`, and nothing larger than a register: a whole struct would be
//! written to memory first. Ours borrows the text; prost owns it, as its generated code does, and the baseline is the
//! one of its two ways to read bytes that takes fewer instructions: slices of a shared buffer.
//!
//! Goals are held by instructions where valgrind is there, since these are the same in every run. Times are not: with
//! not one instruction changed, prost's decode was seen at 78 to 129 ns on one machine, from one build to the next and
//! from one minute to the next, and the ratio of decode to it at 0.46 to 0.70, on both sides of its goal.

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use duet_protocol::id::{RoomId, SessionId, UserId};
use duet_protocol::message::channel::{self, TextFrom};
use duet_protocol::message::{Message, Wire as _};
use duet_protocol::wire::{Address, FrameHeader, Framer, Params, Text};
use prost::Message as _;

use crate::baseline;
use crate::instructions;
use crate::measure::{self, Case, Figure};
use crate::report::{self, Outcome};

/// Messages in turn.
const COUNT: usize = 256;

/// Bytes of one frame.
const FRAME: usize = 174;

/// What ratios are of.
const BASELINE: &str = "prost decode";

/// What `--check` holds: the first revision's goals. A ratio is to [`BASELINE`], of instructions or else of times.
const GOALS: [(&str, Goal, f64); 4] = [
    ("duet decode", Goal::Ratio, 0.5),
    ("duet decode", Goal::Allocations, 0.0),
    ("duet route peek", Goal::Ratio, 0.15),
    ("duet route peek", Goal::Allocations, 0.0),
];

#[derive(Clone, Copy)]
enum Goal {
    Ratio,
    Allocations,
}

/// TEXT_FROM as a protobuf message, as `protoc` and prost would have it.
#[derive(Clone, PartialEq, prost::Message)]
struct ProstTextFrom {
    /// The address, opaque.
    #[prost(bytes = "bytes", tag = "1")]
    to: Bytes,
    #[prost(fixed64, tag = "2")]
    user: u64,
    #[prost(bytes = "bytes", tag = "3")]
    session: Bytes,
    #[prost(uint64, tag = "4")]
    number: u64,
    #[prost(uint64, tag = "5")]
    time: u64,
    #[prost(fixed64, tag = "6")]
    mention: u64,
    #[prost(string, tag = "7")]
    text: String,
}

/// One message's values.
struct Values {
    to: Address,
    user: u64,
    session: [u8; 16],
    number: u64,
    time: u64,
    mention: u64,
    text: String,
}

struct Set {
    values: Vec<Values>,
    frames: Vec<Bytes>,
    /// All of them in one piece, as a stream brings them.
    stream: Bytes,
    framer: Framer,
    messages: Vec<ProstTextFrom>,
    protobufs: Vec<Bytes>,
    out: Vec<u8>,
}

const CASES: [Case<Set>; 9] = [
    Case {
        name: BASELINE,
        note: "owned text; bytes are slices of a shared buffer",
        pass: prost_decode,
    },
    Case {
        name: "prost decode from slice",
        note: "owned text, owned bytes",
        pass: prost_decode_slice,
    },
    Case {
        name: "duet decode",
        note: "header and all fields checked, borrowed",
        pass: duet_decode,
    },
    Case {
        name: "duet decode, kind known",
        note: "the same without the enum of all messages",
        pass: duet_decode_known,
    },
    Case {
        name: "duet framer + decode",
        note: "out of a stream of 256 frames in one piece",
        pass: duet_framer,
    },
    Case {
        name: "duet route peek",
        note: "header and address: what a router reads",
        pass: duet_peek,
    },
    Case {
        name: "prost encode",
        note: "into a buffer that is used again",
        pass: prost_encode,
    },
    Case {
        name: "duet encode",
        note: "into a buffer that is used again",
        pass: duet_encode,
    },
    Case {
        name: "memcpy",
        note: "the floor: a frame's 166 bytes",
        pass: copy,
    },
];

impl Set {
    fn new() -> Self {
        let values: Vec<Values> = (0..COUNT as u64).map(Values::of).collect();
        let frames: Vec<Bytes> = values
            .iter()
            .map(|values| values.message().encode())
            .collect();
        assert!(frames.iter().all(|frame| frame.len() == FRAME));
        let stream = Bytes::from(frames.concat());
        let messages: Vec<ProstTextFrom> = values.iter().map(Values::prost).collect();
        let protobufs = messages
            .iter()
            .map(|message| Bytes::from(message.encode_to_vec()))
            .collect();
        Self {
            values,
            frames,
            stream,
            framer: Framer::new(16_384),
            messages,
            protobufs,
            out: Vec::with_capacity(1_024),
        }
    }
}

impl Values {
    fn of(number: u64) -> Self {
        // The finaliser of splitmix64: ids look random, and are the same every time.
        let mix = |n: u64| {
            let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            n ^ (n >> 31)
        };
        let id = |salt: u64| {
            let (high, low) = (mix(number * 7 + salt), mix(number * 11 + salt));
            (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
        };
        let user = mix(number + 1);
        let text = format!("{user:x} {number} ").repeat(8);
        let len = FRAME - 8 - Address::LEN - 8 - 16 - 8 - 8 - 8 - 2;
        Self {
            to: match number % 3 {
                0 => Address::User(UserId(user)),
                1 => Address::Session(SessionId(id(1))),
                _ => Address::Room(RoomId(id(2))),
            },
            user,
            session: id(3),
            number: number * 1_000,
            time: 1_790_000_000_000_000 + number * 977,
            mention: mix(number + 2),
            text: text[..len].to_owned(),
        }
    }

    fn message(&self) -> TextFrom<'_> {
        TextFrom {
            to: self.to,
            user: UserId(self.user),
            session: SessionId(self.session),
            number: self.number,
            time: self.time,
            mention: UserId(self.mention),
            text: Text::cut(&self.text),
            params: Params::NONE,
        }
    }

    fn prost(&self) -> ProstTextFrom {
        let frame = self.message().encode();
        ProstTextFrom {
            to: frame.slice(8..8 + Address::LEN),
            user: self.user,
            session: Bytes::copy_from_slice(&self.session),
            number: self.number,
            time: self.time,
            mention: self.mention,
            text: self.text.clone(),
        }
    }
}

fn see_bytes(bytes: &[u8]) {
    black_box(bytes.as_ptr());
    black_box(bytes.len());
}

/// An id in one register, all of it read.
fn see_id(id: [u8; 16]) {
    let id = u128::from_ne_bytes(id);
    black_box(id as u64 ^ (id >> 64) as u64);
}

fn see_address(address: &Address) {
    match address {
        Address::User(user) => {
            black_box(user.0);
        }
        Address::Session(session) => see_id(session.0),
        Address::Room(room) => see_id(room.0),
        Address::Service => {}
    }
}

fn see_fields(message: &TextFrom<'_>) {
    see_address(&message.to);
    black_box(message.user.0);
    see_id(message.session.0);
    black_box(message.number);
    black_box(message.time);
    black_box(message.mention.0);
    see_bytes(message.text.as_str().as_bytes());
}

fn see_message(kind: u16, body: &[u8]) {
    if let Some(Ok(Message::Channel(channel::Message::TextFrom(message)))) =
        Message::decode(kind, body)
    {
        see_fields(&message);
    } else {
        unreachable!("every frame is a TEXT_FROM");
    }
}

fn duet_decode(set: &mut Set) {
    for frame in &set.frames {
        let Ok((body, header)) = FrameHeader::read(black_box(&frame[..])) else {
            unreachable!("every frame is whole");
        };
        see_message(header.kind, body);
    }
}

fn duet_decode_known(set: &mut Set) {
    for frame in &set.frames {
        let Ok((body, header)) = FrameHeader::read(black_box(&frame[..])) else {
            unreachable!("every frame is whole");
        };
        match (header.kind, TextFrom::read(body)) {
            (0x0403, Ok(([], message))) => see_fields(&message),
            _ => unreachable!("every frame is a TEXT_FROM"),
        }
    }
}

fn duet_framer(set: &mut Set) {
    set.framer.push(black_box(&set.stream).clone());
    while let Ok(Some(frame)) = set.framer.next_frame() {
        see_message(frame.header.kind, &frame.body);
    }
}

fn duet_peek(set: &mut Set) {
    for frame in &set.frames {
        let Ok((body, header)) = FrameHeader::read(black_box(&frame[..])) else {
            unreachable!("every frame is whole");
        };
        black_box(header.kind);
        black_box(header.length);
        match Address::peek(body) {
            Ok(address) => see_address(&address),
            Err(_) => unreachable!("every address is good"),
        }
    }
}

fn duet_encode(set: &mut Set) {
    for values in &set.values {
        set.out.clear();
        black_box(values).message().encode_into(&mut set.out);
        see_bytes(&set.out);
    }
}

fn see_prost(message: &ProstTextFrom) {
    see_bytes(&message.to);
    black_box(message.user);
    see_bytes(&message.session);
    black_box(message.number);
    black_box(message.time);
    black_box(message.mention);
    see_bytes(message.text.as_bytes());
}

fn prost_decode(set: &mut Set) {
    for bytes in &set.protobufs {
        match ProstTextFrom::decode(black_box(bytes).clone()) {
            Ok(message) => see_prost(&message),
            Err(_) => unreachable!("every message is good"),
        }
    }
}

fn prost_decode_slice(set: &mut Set) {
    for bytes in &set.protobufs {
        match ProstTextFrom::decode(black_box(&bytes[..])) {
            Ok(message) => see_prost(&message),
            Err(_) => unreachable!("every message is good"),
        }
    }
}

fn prost_encode(set: &mut Set) {
    for message in &set.messages {
        set.out.clear();
        match black_box(message).encode(&mut set.out) {
            Ok(()) => see_bytes(&set.out),
            Err(_) => unreachable!("a vector grows"),
        }
    }
}

fn copy(set: &mut Set) {
    for frame in &set.frames {
        set.out.clear();
        set.out.extend_from_slice(black_box(&frame[..]));
        see_bytes(&set.out);
    }
}

/// What the command line asks for.
pub(crate) struct Options {
    /// Whether a goal that is missed is a failure.
    pub(crate) check: bool,
    /// Figures for programs instead of a table.
    pub(crate) json: bool,
    /// Count instructions too.
    pub(crate) instructions: bool,
    /// Write the baseline.
    pub(crate) save: bool,
}

/// Runs the benchmark and prints its table. With `check`, goals are held by instructions; where there is no valgrind,
/// by times, and one that is missed is given a second chance.
pub(crate) fn bench(options: &Options) -> ExitCode {
    let Options {
        check,
        json,
        instructions: with_instructions,
        save,
    } = *options;
    let mut set = Set::new();
    let mut figures = measure::run(&CASES, BASELINE, COUNT, &mut set);
    if check || with_instructions || save {
        for figure in &mut figures {
            figure.instructions = instructions::count("codec", figure.name, COUNT);
        }
    }
    let by_time = figures.iter().any(|figure| figure.instructions.is_none());
    if check && by_time && !outcomes(&figures).iter().all(Outcome::is_reached) {
        eprintln!("no valgrind, and a goal was missed by time; measuring once more");
        figures = measure::run(&CASES, BASELINE, COUNT, &mut set);
    }
    if save && let Err(error) = baseline::save(&figures) {
        eprintln!("cannot write the baseline: {error}");
        return ExitCode::FAILURE;
    }
    let mut goals = outcomes(&figures);
    if !save {
        goals.extend(baseline::outcomes(&figures));
    }
    if json {
        report::print_json("codec", &figures, &goals);
    } else {
        let title = format!("codec: a message of seven fields, {FRAME} bytes; {COUNT} in turn");
        report::print_table(&title, BASELINE, &figures, &goals);
    }
    if check && !goals.iter().all(Outcome::is_reached) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn outcomes(figures: &[Figure]) -> Vec<Outcome> {
    let find = |name: &str| figures.iter().find(|figure| figure.name == name);
    let outcome = |(case, goal, at_most): &(&'static str, Goal, f64)| {
        let (figure, baseline) = (find(case)?, find(BASELINE)?);
        let (what, is) = match (goal, figure.instructions, baseline.instructions) {
            (Goal::Allocations, ..) => ("allocations", figure.allocations),
            (Goal::Ratio, Some(own), Some(base)) => ("ratio of instructions", own / base),
            (Goal::Ratio, ..) => ("ratio of times", figure.ratio),
        };
        Some(Outcome {
            case,
            what,
            at_most: *at_most,
            is,
        })
    };
    GOALS.iter().filter_map(outcome).collect()
}

/// Runs one case for so many passes, to be counted from outside.
pub(crate) fn run_only(name: &str, passes: &str) -> ExitCode {
    let case = CASES.iter().find(|case| case.name == name);
    let (Some(case), Ok(passes)) = (case, passes.parse::<usize>()) else {
        eprintln!("no such case: {name}");
        return ExitCode::from(2);
    };
    let mut set = Set::new();
    (0..passes).for_each(|_| (case.pass)(&mut set));
    ExitCode::SUCCESS
}
