//! Lists, presence, and messages.

use std::collections::BTreeMap;

use duet_protocol::code::Code;

use super::World;
use super::client::Asked;
use crate::reference::op::{Device, Mood, Op, Person, Relation};
use crate::reference::seen::{Address, Channel, Seen, Session};

/// Milliseconds from one change of presence to the next, once so many were made at once.
const MOOD_EACH: u64 = 5_000;
const MOODS: u64 = 8;

/// What the service keeps of a user, and what the server keeps while one of its sessions lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    list: BTreeMap<Person, Relation>,
    /// How many messages were sent to it.
    count: u64,
    stated: u64,
    /// When as many changes of presence may be made again as ever.
    rested: u64,
}

/// What an application should see of someone on its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::reference) struct Entry {
    pub(in crate::reference) user: Person,
    pub(in crate::reference) relation: Relation,
    pub(in crate::reference) mood: Mood,
    /// Which device says so.
    pub(in crate::reference) device: Option<Device>,
}

/// A message whose fate its sender is still to learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) from: Session,
    asked: Asked,
    number: u64,
    /// Whether all of its receivers count, or the first.
    each: bool,
    waits: Vec<Session>,
    delivered: bool,
}

impl World {
    fn account(&mut self, person: Person) -> &mut Account {
        self.accounts.entry(person).or_default()
    }

    /// What one user is to another.
    fn relation(&self, of: Person, to: Person) -> Relation {
        let account = self.accounts.get(&of);
        let entry = account.and_then(|account| account.list.get(&to));
        entry.copied().unwrap_or(Relation::None)
    }

    pub(super) fn blocks(&self, one: Person, other: Person) -> bool {
        self.relation(one, other) == Relation::Blocked
    }

    /// The last session is over: the server forgets what the service does not keep.
    pub(super) fn forget_account(&mut self, person: Person) {
        let account = self.account(person);
        *account = Account {
            list: core::mem::take(&mut account.list),
            ..Account::default()
        };
    }

    /// The most available that a user's sessions state, and the device that stated it last.
    pub(super) fn mood(&self, person: Person) -> (Mood, Option<Device>) {
        let own = self
            .sessions
            .iter()
            .filter(|((device, _), _)| device.owner() == person);
        let stated = own.filter_map(|((device, _), live)| {
            live.shows.map(|(mood, order)| (mood, order, *device))
        });
        match stated.max() {
            Some((mood, _, device)) if mood != Mood::Offline => (mood, Some(device)),
            _ => (Mood::Offline, None),
        }
    }

    /// A user's list, with what is to be seen of those on it.
    pub(super) fn list_of(&self, person: Person) -> Vec<Entry> {
        let list = self.accounts.get(&person).map(|account| &account.list);
        let entries = list.into_iter().flatten().map(|(user, relation)| {
            let mutual =
                *relation == Relation::Contact && self.relation(*user, person) == Relation::Contact;
            let (mood, device) = match mutual {
                true => self.mood(*user),
                false => (Mood::Offline, None),
            };
            Entry {
                user: *user,
                relation: *relation,
                mood,
                device,
            }
        });
        entries.collect()
    }

    pub(super) fn show(&mut self, session: Session, asked: Asked, mood: Mood) {
        let (person, now) = (session.0.owner(), self.now);
        let before = self.mood(person);
        let account = self.account(person);
        account.stated += 1;
        let order = account.stated;
        let live = self.sessions.get_mut(&session).expect("it has a link");
        let stated = live.shows.replace((mood, order));
        if self.mood(person) != before {
            let account = self.account(person);
            let rested = account.rested.max(now) + MOOD_EACH;
            if rested - now > MOODS * MOOD_EACH {
                self.sessions
                    .get_mut(&session)
                    .expect("it has a link")
                    .shows = stated;
                return self.outcome(session, asked, Code::RATE_LIMITED);
            }
            account.rested = rested;
        }
        self.outcome(session, asked, Code::DELIVERED);
    }

    /// What is asked about other people.
    pub(super) fn people(&mut self, session: Session, asked: Asked, op: Op) {
        let own = session.0.owner();
        match op {
            Op::List { whom, .. } if whom == own => self.outcome(session, asked, Code::OWN_USER),
            Op::List { .. } if !self.contacts => self.outcome(session, asked, Code::FORBIDDEN),
            Op::List { whom, relation, .. } => {
                let list = &mut self.account(own).list;
                match relation {
                    Relation::None => list.remove(&whom),
                    relation => list.insert(whom, relation),
                };
                self.outcome(session, asked, Code::DELIVERED);
            }
            Op::LookUp { whom, .. } if self.blocks(whom, own) => {
                self.outcome(session, asked, Code::NOT_FOUND)
            }
            Op::LookUp { whom, .. } => self.answer(session, asked, Seen::Found(whom)),
            _ => unreachable!("{op:?} is not about people"),
        }
    }

    pub(super) fn write(&mut self, from: Session, asked: Asked, to: Address, data: bool) {
        let author = from.0.owner();
        let reachable = |world: &Self, person: Person| {
            !world.sessions_of(person).is_empty() && !world.blocks(person, author)
        };
        let (receivers, number, each) = match to {
            Address::Person(person) if reachable(self, person) => {
                let account = self.account(person);
                account.count += 1;
                let number = account.count;
                (self.sessions_of(person), number, false)
            }
            Address::Session(session) if reachable(self, session.0.owner()) => {
                match self.sessions.get_mut(&session) {
                    Some(live) => {
                        live.count += 1;
                        (vec![session], live.count, false)
                    }
                    None => (Vec::new(), 0, false),
                }
            }
            Address::Room(room) => match self.chamber(room) {
                Some(chamber) if chamber.has(from) => {
                    let others = chamber.others(from);
                    chamber.posts += u64::from(!others.is_empty());
                    (others, chamber.posts, true)
                }
                _ => return self.outcome(from, asked, Code::NOT_IN_ROOM),
            },
            Address::Person(_) | Address::Session(_) => (Vec::new(), 0, false),
        };
        let (Asked::By(tag), false) = (asked, receivers.is_empty()) else {
            return self.outcome(from, asked, Code::UNREACHABLE);
        };
        for session in &receivers {
            let seen = Seen::Message {
                from,
                user: author,
                number,
                body: (tag, data),
            };
            self.tell(*session, Channel::Talk(to), seen);
        }
        self.parcels.push(Parcel {
            from,
            asked,
            number,
            each,
            waits: receivers,
            delivered: false,
        });
    }

    /// Senders learn what became of their messages, as far as it is known by now.
    pub(super) fn settle_parcels(&mut self) {
        let mut known = Vec::new();
        let (sessions, parcels) = (&self.sessions, &mut self.parcels);
        parcels.retain_mut(|parcel| {
            let mut delivered = parcel.delivered;
            parcel.waits.retain(|session| match sessions.get(session) {
                Some(live) if live.away.is_none() => {
                    delivered = true;
                    false
                }
                Some(_) => true,
                None => false,
            });
            parcel.delivered = delivered;
            let settled = parcel.waits.is_empty() || (delivered && !parcel.each);
            if settled {
                let code = if delivered {
                    Code::DELIVERED
                } else {
                    Code::UNDETERMINED
                };
                known.push((parcel.from, parcel.asked, code, parcel.number));
            }
            !settled
        });
        for (from, asked, code, number) in known {
            self.answer(from, asked, Seen::Answer(code, number));
        }
    }
}
