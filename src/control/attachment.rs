//! Rows that belong to an event.

use crate::feed::Happened;
use crate::store::{Rejected, Write};

/// What belongs to an event on disk: it is written in the event's transaction, so that both are there after a crash, or
/// neither is. It is asked about events of what is kept, and about nothing else. Runs on the control thread: it only makes
/// the writes.
pub type Attachment = Box<dyn Fn(&Happened) -> Vec<Write<(), Rejected>> + Send>;
