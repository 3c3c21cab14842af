//! What a client holds itself to, whatever its server announces or says: a core alone, and frames by hand.

use std::sync::Arc;

use bytes::Bytes;
use duet_protocol::client::{Client, Config, Credentials};
use duet_protocol::error::UsageError;
use duet_protocol::id::{RoomId, SessionId, StreamNumber, UserId};
use duet_protocol::io::{Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::message::Wire as _;
use duet_protocol::message::media::{Codec, Description, Kind, State, Stream};
use duet_protocol::message::room::{Joined, Options};
use duet_protocol::message::session::{Authenticated, Welcome};
use duet_protocol::seed::Seed;
use duet_protocol::server::{self, Server};
use duet_protocol::service::Decision;
use duet_protocol::time::Instant;
use duet_protocol::wire::{Address, List, Opaque, Params, Text, Within};

use super::support::{CAPABILITIES, authenticate, hello};

const NOW: Instant = Instant::EPOCH;
const CONN: ConnId = ConnId(1);

fn say(core: &mut Client, bytes: Bytes) {
    let (conn, id, fin) = (CONN, StreamId::FIRST_OF_CLIENT, false);
    let input = Input::Stream {
        conn,
        id,
        bytes,
        fin,
    };
    core.handle(NOW, input);
    while let Some(output) = core.poll_output() {
        assert!(!matches!(output, Output::Close { .. }), "{output:?}");
    }
}

/// A client that is logged in at a server of these limits.
fn online(max_frame: u32, max_unacknowledged: u32, max_rooms: u8) -> Client {
    let config = Config {
        reserved_frames: false,
        ..Config::default()
    };
    let mut core = Client::new(Arc::new(config), Seed([1; 32]), NOW);
    core.login(NOW, Credentials::Guest("guest".into())).unwrap();
    let connected = Input::Connected {
        conn: CONN,
        purpose: Purpose::Control,
        capabilities: CAPABILITIES,
    };
    core.handle(NOW, connected);
    let welcome = Welcome {
        version: 1,
        heartbeat_ms: Within::clamp(5_000),
        dead_after_ms: Within::clamp(20_000),
        resume_window_ms: Within::clamp(30_000),
        max_frame: Within::clamp(max_frame),
        max_unacknowledged: Within::clamp(max_unacknowledged),
        max_rooms,
        agent: Text::default(),
        params: Params::NONE,
    };
    let authenticated = Authenticated {
        user: UserId(1),
        session: SessionId([1; 16]),
        resume_token: [1; 32],
        name: Text::cut("guest"),
        params: Params::NONE,
    };
    say(&mut core, welcome.encode());
    say(&mut core, authenticated.encode());
    core
}

#[test]
fn ses_031_a_client_keeps_to_what_welcome_announced() {
    let mut core = online(1_024, 16, 1);
    let to = Address::User(UserId(2));
    let too_large = core.data(NOW, to, &[0; 1_100]);
    assert_eq!(too_large, Err(UsageError::TooLarge));
    core.join(NOW, "one", b"").unwrap();
    assert_eq!(core.join(NOW, "two", b""), Err(UsageError::TooMany));
    for _ in 1..16 {
        core.data(NOW, to, &[0; 900]).unwrap();
    }
    assert_eq!(core.lookup(NOW, "bob"), Err(UsageError::Backlogged));
}

#[test]
fn ses_031_a_client_waits_for_answers_before_it_asks_more() {
    let mut core = online(16_384, 65_536, 4);
    let asked = (0..2_000).take_while(|_| core.lookup(NOW, "bob").is_ok());
    assert_eq!(asked.count(), duet_protocol::limits::MAX_REQUESTS);
    assert_eq!(core.join(NOW, "one", b""), Err(UsageError::Backlogged));
}

/// A client kept the streams of rooms that it had left. After 256 of them it took notice of no new one any more.
#[test]
fn streams_of_a_room_that_was_left_are_forgotten() {
    let mut core = online(16_384, 1_024, 4);
    let (room, peer, stream) = (RoomId([2; 16]), SessionId([3; 16]), StreamNumber(1));
    let request = core.join(NOW, "room", b"").unwrap();
    let joined = Joined {
        request,
        room,
        epoch: 1,
        number: 0,
        name: Text::cut("room"),
        capacity: Within::clamp(100),
        options: Options::NONE,
        max_streams: 64,
        members: List::new(&[]).unwrap(),
        params: Params::NONE,
    };
    let opened = Stream {
        room,
        session: peer,
        state: State::Open,
        description: Description {
            stream,
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
    };
    say(&mut core, joined.encode());
    say(&mut core, opened.encode());
    core.subscribe(NOW, room, peer, stream).unwrap();
    core.leave(NOW, room).unwrap();
    let gone = core.subscribe(NOW, room, peer, stream);
    assert_eq!(gone, Err(UsageError::NoSuchStream));
}

/// A client that closed its connection with `logout` left an entry behind at the server for as long as that ran: the
/// end of the session closed the connection once more, and nobody ever said that it was gone. Found by `server_ops`.
#[test]
fn ses_015_a_connection_that_is_gone_is_not_closed_again() {
    let config = Arc::new(server::Config::default());
    let mut core = Server::new(config, Seed([1; 32]), NOW);
    let connected = Input::Connected {
        conn: CONN,
        purpose: Purpose::Control,
        capabilities: CAPABILITIES,
    };
    core.handle(NOW, connected);
    let (conn, id, fin) = (CONN, StreamId::FIRST_OF_PEER, false);
    let bytes = Bytes::from([hello().encode(), authenticate("alice").encode()].concat());
    let input = Input::Stream {
        conn,
        id,
        bytes,
        fin,
    };
    core.handle(NOW, input);
    while let Some(output) = core.poll_output() {
        if let Output::Decide(decide) = output {
            let decision = Decision::User {
                user: UserId(1),
                name: "alice".into(),
                contacts: Vec::new(),
            };
            let id = decide.id;
            core.handle(NOW, Input::Decision { id, decision });
        }
    }
    assert_eq!(core.census().sessions, 1);
    let cause = Cause::Peer(duet_protocol::code::Code::LOGOUT);
    core.handle(NOW, Input::Closed { conn, cause });
    assert_eq!(core.census().sessions, 0);
    while let Some(output) = core.poll_output() {
        assert!(!matches!(output, Output::Close { .. }), "{output:?}");
    }
}
