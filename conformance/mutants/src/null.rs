//! Servers that do nothing right: one closes at once, one is silent, one talks garbage.

use std::collections::VecDeque;

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::io::{ConnId, Core, Deadline, Input, Output, StreamId};
use duet_protocol::time::Instant;

/// How it does nothing right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It closes every connection at once.
    Closes,
    /// It never says anything.
    Silent,
    /// It answers with bytes that mean nothing.
    Garbage,
}

/// A server's core that does nothing right.
#[derive(Debug)]
pub struct Null {
    manner: Manner,
    outputs: VecDeque<Output<()>>,
    word: u64,
}

impl Null {
    /// One of this name: `null-closes`, `null-silent`, `null-garbage`.
    pub fn find(name: &str) -> Option<Self> {
        let manner = match name {
            "null-closes" => Manner::Closes,
            "null-silent" => Manner::Silent,
            "null-garbage" => Manner::Garbage,
            _ => return None,
        };
        let outputs = VecDeque::new();
        Some(Self {
            manner,
            outputs,
            word: 1,
        })
    }

    /// Bytes of a linear congruential generator: Knuth's MMIX.
    fn garbage(&mut self) -> Bytes {
        let bytes = (0..48).map(|_| {
            self.word = self
                .word
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.word >> 56) as u8
        });
        bytes.collect()
    }
}

impl Core for Null {
    type Event = ();

    fn handle(&mut self, _: Instant, input: Input) {
        match (self.manner, input) {
            (Manner::Closes, Input::Connected { conn, .. }) => {
                self.outputs.push_back(Output::Close {
                    conn,
                    code: Code::NONE,
                });
            }
            (
                Manner::Garbage,
                Input::Stream {
                    conn,
                    id,
                    fin: false,
                    ..
                },
            ) => {
                let (bytes, fin) = (self.garbage(), false);
                debug_assert!(id.by_peer || id == StreamId::FIRST_OF_CLIENT);
                self.outputs.push_back(Output::Write {
                    conn,
                    id,
                    bytes,
                    fin,
                });
            }
            _ => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<()>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        None
    }

    fn next_datagram(&mut self, _: &mut Vec<u8>) -> Option<ConnId> {
        None
    }
}
