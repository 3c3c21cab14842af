//! Named rooms: who may enter by name, leave, be put out, wait or come too late, while sessions are lost and timers fire.
//!
//! The directory, rooms, sessions and users are the server's own; a client keeps a room as the real one does
//! ([`View`](crate::room::client::View)).

mod party;
mod rules;

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use bytes::Bytes;
use duet_sim::explore::{Diagram, Fault, Faults, Gauges, Model, Property, Transit};

use super::cluster::{Cluster, Step, label};
use super::planted::Planted;
use crate::code::Code;
use crate::id::{RequestId, RoomId, SessionId, UserId};
use crate::message::Wire;
use crate::message::room::{Admit, Close, Join, Kick, Leave, Options, SetRoom, Setting, Verdict};
use crate::message::session::{Goodbye, Retry};
use crate::server::envelope::Owner;
use crate::wire::{Opaque, Params, Text, Within};
use party::{Asked, Link, Party};

/// The one name that everyone asks for.
const NAME: &str = "lobby";

/// What a moderator asks of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Puts a user out, for as long as the room lives.
    Ban(UserId),
    Lobby,
    Lock,
    /// Neither lobby nor lock.
    Open,
    Close,
}

/// Who is there, and what they may do.
#[derive(Clone)]
pub(super) struct Rooms {
    /// Each client's name, user, and the shard where it logged in.
    clients: Vec<(&'static str, UserId, u8)>,
    /// How often each client asks for the room.
    joins: u8,
    /// What who may ask of it, once each.
    orders: Vec<(u8, Order)>,
    /// Whether the service may refuse.
    denies: bool,
    faults: Faults,
    shards: u8,
    planted: Option<Planted>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    cluster: Cluster,
    parties: Vec<Party>,
    /// One bit for each order that was given.
    given: u8,
    faults: Faults,
    /// What a client saw that no server should show it.
    flaw: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Join {
        client: u8,
    },
    Leave {
        client: u8,
        room: RoomId,
    },
    Order {
        order: u8,
        room: RoomId,
    },
    Admit {
        client: u8,
        room: RoomId,
        session: SessionId,
    },
    Decide {
        shard: u8,
        place: u8,
        yes: bool,
    },
    Transit(Transit),
    /// The nearest of a room's timers fires.
    Timer {
        room: RoomId,
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

impl Rooms {
    fn session_id(&self, client: usize) -> SessionId {
        let mut id = [0; 16];
        (id[1], id[2], id[3]) = (self.clients[client].2, 0x5e, client as u8 + 1);
        SessionId(id)
    }

    fn ask(
        state: &mut State,
        client: u8,
        asked: Asked,
        step: &mut Step,
        frame: impl FnOnce(RequestId) -> Bytes,
    ) {
        let who = &mut state.parties[usize::from(client)];
        let request = who.request(asked);
        let session = who.session;
        state.cluster.frame(session, frame(request), step);
    }

    fn order(&self, state: &mut State, order: u8, room: RoomId, step: &mut Step) {
        state.given |= 1 << order;
        let (client, what) = self.orders[usize::from(order)];
        let params = Params::NONE;
        let options = |options: Options| {
            move |request| {
                SetRoom {
                    request,
                    room,
                    set: Setting::OPTIONS,
                    secret: Opaque::default(),
                    capacity: Within::clamp(100),
                    options,
                    params,
                }
                .encode()
            }
        };
        let asked = Asked::Order(order);
        match what {
            Order::Ban(user) => Self::ask(state, client, asked, step, |request| {
                let ban_ms = u32::MAX;
                Kick {
                    request,
                    room,
                    user,
                    ban_ms,
                    params,
                }
                .encode()
            }),
            Order::Lobby => Self::ask(state, client, asked, step, options(Options::LOBBY)),
            Order::Lock => Self::ask(state, client, asked, step, options(Options::LOCKED)),
            Order::Open => Self::ask(state, client, asked, step, options(Options::NONE)),
            Order::Close => Self::ask(state, client, asked, step, |request| {
                Close {
                    request,
                    room,
                    params,
                }
                .encode()
            }),
        }
    }

    fn step(&self, state: &mut State, action: &Action) -> Vec<(u8, Bytes)> {
        let mut step = Step::new(self.planted);
        let params = Params::NONE;
        match *action {
            Action::Join { client } => {
                state.parties[usize::from(client)].joins += 1;
                Self::ask(state, client, Asked::Join, &mut step, |request| {
                    Join {
                        request,
                        room: RoomId::NONE,
                        name: Text::cut(NAME),
                        secret: Opaque::default(),
                        params,
                    }
                    .encode()
                });
            }
            Action::Leave { client, room } => {
                state.parties[usize::from(client)].views.remove(&room);
                let asked = Asked::Leave(room);
                Self::ask(state, client, asked, &mut step, |request| {
                    Leave {
                        request,
                        room,
                        params,
                    }
                    .encode()
                });
            }
            Action::Order { order, room } => self.order(state, order, room, &mut step),
            Action::Admit {
                client,
                room,
                session,
            } => {
                let knocks = &mut state.parties[usize::from(client)].knocks;
                knocks.remove(&(room, session));
                Self::ask(state, client, Asked::Plain, &mut step, |request| {
                    let verdict = Verdict::Admit;
                    Admit {
                        request,
                        room,
                        session,
                        verdict,
                        params,
                    }
                    .encode()
                });
            }
            Action::Decide { shard, place, yes } => {
                let (shard, place) = (shard.into(), place.into());
                state.cluster.decide(shard, place, yes, &mut step);
            }
            Action::Transit(transit) => {
                state.cluster.transit(transit, &mut state.faults, &mut step);
            }
            Action::Timer { room } => {
                state.faults.spend(Fault::Timeout);
                state.cluster.wake_room(room, &mut step);
            }
            Action::LinkLost { client } => {
                state.faults.spend(Fault::Crash);
                let who = &mut state.parties[usize::from(client)];
                who.link = Link::Down;
                let session = who.session;
                state.cluster.suspend(session, &mut step);
            }
            Action::Resume { client } => {
                let who = &mut state.parties[usize::from(client)];
                who.link = Link::Up;
                let session = who.session;
                state.cluster.resume(session, &mut step);
            }
            Action::Expire { client } => {
                let session = state.parties[usize::from(client)].session;
                state.cluster.expire(session, &mut step);
            }
            Action::Logout { client } => {
                state.faults.spend(Fault::Crash);
                let session = state.parties[usize::from(client)].session;
                let goodbye = Goodbye {
                    code: Code::LOGOUT,
                    retry: Retry::Never,
                    after_ms: 0,
                    text: Text::cut(""),
                    params,
                };
                state.cluster.frame(session, goodbye.encode(), &mut step);
            }
        }
        let mut shown = Vec::new();
        for (session, frame) in step.frames {
            let at = state.parties.iter().position(|one| one.session == session);
            let at = at.expect("a client's session");
            if let Err(flaw) = state.parties[at].receive(&frame) {
                state.flaw = state.flaw.or(Some(flaw));
            }
            shown.push((at as u8, frame));
        }
        for (session, _) in step.over {
            let mut parties = state.parties.iter_mut();
            if let Some(party) = parties.find(|one| one.session == session) {
                party.over();
            }
        }
        shown
    }

    fn shard_column(&self, shard: usize) -> u8 {
        (self.clients.len() + shard) as u8
    }
}

impl Model for Rooms {
    type State = State;
    type Action = Action;

    fn initial_states(&self) -> Vec<State> {
        let state = |first| {
            let mut cluster = Cluster::with_names(self.shards.into(), first);
            let mut parties = Vec::new();
            for (n, (name, user, _)) in self.clients.iter().enumerate() {
                let session = self.session_id(n);
                cluster.log_in(session, *user, name);
                parties.push(Party::new(session, *user));
            }
            State {
                cluster,
                parties,
                given: 0,
                faults: self.faults,
                flaw: None,
            }
        };
        (0..usize::from(self.shards)).map(state).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.cluster.network.transits(&state.faults, |transit| {
            actions.push(Action::Transit(transit));
        });
        for (shard, machines) in state.cluster.shards.iter().enumerate() {
            for place in 0..machines.asked.len() {
                let (shard, place) = (shard as u8, place as u8);
                let answers = if self.denies {
                    &[true, false][..]
                } else {
                    &[true]
                };
                actions.extend(answers.iter().map(|yes| Action::Decide {
                    shard,
                    place,
                    yes: *yes,
                }));
            }
        }
        for (client, who) in (0..).zip(&state.parties) {
            match who.link {
                Link::Up => {
                    if who.joins < self.joins && !who.is_busy() {
                        actions.push(Action::Join { client });
                    }
                    let rooms: BTreeSet<RoomId> = who.rooms().collect();
                    actions.extend(rooms.into_iter().map(|room| Action::Leave { client, room }));
                    for (room, session) in who.knocks.iter().copied() {
                        actions.push(Action::Admit {
                            client,
                            room,
                            session,
                        });
                    }
                    if state.faults.allows(Fault::Crash) {
                        actions.extend([Action::LinkLost { client }, Action::Logout { client }]);
                    }
                }
                Link::Down => {
                    actions.extend([Action::Resume { client }, Action::Expire { client }]);
                }
                Link::Gone => {}
            }
        }
        for (order, (client, _)) in (0..).zip(&self.orders) {
            let who = &state.parties[usize::from(*client)];
            if who.link == Link::Up && state.given & (1 << order) == 0 {
                let rooms = who.views.keys();
                actions.extend(rooms.map(|room| Action::Order { order, room: *room }));
            }
        }
        if state.faults.allows(Fault::Timeout) {
            for (room, machine) in state.cluster.rooms() {
                if machine.deadline().is_some() {
                    actions.push(Action::Timer { room: *room });
                }
            }
        }
    }

    fn apply(&self, state: &mut State, action: &Action) {
        self.step(state, action);
    }

    fn properties(&self) -> Vec<Property<Self>> {
        rules::of(self)
    }

    fn kind(&self, action: &Action) -> &'static str {
        match action {
            Action::Join { .. } => "join",
            Action::Leave { .. } => "leave",
            Action::Order { .. } => "order",
            Action::Admit { .. } => "admit",
            Action::Decide { .. } => "decide",
            Action::Transit(transit) => transit.kind(),
            Action::Timer { .. } => "timeout",
            Action::LinkLost { .. } => "lose a link",
            Action::Resume { .. } => "resume",
            Action::Expire { .. } => "expire",
            Action::Logout { .. } => "log out",
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        vec!["join", "leave", "decide", "deliver"]
    }

    fn is_quiescent(&self, state: &State, _: &[Action]) -> bool {
        state.cluster.is_at_rest()
    }

    fn within(&self, state: &State) -> bool {
        // What follows from a mistake is no more to be looked at.
        state.flaw.is_none()
    }

    fn limits(&self) -> Vec<String> {
        vec![
            format!(
                "{} clients, JOINs of each: {}; orders of moderators: {}; {} shards",
                self.clients.len(),
                self.joins,
                self.orders.len(),
                self.shards,
            ),
            format!("{}", self.faults),
            "time stands still: any timer that runs may fire, and rates are never used up"
                .to_string(),
        ]
    }

    fn measure(&self, state: &State, gauges: &mut Gauges) {
        gauges.record("envelopes in flight", state.cluster.network.len() as u64);
        gauges.record("rooms", state.cluster.rooms().count() as u64);
    }

    fn heap_bytes(&self, state: &State) -> usize {
        state.cluster.heap_bytes() + state.parties.len() * (size_of::<Party>() + 400)
    }

    fn participants(&self) -> Vec<String> {
        let names = self.clients.iter().map(|(name, ..)| (*name).to_string());
        names
            .chain((0..self.shards).map(|n| format!("shard {n}")))
            .collect()
    }

    fn draw(&self, before: &State, action: &Action, _after: &State, diagram: &mut Diagram) {
        let mut state = before.clone();
        let home = |client: u8| {
            let session = before.parties[usize::from(client)].session;
            self.shard_column(before.cluster.home(Owner::Session(session)))
        };
        match action {
            Action::Join { client } => diagram.arrow(*client, home(*client), "JOIN"),
            Action::Leave { client, .. } => diagram.arrow(*client, home(*client), "LEAVE"),
            Action::Admit { client, .. } => diagram.arrow(*client, home(*client), "ADMIT"),
            Action::Order { order, .. } => {
                let (client, what) = self.orders[usize::from(*order)];
                let text = match what {
                    Order::Ban(user) => format!("KICK user {} for good", user.0),
                    Order::Close => "CLOSE".to_string(),
                    what => format!("SET_ROOM {what:?}"),
                };
                diagram.arrow(client, home(client), text);
            }
            Action::Logout { client } => diagram.arrow(*client, home(*client), "GOODBYE"),
            Action::LinkLost { client } => diagram.note(*client, "loses its link"),
            Action::Resume { client } => diagram.note(*client, "resumes its session"),
            Action::Expire { client } => diagram.note(*client, "its session's time is up"),
            Action::Decide { shard, yes, .. } => {
                let text = match yes {
                    true => "the service allows it",
                    false => "the service denies it",
                };
                diagram.note(self.shard_column((*shard).into()), text);
            }
            Action::Timer { room } => {
                let at = self.shard_column(before.cluster.home(Owner::Room(*room)));
                diagram.note(at, "the room's timer fires");
            }
            Action::Transit(transit) => {
                let flight = transit.flight();
                let text = before.cluster.network.at(flight).map(label);
                let (from, to) = (flight.from.into(), flight.to.into());
                let (from, to) = (self.shard_column(from), self.shard_column(to));
                diagram.arrow(from, to, text.unwrap_or_default());
            }
        }
        for (client, frame) in self.step(&mut state, action) {
            let text = super::client::name(&frame);
            if text != "ACK" {
                diagram.arrow(home(client), client, text);
            }
        }
    }
}
