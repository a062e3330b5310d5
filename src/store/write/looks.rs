//! What names look like: those of accounts, and those that people show. Nobody is called like somebody else.

use super::super::error::ReadError;
use super::super::index::IndexKey;
use super::super::open::Open;
use super::super::record::{Profile, User};
use super::super::table::organization_of;
use crate::id::{OrganizationId, UserId};

/// Whether a name of other letters looks like another account's, or that one's like it; or looks like what another one shows.
pub(super) fn imitates(
    open: &Open<'_>,
    organization: OrganizationId,
    name: &str,
    own: Option<UserId>,
) -> Result<bool, ReadError> {
    let look = crate::name::look(name);
    let kept = open.tables.looks.get((organization.0, IndexKey::look_of(&look)))?.map(|user| user.value());
    // Under the name itself is who has exactly this one, which is said elsewhere.
    let plain = if look == crate::name::folded(name) {
        None
    } else {
        open.find(IndexKey::user_name(organization, &look))?
    };
    let shown = open.tables.shown.get((organization.0, IndexKey::look_of(&look)))?.map(|user| user.value());
    Ok([kept, plain, shown].into_iter().flatten().any(|user| Some(UserId(user)) != own))
}

/// Keeps what a name looks like, where that isn't the name itself.
pub(in crate::store) fn keep_look(open: &mut Open<'_>, user: &User) -> Result<(), ReadError> {
    if let Some(look) = IndexKey::look(&user.name) {
        open.tables.looks.insert((user.organization.0, look), user.id.0)?;
    }
    Ok(())
}

pub(super) fn forget_look(open: &mut Open<'_>, user: &User) -> Result<(), ReadError> {
    if let Some(look) = IndexKey::look(&user.name) {
        let place = (user.organization.0, look);
        // Of two from before this was kept, one has the place.
        let own = open.tables.looks.get(place)?.is_some_and(|kept| kept.value() == user.id.0);
        if own {
            open.tables.looks.remove(place)?;
        }
    }
    Ok(())
}

/// Keeps what the name looks like that somebody shows, unless another one shows such a name already.
pub(in crate::store) fn keep_shown(open: &mut Open<'_>, profile: &Profile) -> Result<(), ReadError> {
    let Some(look) = profile.shown_look() else { return Ok(()) };
    let place = (organization_of(profile.user.0).0, look);
    if open.tables.shown.get(place)?.is_none() {
        open.tables.shown.insert(place, profile.user.0)?;
    }
    Ok(())
}

/// Forgets what the name looks like that somebody shows.
pub(super) fn forget_shown(open: &mut Open<'_>, user: UserId) -> Result<(), ReadError> {
    let Some(look) = open.get::<Profile>(user.0)?.and_then(|profile| profile.shown_look()) else {
        return Ok(());
    };
    let place = (organization_of(user.0).0, look);
    let own = open.tables.shown.get(place)?.is_some_and(|kept| kept.value() == user.0);
    if own {
        open.tables.shown.remove(place)?;
    }
    Ok(())
}
