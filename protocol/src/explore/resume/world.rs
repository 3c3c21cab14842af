//! Cores, connections and a backplane that stand still between two steps.

mod actions;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use bytes::Bytes;
use duet_sim::explore::{Faults, fingerprint};

use super::{Resume, frames};
use crate::client::{self, Client, Credentials};
use crate::code::Code;
use crate::id::{RequestId, SessionId, UserId};
use crate::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose};
use crate::server::{Envelope, Server, hash};
use crate::service::Decision;
use crate::time::Instant;

/// The hour of the model, which never passes: far from the beginning, so that there is a past.
pub(super) const NOW: Instant = Instant::from_micros(1_000_000_000);

/// Every core, all that is in flight, and what has been seen.
#[derive(Clone)]
pub(super) struct State {
    pub(super) parties: Vec<Party>,
    pub(super) servers: Vec<Rc<Server>>,
    /// In the order in which they were opened.
    pub(super) conns: Vec<Conn>,
    /// Envelopes between two shards, in order.
    pub(super) crossing: BTreeMap<(usize, usize), VecDeque<Box<Envelope>>>,
    next_conn: u64,
    /// How many secrets have been drawn, so that no two are alike.
    draws: u8,
    pub(super) faults: Faults,
    /// Every resume token that was given out and whose session may live.
    pub(super) tokens: Vec<Token>,
    pub(super) seen: Seen,
}

/// A device: its core, and what its application knows.
#[derive(Clone)]
pub(super) struct Party {
    pub(super) core: Rc<Client>,
    pub(super) told: Told,
}

/// What an application asked for and was told. It survives a crash of its device's core but for the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Told {
    /// How many texts it has written.
    pub(super) wrote: u8,
    /// The requests of this life of the core, and which text each was.
    pub(super) requests: Vec<(RequestId, u8)>,
    pub(super) answers: Vec<(RequestId, Code)>,
    /// RESULT frames that its core has taken, by request.
    pub(super) results: Vec<RequestId>,
    /// Who wrote it, and its number there.
    pub(super) received: Vec<(u8, u8)>,
    /// Texts of which it will never know the outcome, since it crashed.
    pub(super) forgotten: u8,
    /// Sessions of its core that ended.
    pub(super) ended: u8,
}

/// A connection: two streams of frames, each side's opinion of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Conn {
    pub(super) party: usize,
    pub(super) shard: usize,
    /// The client's number for it.
    theirs: ConnId,
    /// The server's.
    pub(super) ours: ConnId,
    pub(super) up: VecDeque<Item>,
    pub(super) down: VecDeque<Item>,
    pub(super) client_holds: bool,
    pub(super) server_holds: bool,
    /// Nothing more gets in; a side that has it open will notice.
    pub(super) broken: bool,
    /// The token with which a session was resumed here.
    used: Option<[u8; 32]>,
    /// It lost sequenced frames when it broke: upwards, downwards.
    lost: (bool, bool),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Item {
    Frame(Bytes),
    Close(Code),
}

/// A resume token, as its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Token {
    pub(super) session: SessionId,
    pub(super) hash: [u8; 32],
    pub(super) void: bool,
}

/// What has happened, for properties.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) violations: Vec<String>,
    /// A core crashed, or a resume window closed: sessions may end.
    pub(super) sessions_may_end: bool,
    pub(super) lost_up: bool,
    pub(super) lost_down: bool,
    pub(super) resumed_after_loss_up: bool,
    pub(super) resumed_after_loss_down: bool,
    pub(super) resumed_with_older: bool,
    pub(super) handed_over: bool,
    pub(super) displaced: bool,
    pub(super) undetermined: bool,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for party in &self.parties {
            party.core.hash_state(hasher);
            party.told.hash(hasher);
        }
        for server in &self.servers {
            server.hash_at(NOW, hasher);
        }
        self.conns.hash(hasher);
        self.crossing.hash(hasher);
        self.next_conn.hash(hasher);
        self.draws.hash(hasher);
        self.faults.hash(hasher);
        self.tokens.hash(hasher);
        self.seen.hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        fingerprint(self) == fingerprint(other)
    }
}

impl Eq for State {}

const CAPABILITIES: Capabilities = Capabilities {
    shared_media: false,
    unreliable_datagrams: true,
};

impl State {
    /// Everybody logged in, nothing in flight.
    pub(super) fn new(model: &Resume) -> Self {
        let config = crate::server::Config {
            reserved_frames: false,
            ..Default::default()
        };
        let config = Arc::new(config);
        let shard = |own| {
            let (seed, own) = (
                crate::seed::Seed([own as u8; 32]),
                crate::server::ShardId(own),
            );
            Rc::new(Server::shard(config.clone(), seed, NOW, own, model.shards))
        };
        let mut state = Self {
            parties: Vec::new(),
            servers: (0..model.shards).map(shard).collect(),
            conns: Vec::new(),
            crossing: BTreeMap::new(),
            next_conn: 0,
            draws: 0,
            faults: Faults::NONE,
            tokens: Vec::new(),
            seen: Seen::default(),
        };
        for party in 0..model.users.len() {
            let (core, told) = (Rc::new(state.born(party)), Told::default());
            state.parties.push(Party { core, told });
            state.client(model, party, party, |core| {
                let _ = core.login(NOW, Credentials::Guest(format!("{party}")));
            });
            state.settle(model);
        }
        state.faults = model.faults;
        state
    }

    fn born(&self, party: usize) -> Client {
        let config = client::Config {
            device: format!("device {party}"),
            reserved_frames: false,
            ..Default::default()
        };
        Client::new(Arc::new(config), crate::seed::Seed([0; 32]), NOW)
    }

    /// Lets everything arrive that is in flight.
    fn settle(&mut self, model: &Resume) {
        loop {
            if let Some(at) = self.conns.iter().position(|conn| !conn.up.is_empty()) {
                self.deliver_up(model, at);
            } else if let Some(at) = self.conns.iter().position(|conn| !conn.down.is_empty()) {
                self.deliver_down(model, at);
            } else if let Some(pair) = self.crossing.keys().next().copied() {
                self.cross(model, pair);
            } else {
                return;
            }
        }
    }

    /// Runs something on a client's core, which may connect to `shard`.
    pub(super) fn client(
        &mut self,
        model: &Resume,
        party: usize,
        shard: usize,
        run: impl FnOnce(&mut Client),
    ) {
        let mut core = self.parties[party].core.fork([9; 32], NOW);
        run(&mut core);
        let mut outputs = Vec::new();
        while let Some(output) = core.poll_output() {
            outputs.push(output);
        }
        self.parties[party].core = Rc::new(core);
        for output in outputs {
            self.client_output(model, party, shard, output);
        }
    }

    fn client_output(
        &mut self,
        model: &Resume,
        party: usize,
        shard: usize,
        output: Output<client::Event>,
    ) {
        match output {
            Output::Connect { conn, .. } => {
                self.connect(model, party, conn, shard % self.servers.len())
            }
            Output::Write { conn, bytes, .. } => {
                if let Some(conn) = self.held_by(party, conn)
                    && conn.server_holds
                    && !conn.broken
                {
                    conn.up.push_back(Item::Frame(bytes));
                }
            }
            Output::Close { conn, code } => {
                if let Some(conn) = self.held_by(party, conn) {
                    conn.client_holds = false;
                    conn.down.clear();
                    if conn.server_holds && !conn.broken {
                        conn.up.push_back(Item::Close(code));
                    }
                }
                self.tidy();
            }
            Output::Event(event) => self.tell(party, event),
            Output::Open { .. } => {}
            _ => unreachable!("no client of this model asks for it"),
        }
    }

    fn tell(&mut self, party: usize, event: client::Event) {
        let told = &mut self.parties[party].told;
        match event {
            client::Event::Text { text, .. } => {
                let digits: Vec<u8> = text.bytes().map(|byte| byte - b'0').collect();
                told.received.push((digits[0], digits[1]));
            }
            client::Event::Answer { request, code, .. } => {
                self.seen.undetermined |= code == Code::UNDETERMINED;
                told.answers.push((request, code));
            }
            client::Event::LoggedOut { .. } => told.ended += 1,
            _ => {}
        }
    }

    fn held_by(&mut self, party: usize, theirs: ConnId) -> Option<&mut Conn> {
        self.conns
            .iter_mut()
            .find(|conn| conn.party == party && conn.theirs == theirs && conn.client_holds)
    }

    /// A connection, and the greeting on it.
    fn connect(&mut self, model: &Resume, party: usize, theirs: ConnId, shard: usize) {
        self.next_conn += 1;
        let ours = ConnId(self.next_conn);
        self.conns.push(Conn {
            party,
            shard,
            theirs,
            ours,
            up: VecDeque::new(),
            down: VecDeque::new(),
            client_holds: true,
            server_holds: true,
            broken: false,
            used: None,
            lost: (false, false),
        });
        let (purpose, capabilities) = (Purpose::Control, CAPABILITIES);
        let connected = |conn| Input::Connected {
            conn,
            purpose,
            capabilities,
        };
        self.server(model, shard, connected(ours));
        self.client(model, party, shard, |core| {
            core.handle(NOW, connected(theirs))
        });
        let at = self.conns.len() - 1;
        self.deliver_up(model, at);
        self.deliver_down(model, at);
    }

    /// Feeds a shard, and the shards that its connections move to.
    pub(super) fn server(&mut self, model: &Resume, shard: usize, input: Input) {
        // Connections come one after the other, although the hour stands still.
        let at = match &input {
            Input::Connected { conn, .. } => Instant::from_micros(NOW.as_micros() + conn.0),
            _ => NOW,
        };
        self.with_server(model, shard, |core| core.handle(at, input));
    }

    /// Runs something on a shard.
    pub(super) fn with_server(
        &mut self,
        model: &Resume,
        shard: usize,
        run: impl FnOnce(&mut Server),
    ) {
        let mut seed = [self.draws; 32];
        seed[0] = shard as u8;
        let mut core = self.servers[shard].fork(seed, NOW);
        run(&mut core);
        model.planted.into_server(&mut core, &self.tokens);
        let mut outputs = Vec::new();
        while let Some(output) = core.poll_output() {
            outputs.push(output);
        }
        self.servers[shard] = Rc::new(core);
        for output in outputs {
            self.server_output(model, shard, output);
        }
    }

    fn server_output(
        &mut self,
        model: &Resume,
        shard: usize,
        output: Output<crate::server::Event>,
    ) {
        match output {
            Output::Write { conn, bytes, .. } => {
                self.note_tokens(conn, &bytes);
                if let Some(conn) = self.conn_of(conn)
                    && conn.client_holds
                    && !conn.broken
                {
                    let bytes = model.planted.into_frame(bytes);
                    conn.down.push_back(Item::Frame(bytes));
                }
            }
            Output::Close { conn, code } => {
                self.seen.displaced |= code == Code::DISPLACED;
                if let Some(held) = self.conn_of(conn) {
                    held.server_holds = false;
                    held.up.clear();
                    if held.client_holds && !held.broken {
                        held.down.push_back(Item::Close(code));
                    }
                }
                self.tidy();
                let cause = Cause::Local;
                self.server(model, shard, Input::Closed { conn, cause });
            }
            Output::Decide(decide) => {
                self.draws += 1;
                let party: usize = match &decide.question {
                    crate::service::Question::Login { name, .. } => name.parse().unwrap_or(0),
                    _ => unreachable!("only logins are decided"),
                };
                let decision = Decision::User {
                    user: UserId(model.users[party]),
                    name: format!("{party}"),
                    contacts: Vec::new(),
                };
                let id = decide.id;
                self.server(model, shard, Input::Decision { id, decision });
            }
            Output::Envelope { to, envelope } => {
                let pair = (shard, usize::from(to.0));
                self.crossing.entry(pair).or_default().push_back(envelope);
            }
            Output::Handover { conn, to, handover } => {
                let to = usize::from(to.0);
                self.seen.handed_over = true;
                if let Some(conn) = self.conn_of(conn) {
                    conn.shard = to;
                }
                self.server(model, to, Input::Handover { conn, handover });
            }
            Output::Event(crate::server::Event::Violation { violation, .. }) => {
                self.seen.violations.push(format!("{violation:?}"));
            }
            Output::Event(_) | Output::Open { .. } | Output::Allow { .. } => {}
            _ => unreachable!("no server of this model asks for it"),
        }
    }

    fn conn_of(&mut self, ours: ConnId) -> Option<&mut Conn> {
        self.conns.iter_mut().find(|conn| conn.ours == ours)
    }

    /// Keeps account of the tokens that are given out and of those that become void.
    fn note_tokens(&mut self, ours: ConnId, bytes: &Bytes) {
        let Some((session, token)) = frames::token_given(bytes) else {
            return;
        };
        self.draws += 1;
        let Some(at) = self.conns.iter().position(|conn| conn.ours == ours) else {
            return;
        };
        let used = self.conns[at].used;
        // RESUMED does not say of which session: the one whose token was used.
        let of_used = || self.tokens.iter().find(|token| Some(token.hash) == used);
        let Some(session) = session.or_else(|| of_used().map(|token| token.session)) else {
            return;
        };
        if let Some(used) = used {
            let newest = self
                .tokens
                .iter()
                .rev()
                .find(|token| token.session == session);
            self.seen.resumed_with_older |= newest.is_some_and(|token| token.hash != used);
            self.seen.resumed_after_loss_up |= self.seen.lost_up;
            self.seen.resumed_after_loss_down |= self.seen.lost_down;
            //= SES-007
            for token in self
                .tokens
                .iter_mut()
                .filter(|token| token.session == session)
            {
                token.void |= token.hash != used;
            }
        }
        let (hash, void) = (hash(&token), false);
        self.tokens.push(Token {
            session,
            hash,
            void,
        });
    }

    /// Forgets connections that nobody holds, and tokens of sessions that are no more.
    fn tidy(&mut self) {
        self.conns
            .retain(|conn| conn.client_holds || conn.server_holds);
    }

    /// The session of a party, as its shard has it.
    pub(super) fn kept(&self, party: usize) -> Option<&crate::session::server::Session> {
        let id = self.parties[party].core.session()?.id;
        self.servers.iter().find_map(|server| server.session(id))
    }
}
