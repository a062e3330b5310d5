//! Accounts.

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::index::IndexKey;
use super::super::open::{Open, Taken};
use super::super::record::{
    ApiKey, Ban, BanSubject, Counted, Grant, OneTimeToken, Organization, Role, User, subject_key,
};
use super::super::table::{organization_of, range_of};
use super::acting::end_acting_for;
use super::close::Kept;
use super::element::remove_elements_of;
use super::email::end_codes;
use super::looks::{forget_look, forget_shown, imitates, keep_look};
use super::owner::{LAST_OWNER, is_last_owner, loses_owner};
use super::password::close_after_change;
use super::rows::{Owner, remove_belongings, remove_where};
use super::session::remove_sessions_in;
use super::token::end_invites_of;
use super::{Write, taken};
use crate::auth::StoredPassword;
use crate::id::{ElementPlace, OrganizationId, RoleId, UserId};
use crate::permission::Subject;

/// An account to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Where it belongs.
    pub organization: OrganizationId,
    /// Unique there when folded.
    pub name: String,
    /// Unique there when folded.
    pub email: Option<String>,
    /// `None` for an account that can't log in by password.
    pub password: Option<StoredPassword>,
    /// What it is granted.
    pub roles: Vec<RoleId>,
}

/// Why an account can't be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateUserError {
    /// Its organization doesn't exist.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// A role doesn't exist there.
    #[error("there is no such role")]
    NoSuchRole,
    /// Another account has the name.
    #[error("there is an account of this name; choose another")]
    NameTaken,
    /// Another account has the address.
    #[error("there is an account with this e-mail address; choose another")]
    EmailTaken,
    /// The name looks like another account's.
    #[error("this name looks like another account's; choose one that nobody confuses with it")]
    Imitates,
    /// The organization has as many as it may.
    #[error("the organization has {0} accounts, which is its limit; delete one, or raise the limit")]
    Full(u32),
}

/// A new account.
pub fn create_user(new: NewUser) -> Write<User, CreateUserError> {
    Write::new(move |open| {
        let user = check_new(open, new.clone())?;
        put_new(open, &user)?;
        Ok(user)
    })
}

/// The account that this makes, under the identifier that it will have, or why it can't be made; nothing is written.
pub(super) fn check_new(open: &mut Open<'_>, new: NewUser) -> Result<User, Stop<CreateUserError>> {
    let NewUser { organization, name, email, password, roles } = new;
    let home: Organization = open.require(organization.0, CreateUserError::NoSuchOrganization)?;
    for role in &roles {
        let role: Role = open.require(role.0, CreateUserError::NoSuchRole)?;
        if role.organization != organization {
            return Err(Stop::Refused(CreateUserError::NoSuchRole));
        }
    }
    if open.ledger(organization)?.users >= u64::from(home.limits.users) {
        return Err(Stop::Refused(CreateUserError::Full(home.limits.users)));
    }
    if imitates(open, organization, &name, None)? {
        return Err(Stop::Refused(CreateUserError::Imitates));
    }
    let id = UserId(open.free_id(Counted::User, organization)?);
    let grants = roles.into_iter().map(|role| Grant { role, expires: None }).collect();
    let created = open.by.at;
    let user = User {
        id,
        organization,
        name,
        email,
        email_verified: false,
        password,
        disabled: false,
        grants,
        created,
    };
    match taken(open, None, &user)? {
        Some(taken) if is_email(&user, taken) => Err(Stop::Refused(CreateUserError::EmailTaken)),
        Some(_) => Err(Stop::Refused(CreateUserError::NameTaken)),
        None => Ok(user),
    }
}

/// Writes an account that was checked.
pub(super) fn put_new(open: &mut Open<'_>, user: &User) -> Result<(), ReadError> {
    let _ = open.put(None, Some(user))?;
    keep_look(open, user)?;
    let ledger = open.ledger(user.organization)?;
    ledger.note(Counted::User, user.id.0);
    ledger.users += 1;
    Ok(())
}

fn is_email(user: &User, taken: Taken) -> bool {
    user.email.as_deref().is_some_and(|email| IndexKey::email(user.organization, email) == taken.0)
}

/// What changes about an account; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserEdit {
    /// The name.
    pub name: Option<String>,
    /// The address; another one isn't verified, and codes that were sent to the one before are good no more.
    pub email: Option<Option<String>>,
    /// The password. Another one closes every way into the account, as
    /// [`set_password`](super::set_password) does.
    pub password: Option<Option<StoredPassword>>,
    /// Whether it can't log in. Disabling ends its sessions, and the invites that it made.
    pub disabled: Option<bool>,
}

/// Why an account can't be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EditUserError {
    /// There is none.
    #[error("there is no such user")]
    NoSuchUser,
    /// Another account has the name.
    #[error("there is an account of this name; choose another")]
    NameTaken,
    /// The name looks like another account's.
    #[error("this name looks like another account's; choose one that nobody confuses with it")]
    Imitates,
    /// Another account has the address.
    #[error("there is an account with this e-mail address; choose another")]
    EmailTaken,
    /// Nobody who can log in would own the organization.
    #[error("{LAST_OWNER}")]
    LastOwner,
}

/// Another name, address or password, or an account is disabled or enabled.
pub fn edit_user(id: UserId, edit: UserEdit) -> Write<User, EditUserError> {
    Write::new(move |open| {
        let old: User = open.require(id.0, EditUserError::NoSuchUser)?;
        let email = edit.email.clone().unwrap_or_else(|| old.email.clone());
        let new = User {
            name: edit.name.clone().unwrap_or_else(|| old.name.clone()),
            email_verified: old.email_verified && email == old.email,
            email,
            password: edit.password.clone().unwrap_or_else(|| old.password.clone()),
            disabled: edit.disabled.unwrap_or(old.disabled),
            ..old.clone()
        };
        if loses_owner(open, &old, &new)? {
            return Err(Stop::Refused(EditUserError::LastOwner));
        }
        change(open, &old, &new)?;
        end_codes(open, &old, &new)?;
        if edit.password.is_some() {
            close_after_change(open, &old, &new, Kept::default())?;
        }
        if new.disabled {
            remove_sessions_in(open, (id.0, 0)..=(id.0, u64::MAX), |_| true)?;
            end_invites_of(open, id)?;
        }
        Ok(new)
    })
}

fn change(open: &mut Open<'_>, old: &User, new: &User) -> Result<(), Stop<EditUserError>> {
    if new.name != old.name && imitates(open, new.organization, &new.name, Some(new.id))? {
        return Err(Stop::Refused(EditUserError::Imitates));
    }
    match taken(open, Some(old), new)? {
        Some(taken) if is_email(new, taken) => return Err(Stop::Refused(EditUserError::EmailTaken)),
        Some(_) => return Err(Stop::Refused(EditUserError::NameTaken)),
        None => (),
    }
    if new.name != old.name {
        forget_look(open, old)?;
        keep_look(open, new)?;
    }
    // Name and address were looked at above.
    let _ = open.put(Some(old), Some(new))?;
    Ok(())
}

/// Why an account can't be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeleteUserError {
    /// There is none.
    #[error("there is no such user")]
    NoSuchUser,
    /// It owns its organization.
    #[error("this user owns the organization; give it another owner first")]
    Owner,
    /// Nobody else has the owner's role and can log in.
    #[error("{LAST_OWNER}")]
    LastOwner,
}

/// An account goes with its sessions, profile, grants, tokens, keys, bans, overwrites, settings and
/// favourites, and programs act for it by themselves no more. The audit trail stays.
pub fn delete_user(id: UserId) -> Write<User, DeleteUserError> {
    Write::new(move |open| {
        let old: User = open.require(id.0, DeleteUserError::NoSuchUser)?;
        let home: Option<Organization> = open.get(old.organization.0)?;
        if home.is_some_and(|home| home.owner == Some(id)) {
            return Err(Stop::Refused(DeleteUserError::Owner));
        }
        if is_last_owner(open, &old)? {
            return Err(Stop::Refused(DeleteUserError::LastOwner));
        }
        forget_shown(open, id)?;
        remove_all_of(open, id)?;
        forget_look(open, &old)?;
        let _ = open.put(Some(&old), None)?;
        let ledger = open.ledger(old.organization)?;
        ledger.users = ledger.users.saturating_sub(1);
        Ok(old)
    })
}

fn remove_all_of(open: &mut Open<'_>, id: UserId) -> Result<(), ReadError> {
    let (organization, user) = (organization_of(id.0), id.0);
    remove_sessions_in(open, (user, 0)..=(user, u64::MAX), |_| true)?;
    remove_belongings(open, Owner::User(id))?;
    remove_elements_of(open, organization, ElementPlace::User(id))?;
    end_acting_for(open, id)?;
    open.tables.seen.retain_in((user, 0, 0)..=(user, u8::MAX, u64::MAX), |_, _| false)?;
    open.tables.favourites.retain_in((user, 0)..=(user, u64::MAX), |_, _| false)?;
    let settings = (organization.0, user, "")..(organization.0, user + 1, "");
    open.tables.settings.retain_in(settings, |_, _| false)?;
    remove_where(open, organization, |token: &OneTimeToken| token.user == Some(id))?;
    remove_where(open, organization, |key: &ApiKey| key.user == id)?;
    remove_where(open, organization, |ban: &Ban| ban.subject == BanSubject::User(id))?;
    remove_overwrites_of(open, organization, Subject::User(id))
}

/// Removes the overwrites for somebody on any channel. There are as many to look at as the organization's
/// channels have, which is few beside its users.
pub(super) fn remove_overwrites_of(
    open: &mut Open<'_>,
    organization: OrganizationId,
    subject: Subject,
) -> Result<(), ReadError> {
    let (ids, (kind, id)) = (range_of(organization), subject_key(subject));
    let all = (*ids.start(), 0, 0)..=(*ids.end(), u8::MAX, u64::MAX);
    open.tables.overwrites.retain_in(all, |key, _| (key.1, key.2) != (kind, id))?;
    Ok(())
}
