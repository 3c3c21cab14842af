//! ICMP errors about translated packets (RFC 4787 §9, RFC 5508).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Nat;
use super::config::IcmpPolicy;
use crate::net::datagram::Datagram;
use crate::net::passage::{Refusal, Side};
use crate::net::protocol::Protocol;
use crate::time::Time;

/// An ICMP error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// Who sends it: any router on the way, or the receiver of the packet.
    pub source: IpAddr,
    /// To whom: the sender of the packet.
    pub destination: IpAddr,
    /// What was wrong.
    pub kind: IcmpKind,
    /// The packet that it is about.
    pub quoted: Quoted,
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpKind {
    /// Host or port is unreachable (type 3, codes 0 to 3).
    Unreachable,
    /// The packet is larger than this many bytes and must not be fragmented (type 3, code 4; RFC 1191).
    TooBig {
        /// The largest packet that fits, in bytes with IP header.
        mtu: usize,
    },
}

/// What an ICMP error quotes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The packet's source.
    pub source: SocketAddr,
    /// The packet's destination.
    pub destination: SocketAddr,
}

impl Quoted {
    /// What is quoted of a datagram.
    pub fn of(datagram: &Datagram) -> Quoted {
        Quoted {
            protocol: Protocol::of(datagram),
            source: datagram.source,
            destination: datagram.destination,
        }
    }
}

impl Icmp {
    /// What a NAT tells the sender of a packet that does not fit outside (REQ-13).
    pub(super) fn too_big(external: &[Ipv4Addr], mtu: usize, datagram: &Datagram) -> Icmp {
        let source = external.first().copied();
        Icmp {
            source: IpAddr::V4(source.unwrap_or(Ipv4Addr::UNSPECIFIED)),
            destination: datagram.source.ip(),
            kind: IcmpKind::TooBig { mtu },
            quoted: Quoted::of(datagram),
        }
    }
}

impl Nat {
    /// What it does with an ICMP error that comes from `side`: the side on which it leaves, and the error translated.
    ///
    /// Who sends it does not matter (REQ-12a); what matters is that the packet quoted is of a mapping. No timer starts
    /// again.
    ///
    /// # Errors
    ///
    /// Why it is dropped.
    pub fn pass_icmp(
        &mut self,
        now: Time,
        side: Side,
        mut icmp: Icmp,
    ) -> Result<(Side, Icmp), Refusal> {
        if now < self.down_until {
            return Err(Refusal::NatDown);
        }
        if self.config.icmp == IcmpPolicy::Drop {
            return Err(Refusal::NatIcmp);
        }
        self.table.expire(now);
        let quoted = icmp.quoted;
        let id = match side {
            Side::Outside => {
                self.table
                    .inbound(now, quoted.protocol, quoted.source, quoted.destination)?
            }
            Side::Inside => self
                .table
                .outbound(
                    &self.config,
                    quoted.protocol,
                    quoted.destination,
                    quoted.source,
                )
                .ok_or(Refusal::NatNoMapping)?,
        };
        let endpoints = self.table.endpoints(id);
        let (inside, external) = endpoints.ok_or(Refusal::NatNoMapping)?;
        match side {
            Side::Outside => {
                icmp.quoted.source = inside;
                icmp.destination = inside.ip();
            }
            Side::Inside => {
                icmp.quoted.destination = external;
                icmp.source = external.ip();
            }
        }
        if self.config.icmp == IcmpPolicy::Terminate {
            self.table.remove(id);
        }
        Ok((side.opposite(), icmp))
    }

    /// The ICMP error for the sender inside of the last datagram that was [too big](Refusal::NatTooBig); once.
    pub fn take_icmp(&mut self) -> Option<Icmp> {
        self.icmp.take()
    }
}
