//! A client in a hundred lines, over any byte transport: give it a way to connect, it logs in, enters a room, says what
//! it is told to say and prints what it hears. Plain TCP stands in for QUIC here: no encryption, no media.
//!
//! ```text
//! cargo run -p duet-protocol --example server &
//! cargo run -p duet-protocol --example client -- ada "Good morning"
//! ```

use std::error::Error;
use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use bytes::Bytes;
use duet_protocol::client::{Client, Config, Credentials, Event};
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::seed::Seed;
use duet_protocol::time::Instant;
use duet_protocol::wire::Address;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "ada".into());
    let text = arguments.next().unwrap_or_else(|| "Hello".into());
    run(&name, &text, || {
        let stream = TcpStream::connect("127.0.0.1:4480")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        Ok(stream)
    })
}

/// Drives a client over whatever `connect` gives; a read of it may block for a moment, not for long.
fn run<T: Read + Write>(
    name: &str,
    text: &str,
    mut connect: impl FnMut() -> io::Result<T>,
) -> Result<(), Box<dyn Error>> {
    let epoch = Clock::now();
    let now = || Instant::from_micros(epoch.elapsed().as_micros() as u64);
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut core = Client::new(Arc::new(Config::default()), Seed(seed), now());
    core.login(now(), Credentials::Guest(name.into()))?;

    let mut link: Option<(_, T)> = None;
    let mut buffer = vec![0; 16_384];
    loop {
        // 1. Do what the core asks.
        while let Some(output) = core.poll_output() {
            match output {
                Output::Connect { conn, purpose, .. } => {
                    let input = match connect().map_err(|error| error.to_string()) {
                        Ok(transport) if purpose == Purpose::Control => {
                            link = Some((conn, transport));
                            Input::Connected {
                                conn,
                                purpose,
                                capabilities: Capabilities::STREAMS,
                            }
                        }
                        Ok(_) => closed(conn, "no media over this transport".into()),
                        Err(error) => closed(conn, error),
                    };
                    core.handle(now(), input);
                }
                Output::Write { conn, bytes, .. } => match &mut link {
                    Some((up, transport)) if *up == conn => transport.write_all(&bytes)?,
                    _ => {}
                },
                Output::Close { .. } => link = None,
                Output::Event(event) => match event {
                    Event::LoggedIn { .. } => {
                        core.join(now(), "lobby", b"")?;
                    }
                    Event::Joined { room, members, .. } => {
                        println!("entered, {} inside", members.len());
                        core.text(now(), Address::Room(room), text)?;
                    }
                    Event::Answer { code, .. } => println!("my text: {code}"),
                    Event::Text { user, text, .. } => println!("{user}: {text}"),
                    Event::LoggedOut { reason, .. } => {
                        return Err(format!("logged out: {}", reason.code).into());
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        // 2. Bring it what has come, or the time.
        let Some((conn, transport)) = &mut link else {
            std::thread::sleep(Duration::from_millis(20));
            core.handle(now(), Input::Wake);
            continue;
        };
        let (conn, id) = (*conn, StreamId::FIRST_OF_CLIENT);
        let input = match transport.read(&mut buffer) {
            Ok(0) => closed(conn, "the server is gone".into()),
            Ok(count) => Input::Stream {
                conn,
                id,
                bytes: Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default()),
                fin: false,
            },
            Err(error) if [WouldBlock, TimedOut].contains(&error.kind()) => Input::Wake,
            Err(error) => closed(conn, error.to_string()),
        };
        core.handle(now(), input);
    }
}

fn closed(conn: ConnId, why: String) -> Input {
    let cause = Cause::Failed(why);
    Input::Closed { conn, cause }
}
