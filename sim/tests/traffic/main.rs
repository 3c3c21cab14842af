//! Cross traffic: sources whose rates are exact or have known distributions, and TCP against the published equations.
//!
//! Seeds are fixed, so that a statistical bound either holds for good or shows a defect; it cannot fail by chance.
//! Where a comment says that a test fails if something is so, that was done once, and the test was seen to fail.

mod bounds;
mod cbr;
mod conservation;
mod cubic;
mod dumbbell;
mod ecn;
mod handshake;
mod impaired;
mod newreno;
mod on_off;
mod poisson;
mod recovery;
mod sharing;
mod slow_start;

use std::net::SocketAddr;
use std::time::Duration;

use duet_sim::net::{Content, Datagram, Host, Segment};
use duet_sim::traffic::{TcpConfig, TcpSender, TcpSink, TcpSinkConfig, Traffic};
use duet_sim::{LinkConfig, Node, NodeId, QueueConfig, Rate, Time, World};

/// Says of each datagram that leaves whether it is lost.
pub(crate) type Loses = Box<dyn FnMut(Time, &Datagram) -> bool>;

/// One end of a wire, with any number of hosts.
pub(crate) struct Point {
    pub(crate) hosts: Vec<(SocketAddr, Traffic)>,
    /// What is lost of what leaves.
    pub(crate) lose: Loses,
    /// What left, lost or not, if `records` is set.
    pub(crate) sent: Vec<(Time, Datagram)>,
    pub(crate) records: bool,
    other: NodeId,
}

impl Point {
    pub(crate) fn new(hosts: Vec<(SocketAddr, Traffic)>, other: NodeId) -> Point {
        Point {
            hosts,
            lose: Box::new(|_, _| false),
            sent: Vec::new(),
            records: false,
            other,
        }
    }

    pub(crate) fn sender(&self, index: usize) -> &TcpSender {
        match &self.hosts[index].1 {
            Traffic::Tcp(sender) => sender,
            other => panic!("{other:?} is no sender"),
        }
    }

    pub(crate) fn sink(&self) -> &TcpSink {
        match &self.hosts[0].1 {
            Traffic::TcpSink(sink) => sink,
            other => panic!("{other:?} is no sink"),
        }
    }
}

impl Node for Point {
    type Packet = Datagram;

    fn deadline(&self) -> Option<Time> {
        self.hosts.iter().filter_map(|(_, h)| h.deadline()).min()
    }

    fn wake(&mut self, now: Time) {
        for (_, host) in &mut self.hosts {
            if host.deadline().is_some_and(|at| at <= now) {
                host.wake(now);
                let still = host.deadline().is_some_and(|at| at <= now);
                assert!(!still, "{host:?} does not move past {now}");
            }
        }
    }

    fn receive(&mut self, now: Time, _from: NodeId, datagram: Datagram) {
        let to = datagram.destination;
        let exact = self.hosts.iter().position(|(at, _)| *at == to);
        let near = || self.hosts.iter().position(|(at, _)| at.ip() == to.ip());
        if let Some(index) = exact.or_else(near) {
            self.hosts[index].1.receive(now, datagram);
        }
    }

    fn transmit(&mut self, now: Time) -> Option<(NodeId, Datagram)> {
        loop {
            let hosts = &mut self.hosts;
            let datagram = hosts.iter_mut().find_map(|(_, h)| h.transmit(now))?;
            if self.records {
                self.sent.push((now, datagram.clone()));
            }
            if !(self.lose)(now, &datagram) {
                return Some((self.other, datagram));
            }
        }
    }
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Where the sinks of these tests are.
pub(crate) fn sink_address() -> SocketAddr {
    address("10.0.0.2:80")
}

/// Address of sender `n`.
pub(crate) fn sender_address(n: usize) -> SocketAddr {
    SocketAddr::new([10, 0, 1, n as u8].into(), 5_000)
}

/// What carries TCP from its senders (node A) to its sink (node B) and back.
pub(crate) struct Path {
    pub(crate) seed: u64,
    pub(crate) there: LinkConfig,
    pub(crate) back: LinkConfig,
    pub(crate) sink: TcpSinkConfig,
}

impl Path {
    /// No limit, no loss, this round trip.
    pub(crate) fn ideal(rtt: Duration) -> Path {
        let link = LinkConfig {
            delay: rtt / 2,
            ..LinkConfig::default()
        };
        Path {
            seed: 1,
            there: link.clone(),
            back: link,
            sink: TcpSinkConfig::default(),
        }
    }

    /// A bottleneck there; without limit back.
    pub(crate) fn bottleneck(bits: u64, queue: u64, rtt: Duration) -> Path {
        let mut path = Path::ideal(rtt);
        path.there.rate = Rate::new(bits);
        path.there.queue = QueueConfig::bytes(queue);
        path
    }

    /// A world with these senders.
    pub(crate) fn world(&self, senders: &[TcpConfig]) -> World<Point> {
        let mut world = self.logged(senders);
        world.keep_counts_only();
        world
    }

    /// The same, with its log.
    pub(crate) fn logged(&self, senders: &[TcpConfig]) -> World<Point> {
        let hosts = senders.iter().enumerate().map(|(n, config)| {
            let (from, to) = (sender_address(n), sink_address());
            (from, TcpSender::new(config.clone(), from, to).into())
        });
        let sink = (sink_address(), TcpSink::new(self.sink.clone()).into());
        let mut world = World::new(self.seed);
        let a = world.add_node("senders", Point::new(hosts.collect(), NodeId::B));
        let b = world.add_node("sink", Point::new(vec![sink], NodeId::A));
        world.connect(a, b, self.there.clone());
        world.connect(b, a, self.back.clone());
        world
    }
}

/// The TCP segment of a datagram.
pub(crate) fn segment(datagram: &Datagram) -> &Segment {
    match &datagram.content {
        Content::Tcp(segment) => segment,
        other => panic!("{other:?} is no segment"),
    }
}

/// Loses every `n`th data segment, whatever it is.
pub(crate) fn every(n: u64) -> Loses {
    let mut count = 0;
    Box::new(move |_, datagram| {
        count += u64::from(segment(datagram).length > 0);
        segment(datagram).length > 0 && count % n == 0
    })
}

/// Loses data segments by their number, counted from zero, retransmissions included.
pub(crate) fn numbers(lost: &[u64]) -> Loses {
    let lost = lost.to_vec();
    let mut count = 0;
    Box::new(move |_, datagram| {
        if segment(datagram).length == 0 {
            return false;
        }
        count += 1;
        lost.contains(&(count - 1))
    })
}

/// Mean window in segments, from the goodput of an interval of whole bins.
pub(crate) fn mean_window(world: &World<Point>, rtt: Duration, from: Time, to: Time) -> f64 {
    let goodput = &world.node(NodeId::A).sender(0).stats().goodput;
    goodput.rate(from, to) / 8.0 * rtt.as_secs_f64() / 1_448.0
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
