//! Some of a link's properties: what a preset, a table or a fault says of it, and nothing about the rest.

use core::time::Duration;

use toml::Value;

use super::error::ScenarioError;
use super::format::{BitRate, Format as _, List, Maybe, Span};
use super::section::Section;
use super::setting::{Interval, JitterBound, LossModel, QueueSize};
use crate::link::{Jitter, LinkConfig, Loss, Outage, QueueConfig, Rate};

/// Declares [`LinkChange`]: each field of [`LinkConfig`] with how it is read.
macro_rules! properties {
    ($($field:ident: $type:ty = $format:expr;)*) => {
        /// Properties of a link direction to be set; those that are `None` stay as they are.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct LinkChange {
            $(
                #[doc = concat!("See [`LinkConfig::", stringify!($field), "`].")]
                pub $field: Option<$type>,
            )*
        }

        /// The keys of a link's properties.
        pub(super) const PROPERTIES: &[&str] = &[$(stringify!($field)),*];

        impl LinkChange {
            /// Sets on `config` what this says.
            pub fn apply(&self, config: &mut LinkConfig) {
                $(
                    if let Some(value) = &self.$field {
                        config.$field = value.clone();
                    }
                )*
            }

            /// What to set on `before` so that it becomes `after`.
            pub fn between(before: &LinkConfig, after: &LinkConfig) -> LinkChange {
                LinkChange {
                    $($field: (before.$field != after.$field).then(|| after.$field.clone()),)*
                }
            }

            /// Reads the properties in a table, which may have other keys.
            pub(super) fn parse(section: Section<'_>) -> Result<LinkChange, ScenarioError> {
                Ok(LinkChange {
                    $(
                        $field: match section.optional(stringify!($field)) {
                            Some(field) => Some($format.read(field)?),
                            None => None,
                        },
                    )*
                })
            }

            /// The keys that say it.
            pub(super) fn write(&self) -> Vec<(&'static str, Value)> {
                let mut keys = Vec::new();
                $(
                    if let Some(value) = &self.$field {
                        keys.push((stringify!($field), $format.write(value)));
                    }
                )*
                keys
            }
        }
    };
}

properties! {
    rate: Option<Rate> = Maybe(BitRate);
    queue: QueueConfig = QueueSize;
    delay: Duration = Span("15 ms");
    jitter: Jitter = JitterBound;
    loss: Loss = LossModel;
    outages: Vec<Outage> = List(Interval);
}
