//! Congestion controllers on the test cases of RFC 8867, measured as RFC 8868 asks, on the video of RFC 8593.
//!
//! Every flow is real: an encoder's model and audio feed a [`Hop`](duet_protocol::media::Hop) with its pacer, feedback and
//! circuit breaker, on a QUIC connection with TLS, over simulated routers and links.
//!
//! | to look for | look in |
//! |---|---|
//! | the synthetic encoder; packets of video and audio | [`model`], [`source`] |
//! | who decides how much is sent | [`controllers`], `gcc` |
//! | the two ends of a flow | [`flow`] |
//! | the test cases | [`cases`] |
//! | what a run leaves behind, and what is computed of it | [`record`], [`statistics`], [`measure`] |
//! | what is good enough, and why | [`bands`], `sim/scenarios/rfc8867/bands.toml` |

pub mod bands;
pub mod cases;
pub mod controllers;
pub mod flow;
#[cfg(feature = "gcc")]
pub mod gcc;
pub mod measure;
pub mod model;
pub mod record;
pub mod source;
pub mod statistics;
