//! What applications do, at random.

use std::time::Duration;

use duet_sim::units::show_duration;
use duet_sim::{Place, Role, Scenario, Step, Stream, Time};
use toml::{Table, Value};

use super::weights::{Weights, one_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SendToUser,
    SendToSession,
    SendToRoom,
    Data,
    Join,
    Leave,
    Call,
    HangUp,
    LogOut,
}

const KINDS: &[Kind] = &[
    Kind::SendToUser,
    Kind::SendToSession,
    Kind::SendToRoom,
    Kind::Data,
    Kind::Join,
    Kind::Leave,
    Kind::Call,
    Kind::HangUp,
    Kind::LogOut,
];

const ROOMS: &[&str] = &["kitchen", "hall"];

/// The longest call.
const LONGEST_CALL: u64 = 8_000;

struct Builder<'s> {
    scenario: &'s mut Scenario,
    stream: Stream,
    clients: Vec<usize>,
}

/// Adds steps up to a time; says when the last of what they begin has ended.
pub(super) fn add(scenario: &mut Scenario, seed: u64, until: Time) -> Time {
    let mut stream = Stream::new(seed, "swarm/steps");
    let nodes = scenario.nodes.iter().enumerate();
    let clients: Vec<usize> = nodes
        .filter(|(_, node)| node.role == Role::Client)
        .map(|(index, _)| index)
        .collect();
    let kinds = Weights::some_of(&mut stream, KINDS);
    // A few do most.
    let who = Weights::some_of(&mut stream, &clients);
    let millis = until.as_micros() / 1_000;
    let mut builder = Builder {
        scenario,
        stream,
        clients: clients.clone(),
    };
    for client in clients {
        let at = builder.stream.below(3) * builder.stream.below(1_000);
        builder.step(at, client, "login", &[]);
        for room in ROOMS {
            if builder.stream.below(3) == 0 {
                builder.step(at + 700, client, "join", &[("room", room)]);
            }
        }
    }
    let bursts = 1 << builder.stream.below(4);
    let mut last = 0;
    for _ in 0..bursts {
        let mut at = builder.stream.below(millis.max(1));
        let length = 1 + builder.stream.below(8);
        let apart = one_of(&mut builder.stream, &[0, 1, 10, 100, 1_500]).unwrap_or(0);
        for _ in 0..length {
            let client = who.draw(&mut builder.stream);
            let kind = kinds.draw(&mut builder.stream);
            if let (Some(client), Some(kind)) = (client, kind) {
                last = last.max(builder.act(at, client, kind));
            }
            at += builder.stream.below(2 * apart + 1);
        }
    }
    builder.scenario.steps.sort_by_key(|step| step.at);
    if builder
        .scenario
        .steps
        .iter()
        .any(|step| step.action == "call")
    {
        builder.scenario.media = media();
    }
    Time::from_millis(last.max(millis))
}

/// Little of it: what matters is that it is there.
fn media() -> Table {
    let mut video = Table::new();
    video.insert("width".into(), 128.into());
    video.insert("height".into(), 96.into());
    video.insert("frames_per_second".into(), 5.into());
    video.insert("bitrate".into(), "40 kb/s".into());
    let mut audio = Table::new();
    audio.insert("bitrate".into(), "16 kb/s".into());
    Table::from_iter([
        ("video".to_owned(), Value::Table(video)),
        ("audio".to_owned(), Value::Table(audio)),
    ])
}

impl Builder<'_> {
    /// Adds a step of this kind; says when what it begins has ended, in milliseconds.
    fn act(&mut self, at: u64, client: usize, kind: Kind) -> u64 {
        let others = self.clients.iter().filter(|other| **other != client);
        let others: Vec<usize> = others.copied().collect();
        let other = one_of(&mut self.stream, &others).unwrap_or(client);
        let other = self.scenario.nodes[other].name.clone();
        let room = one_of(&mut self.stream, ROOMS).unwrap_or_default();
        let size = one_of(&mut self.stream, &["0 B", "0 B", "200 B", "1300 B", "7 kB"]);
        let size = ("size", size.unwrap_or_default());
        let length = 100 + self.stream.below(LONGEST_CALL);
        match kind {
            Kind::SendToUser => self.step(at, client, "send", &[("to", &other), size]),
            Kind::SendToSession => self.step(at, client, "send", &[("session", &other), size]),
            Kind::SendToRoom => self.step(at, client, "send", &[("room", room), size]),
            Kind::Data => self.step(at, client, "data", &[("to", &other), size]),
            Kind::Join => self.step(at, client, "join", &[("room", room)]),
            Kind::Leave => self.step(at, client, "leave", &[("room", room)]),
            Kind::Call => {
                let lasts = show_duration(Duration::from_millis(length));
                self.step(at, client, "call", &[("to", &other), ("length", &lasts)]);
                return at + length;
            }
            Kind::HangUp => self.step(at, client, "hang-up", &[]),
            Kind::LogOut => {
                self.step(at, client, "logout", &[]);
                let again = at + length;
                self.step(again, client, "login", &[]);
                return again;
            }
        }
        at
    }

    fn step(&mut self, at: u64, who: usize, action: &str, args: &[(&str, &str)]) {
        let args = args.iter().filter(|(_, value)| *value != "0 B");
        let args = args.map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
        self.scenario.steps.push(Step {
            at: Time::from_millis(at),
            who,
            action: action.to_owned(),
            args: args.collect(),
            place: Place::default(),
        });
    }
}
