//! The event log of a run.

use core::fmt::{self, Write as _};
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::link::{Cause, Fate, Journey};
use crate::packet::Ecn;
use crate::time::Time;

/// What happened in a run, one record for each packet and link, in the order in which fates became certain.
///
/// As text, a line each:
///
/// ```text
/// 509600000 alice>server 17 media 1200 500000000 504800000 delivered 524600000
/// 510000000 alice>server 18 media 1200 510000000 510000000 lost random-loss
/// 511000000 @home quic-short 1200 dropped nat-filtered
/// 600000000 # alice hangs up
/// ```
///
/// The columns of a packet: the nanosecond at which its last bit left or it was lost, the link, its number on that link,
/// class, bytes, when it was offered, when its first bit left, and its fate with the nanosecond of arrival or the cause.
/// Behind them, where they apply: the ECN field with which it left (`ect0`, `ect1`, `ce`), `reliable`, `damaged`, and
/// `copy`, the second of two that arrive. `@` is a box that dropped a packet, `#` a note. Equal runs give equal logs, byte for byte, so that [`EventLog::hash`] stands for a whole run.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    records: Vec<Record>,
    links: Vec<Link>,
    boxes: Vec<String>,
    counts_only: bool,
}

#[derive(Clone, Debug)]
struct Link {
    name: String,
    counts: Vec<(&'static str, Count)>,
}

/// A link's index in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A packet's course over a link.
    Packet {
        /// The link.
        link: LinkId,
        /// The course.
        journey: Journey,
    },
    /// A packet that a box, such as a NAT, dropped.
    Dropped {
        /// When.
        at: Time,
        /// The box's index; see [`EventLog::box_name`].
        by: u32,
        /// What was dropped, and why.
        dropped: Dropped,
    },
    /// A note.
    Note {
        /// When.
        at: Time,
        /// The text.
        text: Box<str>,
    },
}

/// A packet that a node dropped instead of passing it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dropped {
    /// The packet's class.
    pub class: &'static str,
    /// Its size in bytes, headers included.
    pub size: u64,
    /// Why: one word, such as `"nat-filtered"`.
    pub cause: &'static str,
}

/// Sums over the packets of one class that were offered to one link and whose fate is certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets offered.
    pub offered: u64,
    /// Bytes offered.
    pub bytes: u64,
    /// Packets delivered.
    pub delivered: u64,
    /// Bytes delivered.
    pub delivered_bytes: u64,
    /// Packets that arrived a second time; counted nowhere else.
    pub copies: u64,
    /// Packets lost, by cause; a cause that never occurred is absent.
    pub lost: BTreeMap<Cause, u64>,
}

impl EventLog {
    /// An empty log.
    pub fn new() -> EventLog {
        EventLog::default()
    }

    /// Keeps sums only from now on: no records, so that no memory grows with time, and the text stays as it is.
    pub fn keep_counts_only(&mut self) {
        self.counts_only = true;
    }

    /// Gives a link its id. Names need not differ.
    pub fn add_link(&mut self, name: &str) -> LinkId {
        let counts = Vec::new();
        let name = name.to_owned();
        self.links.push(Link { name, counts });
        LinkId(self.links.len() as u32 - 1)
    }

    /// The name of a link; empty if there is none of that id.
    pub fn link_name(&self, link: LinkId) -> &str {
        self.links
            .get(link.0 as usize)
            .map_or("", |link| &link.name)
    }

    /// The name of a box that dropped something; empty if there is none of that index.
    pub fn box_name(&self, by: u32) -> &str {
        self.boxes.get(by as usize).map_or("", String::as_str)
    }

    /// Records a packet's course over a link.
    ///
    /// # Panics
    ///
    /// If the link was not added.
    pub fn packet(&mut self, link: LinkId, journey: Journey) {
        let counts = &mut self.links[link.0 as usize].counts;
        // A link sees few classes: a walk is faster than a look-up.
        let is_own =
            |class: &'static str| core::ptr::eq(class, journey.class) || class == journey.class;
        let known = counts.iter().position(|(class, _)| is_own(class));
        let index = known.unwrap_or_else(|| {
            counts.push((journey.class, Count::default()));
            counts.len() - 1
        });
        let count = &mut counts[index].1;
        if journey.copy {
            count.copies += 1;
            if !self.counts_only {
                self.records.push(Record::Packet { link, journey });
            }
            return;
        }
        count.offered += 1;
        count.bytes += journey.size;
        match journey.fate {
            Fate::Delivered { .. } => {
                count.delivered += 1;
                count.delivered_bytes += journey.size;
            }
            Fate::Lost { cause } => *count.lost.entry(cause).or_default() += 1,
        }
        if !self.counts_only {
            self.records.push(Record::Packet { link, journey });
        }
    }

    /// Records a packet that a box dropped.
    pub fn dropped(&mut self, at: Time, by: &str, dropped: Dropped) {
        if self.counts_only {
            return;
        }
        let known = self.boxes.iter().position(|name| name == by);
        let by = known.unwrap_or_else(|| {
            self.boxes.push(by.to_owned());
            self.boxes.len() - 1
        }) as u32;
        self.records.push(Record::Dropped { at, by, dropped });
    }

    /// Adds a line of the user's; line breaks in it are written as `\n`.
    pub fn note(&mut self, at: Time, text: &str) {
        if self.counts_only {
            return;
        }
        let text = text.replace('\r', "\\r").replace('\n', "\\n").into();
        self.records.push(Record::Note { at, text });
    }

    /// The records, in the order in which they were made.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Takes the records so far out of the log, so that a run without end needs no memory without end: what is written
    /// away with [`EventLog::line`] is no longer in [`EventLog::text`] and [`EventLog::hash`]. Names and sums stay.
    pub fn take_records(&mut self) -> Vec<Record> {
        core::mem::take(&mut self.records)
    }

    /// The whole log as text; each line ends in a line feed.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.records.len() * 80);
        for record in &self.records {
            let _ = writeln!(text, "{}", self.line(record));
        }
        text
    }

    /// The lines of the log, without their ends.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = String> {
        self.records
            .iter()
            .map(|record| self.line(record).to_string())
    }

    /// One record as a line, without its end.
    pub fn line<'l>(&'l self, record: &'l Record) -> impl fmt::Display + 'l {
        Line { log: self, record }
    }

    /// SHA-256 of [`EventLog::text`], in hex.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut line = String::new();
        for record in &self.records {
            line.clear();
            let _ = writeln!(line, "{}", self.line(record));
            hash.update(&line);
        }
        hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The first place at which two logs differ: its index, and the line of each, absent where that log has ended.
    pub fn first_difference(
        &self,
        other: &EventLog,
    ) -> Option<(usize, Option<String>, Option<String>)> {
        let (mut ours, mut theirs) = (self.lines(), other.lines());
        let mut index = 0;
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return None,
                (ours, theirs) if ours == theirs => index += 1,
                (ours, theirs) => return Some((index, ours, theirs)),
            }
        }
    }

    /// The sums for each link and class that carried anything, in alphabetical order.
    pub fn counts(&self) -> impl Iterator<Item = (&str, &'static str, &Count)> {
        let rows = self.links.iter().flat_map(|link| {
            let counts = link.counts.iter();
            counts.map(|(class, count)| (link.name.as_str(), *class, count))
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(link, class, _)| (*link, *class));
        rows.into_iter()
    }
}

struct Line<'l> {
    log: &'l EventLog,
    record: &'l Record,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.record {
            Record::Packet { link, journey } => {
                let Journey {
                    number,
                    class,
                    size,
                    offered,
                    started,
                    left,
                    ecn,
                    reliable,
                    damaged,
                    copy,
                    fate,
                } = journey;
                let link = self.log.link_name(*link);
                let (left, offered, started) =
                    (left.as_nanos(), offered.as_nanos(), started.as_nanos());
                write!(
                    f,
                    "{left} {link} {number} {class} {size} {offered} {started} "
                )?;
                match fate {
                    Fate::Delivered { at } => write!(f, "delivered {}", at.as_nanos())?,
                    Fate::Lost { cause } => write!(f, "lost {cause}")?,
                }
                if *ecn != Ecn::NotEct {
                    write!(f, " {}", ecn.name())?;
                }
                let flags = [
                    (reliable, " reliable"),
                    (damaged, " damaged"),
                    (copy, " copy"),
                ];
                for (set, word) in flags {
                    if *set {
                        f.write_str(word)?;
                    }
                }
                Ok(())
            }
            Record::Dropped { at, by, dropped } => {
                let Dropped { class, size, cause } = dropped;
                let (at, by) = (at.as_nanos(), self.log.box_name(*by));
                write!(f, "{at} @{by} {class} {size} dropped {cause}")
            }
            Record::Note { at, text } => write!(f, "{} # {text}", at.as_nanos()),
        }
    }
}
