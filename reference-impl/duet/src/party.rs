//! A party to a call: logs in, calls or answers, runs the media clock, hangs up. Sans-IO like all beneath it: the same
//! code sits in a simulated node and in the loop of `duet call`; only what drives it differs.

use std::collections::VecDeque;
use std::time::Duration;

use duet_protocol::client::{Client, Credentials, Event};
use duet_protocol::code::Code;
use duet_protocol::error::EndReason;
use duet_protocol::id::{CallId, RequestId, SessionId};
use duet_protocol::media::HopStats;
use duet_protocol::message::Media;
use duet_protocol::time::Instant;
use duet_quic::Driver;

use crate::report::Hop;
use crate::studio::{Capture, Footage, Format, Made, Studio, VIDEO};

/// Pictures from one look at the media connection's counts to the next.
pub const STATS_EVERY: u64 = 15;

/// What a party does.
#[derive(Clone, Debug)]
pub enum Role {
    /// Calls someone by name, and hangs up `length` after the other side's first picture (where none comes, after the
    /// start); `None`: when told to.
    Caller {
        /// Whom.
        callee: String,
        /// When, at the earliest.
        at: Instant,
        /// How long the call lasts.
        length: Option<Duration>,
    },
    /// Answers whoever calls.
    Answerer,
}

/// What a party tells whoever watches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Logged in, by this name.
    LoggedIn(String),
    /// The login was refused, or the link is lost; whether another attempt follows.
    Offline {
        /// Why.
        reason: EndReason,
        /// Whether another attempt follows.
        returning: bool,
    },
    /// The link is lost; or back.
    Suspended(bool),
    /// Nobody of that name.
    NoSuchUser(String),
    /// It is being called.
    Calling(String),
    /// It rings there.
    Ringing,
    /// Someone calls.
    Incoming(String),
    /// Both sides are in.
    Started,
    /// The first picture of the other side is shown.
    FirstPicture,
    /// It is over.
    Ended(EndReason),
    /// Media broke down on this side.
    MediaFailed(String),
}

/// What a party did, or was told, for whoever watches a run: see [`Party::watch`].
#[derive(Clone, Debug)]
pub enum Seen {
    /// It asked something.
    Asked(RequestId),
    /// It called somebody.
    Invited(CallId),
    /// It accepted a call.
    Accepted(CallId),
    /// It was told this; packets of media are left out.
    Told(Event),
}

/// A picture that this side captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Its number.
    pub number: u64,
    /// When it was captured.
    pub at: Instant,
    /// Whether it was sent: the other side wanted it.
    pub sent: bool,
}

/// What a party has done, for the report.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Pictures.
    pub captured: Vec<Captured>,
    /// Blocks of sound sent.
    pub blocks_sent: u64,
    /// What was shown of the other side.
    pub footage: Footage,
    /// What the media connection did.
    pub hop: HopStats,
    /// The same during the call, every [`STATS_EVERY`] pictures.
    pub hops: Vec<(Instant, Hop)>,
    /// When the call started and ended, and why.
    pub started: Option<Instant>,
    /// When the call ended, and why.
    pub ended: Option<(Instant, EndReason)>,
}

/// One side.
pub struct Party {
    role: Role,
    credentials: Credentials,
    format: Format,
    studio: Box<dyn Studio>,
    lookup: Option<RequestId>,
    call: Option<CallId>,
    peer: Option<SessionId>,
    /// When the first picture was captured, and the next picture and block.
    rolling: Option<(Instant, u64, u64)>,
    record: Record,
    notices: VecDeque<Notice>,
    /// When the first picture of the other side was played.
    showed: Option<Instant>,
    over: bool,
    /// Whether it has a session in which something can be asked.
    online: bool,
    /// What it did and was told since it was last asked, if anybody watches.
    seen: Option<VecDeque<Seen>>,
}

impl Party {
    /// A party that has done nothing yet.
    pub fn new(
        role: Role,
        credentials: Credentials,
        format: Format,
        studio: Box<dyn Studio>,
    ) -> Self {
        Self {
            role,
            credentials,
            format,
            studio,
            lookup: None,
            call: None,
            peer: None,
            rolling: None,
            record: Record::default(),
            notices: VecDeque::new(),
            showed: None,
            over: false,
            online: false,
            seen: None,
        }
    }

    /// Keeps what it does and is told, from now on, for [`Party::seen`].
    pub fn watch(&mut self) {
        self.seen.get_or_insert_default();
    }

    /// What it did, or was told, next.
    pub fn seen(&mut self) -> Option<Seen> {
        self.seen.as_mut()?.pop_front()
    }

    fn saw(&mut self, seen: impl FnOnce() -> Seen) {
        if let Some(all) = &mut self.seen {
            all.push_back(seen());
        }
    }

    /// Calls someone by name as soon as it is logged in, and hangs up after `length`, as [`Role::Caller`] says. Says
    /// whether it is free to: not where it calls or is in a call already.
    pub fn call(&mut self, now: Instant, callee: &str, length: Option<Duration>) -> bool {
        if self.call.is_some() || self.lookup.is_some() {
            return false;
        }
        let callee = callee.to_owned();
        self.role = Role::Caller {
            callee,
            at: now,
            length,
        };
        (self.record.started, self.showed, self.over) = (None, None, false);
        true
    }

    /// Logs in.
    pub fn start(&mut self, driver: &mut Driver<Client>, now: Instant) {
        let credentials = self.credentials.clone();
        if let Err(error) = driver.command(now, |core, now| core.login(now, credentials)) {
            self.notices
                .push_back(Notice::MediaFailed(error.to_string()));
            self.over = true;
        }
    }

    /// What it has to tell.
    pub fn notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Whether its call is over, and everything that came of it has happened.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether a call is on.
    pub fn in_call(&self) -> bool {
        self.call.is_some()
    }

    /// Hangs up, cancels or declines.
    pub fn hang_up(&mut self, driver: &mut Driver<Client>, now: Instant) {
        if let Some(call) = self.call {
            // Where the call has just ended there is nothing left to end.
            let _ = driver.command(now, |core, now| core.hang_up(now, call));
            self.advance(driver, now);
        }
    }

    /// Puts the devices away; what was done and shown.
    pub fn finish(&mut self) -> Record {
        self.rolling = None;
        self.record.footage = self.studio.finish();
        if let Some(failure) = &self.record.footage.failure {
            self.notices.push_back(Notice::MediaFailed(failure.clone()));
        }
        std::mem::take(&mut self.record)
    }

    /// Since when people see each other, or else the call has been on.
    fn under_way(&self) -> Option<Instant> {
        self.showed.or(self.record.started)
    }

    /// The next instant at which it has something to do by itself.
    pub fn deadline(&self) -> Option<Instant> {
        let capture = self.rolling.map(|(start, picture, block)| {
            let picture = start.after(self.format.picture_at(picture));
            picture.min(start.after(self.format.block_at(block)))
        });
        let script = match (&self.role, self.under_way(), self.lookup, self.call) {
            (
                Role::Caller {
                    length: Some(length),
                    ..
                },
                Some(started),
                _,
                Some(_),
            ) => Some(started.after(*length)),
            // Before it is logged in nothing can be done, however late it is; the login brings it back here.
            (Role::Caller { at, .. }, None, None, None) if !self.over && self.online => Some(*at),
            _ => None,
        };
        match (capture, script) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Does everything that is due: after anything has happened, and at the deadline.
    pub fn advance(&mut self, driver: &mut Driver<Client>, now: Instant) {
        loop {
            while let Some(event) = driver.poll_event() {
                if !matches!(event, Event::Media { .. }) {
                    self.saw(|| Seen::Told(event.clone()));
                }
                self.event(driver, now, event);
            }
            while let Some(made) = self.studio.poll() {
                self.made(driver, now, made);
            }
            let script = self.script(driver, now);
            let captured = self.capture(now);
            if !script && !captured {
                break;
            }
        }
    }

    /// What the role asks for at this time; whether anything was done.
    fn script(&mut self, driver: &mut Driver<Client>, now: Instant) -> bool {
        let Role::Caller { callee, at, length } = &self.role else {
            return false;
        };
        if let (Some(started), Some(length), Some(call)) = (self.under_way(), length, self.call) {
            if now >= started.after(*length) {
                let _ = driver.command(now, |core, now| core.hang_up(now, call));
                return true;
            }
            return false;
        }
        let idle = self.record.started.is_none() && self.call.is_none() && self.lookup.is_none();
        if !idle || self.over || !self.online || now < *at {
            return false;
        }
        match driver.command(now, |core, now| core.lookup(now, callee)) {
            Ok(request) => {
                self.lookup = Some(request);
                self.saw(|| Seen::Asked(request));
                true
            }
            Err(_) => {
                self.online = false;
                false
            }
        }
    }

    /// Captures what is due; whether anything was.
    fn capture(&mut self, now: Instant) -> bool {
        let Some((start, mut picture, mut block)) = self.rolling else {
            return false;
        };
        let before = (picture, block);
        while start.after(self.format.picture_at(picture)) <= now {
            self.studio.capture(now, Capture::Picture(picture));
            picture += 1;
        }
        while start.after(self.format.block_at(block)) <= now {
            self.studio.capture(now, Capture::Block(block));
            block += 1;
        }
        self.rolling = Some((start, picture, block));
        before != (picture, block)
    }

    fn made(&mut self, driver: &mut Driver<Client>, now: Instant, made: Made) {
        match made {
            Made::Packets {
                stream,
                number,
                packets,
            } => {
                let mut sent = !packets.is_empty();
                for packet in packets {
                    let one = driver.command(now, |core, now| core.send_media(now, stream, packet));
                    // Before PUBLISHED, and while nobody wants it, nothing is sent.
                    sent &= one.unwrap_or(false);
                }
                if stream == VIDEO {
                    let stats = driver.core().media_stats();
                    // Once the call is over there are no flows left to count.
                    if number.is_multiple_of(STATS_EVERY) && !stats.outgoing.is_empty() {
                        self.record.hops.push((now, Hop::from(&stats)));
                        self.record.hop = stats;
                    }
                    let start = self.rolling.map_or(now, |(start, ..)| start);
                    let at = start.after(self.format.picture_at(number));
                    self.record.captured.push(Captured { number, at, sent });
                } else if sent {
                    self.record.blocks_sent += 1;
                }
            }
            Made::KeyframeNeeded => {
                if let Some(peer) = self.peer {
                    driver.command(now, |core, now| core.request_keyframe(now, peer, VIDEO));
                }
            }
            Made::Failed(text) => self.notices.push_back(Notice::MediaFailed(text)),
        }
    }

    fn event(&mut self, driver: &mut Driver<Client>, now: Instant, event: Event) {
        match event {
            Event::LoggedIn { name, .. } => {
                self.online = true;
                self.notices.push_back(Notice::LoggedIn(name));
            }
            Event::Suspended => self.notices.push_back(Notice::Suspended(true)),
            Event::Resumed => {
                self.online = true;
                self.notices.push_back(Notice::Suspended(false));
            }
            Event::LoggedOut { reason, returning } => {
                self.online = false;
                self.over |= !returning;
                self.notices
                    .push_back(Notice::Offline { reason, returning });
            }
            Event::Found {
                request,
                user,
                name,
            } if self.lookup == Some(request) => {
                let (media, ring) = (Media::ALL, Duration::from_secs(30));
                let streams = self.studio.streams();
                let call = driver.command(now, |core, now| {
                    core.invite(now, user, media, ring, streams)
                });
                self.lookup = None;
                if let Ok(call) = call {
                    self.call = Some(call);
                    self.saw(|| Seen::Invited(call));
                    self.notices.push_back(Notice::Calling(name));
                } else {
                    self.over = true;
                }
            }
            Event::Answer { request, code, .. } if self.lookup == Some(request) => {
                if code == Code::NOT_FOUND
                    && let Role::Caller { callee, .. } = &self.role
                {
                    self.notices.push_back(Notice::NoSuchUser(callee.clone()));
                }
                self.lookup = None;
                self.over = true;
            }
            Event::Ringing { .. } => self.notices.push_back(Notice::Ringing),
            Event::Incoming {
                call, name, media, ..
            } => {
                self.notices.push_back(Notice::Incoming(name));
                match self.role {
                    Role::Answerer if self.call.is_none() => {
                        self.call = Some(call);
                        let streams = self.studio.streams();
                        let accepted =
                            driver.command(now, |core, now| core.accept(now, call, media, streams));
                        // A call that has ended in the meantime says so itself.
                        if accepted.is_ok() {
                            self.saw(|| Seen::Accepted(call));
                        }
                    }
                    Role::Answerer | Role::Caller { .. } => {
                        let _ = driver.command(now, |core, now| core.hang_up(now, call));
                    }
                }
            }
            Event::Started { call, .. } if self.call == Some(call) => {
                self.record.started = Some(now);
                self.rolling = Some((now, 0, 0));
                self.notices.push_back(Notice::Started);
            }
            Event::StreamOpened {
                session,
                description,
                ..
            } => {
                self.peer = Some(session);
                self.studio.expect(&description);
            }
            Event::Wanted {
                stream: VIDEO,
                wanted: true,
            }
            | Event::KeyframeWanted { stream: VIDEO } => {
                self.studio.keyframe();
            }
            Event::Media {
                stream,
                rtp,
                lost_before,
                ..
            } => {
                if stream == VIDEO && self.showed.is_none() {
                    self.showed = Some(now);
                    self.notices.push_back(Notice::FirstPicture);
                }
                self.studio.play(now, stream, rtp, lost_before);
            }
            Event::Ended { call, reason, .. } if self.call == Some(call) => {
                self.call = None;
                self.rolling = None;
                self.over = true;
                if self.seen.is_some() {
                    // Whoever follows a script answers again once his own call is over.
                    self.role = Role::Answerer;
                }
                self.record.ended = Some((now, reason));
                self.notices.push_back(Notice::Ended(reason));
            }
            _ => {}
        }
    }
}
