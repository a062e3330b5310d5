//! What was done in a batch and isn't published yet.

use tracing::Span;

use super::connection::Farewell;
use super::live::Control;
use super::refused::Refused;
use crate::feed::Happened;
use crate::id::SessionId;
use crate::state::Event;
use crate::store::{By, Rejected, Write};
use crate::voice::Peer;

/// What was done in a batch and isn't published yet.
#[derive(Default)]
pub(super) struct Pending {
    /// What happened, numbered, and what it means to those who are connected.
    pub(super) happened: Vec<Happened>,
    /// Whether the messages to webhooks of it are written.
    pub(super) is_written: bool,
    /// Whether somebody may know less by it, or be another one.
    pub(super) unsettles: bool,
    pub(super) events: Vec<Event>,
    pub(super) arrived: Vec<SessionId>,
    /// Sessions that end for a reason of their own, to be dismissed when that is published. Whoever asked for it on the
    /// session's own connection closes that once it has the answer, and is told nothing.
    pub(super) dismissed: Vec<(SessionId, Option<Farewell>)>,
    pub(super) writes: Vec<(By, Write<(), Rejected>)>,
    /// The request that is the first to be written.
    pub(super) span: Option<Span>,
    pub(super) replies: Vec<Reply>,
}

pub(super) type Reply = Box<dyn FnOnce(Result<(), Refused>) + Send>;

impl<P: Peer> Control<P> {
    /// Makes known what is pending, and answers those who asked for it.
    pub(super) fn publish_pending(&mut self, pending: Pending) {
        let Pending { happened, is_written, unsettles, events, arrived, dismissed, replies, .. } = pending;
        self.publish(&events, &arrived);
        if !is_written {
            self.note_for_hooks(&happened);
        }
        self.make_known(happened);
        if unsettles {
            self.settle_anew();
        }
        for (session, farewell) in dismissed {
            if let Some(connection) = self.connections.remove(session)
                && let Some(farewell) = farewell
            {
                connection.send_away(farewell);
            }
        }
        for reply in replies {
            reply(Ok(()));
        }
    }
}
