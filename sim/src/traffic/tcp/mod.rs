//! TCP as a model: segments with numbers, no bytes.

mod config;
mod cubic;
mod newreno;
mod ranges;
mod receiver;
mod rto;
mod scoreboard;
mod sender;
mod sink;
mod stats;
mod window;

pub use config::{Congestion, TcpConfig, UnknownCongestion};
pub use sender::TcpSender;
pub use sink::{TcpSink, TcpSinkConfig, TcpSinkStats};
pub use stats::{TcpStats, WindowSample};
