//! What a room's members publish, and who subscribes to it.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::code::Code;
use crate::id::{RequestId, RoomId, SessionId, StreamNumber};
use crate::limits;
use crate::message::Wire;
use crate::message::media::{Codec, Description, Kind, State, Stream};
use crate::server::envelope::{Letter, Outbox, Owner, StreamKey};
use crate::wire::{Opaque, Params};

use super::Room;

/// A stream that is published, as the publisher described it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Publication {
    pub(crate) stream: StreamNumber,
    pub(super) kind: Kind,
    codec: Codec,
    payload_type: u8,
    clock_rate: u32,
    ssrc: u32,
    max_bitrate: u32,
    useful_ms: u16,
    config: Vec<u8>,
    /// The PUBLISH that opens it, until the publisher's media side has: nobody else knows of it before that.
    opening: Option<RequestId>,
}

impl Publication {
    /// A stream that `request` is to open.
    pub(crate) fn of(d: &Description<'_>, request: RequestId) -> Self {
        Self {
            stream: d.stream,
            kind: d.kind,
            codec: d.codec,
            payload_type: d.payload_type,
            clock_rate: d.clock_rate,
            ssrc: d.ssrc,
            max_bitrate: d.max_bitrate,
            useful_ms: d.useful_ms,
            config: d.config.as_bytes().to_vec(),
            opening: Some(request),
        }
    }

    /// Whether others may know of it and subscribe to it.
    pub(super) fn is_open(&self) -> bool {
        self.opening.is_none()
    }

    pub(super) fn frame(&self, room: RoomId, session: SessionId, state: State) -> Bytes {
        let description = Description {
            stream: self.stream,
            kind: self.kind,
            codec: self.codec,
            payload_type: self.payload_type,
            clock_rate: self.clock_rate,
            ssrc: self.ssrc,
            max_bitrate: self.max_bitrate,
            useful_ms: self.useful_ms,
            config: Opaque::new(&self.config).unwrap_or_default(),
        };
        Stream {
            room,
            session,
            state,
            description,
            params: Params::NONE,
        }
        .encode()
    }
}

impl Room {
    /// Takes back what a member publishes and subscribes to.
    pub(super) fn withdraw(&mut self, session: SessionId, out: &mut Outbox) {
        for stream in self.published_by(session).collect::<Vec<_>>() {
            self.unpublish(session, stream, out);
        }
        for (publisher, stream) in self.subscribed_by(session).collect::<Vec<_>>() {
            self.unsubscribe(session, publisher, stream, out);
        }
    }

    fn published_by(&self, session: SessionId) -> impl Iterator<Item = StreamNumber> {
        let own = (session, StreamNumber(0))..=(session, StreamNumber(u8::MAX));
        self.streams.range(own).map(|((_, stream), _)| *stream)
    }

    fn subscribed_by(&self, session: SessionId) -> impl Iterator<Item = (SessionId, StreamNumber)> {
        let first = (session, SessionId([0; 16]), StreamNumber(0));
        let last = (session, SessionId([u8::MAX; 16]), StreamNumber(u8::MAX));
        let own = self.subscriptions.range(first..=last);
        own.map(|(_, publisher, stream)| (*publisher, *stream))
    }

    fn subscribers_of(&self, publisher: SessionId, stream: StreamNumber) -> Vec<SessionId> {
        let first = (publisher, stream, SessionId([0; 16]));
        let last = (publisher, stream, SessionId([u8::MAX; 16]));
        let all = self.subscribers.range(first..=last);
        all.map(|(.., subscriber)| *subscriber).collect()
    }

    pub(super) fn publish(
        &mut self,
        session: SessionId,
        request: RequestId,
        publication: Publication,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        let stream = publication.stream;
        if !self.members.contains_key(&session) {
            return Err(Code::NOT_IN_ROOM);
        }
        //= MEDIA-012
        if let Some((_, admitted)) = &self.call {
            let own = admitted.iter().find(|who| who.session == session);
            if !own.is_some_and(|who| who.consents_to(publication.kind)) {
                return Err(Code::NOT_CONSENTED);
            }
        }
        if self.streams.contains_key(&(session, stream)) {
            return Err(Code::STREAM_EXISTS);
        }
        if self.published_by(session).count() >= limits::MAX_STREAMS {
            return Err(Code::TOO_MANY);
        }
        //= MEDIA-037
        if self.streams.len() >= limits::MAX_ROOM_STREAMS {
            return Err(Code::STREAMS_FULL);
        }
        let letter = Letter::OpenIn {
            request,
            stream: self.key(stream),
            audio: publication.kind == Kind::Audio,
            useful_ms: publication.useful_ms,
            max_bitrate: publication.max_bitrate,
        };
        out.send(self.me(), Owner::Relay(session), letter);
        self.streams.insert((session, stream), publication);
        Ok(())
    }

    /// The publisher's media side has opened a stream: from now on a subscriber's finds it there.
    pub(super) fn opened(
        &mut self,
        session: SessionId,
        stream: StreamNumber,
        request: RequestId,
        out: &mut Outbox,
    ) {
        // Otherwise it was taken back in the meantime, perhaps published anew.
        let publication = self.streams.get_mut(&(session, stream));
        let Some(publication) = publication.filter(|one| one.opening == Some(request)) else {
            return;
        };
        publication.opening = None;
        let frame = publication.frame(self.id, session, State::Open);
        self.tell_others(session, &frame, out);
    }

    pub(super) fn unpublish(
        &mut self,
        session: SessionId,
        stream: StreamNumber,
        out: &mut Outbox,
    ) -> bool {
        let Some(publication) = self.streams.remove(&(session, stream)) else {
            return false;
        };
        if publication.is_open() {
            let frame = publication.frame(self.id, session, State::Closed);
            self.tell_others(session, &frame, out);
        }
        for subscriber in self.subscribers_of(session, stream) {
            self.unsubscribe(subscriber, session, stream, out);
        }
        out.send(
            self.me(),
            Owner::Relay(session),
            Letter::CloseIn {
                stream: self.key(stream),
            },
        );
        true
    }

    pub(super) fn subscribe(
        &mut self,
        session: SessionId,
        request: RequestId,
        publisher: SessionId,
        stream: StreamNumber,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        if !self.members.contains_key(&session) {
            return Err(Code::NOT_IN_ROOM);
        }
        let publication = self.streams.get(&(publisher, stream));
        if publisher == session || !publication.is_some_and(Publication::is_open) {
            return Err(Code::NO_SUCH_STREAM);
        }
        if self.subscribed_by(session).count() >= limits::MAX_SUBSCRIPTIONS {
            return Err(Code::TOO_MANY);
        }
        if !self.subscriptions.insert((session, publisher, stream)) {
            return Err(Code::STREAM_EXISTS);
        }
        self.subscribers.insert((publisher, stream, session));
        let letter = Letter::OpenOut {
            request,
            publisher,
            stream: self.key(stream),
        };
        out.send(self.me(), Owner::Relay(session), letter);
        Ok(())
    }

    pub(super) fn unsubscribe(
        &mut self,
        session: SessionId,
        publisher: SessionId,
        stream: StreamNumber,
        out: &mut Outbox,
    ) -> bool {
        let known = self.subscriptions.remove(&(session, publisher, stream));
        if known {
            self.subscribers.remove(&(publisher, stream, session));
            let stream = self.key(stream);
            let letter = Letter::CloseOut { publisher, stream };
            out.send(self.me(), Owner::Relay(session), letter);
        }
        known
    }

    fn key(&self, stream: StreamNumber) -> StreamKey {
        StreamKey {
            room: self.id,
            stream,
        }
    }
}
