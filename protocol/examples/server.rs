//! A server in a loop: accept, read, hand to the core, do what it asks, again. Guests are welcome under any name; the
//! service's decisions are made on the spot. Plain TCP stands in for QUIC here: no encryption, no media. For a real
//! one look at the reference implementation, which drives the same core.
//!
//! `cargo run -p duet-protocol --example server`, and beside it the example `client`.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "counters of an example do not overflow"
)]

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::id::UserId;
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::seed::Seed;
use duet_protocol::server::{Config, Server};
use duet_protocol::service::{Decision, Proof, Question};
use duet_protocol::time::Instant;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:4480")?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);

    let epoch = Clock::now();
    let now = || Instant::from_micros(epoch.elapsed().as_micros() as u64);
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut core = Server::new(Arc::new(Config::default()), Seed(seed), now());
    let unix = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let unix_micros = unix.as_micros() as u64;
    core.handle(now(), Input::WallClock { unix_micros });

    let mut links: BTreeMap<ConnId, TcpStream> = BTreeMap::new();
    let mut accepted = 0;
    let mut guests = 0;
    loop {
        // Who is new?
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            accepted += 1;
            let conn = ConnId(accepted);
            links.insert(conn, stream);
            let connected = Input::Connected {
                conn,
                purpose: Purpose::Control,
                capabilities: Capabilities::STREAMS,
            };
            core.handle(now(), connected);
        }
        // What has come? Each connection a piece, so that none starves another.
        let mut inputs = Vec::new();
        for (conn, stream) in &mut links {
            let (conn, id) = (*conn, StreamId::FIRST_OF_PEER);
            let mut buffer = [0; 4_096];
            match stream.read(&mut buffer) {
                Ok(0) => inputs.push(gone(conn)),
                Ok(count) => inputs.push(Input::Stream {
                    conn,
                    id,
                    bytes: Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default()),
                    fin: false,
                }),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => inputs.push(gone(conn)),
            }
        }
        let idle = inputs.is_empty();
        for input in inputs {
            if let Input::Closed { conn, .. } = &input {
                links.remove(conn);
            }
            core.handle(now(), input);
        }
        if core.deadline().is_some_and(|deadline| deadline.at <= now()) {
            core.handle(now(), Input::Wake);
        }
        // What does the core ask?
        while let Some(output) = core.poll_output() {
            match output {
                Output::Write { conn, bytes, .. } => {
                    let link = links.get_mut(&conn);
                    let stuck = link.is_some_and(|link| link.write_all(&bytes).is_err());
                    // A receiver that takes nothing more is given up; a real server keeps a queue.
                    if stuck {
                        links.remove(&conn);
                        core.handle(now(), gone(conn));
                    }
                }
                Output::Close { conn, .. } => {
                    links.remove(&conn);
                    let cause = Cause::Local;
                    core.handle(now(), Input::Closed { conn, cause });
                }
                Output::Decide(decide) => {
                    let (id, decision) = (decide.id, decide_on(&decide.question, &mut guests));
                    core.handle(now(), Input::Decision { id, decision });
                }
                Output::Event(event) => println!("{event:?}"),
                _ => {}
            }
        }
        if idle {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The business layer: guests come in under the name they wish, and may do everything.
fn decide_on(question: &Question, guests: &mut u64) -> Decision {
    match question {
        Question::Login {
            method: Proof::Guest,
            name,
            ..
        } => {
            *guests += 1;
            Decision::User {
                user: UserId(*guests),
                name: name.clone(),
                contacts: Vec::new(),
            }
        }
        Question::Login { .. } => Decision::Deny(Code::BAD_CREDENTIALS),
        Question::Lookup { .. } => Decision::Deny(Code::NOT_FOUND),
        _ => Decision::Allow,
    }
}

fn gone(conn: ConnId) -> Input {
    let cause = Cause::Failed("the client is gone".into());
    Input::Closed { conn, cause }
}
