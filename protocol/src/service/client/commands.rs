//! What a service may do: start, stop, answer, command. An error means that nothing changed.

use alloc::vec::Vec;

use bytes::Bytes;

use super::command::{Command, NewRoom, Pending};
use super::{Link, Service};
use crate::client::Ban;
use crate::code::Code;
use crate::error::{EndReason, Initiator, UsageError};
use crate::id::{CallId, RequestId, RoomId, SessionId, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::service::{Standing, Verdict, VerdictUser};
use crate::service::{Contact, Decision};
use crate::time::Instant;
use crate::wire::{Address, List, Params, Text, Within};

/// The longest data of a PUSH.
const MAX_PUSH: usize = 15_900;
/// The longest secret of a room.
const MAX_SECRET: usize = 64;

impl Service {
    /// Links, and stays linked from now on.
    pub fn start(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if matches!(self.link, Link::Idle) {
            self.backoff.reset();
            self.connect();
        }
    }

    /// Takes its leave; commands that are not done end as [`Code::UNDETERMINED`].
    pub fn stop(&mut self, now: Instant) {
        self.now = self.now.max(now);
        match &self.link {
            Link::Up(up) => {
                let conn = up.conn;
                self.say_goodbye(conn, Code::LOGOUT);
            }
            Link::Connecting { conn } => {
                let (conn, code) = (*conn, Code::NONE);
                self.outputs
                    .push_back(crate::io::Output::Close { conn, code });
            }
            Link::Idle | Link::Waiting { .. } => {}
        }
        self.standing = None;
        self.down(EndReason::new(Code::LOGOUT, Initiator::Local), None);
    }

    /// Answers a question.
    ///
    /// # Errors
    ///
    /// [`UsageError::NoSuchQuestion`] also where its time is over or the link was lost; [`UsageError::WrongState`]
    /// where the decision does not fit the question; [`UsageError::TooLarge`] for a name of more than 64 bytes
    /// and a list of more than 200 entries.
    pub fn answer(
        &mut self,
        now: Instant,
        question: u64,
        decision: Decision,
    ) -> Result<(), UsageError> {
        let (until, what) = self
            .questions
            .get(&question)
            .ok_or(UsageError::NoSuchQuestion)?;
        if *until <= now {
            return Err(UsageError::NoSuchQuestion);
        }
        if !what.is_answered_by(&decision) {
            return Err(UsageError::WrongState);
        }
        let conn = self.active().ok_or(UsageError::NoSuchQuestion)?;
        let (epoch, params) = (self.epoch, Params::NONE);
        let frame = match &decision {
            Decision::User {
                user,
                name,
                contacts,
            } => {
                let entries: Vec<_> = contacts.iter().map(Contact::wire).collect();
                VerdictUser {
                    epoch,
                    question,
                    user: *user,
                    name: Text::new(name).ok_or(UsageError::TooLarge)?,
                    contacts: List::new(&entries).ok_or(UsageError::TooLarge)?,
                    params,
                }
                .encode()
            }
            Decision::Allow | Decision::Deny(_) => {
                let code = match decision {
                    // A refusal without a reason would be a yes.
                    Decision::Deny(Code::NONE) => Code::FORBIDDEN,
                    Decision::Deny(code) => code,
                    _ => Code::NONE,
                };
                Verdict {
                    epoch,
                    question,
                    code,
                    params,
                }
                .encode()
            }
        };
        self.now = self.now.max(now);
        self.questions.remove(&question);
        self.write(conn, frame);
        Ok(())
    }

    /// Sends data to a user, a session or a room, as the service.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`], [`UsageError::TooLarge`] for more than 15,900 bytes, [`UsageError::Backlogged`].
    pub fn push(
        &mut self,
        now: Instant,
        to: Address,
        data: impl Into<Bytes>,
    ) -> Result<RequestId, UsageError> {
        let data = data.into();
        if data.len() > MAX_PUSH {
            return Err(UsageError::TooLarge);
        }
        self.command(now, Command::Push { to, data })
    }

    /// Creates a room, of which nobody is a moderator; [`super::Event::RoomCreated`] says its id, [`super::Event::Done`] why there is
    /// none. It ends after a while if nobody enters it, and when the last member has left.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`], [`UsageError::Backlogged`]; [`UsageError::TooLarge`] for a name or a secret of more
    /// than 64 bytes and a capacity that is not 2 to 100.
    pub fn create_room(&mut self, now: Instant, wish: NewRoom) -> Result<RequestId, UsageError> {
        let fits = Text::<64>::new(&wish.name).is_some()
            && wish.secret.len() <= MAX_SECRET
            && Within::<2, 100>::new(wish.capacity.into()).is_some();
        match fits {
            true => self.command(now, Command::CreateRoom(wish)),
            false => Err(UsageError::TooLarge),
        }
    }

    /// Asks for a ticket with which this user may enter a room once, past secret, lock and lobby; [`super::Event::Ticket`]
    /// brings it, [`super::Event::Done`] says why there is none. Passing it on is the service's.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`], [`UsageError::Backlogged`].
    pub fn ticket(
        &mut self,
        now: Instant,
        room: RoomId,
        user: UserId,
    ) -> Result<RequestId, UsageError> {
        self.command(now, Command::Ticket { room, user })
    }

    /// Closes a room; who is inside is told the code.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`], [`UsageError::Backlogged`].
    pub fn close_room(
        &mut self,
        now: Instant,
        room: RoomId,
        code: Code,
    ) -> Result<RequestId, UsageError> {
        self.command(now, Command::CloseRoom { room, code })
    }

    /// Puts a user out of a room, and may keep it out.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`], [`UsageError::Backlogged`].
    pub fn kick(
        &mut self,
        now: Instant,
        room: RoomId,
        user: UserId,
        ban: Ban,
    ) -> Result<RequestId, UsageError> {
        let ban_ms = ban.millis();
        self.command(now, Command::Kick { room, user, ban_ms })
    }

    /// Ends a session; its client is told the code.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`], [`UsageError::Backlogged`].
    pub fn end_session(
        &mut self,
        now: Instant,
        session: SessionId,
        code: Code,
    ) -> Result<RequestId, UsageError> {
        let user = UserId(0);
        self.command(
            now,
            Command::EndSession {
                session,
                user,
                code,
            },
        )
    }

    /// Ends every session of a user, as when its password was changed.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`], [`UsageError::Backlogged`].
    pub fn end_sessions_of(
        &mut self,
        now: Instant,
        user: UserId,
        code: Code,
    ) -> Result<RequestId, UsageError> {
        let session = SessionId::NONE;
        self.command(
            now,
            Command::EndSession {
                session,
                user,
                code,
            },
        )
    }

    /// Ends a call; both sides are told the code.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`], [`UsageError::Backlogged`].
    pub fn end_call(
        &mut self,
        now: Instant,
        call: CallId,
        code: Code,
    ) -> Result<RequestId, UsageError> {
        self.command(now, Command::EndCall { call, code })
    }

    fn command(&mut self, now: Instant, command: Command) -> Result<RequestId, UsageError> {
        if self.standing != Some(Standing::Active) {
            return Err(UsageError::NotActive);
        }
        let bytes = self.pushed_bytes.saturating_add(command.bytes());
        if self.pending.len() >= limits::MAX_COMMANDS || bytes > limits::MAX_PUSHED_BYTES {
            return Err(UsageError::Backlogged);
        }
        self.now = self.now.max(now);
        self.pushed_bytes = bytes;
        self.next_request = self.next_request.saturating_add(1);
        let request = RequestId(self.next_request);
        let pending = Pending {
            command,
            sent_in: 0,
            taken: false,
        };
        self.pending.insert(request, pending);
        self.send_commands();
        Ok(request)
    }

    /// Sends what has not been sent in this epoch and was not taken in an earlier one.
    fn send_commands(&mut self) {
        let Some(conn) = self.active() else { return };
        let epoch = self.epoch;
        let mut frames = Vec::new();
        for (request, pending) in &mut self.pending {
            if !pending.taken && pending.sent_in != epoch {
                pending.sent_in = epoch;
                frames.push(pending.command.encode(epoch, *request));
            }
        }
        for frame in frames {
            self.write(conn, frame);
        }
    }

    /// A new epoch: of what was sent in the one before, `taken` says what arrived.
    pub(super) fn sort_commands(&mut self, last_epoch: u64, taken: u64, replay: bool) {
        let requests: Vec<RequestId> = self.pending.keys().copied().collect();
        for request in requests {
            let Some(pending) = self.pending.get_mut(&request) else {
                continue;
            };
            let mut unknown = false;
            if !pending.taken && pending.sent_in == last_epoch && last_epoch != 0 {
                //= SVC-046
                pending.taken = taken != u64::MAX && u64::from(request.0) <= taken;
                unknown = taken == u64::MAX;
            }
            // Its DONE may be among the entries that a snapshot stands for.
            if unknown || (pending.taken && !replay) {
                self.done(request, Code::UNDETERMINED, RoomId::NONE, &[]);
            }
        }
        self.send_commands();
    }

    /// A command is done, as far as this side will ever know.
    pub(super) fn done(&mut self, request: RequestId, code: Code, room: RoomId, ticket: &[u8]) {
        if let Some(Pending { command, .. }) = self.pending.remove(&request) {
            self.pushed_bytes = self.pushed_bytes.saturating_sub(command.bytes());
            self.event(command.outcome(request, code, room, ticket));
        }
    }

    /// Whether a DONE of that epoch may answer this command.
    pub(super) fn was_sent_in(&self, request: RequestId, epoch: u64) -> bool {
        self.pending
            .get(&request)
            .is_some_and(|pending| pending.sent_in == epoch)
    }

    /// Somebody else is active: what is not done will not be known.
    pub(super) fn give_up_commands(&mut self) {
        while let Some((request, _)) = self.pending.first_key_value() {
            let request = *request;
            self.done(request, Code::UNDETERMINED, RoomId::NONE, &[]);
        }
    }
}
