//! Who connects to a database that no server has: nobody.

use bytes::Bytes;

use crate::protocol::CloseCode;
use crate::voice::Peer;

/// A connection that there can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {}

impl Peer for Nobody {
    fn send(&self, _: Bytes) -> bool {
        match *self {}
    }

    fn close(&self, _: CloseCode) {
        match *self {}
    }
}
