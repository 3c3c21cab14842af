//! A course from a scenario file, or why there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use duet_sim::{
    Check, FaultKind, Metrics, Need, Role, Scenario, ScenarioError, Subject, Time, Window,
};

use super::Run;
use super::course::{Client, Course, CourseError, Fault, Host, SERVER, Step, TICK, What};
use crate::invariants::{Invariant, Tally};
use crate::script::{self, Op};

/// What this driver is called where it refuses.
const DRIVER: &str = "the turmoil driver";

/// All that it has.
const OFFERS: [Need; 5] = [
    Need::Role(Role::Client),
    Need::Role(Role::Server),
    Need::Link("delay"),
    Need::Fault("partition"),
    Need::Fault("crash"),
];

impl Course {
    /// The course of a scenario: clients that have each a link with one server, with a delay and nothing else; crashes
    /// that are followed by a restart, and partitions between clients and the server that end.
    ///
    /// Clients that nothing happens to alone share hosts, 25 each, which nobody can tell.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`], at its place, for whatever else the scenario needs.
    pub fn of(scenario: &Scenario) -> Result<Self, ScenarioError> {
        let offers = BTreeSet::from(OFFERS);
        scenario.admit(DRIVER, &offers)?;
        judged(scenario)?;
        Reader::new(scenario)?.course()
    }
}

/// Counts of the whole run, and invariants, by their names.
impl Metrics for Run {
    fn value(&self, metric: &str, of: Subject, window: Window) -> Option<f64> {
        match (of, window) {
            (Subject::Run, Window::Whole) => self.tally.named(metric).map(|count| count as f64),
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        names().map(str::to_owned).collect()
    }

    fn invariant(&self, name: &str) -> Option<Result<(), String>> {
        let invariant = Invariant::named(name)?;
        let mut breaches = self.breaches.iter();
        match breaches.find(|breach| breach.invariant == invariant) {
            Some(breach) => Some(Err(breach.to_string())),
            None => Some(Ok(())),
        }
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    let counts = Tally::ALL.iter().map(|(name, _)| *name);
    counts.chain(Invariant::ALL.iter().map(|(one, _)| one.name()))
}

/// Refuses expectations that nobody could judge here.
fn judged(scenario: &Scenario) -> Result<(), ScenarioError> {
    for expectation in &scenario.expect {
        let (key, name, known) = match &expectation.check {
            Check::Metric {
                metric, of, window, ..
            } => {
                let whole = (*of, *window) == (Subject::Run, Window::Whole);
                let counted = Tally::default().named(metric).is_some();
                ("metric", metric, whole && counted)
            }
            Check::Invariant { name } => ("invariant", name, Invariant::named(name).is_some()),
        };
        if !known {
            let message = format!("{DRIVER} does not judge `{name}`, or not of this");
            let error = scenario.error_in(expectation.place, &[key], message, None);
            let help = format!(
                "of the whole run: {}",
                names().collect::<Vec<_>>().join(", ")
            );
            let help = Some(help.into());
            return Err(ScenarioError { help, ..error });
        }
    }
    Ok(())
}

struct Reader<'a> {
    scenario: &'a Scenario,
    server: usize,
    /// From each client to the server.
    delays: BTreeMap<usize, Duration>,
    /// Where each client is, by its node.
    places: BTreeMap<usize, (String, usize)>,
}

/// Clients that share a host.
const SHARE: usize = 25;

impl<'a> Reader<'a> {
    fn new(scenario: &'a Scenario) -> Result<Self, ScenarioError> {
        let of_role = |role| {
            let nodes = scenario.nodes.iter().enumerate();
            nodes
                .filter(move |(_, node)| node.role == role)
                .map(|(index, _)| index)
        };
        let servers: Vec<usize> = of_role(Role::Server).collect();
        let [server] = servers[..] else {
            let message = format!("{DRIVER} has one server, and this is {}", servers.len());
            return Err(scenario.error_at(&["node"], message, None));
        };
        let mut delays = BTreeMap::new();
        for link in &scenario.links {
            let fail = |key: &str, message| scenario.error_in(link.place, &[key], message, None);
            let client = match (link.from == server, link.to == server) {
                (true, false) => link.to,
                (false, true) => link.from,
                _ => {
                    let message = format!("{DRIVER} has links with the server only");
                    return Err(fail("to", message));
                }
            };
            let delay = link.config.delay;
            if delay.is_zero() || delay.as_nanos() % TICK.as_nanos() != 0 {
                let message = format!("{DRIVER} has delays of whole {TICK:?}, and no other");
                return Err(fail("delay", message));
            }
            delays.insert(client, delay);
        }
        if let Some(lost) = of_role(Role::Client).find(|client| !delays.contains_key(client)) {
            let message = format!("`{}` has no link with the server", scenario.node_name(lost));
            return Err(scenario.error_at(&["node"], message, None));
        }
        Ok(Self {
            scenario,
            server,
            delays,
            places: BTreeMap::new(),
        })
    }

    fn course(mut self) -> Result<Course, ScenarioError> {
        let mut course = Course {
            seed: self.scenario.seed,
            length: self.scenario.duration,
            hosts: Vec::new(),
            steps: Vec::new(),
        };
        let alone = self.alone();
        let mut shared: BTreeMap<Duration, Vec<usize>> = BTreeMap::new();
        let mut groups: Vec<(Duration, Vec<usize>)> = Vec::new();
        for (&node, &delay) in &self.delays {
            match alone.contains(&node) {
                true => groups.push((delay, vec![node])),
                false => shared.entry(delay).or_default().push(node),
            }
        }
        for (delay, nodes) in shared {
            groups.extend(nodes.chunks(SHARE).map(|some| (delay, some.to_vec())));
        }
        let mut number = 0;
        for (latency, nodes) in groups {
            let name = format!("host of {}", self.scenario.node_name(nodes[0]));
            let mut clients = Vec::new();
            for node in nodes {
                self.places.insert(node, (name.clone(), number));
                clients.push(Client::guest(self.scenario.node_name(node)));
                number += 1;
            }
            course.hosts.push(Host {
                name,
                latency,
                clients,
            });
        }
        self.steps(&mut course)?;
        self.faults(&mut course)?;
        // What is left to say is about the whole of it.
        course.check().map_err(|error| {
            let key = match error {
                CourseError::Short(_) => "duration",
                _ => "fault",
            };
            self.scenario.error_at(&[key], error.to_string(), None)
        })?;
        Ok(course)
    }

    /// Clients to which something happens that need not happen to others.
    fn alone(&self) -> BTreeSet<usize> {
        let mut alone = BTreeSet::new();
        for fault in &self.scenario.faults {
            match &fault.kind {
                FaultKind::Partition { from, to, .. } => alone.extend(from.iter().chain(to)),
                FaultKind::Crash { node, .. } => {
                    alone.insert(*node);
                }
                _ => {}
            }
        }
        alone
    }

    fn steps(&self, course: &mut Course) -> Result<(), ScenarioError> {
        let client = |node: usize| self.places.get(&node).map_or(0, |(_, client)| *client);
        let clients = script::clients(self.scenario);
        // By its number in the script, and in the course.
        let number = |number: usize| clients.get(number).map_or(0, |node| client(*node));
        for step in &self.scenario.steps {
            let (who, ops) = script::read(self.scenario, &clients, step)?;
            for (at, op) in ops {
                if let Op::Call(_, Some(_)) = op {
                    let message = format!("{DRIVER} has calls without `length` only");
                    let place = step.place;
                    return Err(self.scenario.error_in(place, &["length"], message, None));
                }
                course.steps.push(Step {
                    at: at.since(Time::ZERO),
                    what: What::Does(number(who), op.about(number)),
                });
            }
        }
        Ok(())
    }

    fn host(&self, node: usize) -> String {
        match self.places.get(&node) {
            Some((host, _)) => host.clone(),
            None => SERVER.to_owned(),
        }
    }

    fn faults(&self, course: &mut Course) -> Result<(), ScenarioError> {
        for fault in &self.scenario.faults {
            let fail = |key: &str, message: &str| {
                let message = format!("{DRIVER} {message}");
                self.scenario.error_in(fault.place, &[key], message, None)
            };
            let begin = fault.at.since(Time::ZERO);
            let mut add = |at, fault| {
                let what = What::Fault(fault);
                course.steps.push(Step { at, what });
            };
            match &fault.kind {
                FaultKind::Crash {
                    node,
                    restart_after,
                } => {
                    let Some(after) = restart_after else {
                        let message = "has crashes with `restart_after` only";
                        return Err(fail("node", message));
                    };
                    add(begin, Fault::Crash(self.host(*node)));
                    add(begin + *after, Fault::Restart(self.host(*node)));
                }
                FaultKind::Partition {
                    from,
                    to,
                    both,
                    lasts,
                } => {
                    let Some(lasts) = lasts else {
                        return Err(fail("kind", "has partitions that end only: for how long?"));
                    };
                    let pairs = from
                        .iter()
                        .flat_map(|from| to.iter().map(move |to| (*from, *to)));
                    for (from, to) in pairs {
                        if (from == self.server) == (to == self.server) {
                            let message = "has partitions between clients and the server only";
                            return Err(fail("kind", message));
                        }
                        let ways = [(from, to), (to, from)];
                        for (from, to) in ways.into_iter().take(1 + usize::from(*both)) {
                            let (from, to) = (self.host(from), self.host(to));
                            add(begin, Fault::Cut(from.clone(), to.clone()));
                            add(begin + *lasts, Fault::Mend(from, to));
                        }
                    }
                }
                _ => return Err(fail("kind", "has no such fault")),
            }
        }
        Ok(())
    }
}
