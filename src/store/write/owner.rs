//! The last owner stays: whatever is written, an organization that has somebody who owns it and can log in has
//! somebody afterwards.

use std::net::IpAddr;

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::{Ban, BanSubject, Device, OWNER, User};
use super::super::row::Record;
use super::super::table::{range_of, role_of};
use super::rows::keys_of;
use super::session::sessions_of;
use crate::id::{Fingerprint, OrganizationId};

/// What the one is told who would take the last owner away.
pub(super) const LAST_OWNER: &str =
    "the server needs an owner who can log in; make somebody else an owner first";

/// Whether an account is its organization's last owner: it has the owner's role without an end, isn't
/// disabled or banned, and nobody else is like that. Looks at every user of the organization if so.
pub(super) fn is_last_owner(open: &Open<'_>, user: &User) -> Result<bool, ReadError> {
    if !is_owner(user) {
        return Ok(false);
    }
    let (now, ids) = (open.by.at, range_of(user.organization));
    let mut banned = Vec::new();
    for row in open.tables.bans.range(ids.clone())? {
        let ban = Ban::decode(row?.1.value())?;
        match ban.subject {
            BanSubject::User(user) if ban.until.is_none_or(|until| now < until) => banned.push(user),
            _ => (),
        }
    }
    if banned.contains(&user.id) {
        return Ok(false);
    }
    for row in open.tables.users.range(ids)? {
        let other = User::decode(row?.1.value())?;
        if other.id != user.id && is_owner(&other) && !banned.contains(&other.id) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a device of an owner is one that `concerns` says of, by the address that it was last used from and by its key.
/// Looks at every user of the organization.
pub(super) fn has_owner_s_device(
    open: &mut Open<'_>,
    organization: OrganizationId,
    concerns: impl Fn(Option<IpAddr>, Option<Fingerprint>) -> bool,
) -> Result<bool, ReadError> {
    let mut owners = Vec::new();
    for row in open.tables.users.range(range_of(organization))? {
        let user = User::decode(row?.1.value())?;
        if is_owner(&user) {
            owners.push(user.id);
        }
    }
    let now = open.by.at;
    for owner in owners {
        for session in sessions_of(open, owner)?.into_iter().filter(|session| now < session.expires) {
            let device: Option<Device> = open.get((owner.0, session.id.0))?;
            let address = device.and_then(|device| device.address).or(session.address);
            if concerns(address, None) {
                return Ok(true);
            }
        }
        if keys_of(open, owner)?.iter().any(|key| concerns(None, Some(key.fingerprint))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a change of an account leaves its organization without an owner.
pub(super) fn loses_owner(open: &Open<'_>, old: &User, new: &User) -> Result<bool, ReadError> {
    Ok(!is_owner(new) && is_last_owner(open, old)?)
}

fn is_owner(user: &User) -> bool {
    let owner = role_of(user.organization, OWNER);
    !user.disabled && user.grants.iter().any(|grant| grant.role == owner && grant.expires.is_none())
}
