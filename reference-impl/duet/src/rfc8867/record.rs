//! What a run leaves behind, before anything is computed of it.

use std::time::Duration;

use duet_sim::Time;

use super::plan::Run;
use crate::flows::record::{FlowRecord, Wire};

/// A packet's wait at a bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When it was offered to the link.
    pub offered: Time,
    /// Until it began to be sent; none if the link lost it.
    pub waited: Option<Duration>,
    /// Whether it belongs to media.
    pub media: bool,
}

/// A bottleneck's queue.
#[derive(Clone, Debug, Default)]
pub struct LinkRecord {
    /// Every packet.
    pub waits: Vec<Wait>,
}

/// The TCP beside the media.
#[derive(Clone, Debug, Default)]
pub struct TcpRecord {
    /// Payload that arrived in order, all connections together.
    pub delivered: Vec<Wire>,
    /// Bytes of payload sent again.
    pub retransmitted: u64,
    /// Bytes of payload sent, those included.
    pub sent: u64,
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was run.
    pub run: Run,
    /// With which seed.
    pub seed: u64,
    /// Under which controller.
    pub controller: String,
    /// Its media, in the order of the run's flows.
    pub flows: Vec<FlowRecord>,
    /// The links with a limit, in the order of the run's.
    pub links: Vec<LinkRecord>,
    /// TCP, where there is some.
    pub tcp: Option<TcpRecord>,
    /// SHA-256 of the event log, in hex.
    pub log_hash: String,
}
