//! The last owner stays: whatever is written, an organization that has somebody who owns it and can log in has
//! somebody afterwards.

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::{Ban, BanSubject, OWNER, User};
use super::super::row::Record;
use super::super::table::{range_of, role_of};

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

/// Whether a change of an account leaves its organization without an owner.
pub(super) fn loses_owner(open: &Open<'_>, old: &User, new: &User) -> Result<bool, ReadError> {
    Ok(!is_owner(new) && is_last_owner(open, old)?)
}

fn is_owner(user: &User) -> bool {
    let owner = role_of(user.organization, OWNER);
    !user.disabled && user.grants.iter().any(|grant| grant.role == owner && grant.expires.is_none())
}
