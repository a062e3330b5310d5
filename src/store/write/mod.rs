//! The writes, each done whole or not at all inside the transaction of its group. Each function makes a
//! [`Write`] for [`Store::run`](super::Store::run); its error says why it may be refused.

mod acting;
mod asked;
mod assistant;
mod audit;
mod channel;
mod close;
mod device;
mod element;
mod email;
mod flow;
mod flow_run;
mod hook;
mod hook_message;
mod hook_queue;
mod job;
mod key;
mod linked;
mod looks;
mod numbers;
mod oauth;
mod organization;
mod outbox;
mod owner;
mod password;
mod plugin;
mod preference;
mod profile;
mod registration;
mod rejected;
mod role;
mod rows;
mod second_factor;
mod session;
mod step;
mod token;
mod user;

pub use asked::AskedError;
pub use assistant::*;
pub use audit::*;
pub use channel::*;
pub use close::*;
pub use device::*;
pub use element::{
    NewElement, PutElementError, forget_recording, keep_recordings, put_element, remove_element,
};
pub(super) use element::{keys_of as element_keys, on_recordings};
pub use email::*;
pub use flow::*;
pub use flow_run::*;
pub use hook::*;
pub use hook_message::*;
pub use hook_queue::Cut;
pub use job::*;
pub use key::*;
pub use linked::*;
pub(super) use looks::{keep_look, keep_shown};
pub use numbers::reserve_events;
pub use oauth::*;
pub use organization::*;
pub use outbox::*;
pub use password::*;
pub use plugin::*;
pub use preference::*;
pub use profile::*;
pub use registration::*;
pub use rejected::*;
pub use role::*;
pub use second_factor::*;
pub use session::*;
pub(super) use step::on_behalf;
pub use step::{StepDone, all};
pub use token::*;
pub use user::*;

use super::error::{ReadError, Stop};
use super::open::{Open, Taken};
use super::record::declare::Stored;

type Work<T, E> = Box<dyn Fn(&mut Open<'_>) -> Result<T, Stop<E>> + Send>;

/// Something to be written, what it answers with when it is done, and why it may be refused.
///
/// A write is done whole or not at all: one that is refused has written nothing, and the others of its transaction go on.
/// There is no undoing inside a transaction, so each write asks for everything that may refuse it before it writes its
/// first row. A use case of several steps is therefore one function here, which asks for all of them first, and never a
/// chain of writes; what two of them have in common is a function of the open tables that is called by both.
///
/// A write can be run again, in another transaction and on another copy of the database, and does the same on the same
/// rows: whatever is random is an argument of the function that makes it, and the time is that of its author
/// ([`By::at`](super::By::at)).
#[must_use = "nothing is written until a store runs it"]
pub struct Write<T, E>(pub(super) Work<T, E>);

impl<T, E> std::fmt::Debug for Write<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Write(..)")
    }
}

impl<T: 'static, E: 'static> Write<T, E> {
    pub(super) fn new(work: impl Fn(&mut Open<'_>) -> Result<T, Stop<E>> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// The same as one of several of different kinds, whose refusals are all told as an `F`, such as [`Rejected`].
    pub fn erased<F: From<E> + 'static>(self) -> Write<(), F> {
        Write::new(move |open| (self.0)(open).map(drop).map_err(refuse))
    }

    /// The same, where it doesn't matter when there is nothing to do.
    pub fn or_nothing<F: 'static>(self) -> Write<(), F> {
        Write::new(move |open| match (self.0)(open) {
            Ok(_) | Err(Stop::Refused(_)) => Ok(()),
            Err(Stop::Broken(error)) => Err(Stop::Broken(error)),
        })
    }
}

/// The same refusal as one of a write that does this and more.
fn refuse<E, F: From<E>>(stop: Stop<E>) -> Stop<F> {
    match stop {
        Stop::Refused(error) => Stop::Refused(error.into()),
        Stop::Broken(error) => Stop::Broken(error),
    }
}

/// The first of a record's unique keys that is another row's already: what a write that writes more than one row asks
/// before the first of them.
fn taken<R: Stored>(open: &Open<'_>, old: Option<&R>, new: &R) -> Result<Option<Taken>, ReadError> {
    let own = old.map(Stored::entries).unwrap_or_default();
    for key in new.entries().into_iter().filter(|key| !own.contains(key)) {
        if open.find(key)?.is_some() {
            return Ok(Some(Taken(key)));
        }
    }
    Ok(None)
}
