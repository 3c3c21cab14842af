//! Text and data: what was sent, and what came of it.

use std::collections::BTreeMap;

use duet_protocol::client::Event;
use duet_protocol::code::Code;
use duet_protocol::id::{RequestId, SessionId, UserId};
use duet_protocol::wire::Address;
use duet_sim::Time;

use super::{Act, Book, Invariant};

/// A message on its way.
#[derive(Debug)]
struct Message {
    sender: usize,
    /// The sender's session and user; none where it had none, and so could not send.
    author: Option<(SessionId, UserId)>,
    to: Address,
    /// Counts all that is sent.
    order: usize,
    receivers: Vec<usize>,
    number: Option<u64>,
    outcome: Option<Code>,
}

/// A message as it came.
struct Brought<'a> {
    to: Address,
    author: (SessionId, UserId),
    number: u64,
    body: &'a [u8],
}

/// Every message, by its body.
#[derive(Debug, Default)]
pub(super) struct Messages {
    bodies: BTreeMap<Vec<u8>, usize>,
    messages: Vec<Message>,
    asked: BTreeMap<(usize, RequestId), usize>,
    /// The last that a receiver had from a session under an address.
    last: BTreeMap<(usize, SessionId, Address), usize>,
}

impl Messages {
    pub(super) fn did(&mut self, book: &mut Book, who: usize, act: Act<'_>) {
        match act {
            Act::Send { request, to, body } => {
                let order = self.messages.len();
                let before = self.bodies.insert(body.to_vec(), order);
                assert!(before.is_none(), "a body is sent a second time: {body:?}");
                self.asked.insert((who, request), order);
                self.messages.push(Message {
                    sender: who,
                    author: book.parties[who].session,
                    to,
                    order,
                    receivers: Vec::new(),
                    number: None,
                    outcome: None,
                });
                book.tally.sent += 1;
            }
            Act::Die => self.asked.retain(|(by, _), _| *by != who),
            _ => {}
        }
    }

    pub(super) fn told(&mut self, book: &mut Book, now: Time, who: usize, event: &Event) {
        match event {
            Event::Text {
                to,
                user,
                session,
                number,
                text,
                ..
            } => {
                let brought = Brought {
                    to: *to,
                    author: (*session, *user),
                    number: *number,
                    body: text.as_bytes(),
                };
                self.brought(book, now, who, &brought);
            }
            Event::Data {
                to,
                user,
                session,
                number,
                data,
                ..
            } => {
                let brought = Brought {
                    to: *to,
                    author: (*session, *user),
                    number: *number,
                    body: data,
                };
                self.brought(book, now, who, &brought);
            }
            Event::Answer {
                request,
                code,
                number,
            } => self.answered(book, now, (who, *request), *code, *number),
            _ => {}
        }
    }

    fn brought(&mut self, book: &mut Book, now: Time, who: usize, brought: &Brought<'_>) {
        book.tally.received += 1;
        let shown = String::from_utf8_lossy(brought.body).into_owned();
        let mut breach = |invariant, way, text| book.breach_by(invariant, way, who, now, text);
        let Some(&order) = self.bodies.get(brought.body) else {
            return breach(
                Invariant::MessageIntact,
                "unknown",
                format!("{shown:?} was never sent"),
            );
        };
        let message = &mut self.messages[order];
        if message.author != Some(brought.author) || message.to != brought.to {
            let text = format!(
                "{shown:?} came from {:?} for {:?}; it was sent by {:?} to {:?}",
                brought.author, brought.to, message.author, message.to
            );
            let way = match message.author == Some(brought.author) {
                true => "another address",
                false => "another author",
            };
            breach(Invariant::MessageIntact, way, text);
        }
        if message.receivers.contains(&who) {
            return breach(Invariant::MessageOnce, "", format!("{shown:?} came twice"));
        }
        message.receivers.push(who);
        if *message.number.get_or_insert(brought.number) != brought.number {
            let text = format!(
                "{shown:?} has number {}, and number {:?} elsewhere",
                brought.number, message.number
            );
            breach(Invariant::MessageNumber, "receivers", text);
        }
        if let Some(code) = message.outcome.filter(|code| refused(*code)) {
            let text = format!("{shown:?} came although its sender was told {code}");
            breach(Invariant::MessageResult, "late", text);
        }
        let stream = (who, brought.author.0, brought.to);
        if let Some(last) = self.last.insert(stream, order)
            && last > order
        {
            breach(
                Invariant::MessageOrder,
                "",
                format!("{shown:?} came after one that was sent later"),
            );
        }
        let own = book.parties[who].session;
        let fits = match (brought.to, own) {
            (Address::User(user), Some((_, own))) => user == own,
            (Address::Session(session), Some((own, _))) => session == own,
            (Address::Room(_), Some(_)) => true,
            (Address::Service, _) | (_, None) => false,
        };
        if !fits {
            let text = format!("{shown:?} for {:?} came to {own:?}", brought.to);
            book.breach_by(Invariant::MessageIntact, "astray", who, now, text);
        }
    }

    fn answered(
        &mut self,
        book: &mut Book,
        now: Time,
        asked: (usize, RequestId),
        code: Code,
        number: u64,
    ) {
        let Some(order) = self.asked.remove(&asked) else {
            return;
        };
        let message = &mut self.messages[order];
        message.outcome = Some(code);
        match code {
            Code::DELIVERED => book.tally.delivered += 1,
            Code::UNDETERMINED => book.tally.undetermined += 1,
            _ => book.tally.refused += 1,
        }
        let (who, to, order) = (message.sender, message.to, message.order);
        let mut breach = |invariant, way, text: &str| {
            let text = format!("message {order} to {to:?}: {text}");
            book.breach_by(invariant, way, who, now, text);
        };
        if code == Code::DELIVERED && message.receivers.is_empty() && to != Address::Service {
            breach(
                Invariant::MessageResult,
                "delivered",
                "said to be delivered, and nobody has it",
            );
        }
        if refused(code) && !message.receivers.is_empty() {
            breach(
                Invariant::MessageResult,
                "refused",
                &format!("said to be {code}, and somebody has it"),
            );
        }
        if number != 0 && *message.number.get_or_insert(number) != number {
            let text = format!("its result has number {number}, not {:?}", message.number);
            breach(Invariant::MessageNumber, "result", &text);
        }
    }
}

/// Whether a message with this outcome has reached nobody.
fn refused(code: Code) -> bool {
    !matches!(code, Code::DELIVERED | Code::UNDETERMINED)
}
