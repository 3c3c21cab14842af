//! Some of a link's properties: what a preset, a table or a fault says of it, and nothing about the rest.

use core::time::Duration;

use super::error::ScenarioError;
use super::section::Section;
use super::setting;
use crate::link::{LinkConfig, Loss, Outage, Rate};

/// Declares [`LinkChange`]: each field of [`LinkConfig`] with how it is read.
macro_rules! properties {
    ($($field:ident: $type:ty, $read:path;)*) => {
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
                            Some(field) => Some($read(field)?),
                            None => None,
                        },
                    )*
                })
            }
        }
    };
}

properties! {
    rate: Option<Rate>, setting::rate;
    queue: Option<u64>, setting::queue;
    delay: Duration, setting::delay;
    jitter: Duration, setting::jitter;
    loss: Loss, setting::loss;
    outages: Vec<Outage>, setting::outages;
}
