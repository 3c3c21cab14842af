//! Being asked to end.

use super::Failure;

/// SIGINT and SIGTERM.
pub(crate) struct Terminated {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

pub(crate) fn terminated() -> Result<Terminated, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())
            .map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
        Ok(Terminated { terminate })
    }
    #[cfg(not(unix))]
    Ok(Terminated {})
}

impl Terminated {
    pub(crate) async fn recv(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
