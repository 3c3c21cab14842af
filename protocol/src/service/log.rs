//! The one order of entries for the service: numbered, kept up to a bound, so that what was missed can come again.

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::limits;
use crate::message::service::Permissions;

/// An event, data for the service, or the result of a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    /// Who may see it.
    pub(crate) need: Permissions,
    pub(crate) frame: Bytes,
}

/// The entries that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    bytes: usize,
    last: u64,
}

impl Log {
    /// The number of the newest entry.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    /// The number that the next entry will have.
    pub(crate) const fn next(&self) -> u64 {
        self.last.saturating_add(1)
    }

    /// Adds the next entry. Where older ones no longer have room, the number of the newest of those is given back.
    pub(crate) fn push(&mut self, need: Permissions, frame: Bytes) -> Option<u64> {
        self.last = self.next();
        self.bytes = self.bytes.saturating_add(frame.len());
        let number = self.last;
        self.entries.push_back(Entry {
            number,
            need,
            frame,
        });
        let mut dropped = None;
        //= SVC-023
        while self.entries.len() > limits::MAX_ENTRIES || self.bytes > limits::MAX_ENTRY_BYTES {
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(entry.frame.len());
            dropped = Some(entry.number);
        }
        dropped
    }

    /// Whether every entry after `number` is kept.
    pub(crate) fn reaches_back_to(&self, number: u64) -> bool {
        let oldest = self.entries.front().map_or(self.next(), |e| e.number);
        number <= self.last && number.saturating_add(1) >= oldest
    }

    /// The entries after `number`.
    pub(crate) fn after(&self, number: u64) -> impl Iterator<Item = &Entry> {
        let from = self.entries.partition_point(|entry| entry.number <= number);
        self.entries.range(from..)
    }
}
