//! What the control thread is told, and what it answers.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::batch::Control;
use super::follow::Followed;
use super::news::Attachment;
use super::{Actor, Attached, Newcomer, Proven, Refused};
use crate::auth::StoredPassword;
use crate::feed::{Filter, Subscription};
use crate::id::SessionId;
use crate::protocol::wire::response;
use crate::state::Asked;
use crate::store::By;
use crate::store::write::Deleted;

/// Something for the control thread.
pub(super) enum Command<P> {
    Arrive {
        proven: Box<Proven>,
        newcomer: Newcomer<P>,
        reply: oneshot::Sender<Result<(Attached, mpsc::Receiver<Bytes>), Refused>>,
    },
    Depart {
        session: SessionId,
        attachment: u64,
    },
    /// Something that changes the live state.
    Change {
        actor: Actor,
        asked: Box<Asked>,
        given: Given,
        /// Of the request: what is logged while it is written says whose it is.
        span: Span,
        reply: oneshot::Sender<Result<response::Body, Refused>>,
    },
    /// A look at the live state, and whatever is asked about it.
    Look(Look<P>),
    /// Somebody follows what happens.
    Subscribe {
        actor: Actor,
        from: Option<u64>,
        filter: Filter,
        reply: oneshot::Sender<Result<Subscription, Refused>>,
    },
    /// Rows are written with events from now on.
    Attach(Attachment),
    /// Something was written past the live state, which follows.
    Follow {
        what: Followed,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// It is time for something.
    Tick,
    Stop {
        reply: oneshot::Sender<()>,
    },
    /// The organization is deleted, and everybody in it told so.
    Delete {
        by: By,
        reply: oneshot::Sender<Result<Deleted, Refused>>,
    },
}

/// What the control thread does with a look at its state; it sends the answer itself.
pub(super) type Look<P> = Box<dyn FnOnce(&Control<P>) + Send>;

/// What was found out about a request before it came to the control thread.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The password that it shows is the channel's.
    pub(super) password_fits: bool,
    /// What becomes of a channel's password.
    pub(super) password: NewPassword,
}

/// A channel's password after a change.
#[derive(Debug, Default)]
pub(super) enum NewPassword {
    /// What it was; none for a new channel.
    #[default]
    Kept,
    /// None.
    None,
    /// This one.
    Is(StoredPassword),
}
