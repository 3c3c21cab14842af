//! Calls, side by side.

use std::collections::BTreeMap;

use duet_protocol::client::Event;
use duet_protocol::id::CallId;
use duet_sim::Time;

use super::{Act, Book, Invariant, SETTLE};

/// How far a side has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Calling,
    Incoming,
    Accepted,
    Started,
    /// Told that it is over, or killed.
    Over,
}

/// A side of a call.
#[derive(Clone, Copy, Debug)]
struct Leg {
    stage: Stage,
    accepted: bool,
    since: Time,
}

/// Every side of every call.
#[derive(Debug)]
pub(super) struct Calls {
    legs: Vec<BTreeMap<CallId, Leg>>,
}

impl Calls {
    pub(super) fn new(count: usize) -> Self {
        Self {
            legs: vec![BTreeMap::new(); count],
        }
    }

    pub(super) fn did(&mut self, now: Time, who: usize, act: Act<'_>) {
        let legs = &mut self.legs[who];
        match act {
            Act::Invite { call } => {
                legs.insert(call, Leg::new(Stage::Calling, now));
            }
            Act::Accept { call } => {
                if let Some(leg) = legs.get_mut(&call) {
                    (leg.stage, leg.accepted, leg.since) = (Stage::Accepted, true, now);
                }
            }
            Act::Die => {
                for leg in legs.values_mut() {
                    leg.stage = Stage::Over;
                }
            }
            _ => {}
        }
    }

    pub(super) fn told(&mut self, book: &mut Book, now: Time, who: usize, event: &Event) {
        let mut breach = |invariant, way, text| book.breach_by(invariant, way, who, now, text);
        match event {
            Event::Incoming { call, .. } => {
                let leg = Leg::new(Stage::Incoming, now);
                if self.legs[who].insert(*call, leg).is_some() {
                    breach(
                        Invariant::CallEnd,
                        "again",
                        format!("call {call} rings again"),
                    );
                }
            }
            Event::Started { call, .. } => {
                let mut sides = self.legs.iter().filter_map(|legs| legs.get(call));
                if !sides.any(|leg| leg.accepted) {
                    let text = format!("call {call} starts, and nobody has accepted it");
                    breach(Invariant::CallConsent, "by nobody", text);
                }
                let legs = &mut self.legs[who];
                let stage = legs.get(call).map(|leg| leg.stage);
                if !matches!(stage, Some(Stage::Calling | Stage::Accepted)) {
                    let text = format!("call {call} starts where it was {stage:?}");
                    breach(Invariant::CallConsent, "out of turn", text);
                }
                let mut others = legs.iter().filter(|(other, _)| *other != call);
                if let Some((other, _)) = others.find(|(_, leg)| leg.stage == Stage::Started) {
                    let text = format!("call {call} starts, and call {other} is not over");
                    breach(Invariant::CallAlone, "", text);
                }
                if let Some(leg) = legs.get_mut(call) {
                    (leg.stage, leg.since) = (Stage::Started, now);
                }
                book.tally.calls_started += 1;
            }
            Event::Ended { call, .. } => {
                match self.legs[who].get_mut(call) {
                    Some(leg) if leg.stage != Stage::Over => leg.stage = Stage::Over,
                    Some(_) => breach(
                        Invariant::CallEnd,
                        "twice",
                        format!("call {call} ends twice"),
                    ),
                    None => breach(
                        Invariant::CallEnd,
                        "unknown",
                        format!("call {call} ends, and it was never told of it"),
                    ),
                }
                book.tally.calls_ended += 1;
            }
            Event::LoggedOut { .. } => {
                let mut open = self.legs[who].iter_mut();
                if let Some((call, leg)) = open.find(|(_, leg)| leg.stage != Stage::Over) {
                    leg.stage = Stage::Over;
                    let text = format!("the session is over, and call {call} was not ended");
                    breach(Invariant::CallEnd, "left open", text);
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(&mut self, book: &mut Book, now: Time, healed: Time) {
        for who in 0..self.legs.len() {
            for (call, leg) in &self.legs[who] {
                let mut all = self.legs.iter().filter_map(|legs| legs.get(call));
                let half = all.any(|leg| leg.stage == Stage::Over);
                if now < healed.max(leg.since).after(SETTLE) {
                    continue;
                }
                let (way, text) = match leg.stage {
                    Stage::Over => continue,
                    Stage::Started if !half => continue,
                    Stage::Started => {
                        let text = format!("call {call} goes on, and the other side has ended it");
                        ("one side", text)
                    }
                    stage => ("stuck", format!("call {call} is {stage:?} for good")),
                };
                book.breach_by(Invariant::CallEnd, way, who, now, text);
            }
        }
    }
}

impl Leg {
    const fn new(stage: Stage, since: Time) -> Self {
        Self {
            stage,
            accepted: false,
            since,
        }
    }
}
