//! Transfers: OFFER → RECEIVE | DECLINE → SEND → BULK and payload → DIGEST → VERIFIED → TRANSFER_END. The payload
//! never enters a core: a core says which bytes go where, and its driver carries them.

pub mod client;
mod letter;
pub mod server;
mod splice;

pub(crate) use letter::{Ask, Letter, Proposal, Tell};
pub use splice::{Carried, Direction, FirstFrame, Splice};
