//! cabi
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod data_model;
mod error;
mod layout;
mod record;
mod types;

pub use data_model::{BitFieldStyle, DataModel, Language, LongDouble};
pub use error::Error;
pub use record::{BitField, Field, Member, Record, RecordBuilder, RecordKind};
pub use types::{Array, BoolVector, Kind, MAX_ALIGN, MAX_DEPTH, MAX_NODES, Scalar, Type, Vector};
