//! The states that a search has seen, as fingerprints, and the way to each.

use core::hash::{BuildHasherDefault, Hash, Hasher};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::counterexample::Path;
use super::fingerprint::fingerprint;
use super::model::Model;

/// The place of a state in the order of finding.
pub(super) type Node = u32;

/// What [`Visited::add`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    New(Node),
    Before(Node),
    /// It would be new, but there are as many as may be.
    Full,
}

/// About 33 bytes a state: the fingerprint with its node in a table that is at least half full, and where it came from.
#[derive(Debug, Default)]
pub(super) struct Visited {
    nodes: HashMap<Key, Node, BuildHasherDefault<Identity>>,
    origins: Vec<Origin>,
}

/// The parent, and the position of the action among those enabled there; of an initial state, no parent and its own position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    parent: Node,
    position: u32,
}

const NO_PARENT: Node = Node::MAX;

impl Origin {
    pub(super) fn initial(position: usize) -> Origin {
        Origin {
            parent: NO_PARENT,
            position: position as u32,
        }
    }

    pub(super) fn step(parent: Node, position: usize) -> Origin {
        Origin {
            parent,
            position: position as u32,
        }
    }
}

/// The fingerprint of what stands for a state.
pub(super) fn identity<M: Model>(model: &M, state: &M::State) -> u128 {
    fingerprint(&*model.canonical(state))
}

impl Visited {
    /// Remembers a state, unless it was seen before or `most` others were.
    pub(super) fn add(&mut self, identity: u128, origin: Origin, most: u64) -> Seen {
        let key = Key {
            low: identity as u64,
            high: (identity >> 64) as u64,
        };
        match self.nodes.entry(key) {
            Entry::Occupied(entry) => Seen::Before(*entry.get()),
            Entry::Vacant(_) if self.origins.len() as u64 >= most => Seen::Full,
            Entry::Vacant(entry) => {
                let node = self.origins.len() as Node;
                entry.insert(node);
                self.origins.push(origin);
                Seen::New(node)
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.origins.len()
    }

    /// Bytes in use: the standard table keeps an eighth of its slots free, and one byte beside each.
    pub(super) fn bytes(&self) -> u64 {
        let slots = self.nodes.capacity() as u64 * 8 / 7;
        slots * (size_of::<(Key, Node)>() as u64 + 1)
            + self.origins.capacity() as u64 * size_of::<Origin>() as u64
    }

    /// The path to a node, found by running the model along the remembered positions.
    ///
    /// # Panics
    ///
    /// If the model does not repeat itself.
    pub(super) fn path<M: Model>(&self, model: &M, node: Node) -> Path<M::Action> {
        let mut positions = Vec::new();
        let mut origin = self.origins[node as usize];
        while origin.parent != NO_PARENT {
            positions.push(origin.position as usize);
            origin = self.origins[origin.parent as usize];
        }
        let initial = origin.position as usize;
        let mut state = model.initial_states().swap_remove(initial);
        let mut actions = Vec::with_capacity(positions.len());
        let mut enabled = Vec::new();
        for position in positions.into_iter().rev() {
            enabled.clear();
            model.actions(&state, &mut enabled);
            assert!(
                position < enabled.len(),
                "the model enables other actions when it is run again: it is not a function of the state"
            );
            let action = enabled.swap_remove(position);
            model.apply(&mut state, &action);
            actions.push(action);
        }
        Path { initial, actions }
    }
}

/// A fingerprint; two words, so that a slot of the table takes 24 bytes and not 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    low: u64,
    high: u64,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.low);
    }
}

/// The hash of a fingerprint is half of it.
#[derive(Clone, Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a key writes one word");
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
