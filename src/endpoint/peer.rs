//! A connection as the forwarding table knows it.

use bytes::Bytes;

use super::link::Link;
use crate::protocol::CloseCode;
use crate::voice::Peer;

/// A client's connection, which takes voice packets.
#[derive(Clone, Debug)]
pub struct LinkPeer {
    link: Link,
    shard: u8,
}

impl LinkPeer {
    pub(super) fn new(link: Link, shard: u8) -> Self {
        Self { link, shard }
    }
}

impl Peer for LinkPeer {
    fn send(&self, datagram: Bytes) -> bool {
        self.link.send_datagram(datagram)
    }

    fn close(&self, code: CloseCode) {
        self.link.close(code);
    }

    fn shard(&self) -> usize {
        self.shard.into()
    }
}
