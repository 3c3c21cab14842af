//! One end of one media connection: flows in, flows out, and what both ends tell each other about them.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::breaker::{Breaker, Tripped};
use super::control::{Control, Demand, Demands, Ecn, Feedback};
use super::controller::{Controller, PacketReport};
use super::datagram::{Datagram, MAX_HEADER, write_header};
use super::feedback::{PeerClock, report_timestamp};
use super::hop_io::{HopConfig, HopEvent, HopStats, Received};
use super::hop_sender::{OutFlow, Repair};
use super::in_flow::{InFlow, once_in};
use super::pacer::{Class, Pacer, Queued};
use crate::id::FlowId;
use crate::io::{Deadline, Timer};
use crate::limits::MAX_DATAGRAM;
use crate::time::{Instant, earlier};

/// The least time between two reports.
const MIN_FEEDBACK: Duration = Duration::from_millis(5);
/// How often a demand is repeated.
const DEMAND: Duration = Duration::from_millis(200);
/// The least time between two requests for a keyframe, beyond a round trip.
const KEYFRAME: Duration = Duration::from_millis(100);
/// What the round trip is taken for before the transport has told it.
const INITIAL_RTT: Duration = Duration::from_millis(100);
/// Packets that wait to be popped; beyond that none is released.
const MAX_READY: usize = 256;
/// Control datagrams that wait to be popped; the oldest is dropped.
const MAX_CONTROL: usize = 32;
/// Bytes of entries or blocks that fit a control datagram, beside flow, type and timestamp.
const MAX_BODY: usize = MAX_DATAGRAM - 6;
/// Bytes of the largest block: eight, and two for each of 64 reports.
const MAX_BLOCK: usize = 136;

/// An outgoing flow, and what the peer says about it.
#[derive(Debug)]
struct Outgoing {
    flow: OutFlow,
    audio: bool,
    demanded: bool,
    rate: u32,
    keyframe_told: Option<Instant>,
}

/// A packet that has left the pacer.
#[derive(Debug)]
struct Ready {
    flow: FlowId,
    hop_seq: u16,
    payload: Bytes,
}

/// One end of one media connection.
///
/// After [`Hop::send`] and [`Hop::receive`], and at its [`Hop::deadline`], it wants [`Hop::handle`]; then
/// [`Hop::next_datagram`] and [`Hop::poll_event`] until there is nothing more. Several calls before that are legal.
#[derive(Debug)]
pub struct Hop {
    config: HopConfig,
    outgoing: BTreeMap<FlowId, Outgoing>,
    incoming: BTreeMap<FlowId, InFlow>,
    controller: Box<dyn Controller + Send>,
    breaker: Breaker,
    /// Whether the caller was told that the breaker tripped.
    told: bool,
    pacer: Pacer,
    rtt: Duration,
    peer_clock: PeerClock,
    /// When the last report was made, and when the next is due.
    reported: Option<Instant>,
    report_at: Option<Instant>,
    /// When the demands are due.
    demand_at: Option<Instant>,
    ready: VecDeque<Ready>,
    control: VecDeque<Vec<u8>>,
    events: VecDeque<HopEvent>,
    /// Kept for their memory only.
    reports: Vec<PacketReport>,
    repairs: Vec<Repair>,
    malformed: u64,
    unknown: u64,
}

impl Hop {
    /// An end without flows.
    pub fn new(now: Instant, config: HopConfig) -> Self {
        let controller = (config.controller)();
        Self {
            pacer: Pacer::new(now, controller.pacing_rate(), config.burst),
            config,
            outgoing: BTreeMap::new(),
            incoming: BTreeMap::new(),
            controller,
            breaker: Breaker::new(now),
            told: false,
            rtt: INITIAL_RTT,
            peer_clock: PeerClock::default(),
            reported: None,
            report_at: None,
            demand_at: None,
            ready: VecDeque::new(),
            control: VecDeque::new(),
            events: VecDeque::new(),
            reports: Vec::new(),
            repairs: Vec::new(),
            malformed: 0,
            unknown: 0,
        }
    }

    /// Opens an outgoing flow whose packets are of use for so long. Repairs take at most `max_bitrate` more, in bits a
    /// second (0: no limit). A flow that is open stays as it is.
    pub fn open_out(
        &mut self,
        now: Instant,
        flow: FlowId,
        audio: bool,
        useful: Duration,
        max_bitrate: u32,
    ) {
        let demanded = !self.config.demand_needed;
        self.outgoing.entry(flow).or_insert_with(|| Outgoing {
            flow: OutFlow::new(now, useful, max_bitrate),
            audio,
            demanded,
            rate: 0,
            keyframe_told: None,
        });
    }

    /// Closes an outgoing flow; what waits is dropped.
    pub fn close_out(&mut self, flow: FlowId) {
        self.outgoing.remove(&flow);
        self.pacer.remove(flow);
        self.events.retain(|event| !is_about(event, flow));
    }

    /// Opens an incoming flow; what comes over twice `max_bitrate`, in bits a second, is dropped (0: no limit). A flow
    /// that is open stays as it is.
    pub fn open_in(&mut self, now: Instant, flow: FlowId, max_bitrate: u32) {
        self.incoming
            .entry(flow)
            .or_insert_with(|| InFlow::new(now, max_bitrate));
    }

    /// Closes an incoming flow; what still comes of it is ignored.
    pub fn close_in(&mut self, flow: FlowId) {
        self.incoming.remove(&flow);
    }

    /// The connection beneath was replaced: what is in flight is forgotten, numbering goes on, the circuit breaker
    /// starts over, and demands are said again.
    pub fn reconnected(&mut self, now: Instant) {
        self.ready.clear();
        self.control.clear();
        self.outgoing.values_mut().for_each(|out| out.flow.forget());
        self.incoming.values_mut().for_each(InFlow::reconnected);
        self.breaker = Breaker::new(now);
        self.told = false;
        self.controller.on_path_change(now);
        self.pacer.set_rate(now, self.controller.pacing_rate());
        self.emit_demands(now);
    }

    /// The round trip, as the transport told it.
    pub const fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Tells the transport's smoothed round-trip time.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// Tells the sender of an incoming flow whether it is wanted, and at which rate at the most (bits a second, 0: no
    /// limit). Said at once where it is new, and repeated every 200 ms.
    pub fn demand(&mut self, now: Instant, flow: FlowId, on: bool, rate: u32) {
        if self
            .incoming
            .get_mut(&flow)
            .is_some_and(|incoming| incoming.wish(on, rate))
        {
            self.emit_demands(now);
        }
    }

    /// Whether the peer wants an outgoing flow.
    pub fn is_demanded(&self, flow: FlowId) -> bool {
        self.outgoing.get(&flow).is_some_and(|out| out.demanded)
    }

    /// The most that the peer takes of an outgoing flow, in bits a second; 0 for no limit.
    pub fn demanded_rate(&self, flow: FlowId) -> u32 {
        self.outgoing.get(&flow).map_or(0, |out| out.rate)
    }

    /// What the sources together should produce, in bits a second.
    pub fn target_bitrate(&self) -> u64 {
        self.controller.target_bitrate()
    }

    /// Queues a packet on an outgoing flow. False, and dropped: the flow is not open or not demanded, the breaker has
    /// tripped, or the packet is too large.
    pub fn send(&mut self, now: Instant, flow: FlowId, payload: Bytes) -> bool {
        let tripped = self.breaker.tripped().is_some();
        let Some(out) = self.outgoing.get_mut(&flow) else {
            return false;
        };
        let fits = !payload.is_empty() && payload.len() <= MAX_DATAGRAM - MAX_HEADER;
        //= MEDIA-026, MEDIA-033
        if tripped || !out.demanded || !fits {
            out.flow.stats.refused = out.flow.stats.refused.saturating_add(1);
            return false;
        }
        let class = if out.audio {
            Class::Audio
        } else {
            Class::Video
        };
        let useful = out.flow.useful();
        let expires = now.after(
            self.config
                .max_queue
                //= MEDIA-032
                .map_or(useful, |most| most.min(useful)),
        );
        self.push(Queued {
            flow,
            class,
            payload,
            expires,
            first_sent: None,
        });
        true
    }

    /// Asks the sender of an incoming flow for a keyframe. False, and nothing sent: one was asked for less than a round
    /// trip and 100 ms ago, so that the answer is still on its way, or the flow is not open.
    pub fn request_keyframe(&mut self, now: Instant, flow: FlowId) -> bool {
        //= MEDIA-028
        let interval = self.rtt.saturating_add(KEYFRAME);
        let asks = self
            .incoming
            .get_mut(&flow)
            .is_some_and(|f| f.ask_keyframe(now, interval));
        if asks {
            self.push_control(&Control::KeyframeRequest { flow });
        }
        asks
    }

    /// Tells the receiver of an outgoing flow two clocks at one instant.
    pub fn send_sync(&mut self, flow: FlowId, rtp_time: u32, sender_clock: u64) {
        //= MEDIA-041
        if self.outgoing.contains_key(&flow) {
            self.push_control(&Control::Sync {
                flow,
                rtp_time,
                sender_clock,
            });
        }
    }

    /// Takes a datagram that the socket had at `at`, in an IP packet with this ECN field, which the next report tells its
    /// sender's controller.
    pub fn receive(
        &mut self,
        now: Instant,
        (at, ecn): (Instant, Ecn),
        datagram: &Bytes,
    ) -> Received {
        match Datagram::read(datagram) {
            Ok(Datagram::Media {
                flow,
                hop_seq,
                payload,
            }) => {
                let Some(incoming) = self.incoming.get_mut(&flow) else {
                    self.unknown = self.unknown.saturating_add(1);
                    return Received::Nothing;
                };
                let arrival = incoming.arrived(now, at, (hop_seq, ecn), payload.len());
                if incoming.remind() {
                    let due = now.after(DEMAND);
                    self.demand_at = earlier(self.demand_at, Some(due));
                }
                self.report_due(now, arrival.urgent);
                if !arrival.deliver {
                    return Received::Nothing;
                }
                let header = datagram.len().saturating_sub(payload.len());
                Received::Payload {
                    flow,
                    payload: datagram.slice(header..),
                }
            }
            Ok(Datagram::Control(control)) => self.receive_control(now, control),
            Err(_) => {
                self.malformed = self.malformed.saturating_add(1);
                Received::Malformed
            }
        }
    }

    fn receive_control(&mut self, now: Instant, control: Control<'_>) -> Received {
        match control {
            Control::Feedback(feedback) => self.on_feedback(now, &feedback),
            Control::Demand(demands) => demands.iter().for_each(|demand| self.on_demand(demand)),
            Control::KeyframeRequest { flow } => {
                let interval = self.rtt.saturating_add(KEYFRAME);
                let Some(out) = self.outgoing.get_mut(&flow) else {
                    self.unknown = self.unknown.saturating_add(1);
                    return Received::Nothing;
                };
                if once_in(&mut out.keyframe_told, now, interval) {
                    return Received::KeyframeRequest { flow };
                }
            }
            Control::Sync {
                flow,
                rtp_time,
                sender_clock,
            } => {
                if self.incoming.contains_key(&flow) {
                    return Received::Sync {
                        flow,
                        rtp_time,
                        sender_clock,
                    };
                }
                self.unknown = self.unknown.saturating_add(1);
            }
            //= MEDIA-023
            Control::Unknown { .. } => self.unknown = self.unknown.saturating_add(1),
        }
        Received::Nothing
    }

    fn on_feedback(&mut self, now: Instant, feedback: &Feedback<'_>) {
        let reported_at = self.peer_clock.read(feedback.timestamp);
        let mut reports = core::mem::take(&mut self.reports);
        let mut repairs = core::mem::take(&mut self.repairs);
        let mut known = false;
        reports.clear();
        for block in feedback.blocks() {
            let Some(out) = self.outgoing.get_mut(&block.flow) else {
                self.unknown = self.unknown.saturating_add(1);
                continue;
            };
            known = true;
            let wanted = (self.config.repair && out.demanded).then_some(&mut repairs);
            out.flow
                .on_block(now, self.rtt, &block, reported_at, &mut reports, wanted);
            let class = if out.audio {
                Class::AudioRepair
            } else {
                Class::VideoRepair
            };
            let useful = out.flow.useful();
            let half = self.rtt.checked_div(2).unwrap_or_default();
            for Repair {
                payload,
                first_sent,
            } in repairs.drain(..)
            {
                let expires = first_sent.after(useful).before(half);
                let first_sent = Some(first_sent);
                self.push(Queued {
                    flow: block.flow,
                    class,
                    payload,
                    expires,
                    first_sent,
                });
            }
        }
        if known {
            self.breaker.on_feedback(now, &reports, self.rtt);
            self.controller.on_feedback(now, &reports, self.rtt);
            self.pacer.set_rate(now, self.controller.pacing_rate());
            self.heed_breaker();
        }
        (self.reports, self.repairs) = (reports, repairs);
    }

    fn on_demand(&mut self, demand: Demand) {
        let Some(out) = self.outgoing.get_mut(&demand.flow) else {
            self.unknown = self.unknown.saturating_add(1);
            return;
        };
        if !self.config.demand_needed || (out.demanded, out.rate) == (demand.on, demand.rate) {
            return;
        }
        (out.demanded, out.rate) = (demand.on, demand.rate);
        if !demand.on {
            self.pacer.remove(demand.flow);
        }
        // One event per flow at the most, whatever the peer says in between.
        self.events.retain(|event| !is_about(event, demand.flow));
        self.events.push_back(HopEvent::Demand(demand));
    }

    /// Does what is due: releases packets, reports, repeats demands.
    pub fn handle(&mut self, now: Instant) {
        self.outgoing.values_mut().for_each(|out| out.flow.age(now));
        self.release(now);
        if self.report_at.is_some_and(|due| due <= now) {
            self.emit_feedback(now);
        }
        if self.demand_at.is_some_and(|due| due <= now) {
            self.emit_demands(now);
        }
    }

    fn release(&mut self, now: Instant) {
        loop {
            while let Some(expired) = self.pacer.expire(now) {
                self.count_expired(expired.flow);
            }
            if !self.may_release() {
                return;
            }
            let Some(packet) = self.pacer.release(now) else {
                return;
            };
            let Some(out) = self.outgoing.get_mut(&packet.flow) else {
                continue;
            };
            let bytes = packet.payload.len();
            let hop_seq = out
                .flow
                .record(now, packet.payload.clone(), packet.first_sent);
            self.ready.push_back(Ready {
                flow: packet.flow,
                hop_seq,
                payload: packet.payload,
            });
            self.controller.on_sent(now, bytes);
            self.breaker.on_sent(now, bytes);
            self.heed_breaker();
        }
    }

    fn may_release(&self) -> bool {
        self.ready.len() < MAX_READY && self.has_window()
    }

    fn has_window(&self) -> bool {
        let flows = self.outgoing.values().map(|out| out.flow.in_flight());
        flows.fold(0, usize::saturating_add) < self.controller.window()
    }

    /// Pops the next datagram into `buffer`, which is cleared first; control before media.
    pub fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        if let Some(control) = self.control.pop_front() {
            buffer.extend_from_slice(&control);
            return true;
        }
        let Some(ready) = self.ready.pop_front() else {
            return false;
        };
        write_header(ready.flow, ready.hop_seq, buffer);
        buffer.extend_from_slice(&ready.payload);
        true
    }

    /// Pops the next event.
    pub fn poll_event(&mut self) -> Option<HopEvent> {
        self.events.pop_front()
    }

    /// Whether the circuit breaker has tripped, and why.
    pub const fn tripped(&self) -> Option<Tripped> {
        self.breaker.tripped()
    }

    /// When [`Hop::handle`] has something to do. None while all is idle.
    pub fn deadline(&self) -> Option<Deadline> {
        let pacing = if self.pacer.is_empty() || self.ready.len() >= MAX_READY {
            None
        } else if self.has_window() {
            self.pacer.deadline()
        } else {
            self.outgoing
                .values()
                .filter_map(|out| out.flow.ages_at())
                .min()
        };
        let feedback = earlier(self.report_at, self.demand_at);
        earlier(
            feedback.map(|at| Deadline::new(at, Timer::Feedback)),
            pacing.map(|at| Deadline::new(at, Timer::Pacing)),
        )
    }

    /// What was counted.
    pub fn stats(&self) -> HopStats {
        HopStats {
            malformed: self.malformed,
            unknown: self.unknown,
            outgoing: self
                .outgoing
                .iter()
                .map(|(flow, out)| (*flow, out.flow.stats))
                .collect(),
            incoming: self
                .incoming
                .iter()
                .map(|(flow, f)| (*flow, f.stats()))
                .collect(),
        }
    }

    fn push(&mut self, packet: Queued) {
        if let Some(displaced) = self.pacer.push(packet) {
            self.count_expired(displaced.flow);
        }
    }

    fn count_expired(&mut self, flow: FlowId) {
        if let Some(out) = self.outgoing.get_mut(&flow) {
            out.flow.stats.expired = out.flow.stats.expired.saturating_add(1);
        }
    }

    /// Once the breaker has tripped, nothing waits; the caller is told once.
    fn heed_breaker(&mut self) {
        let Some(cause) = self.breaker.tripped() else {
            return;
        };
        self.pacer.clear();
        if !core::mem::replace(&mut self.told, true) {
            self.events.push_back(HopEvent::Tripped(cause));
        }
    }

    fn report_due(&mut self, now: Instant, urgent: bool) {
        //= MEDIA-025
        let soon = now.after(MIN_FEEDBACK);
        let due = match self.reported {
            Some(last) if urgent => now.max(last.after(MIN_FEEDBACK)),
            Some(last) => soon.max(last.after(self.config.feedback_interval)),
            None if urgent => now,
            None => soon,
        };
        self.report_at = earlier(self.report_at, Some(due));
    }

    fn emit_feedback(&mut self, now: Instant) {
        let timestamp = report_timestamp(now);
        let mut blocks = Vec::new();
        let mut full = Vec::new();
        for (flow, incoming) in &mut self.incoming {
            if incoming.report() {
                incoming.recorder.append_block(*flow, now, &mut blocks);
            }
            if blocks.len().saturating_add(MAX_BLOCK) > MAX_BODY {
                full.push(core::mem::take(&mut blocks));
            }
        }
        full.push(blocks);
        for blocks in full.iter().filter(|blocks| !blocks.is_empty()) {
            self.push_control(&Control::Feedback(Feedback::new(blocks, timestamp)));
        }
        self.reported = Some(now);
        let owes = self.incoming.values().any(InFlow::owes);
        self.report_at = owes.then(|| now.after(self.config.feedback_interval));
    }

    fn emit_demands(&mut self, now: Instant) {
        //= MEDIA-027
        let mut entries = Vec::new();
        for (flow, incoming) in &mut self.incoming {
            if let Some(wish) = incoming.tell() {
                Demand {
                    flow: *flow,
                    on: wish.on,
                    rate: wish.rate,
                }
                .append(&mut entries);
            }
        }
        for entries in entries.chunks(MAX_BODY / Demand::LEN * Demand::LEN) {
            self.push_control(&Control::Demand(Demands::new(entries)));
        }
        let goes_on = self.incoming.values().any(InFlow::has_to_tell);
        self.demand_at = goes_on.then(|| now.after(DEMAND));
    }

    fn push_control(&mut self, control: &Control<'_>) {
        if self.control.len() >= MAX_CONTROL {
            self.control.pop_front();
        }
        let mut datagram = Vec::new();
        control.write(&mut datagram);
        self.control.push_back(datagram);
    }
}

fn is_about(event: &HopEvent, flow: FlowId) -> bool {
    matches!(event, HopEvent::Demand(demand) if demand.flow == flow)
}
