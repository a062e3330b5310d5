//! Programs that act for people: registered, allowed, given tokens, and what of it ends.

use std::ops::Bound;
use std::time::Duration;

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{OAuthClient, OAuthFamily, OAuthGrant, OAuthKey, Organization, User};
use super::super::row::Record;
use super::super::table::{organization_of, range_of};
use super::acting::end_acting;
use super::session::{BeginSessionError, check_proof, find, use_up};
use super::token::end_invites_by;
use super::{Proof, Write};
use crate::auth::TokenHash;
use crate::bounds::{MAX_OAUTH_CLIENTS, MAX_OAUTH_FAMILIES, MAX_OAUTH_GRANTS};
use crate::id::{OAuthClientId, OAuthFamilyId, OrganizationId, SessionId, Timestamp, UserId};

/// Why a program can't be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateOAuthClientError {
    /// Its organization doesn't exist.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// Another one has the identifier.
    #[error("the identifier is another program's; draw a new one")]
    IdTaken,
    /// The organization has as many as it may.
    #[error("there can be {MAX_OAUTH_CLIENTS} programs; revoke one first")]
    TooMany,
}

/// A program is registered.
pub fn create_oauth_client(client: OAuthClient) -> Write<(), CreateOAuthClientError> {
    use CreateOAuthClientError::{IdTaken, NoSuchOrganization, TooMany};
    Write::new(move |open| {
        let _: Organization = open.require(client.organization.0, NoSuchOrganization)?;
        if open.get::<OAuthClient>(client.id.0)?.is_some()
            || organization_of(client.id.0) != client.organization
        {
            return Err(Stop::Refused(IdTaken));
        }
        if open.tables.oauth_clients.range(range_of(client.organization))?.count() >= MAX_OAUTH_CLIENTS {
            return Err(Stop::Refused(TooMany));
        }
        // It has nothing that must be unique but its identifier.
        let _ = open.put(None, Some(&client))?;
        Ok(())
    })
}

/// Why a program isn't revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RevokeOAuthClientError {
    /// The organization has none of this identifier.
    #[error("there is no such program")]
    NoSuchClient,
}

/// A program is registered no more, and what people allowed it and the invites that it made are gone. Looks at what every account of the organization
/// allowed.
pub fn revoke_oauth_client(
    organization: OrganizationId,
    id: OAuthClientId,
) -> Write<OAuthClient, RevokeOAuthClientError> {
    Write::new(move |open| {
        let client: Option<OAuthClient> = open.get(id.0)?;
        let client = client.filter(|client| client.organization == organization);
        let client = client.ok_or(Stop::Refused(RevokeOAuthClientError::NoSuchClient))?;
        let ids = range_of(organization);
        let all = (*ids.start(), 0)..=(*ids.end(), u64::MAX);
        open.tables.oauth_grants.retain_in(all.clone(), |key, _| key.1 != id.0)?;
        let mut going = Vec::new();
        for row in open.tables.oauth_families.range(all.clone())? {
            let family = OAuthFamily::decode(row?.1.value())?;
            if family.client == id {
                going.push(family);
            }
        }
        for family in &going {
            let _ = open.put_unaudited(Some(family), None)?;
        }
        end_invites_by(open, all, |way| way.client == Some(id))?;
        let _ = open.put(Some(&client), None)?;
        Ok(client)
    })
}

/// What somebody shows who allows a program something, and was found right; it is looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantProof {
    /// What a log-in takes.
    LogIn(Proof),
    /// A session that lasts.
    Session(SessionId),
}

/// Why nothing is allowed to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OAuthGrantError {
    /// There is no such program.
    #[error("there is no such program")]
    NoSuchClient,
    /// What was shown isn't good any more.
    #[error(transparent)]
    Proof(#[from] BeginSessionError),
}

/// Somebody allows a program something, beside what they allowed it before; what was shown for it is used up where it
/// works once.
pub fn allow_oauth_client(asked: OAuthGrant, proof: GrantProof) -> Write<OAuthGrant, OAuthGrantError> {
    Write::new(move |open| {
        let user: User = open
            .require(asked.user.0, BeginSessionError::NoSuchUser)
            .map_err(super::refuse::<_, OAuthGrantError>)?;
        if user.disabled {
            return Err(Stop::Refused(BeginSessionError::Disabled.into()));
        }
        match &proof {
            GrantProof::LogIn(proof) => check_proof(open, &user, proof).map_err(super::refuse)?,
            GrantProof::Session(session) => {
                let there = find(open, user.id, *session)?.filter(|session| open.by.at < session.expires);
                there.ok_or(Stop::Refused(BeginSessionError::Outdated.into()))?;
            }
        }
        let _: OAuthClient = open.require(asked.client.0, OAuthGrantError::NoSuchClient)?;
        if let GrantProof::LogIn(proof) = &proof {
            use_up(open, user.id, proof)?;
        }
        let old: Option<OAuthGrant> = open.get(asked.key())?;
        let new = match &old {
            Some(old) => OAuthGrant {
                claims: old.claims | asked.claims,
                scopes: old.scopes.union(asked.scopes),
                used: open.by.at,
                ..old.clone()
            },
            None => OAuthGrant { created: open.by.at, used: open.by.at, ..asked.clone() },
        };
        if old.is_none() {
            make_room(open, user.id)?;
        }
        let says_more = old.as_ref().is_none_or(|old| (old.claims, old.scopes) != (new.claims, new.scopes));
        if says_more {
            let _ = open.put(old.as_ref(), Some(&new))?;
        } else {
            let _ = open.put_unaudited(old.as_ref(), Some(&new))?;
        }
        Ok(new)
    })
}

/// At the bound, what was used least recently of what somebody allowed goes.
fn make_room(open: &mut Open<'_>, user: UserId) -> Result<(), ReadError> {
    let mut held = grants_of(open, user)?;
    held.sort_by_key(|grant| grant.used);
    let surplus = (held.len() + 1).saturating_sub(MAX_OAUTH_GRANTS);
    for grant in held.iter().take(surplus) {
        end_grant(open, grant)?;
    }
    Ok(())
}

fn grants_of(open: &Open<'_>, user: UserId) -> Result<Vec<OAuthGrant>, ReadError> {
    let rows = open.tables.oauth_grants.range((user.0, 0)..=(user.0, u64::MAX))?;
    rows.map(|row| OAuthGrant::decode(row?.1.value())).collect()
}

fn families_of(open: &Open<'_>, user: UserId) -> Result<Vec<OAuthFamily>, ReadError> {
    let rows = open.tables.oauth_families.range((user.0, 0)..=(user.0, u64::MAX))?;
    rows.map(|row| OAuthFamily::decode(row?.1.value())).collect()
}

/// What a program was given for somebody ends, and the invites that it made for them.
fn end_families(open: &mut Open<'_>, user: UserId, client: OAuthClientId) -> Result<(), ReadError> {
    for family in families_of(open, user)?.iter().filter(|family| family.client == client) {
        let _ = open.put_unaudited(Some(family), None)?;
    }
    end_invites_by(open, (user.0, 0)..=(user.0, u64::MAX), |way| way.client == Some(client))
}

/// What somebody allowed a program ends, with what the program was given.
fn end_grant(open: &mut Open<'_>, grant: &OAuthGrant) -> Result<(), ReadError> {
    end_families(open, grant.user, grant.client)?;
    let _ = open.put(Some(grant), None)?;
    Ok(())
}

/// Everything that somebody allowed programs ends. Answers with those.
pub(super) fn end_grants_of(open: &mut Open<'_>, user: UserId) -> Result<Vec<OAuthClientId>, ReadError> {
    let mut ended = Vec::new();
    for grant in grants_of(open, user)? {
        end_grant(open, &grant)?;
        ended.push(grant.client);
    }
    // Programs that act by themselves have no grant.
    for family in families_of(open, user)? {
        let _ = open.put_unaudited(Some(&family), None)?;
    }
    Ok(ended)
}

/// Why what somebody allowed can't be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RevokeOAuthGrantError {
    /// They allowed the program nothing, and it doesn't act for them by itself.
    #[error("no such program acts for you; list them to see which there are")]
    NoSuchGrant,
}

/// Somebody takes back what they allowed a program. Nor does it act for them by itself any more.
pub fn revoke_oauth_grant(user: UserId, client: OAuthClientId) -> Write<(), RevokeOAuthGrantError> {
    Write::new(move |open| {
        let grant: Option<OAuthGrant> = open.get((user.0, client.0))?;
        let found: Option<OAuthClient> = open.get(client.0)?;
        let acting = found.filter(|client| client.account == Some(user));
        if grant.is_none() && acting.is_none() {
            return Err(Stop::Refused(RevokeOAuthGrantError::NoSuchGrant));
        }
        if let Some(grant) = &grant {
            end_grant(open, grant)?;
        }
        if let Some(acting) = &acting {
            end_families(open, user, client)?;
            end_acting(open, acting)?;
        }
        Ok(())
    })
}

/// Why a program is given no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BeginOAuthFamilyError {
    /// The program, the person or what they allowed isn't there any more, or the person is disabled.
    #[error("the person doesn't allow this any more")]
    Ended,
    /// The identifier is another family's.
    #[error("the identifier is another's; draw a new one")]
    IdTaken,
}

/// A program is given tokens for somebody who allowed it that, or, `by_itself`, for the account that it is registered
/// for. What has expired of the person's goes, and at the bound the oldest of the program's for the person.
pub fn begin_oauth_family(family: OAuthFamily, by_itself: bool) -> Write<OAuthFamily, BeginOAuthFamilyError> {
    use BeginOAuthFamilyError::{Ended, IdTaken};
    Write::new(move |open| {
        let user: User = open.require(family.user.0, Ended)?;
        let client: OAuthClient = open.require(family.client.0, Ended)?;
        let grant: Option<OAuthGrant> = open.get((family.user.0, family.client.0))?;
        let covers = |grant: &OAuthGrant| {
            grant.claims & family.claims == family.claims && grant.scopes.contains(family.scopes)
        };
        let allowed =
            if by_itself { client.account == Some(user.id) } else { grant.as_ref().is_some_and(covers) };
        if user.disabled || !allowed {
            return Err(Stop::Refused(Ended));
        }
        if open.get::<OAuthFamily>(family.key())?.is_some() {
            return Err(Stop::Refused(IdTaken));
        }
        let now = open.by.at;
        let (mut same, gone): (Vec<_>, Vec<_>) = families_of(open, user.id)?
            .into_iter()
            .filter(|one| one.client == family.client || one.expires <= now)
            .partition(|one| now < one.expires);
        same.sort_by_key(|one| one.created);
        let surplus = (same.len() + 1).saturating_sub(MAX_OAUTH_FAMILIES);
        for one in gone.iter().chain(same.iter().take(surplus)) {
            let _ = open.put_unaudited(Some(one), None)?;
        }
        if let Some(grant) = grant {
            let _ = open.put_unaudited(Some(&grant), Some(&OAuthGrant { used: now, ..grant.clone() }))?;
        }
        let _ = open.put_unaudited(None, Some(&family))?;
        Ok(family.clone())
    })
}

/// A refresh token that a program shows, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthExchange {
    /// Whose family.
    pub user: UserId,
    /// Which.
    pub family: OAuthFamilyId,
    /// Who shows it.
    pub client: OAuthClientId,
    /// Hash of what is shown.
    pub shown: TokenHash,
    /// Hash of what follows it.
    pub next: TokenHash,
    /// Until when that is good.
    pub expires: Timestamp,
    /// How long the one before may be shown again, since the answer may not have arrived.
    pub grace: Duration,
}

/// What came of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OAuthExchanged {
    /// It is good; the family as it is now.
    Good(Box<OAuthFamily>),
    /// It was exchanged before: two have it, so the family has ended.
    Reused,
    /// There is no such family, or it is another program's, or the person may not be acted for.
    Ended,
}

/// A refresh token is exchanged for the next one. One that was exchanged before ends the family, but for a moment in
/// which it is answered as before (RFC 9700, section 4.14.2).
pub fn exchange_oauth_token(exchange: OAuthExchange) -> Write<OAuthExchanged, std::convert::Infallible> {
    Write::new(move |open| {
        let now = open.by.at;
        let OAuthExchange { user, family, client, shown, next, expires, grace } = exchange.clone();
        let found: Option<OAuthFamily> = open.get((user.0, family.0))?;
        let found = found.filter(|family| family.client == client && now < family.expires);
        let (Some(old), Some(owner)) = (found, open.get::<User>(user.0)?) else {
            return Ok(OAuthExchanged::Ended);
        };
        if owner.disabled || open.get::<OAuthClient>(client.0)?.is_none() {
            return Ok(OAuthExchanged::Ended);
        }
        if old.before == Some(shown) && now < old.exchanged.plus(grace) {
            return Ok(OAuthExchanged::Good(Box::new(old)));
        }
        if old.token != Some(shown) {
            let _ = open.put_unaudited(Some(&old), None)?;
            return Ok(OAuthExchanged::Reused);
        }
        let new =
            OAuthFamily { token: Some(next), before: Some(shown), exchanged: now, expires, ..old.clone() };
        let _ = open.put_unaudited(Some(&old), Some(&new))?;
        if let Some(grant) = open.get::<OAuthGrant>((user.0, client.0))? {
            let _ = open.put_unaudited(Some(&grant), Some(&OAuthGrant { used: now, ..grant.clone() }))?;
        }
        Ok(OAuthExchanged::Good(Box::new(new)))
    })
}

/// Removes what programs were given and has expired, among the next `chunk` after a place, and answers with how many and with the
/// place to go on from; `None` at the end. In chunks, so that no other write waits long.
pub fn sweep_oauth_families(
    after: Option<(u64, u64)>,
    chunk: usize,
) -> Write<(u64, Option<(u64, u64)>), std::convert::Infallible> {
    Write::new(move |open| {
        let now = open.by.at;
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut expired, mut place, mut seen) = (Vec::new(), None, 0);
        for row in open.tables.oauth_families.range::<(u64, u64)>((first, Bound::Unbounded))?.take(chunk) {
            let (key, row) = row?;
            let family = OAuthFamily::decode(row.value())?;
            (place, seen) = (Some(key.value()), seen + 1);
            if family.expires <= now {
                expired.push(family);
            }
        }
        for family in &expired {
            let _ = open.put_unaudited(Some(family), None)?;
        }
        Ok((expired.len() as u64, place.filter(|_| seen == chunk)))
    })
}

/// What a program was given at once is good no more; nothing happens where it isn't, or is another program's.
pub fn end_oauth_family(
    user: UserId,
    family: OAuthFamilyId,
    client: OAuthClientId,
) -> Write<(), std::convert::Infallible> {
    Write::new(move |open| {
        let found: Option<OAuthFamily> = open.get((user.0, family.0))?;
        if let Some(found) = found.filter(|found| found.client == client) {
            let _ = open.put_unaudited(Some(&found), None)?;
        }
        Ok(())
    })
}

/// Keys are made, where no other made those meanwhile, and others go. Those that are `closed`, since nothing here opens them, stay
/// and count for nothing.
pub fn replace_oauth_keys(
    new: Vec<OAuthKey>,
    gone: Vec<OAuthKey>,
    closed: Vec<OAuthKey>,
) -> Write<(), std::convert::Infallible> {
    Write::new(move |open| {
        for key in &gone {
            let _ = open.put_unaudited(Some(key), None)?;
        }
        for key in &new {
            let (organization, algorithm, _) = key.key();
            let all = (organization, algorithm, 0)..=(organization, algorithm, u64::MAX);
            let mut reaches_on = false;
            for row in open.tables.oauth_keys.range(all)? {
                let there = OAuthKey::decode(row?.1.value())?;
                reaches_on |= there.until >= key.until && !closed.contains(&there);
            }
            if !reaches_on && open.get::<Organization>(organization)?.is_some() {
                let _ = open.put_unaudited(None, Some(key))?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::store::{By, SEEDED_ORGANIZATION as HOME, Store};

    #[test]
    fn keys_that_nothing_opens_stay_and_keep_no_others_from_being_made() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let key = |from: u64, sealed: u8| OAuthKey {
            organization: HOME,
            algorithm: 1,
            from: Timestamp(from),
            until: Timestamp(from + 30),
            sealed: vec![sealed],
        };
        let replace = |new: &[OAuthKey], gone: &[OAuthKey], closed: &[OAuthKey]| {
            let write = replace_oauth_keys(new.to_vec(), gone.to_vec(), closed.to_vec());
            store.run(By::server(Timestamp(9)), write).unwrap();
        };
        let (first, ahead, other) = (key(10, 1), key(40, 2), key(20, 3));
        replace(&[first.clone(), ahead.clone()], &[], &[]);
        // Somebody else made one meanwhile that reaches on.
        replace(std::slice::from_ref(&other), &[], &[]);
        assert_eq!(store.oauth_keys(HOME).unwrap(), [first.clone(), ahead.clone()]);
        let closed = [first.clone(), ahead.clone()];
        replace(std::slice::from_ref(&other), &[], &closed);
        assert_eq!(store.oauth_keys(HOME).unwrap(), [first.clone(), other.clone(), ahead.clone()]);
        replace(&[], std::slice::from_ref(&first), &closed);
        assert_eq!(store.oauth_keys(HOME).unwrap(), [other, ahead]);
    }
}
