//! What the frames of calls mean to a client.

use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::call::client::{
    Call, Happening as CallHappening, Phase as CallPhase, verdict as call_verdict,
};
use crate::client::event::Event;
use crate::client::media::Scope;
use crate::client::{Asked, Client};
use crate::code::Code;
use crate::error::{EndReason, Initiator, Violation};
use crate::id::RoomId;
use crate::message::{Wire, call, room};
use crate::room::client::Wish;
use crate::table::Verdict;
use crate::wire::{Opaque, Params, Text};

impl Client {
    pub(in crate::client) fn call_of_room(&self, room: RoomId) -> Option<&Call> {
        self.calls.values().find(|call| call.room == Some(room))
    }

    pub(in crate::client) fn entered_call_room(&mut self, room: RoomId) {
        let Some(call) = self.calls.values_mut().find(|call| call.room == Some(room)) else {
            return;
        };
        if let Verdict::Go(phase) = call_verdict(call.phase, CallHappening::Entered).0 {
            call.phase = phase;
        }
        //= CALL-026
        let call = call.clone();
        for stream in call.streams.iter().filter(|stream| call.sends(stream.kind)) {
            self.ask_to_publish(room, stream.clone());
        }
    }

    pub(in crate::client) fn call_frame(
        &mut self,
        message: call::Message<'_>,
    ) -> Result<(), Violation> {
        match message {
            call::Message::Invite(invite) => {
                let (call, peer, media) = (invite.call, invite.peer, invite.media);
                // The server reserves this user: beside this call there can only be one that this client asked
                // for and that crosses it.
                if self
                    .calls
                    .values()
                    .any(|other| other.phase != CallPhase::Calling)
                {
                    return Err(Violation::UnexpectedFrame);
                }
                let incoming = Call::new(call, CallPhase::Incoming, peer, false, media, Vec::new());
                self.calls.insert(call, incoming);
                let ringing = call::Ringing {
                    call,
                    end_to_end: Opaque::default(),
                    params: Params::NONE,
                };
                self.send(ringing.encode());
                let name = invite.name.as_str().to_string();
                self.events.push_back(Event::Incoming {
                    call,
                    peer,
                    name,
                    media,
                });
            }
            call::Message::Ringing(ringing) => {
                let phase = self.calls.get(&ringing.call).map(|call| call.phase);
                let verdict = phase.map(|phase| call_verdict(phase, CallHappening::PeerRinging).0);
                if let Some(Verdict::Go(_)) = verdict {
                    self.events.push_back(Event::Ringing { call: ringing.call });
                }
            }
            call::Message::Confirm(confirm) => {
                let Some(known) = self.calls.get(&confirm.call) else {
                    return Ok(());
                };
                //= CALL-029
                match call_verdict(known.phase, CallHappening::PeerConfirm).0 {
                    Verdict::Breach(violation) => return Err(violation),
                    _ if known.is_caller => return Err(Violation::UnexpectedFrame),
                    _ => self.events.push_back(Event::Confirmed {
                        call: confirm.call,
                        end_to_end: Bytes::copy_from_slice(confirm.end_to_end.as_bytes()),
                    }),
                }
            }
            call::Message::Start(start) => self.start(&start)?,
            call::Message::End(end) => {
                self.end_call(end.call, EndReason::new(end.code, Initiator::Peer), None);
            }
            call::Message::Refused(refused) => {
                let Some(call) = self.calls.get(&refused.call) else {
                    return Ok(());
                };
                if let Verdict::Go(_) = call_verdict(call.phase, CallHappening::PeerRefused).0 {
                    let existing = refused.existing.is_some().then_some(refused.existing);
                    let reason = EndReason::new(refused.code, Initiator::Peer);
                    self.end_call(refused.call, reason, existing);
                }
            }
            call::Message::Accept(_) | call::Message::Reject(_) | call::Message::Cancel(_) => {
                return Err(Violation::UnexpectedFrame);
            }
        }
        Ok(())
    }

    pub(in crate::client) fn start(&mut self, start: &call::Start<'_>) -> Result<(), Violation> {
        //= CALL-015
        if self.given_up.contains(&start.call) {
            // The answer crossed the hang-up: the other side has to be told again.
            let (call, code) = (start.call, Code::HANGUP);
            self.send(
                call::End {
                    call,
                    code,
                    params: Params::NONE,
                }
                .encode(),
            );
            return Ok(());
        }
        let call = self
            .calls
            .get_mut(&start.call)
            .ok_or(Violation::UnsolicitedStart)?;
        match call_verdict(call.phase, CallHappening::PeerStart).0 {
            Verdict::Go(phase) => call.phase = phase,
            Verdict::Breach(violation) => return Err(violation),
            Verdict::Ignore | Verdict::Refuse(_) | Verdict::Misuse(_) => return Ok(()),
        }
        if start.media.and(call.media) != start.media {
            return Err(Violation::WiderMedia);
        }
        call.media = start.media;
        call.room = Some(start.room);
        call.peer_session = Some(start.peer);
        let (id, peer, media) = (call.id, call.peer, call.media);
        if media != call::Media::NONE {
            self.media.scope = Some(Scope {
                call: id,
                room: RoomId::NONE,
            });
            if self.media.conn().is_none() {
                self.media.wanted(self.now);
            }
        }
        let wish = Wish {
            room: RoomId::NONE,
            name: "".to_string(),
            secret: Vec::new(),
            for_call: true,
            again: false,
        };
        let request = self.number(Asked::Join(wish));
        let secret = Opaque::new(&start.ticket).unwrap_or_default();
        let (room, name) = (start.room, Text::default());
        self.send(
            room::Join {
                request,
                room,
                name,
                secret,
                params: Params::NONE,
            }
            .encode(),
        );
        self.events.push_back(Event::Started {
            call: id,
            peer,
            media,
        });
        Ok(())
    }
}
