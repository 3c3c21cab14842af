//! How connections end: gracefully, by silence, and what the peer hears of it.

mod common;

use std::time::Duration;

use common::*;
use duet_protocol::code::Code;
use duet_protocol::io::{Cause, ConnId, Purpose, StreamId};

const CONTROL: ConnId = ConnId(0);
const MEDIA: ConnId = ConnId(1);
const OF_PEER: StreamId = StreamId::FIRST_OF_PEER;

/// Writes a good deal and closes in the same breath; gives what the server received of it.
fn write_and_close(net: &mut Net, len: usize) {
    command(net, CLIENT, |core| {
        let id = core.open(CONTROL);
        core.write(CONTROL, id, pattern(len), false);
        core.close(CONTROL, Code::LOGOUT);
    });
}

#[test]
//= WIRE-015
fn the_code_arrives_after_everything_that_was_written() {
    for (world, loss) in [(1, 0), (2, 5), (3, 5), (4, 5), (5, 10)] {
        let mut net = pair(world, link(loss));
        establish(&mut net, CLIENT, CONTROL, Purpose::Control);
        write_and_close(&mut net, 20_000);
        until(&mut net, Duration::from_secs(3), |net| {
            !core(net, SERVER).closed.is_empty()
        });
        let server = core(&net, SERVER);
        assert_eq!(server.cause(ConnId(0)), Some(&Cause::Peer(Code::LOGOUT)));
        assert_eq!(
            server.received(ConnId(0), OF_PEER),
            pattern(20_000),
            "world {world}: closed before the data had arrived"
        );
        assert_eq!(core(&net, CLIENT).cause(CONTROL), Some(&Cause::Local));
    }
}

#[test]
fn closing_ends_no_stream_by_itself() {
    let mut net = pair(6, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    write_and_close(&mut net, 100);
    settle(&mut net, Duration::from_secs(2));
    let server = core(&net, SERVER);
    assert_eq!(server.cause(ConnId(0)), Some(&Cause::Peer(Code::LOGOUT)));
    assert_eq!(
        server.finished,
        [],
        "the peer would take it for the stream's end"
    );
}

#[test]
fn a_close_with_nothing_outstanding_is_immediate() {
    let mut net = pair(7, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    let start = instant(net.now());
    command(&mut net, CLIENT, |core| core.close(CONTROL, Code::STOPPING));
    assert_eq!(core(&net, CLIENT).closed[&CONTROL], (start, Cause::Local));
    settle(&mut net, Duration::from_millis(20));
    let (at, cause) = &core(&net, SERVER).closed[&ConnId(0)];
    assert_eq!(at.since(start), Duration::from_millis(20));
    assert_eq!(*cause, Cause::Peer(Code::STOPPING));
}

/// A long-lived connection that was written to, acknowledged, and then only received: closing it waits for nothing,
/// although acknowledgements of its own, which nobody acknowledges, were the last that it sent.
#[test]
fn acknowledged_data_does_not_hold_a_later_close() {
    let mut net = pair(8, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    command(&mut net, CLIENT, |core| {
        let id = core.open(CONTROL);
        core.write(CONTROL, id, pattern(5_000), false);
    });
    settle(&mut net, Duration::from_secs(1));
    command(&mut net, SERVER, |core| {
        core.write(ConnId(0), OF_PEER, pattern(50_000), false);
    });
    settle(&mut net, Duration::from_secs(1));
    let start = instant(net.now());
    command(&mut net, CLIENT, |core| core.close(CONTROL, Code::LOGOUT));
    assert_eq!(core(&net, CLIENT).closed[&CONTROL], (start, Cause::Local));
}

#[test]
fn a_close_waits_a_second_for_a_link_that_is_down() {
    let mut net = pair(9, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    net.set_down(CLIENT, SERVER, true);
    let start = instant(net.now());
    write_and_close(&mut net, 100);
    until(&mut net, Duration::from_secs(3), |net| {
        !core(net, CLIENT).closed.is_empty()
    });
    let (at, cause) = &core(&net, CLIENT).closed[&CONTROL];
    assert_eq!(
        (at.since(start), cause),
        (Duration::from_secs(1), &Cause::Local)
    );
}

#[test]
fn what_waits_for_its_streams_turn_holds_a_close_too() {
    let mut net = pair(23, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    let start = instant(net.now());
    command(&mut net, SERVER, |core| {
        // The ninth is one more than the client allows.
        for _ in 0..9 {
            let id = core.open(ConnId(0));
            core.write(ConnId(0), id, pattern(10), false);
        }
        core.close(ConnId(0), Code::STOPPING);
    });
    settle(&mut net, Duration::from_secs(2));
    let (at, _) = &core(&net, SERVER).closed[&ConnId(0)];
    assert_eq!(at.since(start), Duration::from_secs(1));
}

#[test]
fn after_a_close_the_core_hears_nothing_more_of_the_connection() {
    // TestCore itself fails on an input after Closed; here there are inputs to withhold.
    let mut net = pair(10, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    command(&mut net, CLIENT, |core| {
        let id = core.open(CONTROL);
        core.write(CONTROL, id, pattern(50_000), false);
    });
    settle(&mut net, Duration::from_millis(50));
    let before = core(&net, CLIENT)
        .received(CONTROL, StreamId::FIRST_OF_CLIENT)
        .len();
    command(&mut net, CLIENT, |core| core.close(CONTROL, Code::LOGOUT));
    settle(&mut net, Duration::from_secs(3));
    let after = core(&net, CLIENT)
        .received(CONTROL, StreamId::FIRST_OF_CLIENT)
        .len();
    assert_eq!(before, after);
    assert_eq!(
        core(&net, SERVER).received(ConnId(0), OF_PEER).len(),
        50_000
    );
    assert_eq!(net.node(CLIENT).driver.connections(), 0, "kept for ever");
    assert_eq!(net.node(SERVER).driver.connections(), 0, "kept for ever");
}

#[test]
fn a_dead_media_link_is_noticed_by_both_within_five_seconds() {
    // Idle and busy; at various points of the keep-alive's period.
    for (world, busy) in [
        (11, false),
        (12, true),
        (13, false),
        (14, true),
        (15, false),
    ] {
        let mut net = pair(world, link(0));
        establish(&mut net, CLIENT, MEDIA, Purpose::Media);
        let feed = |net: &mut Net, rounds: u64| {
            for _ in 0..rounds {
                if busy {
                    for (node, conn) in [(CLIENT, MEDIA), (SERVER, ConnId(0))] {
                        command(net, node, |core| core.datagram(conn, &[0; 500]));
                    }
                }
                settle(net, Duration::from_millis(20));
            }
        };
        feed(&mut net, 150 + 17 * world);
        assert!(
            core(&net, CLIENT).closed.is_empty(),
            "keep-alives were missing"
        );
        net.set_down(CLIENT, SERVER, true);
        net.set_down(SERVER, CLIENT, true);
        let down = instant(net.now());
        feed(&mut net, 250);
        settle(&mut net, Duration::from_secs(1));
        for (node, conn) in [(CLIENT, MEDIA), (SERVER, ConnId(0))] {
            let closed = core(&net, node).closed.get(&conn);
            let (at, cause) = closed.expect("noticed");
            assert_eq!(*cause, Cause::TimedOut);
            let after = at.since(down);
            assert!(
                (Duration::from_millis(3_200)..=Duration::from_secs(5)).contains(&after),
                "world {world}: node {} noticed after {after:?}",
                node.0
            );
        }
    }
}

#[test]
fn a_silent_control_connection_lasts_thirty_seconds() {
    let mut net = pair(20, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    settle(&mut net, Duration::from_secs(29));
    assert!(core(&net, CLIENT).closed.is_empty());
    settle(&mut net, Duration::from_secs(2));
    assert_eq!(core(&net, CLIENT).cause(CONTROL), Some(&Cause::TimedOut));
    assert_eq!(core(&net, SERVER).cause(ConnId(0)), Some(&Cause::TimedOut));
}

#[test]
fn a_server_that_is_not_there_is_a_timeout() {
    let mut net = pair(21, link(0));
    net.set_down(CLIENT, SERVER, true);
    command(&mut net, CLIENT, |core| core.connect(MEDIA, Purpose::Media));
    settle(&mut net, Duration::from_secs(10));
    assert_eq!(core(&net, CLIENT).cause(MEDIA), Some(&Cause::TimedOut));
}

/// Not for as long as an established one may be silent: an attempt whose answers go elsewhere, since the client's address
/// changed in its midst, would outlast the window in which the session can be resumed.
#[test]
fn a_control_connection_that_nobody_answers_is_given_up_after_ten_seconds() {
    let mut net = pair(23, link(0));
    net.set_down(SERVER, CLIENT, true);
    let start = instant(net.now());
    command(&mut net, CLIENT, |core| {
        core.connect(CONTROL, Purpose::Control);
    });
    settle(&mut net, Duration::from_secs(12));
    let closed = core(&net, CLIENT).closed.get(&CONTROL);
    let given_up = start.after(duet_protocol::limits::LOGIN);
    assert_eq!(closed, Some(&(given_up, Cause::TimedOut)));
    // What comes of it later is nobody's.
    net.set_down(SERVER, CLIENT, false);
    settle(&mut net, Duration::from_secs(30));
    assert!(core(&net, CLIENT).connected.is_empty());
}

#[test]
fn a_core_that_closes_on_an_input_is_heard() {
    let mut net = pair(22, link(0));
    command(&mut net, SERVER, |core| {
        core.close_on_data = Some(Code::BAD_TICKET)
    });
    establish(&mut net, CLIENT, MEDIA, Purpose::Media);
    command(&mut net, CLIENT, |core| {
        let id = core.open(MEDIA);
        core.write(MEDIA, id, b"attach".to_vec(), false);
    });
    settle(&mut net, Duration::from_secs(1));
    assert_eq!(
        core(&net, CLIENT).cause(MEDIA),
        Some(&Cause::Peer(Code::BAD_TICKET))
    );
}

#[test]
fn a_peer_that_lets_too_much_pile_up_is_given_up() {
    let mut net = pair(12, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    let id = command(&mut net, CLIENT, |core| core.open(CONTROL));
    // Nothing arrives any more, so no flow control is granted.
    net.set_down(CLIENT, SERVER, true);
    for megabyte in 1..=4 {
        command(&mut net, CLIENT, |core| {
            core.write(CONTROL, id, pattern(1 << 20), false)
        });
        settle(&mut net, Duration::from_millis(1_200));
        let given_up = core(&net, CLIENT).cause(CONTROL);
        assert_eq!(
            given_up.is_some(),
            megabyte >= 3,
            "{megabyte} MiB: {given_up:?}"
        );
        if given_up.is_some() {
            break;
        }
    }
}
