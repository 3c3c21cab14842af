//! Messages in flight, as part of a state.

use core::fmt;
use core::hash::{Hash, Hasher};

use super::diagram::Diagram;
use super::faults::{Fault, Faults};
use super::fingerprint::fingerprint;

/// Messages in flight between participants, which are numbered as in [`Model::participants`](super::Model::participants).
///
/// A link is one direction between two participants. In a [`fifo`](Network::fifo) network a link delivers in the order of
/// sending, and whatever leaves that order costs a [`Fault::Reorder`]; in an [`unordered`](Network::unordered) one any
/// message may be next, and two networks with the same messages are equal, whatever the order of sending. A state may hold
/// both: streams in the one, datagrams in the other.
///
/// ```
/// use duet_sim::explore::{Faults, Network, Transit};
///
/// let mut network = Network::fifo();
/// let mut faults = Faults { drops: 1, ..Faults::NONE };
/// network.send(0, 1, "invite");
/// network.send(0, 1, "cancel");
///
/// let mut transits = Vec::new();
/// network.transits(&faults, |transit| transits.push(transit));
/// assert_eq!(transits.len(), 3); // the first arrives, or one of the two is lost
///
/// let arrived = network.apply(transits[0], &mut faults).expect("a delivery");
/// assert_eq!((arrived.from, arrived.to, arrived.message), (0, 1, "invite"));
/// let (cancel, _) = network.flights().next().expect("one is left");
/// assert_eq!(network.apply(Transit::Drop(cancel), &mut faults), None);
/// assert!(network.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network<T> {
    order: Order,
    capacity: usize,
    /// In order of (from, to); a link without messages is absent, so that equal contents are equal states.
    links: Vec<Link<T>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Fifo,
    /// The messages of a link are in the order of their fingerprints.
    Unordered,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Link<T> {
    from: u8,
    to: u8,
    messages: Vec<T>,
}

/// The place of a message in flight: the link, and the position on it from the head; in short `0>1#2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flight {
    /// The sender.
    pub from: u8,
    /// The receiver.
    pub to: u8,
    /// How many messages of the link are ahead.
    pub index: u8,
}

/// What the network does to a message in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transit {
    /// It arrives.
    Deliver(Flight),
    /// It is lost; costs a [`Fault::Drop`].
    Drop(Flight),
    /// A copy follows it; costs a [`Fault::Duplicate`].
    Duplicate(Flight),
    /// It overtakes all that are ahead of it on its link; costs a [`Fault::Reorder`].
    Reorder(Flight),
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived<T> {
    /// The sender.
    pub from: u8,
    /// The receiver, which must now be given the message.
    pub to: u8,
    /// The message.
    pub message: T,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}>{}#{}", self.from, self.to, self.index)
    }
}

impl Transit {
    /// The names that [`Transit::kind`] gives.
    pub const KINDS: [&'static str; 4] = ["deliver", "drop", "duplicate", "reorder"];

    /// A name for counting.
    pub fn kind(self) -> &'static str {
        match self {
            Transit::Deliver(_) => "deliver",
            Transit::Drop(_) => "drop",
            Transit::Duplicate(_) => "duplicate",
            Transit::Reorder(_) => "reorder",
        }
    }

    /// The message concerned.
    pub fn flight(self) -> Flight {
        match self {
            Transit::Deliver(flight)
            | Transit::Drop(flight)
            | Transit::Duplicate(flight)
            | Transit::Reorder(flight) => flight,
        }
    }
}

impl<T: Clone + Eq + Hash> Network<T> {
    /// An empty network whose links keep the order of sending.
    pub fn fifo() -> Network<T> {
        Network {
            order: Order::Fifo,
            capacity: u8::MAX as usize,
            links: Vec::new(),
        }
    }

    /// An empty network in which any message may be next.
    pub fn unordered() -> Network<T> {
        Network {
            order: Order::Unordered,
            ..Network::fifo()
        }
    }

    /// The same network with links that hold at most `messages`; 255 without this.
    ///
    /// A copy that would not fit does not appear. A model asks [`is_full`](Network::is_full) before it sends what it may
    /// as well not send, such as a retransmission.
    pub fn with_capacity(self, messages: u8) -> Network<T> {
        Network {
            capacity: messages.into(),
            ..self
        }
    }

    /// Puts a message in flight.
    ///
    /// # Panics
    ///
    /// If the link is full; in an exploration that is a counterexample.
    pub fn send(&mut self, from: u8, to: u8, message: T) {
        let at = match self.find(from, to) {
            Ok(at) => at,
            Err(at) => {
                self.links.insert(
                    at,
                    Link {
                        from,
                        to,
                        messages: Vec::new(),
                    },
                );
                at
            }
        };
        let messages = &mut self.links[at].messages;
        assert!(
            messages.len() < self.capacity,
            "the link {from}>{to} holds {} messages already",
            messages.len()
        );
        let place = match self.order {
            Order::Fifo => messages.len(),
            Order::Unordered => {
                let key = fingerprint(&message);
                messages.partition_point(|other| fingerprint(other) <= key)
            }
        };
        messages.insert(place, message);
    }

    /// Whether nothing more fits on a link.
    pub fn is_full(&self, from: u8, to: u8) -> bool {
        self.link_len(from, to) >= self.capacity
    }

    /// The number of messages on a link.
    pub fn link_len(&self, from: u8, to: u8) -> usize {
        let at = self.find(from, to);
        at.map_or(0, |at| self.links[at].messages.len())
    }

    /// The number of messages in flight.
    pub fn len(&self) -> usize {
        self.links.iter().map(|link| link.messages.len()).sum()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The length of the fullest link.
    pub fn longest(&self) -> usize {
        let lengths = self.links.iter().map(|link| link.messages.len());
        lengths.max().unwrap_or(0)
    }

    /// The message at a place.
    pub fn at(&self, flight: Flight) -> Option<&T> {
        let link = &self.links[self.find(flight.from, flight.to).ok()?];
        link.messages.get(usize::from(flight.index))
    }

    /// All messages in flight, link by link, each from the head.
    pub fn flights(&self) -> impl Iterator<Item = (Flight, &T)> {
        self.links.iter().flat_map(|link| {
            let messages = link.messages.iter().enumerate();
            messages.map(|(index, message)| (link.flight(index), message))
        })
    }

    /// Everything that may happen to a message next, in a fixed order.
    ///
    /// What has the same effect is given once: of equal neighbours only the first is lost or copied.
    pub fn transits(&self, faults: &Faults, mut each: impl FnMut(Transit)) {
        for link in &self.links {
            for (index, message) in link.messages.iter().enumerate() {
                let flight = link.flight(index);
                let repeats = index > 0 && link.messages[index - 1] == *message;
                if index == 0 || (self.order == Order::Unordered && !repeats) {
                    each(Transit::Deliver(flight));
                }
                if !repeats && faults.allows(Fault::Drop) {
                    each(Transit::Drop(flight));
                }
                let fits = link.messages.len() < self.capacity;
                if !repeats && fits && faults.allows(Fault::Duplicate) {
                    each(Transit::Duplicate(flight));
                }
                if self.order == Order::Fifo
                    && index > 0
                    && !repeats
                    && faults.allows(Fault::Reorder)
                {
                    each(Transit::Reorder(flight));
                }
            }
        }
    }

    /// Carries a transit out and takes its fault from the budget; gives the message that arrives, if one does.
    ///
    /// # Panics
    ///
    /// If there is no such message, or no such fault is left: the transit was not among [`transits`](Network::transits).
    pub fn apply(&mut self, transit: Transit, faults: &mut Faults) -> Option<Arrived<T>> {
        let flight = transit.flight();
        let (at, index) = match self.find(flight.from, flight.to) {
            Ok(at) => (at, usize::from(flight.index)),
            Err(_) => panic!("nothing is in flight at {flight:?}"),
        };
        let spent = match transit {
            Transit::Deliver(_) => true,
            Transit::Drop(_) => faults.spend(Fault::Drop),
            Transit::Duplicate(_) => faults.spend(Fault::Duplicate),
            Transit::Reorder(_) => faults.spend(Fault::Reorder),
        };
        assert!(spent, "no fault is left for {transit:?}");
        let messages = &mut self.links[at].messages;
        let arrived = match transit {
            Transit::Deliver(_) => Some(Arrived {
                from: flight.from,
                to: flight.to,
                message: messages.remove(index),
            }),
            Transit::Drop(_) => {
                messages.remove(index);
                None
            }
            Transit::Duplicate(_) => {
                let copy = messages[index].clone();
                messages.insert(index + 1, copy);
                None
            }
            Transit::Reorder(_) => {
                messages[..=index].rotate_right(1);
                None
            }
        };
        if messages.is_empty() {
            self.links.remove(at);
        }
        arrived
    }

    /// Loses all that is in flight between two participants, in both directions: their connection broke.
    pub fn sever(&mut self, one: u8, other: u8) {
        self.links
            .retain(|link| ![(one, other), (other, one)].contains(&(link.from, link.to)));
    }

    /// Loses all that is in flight from and to a participant: it crashed.
    pub fn isolate(&mut self, participant: u8) {
        self.links
            .retain(|link| link.from != participant && link.to != participant);
    }

    /// The same network with each message and its ends renamed, for a canonical form.
    ///
    /// Order on a link is kept; two links must not be mapped to one.
    pub fn map<U: Clone + Eq + Hash>(
        &self,
        mut rename: impl FnMut(u8, u8, &T) -> (u8, u8, U),
    ) -> Network<U> {
        let mut renamed = Network {
            order: self.order,
            capacity: self.capacity,
            links: Vec::with_capacity(self.links.len()),
        };
        for (flight, message) in self.flights() {
            let (from, to, message) = rename(flight.from, flight.to, message);
            renamed.send(from, to, message);
        }
        renamed
    }

    /// Draws a transit that is about to happen: an arrow for an arrival, a crossed one for a loss, a note otherwise.
    pub fn draw(&self, transit: Transit, diagram: &mut Diagram, label: impl Fn(&T) -> String) {
        let Flight { from, to, .. } = transit.flight();
        let label = self.at(transit.flight()).map(label).unwrap_or_default();
        match transit {
            Transit::Deliver(_) => diagram.arrow(from, to, label),
            Transit::Drop(_) => diagram.lost(from, to, label),
            Transit::Duplicate(_) => diagram.note(from, format!("{label} is duplicated")),
            Transit::Reorder(_) => diagram.note(from, format!("{label} overtakes")),
        }
    }

    /// Bytes on the heap, not counting what messages own; for [`Model::heap_bytes`](super::Model::heap_bytes).
    pub fn heap_bytes(&self) -> usize {
        let messages: usize = self.links.iter().map(|link| link.messages.capacity()).sum();
        self.links.capacity() * size_of::<Link<T>>() + messages * size_of::<T>()
    }

    fn find(&self, from: u8, to: u8) -> Result<usize, usize> {
        self.links
            .binary_search_by_key(&(from, to), |link| (link.from, link.to))
    }
}

impl<T> Link<T> {
    fn flight(&self, index: usize) -> Flight {
        Flight {
            from: self.from,
            to: self.to,
            index: index as u8,
        }
    }
}

// Order and capacity are the same in every state of a model.
impl<T: Hash> Hash for Network<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.links.hash(hasher);
    }
}
