//! Network address and port translation.
//!
//! A [`Nat`] is a box between a network with private addresses and the rest of the world: it is handed each datagram
//! with the side from which it came, and says where it goes on, translated, or why it does not. It does no I/O, knows no
//! links, and keeps no clock: what has expired is found to have expired when the next datagram comes.
//!
//! Terms, and what there is to choose, are those of RFC 4787; TCP is as in RFC 5382, roughly. Two boxes in a row are a
//! carrier-grade double NAT. IPv6 passes untranslated: for that there are [firewalls](super::Firewall).
//!
//! Whole packets are told apart by what is in them. ICMP queries have mappings by their identifiers as others by their
//! ports (RFC 5508 §3); ICMP errors are translated with what they quote; fragments go where the first of their packet
//! goes. Other protocols have no ports to be mapped by, and no answer finds back. The NAT itself answers no ping.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use duet_sim::Time;
//! use duet_sim::net::{Content, Datagram, Ecn, Nat, NatConfig, Side};
//!
//! let mut nat = Nat::new(NatConfig::default(), 1, "home", vec![Ipv4Addr::new(192, 0, 2, 1)]);
//! let request = Datagram {
//!     source: "10.0.0.2:5000".parse().unwrap(),
//!     destination: "198.51.100.7:443".parse().unwrap(),
//!     ecn: Ecn::NotEct,
//!     class: "request",
//!     content: Content::Empty(100),
//! };
//! let (side, sent) = nat.pass(Time::ZERO, Side::Inside, request.clone()).forwarded().unwrap();
//! assert_eq!(side, Side::Outside);
//! assert_eq!(sent.source.ip(), Ipv4Addr::new(192, 0, 2, 1));
//!
//! let answer = Datagram { source: sent.destination, destination: sent.source, ..sent };
//! let (side, heard) = nat.pass(Time::from_millis(20), Side::Outside, answer).forwarded().unwrap();
//! assert_eq!((side, heard.destination), (Side::Inside, request.source));
//! ```

mod alg;
mod allocator;
mod config;
mod fragment;
mod icmp;
mod mapping;
mod port_set;
mod presets;
mod table;

use core::time::Duration;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use config::{Allocation, FragmentPolicy, Hairpin, IcmpPolicy, NatConfig, Pooling};

use crate::net::datagram::Datagram;
use crate::net::fragments::Fragments;
use crate::net::icmp::Icmp;
use crate::net::ip::{self, Message, Shape};
use crate::net::passage::{Passage, Refusal, Side};
use crate::net::protocol::Protocol;
use crate::time::Time;
use fragment::Way;
use mapping::Sign;
use table::Table;

/// A network address translator.
#[derive(Clone, Debug)]
pub struct Nat {
    config: NatConfig,
    external: Vec<Ipv4Addr>,
    table: Table,
    fragments: Fragments<Way>,
    /// What leaves besides, because of the last datagram.
    leaving: VecDeque<(Side, Datagram)>,
    /// What is given up besides.
    lost: VecDeque<(Datagram, Refusal)>,
    /// Until when it is rebooting.
    down_until: Time,
    /// What to tell the sender of the last packet that was too big.
    icmp: Option<Icmp>,
}

impl Nat {
    /// A NAT without mappings. `external` are the addresses that it has outside; `seed` and `name` fix its choices.
    pub fn new(config: NatConfig, seed: u64, name: &str, external: Vec<Ipv4Addr>) -> Nat {
        Nat {
            config,
            external,
            table: Table::new(seed, name),
            fragments: Fragments::new(),
            leaving: VecDeque::new(),
            lost: VecDeque::new(),
            down_until: Time::ZERO,
            icmp: None,
        }
    }

    /// What it does with a datagram that comes from `side`. `now` never goes back.
    ///
    /// More may come of it: ask [`Nat::take_leaving`] and [`Nat::take_lost`] before the next.
    pub fn pass(&mut self, now: Time, side: Side, datagram: Datagram) -> Passage {
        self.leaving.clear();
        self.lost.clear();
        if now < self.down_until {
            return Passage::Drop {
                cause: Refusal::NatDown,
            };
        }
        self.table.expire(now);
        if !(datagram.source.is_ipv4() && datagram.destination.is_ipv4()) {
            return Passage::Forward {
                side: side.opposite(),
                datagram,
            };
        }
        match self.translate(now, side, datagram) {
            Ok(Some((side, datagram))) => Passage::Forward { side, datagram },
            Ok(None) => match self.leaving.pop_front() {
                Some((side, datagram)) => Passage::Forward { side, datagram },
                None => Passage::Wait,
            },
            Err(cause) => Passage::Drop { cause },
        }
    }

    /// Gives what leaves, unless that is put at the end of what leaves.
    fn translate(
        &mut self,
        now: Time,
        side: Side,
        datagram: Datagram,
    ) -> Result<Option<(Side, Datagram)>, Refusal> {
        let Shape { piece, message } = Shape::of(&datagram).ok_or(Refusal::NatMalformed)?;
        if let Some(piece) = piece {
            self.pass_fragment(now, side, datagram, (piece, message))?;
            return Ok(None);
        }
        let (side, datagram) = self.decide(now, side, datagram, message)?;
        if self.exceeded(side, &datagram).is_none() {
            return Ok(Some((side, datagram)));
        }
        self.fragment(side, datagram)?;
        Ok(None)
    }

    /// The side on which a datagram leaves that is no later fragment, and the datagram translated.
    fn decide(
        &mut self,
        now: Time,
        side: Side,
        datagram: Datagram,
        message: Message,
    ) -> Result<(Side, Datagram), Refusal> {
        match (message, side) {
            (Message::Error, _) => self.pass_error(now, side, datagram),
            // Nobody outside can have asked: a query has no mapping to come in by.
            (Message::Other, _) | (Message::Reply, Side::Inside) => Err(Refusal::NatIcmp),
            (Message::None | Message::Query, Side::Inside) => self.outbound(now, datagram),
            (_, Side::Outside) => self.inbound(now, datagram),
        }
    }

    /// The next that leaves besides, because of the last datagram: fragments that waited for it, fragments of it, an ICMP
    /// error to its sender.
    pub fn take_leaving(&mut self) -> Option<(Side, Datagram)> {
        self.leaving.pop_front()
    }

    /// The next fragment that has waited in vain, as it came, and why.
    pub fn take_lost(&mut self) -> Option<(Datagram, Refusal)> {
        self.lost.pop_front()
    }

    fn outbound(&mut self, now: Time, mut datagram: Datagram) -> Result<(Side, Datagram), Refusal> {
        let peer = datagram.destination;
        if self.owns(peer) {
            return self.hairpin(now, datagram);
        }
        self.refuse_conflict(peer)?;
        if let Some(mtu) = self.exceeded(Side::Outside, &datagram)
            && !ip::may_fragment(&datagram)
        {
            let icmp = Icmp::too_big(&self.external, mtu, &datagram);
            let packet = icmp.packet(&datagram);
            self.leaving
                .extend(packet.map(|packet| (Side::Inside, packet)));
            self.icmp = Some(icmp);
            return Err(Refusal::NatTooBig);
        }
        let external = self.map(now, &datagram)?;
        if self.config.alg {
            let inside = datagram.source;
            alg::translate(&mut datagram, inside, external);
        }
        datagram.source = external;
        Ok((Side::Outside, datagram))
    }

    fn inbound(&mut self, now: Time, mut datagram: Datagram) -> Result<(Side, Datagram), Refusal> {
        if !self.owns(datagram.destination) {
            return Err(Refusal::NatAddress);
        }
        self.refuse_conflict(datagram.source)?;
        let inside = self.unmap(now, datagram.source, &datagram)?;
        if self.config.alg {
            let external = datagram.destination;
            alg::translate(&mut datagram, external, inside);
        }
        datagram.destination = inside;
        Ok((Side::Inside, datagram))
    }

    /// From inside to inside by way of an external endpoint. Sender and receiver are mapped and filtered as if each
    /// were outside of the other's NAT.
    fn hairpin(&mut self, now: Time, mut datagram: Datagram) -> Result<(Side, Datagram), Refusal> {
        if self.config.hairpin == Hairpin::Off {
            return Err(Refusal::NatHairpin);
        }
        let sender = self.map(now, &datagram)?;
        let receiver = self.unmap(now, sender, &datagram)?;
        if self.config.hairpin == Hairpin::External {
            datagram.source = sender;
        }
        datagram.destination = receiver;
        Ok((Side::Inside, datagram))
    }

    /// The external endpoint of the sender of a datagram from inside.
    fn map(&mut self, now: Time, datagram: &Datagram) -> Result<SocketAddr, Refusal> {
        let (config, table) = (&self.config, &mut self.table);
        let (protocol, inside) = (Protocol::of(datagram), datagram.source);
        let peer = datagram.destination;
        let id = match table.outbound(config, protocol, inside, peer) {
            Some(id) => id,
            None => table.create(config, &self.external, protocol, inside, peer)?,
        };
        let endpoints = table.touch(config, now, id, peer, Sign::of(datagram, true));
        let (_, external) = endpoints.ok_or(Refusal::NatNoMapping)?;
        Ok(external)
    }

    /// The internal endpoint of the receiver of a datagram to an external endpoint.
    fn unmap(
        &mut self,
        now: Time,
        peer: SocketAddr,
        datagram: &Datagram,
    ) -> Result<SocketAddr, Refusal> {
        let (protocol, external) = (Protocol::of(datagram), datagram.destination);
        let id = self.table.inbound(now, protocol, external, peer)?;
        let sign = Sign::of(datagram, false);
        let endpoints = self.table.touch(&self.config, now, id, peer, sign);
        let (inside, _) = endpoints.ok_or(Refusal::NatNoMapping)?;
        Ok(inside)
    }

    /// Forgets all mappings. The next ones may have other ports, if the allocation does not preserve them.
    pub fn flush(&mut self) {
        self.table.clear();
        self.fragments.clear();
    }

    /// Gets other external addresses. Mappings of those that are gone are forgotten, and what is sent to them is lost.
    pub fn renumber(&mut self, external: Vec<Ipv4Addr>) {
        self.table.retain(&external);
        self.fragments.clear();
        self.external = external;
    }

    /// Forgets all that it learnt and drops everything for a time.
    pub fn reboot(&mut self, now: Time, downtime: Duration) {
        self.flush();
        self.table.reset();
        self.icmp = None;
        self.down_until = now.after(downtime);
    }

    /// The external addresses.
    pub fn external(&self) -> &[Ipv4Addr] {
        &self.external
    }

    /// The parameters.
    pub fn config(&self) -> &NatConfig {
        &self.config
    }

    /// How many mappings are in memory: those alive at the last datagram.
    pub fn mappings(&self) -> usize {
        self.table.len()
    }

    /// How many mappings were made so far, those that are gone included.
    pub fn made(&self) -> u64 {
        self.table.made()
    }

    fn owns(&self, endpoint: SocketAddr) -> bool {
        self.external
            .iter()
            .any(|address| endpoint.ip() == *address)
    }

    fn refuse_conflict(&self, outside: SocketAddr) -> Result<(), Refusal> {
        match outside.ip() {
            IpAddr::V4(address) if self.config.is_inside(address) => Err(Refusal::NatConflict),
            _ => Ok(()),
        }
    }
}
