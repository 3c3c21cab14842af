//! What a session makes of the letters of other machines.

use bytes::Bytes;

use crate::channel::{Expected, Receipt, Tally};
use crate::code::Code;
use crate::message::{Wire, room};
use crate::server::envelope::{Letter, Owner};
use crate::wire::Params;

use super::{Context, Pending, Session};

impl Session {
    /// A letter from another machine.
    pub(crate) fn receive(&mut self, from: Owner, letter: Letter, cx: &mut Context<'_>) {
        match letter {
            Letter::Send { frame } => {
                self.send(frame, cx);
            }
            Letter::PresenceFrame { about, frame } => {
                self.held.insert(about, frame);
                self.release_held(cx);
            }
            Letter::ContactFrame {
                about,
                is_contact,
                frame,
            } => {
                if !is_contact {
                    self.held.remove(&about);
                }
                self.send(frame, cx);
            }
            Letter::Answer { request, frame } => {
                self.answered(request);
                self.send(frame, cx);
            }
            Letter::Outcome { request, code } => self.outcome(request, code, cx),
            Letter::Expect { receipt, expected } => {
                let result = self.tally(receipt).and_then(|tally| tally.expect(expected));
                self.settled(receipt, result, cx);
            }
            Letter::Receipted { receipt, code } => {
                let result = self.tally(receipt).and_then(|tally| tally.count(code));
                self.settled(receipt, result, cx);
            }
            Letter::Parcel {
                parcel,
                receipt,
                only: None,
            } => {
                let letter = Letter::Parcel {
                    parcel,
                    receipt,
                    only: Some(self.id),
                };
                cx.outbox
                    .send(self.me(), Owner::User(self.who.user), letter);
            }
            Letter::Parcel {
                parcel, receipt, ..
            } => {
                self.numbered = self.numbered.saturating_add(parcel.is_numbered().into());
                let expected = Expected {
                    count: 1,
                    each: false,
                    number: self.numbered,
                };
                let letter = Letter::Expect { receipt, expected };
                cx.outbox.send(self.me(), receipt.owner(), letter);
                let frame = parcel.frame(self.numbered);
                self.deliver(frame, receipt, cx);
            }
            Letter::ParcelFrame { frame, receipt } => self.deliver(frame, receipt, cx),
            Letter::Invited { call, invite } => {
                self.calls.insert(call);
                self.send(invite, cx);
            }
            Letter::CallOpen { call } => {
                self.calls.insert(call);
                if self.suspended_until.is_some() {
                    let letter = Letter::Suspended { session: self.id };
                    cx.outbox.send(self.me(), Owner::Call(call), letter);
                }
            }
            Letter::CallRoom { room } => self.call_room = Some(room),
            Letter::CallOver { call } => {
                self.calls.remove(&call);
            }
            Letter::Transfer(letter) => self.transfer_letter(letter, cx),
            Letter::Entered { room } => {
                self.rooms.insert(room);
                if self.suspended_until.is_some() {
                    let letter = Letter::Suspended { session: self.id };
                    cx.outbox.send(self.me(), Owner::Room(room), letter);
                }
            }
            Letter::Waiting { room, request } => self.wait(room, request, cx),
            Letter::RoomCreated { request, room } => self.created(request, room, cx),
            Letter::Granted {
                request,
                room,
                ticket,
            } => self.granted(request, room, ticket, cx),
            Letter::Aside { frame } => {
                if let Some(conn) = self.conn() {
                    self.write(conn, frame, cx);
                }
            }
            Letter::EndSession { code } => self.over = Some(code),
            Letter::MediaLost { .. } | Letter::MediaBack { .. } => {
                for call in &self.calls {
                    let me = Owner::Session(self.id);
                    cx.outbox.send(me, Owner::Call(*call), letter.clone());
                }
            }
            Letter::RoomOver { room, code } => {
                self.reported.remove(&room);
                if self.rooms.remove(&room) && code != Code::NONE {
                    self.send(
                        room::Left {
                            room,
                            code,
                            params: Params::NONE,
                        }
                        .encode(),
                        cx,
                    );
                }
            }
            _ => debug_assert!(false, "not for a session: {letter:?} from {from:?}"),
        }
    }

    pub(super) fn deliver(&mut self, frame: Bytes, receipt: Receipt, cx: &mut Context<'_>) {
        //= CHAN-010
        let number = self.send(frame, cx);
        self.receipts.push_back((number, receipt));
    }

    /// Tells the sender what became of its message, once that is known.
    pub(super) fn settled(
        &mut self,
        of: Receipt,
        result: Option<(Code, u64)>,
        cx: &mut Context<'_>,
    ) {
        if let Some((code, number)) = result {
            //= CHAN-013
            self.numbered_outcome(of.request, code, number, cx);
        }
    }

    /// What is known of a parcel that still waits for its result.
    pub(super) fn tally(&mut self, receipt: Receipt) -> Option<&mut Tally> {
        match self.requests.get_mut(&receipt.request) {
            Some(Pending::Receivers { serial, tally, .. }) if *serial == receipt.serial => {
                Some(tally)
            }
            _ => None,
        }
    }
}
