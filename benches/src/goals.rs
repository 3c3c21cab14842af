//! What a benchmark says: figures, and goals that are reached or missed.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::json;

/// Something that must be, and what it is.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) is: f64,
    /// At least this; else at most.
    pub(crate) at_least: bool,
    pub(crate) bound: f64,
}

impl Goal {
    fn is_reached(&self) -> bool {
        match self.at_least {
            true => self.is >= self.bound,
            false => self.is <= self.bound,
        }
    }
}

/// Figures and goals, as a table line by line or as one object of JSON.
pub(crate) struct Report {
    bench: &'static str,
    json: bool,
    pub(crate) rows: Vec<serde_json::Value>,
    pub(crate) goals: Vec<Goal>,
}

impl Report {
    pub(crate) fn new(bench: &'static str, json: bool) -> Report {
        Report {
            bench,
            json,
            rows: Vec::new(),
            goals: Vec::new(),
        }
    }

    pub(crate) fn say(&self, text: &str) {
        if !self.json {
            println!("{text}");
        }
    }

    /// What is being done, where someone looks on.
    pub(crate) fn doing(&self, text: &str) {
        let mut err = std::io::stderr();
        if err.is_terminal() {
            let _ = write!(err, "\r\x1b[K{text}");
            let _ = err.flush();
        }
    }

    /// Says which goals are reached; with `check` the exit code does as well.
    pub(crate) fn end(&self, check: bool) -> ExitCode {
        self.doing("");
        self.say_goals();
        match check && !self.goals.iter().all(Goal::is_reached) {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        }
    }

    fn say_goals(&self) {
        if self.json {
            let goals: Vec<_> = self
                .goals
                .iter()
                .map(|goal| {
                    let bound = if goal.at_least { "at_least" } else { "at_most" };
                    json!({"what": goal.what, "is": goal.is, bound: goal.bound, "reached": goal.is_reached()})
                })
                .collect();
            println!(
                "{}",
                json!({"bench": self.bench, "figures": self.rows, "goals": goals})
            );
            return;
        }
        println!();
        for goal in &self.goals {
            let mark = if goal.is_reached() {
                "reached"
            } else {
                "MISSED"
            };
            let bound = if goal.at_least { "at least" } else { "at most" };
            println!(
                "goal {mark}: {} is {:.2}, {bound} {:.2}",
                goal.what, goal.is, goal.bound
            );
        }
    }
}
