//! A connection as the forwarding table knows it.

use bytes::Bytes;

use crate::protocol::CloseCode;
use crate::voice::Peer;

/// A QUIC connection that takes datagrams.
#[derive(Clone, Debug)]
pub struct QuicPeer {
    connection: quinn::Connection,
    shard: u8,
}

impl QuicPeer {
    pub(super) fn new(connection: quinn::Connection, shard: u8) -> Self {
        Self { connection, shard }
    }
}

impl Peer for QuicPeer {
    fn send(&self, datagram: Bytes) -> bool {
        // quinn makes room by dropping the oldest datagram without a word; look before, to count it.
        let fits = self.connection.datagram_send_buffer_space() >= datagram.len();
        self.connection.send_datagram(datagram).is_ok() && fits
    }

    fn close(&self, code: CloseCode) {
        self.connection.close(code.number().into(), code.sentence().as_bytes());
    }

    fn shard(&self) -> usize {
        self.shard.into()
    }
}
