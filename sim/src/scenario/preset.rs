//! Links as one meets them, with the origin of their numbers.

use std::sync::OnceLock;

use super::change::{LinkChange, PROPERTIES};
use super::error::ScenarioError;
use super::section::Section;
use super::source::Source;
use super::toml;

/// A kind of link that files name: `preset = "lte"`.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkPreset {
    /// Its name.
    pub name: String,
    /// What it is like, in a few words.
    pub about: String,
    /// Where its numbers come from; which of them are guesses.
    pub origin: String,
    /// The direction away from the subscriber, at whom a link with a preset begins.
    pub forth: LinkChange,
    /// What is different on the way to the subscriber.
    pub back: LinkChange,
}

/// The presets, as data that people can read.
const FILE: &str = include_str!("../../presets/links.toml");

impl LinkPreset {
    /// All presets, in the order of `sim/presets/links.toml`.
    pub fn all() -> &'static [LinkPreset] {
        static PRESETS: OnceLock<Vec<LinkPreset>> = OnceLock::new();
        PRESETS.get_or_init(|| {
            let presets = parse(FILE);
            debug_assert!(presets.is_ok(), "{presets:?}");
            presets.unwrap_or_default()
        })
    }

    /// The preset of this name.
    pub fn find(name: &str) -> Option<&'static LinkPreset> {
        LinkPreset::all().iter().find(|preset| preset.name == name)
    }
}

fn parse(text: &str) -> Result<Vec<LinkPreset>, ScenarioError> {
    let source = Source::new("presets/links.toml", text);
    let table = toml(&source)?;
    let root = Section::new(&source, table.get_ref(), 0..0);
    root.only(&["preset"])?;
    let mut presets = Vec::new();
    for section in root.tables("preset")? {
        section.only(&[&["name", "about", "origin", "back"], PROPERTIES].concat())?;
        let text = |key| Ok(section.required(key)?.text()?.to_owned());
        let back = match section.optional("back") {
            Some(field) => {
                let section = field.section()?;
                section.only(PROPERTIES)?;
                LinkChange::parse(section)?
            }
            None => LinkChange::default(),
        };
        presets.push(LinkPreset {
            name: text("name")?,
            about: text("about")?,
            origin: text("origin")?,
            forth: LinkChange::parse(section)?,
            back,
        });
    }
    Ok(presets)
}
