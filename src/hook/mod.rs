//! Webhooks: messages are delivered to their receivers, each webhook's in their order, one at a time. What they are, and who
//! may know of it, is decided by `control`; what has become of them is kept by the store, so whoever delivers keeps nothing,
//! and may end at any moment: what isn't known to be delivered is sent again, under the same identifier.

mod deliverer;
mod delivery;
mod schedule;

pub use deliverer::Deliverer;
