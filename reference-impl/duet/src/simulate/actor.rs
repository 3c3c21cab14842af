//! A client's application in virtual time: a party to calls, and whatever else the script has it do.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use duet_protocol::client::{Client, Credentials, Event};
use duet_protocol::error::UsageError;
use duet_protocol::id::{RequestId, RoomId, SessionId, UserId};
use duet_protocol::time::Instant;
use duet_protocol::wire::Address;
use duet_quic::Driver;
use duet_sim::Time;

use super::instant;
use crate::invariants::{Act, Invariants};
use crate::party::{Notice, Party, Record, Seen};
use crate::script::{Kind, Op, To};

/// What all applications of a run share: the invariants that watch them, and whom each of them is, which they may know
/// from elsewhere.
pub(super) struct Witness {
    pub(super) invariants: Invariants,
    pub(super) names: Vec<String>,
    known: Vec<Option<(UserId, SessionId)>>,
    sent: usize,
    /// What nobody could do when it was due.
    pub(super) skipped: Vec<Skipped>,
}

/// A step that could not be done when it was due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// When.
    pub at: Time,
    /// Whose.
    pub who: String,
    /// What, and why not.
    pub text: String,
}

impl core::fmt::Display for Skipped {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let millis = self.at.as_micros() / 1_000;
        write!(f, "{millis} ms, {}: {}", self.who, self.text)
    }
}

impl Witness {
    pub(super) fn new(names: Vec<String>) -> Witness {
        Witness {
            invariants: Invariants::new(names.clone()),
            known: vec![None; names.len()],
            names,
            sent: 0,
            skipped: Vec::new(),
        }
    }

    /// A body that no other message of the run has.
    fn body(&mut self, who: usize, size: usize) -> String {
        self.sent += 1;
        let body = format!("{} {}", self.names[who], self.sent);
        format!("{body:.<size$}")
    }
}

/// An application: a [`Party`], and the script's steps for it.
pub(super) struct Actor {
    who: usize,
    party: Option<Party>,
    agenda: VecDeque<(Time, Op)>,
    /// By the names under which they were entered.
    rooms: BTreeMap<String, RoomId>,
    joining: BTreeMap<RequestId, String>,
    pub(super) notices: Vec<(Instant, Notice)>,
    pub(super) records: Vec<Record>,
    witness: Rc<RefCell<Witness>>,
}

impl Actor {
    pub(super) fn new(
        who: usize,
        mut party: Party,
        agenda: Vec<(Time, Op)>,
        witness: Rc<RefCell<Witness>>,
    ) -> Actor {
        party.watch();
        Actor {
            who,
            party: Some(party),
            agenda: agenda.into(),
            rooms: BTreeMap::new(),
            joining: BTreeMap::new(),
            notices: Vec::new(),
            records: Vec::new(),
            witness,
        }
    }

    /// What is left of the script, for the program that is started after this one was killed.
    pub(super) fn take_agenda(&mut self) -> Vec<(Time, Op)> {
        core::mem::take(&mut self.agenda).into()
    }

    /// Puts the devices away; all that it has recorded.
    pub(super) fn finish(&mut self) -> Vec<Record> {
        if let Some(mut party) = self.party.take() {
            self.records.push(party.finish());
        }
        core::mem::take(&mut self.records)
    }

    /// Its process is killed.
    pub(super) fn die(&mut self, now: Time) {
        let mut witness = self.witness.borrow_mut();
        witness.invariants.did(now, self.who, Act::Die);
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let party = self.party.as_ref()?.deadline();
        let party = party.map(|at| Time::from_micros(at.as_micros()));
        let agenda = self.agenda.front().map(|(at, _)| *at);
        party.into_iter().chain(agenda).min()
    }

    pub(super) fn advance(&mut self, driver: &mut Driver<Client>, now: Time) {
        loop {
            if let Some(party) = &mut self.party {
                party.advance(driver, instant(now));
            }
            self.watch(now);
            match self.agenda.front() {
                Some((at, _)) if *at <= now => {}
                _ => return,
            }
            if let Some((_, op)) = self.agenda.pop_front() {
                self.perform(driver, now, op);
            }
        }
    }

    /// Passes on what the party did and was told.
    fn watch(&mut self, now: Time) {
        let Some(party) = &mut self.party else { return };
        while let Some(notice) = party.notice() {
            self.notices.push((instant(now), notice));
        }
        let witness = &mut *self.witness.borrow_mut();
        while let Some(seen) = party.seen() {
            let invariants = &mut witness.invariants;
            match seen {
                Seen::Asked(request) => invariants.did(now, self.who, Act::Ask { request }),
                Seen::Invited(call) => invariants.did(now, self.who, Act::Invite { call }),
                Seen::Accepted(call) => invariants.did(now, self.who, Act::Accept { call }),
                Seen::Told(event) => {
                    match &event {
                        Event::LoggedIn { user, session, .. } => {
                            witness.known[self.who] = Some((*user, *session));
                        }
                        Event::Joined { request, room, .. } => {
                            if let Some(name) = self.joining.remove(request) {
                                self.rooms.insert(name, *room);
                            }
                        }
                        _ => {}
                    }
                    invariants.told(now, self.who, &event);
                }
            }
        }
    }

    fn perform(&mut self, driver: &mut Driver<Client>, now: Time, op: Op) {
        let done = self.attempt(driver, now, &op);
        if let Err(text) = done {
            let mut witness = self.witness.borrow_mut();
            let who = witness.names[self.who].clone();
            let text = format!("{op:?}: {text}");
            witness.skipped.push(Skipped { at: now, who, text });
        }
    }

    /// Does it, and says why not if it cannot be done.
    fn attempt(&mut self, driver: &mut Driver<Client>, now: Time, op: &Op) -> Result<(), String> {
        let at = instant(now);
        let usage = |error: UsageError| error.to_string();
        let Some(party) = &mut self.party else {
            return Err("it has ended".to_owned());
        };
        match op {
            Op::LogIn => {
                self.did(now, Act::LogIn);
                if let Some(party) = &mut self.party {
                    party.start(driver, at);
                }
            }
            Op::LogOut => {
                driver.command(at, |core, now| core.logout(now));
                self.did(now, Act::LogOut);
            }
            Op::Join(name) => {
                let request = driver.command(at, |core, now| core.join(now, name, &[]));
                let request = request.map_err(usage)?;
                self.joining.insert(request, name.clone());
                self.did(now, Act::Join { request, name });
            }
            Op::Leave(name) => {
                let room = *self.rooms.get(name).ok_or("it is not in that room")?;
                let request = driver.command(at, |core, now| core.leave(now, room));
                let request = request.map_err(usage)?;
                self.did(now, Act::Leave { request, room });
            }
            Op::Send(kind, to, size) => {
                let to = self.address(to)?;
                let body = self.witness.borrow_mut().body(self.who, *size);
                let sent = match kind {
                    Kind::Text => driver.command(at, |core, now| core.text(now, to, &body)),
                    Kind::Data => {
                        driver.command(at, |core, now| core.data(now, to, body.as_bytes()))
                    }
                };
                let request = sent.map_err(usage)?;
                let body = body.as_bytes();
                self.did(now, Act::Send { request, to, body });
            }
            Op::Call(callee, length) => {
                let callee = self.witness.borrow().names[*callee].clone();
                if !party.call(at, &callee, *length) {
                    return Err("it is in a call".to_owned());
                }
            }
            Op::HangUp => {
                if !party.in_call() {
                    return Err("there is no call".to_owned());
                }
                party.hang_up(driver, at);
            }
        }
        Ok(())
    }

    fn did(&self, now: Time, act: Act<'_>) {
        let mut witness = self.witness.borrow_mut();
        witness.invariants.did(now, self.who, act);
    }

    fn address(&self, to: &To) -> Result<Address, String> {
        let witness = self.witness.borrow();
        let known = |number: usize| {
            let known = witness.known[number];
            known.ok_or_else(|| format!("{} has never been logged in", witness.names[number]))
        };
        Ok(match to {
            To::User(number) => Address::User(known(*number)?.0),
            To::Session(number) => Address::Session(known(*number)?.1),
            To::Room(name) => {
                let room = self.rooms.get(name).ok_or("it is not in that room")?;
                Address::Room(*room)
            }
        })
    }
}

/// The credentials of everybody in a scenario: a guest of the node's name.
pub(super) fn guest(name: &str) -> Credentials {
    Credentials::Guest(name.to_owned())
}

/// How far virtual time goes from one look at the clock to the next.
pub(super) const STRIDE: Duration = Duration::from_millis(100);
