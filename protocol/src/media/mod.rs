//! The media engine: everything between an encoder's RTP packets and the datagrams of one hop, sans-IO.
//!
//! A media datagram is `flow · hop_seq · payload` ([`Datagram`]); flow 0 carries [`Control`]. Feedback, pacing, repair
//! and the circuit breaker run per hop, in [`Hop`], which a client uses as publisher and as subscriber, and a server
//! once for each connection. [`Playout`] runs at the far end only. A server forwards payloads without looking into them.
//!
//! | file | idea |
//! |---|---|
//! | `rtp` | the RTP header, borrowed (RFC 3550) |
//! | `datagram`, `control` | the bytes of a media datagram, and of media control on flow 0 |
//! | `control_schema` | media control as data |
//! | `feedback` | what arrived, as the receiver of a flow reports it (RFC 8888) |
//! | `hop_sender` | what was sent, and what of it is sent again |
//! | `bucket`, `pacer` | when the next packet may leave, and which |
//! | `controller` | how fast, as a trait |
//! | `breaker` | when to stop (RFC 8083) |
//! | `in_flow` | the receiver's end of one flow |
//! | `hop`, `hop_io` | all of that for one end of one connection, and what goes in and out of it |
//! | `playout` | when a packet's turn has come |
//!
//! Whatever a peer sends costs bounded work and memory, is counted, and never closes anything.

mod breaker;
mod bucket;
mod control;
mod control_schema;
mod controller;
mod datagram;
mod feedback;
mod hop;
mod hop_io;
mod hop_sender;
mod in_flow;
mod pacer;
mod playout;
mod rtp;

pub use breaker::{Breaker, Tripped};
pub use bucket::Bucket;
pub use control::{Block, Control, Demand, Demands, Ecn, Feedback, Report};
pub use control_schema::{CONTROLS, ControlSchema, decode_dynamic as decode_control_dynamic};
pub use controller::{Controller, ControllerFactory, FixedRate, PacketReport};
pub use datagram::{
    CONTROL_FLOW, Datagram, MAX_HEADER, MAX_VARINT, read_varint, write_header, write_varint,
};
pub use feedback::{Noted, PeerClock, Recorder, report_timestamp};
pub use hop::Hop;
pub use hop_io::{HopConfig, HopEvent, HopStats, Received};
pub use hop_sender::{OutFlow, OutStats, Repair};
pub use in_flow::InStats;
pub use pacer::{Class, Pacer, Queued};
pub use playout::{Inserted, Played, Playout, PlayoutStats};
pub use rtp::RtpHeader;
