//! The codec beside its peers: the same messages in prost, protobuf's usual implementation in Rust, and in postcard,
//! which borrows as we do; RTP's header beside rtp-rs and rtp-types; our parser beside one written by hand; and what one
//! message costs the server's core. 256 different ones in turn, so that no branch is learnt by heart.
//!
//! Reading folds every field into one number for `black_box`: a whole struct would be written to memory first. Ours and
//! postcard borrow; prost owns text, as its generated code does, and the row to compare with is the one of its two ways
//! to read bytes that takes fewer instructions: slices of a shared buffer. All check text to be UTF-8. Ours then gives
//! it as bytes; whoever wants a `str` pays for the row that says so.
//!
//! Goals are held by instructions where valgrind is there, since these are the same in every run. Times are not: with
//! not one instruction changed, prost's decode was seen at 78 to 129 ns on one machine.

mod rtp;
mod server;
mod subjects;

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use duet_protocol::message::{Message, Wire};
use duet_protocol::wire::{Address, FrameHeader, Framer};
use prost::Message as _;

use crate::baseline;
use crate::instructions;
use crate::measure::{self, Case, Figure};
use crate::report::{self, Outcome};
use subjects::{DataSubject, InviteSubject, Subject, TextSubject};

/// Messages in turn.
const COUNT: usize = 256;

/// What is held, of instructions where they are counted and of times otherwise.
enum Goal {
    /// At most this part of another row.
    Of(&'static str, f64),
    /// At most so many instructions more than another row.
    Above(&'static str, f64),
    /// At most so many instructions.
    Instructions(f64),
    NoAllocation,
}

const GOALS: [(&str, Goal); 21] = [
    ("duet decode invite", Goal::Of("prost decode invite", 0.15)),
    (
        "duet decode invite",
        Goal::Of("postcard decode invite", 0.4),
    ),
    ("duet decode invite", Goal::NoAllocation),
    ("duet decode data", Goal::Of("prost decode data", 0.15)),
    ("duet decode data", Goal::Of("postcard decode data", 0.4)),
    ("duet decode data", Goal::NoAllocation),
    ("duet decode text", Goal::Of("prost decode text", 0.15)),
    ("duet decode text", Goal::Of("postcard decode text", 0.4)),
    ("duet decode text", Goal::NoAllocation),
    ("duet route peek", Goal::Instructions(60.0)),
    ("duet route peek", Goal::NoAllocation),
    ("duet encode invite", Goal::Of("prost encode invite", 0.4)),
    ("duet encode data", Goal::Of("prost encode data", 0.4)),
    ("duet encode text", Goal::Of("prost encode text", 0.4)),
    ("duet rtp", Goal::Of("rtp-rs", 1.3)),
    ("duet rtp", Goal::Of("rtp-types", 0.6)),
    ("duet rtp, extended", Goal::Of("rtp-rs, extended", 1.3)),
    ("duet rtp, extended", Goal::Of("rtp-types, extended", 0.6)),
    (
        "duet nom reader invite",
        Goal::Above("by hand invite", 40.0),
    ),
    ("duet nom reader data", Goal::Above("by hand data", 40.0)),
    ("duet nom reader text", Goal::Above("by hand text", 40.0)),
];

/// Fields that were read, folded.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    #[inline(always)]
    fn number(&mut self, number: u64) {
        self.0 ^= number;
    }

    #[inline(always)]
    fn id(&mut self, id: [u8; 16]) {
        let id = u128::from_ne_bytes(id);
        self.0 ^= id as u64 ^ (id >> 64) as u64;
    }

    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.0 ^= bytes.as_ptr() as u64 ^ bytes.len() as u64;
    }

    #[inline(always)]
    fn address(&mut self, address: &Address) {
        match address {
            Address::User(user) => self.number(user.0),
            Address::Session(session) => self.id(session.0),
            Address::Room(room) => self.id(room.0),
            Address::Service => {}
        }
    }

    #[inline(always)]
    fn done(self) {
        black_box(self.0);
    }
}

/// One kind of message, encoded in every way.
struct Corpus<S: Subject> {
    values: Vec<S>,
    frames: Vec<Bytes>,
    /// All of them in one piece, as a stream brings them.
    stream: Bytes,
    framer: Framer,
    prosts: Vec<S::Prost>,
    protobufs: Vec<Bytes>,
    postcards: Vec<Vec<u8>>,
    out: Vec<u8>,
}

impl<S: Subject> Corpus<S> {
    fn new() -> Self {
        let values: Vec<S> = (0..COUNT as u64).map(S::of).collect();
        let frames: Vec<Bytes> = values.iter().map(|values| values.ours().encode()).collect();
        let prosts: Vec<S::Prost> = values.iter().map(S::prost).collect();
        let postcard = |values: &S| {
            let mut room = [0; 1_024];
            match postcard::to_slice(&values.postcard(), &mut room) {
                Ok(used) => used.to_vec(),
                Err(error) => unreachable!("a message of less than 1 KiB: {error}"),
            }
        };
        Self {
            stream: Bytes::from(frames.concat()),
            frames,
            framer: Framer::new(16_384),
            protobufs: prosts
                .iter()
                .map(|message| Bytes::from(message.encode_to_vec()))
                .collect(),
            prosts,
            postcards: values.iter().map(postcard).collect(),
            values,
            out: Vec::with_capacity(1_024),
        }
    }
}

/// All that the cases work on.
struct Set {
    text: Corpus<TextSubject>,
    data: Corpus<DataSubject>,
    invite: Corpus<InviteSubject>,
    rtp: rtp::Packets,
    server: server::World,
}

impl Set {
    fn new() -> Self {
        Self {
            text: Corpus::new(),
            data: Corpus::new(),
            invite: Corpus::new(),
            rtp: rtp::Packets::new(),
            server: server::World::new(),
        }
    }
}

fn whole(frame: &[u8]) -> (FrameHeader, &[u8]) {
    match FrameHeader::read(frame) {
        Ok((body, header)) => (header, body),
        Err(_) => unreachable!("every frame is whole"),
    }
}

fn see_message<S: Subject>(kind: u16, body: &[u8]) {
    let mut seen = Seen::default();
    match Message::decode(kind, body) {
        Some(Ok(message)) => match S::pick(&message) {
            Some(message) => S::see(message, &mut seen),
            None => unreachable!("every frame is of this kind"),
        },
        _ => unreachable!("every frame is good"),
    }
    seen.done();
}

fn duet_decode<S: Subject>(corpus: &mut Corpus<S>) {
    for frame in &corpus.frames {
        let (header, body) = whole(black_box(&frame[..]));
        see_message::<S>(header.kind, body);
    }
}

/// Decodes each with the kind known, by one of several readers.
#[inline(always)]
fn each<S: Subject, E>(corpus: &Corpus<S>, read: impl Fn(&[u8]) -> Result<S::Ours<'_>, E>) {
    for frame in &corpus.frames {
        let (header, body) = whole(black_box(&frame[..]));
        let mut seen = Seen::default();
        match read(body) {
            Ok(message) if header.kind == <S::Ours<'_> as Wire>::SCHEMA.kind => {
                S::see(&message, &mut seen)
            }
            _ => unreachable!("every frame is good, and of this kind"),
        }
        seen.done();
    }
}

fn duet_known<S: Subject>(corpus: &mut Corpus<S>) {
    each(corpus, |body| <S::Ours<'_> as Wire>::decode(body));
}

fn duet_nom<S: Subject>(corpus: &mut Corpus<S>) {
    each(corpus, |body| match <S::Ours<'_> as Wire>::read(body) {
        Ok(([], message)) => Ok(message),
        _ => Err(()),
    });
}

fn by_hand<S: Subject>(corpus: &mut Corpus<S>) {
    each(corpus, S::by_hand);
}

/// The text as a `str` as well.
fn duet_str(set: &mut Set) {
    for frame in &set.text.frames {
        let (header, body) = whole(black_box(&frame[..]));
        let mut seen = Seen::default();
        if let Some(Ok(message)) = Message::decode(header.kind, body)
            && let Some(message) = TextSubject::pick(&message)
        {
            TextSubject::see(message, &mut seen);
            seen.bytes(message.text.as_str().as_bytes());
        }
        seen.done();
    }
}

fn duet_framer(set: &mut Set) {
    set.text.framer.push(black_box(&set.text.stream).clone());
    while let Ok(Some(frame)) = set.text.framer.next_frame() {
        see_message::<TextSubject>(frame.header.kind, &frame.body);
    }
}

fn duet_peek(set: &mut Set) {
    for frame in &set.text.frames {
        let (header, body) = whole(black_box(&frame[..]));
        let mut seen = Seen::default();
        seen.number(header.kind.into());
        seen.number(header.length.into());
        match Address::peek(body) {
            Ok(address) => seen.address(&address),
            Err(_) => unreachable!("every address is good"),
        }
        seen.done();
    }
}

fn duet_encode<S: Subject>(corpus: &mut Corpus<S>) {
    for values in &corpus.values {
        corpus.out.clear();
        black_box(values).ours().encode_into(&mut corpus.out);
        let mut seen = Seen::default();
        seen.bytes(&corpus.out);
        seen.done();
    }
}

fn see_prost<S: Subject>(read: Result<S::Prost, prost::DecodeError>) {
    let mut seen = Seen::default();
    match read {
        Ok(message) => S::see_prost(&message, &mut seen),
        Err(_) => unreachable!("every message is good"),
    }
    seen.done();
}

fn prost_decode<S: Subject>(corpus: &mut Corpus<S>) {
    for bytes in &corpus.protobufs {
        see_prost::<S>(S::Prost::decode(black_box(bytes).clone()));
    }
}

fn prost_slice(set: &mut Set) {
    for bytes in &set.text.protobufs {
        see_prost::<TextSubject>(prost::Message::decode(black_box(&bytes[..])));
    }
}

fn prost_encode<S: Subject>(corpus: &mut Corpus<S>) {
    for message in &corpus.prosts {
        corpus.out.clear();
        match black_box(message).encode(&mut corpus.out) {
            Ok(()) => {
                let mut seen = Seen::default();
                seen.bytes(&corpus.out);
                seen.done();
            }
            Err(_) => unreachable!("a vector grows"),
        }
    }
}

fn postcard_decode<S: Subject>(corpus: &mut Corpus<S>) {
    for bytes in &corpus.postcards {
        let mut seen = Seen::default();
        match postcard::from_bytes::<S::Postcard<'_>>(black_box(&bytes[..])) {
            Ok(message) => S::see_postcard(&message, &mut seen),
            Err(_) => unreachable!("every message is good"),
        }
        seen.done();
    }
}

fn copy(set: &mut Set) {
    let corpus = &mut set.text;
    for frame in &corpus.frames {
        corpus.out.clear();
        corpus.out.extend_from_slice(black_box(&frame[..]));
        let mut seen = Seen::default();
        seen.bytes(&corpus.out);
        seen.done();
    }
}

/// The rows of one kind of message.
macro_rules! rows {
    ($field:ident, $word:literal) => {
        [
            row(
                concat!("prost decode ", $word),
                "owns text; bytes are slices of a shared buffer",
                |set| prost_decode(&mut set.$field),
            ),
            row(concat!("postcard decode ", $word), "borrowed", |set| {
                postcard_decode(&mut set.$field)
            }),
            row(
                concat!("duet decode ", $word),
                "borrowed; header and all fields checked; into the enum of all messages",
                |set| duet_decode(&mut set.$field),
            ),
            row(
                concat!("duet decode, kind known ", $word),
                "the same into this message's type",
                |set| duet_known(&mut set.$field),
            ),
            row(
                concat!("duet nom reader ", $word),
                "the reader behind the usual way: every case, every error",
                |set| duet_nom(&mut set.$field),
            ),
            row(
                concat!("by hand ", $word),
                "written for this message; the standard library's UTF-8 check",
                |set| by_hand(&mut set.$field),
            ),
            row(
                concat!("prost encode ", $word),
                "into a buffer that is used again",
                |set| prost_encode(&mut set.$field),
            ),
            row(
                concat!("duet encode ", $word),
                "into a buffer that is used again",
                |set| duet_encode(&mut set.$field),
            ),
        ]
    };
}

fn row(name: &'static str, note: &'static str, pass: fn(&mut Set)) -> Case<Set> {
    Case { name, note, pass }
}

/// Rows that are compared, and the one that ratios in the table are of.
struct Group {
    title: &'static str,
    baseline: &'static str,
    cases: Vec<Case<Set>>,
}

fn groups() -> Vec<Group> {
    let text = [
        row(
            "duet decode text, as str",
            "and the text as a `str`",
            duet_str,
        ),
        row(
            "duet framer + decode text",
            "out of a stream of 256 frames in one piece",
            duet_framer,
        ),
        row(
            "duet route peek",
            "header and address: what a router reads",
            duet_peek,
        ),
        row(
            "prost decode text, from slice",
            "owns text and bytes",
            prost_slice,
        ),
        row("memcpy", "the floor: a frame's bytes", copy),
    ];
    vec![
        Group {
            title: "INVITE: six fields, a name of 3 to 26 bytes, an end-to-end block of 200",
            baseline: "prost decode invite",
            cases: rows!(invite, "invite").into(),
        },
        Group {
            title: "DATA_FROM: six fields, 200 bytes of data",
            baseline: "prost decode data",
            cases: rows!(data, "data").into(),
        },
        Group {
            title: "TEXT_FROM: seven fields, 99 bytes of ASCII",
            baseline: "prost decode text",
            cases: rows!(text, "text").into_iter().chain(text).collect(),
        },
        Group {
            title: "RTP: 1,012 bytes parsed and six getters; extended: two contributing sources, a one-byte extension, padding",
            baseline: "rtp-rs",
            cases: rtp::rows().into(),
        },
        Group {
            title: "the server's core, without input and output: DATA in, DATA_FROM out, its ACK in, RESULT out, its ACK in",
            baseline: server::ROW,
            cases: vec![row(
                server::ROW,
                "one message from one session to another",
                |set| set.server.pass(),
            )],
        },
    ]
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

/// Runs the benchmark and prints its tables. With `check`, goals are held by instructions; where there is no valgrind,
/// by times, and one that is missed is given a second chance.
pub(crate) fn bench(options: &Options) -> ExitCode {
    let mut set = Set::new();
    let groups = groups();
    let counts = options.check || options.instructions || options.save;
    let mut tables: Vec<Vec<Figure>> = groups
        .iter()
        .map(|group| {
            let mut figures = measure::run(&group.cases, group.baseline, COUNT, &mut set);
            if counts {
                figures.iter_mut().for_each(|figure| {
                    figure.instructions = instructions::count("codec", figure.name, COUNT);
                });
            }
            figures
        })
        .collect();
    let phases = if counts { server::phases() } else { Vec::new() };
    let mut figures = tables.concat();
    let by_time = figures.iter().any(|figure| figure.instructions.is_none());
    if options.check && by_time && !outcomes(&figures).iter().all(Outcome::is_reached) {
        eprintln!("no valgrind, and a goal was missed by time; measuring once more");
        let again = |group: &Group| measure::run(&group.cases, group.baseline, COUNT, &mut set);
        tables = groups.iter().map(again).collect();
        figures = tables.concat();
    }
    figures.extend(phases.iter().cloned());
    if options.save {
        if let Err(error) = baseline::save(&figures) {
            eprintln!("the baseline was not written: {error}");
            return ExitCode::FAILURE;
        }
        return ExitCode::SUCCESS;
    }
    let mut goals = outcomes(&figures);
    goals.extend(baseline::outcomes(&figures));
    if options.json {
        report::print_json("codec", &figures, &goals);
    } else {
        for (group, figures) in groups.iter().zip(&tables) {
            report::print_table(group.title, group.baseline, figures);
        }
        report::print_parts(
            "one message through the server's core: where the instructions go",
            &phases,
        );
        report::print_goals(&goals);
    }
    if options.check && !goals.iter().all(Outcome::is_reached) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn outcomes(figures: &[Figure]) -> Vec<Outcome> {
    let find = |name: &str| match figures.iter().find(|figure| figure.name == name) {
        Some(figure) => figure,
        None => unreachable!("a goal names a row that is not there: {name}"),
    };
    let outcome = |(case, goal): &(&'static str, Goal)| {
        let figure = find(case);
        let (what, at_most, is) = match goal {
            Goal::NoAllocation => ("allocations".to_owned(), 0.0, figure.allocations),
            Goal::Instructions(at_most) => {
                ("instructions".to_owned(), *at_most, figure.instructions?)
            }
            Goal::Above(of, at_most) => (
                format!("instructions above {of}"),
                *at_most,
                figure.instructions? - find(of).instructions?,
            ),
            Goal::Of(of, at_most) => match (figure.instructions, find(of).instructions) {
                (Some(own), Some(other)) => {
                    (format!("instructions, of {of}"), *at_most, own / other)
                }
                _ => (
                    format!("time, of {of}"),
                    *at_most,
                    figure.nanos / find(of).nanos,
                ),
            },
        };
        Some(Outcome {
            case: (*case).to_owned(),
            what,
            at_most,
            is,
        })
    };
    GOALS.iter().filter_map(outcome).collect()
}

/// Runs one case for so many passes, to be counted from outside.
pub(crate) fn run_only(name: &str, passes: &str) -> ExitCode {
    let groups = groups();
    let case = groups
        .iter()
        .flat_map(|group| &group.cases)
        .find(|case| case.name == name);
    let (Some(case), Ok(passes)) = (case, passes.parse::<usize>()) else {
        eprintln!("no such case: {name}");
        return ExitCode::from(2);
    };
    let mut set = Set::new();
    (0..passes).for_each(|_| (case.pass)(&mut set));
    ExitCode::SUCCESS
}
