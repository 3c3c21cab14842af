//! Bugs that were, each with its story: found by reading the core beside its specification.

use crate::call::{accept, invite, streams, talk};
use crate::room::join;
use crate::support::{Net, account, lenient};
use duet_protocol::client::{Client, Config, Credentials, Event, StreamDescription};
use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::{RequestId, RoomId, StreamNumber};
use duet_protocol::io::{Core, Output, Purpose};
use duet_protocol::message::channel::{DataTo, TextTo};
use duet_protocol::message::media::{self, Attach, Description, Publish, Subscribe, Unsubscribe};
use duet_protocol::message::room::{self, Change, Join, Leave};
use duet_protocol::message::session::Message as SessionMessage;
use duet_protocol::message::{Media, Message, Wire, call, session};
use duet_protocol::seed::Seed;
use duet_protocol::service::{Decision, Question};
use duet_protocol::wire::{Address, Opaque, Params, Text};
use std::sync::Arc;
use std::time::Duration;

fn loggedouts(net: &Net, i: usize) -> Vec<String> {
    net.events(i)
        .into_iter()
        .filter(|e| matches!(e, Event::LoggedOut { .. }))
        .map(|e| format!("{e:?}"))
        .collect()
}

/// A member was not told of its own suspension, so the next delta had a gap for it and ended its session.
#[test]
fn room_005_a_resumed_member_sees_no_gap_in_its_rooms_deltas() {
    let mut net = Net::new(4, &["alice", "bob", "carol"]);
    net.login();
    for i in [0, 1] {
        net.command(i, |core, now| core.join(now, "lobby", b"").unwrap());
        net.run_ms(150);
    }
    net.set_down(1, true);
    net.run(Duration::from_secs(21));
    net.set_down(1, false);
    net.run(Duration::from_secs(8));
    assert_eq!(loggedouts(&net, 1), Vec::<String>::new(), "before");
    net.command(2, |core, now| core.join(now, "lobby", b"").unwrap());
    net.run_ms(300);
    assert_eq!(loggedouts(&net, 1), Vec::<String>::new(), "after");
}

/// START crossed the hang-up and was taken for one that nobody asked for.
#[test]
fn call_015_hanging_up_just_after_accepting_ends_the_call_and_not_the_session() {
    let mut net = Net::new(9, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    net.command(1, |core, now| {
        core.accept(now, call, Media::ALL, streams(20)).unwrap();
        core.hang_up(now, call).unwrap()
    });
    net.run(Duration::from_secs(1));
    assert_eq!(loggedouts(&net, 1), Vec::<String>::new());
}

/// The same from the caller's side.
#[test]
fn call_013_a_cancel_that_crosses_an_accept_ends_the_call_and_not_the_session() {
    let mut net = Net::new(9, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    accept(&mut net, 1, call);
    net.run_ms(12);
    if net.client(0).core.calls().count() == 1 {
        net.command(0, |core, now| core.hang_up(now, call).unwrap());
    }
    net.run(Duration::from_secs(1));
    assert_eq!(loggedouts(&net, 0), Vec::<String>::new());
}

/// A session that ended while the service decided its JOIN was admitted afterwards, and stayed for ever.
#[test]
fn room_004_a_session_that_ends_while_it_is_being_let_in_is_no_member() {
    let mut net = Net::new(3, &["alice", "bob"]);
    net.login();
    net.command(1, |core, now| core.join(now, "vip", b"").unwrap());
    net.run_ms(200);
    let asked = std::sync::Arc::new(std::sync::Mutex::new(None));
    let note = asked.clone();
    let mut allow = lenient();
    net.server_mut().policy = Box::new(move |decide| match &decide.question {
        Question::Join { .. } => {
            *note.lock().unwrap() = Some(decide.id);
            None
        }
        _ => allow(decide),
    });
    net.command(0, |core, now| core.join(now, "vip", b"").unwrap());
    net.run_ms(200);
    net.command(0, |core, now| core.logout(now));
    net.run_ms(200);
    let id = asked.lock().unwrap().take().unwrap();
    net.server_command(|core, now| {
        duet_protocol::io::Core::handle(
            core,
            now,
            duet_protocol::io::Input::Decision {
                id,
                decision: Decision::Allow,
            },
        )
    });
    net.run_ms(500);
    assert_eq!(net.server().core.census().sessions, 1);
    let last = net
        .events(1)
        .into_iter()
        .rev()
        .find_map(|event| match event {
            Event::Member { change, .. } => Some(*change),
            _ => None,
        });
    assert_eq!(last, Some(Change::Leave));
    net.command(1, |core, now| {
        let room = core.rooms().next().unwrap();
        core.leave(now, room).unwrap()
    });
    net.run_ms(200);
    assert_eq!(
        net.server().core.census().rooms,
        0,
        "a ghost keeps the room"
    );
}

/// The end of a call showed the application a room that it had never entered.
#[test]
fn call_019_the_end_of_a_call_says_nothing_of_its_room() {
    let mut net = Net::new(9, &["alice", "bob"]);
    net.login();
    let call = talk(&mut net);
    net.command(0, |core, now| core.hang_up(now, call).unwrap());
    net.run_ms(500);
    let left: Vec<_> = net
        .events(1)
        .into_iter()
        .filter(|e| matches!(e, Event::Left { .. }))
        .map(|e| format!("{e:?}"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

/// JOINs that waited for the service did not count, so a session got into more rooms than it may.
#[test]
fn room_006_joins_that_wait_for_a_slow_service_count() {
    let mut net = Net::new(9, &["bob"]);
    net.login();
    let alice = net.raw_online("alice");
    net.server_mut().policy = Box::new(|_| None);
    for request in 1..=6_u32 {
        let name = format!("room {request}");
        let (request, room, secret, params) = (
            RequestId(request),
            RoomId::NONE,
            Opaque::default(),
            Params::NONE,
        );
        let name = Text::cut(&name);
        net.say(
            alice,
            Join {
                request,
                room,
                name,
                secret,
                params,
            }
            .encode(),
        );
    }
    let refused = net.raw_host(alice).heard.iter().filter(|frame| {
        let message = Message::decode(frame.header.kind, &frame.body);
        matches!(message, Some(Ok(Message::Session(session::Message::Outcome(outcome))))
            if outcome.code == Code::TOO_MANY)
    });
    assert_eq!(refused.count(), 2);
}

/// The call's room was counted as one room too many, and the call ended with `lost`.
#[test]
fn call_026_a_session_in_as_many_rooms_as_it_may_can_take_a_call() {
    let mut net = Net::new(9, &["alice", "bob"]);
    net.login();
    for name in ["a", "b", "c", "d"] {
        net.command(0, |core, now| core.join(now, name, b"").unwrap());
        net.run_ms(200);
    }
    talk(&mut net);
    net.run(Duration::from_secs(12));
    let ends: Vec<_> = net
        .events(0)
        .into_iter()
        .filter(|e| matches!(e, Event::Ended { .. }))
        .map(|e| format!("{e:?}"))
        .collect();
    assert_eq!(ends, Vec::<String>::new());
}

/// The close for being idle was taken for a loss, and the client attached again, every 30 s.
#[test]
fn media_015_a_media_connection_closed_for_being_idle_stays_closed() {
    let mut net = Net::new(9, &["alice"]);
    net.login();
    net.command(0, |core, now| core.join(now, "a", b"").unwrap());
    net.run(Duration::from_secs(200));
    let ups: Vec<_> = net
        .events(0)
        .into_iter()
        .filter(|e| matches!(e, Event::MediaLink { up: true }))
        .collect();
    assert!(ups.len() <= 1, "{}", ups.len());
}

/// With one stream number published in two rooms, the subscribers of one received the media of the other.
#[test]
fn media_001_a_streams_number_means_one_stream_in_each_room() {
    let mut net = Net::new(5, &["alice", "bob"]);
    net.login();
    for name in ["a", "b"] {
        net.command(0, |core, now| core.join(now, name, b"").unwrap());
        net.run_ms(300);
    }
    let rooms: Vec<_> = net.client(0).core.rooms().collect();
    let stream = || streams(10).remove(0);
    net.command(0, |core, now| {
        core.publish(now, rooms[0], stream()).unwrap()
    });
    net.run_ms(300);
    let again = net.command(0, |core, now| core.publish(now, rooms[1], stream()));
    assert_eq!(again, Err(UsageError::StreamInUse));
    assert!(net.client(0).core.is_published(StreamNumber(1)));
}

/// MEDIA_TICKET named no request, so those that asked for one were never answered and filled the table.
#[test]
fn media_009_a_ticket_answers_its_request() {
    let mut net = Net::new(9, &["alice", "bob"]);
    net.login();
    net.command(0, |core, now| core.join(now, "a", b"").unwrap());
    net.run(Duration::from_secs(200));
    let n = (0..300)
        .take_while(|_| net.command(0, |core, now| core.lookup(now, "x").is_ok()))
        .count();
    assert_eq!(n, 256);
}

/// `leave` forgot the room before it found that it could not be sent.
#[test]
fn room_003_a_leave_that_cannot_be_sent_changes_nothing() {
    let mut net = Net::new(9, &["alice"]);
    net.login();
    net.command(0, |core, now| core.join(now, "a", b"").unwrap());
    net.run(Duration::from_secs(1));
    let room = net.client(0).core.rooms().next().unwrap();
    net.set_down(0, true);
    while net.command(0, |core, now| core.lookup(now, "x").is_ok()) {}
    assert!(net.command(0, |core, now| core.leave(now, room)).is_err());
    assert_eq!(net.client(0).core.rooms().count(), 1);
}

/// Each skipped frame before ATTACH was one more call on the stack: enough of them in one piece ended the process.
#[test]
fn media_010_many_skipped_frames_before_attach_are_skipped() {
    let mut net = Net::new(9, &["alice"]);
    net.login();
    let media = net.raw(Purpose::Media);
    net.say(media, [0x80, 0xaa, 0, 0, 0, 0, 0, 0].repeat(131_072));
    let (token, params) = ([0; 32], Params::NONE);
    net.say(media, Attach { token, params }.encode());
    assert_eq!(net.raw_host(media).closed, Some(Code::BAD_TICKET));
    assert_eq!(net.server().core.census().sessions, 1);
}

/// A receipt named the request only: the late one of an earlier message confirmed a later one of the same number.
#[test]
fn chan_004_a_late_receipt_does_not_confirm_another_message() {
    let mut net = Net::new(10, &["bob", "bob", "carol"]);
    net.login();
    let alice = net.raw_online("alice");
    let (request, params) = (RequestId(1), Params::NONE);
    let text = Text::cut("hello");
    // The second of bob's devices does not get it yet.
    net.set_down(1, true);
    net.set_down(2, true);
    let to = Address::User(account("bob").unwrap());
    net.say(
        alice,
        TextTo {
            mention: duet_protocol::id::UserId(0),
            to,
            request,
            text,
            params,
        }
        .encode(),
    );
    let to = Address::User(account("carol").unwrap());
    net.say(
        alice,
        TextTo {
            mention: duet_protocol::id::UserId(0),
            to,
            request,
            text,
            params,
        }
        .encode(),
    );
    let results = |net: &Net| {
        let heard = net.raw_host(alice).heard.iter();
        let results = heard.filter(|frame| {
            let message = Message::decode(frame.header.kind, &frame.body);
            matches!(
                message,
                Some(Ok(Message::Session(session::Message::Outcome(_))))
            )
        });
        results.count()
    };
    assert_eq!(results(&net), 1, "the first device's");
    net.set_down(1, false);
    net.run_ms(500);
    assert_eq!(results(&net), 1, "carol has nothing yet");
    net.set_down(2, false);
    net.run_ms(500);
    assert_eq!(results(&net), 2);
}

/// SUBSCRIBE and UNSUBSCRIBE in one piece left a flow open for good, and the subscriber was told that it had it.
#[test]
fn media_007_a_subscription_given_up_at_once_leaves_nothing() {
    let mut net = Net::new(11, &["alice"]);
    net.login();
    net.command(0, |core, now| core.join(now, "stage", b"").unwrap());
    net.run_ms(300);
    let room = net.client(0).core.rooms().next().unwrap();
    net.command(0, |core, now| {
        core.publish(now, room, streams(10).remove(0)).unwrap()
    });
    net.run_ms(300);
    let raw = net.raw_online("bob");
    let params = Params::NONE;
    let (name, secret) = (Text::default(), Opaque::default());
    net.say(
        raw,
        Join {
            request: RequestId(1),
            room,
            name,
            secret,
            params,
        }
        .encode(),
    );
    let (session, stream) = (net.session(0).unwrap(), StreamNumber(1));
    let mut both = Vec::new();
    Subscribe {
        request: RequestId(2),
        room,
        session,
        stream,
        params,
    }
    .encode_into(&mut both);
    Unsubscribe {
        request: RequestId(3),
        room,
        session,
        stream,
        params,
    }
    .encode_into(&mut both);
    net.say(raw, both);
    // Whether it was granted for a moment depends on how the bytes were cut; that it is gone does not.
    let wanted = net
        .events(0)
        .into_iter()
        .rev()
        .find_map(|event| match event {
            Event::Wanted { wanted, .. } => Some(*wanted),
            _ => None,
        });
    assert_ne!(wanted, Some(true));
}

/// One session could fill another's queue, and end it, with what the other is told of.
#[test]
fn ses_025_what_others_are_told_of_is_limited_in_rate() {
    let mut net = Net::new(12, &["bob"]);
    net.login();
    let alice = net.raw_online("alice");
    let params = Params::NONE;
    let mut flood = Vec::new();
    for request in 1..=200 {
        let (name, secret) = (Text::cut("lobby"), Opaque::default());
        let (request, room) = (RequestId(request), RoomId::NONE);
        Join {
            request,
            room,
            name,
            secret,
            params,
        }
        .encode_into(&mut flood);
    }
    net.say(alice, flood);
    let limited = net.raw_host(alice).heard.iter().filter(|frame| {
        let message = Message::decode(frame.header.kind, &frame.body);
        matches!(message, Some(Ok(Message::Session(session::Message::Outcome(outcome))))
            if outcome.code == Code::RATE_LIMITED)
    });
    assert_eq!(limited.count(), 136);
    assert_eq!(net.raw_host(alice).closed, None);
}

/// The same with messages: what waits for its results is bounded in bytes, long before a receiver's queue is full.
#[test]
fn chan_011_one_sender_cannot_fill_a_receivers_queue() {
    let mut net = Net::new(13, &["bob"]);
    net.login();
    let alice = net.raw_online("alice");
    net.set_down(0, true);
    let (to, params) = (Address::User(account("bob").unwrap()), Params::NONE);
    let payload = [7; 16_000];
    for request in 1..=80 {
        let data = Opaque::new(&payload).unwrap();
        net.say(
            alice,
            DataTo {
                to,
                request: RequestId(request),
                data,
                params,
            }
            .encode(),
        );
    }
    let refused = net.raw_host(alice).heard.iter().filter(|frame| {
        let message = Message::decode(frame.header.kind, &frame.body);
        matches!(message, Some(Ok(Message::Session(session::Message::Outcome(outcome))))
            if outcome.code == Code::TOO_MANY)
    });
    assert_eq!(refused.count(), 63);
    assert_eq!(
        net.server().core.census().sessions,
        2,
        "the receiver was ended"
    );
}

/// Where a call and its room are on two shards, the room heard of the call's end a while after a side had left it, and
/// let that side in again meanwhile, with the same ticket. Found by the explorer.
#[test]
fn call_018_a_ticket_of_a_calls_room_admits_once() {
    // Of these, each is a server of three shards.
    for seed in (2..60).step_by(3) {
        let mut net = Net::new(seed, &["alice"]);
        net.login();
        let bob = net.raw_online("bob");
        let call = invite(&mut net, 0, "bob");
        net.run_ms(200);
        let (media, end_to_end, params) = (Media::ALL, Opaque::default(), Params::NONE);
        let accept = call::Accept {
            call,
            media,
            end_to_end,
            params,
        };
        net.say(bob, accept.encode());
        net.run_ms(100);
        let start = net.raw_host(bob).last(|message| match message {
            Message::Call(call::Message::Start(start)) => Some((start.room, start.ticket)),
            _ => None,
        });
        let (room, ticket) = start.expect("START");
        let join = |request| {
            let (name, secret) = (Text::default(), Opaque::new(&ticket).unwrap());
            let request = RequestId(request);
            Join {
                request,
                room,
                name,
                secret,
                params,
            }
            .encode()
        };
        let request = RequestId(2);
        let leave = Leave {
            request,
            room,
            params,
        };
        net.say(bob, [join(1), leave.encode(), join(3)].concat());
        net.run(Duration::from_secs(1));
        let joined = net.raw_host(bob).heard.iter().filter(|frame| {
            let message = Message::decode(frame.header.kind, &frame.body);
            matches!(message, Some(Ok(Message::Room(room::Message::Joined(_)))))
        });
        assert_eq!(joined.count(), 1, "seed {seed}");
    }
}

/// With three shards a SUBSCRIBE could reach the publisher's media side before the stream itself did: it was refused with
/// `no_such_stream`, the room kept the subscription all the same, and a second attempt was told `stream_exists`.
#[test]
fn media_005_a_subscription_that_was_refused_can_be_asked_for_again() {
    let mut refused = 0;
    for seed in (2..1_502).step_by(3) {
        let mut net = Net::new(seed, &[]);
        let params = Params::NONE;
        let (alice, bob) = (net.raw_online("alice"), net.raw_online("bob"));
        for raw in [alice, bob] {
            let join = Join {
                request: RequestId(1),
                room: RoomId::NONE,
                name: Text::cut("stage"),
                secret: Opaque::default(),
                params,
            };
            net.say(raw, join.encode());
        }
        let inside = net.raw_host(alice).last(|message| match message {
            Message::Room(room::Message::Joined(m)) => {
                let own = m.members.iter().next().expect("oneself").session;
                Some((m.room, own))
            }
            _ => None,
        });
        let (room, session) = inside.expect("alice is in");
        let stream = streams(10).remove(0);
        let publish = Publish {
            request: RequestId(2),
            room,
            description: Description {
                stream: stream.stream,
                kind: stream.kind,
                codec: stream.codec,
                payload_type: stream.payload_type,
                clock_rate: stream.clock_rate,
                ssrc: stream.ssrc,
                max_bitrate: stream.max_bitrate,
                useful_ms: stream.useful_ms,
                config: Opaque::default(),
            },
            params,
        };
        let subscribe = |request| {
            let (request, stream) = (RequestId(request), StreamNumber(1));
            Subscribe {
                request,
                room,
                session,
                stream,
                params,
            }
            .encode()
        };
        // At the same moment: whether the stream is there in time is for the shards to say, but they have to agree.
        net.say_later(bob, subscribe(3));
        net.say(alice, publish.encode());
        let result = |net: &Net, asked: u32| {
            net.raw_host(bob).last(|message| match message {
                Message::Session(SessionMessage::Outcome(m)) if m.request == RequestId(asked) => {
                    Some(m.code)
                }
                Message::Media(media::Message::Subscribed(m)) if m.request == RequestId(asked) => {
                    Some(Code::DELIVERED)
                }
                _ => None,
            })
        };
        let first = result(&net, 3).expect("an answer");
        net.say(bob, subscribe(4));
        let second = result(&net, 4).expect("an answer");
        match first {
            Code::DELIVERED => assert_eq!(second, Code::STREAM_EXISTS, "seed {seed}"),
            first => {
                refused += 1;
                assert_eq!(first, Code::NO_SUCH_STREAM, "seed {seed}");
                assert_eq!(second, Code::DELIVERED, "seed {seed}");
            }
        }
    }
    assert!(refused > 0, "never too early");
}

/// A logout while the link was still being made left the driver with a connection that nobody wanted.
//= SES-015
#[test]
fn a_logout_while_it_connects_leaves_no_connection() {
    let now = duet_protocol::time::Instant::EPOCH;
    let config = Arc::new(Config::default());
    let mut core = Client::new(config, Seed([1; 32]), now);
    let guest = Credentials::Guest("alice".to_owned());
    core.login(now, guest.clone()).expect("a short name");
    let outputs: Vec<_> = core::iter::from_fn(|| core.poll_output()).collect();
    let [Output::Connect { conn, .. }] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    core.logout(now);
    let outputs: Vec<_> = core::iter::from_fn(|| core.poll_output()).collect();
    let closed =
        |output: &Output<_>| matches!(output, Output::Close { conn: own, .. } if own == conn);
    assert!(outputs.iter().any(closed), "{outputs:?}");
    // It can begin again at once.
    core.login(now, guest).expect("a short name");
    let outputs: Vec<_> = core::iter::from_fn(|| core.poll_output()).collect();
    assert!(matches!(&outputs[..], [Output::Connect { conn: new, .. }] if new != conn));
}

/// A client that had left a room took what it had published there for published still: the number could not be used
/// again, neither there nor elsewhere, and packets went nowhere. Found by the reference model.
#[test]
fn media_004_who_has_left_a_room_publishes_nothing_there_and_may_publish_again() {
    let mut net = Net::new(5, &["alice"]);
    net.login();
    let stream = streams(1).remove(0);
    for _ in 0..2 {
        let room = join(&mut net, 0, "lobby", b"").unwrap();
        let publish = net.command(0, |core, now| core.publish(now, room, stream.clone()));
        publish.expect("the number is free");
        net.run_ms(100);
        assert!(net.client(0).core.is_published(stream.stream));
        net.command(0, |core, now| core.leave(now, room).unwrap());
        assert!(!net.client(0).core.is_published(stream.stream));
        net.run_ms(100);
    }
    // Neither does one that leaves before PUBLISHED has come.
    let room = join(&mut net, 0, "lobby", b"").unwrap();
    net.command(0, |core, now| {
        core.publish(now, room, stream.clone()).unwrap();
        core.leave(now, room).unwrap()
    });
    net.run_ms(100);
    assert!(!net.client(0).core.is_published(stream.stream));
}

/// The end of a call took all streams with it: what its sides published in another room, and what they knew of each
/// other's streams there.
#[test]
fn call_019_the_end_of_a_call_leaves_streams_of_other_rooms_alone() {
    let mut net = Net::new(6, &["alice", "bob"]);
    net.login();
    let [stream, other] = [0, 1].map(|number| StreamDescription {
        stream: StreamNumber(40 + number),
        ..streams(1).remove(0)
    });
    let room = join(&mut net, 0, "lobby", b"").unwrap();
    join(&mut net, 1, "lobby", b"").unwrap();
    for one in [&stream, &other] {
        net.command(1, |core, now| core.publish(now, room, one.clone()).unwrap());
    }
    net.run_ms(100);
    let call = talk(&mut net);
    net.command(0, |core, now| core.hang_up(now, call).unwrap());
    net.run_ms(200);
    let session = net.session(1).unwrap();
    assert!(
        net.client(1).core.is_published(stream.stream),
        "bob's stream"
    );
    net.command(0, |core, now| {
        core.subscribe(now, room, session, stream.stream)
    })
    .expect("alice knows it");
    net.run_ms(100);
    net.command(0, |core, now| {
        core.unsubscribe(now, room, session, stream.stream).unwrap()
    });
    net.command(1, |core, now| core.unpublish(now, room, stream.stream))
        .expect("bob publishes it");
    net.run_ms(100);
    let closed = |event: &Event| matches!(event, Event::StreamClosed { stream: s, .. } if *s == stream.stream);
    assert!(net.when(0, closed).is_some());
}

/// Where a call's room heard of a logout before the call did, the other side was told that the session was lost. Found
/// by the reference model, over three shards.
#[test]
fn call_019_a_logout_is_a_hang_up_whichever_way_the_call_hears_of_it_first() {
    for seed in 0..60 {
        let mut net = Net::new(seed, &["alice", "bob"]);
        net.login();
        let call = talk(&mut net);
        net.command(0, |core, now| core.logout(now));
        net.run_ms(200);
        let ended = net.events(1).into_iter().find_map(|event| match event {
            Event::Ended {
                call: c, reason, ..
            } if *c == call => Some(reason.code),
            _ => None,
        });
        assert_eq!(ended, Some(Code::HANGUP), "seed {seed}");
    }
}

/// Who logged out while a LOOKUP of it was between two shards was taken for one that does not want to be found. Found
/// by the reference model.
#[test]
fn dir_004_who_logs_out_while_it_is_looked_up_is_found_all_the_same() {
    for seed in 0..60 {
        let mut net = Net::new(seed, &["alice", "bob"]);
        net.login();
        net.command(0, |core, now| core.logout(now));
        net.command(1, |core, now| core.lookup(now, "alice").unwrap());
        net.run_ms(200);
        let found = |event: &Event| matches!(event, Event::Found { .. });
        assert!(net.when(1, found).is_some(), "seed {seed}");
    }
}

/// A session was lost, and the one after it before its JOIN was answered: the room was forgotten. Found by the swarm, with
/// a server that crashed twice.
#[test]
fn a_room_is_entered_again_by_the_session_after_the_next() {
    let mut net = Net::new(12, &["alice", "bob"]);
    net.login();
    for who in [0, 1] {
        net.command(who, |core, now| core.join(now, "lobby", b"").unwrap());
        net.run_ms(150);
    }
    let logins = |net: &Net| {
        let events = net.events(0).into_iter();
        let logins = events.filter(|event| matches!(event, Event::LoggedIn { .. }));
        logins.count()
    };
    for before in [1, 2] {
        net.set_down(0, true);
        net.run(Duration::from_secs(60));
        net.set_down(0, false);
        net.until(Duration::from_secs(30), "a session", |net| {
            logins(net) > before
        });
        assert_eq!(net.client(0).core.rooms().count(), 0, "answered already");
    }
    net.run(Duration::from_secs(1));
    assert_eq!(net.client(0).core.rooms().count(), 1);
    let left = |event: &&Event| matches!(event, Event::Answer { .. });
    assert_eq!(
        net.events(0).into_iter().filter(left).count(),
        0,
        "nobody asked for that JOIN"
    );
}
