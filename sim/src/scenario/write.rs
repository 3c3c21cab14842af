//! A scenario as a file again: what is written is read as the same scenario.
//!
//! Everything is written out: parameters have their values, numbered nodes their names, presets their properties. So
//! each part can be taken away by itself, and the file needs no other.

use core::fmt::Write as _;

use toml::{Table, Value};

use super::change::LinkChange;
use super::expect::{Check, Expectation, Window};
use super::fault::{Fault, FaultKind};
use super::format::{Format as _, Instant, List, Span, Whole};
use super::link::tidy;
use super::models::MODE;
use super::{FlowKind, FlowSpec, LinkSpec, NodeSpec, Scenario, Step, medium, middlebox};
use crate::link::{LinkConfig, OutageMode};

impl Scenario {
    /// The scenario as TOML, such that [`Scenario::parse`] gives an equal one: with its own seed only, without matrix,
    /// presets or other files.
    ///
    /// A queue in which nothing ever waits is left out. Steps must be in the order of time, and all indices those of nodes, links and flows that there are.
    pub fn to_toml(&self) -> String {
        let mut out = Writer::default();
        out.key("name", text(&self.name));
        if !self.description.is_empty() {
            out.key("description", text(&self.description));
        }
        // As text: TOML's numbers have 63 bits.
        out.line(&format!("seed = {}", self.seed));
        out.key("duration", Span("").write(&self.duration));
        for node in &self.nodes {
            out.table("[[node]]", self.node_keys(node));
        }
        for spec in &self.mediums {
            let mut keys = Keys::default();
            keys.put("name", text(&spec.name));
            keys.extend(medium::write(spec));
            out.table("[[medium]]", keys);
        }
        for link in &self.links {
            out.table("[[link]]", self.link_keys(link));
        }
        for flow in &self.flows {
            out.table("[[flow]]", self.flow_keys(flow));
        }
        for fault in &self.faults {
            out.table("[[fault]]", self.fault_keys(fault));
        }
        for step in &self.steps {
            out.table("[[step]]", self.step_keys(step));
        }
        for (name, table) in [("[script]", &self.script), ("[media]", &self.media)] {
            if !table.is_empty() {
                out.table(name, plain(table));
            }
        }
        for expectation in &self.expect {
            out.table("[[expect]]", self.expectation_keys(expectation));
        }
        out.0
    }

    fn node_keys(&self, node: &NodeSpec) -> Keys {
        let mut keys = Keys::default();
        keys.put("name", text(&node.name));
        keys.put("role", node.role.as_str());
        if let Some(nat) = &node.nat {
            keys.put("outside", self.node_name(nat.outside));
            keys.extend(middlebox::write_nat(nat));
        }
        if let Some(firewall) = &node.firewall {
            keys.put("outside", self.node_name(firewall.outside));
            keys.extend(middlebox::write_firewall(firewall));
        }
        keys
    }

    fn link_keys(&self, link: &LinkSpec) -> Keys {
        let mut keys = Keys::default();
        if let Some(name) = &link.name {
            keys.put("name", text(name));
        }
        keys.put("from", self.node_name(link.from));
        keys.put("to", self.node_name(link.to));
        if let Some(medium) = link.medium.and_then(|index| self.mediums.get(index)) {
            keys.put("medium", text(&medium.name));
        }
        let shared = link.medium.is_some();
        let config = tidy(link.config.clone(), shared);
        keys.extend(LinkChange::between(&LinkConfig::default(), &config).write());
        match link.back.clone().map(|back| tidy(back, shared)) {
            None => keys.put("to_only", true),
            Some(back) if back == config => {}
            Some(back) => keys.put("back", table(LinkChange::between(&config, &back))),
        }
        keys
    }

    fn flow_keys(&self, flow: &FlowSpec) -> Keys {
        let mut keys = Keys::default();
        keys.put("name", text(&flow.name));
        keys.put("kind", flow.kind.as_str());
        keys.put("from", self.node_name(flow.from));
        keys.put("to", self.node_name(flow.to));
        keys.put("start", Instant.write(&flow.start));
        if let Some(stop) = &flow.stop {
            keys.put("stop", Instant.write(stop));
        }
        keys.extend(flow.kind.write());
        if let FlowKind::Media(settings) = &flow.kind {
            keys.extend(plain(settings).0);
        }
        keys
    }

    fn fault_keys(&self, fault: &Fault) -> Keys {
        let mut keys = Keys::default();
        keys.put("id", text(&fault.id));
        keys.put("kind", fault.kind.as_str());
        if !matches!(fault.kind, FaultKind::Drop { .. }) {
            keys.put("at", Instant.write(&fault.at));
        }
        let node = |node: &usize| self.node_name(*node).to_owned();
        let link = |link| self.link_name(link);
        let change = |set: &LinkChange| table(set.clone());
        match &fault.kind {
            FaultKind::Partition {
                from,
                to,
                both,
                lasts,
            } => {
                keys.span("for", *lasts);
                let (from, to) = (self.side(from), self.side(to));
                if *both {
                    keys.put("between", vec![from, to]);
                } else {
                    keys.put("from", from);
                    keys.put("to", to);
                }
            }
            FaultKind::Outage {
                link: of,
                lasts,
                mode,
            } => {
                keys.put("link", link(*of));
                keys.span("for", *lasts);
                keys.mode(*mode);
            }
            FaultKind::Crash {
                node: of,
                restart_after,
            } => {
                keys.put("node", node(of));
                keys.span("restart_after", *restart_after);
            }
            FaultKind::Handover {
                node: of,
                outage,
                mode,
                new_address,
                set,
            } => {
                keys.put("node", node(of));
                keys.span("outage", Some(*outage));
                keys.mode(*mode);
                if *new_address {
                    keys.put("new_address", true);
                }
                if *set != LinkChange::default() {
                    keys.put("set", change(set));
                }
            }
            FaultKind::NatFlush { node: of } | FaultKind::NatRenumber { node: of } => {
                keys.put("node", node(of));
            }
            FaultKind::Link {
                link: of,
                set,
                lasts,
            } => {
                keys.put("link", link(*of));
                keys.span("for", *lasts);
                keys.put("set", change(set));
            }
            FaultKind::Drop { link: of, packets } => {
                keys.put("link", link(*of));
                keys.put("packets", List(Whole::<u64>::NEW).write(packets));
            }
        }
        keys
    }

    /// One side of a partition: a name, or several.
    fn side(&self, nodes: &[usize]) -> Value {
        match nodes {
            [node] => self.node_name(*node).into(),
            nodes => {
                let names = nodes.iter().map(|node| Value::from(self.node_name(*node)));
                Value::Array(names.collect())
            }
        }
    }

    fn step_keys(&self, step: &Step) -> Keys {
        let mut keys = Keys::default();
        keys.put("at", Instant.write(&step.at));
        keys.put("who", self.node_name(step.who));
        keys.put("do", text(&step.action));
        keys.extend(plain(&step.args).0);
        keys
    }

    fn expectation_keys(&self, expectation: &Expectation) -> Keys {
        let mut keys = Keys::default();
        match &expectation.check {
            Check::Invariant { name } => keys.put("invariant", text(name)),
            Check::Metric {
                metric,
                of,
                window,
                min,
                max,
            } => {
                keys.put("metric", text(metric));
                if let Some(of) = self.subject(*of) {
                    keys.put("of", of);
                }
                match window {
                    Window::Whole => {}
                    Window::Static => keys.put("window", "static"),
                    Window::Span(from, to) => {
                        keys.put("window", List(Instant).write(&vec![*from, *to]));
                    }
                }
                for (key, bound) in [("min", min), ("max", max)] {
                    if let Some(bound) = bound {
                        keys.put(key, text(bound.text()));
                    }
                }
            }
        }
        keys
    }
}

/// Keys of a table with their values, in the order in which they are written.
#[derive(Default)]
struct Keys(Vec<(String, Value)>);

impl Keys {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.push((key.to_owned(), value.into()));
    }

    fn span(&mut self, key: &str, span: Option<core::time::Duration>) {
        if let Some(span) = span {
            self.put(key, Span("").write(&span));
        }
    }

    fn mode(&mut self, mode: OutageMode) {
        if mode != OutageMode::Drop {
            self.put("mode", MODE.write(&mode));
        }
    }

    fn extend<K: Into<String>>(&mut self, keys: Vec<(K, Value)>) {
        self.0
            .extend(keys.into_iter().map(|(key, value)| (key.into(), value)));
    }
}

fn table(change: LinkChange) -> Table {
    let keys = change.write().into_iter();
    keys.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What is handed up unread.
fn plain(table: &Table) -> Keys {
    let keys = table.iter();
    Keys(
        keys.map(|(key, value)| (key.clone(), escaped(value)))
            .collect(),
    )
}

/// A value whose dollar signs are no parameters.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(string) => text(string),
        Value::Array(array) => Value::Array(array.iter().map(escaped).collect()),
        Value::Table(table) => {
            let table = table.iter();
            Value::Table(
                table
                    .map(|(key, value)| (key.clone(), escaped(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

fn text(text: &str) -> Value {
    text.replace('$', "$$").into()
}

#[derive(Default)]
struct Writer(String);

impl Writer {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn key(&mut self, key: &str, value: Value) {
        let bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let line = match !key.is_empty() && key.chars().all(bare) {
            true => format!("{key} = {value}"),
            false => format!("{} = {value}", quoted(key)),
        };
        self.line(&line);
    }

    fn table(&mut self, header: &str, keys: Keys) {
        self.line("");
        self.line(header);
        for (key, value) in keys.0 {
            self.key(&key, value);
        }
    }
}

/// A basic string of TOML, on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
