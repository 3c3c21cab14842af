//! An independent check of event logs.
//!
//! A [`Verifier`] is told what the links of a world do by configuration, reads the world's log, as records or as text,
//! and says what in it cannot have happened. It computes everything itself, from the definitions, and shares no code
//! with the stages of links, so that a mistake there shows here.
//!
//! ```
//! use duet_sim::verify::Verifier;
//! use duet_sim::LinkConfig;
//! use std::time::Duration;
//!
//! let link = LinkConfig { delay: Duration::from_nanos(10), ..LinkConfig::default() };
//! let verifier = Verifier::new().link("a>b", &link);
//! assert!(verifier.check_text("5 a>b 0 data 100 5 5 delivered 15\n").is_empty());
//! let breaches = verifier.check_text("5 a>b 0 data 100 5 5 delivered 14\n");
//! assert_eq!(
//!     breaches[0].to_string(),
//!     "line 1: early: a>b 0 arrives at 14, before 15"
//! );
//! ```

mod causes;
mod course;
mod media;
mod plan;
mod room;
mod row;
mod stations;
mod told;

use core::fmt;
use std::collections::BTreeMap;

use crate::link::{LinkConfig, MediumConfig};
use crate::log::EventLog;
use crate::time::Time;

use plan::Plan;
use row::{Dropped, Entry, Note, Row};

pub use stations::Station;

/// Something in a log that cannot have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The line of the log, from 1.
    pub line: usize,
    /// What it breaks.
    pub rule: Rule,
    /// The particulars.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.rule, self.what)
    }
}

/// What a log must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every line can be read.
    Malformed,
    /// What arrives was offered: to a link that exists, in the order of its numbers, and a copy is of an original.
    Created,
    /// A packet has one fate, and at most one marked copy.
    Twice,
    /// A packet whose successors have left a first-in first-out link has a fate.
    Missing,
    /// Nothing is sent before it is offered, or arrives before its bits were sent and have crossed the link.
    Early,
    /// Nothing arrives later than its delay and what varies it allow, and no transmitter rests while anything waits.
    Late,
    /// No more bits leave than the rate, the schedule or the trace allows, and on a shared medium one sends at a time.
    TooFast,
    /// No more waits than the queue's limit, and nothing is dropped for want of room that there was.
    Overfull,
    /// Packets arrive in order where the configuration promises it.
    Order,
    /// Packets are lost, damaged, copied and dropped for causes that the configuration has, and where it says so.
    Cause,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Malformed => "malformed",
            Rule::Created => "created",
            Rule::Twice => "twice",
            Rule::Missing => "missing",
            Rule::Early => "early",
            Rule::Late => "late",
            Rule::TooFast => "too fast",
            Rule::Overfull => "overfull",
            Rule::Order => "order",
            Rule::Cause => "cause",
        })
    }
}

/// Checks logs against the configuration of their links.
///
/// Commands to links that the log notes as [`World`](crate::World) does (`down`, `down hold`, `up`, `rate 2 Mb/s`,
/// `delay 5 ns`) are taken into account. After any other note that begins with a link's name, the link may do anything
/// else than it was told before: then only what holds of every link is checked.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    /// From when on which configuration, in the order of time.
    links: BTreeMap<String, Vec<(u64, LinkConfig)>>,
    media: Vec<(Vec<String>, MediumConfig)>,
    /// What stands between the links, by name; nothing is known of it if this is empty.
    stations: BTreeMap<String, Station>,
}

impl Verifier {
    /// One that knows of no link.
    pub fn new() -> Verifier {
        Verifier::default()
    }

    /// Adds a link direction.
    #[must_use]
    pub fn link(mut self, name: &str, config: &LinkConfig) -> Verifier {
        self.links
            .insert(name.to_owned(), vec![(0, config.clone())]);
        self
    }

    /// Says that a link that was added is another from an instant on. Changes come in the order of time; rates and
    /// delays by command are not to be mixed with them.
    #[must_use]
    pub fn change(mut self, name: &str, at: Time, config: &LinkConfig) -> Verifier {
        if let Some(configs) = self.links.get_mut(name) {
            configs.push((at.as_nanos(), config.clone()));
        }
        self
    }

    /// Says that link directions share a medium.
    #[must_use]
    pub fn medium(mut self, links: &[&str], config: &MediumConfig) -> Verifier {
        let links = links.iter().map(|link| (*link).to_owned()).collect();
        self.media.push((links, config.clone()));
        self
    }

    /// Adds what stands between links, and may drop what it does not pass on. If there is none, what nodes drop is not
    /// checked.
    #[must_use]
    pub fn station(mut self, name: &str, station: Station) -> Verifier {
        self.stations.insert(name.to_owned(), station);
        self
    }

    /// What a log breaks, in the order of its lines.
    pub fn check(&self, log: &EventLog) -> Vec<Breach> {
        let rows = log.records().iter().map(|record| Row::of(log, record));
        self.check_rows(rows.map(Ok))
    }

    /// What a log breaks that is given as text.
    pub fn check_text(&self, text: &str) -> Vec<Breach> {
        self.check_rows(text.lines().map(Row::parse))
    }

    fn check_rows<'l>(&self, rows: impl Iterator<Item = Result<Row<'l>, String>>) -> Vec<Breach> {
        let mut breaches = Breaches::default();
        let mut entries: BTreeMap<&str, Vec<Entry<'_>>> = BTreeMap::new();
        let mut notes: Vec<Note<'_>> = Vec::new();
        let mut dropped: Vec<Dropped<'_>> = Vec::new();
        for (index, row) in rows.enumerate() {
            let line = index + 1;
            match row {
                Err(why) => breaches.add(line, Rule::Malformed, why),
                Ok(Row::Dropped(drop)) => dropped.push(Dropped { line, ..drop }),
                Ok(Row::Note(note)) => notes.push(note),
                Ok(Row::Packet(link, mut entry)) => {
                    entry.line = line;
                    match self.links.get_key_value(link) {
                        Some((name, _)) => entries.entry(name).or_default().push(entry),
                        None => {
                            breaches.add(line, Rule::Created, format!("there is no link {link}"));
                        }
                    }
                }
            }
        }
        let shared = |name: &str| {
            let holds = |(links, _): &&(Vec<String>, MediumConfig)| links.iter().any(|l| l == name);
            self.media.iter().any(|medium| holds(&medium))
        };
        let mut steady = BTreeMap::new();
        for (name, entries) in &entries {
            let plan = Plan::new(name, &self.links[*name], &notes, shared(name));
            course::check(&plan, entries, &mut breaches);
            room::check(&plan, entries, &mut breaches);
            causes::check(&plan, entries, &mut breaches);
            steady.extend(plan.steady().map(|speed| (*name, speed)));
        }
        for (links, config) in &self.media {
            let links = links.iter().map(String::as_str);
            let sending = links.filter_map(|link| Some((link, entries.get(link)?)));
            media::check(sending, config, &steady, &mut breaches);
        }
        if !self.stations.is_empty() {
            stations::check(&self.stations, &dropped, &entries, &mut breaches);
        }
        breaches.0.sort_by_key(|breach| (breach.line, breach.rule));
        breaches.0
    }
}

/// What was found.
#[derive(Debug, Default)]
struct Breaches(Vec<Breach>);

impl Breaches {
    fn add(&mut self, line: usize, rule: Rule, what: String) {
        self.0.push(Breach { line, rule, what });
    }
}
