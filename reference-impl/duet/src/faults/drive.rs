//! The run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use duet_quic::Fingerprint;
use duet_sim::{Stream, Time};
use turmoil::{Builder, Sim};

use super::course::{Client, Course, CourseError, Fault, Host, SERVER, TICK, What};
use super::hosts::{Agenda, Application, Disk, server};
use super::witness::{Hearing, Witness};
use crate::accounts::Accounts;
use crate::invariants::{Act, Breach, Tally};
use crate::script::Op;

/// Packets that a socket may have waiting: as many as come. turmoil has no queues, and none is to be seen.
const SOCKET: usize = 1 << 16;

/// The wall clock's time when a run begins: 2026-01-01.
const BEGIN: Duration = Duration::from_secs(1_767_225_600);

/// What a run gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What was broken.
    pub breaches: Vec<Breach>,
    /// What was done.
    pub tally: Tally,
    /// All that was done and told, a line each: microseconds, who, what.
    pub log: String,
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum FaultsError {
    /// There is no such run.
    #[error(transparent)]
    Course(#[from] CourseError),
    /// What it needs is not to be had.
    #[error("{0}")]
    Setup(String),
    /// A host's program ended by itself.
    #[error("after {0:?}, a program ended: {1}")]
    Ended(Duration, String),
}

/// Runs a course.
///
/// # Errors
///
/// [`FaultsError`]: the course asks for what cannot be, or a program that is to run does not.
pub fn run(course: &Course) -> Result<Run, FaultsError> {
    run_heard(course, Box::new(|_, _| 1))
}

/// The same, where the invariants hear of events as often as a test wants, to see that they notice.
///
/// # Errors
///
/// As [`run`].
pub fn run_heard(course: &Course, hearing: Hearing) -> Result<Run, FaultsError> {
    course.check()?;
    let witness = Rc::new(RefCell::new(Witness::new(course, hearing)));
    let mut sim = network(course)?;
    let fingerprint = add_server(&mut sim, course, &witness)?;
    let mut first = 0;
    for host in &course.hosts {
        add_clients(&mut sim, course, (first, host), fingerprint, &witness);
        sim.set_link_latency(host.name.as_str(), SERVER, host.latency);
        first += host.clients.len();
    }
    let mut faults = course.faults().into_iter().peekable();
    loop {
        while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= sim.elapsed()) {
            let now = Time::ZERO.after(sim.elapsed());
            apply(&mut sim, &fault);
            let mut witness = witness.borrow_mut();
            witness.note(now, format_args!("{fault:?}"));
            for who in killed(course, &fault) {
                witness.did(now, who, Act::Die);
            }
            witness.invariants.healed(now);
        }
        if sim.elapsed() >= course.length {
            break;
        }
        sim.step()
            .map_err(|error| FaultsError::Ended(sim.elapsed(), error.to_string()))?;
    }
    let end = Time::ZERO.after(sim.elapsed());
    drop(sim);
    let witness = Rc::into_inner(witness)
        .map(RefCell::into_inner)
        .ok_or_else(|| FaultsError::Setup("the hosts outlive their simulation".to_owned()))?;
    Ok(Run {
        tally: witness.invariants.tally(),
        breaches: witness.invariants.finish(end),
        log: witness.log,
    })
}

fn network(course: &Course) -> Result<Sim<'static>, FaultsError> {
    let shortest = course.hosts.iter().map(|host| host.latency).min();
    let shortest = shortest.ok_or_else(|| FaultsError::Setup("a run needs a client".to_owned()))?;
    Ok(Builder::new()
        .rng_seed(course.seed)
        .epoch(SystemTime::UNIX_EPOCH + BEGIN)
        .tick_duration(TICK)
        .simulation_duration(course.length + TICK)
        .min_message_latency(shortest)
        .max_message_latency(shortest)
        .udp_capacity(SOCKET)
        .build())
}

/// The seeds of a program, each time it is started.
fn seeds(seed: u64, name: &str, starts: &Cell<u64>) -> Stream {
    starts.set(starts.get() + 1);
    Stream::new(seed, &format!("{name}, start {}", starts.get()))
}

fn add_server(
    sim: &mut Sim<'_>,
    course: &Course,
    witness: &Rc<RefCell<Witness>>,
) -> Result<Fingerprint, FaultsError> {
    let mut accounts = Accounts::default();
    for client in course.clients() {
        if let Some(password) = &client.password {
            accounts
                .add(&client.name, password)
                .map_err(FaultsError::Setup)?;
        }
    }
    let key = Stream::new(course.seed, "certificate").bytes32();
    let disk = Rc::new(Disk { key, accounts });
    let fingerprint = disk
        .fingerprint()
        .map_err(|error| FaultsError::Setup(error.to_string()))?;
    let (seed, starts, witness) = (course.seed, Cell::new(0), witness.clone());
    sim.host(SERVER, move || {
        server(disk.clone(), seeds(seed, SERVER, &starts), witness.clone())
    });
    Ok(fingerprint)
}

/// `first` is the number of the host's first client.
fn add_clients(
    sim: &mut Sim<'_>,
    course: &Course,
    (first, host): (usize, &Host),
    server: Fingerprint,
    witness: &Rc<RefCell<Witness>>,
) {
    let clients: Vec<(usize, Client, Agenda)> = host
        .clients
        .iter()
        .enumerate()
        .map(|(index, client)| {
            let who = first + index;
            (who, client.clone(), agenda(course, who))
        })
        .collect();
    let (seed, starts, witness) = (course.seed, Cell::new(0), witness.clone());
    sim.host(host.name.as_str(), move || {
        starts.set(starts.get() + 1);
        let (clients, witness, start) = (clients.clone(), witness.clone(), starts.get());
        async move {
            let mut programs = tokio::task::JoinSet::new();
            for (who, client, agenda) in clients {
                let seeds = Stream::new(seed, &format!("client {who}, start {start}"));
                let application =
                    Application::new((who, client), server, seeds, witness.clone()).await?;
                programs.spawn_local(application.run(agenda));
            }
            while let Some(ended) = programs.join_next().await {
                ended??;
            }
            Ok(())
        }
    });
}

/// What a client does, in the order of time.
fn agenda(course: &Course, who: usize) -> Agenda {
    let mut agenda: Vec<(Time, Op)> = course
        .steps
        .iter()
        .filter_map(|step| match &step.what {
            What::Does(client, action) if *client == who => {
                Some((Time::ZERO.after(step.at), action.clone()))
            }
            _ => None,
        })
        .collect();
    agenda.sort_by_key(|(at, _)| *at);
    Rc::new(RefCell::new(agenda.into()))
}

fn apply(sim: &mut Sim<'_>, fault: &Fault) {
    match fault {
        Fault::Crash(host) => sim.crash(host.as_str()),
        Fault::Restart(host) => sim.bounce(host.as_str()),
        Fault::Cut(from, to) => sim.partition_oneway(from.as_str(), to.as_str()),
        Fault::Mend(from, to) => sim.repair_oneway(from.as_str(), to.as_str()),
        Fault::Hold(host) => sim.hold(host.as_str(), SERVER),
        Fault::Release(host) => sim.release(host.as_str(), SERVER),
    }
}

/// The clients that a fault kills.
fn killed(course: &Course, fault: &Fault) -> Vec<usize> {
    let Fault::Crash(name) = fault else {
        return Vec::new();
    };
    let mut first = 0;
    for host in &course.hosts {
        if host.name == *name {
            return (first..first + host.clients.len()).collect();
        }
        first += host.clients.len();
    }
    Vec::new()
}
