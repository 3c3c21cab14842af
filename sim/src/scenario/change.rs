//! Some of a link's properties: what a preset, a table or a fault says of it, and nothing about the rest.

use core::time::Duration;
use std::collections::BTreeSet;

use toml::Value;

use super::error::ScenarioError;
use super::format::{BitRate, Format as _, List, Maybe, NonZero, bytes, wait};
use super::models::{
    Corrupting, DelaySteps, Duplicating, Ecn, Interval, Jittering, Losing, Numbers, Opportune,
    Policing, Queueing, RateSteps, Reordering, Switching,
};
use super::section::Section;
use crate::link::{
    Corrupt, DelayStep, Duplicate, EcnMangle, Jitter, LinkConfig, Loss, OnOff, Opportunities,
    Outage, Policer, QueueConfig, Rate, RateStep, Reorder,
};
use crate::time::Time;

/// Declares [`LinkChange`]: each key of a link, the field of [`LinkConfig`] that it sets, and how it is written.
macro_rules! properties {
    ($($key:ident => $field:ident: $type:ty = $format:expr;)*) => {
        /// Properties of a link direction to be set; those that are `None` stay as they are.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct LinkChange {
            $(
                #[doc = concat!("See [`LinkConfig::", stringify!($field), "`].")]
                pub $field: Option<$type>,
            )*
        }

        /// The keys of a link's properties.
        pub(super) const PROPERTIES: &[&str] = &[$(stringify!($key)),*];

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

            /// The names of those that are to be set.
            pub fn named(&self) -> impl Iterator<Item = &'static str> + use<> {
                let set = [$((stringify!($field), self.$field.is_some())),*];
                set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name)
            }

            /// Reads the properties in a table, which may have other keys.
            pub(super) fn parse(section: Section<'_>) -> Result<LinkChange, ScenarioError> {
                let mut change = LinkChange {
                    $(
                        $field: match section.optional(stringify!($key)) {
                            Some(field) => Some($format.read(field)?),
                            None => None,
                        },
                    )*
                };
                change.settle(section)?;
                Ok(change)
            }

            /// Does not compile if a link has a property without a key.
            const _COMPLETE: fn(LinkConfig) = |config| {
                let LinkConfig { $($field: _),* } = config;
            };

            /// The keys that a file says it with, and their values in TOML.
            pub fn settings(&self) -> Vec<(&'static str, String)> {
                let keys = self.write().into_iter();
                keys.map(|(key, value)| (key, value.to_string())).collect()
            }

            /// The keys that say it.
            pub(super) fn write(&self) -> Vec<(&'static str, Value)> {
                let mut keys = Vec::new();
                $(
                    if let Some(value) = &self.$field {
                        keys.push((stringify!($key), $format.write(value)));
                    }
                )*
                keys
            }
        }
    };
}

properties! {
    mtu => mtu: Option<u64> = Maybe(NonZero(bytes("1280 B")));
    drop => drop: BTreeSet<u64> = Numbers;
    loss => loss: Loss = Losing;
    policer => policer: Option<Policer> = Maybe(Policing);
    queue => queue: QueueConfig = Queueing;
    rate => rate: Option<Rate> = Maybe(BitRate);
    schedule => rates: Vec<RateStep> = RateSteps;
    reference => reference: Option<Rate> = Maybe(BitRate);
    opportunities => trace: Option<Opportunities> = Maybe(Opportune);
    on_off => on_off: Option<OnOff> = Maybe(Switching);
    air_loss => air_loss: Loss = Losing;
    delay => delay: Duration = wait("15 ms");
    delay_schedule => delays: Vec<DelayStep> = DelaySteps;
    jitter => jitter: Jitter = Jittering;
    reorder => reorder: Reorder = Reordering;
    duplicate => duplicate: Duplicate = Duplicating;
    corrupt => corrupt: Corrupt = Corrupting;
    ecn => ecn: EcnMangle = Ecn;
    outages => outages: Vec<Outage> = List(Interval);
}

impl LinkChange {
    /// Sets on `config` what this says, from `now` on: where it gives a rate or a delay, what a schedule has said until
    /// then no longer holds; what it says of later does.
    pub fn apply_at(&self, now: Time, config: &mut LinkConfig) {
        self.apply(config);
        if self.rate.is_some() && self.rates.is_none() {
            config.rates.retain(|step| step.at > now);
        }
        if self.delay.is_some() && self.delays.is_none() {
            config.delays.retain(|step| step.at > now);
        }
    }

    /// Makes one of what has two forms: a schedule that begins at zero has the rate there, and opportunities or a rate
    /// take each other's place.
    fn settle(&mut self, section: Section<'_>) -> Result<(), ScenarioError> {
        if let (Some(rates), Some(field)) = (&mut self.rates, section.optional("schedule")) {
            match (rates.first().copied(), self.rate) {
                (Some(first), None) if first.at == Time::ZERO && first.rate.is_some() => {
                    self.rate = Some(first.rate);
                    rates.remove(0);
                }
                (Some(first), Some(_)) if first.at == Time::ZERO && first.rate.is_some() => {
                    return Err(field.error("the rate at 0 s is what `rate` says"));
                }
                _ => {}
            }
        }
        if let (Some(Some(_)), Some(field)) = (&self.trace, section.optional("opportunities")) {
            let rated = self.rate.is_some_and(|rate| rate.is_some());
            if rated || self.rates.as_ref().is_some_and(|rates| !rates.is_empty()) {
                return Err(field.key_error("`opportunities` and a rate exclude each other"));
            }
            self.rate = Some(None);
            self.rates = Some(Vec::new());
        } else if let (Some(Some(_)), None) = (&self.rate, &self.trace) {
            self.trace = Some(None);
        }
        Ok(())
    }
}
