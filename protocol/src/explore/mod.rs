//! Every order of what clients, shards, timers and the service may do, over the real machines of the server's core.
//!
//! [`Cluster`](cluster::Cluster) is two shards: real sessions, users, calls and rooms, glued as
//! [`delivery`](crate::server::delivery) glues them in the server. Only the media sides are stood in for. Envelopes between
//! the shards are in flight for as long as the explorer likes, in order from one to the other; what stays on a shard is
//! delivered at once.
//!
//! - *Clients* take what comes at once. That loses no behaviour of the server: a frame that is still on its way to a
//!   client that acts meanwhile is one that the client has and pays no heed to, and a client here may do at any moment
//!   whatever it likes.
//! - *Time* stands still, and each timer that runs may fire at any moment. So every order of timers is searched that any
//!   clock could give, and a few that none could.
//! - *Rates* are never used up.
//!
//! Calls with their rooms are one model, [`room`]s that are asked for by name another. [`resume`] is a third, of whole
//! clients and servers, whose links are lost and resumed.
//!
//! What may happen, and what may not:
//!
//! - *Deliver*: an envelope between shards, and in [`resume`] a frame, arrives at any moment.
//! - *Reorder*: envelopes between different pairs of shards overtake each other at will. Those from one shard to another
//!   do not: their order is the backplane's promise, as it is a stream's for frames.
//! - *Drop* and *duplicate*: control frames ride on reliable streams, so none is lost or comes twice by itself. What is
//!   lost is a link, with all that is on its way in both directions; what comes twice is what RESUME makes the sides send
//!   again. Both are in [`resume`], at any moment. Here a lost link loses nothing that RESUME would not bring back.
//!   Envelopes are not lost between shards that live. Only those that carry media may be ([`Letter::Packet`] and
//!   [`Letter::Keyframe`]), and they go between media sides, which are stood in for; what the loss of media does is
//!   simulated, not explored (`tests/media_engine.rs`, `tests/core/media.rs`).
//! - *Timeout*: any timer that runs may fire at any moment, as often as the faults of a model allow.
//! - *Crash*: a session loses its link, and resumes it or not, or is logged out; in [`resume`] a client's process ends and
//!   another begins. No shard is lost: a server of which one core is gone stops.
//!
//! [`Letter::Packet`]: crate::server::envelope::Letter::Packet
//! [`Letter::Keyframe`]: crate::server::envelope::Letter::Keyframe
//!
//! `DUET_EXPLORE_STATES` and `DUET_EXPLORE_DEPTH` bound the search, whose result is printed: `./dev explore`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod call;
mod client;
mod cluster;
mod planted;
mod resume;
mod room;
mod rules;

use core::ops::ControlFlow;
use std::{env, eprintln, println};

use duet_sim::explore::{Explorer, Model, Report};

/// Searches a model, as far as the environment says or else to `states`, and prints what was found.
fn search<M: Model>(name: &str, model: &M, states: u64) -> Report<M::Action> {
    let bound = |name| {
        let text = env::var(name).ok()?;
        Some(text.parse::<u64>().expect("a bound is a number"))
    };
    let (depth, more) = (bound("DUET_EXPLORE_DEPTH"), bound("DUET_EXPLORE_STATES"));
    let mut explorer = Explorer::new(model).states(more.unwrap_or(states));
    if let Some(depth) = depth {
        explorer = explorer.depth(depth as u32);
    }
    let shown = depth.or(more).is_some();
    let mut last = 0;
    let report = explorer
        .on_progress(|progress| {
            if shown && progress.states / 100_000 > last {
                last = progress.states / 100_000;
                let (states, waiting) = (progress.states, progress.waiting);
                let (depth, mib) = (progress.depth, progress.memory >> 20);
                eprintln!("{name}: {states} states, depth {depth}, {waiting} waiting, {mib} MiB");
            }
            ControlFlow::Continue(())
        })
        .breadth_first();
    println!("{name}: {report}");
    report
}
