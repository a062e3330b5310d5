//! Runs of flows: each is begun, done step by step, and undone where that is asked for. What a run has come to is kept by the store
//! alone, so whoever does it may end at any moment, and goes on where it was.
//!
//! **Once.** A step is said to be begun before it is done. An operation acts as the flow's owner by way of the step
//! (`id::Way::Flow`), and the store notes in the same transaction that the step is done (`store::write`), so after a crash it is known
//! whether its effect is there. A step that changes nothing that is kept is done again, but for what people would notice twice: what
//! is live, such as a text, is done once at most, since everything that it was about has ended with the server. Somebody else's server is asked
//! once at least, by the same key.

mod call;
mod cause;
mod doer;
mod one;
mod parts;
mod scope;
mod time;

pub use doer::Runner;
