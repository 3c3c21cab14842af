//! Does to the cores what a case says, and holds what their applications are told against the model.

mod ask;
mod hold;
mod take;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use duet_protocol::call::client::Phase;
use duet_protocol::client::{Client, StreamDescription};
use duet_protocol::code::Code;
use duet_protocol::id::{CallId, RequestId, RoomId, SessionId, StreamNumber, UserId};
use duet_protocol::message::Media;
use duet_protocol::message::directory::Relation as CoreRelation;
use duet_protocol::message::media::{Codec, Kind};
use duet_protocol::server;
use duet_protocol::service::{Contact, Decision, Question};
use duet_protocol::time::Instant;
use duet_sim::LinkConfig;

use super::Planted;
use super::model::{PICTURES, SOUND, STEP, World};
use super::op::{Ban, Case, DEVICES, Device, Mood, Name, Op, Person, Step};
use super::seen::{Call, Channel, Member, Room, Seen, Session, Tag, Told, sight};
use crate::support::{Net, account};

/// The service: what it allows, and the lists that it keeps.
#[derive(Debug)]
struct Service {
    joins: bool,
    calls: bool,
    contacts: bool,
    lists: BTreeMap<UserId, BTreeMap<UserId, Contact>>,
}

impl Service {
    fn decide(&mut self, question: &Question) -> Decision {
        let allow = |may: bool, code: Code| {
            if may {
                Decision::Allow
            } else {
                Decision::Deny(code)
            }
        };
        match question {
            Question::Login { name, .. } | Question::Lookup { name, .. } => {
                let user = account(name).expect("an account");
                let list = self.lists.get(&user).into_iter().flat_map(BTreeMap::values);
                Decision::User {
                    user,
                    name: name.clone(),
                    contacts: list.cloned().collect(),
                }
            }
            Question::Join { .. } => allow(self.joins, Code::FORBIDDEN),
            Question::Call { .. } => allow(self.calls, Code::VETOED),
            Question::Contact { user, entry } => {
                if self.contacts {
                    let list = self.lists.entry(*user).or_default();
                    match entry.relation {
                        CoreRelation::None => list.remove(&entry.user),
                        _ => list.insert(entry.user, entry.clone()),
                    };
                }
                allow(self.contacts, Code::FORBIDDEN)
            }
        }
    }
}

/// What an application has before it, by what it was told.
#[derive(Clone, Debug, Default)]
struct Screen {
    rooms: BTreeMap<Room, Vec<Member>>,
    own: Option<(Mood, Option<Device>)>,
}

/// The cores at work.
pub(super) struct Play {
    net: Net,
    seed: u64,
    service: Rc<RefCell<Service>>,
    planted: Option<Planted>,
    cut: BTreeSet<Device>,
    /// The rooms that devices without a link have asked for: each is asked for once.
    kept_back: BTreeSet<(Device, Name)>,
    requests: BTreeMap<(Device, RequestId), (Tag, Op)>,
    sessions: BTreeMap<SessionId, Session>,
    rooms: BTreeMap<RoomId, Room>,
    calls: BTreeMap<CallId, Call>,
    offered: BTreeMap<CallId, Media>,
    tickets: [Option<[u8; 32]>; 3],
    leaves: BTreeMap<Tag, Room>,
    bodies: BTreeMap<String, (Tag, bool)>,
    screens: BTreeMap<Device, Screen>,
    told: Told,
}

/// How often what was seen, over many cases.
pub(super) type Sights = BTreeMap<String, usize>;

/// Plays a case to its end; what the cores did that the model does not know, if anything.
pub(super) fn play(
    case: &Case,
    planted: Option<Planted>,
    sights: &mut Sights,
) -> Result<(), String> {
    let mut play = Play::new(case, planted);
    let mut worlds = vec![World::new(case.policy)];
    for (number, step) in case.steps.iter().enumerate() {
        play.step(number, step);
        play.look(number)?;
        for seen in play.told.values().flatten() {
            *sights.entry(sight(seen)).or_default() += 1;
        }
        let outcomes: Vec<(World, Told)> = worlds
            .iter()
            .flat_map(|world| world.step(number, step))
            .collect();
        worlds = play
            .hold(outcomes)
            .map_err(|difference| format!("step {number}, {step:?}:\n{difference}"))?;
    }
    Ok(())
}

impl Play {
    fn new(case: &Case, planted: Option<Planted>) -> Self {
        let configure = |config: &mut server::Config| config.duplicates = case.policy;
        let mut net = Net::with(
            case.seed,
            &DEVICES,
            LinkConfig::default(),
            configure,
            |_| {},
        );
        for device in Device::all() {
            net.replace(device.0, case.seed << 16);
        }
        let service = Rc::new(RefCell::new(Service {
            joins: true,
            calls: true,
            contacts: true,
            lists: BTreeMap::new(),
        }));
        let asked = service.clone();
        net.server_mut().policy =
            Box::new(move |decide| Some(asked.borrow_mut().decide(&decide.question)));
        Self {
            net,
            seed: case.seed,
            service,
            planted,
            cut: BTreeSet::new(),
            kept_back: BTreeSet::new(),
            requests: BTreeMap::new(),
            sessions: BTreeMap::new(),
            rooms: BTreeMap::new(),
            calls: BTreeMap::new(),
            offered: BTreeMap::new(),
            tickets: [None; 3],
            leaves: BTreeMap::new(),
            bodies: BTreeMap::new(),
            screens: Device::all()
                .map(|device| (device, Screen::default()))
                .collect(),
            told: Told::new(),
        }
    }

    fn step(&mut self, number: usize, step: &Step) {
        self.told.clear();
        let begins = self.net.now();
        for (which, op) in (0..).zip(step.ops()) {
            self.act((number, which), op);
        }
        if let Some((device, after)) = step.blip
            && !self.cut.contains(&device)
            && self.last_session(device).is_some()
        {
            self.net.run_ms(after);
            self.net.break_links(device.0);
        }
        let span = Duration::from_millis(STEP * u64::from(step.length()));
        let passed = self.net.now().since(begins);
        self.net.run(span - passed);
    }

    fn act(&mut self, tag: Tag, op: Op) {
        match op {
            Op::Wait(_) => {}
            Op::Service {
                joins,
                calls,
                contacts,
            } => {
                let mut service = self.service.borrow_mut();
                (service.joins, service.calls, service.contacts) = (joins, calls, contacts);
            }
            Op::Cut(device) => {
                if self.cut.insert(device) {
                    self.net.break_links(device.0);
                    self.net.set_down(device.0, true);
                }
            }
            Op::Mend(device) => {
                if self.cut.remove(&device) {
                    self.forget_kept_back(device);
                    self.net.set_down(device.0, false);
                }
            }
            Op::Restart(device) => self.restart(device, tag),
            Op::LogIn(device) => {
                let credentials = Net::credentials(DEVICES[device.0]);
                let done = self
                    .net
                    .command(device.0, |core, now| core.login(now, credentials));
                done.expect("a short name and password");
            }
            Op::LogOut(device) => {
                self.forget_kept_back(device);
                self.net.command(device.0, Client::logout);
            }
            Op::Call { by, whom, pictures } => self.call(tag, by, whom, pictures),
            Op::Accept { by, pictures } => self.accept(by, pictures),
            Op::HangUp(by) => {
                let call = self.net.client(by.0).core.calls().next();
                if let Some((call, _)) = call {
                    let done = self.net.command(by.0, |core, now| core.hang_up(now, call));
                    done.expect("a call that is not over");
                }
            }
            Op::Join { by, name, .. } if self.kept_back.contains(&(by, name)) => {}
            op => self.request(tag, op),
        }
    }

    fn forget_kept_back(&mut self, device: Device) {
        self.kept_back.retain(|(by, _)| *by != device);
    }

    fn restart(&mut self, device: Device, tag: Tag) {
        if self.cut.contains(&device) {
            return;
        }
        self.net.client_mut(device.0).dead = true;
        self.net.break_links(device.0);
        self.net.run_ms(100);
        self.net
            .replace(device.0, self.seed << 16 | (tag.0 as u64 + 1));
        self.requests.retain(|(by, _), _| *by != device);
        self.screens.insert(device, Screen::default());
        self.act(tag, Op::LogIn(device));
    }

    fn call(&mut self, tag: Tag, by: Device, whom: Person, pictures: bool) {
        let media = match pictures {
            true => Media::ALL,
            false => Media::CALLER_AUDIO.with(Media::CALLEE_AUDIO),
        };
        let ring = Duration::from_secs(30);
        let done = self.net.command(by.0, |core, now| {
            core.invite(now, UserId(whom.0), media, ring, streams())
        });
        match done {
            Ok(call) => {
                let made = self
                    .calls
                    .values()
                    .filter(|(device, _)| *device == by)
                    .count();
                self.calls.insert(call, (by, made as u32 + 1));
            }
            Err(_) => self.say(by, Channel::Request(tag), Seen::Misuse),
        }
    }

    fn accept(&mut self, by: Device, pictures: bool) {
        let mut calls = self.net.client(by.0).core.calls();
        let Some((call, _)) = calls.find(|(_, phase)| *phase == Phase::Incoming) else {
            return;
        };
        drop(calls);
        let sound = Media::CALLER_AUDIO.with(Media::CALLEE_AUDIO);
        let media = match pictures || self.planted == Some(Planted::ConsentsToAll) {
            true => self.offered[&call],
            false => sound,
        };
        let done = self
            .net
            .command(by.0, |core, now| core.accept(now, call, media, streams()));
        done.expect("a call that comes in");
    }

    /// Everything whose answer names a request.
    fn request(&mut self, tag: Tag, op: Op) {
        let device = op.actor().expect("someone asks");
        let times = match (self.planted, op) {
            (Some(Planted::WritesTwice), Op::Write { .. }) => 2,
            _ => 1,
        };
        for _ in 0..times {
            self.ask(tag, device, op);
        }
        if self.planted == Some(Planted::ForgetsBans)
            && let Op::Kick {
                by,
                name,
                whom,
                ban,
                ..
            } = op
            && ban != Ban::No
        {
            let room = self.room(name);
            let unban = |core: &mut Client, now: Instant| core.unban(now, room, UserId(whom.0));
            let _ = self.net.command(by.0, unban);
        }
    }

    fn say(&mut self, device: Device, channel: Channel, seen: Seen) {
        self.told.entry((device, channel)).or_default().push(seen);
    }

    /// The room that was heard of last by this name.
    fn room(&self, name: Name) -> RoomId {
        let named = self.rooms.iter().filter(|(_, room)| room.0 == name);
        let last = named.max_by_key(|(_, room)| room.1);
        last.map_or(RoomId([9; 16]), |(id, _)| *id)
    }

    fn last_session(&self, device: Device) -> Option<SessionId> {
        let own = self
            .sessions
            .iter()
            .filter(|(_, session)| session.0 == device);
        own.max_by_key(|(_, session)| session.1).map(|(id, _)| *id)
    }
}

fn described(stream: u8, kind: Kind) -> StreamDescription {
    let codec = match kind {
        Kind::Audio => Codec::Opus,
        Kind::Video => Codec::H264,
    };
    StreamDescription {
        stream: StreamNumber(stream),
        kind,
        codec,
        payload_type: 96,
        clock_rate: 48_000,
        ssrc: stream.into(),
        max_bitrate: 80_000,
        useful_ms: 200,
        config: Vec::new(),
    }
}

fn streams() -> Vec<StreamDescription> {
    vec![
        described(SOUND, Kind::Audio),
        described(PICTURES, Kind::Video),
    ]
}
