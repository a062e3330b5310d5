//! One-time tokens: claims, invites, resets and verifications.

use std::convert::Infallible;
use std::ops::RangeInclusive;

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::index::IndexKey;
use super::super::open::Open;
use super::super::record::{
    Claim, Counted, InviteWay, OneTimeToken, Organization, Purpose, Role, SERVER, SubjectKind, User, Verb,
};
use super::super::row::Record;
use super::super::table::{organization_of, range_of};
use super::Write;
use super::rows::is_channel_of;
use crate::auth::TokenHash;
use crate::id::{ChannelId, OneTimeTokenId, OrganizationId, RoleId, Timestamp, UserId, Way};

/// A token to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Where it is good.
    pub organization: OrganizationId,
    /// What for.
    pub purpose: Purpose,
    /// Hash of the secret.
    pub hash: TokenHash,
    /// For whom, where it is for one person. Of an invite, who made it; nobody for the machine's owner.
    pub user: Option<UserId>,
    /// How often it works; 0 is taken for 1.
    pub uses: u32,
    /// When it stops being good.
    pub expires: Timestamp,
    /// The address that a verification proves.
    pub email: Option<String>,
    /// Where an invite leads.
    pub channel: Option<ChannelId>,
    /// What an invite grants.
    pub roles: Vec<RoleId>,
}

/// Why a token can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateTokenError {
    /// Its organization doesn't exist.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// The one it is for doesn't exist.
    #[error("there is no such user")]
    NoSuchUser,
    /// The channel it leads to doesn't exist.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// A role it grants doesn't exist.
    #[error("there is no such role")]
    NoSuchRole,
    /// The secret isn't random enough.
    #[error("the token resembles another; draw a new one")]
    TokenTaken,
    /// Its maker has as many invites as one may have.
    #[error("you have {MAX_INVITES} invites that are still good; revoke one first")]
    TooMany,
}

/// Invites that are still good of one account at most.
pub const MAX_INVITES: usize = 100;

/// A new token.
pub fn create_token(new: NewToken) -> Write<OneTimeToken, CreateTokenError> {
    Write::new(move |open| {
        check_new(open, &new)?;
        Ok(put_new(open, new.clone())?)
    })
}

/// A new invite. `hash` says what is kept of its code, which is made once the invite has its identifier; asked again, it
/// says the same. Looks at every token of the organization.
pub fn create_invite(
    new: NewToken,
    hash: impl Fn(OneTimeTokenId) -> TokenHash + Send + 'static,
) -> Write<OneTimeToken, CreateTokenError> {
    Write::new(move |open| {
        let id = OneTimeTokenId(open.free_id(Counted::Token, new.organization)?);
        let new = NewToken { purpose: Purpose::Invite, hash: hash(id), ..new.clone() };
        check_new(open, &new)?;
        if let Some(maker) = new.user {
            let now = open.by.at;
            let good = invites_of(open, maker)?.iter().filter(|invite| now < invite.expires).count();
            if good >= MAX_INVITES {
                return Err(Stop::Refused(CreateTokenError::TooMany));
            }
        }
        let invite = put_new(open, new)?;
        remember_way(open, &invite)?;
        Ok(invite)
    })
}

/// Remembers which key or program made an invite, where one did, and forgets those of invites that aren't there any more.
fn remember_way(open: &mut Open<'_>, invite: &OneTimeToken) -> Result<(), ReadError> {
    let (key, client) = match open.by.way {
        Some(Way::Key(key)) => (Some(key), None),
        Some(Way::Program { client, .. }) => (None, Some(client)),
        Some(Way::Session(_) | Way::Invite(_) | Way::Hook(_) | Way::Flow { .. } | Way::Plugin(_)) | None => {
            return Ok(());
        }
    };
    let Some(user) = invite.user else { return Ok(()) };
    for way in ways_in(open, (user.0, 0)..=(user.0, u64::MAX))? {
        if open.get::<OneTimeToken>(way.invite.0)?.is_none() {
            let _ = open.put_unaudited(Some(&way), None)?;
        }
    }
    let _ = open.put_unaudited(None, Some(&InviteWay { user, invite: invite.id, key, client }))?;
    Ok(())
}

fn ways_in(open: &Open<'_>, makers: RangeInclusive<(u64, u64)>) -> Result<Vec<InviteWay>, ReadError> {
    let rows = open.tables.invite_ways.range(makers)?;
    rows.map(|row| InviteWay::decode(row?.1.value())).collect()
}

/// The invites are good no more that something made for accounts.
pub(super) fn end_invites_by(
    open: &mut Open<'_>,
    makers: RangeInclusive<(u64, u64)>,
    made: impl Fn(&InviteWay) -> bool,
) -> Result<(), ReadError> {
    for way in ways_in(open, makers)?.iter().filter(|way| made(way)) {
        if let Some(invite) = open.get::<OneTimeToken>(way.invite.0)? {
            let _ = open.put(Some(&invite), None)?;
        }
        let _ = open.put_unaudited(Some(way), None)?;
    }
    Ok(())
}

/// The invites that an account made and that are there, those that have expired among them.
pub(super) fn invites_of(open: &Open<'_>, maker: UserId) -> Result<Vec<OneTimeToken>, ReadError> {
    let mut found = Vec::new();
    for row in open.tables.tokens.range(range_of(organization_of(maker.0)))? {
        let token = OneTimeToken::decode(row?.1.value())?;
        if token.purpose == Purpose::Invite && token.user == Some(maker) {
            found.push(token);
        }
    }
    Ok(found)
}

/// The invites that an account made are good no more. Answers with those.
pub(super) fn end_invites_of(open: &mut Open<'_>, maker: UserId) -> Result<Vec<OneTimeTokenId>, ReadError> {
    let mut ended = Vec::new();
    for invite in invites_of(open, maker)? {
        let _ = open.put(Some(&invite), None)?;
        ended.push(invite.id);
    }
    Ok(ended)
}

/// Whether a token can be made; nothing is written.
pub(super) fn check_new(open: &mut Open<'_>, new: &NewToken) -> Result<(), Stop<CreateTokenError>> {
    let home = new.organization;
    let _: Organization = open.require(home.0, CreateTokenError::NoSuchOrganization)?;
    if let Some(user) = new.user {
        let user: User = open.require(user.0, CreateTokenError::NoSuchUser)?;
        if user.organization != home {
            return Err(Stop::Refused(CreateTokenError::NoSuchUser));
        }
    }
    if let Some(channel) = new.channel
        && !is_channel_of(open, channel, home)?
    {
        return Err(Stop::Refused(CreateTokenError::NoSuchChannel));
    }
    for role in &new.roles {
        let role: Role = open.require(role.0, CreateTokenError::NoSuchRole)?;
        if role.organization != home {
            return Err(Stop::Refused(CreateTokenError::NoSuchRole));
        }
    }
    if is_hash_taken(open, &new.hash)? {
        return Err(Stop::Refused(CreateTokenError::TokenTaken));
    }
    Ok(())
}

/// Whether a token that is there has this hash, or resembles it too much.
pub(super) fn is_hash_taken(open: &Open<'_>, hash: &TokenHash) -> Result<bool, ReadError> {
    Ok(open.find(IndexKey::token(&hash.0))?.is_some())
}

/// Writes a new token whose hash was looked at.
pub(super) fn put_new(open: &mut Open<'_>, new: NewToken) -> Result<OneTimeToken, ReadError> {
    let NewToken { organization, purpose, hash, user, uses, expires, email, channel, roles } = new;
    let id = OneTimeTokenId(open.next_id(Counted::Token, organization)?);
    let (uses, created) = (uses.max(1), open.by.at);
    let token =
        OneTimeToken { id, organization, purpose, hash, user, uses, created, expires, email, channel, roles };
    let _ = open.put(None, Some(&token))?;
    Ok(token)
}

/// Why a token can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TakeTokenError {
    /// It is unknown, used up, expired or for something else, and it isn't said which.
    #[error("the code is wrong, used or expired")]
    Invalid,
}

/// Uses a token, once for each time it works, and answers with what it was. Of two at once that take the
/// last use, one gets it.
pub fn take_token(purpose: Purpose, hash: TokenHash) -> Write<OneTimeToken, TakeTokenError> {
    Write::new(move |open| {
        let token = valid(open, purpose, &hash)?.ok_or(Stop::Refused(TakeTokenError::Invalid))?;
        take_valid(open, &token)?;
        Ok(token)
    })
}

/// Uses a token that is valid.
pub(super) fn take_valid(open: &mut Open<'_>, token: &OneTimeToken) -> Result<(), ReadError> {
    let left = token.uses.saturating_sub(1);
    let used = OneTimeToken { uses: left, ..token.clone() };
    // The hash is the same, so nothing can be taken.
    let _ = open.put_unaudited(Some(token), (left > 0).then_some(&used))?;
    let after = format!("{{\"uses\":{left}}}");
    open.audit(token.organization, Verb::Take, SubjectKind::Token, token.id.0, String::new(), after)
}

/// The token of a hash, if it works now for this purpose.
pub(super) fn valid(
    open: &mut Open<'_>,
    purpose: Purpose,
    hash: &TokenHash,
) -> Result<Option<OneTimeToken>, ReadError> {
    let Some(id) = open.find(IndexKey::token(&hash.0))? else { return Ok(None) };
    let (token, now): (Option<OneTimeToken>, _) = (open.get(id)?, open.by.at);
    Ok(token.filter(|token| {
        token.hash == *hash && token.purpose == purpose && token.is_good(now) && token.uses > 0
    }))
}

/// Why a token can't be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RevokeTokenError {
    /// There is none.
    #[error("there is no such code")]
    NoSuchToken,
}

/// A token of an organization is good no more, if it is for this purpose.
pub fn revoke_token(
    organization: OrganizationId,
    purpose: Purpose,
    id: OneTimeTokenId,
) -> Write<OneTimeToken, RevokeTokenError> {
    Write::new(move |open| {
        let token: Option<OneTimeToken> = open.get(id.0)?;
        let token = token.filter(|token| token.organization == organization && token.purpose == purpose);
        let token = token.ok_or(Stop::Refused(RevokeTokenError::NoSuchToken))?;
        let _ = open.put(Some(&token), None)?;
        Ok(token)
    })
}

/// Removes all tokens that have expired, and answers with how many.
pub fn sweep_tokens() -> Write<u64, Infallible> {
    Write::new(|open| {
        let now = open.by.at;
        let mut expired = Vec::new();
        for row in open.tables.tokens.all()? {
            let token = OneTimeToken::decode(row?.1.value())?;
            // A claim of which there is one for an organization stays until it is used or replaced: the clock may be set back.
            if token.expires <= now && token.purpose != Purpose::Claim {
                expired.push(token);
            }
        }
        for token in &expired {
            let _ = open.put_unaudited(Some(token), None)?;
        }
        let count = expired.len() as u64;
        if count > 0 {
            let after = format!("{{\"expired\":{count}}}");
            open.audit(SERVER, Verb::Delete, SubjectKind::Token, 0, String::new(), after)?;
        }
        Ok(count)
    })
}

/// This claim is the organization's valid one from now on; those before are good no more.
pub fn set_claim(organization: OrganizationId, claim: &Claim) -> Write<(), CreateTokenError> {
    let Claim { hash, expires } = *claim;
    Write::new(move |open| {
        let _: Organization = open.require(organization.0, CreateTokenError::NoSuchOrganization)?;
        if is_hash_taken(open, &hash)? {
            return Err(Stop::Refused(CreateTokenError::TokenTaken));
        }
        for old in claims(open, organization)? {
            let _ = open.put(Some(&old), None)?;
        }
        put_claim(open, organization, &Claim { hash, expires })?;
        Ok(())
    })
}

/// A claim ends at another moment, unless it was used or another one took its place.
pub fn keep_claim(organization: OrganizationId, claim: &Claim) -> Write<(), CreateTokenError> {
    let claim = claim.clone();
    Write::new(move |open| {
        let _: Organization = open.require(organization.0, CreateTokenError::NoSuchOrganization)?;
        for old in claims(open, organization)?.iter().filter(|old| old.hash == claim.hash) {
            let _ = open.put(Some(old), Some(&OneTimeToken { expires: claim.expires, ..old.clone() }))?;
        }
        Ok(())
    })
}

/// Writes a claim whose hash was looked at.
pub(super) fn put_claim(
    open: &mut Open<'_>,
    organization: OrganizationId,
    claim: &Claim,
) -> Result<OneTimeToken, ReadError> {
    let claim = NewToken {
        organization,
        purpose: Purpose::Claim,
        hash: claim.hash,
        user: None,
        uses: 1,
        expires: claim.expires,
        email: None,
        channel: None,
        roles: Vec::new(),
    };
    put_new(open, claim)
}

fn claims(open: &Open<'_>, organization: OrganizationId) -> Result<Vec<OneTimeToken>, ReadError> {
    let mut found = Vec::new();
    for row in open.tables.tokens.range(range_of(organization))? {
        let token = OneTimeToken::decode(row?.1.value())?;
        if token.purpose == Purpose::Claim {
            found.push(token);
        }
    }
    Ok(found)
}
