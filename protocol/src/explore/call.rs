//! Calls: who may call whom, what each client may do about it, and what may go wrong.

mod model;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use duet_sim::explore::{Fault, Faults, Transit};

use super::client::{Client, Course, Entry, Link, NARROW, OFFERED, Seen};
use super::cluster::{Cluster, Step};
use super::planted::Planted;
use crate::code::Code;
use crate::id::{CallId, RoomId, SessionId, StreamNumber, UserId};
use crate::message::call::{Accept, Cancel, End, Invite, Reject, Ringing};
use crate::message::media::{Codec, Description, Kind, Publish};
use crate::message::room::{Join, Leave};
use crate::message::session::{Goodbye, Retry};
use crate::message::{Media, Wire};
use crate::wire::{Opaque, Params, Text, Within};

pub(super) const ALICE: UserId = UserId(1);
pub(super) const BOB: UserId = UserId(2);
pub(super) const CAROL: UserId = UserId(3);

/// Who is there, and what they may do.
#[derive(Clone)]
pub(super) struct Calls {
    /// Each client's name, user, and the shard where it logged in.
    pub(super) clients: Vec<(&'static str, UserId, u8)>,
    /// Which client may call whom, once each.
    pub(super) invites: Vec<(u8, UserId)>,
    /// Whether clients enter the call's room, leave it and publish in it.
    pub(super) rooms: bool,
    /// Whether who has left the room tries its ticket again.
    pub(super) again: bool,
    /// How often a client may ask what none should.
    pub(super) wrongs: u8,
    pub(super) faults: Faults,
    pub(super) shards: u8,
    /// The shards of calls and of their rooms; each pair is an initial state.
    pub(super) homes: Vec<(u8, u8)>,
    pub(super) planted: Option<Planted>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) cluster: Cluster,
    pub(super) clients: Vec<Client>,
    /// One bit for each of the model's invites.
    made: u8,
    wrongs: u8,
    faults: Faults,
    /// The shard of all calls.
    calls_at: u8,
    /// What a client saw that no server should show it.
    pub(super) flaw: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Ringing,
    Accept,
    /// With less media than offered.
    AcceptNarrow,
    /// With more.
    AcceptWide,
    Reject,
    Cancel,
    End,
    InviteAgain,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Invite {
        invite: u8,
    },
    Ask {
        client: u8,
        call: CallId,
        verb: Verb,
    },
    /// What this client should not ask now.
    Wrong {
        client: u8,
        call: CallId,
        verb: Verb,
    },
    Join {
        client: u8,
        call: CallId,
    },
    Leave {
        client: u8,
        call: CallId,
    },
    Publish {
        client: u8,
        call: CallId,
        kind: Kind,
    },
    Decide {
        shard: u8,
        place: u8,
        yes: bool,
    },
    Transit(Transit),
    /// The nearest of a call's timers fires.
    Timer {
        call: CallId,
    },
    LinkLost {
        client: u8,
    },
    Resume {
        client: u8,
    },
    /// A suspended session's time is up.
    Expire {
        client: u8,
    },
    Logout {
        client: u8,
    },
}

impl Calls {
    pub(super) fn call_id(invite: u8, shard: u8) -> CallId {
        let mut id = [0; 16];
        (id[1], id[2], id[3]) = (shard, 0xca, invite + 1);
        CallId(id)
    }

    fn session_id(&self, client: usize) -> SessionId {
        let mut id = [0; 16];
        (id[1], id[2], id[3]) = (self.clients[client].2, 0x5e, client as u8 + 1);
        SessionId(id)
    }

    fn legal(&self, state: &State, client: u8, actions: &mut Vec<Action>) {
        let who = &state.clients[usize::from(client)];
        for (&call, seen) in &who.calls {
            let mut ask = |verb| actions.push(Action::Ask { client, call, verb });
            let answered = seen.accepted.is_some();
            if seen.course == Course::Open {
                match seen.calls {
                    true if !seen.cancelled => ask(Verb::Cancel),
                    false if !answered => {
                        if !seen.rang {
                            ask(Verb::Ringing);
                        }
                        for verb in [Verb::Accept, Verb::AcceptNarrow, Verb::Reject] {
                            ask(verb);
                        }
                    }
                    _ => {}
                }
                if seen.started.is_some() {
                    ask(Verb::End);
                }
            }
            if !self.rooms || seen.started.is_none() {
                continue;
            }
            match seen.entry {
                Entry::Never => actions.push(Action::Join { client, call }),
                Entry::Inside => {
                    actions.push(Action::Leave { client, call });
                    for (kind, done) in [(Kind::Audio, seen.sound), (Kind::Video, seen.pictures)] {
                        if !done {
                            actions.push(Action::Publish { client, call, kind });
                        }
                    }
                }
                // As no client should.
                Entry::Left if self.again => {
                    actions.push(Action::Join { client, call });
                }
                _ => {}
            }
        }
    }

    fn wrong(state: &State, client: u8, legal: &[Action], actions: &mut Vec<Action>) {
        let calls = state.clients.iter().flat_map(|client| client.calls.keys());
        let mut calls: Vec<CallId> = calls.copied().collect();
        calls.sort_unstable();
        calls.dedup();
        for call in calls {
            for verb in [
                Verb::Ringing,
                Verb::Accept,
                Verb::AcceptWide,
                Verb::Reject,
                Verb::Cancel,
                Verb::End,
                Verb::InviteAgain,
            ] {
                if !legal.contains(&Action::Ask { client, call, verb }) {
                    actions.push(Action::Wrong { client, call, verb });
                }
            }
        }
    }

    /// What a client sends, and how that changes what it knows.
    fn ask(&self, state: &mut State, client: u8, call: CallId, verb: Verb, step: &mut Step) {
        let params = Params::NONE;
        let end_to_end = Opaque::default();
        let who = &mut state.clients[usize::from(client)];
        let seen = who.calls.get_mut(&call);
        let bytes = match verb {
            Verb::Ringing => {
                if let Some(seen) = seen {
                    seen.rang = true;
                }
                Ringing {
                    call,
                    end_to_end,
                    params,
                }
                .encode()
            }
            Verb::Accept | Verb::AcceptNarrow | Verb::AcceptWide => {
                let media = match verb {
                    Verb::Accept => OFFERED,
                    Verb::AcceptNarrow => NARROW,
                    _ => Media::ALL,
                };
                match seen {
                    _ if verb == Verb::AcceptWide => {}
                    Some(seen) => seen.accepted = seen.accepted.or(Some(media)),
                    None => {
                        who.guessed.insert(call, Some(media));
                    }
                }
                Accept {
                    call,
                    media,
                    end_to_end,
                    params,
                }
                .encode()
            }
            Verb::Reject | Verb::Cancel | Verb::End => {
                // What it has no right to will be refused, and changes nothing.
                let rightful = |calls: bool| match verb {
                    Verb::Reject => !calls,
                    Verb::Cancel => calls,
                    _ => true,
                };
                match seen {
                    Some(seen) if seen.course == Course::Open && rightful(seen.calls) => {
                        seen.course = Course::GivenUp;
                        seen.cancelled |= verb == Verb::Cancel;
                    }
                    None if rightful(false) => {
                        who.guessed.insert(call, None);
                    }
                    _ => {}
                }
                match verb {
                    Verb::Reject => Reject { call, params }.encode(),
                    Verb::Cancel => Cancel { call, params }.encode(),
                    _ => End {
                        call,
                        code: Code::NONE,
                        params,
                    }
                    .encode(),
                }
            }
            Verb::InviteAgain => invite(call, BOB),
        };
        let session = who.session;
        state.cluster.frame(session, bytes, step);
    }

    fn step(&self, state: &mut State, action: &Action) -> Vec<(u8, Bytes)> {
        let mut step = Step::new(self.planted);
        match *action {
            Action::Invite { invite: number } => {
                state.made |= 1 << number;
                let (client, callee) = self.invites[usize::from(number)];
                let call = Self::call_id(number, state.calls_at);
                let who = &mut state.clients[usize::from(client)];
                who.calls.insert(call, Seen::new(true));
                let session = who.session;
                state
                    .cluster
                    .frame(session, invite(call, callee), &mut step);
            }
            Action::Ask { client, call, verb } => self.ask(state, client, call, verb, &mut step),
            Action::Wrong { client, call, verb } => {
                state.wrongs += 1;
                if let Some(seen) = state.clients[usize::from(client)].calls.get_mut(&call) {
                    seen.wrong = true;
                }
                self.ask(state, client, call, verb, &mut step);
            }
            Action::Join { client, call } => {
                Self::in_room(state, client, call, &mut step, |state, started, request| {
                    let seen = state.calls.get_mut(&call).expect("seen");
                    seen.entry = Entry::Asked(request);
                    let secret = Opaque::new(&started.1).unwrap_or_default();
                    let (room, name, params) = (started.0, Text::cut(""), Params::NONE);
                    Join {
                        request,
                        room,
                        name,
                        secret,
                        params,
                    }
                    .encode()
                });
            }
            Action::Leave { client, call } => {
                Self::in_room(state, client, call, &mut step, |who, started, request| {
                    let seen = who.calls.get_mut(&call).expect("seen");
                    seen.entry = Entry::Left;
                    if seen.course == Course::Open {
                        // Who leaves the room ends the call, and is told no more.
                        seen.course = Course::GivenUp;
                    }
                    let (room, params) = (started.0, Params::NONE);
                    Leave {
                        request,
                        room,
                        params,
                    }
                    .encode()
                });
            }
            Action::Publish { client, call, kind } => {
                Self::in_room(state, client, call, &mut step, |who, started, request| {
                    let seen = who.calls.get_mut(&call).expect("seen");
                    let stream = match kind {
                        Kind::Audio => &mut seen.sound,
                        Kind::Video => &mut seen.pictures,
                    };
                    *stream = true;
                    publish(request, started.0, kind)
                });
            }
            Action::Decide { shard, place, yes } => {
                let (shard, place) = (shard.into(), place.into());
                state.cluster.decide(shard, place, yes, &mut step);
            }
            Action::Transit(transit) => {
                state.cluster.transit(transit, &mut state.faults, &mut step);
            }
            Action::Timer { call } => {
                state.faults.spend(Fault::Timeout);
                state.cluster.wake_call(call, &mut step);
            }
            Action::LinkLost { client } => {
                state.faults.spend(Fault::Crash);
                let who = &mut state.clients[usize::from(client)];
                who.link = Link::Down;
                let session = who.session;
                state.cluster.suspend(session, &mut step);
            }
            Action::Resume { client } => {
                let who = &mut state.clients[usize::from(client)];
                who.link = Link::Up;
                let session = who.session;
                state.cluster.resume(session, &mut step);
            }
            Action::Expire { client } => {
                let session = state.clients[usize::from(client)].session;
                state.cluster.expire(session, &mut step);
            }
            Action::Logout { client } => {
                state.faults.spend(Fault::Crash);
                let session = state.clients[usize::from(client)].session;
                let goodbye = Goodbye {
                    code: Code::LOGOUT,
                    retry: Retry::Never,
                    after_ms: 0,
                    text: Text::cut(""),
                    params: Params::NONE,
                };
                state.cluster.frame(session, goodbye.encode(), &mut step);
            }
        }
        let mut shown = Vec::new();
        for (session, frame) in step.frames {
            let at = state.clients.iter().position(|one| one.session == session);
            let at = at.expect("a client's session");
            if let Err(flaw) = state.clients[at].receive(&frame) {
                state.flaw = state.flaw.or(Some(flaw));
            }
            shown.push((at as u8, frame));
        }
        for (session, _) in step.over {
            let mut clients = state.clients.iter_mut();
            if let Some(client) = clients.find(|one| one.session == session) {
                client.link = Link::Gone;
            }
        }
        shown
    }

    fn in_room(
        state: &mut State,
        client: u8,
        call: CallId,
        step: &mut Step,
        run: impl FnOnce(&mut Client, (RoomId, [u8; 32]), crate::id::RequestId) -> Bytes,
    ) {
        let who = &mut state.clients[usize::from(client)];
        let started = who.calls[&call].started.expect("START has come");
        let request = who.request();
        let bytes = run(who, (started.room, started.ticket), request);
        let session = who.session;
        state.cluster.frame(session, bytes, step);
    }

    fn shard_column(&self, shard: usize) -> u8 {
        (self.clients.len() + shard) as u8
    }

    /// A frame as it is drawn, with the number of its call where there may be several.
    fn call_name(&self, call: CallId) -> String {
        match self.invites.len() {
            1 => String::new(),
            _ => format!(" {}", call.0[3]),
        }
    }
}

fn invite(call: CallId, peer: UserId) -> Bytes {
    Invite {
        call,
        peer,
        media: OFFERED,
        ring_for_ms: Within::clamp(30_000),
        name: Text::cut(""),
        end_to_end: Opaque::default(),
        params: Params::NONE,
    }
    .encode()
}

fn publish(request: crate::id::RequestId, room: RoomId, kind: Kind) -> Bytes {
    let (number, codec) = match kind {
        Kind::Audio => (1, Codec::Opus),
        Kind::Video => (2, Codec::H264),
    };
    let description = Description {
        stream: StreamNumber(number),
        kind,
        codec,
        payload_type: 96,
        clock_rate: 90_000,
        ssrc: 1,
        max_bitrate: 1_000_000,
        useful_ms: 200,
        config: Opaque::default(),
    };
    let params = Params::NONE;
    Publish {
        request,
        room,
        description,
        params,
    }
    .encode()
}
