//! What must hold of a run, whatever the network does and whoever drives it.
//!
//! Who runs clients says what each application does ([`Invariants::did`]) and what it is told ([`Invariants::told`]), in
//! the order in which it happens, and at the end asks what was broken ([`Invariants::finish`]). What must never happen is
//! judged as it is seen; what must happen in the end is judged at the end, as of the instant from which nothing is
//! disturbed any more ([`Invariants::healed`]).
//!
//! No network, clock or runtime is known here, so that the simulator and the driver under turmoil judge alike. Every
//! client that takes part has to be observed: a message that arrives at one that is not looks as if it had not arrived.
//!
//! | judged | in |
//! |---|---|
//! | sessions, requests, the return after a fault | `sessions.rs` |
//! | text and data | `messages.rs` |
//! | who is in a room | `rooms.rs` |
//! | calls | `calls.rs` |

mod calls;
mod messages;
mod rooms;
mod sessions;

use std::fmt;
use std::time::Duration;

use duet_protocol::client::Event;
use duet_protocol::id::{CallId, RequestId, RoomId, SessionId, UserId};
use duet_protocol::limits;
use duet_protocol::wire::Address;
use duet_sim::Time;

use calls::Calls;
use messages::Messages;
use rooms::Rooms;
use sessions::Sessions;

macro_rules! invariants {
    ($($(#[doc = $meaning:literal])+ $name:ident = $text:literal;)+) => {
        /// A rule that must hold of every run.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Invariant {
            /// The one of this name.
            pub fn named(name: &str) -> Option<Self> {
                let mut all = Self::ALL.iter();
                all.find(|(one, _)| one.name() == name).map(|(one, _)| *one)
            }

            /// Every one, and what it demands.
            pub const ALL: &'static [(Self, &'static str)] =
                &[$((Self::$name, concat!($($meaning),+)),)+];

            /// Its name, as reports and scenarios have it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

invariants! {
    /// A session begins, is suspended, resumes and ends in that order (SES-009)
    SessionOrder = "session.order";
    /// What a client asks is answered, once (SES-016, SES-020)
    Answered = "request.answered";
    /// After the last fault, whoever wants to be logged in is, within [`RETURN`]; after a later loss, within 10 s
    Return = "session.return";
    /// A message is brought as it was written, by whom it was written, to whom it was written (CHAN-001 to CHAN-003)
    MessageIntact = "message.intact";
    /// A message is brought at most once (SES-024)
    MessageOnce = "message.once";
    /// Messages from one session under one address come in the order in which they were sent (CHAN-010)
    MessageOrder = "message.order";
    /// `delivered` is said of what a receiver has (CHAN-004), and no refusal of what one has
    MessageResult = "message.result";
    /// A message has one number, for its receivers and for its sender (CHAN-003, CHAN-013)
    MessageNumber = "message.number";
    /// A member is told of every change once, and of none of what it does not know (ROOM-005)
    RoomChanges = "room.changes";
    /// After the last fault, the members of a room see each other, and nobody else, within [`SETTLE`]
    RoomAgreement = "room.agreement";
    /// A call starts only where the callee has accepted (CALL-003)
    CallConsent = "call.consent";
    /// Nobody is in two calls (CALL-020)
    CallAlone = "call.alone";
    /// A call ends once for each side, and for both (CALL-007, CALL-019)
    CallEnd = "call.end";
}

/// How long after the last fault a client may be without its session, with some leisure for the login itself.
///
/// A link that was lost counts as dead after [`limits::DEAD`] at the latest (SES-014), and the next attempt is made at
/// once; where the session has ended in the meantime, RESUME is refused (SES-009) and another attempt follows after the
/// longest wait, 5 s. An attempt that was already under way, and is beyond hope, is given up after [`limits::LOGIN`],
/// which with two such waits is no longer.
pub const RETURN: Duration = Duration::from_secs(limits::DEAD.as_secs() + 5 + 5);

/// The same from when a client noticed that its link was dead: links that lose packets for ever may kill one long after
/// the last fault.
const ATTEMPTS: Duration = Duration::from_secs(RETURN.as_secs() - limits::DEAD.as_secs());

/// How long after the last fault, or operation, anything may still be unsettled: until the server has counted a link as
/// dead, and the session that hung on it has ended, with some leisure. No call rings for as long.
pub const SETTLE: Duration =
    Duration::from_secs(limits::DEAD.as_secs() + limits::RESUME_WINDOW.as_secs() + 10);

/// What an application does.
#[derive(Clone, Copy, Debug)]
pub enum Act<'a> {
    /// It states the intent to be logged in.
    LogIn,
    /// It gives that intent up.
    LogOut,
    /// It sends text or data.
    Send {
        /// The request.
        request: RequestId,
        /// To whom.
        to: Address,
        /// What; no two bodies of a run are equal, so that each is known by it.
        body: &'a [u8],
    },
    /// It asks to enter a room, by name, or to create one.
    Join {
        /// The request.
        request: RequestId,
        /// The name.
        name: &'a str,
    },
    /// It leaves a room.
    Leave {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
    },
    /// It asks anything else.
    Ask {
        /// The request.
        request: RequestId,
    },
    /// It calls somebody.
    Invite {
        /// The call.
        call: CallId,
    },
    /// It accepts a call.
    Accept {
        /// The call.
        call: CallId,
    },
    /// Its process is killed. It knows nothing any more; it may be started again by [`Act::LogIn`].
    Die,
}

/// When an invariant is seen not to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// As it happens: something was done or told that must never be.
    Running,
    /// Once everything was healed and had its time to settle: something has not happened that must.
    Healed,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "as it ran",
            Self::Healed => "after healing",
        })
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub invariant: Invariant,
    /// When it was seen.
    pub phase: Phase,
    /// In which of the ways that it has not to hold, in a few words that are the same for the same cause; none where it
    /// has one.
    pub way: &'static str,
    /// Who was told what it should not have been, or not told what it should have been.
    pub who: String,
    /// When that was noticed.
    pub at: Time,
    /// What happened, for a person.
    pub text: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (millis, name) = (self.at.as_micros() / 1_000, self.invariant.name());
        write!(f, "{millis} ms, {}: {name}: {}", self.who, self.text)
    }
}

macro_rules! tally {
    ($($(#[doc = $meaning:literal])+ $field:ident = $text:literal;)+) => {
        /// What a run did, counted: one that did nothing breaks nothing.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[doc = $meaning])+ pub $field: usize,)+
        }

        impl Tally {
            /// Every count by the name that scenarios have for it, and what it counts.
            pub const ALL: &'static [(&'static str, &'static str)] =
                &[$(($text, concat!($($meaning),+)),)+];

            /// The count of this name.
            pub fn named(&self, name: &str) -> Option<usize> {
                match name { $($text => Some(self.$field),)+ _ => None }
            }
        }
    };
}

tally! {
    /// Sessions that began
    logins = "session.begun";
    /// Links that were lost
    suspended = "session.suspended";
    /// Links that came back to their session
    resumed = "session.resumed";
    /// Messages that were sent
    sent = "message.sent";
    /// Messages that came, one for each receiver
    received = "message.received";
    /// Messages of which the sender was told that they were delivered
    delivered = "message.delivered";
    /// Messages of which it was told that nobody knows
    undetermined = "message.undetermined";
    /// Messages of which it was told anything else
    refused = "message.refused";
    /// Sides of calls that started
    calls_started = "call.started";
    /// Sides of calls that ended
    calls_ended = "call.ended";
}

/// A client, as far as every rule has to know it.
#[derive(Debug, Default)]
struct Party {
    name: String,
    /// Since when it wants to be logged in.
    wants: Option<Time>,
    session: Option<(SessionId, UserId)>,
    suspended: bool,
    /// Whether its process has ever been logged in.
    was_in: bool,
    /// Since when it has had a link to its session.
    online: Option<Time>,
    /// When it last noticed that a link was dead.
    lost: Option<Time>,
}

/// What has been noticed so far.
#[derive(Debug, Default)]
struct Book {
    parties: Vec<Party>,
    tally: Tally,
    breaches: Vec<Breach>,
    /// Whether the run is over, and what must happen in the end is judged.
    over: bool,
}

impl Book {
    fn breach(&mut self, invariant: Invariant, who: usize, at: Time, text: String) {
        self.breach_by(invariant, "", who, at, text);
    }

    /// A breach of an invariant that can be broken in several ways.
    fn breach_by(
        &mut self,
        invariant: Invariant,
        way: &'static str,
        who: usize,
        at: Time,
        text: String,
    ) {
        let phase = match self.over {
            false => Phase::Running,
            true => Phase::Healed,
        };
        let who = self.parties[who].name.clone();
        self.breaches.push(Breach {
            invariant,
            phase,
            way,
            who,
            at,
            text,
        });
    }

    /// Who has this session now.
    fn owner(&self, session: SessionId) -> Option<usize> {
        let mut parties = self.parties.iter();
        parties.position(|party| party.session.is_some_and(|(own, _)| own == session))
    }
}

/// Watches a run. Clients are numbered in the order of their names.
#[derive(Debug)]
pub struct Invariants {
    book: Book,
    sessions: Sessions,
    messages: Messages,
    rooms: Rooms,
    calls: Calls,
    healed: Time,
}

impl Invariants {
    /// Nothing has happened yet.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let party = |name: N| Party {
            name: name.into(),
            ..Party::default()
        };
        let parties: Vec<Party> = names.into_iter().map(party).collect();
        let count = parties.len();
        let book = Book {
            parties,
            ..Book::default()
        };
        Self {
            book,
            sessions: Sessions::new(count),
            messages: Messages::default(),
            rooms: Rooms::new(count),
            calls: Calls::new(count),
            healed: Time::ZERO,
        }
    }

    /// An application did something, just now.
    ///
    /// # Panics
    ///
    /// If there is no client of that number, or if a body is sent a second time.
    pub fn did(&mut self, now: Time, who: usize, act: Act<'_>) {
        let book = &mut self.book;
        self.sessions.did(book, now, who, act);
        self.messages.did(book, who, act);
        self.rooms.did(who, act);
        self.calls.did(now, who, act);
    }

    /// An application was told something, just now.
    ///
    /// # Panics
    ///
    /// If there is no client of that number.
    pub fn told(&mut self, now: Time, who: usize, event: &Event) {
        let book = &mut self.book;
        // The end of a session is the last that is told of it, and its beginning the first.
        self.sessions.told(book, now, who, event);
        self.messages.told(book, now, who, event);
        self.rooms.told(book, now, who, event);
        self.calls.told(book, now, who, event);
    }

    /// From now on nothing is disturbed any more, unless this is said again.
    pub fn healed(&mut self, now: Time) {
        self.healed = now;
    }

    /// What was broken so far, of what must never happen.
    pub fn breaches(&self) -> &[Breach] {
        &self.book.breaches
    }

    /// What was done so far.
    pub fn tally(&self) -> Tally {
        self.book.tally
    }

    /// What was broken in all, in the order in which it was noticed. What must happen in the end is judged where there
    /// was time for it: [`SETTLE`] after the last fault and the last operation there was.
    pub fn finish(mut self, now: Time) -> Vec<Breach> {
        let (book, healed) = (&mut self.book, self.healed);
        book.over = true;
        self.sessions.finish(book, now, healed);
        self.rooms.finish(book, now, healed);
        self.calls.finish(book, now, healed);
        self.book.breaches
    }
}
