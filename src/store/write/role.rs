//! Roles and grants.

use thiserror::Error;

use super::super::error::Stop;
use super::super::open::Open;
use super::super::record::{Counted, GUEST, Grant, OWNER, OneTimeToken, Organization, Role, User};
use super::super::row::Record;
use super::super::table::{organization_of, range_of, role_of};
use super::owner::{LAST_OWNER, loses_owner};
use super::user::remove_overwrites_of;
use super::{Write, taken};
use crate::bounds::MAX_ROLES;
use crate::id::{OrganizationId, RoleId, UserId};
use crate::permission::{Permissions, Subject};

/// A role to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// Where it belongs.
    pub organization: OrganizationId,
    /// Unique there when folded.
    pub name: String,
    /// Higher ranks first.
    pub rank: u32,
    /// The colour of its name, as `0xRRGGBB`; 0 for none.
    pub colour: u32,
    /// What it grants everywhere.
    pub allow: Permissions,
}

/// Why a role can't be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateRoleError {
    /// Its organization doesn't exist.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// Another role has the name.
    #[error("there is a role of this name; choose another")]
    NameTaken,
    /// There are as many as there can be.
    #[error("there can be {MAX_ROLES} roles; remove one first")]
    TooMany,
    /// The identifier is another role's.
    #[error("another role was created at the same moment and has this identifier; try again")]
    Exists,
}

/// A new role; its identifier is given here.
pub fn create_role(new: NewRole) -> Write<Role, CreateRoleError> {
    Write::new(move |open| {
        let NewRole { organization, name, rank, colour, allow } = new.clone();
        let role = Role { id: RoleId(0), organization, name, rank, colour, allow, second_factor: false };
        check_new(open, &role)?;
        let role = Role { id: RoleId(open.next_id(Counted::Role, organization)?), ..role };
        put_new(open, &role)?;
        Ok(role)
    })
}

/// A new role under the identifier that it has already, for the live state, which gives identifiers without waiting for
/// the store. An identifier that is a role's is refused, and none up to this one is given afterwards.
pub fn add_role(role: Role) -> Write<(), CreateRoleError> {
    Write::new(move |open| {
        if organization_of(role.id.0) != role.organization {
            return Err(Stop::Refused(CreateRoleError::NoSuchOrganization));
        }
        if open.get::<Role>(role.id.0)?.is_some() {
            return Err(Stop::Refused(CreateRoleError::Exists));
        }
        check_new(open, &role)?;
        put_new(open, &role)
    })
}

/// Whether a role may come to be; nothing is written.
fn check_new(open: &mut Open<'_>, role: &Role) -> Result<(), Stop<CreateRoleError>> {
    let _: Organization = open.require(role.organization.0, CreateRoleError::NoSuchOrganization)?;
    if open.tables.roles.range(range_of(role.organization))?.count() >= MAX_ROLES {
        return Err(Stop::Refused(CreateRoleError::TooMany));
    }
    if taken(open, None, role)?.is_some() {
        return Err(Stop::Refused(CreateRoleError::NameTaken));
    }
    Ok(())
}

/// Writes a new role that was checked.
fn put_new(open: &mut Open<'_>, role: &Role) -> Result<(), Stop<CreateRoleError>> {
    open.put(None, Some(role))?.map_err(|_| Stop::Refused(CreateRoleError::NameTaken))?;
    open.ledger(role.organization)?.note(Counted::Role, role.id.0);
    Ok(())
}

/// Why a role can't be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutRoleError {
    /// There is none of this identifier in the organization.
    #[error("there is no such role")]
    NoSuchRole,
    /// Another role has the name.
    #[error("there is a role of this name; choose another")]
    NameTaken,
    /// The owner's role would lose what makes an owner.
    #[error("{OWNER_ADMINISTERS}")]
    Owner,
}

/// The row of a role that is there is this from now on.
pub fn put_role(role: Role) -> Write<(), PutRoleError> {
    Write::new(move |open| {
        let old: Role = open.require(role.id.0, PutRoleError::NoSuchRole)?;
        if old.organization != role.organization {
            return Err(Stop::Refused(PutRoleError::NoSuchRole));
        }
        if demotes_owner(&old, &role) {
            return Err(Stop::Refused(PutRoleError::Owner));
        }
        open.put(Some(&old), Some(&role))?.map_err(|_| Stop::Refused(PutRoleError::NameTaken))
    })
}

const OWNER_ADMINISTERS: &str = "an owner may do everything; make another role for who may do less";

/// Whether the owner's role would no more be what it is.
fn demotes_owner(old: &Role, new: &Role) -> bool {
    old.id == role_of(old.organization, OWNER)
        && old.allow.contains(Permissions::ADMINISTER)
        && !new.allow.contains(Permissions::ADMINISTER)
}

/// What changes about a role; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleEdit {
    /// The name.
    pub name: Option<String>,
    /// The rank.
    pub rank: Option<u32>,
    /// The colour of its name.
    pub colour: Option<u32>,
    /// What it grants everywhere.
    pub allow: Option<Permissions>,
    /// Whether it grants nothing to whoever has no second factor.
    pub second_factor: Option<bool>,
}

/// Why a role can't be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EditRoleError {
    /// There is none.
    #[error("there is no such role")]
    NoSuchRole,
    /// Another role has the name.
    #[error("there is a role of this name; choose another")]
    NameTaken,
    /// The owner's role would lose what makes an owner.
    #[error("{OWNER_ADMINISTERS}")]
    Owner,
}

/// Another name, rank, colour or other permissions.
pub fn edit_role(id: RoleId, edit: RoleEdit) -> Write<Role, EditRoleError> {
    Write::new(move |open| {
        let old: Role = open.require(id.0, EditRoleError::NoSuchRole)?;
        let new = Role {
            name: edit.name.clone().unwrap_or_else(|| old.name.clone()),
            rank: edit.rank.unwrap_or(old.rank),
            colour: edit.colour.unwrap_or(old.colour),
            allow: edit.allow.unwrap_or(old.allow),
            second_factor: edit.second_factor.unwrap_or(old.second_factor),
            ..old.clone()
        };
        if demotes_owner(&old, &new) {
            return Err(Stop::Refused(EditRoleError::Owner));
        }
        match open.put(Some(&old), Some(&new))? {
            Ok(()) => Ok(new),
            Err(_) => Err(Stop::Refused(EditRoleError::NameTaken)),
        }
    })
}

/// Why a role can't be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeleteRoleError {
    /// There is none.
    #[error("there is no such role")]
    NoSuchRole,
    /// The server itself gives it.
    #[error("the roles of owners and guests can't be deleted; rename them if you like")]
    Needed,
}

/// A role goes, with its grants, its overwrites and its place in invites. Looks at every user of the
/// organization.
pub fn delete_role(id: RoleId) -> Write<Role, DeleteRoleError> {
    Write::new(move |open| {
        let old: Role = open.require(id.0, DeleteRoleError::NoSuchRole)?;
        if [OWNER, GUEST].map(|role| role_of(old.organization, role)).contains(&id) {
            return Err(Stop::Refused(DeleteRoleError::Needed));
        }
        let users = range_of(old.organization);
        let mut granted = Vec::new();
        for row in open.tables.users.range(users.clone())? {
            let user = User::decode(row?.1.value())?;
            if user.grants.iter().any(|grant| grant.role == id) {
                granted.push(user);
            }
        }
        for user in granted {
            let mut without = user.clone();
            without.grants.retain(|grant| grant.role != id);
            let _ = open.put_unaudited(Some(&user), Some(&without))?;
        }
        let mut invites = Vec::new();
        for row in open.tables.tokens.range(users)? {
            let token = OneTimeToken::decode(row?.1.value())?;
            if token.roles.contains(&id) {
                invites.push(token);
            }
        }
        for token in invites {
            let mut without = token.clone();
            without.roles.retain(|role| *role != id);
            let _ = open.put_unaudited(Some(&token), Some(&without))?;
        }
        remove_overwrites_of(open, old.organization, Subject::Role(id))?;
        let _ = open.put(Some(&old), None)?;
        Ok(old)
    })
}

/// Why a role can't be granted or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GrantError {
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is no such role in the user's organization.
    #[error("there is no such role")]
    NoSuchRole,
    /// Nobody would own the organization for good.
    #[error("{LAST_OWNER}")]
    LastOwner,
}

/// A user has a role from now on. One granted already gets the new end.
pub fn grant(user: UserId, grant: Grant) -> Write<User, GrantError> {
    Write::new(move |open| {
        let old: User = open.require(user.0, GrantError::NoSuchUser)?;
        let role: Role = open.require(grant.role.0, GrantError::NoSuchRole)?;
        if role.organization != old.organization {
            return Err(Stop::Refused(GrantError::NoSuchRole));
        }
        let mut new = old.clone();
        new.grants.retain(|held| held.role != grant.role);
        new.grants.push(grant);
        if loses_owner(open, &old, &new)? {
            return Err(Stop::Refused(GrantError::LastOwner));
        }
        let _ = open.put(Some(&old), Some(&new))?;
        Ok(new)
    })
}

/// A user has a role no more.
pub fn revoke(user: UserId, role: RoleId) -> Write<User, GrantError> {
    Write::new(move |open| {
        let old: User = open.require(user.0, GrantError::NoSuchUser)?;
        let mut new = old.clone();
        new.grants.retain(|held| held.role != role);
        if new == old {
            return Err(Stop::Refused(GrantError::NoSuchRole));
        }
        if loses_owner(open, &old, &new)? {
            return Err(Stop::Refused(GrantError::LastOwner));
        }
        let _ = open.put(Some(&old), Some(&new))?;
        Ok(new)
    })
}
