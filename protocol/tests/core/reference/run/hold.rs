//! Holds what happened against what the model says may happen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use duet_protocol::client::ContactInfo;
use duet_protocol::message::directory::Relation as CoreRelation;

use super::Play;
use super::take::mood;
use crate::reference::model::{Entry, World};
use crate::reference::op::{Device, Mood, Person, Relation};
use crate::reference::seen::{Channel, Seen, Told, normalise};

impl Play {
    /// The outcomes that are like what happened; where there are none, how what happened differs.
    pub(super) fn hold(&mut self, outcomes: Vec<(World, Told)>) -> Result<Vec<World>, String> {
        let mut told = core::mem::take(&mut self.told);
        normalise(&mut told);
        // Machines decide apart from each other, so each channel is held against all outcomes that leave alike worlds.
        let mut groups: Vec<(World, Vec<Told>)> = Vec::new();
        for (world, expected) in outcomes {
            match groups.iter_mut().find(|(known, _)| *known == world) {
                Some((_, all)) => all.push(expected),
                None => groups.push((world, vec![expected])),
            }
        }
        let mut differences = Vec::new();
        let mut good = Vec::new();
        for (world, expected) in groups {
            let mut text = String::new();
            let mut count = self.channels(&told, &expected, &mut text);
            count += self.screens_differ(&world, &mut text);
            match count {
                0 => good.push(world),
                count => differences.push((count, text)),
            }
        }
        let nearest = differences.into_iter().min_by_key(|(count, _)| *count);
        match nearest {
            Some((_, text)) if good.is_empty() => Err(text),
            _ => Ok(good),
        }
    }

    /// How many channels differ.
    fn channels(&self, told: &Told, expected: &[Told], text: &mut String) -> usize {
        let nothing = Vec::new();
        let all = expected.iter().flat_map(BTreeMap::keys).chain(told.keys());
        let all: BTreeSet<&(Device, Channel)> = all.collect();
        let mut count = 0;
        for key in all {
            let actual = told.get(key).unwrap_or(&nothing);
            let may_be = expected
                .iter()
                .map(|told| told.get(key).unwrap_or(&nothing));
            let mut lawful: Vec<&Vec<Seen>> = Vec::new();
            for one in may_be {
                if !lawful.contains(&one) {
                    lawful.push(one);
                }
            }
            if lawful.contains(&actual) {
                continue;
            }
            count += 1;
            let _ = writeln!(text, "{:?}, {:?}", key.0, key.1);
            for (number, one) in lawful.into_iter().enumerate() {
                let word = if number == 0 { "is promised" } else { "or" };
                show(text, '-', word, one);
            }
            show(text, '+', "was told", actual);
        }
        count
    }

    fn screens_differ(&self, world: &World, text: &mut String) -> usize {
        let mut count = 0;
        let mut differ = |device: Device, what: &str, expected: String, actual: String| {
            if expected != actual {
                count += 1;
                let _ = writeln!(text, "{device:?}, {what}\n  - {expected}\n  + {actual}");
            }
        };
        for device in Device::all() {
            let (screen, core) = (&self.screens[&device], &self.net.client(device.0).core);
            if let Some(rooms) = world.rooms(device) {
                differ(
                    device,
                    "its rooms",
                    format!("{rooms:?}"),
                    format!("{:?}", screen.rooms),
                );
            }
            if let Some(list) = world.list(device) {
                let seen: Vec<Entry> = core.contacts().map(entry).collect();
                differ(device, "its list", format!("{list:?}"), format!("{seen:?}"));
            }
            if let Some(own) = world.own_mood(device) {
                let seen = screen.own.unwrap_or((Mood::Offline, None));
                differ(
                    device,
                    "how it shows",
                    format!("{own:?}"),
                    format!("{seen:?}"),
                );
            }
        }
        count
    }
}

fn show(text: &mut String, sign: char, word: &str, seen: &[Seen]) {
    let _ = write!(text, "  {sign} {word}: ");
    if seen.is_empty() {
        text.push_str("nothing");
    }
    for (number, one) in seen.iter().enumerate() {
        let between = if number == 0 { "" } else { "; " };
        let _ = write!(text, "{between}{one:?}");
    }
    text.push('\n');
}

fn entry(info: &ContactInfo) -> Entry {
    Entry {
        user: Person(info.user.0),
        relation: match info.relation {
            CoreRelation::None => Relation::None,
            CoreRelation::Contact => Relation::Contact,
            CoreRelation::Blocked => Relation::Blocked,
        },
        mood: mood(info.availability),
        device: info.text.parse().ok().map(Device),
    }
}
