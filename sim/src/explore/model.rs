//! What can be explored.

use core::fmt::Debug;
use core::hash::Hash;
use std::borrow::Cow;

use super::diagram::Diagram;
use super::property::Property;
use super::report::Gauges;

/// A system as states and actions: a directed graph, given by its roots and by the edges that leave a node.
///
/// All methods must be functions of their arguments: no clock, no randomness, no interior mutability. A path is kept as
/// the positions of its actions and found again by replay. A panic anywhere in a model is a counterexample, so machines
/// may be explored with their assertions.
pub trait Model: Sized {
    /// All that decides what can happen next, with the faults that may still happen; small, because many are held.
    type State: Clone + Eq + Hash;
    /// One step.
    type Action: Clone + Eq + Debug;

    /// Where every run begins; at least one.
    fn initial_states(&self) -> Vec<Self::State>;

    /// Appends the actions that are enabled in a state, in a fixed order.
    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>);

    /// Carries out an action that is enabled.
    fn apply(&self, state: &mut Self::State, action: &Self::Action);

    /// What must hold, and what must be reached.
    fn properties(&self) -> Vec<Property<Self>>;

    /// A name for counting actions: "deliver", "crash".
    fn kind(&self, action: &Self::Action) -> &'static str;

    /// The kinds that have to be taken at least once; one that never is makes the exploration suspicious.
    fn kinds(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The one state that stands for all that are alike: participants renamed, deadlines made relative.
    ///
    /// Of states with one canonical form only the first that is found is searched. That is sound if alike states have alike
    /// successors and properties cannot tell them apart; [`Explorer::audit_symmetry`](super::Explorer::audit_symmetry)
    /// checks both.
    fn canonical<'a>(&self, state: &'a Self::State) -> Cow<'a, Self::State> {
        Cow::Borrowed(state)
    }

    /// Whether nothing more has to happen in a state, given its enabled actions: by default, nothing can.
    ///
    /// To be given where some actions are a participant's free choice, and waiting for them is no reason not to be done.
    fn is_quiescent(&self, _state: &Self::State, enabled: &[Self::Action]) -> bool {
        enabled.is_empty()
    }

    /// Whether the search goes on from a state; where it doesn't, the state is checked and counted as pruned.
    fn within(&self, _state: &Self::State) -> bool {
        true
    }

    /// What the model itself bounds, in words: faults, participants, calls. Printed with every result.
    fn limits(&self) -> Vec<String> {
        Vec::new()
    }

    /// Reports lengths of queues and the like, whose maxima are printed.
    fn measure(&self, _state: &Self::State, _gauges: &mut Gauges) {}

    /// Bytes that a state owns on the heap, roughly, for the bound on memory.
    fn heap_bytes(&self, _state: &Self::State) -> usize {
        0
    }

    /// The names of the participants, for diagrams, from left to right.
    fn participants(&self) -> Vec<String> {
        Vec::new()
    }

    /// Draws one step. What is not drawn is noted as the action's `Debug` form.
    fn draw(
        &self,
        _before: &Self::State,
        _action: &Self::Action,
        _after: &Self::State,
        _diagram: &mut Diagram,
    ) {
    }
}
