//! The event log of a run.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::link::{Cause, Fate};
use crate::time::Time;

/// What happened in a run, one line per packet offered to a link, in the order in which it happened.
///
/// ```text
/// 500000000 alice>server media 1200 delivered 519800000
/// 500000000 alice>server media 1200 lost random-loss
/// 600000000 # alice hangs up
/// ```
///
/// The columns: nanoseconds, link, class, bytes, fate (with the nanosecond of arrival or the cause). Equal runs give equal logs,
/// byte for byte, so that [`EventLog::hash`] stands for a whole run.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    text: String,
    hash: Sha256,
    counts: BTreeMap<String, BTreeMap<&'static str, Count>>,
}

/// Sums over the packets of one class that were offered to one link.
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
    /// Packets lost, by cause; a cause that never occurred is absent.
    pub lost: BTreeMap<Cause, u64>,
}

impl EventLog {
    /// An empty log.
    pub fn new() -> EventLog {
        EventLog::default()
    }

    /// Records one packet offered to a link, and its fate. `size` is in bytes.
    pub fn packet(&mut self, now: Time, link: &str, class: &'static str, size: usize, fate: Fate) {
        let count = self.count(link, class);
        count.offered += 1;
        count.bytes += size as u64;
        match fate {
            Fate::Delivered { .. } => {
                count.delivered += 1;
                count.delivered_bytes += size as u64;
            }
            Fate::Lost { cause } => *count.lost.entry(cause).or_default() += 1,
        }
        let now = now.as_nanos();
        match fate {
            Fate::Delivered { at } => {
                let at = at.as_nanos();
                self.line(format_args!("{now} {link} {class} {size} delivered {at}"));
            }
            Fate::Lost { cause } => {
                self.line(format_args!("{now} {link} {class} {size} lost {cause}"));
            }
        }
    }

    /// Adds a line of the user's; line breaks in it are written as `\n`.
    pub fn note(&mut self, now: Time, text: &str) {
        let text = text.replace('\r', "\\r").replace('\n', "\\n");
        self.line(format_args!("{} # {text}", now.as_nanos()));
    }

    /// The whole log; each line ends in a line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines of the log, without their ends.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.lines()
    }

    /// SHA-256 of [`EventLog::text`], in hex.
    pub fn hash(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The sums for each link and class that carried anything, in alphabetical order.
    pub fn counts(&self) -> impl Iterator<Item = (&str, &'static str, &Count)> {
        self.counts.iter().flat_map(|(link, classes)| {
            classes
                .iter()
                .map(move |(class, count)| (link.as_str(), *class, count))
        })
    }

    fn count(&mut self, link: &str, class: &'static str) -> &mut Count {
        // Looked up first, because an entry would copy the name for every packet.
        if !self.counts.contains_key(link) {
            self.counts.insert(link.to_owned(), BTreeMap::new());
        }
        match self.counts.get_mut(link) {
            Some(classes) => classes.entry(class).or_default(),
            None => unreachable!("the link was inserted above"),
        }
    }

    fn line(&mut self, line: core::fmt::Arguments<'_>) {
        let begin = self.text.len();
        let _ = writeln!(self.text, "{line}");
        self.hash.update(&self.text[begin..]);
    }
}
