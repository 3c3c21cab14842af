//! Chapter "Media signalling", and media end to end through the two cores.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::client::{Event, MediaGrade};
use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::{CallId, RequestId, RoomId, StreamNumber};
use duet_protocol::io::Purpose;
use duet_protocol::media::{Controller, ControllerFactory, PacketReport};
use duet_protocol::message::media::{self, State};
use duet_protocol::message::{Media, Message, Wire, room, session};
use duet_protocol::time::Instant;
use duet_protocol::wire::{Opaque, Params, Text, Within};
use duet_sim::link::EcnMangle;
use duet_sim::{Ecn, LinkConfig, Loss, Probability, Record};

use crate::call::{accept, invite, streams, talk};
use crate::support::Net;

/// An RTP packet of a test: payload type 96, four packets a frame.
fn rtp(sequence: u16, timestamp: u32, marker: bool) -> Bytes {
    let mut packet = vec![0x80, 96 | if marker { 0x80 } else { 0 }];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(10_u32.to_be_bytes());
    packet.extend([7; 820]);
    packet.into()
}

/// Sends `frames` video frames of four packets from client 0; gives how many packets client 1 played.
fn send_video(net: &mut Net, frames: u32) -> usize {
    net.forget_events();
    for frame in 0..frames {
        for part in 0..4_u16 {
            let sequence = (frame as u16).wrapping_mul(4).wrapping_add(part);
            let packet = rtp(sequence, frame * 3_000, part == 3);
            net.command(0, |core, now| {
                core.send_media(now, StreamNumber(1), packet).unwrap()
            });
        }
        net.run(Duration::from_micros(33_333));
    }
    net.run(Duration::from_secs(1));
    net.events(1)
        .into_iter()
        .filter(|event| matches!(event, Event::Media { .. }))
        .count()
}

fn lossy(percent: u32) -> LinkConfig {
    let loss = Loss::Independent(duet_sim::Probability::from_ppm(percent * 10_000));
    LinkConfig {
        loss,
        ..LinkConfig::default()
    }
}

#[test]
//= MEDIA-008, MEDIA-010, MEDIA-011
fn call_026_media_flows_both_ways_once_the_call_has_started() {
    let mut net = Net::new(1, &["alice", "bob"]);
    net.login();
    talk(&mut net);
    net.run_ms(500);
    for index in [0, 1] {
        let core = &net.client(index).core;
        assert!(core.is_published(StreamNumber(1)) && core.is_published(StreamNumber(2)));
        assert!(net.events(index).contains(&&Event::MediaLink { up: true }));
    }
    assert_eq!(send_video(&mut net, 60), 240);
}

/// A controller that allows 2.5 Mb/s, and remembers what it is told.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<PacketReport>>>);

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

impl Witness {
    fn factory(&self) -> ControllerFactory {
        let witness = self.clone();
        Arc::new(move || Box::new(witness.clone()))
    }

    /// How many transmissions it was told of, and when those were sent that arrived with a mark.
    fn marked(&self) -> (usize, Vec<Instant>) {
        let reports = self.0.lock().unwrap();
        let marked = reports.iter().filter(|report| report.ce);
        (reports.len(), marked.map(|report| report.sent_at).collect())
    }
}

impl Controller for Witness {
    fn on_sent(&mut self, _now: Instant, _bytes: usize) {}

    fn on_feedback(&mut self, _now: Instant, reports: &[PacketReport], _rtt: Duration) {
        self.0.lock().unwrap().extend_from_slice(reports);
    }

    fn target_bitrate(&self) -> u64 {
        2_500_000
    }

    fn pacing_rate(&self) -> u64 {
        5_000_000
    }

    fn window(&self) -> usize {
        usize::MAX
    }
}

/// When packets with media were sent over a link that it delivered with a mark.
fn marked_on(net: &Net, link: &str) -> Vec<Instant> {
    let log = net.world.log();
    let marked = log.records().iter().filter_map(|record| match record {
        Record::Packet { link: id, journey }
            if log.link_name(*id) == link && journey.ecn == Ecn::Ce && journey.size > 800 =>
        {
            Some(Instant::from_micros(journey.offered.as_micros()))
        }
        _ => None,
    });
    marked.collect()
}

/// Both hops mark one packet in ten. Each sender's controller learns from the next report which of its transmissions
/// these were: the publisher's from the server, the server's from the subscriber.
#[test]
fn media_042_marks_are_reported_by_clients_and_by_the_server() {
    let link = LinkConfig {
        ecn: EcnMangle {
            mark: Probability::from_ppm(100_000),
            ..EcnMangle::default()
        },
        ..LinkConfig::default()
    };
    let (publisher, relay) = (Witness::default(), Witness::default());
    let mut net = Net::with(
        13,
        &["alice", "bob"],
        link,
        |server| server.media.controller = relay.factory(),
        |client| client.media.controller = publisher.factory(),
    );
    net.login();
    talk(&mut net);
    net.run_ms(500);
    assert_eq!(send_video(&mut net, 60), 240);
    for (witness, link) in [(publisher, "alice-0>server"), (relay, "server>bob-1")] {
        let (told, marked) = witness.marked();
        assert_eq!(told, 240, "{link}");
        assert!(marked.len() > 12, "{link}: {}", marked.len());
        assert_eq!(marked, marked_on(&net, link), "{link}");
    }
}

#[test]
fn media_repair_brings_back_what_a_lossy_link_took() {
    let mut net = Net::with(2, &["alice", "bob"], lossy(5), |_| {}, |_| {});
    net.login();
    talk(&mut net);
    net.run_ms(500);
    let played = send_video(&mut net, 300);
    assert!(played >= 1_188, "{played} of 1200");
}

#[test]
fn media_without_repair_loses_what_the_links_lose() {
    let mut net = Net::with(
        2,
        &["alice", "bob"],
        lossy(5),
        |server| server.media.repair = false,
        |client| client.media.repair = false,
    );
    net.login();
    talk(&mut net);
    net.run_ms(500);
    let played = send_video(&mut net, 300);
    assert!(
        (1_030..1_140).contains(&played),
        "{played} of 1200, of which 1083 are expected"
    );
}

#[test]
fn media_012_only_what_was_consented_to_is_published() {
    let mut net = Net::new(3, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(200);
    let audio = Media::CALLER_AUDIO.with(Media::CALLEE_AUDIO);
    net.command(1, |core, now| {
        core.accept(now, call, audio, streams(20)).unwrap()
    });
    net.run_ms(500);
    for index in [0, 1] {
        let core = &net.client(index).core;
        assert!(!core.is_published(StreamNumber(1)), "video was published");
        assert!(
            core.is_published(StreamNumber(2)),
            "audio was not published"
        );
    }
}

#[test]
fn media_014_nothing_is_sent_that_nobody_asked_for() {
    let mut net = Net::new(4, &["alice"]);
    net.login();
    net.command(0, |core, now| core.join(now, "stage", b"").unwrap());
    net.run_ms(300);
    let room = net.client(0).core.rooms().next().unwrap();
    net.command(0, |core, now| {
        core.publish(now, room, streams(10).remove(0)).unwrap()
    });
    net.run_ms(500);
    assert!(net.client(0).core.is_published(StreamNumber(1)));
    let sent = net.command(0, |core, now| {
        core.send_media(now, StreamNumber(1), rtp(0, 0, true))
    });
    assert_eq!(sent, Ok(false));
}

#[test]
//= MEDIA-001, MEDIA-002, MEDIA-005, MEDIA-006, MEDIA-036
fn media_014_a_room_member_receives_what_it_subscribes_to() {
    let mut net = Net::new(5, &["alice", "bob"]);
    net.login();
    for index in [0, 1] {
        net.command(index, |core, now| core.join(now, "stage", b"").unwrap());
        net.run_ms(300);
    }
    let room = net.client(0).core.rooms().next().unwrap();
    net.command(0, |core, now| {
        core.publish(now, room, streams(10).remove(0)).unwrap()
    });
    net.run_ms(300);
    let publisher = net.session(0).unwrap();
    net.command(1, |core, now| {
        core.subscribe(now, room, publisher, StreamNumber(1))
            .unwrap()
    });
    net.run_ms(500);
    assert_eq!(send_video(&mut net, 30), 120);
}

#[test]
fn media_a_keyframe_request_reaches_the_publisher() {
    let mut net = Net::new(6, &["alice", "bob"]);
    net.login();
    talk(&mut net);
    net.run_ms(500);
    send_video(&mut net, 3);
    let publisher = net
        .events(1)
        .into_iter()
        .find_map(|event| match event {
            Event::Media { session, .. } => Some(*session),
            _ => None,
        })
        .unwrap();
    net.command(1, |core, now| {
        core.request_keyframe(now, publisher, StreamNumber(1))
    });
    net.run_ms(200);
    assert!(net.events(0).contains(&&Event::KeyframeWanted {
        stream: StreamNumber(1)
    }));
}

#[test]
fn call_003_media_before_accept_goes_nowhere() {
    let mut net = Net::new(7, &["alice", "bob"]);
    net.login();
    let call = invite(&mut net, 0, "bob");
    net.run_ms(500);
    let early = net.command(0, |core, now| {
        core.send_media(now, StreamNumber(1), rtp(0, 0, true))
    });
    assert!(early.is_err(), "{early:?}");
    accept(&mut net, 1, call);
    net.run_ms(500);
    assert_eq!(send_video(&mut net, 10), 40);
}

/// A room with client 0 in it, which publishes, and a raw peer that came in afterwards.
fn stage(net: &mut Net) -> (RoomId, duet_sim::NodeId) {
    net.login();
    net.command(0, |core, now| core.join(now, "stage", b"").unwrap());
    net.run_ms(300);
    let room = net.client(0).core.rooms().next().unwrap();
    net.command(0, |core, now| {
        core.publish(now, room, streams(10).remove(0)).unwrap()
    });
    net.run_ms(300);
    let raw = net.raw_online("bob");
    let (request, name, params) = (RequestId(1), Text::default(), Params::NONE);
    let secret = Opaque::default();
    net.say(
        raw,
        room::Join {
            request,
            room,
            name,
            secret,
            params,
        }
        .encode(),
    );
    (room, raw)
}

fn last_stream(net: &Net, raw: duet_sim::NodeId) -> Option<(StreamNumber, State)> {
    net.raw_host(raw).last(|message| match message {
        Message::Media(media::Message::Stream(m)) => Some((m.description.stream, m.state)),
        _ => None,
    })
}

#[test]
fn media_004_one_who_enters_is_told_of_the_streams_that_are_there() {
    let mut net = Net::new(8, &["alice"]);
    let (_, raw) = stage(&mut net);
    assert_eq!(last_stream(&net, raw), Some((StreamNumber(1), State::Open)));
}

#[test]
fn media_003_a_stream_taken_back_is_gone_for_everyone() {
    let mut net = Net::new(9, &["alice"]);
    let (room, raw) = stage(&mut net);
    let descriptions = streams(50);
    let description = media::Description {
        stream: StreamNumber(3),
        kind: descriptions[1].kind,
        codec: descriptions[1].codec,
        payload_type: 97,
        clock_rate: 48_000,
        ssrc: 9,
        max_bitrate: 64_000,
        useful_ms: 200,
        config: Opaque::default(),
    };
    let params = Params::NONE;
    let publish = media::Publish {
        request: RequestId(2),
        room,
        description,
        params,
    };
    net.say(raw, publish.encode());
    let opened = |event: &Event| matches!(event, Event::StreamOpened { description, .. } if description.stream == StreamNumber(3));
    assert!(net.when(0, opened).is_some());
    let (request, stream) = (RequestId(3), StreamNumber(3));
    net.say(
        raw,
        media::Unpublish {
            request,
            room,
            stream,
            params,
        }
        .encode(),
    );
    let closed = |event: &Event| matches!(event, Event::StreamClosed { stream, .. } if *stream == StreamNumber(3));
    assert!(net.when(0, closed).is_some());
    // It can be published anew.
    let description = publish.description.clone();
    net.say(
        raw,
        media::Publish {
            request: RequestId(4),
            room,
            description,
            params,
        }
        .encode(),
    );
    let granted = net.raw_host(raw).last(|message| match message {
        Message::Media(media::Message::Published(m)) => Some(m.request),
        _ => None,
    });
    assert_eq!(granted, Some(RequestId(4)));
}

#[test]
fn media_007_where_nobody_subscribes_any_more_nothing_is_wanted() {
    let mut net = Net::new(10, &["alice"]);
    let (room, raw) = stage(&mut net);
    let (session, stream, params) = (net.session(0).unwrap(), StreamNumber(1), Params::NONE);
    let wanted = |net: &Net| {
        net.events(0)
            .into_iter()
            .rev()
            .find_map(|event| match event {
                Event::Wanted { wanted, .. } => Some(*wanted),
                _ => None,
            })
    };
    let subscribe = media::Subscribe {
        request: RequestId(2),
        room,
        session,
        stream,
        params,
    };
    net.say(raw, subscribe.encode());
    assert_eq!(wanted(&net), Some(true));
    let stop = media::Unsubscribe {
        request: RequestId(3),
        room,
        session,
        stream,
        params,
    };
    net.say(raw, stop.encode());
    assert_eq!(wanted(&net), Some(false));
}

#[test]
fn media_019_a_second_media_connection_takes_the_place_of_the_first() {
    let mut net = Net::new(11, &["alice"]);
    let (room, raw) = stage(&mut net);
    let mut attached = Vec::new();
    for request in [10, 11] {
        let (request, call, params) = (RequestId(request), CallId::NONE, Params::NONE);
        net.say(
            raw,
            media::TicketRequest {
                request,
                call,
                room,
                params,
            }
            .encode(),
        );
        let token = net.raw_host(raw).last(|message| match message {
            Message::Media(media::Message::MediaTicket(m)) if m.request == request => Some(m.token),
            _ => None,
        });
        let token = token.expect("a ticket");
        let media = net.raw(Purpose::Media);
        net.say(media, media::Attach { token, params }.encode());
        attached.push(media);
    }
    assert_eq!(net.raw_host(attached[0]).closed, Some(Code::DISPLACED));
    assert_eq!(net.raw_host(attached[1]).closed, None);
}

#[test]
fn media_022_a_packet_over_the_limit_is_refused_before_it_is_sent() {
    let mut net = Net::new(12, &["alice", "bob"]);
    net.login();
    talk(&mut net);
    net.run_ms(500);
    let mut send = |size: usize| {
        let packet = Bytes::from(vec![0x80; size]);
        net.command(0, |core, now| core.send_media(now, StreamNumber(1), packet))
    };
    assert_eq!(send(1_041), Err(UsageError::TooLarge));
    assert_eq!(send(1_040), Ok(true));
}

#[test]
fn media_018_a_media_connection_that_does_not_attach_is_closed_after_3_s() {
    let mut net = Net::new(13, &[]);
    let media = net.raw(Purpose::Media);
    net.run_ms(2_800);
    assert_eq!(net.raw_host(media).closed, None);
    net.run_ms(400);
    assert_eq!(net.raw_host(media).closed, Some(Code::ATTACH_TIMEOUT));
}

#[test]
fn media_003_a_client_takes_its_stream_back_and_its_subscriber_stops() {
    let mut net = Net::new(14, &["alice", "bob"]);
    net.login();
    for index in [0, 1] {
        net.command(index, |core, now| core.join(now, "stage", b"").unwrap());
        net.run_ms(300);
    }
    let room = net.client(0).core.rooms().next().unwrap();
    let (session, stream) = (net.session(0).unwrap(), StreamNumber(1));
    net.command(0, |core, now| {
        core.publish(now, room, streams(10).remove(0)).unwrap()
    });
    net.run_ms(300);
    net.command(1, |core, now| {
        core.subscribe(now, room, session, stream).unwrap()
    });
    net.run_ms(500);
    assert_eq!(send_video(&mut net, 10), 40);
    net.command(1, |core, now| {
        core.unsubscribe(now, room, session, stream).unwrap()
    });
    net.run_ms(300);
    let wanted = |net: &Net| {
        let mut events = net.events(0).into_iter().rev();
        events.find_map(|event| match event {
            Event::Wanted { wanted, .. } => Some(*wanted),
            _ => None,
        })
    };
    assert_eq!(wanted(&net), Some(false));
    net.command(0, |core, now| core.unpublish(now, room, stream).unwrap());
    net.run_ms(300);
    let closed = |event: &Event| matches!(event, Event::StreamClosed { .. });
    assert!(net.when(1, closed).is_some());
    assert!(!net.client(0).core.is_published(stream));
    let again = net.command(0, |core, now| core.unpublish(now, room, stream));
    assert_eq!(again, Err(UsageError::NoSuchStream));
}

#[test]
fn media_037_a_room_admits_only_so_many_streams() {
    let names: Vec<String> = (0..9).map(|n| format!("guest {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut net = Net::new(60, &names);
    net.login();
    for index in 0..names.len() {
        net.command(index, |core, now| core.join(now, "studio", b"").unwrap());
        net.run_ms(100);
    }
    let room = net.client(0).core.rooms().next().unwrap();
    let announced = net.events(0).into_iter().find_map(|event| match event {
        Event::Joined { settings, .. } => Some(settings.max_streams),
        _ => None,
    });
    assert_eq!(announced, Some(64));
    let publish = |net: &mut Net, index: usize, number: u8| {
        let mut stream = streams(10).remove(0);
        stream.stream = StreamNumber(number);
        let request = net.command(index, |core, now| core.publish(now, room, stream).unwrap());
        net.run_ms(100);
        let answers = net.events(index).into_iter();
        let mut answers = answers.filter_map(|event| match event {
            Event::Answer {
                request: r, code, ..
            } if *r == request => Some(*code),
            _ => None,
        });
        answers.next().expect("an answer")
    };
    for index in 0..8 {
        for number in 1..=8 {
            assert_eq!(publish(&mut net, index, number), Code::DELIVERED);
        }
    }
    assert_eq!(publish(&mut net, 8, 1), Code::STREAMS_FULL);
    net.command(0, |core, now| {
        core.unpublish(now, room, StreamNumber(1)).unwrap()
    });
    net.run_ms(100);
    assert_eq!(publish(&mut net, 8, 1), Code::DELIVERED);
}

/// What a client was told of how the others' media goes.
fn grades(net: &Net, index: usize) -> Vec<MediaGrade> {
    let events = net.events(index).into_iter();
    let grades = events.filter_map(|event| match event {
        Event::PeerStats { stats, .. } => Some(*stats),
        _ => None,
    });
    grades.collect()
}

#[test]
//= MEDIA-038
fn media_039_each_side_learns_how_the_other_ones_media_goes() {
    let mut net = Net::new(61, &["alice", "bob", "carol"]);
    net.login();
    talk(&mut net);
    net.run(Duration::from_secs(12));
    assert_eq!(
        (grades(&net, 0), grades(&net, 1)),
        (vec![], vec![]),
        "nothing flows"
    );
    send_video(&mut net, 300);
    let (of_bob, of_alice) = (grades(&net, 0), grades(&net, 1));
    assert!((1..=3).contains(&of_alice.len()), "{of_alice:?}");
    for grade in &of_alice {
        assert_eq!(
            (grade.sending, grade.receiving),
            (5, 0),
            "alice sends, and receives nothing"
        );
        assert_eq!((grade.rtt_ms, grade.lost_permille), (30, 0));
    }
    assert!(
        of_bob
            .iter()
            .all(|grade| (grade.sending, grade.receiving) == (0, 5))
    );
    assert!(!of_bob.is_empty());
    assert_eq!(grades(&net, 2), [], "somebody outside of the room was told");
}

#[test]
fn media_040_a_lossy_link_is_graded_worse() {
    for (percent, expected) in [(0, 5), (2, 4), (8, 3), (17, 2), (35, 1)] {
        let mut net = Net::with(62, &["alice", "bob"], lossy(percent), |_| {}, |_| {});
        net.login();
        talk(&mut net);
        net.run_ms(500);
        send_video(&mut net, 300);
        let of_alice = grades(&net, 1);
        let last = of_alice.last().expect("a grade");
        assert_eq!(last.sending, expected, "{percent} % loss: {of_alice:?}");
    }
}

#[test]
fn media_038_stats_go_to_the_room_once_a_second_and_bear_their_senders_name() {
    let mut net = Net::new(63, &["alice", "bob"]);
    net.login();
    for index in 0..2 {
        net.command(index, |core, now| core.join(now, "lobby", b"").unwrap());
        net.run_ms(100);
    }
    let room = net.client(0).core.rooms().next().unwrap();
    let raw = net.raw_online("carol");
    let stats = media::Stats {
        room,
        // The server does not believe it.
        session: net.session(0).unwrap(),
        sending: Within::clamp(3),
        receiving: Within::clamp(4),
        rtt_ms: 40,
        lost_permille: 50,
        params: Params::NONE,
    };
    net.say(raw, stats.encode());
    assert_eq!(grades(&net, 0), [], "it is not in the room");
    let join = room::Join {
        request: RequestId(1),
        room,
        name: Text::default(),
        secret: Opaque::default(),
        params: Params::NONE,
    };
    net.say(raw, join.encode());
    for _ in 0..3 {
        net.say(raw, stats.encode());
    }
    assert_eq!((grades(&net, 0).len(), grades(&net, 1).len()), (1, 1));
    net.run_ms(1_000);
    net.say(raw, stats.encode());
    assert_eq!(grades(&net, 0).len(), 2);
    let expected = MediaGrade {
        sending: 3,
        receiving: 4,
        rtt_ms: 40,
        lost_permille: 50,
    };
    assert_eq!(grades(&net, 0)[0], expected);
    let carol = net.raw_host(raw).last(|message| match message {
        Message::Session(session::Message::Authenticated(m)) => Some(m.session),
        _ => None,
    });
    for event in net.events(0) {
        if let Event::PeerStats { session, .. } = event {
            assert_eq!(Some(*session), carol);
        }
    }
    let own = net.raw_host(raw).last(|message| match message {
        Message::Media(media::Message::Stats(_)) => Some(()),
        _ => None,
    });
    assert_eq!(own, None, "it was told of itself");
}
