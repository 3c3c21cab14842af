//! RTP packets: plain as ours are, and with everything that is optional.

use std::hint::black_box;

use duet_protocol::media::RtpHeader;

use super::{COUNT, Seen, Set, row};
use crate::measure::Case;

pub(super) struct Packets {
    plain: Vec<Vec<u8>>,
    extended: Vec<Vec<u8>>,
}

fn packet(number: usize, extended: bool) -> Vec<u8> {
    let first = if extended { 0xb2 } else { 0x80 };
    let mut out = vec![first, 96 | ((number as u8 & 1) << 7)];
    out.extend_from_slice(&(number as u16 * 37).to_be_bytes());
    out.extend_from_slice(&(number as u32 * 3_000).to_be_bytes());
    out.extend_from_slice(&0x1234_5678_u32.to_be_bytes());
    if extended {
        out.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        out.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, number as u8, 0, 0]);
    }
    out.extend((0..1_000).map(|at| (at + number) as u8));
    if extended {
        out.extend_from_slice(&[0, 0, 3]);
    }
    out
}

impl Packets {
    pub(super) fn new() -> Self {
        Self {
            plain: (0..COUNT).map(|number| packet(number, false)).collect(),
            extended: (0..COUNT).map(|number| packet(number, true)).collect(),
        }
    }
}

#[inline(always)]
fn see(marker: bool, payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) {
    let mut seen = Seen::default();
    seen.number(marker.into());
    seen.number(payload_type.into());
    seen.number(sequence.into());
    seen.number(timestamp.into());
    seen.number(ssrc.into());
    seen.bytes(payload);
    seen.done();
}

fn ours(packets: &[Vec<u8>]) {
    for packet in packets {
        match RtpHeader::parse(black_box(&packet[..])) {
            Ok(rtp) => see(
                rtp.marker(),
                rtp.payload_type(),
                rtp.sequence(),
                rtp.timestamp(),
                rtp.ssrc(),
                rtp.payload(),
            ),
            Err(_) => unreachable!("every packet is good"),
        }
    }
}

fn rtp_rs(packets: &[Vec<u8>]) {
    for packet in packets {
        match rtp_rs::RtpReader::new(black_box(&packet[..])) {
            Ok(rtp) => see(
                rtp.mark(),
                rtp.payload_type(),
                rtp.sequence_number().into(),
                rtp.timestamp(),
                rtp.ssrc(),
                rtp.payload(),
            ),
            Err(_) => unreachable!("every packet is good"),
        }
    }
}

fn rtp_types(packets: &[Vec<u8>]) {
    for packet in packets {
        match rtp_types::RtpPacket::parse(black_box(&packet[..])) {
            Ok(rtp) => see(
                rtp.marker_bit(),
                rtp.payload_type(),
                rtp.sequence_number(),
                rtp.timestamp(),
                rtp.ssrc(),
                rtp.payload(),
            ),
            Err(_) => unreachable!("every packet is good"),
        }
    }
}

pub(super) fn rows() -> [Case<Set>; 6] {
    let note = "checked; getters read where the fields are";
    [
        row("rtp-rs", note, |set| rtp_rs(&set.rtp.plain)),
        row("rtp-types", note, |set| rtp_types(&set.rtp.plain)),
        row("duet rtp", note, |set| ours(&set.rtp.plain)),
        row("rtp-rs, extended", note, |set| rtp_rs(&set.rtp.extended)),
        row("rtp-types, extended", note, |set| {
            rtp_types(&set.rtp.extended)
        }),
        row("duet rtp, extended", note, |set| ours(&set.rtp.extended)),
    ]
}
