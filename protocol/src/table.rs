//! Legality is a table, effects are code: each cell says what an event means in a phase, and under which requirement.
//! The table has no wildcard, so that a missing cell does not compile; the spec's tables and diagrams come from it.

use crate::code::Code;
use crate::error::{UsageError, Violation};

/// What an event means in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<P> {
    /// It is legal, and leads to this phase.
    Go(P),
    /// It is harmless here: a duplicate, or a race that was lost.
    Ignore,
    /// The request is refused with this code; nothing else happens.
    Refuse(Code),
    /// The peer broke a rule; its session ends.
    Breach(Violation),
    /// Our caller made a mistake; nothing changed.
    Misuse(UsageError),
}

/// One row of a table, for those who render it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The requirement.
    pub requirement: &'static str,
    /// In these phases …
    pub phases: &'static [&'static str],
    /// … these events …
    pub events: &'static [&'static str],
    /// … are: `go`, `ignore`, `refuse`, `breach` or `misuse`.
    pub verdict: &'static str,
    /// The phase, code, violation or mistake that goes with it; empty with `ignore`.
    pub with: &'static str,
}

/// A state machine's table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub doc: &'static str,
    /// The phase that it begins in.
    pub begin: &'static str,
    /// Its phases, and what each means.
    pub phases: &'static [(&'static str, &'static str)],
    /// What can happen to it, and what that is.
    pub events: &'static [(&'static str, &'static str)],
    /// Its rows.
    pub rows: &'static [Row],
}

/// Every table of this revision.
pub const TABLES: &[Table] = &[
    crate::session::server::TABLE,
    crate::session::client::TABLE,
    crate::call::server::TABLE,
    crate::call::client::TABLE,
    crate::service::link::TABLE,
    crate::service::client::TABLE,
    crate::transfer::server::TABLE,
    crate::transfer::client::TABLE,
];

/// Declares phases, events, `verdict` and `TABLE`.
macro_rules! table {
    (
        $(#[doc = $doc:literal])+
        $name:literal begins $begin:ident;
        phases { $($(#[doc = $phase_doc:literal])+ $phase:ident,)+ }
        events { $($(#[doc = $event_doc:literal])+ $event:ident,)+ }
        $($req:literal: $($p:ident)|+ , $($e:ident)|+ => $verb:ident $(($with:ident))?;)+
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Phase { $($(#[doc = $phase_doc])+ $phase,)+ }

        /// What can happen to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Happening { $($(#[doc = $event_doc])+ $event,)+ }

        /// What an event means in a phase, and the requirement that says so.
        #[deny(unreachable_patterns)]
        pub const fn verdict(phase: Phase, event: Happening) -> ($crate::table::Verdict<Phase>, &'static str) {
            match (phase, event) {
                $(($(Phase::$p)|+, $(Happening::$e)|+) => ($crate::table::table!(@ $verb $($with)?), $req),)+
            }
        }

        /// The same, for those who render it.
        pub const TABLE: $crate::table::Table = $crate::table::Table {
            name: $name,
            doc: concat!($($doc),+),
            begin: stringify!($begin),
            phases: &[$((stringify!($phase), concat!($($phase_doc),+)),)+],
            events: &[$((stringify!($event), concat!($($event_doc),+)),)+],
            rows: &[$($crate::table::Row {
                requirement: $req,
                phases: &[$(stringify!($p)),+],
                events: &[$(stringify!($e)),+],
                verdict: stringify!($verb),
                with: concat!($(stringify!($with))?),
            },)+],
        };
    };
    (@ go $to:ident) => { $crate::table::Verdict::Go(Phase::$to) };
    (@ ignore) => { $crate::table::Verdict::Ignore };
    (@ refuse $code:ident) => { $crate::table::Verdict::Refuse($crate::code::Code::$code) };
    (@ breach $violation:ident) => { $crate::table::Verdict::Breach($crate::error::Violation::$violation) };
    (@ misuse $mistake:ident) => { $crate::table::Verdict::Misuse($crate::error::UsageError::$mistake) };
}
pub(crate) use table;
