//! `duet-conformance`: judges any Duet server against the specification.

use std::cell::RefCell;
use std::io::{IsTerminal as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use clap::{Args, Parser, Subcommand};
use duet_conformance::report::{case_line, failure, json, summary, write_traces};
use duet_conformance::run::{
    Program as Launcher, Progress, Verdict, judge_service, reachable, run,
};
use duet_conformance::selftest::{Program, print, selftest};
use duet_conformance::{Case, Options, Report, ServiceTarget, Suite, Target};
use duet_spec::{Registry, embedded};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;

const EXAMPLES: &str = "\
Examples:
  duet-conformance list
  duet-conformance run --server 127.0.0.1:4433 --ca ca.pem
  duet-conformance run --server duet.example:4433 --ca ca.pem --case 'call-*' --json report.json
  duet-conformance run --server 127.0.0.1:4433 --ca ca.pem --service 127.0.0.1:5434 --service-server 127.0.0.1:5433 \\
      --service-token-file token
  duet-conformance service --command 'duet service --server {server} --ca {ca} --token-file {token-file} --guests'
  duet-conformance explain CALL-012
  duet-conformance selftest

Exit codes: 0 conforms · 1 fails · 2 usage · 3 the server cannot be reached, or the harness fails · 4 nothing ran, or not to the end";

/// Judges any Duet server, or service, against the specification.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    /// Cases of this directory, instead of those built in
    #[arg(long, global = true, value_name = "DIR")]
    cases: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the cases
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Runs cases against a server
    #[command(after_help = EXAMPLES)]
    Run(Box<Run>),
    /// Runs cases against a service: the harness plays the server, and starts the service for each case
    #[command(after_help = JUDGING)]
    Service(Box<Judge>),
    /// Explains a requirement or a case
    Explain {
        /// The requirement's or the case's id
        id: String,
    },
    /// Judges the suite itself, by broken servers
    Selftest {
        /// The program that serves them, where it is not beside this one
        #[arg(long, value_name = "PATH")]
        mutants: Option<PathBuf>,
        /// What everything random comes from
        #[arg(long)]
        seed: Option<u64>,
        /// Every wait is so many times longer
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
        slack: u32,
    },
}

const JUDGING: &str = "\
Example:
  duet-conformance service \\
      --command 'duet service --server {server} --ca {ca} --token-file {token-file} --guests --standby'

A service that is judged lets guests in, links anew by itself or not, and goes on as a standby.";

#[derive(Args)]
struct Judge {
    /// The program with its arguments, parted by spaces; {server}, {ca} and {token-file} stand for what it is told
    #[arg(long, value_name = "COMMAND")]
    command: String,
    /// Only cases whose ids fit; * stands for any text
    #[arg(long = "case", value_name = "GLOB")]
    chosen: Vec<String>,
    /// What everything random comes from; printed, so that a run can be had again
    #[arg(long)]
    seed: Option<u64>,
    /// Every wait is so many times longer, for slow services
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    slack: u32,
    /// Writes one trace a case, as qlog JSON-SEQ
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
}

#[derive(Args)]
struct Run {
    /// Where the server is: host and port
    #[arg(long, value_name = "ADDR")]
    server: String,
    /// The server's certificate or its root, in PEM
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The name that the certificate has to be valid for; that of --server unless given
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Where a server takes services that asks them everything; needed for the cases that play one, with the two below
    #[arg(long, value_name = "ADDR", requires_all = ["service_server", "service_token_file"])]
    service: Option<String>,
    /// Where that server takes its clients; its certificate is that of --ca and --server-name
    #[arg(long, value_name = "ADDR", requires = "service")]
    service_server: Option<String>,
    /// The file whose first line is a token that allows a service everything
    #[arg(long, value_name = "FILE", requires = "service")]
    service_token_file: Option<PathBuf>,
    /// Accounts for the actors, where guests may not log in: TOML of name = "password", four for each job
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// Only cases whose ids fit; * stands for any text
    #[arg(long = "case", value_name = "GLOB")]
    chosen: Vec<String>,
    /// What everything random comes from; printed, so that a run can be had again
    #[arg(long)]
    seed: Option<u64>,
    /// Cases at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Every wait is so many times longer, for slow servers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    slack: u32,
    /// Writes the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes one trace a case, as qlog JSON-SEQ
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
}

/// Why the program ends without a verdict: what to say, and the exit code.
struct Ending(u8, String);

const USAGE: u8 = 2;
const ENVIRONMENT: u8 = 3;
const NOTHING: u8 = 4;

fn main() -> ExitCode {
    match act(&Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(Ending(code, message)) => {
            eprintln!("duet-conformance: {message}");
            ExitCode::from(code)
        }
    }
}

fn act(cli: &Cli) -> Result<u8, Ending> {
    let suite = match &cli.cases {
        Some(dir) => Suite::load(dir),
        None => Suite::embedded(),
    };
    let suite = suite.map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Ending(USAGE, lines.join("\n"))
    })?;
    let registry = embedded().map_err(|error| Ending(ENVIRONMENT, error.to_string()))?;
    match &cli.command {
        Command::List { json } => list(&suite, *json),
        Command::Explain { id } => explain(&suite, &registry, id),
        Command::Run(args) => in_runtime(run_cases(&suite, &registry, args)),
        Command::Service(args) => in_runtime(judge_cases(&suite, &registry, args)),
        Command::Selftest {
            mutants,
            seed,
            slack,
        } => in_runtime(judge(&suite, mutants.clone(), *seed, *slack)),
    }
}

fn in_runtime(work: impl Future<Output = Result<u8, Ending>>) -> Result<u8, Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Ending(ENVIRONMENT, error.to_string()))?;
    runtime.block_on(work)
}

/// Prints; a reader that has gone away is no error.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn list(suite: &Suite, json: bool) -> Result<u8, Ending> {
    if json {
        let cases: Vec<_> = suite
            .cases()
            .iter()
            .map(|case| {
                serde_json::json!({
                    "id": case.id,
                    "title": case.title,
                    "file": case.file,
                    "requirements": case.requirements,
                    "checks": case.checks,
                    "twin": case.twin,
                })
            })
            .collect();
        say(&format!(
            "{:#}",
            serde_json::json!({ "version": 1, "cases": cases })
        ));
    } else {
        for case in suite.cases() {
            let kind = if case.is_negative() { "-" } else { "+" };
            say(&format!("{kind} {:<38} {}", case.id, case.title));
        }
        let negative = suite
            .cases()
            .iter()
            .filter(|case| case.is_negative())
            .count();
        say(&format!(
            "{} cases, {negative} of them negative",
            suite.cases().len()
        ));
    }
    Ok(if suite.cases().is_empty() { NOTHING } else { 0 })
}

fn explain(suite: &Suite, registry: &Registry, id: &str) -> Result<u8, Ending> {
    if let Some(case) = suite.find(id) {
        say(&explain_case(case, registry));
        return Ok(0);
    }
    let bound: Vec<_> = suite
        .cases()
        .iter()
        .flat_map(|case| {
            case.checks
                .iter()
                .map(move |(name, bound)| (case, name, bound))
        })
        .filter(|(_, _, bound)| bound.as_str() == id)
        .collect();
    match registry.find(id) {
        Some(requirement) => say(&requirement.to_string()),
        None if bound.is_empty() => {
            return Err(Ending(
                USAGE,
                format!("`{id}` is neither a requirement nor a case; see `list`"),
            ));
        }
        None => say(&format!(
            "{id}\n  (its text is not built into this program)"
        )),
    }
    for (case, name, _) in &bound {
        say(&format!("  check {}/{name} ({})", case.id, case.file));
    }
    if bound.is_empty() {
        say("  no check is bound to it");
    }
    Ok(0)
}

fn explain_case(case: &Case, registry: &Registry) -> String {
    let mut out = format!("{} ({})\n  {}", case.id, case.file, case.title);
    for (name, id) in &case.checks {
        let text = registry.find(id.as_str()).map_or("", |r| r.text.as_str());
        out += &format!("\n  check {name} [{id}] {text}");
    }
    if let Some(twin) = &case.twin {
        out += &format!("\n  its positive twin is {twin}");
    }
    out + "\n\n" + case.text.trim_end()
}

fn seed(given: Option<u64>) -> u64 {
    let drawn = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |since| {
            since.as_nanos() as u64 ^ u64::from(std::process::id()) << 32
        })
    };
    given.unwrap_or_else(drawn)
}

/// Becomes true with the first Ctrl-C; the second ends the program as usual.
fn interruption() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = sender.send(true);
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
    receiver
}

fn target(args: &Run) -> Result<Target, Ending> {
    let bad = |message: String| Ending(USAGE, message);
    let (host, address) = resolve("--server", &args.server)?;
    let ca = std::fs::read(&args.ca)
        .map_err(|error| bad(format!("--ca {}: {error}", args.ca.display())))?;
    let name = args.server_name.clone().unwrap_or(host);
    let service = match (
        &args.service,
        &args.service_server,
        &args.service_token_file,
    ) {
        (Some(services), Some(clients), Some(path)) => {
            let shown = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| bad(format!("--service-token-file {shown}: {error}")))?;
            let token = text.split_whitespace().next().unwrap_or_default();
            if token.is_empty() {
                return Err(bad(format!("--service-token-file {shown}: no token in it")));
            }
            Some(ServiceTarget {
                clients: resolve("--service-server", clients)?.1,
                services: resolve("--service", services)?.1,
                token: token.as_bytes().to_vec(),
            })
        }
        _ => None,
    };
    Ok(Target {
        address,
        name,
        ca,
        service,
    })
}

/// The host and the address of `host:port`.
fn resolve(flag: &str, text: &str) -> Result<(String, SocketAddr), Ending> {
    let Some((host, port)) = text
        .rsplit_once(':')
        .filter(|(_, p)| p.parse::<u16>().is_ok())
    else {
        return Err(Ending(
            USAGE,
            format!("{flag} {text}: a host and a port, such as 127.0.0.1:4433"),
        ));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (host, port.parse().unwrap_or(0)).to_socket_addrs();
    match addresses.ok().and_then(|mut all| all.next()) {
        Some(address) => Ok((host.to_owned(), address)),
        None => Err(Ending(ENVIRONMENT, format!("{flag} {text}: no such host"))),
    }
}

fn accounts(args: &Run) -> Result<Vec<(String, String)>, Ending> {
    let Some(path) = &args.accounts else {
        return Ok(Vec::new());
    };
    let bad = |why: String| Ending(USAGE, format!("--accounts {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let table: std::collections::BTreeMap<String, String> =
        toml::from_str(&text).map_err(|error| {
            bad(format!(
                "lines of name = \"password\" are needed: {}",
                error.message()
            ))
        })?;
    if table.len() < 4 {
        return Err(bad("four accounts at least are needed".to_owned()));
    }
    Ok(table.into_iter().collect())
}

fn is_chosen(case: &Case, globs: &[String]) -> bool {
    let mut globs_that_fit = globs
        .iter()
        .filter(|glob| duet_conformance::case::fits(glob, &case.id));
    globs.is_empty() || globs_that_fit.next().is_some()
}

async fn judge_cases(suite: &Suite, registry: &Registry, args: &Judge) -> Result<u8, Ending> {
    let suite = suite.filter(|case| case.judges_service() && is_chosen(case, &args.chosen));
    let command: Vec<String> = args.command.split_whitespace().map(str::to_owned).collect();
    if command.is_empty() {
        return Err(Ending(USAGE, "--command: a program to start".to_owned()));
    }
    if suite.cases().is_empty() {
        let chosen = args.chosen.join(", ");
        let why = format!("no case that judges a service fits {chosen}: nothing ran");
        return Err(Ending(NOTHING, why));
    }
    let options = Options {
        seed: seed(args.seed),
        slack: args.slack,
        ..Options::default()
    };
    say(&format!(
        "{} cases against a service, seed {}",
        suite.cases().len(),
        options.seed
    ));
    let interrupted = interruption();
    let told = |progress: Progress<'_>| {
        let Progress::Ended(case) = progress;
        say(&case_line(case));
    };
    let launch = Launcher(command);
    let report = judge_service(&suite, &launch, &options, interrupted.clone(), told).await;
    for case in report
        .cases
        .iter()
        .filter(|case| case.verdict != Verdict::Pass)
    {
        let again = format!(
            "duet-conformance service --command '{}' --case {} --seed {}",
            args.command, case.id, report.seed
        );
        say("");
        say(failure(case, registry, &again).trim_end());
    }
    say("");
    say(&summary(&report));
    if let Some(dir) = &args.traces {
        write_traces(dir, &report)
            .map_err(|error| Ending(ENVIRONMENT, format!("--traces {}: {error}", dir.display())))?;
    }
    Ok(verdict(&report, *interrupted.borrow()))
}

async fn run_cases(suite: &Suite, registry: &Registry, args: &Run) -> Result<u8, Ending> {
    let suite = suite.filter(|case| !case.judges_service() && is_chosen(case, &args.chosen));
    let target = target(args)?;
    let chosen = suite.cases().len();
    let suite = suite.filter(|case| target.service.is_some() || !case.plays_service());
    let left_out = chosen - suite.cases().len();
    let options = Options {
        seed: seed(args.seed),
        jobs: args.jobs.into(),
        slack: args.slack,
        accounts: accounts(args)?,
    };
    if suite.cases().is_empty() && left_out > 0 {
        let why = format!("{left_out} cases play a service: give --service; nothing ran");
        return Err(Ending(NOTHING, why));
    }
    if suite.cases().is_empty() {
        return Err(Ending(
            NOTHING,
            format!("no case fits {}: nothing ran", args.chosen.join(", ")),
        ));
    }
    let interrupted = interruption();
    reachable(&target, interrupted.clone())
        .await
        .map_err(|why| Ending(ENVIRONMENT, why))?;
    say(&format!(
        "{} cases against {}, seed {}",
        suite.cases().len(),
        target.address,
        options.seed
    ));
    if left_out > 0 {
        say(&format!(
            "{left_out} cases that play a service are left out: give --service for them"
        ));
    }
    let bar = progress_bar(suite.cases().len());
    let shown = Rc::new(RefCell::new(bar.clone()));
    let report = run(
        &suite,
        &target,
        &options,
        interrupted.clone(),
        move |progress| {
            let Progress::Ended(case) = progress;
            let bar = shown.borrow();
            bar.suspend(|| say(&case_line(case)));
            bar.inc(1);
        },
    )
    .await;
    bar.finish_and_clear();
    tell(&report, registry, args);
    if let Some(path) = &args.json {
        let text = format!("{:#}\n", json(&report, &target));
        std::fs::write(path, text)
            .map_err(|error| Ending(ENVIRONMENT, format!("--json {}: {error}", path.display())))?;
    }
    if let Some(dir) = &args.traces {
        write_traces(dir, &report)
            .map_err(|error| Ending(ENVIRONMENT, format!("--traces {}: {error}", dir.display())))?;
    }
    Ok(verdict(&report, *interrupted.borrow()))
}

fn progress_bar(cases: usize) -> ProgressBar {
    let bar = ProgressBar::new(cases as u64);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar
}

fn tell(report: &Report, registry: &Registry, args: &Run) {
    let failed = report.cases.iter();
    for case in failed.filter(|case| matches!(case.verdict, Verdict::Fail | Verdict::Broken)) {
        let again = format!(
            "duet-conformance run --server {} --ca {} --case {} --seed {}",
            args.server,
            args.ca.display(),
            case.id,
            report.seed
        );
        say("");
        say(failure(case, registry, &again).trim_end());
    }
    say("");
    say(&summary(report));
}

fn verdict(report: &Report, interrupted: bool) -> u8 {
    if report.count(Verdict::Fail) > 0 {
        1
    } else if report.count(Verdict::Broken) > 0 {
        ENVIRONMENT
    } else if interrupted || !report.conforms() {
        NOTHING
    } else {
        0
    }
}

async fn judge(
    suite: &Suite,
    mutants: Option<PathBuf>,
    given: Option<u64>,
    slack: u32,
) -> Result<u8, Ending> {
    let program = match mutants {
        Some(path) if path.is_file() => Program::new(path),
        Some(path) => {
            return Err(Ending(
                USAGE,
                format!("--mutants {}: no such file", path.display()),
            ));
        }
        None => Program::beside().map_err(|why| Ending(ENVIRONMENT, why))?,
    };
    let options = Options {
        seed: seed(given),
        jobs: 64,
        slack,
        accounts: Vec::new(),
    };
    let interrupted = interruption();
    let rows = selftest(program, suite.clone(), options, interrupted.clone())
        .await
        .map_err(|why| Ending(ENVIRONMENT, why))?;
    if *interrupted.borrow() {
        return Err(Ending(
            NOTHING,
            "interrupted: the suite was not judged to the end".to_owned(),
        ));
    }
    let good = print(&rows, &mut std::io::stdout().lock())
        .map_err(|error| Ending(ENVIRONMENT, error.to_string()))?;
    Ok(if good { 0 } else { 1 })
}
