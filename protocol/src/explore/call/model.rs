//! Calls as the explorer asks of a model: what there is at first, what may happen, what must hold, how to draw it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use duet_sim::explore::{Diagram, Fault, Gauges, Model, Property};

use crate::explore::client::{Client, Link};
use crate::explore::cluster::{Cluster, label};
use crate::explore::rules;
use crate::id::CallId;
use crate::server::envelope::Owner;

use super::*;

impl Model for Calls {
    type State = State;
    type Action = Action;

    fn initial_states(&self) -> Vec<State> {
        let state = |&(calls_at, rooms_at): &(u8, u8)| {
            let ids = 0..self.invites.len() as u8;
            let ids: Vec<CallId> = ids.map(|n| Self::call_id(n, calls_at)).collect();
            let mut cluster = {
                let shards = self.shards.into();
                Cluster::new(shards, Cluster::salt(&ids, rooms_at.into(), shards))
            };
            let mut clients = Vec::new();
            for (n, (name, user, _)) in self.clients.iter().enumerate() {
                let session = self.session_id(n);
                cluster.log_in(session, *user, name);
                clients.push(Client::new(session, *user));
            }
            let (made, wrongs, faults, flaw) = (0, 0, self.faults, None);
            State {
                cluster,
                clients,
                made,
                wrongs,
                faults,
                calls_at,
                flaw,
            }
        };
        self.homes.iter().map(state).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.cluster.network.transits(&state.faults, |transit| {
            actions.push(Action::Transit(transit));
        });
        for (shard, machines) in state.cluster.shards.iter().enumerate() {
            for place in 0..machines.asked.len() {
                let (shard, place) = (shard as u8, place as u8);
                actions.extend([true, false].map(|yes| Action::Decide { shard, place, yes }));
            }
        }
        for (number, (client, _)) in (0..).zip(&self.invites) {
            let up = state.clients[usize::from(*client)].link == Link::Up;
            if up && state.made & (1 << number) == 0 {
                actions.push(Action::Invite { invite: number });
            }
        }
        for client in 0..state.clients.len() as u8 {
            match state.clients[usize::from(client)].link {
                Link::Up => {
                    let begin = actions.len();
                    self.legal(state, client, actions);
                    if state.wrongs < self.wrongs {
                        let legal = actions[begin..].to_vec();
                        Self::wrong(state, client, &legal, actions);
                    }
                    if state.faults.allows(Fault::Crash) {
                        actions.extend([Action::LinkLost { client }, Action::Logout { client }]);
                    }
                }
                Link::Down => {
                    actions.extend([Action::Resume { client }, Action::Expire { client }]);
                }
                Link::Gone => {}
            }
        }
        if state.faults.allows(Fault::Timeout) {
            for (call, machine) in state.cluster.calls() {
                if machine.deadline().is_some() {
                    actions.push(Action::Timer { call: *call });
                }
            }
        }
    }

    fn apply(&self, state: &mut State, action: &Action) {
        self.step(state, action);
    }

    fn properties(&self) -> Vec<Property<Self>> {
        rules::of(self)
    }

    fn kind(&self, action: &Action) -> &'static str {
        match action {
            Action::Invite { .. } => "invite",
            Action::Ask { .. } => "ask",
            Action::Wrong { .. } => "ask wrongly",
            Action::Join { .. } => "join",
            Action::Leave { .. } => "leave",
            Action::Publish { .. } => "publish",
            Action::Decide { .. } => "decide",
            Action::Transit(transit) => transit.kind(),
            Action::Timer { .. } => "timeout",
            Action::LinkLost { .. } => "lose a link",
            Action::Resume { .. } => "resume",
            Action::Expire { .. } => "expire",
            Action::Logout { .. } => "log out",
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        vec!["invite", "ask", "decide", "deliver"]
    }

    fn is_quiescent(&self, state: &State, _: &[Action]) -> bool {
        state.cluster.is_at_rest()
    }

    fn within(&self, state: &State) -> bool {
        // What follows from a mistake is no more to be looked at.
        state.flaw.is_none()
    }

    fn limits(&self) -> Vec<String> {
        let count = |n: usize, what: &str| match n {
            1 => format!("1 {what}"),
            _ => format!("{n} {what}s"),
        };
        let inside = match self.rooms {
            true => "they enter its room and publish",
            false => "they do not enter its room",
        };
        vec![
            format!(
                "{}, {}, {} shards, {} of calls and rooms; {inside}",
                count(self.clients.len(), "client"),
                count(self.invites.len(), "INVITE"),
                self.shards,
                count(self.homes.len(), "placement"),
            ),
            format!(
                "{}, {}",
                count(self.wrongs.into(), "illegal request"),
                self.faults
            ),
            "time stands still: any timer that runs may fire, and rates are never used up"
                .to_string(),
        ]
    }

    fn measure(&self, state: &State, gauges: &mut Gauges) {
        gauges.record("envelopes in flight", state.cluster.network.len() as u64);
    }

    fn heap_bytes(&self, state: &State) -> usize {
        state.cluster.heap_bytes() + state.clients.len() * (size_of::<Client>() + 200)
    }

    fn participants(&self) -> Vec<String> {
        let names = self.clients.iter().map(|(name, ..)| (*name).to_string());
        names
            .chain((0..self.shards).map(|n| format!("shard {n}")))
            .collect()
    }

    fn draw(&self, before: &State, action: &Action, _after: &State, diagram: &mut Diagram) {
        let mut state = before.clone();
        let mut ask = |client: u8, text: String| {
            let session = before.clients[usize::from(client)].session;
            diagram.arrow(
                client,
                self.shard_column(before.cluster.home(Owner::Session(session))),
                text,
            );
        };
        match action {
            Action::Invite { invite } => {
                let call = Self::call_id(*invite, before.calls_at);
                let (client, _) = self.invites[usize::from(*invite)];
                ask(client, format!("INVITE{}", self.call_name(call)));
            }
            Action::Ask { client, call, verb } | Action::Wrong { client, call, verb } => {
                let verb = match verb {
                    Verb::Ringing => "RINGING",
                    Verb::Accept => "ACCEPT",
                    Verb::AcceptNarrow => "ACCEPT less",
                    Verb::AcceptWide => "ACCEPT more",
                    Verb::Reject => "REJECT",
                    Verb::Cancel => "CANCEL",
                    Verb::End => "END",
                    Verb::InviteAgain => "INVITE again",
                };
                ask(*client, format!("{verb}{}", self.call_name(*call)));
            }
            Action::Join { client, .. } => ask(*client, "JOIN".to_string()),
            Action::Leave { client, .. } => ask(*client, "LEAVE".to_string()),
            Action::Publish { client, kind, .. } => ask(*client, format!("PUBLISH {kind:?}")),
            Action::Logout { client } => ask(*client, "GOODBYE".to_string()),
            Action::LinkLost { client } => diagram.note(*client, "loses its link"),
            Action::Resume { client } => diagram.note(*client, "resumes its session"),
            Action::Expire { client } => diagram.note(*client, "its session's time is up"),
            Action::Decide { shard, yes, .. } => {
                let text = if *yes {
                    "the service allows it"
                } else {
                    "the service denies it"
                };
                diagram.note(self.shard_column((*shard).into()), text);
            }
            Action::Timer { call } => {
                let at = self.shard_column(before.cluster.home(Owner::Call(*call)));
                diagram.note(at, "the call's timer fires");
            }
            Action::Transit(transit) => {
                let flight = transit.flight();
                let text = before
                    .cluster
                    .network
                    .at(flight)
                    .map(label)
                    .unwrap_or_default();
                let (from, to) = (flight.from.into(), flight.to.into());
                diagram.arrow(self.shard_column(from), self.shard_column(to), text);
            }
        }
        for (client, frame) in self.step(&mut state, action) {
            let session = before.clients[usize::from(client)].session;
            let from = self.shard_column(before.cluster.home(Owner::Session(session)));
            let text = crate::explore::client::name(&frame);
            if text != "ACK" {
                diagram.arrow(from, client, text);
            }
        }
    }
}
