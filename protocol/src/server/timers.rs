//! Every deadline of the server in one ordered set: the next one is found without asking anyone.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::io::{ConnId, Deadline, Timer};
use crate::service::DecisionId;
use crate::time::Instant;

use super::envelope::Owner;

/// Whose deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Owner(Owner),
    Conn(ConnId),
    Decision(DecisionId),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, Key)>,
    by_key: BTreeMap<Key, Instant>,
    doors: usize,
}

impl Timers {
    /// Sets or clears one deadline.
    pub(crate) fn set(&mut self, key: Key, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.by_key.insert(key, at),
            None => self.by_key.remove(&key),
        };
        if before == at {
            return;
        }
        if let Key::Conn(_) = key {
            match (before, at) {
                (None, Some(_)) => self.doors = self.doors.saturating_add(1),
                (Some(_), None) => self.doors = self.doors.saturating_sub(1),
                _ => {}
            }
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, key));
        }
        if let Some(at) = at {
            self.by_time.insert((at, key));
        }
    }

    /// Takes one deadline that has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Key> {
        let (at, key) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.pop_first();
        self.by_key.remove(&key);
        if let Key::Conn(_) = key {
            self.doors = self.doors.saturating_sub(1);
        }
        Some(key)
    }

    /// How many connections have a deadline of their own: those that have not logged in, attached or linked, and the few
    /// links of services.
    pub(crate) const fn doors(&self) -> usize {
        self.doors
    }

    pub(crate) fn next(&self) -> Option<Deadline> {
        let (at, key) = self.by_time.first()?;
        let timer = match key {
            Key::Owner(Owner::Session(_)) => Timer::Heartbeat,
            Key::Owner(Owner::Call(_)) => Timer::Ring,
            Key::Owner(Owner::Transfer(_)) => Timer::Stall,
            Key::Owner(Owner::Relay(_)) => Timer::Pacing,
            Key::Owner(_) => Timer::Expiry,
            Key::Conn(_) => Timer::Login,
            Key::Decision(_) => Timer::Decision,
        };
        Some(Deadline { at: *at, timer })
    }
}
