//! The proof of the suite: the unbroken reference passes, every mutant is killed by a check that is bound to the
//! requirement it breaks, and implementations that do nothing pass no negative case.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;

use crate::case::Suite;
use crate::run::{Options, Outcome, Report, ServiceTarget, Target, Verdict, run};

/// Servers that are tried at once.
const AT_ONCE: usize = 6;

/// How long a mutant may take to listen.
const START: Duration = Duration::from_secs(10);

/// What there is to be judged, as `duet-mutant list --json` says it.
#[derive(Clone, Debug, Deserialize)]
pub struct Listing {
    /// Servers that break one requirement each.
    pub mutants: Vec<Mutant>,
    /// Servers that do nothing right.
    pub nulls: Vec<String>,
}

/// A server that breaks one requirement.
#[derive(Clone, Debug, Deserialize)]
pub struct Mutant {
    /// Its name.
    pub name: String,
    /// The requirement that it breaks.
    pub requirement: String,
    /// How.
    pub breaks: String,
    /// The checks that must notice, as `case/check`.
    pub checks: Vec<String>,
}

/// Where servers come from.
pub trait Foundry {
    /// What keeps a server running.
    type Running;

    /// What there is.
    ///
    /// # Errors
    ///
    /// Why it cannot be said.
    fn list(&self) -> impl Future<Output = Result<Listing, String>>;

    /// Starts one: a mutant, a null, or `none`, the unbroken reference.
    ///
    /// # Errors
    ///
    /// Why it cannot be started.
    fn start(&self, name: &str) -> impl Future<Output = Result<(Target, Self::Running), String>>;
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The server.
    pub name: String,
    /// Whether the suite judged it as it must.
    pub good: bool,
    /// What became of it.
    pub text: String,
}

/// Judges the suite by every server of a foundry.
///
/// # Errors
///
/// Why it cannot be judged.
pub async fn selftest<F: Foundry + 'static>(
    foundry: F,
    suite: Suite,
    options: Options,
    interrupted: watch::Receiver<bool>,
) -> Result<Vec<Row>, String> {
    let listing = foundry.list().await?;
    let shared = Rc::new((
        foundry,
        suite,
        options,
        interrupted,
        Semaphore::new(AT_ONCE),
    ));
    let local = LocalSet::new();
    let mut tasks = Vec::new();
    let jobs = std::iter::once(Job::Reference)
        .chain(listing.mutants.into_iter().map(Job::Mutant))
        .chain(listing.nulls.into_iter().map(Job::Null));
    for job in jobs {
        let shared = shared.clone();
        tasks.push(local.spawn_local(async move {
            let (foundry, suite, options, interrupted, permits) = &*shared;
            let _permit = permits.acquire().await.map_err(|error| error.to_string())?;
            judge(foundry, &job, suite, options, interrupted.clone()).await
        }));
    }
    local.await;
    let mut rows = Vec::new();
    for task in tasks {
        rows.push(task.await.map_err(|error| error.to_string())??);
    }
    Ok(rows)
}

enum Job {
    Reference,
    Mutant(Mutant),
    Null(String),
}

async fn judge<F: Foundry>(
    foundry: &F,
    job: &Job,
    suite: &Suite,
    options: &Options,
    interrupted: watch::Receiver<bool>,
) -> Result<Row, String> {
    let (name, chosen) = match job {
        Job::Reference => ("none", suite.clone()),
        Job::Mutant(mutant) => {
            let bound = suite.filter(|case| case.checks_requirement(&mutant.requirement));
            (mutant.name.as_str(), bound)
        }
        Job::Null(name) => (name.as_str(), suite.filter(|case| case.is_negative())),
    };
    let (target, running) = foundry.start(name).await?;
    let mut options = options.clone();
    if let Job::Null(_) = job {
        // What never comes does not come later.
        options.slack = 1;
    }
    let report = run(&chosen, &target, &options, interrupted, |_| {}).await;
    drop(running);
    let (good, text) = match job {
        Job::Reference => of_reference(&report),
        Job::Mutant(mutant) => of_mutant(mutant, &report),
        Job::Null(_) => {
            let passed = report.count(Verdict::Pass);
            let good = passed == 0 && report.cases.len() == report.chosen && report.chosen > 0;
            (
                good,
                format!("passes {passed} of {} negative cases", report.chosen),
            )
        }
    };
    let name = name.to_owned();
    Ok(Row { name, good, text })
}

fn of_reference(report: &Report) -> (bool, String) {
    let failed = report
        .cases
        .iter()
        .filter(|case| case.verdict != Verdict::Pass);
    let failed: Vec<_> = failed.map(|case| case.id.as_str()).collect();
    let mut text = format!(
        "passes {} of {} cases",
        report.count(Verdict::Pass),
        report.chosen
    );
    if !failed.is_empty() {
        text += &format!("; not {}", failed.join(", "));
    }
    (report.conforms(), text)
}

/// The checks, as `case/check`, that do not hold and are bound to this requirement.
pub fn bound_failures(report: &Report, requirement: &str) -> Vec<String> {
    let failures = report.cases.iter().flat_map(|case| {
        let checks = case.checks.iter().filter(|check| {
            check.outcome == Outcome::Fail && check.requirement.as_str() == requirement
        });
        checks.map(|check| format!("{}/{}", case.id, check.name))
    });
    failures.collect()
}

fn of_mutant(mutant: &Mutant, report: &Report) -> (bool, String) {
    let killers = bound_failures(report, &mutant.requirement);
    let missing: Vec<_> = mutant
        .checks
        .iter()
        .filter(|check| !killers.contains(check))
        .cloned()
        .collect();
    let requirement = &mutant.requirement;
    if killers.is_empty() {
        return (
            false,
            format!(
                "SURVIVES: no check bound to {requirement} fails ({})",
                mutant.breaks
            ),
        );
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return (
            false,
            format!("killed, but not by {missing} [{requirement}]"),
        );
    }
    (
        true,
        format!("killed by {} [{requirement}]", killers.join(", ")),
    )
}

/// The servers of the program `duet-mutant`.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
}

/// A running `duet-mutant`; it ends with this.
#[derive(Debug)]
pub struct Process {
    _child: Child,
    ca: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // A file left behind in the temporary folder does no harm.
        let _ = std::fs::remove_file(&self.ca);
    }
}

impl Program {
    /// The program at a path.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The program beside this one.
    ///
    /// # Errors
    ///
    /// That it is not there.
    pub fn beside() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let name = format!("duet-mutant{}", std::env::consts::EXE_SUFFIX);
        let path = own.parent().unwrap_or(Path::new(".")).join(name);
        if path.is_file() {
            return Ok(Self::new(path));
        }
        Err(format!(
            "{} is not there: build it with `cargo build -p duet-mutants`, or say where it is with --mutants",
            path.display()
        ))
    }
}

impl Foundry for Program {
    type Running = Process;

    async fn list(&self) -> Result<Listing, String> {
        let shown = self.path.display();
        let output = Command::new(&self.path)
            .args(["list", "--json"])
            .output()
            .await
            .map_err(|error| format!("{shown} cannot be run: {error}"))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{shown} list --json gives no list: {error}"))
    }

    async fn start(&self, name: &str) -> Result<(Target, Process), String> {
        let token = format!("conformance-{}", std::process::id());
        let ca = std::env::temp_dir().join(format!("duet-ca-{}-{name}.pem", std::process::id()));
        let mut child = Command::new(&self.path)
            .arg(name)
            .args(["--listen", "127.0.0.1:0", "--ca-out"])
            .arg(&ca)
            .arg("--service-token")
            .arg(&token)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} cannot be run: {error}", self.path.display()))?;
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        let Some(mut lines) = lines else {
            return Err(format!("{name} has no output"));
        };
        // Where it listens; where the one whose service is linked has its clients, and where its services.
        let mut addresses = Vec::new();
        for _ in 0..3 {
            let line = tokio::time::timeout(START, lines.next_line()).await;
            let line = line.ok().and_then(Result::ok).flatten().unwrap_or_default();
            match line.rsplit(' ').next().and_then(|text| text.parse().ok()) {
                Some(address) => addresses.push(address),
                None => return Err(format!("{name} does not listen: {line:?}")),
            }
        }
        let [address, clients, services] = addresses[..] else {
            return Err(format!("{name} does not listen"));
        };
        let pem = std::fs::read(&ca).map_err(|error| format!("{}: {error}", ca.display()))?;
        let target = Target {
            address,
            name: "localhost".to_owned(),
            ca: pem,
            service: Some(ServiceTarget {
                clients,
                services,
                token: token.into_bytes(),
            }),
        };
        Ok((target, Process { _child: child, ca }))
    }
}

/// Prints the table; whether every row is good.
pub fn print(rows: &[Row], out: &mut impl std::io::Write) -> std::io::Result<bool> {
    for row in rows {
        let mark = if row.good { "ok  " } else { "FAIL" };
        writeln!(out, "{mark}  {:<26} {}", row.name, row.text)?;
    }
    let bad = rows.iter().filter(|row| !row.good).count();
    writeln!(out, "{} servers judged, {bad} of them wrongly", rows.len())?;
    out.flush()?;
    Ok(bad == 0)
}
