//! Fragments of IP packets (RFC 4787 §11).

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::Nat;
use super::config::FragmentPolicy;
use crate::net::datagram::{Content, Datagram, Segment};
use crate::net::passage::{Passage, Refusal, Side};
use crate::net::protocol::Protocol;
use crate::packet::Ecn;
use crate::time::Time;

/// How long the fragments of a packet are remembered, as in Linux (`net.ipv4.ipfrag_time`).
const MEMORY: Duration = Duration::from_secs(30);

/// Most fragments that wait for the first of their packet; past it, the one that has waited longest is lost.
const MAX_HELD: usize = 64;

/// Most packets whose first fragment is remembered.
const MAX_KNOWN: usize = 1_024;

/// A fragment of an IP packet: what a NAT sees of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The packet's source address.
    pub source: IpAddr,
    /// The packet's destination address.
    pub destination: IpAddr,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The packet's identification.
    pub id: u16,
    /// Source and destination port, which only the first fragment has.
    pub ports: Option<(u16, u16)>,
    /// Where its payload begins within that of the packet, in bytes.
    pub offset: usize,
    /// Bytes of payload.
    pub length: usize,
}

/// What the fragments of one packet have in common, with the side from which they come.
type Key = (Side, IpAddr, IpAddr, Protocol, u16);

impl Fragment {
    fn key(&self, side: Side) -> Key {
        let Fragment {
            source,
            destination,
            ..
        } = *self;
        (side, source, destination, self.protocol, self.id)
    }
}

/// Where a packet's fragments go: side, source, destination.
type Way = Result<(Side, IpAddr, IpAddr), Refusal>;

/// What is remembered of fragments.
#[derive(Clone, Debug)]
pub(super) struct Fragments {
    /// Packets whose first fragment has come.
    known: BTreeMap<Key, (Time, Way)>,
    /// Fragments whose first has not come, in the order of arrival.
    held: VecDeque<(Time, Side, Fragment)>,
}

impl Fragments {
    pub(super) fn new() -> Fragments {
        Fragments {
            known: BTreeMap::new(),
            held: VecDeque::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.held.clear();
    }

    fn expire(&mut self, now: Time) {
        self.known.retain(|_, (until, _)| *until > now);
        while self.held.front().is_some_and(|(until, ..)| *until <= now) {
            self.held.pop_front();
        }
    }

    fn hold(&mut self, now: Time, side: Side, fragment: Fragment) {
        if self.held.len() == MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back((now.after(MEMORY), side, fragment));
    }

    /// Remembers the way of a packet, and gives the fragments that waited for it.
    fn learn(&mut self, now: Time, key: Key, way: Way) -> Vec<Fragment> {
        if self.known.len() == MAX_KNOWN {
            let oldest = self.known.iter().min_by_key(|(_, (until, _))| *until);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(key, (now.after(MEMORY), way));
        let held = core::mem::take(&mut self.held);
        let (ready, held): (VecDeque<_>, VecDeque<_>) = held
            .into_iter()
            .partition(|(_, side, fragment)| fragment.key(*side) == key);
        self.held = held;
        ready.into_iter().map(|(_, _, fragment)| fragment).collect()
    }
}

impl Nat {
    /// What it does with a fragment that comes from `side`: what leaves now, in this order, and where.
    ///
    /// The first fragment goes the way of a datagram with its ports, and the others after it. Those that come before
    /// the first are held, a bounded number of them for 30 s, and leave with it; nothing else waits for them.
    ///
    /// # Errors
    ///
    /// Why it is dropped.
    pub fn pass_fragment(
        &mut self,
        now: Time,
        side: Side,
        fragment: Fragment,
    ) -> Result<Vec<(Side, Fragment)>, Refusal> {
        let policy = self.config.fragments;
        if policy == FragmentPolicy::Drop {
            return Err(Refusal::NatFragment);
        }
        if now < self.down_until {
            return Err(Refusal::NatDown);
        }
        self.fragments.expire(now);
        let key = fragment.key(side);
        let Some((source, destination)) = fragment.ports else {
            return match self.fragments.known.get(&key) {
                Some((_, Ok(way))) => Ok(vec![fragment.sent(*way)]),
                Some((_, Err(cause))) => Err(*cause),
                None if policy == FragmentPolicy::InOrder => Err(Refusal::NatFragment),
                None => {
                    self.fragments.hold(now, side, fragment);
                    Ok(Vec::new())
                }
            };
        };
        let first = Datagram {
            source: SocketAddr::new(fragment.source, source),
            destination: SocketAddr::new(fragment.destination, destination),
            ecn: Ecn::NotEct,
            class: "fragment",
            content: match fragment.protocol {
                Protocol::Udp => Content::Empty(fragment.length),
                Protocol::Tcp => Content::Tcp(Segment::default()),
            },
        };
        let passage = match self.pass(now, side, first) {
            Passage::Forward { side, datagram } => Ok((side, datagram)),
            Passage::Drop { cause } => Err(cause),
        };
        let way = match &passage {
            Ok((side, sent)) => Ok((*side, sent.source.ip(), sent.destination.ip())),
            Err(cause) => Err(*cause),
        };
        let later = self.fragments.learn(now, key, way);
        let (_, sent) = passage?;
        let way = way?;
        let (side, mut first) = fragment.sent(way);
        first.ports = Some((sent.source.port(), sent.destination.port()));
        let mut leaving = vec![(side, first)];
        leaving.extend(later.into_iter().map(|fragment| fragment.sent(way)));
        Ok(leaving)
    }
}

impl Fragment {
    /// The fragment translated.
    fn sent(self, way: (Side, IpAddr, IpAddr)) -> (Side, Fragment) {
        let (side, source, destination) = way;
        let fragment = Fragment {
            source,
            destination,
            ..self
        };
        (side, fragment)
    }
}
