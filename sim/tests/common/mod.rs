//! A node for tests: sends on a schedule, keeps what arrives, and may answer.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::VecDeque;

use duet_sim::{Fate, Journey, Link, LinkConfig, Node, NodeId, Packet, Time};

/// A numbered packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) number: u32,
    pub(crate) size: usize,
    pub(crate) reliable: bool,
}

impl Packet for Numbered {
    fn size(&self) -> usize {
        self.size
    }

    fn class(&self) -> &'static str {
        if self.reliable { "stream" } else { "datagram" }
    }

    fn reliable(&self) -> bool {
        self.reliable
    }
}

/// Sends what its schedule says.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    /// When to send what to whom, in order of time.
    pub(crate) schedule: VecDeque<(Time, NodeId, Numbered)>,
    /// What is to leave now.
    pub(crate) outbox: VecDeque<(NodeId, Numbered)>,
    /// Whether to send every packet back, with the size of one byte.
    pub(crate) echoes: bool,
    /// A deadline that never changes, whatever happens.
    pub(crate) stuck_at: Option<Time>,
    /// What arrived.
    pub(crate) received: Vec<(Time, NodeId, Numbered)>,
    /// When it was woken.
    pub(crate) woken: Vec<Time>,
}

impl Sender {
    /// Sends `count` packets of `size` bytes to `to`, one every `gap_micros`, numbered from zero.
    pub(crate) fn steady(
        to: NodeId,
        count: u32,
        gap_micros: u64,
        size: usize,
        reliable: bool,
    ) -> Sender {
        let packet = |number| Numbered {
            number,
            size,
            reliable,
        };
        let at = |number| Time::from_micros(u64::from(number) * gap_micros);
        Sender {
            schedule: (0..count).map(|n| (at(n), to, packet(n))).collect(),
            ..Sender::default()
        }
    }

    /// The numbers that arrived, in order.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.received.iter().map(|(_, _, p)| p.number).collect()
    }
}

impl Node for Sender {
    type Packet = Numbered;

    fn deadline(&self) -> Option<Time> {
        let scheduled = self.schedule.front().map(|(at, ..)| *at);
        scheduled.into_iter().chain(self.stuck_at).min()
    }

    fn wake(&mut self, now: Time) {
        self.woken.push(now);
        while self.schedule.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, to, packet) = self.schedule.pop_front().unwrap();
            self.outbox.push_back((to, packet));
        }
    }

    fn receive(&mut self, now: Time, from: NodeId, packet: Numbered) {
        if self.echoes {
            let echo = Numbered {
                size: 1,
                ..packet.clone()
            };
            self.outbox.push_back((from, echo));
        }
        self.received.push((now, from, packet));
    }

    fn transmit(&mut self, _now: Time) -> Option<(NodeId, Numbered)> {
        self.outbox.pop_front()
    }
}

/// A link by itself, which says at once what will become of a packet, by running a copy of it ahead.
#[derive(Clone, Debug)]
pub(crate) struct Alone {
    link: Link<Numbered>,
    now: Time,
    offered: u64,
}

impl Alone {
    pub(crate) fn new(config: LinkConfig, seed: u64, name: &str) -> Alone {
        Alone {
            link: Link::new(config, seed, name),
            now: Time::ZERO,
            offered: 0,
        }
    }

    /// Offers a packet and says what becomes of it if nothing more is offered; time does not go back.
    ///
    /// # Panics
    ///
    /// If nothing becomes of it: it waits for the link to be brought up.
    pub(crate) fn offer(&mut self, now: Time, size: usize, reliable: bool) -> Fate {
        let journey = self.course(now, size, reliable);
        journey.expect("it waits for ever").fate
    }

    /// The same, with the whole course; none if it waits for the link to be brought up.
    pub(crate) fn course(&mut self, now: Time, size: usize, reliable: bool) -> Option<Journey> {
        self.now = self.now.max(now);
        let number = self.offered;
        self.offered += 1;
        let packet = Numbered {
            number: number as u32,
            size,
            reliable,
        };
        self.link.offer(self.now, packet);
        let mut ahead = self.link.clone();
        while self.link.poll().is_some() {}
        loop {
            while let Some(emitted) = ahead.poll() {
                if emitted.journey.number == number {
                    return Some(emitted.journey);
                }
            }
            ahead.wake(ahead.deadline()?);
        }
    }

    /// Takes the link down or up at the time of the latest offer.
    pub(crate) fn set_down(&mut self, down: bool) {
        self.link.set_down(self.now, down);
    }

    /// Bytes in the queue at `now`.
    pub(crate) fn backlog(&mut self, now: Time) -> u64 {
        self.link.wake(now);
        self.now = self.now.max(now);
        self.link.backlog()
    }
}
