//! What was inside of packets: Wireshark's exported PDUs.

use std::net::{IpAddr, SocketAddr};

use crate::time::Time;

/// Tags (Wireshark's `wsutil/exported_pdu_tlvs.h`): two bytes of tag, two of length, the value; big-endian.
const END: u16 = 0;
const DISSECTOR: u16 = 12;
const IPV4: [u16; 2] = [20, 21];
const IPV6: [u16; 2] = [22, 23];
const PORT_TYPE: u16 = 24;
const PORTS: [u16; 2] = [25, 26];

/// The port type of UDP, which is what QUIC's ports are.
const UDP: u32 = 3;

/// A message above the transport, for a dissector that is named: `duet` for bytes of a control stream, `duet_media` for
/// a media datagram (`spec/duet.lua`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// When.
    pub at: Time,
    /// From whom.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// The dissector's name in Wireshark.
    pub dissector: &'static str,
    /// The message.
    pub bytes: Vec<u8>,
}

impl Pdu {
    /// The tags, and the message behind them.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.bytes.len());
        tag(&mut out, DISSECTOR, self.dissector.as_bytes());
        for (index, address) in [self.source, self.destination].into_iter().enumerate() {
            match address.ip() {
                IpAddr::V4(ip) => tag(&mut out, IPV4[index], &ip.octets()),
                IpAddr::V6(ip) => tag(&mut out, IPV6[index], &ip.octets()),
            }
        }
        tag(&mut out, PORT_TYPE, &UDP.to_be_bytes());
        for (index, address) in [self.source, self.destination].into_iter().enumerate() {
            let port = u32::from(address.port());
            tag(&mut out, PORTS[index], &port.to_be_bytes());
        }
        tag(&mut out, END, &[]);
        out.extend_from_slice(&self.bytes);
        out
    }
}

/// A value is padded to words with zeros, which its length includes.
fn tag(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    let len = value.len().next_multiple_of(4);
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&(len as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len() + len - value.len(), 0);
}
