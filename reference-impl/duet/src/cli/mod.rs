//! What a person types, and what they are told.

mod account;
mod chat;
mod check;
mod compare;
mod connect;
mod files;
#[cfg(unix)]
mod impair;
mod link;
mod many;
mod presets;
mod receive;
mod report;
mod rfc8867;
mod send;
mod serve;
mod shrink;
mod signals;
mod simulate;
mod swarm;
mod talk;
mod tokens;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An open protocol for rooms, messages and one-to-one calls: the reference server and client.
#[derive(Debug, Parser)]
#[command(name = "duet", version, about, max_term_width = 100)]
#[command(
    after_help = "Try it: `duet serve --dev`, then type what it prints in two more terminals."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Arguments),
    /// Run a business service, linked to a server: it decides, is told what happens, and assigns rooms
    Service(link::Arguments),
    /// Call someone
    Call(talk::CallArguments),
    /// Answer calls
    Answer(talk::AnswerArguments),
    /// Send and receive text
    Chat(chat::Arguments),
    /// Send a file to someone
    Send(send::Arguments),
    /// Take files that others send
    Receive(receive::Arguments),
    /// Run scenarios in virtual time, and compare runs
    Simulate(Box<simulate::Arguments>),
    /// Put a scenario's network, in real time, between two programs that know nothing of it
    #[cfg(unix)]
    Impair(impair::Arguments),
    /// Add an account to a file of accounts
    Account(account::Arguments),
    /// Render a report folder's report.html anew, with what has been added to the folder
    Report(report::Arguments),
}

/// A failure, as a person is told: what was wrong, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            code: 1,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn usage(mut self) -> Self {
        self.code = 2;
        self
    }

    /// One that Ctrl-C brought about.
    pub(crate) fn interrupted(mut self) -> Self {
        self.code = 130;
        self
    }

    pub(crate) fn print(&self) {
        eprintln!("error: {}", self.message);
        if let Some(help) = &self.help {
            eprintln!("help: {help}");
        }
    }
}

/// Says why a file could not be written; a full disk is said to be one.
pub(crate) fn cannot_write(path: &std::path::Path, error: &std::io::Error) -> Failure {
    let failure = Failure::new(format!("cannot write {}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            failure.help("free some space on that disk, or write elsewhere")
        }
        std::io::ErrorKind::NotFound => failure.help("make the folder first, or write elsewhere"),
        _ => failure,
    }
}

/// Makes a folder, and sees whether files can be written to it, before there is work that would be lost; otherwise an
/// argument is wrong.
pub(crate) fn ready_folder(folder: &std::path::Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error).usage())?;
    ready_file(&folder.join(".duet"))
}

/// The same of a file; one that is there stays as it is.
pub(crate) fn ready_file(path: &std::path::Path) -> Result<(), Failure> {
    let was_there = path.exists();
    let opened = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path);
    opened.map_err(|error| cannot_write(path, &error).usage())?;
    if !was_there {
        // It can be made again when there is something to write.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Runs the command line; the exit code is 0 where all went well, 1 where it did not, 2 for wrong
/// arguments, with which nothing was begun: files that cannot be read or written are among them; 130 after Ctrl-C.
pub fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("DUET_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Service(arguments) => link::run(&arguments),
        Command::Call(arguments) => talk::call(&arguments),
        Command::Answer(arguments) => talk::answer(&arguments),
        Command::Chat(arguments) => chat::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::Receive(arguments) => receive::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        #[cfg(unix)]
        Command::Impair(arguments) => impair::run(&arguments),
        Command::Account(arguments) => account::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}

/// A tokio runtime of one thread: the network's.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))
}

/// 256 bits from the system.
fn seed() -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Failure::new(format!("the system gives no randomness: {error}")))?;
    Ok(seed)
}

/// What came from others, without the characters that move a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Prints a line. Whoever reads it may have gone: then there is nobody to tell, and the work goes on.
fn say(line: impl std::fmt::Display) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(cannot_write(
            std::path::Path::new("standard output"),
            &error,
        )),
        _ => Ok(()),
    }
}
