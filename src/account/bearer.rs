//! Bearer tokens (RFC 6750): for whom a program asks that shows one with each request, without being connected.
//!
//! There is one place that knows their kinds, [`Accounts::check_bearer`]. They are told apart by how they begin, before
//! anything is looked up, so no kind is ever tried as another. A kind that is added is a branch there, with a
//! [`Way`] of its own, which says by way of what the account acts: `control::facts` looks at each use whether that
//! still holds, and the audit trail tells it.

use std::net::IpAddr;

use data_encoding::{BASE64, BASE64URL_NOPAD};

use super::{AccountError, Accounts};
use crate::auth::{API_KEY_MARK, Given};
use crate::id::{UserId, Way};
use crate::permission::Permissions;

/// For whom a token speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Whose it is.
    pub user: UserId,
    /// What it allows at most; what the account itself may at that moment bounds it besides.
    pub ceiling: Permissions,
    /// By way of what the account acts.
    pub way: Way,
}

/// Whether a token is one that is signed, of a program of others: it has three parts (RFC 7515, section 3.1), and no other kind
/// has a dot. To look at one costs a check of its signature, whoever made it.
pub fn is_signed(token: &str) -> bool {
    !token.starts_with(API_KEY_MARK) && token.contains('.')
}

impl Accounts {
    /// For whom a token speaks that was shown from an address: an API key (`prl_...`) for the account that made it,
    /// the access token of a program of others (RFC 9068) for whoever allowed it, as far as its scopes go, and a session's access token, in base 64 of either alphabet, for the person who logged in.
    ///
    /// A wrong API key is counted as a failed log-in of the address. Nobody guesses an access token, so a wrong one is
    /// refused and no more: it is usually one that has ended.
    pub fn check_bearer(&self, token: &str, from: IpAddr) -> Result<Bearer, AccountError> {
        if token.starts_with(API_KEY_MARK) {
            let (user, key) = self.check_api_key(token, from)?;
            return Ok(Bearer { user: user.id, ceiling: key.scopes, way: Way::Key(key.id) });
        }
        if is_signed(token) {
            return self.program_s_bearer(token, from);
        }
        self.check_access_token(token, from)
    }

    fn check_access_token(&self, token: &str, from: IpAddr) -> Result<Bearer, AccountError> {
        self.check_address(from)?;
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).or_else(|_| BASE64.decode(token.as_bytes()));
        let bytes = bytes.map_err(|_| AccountError::TokenInvalid)?;
        // A long token is for being exchanged only: one that is shown with each request would be in many places.
        let Some(Given::Short { user, session, expires }) = self.0.tokens.read(&bytes) else {
            return Err(AccountError::TokenInvalid);
        };
        if !self.is_brief(expires) || !self.0.organization.has(user) {
            return Err(AccountError::TokenInvalid);
        }
        self.check_device(user, session)?;
        Ok(Bearer { user, ceiling: Permissions::ALL, way: Way::Session(session) })
    }
}
