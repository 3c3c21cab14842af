//! What a client's frames ask of its session: each becomes an envelope to the machine that owns the matter.

use alloc::string::ToString;

use crate::call::server::{Request as CallRequest, Verb, refused};
use crate::channel::{Parcel, Payload, Receipt, Tally, payload_of_data, payload_of_text};
use crate::code::Code;
use crate::error::Violation;
use crate::id::{CallId, RequestId};
use crate::limits;
use crate::message::session::{Message as SessionMessage, Pong};
use crate::message::{Message, Wire, admit, call, channel, directory, is_sequenced, media};
use crate::room::server::Publication;
use crate::server::envelope::{Letter, Owner, Scope};
use crate::service::Contact;
use crate::table::Verdict;
use crate::wire::{Address, Frame, Params, Sender};

use super::{Context, Happening, Onward, Pending, Phase, Session, verdict};

impl Session {
    pub(super) fn frame(
        &mut self,
        frame: &Frame,
        cx: &mut Context<'_>,
    ) -> Result<Onward, Violation> {
        self.previous_hash = None;
        //= SES-011
        if is_sequenced(&frame.header) {
            self.sequence.receive();
        }
        let Some(message) = admit(frame, Sender::Client)? else {
            return Ok(Onward::Stay);
        };
        if let (Verdict::Breach(violation), _) = verdict(Phase::Online, Happening::of(&message)) {
            return Err(violation);
        }
        match message {
            Message::Session(message) => return self.session_frame(message, cx),
            Message::Directory(message) => self.directory_frame(message, cx)?,
            Message::Room(message) => self.room_frame(message, cx)?,
            Message::Channel(message) => self.channel_frame(frame, message, cx)?,
            Message::Transfer(message) => self.transfer_frame(message, cx)?,
            Message::Call(message) => self.call_frame(message, cx),
            Message::Media(message) => self.media_frame(message, cx)?,
            Message::Service(_) => {
                return Err(Violation::UnexpectedFrame);
            }
        }
        Ok(Onward::Stay)
    }

    /// Notes a request; false where there are too many, and the client has been told.
    pub(super) fn begin(
        &mut self,
        request: RequestId,
        pending: Pending,
        cx: &mut Context<'_>,
    ) -> Result<bool, Violation> {
        //= SES-017
        if self.requests.contains_key(&request) {
            return Err(Violation::RequestInUse);
        }
        if self.requests.len() >= limits::MAX_REQUESTS {
            self.outcome(request, Code::TOO_MANY, cx);
            return Ok(false);
        }
        if let Pending::Receivers { bytes, .. } = pending {
            self.pending_bytes = self.pending_bytes.saturating_add(bytes);
        }
        self.requests.insert(request, pending);
        Ok(true)
    }

    /// Whether something that others are told of may be asked for now; where not, the client has been told.
    pub(super) fn may_announce(&mut self, request: RequestId, cx: &mut Context<'_>) -> bool {
        //= SES-025
        let allowed = self.announced.take(cx.now);
        if !allowed {
            self.outcome(request, Code::RATE_LIMITED, cx);
        }
        allowed
    }

    pub(super) fn session_frame(
        &mut self,
        message: SessionMessage<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Onward, Violation> {
        match message {
            SessionMessage::Ack(ack) => self.acknowledge(ack.received, cx.outbox)?,
            SessionMessage::Ping(ping) => {
                if let Some(conn) = self.conn() {
                    self.write(
                        conn,
                        Pong {
                            token: ping.token,
                            params: Params::NONE,
                        }
                        .encode(),
                        cx,
                    );
                }
            }
            SessionMessage::Goodbye(_) => return Ok(Onward::Goodbye),
            _ => {}
        }
        Ok(Onward::Stay)
    }

    pub(super) fn directory_frame(
        &mut self,
        message: directory::Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        let (session, me) = (self.id, Owner::User(self.who.user));
        let (request, to, letter) = match message {
            directory::Message::Lookup(lookup) => {
                let (request, user) = (lookup.request, self.who.user);
                let name = lookup.name.as_str().to_string();
                let letter = Letter::Find {
                    request,
                    user,
                    name,
                };
                (request, Owner::Directory, letter)
            }
            directory::Message::ContactSet(set) => {
                let request = set.request;
                let entry = Contact {
                    user: set.entry.user,
                    relation: set.entry.relation,
                    name: set.entry.name.as_str().to_string(),
                };
                let letter = Letter::SetContact {
                    session,
                    request,
                    entry,
                };
                (request, me, letter)
            }
            directory::Message::PresenceSet(set) => {
                let (request, availability) = (set.request, set.availability);
                let text = set.text.as_str().to_string();
                let letter = Letter::SetPresence {
                    session,
                    request,
                    availability,
                    text,
                };
                (request, me, letter)
            }
            _ => return Err(Violation::UnexpectedFrame),
        };
        if self.begin(request, Pending::Answer, cx)? {
            //= DIR-003
            if to == Owner::Directory && !self.lookups.take(cx.now) {
                self.outcome(request, Code::RATE_LIMITED, cx);
            } else {
                cx.outbox.send(self.me(), to, letter);
            }
        }
        Ok(())
    }

    pub(super) fn channel_frame(
        &mut self,
        frame: &Frame,
        message: channel::Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        let (to, request, payload): (Address, RequestId, Payload) = match message {
            channel::Message::TextTo(text) => {
                let payload = payload_of_text(text.text.as_str(), text.mention);
                (text.to, text.request, payload)
            }
            channel::Message::ReceiptTo(receipt) => {
                self.receipt_frame(&receipt, cx);
                return Ok(());
            }
            channel::Message::DataTo(data) => (
                data.to,
                data.request,
                payload_of_data(&frame.body, data.data.as_bytes()),
            ),
            _ => return Ok(()),
        };
        self.parcels = self.parcels.saturating_add(1);
        let (serial, bytes, tally) = (self.parcels, frame.body.len(), Tally::default());
        //= CHAN-011
        let too_much = self.pending_bytes > limits::MAX_PENDING_BYTES;
        let pending = Pending::Receivers {
            serial,
            bytes,
            tally,
        };
        if !self.begin(request, pending, cx)? {
            return Ok(());
        }
        if too_much {
            self.outcome(request, Code::TOO_MANY, cx);
            return Ok(());
        }
        if !self.post(to, payload, (request, serial), cx) {
            self.outcome(request, Code::UNREACHABLE, cx);
        }
        Ok(())
    }

    /// Sends a parcel on its way; false where nobody is to be found at such an address. A serial of 0 is for what has
    /// no result.
    fn post(
        &mut self,
        to: Address,
        payload: Payload,
        (request, serial): (RequestId, u64),
        cx: &mut Context<'_>,
    ) -> bool {
        let owner = match to {
            Address::User(user) => Owner::User(user),
            Address::Session(session) => Owner::Session(session),
            Address::Room(room) => Owner::Room(room),
            Address::Service if matches!(payload, Payload::Data(_)) => Owner::Service,
            Address::Service => return false,
        };
        let (user, session, time) = (self.who.user, self.id, cx.unix_micros);
        let parcel = Parcel {
            to,
            user,
            session,
            time,
            payload,
        };
        let receipt = Receipt {
            session,
            request,
            serial,
        };
        let letter = Letter::Parcel {
            parcel,
            receipt,
            only: None,
        };
        cx.outbox.send(self.me(), owner, letter);
        true
    }

    /// A reader says how far it has read. It can speak of what reached it only: of what was sent to its user, to its
    /// session, or to a room that it is in.
    fn receipt_frame(&mut self, read: &channel::ReceiptTo<'_>, cx: &mut Context<'_>) {
        let is_reader = match read.conversation {
            Address::User(user) => user == self.who.user,
            Address::Session(session) => session == self.id,
            Address::Room(room) => self.rooms.contains(&room),
            Address::Service => false,
        };
        let is_author = matches!(read.to, Address::User(_) | Address::Session(_));
        //= CHAN-015
        if is_reader && is_author && self.receipts_sent.take(cx.now) {
            let payload = Payload::Read(read.conversation, read.number);
            self.post(read.to, payload, (RequestId(0), 0), cx);
        }
    }

    pub(super) fn call_frame(&mut self, message: call::Message<'_>, cx: &mut Context<'_>) {
        let (call, request) = CallRequest::of(message, self.id, self.who.user, &self.who.name);
        let is_invite = matches!(
            &request,
            Some(CallRequest {
                verb: Verb::Invite { .. },
                ..
            })
        );
        if is_invite && !self.announced.take(cx.now) {
            self.send(refused(call, Code::RATE_LIMITED, CallId::NONE), cx);
            return;
        }
        if let Some(request) = request {
            cx.outbox
                .send(self.me(), Owner::Call(call), Letter::Call(request));
        }
    }

    pub(super) fn media_frame(
        &mut self,
        message: media::Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        let session = self.id;
        let (request, room, letter) = match message {
            media::Message::Publish(publish) => {
                let (request, publication) = (
                    publish.request,
                    Publication::of(&publish.description, publish.request),
                );
                (
                    request,
                    publish.room,
                    Letter::Publish {
                        session,
                        request,
                        publication,
                    },
                )
            }
            media::Message::Unpublish(stop) => {
                let (request, stream) = (stop.request, stop.stream);
                (
                    request,
                    stop.room,
                    Letter::Unpublish {
                        session,
                        request,
                        stream,
                    },
                )
            }
            media::Message::Subscribe(ask) => {
                let (request, publisher, stream) = (ask.request, ask.session, ask.stream);
                (
                    request,
                    ask.room,
                    Letter::Subscribe {
                        session,
                        request,
                        publisher,
                        stream,
                    },
                )
            }
            media::Message::Unsubscribe(stop) => {
                let (request, publisher, stream) = (stop.request, stop.session, stop.stream);
                (
                    request,
                    stop.room,
                    Letter::Unsubscribe {
                        session,
                        request,
                        publisher,
                        stream,
                    },
                )
            }
            media::Message::Stats(stats) => {
                self.stats_frame(stats, cx);
                return Ok(());
            }
            media::Message::TicketRequest(ask) => {
                if !self.begin(ask.request, Pending::Answer, cx)? {
                    return Ok(());
                }
                let scope = match (
                    self.calls.contains(&ask.call),
                    self.rooms.contains(&ask.room),
                ) {
                    (true, _) => Scope::Call(ask.call),
                    (_, true) => Scope::Room(ask.room),
                    (false, false) => {
                        self.outcome(ask.request, Code::NOT_IN_ROOM, cx);
                        return Ok(());
                    }
                };
                cx.outbox.send(
                    self.me(),
                    Owner::Relay(self.id),
                    Letter::Ticket {
                        scope,
                        request: Some(ask.request),
                    },
                );
                return Ok(());
            }
            //= SES-002
            _ => return Err(Violation::UnexpectedFrame),
        };
        if self.begin(request, Pending::Answer, cx)? && self.may_announce(request, cx) {
            cx.outbox.send(self.me(), Owner::Room(room), letter);
        }
        Ok(())
    }
}
