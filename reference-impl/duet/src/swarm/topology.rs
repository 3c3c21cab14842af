//! Networks at random: who is there, what lies between them, and what their links are like.

use std::time::Duration;

use duet_sim::link::{Corrupt, Corruption, Duplicate, EcnMangle, Policer, Reorder};
use duet_sim::net::{FirewallConfig, NatConfig};
use duet_sim::{
    FirewallSpec, Jitter, LinkConfig, LinkSpec, Loss, NatSpec, NodeSpec, Probability, QueueConfig,
    Rate, Role, Scenario, Stream,
};

use super::weights::{Weights, one_of};

/// Clients at most.
const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

/// How a client is connected.
#[derive(Clone, Copy, Debug)]
enum Access {
    /// By a link of its own.
    Direct,
    /// Behind a router of its own.
    Router,
    /// Behind a NAT of its own.
    Home,
    /// Behind a NAT behind a NAT that others may share.
    Carrier,
    /// Behind a firewall that others may share.
    Office,
}

/// What a link does beside passing packets on.
#[derive(Clone, Copy, Debug)]
enum Trait {
    Rate,
    Managed,
    Policer,
    Delay,
    Jitter,
    Loss,
    Bursts,
    Reorder,
    Duplicate,
    Corrupt,
    Marks,
}

const ACCESS: &[Access] = &[
    Access::Direct,
    Access::Router,
    Access::Home,
    Access::Carrier,
    Access::Office,
];

const TRAITS: &[Trait] = &[
    Trait::Rate,
    Trait::Managed,
    Trait::Policer,
    Trait::Delay,
    Trait::Jitter,
    Trait::Loss,
    Trait::Bursts,
    Trait::Reorder,
    Trait::Duplicate,
    Trait::Corrupt,
    Trait::Marks,
];

/// Queues that drop or mark before they are full.
const MANAGED: &[&str] = &["drop-head", "codel", "fq-codel", "red", "pie"];

struct Builder<'s> {
    scenario: &'s mut Scenario,
    stream: Stream,
    traits: Weights<Trait>,
    /// The most traits that a link has.
    most: u64,
    /// Where everybody's way to the server begins.
    hub: usize,
}

/// Adds nodes and links: a server, two clients or more, and what is between them. Every client reaches the server.
pub(super) fn build(scenario: &mut Scenario, seed: u64) {
    let mut stream = Stream::new(seed, "swarm/topology");
    let traits = Weights::some_of(&mut stream, TRAITS);
    let access = Weights::some_of(&mut stream, ACCESS);
    let most = stream.below(4);
    let clients = 2 + stream.below(NAMES.len() as u64 - 1) as usize;
    let with_core = stream.below(3) == 0;
    scenario.nodes.push(NodeSpec::new("server", Role::Server));
    let mut builder = Builder {
        scenario,
        stream,
        traits,
        most,
        hub: 0,
    };
    if with_core {
        builder.hub = builder.node("core", Role::Router, 0);
    }
    for name in NAMES.iter().take(clients) {
        builder.client(name, &access);
    }
}

impl Builder<'_> {
    /// A node with a link to another.
    fn node(&mut self, name: &str, role: Role, to: usize) -> usize {
        let node = self.scenario.nodes.len();
        self.scenario.nodes.push(NodeSpec::new(name, role));
        let mut config = self.quality();
        let mut back = match self.stream.below(2) {
            0 => config.clone(),
            _ => self.quality(),
        };
        if to == 0 {
            // Every way leads over a link to the server, and TCP has no end where nothing takes time.
            for way in [&mut config, &mut back] {
                way.delay = way.delay.max(Duration::from_millis(1));
            }
        }
        self.scenario.links.push(LinkSpec {
            back: Some(back),
            ..link(node, to, config)
        });
        node
    }

    fn nat(&mut self, name: &str, presets: &[&str], to: usize) -> usize {
        let node = self.node(name, Role::Nat, to);
        let preset = one_of(&mut self.stream, presets).and_then(NatConfig::preset);
        self.scenario.nodes[node].nat = Some(NatSpec {
            config: preset.unwrap_or_default(),
            outside: to,
            addresses: 1,
        });
        node
    }

    fn client(&mut self, name: &str, access: &Weights<Access>) {
        let behind = match access.draw(&mut self.stream) {
            None | Some(Access::Direct) => self.hub,
            Some(Access::Router) => self.node(&format!("{name}-router"), Role::Router, self.hub),
            Some(Access::Home) => {
                let presets = ["home", "open", "symmetric", "rfc4787"];
                self.nat(&format!("{name}-nat"), &presets, self.hub)
            }
            Some(Access::Carrier) => {
                let carrier = match self.scenario.node("carrier") {
                    Some(carrier) => carrier,
                    None => self.nat("carrier", &["carrier", "mobile"], self.hub),
                };
                self.nat(&format!("{name}-nat"), &["home", "rfc4787"], carrier)
            }
            Some(Access::Office) => match self.scenario.node("office") {
                Some(office) => office,
                None => {
                    let hub = self.hub;
                    let office = self.node("office", Role::Firewall, hub);
                    let config = FirewallConfig::preset("stateful").unwrap_or_default();
                    let outside = hub;
                    self.scenario.nodes[office].firewall = Some(FirewallSpec { config, outside });
                    office
                }
            },
        };
        self.node(name, Role::Client, behind);
    }

    /// A link that is used as it is until the end: bad, but such that one can live with it.
    fn quality(&mut self) -> LinkConfig {
        let mut config = LinkConfig::default();
        let count = self.stream.below(self.most + 1);
        for _ in 0..count {
            let kind = self.traits.draw(&mut self.stream);
            let level = self.stream.below(3) as usize;
            let pick = |values: [u64; 3]| values[level];
            let chance = |ppm: [u32; 3]| Probability::from_ppm(ppm[level]);
            let millis = |values| Duration::from_millis(pick(values));
            match kind {
                None => {}
                Some(Trait::Rate) => {
                    config.rate = Rate::new(pick([20_000_000, 2_000_000, 800_000]));
                    config.queue = QueueConfig::bytes(pick([256_000, 64_000, 32_000]));
                }
                Some(Trait::Managed) => {
                    config.rate = Rate::new(pick([20_000_000, 4_000_000, 1_200_000]));
                    config.queue = QueueConfig::bytes(256_000);
                    let name = one_of(&mut self.stream, MANAGED).unwrap_or("codel");
                    config.queue.discipline = name.parse().unwrap_or_default();
                }
                Some(Trait::Policer) => {
                    config.policer =
                        Rate::new(pick([20_000_000, 4_000_000, 1_200_000])).map(|rate| Policer {
                            rate,
                            burst: 30_000,
                        });
                }
                Some(Trait::Marks) => {
                    let share = chance([10_000, 100_000, 1_000_000]);
                    config.ecn = match self.stream.below(2) {
                        0 => EcnMangle {
                            bleach: share,
                            ..EcnMangle::default()
                        },
                        _ => EcnMangle {
                            mark: share,
                            ..EcnMangle::default()
                        },
                    };
                }
                Some(Trait::Delay) => config.delay = millis([5, 40, 250]),
                Some(Trait::Jitter) => config.jitter = Jitter::uniform(millis([2, 10, 50])),
                Some(Trait::Loss) => {
                    config.loss = Loss::Independent(chance([1_000, 10_000, 30_000]))
                }
                Some(Trait::Bursts) => {
                    // In time: one that ends after some packets may last for minutes where few are sent.
                    let share = chance([5_000, 10_000, 20_000]);
                    config.loss = Loss::bursts(share, millis([20, 80, 300]));
                }
                Some(Trait::Reorder) => {
                    config.reorder = Reorder {
                        probability: chance([1_000, 10_000, 100_000]),
                        every: 0,
                        extra: millis([3, 10, 30]),
                    };
                }
                Some(Trait::Duplicate) => {
                    config.duplicate = Duplicate {
                        probability: chance([1_000, 10_000, 100_000]),
                        delay: millis([0, 5, 50]),
                    };
                }
                Some(Trait::Corrupt) => {
                    config.corrupt = Corrupt {
                        probability: chance([1_000, 5_000, 20_000]),
                        corruption: [
                            Corruption::BitFlip,
                            Corruption::Truncate,
                            Corruption::Garbage,
                        ][level],
                    };
                }
            }
        }
        config
    }
}

/// A link without a name.
fn link(from: usize, to: usize, config: LinkConfig) -> LinkSpec {
    LinkSpec {
        place: duet_sim::Place::default(),
        name: None,
        from,
        to,
        medium: None,
        back: None,
        config,
    }
}
