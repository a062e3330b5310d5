//! Who comes in, and what becomes of them.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::id::{SessionId, Ssrc};
use crate::protocol::wire::MemberKind;
use crate::protocol::{CloseCode, ELEMENTS, PRESENCE, PROFILES};
use crate::voice::Activity;

/// Who comes in, besides what they proved.
#[derive(Clone, Debug)]
pub struct Newcomer<P> {
    /// Where voice goes.
    pub peer: P,
    /// Where it connects from.
    pub address: IpAddr,
    /// What kind of client it is.
    pub kind: MemberKind,
    /// Its program's name and version.
    pub client: String,
    /// What it wants to be told beside what everybody is told.
    pub wants: Wants,
}

/// What a client wants to be told, or how, by the features that its greeting names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Which elements change.
    pub elements: bool,
    /// Who shows something else of themselves, and what else follows one from device to device.
    pub profiles: bool,
    /// Of people by interest, rather than of all.
    pub presence: bool,
}

impl Wants {
    /// What the features of a greeting say.
    pub fn of(features: &[String]) -> Self {
        let has = |wanted| features.iter().any(|feature| feature == wanted);
        Self { elements: has(ELEMENTS), profiles: has(PROFILES), presence: has(PRESENCE) }
    }
}

/// A session that is in the state.
#[derive(Debug)]
pub struct Attached {
    /// Which.
    pub session: SessionId,
    /// The name that others see.
    pub name: String,
    /// Which connection of it: a later one has another number.
    pub attachment: u64,
    /// What its packets must carry.
    pub ssrc: Ssrc,
    /// What it does is noted here, by the monotonic time of the clock ...
    pub activity: Arc<Activity>,
    /// ... as this one is, when it came.
    pub arrived: Duration,
    /// Set when its events end because it is sent away: the code to close with once it has read why.
    pub parting: Arc<OnceLock<CloseCode>>,
    /// Tells when nobody has it any more.
    pub(super) _held: Held,
}

/// Those that nobody has any more, each with the number of its connection.
#[derive(Clone, Debug, Default)]
pub(super) struct LetGo(Arc<Mutex<Vec<(SessionId, u64)>>>);

impl LetGo {
    /// Something that somebody has who came in; dropped, it is noted here.
    pub(super) fn hold(&self, session: SessionId, attachment: u64) -> Held {
        Held { session, attachment, noted: self.clone() }
    }

    /// Those that were let go since this was asked last.
    pub(super) fn take(&self) -> Vec<(SessionId, u64)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Held by whoever came in, for as long as they are there.
#[derive(Debug)]
pub(super) struct Held {
    session: SessionId,
    attachment: u64,
    noted: LetGo,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut noted = self.noted.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push((self.session, self.attachment));
    }
}
