//! The media engine through its public API: bytes, feedback, repair, pacing, the breaker, playout.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test that goes wrong should say so"
)]

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::id::FlowId;
use duet_protocol::limits::{MAX_DATAGRAM, MAX_KEPT_PACKETS};
use duet_protocol::media::*;
use duet_protocol::time::Instant;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn at_ms(ms: u64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

/// A small deterministic generator (Knuth's MMIX constants); its high bits are good enough for losses.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn chance(&mut self, per_mille: u64) -> bool {
        self.next() % 1_000 < per_mille
    }
}

fn rtp(sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Bytes {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&timestamp.to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet.into()
}

// ---- bytes ---------------------------------------------------------------------------------------------------------

/// RFC 9000 §A.1.
#[test]
fn varint_examples_of_rfc_9000() {
    let examples: [(&[u8], u64); 5] = [
        (
            &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c],
            151_288_809_941_952_652,
        ),
        (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
        (&[0x7b, 0xbd], 15_293),
        (&[0x25], 37),
        (&[0x40, 0x25], 37),
    ];
    for (bytes, value) in examples {
        assert_eq!(read_varint(bytes), Ok((&[][..], value)));
        assert!(read_varint(&bytes[..bytes.len() - 1]).is_err());
        let mut written = Vec::new();
        write_varint(value, &mut written);
        if bytes != [0x40, 0x25] {
            assert_eq!(written, bytes);
        }
    }
    for value in [
        0,
        63,
        64,
        16_383,
        16_384,
        (1 << 30) - 1,
        1 << 30,
        MAX_VARINT,
    ] {
        let mut written = Vec::new();
        write_varint(value, &mut written);
        assert_eq!(read_varint(&written), Ok((&[][..], value)));
    }
}

#[test]
//= MEDIA-020
fn media_datagram_header() {
    let mut bytes = Vec::new();
    write_header(FlowId(300), 0xabcd, &mut bytes);
    bytes.extend_from_slice(b"payload");
    assert_eq!(&bytes[..4], &[0x41, 0x2c, 0xab, 0xcd]);
    let read = Datagram::read(&bytes);
    assert_eq!(
        read,
        Ok(Datagram::Media {
            flow: FlowId(300),
            hop_seq: 0xabcd,
            payload: b"payload"
        })
    );
    assert!(Datagram::read(&bytes[..4]).is_err(), "no payload");
    let mut wide = Vec::new();
    write_varint(1 << 32, &mut wide);
    wide.extend_from_slice(&[0, 1, 2]);
    assert!(Datagram::read(&wide).is_err(), "a flow over 32 bits");
    let mut long = Vec::new();
    write_header(FlowId(1), 1, &mut long);
    long.resize(MAX_DATAGRAM, 0);
    assert!(Datagram::read(&long).is_ok());
    long.push(0);
    assert!(Datagram::read(&long).is_err(), "over the limit");
}

#[test]
//= MEDIA-024
fn feedback_bytes_are_those_of_rfc_8888() {
    let reports = [
        Report::received(3, Duration::from_millis(500)),
        Report::MISSING,
        Report::received(0, Duration::ZERO),
    ];
    let mut blocks = Vec::new();
    Block::append(&mut blocks, FlowId(7), 0xfffe, &reports);
    let mut datagram = Vec::new();
    Control::Feedback(Feedback::new(&blocks, 0x0102_0304)).write(&mut datagram);
    let golden = [
        0x00, 0x01, // flow 0, FEEDBACK
        0, 0, 0, 7, 0xff, 0xfe, 0, 3, // flow, begin_seq, num_reports
        0xe2, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, // three reports, padding
        1, 2, 3, 4, // report timestamp
    ];
    assert_eq!(datagram, golden);
    let Ok(Datagram::Control(Control::Feedback(feedback))) = Datagram::read(&golden) else {
        panic!("not read")
    };
    let read: Vec<_> = feedback.blocks().collect();
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].flow, read[0].begin_seq), (FlowId(7), 0xfffe));
    assert_eq!(read[0].reports().collect::<Vec<_>>(), reports);
    assert!(reports[0].is_ce() && !reports[2].is_ce());
    assert_eq!(reports[0].age(), Some(Duration::from_millis(500)));
    assert_eq!(Report::received(0, Duration::from_secs(60)), Report(0x9ffe));
    assert_eq!(Report(0x9ffe).age(), None);
    assert_eq!(Report(0x9fff).age(), None);
}

#[test]
//= MEDIA-021, MEDIA-023
fn malformed_control_is_refused() {
    let bad: [&[u8]; 9] = [
        &[],
        &[0],
        &[0, 1, 0, 0, 0], // FEEDBACK without a timestamp
        &[0, 1, 0, 0, 0, 7, 0, 0, 0, 2, 0x80, 0, 1, 2, 3, 4], // two reports announced, one there
        &[0, 1, 0, 0, 0, 7, 0, 0, 0xff, 0xff, 0, 0, 1, 2, 3, 4], // 65,535 announced
        &[0, 2, 0, 0, 0, 7, 2, 0, 0, 0, 0], // DEMAND with on = 2
        &[0, 2, 0, 0, 0, 7, 1, 0, 0], // DEMAND cut short
        &[0, 3, 0, 0, 0, 7, 0], // KEYFRAME_REQUEST with a byte too many
        &[0, 4, 0, 0, 0, 7, 0, 0, 0, 0], // SYNC cut short
    ];
    let mut hop = Hop::new(at_ms(0), HopConfig::default());
    for bytes in bad {
        assert!(Datagram::read(bytes).is_err(), "{bytes:?}");
        let received = hop.receive(
            at_ms(0),
            (at_ms(0), Ecn::NotEct),
            &Bytes::copy_from_slice(bytes),
        );
        assert_eq!(received, Received::Malformed);
    }
    assert_eq!(hop.stats().malformed, bad.len() as u64);
    let unknown = Bytes::from_static(&[0, 0x77, 1, 2]);
    assert_eq!(
        hop.receive(at_ms(0), (at_ms(0), Ecn::NotEct), &unknown),
        Received::Nothing
    );
    assert_eq!(hop.stats().unknown, 1);
}

#[test]
fn rtp_header_of_rfc_3550() {
    let mut packet = vec![0xb1, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 5];
    packet.extend_from_slice(&[0, 0, 0, 1]); // one CSRC
    packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // an extension of one word
    packet.extend_from_slice(&[b'x', b'y', 0, 2]); // payload, two bytes of padding
    let header = RtpHeader::parse(&packet).unwrap();
    assert!(header.marker());
    assert_eq!((header.payload_type(), header.sequence()), (96, 0x1234));
    assert_eq!((header.timestamp(), header.ssrc()), (9, 5));
    assert_eq!(
        (header.payload_range(), header.payload()),
        (24..26, &b"xy"[..])
    );
    for cut in 0..24 {
        assert!(RtpHeader::parse(&packet[..cut]).is_err(), "cut at {cut}");
    }
    let mut padded = packet.clone();
    *padded.last_mut().unwrap() = 5;
    assert!(
        RtpHeader::parse(&padded).is_err(),
        "padding longer than the payload"
    );
    *padded.last_mut().unwrap() = 0;
    assert!(RtpHeader::parse(&padded).is_err(), "padding of nothing");
    packet[0] = 0x71;
    assert!(RtpHeader::parse(&packet).is_err(), "version 1");
}

fn any_report() -> impl Strategy<Value = Report> {
    prop_oneof![
        Just(Report::MISSING),
        (0x8000..=0xffff_u16).prop_map(Report)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn control_round_trips(
        flows in prop::collection::vec((any::<u32>(), any::<u16>(), prop::collection::vec(any_report(), 0..40)), 0..8),
        demands in prop::collection::vec((any::<u32>(), any::<bool>(), any::<u32>()), 0..20),
        flow: u32, a: u32, b: u64,
        kind in 5..=255_u8, body in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut blocks = Vec::new();
        for (flow, begin, reports) in &flows {
            Block::append(&mut blocks, FlowId(*flow), *begin, reports);
        }
        let mut entries = Vec::new();
        let demand = |(flow, on, rate)| Demand { flow: FlowId(flow), on, rate };
        let demands: Vec<_> = demands.into_iter().map(demand).collect();
        demands.iter().for_each(|demand| demand.append(&mut entries));
        let all = [
            Control::Feedback(Feedback::new(&blocks, a)),
            Control::Demand(Demands::new(&entries)),
            Control::KeyframeRequest { flow: FlowId(flow) },
            Control::Sync { flow: FlowId(flow), rtp_time: a, sender_clock: b },
            Control::Unknown { kind, body: &body },
        ];
        for control in all {
            let mut bytes = Vec::new();
            control.write(&mut bytes);
            prop_assert_eq!(Datagram::read(&bytes), Ok(Datagram::Control(control)));
        }
        let Control::Feedback(feedback) = all[0] else { unreachable!() };
        let row = |block: Block<'_>| (block.flow.0, block.begin_seq, block.reports().collect());
        let read: Vec<_> = feedback.blocks().map(row).collect();
        prop_assert_eq!(read, flows);
        let Control::Demand(read) = all[1] else { unreachable!() };
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), demands);
    }

    /// Whatever bytes come, in whatever order: no panic, and memory stays bounded.
    #[test]
    fn hostile_bytes_are_survived(
        datagrams in prop::collection::vec((prop::sample::select(vec![0_u8, 0, 1, 2, 3]), 0..6_u8, prop::collection::vec(any::<u8>(), 0..200)), 1..100),
    ) {
        let mut now = at_ms(1);
        let mut hop = Hop::new(now, HopConfig::default());
        let mut playout = Playout::new(90_000, 100 * MS);
        hop.open_in(now, FlowId(1), 100_000);
        hop.open_out(now, FlowId(2), false, 200 * MS, 100_000);
        let mut buffer = Vec::new();
        for (flow, kind, body) in datagrams {
            let mut bytes = vec![flow, kind];
            bytes.extend_from_slice(&body);
            let _ = hop.receive(now, (now, Ecn::NotEct), &bytes.clone().into());
            let _ = RtpHeader::parse(&body);
            bytes[0] = 0x80;
            playout.insert(now, bytes.into());
            hop.send(now, FlowId(2), Bytes::from_static(b"x"));
            hop.handle(now);
            while hop.next_datagram(&mut buffer) {
                prop_assert!(buffer.len() <= MAX_DATAGRAM);
            }
            while playout.pop_due(now).is_some() {}
            now = now.after(7 * MS);
        }
        prop_assert!(playout.len() <= 2_048);
    }
}

// ---- feedback ------------------------------------------------------------------------------------------------------

fn reported(recorder: &Recorder, now: Instant) -> Vec<(u16, bool)> {
    let mut blocks = Vec::new();
    recorder.append_block(FlowId(1), now, &mut blocks);
    let feedback = Feedback::new(&blocks, 0);
    let block = feedback.blocks().next().unwrap();
    let rows = block.reports().enumerate();
    rows.map(|(i, report)| (block.begin_seq.wrapping_add(i as u16), report.is_received()))
        .collect()
}

/// Random loss, reordering, duplicates and wrap-around, against a set of what arrived.
#[test]
fn recorder_agrees_with_a_set() {
    for seed in 0..20 {
        let mut random = Lcg(seed);
        let mut recorder = Recorder::default();
        let mut arrived = BTreeSet::new();
        let mut sequence = 65_000_u64;
        let mut queue = VecDeque::new();
        for step in 0..3_000_u64 {
            sequence += 1;
            if !random.chance(150) {
                queue.push_back(sequence);
            }
            if queue.len() < 2 {
                continue;
            }
            let index = if random.chance(200) { 1 } else { 0 };
            let next = queue.remove(index).unwrap();
            let highest = arrived.last().copied();
            let noted = recorder.note(next as u16, at_ms(step), Ecn::NotEct);
            let expected = match highest {
                None => Noted::Next,
                Some(highest) if next == highest + 1 => Noted::Next,
                Some(highest) if next > highest => Noted::Gap,
                Some(_) => Noted::Filled,
            };
            assert_eq!(noted, expected, "seed {seed}, sequence {next}");
            arrived.insert(next);
            if random.chance(50) {
                assert_eq!(
                    recorder.note(next as u16, at_ms(step), Ecn::NotEct),
                    Noted::Duplicate
                );
            }
            let (first, highest) = (*arrived.first().unwrap(), *arrived.last().unwrap());
            let begin = first.max(highest - 63);
            let model: Vec<_> = (begin..=highest)
                .map(|s| (s as u16, arrived.contains(&s)))
                .collect();
            assert_eq!(
                reported(&recorder, at_ms(step)),
                model,
                "seed {seed}, step {step}"
            );
            assert_eq!(
                recorder.missing(),
                highest - first + 1 - arrived.len() as u64
            );
        }
    }
}

#[test]
fn recorder_forgets_what_is_behind_a_jump() {
    let mut recorder = Recorder::default();
    for sequence in 0..100 {
        recorder.note(sequence, at_ms(1), Ecn::NotEct);
    }
    assert_eq!(recorder.note(30_000, at_ms(2), Ecn::NotEct), Noted::Gap);
    let rows = reported(&recorder, at_ms(3));
    assert_eq!(rows.len(), 64);
    assert_eq!(rows.iter().filter(|(_, received)| *received).count(), 1);
    assert_eq!(recorder.note(50, at_ms(4), Ecn::NotEct), Noted::Old);
}

/// The ECN field of each arrival is in the report, also where it fills a gap or comes a window later.
#[test]
fn recorder_reports_marks() {
    let fields = [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce];
    let mut recorder = Recorder::default();
    let mut expected = Vec::new();
    for sequence in 0..200_u16 {
        let ecn = fields[usize::from(sequence * 7 % 13) % 4];
        // Each tenth comes one late.
        let order = if sequence % 10 == 9 {
            sequence - 2
        } else {
            sequence
        };
        if sequence % 10 == 7 {
            continue;
        }
        recorder.note(order, at_ms(u64::from(sequence)), ecn);
        if sequence % 10 == 9 {
            recorder.note(sequence, at_ms(u64::from(sequence)), Ecn::Ce);
            expected.push((sequence, Ecn::Ce));
        }
        expected.push((order, ecn));
    }
    expected.sort_unstable_by_key(|(sequence, _)| *sequence);
    let expected = expected.iter().skip(200 - 64);
    let expected: Vec<_> = expected.map(|(at, ecn)| (*at, ecn.bits())).collect();
    let mut blocks = Vec::new();
    recorder.append_block(FlowId(1), at_ms(200), &mut blocks);
    let feedback = Feedback::new(&blocks, 0);
    let block = feedback.blocks().next().unwrap();
    let rows = block.reports().enumerate();
    let bits = |report: Report| (report.0 >> 13 & 3) as u8;
    let rows: Vec<_> = rows
        .map(|(i, report)| (block.begin_seq.wrapping_add(i as u16), bits(report)))
        .collect();
    assert_eq!(rows, expected);
}

/// A sender that begins to count anew, far behind, is believed after 16 packets, and what was missing stays counted.
#[test]
fn recorder_follows_a_sender_that_starts_over() {
    let mut recorder = Recorder::default();
    (20_000..20_100_u16)
        .filter(|s| s % 10 != 5)
        .for_each(|s| _ = recorder.note(s, at_ms(1), Ecn::NotEct));
    assert_eq!(recorder.missing(), 10);
    let noted: Vec<_> = (100..120)
        .map(|sequence| recorder.note(sequence, at_ms(2), Ecn::NotEct))
        .collect();
    assert!(noted[..15].iter().all(|noted| *noted == Noted::Old));
    assert!(noted[15..].iter().all(|noted| *noted == Noted::Next));
    assert_eq!(reported(&recorder, at_ms(3)).first(), Some(&(115, true)));
    assert_eq!(recorder.missing(), 10);
}

#[test]
fn peer_clock_survives_the_wrap_of_its_timestamps() {
    let mut clock = PeerClock::default();
    let start = Instant::from_micros(65_535_500_000); // half a second before 2³² / 65,536 s
    let mut last = clock.read(report_timestamp(start));
    for step in 1..100_u64 {
        let next = clock.read(report_timestamp(start.after(25 * MS * step as u32)));
        let step = next.since(last).as_micros() as i64;
        assert!((step - 25_000).abs() < 50, "{step}");
        last = next;
    }
}

/// 2.5 ms apart, reported 40 ms after the last: the sender gets arrival times within 1/1024 s, on the receiver's clock.
#[test]
fn arrival_times_come_through() {
    let mut recorder = Recorder::default();
    let mut out = OutFlow::new(at_ms(0), 200 * MS, 0);
    let far = Instant::from_micros(7_000_000_000); // the receiver's epoch is another one
    for i in 0..20_u64 {
        let sent_at = Instant::from_micros(i * 2_500);
        let hop_seq = out.record(sent_at, Bytes::from_static(b"abc"), None);
        recorder.note(
            hop_seq,
            far.after(Duration::from_micros(i * 2_500)),
            Ecn::NotEct,
        );
    }
    assert_eq!(out.in_flight(), 60);
    let reported_at = far.after(90 * MS);
    let mut blocks = Vec::new();
    recorder.append_block(FlowId(1), reported_at, &mut blocks);
    let feedback = Feedback::new(&blocks, report_timestamp(reported_at));
    let mut clock = PeerClock::default();
    let peer_now = clock.read(feedback.timestamp);
    let mut reports = Vec::new();
    for block in feedback.blocks() {
        out.on_block(at_ms(100), 30 * MS, &block, peer_now, &mut reports, None);
    }
    assert_eq!(reports.len(), 20);
    let first = reports[0].arrived.unwrap();
    for report in &reports {
        assert!(report.received);
        let spread = report.arrived.unwrap().since(first).as_micros() as i64;
        assert!(
            (spread - report.sent_at.as_micros() as i64).abs() <= 1_000,
            "{report:?}"
        );
    }
    assert_eq!(out.in_flight(), 0);
}

// ---- two hops over a lossy link ------------------------------------------------------------------------------------

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: std::cmp::Reverse<(Instant, u64)>,
    to_receiver: bool,
    bytes: Vec<u8>,
}

struct Link {
    now: Instant,
    hops: [Hop; 2],
    air: BinaryHeap<Flight>,
    count: u64,
    delay: Duration,
    forward_loss: u64,
    back_loss: u64,
    random: Lcg,
    delivered: Vec<(Instant, Bytes)>,
    datagrams: [u64; 2],
}

const VIDEO: FlowId = FlowId(1);

impl Link {
    fn new(repair: bool, forward_loss: u64, back_loss: u64, seed: u64) -> Self {
        let now = at_ms(1_000);
        let config = HopConfig {
            repair,
            demand_needed: false,
            ..HopConfig::default()
        };
        let mut hops = [Hop::new(now, config.clone()), Hop::new(now, config)];
        hops[0].open_out(now, VIDEO, false, 200 * MS, 1_200_000);
        hops[1].open_in(now, VIDEO, 1_200_000);
        hops.iter_mut().for_each(|hop| hop.set_rtt(30 * MS));
        Self {
            now,
            hops,
            air: BinaryHeap::new(),
            count: 0,
            delay: 15 * MS,
            forward_loss,
            back_loss,
            random: Lcg(seed),
            delivered: Vec::new(),
            datagrams: [0; 2],
        }
    }

    /// Moves time to `until`, stopping only at arrivals and advertised deadlines.
    fn run(&mut self, until: Instant) {
        for _ in 0..1_000_000 {
            self.drain();
            let arrival = self.air.peek().map(|flight| flight.at.0.0);
            let deadlines = self.hops.iter().filter_map(|hop| Some(hop.deadline()?.at));
            let next = deadlines
                .chain(arrival)
                .min()
                .unwrap_or(until)
                .max(self.now);
            if next > until {
                self.now = until;
                return;
            }
            self.now = next;
            while self
                .air
                .peek()
                .is_some_and(|flight| flight.at.0.0 <= self.now)
            {
                let flight = self.air.pop().unwrap();
                let hop = &mut self.hops[usize::from(flight.to_receiver)];
                match hop.receive(self.now, (self.now, Ecn::NotEct), &flight.bytes.into()) {
                    Received::Payload { payload, .. } => self.delivered.push((self.now, payload)),
                    Received::Malformed => panic!("malformed"),
                    _ => {}
                }
            }
            self.hops.iter_mut().for_each(|hop| hop.handle(self.now));
            if self.now == until && self.air.peek().is_none_or(|flight| flight.at.0.0 > until) {
                self.drain();
                return;
            }
        }
        panic!("a deadline that does not move on");
    }

    fn drain(&mut self) {
        let mut buffer = Vec::new();
        for from in 0..2 {
            while self.hops[from].next_datagram(&mut buffer) {
                self.datagrams[from] += 1;
                let loss = if from == 0 {
                    self.forward_loss
                } else {
                    self.back_loss
                };
                if self.random.chance(loss) {
                    continue;
                }
                self.count += 1;
                let at = std::cmp::Reverse((self.now.after(self.delay), self.count));
                self.air.push(Flight {
                    at,
                    to_receiver: from == 0,
                    bytes: buffer.clone(),
                });
            }
        }
    }

    /// 30 frames a second of four packets each; per mille of the frames that were whole within 100 ms.
    fn frames(&mut self, count: u64) -> u64 {
        let mut sent_at = Vec::new();
        for frame in 0..count {
            self.run(at_ms(1_000).after(Duration::from_micros(frame * 33_333)));
            sent_at.push(self.now);
            for part in 0..4 {
                let mut payload = vec![0; 800];
                payload[..8].copy_from_slice(&(frame * 4 + part).to_be_bytes());
                assert!(self.hops[0].send(self.now, VIDEO, payload.into()));
            }
            self.hops[0].handle(self.now);
        }
        self.run(self.now.after(Duration::from_secs(1)));
        let mut parts: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (at, payload) in &self.delivered {
            let number = u64::from_be_bytes(payload[..8].try_into().unwrap());
            if at.since(sent_at[(number / 4) as usize]) <= 100 * MS {
                parts.entry(number / 4).or_default().insert(number % 4);
            }
        }
        parts.values().filter(|parts| parts.len() == 4).count() as u64 * 1_000 / count
    }
}

#[test]
fn repair_makes_frames_whole_in_time() {
    let mut repaired = Link::new(true, 25, 25, 1);
    let with = repaired.frames(1_800);
    let without = Link::new(false, 25, 25, 1).frames(1_800);
    let stats = repaired.hops[0].stats().outgoing[0].1;
    println!("whole within 100 ms: {with} per mille with repair, {without} without; {stats:?}");
    assert!(with >= 990, "{with}");
    assert!(without + 50 <= with, "{without} against {with}");
    // Each loss costs about one packet, not more.
    assert!(stats.repaired <= stats.lost, "{stats:?}");
    assert!(stats.lost * 1_000 < stats.sent * 40, "{stats:?}");
    // After the last packet nothing is left to wait for.
    assert_eq!(repaired.hops[0].deadline(), None);
    assert_eq!(repaired.hops[1].deadline(), None);
}

#[test]
fn lost_feedback_is_made_up_for() {
    let mut link = Link::new(true, 25, 500, 2);
    let whole = link.frames(1_800);
    println!("whole within 100 ms with half of the feedback lost: {whole} per mille");
    assert!(whole >= 970, "{whole}");
    let got: BTreeSet<_> = link
        .delivered
        .iter()
        .map(|(_, payload)| payload.slice(..8))
        .collect();
    assert!(got.len() >= 7_190, "{} of 7,200 at all", got.len());
}

#[test]
fn without_loss_nothing_is_repaired_and_reports_are_few() {
    let mut link = Link::new(true, 0, 0, 3);
    assert_eq!(link.frames(300), 1_000);
    let stats = link.hops[0].stats().outgoing[0].1;
    assert_eq!(
        (stats.sent, stats.repaired, stats.lost, stats.expired),
        (1_200, 0, 0, 0)
    );
    assert_eq!(stats.acknowledged, 1_200);
    // Ten seconds at 25 ms are 400 reports.
    assert!(
        (100..=420).contains(&link.datagrams[1]),
        "{}",
        link.datagrams[1]
    );
}

#[test]
fn the_same_run_twice_is_the_same() {
    let mut first = Link::new(true, 100, 100, 4);
    let mut second = Link::new(true, 100, 100, 4);
    assert_eq!(first.frames(200), second.frames(200));
    assert_eq!(first.delivered, second.delivered);
    assert_eq!(first.hops[0].stats(), second.hops[0].stats());
}

#[test]
fn a_replaced_connection_goes_on_counting() {
    let mut link = Link::new(true, 0, 0, 5);
    link.frames(10);
    link.air.clear();
    let now = link.now;
    link.hops.iter_mut().for_each(|hop| hop.reconnected(now));
    link.hops[0].send(now, VIDEO, Bytes::from_static(b"12345678"));
    link.hops[0].handle(now);
    let mut buffer = Vec::new();
    assert!(link.hops[0].next_datagram(&mut buffer));
    assert_eq!(
        Datagram::read(&buffer),
        Ok(Datagram::Media {
            flow: VIDEO,
            hop_seq: 40,
            payload: b"12345678"
        })
    );
}

// ---- demand, keyframes, sync ---------------------------------------------------------------------------------------

fn drain(hop: &mut Hop) -> Vec<Bytes> {
    let mut buffer = Vec::new();
    let mut all = Vec::new();
    while hop.next_datagram(&mut buffer) {
        all.push(Bytes::copy_from_slice(&buffer));
    }
    all
}

#[test]
//= MEDIA-026, MEDIA-027
fn demand_starts_and_stops_a_flow() {
    let mut now = at_ms(0);
    let mut server = Hop::new(now, HopConfig::default());
    let mut client = Hop::new(now, HopConfig::default());
    client.open_out(now, VIDEO, false, 200 * MS, 0);
    server.open_in(now, VIDEO, 0);
    assert!(
        !client.send(now, VIDEO, Bytes::from_static(b"early")),
        "nobody asked for it"
    );

    server.demand(now, VIDEO, true, 500_000);
    let told = drain(&mut server);
    assert_eq!(told.len(), 1);
    client.receive(now, (now, Ecn::NotEct), &told[0]);
    let demand = Demand {
        flow: VIDEO,
        on: true,
        rate: 500_000,
    };
    assert_eq!(client.poll_event(), Some(HopEvent::Demand(demand)));
    assert_eq!(client.demanded_rate(VIDEO), 500_000);
    client.receive(now, (now, Ecn::NotEct), &told[0]);
    assert_eq!(client.poll_event(), None, "nothing new");
    assert!(client.send(now, VIDEO, Bytes::from_static(b"packet")));

    server.demand(now, VIDEO, true, 500_000);
    assert!(
        drain(&mut server).is_empty(),
        "not said again before its time"
    );
    let due = server.deadline().unwrap().at;
    assert_eq!(due, at_ms(200));
    now = due;
    server.handle(now);
    assert_eq!(drain(&mut server).len(), 1, "repeated");

    // Off: what waits is dropped, and nothing more is taken; said a few times, then silence.
    for _ in 0..10 {
        client.send(now, VIDEO, vec![0; 1_000].into());
    }
    server.demand(now, VIDEO, false, 0);
    let told = drain(&mut server);
    client.receive(now, (now, Ecn::NotEct), &told[0]);
    client.handle(now);
    assert!(drain(&mut client).is_empty());
    assert!(!client.is_demanded(VIDEO) && !client.send(now, VIDEO, Bytes::from_static(b"late")));
    let mut repeats = 0;
    while let Some(deadline) = server.deadline() {
        now = deadline.at;
        server.handle(now);
        repeats += drain(&mut server).len();
        assert!(repeats < 10);
    }
    assert!(repeats >= 3, "{repeats}");
    // It arrives nevertheless: said again.
    let mut stray = Vec::new();
    write_header(VIDEO, 9, &mut stray);
    stray.push(0);
    server.receive(now, (now, Ecn::NotEct), &stray.into());
    server.handle(now.after(200 * MS));
    let again = drain(&mut server);
    let is_off = |bytes: &Bytes| match Datagram::read(bytes) {
        Ok(Datagram::Control(Control::Demand(demands))) => demands.iter().any(|demand| !demand.on),
        _ => false,
    };
    assert!(again.iter().any(is_off), "{again:?}");
}

#[test]
fn hostile_demand_makes_one_event_a_flow() {
    let now = at_ms(0);
    let mut client = Hop::new(now, HopConfig::default());
    client.open_out(now, VIDEO, false, 200 * MS, 0);
    for round in 0..1_000_u32 {
        let mut entries = Vec::new();
        for i in 0..100 {
            Demand {
                flow: FlowId(i % 3),
                on: i % 2 == 0,
                rate: round,
            }
            .append(&mut entries);
        }
        let mut bytes = Vec::new();
        Control::Demand(Demands::new(&entries)).write(&mut bytes);
        client.receive(now, (now, Ecn::NotEct), &bytes.into());
    }
    assert!(client.poll_event().is_some());
    assert_eq!(client.poll_event(), None);
}

#[test]
//= MEDIA-028
fn keyframe_requests_are_rate_limited_on_both_sides() {
    let config = HopConfig {
        demand_needed: false,
        ..HopConfig::default()
    };
    let mut receiver = Hop::new(at_ms(0), config.clone());
    let mut sender = Hop::new(at_ms(0), config);
    receiver.open_in(at_ms(0), VIDEO, 0);
    sender.open_out(at_ms(0), VIDEO, false, 200 * MS, 0);
    receiver.set_rtt(50 * MS);
    sender.set_rtt(50 * MS);
    assert!(
        !receiver.request_keyframe(at_ms(0), FlowId(9)),
        "no such flow"
    );
    let asked: Vec<u64> = (0..1_000)
        .filter(|ms| receiver.request_keyframe(at_ms(*ms), VIDEO))
        .collect();
    assert_eq!(asked, [0, 150, 300, 450, 600, 750, 900]);
    let request = drain(&mut receiver).remove(0);
    let told = |ms: &u64| {
        sender.receive(at_ms(*ms), (at_ms(*ms), Ecn::NotEct), &request) != Received::Nothing
    };
    let told: Vec<u64> = (0..1_000).filter(told).collect();
    assert_eq!(told, [0, 150, 300, 450, 600, 750, 900]);
}

#[test]
fn media_041_sync_goes_through() {
    let config = HopConfig {
        demand_needed: false,
        ..HopConfig::default()
    };
    let mut receiver = Hop::new(at_ms(0), config.clone());
    let mut sender = Hop::new(at_ms(0), config);
    receiver.open_in(at_ms(0), VIDEO, 0);
    sender.open_out(at_ms(0), VIDEO, false, 200 * MS, 0);
    sender.send_sync(VIDEO, 90_000, 1_000_000);
    let sent = drain(&mut sender);
    assert_eq!(
        receiver.receive(at_ms(1), (at_ms(1), Ecn::NotEct), &sent[0]),
        Received::Sync {
            flow: VIDEO,
            rtp_time: 90_000,
            sender_clock: 1_000_000
        }
    );
}

// ---- the receiver's side of a hop ----------------------------------------------------------------------------------

fn media(flow: FlowId, hop_seq: u16, len: usize) -> Bytes {
    let mut bytes = Vec::new();
    write_header(flow, hop_seq, &mut bytes);
    bytes.resize(bytes.len() + len, 7);
    bytes.into()
}

#[test]
//= MEDIA-025
fn a_gap_is_reported_at_once_and_not_more_often_than_each_5_ms() {
    let mut hop = Hop::new(at_ms(0), HopConfig::default());
    hop.open_in(at_ms(0), VIDEO, 0);
    let mut reports = Vec::new();
    let mut now = at_ms(100);
    let mut hop_seq = 0;
    // A packet each millisecond; from 200 to 300 ms every second one is lost.
    while now < at_ms(400) {
        hop_seq += if (at_ms(200)..at_ms(300)).contains(&now) {
            2
        } else {
            1
        };
        hop.receive(now, (now, Ecn::NotEct), &media(VIDEO, hop_seq, 100));
        hop.handle(now);
        reports.extend(drain(&mut hop).iter().map(|_| now));
        now = now.after(MS);
    }
    let spans: Vec<_> = reports
        .windows(2)
        .map(|pair| (pair[0], pair[1].since(pair[0])))
        .collect();
    assert!(spans.iter().all(|(_, span)| *span >= 5 * MS), "{spans:?}");
    let calm = spans
        .iter()
        .filter(|(at, _)| *at < at_ms(170) || *at > at_ms(330));
    assert!(calm.clone().count() >= 4);
    assert!(calm.clone().all(|(_, span)| *span == 25 * MS), "{spans:?}");
    assert!(reports.contains(&at_ms(200)), "{reports:?}");
}

#[test]
fn an_idle_hop_has_no_deadline() {
    let mut hop = Hop::new(at_ms(0), HopConfig::default());
    hop.open_in(at_ms(0), VIDEO, 0);
    assert_eq!(hop.deadline(), None);
    hop.receive(at_ms(10), (at_ms(10), Ecn::NotEct), &media(VIDEO, 1, 10));
    hop.receive(at_ms(10), (at_ms(10), Ecn::NotEct), &media(VIDEO, 3, 10));
    let mut reports = 0;
    while let Some(deadline) = hop.deadline() {
        hop.handle(deadline.at);
        reports += drain(&mut hop).len();
        assert!(reports < 5);
    }
    assert_eq!(
        reports, 2,
        "a gap is reported twice, in case that one report is lost"
    );
}

#[test]
fn large_feedback_is_split_by_flow() {
    let now = at_ms(0);
    let mut hop = Hop::new(now, HopConfig::default());
    for flow in 1..=32 {
        hop.open_in(now, FlowId(flow), 0);
        for hop_seq in 0..70 {
            hop.receive(now, (now, Ecn::NotEct), &media(FlowId(flow), hop_seq, 10));
        }
    }
    hop.handle(at_ms(50));
    let sent = drain(&mut hop);
    let mut flows = Vec::new();
    for bytes in &sent {
        let Ok(Datagram::Control(Control::Feedback(feedback))) = Datagram::read(bytes) else {
            panic!()
        };
        for block in feedback.blocks() {
            assert_eq!(block.reports().count(), 64);
            flows.push(block.flow.0);
        }
    }
    assert_eq!(flows, (1..=32).collect::<Vec<_>>());
    assert_eq!(sent.len(), 4);
}

#[test]
//= MEDIA-031
fn a_flow_over_its_rate_is_cut() {
    let mut hop = Hop::new(at_ms(0), HopConfig::default());
    hop.open_in(at_ms(0), VIDEO, 500_000);
    // 8 Mb/s for ten seconds; 1 Mb/s and one burst may pass.
    let delivered: usize = (0..10_000_u64)
        .filter(|i| {
            let now = at_ms(*i);
            let received = hop.receive(now, (now, Ecn::NotEct), &media(VIDEO, *i as u16, 1_000));
            matches!(received, Received::Payload { .. })
        })
        .count();
    assert!((1_250..1_500).contains(&delivered), "{delivered}");
    assert_eq!(
        hop.stats().incoming[0].1.over_rate as usize,
        10_000 - delivered
    );
    assert_eq!(
        hop.receive(at_ms(1), (at_ms(1), Ecn::NotEct), &media(FlowId(4), 1, 10)),
        Received::Nothing
    );
    assert_eq!(hop.stats().unknown, 1);
}

// ---- the sender's side ---------------------------------------------------------------------------------------------

fn feedback(flow: FlowId, begin: u16, reports: &[Report], timestamp: u32) -> Bytes {
    let mut blocks = Vec::new();
    Block::append(&mut blocks, flow, begin, reports);
    let mut bytes = Vec::new();
    Control::Feedback(Feedback::new(&blocks, timestamp)).write(&mut bytes);
    bytes.into()
}

fn sending(rate: u64) -> Hop {
    let controller = FixedRate::factory(rate);
    let config = HopConfig {
        demand_needed: false,
        controller,
        ..HopConfig::default()
    };
    let mut hop = Hop::new(at_ms(0), config);
    hop.open_out(at_ms(0), VIDEO, false, 200 * MS, 1_000_000);
    hop.set_rtt(60 * MS);
    hop
}

/// A receiver that says of everything, again and again, that it is missing: repairs stay within the flow's bit rate.
#[test]
//= MEDIA-030
fn a_lying_receiver_gets_no_flood() {
    let mut hop = sending(100_000_000);
    hop.set_rtt(MS); // so near that the breaker takes all this for fair
    let got = Report::received(0, Duration::ZERO);
    let mut lie = vec![Report::MISSING; 500];
    lie.push(got);
    let mut bytes = 0;
    let mut last = 0_u16;
    for ms in 0..10_000 {
        let now = at_ms(ms);
        hop.send(now, VIDEO, vec![0; 125].into()); // 1 Mb/s
        hop.handle(now);
        for datagram in drain(&mut hop) {
            bytes += datagram.len();
            let Ok(Datagram::Media { hop_seq, .. }) = Datagram::read(&datagram) else {
                panic!()
            };
            last = hop_seq;
        }
        if ms % 20 == 0 {
            hop.receive(
                now,
                (now, Ecn::NotEct),
                &feedback(VIDEO, last.wrapping_sub(500), &lie, ms as u32 * 65),
            );
        }
    }
    // 10 s at 1 Mb/s, as much again for repairs, and a second's burst: 2.625 MB, and headers.
    assert!(bytes < 2_750_000, "{bytes}");
    let stats = hop.stats().outgoing[0].1;
    assert!(stats.repaired > 9_000 && stats.given_up > 0, "{stats:?}");
    assert_eq!(hop.tripped(), None);
}

#[test]
fn feedback_for_what_was_never_sent_changes_nothing() {
    let mut hop = sending(1_000_000);
    hop.send(at_ms(0), VIDEO, Bytes::from_static(b"one"));
    hop.handle(at_ms(0));
    drain(&mut hop);
    let before = hop.stats().outgoing[0].1;
    let all = vec![Report::received(3, Duration::ZERO); 500];
    for begin in [1, 100, 40_000, 65_000_u16] {
        hop.receive(
            at_ms(1),
            (at_ms(1), Ecn::NotEct),
            &feedback(VIDEO, begin, &all, begin.into()),
        );
    }
    let after = hop.stats().outgoing[0].1;
    assert_eq!(before.acknowledged, 0);
    // 65,000 and the 499 after it do not reach 65,536.
    assert_eq!(before, after);
    hop.receive(
        at_ms(1),
        (at_ms(1), Ecn::NotEct),
        &feedback(FlowId(77), 0, &all, 0),
    );
    assert_eq!(hop.stats().unknown, 1);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut out = OutFlow::new(at_ms(0), Duration::from_secs(60), 0);
    for i in 0..10_000_u64 {
        out.record(Instant::from_micros(i), vec![0; 100].into(), None);
        assert!(out.kept() <= MAX_KEPT_PACKETS);
    }
    assert_eq!(out.in_flight(), out.kept() * 100);
    out.age(at_ms(120_000));
    assert_eq!((out.kept(), out.in_flight()), (0, 0));
}

#[test]
fn a_loss_that_cannot_be_made_up_in_time_is_given_up() {
    let mut hop = sending(10_000_000);
    for _ in 0..2 {
        hop.send(at_ms(0), VIDEO, vec![0; 100].into());
    }
    hop.handle(at_ms(0));
    assert_eq!(drain(&mut hop).len(), 2);
    let rows = [Report::MISSING, Report::received(0, Duration::ZERO)];
    // Useful for 200 ms, and it takes 30 ms to get there.
    hop.receive(
        at_ms(171),
        (at_ms(171), Ecn::NotEct),
        &feedback(VIDEO, 0, &rows, 0),
    );
    hop.handle(at_ms(171));
    assert!(drain(&mut hop).is_empty());
    let stats = hop.stats().outgoing[0].1;
    assert_eq!((stats.lost, stats.given_up, stats.repaired), (1, 1, 0));
}

/// The repair is lost as well: its own number shows that, and it is repaired in turn, but not before a round trip.
#[test]
//= MEDIA-029
fn a_lost_repair_is_repaired() {
    let mut hop = sending(10_000_000);
    for _ in 0..2 {
        hop.send(at_ms(0), VIDEO, vec![0; 100].into());
    }
    hop.handle(at_ms(0));
    drain(&mut hop);
    let got = Report::received(0, Duration::ZERO);
    hop.receive(
        at_ms(30),
        (at_ms(30), Ecn::NotEct),
        &feedback(VIDEO, 0, &[Report::MISSING, got], 0),
    );
    hop.handle(at_ms(30));
    assert_eq!(drain(&mut hop), [media_zeros(2, 100)]);
    hop.send(at_ms(33), VIDEO, vec![0; 50].into());
    hop.handle(at_ms(33));
    assert_eq!(drain(&mut hop), [media_zeros(3, 50)]);
    let rows = [Report::MISSING, got, Report::MISSING, got];
    hop.receive(
        at_ms(40),
        (at_ms(40), Ecn::NotEct),
        &feedback(VIDEO, 0, &rows, 1),
    );
    hop.handle(at_ms(40));
    assert!(drain(&mut hop).is_empty(), "no round trip has passed");
    hop.receive(
        at_ms(95),
        (at_ms(95), Ecn::NotEct),
        &feedback(VIDEO, 0, &rows, 2),
    );
    hop.handle(at_ms(95));
    assert_eq!(drain(&mut hop), [media_zeros(4, 100)]);
}

fn media_zeros(hop_seq: u16, len: usize) -> Bytes {
    let mut bytes = Vec::new();
    write_header(VIDEO, hop_seq, &mut bytes);
    bytes.resize(bytes.len() + len, 0);
    bytes.into()
}

// ---- pacer ---------------------------------------------------------------------------------------------------------

fn queued(class: Class, expires: Instant) -> Queued {
    Queued {
        flow: VIDEO,
        class,
        payload: vec![0; 1_000].into(),
        expires,
        first_sent: None,
    }
}

#[test]
fn pacer_keeps_priorities_and_rate() {
    // 800 kb/s: a packet of 1,000 bytes each 10 ms, two at once.
    let mut pacer = Pacer::new(at_ms(0), 800_000, 2_000);
    let classes = [
        Class::Video,
        Class::VideoRepair,
        Class::AudioRepair,
        Class::Audio,
        Class::Video,
    ];
    for class in classes {
        assert_eq!(pacer.push(queued(class, at_ms(9_999))), None);
    }
    let mut left = Vec::new();
    let mut now = at_ms(0);
    loop {
        while let Some(packet) = pacer.release(now) {
            left.push((now, packet.class));
        }
        let Some(next) = pacer.deadline() else { break };
        assert!(next > now);
        now = next;
    }
    let expected = [
        (at_ms(0), Class::Audio),
        (at_ms(0), Class::AudioRepair),
        (at_ms(10), Class::VideoRepair),
        (at_ms(20), Class::Video),
        (at_ms(30), Class::Video),
    ];
    assert_eq!(left, expected);
    // A long silence saves up for two packets, not for more.
    (0..5).for_each(|_| _ = pacer.push(queued(Class::Video, at_ms(99_999))));
    assert_eq!(
        std::iter::from_fn(|| pacer.release(at_ms(60_000))).count(),
        2
    );
}

#[test]
fn pacer_drops_what_comes_too_late_and_the_oldest_of_too_many() {
    let mut pacer = Pacer::new(at_ms(0), 800_000, 1_000);
    for i in 0..5 {
        pacer.push(queued(Class::Video, at_ms(10 + i)));
    }
    let expired: Vec<_> = std::iter::from_fn(|| pacer.expire(at_ms(12)))
        .map(|p| p.expires)
        .collect();
    assert_eq!(expired, [at_ms(10), at_ms(11), at_ms(12)]);
    assert_eq!(
        pacer.release(at_ms(12)).map(|packet| packet.expires),
        Some(at_ms(13))
    );
    pacer.clear();
    for i in 0..MAX_KEPT_PACKETS as u64 {
        assert_eq!(pacer.push(queued(Class::Video, at_ms(100 + i))), None);
    }
    let displaced = pacer.push(queued(Class::Video, at_ms(9_999)));
    assert_eq!(displaced.map(|packet| packet.expires), Some(at_ms(100)));
    assert_eq!(pacer.len(), MAX_KEPT_PACKETS);
}

/// Four times the rate comes in: what leaves is never older than 60 ms, and the rest is counted.
#[test]
//= MEDIA-032
fn a_bounded_queue_drops_the_oldest() {
    let controller = FixedRate::factory(200_000); // paced at 400 kb/s
    let max_queue = Some(60 * MS);
    let config = HopConfig {
        demand_needed: false,
        max_queue,
        controller,
        ..HopConfig::default()
    };
    let mut hop = Hop::new(at_ms(0), config);
    hop.open_out(at_ms(0), VIDEO, false, 500 * MS, 0);
    let mut left = 0_u64;
    for ms in 0..2_000_u64 {
        if ms % 5 == 0 {
            let mut payload = vec![0; 1_000];
            payload[..8].copy_from_slice(&ms.to_be_bytes());
            hop.send(at_ms(ms), VIDEO, payload.into());
        }
        hop.handle(at_ms(ms));
        for datagram in drain(&mut hop) {
            let Ok(Datagram::Media { payload, .. }) = Datagram::read(&datagram) else {
                panic!()
            };
            let sent = u64::from_be_bytes(payload[..8].try_into().unwrap());
            assert!(ms - sent < 60, "{sent} left at {ms}");
            left += 1;
        }
    }
    assert!((98..=104).contains(&left), "{left}");
    let stats = hop.stats().outgoing[0].1;
    assert!(stats.expired + left + 20 >= 400, "{stats:?}");
}

/// A controller whose window is two packets.
#[derive(Debug)]
struct Windowed;

impl Controller for Windowed {
    fn on_sent(&mut self, _: Instant, _: usize) {}
    fn on_feedback(&mut self, _: Instant, _: &[PacketReport], _: Duration) {}
    fn target_bitrate(&self) -> u64 {
        1_000_000
    }
    fn pacing_rate(&self) -> u64 {
        1_000_000_000
    }
    fn window(&self) -> usize {
        2_000
    }
}

#[test]
fn a_full_window_holds_until_feedback_or_age() {
    let controller: ControllerFactory = std::sync::Arc::new(|| Box::new(Windowed));
    let config = HopConfig {
        demand_needed: false,
        controller,
        burst: 10_000,
        ..HopConfig::default()
    };
    let mut hop = Hop::new(at_ms(0), config);
    hop.open_out(at_ms(0), VIDEO, false, Duration::from_secs(5), 0);
    for _ in 0..5 {
        hop.send(at_ms(0), VIDEO, vec![0; 1_000].into());
    }
    hop.handle(at_ms(0));
    assert_eq!(drain(&mut hop).len(), 2);
    let got = Report::received(0, Duration::ZERO);
    hop.receive(
        at_ms(30),
        (at_ms(30), Ecn::NotEct),
        &feedback(VIDEO, 0, &[got], 0),
    );
    hop.handle(at_ms(30));
    assert_eq!(drain(&mut hop).len(), 1);
    let wake = hop.deadline().unwrap().at;
    assert!(wake > at_ms(4_900), "{wake:?}");
    hop.send(wake.before(MS), VIDEO, vec![0; 1_000].into());
    hop.handle(wake.before(MS));
    assert_eq!(drain(&mut hop).len(), 0);
    hop.handle(wake);
    assert_eq!(
        drain(&mut hop).len(),
        1,
        "what nobody reported on does not count for ever"
    );
}

// ---- breaker -------------------------------------------------------------------------------------------------------

/// Sends at `kbps` and reports each 25 ms; `lost` says which packets are lost.
fn break_it(
    kbps: u64,
    rtt_ms: u32,
    seconds: u64,
    mut lost: impl FnMut(u64) -> bool,
) -> Option<Tripped> {
    let mut breaker = Breaker::new(at_ms(0));
    let gap = 1_000 * 8 * 1_000 / kbps; // µs between packets of 1,000 bytes
    let mut reports = Vec::new();
    let mut next_report = at_ms(25);
    for i in 0..seconds * 1_000_000 / gap {
        let now = Instant::from_micros(i * gap);
        breaker.on_sent(now, 1_000);
        let received = !lost(i);
        reports.push(PacketReport {
            sent_at: now,
            bytes: 1_000,
            received,
            arrived: received.then_some(now),
            ce: false,
        });
        if now >= next_report {
            breaker.on_feedback(now, &reports, MS * rtt_ms);
            reports.clear();
            next_report = now.after(25 * MS);
        }
    }
    breaker.tripped()
}

#[test]
fn breaker_holds_at_five_percent() {
    let mut random = Lcg(9);
    assert_eq!(break_it(800, 60, 60, |_| random.chance(50)), None);
    assert_eq!(break_it(5_000, 60, 10, |_| false), None);
}

#[test]
//= MEDIA-033
fn breaker_trips_on_congestion() {
    // TCP at 20 % and 60 ms: 365 kb/s; ten times that is less than 5 Mb/s and more than 3.
    assert_eq!(
        break_it(5_000, 60, 3, |i| i % 5 == 0),
        Some(Tripped::Congestion)
    );
    assert_eq!(break_it(3_000, 60, 20, |i| i % 5 == 0), None);
    // Not before three intervals of 500 ms.
    assert_eq!(break_it(5_000, 60, 1, |i| i % 5 == 0), None);
    // Nor by two of them with a good one in between.
    assert_eq!(
        break_it(5_000, 60, 20, |i| i % 5 == 0 && (i / 312) % 3 != 0),
        None
    );
}

#[test]
fn breaker_trips_without_feedback() {
    let mut breaker = Breaker::new(at_ms(0));
    for i in 0..499 {
        breaker.on_sent(at_ms(i * 10), 1_000);
    }
    assert_eq!(breaker.tripped(), None);
    breaker.on_sent(at_ms(5_000), 1_000);
    assert_eq!(breaker.tripped(), Some(Tripped::FeedbackTimeout));
    // A packet now and then is not enough.
    let mut breaker = Breaker::new(at_ms(0));
    (0..100).for_each(|i| breaker.on_sent(at_ms(i * 1_500), 100));
    assert_eq!(breaker.tripped(), None);
}

#[test]
fn breaker_trips_when_nothing_arrives() {
    assert_eq!(
        break_it(800, 60, 6, |i| i >= 50),
        Some(Tripped::MediaTimeout)
    );
    assert_eq!(break_it(800, 60, 6, |i| i >= 50 && i % 400 != 0), None);
}

#[test]
fn a_tripped_hop_stops_media_says_so_once_and_still_talks() {
    let mut hop = sending(1_000_000);
    hop.open_in(at_ms(0), FlowId(5), 0);
    let mut now = at_ms(0);
    while hop.tripped().is_none() {
        hop.send(now, VIDEO, vec![0; 100].into());
        hop.handle(now);
        drain(&mut hop);
        now = now.after(10 * MS);
        assert!(now < at_ms(10_000));
    }
    assert_eq!(
        hop.poll_event(),
        Some(HopEvent::Tripped(Tripped::FeedbackTimeout))
    );
    assert!(!hop.send(now, VIDEO, vec![0; 100].into()));
    let got = [Report::received(0, Duration::ZERO)];
    hop.receive(now, (now, Ecn::NotEct), &feedback(VIDEO, 0, &got, 0));
    hop.handle(now);
    assert_eq!(hop.poll_event(), None);
    assert!(drain(&mut hop).is_empty());
    assert!(hop.request_keyframe(now, FlowId(5)));
    assert_eq!(drain(&mut hop).len(), 1);
    hop.reconnected(now);
    assert!(hop.send(now, VIDEO, vec![0; 100].into()));
}

// ---- playout -------------------------------------------------------------------------------------------------------

fn play_all(playout: &mut Playout, until: Instant) -> Vec<(Instant, u16, u16)> {
    let mut played = Vec::new();
    while let Some(deadline) = playout.deadline().filter(|deadline| deadline.at <= until) {
        let packet = playout.pop_due(deadline.at).unwrap();
        let sequence = RtpHeader::parse(&packet.rtp).unwrap().sequence();
        played.push((packet.due, sequence, packet.lost_before));
    }
    played
}

/// Jitter of up to 40 ms, reordering, duplicates, the sequence number and the timestamp both wrap: each packet is
/// played 100 ms after the arrival that the fastest path would have given it, in order.
#[test]
fn playout_delay_is_constant() {
    let mut random = Lcg(3);
    let mut playout = Playout::new(90_000, 100 * MS);
    let mut arrivals = Vec::new();
    for i in 0..2_000_u64 {
        let sequence = (65_000 + i) as u16;
        let timestamp = (u32::MAX - 900_000).wrapping_add(i as u32 * 1_800); // 20 ms
        let jitter = if i == 0 { 0 } else { random.next() % 40_000 };
        let at = Instant::from_micros(1_000_000 + i * 20_000 + jitter);
        arrivals.push((at, rtp(sequence, timestamp, 1, b"x")));
        if random.chance(100) {
            arrivals.push((at.after(3 * MS), rtp(sequence, timestamp, 1, b"x")));
        }
    }
    arrivals.sort_by_key(|(at, _)| *at);
    let duplicates = arrivals.len() as u64 - 2_000;
    let mut played = Vec::new();
    for (at, packet) in arrivals {
        played.extend(play_all(&mut playout, at));
        playout.insert(at, packet);
    }
    played.extend(play_all(&mut playout, at_ms(100_000)));
    assert_eq!(played.len(), 2_000);
    for (i, (due, sequence, lost)) in played.iter().enumerate() {
        assert_eq!((*sequence, *lost), ((65_000 + i) as u16, 0));
        let ideal = 1_100_000 + i as u64 * 20_000;
        // The first packet met no jitter; later windows know the fastest path as well as their fastest packet.
        assert!(
            (ideal..ideal + 1_000).contains(&due.as_micros()),
            "{i}: {due:?} against {ideal}"
        );
    }
    assert!(duplicates > 100);
    assert_eq!(playout.stats().duplicates, duplicates);
    assert_eq!((playout.stats().lost, playout.stats().late), (0, 0));
}

#[test]
//= MEDIA-034
fn playout_skips_what_is_missing_and_refuses_what_is_late() {
    let mut playout = Playout::new(1_000, 50 * MS);
    for i in [0_u16, 1, 4] {
        assert_eq!(
            playout.insert(at_ms(i as u64 * 10), rtp(i, i as u32 * 10, 1, b"x")),
            Inserted::Held
        );
    }
    assert_eq!(
        playout.insert(at_ms(41), rtp(1, 10, 1, b"x")),
        Inserted::Duplicate
    );
    assert_eq!(playout.pop_due(at_ms(49)), None);
    let played = play_all(&mut playout, at_ms(1_000));
    assert_eq!(
        played,
        [(at_ms(50), 0, 0), (at_ms(60), 1, 0), (at_ms(90), 4, 2)]
    );
    assert_eq!(
        playout.insert(at_ms(100), rtp(3, 30, 1, b"x")),
        Inserted::Late
    );
    assert_eq!(
        playout.insert(at_ms(100), rtp(4, 40, 1, b"x")),
        Inserted::Duplicate
    );
    assert_eq!(
        playout.insert(at_ms(100), rtp(0, 0, 1, b"x")),
        Inserted::Duplicate
    );
    let stats = playout.stats();
    assert_eq!(
        (stats.played, stats.lost, stats.late, stats.duplicates),
        (3, 2, 1, 3)
    );
    assert_eq!(
        playout.insert(at_ms(100), Bytes::from_static(b"not RTP")),
        Inserted::Malformed
    );
}

/// The sender's clock is 100 ppm slow: over an hour that is 360 ms, more than the delay, and nothing comes late.
#[test]
fn playout_follows_the_drift_of_clocks() {
    let mut playout = Playout::new(48_000, 60 * MS);
    let mut waited = Vec::new();
    for i in 0..180_000_u64 {
        let at = Instant::from_micros(1_000_000 + i * 20_000 + i * 2);
        playout.insert(at, rtp(i as u16, (i as u32).wrapping_mul(960), 1, b"x"));
        let due = playout.deadline().unwrap().at;
        waited.push(due.since(at));
        assert_eq!(playout.pop_due(due).unwrap().lost_before, 0);
    }
    let (least, most) = (waited.iter().min().unwrap(), waited.iter().max().unwrap());
    assert!(
        *least >= 57 * MS && *most <= 61 * MS,
        "{least:?} to {most:?}"
    );
}

#[test]
fn playout_starts_over_after_a_jump_but_not_for_one_stray() {
    for (sequence, timestamp, ssrc) in [
        (40_000, 20_000_u32, 1),
        (20, 900_000_000, 1),
        (20, 20_000, 2),
    ] {
        let mut playout = Playout::new(1_000, 50 * MS);
        for i in 0..10_u16 {
            playout.insert(at_ms(i as u64 * 10), rtp(i, i as u32 * 10, 1, b"x"));
        }
        play_all(&mut playout, at_ms(500));
        assert_eq!(
            playout.insert(at_ms(100), rtp(sequence, timestamp, ssrc, b"x")),
            Inserted::Suspect
        );
        assert_eq!(
            playout.insert(at_ms(100), rtp(10, 100, 1, b"x")),
            Inserted::Held,
            "the stream goes on"
        );
        assert_eq!(
            playout.insert(at_ms(110), rtp(sequence, timestamp, ssrc, b"x")),
            Inserted::Suspect
        );
        let next = rtp(
            sequence.wrapping_add(1),
            timestamp.wrapping_add(10),
            ssrc,
            b"x",
        );
        assert_eq!(playout.insert(at_ms(120), next), Inserted::Restarted);
        let played = play_all(&mut playout, at_ms(1_000));
        assert_eq!(played, [(at_ms(170), sequence.wrapping_add(1), 0)]);
    }
}

#[test]
fn playout_holds_no_more_than_its_bound() {
    let mut playout = Playout::new(90_000, Duration::from_secs(3_600));
    for i in 0..10_000_u32 {
        playout.insert(at_ms(i as u64), rtp(i as u16, i * 90, 1, b"x"));
        assert!(playout.len() <= 2_048);
    }
    assert_eq!(playout.stats().dropped, 10_000 - 2_048);
}
