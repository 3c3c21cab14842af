//! Fragments of IP packets.

use super::{Firewall, Key as FlowKey};
use crate::net::datagram::Datagram;
use crate::net::fragments::Key;
use crate::net::ip::{Message, Piece};
use crate::net::passage::{Passage, Refusal, Side};
use crate::packet::Packet as _;
use crate::time::Time;

impl Firewall {
    /// A fragment that comes from `side`. The first goes the way of a datagram with its ports, and the others after it;
    /// each counts as a packet of the flow.
    pub(super) fn pass_fragment(
        &mut self,
        now: Time,
        side: Side,
        datagram: Datagram,
        (piece, message): (Piece, Message),
    ) -> Passage {
        let lost = self.fragments.expire(now);
        self.lose(lost);
        let key = Key::of(side, &datagram, piece);
        let passed = match (piece.is_first, self.fragments.way(&key)) {
            (true, _) => {
                let way = match message {
                    // A part of one is not to be read.
                    Message::Error | Message::Other => Err(Refusal::FirewallIcmp),
                    _ => self.pass_flow(now, side, &datagram, message),
                };
                for later in self.fragments.learn(now, key, way) {
                    match way.and_then(|flow| self.pass_later(now, flow, &later)) {
                        Ok(()) => self.leaving.push_back((side.opposite(), later)),
                        Err(cause) => self.lost.push_back((later, cause)),
                    }
                }
                way.map(|_| ())
            }
            (false, Some(way)) => way.and_then(|flow| self.pass_later(now, flow, &datagram)),
            (false, None) => {
                let lost = self.fragments.hold(now, key, datagram);
                self.lose(lost);
                return Passage::Wait;
            }
        };
        match passed {
            Err(cause) => Passage::Drop { cause },
            Ok(()) => Passage::Forward {
                side: side.opposite(),
                datagram,
            },
        }
    }

    fn pass_later(&mut self, now: Time, flow: FlowKey, datagram: &Datagram) -> Result<(), Refusal> {
        let size = datagram.size();
        if self.config.max_size.is_some_and(|most| size > most) {
            return Err(Refusal::FirewallSize);
        }
        self.count(now, flow, size)
    }

    fn lose(&mut self, lost: Vec<Datagram>) {
        let lost = lost
            .into_iter()
            .map(|datagram| (datagram, Refusal::FirewallFragment));
        self.lost.extend(lost);
    }
}
