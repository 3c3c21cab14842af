//! Judging a service: the harness plays the server, and starts a service for each case.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use duet_quic::Identity;
use duet_sim::Stream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::play::{Setting, play};
use super::runner::{Options, Progress, Report};
use super::stage::{Stage, Stop};
use crate::case::{Case, Suite};

/// What a service is told when it is started.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Where the server listens.
    pub server: SocketAddr,
    /// Its certificate, for 127.0.0.1, in PEM.
    pub ca: String,
    /// The token with which to link.
    pub token: String,
}

/// Where services come from.
pub trait Launch {
    /// What keeps one running.
    type Running;

    /// Starts one.
    ///
    /// # Errors
    ///
    /// Why it cannot be started.
    fn launch(&self, invitation: &Invitation) -> Result<Self::Running, String>;
}

/// A program with its arguments; `{server}`, `{ca}` and `{token-file}` stand for what it is told.
#[derive(Clone, Debug)]
pub struct Program(pub Vec<String>);

/// A running program; it ends with this.
#[derive(Debug)]
pub struct Process {
    _child: Child,
    folder: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // A folder left behind among the temporary ones does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Launch for Program {
    type Running = Process;

    fn launch(&self, invitation: &Invitation) -> Result<Process, String> {
        let name = format!(
            "duet-judged-{}-{}",
            std::process::id(),
            invitation.server.port()
        );
        let folder = std::env::temp_dir().join(name);
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok::<_, String>(path.display().to_string())
        };
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let told = [
            ("{server}", invitation.server.to_string()),
            ("{ca}", write("ca.pem", &invitation.ca)?),
            ("{token-file}", write("token", &invitation.token)?),
        ];
        let arguments = self.0.iter().map(|argument| {
            told.iter().fold(argument.clone(), |text, (name, value)| {
                text.replace(name, value)
            })
        });
        let mut arguments = arguments.collect::<Vec<_>>().into_iter();
        let Some(program) = arguments.next() else {
            return Err("no program".to_owned());
        };
        let child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{program} cannot be run: {error}"))?;
        Ok(Process {
            _child: child,
            folder,
        })
    }
}

/// Runs every case of a suite that judges a service, one after the other. Must be called within a tokio runtime.
pub async fn judge_service<L: Launch>(
    suite: &Suite,
    launch: &L,
    options: &Options,
    interrupted: watch::Receiver<bool>,
    mut progress: impl FnMut(Progress<'_>),
) -> Report {
    let began = Instant::now();
    let suite = suite.filter(Case::judges_service);
    let mut cases = Vec::new();
    for case in suite.cases() {
        if *interrupted.borrow() {
            break;
        }
        let stage = invite(case, launch, options, interrupted.clone());
        let (stage, _running) = match stage {
            Ok((stage, running)) => (Ok(stage), Some(running)),
            Err(stop) => (Err(stop), None),
        };
        let setting = Setting { accounts: &[] };
        let report = play(case, &setting, stage).await;
        progress(Progress::Ended(&report));
        cases.push(report);
    }
    Report {
        seed: options.seed,
        cases,
        chosen: suite.cases().len(),
        took: began.elapsed(),
    }
}

/// A server for a case, and a service that was told of it.
fn invite<L: Launch>(
    case: &Case,
    launch: &L,
    options: &Options,
    interrupted: watch::Receiver<bool>,
) -> Result<(Stage, L::Running), Stop> {
    let broken = |error: &dyn std::fmt::Display| Stop::Broken(error.to_string());
    let identity =
        Identity::ecdsa_p256_dev(&["127.0.0.1", "localhost"]).map_err(|error| broken(&error))?;
    let ca = identity.certificate_pem().to_owned();
    let mut random = Stream::new(options.seed, &case.id);
    let token = format!(
        "judged-{:016x}{:016x}",
        random.next_u64(),
        random.next_u64()
    );
    let slack = options.slack.max(1);
    let stage = Stage::serving(identity, &token, random, slack, interrupted)?;
    let server = stage.net.local_addr().map_err(|error| broken(&error))?;
    let invitation = Invitation { server, ca, token };
    let running = launch.launch(&invitation).map_err(|error| broken(&error))?;
    Ok((stage, running))
}
