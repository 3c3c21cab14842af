//! What hostile and broken peers do. Each thing has its code, closes no more than it must, is charged to its sender,
//! and the server serves everyone else on: two bystanders in a call talk through all of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::call::client::Phase;
use duet_protocol::client::{self, Client, Credentials, Event};
use duet_protocol::code::Code;
use duet_protocol::error::{Initiator, Violation};
use duet_protocol::id::{CallId, RequestId, RoomId, SessionId, UserId};
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::limits;
use duet_protocol::media::Ecn;
use duet_protocol::message::call::{self, Invite, Start};
use duet_protocol::message::channel::TextTo;
use duet_protocol::message::directory::Lookup;
use duet_protocol::message::media::{self, Attach, Attached, MediaTicket};
use duet_protocol::message::session::{
    self, Ack, Authenticated, Goodbye, Outcome, Ping, Resumed, Retry, Welcome,
};
use duet_protocol::message::{Media, Message, Wire as _, room, schemas};
use duet_protocol::seed::Seed;
use duet_protocol::server::{self, Census};
use duet_protocol::service::Question;
use duet_protocol::time::Instant;
use duet_protocol::wire::{Address, Framer, Opaque, Params, Sender, Text, Within};
use duet_sim::{NodeId, Stream};

use crate::call::{streams, talk};
use crate::cluster::ONE_SHARD;
use crate::support::{Net, account, authenticate, hello, lenient};
use crate::wire::{frame, samples};

/// How far an attacker goes by the rules before it breaks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connected,
    Greeted,
    Online,
}

/// Alice and Bob in a call, and room for attackers.
struct Scene {
    net: Net,
    call: CallId,
    /// How many connections the server has seen; it numbers them from 1.
    connections: u64,
    before: Census,
    texts: u32,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut net = Net::new(seed, &["alice", "bob"]);
        net.login();
        let call = talk(&mut net);
        net.run_ms(500);
        let before = net.server().core.census();
        let expected = Census {
            doors: 0,
            sessions: 2,
            users: 2,
            rooms: 1,
            calls: 1,
            transfers: 0,
            media: 2,
        };
        assert_eq!(before, expected);
        let mut scene = Self {
            net,
            call,
            connections: 4,
            before,
            texts: 0,
        };
        scene.bystanders_talk("before any attack");
        scene
    }

    fn enter(&mut self, stage: Stage) -> NodeId {
        self.connections += 1;
        match stage {
            Stage::Connected => self.net.raw(Purpose::Control),
            Stage::Greeted => self.net.raw_greeted(),
            Stage::Online => self.net.raw_online("mallory"),
        }
    }

    fn enter_media(&mut self) -> NodeId {
        self.connections += 1;
        self.net.raw(Purpose::Media)
    }

    fn closed(&self, peer: NodeId) -> Option<Code> {
        self.net.raw_host(peer).closed
    }

    /// What the newest connection was charged with: its session, and which rule it broke.
    fn charged(&self) -> Vec<(Option<SessionId>, Violation)> {
        let newest = ConnId(self.connections);
        let events = self.net.server().events.iter();
        events
            .filter_map(|(_, event)| match event {
                server::Event::Violation {
                    conn,
                    session,
                    violation,
                } => {
                    assert_eq!(
                        *conn, newest,
                        "somebody else was charged with {violation:?}"
                    );
                    Some((*session, *violation))
                }
                _ => None,
            })
            .collect()
    }

    fn newest_session(&self) -> Option<SessionId> {
        let mut events = self.net.server().events.iter().rev();
        events.find_map(|(_, event)| match event {
            server::Event::LoggedIn { session, .. } => Some(*session),
            _ => None,
        })
    }

    /// The two bystanders are in their call and hear each other, and the server holds what it held.
    fn bystanders_talk(&mut self, after: &str) {
        self.texts += 1;
        self.net.forget_events();
        let text = format!("{after}, {}", self.texts);
        let requests = [(0, "bob"), (1, "alice")].map(|(from, to)| {
            let to = Address::User(account(to).unwrap());
            self.net
                .command(from, |core, now| core.text(now, to, &text).unwrap())
        });
        self.net.run_ms(150);
        for (index, request) in [0, 1].into_iter().zip(requests) {
            let events = self.net.events(index);
            let heard = |event: &&&Event| matches!(event, Event::Text { text: heard, .. } if *heard == text);
            assert_eq!(
                events.iter().filter(heard).count(),
                1,
                "{after}: {events:?}"
            );
            let delivered = |event: &&&Event| matches!(event, Event::Answer { request: r, code: Code::DELIVERED, .. } if *r == request);
            assert!(
                events.iter().any(|event| delivered(&event)),
                "{after}: {events:?}"
            );
            let calls: Vec<_> = self.net.client(index).core.calls().collect();
            assert_eq!(calls, [(self.call, Phase::Active)], "{after}");
        }
        assert_eq!(self.net.server().core.census(), self.before, "{after}");
        self.net.server_mut().events.clear();
    }

    /// A peer at this stage says this and is closed for it, with this violation and no other; or, where there is
    /// none, it stays and is served.
    fn attack(&mut self, what: &str, stage: Stage, bytes: &[u8], expected: Option<Violation>) {
        let peer = self.enter(stage);
        let session = match stage {
            Stage::Online => self.newest_session(),
            Stage::Connected | Stage::Greeted => None,
        };
        self.net.say(peer, bytes.to_vec());
        let charged: Vec<_> = expected
            .map(|violation| (session, violation))
            .into_iter()
            .collect();
        assert_eq!(self.charged(), charged, "{what}, {stage:?}");
        assert_eq!(
            self.closed(peer),
            expected.map(Violation::code),
            "{what}, {stage:?}"
        );
        match expected {
            Some(violation) => assert_eq!(self.told(peer), Some(violation.code()), "{what}"),
            None => self.take_leave(peer, what),
        }
        self.bystanders_talk(what);
    }

    /// The code of the GOODBYE that a peer heard.
    fn told(&self, peer: NodeId) -> Option<Code> {
        self.net.raw_host(peer).last(|message| match message {
            Message::Session(session::Message::Goodbye(goodbye)) => Some(goodbye.code),
            _ => None,
        })
    }

    /// A peer that was not closed can still take its leave.
    fn take_leave(&mut self, peer: NodeId, what: &str) {
        self.net.say(peer, goodbye().encode());
        assert_eq!(self.closed(peer), Some(Code::LOGOUT), "{what}");
    }

    fn is_served(&mut self, peer: NodeId) -> bool {
        let (token, params) = (0x5eed, Params::NONE);
        self.net.say(peer, Ping { token, params }.encode());
        let pong = self.net.raw_host(peer).last(|message| match message {
            Message::Session(session::Message::Pong(pong)) => Some(pong.token),
            _ => None,
        });
        pong == Some(token)
    }

    /// What RESULT said of a request, each time.
    fn results(&self, peer: NodeId, request: RequestId) -> Vec<Code> {
        let heard = self.net.raw_host(peer).heard.iter();
        heard
            .filter_map(|frame| {
                match Message::decode(frame.header.kind, &frame.body)?.expect("well-formed") {
                    Message::Session(session::Message::Outcome(outcome)) => Some(outcome),
                    _ => None,
                }
            })
            .filter(|outcome| outcome.request == request)
            .map(|outcome| outcome.code)
            .collect()
    }

    /// An attacker that is logged in and in a room of its own, and the media ticket that it got there.
    fn enter_with_ticket(&mut self) -> (NodeId, [u8; 32]) {
        let peer = self.enter(Stage::Online);
        let join = room::Join {
            request: RequestId(1),
            room: RoomId::NONE,
            name: Text::cut("lair"),
            secret: Opaque::default(),
            params: Params::NONE,
        };
        self.net.say(peer, join.encode());
        (peer, self.ticket(peer).expect("a ticket comes with JOINED"))
    }

    fn ticket(&self, peer: NodeId) -> Option<[u8; 32]> {
        self.net.raw_host(peer).last(|message| match message {
            Message::Media(media::Message::MediaTicket(ticket)) => Some(ticket.token),
            _ => None,
        })
    }

    fn is_attached(&self, peer: NodeId) -> bool {
        let heard = self.net.raw_host(peer).last(|message| match message {
            Message::Media(media::Message::Attached(attached)) => Some(attached.code),
            _ => None,
        });
        heard == Some(Code::NONE)
    }
}

fn goodbye() -> Goodbye<'static> {
    Goodbye {
        code: Code::LOGOUT,
        retry: Retry::Never,
        after_ms: 0,
        text: Text::default(),
        params: Params::NONE,
    }
}

fn attach(token: [u8; 32]) -> Bytes {
    let params = Params::NONE;
    Attach { token, params }.encode()
}

fn ack(received: u64) -> Bytes {
    let params = Params::NONE;
    Ack { received, params }.encode()
}

fn lookup(request: u32) -> Bytes {
    Lookup {
        request: RequestId(request),
        name: Text::cut("nobody"),
        params: Params::NONE,
    }
    .encode()
}

/// A good frame of a kind by name, with values that fit no state in particular.
fn typical(name: &str) -> Vec<u8> {
    let schema = schemas().find(|schema| schema.name == name).unwrap();
    samples::frame(
        schema,
        &samples::good(schema.fields, samples::Size::Typical),
    )
}

#[test]
fn ses_002_every_frame_before_its_time_ends_the_connection_and_nothing_else() {
    let mut scene = Scene::new(1);
    let all = schemas().filter(|schema| matches!(schema.sender, Sender::Client | Sender::Either));
    for name in all.map(|schema| schema.name) {
        let expected = match name {
            "GOODBYE" => continue,
            "HELLO" => Violation::UnsupportedVersion,
            _ => Violation::UnexpectedFrame,
        };
        scene.attack(name, Stage::Connected, &typical(name), Some(expected));
        let expected = match name {
            // Both are refused by their own codes, and are no breach.
            "AUTHENTICATE" | "RESUME" => continue,
            "PING" | "PONG" => None,
            _ => Some(Violation::UnexpectedFrame),
        };
        scene.attack(name, Stage::Greeted, &typical(name), expected);
    }
}

#[test]
fn ses_002_what_only_a_server_says_is_unexpected_from_a_client_start_among_it() {
    let mut scene = Scene::new(2);
    let all = schemas().filter(|schema| matches!(schema.sender, Sender::Server | Sender::Service));
    for name in all.map(|schema| schema.name) {
        for stage in [Stage::Connected, Stage::Greeted, Stage::Online] {
            let expected = Some(Violation::UnexpectedFrame);
            scene.attack(name, stage, &typical(name), expected);
        }
    }
}

#[test]
fn ses_001_a_second_greeting_or_login_ends_the_session() {
    let mut scene = Scene::new(3);
    let unexpected = Some(Violation::UnexpectedFrame);
    let (hello, login) = (hello().encode(), authenticate("mallory").encode());
    scene.attack("HELLO twice", Stage::Greeted, &hello, unexpected);
    scene.attack("HELLO", Stage::Online, &hello, unexpected);
    scene.attack("AUTHENTICATE", Stage::Online, &login, unexpected);
    scene.attack("RESUME", Stage::Online, &typical("RESUME"), unexpected);
    scene.attack("ATTACH", Stage::Online, &typical("ATTACH"), unexpected);
    // Whether the first login is decided before the second frame comes depends on the cuts; both are a breach.
    for _ in 0..8 {
        let peer = scene.enter(Stage::Greeted);
        scene.net.say(peer, [&login[..], &login].concat());
        assert_eq!(scene.closed(peer), Some(Code::UNEXPECTED_FRAME));
        let [(_, Violation::UnexpectedFrame)] = scene.charged()[..] else {
            panic!("{:?}", scene.charged());
        };
        scene.bystanders_talk("a login and more");
    }
}

#[test]
fn wire_004_what_cannot_be_read_ends_its_session_whatever_comes_after_it() {
    let mut scene = Scene::new(4);
    let malformed = Some(Violation::Malformed);
    for schema in
        schemas().filter(|schema| matches!(schema.sender, Sender::Client | Sender::Either))
    {
        for broken in samples::broken(schema) {
            let bytes = samples::frame(schema, &broken.body);
            // What follows in the same breath is not looked at: it would be another violation.
            let bytes = [&bytes[..], &frame(0x7fff, 0, b"")].concat();
            let what = format!("{}: {}", schema.name, broken.label);
            scene.attack(&what, Stage::Online, &bytes, malformed);
        }
    }
}

#[test]
fn wire_003_oversize_critical_and_misflagged_frames_have_their_codes_at_every_stage() {
    let mut scene = Scene::new(5);
    let oversize = [4, 1, 3, 0, 0, 0, 0x40, 1];
    for stage in [Stage::Connected, Stage::Greeted, Stage::Online] {
        scene.attack("oversize", stage, &oversize, Some(Violation::FrameTooLarge));
        scene.attack(
            "all ones",
            stage,
            &[0xff; 64],
            Some(Violation::FrameTooLarge),
        );
        let critical = frame(0x0799, 1, b"?");
        scene.attack(
            "critical",
            stage,
            &critical,
            Some(Violation::UnknownCritical),
        );
        let zero = [0; 8];
        scene.attack("zeros", stage, &zero, Some(Violation::UnknownCritical));
        let mut misflagged = hello().encode().to_vec();
        misflagged[2] = 1;
        scene.attack("flags", stage, &misflagged, Some(Violation::WrongFlags));
        scene.attack("ignorable", stage, &frame(0xf001, 0, b"?"), None);
        scene.attack("nothing at all", stage, &[], None);
    }
}

#[test]
fn wire_008_a_stream_that_ends_early_is_closed_for_it_at_every_stage() {
    let mut scene = Scene::new(6);
    for stage in [Stage::Connected, Stage::Greeted, Stage::Online] {
        for last in [&[][..], &[1], &hello().encode()[..9]] {
            let peer = scene.enter(stage);
            scene.net.say_last(peer, last.to_vec());
            assert_eq!(scene.closed(peer), Some(Code::STREAM_ENDED));
            let [(_, Violation::StreamEnded)] = scene.charged()[..] else {
                panic!("{stage:?}: {:?}", scene.charged());
            };
            scene.bystanders_talk("a stream's end");
        }
    }
}

#[test]
fn wire_009_a_second_stream_is_closed_for_it_at_every_stage() {
    let mut scene = Scene::new(7);
    for stage in [Stage::Connected, Stage::Greeted, Stage::Online] {
        let peer = scene.enter(stage);
        let conn = ConnId(scene.connections);
        let (by_peer, index) = (true, 1);
        let id = StreamId { by_peer, index };
        scene.net.server_command(|core, now| {
            let (bytes, fin) = (hello().encode(), false);
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
        scene.net.run_ms(50);
        assert_eq!(scene.closed(peer), Some(Code::UNEXPECTED_STREAM));
        let [(_, Violation::UnexpectedStream)] = scene.charged()[..] else {
            panic!("{stage:?}: {:?}", scene.charged());
        };
        scene.bystanders_talk("a second stream");
    }
}

#[test]
fn ses_013_an_acknowledgement_of_what_was_never_sent_ends_the_session() {
    let mut scene = Scene::new(8);
    for received in [100, u64::MAX] {
        let bytes = ack(received);
        scene.attack("ACK", Stage::Online, &bytes, Some(Violation::BadAck));
    }
    scene.attack("an old ACK", Stage::Online, &ack(0), None);
}

#[test]
fn ses_013_a_resume_that_acknowledges_too_much_leaves_the_session_to_its_owner() {
    let mut scene = Scene::new(9);
    let owner = scene.enter(Stage::Online);
    let (session, resume_token) = scene
        .net
        .raw_host(owner)
        .last(|message| match message {
            Message::Session(session::Message::Authenticated(a)) => {
                Some((a.session, a.resume_token))
            }
            _ => None,
        })
        .unwrap();
    let params = Params::NONE;
    let resume = |resume_token, received| session::Resume {
        session,
        resume_token,
        received,
        device: Text::cut("raw"),
        params,
    };
    let greedy = scene.enter(Stage::Greeted);
    scene.net.say(greedy, resume(resume_token, 1_000).encode());
    assert_eq!(scene.closed(greedy), Some(Code::BAD_ACK));
    assert_eq!(scene.charged(), [(None, Violation::BadAck)]);
    let thief = scene.enter(Stage::Greeted);
    scene.net.server_mut().events.clear();
    scene.net.say(thief, resume([0; 32], 0).encode());
    assert_eq!(scene.closed(thief), Some(Code::RESUME_REFUSED));
    assert!(
        scene.is_served(owner),
        "somebody else's RESUME cost a session"
    );
    scene.take_leave(owner, "an owner");
    scene.bystanders_talk("stolen sessions");
}

#[test]
fn ses_017_a_number_in_use_ends_the_session_and_one_that_is_free_again_does_not() {
    let mut scene = Scene::new(10);
    let mut allow = lenient();
    scene.net.server_mut().policy = Box::new(move |decide| match decide.question {
        Question::Lookup { .. } => None,
        _ => allow(decide),
    });
    let twice = [lookup(1), lookup(1)].concat();
    let in_use = Some(Violation::RequestInUse);
    scene.attack("a number twice", Stage::Online, &twice, in_use);
    let mut others = lookup(1).to_vec();
    others.extend(lookup(2));
    scene.attack("two numbers", Stage::Online, &others, None);
    scene.net.server_mut().policy = lenient();
    let peer = scene.enter(Stage::Online);
    for _ in 0..2 {
        scene.net.say(peer, lookup(1));
    }
    let expected = [Code::NOT_FOUND, Code::NOT_FOUND];
    assert_eq!(scene.results(peer, RequestId(1)), expected);
    scene.take_leave(peer, "one who uses a number again");
    scene.bystanders_talk("numbers");
}

#[test]
fn ses_017_requests_past_the_limit_are_answered_and_cost_nobody_anything() {
    let mut scene = Scene::new(11);
    let peer = scene.enter(Stage::Online);
    let bob = Address::User(account("bob").unwrap());
    let count = limits::MAX_REQUESTS as u32 + 44;
    let flood: Vec<u8> = (0..count)
        .flat_map(|number| {
            let (request, text) = (RequestId(number), Text::cut("spam"));
            TextTo {
                mention: duet_protocol::id::UserId(0),
                to: bob,
                request,
                text,
                params: Params::NONE,
            }
            .encode()
        })
        .collect();
    scene.net.say(peer, flood);
    let mut codes: Vec<Code> = (0..count)
        .flat_map(|number| scene.results(peer, RequestId(number)))
        .collect();
    codes.sort_unstable();
    let (delivered, refused) = codes.split_at(limits::MAX_REQUESTS);
    assert!(delivered.iter().all(|code| *code == Code::DELIVERED));
    assert_eq!(refused, [Code::TOO_MANY; 44]);
    scene.take_leave(peer, "a flood");
    scene.bystanders_talk("a flood");
}

/// A frame that is well-formed, legal and about nothing that exists is answered, once, and ends nothing.
#[test]
fn ses_016_requests_about_nothing_are_answered_and_end_nothing() {
    let mut scene = Scene::new(12);
    for (name, code) in [
        ("LOOKUP", Code::NOT_FOUND),
        ("LEAVE", Code::NOT_IN_ROOM),
        ("TEXT", Code::UNREACHABLE),
        ("DATA", Code::UNREACHABLE),
        ("JOIN", Code::NO_SUCH_ROOM),
        ("PUBLISH", Code::NOT_IN_ROOM),
        ("UNPUBLISH", Code::NOT_IN_ROOM),
        ("SUBSCRIBE", Code::NOT_IN_ROOM),
        ("UNSUBSCRIBE", Code::NOT_IN_ROOM),
        ("TICKET", Code::NOT_IN_ROOM),
    ] {
        let peer = scene.enter(Stage::Online);
        scene.net.say(peer, typical(name));
        let at = if name == "TEXT" || name == "DATA" {
            1
        } else {
            0
        };
        let request = RequestId(0x1122_3344 + at);
        assert_eq!(scene.results(peer, request), [code], "{name}");
        scene.take_leave(peer, name);
        scene.bystanders_talk(name);
    }
    for (name, code) in [
        ("INVITE", Code::UNREACHABLE),
        ("RINGING", Code::NOT_IN_CALL),
        ("ACCEPT", Code::NOT_IN_CALL),
        ("REJECT", Code::NOT_IN_CALL),
        ("CANCEL", Code::NOT_IN_CALL),
        ("END", Code::NOT_IN_CALL),
    ] {
        let peer = scene.enter(Stage::Online);
        scene.net.say(peer, typical(name));
        let answer = scene.net.raw_host(peer).last(|message| match message {
            Message::Call(call::Message::Refused(refused)) => Some(refused.code),
            Message::Call(call::Message::End(end)) => Some(end.code),
            _ => None,
        });
        assert_eq!(answer, Some(code), "{name}");
        scene.take_leave(peer, name);
        scene.bystanders_talk(name);
    }
}

#[test]
fn ses_021_who_does_not_log_in_is_closed_after_ten_seconds_however_busy_it_is() {
    let mut scene = Scene::new(13);
    for stage in [Stage::Connected, Stage::Greeted] {
        let peer = scene.enter(stage);
        for _ in 0..95 {
            // Each costs 100 ms. Frames that are skipped buy no time.
            scene.net.say(peer, frame(0x80aa, 0, b""));
        }
        assert_eq!(scene.closed(peer), None, "{stage:?}: too early");
        scene.net.run_ms(1_000);
        assert_eq!(scene.closed(peer), Some(Code::LOGIN_TIMEOUT), "{stage:?}");
        assert_eq!(scene.charged(), []);
        scene.bystanders_talk("a slow login");
    }
}

#[test]
fn ses_021_the_doors_are_so_many_and_open_again() {
    // Each shard has so many doors; this is about one.
    let mut scene = Scene::new(ONE_SHARD);
    let doors = limits::MAX_DOORS as u64;
    scene.net.server_command(|core, now| {
        for number in 0..doors {
            let purpose = match number % 2 {
                0 => Purpose::Control,
                _ => Purpose::Media,
            };
            let conn = ConnId(1_000_000 + number);
            core.handle(now, connected(conn, purpose));
        }
    });
    assert_eq!(scene.net.server().core.census().doors as u64, doors / 2);
    let purposes = [Purpose::Control, Purpose::Media];
    let late = purposes.map(|purpose| {
        scene.connections += 1;
        scene.net.raw(purpose)
    });
    for peer in late {
        assert_eq!(scene.closed(peer), Some(Code::TOO_MANY));
    }
    scene.net.run(Duration::from_millis(3_100));
    assert_eq!(scene.net.server().core.census().doors as u64, doors / 2);
    let welcome = scene.enter(Stage::Greeted);
    assert_eq!(scene.closed(welcome), None, "media doors close after 3 s");
    scene.take_leave(welcome, "one who found a door");
    scene.net.run(Duration::from_secs(8));
    scene.bystanders_talk("a crowd at the doors");
}

#[test]
fn media_013_a_media_connection_that_does_not_attach_is_closed_and_nothing_else() {
    let mut scene = Scene::new(15);
    let cases = [
        ("zeros", vec![0; 40], Code::UNKNOWN_CRITICAL),
        ("ones", vec![0xff; 40], Code::FRAME_TOO_LARGE),
        ("HELLO", hello().encode().to_vec(), Code::UNEXPECTED_FRAME),
        ("ATTACHED", typical("ATTACHED"), Code::UNEXPECTED_FRAME),
        (
            "a short ATTACH",
            frame(0x070a, 0, &[7; 31]),
            Code::MALFORMED,
        ),
        (
            "a sequenced ATTACH",
            frame(0x070a, 1, &[7; 32]),
            Code::WRONG_FLAGS,
        ),
        (
            "an unknown ticket",
            attach([7; 32]).to_vec(),
            Code::BAD_TICKET,
        ),
        (
            "ATTACH twice at once",
            [attach([7; 32]), attach([7; 32])].concat(),
            Code::UNEXPECTED_FRAME,
        ),
        ("silence", vec![], Code::ATTACH_TIMEOUT),
        ("half a header", vec![7, 0x0a, 0, 0], Code::ATTACH_TIMEOUT),
        (
            "frames that are skipped",
            frame(0x80aa, 0, b"?"),
            Code::ATTACH_TIMEOUT,
        ),
    ];
    for (what, bytes, code) in cases {
        let peer = scene.enter_media();
        scene.net.say(peer, bytes);
        if code == Code::ATTACH_TIMEOUT {
            assert_eq!(scene.closed(peer), None, "{what}");
            scene.net.run(Duration::from_secs(3));
        }
        assert_eq!(scene.closed(peer), Some(code), "{what}");
        scene.bystanders_talk(what);
    }
}

#[test]
fn media_013_a_ticket_is_good_once_and_for_ten_seconds() {
    let mut scene = Scene::new(16);
    let (owner, token) = scene.enter_with_ticket();
    let first = scene.enter_media();
    scene.net.say(first, attach(token));
    assert!(scene.is_attached(first));
    let second = scene.enter_media();
    scene.net.say(second, attach(token));
    assert_eq!(scene.closed(second), Some(Code::BAD_TICKET), "used twice");
    assert_eq!(
        scene.closed(first),
        None,
        "the first was closed for the second"
    );
    scene.take_leave(owner, "the owner of a used ticket");
    assert_eq!(scene.closed(first), Some(Code::SESSION_ENDED));
    scene.bystanders_talk("a used ticket");

    let (owner, token) = scene.enter_with_ticket();
    scene.net.run(Duration::from_secs(10));
    let late = scene.enter_media();
    scene.net.say(late, attach(token));
    assert_eq!(scene.closed(late), Some(Code::BAD_TICKET), "expired");
    assert!(scene.is_served(owner), "a ticket's end cost the session");
    scene.take_leave(owner, "the owner of an expired ticket");

    let (owner, token) = scene.enter_with_ticket();
    scene.take_leave(owner, "one who leaves a ticket behind");
    let orphan = scene.enter_media();
    scene.net.say(orphan, attach(token));
    assert_eq!(
        scene.closed(orphan),
        Some(Code::BAD_TICKET),
        "its session is over"
    );
    scene.bystanders_talk("tickets");
}

#[test]
fn media_016_bytes_after_attach_end_the_media_connection_and_not_the_session() {
    let mut scene = Scene::new(17);
    let (owner, token) = scene.enter_with_ticket();
    let session = scene.newest_session();
    let peer = scene.enter_media();
    scene.net.say(peer, attach(token));
    assert!(scene.is_attached(peer));
    scene.net.server_mut().events.clear();
    scene.net.say(peer, frame(0x80aa, 0, b"even this"));
    assert_eq!(scene.closed(peer), Some(Code::UNEXPECTED_STREAM));
    assert_eq!(scene.charged(), [(session, Violation::UnexpectedStream)]);
    assert!(scene.is_served(owner));
    scene.take_leave(owner, "bytes after ATTACH");
    scene.bystanders_talk("bytes after ATTACH");
}

#[test]
fn media_017_datagrams_of_no_flow_have_no_effect() {
    let mut scene = Scene::new(18);
    let mut random = Stream::new(18, "datagrams");
    let (owner, token) = scene.enter_with_ticket();
    let unattached = scene.enter_media();
    let attached = scene.enter_media();
    scene.net.say(attached, attach(token));
    for round in 0..100_u64 {
        let mut bytes = noise(&mut random, 1 + (round % 60) as usize);
        if round % 20 == 0 {
            assert!(scene.is_served(owner), "round {round}");
        }
        if round % 3 == 0 {
            // On flow 0: media control.
            bytes[0] = 0;
        }
        for peer in [owner, unattached, attached] {
            scene.net.throw(peer, bytes.clone());
        }
    }
    scene.net.throw(attached, vec![]);
    scene.net.throw(attached, vec![1; 2_000]);
    assert_eq!(scene.closed(owner), None);
    assert_eq!(scene.closed(unattached), Some(Code::ATTACH_TIMEOUT));
    assert!(scene.is_served(owner));
    for index in [0, 1] {
        let events = scene.net.events(index);
        let media = |event: &&&Event| matches!(event, Event::Media { .. });
        assert_eq!(events.iter().filter(media).count(), 0, "{events:?}");
    }
    scene.take_leave(owner, "datagrams");
    scene.bystanders_talk("datagrams");
}

fn noise(random: &mut Stream, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.below(256) as u8).collect()
}

/// The caller has its media connection while it rings. What it sends there reaches nobody, and harms nothing.
#[test]
fn media_012_media_before_accept_goes_nowhere() {
    let mut net = Net::new(19, &["bob"]);
    net.login();
    let alice = net.raw_online("alice");
    let call = CallId([9; 16]);
    let invite = Invite {
        call,
        peer: account("bob").unwrap(),
        media: Media::ALL,
        ring_for_ms: Within::clamp(30_000),
        name: Text::default(),
        end_to_end: Opaque::default(),
        params: Params::NONE,
    };
    net.say(alice, invite.encode());
    let token = net.raw_host(alice).last(|message| match message {
        Message::Media(media::Message::MediaTicket(ticket)) => Some(ticket.token),
        _ => None,
    });
    let media = net.raw(Purpose::Media);
    net.say(media, attach(token.expect("a ticket comes with INVITE")));
    let packet = |flow: u8| [&[flow, 0, 0, 0x80, 96][..], &[7; 200]].concat();
    for flow in 1..4 {
        net.throw(media, packet(flow));
    }
    net.run_ms(500);
    let events = net.events(0);
    let heard = |event: &&&Event| matches!(event, Event::Media { .. } | Event::StreamOpened { .. });
    assert_eq!(events.iter().filter(heard).count(), 0, "{events:?}");
    assert_eq!(net.raw_host(media).closed, None);
    net.command(0, |core, now| {
        core.accept(now, call, Media::ALL, streams(20)).unwrap()
    });
    net.run_ms(300);
    let started = net.raw_host(alice).last(|message| match message {
        Message::Call(call::Message::Start(start)) => Some(start.call),
        _ => None,
    });
    assert_eq!(started, Some(call), "the call did not survive early media");
}

/// One thing that a broken peer may say: noise, good frames with bits flipped, or headers that promise anything.
fn babble(random: &mut Stream) -> Vec<u8> {
    let all: Vec<_> = schemas().collect();
    let mut out = Vec::new();
    for _ in 0..=random.below(4) {
        let schema = all[random.below(all.len() as u64) as usize];
        let len = random.below(120) as usize;
        match random.below(4) {
            0 => out.extend(noise(random, len)),
            1 => out.extend(frame(schema.kind, schema.flags.0, &noise(random, len))),
            2 => {
                let kind = random.below(0x1_0000) as u16;
                let flags = random.below(256) as u8;
                out.extend(frame(kind, flags, &noise(random, len)));
            }
            _ => {
                let mut good = typical(schema.name);
                let at = random.below(good.len() as u64) as usize;
                good[at] ^= 1 << random.below(8);
                out.extend(good);
            }
        }
    }
    out
}

#[test]
fn wire_004_a_server_survives_any_bytes_at_any_stage() {
    let mut closed = 0;
    for seed in 0..12 {
        let mut scene = Scene::new(100 + seed);
        let mut random = Stream::new(seed, "babble");
        for round in 0..40 {
            let peer = match round % 4 {
                0 => scene.enter(Stage::Connected),
                1 => scene.enter(Stage::Greeted),
                2 => scene.enter(Stage::Online),
                _ => scene.enter_media(),
            };
            for _ in 0..3 {
                scene.net.say(peer, babble(&mut random));
            }
            closed += u32::from(scene.closed(peer).is_some());
            assert!(scene.charged().len() <= 1, "charged twice");
            scene.net.say_last(peer, vec![]);
            if round % 4 == 3 {
                scene.net.run(Duration::from_secs(3));
            }
            assert!(scene.closed(peer).is_some(), "seed {seed}, round {round}");
            if scene.net.server().core.census().rooms > scene.before.rooms {
                // Among what it said was a good CREATE: nobody enters, and the room ends by itself.
                scene.net.run(duet_protocol::limits::EMPTY_ROOM);
            }
            scene.bystanders_talk("babble");
        }
    }
    assert!(
        closed > 300,
        "only {closed} of 480 were closed for what they said"
    );
}

// A client against a server that misbehaves.

fn connected(conn: ConnId, purpose: Purpose) -> Input {
    let capabilities = Capabilities {
        shared_media: false,
        unreliable_datagrams: true,
    };
    Input::Connected {
        conn,
        purpose,
        capabilities,
    }
}

/// A client's core, driven by hand; its control connection is number 1.
pub(crate) struct Driven {
    pub(crate) core: Client,
    now: Instant,
    framer: Framer,
    /// Kind and body of what it said on its control connection.
    said: Vec<(u16, Bytes)>,
    pub(crate) closed: Vec<(ConnId, Code)>,
    connects: Vec<(ConnId, Purpose)>,
    pub(crate) events: Vec<Event>,
}

const CONTROL: ConnId = ConnId(1);

impl Driven {
    fn new(seed: u8) -> Self {
        let config = client::Config {
            reserved_frames: false,
            ..client::Config::default()
        };
        let now = Instant::EPOCH;
        let mut core = Client::new(Arc::new(config), Seed([seed; 32]), now);
        core.login(now, Credentials::Guest("alice".into())).unwrap();
        let mut driven = Self {
            core,
            now,
            framer: Framer::new(limits::MAX_FRAME as u32),
            said: Vec::new(),
            closed: Vec::new(),
            connects: Vec::new(),
            events: Vec::new(),
        };
        driven.drain();
        driven.input(connected(CONTROL, Purpose::Control));
        driven
    }

    /// Greeted and logged in.
    pub(crate) fn online(seed: u8) -> Self {
        let mut driven = Self::new(seed);
        driven.hear(&welcome());
        driven.hear(&authenticated());
        assert!(matches!(driven.events[..], [Event::LoggedIn { .. }]));
        driven.events.clear();
        driven
    }

    fn input(&mut self, input: Input) {
        self.now = self.now.after(Duration::from_millis(10));
        self.core.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        self.hear_on(CONTROL, StreamId::FIRST_OF_CLIENT, bytes, false);
    }

    fn hear_on(&mut self, conn: ConnId, id: StreamId, bytes: &[u8], fin: bool) {
        let bytes = Bytes::copy_from_slice(bytes);
        self.input(Input::Stream {
            conn,
            id,
            bytes,
            fin,
        });
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Write {
                    conn: CONTROL,
                    bytes,
                    ..
                } => self.framer.push(bytes),
                Output::Write { .. }
                | Output::Open { .. }
                | Output::Splice { .. }
                | Output::Stop { .. }
                | Output::Reset { .. }
                | Output::Allow { .. } => {}
                Output::Close { conn, code } => self.closed.push((conn, code)),
                Output::Connect { conn, purpose, .. } => self.connects.push((conn, purpose)),
                Output::Decide(_) => panic!("a client decides nothing"),
                Output::Envelope { .. } | Output::Handover { .. } => panic!("no server"),
                Output::Event(event) => self.events.push(event),
            }
        }
        while let Some(frame) = self.framer.next_frame().expect("a client's frames") {
            self.said.push((frame.header.kind, frame.body));
        }
    }

    /// The client has ended the session for this violation: GOODBYE, close, LOGGED OUT, and no second attempt.
    fn assert_ended_for(&mut self, violation: Violation, what: &str) {
        let code = violation.code();
        let (kind, body) = self.said.last().expect("it said something");
        match Message::decode(*kind, body) {
            Some(Ok(Message::Session(session::Message::Goodbye(goodbye)))) => {
                assert_eq!(
                    (goodbye.code, goodbye.retry),
                    (code, Retry::Never),
                    "{what}"
                );
            }
            other => panic!("{what}: {other:?} instead of GOODBYE"),
        }
        let control: Vec<_> = self
            .closed
            .iter()
            .filter(|(conn, _)| *conn == CONTROL)
            .collect();
        assert_eq!(control, [&(CONTROL, code)], "{what}");
        let Some(Event::LoggedOut { reason, returning }) = self.events.last() else {
            panic!("{what}: {:?}", self.events);
        };
        let by = Initiator::Local;
        assert_eq!(
            (reason.code, reason.by, *returning),
            (code, by, false),
            "{what}"
        );
        assert_eq!(self.core.calls().count(), 0, "{what}");
        let said = self.said.len();
        self.hear(&welcome());
        let cause = Cause::Local;
        self.input(Input::Closed {
            conn: CONTROL,
            cause,
        });
        self.now = self.now.after(Duration::from_secs(60));
        self.input(Input::Wake);
        assert_eq!(self.said.len(), said, "{what}: it speaks on");
        assert_eq!(self.connects.len(), 1, "{what}: it came back");
    }

    fn has_started(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, Event::Started { .. }))
    }
}

fn welcome() -> Bytes {
    Welcome {
        version: 1,
        heartbeat_ms: Within::clamp(5_000),
        dead_after_ms: Within::clamp(20_000),
        resume_window_ms: Within::clamp(30_000),
        max_frame: Within::clamp(16_384),
        max_unacknowledged: Within::clamp(1_024),
        max_rooms: 4,
        agent: Text::default(),
        params: Params::NONE,
    }
    .encode()
}

fn authenticated() -> Bytes {
    Authenticated {
        user: UserId(1),
        session: SessionId([1; 16]),
        resume_token: [2; 32],
        name: Text::cut("alice"),
        params: Params::NONE,
    }
    .encode()
}

fn start(call: CallId, media: Media) -> Bytes {
    Start {
        call,
        room: RoomId([5; 16]),
        ticket: [6; 32],
        media,
        peer: SessionId([7; 16]),
        end_to_end: Opaque::default(),
        params: Params::NONE,
    }
    .encode()
}

fn incoming(call: CallId, media: Media) -> Bytes {
    Invite {
        call,
        peer: UserId(2),
        media,
        ring_for_ms: Within::clamp(30_000),
        name: Text::cut("bob"),
        end_to_end: Opaque::default(),
        params: Params::NONE,
    }
    .encode()
}

const CALL: CallId = CallId([8; 16]);
const RING: Duration = Duration::from_secs(30);

#[test]
fn call_015_a_start_that_nobody_asked_for_ends_the_session_and_opens_nothing() {
    let unsolicited = Violation::UnsolicitedStart;
    let mut client = Driven::online(1);
    client.hear(&start(CALL, Media::ALL));
    client.assert_ended_for(unsolicited, "a call that nobody knows");
    assert!(!client.has_started());

    let mut client = Driven::online(2);
    client.hear(&incoming(CALL, Media::ALL));
    client.hear(&start(CALL, Media::ALL));
    client.assert_ended_for(unsolicited, "a call that rings and was not accepted");
    assert!(!client.has_started());

    let mut client = Driven::online(3);
    let now = client.now;
    let call = client
        .core
        .invite(now, UserId(2), Media::ALL, RING, streams(1))
        .unwrap();
    client.hear(&start(CALL, Media::ALL));
    client.assert_ended_for(unsolicited, "another call than the one that was invited to");
    assert!(!client.has_started() && call != CALL);

    let mut client = Driven::online(4);
    client.hear(&incoming(CALL, Media::ALL));
    let now = client.now;
    client
        .core
        .accept(now, CALL, Media::ALL, streams(1))
        .unwrap();
    client.hear(&start(CALL, Media::ALL));
    assert!(client.has_started());
    client.hear(&start(CALL, Media::ALL));
    client.assert_ended_for(unsolicited, "a second START");
}

#[test]
fn call_015_a_start_with_more_media_than_was_consented_to_ends_the_session_and_opens_nothing() {
    let audio = Media::CALLER_AUDIO.with(Media::CALLEE_AUDIO);
    for more in [Media::CALLER_VIDEO, Media::CALLEE_VIDEO, Media::ALL] {
        let mut client = Driven::online(5);
        let now = client.now;
        let call = client
            .core
            .invite(now, UserId(2), audio, RING, streams(1))
            .unwrap();
        client.hear(&start(call, audio.with(more)));
        client.assert_ended_for(Violation::WiderMedia, "more than the caller offered");
        assert!(!client.has_started());

        let mut client = Driven::online(6);
        client.hear(&incoming(CALL, Media::ALL));
        let now = client.now;
        client.core.accept(now, CALL, audio, streams(1)).unwrap();
        client.hear(&start(CALL, audio.with(more)));
        client.assert_ended_for(Violation::WiderMedia, "more than the callee accepted");
        assert!(!client.has_started());
    }
    let mut client = Driven::online(7);
    client.hear(&incoming(CALL, Media::ALL));
    let now = client.now;
    client.core.accept(now, CALL, audio, streams(1)).unwrap();
    client.hear(&start(CALL, Media::CALLER_AUDIO));
    assert!(client.has_started(), "less is no breach");
}

#[test]
fn ses_002_a_server_that_breaks_a_rule_loses_its_client() {
    use Violation::{
        BadAck, FrameTooLarge, Malformed, UnexpectedFrame, UnknownCritical, WrongFlags,
    };
    let outcome = Outcome {
        number: 0,
        request: RequestId(1),
        code: Code::DELIVERED,
        params: Params::NONE,
    };
    let outcome = outcome.encode();
    // Before the login, each of these is wrong.
    for (what, violation, bytes) in [
        (
            "AUTHENTICATED first",
            UnexpectedFrame,
            authenticated().to_vec(),
        ),
        ("a sequenced frame", UnexpectedFrame, outcome.to_vec()),
        ("a reserved one", UnexpectedFrame, frame(0x80aa, 1, b"?")),
        ("ACK", UnexpectedFrame, ack(0).to_vec()),
        (
            "WELCOME twice",
            UnexpectedFrame,
            [welcome(), welcome()].concat(),
        ),
        ("HELLO", UnexpectedFrame, hello().encode().to_vec()),
        ("oversize", FrameTooLarge, vec![0xff; 8]),
        ("a critical kind", UnknownCritical, frame(0x0055, 0, b"")),
    ] {
        let mut client = Driven::new(8);
        client.hear(&bytes);
        client.assert_ended_for(violation, what);
    }
    let resumed = Resumed {
        resume_token: [3; 32],
        received: 0,
        params: Params::NONE,
    };
    let mut cases = vec![
        ("WELCOME again", UnexpectedFrame, welcome().to_vec()),
        (
            "AUTHENTICATED again",
            UnexpectedFrame,
            authenticated().to_vec(),
        ),
        ("RESUMED", UnexpectedFrame, resumed.encode().to_vec()),
        ("JOINED unasked", UnexpectedFrame, typical("JOINED")),
        ("BAD_ACK", BadAck, ack(1).to_vec()),
        ("flags", WrongFlags, frame(0x010b, 0, &outcome[8..])),
        ("a short body", Malformed, frame(0x010b, 1, &outcome[8..13])),
        ("oversize", FrameTooLarge, vec![0xff; 8]),
        ("a critical kind", UnknownCritical, frame(0x0055, 1, b"")),
    ];
    for schema in schemas().filter(|schema| schema.sender == Sender::Client) {
        cases.push((schema.name, UnexpectedFrame, typical(schema.name)));
    }
    for (what, violation, bytes) in cases {
        let mut client = Driven::online(9);
        client.hear(&bytes);
        client.assert_ended_for(violation, what);
    }
}

#[test]
fn wire_009_a_stream_of_the_server_that_carries_no_transfer_ends_the_session() {
    let mut client = Driven::online(10);
    let (by_peer, index) = (true, 0);
    let ping = frame(0x0108, 0, &[0; 8]);
    client.hear_on(CONTROL, StreamId { by_peer, index }, &ping, false);
    client.assert_ended_for(Violation::UnexpectedStream, "a stream of the server");
}

#[test]
fn wire_008_a_server_that_ends_the_stream_is_left_and_its_session_resumed() {
    let mut client = Driven::online(11);
    client.hear_on(CONTROL, StreamId::FIRST_OF_CLIENT, &[1, 2, 3], true);
    assert_eq!(client.closed, [(CONTROL, Code::STREAM_ENDED)]);
    assert_eq!(client.events, [Event::Suspended]);
    client.now = client.now.after(Duration::from_secs(5));
    client.input(Input::Wake);
    assert_eq!(client.connects.len(), 2);
}

#[test]
fn call_009_answers_about_calls_that_do_not_exist_are_harmless() {
    let mut client = Driven::online(12);
    for name in [
        "RINGING",
        "END",
        "REFUSED",
        "STREAM",
        "MEDIA_TICKET",
        "MEMBER",
        "LEFT",
    ] {
        client.hear(&typical(name));
        assert_eq!(client.closed, [], "{name}");
    }
    let started = |event: &Event| matches!(event, Event::Started { .. } | Event::Ended { .. });
    assert!(!client.events.iter().any(started), "{:?}", client.events);
    assert_eq!(
        client.connects.len(),
        1,
        "it connected for a ticket of no call"
    );
}

#[test]
fn wire_004_a_client_survives_any_bytes_at_any_stage() {
    let mut ended = 0;
    for seed in 0..400_u64 {
        let mut random = Stream::new(seed, "server babble");
        let mut client = match seed % 4 {
            0 => Driven::new(13),
            _ => Driven::online(13),
        };
        if seed % 4 == 2 {
            client.hear(&incoming(CALL, Media::ALL));
            let now = client.now;
            client
                .core
                .accept(now, CALL, Media::ALL, streams(1))
                .unwrap();
            client.hear(&start(CALL, Media::ALL));
            let ticket = MediaTicket {
                request: RequestId(0),
                call: CALL,
                room: RoomId::NONE,
                token: [9; 32],
                expires_in_ms: 10_000,
                endpoint: Text::default(),
                params: Params::NONE,
            };
            client.hear(&ticket.encode());
            let (conn, _) = client.connects[1];
            client.input(connected(conn, Purpose::Media));
            if seed % 8 == 2 {
                let (code, params) = (Code::NONE, Params::NONE);
                let attached = Attached { code, params }.encode();
                client.hear_on(conn, StreamId::FIRST_OF_CLIENT, &attached, false);
                assert!(client.events.contains(&Event::MediaLink { up: true }));
            }
            for _ in 0..20 {
                let bytes: Bytes = noise(&mut random, 40).into();
                let at = client.now;
                let ecn = Ecn::Ce;
                client.input(Input::Datagram {
                    conn,
                    bytes,
                    at,
                    ecn,
                });
                client.hear_on(conn, StreamId::FIRST_OF_CLIENT, &babble(&mut random), false);
            }
        }
        for _ in 0..6 {
            client.hear(&babble(&mut random));
        }
        let over = |event: &&Event| matches!(event, Event::LoggedOut { .. });
        let times = client.events.iter().filter(over).count();
        assert!(times <= 1, "seed {seed}: over {times} times");
        ended += times;
    }
    assert!(
        ended > 300,
        "only {ended} of 400 were ended for what they heard"
    );
}
