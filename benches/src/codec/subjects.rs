//! The messages that are measured, with the same fields for every codec: a line of text, a call's invitation, data.
//!
//! Protobuf has its fields as `protoc` and prost would have them, ids as `fixed64` or `bytes`. Postcard borrows all
//! that it can and has random ids of eight bytes at their fixed size, since its varints of them would be longer and
//! slower. By hand is what one would write for this one message at fixed places.

use bytes::Bytes;
use duet_protocol::error::DecodeError;
use duet_protocol::id::{CallId, RoomId, SessionId, UserId};
use duet_protocol::message::call::{self, Invite};
use duet_protocol::message::channel::{self, DataFrom, TextFrom};
use duet_protocol::message::{Media, Message};
use duet_protocol::wire::{Address, Field as _, Opaque, Params, Text, Within};
use serde::{Deserialize, Serialize};

use super::Seen;

/// A message in every codec.
pub(super) trait Subject: Sized + 'static {
    type Ours<'a>: duet_protocol::message::Wire<'a>;
    type Prost: prost::Message + Default;
    type Postcard<'a>: Serialize + Deserialize<'a>;

    /// The values of one of them.
    fn of(number: u64) -> Self;

    fn ours(&self) -> Self::Ours<'_>;
    fn prost(&self) -> Self::Prost;
    fn postcard(&self) -> Self::Postcard<'_>;

    /// This message out of all.
    fn pick<'a>(message: &'a Message<'a>) -> Option<&'a Self::Ours<'a>>;

    /// Reads a body by hand.
    fn by_hand(body: &[u8]) -> Result<Self::Ours<'_>, DecodeError>;

    fn see(message: &Self::Ours<'_>, seen: &mut Seen);
    fn see_prost(message: &Self::Prost, seen: &mut Seen);
    fn see_postcard(message: &Self::Postcard<'_>, seen: &mut Seen);
}

/// The finaliser of splitmix64: ids look random, and are the same every time.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn id(number: u64, salt: u64) -> [u8; 16] {
    let (high, low) = (mix(number * 7 + salt), mix(number * 11 + salt));
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

fn address(number: u64) -> Address {
    match number % 3 {
        0 => Address::User(UserId(mix(number))),
        1 => Address::Session(SessionId(id(number, 1))),
        _ => Address::Room(RoomId(id(number, 2))),
    }
}

/// An address as peers carry it: opaque.
fn opaque(address: Address) -> [u8; 17] {
    let (tag, bytes) = match address {
        Address::User(user) => (1, (u128::from(user.0) << 64).to_be_bytes()),
        Address::Session(session) => (2, session.0),
        Address::Room(room) => (3, room.0),
        Address::Service => (4, [0; 16]),
    };
    let mut out = [tag; 17];
    out[1..].copy_from_slice(&bytes);
    out
}

/// Off the front of a slice, by hand.
struct Hand<'a>(&'a [u8]);

impl<'a> Hand<'a> {
    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*bytes)
    }

    #[inline(always)]
    fn bounded(&mut self, max: usize) -> Result<&'a [u8], DecodeError> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        if length > max {
            return Err(DecodeError::TooLong);
        }
        let (bytes, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    #[inline(always)]
    fn address(&mut self) -> Result<Address, DecodeError> {
        let [tag] = self.array()?;
        let bytes = self.array::<16>()?;
        let number = u128::from_be_bytes(bytes);
        Ok(match tag {
            1 if number as u64 == 0 => Address::User(UserId((number >> 64) as u64)),
            2 => Address::Session(SessionId(bytes)),
            3 => Address::Room(RoomId(bytes)),
            4 if number == 0 => Address::Service,
            _ => return Err(DecodeError::BadAddress),
        })
    }

    #[inline(always)]
    fn text<const MAX: usize>(&mut self) -> Result<Text<'a, MAX>, DecodeError> {
        let bytes = self.bounded(MAX)?;
        let text = core::str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8)?;
        Text::new(text).ok_or(DecodeError::TooLong)
    }

    #[inline(always)]
    fn opaque<const MAX: usize>(&mut self) -> Result<Opaque<'a, MAX>, DecodeError> {
        Opaque::new(self.bounded(MAX)?).ok_or(DecodeError::TooLong)
    }

    #[inline(always)]
    fn media(&mut self) -> Result<Media, DecodeError> {
        // The type makes itself of single flags and of bytes on the wire.
        let [bits] = self.array()?;
        match Media::read(&[bits]) {
            Ok((_, media)) => Ok(media),
            Err(_) => Err(DecodeError::BadValue),
        }
    }

    #[inline(always)]
    fn params(&self) -> Result<Params<'a>, DecodeError> {
        if self.0.is_empty() {
            Ok(Params::NONE)
        } else {
            Params::from_encoded(self.0)
        }
    }
}

/// TEXT_FROM and DATA_FROM: the same but for what they bring.
macro_rules! brought {
    ($subject:ident, $ours:ident, $prost:ident, $postcard:ident: $field:ident, $kind:ident, $hand:ident,
     $owned:ty, $borrowed:ty, $content:expr, $wrap:expr $(, $mention:ident)?) => {
        pub(super) struct $subject {
            to: Address,
            opaque: [u8; 17],
            user: u64,
            session: [u8; 16],
            number: u64,
            time: u64,
            $($mention: u64,)?
            content: $owned,
        }

        #[derive(Clone, PartialEq, prost::Message)]
        pub(super) struct $prost {
            #[prost(bytes = "bytes", tag = "1")]
            to: Bytes,
            #[prost(fixed64, tag = "2")]
            user: u64,
            #[prost(bytes = "bytes", tag = "3")]
            session: Bytes,
            #[prost(uint64, tag = "4")]
            number: u64,
            #[prost(uint64, tag = "5")]
            time: u64,
            $(#[prost(fixed64, tag = "7")]
            $mention: u64,)?
            #[prost($kind, tag = "6")]
            content: $owned,
        }

        #[derive(Serialize, Deserialize)]
        pub(super) struct $postcard<'a> {
            to: &'a [u8],
            #[serde(with = "postcard::fixint::le")]
            user: u64,
            session: &'a [u8],
            number: u64,
            time: u64,
            $($mention: u64,)?
            content: $borrowed,
        }

        impl Subject for $subject {
            type Ours<'a> = $ours<'a>;
            type Prost = $prost;
            type Postcard<'a> = $postcard<'a>;

            fn of(number: u64) -> Self {
                let to = address(number);
                Self {
                    to,
                    opaque: opaque(to),
                    user: mix(number + 1),
                    session: id(number, 3),
                    number: number * 1_000,
                    time: 1_790_000_000_000_000 + number * 977,
                    // One line in four mentions someone.
                    $($mention: if number % 4 == 0 { mix(number + 3) } else { 0 },)?
                    content: $content(number),
                }
            }

            fn ours(&self) -> $ours<'_> {
                $ours {
                    to: self.to,
                    user: UserId(self.user),
                    session: SessionId(self.session),
                    number: self.number,
                    time: self.time,
                    $($mention: UserId(self.$mention),)?
                    $field: $wrap(&self.content).unwrap_or_default(),
                    params: Params::NONE,
                }
            }

            fn prost(&self) -> $prost {
                $prost {
                    to: Bytes::copy_from_slice(&self.opaque),
                    user: self.user,
                    session: Bytes::copy_from_slice(&self.session),
                    number: self.number,
                    time: self.time,
                    $($mention: self.$mention,)?
                    content: self.content.clone(),
                }
            }

            fn postcard(&self) -> $postcard<'_> {
                $postcard {
                    to: &self.opaque,
                    user: self.user,
                    session: &self.session,
                    number: self.number,
                    time: self.time,
                    $($mention: self.$mention,)?
                    content: &self.content,
                }
            }

            #[inline(always)]
            fn pick<'a>(message: &'a Message<'a>) -> Option<&'a $ours<'a>> {
                match message {
                    Message::Channel(channel::Message::$ours(message)) => Some(message),
                    _ => None,
                }
            }

            #[inline(always)]
            fn by_hand(body: &[u8]) -> Result<$ours<'_>, DecodeError> {
                let mut hand = Hand(body);
                Ok($ours {
                    to: hand.address()?,
                    user: UserId(u64::from_be_bytes(hand.array()?)),
                    session: SessionId(hand.array()?),
                    number: u64::from_be_bytes(hand.array()?),
                    time: u64::from_be_bytes(hand.array()?),
                    $($mention: UserId(u64::from_be_bytes(hand.array()?)),)?
                    $field: hand.$hand()?,
                    params: hand.params()?,
                })
            }

            #[inline(always)]
            fn see(message: &$ours<'_>, seen: &mut Seen) {
                seen.address(&message.to);
                seen.number(message.user.0);
                seen.id(message.session.0);
                seen.number(message.number);
                seen.number(message.time);
                $(seen.number(message.$mention.0);)?
                seen.bytes(message.$field.as_bytes());
            }

            #[inline(always)]
            fn see_prost(message: &$prost, seen: &mut Seen) {
                seen.bytes(&message.to);
                seen.number(message.user);
                seen.bytes(&message.session);
                seen.number(message.number);
                seen.number(message.time);
                $(seen.number(message.$mention);)?
                seen.bytes(message.content.as_ref());
            }

            #[inline(always)]
            fn see_postcard(message: &$postcard<'_>, seen: &mut Seen) {
                seen.bytes(message.to);
                seen.number(message.user);
                seen.bytes(message.session);
                seen.number(message.number);
                seen.number(message.time);
                $(seen.number(message.$mention);)?
                seen.bytes(message.content.as_ref());
            }
        }
    };
}

/// A line of chat: 99 bytes, ASCII.
fn line(number: u64) -> String {
    let text = format!("{:016x} {number} ", mix(number)).repeat(8);
    text[..99].to_owned()
}

/// What an application sends: 200 bytes.
fn blob(number: u64) -> Bytes {
    (0..25)
        .flat_map(|at| mix(number + at).to_le_bytes())
        .collect()
}

brought!(TextSubject, TextFrom, ProstText, PostcardText: text, string, text, String, &'a str, line, Text::new, mention);
brought!(DataSubject, DataFrom, ProstData, PostcardData: data, bytes, opaque, Bytes, &'a [u8], blob, Opaque::new);

/// INVITE: a name and an end-to-end block of 200 bytes.
pub(super) struct InviteSubject {
    call: [u8; 16],
    peer: u64,
    media: u8,
    ring_for_ms: u32,
    name: String,
    end_to_end: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProstInvite {
    #[prost(bytes = "bytes", tag = "1")]
    call: Bytes,
    #[prost(fixed64, tag = "2")]
    peer: u64,
    #[prost(uint32, tag = "3")]
    media: u32,
    #[prost(uint32, tag = "4")]
    ring_for_ms: u32,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(bytes = "bytes", tag = "6")]
    end_to_end: Bytes,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PostcardInvite<'a> {
    call: &'a [u8],
    #[serde(with = "postcard::fixint::le")]
    peer: u64,
    media: u8,
    ring_for_ms: u32,
    name: &'a str,
    end_to_end: &'a [u8],
}

impl Subject for InviteSubject {
    type Ours<'a> = Invite<'a>;
    type Prost = ProstInvite;
    type Postcard<'a> = PostcardInvite<'a>;

    fn of(number: u64) -> Self {
        let names = [
            "Ada",
            "Grace Hopper",
            "Barbara Liskov",
            "Radia Perlman, night shift",
        ];
        Self {
            call: id(number, 4),
            peer: mix(number + 2),
            media: (number % 15) as u8 + 1,
            ring_for_ms: 10_000 + (number as u32 * 431) % 110_000,
            name: names[number as usize % names.len()].to_owned(),
            end_to_end: blob(number),
        }
    }

    fn ours(&self) -> Invite<'_> {
        let all = [
            Media::CALLER_AUDIO,
            Media::CALLER_VIDEO,
            Media::CALLEE_AUDIO,
            Media::CALLEE_VIDEO,
        ];
        let offered = all
            .into_iter()
            .filter(|media| media.bits() & self.media != 0);
        Invite {
            call: CallId(self.call),
            peer: UserId(self.peer),
            media: offered.fold(Media::NONE, Media::with),
            ring_for_ms: Within::clamp(self.ring_for_ms),
            name: Text::cut(&self.name),
            end_to_end: Opaque::new(&self.end_to_end).unwrap_or_default(),
            params: Params::NONE,
        }
    }

    fn prost(&self) -> ProstInvite {
        ProstInvite {
            call: Bytes::copy_from_slice(&self.call),
            peer: self.peer,
            media: self.media.into(),
            ring_for_ms: self.ring_for_ms,
            name: self.name.clone(),
            end_to_end: self.end_to_end.clone(),
        }
    }

    fn postcard(&self) -> PostcardInvite<'_> {
        PostcardInvite {
            call: &self.call,
            peer: self.peer,
            media: self.media,
            ring_for_ms: self.ring_for_ms,
            name: &self.name,
            end_to_end: &self.end_to_end,
        }
    }

    #[inline(always)]
    fn pick<'a>(message: &'a Message<'a>) -> Option<&'a Invite<'a>> {
        match message {
            Message::Call(call::Message::Invite(message)) => Some(message),
            _ => None,
        }
    }

    #[inline(always)]
    fn by_hand(body: &[u8]) -> Result<Invite<'_>, DecodeError> {
        let mut hand = Hand(body);
        Ok(Invite {
            call: CallId(hand.array()?),
            peer: UserId(u64::from_be_bytes(hand.array()?)),
            media: hand.media()?,
            ring_for_ms: Within::new(u32::from_be_bytes(hand.array()?))
                .ok_or(DecodeError::BadValue)?,
            name: hand.text()?,
            end_to_end: hand.opaque()?,
            params: hand.params()?,
        })
    }

    #[inline(always)]
    fn see(message: &Invite<'_>, seen: &mut Seen) {
        seen.id(message.call.0);
        seen.number(message.peer.0);
        seen.number(message.media.bits().into());
        seen.number(message.ring_for_ms.value().into());
        seen.bytes(message.name.as_bytes());
        seen.bytes(message.end_to_end.as_bytes());
    }

    #[inline(always)]
    fn see_prost(message: &ProstInvite, seen: &mut Seen) {
        seen.bytes(&message.call);
        seen.number(message.peer);
        seen.number(message.media.into());
        seen.number(message.ring_for_ms.into());
        seen.bytes(message.name.as_bytes());
        seen.bytes(&message.end_to_end);
    }

    #[inline(always)]
    fn see_postcard(message: &PostcardInvite<'_>, seen: &mut Seen) {
        seen.bytes(message.call);
        seen.number(message.peer);
        seen.number(message.media.into());
        seen.number(message.ring_for_ms.into());
        seen.bytes(message.name.as_bytes());
        seen.bytes(message.end_to_end);
    }
}
