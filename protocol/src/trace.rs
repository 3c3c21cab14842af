//! What a trace can say: the events of a `.sqlog` file and their members, declared once, for whoever writes traces and
//! for the schema that they are held against (`spec/trace.schema.json`).

/// What a member's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Text, or nothing.
    MaybeText,
    /// A number that is not negative.
    Number,
    /// True or false.
    Truth,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Length and hexadecimal digits of bytes.
    Raw,
    /// The name of a message, or `kind 0x` and its number.
    Message,
    /// The fields of the message that the event is about.
    Fields,
}

/// One member of an event's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub doc: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Whether it is always there.
    pub always: bool,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name, as it stands in a trace.
    pub name: &'static str,
    /// When it is written.
    pub doc: &'static str,
    /// What its data holds.
    pub members: &'static [Member],
}

const fn always(name: &'static str, doc: &'static str, kind: Kind) -> Member {
    let always = true;
    Member {
        name,
        doc,
        kind,
        always,
    }
}

const fn maybe(name: &'static str, doc: &'static str, kind: Kind) -> Member {
    let always = false;
    Member {
        name,
        doc,
        kind,
        always,
    }
}

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal $members:expr;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $text;)+

        /// Every event.
        pub const EVENTS: &[Event] = &[$(Event { name: $text, doc: concat!($($doc),+), members: $members },)+];
    };
}

const FRAME: &[Member] = &[
    always("type", "The message", Kind::Message),
    always("flags", "The header's flags", Kind::Number),
    maybe("fields", "What it says", Kind::Fields),
    maybe("error", "Why it cannot be read", Kind::Text),
    always("raw", "The body", Kind::Raw),
];

const DATAGRAM: &[Member] = &[
    maybe("flow", "The flow", Kind::Number),
    maybe("hop_seq", "The number of the transmission", Kind::Number),
    maybe("control", "The type of media control", Kind::Text),
    maybe(
        "len",
        "Bytes of the payload, or of the whole where there is none",
        Kind::Number,
    ),
    maybe("error", "Why it cannot be read", Kind::Text),
    maybe("raw", "The datagram", Kind::Raw),
];

const BYTES: &[Member] = &[
    maybe("error", "Why they are no frames", Kind::Text),
    maybe("raw", "The bytes", Kind::Raw),
];

events! {
    /// A connection begins or ends
    CONNECTION = "duet:connection" &[
        always(
            "state",
            "What it is now",
            Kind::Choice(&["connecting", "established", "closing", "closed"]),
        ),
        maybe("purpose", "What it is for", Kind::Text),
        maybe("code", "Why it ends, by name", Kind::MaybeText),
        maybe("by", "Who ended it", Kind::Choice(&["local", "peer", "idle", "transport"])),
        maybe("error", "What the transport said", Kind::Text),
    ];
    /// A frame was handed to the transport
    FRAME_SENT = "duet:frame_sent" FRAME;
    /// A frame came
    FRAME_RECEIVED = "duet:frame_received" FRAME;
    /// Bytes that are no whole frames were handed to the transport
    BYTES_SENT = "duet:bytes_sent" BYTES;
    /// Bytes came that are no frames
    BYTES_RECEIVED = "duet:bytes_received" BYTES;
    /// One direction of a stream ends
    STREAM = "duet:stream" &[
        always(
            "state",
            "What ended",
            Kind::Choice(&["fin_sent", "fin_received", "reset_sent", "reset_received"]),
        ),
    ];
    /// A media datagram was handed to the transport
    DATAGRAM_SENT = "duet:datagram_sent" DATAGRAM;
    /// A media datagram came
    DATAGRAM_RECEIVED = "duet:datagram_received" DATAGRAM;
    /// A conformance check came out
    VERDICT = "duet:verdict" &[
        always("check", "Its name", Kind::Text),
        always("requirement", "What it checks", Kind::Text),
        always("pass", "Whether that holds", Kind::Truth),
    ];
}
