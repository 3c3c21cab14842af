//! The simulator under Duet itself: servers and clients with real QUIC and TLS, every packet in the log.

use std::fmt::Write as _;
use std::time::Duration;

use duet::simulate::{self, Options, Outcome};
use duet_sim::Scenario;

use super::clock::Cpu;

/// What connects each client to the server: an ordinary home connection.
const LINK: &str = r#"
[[link]]
from = "client"
to = "server"
rate = "4 Mb/s"
queue = "64 kB"
delay = "15 ms"
loss = "1 %"
"#;

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse(text, "bench.toml").map_err(|error| error.to_string())
}

fn run(
    scenario: &Scenario,
    traces: bool,
    progress: impl FnMut(Duration),
) -> Result<Outcome, String> {
    let options = Options {
        traces,
        ..Options::new(1)
    };
    let outcome = simulate::run(scenario, &options, progress).map_err(|error| error.to_string())?;
    match outcome.breaches.first() {
        Some(breach) => Err(format!("an invariant broke: {breach}")),
        None => Ok(outcome),
    }
}

fn head(duration: u64, clients: usize) -> String {
    let mut text = format!("name = \"bench\"\nseed = 1\nduration = \"{duration} s\"\n");
    text += "[[node]]\nname = \"server\"\nrole = \"server\"\n";
    let _ = writeln!(
        text,
        "[[node]]\nname = \"client\"\nrole = \"client\"\ncount = {clients}"
    );
    text + LINK
}

/// What a run cost.
pub(crate) struct Cost {
    /// What was done in it, in the unit of the row.
    pub(crate) done: f64,
    /// Processor time.
    pub(crate) cpu: Duration,
    /// Packets in the log.
    pub(crate) packets: u64,
}

fn packets(outcome: &Outcome) -> u64 {
    outcome
        .log
        .counts()
        .map(|(_, _, count)| count.offered)
        .sum()
}

/// When calls begin: all have logged in by then, also those whose packets were lost.
const CALLS_FROM: u64 = 4;

/// So many calls at once for `seconds`, each of two clients with video and sound both ways; done are seconds of calls.
pub(crate) fn calls(calls: usize, seconds: u64, traces: bool) -> Result<Cost, String> {
    let mut text = head(CALLS_FROM + seconds, 2 * calls);
    for call in 0..calls {
        let (from, to) = (2 * call + 1, 2 * call + 2);
        let at = CALLS_FROM * 1_000 + (call % 500) as u64;
        let _ = writeln!(
            text,
            "[[step]]\nwho = \"client-{from}\"\ndo = \"call\"\nto = \"client-{to}\"\nat = \"{at} ms\""
        );
    }
    text += "[media]\nvideo = { codec = \"h264\", bitrate = \"800 kb/s\", width = 640, height = 360, frames_per_second = 30 }\n";
    text += "audio = { codec = \"aac\", bitrate = \"64 kb/s\" }\n";
    let scenario = parse(&text)?;
    let began = Cpu::now();
    let outcome = run(&scenario, traces, |_| ())?;
    let cpu = began.elapsed();
    let sides = outcome.tally.calls_started;
    match sides == 2 * calls {
        true => Ok(Cost {
            done: (calls as u64 * seconds) as f64,
            cpu,
            packets: packets(&outcome),
        }),
        false => Err(format!(
            "{sides} of {} sides of calls came about",
            2 * calls
        )),
    }
}

/// When the first speaks in rooms, after all have entered.
const QUIET_UNTIL: Duration = Duration::from_secs(30);

/// How long rooms are silent first: what it costs that they are there.
const QUIET_FROM: Duration = Duration::from_secs(20);

/// How long is spoken.
const SPOKEN: u64 = 20;

/// `clients` in rooms of at most a hundred, which is what a room holds; a thousand messages arrive a second.
/// Gives what the silence costs, by clients' seconds, and what speech costs, by messages that arrived.
pub(crate) fn rooms(clients: usize) -> Result<(Cost, Cost), String> {
    let members = clients.min(duet_protocol::limits::MAX_MEMBERS);
    let rooms = clients / members;
    let seconds = QUIET_UNTIL.as_secs() + SPOKEN + 2;
    let mut text = head(seconds, clients);
    for client in 0..clients {
        let room = client / members;
        let _ = writeln!(
            text,
            "[[step]]\nwho = \"client-{}\"\ndo = \"join\"\nroom = \"room-{room}\"\nat = \"{} ms\"",
            client + 1,
            2_000 + 10 * client
        );
    }
    // Each message is heard by all of its room, the speaker's included or not.
    let messages = (SPOKEN as usize * 1_000) / members;
    for message in 0..messages {
        let client = (message % rooms) * members + (message / rooms) % members;
        let at = QUIET_UNTIL.as_millis() as usize + message * members;
        let _ = writeln!(
            text,
            "[[step]]\nwho = \"client-{}\"\ndo = \"send\"\nroom = \"room-{}\"\nsize = \"100 B\"\nat = \"{at} ms\"",
            client + 1,
            client / members
        );
    }
    let scenario = parse(&text)?;
    let mut marks = [None, None, None];
    let began = Cpu::now();
    let outcome = run(&scenario, false, |now| {
        let instants = [QUIET_FROM, QUIET_UNTIL, Duration::from_secs(seconds)];
        for (mark, instant) in marks.iter_mut().zip(instants) {
            if now >= instant {
                mark.get_or_insert_with(|| began.elapsed());
            }
        }
    })?;
    let [Some(quiet), Some(spoken), Some(end)] = marks else {
        return Err("the run ended before its end".to_owned());
    };
    let (expected, received) = (messages * (members - 1), outcome.tally.received);
    if received != expected {
        let why = outcome.skipped.first();
        return Err(format!("{received} of {expected} messages came; {why:?}"));
    }
    let packets = packets(&outcome);
    let silence = Cost {
        done: clients as f64 * (QUIET_UNTIL - QUIET_FROM).as_secs_f64(),
        cpu: spoken - quiet,
        packets,
    };
    let speech = Cost {
        done: received as f64,
        cpu: end - spoken,
        packets,
    };
    Ok((silence, speech))
}
