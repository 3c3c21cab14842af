//! Session: greeting, login, resume, acknowledgement, heartbeat, goodbye; and RESULT, the answer to every request.

use crate::code::Code;
use crate::id::{RequestId, SessionId, UserId};
use crate::wire::{Secret, Text, Within};

choice! {
    /// How a person proves who it is
    Method {
        /// Not at all
        Guest = 0,
        /// By a password
        Password = 1,
        /// By a signed token
        Token = 2,
    }
}

choice! {
    /// Whether it makes sense to come back
    Retry {
        /// No: the same would happen again
        Never = 0,
        /// Yes, at once
        Now = 1,
        /// Yes, after the time given
        After = 2,
    }
}

messages! {
    Session:
    /// Opens a control connection
    0x0101 HELLO Hello ["SES-001"] Client () {
        /// Lowest protocol version that the client speaks
        min_version: u16,
        /// Highest protocol version that the client speaks
        max_version: u16,
        /// Wish for the interval of heartbeats, in milliseconds
        heartbeat_ms: Within<1_000, 60_000>,
        /// Name and version of the implementation, for logs
        agent: Text<'a, 64>,
    }
    /// Answers HELLO, with what holds on this connection
    0x0102 WELCOME Welcome ["SES-003"] Server () {
        /// The version that both speak from now on
        version: u16,
        /// Interval of heartbeats, in milliseconds
        heartbeat_ms: Within<1_000, 60_000>,
        /// Silence after which the link counts as dead, in milliseconds
        dead_after_ms: Within<2_000, 180_000>,
        /// How long a session waits for its link to come back, in milliseconds
        resume_window_ms: Within<0, 600_000>,
        /// Longest body of a frame, in bytes
        max_frame: Within<1_024, 16_384>,
        /// Most sequenced frames that may wait for acknowledgement
        max_unacknowledged: Within<16, 65_536>,
        /// Most rooms a session may be in
        max_rooms: u8,
        /// Name and version of the implementation, for logs
        agent: Text<'a, 64>,
    }
    /// Logs in
    0x0103 AUTHENTICATE Authenticate ["SES-005"] Client () {
        /// How
        method: Method,
        /// The account's name, or the name a guest wishes to be shown by
        name: Text<'a, 64>,
        /// The password or the token; empty for a guest
        credential: Secret<'a, 1024>,
        /// The device's name, chosen by the client, stable over its logins
        device: Text<'a, 64>,
    }
    /// The login succeeded
    0x0104 AUTHENTICATED Authenticated ["SES-006"] Server () {
        /// Who the user is
        user: UserId,
        /// The session
        session: SessionId,
        /// The secret that resumes it
        resume_token: [u8; 32],
        /// The name others see
        name: Text<'a, 64>,
    }
    /// Takes a session up again on a new connection, instead of AUTHENTICATE
    0x0105 RESUME Resume ["SES-007"] Client () {
        /// The session
        session: SessionId,
        /// The newest secret for it
        resume_token: [u8; 32],
        /// Sequenced frames received so far
        received: u64,
        /// The device's name, as AUTHENTICATE gave it
        device: Text<'a, 64>,
    }
    /// The session goes on
    0x0106 RESUMED Resumed ["SES-008"] Server () {
        /// The secret for the next time; the old one is void once the client has shown that it has this one
        resume_token: [u8; 32],
        /// Sequenced frames received so far
        received: u64,
    }
    /// Acknowledges sequenced frames: it trims a buffer and promises nothing
    0x0107 ACK Ack ["SES-010"] Either () {
        /// Sequenced frames received so far
        received: u64,
    }
    /// Asks for a sign of life
    0x0108 PING Ping ["SES-014"] Either () {
        /// Any number
        token: u64,
    }
    /// Gives it
    0x0109 PONG Pong ["SES-014"] Either () {
        /// The number of the PING
        token: u64,
    }
    /// Ends the session, and says why
    0x010a GOODBYE Goodbye ["SES-015"] Either () {
        /// Why
        code: Code,
        /// Whether to come back
        retry: Retry,
        /// When, in milliseconds from now, where `retry` says so
        after_ms: u32,
        /// For people
        text: Text<'a, 200>,
    }
    /// Answers a request that has no better answer
    0x010b RESULT Outcome ["SES-016"] Server (SEQUENCED) {
        /// The request
        request: RequestId,
        /// What became of it
        code: Code,
        /// For a message that has been numbered: its number, as in TEXT_FROM and DATA_FROM; otherwise 0
        number: u64,
    }
}
