//! Elements: what programs keep on channels, accounts and recordings.

use super::{RequestError, Session};
use crate::id::{ChannelId, Timestamp};
use crate::protocol::wire::{
    self, get_element, list_elements, remove_element, request, response, set_element,
};

/// What elements are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// A channel.
    Channel(ChannelId),
    /// One's own account.
    Own,
    /// The account of a name.
    User(String),
    /// The recording of a number.
    Recording(u64),
}

/// What a program keeps under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// JSON, as whoever set it wrote it.
    pub value: String,
    /// Another one with every change.
    pub version: u64,
    /// When it was set last.
    pub changed: Timestamp,
}

impl From<wire::Element> for Element {
    fn from(element: wire::Element) -> Self {
        let wire::Element { name, value, version, changed_ms } = element;
        Self { name, value, version, changed: Timestamp(changed_ms) }
    }
}

/// The same as the type that it has in one request.
macro_rules! as_wire {
    ($($module:ident),*) => {$(
        impl From<On> for $module::On {
            fn from(on: On) -> Self {
                match on {
                    On::Channel(channel) => Self::Channel(channel.0),
                    On::Own => Self::User(String::new()),
                    On::User(name) => Self::User(name),
                    On::Recording(recording) => Self::Recording(recording),
                }
            }
        }
    )*};
}
as_wire!(list_elements, get_element, set_element, remove_element);

impl Session {
    /// The elements on something, by their names.
    pub async fn elements(&self, on: On) -> Result<Vec<Element>, RequestError> {
        let list = wire::ListElements { on: Some(on.into()) };
        match self.request(request::Body::ListElements(list)).await? {
            response::Body::Elements(found) => Ok(found.elements.into_iter().map(Element::from).collect()),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The element of a name.
    pub async fn element(&self, on: On, name: &str) -> Result<Element, RequestError> {
        let get = wire::GetElement { on: Some(on.into()), name: name.to_owned() };
        self.one_element(request::Body::GetElement(get)).await
    }

    /// Sets an element to this JSON, if it has the version that is expected: `Some(0)` for one that isn't there, `None` for
    /// whatever is there. Another version is refused as [`ErrorCode::Changed`](crate::protocol::ErrorCode::Changed).
    pub async fn set_element(
        &self,
        on: On,
        name: &str,
        value: &str,
        version: Option<u64>,
    ) -> Result<Element, RequestError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let set = wire::SetElement { on: Some(on.into()), name, value, version };
        self.one_element(request::Body::SetElement(set)).await
    }

    /// Removes an element, if it has the version that is expected; `None` for whatever.
    pub async fn remove_element(&self, on: On, name: &str, version: Option<u64>) -> Result<(), RequestError> {
        let remove = wire::RemoveElement { on: Some(on.into()), name: name.to_owned(), version };
        self.done(request::Body::RemoveElement(remove)).await
    }

    async fn one_element(&self, body: request::Body) -> Result<Element, RequestError> {
        match self.request(body).await? {
            response::Body::Element(element) => Ok(element.into()),
            _ => Err(RequestError::Misfit),
        }
    }
}
