//! What people show of themselves, and what follows them from device to device.

use std::collections::BTreeSet;

use super::command::{Followed, PersonalChange};
use super::handle::Handle;
use super::live::Control;
use super::refused::Refused;
use crate::bounds::MAX_PROFILES;
use crate::feed::{Doer, Event};
use crate::id::{ChannelId, SessionId, UserId};
use crate::permission::Permissions;
use crate::protocol::ErrorCode;
use crate::protocol::call::{self, On};
use crate::protocol::operation::Operation;
use crate::protocol::wire::{self, event, get_profile, response};
use crate::state::{Actor, Asker, Facts, Member, State};
use crate::store::By;
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for about what people show of themselves, and what follows them.
    pub(super) async fn profile(&self, actor: Actor, call: call::Profile) -> Result<response::Body, Refused> {
        let (operation, accounts) = (call.operation(), &self.shared.accounts);
        match call {
            call::Profile::GetProfile(get) => {
                let user = self.permit_to_look(actor, operation, get).await?;
                Ok(response::Body::Profile(accounts.profile(user)?))
            }
            call::Profile::ListProfiles(list) => {
                let users = self.permit_to_look_at_all(actor, operation, list.sessions).await?;
                Ok(response::Body::Profiles(wire::Profiles { profiles: accounts.profiles(users)? }))
            }
            call::Profile::SetProfile(set) => {
                let (user, by, doer) = self.permit_own(actor, operation).await?;
                accounts.set_profile(user, set, by).await?;
                self.follow_personal(PersonalChange::Profile { user, by: doer }).await?;
                Ok(response::Body::Profile(accounts.profile(user)?))
            }
            call::Profile::SetPicture(set) => {
                let (user, by, doer) = self.permit_own(actor, operation).await?;
                let profile = accounts.set_picture(user, set.picture, by).await?;
                self.follow_personal(PersonalChange::Profile { user, by: doer }).await?;
                Ok(response::Body::Profile(profile))
            }
            call::Profile::ClearProfile(clear) => {
                let (named, by) = self.permit_to_manage(actor, operation, &clear.name).await?;
                accounts.clear_profile(named.user, by).await?;
                let doer = self.look(move |control| Ok(control.doer(actor))).await?;
                self.follow_personal(PersonalChange::Profile { user: named.user, by: doer }).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
            call::Profile::GetPreferences(_) => {
                let (user, ..) = self.permit_own(actor, operation).await?;
                let mut preferences = accounts.preferences(user)?;
                let favourites = std::mem::take(&mut preferences.favourites);
                preferences.favourites = self.seen_of(actor, favourites).await?;
                Ok(response::Body::Preferences(preferences))
            }
            call::Profile::SetPreference(set) => {
                let (user, by, _) = self.permit_own(actor, operation).await?;
                let name = set.name.clone();
                if accounts.set_preference(user, set, by).await? {
                    self.follow_personal(PersonalChange::Preference { user, name }).await?;
                }
                Ok(response::Body::Done(wire::Done {}))
            }
            call::Profile::SetFavourite(set) => {
                let (channel, is_one) = (ChannelId(set.channel), set.favourite);
                let rule = move |state: &State, asker: Asker<'_>| {
                    state.may_favour(asker, channel, is_one)?;
                    state.own_user(asker)
                };
                let (user, by) = self.permit(actor, operation, On::Organization, rule).await?;
                accounts.set_favourite(user, channel, is_one, by).await?;
                self.follow_personal(PersonalChange::Preference { user, name: String::new() }).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
        }
    }

    async fn permit_own(
        &self,
        actor: Actor,
        operation: &'static Operation,
    ) -> Result<(UserId, By, Doer), Refused> {
        let own = |state: &State, asker: Asker<'_>| state.own_user(asker);
        let (user, by) = self.permit(actor, operation, On::Organization, own).await?;
        let doer = self.look(move |control| Ok(control.doer(actor))).await?;
        Ok((user, by, doer))
    }

    /// At whom an actor may look.
    async fn permit_to_look(
        &self,
        actor: Actor,
        operation: &'static Operation,
        get: wire::GetProfile,
    ) -> Result<UserId, Refused> {
        self.look(move |control| {
            let named = match &get.whose {
                Some(get_profile::Whose::User(name)) => control.named(name, false)?,
                Some(get_profile::Whose::Session(_)) | None => None,
            };
            let facts = Facts { named, asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            control.state.permit(asker, operation, On::Other)?;
            Ok(match get.whose {
                None => control.state.own_user(asker)?,
                Some(get_profile::Whose::Session(session)) => {
                    control.state.user_behind(SessionId(session))?
                }
                Some(get_profile::Whose::User(_)) => control.state.may_look_at(asker, &facts)?,
            })
        })
        .await
    }

    /// The accounts behind some sessions, each once: of those that are there, and that have one.
    async fn permit_to_look_at_all(
        &self,
        actor: Actor,
        operation: &'static Operation,
        sessions: Vec<u64>,
    ) -> Result<Vec<UserId>, Refused> {
        if sessions.len() > MAX_PROFILES {
            let sentence =
                format!("profiles of at most {MAX_PROFILES} sessions are asked for together; name fewer");
            return Err(Refused::Rejected(ErrorCode::Malformed, sentence));
        }
        self.permit(actor, operation, On::Organization, move |state: &State, _| {
            let behind = |session: u64| state.user_behind(SessionId(session)).ok();
            Ok(sessions.into_iter().filter_map(behind).collect::<BTreeSet<_>>().into_iter().collect())
        })
        .await
        .map(|(users, _)| users)
    }

    /// Those of some channels that an actor sees.
    async fn seen_of(&self, actor: Actor, channels: Vec<u64>) -> Result<Vec<u64>, Refused> {
        self.look(move |control| {
            let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            let sees = |channel: &u64| {
                control.state.authorize(asker, Permissions::NONE, Some(ChannelId(*channel))).is_ok()
            };
            Ok(channels.into_iter().filter(sees).collect())
        })
        .await
    }

    async fn follow_personal(&self, change: PersonalChange) -> Result<(), Refused> {
        self.follow_all(Followed::Personal(change)).await
    }
}

impl<P: Peer> Control<P> {
    /// Tells those who see a person that they show something else of themselves, and the person's other devices what else
    /// follows them; of these the sessions that asked for it.
    pub(super) fn make_personal_known(&mut self, change: PersonalChange) {
        match change {
            PersonalChange::Profile { user, by } => {
                let connected = !self.state.sessions_of(user).is_empty();
                let event = Event::ProfileChanged { user, connected };
                self.make_one_known(by, event.clone());
                let told = event::Body::ProfileChanged(wire::ProfileChanged { user: user.0 });
                self.tell_those_who_want(&told, |state, viewer| event.shown(state, Some(viewer)).is_some());
            }
            PersonalChange::Preference { user, name } => {
                let told = event::Body::PreferenceChanged(wire::PreferenceChanged { name });
                // A program that acts for somebody isn't them.
                self.tell_those_who_want(&told, |_, viewer| {
                    viewer.user == Some(user) && viewer.key.is_none()
                });
            }
        }
    }

    fn tell_those_who_want(&mut self, told: &event::Body, may_know: impl Fn(&State, &Member) -> bool) {
        let mut slow = Vec::new();
        for (session, connection) in self.connections.iter_mut().filter(|(_, one)| one.wants.profiles) {
            let Some(viewer) = self.state.member(*session) else { continue };
            if may_know(&self.state, viewer) && !connection.tell(told.clone()) {
                slow.push(*session);
            }
        }
        self.disconnect_slow(slow);
    }
}
