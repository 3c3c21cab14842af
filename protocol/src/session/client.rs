//! A session as the client keeps it: what it knows of itself, and the link that carries it.

use core::time::Duration;

use super::heartbeat::Heartbeat;
use super::sequence::Sequence;
use crate::id::SessionId;
use crate::io::ConnId;
use crate::limits;
use crate::message::Message;
use crate::message::session::{Message as SessionMessage, Welcome};
use crate::table::table;
use crate::time::Instant;
use crate::wire::Framer;

table! {
    /// A control connection, as the client sees it
    "session-client" begins Greeting;
    phases {
        /// HELLO was sent
        Greeting,
        /// AUTHENTICATE was sent
        Authenticating,
        /// RESUME was sent
        Resuming,
        /// Logged in, or resumed
        Online,
    }
    events {
        /// WELCOME
        Welcome,
        /// AUTHENTICATED
        Authenticated,
        /// RESUMED
        Resumed,
        /// ACK
        Ack,
        /// PING or PONG
        Heartbeat,
        /// GOODBYE
        Goodbye,
        /// Any frame of a session beyond these
        Other,
    }
    "SES-003": Greeting, Welcome => go(Greeting);
    "SES-003": Authenticating | Resuming | Online, Welcome => breach(UnexpectedFrame);
    "SES-006": Authenticating, Authenticated => go(Online);
    "SES-002": Greeting | Resuming | Online, Authenticated => breach(UnexpectedFrame);
    "SES-008": Resuming, Resumed => go(Online);
    "SES-002": Greeting | Authenticating | Online, Resumed => breach(UnexpectedFrame);
    "SES-010": Online, Ack => go(Online);
    "SES-002": Greeting | Authenticating | Resuming, Ack | Other => breach(UnexpectedFrame);
    "SES-014": Greeting | Authenticating | Resuming, Heartbeat => ignore;
    "SES-014": Online, Heartbeat => go(Online);
    "SES-015": Greeting | Authenticating | Resuming | Online, Goodbye => go(Greeting);
    "SES-016": Online, Other => go(Online);
}

impl Happening {
    pub(crate) const fn of(message: &Message<'_>) -> Self {
        match message {
            Message::Session(SessionMessage::Welcome(_)) => Self::Welcome,
            Message::Session(SessionMessage::Authenticated(_)) => Self::Authenticated,
            Message::Session(SessionMessage::Resumed(_)) => Self::Resumed,
            Message::Session(SessionMessage::Ack(_)) => Self::Ack,
            Message::Session(SessionMessage::Ping(_) | SessionMessage::Pong(_)) => Self::Heartbeat,
            Message::Session(SessionMessage::Goodbye(_)) => Self::Goodbye,
            _ => Self::Other,
        }
    }
}

/// What WELCOME announced that the client has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Announced {
    pub(crate) max_frame: usize,
    pub(crate) max_unacknowledged: usize,
    pub(crate) max_rooms: usize,
}

impl Default for Announced {
    fn default() -> Self {
        Self {
            max_frame: limits::MAX_FRAME,
            max_unacknowledged: limits::MAX_UNACKNOWLEDGED,
            max_rooms: limits::MAX_ROOMS,
        }
    }
}

impl From<&Welcome<'_>> for Announced {
    fn from(welcome: &Welcome<'_>) -> Self {
        Self {
            max_frame: welcome.max_frame.value() as usize,
            max_unacknowledged: welcome.max_unacknowledged.value() as usize,
            max_rooms: welcome.max_rooms.into(),
        }
    }
}

/// What the client knows of its session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) resume_token: [u8; 32],
    pub(crate) sequence: Sequence,
}

/// The control connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Link {
    /// None, and none wanted.
    Idle,
    /// None; another attempt at that time.
    Waiting { until: Instant },
    /// Being established.
    Connecting { conn: ConnId },
    /// There.
    Up(Up),
}

/// An established control connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Up {
    pub(crate) conn: ConnId,
    pub(crate) framer: Framer,
    pub(crate) phase: Phase,
    pub(crate) heartbeat: Heartbeat,
}

/// Waiting times between attempts: twice as long each time, with jitter, up to five seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The next wait; `draw` is any random number.
    pub(crate) fn next(&mut self, draw: u64) -> Duration {
        let doubled =
            Self::FIRST.saturating_mul(1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX));
        self.attempts = self.attempts.saturating_add(1).min(16);
        let base = doubled.min(Self::LONGEST);
        let jitter = draw.checked_rem(base.as_micros() as u64).unwrap_or(0);
        base.saturating_add(Duration::from_micros(jitter))
            .min(Self::LONGEST)
    }
}
