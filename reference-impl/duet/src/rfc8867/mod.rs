//! Congestion controllers on the test cases of RFC 8867, measured as RFC 8868 asks, on the video of RFC 8593.
//!
//! Every flow is real: an encoder's model and audio feed a [`Hop`](duet_protocol::media::Hop) with its pacer, feedback and
//! circuit breaker, on a QUIC connection with TLS, over simulated routers and links.
//!
//! | to look for | look in |
//! |---|---|
//! | the synthetic encoder, pictures as recorded; packets of video and audio | [`model`], [`trace`], [`source`] |
//! | who decides how much is sent | [`controllers`], `gcc` |
//! | the two ends of a flow, and how they stand in a network | [`flow`], [`host`] |
//! | the test cases, what a run is made of, its network | [`cases`], [`plan`], [`network`] |
//! | one run; many runs | [`run`], [`campaign`] |
//! | what a run leaves behind, and what is computed of it | [`record`], [`statistics`], [`measure`] |
//! | what is good enough, and why | [`bands`], `sim/scenarios/rfc8867/bands.toml` |
//! | what a person sees: the table, the report | [`table`], [`page`], [`series`] |

pub mod bands;
pub mod campaign;
pub mod cases;
pub mod controllers;
pub mod flow;
#[cfg(feature = "gcc")]
pub mod gcc;
pub mod host;
pub mod measure;
pub mod model;
pub mod network;
pub mod page;
pub mod plan;
pub mod record;
pub mod run;
pub mod series;
pub mod source;
pub mod statistics;
pub mod table;
pub mod trace;
