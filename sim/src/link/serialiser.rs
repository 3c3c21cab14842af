//! The transmitter of a bottleneck.

use super::Rate;
use super::alternation::Alternation;
use super::opportunities::{OPPORTUNITY, Opportunities};
use super::outage::Intervals;
use super::rate::{OnOff, RateStep};
use crate::random::Stream;
use crate::time::Time;

/// Work of one bit at one bit per second, so that work divided by the rate is nanoseconds.
const PER_BYTE: u128 = 8 * 1_000_000_000;

/// Most pieces of equal speed, or opportunities, by which a course is computed ahead. One that is longer is continued
/// when its time has come, so that nobody computes what lies behind the end of a run.
const AHEAD: usize = 1_024;

/// How fast bits leave at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speed {
    /// In no time.
    Unlimited,
    /// At a rate.
    Bits(Rate),
    /// Not at all.
    Stopped,
}

/// The stage: sends one thing after the other. Each takes its bits divided by the rate, or its opportunities.
///
/// Where the rate changes, the course of a packet is computed through all changes that are known when it begins;
/// those that come by command re-time what is left of it.
#[derive(Clone, Debug)]
pub(super) struct Serialiser {
    /// The rate from each instant on; the first is at zero.
    steps: Vec<(Time, Speed)>,
    trace: Option<Opportunities>,
    holds: Intervals,
    gate: Option<Alternation>,
    /// Stopped by command.
    stopped: bool,
    /// Whether the rate is that of the first step for ever.
    constant: bool,
    idle: Idle,
    job: Option<Job>,
}

/// When the transmitter falls idle.
#[derive(Clone, Copy, Debug, Default)]
struct Idle {
    /// Whole nanoseconds, rounded down.
    at: Time,
    /// The work that was done after that. Carrying it keeps the long-run rate exact.
    rest: u128,
    /// Of a trace: the next opportunity, and the bytes that are left of the one before it.
    next: u64,
    left: u64,
}

/// What is being sent.
#[derive(Clone, Copy, Debug)]
struct Job {
    /// Since when the work below is what is left.
    from: Idle,
    /// The bytes of a trace's job, else work, with what is carried.
    work: u128,
    started: Time,
    /// Whether a change found it begun, so that `started` stays.
    begun: bool,
    /// When its last bit is sent, rounded up to a nanosecond; [`Time::MAX`] is never.
    departure: Time,
    /// How it leaves the transmitter.
    end: Idle,
    /// What is left at the end, if that is as far as the course is computed.
    rest: Option<u128>,
}

impl Serialiser {
    pub(super) fn new(
        rate: Option<Rate>,
        steps: &[RateStep],
        trace: Option<Opportunities>,
        gate: Option<OnOff>,
        holds: &Intervals,
        gate_draws: Stream,
    ) -> Serialiser {
        let first = rate.map_or(Speed::Unlimited, Speed::Bits);
        let mut sorted = steps.to_vec();
        sorted.sort_by_key(|step| step.at);
        let mut steps = vec![(Time::ZERO, first)];
        for step in sorted {
            let speed = step.rate.map_or(Speed::Stopped, Speed::Bits);
            match steps.last_mut() {
                Some(last) if last.0 == step.at => last.1 = speed,
                _ => steps.push((step.at, speed)),
            }
        }
        let mut serialiser = Serialiser {
            steps,
            trace,
            holds: holds.clone(),
            gate: gate.map(|gate| Alternation::new(gate.on, gate.off, gate_draws)),
            stopped: false,
            constant: false,
            idle: Idle::default(),
            job: None,
        };
        serialiser.judge_constant();
        serialiser
    }

    /// Whether everything is sent in no time, for ever.
    pub(super) fn is_unlimited(&self) -> bool {
        self.constant && self.steps[0].1 == Speed::Unlimited
    }

    /// The rate at `now`; `None` if there is none or it is stopped. Of a trace, its mean.
    pub(super) fn rate(&self, now: Time) -> Option<Rate> {
        if let Some(trace) = &self.trace {
            return Some(trace.mean_rate());
        }
        match self.steps[self.step(now)].1 {
            Speed::Bits(rate) => Some(rate),
            Speed::Unlimited | Speed::Stopped => None,
        }
    }

    /// Until when it is stopped at `now` at least, if it is; [`Time::MAX`] if until further notice.
    pub(super) fn stopped_until(&mut self, now: Time) -> Option<Time> {
        self.forget(now);
        match self.piece(now) {
            (Speed::Stopped, until) => Some(until),
            _ => None,
        }
    }

    /// Forgets when it was on and off before `at`.
    fn forget(&mut self, at: Time) {
        if let (Some(gate), None) = (&mut self.gate, &self.job) {
            gate.forget(at);
        }
    }

    /// Begins to send `bytes` that could be sent from `ready` on, after all that was sent before.
    pub(super) fn start(&mut self, ready: Time, bytes: u64) {
        let mut from = self.idle;
        if from.at < ready {
            from.at = ready;
            from.rest = 0;
        }
        self.forget(from.at);
        let work = match self.trace {
            Some(_) => u128::from(bytes),
            None => u128::from(bytes) * PER_BYTE + from.rest,
        };
        self.job = Some(self.course(from, work));
    }

    /// Whether something is being sent.
    pub(super) fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// When the first bit of what is being sent is sent, and when its last; [`Time::MAX`] is never. It may turn out to be
    /// later; see [`Serialiser::goes_on`].
    pub(super) fn times(&self) -> Option<(Time, Time)> {
        self.job.map(|job| (job.started, job.departure))
    }

    /// Whether what is being sent is not done when it seemed to be, because so far its course was computed. Then it is
    /// computed further.
    pub(super) fn goes_on(&mut self) -> bool {
        let Some((job, rest)) = self.job.and_then(|job| Some((job, job.rest?))) else {
            return false;
        };
        let begun = job.begun || job.started < job.departure || rest < job.work;
        self.job = None;
        self.forget(job.end.at);
        self.resume(&job, begun, job.end, rest);
        true
    }

    /// What was being sent has left.
    pub(super) fn finish(&mut self) {
        if let Some(job) = self.job.take() {
            self.idle = job.end;
            self.forget(self.idle.at);
        }
    }

    /// Changes the rate for good; later steps of the schedule no longer hold. A trace stays.
    pub(super) fn set_rate(&mut self, now: Time, rate: Option<Rate>) {
        let speed = rate.map_or(Speed::Unlimited, Speed::Bits);
        self.change(now, |serialiser| {
            serialiser.steps = vec![(Time::ZERO, speed)];
        });
    }

    /// Sends as `next` would from now on, what is left of a packet included.
    pub(super) fn replace(&mut self, now: Time, next: Serialiser) {
        let left = self.job.map(|job| (job, self.left(&job, now)));
        let was_trace = self.trace.is_some();
        let Serialiser {
            steps,
            trace,
            holds,
            gate,
            ..
        } = next;
        let same_trace = self.trace == trace;
        (self.steps, self.trace) = (steps, trace);
        (self.holds, self.gate) = (holds, gate);
        self.judge_constant();
        let is_trace = self.trace.is_some();
        let next = self.trace.as_ref().map(|trace| trace.first_from(now.0));
        let settle = |idle: &mut Idle| {
            if !same_trace {
                // What is left of an opportunity, or of a nanosecond, is of another kind.
                (idle.rest, idle.left) = (0, 0);
                idle.next = next.unwrap_or_default();
            }
        };
        settle(&mut self.idle);
        if let Some((job, (mut from, work))) = left {
            settle(&mut from);
            let begun = job.begun || job.started < now || work < job.work;
            let work = match (was_trace, is_trace) {
                (true, false) => work * PER_BYTE,
                (false, true) => work.div_ceil(PER_BYTE),
                _ => work,
            };
            self.resume(&job, begun, from, work);
        }
    }

    /// Goes on with a job of which `work` is left at `from`.
    fn resume(&mut self, job: &Job, begun: bool, from: Idle, work: u128) {
        let mut course = self.course(from, work);
        course.begun = begun;
        if begun {
            course.started = job.started;
        }
        self.job = Some(course);
    }

    /// Stops, or goes on.
    pub(super) fn set_stopped(&mut self, now: Time, stopped: bool) {
        if self.stopped != stopped {
            self.change(now, |serialiser| serialiser.stopped = stopped);
        }
    }

    /// Makes a change at `now`, and re-times what is left of what is being sent.
    fn change(&mut self, now: Time, change: impl FnOnce(&mut Serialiser)) {
        let left = self.job.map(|job| (job, self.left(&job, now)));
        change(self);
        self.judge_constant();
        if let Some((job, (from, work))) = left {
            let begun = job.begun || job.started < now || work < job.work;
            self.resume(&job, begun, from, work);
        }
    }

    /// What is left of a job at `now`, and from when on.
    fn left(&mut self, job: &Job, now: Time) -> (Idle, u128) {
        let mut from = job.from;
        let mut work = job.work;
        if self.trace.is_some() {
            self.take_opportunities(&mut from, &mut work, now);
            from.at = from.at.max(now);
            return (from, work);
        }
        while from.at < now {
            let (speed, until) = self.piece(from.at);
            let until = until.min(now);
            match speed {
                Speed::Unlimited => work = 0,
                Speed::Bits(rate) => {
                    work = work.saturating_sub(capacity(rate, from.at, until));
                }
                Speed::Stopped => {}
            }
            from.at = until;
        }
        (from, work)
    }

    /// The course of a job of which `work` is left at `from`.
    fn course(&mut self, from: Idle, work: u128) -> Job {
        let mut end = from;
        let mut rest = work;
        let (started, departure) = match self.trace {
            Some(_) => {
                let (started, all) = self.take_opportunities(&mut end, &mut rest, Time::MAX);
                (started, all.then_some(end.at))
            }
            None => self.take_pieces(&mut end, &mut rest),
        };
        Job {
            from,
            work,
            started: started.or(departure).unwrap_or(end.at),
            begun: false,
            departure: departure.unwrap_or(end.at),
            end,
            rest: departure.is_none().then_some(rest),
        }
    }

    /// Does work from `end` on until none is left, and says when the first bit was sent, and when the last; that is
    /// absent if it is too far ahead, and [`Time::MAX`] if there is none.
    fn take_pieces(&mut self, end: &mut Idle, rest: &mut u128) -> (Option<Time>, Option<Time>) {
        let mut started = None;
        for _ in 0..AHEAD {
            let (speed, until) = self.piece(end.at);
            if speed != Speed::Stopped {
                started.get_or_insert(end.at);
            }
            match speed {
                Speed::Unlimited => {
                    end.rest = 0;
                    return (started, Some(end.at));
                }
                Speed::Bits(rate) => {
                    if until == Time::MAX || *rest <= capacity(rate, end.at, until) {
                        let (whole, part) = divide(*rest, rate);
                        let departure = end.at.0.saturating_add(whole + u64::from(part > 0));
                        end.at = Time::from_nanos(end.at.0.saturating_add(whole));
                        end.rest = part;
                        return (started, Some(Time::from_nanos(departure)));
                    }
                    *rest -= capacity(rate, end.at, until);
                }
                Speed::Stopped if until == Time::MAX => return (started, Some(Time::MAX)),
                Speed::Stopped => {}
            }
            end.at = until;
            if speed == Speed::Stopped && self.gate.is_some() {
                break; // whether it is on then is asked then
            }
        }
        (started, None)
    }

    /// Uses opportunities of the trace from `from` on, up to and including those at `limit`, until no byte is left;
    /// says when the first byte was sent, and whether it was not too far to look ahead.
    fn take_opportunities(
        &mut self,
        from: &mut Idle,
        bytes: &mut u128,
        limit: Time,
    ) -> (Option<Time>, bool) {
        let Some(trace) = self.trace.clone() else {
            return (None, true);
        };
        let mut started = None;
        if from.next > 0 && trace.at(from.next - 1) < from.at.0 {
            from.left = 0; // nobody waited for the rest of it
        }
        if *bytes > 0 && from.left == 0 && trace.at(from.next) < from.at.0 {
            from.next = trace.first_from(from.at.0);
        }
        let mut ahead = AHEAD;
        loop {
            if from.left > 0 && *bytes > 0 {
                started.get_or_insert(from.at);
                let used = u128::from(from.left).min(*bytes);
                *bytes -= used;
                from.left -= used as u64;
            }
            if *bytes == 0 {
                return (started, true);
            }
            if limit == Time::MAX {
                if ahead == 0 {
                    return (started, false);
                }
                ahead -= 1;
            }
            let at = Time::from_nanos(trace.at(from.next));
            if at > limit {
                return (started, true);
            }
            from.at = at;
            if at == Time::MAX || (self.stopped && limit == Time::MAX) {
                from.at = Time::MAX;
                return (started, true);
            }
            match self.closed_until(at) {
                None => {
                    from.next += 1;
                    from.left = OPPORTUNITY;
                }
                Some(until) => {
                    // All until then are lost.
                    from.next = (from.next + 1).max(trace.first_from(until.min(limit).0));
                    from.left = 0;
                    if limit == Time::MAX && self.gate.is_some() && until < limit {
                        from.at = until;
                        return (started, false); // whether it is on then is asked then
                    }
                }
            }
        }
    }

    /// Until when the transmitter does not work at `at` at least, if it does not.
    fn closed_until(&mut self, at: Time) -> Option<Time> {
        if self.stopped {
            return Some(Time::MAX);
        }
        let (held, until) = self.holds.at(at);
        if held {
            return Some(until);
        }
        let (off, until) = self.gate.as_mut()?.at(at);
        off.then_some(until)
    }

    /// The speed at `at`, and until when it is certain to stay so.
    fn piece(&mut self, at: Time) -> (Speed, Time) {
        if self.constant {
            return (self.steps[0].1, Time::MAX);
        }
        let step = self.step(at);
        let speed = self.steps[step].1;
        let mut until = self.steps.get(step + 1).map_or(Time::MAX, |(at, _)| *at);
        if speed == Speed::Stopped && !self.stopped {
            return (speed, until);
        }
        if let Some(until) = self.closed_until(at) {
            return (Speed::Stopped, until);
        }
        until = until.min(self.holds.at(at).1);
        if let Some(gate) = &mut self.gate {
            until = until.min(gate.at(at).1);
        }
        (speed, until)
    }

    /// The index of the step that holds at `at`.
    fn step(&self, at: Time) -> usize {
        self.steps
            .partition_point(|(from, _)| *from <= at)
            .saturating_sub(1)
    }

    fn judge_constant(&mut self) {
        self.constant = self.steps.len() == 1
            && self.trace.is_none()
            && self.gate.is_none()
            && self.holds.is_empty()
            && !self.stopped;
    }
}

/// The work that a rate does from one instant to another.
fn capacity(rate: Rate, from: Time, until: Time) -> u128 {
    u128::from(rate.bits_per_second()) * u128::from(until.0.saturating_sub(from.0))
}

/// Work divided by a rate: whole nanoseconds, and the work that is left over.
fn divide(work: u128, rate: Rate) -> (u64, u128) {
    let rate = rate.bits_per_second();
    // One narrow division where it can be: it is several times faster.
    if let Ok(work) = u64::try_from(work) {
        return (work / rate, u128::from(work % rate));
    }
    let rate = u128::from(rate);
    let whole = u64::try_from(work / rate).unwrap_or(u64::MAX - 1);
    (whole, work % rate)
}
