//! From rows to the live state and back.

use std::io;

use thiserror::Error;

use crate::id::OrganizationId;
use crate::permission::RoleGrant;
use crate::state::{self, Change, State};
use crate::store::{self, ReadError, Store, Write};

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
    let organization = store.organization()?.id;
    let channels = store.channels()?.into_iter().map(from_row).collect();
    let roles = store.roles()?.into_iter().map(|role| state::Role {
        id: role.id,
        name: role.name,
        allow: role.allow,
    });
    let (roles, overwrites) = (roles.collect(), store.overwrites()?);
    Ok(State::new(organization, channels, roles, overwrites, store.first_free_channel()?, max_sessions))
}

/// What a user's roles grant.
pub(super) fn grants(store: &Store, roles: &[crate::id::RoleId]) -> Result<Vec<RoleGrant>, ReadError> {
    let known = store.roles()?.into_iter().filter(|role| roles.contains(&role.id));
    Ok(known.map(|role| RoleGrant { role: role.id, allow: role.allow }).collect())
}

/// What must be on disk before the change is published.
pub(super) fn writes(change: &Change, organization: OrganizationId) -> Vec<Write> {
    match change {
        Change::CreateChannel(channel) | Change::PutChannel(channel) => {
            vec![Write::PutChannel(to_row(channel, organization))]
        }
        Change::RemoveChannels(channels) => vec![Write::RemoveChannels(channels.clone())],
        Change::End(session) => vec![Write::EndSession(*session)],
        Change::SetUserDisabled { user, disabled } => {
            let mut writes = vec![Write::SetUserDisabled { user: *user, disabled: *disabled }];
            writes.extend(disabled.then_some(Write::EndSessionsOf(*user)));
            writes
        }
        Change::Nothing
        | Change::Arrive(_)
        | Change::Depart(_)
        | Change::Place { .. }
        | Change::SetSelf { .. }
        | Change::TextChannel { .. }
        | Change::TextSession { .. }
        | Change::CreateUser { .. } => Vec::new(),
    }
}

fn from_row(row: store::Channel) -> state::Channel {
    let store::Channel { id, parent, name, description, position, mode, .. } = row;
    state::Channel { id, parent, name, description, position, mode }
}

fn to_row(channel: &state::Channel, organization: OrganizationId) -> store::Channel {
    let state::Channel { id, parent, name, description, position, mode } = channel.clone();
    store::Channel { id, organization, parent, name, description, position, mode }
}
