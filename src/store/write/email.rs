//! E-mail addresses and the codes that are sent to them: an address is claimed and proven, a forgotten password is asked
//! for. A code and the e-mail that carries it are written together.

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::index::IndexKey;
use super::super::open::{By, Open};
use super::super::record::{OneTimeToken, Purpose, User};
use super::Write;
use super::outbox::{NewEmail, queue};
use super::rows::remove_where;
use super::token::{NewToken, is_hash_taken, put_new, take_valid, valid};
use crate::auth::TokenHash;
use crate::id::UserId;

/// An e-mail with a code in it, which is good until the e-mail is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeEmail {
    /// Hash of the code.
    pub code: TokenHash,
    /// The e-mail.
    pub mail: NewEmail,
}

/// Why no e-mail is written to whoever forgot a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestResetError {
    /// There is no such account, or it is disabled.
    #[error("there is no such user")]
    NoSuchUser,
    /// The e-mail's address isn't the account's, or wasn't proven to be.
    #[error("the account has no such e-mail address, or it wasn't proven")]
    NoSuchAddress,
    /// The code isn't random enough.
    #[error("the code resembles another; draw a new one")]
    TokenTaken,
}

/// A code by which another password may be chosen, and the e-mail that carries it to the account's own address. Answers
/// with the e-mail's number.
pub fn request_reset(user: UserId, sent: CodeEmail) -> Write<u64, RequestResetError> {
    Write::new(move |open| {
        let user: User = open.require(user.0, RequestResetError::NoSuchUser)?;
        if user.disabled {
            return Err(Stop::Refused(RequestResetError::NoSuchUser));
        }
        if !user.email_verified || user.email.as_ref() != Some(&sent.mail.to) {
            return Err(Stop::Refused(RequestResetError::NoSuchAddress));
        }
        if is_hash_taken(open, &sent.code)? {
            return Err(Stop::Refused(RequestResetError::TokenTaken));
        }
        put_code(open, &user, Purpose::PasswordReset, None, &sent)?;
        Ok(queue(open, &sent.mail)?)
    })
}

/// What came of another address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailSet {
    /// The account as it is now. An address that is to be proven isn't its own before that.
    pub user: User,
    /// The number of the e-mail that asks for a proof; none where there is nothing to prove, or nobody to prove it.
    pub mail: Option<u64>,
}

/// Why an address isn't set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SetEmailError {
    /// There is no such account.
    #[error("there is no such user")]
    NoSuchUser,
    /// The code isn't random enough.
    #[error("the code resembles another; draw a new one")]
    TokenTaken,
}

/// The e-mail's address is the account's once the code is shown that the e-mail carries; until then everything stays as it
/// is, for this account and for others. Without an e-mail the account has no address any more. A code that was sent before
/// is no longer good. Where another account has proven that the address is its own, the code is kept alike and no e-mail is
/// written, so that whoever asks sees no difference.
pub fn set_email(user: UserId, to: Option<CodeEmail>) -> Write<EmailSet, SetEmailError> {
    Write::new(move |open| {
        let old: User = open.require(user.0, SetEmailError::NoSuchUser)?;
        let Some(sent) = &to else {
            let user = User { email: None, email_verified: false, ..old.clone() };
            // No address is nobody's.
            let _ = open.put(Some(&old), Some(&user))?;
            end_proofs(open, &user)?;
            end_codes(open, &old, &user)?;
            return Ok(EmailSet { user, mail: None });
        };
        if is_hash_taken(open, &sent.code)? {
            return Err(Stop::Refused(SetEmailError::TokenTaken));
        }
        let address = &sent.mail.to;
        let is_taken = other_holder(open, &old, address)?.is_some_and(|holder| holder.email_verified);
        end_proofs(open, &old)?;
        put_code(open, &old, Purpose::EmailVerification, Some(address.clone()), sent)?;
        let mail = if is_taken { None } else { Some(queue(open, &sent.mail)?) };
        Ok(EmailSet { user: old, mail })
    })
}

/// Somebody else who has an address, proven or not.
fn other_holder(open: &mut Open<'_>, user: &User, address: &str) -> Result<Option<User>, ReadError> {
    let holder =
        open.find(IndexKey::email(user.organization, address))?.filter(|holder| *holder != user.id.0);
    holder.map_or(Ok(None), |holder| open.get(holder))
}

/// Why an address isn't proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VerifyEmailError {
    /// The code is unknown, used up, expired, for something else or for somebody else, or somebody else has proven the
    /// address meanwhile; it isn't said which.
    #[error("the code is wrong, used or expired")]
    Invalid,
    /// There is no such account.
    #[error("there is no such user")]
    NoSuchUser,
}

/// The address is the account's own, which is proven by the code that was sent there and is used up. An account that only
/// claimed the address loses it.
pub fn verify_email(user: UserId, code: TokenHash) -> Write<User, VerifyEmailError> {
    Write::new(move |open| {
        let token = valid(open, Purpose::EmailVerification, &code)?;
        let token = token.filter(|token| token.user == Some(user) && token.email.is_some());
        let token = token.ok_or(Stop::Refused(VerifyEmailError::Invalid))?;
        let old: User = open.require(user.0, VerifyEmailError::NoSuchUser)?;
        let holder = other_holder(open, &old, token.email.as_deref().unwrap_or_default())?;
        if holder.as_ref().is_some_and(|holder| holder.email_verified) {
            return Err(Stop::Refused(VerifyEmailError::Invalid));
        }
        take_valid(open, &token)?;
        if let Some(holder) = holder {
            let without = User { email: None, ..holder.clone() };
            let server = By::server(open.by.at);
            let author = std::mem::replace(&mut open.by, server);
            let _ = open.put(Some(&holder), Some(&without))?;
            open.by = author;
            end_codes(open, &holder, &without)?;
        }
        let user = User { email: token.email, email_verified: true, ..old.clone() };
        // Whoever had the address was looked at above.
        let _ = open.put(Some(&old), Some(&user))?;
        end_codes(open, &old, &user)?;
        Ok(user)
    })
}

/// Ends the codes that would prove an address of an account.
fn end_proofs(open: &mut Open<'_>, user: &User) -> Result<(), ReadError> {
    let is_proof =
        |token: &OneTimeToken| token.user == Some(user.id) && token.purpose == Purpose::EmailVerification;
    remove_where(open, user.organization, is_proof).map(drop)
}

/// Ends the codes that were sent to an account's address, once that is another one: whoever reads what came there may not
/// get into the account.
pub(super) fn end_codes(open: &mut Open<'_>, old: &User, new: &User) -> Result<(), ReadError> {
    if old.email != new.email {
        let is_sent = |purpose| matches!(purpose, Purpose::PasswordReset | Purpose::EmailVerification);
        remove_where(open, new.organization, |token: &OneTimeToken| {
            token.user == Some(new.id) && is_sent(token.purpose)
        })?;
    }
    Ok(())
}

/// Writes a code that nobody else has.
fn put_code(
    open: &mut Open<'_>,
    user: &User,
    purpose: Purpose,
    email: Option<String>,
    sent: &CodeEmail,
) -> Result<(), ReadError> {
    let token = NewToken {
        organization: user.organization,
        purpose,
        hash: sent.code,
        user: Some(user.id),
        uses: 1,
        expires: sent.mail.expires,
        email,
        channel: None,
        roles: Vec::new(),
    };
    put_new(open, token).map(drop)
}
