//! Cases: traces with holes, one TOML file each, and the fragments that they share.

pub(crate) mod expr;
mod frame;
pub(crate) mod step;
mod suite;
mod tree;

use std::collections::BTreeMap;

pub use suite::{Suite, fits};
pub use tree::{LoadError, Place};

use duet_protocol::wire::Sender;
use duet_spec::Id;
use step::{Act, Step};
use tree::{Data, Node};

/// A case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name, also that of its file.
    pub id: String,
    /// What it shows, in one line.
    pub title: String,
    /// The requirements that it is about.
    pub requirements: Vec<Id>,
    /// What it checks: each check's name, and the requirement that a failure of it violates.
    pub checks: BTreeMap<String, Id>,
    /// For a negative case: the positive case that differs in one thing.
    pub twin: Option<String>,
    /// The file.
    pub file: String,
    /// The file's text.
    pub text: String,
    pub(crate) actors: Vec<Actor>,
    /// Names that stand for something random.
    pub(crate) draws: Vec<(String, Draw)>,
    pub(crate) steps: Vec<Step>,
}

/// Someone whom the harness plays.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) name: String,
    pub(crate) login: bool,
    /// Whether it is a service, and connects as one.
    pub(crate) service: bool,
    /// Whether it is a service that is judged: it connects to the harness, which plays the server.
    pub(crate) judged: bool,
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    /// 16 bytes.
    Id,
    /// 32 bytes.
    Token,
    /// A name that nobody has.
    Name,
    /// A number below 2³¹.
    Number,
}

impl Case {
    /// Whether it shows that something is refused.
    pub const fn is_negative(&self) -> bool {
        self.twin.is_some()
    }

    /// Whether it judges a service, and no server.
    pub fn judges_service(&self) -> bool {
        self.actors.iter().any(|actor| actor.judged)
    }

    /// Whether it plays a service.
    pub fn plays_service(&self) -> bool {
        self.actors.iter().any(|actor| actor.service)
    }

    /// Whether one of its checks is bound to this requirement.
    pub fn checks_requirement(&self, id: &str) -> bool {
        self.checks.values().any(|bound| bound.as_str() == id)
    }

    pub(crate) fn read(
        file: &str,
        text: &str,
        fragments: &BTreeMap<String, Fragment>,
    ) -> Result<Self, LoadError> {
        let tree = Node::parse(file, text)?;
        let mut table = tree.table("a case")?;
        let id = table.need("id")?;
        let stem = file
            .rsplit('/')
            .next()
            .unwrap_or(file)
            .trim_end_matches(".toml");
        if id.text("`id`")? != stem {
            return id.fail(format!("the id must be the file's name, \"{stem}\""));
        }
        let title = table.need("title")?.text("`title`")?.to_owned();
        let requirements = ids(table.need("requirements")?)?;
        let checks_node = table.need("checks")?;
        let mut checks = BTreeMap::new();
        for (name, node) in checks_node.table("`checks`")?.entries {
            checks.insert(name.clone(), read_id(node)?);
        }
        if checks.is_empty() {
            return checks_node.fail("a case without a check shows nothing");
        }
        let twin = match table.get("twin") {
            Some(twin) => Some(twin.text("`twin`")?.to_owned()),
            None => None,
        };
        let mut actors = Vec::new();
        for node in table.need("actors")?.list("`actors`")? {
            actors.push(read_actor(node)?);
        }
        let mut draws = Vec::new();
        if let Some(node) = table.get("draw") {
            for (name, node) in node.table("`draw`")?.entries {
                let draw = match node.text("what is drawn")? {
                    "id" => Draw::Id,
                    "token" => Draw::Token,
                    "name" => Draw::Name,
                    "number" => Draw::Number,
                    _ => {
                        return node
                            .fail("what is drawn is \"id\", \"token\", \"name\" or \"number\"");
                    }
                };
                draws.push((name.clone(), draw));
            }
        }
        let steps_node = table.need("steps")?;
        let mut steps = Vec::new();
        expand(steps_node, fragments, 0, &mut steps)?;
        table.done()?;
        let case = Self {
            id: stem.to_owned(),
            title,
            requirements,
            checks,
            twin,
            file: file.to_owned(),
            text: text.to_owned(),
            actors,
            draws,
            steps,
        };
        case.check(&tree)?;
        Ok(case)
    }

    /// The rules that hold between the parts of a case.
    fn check(&self, tree: &Node) -> Result<(), LoadError> {
        for step in &self.steps {
            let fail = |message: String| {
                Err(LoadError {
                    place: step.place.clone(),
                    message,
                })
            };
            if let Some(check) = &step.check
                && !self.checks.contains_key(check)
            {
                return fail(format!("check `{check}` is not declared in `checks`"));
            }
            let (judged, never) = match self.judges_service() {
                true => ("service", [Sender::Server, Sender::Server]),
                false => ("server", [Sender::Client, Sender::Service]),
            };
            let mut wanted = step.wanted().iter();
            if let Some(wanted) = wanted.find(|wanted| never.contains(&wanted.schema.sender)) {
                let name = wanted.schema.name;
                return fail(format!("{name} is never sent by a {judged}"));
            }
            for line in step.lines() {
                let actor = line.split('.').next().unwrap_or(line);
                if self.actors.iter().all(|known| known.name != actor) {
                    return fail(format!("unknown actor `{actor}`"));
                }
            }
        }
        for name in self.checks.keys() {
            if self
                .steps
                .iter()
                .all(|step| step.check.as_ref() != Some(name))
            {
                return tree.fail(format!("no step emits check `{name}`"));
            }
        }
        if self.judges_service() && self.actors.len() > 1 {
            return tree.fail("a case that judges a service has no other actor");
        }
        if !self.is_negative() {
            return Ok(());
        }
        let checked = |step: &&Step| step.check.is_some() && step.asserts_code();
        if !self.steps.iter().any(|step| checked(&step)) {
            return tree
                .fail("a negative case needs a check that asserts a code, or forbids something");
        }
        // A service has a process of its own for each case.
        if self.judges_service() {
            return Ok(());
        }
        let speaker = self.steps.iter().rev().find_map(Step::speaker);
        let speaker = speaker.and_then(|line| line.split('.').next());
        match self.steps.last().map(|step| &step.act) {
            Some(Act::Probe { actor }) if actor.as_deref() != speaker || actor.is_none() => Ok(()),
            Some(Act::Probe { .. }) => {
                tree.fail("the probe must be of another actor than the last that spoke")
            }
            _ => tree.fail("a negative case ends with a probe"),
        }
    }
}

fn read_id(node: &Node) -> Result<Id, LoadError> {
    let text = node.text("a requirement")?;
    match Id::parse(text) {
        Some(id) => Ok(id),
        None => node.fail(format!("`{text}` is no requirement id such as CALL-012")),
    }
}

fn ids(node: &Node) -> Result<Vec<Id>, LoadError> {
    node.list("`requirements`")?.iter().map(read_id).collect()
}

fn read_actor(node: &Node) -> Result<Actor, LoadError> {
    if let Data::Text(name) = &node.data {
        return Ok(Actor {
            name: name.clone(),
            login: true,
            service: false,
            judged: false,
        });
    }
    let mut table = node.table("an actor")?;
    let name = table.need("name")?.text("`name`")?.to_owned();
    let service = table
        .get("service")
        .map_or(Ok(false), |service| service.flag("`service`"))?;
    let judged = table
        .get("judged")
        .map_or(Ok(false), |judged| judged.flag("`judged`"))?;
    let login = table
        .get("login")
        .map_or(Ok(!service && !judged), |login| login.flag("`login`"))?;
    if (service || judged) && login || service && judged {
        return node.fail("a service links, and does not log in; it is played or judged");
    }
    table.done()?;
    Ok(Actor {
        name,
        login,
        service,
        judged,
    })
}

/// Steps that cases share.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    params: Vec<(String, String)>,
    steps: Node,
}

impl Fragment {
    pub(crate) fn read(file: &str, text: &str) -> Result<(String, Self), LoadError> {
        let tree = Node::parse(file, text)?;
        let mut table = tree.table("a fragment")?;
        let name = table.need("fragment")?.text("`fragment`")?.to_owned();
        table.need("title")?.text("`title`")?;
        ids(table.need("requirements")?)?;
        let mut params = Vec::new();
        if let Some(node) = table.get("params") {
            for (name, node) in node.table("`params`")?.entries {
                params.push((name.clone(), node.text("a parameter")?.to_owned()));
            }
        }
        let steps = table.need("steps")?.clone();
        table.done()?;
        Ok((name, Self { params, steps }))
    }
}

/// Reads steps; a step `{ use = "fragment", with = { … } }` stands for those of the fragment.
fn expand(
    node: &Node,
    fragments: &BTreeMap<String, Fragment>,
    depth: usize,
    out: &mut Vec<Step>,
) -> Result<(), LoadError> {
    for node in node.list("`steps`")? {
        let mut table = node.table("a step")?;
        let Some(used) = table.get("use") else {
            out.push(Step::read(node)?);
            continue;
        };
        let name = used.text("`use`")?;
        let Some(fragment) = fragments.get(name).filter(|_| depth < 4) else {
            return used.fail(format!(
                "unknown fragment `{name}`, or fragments nested too deeply"
            ));
        };
        let mut with = fragment.params.clone();
        if let Some(given) = table.get("with") {
            for (name, value) in given.table("`with`")?.entries {
                match with.iter_mut().find(|(known, _)| known == name) {
                    Some((_, slot)) => value.text("a parameter")?.clone_into(slot),
                    None => return value.fail(format!("the fragment has no parameter `{name}`")),
                }
            }
        }
        let check = table.get("check");
        table.done()?;
        let before = out.len();
        expand(&fragment.steps.substitute(&with), fragments, depth + 1, out)?;
        if let Some(check) = check {
            let check = check.text("`check`")?;
            for step in out.iter_mut().skip(before) {
                step.check = Some(check.to_owned());
            }
        }
    }
    Ok(())
}
