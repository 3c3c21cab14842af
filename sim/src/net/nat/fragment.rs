//! Fragments of IP packets (RFC 4787 §11).

use std::net::IpAddr;

use super::Nat;
use super::config::FragmentPolicy;
use crate::net::datagram::Datagram;
use crate::net::fragments::Key;
use crate::net::ip::{self, Message, Piece};
use crate::net::passage::{Refusal, Side};
use crate::packet::Packet as _;
use crate::time::Time;

/// Where a packet's fragments go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    side: Side,
    source: IpAddr,
    destination: IpAddr,
}

impl Nat {
    /// A fragment that comes from `side`. What leaves is put in order at the end of what leaves.
    ///
    /// The first fragment goes the way of a datagram with its ports, and the others after it. Those that come before
    /// the first are held, a bounded number of them for 30 s, and leave with it; nothing else waits for them.
    pub(super) fn pass_fragment(
        &mut self,
        now: Time,
        side: Side,
        datagram: Datagram,
        (piece, message): (Piece, Message),
    ) -> Result<(), Refusal> {
        let policy = self.config.fragments;
        if policy == FragmentPolicy::Drop {
            return Err(Refusal::NatFragment);
        }
        let lost = self.fragments.expire(now);
        self.lose(lost, Refusal::NatFragment);
        let key = Key::of(side, &datagram, piece);
        if !piece.is_first {
            return match self.fragments.way(&key) {
                Some(way) => refused(self.follow(datagram, way?)),
                None if policy == FragmentPolicy::InOrder => Err(Refusal::NatFragment),
                None => {
                    let lost = self.fragments.hold(now, key, datagram);
                    self.lose(lost, Refusal::NatFragment);
                    Ok(())
                }
            };
        }
        let passage = self.decide(now, side, datagram, message);
        let way = match &passage {
            Ok((side, sent)) => Ok(Way {
                side: *side,
                source: sent.source.ip(),
                destination: sent.destination.ip(),
            }),
            Err(cause) => Err(*cause),
        };
        let waited = self.fragments.learn(now, key, way);
        let passed = passage.and_then(|(side, first)| refused(self.send(side, first)));
        for datagram in waited {
            let lost = match way {
                Ok(way) => self.follow(datagram, way),
                Err(cause) => Some((datagram, cause)),
            };
            self.lost.extend(lost);
        }
        passed
    }

    /// Sends what is too large, in fragments.
    pub(super) fn fragment(&mut self, side: Side, datagram: Datagram) -> Result<(), Refusal> {
        refused(self.send(side, datagram))
    }

    /// Sends a later fragment where the first went; gives it back if it cannot go, and says why.
    fn follow(&mut self, mut datagram: Datagram, way: Way) -> Option<(Datagram, Refusal)> {
        datagram.source.set_ip(way.source);
        datagram.destination.set_ip(way.destination);
        self.send(way.side, datagram)
    }

    /// Lets a datagram leave, in fragments if it has to be (RFC 4787 REQ-13); gives it back if it cannot, and says why.
    fn send(&mut self, side: Side, datagram: Datagram) -> Option<(Datagram, Refusal)> {
        let Some(mtu) = self.exceeded(side, &datagram) else {
            self.leaving.push_back((side, datagram));
            return None;
        };
        if !ip::may_fragment(&datagram) {
            return Some((datagram, Refusal::NatTooBig));
        }
        let parts = ip::split(datagram.clone(), mtu);
        if parts.is_empty() {
            return Some((datagram, Refusal::NatTooBig));
        }
        self.leaving
            .extend(parts.into_iter().map(|part| (side, part)));
        None
    }

    /// The size that a datagram exceeds on its way outside, if it does.
    pub(super) fn exceeded(&self, side: Side, datagram: &Datagram) -> Option<usize> {
        let mtu = self.config.mtu.filter(|_| side == Side::Outside);
        mtu.filter(|mtu| datagram.size() > *mtu)
    }

    fn lose(&mut self, lost: Vec<Datagram>, cause: Refusal) {
        let lost = lost.into_iter().map(|datagram| (datagram, cause));
        self.lost.extend(lost);
    }
}

/// Why it did not go, without what did not.
fn refused(unsent: Option<(Datagram, Refusal)>) -> Result<(), Refusal> {
    match unsent {
        Some((_, cause)) => Err(cause),
        None => Ok(()),
    }
}
