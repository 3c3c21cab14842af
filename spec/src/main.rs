//! `duet-spec`: holds Duet's specification, code and tests together.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use duet_spec::{Failure, SpecError, Survey};

/// Holds Duet's specification, code and tests together.
#[derive(Parser)]
#[command(
    name = "duet-spec",
    version,
    after_help = "Examples:\n  \
        duet-spec check                 hold chapters, code and tests against each other\n  \
        duet-spec lock                  acknowledge new or changed wording\n  \
        duet-spec render                rewrite everything that is generated: tables, diagrams, registry, vectors\n  \
        duet-spec coverage --json       what covers each requirement, for machines\n  \
        duet-spec explain CALL-012      a requirement's text and its places\n\n\
        Exit codes: 0 all is well, 1 the check failed, 2 the tool could not do its work."
)]
struct Arguments {
    /// The workspace [default: the nearest directory here or above that holds spec/chapters]
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold spec, code and tests against each other; print what is wrong, where, and what to do
    #[command(after_help = "Example:\n  duet-spec check --root ~/duet")]
    Check,
    /// Acknowledge the wording: rewrite spec/requirements.lock and spec/requirements.json
    #[command(
        after_help = "Ids that no chapter has any more are marked retired and stay, so that none is reused.\n\nExample:\n  duet-spec lock && git diff spec/requirements.lock"
    )]
    Lock,
    /// Rewrite what comes from the declarations: the generated blocks of the chapters, and the generated files
    #[command(
        after_help = "A block stands between `<!-- generated: WHAT -->` and `<!-- /generated -->`; WHAT is one of\n  \
        messages AREA, kinds, controls, codes, errors, violations, limits, timers, table NAME, diagram NAME\n\n\
        The files are spec/registry.json, spec/vectors/*.json, spec/duet.lua, fuzz/duet.dict and the fuzzer's first corpus.\n\nExamples:\n  duet-spec render\n  duet-spec render --check"
    )]
    Render {
        /// Change nothing; fail where something is out of date
        #[arg(long)]
        check: bool,
    },
    /// Show each requirement's enforcing lines, tests, conformance checks and mutants, and the numbers of each chapter
    #[command(
        after_help = "Exit code 1 where a binding requirement has no enforcing line or no test and no check.\n\n\
        Examples:\n  duet-spec coverage --missing\n  duet-spec coverage --json | jq .chapters"
    )]
    Coverage {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Only requirements that lack one of the four, and which
        #[arg(long)]
        missing: bool,
    },
    /// Print a requirement's text and every place that cites it
    #[command(after_help = "Example:\n  duet-spec explain CALL-012")]
    Explain {
        /// The requirement
        id: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = find_root(arguments.root.as_deref()).and_then(|root| run(&root, &arguments.command));
    match done {
        Ok((text, code)) => {
            // A reader that has seen enough, such as `head`, is no error.
            let _ = std::io::stdout().lock().write_all(text.as_bytes());
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("duet-spec: {error}");
            ExitCode::from(if matches!(error, SpecError::Failed(_)) {
                1
            } else {
                2
            })
        }
    }
}

/// The workspace that was given, or the one around the current directory.
fn find_root(given: Option<&Path>) -> Result<PathBuf, SpecError> {
    match given {
        Some(root) if !root.join("spec/chapters").is_dir() => {
            Err(SpecError::NoWorkspace(root.to_owned()))
        }
        Some(root) => Ok(root.to_owned()),
        None => duet_spec::find_root(Path::new(".")),
    }
}

/// Runs a command: what to print, and the exit code.
fn run(root: &Path, command: &Command) -> Result<(String, u8), SpecError> {
    match command {
        Command::Check => {
            let survey = Survey::read(root)?;
            let totals = survey.totals();
            let passed = format!(
                "ok · requirements {} · binding {} · untestable {} · exceptions {}\n",
                totals.requirements, totals.binding, totals.untestable, totals.exceptions
            );
            Ok(verdict(&duet_spec::inspect(root, &survey)?, passed))
        }
        Command::Lock => {
            let locked = duet_spec::lock(root)?;
            let changes: String = locked
                .changes
                .iter()
                .map(|change| format!("{change}\n"))
                .collect();
            Ok((
                format!(
                    "{changes}requirements {} · changes {}\n",
                    locked.total,
                    locked.changes.len()
                ),
                0,
            ))
        }
        Command::Render { check: true } => Ok(verdict(
            &duet_spec::render_check(root)?,
            "ok · up to date\n".to_owned(),
        )),
        Command::Render { check: false } => {
            let changed = duet_spec::render(root)?;
            let files: String = changed.iter().map(|file| format!("{file}\n")).collect();
            Ok((format!("{files}files changed {}\n", changed.len()), 0))
        }
        Command::Coverage { json, missing } => {
            let survey = Survey::read(root)?;
            let text = if *json {
                format!("{:#}\n", survey.to_json(*missing))
            } else {
                survey.to_text(*missing)
            };
            Ok((text, u8::from(survey.open() > 0)))
        }
        Command::Explain { id } => Ok((Survey::read(root)?.explain(id)?, 0)),
    }
}

/// The failures, or that there are none.
fn verdict(failures: &[Failure], passed: String) -> (String, u8) {
    if failures.is_empty() {
        return (passed, 0);
    }
    let lines: String = failures
        .iter()
        .map(|failure| format!("{failure}\n"))
        .collect();
    (format!("{lines}failures {}\n", failures.len()), 1)
}
