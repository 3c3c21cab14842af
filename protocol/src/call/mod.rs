//! One-to-one calls: INVITE → RINGING → ACCEPT | REJECT | CANCEL → START → END.

pub mod client;
pub mod server;
