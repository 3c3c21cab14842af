//! A hop between two ends, of which one is the input's: RTP of any kind goes out, is repaired and played, while feedback,
//! demands and packets of any kind come in.
//!
//! An input is a sequence of `op u8 · arguments`.

use std::time::Duration;

use bytes::Bytes;
use duet_protocol::id::FlowId;
use duet_protocol::limits::{MAX_DATAGRAM, MAX_KEPT_PACKETS, MAX_RTP};
use duet_protocol::media::{Hop, HopConfig, Playout, Received, RtpHeader};
use duet_protocol::time::Instant;

use crate::datagrams::ecn_of;
use crate::draw::Draw;

const OUT: FlowId = FlowId(1);
const IN: FlowId = FlowId(2);

/// Plays an input.
pub fn run(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut now = Instant::from_micros(1_000_000);
    let useful = Duration::from_millis(u64::from(draw.byte()) * 4);
    let mut hop = Hop::new(now, HopConfig::default());
    hop.open_out(now, OUT, draw.byte() & 1 == 1, useful, 1_000_000);
    hop.open_in(now, IN, u32::from(draw.byte()) * 10_000);
    let clock_rate = match draw.byte() {
        0 => 90_000,
        1 => 0,
        2 => u32::MAX,
        _ => u32::from_be_bytes(draw.array()),
    };
    let mut playout = Playout::new(clock_rate, Duration::from_millis(u64::from(draw.byte())));
    let mut buffer = Vec::new();
    while !draw.is_empty() {
        match draw.below(8) {
            0 => {
                let length = draw.below(48);
                let packet = Bytes::copy_from_slice(draw.bytes(length));
                header(&packet);
                hop.send(now, OUT, packet);
            }
            1 => {
                let length = usize::from(u16::from_be_bytes(draw.array())) % (MAX_DATAGRAM + 2);
                let datagram = Bytes::copy_from_slice(draw.bytes(length));
                take(&mut hop, &mut playout, now, &datagram);
            }
            2 => {
                // A packet of the incoming flow: its number, and RTP whose numbers are the input's.
                let mut datagram = vec![IN.0 as u8];
                datagram.extend_from_slice(draw.bytes(2));
                datagram.extend_from_slice(&[0x80, 96]);
                datagram.extend_from_slice(draw.bytes(10));
                datagram.push(1);
                take(&mut hop, &mut playout, now, &Bytes::from(datagram));
            }
            3 => {
                // Feedback about the outgoing flow.
                let mut datagram = vec![0, 1];
                datagram.extend_from_slice(&OUT.0.to_be_bytes());
                datagram.extend_from_slice(&draw.array::<2>());
                let count = draw.below(64) as u16;
                datagram.extend_from_slice(&count.to_be_bytes());
                for _ in 0..count + count % 2 {
                    datagram.extend_from_slice(&draw.array::<2>());
                }
                datagram.extend_from_slice(&draw.array::<4>());
                take(&mut hop, &mut playout, now, &Bytes::from(datagram));
            }
            4 => hop.demand(now, IN, draw.byte() & 1 == 1, u32::from(draw.byte())),
            5 => hop.set_rtt(Duration::from_micros(u64::from(u32::from_be_bytes(
                draw.array(),
            )))),
            6 => {
                now = now.after(Duration::from_micros(u64::from(u16::from_be_bytes(
                    draw.array(),
                ))));
            }
            _ => {
                if let Some(deadline) = hop.deadline() {
                    now = now.max(deadline.at);
                }
            }
        }
        hop.handle(now);
        while hop.next_datagram(&mut buffer) {
            assert!(buffer.len() <= MAX_DATAGRAM, "{} bytes", buffer.len());
        }
        while hop.poll_event().is_some() {}
        while playout.pop_due(now).is_some() {}
        hop.handle(now);
        let late = hop.deadline().filter(|deadline| deadline.at <= now);
        assert_eq!(late, None, "it would be woken for ever");
        let late = playout.deadline().filter(|deadline| deadline.at <= now);
        assert_eq!(late, None, "what is due was not played");
        for (_, stats) in hop.stats().outgoing {
            assert!(stats.acknowledged + stats.lost <= stats.sent + stats.late);
        }
    }
    const { assert!(MAX_KEPT_PACKETS < 65_536 / 2, "a number names one packet") };
}

fn take(hop: &mut Hop, playout: &mut Playout, now: Instant, datagram: &Bytes) {
    if let Received::Payload { payload, .. } = hop.receive(now, (now, ecn_of(datagram)), datagram) {
        assert!(payload.len() < datagram.len());
        header(&payload);
        playout.insert(now, payload);
    }
}

/// What an RTP header says lies within the packet.
fn header(packet: &[u8]) {
    if let Ok(header) = RtpHeader::parse(packet) {
        assert_eq!(packet.get(header.payload_range()), Some(header.payload()));
        assert!(packet.len() >= 12 && MAX_RTP > 12);
    }
}
