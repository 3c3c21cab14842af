//! Duet's reference: server, client, service and scenario runner, as a library for the binary `duet` and for tests.
//!
//! | to look for | look in |
//! |---|---|
//! | what a person types | [`cli`] |
//! | a server on a socket, with its service | [`serving`] |
//! | the business service, embedded and linked; accounts | [`service`], [`policy`], [`assign`], [`accounts`] |
//! | files that are received: names, partial files | [`inbox`] |
//! | what a caller and an answerer do: the call, its media clock | [`party`] |
//! | cameras, microphones, screens: real, synthetic, on a thread | [`studio`] |
//! | a scenario in virtual time, and what repair is worth in it | [`simulate`], [`study`] |
//! | what applications do, as a scenario's steps say it | [`script`] |
//! | scenarios at random; how runs fail; smaller scenarios that fail in the same way | [`swarm`], [`failure`], [`shrink`] |
//! | a scenario's flows: cross traffic, and media under congestion controllers | [`flows`] |
//! | congestion controllers on the test cases of RFC 8867 | [`rfc8867`] |
//! | what must hold of every run, whoever drives it | [`invariants`] |
//! | the tokio program through crashes and partitions (feature `turmoil`) | `faults` |
//! | a scenario's network in real time, for other programs | [`impair`] |
//! | traces of what crosses the seam | [`trace`] |
//! | what a run leaves behind | [`report`] |

pub mod accounts;
pub mod assign;
pub mod cli;
pub mod contacts;
mod deciding;
pub mod failure;
#[cfg(feature = "turmoil")]
pub mod faults;
pub mod flows;
#[cfg(unix)]
pub mod impair;
pub mod inbox;
pub mod invariants;
pub mod party;
pub mod policy;
pub mod report;
pub mod rfc8867;
pub mod script;
pub mod service;
pub mod serving;
mod shell;
pub mod shrink;
pub mod simulate;
pub mod studio;
pub mod study;
pub mod swarm;
pub mod trace;
