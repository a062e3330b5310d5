//! What the control thread is told, and what it answers.

use tokio::sync::oneshot;
use tracing::Span;

use super::arrival::Arrival;
use super::attachment::Attachment;
use super::given::Given;
use super::live::Control;
use super::refused::Refused;
use crate::account::Changed;
use crate::feed::{Doer, Filter, Subscription};
use crate::id::{ChannelId, ElementPlace, SessionId, UserId};
use crate::protocol::wire::response;
use crate::state::{Actor, Asked};
use crate::store::By;
use crate::store::write::Deleted;

/// Something for the control thread.
pub(super) enum Command<P> {
    Arrive(Arrival<P>),
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

impl<P> Command<P> {
    /// Whether somebody comes in by it.
    pub(super) fn brings_in(&self) -> bool {
        matches!(self, Self::Arrive(_))
    }
}

/// What the control thread does with a look at its state; it sends the answer itself.
pub(super) type Look<P> = Box<dyn FnOnce(&Control<P>) + Send>;

/// An element that was set or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ElementChange {
    pub(super) by: Doer,
    pub(super) on: ElementPlace,
    /// The channel of the recording that it is on.
    pub(super) recorded: Option<ChannelId>,
    pub(super) name: String,
    /// The version that it has now; 0 where it is there no more.
    pub(super) version: u64,
}

/// What of somebody's is another than it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PersonalChange {
    /// What they show of themselves.
    Profile { user: UserId, by: Doer },
    /// What follows them from device to device: under a name, or, where it is empty, the favourites.
    Preference { user: UserId, name: String },
}

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// What a use case of `account` changed.
    Account(Changed),
    /// An element that was set or removed.
    Element(ElementChange),
    /// What somebody shows of themselves, or what follows them.
    Personal(PersonalChange),
    /// Which webhooks are on.
    Hooks,
    /// Which flows are on.
    Flows,
    /// All that the store holds, of which it isn't known what is different.
    Everything,
}
