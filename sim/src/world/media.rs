//! Media that links share: whose turn it is, and when.

use super::{Event, MEDIUM, World};
use crate::link::{Medium, MediumConfig};
use crate::node::{Node, NodeId};
use crate::time::Time;

#[derive(Debug)]
pub(super) struct SharedMedium {
    pub(super) medium: Medium,
    /// The links that share it.
    pub(super) links: Vec<usize>,
    /// The earliest event that is on its way to it.
    pub(super) scheduled: Option<Time>,
}

impl<N: Node> World<N> {
    /// Lets links share a medium, on which one sends at a time: those of a Wi-Fi cell, or the two directions of one
    /// link.
    ///
    /// # Panics
    ///
    /// If there is no such link, or it shares a medium already.
    pub fn share(&mut self, links: &[(NodeId, NodeId)], config: MediumConfig) {
        let indices = links.iter().map(|(from, to)| self.way(*from, *to));
        let indices: Vec<usize> = indices.collect();
        for (place, index) in indices.iter().enumerate() {
            let way = &mut self.ways[*index];
            assert!(way.medium.is_none(), "{} shares two media", way.name);
            way.medium = Some((self.media.len(), place));
            way.link.share();
        }
        self.media.push(SharedMedium {
            medium: Medium::new(config),
            links: indices,
            scheduled: None,
        });
    }

    /// Tells a shared medium until when a link sends on it, if it does.
    pub(super) fn occupy(&mut self, index: usize) {
        let way = &self.ways[index];
        if let (Some((medium, place)), Some(until)) = (way.medium, way.link.busy_until()) {
            self.media[medium].medium.occupy(place, until);
        }
    }

    /// Sees to it that a shared medium is woken when it is free, if anyone wants it, and its links when they will.
    pub(super) fn attend_medium(&mut self, index: usize) {
        let mut wanted = false;
        for place in 0..self.media[index].links.len() {
            let way = self.media[index].links[place];
            wanted |= self.ways[way].link.wants(self.now).is_some();
            // Its deadline may be when a transmitter goes on that was stopped just now.
            self.schedule(way);
        }
        let shared = &mut self.media[index];
        let at = shared.medium.free_at().max(self.now);
        if wanted && shared.scheduled.is_none_or(|scheduled| at < scheduled) {
            shared.scheduled = Some(at);
            self.events.push(at, MEDIUM, Event::Medium(index));
        }
    }

    /// Lets whoever has his turn on a shared medium send, if it is free.
    pub(super) fn take_turn(&mut self, index: usize) {
        let shared = &mut self.media[index];
        let now = self.now;
        if shared.scheduled.is_some_and(|at| at <= now) {
            shared.scheduled = None;
        }
        if shared.medium.free_at() <= now {
            let ways = &mut self.ways;
            let places = shared.links.iter().enumerate();
            let wanting =
                places.filter_map(|(place, way)| Some((place, ways[*way].link.wants(now)?)));
            if let Some(place) = shared.medium.choose(wanting) {
                let way = shared.links[place];
                let until = ways[way].link.transmit(now, shared.medium.config());
                shared.medium.occupy(place, until);
                return self.attend(way);
            }
        }
        self.attend_medium(index);
    }
}
