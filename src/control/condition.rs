//! Requests that are done only where what they change is still what whoever asks has read (RFC 9110, section 13.1.1).

use super::given::{Condition, Given};
use super::live::Control;
use super::{Actor, Handle, Refused};
use crate::protocol::ErrorCode;
use crate::protocol::call::{Call, Element};
use crate::protocol::wire::{request, response};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for where the answer to `read` is what it has to be, which `holds` says; else it is refused as
    /// "changed". Between the look and the change nobody else changes what is live, nor an element. What is kept of accounts
    /// is looked at first: of two who ask under a condition one is refused, but whoever asks without one isn't waited for.
    pub async fn request_if(
        &self,
        actor: Actor,
        body: request::Body,
        read: request::Body,
        holds: impl Fn(Option<&response::Body>) -> bool + Send + 'static,
    ) -> Result<response::Body, Refused> {
        let (read, call) = match (Call::from(read), Call::from(body)) {
            (Call::View(read), Call::Live(live)) => {
                let only_if = Some(Condition { read, holds: Box::new(holds) });
                return self.timed(live.operation(), self.live(actor, live, only_if)).await;
            }
            (Call::View(read), Call::Rights(rights)) => {
                let only_if = Some(Condition { read, holds: Box::new(holds) });
                let given = Given { only_if, ..Given::default() };
                return self.timed(rights.operation(), self.change(actor, rights.into(), given)).await;
            }
            both => both,
        };
        let _alone = self.shared.conditional.lock().await;
        let there = match self.do_call(actor, read).await {
            Ok(there) => Some(there),
            Err(refused) if is_absence(&refused) => None,
            Err(refused) => return Err(refused),
        };
        if !holds(there.as_ref()) {
            return Err(changed());
        }
        self.do_call(actor, of_version(call, there.as_ref())).await
    }
}

impl<P: Peer> Control<P> {
    /// Whether a condition holds now. Who may do it at all is decided before.
    pub(super) fn check_condition(&self, actor: Actor, condition: Option<&Condition>) -> Result<(), Refused> {
        let Some(Condition { read, holds }) = condition else { return Ok(()) };
        let there = match self.viewed(actor, read) {
            Ok(there) => Some(there),
            Err(refused) if is_absence(&refused) => None,
            Err(refused) => return Err(refused),
        };
        if holds(there.as_ref()) { Ok(()) } else { Err(changed()) }
    }
}

/// Whether it is refused since there is no such thing.
fn is_absence(refused: &Refused) -> bool {
    matches!(
        refused.code(),
        ErrorCode::NotFound | ErrorCode::NoSuchChannel | ErrorCode::NoSuchRole | ErrorCode::NoSuchUser
    )
}

fn changed() -> Refused {
    let words = "this isn't what you have read any more; read it again, and then change it";
    Refused::Rejected(ErrorCode::Changed, words.to_owned())
}

/// An element is set or removed in one transaction with a look at its version.
fn of_version(call: Call, there: Option<&response::Body>) -> Call {
    let there = match there {
        Some(response::Body::Element(element)) => element.version,
        _ => 0,
    };
    match call {
        Call::Element(Element::SetElement(mut set)) => {
            set.version.get_or_insert(there);
            Element::SetElement(set).into()
        }
        Call::Element(Element::RemoveElement(mut remove)) => {
            remove.version.get_or_insert(there);
            Element::RemoveElement(remove).into()
        }
        call => call,
    }
}
