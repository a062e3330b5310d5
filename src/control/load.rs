//! From rows to the live state and back.

use std::io;

use thiserror::Error;

use crate::id::{OrganizationId, Timestamp};
use crate::permission::RoleGrant;
use crate::state::{self, Change, Limits, State};
use crate::store::write::{self, ChannelEdit, UserEdit};
use crate::store::{self, ReadError, Rejected, SEEDED_ORGANIZATION, Store, Write};

/// Why control can't start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A thread can't be started.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
}

/// The state that the store describes, with nobody connected.
pub(super) fn state(store: &Store, max_sessions: usize) -> Result<State, ReadError> {
    let home = store.organization(SEEDED_ORGANIZATION)?.ok_or(ReadError::NoOrganization)?;
    let limits = Limits { sessions: max_sessions, channels: home.limits.channels as usize };
    let home = home.id;
    let channels = store.channels(home, None, usize::MAX)?.into_iter().map(from_row).collect();
    let roles = store.roles(home, None, usize::MAX)?.into_iter().map(|role| state::Role {
        id: role.id,
        name: role.name,
        allow: role.allow,
    });
    let (roles, overwrites) = (roles.collect(), store.overwrites(home, None, usize::MAX)?);
    Ok(State::new(home, channels, roles, overwrites, store.first_free_channel(home)?, limits))
}

/// What a user's roles grant.
pub(super) fn grants(store: &Store, roles: &[crate::id::RoleId]) -> Result<Vec<RoleGrant>, ReadError> {
    let known = roles.iter().map(|role| store.role(*role)).collect::<Result<Vec<_>, _>>()?;
    Ok(known.into_iter().flatten().map(|role| RoleGrant { role: role.id, allow: role.allow }).collect())
}

/// What a user is granted at a time.
pub(super) fn grants_of(
    store: &Store,
    user: &store::User,
    now: Timestamp,
) -> Result<Vec<RoleGrant>, ReadError> {
    let required = super::second_factor::requiring(store)?;
    let lacks = |role| {
        let confirmed =
            || store.second_factor(user.id).map(|factor| factor.is_some_and(|one| one.confirmed.is_some()));
        if required.contains(role) { confirmed().map(|has| !has) } else { Ok(false) }
    };
    let mut held = Vec::new();
    for grant in user.grants.iter().filter(|grant| grant.holds(now)) {
        if !lacks(&grant.role)? {
            held.push(*grant);
        }
    }
    let held = held.iter();
    grants(store, &held.map(|grant| grant.role).collect::<Vec<_>>())
}

/// What must be on disk before the change is published.
pub(super) fn writes(change: &Change, state: &State) -> Vec<Write<(), Rejected>> {
    match change {
        Change::CreateChannel(channel) => {
            vec![write::put_channel(to_row(channel, state.organization())).erased()]
        }
        Change::PutChannel(channel) => {
            let state::Channel { id, parent, name, description, position, .. } = channel.clone();
            let edit = ChannelEdit {
                name: Some(name),
                description: Some(description),
                position: Some(position),
                parent: Some(parent),
                ..ChannelEdit::default()
            };
            vec![write::edit_channel(id, edit).erased()]
        }
        // The deepest come first, so the last is the one that all of them are below.
        Change::RemoveChannels(channels) => {
            channels.last().map(|root| write::delete_channel(*root).erased()).into_iter().collect()
        }
        Change::End(session) => {
            let user = state.member(*session).and_then(|member| member.user);
            user.map(|user| write::end_session(user, *session).or_nothing()).into_iter().collect()
        }
        Change::SetUserDisabled { user, disabled } => {
            let edit = UserEdit { disabled: Some(*disabled), ..UserEdit::default() };
            vec![write::edit_user(*user, edit).erased()]
        }
        Change::Nothing
        | Change::Arrive(_)
        | Change::Depart(_)
        | Change::Place { .. }
        | Change::SetSelf { .. }
        | Change::TextChannel { .. }
        | Change::TextSession { .. }
        | Change::CreateUser { .. }
        | Change::OwnAccount { .. }
        | Change::Admission { .. } => Vec::new(),
    }
}

fn from_row(row: store::Channel) -> state::Channel {
    let store::Channel { id, parent, name, description, position, mode, .. } = row;
    state::Channel { id, parent, name, description, position, mode }
}

fn to_row(channel: &state::Channel, organization: OrganizationId) -> store::Channel {
    let state::Channel { id, parent, name, description, position, mode } = channel.clone();
    let created = super::clock::now();
    let blank = store::Channel::new(organization, parent, name);
    store::Channel { id, description, position, mode, created, ..blank }
}
