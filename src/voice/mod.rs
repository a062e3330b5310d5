//! Who hears whom, decided beforehand: the forwarding table, the limiter of each speaker, the gathering of
//! frames where many speak, who waits at the limit of the machine, and the counters of what became of packets. Pure: no network, no clock, no lock.
//!
//! The table is generic over [`Peer`], so routing is tested without a connection.

mod counts;
mod gather;
mod limiter;
mod overload;
mod table;

pub use counts::{Counts, Fate};
pub use gather::{Frame, Gather, Offer};
pub use limiter::{Bucket, Limiter, Rates};
pub use overload::{Overload, TICK};
pub use table::{Audience, ForwardTable, Seat};

use bytes::Bytes;

/// Where a listener's packets go.
pub trait Peer: Clone + Send + Sync + 'static {
    /// Hands over a datagram without waiting. Answers `false` when it was dropped, or pushed out an
    /// older one, because the connection can't take more now.
    fn send(&self, datagram: Bytes) -> bool;

    /// Closes the connection with an application close code and reason; a closed one stays closed.
    fn close(&self, code: crate::protocol::CloseCode);

    /// The number of the shard that its connection lives on, from 0.
    fn shard(&self) -> usize {
        0
    }
}
