//! What comes from the server.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::{Event, Happening, Incident, Link, Service, SessionInfo, State, verdict};
use crate::code::Code;
use crate::error::{EndReason, Initiator, Violation};
use crate::io::{ConnId, Output, StreamId};
use crate::message::service::{self, More, Resync, Snapshot, Standing};
use crate::message::session::{self, Method, Pong, Retry};
use crate::message::{Message, Wire, admit};
use crate::service::{Contact, Proof, Question};
use crate::table::Verdict;
use crate::time::Instant;
use crate::wire::{Frame, Params, Secret, Sender, Text};

impl Happening {
    const fn of(message: &Message<'_>) -> Self {
        use service::Message as M;
        match message {
            Message::Session(session::Message::Welcome(_)) => Self::Welcome,
            Message::Session(session::Message::Ping(_) | session::Message::Pong(_)) => {
                Self::Heartbeat
            }
            Message::Session(session::Message::Goodbye(_)) => Self::Goodbye,
            Message::Service(M::Linked(_)) => Self::Linked,
            Message::Service(M::Activated(m)) => match m.resync {
                Resync::Replay => Self::Replay,
                Resync::Snapshot => Self::Activated,
            },
            Message::Service(M::Snapshot(m)) => match m.more {
                More::More => Self::Part,
                More::Last => Self::LastPart,
            },
            Message::Service(M::Happened(_) | M::Addressed(_) | M::Done(_)) => Self::Entry,
            Message::Service(
                M::DecideLogin(_)
                | M::DecideLookup(_)
                | M::DecideJoin(_)
                | M::DecideCall(_)
                | M::DecideContact(_),
            ) => Self::Question,
            _ => Self::Other,
        }
    }
}

impl Service {
    pub(super) fn stream(&mut self, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        match &mut self.link {
            Link::Up(up) if up.conn == conn => {
                if id != StreamId::FIRST_OF_CLIENT {
                    return self.breach(conn, Violation::UnexpectedStream);
                }
                up.framer.push(bytes);
            }
            _ => return,
        }
        loop {
            let Link::Up(up) = &mut self.link else { return };
            if up.conn != conn {
                return;
            }
            up.heartbeat.heard(self.now);
            let result = match up.framer.next_frame() {
                Ok(Some(frame)) => self.frame(conn, &frame),
                Ok(None) => break,
                Err(error) => Err(error.into()),
            };
            if let Err(violation) = result {
                return self.breach(conn, violation);
            }
        }
        if fin && matches!(&self.link, Link::Up(up) if up.conn == conn) {
            let code = Code::STREAM_ENDED;
            self.outputs.push_back(Output::Close { conn, code });
            self.lost(EndReason::new(code, Initiator::Peer));
        }
    }

    fn frame(&mut self, conn: ConnId, frame: &Frame) -> Result<(), Violation> {
        let Some(message) = admit(frame, Sender::Server)? else {
            return Ok(());
        };
        let Link::Up(up) = &mut self.link else {
            return Ok(());
        };
        match verdict(up.phase, Happening::of(&message)).0 {
            Verdict::Go(phase) => up.phase = phase,
            Verdict::Breach(violation) => return Err(violation),
            Verdict::Ignore | Verdict::Refuse(_) | Verdict::Misuse(_) => return Ok(()),
        }
        match message {
            Message::Session(message) => self.session_frame(conn, &message),
            Message::Service(message) => self.service_frame(frame, message)?,
            _ => return Err(Violation::UnexpectedFrame),
        }
        Ok(())
    }

    fn session_frame(&mut self, conn: ConnId, message: &session::Message<'_>) {
        match message {
            session::Message::Welcome(welcome) => {
                let interval = Duration::from_millis(welcome.heartbeat_ms.value().into());
                let dead = Duration::from_millis(welcome.dead_after_ms.value().into());
                if let Link::Up(up) = &mut self.link {
                    up.heartbeat = crate::session::Heartbeat::new(self.now, interval, dead);
                }
                let config = self.config.clone();
                let link = service::Link {
                    name: Text::cut(&config.name),
                    token: Secret::new(&config.token).unwrap_or_default(),
                    permissions: config.permissions,
                    last_epoch: self.epoch,
                    last_number: self.number,
                    params: Params::NONE,
                };
                self.write(conn, link.encode());
            }
            session::Message::Ping(ping) => {
                let (token, params) = (ping.token, Params::NONE);
                self.write(conn, Pong { token, params }.encode());
            }
            session::Message::Goodbye(goodbye) => {
                let code = Code::NONE;
                self.outputs.push_back(Output::Close { conn, code });
                let reason = EndReason::new(goodbye.code, Initiator::Peer);
                match goodbye.retry {
                    Retry::Never => {
                        self.standing = None;
                        self.down(reason, None);
                    }
                    Retry::Now => self.lost(reason),
                    Retry::After => {
                        let wait = Duration::from_millis(goodbye.after_ms.into());
                        self.down(reason, Some(wait));
                    }
                }
            }
            _ => {}
        }
    }

    fn service_frame(
        &mut self,
        frame: &Frame,
        message: service::Message<'_>,
    ) -> Result<(), Violation> {
        use service::Message as M;
        match message {
            M::Linked(m) => {
                self.backoff.reset();
                self.standing = Some(m.standing);
                if m.standing == Standing::Standby {
                    //= SVC-047
                    self.give_up_commands();
                }
                let (standing, permissions) = (m.standing, m.permissions);
                self.event(Event::Linked {
                    standing,
                    permissions,
                });
            }
            M::Activated(m) => {
                let last_epoch = core::mem::replace(&mut self.epoch, m.epoch);
                self.standing = Some(Standing::Active);
                self.number = m.number;
                let replay = m.resync == Resync::Replay;
                if !replay {
                    self.snapshot = Some(State::default());
                }
                self.event(Event::Activated { epoch: m.epoch });
                self.sort_commands(last_epoch, m.taken, replay);
            }
            M::Snapshot(part) => self.part(&part)?,
            M::Happened(m) => {
                self.follow(m.number)?;
                self.event(Event::Happened(Incident {
                    number: m.number,
                    time: m.time,
                    kind: m.kind,
                    user: m.user,
                    peer: m.peer,
                    session: m.session,
                    room: m.room,
                    call: m.call,
                    code: m.code,
                    length_ms: m.length_ms,
                    name: m.name.as_str().to_string(),
                }));
            }
            M::Addressed(m) => {
                self.follow(m.number)?;
                let data = match m.data.as_bytes() {
                    [] => Bytes::new(),
                    data => frame.body.slice_ref(data),
                };
                let (user, session, time) = (m.user, m.session, m.time);
                self.event(Event::Addressed {
                    user,
                    session,
                    time,
                    data,
                });
            }
            M::Done(m) => {
                self.follow(m.number)?;
                if self.was_sent_in(m.request, m.epoch) {
                    self.done(m.request, m.code, m.room, m.ticket.as_bytes());
                }
            }
            M::DecideLogin(m) => {
                let credential = Vec::from(m.credential.as_bytes());
                let method = match m.method {
                    Method::Guest => Proof::Guest,
                    Method::Password => Proof::Password(credential),
                    Method::Token => Proof::Token(credential),
                };
                let name = m.name.as_str().to_string();
                self.asked(m.question, m.within_ms, Question::Login { method, name });
            }
            M::DecideLookup(m) => {
                let (user, name) = (m.user, m.name.as_str().to_string());
                self.asked(m.question, m.within_ms, Question::Lookup { user, name });
            }
            M::DecideJoin(m) => {
                let (user, room, name) = (m.user, m.room, m.name.as_str().to_string());
                self.asked(m.question, m.within_ms, Question::Join { user, room, name });
            }
            M::DecideCall(m) => {
                let (call, caller, callee, media) = (m.call, m.caller, m.callee, m.media);
                let what = Question::Call {
                    call,
                    caller,
                    callee,
                    media,
                };
                self.asked(m.question, m.within_ms, what);
            }
            M::DecideContact(m) => {
                let (user, entry) = (m.user, Contact::of(&m.entry));
                self.asked(m.question, m.within_ms, Question::Contact { user, entry });
            }
            M::Link(_)
            | M::Verdict(_)
            | M::VerdictUser(_)
            | M::Push(_)
            | M::RoomCreate(_)
            | M::RoomTicket(_)
            | M::RoomClose(_)
            | M::RoomKick(_)
            | M::SessionEnd(_)
            | M::CallEnd(_) => return Err(Violation::UnexpectedFrame),
        }
        Ok(())
    }

    fn asked(&mut self, question: u64, within_ms: u32, what: Question) {
        let deadline: Instant = self.now.after(Duration::from_millis(within_ms.into()));
        self.questions.insert(question, (deadline, what.clone()));
        self.event(Event::Question {
            question,
            deadline,
            what,
        });
    }

    /// Takes an entry's number.
    fn follow(&mut self, number: u64) -> Result<(), Violation> {
        //= SVC-021
        if number <= self.number {
            return Err(Violation::OutOfOrder);
        }
        self.number = number;
        self.owes_ack = true;
        Ok(())
    }

    fn part(&mut self, part: &Snapshot<'_>) -> Result<(), Violation> {
        let Some(state) = &mut self.snapshot else {
            return Err(Violation::UnexpectedFrame);
        };
        //= SVC-024
        if part.part != state.parts || part.number != self.number {
            return Err(Violation::OutOfOrder);
        }
        state.parts = state.parts.saturating_add(1);
        state.number = part.number;
        let sessions = part.sessions.iter().map(|entry| SessionInfo {
            session: entry.session,
            user: entry.user,
            suspended: entry.suspended != 0,
            name: entry.name.as_str().to_string(),
        });
        state.sessions.extend(sessions);
        let rooms = part.rooms.iter();
        state
            .rooms
            .extend(rooms.map(|entry| (entry.room, entry.name.as_str().to_string())));
        state.members.extend(part.members.iter());
        state.calls.extend(part.calls.iter());
        if part.more == More::Last
            && let Some(state) = self.snapshot.take()
        {
            self.owes_ack = true;
            self.event(Event::Snapshot(state));
        }
        Ok(())
    }
}
