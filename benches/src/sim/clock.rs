//! This thread's processor time, which runs only while this thread does: what else the machine does is not in it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// An instant of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu(Duration);

impl Cpu {
    pub(crate) fn now() -> Cpu {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        // Neither is ever negative.
        Cpu(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
    }

    pub(crate) fn elapsed(self) -> Duration {
        Cpu::now().0.saturating_sub(self.0)
    }
}
