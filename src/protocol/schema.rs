//! The messages of `protocol.proto` as tables, by which they are read and written as JSON.

pub use generated::*;

mod generated {
    use crate::protocol::json::{Field, Kind, Message};

    include!(concat!(env!("OUT_DIR"), "/schema.rs"));
}
