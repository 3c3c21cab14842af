//! What the harness does by itself: logging actors in, probing, taking its leave.

use std::time::Duration;

use duet_protocol::code::Code;
use duet_protocol::io::Purpose;
use duet_protocol::message;
use duet_protocol::wire::Value;

use super::stage::{Stage, State, Stop, fault};
use crate::case::expr::{Expr, Matcher};
use crate::case::step::{FrameSpec, WITHIN, Wanted};

/// Numbers of the harness's own requests begin here.
const OWN_REQUESTS: u64 = 0xf000_0000;

/// Who an actor is to the server.
#[derive(Clone, Debug)]
pub(crate) enum Account {
    Guest,
    Password { name: String, password: String },
}

/// A frame by name and fields; what is not given is sent as zero or empty.
fn frame(name: &str, given: &[(&str, Value)]) -> Option<FrameSpec> {
    let schema = message::schemas().find(|schema| schema.name == name)?;
    let fields = schema.fields.iter().map(|field| {
        let value = given.iter().find(|(name, _)| *name == field.name);
        let expr = value.map_or_else(
            || Expr::default_of(&field.shape),
            |(_, value)| Expr::Literal(value.clone()),
        );
        (field, expr)
    });
    Some(FrameSpec {
        kind: schema.kind,
        flags: schema.flags,
        reserved: 0,
        fields: fields.collect(),
        params: Vec::new(),
        tail: Vec::new(),
        length: None,
    })
}

fn wanted(line: &str, name: &str, given: &[(&str, Expr)]) -> Option<Wanted> {
    let schema = message::schemas().find(|schema| schema.name == name)?;
    let mut fields = Vec::new();
    for (name, expr) in given {
        let field = schema.fields.iter().find(|field| field.name == *name)?;
        fields.push((field, Matcher::Is(expr.clone())));
    }
    let text = format!("{line} {name}");
    Some(Wanted {
        line: line.to_owned(),
        schema,
        fields,
        text,
    })
}

fn named(line: &str, what: &str) -> Expr {
    Expr::Ref {
        name: format!("{line}.{what}"),
        plus: 0,
    }
}

impl Stage {
    fn say(&mut self, line: &str, name: &str, given: &[(&str, Value)]) -> Result<(), Stop> {
        match frame(name, given) {
            Some(spec) => self.send(line, &spec),
            None => Err(Stop::Broken(format!("no message is called {name}"))),
        }
    }

    async fn hear(
        &mut self,
        line: &str,
        name: &str,
        given: &[(&str, Expr)],
        within: Duration,
    ) -> Result<(), Stop> {
        match wanted(line, name, given) {
            Some(wanted) => self.expect(&[wanted], within).await,
            None => Err(Stop::Broken(format!("{name} has other fields"))),
        }
    }

    /// Connects, greets, logs in; `$alice.user`, `$alice.session` and so on stand for what the server gave.
    pub(crate) async fn login(&mut self, actor: &str, account: &Account) -> Result<(), Stop> {
        self.connect(actor, Purpose::Control, (0, 0), WITHIN)
            .await?;
        let hello = [
            ("min_version", Value::Number(1)),
            ("max_version", Value::Number(1)),
            ("heartbeat_ms", Value::Number(5_000)),
            ("agent", Value::Text("duet-conformance".to_owned())),
        ];
        self.say(actor, "HELLO", &hello)?;
        self.hear(actor, "WELCOME", &[], WITHIN).await?;
        let (method, name, credential) = match account {
            Account::Guest => match self.bound.get(&format!("{actor}.name")) {
                Some(Value::Text(name)) => (0, name.clone(), Vec::new()),
                _ => (0, String::new(), Vec::new()),
            },
            Account::Password { name, password } => {
                self.bound.remove(&format!("{actor}.name"));
                (1, name.clone(), password.clone().into_bytes())
            }
        };
        let login = [
            ("method", Value::Number(method)),
            ("name", Value::Text(name)),
            ("credential", Value::Bytes(credential)),
            ("device", Value::Text(format!("conformance {actor}"))),
        ];
        self.say(actor, "AUTHENTICATE", &login)?;
        // A guest may be given another name than it wished for.
        self.bound.remove(&format!("{actor}.name"));
        let given =
            ["user", "session", "resume_token", "name"].map(|what| (what, named(actor, what)));
        self.hear(actor, "AUTHENTICATED", &given, WITHIN).await
    }

    /// A name for a guest that nobody has.
    pub(crate) fn draw_name(&mut self, stem: &str) -> Value {
        let number = self.random.next_u64();
        Value::Text(format!("{stem}-{number:016x}"))
    }

    /// Holds that an actor is served: a PING is answered, and so is a LOOKUP of its own name.
    pub(crate) async fn probe(&mut self, actor: &str, within: Duration) -> Result<(), Stop> {
        self.barrier(actor, within).await?;
        let request = OWN_REQUESTS + self.random.below(1 << 24);
        let name = self.value(&named(actor, "name"))?;
        let lookup = [("request", Value::Number(request)), ("name", name)];
        self.say(actor, "LOOKUP", &lookup)?;
        let request = Expr::Literal(Value::Number(request));
        let answer = [("request", request), ("user", named(actor, "user"))];
        self.hear(actor, "FOUND", &answer, within).await
    }

    /// A PING and its PONG: whatever the server had sent to this actor before has come.
    pub(crate) async fn barrier(&mut self, actor: &str, within: Duration) -> Result<(), Stop> {
        let token = self.random.next_u64();
        self.say(actor, "PING", &[("token", Value::Number(token))])?;
        let token = Expr::Literal(Value::Number(token));
        self.hear(actor, "PONG", &[("token", token)], within).await
    }

    /// Holds, at a case's end, that nothing more has come than was expected.
    pub(crate) async fn settle(&mut self) -> Result<(), Stop> {
        self.absorb();
        let online: Vec<String> = self
            .lines
            .iter()
            .filter(|(_, line)| line.online && !line.finished && matches!(line.state, State::Open))
            .map(|(name, _)| name.clone())
            .collect();
        for name in online {
            if let Err(stop) = self.barrier(&name, WITHIN).await {
                return match stop {
                    Stop::Fault(why) => fault(format!("{name} is served at the end"), why.came),
                    other => Err(other),
                };
            }
        }
        self.leftover()
    }

    /// Logs out whoever is online, so that the server keeps nothing of the case.
    pub(crate) async fn leave(&mut self) {
        let names: Vec<(String, bool)> = self
            .lines
            .iter()
            .filter(|(_, line)| matches!(line.state, State::Open))
            .map(|(name, line)| (name.clone(), line.online && !line.finished))
            .collect();
        for (name, online) in &names {
            if *online {
                let code = [("code", Value::Number(Code::LOGOUT.0.into()))];
                let _ = self.say(name, "GOODBYE", &code);
            }
            let _ = self.close(name, Code::LOGOUT);
        }
        let until = std::time::Instant::now() + Duration::from_millis(500);
        while self
            .lines
            .values()
            .any(|line| matches!(line.state, State::Open))
        {
            match self.pump(until).await {
                Ok(true) => {}
                // An interruption must not keep the harness from taking its leave: one last turn sends it.
                Ok(false) | Err(_) => break,
            }
        }
        // What the last closes cause is sent by one more turn.
        let _ = self
            .pump(std::time::Instant::now() + Duration::from_millis(2))
            .await;
    }

    /// Draws a media datagram's or a raw step's bytes.
    pub(crate) fn junk(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = self.draw_bytes(count);
        if let Some(first) = bytes.first_mut() {
            *first = 0x7f;
        }
        bytes
    }
}
