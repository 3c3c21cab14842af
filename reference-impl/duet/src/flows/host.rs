//! A media flow's end at an IP address: a QUIC endpoint as a host of the simulated network, and what crosses its socket.

use std::sync::Arc;

use duet_quic::{Driver, SimEndpoint};
use duet_sim::net::{Datagram, Ecn, Host};
use duet_sim::{Packet, Time};

use super::controllers::Allowance;
use super::peers::End;
use super::record::Wire;

/// The class of what senders send, as the event log counts it.
pub const MEDIA: &str = "media";
/// The class of what receivers send.
pub const FEEDBACK: &str = "feedback";

/// One end of a media flow, and what crossed its socket.
pub struct FlowHost {
    endpoint: SimEndpoint<End>,
    class: &'static str,
    port: u16,
    /// Where QUIC governs, what the hop is told of it.
    allowance: Option<Arc<Allowance>>,
    /// Whether its packets ask for marks.
    ect: bool,
    sent: Vec<Wire>,
    received: Vec<Wire>,
    marked: u64,
}

impl FlowHost {
    /// An end behind a driver, at a port of its node. `ect`: its packets are ECN-capable where QUIC has them so.
    pub fn new(
        driver: Driver<End>,
        port: u16,
        allowance: Option<Arc<Allowance>>,
        ect: bool,
    ) -> Self {
        let class = match driver.core() {
            End::Sender(_) => MEDIA,
            End::Receiver(_) => FEEDBACK,
        };
        Self {
            endpoint: SimEndpoint::new(driver),
            class,
            port,
            allowance,
            ect,
            sent: Vec::new(),
            received: Vec::new(),
            marked: 0,
        }
    }

    /// The end itself.
    pub fn end(&self) -> &End {
        self.endpoint.driver.core()
    }

    /// Datagrams sent.
    pub fn sent(&self) -> &[Wire] {
        &self.sent
    }

    /// Datagrams received.
    pub fn received(&self) -> &[Wire] {
        &self.received
    }

    /// Datagrams received with a mark.
    pub fn marked(&self) -> u64 {
        self.marked
    }

    /// Tells the end what time it is, and the hop what QUIC allows.
    fn tell(&self, now: Time) {
        self.end().tell_time(now);
        let driver = &self.endpoint.driver;
        if let Some(allowance) = &self.allowance
            && let Some(conn) = self.end().conn()
            && let (Some(window), Some(rate)) = (driver.window(conn), driver.rate(conn))
        {
            allowance.tell(window, rate);
        }
    }
}

impl Host for FlowHost {
    fn deadline(&self) -> Option<Time> {
        Host::deadline(&self.endpoint)
    }

    fn wake(&mut self, now: Time) {
        self.tell(now);
        Host::wake(&mut self.endpoint, now);
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        self.received.push((now, datagram.size() as u32));
        self.marked += u64::from(datagram.ecn == Ecn::Ce);
        self.tell(now);
        Host::receive(&mut self.endpoint, now, datagram);
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        self.tell(now);
        let mut datagram = Host::transmit(&mut self.endpoint, now)?;
        datagram.class = self.class;
        datagram.source.set_port(self.port);
        if !self.ect {
            datagram.ecn = Ecn::NotEct;
        }
        self.sent.push((now, datagram.size() as u32));
        Some(datagram)
    }
}
