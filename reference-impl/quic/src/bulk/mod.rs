//! What a transfer's payload comes from and goes to: sources and sinks at clients, pipes at servers.

mod payload;
mod pipe;
mod rate;

pub use self::payload::{Sink, Source};

pub(crate) use self::payload::{Inbound, Outbound, Step};
pub(crate) use self::pipe::Pipe;
pub(crate) use self::rate::Bucket;
