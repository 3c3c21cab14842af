//! A control connection before its login: greeting, then AUTHENTICATE or RESUME.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;

use super::server::{Happening, Phase, verdict};
use crate::error::Violation;
use crate::id::SessionId;
use crate::io::{Deadline, Timer};
use crate::limits;
use crate::message::session::{Hello, Message as SessionMessage, Method, Welcome};
use crate::message::{Message, Wire, admit};
use crate::seed::Random;
use crate::server::Config;
use crate::service::{Proof, Question};
use crate::table::Verdict;
use crate::time::Instant;
use crate::wire::{Frame, Framer, Params, Sender, Text, Within, reserved_param};

/// The protocol version of this revision.
pub(crate) const VERSION: u16 = 1;

/// A connection that has not logged in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Door {
    pub(crate) framer: Framer,
    phase: Phase,
    pub(crate) opened: Instant,
    /// As WELCOME announced it, in milliseconds.
    pub(crate) heartbeat_ms: u32,
    pub(crate) device: String,
}

/// What RESUME said.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) session: SessionId,
    pub(crate) token: [u8; 32],
    pub(crate) received: u64,
    pub(crate) device: String,
}

/// The token is not shown.
impl core::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Attempt({:?}, {:?})", self.session, self.device)
    }
}

/// What a frame at the door leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing more.
    Stay,
    /// Send this.
    Reply(Bytes),
    /// Ask the service who this is.
    Ask(Question),
    /// Take up a session.
    Resume(Attempt),
    /// The client took its leave.
    Leave,
}

impl Door {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            framer: Framer::new(limits::MAX_FRAME as u32),
            phase: Phase::Greeting,
            opened: now,
            heartbeat_ms: limits::HEARTBEAT.as_millis() as u32,
            device: String::new(),
        }
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::new(self.opened.after(limits::LOGIN), Timer::Login)
    }

    pub(crate) fn frame(
        &mut self,
        frame: &Frame,
        config: &Config,
        random: &mut Random,
    ) -> Result<Step, Violation> {
        let Some(message) = admit(frame, Sender::Client)? else {
            return Ok(Step::Stay);
        };
        let happening = Happening::of(&message);
        match verdict(self.phase, happening).0 {
            Verdict::Go(phase) => self.phase = phase,
            Verdict::Breach(violation) => return Err(violation),
            Verdict::Ignore | Verdict::Refuse(_) | Verdict::Misuse(_) => return Ok(Step::Stay),
        }
        match message {
            Message::Session(SessionMessage::Hello(hello)) => {
                let (heartbeat_ms, welcome) = welcome(&hello, config, random)?;
                self.heartbeat_ms = heartbeat_ms;
                Ok(Step::Reply(welcome))
            }
            Message::Session(SessionMessage::Authenticate(login)) => {
                self.device = login.device.as_str().to_string();
                let credential = Vec::from(login.credential.as_bytes());
                let method = match login.method {
                    Method::Guest => Proof::Guest,
                    Method::Password => Proof::Password(credential),
                    Method::Token => Proof::Token(credential),
                };
                Ok(Step::Ask(Question::Login {
                    method,
                    name: login.name.as_str().to_string(),
                }))
            }
            Message::Session(SessionMessage::Resume(resume)) => Ok(Step::Resume(Attempt {
                session: resume.session,
                token: resume.resume_token,
                received: resume.received,
                device: resume.device.as_str().to_string(),
            })),
            Message::Session(SessionMessage::Goodbye(_)) => Ok(Step::Leave),
            _ => Ok(Step::Stay),
        }
    }
}

/// The answer to HELLO: the interval of heartbeats, in milliseconds, and WELCOME.
pub(crate) fn welcome(
    hello: &Hello<'_>,
    config: &Config,
    random: &mut Random,
) -> Result<(u32, Bytes), Violation> {
    //= SES-004
    if hello.min_version > VERSION || hello.max_version < VERSION {
        return Err(Violation::UnsupportedVersion);
    }
    let heartbeat_ms = hello.heartbeat_ms.value().min(config.heartbeat_ms);
    let dead_after_ms = Within::clamp(heartbeat_ms.saturating_mul(4));
    let reserved = match config.reserved_frames {
        true => reserved_param(random),
        false => Vec::new(),
    };
    //= SES-003
    let welcome = Welcome {
        version: VERSION,
        heartbeat_ms: Within::clamp(heartbeat_ms),
        dead_after_ms,
        resume_window_ms: Within::clamp(config.resume_window.as_millis() as u32),
        max_frame: Within::clamp(limits::MAX_FRAME as u32),
        max_unacknowledged: Within::clamp(limits::MAX_UNACKNOWLEDGED as u32),
        max_rooms: limits::MAX_ROOMS as u8,
        agent: Text::cut(&config.agent),
        params: Params::from_encoded(&reserved).unwrap_or_default(),
    };
    Ok((heartbeat_ms, welcome.encode()))
}
