//! Internet checksums (RFC 1071), and what becomes of them when what they cover changes (RFC 1624).

use super::{Header, ICMP, TCP, UDP};

/// The sum of words of 16 bits in one's complement (RFC 1071 §1): all ones over what has its right checksum in it.
pub(in crate::net) fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2);
    let mut total: u64 = words
        .map(|word| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0)))
        .sum();
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// Where a packet's checksums are.
pub(super) struct Sums {
    /// That of an IPv4 header.
    pub(super) ip: Option<usize>,
    /// That of UDP or TCP, which covers the addresses as well, or of an ICMP query, which does not.
    pub(super) transport: Option<usize>,
    /// Whether it is ICMP's.
    pub(super) icmp: bool,
    /// Whether it is UDP's, where zero means that there is none (RFC 768).
    pub(super) udp: bool,
}

impl Sums {
    pub(super) fn of(packet: &[u8], header: &Header) -> Sums {
        let field = match (header.protocol, header.payload) {
            (TCP, Some(at)) => Some(at + 16),
            (ICMP, Some(at)) if header.source.is_ipv4() => Some(at + 2),
            (UDP, Some(at)) if packet.get(at + 6..at + 8) != Some(&[0, 0]) => Some(at + 6),
            _ => None,
        };
        Sums {
            ip: header.source.is_ipv4().then_some(10),
            transport: field.filter(|at| packet.len() >= at + 2),
            icmp: header.protocol == ICMP,
            udp: header.protocol == UDP,
        }
    }

    /// Writes a word of two bytes, which lies in the IP header or behind it, and corrects the sums that cover it.
    pub(super) fn write(&self, packet: &mut [u8], at: usize, word: [u8; 2], in_ip: bool) {
        let Some(field) = packet.get_mut(at..at + 2) else {
            return;
        };
        let before = u16::from_be_bytes([field[0], field[1]]);
        field.copy_from_slice(&word);
        let after = u16::from_be_bytes(word);
        for (sum, never_zero) in [
            (self.ip.filter(|_| in_ip), false),
            (self.transport.filter(|_| !(in_ip && self.icmp)), self.udp),
        ] {
            if let Some(at) = sum
                && let Some(field) = packet.get_mut(at..at + 2)
            {
                let sum = updated(u16::from_be_bytes([field[0], field[1]]), before, after);
                let sum = if sum == 0 && never_zero {
                    u16::MAX
                } else {
                    sum
                };
                field.copy_from_slice(&sum.to_be_bytes());
            }
        }
    }
}

/// An Internet checksum after one of the words that it covers has changed (RFC 1624 §3, equation 3).
const fn updated(sum: u16, before: u16, after: u16) -> u16 {
    let mut total = !sum as u32 + !before as u32 + after as u32;
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}
