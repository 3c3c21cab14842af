//! When a connection wants to be woken, and what its clock ends.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::io::{Cause, Input};
use duet_protocol::time::Instant;

use super::{Conn, Phase};
use crate::cause;

/// How long QUIC's timers wait after the peer was seen to move.
///
/// quinn-proto 0.11 keeps the loss timer of the path that it leaves, where it has packets in flight, and takes it for one
/// of the path that it is on, where it has none: an assertion fails, and without assertions a probe is lost. Any packet
/// that must be acknowledged sets that timer anew, and a challenge to the new path is such a packet: it only has to leave
/// first. Back on the path before, after a validation that failed (quinn-rs/quinn#2658), a PING does the same.
const REST: Duration = Duration::from_millis(1);

impl Conn {
    /// The same, given up if it is not established by then.
    pub(crate) fn within(self, patience: Option<Instant>) -> Self {
        Self { patience, ..self }
    }

    /// When it ends by this side's clock: a close no longer waits, or the peer has not answered.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closing { until, .. } => Some(until),
            Phase::Handshake => self.patience,
            _ => None,
        }
    }

    /// What came of a packet for QUIC to see to.
    pub(crate) fn handle_event(
        &mut self,
        quic_now: std::time::Instant,
        event: quinn_proto::ConnectionEvent,
    ) {
        let before = self.quic.remote_address();
        self.quic.handle_event(event);
        if self.quic.remote_address() != before {
            self.rest = Some(quic_now + REST);
        }
    }

    /// What QUIC has to do when its timer has run.
    pub(crate) fn handle_timeout(&mut self, quic_now: std::time::Instant) {
        let before = self.quic.remote_address();
        self.quic.handle_timeout(quic_now);
        if self.quic.remote_address() != before {
            // The peer did not answer from where it had moved to, and QUIC is back on the path before: see [`REST`].
            self.quic.ping();
            self.rest = Some(quic_now + REST);
        }
    }

    /// When QUIC's timer is due.
    pub(crate) fn quic_timeout(&mut self) -> Option<std::time::Instant> {
        let at = self.quic.poll_timeout()?;
        Some(self.rest.map_or(at, |rest| at.max(rest)))
    }

    /// Gives up a peer that has not answered in time.
    pub(crate) fn give_up(
        &mut self,
        now: Instant,
        quic_now: std::time::Instant,
        inputs: &mut VecDeque<Input>,
    ) {
        if self.phase != Phase::Handshake || self.patience.is_none_or(|until| now < until) {
            return;
        }
        let code = cause::error_code(Code::LOGIN_TIMEOUT);
        self.quic.close(quic_now, code, Bytes::new());
        self.phase = Phase::Gone;
        inputs.push_back(Input::Closed {
            conn: self.id,
            cause: Cause::TimedOut,
        });
    }
}
