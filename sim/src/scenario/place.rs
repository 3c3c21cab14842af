//! Where in a file something was said.

/// Where in a file a link, a flow, a fault, a step or an expectation was written, for errors about it.
///
/// All places are equal: two scenarios that say the same are the same, wherever they say it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// The array of tables; empty for what comes from no file.
    table: &'static str,
    /// The table's index in it, counted in the file, before any choice of a matrix.
    index: usize,
}

impl Place {
    pub(super) const fn new(table: &'static str, index: usize) -> Place {
        Place { table, index }
    }

    /// Its number in its table, counted from 1.
    pub(super) const fn number(&self) -> usize {
        self.index + 1
    }

    /// The steps that lead there, by key and index.
    pub(super) fn path(&self) -> Vec<String> {
        match self.table {
            "" => Vec::new(),
            table => vec![table.to_owned(), self.index.to_string()],
        }
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl Eq for Place {}
