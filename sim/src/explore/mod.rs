//! A state-space explorer: every order of every action, within stated bounds.
//!
//! A [`Model`] gives states, the actions that each enables, and the state that follows. [`Explorer`] goes through all of
//! them, or walks at random where there are too many, and holds them against [`Property`]s. What breaks one comes back as
//! a [`Counterexample`]: a run from an initial state, drawn as a sequence diagram. It knows nothing of any protocol; the
//! machines may be real ones, driven by the model.
//!
//! - [`Network`] holds messages in flight within a state: [`Transit`]s deliver, drop, duplicate and reorder them, as far
//!   as the budget of [`Faults`] goes.
//! - [`Bounds`] end a search early, and [`Report`] says so: [`Stopped::Exhausted`] is claimed only when every state was
//!   searched. Its *suspicions* are what would make a clean result worthless: a goal that was never reached, a kind of
//!   action that was never taken.
//! - States are told apart by [`fingerprint()`]s of 128 bits; the text there says what this means for a proof.
//!
//! A lamp with two switches far apart, whose messages may be lost:
//!
//! ```
//! use duet_sim::explore::{Diagram, Explorer, Faults, Model, Network, Property, Transit};
//!
//! struct Lamp {
//!     faults: Faults,
//! }
//!
//! #[derive(Clone, PartialEq, Eq, Hash)]
//! struct State {
//!     presses_left: u8,
//!     lit: bool,
//!     network: Network<&'static str>,
//!     faults: Faults,
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq)]
//! enum Action {
//!     Press(u8),
//!     Transit(Transit),
//! }
//!
//! const LAMP: u8 = 2;
//!
//! impl Model for Lamp {
//!     type State = State;
//!     type Action = Action;
//!
//!     fn initial_states(&self) -> Vec<State> {
//!         vec![State { presses_left: 2, lit: false, network: Network::fifo(), faults: self.faults }]
//!     }
//!     fn actions(&self, state: &State, actions: &mut Vec<Action>) {
//!         if state.presses_left > 0 {
//!             actions.extend([Action::Press(0), Action::Press(1)]);
//!         }
//!         state.network.transits(&state.faults, |transit| actions.push(Action::Transit(transit)));
//!     }
//!     fn apply(&self, state: &mut State, action: &Action) {
//!         match action {
//!             Action::Press(switch) => {
//!                 state.presses_left -= 1;
//!                 state.network.send(*switch, LAMP, "toggle");
//!             }
//!             Action::Transit(transit) => {
//!                 if state.network.apply(*transit, &mut state.faults).is_some() {
//!                     state.lit = !state.lit;
//!                 }
//!             }
//!         }
//!     }
//!     fn kind(&self, action: &Action) -> &'static str {
//!         match action {
//!             Action::Press(_) => "press",
//!             Action::Transit(transit) => transit.kind(),
//!         }
//!     }
//!     fn properties(&self) -> Vec<Property<Lamp>> {
//!         vec![
//!             Property::sometimes("the lamp is lit", |_, state: &State| state.lit),
//!             Property::quiescent("two presses leave it dark", &["LAMP-001"], |_, state: &State| !state.lit),
//!         ]
//!     }
//!     fn limits(&self) -> Vec<String> {
//!         vec![format!("two presses, {}", self.faults)]
//!     }
//!     fn participants(&self) -> Vec<String> {
//!         ["door", "bed", "lamp"].map(String::from).to_vec()
//!     }
//!     fn draw(&self, before: &State, action: &Action, _after: &State, diagram: &mut Diagram) {
//!         match action {
//!             Action::Press(switch) => diagram.note(*switch, "press"),
//!             Action::Transit(transit) => before.network.draw(*transit, diagram, |m| m.to_string()),
//!         }
//!     }
//! }
//!
//! let report = Explorer::new(&Lamp { faults: Faults::NONE }).breadth_first();
//! report.check_exhaustive().unwrap();
//! assert_eq!(report.states, 10);
//!
//! let lossy = Faults { drops: 1, ..Faults::NONE };
//! let report = Explorer::new(&Lamp { faults: lossy }).breadth_first();
//! assert_eq!(
//!     report.counterexamples[0].ascii(),
//!     "     door  bed  lamp\n\
//!      \x20      |    |     |\n\
//!      1      *    |     |   press\n\
//!      2      *    |     |   press\n\
//!      3      |- toggle >|\n\
//!      4      |- toggle x|   lost\n\
//!      \x20      *    *     *   broken: two presses leave it dark\n\
//!      \x20      |    |     |\n"
//! );
//! ```

mod bounds;
mod breadth;
mod checker;
mod counterexample;
mod diagram;
mod explorer;
mod faults;
mod fingerprint;
mod guard;
mod model;
mod network;
mod property;
mod report;
mod run;
mod shrink;
mod stuck;
mod symmetry;
mod totals;
mod visited;
mod walk;

pub use bounds::{Bounds, Progress, Stopped};
pub use counterexample::{Counterexample, Path};
pub use diagram::Diagram;
pub use explorer::Explorer;
pub use faults::{Fault, Faults};
pub use fingerprint::{Fingerprinter, fingerprint};
pub use model::Model;
pub use network::{Arrived, Flight, Network, Transit};
pub use property::{Property, Verdict};
pub use report::{Gauges, Report, Witness};
pub use walk::Walks;
