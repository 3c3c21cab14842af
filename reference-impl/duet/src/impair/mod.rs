//! A scenario's network in real time, for programs that know nothing of simulators.
//!
//! The world is the one of `duet simulate`: the same links, NATs, cross traffic and faults, by the same seed, with the
//! same log. Only its time is the clock's, and its clients and its server are not simulated: at their nodes stand
//! gates, through which packets of real sockets ([`proxy`]) or of TUN devices (`tun`, on Linux) come in and go out.
//!
//! A packet enters at the instant at which it is received, and what the model says of it, it says exactly; the computer
//! can only be late in receiving and in sending. How late it was in sending is measured ([`Lateness`]).
//!
//! | for | look in |
//! |---|---|
//! | which nodes the ends are, and what a scenario must not ask for | `ends.rs` |
//! | the network itself, which knows no clock and no socket | [`Impairment`] |
//! | the clock, sleeping until an instant or a packet, the log's file | `run.rs` |
//! | UDP | `proxy.rs`, `socket.rs` |
//! | TUN devices and namespaces | `tun.rs`, `namespaces.rs` |

mod ends;
mod lateness;
#[cfg(target_os = "linux")]
pub mod namespaces;
pub mod proxy;
mod run;
mod site;
mod socket;
#[cfg(target_os = "linux")]
pub mod tun;

use std::net::IpAddr;

use duet_sim::net::{Datagram, Faults, Network};
use duet_sim::{EventLog, NodeId, Record, Scenario, Time};

use crate::flows::FlowError;

pub use ends::{Ends, EndsError, refuse, refuse_for_bridge, refuse_media_at};
pub use lateness::Lateness;
pub use run::{Clock, LATE, Run, Summary};

use site::Site;

/// A scenario's network with gates at its ends.
///
/// It moves when it is told to: [`Impairment::advance`] to the present, then [`Impairment::put`] what has come, then
/// advance again and [`Impairment::take`] what has arrived. Be back at [`Impairment::next_at`].
pub struct Impairment {
    network: Network<Site>,
    faults: Faults,
}

impl Impairment {
    /// The network of a scenario that [`refuse`] has nothing against. The seed stands in place of the scenario's.
    ///
    /// # Errors
    ///
    /// What it says of flows, that cannot be.
    pub fn new(scenario: &Scenario, seed: u64, ends: &Ends) -> Result<Self, FlowError> {
        refuse_media_at(scenario, ends)?;
        let network = site::network(scenario, seed, ends)?;
        let faults = Faults::of(scenario);
        Ok(Self { network, faults })
    }

    /// Lets all happen up to and including `now`, and stands there.
    ///
    /// # Panics
    ///
    /// As `World::step`: if packets go round without delay.
    pub fn advance(&mut self, now: Time) {
        while let Some(at) = self.faults.next_at().filter(|at| *at <= now) {
            self.network.world_mut().run_until(at);
            let programs = self.faults.apply(&mut self.network);
            debug_assert!(programs.is_empty(), "scenarios that crash are refused");
        }
        self.network.world_mut().run_until(now);
    }

    /// When the next thing happens, if ever.
    pub fn next_at(&mut self) -> Option<Time> {
        let fault = self.faults.next_at();
        let event = self.network.world_mut().next_event_at();
        fault.into_iter().chain(event).min()
    }

    /// Lets a datagram in at an end, at the present instant.
    pub fn put(&mut self, end: NodeId, datagram: Datagram) {
        if let Some(gate) = &mut self.network.host_mut(end).gate {
            gate.put(datagram);
        }
    }

    /// The next that has arrived at an end, and when.
    pub fn take(&mut self, end: NodeId) -> Option<(Time, Datagram)> {
        self.network.host_mut(end).gate.as_mut()?.take()
    }

    /// Whether something in the network has this address at present.
    pub fn has(&self, address: IpAddr) -> bool {
        self.network.has(address)
    }

    /// What has been logged and not been taken by [`Impairment::take_records`].
    pub fn log(&self) -> &EventLog {
        self.network.world().log()
    }

    /// Takes the log's records so far.
    pub fn take_records(&mut self) -> Vec<Record> {
        self.network.world_mut().take_records()
    }
}
