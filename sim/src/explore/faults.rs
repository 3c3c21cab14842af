//! What may go wrong in an exploration, and how often.

use core::fmt;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A message in flight is lost.
    Drop,
    /// A message in flight is there twice.
    Duplicate,
    /// A message in flight overtakes those ahead of it.
    Reorder,
    /// A participant loses what it did not store, and its connections.
    Crash,
    /// A timer fires although what it waits for is still on its way.
    Timeout,
}

/// How many faults of each kind may still happen.
///
/// Part of the state: each fault takes one away. So "exhaustive" means: every order of every action, with up to this many
/// faults, at any moment. A count of [`Faults::UNLIMITED`] is never used up.
///
/// ```
/// use duet_sim::explore::{Fault, Faults};
///
/// let mut faults = Faults { drops: 1, ..Faults::NONE };
/// assert_eq!(faults.to_string(), "1 drop");
/// assert!(faults.spend(Fault::Drop));
/// assert!(!faults.spend(Fault::Drop));
/// assert_eq!(faults, Faults::NONE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Faults {
    /// Messages that may be lost.
    pub drops: u8,
    /// Copies that may appear.
    pub duplicates: u8,
    /// Messages that may overtake.
    pub reorders: u8,
    /// Crashes.
    pub crashes: u8,
    /// Timers that may fire early.
    pub timeouts: u8,
}

impl Faults {
    /// No fault at all.
    pub const NONE: Faults = Faults {
        drops: 0,
        duplicates: 0,
        reorders: 0,
        crashes: 0,
        timeouts: 0,
    };

    /// A count that is never used up.
    pub const UNLIMITED: u8 = u8::MAX;

    /// How many faults of this kind may still happen.
    pub fn left(&self, fault: Fault) -> u8 {
        match fault {
            Fault::Drop => self.drops,
            Fault::Duplicate => self.duplicates,
            Fault::Reorder => self.reorders,
            Fault::Crash => self.crashes,
            Fault::Timeout => self.timeouts,
        }
    }

    /// Whether a fault of this kind may still happen.
    pub fn allows(&self, fault: Fault) -> bool {
        self.left(fault) > 0
    }

    /// Takes one fault of this kind away; false, and nothing changed, if none is left.
    pub fn spend(&mut self, fault: Fault) -> bool {
        let left = match fault {
            Fault::Drop => &mut self.drops,
            Fault::Duplicate => &mut self.duplicates,
            Fault::Reorder => &mut self.reorders,
            Fault::Crash => &mut self.crashes,
            Fault::Timeout => &mut self.timeouts,
        };
        match *left {
            0 => return false,
            Faults::UNLIMITED => {}
            _ => *left -= 1,
        }
        true
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.drops, "drop", "drops"),
            (self.duplicates, "duplicate", "duplicates"),
            (self.reorders, "reorder", "reorders"),
            (self.crashes, "crash", "crashes"),
            (self.timeouts, "timeout", "timeouts"),
        ];
        let mut comma = "";
        for (count, one, many) in kinds {
            match count {
                0 => continue,
                1 => write!(f, "{comma}1 {one}")?,
                Faults::UNLIMITED => write!(f, "{comma}any number of {many}")?,
                _ => write!(f, "{comma}{count} {many}")?,
            }
            comma = ", ";
        }
        if comma.is_empty() {
            f.write_str("no faults")?;
        }
        Ok(())
    }
}
