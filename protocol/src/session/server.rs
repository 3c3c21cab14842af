//! A session as the server keeps it: it outlives its links, turns frames into envelopes and envelopes into frames.

#[cfg(test)]
mod explored;
#[cfg(test)]
mod inspect;
mod letters;
mod requests;
mod rooms;
mod transfers;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;

use super::heartbeat::{Beat, Heartbeat};
use super::rate::Rate;
use super::sequence::Sequence;
use crate::channel::{Receipt, Tally};
use crate::code::Code;
use crate::error::Violation;
use crate::id::{CallId, RequestId, RoomId, SessionId, UserId};
use crate::io::{ConnId, Deadline, Output, Timer};
use crate::limits;
use crate::message::session::{Message as SessionMessage, Outcome, Ping};
use crate::message::{Message, Wire};
use crate::server::Event;
use crate::server::envelope::{Letter, Outbox, Owner};
use crate::table::table;
use crate::time::{Instant, earlier};
use crate::wire::{Framer, Params};
use transfers::Transfers;

table! {
    /// A control connection, as the server sees it
    "session-server" begins Greeting;
    phases {
        /// Nothing has come yet
        Greeting,
        /// WELCOME was sent
        Identifying,
        /// The service is being asked
        Deciding,
        /// Logged in, or resumed
        Online,
    }
    events {
        /// HELLO
        Hello,
        /// AUTHENTICATE
        Authenticate,
        /// RESUME
        Resume,
        /// ACK
        Ack,
        /// PING or PONG
        Heartbeat,
        /// GOODBYE
        Goodbye,
        /// Any frame of a session beyond these
        Request,
    }
    "SES-001": Greeting, Hello => go(Identifying);
    "SES-001": Identifying | Deciding | Online, Hello => breach(UnexpectedFrame);
    "SES-002": Greeting, Authenticate | Resume | Ack | Heartbeat | Request => breach(UnexpectedFrame);
    "SES-005": Identifying, Authenticate => go(Deciding);
    "SES-007": Identifying, Resume => go(Identifying);
    "SES-002": Deciding | Online, Authenticate | Resume => breach(UnexpectedFrame);
    "SES-014": Identifying, Heartbeat => ignore;
    "SES-014": Deciding, Heartbeat => ignore;
    "SES-002": Identifying | Deciding, Ack | Request => breach(UnexpectedFrame);
    "SES-010": Online, Ack => go(Online);
    "SES-014": Online, Heartbeat => go(Online);
    "SES-016": Online, Request => go(Online);
    "SES-015": Greeting | Identifying | Deciding | Online, Goodbye => go(Greeting);
}

impl Happening {
    pub(crate) const fn of(message: &Message<'_>) -> Self {
        match message {
            Message::Session(SessionMessage::Hello(_)) => Self::Hello,
            Message::Session(SessionMessage::Authenticate(_)) => Self::Authenticate,
            Message::Session(SessionMessage::Resume(_)) => Self::Resume,
            Message::Session(SessionMessage::Ack(_)) => Self::Ack,
            Message::Session(SessionMessage::Ping(_) | SessionMessage::Pong(_)) => Self::Heartbeat,
            Message::Session(SessionMessage::Goodbye(_)) => Self::Goodbye,
            _ => Self::Request,
        }
    }
}

/// The link beneath a session, while there is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Link {
    conn: ConnId,
    heartbeat: Heartbeat,
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pending {
    /// One answer.
    Answer,
    /// A JOIN's answer.
    Join,
    /// The same, while a moderator has to let the session into this room.
    Waiting(RoomId),
    /// The receivers of a parcel: its serial number and size, and what they have said so far.
    Receivers {
        serial: u64,
        bytes: usize,
        tally: Tally,
    },
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) user: UserId,
    /// The name others see.
    pub(crate) name: String,
    /// The device's name, chosen by the client.
    pub(crate) device: String,
}

/// A logged-in session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    id: SessionId,
    who: Identity,
    /// The hash of the newest resume token; the token itself is not kept.
    token_hash: [u8; 32],
    /// The one before, good until the client shows that it has the newest: RESUMED may have been lost.
    previous_hash: Option<[u8; 32]>,
    heartbeat: (Duration, Duration),
    link: Option<Link>,
    /// When the newest connection that was its link began.
    newest: Instant,
    suspended_until: Option<Instant>,
    sequence: Sequence,
    requests: BTreeMap<RequestId, Pending>,
    /// Bytes of parcels among them.
    pending_bytes: usize,
    receipts: VecDeque<(u64, Receipt)>,
    /// PRESENCE that is held back: the newest about each user.
    held: BTreeMap<UserId, Bytes>,
    rooms: BTreeSet<RoomId>,
    calls: BTreeSet<CallId>,
    /// The room of the call that it is in, which does not count as one of its rooms.
    call_room: Option<RoomId>,
    transfers: Transfers,
    lookups: Rate,
    /// For what others are told of: rooms, streams, calls.
    announced: Rate,
    receipts_sent: Rate,
    /// When STATS were last passed on, by room.
    reported: BTreeMap<RoomId, Instant>,
    numbered: u64,
    parcels: u64,
    over: Option<Code>,
}

/// What frames lead to beyond envelopes.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) unix_micros: u64,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) writes: &'a mut VecDeque<(ConnId, Bytes)>,
    /// What becomes of other streams than the first.
    pub(crate) streams: &'a mut VecDeque<Output<Event>>,
}

impl Session {
    pub(crate) fn new(
        id: SessionId,
        who: Identity,
        token_hash: [u8; 32],
        heartbeat_ms: u32,
        now: Instant,
    ) -> Self {
        let newest = Instant::EPOCH;
        let interval = Duration::from_millis(heartbeat_ms.into());
        Self {
            id,
            who,
            token_hash,
            previous_hash: None,
            heartbeat: (interval, interval.saturating_mul(4)),
            link: None,
            newest,
            suspended_until: None,
            sequence: Sequence::default(),
            requests: BTreeMap::new(),
            pending_bytes: 0,
            receipts: VecDeque::new(),
            held: BTreeMap::new(),
            rooms: BTreeSet::new(),
            calls: BTreeSet::new(),
            call_room: None,
            transfers: Transfers::default(),
            lookups: Rate::new(now, limits::LOOKUP_EACH, limits::LOOKUP_BURST),
            receipts_sent: Rate::new(now, limits::RECEIPT_EACH, limits::RECEIPT_BURST),
            reported: BTreeMap::new(),
            announced: Rate::new(now, limits::ANNOUNCE_EACH, limits::ANNOUNCE_BURST),
            numbered: 0,
            parcels: 0,
            over: None,
        }
    }

    fn me(&self) -> Owner {
        Owner::Session(self.id)
    }

    /// The name of the device that logged in.
    pub(crate) fn device(&self) -> &str {
        &self.who.device
    }

    pub(crate) fn conn(&self) -> Option<ConnId> {
        self.link.as_ref().map(|link| link.conn)
    }

    /// Why the session must end, once something has made it so.
    pub(crate) const fn over(&self) -> Option<Code> {
        self.over
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let beat = self.link.as_ref().map(|link| link.heartbeat.deadline());
        earlier(
            beat,
            self.suspended_until
                .map(|at| Deadline::new(at, Timer::Resume)),
        )
    }

    /// Whether a connection is one that the client can have given up before the present link, or the last: then what
    /// comes on it is late.
    pub(crate) fn outlived(&self, opened: Instant) -> bool {
        opened < self.newest
    }

    /// Puts a link beneath the session, a connection that began at `opened`; what the peer has not got is sent again.
    pub(crate) fn attach(&mut self, conn: ConnId, opened: Instant, cx: &mut Context<'_>) {
        self.newest = opened;
        let heartbeat = Heartbeat::new(cx.now, self.heartbeat.0, self.heartbeat.1);
        self.link = Some(Link { conn, heartbeat });
        //= SES-024
        for frame in self.sequence.unacknowledged() {
            cx.writes.push_back((conn, frame.clone()));
        }
        self.transfers.unlink();
        if self.suspended_until.take().is_some() {
            self.tell_all(cx.outbox, |session| Letter::Resumed { session });
        } else {
            // The link beneath was given up for this one: whatever streams it had are gone.
            for transfer in self.transfers.ids() {
                let (me, session) = (self.me(), self.id);
                cx.outbox.send(me, transfer, Letter::Suspended { session });
                cx.outbox.send(me, transfer, Letter::Resumed { session });
            }
        }
        self.release_held(cx);
    }

    /// The peer's count, told by RESUME.
    pub(crate) fn acknowledge(
        &mut self,
        received: u64,
        outbox: &mut Outbox,
    ) -> Result<(), Violation> {
        self.sequence.acknowledge(received)?;
        let acknowledged = self.sequence.acknowledged();
        while let Some((_, receipt)) = self
            .receipts
            .pop_front_if(|(number, _)| *number <= acknowledged)
        {
            //= CHAN-004
            let letter = Letter::Receipted {
                receipt,
                code: Code::DELIVERED,
            };
            outbox.send(self.me(), receipt.owner(), letter);
        }
        Ok(())
    }

    /// Whether this is the hash of a token that resumes the session.
    pub(crate) fn knows(&self, hash: &[u8; 32]) -> bool {
        self.token_hash == *hash || self.previous_hash == Some(*hash)
    }

    /// A new token; the one that was used stays good until the first frame on the new link.
    pub(crate) const fn rotate(&mut self, used: [u8; 32], new: [u8; 32]) {
        self.previous_hash = Some(used);
        self.token_hash = new;
    }

    pub(crate) const fn received(&self) -> u64 {
        self.sequence.received()
    }

    /// The link is gone; the session waits for another.
    pub(crate) fn suspend(&mut self, now: Instant, window: Duration, outbox: &mut Outbox) {
        self.link = None;
        self.transfers.unlink();
        if self.suspended_until.is_none() {
            //= SES-009
            self.suspended_until = Some(now.after(window));
            self.tell_all(outbox, |session| Letter::Suspended { session });
        }
    }

    fn tell_all(&self, outbox: &mut Outbox, letter: impl Fn(SessionId) -> Letter) {
        let rooms = self.rooms.iter().map(|room| Owner::Room(*room));
        let calls = self.calls.iter().map(|call| Owner::Call(*call));
        rooms
            .chain(calls)
            .chain(self.transfers.ids())
            .for_each(|to| outbox.send(self.me(), to, letter(self.id)));
    }

    /// The session is over: everyone who knows it is told.
    pub(crate) fn end(&mut self, code: Code, outbox: &mut Outbox) {
        let me = self.me();
        for call in core::mem::take(&mut self.calls) {
            outbox.send(
                me,
                Owner::Call(call),
                Letter::PartyOut {
                    session: self.id,
                    code,
                },
            );
        }
        for transfer in self.transfers.take() {
            let session = self.id;
            let letter = Letter::PartyOut { session, code };
            outbox.send(me, Owner::Transfer(transfer), letter);
        }
        let waits = self.requests.values().filter_map(|pending| match pending {
            Pending::Waiting(room) => Some(*room),
            _ => None,
        });
        let waits: BTreeSet<RoomId> = waits.collect();
        for room in core::mem::take(&mut self.rooms).into_iter().chain(waits) {
            let letter = Letter::Leave {
                session: self.id,
                request: None,
                code: Code::SESSION_ENDED,
            };
            outbox.send(me, Owner::Room(room), letter);
        }
        for (_, receipt) in self.receipts.drain(..) {
            //= CHAN-007
            let letter = Letter::Receipted {
                receipt,
                code: Code::UNDETERMINED,
            };
            outbox.send(me, receipt.owner(), letter);
        }
        outbox.send(me, Owner::Relay(self.id), Letter::SessionOver);
        outbox.send(
            me,
            Owner::User(self.who.user),
            Letter::Detach { session: self.id },
        );
        outbox.send(me, Owner::Directory, Letter::Unnamed { session: self.id });
    }

    /// The frames that have come whole, until one ends the link.
    pub(crate) fn frames(
        &mut self,
        framer: &mut Framer,
        cx: &mut Context<'_>,
    ) -> Result<Onward, Violation> {
        while let Some(link) = &mut self.link {
            link.heartbeat.heard(cx.now);
            let Some(frame) = framer.next_frame()? else {
                break;
            };
            if self.frame(&frame, cx)? == Onward::Goodbye {
                return Ok(Onward::Goodbye);
            }
        }
        self.release_held(cx);
        self.flush_ack(cx);
        Ok(Onward::Stay)
    }

    fn flush_ack(&mut self, cx: &mut Context<'_>) {
        let Some(conn) = self.conn() else { return };
        //= SES-010
        if let Some(received) = self.sequence.take_ack() {
            let ack = crate::message::session::Ack {
                received,
                params: Params::NONE,
            };
            self.write(conn, ack.encode(), cx);
        }
    }

    fn write(&mut self, conn: ConnId, frame: Bytes, cx: &mut Context<'_>) {
        if let Some(link) = &mut self.link {
            link.heartbeat.sent(cx.now);
        }
        cx.writes.push_back((conn, frame));
    }

    /// Time has passed.
    pub(crate) fn wake(&mut self, cx: &mut Context<'_>) -> Onward {
        if self.suspended_until.is_some_and(|at| at <= cx.now) {
            self.over = Some(Code::DEAD_LINK);
        }
        let due = self
            .link
            .as_ref()
            .and_then(|link| Some((link.conn, link.heartbeat.due(cx.now)?)));
        match due {
            Some((_, Beat::Dead)) => Onward::Dead,
            Some((conn, Beat::Ping)) => {
                let ping = Ping {
                    token: cx.now.as_micros(),
                    params: Params::NONE,
                };
                self.write(conn, ping.encode(), cx);
                Onward::Stay
            }
            None => Onward::Stay,
        }
    }

    /// A sequenced frame for the client.
    fn send(&mut self, frame: Bytes, cx: &mut Context<'_>) -> u64 {
        let number = self.sequence.push(frame.clone());
        //= SES-012
        if self.sequence.is_over_limit() {
            self.over = Some(Code::BACKLOG);
        }
        if let Some(conn) = self.conn() {
            self.write(conn, frame, cx);
        }
        number
    }

    /// PRESENCE, while there is a link that keeps up: however often others come and go meanwhile, a session that is
    /// away, or slow, is not ended by it.
    fn release_held(&mut self, cx: &mut Context<'_>) {
        //= DIR-027
        while self.link.is_some()
            && self.sequence.waiting() < limits::PRESENCE_HELD
            && let Some((_, frame)) = self.held.pop_first()
        {
            self.send(frame, cx);
        }
    }

    /// A request waits no longer.
    fn answered(&mut self, request: RequestId) {
        if let Some(Pending::Receivers { bytes, .. }) = self.requests.remove(&request) {
            self.pending_bytes = self.pending_bytes.saturating_sub(bytes);
        }
    }

    fn outcome(&mut self, request: RequestId, code: Code, cx: &mut Context<'_>) {
        self.numbered_outcome(request, code, 0, cx);
    }

    fn numbered_outcome(
        &mut self,
        request: RequestId,
        code: Code,
        number: u64,
        cx: &mut Context<'_>,
    ) {
        self.answered(request);
        self.send(
            Outcome {
                request,
                code,
                number,
                params: Params::NONE,
            }
            .encode(),
            cx,
        );
    }
}

/// What becomes of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Onward {
    /// It stays.
    Stay,
    /// The client took its leave.
    Goodbye,
    /// It counts as dead.
    Dead,
}
