//! Rules broken on purpose: each is a run that the explorer must find, and draw.

use alloc::string::String;
use alloc::vec::Vec;

use duet_sim::explore::{Counterexample, Explorer, Faults};

use super::call::{Action, BOB, Calls};
use super::client::OFFERED;
use super::cluster::Cluster;
use super::rules::{one, two};
use crate::message::Wire;
use crate::message::call::Invite;
use crate::room::server::Verb;
use crate::server::envelope::{Envelope, Letter, Outbox, Owner};
use crate::wire::{Opaque, Params, Text, Within};

/// A rule that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planted {
    /// A call reserves its caller first, whoever has the lower id.
    CallerReservedFirst,
    /// START goes out before the room is there.
    StartBeforeRoom,
    /// The room takes whatever a side publishes.
    ConsentNotChecked,
    /// The callee's devices hear of the call before the call hears of them.
    InvitedBeforeRung,
    /// Who ends a call does not release the callee.
    CalleeNotReleased,
    /// A session that ends tells no call, and nobody tells for it.
    EndsUnnoticed,
    /// Whoever asks for a room by name makes its name free before.
    NameNotKept,
    /// Who comes to a room that is over is forgotten.
    LatecomerForgotten,
    /// A room takes note of no ban.
    BanForgotten,
    /// A session that ends leaves no room.
    StaysInside,
}

impl Planted {
    /// What becomes of an envelope instead, when it is sent.
    pub(super) fn twist(
        self,
        mut envelope: Envelope,
        cluster: &Cluster,
        out: &mut Outbox,
    ) -> Option<Envelope> {
        let to = envelope.to;
        let from = envelope.from;
        match (self, from, &mut envelope.letter) {
            (
                Self::CallerReservedFirst,
                Owner::Call(call),
                Letter::Reserve {
                    peer, as_caller, ..
                },
            ) => {
                let call = cluster.call(call);
                let first = call.is_none_or(|call| call.reserved().is_empty());
                if let (true, false, Owner::User(callee)) = (first, *as_caller, to) {
                    envelope.to = Owner::User(core::mem::replace(peer, callee));
                    *as_caller = true;
                }
            }
            (Self::StartBeforeRoom, _, Letter::OpenForCall { call, .. }) => {
                out.send(to, Owner::Call(*call), Letter::RoomOpened);
            }
            (Self::ConsentNotChecked, _, Letter::OpenForCall { admitted, .. }) => {
                for who in admitted {
                    (who.audio, who.video) = (true, true);
                }
            }
            (Self::InvitedBeforeRung, _, Letter::Ring { call }) => {
                let peer = cluster.call(*call)?.users()[0];
                let invite = Invite {
                    call: *call,
                    peer,
                    media: OFFERED,
                    ring_for_ms: Within::clamp(30_000),
                    name: Text::cut(""),
                    end_to_end: Opaque::default(),
                    params: Params::NONE,
                };
                let users = cluster.users();
                let devices = users.filter(|(id, _)| Owner::User(**id) == to);
                for device in devices.flat_map(|(_, user)| user.devices()) {
                    let (call, invite) = (*call, invite.encode());
                    let letter = Letter::Invited { call, invite };
                    out.send(to, Owner::Session(device), letter);
                }
            }
            // They have been told already.
            (Self::InvitedBeforeRung, Owner::Call(_), Letter::Invited { .. }) => return None,
            (Self::CalleeNotReleased, _, Letter::Release { .. }) if to == Owner::User(BOB) => {
                return None;
            }
            (Self::EndsUnnoticed, Owner::Session(session), Letter::PartyOut { .. }) => {
                cluster.session(session)?;
            }
            (Self::NameNotKept, Owner::Session(_), Letter::Enter(entry))
                if to == Owner::Directory =>
            {
                let named = cluster.directory()?.named();
                for (name, room) in named.filter(|(name, _)| **name == entry.room_name) {
                    let name = name.clone();
                    out.send(from, Owner::Directory, Letter::RoomGone { room, name });
                }
                // After what it follows from.
                if let Letter::Enter(entry) = envelope.letter {
                    let room_name = entry.room_name.clone();
                    let again = Letter::Enter(entry);
                    if cluster
                        .directory()?
                        .named()
                        .any(|(name, _)| *name == room_name)
                    {
                        out.send(Owner::Directory, to, again);
                        return None;
                    }
                    envelope.letter = again;
                }
            }
            (Self::LatecomerForgotten, Owner::Room(_), Letter::Enter(_)) => return None,
            (Self::BanForgotten, Owner::Session(_), Letter::Order(order)) => {
                if let Verb::Kick { ban_ms, .. } = &mut order.verb {
                    *ban_ms = 0;
                }
            }
            (Self::StaysInside, Owner::Session(_), Letter::Leave { request: None, .. }) => {
                return None;
            }
            _ => {}
        }
        Some(envelope)
    }
}

/// The shortest run that breaks this rule, once this is planted; and without it, nothing is broken as far.
fn found(model: Calls, planted: Planted, rule: &str) -> Counterexample<Action> {
    let model = Calls {
        planted: Some(planted),
        ..model
    };
    let report = Explorer::new(&model).states(60_000).breadth_first();
    let found = report.counterexample(rule);
    let found = found.unwrap_or_else(|| panic!("{planted:?} was not found: {report}"));
    let sound = Calls {
        planted: None,
        ..model
    };
    let steps = found.path.actions.len() as u32;
    let report = Explorer::new(&sound).depth(steps).breadth_first();
    assert_eq!(report.counterexamples, Vec::new(), "without {planted:?}");
    found.clone()
}

/// The lines of a diagram that say this, in this order.
pub(super) fn says(diagram: &str, lines: &[&str]) {
    let mut rest = diagram.lines();
    for line in lines {
        let found = rest.any(|other| other.contains(line));
        assert!(
            found,
            "{line:?} is missing, or in another place:\n{diagram}"
        );
    }
}

fn shown(found: &Counterexample<Action>) -> String {
    let (ascii, mermaid) = (found.ascii(), found.mermaid());
    std::println!("{ascii}\n{mermaid}");
    assert!(mermaid.starts_with("sequenceDiagram\n"));
    ascii
}

#[test]
fn call_021_reserving_the_caller_first_ends_both_of_two_crossing_calls() {
    let rule = "of two crossing calls one rings on";
    let found = found(two(), Planted::CallerReservedFirst, rule);
    says(
        &shown(&found),
        &["INVITE 1", "INVITE 2", "REFUSED(glare)", "REFUSED(glare)"],
    );
}

#[test]
fn call_018_start_before_the_room_leads_to_a_closed_door() {
    let rule = "the ticket of START opens the room";
    // On two shards the room is always there: what opens it and START take the same way, in order.
    let model = Calls {
        shards: 3,
        homes: Vec::from([(1, 2)]),
        ..one()
    };
    let found = found(model, Planted::StartBeforeRoom, rule);
    says(
        &shown(&found),
        &[
            "ACCEPT",
            "START",
            "JOIN",
            "OpenForCall",
            "RESULT(no_such_room)",
        ],
    );
}

#[test]
fn media_012_a_room_that_does_not_check_consent_lets_pictures_through() {
    let rule = "in a call's room are its two sides, with what both consented to";
    let found = found(one(), Planted::ConsentNotChecked, rule);
    says(
        &shown(&found),
        &[
            "ACCEPT",
            "JOIN",
            "PUBLISH Video",
            "Video flows without consent",
        ],
    );
}

#[test]
fn call_009_a_device_that_is_rung_before_the_call_knows_it_is_turned_away() {
    let rule = "every request is answered, and every client knows which calls it is in";
    let found = found(one(), Planted::InvitedBeforeRung, rule);
    says(&shown(&found), &["INVITE", "REFUSED(not_in_call)"]);
}

#[test]
fn call_010_a_callee_that_is_not_released_is_busy_for_ever() {
    let rule = "users, sessions, rooms and calls agree, and nothing is left over";
    let found = found(one(), Planted::CalleeNotReleased, rule);
    says(
        &shown(&found),
        &["INVITE", "user 2 is reserved for a call that is over"],
    );
}

#[test]
fn call_019_a_call_that_is_not_told_of_a_sides_end_outlives_it() {
    let rule = "users, sessions, rooms and calls agree, and nothing is left over";
    let faults = Faults {
        crashes: 1,
        ..Faults::NONE
    };
    let found = found(Calls { faults, ..one() }, Planted::EndsUnnoticed, rule);
    says(
        &shown(&found),
        &["INVITE", "GOODBYE", "a call outlives its side"],
    );
}
