//! Values of templates as JSON, within the bound.

use std::io;

use serde_json::Value;

use crate::bounds::MAX_FLOW_VALUE;

/// What is said where the bound is reached.
pub(super) const TOO_MUCH: &str = "it makes more than 64 KiB";

/// A value of a template as JSON; what is wrong with it, where it is too large or no JSON.
pub(super) fn to_json(value: &minijinja::Value) -> Result<Value, String> {
    let mut made = Bounded::default();
    match serde_json::to_writer(&mut made, value) {
        Ok(()) => serde_json::from_slice(&made.0).map_err(|error| format!("it isn't JSON: {error}")),
        Err(error) if error.is_io() => Err(TOO_MUCH.to_owned()),
        Err(error) => Err(format!("it isn't JSON: {error}")),
    }
}

/// Where a template writes, up to the bound.
#[derive(Default)]
pub(super) struct Bounded(Vec<u8>);

impl Bounded {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_FLOW_VALUE {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
