//! A transfer as its owner keeps it: who offers, who took it, where the payload begins, when it counts as stalled. Who
//! may do what, and when, is the table's.

use alloc::vec::Vec;

use crate::code::Code;
use crate::id::{RequestId, SessionId, TransferId};
use crate::io::{Deadline, Timer};
use crate::limits;
use crate::message::Wire;
use crate::message::transfer::{Digest, Offered, Progress};
use crate::server::envelope::{Letter as Envelope, Outbox, Owner};
use crate::table::{Verdict, table};
use crate::time::Instant;
use crate::transfer::{Ask, Letter, Proposal, Tell};
use crate::wire::{Address, Params, Text};

table! {
    /// A transfer, as its owner at the server sees it
    "transfer-server" begins Offering;
    phases {
        /// The receiver's devices are being told
        Offering,
        /// At least one of them has the offer
        Offered,
        /// Accepted; a side is away, or the receiver has not said from where to go on
        Waiting,
        /// SEND was sent; the stream is on its way
        Starting,
        /// The payload passes
        Flowing,
        /// The sender's last byte has come; digest and verdict are on their way
        Draining,
        /// Over; the id is remembered for a while
        Ended,
    }
    events {
        /// The offer is at the receiver's devices
        Reached,
        /// No device has it, or none any more
        NobodyThere,
        /// RECEIVE, with the sender there
        Receive,
        /// RECEIVE, with the sender away
        ReceiveEarly,
        /// RECEIVE from another device than the one that accepted
        ReceiveElsewhere,
        /// RECEIVE from an offset beyond the size
        ReceiveBeyond,
        /// DECLINE from a device
        DeclineOffer,
        /// BULK of this attempt
        StreamOpened,
        /// The sender's stream ended at the size
        AllIn,
        /// The sender's stream ended elsewhere, or went on
        WrongSize,
        /// DIGEST
        DigestSent,
        /// PROGRESS, or bytes have moved
        Moved,
        /// VERIFIED
        VerdictGiven,
        /// TRANSFER_END from either side, or a stream that one broke
        GivenUp,
        /// The sender's link is lost
        SenderAway,
        /// The receiver's link is lost
        ReceiverAway,
        /// The sender is back, and the receiver has said from where
        BothBack,
        /// A side's session is over
        SideOut,
        /// Nobody answered in time
        OfferTimeout,
        /// Nothing moved for too long
        Stall,
    }
    "XFER-002": Offering, Reached => go(Offered);
    "XFER-002": Offered | Waiting | Starting | Flowing | Draining | Ended, Reached => ignore;
    "XFER-003": Offering | Offered, NobodyThere => go(Ended);
    "XFER-003": Waiting | Starting | Flowing | Draining | Ended, NobodyThere => ignore;
    "XFER-005": Offering | Offered | Waiting, Receive => go(Starting);
    "XFER-005": Offering | Offered | Waiting, ReceiveEarly => go(Waiting);
    "XFER-005": Starting | Flowing | Draining | Ended, Receive | ReceiveEarly => ignore;
    "XFER-008": Waiting | Starting | Flowing | Draining | Ended, ReceiveElsewhere => refuse(ANSWERED_ELSEWHERE);
    "XFER-008": Offering | Offered, ReceiveElsewhere => ignore;
    "XFER-007": Offering | Offered | Waiting, ReceiveBeyond => go(Ended);
    "XFER-007": Starting | Flowing | Draining | Ended, ReceiveBeyond => ignore;
    "XFER-006": Offering | Offered, DeclineOffer => go(Ended);
    "XFER-006": Waiting | Starting | Flowing | Draining | Ended, DeclineOffer => refuse(ANSWERED_ELSEWHERE);
    "XFER-011": Starting, StreamOpened => go(Flowing);
    "XFER-011": Offering | Offered | Waiting | Flowing | Draining | Ended, StreamOpened => ignore;
    "XFER-016": Flowing, AllIn => go(Draining);
    "XFER-016": Offering | Offered | Waiting | Starting | Draining | Ended, AllIn => ignore;
    "XFER-016": Flowing, WrongSize => go(Ended);
    "XFER-016": Offering | Offered | Waiting | Starting | Draining | Ended, WrongSize => ignore;
    "XFER-018": Flowing, DigestSent => go(Flowing);
    "XFER-018": Draining, DigestSent => go(Draining);
    "XFER-018": Offering | Offered | Waiting | Starting | Ended, DigestSent => ignore;
    "XFER-017": Flowing, Moved => go(Flowing);
    "XFER-017": Draining, Moved => go(Draining);
    "XFER-017": Offering | Offered | Waiting | Starting | Ended, Moved => ignore;
    "XFER-019": Waiting | Starting | Flowing | Draining, VerdictGiven => go(Ended);
    "XFER-019": Offering | Offered | Ended, VerdictGiven => ignore;
    "XFER-020": Offering | Offered | Waiting | Starting | Flowing | Draining, GivenUp => go(Ended);
    "XFER-020": Ended, GivenUp => ignore;
    "XFER-013": Starting | Flowing, SenderAway => go(Waiting);
    "XFER-013": Offering | Offered | Waiting | Draining | Ended, SenderAway => ignore;
    "XFER-013": Starting | Flowing | Draining, ReceiverAway => go(Waiting);
    "XFER-013": Offering | Offered | Waiting | Ended, ReceiverAway => ignore;
    "XFER-014": Waiting, BothBack => go(Starting);
    "XFER-014": Offering | Offered | Starting | Flowing | Draining | Ended, BothBack => ignore;
    "XFER-015": Offering | Offered | Waiting | Starting | Flowing | Draining, SideOut => go(Ended);
    "XFER-015": Ended, SideOut => ignore;
    "XFER-004": Offering | Offered, OfferTimeout => go(Ended);
    "XFER-004": Waiting | Starting | Flowing | Draining | Ended, OfferTimeout => ignore;
    "XFER-022": Waiting | Starting | Flowing | Draining, Stall => go(Ended);
    "XFER-022": Offering | Offered | Ended, Stall => ignore;
}

/// A transfer that is not over, or has just ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Transfer {
    id: TransferId,
    phase: Phase,
    size: u64,
    rate: u32,
    /// OFFER's, until it is answered.
    request: Option<RequestId>,
    sender: Side,
    /// The device that accepted.
    receiver: Option<Side>,
    /// Devices that have the offer; from acceptance on, none.
    devices: Vec<SessionId>,
    /// Devices that could not take the offer, before their user said whom it told.
    absent: Vec<SessionId>,
    /// From where the receiver wants it, while that has not been passed on.
    wanted: Option<u64>,
    attempt: u32,
    /// The attempt whose digest was passed on.
    digest_of: u32,
    /// When the offer came, or something last moved.
    since: Instant,
    /// When a PROGRESS was last passed on.
    told: Option<Instant>,
    ended: Option<Code>,
}

/// A side of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Side {
    session: SessionId,
    away: bool,
}

impl Transfer {
    pub(crate) fn new(
        id: TransferId,
        session: SessionId,
        proposal: &Proposal,
        rate: u32,
        now: Instant,
        out: &mut Outbox,
    ) -> Self {
        let frame = Offered {
            to: proposal.to,
            transfer: id,
            user: proposal.user,
            session,
            user_name: Text::cut(&proposal.user_name),
            size: proposal.size,
            name: Text::cut(&proposal.name),
            content_type: Text::cut(&proposal.content_type),
            params: Params::NONE,
        }
        .encode();
        let this = Self {
            id,
            phase: Phase::Offering,
            size: proposal.size,
            rate,
            request: Some(proposal.request),
            sender: Side {
                session,
                away: false,
            },
            receiver: None,
            devices: Vec::new(),
            absent: Vec::new(),
            wanted: None,
            attempt: 0,
            digest_of: 0,
            since: now,
            told: None,
            ended: None,
        };
        let to = match proposal.to {
            Address::User(user) => Owner::User(user),
            Address::Session(session) => Owner::Session(session),
            // Refused before it comes to this.
            Address::Room(room) => Owner::Room(room),
            Address::Service => Owner::Directory,
        };
        let bring = Letter::Bring {
            transfer: id,
            sender: proposal.user,
            from: session,
            only: None,
            frame,
        };
        out.send(this.me(), to, Envelope::Transfer(bring));
        this
    }

    const fn me(&self) -> Owner {
        Owner::Transfer(self.id)
    }

    /// Why it is over, once it is.
    pub(crate) const fn ended_with(&self) -> Option<Code> {
        self.ended
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let away = self.sender.away || self.receiver.is_some_and(|side| side.away);
        let (span, timer) = match self.phase {
            Phase::Offering | Phase::Offered => (limits::OFFER, Timer::Offer),
            // The resume window runs; the session's end will say so.
            Phase::Waiting if away => return None,
            Phase::Starting => (limits::TRANSFER_OPEN, Timer::Stall),
            Phase::Waiting | Phase::Flowing | Phase::Draining => {
                (limits::TRANSFER_STALL, Timer::Stall)
            }
            Phase::Ended => return None,
        };
        Some(Deadline::new(self.since.after(span), timer))
    }

    fn tell(&self, session: SessionId, tell: Tell, out: &mut Outbox) {
        let letter = Letter::Tell {
            transfer: self.id,
            tell,
        };
        out.send(
            self.me(),
            Owner::Session(session),
            Envelope::Transfer(letter),
        );
    }

    /// Takes a step; true where it is legal.
    fn step(&mut self, happening: Happening, from: Option<SessionId>, out: &mut Outbox) -> bool {
        match verdict(self.phase, happening).0 {
            Verdict::Go(phase) => {
                self.phase = phase;
                true
            }
            Verdict::Refuse(code) => {
                if let Some(session) = from {
                    self.tell(session, Tell::Over { code }, out);
                }
                false
            }
            Verdict::Ignore | Verdict::Breach(_) | Verdict::Misuse(_) => false,
        }
    }

    pub(crate) fn wake(&mut self, now: Instant, out: &mut Outbox) {
        if self.deadline().is_none_or(|deadline| deadline.at > now) {
            return;
        }
        //= XFER-004
        if self.step(Happening::OfferTimeout, None, out) {
            return self.end(Code::OFFER_TIMEOUT, out);
        }
        //= XFER-022
        if self.step(Happening::Stall, None, out) {
            self.end(Code::STALLED, out);
        }
    }

    /// A letter from a session or a user.
    pub(crate) fn receive(&mut self, letter: Envelope, now: Instant, out: &mut Outbox) {
        match letter {
            Envelope::Transfer(Letter::Reached { sessions, .. }) => self.reached(sessions, out),
            Envelope::Transfer(Letter::Ask { session, ask, .. }) => {
                self.ask(session, ask, now, out)
            }
            Envelope::Suspended { session } => self.away(session, out),
            Envelope::Resumed { session } => self.back(session, now, out),
            Envelope::PartyOut { session, .. } => self.out(session, out),
            _ => debug_assert!(false, "not for a transfer: {letter:?}"),
        }
    }

    fn reached(&mut self, sessions: Vec<SessionId>, out: &mut Outbox) {
        let there = sessions
            .into_iter()
            .filter(|session| !self.absent.contains(session));
        self.devices = there.collect();
        self.absent.clear();
        if self.receiver.is_some() {
            //= XFER-008
            return self.answered_elsewhere(out);
        }
        if self.devices.is_empty() {
            return self.nobody(out);
        }
        self.step(Happening::Reached, None, out);
        self.answer(Code::DELIVERED, out);
    }

    /// The answer to OFFER, once.
    fn answer(&mut self, code: Code, out: &mut Outbox) {
        if let Some(request) = self.request.take() {
            //= XFER-003
            self.tell(self.sender.session, Tell::Answer { request, code }, out);
        }
    }

    fn nobody(&mut self, out: &mut Outbox) {
        //= XFER-003
        if self.step(Happening::NobodyThere, None, out) {
            self.end(Code::UNREACHABLE, out);
        }
    }

    fn answered_elsewhere(&mut self, out: &mut Outbox) {
        let accepted = self.receiver.map(|side| side.session);
        for device in core::mem::take(&mut self.devices) {
            if Some(device) != accepted {
                let code = Code::ANSWERED_ELSEWHERE;
                self.tell(device, Tell::Over { code }, out);
            }
        }
    }

    fn is_receiver(&self, session: SessionId) -> bool {
        self.receiver.is_some_and(|side| side.session == session)
    }

    #[expect(
        clippy::collapsible_match,
        reason = "a guard that takes a step would hide it"
    )]
    fn ask(&mut self, session: SessionId, ask: Ask, now: Instant, out: &mut Outbox) {
        let (by_sender, by_receiver) = (self.sender.session == session, self.is_receiver(session));
        match ask {
            Ask::Receive { offset } => self.wanted_from(session, offset, now, out),
            Ask::Decline { .. } if by_receiver => self.ask(session, Ask::Abort, now, out),
            Ask::Decline { code } => {
                if self.step(Happening::DeclineOffer, Some(session), out) {
                    self.devices.retain(|device| *device != session);
                    self.answer(Code::DELIVERED, out);
                    //= XFER-006
                    let code = match code {
                        Code::TOO_LARGE | Code::TOO_MANY | Code::FORBIDDEN => code,
                        _ => Code::DECLINED,
                    };
                    self.end(code, out);
                }
            }
            Ask::Progress { received } if by_receiver => {
                let due = self.told.is_none_or(|at| now >= at.after(limits::PROGRESS));
                if self.step(Happening::Moved, None, out) && due {
                    //= XFER-017
                    self.told = Some(now);
                    self.since = now;
                    let (transfer, params) = (self.id, Params::NONE);
                    let frame = Progress {
                        transfer,
                        received: received.min(self.size),
                        params,
                    }
                    .encode();
                    self.tell(self.sender.session, Tell::Frame { frame }, out);
                }
            }
            Ask::Digest { sha256 } if by_sender && self.digest_of < self.attempt => {
                if self.step(Happening::DigestSent, None, out)
                    && let Some(receiver) = self.receiver
                {
                    //= XFER-018
                    self.digest_of = self.attempt;
                    let (transfer, params) = (self.id, Params::NONE);
                    let frame = Digest {
                        transfer,
                        sha256,
                        params,
                    }
                    .encode();
                    self.tell(receiver.session, Tell::Frame { frame }, out);
                }
            }
            Ask::Verified { code } if by_receiver => {
                if self.step(Happening::VerdictGiven, None, out) {
                    //= XFER-019
                    let code = match code {
                        Code::DELIVERED => Code::DELIVERED,
                        _ => Code::DIGEST_MISMATCH,
                    };
                    self.end(code, out);
                }
            }
            Ask::Abort if by_sender || by_receiver => {
                //= XFER-020
                if self.step(Happening::GivenUp, None, out) {
                    self.end(Code::ABORTED, out);
                }
            }
            // A device that has the offer and ends it declines it.
            Ask::Abort => {
                let code = Code::DECLINED;
                self.ask(session, Ask::Decline { code }, now, out);
            }
            Ask::Opened { attempt } if by_sender && attempt == self.attempt => {
                if self.step(Happening::StreamOpened, None, out) {
                    self.since = now;
                }
            }
            Ask::Moved { attempt } if attempt == self.attempt => {
                if self.step(Happening::Moved, None, out) {
                    self.since = now;
                }
            }
            Ask::AllIn { attempt } if by_sender && attempt == self.attempt => {
                if self.step(Happening::AllIn, None, out) {
                    self.since = now;
                }
            }
            Ask::WrongSize { attempt } if by_sender && attempt == self.attempt => {
                //= XFER-016
                if self.step(Happening::WrongSize, None, out) {
                    self.end(Code::WRONG_SIZE, out);
                }
            }
            // From a side that may not say it, or about an attempt that is void.
            _ => {}
        }
    }

    fn wanted_from(&mut self, session: SessionId, offset: u64, now: Instant, out: &mut Outbox) {
        if self.receiver.is_some() && !self.is_receiver(session) {
            //= XFER-008
            self.step(Happening::ReceiveElsewhere, Some(session), out);
            return;
        }
        if offset > self.size {
            //= XFER-007
            if self.step(Happening::ReceiveBeyond, None, out) {
                self.receiver.get_or_insert(Side {
                    session,
                    away: false,
                });
                self.end(Code::BAD_OFFSET, out);
            }
            return;
        }
        let happening = match self.sender.away {
            true => Happening::ReceiveEarly,
            false => Happening::Receive,
        };
        if !self.step(happening, None, out) {
            return;
        }
        if self.receiver.is_none() {
            let away = false;
            self.answer(Code::DELIVERED, out);
            self.receiver = Some(Side { session, away });
            //= XFER-008
            self.answered_elsewhere(out);
        }
        self.since = now;
        self.wanted = Some(offset);
        self.start(out);
    }

    /// Gives the payload a stream on both sides, where both are there and it is known from where.
    fn start(&mut self, out: &mut Outbox) {
        let (Phase::Starting, Some(offset), Some(receiver)) =
            (self.phase, self.wanted, self.receiver)
        else {
            return;
        };
        self.wanted = None;
        if self.attempt as usize >= limits::MAX_ATTEMPTS {
            return self.end(Code::LOST, out);
        }
        self.attempt = self.attempt.saturating_add(1);
        let (attempt, size, rate) = (self.attempt, self.size, self.rate);
        //= XFER-027
        let open = Tell::Open {
            attempt,
            offset,
            size,
        };
        self.tell(receiver.session, open, out);
        //= XFER-010
        let send = Tell::Send {
            attempt,
            offset,
            size,
            rate,
        };
        self.tell(self.sender.session, send, out);
    }

    fn away(&mut self, session: SessionId, out: &mut Outbox) {
        let happening = if self.sender.session == session {
            self.sender.away = true;
            Happening::SenderAway
        } else if let Some(side) = self.receiver.as_mut().filter(|s| s.session == session) {
            side.away = true;
            // Where it wants to go on is known again once it is back.
            self.wanted = None;
            Happening::ReceiverAway
        } else {
            return;
        };
        //= XFER-013
        if self.step(happening, None, out) {
            self.tell(self.sender.session, Tell::Halt, out);
            if let Some(side) = self.receiver {
                self.tell(side.session, Tell::Halt, out);
            }
        }
    }

    fn back(&mut self, session: SessionId, now: Instant, out: &mut Outbox) {
        if self.sender.session == session {
            self.sender.away = false;
        } else if let Some(side) = self.receiver.as_mut().filter(|s| s.session == session) {
            side.away = false;
        } else {
            return;
        }
        if self.phase == Phase::Waiting {
            self.since = now;
        }
        //= XFER-014
        if self.wanted.is_some() && !self.sender.away && self.step(Happening::BothBack, None, out) {
            self.start(out);
        }
    }

    fn out(&mut self, session: SessionId, out: &mut Outbox) {
        if self.sender.session == session || self.is_receiver(session) {
            //= XFER-015
            if self.step(Happening::SideOut, None, out) {
                self.end(Code::LOST, out);
            }
            return;
        }
        if self.receiver.is_some() {
            return;
        }
        match self.phase {
            Phase::Offering => self.absent.push(session),
            _ => {
                self.devices.retain(|device| *device != session);
                if self.devices.is_empty() {
                    self.nobody(out);
                }
            }
        }
    }

    /// Everyone who has a part in it is told.
    fn end(&mut self, code: Code, out: &mut Outbox) {
        self.phase = Phase::Ended;
        self.ended = Some(code);
        match self.request {
            Some(_) => self.answer(code, out),
            None => self.tell(self.sender.session, Tell::Over { code }, out),
        }
        if let Some(side) = self.receiver {
            self.tell(side.session, Tell::Over { code }, out);
        }
        for device in core::mem::take(&mut self.devices) {
            self.tell(device, Tell::Over { code }, out);
        }
    }
}
