//! What to look at again, and when.

use std::collections::BTreeSet;

use crate::time::Time;

/// Keys in the order in which they may have expired.
///
/// A timer that starts again is not moved: its key comes up at the old time, and whoever holds the value puts it back
/// for the new one. So refreshing costs nothing here, and each key is looked at once in a lifetime.
#[derive(Clone, Debug)]
pub(crate) struct Expiry<K>(BTreeSet<(Time, K)>);

impl<K: Ord + Copy> Expiry<K> {
    pub(crate) fn new() -> Expiry<K> {
        Expiry(BTreeSet::new())
    }

    pub(crate) fn push(&mut self, at: Time, key: K) {
        self.0.insert((at, key));
    }

    pub(crate) fn remove(&mut self, at: Time, key: K) {
        self.0.remove(&(at, key));
    }

    /// The first key whose time has come.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<K> {
        let first = *self.0.first()?;
        (first.0 <= now).then(|| {
            self.0.pop_first();
            first.1
        })
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
