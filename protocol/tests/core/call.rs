//! Chapter "Calls", the nine defects of the platform that inspired this among them.

use std::time::Duration;

use bytes::Bytes;
use duet_protocol::client::{Event, StreamDescription};
use duet_protocol::code::Code;
use duet_protocol::error::{Initiator, UsageError};
use duet_protocol::id::{CallId, RequestId, StreamNumber};
use duet_protocol::message::call::{self, Accept, End};
use duet_protocol::message::media::{Codec, Kind};
use duet_protocol::message::{Media, Message, Wire, room, session};
use duet_protocol::service::{Decision, Question};
use duet_protocol::wire::{Opaque, Params, Text, Within};

use crate::support::{Net, account, lenient, twice};

pub(crate) fn streams(ssrc: u32) -> Vec<StreamDescription> {
    let video = StreamDescription {
        stream: StreamNumber(1),
        kind: Kind::Video,
        codec: Codec::H264,
        payload_type: 96,
        clock_rate: 90_000,
        ssrc,
        max_bitrate: 900_000,
        useful_ms: 200,
        config: Vec::new(),
    };
    let audio = StreamDescription {
        stream: StreamNumber(2),
        kind: Kind::Audio,
        codec: Codec::AacLc,
        payload_type: 97,
        clock_rate: 48_000,
        ssrc: ssrc + 1,
        max_bitrate: 80_000,
        ..video.clone()
    };
    vec![video, audio]
}

pub(crate) fn invite(net: &mut Net, from: usize, to: &str) -> CallId {
    let callee = account(to).unwrap();
    let ring = Duration::from_secs(30);
    net.command(from, |core, now| {
        core.invite(now, callee, Media::ALL, ring, streams(10))
            .unwrap()
    })
}

pub(crate) fn accept(net: &mut Net, index: usize, call: CallId) {
    net.command(index, |core, now| {
        core.accept(now, call, Media::ALL, streams(20)).unwrap()
    });
}

/// A call between clients 0 and 1 that has started.
pub(crate) fn talk(net: &mut Net) -> CallId {
    let call = invite(net, 0, "bob");
    net.run_ms(200);
    accept(net, 1, call);
    net.run_ms(300);
    call
}

fn ended(net: &Net, index: usize, call: CallId) -> Option<(Code, Initiator)> {
    net.events(index).into_iter().find_map(|event| match event {
        Event::Ended {
            call: c, reason, ..
        } if *c == call => Some((reason.code, reason.by)),
        _ => None,
    })
}

fn started(net: &Net, index: usize) -> bool {
    net.events(index)
        .iter()
        .any(|event| matches!(event, Event::Started { .. }))
}

/// Nothing of any call is left: not in the server, not at the clients.
fn assert_nothing_left(net: &Net) {
    let census = net.server().core.census();
    assert_eq!((census.calls, census.rooms), (0, 0));
    for index in 0..net.clients.len() {
        assert_eq!(net.client(index).core.calls().count(), 0);
        assert_eq!(net.client(index).core.rooms().count(), 0);
    }
}

#[test]
fn call_006_an_accepted_call_starts_on_both_sides_and_hanging_up_ends_the_other_within_a_round_trip()
 {
    let net = twice(1, |seed| {
        let mut net = Net::new(seed, &["alice", "bob"]);
        net.login();
        let call = talk(&mut net);
        assert!(
            started(&net, 0) && started(&net, 1),
            "{:?}\n{:?}",
            net.events(0),
            net.events(1)
        );
        let hung_up = net.now();
        net.command(0, |core, now| core.hang_up(now, call).unwrap());
        net.run_ms(500);
        assert_eq!(ended(&net, 0, call), Some((Code::HANGUP, Initiator::Local)));
        assert_eq!(ended(&net, 1, call), Some((Code::HANGUP, Initiator::Peer)));
        let at = net
            .when(1, |event| matches!(event, Event::Ended { .. }))
            .unwrap();
        // From the session to the call, and from there to the other session.
        let slack = net.server().core.slack(2);
        assert!(
            at.since(hung_up) <= 2 * net.delay + slack,
            "{:?}",
            at.since(hung_up)
        );
        net
    });
    assert_nothing_left(&net);
}

#[test]
//= CALL-001
fn call_002_the_caller_learns_that_it_rings() {
    let mut net = Net::new(2, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    assert!(net.events(0).contains(&&Event::Ringing { call }));
    let peer = account("alice").unwrap();
    let incoming = Event::Incoming {
        call,
        peer,
        name: "alice".into(),
        media: Media::ALL,
    };
    assert!(net.events(1).contains(&&incoming));
}

#[test]
fn call_004_a_rejected_call_ends_for_the_caller() {
    let mut net = Net::new(3, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    net.command(1, |core, now| core.hang_up(now, call).unwrap());
    net.run_ms(200);
    assert_eq!(
        ended(&net, 0, call),
        Some((Code::REJECTED, Initiator::Peer))
    );
    assert_nothing_left(&net);
}

#[test]
fn call_005_a_cancelled_call_stops_ringing() {
    let mut net = Net::new(4, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    net.command(0, |core, now| core.hang_up(now, call).unwrap());
    net.run_ms(200);
    assert_eq!(
        ended(&net, 1, call),
        Some((Code::CANCELLED, Initiator::Peer))
    );
    assert_nothing_left(&net);
}

#[test]
fn call_016_nobody_answers_and_the_server_ends_it() {
    let mut net = Net::new(5, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run(Duration::from_secs(29));
    assert_eq!(ended(&net, 0, call), None);
    net.run(Duration::from_secs(2));
    assert_eq!(
        ended(&net, 0, call),
        Some((Code::RING_TIMEOUT, Initiator::Peer))
    );
    assert_eq!(
        ended(&net, 1, call),
        Some((Code::RING_TIMEOUT, Initiator::Peer))
    );
    assert_nothing_left(&net);
}

#[test]
fn call_020_an_offline_callee_is_unreachable() {
    let mut net = Net::new(6, &["alice"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    assert_eq!(
        ended(&net, 0, call),
        Some((Code::UNREACHABLE, Initiator::Peer))
    );
    assert_nothing_left(&net);
}

#[test]
fn call_023_nobody_calls_himself() {
    let mut net = Net::new(7, &["alice"]);
    net.login();
    let call = invite(&mut net, 0, "alice");
    net.run_ms(200);
    assert_eq!(
        ended(&net, 0, call),
        Some((Code::SELF_CALL, Initiator::Peer))
    );
}

#[test]
fn call_011_a_vetoed_call_does_not_ring() {
    let mut net = Net::new(8, &["alice", "bob"]);
    net.login();
    let mut allow = lenient();
    net.server_mut().policy = Box::new(move |decide| match decide.question {
        Question::Call { .. } => Some(Decision::Deny(Code::VETOED)),
        _ => allow(decide),
    });
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    assert_eq!(ended(&net, 0, call), Some((Code::VETOED, Initiator::Peer)));
    assert!(
        !net.events(1)
            .iter()
            .any(|e| matches!(e, Event::Incoming { .. }))
    );
    assert_nothing_left(&net);
}

#[test]
fn call_025_the_first_device_that_answers_wins() {
    let mut net = Net::new(9, &["alice", "bob", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    accept(&mut net, 2, call);
    net.run_ms(300);
    assert_eq!(
        ended(&net, 1, call),
        Some((Code::ANSWERED_ELSEWHERE, Initiator::Peer))
    );
    assert!(started(&net, 0) && started(&net, 2) && !started(&net, 1));
}

#[test]
fn call_022_a_killed_side_is_lost_within_25_s_with_media_and_40_s_without() {
    let mut net = Net::new(10, &["alice", "bob"]);
    net.login();
    let call = talk(&mut net);
    let killed = net.now();
    net.client_mut(1).dead = true;
    net.until(Duration::from_secs(41), "alice learns it", |net| {
        ended(net, 0, call).is_some()
    });
    assert_eq!(ended(&net, 0, call), Some((Code::LOST, Initiator::Peer)));
    let span = net.now().since(killed);
    // This transport has no timer of its own for a silent media connection: the control link's counts.
    assert!(span <= Duration::from_secs(40) + net.delay, "{span:?}");
    net.run(Duration::from_secs(31));
    let census = net.server().core.census();
    assert_eq!((census.calls, census.rooms, census.sessions), (0, 0, 1));
}

/// Defect T1 of the platform: the server took an acceptance from either side, so a caller could open the callee's
/// camera by accepting its own call.
#[test]
//= CALL-008
fn call_012_t1_a_caller_cannot_accept_for_the_callee() {
    let mut net = Net::new(11, &["bob"]);
    net.login();
    let alice = net.raw_online("alice");
    let call = CallId([9; 16]);
    net.say(alice, raw_invite(call, "bob").encode());
    let (media, end_to_end, params) = (Media::ALL, Opaque::default(), Params::NONE);
    net.say(
        alice,
        Accept {
            call,
            media,
            end_to_end,
            params,
        }
        .encode(),
    );
    let refused = net.raw_host(alice).last(|message| match message {
        Message::Call(call::Message::Refused(refused)) => Some(refused.code),
        _ => None,
    });
    assert_eq!(refused, Some(Code::NOT_CALLEE));
    assert!(!started(&net, 0));
    assert_eq!(
        net.server().core.census().sessions,
        2,
        "a refusal ended a session"
    );
    accept(&mut net, 0, call);
    net.run_ms(300);
    assert!(started(&net, 0), "the call did not survive the forgery");
}

fn raw_invite(call: CallId, to: &str) -> call::Invite<'_> {
    call::Invite {
        call,
        peer: account(to).unwrap(),
        media: Media::ALL,
        ring_for_ms: Within::clamp(30_000),
        name: Text::default(),
        end_to_end: Opaque::default(),
        params: Params::NONE,
    }
}

/// Defect T2: two calls accepted at once were given the same room.
#[test]
fn call_018_t2_no_two_calls_share_a_room() {
    let mut net = Net::new(12, &["alice", "bob", "carol", "dave"]);
    net.login();
    let first = invite(&mut net, 0, "bob");
    let dave = net.events(3).into_iter().find_map(|event| match event {
        Event::LoggedIn { user, .. } => Some(*user),
        _ => None,
    });
    let ring = Duration::from_secs(30);
    let second = net.command(2, |core, now| {
        core.invite(now, dave.unwrap(), Media::ALL, ring, streams(30))
            .unwrap()
    });
    net.run_ms(200);
    accept(&mut net, 1, first);
    accept(&mut net, 3, second);
    net.run_ms(300);
    assert_eq!(net.server().core.census().rooms, 2);
    let rooms: std::collections::BTreeSet<_> = (0..4)
        .flat_map(|index| net.client(index).core.rooms())
        .collect();
    assert_eq!(rooms.len(), 2);
}

/// Defect T3: crossing calls wiped each other's dialogs and rang into a timeout.
#[test]
//= CALL-010
fn call_021_t3_crossing_calls_leave_one_ringing() {
    for seed in 0..20 {
        let mut net = Net::new(seed, &["alice", "bob"]);
        net.login();
        let from_alice = invite(&mut net, 0, "bob");
        let from_bob = invite(&mut net, 1, "alice");
        net.run_ms(300);
        let glare = |index: usize, call, other| {
            net.events(index).into_iter().any(|event| {
                matches!(event, Event::Ended { call: c, reason, existing }
                    if *c == call && reason.code == Code::GLARE && *existing == Some(other))
            })
        };
        let bob_lost = glare(1, from_bob, from_alice);
        let alice_lost = glare(0, from_alice, from_bob);
        assert!(
            bob_lost != alice_lost,
            "seed {seed}: {:?} {:?}",
            net.events(0),
            net.events(1)
        );
        let (winner, callee) = if bob_lost {
            (from_alice, 1)
        } else {
            (from_bob, 0)
        };
        assert_eq!(net.server().core.census().calls, 1);
        accept(&mut net, callee, winner);
        net.run_ms(300);
        assert!(started(&net, 0) && started(&net, 1), "seed {seed}");
    }
}

/// Defect T4: only the callee was checked for busy; a caller in a call could start another, which ended both.
#[test]
fn call_020_t4_both_sides_are_checked_for_busy() {
    let mut net = Net::new(13, &["alice", "bob", "carol"]);
    net.login();
    let call = talk(&mut net);
    let busy = invite(&mut net, 2, "bob");
    net.run_ms(200);
    assert_eq!(ended(&net, 2, busy), Some((Code::BUSY, Initiator::Peer)));
    let callee = account("carol").unwrap();
    let ring = Duration::from_secs(30);
    let again = net.command(0, |core, now| {
        core.invite(now, callee, Media::ALL, ring, streams(1))
    });
    assert_eq!(again, Err(UsageError::CallInProgress));
    assert_eq!((ended(&net, 0, call), ended(&net, 1, call)), (None, None));
}

/// Defect T5: entering the call's room first left another room, whose leave event killed the call.
#[test]
fn call_019_t5_leaving_another_room_does_not_touch_the_call() {
    let mut net = Net::new(14, &["alice", "bob"]);
    net.login();
    net.command(0, |core, now| core.join(now, "lobby", b"").unwrap());
    net.run_ms(200);
    let lobby = net.client(0).core.rooms().next().unwrap();
    let call = talk(&mut net);
    net.command(0, |core, now| core.leave(now, lobby).unwrap());
    net.run_ms(300);
    assert_eq!((ended(&net, 0, call), ended(&net, 1, call)), (None, None));
    assert_eq!(net.server().core.census().calls, 1);
}

/// Defect T6: a lost peer looked like one that hung up.
#[test]
fn call_022_t6_a_loss_is_not_a_hang_up() {
    let mut net = Net::new(15, &["alice", "bob"]);
    net.login();
    let call = talk(&mut net);
    net.set_down(1, true);
    net.run(Duration::from_secs(42));
    assert_eq!(ended(&net, 0, call), Some((Code::LOST, Initiator::Peer)));
}

/// Defect T7: no timer at the server; a side that vanished left the other ringing, or waiting, for ever.
#[test]
fn call_017_t7_a_side_that_never_enters_ends_the_call() {
    let mut net = Net::new(16, &["alice"]);
    net.login();
    let bob = net.raw_online("bob");
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    let (media, end_to_end, params) = (Media::ALL, Opaque::default(), Params::NONE);
    net.say(
        bob,
        Accept {
            call,
            media,
            end_to_end,
            params,
        }
        .encode(),
    );
    net.run(Duration::from_secs(11));
    assert_eq!(
        ended(&net, 0, call),
        Some((Code::JOIN_TIMEOUT, Initiator::Peer))
    );
    assert_eq!(net.server().core.census().calls, 0);
}

/// Defect T8: a room's number was its only key. A call's room admits its two tickets and nobody else.
#[test]
fn call_018_t8_a_stranger_cannot_enter_a_calls_room() {
    let mut net = Net::new(17, &["alice", "bob"]);
    net.login();
    talk(&mut net);
    let room = net.client(0).core.rooms().next().unwrap();
    let carol = net.raw_online("carol");
    let (request, name, params) = (RequestId(1), Text::default(), Params::NONE);
    for secret in [&[][..], &[0; 32]] {
        let secret = Opaque::new(secret).unwrap();
        net.say(
            carol,
            room::Join {
                request,
                room,
                name,
                secret,
                params,
            }
            .encode(),
        );
        let code = net.raw_host(carol).last(|message| match message {
            Message::Session(session::Message::Outcome(outcome)) => Some(outcome.code),
            _ => None,
        });
        assert_eq!(code, Some(Code::BAD_SECRET));
    }
    assert!(
        !net.events(0)
            .iter()
            .any(|e| matches!(e, Event::Member { .. }))
    );
}

/// Defect T9: a client's own timer reset its dialog without telling the server, and late answers still arrived.
#[test]
fn call_013_t9_cancel_and_accept_race_and_the_server_decides_once() {
    for seed in 0..20 {
        let mut net = Net::new(seed, &["alice", "bob"]);
        net.login();
        let call = invite(&mut net, 0, "bob");
        net.run_ms(200 + seed % 3);
        if seed % 2 == 0 {
            accept(&mut net, 1, call);
            net.command(0, |core, now| core.hang_up(now, call).unwrap());
        } else {
            net.command(0, |core, now| core.hang_up(now, call).unwrap());
            accept(&mut net, 1, call);
        }
        net.run(Duration::from_secs(12));
        assert!(
            ended(&net, 0, call).is_some() && ended(&net, 1, call).is_some(),
            "seed {seed}"
        );
        assert_nothing_left(&net);
    }
}

#[test]
fn call_009_a_stranger_cannot_end_a_call() {
    let mut net = Net::new(18, &["alice", "bob"]);
    net.login();
    let call = talk(&mut net);
    let carol = net.raw_online("carol");
    net.say(
        carol,
        End {
            call,
            code: Code::HANGUP,
            params: Params::NONE,
        }
        .encode(),
    );
    let refused = net.raw_host(carol).last(|message| match message {
        Message::Call(call::Message::Refused(refused)) => Some(refused.code),
        _ => None,
    });
    assert_eq!(refused, Some(Code::NOT_IN_CALL));
    assert_eq!((ended(&net, 0, call), ended(&net, 1, call)), (None, None));
    assert_eq!(net.server().core.census().sessions, 3);
}

#[test]
fn call_007_a_session_that_logs_out_hangs_up() {
    let mut net = Net::new(19, &["alice", "bob"]);
    net.login();
    let call = talk(&mut net);
    net.command(1, |core, now| core.logout(now));
    net.run_ms(200);
    assert_eq!(ended(&net, 0, call), Some((Code::HANGUP, Initiator::Peer)));
    assert_eq!(net.server().core.census().calls, 0);
}

#[test]
fn call_022_a_side_that_comes_back_in_time_stays_in_the_call() {
    let mut net = Net::new(20, &["alice", "bob"]);
    net.login();
    let call = talk(&mut net);
    net.set_down(1, true);
    net.run(Duration::from_secs(22));
    net.set_down(1, false);
    net.run(Duration::from_secs(30));
    assert_eq!((ended(&net, 0, call), ended(&net, 1, call)), (None, None));
    assert_eq!(net.server().core.census().calls, 1);
}

#[test]
fn call_024_accepting_more_than_was_offered_is_refused_and_the_call_rings_on() {
    let mut net = Net::new(21, &["alice"]);
    net.login();
    let bob = net.raw_online("bob");
    let callee = account("bob").unwrap();
    let ring = Duration::from_secs(30);
    let audio = Media::CALLER_AUDIO;
    let call = net.command(0, |core, now| {
        core.invite(now, callee, audio, ring, streams(10)).unwrap()
    });
    net.run_ms(200);
    let (end_to_end, params) = (Opaque::default(), Params::NONE);
    net.say(
        bob,
        Accept {
            call,
            media: Media::ALL,
            end_to_end,
            params,
        }
        .encode(),
    );
    let refused = net.raw_host(bob).last(|message| match message {
        Message::Call(call::Message::Refused(refused)) => Some(refused.code),
        _ => None,
    });
    assert_eq!(refused, Some(Code::WIDER_MEDIA));
    assert!(!started(&net, 0));
    net.say(
        bob,
        Accept {
            call,
            media: audio,
            end_to_end,
            params,
        }
        .encode(),
    );
    assert!(started(&net, 0));
}

#[test]
fn call_027_end_to_end_blocks_arrive_byte_for_byte() {
    let mut net = Net::new(22, &[]);
    let (alice, bob) = (net.raw_online("alice"), net.raw_online("bob"));
    let call = CallId([5; 16]);
    let params = Params::NONE;
    let block = |bytes: &'static [u8]| Opaque::new(bytes).unwrap();
    let invite = call::Invite {
        end_to_end: block(b"\x00offer"),
        ..raw_invite(call, "bob")
    };
    net.say(alice, invite.encode());
    net.say(
        bob,
        call::Ringing {
            call,
            end_to_end: block(b"\xffring"),
            params,
        }
        .encode(),
    );
    let (media, end_to_end) = (Media::ALL, block(b"\x01answer"));
    net.say(
        bob,
        Accept {
            call,
            media,
            end_to_end,
            params,
        }
        .encode(),
    );
    let told = |raw, read: fn(&call::Message<'_>) -> Option<Vec<u8>>| {
        net.raw_host(raw).last(|message| match message {
            Message::Call(message) => read(message),
            _ => None,
        })
    };
    let invited = told(bob, |message| match message {
        call::Message::Invite(m) => Some(m.end_to_end.as_bytes().to_vec()),
        _ => None,
    });
    let ringing = told(alice, |message| match message {
        call::Message::Ringing(m) => Some(m.end_to_end.as_bytes().to_vec()),
        _ => None,
    });
    let start = told(alice, |message| match message {
        call::Message::Start(m) => Some(m.end_to_end.as_bytes().to_vec()),
        _ => None,
    });
    assert_eq!(invited.as_deref(), Some(&b"\x00offer"[..]));
    assert_eq!(ringing.as_deref(), Some(&b"\xffring"[..]));
    assert_eq!(start.as_deref(), Some(&b"\x01answer"[..]));
}

#[test]
fn call_014_an_id_that_is_live_or_remembered_is_refused() {
    let mut net = Net::new(23, &[]);
    let (alice, _bob, carol) = (
        net.raw_online("alice"),
        net.raw_online("bob"),
        net.raw_online("carol"),
    );
    let call = CallId([6; 16]);
    let last = |net: &Net| {
        net.raw_host(carol).last(|message| match message {
            Message::Call(call::Message::Refused(refused)) => Some(refused.code),
            _ => None,
        })
    };
    net.say(alice, raw_invite(call, "bob").encode());
    net.say(carol, raw_invite(call, "bob").encode());
    assert_eq!(last(&net), Some(Code::ID_IN_USE), "while it is live");
    net.say(
        alice,
        call::Cancel {
            call,
            params: Params::NONE,
        }
        .encode(),
    );
    assert_eq!(net.server().core.census().calls, 0);
    net.say(carol, raw_invite(call, "bob").encode());
    assert_eq!(last(&net), Some(Code::ID_IN_USE), "after its end");
    net.run(Duration::from_secs(61));
    // The peers from before said nothing for a minute and are gone.
    let (_bob, carol) = (net.raw_online("bob"), net.raw_online("carol"));
    net.say(carol, raw_invite(call, "bob").encode());
    assert_eq!(
        net.server().core.census().calls,
        1,
        "the id is remembered for a minute only"
    );
}

#[test]
fn call_029_the_callers_confirm_reaches_the_device_that_accepted_once() {
    let mut net = Net::new(61, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    let early = net.command(0, |core, now| core.confirm(now, call, b"early"));
    assert_eq!(early, Err(UsageError::WrongState));
    accept(&mut net, 1, call);
    net.run_ms(300);
    let by_callee = net.command(1, |core, now| core.confirm(now, call, b"mine"));
    assert_eq!(by_callee, Err(UsageError::WrongState));
    for block in [&b"keys"[..], b"again"] {
        net.command(0, |core, now| core.confirm(now, call, block).unwrap());
    }
    net.run_ms(200);
    let heard: Vec<Bytes> = net
        .events(1)
        .into_iter()
        .filter_map(|event| match event {
            Event::Confirmed {
                call: of,
                end_to_end,
            } if *of == call => Some(end_to_end.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(heard, [&b"keys"[..]]);
    assert_eq!(
        net.client(0).core.calls().count(),
        1,
        "the second ended the call"
    );
}

#[test]
//= CALL-012
fn call_029_a_confirm_before_the_answer_or_from_the_callee_is_refused_and_ends_nothing() {
    let mut net = Net::new(62, &["bob"]);
    net.login();
    let alice = net.raw_online("alice");
    let call = CallId([8; 16]);
    let confirm = call::Confirm {
        call,
        end_to_end: Opaque::default(),
        params: Params::NONE,
    };
    let refusals = |net: &Net| {
        let heard = net.raw_host(alice).heard.iter();
        let codes = heard.filter_map(|frame| {
            match Message::decode(frame.header.kind, &frame.body)?.expect("well-formed") {
                Message::Call(call::Message::Refused(refused)) => Some(refused.code),
                _ => None,
            }
        });
        codes.collect::<Vec<_>>()
    };
    net.say(alice, confirm.encode());
    net.say(alice, raw_invite(call, "bob").encode());
    net.say(alice, confirm.encode());
    accept(&mut net, 0, call);
    net.run_ms(200);
    net.say(alice, confirm.encode());
    net.say(alice, confirm.encode());
    assert_eq!(
        refusals(&net),
        [
            Code::NOT_IN_CALL,
            Code::NOT_ANSWERED,
            Code::ALREADY_CONFIRMED
        ]
    );
    assert!(started(&net, 0));
}
