//! What the server's frames mean to a client.

use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;

use super::event::{Event, StreamDescription};
use super::media::{MediaLink, Scope};
use super::{Asked, Client, Credentials};
use crate::call::client::{
    Call, Happening as CallHappening, Phase as CallPhase, verdict as call_verdict,
};
use crate::code::Code;
use crate::error::{EndReason, Initiator, Violation};
use crate::id::{RequestId, RoomId, StreamNumber, UserId};
use crate::io::{ConnId, Output, Purpose, StreamId};
use crate::limits;
use crate::message::media::State;
use crate::message::session::{Authenticate, Method, Resume, Retry};
use crate::message::{
    Message, Wire, admit, call, channel, directory, is_sequenced, media, room, session,
};
use crate::room::client::Wish;
use crate::session::Heartbeat;
use crate::session::Sequence;
use crate::session::client::{Announced, Happening, Link, Phase, Session, verdict};
use crate::session::door::VERSION;
use crate::table::Verdict;
use crate::wire::{Frame, Framer, Opaque, Params, Secret, Sender, Text, reserved_frame};

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

    pub(super) fn call_of_room(&self, room: RoomId) -> Option<&Call> {
        self.calls.values().find(|call| call.room == Some(room))
    }

    pub(super) fn entered_call_room(&mut self, room: RoomId) {
        let Some(call) = self.calls.values_mut().find(|call| call.room == Some(room)) else {
            return;
        };
        if let Verdict::Go(phase) = call_verdict(call.phase, CallHappening::Entered).0 {
            call.phase = phase;
        }
        //= CALL-026
        let call = call.clone();
        for stream in call.streams.iter().filter(|stream| call.sends(stream.kind)) {
            self.ask_to_publish(room, stream.clone());
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

    fn call_frame(&mut self, message: call::Message<'_>) -> Result<(), Violation> {
        match message {
            call::Message::Invite(invite) => {
                let (call, peer, media) = (invite.call, invite.peer, invite.media);
                // The server reserves this user: beside this call there can only be one that this client asked
                // for and that crosses it.
                if self
                    .calls
                    .values()
                    .any(|other| other.phase != CallPhase::Calling)
                {
                    return Err(Violation::UnexpectedFrame);
                }
                let incoming = Call::new(call, CallPhase::Incoming, peer, false, media, Vec::new());
                self.calls.insert(call, incoming);
                let ringing = call::Ringing {
                    call,
                    end_to_end: Opaque::default(),
                    params: Params::NONE,
                };
                self.send(ringing.encode());
                let name = invite.name.as_str().to_string();
                self.events.push_back(Event::Incoming {
                    call,
                    peer,
                    name,
                    media,
                });
            }
            call::Message::Ringing(ringing) => {
                let phase = self.calls.get(&ringing.call).map(|call| call.phase);
                let verdict = phase.map(|phase| call_verdict(phase, CallHappening::PeerRinging).0);
                if let Some(Verdict::Go(_)) = verdict {
                    self.events.push_back(Event::Ringing { call: ringing.call });
                }
            }
            call::Message::Confirm(confirm) => {
                let Some(known) = self.calls.get(&confirm.call) else {
                    return Ok(());
                };
                //= CALL-029
                match call_verdict(known.phase, CallHappening::PeerConfirm).0 {
                    Verdict::Breach(violation) => return Err(violation),
                    _ if known.is_caller => return Err(Violation::UnexpectedFrame),
                    _ => self.events.push_back(Event::Confirmed {
                        call: confirm.call,
                        end_to_end: Bytes::copy_from_slice(confirm.end_to_end.as_bytes()),
                    }),
                }
            }
            call::Message::Start(start) => self.start(&start)?,
            call::Message::End(end) => {
                self.end_call(end.call, EndReason::new(end.code, Initiator::Peer), None);
            }
            call::Message::Refused(refused) => {
                let Some(call) = self.calls.get(&refused.call) else {
                    return Ok(());
                };
                if let Verdict::Go(_) = call_verdict(call.phase, CallHappening::PeerRefused).0 {
                    let existing = refused.existing.is_some().then_some(refused.existing);
                    let reason = EndReason::new(refused.code, Initiator::Peer);
                    self.end_call(refused.call, reason, existing);
                }
            }
            call::Message::Accept(_) | call::Message::Reject(_) | call::Message::Cancel(_) => {
                return Err(Violation::UnexpectedFrame);
            }
        }
        Ok(())
    }

    fn start(&mut self, start: &call::Start<'_>) -> Result<(), Violation> {
        //= CALL-015
        if self.given_up.contains(&start.call) {
            // The answer crossed the hang-up: the other side has to be told again.
            let (call, code) = (start.call, Code::HANGUP);
            self.send(
                call::End {
                    call,
                    code,
                    params: Params::NONE,
                }
                .encode(),
            );
            return Ok(());
        }
        let call = self
            .calls
            .get_mut(&start.call)
            .ok_or(Violation::UnsolicitedStart)?;
        match call_verdict(call.phase, CallHappening::PeerStart).0 {
            Verdict::Go(phase) => call.phase = phase,
            Verdict::Breach(violation) => return Err(violation),
            Verdict::Ignore | Verdict::Refuse(_) | Verdict::Misuse(_) => return Ok(()),
        }
        if start.media.and(call.media) != start.media {
            return Err(Violation::WiderMedia);
        }
        call.media = start.media;
        call.room = Some(start.room);
        call.peer_session = Some(start.peer);
        let (id, peer, media) = (call.id, call.peer, call.media);
        if media != call::Media::NONE {
            self.media.scope = Some(Scope {
                call: id,
                room: RoomId::NONE,
            });
            if self.media.conn().is_none() {
                self.media.wanted(self.now);
            }
        }
        let wish = Wish {
            room: RoomId::NONE,
            name: "".to_string(),
            secret: Vec::new(),
            for_call: true,
        };
        let request = self.number(Asked::Join(wish));
        let secret = Opaque::new(&start.ticket).unwrap_or_default();
        let (room, name) = (start.room, Text::default());
        self.send(
            room::Join {
                request,
                room,
                name,
                secret,
                params: Params::NONE,
            }
            .encode(),
        );
        self.events.push_back(Event::Started {
            call: id,
            peer,
            media,
        });
        Ok(())
    }

    fn media_frame(&mut self, message: media::Message<'_>) {
        match message {
            media::Message::Published(granted) => {
                let request = granted.request;
                if let Some(Asked::Publish(description)) = self.requests.remove(&request) {
                    self.media.publish(self.now, &description, granted.flow);
                    self.media.wanted(self.now);
                    self.events.push_back(Event::Answer {
                        request,
                        code: Code::DELIVERED,
                        number: 0,
                    });
                }
            }
            media::Message::Subscribed(granted) => {
                let request = granted.request;
                if let Some(Asked::Subscribe(session, description)) = self.requests.remove(&request)
                {
                    self.media
                        .subscribe(self.now, session, &description, granted.flow);
                    self.media.wanted(self.now);
                    self.events.push_back(Event::Answer {
                        request,
                        code: Code::DELIVERED,
                        number: 0,
                    });
                }
            }
            media::Message::Stream(told) => {
                let description = StreamDescription::from(&told.description);
                let (room, session, stream) = (told.room, told.session, description.stream);
                match told.state {
                    State::Open => self.stream_opened(room, session, description),
                    State::Closed => self.stream_closed(room, session, stream),
                }
            }
            media::Message::Stats(stats) if self.rooms.contains_key(&stats.room) => {
                self.events.push_back(Event::PeerStats {
                    room: stats.room,
                    session: stats.session,
                    stats: super::MediaGrade::from(&stats),
                });
            }
            media::Message::MediaTicket(ticket) => {
                self.requests.remove(&ticket.request);
                let scope = Scope {
                    call: ticket.call,
                    room: ticket.room,
                };
                let of_call = self.calls.contains_key(&scope.call);
                if self.media.conn().is_some() || !(of_call || self.rooms.contains_key(&scope.room))
                {
                    return;
                }
                self.media.scope = Some(scope);
                let conn = self.draw_conn();
                let framer = Framer::new(limits::MAX_FRAME as u32);
                self.media.link = MediaLink::Opening {
                    conn,
                    token: ticket.token,
                    framer,
                };
                let (purpose, endpoint) = (Purpose::Media, ticket.endpoint.as_str().to_string());
                self.outputs.push_back(Output::Connect {
                    conn,
                    purpose,
                    endpoint,
                });
            }
            _ => {}
        }
    }

    fn stream_opened(&mut self, room: RoomId, session: crate::id::SessionId, d: StreamDescription) {
        let most = limits::MAX_ROOM_STREAMS.saturating_mul(limits::MAX_ROOMS);
        let key = (session, d.stream);
        let known = self.streams.contains_key(&key);
        //= SES-032
        if !known && self.streams.len() >= most {
            return;
        }
        self.streams.insert(key, (room, d.clone()));
        let description = d.clone();
        self.events.push_back(Event::StreamOpened {
            room,
            session,
            description,
        });
        //= CALL-026
        let in_call = !known
            && self
                .call_of_room(room)
                .is_some_and(|call| call.peer_session == Some(session));
        if in_call {
            self.ask_to_subscribe(room, session, d);
        }
    }

    fn stream_closed(&mut self, room: RoomId, session: crate::id::SessionId, stream: StreamNumber) {
        self.streams.remove(&(session, stream));
        self.media.unsubscribe(session, stream);
        self.events.push_back(Event::StreamClosed {
            room,
            session,
            stream,
        });
    }
}
