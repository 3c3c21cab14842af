//! The golden vectors of `spec/vectors/`, read as another implementation would: bytes in, fields out. Only the typed
//! readers are used here; what wrote the vectors knows nothing but the schemas.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../examples/vectors/generate.rs"]
mod generate;
#[path = "../examples/vectors/samples.rs"]
mod samples;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::id::{CallId, FlowId, RequestId, RoomId, SessionId, StreamNumber, UserId};
use duet_protocol::message::media::{Codec, Description, Kind, State};
use duet_protocol::message::room::{Change, Member, Presence};
use duet_protocol::message::session::{Method, Retry};
use duet_protocol::message::{
    Media, Message, call, channel, directory, media, room, schema, schemas, session,
};
use duet_protocol::wire::{Address, Field, Framer, List, Opaque, Params, Text, Within};
use serde_json::{Map, Value as Json, json};

const AREAS: [&str; 6] = ["session", "directory", "room", "channel", "call", "media"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> Vec<Json> {
    let path = root().join("spec/vectors").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Json = serde_json::from_str(&text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn unhex(text: &Json) -> Bytes {
    let text = text.as_str().unwrap();
    assert_eq!(text.len() % 2, 0);
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> Json {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Json::from(digits)
}

/// A field as the vectors show it.
trait Show {
    fn show(&self) -> Json;
}

macro_rules! show {
    ($($type:ty: $this:ident => $json:expr;)+) => {$(
        impl Show for $type {
            fn show(&self) -> Json {
                let $this = self;
                Json::from($json)
            }
        }
    )+};
}

show! {
    u8: n => *n;
    u16: n => *n;
    u32: n => *n;
    u64: n => format!("{n:016x}");
    UserId: id => format!("{:016x}", id.0);
    RoomId: id => hex(&id.0);
    SessionId: id => hex(&id.0);
    CallId: id => hex(&id.0);
    RequestId: id => id.0;
    FlowId: id => id.0;
    StreamNumber: id => id.0;
    Code: code => code.0;
    Method: choice => *choice as u8;
    Retry: choice => *choice as u8;
    Change: choice => *choice as u8;
    Presence: choice => *choice as u8;
    Kind: choice => *choice as u8;
    Codec: choice => *choice as u8;
    State: choice => *choice as u8;
    Media: bits => bits.bits();
    Address: address => match address {
        Address::User(user) => json!({"user": format!("{:016x}", user.0)}),
        Address::Session(session) => json!({"session": hex(&session.0)}),
        Address::Room(room) => json!({"room": hex(&room.0)}),
        Address::Service => json!({"service": ""}),
    };
}

impl<const N: usize> Show for [u8; N] {
    fn show(&self) -> Json {
        hex(self)
    }
}

impl<const MAX: usize> Show for Text<'_, MAX> {
    fn show(&self) -> Json {
        Json::from(self.as_str())
    }
}

impl<const MAX: usize> Show for Opaque<'_, MAX> {
    fn show(&self) -> Json {
        hex(self.as_bytes())
    }
}

impl<const MIN: u32, const MAX: u32> Show for Within<MIN, MAX> {
    fn show(&self) -> Json {
        Json::from(self.value())
    }
}

impl<'a, T: Field<'a> + Clone + Show, const MAX: usize> Show for List<'a, T, MAX> {
    fn show(&self) -> Json {
        self.iter().map(|entry| entry.show()).collect()
    }
}

macro_rules! records {
    ($($name:ident { $($field:ident)+ })+) => {$(
        impl Show for $name<'_> {
            fn show(&self) -> Json {
                let Self { $($field),+ } = self;
                json!({$(stringify!($field): $field.show()),+})
            }
        }
    )+};
}

records! {
    Member { session user presence name }
    Description { stream kind codec payload_type clock_rate ssrc max_bitrate useful_ms config }
}

fn params(fields: &mut Map<String, Json>, params: &Params<'_>) {
    let shown: Vec<Json> = params
        .iter()
        .map(|param| json!([param.id, hex(param.value)]))
        .collect();
    if !shown.is_empty() {
        fields.insert("params".to_owned(), Json::from(shown));
    }
}

macro_rules! fields {
    ($($area:ident $module:ident { $($name:ident { $($field:ident)+ })+ })+) => {
        /// The fields of any message. Each is named, so that one that is added, taken away or renamed does not compile.
        fn fields(message: &Message<'_>) -> Json {
            let mut shown = Map::new();
            match message {
                $($(Message::$area($module::Message::$name($module::$name { $($field,)+ params: rest })) => {
                    $(shown.insert(stringify!($field).to_owned(), $field.show());)+
                    params(&mut shown, rest);
                })+)+
            }
            Json::Object(shown)
        }
    };
}

fields! {
    Session session {
        Hello { min_version max_version heartbeat_ms agent }
        Welcome {
            version heartbeat_ms dead_after_ms resume_window_ms max_frame max_unacknowledged max_rooms agent
        }
        Authenticate { method name credential device }
        Authenticated { user session resume_token name }
        Resume { session resume_token received }
        Resumed { resume_token received }
        Ack { received }
        Ping { token }
        Pong { token }
        Goodbye { code retry after_ms text }
        Outcome { request code }
    }
    Directory directory {
        Lookup { request name }
        Found { request user name }
    }
    Room room {
        Join { request room name secret }
        Joined { request room epoch number members }
        Leave { request room }
        Left { room code }
        Delta { room epoch number change code member }
    }
    Channel channel {
        TextTo { to request text }
        DataTo { to request data }
        TextFrom { to user session number time text }
        DataFrom { to user session number time data }
    }
    Call call {
        Invite { call peer media ring_for_ms name end_to_end }
        Ringing { call end_to_end }
        Accept { call media end_to_end }
        Reject { call }
        Cancel { call }
        Start { call room ticket media peer end_to_end }
        End { call code }
        Refused { call code existing }
    }
    Media media {
        Publish { request room description }
        Published { request flow }
        Unpublish { request room stream }
        Stream { room session state description }
        Subscribe { request room session stream }
        Subscribed { request flow }
        Unsubscribe { request room session stream }
        MediaTicket { request call room token expires_in_ms endpoint }
        TicketRequest { request call room }
        Attach { token }
        Attached { code }
    }
}

#[test]
fn every_vector_is_read_as_it_says() {
    let mut seen = BTreeMap::<String, (usize, usize)>::new();
    for area in AREAS {
        for vector in read(&format!("{area}.json")) {
            let (name, case) = (vector["message"].as_str().unwrap(), &vector["case"]);
            let mut framer = Framer::new(u32::MAX);
            framer.push(unhex(&vector["frame"]));
            let frame = framer.next_frame().unwrap().expect("a whole frame");
            assert!(!framer.is_mid_frame(), "{name}, {case}: more than a frame");
            let kind = frame.header.kind;
            assert_eq!(schema(kind).unwrap().name, name);
            assert_eq!(
                frame.header.flags,
                schema(kind).unwrap().flags,
                "{name}, {case}"
            );
            let (good, bad) = seen.entry(name.to_owned()).or_default();
            match Message::decode(kind, &frame.body).expect("a known kind") {
                Ok(message) => {
                    assert_eq!(fields(&message), vector["fields"], "{name}, {case}");
                    *good += 1;
                }
                Err(error) => {
                    assert_eq!(format!("{error:?}"), vector["error"], "{name}, {case}");
                    *bad += 1;
                }
            }
        }
    }
    for schema in schemas() {
        let (good, bad) = seen.get(schema.name).copied().unwrap_or_default();
        assert!(
            good >= 4 && bad >= 6,
            "{}: {good} good, {bad} bad",
            schema.name
        );
    }
}

#[test]
fn every_stream_is_cut_as_it_says() {
    for vector in read("frames.json") {
        let case = &vector["case"];
        let bytes = unhex(&vector["bytes"]);
        for step in [usize::MAX, 1, 7] {
            let (mut framer, mut frames, mut error) = (Framer::new(16_384), Vec::new(), None);
            let mut taken = 0;
            for piece in bytes.chunks(step) {
                framer.push(Bytes::copy_from_slice(piece));
                loop {
                    match framer.next_frame() {
                        Ok(Some(frame)) => {
                            taken += 8 + frame.body.len();
                            let header = frame.header;
                            frames.push(json!({
                                "kind": header.kind,
                                "flags": header.flags.0,
                                "reserved": header.reserved,
                                "body": hex(&frame.body),
                            }));
                        }
                        Ok(None) => break,
                        Err(found) => {
                            error = Some(format!("{found:?}"));
                            break;
                        }
                    }
                }
                if error.is_some() {
                    break;
                }
            }
            assert_eq!(Json::from(frames), vector["frames"], "{case}, by {step}");
            match error {
                Some(error) => assert_eq!(error, vector["error"], "{case}, by {step}"),
                None => {
                    assert_eq!(bytes.len() - taken, vector["left"], "{case}, by {step}");
                    assert_eq!(framer.is_mid_frame(), vector["left"] != 0, "{case}");
                }
            }
        }
    }
}

#[test]
fn what_is_committed_is_what_the_schemas_give() {
    let hint = "cargo run -p duet-protocol --example vectors";
    for (name, content) in generate::vectors() {
        let path = root().join("spec/vectors").join(&name);
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == content, "spec/vectors/{name} is stale: {hint}");
    }
    for (name, content) in generate::corpus() {
        let path = root().join("fuzz/corpus/frames").join(&name);
        let committed = std::fs::read(path).unwrap_or_default();
        assert!(
            committed == content,
            "fuzz/corpus/frames/{name} is stale: {hint}"
        );
    }
}
