//! Paths, and what they show.

use core::fmt;

use super::diagram::Diagram;
use super::guard::guard;
use super::model::Model;

/// A run: an initial state and the actions after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<A> {
    /// The position among [`Model::initial_states`].
    pub initial: usize,
    /// The actions, in order.
    pub actions: Vec<A>,
}

impl<A: Clone + Eq + fmt::Debug> Path<A> {
    /// The states along the path, the initial one first: one more than there are actions.
    ///
    /// # Errors
    ///
    /// The position of the first action that is not enabled in its state. So a path that was found once can be kept as a
    /// test, and tells when the model has moved on.
    pub fn replay<M: Model<Action = A>>(&self, model: &M) -> Result<Vec<M::State>, usize> {
        let mut states = vec![model.initial_states().swap_remove(self.initial)];
        let mut enabled = Vec::new();
        for (n, action) in self.actions.iter().enumerate() {
            let state = &states[n];
            enabled.clear();
            model.actions(state, &mut enabled);
            if !enabled.contains(action) {
                return Err(n);
            }
            let mut next = state.clone();
            model.apply(&mut next, action);
            states.push(next);
        }
        Ok(states)
    }

    /// The path as a sequence diagram, as far as it can be run without a panic.
    pub fn diagram<M: Model<Action = A>>(&self, model: &M) -> Diagram {
        let mut diagram = Diagram::new(model.participants());
        let mut state = model.initial_states().swap_remove(self.initial);
        for (n, action) in self.actions.iter().enumerate() {
            diagram.begin_step(n + 1);
            let mut next = state.clone();
            let applied = guard(|| model.apply(&mut next, action)).is_ok();
            if applied {
                model.draw(&state, action, &next, &mut diagram);
            }
            if !diagram.has_drawn() {
                diagram.across(format!("{action:?}"));
            }
            if !applied {
                break;
            }
            state = next;
        }
        diagram
    }
}

/// A run that breaks a property.
///
/// Prints as the property, the numbered actions and a diagram in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample<A> {
    /// What the property says.
    pub property: &'static str,
    /// The ids of the requirements that it stands for.
    pub requirements: &'static [&'static str],
    /// What was found instead; may be empty.
    pub reason: String,
    /// How it comes to that. Breadth-first: no shorter run breaks this property.
    pub path: Path<A>,
    /// The path, drawn.
    pub diagram: Diagram,
}

impl<A: fmt::Debug> Counterexample<A> {
    /// The property and the numbered actions, each line ending in a line feed.
    pub fn text(&self) -> String {
        use core::fmt::Write as _;

        let mut out = format!("BROKEN: {}", self.property);
        if !self.requirements.is_empty() {
            let _ = write!(out, " [{}]", self.requirements.join(", "));
        }
        out.push('\n');
        if !self.reason.is_empty() {
            let _ = writeln!(out, "because: {}", self.reason);
        }
        if self.path.initial > 0 {
            let _ = writeln!(out, "from initial state {}", self.path.initial);
        }
        if self.path.actions.is_empty() {
            out.push_str("in the initial state\n");
        }
        let width = self.path.actions.len().to_string().len();
        for (n, action) in self.path.actions.iter().enumerate() {
            let _ = writeln!(out, "{:>width$}. {action:?}", n + 1);
        }
        out
    }

    /// The path as a Mermaid `sequenceDiagram`, with the property as its last note.
    pub fn mermaid(&self) -> String {
        self.concluded().mermaid()
    }

    /// The path as a sequence diagram in plain text, with the property as its last note.
    pub fn ascii(&self) -> String {
        self.concluded().ascii()
    }

    fn concluded(&self) -> Diagram {
        let mut diagram = self.diagram.clone();
        diagram.across(match self.reason.is_empty() {
            true => format!("broken: {}", self.property),
            false => format!("broken: {}: {}", self.property, self.reason),
        });
        diagram
    }
}

impl<A: fmt::Debug> fmt::Display for Counterexample<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.text(), self.ascii())
    }
}
