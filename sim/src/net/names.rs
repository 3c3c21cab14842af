//! Enumerations whose values have names in scenario files.

use thiserror::Error;

/// A word that names no value of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{name}` is none of {}", known.join(", "))]
pub struct UnknownName {
    /// What was written.
    pub name: String,
    /// What could have been.
    pub known: &'static [&'static str],
}

/// An enumeration with a name for each value, in kebab-case, that is displayed and read.
macro_rules! named {
    (
        $(#[$of:meta])*
        pub enum $type:ident {
            $( $(#[$each:meta])* $value:ident = $name:literal, )+
        }
    ) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $( $(#[$each])* $value, )+
        }

        impl $type {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [$type] = &[$( $type::$value, )+];

            /// The names of [`Self::ALL`], in the same order.
            pub const NAMES: &'static [&'static str] = &[$( $name, )+];

            /// The value's name in files and logs.
            pub const fn name(self) -> &'static str {
                match self {
                    $( $type::$value => $name, )+
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        impl core::str::FromStr for $type {
            type Err = $crate::net::UnknownName;

            fn from_str(name: &str) -> Result<$type, Self::Err> {
                match name {
                    $( $name => Ok($type::$value), )+
                    _ => Err($crate::net::UnknownName {
                        name: name.to_owned(),
                        known: $type::NAMES,
                    }),
                }
            }
        }
    };
}

pub(crate) use named;
