//! Organizations.

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{
    Channel, Claim, Counted, Limits, Organization, SEEDED_ORGANIZATION, SERVER, SubjectKind, User, Verb,
};
use super::super::seed;
use super::super::table::range_of;
use super::rows::{Owner, remove_belongings, remove_in};
use super::session::remove_sessions_in;
use super::token::{is_hash_taken, put_claim};
use super::{Write, taken};
use crate::bounds::{LAST_ORGANIZATION, MAX_ORGANIZATIONS, Registration};
use crate::id::{OrganizationId, UserId};

/// A tenant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrganization {
    /// A short name for commands.
    pub tag: String,
    /// The name for people.
    pub name: String,
    /// What it may have.
    pub limits: Limits,
    /// By what its first owner comes in; `None` where nobody is expected yet.
    pub claim: Option<Claim>,
}

/// Why an organization can't be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateOrganizationError {
    /// Another one has the tag.
    #[error("there is an organization with this tag; choose another")]
    TagTaken,
    /// There are as many as there can be.
    #[error("there are {MAX_ORGANIZATIONS} organizations, which is the most; delete one first")]
    TooMany,
    /// Every number was given to one.
    #[error(
        "{LAST_ORGANIZATION} organizations were made here, deleted ones included, which is the most; start another server for the next"
    )]
    NumbersUsedUp,
    /// The secret of its claim isn't random enough.
    #[error("the claim code resembles another; draw a new one")]
    TokenTaken,
}

/// A new organization with the roles and channels that each begins with.
pub fn create_organization(new: NewOrganization) -> Write<Organization, CreateOrganizationError> {
    Write::new(move |open| {
        if open.tables.organizations.len()? >= MAX_ORGANIZATIONS {
            return Err(Stop::Refused(CreateOrganizationError::TooMany));
        }
        let NewOrganization { tag, name, limits, claim } = new.clone();
        let (id, created) = (SERVER, open.by.at);
        let (owner, guests, registration) = (None, None, None);
        let organization = Organization { id, tag, name, owner, limits, created, guests, registration };
        if taken(open, None, &organization)?.is_some() {
            return Err(Stop::Refused(CreateOrganizationError::TagTaken));
        }
        if let Some(claim) = &claim
            && is_hash_taken(open, &claim.hash)?
        {
            return Err(Stop::Refused(CreateOrganizationError::TokenTaken));
        }
        if open.free_id(Counted::Organization, SERVER)? > LAST_ORGANIZATION {
            return Err(Stop::Refused(CreateOrganizationError::NumbersUsedUp));
        }
        let id = OrganizationId(open.next_id(Counted::Organization, SERVER)?);
        let organization = Organization { id, ..organization };
        // The tag was looked at above.
        let _ = open.put(None, Some(&organization))?;
        seed::furnish(open, id)?;
        if let Some(claim) = &claim {
            put_claim(open, id, claim)?;
        }
        Ok(organization)
    })
}

/// What changes about an organization; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationEdit {
    /// The name for people.
    pub name: Option<String>,
    /// Who owns it.
    pub owner: Option<Option<UserId>>,
    /// What it may have. Less than it has is allowed: it then can't get more.
    pub limits: Option<Limits>,
    /// Whether it may let guests in; `Some(None)` for what the server's configuration says.
    pub guests: Option<Option<bool>>,
    /// Whom it may let make accounts; `Some(None)` for what the server's configuration says.
    pub registration: Option<Option<Registration>>,
}

/// Why an organization can't be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EditOrganizationError {
    /// There is none.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// The owner to be isn't one of its users.
    #[error("the owner must be a user of the organization")]
    NoSuchUser,
}

/// Another name, owner or other limits.
pub fn edit_organization(
    id: OrganizationId,
    edit: OrganizationEdit,
) -> Write<Organization, EditOrganizationError> {
    Write::new(move |open| {
        let old: Organization = open.require(id.0, EditOrganizationError::NoSuchOrganization)?;
        if let Some(Some(owner)) = edit.owner {
            let user: Option<User> = open.get(owner.0)?;
            user.filter(|user| user.organization == id)
                .ok_or(Stop::Refused(EditOrganizationError::NoSuchUser))?;
        }
        let new = Organization {
            name: edit.name.clone().unwrap_or_else(|| old.name.clone()),
            owner: edit.owner.unwrap_or(old.owner),
            limits: edit.limits.unwrap_or(old.limits),
            guests: edit.guests.unwrap_or(old.guests),
            registration: edit.registration.unwrap_or(old.registration),
            ..old.clone()
        };
        // The tag is the same, so nothing can be taken.
        let _ = open.put(Some(&old), Some(&new))?;
        Ok(new)
    })
}

/// Why an organization can't be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeleteOrganizationError {
    /// There is none.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// The server runs on it.
    #[error("this organization is the server's own and can't be deleted")]
    Serving,
}

/// What went with something that was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Deleted {
    /// Accounts.
    pub users: u64,
    /// Channels.
    pub channels: u64,
    /// Sessions.
    pub sessions: u64,
}

/// An organization goes with everything in it, its audit trail, too. The server's own trail keeps that it
/// was there.
pub fn delete_organization(id: OrganizationId) -> Write<Deleted, DeleteOrganizationError> {
    Write::new(move |open| {
        let old: Organization = open.require(id.0, DeleteOrganizationError::NoSuchOrganization)?;
        if id == SEEDED_ORGANIZATION {
            return Err(Stop::Refused(DeleteOrganizationError::Serving));
        }
        let deleted = empty(open, id)?;
        open.put_unaudited(Some(&old), None)?.ok();
        let (before, after) = (serde_json::to_string(&old), serde_json::to_string(&deleted));
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        open.audit(SERVER, Verb::Delete, SubjectKind::Organization, id.0, before, after)?;
        Ok(deleted)
    })
}

/// Removes everything that belongs to an organization.
fn empty(open: &mut Open<'_>, id: OrganizationId) -> Result<Deleted, ReadError> {
    let ids = range_of(id);
    let (first, last) = (*ids.start(), *ids.end());
    let sessions = remove_sessions_in(open, (first, 0)..=(last, u64::MAX), |_| true)?;
    let users = remove_in::<User>(open, ids.clone())?;
    let channels = remove_in::<Channel>(open, ids)?;
    remove_belongings(open, Owner::Organization(id))?;
    let tables = &mut open.tables;
    tables.looks.retain_in((id.0, 0)..=(id.0, u64::MAX), |_, _| false)?;
    tables.shown.retain_in((id.0, 0)..=(id.0, u64::MAX), |_, _| false)?;
    tables.seen.retain_in((first, 0, 0)..=(last, u8::MAX, u64::MAX), |_, _| false)?;
    tables.favourites.retain_in((first, 0)..=(last, u64::MAX), |_, _| false)?;
    tables.settings.retain_in((id.0, 0, "")..(id.0 + 1, 0, ""), |_, _| false)?;
    open.remove_ledger(id)?;
    Ok(Deleted { users, channels, sessions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Timestamp;
    use crate::store::{By, Failed, Store};

    /// Numbers aren't used again, so there comes a last one, whose identifiers JavaScript still counts exactly.
    #[test]
    fn the_last_number_of_an_organization_is_the_last() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("parlour.redb"), Timestamp(1)).unwrap();
        let by = By::server(Timestamp(1));
        let new = |tag: &str| {
            let (tag, name) = (tag.to_owned(), tag.to_owned());
            create_organization(NewOrganization { tag, name, limits: Limits::default(), claim: None })
        };
        let give: Write<(), CreateOrganizationError> = Write::new(|open| {
            while open.free_id(Counted::Organization, SERVER)? < LAST_ORGANIZATION {
                open.next_id(Counted::Organization, SERVER)?;
            }
            Ok(())
        });
        store.run(by, give).unwrap();
        let last = store.run(by, new("last")).unwrap();
        assert_eq!((last.id.0, *last.id.identifiers().end()), (1 << 13, (1 << 53) - 1));
        let one_more = store.run(by, new("more"));
        assert!(
            matches!(one_more, Err(Failed::Refused(CreateOrganizationError::NumbersUsedUp))),
            "{one_more:?}"
        );
        store.run(by, delete_organization(last.id)).unwrap();
        assert!(store.run(by, new("more")).is_err());
    }
}
