//! A connection as the forwarding table knows it.

use bytes::Bytes;

use crate::protocol::CloseCode;
use crate::voice::Peer;

/// A QUIC connection that takes datagrams.
#[derive(Clone, Debug)]
pub struct QuicPeer(pub(super) quinn::Connection);

impl Peer for QuicPeer {
    fn send(&self, datagram: Bytes) -> bool {
        // quinn makes room by dropping the oldest datagram without a word; look before, to count it.
        let fits = self.0.datagram_send_buffer_space() >= datagram.len();
        self.0.send_datagram(datagram).is_ok() && fits
    }

    fn close(&self, code: CloseCode) {
        self.0.close(code.number().into(), code.sentence().as_bytes());
    }
}
