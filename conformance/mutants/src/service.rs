//! The reference's service, for the suite to judge: it lets guests in and everything happen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use duet_protocol::code::Code;
use duet_protocol::id::UserId;
use duet_protocol::seed::Seed;
use duet_protocol::service::client::{Config, Event, Service};
use duet_protocol::service::{Decision, Question};
use duet_protocol::time::Instant;
use duet_quic::{ClientSettings, Driver, Loop, Pumped, Trust, UdpSocket};
use tokio::sync::oneshot;

/// A service in a thread of its own; it ends with this.
#[derive(Debug)]
pub struct RunningService {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for RunningService {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn decide(question: &Question) -> Decision {
    match question {
        Question::Login { name, .. } => Decision::User {
            user: UserId(1),
            name: name.clone(),
            contacts: Vec::new(),
        },
        Question::Lookup { .. } => Decision::Deny(Code::NOT_FOUND),
        Question::Join { .. } | Question::Call { .. } | Question::Contact { .. } => Decision::Allow,
    }
}

/// Starts it: a service of the server at that address, whose certificate this is, with this token.
pub fn start(server: SocketAddr, ca: String, token: String) -> RunningService {
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        let done = async { drop(stopped.await) };
        if let Err(error) = runtime.block_on(serve(server, ca, token, done)) {
            eprintln!("service: {error}");
        }
    });
    RunningService {
        stop: Some(stop),
        thread: Some(thread),
    }
}

async fn serve(
    server: SocketAddr,
    ca: String,
    token: String,
    until: impl Future<Output = ()>,
) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    // Nothing here is worth guessing; two services of one port do not live at once.
    let seed = [server.port() as u8; 32];
    let config = Arc::new(Config::new("judged", token));
    let core = Service::new(config, Seed(seed), Instant::EPOCH);
    let settings = ClientSettings {
        server,
        server_name: "127.0.0.1".to_owned(),
        trust: Trust::Roots(ca.into_bytes()),
    };
    let driver = Driver::client(settings, core, seed, std::time::Instant::now());
    let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into()).map_err(|error| told(&error))?;
    let mut net = Loop::new(driver.map_err(|error| told(&error))?, socket);
    net.command(Service::start);
    let mut until = std::pin::pin!(until);
    loop {
        let pumped = net.pump_until(&mut until).await;
        if let Pumped::Interrupted(()) = pumped.map_err(|error| told(&error))? {
            return Ok(());
        }
        while let Some(event) = net.driver_mut().poll_event() {
            if let Event::Question { question, what, .. } = event {
                let decision = decide(&what);
                // The link may have been lost in between: then nobody waits for the answer.
                let _ = net.command(|core, now| core.answer(now, question, decision));
            }
        }
    }
}
