//! A connection of a service, as the server sees it: greeting, LINK, and whether it may act.

use alloc::string::ToString;

use bytes::Bytes;

use crate::error::Violation;
use crate::io::{ConnId, Deadline, Timer};
use crate::limits;
use crate::message::session::Message as SessionMessage;
use crate::message::{Message, admit};
use crate::seed::Random;
use crate::server::Config;
use crate::service::server::Linker;
use crate::session::Heartbeat;
use crate::session::door::welcome;
use crate::table::{Verdict, table};
use crate::time::Instant;
use crate::wire::{Frame, Framer, Sender};

table! {
    /// A connection of a service, as the server sees it
    "link-server" begins Greeting;
    phases {
        /// Nothing has come yet
        Greeting,
        /// WELCOME was sent
        Identifying,
        /// Linked; another is the active one
        Standby,
        /// Linked, and the active one
        Active,
    }
    events {
        /// HELLO
        Hello,
        /// LINK
        Link,
        /// ACK
        Ack,
        /// PING or PONG
        Heartbeat,
        /// GOODBYE
        Goodbye,
        /// A verdict or a command
        Act,
        /// Any other frame
        Other,
    }
    "SVC-002": Greeting, Hello => go(Identifying);
    "SVC-002": Identifying | Standby | Active, Hello => breach(UnexpectedFrame);
    "SVC-002": Greeting, Link | Ack | Heartbeat | Act => breach(UnexpectedFrame);
    "SVC-003": Identifying, Link => go(Standby);
    "SVC-002": Standby | Active, Link => breach(UnexpectedFrame);
    "SVC-002": Identifying, Ack | Act => breach(UnexpectedFrame);
    "SVC-002": Identifying, Heartbeat => ignore;
    "SVC-002": Standby, Heartbeat => go(Standby);
    "SVC-002": Active, Heartbeat => go(Active);
    "SVC-031": Active, Ack => go(Active);
    "SVC-031": Standby, Ack => breach(UnexpectedFrame);
    "SVC-007": Active, Act => go(Active);
    "SVC-007": Standby, Act => breach(Fenced);
    "SVC-002": Greeting | Identifying | Standby | Active, Other => breach(UnexpectedFrame);
    "SVC-002": Greeting | Identifying | Standby | Active, Goodbye => go(Greeting);
}

impl Happening {
    const fn of(message: &Message<'_>) -> Self {
        use crate::message::service::Message as Service;
        match message {
            Message::Session(SessionMessage::Hello(_)) => Self::Hello,
            Message::Session(SessionMessage::Ack(_)) => Self::Ack,
            Message::Session(SessionMessage::Ping(_) | SessionMessage::Pong(_)) => Self::Heartbeat,
            Message::Session(SessionMessage::Goodbye(_)) => Self::Goodbye,
            Message::Service(Service::Link(_)) => Self::Link,
            Message::Service(_) => Self::Act,
            _ => Self::Other,
        }
    }
}

/// A connection of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) framer: Framer,
    opened: Instant,
    /// As WELCOME announced it, in milliseconds.
    heartbeat_ms: u32,
    greeted: bool,
    /// Once linked.
    pub(crate) heartbeat: Option<Heartbeat>,
}

/// What a frame of a service leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing more.
    Stay,
    /// Send this.
    Reply(Bytes),
    /// Send this sign of life.
    Pong(u64),
    /// Wants to be linked.
    Link { linker: Linker },
    /// Refused: its token is not good.
    BadToken,
    /// Has every entry up to that number.
    Confirm(u64),
    /// A verdict or a command: for the service machine to judge.
    Act,
    /// Takes its leave.
    Leave,
}

/// Who may send a frame of this kind on the link, seen from the server: of the session's area a service sends what a
/// client does.
pub(crate) const fn sender_of(kind: u16) -> Sender {
    match kind >> 8 {
        0x01 => Sender::Client,
        _ => Sender::Service,
    }
}

impl Link {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            framer: Framer::new(limits::MAX_FRAME as u32),
            opened: now,
            heartbeat_ms: limits::HEARTBEAT.as_millis() as u32,
            greeted: false,
            heartbeat: None,
        }
    }

    pub(crate) fn deadline(&self) -> Deadline {
        match &self.heartbeat {
            Some(heartbeat) => heartbeat.deadline(),
            None => Deadline::new(self.opened.after(limits::LOGIN), Timer::Login),
        }
    }

    pub(crate) fn is_linked(&self) -> bool {
        self.heartbeat.is_some()
    }

    /// The service is linked: the heartbeat begins.
    pub(crate) fn linked(&mut self, now: Instant) {
        let interval = core::time::Duration::from_millis(self.heartbeat_ms.into());
        self.heartbeat = Some(Heartbeat::new(now, interval, interval.saturating_mul(4)));
    }

    pub(crate) fn frame(
        &mut self,
        conn: ConnId,
        frame: &Frame,
        is_active: bool,
        config: &Config,
        random: &mut Random,
    ) -> Result<Step, Violation> {
        let Some(message) = admit(frame, sender_of(frame.header.kind))? else {
            return Ok(Step::Stay);
        };
        let phase = match (self.greeted, self.is_linked(), is_active) {
            (false, ..) => Phase::Greeting,
            (true, false, _) => Phase::Identifying,
            (true, true, false) => Phase::Standby,
            (true, true, true) => Phase::Active,
        };
        match verdict(phase, Happening::of(&message)).0 {
            Verdict::Go(_) => {}
            Verdict::Breach(violation) => return Err(violation),
            Verdict::Ignore | Verdict::Refuse(_) | Verdict::Misuse(_) => return Ok(Step::Stay),
        }
        use crate::message::service::Message as Service;
        Ok(match message {
            Message::Session(SessionMessage::Hello(hello)) => {
                let (heartbeat_ms, welcome) = welcome(&hello, config, random)?;
                self.heartbeat_ms = heartbeat_ms;
                self.greeted = true;
                Step::Reply(welcome)
            }
            Message::Session(SessionMessage::Ack(ack)) => Step::Confirm(ack.received),
            Message::Session(SessionMessage::Ping(ping)) => Step::Pong(ping.token),
            Message::Session(SessionMessage::Goodbye(_)) => Step::Leave,
            Message::Service(Service::Link(link)) => {
                let tokens = config.link.as_ref();
                match tokens.and_then(|tokens| tokens.permissions(link.token.as_bytes())) {
                    //= SVC-003
                    Some(allowed) => Step::Link {
                        linker: Linker {
                            conn,
                            name: link.name.as_str().to_string(),
                            permissions: link.permissions.and(allowed),
                            last_epoch: link.last_epoch,
                            last_number: link.last_number,
                        },
                    },
                    None => Step::BadToken,
                }
            }
            Message::Service(_) => Step::Act,
            _ => Step::Stay,
        })
    }
}
