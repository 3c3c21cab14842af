//! Congestion controllers on the test cases of RFC 8867, measured as RFC 8868 asks, on the video of RFC 8593.
//!
//! Every flow is real: an encoder's model and audio feed a [`Hop`](duet_protocol::media::Hop) with its pacer, feedback and
//! circuit breaker, on a QUIC connection with TLS, over simulated routers and links.
//!
//! | to look for | look in |
//! |---|---|
//! | the flows themselves, and who decides how much they send | [`crate::flows`] |
//! | the test cases, what a run is made of, its network | [`cases`], [`plan`], [`network`] |
//! | one run; many runs | [`run`], [`campaign`] |
//! | what a run leaves behind, and what is computed of it | [`record`], [`statistics`], [`measure`] |
//! | what is good enough, and why | [`bands`], `sim/scenarios/rfc8867/bands.toml` |
//! | what a person sees: the table, the report | [`table`], [`page`], [`series`] |

pub mod bands;
pub mod campaign;
pub mod cases;
pub mod measure;
pub mod network;
pub mod page;
pub mod plan;
pub mod record;
pub mod run;
pub mod series;
pub mod statistics;
pub mod table;
