//! What goes wrong, at random, and is over by a time.

use std::collections::BTreeSet;
use std::time::Duration;

use duet_sim::{
    Fault, FaultKind, LinkChange, LinkRef, Loss, OutageMode, Place, Probability, Rate, Role,
    Scenario, Stream, Time,
};

use super::weights::{Weights, one_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Outage,
    Partition,
    OneWay,
    CrashClient,
    CrashServer,
    Handover,
    NatFlush,
    NatRenumber,
    WorseLink,
    Drop,
}

const KINDS: &[Kind] = &[
    Kind::Outage,
    Kind::Partition,
    Kind::OneWay,
    Kind::CrashClient,
    Kind::CrashServer,
    Kind::Handover,
    Kind::NatFlush,
    Kind::NatRenumber,
    Kind::WorseLink,
    Kind::Drop,
];

/// How long faults last, in milliseconds: less than a round trip, some, and long enough for links to be given up, for
/// sessions to be resumed, and for them to be lost.
const LENGTHS: &[u64] = &[20, 300, 2_000, 8_000, 23_000, 40_000, 70_000];

/// Packets that a list of losses names are below this number.
const NUMBERS: u64 = 400;

struct Builder<'s> {
    scenario: &'s mut Scenario,
    stream: Stream,
    healed: Time,
}

/// Adds faults. From `healed` on, nothing is disturbed any more.
pub(super) fn add(scenario: &mut Scenario, seed: u64, healed: Time) {
    let mut stream = Stream::new(seed, "swarm/faults");
    let has_nat = scenario.nodes.iter().any(|node| node.role == Role::Nat);
    let possible = KINDS.iter().copied();
    let possible: Vec<Kind> = possible
        .filter(|kind| has_nat || !matches!(kind, Kind::NatFlush | Kind::NatRenumber))
        .collect();
    let kinds = Weights::some_of(&mut stream, &possible);
    let count = 1 << stream.below(4);
    let mut builder = Builder {
        scenario,
        stream,
        healed,
    };
    for _ in 0..count {
        if let Some(kind) = kinds.draw(&mut builder.stream) {
            builder.fault(kind);
        }
    }
}

impl Builder<'_> {
    fn fault(&mut self, kind: Kind) {
        let (at, lasts) = self.span();
        let (client, nat) = (self.some(Role::Client), self.some(Role::Nat));
        let link = self.link();
        let modes = [OutageMode::Drop, OutageMode::Hold, OutageMode::Burst];
        let mode = one_of(&mut self.stream, &modes).unwrap_or_default();
        let kind = match kind {
            Kind::Outage => Some(FaultKind::Outage {
                link,
                lasts: Some(lasts),
                mode,
            }),
            Kind::Partition | Kind::OneWay => self.partition(kind == Kind::Partition, lasts),
            Kind::CrashClient => client.map(|node| FaultKind::Crash {
                node,
                restart_after: (self.stream.below(4) > 0).then_some(lasts),
            }),
            Kind::CrashServer => self.some(Role::Server).map(|node| FaultKind::Crash {
                node,
                restart_after: Some(lasts),
            }),
            Kind::Handover => client.map(|node| FaultKind::Handover {
                node,
                outage: lasts,
                mode,
                new_address: self.stream.below(2) == 0,
                set: LinkChange {
                    delay: Some(Duration::from_millis(5 << self.stream.below(6))),
                    ..LinkChange::default()
                },
            }),
            Kind::NatFlush => nat.map(|node| FaultKind::NatFlush { node }),
            Kind::NatRenumber => nat.map(|node| FaultKind::NatRenumber { node }),
            Kind::WorseLink => Some(FaultKind::Link {
                link,
                set: self.worse(),
                lasts: Some(lasts),
            }),
            Kind::Drop => {
                let count = 1 << self.stream.below(6);
                let first = self.stream.below(NUMBERS);
                let numbers = (0..count).map(|_| first + self.stream.below(2 * count));
                let packets: BTreeSet<u64> = numbers.collect();
                let packets = packets.into_iter().collect();
                Some(FaultKind::Drop { link, packets })
            }
        };
        let Some(kind) = kind else { return };
        let at = match kind {
            FaultKind::Drop { .. } => Time::ZERO,
            _ => at,
        };
        self.scenario.faults.push(Fault {
            id: format!("fault-{}", self.scenario.faults.len() + 1),
            at,
            kind,
            place: Place::default(),
        });
    }

    /// When a fault begins, and how long it lasts: until everything is healed at the latest.
    fn span(&mut self) -> (Time, Duration) {
        let room = (self.healed.as_micros() / 1_000).max(2);
        let at = self.stream.below(room - 1);
        let length = one_of(&mut self.stream, LENGTHS).unwrap_or(1);
        let lasts = length.min(room - at).max(1);
        (Time::from_millis(at), Duration::from_millis(lasts))
    }

    fn some(&mut self, role: Role) -> Option<usize> {
        let nodes = self.scenario.nodes.iter().enumerate();
        let nodes: Vec<usize> = nodes
            .filter(|(_, node)| node.role == role)
            .map(|(index, _)| index)
            .collect();
        one_of(&mut self.stream, &nodes)
    }

    /// A link, or one direction of one.
    fn link(&mut self) -> LinkRef {
        let index = self.stream.below(self.scenario.links.len() as u64) as usize;
        let link = self.scenario.links[index].reference();
        match self.stream.below(3) {
            0 => link,
            1 => LinkRef {
                both: false,
                ..link
            },
            _ => LinkRef {
                from: link.to,
                to: link.from,
                both: false,
            },
        }
    }

    /// Some clients and the server, who hear nothing of each other any more; or one of the other.
    fn partition(&mut self, both: bool, lasts: Duration) -> Option<FaultKind> {
        let server = self.some(Role::Server)?;
        let always = self.some(Role::Client)?;
        let mut clients = Vec::new();
        for (index, node) in self.scenario.nodes.iter().enumerate() {
            let also = self.stream.below(2) == 0;
            if node.role == Role::Client && (also || index == always) {
                clients.push(index);
            }
        }
        let (from, to) = match self.stream.below(2) {
            0 => (clients, vec![server]),
            _ => (vec![server], clients),
        };
        let lasts = Some(lasts);
        Some(FaultKind::Partition {
            from,
            to,
            both,
            lasts,
        })
    }

    /// A link with which nobody could live for long.
    fn worse(&mut self) -> LinkChange {
        let level = self.stream.below(3) as usize;
        let loss = Probability::from_ppm([100_000, 300_000, 800_000][level]);
        match self.stream.below(3) {
            0 => LinkChange {
                loss: Some(Loss::Independent(loss)),
                ..LinkChange::default()
            },
            1 => LinkChange {
                delay: Some(Duration::from_millis([500, 2_000, 6_000][level])),
                ..LinkChange::default()
            },
            _ => LinkChange {
                rate: Some(Rate::new([128_000, 32_000, 8_000][level])),
                trace: Some(None), // as a file means it that says a rate
                queue: Some(Some(16_000).into()),
                ..LinkChange::default()
            },
        }
    }
}
