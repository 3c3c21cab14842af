//! One load, carried by each simulator: a hub with so many leaves around it says so many datagrams a millisecond, to one
//! leaf after the other, and each arrives after the same delay.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use duet_sim::net::{Content, Datagram, Host, Network, address_of};
use duet_sim::{Ecn, LinkConfig, Loss, Node, NodeId, Packet, Probability, Rate, Time, World};

/// Bytes of payload of each datagram.
const PAYLOAD: usize = 1_000;

static CONTENT: [u8; PAYLOAD] = [7; PAYLOAD];

/// One way.
const DELAY: Duration = Duration::from_millis(20);

/// Where everybody listens.
const PORT: u16 = 4433;

/// Between two datagrams' instants: what turmoil calls a tick, and takes as its finest step.
const TICK: Duration = Duration::from_millis(1);

/// What is carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// To how many.
    pub(crate) leaves: usize,
    /// Datagrams a millisecond.
    pub(crate) per_tick: usize,
    /// Datagrams in all.
    pub(crate) datagrams: usize,
}

impl Load {
    /// How many are on their way at once.
    pub(crate) fn in_flight(&self) -> usize {
        self.per_tick * (DELAY.as_millis() / TICK.as_millis()) as usize
    }

    fn span(&self) -> Duration {
        TICK * u32::try_from(self.datagrams.div_ceil(self.per_tick)).unwrap_or(u32::MAX)
    }
}

/// Says when so many are due, until all are said.
struct Course {
    load: Load,
    next_at: Time,
    due: usize,
    said: usize,
}

impl Course {
    fn new(load: Load) -> Course {
        Course {
            load,
            next_at: Time::ZERO.after(TICK),
            due: 0,
            said: 0,
        }
    }

    fn deadline(&self) -> Option<Time> {
        (self.said < self.load.datagrams).then_some(self.next_at)
    }

    fn wake(&mut self, now: Time) {
        self.due = self.load.per_tick;
        self.next_at = now.after(TICK);
    }

    /// The leaf that hears the next one, if one is due.
    fn next(&mut self) -> Option<usize> {
        if self.due == 0 || self.said == self.load.datagrams {
            return None;
        }
        self.due -= 1;
        self.said += 1;
        Some((self.said - 1) % self.load.leaves)
    }
}

fn content() -> BytesMut {
    BytesMut::from(&CONTENT[..])
}

/// A node of a bare world.
enum Bare {
    /// Node 0.
    Hub(Course),
    /// Those after it: how many they heard.
    Leaf(usize),
}

#[derive(Clone)]
struct Parcel(BytesMut);

impl Packet for Parcel {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn class(&self) -> &'static str {
        "load"
    }
}

impl Node for Bare {
    type Packet = Parcel;

    fn deadline(&self) -> Option<Time> {
        match self {
            Bare::Hub(course) => course.deadline(),
            Bare::Leaf(_) => None,
        }
    }

    fn wake(&mut self, now: Time) {
        if let Bare::Hub(course) = self {
            course.wake(now);
        }
    }

    fn receive(&mut self, _now: Time, _from: NodeId, packet: Parcel) {
        if let Bare::Leaf(heard) = self {
            *heard += usize::from(packet.0.len() == PAYLOAD);
        }
    }

    fn transmit(&mut self, _now: Time) -> Option<(NodeId, Parcel)> {
        match self {
            Bare::Hub(course) => Some((NodeId(course.next()? + 1), Parcel(content()))),
            Bare::Leaf(_) => None,
        }
    }
}

/// Carries the load in a world that knows no addresses, every packet in the log, and gives how many arrived.
pub(crate) fn bare(load: Load) -> usize {
    let mut world = World::new(1);
    let hub = world.add_node("hub", Bare::Hub(Course::new(load)));
    let leaves: Vec<NodeId> = (0..load.leaves)
        .map(|leaf| world.add_node(&format!("leaf-{leaf}"), Bare::Leaf(0)))
        .collect();
    for leaf in &leaves {
        let config = LinkConfig {
            delay: DELAY,
            ..LinkConfig::default()
        };
        world.connect(hub, *leaf, config);
    }
    world.run_until(Time::ZERO.after(load.span() + 2 * DELAY));
    let heard = leaves.iter().map(|leaf| match world.node(*leaf) {
        Bare::Leaf(heard) => *heard,
        Bare::Hub(_) => 0,
    });
    heard.sum()
}

/// A host of an IP network.
enum End {
    Hub {
        course: Course,
        own: SocketAddr,
        leaves: Vec<SocketAddr>,
    },
    /// How many it heard.
    Leaf(usize),
}

impl Host for End {
    fn deadline(&self) -> Option<Time> {
        match self {
            End::Hub { course, .. } => course.deadline(),
            End::Leaf(_) => None,
        }
    }

    fn wake(&mut self, now: Time) {
        if let End::Hub { course, .. } = self {
            course.wake(now);
        }
    }

    fn receive(&mut self, _now: Time, datagram: Datagram) {
        if let End::Leaf(heard) = self {
            *heard += usize::from(datagram.payload_len() == PAYLOAD);
        }
    }

    fn transmit(&mut self, _now: Time) -> Option<Datagram> {
        let End::Hub {
            course,
            own,
            leaves,
        } = self
        else {
            return None;
        };
        Some(Datagram {
            source: *own,
            destination: leaves[course.next()?],
            ecn: Ecn::NotEct,
            class: "load",
            content: Content::Bytes(content()),
        })
    }
}

/// Carries the load in an IP network, every packet in the log, and gives how many datagrams arrived. `shaped` links have
/// a rate, a queue and loss as well as a delay.
pub(crate) fn network(load: Load, shaped: bool) -> usize {
    let mut config = LinkConfig {
        delay: DELAY,
        ..LinkConfig::default()
    };
    if shaped {
        config.rate = Rate::new(20_000_000_000);
        config.loss = Loss::Independent(Probability::from_ppm(10_000));
    }
    let mut network = Network::new(1);
    let leaves: Vec<NodeId> = (0..load.leaves)
        .map(|leaf| network.add_host(&format!("leaf-{leaf}"), End::Leaf(0)))
        .collect();
    let at = |node| SocketAddr::new(address_of(node), PORT);
    let hub = End::Hub {
        course: Course::new(load),
        own: at(NodeId(load.leaves)),
        leaves: leaves.iter().copied().map(at).collect(),
    };
    let hub = network.add_host("hub", hub);
    for leaf in &leaves {
        network.connect(hub, *leaf, config.clone());
    }
    network.reroute();
    network
        .world_mut()
        .run_until(Time::ZERO.after(load.span() + 2 * DELAY));
    let heard = leaves.iter().map(|leaf| match network.host(*leaf) {
        End::Leaf(heard) => *heard,
        End::Hub { .. } => 0,
    });
    heard.sum()
}

/// Carries the load in turmoil, and gives how many datagrams arrived.
pub(crate) fn turmoil(load: Load) -> usize {
    let heard = Rc::new(Cell::new(0));
    let mut sim = turmoil::Builder::new()
        .tick_duration(TICK)
        .simulation_duration(load.span() + 10 * DELAY)
        .min_message_latency(DELAY)
        .max_message_latency(DELAY)
        .udp_capacity(1 << 20)
        .rng_seed(1)
        .build();
    let any = SocketAddr::from(([0, 0, 0, 0], PORT));
    let names: Vec<String> = (0..load.leaves)
        .map(|leaf| format!("leaf-{leaf}"))
        .collect();
    for name in &names {
        let heard = heard.clone();
        sim.host(name.as_str(), move || {
            let heard = heard.clone();
            async move {
                let socket = turmoil::net::UdpSocket::bind(any).await?;
                let mut content = [0; 2 * PAYLOAD];
                loop {
                    let (len, _) = socket.recv_from(&mut content).await?;
                    if len == PAYLOAD {
                        heard.set(heard.get() + 1);
                    }
                }
            }
        });
    }
    sim.client("hub", async move {
        let socket = turmoil::net::UdpSocket::bind(any).await?;
        let leaves: Vec<IpAddr> = names
            .iter()
            .map(|name| turmoil::lookup(name.as_str()))
            .collect();
        let mut ticks = tokio::time::interval(TICK);
        for said in 0..load.datagrams {
            if said % load.per_tick == 0 {
                ticks.tick().await;
            }
            let to = SocketAddr::new(leaves[said % leaves.len()], PORT);
            socket.send_to(&CONTENT, to).await?;
        }
        tokio::time::sleep(2 * DELAY).await;
        Ok(())
    });
    match sim.run() {
        Ok(()) => heard.get(),
        Err(_) => 0,
    }
}
