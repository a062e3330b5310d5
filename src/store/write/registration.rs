//! Registration: an account and its first session, by whoever may make one.

use thiserror::Error;

use super::super::error::Stop;
use super::super::open::Open;
use super::super::record::{Author, OneTimeToken, Purpose, Session, User};
use super::session::{BeginSessionError, NewSession, check_new as check_session, put_new as put_session};
use super::token::{take_valid, valid};
use super::user::{CreateUserError, NewUser, check_new, put_new};
use super::{Write, refuse};
use crate::auth::TokenHash;
use crate::id::{OrganizationId, UserId};

/// By what somebody may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// By nothing: everybody may.
    Open,
    /// By the code of an invite. The account gets the roles that it is asked with: those of the invite that its maker may
    /// still give.
    Invite(TokenHash),
    /// By the claim code of the first administrator.
    Claim(TokenHash),
}

/// Why nobody is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RegisterError {
    /// The invite is wrong, used up or expired.
    #[error("the invite is wrong, used up or expired")]
    InviteInvalid,
    /// The claim code is wrong, used or expired.
    #[error("the claim code is wrong, used or expired")]
    ClaimInvalid,
    /// The account can't be created.
    #[error(transparent)]
    User(#[from] CreateUserError),
    /// The session can't begin.
    #[error(transparent)]
    Session(#[from] BeginSessionError),
}

/// The invite of a code, if it is good: of this organization, and of a maker who is let in.
pub(super) fn invite_of<E: Copy>(
    open: &mut Open<'_>,
    code: &TokenHash,
    home: OrganizationId,
    invalid: E,
) -> Result<OneTimeToken, Stop<E>> {
    let found = valid(open, Purpose::Invite, code)?.filter(|invite| invite.organization == home);
    let invite = found.ok_or(Stop::Refused(invalid))?;
    if let Some(maker) = invite.user {
        let maker: User = open.require(maker.0, invalid)?;
        if maker.disabled {
            return Err(Stop::Refused(invalid));
        }
    }
    Ok(invite)
}

/// The code is used, the account created and its first session begun. `session` says what session that is, once the
/// account has its identifier, which its token contains; asked again, it says the same.
pub fn register(
    entry: Entry,
    user: NewUser,
    session: impl Fn(UserId) -> NewSession + Send + 'static,
) -> Write<(User, Session), RegisterError> {
    Write::new(move |open| {
        let home = user.organization;
        let token = match entry {
            Entry::Open => None,
            Entry::Invite(hash) => Some(invite_of(open, &hash, home, RegisterError::InviteInvalid)?),
            Entry::Claim(hash) => {
                let claim = valid(open, Purpose::Claim, &hash)?.filter(|claim| claim.organization == home);
                Some(claim.ok_or(Stop::Refused(RegisterError::ClaimInvalid))?)
            }
        };
        let user = check_new(open, user.clone()).map_err(refuse)?;
        let session = session(user.id);
        check_session(open, &user, &session).map_err(refuse)?;
        if let Some(token) = &token {
            take_valid(open, token)?;
        }
        put_new(open, &user)?;
        let author = std::mem::replace(&mut open.by.author, Author::User(user.id));
        let begun = put_session(open, &session)?;
        open.by.author = author;
        Ok((user, begun.session))
    })
}
