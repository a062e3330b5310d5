//! What one connection may do, and how many there may be.

use std::time::Duration;

use super::places::Bounds;
use crate::voice::Rates;

/// What one connection may do, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections there may be.
    pub places: Bounds,
    /// Voice packets and bytes a second of one session.
    pub voice: Rates,
    /// Requests a second of one session, sustained.
    pub requests_per_second: u32,
    /// Requests that may come at once.
    pub request_burst: u32,
    /// Time from the first packet to being logged in, and from a request's beginning to its end.
    pub handshake: Duration,
    /// Silence after which a connection is given up.
    pub idle: Duration,
    /// How long frames wait for each other where several people speak.
    pub gather: Duration,
    /// Threads that carry connections and voice, at least one.
    pub shards: usize,
}
