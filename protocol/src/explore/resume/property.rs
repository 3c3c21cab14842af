//! What must hold.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use duet_sim::explore::Property;

use super::Resume;
use super::world::{Party, State};
use crate::code::Code;

type Found = Result<(), String>;

pub(super) fn all(model: &Resume) -> Vec<Property<Resume>> {
    let mut all = vec![
        Property::always(
            "no text takes effect twice, and a sender's texts arrive in their order",
            &["CHAN-010", "SES-024"],
            |model: &Resume, state: &State| each(state, |_, party| in_order(model, party)),
        ),
        Property::always(
            "what is said to be delivered was received",
            &["CHAN-004"],
            |model: &Resume, state: &State| {
                each(state, |index, party| confirmed(model, state, index, party))
            },
        ),
        Property::always(
            "a request is answered once",
            &["SES-016", "SES-020", "CHAN-006"],
            |_, state: &State| each(state, |_, party| answered_once(party)),
        ),
        Property::always(
            "the counts of the two sides agree",
            &["SES-011", "SES-013"],
            |_, state: &State| each(state, |index, _| counts(state, index)),
        ),
        Property::always(
            "nobody honest breaks a rule",
            &["SES-013", "SES-002"],
            |_, state: &State| match state.seen.violations.first() {
                None => Ok(()),
                Some(violation) => Err(violation.clone()),
            },
        ),
        Property::always(
            "a void token is not good",
            &["SES-007", "SES-008"],
            |_, state: &State| void_tokens(state),
        ),
        Property::always(
            "the token that a client has is good for as long as its session lives",
            &["SES-008"],
            |_, state: &State| each(state, |index, _| own_token(state, index)),
        ),
        Property::always(
            "a session has at most one link",
            &["SES-019"],
            |_, state: &State| one_link(state),
        ),
        Property::always(
            "no session ends by lost links alone",
            &["SES-009", "SES-024"],
            |_, state: &State| {
                each(state, |index, party| {
                    match party.told.ended == 0 || state.seen.sessions_may_end {
                        true => Ok(()),
                        false => Err(format!("that of device {index} did")),
                    }
                })
            },
        ),
        Property::quiescent(
            "at rest nothing waits",
            &["SES-010", "SES-016", "SES-024"],
            |_, state: &State| each(state, |index, _| at_rest(state, index)),
        ),
        Property::quiescent(
            "at rest all that was written is there, if no session ended",
            &["CHAN-001", "SES-024"],
            |model: &Resume, state: &State| {
                each(state, |index, party| arrived(model, state, index, party))
            },
        ),
        Property::always_possible(
            "rest can still be reached",
            &["SES-024"],
            |model: &Resume, state: &State| {
                let ids = 0..state.parties.len();
                let done = |index: usize| {
                    let wrote = state.parties[index].told.wrote == model.writes[index].0;
                    wrote && at_rest(state, index).is_ok()
                };
                state.crossing.is_empty() && ids.into_iter().all(done)
            },
        ),
    ];
    let writes = model.writes.iter().any(|(count, _)| *count > 0);
    let sometimes = [
        (model.faults.drops > 0).then(|| {
            Property::sometimes(
                "a session is resumed after frames to the server were lost",
                |_, s: &State| s.seen.resumed_after_loss_up,
            )
        }),
        (model.faults.drops > 0).then(|| {
            Property::sometimes(
                "a session is resumed after frames to the client were lost",
                |_, s: &State| s.seen.resumed_after_loss_down,
            )
        }),
        (model.faults.drops + model.faults.timeouts > 1).then(|| {
            Property::sometimes(
                "RESUMED is lost, and the older token resumes",
                |_, s: &State| s.seen.resumed_with_older,
            )
        }),
        (model.faults.timeouts > 0).then(|| {
            Property::sometimes("an old link is displaced", |_, s: &State| s.seen.displaced)
        }),
        (model.shards > 1 && model.faults.drops > 0).then(|| {
            Property::sometimes("RESUME comes to another shard", |_, s: &State| {
                s.seen.handed_over
            })
        }),
        (writes && (model.faults.crashes > 0 || model.windows_close)).then(|| {
            Property::sometimes("a message is undetermined", |_, s: &State| {
                s.seen.undetermined
            })
        }),
        writes.then(|| {
            Property::sometimes("a text is delivered", |_, s: &State| {
                let told = |party: &Party| {
                    party
                        .told
                        .answers
                        .iter()
                        .any(|(_, c)| *c == Code::DELIVERED)
                };
                s.parties.iter().any(told)
            })
        }),
    ];
    all.extend(sometimes.into_iter().flatten());
    all
}

fn each(state: &State, holds: impl Fn(usize, &Party) -> Found) -> Found {
    let mut parties = state.parties.iter().enumerate();
    parties.try_for_each(|(index, party)| holds(index, party))
}

fn in_order(model: &Resume, party: &Party) -> Found {
    for from in 0..model.users.len() {
        let of_it = party
            .told
            .received
            .iter()
            .filter(|(who, _)| usize::from(*who) == from);
        let numbers: Vec<u8> = of_it.map(|(_, number)| *number).collect();
        if !numbers.is_sorted_by(|a, b| a < b) {
            return Err(format!("of device {from} it has {numbers:?}"));
        }
    }
    Ok(())
}

fn confirmed(model: &Resume, state: &State, index: usize, party: &Party) -> Found {
    for (request, code) in &party.told.answers {
        let mut asked = party.told.requests.iter();
        let Some((_, number)) = asked.find(|(asked, _)| asked == request) else {
            return Err(format!("an answer to no request: {request:?}"));
        };
        let has = |to: usize| {
            state.parties[to]
                .told
                .received
                .contains(&(index as u8, *number))
        };
        if *code == Code::DELIVERED && !model.receivers(index).any(has) {
            return Err(format!("{index}{number} is nowhere"));
        }
    }
    Ok(())
}

fn answered_once(party: &Party) -> Found {
    for (request, _) in &party.told.requests {
        let results = party
            .told
            .results
            .iter()
            .filter(|of| *of == request)
            .count();
        let answers = party
            .told
            .answers
            .iter()
            .filter(|(of, _)| of == request)
            .count();
        let asked = party.core.session().is_some() && answers == 0;
        if results > 1 || answers > 1 || (results == 1 && asked) {
            return Err(format!("{request:?}: {results} RESULTs, {answers} answers"));
        }
    }
    Ok(())
}

fn counts(state: &State, index: usize) -> Found {
    let (Some(here), Some(there)) = (state.parties[index].core.session(), state.kept(index)) else {
        return Ok(());
    };
    let ways = [
        ("to the server", &here.sequence, there.sequence()),
        ("to the client", there.sequence(), &here.sequence),
    ];
    for (way, from, to) in ways {
        let known = from.acknowledged()..=from.sent();
        if !known.contains(&to.received()) {
            return Err(format!("{way} {} of {known:?} are counted", to.received()));
        }
    }
    Ok(())
}

fn void_tokens(state: &State) -> Found {
    for token in state.tokens.iter().filter(|token| token.void) {
        let mut live = state
            .servers
            .iter()
            .filter_map(|core| core.session(token.session));
        if live.any(|session| session.knows(&token.hash)) {
            return Err("it would resume its session".into());
        }
    }
    Ok(())
}

fn own_token(state: &State, index: usize) -> Found {
    let (Some(here), Some(there)) = (state.parties[index].core.session(), state.kept(index)) else {
        return Ok(());
    };
    match there.knows(&crate::server::hash(&here.resume_token)) {
        true => Ok(()),
        false => Err(format!("that of device {index} is not")),
    }
}

fn one_link(state: &State) -> Found {
    for (id, session) in state.servers.iter().flat_map(|core| core.sessions()) {
        let links: usize = state.servers.iter().map(|core| core.links_of(id)).sum();
        if links > 1 || (links == 0 && session.conn().is_some()) {
            return Err(format!("it has {links}"));
        }
    }
    Ok(())
}

fn at_rest(state: &State, index: usize) -> Found {
    let party = &state.parties[index];
    let wrong = |what: &str| Err(format!("device {index} {what}"));
    let (Some(here), Some(there)) = (party.core.session(), state.kept(index)) else {
        return wrong("has no session");
    };
    if !party.core.is_online() || there.conn().is_none() {
        return wrong("has no link");
    }
    if party.core.unanswered() > 0 || !there.is_idle() || here.sequence.waiting() > 0 {
        return wrong("waits");
    }
    match party.told.requests.len() == party.told.answers.len() {
        true => Ok(()),
        false => wrong("misses an answer"),
    }
}

fn arrived(model: &Resume, state: &State, index: usize, party: &Party) -> Found {
    if state.seen.sessions_may_end {
        return Ok(());
    }
    for number in 0..party.told.wrote {
        for to in model.receivers(index) {
            if !state.parties[to]
                .told
                .received
                .contains(&(index as u8, number))
            {
                return Err(format!("device {to} misses {index}{number}"));
            }
        }
    }
    Ok(())
}
