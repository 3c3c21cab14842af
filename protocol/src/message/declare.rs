//! The macros that declare messages: one declaration gives the type, its reader, its writer and its schema.

/// Declares the messages of one area: types, the area's `Message` enum, and `SCHEMAS`.
macro_rules! messages {
    ($(
        $(#[doc = $doc:literal])+
        $kind:literal $wire_name:ident $name:ident [$requirement:literal] $sender:ident ($($flag:ident)*) {
            $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)*
        }
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $name<'a> {
                $($(#[doc = $field_doc])+ pub $field: $type,)*
                /// Optional parameters, kept whole.
                pub params: $crate::wire::Params<'a>,
            }

            impl<'a> $crate::message::Wire<'a> for $name<'a> {
                const SCHEMA: $crate::wire::MessageSchema = $crate::wire::MessageSchema {
                    kind: $kind,
                    name: stringify!($wire_name),
                    requirement: $requirement,
                    doc: concat!($($doc),+),
                    sender: $crate::wire::Sender::$sender,
                    flags: $crate::wire::Flags(0 $(| $crate::wire::Flags::$flag.0)*),
                    fields: &[$($crate::wire::FieldSchema {
                        name: stringify!($field),
                        doc: concat!($($field_doc),+),
                        shape: <$type as $crate::wire::Field<'a>>::SHAPE,
                    },)*],
                };

                #[inline]
                fn read(input: &'a [u8]) -> $crate::wire::Parsed<'a, Self> {
                    $(let (input, $field) = <$type as $crate::wire::Field<'a>>::read(input)?;)*
                    let (input, params) = $crate::wire::Params::read(input)?;
                    Ok((input, Self { $($field,)* params }))
                }

                fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                    $($crate::wire::Field::write(&self.$field, out);)*
                    self.params.write(out);
                }

                fn values(&self) -> $crate::wire::Values {
                    #[allow(unused_mut, reason = "a message without fields adds none")]
                    let mut values = alloc::vec![$((
                        alloc::string::String::from(stringify!($field)),
                        $crate::wire::Field::value(&self.$field),
                    ),)*];
                    values.extend(self.params.value());
                    values
                }
            }
        )+

        /// A message of this area.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message<'a> {
            $($(#[doc = $doc])+ $name($name<'a>),)+
        }

        impl<'a> Message<'a> {
            // A message is large, and made in its place where this is part of the caller.
            #[inline]
            pub(super) fn decode(
                kind: u16,
                body: &'a [u8],
            ) -> Option<Result<Self, $crate::error::DecodeError>> {
                match kind {
                    $($kind => Some($crate::wire::complete(body, <$name<'a> as $crate::message::Wire<'a>>::read)
                        .map(Self::$name)),)+
                    _ => None,
                }
            }

            /// Appends the body.
            pub(super) fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                match self {
                    $(Self::$name(message) => $crate::message::Wire::write(message, out),)+
                }
            }

            /// The fields as data, then the parameters, if there are any.
            pub(super) fn values(&self) -> $crate::wire::Values {
                match self {
                    $(Self::$name(message) => $crate::message::Wire::values(message),)+
                }
            }
        }

        /// What each message of this area looks like, in order of number.
        pub const SCHEMAS: &[$crate::wire::MessageSchema] =
            &[$(<$name<'static> as $crate::message::Wire<'static>>::SCHEMA,)+];
    };
}

/// Declares a record: fields one after the other, inside a message.
macro_rules! record {
    ($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name<'a> {
            $($(#[doc = $field_doc])+ pub $field: $type,)+
        }

        impl<'a> $crate::wire::Field<'a> for $name<'a> {
            const SHAPE: $crate::wire::Shape = $crate::wire::Shape::Record(&[$($crate::wire::FieldSchema {
                name: stringify!($field),
                doc: concat!($($field_doc),+),
                shape: <$type as $crate::wire::Field<'a>>::SHAPE,
            },)+]);

            fn read(input: &'a [u8]) -> $crate::wire::Parsed<'a, Self> {
                $(let (input, $field) = <$type as $crate::wire::Field<'a>>::read(input)?;)+
                Ok((input, Self { $($field,)+ }))
            }

            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                $($crate::wire::Field::write(&self.$field, out);)+
            }

            fn value(&self) -> $crate::wire::Value {
                $crate::wire::Value::Record(alloc::vec![$((
                    alloc::string::String::from(stringify!($field)),
                    $crate::wire::Field::value(&self.$field),
                ),)+])
            }
        }
    };
}

/// Declares a number of one byte that is one of a few; others are malformed.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $item_doc:literal])+ $item:ident = $number:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $item_doc])+ $item = $number,)+
        }

        impl $crate::wire::Field<'_> for $name {
            const SHAPE: $crate::wire::Shape =
                $crate::wire::Shape::Choice(&[$((stringify!($item), $number),)+]);

            fn read(input: &[u8]) -> $crate::wire::Parsed<'_, Self> {
                let (rest, number) = <u8 as $crate::wire::Field<'_>>::read(input)?;
                match number {
                    $($number => Ok((rest, Self::$item)),)+
                    _ => Err(nom::Err::Error($crate::error::DecodeError::BadValue)),
                }
            }

            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                out.push(*self as u8);
            }

            fn value(&self) -> $crate::wire::Value {
                $crate::wire::Value::Number((*self as u8).into())
            }
        }
    };
}

/// Declares a byte of flags; bits without a name are malformed.
macro_rules! bits {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $item_doc:literal])+ $item:ident = $bit:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u8);

        impl $name {
            /// None of them.
            pub const NONE: Self = Self(0);
            /// All of them.
            pub const ALL: Self = Self(0 $(| $bit)+);
            $($(#[doc = $item_doc])+ pub const $item: Self = Self($bit);)+

            /// Whether all of `other` are set.
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Both together.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// What both have.
            #[must_use]
            pub const fn and(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// The byte.
            pub const fn bits(self) -> u8 {
                self.0
            }
        }

        impl $crate::wire::Field<'_> for $name {
            const SHAPE: $crate::wire::Shape =
                $crate::wire::Shape::Bits(&[$((stringify!($item), $bit),)+]);

            fn read(input: &[u8]) -> $crate::wire::Parsed<'_, Self> {
                let (rest, bits) = <u8 as $crate::wire::Field<'_>>::read(input)?;
                if bits & !Self::ALL.0 == 0 {
                    Ok((rest, Self(bits)))
                } else {
                    Err(nom::Err::Error($crate::error::DecodeError::BadValue))
                }
            }

            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                out.push(self.0);
            }

            fn value(&self) -> $crate::wire::Value {
                $crate::wire::Value::Number(self.0.into())
            }
        }
    };
}
