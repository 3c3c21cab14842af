//! Being asked to end.

use super::Failure;

/// SIGINT and SIGTERM, listened for without a pause: a loop that is busy with packets must not miss one.
pub(crate) struct Terminated {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

/// Must be called within a tokio runtime.
pub(crate) fn terminated() -> Result<Terminated, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))
        };
        Ok(Terminated {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }
    #[cfg(not(unix))]
    Ok(Terminated {})
}

impl Terminated {
    /// Ends once the process is asked to end. Dropping the future loses nothing.
    pub(crate) async fn recv(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
