//! Playing one case from its first step to its verdict.

use std::time::{Duration, Instant};

use duet_protocol::id::FlowId;
use duet_protocol::io::Purpose;
use duet_protocol::media::write_header;
use duet_protocol::wire::Value;
use duet_spec::Id;

use super::act::Account;
use super::log::{Entry, Happened};
use super::payload::Brought;
use super::stage::{Fault, Stage, Stop, fault};
use crate::case::step::{Act, FrameSpec, Pieces, Raw, Step, WITHIN};
use crate::case::{Case, Draw, Place};

/// How long a program that is judged may take to connect.
const START: Duration = Duration::from_secs(10);

/// How a case went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every check was reached and holds.
    Pass,
    /// A check does not hold, a step went wrong, or a check was not reached.
    Fail,
    /// It was interrupted.
    Inconclusive,
    /// The harness could not go on.
    Broken,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// The case did not come to it, which is a failure as well.
    NotReached,
}

/// A check of a case, after its run.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// Its name.
    pub name: String,
    /// The requirement that it is bound to.
    pub requirement: Id,
    /// How it went.
    pub outcome: Outcome,
}

/// A case, after its run.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// The case's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether it is a negative case.
    pub negative: bool,
    /// How it went.
    pub verdict: Verdict,
    /// Each of its checks.
    pub checks: Vec<CheckReport>,
    /// What went wrong, where anything did.
    pub fault: Option<Fault>,
    /// The step at which it went wrong: its place and its text.
    pub step: Option<(Place, String)>,
    /// How long it took.
    pub took: Duration,
    pub(crate) log: Vec<Entry>,
}

/// What a case is played with.
pub(crate) struct Setting<'a> {
    pub(crate) accounts: &'a [(String, String)],
}

/// Plays a case on a stage of its own, if there could be one.
pub(crate) async fn play(
    case: &Case,
    setting: &Setting<'_>,
    stage: Result<Stage, Stop>,
) -> CaseReport {
    let began = Instant::now();
    let mut report = CaseReport {
        id: case.id.clone(),
        title: case.title.clone(),
        negative: case.is_negative(),
        verdict: Verdict::Pass,
        checks: case
            .checks
            .iter()
            .map(|(name, requirement)| CheckReport {
                name: name.clone(),
                requirement: requirement.clone(),
                outcome: Outcome::NotReached,
            })
            .collect(),
        fault: None,
        step: None,
        took: Duration::ZERO,
        log: Vec::new(),
    };
    match stage {
        Ok(mut stage) => {
            let played = perform(case, setting, &mut stage, &mut report).await;
            conclude(&mut report, played);
            stage.leave().await;
            report.log = std::mem::take(&mut stage.log);
        }
        Err(stop) => conclude(&mut report, Err(stop)),
    }
    if report.verdict == Verdict::Pass
        && let Some(check) = report
            .checks
            .iter()
            .find(|check| check.outcome != Outcome::Pass)
    {
        report.verdict = Verdict::Fail;
        report.fault = Some(Fault {
            expected: format!("check {} is reached", check.name),
            came: "the case ended without it".to_owned(),
        });
    }
    report.took = began.elapsed();
    report
}

fn conclude(report: &mut CaseReport, played: Result<(), Stop>) {
    let (verdict, fault) = match played {
        Ok(()) => return,
        Err(Stop::Fault(fault)) => (Verdict::Fail, fault),
        Err(Stop::Interrupted) => (
            Verdict::Inconclusive,
            Fault {
                expected: "the case runs to its end".to_owned(),
                came: "it was interrupted".to_owned(),
            },
        ),
        Err(Stop::Broken(why)) => (
            Verdict::Broken,
            Fault {
                expected: "the harness can go on".to_owned(),
                came: why,
            },
        ),
    };
    report.verdict = verdict;
    report.fault = Some(fault);
}

async fn perform(
    case: &Case,
    setting: &Setting<'_>,
    stage: &mut Stage,
    report: &mut CaseReport,
) -> Result<(), Stop> {
    for (name, draw) in &case.draws {
        let value = match draw {
            Draw::Id => Value::Bytes(stage.draw_bytes(16)),
            Draw::Token => Value::Bytes(stage.draw_bytes(32)),
            Draw::Name => stage.draw_name("c"),
            Draw::Number => Value::Number(stage.draw()),
        };
        stage.bound.insert(name.clone(), value);
    }
    for (index, actor) in case.actors.iter().enumerate() {
        let name = stage.draw_name(&actor.name);
        stage.bound.insert(format!("{}.name", actor.name), name);
        if actor.judged {
            stage.accept(&actor.name, START).await?;
        } else if actor.login {
            let account = account(setting, index);
            stage.login(&actor.name, &account).await?;
        } else {
            stage
                .connect(&actor.name, Purpose::Control, (0, 0), WITHIN)
                .await?;
        }
    }
    for step in &case.steps {
        let done = take(step, case.actors.len(), setting, stage).await;
        if matches!(done, Err(Stop::Fault(_))) {
            report.step = Some((step.place.clone(), step.text.clone()));
        }
        if let Some(name) = &step.check
            && let Some(check) = report.checks.iter_mut().find(|check| check.name == *name)
        {
            let pass = done.is_ok();
            if pass || matches!(done, Err(Stop::Fault(_))) {
                let (check_name, requirement) = (check.name.clone(), check.requirement.to_string());
                check.outcome = if pass { Outcome::Pass } else { Outcome::Fail };
                let check = check_name;
                stage.note(
                    "verdict",
                    Happened::Verdict {
                        check,
                        requirement,
                        pass,
                    },
                );
            }
        }
        done?;
    }
    stage.settle().await
}

fn account(setting: &Setting<'_>, index: usize) -> Account {
    match setting.accounts.get(index) {
        Some((name, password)) => Account::Password {
            name: name.clone(),
            password: password.clone(),
        },
        None => Account::Guest,
    }
}

async fn take(
    step: &Step,
    actors: usize,
    setting: &Setting<'_>,
    stage: &mut Stage,
) -> Result<(), Stop> {
    match &step.act {
        Act::Send { line, frame } => stage.send(line, frame),
        Act::Raw {
            line,
            raw,
            stream,
            fin,
        } => send_raw(stage, line, raw, *stream, *fin).await,
        Act::Expect(wanted) => stage.expect(wanted, step.within).await,
        Act::Optional(wanted) => {
            stage.permitted.push(wanted.clone());
            Ok(())
        }
        Act::Forbid(wanted) => stage.forbid(wanted, step.within).await,
        Act::ExpectClose { line, code } => {
            stage
                .expect_close(line, code, &step.text, step.within)
                .await
        }
        Act::Finish { line } => {
            let target = stage.line_mut(line)?;
            target.finished = true;
            let conn = target.conn;
            stage.note(line, Happened::SentFin);
            stage.write(conn, 0, Vec::new(), true);
            Ok(())
        }
        Act::Payload {
            line,
            range,
            stream,
            fin,
        } => stage.send_payload(line, *stream, range.clone(), *fin),
        Act::Reset { line, stream } => stage.reset(line, *stream),
        Act::ExpectPayload {
            line,
            transfer,
            attempt,
            range,
            open,
        } => {
            let wanted = Brought {
                transfer: id(stage.value(transfer)?)?,
                attempt: *attempt,
                range: range.clone(),
                open: *open,
            };
            stage
                .expect_payload(line, &wanted, &step.text, step.within)
                .await
        }
        Act::AnyStreams { line } => {
            stage.line_mut(line)?.any_streams = true;
            Ok(())
        }
        Act::ExpectReset { line, transfer } => {
            let transfer = id(stage.value(transfer)?)?;
            stage
                .expect_reset(line, &transfer, &step.text, step.within)
                .await
        }
        Act::Datagram { line, bytes } => {
            let bytes = match bytes {
                Pieces::Hex(bytes) => bytes.clone(),
                Pieces::Media { flow, seq, payload } => {
                    let flow = number(stage.value(flow)?)?;
                    let mut bytes = Vec::new();
                    write_header(FlowId(flow as u32), *seq, &mut bytes);
                    bytes.extend_from_slice(payload);
                    bytes
                }
            };
            let conn = stage.line(line)?.conn;
            stage.note(line, Happened::SentDatagram(bytes.clone()));
            stage
                .net
                .command(|core, _| core.datagram(conn, bytes.into()));
            Ok(())
        }
        Act::ExpectDatagram {
            line,
            flow,
            payload,
        } => {
            let flow = number(stage.value(flow)?)?;
            stage
                .expect_datagram(line, flow, payload, step.within)
                .await
        }
        Act::ForbidDatagram { line } => stage.forbid_datagram(line, step.within).await,
        Act::OpenMedia { line, ticket } => {
            stage
                .connect(line, Purpose::Media, (0, 0), step.within)
                .await?;
            let Some(ticket) = ticket else { return Ok(()) };
            let token = crate::case::expr::Expr::Literal(stage.value(ticket)?);
            let Some(attach) = duet_protocol::message::schemas().find(|s| s.name == "ATTACH")
            else {
                return Err(Stop::Broken("ATTACH is gone".to_owned()));
            };
            let frame = FrameSpec {
                kind: attach.kind,
                flags: attach.flags,
                reserved: 0,
                fields: attach
                    .fields
                    .iter()
                    .map(|field| (field, token.clone()))
                    .collect(),
                params: Vec::new(),
                tail: Vec::new(),
                length: None,
            };
            stage.send(line, &frame)
        }
        Act::Connect { line, resume } => {
            let counts = match (resume, stage.lines.get(line)) {
                (true, _) => {
                    stage.refresh();
                    let count = |what: &str| match stage.bound.get(&format!("{line}.{what}")) {
                        Some(Value::Number(count)) => *count,
                        _ => 0,
                    };
                    (count("received"), count("sent"))
                }
                (false, _) => (0, 0),
            };
            stage
                .connect(line, Purpose::Control, counts, step.within)
                .await
        }
        Act::Disconnect { line, code } => {
            stage.close(line, *code)?;
            let until = stage.deadline(step.within);
            while stage.trouble(line).is_none() {
                if !stage.pump(until).await? {
                    return fault(format!("{line} is closed"), "it is not");
                }
            }
            Ok(())
        }
        Act::Automatic { line, ack, pong } => {
            let conn = stage.line(line)?.conn;
            let (ack, pong) = (*ack, *pong);
            stage.net.command(|core, _| core.automatic(conn, ack, pong));
            Ok(())
        }
        Act::Wait => {
            let until = stage.deadline(step.within);
            while stage.pump(until).await? {}
            Ok(())
        }
        Act::Probe { actor: Some(actor) } => stage.probe(actor, step.within).await,
        Act::Probe { actor: None } => {
            let name = stage.draw_name("prober");
            stage.bound.insert("prober.name".to_owned(), name);
            stage.login("prober", &account(setting, actors)).await?;
            stage.probe("prober", step.within).await
        }
    }
}

fn id(value: Value) -> Result<Vec<u8>, Stop> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => fault("an id", format!("{other:?}")),
    }
}

fn number(value: Value) -> Result<u64, Stop> {
    match value {
        Value::Number(number) => Ok(number),
        other => fault("a number", format!("{other:?}")),
    }
}

async fn send_raw(
    stage: &mut Stage,
    line: &str,
    raw: &Raw,
    stream: u32,
    fin: bool,
) -> Result<(), Stop> {
    let target = stage.line_mut(line)?;
    target.finished |= fin && stream == 0;
    let conn = target.conn;
    let pieces = match raw {
        Raw::Hex(bytes) => vec![bytes.clone()],
        Raw::Random(count) => vec![stage.junk(*count)],
        Raw::Cut { frame, off } => {
            let mut bytes = stage.encode(frame)?;
            bytes.truncate(bytes.len().saturating_sub(*off));
            vec![bytes]
        }
        Raw::Split { frame, at } => {
            let bytes = stage.encode(frame)?;
            stage.count(conn, frame.flags);
            let (first, second) = bytes.split_at((*at).min(bytes.len()));
            vec![first.to_vec(), second.to_vec()]
        }
    };
    let last = pieces.len() - 1;
    for (index, bytes) in pieces.into_iter().enumerate() {
        if index > 0 {
            // The first piece has to be under way before the second, or they may share a packet.
            stage
                .pump(Instant::now() + Duration::from_millis(20))
                .await?;
        }
        stage.note(line, Happened::SentRaw(bytes.clone()));
        stage.write(conn, stream, bytes, fin && index == last);
    }
    Ok(())
}
