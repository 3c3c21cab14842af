//! The lines of a log.

use crate::link::{Cause, Fate, Journey};
use crate::log::{EventLog, Record};

/// A line, as far as it matters here.
#[derive(Debug)]
pub(super) enum Row<'l> {
    Packet(&'l str, Entry<'l>),
    Note(Note<'l>),
    Dropped(Dropped<'l>),
}

/// A packet that a node dropped.
#[derive(Debug)]
pub(super) struct Dropped<'l> {
    pub(super) line: usize,
    pub(super) at: u64,
    pub(super) by: &'l str,
    pub(super) class: &'l str,
    pub(super) size: u64,
    pub(super) cause: &'l str,
}

/// A packet's course, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Entry<'l> {
    pub(super) line: usize,
    pub(super) number: u64,
    pub(super) class: &'l str,
    pub(super) size: u64,
    pub(super) offered: u64,
    pub(super) started: u64,
    pub(super) left: u64,
    /// When it arrives, or why it was lost.
    pub(super) end: Result<u64, Cause>,
    pub(super) reliable: bool,
    pub(super) damaged: bool,
    pub(super) copy: bool,
}

impl Entry<'_> {
    /// Whether it has passed the transmitter.
    pub(super) fn was_sent(&self) -> bool {
        match self.end {
            Ok(_) => true,
            Err(cause) => matches!(
                cause,
                Cause::AirLoss | Cause::AirBurstLoss | Cause::AirListedLoss
            ),
        }
    }
}

/// The first number without a fate: from then on, more may be inside a link than its log shows.
pub(super) fn first_missing(entries: &[Entry<'_>]) -> u64 {
    let mut numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let present = numbers
        .iter()
        .zip(0u64..)
        .take_while(|(number, count)| *number == count);
    present.count() as u64
}

#[derive(Debug)]
pub(super) struct Note<'l> {
    pub(super) at: u64,
    pub(super) text: &'l str,
}

impl<'l> Row<'l> {
    pub(super) fn of(log: &'l EventLog, record: &'l Record) -> Row<'l> {
        match record {
            Record::Packet { link, journey } => Row::Packet(log.link_name(*link), entry(journey)),
            Record::Note { at, text } => Row::Note(Note {
                at: at.as_nanos(),
                text,
            }),
            Record::Dropped { at, by, dropped } => Row::Dropped(Dropped {
                line: 0,
                at: at.as_nanos(),
                by: log.box_name(*by),
                class: dropped.class,
                size: dropped.size,
                cause: dropped.cause,
            }),
        }
    }

    /// Reads a line; the error says what is wrong with it.
    pub(super) fn parse(line: &'l str) -> Result<Row<'l>, String> {
        let (left, rest) = line.split_once(' ').ok_or("an empty line")?;
        let left = number(left)?;
        if let Some(rest) = rest.strip_prefix('@') {
            let words: Vec<&str> = rest.split(' ').collect();
            let [by, class, size, "dropped", cause] = words.as_slice() else {
                return Err(format!("{rest:?} is nothing that a node does"));
            };
            return Ok(Row::Dropped(Dropped {
                line: 0,
                at: left,
                by,
                class,
                size: number(size)?,
                cause,
            }));
        }
        if let Some(text) = rest.strip_prefix("# ") {
            return Ok(Row::Note(Note { at: left, text }));
        }
        let mut words = rest.split(' ');
        let mut word = |what: &str| words.next().ok_or_else(|| format!("{what} is missing"));
        let link = word("the link")?;
        let packet = number(word("the number")?)?;
        let class = word("the class")?;
        let size = number(word("the size")?)?;
        let offered = number(word("the time of the offer")?)?;
        let started = number(word("the time of the first bit")?)?;
        let end = match word("the fate")? {
            "delivered" => Ok(number(word("the time of arrival")?)?),
            "lost" => {
                let name = word("the cause")?;
                let cause = Cause::ALL.into_iter().find(|cause| cause.name() == name);
                Err(cause.ok_or_else(|| format!("{name:?} is no cause"))?)
            }
            other => return Err(format!("{other:?} is no fate")),
        };
        let mut entry = Entry {
            line: 0,
            number: packet,
            class,
            size,
            offered,
            started,
            left,
            end,
            reliable: false,
            damaged: false,
            copy: false,
        };
        for flag in words {
            match flag {
                "ect0" | "ect1" | "ce" => {}
                "reliable" => entry.reliable = true,
                "damaged" => entry.damaged = true,
                "copy" => entry.copy = true,
                other => return Err(format!("{other:?} is no flag")),
            }
        }
        Ok(Row::Packet(link, entry))
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

fn entry(journey: &Journey) -> Entry<'static> {
    Entry {
        line: 0,
        number: journey.number,
        class: journey.class,
        size: journey.size,
        offered: journey.offered.as_nanos(),
        started: journey.started.as_nanos(),
        left: journey.left.as_nanos(),
        end: match journey.fate {
            Fate::Delivered { at } => Ok(at.as_nanos()),
            Fate::Lost { cause } => Err(cause),
        },
        reliable: journey.reliable,
        damaged: journey.damaged,
        copy: journey.copy,
    }
}
