//! What a hop is told and what it tells: configuration, what a datagram held, events, counts.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use super::breaker::Tripped;
use super::control::Demand;
use super::controller::{ControllerFactory, FixedRate};
use super::hop_sender::OutStats;
use super::in_flow::InStats;
use crate::id::FlowId;
use crate::limits::{FEEDBACK, MAX_DATAGRAM};

/// How a hop behaves.
#[derive(Clone)]
pub struct HopConfig {
    /// Whether what the peer reports missing is sent again.
    pub repair: bool,
    /// Whether an outgoing flow waits until the peer demands it; a server's hop towards a subscriber does not.
    pub demand_needed: bool,
    /// How often what arrived is reported, while something arrives.
    pub feedback_interval: Duration,
    /// How long a packet may wait for its turn to leave; none: as long as it is of use.
    pub max_queue: Option<Duration>,
    /// Bytes that may leave at once.
    pub burst: usize,
    /// Makes the congestion controller.
    pub controller: ControllerFactory,
}

impl Default for HopConfig {
    /// A publisher at 2.5 Mb/s, with repair and bursts of two packets.
    fn default() -> Self {
        Self {
            repair: true,
            demand_needed: true,
            feedback_interval: FEEDBACK,
            max_queue: None,
            burst: 2 * MAX_DATAGRAM,
            controller: FixedRate::factory(2_500_000),
        }
    }
}

impl fmt::Debug for HopConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HopConfig")
            .field("repair", &self.repair)
            .field("demand_needed", &self.demand_needed)
            .field("feedback_interval", &self.feedback_interval)
            .field("max_queue", &self.max_queue)
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

/// What a datagram held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A packet of an incoming flow.
    Payload {
        /// The incoming flow.
        flow: FlowId,
        /// The packet, a slice of the datagram.
        payload: Bytes,
    },
    /// The peer needs a keyframe; told at most once per round trip and 100 ms.
    KeyframeRequest {
        /// The outgoing flow.
        flow: FlowId,
    },
    /// Two clocks of an incoming flow at one instant.
    Sync {
        /// The incoming flow.
        flow: FlowId,
        /// Its RTP time.
        rtp_time: u32,
        /// The sender's clock at that time, in microseconds.
        sender_clock: u64,
    },
    /// Nothing for the caller: feedback, a demand, a duplicate, or something unknown.
    Nothing,
    /// Bytes that break the layout; counted, and without further consequence.
    Malformed,
}

/// What the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HopEvent {
    /// The peer wants an outgoing flow, or no longer, or at another rate.
    Demand(Demand),
    /// The circuit breaker tripped: no media is sent any more until [`reconnected`](super::Hop::reconnected); control still flows.
    Tripped(Tripped),
}

/// What a hop has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HopStats {
    /// Datagrams that break the layout.
    pub malformed: u64,
    /// Datagrams, blocks and entries that name an unknown type or flow.
    pub unknown: u64,
    /// Each outgoing flow.
    pub outgoing: Vec<(FlowId, OutStats)>,
    /// Each incoming flow.
    pub incoming: Vec<(FlowId, InStats)>,
}
