//! What programs keep on channels, accounts and recordings: read, set and removed, and others told of it.

use super::command::{ElementChange, Followed};
use super::handle::Handle;
use super::live::Control;
use super::refused::Refused;
use crate::feed::{Doer, Event};
use crate::id::{ChannelId, ElementPlace, RecordingId};
use crate::permission::Permissions;
use crate::protocol::ErrorCode;
use crate::protocol::call;
use crate::protocol::operation::Operation;
use crate::protocol::wire::{self, event, response};
use crate::recording::{About, RecordingError};
use crate::state::{Actor, Asker, Denied, Facts};
use crate::store::write::{self, NewElement, PutElementError};
use crate::store::{By, Element, Failed};
use crate::voice::Peer;

/// What a request says that an element is on.
enum Wanted {
    Channel(u64),
    /// By name; empty for one's own account.
    User(String),
    Recording(u64),
}

/// What somebody may do with elements, where they may.
struct Permitted {
    on: ElementPlace,
    recorded: Option<ChannelId>,
    by: By,
    doer: Doer,
}

/// What a request says that an element is on, which is a type of its own in each of them.
macro_rules! wanted {
    ($module:ident, $on:expr) => {
        $on.map(|on| match on {
            wire::$module::On::Channel(channel) => Wanted::Channel(channel),
            wire::$module::On::User(name) => Wanted::User(name),
            wire::$module::On::Recording(recording) => Wanted::Recording(recording),
        })
    };
}

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for about elements.
    pub(super) async fn element(&self, actor: Actor, call: call::Element) -> Result<response::Body, Refused> {
        let (operation, store, home) = (call.operation(), &self.shared.store, self.shared.organization);
        match call {
            call::Element::ListElements(list) => {
                let may = self.permit_element(actor, operation, wanted!(list_elements, list.on)).await?;
                let elements = store.elements(home, may.on)?.into_iter().map(show).collect();
                Ok(response::Body::Elements(wire::Elements { elements }))
            }
            call::Element::GetElement(get) => {
                let may = self.permit_element(actor, operation, wanted!(get_element, get.on)).await?;
                let found = store.element(home, may.on, &get.name)?;
                let found = found.ok_or(PutElementError::NoSuchElement)?;
                Ok(response::Body::Element(show(found)))
            }
            call::Element::SetElement(set) => {
                let may = self.permit_element(actor, operation, wanted!(set_element, set.on)).await?;
                let new = NewElement { organization: home, on: may.on, name: set.name, value: set.value };
                let element = store.commit(may.by, write::put_element(new, set.version)).await?;
                self.follow_element(may, &element.name, element.version).await?;
                Ok(response::Body::Element(show(element)))
            }
            call::Element::RemoveElement(remove) => {
                let may = self.permit_element(actor, operation, wanted!(remove_element, remove.on)).await?;
                let write = write::remove_element(home, may.on, remove.name.clone(), remove.version);
                store.commit(may.by, write).await?;
                self.follow_element(may, &remove.name, 0).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
        }
    }

    /// Whether an actor may read or write what is kept on something; that which they may not see is as if it weren't
    /// there.
    async fn permit_element(
        &self,
        actor: Actor,
        operation: &'static Operation,
        wanted: Option<Wanted>,
    ) -> Result<Permitted, Refused> {
        let wanted = wanted.ok_or(Denied::Missing("on"))?;
        let about = match wanted {
            Wanted::Recording(id) => Some(self.about_recording(actor, id).await?),
            Wanted::Channel(_) | Wanted::User(_) => None,
        };
        self.look(move |control| {
            let named = match &wanted {
                Wanted::User(name) if !name.is_empty() => control.named(name, false)?,
                _ => None,
            };
            let facts = Facts { named, asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            control.state.permit(asker, operation, call::On::Other)?;
            let on = match &wanted {
                Wanted::Channel(channel) => {
                    control.state.may_use_elements_of(asker, ChannelId(*channel), operation.writes)?;
                    ElementPlace::Channel(ChannelId(*channel))
                }
                Wanted::User(name) => ElementPlace::User(control.state.may_use_elements_on(
                    asker,
                    name,
                    &facts,
                    operation.writes,
                )?),
                Wanted::Recording(id) => {
                    let about = about.as_ref().ok_or(RecordingError::Unknown)?;
                    control.state.may_hear_recordings(asker, about.channel).map_err(
                        |denied| match denied {
                            // What is recorded in a channel that nobody shows them isn't there for them either.
                            Denied::NoSuchChannel => RecordingError::Unknown.into(),
                            denied => Refused::from(denied),
                        },
                    )?;
                    if operation.writes {
                        control.may_remove_recording(asker, about)?;
                    }
                    ElementPlace::Recording(RecordingId(*id))
                }
            };
            control.count_kept(actor, operation)?;
            let recorded = about.as_ref().map(|about| about.channel);
            Ok(Permitted { on, recorded, by: control.by(actor), doer: control.doer(actor) })
        })
        .await
    }

    async fn follow_element(&self, may: Permitted, name: &str, version: u64) -> Result<(), Refused> {
        let Permitted { on, recorded, doer, .. } = may;
        let change = ElementChange { by: doer, on, recorded, name: name.to_owned(), version };
        self.follow_all(Followed::Element(change)).await
    }
}

impl<P: Peer> Control<P> {
    /// Removes what is kept on recordings that aren't there any more: their files can go while the server doesn't run.
    pub(super) fn sweep_elements(&self) {
        if let Err(error) = self.sweep() {
            tracing::warn!(%error, "what is kept on recordings that are gone can't be removed");
        }
    }

    fn sweep(&self) -> Result<(), Refused> {
        let (store, home) = (&self.shared.store, self.shared.organization);
        if let Some(recordings) = &self.shared.recordings
            && store.has_elements_on_recordings(home)?
        {
            let there = recordings.list().into_iter().map(|about| about.id).collect();
            let by = By::server(self.shared.clock.wall());
            store.run(by, write::keep_recordings(home, there)).map_err(Failed::into_commit_error)?;
        }
        Ok(())
    }

    /// Whether an asker may remove a recording, and what is kept on it: whoever began it, and whoever sets what everybody
    /// meets.
    pub(super) fn may_remove_recording(&self, asker: Asker<'_>, about: &About) -> Result<(), Refused> {
        let own = asker.user().map(|user| self.shared.store.user(user)).transpose()?.flatten();
        if own.is_some_and(|own| own.name == about.by) {
            return Ok(());
        }
        Ok(self.state.authorize(asker, Permissions::MANAGE_ORGANIZATION, None)?)
    }

    /// Tells those who follow the feed, and the sessions that asked for it, that an element was set or removed, as far as
    /// they may read it.
    pub(super) fn make_element_known(&mut self, change: ElementChange) {
        let ElementChange { by, on, recorded, name, version } = change;
        let told = wire::ElementChanged { on: Some(place(on)), name: name.clone(), version };
        let event = Event::ElementChanged { on, recorded, name, version };
        self.make_one_known(by, event.clone());
        let mut slow = Vec::new();
        for (session, connection) in self.connections.iter_mut().filter(|(_, one)| one.wants.elements) {
            let Some(viewer) = self.state.member(*session) else { continue };
            if event.shown(&self.state, Some(viewer)).is_some()
                && !connection.tell(event::Body::ElementChanged(told.clone()))
            {
                slow.push(*session);
            }
        }
        self.disconnect_slow(slow);
    }
}

fn place(on: ElementPlace) -> wire::element_changed::On {
    match on {
        ElementPlace::Channel(channel) => wire::element_changed::On::Channel(channel.0),
        ElementPlace::User(user) => wire::element_changed::On::User(user.0),
        ElementPlace::Recording(recording) => wire::element_changed::On::Recording(recording.0),
    }
}

fn show(element: Element) -> wire::Element {
    let Element { name, value, version, changed, .. } = element;
    wire::Element { name, value, version, changed_ms: changed.0 }
}

impl From<PutElementError> for Refused {
    fn from(error: PutElementError) -> Self {
        let code = match error {
            PutElementError::NoSuchChannel => return Self::Denied(Denied::NoSuchChannel),
            PutElementError::NoSuchUser => return Self::Denied(Denied::NoSuchUser),
            PutElementError::NoSuchElement => ErrorCode::NotFound,
            PutElementError::Changed(_) => ErrorCode::Changed,
            PutElementError::Unfit(_) => ErrorCode::Malformed,
            PutElementError::TooMany | PutElementError::Quota => ErrorCode::TooMany,
        };
        Self::Rejected(code, error.to_string())
    }
}
