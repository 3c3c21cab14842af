//! A run as a capture.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};

use super::{LinkType, Pdu, Writer};
use crate::link::{Fate, Journey};
use crate::log::{EventLog, LinkId, Record};
use crate::net::Datagram;
use crate::packet::Ecn;
use crate::time::Time;
use crate::world::Captured;

/// Comments of one packet at most; a note without room waits for the next.
const MAX_COMMENTS: usize = 16;

/// What a capture is made of.
#[derive(Clone, Copy, Debug)]
pub struct Run<'r, P> {
    /// What the run is, for the whole file: a name, a seed, the command that repeats it.
    pub comment: &'r str,
    /// What was offered to links: [`World::captured`](crate::World::captured).
    pub captured: &'r [Captured<P>],
    /// What became of it.
    pub log: &'r EventLog,
    /// What was inside, in the order of time; it gets an interface named `frames`.
    pub pdus: &'r [Pdu],
    /// Secrets of TLS sessions, as lines (RFC 9850).
    pub secrets: &'r str,
}

/// What a capture holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Packets and PDUs that are in it.
    pub packets: u64,
    /// Packets and PDUs that would have made it too long.
    pub omitted: u64,
}

/// Writes a run as a capture of at most `limit` bytes, besides its secrets and interfaces.
///
/// Each link, one direction, is an interface of the link's name, so that a datagram that crosses three links is there
/// three times. `datagram` says what a captured packet is; one that is `None` is left out.
///
/// Comments are for what is not seen in the bytes: `lost random-loss on alice>server, its datagram 17`; who is still on
/// the link at the end, is marked or damaged, or arrives twice; and, on the first packet after it, what a box dropped and
/// what the run noted. The number is the packet's on its link, as in the log.
///
/// # Errors
///
/// Those of `out`.
pub fn write_run<W: Write, P>(
    out: W,
    limit: u64,
    run: &Run<'_, P>,
    datagram: impl Fn(&Captured<P>) -> Option<Datagram>,
) -> io::Result<Written> {
    let mut writer = Writer::new(out, limit, run.comment)?;
    if !run.secrets.is_empty() {
        writer.tls_secrets(run.secrets)?;
    }
    let mut interfaces = BTreeMap::new();
    for captured in run.captured {
        if let std::collections::btree_map::Entry::Vacant(entry) = interfaces.entry(captured.link) {
            let name = run.log.link_name(captured.link);
            entry.insert(writer.interface(name, LinkType::Raw)?);
        }
    }
    let frames = match run.pdus {
        [] => None,
        _ => Some(writer.interface("frames", LinkType::UpperPdu)?),
    };

    let fates = Fates::of(run.log);
    let mut notes = notes(run.log);
    let mut written = 0;
    let mut pdus = run.pdus.iter().peekable();
    for captured in run.captured {
        // What was inside stands before what it went out in.
        while let (Some(interface), Some(pdu)) = (frames, pdus.next_if(|pdu| pdu.at <= captured.at))
        {
            writer.pdu(interface, pdu, &due(&mut notes, pdu.at, MAX_COMMENTS))?;
            written += 1;
        }
        let (Some(datagram), Some(&interface)) =
            (datagram(captured), interfaces.get(&captured.link))
        else {
            continue;
        };
        let link = run.log.link_name(captured.link);
        let mut comments = fates.comments(captured, datagram.ecn, link);
        let room = MAX_COMMENTS.saturating_sub(comments.len());
        comments.extend(due(&mut notes, captured.at, room));
        writer.datagram(interface, captured.at, &datagram, &comments)?;
        written += 1;
    }
    for pdu in pdus {
        if let Some(interface) = frames {
            writer.pdu(interface, pdu, &due(&mut notes, pdu.at, MAX_COMMENTS))?;
            written += 1;
        }
    }
    let (_, omitted) = writer.finish()?;
    Ok(Written {
        packets: written - omitted,
        omitted,
    })
}

/// What became of packets: by link, number, and whether it is of the second of two that arrive.
struct Fates<'r>(BTreeMap<(LinkId, u64, bool), &'r Journey>);

impl<'r> Fates<'r> {
    fn of(log: &'r EventLog) -> Self {
        let courses = log.records().iter().filter_map(|record| match record {
            Record::Packet { link, journey } => {
                Some(((*link, journey.number, journey.copy), journey))
            }
            Record::Dropped { .. } | Record::Note { .. } => None,
        });
        Self(courses.collect())
    }

    /// What is not as it would be on a perfect link.
    fn comments<P>(&self, captured: &Captured<P>, ecn: Ecn, link: &str) -> Vec<String> {
        let (at, number) = (captured.link, captured.number);
        let course = |copy| self.0.get(&(at, number, copy)).copied();
        let mut all = Vec::new();
        let mut say = |what: String| all.push(format!("{what} {link}, its datagram {number}"));
        match course(false) {
            None => say("still at the end on".to_owned()),
            Some(journey) => {
                if let Fate::Lost { cause } = journey.fate {
                    say(format!("lost {cause} on"));
                }
                if journey.ecn != ecn {
                    say(format!("leaves as {} by", journey.ecn.name()));
                }
                if journey.damaged {
                    say("damaged on".to_owned());
                }
            }
        }
        if course(true).is_some() {
            say("arrives twice by".to_owned());
        }
        all
    }
}

/// What the log says beside packets, with its instants.
fn notes(log: &EventLog) -> VecDeque<(Time, String)> {
    let notes = log.records().iter().filter_map(|record| match record {
        Record::Packet { .. } => None,
        Record::Note { at, text } => Some((*at, format!("{at}: {text}"))),
        Record::Dropped { at, by, dropped } => {
            let name = log.box_name(*by);
            let (size, class, cause) = (dropped.size, dropped.class, dropped.cause);
            let text = format!("{at}: {name} dropped {size} bytes of {class}: {cause}");
            Some((*at, text))
        }
    });
    notes.collect()
}

/// Takes the notes that are due, at most `room`.
fn due(notes: &mut VecDeque<(Time, String)>, now: Time, room: usize) -> Vec<String> {
    let due = notes.iter().take(room).take_while(|(at, _)| *at <= now);
    let due = due.count();
    notes.drain(..due).map(|(_, text)| text).collect()
}
