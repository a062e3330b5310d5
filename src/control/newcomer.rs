//! Who comes in, and what becomes of them.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::id::{SessionId, Ssrc};
use crate::protocol::wire::MemberKind;
use crate::protocol::{CloseCode, ELEMENTS, PROFILES};
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

/// What a client wants to be told beside what everybody is told: features that its greeting names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Which elements change.
    pub elements: bool,
    /// Who shows something else of themselves, and what else follows one from device to device.
    pub profiles: bool,
}

impl Wants {
    /// What the features of a greeting say.
    pub fn of(features: &[String]) -> Self {
        let has = |wanted| features.iter().any(|feature| feature == wanted);
        Self { elements: has(ELEMENTS), profiles: has(PROFILES) }
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
}
