//! The transfers that a session offers or was offered, and their streams on its present link.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString;

use bytes::Bytes;

use super::{Context, Pending, Session};
use crate::code::Code;
use crate::error::Violation;
use crate::id::TransferId;
use crate::io::{Output, StreamId};
use crate::limits;
use crate::message::Wire;
use crate::message::transfer::{self, Bulk, Send, TransferEnd};
use crate::server::envelope::{Letter as Envelope, Owner};
use crate::time::Instant;
use crate::transfer::{Ask, Carried, Direction, Letter, Proposal, Splice, Tell};
use crate::wire::{Address, Params};

/// Ended transfers of a session whose streams may still be on their way.
const REMEMBERED: usize = 64;

/// What a session knows of its transfers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Transfers {
    ends: BTreeMap<TransferId, End>,
    /// Streams that carry payload.
    streams: BTreeMap<StreamId, TransferId>,
    /// Streams that this side opened on the present link.
    opened: u32,
    /// Transfers that were over a while ago, and until when their streams and offers may still be on their way.
    ended: VecDeque<(Instant, TransferId)>,
}

/// This session's end of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    /// It offered.
    Sender(Option<Granted>),
    /// It was offered it.
    Device,
    /// It accepted.
    Receiver {
        attempt: u32,
        stream: Option<StreamId>,
    },
}

/// What SEND granted, for as long as it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Granted {
    attempt: u32,
    offset: u64,
    size: u64,
    rate: u32,
    /// Whether the receiver was lost since: the stream is stopped where it comes.
    void: bool,
    /// Whether the stream has come.
    came: bool,
    stream: Option<StreamId>,
}

impl Transfers {
    /// The link is another one, or gone, and with it every stream.
    pub(super) fn unlink(&mut self) {
        self.streams.clear();
        self.opened = 0;
        for end in self.ends.values_mut() {
            match end {
                End::Sender(None) | End::Device => {}
                End::Sender(Some(granted)) => granted.stream = None,
                End::Receiver { stream, .. } => *stream = None,
            }
        }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Owner> {
        self.ends.keys().map(|id| Owner::Transfer(*id))
    }

    /// Every transfer, for a session that is over.
    pub(super) fn take(&mut self) -> impl Iterator<Item = TransferId> + use<> {
        self.streams.clear();
        core::mem::take(&mut self.ends).into_keys()
    }

    fn has_ended(&self, transfer: TransferId, now: Instant) -> bool {
        let mut ended = self.ended.iter();
        ended.any(|(until, id)| *id == transfer && *until > now)
    }

    fn count(&self, like: impl Fn(&End) -> bool) -> usize {
        self.ends.values().filter(|end| like(end)).count()
    }
}

impl Session {
    /// A frame about a transfer, on the control stream.
    pub(super) fn transfer_frame(
        &mut self,
        message: transfer::Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        let (transfer, ask) = match message {
            transfer::Message::Offer(offer) => return self.offer(&offer, cx),
            transfer::Message::Receive(m) => (m.transfer, Ask::Receive { offset: m.offset }),
            transfer::Message::Decline(m) => (m.transfer, Ask::Decline { code: m.code }),
            transfer::Message::Progress(m) => (
                m.transfer,
                Ask::Progress {
                    received: m.received,
                },
            ),
            transfer::Message::Digest(m) => (m.transfer, Ask::Digest { sha256: m.sha256 }),
            transfer::Message::Verified(m) => (m.transfer, Ask::Verified { code: m.code }),
            transfer::Message::TransferEnd(m) => (m.transfer, Ask::Abort),
            //= XFER-011
            _ => return Err(Violation::UnexpectedFrame),
        };
        let taken = self
            .transfers
            .count(|end| matches!(end, End::Receiver { .. }));
        let code = match (self.transfers.ends.get_mut(&transfer), ask) {
            // Both sides may end it at once.
            (None, Ask::Abort) => return Ok(()),
            //= XFER-009
            (None, _) => Code::NOT_IN_TRANSFER,
            //= XFER-021
            (Some(End::Device), Ask::Receive { .. }) if taken >= limits::MAX_TRANSFERS => {
                self.ask(
                    transfer,
                    Ask::Decline {
                        code: Code::TOO_MANY,
                    },
                    cx,
                );
                self.forget(transfer, cx.now);
                self.send(end_frame(transfer, Code::TOO_MANY), cx);
                return Ok(());
            }
            (Some(end @ End::Device), Ask::Receive { .. }) => {
                *end = End::Receiver {
                    attempt: 0,
                    stream: None,
                };
                Code::NONE
            }
            // It is done with it, whatever becomes of it.
            (Some(End::Device), Ask::Decline { .. } | Ask::Abort) => {
                self.ask(transfer, ask, cx);
                self.forget(transfer, cx.now);
                return Ok(());
            }
            (Some(End::Receiver { .. }), Ask::Digest { .. }) => Code::NOT_IN_TRANSFER,
            (Some(End::Receiver { .. }), _) => Code::NONE,
            (Some(End::Sender(_)), Ask::Digest { .. } | Ask::Abort) => Code::NONE,
            (Some(End::Device | End::Sender(_)), _) => Code::NOT_IN_TRANSFER,
        };
        if code == Code::NONE {
            self.ask(transfer, ask, cx);
        } else {
            self.send(end_frame(transfer, code), cx);
        }
        Ok(())
    }

    fn ask(&self, transfer: TransferId, ask: Ask, cx: &mut Context<'_>) {
        let session = self.id;
        let letter = Letter::Ask {
            transfer,
            session,
            ask,
        };
        let to = Owner::Transfer(transfer);
        cx.outbox.send(self.me(), to, Envelope::Transfer(letter));
    }

    fn offer(
        &mut self,
        offer: &transfer::Offer<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        let (request, transfer) = (offer.request, offer.transfer);
        if !self.begin(request, Pending::Answer, cx)? || !self.may_announce(request, cx) {
            return Ok(());
        }
        let offered = self.transfers.count(|end| matches!(end, End::Sender(_)));
        let code = if !matches!(offer.to, Address::User(_) | Address::Session(_)) {
            Code::UNREACHABLE
        } else if self.transfers.ends.contains_key(&transfer) {
            //= XFER-023
            Code::ID_IN_USE
        } else if offered >= limits::MAX_TRANSFERS {
            //= XFER-021
            Code::TOO_MANY
        } else {
            Code::NONE
        };
        if code != Code::NONE {
            self.outcome(request, code, cx);
            return Ok(());
        }
        self.transfers.ends.insert(transfer, End::Sender(None));
        let proposal = Proposal {
            request,
            to: offer.to,
            user: self.who.user,
            user_name: self.who.name.clone(),
            size: offer.size,
            name: offer.name.as_str().to_string(),
            content_type: offer.content_type.as_str().to_string(),
        };
        let letter = Letter::Offer {
            transfer,
            session: self.id,
            proposal,
        };
        let to = Owner::Transfer(transfer);
        cx.outbox.send(self.me(), to, Envelope::Transfer(letter));
        Ok(())
    }

    /// A letter about a transfer.
    pub(super) fn transfer_letter(&mut self, letter: Letter, cx: &mut Context<'_>) {
        let (transfer, tell) = match letter {
            Letter::Tell { transfer, tell } => (transfer, tell),
            // Addressed to this session: its user decides, as for any other offer.
            Letter::Bring {
                transfer,
                sender,
                from,
                frame,
                ..
            } => {
                let only = Some(self.id);
                let letter = Letter::Bring {
                    transfer,
                    sender,
                    from,
                    only,
                    frame,
                };
                let to = Owner::User(self.who.user);
                return cx.outbox.send(self.me(), to, Envelope::Transfer(letter));
            }
            Letter::Offer { .. } | Letter::Ask { .. } | Letter::Reached { .. } => {
                debug_assert!(false, "not for a session: {letter:?}");
                return;
            }
        };
        match tell {
            Tell::Answer { request, code } => {
                if code != Code::DELIVERED {
                    self.forget(transfer, cx.now);
                }
                self.outcome(request, code, cx);
            }
            Tell::Offered { frame } => self.offered(transfer, frame, cx),
            Tell::Send {
                attempt,
                offset,
                size,
                rate,
            } => {
                self.halt(transfer, cx);
                let Some(End::Sender(granted)) = self.transfers.ends.get_mut(&transfer) else {
                    return;
                };
                *granted = Some(Granted {
                    attempt,
                    offset,
                    size,
                    rate,
                    void: false,
                    came: false,
                    stream: None,
                });
                let send = Send {
                    transfer,
                    attempt,
                    offset,
                    rate,
                    params: Params::NONE,
                };
                self.send(send.encode(), cx);
            }
            Tell::Open {
                attempt,
                offset,
                size,
            } => self.open(transfer, attempt, offset, size, cx),
            Tell::Halt => {
                self.halt(transfer, cx);
                if let Some(End::Sender(Some(granted))) = self.transfers.ends.get_mut(&transfer) {
                    granted.void = true;
                }
            }
            Tell::Frame { frame } => {
                if self.transfers.ends.contains_key(&transfer) {
                    self.send(frame, cx);
                }
            }
            Tell::Over { code } => {
                self.halt(transfer, cx);
                let known = self.transfers.ends.contains_key(&transfer);
                self.forget(transfer, cx.now);
                if known {
                    //= XFER-020
                    self.send(end_frame(transfer, code), cx);
                }
            }
        }
    }

    fn offered(&mut self, transfer: TransferId, frame: Bytes, cx: &mut Context<'_>) {
        // The end may have come from the transfer's owner before the offer from the user's.
        if self.transfers.has_ended(transfer, cx.now) {
            return;
        }
        let open = self.transfers.count(|end| *end == End::Device);
        //= XFER-021
        if open >= limits::MAX_OFFERS || self.transfers.ends.contains_key(&transfer) {
            let (session, code) = (self.id, Code::TOO_MANY);
            let letter = Envelope::PartyOut { session, code };
            return cx.outbox.send(self.me(), Owner::Transfer(transfer), letter);
        }
        self.transfers.ends.insert(transfer, End::Device);
        self.send(frame, cx);
    }

    fn forget(&mut self, transfer: TransferId, now: Instant) {
        self.transfers.ends.remove(&transfer);
        // Its stream, or its offer, may still be on the way.
        if !self.transfers.has_ended(transfer, now) {
            if self.transfers.ended.len() >= REMEMBERED {
                self.transfers.ended.pop_front();
            }
            let until = now.after(limits::REMEMBERED);
            self.transfers.ended.push_back((until, transfer));
        }
    }

    /// Breaks a transfer's stream off, if it has one.
    fn halt(&mut self, transfer: TransferId, cx: &mut Context<'_>) {
        let Some(end) = self.transfers.ends.get_mut(&transfer) else {
            return;
        };
        let (stream, inward) = match end {
            End::Sender(Some(granted)) => (granted.stream.take(), true),
            End::Receiver { stream, .. } => (stream.take(), false),
            End::Sender(None) | End::Device => return,
        };
        let (Some(id), Some(conn)) = (stream, self.conn()) else {
            return;
        };
        self.transfers.streams.remove(&id);
        let code = Code::NONE;
        cx.streams.push_back(match inward {
            true => Output::Stop { conn, id, code },
            false => Output::Reset { conn, id, code },
        });
    }

    /// Opens the stream that brings the payload to this session.
    fn open(
        &mut self,
        transfer: TransferId,
        attempt: u32,
        offset: u64,
        size: u64,
        cx: &mut Context<'_>,
    ) {
        self.halt(transfer, cx);
        let Some(conn) = self.conn() else { return };
        let Some(End::Receiver {
            attempt: newest,
            stream,
        }) = self.transfers.ends.get_mut(&transfer)
        else {
            return;
        };
        let id = StreamId {
            by_peer: false,
            index: self.transfers.opened,
        };
        self.transfers.opened = self.transfers.opened.saturating_add(1);
        (*newest, *stream) = (attempt, Some(id));
        self.transfers.streams.insert(id, transfer);
        let bulk = Bulk {
            transfer,
            attempt,
            offset,
            params: Params::NONE,
        };
        cx.streams.push_back(Output::Open { conn, id });
        cx.streams.push_back(Output::Write {
            conn,
            id,
            bytes: bulk.encode(),
            fin: false,
        });
        let splice = Splice {
            transfer,
            attempt,
            direction: Direction::Out,
            from: offset,
            to: size,
            rate: 0,
        };
        cx.streams.push_back(Output::Splice { conn, id, splice });
    }

    /// Whether a stream carries payload already.
    pub(crate) fn carries(&self, id: StreamId) -> bool {
        self.transfers.streams.contains_key(&id)
    }

    /// BULK, the first frame of a stream of the client.
    pub(crate) fn bulk(
        &mut self,
        id: StreamId,
        bulk: &Bulk<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        let Some(conn) = self.conn() else {
            return Ok(());
        };
        let transfer = bulk.transfer;
        let has_ended = self.transfers.has_ended(transfer, cx.now);
        let granted = match self.transfers.ends.get_mut(&transfer) {
            Some(End::Sender(Some(granted))) if bulk.attempt <= granted.attempt => Some(granted),
            None if has_ended => None,
            //= WIRE-009, XFER-011
            _ => return Err(Violation::UnexpectedStream),
        };
        // Nothing goes the other way.
        cx.streams.push_back(Output::Write {
            conn,
            id,
            bytes: Bytes::new(),
            fin: true,
        });
        let Some(granted) = granted.filter(|granted| granted.attempt == bulk.attempt) else {
            //= XFER-024
            let code = Code::NONE;
            cx.streams.push_back(Output::Stop { conn, id, code });
            return Ok(());
        };
        //= XFER-011
        if granted.came || granted.offset != bulk.offset {
            return Err(Violation::UnexpectedStream);
        }
        granted.came = true;
        if granted.void {
            //= XFER-024
            let code = Code::NONE;
            cx.streams.push_back(Output::Stop { conn, id, code });
            return Ok(());
        }
        granted.stream = Some(id);
        let splice = Splice {
            transfer,
            attempt: granted.attempt,
            direction: Direction::In,
            from: granted.offset,
            to: granted.size,
            rate: granted.rate,
        };
        let attempt = granted.attempt;
        cx.streams.push_back(Output::Splice { conn, id, splice });
        self.transfers.streams.insert(id, transfer);
        self.ask(transfer, Ask::Opened { attempt }, cx);
        Ok(())
    }

    /// How a stream fares that carries payload.
    pub(crate) fn carried(&mut self, id: StreamId, carried: Carried, cx: &mut Context<'_>) {
        let Some(transfer) = self.transfers.streams.get(&id).copied() else {
            return;
        };
        let (attempt, inward) = match self.transfers.ends.get(&transfer) {
            Some(End::Sender(Some(granted))) => (granted.attempt, true),
            Some(End::Receiver { attempt, .. }) => (*attempt, false),
            Some(End::Sender(None) | End::Device) | None => return,
        };
        let ask = match (carried, inward) {
            (Carried::Moving, _) | (Carried::Complete { .. }, false) => Ask::Moved { attempt },
            (Carried::Complete { .. }, true) => Ask::AllIn { attempt },
            //= XFER-016
            (Carried::WrongSize, _) => Ask::WrongSize { attempt },
            //= XFER-020
            (Carried::Broken | Carried::Failed, _) => Ask::Abort,
            // The session is about to hear of it.
            (Carried::Lost, _) => return,
        };
        if !matches!(carried, Carried::Moving) {
            self.transfers.streams.remove(&id);
            match self.transfers.ends.get_mut(&transfer) {
                Some(End::Sender(Some(granted))) => granted.stream = None,
                Some(End::Receiver { stream, .. }) => *stream = None,
                _ => {}
            }
        }
        self.ask(transfer, ask, cx);
    }
}

fn end_frame(transfer: TransferId, code: Code) -> Bytes {
    TransferEnd {
        transfer,
        code,
        params: Params::NONE,
    }
    .encode()
}
