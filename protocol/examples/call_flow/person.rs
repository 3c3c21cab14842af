//! One of the two who want to talk: a client's core and an application's own small language above it. The server does
//! not know that language; to it they are data.

use std::sync::Arc;

use bytes::Bytes;
use duet_protocol::client::{Client, Config, Credentials, Event, StreamDescription};
use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::{RoomId, StreamNumber, UserId};
use duet_protocol::message::media::{Codec, Kind};
use duet_protocol::message::room::Change;
use duet_protocol::seed::Seed;
use duet_protocol::time::Instant;
use duet_protocol::wire::Address;

/// What the two applications say to each other, and to the service.
pub(crate) const MAY_I_CALL: &[u8] = b"may I call you?";
pub(crate) const YES: &[u8] = b"yes";
pub(crate) const GIVE_US_A_ROOM: &[u8] = b"give us a room, me and user ";

const MICROPHONE: StreamNumber = StreamNumber(1);

pub(crate) struct Person {
    pub(crate) core: Client,
    name: &'static str,
    /// Whom this person calls; who does not call waits.
    calls: Option<&'static str>,
    peer: Option<UserId>,
    room: Option<RoomId>,
    spoken: bool,
}

impl Person {
    pub(crate) fn new(name: &'static str, calls: Option<&'static str>, seed: u8) -> Self {
        let config = Arc::new(Config::default());
        Self {
            core: Client::new(config, Seed([seed; 32]), Instant::EPOCH),
            name,
            calls,
            peer: None,
            room: None,
            spoken: false,
        }
    }

    pub(crate) fn start(&mut self) -> Result<(), UsageError> {
        let credentials = Credentials::Guest(self.name.into());
        self.core.login(Instant::EPOCH, credentials)
    }

    /// Does what an event asks for; gives what is worth telling.
    pub(crate) fn react(
        &mut self,
        event: Event,
        now: Instant,
    ) -> Result<Option<String>, UsageError> {
        Ok(match event {
            Event::LoggedIn { user, .. } => {
                if let Some(peer) = self.calls {
                    self.core.lookup(now, peer)?;
                }
                Some(format!("is online as user {}", user.0))
            }
            Event::Found { user, name, .. } => {
                self.peer = Some(user);
                self.core.data(now, Address::User(user), MAY_I_CALL)?;
                Some(format!("asks {name}: may I call you?"))
            }
            Event::Data { user, data, .. } => self.hear(user, &data, now)?,
            Event::Joined { room, members, .. } => {
                self.room = Some(room);
                self.core.publish(now, room, self.microphone())?;
                Some(format!("is in the room, {} inside", members.len()))
            }
            Event::StreamOpened {
                room,
                session,
                description,
            } => {
                let stream = description.stream;
                self.core.subscribe(now, room, session, stream)?;
                Some("wants to hear the other one".into())
            }
            Event::Wanted { wanted: true, .. } | Event::MediaLink { up: true } => {
                self.speak(now)?
            }
            Event::Media { rtp, .. } => {
                // Who called has heard enough, and leaves the room.
                if let (Some(room), true) = (self.room, self.calls.is_some()) {
                    self.core.leave(now, room)?;
                    self.room = None;
                }
                Some(format!("hears {} bytes of sound", rtp.len()))
            }
            Event::Member {
                room,
                change: Change::Leave,
                member,
                ..
            } => {
                // The other one is gone: so is this one.
                self.core.leave(now, room)?;
                self.room = None;
                let peer = Address::User(member.user);
                self.core.text(now, peer, "see you tomorrow")?;
                Some("is alone, and leaves too".into())
            }
            Event::Text { text, .. } => Some(format!("reads: {text}")),
            Event::Answer { code, .. } if code != Code::DELIVERED => {
                Some(format!("is told: {code}"))
            }
            _ => None,
        })
    }

    /// Data of the other one's application, or of the service.
    fn hear(
        &mut self,
        from: UserId,
        data: &Bytes,
        now: Instant,
    ) -> Result<Option<String>, UsageError> {
        if &data[..] == MAY_I_CALL {
            self.core.data(now, Address::User(from), YES)?;
            return Ok(Some("says yes".into()));
        }
        if &data[..] == YES {
            let wish = [GIVE_US_A_ROOM, from.0.to_string().as_bytes()].concat();
            self.core.data(now, Address::Service, &wish)?;
            return Ok(Some("asks the service for a room".into()));
        }
        // From the service: the room's id, and this user's ticket.
        if let (UserId(0), Some((room, ticket))) = (from, data.split_first_chunk::<16>()) {
            self.core.join_room(now, RoomId(*room), ticket)?;
            return Ok(Some("was assigned a room, and enters".into()));
        }
        Ok(Some("got data that it does not understand".into()))
    }

    /// Twenty milliseconds of sound, once somebody wants it and there is a way to send it.
    fn speak(&mut self, now: Instant) -> Result<Option<String>, UsageError> {
        if self.spoken || !self.core.is_published(MICROPHONE) {
            return Ok(None);
        }
        // RTP: version 2, payload type 97, then sequence number, timestamp and source; RFC 3550, section 5.1.
        let mut packet = vec![0x80, 97, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        packet.extend([0; 160]);
        self.spoken = self.core.send_media(now, MICROPHONE, packet.into())?;
        Ok(self.spoken.then(|| "speaks".into()))
    }

    fn microphone(&self) -> StreamDescription {
        StreamDescription {
            stream: MICROPHONE,
            kind: Kind::Audio,
            codec: Codec::AacLc,
            payload_type: 97,
            clock_rate: 48_000,
            ssrc: 1,
            max_bitrate: 80_000,
            useful_ms: 200,
            config: Vec::new(),
        }
    }
}
