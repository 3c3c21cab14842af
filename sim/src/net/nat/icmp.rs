//! ICMP errors about translated packets (RFC 4787 §9, RFC 5508 §4).

use std::net::{IpAddr, Ipv4Addr};

use super::Nat;
use super::config::IcmpPolicy;
use crate::net::datagram::Datagram;
use crate::net::icmp::{Icmp, IcmpKind, Quoted};
use crate::net::passage::{Refusal, Side};
use crate::time::Time;

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
    /// What it does with an ICMP error that comes from `side`: the side on which it leaves, and the error translated. So
    /// it does with one that [`Nat::pass`] is handed as a packet.
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
        let mut leaving = side.opposite();
        let (inside, external) = endpoints.ok_or(Refusal::NatNoMapping)?;
        match side {
            Side::Outside => {
                icmp.quoted.source = inside;
                icmp.destination = inside.ip();
            }
            Side::Inside => {
                icmp.quoted.destination = external;
                icmp.source = external.ip();
                if self.owns(icmp.quoted.source) {
                    leaving = Side::Inside;
                    self.turn(now, &mut icmp)?;
                }
            }
        }
        if self.config.icmp == IcmpPolicy::Terminate {
            self.table.remove(id);
        }
        Ok((leaving, icmp))
    }

    /// An error from inside about a packet that came from inside, by hairpinning: it is translated for the sender of
    /// that, too (RFC 5508 REQ-7).
    fn turn(&self, now: Time, icmp: &mut Icmp) -> Result<(), Refusal> {
        let Quoted {
            protocol,
            source,
            destination,
        } = icmp.quoted;
        let id = self.table.inbound(now, protocol, source, destination)?;
        let endpoints = self.table.endpoints(id);
        let (inside, _) = endpoints.ok_or(Refusal::NatNoMapping)?;
        icmp.quoted.source = inside;
        icmp.destination = inside.ip();
        Ok(())
    }

    /// The same for an error that came as a packet.
    pub(super) fn pass_error(
        &mut self,
        now: Time,
        side: Side,
        mut datagram: Datagram,
    ) -> Result<(Side, Datagram), Refusal> {
        if side == Side::Outside && !self.owns(datagram.destination) {
            return Err(Refusal::NatAddress);
        }
        let icmp = Icmp::of_packet(&datagram).ok_or(Refusal::NatIcmp)?;
        let (side, icmp) = self.pass_icmp(now, side, icmp)?;
        icmp.write(&mut datagram);
        Ok((side, datagram))
    }

    /// The ICMP error for the sender inside of the last datagram that was [too big](Refusal::NatTooBig); once.
    pub fn take_icmp(&mut self) -> Option<Icmp> {
        self.icmp.take()
    }
}
