//! The transfers that this server owns, and the streams that carry them.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::delivery;
use super::envelope::{Letter, Outbox, Owner};
use super::timers::Key;
use super::{Conn, Event, Server};
use crate::code::Code;
use crate::error::Violation;
use crate::id::{SessionId, TransferId};
use crate::io::{ConnId, Output, StreamId};
use crate::limits;
use crate::message::transfer as message;
use crate::message::{Message, admit};
use crate::session::server::{Onward, Session};
use crate::time::Instant;
use crate::transfer::server::Transfer;
use crate::transfer::{self, Carried, Proposal, Tell};
use crate::wire::{Frame, Framer, Sender};

/// Transfers, and the ids of those that have ended.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    live: BTreeMap<TransferId, Transfer>,
    /// Ended transfers whose ids are still refused.
    remembered: VecDeque<(Instant, TransferId)>,
    remembered_ids: BTreeSet<TransferId>,
    /// Streams whose first frame is not whole yet.
    heads: BTreeMap<ConnId, BTreeMap<StreamId, Framer>>,
}

impl Transfers {
    pub(super) fn census(&self) -> usize {
        self.live.len()
    }

    /// The first frame of a stream, once it is whole; a driver hands over nothing behind it.
    fn first_frame(
        &mut self,
        conn: ConnId,
        id: StreamId,
        bytes: Bytes,
        fin: bool,
    ) -> Result<Option<Frame>, Violation> {
        let heads = self.heads.entry(conn).or_default();
        //= WIRE-009
        if !heads.contains_key(&id) && heads.len() >= limits::MAX_STREAMS_BEYOND {
            return Err(Violation::UnexpectedStream);
        }
        let head = heads
            .entry(id)
            .or_insert_with(|| Framer::new(limits::MAX_FRAME as u32));
        head.push(bytes);
        match head.next_frame()? {
            Some(frame) if !head.is_mid_frame() => {
                heads.remove(&id);
                Ok(Some(frame))
            }
            None if !fin => Ok(None),
            _ => Err(Violation::UnexpectedStream),
        }
    }

    /// A connection is over.
    pub(super) fn forget_conn(&mut self, conn: ConnId) {
        self.heads.remove(&conn);
    }

    fn remember(&mut self, id: TransferId, until: Instant) {
        if self.remembered.len() >= limits::MAX_REMEMBERED_TRANSFERS
            && let Some((_, oldest)) = self.remembered.pop_front()
        {
            self.remembered_ids.remove(&oldest);
        }
        self.remembered.push_back((until, id));
        self.remembered_ids.insert(id);
    }

    /// Ids whose time has come may be used again.
    pub(super) fn forget_until(&mut self, now: Instant) {
        while let Some((_, id)) = self.remembered.pop_front_if(|(until, _)| *until <= now) {
            self.remembered_ids.remove(&id);
        }
    }
}

impl Server {
    pub(super) fn deliver_to_transfer(&mut self, id: TransferId, letter: Letter) {
        if let Some(transfer) = self.transfers.live.get_mut(&id)
            && !matches!(letter, Letter::Transfer(transfer::Letter::Offer { .. }))
        {
            transfer.receive(letter, self.now, &mut self.outbox);
            return self.refresh_transfer(id);
        }
        match letter {
            Letter::Transfer(transfer::Letter::Offer {
                session, proposal, ..
            }) => {
                if let Some(code) = self.refusal(id, &proposal) {
                    let request = proposal.request;
                    let tell = Tell::Answer { request, code };
                    let letter = transfer::Letter::Tell { transfer: id, tell };
                    let (me, to) = (Owner::Transfer(id), Owner::Session(session));
                    return self.outbox.send(me, to, Letter::Transfer(letter));
                }
                let size = proposal.size;
                let (now, rate) = (self.now, self.config.transfer_rate);
                let transfer = Transfer::new(id, session, &proposal, rate, now, &mut self.outbox);
                self.transfers.live.insert(id, transfer);
                self.event(Event::TransferBegan { transfer: id, size });
                self.refresh_transfer(id);
            }
            letter => delivery::bounce(
                Owner::Directory,
                Owner::Transfer(id),
                letter,
                &mut self.outbox,
            ),
        }
    }

    fn refusal(&self, id: TransferId, proposal: &Proposal) -> Option<Code> {
        //= XFER-023
        if self.transfers.live.contains_key(&id) || self.transfers.remembered_ids.contains(&id) {
            return Some(Code::ID_IN_USE);
        }
        //= XFER-025
        if proposal.size > self.config.max_transfer {
            return Some(Code::TOO_LARGE);
        }
        (self.transfers.live.len() >= limits::MAX_SERVER_TRANSFERS).then_some(Code::TOO_MANY)
    }

    /// Notes a transfer's next deadline, or its end: then only its id is kept.
    fn refresh_transfer(&mut self, id: TransferId) {
        let Some(transfer) = self.transfers.live.get(&id) else {
            return;
        };
        let (at, ended) = (
            transfer.deadline().map(|deadline| deadline.at),
            transfer.ended_with(),
        );
        self.timers.set(Key::Owner(Owner::Transfer(id)), at);
        if let Some(code) = ended {
            self.transfers.live.remove(&id);
            self.transfers
                .remember(id, self.now.after(limits::REMEMBERED));
            self.event(Event::TransferEnded { transfer: id, code });
        }
    }

    pub(super) fn wake_transfer(&mut self, id: TransferId) {
        if let Some(transfer) = self.transfers.live.get_mut(&id) {
            transfer.wake(self.now, &mut self.outbox);
        }
        self.refresh_transfer(id);
    }

    /// Streams beyond the first are for those who are logged in.
    pub(super) fn allow_streams(&mut self, conn: ConnId) {
        let streams = limits::MAX_STREAMS_BEYOND.saturating_add(1) as u32;
        self.streams.push_back(Output::Allow { conn, streams });
    }

    /// Bytes of another stream than the first: the frame that says what it is for.
    pub(super) fn other_stream(
        &mut self,
        session: SessionId,
        conn: ConnId,
        id: StreamId,
        bytes: Bytes,
        fin: bool,
    ) {
        let Some(known) = self.sessions.get(&session) else {
            return;
        };
        if known.conn() != Some(conn) {
            return;
        }
        if known.carries(id) || !id.by_peer {
            // The receiver's side of a stream carries nothing; its end is of no interest.
            if !bytes.is_empty() {
                self.breach(conn, Violation::UnexpectedStream);
            }
            return;
        }
        match self.transfers.first_frame(conn, id, bytes, fin) {
            Ok(None) => {}
            Ok(Some(frame)) => match admit(&frame, Sender::Client) {
                Ok(Some(Message::Transfer(message::Message::Bulk(bulk)))) => {
                    self.with_session(session, |session, cx| {
                        session.bulk(id, &bulk, cx).map(|()| Onward::Stay)
                    });
                }
                //= WIRE-009
                Ok(_) => self.breach(conn, Violation::UnexpectedStream),
                Err(violation) => self.breach(conn, violation),
            },
            Err(violation) => self.breach(conn, violation),
        }
    }

    /// The peer abandoned a stream: its control stream, or one whose first frame never came.
    pub(super) fn reset(&mut self, conn: ConnId, id: StreamId) {
        if id == StreamId::FIRST_OF_PEER {
            return self.breach(conn, Violation::StreamEnded);
        }
        if let Some(heads) = self.transfers.heads.get_mut(&conn) {
            heads.remove(&id);
        }
    }

    pub(super) fn carried(&mut self, conn: ConnId, id: StreamId, carried: Carried) {
        let Some(Conn::Session { session, .. }) = self.conns.get(&conn) else {
            return;
        };
        let session = *session;
        if self.sessions.get(&session).and_then(Session::conn) == Some(conn) {
            self.with_session(session, |session, cx| {
                session.carried(id, carried, cx);
                Ok(Onward::Stay)
            });
        }
    }
}

/// Answers for a machine that is not there.
pub(super) fn bounce(to: Owner, letter: transfer::Letter, out: &mut Outbox) {
    match (to, letter) {
        (
            Owner::Session(session),
            transfer::Letter::Tell {
                transfer,
                tell: Tell::Offered { .. },
            },
        ) => {
            let code = Code::SESSION_ENDED;
            let letter = Letter::PartyOut { session, code };
            out.send(to, Owner::Transfer(transfer), letter);
        }
        (_, transfer::Letter::Bring { transfer, .. }) => {
            let sessions = alloc::vec::Vec::new();
            let letter = transfer::Letter::Reached { transfer, sessions };
            out.send(to, Owner::Transfer(transfer), Letter::Transfer(letter));
        }
        // It ended before its offer had reached anybody, or before this was said.
        (Owner::Transfer(_), transfer::Letter::Reached { transfer, sessions }) => {
            for session in sessions {
                tell_over(transfer, session, Code::ABORTED, out);
            }
        }
        (
            Owner::Transfer(_),
            transfer::Letter::Ask {
                transfer, session, ..
            },
        ) => tell_over(transfer, session, Code::NOT_IN_TRANSFER, out),
        _ => {}
    }
}

fn tell_over(transfer: TransferId, session: SessionId, code: Code, out: &mut Outbox) {
    let tell = Tell::Over { code };
    let letter = Letter::Transfer(transfer::Letter::Tell { transfer, tell });
    out.send(Owner::Transfer(transfer), Owner::Session(session), letter);
}
