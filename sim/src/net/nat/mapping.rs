//! One mapping and the peers that it remembers.

use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::config::NatConfig;
use crate::net::behaviour::Behaviour;
use crate::net::datagram::{Content, Datagram, Segment};
use crate::net::protocol::Protocol;
use crate::time::Time;

/// An internal endpoint and the external endpoint that stands for it.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    pub(super) protocol: Protocol,
    pub(super) inside: SocketAddr,
    pub(super) external: SocketAddr,
    /// The peer or peers for which it is, as far as mapping looks at them.
    pub(super) towards: SocketAddr,
    pub(super) filtering: Behaviour,
    /// From when on it does not exist.
    pub(super) until: Time,
    /// When the table looks at it again.
    pub(super) queued: Time,
    /// Peers that were sent to.
    sessions: BTreeMap<SocketAddr, Session>,
}

/// What is known of a peer.
#[derive(Clone, Copy, Debug)]
struct Session {
    until: Time,
    /// Whether it has sent.
    answered: bool,
    /// TCP: whether each end has said that it sends no more, inside first.
    finished: [bool; 2],
}

/// What a packet says about its session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    pub(super) outbound: bool,
    syn: bool,
    fin: bool,
}

impl Sign {
    pub(super) fn of(datagram: &Datagram, outbound: bool) -> Sign {
        let flag = |mark| match &datagram.content {
            Content::Tcp(segment) => segment.flags & mark != 0,
            Content::Bytes(_) | Content::Empty(_) | Content::Packet(_) => false,
        };
        Sign {
            outbound,
            syn: flag(Segment::SYN),
            fin: flag(Segment::FIN),
        }
    }
}

/// All endpoints at a peer's address.
fn ports_of(peer: SocketAddr) -> RangeInclusive<SocketAddr> {
    SocketAddr::new(peer.ip(), 0)..=SocketAddr::new(peer.ip(), u16::MAX)
}

impl Mapping {
    pub(super) fn new(
        protocol: Protocol,
        inside: SocketAddr,
        external: SocketAddr,
        towards: SocketAddr,
        filtering: Behaviour,
    ) -> Mapping {
        Mapping {
            protocol,
            inside,
            external,
            towards,
            filtering,
            until: Time::ZERO,
            queued: Time::ZERO,
            sessions: BTreeMap::new(),
        }
    }

    /// Whether the filter lets a peer in.
    pub(super) fn admits(&self, now: Time, peer: SocketAddr) -> bool {
        match self.filtering {
            Behaviour::EndpointIndependent => true,
            Behaviour::AddressDependent => {
                let mut sessions = self.sessions.range(ports_of(peer));
                sessions.any(|(_, session)| session.until > now)
            }
            Behaviour::AddressAndPortDependent => self.knows(now, peer),
        }
    }

    /// Whether it remembers this very peer.
    pub(super) fn knows(&self, now: Time, peer: SocketAddr) -> bool {
        let session = self.sessions.get(&peer);
        session.is_some_and(|session| session.until > now)
    }

    /// A packet to or from a peer passes: timers start, or start again.
    pub(super) fn touch(&mut self, config: &NatConfig, now: Time, peer: SocketAddr, sign: Sign) {
        let refreshes = config.refresh.covers(sign.outbound);
        let known = self.knows(now, peer);
        if !known && !sign.outbound {
            if refreshes {
                self.touch_by_stranger(config, now, peer);
            }
            return;
        }
        if !known {
            self.make_room(config.max_peers);
        }
        let session = self.sessions.entry(peer).or_insert(Session::NEW);
        if !known || sign.syn && session.is_finished() {
            *session = Session::NEW;
        }
        session.answered |= !sign.outbound;
        session.finished[usize::from(!sign.outbound)] |= sign.fin;
        let session_lifetime = session.lifetime(config, self.protocol, peer.port());
        if !known || refreshes {
            session.until = now.after(session_lifetime);
            self.until = self.until.max(session.until);
        }
        if session.is_finished() {
            // The one timer that may become shorter.
            session.until = session.until.min(now.after(session_lifetime));
            let last = self.sessions.values().map(|session| session.until).max();
            self.until = last.unwrap_or(now);
        }
    }

    /// A packet passes from a peer that was not sent to: it can keep the mapping alive, and the permission by which it
    /// passes, and is not remembered.
    fn touch_by_stranger(&mut self, config: &NatConfig, now: Time, peer: SocketAddr) {
        let until = now.after(match self.protocol {
            Protocol::Udp => config.udp_lifetime(peer.port(), true),
            Protocol::Tcp => config.tcp_transitory,
            Protocol::Icmp => config.icmp_timeout,
        });
        self.until = self.until.max(until);
        if self.filtering == Behaviour::AddressDependent {
            let sessions = self.sessions.range_mut(ports_of(peer));
            let last = sessions.max_by_key(|(_, session)| session.until);
            if let Some((_, session)) = last {
                session.until = session.until.max(until);
            }
        }
    }

    /// Forgets what has expired.
    pub(super) fn prune(&mut self, now: Time) {
        self.sessions.retain(|_, session| session.until > now);
    }

    /// Forgets peers until there is room for one, first those that expire first.
    fn make_room(&mut self, most: usize) {
        while self.sessions.len() >= most.max(1) {
            let oldest = self
                .sessions
                .iter()
                .min_by_key(|(_, session)| session.until);
            let Some((&peer, _)) = oldest else { return };
            self.sessions.remove(&peer);
        }
    }
}

impl Session {
    const NEW: Session = Session {
        until: Time::ZERO,
        answered: false,
        finished: [false; 2],
    };

    fn is_finished(&self) -> bool {
        self.finished == [true; 2]
    }

    fn lifetime(&self, config: &NatConfig, protocol: Protocol, port: u16) -> Duration {
        match protocol {
            Protocol::Udp => config.udp_lifetime(port, self.answered),
            Protocol::Tcp if self.answered && !self.is_finished() => config.tcp_timeout,
            Protocol::Tcp => config.tcp_transitory,
            Protocol::Icmp => config.icmp_timeout,
        }
    }
}
