//! What the server's frames mean to a client.

mod calls;
mod streams;

use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;

use super::event::Event;
use super::media::MediaLink;
use super::{Asked, Client, Credentials};
use crate::call::client::Phase as CallPhase;
use crate::code::Code;
use crate::error::{EndReason, Initiator, Violation};
use crate::id::{RequestId, UserId};
use crate::io::{ConnId, Output, StreamId};
use crate::message::session::{Authenticate, Method, Resume, Retry};
use crate::message::{Message, Wire, admit, channel, directory, is_sequenced, media, session};
use crate::room::client::Wish;
use crate::session::Heartbeat;
use crate::session::Sequence;
use crate::session::client::{Announced, Happening, Link, Phase, Session, verdict};
use crate::session::door::VERSION;
use crate::table::Verdict;
use crate::wire::{Frame, Params, Secret, Sender, Text, reserved_frame};

impl Client {
    pub(super) fn stream(&mut self, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        if let MediaLink::Opening {
            conn: own, framer, ..
        } = &mut self.media.link
            && *own == conn
        {
            framer.push(bytes);
            return self.attached();
        }
        let Link::Up(up) = &mut self.link else { return };
        if up.conn != conn {
            return;
        }
        if id != StreamId::FIRST_OF_CLIENT {
            if let Err(violation) = self.other_stream(conn, id, bytes, fin) {
                self.breach(conn, violation);
            }
            return;
        }
        up.framer.push(bytes);
        loop {
            let Link::Up(up) = &mut self.link else { return };
            if up.conn != conn {
                return;
            }
            up.heartbeat.heard(self.now);
            match up.framer.next_frame() {
                Ok(Some(frame)) => {
                    if let Err(violation) = self.frame(conn, &frame) {
                        return self.breach(conn, violation);
                    }
                    //= SES-032
                    if self.is_overdrawn() {
                        return self.breach(conn, Violation::Overdrawn);
                    }
                }
                Ok(None) => break,
                Err(error) => return self.breach(conn, error.into()),
            }
        }
        if fin && matches!(&self.link, Link::Up(up) if up.conn == conn) {
            self.outputs.push_back(Output::Close {
                conn,
                code: Code::STREAM_ENDED,
            });
            self.lose_link(None);
        }
    }

    /// The media connection's first stream said something.
    fn attached(&mut self) {
        loop {
            let MediaLink::Opening { conn, framer, .. } = &mut self.media.link else {
                return;
            };
            let conn = *conn;
            let read = match framer.next_frame() {
                Ok(Some(frame)) => match admit(&frame, Sender::Server) {
                    Ok(Some(Message::Media(media::Message::Attached(_)))) => Ok(true),
                    // A frame to skip, before ATTACHED.
                    Ok(None) => Ok(false),
                    Ok(Some(_)) => Err(Violation::UnexpectedFrame),
                    Err(violation) => Err(violation),
                },
                Ok(None) => return,
                Err(error) => Err(error.into()),
            };
            match read {
                Ok(true) => {
                    self.media.link = MediaLink::Up { conn };
                    self.media.hop.reconnected(self.now);
                    self.events.push_back(Event::MediaLink { up: true });
                }
                Ok(false) => {}
                Err(violation) => {
                    let code = violation.code();
                    self.outputs.push_back(Output::Close { conn, code });
                    self.media.lost(self.now);
                }
            }
        }
    }

    fn frame(&mut self, conn: ConnId, frame: &Frame) -> Result<(), Violation> {
        if is_sequenced(&frame.header) {
            //= SES-011
            match &mut self.session {
                Some(session) => session.sequence.receive(),
                None => return Err(Violation::UnexpectedFrame),
            }
        }
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
            Message::Session(message) => self.session_frame(conn, message),
            Message::Directory(message) => self.directory_frame(&message),
            Message::Room(message) => self.room_frame(&message),
            Message::Channel(message) => {
                self.channel_frame(frame, message);
                Ok(())
            }
            Message::Transfer(message) => self.transfer_frame(message),
            Message::Call(message) => self.call_frame(message),
            Message::Media(message) => {
                self.media_frame(message);
                Ok(())
            }
            Message::Service(_) => Err(Violation::UnexpectedFrame),
        }
    }

    fn directory_frame(&mut self, message: &directory::Message<'_>) -> Result<(), Violation> {
        let event = match message {
            directory::Message::Found(found) => {
                let (request, user) = (found.request, found.user);
                self.requests.remove(&request);
                let name = found.name.as_str().to_string();
                Event::Found {
                    request,
                    user,
                    name,
                }
            }
            directory::Message::Contacts(contacts) => {
                let entries = self.people.replace(contacts);
                Event::Contacts { entries }
            }
            directory::Message::Contact(contact) => {
                let entry = self.people.change(&contact.entry);
                //= SES-032
                let entry = entry.ok_or(Violation::UnexpectedFrame)?;
                Event::Contact { entry }
            }
            directory::Message::Presence(presence) => {
                if !self.people.hear(presence) {
                    return Ok(());
                }
                Event::Presence {
                    user: presence.user,
                    availability: presence.availability,
                    text: presence.text.as_str().to_string(),
                    since: presence.since,
                }
            }
            directory::Message::Lookup(_)
            | directory::Message::ContactSet(_)
            | directory::Message::PresenceSet(_) => return Err(Violation::UnexpectedFrame),
        };
        self.events.push_back(event);
        Ok(())
    }

    fn session_frame(
        &mut self,
        conn: ConnId,
        message: session::Message<'_>,
    ) -> Result<(), Violation> {
        match message {
            session::Message::Welcome(welcome) => {
                if welcome.version != VERSION {
                    return Err(Violation::UnsupportedVersion);
                }
                let millis = |n: u32| core::time::Duration::from_millis(n.into());
                if let Link::Up(up) = &mut self.link {
                    let (interval, dead) =
                        (welcome.heartbeat_ms.value(), welcome.dead_after_ms.value());
                    up.heartbeat = Heartbeat::new(self.now, millis(interval), millis(dead));
                }
                self.announced = Announced::from(&welcome);
                self.identify(conn);
            }
            session::Message::Authenticated(welcome) => {
                let name = welcome.name.as_str().to_string();
                self.backoff.reset();
                self.session = Some(Session {
                    id: welcome.session,
                    resume_token: welcome.resume_token,
                    sequence: Sequence::default(),
                });
                let (user, session) = (welcome.user, welcome.session);
                self.events.push_back(Event::LoggedIn {
                    user,
                    session,
                    name,
                });
                self.people.began(user);
                self.state_presence();
                self.rejoin();
                self.maybe_reserved();
            }
            session::Message::Resumed(resumed) => {
                self.backoff.reset();
                let Some(session) = &mut self.session else {
                    return Err(Violation::UnexpectedFrame);
                };
                session.sequence.acknowledge(resumed.received)?;
                session.resume_token = resumed.resume_token;
                //= SES-024
                let again: Vec<Bytes> = session.sequence.unacknowledged().cloned().collect();
                for frame in again {
                    self.write(conn, frame);
                }
                self.resume_transfers();
                self.events.push_back(Event::Resumed);
            }
            session::Message::Ack(ack) => {
                if let Some(session) = &mut self.session {
                    session.sequence.acknowledge(ack.received)?;
                }
            }
            session::Message::Ping(ping) => {
                let pong = session::Pong {
                    token: ping.token,
                    params: Params::NONE,
                };
                self.write(conn, pong.encode());
            }
            session::Message::Pong(_) => {}
            session::Message::Goodbye(goodbye) => self.dismissed(conn, &goodbye),
            session::Message::Outcome(outcome) => {
                self.outcome(outcome.request, outcome.code, outcome.number);
            }
            session::Message::Hello(_)
            | session::Message::Authenticate(_)
            | session::Message::Resume(_) => return Err(Violation::UnexpectedFrame),
        }
        Ok(())
    }

    /// RESUME where there is a session, AUTHENTICATE where there is none.
    fn identify(&mut self, conn: ConnId) {
        let (phase, frame) = match (&self.session, &self.credentials) {
            (Some(known), _) => {
                let (session, resume_token) = (known.id, known.resume_token);
                let received = known.sequence.received();
                let resume = Resume {
                    session,
                    resume_token,
                    received,
                    device: Text::cut(&self.config.device),
                    params: Params::NONE,
                };
                (Phase::Resuming, resume.encode())
            }
            (None, Some(credentials)) => {
                let (method, name, credential) = match credentials {
                    Credentials::Guest(name) => (Method::Guest, name.as_str(), ""),
                    Credentials::Password { name, password } => {
                        (Method::Password, name.as_str(), password.as_str())
                    }
                };
                let login = Authenticate {
                    method,
                    name: Text::cut(name),
                    credential: Secret::new(credential.as_bytes()).unwrap_or_default(),
                    device: Text::cut(&self.config.device),
                    params: Params::NONE,
                };
                (Phase::Authenticating, login.encode())
            }
            (None, None) => return,
        };
        if let Link::Up(up) = &mut self.link {
            up.phase = phase;
        }
        self.write(conn, frame);
    }

    /// A frame that means nothing, so that no server comes to rely on there being none.
    pub(super) fn maybe_reserved(&mut self) {
        //= WIRE-011
        if self.config.reserved_frames && self.random.below(2) == 0 {
            let frame = reserved_frame(&mut self.random, true);
            self.send(frame);
        }
    }

    /// Says again what the application stated of its presence.
    fn state_presence(&mut self) {
        //= DIR-028
        if let Some((availability, text)) = self.people.wish.clone() {
            let request = self.number(Asked::Presence);
            let presence = directory::PresenceSet {
                request,
                availability,
                text: Text::cut(&text),
                params: Params::NONE,
            };
            self.send(presence.encode());
        }
    }

    fn dismissed(&mut self, conn: ConnId, goodbye: &session::Goodbye<'_>) {
        self.outputs.push_back(Output::Close {
            conn,
            code: Code::NONE,
        });
        let returning = goodbye.retry != Retry::Never;
        let reason = EndReason::new(goodbye.code, Initiator::Peer);
        if !returning {
            self.credentials = None;
        }
        let wait = match goodbye.retry {
            Retry::After => Some(core::time::Duration::from_millis(goodbye.after_ms.into())),
            Retry::Now | Retry::Never => None,
        };
        if let Link::Up(up) = &mut self.link {
            up.phase = Phase::Greeting;
        }
        self.lose_session(reason, returning);
        self.lose_link(wait);
    }

    fn outcome(&mut self, request: RequestId, code: Code, number: u64) {
        self.waiting.retain(|_, waits| *waits != request);
        match self.requests.remove(&request) {
            Some(Asked::Leave(room)) => {
                // It may have been let in while it gave up.
                self.forget_room(room);
                self.events.push_back(Event::Answer {
                    request,
                    code,
                    number,
                });
            }
            Some(Asked::Join(Wish { for_call: true, .. })) => {
                let joining = self
                    .calls
                    .values()
                    .find(|call| call.phase == CallPhase::Joining);
                if let Some(call) = joining.map(|call| call.id) {
                    self.end_call(call, EndReason::new(Code::LOST, Initiator::Peer), None);
                }
            }
            Some(Asked::Ticket) | None => {}
            Some(Asked::Presence) if code == Code::DELIVERED => {}
            Some(Asked::Offer(transfer)) => {
                self.events.push_back(Event::Answer {
                    request,
                    code,
                    number,
                });
                if code != Code::DELIVERED {
                    self.end_transfer(transfer, EndReason::new(code, Initiator::Peer));
                }
            }
            Some(_) => self.events.push_back(Event::Answer {
                request,
                code,
                number,
            }),
        }
    }

    fn channel_frame(&mut self, frame: &Frame, message: channel::Message<'_>) {
        let event = match message {
            channel::Message::TextFrom(m) => Event::Text {
                to: m.to,
                user: m.user,
                session: m.session,
                number: m.number,
                time: m.time,
                mention: (m.mention != UserId(0)).then_some(m.mention),
                text: m.text.as_str().to_string(),
            },
            channel::Message::DataFrom(m) => Event::Data {
                to: m.to,
                user: m.user,
                session: m.session,
                number: m.number,
                time: m.time,
                data: crate::channel::slice_of_data(&frame.body, m.data.as_bytes()),
            },
            channel::Message::ReceiptFrom(m) => Event::Receipt {
                conversation: m.conversation,
                number: m.number,
                user: m.user,
                session: m.session,
            },
            channel::Message::TextTo(_)
            | channel::Message::DataTo(_)
            | channel::Message::ReceiptTo(_) => return,
        };
        self.events.push_back(event);
    }
}
