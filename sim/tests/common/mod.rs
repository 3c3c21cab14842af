//! A node for tests: sends on a schedule, keeps what arrives, and may answer.

use std::collections::VecDeque;

use duet_sim::{Node, NodeId, Packet, Time};

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
