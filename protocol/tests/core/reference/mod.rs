//! The core against a model of it: the same random operations are done to both, and whatever an application is told, in
//! whichever order its parts may come, the model has to have promised.
//!
//! The model ([`model`]) knows people, devices, rooms and calls, and nothing of frames, envelopes or shards; it is
//! written from the specification's text. It is a set of worlds: where two things happen at once, or a link breaks in
//! the middle of one, each order of them is a world, and those live on that are like what was seen. Of the cores only
//! events, and lists, are looked at, over one to three shards, with links that break and sessions that end.
//!
//! Between operations everything comes to rest. Concurrency without rest, in all orders and not at random, is what the
//! explorer has (`protocol/src/explore`).
//!
//! `DUET_REFERENCE_CASES` says how many cases are played, `DUET_REFERENCE_SEED` which; `DUET_REFERENCE_STEPS` how long
//! they may be.

mod any;
mod model;
mod op;
mod run;
mod seen;

use std::cell::RefCell;
use std::env;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::cluster::shards;
use any::any_case;
use op::Case;
use run::{Sights, play};

/// A rule that is broken on purpose, between the application and its core: to the model it looks as if the cores broke
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    /// A ban does not outlive the kick.
    ForgetsBans,
    /// Each message is brought twice.
    WritesTwice,
    /// Whoever accepts a call is taken to consent to all that was offered.
    ConsentsToAll,
}

/// What is seen seldom, without which a clean result would say little.
const RARE: [&str; 30] = [
    "Ringing",
    "Started",
    "Stream",
    "answer already_waiting",
    "answer banned",
    "answer forbidden",
    "answer kicked",
    "answer last_moderator",
    "answer lobby_timeout",
    "answer name_taken",
    "answer not_admitted",
    "answer not_found",
    "answer room_closed",
    "answer room_full",
    "answer room_locked",
    "answer undetermined",
    "answer withdrawn",
    "ended answered_elsewhere",
    "ended busy",
    "ended caller_busy",
    "ended glare",
    "ended lost",
    "ended ring_timeout",
    "ended unreachable",
    "left banned",
    "left kicked",
    "left room_closed",
    "logged out replaced",
    "logged out resume_refused",
    "member Update",
];

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = env::var(name).ok();
    set.map_or(otherwise, |set| set.parse().expect("a number"))
}

/// Plays cases until one fails; that one, as small as it can be made.
fn search(cases: u32, planted: Option<Planted>) -> Result<Sights, (String, Case)> {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&setting("DUET_REFERENCE_SEED", 0).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let steps = setting("DUET_REFERENCE_STEPS", 40) as usize;
    let sights = RefCell::new(Sights::new());
    let played = TestRunner::new_with_rng(config, rng).run(&any_case(steps), |case| {
        play(&case, planted, &mut sights.borrow_mut()).map_err(TestCaseError::fail)
    });
    match played {
        Ok(()) => Ok(sights.into_inner()),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
        Err(TestError::Fail(_, case)) => {
            let again = |case: &Case| play(case, planted, &mut Sights::new()).err();
            let case = case.without_needless(|case| again(case).is_some());
            let reason = again(&case).expect("it fails each time");
            Err((reason, case))
        }
    }
}

#[test]
fn the_core_does_what_the_model_says() {
    let cases = setting("DUET_REFERENCE_CASES", 2_500) as u32;
    match search(cases, None) {
        Ok(sights) => {
            println!("{cases} cases: {sights:#?}");
            let missing = RARE.iter().filter(|sight| !sights.contains_key(**sight));
            let missing: Vec<_> = missing.collect();
            assert!(missing.is_empty(), "never seen: {missing:?}");
        }
        Err((reason, case)) => panic!("{reason}\n{case:?}"),
    }
}

/// The smallest case in which the model notices.
fn found(planted: Planted) -> (String, Case) {
    match search(400, Some(planted)) {
        Err((reason, case)) => {
            println!("{planted:?}: {reason}\n{case:?}");
            (reason, case)
        }
        Ok(sights) => panic!("{planted:?} was not found: {sights:?}"),
    }
}

#[test]
fn room_027_a_ban_that_is_forgotten_is_found() {
    let (reason, case) = found(Planted::ForgetsBans);
    assert!(reason.contains("banned"), "{reason}");
    assert!(case.steps.len() <= 6, "{case:?}");
}

#[test]
fn chan_004_a_message_that_comes_twice_is_found() {
    let (reason, case) = found(Planted::WritesTwice);
    assert!(reason.contains("Message"), "{reason}");
    assert!(case.steps.len() <= 3, "{case:?}");
}

#[test]
fn call_024_media_without_consent_is_found() {
    let (reason, case) = found(Planted::ConsentsToAll);
    assert!(reason.contains("Started"), "{reason}");
    assert!(case.steps.len() <= 4, "{case:?}");
}
