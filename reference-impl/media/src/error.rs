//! What can go wrong between a picture or a sound and its packets.

use std::path::PathBuf;

/// Failure of a media operation.
///
/// None of these come from what the network delivers: a receiver drops packets that it cannot use and goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// GStreamer itself did not start.
    #[error("GStreamer did not start: {0}")]
    Init(String),

    /// Elements are not installed; the text names them, their packages and the command that installs them.
    #[error("{0}")]
    MissingElement(String),

    /// A configuration outside its limits; nothing was started.
    #[error("media configuration: {0}")]
    Config(String),

    /// Input of the wrong shape, for example a picture of another size; nothing was pushed.
    #[error("media input: {0}")]
    Input(String),

    /// An element failed; the chain has to be made anew.
    #[error("{chain} failed: {reason}")]
    Pipeline {
        /// What the chain does, for example "H.264 encoder".
        chain: &'static str,
        /// The element's own words, or the flow return where it said nothing.
        reason: String,
    },

    /// No space left for a recording; what was written before stays on the disk and is not playable.
    #[error("the disk is full: no space left to write {}", path.display())]
    DiskFull {
        /// The file that was being written.
        path: PathBuf,
    },

    /// A file could not be opened or created.
    #[error("cannot open {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason the operating system gave.
        source: std::io::Error,
    },

    /// A file that exists and holds no media that the installed decoders know.
    #[error("cannot decode {}: {reason}", path.display())]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// The decoder's own words.
        reason: String,
    },
}
