//! Mistakes, each of which the model must find.

use bytes::Bytes;

use super::frames;
use super::world::Token;
use crate::server::Server;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planted {
    /// Nothing.
    Nothing,
    /// A token is void as soon as it was used, before RESUMED can have arrived.
    VoidsEarly,
    /// A token is never void.
    VoidsNever,
    /// The server forgets a frame once it is written.
    TrimsEarly,
    /// The server says `delivered` once a frame is written.
    DeliversEarly,
    /// The client counts ACK, which is not sequenced.
    CountsUnsequenced,
    /// The client sends again from one frame too late.
    ResendsOneOff,
}

impl Planted {
    /// What the mistake makes of a server that has just done something.
    pub(super) fn into_server(self, core: &mut Server, tokens: &[Token]) {
        match self {
            Self::VoidsEarly => core.plant(|session, _| session.void_early()),
            Self::VoidsNever => core.plant(|session, _| {
                let id = session.id();
                if let Some(token) = tokens
                    .iter()
                    .find(|token| token.session == id && token.void)
                {
                    session.void_never(token.hash);
                }
            }),
            Self::TrimsEarly => core.plant(|session, _| session.trim_early()),
            Self::DeliversEarly => core.plant(|session, outbox| session.receipt_early(outbox)),
            Self::Nothing | Self::CountsUnsequenced | Self::ResendsOneOff => {}
        }
    }

    /// What it makes of a frame that the server writes.
    pub(super) fn into_frame(self, bytes: Bytes) -> Bytes {
        match self {
            Self::ResendsOneOff => frames::one_off(bytes),
            _ => bytes,
        }
    }
}
