//! What somebody may ask for who isn't in the state yet.

use std::net::IpAddr;

use super::{Handle, Refused};
use crate::account::{AccountError, Proven, Shown, Visitor};
use crate::protocol::wire::{self, request};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Checks the proof in a log-in.
    pub async fn log_in(&self, request: &request::Body, visitor: Visitor<'_>) -> Result<Proven, Refused> {
        let accounts = &self.0.accounts;
        let proven = match request {
            request::Body::LogInPassword(proof) => accounts.by_password(proof, visitor).await?,
            request::Body::LogInApiKey(proof) => accounts.by_api_key(&proof.key, visitor)?,
            request::Body::Register(register) => accounts.register(register, visitor).await?,
            request::Body::LogInToken(proof) => match accounts.by_token(&proof.token, visitor).await? {
                Shown::Proven(proven) => *proven,
                Shown::Copied(changed) => {
                    self.follow(changed).await?;
                    return Err(AccountError::TokenInvalid.into());
                }
            },
            request::Body::LogInKey(proof) => accounts.by_device_key(proof, visitor).await?,
            request::Body::LogInGuest(proof) => accounts.as_guest(proof, visitor)?,
            request::Body::RedeemClaim(proof) => accounts.redeem_claim(proof, visitor).await?,
            _ => return Err(Refused::Unexpected),
        };
        Ok(proven)
    }

    /// What an invite leads to, for whoever has its code.
    pub fn look_at_invite(&self, code: &str, from: IpAddr) -> Result<wire::Invite, Refused> {
        Ok(self.0.accounts.look_at_invite(code, from)?)
    }

    /// Writes to whoever forgot the password.
    pub fn request_reset(&self, request: &wire::RequestReset, from: IpAddr) -> Result<(), Refused> {
        Ok(self.0.accounts.request_reset(request, from)?)
    }

    /// Another password for whoever has the code of an e-mail.
    pub async fn reset_password(&self, reset: &wire::ResetPassword, from: IpAddr) -> Result<(), Refused> {
        self.follow(self.0.accounts.reset_password(reset, from).await?).await
    }
}
