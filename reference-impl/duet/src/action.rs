//! What a client is told to do by the steps of a scenario.
//!
//! | `do` | with |
//! |---|---|
//! | `login`, `logout`, `hangup` | |
//! | `join`, `leave` | `room` |
//! | `text`, `data` | `to` a client or `room`; `count` and `every` for several |
//! | `call` | `to` a client |

use std::time::Duration;

use duet_sim::units::parse_duration;
use duet_sim::{Role, Scenario, ScenarioError, Step, Time};

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It logs in, and stays so.
    LogIn,
    /// It logs out.
    LogOut,
    /// It enters the room of this name.
    Join(String),
    /// It leaves the room of this name.
    Leave(String),
    /// It sends a message of its own.
    Send(Kind, To),
    /// It calls a client.
    Call(usize),
    /// It hangs up.
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
    /// The user whom a client last was.
    User(usize),
    /// That client's last session.
    Session(usize),
    /// The others in the room of this name.
    Room(String),
}

/// Every `do`, with the keys that it may have.
const KNOWN: &[(&str, &[&str])] = &[
    ("login", &[]),
    ("logout", &[]),
    ("join", &["room"]),
    ("leave", &["room"]),
    ("text", &["to", "room", "count", "every"]),
    ("data", &["to", "room", "count", "every"]),
    ("call", &["to"]),
    ("hangup", &[]),
];

/// Most actions of one step.
const MAX_COUNT: i64 = 100_000;

impl Action {
    /// The client whom it concerns, if it does.
    pub fn whom(&self) -> Option<usize> {
        match self {
            Self::Call(whom) | Self::Send(_, To::User(whom) | To::Session(whom)) => Some(*whom),
            _ => None,
        }
    }

    /// The same, with clients by other numbers.
    #[must_use]
    pub fn about(self, number: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Call(whom) => Self::Call(number(whom)),
            Self::Send(kind, To::User(whom)) => Self::Send(kind, To::User(number(whom))),
            Self::Send(kind, To::Session(whom)) => Self::Send(kind, To::Session(number(whom))),
            other => other,
        }
    }

    /// Reads a step, which may be several actions. Clients are indices of the scenario's nodes.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] at the step: an unknown action, a key that it does not have or lacks, a node that is no client.
    pub fn read(scenario: &Scenario, step: &Step) -> Result<Vec<(Time, Self)>, ScenarioError> {
        let reader = Reader { scenario, step };
        let Some((action, keys)) = KNOWN.iter().find(|(name, _)| *name == step.action) else {
            let known: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
            let message = format!("nobody can `{}`", step.action);
            return Err(reader.fail("do", &message, &known));
        };
        if let Some(key) = step.args.keys().find(|key| !keys.contains(&key.as_str())) {
            let message = format!("unknown key `{key}`");
            return Err(scenario.error_in(step.place, &[key], message, Some(keys)));
        }
        reader.client("do", step.who)?;
        let action = match *action {
            "login" => Self::LogIn,
            "logout" => Self::LogOut,
            "join" => Self::Join(reader.room()?),
            "leave" => Self::Leave(reader.room()?),
            "text" => Self::Send(Kind::Text, reader.receiver()?),
            "data" => Self::Send(Kind::Data, reader.receiver()?),
            "call" => Self::Call(reader.whom()?),
            _ => Self::HangUp,
        };
        let (count, every) = (reader.count()?, reader.every()?);
        let times = (0..count).map(|turn| step.at.after(every * turn));
        Ok(times.map(|at| (at, action.clone())).collect())
    }
}

struct Reader<'a> {
    scenario: &'a Scenario,
    step: &'a Step,
}

impl Reader<'_> {
    /// An error at a key of the step; with the words known there, if there are any.
    fn fail(&self, key: &str, message: &str, known: &[&str]) -> ScenarioError {
        let error = self
            .scenario
            .error_in(self.step.place, &[key], message, None);
        match known {
            [] => error,
            known => ScenarioError {
                help: Some(format!("known here: {}", known.join(", ")).into()),
                ..error
            },
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, ScenarioError> {
        match self.step.args.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fail(key, "this is a text, in quotes", &[])),
        }
    }

    fn room(&self) -> Result<String, ScenarioError> {
        let room = self.text("room")?.map(str::to_owned);
        room.ok_or_else(|| self.fail("do", "which `room`?", &[]))
    }

    fn whom(&self) -> Result<usize, ScenarioError> {
        let Some(name) = self.text("to")? else {
            return Err(self.fail("do", "`to` whom?", &[]));
        };
        match self.scenario.node(name) {
            Some(node) => self.client("to", node),
            None => Err(self.fail("to", "no node of that name", &[])),
        }
    }

    fn receiver(&self) -> Result<To, ScenarioError> {
        match (self.step.args.get("to"), self.step.args.get("room")) {
            (Some(_), Some(_)) => {
                Err(self.fail("room", "either `to` somebody or to a `room`", &[]))
            }
            (None, Some(_)) => self.room().map(To::Room),
            (_, None) => self.whom().map(To::User),
        }
    }

    /// The node, if it is a client.
    fn client(&self, key: &str, node: usize) -> Result<usize, ScenarioError> {
        match self.scenario.nodes.get(node) {
            Some(spec) if spec.role == Role::Client => Ok(node),
            _ => Err(self.fail(key, "only a client does that, or has it done to it", &[])),
        }
    }

    fn count(&self) -> Result<u32, ScenarioError> {
        match self.step.args.get("count") {
            None => Ok(1),
            Some(toml::Value::Integer(count)) if (1..=MAX_COUNT).contains(count) => {
                Ok(u32::try_from(*count).unwrap_or(1))
            }
            Some(_) => {
                let message = format!("this is a whole number, 1 to {MAX_COUNT}");
                Err(self.fail("count", &message, &[]))
            }
        }
    }

    fn every(&self) -> Result<Duration, ScenarioError> {
        match self.text("every")? {
            None if self.step.args.contains_key("count") => {
                Err(self.fail("count", "`every` how long?", &[]))
            }
            None => Ok(Duration::ZERO),
            Some(text) => {
                parse_duration(text).map_err(|error| self.fail("every", &error.to_string(), &[]))
            }
        }
    }
}
