//! Transfers at a client: its commands, the server's frames about them, and their streams.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};

use bytes::Bytes;

use super::event::Event;
use super::{Asked, Client};
use crate::code::Code;
use crate::error::{EndReason, Initiator, UsageError, Violation};
use crate::id::{RequestId, TransferId};
use crate::io::{ConnId, Output, StreamId};
use crate::limits;
use crate::message::transfer::{
    Bulk, Decline, Digest, Message, Offer, Progress, Receive, TransferEnd, Verified,
};
use crate::message::{Message as AnyMessage, Wire, admit};
use crate::session::client::{Link, Phase as LinkPhase};
use crate::table::Verdict;
use crate::time::Instant;
use crate::transfer::client::{Happening, Phase, Transfer, verdict};
use crate::transfer::{Carried, Direction, Splice};
use crate::wire::{Address, Framer, Params, Sender, Text};

/// Transfers that ended, of which a stream may still come.
const REMEMBERED: usize = 64;

/// What is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offering {
    /// Bytes of the payload.
    pub size: u64,
    /// A name for it, at most 255 bytes, without a path.
    pub name: String,
    /// Its media type (RFC 6838), at most 128 bytes; empty where it is not known.
    pub content_type: String,
}

/// What a client knows of its transfers.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    live: BTreeMap<TransferId, Transfer>,
    ended: VecDeque<TransferId>,
    /// Streams of the server whose first frame is not whole yet.
    heads: BTreeMap<StreamId, Framer>,
    streams: BTreeMap<StreamId, TransferId>,
    /// Streams that this side opened on the present link, beyond the first.
    opened: u32,
}

impl Client {
    /// Offers a transfer to a user or a session. The driver is to have a source for it before the receiver accepts;
    /// [`Event::Answer`] says whether it was offered, and
    /// [`Event::TransferEnded`] how it ended.
    pub fn offer(
        &mut self,
        now: Instant,
        to: Address,
        offering: &Offering,
    ) -> Result<(TransferId, RequestId), UsageError> {
        let name = Text::new(&offering.name).ok_or(UsageError::TooLarge)?;
        let content_type = Text::new(&offering.content_type).ok_or(UsageError::TooLarge)?;
        let own = self.transfers.live.values().filter(|t| t.is_sender);
        if own.count() >= limits::MAX_TRANSFERS {
            return Err(UsageError::TooMany);
        }
        self.ready(now, 512)?;
        //= XFER-001
        let transfer = TransferId(self.random.id());
        let request = self.request(now, Asked::Offer(transfer), 512)?;
        let size = offering.size;
        let known = Transfer::new(transfer, Phase::Offering, true, size);
        self.transfers.live.insert(transfer, known);
        self.send(
            Offer {
                to,
                request,
                transfer,
                size,
                name,
                content_type,
                params: Params::NONE,
            }
            .encode(),
        );
        self.settle();
        Ok((transfer, request))
    }

    /// Accepts an offer. `offset` is how much of it is here already: the driver is to have a sink that holds so many
    /// bytes, and takes the rest.
    pub fn receive(
        &mut self,
        now: Instant,
        transfer: TransferId,
        offset: u64,
    ) -> Result<(), UsageError> {
        let known = self.transfer(transfer)?;
        if offset > known.size {
            return Err(UsageError::TooLarge);
        }
        let taken = |t: &&Transfer| !t.is_sender && t.phase != Phase::Incoming;
        if self.transfers.live.values().filter(taken).count() >= limits::MAX_TRANSFERS {
            return Err(UsageError::TooMany);
        }
        self.ready(now, 64)?;
        self.command(transfer, Happening::LocalReceive)?;
        if let Some(known) = self.transfers.live.get_mut(&transfer) {
            known.at = offset;
        }
        self.ask_for(transfer);
        self.settle();
        Ok(())
    }

    /// Declines an offer, with `declined`, `too_large`, `too_many` or `forbidden`.
    pub fn decline(
        &mut self,
        now: Instant,
        transfer: TransferId,
        code: Code,
    ) -> Result<(), UsageError> {
        self.transfer(transfer)?;
        self.ready(now, 64)?;
        self.command(transfer, Happening::LocalDecline)?;
        let params = Params::NONE;
        self.send(
            Decline {
                transfer,
                code,
                params,
            }
            .encode(),
        );
        self.end_transfer(transfer, EndReason::new(code, Initiator::Local));
        self.settle();
        Ok(())
    }

    /// Gives a transfer up, as its sender or its receiver.
    pub fn cancel_transfer(
        &mut self,
        now: Instant,
        transfer: TransferId,
    ) -> Result<(), UsageError> {
        self.transfer(transfer)?;
        self.ready(now, 64)?;
        self.command(transfer, Happening::LocalCancel)?;
        self.give_up(transfer, Code::ABORTED);
        self.settle();
        Ok(())
    }

    /// The transfers that this client has a part in, and how far each has come.
    pub fn transfers(&self) -> impl Iterator<Item = (TransferId, Phase, u64)> {
        let live = self.transfers.live.values();
        live.map(|transfer| (transfer.id, transfer.phase, transfer.at))
    }

    fn transfer(&self, transfer: TransferId) -> Result<&Transfer, UsageError> {
        let known = self.transfers.live.get(&transfer);
        known.ok_or(UsageError::NoSuchTransfer)
    }

    fn command(&mut self, transfer: TransferId, happening: Happening) -> Result<(), UsageError> {
        let known = self.transfers.live.get_mut(&transfer);
        let known = known.ok_or(UsageError::NoSuchTransfer)?;
        match verdict(known.phase, happening).0 {
            Verdict::Go(phase) => {
                known.phase = phase;
                Ok(())
            }
            Verdict::Misuse(error) => Err(error),
            Verdict::Ignore | Verdict::Refuse(_) | Verdict::Breach(_) => {
                Err(UsageError::WrongState)
            }
        }
    }

    /// Takes a step; false where it means nothing here.
    fn step(&mut self, transfer: TransferId, happening: Happening) -> Result<bool, Violation> {
        let Some(known) = self.transfers.live.get_mut(&transfer) else {
            return Ok(false);
        };
        match verdict(known.phase, happening).0 {
            Verdict::Go(phase) => {
                known.phase = phase;
                Ok(true)
            }
            Verdict::Breach(violation) => Err(violation),
            Verdict::Ignore | Verdict::Refuse(_) | Verdict::Misuse(_) => Ok(false),
        }
    }

    fn control(&self) -> Option<ConnId> {
        match &self.link {
            Link::Up(up) if up.phase == LinkPhase::Online => Some(up.conn),
            _ => None,
        }
    }

    /// RECEIVE, from what is here.
    fn ask_for(&mut self, transfer: TransferId) {
        if let Some(known) = self.transfers.live.get(&transfer) {
            //= XFER-014
            let (offset, params) = (known.at, Params::NONE);
            self.send(
                Receive {
                    transfer,
                    offset,
                    params,
                }
                .encode(),
            );
        }
    }

    fn give_up(&mut self, transfer: TransferId, code: Code) {
        let params = Params::NONE;
        self.send(
            TransferEnd {
                transfer,
                code,
                params,
            }
            .encode(),
        );
        self.end_transfer(transfer, EndReason::new(code, Initiator::Local));
    }

    /// A transfer is over: its stream is broken off, the application is told.
    pub(super) fn end_transfer(&mut self, transfer: TransferId, reason: EndReason) {
        self.break_off(transfer);
        if self.transfers.live.remove(&transfer).is_none() {
            return;
        }
        if self.transfers.ended.len() >= REMEMBERED {
            self.transfers.ended.pop_front();
        }
        self.transfers.ended.push_back(transfer);
        self.events
            .push_back(Event::TransferEnded { transfer, reason });
    }

    fn break_off(&mut self, transfer: TransferId) {
        let Some(known) = self.transfers.live.get_mut(&transfer) else {
            return;
        };
        let (is_sender, stream) = (known.is_sender, known.stream.take());
        let (Some(id), Some(conn)) = (stream, self.control()) else {
            return;
        };
        self.transfers.streams.remove(&id);
        let code = Code::NONE;
        self.outputs.push_back(match is_sender {
            true => Output::Reset { conn, id, code },
            false => Output::Stop { conn, id, code },
        });
    }

    /// The session is over, and every transfer with it.
    pub(super) fn lose_transfers(&mut self) {
        self.unlink_transfers();
        while let Some(transfer) = self.transfers.live.keys().next().copied() {
            self.end_transfer(transfer, EndReason::new(Code::LOST, Initiator::Network));
        }
        self.transfers.ended.clear();
    }

    /// Every stream is gone with its link.
    pub(super) fn unlink_transfers(&mut self) {
        self.transfers.heads.clear();
        self.transfers.streams.clear();
        self.transfers.opened = 0;
        for known in self.transfers.live.values_mut() {
            known.stream = None;
        }
    }

    /// The session has another link: what was being received goes on.
    pub(super) fn resume_transfers(&mut self) {
        self.unlink_transfers();
        let known: alloc::vec::Vec<TransferId> = self.transfers.live.keys().copied().collect();
        for transfer in known {
            let went_on = self.step(transfer, Happening::Relinked).unwrap_or(false);
            let phase = self.transfers.live.get(&transfer).map(|t| t.phase);
            if went_on && phase == Some(Phase::Asking) {
                self.ask_for(transfer);
            }
        }
    }

    pub(super) fn transfer_frame(&mut self, message: Message<'_>) -> Result<(), Violation> {
        match message {
            Message::Offered(m) => {
                let offering = Offering {
                    size: m.size,
                    name: m.name.as_str().to_string(),
                    content_type: m.content_type.as_str().to_string(),
                };
                let mut known = Transfer::new(m.transfer, Phase::Incoming, false, m.size);
                known.peer = Some(m.user);
                self.transfers.live.insert(m.transfer, known);
                self.events.push_back(Event::TransferOffered {
                    transfer: m.transfer,
                    user: m.user,
                    session: m.session,
                    user_name: m.user_name.as_str().to_string(),
                    offering,
                });
            }
            Message::Send(m) => {
                if self.step(m.transfer, Happening::PeerSend)? {
                    return self.send_payload(m.transfer, m.attempt, m.offset, m.rate);
                }
            }
            Message::Progress(m) => {
                if self.step(m.transfer, Happening::PeerProgress)? {
                    let (transfer, at) = (m.transfer, m.received);
                    self.events
                        .push_back(Event::TransferProgress { transfer, at });
                }
            }
            Message::Digest(m) => {
                if self.step(m.transfer, Happening::PeerDigest)? {
                    if let Some(known) = self.transfers.live.get_mut(&m.transfer) {
                        known.digest = Some(m.sha256);
                    }
                    self.judge(m.transfer);
                }
            }
            Message::TransferEnd(m) => {
                if self.step(m.transfer, Happening::PeerEnd)? {
                    self.end_transfer(m.transfer, EndReason::new(m.code, Initiator::Peer));
                }
            }
            Message::Offer(_)
            | Message::Receive(_)
            | Message::Decline(_)
            | Message::Verified(_)
            | Message::Bulk(_) => return Err(Violation::UnexpectedFrame),
        }
        Ok(())
    }

    /// VERIFIED, once all is here and the digest too.
    fn judge(&mut self, transfer: TransferId) {
        let Some(known) = self.transfers.live.get(&transfer) else {
            return;
        };
        let (Phase::Verified, Some(digest)) = (known.phase, known.digest) else {
            return;
        };
        //= XFER-019
        let code = match digest == known.own_digest {
            true => Code::DELIVERED,
            false => Code::DIGEST_MISMATCH,
        };
        let params = Params::NONE;
        self.send(
            Verified {
                transfer,
                code,
                params,
            }
            .encode(),
        );
    }

    /// Opens the transfer's stream, as SEND says.
    fn send_payload(
        &mut self,
        transfer: TransferId,
        attempt: u32,
        offset: u64,
        rate: u32,
    ) -> Result<(), Violation> {
        self.break_off(transfer);
        let (Some(conn), Some(known)) = (self.control(), self.transfers.live.get_mut(&transfer))
        else {
            return Ok(());
        };
        if offset > known.size {
            return Err(Violation::UnexpectedFrame);
        }
        //= XFER-026
        self.transfers.opened = self.transfers.opened.saturating_add(1);
        let id = StreamId {
            by_peer: false,
            index: self.transfers.opened,
        };
        (known.attempt, known.at, known.stream) = (attempt, offset, Some(id));
        let splice = Splice {
            transfer,
            attempt,
            direction: Direction::Out,
            from: offset,
            to: known.size,
            rate,
        };
        self.transfers.streams.insert(id, transfer);
        let bulk = Bulk {
            transfer,
            attempt,
            offset,
            params: Params::NONE,
        };
        let bytes = bulk.encode();
        self.outputs.push_back(Output::Open { conn, id });
        self.outputs.push_back(Output::Write {
            conn,
            id,
            bytes,
            fin: false,
        });
        self.outputs.push_back(Output::Splice { conn, id, splice });
        let at = offset;
        self.events
            .push_back(Event::TransferStarted { transfer, at });
        Ok(())
    }

    /// Bytes of a stream that the server opened, or of the unused direction of one that this side did.
    pub(super) fn other_stream(
        &mut self,
        conn: ConnId,
        id: StreamId,
        bytes: Bytes,
        fin: bool,
    ) -> Result<(), Violation> {
        if !id.by_peer || self.transfers.streams.contains_key(&id) {
            return match bytes.is_empty() {
                true => Ok(()),
                false => Err(Violation::UnexpectedStream),
            };
        }
        if self.control() != Some(conn) || self.transfers.heads.len() >= limits::MAX_STREAMS_BEYOND
        {
            return Err(Violation::UnexpectedStream);
        }
        let head = self
            .transfers
            .heads
            .entry(id)
            .or_insert_with(|| Framer::new(limits::MAX_FRAME as u32));
        head.push(bytes);
        let frame = match head.next_frame()? {
            Some(frame) if !head.is_mid_frame() => frame,
            None if !fin => return Ok(()),
            _ => return Err(Violation::UnexpectedStream),
        };
        self.transfers.heads.remove(&id);
        let Some(AnyMessage::Transfer(Message::Bulk(bulk))) = admit(&frame, Sender::Server)? else {
            return Err(Violation::UnexpectedStream);
        };
        self.bulk(conn, id, &bulk)
    }

    fn bulk(&mut self, conn: ConnId, id: StreamId, bulk: &Bulk<'_>) -> Result<(), Violation> {
        let transfer = bulk.transfer;
        let known = self.transfers.live.get(&transfer);
        if known.is_none() && !self.transfers.ended.contains(&transfer) {
            //= XFER-012
            return Err(Violation::UnexpectedStream);
        }
        let at = known.map(|known| known.at);
        self.outputs.push_back(Output::Write {
            conn,
            id,
            bytes: Bytes::new(),
            fin: true,
        });
        if !self.step(transfer, Happening::PeerStream)? {
            // It is over here, or this stream was lost already.
            //= XFER-024
            let code = Code::NONE;
            self.outputs.push_back(Output::Stop { conn, id, code });
            return Ok(());
        }
        //= XFER-012
        if at != Some(bulk.offset) {
            return Err(Violation::UnexpectedStream);
        }
        let Some(known) = self.transfers.live.get_mut(&transfer) else {
            return Ok(());
        };
        (known.attempt, known.stream) = (bulk.attempt, Some(id));
        let splice = Splice {
            transfer,
            attempt: bulk.attempt,
            direction: Direction::In,
            from: bulk.offset,
            to: known.size,
            rate: 0,
        };
        self.transfers.streams.insert(id, transfer);
        self.outputs.push_back(Output::Splice { conn, id, splice });
        let at = bulk.offset;
        self.events
            .push_back(Event::TransferStarted { transfer, at });
        Ok(())
    }

    /// A stream of the server was given up before its first frame was whole.
    pub(super) fn other_reset(&mut self, id: StreamId) {
        self.transfers.heads.remove(&id);
    }

    /// How a stream fares that carries payload.
    pub(super) fn carried(&mut self, conn: ConnId, id: StreamId, at: u64, carried: Carried) {
        let on_link = match &self.link {
            Link::Up(up) => up.conn == conn,
            _ => false,
        };
        let Some(transfer) = self.transfers.streams.get(&id).copied().filter(|_| on_link) else {
            return;
        };
        let now = self.now;
        let Some(known) = self.transfers.live.get_mut(&transfer) else {
            return;
        };
        known.at = at;
        let is_sender = known.is_sender;
        let due = known
            .told
            .is_none_or(|told| now >= told.after(limits::PROGRESS));
        let has_digest = known.digest.is_some();
        match carried {
            Carried::Moving => {
                let event = Event::TransferProgress { transfer, at };
                if !is_sender {
                    self.events.push_back(event);
                    if due {
                        //= XFER-017
                        known.told = Some(now);
                        let (received, params) = (at, Params::NONE);
                        self.send(
                            Progress {
                                transfer,
                                received,
                                params,
                            }
                            .encode(),
                        );
                    }
                }
            }
            Carried::Complete { sha256 } => {
                known.own_digest = sha256;
                known.stream = None;
                self.transfers.streams.remove(&id);
                let happening = match has_digest {
                    true => Happening::CompleteAndDigest,
                    false => Happening::Complete,
                };
                if !self.step(transfer, happening).unwrap_or(false) {
                    return;
                }
                if is_sender {
                    //= XFER-018
                    let params = Params::NONE;
                    self.send(
                        Digest {
                            transfer,
                            sha256,
                            params,
                        }
                        .encode(),
                    );
                } else {
                    self.events
                        .push_back(Event::TransferProgress { transfer, at });
                    self.judge(transfer);
                }
            }
            Carried::WrongSize | Carried::Failed => {
                let code = match carried {
                    Carried::WrongSize => Code::WRONG_SIZE,
                    _ => Code::ABORTED,
                };
                let _ = self.step(transfer, Happening::LocalCancel);
                self.give_up(transfer, code);
            }
            Carried::Broken | Carried::Lost => {
                known.stream = None;
                self.transfers.streams.remove(&id);
                let went_on = self.step(transfer, Happening::StreamLost).unwrap_or(false);
                // With the link it is asked for once there is another.
                if went_on && !is_sender && carried == Carried::Broken {
                    self.ask_for(transfer);
                }
            }
        }
    }
}
