//! Limits and timers: one declaration each, announced where a peer needs it, listed for the spec.

use core::time::Duration;

/// One row of the table of limits.
#[derive(Clone, Copy, Debug)]
pub struct LimitRow {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// What it bounds, with its unit.
    pub doc: &'static str,
}

/// One row of the table of timers.
#[derive(Clone, Copy, Debug)]
pub struct TimerRow {
    /// Its name.
    pub name: &'static str,
    /// Its length, unless a message or the operator says otherwise.
    pub span: Duration,
    /// The shortest and the longest that a message may say.
    pub range: Option<(Duration, Duration)>,
    /// The requirement that it belongs to.
    pub requirement: &'static str,
    /// When it starts, and what happens when it has run.
    pub doc: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: usize = $value;)+

        /// Every limit.
        pub const LIMITS: &[LimitRow] =
            &[$(LimitRow { name: stringify!($name), value: $value, doc: concat!($($doc),+) },)+];
    };
}

macro_rules! range {
    () => {
        None
    };
    ($least:literal to $most:literal) => {
        Some((Duration::from_millis($least), Duration::from_millis($most)))
    };
}

macro_rules! timers {
    ($($(#[doc = $doc:literal])+ $name:ident = $millis:literal ms $(in $least:literal to $most:literal)?, $req:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: Duration = Duration::from_millis($millis);)+

        /// Every timer.
        pub const TIMERS: &[TimerRow] =
            &[$(TimerRow {
                name: stringify!($name),
                span: $name,
                range: range!($($least to $most)?),
                requirement: $req,
                doc: concat!($($doc),+),
            },)+];
    };
}

limits! {
    /// Bytes of a frame's body
    MAX_FRAME = 16_384;
    /// Sequenced frames that may wait for acknowledgement; a receiver that falls further behind is closed
    MAX_UNACKNOWLEDGED = 1_024;
    /// Bytes of sequenced frames that may wait for acknowledgement
    MAX_UNACKNOWLEDGED_BYTES = 1_048_576;
    /// Sequenced frames, and requests, that a server can make a client have waiting beyond those limits, by what a client says by itself
    MAX_UNASKED = 256;
    /// Rooms a session may be in
    MAX_ROOMS = 4;
    /// Requests of a session that wait for their answer
    MAX_REQUESTS = 256;
    /// Members of a room
    MAX_MEMBERS = 100;
    /// Rooms of a server
    MAX_SERVER_ROOMS = 10_000;
    /// Sessions of a user
    MAX_SESSIONS = 8;
    /// Streams that a session may publish in one room
    MAX_STREAMS = 8;
    /// Streams that may be published in one room at once; announced in JOINED
    MAX_ROOM_STREAMS = 64;
    /// Rooms created by CREATE of one user that live
    MAX_CREATED_ROOMS = 16;
    /// Sessions that wait to be let into one room
    MAX_WAITING = 32;
    /// Users who are moderators of one room, inside or not
    MAX_MODERATORS = 32;
    /// Users who are banned from one room
    MAX_BANS = 100;
    /// Tickets of one room that are neither used nor expired
    MAX_ROOM_TICKETS = 100;
    /// RECEIPT at once; one more each RECEIPT_EACH, and what is beyond is dropped
    RECEIPT_BURST = 32;
    /// Streams that a session may subscribe to in one room
    MAX_SUBSCRIPTIONS = 32;
    /// Bytes of a session's text and data that wait for their RESULT, before the last one
    MAX_PENDING_BYTES = 262_144;
    /// LOOKUP requests at once; one more each LOOKUP_EACH
    LOOKUP_BURST = 20;
    /// Entries of a user's list, contacts and blocked together
    MAX_CONTACTS = 200;
    /// Changes of a user's list that wait for the service
    MAX_CONTACT_CHANGES = 64;
    /// CONTACT_SET requests of a user at once; one more each CONTACT_EACH
    CONTACT_BURST = 64;
    /// Changes of a user's presence at once; one more each PRESENCE_EACH
    PRESENCE_BURST = 8;
    /// Sequenced frames that wait for a session's acknowledgement from which on its PRESENCE is held back
    PRESENCE_HELD = 256;
    /// INVITE, and every request about a room or its streams but TICKET, at once; one more each ANNOUNCE_EACH
    ANNOUNCE_BURST = 64;
    /// Sessions of a server
    MAX_SERVER_SESSIONS = 20_000;
    /// Bytes of a media datagram
    MAX_DATAGRAM = 1_120;
    /// Bytes of an RTP packet as its source makes it
    MAX_RTP = 1_040;
    /// Packets of a flow that a hop keeps for repair
    MAX_KEPT_PACKETS = 512;
    /// Media tickets of a session that are unused
    MAX_TICKETS = 4;
    /// Bytes of memory that a connection before its login may cost
    DOOR_MEMORY = 65_536;
    /// Bytes of memory that a session may cost, at its server and at its client, beside its rooms and its media
    SESSION_MEMORY = 2_097_152;
    /// Bytes of memory that a room may cost
    ROOM_MEMORY = 1_048_576;
    /// Bytes of memory that services may cost together, beside sessions and rooms
    SERVICE_MEMORY = 8_388_608;
    /// Connections that have not logged in yet
    MAX_DOORS = 1_024;
    /// Calls that a server remembers after their end
    MAX_REMEMBERED_CALLS = 4_096;
    /// Services that may be linked, the active one included
    MAX_LINKS = 8;
    /// Entries for the service that are kept: events, data and results of commands
    MAX_ENTRIES = 8_192;
    /// Bytes of entries that are kept
    MAX_ENTRY_BYTES = 4_194_304;
    /// Bytes of data for the service that it has not confirmed
    MAX_ADDRESSED_BYTES = 1_048_576;
    /// Questions to the service that are open
    MAX_QUESTIONS = 4_096;
    /// Commands of the service that wait for their DONE
    MAX_COMMANDS = 256;
    /// Bytes of PUSH that wait for their DONE
    MAX_PUSHED_BYTES = 524_288;
    /// Epochs of the service link whose last command is remembered
    MAX_EPOCHS = 64;
    /// Mebibytes of a transfer's payload, unless the operator says otherwise
    MAX_TRANSFER_MIB = 4_096;
    /// Bytes a second that a sender is allowed, unless the operator says otherwise
    TRANSFER_RATE = 16_777_216;
    /// Transfers of a session that it offers, and as many that it receives
    MAX_TRANSFERS = 3;
    /// Streams beyond the first that the client of a session may have open
    MAX_STREAMS_BEYOND = 8;
    /// Offers that a session has not answered
    MAX_OFFERS = 8;
    /// Transfers of a server
    MAX_SERVER_TRANSFERS = 10_000;
    /// Streams that a transfer may be given, one after the other
    MAX_ATTEMPTS = 1_000;
    /// Ended transfers that a server remembers
    MAX_REMEMBERED_TRANSFERS = 4_096;
}

timers! {
    /// From the connection until AUTHENTICATE or RESUME has succeeded; then it is closed with `login_timeout`
    LOGIN = 10_000 ms, "SES-021";
    /// From a question to the service until it counts as a refusal
    DECISION = 5_000 ms, "SES-018";
    /// Interval of heartbeats
    HEARTBEAT = 5_000 ms in 1_000 to 60_000, "SES-014";
    /// Silence after which a control link counts as dead
    DEAD = 20_000 ms in 2_000 to 180_000, "SES-014";
    /// From the loss of a link until its session ends
    RESUME_WINDOW = 30_000 ms in 0 to 600_000, "SES-009";
    /// How long a call rings unless the caller says otherwise
    RING = 30_000 ms in 10_000 to 120_000, "CALL-016";
    /// From START until both sides must be in the call's room
    JOIN = 10_000 ms, "CALL-017";
    /// From the loss of a side's link or media connection until the call ends with `lost`
    SUSPENDED = 20_000 ms, "CALL-022";
    /// How long an ended call's id is remembered
    REMEMBERED = 60_000 ms, "CALL-014";
    /// How long a media ticket is good for
    TICKET = 10_000 ms, "MEDIA-013";
    /// From a media connection until ATTACH must have come
    ATTACH = 3_000 ms, "MEDIA-018";
    /// From the last use of a media connection until it is closed
    MEDIA_IDLE = 30_000 ms, "MEDIA-015";
    /// How long a packet may wait at the server for its turn towards a subscriber; then it is dropped
    RELAY_QUEUE = 60 ms, "MEDIA-032";
    /// From one LOOKUP to the next, once the burst is used up
    LOOKUP_EACH = 200 ms, "DIR-003";
    /// From one CONTACT_SET to the next, once the burst is used up
    CONTACT_EACH = 200 ms, "DIR-015";
    /// From one change of a user's presence to the next, once the burst is used up
    PRESENCE_EACH = 5_000 ms, "DIR-026";
    /// From one request that others are told of to the next, once the burst is used up
    ANNOUNCE_EACH = 50 ms, "SES-025";
    /// From CREATE until a room that nobody has entered ends
    EMPTY_ROOM = 120_000 ms, "ROOM-015";
    /// From WAITING until a JOIN that no moderator has answered ends with `lobby_timeout`
    LOBBY = 120_000 ms, "ROOM-019";
    /// How long a ticket for a room is good for
    ROOM_TICKET = 600_000 ms, "ROOM-030";
    /// From one RECEIPT to the next, once the burst is used up
    RECEIPT_EACH = 100 ms, "CHAN-015";
    /// The least time between two STATS of a session for one room; what comes sooner is dropped
    STATS_EACH = 1_000 ms, "MEDIA-038";
    /// Interval of STATS while media flows
    STATS = 5_000 ms, "MEDIA-039";
    /// From the loss of the active service until data that it did not confirm is answered `undetermined`
    ENTRY_WAIT = 30_000 ms, "SVC-032";
    /// From OFFER until a device of the receiver must have accepted or declined
    OFFER = 120_000 ms, "XFER-004";
    /// From SEND until the transfer's stream must have come
    TRANSFER_OPEN = 10_000 ms, "XFER-022";
    /// From the last progress of an accepted transfer, with both sides there, until it ends with `stalled`
    TRANSFER_STALL = 30_000 ms, "XFER-022";
    /// From one PROGRESS to the next, at the least
    PROGRESS = 1_000 ms, "XFER-017";
    /// Interval of feedback
    FEEDBACK = 25 ms, "MEDIA-025";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Wire;
    use crate::message::call::Invite;
    use crate::message::session::{Hello, Welcome};
    use crate::wire::{MessageSchema, Shape};

    /// What the table says of a timer that a message may set is what the message's reader takes.
    #[test]
    fn ranges_are_those_of_the_messages() {
        let range = |schema: MessageSchema, field: &str| {
            let field = schema.fields.iter().find(|own| own.name == field);
            match field.map(|field| field.shape) {
                Some(Shape::Within { min, max }) => {
                    let millis = |n: u32| Duration::from_millis(n.into());
                    Some((millis(min), millis(max)))
                }
                _ => None,
            }
        };
        let of = |name: &str| {
            let row = TIMERS.iter().find(|row| row.name == name);
            row.and_then(|row| row.range)
        };
        assert!(of("RING").is_some() && of("HEARTBEAT").is_some());
        assert_eq!(of("RING"), range(Invite::SCHEMA, "ring_for_ms"));
        assert_eq!(of("HEARTBEAT"), range(Hello::SCHEMA, "heartbeat_ms"));
        assert_eq!(of("HEARTBEAT"), range(Welcome::SCHEMA, "heartbeat_ms"));
        assert_eq!(of("DEAD"), range(Welcome::SCHEMA, "dead_after_ms"));
        assert_eq!(
            of("RESUME_WINDOW"),
            range(Welcome::SCHEMA, "resume_window_ms")
        );
        for row in TIMERS {
            let fits = row
                .range
                .is_none_or(|(least, most)| least <= row.span && row.span <= most);
            assert!(fits, "{}", row.name);
        }
    }
}
