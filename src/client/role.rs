//! Roles: named sets of permissions, and who has them.

use std::time::Duration;

use super::view::Role;
use super::{RequestError, Session};
use crate::id::{RoleId, Timestamp, UserId};
use crate::permission::Permissions;
use crate::protocol::wire::{self, request, response};

/// What is to be different about a role; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleEdit {
    /// Another name.
    pub name: Option<String>,
    /// Another rank, below one's own.
    pub rank: Option<u32>,
    /// Another colour, 0xRRGGBB; 0 for none.
    pub colour: Option<u32>,
    /// What it grants from now on, all of it.
    pub allow: Option<Permissions>,
}

impl RoleEdit {
    /// The request to edit this role.
    pub fn of(self, role: RoleId) -> wire::EditRole {
        let Self { name, rank, colour, allow } = self;
        wire::EditRole { role: role.0, name, rank, colour, allow: allow.map(Permissions::bits) }
    }
}

/// An account that has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub user: UserId,
    /// Its name.
    pub name: String,
    /// When it has the role no longer; `None` for good.
    pub until: Option<Timestamp>,
}

impl From<wire::Holder> for Holder {
    fn from(wire::Holder { user, name, until_ms }: wire::Holder) -> Self {
        Self { user: UserId(user), name, until: (until_ms > 0).then_some(Timestamp(until_ms)) }
    }
}

impl Session {
    /// The roles, the highest rank first, asked of the server. [`View`](super::View) has them, too.
    pub async fn roles(&self) -> Result<Vec<Role>, RequestError> {
        match self.request(request::Body::ListRoles(wire::ListRoles {})).await? {
            response::Body::Roles(roles) => Ok(roles.roles.iter().map(Role::from).collect()),
            _ => Err(RequestError::Misfit),
        }
    }

    /// One role, asked of the server.
    pub async fn role(&self, role: RoleId) -> Result<Role, RequestError> {
        match self.request(request::Body::GetRole(wire::GetRole { role: role.0 })).await? {
            response::Body::Role(role) => Ok((&role).into()),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Makes a role below one's own rank; a colour of 0 is none.
    pub async fn create_role(
        &self,
        name: &str,
        rank: u32,
        colour: u32,
        allow: Permissions,
    ) -> Result<RoleId, RequestError> {
        let create = wire::CreateRole { name: name.to_owned(), rank, colour, allow: allow.bits() };
        self.created(request::Body::CreateRole(create)).await.map(RoleId)
    }

    /// Changes what is given of a role.
    pub async fn edit_role(&self, role: RoleId, edit: RoleEdit) -> Result<(), RequestError> {
        self.done(request::Body::EditRole(edit.of(role))).await
    }

    /// Removes a role, and takes it from everybody.
    pub async fn remove_role(&self, role: RoleId) -> Result<(), RequestError> {
        self.done(request::Body::RemoveRole(wire::RemoveRole { role: role.0 })).await
    }

    /// Gives an account a role for so long, or for good. One that it has already gets the new end.
    pub async fn grant_role(
        &self,
        user: &str,
        role: RoleId,
        life: Option<Duration>,
    ) -> Result<(), RequestError> {
        self.done(request::Body::GrantRole(grant(user, role, life))).await
    }

    /// Takes a role from an account.
    pub async fn revoke_role(&self, user: &str, role: RoleId) -> Result<(), RequestError> {
        self.done(request::Body::RevokeRole(revoke(user, role))).await
    }

    /// The accounts that have a role, 1000 at most.
    pub async fn holders(&self, role: RoleId) -> Result<Vec<Holder>, RequestError> {
        match self.request(request::Body::ListHolders(wire::ListHolders { role: role.0 })).await? {
            response::Body::Holders(holders) => Ok(holders.holders.into_iter().map(Holder::from).collect()),
            _ => Err(RequestError::Misfit),
        }
    }
}

pub(super) fn grant(user: &str, role: RoleId, life: Option<Duration>) -> wire::GrantRole {
    wire::GrantRole { user: user.to_owned(), role: role.0, life_ms: super::account::milliseconds(life) }
}

pub(super) fn revoke(user: &str, role: RoleId) -> wire::RevokeRole {
    wire::RevokeRole { user: user.to_owned(), role: role.0 }
}
