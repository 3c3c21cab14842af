//! `duet simulate`.

use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, Subcommand};
use duet_sim::units::same;
use duet_sim::{Scenario, ScenarioError, Seeds, pcapng};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::report::write_plots;
use super::talk::Media;
use super::{
    Failure, cannot_write, check, compare, many, presets, ready_file, ready_folder, rfc8867,
    runtime, say, shrink, swarm,
};
use crate::report::{Extras, ON_TIME_MS, html, page};
use crate::shell;
use crate::simulate::{
    Options, Outcome, RepeatError, RunLine, SimulateError, inspect, repeat, run as run_scenario,
};
use crate::study;

/// What is said of a run and its repetition.
const TWICE: &str = match cfg!(feature = "deterministic") {
    true => "the same twice, byte by byte",
    false => "the same twice, event by event",
};

/// Bytes of one capture at most.
const MOST_CAPTURED: u64 = 1 << 30;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  duet simulate sim/scenarios/first-call.toml
  duet simulate sim/scenarios/first-call.toml --seed 7 --media synthetic --json
  duet simulate sim/scenarios/first-call.toml --report target/report
  duet simulate sim/scenarios/room-in-trouble.toml --seeds 1..200 --jobs 2 --json > runs.jsonl
  duet simulate sim/scenarios/loss-and-delay.toml --report target/sweep
  duet simulate sim/scenarios/room-in-trouble.toml --seed 3 --twice
  duet simulate compare before.jsonl after.jsonl
  duet simulate rfc8867 --controller cubic --case 5.1

Exit code 1 where an expectation or an invariant did not hold; the command that runs it again is printed. Exit code 2 where
nothing was run: wrong arguments, a scenario with a mistake, a file that cannot be written. After Ctrl-C, 130."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    run: RunArguments,
}

/// What there is beside running one scenario.
#[derive(Debug, Subcommand)]
enum Task {
    /// What differs between two sets of runs beyond noise
    Compare(compare::Arguments),
    /// Check a scenario's file; with --print, write out what its parameters come to
    Check(check::Arguments),
    /// The links, NATs and firewalls that scenarios can name, and where their numbers come from
    Presets(presets::Arguments),
    /// Run congestion controllers through the test cases of RFC 8867
    Rfc8867(rfc8867::Arguments),
    /// Run scenarios that are made up: networks, faults and steps at random
    Swarm(swarm::Arguments),
    /// Make a scenario smaller that fails, as long as it fails in the same way
    Shrink(shrink::Arguments),
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The scenario's file
    pub(crate) scenario: Option<PathBuf>,
    /// Instead of the scenario's seed
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run all of these seeds, such as 1..200: a line of results each
    #[arg(long, value_name = "FIRST..LAST")]
    pub(crate) seeds: Option<Seeds>,
    /// Of several runs, so many at a time [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Of a matrix, only the combinations with this value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) only: Vec<String>,
    /// Real codecs, or packets of their shape [default: gstreamer for one run, synthetic for several]
    #[arg(long, value_enum)]
    pub(crate) media: Option<Media>,
    /// Write report.html, report.json, the traces, the event log and the callee's recording to this folder; of several
    /// runs, a report over all of them and runs.jsonl
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Write each plot to this folder, as an SVG file of its own
    #[arg(long, value_name = "DIR")]
    pub(crate) svg: Option<PathBuf>,
    /// Write a capture of every link for Wireshark, with each packet's fate as a comment and the secrets that open it
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    pcapng: Option<PathBuf>,
    /// Run it twice; where the runs differ, exit with code 1 and name the first event that does
    #[arg(long, conflicts_with = "seeds")]
    twice: bool,
    /// Let the call last so long instead, for a quick look
    #[arg(long, value_name = "SECONDS")]
    length: Option<u64>,
    /// Find out as well what repair is worth here: synthetic media, calls of 60 s, seeds 1 to 5, with it and without
    #[arg(long, conflicts_with = "seeds")]
    repair_study: bool,
    /// Print one JSON object for each run
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.task {
        Some(Task::Compare(arguments)) => compare::run(arguments),
        Some(Task::Check(arguments)) => check::run(arguments),
        Some(Task::Presets(arguments)) => presets::run(arguments),
        Some(Task::Rfc8867(arguments)) => rfc8867::run(arguments),
        Some(Task::Swarm(arguments)) => swarm::run(arguments),
        Some(Task::Shrink(arguments)) => shrink::run(arguments),
        None => scenario(&arguments.run),
    }
}

/// Most bytes of a file that is read.
const MOST_BYTES: u64 = 16 << 20;

/// What stands in a file: no device or pipe, which need not end, and no more than anybody means to write.
fn text_of(path: &Path) -> io::Result<String> {
    let other = |why: &str| io::Error::other(why.to_owned());
    if !std::fs::metadata(path)?.is_file() {
        return Err(other("it is no regular file"));
    }
    let mut text = String::new();
    // What the file's length says need not be so, as in /proc.
    let file = std::fs::File::open(path)?;
    file.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MOST_BYTES {
        true => Err(other("it has more than 16 MiB")),
        false => Ok(text),
    }
}

/// Reads a scenario's file, and the files beside it that it names.
pub(crate) fn read(path: &Path) -> Result<Scenario, Failure> {
    let text = text_of(path).map_err(|error| {
        Failure::new(format!("cannot read {}: {error}", path.display()))
            .help("sim/scenarios/ holds some to begin with")
            .usage()
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut open = |name: &str| text_of(&folder.join(name)).map_err(|error| error.to_string());
    Scenario::parse_with(&text, &path.display().to_string(), &mut open)
        .map_err(|error| wrong_scenario(&error))
}

/// The variants of a scenario that are asked for.
fn variants(scenario: &Scenario, arguments: &RunArguments) -> Result<Vec<Scenario>, Failure> {
    let variants = match (&arguments.seeds, arguments.seed) {
        (Some(seeds), _) => scenario.expand_over(seeds),
        (None, Some(seed)) => scenario.expand_over(&Seeds::one(seed)),
        (None, None) => scenario.expand(),
    };
    let mut wanted = Vec::new();
    for only in &arguments.only {
        let pair = only.split_once('=').ok_or_else(|| {
            Failure::new(format!("`--only {only}` is no NAME=VALUE"))
                .help("such as --only \"owd=50 ms\"")
                .usage()
        })?;
        let known = scenario.parameters();
        if !known.iter().any(|(name, _)| name == pair.0) {
            let known: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
            let help = match known.is_empty() {
                true => "the scenario has no matrix".to_owned(),
                false => format!("the scenario has: {}", known.join(", ")),
            };
            return Err(Failure::new(format!("there is no parameter `{}`", pair.0))
                .help(help)
                .usage());
        }
        wanted.push((pair.0.trim(), pair.1.trim()));
    }
    let plain = |value: &str| value.trim_matches('"').to_owned();
    let mut chosen = Vec::new();
    for variant in variants {
        let fits = wanted.iter().all(|(name, value)| {
            let mut parameters = variant.parameters.iter();
            parameters.any(|(known, is)| known == name && same(&plain(is), &plain(value)))
        });
        if fits {
            chosen.push(variant.scenario);
        }
    }
    if chosen.is_empty() {
        return Err(
            Failure::new("no combination of the matrix has those values")
                .help("`duet simulate check FILE` lists them")
                .usage(),
        );
    }
    Ok(chosen)
}

fn scenario(arguments: &RunArguments) -> Result<(), Failure> {
    let Some(path) = &arguments.scenario else {
        return Err(Failure::new("which scenario?")
            .help("`duet simulate FILE`; sim/scenarios/ holds some to begin with")
            .usage());
    };
    let mut scenario = read(path)?;
    if let Some(seconds) = arguments.length {
        study::set_length(&mut scenario, Duration::from_secs(seconds));
    }
    let mut variants = variants(&scenario, arguments)?;
    let mut before = None;
    for variant in &variants {
        // Seeds change nothing of what can be run.
        if before.replace(variant.parameters()) != Some(variant.parameters()) {
            inspect(variant).map_err(|error| wrong_scenario(&error))?;
        }
    }
    for folder in arguments.report.iter().chain(&arguments.svg) {
        ready_folder(folder)?;
    }
    if let Some(file) = &arguments.pcapng {
        ready_file(file)?;
    }
    if variants.len() == 1 && arguments.seeds.is_none() {
        let scenario = variants.remove(0);
        return one(path, scenario, arguments);
    }
    if arguments.twice {
        let text = format!(
            "`--twice` is about one run, and these are {}",
            variants.len()
        );
        return Err(Failure::new(text)
            .help("choose one with --seed and --only")
            .usage());
    }
    many::run(path, &variants, arguments)
}

/// The command that runs one variant again, with the media that it was run with.
pub(crate) fn replay(
    path: &Path,
    scenario: &Scenario,
    media: Media,
    arguments: &RunArguments,
) -> String {
    let mut command = format!(
        "duet simulate {} --seed {}",
        shell::path(path),
        scenario.seed
    );
    for (name, value) in scenario.parameters() {
        let only = format!("{name}={}", value.trim_matches('"'));
        command.push_str(&format!(" --only {}", shell::quoted(&only)));
    }
    let media = match media {
        Media::Gstreamer => "gstreamer",
        Media::Synthetic => "synthetic",
    };
    command.push_str(&format!(" --media {media}"));
    if let Some(seconds) = arguments.length {
        command.push_str(&format!(" --length {seconds}"));
    }
    if arguments.repair_study {
        command.push_str(" --repair-study");
    }
    command
}

/// Runs one variant, and says all about it.
fn one(path: &Path, scenario: Scenario, arguments: &RunArguments) -> Result<(), Failure> {
    let seed = scenario.seed;
    let media = arguments.media.unwrap_or(Media::Gstreamer);
    let recording = arguments
        .report
        .as_ref()
        .map(|folder| folder.join("callee.mp4"));
    clean_up_on_ctrl_c(recording.clone());
    let bar = ProgressBar::new(scenario.duration.as_millis() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg} {elapsed}") {
        bar.set_style(style);
    }
    let progress = |at: Duration| {
        bar.set_position(at.as_millis() as u64);
        bar.set_message(format!("{:.1} s of virtual time", at.as_secs_f64()));
    };
    let options = Options {
        media: media.into(),
        recording: recording.as_deref(),
        capture: arguments.pcapng.is_some(),
        ..Options::new(seed)
    };
    let outcome = match arguments.twice {
        false => run_scenario(&scenario, &options, progress).map_err(RepeatError::from),
        true => repeat(&scenario, &bytewise(options), progress),
    };
    let mut outcome = outcome.map_err(|error| no_outcome(&error))?;
    bar.finish_and_clear();
    outcome.report.command = replay(path, &scenario, media, arguments);
    if arguments.repair_study {
        let bar = ProgressBar::new_spinner();
        let note = |seed| {
            bar.set_message(format!("what repair is worth: seed {seed} of 5"));
            bar.tick();
        };
        let length = Duration::from_secs(60);
        outcome.report.study = study::repair(&scenario, length, 1..=5, note)
            .map_err(|error| Failure::new(error.to_string()))?;
        bar.finish_and_clear();
    }
    if let Some(folder) = &arguments.report {
        write(folder, &outcome)?;
    }
    if let Some(folder) = &arguments.svg {
        write_plots(folder, &page(&outcome.report, &Extras::default()))?;
    }
    if let Some(file) = &arguments.pcapng {
        capture(file, &title(&scenario), &outcome)?;
    }
    let mut line = RunLine::new(&scenario, &outcome);
    line.replay = replay(path, &scenario, media, arguments);
    tell(arguments, &outcome, &line)?;
    match line.ok {
        true => Ok(()),
        false => {
            let faults: Vec<&str> = line.faults().collect();
            Err(Failure::new(faults.join("\n       ")).help(format!("again: {}", line.replay)))
        }
    }
}

/// What two runs are compared by: their bytes, in a build whose TLS can draw from the seed.
#[cfg(feature = "deterministic")]
fn bytewise(options: Options<'_>) -> Options<'_> {
    Options {
        capture: true,
        deterministic_bytes: true,
        ..options
    }
}

#[cfg(not(feature = "deterministic"))]
fn bytewise(options: Options<'_>) -> Options<'_> {
    options
}

/// Why there is nothing to tell of a run.
fn no_outcome(error: &RepeatError) -> Failure {
    match error {
        RepeatError::Simulate(SimulateError::Scenario(error)) => wrong_scenario(error),
        error => Failure::new(error.to_string()),
    }
}

/// What a run is called in a capture.
pub(crate) fn title(scenario: &Scenario) -> String {
    format!("{}, seed {}", scenario.name, scenario.seed)
}

/// Writes all that went over the links, for Wireshark; the comment is of the whole.
pub(crate) fn capture(path: &Path, comment: &str, outcome: &Outcome) -> Result<(), Failure> {
    let run = pcapng::Run {
        comment,
        captured: &outcome.captured,
        log: &outcome.log,
        pdus: &outcome.pdus,
        secrets: &outcome.secrets.text(),
    };
    let wrong = |error: &std::io::Error| cannot_write(path, error);
    let file = std::fs::File::create(path).map_err(|error| wrong(&error))?;
    let out = std::io::BufWriter::new(file);
    let written = pcapng::write_run(out, MOST_CAPTURED, &run, |captured| {
        Some(captured.packet.clone())
    })
    .map_err(|error| wrong(&error))?;
    if written.omitted > 0 {
        eprintln!(
            "{}: {} packets were left out beyond 1 GiB",
            path.display(),
            written.omitted
        );
    }
    Ok(())
}

/// Ctrl-C leaves no half of a recording behind. A run has no other loop that would hear of it.
pub(crate) fn clean_up_on_ctrl_c(recording: Option<PathBuf>) {
    std::thread::spawn(move || {
        let Ok(runtime) = runtime() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            if let Some(path) = recording {
                // There may be none yet.
                let _ = std::fs::remove_file(path);
            }
            eprintln!("stopped");
            std::process::exit(130);
        }
    });
}

/// Ctrl-C is told to whoever looks; the second one ends the program at once.
pub(crate) fn heed_ctrl_c() -> Arc<AtomicBool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stopped);
    std::thread::spawn(move || {
        let Ok(runtime) = runtime() else { return };
        while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            if told.swap(true, Ordering::Relaxed) {
                eprintln!("stopped");
                std::process::exit(130);
            }
            eprintln!("stopping after the runs that are under way; again stops at once");
        }
    });
    stopped
}

/// The error shows the place itself; it begins as every error of this program does.
pub(crate) fn wrong_scenario(error: &ScenarioError) -> Failure {
    let text = error.to_string();
    Failure::new(text.strip_prefix("error: ").unwrap_or(&text)).usage()
}

fn write(folder: &Path, outcome: &Outcome) -> Result<(), Failure> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| cannot_write(&path, &error))
    };
    let report = serde_json::to_string(&outcome.report)
        .map_err(|error| Failure::new(format!("the report: {error}")))?;
    put("report.json", report.as_bytes())?;
    put(
        "report.html",
        html(&page(&outcome.report, &Extras::load(folder))).as_bytes(),
    )?;
    put("events.log", outcome.log.text().as_bytes())?;
    outcome
        .traces
        .iter()
        .try_for_each(|(name, trace)| put(name, trace))
}

fn tell(arguments: &RunArguments, outcome: &Outcome, line: &RunLine) -> Result<(), Failure> {
    let report = &outcome.report;
    if arguments.json {
        let sides = report.sides.iter().map(|side| {
            json!({
                "name": side.name,
                "pictures": side.pictures.len(),
                "on_time": side.on_time(ON_TIME_MS),
                "reason": side.reason,
            })
        });
        let sides: Vec<_> = sides.collect();
        let mut value = serde_json::to_value(line)
            .map_err(|error| Failure::new(format!("the result: {error}")))?;
        value["media"] = json!(report.media);
        value["sides"] = json!(sides);
        value["study"] = json!(report.study);
        if arguments.twice {
            value["twice"] = json!("same");
        }
        return say(value);
    }
    let tally = &outcome.tally;
    say(format!(
        "{} (seed {}, {} media): {}",
        report.scenario, report.seed, report.media, report.description
    ))?;
    if tally.logins > 0 || tally.sent > 0 {
        say(format!(
            "  {} logins, {} links lost, {} resumed; {} messages sent, {} received, {} confirmed, {} undetermined",
            tally.logins,
            tally.suspended,
            tally.resumed,
            tally.sent,
            tally.received,
            tally.delivered,
            tally.undetermined
        ))?;
    }
    for side in &report.sides {
        say(format!(
            "  {} saw {:.1} % of {}'s {} pictures whole within {} ms of capture; {} of its packets to the server sent again; ended: {}",
            side.name,
            100.0 * side.on_time(ON_TIME_MS),
            side.peer,
            side.pictures.len(),
            ON_TIME_MS,
            side.peer_hop.repaired,
            side.reason.as_deref().unwrap_or("not yet"),
        ))?;
    }
    for flow in &report.flows {
        say(format!("  {flow}"))?;
    }
    for row in &report.study {
        say(format!(
            "  seed {}: {:.1} % whole in time with repair, {:.1} % without",
            row.seed,
            100.0 * row.with,
            100.0 * row.without
        ))?;
    }
    if arguments.twice {
        say(format!("  {TWICE}: {} events", outcome.log.records().len()))?;
    }
    for skipped in &outcome.skipped {
        say(format!("  not done: {skipped}"))?;
    }
    for verdict in outcome.verdicts.iter().filter(|verdict| verdict.held()) {
        say(format!("  as expected: {}", verdict.message))?;
    }
    say(format!("  event log {}", report.log_hash))?;
    if let Some(folder) = &arguments.report {
        say(format!(
            "  report in {}",
            folder.join("report.html").display()
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::difference;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArguments,
    }

    /// A run with codecs failed, and the command that was to show it again ran without them, and passed.
    #[test]
    fn a_run_is_done_again_as_it_was_done() {
        let text = r#"
            name = "two"
            description = "$owd"
            duration = "3 s"
            seed = 5
            [matrix]
            owd = ["10 ms", "bob's"]
            [[node]]
            name = "server"
            role = "server"
            "#;
        let scenario = Scenario::parse(text, "two.toml").unwrap_or_else(|error| panic!("{error}"));
        let variants = scenario.expand();
        let again = |variant: usize, media, words: &[&str]| {
            let words = [&["simulate", "my calls/two.toml"], words].concat();
            let line = <Line as clap::Parser>::try_parse_from(words).expect("arguments");
            let path = line.run.scenario.clone().expect("a path");
            replay(&path, &variants[variant].scenario, media, &line.run)
        };
        assert_eq!(
            again(0, Media::Gstreamer, &[]),
            "duet simulate 'my calls/two.toml' --seed 5 --only 'owd=10 ms' --media gstreamer"
        );
        let words = ["--length", "7", "--repair-study", "--media", "synthetic"];
        assert_eq!(
            again(1, Media::Synthetic, &words),
            r"duet simulate 'my calls/two.toml' --seed 5 --only 'owd=bob'\''s' --media synthetic --length 7 --repair-study"
        );
    }

    /// Two runs that ought to be the same: the first event that is not is shown, with what came before it.
    #[test]
    fn runs_that_differ_are_told_by_their_first_event() {
        let text = r#"
            name = "two"
            duration = "3 s"
            [[node]]
            name = "server"
            role = "server"
            [[node]]
            name = "alice"
            role = "client"
            [[link]]
            from = "alice"
            to = "server"
            loss = "20 %"
            "#;
        let scenario = Scenario::parse(text, "two.toml").expect("a scenario");
        let run = |seed| run_scenario(&scenario, &Options::new(seed), |_| {}).expect("a run");
        let (one, other) = (run(1), run(2));
        let found = difference(&one, &other, false).expect("other losses");
        let lines: Vec<String> = one.log.lines().collect();
        let failure = no_outcome(&RepeatError::Divergence(Box::new(found.clone())));
        let told = &failure.message;
        assert!(
            told.contains(&format!(
                "differ in the event log, at event {}",
                found.index
            )),
            "{told}"
        );
        assert!(
            told.contains(&format!("first  {}", lines[found.index])),
            "{told}"
        );
        assert!(told.contains("second "), "{told}");
    }
}
