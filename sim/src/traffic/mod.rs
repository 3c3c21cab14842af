//! Cross traffic: what shares a bottleneck with the calls under study.
//!
//! Every source and sink is a [`Host`]: put it at the edge of a network, run, and read its counters.
//!
//! - [`Cbr`]: UDP at a rate that is exact over any interval and may follow a schedule, so that a link of 4 Mb/s with
//!   CBR of (4 − Y·r) leaves Y·r (RFC 8867 §5).
//! - [`Poisson`]: bursts of UDP packets at exponential distances.
//! - [`TcpSender`]: one connection, without end or with a file, with the window of [`Congestion`].
//! - [`OnOff`]: files over TCP with idle times between (RFC 8868 §5.1).
//! - [`UdpSink`] and [`TcpSink`]: where they end.
//!
//! TCP is a model of a sender and a receiver at the level of segments, not a stack; [`TcpSender`] says what it has and
//! what it leaves out.
//!
//! A source that draws at random takes a seed and a label. Exponential and geometric draws use the logarithm of the
//! `libm` crate, which is computed the same way on every platform.

mod bins;
mod cbr;
mod on_off;
mod poisson;
mod random;
mod samples;
mod tcp;
mod udp_sink;

pub use bins::Bins;
pub use cbr::{Cbr, CbrConfig};
pub use on_off::{OnOff, OnOffConfig, OnOffStats, Transfer};
pub use poisson::{BurstSizes, Poisson, PoissonConfig, UnknownBurstSizes};
pub use samples::Samples;
pub use tcp::{
    Congestion, TcpConfig, TcpSender, TcpSink, TcpSinkConfig, TcpSinkStats, TcpStats,
    UnknownCongestion, WindowSample,
};
pub use udp_sink::{UdpSink, UdpStats};

use crate::net::{Datagram, Host};
use crate::time::Time;

/// Any source or sink of cross traffic.
#[derive(Clone, Debug)]
pub enum Traffic {
    /// UDP at a constant or scheduled rate.
    Cbr(Cbr),
    /// UDP in bursts.
    Poisson(Poisson),
    /// One TCP connection.
    Tcp(Box<TcpSender>),
    /// TCP connections with idle times between.
    OnOff(Box<OnOff>),
    /// Where UDP ends.
    UdpSink(UdpSink),
    /// Where TCP ends.
    TcpSink(TcpSink),
}

impl Traffic {
    fn host(&self) -> &dyn Host {
        match self {
            Traffic::Cbr(host) => host,
            Traffic::Poisson(host) => host,
            Traffic::Tcp(host) => &**host,
            Traffic::OnOff(host) => &**host,
            Traffic::UdpSink(host) => host,
            Traffic::TcpSink(host) => host,
        }
    }

    fn host_mut(&mut self) -> &mut dyn Host {
        match self {
            Traffic::Cbr(host) => host,
            Traffic::Poisson(host) => host,
            Traffic::Tcp(host) => &mut **host,
            Traffic::OnOff(host) => &mut **host,
            Traffic::UdpSink(host) => host,
            Traffic::TcpSink(host) => host,
        }
    }
}

impl Host for Traffic {
    fn deadline(&self) -> Option<Time> {
        self.host().deadline()
    }

    fn wake(&mut self, now: Time) {
        self.host_mut().wake(now);
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        self.host_mut().receive(now, datagram);
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        self.host_mut().transmit(now)
    }
}

impl From<Cbr> for Traffic {
    fn from(host: Cbr) -> Traffic {
        Traffic::Cbr(host)
    }
}

impl From<Poisson> for Traffic {
    fn from(host: Poisson) -> Traffic {
        Traffic::Poisson(host)
    }
}

impl From<TcpSender> for Traffic {
    fn from(host: TcpSender) -> Traffic {
        Traffic::Tcp(Box::new(host))
    }
}

impl From<OnOff> for Traffic {
    fn from(host: OnOff) -> Traffic {
        Traffic::OnOff(Box::new(host))
    }
}

impl From<UdpSink> for Traffic {
    fn from(host: UdpSink) -> Traffic {
        Traffic::UdpSink(host)
    }
}

impl From<TcpSink> for Traffic {
    fn from(host: TcpSink) -> Traffic {
        Traffic::TcpSink(host)
    }
}
