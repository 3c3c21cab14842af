//! What applications do, as a scenario's steps say it; the same for every driver.
//!
//! | `do` | with |
//! |---|---|
//! | `login`, `logout` | |
//! | `join`, `leave` | `room` |
//! | `send` (text), `data` | one of `to` (a user), `session` and `room`; `size`; `count` and `every` for several |
//! | `call` | `to`; `length` |
//! | `hang-up` | |

use std::time::Duration;

use duet_sim::units::{parse_duration, parse_size};
use duet_sim::{Role, Scenario, ScenarioError, Step, Time};

/// Something that a client's application does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// It logs in, and stays so.
    LogIn,
    /// It logs out.
    LogOut,
    /// It enters the room of this name.
    Join(String),
    /// It leaves the room of this name.
    Leave(String),
    /// It sends a message of its own, of so many bytes at least.
    Send(Kind, To, usize),
    /// It calls the client of this number, and hangs up so long after it first sees the other.
    Call(usize, Option<Duration>),
    /// It hangs up, cancels or declines.
    HangUp,
}

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For people.
    Text,
    /// For programs.
    Data,
}

/// To whom a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// The user whom the client of this number last was.
    User(usize),
    /// That client's last session.
    Session(usize),
    /// The others in the room of this name.
    Room(String),
}

/// The actions, each with its keys beside `at`, `who`, `do` and `apart`.
const ACTIONS: &[(&str, &[&str])] = &[
    ("login", &[]),
    ("logout", &[]),
    ("join", &["room"]),
    ("leave", &["room"]),
    ("send", &["room", "to", "session", "size", "count", "every"]),
    ("data", &["room", "to", "session", "size", "count", "every"]),
    ("call", &["to", "length"]),
    ("hang-up", &[]),
];

/// So many clients are named where a name is none of theirs.
const NAMED: usize = 8;

/// Most actions of one step.
const MAX_COUNT: i64 = 100_000;

impl Op {
    /// The client whom it concerns, if it does.
    pub fn whom(&self) -> Option<usize> {
        match self {
            Self::Call(whom, _) | Self::Send(_, To::User(whom) | To::Session(whom), _) => {
                Some(*whom)
            }
            _ => None,
        }
    }

    /// The same, with clients by other numbers.
    #[must_use]
    pub fn about(self, number: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Call(whom, length) => Self::Call(number(whom), length),
            Self::Send(kind, To::User(whom), size) => {
                Self::Send(kind, To::User(number(whom)), size)
            }
            Self::Send(kind, To::Session(whom), size) => {
                Self::Send(kind, To::Session(number(whom)), size)
            }
            other => other,
        }
    }
}

/// The clients of a scenario: the indices of their nodes. A client's number is its place here.
pub fn clients(scenario: &Scenario) -> Vec<usize> {
    let nodes = scenario.nodes.iter().enumerate();
    nodes
        .filter(|(_, node)| node.role == Role::Client)
        .map(|(index, _)| index)
        .collect()
}

/// What each client does, by its number, in the order of time. One that is never told to log in does so at the
/// beginning.
///
/// # Errors
///
/// [`ScenarioError`] at a step that says what nobody can do.
pub fn agendas(scenario: &Scenario) -> Result<Vec<Vec<(Time, Op)>>, ScenarioError> {
    let clients = clients(scenario);
    let mut agendas = vec![Vec::new(); clients.len()];
    for step in &scenario.steps {
        let (who, ops) = read(scenario, &clients, step)?;
        agendas[who].extend(ops);
    }
    for agenda in &mut agendas {
        agenda.sort_by_key(|(at, _)| *at);
        if !agenda.iter().any(|(_, op)| *op == Op::LogIn) {
            agenda.insert(0, (Time::ZERO, Op::LogIn));
        }
    }
    Ok(agendas)
}

/// Reads a step, which may be several actions: the number of the client that does it, and what it does when. `clients`
/// are those of [`clients`].
///
/// # Errors
///
/// [`ScenarioError`] at the step: an unknown action, a key that it does not have or lacks, a node that is no client.
pub fn read(
    scenario: &Scenario,
    clients: &[usize],
    step: &Step,
) -> Result<(usize, Vec<(Time, Op)>), ScenarioError> {
    let who = clients.iter().position(|node| *node == step.who);
    let who = who.ok_or_else(|| at(scenario, step, "who", "only a client follows a script"))?;
    let op = op(scenario, clients, step)?;
    let fail = |key: &str, message: &str| at(scenario, step, key, message);
    let count = match step.args.get("count") {
        None => 1,
        Some(toml::Value::Integer(count)) if (1..=MAX_COUNT).contains(count) => *count,
        Some(_) => {
            let message = format!("this is a whole number, 1 to {MAX_COUNT}");
            return Err(fail("count", &message));
        }
    };
    let every = match step.args.get("every") {
        None if step.args.contains_key("count") => {
            return Err(fail("count", "`every` how long?"));
        }
        None => Duration::ZERO,
        Some(toml::Value::String(text)) => {
            parse_duration(text).map_err(|error| fail("every", &error.to_string()))?
        }
        Some(_) => return Err(fail("every", "this is a text, in quotes")),
    };
    let count = u32::try_from(count).unwrap_or(1);
    let times = (0..count).map(|turn| step.at.after(every * turn));
    Ok((who, times.map(|at| (at, op.clone())).collect()))
}

fn op(scenario: &Scenario, clients: &[usize], step: &Step) -> Result<Op, ScenarioError> {
    let fail = |key: &str, message: &str| at(scenario, step, key, message);
    let known: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
    let action = ACTIONS.iter().find(|(name, _)| *name == step.action);
    let (_, keys) = action.ok_or_else(|| {
        let message = format!(
            "nobody can `{}`; there is {}",
            step.action,
            known.join(", ")
        );
        fail("do", &message)
    })?;
    if let Some(key) = step.args.keys().find(|key| !keys.contains(&key.as_str())) {
        let message = match keys {
            [] => format!("`{}` takes no `{key}`", step.action),
            keys => format!(
                "`{}` takes {}, and no `{key}`",
                step.action,
                keys.join(", ")
            ),
        };
        return Err(fail(key, &message));
    }
    let text = |key: &str| match step.args.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(fail(key, "this is a text, in quotes")),
    };
    let client = |key: &str| {
        let Some(name) = text(key)? else {
            return Ok(None);
        };
        let node = scenario.node(name);
        let number = clients.iter().position(|client| Some(*client) == node);
        number.map(Some).ok_or_else(|| {
            let names = clients.iter().map(|client| scenario.node_name(*client));
            let names: Vec<&str> = names.take(NAMED).collect();
            let more = if clients.len() > NAMED { ", …" } else { "" };
            let message = format!(
                "no client is called `{name}`; there is {}{more}",
                names.join(", ")
            );
            fail(key, &message)
        })
    };
    let room = |key| text(key).map(|name| name.map(str::to_owned));
    let needed = |key: &str| fail(key, &format!("`{}` needs `{key}`", step.action));
    Ok(match step.action.as_str() {
        "login" => Op::LogIn,
        "logout" => Op::LogOut,
        "join" => Op::Join(room("room")?.ok_or_else(|| needed("room"))?),
        "leave" => Op::Leave(room("room")?.ok_or_else(|| needed("room"))?),
        "hang-up" => Op::HangUp,
        "call" => {
            let to = client("to")?.ok_or_else(|| needed("to"))?;
            if clients[to] == step.who {
                return Err(fail("to", "nobody calls himself"));
            }
            let length = text("length")?.map(parse_duration).transpose();
            Op::Call(
                to,
                length.map_err(|error| fail("length", &error.to_string()))?,
            )
        }
        action => {
            let kind = if action == "send" {
                Kind::Text
            } else {
                Kind::Data
            };
            let size = text("size")?.map(parse_size).transpose();
            let size = size.map_err(|error| fail("size", &error.to_string()))?;
            let size = usize::try_from(size.unwrap_or(0)).unwrap_or(usize::MAX);
            if size > 16_000 {
                return Err(fail("size", "a message has at most 16 000 bytes"));
            }
            match (room("room")?, client("to")?, client("session")?) {
                (Some(room), None, None) => Op::Send(kind, To::Room(room), size),
                (None, Some(user), None) => Op::Send(kind, To::User(user), size),
                (None, None, Some(session)) => Op::Send(kind, To::Session(session), size),
                _ => {
                    let message = format!("`{action}` needs one of `room`, `to` and `session`");
                    return Err(fail("do", &message));
                }
            }
        }
    })
}

fn at(scenario: &Scenario, step: &Step, key: &str, message: &str) -> ScenarioError {
    scenario.error_in(step.place, &[key], message, None)
}
