//! A client's links: how one comes up, how it goes, and what goes with it.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::event::Event;
use super::media::MediaLink;
use super::{Asked, Client};
use crate::code::Code;
use crate::error::{EndReason, Initiator, Violation};
use crate::io::{Cause, ConnId, Output, Purpose, StreamId};
use crate::limits;
use crate::message::Wire;
use crate::message::media::Attach;
use crate::message::session::{Goodbye, Hello, Retry};
use crate::session::client::{Link, Up};
use crate::session::door::VERSION;
use crate::session::{Heartbeat, client as link};
use crate::wire::{Framer, Params, Text, Within, reserved_param};

impl Client {
    pub(super) fn draw_conn(&mut self) -> ConnId {
        self.next_conn = self.next_conn.saturating_add(1);
        ConnId(self.next_conn)
    }

    pub(super) fn connect(&mut self) {
        let conn = self.draw_conn();
        self.link = Link::Connecting { conn };
        let endpoint = String::new();
        self.outputs.push_back(Output::Connect {
            conn,
            purpose: Purpose::Control,
            endpoint,
        });
    }

    pub(super) fn control_connected(&mut self, conn: ConnId) {
        if !matches!(self.link, Link::Connecting { conn: wanted } if wanted == conn) {
            return;
        }
        let interval = Duration::from_millis(self.config.heartbeat_ms.into());
        self.link = Link::Up(Up {
            conn,
            framer: Framer::new(limits::MAX_FRAME as u32),
            phase: link::Phase::Greeting,
            heartbeat: Heartbeat::new(self.now, interval, interval.saturating_mul(4)),
        });
        self.outputs.push_back(Output::Open {
            conn,
            id: StreamId::FIRST_OF_CLIENT,
        });
        let reserved = match self.config.reserved_frames {
            true => reserved_param(&mut self.random),
            false => Vec::new(),
        };
        let hello = Hello {
            min_version: VERSION,
            max_version: VERSION,
            heartbeat_ms: Within::clamp(self.config.heartbeat_ms),
            agent: Text::cut(&self.config.agent),
            //= WIRE-011
            params: Params::from_encoded(&reserved).unwrap_or_default(),
        }
        .encode();
        self.write(conn, hello);
    }

    pub(super) fn media_connected(&mut self, conn: ConnId) {
        if let MediaLink::Opening {
            conn: wanted,
            token,
            ..
        } = &self.media.link
            && *wanted == conn
        {
            let attach = Attach {
                token: *token,
                params: Params::NONE,
            }
            .encode();
            let id = StreamId::FIRST_OF_CLIENT;
            self.outputs.push_back(Output::Open { conn, id });
            self.outputs.push_back(Output::Write {
                conn,
                id,
                bytes: attach,
                fin: false,
            });
        }
    }

    pub(super) fn say_goodbye(&mut self, conn: ConnId, code: Code) {
        let goodbye = Goodbye {
            code,
            retry: Retry::Never,
            after_ms: 0,
            text: Text::default(),
            params: Params::NONE,
        };
        self.write(conn, goodbye.encode());
        self.outputs.push_back(Output::Close { conn, code });
    }

    /// The server broke a rule: this side ends the session, and does not come back by itself.
    pub(super) fn breach(&mut self, conn: ConnId, violation: Violation) {
        self.say_goodbye(conn, violation.code());
        self.link = Link::Idle;
        self.credentials = None;
        self.lose_session(EndReason::new(violation.code(), Initiator::Local), false);
    }

    /// The control link is gone, the session is not.
    pub(super) fn lose_link(&mut self, wait: Option<Duration>) {
        if self.credentials.is_none() {
            self.link = Link::Idle;
            return;
        }
        let draw = self.random.u64();
        let wait = wait.unwrap_or_else(|| self.backoff.next(draw));
        let was_online = matches!(&self.link, Link::Up(up) if up.phase == link::Phase::Online);
        self.link = Link::Waiting {
            until: self.now.after(wait),
        };
        if self.session.is_some() && was_online {
            self.events.push_back(Event::Suspended);
        }
    }

    /// The session is gone, and with it all that hung on it.
    pub(super) fn lose_session(&mut self, reason: EndReason, returning: bool) {
        self.session = None;
        //= SES-020
        for (request, asked) in core::mem::take(&mut self.requests) {
            match asked {
                Asked::Ticket => continue,
                // Nobody but this client knows of that request: the next session makes it anew.
                Asked::Join(wish) if wish.again && returning => {
                    self.reentry.push(wish);
                    continue;
                }
                _ => {}
            }
            self.events.push_back(Event::Answer {
                request,
                code: Code::UNDETERMINED,
                number: 0,
            });
        }
        while let Some(call) = self.calls.keys().next().copied() {
            self.end_call(call, EndReason::new(Code::LOST, Initiator::Network), None);
        }
        self.waiting.clear();
        self.lose_transfers();
        self.streams.clear();
        self.drop_media();
        if !returning {
            self.reentry.clear();
            self.rooms.clear();
        }
        self.events
            .push_back(Event::LoggedOut { reason, returning });
    }

    pub(super) fn drop_media(&mut self) {
        self.media.clear();
        if let Some(conn) = self.media.conn() {
            self.outputs.push_back(Output::Close {
                conn,
                code: Code::NONE,
            });
            self.media.link = MediaLink::None;
        }
    }

    pub(super) fn closed(&mut self, conn: ConnId, cause: &Cause) {
        let is_control = match &self.link {
            Link::Connecting { conn: own } => *own == conn,
            Link::Up(up) => up.conn == conn,
            Link::Idle | Link::Waiting { .. } => false,
        };
        if is_control {
            if self.session.is_none()
                && let Cause::Failed(_) = cause
            {
                // Nobody has logged in yet: the application hears of each failed attempt.
                let reason = EndReason::new(Code::DEAD_LINK, Initiator::Network);
                self.events.push_back(Event::LoggedOut {
                    reason,
                    returning: true,
                });
            }
            return self.lose_link(None);
        }
        if self.media.conn() == Some(conn) {
            let was_up = self.media.is_up();
            match cause {
                // Nothing used it; a ticket is asked for once something does.
                Cause::Peer(Code::IDLE) if !self.media.has_flows() => {
                    self.media.link = MediaLink::None;
                }
                _ => self.media.lost(self.now),
            }
            if was_up {
                self.events.push_back(Event::MediaLink { up: false });
            }
        }
    }
}
