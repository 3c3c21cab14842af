//! What people do, as data: generated at random, shrunk, printed, and done to the cores and to the model alike.

use core::fmt;

use duet_protocol::server::Duplicates;

/// The account of each device.
pub(super) const DEVICES: [&str; 5] = ["alice", "alice", "bob", "bob", "carol"];

/// A device, by its place among [`DEVICES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Device(pub(super) usize);

/// A user, by its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Person(pub(super) u64);

/// A name that rooms are known by; the last is empty: its rooms are known by id alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(pub(super) usize);

pub(super) const NAMES: [&str; 3] = ["red", "blue", ""];

impl Device {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..DEVICES.len()).map(Self)
    }

    pub(super) fn owner(self) -> Person {
        let known = ["alice", "bob", "carol"];
        let at = known.iter().position(|name| *name == DEVICES[self.0]);
        Person(at.expect("an account") as u64 + 1)
    }
}

impl Person {
    pub(super) fn name(self) -> &'static str {
        ["alice", "bob", "carol"][self.0 as usize - 1]
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", DEVICES[self.0], self.0)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(["red", "blue", "nameless"][self.0])
    }
}

/// What one bears to enter a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Nothing,
    /// A word, the same everywhere.
    Word,
    /// The ticket that was granted last for a room of that name, whoever it is for.
    Ticket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ban {
    No,
    TenSeconds,
    ForLife,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    None,
    Contact,
    Blocked,
}

/// The less available first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mood {
    Offline,
    Busy,
    Away,
    Online,
}

/// Whom a message is for. A device stands for the session that it has, or had last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Person(Person),
    Device(Device),
    /// The room of that name that was heard of last.
    Room(Name),
}

/// How a room is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    pub(super) lobby: bool,
    pub(super) locked: bool,
}

/// Something that someone does. Rooms are meant by name where `by_name` says so, otherwise by the id that was heard of
/// last under that name, be it live or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    LogIn(Device),
    LogOut(Device),
    /// The process dies, and another begins and logs in.
    Restart(Device),
    /// Its link breaks, and no other can be made.
    Cut(Device),
    /// Links can be made again.
    Mend(Device),
    /// So many steps' time passes.
    Wait(u32),
    /// What the service allows from now on.
    Service {
        joins: bool,
        calls: bool,
        contacts: bool,
    },
    Write {
        by: Device,
        to: To,
        /// Data, not text.
        data: bool,
    },
    List {
        by: Device,
        whom: Person,
        relation: Relation,
    },
    Show {
        by: Device,
        mood: Mood,
    },
    LookUp {
        by: Device,
        whom: Person,
    },
    Create {
        by: Device,
        name: Name,
        key: Key,
        capacity: u8,
        run: Run,
    },
    Join {
        by: Device,
        name: Name,
        key: Key,
        by_name: bool,
    },
    Leave {
        by: Device,
        name: Name,
    },
    Set {
        by: Device,
        name: Name,
        key: Option<Key>,
        capacity: Option<u8>,
        run: Option<Run>,
    },
    Admit {
        by: Device,
        name: Name,
        whom: Device,
        yes: bool,
    },
    Appoint {
        by: Device,
        name: Name,
        whom: Person,
        moderator: bool,
    },
    Kick {
        by: Device,
        name: Name,
        whom: Person,
        ban: Ban,
    },
    Unban {
        by: Device,
        name: Name,
        whom: Person,
    },
    Close {
        by: Device,
        name: Name,
    },
    Grant {
        by: Device,
        name: Name,
        whom: Person,
    },
    Publish {
        by: Device,
        name: Name,
        stream: u8,
    },
    Unpublish {
        by: Device,
        name: Name,
        stream: u8,
    },
    Subscribe {
        by: Device,
        name: Name,
        whose: Device,
        stream: u8,
    },
    Unsubscribe {
        by: Device,
        name: Name,
        whose: Device,
        stream: u8,
    },
    Call {
        by: Device,
        whom: Person,
        pictures: bool,
    },
    /// Accepts the call that comes in.
    Accept {
        by: Device,
        pictures: bool,
    },
    /// Declines, cancels or hangs up.
    HangUp(Device),
}

impl Op {
    /// Who does it, where it is something that a client's core is told to do.
    pub(super) const fn actor(&self) -> Option<Device> {
        match *self {
            Self::LogIn(by)
            | Self::LogOut(by)
            | Self::HangUp(by)
            | Self::Write { by, .. }
            | Self::List { by, .. }
            | Self::Show { by, .. }
            | Self::LookUp { by, .. }
            | Self::Create { by, .. }
            | Self::Join { by, .. }
            | Self::Leave { by, .. }
            | Self::Set { by, .. }
            | Self::Admit { by, .. }
            | Self::Appoint { by, .. }
            | Self::Kick { by, .. }
            | Self::Unban { by, .. }
            | Self::Close { by, .. }
            | Self::Grant { by, .. }
            | Self::Publish { by, .. }
            | Self::Unpublish { by, .. }
            | Self::Subscribe { by, .. }
            | Self::Unsubscribe { by, .. }
            | Self::Call { by, .. }
            | Self::Accept { by, .. } => Some(by),
            Self::Restart(_)
            | Self::Cut(_)
            | Self::Mend(_)
            | Self::Wait(_)
            | Self::Service { .. } => None,
        }
    }

    /// Whether sessions may end by it, or links break: then messages on their way may share its fate.
    pub(super) const fn is_about_sessions(&self) -> bool {
        matches!(
            self,
            Self::LogIn(_) | Self::LogOut(_) | Self::Restart(_) | Self::Cut(_) | Self::Mend(_)
        )
    }

    /// Whether two may be done at once, and the model says what may come of it: by two devices, and neither a message
    /// while a session ends.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.actor(), other.actor()) else {
            return false;
        };
        let sessions = self.is_about_sessions() || other.is_about_sessions();
        let writes = |op: &Self| matches!(op, Self::Write { .. });
        one != two && !(sessions && (writes(self) || writes(other)))
    }
}

/// One operation, or two at once, and whether a link breaks meanwhile that can be made again at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) op: Op,
    pub(super) with: Option<Op>,
    /// Whose, and after how many milliseconds.
    pub(super) blip: Option<(Device, u64)>,
}

impl Step {
    pub(super) const fn of(op: Op) -> Self {
        Self {
            op,
            with: None,
            blip: None,
        }
    }

    pub(super) fn ops(&self) -> impl Iterator<Item = Op> {
        [Some(self.op), self.with].into_iter().flatten()
    }

    /// For how many steps' time it is watched.
    pub(super) const fn length(&self) -> u32 {
        match self.op {
            Op::Wait(times) => times,
            _ => 1,
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.op)?;
        if let Some(with) = &self.with {
            write!(f, " and at once {with:?}")?;
        }
        if let Some((device, after)) = &self.blip {
            write!(f, "; {device:?} loses its link after {after} ms")?;
        }
        Ok(())
    }
}

/// A run from the beginning.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Case {
    /// Of the world; it says how many shards there are, too.
    pub(super) seed: u64,
    pub(super) policy: Duplicates,
    pub(super) steps: Vec<Step>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shards, policy) = (super::shards(self.seed), self.policy);
        writeln!(f, "seed {}, {shards} shards, {policy:?}", self.seed)?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{number:4}  {step:?}")?;
        }
        Ok(())
    }
}

impl Case {
    /// The same with less in it, where it still fails: no step, and nothing beside one, that it fails without.
    pub(super) fn without_needless(mut self, fails: impl Fn(&Self) -> bool) -> Self {
        loop {
            let lesser = (0..self.steps.len()).rev().flat_map(|at| {
                let mut shorter = self.clone();
                shorter.steps.remove(at);
                let (mut plainer, mut calmer) = (self.clone(), self.clone());
                plainer.steps[at].with = None;
                calmer.steps[at].blip = None;
                let mut other = plainer.clone();
                other.steps[at].op = self.steps[at].with.unwrap_or(self.steps[at].op);
                [shorter, plainer, calmer, other]
            });
            match lesser
                .into_iter()
                .find(|lesser| *lesser != self && fails(lesser))
            {
                Some(lesser) => self = lesser,
                None => return self,
            }
        }
    }
}
