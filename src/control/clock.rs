//! The one place where the server reads the wall clock.

use std::time::SystemTime;

use crate::id::Timestamp;

/// Now. A clock set before 1970 reads as 1970.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since)
}
