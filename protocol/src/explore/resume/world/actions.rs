//! What may happen to links and envelopes: they deliver, break, are noticed to be broken; a core crashes.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;

use crate::client::Credentials;
use crate::explore::resume::planted::Planted;
use crate::explore::resume::{Resume, frames};
use crate::io::{Cause, Core, Input, StreamId};
use crate::server::hash;

use super::*;

impl State {
    /// The head of what goes to the server arrives.
    pub(in crate::explore::resume) fn deliver_up(&mut self, model: &Resume, at: usize) {
        let conn = &mut self.conns[at];
        let (shard, ours) = (conn.shard, conn.ours);
        match conn.up.pop_front() {
            Some(Item::Frame(bytes)) => {
                match frames::token_used(&bytes) {
                    Some(token) => conn.used = Some(hash(&token)),
                    None => self.void_tokens(at),
                }
                let (id, fin, conn) = (StreamId::FIRST_OF_PEER, false, ours);
                let input = Input::Stream {
                    conn,
                    id,
                    bytes,
                    fin,
                };
                self.server(model, shard, input);
            }
            Some(Item::Close(code)) => {
                conn.server_holds = false;
                let (conn, cause) = (ours, Cause::Peer(code));
                self.tidy();
                self.server(model, shard, Input::Closed { conn, cause });
            }
            None => unreachable!("not enabled"),
        }
    }

    /// A frame comes on a link: the token with which it was resumed is void.
    fn void_tokens(&mut self, at: usize) {
        let Conn {
            shard, ours, used, ..
        } = &self.conns[at];
        if let Some(session) = self.servers[*shard].session_on(*ours) {
            //= SES-008
            for token in &mut self.tokens {
                token.void |= token.session == session && Some(token.hash) == *used;
            }
        }
    }

    /// The head of what goes to the client arrives.
    pub(in crate::explore::resume) fn deliver_down(&mut self, model: &Resume, at: usize) {
        let conn = &mut self.conns[at];
        let (party, shard, conn_id) = (conn.party, conn.shard, conn.theirs);
        match conn.down.pop_front() {
            Some(Item::Frame(bytes)) => {
                if self.parties[party].core.conn() == Some(conn_id)
                    && let Some(request) = frames::result_of(&bytes)
                {
                    self.parties[party].told.results.push(request);
                }
                let planted = model.planted;
                let counts = planted == Planted::CountsUnsequenced && frames::is_ack(&bytes);
                let (id, fin, conn) = (StreamId::FIRST_OF_CLIENT, false, conn_id);
                let input = Input::Stream {
                    conn,
                    id,
                    bytes,
                    fin,
                };
                self.client(model, party, shard, |core| {
                    core.handle(NOW, input);
                    if counts {
                        core.count_one_more();
                    }
                });
            }
            Some(Item::Close(code)) => {
                conn.client_holds = false;
                let cause = Cause::Peer(code);
                self.tidy();
                let closed = Input::Closed {
                    conn: conn_id,
                    cause,
                };
                self.client(model, party, shard, |core| core.handle(NOW, closed));
            }
            None => unreachable!("not enabled"),
        }
    }

    /// The oldest envelope between two shards arrives.
    pub(in crate::explore::resume) fn cross(&mut self, model: &Resume, pair: (usize, usize)) {
        let Some(queue) = self.crossing.get_mut(&pair) else {
            return;
        };
        let envelope = queue.pop_front();
        if queue.is_empty() {
            self.crossing.remove(&pair);
        }
        if let Some(envelope) = envelope {
            self.server(model, pair.1, Input::Envelope(envelope));
        }
    }

    /// A connection breaks: what is in flight on it is lost.
    pub(in crate::explore::resume) fn break_link(&mut self, at: usize) {
        let conn = &mut self.conns[at];
        let sequenced = |items: &VecDeque<Item>| items.iter().any(frames::is_sequenced);
        self.seen.lost_up |= sequenced(&conn.up);
        self.seen.lost_down |= sequenced(&conn.down);
        conn.up.clear();
        conn.down.clear();
        conn.broken = true;
        self.tidy();
    }

    /// A side notices that its connection is gone.
    pub(in crate::explore::resume) fn notice(
        &mut self,
        model: &Resume,
        at: usize,
        by_server: bool,
    ) {
        let conn = &mut self.conns[at];
        let (party, shard, ours, theirs) = (conn.party, conn.shard, conn.ours, conn.theirs);
        let cause = Cause::Failed(String::new());
        if by_server {
            conn.server_holds = false;
            self.tidy();
            self.server(model, shard, Input::Closed { conn: ours, cause });
        } else {
            conn.client_holds = false;
            self.tidy();
            let closed = Input::Closed {
                conn: theirs,
                cause,
            };
            self.client(model, party, shard, |core| core.handle(NOW, closed));
        }
    }

    /// A client's process ends, and begins anew with nothing but its name.
    pub(in crate::explore::resume) fn crash(&mut self, model: &Resume, party: usize, shard: usize) {
        for conn in &mut self.conns {
            if conn.party == party {
                conn.client_holds = false;
                conn.broken = true;
                conn.down.clear();
            }
        }
        self.tidy();
        self.seen.sessions_may_end = true;
        let core = self.born(party);
        let old = &mut self.parties[party];
        old.core = Rc::new(core);
        let unanswered = old.told.requests.len() - old.told.answers.len();
        old.told.forgotten += unanswered as u8;
        old.told.requests.clear();
        old.told.answers.clear();
        old.told.results.clear();
        // The new process numbers its connections from the beginning.
        self.client(model, party, shard, |core| {
            let _ = core.login(NOW, Credentials::Guest(format!("{party}")));
        });
    }
}
