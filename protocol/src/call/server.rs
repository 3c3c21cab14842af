//! A call as its owner keeps it. It reserves both users, lower id first, asks the service, rings, and at ACCEPT
//! reserves a room of two; who may do what, and when, is the table's.

mod ending;
#[cfg(test)]
mod inspect;
mod request;

use ending::Health;
pub(crate) use request::{Request, Verb, refused};

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::code::Code;
use crate::id::{CallId, RoomId, SessionId, UserId};
use crate::io::{Deadline, Timer};
use crate::limits;
use crate::message::call::{Confirm, End, Invite, Ringing, Start};
use crate::message::{Media, Wire};
use crate::seed::Random;
use crate::server::envelope::{Admission, Letter, Outbox, Owner, Scope};
use crate::service::mirror::Told;
use crate::service::{Decision, DecisionId, Question};
use crate::table::{Verdict, table};
use crate::time::{Instant, earlier};
use crate::wire::{Opaque, Params, Text, Within};

table! {
    /// A call, as its owner at the server sees it
    "call-server" begins Reserving;
    phases {
        /// The two users are being reserved
        Reserving,
        /// The service is being asked
        Deciding,
        /// The callee's devices ring, or are about to
        Ringing,
        /// Accepted: both sides are entering the room
        Joining,
        /// Both sides are in the room
        Active,
        /// Over; the id is remembered for a while
        Ended,
    }
    events {
        /// Both users are reserved
        BothReserved,
        /// One of them is not free, or not there
        NotReserved,
        /// The service allows it
        Allowed,
        /// The service does not
        Denied,
        /// RINGING from a device of the callee
        RingingFromCallee,
        /// RINGING from the caller
        RingingFromCaller,
        /// ACCEPT from a device of the callee
        AcceptFromCallee,
        /// ACCEPT from the caller
        AcceptFromCaller,
        /// REJECT from a device of the callee
        RejectFromCallee,
        /// REJECT from the caller
        RejectFromCaller,
        /// CANCEL from the caller
        CancelFromCaller,
        /// CANCEL from a device of the callee
        CancelFromCallee,
        /// CONFIRM from the caller
        ConfirmFromCaller,
        /// CONFIRM from a device of the callee
        ConfirmFromCallee,
        /// END from either side
        EndFromSide,
        /// INVITE with the id of this call
        InviteAgain,
        /// It rang long enough
        RingTimeout,
        /// Both sides are in the room
        BothIn,
        /// A side did not enter in time
        JoinTimeout,
        /// The service ends it
        EndFromService,
        /// A side left the room, or its session ended
        SideOut,
        /// A side stayed away for too long
        SideLost,
    }
    "CALL-010": Reserving, BothReserved => go(Deciding);
    "CALL-010": Reserving, NotReserved => go(Ended);
    "CALL-011": Deciding, Allowed => go(Ringing);
    "CALL-011": Deciding, Denied => go(Ended);
    "CALL-010": Deciding | Ringing | Joining | Active | Ended, BothReserved | NotReserved => ignore;
    "CALL-011": Reserving | Ringing | Joining | Active | Ended, Allowed | Denied => ignore;
    "CALL-002": Ringing, RingingFromCallee => go(Ringing);
    "CALL-002": Reserving | Deciding | Joining | Active | Ended, RingingFromCallee => ignore;
    "CALL-012": Reserving | Deciding | Ringing | Joining | Active, RingingFromCaller => refuse(NOT_CALLEE);
    "CALL-003": Ringing, AcceptFromCallee => go(Joining);
    "CALL-013": Joining | Active, AcceptFromCallee => refuse(ALREADY_ANSWERED);
    "CALL-012": Reserving | Deciding | Ringing | Joining | Active, AcceptFromCaller => refuse(NOT_CALLEE);
    "CALL-004": Ringing, RejectFromCallee => go(Ended);
    "CALL-013": Joining | Active, RejectFromCallee => refuse(ALREADY_ANSWERED);
    "CALL-012": Reserving | Deciding | Ringing | Joining | Active, RejectFromCaller => refuse(NOT_CALLEE);
    "CALL-005": Reserving | Deciding | Ringing, CancelFromCaller => go(Ended);
    "CALL-013": Joining | Active, CancelFromCaller => refuse(ALREADY_ANSWERED);
    "CALL-012": Reserving | Deciding | Ringing | Joining | Active, CancelFromCallee => refuse(NOT_CALLER);
    "CALL-007": Reserving | Deciding | Ringing | Joining | Active, EndFromSide => go(Ended);
    "CALL-009": Reserving | Deciding, AcceptFromCallee | RejectFromCallee => refuse(NOT_IN_CALL);
    "CALL-009": Ended, RingingFromCaller | AcceptFromCallee | AcceptFromCaller | RejectFromCallee | RejectFromCaller => refuse(NOT_IN_CALL);
    "CALL-029": Joining, ConfirmFromCaller => go(Joining);
    "CALL-029": Active, ConfirmFromCaller => go(Active);
    "CALL-029": Reserving | Deciding | Ringing, ConfirmFromCaller => refuse(NOT_ANSWERED);
    "CALL-012": Reserving | Deciding | Ringing | Joining | Active, ConfirmFromCallee => refuse(NOT_CALLER);
    "CALL-009": Ended, ConfirmFromCaller | ConfirmFromCallee => refuse(NOT_IN_CALL);
    "CALL-009": Ended, CancelFromCaller | CancelFromCallee | EndFromSide => refuse(NOT_IN_CALL);
    "CALL-014": Reserving | Deciding | Ringing | Joining | Active | Ended, InviteAgain => refuse(ID_IN_USE);
    "CALL-016": Ringing, RingTimeout => go(Ended);
    "CALL-016": Reserving | Deciding | Joining | Active | Ended, RingTimeout => ignore;
    "CALL-006": Joining, BothIn => go(Active);
    "CALL-006": Reserving | Deciding | Ringing | Active | Ended, BothIn => ignore;
    "CALL-017": Joining, JoinTimeout => go(Ended);
    "CALL-017": Reserving | Deciding | Ringing | Active | Ended, JoinTimeout => ignore;
    "CALL-019": Reserving | Deciding | Ringing | Joining | Active, SideOut => go(Ended);
    "CALL-019": Ended, SideOut => ignore;
    "SVC-044": Reserving | Deciding | Ringing | Joining | Active, EndFromService => go(Ended);
    "SVC-044": Ended, EndFromService => ignore;
    "CALL-022": Reserving | Deciding | Ringing | Joining | Active, SideLost => go(Ended);
    "CALL-022": Ended, SideLost => ignore;
}

/// A call that is not over, or just ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    id: CallId,
    phase: Phase,
    caller: SessionId,
    caller_user: UserId,
    caller_name: String,
    callee_user: UserId,
    /// The session that accepted.
    callee: Option<SessionId>,
    /// The callee's sessions that were rung and have neither gone nor lost the race.
    rung: Vec<SessionId>,
    reserved: Vec<UserId>,
    ringing_told: bool,
    confirmed: bool,
    media: Media,
    ring_for: Duration,
    invite_block: Bytes,
    /// The INVITE of the callee's devices.
    invite: Bytes,
    /// START for each side, until the room is there.
    starts: Vec<(SessionId, Bytes)>,
    decision: Option<DecisionId>,
    phase_until: Option<Deadline>,
    room: Option<RoomId>,
    caller_health: Health,
    callee_health: Health,
    ended_with: Option<Code>,
}

/// What a call needs beyond the letter.
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Instant,
    pub(crate) random: &'a mut Random,
    pub(crate) out: &'a mut Outbox,
}

impl Call {
    /// A call that an INVITE asks for; it is over at once where it cannot be.
    pub(crate) fn new(id: CallId, request: Request, cx: &mut Surroundings<'_>) -> Option<Self> {
        let Verb::Invite {
            name,
            callee,
            media,
            ring_for_ms,
            end_to_end,
        } = request.verb
        else {
            let frame = refused(id, Code::NOT_IN_CALL, CallId::NONE);
            cx.out.frame(Owner::Call(id), request.session, frame);
            return None;
        };
        //= CALL-023
        if callee == request.user {
            let frame = refused(id, Code::SELF_CALL, CallId::NONE);
            cx.out.frame(Owner::Call(id), request.session, frame);
            return None;
        }
        let call = Self {
            id,
            phase: Phase::Reserving,
            caller: request.session,
            caller_user: request.user,
            caller_name: name,
            callee_user: callee,
            callee: None,
            rung: Vec::new(),
            reserved: Vec::new(),
            ringing_told: false,
            confirmed: false,
            media,
            ring_for: Duration::from_millis(ring_for_ms.into()),
            invite_block: end_to_end,
            invite: Bytes::new(),
            starts: Vec::new(),
            decision: None,
            phase_until: None,
            room: None,
            caller_health: Health::default(),
            callee_health: Health::default(),
            ended_with: None,
        };
        cx.out.send(
            call.me(),
            Owner::Session(call.caller),
            Letter::CallOpen { call: id },
        );
        call.reserve_next(cx.out);
        Some(call)
    }

    /// The code that it ended with, once it has.
    pub(crate) const fn ended_with(&self) -> Option<Code> {
        self.ended_with
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let away = earlier(self.caller_health.until(), self.callee_health.until());
        earlier(
            self.phase_until,
            away.map(|at| Deadline::new(at, Timer::Suspended)),
        )
    }

    fn me(&self) -> Owner {
        Owner::Call(self.id)
    }

    /// Reserves the user with the lower id first, so that two crossing calls meet at the same user.
    fn reserve_next(&self, out: &mut Outbox) {
        let lower = self.caller_user.min(self.callee_user);
        let next = if self.reserved.contains(&lower) {
            self.caller_user.max(self.callee_user)
        } else {
            lower
        };
        let as_caller = next == self.caller_user;
        let peer = if as_caller {
            self.callee_user
        } else {
            self.caller_user
        };
        //= CALL-020
        out.send(
            self.me(),
            Owner::User(next),
            Letter::Reserve {
                call: self.id,
                peer,
                as_caller,
            },
        );
    }

    /// Asks the table; `Some` is the phase to go to.
    fn judge(
        &self,
        happening: Happening,
        asker: Option<SessionId>,
        out: &mut Outbox,
    ) -> Option<Phase> {
        match verdict(self.phase, happening).0 {
            Verdict::Go(phase) => Some(phase),
            Verdict::Refuse(code) => {
                if let Some(session) = asker {
                    out.frame(self.me(), session, refused(self.id, code, CallId::NONE));
                }
                None
            }
            Verdict::Ignore | Verdict::Breach(_) | Verdict::Misuse(_) => None,
        }
    }

    pub(crate) fn receive(&mut self, letter: Letter, cx: &mut Surroundings<'_>) {
        match letter {
            Letter::Call(request) => self.request(request, cx),
            Letter::Reserved { user } => {
                if !self.reserved.contains(&user) {
                    self.reserved.push(user);
                }
                if self.reserved.len() < 2 {
                    self.reserve_next(cx.out);
                } else if let Some(phase) = self.judge(Happening::BothReserved, None, cx.out) {
                    self.phase = phase;
                    let told = Told::CallBegan {
                        call: self.id,
                        caller: self.caller_user,
                        callee: self.callee_user,
                    };
                    cx.out.tell(self.me(), told);
                    let question = Question::Call {
                        call: self.id,
                        caller: self.caller_user,
                        callee: self.callee_user,
                        media: self.media,
                    };
                    self.decision = Some(cx.out.ask(self.me(), question));
                }
            }
            Letter::NotReserved { code, existing } => {
                if self.judge(Happening::NotReserved, None, cx.out).is_some() {
                    cx.out
                        .frame(self.me(), self.caller, refused(self.id, code, existing));
                    self.finish(code, Some(self.caller), cx.out);
                }
            }
            Letter::Decided { id, decision } if self.decision == Some(id) => {
                self.decided(decision, cx)
            }
            Letter::Rung { sessions } if self.phase == Phase::Ringing => {
                self.rung = sessions;
                // Only now: an answer must not come before the call knows who may answer.
                for session in &self.rung {
                    let (call, invite) = (self.id, self.invite.clone());
                    let letter = Letter::Invited { call, invite };
                    cx.out.send(self.me(), Owner::Session(*session), letter);
                }
                if self.rung.is_empty() {
                    self.side_out(Code::UNREACHABLE, None, cx.out);
                }
            }
            Letter::Rung { .. } => {}
            Letter::RoomOpened => {
                // Only now: a side must not come to the room before it is there.
                for (session, start) in core::mem::take(&mut self.starts) {
                    if let Some(room) = self.room {
                        let letter = Letter::CallRoom { room };
                        cx.out.send(self.me(), Owner::Session(session), letter);
                    }
                    cx.out.frame(self.me(), session, start);
                }
            }
            Letter::PartyIn { session } => {
                if let Some(health) = self.health(session) {
                    health.inside = true;
                }
                if self.caller_health.inside
                    && self.callee_health.inside
                    && let Some(phase) = self.judge(Happening::BothIn, None, cx.out)
                {
                    self.phase = phase;
                    self.phase_until = None;
                    let call = self.id;
                    cx.out.tell(self.me(), Told::CallConnected { call });
                }
            }
            Letter::PartyOut { session, code } => self.party_out(session, code, cx.out),
            Letter::EndCall { code, errand } => {
                let ends = self.judge(Happening::EndFromService, None, cx.out);
                let outcome = match ends {
                    Some(_) => Code::DELIVERED,
                    None => Code::NOT_IN_CALL,
                };
                if ends.is_some() {
                    self.finish(code, None, cx.out);
                }
                cx.out.errand_done(self.me(), errand, outcome);
            }
            Letter::Suspended { session } => {
                let until = cx.now.after(limits::SUSPENDED);
                if let Some(health) = self.health(session) {
                    health.link_until = health.link_until.or(Some(until));
                }
            }
            Letter::Resumed { session } => {
                if let Some(health) = self.health(session) {
                    health.link_until = None;
                }
            }
            Letter::MediaLost { session } => {
                let until = cx.now.after(limits::SUSPENDED);
                let matters = matches!(self.phase, Phase::Joining | Phase::Active);
                if let Some(health) = self.health(session).filter(|_| matters) {
                    health.media_until = health.media_until.or(Some(until));
                }
            }
            Letter::MediaBack { session } => {
                if let Some(health) = self.health(session) {
                    health.media_until = None;
                }
            }
            Letter::Decided { .. } => {}
            _ => debug_assert!(false, "not for a call: {letter:?}"),
        }
    }

    fn decided(&mut self, decision: Decision, cx: &mut Surroundings<'_>) {
        let (happening, code) = match decision {
            Decision::Allow | Decision::User { .. } => (Happening::Allowed, Code::NONE),
            Decision::Deny(code) => (Happening::Denied, code),
        };
        let Some(phase) = self.judge(happening, None, cx.out) else {
            return;
        };
        if phase == Phase::Ended {
            cx.out
                .frame(self.me(), self.caller, refused(self.id, code, CallId::NONE));
            return self.finish(code, Some(self.caller), cx.out);
        }
        self.phase = phase;
        self.phase_until = Some(Deadline::new(cx.now.after(self.ring_for), Timer::Ring));
        let invite = Invite {
            call: self.id,
            peer: self.caller_user,
            media: self.media,
            ring_for_ms: Within::clamp(self.ring_for.as_millis() as u32),
            name: Text::cut(&self.caller_name),
            //= CALL-027
            end_to_end: Opaque::new(&self.invite_block).unwrap_or_default(),
            params: Params::NONE,
        };
        self.invite = invite.encode();
        let ring = Letter::Ring { call: self.id };
        cx.out.send(self.me(), Owner::User(self.callee_user), ring);
    }

    fn request(&mut self, request: Request, cx: &mut Surroundings<'_>) {
        let Request { session, verb, .. } = request;
        let is_caller = session == self.caller;
        let is_callee = self.rung.contains(&session) || self.callee == Some(session);
        let happening = match (&verb, is_caller, is_callee) {
            (Verb::Invite { .. }, ..) => Happening::InviteAgain,
            //= CALL-009
            (_, false, false) => {
                let frame = refused(self.id, Code::NOT_IN_CALL, CallId::NONE);
                return cx.out.frame(self.me(), session, frame);
            }
            (Verb::Ringing { .. }, true, _) => Happening::RingingFromCaller,
            (Verb::Ringing { .. }, ..) => Happening::RingingFromCallee,
            (Verb::Accept { .. }, true, _) => Happening::AcceptFromCaller,
            (Verb::Accept { .. }, ..) => Happening::AcceptFromCallee,
            (Verb::Reject, true, _) => Happening::RejectFromCaller,
            (Verb::Reject, ..) => Happening::RejectFromCallee,
            (Verb::Cancel, true, _) => Happening::CancelFromCaller,
            (Verb::Cancel, ..) => Happening::CancelFromCallee,
            (Verb::Confirm { .. }, true, _) => Happening::ConfirmFromCaller,
            (Verb::Confirm { .. }, ..) => Happening::ConfirmFromCallee,
            (Verb::End, ..) => Happening::EndFromSide,
        };
        let Some(phase) = self.judge(happening, Some(session), cx.out) else {
            return;
        };
        match verb {
            Verb::Invite { .. } => {}
            Verb::Ringing { end_to_end } => {
                let scope = Scope::Call(self.id);
                cx.out.send(
                    self.me(),
                    Owner::Relay(session),
                    Letter::Ticket {
                        scope,
                        request: None,
                    },
                );
                if !self.ringing_told {
                    self.ringing_told = true;
                    //= CALL-027
                    let end_to_end = Opaque::new(&end_to_end).unwrap_or_default();
                    let ringing = Ringing {
                        call: self.id,
                        end_to_end,
                        params: Params::NONE,
                    };
                    cx.out.frame(self.me(), self.caller, ringing.encode());
                    cx.out.send(
                        self.me(),
                        Owner::Relay(self.caller),
                        Letter::Ticket {
                            scope,
                            request: None,
                        },
                    );
                }
            }
            Verb::Accept { media, end_to_end } => {
                //= CALL-024
                if media.and(self.media) != media {
                    let frame = refused(self.id, Code::WIDER_MEDIA, CallId::NONE);
                    return cx.out.frame(self.me(), session, frame);
                }
                self.phase = phase;
                self.accepted(session, media, &end_to_end, cx);
            }
            Verb::Confirm { end_to_end } => self.confirm(session, &end_to_end, cx.out),
            Verb::Reject => self.finish(Code::REJECTED, Some(session), cx.out),
            Verb::Cancel => self.finish(Code::CANCELLED, Some(session), cx.out),
            Verb::End => {
                let code = match (self.phase, is_caller) {
                    (Phase::Joining | Phase::Active, _) => Code::HANGUP,
                    (_, true) => Code::CANCELLED,
                    (_, false) => Code::REJECTED,
                };
                self.finish(code, Some(session), cx.out);
            }
        }
    }

    /// The callee's `session` accepted: a fresh room of two, a ticket for each, and START to both.
    fn accepted(
        &mut self,
        session: SessionId,
        media: Media,
        block: &Bytes,
        cx: &mut Surroundings<'_>,
    ) {
        self.callee = Some(session);
        self.media = media;
        self.phase_until = Some(Deadline::new(cx.now.after(limits::JOIN), Timer::Join));
        //= CALL-025
        for other in self.rung.iter().filter(|other| **other != session) {
            let end = End {
                call: self.id,
                code: Code::ANSWERED_ELSEWHERE,
                params: Params::NONE,
            };
            cx.out.frame(self.me(), *other, end.encode());
            cx.out.send(
                self.me(),
                Owner::Session(*other),
                Letter::CallOver { call: self.id },
            );
        }
        self.rung.clear();
        //= CALL-018
        let room = RoomId(cx.random.id());
        self.room = Some(room);
        let caller = Admission::of(self.caller, cx.random.token(), media, true);
        let callee = Admission::of(session, cx.random.token(), media, false);
        for (who, peer, block) in [
            (&caller, session, block),
            (&callee, self.caller, &Bytes::new()),
        ] {
            let start = Start {
                call: self.id,
                room,
                ticket: who.ticket,
                media,
                peer,
                //= CALL-027
                end_to_end: Opaque::new(block).unwrap_or_default(),
                params: Params::NONE,
            };
            self.starts.push((who.session, start.encode()));
        }
        let open = Letter::OpenForCall {
            call: self.id,
            admitted: Vec::from([caller, callee]),
        };
        cx.out.send(self.me(), Owner::Room(room), open);
        for user in [self.caller_user, self.callee_user] {
            cx.out.send(
                self.me(),
                Owner::User(user),
                Letter::Answered { call: self.id },
            );
        }
    }

    /// Passes the caller's CONFIRM on to the device that accepted, once.
    fn confirm(&mut self, session: SessionId, block: &Bytes, out: &mut Outbox) {
        //= CALL-029
        let Some(callee) = self.callee.filter(|_| !self.confirmed) else {
            let frame = refused(self.id, Code::ALREADY_CONFIRMED, CallId::NONE);
            return out.frame(self.me(), session, frame);
        };
        self.confirmed = true;
        let confirm = Confirm {
            call: self.id,
            //= CALL-027
            end_to_end: Opaque::new(block).unwrap_or_default(),
            params: Params::NONE,
        };
        out.frame(self.me(), callee, confirm.encode());
    }
}
