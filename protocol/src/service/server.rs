//! The service as the server keeps it: who is linked and who is active, what is asked of it, what it is told and what
//! it commands. It outlives every link, and looks into no other machine.

mod acts;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::log::Log;
use super::mirror::{Mirror, Told};
use super::{Decision, DecisionId, Question};
use crate::channel::{Expected, Parcel, Payload, Receipt, Tally};
use crate::code::Code;
use crate::error::Violation;
use crate::id::{RequestId, RoomId};
use crate::io::{ConnId, Deadline, Timer};
use crate::limits;
use crate::message::Wire;
use crate::message::service::{
    Activated, Addressed, Happened, Linked, Permissions, Resync, Standing,
};
use crate::message::session::Retry;
use crate::server::envelope::{Letter, Outbox, Owner};
use crate::time::{Instant, earlier};
use crate::wire::{Opaque, Params};
use acts::Gave;

/// What the service machine wants done with a connection.
#[derive(Debug)]
pub(crate) enum Act {
    Write(ConnId, Bytes),
    Close(ConnId, Code, Retry),
}

/// What it needs beyond the letter or the frame.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) unix_micros: u64,
    pub(crate) out: &'a mut Outbox,
    pub(crate) acts: &'a mut Vec<Act>,
}

/// A linked service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Linker {
    pub(crate) conn: ConnId,
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
    pub(crate) last_epoch: u64,
    pub(crate) last_number: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Active {
    linker: Linker,
    /// The numbers of the entries that it was sent and has not confirmed.
    unconfirmed: VecDeque<u64>,
    /// The highest number that it may confirm.
    sent: u64,
    /// The command that has to come next; any, before the first.
    next_request: Option<RequestId>,
}

/// A question that nobody has answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open {
    asker: Owner,
    id: DecisionId,
    deadline: Instant,
    question: Question,
    /// The epoch in which it was put last; 0 where in none.
    put_in: u64,
}

/// A command that was taken and is not done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Command {
    epoch: u64,
    request: RequestId,
    bytes: usize,
    tally: Tally,
}

/// The service machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Services {
    epoch: u64,
    active: Option<Active>,
    /// The longest-standing first.
    standby: VecDeque<Linker>,
    /// Since when nobody is active.
    lost: Option<Instant>,
    log: Log,
    mirror: Mirror,
    /// Data that the active service has not confirmed: entry, bytes, and whom to tell.
    addressed: VecDeque<(u64, usize, Receipt)>,
    addressed_bytes: usize,
    asked: u64,
    open: BTreeMap<u64, Open>,
    serials: u32,
    commands: BTreeMap<u64, Command>,
    pushed_bytes: usize,
    /// Epochs, and the last command that was taken in each.
    epochs: VecDeque<(u64, u32)>,
}

impl Services {
    /// Epochs count up from a number that no other run of the server uses: `run` is drawn at random.
    pub(crate) fn new(run: u32) -> Self {
        Self {
            //= SVC-006
            epoch: u64::from(run | 1) << 32,
            active: None,
            standby: VecDeque::new(),
            lost: None,
            log: Log::default(),
            mirror: Mirror::default(),
            addressed: VecDeque::new(),
            addressed_bytes: 0,
            asked: 0,
            open: BTreeMap::new(),
            serials: 0,
            commands: BTreeMap::new(),
            pushed_bytes: 0,
            epochs: VecDeque::new(),
        }
    }

    pub(crate) fn is_active(&self, conn: ConnId) -> bool {
        self.active.as_ref().is_some_and(|a| a.linker.conn == conn)
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        // Every question has the same time, so that the oldest ends first.
        let question = self.open.values().next();
        let question = question.map(|open| Deadline::new(open.deadline, Timer::Decision));
        let waiting = self.lost.filter(|_| !self.addressed.is_empty());
        let given_up = waiting.map(|at| Deadline::new(at.after(limits::ENTRY_WAIT), Timer::Expiry));
        earlier(question, given_up)
    }

    pub(crate) fn wake(&mut self, cx: &mut Context<'_>) {
        while let Some(first) = self.open.first_entry()
            && first.get().deadline <= cx.now
        {
            // Who asked has answered for it by now.
            first.remove();
        }
        if self
            .lost
            .is_some_and(|at| at.after(limits::ENTRY_WAIT) <= cx.now)
        {
            //= SVC-032
            self.settle_addressed(u64::MAX, Code::UNDETERMINED, cx.out);
        }
    }

    /// Takes in a service whose token was good.
    pub(crate) fn link(&mut self, linker: Linker, cx: &mut Context<'_>) -> Result<(), Code> {
        //= SVC-004
        let namesake = self
            .active
            .iter()
            .map(|active| &active.linker)
            .chain(&self.standby)
            .find(|other| other.name == linker.name)
            .map(|other| other.conn);
        if let Some(old) = namesake {
            cx.acts.push(Act::Close(old, Code::DISPLACED, Retry::Never));
            self.gone(old, cx);
        }
        let linked = self.standby.len().saturating_add(self.active.iter().len());
        if linked >= limits::MAX_LINKS {
            return Err(Code::TOO_MANY);
        }
        let standing = match &self.active {
            Some(_) => Standing::Standby,
            None => Standing::Active,
        };
        let answer = Linked {
            standing,
            permissions: linker.permissions,
            params: Params::NONE,
        };
        cx.acts.push(Act::Write(linker.conn, answer.encode()));
        match standing {
            Standing::Active => self.activate(linker, cx),
            Standing::Standby => self.standby.push_back(linker),
        }
        Ok(())
    }

    /// A link is gone, or is being closed.
    pub(crate) fn gone(&mut self, conn: ConnId, cx: &mut Context<'_>) {
        self.standby.retain(|linker| linker.conn != conn);
        if !self.is_active(conn) {
            return;
        }
        self.active = None;
        self.lost = Some(cx.now);
        //= SVC-005
        if let Some(next) = self.standby.pop_front() {
            self.activate(next, cx);
        }
    }

    fn activate(&mut self, linker: Linker, cx: &mut Context<'_>) {
        self.epoch = self.epoch.saturating_add(1);
        self.lost = None;
        let taken = self
            .epochs
            .iter()
            .find(|(epoch, _)| *epoch == linker.last_epoch)
            .map(|(_, taken)| u64::from(*taken));
        //= SVC-022
        let replay = taken.is_some() && self.log.reaches_back_to(linker.last_number);
        let (resync, number) = match replay {
            true => (Resync::Replay, linker.last_number),
            false => (Resync::Snapshot, self.log.last()),
        };
        self.epochs.push_back((self.epoch, 0));
        if self.epochs.len() > limits::MAX_EPOCHS {
            self.epochs.pop_front();
        }
        let activated = Activated {
            epoch: self.epoch,
            resync,
            number,
            taken: taken.unwrap_or(u64::MAX),
            params: Params::NONE,
        };
        let conn = linker.conn;
        cx.acts.push(Act::Write(conn, activated.encode()));
        if replay && linker.permissions.has(Permissions::DATA) {
            self.settle_addressed(number, Code::DELIVERED, cx.out);
        } else {
            self.settle_addressed(u64::MAX, Code::UNDETERMINED, cx.out);
        }
        if !replay {
            //= SVC-024
            let nothing = Mirror::default();
            let mirror = match linker.permissions.has(Permissions::EVENTS) {
                true => &self.mirror,
                false => &nothing,
            };
            for part in mirror.snapshot(number) {
                cx.acts.push(Act::Write(conn, part));
            }
        }
        let mut active = Active {
            linker,
            unconfirmed: VecDeque::new(),
            sent: number,
            next_request: None,
        };
        for entry in self.log.after(number) {
            if active.linker.permissions.has(entry.need) {
                active.unconfirmed.push_back(entry.number);
                active.sent = entry.number;
                cx.acts.push(Act::Write(conn, entry.frame.clone()));
            }
        }
        self.active = Some(active);
        //= SVC-014
        for question in self.open.keys().copied().collect::<Vec<_>>() {
            self.put(question, cx);
        }
    }

    /// Puts an open question to the active service, if there is one that may be asked.
    fn put(&mut self, question: u64, cx: &mut Context<'_>) {
        let Some(active) = &self.active else { return };
        let Some(open) = self.open.get_mut(&question) else {
            return;
        };
        let left = open.deadline.since(cx.now);
        if !active.linker.permissions.has(open.question.permission()) || left.is_zero() {
            return;
        }
        open.put_in = self.epoch;
        let within_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        let frame = open.question.frame(question, within_ms);
        cx.acts.push(Act::Write(active.linker.conn, frame));
    }

    /// Adds an entry to the one order, and sends it to the active service.
    fn entry(&mut self, need: Permissions, frame: Bytes, cx: &mut Context<'_>) {
        let dropped = self.log.push(need, frame.clone());
        let number = self.log.last();
        let mut overflowing = None;
        if let Some(active) = &mut self.active {
            if active.linker.permissions.has(need) {
                active.unconfirmed.push_back(number);
                active.sent = number;
                cx.acts.push(Act::Write(active.linker.conn, frame));
            }
            if let Some(dropped) = dropped
                && active.unconfirmed.front().is_some_and(|n| *n <= dropped)
            {
                overflowing = Some(active.linker.conn);
            }
        }
        if let Some(dropped) = dropped {
            self.settle_addressed(dropped, Code::UNDETERMINED, cx.out);
        }
        //= SVC-025
        if let Some(conn) = overflowing {
            cx.acts.push(Act::Close(conn, Code::BACKLOG, Retry::Now));
            self.gone(conn, cx);
        }
    }

    /// Tells the senders of data up to that entry what became of it.
    fn settle_addressed(&mut self, number: u64, code: Code, out: &mut Outbox) {
        while let Some((_, bytes, receipt)) = self.addressed.pop_front_if(|(n, ..)| *n <= number) {
            self.addressed_bytes = self.addressed_bytes.saturating_sub(bytes);
            let letter = Letter::Receipted { receipt, code };
            out.send(Owner::Service, receipt.owner(), letter);
        }
    }

    /// The active service has every entry up to that number.
    pub(crate) fn confirm(&mut self, number: u64, cx: &mut Context<'_>) -> Result<(), Violation> {
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        if number > active.sent {
            return Err(Violation::BadAck);
        }
        while active.unconfirmed.pop_front_if(|n| *n <= number).is_some() {}
        //= SVC-031
        self.settle_addressed(number, Code::DELIVERED, cx.out);
        Ok(())
    }

    /// A letter from another machine.
    pub(crate) fn receive(&mut self, from: Owner, letter: Letter, cx: &mut Context<'_>) {
        match letter {
            Letter::Question {
                id,
                deadline,
                question,
            } => {
                if self.open.len() >= limits::MAX_QUESTIONS {
                    let decision = Decision::Deny(Code::SERVICE_UNAVAILABLE);
                    let letter = Letter::Decided { id, decision };
                    return cx.out.send(Owner::Service, from, letter);
                }
                self.asked = self.asked.saturating_add(1);
                let open = Open {
                    asker: from,
                    id,
                    deadline,
                    question,
                    put_in: 0,
                };
                self.open.insert(self.asked, open);
                self.put(self.asked, cx);
            }
            Letter::Told(told) => self.told(told, cx),
            Letter::Parcel {
                parcel, receipt, ..
            } => self.addressed(&parcel, receipt, cx),
            Letter::Expect { receipt, expected } => {
                let command = self.commands.get_mut(&receipt.serial);
                let result = command.and_then(|command| command.tally.expect(expected));
                if let Some((code, _)) = result {
                    self.done(receipt.serial, code, Gave::NOTHING, cx);
                }
            }
            Letter::Receipted { receipt, code } => {
                let command = self.commands.get_mut(&receipt.serial);
                if let Some((code, _)) = command.and_then(|command| command.tally.count(code)) {
                    self.done(receipt.serial, code, Gave::NOTHING, cx);
                }
            }
            Letter::ErrandDone { errand, code } => self.done(errand, code, Gave::NOTHING, cx),
            Letter::Outcome { request, code } => {
                self.done(request.0.into(), code, Gave::NOTHING, cx);
            }
            Letter::RoomCreated { request, room } => {
                let gave = Gave { room, ticket: &[] };
                self.done(request.0.into(), Code::DELIVERED, gave, cx);
            }
            Letter::Granted {
                request, ticket, ..
            } => {
                let (room, ticket) = (RoomId::NONE, ticket.as_slice());
                let gave = Gave { room, ticket };
                self.done(request.0.into(), Code::DELIVERED, gave, cx);
            }
            _ => debug_assert!(false, "not for the service: {letter:?}"),
        }
    }

    fn told(&mut self, told: Told, cx: &mut Context<'_>) {
        let (number, time) = (self.log.next(), cx.unix_micros);
        //= SVC-020
        let frame = self.mirror.take(told, cx.now, |event| {
            Happened {
                number,
                time,
                ..event
            }
            .encode()
        });
        if let Some(frame) = frame {
            self.entry(Permissions::EVENTS, frame, cx);
        }
    }

    fn addressed(&mut self, parcel: &Parcel, receipt: Receipt, cx: &mut Context<'_>) {
        let listens = self
            .active
            .as_ref()
            .is_some_and(|active| active.linker.permissions.has(Permissions::DATA));
        let refusal = match &parcel.payload {
            //= SVC-033
            _ if !listens => Code::UNREACHABLE,
            //= SVC-034
            Payload::Data(data)
                if self.addressed_bytes.saturating_add(data.len())
                    > limits::MAX_ADDRESSED_BYTES =>
            {
                Code::TOO_MANY
            }
            Payload::Data(data) => {
                let frame = Addressed {
                    number: self.log.next(),
                    time: parcel.time,
                    user: parcel.user,
                    session: parcel.session,
                    data: Opaque::new(data).unwrap_or_default(),
                    params: Params::NONE,
                };
                let expected = Expected {
                    count: 1,
                    each: false,
                    number: self.log.next(),
                };
                let expect = Letter::Expect { receipt, expected };
                cx.out.send(Owner::Service, receipt.owner(), expect);
                self.addressed
                    .push_back((self.log.next(), data.len(), receipt));
                self.addressed_bytes = self.addressed_bytes.saturating_add(data.len());
                return self.entry(Permissions::DATA, frame.encode(), cx);
            }
            _ => Code::UNREACHABLE,
        };
        cx.out.undeliverable(Owner::Service, receipt, refusal);
    }
}
