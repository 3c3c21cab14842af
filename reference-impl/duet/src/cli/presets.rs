//! `duet simulate presets`: what scenarios can name, and where its numbers come from.

use clap::Args;
use duet_sim::LinkPreset;
use duet_sim::net::{FirewallConfig, NatConfig};
use serde_json::{Map, Value, json};

use super::{Failure, say};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet simulate presets
  duet simulate presets --json | jq -r '.links[] | [.name, .forth.rate] | @tsv'")]
pub(crate) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Keys of a scenario's file, with their values in TOML.
type Settings = Vec<(&'static str, String)>;

/// A kind of box.
struct Kind {
    key: &'static str,
    title: &'static str,
    presets: &'static [(&'static str, &'static str)],
    settings: fn(&str) -> Option<Settings>,
    /// What a node says that names no preset.
    plain: Settings,
}

fn kinds() -> [Kind; 2] {
    [
        Kind {
            key: "nats",
            title: "NATs: `preset` of a [[node]] with the role `nat`; what differs from the first",
            presets: NatConfig::PRESETS,
            settings: |name| Some(NatConfig::preset(name)?.settings()),
            plain: NatConfig::default().settings(),
        },
        Kind {
            key: "firewalls",
            title: "Firewalls: `preset` of a [[node]] with the role `firewall`; what differs from one that lets all through",
            presets: FirewallConfig::PRESETS,
            settings: |name| Some(FirewallConfig::preset(name)?.settings()),
            plain: FirewallConfig::default().settings(),
        },
    ]
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.json {
        true => say(all()),
        false => tell(),
    }
}

fn all() -> Value {
    let links = LinkPreset::all().iter().map(|preset| {
        json!({
            "name": preset.name,
            "about": preset.about,
            "origin": preset.origin,
            "forth": object(preset.forth.settings()),
            "back": object(preset.back.settings()),
        })
    });
    let mut all = json!({ "links": links.collect::<Vec<_>>() });
    for kind in kinds() {
        let presets = kind.presets.iter().map(|(name, origin)| {
            let settings = (kind.settings)(name).unwrap_or_default();
            json!({ "name": name, "origin": origin, "settings": object(settings) })
        });
        all[kind.key] = presets.collect();
    }
    all
}

/// Texts without their quotes; whatever else, as TOML has it.
fn object(settings: Settings) -> Map<String, Value> {
    let plain = |value: String| match value.parse() {
        Ok(toml::Value::String(text)) => text,
        _ => value,
    };
    let settings = settings.into_iter();
    settings
        .map(|(key, value)| (key.to_owned(), plain(value).into()))
        .collect()
}

fn tell() -> Result<(), Failure> {
    say(
        "Links: `preset` of a [[link]], which begins at the subscriber; `back` is what differs on the way to him",
    )?;
    for preset in LinkPreset::all() {
        say(format!("\n  {}: {}", preset.name, preset.about))?;
        numbers("", &preset.forth.settings())?;
        numbers("back: ", &preset.back.settings())?;
        paragraph("origin: ", preset.origin.split_whitespace(), " ")?;
    }
    for kind in kinds() {
        say(format!("\n{}", kind.title))?;
        for (name, origin) in kind.presets {
            say(format!("\n  {name}"))?;
            let all = (kind.settings)(name).unwrap_or_default();
            let own: Settings = all
                .iter()
                .filter(|setting| !kind.plain.contains(setting))
                .cloned()
                .collect();
            numbers("", if own.is_empty() { &all } else { &own })?;
            paragraph("origin: ", origin.split_whitespace(), " ")?;
        }
    }
    Ok(())
}

fn numbers(title: &str, settings: &Settings) -> Result<(), Failure> {
    // A rate takes the place of delivery opportunities, which goes without saying.
    let shown = settings
        .iter()
        .filter(|(key, value)| (*key, &**value) != ("opportunities", "\"none\""));
    let words: Vec<String> = shown
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    match words.is_empty() {
        true => Ok(()),
        false => paragraph(title, words.iter().map(String::as_str), ", "),
    }
}

/// Prints words in lines of a hundred columns, as long as no word is longer.
fn paragraph<'a>(
    title: &str,
    words: impl Iterator<Item = &'a str>,
    between: &str,
) -> Result<(), Failure> {
    let mut line = format!("    {title}");
    let mut begun = false;
    for word in words {
        if begun {
            line.push_str(between);
            if line.chars().count() + word.chars().count() > 100 {
                say(line.trim_end())?;
                line = "      ".into();
            }
        }
        line.push_str(word);
        begun = true;
    }
    say(line)
}
