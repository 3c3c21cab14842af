//! What an application tells a client to do. An error means that nothing has changed.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::call::client::{Call, Happening, Phase, verdict};
use crate::code::Code;
use crate::error::{EndReason, Initiator, UsageError};
use crate::id::{CallId, RequestId, RoomId, SessionId, StreamNumber, UserId};
use crate::io::Output;
use crate::limits;
use crate::media::HopStats;
use crate::message::call::{Accept, Cancel, Confirm, End, Invite, Reject};
use crate::message::channel::{DataTo, ReceiptTo, TextTo};
use crate::message::directory::{
    Availability, ContactEntry, ContactSet, Lookup, PresenceSet, Relation,
};
use crate::message::media::{Unpublish, Unsubscribe};
use crate::message::{Media, Wire};
use crate::session::client::Link;
use crate::table::Verdict;
use crate::time::Instant;
use crate::wire::{Address, Opaque, Params, Text, Within};

use super::{Asked, Client, ContactInfo, Credentials, GIVEN_UP, StreamDescription};

impl Client {
    /// States the intent to be logged in; the core connects, and reconnects, until [`Client::logout`].
    pub fn login(&mut self, now: Instant, credentials: Credentials) -> Result<(), UsageError> {
        let (name, secret) = match &credentials {
            Credentials::Guest(name) => (name.len(), 0),
            Credentials::Password { name, password } => (name.len(), password.len()),
        };
        if name > 64 || secret > 1_024 {
            return Err(UsageError::TooLarge);
        }
        self.begin(now);
        self.credentials = Some(credentials);
        if let Link::Idle = self.link {
            self.connect();
        }
        self.settle();
        Ok(())
    }

    /// Ends the session, and the intent to be logged in.
    pub fn logout(&mut self, now: Instant) {
        self.begin(now);
        self.credentials = None;
        let by_us = EndReason::new(Code::LOGOUT, Initiator::Local);
        match &self.link {
            Link::Up(up) => {
                let conn = up.conn;
                self.say_goodbye(conn, Code::LOGOUT);
            }
            Link::Connecting { conn } => {
                let (conn, code) = (*conn, Code::NONE);
                self.outputs.push_back(Output::Close { conn, code });
            }
            Link::Idle | Link::Waiting { .. } => {}
        }
        self.link = Link::Idle;
        self.lose_session(by_us, false);
        self.settle();
    }

    /// Asks who is called `name`; the answer is [`Event::Found`](super::Event::Found) or [`Event::Answer`](super::Event::Answer).
    pub fn lookup(&mut self, now: Instant, name: &str) -> Result<RequestId, UsageError> {
        let name = Text::new(name).ok_or(UsageError::TooLarge)?;
        let request = self.request(now, Asked::Plain, 64)?;
        self.send(
            Lookup {
                request,
                name,
                params: Params::NONE,
            }
            .encode(),
        );
        self.settle();
        Ok(request)
    }

    /// Puts a user on one's list, under a name of at most 64 bytes that only oneself sees, or with [`Relation::None`] off
    /// it. [`Event::Contact`](super::Event::Contact) tells of the change, [`Event::Answer`](super::Event::Answer)
    /// whether it was kept.
    pub fn set_contact(
        &mut self,
        now: Instant,
        user: UserId,
        relation: Relation,
        name: &str,
    ) -> Result<RequestId, UsageError> {
        let name = Text::new(name).ok_or(UsageError::TooLarge)?;
        let request = self.request(now, Asked::Plain, 128)?;
        let entry = ContactEntry {
            user,
            relation,
            name,
        };
        self.send(
            ContactSet {
                request,
                entry,
                params: Params::NONE,
            }
            .encode(),
        );
        self.settle();
        Ok(request)
    }

    /// States the intent to be seen like this, with a text of at most 128 bytes, in this session and in those that
    /// follow it by themselves. Until then nobody is told that one is there. `None` where there is no session yet:
    /// then it is said once there is.
    pub fn set_presence(
        &mut self,
        now: Instant,
        availability: Availability,
        text: &str,
    ) -> Result<Option<RequestId>, UsageError> {
        let wish = (availability, text.to_string());
        let text = Text::new(text).ok_or(UsageError::TooLarge)?;
        if self.session.is_none() {
            self.people.wish = Some(wish);
            return Ok(None);
        }
        let request = self.request(now, Asked::Plain, 256)?;
        self.people.wish = Some(wish);
        self.send(
            PresenceSet {
                request,
                availability,
                text,
                params: Params::NONE,
            }
            .encode(),
        );
        self.settle();
        Ok(Some(request))
    }

    /// One's list, as far as this session has been told, in order of user.
    pub fn contacts(&self) -> impl Iterator<Item = &ContactInfo> {
        self.people.list.values()
    }

    /// Sends text of at most 8,000 bytes; [`Event::Answer`](super::Event::Answer) says what became of it.
    pub fn text(&mut self, now: Instant, to: Address, text: &str) -> Result<RequestId, UsageError> {
        self.mention(now, to, text, UserId(0))
    }

    /// The same, and mentions a user, whom its client may tell so; user 0 is nobody.
    pub fn mention(
        &mut self,
        now: Instant,
        to: Address,
        text: &str,
        mention: UserId,
    ) -> Result<RequestId, UsageError> {
        let text = Text::new(text).ok_or(UsageError::TooLarge)?;
        let request = self.request(now, Asked::Plain, text.as_str().len().saturating_add(64))?;
        self.send(
            TextTo {
                to,
                request,
                mention,
                text,
                params: Params::NONE,
            }
            .encode(),
        );
        self.settle();
        Ok(request)
    }

    /// Sends data of at most 16,000 bytes; [`Event::Answer`](super::Event::Answer) says what became of it.
    pub fn data(
        &mut self,
        now: Instant,
        to: Address,
        data: &[u8],
    ) -> Result<RequestId, UsageError> {
        let data = Opaque::new(data).ok_or(UsageError::TooLarge)?;
        let request = self.request(now, Asked::Plain, data.as_bytes().len().saturating_add(64))?;
        self.send(
            DataTo {
                to,
                request,
                data,
                params: Params::NONE,
            }
            .encode(),
        );
        self.settle();
        Ok(request)
    }

    /// Tells an author that what it sent to `conversation` (the `to` of the message) has been read up to `number`. Some
    /// of these are dropped where there are many: the latest one says what the earlier ones said.
    pub fn read(
        &mut self,
        now: Instant,
        author: Address,
        conversation: Address,
        number: u64,
    ) -> Result<(), UsageError> {
        self.ready(now, 64)?;
        let receipt = ReceiptTo {
            to: author,
            conversation,
            number,
            params: Params::NONE,
        };
        self.send(receipt.encode());
        self.settle();
        Ok(())
    }

    /// Calls a user. `streams` is what this side would publish; of it, what the callee consents to is published by
    /// itself once the call has started.
    pub fn invite(
        &mut self,
        now: Instant,
        callee: UserId,
        media: Media,
        ring_for: Duration,
        streams: Vec<StreamDescription>,
    ) -> Result<CallId, UsageError> {
        if !self.calls.is_empty() {
            return Err(UsageError::CallInProgress);
        }
        self.ready(now, 1_200)?;
        let call = CallId(self.random.id());
        let invite = Invite {
            call,
            peer: callee,
            media,
            ring_for_ms: Within::clamp(ring_for.as_millis().min(u128::from(u32::MAX)) as u32),
            name: Text::default(),
            end_to_end: Opaque::default(),
            params: Params::NONE,
        };
        self.send(invite.encode());
        self.calls.insert(
            call,
            Call::new(call, Phase::Calling, callee, true, media, streams),
        );
        self.settle();
        Ok(call)
    }

    /// Accepts a call, with this media and no other. This is the consent that devices wait for.
    pub fn accept(
        &mut self,
        now: Instant,
        call: CallId,
        media: Media,
        streams: Vec<StreamDescription>,
    ) -> Result<(), UsageError> {
        let current = self.calls.get(&call).ok_or(UsageError::NoSuchCall)?;
        let phase = match verdict(current.phase, Happening::LocalAccept).0 {
            Verdict::Go(phase) => phase,
            Verdict::Misuse(error) => return Err(error),
            _ => return Err(UsageError::WrongState),
        };
        if media.and(current.media) != media {
            return Err(UsageError::WiderMedia);
        }
        self.ready(now, 1_200)?;
        if let Some(current) = self.calls.get_mut(&call) {
            current.phase = phase;
            current.media = media;
            current.streams = streams;
        }
        let accept = Accept {
            call,
            media,
            end_to_end: Opaque::default(),
            params: Params::NONE,
        };
        self.send(accept.encode());
        self.settle();
        Ok(())
    }

    /// Sends the caller's last word to the device that accepted, once, after [`Event::Started`](super::Event::Started):
    /// a block of at most 1,024 bytes that the server passes on unread.
    pub fn confirm(
        &mut self,
        now: Instant,
        call: CallId,
        end_to_end: &[u8],
    ) -> Result<(), UsageError> {
        let known = self.calls.get(&call).ok_or(UsageError::NoSuchCall)?;
        let started = matches!(known.phase, Phase::Joining | Phase::Active);
        if !started || !known.is_caller {
            return Err(UsageError::WrongState);
        }
        let end_to_end = Opaque::new(end_to_end).ok_or(UsageError::TooLarge)?;
        self.ready(now, end_to_end.as_bytes().len().saturating_add(64))?;
        let params = Params::NONE;
        let confirm = Confirm {
            call,
            end_to_end,
            params,
        };
        self.send(confirm.encode());
        self.settle();
        Ok(())
    }

    /// Declines, cancels or hangs up, whichever the call's state makes it.
    pub fn hang_up(&mut self, now: Instant, call: CallId) -> Result<(), UsageError> {
        let phase = self.calls.get(&call).ok_or(UsageError::NoSuchCall)?.phase;
        if let Verdict::Misuse(error) = verdict(phase, Happening::LocalEnd).0 {
            return Err(error);
        }
        self.ready(now, 64)?;
        let params = Params::NONE;
        let (frame, code) = match phase {
            Phase::Incoming => (Reject { call, params }.encode(), Code::REJECTED),
            Phase::Calling => (Cancel { call, params }.encode(), Code::CANCELLED),
            _ => (
                End {
                    call,
                    code: Code::HANGUP,
                    params,
                }
                .encode(),
                Code::HANGUP,
            ),
        };
        self.send(frame);
        self.end_call(call, EndReason::new(code, Initiator::Local), None);
        if self.given_up.len() >= GIVEN_UP {
            self.given_up.pop_front();
        }
        self.given_up.push_back(call);
        self.settle();
        Ok(())
    }

    /// Publishes a stream in a room that is not a call's; [`Event::Answer`](super::Event::Answer) says whether it was granted.
    pub fn publish(
        &mut self,
        now: Instant,
        room: RoomId,
        description: StreamDescription,
    ) -> Result<RequestId, UsageError> {
        if !self.rooms.contains_key(&room) {
            return Err(UsageError::NotInRoom);
        }
        if self.media.flow_of(description.stream).is_some() {
            return Err(UsageError::StreamInUse);
        }
        self.may_request(now, 512)?;
        let request = self.ask_to_publish(room, description);
        self.settle();
        Ok(request)
    }

    /// Subscribes to a stream in a room that is not a call's.
    pub fn subscribe(
        &mut self,
        now: Instant,
        room: RoomId,
        session: SessionId,
        stream: StreamNumber,
    ) -> Result<RequestId, UsageError> {
        let Some((_, description)) = self.streams.get(&(session, stream)).cloned() else {
            return Err(UsageError::NoSuchStream);
        };
        self.may_request(now, 128)?;
        let request = self.ask_to_subscribe(room, session, description);
        self.settle();
        Ok(request)
    }

    /// Takes a published stream back.
    pub fn unpublish(
        &mut self,
        now: Instant,
        room: RoomId,
        stream: StreamNumber,
    ) -> Result<RequestId, UsageError> {
        if self.media.flow_of(stream).is_none() {
            return Err(UsageError::NoSuchStream);
        }
        let request = self.request(now, Asked::Plain, 64)?;
        self.media.unpublish(stream);
        let params = Params::NONE;
        self.send(
            Unpublish {
                request,
                room,
                stream,
                params,
            }
            .encode(),
        );
        self.settle();
        Ok(request)
    }

    /// Stops receiving a stream.
    pub fn unsubscribe(
        &mut self,
        now: Instant,
        room: RoomId,
        session: SessionId,
        stream: StreamNumber,
    ) -> Result<RequestId, UsageError> {
        let request = self.request(now, Asked::Plain, 96)?;
        self.media.unsubscribe(session, stream);
        let params = Params::NONE;
        self.send(
            Unsubscribe {
                request,
                room,
                session,
                stream,
                params,
            }
            .encode(),
        );
        self.settle();
        Ok(request)
    }

    /// Sends an RTP packet of at most 1,040 bytes on a published stream. False where nobody receives the stream, or
    /// there is no media connection: then it was not sent.
    pub fn send_media(
        &mut self,
        now: Instant,
        stream: StreamNumber,
        rtp: Bytes,
    ) -> Result<bool, UsageError> {
        //= MEDIA-022
        if rtp.len() > limits::MAX_RTP {
            return Err(UsageError::TooLarge);
        }
        let flow = self.media.flow_of(stream).ok_or(UsageError::NoSuchStream)?;
        self.begin(now);
        if !self.media.is_up() {
            return Ok(false);
        }
        let sent = self.media.hop.send(self.now, flow, rtp);
        self.settle();
        Ok(sent)
    }

    /// Asks the publisher of a stream for a keyframe; not more often than is of use.
    pub fn request_keyframe(&mut self, now: Instant, session: SessionId, stream: StreamNumber) {
        self.begin(now);
        self.media.request_keyframe(self.now, session, stream);
        self.settle();
    }

    /// Whether a stream of this client was granted.
    pub fn is_published(&self, stream: StreamNumber) -> bool {
        self.media.flow_of(stream).is_some()
    }

    /// The rooms that this client is in.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> {
        self.rooms.keys().copied()
    }

    /// The call that this client is in, and its phase; two while they cross.
    pub fn calls(&self) -> impl Iterator<Item = (CallId, Phase)> {
        self.calls.values().map(|call| (call.id, call.phase))
    }

    /// What the media connection has sent, repaired and received.
    pub fn media_stats(&self) -> HopStats {
        self.media.hop.stats()
    }
}
