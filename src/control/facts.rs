//! What a decision depends on besides the state: the account that a request names.

use super::batch::Control;
use super::{Refused, load};
use crate::account::network_of;
use crate::id::{OrganizationId, SessionId, Timestamp, UserId};
use crate::protocol::wire::{create_ban, request, set_overwrite, what_if};
use crate::state::{Facts, Named, OWNER};
use crate::store::{ReadError, Store, User, ban_on};
use crate::voice::Peer;

impl<P: Peer> Control<P> {
    pub(super) fn facts(&self, body: &request::Body, password_fits: bool) -> Result<Facts, Refused> {
        let (store, now) = (&self.shared.store, self.shared.clock.wall());
        let named = match name_in(body) {
            Some(name) => store.user_by_name(self.state.organization(), name)?,
            None => None,
        };
        let named = named.map(|user| describe(store, &user, removes_owner(body), now)).transpose()?;
        let affected = match body {
            request::Body::CreateBan(ban) => self.within(ban.subject.as_ref()),
            _ => Vec::new(),
        };
        Ok(Facts { now, named, password_fits, affected })
    }

    /// Who is connected from the addresses that a ban is about.
    fn within(&self, subject: Option<&create_ban::Subject>) -> Vec<SessionId> {
        let Some(create_ban::Subject::Network(network)) = subject else { return Vec::new() };
        let Some(range) = network_of(network) else { return Vec::new() };
        let within = self.seats.iter().filter(|(_, place)| range.covers(place.address));
        within.map(|(session, _)| *session).collect()
    }
}

/// The account that a request is about, by its name.
fn name_in(body: &request::Body) -> Option<&str> {
    match body {
        request::Body::SetUserDisabled(set) => Some(&set.name),
        request::Body::CreateBan(ban) => match ban.subject.as_ref()? {
            create_ban::Subject::User(name) => Some(name),
            _ => None,
        },
        request::Body::GrantRole(grant) => Some(&grant.user),
        request::Body::RevokeRole(revoke) => Some(&revoke.user),
        request::Body::Why(why) if !why.user.is_empty() => Some(&why.user),
        request::Body::SetOverwrite(set) => subject_name(set.subject.as_ref()),
        request::Body::WhatIf(what_if) => match what_if.change.as_ref()? {
            what_if::Change::GrantRole(grant) => Some(&grant.user),
            what_if::Change::RevokeRole(revoke) => Some(&revoke.user),
            what_if::Change::SetOverwrite(set) => subject_name(set.subject.as_ref()),
            _ => None,
        },
        _ => None,
    }
}

fn subject_name(subject: Option<&set_overwrite::Subject>) -> Option<&str> {
    match subject {
        Some(set_overwrite::Subject::User(name)) => Some(name),
        _ => None,
    }
}

/// Whether a request may take away what makes an owner. Only then it matters whether there is another.
fn removes_owner(body: &request::Body) -> bool {
    let removes = |change: &what_if::Change| {
        matches!(change, what_if::Change::GrantRole(_) | what_if::Change::RevokeRole(_))
    };
    match body {
        request::Body::SetUserDisabled(_) | request::Body::GrantRole(_) | request::Body::RevokeRole(_) => {
            true
        }
        request::Body::WhatIf(what_if) => what_if.change.as_ref().is_some_and(removes),
        _ => false,
    }
}

fn describe(store: &Store, user: &User, ask_owner: bool, now: Timestamp) -> Result<Named, ReadError> {
    Ok(Named {
        user: user.id,
        name: user.name.clone(),
        roles: load::held(user, now),
        second_factor: load::has_second_factor(store, user.id)?,
        last_owner: ask_owner && is_last_owner(store, user.organization, user.id, now)?,
    })
}

/// Whether somebody is the only owner for good who can log in. Looks at every account, if they are an owner.
fn is_last_owner(
    store: &Store,
    home: OrganizationId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, ReadError> {
    let owns = |user: &User| {
        !user.disabled && user.grants.iter().any(|grant| grant.role == OWNER && grant.expires.is_none())
    };
    if !store.user(user)?.is_some_and(|user| owns(&user)) {
        return Ok(false);
    }
    let bans = store.bans(home, None, usize::MAX)?;
    let others = store.users(home, None, usize::MAX)?;
    let can = |other: &User| owns(other) && ban_on(&bans, Some(other.id), None, None, now).is_none();
    Ok(!others.iter().any(|other| other.id != user && can(other)))
}
