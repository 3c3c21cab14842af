//! What becomes of a letter: a machine begins, receives it, ends; or is not there, and is answered for.
//!
//! Functions of the machines alone, without the server around them, so that what is explored is what runs.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use crate::call::server::{Call, Surroundings, Verb, refused};
use crate::code::Code;
use crate::id::{CallId, RoomId, UserId};
use crate::people::server::Surroundings as PeopleSurroundings;
use crate::room::server::{Room, Surroundings as RoomSurroundings};
use crate::service::mirror::Told;
use crate::session::user::User;

use super::Duplicates;
use super::envelope::{Letter, Outbox, Owner};
use super::transfers;

/// A letter for a user; one that is over is forgotten.
pub(crate) fn to_user(
    users: &mut BTreeMap<UserId, User>,
    policy: Duplicates,
    from: Owner,
    id: UserId,
    letter: Letter,
    cx: &mut PeopleSurroundings<'_>,
) {
    match users.get_mut(&id) {
        Some(user) => {
            user.receive(from, letter, cx);
            if user.is_over() {
                users.remove(&id);
            }
        }
        None if !matches!(letter, Letter::Detach { .. } | Letter::Release { .. }) => {
            // Nobody of that id is online: an empty user answers as an offline one does.
            let mut user = User::new(id, policy);
            user.receive(from, letter, cx);
            if !user.is_over() {
                users.insert(id, user);
            }
        }
        None => {}
    }
}

/// A letter for a room. Who holds the rooms sees to the end of them.
pub(crate) fn to_room(
    rooms: &mut BTreeMap<RoomId, Room>,
    from: Owner,
    id: RoomId,
    letter: Letter,
    cx: &mut RoomSurroundings<'_>,
) {
    let me = Owner::Room(id);
    match letter {
        Letter::OpenRoom { creation, asker } => {
            let epoch = cx.random.u64();
            let (room, name) = (id, creation.name.clone());
            cx.out.tell(me, Told::RoomOpened { room, name });
            let room = Room::new(id, epoch, creation, cx.now);
            rooms.entry(id).or_insert(room);
            //= ROOM-014
            if let Some(asker) = asker {
                let (request, room) = (asker.request, id);
                let letter = Letter::RoomCreated { request, room };
                cx.out.send(me, asker.reply_to, letter);
            }
        }
        Letter::OpenForCall { call, admitted } => {
            let epoch = cx.random.u64();
            let (room, name) = (id, String::new());
            cx.out.tell(me, Told::RoomOpened { room, name });
            let room = Room::for_call(id, epoch, call, admitted, cx.now);
            rooms.entry(id).or_insert(room);
            cx.out.send(me, Owner::Call(call), Letter::RoomOpened);
        }
        letter => match rooms.get_mut(&id) {
            Some(room) => room.receive(letter, cx),
            None => bounce(from, me, letter, cx.out),
        },
    }
}

/// A letter for a call; true where one thereby begins. Who holds the calls sees to the end of them.
pub(crate) fn to_call(
    calls: &mut BTreeMap<CallId, Call>,
    ended: &BTreeSet<CallId>,
    id: CallId,
    letter: Letter,
    cx: &mut Surroundings<'_>,
) -> bool {
    match (calls.get_mut(&id), letter) {
        (Some(call), letter) => call.receive(letter, cx),
        (None, Letter::Call(request)) => {
            let is_invite = matches!(request.verb, Verb::Invite { .. });
            //= CALL-014
            if is_invite && ended.contains(&id) {
                let frame = refused(id, Code::ID_IN_USE, CallId::NONE);
                cx.out.frame(Owner::Call(id), request.session, frame);
                return false;
            }
            if let Some(call) = Call::new(id, request, cx) {
                calls.insert(id, call);
                return true;
            }
        }
        (None, letter) => bounce(Owner::Directory, Owner::Call(id), letter, cx.out),
    }
    false
}

/// Answers for a machine that is not there.
pub(crate) fn bounce(from: Owner, to: Owner, letter: Letter, out: &mut Outbox) {
    match letter {
        Letter::Parcel { receipt, .. } => {
            let code = match to {
                Owner::Room(_) => Code::NOT_IN_ROOM,
                _ => Code::UNREACHABLE,
            };
            out.undeliverable(to, receipt, code);
        }
        Letter::ParcelFrame { receipt, .. } => {
            let letter = Letter::Receipted {
                receipt,
                code: Code::UNREACHABLE,
            };
            out.send(to, receipt.owner(), letter);
        }
        // The room went away while this was on its way; the directory has been told before, and opens another.
        Letter::Enter(entry) if !entry.room_name.is_empty() => {
            out.send(to, Owner::Directory, Letter::Enter(entry));
        }
        Letter::Order(order) => {
            let (request, code) = (order.by.request, order.by.no_room());
            let letter = Letter::Outcome { request, code };
            out.send(to, order.by.reply_to, letter);
        }
        Letter::Enter(entry) => {
            out.outcome(to, entry.session, entry.request, Code::NO_SUCH_ROOM);
        }
        Letter::Remove {
            errand: Some(errand),
            ..
        } => out.errand_done(to, errand, Code::NO_SUCH_SESSION),
        Letter::EndCall { errand, .. } => out.errand_done(to, errand, Code::NOT_IN_CALL),
        Letter::Leave {
            session,
            request: Some(request),
            ..
        }
        | Letter::Publish {
            session, request, ..
        }
        | Letter::Unpublish {
            session, request, ..
        }
        | Letter::Subscribe {
            session, request, ..
        }
        | Letter::Unsubscribe {
            session, request, ..
        } => {
            out.outcome(to, session, request, Code::NOT_IN_ROOM);
        }
        Letter::Forward { flow, request, .. } => {
            out.send(to, from, Letter::NotForwarding { flow, request });
        }
        // The session ended while it was being let in, or called.
        Letter::Entered { room } | Letter::Waiting { room, .. } => {
            if let Owner::Session(session) = to {
                let (request, code) = (None, Code::SESSION_ENDED);
                out.send(
                    to,
                    Owner::Room(room),
                    Letter::Leave {
                        session,
                        request,
                        code,
                    },
                );
            }
        }
        Letter::CallOpen { call } | Letter::Invited { call, .. } => {
            if let Owner::Session(session) = to {
                let code = Code::SESSION_ENDED;
                out.send(to, Owner::Call(call), Letter::PartyOut { session, code });
            }
        }
        Letter::Transfer(letter) => transfers::bounce(to, letter, out),
        Letter::Reserved { user } => {
            if let Owner::Call(call) = to {
                out.send(to, Owner::User(user), Letter::Release { call });
            }
        }
        _ => {}
    }
}
