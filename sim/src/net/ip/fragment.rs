//! Making fragments (RFC 791 §3.2).

use bytes::BytesMut;

use super::{DO_NOT, MORE, header, header_length, sum, word};
use crate::net::datagram::{Content, Datagram};

/// Whether it is an IPv4 packet that may be fragmented. Datagrams of models may not, as RFC 9000 §14 wants it.
pub(in crate::net) fn may_fragment(datagram: &Datagram) -> bool {
    let Content::Packet(packet) = &datagram.content else {
        return false;
    };
    let is_ipv4 = header(packet).is_some_and(|header| header.source.is_ipv4());
    is_ipv4 && word(packet, 6).is_some_and(|place| place & DO_NOT == 0)
}

/// The fragments of at most `mtu` bytes of a packet that may be fragmented, itself perhaps a fragment, in order. Options
/// are in all of them. Nothing, if not even eight bytes fit.
pub(in crate::net) fn split(datagram: Datagram, mtu: usize) -> Vec<Datagram> {
    let class = datagram.class;
    let Some(packet) = datagram.into_packet() else {
        return Vec::new();
    };
    let Some(whole) = header(&packet) else {
        return Vec::new();
    };
    let length = header_length(&packet);
    let step = mtu.saturating_sub(length) / 8 * 8;
    if step == 0 {
        return Vec::new();
    }
    let (head, payload) = packet[..whole.end].split_at(length);
    let parts = payload.chunks(step).enumerate().map(|(index, part)| {
        let begins = index * step;
        let is_last = begins + part.len() == payload.len();
        let more = if is_last && !whole.more { 0 } else { MORE };
        let place = ((whole.offset + begins) / 8) as u16 | more;
        let mut bytes = BytesMut::with_capacity(length + part.len());
        bytes.extend_from_slice(head);
        bytes[2..4].copy_from_slice(&((length + part.len()) as u16).to_be_bytes());
        bytes[6..8].copy_from_slice(&place.to_be_bytes());
        bytes[10..12].copy_from_slice(&[0, 0]);
        let checksum = !sum(&bytes);
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        bytes.extend_from_slice(part);
        bytes
    });
    let datagrams = parts.filter_map(Datagram::of_packet);
    datagrams
        .map(|datagram| Datagram { class, ..datagram })
        .collect()
}
