//! `duet simulate check`: what a scenario's file says, without running it.

use std::path::PathBuf;

use clap::Args;
use duet_sim::net::Faults;
use duet_sim::{Role, Scenario};
use serde_json::json;

use super::simulate::{read, wrong_scenario};
use super::{Failure, say};
use crate::simulate::inspect;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet simulate check sim/scenarios/first-call.toml
  duet simulate check sim/scenarios/loss-and-delay.toml --print")]
pub(crate) struct Arguments {
    /// The scenario's file
    scenario: PathBuf,
    /// Write out each variant as a scenario of its own, with nothing left open
    #[arg(long)]
    print: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let scenario = read(&arguments.scenario)?;
    let variants = scenario.expand();
    // A network in which nothing happens is for `duet impair`.
    let network_only = |variant: &Scenario| {
        let programs = [Role::Client, Role::Server, Role::Service];
        let mut nodes = variant.nodes.iter();
        variant.flows.is_empty() && nodes.all(|node| !programs.contains(&node.role))
    };
    for variant in variants.iter().map(|variant| &variant.scenario) {
        if !network_only(variant) {
            inspect(variant).map_err(|error| wrong_scenario(&error))?;
        }
    }
    if arguments.json {
        let parameters = variants.iter().map(|variant| {
            let pairs = variant.parameters.iter().cloned();
            json!({
                "seed": variant.scenario.seed,
                "parameters": pairs.collect::<std::collections::BTreeMap<_, _>>(),
                "scenario": variant.scenario.to_toml(),
            })
        });
        return say(json!({
            "name": scenario.name,
            "variants": parameters.collect::<Vec<_>>(),
        }));
    }
    say(format!("{}: {}", scenario.name, scenario.description))?;
    for variant in &variants {
        let pairs = variant.parameters.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let one = &variant.scenario;
        let faults = Faults::of(one);
        say(format!(
            "  seed {}{}{}: {} nodes, {} links, {} flows, {} faults until {}, {} steps, {} expectations, {:.1} s",
            one.seed,
            if pairs.is_empty() { "" } else { ", " },
            pairs.join(", "),
            one.nodes.len(),
            one.links.len(),
            one.flows.len(),
            one.faults.len(),
            faults.last_at(),
            one.steps.len(),
            one.expect.len(),
            one.duration.as_secs_f64(),
        ))?;
        if network_only(one) {
            say("  a network alone: `duet impair` runs it, `duet simulate` does not")?;
        }
        if arguments.print {
            say(one.to_toml())?;
        }
    }
    Ok(())
}
