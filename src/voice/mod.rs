//! Who hears whom, decided beforehand: the forwarding table, the limiter of each speaker, the gathering of
//! frames where many speak, who waits at the limit of the machine, the last N speakers of a channel, what
//! listeners lose, and the counters of what became of packets. Pure: no network and no clock. A packet looks its listeners up without a lock; only a
//! channel that passes on so many speakers at once has one, which its speakers share and which is held for an instant (`selection`).
//!
//! The table is generic over [`Peer`], so routing is tested without a connection.

mod activity;
mod counts;
mod gather;
mod limiter;
mod loss;
mod overload;
mod selection;
mod table;

pub use activity::Activity;
pub use counts::{Counts, Outcome};
pub use gather::{Frame, Gather, Offer};
pub use limiter::{Bucket, Limiter, Rates};
pub use loss::{Arrivals, LossTeller, Reception, typical_loss};
pub use overload::{Overload, TICK, own_part};
pub use selection::SpeakerSelection;
pub use table::{Audience, ForwardTable, Listener, Route};

use bytes::Bytes;

use crate::id::Ssrc;

/// Where a recorded channel's packets go, beside the listeners.
pub trait Tap: std::fmt::Debug + Send + Sync {
    /// Hands over a datagram without waiting. Answers `false` when it was dropped.
    fn offer(&self, ssrc: Ssrc, datagram: Bytes) -> bool;
}

/// Where a listener's packets go.
pub trait Peer: Clone + Send + Sync + 'static {
    /// Hands over a datagram without waiting. Answers `false` when it was dropped, or pushed out an
    /// older one, because the connection can't take more now.
    fn send(&self, datagram: Bytes) -> bool;

    /// Closes the connection with an application close code and reason; a closed one stays closed.
    fn close(&self, code: crate::protocol::CloseCode);

    /// What gets lost on the way to it, if that is counted.
    fn reception(&self) -> Option<&Reception> {
        None
    }

    /// The number of the shard that its connection lives on, from 0.
    fn shard(&self) -> usize {
        0
    }
}
