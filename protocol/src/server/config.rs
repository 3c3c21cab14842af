//! What an operator may set.

use alloc::string::String;
use core::time::Duration;

use crate::limits;
use crate::media::HopConfig;
use crate::people::DirectoryPolicy;
use crate::service::LinkConfig;

/// What becomes of a login of a user that has a session already, on another device.
///
/// A login from the device of one of the sessions takes that session's place, whatever the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duplicates {
    /// It is refused with `already_logged_in`.
    FirstWins,
    /// The session that is there ends with `replaced`.
    NewestWins,
    /// Both stay, up to [`MAX_SESSIONS`](crate::limits::MAX_SESSIONS).
    #[default]
    Several,
}

/// Who creates rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rooms {
    /// A JOIN by a name that no room has does, and CREATE.
    OnJoin,
    /// Only CREATE does.
    Explicit,
    /// Only the service does.
    Service,
}

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name and version, for the peers' logs; at most 64 bytes.
    pub agent: String,
    /// The longest interval of heartbeats, in milliseconds.
    pub heartbeat_ms: u32,
    /// How long a session waits for its link to come back.
    pub resume_window: Duration,
    /// What becomes of a user's second login.
    pub duplicates: Duplicates,
    /// Who creates rooms.
    pub rooms: Rooms,
    /// Who is found by LOOKUP.
    pub directory: DirectoryPolicy,
    /// Whether frames of reserved kinds are sent at random.
    pub reserved_frames: bool,
    /// The most bytes that a transfer may have.
    pub max_transfer: u64,
    /// The most bytes a second that a transfer's sender is allowed; 0 is no limit.
    pub transfer_rate: u32,
    /// How media is forwarded.
    pub media: HopConfig,
    /// Which services may link, and what they are asked; without it none may, and nobody is told what happens.
    pub link: Option<LinkConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            agent: String::from(concat!("duet ", env!("CARGO_PKG_VERSION"))),
            heartbeat_ms: limits::HEARTBEAT.as_millis() as u32,
            resume_window: limits::RESUME_WINDOW,
            duplicates: Duplicates::Several,
            rooms: Rooms::OnJoin,
            directory: DirectoryPolicy::default(),
            reserved_frames: true,
            max_transfer: (limits::MAX_TRANSFER_MIB as u64) << 20,
            transfer_rate: limits::TRANSFER_RATE as u32,
            media: HopConfig {
                demand_needed: false,
                max_queue: Some(limits::RELAY_QUEUE),
                ..HopConfig::default()
            },
            link: None,
        }
    }
}
