//! What the control thread is told, and what it answers.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::rights::Imagined;
use super::{Actor, Attached, Newcomer, Proven, Refused};
use crate::auth::StoredPassword;
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{request, response};
use crate::state::Change;
use crate::store::By;

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
    Request {
        actor: Actor,
        body: Box<request::Body>,
        given: Given,
        reply: oneshot::Sender<Result<Done, Refused>>,
    },
    /// The store was changed by other ways; what is live follows.
    Refresh {
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// Whether somebody has permissions on a channel.
    Authorize {
        actor: Actor,
        needed: Permissions,
        on: Option<ChannelId>,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// It is time for something.
    Tick,
    Stop {
        reply: oneshot::Sender<()>,
    },
}

/// What was found out about a request before it came to the control thread.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Only whether it would be allowed is asked; for requests whose work is done elsewhere.
    pub(super) ask_only: bool,
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

/// What a request came to.
#[derive(Debug)]
pub(super) enum Done {
    Answer(response::Body),
    /// It may be done, elsewhere.
    Allowed(Change, By),
    /// It may be done: here is the state, to look at what would come of it.
    Imagined(Box<Imagined>),
}
