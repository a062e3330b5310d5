//! Log-ins at other servers that lead to accounts here: linked, come by, and taken away.

use thiserror::Error;

use super::super::error::Stop;
use super::super::open::Open;
use super::super::record::{Author, LinkedLogIn, Session, User};
use super::super::row::Record;
use super::registration::invite_of;
use super::rows::linked_log_ins_of;
use super::session::{
    BeginSessionError, NewSession, check_new as check_session, find, put_new as put_session,
};
use super::token::take_valid;
use super::user::{CreateUserError, NewUser, check_new, put_new};
use super::{Write, refuse, taken};
use crate::auth::TokenHash;
use crate::bounds::MAX_LINKED_LOG_INS;
use crate::id::{SessionId, UserId};

/// Who somebody has proven to be at another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// The server, as its tokens name it.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// What they are called there.
    pub name: String,
}

/// Why a log-in isn't linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// The session by which it was asked for has ended.
    #[error("the session by which you asked for it has ended; log in, and link it again")]
    Outdated,
    /// It leads to an account.
    #[error("this log-in leads to an account here already; it has to be taken away there first")]
    Taken,
    /// The account has as many as it may.
    #[error("an account has {MAX_LINKED_LOG_INS} linked log-ins at most; take one away first")]
    TooMany,
}

/// A log-in at another server leads to the account of whoever is logged in by a session.
pub fn link_log_in(user: UserId, session: SessionId, new: NewLink) -> Write<LinkedLogIn, LinkError> {
    Write::new(move |open| {
        let there = find(open, user, session)?.filter(|session| open.by.at < session.expires);
        there.ok_or(Stop::Refused(LinkError::Outdated))?;
        let owner: User = open.require(user.0, LinkError::Outdated)?;
        if owner.disabled {
            return Err(Stop::Refused(LinkError::Outdated));
        }
        if linked_log_ins_of(open, user)?.len() >= MAX_LINKED_LOG_INS {
            return Err(Stop::Refused(LinkError::TooMany));
        }
        let link = row(open, user, &new);
        if open.get::<LinkedLogIn>(link.key())?.is_some() || open.put(None, Some(&link))?.is_err() {
            return Err(Stop::Refused(LinkError::Taken));
        }
        Ok(link)
    })
}

/// Why nobody gets an account by a log-in at another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RegisterLinkedError {
    /// It leads to an account by now.
    #[error("this log-in leads to an account here already")]
    Taken,
    /// The invite is wrong, used up or expired by now.
    #[error("the invite is wrong, used up or expired")]
    InviteInvalid,
    /// The account can't be created.
    #[error(transparent)]
    User(#[from] CreateUserError),
    /// The session can't begin.
    #[error(transparent)]
    Session(#[from] BeginSessionError),
}

/// An account is created to which a log-in at another server leads, which says truly whose the account's e-mail address is,
/// and its first session begins. Where an invite is taken up by that, a use of it goes; the account gets the roles that it is
/// asked with. `session` says what session that is; asked again, it says the same.
pub fn register_linked(
    new: NewUser,
    link: NewLink,
    invite: Option<TokenHash>,
    session: impl Fn(UserId) -> NewSession + Send + 'static,
) -> Write<(User, Session), RegisterLinkedError> {
    Write::new(move |open| {
        let invalid = RegisterLinkedError::InviteInvalid;
        let invite = match &invite {
            Some(code) => Some(invite_of(open, code, new.organization, invalid)?),
            None => None,
        };
        let user = check_new(open, new.clone()).map_err(refuse)?;
        let user = User { email_verified: user.email.is_some(), ..user };
        let link = row(open, user.id, &link);
        if taken(open, None, &link)?.is_some() {
            return Err(Stop::Refused(RegisterLinkedError::Taken));
        }
        let session = session(user.id);
        check_session(open, &user, &session).map_err(refuse)?;
        if let Some(invite) = &invite {
            take_valid(open, invite)?;
        }
        put_new(open, &user)?;
        let author = std::mem::replace(&mut open.by.author, Author::User(user.id));
        // Nobody else has it: that was looked at.
        let _ = open.put(None, Some(&link))?;
        let begun = put_session(open, &session)?;
        open.by.author = author;
        Ok((user, begun.session))
    })
}

/// Why a linked log-in isn't taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnlinkError {
    /// The account has none of this number.
    #[error("you have no such linked log-in; list them to see which there are")]
    NoSuchLink,
    /// The account has no other way in.
    #[error(
        "it is the only way into your account, which has no password; link another log-in first, or have an administrator set a password"
    )]
    OnlyWay,
}

/// A log-in at another server leads to an account no more.
pub fn unlink_log_in(user: UserId, id: u64) -> Write<(), UnlinkError> {
    Write::new(move |open| {
        let link: LinkedLogIn = open.require((user.0, id), UnlinkError::NoSuchLink)?;
        let owner: User = open.require(user.0, UnlinkError::NoSuchLink)?;
        if owner.password.is_none() && linked_log_ins_of(open, user)?.len() == 1 {
            return Err(Stop::Refused(UnlinkError::OnlyWay));
        }
        let _ = open.put(Some(&link), None)?;
        Ok(())
    })
}

fn row(open: &Open<'_>, user: UserId, new: &NewLink) -> LinkedLogIn {
    let NewLink { issuer, subject, name } = new.clone();
    LinkedLogIn { user, issuer, subject, name, created: open.by.at, used: open.by.at }
}
