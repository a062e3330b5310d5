//! What the connections of a shard have together.

use super::cover::Covers;
use super::limits::Limits;
use super::peer::LinkPeer;
use super::places::Places;
use super::relay::Relay;
use crate::control::Organizations;
use crate::protocol::wire;

/// What the tasks of a shard's connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) shard: u8,
    pub(super) organizations: Organizations<LinkPeer>,
    pub(super) limits: Limits,
    pub(super) welcome: wire::Welcome,
    pub(super) relay: Relay,
    /// How many covers the shard sends.
    pub(super) covers: Covers,
    /// The places of connections, of all shards.
    pub(super) places: Places,
}
