//! Chapter "Transfers".

use std::time::Duration;

use bytes::Bytes;
use duet_protocol::client::{Event, Offering};
use duet_protocol::code::Code;
use duet_protocol::error::{Initiator, UsageError};
use duet_protocol::id::{RequestId, TransferId, UserId};
use duet_protocol::io::{Core as _, Input, StreamId};
use duet_protocol::message::transfer::{
    Bulk, Decline, Digest, Message as Transfers, Offer, Progress, Receive, TransferEnd, Verified,
};
use duet_protocol::message::{Message, Wire as _};
use duet_protocol::wire::{Address, Params, Text};
use duet_sim::NodeId;

use crate::bulk::sha256;
use crate::support::{Net, account, twice};

const P: Params<'static> = Params::NONE;

fn bob() -> Address {
    Address::User(account("bob").unwrap())
}

fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Client 0 offers so many bytes to an address.
fn offer_to(net: &mut Net, to: Address, size: usize) -> TransferId {
    let offering = Offering {
        size: size as u64,
        name: "notes.txt".into(),
        content_type: "text/plain".into(),
    };
    let offered = net.command(0, |core, now| core.offer(now, to, &offering));
    let (transfer, _) = offered.expect("an offer");
    let sources = &mut net.client_mut(0).bulk.sources;
    sources.insert(transfer, payload(size));
    net.run_ms(100);
    transfer
}

fn offer(net: &mut Net, size: usize) -> TransferId {
    offer_to(net, bob(), size)
}

fn take(net: &mut Net, index: usize, transfer: TransferId, offset: u64) {
    net.command(index, |core, now| core.receive(now, transfer, offset))
        .expect("an offer to take");
}

fn ended(net: &Net, index: usize) -> Vec<(Code, Initiator)> {
    let ends = net.events(index).into_iter().filter_map(|e| match e {
        Event::TransferEnded { reason, .. } => Some((reason.code, reason.by)),
        _ => None,
    });
    ends.collect()
}

fn starts(net: &Net, index: usize) -> Vec<u64> {
    let starts = net.events(index).into_iter().filter_map(|e| match e {
        Event::TransferStarted { at, .. } => Some(*at),
        _ => None,
    });
    starts.collect()
}

fn answers(net: &Net, index: usize) -> Vec<Code> {
    let answers = net.events(index).into_iter().filter_map(|e| match e {
        Event::Answer { code, .. } => Some(*code),
        _ => None,
    });
    answers.collect()
}

fn sink(net: &Net, index: usize, transfer: TransferId) -> &[u8] {
    net.client(index)
        .bulk
        .sinks
        .get(&transfer)
        .map_or(&[], Vec::as_slice)
}

fn pair(seed: u64) -> Net {
    let mut net = Net::new(seed, &["alice", "bob"]);
    net.login();
    net
}

fn delivered(net: &Net, transfer: TransferId, size: usize) {
    for index in [0, 1] {
        let by = Initiator::Peer;
        assert_eq!(ended(net, index), [(Code::DELIVERED, by)], "client {index}");
    }
    assert!(sink(net, 1, transfer) == payload(size), "other bytes");
    assert_eq!(net.server().core.census().transfers, 0);
}

#[test]
//= XFER-005, XFER-010, XFER-026, XFER-027
fn xfer_002_a_transfer_from_offer_to_verdict() {
    let net = twice(1, |seed| {
        let mut net = pair(seed);
        let transfer = offer(&mut net, 1_000_000);
        let offered = net.events(1).into_iter().find_map(|e| match e {
            Event::TransferOffered {
                transfer,
                user,
                user_name,
                offering,
                ..
            } => Some((*transfer, *user, user_name.clone(), offering.clone())),
            _ => None,
        });
        let offering = Offering {
            size: 1_000_000,
            name: "notes.txt".into(),
            content_type: "text/plain".into(),
        };
        let alice = account("alice").unwrap();
        assert_eq!(offered, Some((transfer, alice, "alice".into(), offering)));
        assert_eq!(answers(&net, 0), [Code::DELIVERED]);
        assert!(starts(&net, 0).is_empty(), "before anybody accepted");
        take(&mut net, 1, transfer, 0);
        net.run(Duration::from_secs(3));
        delivered(&net, transfer, 1_000_000);
        net
    });
    assert_eq!(starts(&net, 1), [0]);
}

#[test]
fn xfer_017_the_sender_learns_how_much_the_receiver_has() {
    let mut net = pair(2);
    let transfer = offer(&mut net, 6_000_000);
    take(&mut net, 1, transfer, 0);
    net.run(Duration::from_secs(6));
    delivered(&net, transfer, 6_000_000);
    let told: Vec<_> = net
        .events(0)
        .into_iter()
        .filter_map(|e| match e {
            Event::TransferProgress { at, .. } => Some(*at),
            _ => None,
        })
        .collect();
    assert!(told.len() >= 3, "{told:?}");
    assert!(told.is_sorted(), "{told:?}");
    assert!(told.len() <= 5, "more than one a second: {told:?}");
}

#[test]
fn xfer_005_nothing_and_the_rest_of_what_is_there() {
    for (seed, size, offset) in [
        (3, 0, 0),
        (4, 50_000, 50_000),
        (5, 50_000, 20_000),
        (6, 1, 0),
    ] {
        let mut net = pair(seed);
        let transfer = offer(&mut net, size);
        let here = payload(size)[..offset].to_vec();
        net.client_mut(1).bulk.sinks.insert(transfer, here);
        take(&mut net, 1, transfer, offset as u64);
        net.run(Duration::from_secs(1));
        delivered(&net, transfer, size);
        assert_eq!(starts(&net, 0), [offset as u64]);
    }
}

#[test]
fn xfer_003_an_offer_to_nobody_is_unreachable() {
    let mut net = Net::new(7, &["alice"]);
    net.login();
    let own = net.session(0).unwrap();
    for to in [
        bob(),
        Address::User(UserId(0xdead)),
        Address::User(account("alice").unwrap()),
        Address::Session(own),
        Address::Session(duet_protocol::id::SessionId([7; 16])),
        Address::Service,
        Address::Room(duet_protocol::id::RoomId([7; 16])),
    ] {
        offer_to(&mut net, to, 10);
        assert_eq!(answers(&net, 0), [Code::UNREACHABLE], "{to:?}");
        assert_eq!(ended(&net, 0), [(Code::UNREACHABLE, Initiator::Peer)]);
        assert_eq!(net.server().core.census().transfers, 0);
        net.forget_events();
    }
}

#[test]
fn xfer_006_a_declined_offer_ends_for_everyone() {
    let mut net = Net::new(8, &["alice", "bob", "bob"]);
    net.login();
    for (said, told) in [
        (Code::TOO_LARGE, Code::TOO_LARGE),
        (Code::DECLINED, Code::DECLINED),
        // Not the receiver's to say.
        (Code::DELIVERED, Code::DECLINED),
    ] {
        let transfer = offer(&mut net, 10);
        net.command(1, |core, now| core.decline(now, transfer, said).unwrap());
        net.run_ms(100);
        assert_eq!(ended(&net, 0), [(told, Initiator::Peer)]);
        assert_eq!(ended(&net, 1), [(said, Initiator::Local)]);
        assert_eq!(ended(&net, 2), [(told, Initiator::Peer)]);
        net.forget_events();
    }
}

#[test]
fn xfer_008_the_first_device_takes_it_and_the_others_learn_so() {
    let mut net = Net::new(9, &["alice", "bob", "bob"]);
    net.login();
    let transfer = offer(&mut net, 100_000);
    take(&mut net, 1, transfer, 0);
    take(&mut net, 2, transfer, 0);
    net.run(Duration::from_secs(2));
    assert_eq!(ended(&net, 0), [(Code::DELIVERED, Initiator::Peer)]);
    let mut both = [ended(&net, 1), ended(&net, 2)];
    both.sort();
    let one = |code| vec![(code, Initiator::Peer)];
    assert_eq!(both, [one(Code::DELIVERED), one(Code::ANSWERED_ELSEWHERE)]);
}

#[test]
fn xfer_002_one_session_is_offered_it_alone_and_ones_other_device_can_be() {
    let mut net = Net::new(10, &["alice", "bob", "bob", "alice"]);
    net.login();
    let offers = |net: &Net, index| {
        let offered = net.events(index).into_iter();
        offered
            .filter(|e| matches!(e, Event::TransferOffered { .. }))
            .count()
    };
    let to = Address::Session(net.session(2).unwrap());
    offer_to(&mut net, to, 10);
    assert_eq!([0, 1, 2, 3].map(|index| offers(&net, index)), [0, 0, 1, 0]);
    offer_to(&mut net, Address::User(account("alice").unwrap()), 10);
    assert_eq!([0, 1, 2, 3].map(|index| offers(&net, index)), [0, 0, 1, 1]);
}

#[test]
//= XFER-014
fn xfer_013_it_goes_on_where_the_receivers_link_was_lost() {
    let net = twice(11, |seed| {
        let mut net = pair(seed);
        let transfer = offer(&mut net, 3_000_000);
        take(&mut net, 1, transfer, 0);
        net.run_ms(500);
        net.set_down(1, true);
        net.run(Duration::from_secs(22));
        assert_eq!(
            ended(&net, 0),
            [],
            "the session waits, and so does the transfer"
        );
        net.set_down(1, false);
        net.run(Duration::from_secs(12));
        delivered(&net, transfer, 3_000_000);
        net
    });
    let starts = starts(&net, 1);
    assert_eq!(starts.len(), 2);
    assert!(starts[1] > 100_000, "from where it was: {starts:?}");
}

#[test]
//= XFER-014
fn xfer_013_it_goes_on_where_the_senders_link_was_lost() {
    let net = twice(12, |seed| {
        let mut net = pair(seed);
        let transfer = offer(&mut net, 3_000_000);
        take(&mut net, 1, transfer, 0);
        net.run_ms(500);
        net.set_down(0, true);
        net.run(Duration::from_secs(22));
        assert_eq!(ended(&net, 1), []);
        net.set_down(0, false);
        net.run(Duration::from_secs(12));
        delivered(&net, transfer, 3_000_000);
        net
    });
    let starts = starts(&net, 0);
    assert_eq!(starts.len(), 2);
    assert!(starts[1] > 100_000, "from where it was: {starts:?}");
}

#[test]
fn xfer_013_both_links_lost_at_once() {
    let mut net = pair(13);
    let transfer = offer(&mut net, 3_000_000);
    take(&mut net, 1, transfer, 0);
    net.run_ms(500);
    net.set_down(0, true);
    net.set_down(1, true);
    net.run(Duration::from_secs(22));
    net.set_down(1, false);
    net.run(Duration::from_secs(2));
    net.set_down(0, false);
    net.run(Duration::from_secs(12));
    delivered(&net, transfer, 3_000_000);
}

#[test]
fn xfer_015_it_ends_with_either_session() {
    for (seed, leaver, other) in [(14, 0, 1), (15, 1, 0)] {
        let mut net = pair(seed);
        let transfer = offer(&mut net, 3_000_000);
        take(&mut net, 1, transfer, 0);
        net.run_ms(500);
        net.command(leaver, |core, now| core.logout(now));
        net.run_ms(200);
        assert_eq!(ended(&net, other), [(Code::LOST, Initiator::Peer)]);
        assert_eq!(ended(&net, leaver), [(Code::LOST, Initiator::Network)]);
        assert_eq!(net.server().core.census().transfers, 0);
        assert!(net.server().bulk.streams.is_empty(), "streams are left");
        assert!(net.client(other).bulk.streams.is_empty());
    }
}

#[test]
fn xfer_015_the_last_device_that_could_take_it_is_gone() {
    let mut net = pair(16);
    offer(&mut net, 10);
    net.command(1, |core, now| core.logout(now));
    net.run_ms(200);
    assert_eq!(ended(&net, 0), [(Code::UNREACHABLE, Initiator::Peer)]);
}

#[test]
//= XFER-024
fn xfer_020_either_side_gives_it_up_and_so_may_both() {
    for (seed, by) in [(17, &[0][..]), (18, &[1]), (19, &[0, 1])] {
        let mut net = pair(seed);
        let transfer = offer(&mut net, 3_000_000);
        take(&mut net, 1, transfer, 0);
        net.run_ms(500);
        for index in by {
            net.command(*index, |core, now| {
                core.cancel_transfer(now, transfer).unwrap();
            });
        }
        net.run_ms(300);
        for index in [0, 1] {
            let initiator = match by.contains(&index) {
                true => Initiator::Local,
                false => Initiator::Peer,
            };
            assert_eq!(ended(&net, index), [(Code::ABORTED, initiator)], "{by:?}");
            assert!(net.client(index).bulk.streams.is_empty());
        }
        assert!(net.server().bulk.streams.is_empty(), "streams are left");
        let census = net.server().core.census();
        assert_eq!((census.sessions, census.transfers), (2, 0));
    }
}

#[test]
fn xfer_024_a_stream_that_crosses_the_end_is_stopped_and_nothing_more() {
    // The receiver gives up while SEND is on its way to the sender: the sender's stream comes to a transfer that is over.
    let mut net = pair(20);
    let transfer = offer(&mut net, 3_000_000);
    take(&mut net, 1, transfer, 0);
    net.run_ms(16);
    net.command(1, |core, now| core.cancel_transfer(now, transfer).unwrap());
    net.run(Duration::from_secs(1));
    assert_eq!(ended(&net, 0), [(Code::ABORTED, Initiator::Peer)]);
    let census = net.server().core.census();
    assert_eq!((census.sessions, census.transfers), (2, 0));
    assert!(net.server().bulk.streams.is_empty());
}

#[test]
fn xfer_020_a_sink_that_fails_ends_it() {
    let mut net = pair(21);
    let transfer = offer(&mut net, 3_000_000);
    net.client_mut(1).bulk.sink_fails_at = Some(200_000);
    take(&mut net, 1, transfer, 0);
    net.run(Duration::from_secs(2));
    assert_eq!(ended(&net, 0), [(Code::ABORTED, Initiator::Peer)]);
    assert_eq!(ended(&net, 1), [(Code::ABORTED, Initiator::Local)]);
}

#[test]
fn xfer_019_another_digest_ends_it_with_digest_mismatch() {
    let mut net = pair(22);
    let transfer = offer(&mut net, 100_000);
    // What the receiver says it has is not what it was sent.
    let other = vec![1; 50_000];
    net.client_mut(1).bulk.sinks.insert(transfer, other);
    take(&mut net, 1, transfer, 50_000);
    net.run(Duration::from_secs(1));
    for index in [0, 1] {
        let by = Initiator::Peer;
        assert_eq!(ended(&net, index), [(Code::DIGEST_MISMATCH, by)]);
    }
}

#[test]
fn xfer_004_an_offer_that_nobody_answers_ends() {
    let mut net = pair(23);
    offer(&mut net, 10);
    net.run(Duration::from_secs(119));
    assert_eq!(ended(&net, 0), []);
    net.run(Duration::from_secs(2));
    for index in [0, 1] {
        let by = Initiator::Peer;
        assert_eq!(ended(&net, index), [(Code::OFFER_TIMEOUT, by)]);
    }
}

#[test]
//= XFER-001
fn xfer_021_so_many_at_once_and_no_more() {
    let mut net = pair(24);
    let offering = Offering::default();
    let ids: std::collections::BTreeSet<_> = (0..3).map(|_| offer(&mut net, 0)).collect();
    assert_eq!(ids.len(), 3, "each has an id of its own");
    let fourth = net.command(0, |core, now| core.offer(now, bob(), &offering));
    assert_eq!(fourth, Err(UsageError::TooMany));
}

#[test]
fn xfer_025_the_operators_limit_on_the_size() {
    let mut net = Net::with(
        25,
        &["alice", "bob"],
        Default::default(),
        |config| config.max_transfer = 1_000,
        |_| {},
    );
    net.login();
    offer(&mut net, 1_001);
    assert_eq!(answers(&net, 0), [Code::TOO_LARGE]);
    assert_eq!(ended(&net, 0), [(Code::TOO_LARGE, Initiator::Peer)]);
    assert_eq!(ended(&net, 1), []);
    let transfer = offer(&mut net, 1_000);
    net.forget_events();
    take(&mut net, 1, transfer, 0);
    net.run(Duration::from_secs(1));
    delivered(&net, transfer, 1_000);
}

// ---- Peers that say what they like -------------------------------------------------------------------------------

const T: TransferId = TransferId([0x7a; 16]);

/// A raw sender `alice`, logged in, and client 0 as `bob`.
fn raw_sender(seed: u64) -> (Net, NodeId) {
    let mut net = Net::new(seed, &["bob"]);
    net.login();
    let raw = net.raw_online("alice");
    (net, raw)
}

fn say_offer(net: &mut Net, raw: NodeId, request: u32, transfer: TransferId, size: u64) {
    let offer = Offer {
        to: bob(),
        request: RequestId(request),
        transfer,
        size,
        name: Text::cut("x"),
        content_type: Text::default(),
        params: P,
    };
    net.say(raw, offer.encode());
}

fn heard<R>(net: &Net, raw: NodeId, read: impl Fn(&Transfers<'_>) -> Option<R>) -> Option<R> {
    net.raw_host(raw).last(|message| match message {
        Message::Transfer(message) => read(message),
        _ => None,
    })
}

fn end_code(net: &Net, raw: NodeId) -> Option<Code> {
    heard(net, raw, |m| match m {
        Transfers::TransferEnd(m) => Some(m.code),
        _ => None,
    })
}

fn result(net: &Net, raw: NodeId) -> Option<Code> {
    net.raw_host(raw).last(|message| match message {
        Message::Session(duet_protocol::message::session::Message::Outcome(m)) => Some(m.code),
        _ => None,
    })
}

/// The raw sender's offer is taken, from byte 0: SEND has come.
fn granted(seed: u64, size: u64) -> (Net, NodeId) {
    let (mut net, raw) = raw_sender(seed);
    say_offer(&mut net, raw, 1, T, size);
    take(&mut net, 0, T, 0);
    net.run_ms(100);
    let send = heard(&net, raw, |m| match m {
        Transfers::Send(m) => Some((m.transfer, m.attempt, m.offset, m.rate)),
        _ => None,
    });
    assert_eq!(send, Some((T, 1, 0, 16_777_216)));
    (net, raw)
}

fn bulk(transfer: TransferId, attempt: u32, offset: u64) -> Bytes {
    Bulk {
        transfer,
        attempt,
        offset,
        params: P,
    }
    .encode()
}

fn second(index: u32) -> StreamId {
    StreamId {
        by_peer: false,
        index,
    }
}

#[test]
fn xfer_016_more_or_fewer_bytes_than_were_offered_end_it() {
    for (seed, bytes, fin) in [(30, 9, true), (31, 11, false), (32, 11, true)] {
        let (mut net, raw) = granted(seed, 10);
        let stream = [&bulk(T, 1, 0)[..], &payload(bytes)].concat();
        net.put(raw, second(1), stream.into(), fin);
        assert_eq!(end_code(&net, raw), Some(Code::WRONG_SIZE), "{bytes} {fin}");
        assert_eq!(ended(&net, 0), [(Code::WRONG_SIZE, Initiator::Peer)]);
        assert_eq!(net.raw_host(raw).closed, None, "the session stays");
    }
}

#[test]
//= WIRE-009
fn xfer_011_a_stream_that_was_not_granted_ends_the_session() {
    let other = TransferId([1; 16]);
    for (seed, first) in [
        (33, bulk(other, 1, 0)),
        (34, bulk(T, 2, 0)),
        (35, bulk(T, 1, 1)),
    ] {
        let (mut net, raw) = granted(seed, 10);
        net.put(raw, second(1), first, false);
        let closed = net.raw_host(raw).closed;
        assert_eq!(closed, Some(Code::UNEXPECTED_STREAM), "seed {seed}");
        assert_eq!(ended(&net, 0), [(Code::LOST, Initiator::Peer)]);
    }
    // Before anybody took it.
    let (mut net, raw) = raw_sender(36);
    say_offer(&mut net, raw, 1, T, 10);
    net.put(raw, second(1), bulk(T, 1, 0), false);
    assert_eq!(net.raw_host(raw).closed, Some(Code::UNEXPECTED_STREAM));
    // On the control stream.
    let (mut net, raw) = granted(37, 10);
    net.say(raw, bulk(T, 1, 0));
    assert_eq!(net.raw_host(raw).closed, Some(Code::UNEXPECTED_FRAME));
    // A second one of the same attempt.
    let (mut net, raw) = granted(38, 10);
    net.put(raw, second(1), bulk(T, 1, 0), false);
    assert_eq!(net.raw_host(raw).closed, None);
    net.put(raw, second(2), bulk(T, 1, 0), false);
    assert_eq!(net.raw_host(raw).closed, Some(Code::UNEXPECTED_STREAM));
}

#[test]
fn xfer_022_a_sender_that_never_opens_its_stream_is_stalled() {
    let (mut net, raw) = granted(39, 10);
    net.run(Duration::from_secs(9));
    assert_eq!(end_code(&net, raw), None);
    net.run(Duration::from_secs(2));
    assert_eq!(end_code(&net, raw), Some(Code::STALLED));
    assert_eq!(ended(&net, 0), [(Code::STALLED, Initiator::Peer)]);
}

#[test]
fn xfer_022_a_sender_that_sends_no_more_is_stalled() {
    let (mut net, raw) = granted(40, 1_000);
    let first = [&bulk(T, 1, 0)[..], &payload(500)].concat();
    net.put(raw, second(1), first.into(), false);
    // Something that moves keeps it alive, and the peer alive too.
    for quiet in [18, 18] {
        net.run(Duration::from_secs(quiet));
        net.put(raw, second(1), Bytes::from_static(b"x"), false);
    }
    assert_eq!(end_code(&net, raw), None);
    net.run(Duration::from_secs(15));
    net.say(
        raw,
        Progress {
            transfer: T,
            received: 7,
            params: P,
        }
        .encode(),
    );
    net.run(Duration::from_secs(14));
    assert_eq!(
        end_code(&net, raw),
        Some(Code::NOT_IN_TRANSFER),
        "not for a sender to say"
    );
    net.run(Duration::from_secs(2));
    assert_eq!(end_code(&net, raw), Some(Code::STALLED));
    assert!(
        net.raw_host(raw).broken.contains(&second(1)),
        "the stream goes on"
    );
}

#[test]
fn xfer_023_an_id_in_use_is_refused_and_remembered() {
    let (mut net, raw) = raw_sender(41);
    say_offer(&mut net, raw, 1, T, 10);
    assert_eq!(result(&net, raw), Some(Code::DELIVERED));
    say_offer(&mut net, raw, 2, T, 10);
    assert_eq!(result(&net, raw), Some(Code::ID_IN_USE));
    // The refused one has not touched the first.
    net.command(0, |core, now| core.decline(now, T, Code::DECLINED).unwrap());
    net.run_ms(100);
    assert_eq!(end_code(&net, raw), Some(Code::DECLINED));
    say_offer(&mut net, raw, 3, T, 10);
    assert_eq!(
        result(&net, raw),
        Some(Code::ID_IN_USE),
        "while it is remembered"
    );
    let raw = net.raw_online("carol");
    say_offer(&mut net, raw, 1, T, 10);
    assert_eq!(result(&net, raw), Some(Code::ID_IN_USE), "for anybody");
    net.run(Duration::from_secs(61));
    let raw = net.raw_online("carol");
    say_offer(&mut net, raw, 2, T, 10);
    assert_eq!(result(&net, raw), Some(Code::DELIVERED));
    let offered = net.events(0).into_iter();
    let offered = offered.filter(|e| matches!(e, Event::TransferOffered { .. }));
    assert_eq!(offered.count(), 2, "it is offered anew");
}

#[test]
fn xfer_021_a_session_that_offers_too_many_is_refused() {
    let (mut net, raw) = raw_sender(42);
    for n in 1..=3 {
        say_offer(&mut net, raw, n, TransferId([n as u8; 16]), 10);
        assert_eq!(result(&net, raw), Some(Code::DELIVERED));
    }
    say_offer(&mut net, raw, 4, T, 10);
    assert_eq!(result(&net, raw), Some(Code::TOO_MANY));
}

#[test]
fn xfer_021_a_receiver_with_too_many_open_offers_gets_no_more() {
    let mut net = Net::new(43, &["bob"]);
    net.login();
    let mut last = None;
    for name in ["a", "b", "c"] {
        let raw = net.raw_online(name);
        for n in 1..=3_u8 {
            let mut id = [n; 16];
            id[0] = name.as_bytes()[0];
            say_offer(&mut net, raw, n.into(), TransferId(id), 10);
        }
        last = Some(raw);
    }
    // By RESULT or TRANSFER_END, whichever machine was quicker.
    let last = last.unwrap();
    let told = [result(&net, last), end_code(&net, last)];
    assert!(
        told.contains(&Some(Code::UNREACHABLE)),
        "the ninth: {told:?}"
    );
    let offered = net.events(0).into_iter();
    let offered = offered.filter(|e| matches!(e, Event::TransferOffered { .. }));
    assert_eq!(offered.count(), 8);
}

/// Client 0 as `alice` has offered ten bytes to a raw `bob`.
fn raw_receiver(seed: u64, size: usize) -> (Net, NodeId, TransferId) {
    let mut net = Net::new(seed, &["alice"]);
    net.login();
    let raw = net.raw_online("bob");
    let transfer = offer(&mut net, size);
    (net, raw, transfer)
}

#[test]
fn xfer_007_an_offset_beyond_the_end_ends_it() {
    let (mut net, raw, transfer) = raw_receiver(44, 10);
    let offset = 11;
    net.say(
        raw,
        Receive {
            transfer,
            offset,
            params: P,
        }
        .encode(),
    );
    assert_eq!(end_code(&net, raw), Some(Code::BAD_OFFSET));
    assert_eq!(ended(&net, 0), [(Code::BAD_OFFSET, Initiator::Peer)]);
    assert_eq!(net.server().core.census().transfers, 0);
}

#[test]
fn xfer_009_who_has_no_part_in_it_is_told_so() {
    let (mut net, raw, transfer) = raw_receiver(45, 10);
    let stranger = net.raw_online("carol");
    let (offset, received, sha256, code) = (0, 0, [0; 32], Code::NONE);
    let frames = [
        Receive {
            transfer,
            offset,
            params: P,
        }
        .encode(),
        Decline {
            transfer,
            code,
            params: P,
        }
        .encode(),
        Progress {
            transfer,
            received,
            params: P,
        }
        .encode(),
        Digest {
            transfer,
            sha256,
            params: P,
        }
        .encode(),
        Verified {
            transfer,
            code,
            params: P,
        }
        .encode(),
    ];
    for frame in frames {
        let before = net.raw_host(stranger).heard.len();
        net.say(stranger, frame);
        assert!(net.raw_host(stranger).heard.len() > before);
        assert_eq!(end_code(&net, stranger), Some(Code::NOT_IN_TRANSFER));
    }
    net.say(
        stranger,
        TransferEnd {
            transfer,
            code,
            params: P,
        }
        .encode(),
    );
    // A device that was offered it may take or decline it, and nothing else.
    net.say(
        raw,
        Verified {
            transfer,
            code: Code::DELIVERED,
            params: P,
        }
        .encode(),
    );
    assert_eq!(end_code(&net, raw), Some(Code::NOT_IN_TRANSFER));
    assert_eq!(ended(&net, 0), []);
    assert_eq!(net.server().core.census().transfers, 1, "it goes on");
}

#[test]
fn xfer_013_a_resumed_link_displaces_streams_that_the_server_thought_alive() {
    // The receiver gives its link up without a word and resumes on another before the server has noticed: no SUSPENDED
    // is told, and yet every stream of the old link is gone.
    let mut net = pair(46);
    let transfer = offer(&mut net, 3_000_000);
    take(&mut net, 1, transfer, 0);
    net.run_ms(500);
    let now = net.now();
    let host = net.client_mut(1);
    let conn = duet_protocol::io::ConnId(1);
    host.lose_streams(now, conn);
    let cause = duet_protocol::io::Cause::TimedOut;
    host.core.handle(now, Input::Closed { conn, cause });
    host.drain(now);
    net.world.flush();
    net.run(Duration::from_secs(5));
    delivered(&net, transfer, 3_000_000);
    assert_eq!(starts(&net, 1).len(), 2);
}

#[test]
fn xfer_012_a_client_takes_no_stream_that_it_did_not_ask_for() {
    for (seed, frame, code) in [
        (47, bulk(T, 1, 0), Code::UNEXPECTED_STREAM),
        (
            48,
            Bytes::from_static(&[1, 8, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
            Code::UNEXPECTED_STREAM,
        ),
    ] {
        let mut net = pair(seed);
        let now = net.now();
        let (conn, fin) = (duet_protocol::io::ConnId(1), false);
        let id = StreamId {
            by_peer: true,
            index: 0,
        };
        let host = net.client_mut(0);
        host.core.handle(
            now,
            Input::Stream {
                conn,
                id,
                bytes: frame,
                fin,
            },
        );
        host.drain(now);
        let ended = net.events(0).into_iter().find_map(|e| match e {
            Event::LoggedOut { reason, .. } => Some((reason.code, reason.by)),
            _ => None,
        });
        assert_eq!(ended, Some((code, Initiator::Local)));
    }
}

#[test]
fn xfer_018_a_digest_is_passed_on_once_an_attempt() {
    let (mut net, raw, transfer) = raw_receiver(49, 10);
    net.say(
        raw,
        Receive {
            transfer,
            offset: 0,
            params: P,
        }
        .encode(),
    );
    net.run_ms(300);
    let digest = heard(&net, raw, |m| match m {
        Transfers::Digest(m) => Some(m.sha256),
        _ => None,
    });
    assert_eq!(digest, Some(sha256(&payload(10))));
    let id = StreamId {
        by_peer: true,
        index: 0,
    };
    let stream = [&bulk(transfer, 1, 0)[..], &payload(10)].concat();
    assert_eq!(
        net.raw_host(raw).streams.get(&id),
        Some(&stream),
        "BULK, then the payload"
    );
    net.say(
        raw,
        Verified {
            transfer,
            code: Code::DELIVERED,
            params: P,
        }
        .encode(),
    );
    assert_eq!(end_code(&net, raw), Some(Code::DELIVERED));
    assert_eq!(ended(&net, 0), [(Code::DELIVERED, Initiator::Peer)]);
}

#[test]
fn usage_of_transfers() {
    let mut net = pair(50);
    let long = Offering {
        name: "x".repeat(256),
        ..Offering::default()
    };
    let error = net.command(0, |core, now| core.offer(now, bob(), &long));
    assert_eq!(error, Err(UsageError::TooLarge));
    let error = net.command(0, |core, now| core.receive(now, T, 0));
    assert_eq!(error, Err(UsageError::NoSuchTransfer));
    let transfer = offer(&mut net, 10);
    let error = net.command(0, |core, now| core.receive(now, transfer, 0));
    assert_eq!(error, Err(UsageError::WrongState), "one's own offer");
    let error = net.command(1, |core, now| core.receive(now, transfer, 11));
    assert_eq!(error, Err(UsageError::TooLarge));
    take(&mut net, 1, transfer, 0);
    let error = net.command(1, |core, now| core.decline(now, transfer, Code::DECLINED));
    assert_eq!(error, Err(UsageError::WrongState), "taken already");
}
