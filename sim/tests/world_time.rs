//! How a world moves time, and that equal worlds are equal to the last byte.

mod common;

use std::time::Duration;

use common::{Numbered, Sender};
use duet_sim::{Fate, Jitter, LinkConfig, Loss, Node, NodeId, QueueConfig, Rate, Time, World};
use proptest::prelude::*;

const SECOND: Time = Time::from_millis(1_000);

fn packet(number: u32) -> Numbered {
    Numbered {
        number,
        size: 100,
        reliable: false,
    }
}

fn delay(millis: u64) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(millis),
        ..LinkConfig::default()
    }
}

fn home() -> LinkConfig {
    LinkConfig {
        rate: Rate::new(2_000_000),
        queue: QueueConfig::bytes(16_000),
        delay: Duration::from_millis(15),
        jitter: Jitter::uniform(Duration::from_millis(4)),
        loss: Loss::Independent("2.5 %".parse().unwrap()),
        ..LinkConfig::default()
    }
}

fn busy_world(seed: u64) -> World<Sender> {
    let a = Sender::steady(NodeId::B, 500, 3_000, 1_100, false);
    let b = Sender {
        echoes: true,
        ..Sender::default()
    };
    let mut world = World::pair(seed, a, b, home());
    world.run_until(Time::from_millis(3_000));
    world.note("the end");
    world
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_another() {
    let (first, second, other) = (
        busy_world(1).finish(),
        busy_world(1).finish(),
        busy_world(2).finish(),
    );
    assert_eq!(first.text(), second.text());
    assert_eq!(first.hash(), second.hash());
    assert_ne!(first.text(), other.text());
    assert_ne!(first.hash(), other.hash());
    assert!(first.lines().count() > 700);
}

/// The same in every process, on every machine, in every version: whoever changes this hash changes all results.
#[test]
fn a_known_run_has_a_known_hash() {
    assert_eq!(
        busy_world(1).finish().hash(),
        "2bca798a5e9fcad4b626494b8f6eaa7b5a9516ade3be28b4618239fd53c5c146"
    );
}

#[test]
fn every_offered_packet_is_delivered_or_lost_and_every_delivered_one_arrives() {
    let world = busy_world(1);
    let arrived = world.node(NodeId::B).received.len() as u64;
    let log = world.finish();
    let (link, class, count) = log.counts().next().unwrap();
    assert_eq!((link, class), ("a>b", "datagram"));
    assert_eq!(count.offered, 500);
    assert_eq!(count.bytes, 500 * 1_100);
    assert!(count.delivered < 500);
    assert_eq!(count.delivered + count.lost.values().sum::<u64>(), 500);
    assert_eq!(count.delivered, arrived);
    assert_eq!(count.delivered_bytes, arrived * 1_100);
}

#[test]
fn time_stops_at_arrivals_and_advertised_deadlines_only() {
    let a = Sender::steady(NodeId::B, 3, 20_000, 100, false);
    let b = Sender {
        echoes: true,
        ..Sender::default()
    };
    let mut world = World::pair(1, a, b, delay(15));
    let stops: Vec<u64> = std::iter::from_fn(|| world.step())
        .map(|at| at.as_micros() / 1_000)
        .collect();
    // Sent at 0, 20 and 40; at the other side 15 later, back after 30.
    assert_eq!(stops, [0, 15, 20, 30, 35, 40, 50, 55, 70]);
    let woken: Vec<u64> = world
        .node(NodeId::A)
        .woken
        .iter()
        .map(|at| at.as_micros() / 1_000)
        .collect();
    assert_eq!(woken, [0, 20, 40]);
    assert!(world.node(NodeId::B).woken.is_empty());
    assert_eq!(world.step(), None);
}

/// At one instant: arrivals, then wakes by id, then transmits by id.
#[test]
fn one_instant_has_a_fixed_order() {
    #[derive(Default)]
    struct Recorder {
        name: &'static str,
        due: Option<Time>,
        outbox: Vec<(NodeId, Numbered)>,
        story: std::rc::Rc<std::cell::RefCell<Vec<String>>>,
    }
    impl Node for Recorder {
        type Packet = Numbered;
        fn deadline(&self) -> Option<Time> {
            self.due
        }
        fn wake(&mut self, _now: Time) {
            self.due = None;
            self.story.borrow_mut().push(format!("{} wakes", self.name));
        }
        fn receive(&mut self, _now: Time, _from: NodeId, packet: Numbered) {
            self.story
                .borrow_mut()
                .push(format!("{} gets {}", self.name, packet.number));
            self.outbox.push((NodeId(0), packet));
        }
        fn transmit(&mut self, _now: Time) -> Option<(NodeId, Numbered)> {
            let next = self.outbox.pop()?;
            self.story
                .borrow_mut()
                .push(format!("{} sends {}", self.name, next.1.number));
            Some(next)
        }
    }
    let story = std::rc::Rc::default();
    let node = |name, due| Recorder {
        name,
        due,
        story: std::rc::Rc::clone(&story),
        ..Recorder::default()
    };
    let due = Some(Time::from_millis(10));
    let mut world = World::new(1);
    let a = world.add_node("a", node("a", due));
    let b = world.add_node("b", node("b", due));
    let c = world.add_node("c", node("c", None));
    for (from, to) in [(a, b), (a, c), (b, a), (c, a)] {
        world.connect(from, to, delay(10));
    }
    // Popped from the end: c's is sent first, so c's arrives first.
    world.node_mut(a).outbox = vec![(b, packet(1)), (c, packet(2))];
    world.flush();
    story.borrow_mut().clear();
    world.step();
    assert_eq!(world.now(), Time::from_millis(10));
    assert_eq!(
        *story.borrow(),
        [
            "c gets 2",
            "b gets 1",
            "a wakes",
            "b wakes",
            "b sends 1",
            "c sends 2"
        ]
    );
}

#[test]
fn a_command_takes_effect_at_the_instant_it_is_given() {
    let mut world = World::pair(1, Sender::default(), Sender::default(), delay(15));
    world.run_until(SECOND);
    assert_eq!(world.now(), SECOND);
    world
        .node_mut(NodeId::A)
        .outbox
        .push_back((NodeId::B, packet(1)));
    world.flush();
    assert_eq!(
        world.log().text(),
        "1000000000 a>b 0 datagram 100 1000000000 1000000000 delivered 1015000000\n"
    );
    // Without a flush the next run makes up for it, before time moves.
    world
        .node_mut(NodeId::A)
        .outbox
        .push_back((NodeId::B, packet(2)));
    world.run_until(Time::from_millis(1_014));
    assert!(world.node(NodeId::B).received.is_empty());
    world.run_until(Time::from_millis(1_015));
    assert_eq!(world.node(NodeId::B).numbers(), [1, 2]);
}

#[test]
fn a_step_sends_what_commands_left_behind_before_time_moves() {
    let mut world = World::pair(1, Sender::default(), Sender::default(), delay(15));
    world
        .node_mut(NodeId::A)
        .outbox
        .push_back((NodeId::B, packet(1)));
    assert_eq!(world.step(), Some(Time::from_millis(15)));
    assert_eq!(world.node(NodeId::B).numbers(), [1]);
}

#[test]
fn waiting_ends_with_the_condition_or_with_the_limit() {
    let a = Sender::steady(NodeId::B, 10, 100_000, 100, false);
    let mut world = World::pair(1, a, Sender::default(), delay(15));
    let fewer_than = |n| move |world: &mut World<Sender>| world.node(NodeId::B).received.len() < n;
    assert!(world.run_while(fewer_than(3), SECOND));
    assert_eq!(world.now(), Time::from_millis(215));
    assert!(
        world.run_while(fewer_than(3), SECOND),
        "holds no more, so no step is taken"
    );
    assert_eq!(world.now(), Time::from_millis(215));
    assert!(!world.run_while(fewer_than(11), SECOND));
    assert_eq!(world.now(), SECOND);
    world.run_until(Time::ZERO);
    assert_eq!(world.now(), SECOND, "time never goes back");
}

#[test]
fn a_link_that_is_taken_down_drops_datagrams_and_keeps_the_stream() {
    let a = Sender::steady(NodeId::B, 10, 100_000, 100, false);
    let mut world = World::pair(1, a, Sender::default(), delay(15));
    world.run_until(Time::from_millis(250));
    world.set_down(NodeId::A, NodeId::B, true);
    for number in [100, 101] {
        let packet = Numbered {
            reliable: true,
            ..packet(number)
        };
        world
            .node_mut(NodeId::A)
            .outbox
            .push_back((NodeId::B, packet));
    }
    world.run_until(Time::from_millis(650));
    world.set_down(NodeId::A, NodeId::B, false);
    world.run_until(Time::from_millis(2_000));
    assert_eq!(
        world.node(NodeId::B).numbers(),
        [0, 1, 2, 100, 101, 7, 8, 9]
    );
    let notes: Vec<String> = world
        .log()
        .lines()
        .filter(|line| line.contains('#'))
        .collect();
    assert_eq!(notes, ["250000000 # a>b down", "650000000 # a>b up"]);
    assert_eq!(
        world
            .log()
            .lines()
            .filter(|line| line.ends_with("lost down"))
            .count(),
        4
    );
}

#[test]
#[should_panic(expected = "node bob does not move past 1.200000 s")]
fn a_node_that_does_not_move_on_is_named() {
    let mut world = World::new(1);
    world.add_node("alice", Sender::default());
    world.add_node(
        "bob",
        Sender {
            stuck_at: Some(Time::from_millis(1_200)),
            ..Sender::default()
        },
    );
    world.run_until(Time::from_millis(2_000));
}

#[test]
#[should_panic(expected = "packets go round without delay at 0.000000 s")]
fn packets_that_go_round_without_delay_are_noticed() {
    let a = Sender {
        echoes: true,
        ..Sender::steady(NodeId::B, 1, 0, 1, false)
    };
    let b = Sender {
        echoes: true,
        ..Sender::default()
    };
    World::pair(1, a, b, LinkConfig::default()).run_until(SECOND);
}

#[test]
#[should_panic(expected = "node chatterbox sends without end at 0.000000 s")]
fn a_node_that_sends_without_end_is_named() {
    struct Chatterbox;
    impl Node for Chatterbox {
        type Packet = Numbered;
        fn deadline(&self) -> Option<Time> {
            None
        }
        fn wake(&mut self, _now: Time) {}
        fn receive(&mut self, _now: Time, _from: NodeId, _packet: Numbered) {}
        fn transmit(&mut self, _now: Time) -> Option<(NodeId, Numbered)> {
            Some((NodeId(0), packet(0)))
        }
    }
    let mut world = World::new(1);
    let only = world.add_node("chatterbox", Chatterbox);
    world.connect(
        only,
        only,
        LinkConfig {
            loss: Loss::Independent(duet_sim::Probability::ALWAYS),
            ..delay(1)
        },
    );
    world.flush();
}

#[test]
fn many_steps_at_one_instant_are_no_livelock_if_they_end() {
    let a = Sender::steady(NodeId::B, 9_000, 0, 1, false);
    let b = Sender {
        echoes: true,
        ..Sender::default()
    };
    let mut world = World::pair(1, a, b, LinkConfig::default());
    world.run_until(SECOND);
    assert_eq!(world.node(NodeId::A).received.len(), 9_000);
}

#[test]
#[should_panic(expected = "node alice sends to bob, where no link leads")]
fn sending_where_no_link_leads_is_a_mistake() {
    let mut world = World::new(1);
    world.add_node("alice", Sender::steady(NodeId(1), 1, 0, 1, false));
    world.add_node("bob", Sender::default());
    world.run_until(SECOND);
}

#[test]
#[should_panic(expected = "there are two nodes named alice")]
fn names_are_unique() {
    let mut world = World::new(1);
    world.add_node("alice", Sender::default());
    world.add_node("alice", Sender::default());
}

proptest! {
    /// Packets arrive exactly when and as often as the log says, and reliable ones all, in order.
    #[test]
    fn the_log_tells_what_arrives(
        seed: u64,
        schedule in prop::collection::vec((0u64..30_000, 1usize..1_500, any::<bool>()), 0..100),
    ) {
        let mut at = Time::ZERO;
        let mut a = Sender::default();
        for (number, (gap, size, reliable)) in (0..).zip(schedule) {
            at = at.after(Duration::from_micros(gap));
            a.schedule.push_back((at, NodeId::B, Numbered { number, size, reliable }));
        }
        let sent = a.schedule.clone();
        let mut world = World::pair(seed, a, Sender::default(), home());
        while world.step().is_some() {}

        let received = &world.node(NodeId::B).received;
        let arrivals: Vec<String> = received.iter().map(|(at, ..)| at.as_nanos().to_string()).collect();
        let logged: Vec<String> = world
            .log()
            .lines()
            .filter_map(|line| {
                let (_, fate) = line.split_once(" delivered ")?;
                fate.split(' ').next().map(str::to_owned)
            })
            .collect();
        prop_assert_eq!(arrivals, logged);
        prop_assert_eq!(world.log().lines().count(), sent.len());
        let stream = |packets: Vec<&Numbered>| -> Vec<u32> {
            packets.iter().filter(|p| p.reliable).map(|p| p.number).collect()
        };
        prop_assert_eq!(
            stream(received.iter().map(|(_, _, p)| p).collect()),
            stream(sent.iter().map(|(_, _, p)| p).collect())
        );
        prop_assert!(world.node(NodeId::B).numbers().is_sorted());
    }
}

/// The world adds nothing to its links: offered by hand, the same packets meet the same fates.
#[test]
fn a_world_is_its_links() {
    let mut link = common::Alone::new(home(), 1, "a>b");
    let expected: Vec<Time> = (0..500)
        .filter_map(
            |n| match link.offer(Time::from_micros(n * 3_000), 1_100, false) {
                Fate::Delivered { at } => Some(at),
                Fate::Lost { .. } => None,
            },
        )
        .collect();
    let world = busy_world(1);
    let arrivals: Vec<Time> = world
        .node(NodeId::B)
        .received
        .iter()
        .map(|(at, ..)| *at)
        .collect();
    assert_eq!(arrivals, expected);
}
