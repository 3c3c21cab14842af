//! The alternating-bit protocol: a sender, a receiver, a channel each way, one bit of sequence number.
//!
//! Right over channels that lose and duplicate, wrong over channels that reorder (Bartlett, Scantlebury and Wilkinson,
//! "A note on reliable full-duplex transmission over half-duplex links", CACM 1969).

use duet_sim::explore::{Diagram, Faults, Gauges, Model, Network, Property, Transit};

/// How many values are sent, and over what.
pub(crate) struct AlternatingBit {
    pub(crate) values: u8,
    pub(crate) capacity: u8,
    pub(crate) faults: Faults,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The value that is being sent, from zero; its lowest bit is the alternating one.
    pub(crate) sending: u8,
    pub(crate) received: Vec<u8>,
    pub(crate) network: Network<Message>,
    pub(crate) faults: Faults,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    Data { value: u8, bit: bool },
    Ack { bit: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Send,
    Transit(Transit),
}

const SENDER: u8 = 0;
const RECEIVER: u8 = 1;

fn bit(count: usize) -> bool {
    count % 2 == 1
}

impl Model for AlternatingBit {
    type State = State;
    type Action = Action;

    fn initial_states(&self) -> Vec<State> {
        vec![State {
            sending: 0,
            received: Vec::new(),
            network: Network::fifo().with_capacity(self.capacity),
            faults: self.faults,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.sending < self.values && !state.network.is_full(SENDER, RECEIVER) {
            actions.push(Action::Send);
        }
        state.network.transits(&state.faults, |transit| {
            actions.push(Action::Transit(transit));
        });
    }

    fn apply(&self, state: &mut State, action: &Action) {
        let transit = match action {
            Action::Send => {
                let (value, bit) = (state.sending, bit(state.sending.into()));
                let message = Message::Data { value, bit };
                return state.network.send(SENDER, RECEIVER, message);
            }
            Action::Transit(transit) => *transit,
        };
        let Some(arrived) = state.network.apply(transit, &mut state.faults) else {
            return;
        };
        match arrived.message {
            Message::Data { value, bit: of } => {
                if of == bit(state.received.len()) {
                    state.received.push(value);
                }
                // An acknowledgement that finds no room is one that was lost.
                if !state.network.is_full(RECEIVER, SENDER) {
                    state
                        .network
                        .send(RECEIVER, SENDER, Message::Ack { bit: of });
                }
            }
            Message::Ack { bit: of } => {
                if state.sending < self.values && of == bit(state.sending.into()) {
                    state.sending += 1;
                }
            }
        }
    }

    fn properties(&self) -> Vec<Property<AlternatingBit>> {
        vec![
            Property::always(
                "what was received is what was sent, in order",
                &["ABP-001"],
                |_, state: &State| {
                    let right = (0..).zip(&state.received).all(|(n, value)| n == *value);
                    match right {
                        true => Ok(()),
                        false => Err(format!("received {:?}", state.received)),
                    }
                },
            ),
            Property::step(
                "what is acknowledged has been received",
                &["ABP-002"],
                |_, before: &State, _: &Action, after: &State| {
                    after.sending == before.sending
                        || usize::from(after.sending) <= after.received.len()
                },
            ),
            Property::quiescent(
                "all arrives",
                &["ABP-003"],
                |model: &Self, state: &State| state.received.len() == usize::from(model.values),
            ),
            Property::always_possible(
                "all can still arrive",
                &["ABP-003"],
                |model: &Self, state: &State| state.sending == model.values,
            ),
            Property::sometimes("all has arrived", |model: &Self, state: &State| {
                state.sending == model.values
            }),
        ]
    }

    fn kind(&self, action: &Action) -> &'static str {
        match action {
            Action::Send => "send",
            Action::Transit(transit) => transit.kind(),
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        vec!["send", "deliver"]
    }

    fn limits(&self) -> Vec<String> {
        vec![
            format!(
                "{} values, {} in flight each way",
                self.values, self.capacity
            ),
            self.faults.to_string(),
        ]
    }

    fn measure(&self, state: &State, gauges: &mut Gauges) {
        gauges.record("messages in flight", state.network.len() as u64);
    }

    fn heap_bytes(&self, state: &State) -> usize {
        state.network.heap_bytes() + state.received.capacity()
    }

    fn participants(&self) -> Vec<String> {
        vec!["sender".into(), "receiver".into()]
    }

    fn draw(&self, before: &State, action: &Action, after: &State, diagram: &mut Diagram) {
        match action {
            Action::Send => diagram.note(SENDER, format!("sends {}", before.sending)),
            Action::Transit(transit) => {
                before
                    .network
                    .draw(*transit, diagram, |message| match message {
                        Message::Data { value, bit } => format!("DATA {value} {}", u8::from(*bit)),
                        Message::Ack { bit } => format!("ACK {}", u8::from(*bit)),
                    });
            }
        }
        if after.received.len() > before.received.len() {
            diagram.note(RECEIVER, format!("has {:?}", after.received));
        }
    }
}
