//! Bytes: frames, fields, limits. Everything that reads is nom over a complete slice; reassembly is the framer's alone.

mod dynamic;
mod field;
mod framer;
mod header;
mod params;
mod reserved;
mod schema;
mod sink;
mod utf8;

pub use dynamic::{Value, Values, decode as decode_dynamic, encode as encode_dynamic};
pub use field::{Address, Field, List, Opaque, Parsed, Secret, Text, Within};
pub use framer::{Frame, Framer};
pub use header::{Flags, FrameHeader, HEADER_LEN};
pub use params::{Param, Params};
pub use reserved::{is_ignorable, is_reserved_kind, is_reserved_param};
pub use schema::{FieldSchema, MessageSchema, Sender, Shape, min_len};
pub use sink::Sink;

pub(crate) use dynamic::read_record;
pub(crate) use field::complete;
pub(crate) use reserved::{reserved_frame, reserved_param};
pub(crate) use sink::Gather;
