//! A connection as the forwarding table knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use super::link::Link;
use crate::protocol::CloseCode;
use crate::voice::{Peer, Reception};

/// A client's connection, which takes voice packets.
#[derive(Clone, Debug)]
pub struct LinkPeer {
    link: Link,
    shard: u8,
    reception: Arc<Reception>,
}

/// Connections so far, so that what gets lost isn't counted on all of them at the same packet.
static TURNS: AtomicU32 = AtomicU32::new(0);

impl LinkPeer {
    pub(super) fn new(link: Link, shard: u8) -> Self {
        let reception = Arc::new(Reception::new(TURNS.fetch_add(1, Ordering::Relaxed)));
        Self { link, shard, reception }
    }
}

impl Peer for LinkPeer {
    fn send(&self, datagram: Bytes) -> bool {
        let fits = self.link.send_datagram(datagram);
        if self.reception.is_due()
            && let Some((sent, lost)) = self.link.packets()
        {
            self.reception.count(sent, lost);
        }
        fits
    }

    fn close(&self, code: CloseCode) {
        self.link.close(code);
    }

    fn reception(&self) -> Option<&Reception> {
        Some(&self.reception)
    }

    fn shard(&self) -> usize {
        self.shard.into()
    }
}
