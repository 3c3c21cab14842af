//! What is changed of a link while it runs.

use core::time::Duration;

use super::Link;
use crate::link::{LinkConfig, OutageMode, Rate};
use crate::packet::Packet;
use crate::time::Time;

impl<P: Packet> Link<P> {
    /// Takes the link down until further notice, so that it drops, or up again. Configured outages apply besides.
    ///
    /// While it is down it drops what it is offered; reliable packets wait, and go on in order when it is up.
    pub fn set_down(&mut self, now: Time, down: bool) {
        self.set_outage(now, down.then_some(OutageMode::Drop));
    }

    /// Begins an outage that lasts until further notice, or ends it. Configured outages apply besides.
    pub fn set_outage(&mut self, now: Time, outage: Option<OutageMode>) {
        let now = self.advance(now);
        self.down = outage;
        self.serialiser
            .set_stopped(now, outage == Some(OutageMode::Hold));
        self.advance(now);
    }

    /// Changes the rate; `None` sends in no time. What is left of a packet that is being sent is sent at the new rate,
    /// and configured changes no longer come.
    pub fn set_rate(&mut self, now: Time, rate: Option<Rate>) {
        let now = self.advance(now);
        self.serialiser.set_rate(now, rate);
        self.advance(now);
    }

    /// Makes the link as `config` says, from now on. What is inside stays there, and packet *n* still meets draw *n*.
    ///
    /// A stage whose configuration is as before goes on in its state; any other begins anew. What changes over time
    /// (schedules, a trace, on/off, outages) is then where it would be had it been so from the beginning. A queue with
    /// another discipline takes in what waits, in the order in which it came.
    pub fn reconfigure(&mut self, now: Time, config: LinkConfig) {
        let now = self.advance(now);
        let before = core::mem::replace(&mut self.config, config.clone());
        let (seed, name) = (self.seed, self.name.clone());
        let fresh = Link::<P>::new(config, seed, &name);
        let config = &self.config;
        if (config.delay, &config.delays) != (before.delay, &before.delays) {
            self.delays = fresh.delays;
        }
        if config.outages != before.outages {
            self.outages = fresh.outages;
        }
        let transmits = |config: &LinkConfig| {
            let LinkConfig {
                rate,
                rates,
                trace,
                on_off,
                outages,
                ..
            } = config.clone();
            (rate, rates, trace, on_off, outages)
        };
        if transmits(config) != transmits(&before) {
            self.serialiser.replace(now, fresh.serialiser);
        }
        self.mtu = fresh.mtu;
        if config.loss != before.loss {
            self.loss = fresh.loss;
        }
        if config.policer != before.policer {
            self.policer = fresh.policer;
        }
        self.bound = fresh.bound;
        self.follows = fresh.follows;
        if config.queue.discipline != before.queue.discipline {
            let moved = self.queue.replace(fresh.queue, P::flow, &mut self.dropped);
            self.queue = moved;
        }
        if config.air_loss != before.air_loss {
            self.air_loss = fresh.air_loss;
        }
        if config.jitter != before.jitter {
            self.jitter = self.jitter.followed_by(fresh.jitter);
        }
        if config.reorder != before.reorder {
            self.reorder = fresh.reorder;
        }
        if config.duplicate != before.duplicate {
            self.duplicate = fresh.duplicate;
        }
        if config.corrupt != before.corrupt {
            self.corrupt = fresh.corrupt;
        }
        if config.ecn != before.ecn {
            self.ecn = fresh.ecn;
        }
        self.lose_dropped();
        self.advance(now);
    }

    /// Changes the propagation delay of what leaves from now on. Configured changes no longer come.
    pub fn set_delay(&mut self, now: Time, delay: Duration) {
        self.advance(now);
        self.delays = vec![(Time::ZERO, delay)];
    }
}
