//! Losing and resuming links, in every order: the whole cores of clients and of a server's shards, over streams that
//! break at any moment, with what each side has noticed of that.
//!
//! What the model leaves out: the hour stands still, and any deadline may come at any moment, as a fault
//! ([`Faults::timeouts`]): so no order of timers is missed, and some are searched that no clock allows. HELLO and
//! WELCOME pass at once with the connection; a frame is never cut in two; the service answers at once; a connection is
//! handed over at once.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test, where a panic is a finding"
)]

mod frames;
mod planted;
mod property;
mod tests;
mod world;

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use duet_sim::explore::{Diagram, Fault, Faults, Gauges, Model, Property};

use crate::id::UserId;
use crate::wire::Address;
use planted::Planted;
use world::{NOW, State};

/// Who there is, and what may go wrong.
#[derive(Clone, Debug)]
struct Resume {
    /// The user of each device.
    users: Vec<u64>,
    /// What each device writes: so many texts, to this user.
    writes: Vec<(u8, u64)>,
    shards: u16,
    faults: Faults,
    /// Whether a resume window may close; otherwise only links may be given up.
    windows_close: bool,
    planted: Planted,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// A device's application writes its next text.
    Write(usize),
    /// The head of a connection's stream to the server arrives.
    Up(usize),
    /// The head of its stream to the client arrives.
    Down(usize),
    /// An envelope arrives at another shard.
    Cross(usize, usize),
    /// A connection breaks.
    Break(usize),
    /// The client notices.
    ClientNotices(usize),
    /// The server notices.
    ServerNotices(usize),
    /// A device without a link connects, to this shard.
    Connect(usize, usize),
    /// A client takes a link for dead.
    ClientGivesUp(usize),
    /// The server takes a link for dead.
    ServerGivesUp(usize),
    /// The resume window of a device's session closes.
    WindowCloses(usize),
    /// A client's process ends and begins anew.
    Crash(usize),
}

impl Resume {
    /// Who receives what a device writes.
    fn receivers(&self, party: usize) -> impl Iterator<Item = usize> {
        let to = self.writes[party].1;
        let all = self.users.iter().enumerate();
        all.filter(move |(_, user)| **user == to)
            .map(|(party, _)| party)
    }

    fn shard_name(&self, shard: usize) -> u8 {
        (self.users.len() + shard) as u8
    }
}

impl Action {
    /// Whether it is a fault, or an application's choice, so that nobody waits for it.
    const fn is_free(self) -> bool {
        matches!(
            self,
            Self::Write(_)
                | Self::Break(_)
                | Self::ClientGivesUp(_)
                | Self::ServerGivesUp(_)
                | Self::WindowCloses(_)
                | Self::Crash(_)
        )
    }
}

impl Model for Resume {
    type State = State;
    type Action = Action;

    fn initial_states(&self) -> Vec<State> {
        vec![State::new(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (at, conn) in state.conns.iter().enumerate() {
            if !conn.up.is_empty() {
                actions.push(Action::Up(at));
            }
            if !conn.down.is_empty() {
                actions.push(Action::Down(at));
            }
            if conn.broken && conn.client_holds {
                actions.push(Action::ClientNotices(at));
            }
            // What was in flight when a process ended may still arrive before that.
            if conn.broken && conn.server_holds && conn.up.is_empty() {
                actions.push(Action::ServerNotices(at));
            }
        }
        actions.extend(state.crossing.keys().map(|(a, b)| Action::Cross(*a, *b)));
        for (party, device) in state.parties.iter().enumerate() {
            if device.core.is_waiting() {
                let shards = 0..state.servers.len();
                actions.extend(shards.map(|shard| Action::Connect(party, shard)));
            }
            if device.told.wrote < self.writes[party].0 && device.core.session().is_some() {
                actions.push(Action::Write(party));
            }
        }
        if state.faults.allows(Fault::Drop) {
            let whole = state.conns.iter().enumerate().filter(|(_, c)| !c.broken);
            actions.extend(whole.map(|(at, _)| Action::Break(at)));
        }
        if state.faults.allows(Fault::Timeout) {
            for (at, conn) in state.conns.iter().enumerate() {
                if conn.client_holds && !conn.broken {
                    actions.push(Action::ClientGivesUp(at));
                }
                let attached = state.servers[conn.shard].session_on(conn.ours).is_some();
                if conn.server_holds && !conn.broken && attached {
                    actions.push(Action::ServerGivesUp(at));
                }
            }
            if self.windows_close {
                let away = (0..state.parties.len())
                    .filter(|party| state.kept(*party).is_some_and(|kept| kept.is_suspended()));
                actions.extend(away.map(Action::WindowCloses));
            }
        }
        if state.faults.allows(Fault::Crash) {
            actions.extend((0..state.parties.len()).map(Action::Crash));
        }
    }

    fn apply(&self, state: &mut State, action: &Action) {
        match *action {
            Action::Write(party) => {
                let number = state.parties[party].told.wrote;
                let mut request = None;
                let to = Address::User(UserId(self.writes[party].1));
                state.client(self, party, 0, |core| {
                    request = core.text(NOW, to, &format!("{party}{number}")).ok();
                });
                let told = &mut state.parties[party].told;
                told.wrote += 1;
                told.requests.push((request.unwrap(), number));
            }
            Action::Up(at) => state.deliver_up(self, at),
            Action::Down(at) => state.deliver_down(self, at),
            Action::Cross(from, to) => state.cross(self, (from, to)),
            Action::Break(at) => {
                state.faults.spend(Fault::Drop);
                state.break_link(at);
            }
            Action::ClientNotices(at) => state.notice(self, at, false),
            Action::ServerNotices(at) => state.notice(self, at, true),
            Action::Connect(party, shard) => {
                state.client(self, party, shard, |core| core.reconnect(NOW));
            }
            Action::ClientGivesUp(at) => {
                state.faults.spend(Fault::Timeout);
                let (party, shard) = (state.conns[at].party, state.conns[at].shard);
                state.client(self, party, shard, |core| core.fall_silent(NOW));
            }
            Action::ServerGivesUp(at) => {
                state.faults.spend(Fault::Timeout);
                let conn = &state.conns[at];
                let (shard, ours) = (conn.shard, conn.ours);
                if let Some(session) = state.servers[shard].session_on(ours) {
                    state.with_server(self, shard, |core| {
                        core.meddle(session, |session| session.fall_silent());
                    });
                }
            }
            Action::WindowCloses(party) => {
                state.faults.spend(Fault::Timeout);
                state.seen.sessions_may_end = true;
                let Some(session) = state.kept(party).map(|kept| kept.id()) else {
                    return;
                };
                let mut homes = 0..state.servers.len();
                let shard = homes.find(|at| state.servers[*at].session(session).is_some());
                state.with_server(self, shard.unwrap(), |core| {
                    core.meddle(session, |session| session.close_window(NOW));
                });
            }
            Action::Crash(party) => {
                state.faults.spend(Fault::Crash);
                state.crash(self, party, party);
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all(self)
    }

    fn kind(&self, action: &Action) -> &'static str {
        match action {
            Action::Write(_) => "write",
            Action::Up(_) => "up",
            Action::Down(_) => "down",
            Action::Cross(..) => "cross",
            Action::Break(_) => "break",
            Action::ClientNotices(_) => "client notices",
            Action::ServerNotices(_) => "server notices",
            Action::Connect(..) => "connect",
            Action::ClientGivesUp(_) => "client gives up",
            Action::ServerGivesUp(_) => "server gives up",
            Action::WindowCloses(_) => "window closes",
            Action::Crash(_) => "crash",
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = vec!["up", "down"];
        if self.writes.iter().any(|(count, _)| *count > 0) {
            kinds.push("write");
        }
        if self.shards > 1 {
            kinds.push("cross");
        }
        if self.faults.drops > 0 {
            kinds.extend(["break", "client notices", "server notices", "connect"]);
        }
        if self.faults.timeouts > 0 {
            kinds.extend(["client gives up", "server gives up"]);
        }
        if self.windows_close {
            kinds.push("window closes");
        }
        if self.faults.crashes > 0 {
            kinds.push("crash");
        }
        kinds
    }

    fn is_quiescent(&self, _state: &State, enabled: &[Action]) -> bool {
        enabled.iter().all(|action| action.is_free())
    }

    fn limits(&self) -> Vec<String> {
        let writes = self.writes.iter().enumerate();
        let writes = writes
            .map(|(party, (count, to))| format!("device {party} writes {count} to user {to}"));
        let mut limits = vec![format!(
            "devices of users {:?}, {} shards",
            self.users, self.shards
        )];
        limits.extend(writes);
        limits.push(format!(
            "{}, where a drop is a link that breaks",
            self.faults
        ));
        if self.planted != Planted::Nothing {
            limits.push(format!("planted: {:?}", self.planted));
        }
        limits
    }

    fn measure(&self, state: &State, gauges: &mut Gauges) {
        gauges.record("connections", state.conns.len() as u64);
        let items = |conn: &world::Conn| conn.up.len().max(conn.down.len());
        let longest = state.conns.iter().map(items).max();
        gauges.record("frames in flight one way", longest.unwrap_or(0) as u64);
    }

    fn heap_bytes(&self, state: &State) -> usize {
        // Cores are shared between states; each step makes one or two anew.
        let items = |conn: &world::Conn| (conn.up.len() + conn.down.len()) * 128;
        let cores = 4_096 + Rc::strong_count(&state.servers[0]).min(1) * 4_096;
        cores + state.conns.iter().map(items).sum::<usize>()
    }

    fn participants(&self) -> Vec<String> {
        let devices = self.users.iter().enumerate();
        let devices = devices.map(|(party, user)| format!("device {party} of {user}"));
        devices
            .chain((0..self.shards).map(|shard| format!("shard {shard}")))
            .collect()
    }

    fn draw(&self, before: &State, action: &Action, after: &State, diagram: &mut Diagram) {
        let ends = |at: usize| {
            let conn = &before.conns[at];
            (conn, conn.party as u8, self.shard_name(conn.shard))
        };
        match *action {
            Action::Write(party) => {
                let number = before.parties[party].told.wrote;
                diagram.note(party as u8, format!("writes {party}{number}"));
            }
            Action::Up(at) => {
                let (conn, party, shard) = ends(at);
                diagram.arrow(
                    party,
                    shard,
                    format!("{}: {}", conn.ours.0, frames::label(&conn.up[0])),
                );
            }
            Action::Down(at) => {
                let (conn, party, shard) = ends(at);
                diagram.arrow(
                    shard,
                    party,
                    format!("{}: {}", conn.ours.0, frames::label(&conn.down[0])),
                );
            }
            Action::Cross(from, to) => {
                let letter = before
                    .crossing
                    .get(&(from, to))
                    .and_then(|queue| queue.front());
                let letter = letter
                    .map(|envelope| frames::letter(&envelope.letter))
                    .unwrap_or_default();
                diagram.arrow(self.shard_name(from), self.shard_name(to), letter);
            }
            Action::Break(at) => {
                let (conn, party, shard) = ends(at);
                diagram.note(party, format!("connection {} breaks", conn.ours.0));
                for item in &conn.up {
                    diagram.lost(party, shard, frames::label(item));
                }
                for item in &conn.down {
                    diagram.lost(shard, party, frames::label(item));
                }
            }
            Action::ClientNotices(at) | Action::ServerNotices(at) => {
                let (conn, party, shard) = ends(at);
                let by_client = matches!(action, Action::ClientNotices(_));
                let side = if by_client { party } else { shard };
                diagram.note(side, format!("notices that {} is lost", conn.ours.0));
            }
            Action::Connect(party, shard) => {
                let conn = after.conns.last().map_or(0, |conn| conn.ours.0);
                diagram.arrow(
                    party as u8,
                    self.shard_name(shard),
                    format!("{conn}: (connects)"),
                );
            }
            Action::ClientGivesUp(at) => {
                let (conn, party, _) = ends(at);
                diagram.note(party, format!("gives {} up", conn.ours.0));
            }
            Action::ServerGivesUp(at) => {
                let (conn, _, shard) = ends(at);
                diagram.note(shard, format!("gives {} up", conn.ours.0));
            }
            Action::WindowCloses(party) => {
                diagram.across(format!("the resume window of device {party} closes"));
            }
            Action::Crash(party) => diagram.note(party as u8, "crashes, and begins anew"),
        }
        for (party, device) in after.parties.iter().enumerate() {
            let (old, new) = (&before.parties[party].told, &device.told);
            for (from, number) in new.received.iter().skip(old.received.len()) {
                diagram.note(party as u8, format!("has {from}{number}"));
            }
            for (request, code) in new.answers.iter().skip(old.answers.len()) {
                diagram.note(party as u8, format!("request {}: {code:?}", request.0));
            }
            if new.ended > old.ended {
                diagram.note(party as u8, "its session is over");
            }
        }
    }
}
