//! What people do to their own accounts: password, devices, keys, second factor.

use super::{Actor, Done, Handle, Refused};
use crate::id::SessionId;
use crate::protocol::wire::{self, request, response};
use crate::state::Change;
use crate::store::{By, User};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for to their own account, which the state allows to whoever has one.
    pub(super) async fn own_account(
        &self,
        actor: Actor,
        body: request::Body,
    ) -> Result<response::Body, Refused> {
        let allowed = self.ask(actor, body.clone(), true).await?;
        let Done::Allowed(Change::OwnAccount { user, session, connected }, by) = allowed else {
            return Err(Refused::Internal);
        };
        let accounts = &self.0.accounts;
        let account = accounts.account(user)?;
        let done = response::Body::Done(wire::Done {});
        match body {
            request::Body::GetAccount(_) => Ok(response::Body::Account(accounts.describe(&account)?)),
            request::Body::ChangePassword(change) => {
                self.follow(accounts.change_password(&account, session, &change, by).await?).await?;
                Ok(done)
            }
            request::Body::ListDevices(_) => {
                Ok(response::Body::Devices(accounts.devices(user, session, &connected)?))
            }
            request::Body::EndDevice(end) if end.session == session.0 => {
                accounts.forget_key(user, session, by).await?;
                match self.ask(actor, request::Body::LogOut(wire::LogOut {}), false).await? {
                    Done::Answer(answer) => Ok(answer),
                    Done::Allowed(..) | Done::Imagined(_) => Err(Refused::Internal),
                }
            }
            request::Body::EndDevice(end) => {
                self.follow(accounts.end_device(user, SessionId(end.session), by).await?).await?;
                Ok(done)
            }
            request::Body::EndOtherDevices(_) => {
                self.follow(accounts.end_others(user, session, by).await?).await?;
                Ok(done)
            }
            request::Body::RegisterKey(key) => {
                accounts.register_key(user, session, &key, by).await?;
                Ok(done)
            }
            request::Body::RemoveKey(key) => {
                self.follow(accounts.remove_key(user, &key.fingerprint, session, by).await?).await?;
                Ok(done)
            }
            body => self.own_proof(&account, body, by).await,
        }
    }

    /// What proves a person: second factor, e-mail address, keys of programs.
    async fn own_proof(
        &self,
        account: &User,
        body: request::Body,
        by: By,
    ) -> Result<response::Body, Refused> {
        let (user, done) = (account.id, response::Body::Done(wire::Done {}));
        let accounts = &self.0.accounts;
        match body {
            request::Body::SetUpSecondFactor(_) => {
                let secret = accounts.set_up_second_factor(account, by).await?;
                Ok(response::Body::SecondFactorSecret(secret))
            }
            request::Body::ConfirmSecondFactor(confirm) => {
                let (codes, changed) = accounts.confirm_second_factor(user, &confirm.code, by).await?;
                // Roles that waited for it are there at once.
                self.follow(changed).await?;
                Ok(response::Body::RecoveryCodes(codes))
            }
            request::Body::RemoveSecondFactor(remove) => {
                self.follow(accounts.remove_second_factor(account, &remove.proof, by).await?).await?;
                Ok(done)
            }
            request::Body::CreateApiKey(create) => {
                let made = accounts.create_api_key(user, &create, by).await?;
                Ok(response::Body::ApiKeyMade(made))
            }
            request::Body::SetEmail(set) => {
                accounts.set_email(account, &set, by).await?;
                Ok(done)
            }
            request::Body::VerifyEmail(verify) => {
                accounts.verify_email(user, &verify.code, by).await?;
                Ok(done)
            }
            request::Body::ListApiKeys(_) => Ok(response::Body::ApiKeys(accounts.api_keys(user)?)),
            request::Body::RevokeApiKey(revoke) => {
                self.follow(accounts.revoke_api_key(user, revoke.id, by).await?).await?;
                Ok(done)
            }
            _ => Err(Refused::Unexpected),
        }
    }
}
