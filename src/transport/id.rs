//! Connection ids of a server (RFC 9000, section 5.1): the first byte names the shard that the connection
//! lives on, so that the kernel brings packets there whatever address they come from.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};
use ring::hmac;

/// Bytes of an id: one for the shard, seven that are random, four that prove that it is ours. quinn looks for
/// doubles among the ids of connections, but not when it makes one for a Retry, and a client that was given
/// another's id would never be answered: three random bytes did that once in some thousand connections.
const LENGTH: usize = 12;
const PROVEN: usize = 8;

/// Has a client connect to the shard of this number, counted round: a server deals first packets out by the
/// first byte of the id that the client makes up for them.
pub fn toward(config: &mut quinn::ClientConfig, shard: u8) {
    config.initial_dst_cid_provider(Arc::new(move || {
        let mut id = [shard; LENGTH];
        // Without randomness there is no TLS either.
        let _ = getrandom::fill(id.get_mut(1..).unwrap_or_default());
        ConnectionId::new(&id)
    }));
}

/// Makes ids for one shard.
pub(super) struct ShardIds {
    shard: u8,
    key: hmac::Key,
}

impl ShardIds {
    pub(super) fn new(shard: u8, key: hmac::Key) -> Self {
        Self { shard, key }
    }

    fn proof(&self, front: &[u8]) -> impl Iterator<Item = u8> {
        let tag = hmac::sign(&self.key, front);
        (0..LENGTH - PROVEN).filter_map(move |place| tag.as_ref().get(place).copied())
    }
}

impl ConnectionIdGenerator for ShardIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut front = [self.shard; PROVEN];
        if let Some(random) = front.get_mut(1..) {
            // Without randomness there is no TLS either; an id that is taken is made anew.
            let _ = getrandom::fill(random);
        }
        let id: Vec<u8> = front.iter().copied().chain(self.proof(&front)).collect();
        ConnectionId::new(&id)
    }

    /// An id that isn't ours gets no answer at all: not even a stateless reset.
    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        let (front, proof) = id.split_at_checked(PROVEN).ok_or(InvalidCid)?;
        if proof.iter().copied().eq(self.proof(front)) { Ok(()) } else { Err(InvalidCid) }
    }

    fn cid_len(&self) -> usize {
        LENGTH
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_their_shard_and_foreign_ones_are_known() {
        let key = |secret: u8| hmac::Key::new(hmac::HMAC_SHA256, &[secret; 32]);
        let mut ids = ShardIds::new(3, key(1));
        let id = ids.generate_cid();
        assert_eq!((id.len(), id[0]), (LENGTH, 3));
        assert!(ids.validate(&id).is_ok());
        assert_ne!(ids.generate_cid(), id);
        assert!(ShardIds::new(3, key(2)).validate(&id).is_err());
        let several: std::collections::HashSet<Vec<u8>> =
            (0..20_000).map(|_| ids.generate_cid().to_vec()).collect();
        assert_eq!(several.len(), 20_000, "doubles");
        for place in 0..LENGTH {
            let mut other = id.to_vec();
            other[place] ^= 1;
            assert!(ids.validate(&ConnectionId::new(&other)).is_err());
        }
        assert!(ids.validate(&ConnectionId::new(&[])).is_err());
    }
}
