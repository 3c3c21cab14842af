//! Translation of addresses within payloads.

use std::net::{IpAddr, SocketAddr};

use crate::net::datagram::{Content, Datagram};

/// Replaces an IPv4 address, as four bytes or as text, wherever a payload has it, and it fits.
///
/// So does a generic ALG, which is why STUN has XOR-MAPPED-ADDRESS (RFC 8489 §14.2). Text is replaced only by text of
/// the same length, so that lengths and sequence numbers hold. An encrypted payload has an address by accident only.
pub(super) fn translate(datagram: &mut Datagram, from: SocketAddr, to: SocketAddr) {
    let (IpAddr::V4(from), IpAddr::V4(to)) = (from.ip(), to.ip()) else {
        return;
    };
    if let Content::Bytes(bytes) = &mut datagram.content {
        replace(bytes, &from.octets(), &to.octets());
        replace(
            bytes,
            from.to_string().as_bytes(),
            to.to_string().as_bytes(),
        );
    }
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    if from.len() != to.len() {
        return;
    }
    let mut at = 0;
    while at + from.len() <= bytes.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            at += to.len();
        } else {
            at += 1;
        }
    }
}
