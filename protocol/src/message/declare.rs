//! The macros that declare messages: one declaration gives the type, its reader, its writer and its schema.

/// Declares the messages of one area: types, the area's `Message` enum, and `SCHEMAS`.
macro_rules! messages {
    ($area:ident: $(
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

                fn read(input: &'a [u8]) -> $crate::wire::Parsed<'a, Self> {
                    $(let (input, $field) = <$type as $crate::wire::Field<'a>>::read(input)?;)*
                    let (input, params) = $crate::wire::Params::read(input)?;
                    Ok((input, Self { $($field,)* params }))
                }

                #[inline(always)]
                fn read_plain(input: &'a [u8]) -> Option<Self> {
                    // One look at the length for all fixed fields up to the first text or list.
                    if input.len() < Self::MIN_LEN {
                        return None;
                    }
                    $(let (input, $field) = <$type as $crate::wire::Field<'a>>::read_plain(input)?;)*
                    let params = $crate::wire::Params::read_plain(input)?;
                    Some(Self { $($field,)* params })
                }

                #[inline(always)]
                fn write(&self, out: &mut impl $crate::wire::Sink) {
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

                #[inline(always)]
                fn encoded_len(&self) -> usize {
                    self.params.encoded_len()
                        $(.saturating_add($crate::wire::Field::encoded_len(&self.$field)))*
                }

                fn encode_into(&self, out: &mut alloc::vec::Vec<u8>) {
                    const FIXED: usize = $crate::wire::HEADER_LEN
                        .saturating_add(<$name<'static> as $crate::message::Wire<'static>>::MIN_LEN);
                    let header = $crate::wire::FrameHeader {
                        kind: Self::SCHEMA.kind,
                        flags: Self::SCHEMA.flags,
                        reserved: 0,
                        length: $crate::message::Wire::encoded_len(self) as u32,
                    };
                    let mut gather = $crate::wire::Gather::<FIXED>::new(out);
                    $crate::wire::Sink::put(&mut gather, header.bytes());
                    $crate::message::Wire::write(self, &mut gather);
                    gather.flush();
                }
            }
        )+

        /// A message of this area.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message<'a> {
            $($(#[doc = $doc])+ $name($name<'a>),)+
        }

        $(
            impl<'a> From<$name<'a>> for $crate::message::Message<'a> {
                #[inline(always)]
                fn from(message: $name<'a>) -> Self {
                    Self::$area(Message::$name(message))
                }
            }
        )+

        impl<'a> Message<'a> {
            /// What reads a body of this kind.
            pub(super) const fn reader<T: $crate::message::Outcome<'a>>(
                kind: u16,
            ) -> $crate::message::Reader<'a, T> {
                match kind {
                    $($kind => $crate::message::decode_one::<$name<'a>, T>,)+
                    _ => $crate::message::decode_unknown::<T>,
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

        /// What a message of this area looks like.
        pub(super) fn schema(kind: u16) -> Option<&'static $crate::wire::MessageSchema> {
            match kind {
                $($kind => Some(&<$name<'static> as $crate::message::Wire<'static>>::SCHEMA),)+
                _ => None,
            }
        }

        /// What each message of this area looks like, in order of number.
        pub const SCHEMAS: &[$crate::wire::MessageSchema] =
            &[$(<$name<'static> as $crate::message::Wire<'static>>::SCHEMA,)+];
    };
}

/// Declares a record: fields one after the other, inside a message; `plain` where it borrows nothing.
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

            #[inline]
            fn read(input: &'a [u8]) -> $crate::wire::Parsed<'a, Self> {
                $(let (input, $field) = <$type as $crate::wire::Field<'a>>::read(input)?;)+
                Ok((input, Self { $($field,)+ }))
            }

            #[inline]
            fn encoded_len(&self) -> usize {
                0_usize $(.saturating_add($crate::wire::Field::encoded_len(&self.$field)))+
            }

            #[inline]
            fn write(&self, out: &mut impl $crate::wire::Sink) {
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
    ($(#[doc = $doc:literal])+ $name:ident plain {
        $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $field_doc])+ pub $field: $type,)+
        }

        impl<'a> $crate::wire::Field<'a> for $name {
            const SHAPE: $crate::wire::Shape = $crate::wire::Shape::Record(&[$($crate::wire::FieldSchema {
                name: stringify!($field),
                doc: concat!($($field_doc),+),
                shape: <$type as $crate::wire::Field<'a>>::SHAPE,
            },)+]);

            fn read(input: &'a [u8]) -> $crate::wire::Parsed<'a, Self> {
                $(let (input, $field) = <$type as $crate::wire::Field<'a>>::read(input)?;)+
                Ok((input, Self { $($field,)+ }))
            }

            fn write(&self, out: &mut impl $crate::wire::Sink) {
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

            #[inline(always)]
            fn read(input: &[u8]) -> $crate::wire::Parsed<'_, Self> {
                let (rest, number) = <u8 as $crate::wire::Field<'_>>::read(input)?;
                match number {
                    $($number => Ok((rest, Self::$item)),)+
                    _ => Err(nom::Err::Error($crate::error::DecodeError::BadValue)),
                }
            }

            #[inline(always)]
            fn write(&self, out: &mut impl $crate::wire::Sink) {
                out.put([*self as u8]);
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

            #[inline(always)]
            fn read(input: &[u8]) -> $crate::wire::Parsed<'_, Self> {
                let (rest, bits) = <u8 as $crate::wire::Field<'_>>::read(input)?;
                if Self(bits).and(Self::ALL).0 == bits {
                    Ok((rest, Self(bits)))
                } else {
                    Err(nom::Err::Error($crate::error::DecodeError::BadValue))
                }
            }

            #[inline(always)]
            fn write(&self, out: &mut impl $crate::wire::Sink) {
                out.put([self.0]);
            }

            fn value(&self) -> $crate::wire::Value {
                $crate::wire::Value::Number(self.0.into())
            }
        }
    };
}
