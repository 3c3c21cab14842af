//! What each mutant does to a frame on its way in or out.

use std::collections::{BTreeMap, BTreeSet};

use duet_protocol::code::Code;
use duet_protocol::io::ConnId;
use duet_protocol::message;
use duet_protocol::wire::{Sender, Value, decode_dynamic, is_ignorable};

use crate::frames::Item;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    None,
    OversizeIsMalformed,
    TrailingBytesPass,
    AnyFlags,
    CriticalIsSkipped,
    AnyPadding,
    FinIsNothing,
    AnyStream,
    UnsortedParameters,
    CloseIsInternal,
    ServerFramesPass,
    AnyVersion,
    AnyResumeToken,
    NoAcknowledgement,
    AckBeyond,
    WrongPong,
    GoodbyeIsNothing,
    NumberTwice,
    NoLookupLimit,
    SnapshotLacksOne,
    LeaveIsUpdate,
    AnySecret,
    SuspendedIsLeft,
    DataTwice,
    DataIsCut,
    DataIsText,
    PresenceIsMute,
    WrongSender,
    DeliveredEarly,
    OfflineIsForbidden,
    RejectIsCancel,
    StrangerHangsUp,
    CallerAccepts,
    AnsweredIsForgotten,
    IdIsBusy,
    BusyIsOffline,
    GlareIsBusy,
    SelfIsOffline,
    WiderMedia,
    AlteredBlock,
    StreamsAreSilent,
    AnyMedia,
    TicketTwice,
    BlocksNothing,
    AnyEntry,
    ListIsSecret,
    ChangesAreSilent,
    EveryoneIsAway,
    PresenceFloods,
    HiddenIsForbidden,
    ConfirmIsLost,
    FirstIsMember,
    AnyName,
    MembersClose,
    SettingsAreSilent,
    KnocksAreSilent,
    KickedIsLeft,
    BanIsSecret,
    AnyonesTicket,
    NobodyIsMentioned,
    NoNumber,
    AnyoneHasRead,
    WrongOfferer,
    DeclineIsAbort,
    SendFromStart,
    AnyBulkOffset,
    ShortIsAbort,
    ProgressIsLost,
    AlteredDigest,
    MismatchIsDelivered,
    AbortIsSilent,
    AnyTransferId,
    PayloadFromStart,
    VoidIsBreach,
    AnyServiceToken,
    NobodyStandsBy,
    OneEpoch,
    NothingIsFenced,
    ForbiddenIsDelivered,
    EveryVerdictIsYes,
    BadVerdictsPass,
    DeliveredUnread,
    AnyCommand,
    PushHasASender,
    TakenIsForbidden,
    CloseHasNoReason,
    NowhereIsDelivered,
}

/// What a mutant remembers of what it saw.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Who called, and whom the call rang at.
    calls: BTreeMap<Vec<u8>, (ConnId, Option<ConnId>, u64)>,
    secrets: BTreeMap<Vec<u8>, Value>,
    tokens: BTreeMap<Vec<u8>, Vec<u8>>,
    requests: BTreeSet<(ConnId, u64)>,
    tickets: BTreeSet<Vec<u8>>,
    /// Of each transfer, the attempt and the offset of the latest SEND.
    sends: BTreeMap<Vec<u8>, (u64, u64)>,
    /// The token of the service that linked first; the first epoch, and the present one; the last question.
    service_token: Vec<u8>,
    epochs: Option<(u64, u64)>,
    question: u64,
    /// Of each link, the number of its last command.
    commands: BTreeMap<ConnId, u64>,
    /// Sequenced frames that were sent on a connection.
    pub(crate) sent: BTreeMap<ConnId, u64>,
}

/// What becomes of a frame on its way in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inward {
    Pass,
    /// It never came.
    Drop,
    /// It came on another connection.
    At(ConnId),
    /// The mutant answers by itself.
    Answer(Vec<u8>),
}

/// What becomes of a frame on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outward {
    Pass,
    Drop,
    Twice,
    /// It passes, and this comes in at once.
    Forge(Vec<u8>),
}

fn code(code: Code) -> Value {
    Value::Number(code.0.into())
}

fn recode(item: &mut Item, name: &str, from: Code, to: Code) {
    if item.name() == name && item.number("code") == Some(from.0.into()) {
        item.set("code", code(to));
    }
}

impl Twist {
    pub(crate) fn inward(self, memory: &mut Memory, conn: ConnId, item: &mut Item) -> Inward {
        let name = item.name();
        if name == "INVITE"
            && let (Some(call), Some(media)) = (item.bytes_of("call"), item.number("media"))
        {
            memory.calls.entry(call).or_insert((conn, None, media));
        }
        let call = item
            .bytes_of("call")
            .and_then(|call| memory.calls.get(&call).copied());
        let schema = message::schema(item.kind);
        match (self, schema) {
            (Self::TrailingBytesPass, Some(schema)) => {
                let mut body = item.body.clone();
                while !body.is_empty() && decode_dynamic(schema.fields, &body).is_err() {
                    body.pop();
                }
                if !body.is_empty() {
                    item.body = body;
                }
            }
            (Self::AnyFlags, Some(schema)) => item.flags = schema.flags,
            (Self::CriticalIsSkipped, None) if !is_ignorable(item.kind) => item.kind |= 0x8000,
            (Self::AnyPadding, Some(_)) if matches!(name, "TEXT" | "DATA") => {
                if item.body.first() == Some(&1)
                    && let Some(padding) = item.body.get_mut(9..17)
                {
                    padding.fill(0);
                }
            }
            (Self::UnsortedParameters, Some(schema)) => {
                // The longest front that can be read without parameters.
                let whole = (0..=item.body.len())
                    .find(|end| decode_dynamic(schema.fields, &item.body[..*end]).is_ok());
                if let Some(end) = whole {
                    item.body.truncate(end);
                }
            }
            (Self::ServerFramesPass, Some(schema)) if schema.sender == Sender::Server => {
                item.hollow();
            }
            (Self::AnyVersion, _) if name == "HELLO" => {
                item.set("min_version", Value::Number(1));
                item.set("max_version", Value::Number(1));
            }
            (Self::AnyResumeToken, _) if name == "RESUME" => {
                let known = item.bytes_of("session").and_then(|s| memory.tokens.get(&s));
                if let Some(token) = known {
                    item.set("resume_token", Value::Bytes(token.clone()));
                }
            }
            (Self::AckBeyond, _) if name == "ACK" => {
                let sent = memory.sent.get(&conn).copied().unwrap_or(0);
                let received = item.number("received").unwrap_or(0);
                item.set("received", Value::Number(received.min(sent)));
            }
            (Self::GoodbyeIsNothing, _) if name == "GOODBYE" => return Inward::Drop,
            (Self::NumberTwice, _) => {
                if let Some(request) = item.number("request")
                    && !memory.requests.insert((conn, request))
                {
                    item.hollow();
                }
            }
            (Self::AnySecret, _) if name == "JOIN" => {
                if let (Some(Value::Text(room)), Some(secret)) =
                    (item.field("name"), item.field("secret"))
                {
                    let first = memory
                        .secrets
                        .entry(room.into_bytes())
                        .or_insert(secret)
                        .clone();
                    item.set("secret", first);
                }
            }
            (Self::StrangerHangsUp, _) if name == "END" => {
                if let Some((caller, callee, _)) = call
                    && conn != caller
                    && Some(conn) != callee
                {
                    return Inward::At(caller);
                }
            }
            (Self::CallerAccepts, _) if name == "ACCEPT" => {
                if let Some((caller, Some(callee), _)) = call
                    && conn == caller
                {
                    return Inward::At(callee);
                }
            }
            (Self::WiderMedia, _) if name == "ACCEPT" => {
                if let (Some((_, _, offered)), Some(media)) = (call, item.number("media")) {
                    item.set("media", Value::Number(media & offered));
                }
            }
            (Self::AnyMedia, _) if name == "PUBLISH" => {
                if let Some(Value::Record(mut fields)) = item.field("description") {
                    for (name, value) in &mut fields {
                        if name == "kind" {
                            *value = Value::Number(1);
                        }
                    }
                    item.set("description", Value::Record(fields));
                }
            }
            (Self::BlocksNothing, _) if name == "CONTACT_SET" => {
                if let Some(Value::Record(mut fields)) = item.field("entry") {
                    for (name, value) in &mut fields {
                        if name == "relation" && *value == Value::Number(2) {
                            *value = Value::Number(0);
                        }
                    }
                    item.set("entry", Value::Record(fields));
                }
            }
            (Self::TicketTwice, _) if name == "ATTACH" => {
                if let Some(token) = item.bytes_of("token")
                    && !memory.tickets.insert(token)
                {
                    let attached = Item {
                        kind: 0x070b,
                        flags: item.flags,
                        reserved: 0,
                        body: vec![0, 0],
                    };
                    return Inward::Answer(attached.bytes());
                }
            }
            (Self::AnyServiceToken, _) if name == "LINK" => {
                let token = item.bytes_of("token").unwrap_or_default();
                if memory.service_token.is_empty() {
                    memory.service_token = token;
                }
                item.set("token", Value::Bytes(memory.service_token.clone()));
            }
            (Self::NothingIsFenced, _) if item.kind >> 8 == 0x08 => {
                if let Some((_, present)) = memory.epochs {
                    item.set("epoch", Value::Number(present));
                }
            }
            (Self::EveryVerdictIsYes, _) if name == "VERDICT" => {
                item.set("code", code(Code::NONE));
            }
            (Self::BadVerdictsPass, _) if item.number("question") > Some(memory.question) => {
                item.hollow();
            }
            (Self::AnyCommand, _) if item.kind >> 8 == 0x08 => {
                if let Some(request) = item.number("request") {
                    let last = memory.commands.entry(conn).or_insert(request - 1);
                    match request == *last + 1 {
                        true => *last = request,
                        false => item.hollow(),
                    }
                }
            }
            _ => {}
        }
        Inward::Pass
    }

    pub(crate) fn outward(self, memory: &mut Memory, conn: ConnId, item: &mut Item) -> Outward {
        let name = item.name();
        if name == "INVITE"
            && let Some(call) = item
                .bytes_of("call")
                .and_then(|call| memory.calls.get_mut(&call))
        {
            call.1 = Some(conn);
        }
        match self {
            Self::OversizeIsMalformed => {
                recode(item, "GOODBYE", Code::FRAME_TOO_LARGE, Code::MALFORMED)
            }
            Self::AnyResumeToken => {
                if let (Some(session), Some(token)) =
                    (item.bytes_of("session"), item.bytes_of("resume_token"))
                {
                    memory.tokens.insert(session, token);
                }
            }
            Self::NoAcknowledgement if name == "ACK" => return Outward::Drop,
            Self::WrongPong if name == "PONG" => {
                let token = item.number("token").unwrap_or(0);
                item.set("token", Value::Number(token ^ 1));
            }
            Self::NumberTwice => {
                if let Some(request) = item.number("request") {
                    memory.requests.remove(&(conn, request));
                }
            }
            Self::NoLookupLimit => recode(item, "RESULT", Code::RATE_LIMITED, Code::NOT_FOUND),
            Self::SnapshotLacksOne if name == "JOINED" => {
                if let Some(Value::List(mut members)) = item.field("members") {
                    members.pop();
                    item.set("members", Value::List(members));
                }
            }
            Self::LeaveIsUpdate if name == "MEMBER" && item.number("change") == Some(2) => {
                item.set("change", Value::Number(5));
            }
            Self::SuspendedIsLeft if name == "MEMBER" && item.number("change") == Some(3) => {
                item.set("change", Value::Number(2));
            }
            Self::DataTwice if name == "DATA_FROM" => return Outward::Twice,
            Self::DataIsCut | Self::DataIsText if name == "DATA_FROM" => {
                if let Some(Value::Bytes(mut data)) = item.field("data") {
                    if self == Self::DataIsCut {
                        data.pop();
                    } else {
                        data.iter_mut()
                            .filter(|byte| !byte.is_ascii())
                            .for_each(|byte| *byte = b'?');
                    }
                    item.set("data", Value::Bytes(data));
                }
            }
            Self::PresenceIsMute if name == "PRESENCE" => {
                item.set("text", Value::Text(String::new()));
            }
            Self::WrongSender if name == "TEXT_FROM" => {
                let user = item.number("user").unwrap_or(0);
                item.set("user", Value::Number(user ^ 1));
            }
            Self::DeliveredEarly if matches!(name, "TEXT_FROM" | "DATA_FROM") => {
                // The server is told that the receiver has acknowledged, before it can have.
                let sent = memory.sent.get(&conn).copied().unwrap_or(0) + 1;
                let ack = Item {
                    kind: 0x0107,
                    flags: Default::default(),
                    reserved: 0,
                    body: sent.to_be_bytes().to_vec(),
                };
                return Outward::Forge(ack.bytes());
            }
            Self::OfflineIsForbidden => recode(item, "RESULT", Code::UNREACHABLE, Code::FORBIDDEN),
            Self::RejectIsCancel => recode(item, "END", Code::REJECTED, Code::CANCELLED),
            Self::AnsweredIsForgotten => {
                recode(item, "REFUSED", Code::ALREADY_ANSWERED, Code::NOT_IN_CALL);
            }
            Self::IdIsBusy => recode(item, "REFUSED", Code::ID_IN_USE, Code::BUSY),
            Self::BusyIsOffline => recode(item, "REFUSED", Code::BUSY, Code::UNREACHABLE),
            Self::GlareIsBusy => recode(item, "REFUSED", Code::GLARE, Code::BUSY),
            Self::SelfIsOffline => recode(item, "REFUSED", Code::SELF_CALL, Code::UNREACHABLE),
            Self::AlteredBlock if name == "INVITE" => {
                if let Some(mut block) = item.bytes_of("end_to_end") {
                    block.iter_mut().for_each(|byte| *byte ^= 1);
                    item.set("end_to_end", Value::Bytes(block));
                }
            }
            Self::AnyEntry => recode(item, "RESULT", Code::OWN_USER, Code::DELIVERED),
            Self::ListIsSecret if name == "CONTACTS" => item.hollow(),
            Self::ChangesAreSilent if name == "CONTACT" => item.hollow(),
            Self::EveryoneIsAway
                if name == "PRESENCE" && item.number("availability") == Some(3) =>
            {
                item.set("availability", Value::Number(2));
            }
            Self::PresenceFloods => recode(item, "RESULT", Code::RATE_LIMITED, Code::DELIVERED),
            Self::HiddenIsForbidden => recode(item, "RESULT", Code::NOT_FOUND, Code::FORBIDDEN),
            Self::FirstIsMember if name == "JOINED" => {
                if let Some(Value::List(mut members)) = item.field("members") {
                    for member in &mut members {
                        if let Value::Record(fields) = member {
                            for (name, value) in fields {
                                if name == "role" {
                                    *value = Value::Number(1);
                                }
                            }
                        }
                    }
                    item.set("members", Value::List(members));
                }
            }
            Self::AnyName => recode(item, "RESULT", Code::NAME_TAKEN, Code::FORBIDDEN),
            Self::MembersClose => recode(item, "RESULT", Code::NOT_MODERATOR, Code::DELIVERED),
            Self::SettingsAreSilent if name == "ROOM" => item.hollow(),
            Self::KnocksAreSilent if name == "KNOCK" => item.hollow(),
            Self::KickedIsLeft => recode(item, "MEMBER", Code::KICKED, Code::LEFT),
            Self::AnyonesTicket => recode(item, "RESULT", Code::BAD_SECRET, Code::DELIVERED),
            Self::BanIsSecret => recode(item, "RESULT", Code::BANNED, Code::NO_SUCH_ROOM),
            Self::NobodyIsMentioned if name == "TEXT_FROM" => {
                item.set("mention", Value::Number(0));
            }
            Self::NoNumber if name == "RESULT" => item.set("number", Value::Number(0)),
            Self::AnyoneHasRead if name == "RECEIPT_FROM" => {
                let user = item.number("user").unwrap_or(0);
                item.set("user", Value::Number(user ^ 1));
            }
            Self::StreamsAreSilent if name == "STREAM" => item.hollow(),
            Self::WrongOfferer if name == "OFFERED" => {
                let user = item.number("user").unwrap_or(0);
                item.set("user", Value::Number(user ^ 1));
            }
            Self::DeclineIsAbort => recode(item, "TRANSFER_END", Code::DECLINED, Code::ABORTED),
            Self::SendFromStart if name == "SEND" => item.set("offset", Value::Number(0)),
            Self::AnyBulkOffset | Self::VoidIsBreach if name == "SEND" => {
                let of = |name| item.number(name).unwrap_or(0);
                let sent = (of("attempt"), of("offset"));
                memory
                    .sends
                    .insert(item.bytes_of("transfer").unwrap_or_default(), sent);
            }
            Self::ShortIsAbort => recode(item, "TRANSFER_END", Code::WRONG_SIZE, Code::ABORTED),
            Self::ProgressIsLost if name == "PROGRESS" => item.hollow(),
            Self::AlteredDigest if name == "DIGEST" => {
                if let Some(mut digest) = item.bytes_of("sha256") {
                    digest.iter_mut().for_each(|byte| *byte ^= 1);
                    item.set("sha256", Value::Bytes(digest));
                }
            }
            Self::MismatchIsDelivered => {
                recode(item, "TRANSFER_END", Code::DIGEST_MISMATCH, Code::DELIVERED);
            }
            Self::AbortIsSilent
                if name == "TRANSFER_END"
                    && item.number("code") == Some(Code::ABORTED.0.into()) =>
            {
                item.hollow();
            }
            Self::AnyTransferId => recode(item, "RESULT", Code::ID_IN_USE, Code::DELIVERED),
            Self::ConfirmIsLost if name == "CONFIRM" => item.hollow(),
            Self::NobodyStandsBy if name == "LINKED" => item.set("standing", Value::Number(1)),
            Self::OneEpoch | Self::NothingIsFenced if name == "ACTIVATED" => {
                let epoch = item.number("epoch").unwrap_or(0);
                let (first, present) = memory.epochs.get_or_insert((epoch, epoch));
                *present = epoch;
                if self == Self::OneEpoch {
                    item.set("epoch", Value::Number(*first));
                }
            }
            Self::BadVerdictsPass => {
                let question = item.number("question").unwrap_or(0);
                memory.question = memory.question.max(question);
            }
            Self::ForbiddenIsDelivered => recode(item, "DONE", Code::FORBIDDEN, Code::DELIVERED),
            Self::DeliveredUnread if name == "ADDRESSED" => {
                let number = item.number("number").unwrap_or(0);
                let ack = Item {
                    kind: 0x0107,
                    flags: Default::default(),
                    reserved: 0,
                    body: number.to_be_bytes().to_vec(),
                };
                return Outward::Forge(ack.bytes());
            }
            Self::PushHasASender if name == "DATA_FROM" && item.number("user") == Some(0) => {
                item.set("user", Value::Number(1));
            }
            Self::TakenIsForbidden => recode(item, "DONE", Code::NAME_TAKEN, Code::FORBIDDEN),
            Self::CloseHasNoReason => recode(item, "LEFT", Code::VETOED, Code::ROOM_CLOSED),
            Self::NowhereIsDelivered => {
                recode(item, "DONE", Code::NO_SUCH_ROOM, Code::DELIVERED);
            }
            _ => {}
        }
        Outward::Pass
    }

    /// What becomes of the first frame of another stream, on its way in.
    pub(crate) fn bulk_in(self, memory: &Memory, item: &mut Item) {
        let transfer = item.bytes_of("transfer").unwrap_or_default();
        let Some(&(attempt, offset)) = memory.sends.get(&transfer) else {
            return;
        };
        match self {
            Self::AnyBulkOffset => item.set("offset", Value::Number(offset)),
            Self::VoidIsBreach if item.number("attempt") < Some(attempt) => {
                // No SEND asked for that one.
                item.set("attempt", Value::Number(u64::from(u32::MAX)));
            }
            _ => {}
        }
    }

    /// What becomes of the first frame of another stream, on its way out.
    pub(crate) fn bulk_out(self, item: &mut Item) {
        if self == Self::PayloadFromStart {
            item.set("offset", Value::Number(0));
        }
    }

    /// The code of a close.
    pub(crate) const fn close(self, code: Code) -> Code {
        match (self, code) {
            (Self::CloseIsInternal, _) => Code::INTERNAL,
            (Self::OversizeIsMalformed, Code::FRAME_TOO_LARGE) => Code::MALFORMED,
            _ => code,
        }
    }
}
