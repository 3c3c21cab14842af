//! What happens in a run, as data.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::invariants::SETTLE;
use crate::script::Op;

/// The name of the server's host.
pub const SERVER: &str = "server";

/// The grain of time: packets arrive at ticks.
pub const TICK: Duration = Duration::from_millis(5);

/// A network, who is on it, and what happens.
#[derive(Clone, Debug)]
pub struct Course {
    /// Of all that is random.
    pub seed: u64,
    /// How long it runs, in virtual time.
    pub length: Duration,
    /// The hosts of clients. The server has its own, [`SERVER`].
    pub hosts: Vec<Host>,
    /// What happens, in any order.
    pub steps: Vec<Step>,
}

/// A host with clients.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name, unique.
    pub name: String,
    /// From here to the server, and from there to here: whole [ticks](TICK), at least one.
    pub latency: Duration,
    /// Its clients. They are numbered through all hosts, in order.
    pub clients: Vec<Client>,
}

/// A client, which answers every call.
#[derive(Clone, Debug)]
pub struct Client {
    /// The name that it logs in with.
    pub name: String,
    /// The password of its account; without it, it comes as a guest.
    pub password: Option<String>,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    /// The client of this number does something. One that is not running, or has no session for it, does not.
    Does(usize, Op),
    /// Something happens to a host, or to the network.
    Fault(Fault),
}

/// What happens to a host, or to the network. Hosts are named; a link is one of a host with the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whatever runs on the host is killed.
    Crash(String),
    /// It is started anew: the server with what was on its disk, a client with nothing.
    Restart(String),
    /// From now on no packet gets from the first host to the second, those under way included.
    Cut(String, String),
    /// They get through again.
    Mend(String, String),
    /// Packets between the host and the server, those under way included, stay where they are.
    Hold(String),
    /// They arrive, all at once, and others after them as ever.
    Release(String),
}

/// Why there is no such run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CourseError {
    /// A name that no host has, or that two have.
    #[error("{0:?} is not the name of one host")]
    Host(String),
    /// There is no client of that number.
    #[error("there is no client {0}")]
    Client(usize),
    /// A latency that turmoil cannot have.
    #[error("a latency of {0:?}: it has to be a whole number of {TICK:?}, and not zero")]
    Latency(Duration),
    /// It ends before everything that it expects in the end can have happened.
    #[error(
        "it ends less than {SETTLE:?} after the last that happens, at {0:?}: until then nothing is settled"
    )]
    Short(Duration),
    /// A link is one of a client's host with the server.
    #[error("there is no link between {0:?} and {1:?}")]
    Link(String, String),
    /// A fault on top of the same fault, the end of one that did not begin, or a cut of what is held.
    #[error("{0:?} at {1:?} does not follow from what was before")]
    Order(Fault, Duration),
    /// It never ends: nothing could be expected after it.
    #[error("{0} does not end")]
    Unhealed(String),
}

impl Course {
    /// Clients on hosts of their own, each as far from the server.
    pub fn new<'a>(
        seed: u64,
        latency: Duration,
        clients: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let host = |name: &str| Host {
            name: name.to_owned(),
            latency,
            clients: vec![Client::guest(name)],
        };
        Self {
            seed,
            length: Duration::ZERO,
            hosts: clients.into_iter().map(host).collect(),
            steps: Vec::new(),
        }
    }

    /// Something more happens.
    pub fn at(&mut self, millis: u64, what: What) -> &mut Self {
        let at = Duration::from_millis(millis);
        self.steps.push(Step { at, what });
        self
    }

    /// A client does something.
    pub fn does(&mut self, millis: u64, client: usize, action: Op) -> &mut Self {
        self.at(millis, What::Does(client, action))
    }

    /// Something happens to a host, or to the network.
    pub fn fault(&mut self, millis: u64, fault: Fault) -> &mut Self {
        self.at(millis, What::Fault(fault))
    }

    /// The clients, in the order of their numbers.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.hosts.iter().flat_map(|host| &host.clients)
    }

    /// The faults, as they follow each other.
    pub(super) fn faults(&self) -> Vec<(Duration, Fault)> {
        let mut faults: Vec<(Duration, Fault)> = self
            .steps
            .iter()
            .filter_map(|step| match &step.what {
                What::Fault(fault) => Some((step.at, fault.clone())),
                What::Does(..) => None,
            })
            .collect();
        faults.sort_by_key(|(at, _)| *at);
        faults
    }

    /// Whether there is such a run.
    ///
    /// # Errors
    ///
    /// [`CourseError`]: it names what is not there, asks for what turmoil cannot do, or leaves a fault behind.
    pub fn check(&self) -> Result<(), CourseError> {
        let mut names = BTreeSet::from([SERVER]);
        for host in &self.hosts {
            if !names.insert(&host.name) {
                return Err(CourseError::Host(host.name.clone()));
            }
            let ticks = host.latency.as_nanos().checked_rem(TICK.as_nanos());
            if host.latency.is_zero() || ticks != Some(0) {
                return Err(CourseError::Latency(host.latency));
            }
        }
        let clients = self.clients().count();
        if let Some(last) = self.steps.iter().map(|step| step.at).max()
            && last + SETTLE > self.length
        {
            return Err(CourseError::Short(last));
        }
        for step in &self.steps {
            if let What::Does(who, action) = &step.what
                && let Some(missing) = [Some(*who), action.whom()]
                    .into_iter()
                    .flatten()
                    .find(|who| *who >= clients)
            {
                return Err(CourseError::Client(missing));
            }
        }
        let mut state = State::default();
        for (at, fault) in self.faults() {
            for name in fault.names() {
                if !names.contains(name) {
                    return Err(CourseError::Host(name.to_owned()));
                }
            }
            state.apply(at, &fault)?;
        }
        state.healed()
    }
}

impl Client {
    /// A guest of this name.
    pub fn guest(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: None,
        }
    }

    /// Somebody with an account.
    pub fn account(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: Some(password.to_owned()),
        }
    }
}

impl Fault {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Crash(host) | Self::Restart(host) | Self::Hold(host) | Self::Release(host) => {
                vec![host]
            }
            Self::Cut(from, to) | Self::Mend(from, to) => vec![from, to],
        }
    }
}

/// What is broken at present.
#[derive(Default)]
struct State {
    crashed: BTreeSet<String>,
    cut: BTreeSet<(String, String)>,
    held: BTreeSet<String>,
}

impl State {
    fn apply(&mut self, at: Duration, fault: &Fault) -> Result<(), CourseError> {
        let no_link = |a: &str, b: &str| Err(CourseError::Link(a.to_owned(), b.to_owned()));
        let follows = match fault {
            Fault::Crash(host) => self.crashed.insert(host.clone()),
            Fault::Restart(host) => self.crashed.remove(host),
            Fault::Cut(from, to) | Fault::Mend(from, to) if (from == SERVER) == (to == SERVER) => {
                return no_link(from, to);
            }
            // turmoil gives what it holds another fate as soon as the link is cut.
            Fault::Cut(from, to) => {
                !self.held.contains(from)
                    && !self.held.contains(to)
                    && self.cut.insert((from.clone(), to.clone()))
            }
            Fault::Mend(from, to) => self.cut.remove(&(from.clone(), to.clone())),
            Fault::Hold(host) | Fault::Release(host) if host == SERVER => {
                return no_link(host, SERVER);
            }
            Fault::Hold(host) => {
                let cut = self.cut.iter().any(|(from, to)| from == host || to == host);
                !cut && self.held.insert(host.clone())
            }
            Fault::Release(host) => self.held.remove(host),
        };
        match follows {
            true => Ok(()),
            false => Err(CourseError::Order(fault.clone(), at)),
        }
    }

    fn healed(&self) -> Result<(), CourseError> {
        let crashed = self
            .crashed
            .iter()
            .map(|host| format!("the crash of {host:?}"));
        let cut = self
            .cut
            .iter()
            .map(|(from, to)| format!("the cut from {from:?} to {to:?}"));
        let held = self.held.iter().map(|host| format!("the hold of {host:?}"));
        match crashed.chain(cut).chain(held).next() {
            Some(what) => Err(CourseError::Unhealed(what)),
            None => Ok(()),
        }
    }
}
