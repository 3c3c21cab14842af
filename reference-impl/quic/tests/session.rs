//! Handshake, streams, datagrams and path reports between two drivers in virtual time.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use duet_protocol::code::Code;
use duet_protocol::io::{ConnId, Input, Purpose, StreamId};
use duet_protocol::time::Instant;
use duet_quic::{Observer, Seen};

const CONTROL: ConnId = ConnId(0);
const MEDIA: ConnId = ConnId(1);
const S0: StreamId = StreamId::FIRST_OF_CLIENT;

#[test]
fn handshake_takes_two_flights_and_tells_both_sides() {
    let mut net = pair(1, link(0));
    command(&mut net, CLIENT, |core| {
        core.connect(CONTROL, Purpose::Control)
    });
    until(&mut net, Duration::from_secs(1), |net| {
        !core(net, CLIENT).connected.is_empty()
    });
    assert_eq!(
        net.now().as_micros(),
        40_000,
        "one round trip for the client"
    );
    until(&mut net, Duration::from_secs(1), |net| {
        !core(net, SERVER).connected.is_empty()
    });
    assert_eq!(
        net.now().as_micros(),
        60_000,
        "half a one more for the server"
    );
    assert_eq!(core(&net, SERVER).connected[&ConnId(0)], Purpose::Control);
    let event = net.node_mut(CLIENT).driver.poll_event();
    assert_eq!(event.as_deref(), Some("connected 0"));
}

#[test]
fn two_hundred_kilobytes_come_back_in_order() {
    let mut net = pair(2, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    let sent = pattern(200_000);
    let bytes = sent.clone();
    command(&mut net, CLIENT, |core| {
        let id = core.open(CONTROL);
        core.write(CONTROL, id, bytes, true);
    });
    until(&mut net, Duration::from_secs(10), |net| {
        !core(net, CLIENT).finished.is_empty()
    });
    assert_eq!(core(&net, CLIENT).received(CONTROL, S0), sent);
    let server = core(&net, SERVER);
    assert_eq!(server.received(ConnId(0), StreamId::FIRST_OF_PEER), sent);
    assert_eq!(server.finished, [(ConnId(0), StreamId::FIRST_OF_PEER)]);
}

#[test]
fn a_stream_survives_five_per_cent_loss_both_ways() {
    for world in 10..16 {
        let mut net = pair(world, link(5));
        establish(&mut net, CLIENT, CONTROL, Purpose::Control);
        let sent = pattern(200_000);
        let bytes = sent.clone();
        command(&mut net, CLIENT, |core| {
            let id = core.open(CONTROL);
            core.write(CONTROL, id, bytes, true);
        });
        until(&mut net, Duration::from_secs(60), |net| {
            !core(net, CLIENT).finished.is_empty()
        });
        assert_eq!(
            core(&net, CLIENT).received(CONTROL, S0),
            sent,
            "world {world}"
        );
        let counts = net.log().counts();
        let lost: u64 = counts.flat_map(|(_, _, count)| count.lost.values()).sum();
        assert!(lost > 10, "the link lost {lost} packets only");
    }
}

#[test]
fn more_than_a_receive_window_waits_in_the_driver() {
    let mut net = pair(3, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    // Four windows of a stream at once, in pieces that no window is a multiple of.
    let sent = pattern(1 << 20);
    let pieces: Vec<Vec<u8>> = sent.chunks(7_001).map(<[u8]>::to_vec).collect();
    command(&mut net, CLIENT, |core| {
        let id = core.open(CONTROL);
        for piece in pieces {
            core.write(CONTROL, id, piece, false);
        }
        core.write(CONTROL, id, Vec::new(), true);
    });
    until(&mut net, Duration::from_secs(30), |net| {
        !core(net, CLIENT).finished.is_empty()
    });
    assert_eq!(core(&net, CLIENT).received(CONTROL, S0), sent);
}

#[test]
fn the_server_opens_streams_too_and_limits_queue_them() {
    let mut net = pair(4, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    // Eight are allowed; the ninth waits until others have ended on both sides, two of them: QUIC announces no less.
    let ids = command(&mut net, SERVER, |core| {
        let ids = [(); 9].map(|()| core.open(ConnId(0)));
        for id in ids {
            // Ten bytes of a frame that claims to be longer: all of them are the core's.
            let bytes = vec![id.index as u8 + 1; 10];
            core.write(ConnId(0), id, bytes, id.index < 2);
        }
        ids
    });
    settle(&mut net, Duration::from_millis(200));
    let seen = |net: &Net| core(net, CLIENT).streams.len();
    assert_eq!(seen(&net), 8, "a ninth stream got past the limit");
    let as_peer = |id: StreamId| StreamId {
        by_peer: true,
        ..id
    };
    command(&mut net, CLIENT, |core| {
        for id in &ids[..2] {
            core.write(CONTROL, as_peer(*id), Vec::new(), true);
        }
    });
    until(&mut net, Duration::from_secs(1), |net| seen(net) == 9);
    assert_eq!(
        core(&net, CLIENT).received(CONTROL, as_peer(ids[8])),
        [9; 10]
    );

    // And a client's limit grows when the application says so.
    command(&mut net, CLIENT, |core| {
        for _ in 0..5 {
            let id = core.open(CONTROL);
            core.write(CONTROL, id, vec![1], false);
        }
    });
    settle(&mut net, Duration::from_millis(200));
    let by_client = |net: &Net| {
        let streams = core(net, SERVER).streams.keys();
        streams.filter(|(_, id)| id.by_peer).count()
    };
    assert_eq!(by_client(&net), 2);
    net.node_mut(SERVER).driver.allow_streams(ConnId(0), 100);
    until(&mut net, Duration::from_secs(1), |net| by_client(net) == 5);
}

#[test]
fn datagrams_are_echoed_with_their_time_of_arrival() {
    let mut net = pair(5, link(0));
    establish(&mut net, CLIENT, MEDIA, Purpose::Media);
    let start = instant(net.now());
    command(&mut net, CLIENT, |core| {
        core.datagram(MEDIA, b"one");
        core.datagram(MEDIA, &[2; 1_120]);
    });
    until(&mut net, Duration::from_secs(1), |net| {
        core(net, CLIENT).datagrams.len() == 2
    });
    let (_, bytes, at, _) = &core(&net, SERVER).datagrams[0];
    assert_eq!(&bytes[..], b"one");
    assert_eq!(at.since(start), Duration::from_millis(20));
    let (conn, bytes, at, _) = &core(&net, CLIENT).datagrams[1];
    assert_eq!((*conn, &bytes[..]), (MEDIA, &[2; 1_120][..]));
    assert_eq!(at.since(start), Duration::from_millis(40));
}

#[test]
fn control_and_media_share_a_server() {
    let mut net = pair(6, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    establish(&mut net, CLIENT, MEDIA, Purpose::Media);
    let connected: Vec<_> = core(&net, SERVER).connected.values().copied().collect();
    assert_eq!(connected, [Purpose::Control, Purpose::Media]);
    command(&mut net, CLIENT, |core| {
        let id = core.open(CONTROL);
        core.write(CONTROL, id, b"control".to_vec(), false);
        let id = core.open(MEDIA);
        core.write(MEDIA, id, b"attach".to_vec(), true);
        core.datagram(MEDIA, b"media");
    });
    settle(&mut net, Duration::from_millis(200));
    let client = core(&net, CLIENT);
    assert_eq!(client.received(CONTROL, S0), b"control");
    assert_eq!(client.received(MEDIA, S0), b"attach");
    assert_eq!(client.datagrams[0].0, MEDIA);
}

#[test]
fn the_path_is_told_at_once_and_every_so_often() {
    let mut net = pair(7, link(0));
    establish(&mut net, CLIENT, CONTROL, Purpose::Control);
    let (at, conn, rtt, max_datagram) = core(&net, CLIENT).paths[0];
    assert_eq!((at, conn), (Instant::from_micros(40_000), CONTROL));
    assert_eq!(rtt, Duration::from_millis(40));
    assert!(max_datagram >= 1_120, "{max_datagram}");

    let before = core(&net, CLIENT).paths.len();
    for round in 0..10 {
        command(&mut net, CLIENT, |core| {
            if round == 0 {
                core.open(CONTROL);
            }
            core.write(CONTROL, S0, vec![round], false);
        });
        settle(&mut net, Duration::from_millis(100));
    }
    let told = core(&net, CLIENT).paths.len() - before;
    assert!((5..=20).contains(&told), "told {told} times in a second");
}

#[test]
fn deadlines_name_their_owner_and_the_core_is_woken_on_time() {
    let mut net = pair(8, link(0));
    let alarm = Instant::from_micros(123_457);
    command(&mut net, CLIENT, |core| core.alarm = Some(alarm));
    let deadline = net.node(CLIENT).driver.deadline();
    assert_eq!(deadline, Some((alarm, "heartbeat")));
    net.run_until(duet_sim::Time::from_millis(500));
    assert_eq!(core(&net, CLIENT).wakes, [alarm]);

    command(&mut net, CLIENT, |core| {
        core.connect(CONTROL, Purpose::Control)
    });
    net.flush();
    let (_, owner) = net
        .node(CLIENT)
        .driver
        .deadline()
        .expect("a handshake timer");
    assert_eq!(owner, "quic");
}

#[test]
fn a_connection_that_cannot_begin_is_reported() {
    let mut net = pair(9, link(0));
    command(&mut net, CLIENT, |core| {
        core.connect_to(ConnId(5), Purpose::Control, "nowhere");
    });
    command(&mut net, SERVER, |core| {
        core.connect(ConnId(9), Purpose::Control)
    });
    let text = |node, conn| format!("{:?}", core(&net, node).cause(conn));
    assert_eq!(
        text(CLIENT, ConnId(5)),
        r#"Some(Failed("\"nowhere\" is not an IP address with a port"))"#
    );
    assert_eq!(
        text(SERVER, ConnId(9)),
        r#"Some(Failed("a server opens no connections"))"#
    );
}

/// One word for everything that crosses the seam.
struct Words(Arc<Mutex<Vec<String>>>);

impl Words {
    fn say(&self, word: String) {
        self.0.lock().expect("one thread").push(word);
    }
}

impl Observer for Words {
    fn input(&mut self, _now: Instant, input: &Input) {
        self.say(match input {
            Input::Connected { .. } => "< connected".to_owned(),
            Input::Stream { bytes, fin, .. } => format!("< stream {} {fin}", bytes.len()),
            Input::Datagram { bytes, .. } => format!("< datagram {}", bytes.len()),
            Input::Closed { cause, .. } => format!("< closed {cause:?}"),
            // How often depends on the timing of acknowledgements.
            Input::Path { .. } => return,
            other => format!("< {other:?}"),
        });
    }

    fn output(&mut self, _now: Instant, output: Seen<'_>) {
        self.say(match output {
            Seen::Connect { purpose, .. } => format!("> connect {purpose:?}"),
            Seen::Open { id, .. } => format!("> open {}", id.index),
            Seen::Write { bytes, fin, .. } => format!("> write {} {fin}", bytes.len()),
            Seen::Datagram { bytes, .. } => format!("> datagram {}", bytes.len()),
            Seen::Splice { splice, .. } => format!("> splice {splice:?}"),
            Seen::Stop { id, .. } => format!("> stop {}", id.index),
            Seen::Reset { id, .. } => format!("> reset {}", id.index),
            Seen::Allow { streams, .. } => format!("> allow {streams}"),
            Seen::Close { code, .. } => format!("> close {code}"),
            Seen::Decide(_) => "> decide".to_owned(),
            Seen::Shard(to) => format!("> shard {}", to.0),
            Seen::Event => "> event".to_owned(),
        });
    }
}

#[test]
fn an_observer_sees_everything_in_order() {
    let mut net = pair(20, link(0));
    let words = Arc::new(Mutex::new(Vec::new()));
    let observer = Box::new(Words(words.clone()));
    net.node_mut(CLIENT).driver.observe(observer);
    establish(&mut net, CLIENT, MEDIA, Purpose::Media);
    command(&mut net, CLIENT, |core| {
        let id = core.open(MEDIA);
        core.write(MEDIA, id, vec![0; 7], true);
    });
    settle(&mut net, Duration::from_millis(100));
    command(&mut net, CLIENT, |core| core.datagram(MEDIA, &[0; 9]));
    settle(&mut net, Duration::from_millis(100));
    command(&mut net, CLIENT, |core| core.close(MEDIA, Code::LEFT));
    let expected = [
        "> connect Media",
        "< connected",
        "> event",
        "> open 0",
        "> write 7 true",
        "< stream 7 true",
        "> datagram 9",
        "< datagram 9",
        "> close left",
        "< closed Local",
    ];
    assert_eq!(*words.lock().expect("one thread"), expected);
}
