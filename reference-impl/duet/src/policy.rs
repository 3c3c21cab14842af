//! What the reference service says to questions: accounts and lists as the embedded one has them, and exceptions.

use duet_protocol::code::Code;
use duet_protocol::service::{Decision, Question};

/// Sorts of questions that may be left unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// Logins.
    Login,
    /// Look-ups and changes of lists.
    Directory,
    /// Who may enter a room.
    Join,
    /// Calls.
    Call,
}

impl Sort {
    /// The sort of a question.
    pub const fn of(question: &Question) -> Self {
        match question {
            Question::Login { .. } => Self::Login,
            Question::Lookup { .. } | Question::Contact { .. } => Self::Directory,
            Question::Join { .. } => Self::Join,
            Question::Call { .. } => Self::Call,
        }
    }
}

/// What becomes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// It is answered so, at once.
    Answer(Decision),
    /// Nobody answers it: the server does at its deadline.
    Silence,
    /// Whoever knows the accounts answers it.
    Ask,
}

/// The exceptions.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Names that may not log in.
    pub denied_logins: Vec<String>,
    /// Rooms, by name, that nobody may enter.
    pub denied_rooms: Vec<String>,
    /// Whether calls are denied.
    pub no_calls: bool,
    /// Questions that are not answered.
    pub silent: Vec<Sort>,
}

impl Policy {
    /// What becomes of a question.
    pub fn course(&self, question: &Question) -> Course {
        if self.silent.contains(&Sort::of(question)) {
            return Course::Silence;
        }
        let denied = match question {
            Question::Login { name, .. } => self.denied_logins.contains(name),
            Question::Join { name, .. } => self.denied_rooms.contains(name),
            Question::Call { .. } => self.no_calls,
            Question::Lookup { .. } | Question::Contact { .. } => false,
        };
        match denied {
            true => Course::Answer(Decision::Deny(Code::FORBIDDEN)),
            false => Course::Ask,
        }
    }
}
