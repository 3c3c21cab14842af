//! What the proxy and the bridge have in common: the clock, waiting, the log's file, and what is told at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use duet_sim::{Count, Record, Time};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Impairment, Lateness};

/// A packet that leaves so much after its instant counts as late.
pub const LATE: Duration = Duration::from_millis(2);

/// Distance between warnings that the machine is behind.
const WARN: Duration = Duration::from_secs(10);

/// The time since the beginning, which is the network's virtual time.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// It begins now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The present instant.
    pub fn now(self) -> Time {
        Time::ZERO.after(self.0.elapsed())
    }
}

/// A network under way, with its clock.
pub struct Run {
    pub(super) impairment: Impairment,
    clock: Clock,
    /// Becomes readable, or ends, when the run is to end.
    stop: UnixStream,
    end: Option<Time>,
    log: Option<BufWriter<File>>,
    summary: Summary,
    warned: Option<Time>,
}

/// What a run comes to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How long it was.
    pub ran: Duration,
    /// Sums for each link and class.
    pub links: Vec<(String, &'static str, Count)>,
    /// What boxes dropped: which, why, and how many.
    pub dropped: BTreeMap<(String, &'static str), u64>,
    /// How late packets left.
    pub lateness: Lateness,
    /// How many left later than [`LATE`].
    pub late: u64,
    /// What the system did not take from us: no room, too large.
    pub unsent: u64,
    /// What came in and belongs to nobody, or to one too many.
    pub refused: u64,
    /// What the system dropped before the network, since it came faster than it was read; as far as the system says.
    pub overrun: u64,
}

impl Run {
    /// Begins now. It ends when `stop` is readable or has ended, and at `end` if that is given. The log goes to a file.
    pub fn begin(
        impairment: Impairment,
        stop: UnixStream,
        end: Option<Duration>,
        log: Option<File>,
    ) -> Self {
        // The kernel may wake a thread 50 µs late, to wake several at once; this one minds.
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
            tracing::debug!(%error, "timers stay coarse");
        }
        Self {
            impairment,
            clock: Clock::start(),
            stop,
            end: end.map(|end| Time::ZERO.after(end)),
            log: log.map(BufWriter::new),
            summary: Summary::default(),
            warned: None,
        }
    }

    /// Brings the network to the present, and says when that is.
    pub(super) fn advance(&mut self) -> Time {
        let now = self.clock.now();
        self.impairment.advance(now);
        now
    }

    /// Counts a packet that left now and was due at `due`, or that the system did not take.
    pub(super) fn sent(&mut self, due: Time, result: &io::Result<()>) {
        if let Err(error) = result {
            self.summary.unsent += 1;
            tracing::debug!(%error, "a packet could not be sent");
            return;
        }
        let now = self.clock.now();
        let late = now.since(due);
        self.summary.lateness.record(late);
        if late > LATE {
            self.summary.late += 1;
            if self.warned.is_none_or(|last| now.since(last) > WARN) {
                self.warned = Some(now);
                let millis = late.as_secs_f64() * 1e3;
                eprintln!("warning: this machine is behind: a packet left {millis:.1} ms late");
            }
        }
    }

    /// Counts a packet that nobody takes.
    pub(super) fn refuse(&mut self) {
        self.summary.refused += 1;
    }

    /// Counts packets that the system dropped before they could be read.
    pub(super) fn overran(&mut self, packets: u64) {
        self.summary.overrun += packets;
    }

    /// Waits until there is something to read, or something happens in the network. Says which of these are readable;
    /// `None` if the run is to end.
    pub(super) fn wait(&mut self, sources: &[BorrowedFd<'_>]) -> io::Result<Option<Vec<usize>>> {
        self.drain()?;
        let next = self.impairment.next_at().into_iter().chain(self.end).min();
        let mut fds = Vec::with_capacity(sources.len() + 1);
        fds.push(PollFd::new(&self.stop, PollFlags::IN));
        for source in sources {
            fds.push(PollFd::from_borrowed_fd(*source, PollFlags::IN));
        }
        let now = self.clock.now();
        if self.end.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        let timeout = next.map(|next| next.since(now)).map(|span| Timespec {
            tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: span.subsec_nanos().into(),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = Vec::new();
        for (index, fd) in fds.iter().enumerate() {
            match index.checked_sub(1) {
                _ if fd.revents().is_empty() => {}
                None => return Ok(None),
                Some(index) => ready.push(index),
            }
        }
        Ok(Some(ready))
    }

    /// Writes away what has been logged.
    fn drain(&mut self) -> io::Result<()> {
        let records = self.impairment.take_records();
        let log = self.impairment.log();
        for record in &records {
            if let Record::Dropped { by, dropped, .. } = record {
                let key = (log.box_name(*by).to_owned(), dropped.cause);
                *self.summary.dropped.entry(key).or_default() += 1;
            }
            if let Some(file) = &mut self.log {
                writeln!(file, "{}", log.line(record))?;
            }
        }
        Ok(())
    }

    /// Ends the run.
    ///
    /// # Errors
    ///
    /// The rest of the log could not be written.
    pub fn finish(mut self) -> io::Result<Summary> {
        self.drain()?;
        if let Some(log) = &mut self.log {
            log.flush()?;
        }
        let counts = self.impairment.log().counts();
        self.summary.links = counts
            .map(|(link, class, count)| (link.to_owned(), class, count.clone()))
            .collect();
        self.summary.ran = self.clock.now().since(Time::ZERO);
        Ok(self.summary)
    }
}
