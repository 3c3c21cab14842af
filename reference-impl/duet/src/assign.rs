//! Assigning rooms: one user asks the service by data to meet another, and both are sent a room and a ticket.
//!
//! What is asked and sent are this application's own conventions, in JSON: `{"meet":"bob"}` from a client; to each of the
//! two `{"with":"alice","room":"…","ticket":"…"}`, both in hexadecimal, for JOIN; to the asker `{"meet":"bob","failed":
//! "…"}` where there is no room to be had. No I/O: events go in, commands come out.

use std::collections::BTreeMap;

use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::{RequestId, RoomId, SessionId, UserId};
use duet_protocol::message::room::Options;
use duet_protocol::message::service::Kind;
use duet_protocol::service::client::{Event, NewRoom, Service, Ticket};
use duet_protocol::time::Instant;
use duet_protocol::wire::Address;
use serde::Deserialize;
use serde_json::json;

/// What a client asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The name of the user to meet.
    meet: String,
}

/// Two who are to meet: each with the name that the other sees.
#[derive(Clone, Debug)]
struct Pair {
    asker: (UserId, String),
    asked: (UserId, String),
}

/// Gives a room to every two who are to meet.
#[derive(Debug, Default)]
pub struct Assigner {
    /// Who is online, from events and snapshots.
    online: BTreeMap<SessionId, (UserId, String)>,
    rooms: BTreeMap<RequestId, Pair>,
    tickets: BTreeMap<RequestId, (UserId, String)>,
}

impl Assigner {
    /// Takes an event, and commands what follows from it.
    pub fn event(&mut self, now: Instant, event: &Event, service: &mut Service) {
        match event {
            Event::Snapshot(state) => {
                let known = |session: &duet_protocol::service::client::SessionInfo| {
                    (session.session, (session.user, session.name.clone()))
                };
                self.online = state.sessions.iter().map(known).collect();
            }
            Event::Happened(incident) => match incident.kind {
                Kind::SessionBegan => {
                    let who = (incident.user, incident.name.clone());
                    self.online.insert(incident.session, who);
                }
                Kind::SessionEnded => {
                    self.online.remove(&incident.session);
                }
                _ => {}
            },
            Event::Addressed {
                user,
                session,
                data,
                ..
            } => {
                if let Ok(Asked { meet }) = serde_json::from_slice(data) {
                    self.meet(now, (*user, *session), &meet, service);
                }
            }
            Event::RoomCreated { request, room } => {
                if let Some(pair) = self.rooms.remove(request) {
                    self.give(now, *room, &pair.asker, &pair.asked.1, service);
                    self.give(now, *room, &pair.asked, &pair.asker.1, service);
                }
            }
            Event::Ticket {
                request,
                room,
                user,
                ticket: Ticket(ticket),
            } => {
                if let Some((_, with)) = self.tickets.remove(request) {
                    let told = json!({
                        "with": with,
                        "room": hex(&room.0),
                        "ticket": hex(ticket),
                    });
                    let _ = push(now, *user, &told, service);
                }
            }
            Event::Done { request, code } => {
                if let Some(pair) = self.rooms.remove(request) {
                    refuse(now, pair.asker.0, &pair.asked.1, *code, service);
                }
                self.tickets.remove(request);
            }
            _ => {}
        }
    }

    fn meet(
        &mut self,
        now: Instant,
        (user, session): (UserId, SessionId),
        name: &str,
        service: &mut Service,
    ) {
        let own = self.online.get(&session).cloned();
        let other = self
            .online
            .values()
            .find(|(_, other)| other == name)
            .cloned();
        let (Some(asker), Some(asked)) = (own, other) else {
            return refuse(now, user, name, Code::NOT_FOUND, service);
        };
        if asker.0 == asked.0 {
            return refuse(now, user, name, Code::OWN_USER, service);
        }
        let wish = NewRoom {
            capacity: 2,
            options: Options::LOCKED,
            ..NewRoom::default()
        };
        match service.create_room(now, wish) {
            Ok(request) => {
                self.rooms.insert(request, Pair { asker, asked });
            }
            Err(_) => refuse(now, user, name, Code::SERVICE_UNAVAILABLE, service),
        }
    }

    fn give(
        &mut self,
        now: Instant,
        room: RoomId,
        (user, _): &(UserId, String),
        with: &str,
        service: &mut Service,
    ) {
        if let Ok(request) = service.ticket(now, room, *user) {
            self.tickets.insert(request, (*user, with.to_owned()));
        }
    }
}

/// Where the link is too busy even for a refusal, the asker hears nothing, as where it was lost.
fn refuse(now: Instant, to: UserId, name: &str, code: Code, service: &mut Service) {
    let told = json!({ "meet": name, "failed": code.to_string() });
    let _ = push(now, to, &told, service);
}

fn push(
    now: Instant,
    to: UserId,
    told: &serde_json::Value,
    service: &mut Service,
) -> Result<RequestId, UsageError> {
    service.push(now, Address::User(to), told.to_string().into_bytes())
}

/// Hexadecimal digits of bytes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
