-- Duet for Wireshark and tshark: control frames and media datagrams.
--
-- Written by `duet-spec render` from the declarations of the reference core; what reads is in spec/src/render/dissector.lua.
--
--   tshark -X lua_script:spec/duet.lua -r capture.pcap -V
--   wireshark -X lua_script:spec/duet.lua capture.pcap
--
-- QUIC is encrypted, so captures carry what was inside: bytes of a control stream under the link type USER0 (147), media
-- datagrams under USER1 (148). `text2pcap -l 147` makes one from a dump. Every field has a filter name:
-- `duet.invite.ring_for_ms > 30000`, `duet.end.code == 0x0300`, `duet.error`, `duet.media.feedback.blocks.flow == 3`.

-- Declarations -----------------------------------------------------------------------------------------------------

local MAX_FRAME, MAX_DATAGRAM, IGNORABLE_FROM = 16384, 1120, 0x8000
local FLAGS = { [0x01] = "SEQUENCED", [0x02] = "ROUTED" }
local ADDRESS_TAGS = { [1] = "user", [2] = "session", [3] = "room", [4] = "service" }
local ADDRESS_LENGTHS = { [1] = 8, [2] = 16, [3] = 16, [4] = 0 }

local CODES = {
    [0x0000] = "none",
    [0x0100] = "logout",
    [0x0101] = "malformed",
    [0x0102] = "frame_too_large",
    [0x0103] = "unknown_critical",
    [0x0104] = "unexpected_frame",
    [0x0105] = "wrong_flags",
    [0x0106] = "unsupported_version",
    [0x0107] = "bad_credentials",
    [0x0108] = "service_unavailable",
    [0x0109] = "resume_refused",
    [0x010a] = "replaced",
    [0x010b] = "already_logged_in",
    [0x010c] = "backlog",
    [0x010d] = "dead_link",
    [0x010e] = "login_timeout",
    [0x010f] = "stopping",
    [0x0110] = "bad_ack",
    [0x0111] = "rate_limited",
    [0x0112] = "internal",
    [0x0113] = "stream_ended",
    [0x0114] = "unexpected_stream",
    [0x0115] = "kicked",
    [0x0116] = "displaced",
    [0x0200] = "delivered",
    [0x0201] = "unreachable",
    [0x0202] = "forbidden",
    [0x0203] = "undetermined",
    [0x0204] = "not_found",
    [0x0205] = "no_such_room",
    [0x0206] = "room_full",
    [0x0207] = "bad_secret",
    [0x0208] = "already_in_room",
    [0x0209] = "not_in_room",
    [0x020a] = "too_many",
    [0x020b] = "no_such_stream",
    [0x020c] = "stream_exists",
    [0x020d] = "not_consented",
    [0x020e] = "request_in_use",
    [0x020f] = "room_closed",
    [0x0210] = "left",
    [0x0211] = "session_ended",
    [0x0212] = "streams_full",
    [0x0213] = "name_taken",
    [0x0214] = "creation_denied",
    [0x0215] = "not_moderator",
    [0x0216] = "no_such_member",
    [0x0217] = "last_moderator",
    [0x0218] = "banned",
    [0x0219] = "kick_self",
    [0x021a] = "lobby_full",
    [0x021b] = "lobby_timeout",
    [0x021c] = "not_admitted",
    [0x021d] = "not_waiting",
    [0x021e] = "withdrawn",
    [0x021f] = "already_waiting",
    [0x0220] = "not_banned",
    [0x0221] = "room_locked",
    [0x0280] = "own_user",
    [0x0281] = "contacts_full",
    [0x0300] = "hangup",
    [0x0301] = "rejected",
    [0x0302] = "cancelled",
    [0x0303] = "ring_timeout",
    [0x0304] = "busy",
    [0x0305] = "caller_busy",
    [0x0306] = "glare",
    [0x0307] = "lost",
    [0x0308] = "join_timeout",
    [0x0309] = "answered_elsewhere",
    [0x030a] = "vetoed",
    [0x030b] = "not_in_call",
    [0x030c] = "not_callee",
    [0x030d] = "not_caller",
    [0x030e] = "id_in_use",
    [0x030f] = "wider_media",
    [0x0310] = "self_call",
    [0x0311] = "already_answered",
    [0x0312] = "unsolicited_start",
    [0x0313] = "not_answered",
    [0x0314] = "already_confirmed",
    [0x0400] = "bad_ticket",
    [0x0401] = "attach_timeout",
    [0x0402] = "idle",
    [0x0403] = "circuit_broken",
    [0x0500] = "not_in_transfer",
    [0x0501] = "declined",
    [0x0502] = "aborted",
    [0x0503] = "too_large",
    [0x0504] = "bad_offset",
    [0x0505] = "wrong_size",
    [0x0506] = "digest_mismatch",
    [0x0507] = "stalled",
    [0x0508] = "offer_timeout",
    [0x0800] = "fenced",
    [0x0801] = "bad_verdict",
    [0x0802] = "out_of_order",
    [0x0803] = "no_such_session",
}

-- What the expert says of an error.
local ERRORS = {
    Truncated = "Truncated: Fewer bytes than the layout needs (WIRE-004)",
    Trailing = "Trailing: Bytes after the end of the layout (WIRE-004)",
    TooLong = "TooLong: A length or a count over its limit (WIRE-004)",
    NotUtf8 = "NotUtf8: Text that is not UTF-8 (WIRE-004)",
    BadValue = "BadValue: A number that the field does not allow (WIRE-004)",
    BadAddress = "BadAddress: An address with an unknown tag or padding that is not zero (WIRE-007)",
    BadParams = "BadParams: Parameters that do not ascend by id (WIRE-010)",
    FrameTooLarge = "FrameTooLarge: A frame over the limit (WIRE-003)",
    UnknownCritical = "UnknownCritical: unknown_critical (WIRE-006)",
    WrongFlags = "WrongFlags: wrong_flags (WIRE-005)",
}

local MESSAGES = {
    [0x0101] = { name = "HELLO", flags = 0x00, doc = "Opens a control connection", fields = {
        { name = "min_version", type = "u16", doc = "Lowest protocol version that the client speaks" },
        { name = "max_version", type = "u16", doc = "Highest protocol version that the client speaks" },
        { name = "heartbeat_ms", type = "within", min = 1000, max = 60000, doc = "Wish for the interval of heartbeats, in milliseconds" },
        { name = "agent", type = "text", max = 64, doc = "Name and version of the implementation, for logs" },
    } },
    [0x0102] = { name = "WELCOME", flags = 0x00, doc = "Answers HELLO, with what holds on this connection", fields = {
        { name = "version", type = "u16", doc = "The version that both speak from now on" },
        { name = "heartbeat_ms", type = "within", min = 1000, max = 60000, doc = "Interval of heartbeats, in milliseconds" },
        { name = "dead_after_ms", type = "within", min = 2000, max = 180000, doc = "Silence after which the link counts as dead, in milliseconds" },
        { name = "resume_window_ms", type = "within", min = 0, max = 600000, doc = "How long a session waits for its link to come back, in milliseconds" },
        { name = "max_frame", type = "within", min = 1024, max = 16384, doc = "Longest body of a frame, in bytes" },
        { name = "max_unacknowledged", type = "within", min = 16, max = 65536, doc = "Most sequenced frames that may wait for acknowledgement" },
        { name = "max_rooms", type = "u8", doc = "Most rooms a session may be in" },
        { name = "agent", type = "text", max = 64, doc = "Name and version of the implementation, for logs" },
    } },
    [0x0103] = { name = "AUTHENTICATE", flags = 0x00, doc = "Logs in", fields = {
        { name = "method", type = "choice", values = { [0x00] = "Guest", [0x01] = "Password", [0x02] = "Token" }, doc = "How" },
        { name = "name", type = "text", max = 64, doc = "The account's name, or the name a guest wishes to be shown by" },
        { name = "credential", type = "opaque", max = 1024, doc = "The password or the token; empty for a guest" },
        { name = "device", type = "text", max = 64, doc = "The device's name, chosen by the client, stable over its logins" },
    } },
    [0x0104] = { name = "AUTHENTICATED", flags = 0x00, doc = "The login succeeded", fields = {
        { name = "user", type = "user", doc = "Who the user is" },
        { name = "session", type = "fixed", len = 16, doc = "The session" },
        { name = "resume_token", type = "fixed", len = 32, doc = "The secret that resumes it" },
        { name = "name", type = "text", max = 64, doc = "The name others see" },
    } },
    [0x0105] = { name = "RESUME", flags = 0x00, doc = "Takes a session up again on a new connection, instead of AUTHENTICATE", fields = {
        { name = "session", type = "fixed", len = 16, doc = "The session" },
        { name = "resume_token", type = "fixed", len = 32, doc = "The newest secret for it" },
        { name = "received", type = "u64", doc = "Sequenced frames received so far" },
        { name = "device", type = "text", max = 64, doc = "The device's name, as AUTHENTICATE gave it" },
    } },
    [0x0106] = { name = "RESUMED", flags = 0x00, doc = "The session goes on", fields = {
        { name = "resume_token", type = "fixed", len = 32, doc = "The secret for the next time; the old one is void once the client has shown that it has this one" },
        { name = "received", type = "u64", doc = "Sequenced frames received so far" },
    } },
    [0x0107] = { name = "ACK", flags = 0x00, doc = "Acknowledges sequenced frames: it trims a buffer and promises nothing", fields = {
        { name = "received", type = "u64", doc = "Sequenced frames received so far" },
    } },
    [0x0108] = { name = "PING", flags = 0x00, doc = "Asks for a sign of life", fields = {
        { name = "token", type = "u64", doc = "Any number" },
    } },
    [0x0109] = { name = "PONG", flags = 0x00, doc = "Gives it", fields = {
        { name = "token", type = "u64", doc = "The number of the PING" },
    } },
    [0x010a] = { name = "GOODBYE", flags = 0x00, doc = "Ends the session, and says why", fields = {
        { name = "code", type = "code", doc = "Why" },
        { name = "retry", type = "choice", values = { [0x00] = "Never", [0x01] = "Now", [0x02] = "After" }, doc = "Whether to come back" },
        { name = "after_ms", type = "u32", doc = "When, in milliseconds from now, where `retry` says so" },
        { name = "text", type = "text", max = 200, doc = "For people" },
    } },
    [0x010b] = { name = "RESULT", flags = 0x01, doc = "Answers a request that has no better answer", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "code", type = "code", doc = "What became of it" },
        { name = "number", type = "u64", doc = "For a message that has been numbered: its number, as in TEXT_FROM and DATA_FROM; otherwise 0" },
    } },
    [0x0201] = { name = "LOOKUP", flags = 0x01, doc = "Asks for the user with a name", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "name", type = "text", max = 64, doc = "The name" },
    } },
    [0x0202] = { name = "FOUND", flags = 0x01, doc = "Answers LOOKUP", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "user", type = "user", doc = "The user of that name" },
        { name = "name", type = "text", max = 64, doc = "The name others see" },
    } },
    [0x0203] = { name = "CONTACT_SET", flags = 0x01, doc = "Puts a user on one's list, or off it", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "entry", type = "record", fields = { { name = "user", type = "user", doc = "The other user" }, { name = "relation", type = "choice", values = { [0x00] = "None", [0x01] = "Contact", [0x02] = "Blocked" }, doc = "What it is to this user" }, { name = "name", type = "text", max = 64, doc = "What this user calls it; may be empty" }, }, doc = "What the entry is to be; with `None` it is removed" },
    } },
    [0x0204] = { name = "CONTACTS", flags = 0x01, doc = "One's list as it is when the session begins", fields = {
        { name = "entries", type = "list", max = 200, of = { type = "record", fields = { { name = "user", type = "user", doc = "The other user" }, { name = "relation", type = "choice", values = { [0x00] = "None", [0x01] = "Contact", [0x02] = "Blocked" }, doc = "What it is to this user" }, { name = "name", type = "text", max = 64, doc = "What this user calls it; may be empty" }, } }, doc = "Every entry, in order of user; none of them is `None`" },
    } },
    [0x0205] = { name = "CONTACT", flags = 0x01, doc = "Tells of a change of one's list", fields = {
        { name = "entry", type = "record", fields = { { name = "user", type = "user", doc = "The other user" }, { name = "relation", type = "choice", values = { [0x00] = "None", [0x01] = "Contact", [0x02] = "Blocked" }, doc = "What it is to this user" }, { name = "name", type = "text", max = 64, doc = "What this user calls it; may be empty" }, }, doc = "The entry as it is now; with `None` it is gone" },
    } },
    [0x0206] = { name = "PRESENCE_SET", flags = 0x01, doc = "Says whether one is there, for this session", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "availability", type = "choice", values = { [0x00] = "Offline", [0x01] = "DoNotDisturb", [0x02] = "Away", [0x03] = "Online" }, doc = "Whether" },
        { name = "text", type = "text", max = 128, doc = "What one wants to say of it; may be empty" },
    } },
    [0x0207] = { name = "PRESENCE", flags = 0x01, doc = "Tells whether a contact, or one's own user, is there", fields = {
        { name = "user", type = "user", doc = "Who" },
        { name = "availability", type = "choice", values = { [0x00] = "Offline", [0x01] = "DoNotDisturb", [0x02] = "Away", [0x03] = "Online" }, doc = "Whether" },
        { name = "text", type = "text", max = 128, doc = "What the user wants to say of it; may be empty" },
        { name = "since", type = "u64", doc = "Since when, as far as this receiver may know: microseconds since 1970-01-01 UTC" },
    } },
    [0x0301] = { name = "JOIN", flags = 0x01, doc = "Enters a room", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room; all zero where it is asked for by name" },
        { name = "name", type = "text", max = 64, doc = "The room's name, where `room` is all zero" },
        { name = "secret", type = "opaque", max = 64, doc = "The room's secret or this user's ticket; empty without" },
    } },
    [0x0302] = { name = "JOINED", flags = 0x01, doc = "Answers JOIN with the room as it is", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "epoch", type = "u64", doc = "Drawn anew whenever the room's history starts anew" },
        { name = "number", type = "u64", doc = "The number that the next delta follows" },
        { name = "name", type = "text", max = 64, doc = "The room's name; empty for one without" },
        { name = "capacity", type = "within", min = 2, max = 100, doc = "Most members that the room admits" },
        { name = "options", type = "bits", values = { [0x01] = "LOBBY", [0x02] = "LOCKED" }, doc = "How it is run" },
        { name = "max_streams", type = "u16", doc = "Most streams that may be published in it at once" },
        { name = "members", type = "list", max = 100, of = { type = "record", fields = { { name = "session", type = "fixed", len = 16, doc = "Its session" }, { name = "user", type = "user", doc = "Its user" }, { name = "presence", type = "choice", values = { [0x01] = "Here", [0x02] = "Suspended" }, doc = "What its link is like" }, { name = "role", type = "choice", values = { [0x01] = "Member", [0x02] = "Moderator" }, doc = "What it may do" }, { name = "name", type = "text", max = 64, doc = "The name others see" }, } }, doc = "Everyone in the room, the one who enters included" },
    } },
    [0x0303] = { name = "LEAVE", flags = 0x01, doc = "Leaves a room", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
    } },
    [0x0304] = { name = "LEFT", flags = 0x01, doc = "Tells a member that it is no longer in the room, where it did not ask to leave", fields = {
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "code", type = "code", doc = "Why" },
    } },
    [0x0305] = { name = "MEMBER", flags = 0x01, doc = "Tells the members of a change", fields = {
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "epoch", type = "u64", doc = "The epoch of the snapshot that it follows" },
        { name = "number", type = "u64", doc = "One more than the last" },
        { name = "change", type = "choice", values = { [0x01] = "Join", [0x02] = "Leave", [0x03] = "Suspend", [0x04] = "Resume", [0x05] = "Update" }, doc = "What happened" },
        { name = "code", type = "code", doc = "Why, where someone left" },
        { name = "member", type = "record", fields = { { name = "session", type = "fixed", len = 16, doc = "Its session" }, { name = "user", type = "user", doc = "Its user" }, { name = "presence", type = "choice", values = { [0x01] = "Here", [0x02] = "Suspended" }, doc = "What its link is like" }, { name = "role", type = "choice", values = { [0x01] = "Member", [0x02] = "Moderator" }, doc = "What it may do" }, { name = "name", type = "text", max = 64, doc = "The name others see" }, }, doc = "The member as it is now" },
    } },
    [0x0306] = { name = "CREATE", flags = 0x01, doc = "Creates a room; the user becomes its moderator, and is not thereby inside", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "name", type = "text", max = 64, doc = "Its name, which no other room has; empty for a room that is known by its id alone" },
        { name = "secret", type = "opaque", max = 64, doc = "Its secret; empty for a room without" },
        { name = "capacity", type = "within", min = 2, max = 100, doc = "Most members that it admits" },
        { name = "options", type = "bits", values = { [0x01] = "LOBBY", [0x02] = "LOCKED" }, doc = "How it is run" },
    } },
    [0x0307] = { name = "CREATED", flags = 0x01, doc = "Answers CREATE", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
    } },
    [0x0308] = { name = "SET_ROOM", flags = 0x01, doc = "Changes how a room is run", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "set", type = "bits", values = { [0x01] = "SECRET", [0x02] = "CAPACITY", [0x04] = "OPTIONS" }, doc = "Which of the settings that follow are meant" },
        { name = "secret", type = "opaque", max = 64, doc = "Its secret from now on" },
        { name = "capacity", type = "within", min = 2, max = 100, doc = "Most members that it admits from now on" },
        { name = "options", type = "bits", values = { [0x01] = "LOBBY", [0x02] = "LOCKED" }, doc = "How it is run from now on" },
    } },
    [0x0309] = { name = "ROOM", flags = 0x01, doc = "Tells the members that the room is run in another way", fields = {
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "epoch", type = "u64", doc = "The epoch of the snapshot that it follows" },
        { name = "number", type = "u64", doc = "One more than the last, of MEMBER or of ROOM" },
        { name = "capacity", type = "within", min = 2, max = 100, doc = "Most members that it admits" },
        { name = "options", type = "bits", values = { [0x01] = "LOBBY", [0x02] = "LOCKED" }, doc = "How it is run" },
    } },
    [0x030a] = { name = "WAITING", flags = 0x01, doc = "A moderator has to let this session in: the answer to its JOIN is still to come", fields = {
        { name = "request", type = "u32", doc = "The request of JOIN" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
    } },
    [0x030b] = { name = "KNOCK", flags = 0x01, doc = "Tells the moderators who waits to be let in", fields = {
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "session", type = "fixed", len = 16, doc = "The session that waits" },
        { name = "user", type = "user", doc = "Its user" },
        { name = "state", type = "choice", values = { [0x01] = "Waiting", [0x02] = "Gone" }, doc = "Whether it still waits" },
        { name = "name", type = "text", max = 64, doc = "The name others see" },
    } },
    [0x030c] = { name = "ADMIT", flags = 0x01, doc = "Lets someone in who waits, or not", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "session", type = "fixed", len = 16, doc = "The session that waits" },
        { name = "verdict", type = "choice", values = { [0x00] = "Refuse", [0x01] = "Admit" }, doc = "What becomes of it" },
    } },
    [0x030d] = { name = "MODERATE", flags = 0x01, doc = "Gives a user a role", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "user", type = "user", doc = "The user" },
        { name = "role", type = "choice", values = { [0x01] = "Member", [0x02] = "Moderator" }, doc = "What it may do from now on" },
    } },
    [0x030e] = { name = "KICK", flags = 0x01, doc = "Puts a user out of a room", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "user", type = "user", doc = "The user" },
        { name = "ban_ms", type = "u32", doc = "For how many milliseconds it is kept out; 0 not at all, 4,294,967,295 as long as the room lives" },
    } },
    [0x030f] = { name = "UNBAN", flags = 0x01, doc = "Lets a banned user enter again", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "user", type = "user", doc = "The user" },
    } },
    [0x0310] = { name = "CLOSE", flags = 0x01, doc = "Closes a room", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
    } },
    [0x0311] = { name = "GRANT", flags = 0x01, doc = "Asks for a ticket with which a user may enter", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "user", type = "user", doc = "The user" },
    } },
    [0x0312] = { name = "GRANTED", flags = 0x01, doc = "Answers GRANT", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "ticket", type = "fixed", len = 32, doc = "What the user gives as the secret of its JOIN, once" },
        { name = "expires_in_ms", type = "u32", doc = "How long it is good for, in milliseconds" },
    } },
    [0x0401] = { name = "TEXT", flags = 0x03, doc = "Text to a user, a session or a room", fields = {
        { name = "to", type = "address", doc = "Whom it is for" },
        { name = "request", type = "u32", doc = "The request" },
        { name = "mention", type = "user", doc = "The user whom it mentions; 0 for nobody" },
        { name = "text", type = "text", max = 8000, doc = "The text" },
    } },
    [0x0402] = { name = "DATA", flags = 0x03, doc = "Opaque data to a user, a session, a room or the service", fields = {
        { name = "to", type = "address", doc = "Whom it is for" },
        { name = "request", type = "u32", doc = "The request" },
        { name = "data", type = "opaque", max = 16000, doc = "The data" },
    } },
    [0x0403] = { name = "TEXT_FROM", flags = 0x03, doc = "Brings text to its receiver", fields = {
        { name = "to", type = "address", doc = "As the sender addressed it" },
        { name = "user", type = "user", doc = "The sender" },
        { name = "session", type = "fixed", len = 16, doc = "The sender's session" },
        { name = "number", type = "u64", doc = "Counts what this user or this room was sent" },
        { name = "time", type = "u64", doc = "When the server took it: microseconds since 1970-01-01 UTC" },
        { name = "mention", type = "user", doc = "The user whom it mentions, as the sender gave it; 0 for nobody" },
        { name = "text", type = "text", max = 8000, doc = "The text" },
    } },
    [0x0404] = { name = "DATA_FROM", flags = 0x03, doc = "Brings data to its receiver", fields = {
        { name = "to", type = "address", doc = "As the sender addressed it" },
        { name = "user", type = "user", doc = "The sender" },
        { name = "session", type = "fixed", len = 16, doc = "The sender's session" },
        { name = "number", type = "u64", doc = "Counts what this user or this room was sent" },
        { name = "time", type = "u64", doc = "When the server took it: microseconds since 1970-01-01 UTC" },
        { name = "data", type = "opaque", max = 16000, doc = "The data" },
    } },
    [0x0405] = { name = "RECEIPT", flags = 0x03, doc = "Says that what an author wrote has been read", fields = {
        { name = "to", type = "address", doc = "The author: its session or its user" },
        { name = "conversation", type = "address", doc = "The `to` of the TEXT_FROM or DATA_FROM that brought it" },
        { name = "number", type = "u64", doc = "The number up to which it has been read" },
    } },
    [0x0406] = { name = "RECEIPT_FROM", flags = 0x03, doc = "Brings RECEIPT to the author", fields = {
        { name = "to", type = "address", doc = "As the reader addressed it" },
        { name = "user", type = "user", doc = "The reader" },
        { name = "session", type = "fixed", len = 16, doc = "The reader's session" },
        { name = "conversation", type = "address", doc = "What the author wrote to" },
        { name = "number", type = "u64", doc = "The number up to which it has been read, as in the author's RESULT" },
    } },
    [0x0501] = { name = "OFFER", flags = 0x03, doc = "Offers a transfer to a user or a session", fields = {
        { name = "to", type = "address", doc = "Whom it is for" },
        { name = "request", type = "u32", doc = "The request" },
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer: random, drawn by the sender" },
        { name = "size", type = "u64", doc = "Bytes of the payload" },
        { name = "name", type = "text", max = 255, doc = "A name for it, such as a file's, without a path" },
        { name = "content_type", type = "text", max = 128, doc = "Its media type (RFC 6838); empty where the sender does not say" },
    } },
    [0x0502] = { name = "OFFERED", flags = 0x03, doc = "Brings an offer to a device of its receiver", fields = {
        { name = "to", type = "address", doc = "As the sender addressed it" },
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "user", type = "user", doc = "The sender" },
        { name = "session", type = "fixed", len = 16, doc = "The sender's session" },
        { name = "user_name", type = "text", max = 64, doc = "The sender's name" },
        { name = "size", type = "u64", doc = "Bytes of the payload" },
        { name = "name", type = "text", max = 255, doc = "A name for it, as the sender gave it: a receiver takes no path from it" },
        { name = "content_type", type = "text", max = 128, doc = "Its media type, as the sender gave it" },
    } },
    [0x0503] = { name = "RECEIVE", flags = 0x01, doc = "Accepts an offer, or goes on after a loss, from this offset", fields = {
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "offset", type = "u64", doc = "Bytes that the receiver has already" },
    } },
    [0x0504] = { name = "DECLINE", flags = 0x01, doc = "Declines an offer", fields = {
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "code", type = "code", doc = "Why" },
    } },
    [0x0505] = { name = "SEND", flags = 0x01, doc = "Tells the sender to open the transfer's stream now", fields = {
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "attempt", type = "u32", doc = "Counts the streams that this transfer was given, from 1" },
        { name = "offset", type = "u64", doc = "The first byte to send" },
        { name = "rate", type = "u32", doc = "At most so many bytes a second; 0 is as many as the transport takes" },
    } },
    [0x0506] = { name = "PROGRESS", flags = 0x01, doc = "How much the receiver has", fields = {
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "received", type = "u64", doc = "Bytes, those before the offset included" },
    } },
    [0x0507] = { name = "DIGEST", flags = 0x01, doc = "The digest of the whole payload, once the sender has sent the last byte", fields = {
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "sha256", type = "fixed", len = 32, doc = "SHA-256 of all its bytes, those before the offset included" },
    } },
    [0x0508] = { name = "VERIFIED", flags = 0x01, doc = "Whether what the receiver has is what the sender sent", fields = {
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "code", type = "code", doc = "`delivered`, or `digest_mismatch`" },
    } },
    [0x0509] = { name = "TRANSFER_END", flags = 0x01, doc = "The transfer is over; from a client: it gives the transfer up", fields = {
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "code", type = "code", doc = "Why" },
    } },
    [0x050a] = { name = "BULK", flags = 0x00, doc = "Begins a transfer's stream; the payload follows it, to the end of the stream", fields = {
        { name = "transfer", type = "fixed", len = 16, doc = "The transfer" },
        { name = "attempt", type = "u32", doc = "As SEND says" },
        { name = "offset", type = "u64", doc = "The payload's first byte on this stream" },
    } },
    [0x0601] = { name = "INVITE", flags = 0x01, doc = "Calls a user; the server passes it on to each of the callee's sessions", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call, drawn by the caller" },
        { name = "peer", type = "user", doc = "The other party: the callee, and where the server passes it on, the caller" },
        { name = "media", type = "bits", values = { [0x01] = "CALLER_AUDIO", [0x02] = "CALLER_VIDEO", [0x04] = "CALLEE_AUDIO", [0x08] = "CALLEE_VIDEO" }, doc = "The media offered" },
        { name = "ring_for_ms", type = "within", min = 10000, max = 120000, doc = "How long it may ring, in milliseconds" },
        { name = "name", type = "text", max = 64, doc = "The caller's name as others see it; set by the server" },
        { name = "end_to_end", type = "opaque", max = 1024, doc = "End to end, forwarded byte for byte" },
    } },
    [0x0602] = { name = "RINGING", flags = 0x01, doc = "The callee's device rings; the server passes the first one on to the caller", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call" },
        { name = "end_to_end", type = "opaque", max = 1024, doc = "End to end, forwarded byte for byte" },
    } },
    [0x0603] = { name = "ACCEPT", flags = 0x01, doc = "The callee accepts", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call" },
        { name = "media", type = "bits", values = { [0x01] = "CALLER_AUDIO", [0x02] = "CALLER_VIDEO", [0x04] = "CALLEE_AUDIO", [0x08] = "CALLEE_VIDEO" }, doc = "The media consented to, no more than was offered" },
        { name = "end_to_end", type = "opaque", max = 1024, doc = "End to end, forwarded byte for byte" },
    } },
    [0x0604] = { name = "REJECT", flags = 0x01, doc = "The callee declines", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call" },
    } },
    [0x0605] = { name = "CANCEL", flags = 0x01, doc = "The caller gives up before an answer", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call" },
    } },
    [0x0606] = { name = "START", flags = 0x01, doc = "Both sides enter the call's room", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call" },
        { name = "room", type = "fixed", len = 16, doc = "The room reserved for it" },
        { name = "ticket", type = "fixed", len = 32, doc = "This side's ticket for the room" },
        { name = "media", type = "bits", values = { [0x01] = "CALLER_AUDIO", [0x02] = "CALLER_VIDEO", [0x04] = "CALLEE_AUDIO", [0x08] = "CALLEE_VIDEO" }, doc = "The media consented to" },
        { name = "peer", type = "fixed", len = 16, doc = "The other side's session" },
        { name = "end_to_end", type = "opaque", max = 1024, doc = "To the caller: the end-to-end block of ACCEPT" },
    } },
    [0x0607] = { name = "END", flags = 0x01, doc = "Ends the call, or says that it ended", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call" },
        { name = "code", type = "code", doc = "Why" },
    } },
    [0x0608] = { name = "REFUSED", flags = 0x01, doc = "A call request was not granted; no call changed", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call that was named" },
        { name = "code", type = "code", doc = "Why" },
        { name = "existing", type = "fixed", len = 16, doc = "With `glare`: the call that rings already; otherwise all zero" },
    } },
    [0x0609] = { name = "CONFIRM", flags = 0x01, doc = "The caller's last word to the device that accepted; the server passes it on", fields = {
        { name = "call", type = "fixed", len = 16, doc = "The call" },
        { name = "end_to_end", type = "opaque", max = 1024, doc = "End to end, forwarded byte for byte" },
    } },
    [0x0701] = { name = "PUBLISH", flags = 0x01, doc = "Offers a stream to a room", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "description", type = "record", fields = { { name = "stream", type = "u8", doc = "The publisher's number for it" }, { name = "kind", type = "choice", values = { [0x01] = "Audio", [0x02] = "Video" }, doc = "What it carries" }, { name = "codec", type = "choice", values = { [0x01] = "H264", [0x02] = "AacLc", [0x03] = "Opus" }, doc = "How it is coded" }, { name = "payload_type", type = "u8", doc = "RTP payload type" }, { name = "clock_rate", type = "u32", doc = "RTP clock rate, in hertz" }, { name = "ssrc", type = "u32", doc = "RTP synchronisation source" }, { name = "max_bitrate", type = "u32", doc = "The most that it takes, in bits a second, RTP headers included" }, { name = "useful_ms", type = "u16", doc = "How long after it was sent a packet is still of use, in milliseconds" }, { name = "config", type = "opaque", max = 256, doc = "The codec's configuration, as it stands in SDP's fmtp or the AudioSpecificConfig" }, }, doc = "The stream" },
    } },
    [0x0702] = { name = "PUBLISHED", flags = 0x01, doc = "Answers PUBLISH with the flow that the stream's datagrams bear towards the server", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "flow", type = "u32", doc = "The flow" },
    } },
    [0x0703] = { name = "UNPUBLISH", flags = 0x01, doc = "Takes a stream back", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "stream", type = "u8", doc = "The stream" },
    } },
    [0x0704] = { name = "STREAM", flags = 0x01, doc = "Tells the members of a room of a stream; for one who enters, once for each that is there", fields = {
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "session", type = "fixed", len = 16, doc = "The publisher's session" },
        { name = "state", type = "choice", values = { [0x01] = "Open", [0x02] = "Closed" }, doc = "Whether it is there" },
        { name = "description", type = "record", fields = { { name = "stream", type = "u8", doc = "The publisher's number for it" }, { name = "kind", type = "choice", values = { [0x01] = "Audio", [0x02] = "Video" }, doc = "What it carries" }, { name = "codec", type = "choice", values = { [0x01] = "H264", [0x02] = "AacLc", [0x03] = "Opus" }, doc = "How it is coded" }, { name = "payload_type", type = "u8", doc = "RTP payload type" }, { name = "clock_rate", type = "u32", doc = "RTP clock rate, in hertz" }, { name = "ssrc", type = "u32", doc = "RTP synchronisation source" }, { name = "max_bitrate", type = "u32", doc = "The most that it takes, in bits a second, RTP headers included" }, { name = "useful_ms", type = "u16", doc = "How long after it was sent a packet is still of use, in milliseconds" }, { name = "config", type = "opaque", max = 256, doc = "The codec's configuration, as it stands in SDP's fmtp or the AudioSpecificConfig" }, }, doc = "The stream" },
    } },
    [0x0705] = { name = "SUBSCRIBE", flags = 0x01, doc = "Asks for a stream", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "session", type = "fixed", len = 16, doc = "The publisher's session" },
        { name = "stream", type = "u8", doc = "The stream" },
    } },
    [0x0706] = { name = "SUBSCRIBED", flags = 0x01, doc = "Answers SUBSCRIBE with the flow that the stream's datagrams bear from the server", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "flow", type = "u32", doc = "The flow" },
    } },
    [0x0707] = { name = "UNSUBSCRIBE", flags = 0x01, doc = "Stops receiving a stream", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "session", type = "fixed", len = 16, doc = "The publisher's session" },
        { name = "stream", type = "u8", doc = "The stream" },
    } },
    [0x0708] = { name = "MEDIA_TICKET", flags = 0x01, doc = "Admits one media connection; after JOINED, after RINGING to both sides, and on request", fields = {
        { name = "request", type = "u32", doc = "The request that it answers; 0 where it was not asked for" },
        { name = "call", type = "fixed", len = 16, doc = "The call that it is for; all zero for a room" },
        { name = "room", type = "fixed", len = 16, doc = "The room that it is for; all zero for a call" },
        { name = "token", type = "fixed", len = 32, doc = "The secret, for one use" },
        { name = "expires_in_ms", type = "u32", doc = "How long it is good for, in milliseconds" },
        { name = "endpoint", type = "text", max = 256, doc = "Where to connect; empty for the address of the control connection" },
    } },
    [0x0709] = { name = "TICKET", flags = 0x01, doc = "Asks for another ticket", fields = {
        { name = "request", type = "u32", doc = "The request" },
        { name = "call", type = "fixed", len = 16, doc = "The call; all zero for a room" },
        { name = "room", type = "fixed", len = 16, doc = "The room; all zero for a call" },
    } },
    [0x070a] = { name = "ATTACH", flags = 0x00, doc = "Binds a media connection to the session; the first frame on its first stream", fields = {
        { name = "token", type = "fixed", len = 32, doc = "The secret of MEDIA_TICKET" },
    } },
    [0x070b] = { name = "ATTACHED", flags = 0x00, doc = "The media connection is bound", fields = {
        { name = "code", type = "code", doc = "Always `none`" },
    } },
    [0x070c] = { name = "STATS", flags = 0x00, doc = "How well a member's media goes; the server passes it on to the others in the room", fields = {
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "session", type = "fixed", len = 16, doc = "Whose; set by the server" },
        { name = "sending", type = "within", min = 0, max = 5, doc = "How well it sends: 0 unknown, 1 bad … 5 excellent" },
        { name = "receiving", type = "within", min = 0, max = 5, doc = "How well it receives: 0 unknown, 1 bad … 5 excellent" },
        { name = "rtt_ms", type = "u16", doc = "Its round trip to the server, in milliseconds" },
        { name = "lost_permille", type = "u16", doc = "Of a thousand packets, how many do not arrive, in the worse direction and before repair" },
    } },
    [0x0801] = { name = "LINK", flags = 0x00, doc = "Links a service, after WELCOME", fields = {
        { name = "name", type = "text", max = 64, doc = "The name of this process among those that stand in for each other" },
        { name = "token", type = "opaque", max = 1024, doc = "The token that its permissions hang on" },
        { name = "permissions", type = "bits", values = { [0x01] = "LOGIN", [0x02] = "DIRECTORY", [0x04] = "JOIN", [0x08] = "CALL", [0x10] = "DATA", [0x20] = "ROOMS", [0x40] = "KICK", [0x80] = "EVENTS" }, doc = "What it wishes to do" },
        { name = "last_epoch", type = "u64", doc = "The epoch in which it was active last; 0 where never" },
        { name = "last_number", type = "u64", doc = "The number of the last entry that it took" },
    } },
    [0x0802] = { name = "LINKED", flags = 0x00, doc = "The service is linked", fields = {
        { name = "standing", type = "choice", values = { [0x01] = "Active", [0x02] = "Standby" }, doc = "Whether it is the active one" },
        { name = "permissions", type = "bits", values = { [0x01] = "LOGIN", [0x02] = "DIRECTORY", [0x04] = "JOIN", [0x08] = "CALL", [0x10] = "DATA", [0x20] = "ROOMS", [0x40] = "KICK", [0x80] = "EVENTS" }, doc = "What it may do: what it wished and its token allows" },
    } },
    [0x0803] = { name = "ACTIVATED", flags = 0x00, doc = "The service is the active one from now on", fields = {
        { name = "epoch", type = "u64", doc = "The epoch that begins" },
        { name = "resync", type = "choice", values = { [0x01] = "Replay", [0x02] = "Snapshot" }, doc = "How it learns what it missed" },
        { name = "number", type = "u64", doc = "Entries go on after this number, once the snapshot is over where there is one" },
        { name = "taken", type = "u64", doc = "The number of the last command that the server took in its `last_epoch`, 0 for none; all ones where the server does not know" },
    } },
    [0x0804] = { name = "DECIDE_LOGIN", flags = 0x00, doc = "Asks about a login", fields = {
        { name = "question", type = "u64", doc = "The question" },
        { name = "within_ms", type = "u32", doc = "For how long an answer counts, in milliseconds" },
        { name = "method", type = "choice", values = { [0x00] = "Guest", [0x01] = "Password", [0x02] = "Token" }, doc = "How the person proves who it is" },
        { name = "name", type = "text", max = 64, doc = "The name given; may be empty for a guest" },
        { name = "credential", type = "opaque", max = 1024, doc = "The password or the token; empty for a guest" },
    } },
    [0x0805] = { name = "DECIDE_LOOKUP", flags = 0x00, doc = "Asks who is called by a name", fields = {
        { name = "question", type = "u64", doc = "The question" },
        { name = "within_ms", type = "u32", doc = "For how long an answer counts, in milliseconds" },
        { name = "user", type = "user", doc = "Who asks" },
        { name = "name", type = "text", max = 64, doc = "The name" },
    } },
    [0x0806] = { name = "DECIDE_JOIN", flags = 0x00, doc = "Asks whether a user may enter a room", fields = {
        { name = "question", type = "u64", doc = "The question" },
        { name = "within_ms", type = "u32", doc = "For how long an answer counts, in milliseconds" },
        { name = "user", type = "user", doc = "Who" },
        { name = "room", type = "fixed", len = 16, doc = "Which room" },
        { name = "name", type = "text", max = 64, doc = "The room's name, where it has one" },
    } },
    [0x0807] = { name = "DECIDE_CALL", flags = 0x00, doc = "Asks whether a call may take place", fields = {
        { name = "question", type = "u64", doc = "The question" },
        { name = "within_ms", type = "u32", doc = "For how long an answer counts, in milliseconds" },
        { name = "call", type = "fixed", len = 16, doc = "Which call" },
        { name = "caller", type = "user", doc = "Who calls" },
        { name = "callee", type = "user", doc = "Who is called" },
        { name = "media", type = "bits", values = { [0x01] = "CALLER_AUDIO", [0x02] = "CALLER_VIDEO", [0x04] = "CALLEE_AUDIO", [0x08] = "CALLEE_VIDEO" }, doc = "The media offered" },
    } },
    [0x0808] = { name = "DECIDE_CONTACT", flags = 0x00, doc = "Asks whether this may be an entry of a user's list", fields = {
        { name = "question", type = "u64", doc = "The question" },
        { name = "within_ms", type = "u32", doc = "For how long an answer counts, in milliseconds" },
        { name = "user", type = "user", doc = "Whose list" },
        { name = "entry", type = "record", fields = { { name = "user", type = "user", doc = "The other user" }, { name = "relation", type = "choice", values = { [0x00] = "None", [0x01] = "Contact", [0x02] = "Blocked" }, doc = "What it is to this user" }, { name = "name", type = "text", max = 64, doc = "What this user calls it; may be empty" }, }, doc = "The entry as it is to be; with `None` it is to be removed" },
    } },
    [0x0810] = { name = "VERDICT", flags = 0x00, doc = "Answers a question with yes or no", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who answers" },
        { name = "question", type = "u64", doc = "The question" },
        { name = "code", type = "code", doc = "`none` is yes; anything else is no, and why" },
    } },
    [0x0811] = { name = "VERDICT_USER", flags = 0x00, doc = "Answers a question with a user", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who answers" },
        { name = "question", type = "u64", doc = "The question" },
        { name = "user", type = "user", doc = "Who it is; not 0" },
        { name = "name", type = "text", max = 64, doc = "The name others see" },
        { name = "contacts", type = "list", max = 200, of = { type = "record", fields = { { name = "user", type = "user", doc = "The other user" }, { name = "relation", type = "choice", values = { [0x00] = "None", [0x01] = "Contact", [0x02] = "Blocked" }, doc = "What it is to this user" }, { name = "name", type = "text", max = 64, doc = "What this user calls it; may be empty" }, } }, doc = "The user's list: for a login all of it; for a look-up the entry for the one who asks, if there is one" },
    } },
    [0x0820] = { name = "EVENT", flags = 0x00, doc = "Tells of something that happened", fields = {
        { name = "number", type = "u64", doc = "Its number in the one order of entries" },
        { name = "time", type = "u64", doc = "When: microseconds since 1970-01-01 UTC" },
        { name = "kind", type = "choice", values = { [0x01] = "SessionBegan", [0x02] = "SessionSuspended", [0x03] = "SessionResumed", [0x04] = "SessionEnded", [0x05] = "RoomOpened", [0x06] = "RoomClosed", [0x07] = "MemberIn", [0x08] = "MemberOut", [0x09] = "CallBegan", [0x0a] = "CallConnected", [0x0b] = "CallEnded" }, doc = "What" },
        { name = "user", type = "user", doc = "Of sessions and members: the user. Of calls: the caller" },
        { name = "peer", type = "user", doc = "Of calls: the callee" },
        { name = "session", type = "fixed", len = 16, doc = "Of sessions and members: the session" },
        { name = "room", type = "fixed", len = 16, doc = "Of rooms and members: the room" },
        { name = "call", type = "fixed", len = 16, doc = "Of calls: the call" },
        { name = "code", type = "code", doc = "Where something ended: why" },
        { name = "length_ms", type = "u32", doc = "Of a call that ended: how long both sides were in it, in milliseconds" },
        { name = "name", type = "text", max = 64, doc = "Of a session that began: the name others see. Of a room that opened: its name" },
    } },
    [0x0821] = { name = "SNAPSHOT", flags = 0x00, doc = "Part of what is there at one moment", fields = {
        { name = "number", type = "u64", doc = "The number of the last entry that it includes" },
        { name = "part", type = "u32", doc = "Counts the parts, from 0" },
        { name = "more", type = "choice", values = { [0x00] = "Last", [0x01] = "More" }, doc = "Whether it goes on" },
        { name = "sessions", type = "list", max = 64, of = { type = "record", fields = { { name = "session", type = "fixed", len = 16, doc = "The session" }, { name = "user", type = "user", doc = "Its user" }, { name = "suspended", type = "u8", doc = "1 while it waits for its link, otherwise 0" }, { name = "name", type = "text", max = 64, doc = "The name others see" }, } }, doc = "Sessions" },
        { name = "rooms", type = "list", max = 64, of = { type = "record", fields = { { name = "room", type = "fixed", len = 16, doc = "The room" }, { name = "name", type = "text", max = 64, doc = "Its name; empty for the room of a call" }, } }, doc = "Rooms" },
        { name = "members", type = "list", max = 64, of = { type = "record", fields = { { name = "room", type = "fixed", len = 16, doc = "The room" }, { name = "session", type = "fixed", len = 16, doc = "The session" }, { name = "user", type = "user", doc = "Its user" }, } }, doc = "Who is in which room" },
        { name = "calls", type = "list", max = 64, of = { type = "record", fields = { { name = "call", type = "fixed", len = 16, doc = "The call" }, { name = "caller", type = "user", doc = "Who called" }, { name = "callee", type = "user", doc = "Who was called" }, { name = "connected", type = "u8", doc = "1 once both sides are in its room, otherwise 0" }, } }, doc = "Calls" },
    } },
    [0x0822] = { name = "ADDRESSED", flags = 0x00, doc = "Brings data that a client sent to the service", fields = {
        { name = "number", type = "u64", doc = "Its number in the one order of entries" },
        { name = "time", type = "u64", doc = "When the server took it: microseconds since 1970-01-01 UTC" },
        { name = "user", type = "user", doc = "The sender" },
        { name = "session", type = "fixed", len = 16, doc = "The sender's session" },
        { name = "data", type = "opaque", max = 16000, doc = "The data" },
    } },
    [0x0823] = { name = "DONE", flags = 0x00, doc = "Says what became of a command", fields = {
        { name = "number", type = "u64", doc = "Its number in the one order of entries" },
        { name = "epoch", type = "u64", doc = "The epoch in which the command was sent" },
        { name = "request", type = "u32", doc = "The command" },
        { name = "code", type = "code", doc = "What became of it" },
        { name = "room", type = "fixed", len = 16, doc = "Of ROOM_CREATE: the room; otherwise all zero" },
        { name = "ticket", type = "opaque", max = 64, doc = "Of ROOM_TICKET: the ticket; otherwise empty" },
    } },
    [0x0830] = { name = "PUSH", flags = 0x00, doc = "Sends data, as the service", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who commands" },
        { name = "request", type = "u32", doc = "The command" },
        { name = "to", type = "address", doc = "Whom it is for: a user, a session or a room" },
        { name = "data", type = "opaque", max = 15900, doc = "The data" },
    } },
    [0x0831] = { name = "ROOM_CREATE", flags = 0x00, doc = "Creates a room", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who commands" },
        { name = "request", type = "u32", doc = "The command" },
        { name = "name", type = "text", max = 64, doc = "Its name, which no other room has; empty for a room that is known by its id alone" },
        { name = "secret", type = "opaque", max = 64, doc = "Its secret; empty for a room without" },
        { name = "capacity", type = "within", min = 2, max = 100, doc = "Most members that it admits" },
        { name = "options", type = "bits", values = { [0x01] = "LOBBY", [0x02] = "LOCKED" }, doc = "How it is run" },
    } },
    [0x0832] = { name = "ROOM_TICKET", flags = 0x00, doc = "Asks for a ticket with which a user may enter a room", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who commands" },
        { name = "request", type = "u32", doc = "The command" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "user", type = "user", doc = "The user" },
    } },
    [0x0833] = { name = "ROOM_CLOSE", flags = 0x00, doc = "Closes a room", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who commands" },
        { name = "request", type = "u32", doc = "The command" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "code", type = "code", doc = "Why, as those inside are told" },
    } },
    [0x0834] = { name = "ROOM_KICK", flags = 0x00, doc = "Puts a user out of a room", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who commands" },
        { name = "request", type = "u32", doc = "The command" },
        { name = "room", type = "fixed", len = 16, doc = "The room" },
        { name = "user", type = "user", doc = "The user" },
        { name = "ban_ms", type = "u32", doc = "For how many milliseconds it is kept out; 0 not at all, 4,294,967,295 as long as the room lives" },
    } },
    [0x0835] = { name = "SESSION_END", flags = 0x00, doc = "Ends a session, or all of a user's", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who commands" },
        { name = "request", type = "u32", doc = "The command" },
        { name = "session", type = "fixed", len = 16, doc = "Which; all zero for each that `user` has" },
        { name = "user", type = "user", doc = "Whose, where `session` is all zero" },
        { name = "code", type = "code", doc = "Why, as its client is told" },
    } },
    [0x0836] = { name = "CALL_END", flags = 0x00, doc = "Ends a call", fields = {
        { name = "epoch", type = "u64", doc = "The epoch of the one who commands" },
        { name = "request", type = "u32", doc = "The command" },
        { name = "call", type = "fixed", len = 16, doc = "Which" },
        { name = "code", type = "code", doc = "Why, as both sides are told" },
    } },
}

-- Media control: entries as far as the fields after them leave room.
local CONTROLS = {
    [1] = { name = "FEEDBACK", doc = "What arrived of the flows that the reporter receives",
        entries = { name = "blocks", align = 4, fields = {
            { name = "flow", type = "u32", doc = "The flow" },
            { name = "begin_seq", type = "u16", doc = "The `hop_seq` of the first report" },
            { name = "reports", type = "list", max = 65535, of = { type = "u16" }, doc = "For one `hop_seq` after the other: R (1 bit), ECN (2 bits), ATO (13 bits)" },
        } },
        fields = {
            { name = "report_timestamp", type = "u32", doc = "When the report was made, in units of 1/65536 s on the reporter's clock" },
        } },
    [2] = { name = "DEMAND", doc = "Which flows are wanted, and how much of each",
        entries = { name = "demands", align = 1, fields = {
            { name = "flow", type = "u32", doc = "The flow" },
            { name = "on", type = "choice", values = { [0x00] = "Off", [0x01] = "On" }, doc = "Whether anybody wants it" },
            { name = "rate", type = "u32", doc = "The most that the receiver can take, in bits a second; 0 for no limit" },
        } },
        fields = {
        } },
    [3] = { name = "KEYFRAME_REQUEST", doc = "The receiver cannot go on without a keyframe",
        fields = {
            { name = "flow", type = "u32", doc = "The flow" },
        } },
    [4] = { name = "SYNC", doc = "Two clocks at one instant, for playing flows in step",
        fields = {
            { name = "flow", type = "u32", doc = "The flow" },
            { name = "rtp_time", type = "u32", doc = "The flow's RTP time" },
            { name = "sender_clock", type = "u64", doc = "The sender's clock at that time, in microseconds; shared by all of its flows" },
        } },
}

-- Fields that Wireshark can filter by ------------------------------------------------------------------------------

local duet = Proto("duet", "Duet")
local duet_media = Proto("duet_media", "Duet media datagram")

local malformed = ProtoExpert.new("duet.malformed", "Duet: refused", expert.group.MALFORMED, expert.severity.ERROR)
local media_malformed =
    ProtoExpert.new("duet.media.malformed", "Duet: dropped", expert.group.MALFORMED, expert.severity.WARN)
duet.experts = { malformed }
duet_media.experts = { media_malformed }

local all_fields = {}

local function keep(filter, field)
    all_fields[filter] = field
    return field
end

local kinds, types = {}, {}
for kind, message in pairs(MESSAGES) do kinds[kind] = message.name end
for kind, control in pairs(CONTROLS) do types[kind] = control.name end

local makers = {
    u8 = function(f, n, d) return ProtoField.uint8(f, n, base.DEC, nil, nil, d) end,
    u16 = function(f, n, d) return ProtoField.uint16(f, n, base.DEC, nil, nil, d) end,
    u32 = function(f, n, d) return ProtoField.uint32(f, n, base.DEC, nil, nil, d) end,
    u64 = function(f, n, d) return ProtoField.uint64(f, n, base.DEC, nil, nil, d) end,
    user = function(f, n, d) return ProtoField.uint64(f, n, base.HEX, nil, nil, d) end,
    code = function(f, n, d) return ProtoField.uint16(f, n, base.HEX, CODES, nil, d) end,
    within = function(f, n, d) return ProtoField.uint32(f, n, base.DEC, nil, nil, d) end,
    choice = function(f, n, d, shape) return ProtoField.uint8(f, n, base.DEC, shape.values, nil, d) end,
    bits = function(f, n, d) return ProtoField.uint8(f, n, base.HEX, nil, nil, d) end,
    fixed = function(f, n, d) return ProtoField.bytes(f, n, base.NONE, d) end,
    opaque = function(f, n, d) return ProtoField.bytes(f, n, base.NONE, d) end,
    text = function(f, n, d) return ProtoField.string(f, n, base.UNICODE, d) end,
}

-- Declares the field of one shape, and of everything inside it.
local function declare(filter, name, doc, shape)
    if shape.type == "record" then
        for _, field in ipairs(shape.fields) do
            declare(filter .. "." .. field.name, field.name, field.doc, field)
        end
    elseif shape.type == "list" then
        keep(filter .. ".count", ProtoField.uint16(filter .. ".count", name, base.DEC, nil, nil, doc))
        declare(filter, name, doc, shape.of)
    elseif shape.type == "address" then
        keep(filter .. ".tag", ProtoField.uint8(filter .. ".tag", name .. ": sort", base.DEC, ADDRESS_TAGS, nil, doc))
        keep(filter .. ".id", ProtoField.bytes(filter .. ".id", name .. ": id", base.NONE, doc))
    else
        keep(filter, makers[shape.type](filter, name, doc, shape))
    end
end

local function declared(before)
    local list = {}
    for filter, field in pairs(all_fields) do
        if not before[filter] then list[#list + 1] = field end
    end
    return list
end

local head = {
    kind = keep("duet.kind", ProtoField.uint16("duet.kind", "Kind", base.HEX, kinds)),
    flags = keep("duet.flags", ProtoField.uint8("duet.flags", "Flags", base.HEX)),
    reserved = keep("duet.reserved", ProtoField.uint8("duet.reserved", "Reserved", base.HEX)),
    length = keep("duet.length", ProtoField.uint32("duet.length", "Length", base.DEC)),
    skipped = keep("duet.skipped", ProtoField.bytes("duet.skipped", "Body of an unknown kind, skipped")),
    incomplete = keep("duet.incomplete", ProtoField.bytes("duet.incomplete", "Part of a frame")),
    param_id = keep("duet.param.id", ProtoField.uint16("duet.param.id", "Parameter", base.HEX)),
    param_value = keep("duet.param.value", ProtoField.bytes("duet.param.value", "Value")),
    error = keep("duet.error", ProtoField.string("duet.error", "Error")),
}
for flag, name in pairs(FLAGS) do
    local filter = "duet.flags." .. name:lower()
    head[name] = keep(filter, ProtoField.bool(filter, name, 8, nil, flag))
end
for _, message in pairs(MESSAGES) do
    declare("duet." .. message.name:lower(), message.name, message.doc, { type = "record", fields = message.fields })
end
duet.fields = declared({})

local of_duet = {}
for filter in pairs(all_fields) do of_duet[filter] = true end
local part = {
    flow = keep("duet.media.flow", ProtoField.uint64("duet.media.flow", "Flow", base.DEC)),
    hop_seq = keep("duet.media.hop_seq", ProtoField.uint16("duet.media.hop_seq", "Number of the transmission", base.DEC)),
    type = keep("duet.media.type", ProtoField.uint8("duet.media.type", "Media control", base.DEC, types)),
    body = keep("duet.media.body", ProtoField.bytes("duet.media.body", "Body of an unknown type")),
    error = keep("duet.media.error", ProtoField.string("duet.media.error", "Error")),
    rtp_error = keep("duet.media.rtp.error", ProtoField.string("duet.media.rtp.error", "No RTP packet")),
    marker = keep("duet.media.rtp.marker", ProtoField.bool("duet.media.rtp.marker", "Marker", 8, nil, 0x80)),
    payload_type = keep("duet.media.rtp.payload_type",
        ProtoField.uint8("duet.media.rtp.payload_type", "Payload type", base.DEC, nil, 0x7f)),
    sequence = keep("duet.media.rtp.sequence", ProtoField.uint16("duet.media.rtp.sequence", "Sequence number", base.DEC)),
    timestamp = keep("duet.media.rtp.timestamp", ProtoField.uint32("duet.media.rtp.timestamp", "Timestamp", base.DEC)),
    ssrc = keep("duet.media.rtp.ssrc", ProtoField.uint32("duet.media.rtp.ssrc", "Source", base.HEX)),
    payload = keep("duet.media.rtp.payload", ProtoField.bytes("duet.media.rtp.payload", "Payload")),
}
for _, control in pairs(CONTROLS) do
    local filter = "duet.media." .. control.name:lower()
    declare(filter, control.name, control.doc, { type = "record", fields = control.fields })
    if control.entries then
        declare(filter .. "." .. control.entries.name, control.entries.name, control.doc,
            { type = "record", fields = control.entries.fields })
    end
end
duet_media.fields = declared(of_duet)

-- Reading ----------------------------------------------------------------------------------------------------------

-- An error is raised as a table, so that a mistake in this file is not taken for one of the peer.
local function refuse(name)
    error({ refused = name }, 0)
end

-- Bytes of a buffer from `at` up to `stop`, taken off the front.
local Bytes = {}
Bytes.__index = Bytes

local function bytes(tvb, at, stop)
    return setmetatable({ tvb = tvb, at = at, stop = stop }, Bytes)
end

function Bytes:left()
    return self.stop - self.at
end

function Bytes:take(count)
    if count > self:left() then refuse("Truncated") end
    self.at = self.at + count
    return self.tvb(self.at - count, count)
end

-- A length or a count, held against its limit before anything is taken by it.
function Bytes:prefix(limit)
    local range = self:take(2)
    if range:uint() > limit then refuse("TooLong") end
    return range:uint(), range
end

-- Whether bytes are UTF-8 (RFC 3629): no surrogates, nothing overlong, nothing over U+10FFFF.
local function is_utf8(range)
    local data = range:bytes()
    local at, length = 0, data:len()
    while at < length do
        local first = data:get_index(at)
        local more, low, high = nil, 0x80, 0xbf
        if first < 0x80 then more = 0
        elseif first >= 0xc2 and first <= 0xdf then more = 1
        elseif first >= 0xe0 and first <= 0xef then
            more = 2
            if first == 0xe0 then low = 0xa0 elseif first == 0xed then high = 0x9f end
        elseif first >= 0xf0 and first <= 0xf4 then
            more = 3
            if first == 0xf0 then low = 0x90 elseif first == 0xf4 then high = 0x8f end
        else return false end
        if at + more >= length then return false end
        for next = 1, more do
            local byte = data:get_index(at + next)
            if byte < low or byte > high then return false end
            low, high = 0x80, 0xbf
        end
        at = at + more + 1
    end
    return true
end

-- Whether nothing but zero follows.
local function is_zero(range, from)
    local data = range:bytes()
    for at = from, data:len() - 1 do
        if data:get_index(at) ~= 0 then return false end
    end
    return true
end

local function bits_of(values, number)
    local names = {}
    for bit, name in pairs(values) do
        if math.floor(number / bit) % 2 == 1 then names[#names + 1] = name end
    end
    table.sort(names)
    return table.concat(names, ", ")
end

local sizes = { u8 = 1, u16 = 2, u32 = 4, u64 = 8, user = 8, code = 2, within = 4, choice = 1, bits = 1 }

local read_fields

-- Reads a value of this shape and adds it to the tree.
local function read(tree, data, filter, shape)
    local kind = shape.type
    if kind == "record" then
        read_fields(tree, data, filter, shape.fields)
    elseif kind == "list" then
        local count, range = data:prefix(shape.max)
        tree = tree:add(all_fields[filter .. ".count"], range)
        for _ = 1, count do read(tree, data, filter, shape.of) end
    elseif kind == "address" then
        local range = data:take(17)
        local tag = range(0, 1):uint()
        local known = ADDRESS_LENGTHS[tag]
        if not known or not is_zero(range, 1 + known) then refuse("BadAddress") end
        tree:add(all_fields[filter .. ".tag"], range(0, 1))
        tree:add(all_fields[filter .. ".id"], range(1, known))
    elseif kind == "fixed" then
        tree:add(all_fields[filter], data:take(shape.len))
    elseif kind == "text" or kind == "opaque" then
        local range = data:take(data:prefix(shape.max))
        if kind == "text" then
            if not is_utf8(range) then refuse("NotUtf8") end
            tree:add_packet_field(all_fields[filter], range, ENC_UTF_8)
        else
            tree:add(all_fields[filter], range)
        end
    else
        local range = data:take(sizes[kind])
        local names
        if kind == "within" and (range:uint() < shape.min or range:uint() > shape.max) then refuse("BadValue") end
        if kind == "choice" and not shape.values[range:uint()] then refuse("BadValue") end
        if kind == "bits" then
            local rest = range:uint()
            for bit in pairs(shape.values) do
                if math.floor(rest / bit) % 2 == 1 then rest = rest - bit end
            end
            if rest ~= 0 then refuse("BadValue") end
            names = bits_of(shape.values, range:uint())
        end
        local item = tree:add(all_fields[filter], range)
        if names then item:append_text(" (" .. names .. ")") end
    end
end

read_fields = function(tree, data, filter, fields)
    for _, field in ipairs(fields) do
        read(tree, data, filter .. "." .. field.name, field)
    end
end

local function read_params(tree, data)
    local last = -1
    while data:left() > 0 do
        local id = data:take(2)
        local value = data:take((data:prefix(0xffff)))
        if id:uint() <= last then refuse("BadParams") end
        last = id:uint()
        tree:add(head.param_id, id):add(head.param_value, value)
    end
end

-- Runs a reader; what it refuses becomes a field and an expert's word.
local function guarded(tree, range, field, expert_info, reader)
    local done, why = pcall(reader)
    if done then return true end
    if type(why) ~= "table" then error(why, 0) end
    tree:add(field, range, why.refused):set_generated()
    tree:add_proto_expert_info(expert_info, ERRORS[why.refused] or why.refused)
    return false
end

-- Control frames ---------------------------------------------------------------------------------------------------

local function read_body(tree, data, kind, flags)
    local message = MESSAGES[kind]
    if not message then
        if kind < IGNORABLE_FROM then refuse("UnknownCritical") end
        tree:add(head.skipped, data:take(data:left()))
        return
    end
    for flag in pairs(FLAGS) do
        if math.floor(flags / flag) % 2 ~= math.floor(message.flags / flag) % 2 then refuse("WrongFlags") end
    end
    read_fields(tree, data, "duet." .. message.name:lower(), message.fields)
    read_params(tree, data)
end

-- One frame from `at` on; returns where the next one begins, or nothing where the stream ends here.
local function read_frame(tvb, at, tree)
    local left = tvb:len() - at
    local length = left >= 8 and tvb(at + 4, 4):uint() or 0
    local is_whole = left >= 8 and left - 8 >= length
    if not is_whole and length <= MAX_FRAME then
        tree:add(head.incomplete, tvb(at, left))
        return nil
    end
    local kind, flags = tvb(at, 2):uint(), tvb(at + 2, 1):uint()
    local name = kinds[kind] or string.format("kind 0x%04x", kind)
    local range = tvb(at, math.min(left, 8 + length))
    local frame = tree:add(duet, range, "Duet " .. name)
    frame:add(head.kind, tvb(at, 2))
    local flag_tree = frame:add(head.flags, tvb(at + 2, 1))
    for _, flag in pairs(FLAGS) do flag_tree:add(head[flag], tvb(at + 2, 1)) end
    frame:add(head.reserved, tvb(at + 3, 1))
    frame:add(head.length, tvb(at + 4, 4))
    local is_good = guarded(frame, range, head.error, malformed, function()
        if length > MAX_FRAME then refuse("FrameTooLarge") end
        read_body(frame, bytes(tvb, at + 8, at + 8 + length), kind, flags)
    end)
    return is_good and at + 8 + length or nil, name
end

function duet.dissector(tvb, pinfo, tree)
    pinfo.cols.protocol = "Duet"
    local names, at = {}, 0
    while at and at < tvb:len() do
        local name
        at, name = read_frame(tvb, at, tree)
        names[#names + 1] = name
    end
    pinfo.cols.info = table.concat(names, ", ")
    return tvb:len()
end

-- Media datagrams --------------------------------------------------------------------------------------------------

-- A variable-length integer (RFC 9000 section 16): its value, and the bytes that it takes.
local function varint(data)
    local first = data:take(1)
    local size = 2 ^ math.floor(first:uint() / 64)
    data.at = data.at - 1
    local range = data:take(size)
    if size < 8 then return range:uint() % (2 ^ (8 * size - 2)), range end
    return (range(0, 4):uint() % 2 ^ 30) * 2 ^ 32 + range(4, 4):uint(), range
end

local function read_control(tree, data)
    local range = data:take(1)
    local control = CONTROLS[range:uint()]
    tree:add(part.type, range)
    if not control then
        tree:add(part.body, data:take(data:left()))
        return "unknown type"
    end
    local filter = "duet.media." .. control.name:lower()
    if control.entries then
        local tail = 0
        for _, field in ipairs(control.fields) do tail = tail + sizes[field.type] end
        local entries = bytes(data.tvb, data.at, math.max(data.at, data.stop - tail))
        while entries:left() > 0 do
            local start = entries.at
            read_fields(tree, entries, filter .. "." .. control.entries.name, control.entries.fields)
            entries:take((start - entries.at) % control.entries.align)
        end
        data.at = entries.at
    end
    read_fields(tree, data, filter, control.fields)
    if data:left() > 0 then refuse("Trailing") end
    return control.name
end

-- An RTP packet (RFC 3550 section 5.1).
local function read_rtp(tree, data)
    local first, second = data:take(1):uint(), data:take(1)
    local sequence, timestamp, ssrc = data:take(2), data:take(4), data:take(4)
    if math.floor(first / 64) ~= 2 then refuse("BadValue") end
    data:take(4 * (first % 16))
    if math.floor(first / 16) % 2 == 1 then
        data:take(2)
        data:take(4 * data:take(2):uint())
    end
    local payload = data:take(data:left())
    if math.floor(first / 32) % 2 == 1 then
        local length = payload:len()
        local padding = length > 0 and payload(length - 1, 1):uint() or 0
        if padding == 0 or padding > length then refuse("BadValue") end
        payload = payload(0, length - padding)
    end
    tree:add(part.marker, second)
    tree:add(part.payload_type, second)
    tree:add(part.sequence, sequence)
    tree:add(part.timestamp, timestamp)
    tree:add(part.ssrc, ssrc)
    tree:add(part.payload, payload)
end

function duet_media.dissector(tvb, pinfo, tree)
    pinfo.cols.protocol = "Duet media"
    local info = "dropped"
    tree = tree:add(duet_media, tvb())
    guarded(tree, tvb(), part.error, media_malformed, function()
        if tvb:len() > MAX_DATAGRAM then refuse("TooLong") end
        local data = bytes(tvb, 0, tvb:len())
        local flow, range = varint(data)
        if flow > 0xffffffff then refuse("BadValue") end
        tree:add(part.flow, range, UInt64(flow % 2 ^ 32, 0))
        if flow == 0 then
            info = read_control(tree, data)
            return
        end
        local hop_seq = data:take(2)
        if data:left() == 0 then refuse("Truncated") end
        tree:add(part.hop_seq, hop_seq)
        local rtp = tvb(data.at, data:left())
        guarded(tree, rtp, part.rtp_error, media_malformed, function() read_rtp(tree, data) end)
        info = string.format("flow %d, hop_seq %d", flow, hop_seq:uint())
    end)
    pinfo.cols.info = info
    return tvb:len()
end

local link_types = DissectorTable.get("wtap_encap")
link_types:add(wtap.USER0, duet)
link_types:add(wtap.USER1, duet_media)
