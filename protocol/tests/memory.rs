//! What peers can cost, counted by the allocator: hostile ones do their worst, the bytes that live stay below what the
//! specification states, and are given back once they are gone.
//!
//! The process is counted as a whole, so that everything is one test, step by step.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "a test may fail; what is fuzzed is a crate of its own there"
)]

#[path = "../../fuzz/src/draw.rs"]
mod draw;
#[path = "memory/host.rs"]
mod host;
#[path = "memory/server.rs"]
mod hostile_clients;
#[path = "memory/client.rs"]
mod hostile_server;
#[path = "memory/media.rs"]
mod media;
#[path = "memory/service.rs"]
mod service;
#[path = "memory/transfers.rs"]
mod transfers;
#[path = "../../fuzz/src/wording.rs"]
mod wording;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that live now.
pub(crate) fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
}

/// What a queue keeps of its capacity when it is empty again, and what this test holds itself.
pub(crate) const SLACK: usize = 1 << 20;

//= SES-030
#[test]
fn ses_030_peers_cost_what_is_stated_and_nothing_once_they_are_gone() {
    hostile_clients::half_frames_at_the_door();
    hostile_clients::many_small_requests_without_an_acknowledgement();
    hostile_clients::large_data_for_those_who_do_not_acknowledge();
    hostile_clients::questions_that_the_service_leaves_open();
    hostile_clients::a_room_as_full_as_can_be();
    hostile_clients::calls_one_after_the_other();
    hostile_clients::frames_of_every_kind();
    media::packets_that_nobody_acknowledges();
    media::datagrams_of_every_kind();
    transfers::offers_that_nobody_answers();
    transfers::streams_that_stand_still();
    service::a_service_that_acknowledges_nothing();
    hostile_server::invites_that_ring();
    hostile_server::members_without_end();
    hostile_server::contacts_and_streams_without_end();
    hostile_server::frames_of_every_kind();
}
