//! The server as it runs on a socket, whichever that is: the core, the loop, the embedded service.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use duet_protocol::seed::Seed;
use duet_protocol::server::{Config, Event, Server};
use duet_protocol::service::{Decision, DecisionId};
use duet_protocol::time::Instant;
use duet_quic::{Driver, Loop, Pumped, ServerSettings, SettingsError, Socket};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::deciding::Deciding;
use crate::service::Service;

/// How long a stopping server waits for its last frames to arrive.
const STOP: Duration = Duration::from_secs(1);

/// What a server draws everything from; both secret, and drawn anew for each process.
pub struct Seeds {
    /// The core's: ids, tokens.
    pub core: [u8; 32],
    /// QUIC's: connection ids, keys of resets.
    pub quic: [u8; 32],
}

/// A server that serves.
pub struct Serving<S> {
    net: Loop<Server, S>,
    deciding: Deciding,
    answered: UnboundedReceiver<(u64, Decision)>,
}

impl<S: Socket> Serving<S> {
    /// A server whose life begins now. It serves inside of [`Serving::until`].
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if the identity cannot be used.
    pub fn new(
        config: Config,
        settings: ServerSettings,
        service: Service,
        seeds: Seeds,
        socket: S,
        wall_clock: SystemTime,
    ) -> Result<Self, SettingsError> {
        let core = Server::new(Arc::new(config), Seed(seeds.core), Instant::EPOCH);
        let driver = Driver::server(settings, core, seeds.quic, duet_quic::now())?;
        let (answers, answered) = unbounded_channel();
        Ok(Self {
            net: Loop::at(driver, socket, wall_clock),
            deciding: Deciding::new(service, answers),
            answered,
        })
    }

    /// The same, with a second socket for services.
    #[must_use]
    pub fn with_services(self, socket: S) -> Self {
        let net = self.net.with_services(socket);
        Self { net, ..self }
    }

    /// The loop.
    pub fn net(&self) -> &Loop<Server, S> {
        &self.net
    }

    /// Serves until the future is done; `tell` is told what happens. Dropping it is what a killed process does.
    ///
    /// # Errors
    ///
    /// If the socket is beyond use.
    pub async fn until<T>(
        &mut self,
        stop: impl Future<Output = T>,
        mut tell: impl FnMut(&Event),
    ) -> io::Result<T> {
        let mut stop = pin!(stop);
        loop {
            let Self { net, answered, .. } = self;
            let pumped = net
                .pump_until(async {
                    tokio::select! {
                        biased;
                        stop = &mut stop => Err(stop),
                        Some(answer) = answered.recv() => Ok(answer),
                    }
                })
                .await?;
            match pumped {
                Pumped::Moved => {}
                Pumped::Interrupted(Ok((id, decision))) => {
                    let now = net.now();
                    net.driver_mut().decide(now, DecisionId(id), decision);
                }
                Pumped::Interrupted(Err(stop)) => return Ok(stop),
            }
            while let Some(decide) = net.driver_mut().poll_decide() {
                let until =
                    net.driver().epoch() + Duration::from_micros(decide.deadline.as_micros());
                let decision = self.deciding.decide(decide.id.0, decide.question, until);
                if let Some(decision) = decision {
                    let now = net.now();
                    net.driver_mut().decide(now, decide.id, decision);
                }
            }
            while let Some(event) = net.driver_mut().poll_event() {
                tell(&event);
            }
        }
    }

    /// Tells every session that the server stops, and waits until they have it, for a second at most.
    pub async fn stop(self, mut tell: impl FnMut(&Event)) {
        let mut net = self.net;
        net.command(|core, now| core.stop(now, Duration::from_secs(2)));
        let deadline = tokio::time::Instant::now() + STOP;
        while net.driver().connections() > 0 {
            match net.pump_until(tokio::time::sleep_until(deadline)).await {
                Ok(Pumped::Moved) => {}
                Ok(Pumped::Interrupted(())) | Err(_) => break,
            }
            while let Some(event) = net.driver_mut().poll_event() {
                tell(&event);
            }
        }
    }
}
