//! The call flow that this project began from, by hand: the platform behind it knew no calls, only rooms, data between
//! users, and a business service. Ada asks Bob by data; Bob agrees; Ada asks the service for a room; the service
//! creates one that nobody else can enter and sends each of the two the way in; both enter, publish and subscribe; Ada
//! leaves, and so Bob does; a last text needs no room.
//!
//! Four cores, one thread, no sockets: the network is in memory and time is virtual, so that each run prints the same.
//! (INVITE and its answers do all this in one step; see the specification's chapter on calls.)
//!
//! `cargo run -p duet-protocol --example call_flow`

#![allow(clippy::indexing_slicing, reason = "whole slices of an example's data")]

mod network;
mod person;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::{RequestId, UserId};
use duet_protocol::io::{Core, Input};
use duet_protocol::message::service::{Kind, Permissions};
use duet_protocol::seed::Seed;
use duet_protocol::server::{self, Server};
use duet_protocol::service::client::{Config, Event, NewRoom, Service};
use duet_protocol::service::{Decision, LinkConfig, Question, ServiceToken};
use duet_protocol::time::Instant;
use duet_protocol::wire::Address;

use network::{Network, Party};
use person::{GIVE_US_A_ROOM, Person};

const TOKEN: &[u8] = b"shared by the server and its service";

fn main() -> ExitCode {
    let mut world = World::new();
    match world.run(Duration::from_secs(10), |line| println!("{line}")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: the room was not closed in time");
            ExitCode::FAILURE
        }
        Err(mistake) => {
            eprintln!("error: {mistake}");
            ExitCode::FAILURE
        }
    }
}

struct World {
    now: Instant,
    network: Network,
    server: Server,
    service: Service,
    ada: Person,
    bob: Person,
    /// What the service does with the room that it asked for: whom it lets in.
    wanted: BTreeMap<RequestId, [UserId; 2]>,
    guests: u64,
    closed: bool,
}

impl World {
    fn new() -> Self {
        let decides = Permissions::LOGIN.with(Permissions::DIRECTORY);
        let config = server::Config {
            link: Some(LinkConfig {
                tokens: vec![ServiceToken::new(TOKEN, Permissions::ALL)],
                asks: decides.with(Permissions::JOIN).with(Permissions::CALL),
            }),
            ..server::Config::default()
        };
        // A program that is no example draws its seeds from the operating system.
        let service = Config::new("rooms", TOKEN);
        Self {
            now: Instant::EPOCH,
            network: Network::default(),
            server: Server::new(Arc::new(config), Seed([1; 32]), Instant::EPOCH),
            service: Service::new(Arc::new(service), Seed([2; 32]), Instant::EPOCH),
            ada: Person::new("Ada", Some("Bob"), 3),
            bob: Person::new("Bob", None, 4),
            wanted: BTreeMap::new(),
            guests: 0,
            closed: false,
        }
    }

    /// Runs until the room is closed and nothing is left to say, or for so long; whether it was closed.
    fn run(&mut self, longest: Duration, mut tell: impl FnMut(String)) -> Result<bool, UsageError> {
        let end = self.now.after(longest);
        self.service.start(self.now);
        self.bob.start()?;
        self.ada.start()?;
        loop {
            while self.settle(&mut tell)? {}
            let deadlines = [
                self.server.deadline(),
                self.service.deadline(),
                self.ada.core.deadline(),
                self.bob.core.deadline(),
            ];
            let due = deadlines.into_iter().flatten().map(|due| due.at).min();
            let arrival = self.network.next_arrival();
            if self.closed && arrival.is_none() {
                return Ok(true);
            }
            let Some(next) = [due, arrival].into_iter().flatten().min() else {
                return Ok(self.closed);
            };
            if next > end {
                return Ok(self.closed);
            }
            self.now = self.now.max(next);
            match arrival {
                Some(at) if at <= self.now => {
                    if let Some((party, input)) = self.network.take_arrival() {
                        self.core_takes(party, input);
                    }
                }
                _ => {
                    for party in [Party::Server, Party::Service, Party::Ada, Party::Bob] {
                        self.core_takes(party, Input::Wake);
                    }
                }
            }
        }
    }

    fn core_takes(&mut self, party: Party, input: Input) {
        match party {
            Party::Server => self.server.handle(self.now, input),
            Party::Service => self.service.handle(self.now, input),
            Party::Ada => self.ada.core.handle(self.now, input),
            Party::Bob => self.bob.core.handle(self.now, input),
        }
    }

    /// Lets every core's wishes be done, and every application react; whether any had something to react to.
    fn settle(&mut self, tell: &mut impl FnMut(String)) -> Result<bool, UsageError> {
        let now = self.now;
        let mut told = Vec::new();
        let mut busy = !self
            .network
            .drive(Party::Server, &mut self.server, now)
            .is_empty();
        for event in self.network.drive(Party::Service, &mut self.service, now) {
            busy = true;
            told.extend(self.serve(event)?.map(|line| ("service", line)));
        }
        for (party, name, person) in [
            (Party::Ada, "Ada", &mut self.ada),
            (Party::Bob, "Bob", &mut self.bob),
        ] {
            for event in self.network.drive(party, &mut person.core, now) {
                busy = true;
                told.extend(person.react(event, now)?.map(|line| (name, line)));
            }
        }
        let millis = now.as_micros() / 1_000;
        for (who, line) in told {
            tell(format!("{millis:>6} ms  {who:<8} {line}"));
        }
        Ok(busy)
    }

    /// The business service: it lets guests in, and assigns rooms.
    fn serve(&mut self, event: Event) -> Result<Option<String>, UsageError> {
        Ok(match event {
            Event::Activated { .. } => Some("decides from now on".into()),
            Event::Question { question, what, .. } => {
                let decision = match what {
                    Question::Login { name, .. } => {
                        self.guests = self.guests.saturating_add(1);
                        Decision::User {
                            user: UserId(self.guests),
                            name,
                            contacts: Vec::new(),
                        }
                    }
                    Question::Lookup { .. } => Decision::Deny(Code::NOT_FOUND),
                    // Rooms are entered with a ticket; there are no calls here, and no lists.
                    Question::Join { .. } => Decision::Allow,
                    Question::Call { .. } | Question::Contact { .. } => {
                        Decision::Deny(Code::VETOED)
                    }
                };
                self.service.answer(self.now, question, decision)?;
                None
            }
            Event::Addressed { user, data, .. } => {
                let peer = data.strip_prefix(GIVE_US_A_ROOM);
                let peer = peer.and_then(|peer| std::str::from_utf8(peer).ok()?.parse().ok());
                let Some(peer) = peer else {
                    return Ok(Some("does not understand".into()));
                };
                let room = NewRoom {
                    capacity: 2,
                    ..NewRoom::default()
                };
                let request = self.service.create_room(self.now, room)?;
                self.wanted.insert(request, [user, UserId(peer)]);
                Some(format!("creates a room for users {} and {peer}", user.0))
            }
            Event::RoomCreated { request, room } => {
                for user in self.wanted.remove(&request).into_iter().flatten() {
                    self.service.ticket(self.now, room, user)?;
                }
                None
            }
            Event::Ticket {
                room, user, ticket, ..
            } => {
                let way_in = [&room.0[..], &ticket.0].concat();
                self.service.push(self.now, Address::User(user), way_in)?;
                Some(format!("sends user {} the way in", user.0))
            }
            Event::Happened(incident) if incident.kind == Kind::RoomClosed => {
                self.closed = true;
                Some("hears that the room is closed".into())
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seed's six points, in their order.
    #[test]
    fn the_flow_goes_as_the_seed_tells_it() {
        let mut lines = Vec::new();
        let closed = World::new().run(Duration::from_secs(10), |line| lines.push(line));
        assert_eq!(closed, Ok(true), "{lines:#?}");
        let mut rest = lines.iter();
        for (who, what) in [
            ("Ada", "asks Bob"),
            ("Bob", "says yes"),
            ("Ada", "asks the service"),
            ("service", "creates a room"),
            ("Ada", "was assigned a room"),
            ("Ada", "is in the room"),
            ("Ada", "hears 172 bytes"),
            ("Bob", "is alone, and leaves too"),
            ("service", "hears that the room is closed"),
        ] {
            let found = rest.any(|line| line.contains(who) && line.contains(what));
            assert!(found, "{who} {what}, in this order: {lines:#?}");
        }
        for line in [
            "Bob      was assigned a room",
            "Bob      hears 172 bytes",
            "Ada      reads: see you",
        ] {
            assert!(
                lines.iter().any(|has| has.contains(line)),
                "{line}: {lines:#?}"
            );
        }
        let mut again = Vec::new();
        let _ = World::new().run(Duration::from_secs(10), |line| again.push(line));
        assert_eq!(lines, again);
    }
}
