//! Shorter runs that find the same.

use super::checker::{Checker, Finding};
use super::counterexample::Path;
use super::model::Model;
use super::run::{Here, Run};

/// Up to this length pairs are tried: as many replays as the square of the length, halved.
const PAIRS: usize = 64;

/// The path without what the finding doesn't need: no single action can be left out any more, and of a path that is not
/// long, no two (such as one that does and one that undoes).
///
/// Parts are left out, halves first, then smaller ones; an action that is no longer enabled without them is skipped too.
pub(super) fn shrink<M: Model>(
    model: &M,
    finding: Finding,
    path: Path<M::Action>,
) -> (Finding, Path<M::Action>) {
    let mut shrinking = Shrinking {
        checker: Checker::new(model),
        finding,
        path,
    };
    let mut size = shrinking.path.actions.len();
    while size > 1 {
        shrinking.without_parts(size);
        size = size.div_ceil(2);
    }
    // After something went, what was needed for it may go as well.
    while shrinking.without_parts(1) || shrinking.without_pairs() {}
    (shrinking.finding, shrinking.path)
}

struct Shrinking<'m, M: Model> {
    checker: Checker<'m, M>,
    finding: Finding,
    path: Path<M::Action>,
}

impl<M: Model> Shrinking<'_, M> {
    /// Leaves out each part of this size that can be; whether any could.
    fn without_parts(&mut self, size: usize) -> bool {
        let before = self.path.actions.len();
        let mut begin = 0;
        while begin < self.path.actions.len() {
            let end = begin + size;
            if !self.succeeds(|n| !(begin..end).contains(&n)) {
                begin = end;
            }
        }
        self.path.actions.len() < before
    }

    /// Leaves out the first two actions that can be left out together; whether there are any.
    fn without_pairs(&mut self) -> bool {
        let len = self.path.actions.len();
        len <= PAIRS
            && (1..len)
                .any(|second| (0..second).any(|first| self.succeeds(|n| n != first && n != second)))
    }

    /// Whether the actions at the positions to keep are enough; then they are the path.
    fn succeeds(&mut self, keep: impl Fn(usize) -> bool) -> bool {
        let Path { initial, actions } = &self.path;
        let kept = actions.iter().enumerate().filter(|(n, _)| keep(*n));
        let kept = kept.map(|(_, action)| action);
        match replay(&mut self.checker, self.finding.rule, *initial, kept) {
            Some((finding, actions)) => {
                self.finding = finding;
                self.path.actions = actions;
                true
            }
            None => false,
        }
    }
}

/// Runs those of the actions that are enabled when it is their turn, until the rule is found.
fn replay<'p, M: Model>(
    checker: &mut Checker<'_, M>,
    rule: usize,
    initial: usize,
    mut actions: impl Iterator<Item = &'p M::Action>,
) -> Option<(Finding, Vec<M::Action>)>
where
    M::Action: 'p,
{
    checker.look_only_for(rule);
    let state = checker.model.initial_states().swap_remove(initial);
    let mut run = Run::begin(checker, state);
    let mut runs = true;
    loop {
        let here = match runs && !checker.has_found() {
            true => run.enable(checker),
            false => Here::Panicked,
        };
        if let Some(finding) = checker.take().pop() {
            return Some((finding, run.taken));
        }
        if !matches!(here, Here::Within { .. }) {
            return None;
        }
        let action = actions.find(|action| run.enabled.contains(action))?;
        runs = run.take(checker, action.clone());
    }
}
