//! What the frames of media signalling mean to a client.

use alloc::string::ToString;

use crate::client::event::{Event, StreamDescription};
use crate::client::media::{MediaLink, Scope};
use crate::client::{Asked, Client};
use crate::code::Code;
use crate::id::{RoomId, StreamNumber};
use crate::io::{Output, Purpose};
use crate::limits;
use crate::message::media;
use crate::message::media::State;
use crate::wire::Framer;

impl Client {
    pub(in crate::client) fn media_frame(&mut self, message: media::Message<'_>) {
        match message {
            media::Message::Published(granted) => {
                let request = granted.request;
                if let Some(Asked::Publish(room, description)) = self.requests.remove(&request) {
                    // Who has left the room meanwhile publishes nothing there.
                    if self.rooms.contains_key(&room) {
                        self.media
                            .publish(self.now, room, &description, granted.flow);
                        self.media.wanted(self.now);
                    }
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
                    if self.streams.contains_key(&(session, description.stream)) {
                        self.media
                            .subscribe(self.now, session, &description, granted.flow);
                        self.media.wanted(self.now);
                    }
                    self.events.push_back(Event::Answer {
                        request,
                        code: Code::DELIVERED,
                        number: 0,
                    });
                }
            }
            // Of a room that it has left, nothing concerns it any more.
            media::Message::Stream(told) if self.rooms.contains_key(&told.room) => {
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
                    stats: crate::client::MediaGrade::from(&stats),
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

    pub(in crate::client) fn stream_opened(
        &mut self,
        room: RoomId,
        session: crate::id::SessionId,
        d: StreamDescription,
    ) {
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

    pub(in crate::client) fn stream_closed(
        &mut self,
        room: RoomId,
        session: crate::id::SessionId,
        stream: StreamNumber,
    ) {
        self.streams.remove(&(session, stream));
        self.media.unsubscribe(session, stream);
        self.events.push_back(Event::StreamClosed {
            room,
            session,
            stream,
        });
    }
}
